"""Intervals and slices: worked values, both sides of every threshold, and laws against a reading of each interval by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.figure import Figure
from services.measurement.interval import length, union
from services.measurement.objective import Empty, IntervalMean, TimeSlices
from services.measurement.observation import Counters, Evidence, Latencies
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval, Microseconds, parse_zone
from tests.measurement.calculation import (
    BERLIN,
    JUNE_SPAN,
    LAW,
    counters,
    latencies,
    mean_of_intervals,
    minute,
    minutes,
    seen_of,
    six,
    sliced,
)

WHOLE = 10**18
MS = 1_000
FIVE = Microseconds(5 * MINUTE)
ONE = Microseconds(MINUTE)
MEAN = IntervalMean(every=FIVE)
OVER_5_PERCENT = TimeSlices(every=ONE, error_above=Fraction(5, 100))
KOLKATA = parse_zone("Asia/Kolkata")


def reported(*rows: tuple[float, int, int]) -> Evidence:
    return Evidence(counters={"api": counters(*((minute(number), good, total) for number, good, total in rows))})


def every_minute(bad: Sequence[int], *, of: int = 43_200, good: int = 0, total: int = 100) -> Evidence:
    rows = np.full(of, total, dtype=np.int64)
    rows[list(bad)] = good
    at = np.arange(of, dtype=np.int64) * MINUTE + JUNE_SPAN.start
    return Evidence(counters={"api": Counters(at=at, good=rows, total=np.full(of, total, dtype=np.int64))})


# --- mean of intervals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failed", "expected"),
    [(8, "99.907407"), (9, "99.895833"), (86, "99.004629"), (87, "98.993055"), (432, "95.000000"), (433, "94.988425")],
)
def test_of_8640_intervals_some_failed_wholly(failed: int, expected: str) -> None:
    result = mean_of_intervals(reported(*((5 * n, 0 if n < failed else 10, 10) for n in range(8_640))), MEAN)
    assert (six(result.attainment), result.whole, result.unit) == (expected, 8_640 * WHOLE, "10^-18 intervals")
    assert (len(result.slices), result.spent, result.stake) == (failed, failed * WHOLE, result.whole)
    assert all(one.bad and one.share == 0 and one.cause == "errors" for one in result.slices)


def test_a_million_failures_in_one_interval_are_one_interval() -> None:
    evidence = reported((0, 0, 1_000_000), *((5 * n, 1, 1) for n in range(1, 1_001)), (9_000, 999_000, 999_000))
    assert six(mean_of_intervals(evidence, MEAN).attainment) == "99.988425"


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    evidence = Evidence(counters={"api": counters((minute(5), 0, 1), (Instant(minute(10) - 1), 1, 1), (minute(10), 3, 4))})
    result = mean_of_intervals(evidence, MEAN)
    assert [(one.interval, one.good, one.total, one.share, one.bad) for one in result.slices] == [
        (minutes(5, 10), 1, 2, WHOLE // 2, False),
        (minutes(10, 15), 3, 4, WHOLE * 3 // 4, False),
    ]


def test_intervals_are_cut_since_1970_and_one_that_the_period_cuts_counts_by_its_part() -> None:
    evidence = reported((1, 0, 10), (2, 5, 10), (7, 1, 10), (8, 0, 10))
    result = mean_of_intervals(evidence, MEAN, span=minutes(2, 8))
    assert [(one.interval, one.good, one.total) for one in result.slices] == [(minutes(2, 5), 5, 10), (minutes(5, 8), 1, 10)]
    assert (result.whole, result.good) == (2 * WHOLE, WHOLE * 6 // 10)


def test_a_day_has_the_intervals_that_begin_in_it() -> None:
    hourly = IntervalMean(every=Microseconds(HOUR))
    span = Interval(minute(18 * 60), minute(19 * 60))
    result = mean_of_intervals(reported((18 * 60 + 45, 1, 2)), hourly, span=span, zone=KOLKATA)
    assert [(day.day.day, day.good, day.whole) for day in result.days] == [(1, WHOLE // 2, WHOLE), (2, 0, 0)]


def test_the_missing_units_go_to_the_largest_remainders_and_of_equal_ones_to_the_earlier() -> None:
    thirds = mean_of_intervals(reported((0, 1, 3), (5, 1, 3), (10, 1, 3)), MEAN, span=minutes(0, 15))
    assert (thirds.good, [one.share for one in thirds.slices]) == (WHOLE, [WHOLE // 3 + 1, WHOLE // 3, WHOLE // 3])
    uneven = mean_of_intervals(reported((0, 1, 3), (5, 2, 3)), MEAN, span=minutes(0, 10))
    assert [one.share for one in uneven.slices] == [WHOLE // 3, WHOLE * 2 // 3 + 1]
    lost = mean_of_intervals(reported((0, 1, 3), (5, 1, 3)), MEAN, span=minutes(0, 10))
    assert (lost.good, [one.share for one in lost.slices]) == (WHOLE * 2 // 3, [WHOLE // 3, WHOLE // 3])


def test_a_sum_of_different_denominators_that_is_whole_comes_out_whole() -> None:
    result = mean_of_intervals(reported((0, 1, 3), (5, 1, 7), (10, 11, 21)), MEAN, span=minutes(0, 15))
    assert result.good == WHOLE
    assert sum(one.share for one in result.slices) == WHOLE


@pytest.mark.parametrize(
    ("empty", "attainment", "bounds", "coverage", "intervals"),
    [
        ("good", Fraction(7, 8), (Fraction(7, 8), Fraction(7, 8)), 1, 4),
        ("bad", Fraction(3, 8), (Fraction(3, 8), Fraction(3, 8)), 1, 4),
        ("exclude", Fraction(3, 4), (Fraction(3, 4), Fraction(3, 4)), 1, 2),
        ("undetermined", Fraction(3, 4), (Fraction(3, 8), Fraction(7, 8)), Fraction(1, 2), 2),
    ],
)
def test_an_interval_without_a_request_is_what_was_agreed(
    empty: Empty, attainment: Fraction, bounds: tuple[Fraction, Fraction], coverage: Fraction, intervals: int
) -> None:
    evidence = reported((1, 1, 2), (7, 0, 0), (16, 9, 9))
    result = mean_of_intervals(evidence, replace(MEAN, empty=empty), span=minutes(0, 20))
    assert (result.attainment, (result.lower, result.upper), result.coverage) == (attainment, bounds, coverage)
    assert (result.whole, result.certain) == (intervals * WHOLE, empty == "undetermined")
    assert result.unknown == ((minutes(5, 15),) if empty == "undetermined" else ())
    assert result.stake == (4 if empty == "undetermined" else intervals) * WHOLE
    assert [one.interval for one in result.slices if one.cause == "empty"] == ([minutes(5, 10), minutes(10, 15)] if empty == "bad" else [])


def test_nothing_at_all_is_not_applicable_unless_an_empty_interval_says_something() -> None:
    left_out = mean_of_intervals(Evidence(), replace(MEAN, empty="exclude"))
    assert (left_out.attainment, left_out.lower, left_out.upper, left_out.whole) == (None, None, None, 0)
    untold = mean_of_intervals(Evidence(), replace(MEAN, empty="undetermined"))
    assert (untold.attainment, untold.lower, untold.upper, untold.coverage) == (None, Fraction(0), Fraction(1), Fraction(0))
    assert mean_of_intervals(Evidence(), MEAN).attainment == 1
    assert mean_of_intervals(Evidence(), replace(MEAN, empty="bad")).attainment == 0


def test_of_a_period_that_has_not_begun_nothing_is_measured() -> None:
    evidence = reported((-3, 0, 1), (2, 0, 1))
    for result in (
        mean_of_intervals(evidence, MEAN, measured_until=minute(-1)),
        sliced(evidence, replace(OVER_5_PERCENT, minimum_consecutive=3), measured_until=minute(-1)),
        sliced(evidence, OVER_5_PERCENT, span=Interval(Instant(minute(0) + 1), minute(9)), measured_until=minute(0)),
    ):
        assert (result.whole, result.days, result.slices, result.attainment) == (0, (), (), None)


def test_only_the_named_components_are_counted() -> None:
    evidence = Evidence(counters={"api": counters((minute(1), 1, 2)), "web": counters((minute(1), 0, 2))})
    assert mean_of_intervals(evidence, replace(MEAN, components=("api", "absent")), span=minutes(0, 5)).attainment == Fraction(1, 2)
    assert mean_of_intervals(evidence, MEAN, span=minutes(0, 5)).attainment == Fraction(1, 4)


# --- slices over a threshold -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("errors", "up"), [(5, True), (6, False)])
def test_5_errors_of_100_are_up_and_6_are_down_over_5_percent(errors: int, up: bool) -> None:
    result = sliced(reported((3, 100 - errors, 100)), OVER_5_PERCENT)
    assert (result.good, result.whole, result.unit) == (43_200 - (not up), 43_200, "slices")
    assert [(one.interval, one.good, one.total, one.share, one.bad, one.cause) for one in result.slices] == (
        [] if up else [(minutes(3, 4), 94, 100, 0, True, "errors")]
    )


@pytest.mark.parametrize(("bad", "expected"), [(43, "99.900462"), (44, "99.898148"), (60, "99.861111")])
def test_minutes_of_a_suite_over_5_percent_errors(bad: int, expected: str) -> None:
    result = sliced(every_minute(range(1_000, 1_000 + bad), good=94), OVER_5_PERCENT)
    assert (six(result.attainment), result.spent, result.stake) == (expected, bad, 43_200)


def test_twenty_outages_of_four_minutes_are_none_under_five_in_a_row() -> None:
    bad = [100 * n + k for n in range(20) for k in range(4)]
    result = sliced(every_minute(bad), replace(OVER_5_PERCENT, minimum_consecutive=5))
    assert (six(result.attainment), len(result.slices)) == ("100.000000", 80)
    assert all(not one.bad and one.share == WHOLE for one in result.slices)
    assert sliced(every_minute(bad), replace(OVER_5_PERCENT, minimum_consecutive=4)).spent == 80


@pytest.mark.parametrize(("run", "counted"), [(range(100, 104), 0), (range(100, 105), 5), (range(100, 106), 6)])
def test_a_run_of_the_minimum_counts_and_a_shorter_one_does_not(run: range, counted: int) -> None:
    result = sliced(every_minute(run), replace(OVER_5_PERCENT, minimum_consecutive=5))
    assert (result.spent, sum(one.bad for one in result.slices), len(result.slices)) == (counted, counted, len(run))


@pytest.mark.parametrize(("bad", "counted"), [(range(58, 63), 2), (range(58, 62), 0), (range(55, 60), 5), (range(56, 60), 0)])
def test_a_run_is_not_cut_by_the_periods_edge(bad: range, counted: int) -> None:
    five = replace(OVER_5_PERCENT, minimum_consecutive=5)
    evidence = every_minute(bad, of=300)
    assert sliced(evidence, five, span=minutes(0, 60)).spent == counted
    after = sliced(evidence, five, span=minutes(60, 120)).spent
    assert after == sliced(evidence, five, span=minutes(0, 120)).spent - counted


def test_a_run_goes_no_further_than_the_measurement() -> None:
    five = replace(OVER_5_PERCENT, minimum_consecutive=5)
    evidence = every_minute(range(58, 63), of=300)
    assert sliced(evidence, five, span=minutes(0, 60), measured_until=minute(62)).spent == 0
    assert sliced(evidence, five, span=minutes(0, 60), measured_until=Instant(minute(62) + 1)).spent == 2
    as_bad = replace(five, empty="bad")
    assert sliced(every_minute(range(58, 60), of=60), as_bad, span=minutes(0, 60), measured_until=minute(62)).spent == 0
    assert sliced(every_minute(range(58, 60), of=60), as_bad, span=minutes(0, 60), measured_until=minute(63)).spent == 2


@pytest.mark.parametrize(("total", "bad"), [(9, 0), (10, 1), (11, 1)])
def test_a_slice_with_fewer_events_than_the_minimum_is_good(total: int, bad: int) -> None:
    assert sliced(reported((3, 0, total)), replace(OVER_5_PERCENT, minimum_events=10)).spent == bad


@pytest.mark.parametrize(("slow", "bad"), [(5, 0), (6, 1)])
def test_a_slice_is_bad_when_its_percentile_is_above_the_threshold(slow: int, bad: int) -> None:
    rows = [(minute(3), 800 * MS)] * (100 - slow) + [(minute(3), 800 * MS + 1)] * slow
    indicator = TimeSlices(every=ONE, percentile=Fraction(95, 100), latency_above_us=800 * MS)
    result = sliced(Evidence(latencies={"api": latencies(*rows)}), indicator)
    assert (result.spent, [(one.good, one.total, one.cause) for one in result.slices]) == (bad, [(94, 100, "latency")] * bad)


def test_bad_slices_that_adjoin_each_other_are_one_outage_of_the_objective() -> None:
    result = sliced(every_minute([*range(10, 15), 20, 43_199]), replace(OVER_5_PERCENT, components=("api",)))
    assert [(each.interval, each.components, each.cause) for each in result.outages] == [
        (minutes(10, 15), ("api",), "errors"),
        (minutes(20, 21), ("api",), "errors"),
        (minutes(43_199, 43_200), ("api",), "errors"),
    ]


def test_a_run_too_short_to_count_is_no_outage() -> None:
    four_then_five = every_minute([*range(10, 14), *range(20, 25)])
    assert [each.interval for each in sliced(four_then_five, replace(OVER_5_PERCENT, minimum_consecutive=5)).outages] == [minutes(20, 25)]


def test_an_outage_of_slices_names_every_cause_and_stays_in_the_period() -> None:
    only_errors_and_nothing = reported((2, 0, 100), (7, 100, 100))
    result = sliced(only_errors_and_nothing, TimeSlices(every=FIVE, error_above=Fraction(5, 100), empty="bad"), span=minutes(2, 20))
    assert [(each.interval, each.cause) for each in result.outages] == [(minutes(2, 5), "errors"), (minutes(10, 20), "empty")]
    joined = sliced(reported((2, 0, 100)), TimeSlices(every=FIVE, error_above=Fraction(5, 100), empty="bad"), span=minutes(2, 20))
    assert [(each.interval, each.cause) for each in joined.outages] == [(minutes(2, 20), "empty, errors")]


def test_errors_are_those_of_counters_and_latency_that_of_latencies() -> None:
    both = Evidence(counters={"api": counters((minute(3), 0, 10))}, latencies={"api": latencies((minute(8), 900 * MS))})
    assert [one.interval for one in sliced(both, OVER_5_PERCENT).slices] == [minutes(3, 4)]
    slow = TimeSlices(every=ONE, percentile=Fraction(1, 2), latency_above_us=800 * MS)
    assert [one.interval for one in sliced(both, slow).slices] == [minutes(8, 9)]


@pytest.mark.parametrize(
    ("empty", "good", "whole", "bounds", "coverage"),
    [
        ("good", 3, 4, (Fraction(3, 4), Fraction(3, 4)), 1),
        ("bad", 1, 4, (Fraction(1, 4), Fraction(1, 4)), 1),
        ("exclude", 1, 2, (Fraction(1, 2), Fraction(1, 2)), 1),
        ("undetermined", 1, 2, (Fraction(1, 4), Fraction(3, 4)), Fraction(1, 2)),
    ],
)
def test_a_slice_without_a_request_is_what_was_agreed(
    empty: Empty, good: int, whole: int, bounds: tuple[Fraction, Fraction], coverage: Fraction
) -> None:
    result = sliced(reported((0, 0, 5), (1, 0, 0), (3, 5, 5)), replace(OVER_5_PERCENT, empty=empty), span=minutes(0, 4))
    assert (result.good, result.whole, (result.lower, result.upper), result.coverage) == (good, whole, bounds, coverage)
    assert result.unknown == ((minutes(1, 3),) if empty == "undetermined" else ())
    assert [one.cause for one in result.slices] == ["errors", *(["empty"] * 2 if empty == "bad" else [])]


def test_a_run_that_could_be_longer_is_in_the_lower_bound_alone() -> None:
    three = replace(OVER_5_PERCENT, minimum_consecutive=3, empty="undetermined")
    evidence = reported((0, 5, 5), (1, 0, 5), (3, 0, 5), (4, 5, 5), (5, 0, 5))
    result = sliced(evidence, three, span=minutes(0, 6), measured_until=minute(60))
    assert (result.good, result.whole, result.lower, result.upper) == (5, 5, Fraction(2, 6), Fraction(1))
    at_once = sliced(evidence, replace(three, minimum_consecutive=2), span=minutes(0, 6), measured_until=minute(6))
    assert (at_once.good, at_once.lower) == (5, Fraction(2, 6))
    known_good_before = sliced(reported((0, 5, 5), (1, 0, 5), (2, 5, 5)), three, span=minutes(0, 3), measured_until=minute(60))
    assert known_good_before.lower == 1


def test_huge_counts_are_compared_and_added_exactly() -> None:
    most = 2**62
    twentieth = most // 20
    assert sliced(reported((3, most - twentieth, most), (3.5, most - twentieth, most)), OVER_5_PERCENT).spent == 0
    assert sliced(reported((3, most - twentieth, most), (3.5, most - twentieth - 1, most)), OVER_5_PERCENT).spent == 1
    assert mean_of_intervals(reported((0, most, most), (1, 0, most), (2, most, most)), MEAN, span=minutes(0, 5)).good == WHOLE * 2 // 3


# --- laws --------------------------------------------------------------------------------------------------------------

LONG = 150
ROWS = st.lists(
    st.tuples(
        st.integers(-30, LONG + 30),
        st.one_of(st.integers(0, 6), st.integers(0, 10**6), st.integers(0, 2**62)),
        st.one_of(st.integers(0, 6), st.integers(0, 10**6), st.integers(0, 2**62)),
    ),
    max_size=30,
)
SMALL_ROWS = st.lists(st.tuples(st.integers(-30, LONG + 30), st.integers(0, 3), st.integers(0, 3)), max_size=60)
EVERY = st.sampled_from([1, 5, 7, 60]).map(lambda n: Microseconds(n * MINUTE))
EMPTY = st.sampled_from(get_args(Empty))
MEANS = st.builds(IntervalMean, every=EVERY, empty=EMPTY)
SLICES = st.builds(
    TimeSlices,
    every=EVERY,
    error_above=st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(5, 100)]),
    minimum_events=st.integers(1, 4),
    minimum_consecutive=st.integers(1, 4),
    empty=EMPTY,
)
EDGES = st.tuples(st.integers(0, LONG), st.integers(0, LONG)).map(lambda pair: minutes(min(pair), max(pair) + 1))
UNTIL = st.one_of(st.just(LONG + 100), st.integers(1, LONG + 30)).map(minute)


def evidence_of(rows: Sequence[tuple[int, int, int]]) -> Evidence:
    told = [(minute(n), min(one, other), max(one, other)) for n, one, other in rows]
    return Evidence(counters={"api": counters(*told[::2]), "web": counters(*told[1::2])})


def rows_in(evidence: Evidence, within: Interval) -> list[tuple[int, int, int]]:
    rows = [row for c in evidence.counters.values() for row in zip(c.at.tolist(), c.good.tolist(), c.total.tolist(), strict=True)]
    return [row for row in rows if within.start <= row[0] < within.end]


def numbers_in(within: Interval, every: int) -> list[int]:
    return (
        sorted({instant // every for instant in range(within.start, within.end, MINUTE)} | {(within.end - 1) // every})
        if within.end > within.start
        else []
    )


def by_interval(evidence: Evidence, every: int, within: Interval) -> dict[int, tuple[int, int]]:
    """Good and total of each interval of the span by itself; none left out."""
    found = dict.fromkeys(numbers_in(within, every), (0, 0))
    for instant, good, total in rows_in(evidence, within):
        before = found[instant // every]
        found[instant // every] = (before[0] + good, before[1] + total)
    return found


@LAW
@given(st.one_of(ROWS, SMALL_ROWS), MEANS, EDGES, UNTIL)
def test_a_mean_of_intervals_is_that_of_exact_fractions(
    rows: list[tuple[int, int, int]], indicator: IntervalMean, span: Interval, until: Instant
) -> None:
    evidence, seen = evidence_of(rows), seen_of(span, until)
    result = mean_of_intervals(evidence, indicator, span=span, measured_until=until, zone=KOLKATA)
    parts = by_interval(evidence, indicator.every, seen)
    rates = [Fraction(good, total) for good, total in parts.values() if total]
    empty = len(parts) - len(rates)
    free, counted = (empty if indicator.empty == "good" else 0), (empty if indicator.empty in {"good", "bad"} else 0)
    untold = empty if indicator.empty == "undetermined" else 0
    total = sum(rates, Fraction(0)) + free
    assert (result.good, result.whole) == (int(WHOLE * total), (len(rates) + counted) * WHOLE)
    assert result.spent == result.whole - result.good
    in_all = (len(rates) + counted + untold) * WHOLE
    assert (result.lower, result.upper) == (
        (Fraction(result.good, in_all), Fraction(result.good + untold * WHOLE, in_all)) if in_all else (None, None)
    )
    assert result.coverage == (1 - Fraction(untold * WHOLE, in_all) if in_all else 1)
    leaves_add_up(result, WHOLE)
    for one in result.slices:
        share = WHOLE * Fraction(one.good, one.total) if one.total else Fraction(0)
        assert int(share) <= one.share <= int(share) + 1
        assert one.share == int(share) or share.denominator > 1
        assert (one.good, one.total) == parts[one.interval.start // indicator.every]


@LAW
@given(ROWS, MEANS)
def test_the_missing_units_go_to_the_largest_remainders(rows: list[tuple[int, int, int]], indicator: IntervalMean) -> None:
    result = mean_of_intervals(evidence_of(rows), indicator, span=minutes(0, LONG))
    exact = [(one.share, WHOLE * Fraction(one.good, one.total)) for one in result.slices if one.total]
    remainders = [(share - int(share), given > int(share)) for given, share in exact]
    assert min((left for left, more in remainders if more), default=1) >= max((left for left, more in remainders if not more), default=0)


def leaves_add_up(result: Figure, one_slice: int) -> None:
    """The slices not wholly good, and the days."""
    lost = sum(WHOLE - one.share for one in result.slices)
    assert result.whole - result.good == lost * one_slice // WHOLE
    assert (sum(day.good for day in result.days), sum(day.whole for day in result.days)) == (result.good, result.whole)
    assert sum(day.unknown_us for day in result.days) == length(result.unknown)


def naive_runs(bad: set[int], at_least: int) -> set[int]:
    """Those with so many neighbours in a row, themselves among them."""
    return {n for n in bad if any(all(k in bad for k in range(first, first + at_least)) for first in range(n - at_least + 1, n + 1))}


@LAW
@given(st.one_of(ROWS, SMALL_ROWS), SLICES, EDGES, UNTIL)
def test_slices_are_those_judged_one_by_one(
    rows: list[tuple[int, int, int]], indicator: TimeSlices, span: Interval, until: Instant
) -> None:
    evidence, seen, every = evidence_of(rows), seen_of(span, until), indicator.every
    result = sliced(evidence, indicator, span=span, measured_until=until, zone=BERLIN)
    own = by_interval(evidence, every, seen)
    around = by_interval(evidence, every, Interval(Instant(minute(-600) // every * every), until)) | own
    assert indicator.error_above is not None
    empty = {n for n, (_, total) in around.items() if not total}
    over = {
        n
        for n, (good, total) in around.items()
        if total >= indicator.minimum_events and Fraction(total - good, total) > indicator.error_above
    }
    bad = over | (empty if indicator.empty == "bad" else set())
    counted = naive_runs(bad, indicator.minimum_consecutive) & set(own)
    untold = empty & set(own)
    left_out = len(untold) if indicator.empty in {"exclude", "undetermined"} else 0
    assert (result.whole, result.spent) == (len(own) - left_out, len(counted))
    assert result.good == result.whole - result.spent
    assert [(one.interval.start // every, one.bad) for one in result.slices] == [(n, n in counted) for n in sorted(bad & set(own))]
    assert tuple(outage.interval for outage in result.outages) == union(one.interval for one in result.slices if one.bad)
    leaves_add_up(result, 1)
    if indicator.empty == "undetermined" and own:
        beyond = set(range(max(around) + 1, max(around) + 6))
        worst = (naive_runs(over | empty | beyond, indicator.minimum_consecutive) & over & set(own)) | untold
        assert (result.lower, result.upper) == (1 - Fraction(len(worst), len(own)), 1 - Fraction(len(counted), len(own)))
        assert result.coverage == 1 - Fraction(len(untold), len(own))


@LAW
@given(SMALL_ROWS, SLICES, st.integers(1, LONG - 1))
def test_periods_that_meet_where_slices_do_add_up(rows: list[tuple[int, int, int]], indicator: TimeSlices, cut: int) -> None:
    one_minute = replace(indicator, every=ONE)
    first, second, whole = (
        sliced(evidence_of(rows), one_minute, span=span) for span in (minutes(0, cut), minutes(cut, LONG), minutes(0, LONG))
    )
    assert (first.good + second.good, first.whole + second.whole) == (whole.good, whole.whole)


@LAW
@given(SMALL_ROWS, st.integers(0, LONG - 1))
def test_a_slice_over_its_percentile_is_one_whose_sorted_latency_at_that_rank_is(rows: list[tuple[int, int, int]], percentile: int) -> None:
    told = [(minute(n), us) for n, us, _ in rows]
    share = Fraction(percentile % 100 + 1, 100)
    indicator = TimeSlices(every=FIVE, percentile=share, latency_above_us=1)
    result = sliced(Evidence(latencies={"api": latencies(*told[::2]), "web": latencies(*told[1::2])}), indicator, span=minutes(0, LONG))
    expected = []
    for number in numbers_in(minutes(0, LONG), FIVE):
        us = sorted(us for at, us in told if at // FIVE == number)
        if us and us[-(-share.numerator * len(us) // share.denominator) - 1] > 1:
            expected.append((number, sum(1 for one in us if one <= 1), len(us)))
    assert [(one.interval.start // FIVE, one.good, one.total) for one in result.slices] == expected


@LAW
@given(SMALL_ROWS, MEANS, SLICES)
def test_the_order_of_rows_changes_nothing(rows: list[tuple[int, int, int]], mean: IntervalMean, slices: TimeSlices) -> None:
    forwards = evidence_of(rows)
    backwards = Evidence(
        counters={name: Counters(at=c.at[::-1], good=c.good[::-1], total=c.total[::-1]) for name, c in forwards.counters.items()}
    )
    span = minutes(0, LONG)
    assert mean_of_intervals(forwards, mean, span=span) == mean_of_intervals(backwards, mean, span=span)
    assert sliced(forwards, slices, span=span) == sliced(backwards, slices, span=span)


@LAW
@given(SMALL_ROWS, MEANS, SLICES, st.integers(0, LONG - 1), st.integers(1, 3))
def test_more_errors_never_raise_a_figure(
    rows: list[tuple[int, int, int]], mean: IntervalMean, slices: TimeSlices, when: int, more: int
) -> None:
    """In an interval that had requests, and enough of them: others are empty, or good for having too few."""
    before = evidence_of([*rows, (when, 4, 4)])
    after = Evidence(counters={**before.counters, "more": counters((minute(when), 0, more))})
    span = minutes(0, LONG)
    assert mean_of_intervals(after, mean, span=span).good <= mean_of_intervals(before, mean, span=span).good
    assert sliced(after, slices, span=span).good <= sliced(before, slices, span=span).good


def test_latencies_of_several_components_are_one_slice() -> None:
    one, two = latencies((minute(0), MS)), latencies((minute(0), 900 * MS))
    indicator = TimeSlices(every=ONE, percentile=Fraction(1), latency_above_us=800 * MS, components=("a", "b"))
    evidence = Evidence(latencies={"a": one, "b": two, "c": Latencies(at=two.at + MINUTE, us=two.us)})
    assert [(one.good, one.total) for one in sliced(evidence, indicator).slices] == [(1, 2)]
