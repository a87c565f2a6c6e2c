from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status
from upheld.measurement.v1 import assessment_pb2, measurement_pb2, measurement_pb2_grpc
from upheld.reporting.v1 import reports_pb2, reports_pb2_grpc

from services.chassis.context import Context
from services.chassis.identity import MissingPermission
from services.chassis.rpc import client, context_of, server
from services.vocabulary.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Refusal,
    Since,
    StaleVersion,
    Unavailable,
    Violation,
)
from services.vocabulary.identity import Role
from tests.chassis.doors import SmallPlatform, as_platform, small_platform

REPORTS = "upheld.reporting.v1.Reports"
MEASUREMENT = "upheld.measurement.v1.Measurement"
READERS = frozenset({Role.VIEWER, Role.SERVICE})
REPORTING_PERMISSIONS: Mapping[str, frozenset[Role]] = {"get_report": READERS, "list_reports": READERS}
MEASUREMENT_PERMISSIONS: Mapping[str, frozenset[Role]] = {
    **{
        re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower(): READERS
        for method in measurement_pb2.DESCRIPTOR.services_by_name["Measurement"].methods
    },
    "report_observations": frozenset({Role.OPERATOR, Role.SERVICE}),
}


class AlreadyTerminated(Conflict):
    code = "agreement-already-terminated"


SINCE = [
    Since(version=version, type="agreement.commented.v1", actor=f"ana by herself {version} {'ä' * 40}", recorded_at="2026-03-09T12:00:00Z")
    for version in range(3, 103)
]
REFUSALS: Mapping[str, Refusal] = {
    "invalid": Invalid(Violation(place="period", rule="must be a month"), Violation(place="revision", rule="must be positive")),
    "foreign": NotFound("no such report"),
    "not-allowed": NotAllowed("auditors only read"),
    "conflict": AlreadyTerminated("the agreement is over"),
    "stale": StaleVersion(expected=2, actual=5, changed=SINCE[:3]),
    "long stale": StaleVersion(expected=2, actual=102, changed=SINCE),
    "unavailable": Unavailable("measurement is away"),
}


@dataclass(frozen=True, kw_only=True)
class Room:
    name: str
    servicers: Sequence[tuple[str, Callable[[grpc.aio.Server], None]]]
    permissions: Mapping[str, frozenset[Role]]


class Reports(reports_pb2_grpc.ReportsServicer):
    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.remaining_s: float | None = None
        self.away = 0

    async def GetReport(self, request: reports_pb2.GetReportRequest, context: object) -> reports_pb2.Report:
        self.contexts.append(context_of(context))
        if self.away:
            self.away -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")  # type: ignore[attr-defined]
        if request.agreement_id in REFUSALS:
            raise REFUSALS[request.agreement_id]
        if request.agreement_id == "fault":
            raise RuntimeError("the database password is hunter2")
        if request.agreement_id == "slow":
            await asyncio.sleep(30)
        self.remaining_s = context.time_remaining()  # type: ignore[attr-defined]
        return reports_pb2.Report(agreement_id=request.agreement_id)

    async def ListReports(self, request: reports_pb2.ListReportsRequest, context: object) -> reports_pb2.ListReportsResponse:
        return reports_pb2.ListReportsResponse()


class Measurement(measurement_pb2_grpc.MeasurementServicer):
    """Asks reporting, as one service asks another."""

    def __init__(self, platform: SmallPlatform) -> None:
        self.contexts: list[Context] = []
        self._reports = client(as_platform(platform), "reporting", reports_pb2_grpc.ReportsStub, calling="measurement")

    async def ReportObservations(
        self, request_iterator: AsyncIterator[measurement_pb2.ReportObservationsRequest], context: object
    ) -> measurement_pb2.ReportObservationsResponse:
        self.contexts.append(context_of(context))
        batches = [request.batch async for request in request_iterator]
        return measurement_pb2.ReportObservationsResponse(accepted=len(batches), batch=batches[0])

    async def GetAssessment(self, request: measurement_pb2.GetAssessmentRequest, context: object) -> assessment_pb2.Assessment:
        self.contexts.append(context_of(context))
        report = await self._reports.GetReport(reports_pb2.GetReportRequest(agreement_id=request.agreement_id))
        return assessment_pb2.Assessment(agreement_id=report.agreement_id)

    ListAssessments = MeasureSpan = ClosePeriod = GetAssessment  # type: ignore[assignment]


@dataclass
class Running:
    platform: SmallPlatform
    reports: Reports
    measurement: Measurement
    channel: grpc.aio.Channel
    server: grpc.aio.Server

    def bearer(self, *roles: Role) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.platform.token(*roles)}"),)

    async def report(self, agreement_id: str = "a-1", *more: tuple[str, str], timeout_s: float = 5) -> reports_pb2.Report:
        stub = reports_pb2_grpc.ReportsStub(self.channel)
        metadata = (*self.bearer(Role.VIEWER), *more)
        return await stub.GetReport(reports_pb2.GetReportRequest(agreement_id=agreement_id), metadata=metadata, timeout=timeout_s)


@asynccontextmanager
async def running(platform: SmallPlatform) -> AsyncIterator[Running]:
    reports, measurement = Reports(), Measurement(platform)  # type: ignore[abstract]
    rooms = [
        Room(
            name="reporting",
            servicers=[(REPORTS, lambda built: reports_pb2_grpc.add_ReportsServicer_to_server(reports, built))],
            permissions=REPORTING_PERMISSIONS,
        ),
        Room(
            name="measurement",
            servicers=[(MEASUREMENT, lambda built: measurement_pb2_grpc.add_MeasurementServicer_to_server(measurement, built))],
            permissions=MEASUREMENT_PERMISSIONS,
        ),
    ]
    built = server(as_platform(platform), rooms)
    address = f"127.0.0.1:{built.add_insecure_port('127.0.0.1:0')}"
    platform.addresses = {"reporting": address, "measurement": address}
    await built.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield Running(platform, reports, measurement, channel, built)
    await built.stop(0)


@pytest.fixture
def platform(tmp_path: Path) -> SmallPlatform:
    return small_platform(tmp_path, grpc_deadline_s=2)


def use(platform: SmallPlatform, steps: Callable[[Running], Awaitable[None]]) -> None:
    async def used() -> None:
        async with running(platform) as started:
            await steps(started)

    asyncio.run(used())


async def refused(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value


def test_a_method_without_an_entry_in_the_permission_table_fails_the_build(platform: SmallPlatform) -> None:
    async def build() -> None:
        room = Room(name="reporting", servicers=[(REPORTS, lambda _: None)], permissions={"get_report": READERS})
        with pytest.raises(MissingPermission) as missing:
            server(as_platform(platform), [room])
        assert missing.value.operations == (f"{REPORTS}/ListReports",)

    asyncio.run(build())


def test_a_proven_and_permitted_caller_is_answered_and_known(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        said = (("x-reason", "review"), ("x-correlation-id", "job-7"), ("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01"))
        assert (await at.report("a-1", *said)).agreement_id == "a-1"
        [context] = at.reports.contexts
        assert (context.caller.subject, context.reason, context.correlation_id, context.tool) == ("ada", "review", "job-7", "grpc")
        assert context.traceparent.split("-")[1] == "ab" * 16

    use(platform, steps)


def test_an_idempotency_key_is_fingerprinted_by_the_request(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        for agreement_id in ("a-1", "a-1", "a-2"):
            await at.report(agreement_id, ("idempotency-key", "k"))
        first, again, other = [context.request for context in at.reports.contexts]
        assert first is not None
        assert other is not None
        assert first == again
        assert (other.key == first.key, other.fingerprint == first.fingerprint) == (True, False)

    use(platform, steps)


def test_a_caller_is_proven_and_permitted_before_anything_else(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        stub, request = reports_pb2_grpc.ReportsStub(at.channel), reports_pb2.GetReportRequest()
        unproven = await refused(stub.GetReport(request))
        forged = await refused(stub.GetReport(request, metadata=(("authorization", "Bearer a.b.c"),)))
        unpermitted = await refused(stub.GetReport(request, metadata=at.bearer(Role.OPERATOR)))
        codes = [error.code() for error in (unproven, forged, unpermitted)]
        assert codes == [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
        assert "service, viewer" in (unpermitted.details() or "")
        assert at.reports.contexts == []

    use(platform, steps)


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("invalid", grpc.StatusCode.INVALID_ARGUMENT, "invalid-input"),
        ("foreign", grpc.StatusCode.NOT_FOUND, "not-found"),
        ("not-allowed", grpc.StatusCode.PERMISSION_DENIED, "not-allowed"),
        ("conflict", grpc.StatusCode.FAILED_PRECONDITION, "agreement-already-terminated"),
        ("stale", grpc.StatusCode.ABORTED, "stale-version"),
        ("unavailable", grpc.StatusCode.UNAVAILABLE, "unavailable"),
    ],
)
def test_a_refusal_is_a_rich_error(platform: SmallPlatform, kind: str, code: grpc.StatusCode, reason: str) -> None:
    async def steps(at: Running) -> None:
        call = reports_pb2_grpc.ReportsStub(at.channel).GetReport(
            reports_pb2.GetReportRequest(agreement_id=kind), metadata=at.bearer(Role.VIEWER)
        )
        assert (await refused(call)).code() is code
        status = await rpc_status.aio.from_call(call)
        info = error_details_pb2.ErrorInfo()
        assert status is not None
        assert status.details[0].Unpack(info)
        assert (info.reason, info.domain) == (reason, "upheld")

    use(platform, steps)


def test_a_fault_tells_nothing_of_itself(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        error = await refused(at.report("fault"))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "hunter2" not in f"{error.details()} {error.trailing_metadata()}"

    use(platform, steps)


def test_a_call_without_a_deadline_gets_the_one_that_is_set(platform: SmallPlatform, tmp_path: Path) -> None:
    async def steps(at: Running) -> None:
        stub = reports_pb2_grpc.ReportsStub(at.channel)
        call = stub.GetReport(reports_pb2.GetReportRequest(agreement_id="slow"), metadata=at.bearer(Role.VIEWER))
        assert (await refused(call)).code() is grpc.StatusCode.DEADLINE_EXCEEDED

    use(small_platform(tmp_path, grpc_deadline_s=0.2), steps)


def test_health_and_reflection_ask_for_no_credential(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        check = at.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        reflect = at.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        for name in ("", REPORTS, "reporting"):
            assert (await check(health_pb2.HealthCheckRequest(service=name))).status == health_pb2.HealthCheckResponse.SERVING
        assert (await refused(check(health_pb2.HealthCheckRequest(service="x")))).code() is grpc.StatusCode.NOT_FOUND
        listed = reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        names = {found.name async for answer in listed for found in answer.list_services_response.service}
        assert {REPORTS, MEASUREMENT, "grpc.health.v1.Health"} <= names

    use(platform, steps)


def test_a_stream_of_requests_passes_the_same_door(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        stub = measurement_pb2_grpc.MeasurementStub(at.channel)
        batches = [measurement_pb2.ReportObservationsRequest(batch=name) for name in ("b-1", "b-2")]
        answer = await stub.ReportObservations(iter(batches), metadata=at.bearer(Role.OPERATOR))
        assert (answer.accepted, answer.batch) == (2, "b-1")
        assert (await refused(stub.ReportObservations(iter(batches)))).code() is grpc.StatusCode.UNAUTHENTICATED
        keyed = (*at.bearer(Role.OPERATOR), ("idempotency-key", "k"))
        assert (await refused(stub.ReportObservations(iter(batches), metadata=keyed))).code() is grpc.StatusCode.INVALID_ARGUMENT

    use(platform, steps)


def ask_reporting(platform: SmallPlatform) -> reports_pb2_grpc.ReportsAsyncStub:
    return client(as_platform(platform), "reporting", reports_pb2_grpc.ReportsStub, calling="measurement")


@pytest.mark.parametrize("kind", list(REFUSALS))
def test_a_service_gets_the_refusal_that_the_other_raised(platform: SmallPlatform, kind: str) -> None:
    expected = REFUSALS[kind]

    async def steps(_at: Running) -> None:
        with pytest.raises(Refusal) as raised:
            await ask_reporting(platform).GetReport(reports_pb2.GetReportRequest(agreement_id=kind))
        assert (raised.value.code, raised.value.message) == (expected.code, expected.message)
        category = next(base for base in (Invalid, NotFound, NotAllowed, Conflict, StaleVersion, Unavailable) if isinstance(expected, base))
        assert isinstance(raised.value, category)
        if isinstance(expected, Invalid):
            assert isinstance(raised.value, Invalid)
            assert raised.value.violations == expected.violations
        if isinstance(expected, StaleVersion):
            assert isinstance(raised.value, StaleVersion)
            assert (raised.value.expected, raised.value.actual) == (expected.expected, expected.actual)
            told = raised.value.changed
            assert told == expected.changed[-len(told) :]
            assert len(told) in ((3,) if kind == "stale" else range(10, 30)), "the newest, as many as there is room for"

    use(platform, steps)


def test_a_service_speaks_as_itself_with_its_deadline(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        await ask_reporting(platform).GetReport(reports_pb2.GetReportRequest(agreement_id="a-1"))
        [context] = at.reports.contexts
        assert context.caller.subject == "service:measurement"
        assert context.caller.is_service
        assert at.reports.remaining_s is not None
        assert at.reports.remaining_s <= 2

    use(platform, steps)


def test_a_service_that_asks_in_another_s_name_hands_in_that_one_s_credential_alone(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        await ask_reporting(platform).GetReport(reports_pb2.GetReportRequest(agreement_id="a-1"), metadata=at.bearer(Role.VIEWER))
        [context] = at.reports.contexts
        assert not context.caller.is_service
        assert context.caller.roles == {Role.VIEWER}
        with pytest.raises(Refusal):
            await ask_reporting(platform).GetReport(reports_pb2.GetReportRequest(agreement_id="a-1"), metadata=(("x-api-key", "none"),))

    use(platform, steps)


def test_a_fault_of_the_other_service_is_unavailability_here(platform: SmallPlatform) -> None:
    async def steps(_at: Running) -> None:
        with pytest.raises(Unavailable) as raised:
            await ask_reporting(platform).GetReport(reports_pb2.GetReportRequest(agreement_id="fault"))
        assert raised.value.code == "service-failed"

    use(platform, steps)


def test_a_read_is_asked_again_while_the_service_comes_back(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        at.reports.away = 2
        report = await ask_reporting(platform).GetReport(reports_pb2.GetReportRequest(agreement_id="a-1"))
        assert report.agreement_id == "a-1"
        assert len(at.reports.contexts) == 3

    use(platform, steps)


def test_a_service_that_is_not_there_is_unavailable_and_so_is_a_slow_one(platform: SmallPlatform, tmp_path: Path) -> None:
    async def steps(at: Running) -> None:
        hasty = small_platform(tmp_path, grpc_deadline_s=0.3)
        hasty.addresses = {"reporting": "127.0.0.1:1"}
        with pytest.raises(Unavailable):
            await ask_reporting(hasty).GetReport(reports_pb2.GetReportRequest())
        hasty.addresses = at.platform.addresses
        with pytest.raises(Unavailable):
            await ask_reporting(hasty).GetReport(reports_pb2.GetReportRequest(agreement_id="slow"))

    use(platform, steps)


def test_one_trace_and_one_correlation_id_lead_through_both_services(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        stub = measurement_pb2_grpc.MeasurementStub(at.channel)
        metadata = (*at.bearer(Role.VIEWER), ("x-correlation-id", "job-7"), ("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01"))
        await stub.GetAssessment(measurement_pb2.GetAssessmentRequest(agreement_id="a-1"), metadata=metadata)
        [outer], [inner] = at.measurement.contexts, at.reports.contexts
        assert inner.correlation_id == outer.correlation_id == "job-7"
        assert inner.traceparent.split("-")[1] == "ab" * 16

    use(platform, steps)
    spans = {(span.kind.name, span.resource.attributes["service.name"]) for span in platform.spans.get_finished_spans()}
    assert spans == {("SERVER", "upheld-measurement"), ("CLIENT", "upheld-measurement"), ("SERVER", "upheld-reporting")}


def test_what_is_asked_on_the_way_waits_no_longer_than_the_asker_does(platform: SmallPlatform) -> None:
    async def steps(at: Running) -> None:
        stub = measurement_pb2_grpc.MeasurementStub(at.channel)
        request = measurement_pb2.GetAssessmentRequest(agreement_id="a-1")
        await stub.GetAssessment(request, metadata=at.bearer(Role.VIEWER), timeout=0.9)
        assert at.reports.remaining_s is not None
        assert at.reports.remaining_s < 0.9

    use(platform, steps)
