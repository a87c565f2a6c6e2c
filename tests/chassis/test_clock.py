"""Clocks: the system's, and one that can be moved forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.chassis.clock import MovableClock, SystemClock

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_system_clock_tells_utc() -> None:
    before = datetime.now(UTC)
    assert before <= SystemClock().now() <= datetime.now(UTC)
    assert SystemClock().now().tzinfo is UTC


def test_a_movable_clock_starts_where_told_and_ticks() -> None:
    clock = MovableClock(NEW_YEAR)
    first = clock.now()
    time.sleep(0.01)
    assert NEW_YEAR <= first < clock.now() < NEW_YEAR + timedelta(seconds=60)


def test_a_movable_clock_moves_forward_and_goes_on_from_there() -> None:
    clock = MovableClock(NEW_YEAR)
    clock.move_to(NEW_YEAR + timedelta(days=31))
    assert NEW_YEAR + timedelta(days=31) <= clock.now() < NEW_YEAR + timedelta(days=31, seconds=60)


def test_a_movable_clock_never_moves_back() -> None:
    clock = MovableClock(NEW_YEAR)
    clock.move_to(NEW_YEAR + timedelta(hours=1))
    with pytest.raises(ValueError, match="forward only"):
        clock.move_to(NEW_YEAR + timedelta(minutes=59))
    assert clock.now() >= NEW_YEAR + timedelta(hours=1)


def test_a_movable_clock_told_another_zone_still_tells_utc() -> None:
    clock = MovableClock(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now().tzinfo is UTC
    assert clock.now().hour == 0
