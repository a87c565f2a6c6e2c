"""The HTTP door of what is said between an offer and its signatures. Translation only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.agreements import inputs
from services.agreements.answers import AgreementBody, CommentRequest
from services.agreements.api import DOCUMENT, AgreementId, ValidUntil, answered, sent_terms
from services.agreements.lifecycle_application import Life
from services.chassis.http import Acting, RequiredIfMatch


def router(life: Life) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1/agreements", tags=["agreements"])

    @routes.post("/{agreement_id}/counter-offers", openapi_extra=DOCUMENT, operation_id="counter_offer")
    async def counter_offer(
        *,
        request: Request,
        response: Response,
        agreement_id: AgreementId,
        version: RequiredIfMatch,
        context: Acting,
        effective_on: Annotated[str | None, Query(description="Of an amendment; absent: the day of what it answers")] = None,
        valid_until: ValidUntil = None,
    ) -> AgreementBody:
        """Other terms in the place of those that wait for signatures. Signatures given so far do not move over."""
        countered = await life.counter(
            inputs.agreement_id(agreement_id),
            await sent_terms(request),
            effective_on=inputs.day_or_none(effective_on, place="effective_on"),
            valid_until=inputs.instant_or_none(valid_until, place="valid_until"),
            expected_version=version,
            context=context,
        )
        return answered(response, countered)

    @routes.post("/{agreement_id}/comments", operation_id="comment_on_terms")
    async def comment_on_terms(
        body: CommentRequest, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """Say something to a place of the terms that wait for signatures, else of the draft or those in force."""
        stream = inputs.agreement_id(agreement_id)
        commented = await life.comment(stream, place=body.place, text=body.text, expected_version=version, context=context)
        return answered(response, commented)

    return routes
