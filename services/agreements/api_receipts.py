"""The HTTP door to an agreement's place in the signed log. Translation only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from services.agreements import inputs
from services.agreements.api import AgreementId
from services.agreements.receipts import Receipts, ShownEvent
from services.chassis.http import Acting
from services.chassis.log_doors import in_base64


class ReceiptBody(BaseModel):
    """An event is a leaf of the tree that the checkpoint was signed of (RFC 9162, section 2.1.3)."""

    entry: str = Field(description="The leaf, base64: position, stream, version, name and digest of the stored event")
    index: int = Field(description="Which leaf it is, from 0 on")
    siblings: list[str] = Field(description="The hashes from the leaf up to the root, base64")
    checkpoint: str = Field(description="The signed note of the root")
    stored: str = Field(description="The stored document, base64: its SHA-256 is in the entry")


class ReceiptsBody(BaseModel):
    """All events of an agreement by one checkpoint."""

    items: list[ReceiptBody] = Field(description="By version; what happened after the checkpoint is not among them")
    key: str = Field(description="The log's verifier key. Whoever verifies has it from elsewhere")


def router(receipts: Receipts) -> APIRouter:
    """The routes; each one's name is that of its permission."""
    routes = APIRouter(prefix="/v1/agreements", tags=["log"])

    @routes.get("/{agreement_id}/events/{version}/receipt", operation_id="get_receipt")
    async def get_receipt(
        agreement_id: AgreementId,
        version: Annotated[int, Path(ge=1, le=1_000_000, description="The version of the agreement that the event made")],
        context: Acting,
    ) -> ReceiptBody:
        """What shows that an event of the history is in the signed log, a moment after it happened."""
        found = await receipts.receipt(inputs.agreement_id(agreement_id), version, context=context)
        return _receipt_body(found)

    @routes.get("/{agreement_id}/receipts", operation_id="get_receipts")
    async def get_receipts(agreement_id: AgreementId, context: Acting) -> ReceiptsBody:
        """What shows that all events of the history are in the signed log, as of its newest checkpoint."""
        found = await receipts.receipts(inputs.agreement_id(agreement_id), context=context)
        return ReceiptsBody(items=[_receipt_body(each) for each in found], key=receipts.key)

    return routes


def _receipt_body(shown: ShownEvent) -> ReceiptBody:
    found = shown.receipt
    return ReceiptBody(
        entry=in_base64(bytes(found.entry)),
        index=found.index,
        siblings=[in_base64(each) for each in found.siblings],
        checkpoint=found.checkpoint,
        stored=in_base64(shown.stored),
    )
