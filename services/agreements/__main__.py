"""The composition root of agreements: what runs, and on what. Decides nothing."""

from __future__ import annotations

import asyncio

from upheld.agreements.v1.agreements_pb2_grpc import add_AgreementsServicer_to_server

from services.agreements import api, api_exchange, bus, rpc, views
from services.agreements.agreement import FACTS, Fact
from services.agreements.application import Agreements
from services.agreements.permissions import PERMISSIONS
from services.agreements.timer import ExpiryTimer
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.follower import Follower, Projection
from services.chassis.http import create_app, seal
from services.chassis.relay import Relay
from services.chassis.service import Platform, Service

NAME = "agreements"
VERSION = "1.0"
DOCS = """What a provider and a customer agree on: drafted, proposed, signed by both, amended with an effective date, ended; and its past.

Terms are one document in YAML or JSON. A signature names the SHA-256 digest of exactly the terms that were proposed."""


PATHS = ("/v1/agreements",)


async def compose(platform: Platform) -> Service:
    """Opens the stores; nothing runs yet."""
    store = await asyncio.to_thread(EventStore[Fact].open, NAME, platform.settings, Registry(FACTS))
    database = await asyncio.to_thread(Database.open, NAME, platform.settings, views.METADATA)
    agreements = Agreements(store, views.AgreementList(database))

    app = create_app(NAME, title="Upheld agreements", version=VERSION, platform=platform, permissions=PERMISSIONS, docs=DOCS)
    app.include_router(api.router(agreements))
    app.include_router(api_exchange.router(agreements))
    seal(app, PERMISSIONS)

    servicer = rpc.AgreementsRpc(agreements)
    projection = Projection(NAME, database, views.apply)
    follower = Follower(NAME, store, [projection, Relay(NAME, platform.broker, bus.translate)])
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
        runners=(follower, timer),
        checks={
            "events": store.check,
            "views": database.check,
        },
        close=close,
    )
