"""The broker as a child and the connection that does not give up."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from services.chassis.nats import BrokerUnavailable, NatsServer, NatsServerFailed, nats_server_path
from services.chassis.telemetry import configure_logs
from tests.chassis.bus import broker_to, nats_server, until


def test_the_binary_comes_with_the_installation() -> None:
    version = subprocess.run([nats_server_path(), "--version"], capture_output=True, text=True, check=True).stdout
    assert "v2." in version


def test_a_started_server_answers_on_the_free_port_it_found(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker:
            await broker.ready(5)
            assert server.port not in {0, 4222}
            assert (await broker.jetstream.account_info()).streams == 0
            assert broker.client.max_payload == 8 * 1024 * 1024

    asyncio.run(scenario())


def test_a_connection_tells_no_secret_of_its_url(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        configure_logs("info")
        async with broker_to("nats://upheld:s3cret@127.0.0.1:1") as broker:
            with pytest.raises(BrokerUnavailable):
                await broker.ready(0.5)

    asyncio.run(scenario())
    told = capsys.readouterr().err
    assert "broker is absent" in told
    assert "s3cret" not in told


def test_the_server_syncs_each_message_before_it_acknowledges_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path):
            assert "sync_interval: always" in (tmp_path / "nats" / "nats-server.conf").read_text("utf-8")

    asyncio.run(scenario())


def test_a_killed_server_comes_back_on_its_port_with_what_it_acknowledged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker:
            await broker.ready(5)
            await broker.jetstream.add_stream(name="KEPT", subjects=["kept"])
            await broker.jetstream.publish("kept", b"1")
            killed, port = server.pid, server.port
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await until(lambda: not broker.connected)
            await broker.ready(10)
            assert server.pid != killed
            assert server.port == port
            assert (await broker.jetstream.stream_info("KEPT")).state.messages == 1

    asyncio.run(scenario())


def test_a_taken_port_is_told_with_the_servers_own_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path / "first") as first:
            with pytest.raises(NatsServerFailed, match="address already in use"):
                await NatsServer(tmp_path / "second", port=first.port).start()

    asyncio.run(scenario())


_ENDLESS_PARENT = """
import asyncio, sys
from pathlib import Path
from services.chassis.nats import NatsServer
from services.chassis.telemetry import configure_logs

async def main():
    configure_logs("error")
    server = NatsServer(Path(sys.argv[1]), port=0)
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with a parent that was killed")
def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _ENDLESS_PARENT, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        try:
            child = int(parent.stdout.readline())
        finally:
            parent.kill()
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_broker_that_is_absent_at_the_start_is_connected_when_it_comes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as first:
            port = first.port
        async with broker_to(f"nats://127.0.0.1:{port}") as broker:
            with pytest.raises(BrokerUnavailable):
                await broker.ready(0.3)
            with pytest.raises(BrokerUnavailable):
                _ = broker.jetstream
            late = NatsServer(tmp_path / "nats", port=port)
            await late.start()
            await broker.ready(5)
            assert broker.connected
            await late.stop()

    asyncio.run(scenario())


def test_a_subscription_outlives_the_broker_it_was_made_without(tmp_path: Path) -> None:
    async def scenario() -> None:
        heard: list[bytes] = []

        async def hear(message: Msg) -> None:
            heard.append(message.data)
            await message.respond(b"heard")

        async with nats_server(tmp_path) as first:
            port = first.port
        async with broker_to(f"nats://127.0.0.1:{port}") as broker:
            await broker.subscribe("questions", hear)
            for question in (b"first", b"second"):
                server = NatsServer(tmp_path / "nats", port=port)
                await server.start()
                await broker.ready(5)
                assert await broker.request("questions", question) == b"heard"
                await server.stop()
                await until(lambda: not broker.connected)
        assert heard == [b"first", b"second"]

    asyncio.run(scenario())


def test_a_question_that_nobody_hears_is_refused_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker:
            await broker.ready(5)
            with pytest.raises(BrokerUnavailable, match="nobody listens"):
                await broker.request("questions", b"", timeout_s=5)

    asyncio.run(scenario())


def test_work_ends_when_the_connection_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with nats_server(tmp_path) as server, broker_to(server.url) as broker:
            await broker.ready(5)
            work = asyncio.create_task(broker.while_connected(asyncio.sleep(30), timeout_s=30))
            await asyncio.sleep(0.05)
            await server.stop()
            with pytest.raises(BrokerUnavailable):
                await asyncio.wait_for(work, 5)

    asyncio.run(scenario())
