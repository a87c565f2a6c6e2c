"""From the log to the stream: in order, all of it, however the stream fares."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from services.chassis.follower import Follower
from services.chassis.nats import Broker, NatsServer
from services.chassis.relay import Relay, republish_subject
from tests.chassis.bus import (
    SOURCE,
    STREAM,
    broker_to,
    counted,
    messages,
    nats_server,
    numbers_of,
    running,
    settings_in,
    source_on,
    wiped,
)
from tests.chassis.storage import opened_store


def test_public_events_reach_the_stream_in_the_logs_order_and_private_ones_do_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker, source_on(broker, tmp_path) as source:
            await source.count(1, 2, 3)
            await source.count(4)
            await source.published()
            assert numbers_of(await messages(broker)) == [1, 2, 3, 4]

    asyncio.run(scenario())


def test_a_message_says_where_it_comes_from_and_what_it_follows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker, source_on(broker, tmp_path) as source:
            await source.count(1, 2)
            await source.published()
            _, recorded, second = await source.store.read(after=0, limit=10)
            message = (await messages(broker))[1]
            headers = message.headers or {}
            assert message.subject == "upheld.tallies.bank.tally-counted"
            assert headers["Nats-Msg-Id"] == headers["ce-id"] == headers["Upheld-Causation-Id"] == second.metadata.event_id
            assert headers["ce-specversion"] == "1.0"
            assert headers["ce-source"] == "/upheld/tallies"
            assert headers["ce-type"] == "upheld.tallies.tally-counted.v1"
            assert headers["ce-time"] == second.metadata.recorded_at
            assert headers["ce-subject"] == str(source.stream)
            assert headers["content-type"] == "application/protobuf"
            assert headers["Upheld-Position"] == str(second.position)
            assert headers["Upheld-Previous-Position"] == str(recorded.position)
            assert headers["Upheld-Correlation-Id"] == "c-1"
            assert headers["traceparent"].split("-")[1] == second.metadata.traceparent.split("-")[1]

    asyncio.run(scenario())


def test_a_restarted_relay_goes_on_after_the_streams_last_message(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker:
            async with source_on(broker, tmp_path) as source:
                await source.count(1, 2)
                await source.published()
            async with source_on(broker, tmp_path) as source:
                await source.count(3)
                await source.published()
            found = await messages(broker)
            assert numbers_of(found) == [1, 2, 3]
            assert (found[2].headers or {})["Upheld-Previous-Position"] == (found[1].headers or {})["Upheld-Position"]

    asyncio.run(scenario())


def test_of_two_relays_of_one_service_each_event_gets_through_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            nats_server(tmp_path) as server,
            broker_to(server.url) as broker,
            source_on(broker, tmp_path) as source,
            opened_store(settings_in(tmp_path), SOURCE) as same_log,
        ):
            other = Follower(SOURCE, same_log, [Relay(SOURCE, broker, counted)], poll_every_s=0.05)
            async with running(other.run()):
                for number in range(1, 40):
                    await source.count(number)
                await source.published()
                await other.caught_up(await source.store.last_position(), timeout_s=20)
            assert numbers_of(await messages(broker)) == list(range(1, 40))

    asyncio.run(scenario())


def test_what_is_counted_without_a_broker_is_published_when_it_comes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as first:
            port = first.port
        async with broker_to(f"nats://127.0.0.1:{port}") as broker, source_on(broker, tmp_path) as source:
            await source.count(1, 2)
            await asyncio.sleep(0.3)
            late = NatsServer(tmp_path / "nats", port=port)
            await late.start()
            await source.published()
            assert numbers_of(await messages(broker)) == [1, 2]
            await late.stop()

    asyncio.run(scenario())


@asynccontextmanager
async def _deleted(server: NatsServer, _folder: Path) -> AsyncIterator[None]:
    async with broker_to(server.url) as broker:
        await broker.ready(5)
        await broker.jetstream.delete_stream(STREAM)
    yield


@asynccontextmanager
async def _purged(server: NatsServer, _folder: Path) -> AsyncIterator[None]:
    async with broker_to(server.url) as broker:
        await broker.ready(5)
        await broker.jetstream.purge_stream(STREAM)
    yield


async def _filled(broker: Broker, numbers: list[int]) -> None:
    async with asyncio.timeout(15):
        while not broker.connected or numbers_of(await messages(broker)) != numbers:  # noqa: ASYNC110 - a stream has no event to wait for
            await asyncio.sleep(0.1)


Losing = Callable[[NatsServer, Path], AbstractAsyncContextManager[None]]


@pytest.mark.parametrize("lose", [_deleted, _purged, wiped])
def test_a_stream_that_was_lost_is_filled_again_though_nothing_new_happens(lose: Losing, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker, source_on(broker, tmp_path) as source:
            await source.count(1, 2, 3)
            await source.published()
            async with lose(server, tmp_path):
                await _filled(broker, [1, 2, 3])
                await source.count(4)
                await source.published()
                assert numbers_of(await messages(broker)) == [1, 2, 3, 4]

    asyncio.run(scenario())


def test_events_asked_for_again_follow_at_the_end_with_their_own_identity(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker, source_on(broker, tmp_path) as source:
            await source.count(1, 2, 3)
            await source.published()
            first = await messages(broker)
            position = int((first[0].headers or {})["Upheld-Position"])
            asked = json.dumps({"after": position}).encode()
            answer = json.loads(await broker.request(republish_subject(SOURCE), asked, timeout_s=10))
            await source.count(4)
            await source.published()
            found = await messages(broker)
            assert numbers_of(found) == [1, 2, 3, 2, 3, 4]
            assert answer == {"until": await source.store.last_position() - 1}
            assert [(message.headers or {})["ce-id"] for message in found[3:5]] == [
                (message.headers or {})["ce-id"] for message in first[1:]
            ]
            assert (found[3].headers or {})["Upheld-Previous-Position"] == str(position)

    asyncio.run(scenario())


def _identities(found: list[Msg]) -> list[str]:
    return [(message.headers or {})["ce-id"] for message in found]


def test_a_relay_that_dies_while_publishing_again_goes_on_where_it_had_been(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker:
            async with source_on(broker, tmp_path) as source:
                await source.count(1, 2, 3)
                await source.published()
                await broker.request(republish_subject(SOURCE), b'{"after": 0}', timeout_s=10)
            await broker.jetstream.delete_msg(STREAM, 6)
            await broker.jetstream.delete_msg(STREAM, 5)
            async with source_on(broker, tmp_path) as source:
                await source.count(4)
                await source.published()
            assert numbers_of(await messages(broker)) == [1, 2, 3, 1, 4]

    asyncio.run(scenario())


def test_a_request_that_makes_no_sense_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker, source_on(broker, tmp_path) as source:
            await source.count(1)
            await source.published()
            for nonsense in (b"", b"[]", b'{"after": "soon"}'):
                await broker.client.publish(republish_subject(SOURCE), nonsense)
            await source.count(2)
            await source.published()
            assert numbers_of(await messages(broker)) == [1, 2]

    asyncio.run(scenario())
