"""The composition root of reporting: what runs, and on what. Decides nothing."""

from __future__ import annotations

import asyncio

from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub
from upheld.measurement.v1.measurement_pb2_grpc import MeasurementStub
from upheld.reporting.v1.reports_pb2_grpc import add_ReportsServicer_to_server

from services.chassis import sealer
from services.chassis.checkpoints import CheckpointsHeard
from services.chassis.consumer import Consumer, DatabaseInbox
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.follower import Follower, Projection
from services.chassis.http import create_app, seal
from services.chassis.log_doors import path_of
from services.chassis.log_keys import LogKeys
from services.chassis.relay import Relay
from services.chassis.repository import Repository
from services.chassis.rpc import client
from services.chassis.service import Platform, Service
from services.chassis.service_log import service_log
from services.reporting import api, bus, portal, portal_history, rpc, rpc_past, views
from services.reporting.application import SERVICE, Issuer, Reports
from services.reporting.histories import Histories
from services.reporting.issue import EVENTS, Issued, ReportIssued, evolve
from services.reporting.pages import Pages
from services.reporting.permissions import PERMISSIONS

VERSION = "1.0"
DOCS = """What was promised, what was kept and what was done about it, for each agreement and period.

A report is issued when a period is closed, once more for each restatement, and never changed. `live=true` adds what is known since."""
PATHS = (api.PREFIX, portal.PREFIX, path_of(SERVICE))


async def compose(platform: Platform) -> Service:
    """Opens the stores; nothing runs yet."""
    settings, broker, clock = platform.settings, platform.broker, platform.clock
    store = await asyncio.to_thread(EventStore[ReportIssued].open, SERVICE, settings, Registry(EVENTS))
    database = await asyncio.to_thread(Database.open, SERVICE, settings, views.metadata, sealer.METADATA)
    log = await service_log(SERVICE, platform, store, database, forget={})  # what is read here names nobody
    read = views.Views(database)
    repository: Repository[Issued, ReportIssued] = Repository(store, lambda issued, recorded: evolve(issued, recorded.event))
    measuring = rpc.MeasurementByGrpc(client(platform, "measurement", MeasurementStub, calling=SERVICE))
    histories = Histories(rpc_past.PastByGrpc(client(platform, "agreements", AgreementsStub, calling=SERVICE)))
    checkpoints = CheckpointsHeard("measurement", broker, LogKeys.at(settings).of("measurement"))
    reports = Reports(views=read, measuring=measuring, clock=clock)
    issuer = Issuer(views=read, repository=repository, log=bus.MeasurementLog(checkpoints), clock=clock)
    await checkpoints.tell(issuer.poke)
    pages = Pages()

    app = create_app(SERVICE, title="Upheld reporting", version=VERSION, platform=platform, permissions=PERMISSIONS, docs=DOCS)
    app.include_router(api.routes(reports, pages))
    app.include_router(
        portal.routes(reports, pages, identity=platform.identity, clock=clock, secure=platform.public_url.startswith("https://"))
    )
    app.include_router(portal_history.routes(histories, pages, prefix=portal.PREFIX))
    app.add_middleware(portal.ForPeople, pages=pages)
    app.include_router(log.routes)
    seal(app, PERMISSIONS)

    servicer = rpc.ReportsRpc(reports)
    projection = Projection(SERVICE, database, views.report_issued)
    follower = Follower(SERVICE, store, [projection, Relay(SERVICE, broker, bus.translate), log.sealer])
    consumers = [
        Consumer(SERVICE, source, broker, DatabaseInbox(database), handlers, clock=clock, use_inbox=settings.inbox)
        for source, handlers in bus.handlers(database, issuer.poke).items()
    ]

    async def close() -> None:
        await store.close()
        await database.close()

    return Service(
        name=SERVICE,
        app=app,
        paths=PATHS,
        permissions=PERMISSIONS,
        servicers=((rpc.SERVICE, lambda server: add_ReportsServicer_to_server(servicer, server)),),
        runners=(follower, log.publisher, *consumers, issuer),
        checks={
            "events": store.check,
            "log": log.sealer.check,
            "views": database.check,
            **{consumer.name: consumer.check for consumer in consumers},
        },
        close=close,
    )
