"""The follower: every sink gets every event once and in order, whatever happens to the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis.database import Database, upsert
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.chassis.follower import Follower, Projection
from services.chassis.settings import Settings
from services.vocabulary.errors import Unavailable
from tests.chassis.storage import COUNTS, Counted, Event, Opened, context, opened_database, opened_store


class Remembering:
    """A sink that keeps positions in memory."""

    def __init__(self, name: str = "remembering") -> None:
        self.name = name
        self.taken: list[int] = []
        self.failures_left = 0

    async def position(self) -> int:
        return self.taken[-1] if self.taken else 0

    async def take(self, batch: Sequence[Recorded[Any]]) -> None:
        if self.failures_left:
            self.failures_left -= 1
            raise ConnectionError("the broker is away")
        self.taken.extend(recorded.position for recorded in batch)


@asynccontextmanager
async def running(follower: Follower) -> AsyncIterator[Follower]:
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def write(store: EventStore[Event], *, streams: int = 1) -> int:
    last = 0
    for _ in range(streams):
        recorded = await store.append(uuid4(), expected_version=0, events=[Opened(owner="ana"), Counted(by=2)], context=context())
        last = recorded[-1].position
    return last


async def positions(store: EventStore[Event]) -> list[int]:
    return [recorded.position for recorded in await store.read(after=0, limit=10_000)]


def tally(connection: Connection, recorded: Recorded[Any]) -> None:
    """Not idempotent on purpose: counts twice what it is given twice."""
    if isinstance(recorded.event, Counted):
        upsert(COUNTS, connection, {"stream": recorded.stream, "total": 0}, key=["stream"], overwrite=False)
        added = COUNTS.c.total + recorded.event.by
        connection.execute(sa.update(COUNTS).where(COUNTS.c.stream == recorded.stream).values(total=added))


async def totals(database: Database) -> list[int]:
    return await database.read(lambda connection: list(connection.execute(sa.select(COUNTS.c.total)).scalars()))


def test_eight_writers_in_two_processes_and_the_follower_misses_nothing(settings: Settings) -> None:
    async def story() -> None:
        sinks = [Remembering("one"), Remembering("two")]
        async with opened_store(settings) as store, opened_store(settings) as elsewhere:
            early = await write(store, streams=5)
            async with running(Follower("tallies", store, sinks, poll_every_s=0.02)) as follower:
                lasts = await asyncio.gather(*(write(store if n % 2 else elsewhere, streams=20) for n in range(8)))
                await follower.caught_up(max(lasts), timeout_s=30)
                assert early < max(lasts)
                assert follower.lag == {"one": 0, "two": 0}
            for sink in sinks:
                assert sink.taken == await positions(store)
            assert len(sinks[0].taken) == 2 * (5 + 8 * 20)

    asyncio.run(story())


def test_an_event_of_this_process_arrives_at_once_however_rarely_the_log_is_polled(settings: Settings) -> None:
    async def story() -> None:
        sink = Remembering()
        async with opened_store(settings) as store, running(Follower("tallies", store, [sink], poll_every_s=3_600)) as follower:
            await asyncio.sleep(0.1)
            await follower.caught_up(await write(store), timeout_s=5)
            await follower.caught_up(await write(store), timeout_s=5)
            assert sink.taken == await positions(store)

    asyncio.run(story())


def test_a_sink_that_fails_is_told_tried_again_and_holds_up_no_other(settings_sqlite: Settings) -> None:
    async def story() -> None:
        healthy, broken = Remembering("healthy"), Remembering("broken")
        broken.failures_left = 10**9
        async with opened_store(settings_sqlite) as store:
            async with running(Follower("tallies", store, [broken, healthy], poll_every_s=0.02)) as follower:
                last = await write(store, streams=10)
                await follower.caught_up(last, sink="healthy")
                with pytest.raises(Unavailable, match=r"broken has not reached position 20 of the log within 0\.1 s"):
                    await follower.caught_up(last, sink="broken", timeout_s=0.1)
                assert follower.failing == {"broken": "the broker is away"}
                assert follower.lag == {"broken": 20, "healthy": 0}
                broken.failures_left = 1
                await follower.caught_up(last)
                assert follower.failing == {}
            assert broken.taken == healthy.taken == await positions(store)

    asyncio.run(story())


def test_a_slow_sink_does_not_hold_up_the_others(settings_sqlite: Settings) -> None:
    class Stuck(Remembering):
        async def take(self, batch: Sequence[Recorded[Any]]) -> None:
            await asyncio.Event().wait()

    async def story() -> None:
        async with opened_store(settings_sqlite) as store:
            follower = Follower("tallies", store, [Stuck("stuck"), Remembering("quick")])
            async with running(follower):
                await follower.caught_up(await write(store, streams=3), sink="quick", timeout_s=5)
                assert follower.lag == {"stuck": 6, "quick": 0}

    asyncio.run(story())


def test_a_sink_that_lost_what_it_had_while_idle_gets_it_again(settings_sqlite: Settings) -> None:
    async def story() -> None:
        sink = Remembering()
        async with opened_store(settings_sqlite) as store, running(Follower("tallies", store, [sink])) as follower:
            await follower.caught_up(await write(store, streams=3))
            sink.taken.clear()
            async with asyncio.timeout(10):
                while sink.taken != await positions(store):  # noqa: ASYNC110 (the sink has nothing to wait for)
                    await asyncio.sleep(0.05)

    asyncio.run(story())


def test_a_follower_started_again_goes_on_where_the_sinks_are(settings: Settings) -> None:
    async def story() -> None:
        sink = Remembering()
        async with opened_store(settings) as store:
            for _ in range(3):
                async with running(Follower("tallies", store, [sink])) as follower:
                    await follower.caught_up(await write(store, streams=2))
                await write(store)
            async with running(Follower("tallies", store, [sink])) as follower:
                await follower.caught_up(await store.last_position())
            assert sink.taken == await positions(store)

    asyncio.run(story())


def test_the_log_being_away_is_survived(settings_sqlite: Settings) -> None:
    class Flickering:
        def __init__(self, store: EventStore[Event]) -> None:
            self.store = store
            self.outages_left = 3
            self.on_append = store.on_append
            self.on_erased = store.on_erased
            self.last_position = store.last_position

        async def read(self, *, after: int, limit: int) -> list[Recorded[Event]]:
            if self.outages_left:
                self.outages_left -= 1
                raise Unavailable("the event store cannot be reached now")
            return await self.store.read(after=after, limit=limit)

    async def story() -> None:
        sink = Remembering()
        async with opened_store(settings_sqlite) as store:
            flickering: Any = Flickering(store)
            async with running(Follower("tallies", flickering, [sink], poll_every_s=0.02)) as follower:
                await follower.caught_up(await write(store))
            assert flickering.outages_left == 0
            assert sink.taken == await positions(store)

    asyncio.run(story())


def test_a_projection_applies_each_event_once_however_often_it_is_taken(settings: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings) as store, opened_database(settings) as database:
            await write(store, streams=4)
            log = await store.read(after=0, limit=100)
            projection = Projection("tally", database, tally)
            for batch in (log[:4], log[:6], log, log[2:5], log):
                await projection.take(batch)
            assert await projection.position() == log[-1].position
            assert await totals(database) == [2] * 4

    asyncio.run(story())


def test_copies_of_a_projection_at_the_same_time_apply_each_event_once(settings: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings) as store, opened_database(settings) as database, opened_database(settings) as elsewhere:
            await write(store, streams=30)
            log = await store.read(after=0, limit=100)
            one, other = (Projection("tally", each, tally) for each in (database, elsewhere))
            await one.take(log[:2])
            await asyncio.gather(one.take(log[2:31]), other.take(log[2:60]), one.take(log[31:60]))
            assert await totals(database) == [2] * 30

    asyncio.run(story())


def test_a_projection_that_fails_in_a_batch_leaves_neither_rows_nor_position(settings: Settings) -> None:
    def fails_at_the_last(connection: Connection, recorded: Recorded[Any]) -> None:
        tally(connection, recorded)
        if recorded.position >= 4:
            raise LookupError("a row that should be there")

    async def story() -> None:
        async with opened_store(settings) as store, opened_database(settings) as database:
            await write(store, streams=2)
            projection = Projection("tally", database, fails_at_the_last)
            with pytest.raises(LookupError):
                await projection.take(await store.read(after=0, limit=10))
            assert await projection.position() == 0
            assert await totals(database) == []

    asyncio.run(story())


def test_sinks_need_names_of_their_own(settings_sqlite: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings_sqlite) as store:
            with pytest.raises(AssertionError):
                Follower("tallies", store, [Remembering("same"), Remembering("same")])

    asyncio.run(story())
