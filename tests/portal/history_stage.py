"""Agreements and reporting as they run together, with one agreement that was drafted, signed and amended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import grpc.aio
import httpx2
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub

from services.agreements.__main__ import compose as agreements
from services.chassis.clock import MovableClock
from services.chassis.service import Host, platform
from services.chassis.settings import Settings
from services.reporting.__main__ import compose as reporting
from services.vocabulary.identity import OrganisationId, Role
from tests.agreements.support import CUSTOMER, MARCH_9, PROVIDER, Answer, Running, availability_of, soon, yaml_of

T = TypeVar("T")

HOSTILE = '"><script>alert(1)</script> agreed at lunch'
AMENDED_ON = "2026-05-01"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`do` runs on the services' own loop; `agreement_id` is of the agreement whose history is looked at."""

    service: Running
    agreement_id: str
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return str(self.service.http.base_url).rstrip("/")

    @property
    def page(self) -> str:
        return f"/portal/agreements/{self.agreement_id}/history"

    def token(self, organisation: str) -> str:
        return self.service.token(organisation, Role.VIEWER)

    def do(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def get(self, path: str, *, organisation: str = CUSTOMER) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token(organisation)}"} if organisation else {}
        return httpx2.get(self.url + path, headers=headers, timeout=20)

    @property
    def types(self) -> list[str]:
        """Of the events, in order."""
        return [each["type"] for each in self.get(f"/v1/agreements/{self.agreement_id}/history").json()["items"]]

    def event(self, name: str) -> int:
        """The version of the first event of that name."""
        return next(version for version, told in enumerate(self.types, start=1) if told.startswith(f"agreement.{name}.v"))

    def draft(self) -> str:
        """The history page of another agreement, of one event."""
        drafted = self.do(self.service.draft())
        self.do(_sealed(self.service, drafted.body["id"], 1))
        return f"/portal/agreements/{drafted.body['id']}/history"


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """All its events are in the log when this begins."""
    with ThreadPoolExecutor(1) as thread:
        ready: Future[tuple[Scene, asyncio.Event]] = Future()

        async def run() -> None:
            settings = Settings(data=folder / "data", http_port=0, grpc_port=0, nats_port=0, log_level="error")
            clock = MovableClock(MARCH_9)
            house = await platform(settings, clock, name="history")
            host = Host([await agreements(house), await reporting(house)], house)
            await host.start()
            try:
                async with (
                    httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}", timeout=20, trust_env=False) as http,
                    grpc.aio.insecure_channel(f"127.0.0.1:{host.grpc_port}") as channel,
                ):
                    service = Running(host=host, platform=house, clock=clock, http=http, stub=AgreementsStub(channel))
                    over, loop = asyncio.Event(), asyncio.get_running_loop()
                    told = Scene(service=service, agreement_id=await _told(service), loop=loop)
                    ready.set_result((told, over))
                    await over.wait()
            finally:
                await host.stop()

        running = thread.submit(asyncio.run, run())
        running.add_done_callback(lambda ended: None if ready.done() else ready.set_exception(ended.exception() or RuntimeError("ended")))
        found, over = ready.result()
        try:
            yield found
        finally:
            found.loop.call_soon_threadsafe(over.set)
            running.result(timeout=60)


async def _told(service: Running) -> str:
    """Agreed on 9 March and amended on 10 March from 1 May on."""
    path, active = await service.activate()
    service.clock.move_to(MARCH_9 + timedelta(days=1))
    proposed = await service.ask(
        "POST",
        f"{path}/amendments?effective_on={AMENDED_ON}",
        yaml_of(availability_of("99.95")),
        media_type="application/yaml",
        by=OrganisationId(CUSTOMER),
        version=active.version,
        headers={"x-reason": HOSTILE},
    )
    assert proposed.status == 200, proposed.body
    await service.sign_for(proposed.body, PROVIDER)
    now = await service.ask("GET", path)
    signed = await service.sign_for(now.body, CUSTOMER)
    await _sealed(service, active.body["id"], signed.version)
    return str(active.body["id"])


async def _sealed(service: Running, agreement_id: str, version: int) -> None:
    async def ask() -> Answer:
        return await service.ask("GET", f"/v1/agreements/{agreement_id}/events/{version}/receipt")

    await soon(ask, lambda answer: answer.status == 200)
