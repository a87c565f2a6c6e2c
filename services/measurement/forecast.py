"""A forecast: where a running period will probably end, if its days go on as they went. Pure; a guess with bounds, never a verdict.

Expected is the figure to date, carried on. The bounds come from an urn (Blackwell and MacQueen 1973). It holds the civil days seen and
one that was not: the next day is worse than all of n days with probability 1 ÷ (n + 1) (Hill 1968), how much worse nobody knows, here
twice as bad as the worst; where no day was bad, it spends the period's whole budget. Each day to come is drawn and put back with two
copies, the predictive of a Dirichlet prior of Jeffreys' weight, so that few days seen spread wide. The bounds are quantiles of 2,000
such futures. The draws are integers of one PCG64 stream with a fixed seed and all sums are exact integers: the same days give the same
forecast everywhere. What it takes for granted: days are alike and do not depend on each other, no trend, no week.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.measurement.figure import DayResult
from services.measurement.interval import NEVER, Spans, complement
from services.vocabulary.period import Instant, Interval, days_between

LEAST_DAYS = 3

_CONFIDENCE = Fraction(9, 10)
_FUTURES = 2_000
_SEED = 20_260_301
_COPIES = 2
_FLOOR = 10**8
"""Six decimals of a percentage."""

_Draws = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Attainment at the period's end, floored to six decimals of a percentage: `low` ≤ `expected` ≤ `high`.

    `confidence` is the share of the drawn futures within the bounds, half of the rest on each side. It is nominal: at 9/10, 77 to 99 % of
    simulated months ended within them (decision 0008), the fewest where outages have heavy tails and few of the `days_seen`.
    """

    expected: Fraction
    low: Fraction
    high: Fraction
    confidence: Fraction
    days_seen: int


@dataclass(frozen=True, kw_only=True)
class _Amount:
    """Of one day, or of the period so far."""

    bad: int
    whole: int


def forecast(
    days: Sequence[DayResult],
    *,
    period: Interval,
    until: Instant,
    zone: ZoneInfo,
    budget: Fraction,
    suspended: Spans = NEVER,
    confidence: Fraction = _CONFIDENCE,
) -> Forecast | None:
    """From the days of a figure that was measured up to `until`; `budget` is the bad share that the target allows.

    A day without a result had nothing that counted; suspended days are neither drawn nor to come. None where the period is over, where
    fewer than `LEAST_DAYS` civil days were seen whole, and where nothing counted yet.
    """
    told = {day.day: _Amount(bad=day.whole - day.good, whole=day.whole) for day in days}
    calendar = [(day, hours) for day, hours in days_between(period, zone) if complement(suspended, hours)]
    urn = [told.get(day, _Amount(bad=0, whole=0)) for day, hours in calendar if hours.end <= until]
    rest = [Fraction(hours.end - max(hours.start, until), hours.length) for _, hours in calendar if hours.end > until]
    so_far = _Amount(bad=sum(day.bad for day in told.values()), whole=sum(day.whole for day in told.values()))
    if not rest or len(urn) < LEAST_DAYS or not any(day.whole for day in urn):
        return None
    ends = _ends(so_far, [*urn, _unseen(urn, len(calendar), budget)], rest)
    expected = _floored(so_far)
    tail = (1 - confidence) / 2
    low, high = ends[int(tail * len(ends))], ends[-1 - int(tail * len(ends))]
    return Forecast(
        expected=Fraction(expected, _FLOOR),
        low=Fraction(min(low, expected), _FLOOR),
        high=Fraction(max(high, expected), _FLOOR),
        confidence=confidence,
        days_seen=len(urn),
    )


def _unseen(urn: Sequence[_Amount], days_in_period: int, budget: Fraction) -> _Amount:
    """The bad day that did not happen yet, as large as an average day on which anything counted."""
    open_days, worst = [day.whole for day in urn if day.whole], max(day.bad for day in urn)
    whole = sum(open_days) // len(open_days)
    if worst:
        return _Amount(bad=min(whole, 2 * worst), whole=whole)
    spent_at_once = budget * Fraction(sum(open_days), len(urn)) * days_in_period
    return _Amount(bad=min(whole, int(spent_at_once)), whole=whole)


def _ends(so_far: _Amount, urn: Sequence[_Amount], rest: Sequence[Fraction]) -> list[int]:
    """The floored attainments at the end of every future, the worst first."""
    drawn = _drawn(len(urn), len(rest))
    bad, whole = [so_far.bad] * _FUTURES, [so_far.whole] * _FUTURES
    for share in dict.fromkeys(rest):
        columns = [column for column, of_day in enumerate(rest) if of_day == share]
        times = _times(drawn[:, columns], len(urn))
        bad = [one + other for one, other in zip(bad, _sums(times, [int(day.bad * share) for day in urn]), strict=True)]
        whole = [one + other for one, other in zip(whole, _sums(times, [int(day.whole * share) for day in urn]), strict=True)]
    return sorted(_floored(_Amount(bad=b, whole=w)) for b, w in zip(bad, whole, strict=True))


def _drawn(in_urn: int, to_come: int) -> _Draws:
    """Which day of the urn each day to come is; shape (futures, days to come). Every draw adds two copies, which the next ones may draw."""
    chance = np.random.PCG64(_SEED).random_raw(_FUTURES * to_come).reshape(_FUTURES, to_come) >> np.uint64(32)
    drawn = np.zeros((_FUTURES, to_come), dtype=np.int64)
    every = np.arange(_FUTURES)
    for column in range(to_come):
        ticket = ((chance[:, column] * np.uint64(in_urn + _COPIES * column)) >> np.uint64(32)).astype(np.int64)
        copies = drawn[every, np.maximum(ticket - in_urn, 0) // _COPIES]
        drawn[:, column] = np.where(ticket < in_urn, ticket, copies)
    return drawn


def _times(drawn: _Draws, in_urn: int) -> _Draws:
    """How often each day of the urn was drawn; shape (futures, days in the urn)."""
    return np.stack([(drawn == day).sum(axis=1, dtype=np.int64) for day in range(in_urn)], axis=1)


def _sums(times: _Draws, amounts: Sequence[int]) -> list[int]:
    """Exact however large: Python's integers add."""
    nonzero = [(day, amount) for day, amount in enumerate(amounts) if amount]
    columns = [[count * amount for count in times[:, day].tolist()] for day, amount in nonzero]
    return [sum(row) for row in zip(*columns, strict=True)] if columns else [0] * len(times)


def _floored(amount: _Amount) -> int:
    return (amount.whole - amount.bad) * _FLOOR // amount.whole
