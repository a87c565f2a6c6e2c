"""The time door of agreements: ends those whose last day has passed. Reads the platform's clock; which ones is the rules' decision."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from services.agreements.application import Agreements
from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.identity import caller_of_service


class ExpiryTimer:
    """A runner: looks every so many seconds."""

    name = "agreements-expiry"

    def __init__(self, agreements: Agreements, *, clock: Clock, every_s: float) -> None:
        self._agreements = agreements
        self._clock = clock
        self._every_s = every_s

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> int:
        """How many agreements expired."""
        return await self._agreements.expire_ended(
            Context(
                caller=caller_of_service("agreements"),
                recorded_at=self._clock.now(),
                reason="The last day of its term has passed",
                tool="timer",
                correlation_id=str(uuid4()),
            )
        )
