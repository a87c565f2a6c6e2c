"""Composes services into one running process: all four for `upheld up`, one for `upheld serve`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

from services.chassis.clock import Clock
from services.chassis.service import Host, Platform, Service, platform
from services.chassis.settings import Settings
from services.chassis.telemetry import log
from services.command.environment import unknown_variables

SERVICES = ("agreements", "measurement", "improvement", "reporting")

_log = log("host")


def composer(name: str) -> Callable[[Platform], Awaitable[Service]]:
    """The composition root of one service; imported only when it is asked for."""
    compose: Callable[[Platform], Awaitable[Service]] = import_module(f"services.{name}.__main__").compose
    return compose


@asynccontextmanager
async def running(names: Sequence[str], settings: Settings, clock: Clock | None = None) -> AsyncIterator[tuple[Host, Platform]]:
    """A started host and what its services share; stopped in order on the way out, whatever happened inside.

    Warns of UPHELD_* variables that nobody reads, all the more when it cannot start.
    """
    try:
        shared = await platform(settings, clock, name=names[0] if len(names) == 1 else "platform")
    finally:
        for stranger in unknown_variables(os.environ):
            _log.warning("a variable that is no setting", variable=stranger.name, nearest=stranger.nearest)
    try:
        host = Host([await composer(service)(shared) for service in names], shared)
    except BaseException:
        await shared.close()
        raise
    try:
        await host.start()
        yield host, shared
    finally:
        await host.stop()


async def serve(names: Sequence[str], settings: Settings, clock: Clock | None, ready: Callable[[Platform], None]) -> None:
    """Runs until SIGINT or SIGTERM; `ready` is called once everything listens."""
    async with running(names, settings, clock) as (host, shared):
        ready(shared)
        await host.serve_until_stopped()
