"""Instants, months and days: civil boundaries, real lengths."""

from __future__ import annotations

import copy
import multiprocessing
import os
import subprocess
import sys
import tomllib
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzdata
from hypothesis import given
from hypothesis import strategies as st

from services.vocabulary.errors import Invalid
from services.vocabulary.period import (
    MINUTE,
    TZ_DATABASE,
    Instant,
    Interval,
    Month,
    day_of,
    days_between,
    days_later,
    instant_of,
    instant_text,
    month_of,
    parse_day,
    parse_instant,
    parse_month,
    parse_zone,
    start_of_day,
    zone_names,
)
from tests.vocabulary.zone_file import tz_database, zone_of

ROOT = Path(__file__).parents[2]
ZONES = [parse_zone(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe")]
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
    assert days_between(inside, parse_zone("Europe/Berlin")) == ((date(2026, 3, 29), inside),)


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


@pytest.mark.parametrize("name", ["Europe", "America/Argentina", "zoneinfo", "./UTC", "Europe/../UTC", "/etc/localtime", "UTC/"])
def test_what_is_no_zone_of_the_database_is_refused_though_there_is_such_a_file_or_folder(name: str) -> None:
    with pytest.raises(Invalid, match="IANA"):
        parse_zone(name)


def test_every_zone_of_the_database_is_one_object_that_survives_a_copy() -> None:
    """Zones compare by identity: a copied or unpickled calendar must be equal to the one it was made from."""
    zones = {name: parse_zone(name) for name in zone_names() - {"Factory"}}
    assert len(zones) > 400
    assert all(parse_zone(name, place="elsewhere") is zone and zone.key == name for name, zone in zones.items())
    assert all(copy.copy(zone) is zone and copy.deepcopy(zone) is zone for zone in zones.values())


def test_a_zone_reaches_another_process_and_comes_back_as_itself() -> None:
    moment = datetime(2026, 3, 29, 12, tzinfo=parse_zone("Europe/Berlin"))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        assert other.submit(datetime.isoformat, moment).result() == "2026-03-29T12:00:00+02:00"
        assert other.submit(copy.copy, moment).result().tzinfo is moment.tzinfo


def length_of_march(**environment: str) -> str:
    """The database's version and the minutes of March 2026 in Berlin, as another process tells them."""
    told = (
        "from services.vocabulary.period import *; print(TZ_DATABASE, Month(2026, 3).bounds(parse_zone('Europe/Berlin')).length // MINUTE)"
    )
    python = [sys.executable, "-c", told]
    return subprocess.run(python, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout.strip()


def test_the_zone_comes_from_the_locked_database_and_not_from_the_machine(tmp_path: Path) -> None:
    machine = tmp_path / "zoneinfo"
    (machine / "Europe").mkdir(parents=True)
    (machine / "Europe" / "Berlin").write_bytes(zone_of(5))
    assert length_of_march(PYTHONTZPATH=str(machine)) == f"{tzdata.IANA_VERSION} 44580"
    assert length_of_march(PYTHONPATH=str(tz_database(tmp_path, version="2099z", zones={"Europe/Berlin": zone_of(5)}))) == "2099z 44640"


def test_the_locked_database_is_named() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    (locked,) = [package["version"] for package in lock["package"] if package["name"] == "tzdata"]
    assert TZ_DATABASE == tzdata.IANA_VERSION
    assert locked.split(".")[0] == TZ_DATABASE[:4]


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-03-28T23:00:00Z", 1, "2026-03-29T22:00:00Z"),
        ("2026-10-24T22:00:00Z", 1, "2026-10-25T23:00:00Z"),
        ("2026-03-28T01:30:00Z", 1, "2026-03-29T01:30:00Z"),
        ("2026-10-24T00:30:00Z", 1, "2026-10-25T00:30:00Z"),
        ("2026-10-25T01:30:00Z", 1, "2026-10-26T01:30:00Z"),
        ("2026-10-25T01:30:00Z", 0, "2026-10-25T01:30:00Z"),
    ],
)
def test_days_later_the_clocks_of_the_zone_show_the_same(start: str, days: int, expected: str) -> None:
    """In Berlin: days of 23 and 25 hours, an hour that is skipped (02:30 becomes 03:30), one that is there twice (the first counts)."""
    assert instant_text(days_later(parse_instant(start, place="x"), days, parse_zone("Europe/Berlin"))) == expected


@given(day=st.dates(date(1991, 1, 1), date(2190, 1, 1)), days=st.integers(0, 400), zone=st.sampled_from(ZONES))
def test_days_after_a_midnight_is_a_midnight(day: date, days: int, zone: ZoneInfo) -> None:
    assert days_later(start_of_day(day, zone), days, zone) == start_of_day(day + timedelta(days=days), zone)
