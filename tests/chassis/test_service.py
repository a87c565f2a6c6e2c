"""What runs services: one origin, health that names what is missing, runners that come back, an order of starting and stopping."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx2
import pytest
from fastapi import FastAPI

from services.chassis.rpc import client
from services.chassis.service import AddressTaken, Host, Platform, Runner, Service, platform
from services.chassis.settings import Settings
from tests.chassis.bus import until


def settings_in(folder: Path, **values: object) -> Settings:
    return Settings.model_validate({"data": folder, "http_port": 0, "grpc_port": 0, "nats_port": 0} | values)


def service(
    name: str,
    *paths: str,
    runners: tuple[Runner, ...] = (),
    checks: dict[str, Callable[[], Awaitable[str]]] | None = None,
    close: Callable[[], Awaitable[None]] | None = None,
) -> Service:
    app = FastAPI(openapi_url=None)

    @app.get("/{path:path}")
    async def told(path: str) -> dict[str, str]:
        return {"service": name, "path": path}

    async def nothing() -> None:
        return

    return Service(name=name, app=app, paths=paths, runners=runners, checks=checks or {}, close=close or nothing)


@asynccontextmanager
async def hosted(folder: Path, *services: Service) -> AsyncIterator[tuple[Host, httpx2.AsyncClient]]:
    shared = await platform(settings_in(folder), name="test")
    host = Host(services, shared)
    await host.start()
    await shared.broker.ready(10)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}") as client:
            yield host, client
    finally:
        await host.stop()


def test_the_longest_prefix_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hosted(tmp_path, service("short", "/v1"), service("long", "/v1/reports", "/v1/reports/latest/")) as (_, client):
            for path, name in {
                "/v1": "short",
                "/v1/report": "short",
                "/v1/reports": "long",
                "/v1/reports/7": "long",
                "/docs/short": "short",
                "/docs/long/static/page.js": "long",
                "/openapi/long.json": "long",
            }.items():
                assert (await client.get(path)).json()["service"] == name, path

    asyncio.run(scenario())


def test_a_path_of_no_service_is_answered_by_a_problem(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hosted(tmp_path, service("one", "/v1/one")) as (_, client):
            for path in ("/v1/onerous", "/v1", "/", "/docs/two"):
                answer = await client.get(path)
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["code"] == "no-such-path"
                assert answer.json()["request_id"] == answer.headers["x-request-id"]
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.json()["instance"] == path

    asyncio.run(scenario())


def test_the_origin_leads_to_the_portal_where_there_is_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hosted(tmp_path, service("reporting", "/v1/reports", "/portal")) as (_, client):
            answer = await client.get("/")
            assert answer.status_code == 307
            assert answer.headers["location"] == "/portal"

    asyncio.run(scenario())


def test_readiness_names_what_is_missing_and_why_while_the_process_lives(tmp_path: Path) -> None:
    reasons = {"events": "the disk is full", "views": ""}

    async def events() -> str:
        return reasons["events"]

    async def views() -> str:
        return reasons["views"]

    async def broken() -> str:
        raise OSError("no answer")

    async def scenario() -> None:
        checked = service("one", "/v1/one", checks={"events": events, "views": views})
        async with hosted(tmp_path, checked, service("two", "/v1/two", checks={"store": broken})) as (_, client):
            answer = await client.get("/readyz")
            assert answer.status_code == 503
            missing = {"one.events": "the disk is full", "two.store": "OSError('no answer')"}
            assert answer.json() == {"ready": False, "missing": missing}
            assert (await client.get("/livez")).status_code == 200

    asyncio.run(scenario())


def test_a_process_with_everything_it_needs_is_ready(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hosted(tmp_path, service("one", "/v1/one")) as (_, client):
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": {}})

    asyncio.run(scenario())


def test_a_broker_that_is_away_is_missed_and_does_not_keep_the_doors_shut(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            away = f"nats://127.0.0.1:{unused.getsockname()[1]}"
            shared = await platform(settings_in(tmp_path, nats_url=away), name="test")
            host = Host([service("one", "/v1/one")], shared)
            await host.start()
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}") as client:
                assert (await client.get("/v1/one")).status_code == 200
                assert (await client.get("/readyz")).json()["missing"] == {"broker": "not connected"}
            await host.stop()

    asyncio.run(scenario())


@dataclass
class Fails:
    """Fails the first times it runs."""

    times: int
    name: str = "fails"
    runs: int = 0

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.times:
            raise RuntimeError(f"failure {self.runs}")
        await asyncio.Event().wait()


def test_a_runner_that_fails_is_told_and_run_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        runner = Fails(times=3)
        async with hosted(tmp_path, service("one", "/v1/one", runners=(runner,))) as (_, client):
            await until(lambda: runner.runs >= 2)
            assert "failure" in (await client.get("/readyz")).json()["missing"]["one.fails"]
            await until(lambda: runner.runs == 4)
            await asyncio.sleep(2.2)
            assert (await client.get("/readyz")).status_code == 200
            assert runner.runs == 4

    asyncio.run(scenario())


@dataclass
class Story:
    told: list[str] = field(default_factory=list)
    name: str = "story"

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.told.append("runner stopped")


def test_stopping_ends_answers_then_runners_then_stores_then_the_broker(tmp_path: Path) -> None:
    async def scenario() -> None:
        story = Story()
        shared: list[Platform] = []
        slow_answered = asyncio.Event()

        async def close() -> None:
            nats = shared[0].nats
            assert nats is not None
            story.told.append(f"stores closed, nats runs: {nats.pid is not None}")

        told = service("one", "/v1/one", runners=(story,), close=close)
        told.app.router.routes.clear()

        @told.app.get("/v1/one/slow")
        async def slow() -> str:
            slow_answered.set()
            await asyncio.sleep(0.4)
            story.told.append("answered")
            return "done"

        shared.append(await platform(settings_in(tmp_path), name="test"))
        host = Host([told], shared[0])
        await host.start()
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}") as client:
            asked = asyncio.create_task(client.get("/v1/one/slow"))
            await slow_answered.wait()
            await host.stop()
            assert (await asked).json() == "done"
        assert story.told == ["answered", "runner stopped", "stores closed, nats runs: True"]
        nats = shared[0].nats
        assert nats is not None
        assert nats.pid is None

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_order(number: signal.Signals, tmp_path: Path) -> None:
    async def scenario() -> None:
        story = Story()
        shared = await platform(settings_in(tmp_path), name="test")
        host = Host([service("one", "/v1/one", runners=(story,))], shared)
        serving = asyncio.create_task(host.serve_until_stopped())
        async with httpx2.AsyncClient() as client, asyncio.timeout(10):
            while not serving.done():
                try:
                    await client.get(f"http://127.0.0.1:{shared.settings.http_port}/livez")
                    break
                except httpx2.TransportError:
                    await asyncio.sleep(0.02)
        os.kill(os.getpid(), number)
        await asyncio.wait_for(serving, 15)
        assert story.told == ["runner stopped"]
        assert not shared.broker.connected

    asyncio.run(scenario())


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            for door in ("http_port", "grpc_port"):
                with pytest.raises(AddressTaken, match=str(other.getsockname()[1])):
                    await platform(settings_in(tmp_path, **{door: other.getsockname()[1]}), name="test")
        assert not (tmp_path / "nats").exists()

    asyncio.run(scenario())


def test_channels_to_other_services_end_with_the_platform(tmp_path: Path) -> None:
    async def scenario() -> None:
        shared = await platform(settings_in(tmp_path), name="test")
        channel = client(shared, "reporting", lambda opened: opened, calling="one")
        assert channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.SHUTDOWN
        await shared.close()
        assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN

    asyncio.run(scenario())


def test_services_are_found_where_the_settings_say_and_otherwise_here(tmp_path: Path) -> None:
    async def scenario() -> None:
        everywhere = "0.0.0.0"  # noqa: S104 - what is tested
        shared = await platform(settings_in(tmp_path, host=everywhere, reporting_address="reports.example:9000"), name="test")
        assert shared.address("reporting") == "reports.example:9000"
        assert shared.address("agreements") == f"127.0.0.1:{shared.settings.grpc_port}"
        assert shared.settings.grpc_port != 0
        assert shared.public_url == f"http://127.0.0.1:{shared.settings.http_port}"
        await shared.close()

    asyncio.run(scenario())
