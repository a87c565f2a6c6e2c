"""The calls about the past of the gRPC door of agreements. Translation only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upheld.agreements.v1 import agreements_pb2 as messages
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsServicer

from services.agreements import inputs, wire
from services.agreements.past import Past
from services.agreements.reads import Read
from services.agreements.search import Found, Wanted
from services.chassis.rpc import context_of, page_size

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import _ServicerContext as Call


class PastCalls(AgreementsServicer):
    """Any state, what differs between two, what happened where, and who read."""

    _past: Past

    async def GetStateAt(self, request: messages.GetStateAtRequest, context: Call) -> messages.Agreement:
        state = await self._past.replay.state_at(
            inputs.agreement_id(request.agreement_id),
            request.version,
            as_of=inputs.day_or_none(request.as_of, place="as_of"),
            context=context_of(context),
        )
        return wire.agreement_message(state)

    async def DiffStates(self, request: messages.DiffStatesRequest, context: Call) -> messages.DiffTermsResponse:
        differ = await self._past.replay.diff(
            inputs.agreement_id(request.agreement_id),
            before=request.from_version,
            after=request.to_version,
            context=context_of(context),
        )
        return wire.changes_message(differ.changes)

    async def SearchHistory(self, request: messages.SearchHistoryRequest, context: Call) -> messages.SearchHistoryResponse:
        wanted = Wanted(
            actor=request.actor,
            organisation=request.organisation,
            place=request.place,
            type=request.type,
            recorded_from=inputs.moment_or_none(request.recorded_from, place="recorded_from"),
            recorded_until=inputs.moment_or_none(request.recorded_until, place="recorded_until"),
            agreement_id=inputs.agreement_id(request.agreement_id) if request.agreement_id else None,
        )
        page = await self._past.search.history(
            wanted, cursor=request.page_token, limit=page_size(request.page_size), context=context_of(context)
        )
        return messages.SearchHistoryResponse(entries=map(_found_message, page.items), next_page_token=page.next_cursor or "")

    async def ListReads(self, request: messages.ListReadsRequest, context: Call) -> messages.ListReadsResponse:
        page = await self._past.reads.listed(
            inputs.agreement_id(request.agreement_id),
            cursor=request.page_token,
            limit=page_size(request.page_size),
            context=context_of(context),
        )
        return messages.ListReadsResponse(reads=map(_read_message, page.items), next_page_token=page.next_cursor or "")


def _found_message(found: Found) -> messages.FoundEntry:
    return messages.FoundEntry(agreement_id=str(found.agreement_id), entry=wire.entry_message(found.entry), places=found.places)


def _read_message(read: Read) -> messages.Read:
    return messages.Read(
        recorded_at=read.recorded_at,
        actor=read.actor,
        organisation=read.organisation,
        operation=read.operation,
        tool=read.tool,
        trace_id=read.trace_id,
    )
