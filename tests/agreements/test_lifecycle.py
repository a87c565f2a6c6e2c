"""Suspension, renewal, reviews and the archive, and what time alone does: days as they are worked out in docs/decisions/0015."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.agreements import lifecycle, negotiation, passing
from services.agreements.agreement import Agreement, Review, Suspension
from services.agreements.facts import (
    Archived,
    Expired,
    Fact,
    NoticeGiven,
    Renewed,
    RequestRefused,
    Resumed,
    ReviewDue,
    Suspended,
    SuspensionRequested,
)
from services.agreements.refusals import (
    AlreadyEnded,
    AlreadySuspended,
    AmendmentOutsideTerm,
    HasBeenArchived,
    NotActive,
    NotAParty,
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
    TextNotFit,
)
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import datetime_of, instant_text
from tests.agreements.support import (
    AUDITOR,
    CUSTOMER,
    MARCH_9,
    PROVIDER,
    active,
    amended,
    amendment_proposed,
    availability_of,
    drafted,
    proposed,
    signed_by_both,
    terms,
    then,
)

APRIL_10, APRIL_12, APRIL_13, APRIL_14 = (date(2026, 4, day) for day in (10, 12, 13, 14))
END, NEXT_END = date(2026, 12, 31), date(2027, 12, 31)


def at(day: date, *, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def requested(
    agreement: Agreement,
    first_day: date = APRIL_10,
    last_day: date | None = APRIL_14,
    *,
    by: OrganisationId = PROVIDER,
    now: datetime = MARCH_9,
) -> Agreement:
    facts = lifecycle.request_suspension(agreement, first_day=first_day, last_day=last_day, reason="Move", by=by, recorded_at=now)
    return then(agreement, facts)


def answered(agreement: Agreement, *, confirmed: bool = True, by: OrganisationId = CUSTOMER) -> Agreement:
    return then(agreement, lifecycle.answer_request(agreement, confirmed=confirmed, by=by), recorded_at="2026-03-09T12:00:00Z")


def suspended(last_day: date | None = APRIL_14) -> Agreement:
    return answered(requested(active(), last_day=last_day))


def resumption_requested(agreement: Agreement, first_day: date, *, now: datetime = MARCH_9) -> Agreement:
    facts = lifecycle.request_resumption(agreement, first_day=first_day, reason="Moved", by=CUSTOMER, recorded_at=now)
    return then(agreement, facts)


# status


def test_between_both_signatures_and_the_first_day_it_is_agreed() -> None:
    agreement = active()
    assert [agreement.status_today(day) for day in (date(2025, 12, 31), date(2026, 1, 1))] == ["agreed", "active"]


def test_on_the_days_of_a_suspension_it_is_suspended() -> None:
    days = (date(2026, 4, 9), APRIL_10, APRIL_14, date(2026, 4, 15))
    assert [suspended().status_today(day) for day in days] == ["active", "suspended", "suspended", "active"]
    assert [suspended(last_day=None).status_today(day) for day in (APRIL_14, END)] == ["suspended", "suspended"]


def test_what_should_have_ended_is_active_until_time_tells_so_and_expired_on_any_day_that_is_asked_for() -> None:
    day = date(2027, 1, 1)
    assert (active().status_today(day), active().status_on(day)) == ("active", "expired")


def test_what_was_terminated_is_so_at_once_and_was_active_on_its_days() -> None:
    ended = then(active(), lifecycle.terminate(active(), last_day=date(2026, 6, 30), by=CUSTOMER, recorded_at=MARCH_9))
    assert (ended.status_today(date(2026, 3, 9)), ended.status_on(date(2026, 3, 9))) == ("terminated", "active")


# suspension


def test_one_side_asks_and_the_other_confirms() -> None:
    asked = requested(active())
    assert asked.request is not None
    assert (asked.request.kind, asked.request.organisation, asked.suspensions) == ("suspension", PROVIDER, ())
    facts = lifecycle.answer_request(asked, confirmed=True, by=CUSTOMER)
    assert facts == (Suspended(first_day=APRIL_10, last_day=APRIL_14, reason="Move", provider=PROVIDER, confirmed_by=CUSTOMER),)
    after = answered(asked)
    assert after.request is None
    assert after.suspensions == (Suspension(first_day=APRIL_10, last_day=APRIL_14, reason="Move", recorded_at="2026-03-09T12:00:00Z"),)


def test_the_other_side_may_refuse_and_the_own_side_take_back() -> None:
    for by in (CUSTOMER, PROVIDER):
        facts = lifecycle.answer_request(requested(active()), confirmed=False, by=by)
        assert facts == (RequestRefused(kind="suspension", refused_by=by),)
        after = then(requested(active()), facts)
        assert (after.request, after.suspensions) == (None, ())


def test_nobody_confirms_their_own_request() -> None:
    with pytest.raises(OwnRequest, match="nordwind-hosting asked for it itself"):
        lifecycle.answer_request(requested(active()), confirmed=True, by=PROVIDER)


def test_who_signs_for_nobody_confirms_nothing_but_may_refuse() -> None:
    asked = requested(active())
    with pytest.raises(SignatoriesConfirm):
        lifecycle.answer_request(asked, confirmed=True, by=CUSTOMER, signs=False)
    for by in (CUSTOMER, PROVIDER):
        assert lifecycle.answer_request(asked, confirmed=False, by=by, signs=False)


def test_one_request_waits_at_a_time_and_without_one_there_is_nothing_to_answer() -> None:
    with pytest.raises(RequestPending):
        requested(requested(active()), by=CUSTOMER)
    with pytest.raises(RequestPending):
        resumption_requested(requested(suspended(), date(2026, 5, 1), None), APRIL_12)
    with pytest.raises(NothingRequested):
        lifecycle.answer_request(active(), confirmed=True, by=CUSTOMER)


def test_a_suspension_begins_today_or_later_in_the_agreements_zone() -> None:
    late = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    with pytest.raises(NotASpan, match="first_day: must not be before today, 2026-03-10 in Europe/Berlin"):
        requested(active(), date(2026, 3, 9), None, now=late)
    assert requested(active(), date(2026, 3, 10), date(2026, 3, 10), now=late).request
    with pytest.raises(NotASpan, match="last_day: must not be before first_day, 2026-04-10"):
        requested(active(), APRIL_10, date(2026, 4, 9))


@pytest.mark.parametrize(("first_day", "last_day"), [(date(2027, 1, 1), None), (APRIL_10, date(2027, 1, 1))])
def test_a_suspension_lies_within_the_term(first_day: date, last_day: date | None) -> None:
    with pytest.raises(SuspensionOutsideTerm, match="must lie within the term, 2026-01-01 to 2026-12-31"):
        requested(active(), first_day, last_day)


@pytest.mark.parametrize(("first_day", "last_day"), [(APRIL_14, None), (date(2026, 4, 1), APRIL_10), (APRIL_12, APRIL_13)])
def test_a_suspension_touches_no_other(first_day: date, last_day: date | None) -> None:
    with pytest.raises(AlreadySuspended, match="from 2026-04-10 to 2026-04-14"):
        requested(suspended(), first_day, last_day)
    assert requested(suspended(), date(2026, 4, 15), None).request


@pytest.mark.parametrize("stage", [drafted, proposed])
def test_only_what_both_have_signed_is_suspended(stage: Callable[[], Agreement]) -> None:
    with pytest.raises(NotActive):
        requested(stage())


def test_an_auditor_asks_for_nothing() -> None:
    with pytest.raises(NotAParty):
        requested(active(), by=AUDITOR)


def test_a_resumption_ends_the_suspension_on_the_day_before() -> None:
    asked = resumption_requested(suspended(), APRIL_13)
    facts = lifecycle.answer_request(asked, confirmed=True, by=PROVIDER)
    assert facts == (Resumed(first_day=APRIL_10, last_day=APRIL_12, reason="Moved", provider=PROVIDER, confirmed_by=PROVIDER),)
    after = then(asked, facts)
    assert [after.status_on(day) for day in (APRIL_12, APRIL_13)] == ["suspended", "active"]
    open_ended = then(resumption_requested(suspended(last_day=None), APRIL_13), facts)
    assert open_ended.suspensions[0].last_day == APRIL_12


@pytest.mark.parametrize("first_day", [date(2026, 4, 9), APRIL_10, date(2026, 4, 15)])
def test_a_resumption_lies_within_the_suspension_after_its_first_day(first_day: date) -> None:
    with pytest.raises(ResumptionOutsideSuspension, match="first day, 2026-04-10, and not after its last, 2026-04-14"):
        resumption_requested(suspended(), first_day)


def test_without_a_suspension_nothing_is_resumed() -> None:
    with pytest.raises(NothingSuspended):
        resumption_requested(active(), APRIL_13)
    with pytest.raises(NothingSuspended):
        resumption_requested(suspended(), date(2026, 4, 16), now=at(date(2026, 4, 15)))


def test_a_request_falls_with_the_end() -> None:
    asked = requested(active())
    ended = then(asked, lifecycle.terminate(asked, last_day=date(2026, 3, 9), by=CUSTOMER, recorded_at=MARCH_9))
    assert ended.request is None
    with pytest.raises(AlreadyEnded):
        lifecycle.answer_request(ended, confirmed=True, by=CUSTOMER)


# renewal and notice


def renewing(*, ends_on: str = "2026-12-31", months: int = 12, notice_days: int = 90, every: str | None = None) -> Agreement:
    def change(nodes: dict[str, Any]) -> None:
        nodes.update(ends_on=ends_on, renewal={"months": months, "notice_days": notice_days}, maintenance=[])
        if every:
            nodes["review_every"] = every

    return signed_by_both(proposed(terms(change)))


def given_notice(agreement: Agreement, now: datetime) -> Agreement:
    return then(agreement, lifecycle.give_notice(agreement, by=CUSTOMER, recorded_at=now))


def passed(agreement: Agreement, now: datetime) -> tuple[Agreement, list[Fact]]:
    """All that time does to it by an instant."""
    told: list[Fact] = []
    while found := passing.due(agreement, recorded_at=now):
        decide, _ = found
        facts = decide(agreement, recorded_at=now)
        told += facts
        agreement = then(agreement, facts)
    return agreement, told


def test_it_is_renewed_when_notice_can_be_given_no_more() -> None:
    assert lifecycle.renew(renewing(), recorded_at=datetime(2026, 10, 2, 21, 59, tzinfo=UTC)) == ()
    facts = lifecycle.renew(renewing(), recorded_at=datetime(2026, 10, 2, 22, tzinfo=UTC))
    assert facts == (Renewed(last_day=NEXT_END, provider=PROVIDER),)
    after = then(renewing(), facts)
    assert (after.last_day, after.status_on(NEXT_END), after.status_on(date(2028, 1, 1))) == (NEXT_END, "active", "expired")
    assert after.terms_on(NEXT_END) == after.newest


def test_after_a_long_silence_every_renewal_is_told_and_nothing_expires() -> None:
    agreement, told = passed(renewing(), datetime(2029, 1, 1, tzinfo=UTC))
    assert [fact.last_day for fact in told if isinstance(fact, Renewed)] == [NEXT_END, date(2028, 12, 31), date(2029, 12, 31)]
    assert (len(told), agreement.status, agreement.last_day) == (3, "active", date(2029, 12, 31))


def test_a_short_month_shortens_no_later_term() -> None:
    agreement = renewing(ends_on="2026-01-30", months=1, notice_days=5)
    ends = [fact.last_day for fact in passed(agreement, at(date(2026, 4, 20)))[1] if isinstance(fact, Renewed)]
    assert ends == [date(2026, 2, 27), date(2026, 3, 30), date(2026, 4, 29)]


def test_without_renewal_and_with_an_open_end_nothing_is_renewed() -> None:
    for agreement in (active(), signed_by_both(proposed(terms(lambda nodes: nodes.pop("ends_on"))))):
        assert lifecycle.renew(agreement, recorded_at=datetime(2190, 1, 1, tzinfo=UTC)) == ()
        with pytest.raises(NothingToRenew):
            given_notice(agreement, MARCH_9)


def test_with_notice_it_ends_with_its_term() -> None:
    facts = lifecycle.give_notice(renewing(), by=CUSTOMER, recorded_at=at(date(2026, 10, 2)))
    assert facts == (NoticeGiven(last_day=END, organisation=CUSTOMER),)
    agreement, told = passed(then(renewing(), facts), at(date(2027, 1, 1)))
    assert told == [Expired(last_day=END, provider=PROVIDER)]
    assert agreement.status == "expired"


def test_notice_within_its_period_is_too_late() -> None:
    with pytest.raises(NoticeTooLate, match="90 days before the end; the last day for it was 2026-10-02"):
        given_notice(renewing(), at(date(2026, 10, 3)))
    renewed = passed(renewing(), at(date(2026, 10, 3)))[0]
    assert given_notice(renewed, at(date(2027, 10, 2))).notice == NoticeGiven(last_day=NEXT_END, organisation=CUSTOMER)


def test_notice_is_given_once() -> None:
    with pytest.raises(NoticeAlreadyGiven, match="bank-am-markt has given notice; the agreement ends after 2026-12-31"):
        given_notice(given_notice(renewing(), MARCH_9), MARCH_9)


def test_an_end_that_both_sign_takes_the_place_of_renewals_and_notice() -> None:
    def change(nodes: dict[str, Any], ends_on: str) -> None:
        nodes.update(ends_on=ends_on, renewal={"months": 12, "notice_days": 90}, title="Changed")

    renewed = passed(renewing(), at(date(2026, 10, 3)))[0]
    same = amended(renewed, terms(lambda nodes: change(nodes, "2026-12-31")), effective_on=date(2027, 2, 1))
    other = amended(renewed, terms(lambda nodes: change(nodes, "2027-06-30")), effective_on=date(2027, 2, 1))
    assert (same.last_day, other.last_day) == (NEXT_END, date(2027, 6, 30))
    noticed = given_notice(renewing(), MARCH_9)
    assert amended(noticed, terms(lambda nodes: change(nodes, "2027-06-30")), effective_on=date(2026, 5, 1)).notice is None
    with pytest.raises(AmendmentOutsideTerm, match="must lie within the term, 2026-01-01 to 2027-12-31"):
        amendment_proposed(renewed, terms(availability_of("99.95")), effective_on=date(2028, 1, 1))


def test_a_renewed_agreement_is_terminated_within_its_new_term() -> None:
    renewed = passed(renewing(), at(date(2026, 10, 3)))[0]
    ended = then(renewed, lifecycle.terminate(renewed, last_day=date(2027, 5, 31), by=CUSTOMER, recorded_at=at(date(2027, 1, 5))))
    assert ended.last_day == date(2027, 5, 31)


# reviews


def held(agreement: Agreement, due_on: date, held_on: date, *, now: datetime, minutes: str = "All well") -> Agreement:
    facts = lifecycle.hold_review(agreement, due_on=due_on, held_on=held_on, minutes=minutes, by=PROVIDER, recorded_at=now)
    return then(agreement, facts)


def reviewed(every: str = "quarter") -> Agreement:
    return signed_by_both(proposed(terms(lambda nodes: nodes.update(review_every=every))))


@pytest.mark.parametrize(
    ("every", "days"),
    [
        ("month", [date(2026, month, 1) for month in range(2, 13)]),
        ("quarter", [date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1)]),
        ("half-year", [date(2026, 7, 1)]),
        ("year", []),
    ],
)
def test_reviews_fall_due_after_the_first_day_and_within_the_term(every: str, days: list[date]) -> None:
    facts = lifecycle.fall_due(reviewed(every), recorded_at=at(date(2027, 6, 1)))
    assert facts == tuple(ReviewDue(due_on=day) for day in days)


def test_a_review_is_told_on_its_day_and_once() -> None:
    assert lifecycle.fall_due(reviewed(), recorded_at=at(date(2026, 3, 31))) == ()
    facts = lifecycle.fall_due(reviewed(), recorded_at=at(date(2026, 4, 1)))
    assert facts == (ReviewDue(due_on=date(2026, 4, 1)),)
    after = then(reviewed(), facts)
    assert after.reviews == (Review(due_on=date(2026, 4, 1)),)
    assert lifecycle.fall_due(after, recorded_at=at(date(2026, 4, 1))) == ()


def test_days_that_lay_behind_when_the_terms_were_signed_are_nobodys() -> None:
    late = signed_by_both(proposed(terms(lambda nodes: nodes.update(review_every="month"))), recorded_at="2026-06-15T00:00:00Z")
    (fact,) = lifecycle.fall_due(late, recorded_at=at(date(2026, 7, 1)))
    assert fact == ReviewDue(due_on=date(2026, 7, 1))


def test_from_an_amendment_on_reviews_follow_its_terms() -> None:
    monthly = amended(reviewed(), terms(lambda nodes: nodes.update(review_every="month")), effective_on=date(2026, 5, 1))
    facts = lifecycle.fall_due(monthly, recorded_at=at(date(2026, 7, 1)))
    assert facts == tuple(ReviewDue(due_on=date(2026, month, 1)) for month in (4, 5, 6, 7))


def test_minutes_are_kept_beside_the_day_they_were_due() -> None:
    told = then(reviewed(), lifecycle.fall_due(reviewed(), recorded_at=at(date(2026, 4, 1))))
    after = held(told, date(2026, 4, 1), date(2026, 4, 2), now=at(date(2026, 4, 3)))
    assert after.reviews == (Review(due_on=date(2026, 4, 1), held_on=date(2026, 4, 2), minutes="All well", organisation=PROVIDER),)
    with pytest.raises(ReviewAlreadyHeld, match="due on 2026-04-01 was held on 2026-04-02"):
        held(after, date(2026, 4, 1), date(2026, 4, 3), now=at(date(2026, 4, 3)))


def test_the_next_review_may_be_held_before_its_day_and_is_then_not_told() -> None:
    early = held(reviewed(), date(2026, 4, 1), date(2026, 3, 8), now=MARCH_9)
    assert lifecycle.fall_due(early, recorded_at=at(date(2026, 4, 1))) == ()


@pytest.mark.parametrize("due_on", [date(2026, 1, 1), date(2026, 3, 31), date(2026, 7, 1)])
def test_minutes_of_a_day_that_is_not_due_are_refused(due_on: date) -> None:
    with pytest.raises(ReviewNotDue, match=f"due_on: {due_on} is no day .* the nearest is 2026-04-01"):
        held(reviewed(), due_on, date(2026, 3, 9), now=MARCH_9)
    with pytest.raises(ReviewNotDue, match="the terms ask for none"):
        held(active(), due_on, date(2026, 3, 9), now=MARCH_9)


@pytest.mark.parametrize("held_on", [date(2025, 12, 31), date(2026, 3, 10)])
def test_a_review_was_held_from_the_first_day_to_today(held_on: date) -> None:
    with pytest.raises(ReviewNotHeldYet, match=r"held_on: must be from .* 2026-01-01, to today, 2026-03-09 in Europe/Berlin"):
        held(reviewed(), date(2026, 4, 1), held_on, now=MARCH_9)


def test_minutes_have_an_end() -> None:
    with pytest.raises(TextNotFit, match="minutes: must have at most 20000 characters, not 20001"):
        held(reviewed(), date(2026, 4, 1), date(2026, 3, 9), now=MARCH_9, minutes="x" * 20_001)


# the archive


def test_what_has_ended_is_put_away_after_its_last_day_and_stays_as_it_was() -> None:
    ended = then(active(), lifecycle.terminate(active(), last_day=date(2026, 3, 31), by=CUSTOMER, recorded_at=MARCH_9))
    with pytest.raises(NotEnded, match="its last day is 2026-03-31"):
        lifecycle.archive(ended, by=PROVIDER, recorded_at=at(date(2026, 3, 31)))
    facts = lifecycle.archive(ended, by=PROVIDER, recorded_at=at(date(2026, 4, 1)))
    assert facts == (Archived(archived_by=PROVIDER),)
    archived = then(ended, facts)
    assert (archived.status, archived.status_on(date(2026, 3, 31)), archived.status_on(date(2026, 4, 1))) == (
        "archived",
        "active",
        "archived",
    )
    assert archived.version(1) == ended.version(1)


@pytest.mark.parametrize("agreement", [drafted(), proposed(), active()])
def test_only_what_has_ended_is_archived(agreement: Agreement) -> None:
    with pytest.raises(NotEnded):
        lifecycle.archive(agreement, by=PROVIDER, recorded_at=MARCH_9)


def test_nothing_happens_to_what_is_archived() -> None:
    archived = then(active(), [Expired(last_day=END, provider=PROVIDER), Archived(archived_by=PROVIDER)])
    later = at(date(2027, 2, 1))
    decisions: list[Callable[[], object]] = [
        lambda: lifecycle.archive(archived, by=CUSTOMER, recorded_at=later),
        lambda: lifecycle.terminate(archived, last_day=END, by=CUSTOMER, recorded_at=later),
        lambda: lifecycle.give_notice(archived, by=CUSTOMER, recorded_at=later),
        lambda: requested(archived, now=later),
        lambda: held(archived, date(2026, 4, 1), date(2026, 4, 1), now=later),
        lambda: negotiation.comment(archived, place="title", text="Old", by=CUSTOMER, subject="Marta", recorded_at=later),
        lambda: negotiation.withdraw(archived, by=CUSTOMER),
        lambda: amendment_proposed(archived, terms(availability_of("99.95")), effective_on=date(2026, 5, 1)),
    ]
    for decide in decisions:
        with pytest.raises(HasBeenArchived):
            decide()
    assert passed(archived, later)[1] == []


# when to look


def next_look(agreement: Agreement, now: datetime) -> str:
    instant = passing.next_look(agreement, recorded_at=now)
    return "" if instant is None else instant_text(instant)


def test_the_next_look_is_at_the_first_thing_that_time_will_do() -> None:
    assert next_look(drafted(), MARCH_9) == ""
    assert next_look(proposed(), MARCH_9) == ""
    assert next_look(active(), MARCH_9) == "2026-12-31T23:00:00Z"
    assert next_look(renewing(), MARCH_9) == "2026-10-02T22:00:00Z"
    assert next_look(given_notice(renewing(), MARCH_9), MARCH_9) == "2026-12-31T23:00:00Z"
    assert next_look(renewing(every="quarter"), MARCH_9) == "2026-03-31T22:00:00Z"


def test_at_the_next_look_something_is_due_and_a_second_before_nothing_is() -> None:
    agreement, now = renewing(every="half-year"), MARCH_9
    happened: list[str] = []
    for _ in range(6):
        instant = passing.next_look(agreement, recorded_at=now)
        assert instant is not None
        look = datetime_of(instant)
        assert passed(agreement, look - timedelta(seconds=1))[1] == []
        agreement, told = passed(agreement, look)
        happened += [type(fact).__name__ for fact in told]
        now = look
    assert happened == ["ReviewDue", "Renewed", "ReviewDue", "ReviewDue", "Renewed", "ReviewDue"]


def test_a_request_is_made_of_what_was_asked() -> None:
    facts = lifecycle.request_suspension(active(), first_day=APRIL_10, last_day=None, reason="Move", by=CUSTOMER, recorded_at=MARCH_9)
    assert facts == (SuspensionRequested(first_day=APRIL_10, last_day=None, organisation=CUSTOMER, reason="Move"),)
