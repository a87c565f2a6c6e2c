"""The time door of agreements: tells them what time alone does to them. Reads the platform's clock; what happens is the rules' decision."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from services.agreements.application import Agreements
from services.agreements.timetable import Timetable
from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.identity import caller_of_service
from services.chassis.telemetry import log
from services.vocabulary.period import Instant, instant_of

_log = log("agreements-life")


class LifeTimer:
    """A runner: looks every so many seconds. It remembers of each agreement when to look at it again, until something happens to it."""

    name = "agreements-life"

    def __init__(self, agreements: Agreements, timetable: Timetable, *, clock: Clock, every_s: float) -> None:
        self._agreements = agreements
        self._timetable = timetable
        self._clock = clock
        self._every_s = every_s
        self._position = 0
        self._next: dict[UUID, Instant] = {}

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> int:
        """To how many agreements something happened."""
        context = Context(
            caller=caller_of_service("agreements"),
            recorded_at=self._clock.now(),
            tool="timer",
            correlation_id=str(uuid4()),
        )
        await self._follow(context)
        now = instant_of(context.recorded_at)
        due = [agreement_id for agreement_id, at in self._next.items() if at <= now]
        return sum([await self._tell(agreement_id, context) for agreement_id in due])

    async def _follow(self, context: Context) -> None:
        for agreement_id, position in await self._timetable.changed_after(self._position):
            self._next[agreement_id] = instant_of(context.recorded_at)
            self._position = position

    async def _tell(self, agreement_id: UUID, context: Context) -> bool:
        """What one agreement cannot be told now holds up no other; it is tried at the next look."""
        try:
            happened, look_at = await self._agreements.pass_time(agreement_id, context)
        except Exception as fault:
            _log.error("an agreement could not be told what time does to it", agreement=str(agreement_id), exc_info=fault)
            return False
        if look_at is None:
            del self._next[agreement_id]
        else:
            self._next[agreement_id] = look_at
        return happened
