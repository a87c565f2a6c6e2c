"""Instants, months and days: civil boundaries, real lengths."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vocabulary.errors import Invalid
from services.vocabulary.period import (
    MINUTE,
    Instant,
    Interval,
    Month,
    day_of,
    days_between,
    instant_of,
    instant_text,
    month_of,
    parse_day,
    parse_instant,
    parse_month,
    parse_zone,
)

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe")]
months = st.builds(Month, st.integers(1991, 2198), st.integers(1, 12))
instants = st.integers(instant_of(datetime(1990, 1, 1, tzinfo=UTC)), instant_of(datetime(2199, 12, 31, tzinfo=UTC))).map(Instant)


@pytest.mark.parametrize(
    ("zone", "month", "minutes"),
    [
        ("Europe/Berlin", Month(2026, 3), 44_580),
        ("Europe/Berlin", Month(2026, 10), 44_700),
        ("America/New_York", Month(2026, 11), 43_260),
        ("Pacific/Auckland", Month(2026, 9), 43_140),
        ("Australia/Lord_Howe", Month(2026, 4), 43_230),
        ("UTC", Month(2026, 2), 40_320),
        ("UTC", Month(2028, 2), 41_760),
    ],
)
def test_a_month_lasts_as_long_as_it_really_does(zone: str, month: Month, minutes: int) -> None:
    assert month.bounds(parse_zone(zone)).length == minutes * MINUTE


@given(month=months, zone=st.sampled_from(ZONES))
def test_months_follow_each_other_without_gap_or_overlap(month: Month, zone: ZoneInfo) -> None:
    assert month.bounds(zone).end == month.next.bounds(zone).start
    assert month.next.previous == month
    assert month_of(month.bounds(zone).start, zone) == month
    assert month_of(Instant(month.bounds(zone).end - 1), zone) == month


@given(month=months, zone=st.sampled_from(ZONES))
def test_the_days_of_a_month_add_up_to_it(month: Month, zone: ZoneInfo) -> None:
    bounds = month.bounds(zone)
    days = days_between(bounds, zone)
    assert sum(part.length for _, part in days) == bounds.length
    assert [part.start for _, part in days[1:]] == [part.end for _, part in days[:-1]]
    assert all(day_of(part.start, zone) == day for day, part in days)


def test_an_interval_inside_a_day_has_one_day() -> None:
    inside = Interval(parse_instant("2026-03-29T00:30:00Z", place="x"), parse_instant("2026-03-29T01:30:00Z", place="x"))
    assert days_between(inside, ZoneInfo("Europe/Berlin")) == [(date(2026, 3, 29), inside)]


@given(instant=instants)
def test_an_instant_survives_its_text(instant: Instant) -> None:
    assert parse_instant(instant_text(instant), place="x") == instant


def test_an_offset_is_read_and_a_missing_one_is_refused() -> None:
    assert instant_text(parse_instant("2026-03-01T01:00:00+01:00", place="x")) == "2026-03-01T00:00:00Z"
    assert instant_text(parse_instant("2026-03-01T01:00:00", place="x", assume_utc=True)) == "2026-03-01T01:00:00Z"
    with pytest.raises(Invalid, match="at: must carry an offset"):
        parse_instant("2026-03-01T01:00:00", place="at")


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "2026-02-30T00:00:00Z", "1e9"])
def test_an_absurd_instant_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_instant(text, place="observations[3].observed_at")
    assert refused.value.violations[0].place == "observations[3].observed_at"


@pytest.mark.parametrize("text", ["2026-3-1", "20260301", "2026-W10-1", "2026-02-30", "1989-12-31", "2200-01-01", "tomorrow", ""])
def test_an_absurd_day_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_day(text, place="effective_on")


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "1989-12", "2200-01", "2026-3", "26-03", "2026-03-01"])
def test_an_absurd_month_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_month(text, place="period")


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "CEST", "Europe/berlin\0"])
def test_a_zone_that_the_database_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="IANA"):
        parse_zone(name)


@pytest.mark.parametrize(
    "name", ["localtime", "Localtime", "posixrules", "Factory", "posix", "posix/Europe/Berlin", "right/UTC", "right/Europe/Berlin"]
)
def test_a_zone_that_another_machine_may_read_otherwise_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_zone(name, place="terms.zone")
    assert [str(violation) for violation in refused.value.violations] == [
        f'terms.zone: must be a time zone that is the same on every machine, such as "Europe/Berlin", not {name!r}'
    ]


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT+5", "CET", "Africa/Accra", "Europe/Berlin"])
def test_a_zone_of_the_database_is_itself(name: str) -> None:
    assert parse_zone(name).key == name
