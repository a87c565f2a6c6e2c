"""Instants, intervals and calendar months. Pure; reads no clock.

Instants are integer microseconds since 1970-01-01T00:00:00Z. Intervals are half-open. A month's boundaries are civil midnights in
an IANA zone, expanded with the time zone database, never by adding a constant.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, NewType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.vocabulary.errors import invalid

Instant = NewType("Instant", int)
"""Microseconds since the epoch, UTC."""

Microseconds = NewType("Microseconds", int)
"""A length of real elapsed time."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_MACHINES_OWN_ZONE = re.compile(r"localtime|posixrules|Factory|(posix|right)(/.*)?", re.IGNORECASE | re.DOTALL)
_EARLIEST = date(1990, 1, 1)
_LATEST = date(2200, 1, 1)


class Interval(NamedTuple):
    """[start, end) in microseconds; start < end wherever it stands for something."""

    start: Instant
    end: Instant

    @property
    def length(self) -> Microseconds:
        return Microseconds(self.end - self.start)


def instant_of(moment: datetime) -> Instant:
    """Exact to the microsecond; the datetime must be aware."""
    assert moment.tzinfo is not None, "an instant needs a zone"
    return Instant((moment - _EPOCH) // timedelta(microseconds=1))


def datetime_of(instant: Instant) -> datetime:
    """The same moment as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=instant)


def instant_text(instant: Instant) -> str:
    """RFC 3339 in UTC, with a fraction only where there is one: "2026-03-01T00:00:00Z"."""
    return datetime_of(instant).isoformat().replace("+00:00", "Z")


def parse_instant(text: str, *, place: str, assume_utc: bool = False) -> Instant:
    """Reads RFC 3339. Refuses with `Invalid` what has no offset (unless told to read it as UTC) or lies outside 1990–2199."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise invalid(place, f'must be an RFC 3339 instant such as "2026-03-01T08:00:00Z", not {text!r}') from None
    if moment.tzinfo is None:
        if not assume_utc:
            raise invalid(place, f"must carry an offset such as Z or +01:00, {text!r} has none")
        moment = moment.replace(tzinfo=UTC)
    if not _EARLIEST <= moment.date() < _LATEST:
        raise invalid(place, f"must lie between {_EARLIEST} and {_LATEST}, not {text!r}")
    return instant_of(moment)


def parse_day(text: str, *, place: str) -> date:
    """A civil date "2026-03-01"; refuses with `Invalid` anything else and dates outside 1990–2199."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise invalid(place, f'must be a date such as "2026-03-01", not {text!r}')
    if not _EARLIEST <= day < _LATEST:
        raise invalid(place, f"must be a date between {_EARLIEST} and {_LATEST}, not {text!r}")
    return day


@lru_cache(maxsize=256)
def parse_zone(name: str, *, place: str = "zone") -> ZoneInfo:
    """An IANA zone; refuses with `Invalid` a name that the time zone database does not have, and one whose meaning is the machine's."""
    if _MACHINES_OWN_ZONE.fullmatch(name):
        raise invalid(place, f'must be a time zone that is the same on every machine, such as "Europe/Berlin", not {name!r}')
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(place, f'must be an IANA time zone such as "Europe/Berlin", not {name!r}') from None


def start_of_day(day: date, zone: ZoneInfo) -> Instant:
    """The instant a civil day begins."""
    return instant_of(datetime.combine(day, time.min, tzinfo=zone))


def day_of(instant: Instant, zone: ZoneInfo) -> date:
    """The civil day an instant lies in."""
    return datetime_of(instant).astimezone(zone).date()


def days_between(interval: Interval, zone: ZoneInfo) -> list[tuple[date, Interval]]:
    """The civil days an interval touches, each clipped to it."""
    found: list[tuple[date, Interval]] = []
    day = day_of(interval.start, zone)
    while (start := start_of_day(day, zone)) < interval.end:
        following = day + timedelta(days=1)
        clipped = Interval(max(start, interval.start), min(start_of_day(following, zone), interval.end))
        if clipped.start < clipped.end:
            found.append((day, clipped))
        day = following
    return found


class Month(NamedTuple):
    """A calendar month; text form "2026-03", ordered by time."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def next(self) -> Month:
        return Month(self.year + 1, 1) if self.month == 12 else Month(self.year, self.month + 1)

    @property
    def previous(self) -> Month:
        return Month(self.year - 1, 12) if self.month == 1 else Month(self.year, self.month - 1)

    def bounds(self, zone: ZoneInfo) -> Interval:
        """Real elapsed time from civil midnight to civil midnight: Europe/Berlin 2026-03 is 44,580 minutes."""
        return Interval(start_of_day(self.first_day, zone), start_of_day(self.next.first_day, zone))


def parse_month(text: str, *, place: str) -> Month:
    """Refuses with `Invalid` anything but "YYYY-MM" between 1990 and 2199."""
    match = _MONTH.fullmatch(text)
    if match is None or not _EARLIEST.year <= int(match[1]) < _LATEST.year:
        raise invalid(place, f'must be a month such as "2026-03" between 1990 and 2199, not {text!r}')
    return Month(int(match[1]), int(match[2]))


def month_of(instant: Instant, zone: ZoneInfo) -> Month:
    """The calendar month an instant lies in, in that zone."""
    day = day_of(instant, zone)
    return Month(day.year, day.month)
