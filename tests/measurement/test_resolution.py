"""Resolution time: whose month a ticket belongs to, what stops its clock, and which tickets count."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import TicketVerdict, Verdict
from services.measurement.objective import Reopened, ResolutionTime
from services.measurement.observation import Evidence, TicketEvent
from services.vocabulary.period import HOUR, Instant, Interval, Microseconds, Month
from tests.measurement.calculation import BERLIN, JUNE_SPAN, LAW, UTC, at, hours, later, measured, minute, minutes, objective, step

EIGHT_HOURS = objective(ResolutionTime(within=hours(8)), "90")
RUNS_ON = objective(ResolutionTime(within=hours(8), reopened="runs-on"), "90")
DUE = 8 * 60


def test_18_met_1_missed_1_open_and_overdue_and_3_not_due_make_18_of_20() -> None:
    now = 10_000
    opened_long_ago = [step(f"t{n}", n, "opened") for n in range(20)]
    met = [step(f"t{n}", n + DUE - 1, "resolved") for n in range(18)]
    missed = [step("t18", 18 + DUE + 1, "resolved")]
    not_due = [step(f"u{n}", now - 10, "opened") for n in range(3)]
    result = measured(Evidence(tickets=[*opened_long_ago, *met, *missed, *not_due]), EIGHT_HOURS, measured_until=minute(now))
    assert (result.good, result.whole, result.unit) == (18, 20, "tickets")
    assert result.attainment == Fraction(90, 100)
    verdicts = [ticket.verdict for ticket in result.tickets]
    assert [verdicts.count(kind) for kind in (TicketVerdict.MET, TicketVerdict.MISSED, TicketVerdict.OPEN)] == [18, 2, 3]


def test_no_tickets_are_not_applicable_and_neither_0_nor_100() -> None:
    result = measured(Evidence(), EIGHT_HOURS)
    assert (result.attainment, result.whole, result.verdict) == (None, 0, Verdict.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("opened", "closed", "elapsed_hours"),
    [("2026-10-22T22:30Z", "2026-10-27T11:00Z", 108.5), ("2026-03-27T22:30Z", "2026-03-31T10:00Z", 83.5)],
)
def test_the_clock_around_the_clock_measures_elapsed_time_over_a_change_of_clocks(opened: str, closed: str, elapsed_hours: float) -> None:
    """Fri 23 Oct 00:30 to Tue 27 Oct 12:00, and Fri 27 Mar 23:30 to Tue 31 Mar 12:00, in Berlin."""
    elapsed = int(elapsed_hours * HOUR)
    events = [TicketEvent(ticket="t", at=at(opened), state="opened"), TicketEvent(ticket="t", at=at(closed), state="resolved")]
    span = Interval(later(at(opened), -HOUR), later(at(closed), HOUR))
    for within, good in ((elapsed, 1), (elapsed - 1, 0)):
        promise = objective(ResolutionTime(within=Microseconds(within)))
        result = measured(Evidence(tickets=events), promise, span=span, zone=BERLIN)
        assert (result.good, result.whole) == (good, 1)


@pytest.mark.parametrize(("resolved", "good"), [(DUE, 1), (DUE + 1 / 60, 0)])
def test_resolved_at_the_due_instant_is_in_time(resolved: float, good: int) -> None:
    assert measured(Evidence(tickets=[step("t", 0, "opened"), step("t", resolved, "resolved")]), EIGHT_HOURS).good == good


def test_at_its_due_instant_an_unresolved_ticket_is_missed_and_one_resolved_just_then_is_met() -> None:
    opened, resolved = step("t", 0, "opened"), step("t", DUE, "resolved")
    for events, until, verdict in (
        ([opened], DUE - 1, TicketVerdict.OPEN),
        ([opened], DUE, TicketVerdict.MISSED),
        ([opened, resolved], DUE, TicketVerdict.MET),
    ):
        (ticket,) = measured(Evidence(tickets=events), EIGHT_HOURS, measured_until=minute(until)).tickets
        assert ticket.verdict is verdict


def test_a_ticket_belongs_to_the_period_its_due_instant_lies_in() -> None:
    just_due = [step("in", -DUE, "opened"), step("before", -DUE - 1, "opened"), step("after", 43_200 - DUE, "opened")]
    result = measured(Evidence(tickets=just_due), EIGHT_HOURS)
    assert [ticket.ticket for ticket in result.tickets] == ["in"]


def test_closed_without_resolved_is_resolved_and_a_repeat_is_not_a_second_resolution() -> None:
    events = [step("c", 0, "opened"), step("c", 10, "closed"), step("r", 0, "opened"), step("r", 20, "resolved"), step("r", 30, "resolved")]
    events += [step("r", 40, "closed")]
    for promise in (EIGHT_HOURS, RUNS_ON):
        by_name = {ticket.ticket: ticket.resolved_at for ticket in measured(Evidence(tickets=events), promise).tickets}
        assert by_name == {"c": minute(10), "r": minute(20)}


@pytest.mark.parametrize(
    ("reopened", "verdict", "resolved_at"), [("first-resolution", TicketVerdict.MET, 60), ("runs-on", TicketVerdict.MISSED, 600)]
)
def test_a_reopened_ticket_keeps_its_first_resolution_or_runs_on(reopened: Reopened, verdict: TicketVerdict, resolved_at: int) -> None:
    events = [step("t", 0, "opened"), step("t", 60, "resolved"), step("t", 120, "reopened"), step("t", 600, "resolved")]
    promise = objective(ResolutionTime(within=hours(8), reopened=reopened))
    (ticket,) = measured(Evidence(tickets=events), promise).tickets
    assert (ticket.verdict, ticket.resolved_at) == (verdict, minute(resolved_at))


def test_a_reopening_after_the_month_counts_once_it_is_known() -> None:
    opened = 43_200 - DUE - 1
    events = [step("t", opened, "opened"), step("t", opened + 5, "resolved"), step("t", 43_300, "reopened")]
    at_the_end = measured(Evidence(tickets=events), RUNS_ON, measured_until=JUNE_SPAN.end)
    known_later = measured(Evidence(tickets=events), RUNS_ON, measured_until=minute(43_400))
    assert (at_the_end.good, known_later.good, known_later.whole) == (1, 0, 1)


def test_cancelled_tickets_do_not_count_unless_they_were_reopened() -> None:
    events = [step("gone", 0, "opened"), step("gone", 5, "cancelled"), step("back", 0, "opened"), step("back", 5, "cancelled")]
    events += [step("back", 9, "reopened")]
    assert [ticket.ticket for ticket in measured(Evidence(tickets=events), EIGHT_HOURS).tickets] == ["back"]


def test_a_ticket_has_its_latest_priority() -> None:
    events = [
        step("t", 0, "opened", "4"),
        step("t", 5, "waiting", "1"),
        step("t", 9, "resolved", ""),
        step("u", 0, "opened", "1"),
        step("u", 5, "waiting", "4"),
    ]
    urgent = objective(ResolutionTime(within=hours(8), priorities=("1", "2")))
    assert [(ticket.ticket, ticket.priority) for ticket in measured(Evidence(tickets=events), urgent).tickets] == [("t", "1")]


def test_a_ticket_nobody_reported_as_opened_has_no_clock() -> None:
    assert measured(Evidence(tickets=[step("t", 5, "resolved")]), EIGHT_HOURS).tickets == ()


def test_of_two_steps_at_one_instant_the_one_that_says_less_for_the_provider_is_the_later() -> None:
    steps = [step("t", 0, "opened"), step("t", 5, "reopened"), step("t", 5, "resolved")]
    for events in (steps, steps[::-1]):
        (ticket,) = measured(Evidence(tickets=events), RUNS_ON).tickets
        assert ticket.verdict is TicketVerdict.MISSED


def test_steps_at_one_instant_follow_the_order_their_source_gave_them() -> None:
    told = [("opened", 1), ("resolved", 2), ("reopened", 3), ("closed", 4)]
    events = [TicketEvent(ticket="t", at=minute(5), state=state, step=place) for state, place in told]
    for shuffled in (events, events[::-1]):
        (ticket,) = measured(Evidence(tickets=shuffled), RUNS_ON).tickets
        assert (ticket.opened_at, ticket.resolved_at) == (minute(5), minute(5))


STATES = st.sampled_from(["opened", "waiting", "resolved", "reopened", "closed", "cancelled"])
EVENTS = st.lists(
    st.builds(step, st.sampled_from("abcdef"), st.integers(-900, 4_000), STATES, st.sampled_from(["1", "2", ""])), max_size=30
)
INDICATORS = st.builds(
    ResolutionTime,
    within=st.integers(1, 30).map(hours),
    priorities=st.sampled_from([(), ("1",), ("1", "2")]),
    reopened=st.sampled_from(["first-resolution", "runs-on"]),
)


@LAW
@given(EVENTS, INDICATORS, st.integers(0, 5_000))
def test_order_and_repetition_change_nothing(events: list[TicketEvent], indicator: ResolutionTime, until: int) -> None:
    again = Evidence(tickets=[*events[::-1], *events[:5]])
    promise = objective(indicator)
    assert measured(again, promise, measured_until=minute(until)) == measured(
        Evidence(tickets=events), promise, measured_until=minute(until)
    )


@LAW
@given(EVENTS, INDICATORS, st.integers(1, 5_000), st.integers(0, 5_000))
def test_every_ticket_belongs_to_exactly_one_of_neighbouring_periods(
    events: list[TicketEvent], indicator: ResolutionTime, cut: int, until: int
) -> None:
    promise, evidence = objective(indicator), Evidence(tickets=events)
    first, second, whole = (
        measured(evidence, promise, span=span, measured_until=minute(until))
        for span in (minutes(0, cut), minutes(cut, 6_000), minutes(0, 6_000))
    )
    assert first.tickets + second.tickets == whole.tickets
    assert (first.good + second.good, first.whole + second.whole) == (whole.good, whole.whole)


@LAW
@given(EVENTS, INDICATORS, st.integers(0, 5_000))
def test_the_figure_is_the_sum_of_its_tickets_and_of_its_days(events: list[TicketEvent], indicator: ResolutionTime, until: int) -> None:
    result = measured(Evidence(tickets=events), objective(indicator), measured_until=minute(until))
    counted = [ticket for ticket in result.tickets if ticket.verdict is not TicketVerdict.OPEN]
    assert (result.good, result.whole) == (sum(ticket.verdict is TicketVerdict.MET for ticket in counted), len(counted))
    assert (result.good, result.whole) == (sum(day.good for day in result.days), sum(day.whole for day in result.days))
    for ticket in result.tickets:
        assert (ticket.verdict is TicketVerdict.OPEN) == (ticket.resolved_at is None and ticket.due_at > minute(until))


@LAW
@given(EVENTS, st.integers(1, 30), st.integers(0, 5_000))
def test_running_on_never_makes_a_figure_better(events: list[TicketEvent], within: int, until: int) -> None:
    kept, ran_on = (
        measured(Evidence(tickets=events), objective(ResolutionTime(within=hours(within), reopened=rule)), measured_until=minute(until))
        for rule in ("first-resolution", "runs-on")
    )
    assert ran_on.good <= kept.good


def test_a_month_in_berlin_counts_tickets_by_its_own_midnight() -> None:
    due_at_midnight = [TicketEvent(ticket="t", at=Instant(at("2026-03-31T22:00Z") - 8 * HOUR), state="opened")]
    march, april = (
        measured(Evidence(tickets=due_at_midnight), EIGHT_HOURS, span=Month(2026, month).bounds(BERLIN), zone=BERLIN) for month in (3, 4)
    )
    assert (march.whole, april.whole) == (0, 1)
    assert measured(Evidence(tickets=due_at_midnight), EIGHT_HOURS, span=Month(2026, 3).bounds(UTC)).whole == 1
