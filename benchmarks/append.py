"""Events appended, loaded and replayed: our store, the eventsourcing library as it comes, and raw SQL. All synced before they return."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import psycopg
from eventsourcing.application import Repository as LibraryRepository
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, UUIDAsHex
from eventsourcing.persistence import EventStore as LibraryStore
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteConnection, SQLiteConnectionPool, SQLiteDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.pairs import Contender, Match
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.repository import Repository
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, OrganisationId, Role
from tests.postgres import missing_reason, postgres_url

STREAM = uuid5(NAMESPACE_URL, "upheld:bench")
SAVERS = 32
RECORDED_AT = datetime(2026, 4, 1, tzinfo=UTC)
CALLER = Caller(subject="bench", organisation=OrganisationId("bench"), roles=frozenset({Role.OPERATOR}))
REASON = "What is told of why it happened, as long as people write it"


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A fact of ordinary size."""

    number: int
    title: str
    text: str
    amounts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LibraryNoted:
    """The same fact as the library wants it, with the metadata that ours has beside it."""

    originator_id: UUID
    originator_version: int
    number: int
    title: str
    text: str
    amounts: list[str]
    recorded_at: datetime
    actor: str
    organisation: str
    reason: str

    def mutate(self, aggregate: LibraryTally | None) -> LibraryTally:
        """As the library's own projector wants it."""
        return LibraryTally(total=self.number + (0 if aggregate is None else aggregate.total))


@dataclass(frozen=True, kw_only=True)
class LibraryTally:
    total: int


class Store(Protocol):
    """Who stores facts. A stream's versions start at 1."""

    def append(self, count: int, batch: int) -> None:
        """To one stream, `batch` facts at once."""
        ...

    def append_together(self, each: int) -> None:
        """All savers at the same time, each to a stream of its own, one fact after the other."""
        ...

    def load(self) -> int:
        """The one stream as a list of facts: how many."""
        ...

    def replay(self) -> int:
        """The one stream again, folded into the sum of its numbers."""
        ...


Opened = Callable[[Path], AbstractContextManager[Store]]


def matches(*, smoke: bool) -> list[Match]:
    """Those over PostgreSQL are left out where there is none."""
    peers: dict[str, Opened] = {"the bare library": _library_on_sqlite, "raw sqlite3": _raw_sqlite}
    return [
        *_appended(peers, 1, 30 if smoke else 500),
        *_appended(peers, 100, 300 if smoke else 10_000),
        *_by_savers_and_replayed(_ours_on_sqlite, peers, "SQLite", smoke=smoke),
        *([] if missing_reason() else _on_postgres(smoke=smoke)),
    ]


def _on_postgres(*, smoke: bool) -> list[Match]:
    peers: dict[str, Opened] = {"the bare library": _library_on_postgres, "raw psycopg": _raw_postgres}
    return _by_savers_and_replayed(_ours_on_postgres, peers, "PostgreSQL", smoke=smoke)


def _appended(peers: dict[str, Opened], batch: int, count: int) -> list[Match]:
    def work(opened: Opened) -> Contender:
        return _timed(opened, lambda store: store.append(count, batch))

    title = f"events appended, {batch} at once"
    return [_match(title, count, peer, work(_ours_on_sqlite), work(opened)) for peer, opened in peers.items()]


def _by_savers_and_replayed(ours: Opened, peers: dict[str, Opened], database: str, *, smoke: bool) -> list[Match]:
    each, stored = (3, 200) if smoke else (200, 20_000)

    def together(opened: Opened) -> Contender:
        return _timed(opened, lambda store: store.append_together(each))

    def loaded(opened: Opened) -> Contender:
        return _timed(opened, lambda store: _load(store, stored), given=lambda store: store.append(stored, 100))

    def replayed(opened: Opened) -> Contender:
        return _timed(opened, lambda store: _replay(store, stored), given=lambda store: store.append(stored, 100))

    works = (
        (f"events appended by {SAVERS} savers", SAVERS * each, together),
        ("events loaded", stored, loaded),
        ("events replayed", stored, replayed),
    )
    return [
        _match(f"{title}, {database}", count, peer, work(ours), work(opened))
        for title, count, work in works
        for peer, opened in peers.items()
    ]


def _match(title: str, count: int, peer: str, our_work: Contender, peer_work: Contender) -> Match:
    title = f"{title}, against {peer}"
    return Match(title=title, unit="events", count=count, ours="our store", peer=peer, our_work=our_work, peer_work=peer_work)


def _timed(opened: Opened, work: Callable[[Store], None], *, given: Callable[[Store], None] | None = None) -> Contender:
    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        with opened(folder) as store:
            if given is not None:
                given(store)
            yield lambda: work(store)

    return contender


def _load(store: Store, stored: int) -> None:
    assert store.load() == stored


def _replay(store: Store, stored: int) -> None:
    assert store.replay() == stored * (stored - 1) // 2


def _saver(number: int) -> UUID:
    return uuid5(STREAM, str(number))


def _fact(number: int) -> Noted:
    return Noted(
        number=number, title=f"Noted {number}", text="All that has to be said about it. " * 6, amounts=("1000.00", "12.50", "0.01")
    )


class _Ours:
    def __init__(self, settings: Settings, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._store = EventStore[Noted].open("bench", settings, Registry({"noted.v1": Noted}))
        self._repository: Repository[int, Noted] = Repository(self._store, lambda state, recorded: (state or 0) + recorded.event.number)
        self._context = Context(caller=CALLER, recorded_at=RECORDED_AT, reason=REASON, correlation_id="bench")

    def append(self, count: int, batch: int) -> None:
        self._runner.run(self._append(STREAM, count, batch))

    def append_together(self, each: int) -> None:
        async def savers() -> None:
            await asyncio.gather(*(self._append(_saver(number), each, 1) for number in range(SAVERS)))

        self._runner.run(savers())

    def load(self) -> int:
        return len(self._runner.run(self._store.load(STREAM)))

    def replay(self) -> int:
        replayed = self._runner.run(self._repository.load(STREAM))
        return 0 if replayed is None else replayed.state

    def close(self) -> None:
        self._runner.run(self._store.close())

    async def _append(self, stream: UUID, count: int, batch: int) -> None:
        for first in range(0, count, batch):
            events = [_fact(number) for number in range(first, first + batch)]
            await self._store.append(stream, expected_version=first, events=events, context=self._context)


@contextmanager
def _ours_on_sqlite(folder: Path) -> Iterator[Store]:
    with asyncio.Runner() as runner, closing(_Ours(Settings(data=folder, database_url=""), runner)) as store:
        yield store


@contextmanager
def _ours_on_postgres(folder: Path) -> Iterator[Store]:
    with asyncio.Runner() as runner, closing(_Ours(Settings(data=folder, database_url=postgres_url(durable=True)), runner)) as store:
        yield store


class _Library:
    """With its default mapper, repository and projector; a thread a saver."""

    def __init__(self, recorder: SQLiteApplicationRecorder | PostgresApplicationRecorder) -> None:
        recorder.create_table()
        transcoder = JSONTranscoder()
        transcoder.register(UUIDAsHex())
        transcoder.register(DatetimeAsISO())
        self._store = LibraryStore(Mapper[UUID](transcoder), recorder)
        self._repository = LibraryRepository(self._store)

    def append(self, count: int, batch: int) -> None:
        self._append(STREAM, count, batch)

    def append_together(self, each: int) -> None:
        with ThreadPoolExecutor(SAVERS) as savers:
            list(savers.map(lambda number: self._append(_saver(number), each, 1), range(SAVERS)))

    def load(self) -> int:
        return len(list(self._store.get(STREAM)))

    def replay(self) -> int:
        tally: LibraryTally = self._repository.get(STREAM)
        return tally.total

    def _append(self, stream: UUID, count: int, batch: int) -> None:
        for first in range(0, count, batch):
            self._store.put([_library_fact(stream, number) for number in range(first, first + batch)])


class _FullySynced(SQLiteConnectionPool):
    """The library leaves `synchronous` to the build's default."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
        return connection


@contextmanager
def _library_on_sqlite(folder: Path) -> Iterator[Store]:
    datastore = SQLiteDatastore(str(folder / "library.sqlite"))
    datastore.pool = _FullySynced(db_name=str(folder / "library.sqlite"), lock_timeout=60, pool_timeout=60)
    with closing(datastore):
        yield _Library(SQLiteApplicationRecorder(datastore))


@contextmanager
def _library_on_postgres(_: Path) -> Iterator[Store]:
    parts = conninfo_to_dict(postgres_url(durable=True))
    dbname, host, port, user = (str(parts[name]) for name in ("dbname", "host", "port", "user"))
    datastore = PostgresDatastore(dbname, host, port, user, "", pool_size=5, max_overflow=10)
    with closing(datastore):
        yield _Library(PostgresApplicationRecorder(datastore))


def _library_fact(stream: UUID, number: int) -> LibraryNoted:
    fact = _fact(number)
    return LibraryNoted(
        originator_id=stream,
        originator_version=number + 1,
        number=fact.number,
        title=fact.title,
        text=fact.text,
        amounts=list(fact.amounts),
        recorded_at=RECORDED_AT,
        actor=CALLER.subject,
        organisation=CALLER.organisation,
        reason=REASON,
    )


def _rows(stream: UUID, first: int, batch: int) -> list[tuple[str, int, bytes]]:
    return [(stream.hex, number + 1, msgspec.json.encode(_library_fact(stream, number))) for number in range(first, first + batch)]


class _RawSqlite:
    """The least that keeps the promise: one table, unique by stream and version, one transaction an append."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, state BLOB, UNIQUE (stream, version))",
        ):
            connection.execute(statement)

    def append(self, count: int, batch: int) -> None:
        for first in range(0, count, batch):
            self._insert(_rows(STREAM, first, batch))

    def append_together(self, each: int) -> None:
        """SQLite has one writer: nothing is gained by asking it from several threads."""
        for number in range(each):
            for saver in range(SAVERS):
                self._insert(_rows(_saver(saver), number, 1))

    def load(self) -> int:
        decode = msgspec.json.Decoder(LibraryNoted).decode
        return len([decode(state) for (state,) in self._states()])

    def replay(self) -> int:
        decode = msgspec.json.Decoder(LibraryNoted).decode
        return sum(decode(state).number for (state,) in self._states())

    def _states(self) -> sqlite3.Cursor:
        return self._connection.execute("SELECT state FROM events WHERE stream = ? ORDER BY version", (STREAM.hex,))

    def _insert(self, rows: list[tuple[str, int, bytes]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO events (stream, version, state) VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")


@contextmanager
def _raw_sqlite(folder: Path) -> Iterator[Store]:
    with closing(sqlite3.connect(folder / "raw.sqlite", isolation_level=None)) as connection:
        yield _RawSqlite(connection)


class _RawPostgres:
    """The same with a connection a saver, and without an order that a follower could rely on."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            connection.execute(
                "CREATE TABLE events (position BIGSERIAL PRIMARY KEY, stream TEXT, version BIGINT, state BYTEA, UNIQUE (stream, version))"
            )

    def append(self, count: int, batch: int) -> None:
        self._append(STREAM, count, batch)

    def append_together(self, each: int) -> None:
        with ThreadPoolExecutor(SAVERS) as savers:
            list(savers.map(lambda number: self._append(_saver(number), each, 1), range(SAVERS)))

    def load(self) -> int:
        decode = msgspec.json.Decoder(LibraryNoted).decode
        return len([decode(state) for (state,) in self._states()])

    def replay(self) -> int:
        decode = msgspec.json.Decoder(LibraryNoted).decode
        return sum(decode(state).number for (state,) in self._states())

    def _states(self) -> Iterator[tuple[bytes]]:
        with psycopg.connect(self._url) as connection, connection.cursor(binary=True) as cursor:
            yield from cursor.execute("SELECT state FROM events WHERE stream = %s ORDER BY version", (STREAM.hex,))

    def _append(self, stream: UUID, count: int, batch: int) -> None:
        with psycopg.connect(self._url) as connection:
            for first in range(0, count, batch):
                with connection.cursor() as cursor:
                    cursor.executemany("INSERT INTO events (stream, version, state) VALUES (%s, %s, %b)", _rows(stream, first, batch))
                connection.commit()


@contextmanager
def _raw_postgres(_: Path) -> Iterator[Store]:
    yield _RawPostgres(postgres_url(durable=True))
