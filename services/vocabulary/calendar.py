"""Service hours: the weekly hours in which a promise or a clock counts, less the days on which they are closed. Pure; reads no clock.

Hours are civil times in the calendar's zone: an hour that the zone skips is not there, one that it repeats counts twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from services.vocabulary.period import MINUTE, Instant, Interval, Microseconds, datetime_of, day_of, instant_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_EPOCH_DAY = date(1970, 1, 1)
_DAY = 24 * 60 * MINUTE
_LAST_YEAR = 2200


class NoOpenTime(ValueError):
    """The calendar has not so much open time in all the years that anybody can speak of."""


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Open from a civil minute of the day to another on these weekdays; `days` count from Monday as 0, 1440 is the end of the day."""

    days: tuple[int, ...]
    from_minute: int
    to_minute: int


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Open in its hours on each day that is not closed. `id` names it where a figure is explained.

    Expands a year at a time and remembers it, so that a hundred thousand clocks cost as many look-ups.
    """

    id: str
    zone: ZoneInfo
    hours: tuple[Hours, ...]
    closed: frozenset[date] = frozenset()

    def open_on(self, day: date) -> tuple[Interval, ...]:
        """The open time of a civil day, sorted, disjoint."""
        wide = Interval(Instant(_civil(day) - 2 * _DAY), Instant(_civil(day) + 3 * _DAY))
        return _joined(self._opened((day,), _offsets(self.zone, wide)))

    def open_in(self, bounds: Interval) -> tuple[Interval, ...]:
        """The open time within the bounds, sorted, disjoint."""
        if bounds.start >= bounds.end:
            return ()
        spans = (span for year in range(_year(bounds.start), _year(bounds.end) + 1) for span in self._in_year(year).touching(bounds))
        return _joined(Interval(max(span.start, bounds.start), min(span.end, bounds.end)) for span in spans)

    def is_open_day(self, day: date) -> bool:
        return bool(self.open_on(day))

    def day_after(self, day: date, open_days: int) -> date:
        """The civil day that is so many open days after a day. Raises `NoOpenTime`."""
        while open_days > 0:
            day += timedelta(days=1)
            if day.year > _LAST_YEAR or not self.hours:
                raise NoOpenTime(f"calendar {self.id} has no open day so late")
            open_days -= self.is_open_day(day)
        return day

    def after(self, start: Instant, elapsed: Microseconds) -> Instant:
        """The first instant at which so much open time has elapsed since the start; nothing elapses at once. Raises `NoOpenTime`."""
        if elapsed <= 0:
            return start
        year = _year(start)
        left = elapsed + self._in_year(year).until(start)
        while year <= _LAST_YEAR and self.weekly_minutes:
            opened = self._in_year(year)
            if left <= opened.total:
                return opened.reached(left)
            left -= opened.total
            year += 1
        raise NoOpenTime(f"calendar {self.id} never has so much open time after the start")

    def between(self, start: Instant, end: Instant) -> Microseconds:
        """Open time elapsed between two instants; none where the end is not after the start."""
        if start >= end:
            return Microseconds(0)
        first, last = _year(start), _year(end)
        elapsed = self._in_year(last).until(end) - self._in_year(first).until(start)
        for year in range(first, last):
            elapsed += self._in_year(year).total
        return Microseconds(elapsed)

    @cached_property
    def weekly_minutes(self) -> int:
        """Civil minutes a week, before closed days."""
        minutes = {(day, minute) for hours in self.hours for day in hours.days for minute in range(hours.from_minute, hours.to_minute)}
        return len(minutes)

    @cached_property
    def _years(self) -> dict[int, _Opened]:
        return {}

    def _in_year(self, year: int) -> _Opened:
        """The open time of a year in UTC."""
        known = self._years.get(year)
        if known is None:
            bounds = Interval(_new_year(year), _new_year(year + 1))
            first, days = day_of(bounds.start, self.zone) - timedelta(days=1), 368
            spans = self._opened((first + timedelta(days=number) for number in range(days)), _offsets(self.zone, bounds))
            known = self._years[year] = _Opened(_joined(spans))
        return known

    def _opened(self, days: Iterable[date], offsets: tuple[tuple[Interval, int], ...]) -> Iterator[Interval]:
        """The hours of civil days as instants: each stretch of one offset has the civil times that fall in it, once."""
        for day in days:
            if day in self.closed:
                continue
            midnight, weekday = _civil(day), day.weekday()
            for hours in self.hours:
                if weekday in hours.days:
                    begins, ends = midnight + hours.from_minute * MINUTE, midnight + hours.to_minute * MINUTE
                    for stretch, offset in offsets:
                        yield Interval(Instant(max(stretch.start, begins - offset)), Instant(min(stretch.end, ends - offset)))


def instant_at(day: date, minute: int, zone: ZoneInfo) -> Instant:
    """A civil minute of the day; the first of two that the zone repeats, and of one that it skips the first instant after the gap."""
    civil = datetime.combine(day, time.min) + timedelta(minutes=minute)
    first, second = (instant_of(civil.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    return first if first <= second else Instant(_change(zone, second, first))


class _Opened:
    """Sorted, disjoint open spans with the open time up to the end of each."""

    def __init__(self, spans: tuple[Interval, ...]) -> None:
        self._spans = spans
        self._starts = [span.start for span in spans]
        self._elapsed = [0, *accumulate(span.end - span.start for span in spans)]
        self.total = self._elapsed[-1]

    def touching(self, bounds: Interval) -> tuple[Interval, ...]:
        """Those that have an instant in common with the bounds."""
        first = max(0, bisect_right(self._starts, bounds.start) - 1)
        return tuple(span for span in self._spans[first : bisect_right(self._starts, bounds.end)] if span.end > bounds.start)

    def until(self, instant: Instant) -> int:
        """Open time before the instant."""
        place = bisect_right(self._starts, instant)
        if not place:
            return 0
        span = self._spans[place - 1]
        return self._elapsed[place - 1] + min(instant, span.end) - span.start

    def reached(self, elapsed: int) -> Instant:
        """The first instant with so much open time before it; more than 0, at most the total."""
        place = bisect_right(self._elapsed, elapsed - 1)
        return Instant(self._starts[place - 1] + elapsed - self._elapsed[place - 1])


def _offsets(zone: ZoneInfo, bounds: Interval) -> tuple[tuple[Interval, int], ...]:
    """The stretches of one offset from UTC, in microseconds. No zone has ever changed its clocks twice within a day."""
    marks = [*range(bounds.start, bounds.end, _DAY), bounds.end]
    changes = [_change(zone, early, late) for early, late in pairwise(marks) if _offset(zone, early) != _offset(zone, late)]
    edges = [bounds.start, *changes, bounds.end]
    return tuple((Interval(Instant(start), Instant(end)), _offset(zone, start)) for start, end in pairwise(edges) if start < end)


def _change(zone: ZoneInfo, early: int, late: int) -> int:
    """The first instant with the offset of the later one."""
    before = _offset(zone, early)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if _offset(zone, middle) == before else (early, middle)
    return late


def _offset(zone: ZoneInfo, instant: int) -> int:
    offset = datetime_of(Instant(instant)).astimezone(zone).utcoffset()
    assert offset is not None, "a zone has an offset at every instant"
    return offset // timedelta(microseconds=1)


def _civil(day: date) -> int:
    """Midnight of a civil day, read as if it were UTC."""
    return (day - _EPOCH_DAY).days * _DAY


def _year(instant: Instant) -> int:
    return datetime_of(instant).year


def _new_year(year: int) -> Instant:
    return instant_of(datetime(year, 1, 1, tzinfo=UTC))


def _joined(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    joined: list[Interval] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Interval(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)
