"""What the tests of the bus share: servers and connections that close themselves, a source with its relay, and waiting with an end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from google.protobuf.wrappers_pb2 import Int64Value
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.chassis.follower import Follower
from services.chassis.nats import Broker, NatsServer
from services.chassis.relay import Outgoing, Relay, stream_of
from services.chassis.settings import Settings
from tests.chassis.storage import Counted, Event, Opened, context, opened_store

SOURCE = "tallies"
STREAM = stream_of(SOURCE)


def settings_in(folder: Path, *, nats_url: str = "") -> Settings:
    return Settings(data=folder, nats_url=nats_url)


@asynccontextmanager
async def nats_server(folder: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(folder / "nats", port=0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def broker_to(url: str, name: str = "test") -> AsyncIterator[Broker]:
    broker = await Broker.connect(Settings(nats_url=url), name)
    try:
        yield broker
    finally:
        await broker.close()


@asynccontextmanager
async def running(*runs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A runner that fails inside fails the test."""
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool], *, timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def counted(recorded: Recorded[Event]) -> Outgoing | None:
    """Counts are public, openings are not."""
    match recorded.event:
        case Counted(by=by):
            return Outgoing(tenant="bank", event="tally-counted", message=Int64Value(value=by))
        case Opened():
            return None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A service that counts, whose log a follower feeds to its relay."""

    store: EventStore[Event]
    follower: Follower
    stream: UUID

    async def count(self, *numbers: int) -> None:
        recorded = await self.store.load(self.stream)
        events: list[Event] = [Counted(by=number) for number in numbers]
        if not recorded:
            events.insert(0, Opened(owner="ana"))
        await self.store.append(self.stream, expected_version=len(recorded), events=events, context=context())

    async def published(self) -> None:
        """Waits until all that was counted is in the stream."""
        await self.follower.caught_up(await self.store.last_position(), sink="relay", timeout_s=20)


@asynccontextmanager
async def source_on(broker: Broker, folder: Path) -> AsyncIterator[Source]:
    async with opened_store(settings_in(folder), SOURCE) as store:
        follower = Follower(SOURCE, store, [Relay(SOURCE, broker, counted)], poll_every_s=0.05)
        async with running(follower.run()):
            yield Source(store=store, follower=follower, stream=uuid4())


async def messages(broker: Broker, stream: str = STREAM) -> list[Msg]:
    """Everything the stream holds, in its order; none where there is no stream."""
    jetstream = broker.jetstream
    try:
        count = (await jetstream.stream_info(stream)).state.messages
    except NotFoundError:
        return []
    if not count:
        return []
    subscription = await jetstream.subscribe("upheld.>", stream=stream, ordered_consumer=True)
    found = [await subscription.next_msg(timeout=5) for _ in range(count)]
    await subscription.unsubscribe()
    return found


def numbers_of(found: list[Msg]) -> list[int]:
    return [Int64Value.FromString(message.data).value for message in found]


@asynccontextmanager
async def wiped(server: NatsServer, folder: Path) -> AsyncIterator[None]:
    """The server on the same port, with nothing left in its store."""
    await server.stop()
    shutil.rmtree(folder / "nats")
    again = NatsServer(folder / "nats", port=server.port)
    await again.start()
    try:
        yield
    finally:
        await again.stop()
