"""Reporting without its doors: stores on a folder, messages handed to the handlers as the consumers do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from google.protobuf.message import Message

from services.chassis.clock import MovableClock
from services.chassis.consumer import Handler
from services.chassis.context import Context, Delivery
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.follower import Projection
from services.chassis.repository import Repository
from services.chassis.settings import Settings
from services.reporting import bus, views
from services.reporting.application import Issuer, MeasurementLog, Reports, Sealed
from services.reporting.issue import EVENTS, Issued, ReportIssued, evolve
from services.reporting.material import Assessment
from services.reporting.report import LogPart
from services.vocabulary.errors import NotFound
from services.vocabulary.identity import Caller, OrganisationId, Role
from tests.reporting import given
from tests.reporting.stage import EVENTS as TOLD_AS

MOMENT = datetime(2026, 4, 4, 9, 0, 1, tzinfo=UTC)


class Silent:
    """Measurement that knows no running month."""

    async def assessment(self, agreement_id: str, period: str) -> Assessment:
        raise NotFound(f"{agreement_id} has no {period}")


@dataclass
class Room:
    """`hear` is a message arriving once, `again` the same delivery once more."""

    store: EventStore[ReportIssued]
    database: Database
    views: views.Views
    issuer: Issuer
    reports: Reports
    handlers: dict[str, list[Handler]]
    projection: Projection
    heard: list[tuple[Message, Context]] = field(default_factory=list)

    async def hear(self, *messages: Message) -> None:
        for message in messages:
            delivered = (message, context(message, position=len(self.heard) + 1))
            self.heard.append(delivered)
            await self.deliver(*delivered)

    async def again(self) -> None:
        for delivered in self.heard:
            await self.deliver(*delivered)

    async def deliver(self, message: Message, because: Context) -> None:
        source, event = TOLD_AS[type(message).__name__]
        handler = next(handler for handler in self.handlers[source] if handler.event == event)
        await handler.handle(type(message).FromString(message.SerializeToString()), because)

    async def issue(self) -> int:
        """Issues what is due and lets the view of issued reports follow."""
        count = await self.issuer.issue_due()
        await self.follow()
        return count

    async def follow(self) -> None:
        behind = await self.store.read(after=await self.projection.position(), limit=100)
        await self.projection.take(behind)

    async def issues(self) -> list[Recorded[ReportIssued]]:
        return await self.store.read(after=0, limit=100)

    async def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table of the room."""

        def work(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
            tables = views.metadata.sorted_tables
            return {table.name: sorted(tuple(row) for row in connection.execute(sa.select(table)).all()) for table in tables}

        return await self.database.read(work)


LOG = LogPart(name="upheld/measurement", size=7, root="cm9vdA==", key="upheld/measurement+00000000+a2V5")


class EverythingSealed:
    """A log that has all that was ever told."""

    async def newest(self) -> Sealed:
        return Sealed(position=10**9, log=LOG)


@asynccontextmanager
async def room(
    settings: Settings, *, patience_s: float = 60, clock: MovableClock | None = None, log: MeasurementLog | None = None
) -> AsyncIterator[Room]:
    store = EventStore[ReportIssued].open("reporting", settings, Registry(EVENTS))
    database = Database.open("reporting", settings, views.metadata)
    clock = clock or MovableClock(MOMENT)
    read = views.Views(database)
    repository: Repository[Issued, ReportIssued] = Repository(store, lambda issued, recorded: evolve(issued, recorded.event))
    issuer = Issuer(views=read, repository=repository, log=log or EverythingSealed(), clock=clock, patience_s=patience_s)
    try:
        yield Room(
            store=store,
            database=database,
            views=read,
            issuer=issuer,
            reports=Reports(views=read, measuring=Silent(), clock=clock, issued_within_s=0.3),
            handlers=bus.handlers(database, issuer.poke),
            projection=Projection("reporting", database, views.report_issued),
        )
    finally:
        await store.close()
        await database.close()


def caller(organisation: str) -> Caller:
    return Caller(subject="jon", organisation=OrganisationId(organisation), roles=frozenset({Role.VIEWER}))


def context(message: Message, *, position: int) -> Context:
    source, event = TOLD_AS[type(message).__name__]
    event_id = str(uuid5(NAMESPACE_URL, f"{source}:{position}"))
    return Context(
        caller=Caller(subject="service:reporting", organisation=OrganisationId("upheld"), roles=frozenset({Role.SERVICE})),
        recorded_at=MOMENT,
        tool="nats",
        correlation_id="c-1",
        causation_id=event_id,
        traceparent=given.TRACEPARENT,
        delivery=Delivery(
            consumer="reporting", source=source, event_id=event_id, position=position, type=event, recorded_at="2026-03-01T00:00:00Z"
        ),
    )
