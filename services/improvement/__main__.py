"""The composition root of improvement: what runs, and on what. Decides nothing."""

from __future__ import annotations

import asyncio

from upheld.improvement.v1.improvements_pb2_grpc import add_ImprovementsServicer_to_server
from upheld.measurement.v1.measurement_pb2_grpc import MeasurementStub

from services.chassis import sealer
from services.chassis.consumer import Consumer, DatabaseInbox
from services.chassis.database import Database
from services.chassis.erasure import in_rows
from services.chassis.event_store import EventStore
from services.chassis.follower import Follower, Projection
from services.chassis.http import create_app, seal
from services.chassis.log_doors import path_of
from services.chassis.rpc import client
from services.chassis.service import Platform, Service
from services.chassis.service_log import service_log
from services.improvement import api, bus, rpc, views
from services.improvement.application import REGISTRY, SERVICE, Analyst, Improvements
from services.improvement.improvement import Fact
from services.improvement.permissions import PERMISSIONS
from services.improvement.wire import MeasurementByGrpc

VERSION = "1.0"
DOCS = """What a breach sets off: findings from the data, recommendations, a plan, its approval and implementation, and the measured proof.

A breach opens one improvement, however often it is told. Effective is what meets the target afterwards and keeps half of its promise."""


PATHS = (api.PREFIX, path_of(SERVICE))


async def compose(platform: Platform) -> Service:
    """Opens the stores; nothing runs yet."""
    settings, broker, clock = platform.settings, platform.broker, platform.clock
    store = await asyncio.to_thread(EventStore[Fact].open, SERVICE, settings, REGISTRY)
    database = await asyncio.to_thread(Database.open, SERVICE, settings, views.METADATA, sealer.METADATA)
    log = await service_log(SERVICE, platform, store, database, forget={SERVICE: in_rows(database, views.forget)})
    read = views.Views(database)
    measurement = MeasurementByGrpc(client(platform, "measurement", MeasurementStub, calling=SERVICE))
    improvements = Improvements(store=store, views=read, measurement=measurement)

    app = create_app(SERVICE, title="Upheld improvement", version=VERSION, platform=platform, permissions=PERMISSIONS, docs=DOCS)
    app.include_router(api.routes(improvements))
    app.include_router(log.routes)
    seal(app, PERMISSIONS)

    servicer = rpc.ImprovementsRpc(improvements)
    projection = Projection(SERVICE, database, views.project)
    follower = Follower(SERVICE, store, [projection, bus.PublishedImprovements(store, broker), log.sealer])
    breaches = Consumer(
        SERVICE, "measurement", broker, store, bus.measurement_handlers(improvements, read), clock=clock, use_inbox=settings.inbox
    )
    terms = Consumer(
        SERVICE, "agreements", broker, DatabaseInbox(database), bus.agreements_handlers(read), clock=clock, use_inbox=settings.inbox
    )
    analyst = Analyst(improvements=improvements, store=store, views=read, clock=clock)

    async def close() -> None:
        await store.close()
        await database.close()

    return Service(
        name=SERVICE,
        app=app,
        paths=PATHS,
        permissions=PERMISSIONS,
        servicers=((rpc.SERVICE, lambda server: add_ImprovementsServicer_to_server(servicer, server)),),
        runners=(follower, log.publisher, breaches, terms, analyst),
        checks={
            "events": store.check,
            "log": log.sealer.check,
            "views": database.check,
            "measurement events": breaches.check,
            "agreements events": terms.check,
        },
        close=close,
    )
