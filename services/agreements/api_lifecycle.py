"""The HTTP door of an agreement's life: suspension, notice, reviews, the archive. Translation only."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.agreements import inputs
from services.agreements.answers import AgreementBody, RequestAnswer, ResumptionRequest, ReviewRequest, SuspensionRequest
from services.agreements.api import AgreementId, answered
from services.agreements.lifecycle_application import Life
from services.chassis.http import Acting, RequiredIfMatch
from services.vocabulary.period import parse_day


def router(life: Life) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1/agreements", tags=["agreements"])
    _add_requests(routes, life)
    _add_ends(routes, life)
    return routes


def _add_requests(routes: APIRouter, life: Life) -> None:
    @routes.post("/{agreement_id}/suspension-requests", operation_id="request_suspension")
    async def request_suspension(
        body: SuspensionRequest, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """Ask the other side to suspend the agreement from a day on, today at the earliest."""
        requested = await life.request_suspension(
            inputs.agreement_id(agreement_id),
            first_day=parse_day(body.first_day, place="first_day"),
            last_day=inputs.day_or_none(body.last_day, place="last_day"),
            expected_version=version,
            context=context,
        )
        return answered(response, requested)

    @routes.post("/{agreement_id}/resumption-requests", operation_id="request_resumption")
    async def request_resumption(
        body: ResumptionRequest, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """Ask the other side to resume the service on a day of the suspension."""
        stream, first_day = inputs.agreement_id(agreement_id), parse_day(body.first_day, place="first_day")
        return answered(response, await life.request_resumption(stream, first_day=first_day, expected_version=version, context=context))

    @routes.post("/{agreement_id}/request-answers", operation_id="answer_request")
    async def answer_request(
        body: RequestAnswer, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """Confirm or refuse what the other side asked for. Confirmed, it counts at once."""
        stream = inputs.agreement_id(agreement_id)
        return answered(response, await life.answer_request(stream, confirmed=body.confirmed, expected_version=version, context=context))


def _add_ends(routes: APIRouter, life: Life) -> None:
    @routes.post("/{agreement_id}/notice", operation_id="give_notice")
    async def give_notice(response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting) -> AgreementBody:
        """Keep the agreement from being renewed; before the notice period of its terms begins."""
        stream = inputs.agreement_id(agreement_id)
        return answered(response, await life.give_notice(stream, expected_version=version, context=context))

    @routes.post("/{agreement_id}/reviews", operation_id="record_review")
    async def record_review(
        body: ReviewRequest, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """Record that a review was held, with its minutes."""
        held = await life.hold_review(
            inputs.agreement_id(agreement_id),
            due_on=parse_day(body.due_on, place="due_on"),
            held_on=parse_day(body.held_on, place="held_on"),
            minutes=body.minutes,
            expected_version=version,
            context=context,
        )
        return answered(response, held)

    @routes.post("/{agreement_id}/archive", operation_id="archive_agreement")
    async def archive_agreement(response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting) -> AgreementBody:
        """Put away what has ended: nothing happens to it any more, and everybody still reads it."""
        stream = inputs.agreement_id(agreement_id)
        return answered(response, await life.archive(stream, expected_version=version, context=context))
