"""From the stream to the effect: in order, once, and nothing passed by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import Int64Value

from services.chassis.clock import MovableClock
from services.chassis.consumer import DEAD_LETTERS, Consumer, DatabaseInbox, Handler
from services.chassis.context import Context
from services.chassis.database import Database, accept
from services.chassis.nats import Broker, NatsServer
from services.chassis.relay import republish_subject
from services.vocabulary.errors import Conflict, Unavailable
from services.vocabulary.identity import Caller, OrganisationId, Role
from tests.chassis.bus import STREAM, Source, broker_to, messages, nats_server, running, settings_in, source_on, until, wiped
from tests.chassis.storage import opened_database

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass(kw_only=True)
class Taker:
    """A consumer of counts that writes down each number it takes, with its inbox row in the same transaction."""

    database: Database
    taken: list[int] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    refuse: Callable[[int], Exception | None] = lambda _: None

    async def take(self, message: Int64Value, context: Context) -> None:
        refusal = self.refuse(message.value)
        if refusal is not None:
            raise refusal
        delivery = context.delivery
        if delivery is None or await self.database.write(lambda connection: accept(connection, delivery)):
            self.taken.append(message.value)
            self.contexts.append(context)

    def consumer(self, broker: Broker, *, use_inbox: bool = True, event: str = "tally-counted") -> Consumer:
        return Consumer(
            "audit",
            "tallies",
            broker,
            DatabaseInbox(self.database),
            [Handler(event=event, message=Int64Value, handle=self.take)],
            clock=MovableClock(NOON),
            use_inbox=use_inbox,
            ack_wait_s=1.0,
        )


@dataclass(frozen=True, kw_only=True)
class Scene:
    server: NatsServer
    broker: Broker
    source: Source
    taker: Taker


@asynccontextmanager
async def scene_in(folder: Path) -> AsyncIterator[Scene]:
    async with (
        nats_server(folder) as server,
        broker_to(server.url) as broker,
        source_on(broker, folder) as source,
        opened_database(settings_in(folder), "audit") as database,
    ):
        yield Scene(server=server, broker=broker, source=source, taker=Taker(database=database))


def played(folder: Path, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def play() -> None:
        async with scene_in(folder) as scene:
            await scenario(scene)

    asyncio.run(play())


def test_events_take_effect_once_and_in_order(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with running(scene.taker.consumer(scene.broker).run()):
            for number in range(1, 31):
                await scene.source.count(number)
            await until(lambda: len(scene.taker.taken) == 30)
        assert scene.taker.taken == list(range(1, 31))

    played(tmp_path, scenario)


def test_a_handler_learns_what_caused_the_event_and_acts_as_its_service(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with running(scene.taker.consumer(scene.broker).run()):
            await scene.source.count(1)
            await until(lambda: bool(scene.taker.contexts))
        [context] = scene.taker.contexts
        _, recorded = await scene.source.store.read(after=0, limit=2)
        assert context.caller == Caller(subject="service:audit", organisation=OrganisationId("upheld"), roles=frozenset({Role.SERVICE}))
        assert context.tool == "nats"
        assert context.recorded_at.replace(microsecond=0) >= NOON
        assert context.correlation_id == recorded.metadata.correlation_id
        assert context.causation_id == recorded.metadata.event_id
        assert context.traceparent.split("-")[1] == recorded.metadata.traceparent.split("-")[1]
        delivery = context.delivery
        assert delivery is not None
        assert (delivery.consumer, delivery.source, delivery.event_id) == ("audit", "tallies", recorded.metadata.event_id)
        assert (delivery.position, delivery.type) == (recorded.position, "upheld.tallies.tally-counted.v1")
        assert delivery.recorded_at == recorded.metadata.recorded_at

    played(tmp_path, scenario)


def test_a_restarted_consumer_goes_on_where_it_was(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with running(scene.taker.consumer(scene.broker).run()):
            await scene.source.count(1, 2)
            await until(lambda: scene.taker.taken == [1, 2])
        await scene.source.count(3)
        async with running(scene.taker.consumer(scene.broker).run()):
            await until(lambda: len(scene.taker.taken) == 3)
        assert scene.taker.taken == [1, 2, 3]

    played(tmp_path, scenario)


def test_events_that_nobody_handles_are_passed_on_the_record(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with running(scene.taker.consumer(scene.broker, event="tally-closed").run()):
            await scene.source.count(1, 2)
            last = await scene.source.store.last_position()
            async with asyncio.timeout(10):
                while await DatabaseInbox(scene.taker.database).watermark("audit", "tallies") < last:  # noqa: ASYNC110 - a table tells nobody
                    await asyncio.sleep(0.02)
        assert scene.taker.taken == []

    played(tmp_path, scenario)


@pytest.mark.parametrize(("use_inbox", "expected"), [(True, [1, 2, 3]), (False, [1, 2, 1, 2, 3])])
def test_a_repeat_has_no_effect_as_long_as_there_is_an_inbox(use_inbox: bool, expected: list[int], tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with running(scene.taker.consumer(scene.broker, use_inbox=use_inbox).run()):
            await scene.source.count(1, 2)
            await scene.source.published()
            await scene.broker.request(republish_subject("tallies"), b'{"after": 0}', timeout_s=10)
            await scene.source.count(3)
            await until(lambda: 3 in scene.taker.taken)
        assert scene.taker.taken == expected

    played(tmp_path, scenario)


def test_events_that_the_stream_lost_are_asked_for_and_handled_before_those_that_follow(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with running(scene.taker.consumer(scene.broker).run()):
            await scene.source.count(1)
            await until(lambda: scene.taker.taken == [1])
        await scene.source.count(2, 3, 4, 5)
        await scene.source.published()
        for lost in (2, 3):
            await scene.broker.jetstream.delete_msg(STREAM, lost)
        async with running(scene.taker.consumer(scene.broker).run()):
            await until(lambda: len(scene.taker.taken) == 5)
            await scene.source.count(6)
            await until(lambda: len(scene.taker.taken) == 6)
        assert scene.taker.taken == [1, 2, 3, 4, 5, 6]

    played(tmp_path, scenario)


def test_while_the_source_of_missing_events_is_away_nothing_after_them_is_handled(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            nats_server(tmp_path) as server,
            broker_to(server.url) as away,
            broker_to(server.url) as broker,
            opened_database(settings_in(tmp_path), "audit") as database,
        ):
            taker = Taker(database=database)
            async with source_on(away, tmp_path) as source:
                await source.count(1, 2, 3)
                await source.published()
            await broker.jetstream.delete_msg(STREAM, 1)
            await away.close()
            async with running(taker.consumer(broker).run()):
                await asyncio.sleep(1)
                assert taker.taken == []
                async with source_on(broker, tmp_path):
                    await until(lambda: len(taker.taken) == 3)
            assert taker.taken == [1, 2, 3]

    asyncio.run(scenario())


def test_a_message_that_is_refused_five_times_goes_to_the_dead_letters_and_the_next_is_handled(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        asked: list[int] = []

        def refuse(number: int) -> Exception | None:
            asked.append(number)
            return Conflict("two is not\nwanted") if number == 2 else None

        scene.taker.refuse = refuse
        async with running(scene.taker.consumer(scene.broker).run()):
            await scene.source.count(1, 2, 3)
            await until(lambda: len(scene.taker.taken) == 2)
        assert scene.taker.taken == [1, 3]
        assert asked == [1, 2, 2, 2, 2, 2, 3]
        [letter] = await messages(scene.broker, DEAD_LETTERS)
        headers = letter.headers or {}
        assert Int64Value.FromString(letter.data).value == 2
        assert headers["Upheld-Reason"] == "Conflict: two is not wanted"
        assert headers["Upheld-Code"] == "conflict"
        assert headers["Upheld-Consumer"] == "audit"
        assert headers["Upheld-Subject"] == "upheld.tallies.bank.tally-counted"
        assert headers["ce-type"] == "upheld.tallies.tally-counted.v1"

    played(tmp_path, scenario)


@pytest.mark.parametrize("complete", [True, False])
def test_a_message_that_cannot_be_read_goes_to_the_dead_letters(complete: bool, tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.source.count(1)
        await scene.source.published()
        headers = {
            "ce-id": "x",
            "ce-type": "upheld.tallies.tally-counted.v1",
            "ce-time": "2026-03-02T08:00:00Z",
            "Upheld-Position": "9",
            "Upheld-Previous-Position": "2",
        }
        await scene.broker.jetstream.publish("upheld.tallies.bank.tally-counted", b"\xff", headers=headers if complete else {"ce-id": "x"})
        async with running(scene.taker.consumer(scene.broker).run()):
            async with asyncio.timeout(15):
                while not await messages(scene.broker, DEAD_LETTERS):  # noqa: ASYNC110 - a stream has no event to wait for
                    await asyncio.sleep(0.05)
            [letter] = await messages(scene.broker, DEAD_LETTERS)
            assert letter.data == b"\xff"
            assert (letter.headers or {})["Upheld-Code"] == "unreadable"
        assert scene.taker.taken == [1]

    played(tmp_path, scenario)


@pytest.mark.parametrize("fault", [OSError("the disk is full"), Unavailable("agreements does not answer")])
def test_any_other_failure_holds_the_message_and_all_that_follow_until_it_succeeds(fault: Exception, tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        failures = iter([fault] * 6)
        scene.taker.refuse = lambda number: next(failures, None) if number == 1 else None
        async with running(scene.taker.consumer(scene.broker).run()):
            await scene.source.count(1, 2)
            await asyncio.sleep(2)
            assert scene.taker.taken == []
            await until(lambda: len(scene.taker.taken) == 2, timeout_s=30)
        assert scene.taker.taken == [1, 2]
        assert await messages(scene.broker, DEAD_LETTERS) == []

    played(tmp_path, scenario)


def test_a_consumer_waits_for_a_broker_and_a_stream_that_are_absent_at_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as first:
            port = first.port
        async with (
            broker_to(f"nats://127.0.0.1:{port}") as broker,
            opened_database(settings_in(tmp_path), "audit") as database,
        ):
            taker = Taker(database=database)
            consumer = taker.consumer(broker)
            async with running(consumer.run()):
                assert await consumer.check() == "starting"
                late = NatsServer(tmp_path / "nats", port=port)
                await late.start()
                await broker.ready(5)
                await asyncio.sleep(0.5)
                assert await consumer.check() == "tallies has no stream yet"
                async with source_on(broker, tmp_path) as source:
                    await source.count(1)
                    await until(lambda: taker.taken == [1])
                assert await consumer.check() == ""
                await late.stop()

    asyncio.run(scenario())


def test_a_wiped_broker_costs_no_event_and_repeats_no_effect(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with running(scene.taker.consumer(scene.broker).run()):
            await scene.source.count(1, 2, 3)
            await until(lambda: len(scene.taker.taken) == 3)
            async with wiped(scene.server, tmp_path):
                await scene.source.count(4, 5)
                await until(lambda: len(scene.taker.taken) == 5)
                await scene.source.published()
                await asyncio.sleep(0.5)
        assert scene.taker.taken == [1, 2, 3, 4, 5]

    played(tmp_path, scenario)
