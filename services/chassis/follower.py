"""The one reader of a service's log, which feeds relay and projections. Never skips an event, and never holds up one sink for another."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from services.chassis.database import TRACKING, Database, upsert
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.vocabulary.errors import Refusal, Unavailable

_BATCH = 500
_WINDOW = 5_000
_LEAST_BACK_OFF_S = 0.05
_LONGEST_BACK_OFF_S = 10.0
_IDLE_CHECK_EVERY_S = 2.0

_log = structlog.get_logger("services.chassis.follower")


class Sink(Protocol):
    """Takes the log's events in order. `position` is the last one taken for good (0: none); it is asked at the start, after a failure,
    and every two seconds while idle, so a sink that lost what it had just answers a lower one."""

    @property
    def name(self) -> str: ...

    async def position(self) -> int: ...

    async def take(self, batch: Sequence[Recorded[Any]]) -> None: ...


class Projection:
    """A read model: rows and position change in one transaction, so an event is applied once however often it is taken."""

    def __init__(self, name: str, database: Database, apply: Callable[[Connection, Recorded[Any]], None]) -> None:
        self.name = name
        self._database = database
        self._apply = apply

    async def position(self) -> int:
        return await self._database.read(lambda connection: connection.execute(self._tracked).scalar() or 0)

    async def take(self, batch: Sequence[Recorded[Any]]) -> None:
        """Applies what lies behind the tracked position, and nothing that lies before it."""
        await self._database.write(lambda connection: self._apply_new(connection, batch))

    @property
    def _tracked(self) -> sa.Select[int]:
        return sa.select(TRACKING.c.position).where(TRACKING.c.name == self.name)

    def _apply_new(self, connection: Connection, batch: Sequence[Recorded[Any]]) -> None:
        upsert(TRACKING, connection, {"name": self.name, "position": 0}, key=["name"], overwrite=False)
        applied = connection.execute(self._tracked.with_for_update()).scalar_one()
        fresh = [recorded for recorded in batch if recorded.position > applied]
        for recorded in fresh:
            self._apply(connection, recorded)
        if fresh:
            upsert(TRACKING, connection, {"name": self.name, "position": fresh[-1].position}, key=["name"])


@dataclass
class _Progress:
    """How far a sink is; `error` is empty when its last attempt went well."""

    position: int | None = None
    error: str = ""


class Follower:
    """A Runner. Events reach the sinks as soon as this process appends them, and within `poll_every_s` from elsewhere."""

    def __init__(self, service: str, store: EventStore[Any], sinks: Sequence[Sink], *, poll_every_s: float = 0.5) -> None:
        assert len({sink.name for sink in sinks}) == len(sinks), "sinks need names of their own"
        self.name = f"{service}-follower"
        self._store = store
        self._sinks = tuple(sinks)
        self._poll_every_s = poll_every_s
        self._progress = {sink.name: _Progress() for sink in sinks}
        self._window: list[Recorded[Any]] = []
        self._window_after = 0
        self._head = 0
        self._poked = asyncio.Event()
        self._changed = asyncio.Condition()
        self._outdated = False
        store.on_append(lambda _: self._poked.set())
        store.on_erased(self._forget)

    async def run(self) -> None:
        """Until cancelled."""
        self._window_after = self._head = await self._store.last_position()
        self._window = []
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_ahead())
            for sink in self._sinks:
                group.create_task(self._feed(sink))

    async def caught_up(self, position: int, *, sink: str | None = None, timeout_s: float = 10) -> None:
        """Waits until the sink, or every sink, has taken everything up to the position. Raises `Unavailable` when that takes too long."""
        awaited = [self._progress[sink]] if sink is not None else list(self._progress.values())
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: all((progress.position or 0) >= position for progress in awaited))
        except TimeoutError:
            raise Unavailable(f"{sink or self.name} has not reached position {position} of the log within {timeout_s} s") from None

    @property
    def lag(self) -> dict[str, int]:
        """How many positions of the log each sink still has to take; a sink that reads the store itself may be ahead of the window."""
        taken = {name: progress.position or 0 for name, progress in self._progress.items()}
        head = max([self._head, *taken.values()])
        return {name: head - position for name, position in taken.items()}

    @property
    def failing(self) -> dict[str, str]:
        """What went wrong with the sinks whose last attempt failed."""
        return {name: progress.error for name, progress in self._progress.items() if progress.error}

    async def _read_ahead(self) -> None:
        back_off = _BackOff()
        while True:
            self._poked.clear()
            try:
                fresh = await self._store.read(after=self._head, limit=_BATCH)
            except Exception as error:
                await back_off.wait_after(error, sink="log")
                continue
            back_off.succeeded()
            if fresh:
                await self._extend_window(fresh)
            else:
                await _set_or_timed_out(self._poked, self._poll_every_s)

    def _forget(self) -> None:
        """What was read ahead may hold the name of somebody who was erased: it is read again."""
        self._outdated = True

    def _refresh(self) -> None:
        if self._outdated:
            self._window, self._window_after, self._outdated = [], self._head, False

    async def _extend_window(self, fresh: Sequence[Recorded[Any]]) -> None:
        async with self._changed:
            self._refresh()
            self._window.extend(fresh)
            if len(self._window) > 2 * _WINDOW:
                self._window_after = self._window[-_WINDOW - 1].position
                self._window = self._window[-_WINDOW:]
            self._head = fresh[-1].position
            self._changed.notify_all()

    async def _feed(self, sink: Sink) -> None:
        progress, back_off = self._progress[sink.name], _BackOff()
        progress.position = None
        while True:
            try:
                if progress.position is None:  # that it can be asked does not mean that it takes: the back-off grows on
                    await self._reached(progress, await sink.position())
                    continue
                if batch := await self._after(progress.position):
                    await sink.take(batch)
                    await self._reached(progress, batch[-1].position)
                else:
                    progress.position = await self._idle(sink, progress.position)
                progress.error = ""
                back_off.succeeded()
            except Exception as error:
                progress.position, progress.error = None, str(error) or type(error).__name__
                await back_off.wait_after(error, sink=sink.name)

    async def _reached(self, progress: _Progress, position: int) -> None:
        async with self._changed:
            progress.position = position
            self._changed.notify_all()

    async def _after(self, position: int) -> Sequence[Recorded[Any]]:
        """The next events after a position, none when there are none yet."""
        self._refresh()
        if position >= self._head:
            return ()
        if position < self._window_after:
            return await self._store.read(after=position, limit=_BATCH)
        start = bisect_right(self._window, position, key=lambda recorded: recorded.position)
        return self._window[start : start + _BATCH]

    async def _idle(self, sink: Sink, position: int) -> int:
        """Waits for news; where none come, asks the sink again where it is."""
        try:
            async with asyncio.timeout(_IDLE_CHECK_EVERY_S), self._changed:
                await self._changed.wait_for(lambda: self._head > position)
        except TimeoutError:
            return await sink.position()
        return position


class _BackOff:
    """Waits twice as long after each failure in a row."""

    def __init__(self) -> None:
        self._next_s = _LEAST_BACK_OFF_S

    def succeeded(self) -> None:
        self._next_s = _LEAST_BACK_OFF_S

    async def wait_after(self, error: Exception, *, sink: str) -> None:
        _log.warning(
            "sink failed, will try again",
            sink=sink,
            wait_s=self._next_s,
            error=str(error),
            exc_info=None if isinstance(error, Refusal) else error,
        )
        await asyncio.sleep(self._next_s)
        self._next_s = min(2 * self._next_s, _LONGEST_BACK_OFF_S)


async def _set_or_timed_out(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
