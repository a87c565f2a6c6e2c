"""The algebra of intervals agrees with the naive reading: a set of the units that lie in them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.measurement.interval import Spans, clip, complement, difference, intersection, length, overlaps, touched, union
from services.vocabulary.period import Instant, Interval
from tests.measurement.calculation import LAW

UNITS = st.integers(min_value=-5, max_value=40).map(Instant)
ANY_INTERVAL = st.builds(Interval, UNITS, UNITS)
INTERVALS = st.lists(ANY_INTERVAL, max_size=8)
SPANS = INTERVALS.map(union)


def units(intervals: Iterable[Interval]) -> set[int]:
    return {unit for interval in intervals for unit in range(interval.start, interval.end)}


def spans_are_tidy(spans: Spans) -> bool:
    return all(span.start < span.end for span in spans) and all(one.end < other.start for one, other in pairwise(spans))


@LAW
@given(INTERVALS)
def test_a_union_holds_every_unit_of_every_interval_once(intervals: list[Interval]) -> None:
    joined = union(intervals)
    assert units(joined) == units(intervals)
    assert length(joined) == len(units(intervals))
    assert spans_are_tidy(joined)


@LAW
@given(INTERVALS)
def test_order_and_repetition_do_not_matter_to_a_union(intervals: list[Interval]) -> None:
    assert union([*reversed(intervals), *intervals]) == union(intervals)


@LAW
@given(SPANS, SPANS)
def test_an_intersection_holds_the_units_of_both(one: Spans, other: Spans) -> None:
    both = intersection(one, other)
    assert units(both) == units(one) & units(other)
    assert spans_are_tidy(both)


@LAW
@given(SPANS, SPANS)
def test_a_difference_holds_the_units_of_the_first_alone(one: Spans, other: Spans) -> None:
    left = difference(one, other)
    assert units(left) == units(one) - units(other)
    assert spans_are_tidy(left)


@LAW
@given(SPANS, ANY_INTERVAL)
def test_a_complement_holds_the_other_units_within_the_bounds(spans: Spans, bounds: Interval) -> None:
    gaps = complement(spans, bounds)
    assert units(gaps) == units([bounds]) - units(spans)
    assert spans_are_tidy(gaps)


@LAW
@given(SPANS, ANY_INTERVAL)
def test_clipping_keeps_the_units_within_the_bounds(spans: Spans, bounds: Interval) -> None:
    kept = clip(spans, bounds)
    assert units(kept) == units(spans) & units([bounds])
    assert spans_are_tidy(kept)


@LAW
@given(SPANS, ANY_INTERVAL)
def test_a_touched_span_is_given_whole(spans: Spans, bounds: Interval) -> None:
    assert touched(spans, bounds) == tuple(span for span in spans if units([span]) & units([bounds]))


@LAW
@given(ANY_INTERVAL, ANY_INTERVAL)
def test_two_intervals_overlap_when_they_share_a_unit(one: Interval, other: Interval) -> None:
    assert overlaps(one, other) == bool(units([one]) & units([other]))


def test_neighbours_join_because_intervals_are_half_open() -> None:
    joined = union([Interval(Instant(1), Instant(2)), Interval(Instant(0), Instant(1))])
    assert joined == (Interval(Instant(0), Instant(2)),)
