"""What may happen to terms that both have signed: suspended, resumed, renewed, reviewed, ended, put away. Pure.

Reads no clock, opens no store.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count
from typing import assert_never

from services.agreements.agreement import Agreement, Request, Suspension
from services.agreements.facts import (
    Archived,
    Expired,
    Fact,
    NoticeGiven,
    Renewed,
    RequestRefused,
    Resumed,
    ResumptionRequested,
    ReviewDue,
    ReviewHeld,
    Suspended,
    SuspensionRequested,
    Terminated,
)
from services.agreements.refusals import (
    AlreadySuspended,
    LastDayOutsideTerm,
    LastDayPassed,
    NotASpan,
    NotEnded,
    NothingRequested,
    NothingSuspended,
    NothingToRenew,
    NoticeAlreadyGiven,
    NoticeTooLate,
    OwnRequest,
    RequestPending,
    ResumptionOutsideSuspension,
    ReviewAlreadyHeld,
    ReviewNotDue,
    ReviewNotHeldYet,
    SignatoriesConfirm,
    SuspensionOutsideTerm,
)
from services.agreements.standing import acting_party, check_text, must_run, term_of, today_of
from services.agreements.terms.model import Renewal
from services.vocabulary.errors import Violation
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import day_of, months_after, parse_instant, parse_zone

_A_DAY = timedelta(days=1)
_MONTHS_BETWEEN = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}


# ------------------------------------------------------------------------------------------------------------ suspension


def request_suspension(
    agreement: Agreement, *, first_day: date, last_day: date | None, reason: str, by: OrganisationId, recorded_at: datetime
) -> tuple[Fact, ...]:
    """`last_day` None: until resumed.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `RequestPending`, `NotASpan`, `SuspensionOutsideTerm` and `AlreadySuspended`.
    """
    _must_take_requests(agreement, by)
    _must_not_have_passed(agreement, first_day, recorded_at)
    if last_day is not None and last_day < first_day:
        raise NotASpan(Violation(place="last_day", rule=f"must not be before first_day, {first_day}"))
    _must_lie_within_term(agreement, first_day, last_day)
    for each in agreement.suspensions:
        if each.touches(first_day, last_day):
            raise AlreadySuspended(each.first_day, each.last_day)
    return (SuspensionRequested(first_day=first_day, last_day=last_day, organisation=by, reason=reason),)


def request_resumption(
    agreement: Agreement, *, first_day: date, reason: str, by: OrganisationId, recorded_at: datetime
) -> tuple[Fact, ...]:
    """`first_day` is the first day of the service again, after the suspension's first.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `RequestPending`, `NotASpan`, `NothingSuspended` and
    `ResumptionOutsideSuspension`.
    """
    _must_take_requests(agreement, by)
    _must_not_have_passed(agreement, first_day, recorded_at)
    suspension = _resumed_by(agreement, first_day, today_of(agreement.newest.terms, recorded_at))
    if not (suspension.first_day < first_day and suspension.has(first_day)):
        until = f" and not after its last, {suspension.last_day}" if suspension.last_day else ""
        rule = f"must be after the suspension's first day, {suspension.first_day},{until}".rstrip(",")
        raise ResumptionOutsideSuspension(Violation(place="first_day", rule=rule))
    return (ResumptionRequested(first_day=first_day, organisation=by, reason=reason),)


def answer_request(agreement: Agreement, *, confirmed: bool, by: OrganisationId, signs: bool = True) -> tuple[Fact, ...]:
    """By the other side; the one that asked may take it back by not confirming it. `signs`: whoever answers may sign for that side.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `NothingRequested`, `OwnRequest` and `SignatoriesConfirm`.
    """
    acting_party(agreement, by)
    must_run(agreement)
    request = agreement.request
    if request is None:
        raise NothingRequested
    if not confirmed:
        return (RequestRefused(kind=request.kind, refused_by=by),)
    if by == request.organisation:
        raise OwnRequest(by)
    if not signs:
        raise SignatoriesConfirm
    return (_agreed(agreement, request, by),)


def _agreed(agreement: Agreement, request: Request, by: OrganisationId) -> Suspended | Resumed:
    provider = agreement.newest.terms.provider
    match request.kind:
        case "suspension":
            return Suspended(
                first_day=request.first_day, last_day=request.last_day, reason=request.reason, provider=provider, confirmed_by=by
            )
        case "resumption":
            suspension = agreement.suspension_on(request.first_day)
            assert suspension is not None, "nothing changes a suspension while a request waits"
            return Resumed(
                first_day=suspension.first_day,
                last_day=request.first_day - _A_DAY,
                reason=request.reason,
                provider=provider,
                confirmed_by=by,
            )
        case _:
            assert_never(request.kind)


def _must_take_requests(agreement: Agreement, by: OrganisationId) -> None:
    acting_party(agreement, by)
    must_run(agreement)
    if agreement.request is not None:
        raise RequestPending(agreement.request.kind, agreement.request.organisation)


def _must_not_have_passed(agreement: Agreement, first_day: date, recorded_at: datetime) -> None:
    today = today_of(agreement.newest.terms, recorded_at)
    if first_day < today:
        raise NotASpan(Violation(place="first_day", rule=f"must not be before today, {today} in {agreement.newest.terms.zone}"))


def _must_lie_within_term(agreement: Agreement, first_day: date, last_day: date | None) -> None:
    for place, day in (("first_day", first_day), ("last_day", last_day)):
        if day is not None and not agreement.is_within_term(day):
            raise SuspensionOutsideTerm(Violation(place=place, rule=f"must lie within the term, {term_of(agreement)}"))


def _resumed_by(agreement: Agreement, first_day: date, today: date) -> Suspension:
    """The suspension that this day lies in, else the first that is not over."""
    ahead = [each for each in agreement.suspensions if each.touches(today, None)]
    if not ahead:
        raise NothingSuspended
    return next((each for each in ahead if each.has(first_day)), ahead[0])


# --------------------------------------------------------------------------------------------------------------- renewal


def give_notice(agreement: Agreement, *, by: OrganisationId, recorded_at: datetime) -> tuple[Fact, ...]:
    """It ends after its last day instead of being renewed.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `NothingToRenew`, `NoticeAlreadyGiven` and `NoticeTooLate`.
    """
    acting_party(agreement, by)
    must_run(agreement)
    renewal, last_day = agreement.newest.terms.renewal, agreement.last_day
    if renewal is None or last_day is None:
        raise NothingToRenew(last_day)
    if agreement.notice is not None:
        raise NoticeAlreadyGiven(agreement.notice.organisation, agreement.notice.last_day)
    latest = last_day - timedelta(days=renewal.notice_days)
    if today_of(agreement.newest.terms, recorded_at) > latest:
        raise NoticeTooLate(latest=latest, notice_days=renewal.notice_days)
    return (NoticeGiven(last_day=last_day, organisation=by),)


def renew(agreement: Agreement, *, recorded_at: datetime) -> tuple[Fact, ...]:
    """By the next term, once notice can be given no more; quiet before, after notice, and where the terms name no renewal."""
    last_day = agreement.last_day
    renewal = _renewal_of(agreement)
    if renewal is None or last_day is None:
        return ()
    terms = agreement.newest.terms
    if today_of(terms, recorded_at) <= last_day - timedelta(days=renewal.notice_days):
        return ()
    assert terms.ends_on is not None, "what is renewed has a term"
    return (Renewed(last_day=_renewed(terms.ends_on, last_day, renewal.months), provider=terms.provider),)


def _renewal_of(agreement: Agreement) -> Renewal | None:
    return agreement.newest.terms.renewal if agreement.status == "active" and agreement.notice is None else None


def _renewed(signed: date, last_day: date, months: int) -> date:
    """The first of the ends of terms, counted from the one that was signed so that a short month shortens no later term, after the last."""
    following = signed + _A_DAY
    return next(end for step in count(1) if (end := months_after(following, step * months) - _A_DAY) > last_day)


# --------------------------------------------------------------------------------------------------------------- reviews


def fall_due(agreement: Agreement, *, recorded_at: datetime) -> tuple[Fact, ...]:
    """The reviews whose day has come and that nobody has told of yet; quiet where there are none."""
    if agreement.status != "active":
        return ()
    known = {review.due_on for review in agreement.reviews}
    today = today_of(agreement.newest.terms, recorded_at)
    return tuple(ReviewDue(due_on=day) for day in _review_days(agreement, until=today) if day not in known)


def next_review_day(agreement: Agreement, *, recorded_at: datetime) -> date | None:
    """The first after today on which a review falls due."""
    return _review_day_after(agreement, today_of(agreement.newest.terms, recorded_at))


def hold_review(
    agreement: Agreement, *, due_on: date, held_on: date, minutes: str, by: OrganisationId, recorded_at: datetime
) -> tuple[Fact, ...]:
    """A review may be held before its day, the next one at most.

    Refuses with `NotAParty`, `NotActive`, `ReviewNotDue`, `ReviewAlreadyHeld`, `ReviewNotHeldYet` and `TextNotFit`.
    """
    acting_party(agreement, by)
    if not agreement.ended_on:
        must_run(agreement)
    terms = agreement.newest.terms
    today = today_of(terms, recorded_at)
    _must_be_due(agreement, due_on, today)
    for review in agreement.reviews:
        if review.due_on == due_on and review.held_on is not None:
            raise ReviewAlreadyHeld(due_on, review.held_on)
    if not agreement.first_day <= held_on <= today:
        rule = f"must be from the agreement's first day, {agreement.first_day}, to today, {today} in {terms.zone}"
        raise ReviewNotHeldYet(Violation(place="held_on", rule=rule))
    check_text(minutes, place="minutes", must_say=False)
    return (ReviewHeld(due_on=due_on, held_on=held_on, minutes=minutes, organisation=by),)


def _must_be_due(agreement: Agreement, due_on: date, today: date) -> None:
    following = _review_day_after(agreement, today)
    days = [*_review_days(agreement, until=today), *([following] if following else [])]
    if due_on not in days:
        nearest = min(days, key=lambda day: (abs(day - due_on), day)).isoformat() if days else ""
        raise ReviewNotDue(due_on, nearest)


def _review_days(agreement: Agreement, *, until: date) -> Iterator[date]:
    """Every so many months after the first day, by the terms in force on the day itself; those that lay behind when these terms were
    signed are nobody's."""
    zone = parse_zone(agreement.newest.terms.zone)
    end = min(until, agreement.last_day or until)
    for months in count(1):
        day = months_after(agreement.first_day, months)
        if day > end:
            return
        version = agreement.terms_on(day)
        every = version.terms.review_every if version else None
        if version is None or every is None or months % _MONTHS_BETWEEN[every]:
            continue
        if day_of(parse_instant(version.recorded_at, place="recorded_at"), zone) <= day:
            yield day


def _review_day_after(agreement: Agreement, today: date) -> date | None:
    return next((day for day in _review_days(agreement, until=months_after(today, 24)) if day > today), None)


# ------------------------------------------------------------------------------------------------------------------- end


def terminate(agreement: Agreement, *, last_day: date, by: OrganisationId, recorded_at: datetime) -> tuple[Fact, ...]:
    """Ends the agreement after `last_day`, today at the earliest.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `LastDayPassed` and `LastDayOutsideTerm`.
    """
    acting_party(agreement, by)
    must_run(agreement)
    terms = agreement.newest.terms
    today = today_of(terms, recorded_at)
    if last_day < today:
        raise LastDayPassed(Violation(place="last_day", rule=f"must not be before today, {today} in {terms.zone}"))
    if not agreement.is_within_term(last_day):
        raise LastDayOutsideTerm(Violation(place="last_day", rule=f"must lie within the term, {term_of(agreement)}"))
    return (Terminated(last_day=last_day, provider=terms.provider, terminated_by=by),)


def expire(agreement: Agreement, *, recorded_at: datetime) -> tuple[Fact, ...]:
    """Quiet unless the agreement runs, is not renewed, and its last day has passed in its own zone."""
    terms, last_day = agreement.newest.terms, agreement.last_day
    if agreement.status != "active" or last_day is None or today_of(terms, recorded_at) <= last_day:
        return ()
    return () if _renewal_of(agreement) else (Expired(last_day=last_day, provider=terms.provider),)


def archive(agreement: Agreement, *, by: OrganisationId, recorded_at: datetime) -> tuple[Fact, ...]:
    """Put away once it has ended and its last day has passed. Refuses with `NotAParty`, `HasBeenArchived` and `NotEnded`."""
    acting_party(agreement, by)
    if agreement.ended_on is None or today_of(agreement.newest.terms, recorded_at) <= agreement.ended_on:
        raise NotEnded(agreement.last_day)
    return (Archived(archived_by=by),)
