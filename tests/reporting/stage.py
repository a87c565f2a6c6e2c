"""Reporting as it runs, fed over a real broker by stand-ins of the other services; measurement answers over gRPC."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

import httpx2
from google.protobuf.message import Message
from grpc.aio import Server
from upheld.measurement.v1 import assessment_pb2, measurement_pb2
from upheld.measurement.v1.measurement_pb2_grpc import MeasurementServicer, add_MeasurementServicer_to_server
from upheld.reporting.v1.events_pb2 import ReportIssued

from services.chassis.checkpoints import STREAM, checkpoint_subject
from services.chassis.clock import MovableClock
from services.chassis.events import Metadata, Recorded
from services.chassis.http import create_app, seal
from services.chassis.log_keys import LogKeys
from services.chassis.relay import POSITION, Outgoing, Relay, stream_of
from services.chassis.service import Host, Platform, Service, platform
from services.chassis.settings import Settings
from services.reporting.__main__ import compose
from services.transparency.merkle import leaf_hash
from services.transparency.note import Checkpoint
from services.vocabulary.errors import NotFound, Unavailable
from services.vocabulary.identity import Role
from tests.reporting import given

T = TypeVar("T")

SOURCES = ("agreements", "measurement", "improvement")
START = datetime(2026, 6, 12, 10, tzinfo=UTC)
EVENTS = {
    "AgreementActivated": ("agreements", "agreement-activated"),
    "AgreementAmended": ("agreements", "agreement-amended"),
    "AgreementEnded": ("agreements", "agreement-ended"),
    "AgreementRenewed": ("agreements", "agreement-renewed"),
    "AgreementSuspended": ("agreements", "agreement-suspended"),
    "ObjectiveAtRisk": ("measurement", "objective-at-risk"),
    "ObjectiveBreached": ("measurement", "objective-breached"),
    "PeriodClosed": ("measurement", "period-closed"),
    "PeriodRestated": ("measurement", "period-restated"),
    "ImprovementChanged": ("improvement", "improvement-changed"),
}


class NotAskedHere(AssertionError):
    """Reporting asks measurement for a month and for nothing else."""


@dataclass
class Measuring(MeasurementServicer):
    """Measurement's answers on months that run, by (agreement, period)."""

    running: dict[tuple[str, str], assessment_pb2.Assessment] = field(default_factory=dict)
    out_of_reach: bool = False
    asked: int = 0

    async def GetAssessment(self, request: measurement_pb2.GetAssessmentRequest, context: object) -> assessment_pb2.Assessment:
        self.asked += 1
        if self.out_of_reach:
            raise Unavailable("measurement rests")
        found = self.running.get((request.agreement_id, request.period))
        if found is None:
            raise NotFound("no terms are in force then")
        return found

    async def ReportObservations(self, request_iterator: object, context: object) -> measurement_pb2.ReportObservationsResponse:
        raise NotAskedHere("ReportObservations")

    async def ListAssessments(self, request: object, context: object) -> measurement_pb2.ListAssessmentsResponse:
        raise NotAskedHere("ListAssessments")

    async def MeasureSpan(self, request: object, context: object) -> assessment_pb2.ObjectiveResult:
        raise NotAskedHere("MeasureSpan")

    async def ClosePeriod(self, request: object, context: object) -> assessment_pb2.Assessment:
        raise NotAskedHere("ClosePeriod")

    async def ListObservations(self, request: object, context: object) -> measurement_pb2.ListObservationsResponse:
        raise NotAskedHere("ListObservations")

    async def SimulateTerms(self, request: object, context: object) -> measurement_pb2.Simulation:
        raise NotAskedHere("SimulateTerms")

    async def ClaimExclusion(self, request: object, context: object) -> measurement_pb2.Exclusion:
        raise NotAskedHere("ClaimExclusion")

    async def ListExclusions(self, request: object, context: object) -> measurement_pb2.ListExclusionsResponse:
        raise NotAskedHere("ListExclusions")

    async def ApproveExclusion(self, request: object, context: object) -> measurement_pb2.Exclusion:
        raise NotAskedHere("ApproveExclusion")

    async def RefuseExclusion(self, request: object, context: object) -> measurement_pb2.Exclusion:
        raise NotAskedHere("RefuseExclusion")

    async def WithdrawExclusion(self, request: object, context: object) -> measurement_pb2.Exclusion:
        raise NotAskedHere("WithdrawExclusion")

    async def ListDisputes(self, request: object, context: object) -> measurement_pb2.Disputes:
        raise NotAskedHere("ListDisputes")

    async def SettleDispute(self, request: object, context: object) -> measurement_pb2.Settlement:
        raise NotAskedHere("SettleDispute")

    async def ExplainAssessment(self, request: object, context: object) -> measurement_pb2.Explanation:
        raise NotAskedHere("ExplainAssessment")

    async def GetOutlook(self, request: object, context: object) -> measurement_pb2.Outlook:
        raise NotAskedHere("GetOutlook")

    async def PreviewChange(self, request: object, context: object) -> measurement_pb2.Preview:
        raise NotAskedHere("PreviewChange")


@dataclass
class Stage:
    """`tell` publishes as the other services do; `seen` waits until what was told can be read."""

    platform: Platform
    url: str
    grpc_port: int
    measuring: Measuring
    relays: dict[str, Relay]
    positions: dict[str, int] = field(default_factory=dict)

    def token(self, organisation: str, *roles: Role, lifetime: timedelta = timedelta(hours=1), subject: str = "jon.adeyemi") -> str:
        return self.platform.identity.issue(
            subject=subject, organisation=organisation, roles=roles or [Role.SERVICE_MANAGER], lifetime=lifetime
        )

    def http(self, organisation: str = "", *roles: Role) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token(organisation, *roles)}"} if organisation else {}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=20)

    async def tell(self, *messages: Message) -> None:
        for message in messages:
            source, event = EVENTS[type(message).__name__]
            position = self.positions[source] = self.positions.get(source, 0) + 1
            relay = self.relays[source]
            await relay.position()
            await relay.take([_recorded(source, position, Outgoing(tenant=given.PROVIDER, event=event, message=message))])

    async def seen(self, ask: Callable[[httpx2.AsyncClient], Awaitable[bool]]) -> None:
        async with self.http(given.PROVIDER) as client, asyncio.timeout(20):
            while not await ask(client):  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.02)

    async def published(self) -> list[ReportIssued]:
        """What reporting has told the others, in its order."""
        jetstream = self.platform.broker.jetstream
        count = (await jetstream.stream_info(stream_of("reporting"))).state.messages
        subscription = await jetstream.subscribe("upheld.reporting.>", stream=stream_of("reporting"), ordered_consumer=True)
        found = [await subscription.next_msg(timeout=5) for _ in range(count)]
        await subscription.unsubscribe()
        return [ReportIssued.FromString(message.data) for message in found]

    async def issued(self, period: str, *, revision: int = 1, agreement_id: str = given.AGREEMENT) -> None:
        async def ask(client: httpx2.AsyncClient) -> bool:
            return (await client.get(f"/v1/reports/{agreement_id}/{period}", params={"revision": revision})).status_code == 200

        await self.seen(ask)

    async def improved(self, status: str) -> None:
        async def ask(client: httpx2.AsyncClient) -> bool:
            page = await client.get(f"/v1/reports/{given.AGREEMENT}/2026-03", params={"live": True})
            body = page.json()
            told = [*body["improvements"], *body["since_then"]["improvements"]]
            return any(part["status"] == status for part in told)

        await self.seen(ask)


@asynccontextmanager
async def stage(folder: Path, *, start: datetime = START, settings: Settings | None = None) -> AsyncIterator[Stage]:
    """Free ports, a broker of its own, everything below the folder."""
    chosen = settings or Settings(data=folder / "data", http_port=0, grpc_port=0, nats_port=0, log_level="error")
    house = await platform(chosen, MovableClock(start), name="test")
    measuring = Measuring()
    host = Host([await compose(house), _measurement(house, measuring)], house)
    await host.start()
    try:
        relays = {source: Relay(source, house.broker, lambda recorded: recorded.event) for source in SOURCES}
        for relay in relays.values():
            await relay.position()
        await _everything_is_sealed(house)
        yield Stage(platform=house, url=f"http://127.0.0.1:{host.http_port}", grpc_port=host.grpc_port, measuring=measuring, relays=relays)
    finally:
        await host.stop()


async def _everything_is_sealed(house: Platform) -> None:
    """Says measurement's log, of all that it is going to tell."""
    signer = LogKeys.open(house.settings).of("measurement")
    note = signer.note(str(Checkpoint(signer.key.name, 1, leaf_hash(b"all"))))
    jetstream = house.broker.jetstream
    await jetstream.add_stream(name=STREAM, subjects=[checkpoint_subject("*")], max_msgs_per_subject=1)
    await jetstream.publish(checkpoint_subject("measurement"), str(note).encode(), headers={POSITION: str(10**9)})


class Standing:
    """A stage on a loop of its own, for tests that are not."""

    def __init__(self, on: Stage, loop: asyncio.AbstractEventLoop) -> None:
        self.on = on
        self._loop = loop

    def do(self, work: Coroutine[object, object, T]) -> T:
        """Runs the work on the stage's loop and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def get(
        self, path: str, *, organisation: str = given.CUSTOMER, headers: Mapping[str, str] | None = None, live: bool = False
    ) -> httpx2.Response:
        """As somebody of that organisation; an empty one sends no credential."""
        proof = {"Authorization": f"Bearer {self.on.token(organisation)}"} if organisation else {}
        address = self.on.url + path + ("?live=true" if live else "")
        return httpx2.get(address, headers={**proof, **(headers or {})}, timeout=20)


@contextmanager
def standing(folder: Path, tell: Callable[[Stage], Awaitable[None]]) -> Iterator[Standing]:
    """What `tell` told is there when this begins."""
    with ThreadPoolExecutor(1) as thread:
        ready: Future[tuple[Stage, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

        async def run() -> None:
            async with stage(folder) as on:
                await tell(on)
                over = asyncio.Event()
                ready.set_result((on, asyncio.get_running_loop(), over))
                await over.wait()

        running = thread.submit(asyncio.run, run())
        running.add_done_callback(lambda ended: None if ready.done() else ready.set_exception(ended.exception() or NotAskedHere("ended")))
        on, loop, over = ready.result()
        try:
            yield Standing(on, loop)
        finally:
            loop.call_soon_threadsafe(over.set)
            running.result(timeout=60)


async def three_months(on: Stage) -> None:
    """March breached, its improvement proved in May, June running and at risk; and a second, quiet agreement."""
    on.measuring.running[given.AGREEMENT, "2026-06"] = given.june()
    await on.tell(given.activated(), given.breached(given.march()), given.improvement_at("analysed"))
    await on.seen(_knows_the_breach)
    await on.tell(given.closed(given.march()))
    await on.issued("2026-03")
    await on.tell(*(given.improvement_at(status) for status in ("planned", "approved", "implemented")), given.closed(given.april()))
    await on.issued("2026-04")
    await on.tell(given.improvement_at("effective"))
    await on.improved("effective")
    await on.tell(given.closed(given.may()), given.at_risk(given.june(), recorded_at="2026-06-04T01:40:00Z"))
    await on.issued("2026-05")
    await _second_agreement(on)


async def _knows_the_breach(client: httpx2.AsyncClient) -> bool:
    page = await client.get(f"/portal/agreements/{given.AGREEMENT}")
    return "busy hour" in page.text


async def _second_agreement(on: Stage) -> None:
    terms = given.terms(title="Card payments")
    del terms.objectives[1:]
    june = given.assessment(
        "2026-06",
        [given.availability("2026-06", (), until="2026-06-12T10:00:00Z")],
        agreement_id=given.OTHER_AGREEMENT,
        until="2026-06-12T10:00:00Z",
    )
    on.measuring.running[given.OTHER_AGREEMENT, "2026-06"] = june
    may = given.assessment("2026-05", [given.availability("2026-05", given.MAY_OUTAGES)], agreement_id=given.OTHER_AGREEMENT)
    await on.tell(given.activated(given.OTHER_AGREEMENT, of=terms), given.closed(may))
    await on.issued("2026-05", agreement_id=given.OTHER_AGREEMENT)


async def every_kind(on: Stage) -> None:
    """A month of an agreement with an objective of each kind: breached and paid in March, below the agreed minimum in April."""
    march, april = given.manifold_march(), given.manifold_march(paid=False)
    april.period, april.start, april.end, april.measured_until = "2026-04", march.end, "2026-04-30T22:00:00Z", "2026-04-30T22:00:00Z"
    for result in april.objectives:
        result.start, result.end = april.start, april.end
        del result.days[:]
    await on.tell(given.activated(given.MANIFOLD_AGREEMENT, of=given.manifold_terms()))
    for month in (march, april):
        for result in month.objectives:
            if result.verdict == "breached":
                await on.tell(given.breach_of(month, result))
        await on.tell(given.closed(month))
        await on.issued(month.period, agreement_id=given.MANIFOLD_AGREEMENT)


def _measurement(house: Platform, measuring: Measuring) -> Service:
    methods = measurement_pb2.DESCRIPTOR.services_by_name["Measurement"].methods
    permissions = {re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower(): frozenset({Role.SERVICE}) for method in methods}
    app = create_app("measurement", title="Measurement", version="1.0", platform=house, permissions=permissions, docs="")
    seal(app, permissions)

    def add(server: Server) -> None:
        add_MeasurementServicer_to_server(measuring, server)

    return Service(
        name="measurement",
        app=app,
        paths=("/v1/assessments",),
        permissions=permissions,
        servicers=(("upheld.measurement.v1.Measurement", add),),
    )


def _recorded(source: str, position: int, outgoing: Outgoing) -> Recorded[Outgoing]:
    event_id = str(uuid5(NAMESPACE_URL, f"{source}:{position}"))
    metadata = Metadata(
        event_id=event_id,
        recorded_at="2026-03-01T00:00:00Z",
        actor="test",
        organisation=given.PROVIDER,
        reason="",
        tool="",
        correlation_id=f"c-{position}",
        causation_id="",
        traceparent=given.TRACEPARENT,
    )
    return Recorded(
        position=position, stream=uuid5(NAMESPACE_URL, source), version=position, type=outgoing.event, event=outgoing, metadata=metadata
    )
