"""Intervals of a fixed length: the mean of their rates, and how many of them kept a threshold. Pure; exact.

Intervals are cut at multiples of their length since 1970 UTC. One that the edge of the period cuts counts as one, by the requests of
its part in the period. A day has the intervals that begin in it. One with no request is empty, whatever was reported of none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.measurement.figure import DayResult, Figure, OutageSpan, SliceResult, Unit, ratio, share_known
from services.measurement.interval import NEVER, Spans, clip, length, union
from services.measurement.objective import Empty, IntervalMean, TimeSlices
from services.measurement.observation import Evidence, Int64s
from services.vocabulary.period import Instant, Interval, Microseconds, days_between

_Integers = NDArray[np.int64] | NDArray[np.object_]
_Bools = NDArray[np.bool_]
_Series = TypeVar("_Series")
Cause = Literal["errors", "latency", "empty"]

INTERVAL = 10**18
"""An interval's share is counted in 10^-18 of it."""

_LIMB = 10**9
_MOST_IN_LIMBS = (2**63 - 1) // _LIMB


@dataclass(frozen=True, kw_only=True, eq=False)
class _Filled:
    """The intervals with requests, in order: their number since 1970, and good and total of them, Python's where 64 bits fall short."""

    number: Int64s
    good: _Integers
    total: _Integers


def measure_interval_mean(indicator: IntervalMean, evidence: Evidence, *, seen: Interval, zone: ZoneInfo) -> Figure:
    """1 − mean of the error rates of the intervals that lie in `seen`, of counters.

    `good` is the exact sum of the intervals' good shares floored to 10^-18 of an interval. Each interval has its own share floored, and
    the units still missing go to the largest remainders, of equal ones to the earlier interval: so intervals and days add up to it.
    An interval that could not be told (`undetermined`) is not in the whole, but in the bounds and in the stake.
    """
    filled = _counted(evidence, indicator.components, indicator.every, seen)
    numbers = _numbers(indicator.every, seen)
    lacking = _lacking(filled.number, numbers)
    lacking = lacking[~_suspended(indicator, numbers, seen)[lacking - numbers.start]]
    shares = _shares(filled.good, filled.total)
    imperfect = np.flatnonzero(filled.good != filled.total)
    listed = [
        SliceResult(
            interval=_interval(int(filled.number[i]), indicator.every, seen),
            good=int(filled.good[i]),
            total=int(filled.total[i]),
            share=int(shares[i]),
            bad=not filled.good[i],
            cause="errors",
        )
        for i in imperfect.tolist()
    ]
    empty_share = INTERVAL if indicator.empty == "good" else 0
    counts = np.concatenate([filled.number, lacking]) if indicator.empty in {"good", "bad"} else filled.number
    worth = np.concatenate([shares, np.full(len(counts) - len(shares), empty_share, dtype=np.int64)])
    unknown = lacking if indicator.empty == "undetermined" else lacking[:0]
    good, in_all = _sum(worth), INTERVAL * (len(counts) + len(unknown))
    return _figure(
        "10^-18 intervals",
        _Tally(numbers=counts, worth=worth, one=INTERVAL, unknown=unknown),
        every=indicator.every,
        seen=seen,
        zone=zone,
        lower=ratio(good, in_all),
        upper=ratio(good + INTERVAL * len(unknown), in_all),
        empty=indicator.empty,
        slices=(*listed, *_empty_slices(lacking, indicator.empty, indicator.every, seen)),
    )


def measure_time_slices(indicator: TimeSlices, evidence: Evidence, *, seen: Interval, zone: ZoneInfo, measured_until: Instant) -> Figure:
    """Slices in `seen` that kept their threshold / slices; errors are those of counters, a percentile that of latencies.

    A run of bad slices is as long as it is on both sides of the edges of `seen`, as far as the measurement reaches. An empty slice is
    in a run only where it counts as bad. The bounds take slices that could not be told as good, and as bad; with them a run that goes
    on up to the measurement as one that may go on.
    """
    more = indicator.minimum_consecutive - 1
    numbers = _numbers(indicator.every, seen)
    around = range(numbers.start - more, numbers.stop + more)
    filled, over, cause = _judged(indicator, evidence, seen, around, measured_until)
    before, has_requests, bad = numbers.start - around.start, np.zeros(len(around), dtype=bool), np.zeros(len(around), dtype=bool)
    has_requests[filled.number - around.start] = True
    bad[filled.number - around.start] = over
    is_there = np.arange(around.start, around.stop) * np.int64(indicator.every) < measured_until
    suspended = _suspended(indicator, around, None)
    suspended[before : before + len(numbers)] |= _suspended(indicator, numbers, seen)
    empty = is_there & ~has_requests & ~suspended
    could_be_bad = (bad | empty | ~is_there) & ~suspended
    if indicator.empty == "bad":
        bad |= empty
    within = slice(before, before + len(numbers))
    counted = _in_long_runs(bad, indicator.minimum_consecutive)[within]
    bad, empty = bad[within], empty[within]
    own = np.arange(numbers.start, numbers.stop, dtype=np.int64)
    untold = empty if indicator.empty in {"exclude", "undetermined"} else np.zeros_like(empty)
    unknown = own[empty] if indicator.empty == "undetermined" else own[:0]
    worst = counted
    if indicator.empty == "undetermined":
        worst = _in_long_runs(could_be_bad, indicator.minimum_consecutive)[within] & (bad | empty) | empty
    untold = untold | suspended[within]
    in_all = int((~untold).sum()) + len(unknown)
    figure = _figure(
        "slices",
        _Tally(numbers=own[~untold], worth=(~counted[~untold]).astype(np.int64), one=1, unknown=unknown),
        every=indicator.every,
        seen=seen,
        zone=zone,
        lower=ratio(in_all - int(worst.sum()), in_all),
        upper=ratio(in_all - int(counted.sum()), in_all),
        empty=indicator.empty,
        slices=_bad_slices(filled, own[bad], counted[bad], cause, every=indicator.every, seen=seen),
    )
    return replace(figure, outages=_outages(figure.slices, indicator.components))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tally:
    """The intervals of the whole, each with its number and what is good of `one`; and the numbers of those that could not be told."""

    numbers: Int64s
    worth: Int64s
    one: int
    unknown: Int64s


def _figure(
    unit: Unit,
    tally: _Tally,
    *,
    every: Microseconds,
    seen: Interval,
    zone: ZoneInfo,
    lower: Fraction | None,
    upper: Fraction | None,
    empty: Empty,
    slices: Iterable[SliceResult],
) -> Figure:
    unknown = _spans(tally.unknown, every, seen)
    days = _days(tally, unknown, every, seen, zone)
    good, whole = sum(day.good for day in days), sum(day.whole for day in days)
    return Figure(
        unit=unit,
        good=good,
        whole=whole,
        spent=whole - good,
        stake=whole + tally.one * len(tally.unknown),
        lower=lower,
        upper=upper,
        coverage=share_known(len(tally.unknown), of=len(tally.numbers) + len(tally.unknown)),
        certain=empty == "undetermined",
        unknown=unknown,
        days=days,
        slices=tuple(sorted(slices, key=lambda one: one.interval)),
    )


def _days(tally: _Tally, unknown: Spans, every: Microseconds, seen: Interval, zone: ZoneInfo) -> tuple[DayResult, ...]:
    order = np.argsort(tally.numbers, kind="stable")
    begins, worth = np.maximum(tally.numbers[order] * np.int64(every), np.int64(seen.start)), tally.worth[order]
    days = days_between(seen, zone)
    cuts = np.array([hours.start for _, hours in days] + [hours.end for _, hours in days[-1:]], dtype=np.int64)
    edges = pairwise(np.searchsorted(begins, cuts).tolist())
    return tuple(
        DayResult(
            day=day,
            good=_sum(worth[first:last]),
            whole=tally.one * (last - first),
            unknown_us=length(clip(unknown, hours)),
        )
        for (day, hours), (first, last) in zip(days, edges, strict=True)
    )


def _numbers(every: Microseconds, within: Interval) -> range:
    """The intervals with an instant in there."""
    first = within.start // every
    return range(first, -(-within.end // every) if within.start < within.end else first)


def _lacking(filled: Int64s, numbers: range) -> Int64s:
    """Those of the intervals that are not filled."""
    there = np.zeros(len(numbers), dtype=bool)
    there[filled - numbers.start] = True
    return np.flatnonzero(~there).astype(np.int64) + np.int64(numbers.start)


def _suspended(indicator: IntervalMean | TimeSlices, numbers: range, seen: Interval | None) -> _Bools:
    """Those that lie, as far as they lie in `seen`, in suspended time."""
    if not indicator.suspended:
        return np.zeros(len(numbers), dtype=bool)
    every = np.int64(indicator.every)
    begins = np.arange(numbers.start, numbers.stop, dtype=np.int64) * every
    ends = begins + every
    if seen is not None:
        begins, ends = np.maximum(begins, np.int64(seen.start)), np.minimum(ends, np.int64(seen.end))
    inside = [(begins >= span.start) & (ends <= span.end) for span in indicator.suspended]
    return np.asarray(np.any(inside, axis=0))


def _interval(number: int, every: Microseconds, seen: Interval) -> Interval:
    """The part of an interval that lies in the period."""
    return Interval(Instant(max(number * every, seen.start)), Instant(min((number + 1) * every, seen.end)))


def _spans(numbers: Int64s, every: Microseconds, seen: Interval) -> Spans:
    """Neighbours make one span."""
    if not numbers.size:
        return NEVER
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts, lasts = numbers[np.append(0, breaks + 1)], numbers[np.append(breaks, -1)]
    return clip(
        union(Interval(Instant(a * every), Instant((b + 1) * every)) for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)), seen
    )


# --- requests of intervals ---------------------------------------------------------------------------------------------


def _counted(evidence: Evidence, components: Sequence[str], every: Microseconds, within: Interval) -> _Filled:
    """Counters by interval."""
    rows = _of_components(evidence.counters, components)
    return _filled(
        np.concatenate([_NOTHING, *(row.at for row in rows)]),
        np.concatenate([_NOTHING, *(row.good for row in rows)]),
        np.concatenate([_NOTHING, *(row.total for row in rows)]),
        every,
        within,
    )


def _timed(evidence: Evidence, components: Sequence[str], threshold_us: int, every: Microseconds, within: Interval) -> _Filled:
    """Latencies by interval; those within the threshold are good."""
    rows = _of_components(evidence.latencies, components)
    at = np.concatenate([_NOTHING, *(row.at for row in rows)])
    us = np.concatenate([_NOTHING, *(row.us for row in rows)])
    return _filled(at, (us <= threshold_us).astype(np.int64), np.ones_like(at), every, within)


_NOTHING = np.array([], dtype=np.int64)


def _of_components(series: Mapping[str, _Series], components: Sequence[str]) -> list[_Series]:
    """No components named: all there are."""
    return [series[component] for component in dict.fromkeys(components or series) if component in series]


def _filled(at: Int64s, good: Int64s, total: Int64s, every: Microseconds, within: Interval) -> _Filled:
    inside = (at >= within.start) & (at < within.end) & (total > 0)
    at, good, total = at[inside], good[inside], total[inside]
    if np.any(at[1:] < at[:-1]):
        order = np.argsort(at, kind="stable")
        at, good, total = at[order], good[order], total[order]
    number = at // np.int64(every)
    first = np.flatnonzero(np.append(True, number[1:] != number[:-1])[: len(number)])
    return _Filled(number=number[first], good=_added(good, first), total=_added(total, first))


def _added(values: Int64s, first: NDArray[np.intp]) -> _Integers:
    """Sums of the runs that begin there; exact, however large."""
    if not values.size:
        return values
    if int(values.max()) * values.size < 2**63:
        return np.asarray(np.add.reduceat(values, first), dtype=np.int64)
    sums = [sum(values[start:end].tolist()) for start, end in pairwise([*first.tolist(), len(values)])]
    return np.array(sums, dtype=np.object_)


# --- shares ------------------------------------------------------------------------------------------------------------


def _shares(good: _Integers, total: _Integers) -> Int64s:
    """Each interval's good share in 10^-18, floored or one more, so that they sum up to the floor of the exact sum."""
    if not len(total):
        return _NOTHING
    if int(total.max()) > _MOST_IN_LIMBS:
        return _shares_of_integers([int(value) for value in good], [int(value) for value in total])
    return _shares_in_limbs(np.asarray(good, dtype=np.int64), np.asarray(total, dtype=np.int64))


def _shares_in_limbs(good: Int64s, total: Int64s) -> Int64s:
    """Long division in digits of 10^9. Five of them order remainders exactly: unequal ones differ by more than 10^-27 of a unit."""
    limbs: list[Int64s] = [good // total]
    left = good % total
    for _ in range(5):
        limbs.append(left * _LIMB // total)
        left = left * _LIMB % total
    shares = (limbs[0] * _LIMB + limbs[1]) * _LIMB + limbs[2]
    digits = limbs[3:]
    least = sum(int(limb.sum()) * _LIMB**place for place, limb in zip((2, 1, 0), digits, strict=True))
    unit = _LIMB**3
    missing = least // unit
    if missing != (least + int(np.count_nonzero(left))) // unit:
        missing = _floored_sum(good, total) - sum(shares.tolist())
    largest_first = np.lexsort((np.arange(len(total)), *(-limb for limb in reversed(digits))))
    shares[largest_first[:missing]] += 1
    return shares


def _shares_of_integers(good: Sequence[int], total: Sequence[int]) -> Int64s:
    parts = [divmod(INTERVAL * one, whole) for one, whole in zip(good, total, strict=True)]
    shares = [share for share, _ in parts]
    remainders = [Fraction(left, whole) for (_, left), whole in zip(parts, total, strict=True)]
    missing = int(_exact_sum(remainders))
    for i in sorted(range(len(shares)), key=lambda i: (-remainders[i], i))[:missing]:
        shares[i] += 1
    return np.array(shares, dtype=np.int64)


def _floored_sum(good: Int64s, total: Int64s) -> int:
    return int(INTERVAL * _exact_sum([Fraction(one, whole) for one, whole in zip(good.tolist(), total.tolist(), strict=True)]))


def _exact_sum(fractions: Sequence[Fraction]) -> Fraction:
    """Equal denominators first, then halves with halves: the numbers grow long only at the end."""
    by_denominator: dict[int, int] = {}
    for fraction in fractions:
        by_denominator[fraction.denominator] = by_denominator.get(fraction.denominator, 0) + fraction.numerator
    sums = [Fraction(numerator, denominator) for denominator, numerator in by_denominator.items()]
    while len(sums) > 1:
        sums = [sum(sums[i : i + 2], Fraction(0)) for i in range(0, len(sums), 2)]
    return sums[0] if sums else Fraction(0)


def _sum(worth: Int64s) -> int:
    """Exact: shares are at most 10^18, so their two halves can be added by themselves."""
    return int((worth // _LIMB).sum()) * _LIMB + int((worth % _LIMB).sum())


# --- thresholds --------------------------------------------------------------------------------------------------------


def _judged(
    indicator: TimeSlices, evidence: Evidence, seen: Interval, around: range, measured_until: Instant
) -> tuple[_Filled, _Bools, Cause]:
    """The slices around with requests, which of them are over the threshold, and of what. Those that `seen` cuts by their part in it."""
    every, start, end = (
        indicator.every,
        Instant(around.start * indicator.every),
        Instant(min(around.stop * indicator.every, measured_until)),
    )
    cut_before, cut_after = Instant(seen.start // every * every), Instant(-(-seen.end // every) * every)
    spans = [Interval(start, cut_before), seen, Interval(cut_after, end)]
    share: Fraction
    cause: Cause
    if indicator.error_above is not None:
        parts = [_counted(evidence, indicator.components, every, span) for span in spans]
        share, cause = 1 - indicator.error_above, "errors"
    else:
        assert indicator.percentile is not None, "a slice has a threshold of errors or of latency"
        assert indicator.latency_above_us is not None, "a percentile has a threshold"
        parts = [_timed(evidence, indicator.components, indicator.latency_above_us, every, span) for span in spans]
        share, cause = indicator.percentile, "latency"
    filled = _Filled(
        number=np.concatenate([part.number for part in parts]),
        good=np.concatenate([part.good for part in parts]),
        total=np.concatenate([part.total for part in parts]),
    )
    enough = np.asarray(filled.total >= indicator.minimum_events, dtype=bool)
    return filled, enough & _less_than(share, filled), cause


def _less_than(share: Fraction, filled: _Filled) -> _Bools:
    """Whose good requests are strictly less than this share of all: as much as errors strictly above the rest, and as much as the
    nearest-rank percentile of this share not being good."""
    good, total = filled.good, filled.total
    if len(total) and int(total.max()) * share.denominator >= 2**63:
        good, total = good.astype(np.object_), total.astype(np.object_)
    return np.asarray(good * share.denominator < total * share.numerator, dtype=bool)


def _in_long_runs(bad: _Bools, at_least: int) -> _Bools:
    """Those that stand in an unbroken run of so many."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], bad.astype(np.int8), [0]])))
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= at_least
    marks = np.zeros(len(bad) + 1, dtype=np.int64)
    marks[starts[long]] += 1
    marks[ends[long]] -= 1
    return np.asarray(np.cumsum(marks)[:-1] > 0, dtype=bool)


def _bad_slices(
    filled: _Filled, numbers: Int64s, counted: _Bools, cause: Cause, *, every: Microseconds, seen: Interval
) -> list[SliceResult]:
    """Those over the threshold, counted as bad or not."""
    place = {number: i for i, number in enumerate(filled.number.tolist())}
    return [
        SliceResult(
            interval=_interval(number, every, seen),
            good=int(filled.good[place[number]]) if number in place else 0,
            total=int(filled.total[place[number]]) if number in place else 0,
            share=0 if counts else INTERVAL,
            bad=counts,
            cause=cause if number in place else "empty",
        )
        for number, counts in zip(numbers.tolist(), counted.tolist(), strict=True)
    ]


def _outages(slices: Sequence[SliceResult], components: tuple[str, ...]) -> tuple[OutageSpan, ...]:
    """Bad slices that adjoin each other are one."""
    runs: list[list[SliceResult]] = []
    for each in slices:
        if each.bad and runs and runs[-1][-1].interval.end == each.interval.start:
            runs[-1].append(each)
        elif each.bad:
            runs.append([each])
    return tuple(
        OutageSpan(
            interval=Interval(run[0].interval.start, run[-1].interval.end),
            components=components,
            cause=", ".join(sorted({each.cause for each in run})),
        )
        for run in runs
    )


def _empty_slices(lacking: Int64s, empty: Empty, every: Microseconds, seen: Interval) -> list[SliceResult]:
    """Only where they count as bad."""
    if empty != "bad":
        return []
    return [
        SliceResult(interval=_interval(number, every, seen), good=0, total=0, share=0, bad=True, cause="empty")
        for number in lacking.tolist()
    ]
