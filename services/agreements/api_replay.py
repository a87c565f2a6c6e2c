"""The HTTP door to the past of agreements: any state, what differs, what happened where, and who read. Translation only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from services.agreements import inputs
from services.agreements.answers import AgreementBody, DifferenceBody, HistoryEntryBody, Moment, agreement_body, change_bodies, entry_body
from services.agreements.api import AgreementId, AsOf
from services.agreements.past import Past
from services.agreements.reads import Read
from services.agreements.search import Found, Wanted
from services.chassis.http import Acting, Paging, etag, paged

EventVersion = Annotated[int, Path(ge=1, le=1_000_000, description="The version of the agreement that an event made")]
Asked = Annotated[str, Query(max_length=500)]


class FoundBody(BaseModel):
    """An event that was found. `places` of the terms that it changed: those that were asked for, else all."""

    agreement_id: str
    entry: HistoryEntryBody
    places: Annotated[list[str], Field(examples=[["objectives[availability].target"]])]


class FoundPageBody(BaseModel):
    """Newest first."""

    items: list[FoundBody]
    next: str | None


class ReadBody(BaseModel):
    """Who was told of the agreement, when, for whom, by which operation and door; `actor` is empty once that person was forgotten."""

    recorded_at: Moment
    actor: str
    organisation: str
    operation: Annotated[str, Field(examples=["get_agreement"])]
    tool: Annotated[str, Field(examples=["http"])]
    trace_id: str


class ReadPageBody(BaseModel):
    """Newest first."""

    items: list[ReadBody]
    next: str | None


def router(past: Past) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1", tags=["history"])
    _add_states(routes, past)
    _add_search(routes, past)
    _add_reads(routes, past)
    return routes


def _add_states(routes: APIRouter, past: Past) -> None:
    @routes.get("/agreements/{agreement_id}/states/diff", operation_id="diff_states")
    async def diff_states(
        response: Response,
        agreement_id: AgreementId,
        context: Acting,
        before: Annotated[int, Query(alias="from", ge=1, le=1_000_000, description="The version that an event made")],
        after: Annotated[int, Query(alias="to", ge=1, le=1_000_000, description="The version that another event made")],
    ) -> DifferenceBody:
        """What differs between the whole states after two events, place by place."""
        differ = await past.replay.diff(inputs.agreement_id(agreement_id), before=before, after=after, context=context)
        etag(response, differ.newest)
        return DifferenceBody(from_version=before, to_version=after, changes=change_bodies(differ.changes))

    @routes.get("/agreements/{agreement_id}/states/{version}", operation_id="get_state_at")
    async def get_state_at(agreement_id: AgreementId, version: EventVersion, context: Acting, as_of: AsOf = None) -> AgreementBody:
        """The whole state after an event, as of a date; without one, of the day of the event."""
        day = inputs.day_or_none(as_of, place="as_of")
        return agreement_body(await past.replay.state_at(inputs.agreement_id(agreement_id), version, as_of=day, context=context))


def _add_search(routes: APIRouter, past: Past) -> None:
    @routes.get("/history", response_model=FoundPageBody, operation_id="search_history")
    async def search_history(
        *,
        request: Request,
        response: Response,
        context: Acting,
        paging: Paging,
        actor: Asked = "",
        organisation: Asked = "",
        place: Annotated[str, Query(max_length=500, description="What changed there or inside it", examples=["objectives[uptime]"])] = "",
        kind: Annotated[str, Query(alias="type", max_length=500, examples=["agreement.signed.v2"])] = "",
        recorded_from: Annotated[str | None, Query(alias="from", description="Recorded then or later, RFC 3339")] = None,
        recorded_until: Annotated[str | None, Query(alias="until", description="Recorded then or before, RFC 3339")] = None,
        agreement_id: Annotated[str | None, Query(description="In this agreement alone")] = None,
    ) -> dict[str, object]:
        """What happened to the caller's agreements: by whom, for whom, where in the terms, what and when.

        An event may be found a moment late.
        """
        wanted = Wanted(
            actor=actor,
            organisation=organisation,
            place=place,
            type=kind,
            recorded_from=inputs.moment_or_none(recorded_from, place="from"),
            recorded_until=inputs.moment_or_none(recorded_until, place="until"),
            agreement_id=inputs.agreement_id(agreement_id) if agreement_id else None,
        )
        page = await past.search.history(wanted, cursor=paging.cursor, limit=paging.limit, context=context)
        return paged(request, response, [_found_body(found) for found in page.items], page.next_cursor)


def _add_reads(routes: APIRouter, past: Past) -> None:
    @routes.get("/agreements/{agreement_id}/reads", response_model=ReadPageBody, operation_id="list_reads")
    async def list_reads(
        request: Request, response: Response, agreement_id: AgreementId, context: Acting, paging: Paging
    ) -> dict[str, object]:
        """Who read the agreement, this time included; for administrators, service managers and auditors of those who may see it."""
        stream = inputs.agreement_id(agreement_id)
        page = await past.reads.listed(stream, cursor=paging.cursor, limit=paging.limit, context=context)
        return paged(request, response, [_read_body(read) for read in page.items], page.next_cursor)


def _found_body(found: Found) -> FoundBody:
    return FoundBody(agreement_id=str(found.agreement_id), entry=entry_body(found.entry), places=list(found.places))


def _read_body(read: Read) -> ReadBody:
    return ReadBody(
        recorded_at=read.recorded_at,
        actor=read.actor,
        organisation=read.organisation,
        operation=read.operation,
        tool=read.tool,
        trace_id=read.trace_id,
    )
