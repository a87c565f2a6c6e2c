"""Commands beside the sealer and without it: what a signed log costs those who append. The follower runs in both, with a projection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from benchmarks.append import CALLER, REASON, RECORDED_AT, Noted
from benchmarks.pairs import Contender, Match
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
from tests.postgres import missing_reason, postgres_url

NAME = "bench"
TOGETHER = 32
VIEWS = sa.MetaData()
NEWEST = sa.Table("newest", VIEWS, sa.Column("stream", sa.Text, primary_key=True), sa.Column("number", sa.BigInteger, nullable=False))

ReadySettings = Callable[[Path], Settings]


def matches(*, smoke: bool) -> list[Match]:
    """Those over PostgreSQL are left out where there is none."""
    databases: dict[str, ReadySettings] = {"SQLite": lambda folder: Settings(data=folder, database_url="")}
    if not missing_reason():
        databases["PostgreSQL"] = lambda folder: Settings(data=folder, database_url=postgres_url(durable=True))
    return [
        _match(f"commands {manner}, {database}", ready, at_once, each)
        for database, ready in databases.items()
        for manner, at_once, each in (("one after the other", 1, 20 if smoke else 1_000), ("32 at once", TOGETHER, 2 if smoke else 150))
    ]


def _match(title: str, ready: ReadySettings, at_once: int, each: int) -> Match:
    return Match(
        title=f"{title}, sealed, against not sealed",
        unit="commands",
        count=at_once * each,
        ours="with the sealer",
        peer="without",
        our_work=_contender(ready, at_once, each, sealed=True),
        peer_work=_contender(ready, at_once, each, sealed=False),
    )


def _contender(ready: ReadySettings, at_once: int, each: int, *, sealed: bool) -> Contender:
    """What is timed is until all commands are answered; the log is caught up with after it."""

    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        settings = ready(folder)
        with asyncio.Runner() as runner:
            store = EventStore[Noted].open(NAME, settings, Registry({"noted.v1": Noted}))
            database = Database.open(NAME, settings, VIEWS, sealer.METADATA)
            sinks: list[Projection | Sealer] = [Projection(NAME, database, _apply)]
            if sealed:
                signer = Signer("bench.example/bench", Ed25519PrivateKey.generate())
                sinks.append(Sealer(NAME, store, database, signer=signer, clock=SystemClock(), kept=folder / "bench.checkpoint"))
            follower = Follower(NAME, store, sinks)
            following = runner.get_loop().create_task(follower.run())
            yield lambda: runner.run(_commands(store, at_once, each))
            runner.run(_caught_up(follower, store))
            runner.run(end(following))
            runner.run(store.close())
            runner.run(database.close())

    return contender


async def _commands(store: EventStore[Noted], at_once: int, each: int) -> None:
    await asyncio.gather(*(_saver(store, uuid4(), each) for _ in range(at_once)))


async def _saver(store: EventStore[Noted], stream: UUID, count: int) -> None:
    context = Context(caller=CALLER, recorded_at=RECORDED_AT, reason=REASON, correlation_id=NAME)
    for number in range(count):
        fact = Noted(number=number, title=f"Noted {number}", text="All that has to be said about it. " * 6, amounts=("1000.00", "12.50"))
        await store.append(stream, expected_version=number, events=[fact], context=context)


async def _caught_up(follower: Follower, store: EventStore[Noted]) -> None:
    await follower.caught_up(await store.last_position(), timeout_s=60)


def _apply(connection: Connection, recorded: Recorded[Noted]) -> None:
    upsert(NEWEST, connection, {"stream": str(recorded.stream), "number": recorded.event.number}, key=["stream"])
