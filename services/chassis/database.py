"""A service's database of views: SQLAlchemy Core over SQLite or PostgreSQL. Never works on the event loop, never holds an event."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from services.chassis.clock import SystemClock
from services.chassis.context import Delivery
from services.chassis.settings import Settings, masked
from services.vocabulary.errors import Unavailable

T = TypeVar("T")

_READERS = 4
_POSTGRES_WRITERS = 4
_BUSY_TIMEOUT_S = 10.0
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")

_OWN = sa.MetaData()

TRACKING = sa.Table(
    "tracking",
    _OWN,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)

INBOX = sa.Table(
    "inbox",
    _OWN,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("handled_at", sa.Text, nullable=False),
    sa.Index("inbox_watermark", "consumer", "source", "position"),
)


class Database:
    """One service's read models. Raises `Unavailable` when the database cannot be reached; the work's own exceptions pass, rolled back."""

    def __init__(self, service: str, dialect: Literal["sqlite", "postgresql"], engine: Engine, reader: Engine) -> None:
        self.dialect: Literal["sqlite", "postgresql"] = dialect
        self.engine = engine
        self._service = service
        self._reader = reader
        writers = 1 if dialect == "sqlite" else _POSTGRES_WRITERS
        self._writing = ThreadPoolExecutor(writers, thread_name_prefix=f"{service}-views-write")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix=f"{service}-views-read")

    @classmethod
    def open(cls, service: str, settings: Settings, *metadata: sa.MetaData) -> Database:
        """Creates what is missing of the tables, `tracking` and `inbox` among them; changes none that exists. Blocks."""
        if settings.database_url:
            return cls._open_postgresql(service, settings.database_url, metadata)
        return cls._open_sqlite(service, settings.data / f"{service}-views.sqlite", metadata)

    @classmethod
    def _open_sqlite(cls, service: str, path: Path, metadata: Sequence[sa.MetaData]) -> Database:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sqlite_engine(path, begin="BEGIN IMMEDIATE", pool_size=1)
        reader = sqlite_engine(path, begin="BEGIN", pool_size=_READERS)
        with engine.begin() as connection:
            _create_tables(connection, metadata)
        sa.event.listen(reader, "connect", _refuse_writes)
        return cls(service, "sqlite", engine, reader)

    @classmethod
    def _open_postgresql(cls, service: str, url: str, metadata: Sequence[sa.MetaData]) -> Database:
        schema = schema_of(service)
        with prepared_schema(url, schema):
            engine = postgresql_engine(url, schema)
            with engine.begin() as connection:
                _create_tables(connection, metadata)
        reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return cls(service, "postgresql", engine, reader)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs the work in one transaction on a worker thread and commits it."""
        return await self._run(self._writing, self.engine, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs the work on a worker thread against one snapshot; it cannot write."""
        return await self._run(self._reading, self._reader, work)

    async def check(self) -> str:
        """For `Service.checks`: "" while the database answers, else what is missing."""
        try:
            await self.read(lambda connection: connection.execute(sa.select(1)).scalar_one())
        except Unavailable as missing:
            return missing.message
        return ""

    async def close(self) -> None:
        """Waits for the work that runs."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.shutdown()
        self._reader.dispose()
        self.engine.dispose()

    async def _run(self, executor: Executor, engine: Engine, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, partial(self._in_transaction, engine, work))

    def _in_transaction(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        try:
            with engine.begin() as connection:
                return work(connection)
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            if is_outage(error):
                raise Unavailable(f"the views of {self._service} cannot be reached now") from error
            raise


class DatabaseInbox:
    """The inbox of a consumer whose effects are rows of a `Database`: its handler calls `accept` in its own transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def handled(self, delivery: Delivery) -> bool:
        found = sa.select(INBOX.c.position).where(INBOX.c.consumer == delivery.consumer, INBOX.c.event_id == delivery.event_id)
        return await self._database.read(lambda connection: connection.execute(found).first() is not None)

    async def watermark(self, consumer: str, source: str) -> int:
        """The highest handled position of the source's log; 0: none."""
        highest = sa.select(sa.func.max(INBOX.c.position)).where(INBOX.c.consumer == consumer, INBOX.c.source == source)
        return await self._database.read(lambda connection: connection.execute(highest).scalar() or 0)

    async def mark_handled(self, delivery: Delivery) -> bool:
        """For a delivery without effect. False: it was handled before."""
        return await self._database.write(lambda connection: accept(connection, delivery))


def accept(connection: Connection, delivery: Delivery) -> bool:
    """Enters the delivery in the inbox within the caller's transaction. False: it was handled before, do nothing."""
    row = {
        "consumer": delivery.consumer,
        "event_id": delivery.event_id,
        "source": delivery.source,
        "position": delivery.position,
        "handled_at": SystemClock().now().isoformat(),
    }
    insert = insert_into(INBOX, connection).values(row).on_conflict_do_nothing().returning(INBOX.c.event_id)
    return connection.execute(insert).first() is not None


def upsert(
    table: sa.Table,
    connection: Connection,
    values: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    overwrite: bool = True,
) -> None:
    """Inserts a row, or several of the same columns; overwrites the named columns where the key exists, or leaves such a row alone."""
    rows = [values] if isinstance(values, Mapping) else list(values)
    if not rows:
        return
    insert = insert_into(table, connection)
    overwritten = {name: insert.excluded[name] for name in rows[0] if overwrite and name not in key}
    if overwritten:
        connection.execute(insert.on_conflict_do_update(index_elements=list(key), set_=overwritten), rows)
    else:
        connection.execute(insert.on_conflict_do_nothing(index_elements=list(key)), rows)


def schema_of(service: str) -> str:
    """The PostgreSQL schema that is a service's own."""
    return f"upheld_{service.replace('-', '_')}"


@contextmanager
def prepared_schema(url: str, schema: str) -> Iterator[None]:
    """Makes the schema and holds a lock on making things in it: several copies of a service may start at once. Raises `Unavailable`."""
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unavailable(f"database_url: {masked(url)} cannot be reached: {error}") from error
    with connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (schema,))
        connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(schema)))
        yield


def _create_tables(connection: Connection, metadata: Sequence[sa.MetaData]) -> None:
    for tables in (_OWN, *metadata):
        tables.create_all(connection)


def insert_into(table: sa.Table, connection: Connection) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def sqlite_engine(path: Path, *, begin: str, pool_size: int, pragmas: Sequence[str] = _PRAGMAS) -> Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path.absolute())),
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
        poolclass=sa.QueuePool,
        pool_size=pool_size,
        max_overflow=0,
    )
    sa.event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, pragmas))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, pragmas: Sequence[str]) -> None:
    connection.isolation_level = None  # the driver must not begin by itself: the listener says BEGIN IMMEDIATE
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _refuse_writes(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA query_only=ON")


def postgresql_engine(url: str, schema: str) -> Engine:
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=_READERS,
        max_overflow=_POSTGRES_WRITERS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10},
    )

    def settle_in(connection: psycopg.Connection[Any], _: object) -> None:
        connection.execute(SQL("SET search_path TO {}").format(Identifier(schema)))
        connection.commit()

    sa.event.listen(engine, "connect", settle_in)
    return engine


def is_outage(error: sa.exc.DBAPIError | sa.exc.TimeoutError) -> bool:
    if isinstance(error, sa.exc.TimeoutError) or error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.OperationalError):
        return error.orig.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"))
    return isinstance(error.orig, (psycopg.OperationalError, psycopg.InterfaceError))
