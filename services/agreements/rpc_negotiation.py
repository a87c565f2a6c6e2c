"""The calls between an offer and its signatures, of the gRPC door of agreements. Translation only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upheld.agreements.v1 import agreements_pb2 as messages
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsServicer

from services.agreements import inputs, wire
from services.agreements.document import sent_terms
from services.agreements.lifecycle_application import Life
from services.chassis.rpc import context_of

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import _ServicerContext as Call


class NegotiationCalls(AgreementsServicer):
    """Counter-offers and comments."""

    _life: Life

    async def CounterOffer(self, request: messages.CounterOfferRequest, context: Call) -> messages.Agreement:
        countered = await self._life.counter(
            inputs.agreement_id(request.agreement_id),
            await sent_terms(request.document),
            effective_on=inputs.day_or_none(request.effective_on, place="effective_on"),
            valid_until=inputs.instant_or_none(request.valid_until, place="valid_until"),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(countered)

    async def CommentOnTerms(self, request: messages.CommentOnTermsRequest, context: Call) -> messages.Agreement:
        commented = await self._life.comment(
            inputs.agreement_id(request.agreement_id),
            place=request.place,
            text=request.text,
            expected_version=request.expected_version or None,
            context=context_of(context),
        )
        return wire.agreement_message(commented)
