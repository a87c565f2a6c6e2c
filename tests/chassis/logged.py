"""A small service whose history is in a signed log, on a running host: what log, doors and witnesses are tried on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx2

from services.chassis import sealer
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.follower import Follower
from services.chassis.http import create_app, seal
from services.chassis.log_doors import PERMISSIONS, path_of
from services.chassis.service import Host, Platform, Service, platform
from services.chassis.service_log import ServiceLog, service_log
from services.chassis.settings import Settings
from services.transparency.note import Checkpoint, parse_checkpoint, parse_note
from services.vocabulary.identity import Role
from tests.chassis.storage import REGISTRY, Counted, Event, context
from tests.journeys.people import token

NAME = "tallies"
LOG = path_of(NAME)


@dataclass(frozen=True, kw_only=True)
class Logged:
    """`http` has no credential of its own."""

    platform: Platform
    store: EventStore[Event]
    follower: Follower
    log: ServiceLog
    url: str
    http: httpx2.AsyncClient

    async def append(self, count: int = 1, *, stream: UUID | None = None, by: int = 1) -> None:
        """Returns once they are in the log, in one stream of their own."""
        recorded = await self.store.append(stream or uuid4(), expected_version=0, events=[Counted(by=by)] * count, context=context())
        await self.follower.caught_up(recorded[-1].position)

    def bearer(self, *roles: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(*roles)}"}

    def token(self, *roles: Role) -> str:
        return token(self.platform.settings.data, "bank", *roles)

    async def get(self, path: str, role: Role = Role.VIEWER) -> httpx2.Response:
        """Below the log's own path."""
        return await self.http.get(f"{LOG}/{path}", headers=self.bearer(role))

    async def checkpoint(self) -> Checkpoint:
        return parse_checkpoint(parse_note((await self.get("checkpoint")).text).text)


@asynccontextmanager
async def logged(folder: Path, **settings: object) -> AsyncIterator[Logged]:
    told = Settings.model_validate({"data": folder, "http_port": 0, "grpc_port": 0, "nats_port": 0} | settings)
    shared = await platform(told, name="test")
    store = EventStore.open(NAME, shared.settings, REGISTRY)
    database = Database.open(NAME, shared.settings, sealer.METADATA)
    log = await service_log(NAME, shared, store, database, forget={})
    app = create_app(NAME, title=NAME, version="1", platform=shared, permissions=PERMISSIONS, docs="Tallies")
    app.include_router(log.routes)
    seal(app, PERMISSIONS)

    async def close() -> None:
        await store.close()
        await database.close()

    follower = Follower(NAME, store, [log.sealer])
    runners = (follower, log.publisher)
    checks = {"log": log.sealer.check}
    host = Host([Service(name=NAME, app=app, paths=(LOG,), permissions=PERMISSIONS, runners=runners, checks=checks, close=close)], shared)
    await host.start()
    url = f"http://127.0.0.1:{host.http_port}"
    try:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            yield Logged(platform=shared, store=store, follower=follower, log=log, url=url, http=http)
    finally:
        await host.stop()
