"""Cycles and their periods: which one a day lies in, how long it really lasts, its text and back, and what follows it."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vocabulary.errors import Invalid
from services.vocabulary.period import (
    MINUTE,
    MONTHLY,
    CivilPeriod,
    Cycle,
    Month,
    Period,
    anniversaries,
    day_of,
    in_time,
    last_day_of,
    months_after,
    parse_period,
    parse_zone,
)

MID_MARCH = date(2026, 3, 15)
LEAP_DAY = date(2024, 2, 29)
ZONES = [parse_zone(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe")]
BILLING = Cycle(from_day=15)
QUARTERLY, YEARLY, CONTRACT, WEEKLY = Cycle("quarter"), Cycle("year"), Cycle("contract-year"), Cycle("week")
THIRTY_DAYS = Cycle("rolling", days=30)

days = st.dates(date(1995, 1, 1), date(2190, 12, 31))
cycles = st.one_of(
    st.sampled_from([MONTHLY, QUARTERLY, YEARLY, CONTRACT, WEEKLY]),
    st.integers(1, 28).map(lambda day: Cycle(from_day=day)),
    st.integers(1, 366).map(lambda length: Cycle("rolling", days=length)),
)
beginnings = st.one_of(days, st.just(LEAP_DAY), st.just(date(2023, 2, 28)))


@pytest.mark.parametrize(
    ("text", "cycle", "day", "expected"),
    [
        ("2026-03", MONTHLY, "2026-03-31", "2026-03-01 2026-04-01 1"),
        ("2026-Q1", QUARTERLY, "2026-01-01", "2026-01-01 2026-04-01 3"),
        ("2026-Q1", QUARTERLY, "2026-03-31", "2026-01-01 2026-04-01 3"),
        ("2026-Q4", QUARTERLY, "2026-12-31", "2026-10-01 2027-01-01 3"),
        ("2026", YEARLY, "2026-07-01", "2026-01-01 2027-01-01 12"),
        ("2026-W13", WEEKLY, "2026-03-29", "2026-03-23 2026-03-30 0"),
        ("2026-W53", WEEKLY, "2027-01-03", "2026-12-28 2027-01-04 0"),
        ("2026-W01", WEEKLY, "2025-12-29", "2025-12-29 2026-01-05 0"),
        ("2026-03-15--P1M", BILLING, "2026-04-14", "2026-03-15 2026-04-15 1"),
        ("2025-12-15--P1M", BILLING, "2026-01-14", "2025-12-15 2026-01-15 1"),
        ("2026-03-15--P1Y", CONTRACT, "2027-03-14", "2026-03-15 2027-03-15 12"),
        ("2025-03-15--P1Y", CONTRACT, "2026-03-14", "2025-03-15 2026-03-15 12"),
        ("2026-02-14--P30D", THIRTY_DAYS, "2026-03-15", "2026-02-14 2026-03-16 0"),
        ("2026-03-15--P1D", Cycle("rolling", days=1), "2026-03-15", "2026-03-15 2026-03-16 0"),
    ],
)
def test_a_day_lies_in_the_period_of_its_cycle(text: str, cycle: Cycle, day: str, expected: str) -> None:
    """First day, day after, months."""
    period = cycle.period_on(date.fromisoformat(day), term_begins=MID_MARCH)
    assert str(period) == text
    assert f"{period.first_day} {period.day_after} {period.months}" == expected
    assert parse_period(text, place="period") == period


def test_contract_years_from_29_february_meet_and_come_back_to_it() -> None:
    years = [CONTRACT.period_on(date(year, 3, 1), term_begins=LEAP_DAY) for year in (2024, 2025, 2026, 2027, 2028)]
    assert [str(each) for each in years] == [
        "2024-02-29--P1Y",
        "2025-02-28--P1Y",
        "2026-02-28--P1Y",
        "2027-02-28--P1Y1D",
        "2028-02-29--P1Y",
    ]
    assert [each.day_after for each in years[:-1]] == [each.first_day for each in years[1:]]
    assert [parse_period(str(each), place="period") for each in years] == years
    assert (years[3].next, years[4].previous) == (years[4], years[3])


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("2026-Q1", 129_540),
        ("2026-W13", 10_020),
        ("2026-W14", 10_080),
        ("2026-03-15--P1M", 44_580),
        ("2026", 525_600),
        ("2026-03-15--P1Y", 525_600),
        ("2026-02-28--P30D", 43_140),
    ],
)
def test_a_period_in_berlin_lasts_as_long_as_it_really_does(text: str, minutes: int) -> None:
    """90 days less an hour; the week and the thirty days that lose it; the year that gets it back in October."""
    assert parse_period(text, place="period").bounds(parse_zone("Europe/Berlin")).length == minutes * MINUTE


@given(cycle=cycles, day=days, begins=beginnings)
def test_the_text_of_a_period_reads_back(cycle: Cycle, day: date, begins: date) -> None:
    period = cycle.period_on(day, term_begins=begins)
    assert parse_period(str(period), place="period") == period
    assert cycle.has(period, term_begins=begins)


@given(cycle=cycles.filter(lambda each: each.every != "rolling"), day=days, begins=beginnings, zone=st.sampled_from(ZONES))
def test_periods_follow_each_other_without_gap_or_overlap(cycle: Cycle, day: date, begins: date, zone: ZoneInfo) -> None:
    period = cycle.period_on(day, term_begins=begins)
    after = cycle.following(period, term_begins=begins)
    assert period.first_day <= day < period.day_after == after.first_day
    assert cycle.period_on(period.first_day, term_begins=begins) == cycle.period_on(last_day_of(period), term_begins=begins) == period
    bounds = [each.bounds(zone) for each in (period, after)]
    assert bounds[0].end == bounds[1].start
    if cycle.every != "contract-year":
        assert (period.next, after.previous) == (after, period)


@given(length=st.integers(1, 366), day=days)
def test_one_rolling_period_ends_with_every_day(length: int, day: date) -> None:
    cycle = Cycle("rolling", days=length)
    period = cycle.period_on(day, term_begins=day)
    assert last_day_of(period) == day
    assert (period.day_after - period.first_day).days == length
    assert last_day_of(cycle.following(period, term_begins=day)) == day + timedelta(days=1) == last_day_of(period.next)
    assert period.next.previous == period


@given(cycle=cycles, day=days, begins=beginnings, zone=st.sampled_from(ZONES))
def test_bounds_are_the_midnights_of_the_days(cycle: Cycle, day: date, begins: date, zone: ZoneInfo) -> None:
    period = cycle.period_on(day, term_begins=begins)
    bounds = period.bounds(zone)
    assert (day_of(bounds.start, zone), day_of(bounds.end, zone)) == (period.first_day, period.day_after)


def test_periods_are_ordered_by_their_days_and_not_by_their_texts() -> None:
    texts = ["2026-01", "2026-Q1", "2026", "2026-W02", "2026-02", "2026-02-14--P30D"]
    ordered = sorted((parse_period(text, place="period") for text in texts), key=in_time)
    assert [str(each) for each in ordered] == texts
    assert [str(each) for each in ordered] != sorted(texts)


@pytest.mark.parametrize(
    ("cycle", "text"),
    [
        (MONTHLY, "2026-Q1"),
        (MONTHLY, "2026-03-15--P1M"),
        (BILLING, "2026-03"),
        (BILLING, "2026-03-16--P1M"),
        (QUARTERLY, "2026-01"),
        (YEARLY, "2026-01-01--P1Y"),
        (CONTRACT, "2026"),
        (CONTRACT, "2026-03-16--P1Y"),
        (WEEKLY, "2026-03-23--P7D"),
        (THIRTY_DAYS, "2026-02-14--P31D"),
    ],
)
def test_a_cycle_has_its_own_periods_alone(cycle: Cycle, text: str) -> None:
    assert not cycle.has(parse_period(text, place="period"), term_begins=MID_MARCH)


@pytest.mark.parametrize("cycle", [MONTHLY, BILLING, QUARTERLY, YEARLY, CONTRACT, WEEKLY, THIRTY_DAYS])
def test_the_form_that_a_cycle_names_is_one_of_its_periods(cycle: Cycle) -> None:
    example = cycle.form.split('"')[1]
    assert cycle.has(parse_period(example, place="period"), term_begins=MID_MARCH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-13",
        "2026-Q0",
        "2026-Q5",
        "2026-W00",
        "2025-W53",
        "26",
        "1989",
        "2200",
        "0000-03",
        "2026-03-01--P1M",
        "2026-03-29--P1M",
        "2026-02-30--P1Y",
        "2026-02-28--P1Y1D",
        "2027-02-27--P1Y1D",
        "2026-02-14--P0D",
        "2026-02-14--P030D",
        "2026-02-14--P367D",
        "2026-02-14/P30D",
        "2026-02-14--P1W",
        "2026-q1",
        "2026-03 ",
        "２０２６",
    ],
)
def test_what_is_no_period_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_period(text, place="period")
    assert [str(violation) for violation in refused.value.violations] == [
        'period: must be a period such as "2026-03", "2026-Q1", "2026", "2026-W10", "2026-03-15--P1M", "2026-03-15--P1Y" '
        f'or "2026-02-14--P30D" between 1990 and 2199, not {text!r}'
    ]


@pytest.mark.parametrize(
    ("day", "year"),
    [("2026-06-15", 0), ("2027-06-14", 0), ("2027-06-15", 1), ("2027-12-31", 1), ("2028-01-01", 1), ("2029-06-14", 2), ("2029-06-15", 3)],
)
def test_a_contract_year_begins_on_the_anniversary(day: str, year: int) -> None:
    assert anniversaries(date(2026, 6, 15), date.fromisoformat(day)) == year


@pytest.mark.parametrize(("day", "year"), [("2025-02-27", 0), ("2025-02-28", 1), ("2028-02-28", 3), ("2028-02-29", 4)])
def test_years_from_29_february_begin_on_the_28th_where_there_is_no_29th(day: str, year: int) -> None:
    assert anniversaries(LEAP_DAY, date.fromisoformat(day)) == year


def test_a_last_day_is_that_of_its_period() -> None:
    assert [str(last_day_of(Month(2026, month))) for month in (1, 2, 4, 12)] == ["2026-01-31", "2026-02-28", "2026-04-30", "2026-12-31"]
    assert str(last_day_of(Month(2028, 2))) == "2028-02-29"
    quarter: Period = CivilPeriod(every="quarter", first_day=date(2026, 1, 1), day_after=date(2026, 4, 1))
    assert str(last_day_of(quarter)) == "2026-03-31"


@given(days, st.integers(0, 40))
def test_the_same_day_of_a_later_month_or_its_last(day: date, steps: int) -> None:
    stepped = Month(day.year, day.month)
    for _ in range(steps):
        stepped = stepped.next
    later = months_after(day, steps)
    assert Month(later.year, later.month) == stepped
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)
    assert day.day > 28 or months_after(later, -steps) == day
