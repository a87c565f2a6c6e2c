"""The doors for programs, over real HTTP and gRPC, fed over a real broker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import grpc
import pytest
from upheld.reporting.v1 import reports_pb2 as messages
from upheld.reporting.v1.reports_pb2_grpc import ReportsStub

from services.chassis.log_doors import PERMISSIONS as LOG_PERMISSIONS
from services.reporting.api import PERIOD_FORMS
from services.reporting.permissions import PERMISSIONS
from services.vocabulary.errors import Invalid
from services.vocabulary.period import parse_period
from tests.reporting import given
from tests.reporting.stage import Standing, standing, three_months

MARCH = f"/v1/reports/{given.AGREEMENT}/2026-03"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(tmp_path_factory.mktemp("reporting"), three_months) as found:
        yield found


class Calls:
    """Reporting's RPCs as somebody of an organisation."""

    def __init__(self, running: Standing, organisation: str) -> None:
        self._stub = ReportsStub(grpc.insecure_channel(f"127.0.0.1:{running.on.grpc_port}"))
        self._metadata = (("authorization", f"Bearer {running.on.token(organisation)}"),)

    def report(self, period: str) -> messages.Report:
        request = messages.GetReportRequest(agreement_id=given.AGREEMENT, period=period)
        return self._stub.GetReport(request, metadata=self._metadata, timeout=10)

    def page(self, token: str = "") -> messages.ListReportsResponse:
        request = messages.ListReportsRequest(agreement_id=given.AGREEMENT, page_size=2, page_token=token)
        return self._stub.ListReports(request, metadata=self._metadata, timeout=10)


def test_the_client_gets_the_report_on_a_closed_month(running: Standing) -> None:
    answer = running.get(MARCH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    report = answer.json()
    assert report["period"]["provisional"] is False
    assert [(one["id"], one["verdict"]) for one in report["objectives"]] == [
        ("availability", "breached"),
        ("requests", "met"),
        ("response-time", "met"),
        ("resolution", "met"),
    ]
    assert report["credit"]["amount"] == "1200.00"


def test_the_report_shows_the_trace_in_which_the_breach_was_found(running: Standing) -> None:
    assert [breach["trace_id"] for breach in running.get(MARCH).json()["breaches"]] == [given.TRACE]


def test_an_issued_report_is_the_same_bytes_for_everybody_who_may_read_it(running: Standing) -> None:
    answers = [running.get(MARCH, organisation=organisation) for organisation in (given.CUSTOMER, given.PROVIDER, given.AUDITOR)]
    assert len({(answer.content, answer.headers["etag"]) for answer in answers}) == 1


def test_a_report_that_is_already_there_is_not_sent_again(running: Standing) -> None:
    tag = running.get(MARCH).headers["etag"]
    assert running.get(MARCH, headers={"If-None-Match": f'"other", {tag}'}).status_code == 304
    assert running.get(MARCH, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path", [MARCH, f"{MARCH}/page", f"/v1/reports/{given.AGREEMENT}/2026-06", "/v1/reports/no-such-agreement/2026-03"]
)
def test_what_is_foreign_looks_like_what_does_not_exist(running: Standing, path: str) -> None:
    answer = running.get(path, organisation=given.STRANGER)
    assert (answer.status_code, answer.json()["code"]) == (404, "report-not-found")


def test_a_stranger_lists_nothing(running: Standing) -> None:
    assert running.get("/v1/reports", organisation=given.STRANGER).json() == {"items": [], "next": None}


def test_without_a_credential_nothing_is_told(running: Standing) -> None:
    assert [running.get(path, organisation="").status_code for path in ("/v1/reports", MARCH, f"{MARCH}/page")] == [401, 401, 401]


def test_live_adds_what_changed_since_and_leaves_the_rest(running: Standing) -> None:
    issued, live = running.get(MARCH), running.get(MARCH, live=True)
    told = live.json()
    since = told.pop("since_then")
    assert told == issued.json()
    assert [part["status"] for part in since["improvements"]] == ["effective"]
    assert live.headers["etag"] != issued.headers["etag"]


def test_the_report_on_may_shows_the_improvement_with_before_and_after(running: Standing) -> None:
    improvement = running.get(f"/v1/reports/{given.AGREEMENT}/2026-05").json()["improvements"][0]
    assert (improvement["verdict"], improvement["before"]["percent"], improvement["after"]["percent"]) == ("effective", "99.864", "99.993")


def test_the_running_month_is_asked_of_measurement_and_labelled_provisional(running: Standing) -> None:
    before = running.on.measuring.asked
    report = running.get(f"/v1/reports/{given.AGREEMENT}/2026-06").json()
    assert running.on.measuring.asked == before + 1
    assert (report["period"]["provisional"], report["period"]["revision"]) == (True, 0)
    assert report["objectives"][0]["progress"] == {
        "to_date_percent": "99.782",
        "if_nothing_else_fails_percent": "99.916",
        "at_risk": True,
        "lost": False,
    }


def test_a_closed_month_is_not_asked_of_measurement_again(running: Standing) -> None:
    before = running.on.measuring.asked
    running.get(MARCH)
    assert running.on.measuring.asked == before


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/v1/reports/{given.AGREEMENT}/2026-13", 422, "invalid-input"),
        (f"{MARCH}?revision=0", 422, "invalid-input"),
        (f"{MARCH}?revision=2", 404, "report-not-found"),
        (f"/v1/reports/{given.AGREEMENT}/2026-02", 404, "report-not-found"),
        (f"/v1/reports/{given.AGREEMENT}/2026-07", 404, "report-not-found"),
        ("/v1/reports?cursor=bm90IGEgcGFnZQ", 422, "invalid-input"),
    ],
)
def test_a_refusal_is_a_problem_with_a_stable_code(running: Standing, path: str, status: int, code: str) -> None:
    answer = running.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_list_is_paged_from_the_newest_month_on(running: Standing) -> None:
    seen, path = [], f"/v1/reports?agreement_id={given.AGREEMENT}&limit=2"
    while path:
        page = running.get(path)
        seen += [(item["period"], item["revision"], item["breached"], item["credit_amount"]) for item in page.json()["items"]]
        path = page.links["next"]["url"] if "next" in page.links else ""
    assert seen == [("2026-05", 1, [], "0.00"), ("2026-04", 1, [], "0.00"), ("2026-03", 1, ["availability"], "1200.00")]


def test_a_report_is_also_a_page(running: Standing) -> None:
    page = running.get(f"{MARCH}/page")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "1 of 4 objectives was breached" in page.text


def test_grpc_answers_the_bytes_of_http(running: Standing) -> None:
    answer = Calls(running, given.CUSTOMER).report("2026-03")
    assert answer.json.encode() == running.get(MARCH).content
    assert (answer.revision, answer.provisional) == (1, False)


def test_grpc_pages_as_http_does(running: Standing) -> None:
    calls = Calls(running, given.CUSTOMER)
    first = calls.page()
    second = calls.page(first.next_page_token)
    assert [report.period for report in (*first.reports, *second.reports)] == ["2026-05", "2026-04", "2026-03"]
    assert second.next_page_token == ""


def test_grpc_tells_a_stranger_that_there_is_nothing(running: Standing) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        Calls(running, given.STRANGER).report("2026-03")
    assert isinstance(refused.value, grpc.Call)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_every_documented_operation_is_in_the_permission_table(running: Standing) -> None:
    document = json.loads(running.get("/openapi/reporting.json", organisation="").content)
    documented = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert documented == {"list_reports", "get_report", "get_report_page", *LOG_PERMISSIONS}
    assert documented <= set(PERMISSIONS)


def test_the_api_is_documented_on_a_page(running: Standing) -> None:
    assert running.get("/docs/reporting", organisation="").status_code == 200


def test_an_issued_report_is_published(running: Standing) -> None:
    published = running.do(running.on.published())
    assert [(message.agreement_id, message.period, message.revision, message.provider) for message in published] == [
        (given.AGREEMENT, "2026-03", 1, given.PROVIDER),
        (given.AGREEMENT, "2026-04", 1, given.PROVIDER),
        (given.AGREEMENT, "2026-05", 1, given.PROVIDER),
        (given.OTHER_AGREEMENT, "2026-05", 1, given.PROVIDER),
    ]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2026-03", True),
        ("2026-Q1", True),
        ("2026", True),
        ("2026-W53", True),
        ("2026-03-15--P1M", True),
        ("2024-02-29--P1Y", True),
        ("2027-02-28--P1Y1D", True),
        ("2026-02-14--P30D", True),
        ("2026-13", False),
        ("2026-Q5", False),
        ("2026-W54", False),
        ("1066", False),
        ("2026-03-15", False),
        ("2026-03-15/P1M", False),
        ("2026-03-15--P2M", False),
        ("2026-02-14--P0D", False),
    ],
)
def test_the_documented_pattern_of_a_period_is_what_is_read(text: str, fits: bool) -> None:
    def is_read() -> bool:
        try:
            return str(parse_period(text, place="period")) == text
        except Invalid:
            return False

    assert (re.fullmatch(PERIOD_FORMS, text) is not None, is_read()) == (fits, fits)
