"""What the other services hear of agreements: stored facts to published messages. Everything without a line here stays private."""

from __future__ import annotations

from upheld.agreements.v1 import events_pb2

from services.agreements.facts import Activated, Amended, Expired, Renewed, Resumed, Suspended, Terminated
from services.agreements.stored import Stored
from services.agreements.terms import stored_terms
from services.agreements.wire import terms_message
from services.chassis.events import Recorded
from services.chassis.relay import Outgoing


def translate(recorded: Recorded[Stored]) -> Outgoing | None:
    """The message of one fact, under the provider's organisation; None for a step of a negotiation and for keys."""
    match recorded.event:
        case Activated() as fact:
            return _activated(recorded, fact)
        case Amended() as fact:
            return _amended(recorded, fact)
        case Terminated() as fact:
            return _ended(recorded, fact, how="terminated")
        case Expired() as fact:
            return _ended(recorded, fact, how="expired")
        case Suspended() | Resumed() as fact:
            return _suspended(recorded, fact)
        case Renewed() as fact:
            return _renewed(recorded, fact)
        case _:
            return None


def _activated(recorded: Recorded[Stored], fact: Activated) -> Outgoing:
    terms = stored_terms(fact.document)
    message = events_pb2.AgreementActivated(
        agreement_id=str(recorded.stream),
        terms_version=fact.terms_version,
        terms=terms_message(terms),
        effective_on=fact.effective_on.isoformat(),
        recorded_at=recorded.metadata.recorded_at,
    )
    return Outgoing(tenant=terms.provider, event="agreement-activated", message=message)


def _amended(recorded: Recorded[Stored], fact: Amended) -> Outgoing:
    terms = stored_terms(fact.document)
    message = events_pb2.AgreementAmended(
        agreement_id=str(recorded.stream),
        terms_version=fact.terms_version,
        terms=terms_message(terms),
        effective_on=fact.effective_on.isoformat(),
        recorded_at=recorded.metadata.recorded_at,
        reason=fact.reason,
    )
    return Outgoing(tenant=terms.provider, event="agreement-amended", message=message)


def _ended(recorded: Recorded[Stored], fact: Terminated | Expired, *, how: str) -> Outgoing:
    message = events_pb2.AgreementEnded(
        agreement_id=str(recorded.stream),
        last_day=fact.last_day.isoformat(),
        how=how,
        reason=recorded.metadata.reason,
        recorded_at=recorded.metadata.recorded_at,
    )
    return Outgoing(tenant=fact.provider, event="agreement-ended", message=message)


def _suspended(recorded: Recorded[Stored], fact: Suspended | Resumed) -> Outgoing:
    message = events_pb2.AgreementSuspended(
        agreement_id=str(recorded.stream),
        first_day=fact.first_day.isoformat(),
        last_day=fact.last_day.isoformat() if fact.last_day else "",
        reason=fact.reason,
        recorded_at=recorded.metadata.recorded_at,
    )
    return Outgoing(tenant=fact.provider, event="agreement-suspended", message=message)


def _renewed(recorded: Recorded[Stored], fact: Renewed) -> Outgoing:
    message = events_pb2.AgreementRenewed(
        agreement_id=str(recorded.stream), last_day=fact.last_day.isoformat(), recorded_at=recorded.metadata.recorded_at
    )
    return Outgoing(tenant=fact.provider, event="agreement-renewed", message=message)
