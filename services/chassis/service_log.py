"""What a service needs to have its history in a signed log: a sink, doors, a publisher and a check. Knows no room."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from services.chassis import log_doors
from services.chassis.checkpoints import CheckpointPublisher
from services.chassis.database import Database
from services.chassis.erasure import Erasures, Forget
from services.chassis.event_store import EventStore
from services.chassis.log_keys import LogKeys, LogSigner, Witnesses
from services.chassis.sealer import SealedLog, Sealer

if TYPE_CHECKING:
    from services.chassis.service import Platform


@dataclass(frozen=True, kw_only=True)
class ServiceLog:
    """The sink goes to the follower, the routes to the app, the publisher to the runners, `sealer.check` to the checks."""

    signer: LogSigner
    sealer: Sealer
    sealed: SealedLog
    publisher: CheckpointPublisher
    routes: APIRouter


async def service_log(
    service: str, platform: Platform, store: EventStore[Any], database: Database, *, forget: Mapping[str, Forget]
) -> ServiceLog:
    """The database was opened with `sealer.METADATA`; `forget` rewrites what names people beside the events. Refuses
    with `BadLogKeys` and, for the file of witnesses, `Invalid`."""
    settings = platform.settings
    signer = (await asyncio.to_thread(LogKeys.open, settings)).of(service)
    witnesses = await asyncio.to_thread(Witnesses, settings.witnesses)
    sealer = Sealer(service, store, database, signer=signer, clock=platform.clock, kept=settings.data / f"{service}.checkpoint")
    erasures = Erasures(service, store, database, forget, clock=platform.clock)
    sealed = SealedLog(service, database, signer=signer, witnesses=witnesses)
    return ServiceLog(
        signer=signer,
        sealer=sealer,
        sealed=sealed,
        publisher=CheckpointPublisher(service, platform.broker, sealer, sealed),
        routes=log_doors.router(service, sealed, signer, erasures),
    )
