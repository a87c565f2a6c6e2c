"""The state of an agreement after each of its facts. Pure: decides nothing, refuses nothing that was stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias, assert_never

from services.agreements.agreement import Agreement, Comment, Request, Review, Signature, Suspension, TermsVersion
from services.agreements.facts import (
    Activated,
    Amended,
    AmendmentProposed,
    Archived,
    Commented,
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
    Signed,
    Suspended,
    SuspensionRequested,
    Terminated,
    Withdrawn,
)
from services.agreements.terms import stored_terms

_Negotiated: TypeAlias = (
    Revised | Proposed | CounterOffered | Commented | Withdrawn | OfferExpired | Signed | AmendmentProposed | Activated | Amended
)
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


def evolve(agreement: Agreement | None, fact: Fact, *, recorded_at: str) -> Agreement:
    """The state after a fact; `recorded_at` is the RFC 3339 instant it was stored with."""
    if isinstance(fact, Drafted):
        return Agreement(status="draft", draft=_draft(fact.document, fact.digest, number=1))
    assert agreement is not None, "a stream begins with a draft"
    if isinstance(fact, _Lived):
        return _lived(agreement, fact, recorded_at)
    return _negotiated(agreement, fact, recorded_at)


def _negotiated(agreement: Agreement, fact: _Negotiated, recorded_at: str) -> Agreement:
    match fact:
        case Revised():
            return replace(agreement, draft=_draft(fact.document, fact.digest, number=agreement.draft.number))
        case Proposed():
            first = replace(agreement.draft, number=fact.terms_version, valid_until=fact.valid_until, offered_by=fact.proposed_by)
            return _offered(replace(agreement, status="proposed"), first)
        case CounterOffered():
            return _offered(_without_signatures_of_pending(agreement), _offer(fact))
        case AmendmentProposed():
            return _offered(agreement, _offer(fact))
        case Commented():
            return replace(agreement, comments=(*agreement.comments, _comment(fact, recorded_at)))
        case Withdrawn() | OfferExpired():
            return _off_the_table(agreement)
        case Signed():
            return replace(agreement, signatures=(*agreement.signatures, _signature(fact, recorded_at)))
        case Activated() | Amended():
            return _in_force(agreement, fact, recorded_at)
        case _:
            assert_never(fact)


def _lived(agreement: Agreement, fact: _Lived, recorded_at: str) -> Agreement:
    match fact:
        case SuspensionRequested() | ResumptionRequested():
            return replace(agreement, request=_request(fact))
        case RequestRefused():
            return replace(agreement, request=None)
        case Suspended():
            return replace(agreement, request=None, suspensions=(*agreement.suspensions, _suspension(fact, recorded_at)))
        case Resumed():
            suspensions = tuple(
                replace(each, last_day=fact.last_day, recorded_at=recorded_at) if each.first_day == fact.first_day else each
                for each in agreement.suspensions
            )
            return replace(agreement, request=None, suspensions=suspensions)
        case NoticeGiven():
            return replace(agreement, notice=fact)
        case Renewed():
            return replace(agreement, renewed_until=fact.last_day)
        case ReviewDue() | ReviewHeld():
            return replace(agreement, reviews=_with_review(agreement.reviews, fact))
        case Terminated():
            return _ended(replace(agreement, status="terminated", ended_on=fact.last_day))
        case Expired():
            return _ended(replace(agreement, status="expired", ended_on=fact.last_day))
        case Archived():
            return replace(agreement, status="archived")
        case _:
            assert_never(fact)


def _draft(document: str, named_digest: str, *, number: int) -> TermsVersion:
    terms = stored_terms(document)
    return TermsVersion(number=number, terms=terms, digest=named_digest, effective_on=terms.effective_on)


def _offer(fact: CounterOffered | AmendmentProposed) -> TermsVersion:
    return TermsVersion(
        number=fact.terms_version,
        terms=stored_terms(fact.document),
        digest=fact.digest,
        effective_on=fact.effective_on,
        reason=fact.reason,
        valid_until=fact.valid_until,
        offered_by=fact.offered_by if isinstance(fact, CounterOffered) else fact.proposed_by,
    )


def _offered(agreement: Agreement, offer: TermsVersion) -> Agreement:
    return replace(agreement, pending=offer, offered=(*agreement.offered, offer))


def _off_the_table(agreement: Agreement) -> Agreement:
    """A draft goes back under the number that its next offer will have."""
    without = replace(_without_signatures_of_pending(agreement), pending=None)
    if without.signed:
        return without
    return replace(without, status="draft", draft=replace(without.draft, number=without.next_number))


def _without_signatures_of_pending(agreement: Agreement) -> Agreement:
    number = agreement.pending.number if agreement.pending else 0
    return replace(agreement, signatures=tuple(each for each in agreement.signatures if each.terms_version != number))


def _in_force(agreement: Agreement, fact: Activated | Amended, recorded_at: str) -> Agreement:
    """An end that both sign anew takes the place of what renewals came to, and of a notice for the former end."""
    terms = stored_terms(fact.document)
    version = TermsVersion(
        number=fact.terms_version,
        terms=terms,
        digest=fact.digest,
        effective_on=fact.effective_on,
        reason=fact.reason if isinstance(fact, Amended) else "",
        recorded_at=recorded_at,
        offered_by=agreement.pending.offered_by if agreement.pending else "",
    )
    signed = replace(agreement, status="active", pending=None, signed=(*agreement.signed, version))
    return signed if terms.ends_on == agreement.newest.terms.ends_on else replace(signed, renewed_until=None, notice=None)


def _ended(agreement: Agreement) -> Agreement:
    return replace(agreement, pending=None, request=None)


def _comment(fact: Commented, recorded_at: str) -> Comment:
    return Comment(
        terms_version=fact.terms_version,
        place=fact.place,
        text=fact.text,
        organisation=fact.organisation,
        subject=fact.subject,
        recorded_at=recorded_at,
    )


def _request(fact: SuspensionRequested | ResumptionRequested) -> Request:
    return Request(
        kind="suspension" if isinstance(fact, SuspensionRequested) else "resumption",
        first_day=fact.first_day,
        last_day=fact.last_day if isinstance(fact, SuspensionRequested) else None,
        organisation=fact.organisation,
        reason=fact.reason,
    )


def _suspension(fact: Suspended, recorded_at: str) -> Suspension:
    return Suspension(first_day=fact.first_day, last_day=fact.last_day, reason=fact.reason, recorded_at=recorded_at)


def _with_review(reviews: tuple[Review, ...], fact: ReviewDue | ReviewHeld) -> tuple[Review, ...]:
    if isinstance(fact, ReviewDue):
        review = Review(due_on=fact.due_on)
    else:
        review = Review(due_on=fact.due_on, held_on=fact.held_on, minutes=fact.minutes, organisation=fact.organisation)
    others = [each for each in reviews if each.due_on != fact.due_on]
    return tuple(sorted((*others, review), key=lambda each: each.due_on))


def _signature(fact: Signed, recorded_at: str) -> Signature:
    return Signature(
        terms_version=fact.terms_version,
        role=fact.role,
        organisation=fact.organisation,
        signatory=fact.signatory,
        signed_at=recorded_at,
        digest=fact.digest,
        key=fact.key,
        note=fact.note,
    )
