"""What measurement does without being asked: assesses what is marked, what time alone has changed, and closes ended periods.

Decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

from services.chassis.clock import Clock
from services.measurement.application import Measurement

_REFRESH_EVERY = timedelta(hours=1)
_MARKS_OF_OTHERS_S = 1.0


class Assessor:
    """A runner: wakes when this process marks something, and looks every second for what another one marked."""

    name = "assessor"

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement

    async def run(self) -> None:
        while True:
            self._measurement.marked.clear()
            await self._measurement.assess_marked()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_MARKS_OF_OTHERS_S):
                    await self._measurement.marked.wait()


class PeriodTimer:
    """A runner: looks every so many seconds, by the platform's clock, which periods are due.

    To be closed: those whose days after the end are over. To be assessed anew: those for which the instant has come that their last
    assessment named: once a minute while something is down, when a ticket falls due, when a segment or the period ends. What another
    process assessed, and what lists show of quiet periods, is caught up with once an hour, and at the start.
    """

    name = "period-timer"

    def __init__(self, measurement: Measurement, *, clock: Clock, every_s: float) -> None:
        self._measurement = measurement
        self._clock = clock
        self._every_s = every_s
        self._refreshed_at: datetime | None = None

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> int:
        """How many periods it closed."""
        closed = await self._measurement.close_due()
        now = self._clock.now()
        everything = self._refreshed_at is None or now - self._refreshed_at >= _REFRESH_EVERY
        await self._measurement.refresh(everything=everything)
        if everything:
            self._refreshed_at = now
        return closed
