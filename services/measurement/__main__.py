"""The composition root of measurement: what runs, and on what. Decides nothing."""

from __future__ import annotations

import asyncio

from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub
from upheld.measurement.v1.measurement_pb2_grpc import add_MeasurementServicer_to_server

from services.chassis import sealer
from services.chassis.consumer import Consumer, DatabaseInbox
from services.chassis.database import Database
from services.chassis.erasure import in_rows
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.follower import Follower, Projection
from services.chassis.http import create_app, seal
from services.chassis.log_doors import path_of
from services.chassis.relay import Relay
from services.chassis.repository import Repository
from services.chassis.rpc import client
from services.chassis.service import Platform, Service
from services.chassis.service_log import service_log
from services.measurement import api, api_bundle, api_inquiry, bus, party_facts, party_facts_store, rpc, views
from services.measurement.application import Measurement
from services.measurement.bundle_part import BundleParts
from services.measurement.inquiry import Inquiry
from services.measurement.judgement import Event, Judgement, evolve
from services.measurement.parties import Parties
from services.measurement.party_facts import Fact, PartyFacts, Told
from services.measurement.permissions import PERMISSIONS
from services.measurement.simulator import Simulator
from services.measurement.store import METADATA
from services.measurement.stored import STORED, Stored
from services.measurement.timer import Assessor, PeriodTimer
from services.vocabulary.period import parse_instant

NAME = "measurement"
VERSION = "1.0"
DOCS = """What was observed of a provider's services, and what it came to: attainment, verdict and credit by period, exact.

Observations are durable before the answer, told once however often they are sent, welcome late and in any order. A closed month is never
changed, only restated; what was known before stays readable."""
PATHS = (
    "/v1/observations",
    "/v1/assessments",
    "/v1/measurements",
    "/v1/exclusions",
    "/v1/disputes",
    "/v1/previews",
    "/v1/simulations",
    path_of(NAME),
)


async def compose(platform: Platform) -> Service:
    """Opens the stores; nothing runs yet."""
    settings, clock = platform.settings, platform.clock
    events = await asyncio.to_thread(EventStore[Stored].open, NAME, settings, Registry(STORED))
    database = await asyncio.to_thread(Database.open, NAME, settings, METADATA, sealer.METADATA)
    forget = {"party-facts": in_rows(database, party_facts_store.forget), "reporters": in_rows(database, party_facts_store.forget_reporter)}
    log = await service_log(NAME, platform, events, database, forget=forget)
    desk = rpc.AgreementsDesk(client(platform, "agreements", AgreementsStub, calling=NAME), clock=clock)
    judgements = Repository(events, _evolve)
    measurement = Measurement(database=database, judgements=judgements, desk=desk, clock=clock)
    parties = Parties(database=database, facts=Repository(events, _evolve_facts), measurement=measurement, clock=clock)

    inquiry = Inquiry(database=database, judgements=judgements, measurement=measurement, reader=desk, clock=clock)
    simulator = Simulator(database=database, measurement=measurement, inquiry=inquiry, desk=desk, clock=clock)

    parts = BundleParts(measurement=measurement, database=database, store=events, sealed=log.sealed, signer=log.signer)

    app = create_app(NAME, title="Upheld measurement", version=VERSION, platform=platform, permissions=PERMISSIONS, docs=DOCS)
    app.include_router(api_bundle.router(parts))
    app.include_router(api.router(measurement, parties, clock=clock))
    app.include_router(api_inquiry.router(inquiry, simulator))
    app.include_router(log.routes)
    seal(app, PERMISSIONS)

    servicer = rpc.MeasurementRpc(measurement, parties, inquiry, simulator, clock=clock)
    projections = [Projection(NAME, database, views.apply), Projection("party-facts", database, party_facts_store.apply)]
    follower = Follower(NAME, events, [*projections, Relay(NAME, platform.broker, bus.translate), log.sealer])
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
            log.publisher,
            consumer,
            Assessor(measurement),
            PeriodTimer(measurement, clock=clock, every_s=settings.close_check_every_s),
            bus.Ingest(measurement, broker=platform.broker, identity=platform.identity, clock=clock),
        ),
        checks={
            "events": events.check,
            "log": log.sealer.check,
            "views": database.check,
            "agreements": consumer.check,
        },
        close=close,
    )


def _evolve(state: Judgement | None, recorded: Recorded[Stored]) -> Judgement:
    assert isinstance(recorded.event, Event), "a month's stream tells of the month"
    return evolve(state, recorded.event)


def _evolve_facts(state: PartyFacts | None, recorded: Recorded[Stored]) -> PartyFacts:
    assert isinstance(recorded.event, Fact), "the parties' stream tells what they added"
    recorded_at = parse_instant(recorded.metadata.recorded_at, place="recorded_at")
    return party_facts.evolve(state, Told(fact=recorded.event, by=recorded.metadata.actor, recorded_at=recorded_at))
