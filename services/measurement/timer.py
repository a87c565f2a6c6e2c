"""What measurement does without being asked: assesses what is marked, refreshes open months, closes ended ones. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

from services.chassis.clock import Clock
from services.measurement.application import Measurement

_REFRESH_EVERY = timedelta(minutes=1)
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
    """A runner: looks every so many seconds for months to close, and once a minute of the platform's clock at how the open ones stand."""

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
        if self._refreshed_at is None or now - self._refreshed_at >= _REFRESH_EVERY:
            await self._measurement.refresh()
            self._refreshed_at = now
        return closed
