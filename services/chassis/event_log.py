"""The tables of an event store, in SQLite or PostgreSQL, on the eventsourcing library's recorders. Never changes or removes an event.

Beside the library's table of events there are three, written in the same transaction: `stored_event_ids` keeps ids unique and tells a
repeated attempt of ours from another's (a table of its own, so that the library's table stays as it is), `stored_requests` remembers
what an idempotency key led to, `stored_inbox` which deliveries were handled.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, cast
from uuid import UUID

from eventsourcing.persistence import DataError, IntegrityError, InterfaceError, OperationalError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteTransaction,
)
from eventsourcing.utils import retry
from psycopg import Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, tuple_row

from services.chassis.database import prepared_schema, schema_of
from services.chassis.settings import Settings

Row = tuple[Any, ...]
Statement = tuple[str, Row]

READERS = 4
_BUSY_TIMEOUT_S = 10
_OTHER_VERSION = "the stream has another version than the one expected"

# {0} is the schema's prefix, {1} the column of positions, ? a parameter; both databases read the rest alike.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS {0}stored_event_ids (event_id TEXT PRIMARY KEY, stream TEXT NOT NULL, version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {0}stored_requests "
    "(key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {0}stored_inbox (consumer TEXT NOT NULL, event_id TEXT NOT NULL, source TEXT NOT NULL, "
    "position BIGINT NOT NULL, handled_at TEXT NOT NULL, PRIMARY KEY (consumer, event_id))",
    "CREATE INDEX IF NOT EXISTS stored_inbox_watermark ON {0}stored_inbox (consumer, source, position)",
)
NEWEST = "SELECT MAX(originator_version) FROM {0}stored_events WHERE originator_id = ?"
# The newest version of each of several streams is the end of a range in the index; a GROUP BY would read every version there is.
_NEWEST_IN_SQLITE = (
    "WITH asked (stream) AS (VALUES {0}) "
    "SELECT stream, (SELECT MAX(originator_version) FROM stored_events WHERE originator_id = stream) FROM asked"
)
_LAST_IN_SQLITE = "SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'stored_events'"
_INSERT_IN_SQLITE = "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)"
_ROWS_AT_ONCE = 100
_NEWEST_IN_POSTGRES = (
    "SELECT stream, (SELECT MAX(originator_version) FROM {0}stored_events WHERE originator_id = stream) FROM unnest(%b::uuid[]) AS stream"
)
_INSERT_IN_POSTGRES = (
    "INSERT INTO {0}stored_events (originator_id, originator_version, topic, state) "
    "SELECT * FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) RETURNING originator_id, originator_version, notification_id"
)


@dataclass(frozen=True, kw_only=True)
class Append:
    """What one saver wants stored, all or nothing: a stream's events after `expected_version`, and rows beside them. Either may be none.

    `resting_on`: the versions of other streams that the events were decided by.
    """

    stream: UUID
    expected_version: int
    events: Sequence[StoredEvent]
    rows: Sequence[Statement]
    resting_on: Mapping[UUID, int] = field(default_factory=dict)

    @property
    def expected(self) -> Mapping[UUID, int]:
        """By stream, the newest version that there must be."""
        return {**self.resting_on, self.stream: self.expected_version}


class Clash(Exception):
    """The stream has another version than expected, or one of the rows is there already."""


Outcome = Sequence[int] | Exception
"""The positions of an append's events, or why nothing of it was stored."""


class Log(Protocol):
    """The recorder of either database, as the store uses it."""

    def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        """Stores in one transaction what can be, one after the other; what is refused changes nothing for the others.

        Answers after the commit. What is raised is an outage, and nothing of the group was acknowledged.
        """
        ...

    def max_notification_id(self) -> int | None: ...
    def key(self, stream: UUID) -> object: ...
    def rows(self, statement: str, *params: object) -> list[Row]: ...

    def each(self, statement: str, *params: object) -> Generator[Row]:
        """As `rows`, one after the other: a long history is never held as a whole. Close it, or take all."""
        ...

    def holding(self, content: bytes) -> int:
        """How many events have these bytes in them. Reads all of them."""
        ...

    def close(self) -> None: ...


def open_log(service: str, settings: Settings) -> Log:
    """The recorder the settings ask for, its tables made. Blocks. Raises `Unavailable` when the database cannot be reached."""
    if settings.database_url:
        return _open_postgresql(service, settings.database_url)
    return _open_sqlite(settings.data / f"{service}-events.sqlite")


class _SQLiteLog(SQLiteApplicationRecorder):
    """Positions are explicit and never used twice: a column that is the row id, AUTOINCREMENT."""

    def construct_create_table_statements(self) -> list[str]:
        return [
            "CREATE TABLE IF NOT EXISTS stored_events (rowid INTEGER PRIMARY KEY AUTOINCREMENT, originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, UNIQUE (originator_id, originator_version))",
            *(_in_sqlite(statement) for statement in _TABLES),
        ]

    def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        with self.datastore.transaction(commit=True) as cursor:
            return _saved(cursor, group)

    def key(self, stream: UUID) -> object:
        return stream.hex

    def rows(self, statement: str, *params: object) -> list[Row]:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(_in_sqlite(statement), params)
            return list(cursor.fetchall())

    def each(self, statement: str, *params: object) -> Generator[Row]:
        with self.datastore.transaction(commit=False) as cursor:
            yield from cursor.sqlite_cursor.execute(_in_sqlite(statement), params)

    def holding(self, content: bytes) -> int:
        ((found,),) = self.rows("SELECT COUNT(*) FROM {0}stored_events WHERE instr(state, ?) > 0", content)
        return int(found)

    def close(self) -> None:
        self.datastore.close()


def _in_sqlite(statement: str) -> str:
    return statement.format("", "rowid")


def _saved(cursor: SQLiteCursor, group: Sequence[Append]) -> list[Outcome]:
    """All at once; where that is refused, one after the other."""
    cursor.execute("SAVEPOINT savers")
    try:
        outcomes = _inserted(cursor, group)
    except sqlite3.OperationalError:  # a full disk, say, ends the transaction of all
        raise
    except Exception as refused:
        cursor.execute("ROLLBACK TO savers")
        outcomes = [_refusal(refused)] if len(group) == 1 else [_saved(cursor, [wanted])[0] for wanted in group]
    cursor.execute("RELEASE savers")
    return outcomes


def _refusal(error: Exception) -> Exception:
    return Clash(str(error)) if isinstance(error, (sqlite3.IntegrityError, IntegrityError)) else error


def _inserted(cursor: SQLiteCursor, group: Sequence[Append]) -> list[Outcome]:
    keys = list({stream.hex for wanted in group for stream in wanted.expected})
    cursor.execute(_NEWEST_IN_SQLITE.format(", ".join(["(?)"] * len(keys))), keys)
    fits = _fitting(group, {UUID(key): version for key, version in cursor.fetchall()})
    accepted = [wanted for wanted, it_fits in zip(group, fits, strict=True) if it_fits]
    for statement, rows in _by_statement(accepted).items():
        _insert(cursor, _in_sqlite(statement), rows)
    cursor.execute(_LAST_IN_SQLITE)
    last = cursor.fetchone()[0] or 0
    events = [(wanted.stream.hex, each.originator_version, each.topic, each.state) for wanted in accepted for each in wanted.events]
    _insert(cursor, _INSERT_IN_SQLITE, [(position, *event) for position, event in enumerate(events, start=last + 1)])
    positions = count(last + 1)
    return [
        list(islice(positions, len(wanted.events))) if it_fits else Clash(_OTHER_VERSION)
        for wanted, it_fits in zip(group, fits, strict=True)
    ]


def _insert(cursor: SQLiteCursor, statement: str, rows: Sequence[Row]) -> None:
    """Many rows a statement: with each statement, the interpreter's lock may go to somebody else for long."""
    head, values = statement.split(" VALUES ")
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        several = rows[first : first + _ROWS_AT_ONCE]
        cursor.execute(f"{head} VALUES {', '.join([values] * len(several))}", list(chain.from_iterable(several)))


class _OneWriter(SQLiteDatastore):
    """One connection writes and checkpoints, with BEGIN IMMEDIATE and `synchronous=FULL`; the pool's connections only read."""

    def __init__(self, path: Path) -> None:
        name = path.absolute().as_uri()
        super().__init__(name)
        self.pool = _Readers(db_name=name, pool_size=READERS)
        self._writer = _connected(name, "journal_mode=WAL", "synchronous=FULL")
        self._writer_lock = Lock()

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
        return _connected(self.db_name, "query_only=ON")


def _connected(name: str, *pragmas: str) -> SQLiteConnection:
    """The library's own connections prepare each statement anew, and make a mapping of each row."""
    connection = sqlite3.connect(name, uri=True, check_same_thread=False, isolation_level=None, timeout=_BUSY_TIMEOUT_S)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return SQLiteConnection(connection, max_age=None)


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

    def __init__(self, datastore: PostgresDatastore) -> None:
        super().__init__(datastore)
        del self.sql_create_statements[self.create_insert_function_statement_index]

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        try:
            return self._together(group)
        except (IntegrityError, DataError) as refused:
            return [_refusal(refused)] if len(group) == 1 else [self.append([wanted])[0] for wanted in group]

    def _together(self, group: Sequence[Append]) -> Sequence[Outcome]:
        with (
            self.datastore.get_connection() as connection,
            connection.transaction(),
            connection.pipeline(),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            self._lock_table(cast(Any, cursor))
            streams = list({stream for wanted in group for stream in wanted.expected})
            fits = _fitting(group, dict(cursor.execute(self._own(_NEWEST_IN_POSTGRES), (streams,)).fetchall()))
            accepted = [wanted for wanted, it_fits in zip(group, fits, strict=True) if it_fits]
            for statement, rows in _by_statement(accepted).items():
                cursor.executemany(self._own(statement), rows)
            positions = self._inserted(cursor, [event for wanted in accepted for event in wanted.events])
        return [
            [positions[event.originator_id, event.originator_version] for event in wanted.events] if it_fits else Clash(_OTHER_VERSION)
            for wanted, it_fits in zip(group, fits, strict=True)
        ]

    def _inserted(self, cursor: Cursor[Any], events: Sequence[StoredEvent]) -> dict[tuple[UUID | str, int], int]:
        """The positions, by stream and version. Only what is fetched tells of a row that was there already."""
        self._notify_channel(cursor)
        columns = (
            [each.originator_id for each in events],
            [each.originator_version for each in events],
            [each.topic for each in events],
            [each.state for each in events],
        )
        return {(stream, version): at for stream, version, at in cursor.execute(self._own(_INSERT_IN_POSTGRES), columns).fetchall()}

    def _create_table(self, curs: Cursor[DictRow]) -> None:
        super()._create_table(curs)
        for statement in _TABLES:
            curs.execute(self._own(statement))

    def key(self, stream: UUID) -> object:
        return stream

    def rows(self, statement: str, *params: object) -> list[Row]:
        with self.datastore.get_connection() as connection, connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            return cursor.execute(self._own(statement), params).fetchall()

    def each(self, statement: str, *params: object) -> Generator[Row]:
        with self.datastore.get_connection() as connection, connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            yield from cursor.execute(self._own(statement), params)

    def holding(self, content: bytes) -> int:
        ((found,),) = self.rows("SELECT COUNT(*) FROM {0}stored_events WHERE position(?::bytea IN state) > 0", content)
        return int(found)

    def close(self) -> None:
        self.datastore.close()

    def _own(self, statement: str) -> str:
        return statement.format(f'"{self.datastore.schema}".', "notification_id").replace("?", "%s")


def _fitting(group: Sequence[Append], newest: Mapping[UUID, int | None]) -> list[bool]:
    """Nobody else moves the streams any more: whether each append's expectation holds, once those before it are stored."""
    reached = dict(newest)
    fits = []
    for wanted in group:
        fits.append(not wanted.events or all((reached.get(stream) or 0) == version for stream, version in wanted.expected.items()))
        if wanted.events and fits[-1]:
            reached[wanted.stream] = wanted.expected_version + len(wanted.events)
    return fits


def _by_statement(appends: Sequence[Append]) -> dict[str, list[Row]]:
    grouped: defaultdict[str, list[Row]] = defaultdict(list)
    for statement, params in (row for wanted in appends for row in wanted.rows):
        grouped[statement].append(params)
    return grouped


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
        max_overflow=READERS,
        connect_timeout=10,
        lock_timeout=10,
        idle_in_transaction_session_timeout=60,
        pre_ping=True,
        enable_db_functions=False,
    )
    assert isinstance(datastore.pool.kwargs, dict)
    datastore.pool.kwargs.update(dict.fromkeys(("dbname", "host", "port", "user", "password")) | conninfo_to_dict(url))
    return datastore
