"""Where the present comes from: the system's clock, or one that tests and demonstrations move. Never runs backwards when moved."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present as an aware UTC datetime with microseconds."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class MovableClock:
    """Starts at a moment, ticks at real speed, and may be moved, forward only."""

    def __init__(self, start: datetime) -> None:
        assert start.tzinfo is not None, "a clock needs a zone"
        self._base = start.astimezone(UTC)
        self._set_at_ns = time.monotonic_ns()

    def now(self) -> datetime:
        return self._base + timedelta(microseconds=(time.monotonic_ns() - self._set_at_ns) // 1_000)

    def move_to(self, moment: datetime) -> None:
        """Raises ValueError for a moment that lies in this clock's past."""
        assert moment.tzinfo is not None, "a moment needs a zone"
        if moment < self.now():
            raise ValueError(f"a clock moves forward only: it shows {self.now().isoformat()}, {moment.isoformat()} has passed")
        self._base = moment.astimezone(UTC)
        self._set_at_ns = time.monotonic_ns()
