"""Forecasts: worked values, and how often the truth lies within the bounds on simulated services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.figure import DayResult
from services.measurement.forecast import LEAST_DAYS, Forecast, forecast
from services.measurement.observation import Evidence
from services.vocabulary.period import Month
from tests.measurement.calculation import BERLIN, DAY, JUNE_SPAN, LAW, MINUTE, UTC, at, later, measured, minute, outage, six

BUDGET = Fraction(1, 1000)
JUNE_DAYS = 30
DAY_MINUTES = 1_440


def june(bad: Sequence[int], whole: int = DAY_MINUTES) -> list[DayResult]:
    """The first days of June, by what was bad of each."""
    return [DayResult(day=date(2026, 6, 1) + timedelta(days=place), good=whole - lost, whole=whole) for place, lost in enumerate(bad)]


def after(days: Sequence[DayResult], *, until_day: float | None = None, budget: Fraction = BUDGET) -> Forecast | None:
    until = later(JUNE_SPAN.start, int((len(days) if until_day is None else until_day) * DAY))
    return forecast(days, period=JUNE_SPAN, until=until, zone=UTC, budget=budget)


def told(found: Forecast | None) -> tuple[str, str, str, int]:
    assert found is not None
    return six(found.expected), six(found.low), six(found.high), found.days_seen


@pytest.mark.parametrize(
    ("outages", "until_day", "expected"),
    [
        ([], 10, ("100.000000", "99.300000", "100.000000", 10)),
        ([(5_000, 5_030)], 10, ("99.791666", "98.750000", "99.930555", 10)),
        ([(5_000, 5_030), (8_000, 8_010)], 20, ("99.861111", "99.490740", "99.907407", 20)),
        ([], 28, ("100.000000", "99.900000", "100.000000", 28)),
        ([], 3, ("100.000000", "97.800000", "100.000000", 3)),
    ],
)
def test_worked_values_of_a_month_of_time(outages: list[tuple[int, int]], until_day: int, expected: tuple[str, str, str, int]) -> None:
    evidence = Evidence(outages=[outage(-60, -50), *(outage(start, end) for start, end in outages)])
    until = minute(until_day * DAY_MINUTES)
    result = measured(evidence, measured_until=until)
    assert told(forecast(result.days, period=JUNE_SPAN, until=until, zone=UTC, budget=BUDGET)) == expected


def test_the_expected_end_is_the_figure_to_date_carried_on() -> None:
    found = after(june([10, 0, 0, 30, 0]))
    assert found is not None
    assert found.expected == Fraction((DAY_MINUTES * 5 - 40) * 10**8 // (DAY_MINUTES * 5), 10**8)
    assert found.confidence == Fraction(9, 10)


def test_the_best_that_can_come_is_that_nothing_else_fails() -> None:
    found = after(june([0] * 9 + [30]))
    assert found is not None
    assert six(found.high) == "99.930555"


def test_a_clean_start_does_not_promise_a_clean_end() -> None:
    found = after(june([0] * 10))
    assert found is not None
    assert found.low < 1 - BUDGET < found.expected == found.high == 1


def test_a_service_that_fails_evenly_is_known_narrowly() -> None:
    found = after(june([2] * 15, whole=10_000))
    assert found is not None
    assert (six(found.low), six(found.expected), six(found.high)) == ("99.977333", "99.980000", "99.980000")


def test_fewer_than_three_whole_days_forecast_nothing() -> None:
    assert LEAST_DAYS == 3
    assert after(june([0, 0])) is None
    assert after(june([0, 0, 0]), until_day=2.99) is None
    assert told(after(june([0, 0, 0])))[-1] == 3


def test_a_period_that_is_over_has_an_end_and_no_forecast() -> None:
    assert after(june([0] * JUNE_DAYS)) is None
    assert after(june([0] * JUNE_DAYS), until_day=31) is None
    assert after(june([0] * JUNE_DAYS), until_day=29.99) is not None


def test_where_nothing_counted_there_is_nothing_to_carry_on() -> None:
    assert after(june([0] * 5, whole=0)) is None
    assert after([], until_day=10) is None


def test_days_without_a_result_had_nothing_that_counted() -> None:
    days = june([0] * 10, whole=2)
    weekdays = [day for day in days if day.day.weekday() < 5]
    found = after([replace(weekdays[0], good=1), *weekdays[1:]], until_day=10)
    assert found is not None
    assert found.days_seen == 10
    assert six(found.expected) == "93.750000"
    assert found.low < found.expected < found.high


def test_the_rest_of_a_day_that_has_begun_is_a_part_of_a_day() -> None:
    steady = [DayResult(day=date(2026, 6, 1) + timedelta(days=place), good=1_430, whole=1_440) for place in range(29)]
    half = DayResult(day=date(2026, 6, 30), good=720, whole=720)
    found = after([*steady, half], until_day=29.5)
    assert found is not None
    exact = Fraction(29 * 1_430 + 720 + 715, 30 * 1_440)
    assert found.low == Fraction(exact.numerator * 10**8 // exact.denominator, 10**8)


def test_days_are_those_of_the_zone() -> None:
    march = Month(2026, 3).bounds(BERLIN)
    until = at("2026-03-30T22:00Z")
    result = measured(Evidence(outages=[outage(-500_000, -499_990)]), span=march, zone=BERLIN, measured_until=until)
    found = forecast(result.days, period=march, until=until, zone=BERLIN, budget=BUDGET)
    assert found is not None
    assert found.days_seen == 30
    assert forecast(result.days, period=march, until=later(until, -MINUTE), zone=BERLIN, budget=BUDGET) is not None


def test_the_same_days_give_the_same_forecast_whatever_their_order() -> None:
    days = june([0, 0, 7, 0, 60, 0, 0, 1])
    assert after(days) == after(days)
    assert told(after(list(reversed(days)), until_day=8)) == told(after(days))


def test_amounts_beyond_64_bits_stay_exact() -> None:
    large = 288 * 10**18
    small = after(june([0, 3, 0, 0], whole=288))
    assert small is not None
    scaled = after([replace(day, good=day.good * 10**18, whole=day.whole * 10**18) for day in june([0, 3, 0, 0], whole=288)])
    assert small.low <= 1 - Fraction(3 * 10**18, 30 * large)
    assert scaled == small


def test_more_certainty_asked_for_gives_wider_bounds() -> None:
    days = june([0, 0, 7, 0, 60, 0, 0, 1])
    half, most = (
        forecast(days, period=JUNE_SPAN, until=minute(8 * DAY_MINUTES), zone=UTC, budget=BUDGET, confidence=confidence)
        for confidence in (Fraction(1, 2), Fraction(99, 100))
    )
    assert half is not None
    assert most is not None
    assert most.low < half.low <= half.expected <= half.high < most.high


losses = st.lists(st.one_of(st.just(0), st.integers(0, DAY_MINUTES)), min_size=3, max_size=29)


@LAW
@given(bad=losses)
def test_bounds_hold_the_expected_and_lie_within_what_is_possible(bad: list[int]) -> None:
    found = after(june(bad))
    assert found is not None
    assert 0 <= found.low <= found.expected <= found.high <= 1
    to_come = (JUNE_DAYS - len(bad)) * DAY_MINUTES
    best = Fraction(len(bad) * DAY_MINUTES - sum(bad) + to_come, JUNE_DAYS * DAY_MINUTES)
    worst = Fraction(len(bad) * DAY_MINUTES - sum(bad), JUNE_DAYS * DAY_MINUTES)
    assert worst - Fraction(1, 10**8) <= found.low
    assert found.expected == found.high or found.high <= best


@LAW
@given(bad=losses, more=st.integers(1, DAY_MINUTES))
def test_a_worse_day_never_raises_what_is_expected(bad: list[int], more: int) -> None:
    worse = [min(DAY_MINUTES, bad[0] + more), *bad[1:]]
    before, now = after(june(bad)), after(june(worse))
    assert before is not None
    assert now is not None
    assert now.expected <= before.expected


# --- coverage on simulated services -------------------------------------------------------------------------------------


def coverage(simulated: np.ndarray[tuple[int, int], np.dtype[np.int64]], seen: int, whole: int) -> tuple[Fraction, Fraction]:
    """The shares of the simulated months that ended within the bounds, and not below them."""
    within = above = 0
    for bad in simulated.tolist():
        found = after(june(bad[:seen], whole))
        assert found is not None
        end = 1 - Fraction(sum(bad), whole * JUNE_DAYS)
        within += found.low <= end <= found.high + Fraction(1, 10**8)
        above += end >= found.low
    return Fraction(within, len(simulated)), Fraction(above, len(simulated))


MONTHS = 300


@pytest.mark.parametrize("seen", [5, 10, 20])
@pytest.mark.parametrize("often", [0.1, 0.3, 0.7])
def test_of_services_that_fail_at_times_at_least_four_in_five_months_end_within_the_bounds(seen: int, often: float) -> None:
    chance = np.random.Generator(np.random.PCG64(seen * 100 + int(often * 10)))
    lasts = chance.exponential(20, size=(MONTHS, JUNE_DAYS)).astype(np.int64) + 1
    fails = chance.random((MONTHS, JUNE_DAYS)) < often
    within, above = coverage(np.where(fails, np.minimum(lasts, DAY_MINUTES), 0), seen, DAY_MINUTES)
    assert within >= Fraction(80, 100)
    assert above >= Fraction(85, 100)


@pytest.mark.parametrize("seen", [5, 10, 20])
def test_of_services_that_lose_requests_every_day_as_well(seen: int) -> None:
    chance = np.random.Generator(np.random.PCG64(seen))
    rates = chance.gamma(2.0, 0.0005, size=(MONTHS, JUNE_DAYS))
    within, above = coverage(chance.binomial(100_000, rates).astype(np.int64), seen, 100_000)
    assert within >= Fraction(80, 100)
    assert above >= Fraction(85, 100)


@pytest.mark.parametrize("seen", [5, 10, 20])
def test_of_services_with_heavy_tails_it_is_still_three_in_four(seen: int) -> None:
    """The bounds are known to be too narrow here: nominally nine in ten."""
    chance = np.random.Generator(np.random.PCG64(500 + seen))
    lasts = chance.lognormal(2.5, 1.5, size=(MONTHS, JUNE_DAYS)).astype(np.int64) + 1
    fails = chance.random((MONTHS, JUNE_DAYS)) < 0.3
    within, _ = coverage(np.where(fails, np.minimum(lasts, DAY_MINUTES), 0), seen, DAY_MINUTES)
    assert within >= Fraction(75, 100)
