"""Events appended: our store, the bare eventsourcing library with its default mapper, and raw sqlite3. All synced before they return."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, UUIDAsHex
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteConnection, SQLiteConnectionPool, SQLiteDatastore

from benchmarks.pairs import Contender, Match
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, OrganisationId, Role

STREAM = uuid5(NAMESPACE_URL, "upheld:bench")
RECORDED_AT = datetime(2026, 4, 1, tzinfo=UTC)
CALLER = Caller(subject="bench", organisation=OrganisationId("bench"), roles=frozenset({Role.SERVICE}))
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


def matches(*, smoke: bool) -> list[Match]:
    return [
        Match(
            title=f"events appended, {batch} at once, against {peer}",
            unit="events",
            count=count,
            ours="our store",
            peer=peer,
            our_work=_our_store(count, batch),
            peer_work=work(count, batch),
        )
        for batch, count in ((1, 30 if smoke else 500), (100, 300 if smoke else 10_000))
        for peer, work in (("the bare library", _library), ("raw sqlite3", _raw))
    ]


def _fact(number: int) -> Noted:
    return Noted(
        number=number, title=f"Noted {number}", text="All that has to be said about it. " * 6, amounts=("1000.00", "12.50", "0.01")
    )


def _our_store(count: int, batch: int) -> Contender:
    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        store = EventStore[Noted].open("bench", Settings(data=folder, database_url=""), Registry({"noted.v1": Noted}))
        context = Context(caller=CALLER, recorded_at=RECORDED_AT, reason=REASON, correlation_id="bench")

        async def append() -> None:
            for first in range(0, count, batch):
                events = [_fact(number) for number in range(first, first + batch)]
                await store.append(STREAM, expected_version=first, events=events, context=context)

        with asyncio.Runner() as runner:
            yield lambda: runner.run(append())
            assert runner.run(store.last_position()) == count
            runner.run(store.close())

    return contender


class _FullySynced(SQLiteConnectionPool):
    """The library leaves `synchronous` to the build's default."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
        return connection


def _library(count: int, batch: int) -> Contender:
    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        datastore = SQLiteDatastore(str(folder / "library.sqlite"))
        datastore.pool = _FullySynced(db_name=str(folder / "library.sqlite"))
        recorder = SQLiteApplicationRecorder(datastore)
        recorder.create_table()
        transcoder = JSONTranscoder()
        transcoder.register(UUIDAsHex())
        transcoder.register(DatetimeAsISO())
        mapper: Mapper[UUID] = Mapper(transcoder)

        def append() -> None:
            for first in range(0, count, batch):
                recorder.insert_events([mapper.to_stored_event(_library_fact(number)) for number in range(first, first + batch)])

        yield append
        assert recorder.max_notification_id() == count
        datastore.close()

    return contender


def _library_fact(number: int) -> LibraryNoted:
    fact = _fact(number)
    return LibraryNoted(
        originator_id=STREAM,
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


def _raw(count: int, batch: int) -> Contender:
    """The least that keeps the promise: one table, unique by stream and version, one transaction an append."""

    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        with closing(sqlite3.connect(folder / "raw.sqlite", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(
                "CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, state BLOB, UNIQUE (stream, version))"
            )

            def append() -> None:
                for first in range(0, count, batch):
                    rows = [(STREAM.hex, number + 1, msgspec.json.encode(_library_fact(number))) for number in range(first, first + batch)]
                    connection.execute("BEGIN IMMEDIATE")
                    connection.executemany("INSERT INTO events (stream, version, state) VALUES (?, ?, ?)", rows)
                    connection.execute("COMMIT")

            yield append

    return contender
