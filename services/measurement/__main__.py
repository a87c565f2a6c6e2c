"""The composition root of measurement: what runs, and on what. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sqlalchemy as sa
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub
from upheld.measurement.v1.measurement_pb2_grpc import add_MeasurementServicer_to_server

from services.chassis.consumer import Consumer, DatabaseInbox
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.follower import Follower, Projection
from services.chassis.http import create_app, seal
from services.chassis.relay import Relay
from services.chassis.repository import Repository
from services.chassis.rpc import client
from services.chassis.service import Platform, Service
from services.measurement import api, bus, rpc, views
from services.measurement.application import Measurement
from services.measurement.judgement import EVENTS, Event, Judgement, evolve
from services.measurement.permissions import PERMISSIONS
from services.measurement.store import METADATA
from services.measurement.timer import Assessor, PeriodTimer
from services.vocabulary.errors import Unavailable

NAME = "measurement"
VERSION = "1.0"
DOCS = """What was observed of a provider's services, and what it came to: attainment, verdict and credit by calendar month, exact.

Observations are durable before the answer, told once however often they are sent, welcome late and in any order. A closed month is never
changed, only restated; what was known before stays readable."""


PATHS = ("/v1/observations", "/v1/assessments", "/v1/measurements")


async def compose(platform: Platform) -> Service:
    """Opens the stores; nothing runs yet."""
    settings, clock = platform.settings, platform.clock
    events = await asyncio.to_thread(EventStore[Event].open, NAME, settings, Registry(EVENTS))
    database = await asyncio.to_thread(Database.open, NAME, settings, METADATA)
    desk = rpc.AgreementsDesk(client(platform, "agreements", AgreementsStub, calling=NAME), clock=clock)
    measurement = Measurement(database=database, judgements=Repository(events, _evolve), desk=desk, clock=clock)

    app = create_app(NAME, title="Upheld measurement", version=VERSION, platform=platform, permissions=PERMISSIONS, docs=DOCS)
    app.include_router(api.router(measurement, clock=clock))
    seal(app, PERMISSIONS)

    servicer = rpc.MeasurementRpc(measurement, clock=clock)
    follower = Follower(NAME, events, [Projection(NAME, database, views.apply), Relay(NAME, platform.broker, bus.translate)])
    heard = bus.AgreementsHeard(measurement, database)
    consumer = Consumer(NAME, "agreements", platform.broker, DatabaseInbox(database), heard.handlers, clock=clock, use_inbox=settings.inbox)

    async def close() -> None:
        await events.close()
        await database.close()

    return Service(
        name=NAME,
        app=app,
        paths=PATHS,
        permissions=PERMISSIONS,
        servicers=((rpc.SERVICE, lambda server: add_MeasurementServicer_to_server(servicer, server)),),
        runners=(
            follower,
            consumer,
            Assessor(measurement),
            PeriodTimer(measurement, clock=clock, every_s=settings.close_check_every_s),
            bus.Ingest(measurement, broker=platform.broker, identity=platform.identity, clock=clock),
        ),
        checks={
            "events": _check(events.last_position),
            "views": _check(lambda: database.read(lambda connection: connection.execute(sa.select(1)).scalar_one())),
            "agreements": consumer.check,
        },
        close=close,
    )


def _evolve(state: Judgement | None, recorded: Recorded[Event]) -> Judgement:
    return evolve(state, recorded.event)


def _check(ask: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[str]]:
    async def check() -> str:
        try:
            await ask()
        except Unavailable as refusal:
            return refusal.message
        return ""

    return check
