"""Where a data folder lives on a clock of its own (a demonstration does), the offset is kept beside the data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.chassis.clock import Clock, MovableClock, SystemClock

_NAME = "clock-offset-s"


def clock_of(data: Path) -> Clock:
    """The clock of a data folder: the system's, or one that is apart from it by a fixed offset."""
    if not is_apart(data):
        return SystemClock()
    path = data / _NAME
    return MovableClock(datetime.now(UTC) + timedelta(seconds=float(path.read_text(encoding="ascii"))))


def keep(data: Path, clock: Clock) -> None:
    """Remembers how far the clock is from the system's."""
    offset = clock.now() - datetime.now(UTC)
    data.mkdir(parents=True, exist_ok=True)
    (data / _NAME).write_text(f"{offset.total_seconds():.3f}\n", encoding="ascii")


def is_apart(data: Path) -> bool:
    """Whether the folder lives on a clock of its own."""
    return (data / _NAME).exists()
