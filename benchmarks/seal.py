"""Commands beside the sealer and without it: what a signed log costs those who append. The follower runs in both, with a projection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from benchmarks.append import CALLER, REASON, RECORDED_AT, Noted
from benchmarks.pairs import Contender, Match
from services.agreements import views
from services.agreements.application import Agreements
from services.agreements.document import parse_document
from services.agreements.keyring_application import Keyrings
from services.agreements.library import template
from services.agreements.personal import PERSONAL
from services.agreements.reads import ReadLog
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.chassis import sealer
from services.chassis.clock import SystemClock
from services.chassis.context import Context
from services.chassis.database import Database, upsert
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.follower import Follower, Projection
from services.chassis.sealer import Sealer
from services.chassis.settings import Settings
from services.chassis.tasks import end
from services.transparency.note import Signer
from services.vocabulary.identity import Caller, Role
from tests.postgres import missing_reason, postgres_url

NAME = "bench"
TOGETHER = 32
VIEWS = sa.MetaData()
NEWEST = sa.Table("newest", VIEWS, sa.Column("stream", sa.Text, primary_key=True), sa.Column("number", sa.BigInteger, nullable=False))

ReadySettings = Callable[[Path], Settings]


@dataclass(frozen=True)
class Room:
    """A store, what its projection writes to, and the commands that are timed."""

    store: EventStore[Any]
    database: Database
    apply: Callable[[Connection, Recorded[Any]], None]
    commands: Callable[[], Coroutine[Any, Any, None]]


Prepare = Callable[[Settings], Room]


def matches(*, smoke: bool) -> list[Match]:
    """Those over PostgreSQL are left out where there is none."""
    databases: dict[str, ReadySettings] = {"SQLite": lambda folder: Settings(data=folder, database_url="")}
    if not missing_reason():
        databases["PostgreSQL"] = lambda folder: Settings(data=folder, database_url=postgres_url(durable=True))
    manners = (("one after the other", 1, 5 if smoke else 1_000), (f"{TOGETHER} at once", TOGETHER, 2 if smoke else 150))
    appends = [
        _match(f"bare appends {manner}, {database}", ready, _appending(at_once, each), at_once * each)
        for database, ready in databases.items()
        for manner, at_once, each in manners
    ]
    drafts = [
        _match(f"agreements drafted {manner}, {database}", ready, _drafting(at_once, each // 5 or 1), at_once * (each // 5 or 1))
        for database, ready in list(databases.items())[: 1 if smoke else None]
        for manner, at_once, each in manners
    ]
    return [*appends, *drafts]


def _match(title: str, ready: ReadySettings, work: Prepare, count: int) -> Match:
    return Match(
        title=f"{title}, sealed, against not sealed",
        unit="commands",
        count=count,
        ours="with the sealer",
        peer="without",
        our_work=_contender(ready, work, sealed=True),
        peer_work=_contender(ready, work, sealed=False),
    )


def _contender(ready: ReadySettings, prepare: Prepare, *, sealed: bool) -> Contender:
    """What is timed is until all commands are answered; the log is caught up with after it."""

    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        settings = ready(folder)
        with asyncio.Runner() as runner:
            room = prepare(settings)
            sinks: list[Projection | Sealer] = [Projection(NAME, room.database, room.apply)]
            if sealed:
                signer = Signer("bench.example/bench", Ed25519PrivateKey.generate())
                sinks.append(Sealer(NAME, room.store, room.database, signer=signer, clock=SystemClock(), kept=folder / "bench.checkpoint"))
            follower = Follower(NAME, room.store, sinks)
            following = runner.get_loop().create_task(follower.run())
            yield lambda: runner.run(room.commands())
            runner.run(_caught_up(follower, room.store))
            runner.run(end(following))
            runner.run(room.store.close())
            runner.run(room.database.close())

    return contender


def _appending(at_once: int, each: int) -> Prepare:
    """The store alone: events of an ordinary size, that many savers each to a stream of its own."""

    def prepare(settings: Settings) -> Room:
        store = EventStore[Noted].open(NAME, settings, Registry({"noted.v1": Noted}))
        database = Database.open(NAME, settings, VIEWS, sealer.METADATA)

        async def commands() -> None:
            await asyncio.gather(*(_saver(store, uuid4(), each) for _ in range(at_once)))

        return Room(store, database, _apply, commands)

    return prepare


def _drafting(at_once: int, each: int) -> Prepare:
    """A use case of the product: the terms are written out, the rules decide, the store saves."""

    def prepare(settings: Settings) -> Room:
        store = EventStore[Stored].open(NAME, settings, Registry(STORED, upcasters=UPCASTERS, personal=PERSONAL))
        database = Database.open(NAME, settings, views.METADATA, sealer.METADATA)
        listing, terms = views.AgreementList(database), parse_document(template("managed-database").text, form="yaml")
        agreements = Agreements(store, listing, Keyrings(store, listing), ReadLog.open(settings))
        caller = Caller(subject="bench", organisation=terms.provider, roles=frozenset({Role.SERVICE_MANAGER}))

        async def drafter() -> None:
            for _ in range(each):
                await agreements.draft(terms, context=_context(caller))

        async def commands() -> None:
            await asyncio.gather(*(drafter() for _ in range(at_once)))

        return Room(store, database, views.apply, commands)

    return prepare


def _context(caller: Caller) -> Context:
    return Context(caller=caller, recorded_at=RECORDED_AT, reason=REASON, correlation_id=NAME)


async def _saver(store: EventStore[Noted], stream: UUID, count: int) -> None:
    for number in range(count):
        fact = Noted(number=number, title=f"Noted {number}", text="All that has to be said about it. " * 6, amounts=("1000.00", "12.50"))
        await store.append(stream, expected_version=number, events=[fact], context=_context(CALLER))


async def _caught_up(follower: Follower, store: EventStore[Any]) -> None:
    await follower.caught_up(await store.last_position(), timeout_s=60)


def _apply(connection: Connection, recorded: Recorded[Noted]) -> None:
    upsert(NEWEST, connection, {"stream": str(recorded.stream), "number": recorded.event.number}, key=["stream"])
