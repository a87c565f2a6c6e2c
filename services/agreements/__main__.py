"""The composition root of agreements: what runs, and on what. Decides nothing."""

from __future__ import annotations

import asyncio

from sqlalchemy.engine import Connection
from upheld.agreements.v1.agreements_pb2_grpc import add_AgreementsServicer_to_server

from services.agreements import (
    api,
    api_bundle,
    api_chain,
    api_exchange,
    api_keyring,
    api_lifecycle,
    api_negotiation,
    api_receipts,
    api_replay,
    bus,
    rpc,
    search,
    timetable,
    views,
)
from services.agreements.application import Agreements
from services.agreements.bundle_export import BundleExport
from services.agreements.chain_application import Chains
from services.agreements.keyring_application import Keyrings
from services.agreements.lifecycle_application import Life
from services.agreements.past import Past
from services.agreements.permissions import PERMISSIONS
from services.agreements.personal import PERSONAL
from services.agreements.reads import ReadLog, Reads
from services.agreements.receipts import Receipts
from services.agreements.replay import Replay
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.agreements.timer import LifeTimer
from services.chassis import sealer
from services.chassis.database import Database
from services.chassis.erasure import Forgotten, in_rows
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.follower import Follower, Projection
from services.chassis.http import create_app, seal
from services.chassis.http_client import ServiceFiles
from services.chassis.log_doors import path_of
from services.chassis.relay import Relay
from services.chassis.service import Platform, Service
from services.chassis.service_log import service_log

NAME = "agreements"
VERSION = "1.0"
DOCS = """What a provider and a customer agree on: drafted, proposed, signed by both, amended with an effective date, ended; and its past.

Terms are one document in YAML or JSON. A signature is made with a key of the signatory's, over
exactly the terms that were proposed."""


PATHS = ("/v1/agreements", "/v1/history", "/v1/keys", path_of(NAME))


async def compose(platform: Platform) -> Service:
    """Opens the stores; nothing runs yet."""
    registry = Registry(STORED, upcasters=UPCASTERS, personal=PERSONAL)
    store = await asyncio.to_thread(EventStore[Stored].open, NAME, platform.settings, registry)
    database = await asyncio.to_thread(
        Database.open, NAME, platform.settings, views.METADATA, timetable.METADATA, search.METADATA, sealer.METADATA
    )
    reads = await asyncio.to_thread(ReadLog.open, platform.settings)
    forget = {search.NAME: in_rows(database, _forget_found), "reads": lambda gone: reads.forget(gone.organisation, gone.subject)}
    log = await service_log(NAME, platform, store, database, forget=forget)
    listing = views.AgreementList(database)
    keyrings = Keyrings(store, listing)
    agreements = Agreements(store, listing, keyrings, reads)
    life = Life(agreements)
    receipts = Receipts(agreements, store, log.sealed)
    export = BundleExport(
        agreements=agreements,
        store=store,
        sealed=log.sealed,
        signer=log.signer,
        measurement=ServiceFiles(platform, "measurement", calling=NAME),
        clock=platform.clock,
    )
    past = Past(
        replay=Replay(agreements, store),
        search=search.Search(agreements, store, database),
        reads=Reads(agreements, reads),
    )

    app = create_app(NAME, title="Upheld agreements", version=VERSION, platform=platform, permissions=PERMISSIONS, docs=DOCS)
    app.include_router(api.router(agreements))
    app.include_router(api_negotiation.router(life))
    app.include_router(api_lifecycle.router(life))
    app.include_router(api_exchange.router(agreements))
    app.include_router(api_keyring.router(keyrings))
    app.include_router(api_receipts.router(receipts))
    app.include_router(api_bundle.router(export))
    app.include_router(api_replay.router(past))
    app.include_router(api_chain.router(Chains(agreements)))
    app.include_router(log.routes)
    seal(app, PERMISSIONS)

    servicer = rpc.AgreementsRpc(agreements, life, keyrings=keyrings, receipts=receipts, export=export, past=past)
    projections = (
        Projection(NAME, database, views.apply),
        Projection(timetable.NAME, database, timetable.apply),
        search.SearchIndex(store, database),
    )
    follower = Follower(NAME, store, [*projections, Relay(NAME, platform.broker, bus.translate), log.sealer])
    timer = LifeTimer(agreements, timetable.Timetable(database), clock=platform.clock, every_s=platform.settings.close_check_every_s)

    async def close() -> None:
        await reads.close()
        await store.close()
        await database.close()

    return Service(
        name=NAME,
        app=app,
        paths=PATHS,
        permissions=PERMISSIONS,
        servicers=((rpc.SERVICE, lambda server: add_AgreementsServicer_to_server(servicer, server)),),
        runners=(follower, log.publisher, timer, reads),
        checks={
            "events": store.check,
            "log": log.sealer.check,
            "views": database.check,
            "reads": reads.check,
        },
        close=close,
    )


def _forget_found(connection: Connection, gone: Forgotten) -> None:
    search.forget(connection, gone.organisation, gone.subject, name=gone.name)
