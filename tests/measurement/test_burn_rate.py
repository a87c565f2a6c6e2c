"""Burn rates and their alerts: the workbook's numbers, and laws against counting by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.burn_rate import ALERTS, WINDOWS, Alert, BurnRate, alert, burn_rates, burns, measure_of
from services.measurement.objective import Availability, Composite, RequestRatio, ResolutionTime
from services.measurement.observation import Evidence
from services.vocabulary.period import Interval
from tests.measurement.calculation import (
    DAY,
    HOUR,
    JUNE_SPAN,
    LAW,
    MINUTE,
    UTC,
    counters,
    hours,
    later,
    maintenance,
    minute,
    objective,
    outage,
)

BUDGET = Fraction(1, 1000)
PROMISE = objective()
BEFORE = outage(-60, -50)
"""The component reports by outages."""


def rates_at(number: float, *outages: tuple[float, float], budget: Fraction = BUDGET) -> tuple[BurnRate, ...]:
    evidence = Evidence(outages=[BEFORE, *(outage(start, end) for start, end in outages)])
    measure = measure_of(PROMISE, evidence, zone=UTC, maintenance=())
    return burn_rates(measure, until=minute(number), start=JUNE_SPAN.start, budget=budget)


def constant(bad: int, whole: int) -> Callable[[Interval], tuple[int, int]]:
    return lambda _: (bad, whole)


def named(found: Alert | None) -> tuple[str, Fraction] | None:
    return (found.rule.severity, found.rule.factor) if found else None


def test_the_rules_spend_2_5_and_10_percent_of_30_days_budget() -> None:
    assert [rule.factor * Fraction(rule.long, 30 * DAY) for rule in ALERTS] == [Fraction(2, 100), Fraction(5, 100), Fraction(10, 100)]
    assert [Fraction(rule.long, rule.short) for rule in ALERTS] == [12, 12, 12]
    assert [rule.severity for rule in ALERTS] == ["page", "page", "ticket"]


def test_a_rate_is_the_bad_share_of_its_window_over_the_budget() -> None:
    by_window = {rate.window: rate for rate in rates_at(10_000, (9_990, 9_993))}
    assert tuple(by_window) == WINDOWS == (5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, 72 * HOUR)
    assert by_window[hours(1)].rate == 50
    assert by_window[hours(6)].rate == Fraction(25, 3)
    assert by_window[hours(72)].rate == Fraction(3, 4320) * 1000
    assert by_window[WINDOWS[0]].bad == by_window[WINDOWS[0]].rate == 0


@pytest.mark.parametrize(
    ("until", "down", "expected"),
    [
        (10_000, (9_999, 10_000), ("page", Fraction(72, 5))),
        (10_000, (9_900, 9_910), ("ticket", Fraction(1))),
        (10_000, (9_930, 9_934), None),
        (10_000, (9_965, 9_970.5), ("page", Fraction(6))),
        (10_000, (9_965, 9_968), None),
        (10_000, (9_600, 9_615), None),
        (10_000, (5_900, 5_990), None),
    ],
)
def test_an_alert_needs_both_windows(until: float, down: tuple[float, float], expected: tuple[str, Fraction] | None) -> None:
    assert named(alert(rates_at(until, down))) == expected


def test_the_second_page_is_for_what_burns_slower_and_longer() -> None:
    every_hour = [(minute - 0.45, minute) for minute in range(9_650, 10_001, 25)]
    rates = rates_at(10_000, *every_hour)
    assert [rate.rate for rate in rates[2:4]] == [Fraction(135, 6), Fraction(75, 4)]
    slow = [(start + 0.2, end) for start, end in every_hour]
    found = alert(rates_at(10_000, *slow))
    assert named(found) == ("page", Fraction(6))
    assert found is not None
    assert (found.long.window, found.short.window) == (6 * HOUR, 30 * MINUTE)


def test_a_rule_needs_strictly_more_than_its_factor() -> None:
    assert alert(burn_rates(constant(144, 10_000), until=minute(10_000), start=JUNE_SPAN.start, budget=BUDGET)) is not None
    assert named(alert(burn_rates(constant(144, 10_000), until=minute(10_000), start=JUNE_SPAN.start, budget=BUDGET))) == (
        "page",
        Fraction(6),
    )
    assert named(alert(burn_rates(constant(145, 10_000), until=minute(10_000), start=JUNE_SPAN.start, budget=BUDGET))) == (
        "page",
        Fraction(72, 5),
    )
    assert alert(burn_rates(constant(10, 10_000), until=minute(10_000), start=JUNE_SPAN.start, budget=BUDGET)) is None


def test_a_window_ends_where_the_period_starts_and_says_so() -> None:
    rates = rates_at(20, (-40, -30), (10, 11))
    assert [rate.complete for rate in rates] == [True, False, False, False, False]
    assert {rate.interval for rate in rates[1:]} == {Interval(JUNE_SPAN.start, minute(20))}
    assert {rate.rate for rate in rates[1:]} == {50}


def test_an_alert_waits_until_its_short_window_was_seen_whole() -> None:
    assert alert(rates_at(4, (1, 4))) is None
    assert named(alert(rates_at(5, (1, 4)))) == ("page", Fraction(72, 5))


def test_before_the_period_there_is_no_rate() -> None:
    assert rates_at(0) == rates_at(-5) == ()
    assert alert(()) is None


def test_where_nothing_counted_there_is_no_rate_and_no_alert() -> None:
    rates = burn_rates(constant(0, 0), until=minute(10_000), start=JUNE_SPAN.start, budget=BUDGET)
    assert {rate.rate for rate in rates} == {None}
    assert alert(rates) is None


def test_of_a_budget_of_nothing_anything_bad_pages() -> None:
    quiet, spent = rates_at(10_000, budget=Fraction(0)), rates_at(10_000, (9_998, 9_999), budget=Fraction(0))
    assert {rate.rate for rate in quiet} == {rate.rate for rate in spent} == {None}
    assert alert(quiet) is None
    assert named(alert(spent)) == ("page", Fraction(72, 5))


def test_what_the_figure_leaves_out_burns_nothing() -> None:
    window = maintenance(9_940, 9_990)
    evidence = Evidence(outages=[BEFORE, outage(9_940, 9_990)])
    measure = measure_of(PROMISE, evidence, zone=UTC, maintenance=[window])
    assert measure(Interval(minute(9_940), minute(10_000))) == (0, 10 * MINUTE)


def test_requests_burn_by_their_own_count() -> None:
    rows = counters((minute(9_999), 900, 1_000), (minute(9_000), 5_000, 5_000))
    measure = measure_of(objective(RequestRatio()), Evidence(counters={"web": rows}), zone=UTC, maintenance=())
    rates = {rate.window: rate.rate for rate in burn_rates(measure, until=minute(10_000), start=JUNE_SPAN.start, budget=BUDGET)}
    assert rates[hours(1)] == 100
    assert rates[hours(72)] == Fraction(100, 6_000) * 1000


def test_tickets_and_composites_do_not_burn() -> None:
    tickets, composite = ResolutionTime(within=hours(8)), Composite(of=("a",), rule="all")
    assert burns(Availability(components=("db",)))
    assert not burns(tickets)
    assert not burns(composite)
    with pytest.raises(AssertionError):
        measure_of(objective(tickets), Evidence(), zone=UTC, maintenance=())


outages = st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 400)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=6)


@LAW
@given(found=outages, until=st.integers(1, 5_400))
def test_every_window_counts_the_minutes_a_reader_would(found: list[tuple[int, int]], until: int) -> None:
    down = {number for start, end in found for number in range(start, end)}
    for rate in rates_at(until, *found):
        first = max(0, until - rate.window // MINUTE)
        assert rate.bad == len([number for number in range(first, until) if number in down]) * MINUTE
        assert rate.whole == (until - first) * MINUTE
        assert rate.interval == Interval(minute(first), later(minute(until), 0))


@LAW
@given(found=outages, more=outages, until=st.integers(5, 5_400))
def test_more_down_time_never_silences_an_alert(found: list[tuple[int, int]], more: list[tuple[int, int]], until: int) -> None:
    before, after = alert(rates_at(until, *found)), alert(rates_at(until, *found, *more))
    if before:
        assert after is not None
        assert ALERTS.index(after.rule) <= ALERTS.index(before.rule)
