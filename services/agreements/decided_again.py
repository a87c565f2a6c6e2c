"""Whether a fact is what the rules decide where it stands in its history: for who checks it afterwards. Pure.

Reads no clock, opens no store.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypeAlias, assert_never

from services.agreements import lifecycle, negotiation
from services.agreements.agreement import Agreement
from services.agreements.facts import (
    AmendmentProposed,
    Archived,
    CounterOffered,
    Drafted,
    Expired,
    Fact,
    NoticeGiven,
    OfferExpired,
    Proposed,
    Renewed,
    RequestRefused,
    Resumed,
    ResumptionRequested,
    ReviewDue,
    ReviewHeld,
    Revised,
    Suspended,
    SuspensionRequested,
    Terminated,
    Withdrawn,
)
from services.agreements.terms import stored_terms
from services.vocabulary.period import Instant, datetime_of, parse_instant

_Lived: TypeAlias = (
    SuspensionRequested
    | ResumptionRequested
    | RequestRefused
    | Suspended
    | Resumed
    | NoticeGiven
    | Renewed
    | ReviewDue
    | ReviewHeld
    | Terminated
    | Expired
    | Archived
)


def follows(agreement: Agreement, fact: Fact, recorded_at: str) -> bool:
    """Decided once more as of `recorded_at`, when it was stored; refuses as the decision does.

    What was stored before the rules asked as much is believed as it stands; signatures are decided again with their keys, elsewhere.
    """
    moment = datetime_of(parse_instant(recorded_at, place="recorded_at"))
    if isinstance(fact, CounterOffered):
        return _as_countered(agreement, fact, moment)
    if isinstance(fact, OfferExpired):
        return fact in negotiation.lapse(agreement, recorded_at=moment)
    return fact in _decided(agreement, fact, moment) if isinstance(fact, _Lived) else _may_stand(agreement, fact)


def _may_stand(agreement: Agreement, fact: Fact) -> bool:
    """No other terms take the place of those that somebody has signed: only an answer to them, or nothing that waits, lets them go."""
    match fact:
        case Drafted():
            return False
        case Revised():
            return agreement.status == "draft"
        case Proposed():
            return agreement.status == "draft" and fact.digest == agreement.draft.digest
        case AmendmentProposed():
            return agreement.status == "active" and agreement.pending is None
        case Withdrawn():
            return agreement.pending is not None and fact.digest == agreement.pending.digest
        case _:
            return True


def _as_countered(agreement: Agreement, fact: CounterOffered, moment: datetime) -> bool:
    """Its document is compared by its digest, which is compared with the document where all are."""
    (decided,) = negotiation.counter(
        agreement,
        stored_terms(fact.document),
        effective_on=fact.effective_on,
        valid_until=_instant(fact.valid_until),
        reason=fact.reason,
        by=fact.offered_by,
        recorded_at=moment,
    )
    return isinstance(decided, CounterOffered) and replace(decided, document=fact.document, digest=fact.digest) == fact


def _instant(text: str) -> Instant | None:
    return parse_instant(text, place="valid_until") if text else None


def _decided(agreement: Agreement, fact: _Lived, moment: datetime) -> tuple[Fact, ...]:
    match fact:
        case SuspensionRequested():
            return lifecycle.request_suspension(
                agreement,
                first_day=fact.first_day,
                last_day=fact.last_day,
                reason=fact.reason,
                by=fact.organisation,
                recorded_at=moment,
            )
        case ResumptionRequested():
            return lifecycle.request_resumption(
                agreement, first_day=fact.first_day, reason=fact.reason, by=fact.organisation, recorded_at=moment
            )
        case RequestRefused():
            return lifecycle.answer_request(agreement, confirmed=False, by=fact.refused_by)
        case Suspended() | Resumed():
            return lifecycle.answer_request(agreement, confirmed=True, by=fact.confirmed_by)
        case NoticeGiven():
            return lifecycle.give_notice(agreement, by=fact.organisation, recorded_at=moment)
        case Renewed():
            return lifecycle.renew(agreement, recorded_at=moment)
        case ReviewDue():
            return lifecycle.fall_due(agreement, recorded_at=moment)
        case ReviewHeld():
            return lifecycle.hold_review(
                agreement, due_on=fact.due_on, held_on=fact.held_on, minutes=fact.minutes, by=fact.organisation, recorded_at=moment
            )
        case Terminated():
            return lifecycle.terminate(agreement, last_day=fact.last_day, by=fact.terminated_by, recorded_at=moment)
        case Expired():
            return lifecycle.expire(agreement, recorded_at=moment)
        case Archived():
            return lifecycle.archive(agreement, by=fact.archived_by, recorded_at=moment)
        case _:
            assert_never(fact)
