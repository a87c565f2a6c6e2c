"""Burn rates: how fast the error budget is being spent, over several windows, and when somebody should look. Pure; judges no period.

A rate of 1 spends the budget of a period exactly in the period, 14.4 spends that of 30 days in 50 hours. The alert rules are the
multi-window, multi-burn-rate ones of "The Site Reliability Workbook", chapter 5, table 5-8: a long window shows that a share of the
budget is gone, a short one that it is still going.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from services.measurement.assessment import measure_span
from services.measurement.objective import Composite, Indicator, Maintenance, Objective, ResolutionTime
from services.measurement.observation import Evidence
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval, Microseconds

Severity = Literal["page", "ticket"]

Measure = Callable[[Interval], tuple[int, int]]
"""What was bad of what counted in an interval, in the objective's unit."""


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """Alerts while both windows burn faster than `factor`; in 30 days that is `factor` × `long` ÷ 30 d of the budget."""

    severity: Severity
    factor: Fraction
    long: Microseconds
    short: Microseconds


ALERTS = (
    AlertRule(severity="page", factor=Fraction(72, 5), long=Microseconds(HOUR), short=Microseconds(5 * MINUTE)),
    AlertRule(severity="page", factor=Fraction(6), long=Microseconds(6 * HOUR), short=Microseconds(30 * MINUTE)),
    AlertRule(severity="ticket", factor=Fraction(1), long=Microseconds(72 * HOUR), short=Microseconds(6 * HOUR)),
)
"""The most urgent first: 2 % of 30 days' budget gone in an hour, 5 % in six hours, 10 % in three days."""

WINDOWS = tuple(sorted({window for rule in ALERTS for window in (rule.long, rule.short)}))


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """What one window came to. `interval` is the part of it inside the period, `bad` and `whole` what counted in that part."""

    window: Microseconds
    interval: Interval
    bad: int
    whole: int
    budget: Fraction

    @property
    def rate(self) -> Fraction | None:
        """Bad share ÷ budget; None where nothing counted, and of a budget of nothing, which no rate describes."""
        return Fraction(self.bad, self.whole) / self.budget if self.whole and self.budget else None

    @property
    def complete(self) -> bool:
        """The period's start does not cut the window."""
        return self.interval.length == self.window

    def above(self, factor: Fraction) -> bool:
        """Strictly faster. Of a budget of nothing anything bad is."""
        return self.bad > factor * self.budget * self.whole


@dataclass(frozen=True, kw_only=True)
class Alert:
    """The rule that holds, and the two rates that make it hold."""

    rule: AlertRule
    long: BurnRate
    short: BurnRate


def burn_rates(measure: Measure, *, until: Instant, start: Instant, budget: Fraction) -> tuple[BurnRate, ...]:
    """One rate for each of `WINDOWS`, the shortest first; all end at `until`, none before anything of the period was seen.

    A window does not reach back over the period's start: what was spent before was spent from another budget. It is then read over
    what there is of it, as a recording rule reads a series that has just begun. `budget` is the bad share the target allows.
    """
    if until <= start:
        return ()
    return tuple(_rate(measure, window, Interval(Instant(max(start, until - window)), until), budget) for window in WINDOWS)


def alert(rates: Sequence[BurnRate]) -> Alert | None:
    """The most urgent rule that holds. The start of the period may cut its long window, never its short one: too little was seen."""
    by_window = {rate.window: rate for rate in rates}
    for rule in ALERTS:
        long, short = by_window.get(rule.long), by_window.get(rule.short)
        if long and short and short.complete and long.above(rule.factor) and short.above(rule.factor):
            return Alert(rule=rule, long=long, short=short)
    return None


def burns(indicator: Indicator) -> bool:
    """Time, requests and slices are spent continuously; tickets and composites are too few for a rate."""
    return not isinstance(indicator, ResolutionTime | Composite)


def measure_of(objective: Objective, evidence: Evidence, *, zone: ZoneInfo, maintenance: Sequence[Maintenance]) -> Measure:
    """Measures the objective over any interval as its own figure would, by what is known at the end of it. The objective must burn."""
    assert burns(objective.indicator), "tickets and composites have no burn rate"

    def measure(interval: Interval) -> tuple[int, int]:
        result = measure_span(objective, evidence, interval, zone=zone, maintenance=maintenance, measured_until=interval.end)
        return result.whole - result.good, result.whole

    return measure


def _rate(measure: Measure, window: Microseconds, interval: Interval, budget: Fraction) -> BurnRate:
    bad, whole = measure(interval)
    return BurnRate(window=window, interval=interval, bad=bad, whole=whole, budget=budget)
