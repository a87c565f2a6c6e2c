"""The platform as real processes: one `upheld up`, or four `upheld serve …` with a nats-server between them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.nats import nats_server_path
from services.command.host import SERVICES
from services.transparency.note import Signer

WITNESS = Signer("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
"""Known to a platform that is started as one process."""
UPHELD = str(Path(sys.executable).with_name("upheld"))
PATIENCE_S = 60.0
HTTP = httpx2.Client(timeout=30, trust_env=False)
"""One for all: each would read the certificates of the web's authorities anew."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How a started platform is reached: HTTP origins and gRPC addresses by service, and its data folder."""

    http: Mapping[str, str]
    grpc: Mapping[str, str]
    data: Path
    nats_url: str
    environment: Mapping[str, str]
    processes: Mapping[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def origin(self, path: str) -> str:
        """The origin that serves a path."""
        owners = {
            "agreements": ("/v1/agreements", "/v1/history", "/v1/keys"),
            "measurement": (
                "/v1/observations",
                "/v1/assessments",
                "/v1/measurements",
                "/v1/exclusions",
                "/v1/disputes",
                "/v1/previews",
                "/v1/simulations",
            ),
            "improvement": ("/v1/improvements",),
            "reporting": ("/v1/reports", "/portal"),
        }
        for service, prefixes in owners.items():
            if path.startswith((*prefixes, f"/v1/log/{service}", f"/docs/{service}", f"/openapi/{service}")):
                return self.http[service]
        raise AssertionError(f"no service serves {path}")


def free_ports(count: int) -> list[int]:
    """Ports nobody has now; held together until all are known."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextmanager
def process(words: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is asked to stop with SIGINT, as Ctrl-C does, and must do so within seconds."""
    with log.open("wb") as sink:
        child = subprocess.Popen(words, env={**os.environ, **environment}, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
                try:
                    child.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
                    raise AssertionError(f"{words} did not stop within 20 s of SIGINT:\n{log.read_text()[-3000:]}") from None


def wait_until_ready(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once /readyz answers 200; fails with the log's end otherwise."""
    deadline = time.monotonic() + PATIENCE_S
    said = ""
    while time.monotonic() < deadline:
        assert child.poll() is None, f"the process ended with {child.returncode}:\n{log.read_text()[-4000:]}"
        try:
            answer = HTTP.get(f"{url}/readyz", timeout=2)
            if answer.status_code == 200:
                return
            said = answer.text
        except httpx2.HTTPError as error:
            said = repr(error)
        time.sleep(0.1)
    raise AssertionError(f"{url} was not ready within {PATIENCE_S} s: {said}\n{log.read_text()[-4000:]}")


@contextmanager
def folder() -> Iterator[Path]:
    """A data folder with a short path."""
    path = Path(tempfile.mkdtemp(prefix="upheld-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def one_process(*, database_url: str = "", otlp_endpoint: str = "", data: Path | None = None) -> Iterator[Reach]:
    """`upheld up`: all services, one origin, a NATS server as its child."""
    with ExitStack() as stack:
        home = data or stack.enter_context(folder())
        http, grpc, nats = free_ports(3)
        environment = {
            "UPHELD_DATA": str(home),
            "UPHELD_DATABASE_URL": database_url,
            "UPHELD_HTTP_PORT": str(http),
            "UPHELD_GRPC_PORT": str(grpc),
            "UPHELD_NATS_PORT": str(nats),
            "UPHELD_OTLP_ENDPOINT": otlp_endpoint,
            "UPHELD_CLOSE_CHECK_EVERY_S": "1",
            "UPHELD_WITNESSES": str(home / "witnesses"),
        }
        (home / "witnesses").write_text(f"{WITNESS.witness_key}\n")
        log = home / "up.log"
        child = stack.enter_context(process([UPHELD, "up"], environment, log))
        url = f"http://127.0.0.1:{http}"
        wait_until_ready(url, child, log)
        yield Reach(
            http=dict.fromkeys(SERVICES, url),
            grpc=dict.fromkeys(SERVICES, f"127.0.0.1:{grpc}"),
            data=home,
            nats_url=f"nats://127.0.0.1:{nats}",
            environment=environment,
            processes={"up": child},
        )


@contextmanager
def four_processes(*, database_url: str = "", otlp_endpoint: str = "") -> Iterator[Reach]:
    """`upheld serve <service>` four times, a nats-server of its own between them."""
    with ExitStack() as stack:
        home = stack.enter_context(folder())
        nats, *ports = free_ports(1 + 2 * len(SERVICES))
        http = dict(zip(SERVICES, ports[: len(SERVICES)], strict=True))
        grpc = dict(zip(SERVICES, ports[len(SERVICES) :], strict=True))
        config = home / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{nats}"\njetstream {{ store_dir: "{home / "nats"}", sync_interval: always }}\n')
        broker = stack.enter_context(process([str(nats_server_path()), "--config", str(config)], {}, home / "nats.log"))
        shared = {
            "UPHELD_DATA": str(home),
            "UPHELD_DATABASE_URL": database_url,
            "UPHELD_NATS_URL": f"nats://127.0.0.1:{nats}",
            "UPHELD_OTLP_ENDPOINT": otlp_endpoint,
            "UPHELD_CLOSE_CHECK_EVERY_S": "1",
            **{f"UPHELD_{service.upper()}_ADDRESS": f"127.0.0.1:{port}" for service, port in grpc.items()},
            "UPHELD_MEASUREMENT_URL": f"http://127.0.0.1:{http['measurement']}",
        }
        children = {"nats": broker}
        for service in SERVICES:
            own = {**shared, "UPHELD_HTTP_PORT": str(http[service]), "UPHELD_GRPC_PORT": str(grpc[service])}
            children[service] = stack.enter_context(process([UPHELD, "serve", service], own, home / f"{service}.log"))
        for service in SERVICES:
            wait_until_ready(f"http://127.0.0.1:{http[service]}", children[service], home / f"{service}.log")
        yield Reach(
            http={service: f"http://127.0.0.1:{port}" for service, port in http.items()},
            grpc={service: f"127.0.0.1:{port}" for service, port in grpc.items()},
            data=home,
            nats_url=shared["UPHELD_NATS_URL"],
            environment=shared,
            processes=children,
        )
