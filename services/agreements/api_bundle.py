"""The HTTP door to an agreement's bundle. Translation only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.agreements import inputs
from services.agreements.api import AgreementId
from services.agreements.bundle_export import BundleExport
from services.chassis.http import Acting
from services.transparency.bundle import MEDIA_TYPE

_ANSWER: dict[int | str, dict[str, object]] = {
    200: {"description": "The bundle, canonical JSON", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
}


class BundleFile(Response):
    """Bytes that are kept as they are."""

    media_type = MEDIA_TYPE


Since = Annotated[
    Sequence[Annotated[str, Field(pattern=r"^(agreements|measurement)/[1-9][0-9]{0,14}$")]],
    Query(
        max_length=20,
        description="A log and an earlier size of it, such as `agreements/120`: the bundle shows that the log only grew since. Repeat.",
    ),
]


def router(export: BundleExport) -> APIRouter:
    """The route; its name is that of its permission."""
    routes = APIRouter(prefix="/v1/agreements", tags=["log"])

    @routes.get("/{agreement_id}/bundle", operation_id="export_bundle", response_class=BundleFile, responses=_ANSWER)
    async def export_bundle(agreement_id: AgreementId, context: Acting, since: Since = ()) -> BundleFile:
        """The whole agreement in one file that proves itself: `upheld verify` checks it without a server, by the key of the log."""
        stream = inputs.agreement_id(agreement_id)
        content = await export.bundle(stream, since=_sizes(since), context=context)
        return BundleFile(content, headers={"Content-Disposition": f'attachment; filename="agreement-{stream}.bundle.json"'})

    return routes


def _sizes(since: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for service, _, size in (each.partition("/") for each in since):
        found.setdefault(service, []).append(int(size))
    return found
