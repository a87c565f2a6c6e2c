"""Eight writers and one follower: nothing is missed, nothing comes twice, and the order holds. Without the lock, something is missed.

`UPHELD_FOLLOWED_EVENTS` says how many events are written to each database: 8,000 where it says nothing, 50,000 in the full run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.chassis.event_log import Log, open_log
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.chassis.follower import Follower
from services.chassis.people import People
from services.chassis.settings import Settings
from tests.chassis.storage import REGISTRY, Counted, Event, Opened, context

pytestmark = pytest.mark.faults

EVENTS = int(os.environ.get("UPHELD_FOLLOWED_EVENTS", "8000"))
WRITERS = 8
AT_ONCE = 5
WITHIN_S = 240.0


class Remembering:
    """A sink that keeps what it took in memory."""

    name = "remembering"

    def __init__(self) -> None:
        self.taken: list[Recorded[Any]] = []

    async def position(self) -> int:
        return self.taken[-1].position if self.taken else 0

    async def take(self, batch: Sequence[Recorded[Any]]) -> None:
        self.taken.extend(batch)


async def _write(store: EventStore[Event], stream: UUID, events: int) -> list[Recorded[Event]]:
    """One event, then two, then three, up to five at once, and again."""
    written = await store.append(stream, expected_version=0, events=[Opened(owner="ana")], context=context())
    while len(written) < events:
        several = min(1 + len(written) % AT_ONCE, events - len(written))
        counted = [Counted(by=1)] * several
        written += await store.append(stream, expected_version=len(written), events=counted, context=context())
    return written


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _written_and_followed(
    settings: Settings, logs: Sequence[Log], events: int
) -> tuple[list[Recorded[Event]], list[Recorded[Event]]]:
    """What eight writers stored, by position, and what a follower took meanwhile. The last of the logs is the follower's."""
    async with AsyncExitStack() as stack:
        stores = [EventStore("tallies", log, REGISTRY, People.open("tallies", settings)) for log in logs]
        for store in stores:
            stack.push_async_callback(store.close)
        *writing, reading = stores
        sink = Remembering()
        follower = asyncio.create_task(Follower("tallies", reading, [sink], poll_every_s=0.001).run())
        stack.push_async_callback(_stopped, follower)
        streams = [uuid5(UUID(int=0), str(number)) for number in range(WRITERS)]
        share = events // WRITERS
        writers = (_write(writing[number % len(writing)], stream, share) for number, stream in enumerate(streams))
        written = sorted((each for several in await asyncio.gather(*writers) for each in several), key=lambda each: each.position)
        async with asyncio.timeout(WITHIN_S):
            while not sink.taken or sink.taken[-1].position < written[-1].position:  # noqa: ASYNC110 - a sink tells nobody
                await asyncio.sleep(0.01)
        return written, list(sink.taken)


def test_a_follower_misses_nothing_and_takes_nothing_twice_while_eight_write(settings: Settings) -> None:
    logs = [open_log("tallies", settings) for _ in range(3 if not settings.database_url else WRITERS + 1)]
    written, taken = asyncio.run(_written_and_followed(settings, logs, EVENTS))
    assert len(written) == EVENTS // WRITERS * WRITERS
    assert [each.position for each in taken] == [each.position for each in written]
    assert taken == written


def test_without_the_lock_a_follower_does_miss_events(settings_postgres: Settings) -> None:
    logs = [open_log("tallies", settings_postgres) for _ in range(WRITERS + 1)]
    for log in logs:
        log.lock_table_statements = []  # type: ignore[attr-defined]
    written, taken = asyncio.run(_written_and_followed(settings_postgres, logs, EVENTS))
    assert len(taken) < len(written)
