"""Service hours: what a week of them is over changes of clocks, closed days and years, and how clocks run in them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.vocabulary.calendar import Calendar, Hours, NoOpenTime, instant_at
from services.vocabulary.period import (
    HOUR,
    MINUTE,
    Instant,
    Interval,
    Microseconds,
    Month,
    datetime_of,
    day_of,
    instant_of,
    parse_zone,
    start_of_day,
)

LAW = settings()
BERLIN = parse_zone("Europe/Berlin")
ALWAYS = Hours(days=tuple(range(7)), from_minute=0, to_minute=1440)
WEEKDAYS_9_TO_17 = Hours(days=(0, 1, 2, 3, 4), from_minute=9 * 60, to_minute=17 * 60)
DAY = timedelta(days=1)


def calendar(*hours: Hours, zone: ZoneInfo = BERLIN, closed: tuple[date, ...] = ()) -> Calendar:
    return Calendar(id="office", zone=zone, hours=hours, closed=frozenset(closed))


def berlin(text: str) -> Instant:
    """ "2026-03-30 09:00", a civil time that Berlin has once."""
    return instant_of(datetime.fromisoformat(text).replace(tzinfo=BERLIN))


def minutes(spans: tuple[Interval, ...]) -> int:
    us = sum(span.length for span in spans)
    assert us % MINUTE == 0
    return us // MINUTE


def open_minutes(hours: Calendar, day: date) -> int:
    return minutes(hours.open_on(day))


OFFICE = calendar(WEEKDAYS_9_TO_17)


def test_march_2026_monday_to_friday_9_to_17_in_berlin_is_10_560_minutes() -> None:
    march = Month(2026, 3).bounds(BERLIN)
    assert minutes(OFFICE.open_in(march)) == 10_560
    assert OFFICE.between(march.start, march.end) == 10_560 * MINUTE


def test_hours_follow_the_civil_clock_when_it_changes() -> None:
    (friday,) = OFFICE.open_on(date(2026, 3, 27))
    (monday,) = OFFICE.open_on(date(2026, 3, 30))
    assert (datetime_of(friday.start).hour, datetime_of(monday.start).hour) == (8, 7)


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 3, 29), 23 * 60), (date(2026, 10, 25), 25 * 60), (date(2026, 6, 1), 24 * 60)])
def test_a_day_that_ends_at_24_00_is_open_for_as_long_as_it_lasts(day: date, expected: int) -> None:
    around_the_clock = calendar(ALWAYS)
    assert open_minutes(around_the_clock, day) == expected
    assert around_the_clock.open_on(day) == (Interval(start_of_day(day, BERLIN), start_of_day(day + DAY, BERLIN)),)


@pytest.mark.parametrize(
    ("day", "from_minute", "to_minute", "expected"),
    [
        (date(2026, 3, 29), 120, 180, 0),
        (date(2026, 3, 29), 150, 240, 60),
        (date(2026, 3, 29), 60, 150, 60),
        (date(2026, 10, 25), 120, 180, 120),
        (date(2026, 10, 25), 150, 300, 30 + 30 + 120),
        (date(2026, 10, 25), 60, 150, 60 + 30 + 30),
    ],
)
def test_an_hour_that_the_zone_skips_is_not_there_and_one_that_it_repeats_counts_twice(
    day: date, from_minute: int, to_minute: int, expected: int
) -> None:
    assert open_minutes(calendar(Hours(days=(6,), from_minute=from_minute, to_minute=to_minute)), day) == expected


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [("2026-10-23 00:30", "2026-10-27 12:00", 108.5), ("2026-03-27 23:30", "2026-03-31 12:00", 83.5)],
)
def test_around_the_clock_is_elapsed_real_time(start: str, end: str, hours: float) -> None:
    around_the_clock = calendar(ALWAYS)
    assert around_the_clock.between(berlin(start), berlin(end)) == hours * HOUR
    assert around_the_clock.after(berlin(start), Microseconds(int(hours * HOUR))) == berlin(end)


def test_a_closed_day_has_no_open_time_and_a_clock_steps_over_it() -> None:
    easter = calendar(WEEKDAYS_9_TO_17, closed=(date(2026, 4, 3), date(2026, 4, 6)))
    assert (easter.open_on(date(2026, 4, 3)), easter.is_open_day(date(2026, 4, 6))) == ((), False)
    thursday = berlin("2026-04-02 15:00")
    assert OFFICE.after(thursday, Microseconds(8 * HOUR)) == berlin("2026-04-03 15:00")
    assert easter.after(thursday, Microseconds(8 * HOUR)) == berlin("2026-04-07 15:00")


def test_a_clock_that_reaches_its_time_at_the_end_of_a_day_is_due_then_and_not_the_next_morning() -> None:
    assert OFFICE.after(berlin("2026-06-02 13:00"), Microseconds(4 * HOUR)) == berlin("2026-06-02 17:00")
    assert OFFICE.after(berlin("2026-06-02 13:00"), Microseconds(4 * HOUR + 1)) == berlin("2026-06-03 09:00") + 1
    assert OFFICE.after(berlin("2026-06-06 13:00"), Microseconds(0)) == berlin("2026-06-06 13:00")


def test_hours_that_touch_or_overlap_are_one_span_and_hours_over_midnight_are_two_days_hours() -> None:
    overlapping = calendar(
        Hours(days=(0,), from_minute=540, to_minute=720),
        Hours(days=(0,), from_minute=700, to_minute=800),
        Hours(days=(0,), from_minute=800, to_minute=1440),
        Hours(days=(1,), from_minute=0, to_minute=360),
    )
    assert len(overlapping.open_on(date(2026, 6, 1))) == 1
    assert overlapping.open_in(Interval(berlin("2026-06-01 00:00"), berlin("2026-06-03 00:00"))) == (
        Interval(berlin("2026-06-01 09:00"), berlin("2026-06-02 06:00")),
    )
    assert overlapping.weekly_minutes == 900 + 360


def test_open_time_runs_on_over_new_year() -> None:
    around_the_clock = calendar(ALWAYS)
    bounds = Interval(berlin("2025-12-01 00:00"), berlin("2027-02-01 00:00"))
    assert around_the_clock.open_in(bounds) == (bounds,)
    assert OFFICE.between(berlin("2025-12-31 16:00"), berlin("2026-01-01 10:00")) == 2 * HOUR
    assert OFFICE.after(berlin("2025-12-31 16:00"), Microseconds(2 * HOUR)) == berlin("2026-01-01 10:00")


def test_nothing_elapses_backwards() -> None:
    assert OFFICE.between(berlin("2026-06-02 13:00"), berlin("2026-06-02 12:00")) == 0
    assert OFFICE.open_in(Interval(berlin("2026-06-02 13:00"), berlin("2026-06-02 13:00"))) == ()


def test_a_calendar_that_never_opens_says_so() -> None:
    never = calendar()
    with pytest.raises(NoOpenTime, match="office"):
        never.after(berlin("2026-06-02 13:00"), Microseconds(1))
    with pytest.raises(NoOpenTime, match="office"):
        never.day_after(date(2026, 6, 2), 1)
    with pytest.raises(NoOpenTime):
        OFFICE.after(berlin("2026-06-02 13:00"), Microseconds(200 * 366 * 8 * HOUR))


def test_five_open_days_after_march_with_easter_are_the_ninth_of_april() -> None:
    easter = calendar(WEEKDAYS_9_TO_17, closed=(date(2026, 4, 3), date(2026, 4, 6)))
    assert easter.day_after(date(2026, 3, 31), 5) == date(2026, 4, 9)
    assert easter.day_after(date(2026, 3, 31), 0) == date(2026, 3, 31)


@pytest.mark.parametrize(
    ("day", "minute", "expected"),
    [
        (date(2026, 6, 3), 9 * 60 + 30, "2026-06-03T07:30:00+00:00"),
        (date(2026, 3, 29), 2 * 60 + 30, "2026-03-29T01:00:00+00:00"),
        (date(2026, 10, 25), 2 * 60 + 30, "2026-10-25T00:30:00+00:00"),
    ],
)
def test_a_civil_time_that_is_skipped_begins_after_the_gap_and_one_that_is_repeated_the_first_time(
    day: date, minute: int, expected: str
) -> None:
    assert instant_at(day, minute, BERLIN) == instant_of(datetime.fromisoformat(expected))


ZONES = st.sampled_from(
    [parse_zone(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia")]
)
HOURS = st.builds(
    lambda days, times: Hours(days=tuple(sorted(days)), from_minute=min(times), to_minute=max(times)),
    st.sets(st.integers(0, 6), min_size=1),
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)),
)
# Berlin's two changes and a new year; Newfoundland's at a minute past midnight; Lord Howe's half hours; São Paulo's lost midnight; Apia's
# lost 30 December; an ordinary week.
AROUND = st.sampled_from(
    [
        date(2026, 3, 29),
        date(2026, 10, 25),
        date(2025, 12, 31),
        date(2006, 10, 29),
        date(2006, 4, 2),
        date(2026, 4, 5),
        date(2026, 10, 4),
        date(2018, 11, 4),
        date(2018, 2, 18),
        date(2011, 12, 30),
        date(2026, 6, 3),
    ]
)


@st.composite
def weeks(draw: st.DrawFn) -> tuple[Calendar, Instant, Instant]:
    """A calendar, and two instants on whole minutes in the few days around one that is not like the others."""
    day = draw(AROUND)
    near = st.integers(-3, 3).map(lambda number: day + number * DAY)
    hours = calendar(*draw(st.lists(HOURS, max_size=3)), zone=draw(ZONES), closed=tuple(draw(st.sets(near, max_size=2))))
    midnight = start_of_day(day, parse_zone("UTC"))
    start, end = sorted(draw(st.tuples(st.integers(-3_000, 3_000), st.integers(-3_000, 3_000))))
    return hours, Instant(midnight + start * MINUTE), Instant(midnight + end * MINUTE)


def naively_open(hours: Calendar, instant: Instant) -> bool:
    """Reads the clock on the wall."""
    wall = datetime_of(instant).astimezone(hours.zone)
    minute = wall.hour * 60 + wall.minute
    return wall.date() not in hours.closed and any(
        wall.weekday() in each.days and each.from_minute <= minute < each.to_minute for each in hours.hours
    )


@LAW
@given(weeks())
def test_open_time_is_that_of_the_clock_on_the_wall_read_minute_by_minute(week: tuple[Calendar, Instant, Instant]) -> None:
    hours, start, end = week
    naive = [minute for minute in range(start, end, MINUTE) if naively_open(hours, Instant(minute))]
    assert hours.between(start, end) == len(naive) * MINUTE
    spans = hours.open_in(Interval(start, end))
    assert [minute for span in spans for minute in range(span.start, span.end, MINUTE)] == naive
    assert all(one.end < other.start for one, other in pairwise(spans))


@LAW
@given(weeks())
def test_the_days_of_a_stretch_add_up_to_it(week: tuple[Calendar, Instant, Instant]) -> None:
    hours, start, end = week
    days = {day_of(Instant(minute), hours.zone) for minute in range(start, end, 30 * MINUTE)} | {day_of(end, hours.zone)}
    opened = [span for day in days for span in hours.open_on(day)]
    clipped = sum(max(0, min(span.end, end) - max(span.start, start)) for span in opened)
    assert clipped == hours.between(start, end)


@LAW
@given(weeks(), st.integers(1, 10 * HOUR))
def test_what_has_elapsed_after_so_much_time_is_so_much_time_and_not_a_moment_earlier(
    week: tuple[Calendar, Instant, Instant], elapsed: int
) -> None:
    hours, start, _ = week
    if not hours.weekly_minutes:
        return
    due = hours.after(start, Microseconds(elapsed))
    assert hours.between(start, due) == elapsed
    assert hours.between(start, Instant(due - 1)) == elapsed - 1


@LAW
@given(weeks(), st.integers(0, 1_000))
def test_elapsed_time_adds_up(week: tuple[Calendar, Instant, Instant], part: int) -> None:
    hours, start, end = week
    cut = Instant(start + (end - start) * part // 1_000)
    assert hours.between(start, cut) + hours.between(cut, end) == hours.between(start, end)


def test_a_hundred_thousand_clocks_take_seconds_and_not_minutes() -> None:
    office = calendar(WEEKDAYS_9_TO_17, closed=(date(2026, 4, 3),))
    start, began = berlin("2026-01-01 00:00"), perf_counter()
    for number in range(100_000):
        opened = Instant(start + number * 5 * MINUTE)
        office.after(opened, Microseconds(8 * HOUR))
    assert perf_counter() - began < 20
