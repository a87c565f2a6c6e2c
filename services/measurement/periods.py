"""The periods of an agreement: which ones it has, and on which of their days which version of the terms counts. Pure; reads no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import takewhile, zip_longest
from typing import NamedTuple

from services.measurement.objective import TermsInForce
from services.vocabulary.period import Cycle, Instant, Interval, Period, day_of, in_time, last_day_of

_ONE_DAY = timedelta(days=1)


class Part(NamedTuple):
    """The civil days [first, after) of a period on which a version counts."""

    version: TermsInForce
    first: date
    after: date


def parts_of(history: Sequence[TermsInForce], period: Period) -> tuple[Part, ...]:
    """In order; only versions whose cycle has the period, a later one ends an earlier one. Rolling days end within such a version."""
    parts: list[Part] = []
    for version, after_version in _days(history):
        if version.terms.cycle.has(period, term_begins=history[0].first_day):
            first = max(version.first_day, period.first_day)
            after = period.day_after if after_version is None else min(period.day_after, after_version)
            parts += [Part(version, first, after)] if first < after else []
    if parts and parts[-1].version.terms.cycle.every == "rolling" and parts[-1].after != period.day_after:
        return ()
    return tuple(parts)


def is_known(history: Sequence[TermsInForce], period: Period) -> bool:
    """Whether it is a period of some version's cycle, in or out of the term."""
    return any(version.terms.cycle.has(period, term_begins=history[0].first_day) for version in history)


def days_of(history: Sequence[TermsInForce], period: Period) -> tuple[date, date]:
    """Its order among the agreement's periods: by the days [first, after) of it on which its terms count, without any by its own."""
    parts = parts_of(history, period)
    return (parts[0].first, parts[-1].after) if parts else in_time(period)


def in_order(period: Period) -> tuple[date, date, str]:
    """The order of periods in lists: that of time; the text tells those apart that have the same days under two cycles."""
    return *in_time(period), str(period)


def begun(history: Sequence[TermsInForce], *, now: Instant, touched: Interval) -> list[Period]:
    """The periods that have begun and that the span touches, in the order of time; of rolling ones, those whose last day has begun.

    The first rolling period is the first whole one: it ends on the Nth day on which the terms have that cycle.
    """
    found: dict[Period, None] = {}
    for number, (version, after) in enumerate(_days(history)):
        first_last_day = _first_last_day(history[: number + 1])
        under = _Under(version.terms.cycle, history[0].first_day, max(version.first_day, first_last_day), after)
        zone = version.terms.zone
        for period in under.from_day(day_of(touched.start, zone), today=day_of(now, zone)):
            bounds = period.bounds(zone)
            if bounds.start >= touched.end:
                break
            if touched.start < bounds.end:
                found[period] = None
    return sorted(found, key=in_order)


class _Under(NamedTuple):
    """The periods of a version's cycle on its days [first, after); of rolling ones those that end on one of them."""

    cycle: Cycle
    term_begins: date
    first: date
    after: date | None

    def from_day(self, day: date, *, today: date) -> Iterator[Period]:
        """Those begun by today, from the last one that can hold the day on."""
        last = today if self.after is None else self.after - _ONE_DAY
        if last < self.first and self.after is not None:
            return
        period = self.cycle.period_on(max(self.first, min(day, last)), term_begins=self.term_begins)
        while self._day_of_beginning(period) <= min(last, today):
            yield period
            period = self.cycle.following(period, term_begins=self.term_begins)

    def _day_of_beginning(self, period: Period) -> date:
        return last_day_of(period) if self.cycle.every == "rolling" else period.first_day


def _first_last_day(history: Sequence[TermsInForce]) -> date:
    """The day with which the first whole rolling period of the last version's cycle ends; other cycles begin with their first version."""
    cycle = history[-1].terms.cycle
    same = list(takewhile(lambda version: version.terms.cycle == cycle, reversed(history)))
    return same[-1].first_day + timedelta(days=max(cycle.days - 1, 0))


def _days(history: Sequence[TermsInForce]) -> Iterator[tuple[TermsInForce, date | None]]:
    """Each version with the first civil day on which it counts no more; None: until further notice."""
    for version, later in zip_longest(history, history[1:]):
        ends = [day + _ONE_DAY for day in (version.last_day, version.terms.ends) if day is not None]
        yield version, min([*ends, *([later.first_day] if later else [])], default=None)
