"""The HTTP door to measurement's part of a bundle. Translation only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.chassis.http import Acting
from services.measurement.api_inquiry import AgreementId
from services.measurement.bundle_part import BundleParts
from services.transparency.bundle import canonical

_ANSWER: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The part, canonical JSON",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["evidence", "log"],
                    "properties": {"evidence": {"type": "array", "items": {"type": "object"}}, "log": {"type": ["object", "null"]}},
                }
            }
        },
    }
}


Since = Annotated[
    Sequence[Annotated[int, Field(ge=1, lt=10**15)]],
    Query(max_length=20, description="Earlier sizes of the log, which it is shown to have grown from"),
]


def router(parts: BundleParts) -> APIRouter:
    """The route; its name is that of its permission."""
    routes = APIRouter(prefix="/v1/assessments", tags=["assessments"])

    @routes.get("/{agreement_id}/bundle-part", operation_id="export_bundle_part", response_class=Response, responses=_ANSWER)
    async def export_bundle_part(agreement_id: AgreementId, context: Acting, since: Since = ()) -> Response:
        """What of an agreement's bundle is measurement's: statements of closed periods with their proofs, and their observations."""
        return Response(canonical(await parts.part(agreement_id, since=since, caller=context.caller)), media_type="application/json")

    return routes
