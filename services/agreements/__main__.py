"""The composition root of agreements: what runs, and on what. Decides nothing."""

from __future__ import annotations

import asyncio

from upheld.agreements.v1.agreements_pb2_grpc import add_AgreementsServicer_to_server

from services.agreements import api, api_bundle, api_exchange, api_keyring, api_receipts, bus, rpc, views
from services.agreements.application import Agreements
from services.agreements.bundle_export import BundleExport
from services.agreements.keyring_application import Keyrings
from services.agreements.permissions import PERMISSIONS
from services.agreements.receipts import Receipts
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.agreements.timer import ExpiryTimer
from services.chassis import sealer
from services.chassis.database import Database
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


PATHS = ("/v1/agreements", "/v1/keys", path_of(NAME))


async def compose(platform: Platform) -> Service:
    """Opens the stores; nothing runs yet."""
    store = await asyncio.to_thread(EventStore[Stored].open, NAME, platform.settings, Registry(STORED, upcasters=UPCASTERS))
    database = await asyncio.to_thread(Database.open, NAME, platform.settings, views.METADATA, sealer.METADATA)
    log = await service_log(NAME, platform, store, database)
    listing = views.AgreementList(database)
    keyrings = Keyrings(store, listing)
    agreements = Agreements(store, listing, keyrings)
    receipts = Receipts(agreements, log.sealed)
    export = BundleExport(
        agreements=agreements,
        store=store,
        sealed=log.sealed,
        signer=log.signer,
        measurement=ServiceFiles(platform, "measurement", calling=NAME),
        clock=platform.clock,
    )

    app = create_app(NAME, title="Upheld agreements", version=VERSION, platform=platform, permissions=PERMISSIONS, docs=DOCS)
    app.include_router(api.router(agreements))
    app.include_router(api_exchange.router(agreements))
    app.include_router(api_keyring.router(keyrings))
    app.include_router(api_receipts.router(receipts))
    app.include_router(api_bundle.router(export))
    app.include_router(log.routes)
    seal(app, PERMISSIONS)

    servicer = rpc.AgreementsRpc(agreements, keyrings, receipts, export)
    projection = Projection(NAME, database, views.apply)
    follower = Follower(NAME, store, [projection, Relay(NAME, platform.broker, bus.translate), log.sealer])
    timer = ExpiryTimer(agreements, clock=platform.clock, every_s=platform.settings.close_check_every_s)

    async def close() -> None:
        await store.close()
        await database.close()

    return Service(
        name=NAME,
        app=app,
        paths=PATHS,
        permissions=PERMISSIONS,
        servicers=((rpc.SERVICE, lambda server: add_AgreementsServicer_to_server(servicer, server)),),
        runners=(follower, log.publisher, timer),
        checks={
            "events": store.check,
            "log": log.sealer.check,
            "views": database.check,
        },
        close=close,
    )
