"""What the storage tests share: a small kind of stream, contexts, and stores that close themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

import sqlalchemy as sa

from services.chassis.context import Context, Delivery, Request
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, OrganisationId, Role

MONDAY = datetime(2026, 3, 2, 8, 0, 0, 250_000, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Opened:
    owner: str


@dataclass(frozen=True, kw_only=True)
class Counted:
    by: int
    share: Fraction = Fraction(1)


Event = Opened | Counted
EVENTS: Mapping[str, type[Event]] = {"tally.opened.v1": Opened, "tally.counted.v1": Counted}
REGISTRY: Registry[Event] = Registry(EVENTS)


@dataclass(frozen=True, kw_only=True)
class Tally:
    owner: str
    total: int


def evolve(state: Tally | None, recorded: Recorded[Event]) -> Tally:
    match recorded.event:
        case Opened(owner=owner):
            return Tally(owner=owner, total=0)
        case Counted(by=by):
            assert state is not None
            return Tally(owner=state.owner, total=state.total + by)


VIEWS = sa.MetaData()
COUNTS = sa.Table("counts", VIEWS, sa.Column("stream", sa.Uuid, primary_key=True), sa.Column("total", sa.BigInteger, nullable=False))


def context(*, recorded_at: datetime = MONDAY, request: Request | None = None, delivery: Delivery | None = None) -> Context:
    return Context(
        caller=Caller(subject="ana", organisation=OrganisationId("bank"), roles=frozenset({Role.SERVICE_MANAGER})),
        recorded_at=recorded_at,
        reason="asked on the phone",
        tool="http",
        correlation_id="c-1",
        causation_id="m-0",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        request=request,
        delivery=delivery,
    )


def delivery(event_id: str, *, position: int = 1, consumer: str = "improvement", source: str = "measurement") -> Delivery:
    return Delivery(
        consumer=consumer,
        source=source,
        event_id=event_id,
        position=position,
        type="objective-breached",
        recorded_at="2026-03-02T08:00:00Z",
    )


@asynccontextmanager
async def opened_store(settings: Settings, service: str = "tallies") -> AsyncIterator[EventStore[Event]]:
    store = EventStore.open(service, settings, REGISTRY)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_database(settings: Settings, service: str = "tallies", *further: sa.MetaData) -> AsyncIterator[Database]:
    database = Database.open(service, settings, VIEWS, *further)
    try:
        yield database
    finally:
        await database.close()
