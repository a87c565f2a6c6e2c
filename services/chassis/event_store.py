"""The event store of a service, on the eventsourcing library's recorders: SQLite or PostgreSQL. Never changes or removes an event.

Beside the library's table of events there are three, written in the same transaction: `stored_event_ids` keeps ids unique and tells a
repeated attempt of ours from another's (a table of its own, so that the library's table and statements stay as they are),
`stored_requests` remembers what an idempotency key led to, `stored_inbox` which deliveries were handled.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid4

import msgspec
import psycopg
from eventsourcing.persistence import InterfaceError, Notification, OperationalError, RecordConflictError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteTransaction,
)
from psycopg import Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow

from services.chassis.clock import SystemClock
from services.chassis.context import Context, Delivery, Request
from services.chassis.database import prepared_schema, schema_of
from services.chassis.events import Metadata, Recorded, Registry
from services.chassis.settings import Settings
from services.vocabulary.errors import Conflict, StaleVersion, Unavailable
from services.vocabulary.period import instant_of, instant_text

E = TypeVar("E")
T = TypeVar("T")
Statement = tuple[str, tuple[object, ...]]

_READERS = 4
_POSTGRES_WRITERS = 4
_BUSY_TIMEOUT_S = 10

# {0} is the schema's prefix, ? a parameter; both databases read the rest alike.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS {0}stored_event_ids (event_id TEXT PRIMARY KEY, stream TEXT NOT NULL, version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {0}stored_requests "
    "(key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {0}stored_inbox (consumer TEXT NOT NULL, event_id TEXT NOT NULL, source TEXT NOT NULL, "
    "position BIGINT NOT NULL, handled_at TEXT NOT NULL, PRIMARY KEY (consumer, event_id))",
    "CREATE INDEX IF NOT EXISTS stored_inbox_watermark ON {0}stored_inbox (consumer, source, position)",
)
_REMEMBER_EVENT = "INSERT INTO {0}stored_event_ids VALUES (?, ?, ?)"
_REMEMBER_REQUEST = "INSERT INTO {0}stored_requests VALUES (?, ?, ?, ?)"
_REMEMBER_DELIVERY = "INSERT INTO {0}stored_inbox VALUES (?, ?, ?, ?, ?)"
_FIND_EVENT = "SELECT stream, version FROM {0}stored_event_ids WHERE event_id = ?"
_FIND_REQUEST = "SELECT fingerprint, stream, version FROM {0}stored_requests WHERE key = ?"
_FIND_DELIVERY = "SELECT position FROM {0}stored_inbox WHERE consumer = ? AND event_id = ?"
_WATERMARK = "SELECT MAX(position) AS position FROM {0}stored_inbox WHERE consumer = ? AND source = ?"
_NEWEST = "SELECT MAX(originator_version) AS version FROM {0}stored_events WHERE originator_id = ?"
_STREAM = (
    "SELECT {1} AS position, originator_version, topic, state FROM {0}stored_events "
    "WHERE originator_id = ? AND originator_version > ? AND originator_version <= ? ORDER BY originator_version"
)
_ANY_VERSION = 2**62


class AlreadyHandled(Exception):
    """The inbox has this delivery: its effect is in the log, or it had none."""


class AlreadyAnswered(Exception):
    """The request's key has led to events before; ask `answered` where."""


class RequestKeyReused(Conflict):
    """The same idempotency key came with another input."""

    code = "idempotency-key-reused"


class Log(Protocol):
    """The recorder of either database, as the store uses it. `writers` is how many may append at once."""

    writers: int

    def insert_events(self, stored_events: Sequence[StoredEvent], *, rows: Sequence[Statement]) -> Sequence[int] | None: ...
    def select_notifications(self, start: int | None, limit: int, *, inclusive_of_start: bool = ...) -> Sequence[Notification]: ...
    def max_notification_id(self) -> int | None: ...
    def key(self, stream: UUID) -> object: ...
    def rows(self, statement: str, *params: object) -> list[Any]: ...
    def execute(self, statement: str, *params: object) -> int: ...
    def close(self) -> None: ...


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    metadata: Metadata
    event: msgspec.Raw


class EventStore(Generic[E]):
    """One service's events. A stream's versions start at 1, the log's positions grow in commit order. An outage raises `Unavailable`."""

    def __init__(self, service: str, log: Log, registry: Registry[E]) -> None:
        self._service = service
        self._log = log
        self._registry = registry
        self._callbacks: list[Callable[[int], None]] = []
        self._envelopes = msgspec.json.Decoder(_Envelope)
        self._writing = ThreadPoolExecutor(log.writers, thread_name_prefix=f"{service}-events-write")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix=f"{service}-events-read")

    @classmethod
    def open(cls, service: str, settings: Settings, registry: Registry[E]) -> EventStore[E]:
        """Creates what is missing. Blocks. Raises `Unavailable` when the database cannot be reached."""
        return cls(service, open_log(service, settings), registry)

    async def load(self, stream: UUID, *, up_to_version: int | None = None, known_at: datetime | None = None) -> list[Recorded[E]]:
        """The stream's events in order, up to the first that was recorded after `known_at`; none: there is no such stream."""
        loaded = await self._run(self._reading, self._load, stream, 0, _ANY_VERSION if up_to_version is None else up_to_version)
        if known_at is None:
            return loaded
        # The clocks of two replicas may disagree; what followed on an unknown fact cannot be known before it.
        return list(takewhile(lambda recorded: datetime.fromisoformat(recorded.metadata.recorded_at) <= known_at, loaded))

    async def append(self, stream: UUID, *, expected_version: int, events: Sequence[E], context: Context) -> list[Recorded[E]]:
        """Stores the events after `expected_version` (0: a new stream) with the request's and the delivery's row, all or nothing.

        Raises `StaleVersion`, `AlreadyHandled` and `AlreadyAnswered`. An attempt whose commit went through though the connection broke is
        recognised by its event ids and answered as the success it was.
        """
        assert events, "nothing to append"
        appended = await self._run(self._writing, self._append, stream, expected_version, events, context)
        for callback in self._callbacks:
            callback(appended[-1].position)
        return appended

    async def read(self, *, after: int, limit: int) -> list[Recorded[E]]:
        """The log in commit order. What is missing between two positions was never committed, and never will be."""
        return await self._run(self._reading, self._read, after, limit)

    async def last_position(self) -> int:
        """0: the log is empty."""
        return await self._run(self._reading, self._log.max_notification_id) or 0

    async def answered(self, request: Request) -> tuple[UUID, int] | None:
        """The stream and version the key led to. Raises `RequestKeyReused` when it came with another input then."""
        rows = await self._run(self._reading, self._log.rows, _FIND_REQUEST, request.key)
        if not rows:
            return None
        if rows[0]["fingerprint"] != request.fingerprint:
            raise RequestKeyReused("this idempotency key was used before with another input")
        return UUID(rows[0]["stream"]), rows[0]["version"]

    async def handled(self, delivery: Delivery) -> bool:
        return bool(await self._run(self._reading, self._log.rows, _FIND_DELIVERY, delivery.consumer, delivery.event_id))

    async def watermark(self, consumer: str, source: str) -> int:
        """The highest handled position of the source's log; 0: none."""
        rows = await self._run(self._reading, self._log.rows, _WATERMARK, consumer, source)
        return rows[0]["position"] or 0

    async def mark_handled(self, delivery: Delivery) -> bool:
        """For a delivery without effect. False: it was handled before."""
        statement, params = _delivery_row(delivery)
        return await self._run(self._writing, self._log.execute, f"{statement} ON CONFLICT DO NOTHING", *params) == 1

    def on_append(self, callback: Callable[[int], None]) -> None:
        """The callback gets the last position of every append through this object, on the event loop."""
        self._callbacks.append(callback)

    async def check(self) -> str:
        """For `Service.checks`: "" while the database answers, else what is missing."""
        try:
            await self.last_position()
        except Unavailable as missing:
            return missing.message
        return ""

    async def close(self) -> None:
        """Waits for the work that runs."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.shutdown()
        self._log.close()

    async def _run(self, executor: Executor, work: Callable[..., T], *args: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, partial(work, *args))
        except (InterfaceError, OperationalError, sqlite3.OperationalError, psycopg.OperationalError) as error:
            raise Unavailable(f"the event store of {self._service} cannot be reached now") from error

    def _load(self, stream: UUID, after: int, up_to: int) -> list[Recorded[E]]:
        rows = self._log.rows(_STREAM, self._log.key(stream), after, up_to)
        return [self._recorded(row["position"], stream, row["originator_version"], row["topic"], bytes(row["state"])) for row in rows]

    def _read(self, after: int, limit: int) -> list[Recorded[E]]:
        found = self._log.select_notifications(after, limit, inclusive_of_start=False)
        return [self._recorded(each.id, _uuid(each), each.originator_version, each.topic, each.state) for each in found]

    def _recorded(self, position: int, stream: UUID, version: int, name: str, state: bytes) -> Recorded[E]:
        envelope = self._envelopes.decode(state)
        name, event = self._registry.decode(name, bytes(envelope.event))
        return Recorded(position=position, stream=stream, version=version, type=name, event=event, metadata=envelope.metadata)

    def _append(self, stream: UUID, expected_version: int, events: Sequence[E], context: Context) -> list[Recorded[E]]:
        prepared = [
            Recorded(
                position=0,
                stream=stream,
                version=version,
                type=self._registry.name_of(event),
                event=event,
                metadata=_metadata(context),
            )
            for version, event in enumerate(events, start=expected_version + 1)
        ]
        if self._newest_version(stream) != expected_version:
            self._refuse(stream, expected_version, context)
        try:
            positions = self._log.insert_events([self._stored(each) for each in prepared], rows=_rows(prepared, context))
        except RecordConflictError:
            if not self._is_stored(prepared[0]):
                self._refuse(stream, expected_version, context)
                raise
            return self._load(stream, expected_version, prepared[-1].version)
        assert positions is not None
        assert len(positions) == len(prepared)
        return [replace(each, position=at) for each, at in zip(prepared, positions, strict=True)]

    def _refuse(self, stream: UUID, expected_version: int, context: Context) -> None:
        """Raises the reason why this append cannot be, if it is one of ours."""
        if context.delivery is not None and self._log.rows(_FIND_DELIVERY, context.delivery.consumer, context.delivery.event_id):
            raise AlreadyHandled(context.delivery.event_id)
        if context.request is not None and self._log.rows(_FIND_REQUEST, context.request.key):
            raise AlreadyAnswered(context.request.key)
        newest = self._newest_version(stream)
        if newest != expected_version:
            raise StaleVersion(expected=expected_version, actual=newest)

    def _newest_version(self, stream: UUID) -> int:
        version: int | None = self._log.rows(_NEWEST, self._log.key(stream))[0]["version"]
        return version or 0

    def _is_stored(self, recorded: Recorded[E]) -> bool:
        rows = self._log.rows(_FIND_EVENT, recorded.metadata.event_id)
        return any(UUID(row["stream"]) == recorded.stream and row["version"] == recorded.version for row in rows)

    def _stored(self, recorded: Recorded[E]) -> StoredEvent:
        state = msgspec.json.encode({"metadata": recorded.metadata, "event": msgspec.Raw(self._registry.encode(recorded.event))})
        return StoredEvent(originator_id=recorded.stream, originator_version=recorded.version, topic=recorded.type, state=state)


def open_log(service: str, settings: Settings) -> Log:
    """The recorder the settings ask for, its tables made. Blocks. Raises `Unavailable` when the database cannot be reached."""
    if settings.database_url:
        return _open_postgresql(service, settings.database_url)
    return _open_sqlite(settings.data / f"{service}-events.sqlite")


def _uuid(notification: Notification) -> UUID:
    assert isinstance(notification.originator_id, UUID)
    return notification.originator_id


def _metadata(context: Context) -> Metadata:
    return Metadata(
        event_id=str(uuid4()),
        recorded_at=instant_text(instant_of(context.recorded_at)),
        actor=context.caller.subject,
        organisation=context.caller.organisation,
        reason=context.reason,
        tool=context.tool,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        traceparent=context.traceparent,
    )


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


class _SQLiteLog(SQLiteApplicationRecorder):
    """Positions are explicit and never used twice: a column that is the row id, AUTOINCREMENT."""

    writers = 1

    def __init__(self, datastore: _OneWriter) -> None:
        super().__init__(datastore)
        self.insert_events_statement = "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"

    def construct_create_table_statements(self) -> list[str]:
        return [
            "CREATE TABLE IF NOT EXISTS stored_events (rowid INTEGER PRIMARY KEY AUTOINCREMENT, originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, UNIQUE (originator_id, originator_version))",
            *(self._own(statement) for statement in _TABLES),
        ]

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], *, rows: Sequence[Statement] = (), **_: object
    ) -> Sequence[int] | None:
        for statement, params in rows:
            c.execute(self._own(statement), params)
        return super()._insert_events(c, stored_events)

    def key(self, stream: UUID) -> object:
        return stream.hex

    def rows(self, statement: str, *params: object) -> list[Any]:
        with self.datastore.transaction(commit=False) as c:
            c.execute(self._own(statement), params)
            return list(c.fetchall())

    def execute(self, statement: str, *params: object) -> int:
        with self.datastore.transaction(commit=True) as c:
            c.execute(self._own(statement), params)
            c.execute("SELECT changes()")
            return int(c.fetchone()[0])

    def close(self) -> None:
        self.datastore.close()

    def _own(self, statement: str) -> str:
        return statement.format("", "rowid")


class _OneWriter(SQLiteDatastore):
    """One connection writes and checkpoints, with BEGIN IMMEDIATE and `synchronous=FULL`; the pool's connections only read."""

    def __init__(self, path: Path) -> None:
        name = path.absolute().as_uri()
        super().__init__(name)
        self.pool = _Readers(db_name=name, lock_timeout=_BUSY_TIMEOUT_S, pool_size=_READERS)
        self._writer = SQLiteConnectionPool(db_name=name, lock_timeout=_BUSY_TIMEOUT_S)._create_connection()
        self._writer_lock = Lock()
        with closing(self._writer.cursor().sqlite_cursor) as cursor:
            cursor.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        if not commit:
            with super().transaction(commit=False) as cursor:
                yield cursor
            return
        with self._writer_lock, _ImmediateTransaction(self._writer, commit=True) as cursor, cursor:
            yield cursor

    def close(self) -> None:
        super().close()
        self._writer.close()


class _Readers(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        with closing(connection.cursor().sqlite_cursor) as cursor:
            cursor.execute("PRAGMA query_only=ON")
        return connection


class _ImmediateTransaction(SQLiteTransaction):
    """Takes the write lock at once; a commit that fails (a full disk) is rolled back, so that the connection can be used again."""

    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        return cursor

    def __exit__(self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None) -> None:
        try:
            super().__exit__(exc_type, exc_val, exc_tb)
        except BaseException:
            self.connection.rollback()
            raise


def _open_sqlite(path: Path) -> Log:
    path.parent.mkdir(parents=True, exist_ok=True)
    log = _SQLiteLog(_OneWriter(path))
    log.create_table()
    return log


class _PostgresLog(PostgresApplicationRecorder):
    """The library's own way: the table is locked while events are inserted, so positions become visible in their order. No functions."""

    writers = _POSTGRES_WRITERS

    def __init__(self, datastore: PostgresDatastore) -> None:
        super().__init__(datastore)
        del self.sql_create_statements[self.create_insert_function_statement_index]

    def _insert_events(
        self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], *, rows: Sequence[Statement] = (), **_: object
    ) -> None:
        for statement, params in rows:
            curs.execute(self._own(statement), params)

    def _create_table(self, curs: Cursor[DictRow]) -> None:
        super()._create_table(curs)
        for statement in _TABLES:
            curs.execute(self._own(statement))

    def key(self, stream: UUID) -> object:
        return stream

    def rows(self, statement: str, *params: object) -> list[Any]:
        with self.datastore.get_connection() as connection:
            return list(connection.execute(self._own(statement), params).fetchall())

    def execute(self, statement: str, *params: object) -> int:
        with self.datastore.get_connection() as connection:
            return connection.execute(self._own(statement), params).rowcount

    def close(self) -> None:
        self.datastore.close()

    def _own(self, statement: str) -> str:
        return statement.format(f'"{self.datastore.schema}".', "notification_id").replace("?", "%s")


def _open_postgresql(service: str, url: str) -> Log:
    schema = schema_of(service)
    with prepared_schema(url, schema):
        log = _PostgresLog(_postgres_datastore(url, schema))
        log.create_table()
    return log


def _postgres_datastore(url: str, schema: str) -> PostgresDatastore:
    """The library's parameters cover a part of what a URL may say (TLS is missing), so its pool is given the whole of it."""
    datastore = PostgresDatastore(
        dbname="",
        host="",
        port="",
        user="",
        password="",
        schema=schema,
        pool_size=1,
        max_overflow=_POSTGRES_WRITERS + _READERS,
        connect_timeout=10,
        lock_timeout=10,
        idle_in_transaction_session_timeout=60,
        pre_ping=True,
        enable_db_functions=False,
    )
    assert isinstance(datastore.pool.kwargs, dict)
    datastore.pool.kwargs.update(dict.fromkeys(("dbname", "host", "port", "user", "password")) | conninfo_to_dict(url))
    return datastore
