"""Instants, intervals, calendar months and the other periods of agreements. Pure; reads no clock.

Instants are integer microseconds since 1970-01-01T00:00:00Z. Intervals are half-open. A period's boundaries are civil midnights in
an IANA zone, expanded with the time zone database that is locked with the project, never by adding a constant.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal, NamedTuple, NewType, Protocol, assert_never
from zoneinfo import ZoneInfo, available_timezones

from services.vocabulary.errors import invalid

Instant = NewType("Instant", int)
"""Microseconds since the epoch, UTC."""

Microseconds = NewType("Microseconds", int)
"""A length of real elapsed time."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def _locked_database() -> tuple[Traversable | None, str]:
    try:
        import tzdata
    except ModuleNotFoundError:
        return None, ""
    return files(tzdata), tzdata.IANA_VERSION


_PACKAGE, TZ_DATABASE = _locked_database()
"""The version of the time zone database that every civil time is expanded with: "2026a". Empty where it is not installed, as where only
proofs are checked: then the machine's own zones count, and no figure is computed."""

_ZONES: dict[str, ZoneInfo] = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_YEAR = re.compile(r"(\d{4})(?:-(?:Q([1-4])|W(\d{2})))?", re.ASCII)
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})--P(?:(1M)|(1Y)|(1Y1D)|([1-9]\d{0,2})D)", re.ASCII)
_FORMS = '"2026-03", "2026-Q1", "2026", "2026-W10", "2026-03-15--P1M", "2026-03-15--P1Y" or "2026-02-14--P30D"'
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12, "contract-year": 12}
LONGEST_ROLLING = 366
LATEST_FROM_DAY = 28
_SPANS_KEPT = 64
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


class _Zone(ZoneInfo):
    """Of the database that the project is locked with; a copy in another process is that process's own object of the name."""

    def __reduce__(self) -> tuple[Callable[[str], ZoneInfo], tuple[str]]:
        return _zone, (self.key,)


@cache
def zone_names() -> frozenset[str]:
    """Every name that the time zone database has."""
    if _PACKAGE is None:
        return frozenset(available_timezones())
    return frozenset(_PACKAGE.joinpath("zones").read_text("ascii").split())


def _zone(name: str) -> ZoneInfo:
    """One object a name, for ever and for all threads: zones are equal when they are the same object. Raises `KeyError`."""
    known = _ZONES.get(name)
    if known is not None:
        return known
    if name not in zone_names():
        raise KeyError(name)
    if _PACKAGE is None:
        return _ZONES.setdefault(name, _Zone(name))
    with _PACKAGE.joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return _ZONES.setdefault(name, _Zone.from_file(data, key=name))


def parse_zone(name: str, *, place: str = "zone") -> ZoneInfo:
    """An IANA zone, by `TZ_DATABASE` and never by what the machine has; refuses with `Invalid` a name that the database does not have, and
    one whose meaning is the machine's."""
    if _MACHINES_OWN_ZONE.fullmatch(name):
        raise invalid(place, f'must be a time zone that is the same on every machine, such as "Europe/Berlin", not {name!r}')
    try:
        return _zone(name)
    except KeyError:
        raise invalid(place, f'must be an IANA time zone such as "Europe/Berlin", not {name!r}') from None


def start_of_day(day: date, zone: ZoneInfo) -> Instant:
    """The instant a civil day begins."""
    return instant_of(datetime.combine(day, time.min, tzinfo=zone))


def day_of(instant: Instant, zone: ZoneInfo) -> date:
    """The civil day an instant lies in."""
    return datetime_of(instant).astimezone(zone).date()


def days_later(instant: Instant, days: int, zone: ZoneInfo) -> Instant:
    """The same time of the zone's clocks so many civil days later; the first of two, and where the clocks skip it as long after the gap."""
    if not days:
        return instant
    return instant_of(datetime_of(instant).astimezone(zone).replace(fold=0) + timedelta(days=days))


def days_between(interval: Interval, zone: ZoneInfo) -> tuple[tuple[date, Interval], ...]:
    """The civil days an interval touches, each clipped to it."""
    return _days_between(interval, zone)


@lru_cache(maxsize=_SPANS_KEPT)
def _days_between(interval: Interval, zone: ZoneInfo) -> tuple[tuple[date, Interval], ...]:
    """Kept, because the objectives of an agreement ask for the same days one after the other."""
    found: list[tuple[date, Interval]] = []
    day = day_of(interval.start, zone)
    while (start := start_of_day(day, zone)) < interval.end:
        following = day + timedelta(days=1)
        clipped = Interval(max(start, interval.start), min(start_of_day(following, zone), interval.end))
        if clipped.start < clipped.end:
            found.append((day, clipped))
        day = following
    return tuple(found)


Every = Literal["month", "quarter", "year", "contract-year", "week", "rolling"]


class Period(Protocol):
    """What is judged, credited and closed as one: whole civil days. Its text reads back by `parse_period`."""

    @property
    def first_day(self) -> date: ...

    @property
    def day_after(self) -> date:
        """The first civil day that is no longer in it."""
        ...

    @property
    def months(self) -> int:
        """How many monthly charges it holds: 1, 3 or 12; 0 for a week and rolling days."""
        ...

    @property
    def next(self) -> Period: ...

    @property
    def previous(self) -> Period: ...

    def bounds(self, zone: ZoneInfo) -> Interval:
        """Real elapsed time from civil midnight to civil midnight."""
        ...


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
    def day_after(self) -> date:
        return self.next.first_day

    @property
    def months(self) -> int:
        return 1

    @property
    def next(self) -> Month:
        return Month(self.year + 1, 1) if self.month == 12 else Month(self.year, self.month + 1)

    @property
    def previous(self) -> Month:
        return Month(self.year - 1, 12) if self.month == 1 else Month(self.year, self.month - 1)

    def bounds(self, zone: ZoneInfo) -> Interval:
        """Real elapsed time from civil midnight to civil midnight: Europe/Berlin 2026-03 is 44,580 minutes."""
        return _bounds(self, zone)


def parse_month(text: str, *, place: str) -> Month:
    """Refuses with `Invalid` anything but "YYYY-MM" between 1990 and 2199."""
    match = _MONTH.fullmatch(text)
    if match is None or not _EARLIEST.year <= int(match[1]) < _LATEST.year:
        raise invalid(place, f'must be a month such as "2026-03" between 1990 and 2199, not {text!r}')
    return Month(int(match[1]), int(match[2]))


@dataclass(frozen=True, kw_only=True)
class CivilPeriod:
    """Every period but a calendar month; "month" is a billing month, which begins on another day than the first.

    Text forms: "2026-Q1", "2026", "2026-W10" (Monday to Sunday, the ISO week year), and a first day with an ISO 8601 duration, behind the
    separator for names that cannot hold a "/": "2026-03-15--P1M", "2026-03-15--P1Y", "2026-02-14--P30D". A contract year of 29 February
    that ends on one is a day longer: "2027-02-28--P1Y1D". Made by `Cycle.period_on` and `parse_period`.
    """

    every: Every
    first_day: date
    day_after: date

    def __str__(self) -> str:
        match self.every:
            case "quarter":
                return f"{self.first_day.year:04d}-Q{_quarter(self.first_day)}"
            case "year":
                return f"{self.first_day.year:04d}"
            case "week":
                year, week, _ = self.first_day.isocalendar()
                return f"{year:04d}-W{week:02d}"
            case "month":
                return f"{self.first_day}--P1M"
            case "contract-year":
                return f"{self.first_day}--P1Y{'1D' if self.day_after > months_after(self.first_day, 12) else ''}"
            case "rolling":
                return f"{self.first_day}--P{(self.day_after - self.first_day).days}D"
            case _:
                assert_never(self.every)

    @property
    def months(self) -> int:
        return _MONTHS_IN.get(self.every, 0)

    @property
    def next(self) -> CivilPeriod:
        """Rolling days: the ones that end a day later. Of a contract year that shows no 29 February, the next anniversary of its own first
        day: one that began on a 29th knows its years by `Cycle.period_on`."""
        return self._later(1)

    @property
    def previous(self) -> CivilPeriod:
        return self._later(-1)

    def bounds(self, zone: ZoneInfo) -> Interval:
        return _bounds(self, zone)

    def _later(self, steps: int) -> CivilPeriod:
        if not self.months:
            days = timedelta(days=7 * steps if self.every == "week" else steps)
            return replace(self, first_day=self.first_day + days, day_after=self.day_after + days)
        if (self.day_after.month, self.day_after.day) == (2, 29):
            return _of_months(self.every, self.day_after, steps - 1)
        return _of_months(self.every, self.first_day, steps)


class Cycle(NamedTuple):
    """How often an agreement judges: `from_day` is a billing month's, 1 is the calendar month; `days` those of a rolling period."""

    every: Every = "month"
    from_day: int = 1
    days: int = 0

    def period_on(self, day: date, *, term_begins: date) -> Period:
        """The one that a civil day lies in; of the rolling ones, that which ends with the day."""
        match self.every:
            case "month" if self.from_day == 1:
                return Month(day.year, day.month)
            case "month":
                anchor = day.replace(day=self.from_day)
                return _of_months("month", anchor, 0 if anchor <= day else -1)
            case "quarter":
                return _of_months("quarter", date(day.year, 3 * _quarter(day) - 2, 1), 0)
            case "year":
                return _of_months("year", date(day.year, 1, 1), 0)
            case "contract-year":
                return _of_months("contract-year", term_begins, anniversaries(term_begins, day))
            case "week":
                return _of_days("week", day - timedelta(days=day.weekday()), 7)
            case "rolling":
                return _of_days("rolling", day - timedelta(days=self.days - 1), self.days)
            case _:
                assert_never(self.every)

    def following(self, period: Period, *, term_begins: date) -> Period:
        """The next one of the cycle; of the rolling ones, that which ends a day later."""
        return self.period_on(period.day_after, term_begins=term_begins)

    def has(self, period: Period, *, term_begins: date) -> bool:
        """Whether it is one of the cycle's, in or out of the term."""
        return self.period_on(last_day_of(period), term_begins=term_begins) == period

    @property
    def form(self) -> str:
        """What its periods are, and how one is told."""
        match self.every:
            case "month" if self.from_day == 1:
                return 'calendar months such as "2026-03"'
            case "month":
                return f'billing months such as "2026-03-{self.from_day:02d}--P1M"'
            case "quarter":
                return 'quarters such as "2026-Q1"'
            case "year":
                return 'calendar years such as "2026"'
            case "contract-year":
                return 'contract years such as "2026-03-15--P1Y"'
            case "week":
                return 'weeks such as "2026-W10"'
            case "rolling":
                return f'rolling periods of {self.days} days such as "2026-03-01--P{self.days}D"'
            case _:
                assert_never(self.every)


MONTHLY = Cycle()


def in_time(period: Period) -> tuple[date, date]:
    """The order of periods, which is not that of their texts."""
    return period.first_day, period.day_after


def last_day_of(period: Period) -> date:
    return period.day_after - timedelta(days=1)


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has no such day: 31 December and two months is 28 February."""
    years, before = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, before + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def anniversaries(first_day: date, day: date) -> int:
    """How many anniversaries of a first day have passed. That of 29 February is the 28th in a common year."""
    years = day.year - first_day.year
    return years if day >= months_after(first_day, 12 * years) else years - 1


def parse_period(text: str, *, place: str) -> Period:
    """Any of the forms that periods are told by; refuses with `Invalid` others and those outside 1990–2199."""
    found = _period(text)
    if found is None or not _EARLIEST <= found.first_day < _LATEST:
        raise invalid(place, f"must be a period such as {_FORMS} between 1990 and 2199, not {text!r}")
    return found


def _period(text: str) -> Period | None:
    try:
        if month := _MONTH.fullmatch(text):
            return Month(int(month[1]), int(month[2])) if int(month[1]) else None
        if year := _YEAR.fullmatch(text):
            return _of_year(int(year[1]), quarter=year[2], week=year[3])
        return _dated(dated) if (dated := _DATED.fullmatch(text)) else None
    except (ValueError, OverflowError):
        return None


def _of_year(year: int, *, quarter: str | None, week: str | None) -> Period:
    if quarter is not None:
        return _of_months("quarter", date(year, 3 * int(quarter) - 2, 1), 0)
    if week is not None:
        return _of_days("week", date.fromisocalendar(year, int(week), 1), 7)
    return _of_months("year", date(year, 1, 1), 0)


def _dated(match: re.Match[str]) -> Period | None:
    first_day, month, year, leap, days = date.fromisoformat(match[1]), match[2], match[3], match[4], match[5]
    if month:
        return _of_months("month", first_day, 0) if 1 < first_day.day <= LATEST_FROM_DAY else None
    if year:
        return _of_months("contract-year", first_day, 0)
    if leap:
        ends = months_after(first_day, 12) + timedelta(days=1)
        return _of_months("contract-year", ends, -1) if (ends.month, ends.day) == (2, 29) else None
    return _of_days("rolling", first_day, int(days)) if int(days) <= LONGEST_ROLLING else None


def _of_months(every: Every, anchor: date, steps: int) -> CivilPeriod:
    months = _MONTHS_IN[every]
    return CivilPeriod(every=every, first_day=months_after(anchor, steps * months), day_after=months_after(anchor, (steps + 1) * months))


def _of_days(every: Every, first_day: date, days: int) -> CivilPeriod:
    return CivilPeriod(every=every, first_day=first_day, day_after=first_day + timedelta(days=days))


def _quarter(day: date) -> int:
    return (day.month + 2) // 3


def _bounds(period: Period, zone: ZoneInfo) -> Interval:
    return Interval(start_of_day(period.first_day, zone), start_of_day(period.day_after, zone))


def month_of(instant: Instant, zone: ZoneInfo) -> Month:
    """The calendar month an instant lies in, in that zone."""
    day = day_of(instant, zone)
    return Month(day.year, day.month)
