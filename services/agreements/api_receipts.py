"""The HTTP door to an agreement's place in the signed log. Translation only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from services.agreements import inputs
from services.agreements.api import AgreementId
from services.agreements.receipts import Receipts
from services.chassis.http import Acting
from services.chassis.log_doors import in_base64


class ReceiptBody(BaseModel):
    """An event is a leaf of the tree that the checkpoint was signed of (RFC 9162, section 2.1.3)."""

    entry: str = Field(description="The leaf, base64: position, stream, version, name and digest of the stored event")
    index: int = Field(description="Which leaf it is, from 0 on")
    siblings: list[str] = Field(description="The hashes from the leaf up to the root, base64")
    checkpoint: str = Field(description="The signed note of the root")


def router(receipts: Receipts) -> APIRouter:
    """The route; its name is that of its permission."""
    routes = APIRouter(prefix="/v1/agreements", tags=["log"])

    @routes.get("/{agreement_id}/events/{version}/receipt", operation_id="get_receipt")
    async def get_receipt(
        agreement_id: AgreementId,
        version: Annotated[int, Path(ge=1, le=1_000_000, description="The version of the agreement that the event made")],
        context: Acting,
    ) -> ReceiptBody:
        """What shows that an event of the history is in the signed log, a moment after it happened."""
        found = await receipts.receipt(inputs.agreement_id(agreement_id), version, context=context)
        return ReceiptBody(
            entry=in_base64(bytes(found.entry)),
            index=found.index,
            siblings=[in_base64(each) for each in found.siblings],
            checkpoint=found.checkpoint,
        )

    return routes
