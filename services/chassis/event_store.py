"""The event store of a service: its streams, its log, and what requests and deliveries led to. Never changes or removes an event."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, StoredEvent

from services.chassis.clock import SystemClock
from services.chassis.context import Context, Delivery, Request
from services.chassis.event_log import NEWEST, READERS, Append, Clash, Log, Outcome, Row, Statement, open_log
from services.chassis.events import Metadata, Recorded, Registry
from services.chassis.people import NotAtHand, People
from services.chassis.settings import Settings
from services.vocabulary.errors import Conflict, StaleVersion, Unavailable
from services.vocabulary.period import instant_of, instant_text

E = TypeVar("E")
T = TypeVar("T")
S = TypeVar("S")

_GROUP = 256
_TOLD_FOR_S = 5.0

# What the two databases say, and what it means; of anything else it is only known that it does not answer. SQLite tells an I/O error, too,
# where the file that its connections share finds no room.
_MEANINGS = {
    "disk is full": "cannot be written now: the disk is full",
    "No space left on device": "cannot be written now: the disk is full",
    "disk I/O error": "cannot be written now: the disk is full, or fails",
    "database is locked": "cannot be written now: another writer holds it",
    "lock timeout": "cannot be written now: another writer holds it",
}

_REMEMBER_EVENT = "INSERT INTO {0}stored_event_ids VALUES (?, ?, ?)"
_REMEMBER_REQUEST = "INSERT INTO {0}stored_requests VALUES (?, ?, ?, ?)"
_REMEMBER_DELIVERY = "INSERT INTO {0}stored_inbox VALUES (?, ?, ?, ?, ?)"
_FIND_EVENT = "SELECT stream, version FROM {0}stored_event_ids WHERE event_id = ?"
_FIND_REQUEST = "SELECT fingerprint, stream, version FROM {0}stored_requests WHERE key = ?"
_FIND_DELIVERY = "SELECT position FROM {0}stored_inbox WHERE consumer = ? AND event_id = ?"
_WATERMARK = "SELECT MAX(position) FROM {0}stored_inbox WHERE consumer = ? AND source = ?"
_STREAM = (
    "SELECT {1}, originator_version, topic, state FROM {0}stored_events "
    "WHERE originator_id = ? AND originator_version > ? AND originator_version <= ? ORDER BY originator_version"
)
_LOG = "SELECT {1}, originator_id, originator_version, topic, state FROM {0}stored_events WHERE {1} > ? ORDER BY {1} LIMIT ?"
_ANY_VERSION = 2**62


class AlreadyHandled(Exception):
    """The inbox has this delivery: its effect is in the log, or it had none."""


class AlreadyAnswered(Exception):
    """The request's key has led to events before; ask `answered` where."""


class RestsOnThePast(Exception):
    """A stream that the events were decided by has moved on: they must be decided anew."""


class RequestKeyReused(Conflict):
    """The same idempotency key came with another input."""

    code = "idempotency-key-reused"


class StoredBytes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as it lies in the database: `content` is what was written, byte for byte."""

    position: int
    stream: UUID
    version: int
    name: str
    content: bytes


class EventStore(Generic[E]):
    """One service's events. A stream's versions start at 1, the log's positions grow in commit order. An outage raises `Unavailable`.

    The names of people are stored as tokens, and told as names as long as their keys are kept.
    """

    def __init__(self, service: str, log: Log, registry: Registry[E], people: People) -> None:
        self.people = people
        self._service = service
        self._log = log
        self._registry = registry
        self._callbacks: list[Callable[[int], None]] = []
        self._failed: tuple[float, str] | None = None
        self._savers = _Savers(service, log)
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix=f"{service}-events-read")

    @classmethod
    def open(cls, service: str, settings: Settings, registry: Registry[E]) -> EventStore[E]:
        """Creates what is missing. Blocks. Raises `Unavailable` when the database cannot be reached."""
        return cls(service, open_log(service, settings), registry, People.open(service, settings))

    def narrowed(self) -> EventStore[Any]:
        """The same store, for the streams of one kind among its events."""
        return self

    async def load(
        self, stream: UUID, *, after_version: int = 0, up_to_version: int | None = None, known_at: datetime | None = None
    ) -> list[Recorded[E]]:
        """The stream's events in order, up to the first that was recorded after `known_at`; none: there is no such stream."""
        return await self._off_loop(lambda: list(self._loaded(stream, after_version, up_to_version, known_at)))

    async def fold(
        self,
        stream: UUID,
        evolve: Callable[[S | None, Recorded[E]], S],
        *,
        up_to_version: int | None = None,
        known_at: datetime | None = None,
    ) -> tuple[S | None, int]:
        """What `evolve` makes of what `load` tells, and the last version in it; (None, 0): there is none. Works off the event loop."""

        def folded() -> tuple[S | None, int]:
            state, version = None, 0
            with closing(self._loaded(stream, 0, up_to_version, known_at)) as loaded:
                for recorded in loaded:
                    state, version = evolve(state, recorded), recorded.version
            return state, version

        return await self._off_loop(folded)

    async def append(
        self, stream: UUID, *, expected_version: int, events: Sequence[E], context: Context, resting_on: Mapping[UUID, int] | None = None
    ) -> list[Recorded[E]]:
        """Stores the events after `expected_version` (0: a new stream) with the request's and the delivery's row, all or nothing.

        `resting_on`: other streams that are still at these versions when the events are stored. Raises `StaleVersion`, `RestsOnThePast`,
        `AlreadyHandled` and `AlreadyAnswered`. An attempt whose commit went through though the connection broke is recognised by its event
        ids and answered as the success it was.
        """
        assert events, "nothing to append"
        prepared = self._prepared(stream, expected_version, events, context)
        stored = await self._stored(prepared, context)
        wanted = Append(
            stream=stream,
            expected_version=expected_version,
            events=stored,
            rows=_rows(prepared, context),
            resting_on=resting_on or {},
        )
        outcome = await self._save(wanted)
        if isinstance(outcome, Exception):
            appended = await self._off_loop(lambda: self._accounted_for(prepared, context, wanted, outcome))
        else:
            appended = [msgspec.structs.replace(each, position=at) for each, at in zip(prepared, outcome, strict=True)]
        for callback in self._callbacks:
            callback(appended[-1].position)
        return appended

    async def read(self, *, after: int, limit: int) -> list[Recorded[E]]:
        """The log in commit order. What is missing between two positions was never committed, and never will be."""
        return await self._off_loop(lambda: self._read(after, limit))

    async def read_bytes(self, *, after: int, limit: int) -> list[StoredBytes]:
        """As `read`, and decodes nothing."""
        return await self._off_loop(lambda: list(self._bytes_after(after, limit)))

    async def load_bytes(self, stream: UUID) -> list[StoredBytes]:
        """As `load`, and decodes nothing."""
        return await self._off_loop(lambda: list(self._bytes_of(stream)))

    async def stream_keys(self, stream: UUID, stored: Sequence[StoredBytes]) -> dict[str, bytes]:
        """By the ids of people, what opens their names in the stream's events; of those who were erased, nothing."""
        return await self._off_loop(lambda: self.people.stream_keys(stream, (each.content for each in stored)))

    async def holding(self, text: str) -> int:
        """How many stored events hold this text, byte for byte."""
        return await self._off_loop(lambda: self._log.holding(text.encode()))

    async def naming(self, organisation: str, subject: str) -> int:
        """How many stored events name them as plain text as who acted: events of the time before names were hidden."""
        who = msgspec.json.encode({"actor": subject, "organisation": organisation}).decode()
        return await self.holding(who.strip("{}"))

    async def last_position(self) -> int:
        """0: the log is empty."""
        return await self._off_loop(self._log.max_notification_id) or 0

    async def answered(self, request: Request) -> tuple[UUID, int] | None:
        """The stream and version the key led to. Raises `RequestKeyReused` when it came with another input then."""
        for fingerprint, stream, version in await self._rows(_FIND_REQUEST, request.key):
            if fingerprint != request.fingerprint:
                raise RequestKeyReused("this idempotency key was used before with another input")
            return UUID(stream), version
        return None

    async def handled(self, delivery: Delivery) -> bool:
        return bool(await self._rows(_FIND_DELIVERY, delivery.consumer, delivery.event_id))

    async def watermark(self, consumer: str, source: str) -> int:
        """The highest handled position of the source's log; 0: none."""
        ((position,),) = await self._rows(_WATERMARK, consumer, source)
        return position or 0

    async def mark_handled(self, delivery: Delivery) -> bool:
        """For a delivery without effect. False: it was handled before."""
        outcome = await self._save(Append(stream=UUID(int=0), expected_version=0, events=(), rows=[_delivery_row(delivery)]))
        return not isinstance(outcome, Clash)

    def on_append(self, callback: Callable[[int], None]) -> None:
        """The callback gets the last position of every append through this object, on the event loop."""
        self._callbacks.append(callback)

    def on_erased(self, callback: Callable[[], None]) -> None:
        """The callback is called, on any thread, when somebody was erased: what was loaded before may hold a name."""
        self.people.on_erased(callback)

    async def check(self) -> str:
        """For `Service.checks`: "" while the database answers and the last append that failed is seconds ago, else what is missing."""
        try:
            await self.last_position()
        except Unavailable as missing:
            return missing.message
        failed_at, reason = self._failed or (0.0, "")
        return reason if time.monotonic() < failed_at + _TOLD_FOR_S else ""

    async def close(self) -> None:
        """Waits for the work that runs."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reading.shutdown()
        self._savers.close()
        self._log.close()
        self.people.close()

    async def _off_loop(self, work: Callable[[], T]) -> T:
        with self._outages():
            return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    async def _save(self, wanted: Append) -> Outcome:
        try:
            with self._outages():
                outcome = await self._savers.save(wanted)
        except Unavailable as missing:
            self._failed = time.monotonic(), missing.message
            raise
        self._failed = None
        return outcome

    async def _rows(self, statement: str, *params: object) -> list[Row]:
        return await self._off_loop(lambda: self._log.rows(statement, *params))

    @contextmanager
    def _outages(self) -> Iterator[None]:
        try:
            yield
        except (InterfaceError, OperationalError, sqlite3.OperationalError, psycopg.OperationalError) as error:
            meant = (meaning for said, meaning in _MEANINGS.items() if said in str(error))
            raise Unavailable(f"the event store of {self._service} {next(meant, 'cannot be reached now')}") from error

    def _loaded(self, stream: UUID, after_version: int, up_to_version: int | None, known_at: datetime | None) -> Generator[Recorded[E]]:
        up_to = _ANY_VERSION if up_to_version is None else up_to_version
        unpack, personal = self._registry.unpack, self._registry.personal
        names, opened = self.people.names(stream), self.people.opened
        with closing(self._log.each(_STREAM, self._log.key(stream), after_version, up_to)) as rows:
            for position, version, stored_as, content in rows:
                name, event, metadata = unpack(stored_as, content)
                # The clocks of two replicas may disagree; what followed on an unknown fact cannot be known before it.
                if known_at is not None and datetime.fromisoformat(metadata.recorded_at) > known_at:
                    return
                event = opened(names, event, metadata, personal.get(type(event)))
                yield Recorded(position=position, stream=stream, version=version, type=name, event=event, metadata=metadata)

    def _read(self, after: int, limit: int) -> list[Recorded[E]]:
        return [self._recorded(each) for each in self._bytes_after(after, limit)]

    def _bytes_after(self, after: int, limit: int) -> Iterator[StoredBytes]:
        for position, stream, version, name, content in self._log.rows(_LOG, after, limit):
            yield StoredBytes(position=position, stream=_uuid(stream), version=version, name=name, content=content)

    def _bytes_of(self, stream: UUID) -> Iterator[StoredBytes]:
        for position, version, name, content in self._log.rows(_STREAM, self._log.key(stream), 0, _ANY_VERSION):
            yield StoredBytes(position=position, stream=stream, version=version, name=name, content=content)

    def _recorded(self, stored: StoredBytes) -> Recorded[E]:
        name, event, metadata = self._registry.unpack(stored.name, stored.content)
        event = self.people.opened(self.people.names(stored.stream), event, metadata, self._registry.personal.get(type(event)))
        return Recorded(position=stored.position, stream=stored.stream, version=stored.version, type=name, event=event, metadata=metadata)

    def _prepared(self, stream: UUID, expected_version: int, events: Sequence[E], context: Context) -> list[Recorded[E]]:
        recorded_at = instant_text(instant_of(context.recorded_at))
        return [
            Recorded(
                position=0,
                stream=stream,
                version=version,
                type=self._registry.name_of(event),
                event=event,
                metadata=_metadata(context, recorded_at),
            )
            for version, event in enumerate(events, start=expected_version + 1)
        ]

    def _accounted_for(self, prepared: Sequence[Recorded[E]], context: Context, wanted: Append, refused: Exception) -> list[Recorded[E]]:
        """What an earlier attempt of ours stored; else raises why this append cannot be."""
        first, last = prepared[0], prepared[-1]
        if self._is_stored(first):
            return list(self._loaded(first.stream, first.version - 1, last.version, None))
        if context.delivery is not None and self._log.rows(_FIND_DELIVERY, context.delivery.consumer, context.delivery.event_id):
            raise AlreadyHandled(context.delivery.event_id)
        if context.request is not None and self._log.rows(_FIND_REQUEST, context.request.key):
            raise AlreadyAnswered(context.request.key)
        newest = self._newest(first.stream)
        if isinstance(refused, Clash) and newest != wanted.expected_version:
            raise StaleVersion(expected=wanted.expected_version, actual=newest)
        if isinstance(refused, Clash) and any(self._newest(stream) != version for stream, version in wanted.resting_on.items()):
            raise RestsOnThePast
        raise refused

    def _newest(self, stream: UUID) -> int:
        ((newest,),) = self._log.rows(NEWEST, self._log.key(stream))
        return newest or 0

    def _is_stored(self, recorded: Recorded[E]) -> bool:
        rows = self._log.rows(_FIND_EVENT, recorded.metadata.event_id)
        return any(UUID(stream) == recorded.stream and version == recorded.version for stream, version in rows)

    async def _stored(self, prepared: Sequence[Recorded[E]], context: Context) -> list[StoredEvent]:
        try:
            return [self._hidden(each, context, at_hand=True) for each in prepared]
        except NotAtHand:
            return await self._off_loop(lambda: [self._hidden(each, context, at_hand=False) for each in prepared])

    def _hidden(self, recorded: Recorded[E], context: Context, *, at_hand: bool) -> StoredEvent:
        marks = self._registry.personal.get(type(recorded.event))
        event, metadata = self.people.hidden(recorded.stream, recorded.event, recorded.metadata, context, marks=marks, at_hand=at_hand)
        state = self._registry.pack(event, metadata)
        return StoredEvent(originator_id=recorded.stream, originator_version=recorded.version, topic=recorded.type, state=state)


@dataclass(frozen=True)
class _Saver:
    wanted: Append
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Outcome]


class _Savers:
    """Who waits while a transaction runs shares the next one, and its sync."""

    def __init__(self, service: str, log: Log) -> None:
        self._log = log
        self._writing = ThreadPoolExecutor(1, thread_name_prefix=f"{service}-events-write")
        self._lock = Lock()
        self._waiting: list[_Saver] = []
        self._at_work = False

    async def save(self, wanted: Append) -> Outcome:
        """Answers after the commit. Raises the log's errors."""
        loop = asyncio.get_running_loop()
        saver = _Saver(wanted, loop, loop.create_future())
        with self._lock:
            if not self._at_work:
                loop.call_soon(self._writing.submit, self._work)  # after those who are about to save as well
                self._at_work = True
            self._waiting.append(saver)
        return await saver.answer

    def close(self) -> None:
        """Waits until nobody waits."""
        self._writing.shutdown()

    def _work(self) -> None:
        while group := self._next_group():
            try:
                outcomes: Sequence[Outcome] | Exception = self._log.append([saver.wanted for saver in group])
            except Exception as error:
                outcomes = error
            for loop in {saver.loop for saver in group}:
                with suppress(RuntimeError):  # a loop that is closed has nobody who waits
                    loop.call_soon_threadsafe(_answer, group, outcomes, loop)

    def _next_group(self) -> list[_Saver]:
        with self._lock:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            self._at_work = bool(group)
        return group


def _answer(group: Sequence[_Saver], outcomes: Sequence[Outcome] | Exception, loop: asyncio.AbstractEventLoop) -> None:
    """On the loop: tells those savers of the group who wait there."""
    for number, saver in enumerate(group):
        if saver.loop is not loop or saver.answer.done():
            continue
        if isinstance(outcomes, Exception):
            saver.answer.set_exception(outcomes)
        else:
            saver.answer.set_result(outcomes[number])


@lru_cache(maxsize=4096)
def _uuid(key: UUID | str) -> UUID:
    return UUID(key) if isinstance(key, str) else key


def _metadata(context: Context, recorded_at: str) -> Metadata:
    return Metadata(
        event_id=str(_event_id()),
        recorded_at=recorded_at,
        actor=context.caller.subject,
        organisation=context.caller.organisation,
        reason=context.reason,
        tool=context.tool,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        traceparent=context.traceparent,
    )


def _event_id() -> UUID:
    """UUIDv7 (RFC 9562): ids made together lie together in the index, so a group of appends writes few of its pages."""
    milliseconds, chance = time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10))
    return UUID(int=milliseconds << 80 | 7 << 76 | (chance >> 68 << 64) | 2 << 62 | chance & (1 << 62) - 1)


def _rows(prepared: Sequence[Recorded[Any]], context: Context) -> list[Statement]:
    last = prepared[-1]
    rows: list[Statement] = []
    if context.delivery is not None:
        rows.append(_delivery_row(context.delivery))
    if context.request is not None:
        rows.append((_REMEMBER_REQUEST, (context.request.key, context.request.fingerprint, str(last.stream), last.version)))
    rows.extend((_REMEMBER_EVENT, (each.metadata.event_id, str(each.stream), each.version)) for each in prepared)
    return rows


def _delivery_row(delivery: Delivery) -> Statement:
    handled_at = instant_text(instant_of(SystemClock().now()))
    return _REMEMBER_DELIVERY, (delivery.consumer, delivery.event_id, delivery.source, delivery.position, handled_at)
