"""The gRPC door of improvement. Translates only; an `expected_version` of 0 means whatever is newest."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from upheld.improvement.v1 import improvements_pb2 as messages
from upheld.improvement.v1.improvements_pb2_grpc import ImprovementsServicer

from services.chassis.repository import Versioned
from services.chassis.rpc import context_of, page_size
from services.improvement import wire
from services.improvement.application import Improvements, Plan
from services.improvement.improvement import Improvement, Status, parse_improvement_id
from services.improvement.views import parse_page_start
from services.vocabulary.errors import invalid
from services.vocabulary.period import datetime_of, parse_day, parse_instant
from services.vocabulary.ratio import parse_percent

if TYPE_CHECKING:
    from upheld.improvement.v1.improvements_pb2_grpc import _ServicerContext as Call

SERVICE = "upheld.improvement.v1.Improvements"


class ImprovementsRpc(ImprovementsServicer):
    """The calls of improvements.proto."""

    def __init__(self, improvements: Improvements) -> None:
        self._improvements = improvements

    async def GetImprovement(self, request: messages.GetImprovementRequest, context: Call) -> messages.Improvement:
        return _message(await self._improvements.get(parse_improvement_id(request.improvement_id), context_of(context).caller))

    async def ListImprovements(self, request: messages.ListImprovementsRequest, context: Call) -> messages.ListImprovementsResponse:
        listed = await self._improvements.page(
            context_of(context).caller,
            agreement_id=request.agreement_id,
            status=_status(request.status),
            limit=page_size(request.page_size),
            before=parse_page_start(request.page_token, place="page_token"),
        )
        return messages.ListImprovementsResponse(
            improvements=[_message(found) for found in listed.improvements], next_page_token=listed.next
        )

    async def PlanImprovement(self, request: messages.PlanImprovementRequest, context: Call) -> messages.Improvement:
        planned = await self._improvements.plan(
            parse_improvement_id(request.improvement_id),
            _plan(request.plan),
            context_of(context, because=request.reason),
            expected_version=request.expected_version or None,
        )
        return _message(planned)

    async def ApproveImprovement(self, request: messages.ApproveImprovementRequest, context: Call) -> messages.Improvement:
        approved = await self._improvements.approve(
            parse_improvement_id(request.improvement_id),
            context_of(context, because=request.reason),
            expected_version=request.expected_version or None,
        )
        return _message(approved)

    async def RecordImplementation(self, request: messages.RecordImplementationRequest, context: Call) -> messages.Improvement:
        implemented = await self._improvements.record_implementation(
            parse_improvement_id(request.improvement_id),
            parse_day(request.implemented_on, place="implemented_on"),
            context_of(context, because=request.reason),
            expected_version=request.expected_version or None,
        )
        return _message(implemented)

    async def VerifyImprovement(self, request: messages.VerifyImprovementRequest, context: Call) -> messages.Improvement:
        verified = await self._improvements.verify(
            parse_improvement_id(request.improvement_id),
            context_of(context, because=request.reason),
            after_start=_moment(request.after_start, place="after_start"),
            after_end=_moment(request.after_end, place="after_end"),
            expected_version=request.expected_version or None,
        )
        return _message(verified)


def _message(found: Versioned[Improvement]) -> messages.Improvement:
    return wire.improvement(found.state, found.version)


def _plan(plan: messages.Plan) -> Plan:
    percent = plan.expected_attainment_percent
    return Plan(
        recommendation_id=plan.recommendation_id,
        description=plan.description,
        owner=plan.owner,
        due_on=parse_day(plan.due_on, place="plan.due_on"),
        expected_attainment=parse_percent(percent, place="plan.expected_attainment_percent") if percent else None,
    )


def _status(text: str) -> Status | None:
    if not text:
        return None
    try:
        return Status(text)
    except ValueError:
        raise invalid("status", f"must be one of {', '.join(Status)}, not {text!r}") from None


def _moment(text: str, *, place: str) -> datetime | None:
    return datetime_of(parse_instant(text, place=place)) if text else None
