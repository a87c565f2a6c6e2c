"""The signed log's calls of the gRPC door of agreements. Translation only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upheld.agreements.v1 import agreements_pb2 as messages
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsServicer

from services.agreements import inputs
from services.agreements.receipts import Receipts, ShownEvent
from services.chassis.rpc import context_of

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import _ServicerContext as Call


class LogCalls(AgreementsServicer):
    """Receipts, checkpoints, and how the log grew."""

    _receipts: Receipts

    async def GetReceipt(self, request: messages.GetReceiptRequest, context: Call) -> messages.Receipt:
        stream = inputs.agreement_id(request.agreement_id)
        return _receipt_message(await self._receipts.receipt(stream, request.version, context=context_of(context)))

    async def GetReceipts(self, request: messages.GetReceiptsRequest, context: Call) -> messages.GetReceiptsResponse:
        found = await self._receipts.receipts(inputs.agreement_id(request.agreement_id), context=context_of(context))
        return messages.GetReceiptsResponse(receipts=map(_receipt_message, found), key=self._receipts.key)

    async def GetCheckpoint(self, request: messages.GetCheckpointRequest, context: Call) -> messages.Checkpoint:
        note, key = await self._receipts.checkpoint(request.size)
        return messages.Checkpoint(note=note, key=key)

    async def GetConsistency(self, request: messages.GetConsistencyRequest, context: Call) -> messages.Consistency:
        return messages.Consistency(hashes=await self._receipts.consistency(request.from_size, request.to_size))


def _receipt_message(shown: ShownEvent) -> messages.Receipt:
    found = shown.receipt
    return messages.Receipt(
        entry=bytes(found.entry), index=found.index, siblings=found.siblings, checkpoint=found.checkpoint, stored=shown.stored
    )
