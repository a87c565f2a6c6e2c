"""The door to an agreement's history for people: the page, and its part on one event. Translates only; decides nothing."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BeforeValidator, Field

from services.chassis.http import Acting, Credential
from services.reporting.histories import Histories
from services.reporting.pages import Pages
from services.reporting.past import Asked

_OF_A_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")

Number = Annotated[Annotated[int, Field(ge=1, le=1_000_000)] | None, BeforeValidator(lambda given: given or None), Query()]
"""What a form leaves empty is not asked for."""


def routes(histories: Histories, pages: Pages, *, prefix: str) -> APIRouter:
    """Below the portal's prefix."""
    router = APIRouter(prefix=f"{prefix}/agreements", include_in_schema=False)

    @router.get("/{agreement_id}/history", operation_id="portal_history")
    async def history(agreement_id: Annotated[str, Path()], asked: Looking, context: Acting, credential: Credential) -> Response:
        found = await histories.history(agreement_id, asked, by=credential)
        return pages.history(found, caller=context.caller)

    @router.get("/{agreement_id}/history/event", operation_id="portal_history_event")
    async def event(agreement_id: Annotated[str, Path()], asked: Looking, context: Acting, credential: Credential) -> Response:
        return pages.history_event(await histories.look(agreement_id, asked, by=credential))

    return router


def _asked(event: Number = None, to: Number = None, as_of: str = "", known_at: str = "") -> Asked:
    return Asked(event=event or 0, other=to or 0, as_of=as_of, known_at=_in_utc(known_at))


Looking = Annotated[Asked, Depends(_asked)]


def _in_utc(moment: str) -> str:
    """A form's date and time has no zone; the page says that it is UTC."""
    found = _OF_A_FORM.fullmatch(moment)
    return moment if found is None else f"{moment}Z" if found[1] else f"{moment}:00Z"
