"""What runs: services on one platform, their runners supervised, started and stopped in order. Knows no service by what it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import grpc.aio
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from services.chassis.clock import Clock, SystemClock
from services.chassis.doorway import Doorway, Operations
from services.chassis.identity import Identity
from services.chassis.nats import Broker, NatsServer
from services.chassis.rpc import server as rpc_server
from services.chassis.settings import Settings, origin_of, reachable
from services.chassis.tasks import end
from services.chassis.telemetry import Telemetry, log
from services.vocabulary.identity import Role

T = TypeVar("T")

PORTAL = "/portal"

_SHORTEST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0
_STEADY_AFTER_S = 10.0
_CHECK_WITHIN_S = 2.0
_ANSWERS_END_WITHIN_S = 5
_STOPPED_WITHIN_S = 10.0

_log = log("host")


class Runner(Protocol):
    """Something that runs beside the doors, until it is cancelled; what it raises is logged and it is run again."""

    @property
    def name(self) -> str: ...

    async def run(self) -> None: ...


class AddressTaken(Exception):
    """Something else listens there."""


@dataclass(kw_only=True)
class Platform:
    """What the services of one process share. Its settings hold the real ports, also where a free one was asked for by 0."""

    settings: Settings
    clock: Clock
    broker: Broker
    identity: Identity
    telemetry: Telemetry
    nats: NatsServer | None = None
    sockets: dict[str, socket.socket] = field(default_factory=dict)
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def address(self, service: str) -> str:
        """host:port of a service's gRPC; of this process unless the settings name another."""
        named = str(getattr(self.settings, f"{service}_address", ""))
        return named or f"{reachable(self.settings.host)}:{self.settings.grpc_port}"

    def origin(self, service: str) -> str:
        """The HTTP origin by which services reach a service: what the settings name, else where its gRPC is, on the port that all have."""
        named = str(getattr(self.settings, f"{service}_url", "")).rstrip("/")
        return named or f"http://{self.address(service).rpartition(':')[0]}:{self.settings.http_port}"

    @property
    def public_url(self) -> str:
        return origin_of(self.settings)

    async def close(self) -> None:
        """The last to close: connections to others, then what was left to export, then the broker itself."""
        await asyncio.gather(*(channel.close() for channel in self.channels))
        await self.broker.close()
        await asyncio.to_thread(self.telemetry.close)
        if self.nats is not None:
            await self.nats.stop()
        for held in self.sockets.values():
            held.close()


async def platform(settings: Settings, clock: Clock | None = None, *, name: str) -> Platform:
    """Starts a NATS server where the settings name none; an absent one of one's own is waited for in the background.

    Raises `AddressTaken` and `NatsServerFailed`.
    """
    clock = clock or SystemClock()
    telemetry = Telemetry.open(settings, name)
    sockets: dict[str, socket.socket] = {}
    nats: NatsServer | None = None
    try:
        sockets["http"] = _bound(settings.host, settings.http_port)
        sockets["grpc"] = _bound(settings.host, settings.grpc_port)
        ports: dict[str, object] = {f"{door}_port": held.getsockname()[1] for door, held in sockets.items()}
        if not settings.nats_url:
            nats = NatsServer(settings.data / "nats", port=settings.nats_port)
            await nats.start()
            ports |= {"nats_url": nats.url, "nats_port": nats.port}
        settings = settings.model_copy(update=ports)
        identity = Identity.open(settings, clock)
        broker = await Broker.connect(settings, name)
    except BaseException:
        for held in sockets.values():
            held.close()
        if nats is not None:
            await nats.stop()
        raise
    return Platform(settings=settings, clock=clock, broker=broker, identity=identity, telemetry=telemetry, nats=nats, sockets=sockets)


async def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service, composed and not yet running.

    `paths` are the prefixes of its HTTP paths; its docs and OpenAPI document need not be named. `servicers` are (full proto name of the
    service, what adds it to a server). `checks` answer "" when all is well, else what is missing. `close` closes its stores.
    """

    name: str
    app: FastAPI
    paths: tuple[str, ...]
    permissions: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    servicers: Sequence[tuple[str, Callable[[grpc.aio.Server], None]]] = ()
    runners: Sequence[Runner] = ()
    checks: Mapping[str, Callable[[], Awaitable[str]]] = field(default_factory=dict)
    close: Callable[[], Awaitable[None]] = _nothing


class Host:
    """Runs services behind one HTTP origin and one gRPC port.

    Starts gRPC, HTTP, runners; stops HTTP, runners, gRPC, stores and the platform, so that whoever got an answer finds it kept.
    """

    def __init__(self, services: Sequence[Service], platform: Platform) -> None:
        self.http_port = platform.settings.http_port
        self.grpc_port = platform.settings.grpc_port
        self._services = tuple(services)
        self._platform = platform
        self._http: _HttpServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._grpc: grpc.aio.Server | None = None
        self._supervised: list[_Supervised] = []
        self._stage = "starting"

    async def start(self) -> None:
        """Returns when all doors answer. Raises `AddressTaken`; what had started is stopped again."""
        try:
            await self._start_grpc()
            await self._start_http()
            for service in self._services:
                self._supervised += [_Supervised(service.name, runner) for runner in service.runners]
        except BaseException:
            await self.stop()
            raise
        self._stage = ""
        _log.info("serving", services=[service.name for service in self._services], http=self.http_port, grpc=self.grpc_port)

    async def stop(self) -> None:
        """In order, and each part whatever became of the one before; a second call does nothing."""
        if self._stage == "stopping":
            return
        self._stage = "stopping"
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("http", self._stop_http),
            ("runners", self._stop_runners),
            ("grpc", self._stop_grpc),
            ("broker", self._platform.broker.close),
            *((f"{service.name} stores", service.close) for service in self._services),
            ("platform", self._platform.close),
        ]
        for name, step in steps:
            try:
                await asyncio.wait_for(step(), _STOPPED_WITHIN_S)
            except Exception:
                _log.exception("a part did not stop in order", part=name)
        _log.info("stopped")

    async def serve_until_stopped(self) -> None:
        """Starts unless started; returns after SIGINT or SIGTERM and an ordered stop. A second signal ends the process at once."""
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told.set)
        try:
            if self._stage == "starting":
                await self.start()
            await told.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        await self.stop()

    async def missing(self) -> dict[str, str]:
        """What keeps this process from doing all its work, by the name of the check; empty when it is ready."""
        found = {"host": self._stage, "broker": "" if self._platform.broker.connected else "not connected"}
        names = [(service, name) for service in self._services for name in service.checks]
        answers = await asyncio.gather(*(_checked(service.checks[name]) for service, name in names))
        found |= {f"{service.name}.{name}": answer for (service, name), answer in zip(names, answers, strict=True)}
        found |= {f"{supervised.name}": supervised.fault for supervised in self._supervised}
        return {name: why for name, why in found.items() if why}

    async def _start_grpc(self) -> None:
        if not any(service.servicers for service in self._services):
            return
        self._grpc = rpc_server(self._platform, self._services)
        if held := self._platform.sockets.pop("grpc", None):
            held.close()
        try:
            self.grpc_port = self._grpc.add_insecure_port(f"{self._platform.settings.host}:{self.grpc_port}")
        except RuntimeError as error:
            raise AddressTaken(f"gRPC cannot listen on {self._platform.settings.host}:{self.grpc_port}: {error}") from error
        await self._grpc.start()

    async def _start_http(self) -> None:
        config = uvicorn.Config(
            _Front(self._services, self.missing, self._platform),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_ANSWERS_END_WITHIN_S,
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        held = self._platform.sockets.pop("http", None) or _bound(self._platform.settings.host, self.http_port)
        self.http_port = held.getsockname()[1]
        self._http = _HttpServer(config)
        self._serving = asyncio.create_task(self._http.serve(sockets=[held]), name="http")
        while not self._http.started:
            if self._serving.done():
                self._serving.result()
                raise AddressTaken(f"HTTP does not listen on port {self.http_port}")
            await asyncio.sleep(0.005)

    async def _stop_http(self) -> None:
        if self._http is not None and self._serving is not None:
            self._http.should_exit = True
            await asyncio.gather(self._serving, return_exceptions=True)

    async def _stop_runners(self) -> None:
        await asyncio.gather(*(supervised.stop() for supervised in self._supervised))

    async def _stop_grpc(self) -> None:
        if self._grpc is not None:
            await self._grpc.stop(_ANSWERS_END_WITHIN_S)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a process' main coroutine on uvloop where there is one."""
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


class _HttpServer(uvicorn.Server):
    """Leaves the signals to the host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Supervised:
    """A runner that is run again when it fails, after 0.1 s and then twice as long each time, at most 10 s."""

    def __init__(self, service: str, runner: Runner) -> None:
        self.name = f"{service}.{runner.name}"
        self.fault = ""
        self._runner = runner
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        await end(self._task)

    async def _run(self) -> None:
        loop, pause = asyncio.get_running_loop(), _SHORTEST_PAUSE_S
        while True:
            started, steady = loop.time(), loop.call_later(_CHECK_WITHIN_S, self._recovered)
            try:
                await self._runner.run()
                self.fault = "it ended"
                _log.error("a runner ended", runner=self.name, pause_s=pause)
            except Exception as error:
                self.fault = repr(error)
                _log.exception("a runner failed", runner=self.name, pause_s=pause)
            finally:
                steady.cancel()
            pause = _SHORTEST_PAUSE_S if loop.time() - started > _STEADY_AFTER_S else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _recovered(self) -> None:
        self.fault = ""


class _Front:
    """The ASGI application before the services': health, and the service whose path prefix is the longest that fits."""

    def __init__(self, services: Sequence[Service], missing: Callable[[], Awaitable[dict[str, str]]], platform: Platform) -> None:
        self._missing = missing
        self._unmatched = Doorway(
            self, service="platform", platform=platform, operations=Operations(), body_limit_bytes=platform.settings.body_limit_bytes
        )
        found: dict[str, ASGIApp] = {}
        for service in services:
            for path in (*service.paths, f"/docs/{service.name}", f"/openapi/{service.name}.json"):
                found[path.rstrip("/")] = service.app
        self._prefixes = sorted(found.items(), key=lambda entry: -len(entry[0]))
        self._home = PORTAL if PORTAL in found else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if path == "/livez":
            await _answer(send, 200, {"live": True})
        elif path == "/readyz":
            missing = await self._missing()
            await _answer(send, 503 if missing else 200, {"ready": not missing, "missing": missing})
        elif path == "/" and self._home:
            await _respond(send, 307, b"", [(b"location", self._home.encode())])
        elif app := self._app_for(path):
            await app(scope, receive, send)
        else:
            await self._unmatched(scope, receive, send)

    def _app_for(self, path: str) -> ASGIApp | None:
        return next((app for prefix, app in self._prefixes if path == prefix or path.startswith(f"{prefix}/")), None)


async def _answer(send: Send, status: int, document: dict[str, object]) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await _respond(send, status, json.dumps(document).encode(), headers)


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _checked(check: Callable[[], Awaitable[str]]) -> str:
    try:
        return await asyncio.wait_for(check(), _CHECK_WITHIN_S)
    except TimeoutError:
        return f"no answer within {_CHECK_WITHIN_S:g} s"
    except Exception as error:
        return repr(error)


def _bound(host: str, port: int) -> socket.socket:
    """Holds a port, a free one for 0, without listening."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, port))
    except OSError as error:
        held.close()
        raise AddressTaken(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return held
