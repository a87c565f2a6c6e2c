"""Request ratio and response time: pooled counts, worked values, and laws against adding in plain Python."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import Verdict
from services.measurement.figure import Figure
from services.measurement.objective import Objective, RequestRatio, ResponseTime
from services.measurement.observation import Counters, Evidence, Latencies
from services.measurement.requests import measure_response_time
from services.vocabulary.period import MINUTE, Instant, Interval, Microseconds, day_of
from tests.measurement.calculation import (
    BERLIN,
    JUNE_SPAN,
    LAW,
    counters,
    figure,
    latencies,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
)

MS = 1_000
ALL_REQUESTS = objective(RequestRatio(), "99.9")
WITHIN_100_MS = objective(ResponseTime(threshold_us=100 * MS), "97")


def test_ratios_are_pooled_and_never_averaged() -> None:
    evidence = Evidence(counters={"api": counters((minute(1), 5, 10), (minute(2), 99_990, 99_990))})
    assert figure(measured(evidence, ALL_REQUESTS), 3) == "99.995"


def test_a_million_failures_in_one_interval_weigh_what_they_are() -> None:
    evidence = Evidence(counters={"api": counters((minute(1), 0, 1_000_000), (minute(6), 1_000_000, 1_000_000))})
    assert measured(evidence, ALL_REQUESTS).attainment == Fraction(1, 2)


def test_the_share_within_a_threshold_is_exact() -> None:
    rows = [*((minute(n / 10), 100 * MS) for n in range(9_800)), *((minute(n / 10), 5_000 * MS) for n in range(200))]
    result = measured(Evidence(latencies={"api": latencies(*rows)}), WITHIN_100_MS)
    assert (result.good, result.whole, result.unit) == (9_800, 10_000, "requests")
    assert result.attainment == Fraction(98, 100)
    assert result.verdict is Verdict.MET


def test_a_request_of_exactly_the_threshold_is_good_and_one_microsecond_more_is_not() -> None:
    evidence = Evidence(latencies={"api": latencies((minute(1), 100 * MS), (minute(2), 100 * MS + 1))})
    assert measured(evidence, WITHIN_100_MS).good == 1


@pytest.mark.parametrize("promise", [ALL_REQUESTS, WITHIN_100_MS])
def test_no_requests_are_not_applicable_and_neither_0_nor_100(promise: Objective) -> None:
    for evidence in (Evidence(), Evidence(counters={"api": counters()}, latencies={"api": latencies()})):
        result = measured(evidence, promise)
        assert (result.attainment, result.lower, result.upper, result.whole) == (None, None, None, 0)
        assert result.verdict is Verdict.NOT_APPLICABLE


def test_reports_of_nothing_are_no_requests_either() -> None:
    evidence = Evidence(counters={"api": counters((minute(1), 0, 0))})
    assert measured(evidence, ALL_REQUESTS).verdict is Verdict.NOT_APPLICABLE


def test_only_the_named_components_are_pooled() -> None:
    evidence = Evidence(counters={"api": counters((minute(1), 9, 10)), "web": counters((minute(1), 1, 10))})
    assert measured(evidence, objective(RequestRatio(components=("api", "absent")))).attainment == Fraction(9, 10)
    assert measured(evidence, objective(RequestRatio())).attainment == Fraction(1, 2)


def test_the_period_holds_its_start_and_not_its_end() -> None:
    evidence = Evidence(counters={"api": counters((JUNE_SPAN.start, 1, 1), (JUNE_SPAN.end, 0, 1), (Instant(JUNE_SPAN.start - 1), 0, 1))})
    assert (measured(evidence, ALL_REQUESTS).good, measured(evidence, ALL_REQUESTS).whole) == (1, 1)


def test_requests_after_the_measurement_do_not_count_yet() -> None:
    evidence = Evidence(counters={"api": counters((minute(1), 1, 1), (minute(10), 0, 1))})
    assert measured(evidence, ALL_REQUESTS, measured_until=minute(10)).whole == 1


def test_maintenance_takes_no_request_out() -> None:
    evidence = Evidence(counters={"api": counters((minute(1), 0, 1))})
    result = measured(evidence, ALL_REQUESTS, windows=[maintenance(0, 60)])
    assert (result.whole, result.exclusions) == (1, ())


def test_huge_counts_add_up_without_overflow() -> None:
    most = 2**62
    evidence = Evidence(counters={"api": counters((minute(1), most, most), (minute(2), most, most), (minute(3), 0, most))})
    assert measured(evidence, ALL_REQUESTS).attainment == Fraction(2, 3)


# --- percentile --------------------------------------------------------------------------------------------------------


def timed(evidence: Evidence, percentile: Fraction | None, *, threshold_us: int = 100 * MS, span: Interval = JUNE_SPAN) -> Figure:
    indicator = ResponseTime(threshold_us=threshold_us, percentile=percentile)
    return measure_response_time(indicator, evidence, seen=span, zone=BERLIN)


FAST_AND_SLOW = Evidence(
    latencies={
        "api": latencies(*((minute(n / 10), 100 * MS) for n in range(9_800))),
        "web": latencies(*((minute(n), 5_000 * MS) for n in range(200))),
    }
)


@pytest.mark.parametrize(("share", "expected_ms"), [("0.99", 5_000), ("0.98", 100), ("0.980001", 5_000), ("1", 5_000), ("0.0001", 100)])
def test_a_percentile_is_the_smallest_time_that_its_share_does_not_exceed(share: str, expected_ms: int) -> None:
    result = timed(FAST_AND_SLOW, Fraction(share))
    assert (result.percentile_us, result.good, result.whole) == (expected_ms * MS, 9_800, 10_000)


def test_a_percentile_is_told_only_where_one_was_promised_and_something_counted() -> None:
    assert timed(FAST_AND_SLOW, None).percentile_us is None
    for nothing in (Evidence(), Evidence(latencies={"api": latencies()}), Evidence(latencies={"api": latencies((JUNE_SPAN.end, 1))})):
        assert timed(nothing, Fraction(99, 100)).percentile_us is None


def test_a_percentile_is_that_of_the_period_which_holds_its_start_and_not_its_end() -> None:
    evidence = Evidence(latencies={"api": latencies((Instant(JUNE_SPAN.start - 1), 1), (JUNE_SPAN.start, 5), (JUNE_SPAN.end, 9))})
    assert timed(evidence, Fraction(1)).percentile_us == timed(evidence, Fraction(1, 100)).percentile_us == 5


# --- silence -----------------------------------------------------------------------------------------------------------

EVERY_5_MINUTES = objective(ResponseTime(threshold_us=100 * MS, expected_every=Microseconds(5 * MINUTE)))


def test_a_silence_longer_than_expected_is_unknown_and_lowers_the_coverage() -> None:
    evidence = Evidence(latencies={"api": latencies(*((minute(n), MS) for n in (5, 10, 15, 45, 50, 55)))})
    result = measured(evidence, EVERY_5_MINUTES, span=minutes(0, 60))
    assert result.unknown == (minutes(15, 45),)
    assert result.coverage == Fraction(1, 2)
    assert result.attainment == 1


def test_silence_is_looked_for_from_the_start_and_up_to_the_measurement() -> None:
    evidence = Evidence(latencies={"api": latencies((minute(-5), MS), (minute(10), MS), (minute(40), MS))})
    assert measured(evidence, EVERY_5_MINUTES, span=minutes(0, 60), measured_until=minute(12)).unknown == (minutes(0, 10),)
    assert measured(evidence, EVERY_5_MINUTES, span=minutes(0, 60), measured_until=minute(20)).unknown == (minutes(0, 20),)


def test_nobody_listens_for_silence_unless_it_was_agreed() -> None:
    result = measured(Evidence(latencies={"api": latencies((minute(1), MS))}), WITHIN_100_MS)
    assert result.unknown == ()
    assert result.coverage == 1


# --- laws --------------------------------------------------------------------------------------------------------------

LONG = 3 * 24 * 60
COUNTS = st.lists(st.tuples(st.integers(-500, LONG + 500), st.integers(0, 2**62), st.integers(0, 2**62)), max_size=25)
TIMES = st.lists(st.tuples(st.integers(-500, LONG + 500), st.integers(0, 3)), max_size=40)


@LAW
@given(COUNTS, COUNTS, st.integers(1, LONG + 100))
def test_sums_are_those_of_plain_python_for_the_whole_and_each_day(
    api: list[tuple[int, int, int]], web: list[tuple[int, int, int]], until: int
) -> None:
    rows = {name: [(minute(n), min(one, two), max(one, two)) for n, one, two in part] for name, part in {"api": api, "web": web}.items()}
    evidence = Evidence(counters={name: counters(*part) for name, part in rows.items()})
    result = measured(evidence, ALL_REQUESTS, span=minutes(0, LONG), zone=BERLIN, measured_until=minute(until))
    counted = [row for part in rows.values() for row in part if minute(0) <= row[0] < minute(min(LONG, until))]
    assert (result.good, result.whole) == (sum(row[1] for row in counted), sum(row[2] for row in counted))
    for day in result.days:
        of_day = [row for row in counted if day_of(row[0], BERLIN) == day.day]
        assert (day.good, day.whole) == (sum(row[1] for row in of_day), sum(row[2] for row in of_day))
    assert (sum(day.good for day in result.days), sum(day.whole for day in result.days)) == (result.good, result.whole)


@LAW
@given(TIMES, st.integers(1, LONG - 1))
def test_the_halves_of_a_span_add_up_to_the_whole(times: list[tuple[int, int]], cut: int) -> None:
    evidence = Evidence(latencies={"api": latencies(*((minute(n), us) for n, us in times))})
    promise = objective(ResponseTime(threshold_us=1))
    first, second, whole = (measured(evidence, promise, span=span) for span in (minutes(0, cut), minutes(cut, LONG), minutes(0, LONG)))
    assert (first.good + second.good, first.whole + second.whole) == (whole.good, whole.whole)


@LAW
@given(COUNTS, TIMES)
def test_the_order_of_rows_changes_nothing(rows: list[tuple[int, int, int]], times: list[tuple[int, int]]) -> None:
    counted = counters(*((minute(n), good, total) for n, good, total in rows))
    timed = latencies(*((minute(n), us) for n, us in times))
    backwards = Evidence(
        counters={"api": Counters(at=counted.at[::-1], good=counted.good[::-1], total=counted.total[::-1])},
        latencies={"api": Latencies(at=timed.at[::-1], us=timed.us[::-1])},
    )
    forwards = Evidence(counters={"api": counted}, latencies={"api": timed})
    for promise in (ALL_REQUESTS, EVERY_5_MINUTES):
        assert measured(backwards, promise) == measured(forwards, promise)


@LAW
@given(TIMES, st.integers(1, LONG))
def test_silences_are_the_minutes_without_a_neighbour_near_enough(times: list[tuple[int, int]], until: int) -> None:
    promise = objective(ResponseTime(threshold_us=1, expected_every=Microseconds(60 * MINUTE)))
    evidence = Evidence(latencies={"api": latencies(*((minute(n), us) for n, us in times))})
    result = measured(evidence, promise, span=minutes(0, LONG), measured_until=minute(until))
    edges = np.array(sorted({0, until, *(n for n, _ in times if 0 <= n < until)}))
    expected = sum(int(gap) for gap in np.diff(edges) if gap > 60)
    assert sum(interval.length for interval in result.unknown) == expected * MINUTE
    assert result.coverage == 1 - Fraction(expected, until)
    assert sum(day.unknown_us for day in result.days) == expected * MINUTE


@LAW
@given(TIMES, st.integers(1, 100), st.integers(0, 3))
def test_a_percentile_is_read_from_the_sorted_times_and_within_the_threshold_when_that_share_is(
    times: list[tuple[int, int]], percentile: int, threshold_us: int
) -> None:
    evidence = Evidence(latencies={"api": latencies(*((minute(n), us) for n, us in times))})
    share = Fraction(percentile, 100)
    result = timed(evidence, share, threshold_us=threshold_us, span=minutes(0, LONG))
    us = sorted(us for n, us in times if 0 <= n < LONG)
    assert result.percentile_us == next((one for one in us if sum(1 for other in us if other <= one) >= share * len(us)), None)
    if result.attainment is not None and result.percentile_us is not None:
        assert (result.percentile_us <= threshold_us) is (result.attainment >= share)
