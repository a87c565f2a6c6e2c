"""The algebra of time: sets of instants written as sorted, disjoint intervals that do not touch. Pure; knows no SLA word.

Every function takes and gives `Spans`; only `union` takes intervals in any order, overlapping, repeated or empty.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from services.vocabulary.period import MINUTE, Instant, Interval, Microseconds

Spans = tuple[Interval, ...]

NEVER: Spans = ()
ALL_TIME = Interval(Instant(-(10**11) * MINUTE), Instant(10**11 * MINUTE))


def union(intervals: Iterable[Interval]) -> Spans:
    """Every instant that lies in at least one of them; an interval that ends before it starts holds none."""
    joined: list[Interval] = []
    for interval in sorted(interval for interval in intervals if interval.start < interval.end):
        if joined and interval.start <= joined[-1].end:
            joined[-1] = Interval(joined[-1].start, max(joined[-1].end, interval.end))
        else:
            joined.append(interval)
    return tuple(joined)


def intersection(one: Spans, other: Spans) -> Spans:
    """Every instant that lies in both."""
    few, many = sorted((one, other), key=len)
    return tuple(part for bounds in few for part in clip(many, bounds))


def difference(of: Spans, without: Spans) -> Spans:
    """Every instant of the first that does not lie in the second."""
    return tuple(part for bounds in of for part in complement(without, bounds))


def complement(of: Spans, bounds: Interval) -> Spans:
    """Every instant within the bounds that does not lie in the spans."""
    gaps: list[Interval] = []
    start = bounds.start
    for span in clip(of, bounds):
        gaps.append(Interval(start, span.start))
        start = span.end
    gaps.append(Interval(start, bounds.end))
    return tuple(gap for gap in gaps if gap.start < gap.end)


def clip(spans: Spans, bounds: Interval) -> Spans:
    """The part within the bounds."""
    return tuple(Interval(max(span.start, bounds.start), min(span.end, bounds.end)) for span in touched(spans, bounds))


def touched(spans: Spans, bounds: Interval) -> Spans:
    """The spans that have an instant in common with the bounds, whole."""
    if bounds.start >= bounds.end:
        return NEVER
    first = bisect_right(spans, bounds.start, key=_end)
    return spans[first : bisect_left(spans, bounds.end, lo=first, key=_start)]


def length(spans: Spans) -> Microseconds:
    """Elapsed time in all of them together."""
    return Microseconds(sum(span.end - span.start for span in spans))


def overlaps(one: Interval, other: Interval) -> bool:
    """They have an instant in common."""
    return max(one.start, other.start) < min(one.end, other.end)


def _start(span: Interval) -> Instant:
    return span.start


def _end(span: Interval) -> Instant:
    return span.end
