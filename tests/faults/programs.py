"""The processes that are killed: a service that takes commands, its relay, and a consumer. Built of the chassis' parts and nothing else."""

from __future__ import annotations

import asyncio
import ctypes
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection as Pipe
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy.engine import Connection

from services.chassis.clock import SystemClock
from services.chassis.consumer import Consumer, DatabaseInbox, Handler
from services.chassis.context import Context, Delivery, Request
from services.chassis.database import Database, accept
from services.chassis.event_log import open_log
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.follower import Follower
from services.chassis.nats import Broker
from services.chassis.people import People
from services.chassis.relay import Outgoing, Relay
from services.chassis.repository import Repository
from services.chassis.sealer import METADATA as SEALS
from services.chassis.sealer import SealedLog, Sealer
from services.chassis.settings import Settings
from services.chassis.telemetry import configure_logs
from services.transparency.note import Signer
from services.vocabulary.errors import Refusal
from services.vocabulary.identity import Caller, OrganisationId, Role

SOURCE = "counter"
SINK = "ledger"

Ready = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """A command that was taken."""

    series: str
    number: int


REGISTRY: Registry[Numbered] = Registry({"counter.numbered.v1": Numbered})

SIGNER = Signer("upheld.example/counter", Ed25519PrivateKey.from_private_bytes(b"c" * 32))

VIEWS = sa.MetaData()
EFFECTS = sa.Table(
    "effects",
    VIEWS,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("series", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
)


def stream_of_series(series: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"upheld:faults:{series}")


def opened_log(settings: Settings) -> EventStore[Numbered]:
    return EventStore.open(SOURCE, settings, REGISTRY)


def opened_seals(settings: Settings) -> Database:
    return Database.open(SOURCE, settings, SEALS)


def sealed_log(database: Database) -> SealedLog:
    return SealedLog(SOURCE, database, signer=SIGNER, witnesses=list)


def opened_ledger(settings: Settings) -> Database:
    return Database.open(SINK, settings, VIEWS)


class _Counter:
    """Takes commands; answers a line with a command by a line with the version it led to, once that is on the disk."""

    def __init__(self, store: EventStore[Numbered]) -> None:
        self.store = store
        self._repository: Repository[int, Numbered] = Repository(store, lambda state, _: (state or 0) + 1)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                answered = await self._answered(json.loads(line))
            except Refusal as refusal:
                answered = {"refused": refusal.code, "why": refusal.message}
            writer.write(json.dumps(answered).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answered(self, command: dict[str, Any]) -> dict[str, object]:
        return {"version": await self._take(command["series"], command["number"])}

    async def _take(self, series: str, number: int) -> int:
        key = f"{series}:{number}"
        context = Context(
            caller=Caller(subject="driver", organisation=OrganisationId("faults"), roles=frozenset({Role.OPERATOR})),
            recorded_at=SystemClock().now(),
            correlation_id=key,
            request=Request(key=key, fingerprint=sha256(key.encode()).hexdigest()),
        )
        decided = (Numbered(series=series, number=number),)
        taken = await self._repository.execute(stream_of_series(series), lambda _: decided, context=context)
        return taken.version


class _SealedCounter(_Counter):
    """Answers an empty command by the newest checkpoint and by what the store waits for."""

    def __init__(self, store: EventStore[Numbered], log: SealedLog) -> None:
        super().__init__(store)
        self._log = log

    async def _answered(self, command: dict[str, Any]) -> dict[str, object]:
        if command:
            return await super()._answered(command)
        return {"checkpoint": await self._log.checkpoint(), "waits_for": await self.store.check()}


async def _listen(counter: _Counter, port: int, ready: Ready) -> None:
    server = await asyncio.start_server(counter.answer, "127.0.0.1", port)
    ready()
    await server.serve_forever()


async def _serve(settings: Settings, port: int, ready: Ready) -> None:
    await _listen(_Counter(opened_log(settings)), port, ready)


async def _serve_sealed(settings: Settings, port: int, ready: Ready) -> None:
    store, database = opened_log(settings), opened_seals(settings)
    sealer = Sealer(SOURCE, store, database, signer=SIGNER, clock=SystemClock(), kept=settings.data / "kept.checkpoint")
    async with asyncio.TaskGroup() as group:
        group.create_task(Follower(SOURCE, store, [sealer], poll_every_s=0.05).run())
        group.create_task(_listen(_SealedCounter(store, sealed_log(database)), port, ready))


async def _serve_careless(settings: Settings, port: int, ready: Ready) -> None:
    """As `_serve`, and syncs nothing."""
    log = open_log(SOURCE, settings)
    log.datastore._writer._sqlite_conn.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]
    await _listen(_Counter(EventStore(SOURCE, log, REGISTRY, People.open(SOURCE, settings))), port, ready)


async def _relay(settings: Settings, _port: int, ready: Ready) -> None:
    def translate(recorded: Recorded[Numbered]) -> Outgoing:
        event = recorded.event
        return Outgoing(tenant="faults", event="numbered", message=StringValue(value=json.dumps([event.series, event.number])))

    broker = await Broker.connect(settings, "relay")
    follower = Follower(SOURCE, opened_log(settings), [Relay(SOURCE, broker, translate)], poll_every_s=0.05)
    ready()
    await follower.run()


async def _consume(settings: Settings, _port: int, ready: Ready) -> None:
    database = opened_ledger(settings)
    broker = await Broker.connect(settings, "consumer")

    async def record(message: StringValue, context: Context) -> None:
        series, number = json.loads(message.value)

        def write(connection: Connection) -> None:
            if _first_time(connection, context.delivery):
                connection.execute(EFFECTS.insert().values(series=series, number=number))

        await database.write(write)

    consumer = Consumer(
        SINK,
        SOURCE,
        broker,
        DatabaseInbox(database),
        [Handler(event="numbered", message=StringValue, handle=record)],
        clock=SystemClock(),
        use_inbox=settings.inbox,
        ack_wait_s=1.0,
    )
    ready()
    await consumer.run()


def _first_time(connection: Connection, delivery: Delivery | None) -> bool:
    return delivery is None or accept(connection, delivery)


PROGRAMS: dict[str, Callable[[Settings, int, Ready], Coroutine[Any, Any, None]]] = {
    "service": _serve,
    "sealed": _serve_sealed,
    "careless": _serve_careless,
    "relay": _relay,
    "consumer": _consume,
}


def run(kind: str, settings: Settings, port: int, ready: Pipe) -> None:
    """The main function of a process; says through the pipe that it is at work."""
    configure_logs("error")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # with whoever started it (PR_SET_PDEATHSIG)
    asyncio.run(PROGRAMS[kind](settings, port, lambda: ready.send(kind)))
