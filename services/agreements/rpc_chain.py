"""The call about what an agreement rests on of the gRPC door of agreements. Translation only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upheld.agreements.v1 import agreements_pb2 as messages
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsServicer

from services.agreements import inputs
from services.agreements.application import Agreements
from services.agreements.chain_application import Chains
from services.chassis.rpc import context_of

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import _ServicerContext as Call


class ChainCalls(AgreementsServicer):
    """Whether the agreements below can hold what one promises."""

    _agreements: Agreements

    async def CheckChain(self, request: messages.CheckChainRequest, context: Call) -> messages.Chain:
        found = await Chains(self._agreements).check(inputs.agreement_id(request.agreement_id), context=context_of(context))
        links = [
            messages.Link(
                objective_id=each.objective_id,
                promised=each.promised,
                below=each.below,
                holds=each.holds,
                why=each.why,
                agreements=each.agreements,
            )
            for each in found.links
        ]
        return messages.Chain(holds=found.holds, links=links)
