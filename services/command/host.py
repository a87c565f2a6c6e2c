"""Composes services into one running process: all four for `upheld up`, one for `upheld serve`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

from services.chassis.clock import Clock
from services.chassis.service import Host, Platform, Service, platform
from services.chassis.settings import Settings

SERVICES = ("agreements", "measurement", "improvement", "reporting")


def composer(name: str) -> Callable[[Platform], Awaitable[Service]]:
    """The composition root of one service; imported only when it is asked for."""
    compose: Callable[[Platform], Awaitable[Service]] = import_module(f"services.{name}.__main__").compose
    return compose


@asynccontextmanager
async def running(names: Sequence[str], settings: Settings, clock: Clock | None = None) -> AsyncIterator[tuple[Host, Platform]]:
    """A started host and what its services share; stopped in order on the way out, whatever happened inside."""
    shared = await platform(settings, clock, name=names[0] if len(names) == 1 else "platform")
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
