"""How a report speaks to people: verdicts, periods, moments, lengths, amounts. Pure; writes English, decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from services.reporting.material import Unit, Verdict
from services.vocabulary.period import (
    SECOND,
    CivilPeriod,
    Every,
    Instant,
    Month,
    Period,
    datetime_of,
    parse_day,
    parse_instant,
    parse_period,
    parse_zone,
)
from services.vocabulary.ratio import floored_percent, parse_exact

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_QUARTERS = ("first", "second", "third", "fourth")
_WORDS: dict[Every, str] = {
    "month": "month",
    "quarter": "quarter",
    "year": "year",
    "contract-year": "year",
    "week": "week",
    "rolling": "period",
}
_INTERVAL_DECIMALS = 6

StandingKind = Literal["met", "breached", "undetermined", "not-applicable", "at-risk", "on-track"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A verdict or the state of a running period, as a word; `kind` chooses icon and colour."""

    kind: StandingKind
    word: str


def standing(verdict: Verdict, *, running: bool, empty: bool = False, at_risk: bool = False, lost: bool = False) -> Standing:
    """A period that runs has no verdict yet: it is on track, at risk, or can no longer be met; `empty` while nothing was measured."""
    if running and empty:
        return Standing(kind="not-applicable", word="Nothing yet")
    if running and lost:
        return Standing(kind="breached", word="Target lost")
    if running and at_risk:
        return Standing(kind="at-risk", word="At risk")
    if running:
        return Standing(kind="on-track", word="On track")
    return verdict_in_words(verdict)


def verdict_in_words(verdict: Verdict) -> Standing:
    """A verdict on a closed period."""
    match verdict:
        case "met":
            return Standing(kind="met", word="Met")
        case "breached":
            return Standing(kind="breached", word="Breached")
        case "undetermined":
            return Standing(kind="undetermined", word="Undetermined")
        case "not-applicable":
            return Standing(kind="not-applicable", word="Nothing to judge")
        case _:
            assert_never(verdict)


def period_name(period: str) -> str:
    """ "March 2026", "first quarter of 2026", "2026", "week 10 of 2026", "15 March to 14 April 2026"."""
    parsed, every = _told(period)
    day = parsed.first_day
    match every:
        case "quarter":
            return f"{_QUARTERS[(day.month - 1) // 3]} quarter of {day.year}"
        case "year":
            return str(day.year)
        case "week":
            year, week, _ = day.isocalendar()
            return f"week {week} of {year}"
        case "month" if isinstance(parsed, Month):
            return f"{_MONTHS[day.month - 1]} {day.year}"
        case "month" | "contract-year" | "rolling":
            return _from_to(day, parsed.day_after - timedelta(days=1))
        case _:
            assert_never(every)


def period_title(period: str) -> str:
    """Its name where a line begins with it: "First quarter of 2026"."""
    name = period_name(period)
    return name[0].upper() + name[1:]


def during(period: str) -> str:
    """ "in March 2026", "in the first quarter of 2026", "from 15 March to 14 April 2026"."""
    parsed, every = _told(period)
    name = period_name(period)
    if every == "quarter":
        return f"in the {name}"
    return f"in {name}" if every in ("year", "week") or isinstance(parsed, Month) else f"from {name}"


def short_period(period: str) -> str:
    """As a chart has room for: "Mar 26", "Q1 26", "2026", "W10 26"; else the day it begins on, of rolling days the one they end with."""
    parsed, every = _told(period)
    day = parsed.first_day
    match every:
        case "quarter":
            return f"Q{(day.month + 2) // 3} {_short_year(day.year)}"
        case "year":
            return str(day.year)
        case "week":
            year, week, _ = day.isocalendar()
            return f"W{week:02d} {_short_year(year)}"
        case "month" if isinstance(parsed, Month):
            return f"{_MONTHS[day.month - 1][:3]} {_short_year(day.year)}"
        case "month" | "contract-year":
            return _short_day(day)
        case "rolling":
            return _short_day(parsed.day_after - timedelta(days=1))
        case _:
            assert_never(every)


def period_word(period: str) -> str:
    """What people call one like it: "month", "quarter", "year", "week", and "period" of rolling days."""
    return word_of(_told(period)[1])


def word_of(every: Every) -> str:
    """The same of a cycle."""
    return _WORDS[every]


def day_name(day: str) -> str:
    """ "9 March 2026" of a civil date."""
    return _day(parse_day(day, place="day"))


def short_day(day: str) -> str:
    """ "9 March" of a civil date."""
    parsed = parse_day(day, place="day")
    return f"{parsed.day} {_MONTHS[parsed.month - 1]}"


def moment(instant: str, zone: str) -> str:
    """ "9 March 2026, 02:10" in the zone; seconds only where there are some."""
    local = _local(instant, zone)
    return f"{_day(local.date())}, {_clock(local)}"


def stretch(start: str, end: str, zone: str) -> str:
    """ "9 March, 02:10 – 03:15" in the zone, the second day named only where it is another."""
    first, last = _local(start, zone), _local(end, zone)
    ending = _clock(last) if first.date() == last.date() else f"{_day_and_month(last)}, {_clock(last)}"
    return f"{_day_and_month(first)}, {_clock(first)} – {ending}"


def days_covered(start: str, end: str, zone: str) -> str:
    """ "1 March – 31 March 2026": the civil days of `[start, end)`."""
    first = _local(start, zone).date()
    last = datetime_of(_just_before(end)).astimezone(parse_zone(zone)).date()
    return _day(first) if first == last else f"{first.day} {_MONTHS[first.month - 1]} – {_day(last)}"


def length(duration_us: int) -> str:
    """ "1 h 5 min", "40 s": real elapsed time, floored to the second (upwards below zero)."""
    seconds = abs(duration_us) // SECOND
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{count:,} {unit}" for count, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if count]
    return " ".join(parts) or "0 min"


def amount(count: str, unit: Unit, *, scale: int = 1) -> str:
    """A count of good or bad in its unit: "1 h 5 min", "1,200 requests", "1 ticket", "12.5 intervals".

    With a `scale` time is that of several components together, and said to be.
    """
    number = int(count)
    match unit:
        case "us":
            return component_length(number, scale)
        case "10^-18 intervals":
            text = _intervals(abs(number))
            return f"{text} interval" if text == "1" else f"{text} intervals"
        case "requests" | "tickets" | "slices" | "objectives":
            return f"{abs(number):,} {unit if abs(number) != 1 else unit[:-1]}"
        case _:
            assert_never(unit)


def unit_name(unit: Unit) -> str:
    """What is counted, as people call it."""
    return "intervals" if unit == "10^-18 intervals" else unit


def component_length(duration_us: int, scale: int) -> str:
    """A length that says when it is the time of several components together."""
    return f"{length(duration_us)} of component time" if scale > 1 else length(duration_us)


def _intervals(parts: int) -> str:
    """10^-18 intervals as intervals with at most six decimals, floored."""
    whole, part = divmod(parts * 10**_INTERVAL_DECIMALS // 10**18, 10**_INTERVAL_DECIMALS)
    decimals = f"{part:0{_INTERVAL_DECIMALS}d}".rstrip("0")
    return f"{whole:,}.{decimals}" if decimals else f"{whole:,}"


def listed(words: tuple[str, ...]) -> str:
    """ "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def ordinal(number: str) -> str:
    """ "95th", "99.9th", "91st"."""
    ending = {"1": "st", "2": "nd", "3": "rd"}.get(number[-1:], "th")
    return f"{number}{'th' if '.' in number or number[-2:-1] == '1' else ending}"


def roughly(percent: str) -> str:
    """A percentage nobody is judged by, floored to one decimal: "83.3"."""
    whole, _, decimals = percent.partition(".")
    return f"{whole}.{decimals[:1]}" if decimals.strip("0") else whole


def share(exact: str) -> str:
    """An exact ratio as a percentage nobody is judged by: "46.6" of "7/15"."""
    return roughly(floored_percent(parse_exact(exact), decimals=1))


def money(amount_text: str, currency: str) -> str:
    """ "EUR 1,200.00", a difference with its sign."""
    value = Decimal(amount_text or "0")
    return f"{'−' if value < 0 else ''}{currency} {abs(value):,}"


def _told(period: str) -> tuple[Period, Every]:
    parsed = parse_period(period, place="period")
    return parsed, parsed.every if isinstance(parsed, CivilPeriod) else "month"


def _short_year(year: int) -> str:
    return f"{year % 100:02d}"


def _short_day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def _from_to(first: date, last: date) -> str:
    """Both inclusive; the year only once where it is the same."""
    if first == last:
        return _day(first)
    return f"{first.day} {_MONTHS[first.month - 1]}{'' if first.year == last.year else f' {first.year}'} to {_day(last)}"


def _just_before(end: str) -> Instant:
    return Instant(parse_instant(end, place="end") - 1)


def _local(instant: str, zone: str) -> datetime:
    where: ZoneInfo = parse_zone(zone)
    return datetime_of(parse_instant(instant, place="instant")).astimezone(where)


def _clock(local: datetime) -> str:
    return local.strftime("%H:%M:%S") if local.second else local.strftime("%H:%M")


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _day_and_month(local: datetime) -> str:
    return f"{local.day} {_MONTHS[local.month - 1]}"
