"""The gRPC doors of reporting: the one it opens, and the one of measurement that it knocks at. Translates only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from upheld.measurement.v1 import assessment_pb2, measurement_pb2
from upheld.reporting.v1 import reports_pb2 as messages
from upheld.reporting.v1.reports_pb2_grpc import ReportsServicer

from services.chassis.rpc import context_of, page_size
from services.reporting import wire
from services.reporting.application import Reports
from services.reporting.material import Assessment
from services.reporting.views import IssuedReport, page_start, parse_page_start
from services.vocabulary.errors import invalid

if TYPE_CHECKING:
    from upheld.reporting.v1.reports_pb2_grpc import _ServicerContext as Call

SERVICE = "upheld.reporting.v1.Reports"


class ReportsRpc(ReportsServicer):
    """The calls of reports.proto; a revision of 0 means the newest."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def GetReport(self, request: messages.GetReportRequest, context: Call) -> messages.Report:
        if request.revision < 0:
            raise invalid("revision", f"must be 1 or more, or 0 for the newest, not {request.revision}")
        answer = await self._reports.get(context_of(context).caller, request.agreement_id, request.period, request.revision or None)
        return messages.Report(
            agreement_id=request.agreement_id,
            period=request.period,
            revision=answer.report.period.revision,
            provisional=answer.provisional,
            json=answer.document.decode(),
        )

    async def ListReports(self, request: messages.ListReportsRequest, context: Call) -> messages.ListReportsResponse:
        size = page_size(request.page_size)
        found = await self._reports.issued_reports(
            context_of(context).caller,
            agreement_id=request.agreement_id,
            after=parse_page_start(request.page_token, place="page_token"),
            limit=size + 1,
        )
        more = page_start(found[size - 1]) if len(found) > size else ""
        return messages.ListReportsResponse(reports=[_message(issued) for issued in found[:size]], next_page_token=more)


class MeasurementStub(Protocol):
    """The one call of measurement's stub that is made here."""

    @property
    def GetAssessment(self) -> Callable[[measurement_pb2.GetAssessmentRequest], Awaitable[assessment_pb2.Assessment]]: ...


class MeasurementByGrpc:
    """Asks measurement over its stub; a refusal of measurement is raised as what it is."""

    def __init__(self, stub: MeasurementStub) -> None:
        self._stub = stub

    async def assessment(self, agreement_id: str, period: str) -> Assessment:
        """The period as measured now."""
        request = measurement_pb2.GetAssessmentRequest(agreement_id=agreement_id, period=period)
        return wire.assessment(await self._stub.GetAssessment(request))


def _message(issued: IssuedReport) -> messages.Report:
    return messages.Report(
        agreement_id=issued.agreement_id, period=issued.period, revision=issued.revision, provisional=False, json=issued.document.decode()
    )
