"""The calls of an agreement's life, of the gRPC door of agreements. Translation only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upheld.agreements.v1 import agreements_pb2 as messages
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsServicer

from services.agreements import inputs, wire
from services.agreements.lifecycle_application import Life
from services.chassis.rpc import context_of
from services.vocabulary.period import parse_day

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import _ServicerContext as Call


class LifeCalls(AgreementsServicer):
    """Suspension, notice, reviews, the archive."""

    _life: Life

    async def RequestSuspension(self, request: messages.RequestSuspensionRequest, context: Call) -> messages.Agreement:
        requested = await self._life.request_suspension(
            inputs.agreement_id(request.agreement_id),
            first_day=parse_day(request.first_day, place="first_day"),
            last_day=inputs.day_or_none(request.last_day, place="last_day"),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(requested)

    async def RequestResumption(self, request: messages.RequestResumptionRequest, context: Call) -> messages.Agreement:
        requested = await self._life.request_resumption(
            inputs.agreement_id(request.agreement_id),
            first_day=parse_day(request.first_day, place="first_day"),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(requested)

    async def AnswerRequest(self, request: messages.AnswerRequestRequest, context: Call) -> messages.Agreement:
        answered = await self._life.answer_request(
            inputs.agreement_id(request.agreement_id),
            confirmed=request.confirmed,
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(answered)

    async def GiveNotice(self, request: messages.GiveNoticeRequest, context: Call) -> messages.Agreement:
        given = await self._life.give_notice(
            inputs.agreement_id(request.agreement_id),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(given)

    async def RecordReview(self, request: messages.RecordReviewRequest, context: Call) -> messages.Agreement:
        held = await self._life.hold_review(
            inputs.agreement_id(request.agreement_id),
            due_on=parse_day(request.due_on, place="due_on"),
            held_on=parse_day(request.held_on, place="held_on"),
            minutes=request.minutes,
            expected_version=request.expected_version or None,
            context=context_of(context),
        )
        return wire.agreement_message(held)

    async def ArchiveAgreement(self, request: messages.ArchiveAgreementRequest, context: Call) -> messages.Agreement:
        archived = await self._life.archive(
            inputs.agreement_id(request.agreement_id),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(archived)
