"""A house for the doors' tests: the real service on SQLite and a NATS child, beside a measurement that answers over real gRPC."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import httpx2
from google.protobuf.message import Message
from nats.js.errors import NotFoundError as NoStream
from upheld.improvement.v1 import events_pb2
from upheld.improvement.v1.improvements_pb2_grpc import ImprovementsStub
from upheld.measurement.v1 import assessment_pb2, measurement_pb2
from upheld.measurement.v1 import events_pb2 as measurement_events_pb2
from upheld.measurement.v1.measurement_pb2_grpc import MeasurementServicer, add_MeasurementServicer_to_server

from services.chassis.clock import MovableClock
from services.chassis.http import create_app, seal
from services.chassis.service import Host, Platform, Service, platform
from services.chassis.settings import Settings
from services.improvement.__main__ import compose
from services.improvement.improvement import improvement_id
from services.vocabulary.errors import NotFound, Unavailable
from services.vocabulary.identity import Caller, Role
from services.vocabulary.period import MINUTE, instant_text
from services.vocabulary.ratio import exact
from tests.improvement.given import AGREEMENT, APRIL_1, APRIL_15, BREACH, IDA, JON, MARCH, NIGHTS, OBJECTIVE, WEB_RESTART

if TYPE_CHECKING:
    from upheld.improvement.v1.improvements_pb2_grpc import ImprovementsAsyncStub
    from upheld.measurement.v1.measurement_pb2_grpc import _MaybeAsyncIterator
    from upheld.measurement.v1.measurement_pb2_grpc import _ServicerContext as Call

Json = Any
TRACE = "0af7651916cd43dd8448eb211c80319c"
ID = str(improvement_id(BREACH.breach_id))
PLAN = {
    "recommendation_id": "component:core-database",
    "description": "Run the settlement batch against a replica",
    "owner": "Ida Brandt",
    "due_on": "2026-04-14",
}
_OPEN = frozenset(Role)


def march_result(*, bad_minutes: int = 93, verdict: str = "breached", objective_id: str = OBJECTIVE) -> assessment_pb2.ObjectiveResult:
    """The bank's March: 44,340 eligible minutes."""
    good, whole = (44_340 - bad_minutes) * MINUTE, 44_340 * MINUTE
    return assessment_pb2.ObjectiveResult(
        objective_id=objective_id,
        name="Availability of online banking",
        service="online-banking",
        indicator="availability",
        target_percent="99.9",
        comparison=">=",
        good=str(good),
        whole=str(whole),
        unit="us",
        attainment=exact(Fraction(good, whole)),
        verdict=verdict,
        decimals=6,
        coverage="1/1",
        outages=[
            assessment_pb2.Interval(
                start=instant_text(each.interval.start),
                end=instant_text(each.interval.end),
                duration_us=each.interval.length,
                components=each.components,
                cause=each.cause,
            )
            for each in (*NIGHTS, WEB_RESTART)
        ],
    )


def march(*results: assessment_pb2.ObjectiveResult) -> assessment_pb2.Assessment:
    return assessment_pb2.Assessment(
        agreement_id=AGREEMENT,
        period="2026-03",
        start=instant_text(MARCH.start),
        end=instant_text(MARCH.end),
        measured_until=instant_text(MARCH.end),
        zone="Europe/Berlin",
        objectives=results or [march_result()],
    )


def breach_message(*, agreement_id: str = AGREEMENT, breach_id: str = BREACH.breach_id) -> measurement_events_pb2.ObjectiveBreached:
    return measurement_events_pb2.ObjectiveBreached(
        breach_id=breach_id,
        agreement_id=agreement_id,
        objective_id=OBJECTIVE,
        period="2026-03",
        result=march_result(),
        recorded_at="2026-03-17T01:30:00Z",
        provider="nordwind-hosting",
        customer="hansebank",
    )


@dataclass
class FakeMeasurement(MeasurementServicer):
    """Answers March as it was and any other span as told; counts what it is asked."""

    assessment: assessment_pb2.Assessment = field(default_factory=march)
    bad_minutes_after: int = 3
    coverage_after: str = "1/1"
    reachable: bool = True
    knows_objective: bool = True
    spans: list[tuple[str, str]] = field(default_factory=list)

    async def GetAssessment(self, request: measurement_pb2.GetAssessmentRequest, context: Call) -> assessment_pb2.Assessment:
        if not self.reachable:
            raise Unavailable("measurement rests")
        assert (request.agreement_id, request.period) == (AGREEMENT, "2026-03")
        return self.assessment

    async def MeasureSpan(self, request: measurement_pb2.MeasureSpanRequest, context: Call) -> assessment_pb2.ObjectiveResult:
        if not self.knows_objective:
            raise NotFound("no such objective in that span")
        self.spans.append((request.start, request.end))
        if request.start == instant_text(MARCH.start):
            return march_result()
        whole = 44_640
        return assessment_pb2.ObjectiveResult(
            objective_id=request.objective_id, good=str(whole - self.bad_minutes_after), whole=str(whole), coverage=self.coverage_after
        )

    async def ReportObservations(
        self, request_iterator: _MaybeAsyncIterator[measurement_pb2.ReportObservationsRequest], context: Call
    ) -> measurement_pb2.ReportObservationsResponse:
        raise NotFound("not asked here")

    async def ListAssessments(
        self, request: measurement_pb2.ListAssessmentsRequest, context: Call
    ) -> measurement_pb2.ListAssessmentsResponse:
        raise NotFound("not asked here")

    async def ClosePeriod(self, request: measurement_pb2.ClosePeriodRequest, context: Call) -> assessment_pb2.Assessment:
        raise NotFound("not asked here")

    async def ListObservations(self, request: object, context: Call) -> measurement_pb2.ListObservationsResponse:
        raise NotFound("not asked here")

    async def SimulateTerms(self, request: object, context: Call) -> measurement_pb2.Simulation:
        raise NotFound("not asked here")

    async def ClaimExclusion(self, request: object, context: Call) -> measurement_pb2.Exclusion:
        raise NotFound("not asked here")

    async def ListExclusions(self, request: object, context: Call) -> measurement_pb2.ListExclusionsResponse:
        raise NotFound("not asked here")

    async def ApproveExclusion(self, request: object, context: Call) -> measurement_pb2.Exclusion:
        raise NotFound("not asked here")

    async def RefuseExclusion(self, request: object, context: Call) -> measurement_pb2.Exclusion:
        raise NotFound("not asked here")

    async def WithdrawExclusion(self, request: object, context: Call) -> measurement_pb2.Exclusion:
        raise NotFound("not asked here")

    async def ListDisputes(self, request: object, context: Call) -> measurement_pb2.Disputes:
        raise NotFound("not asked here")

    async def SettleDispute(self, request: object, context: Call) -> measurement_pb2.Settlement:
        raise NotFound("not asked here")

    async def ExplainAssessment(self, request: object, context: Call) -> measurement_pb2.Explanation:
        raise NotFound("not asked here")

    async def GetOutlook(self, request: object, context: Call) -> measurement_pb2.Outlook:
        raise NotFound("not asked here")

    async def PreviewChange(self, request: object, context: Call) -> measurement_pb2.Preview:
        raise NotFound("not asked here")

    def service(self, shared: Platform) -> Service:
        """As the chassis runs it: proven callers, deadlines, rich refusals."""
        methods = measurement_pb2.DESCRIPTOR.services_by_name["Measurement"].methods
        names = [re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower() for method in methods]
        permissions = dict.fromkeys(names, frozenset({Role.SERVICE}))
        app = create_app("measurement", title="Fake", version="0", platform=shared, permissions=permissions, docs="")
        seal(app, permissions)
        return Service(
            name="measurement",
            app=app,
            paths=("/v1/assessments",),
            permissions=permissions,
            servicers=(("upheld.measurement.v1.Measurement", lambda server: add_MeasurementServicer_to_server(self, server)),),
        )


@dataclass
class Told:
    """A fake source on the bus: publishes as a relay does."""

    platform: Platform
    service: str
    position: int = 0

    async def open(self) -> None:
        await self.platform.broker.ready()
        await self.platform.broker.jetstream.add_stream(name=f"UPHELD_{self.service.upper()}", subjects=[f"upheld.{self.service}.*.*"])

    async def tell(self, event: str, message: Message, *, event_id: str = "") -> None:
        previous, self.position = self.position, self.position + 1
        headers = {
            "ce-id": event_id or f"{self.service}-{self.position}",
            "ce-type": f"upheld.{self.service}.{event}.v1",
            "ce-time": "2026-03-17T01:30:00Z",
            "Upheld-Position": str(self.position),
            "Upheld-Previous-Position": str(previous),
            "Upheld-Correlation-Id": "the-observation",
            "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        }
        jetstream = self.platform.broker.jetstream
        await jetstream.publish(f"upheld.{self.service}.nordwind-hosting.{event}", message.SerializeToString(), headers=headers)


@dataclass
class House:
    platform: Platform
    host: Host
    http: httpx2.AsyncClient
    grpc: ImprovementsAsyncStub
    measurement: FakeMeasurement
    from_measurement: Told
    from_agreements: Told
    clock: MovableClock

    def bearer(self, caller: Caller) -> dict[str, str]:
        token = self.platform.identity.issue(
            subject=caller.subject, organisation=caller.organisation, roles=caller.roles, lifetime=timedelta(days=200)
        )
        return {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, caller: Caller, **query: str) -> httpx2.Response:
        return await self.http.get(f"/v1/improvements{path}", params=query, headers=self.bearer(caller))

    async def post(
        self, path: str, caller: Caller, body: Mapping[str, Json] | None = None, *, version: int | None = None, key: str = ""
    ) -> httpx2.Response:
        headers = self.bearer(caller) | {"Content-Type": "application/json"}
        headers |= {"If-Match": f'"{version}"'} if version is not None else {}
        headers |= {"Idempotency-Key": key} if key else {}
        return await self.http.post(f"/v1/improvements{path}", content=json.dumps(body or {}).encode(), headers=headers)

    async def listed(self, caller: Caller, **query: str) -> list[Json]:
        answer = await self.get("", caller, **query)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def analysed(self, caller: Caller) -> Json:
        """The one improvement, once it has its analysis."""
        await until(lambda: self.has_status(caller, "analysed"))
        return (await self.listed(caller))[0]

    async def has_status(self, caller: Caller, status: str) -> bool:
        return any(item["status"] == status for item in await self.listed(caller))

    async def published(self, count: int) -> list[events_pb2.ImprovementChanged]:
        """The first messages of the service's stream, once there are so many."""
        return [events_pb2.ImprovementChanged.FromString(message.data) for message in await self.raw(count)]

    async def raw(self, count: int) -> list[Any]:
        await until(lambda: self._has_published(count))
        jetstream = self.platform.broker.jetstream
        return [await jetstream.get_msg("UPHELD_IMPROVEMENT", sequence) for sequence in range(1, count + 1)]

    async def _has_published(self, count: int) -> bool:
        try:
            return (await self.platform.broker.jetstream.stream_info("UPHELD_IMPROVEMENT")).state.messages >= count
        except NoStream:
            return False


async def until(holds: Callable[[], Awaitable[bool]], *, timeout_s: float = 20) -> None:
    """Asks again until it holds; fails when that takes too long."""
    async with asyncio.timeout(timeout_s):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def house(folder: Path, *, now: datetime = APRIL_1) -> AsyncIterator[House]:
    """Everything on free ports; stopped in order on the way out."""
    settings = Settings(data=folder, http_port=0, grpc_port=0, nats_port=0)
    clock = MovableClock(now)
    shared = await platform(settings, clock, name="improvement")
    measurement = FakeMeasurement()
    host = Host([await compose(shared), measurement.service(shared)], shared)
    from_measurement, from_agreements = Told(shared, "measurement"), Told(shared, "agreements")
    await from_measurement.open()
    await from_agreements.open()
    await host.start()
    try:
        async with (
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}", timeout=20) as http,
            grpc.aio.insecure_channel(f"127.0.0.1:{host.grpc_port}") as channel,
        ):
            yield House(
                platform=shared,
                host=host,
                http=http,
                grpc=ImprovementsStub(channel),
                measurement=measurement,
                from_measurement=from_measurement,
                from_agreements=from_agreements,
                clock=clock,
            )
    finally:
        await host.stop()


async def breached(running: House) -> Json:
    """Told by measurement and analysed."""
    await running.from_measurement.tell("objective-breached", breach_message())
    return await running.analysed(IDA)


async def implemented(running: House) -> int:
    """Up to its implementation; answers the version."""
    found = await breached(running)
    planned = await running.post(f"/{ID}/plan", IDA, PLAN, version=found["version"])
    assert planned.status_code == 200, planned.text
    approved = await running.post(f"/{ID}/approval", JON, version=planned.json()["version"])
    assert approved.status_code == 200, approved.text
    running.clock.move_to(APRIL_15)
    done = await running.post(f"/{ID}/implementation", IDA, {"implemented_on": "2026-04-14"}, version=approved.json()["version"])
    assert done.status_code == 200, done.text
    version: int = done.json()["version"]
    return version
