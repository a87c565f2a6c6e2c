"""One agreement through all five steps, over HTTP and gRPC, against the platform as one process and as four, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import grpc
import httpx2
import nats
import pytest
from upheld.agreements.v1 import agreements_pb2
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub
from upheld.improvement.v1 import improvements_pb2
from upheld.improvement.v1.improvements_pb2_grpc import ImprovementsStub
from upheld.measurement.v1 import measurement_pb2, observations_pb2
from upheld.measurement.v1.measurement_pb2_grpc import MeasurementStub
from upheld.reporting.v1 import reports_pb2
from upheld.reporting.v1.reports_pb2_grpc import ReportsStub

from services.command.verification import trust_in, verify_bundle
from services.transparency.bundle import read
from services.vocabulary.identity import Role
from services.vocabulary.period import MINUTE, Instant, Month, instant_of, instant_text, parse_zone
from services.vocabulary.ratio import exact, floored_percent
from tests import postgres
from tests.journeys.collector import Collector, collecting
from tests.journeys.people import Person, token, until
from tests.journeys.processes import Reach, four_processes, one_process

ZONE = parse_zone("Europe/Zurich")
TODAY = datetime.now(UTC).astimezone(ZONE).date()
SECOND_MONTH = Month(TODAY.year, TODAY.month).previous
FIRST_MONTH = SECOND_MONTH.previous
PROVIDER, CUSTOMER, STRANGER = "alpine-hosting", "lake-bank", "somebody-else"
SERVICE = "payments"

TERMS = f"""
upheld: terms/v1
title: Payments platform
zone: {ZONE.key}
effective_on: {FIRST_MONTH.first_day}
parties:
  - {{role: provider, organisation: {PROVIDER}, name: Alpine Hosting AG,
      contacts: [{{name: Rea Vogel, email: rea@alpine.example, role: manager}}],
      responsibilities: [Runs the platform]}}
  - {{role: customer, organisation: {CUSTOMER}, name: Lake Bank,
      contacts: [{{name: Tim Koch, email: tim@lake.example, role: manager}}],
      responsibilities: [Reports incidents]}}
services:
  - {{id: {SERVICE}, name: Payments, components: [{{id: web, name: Web}}, {{id: database, name: Database}}]}}
objectives:
  - id: availability
    name: Availability of payments
    service: {SERVICE}
    indicator: {{kind: availability, components: [web, database], combine: any, no_data: undetermined}}
    comparison: ">="
    target: "99.9"
    decimals: 6
    credits: [{{below: "99.9", percent: "10"}}, {{below: "99.0", percent: "25"}}]
  - id: requests
    name: Requests without error
    service: {SERVICE}
    indicator: {{kind: request-ratio, components: [web]}}
    comparison: ">="
    target: "99"
    decimals: 6
  - id: answers
    name: Answers within 300 ms
    service: {SERVICE}
    indicator: {{kind: response-time, components: [web], threshold_ms: "300"}}
    comparison: ">="
    target: "90"
    decimals: 6
  - id: resolution
    name: Incidents resolved within 4 hours
    service: {SERVICE}
    indicator: {{kind: resolution-time, within: 4h, priorities: [P1], reopened: first-resolution}}
    comparison: ">="
    target: "50"
    decimals: 6
credit: {{currency: CHF, monthly_charge: "5000.00", cap_percent: "50", rounding: half-even}}
close_after_days: 3
warn_at_percent: "75"
"""


def database_urls() -> list[Any]:
    reason = postgres.missing_reason()
    return [
        pytest.param("sqlite", id="sqlite"),
        pytest.param("postgresql", id="postgresql", marks=pytest.mark.skipif(bool(reason), reason=reason)),
    ]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(params=database_urls())
def database_url(request: pytest.FixtureRequest) -> str:
    return postgres.postgres_url() if request.param == "postgresql" else ""


@pytest.fixture(params=["one process", "four processes"])
def reach(request: pytest.FixtureRequest, database_url: str, collector: Collector) -> Iterator[Reach]:
    start: AbstractContextManager[Reach]
    if request.param == "one process":
        start = one_process(database_url=database_url, otlp_endpoint=collector.endpoint)
    else:
        start = four_processes(database_url=database_url, otlp_endpoint=collector.endpoint)
    with start as found:
        yield found


class People:
    """Everybody of the journey, with one role each."""

    def __init__(self, reach: Reach) -> None:
        def person(organisation: str, *roles: Role, subject: str) -> Person:
            return Person(reach=reach, token=token(reach.data, organisation, *roles, subject=subject))

        self.manager = person(PROVIDER, Role.SERVICE_MANAGER, subject="rea")
        self.provider_signatory = person(PROVIDER, Role.SIGNATORY, subject="urs")
        self.monitoring = person(PROVIDER, Role.OPERATOR, subject="probe")
        self.client = person(CUSTOMER, Role.SERVICE_MANAGER, subject="tim")
        self.client_signatory = person(CUSTOMER, Role.SIGNATORY, subject="eva")
        self.stranger = person(STRANGER, Role.SERVICE_MANAGER, subject="nobody")


def start_of(month: Month) -> Instant:
    return month.bounds(ZONE).start


def at(month: Month, minutes: int) -> str:
    """The instant so many real minutes into a month."""
    return instant_text(Instant(start_of(month) + minutes * MINUTE))


def status(component: str, when: str, state: str) -> dict[str, object]:
    return {"kind": "status", "service": SERVICE, "component": component, "id": f"{component}:{when}", "observed_at": when, "state": state}


def share_up(month: Month, down_minutes: int) -> Fraction:
    minutes = month.bounds(ZONE).length // MINUTE
    return Fraction(minutes - down_minutes, minutes)


def agree(people: People) -> str:
    """Drafted over HTTP, proposed over gRPC, signed by the customer over HTTP and by the provider over gRPC."""
    key = {"Idempotency-Key": secrets.token_hex(8)}
    drafted = people.manager.post("/v1/agreements", TERMS, kind="application/yaml", headers=key)
    again = people.manager.post("/v1/agreements", TERMS, kind="application/yaml", headers=key)
    assert again["id"] == drafted["id"], "a repeated request is answered as the first one was"
    agreement_id = str(drafted["id"])
    proposed = people.manager.call(
        "agreements",
        AgreementsStub,
        lambda stub, options: stub.ProposeAgreement(
            agreements_pb2.ProposeAgreementRequest(agreement_id=agreement_id, expected_version=drafted["version"], reason="Final"),
            **options,
        ),
    )
    waiting = people.client.get(f"/v1/agreements/{agreement_id}")
    assert waiting["pending"]["digest"] == proposed.pending.digest
    stale = people.client_signatory.ask(
        "POST",
        f"/v1/agreements/{agreement_id}/signatures",
        json={"note": people.client_signatory.note(waiting)},
        headers={"If-Match": f'"{drafted["version"]}"'},
    )
    assert stale.status_code == 412
    signed = people.client_signatory.sign(waiting)
    assert signed["status"] == "proposed", "one signature is not an agreement"
    active = people.provider_signatory.call(
        "agreements",
        AgreementsStub,
        lambda stub, options: stub.SignAgreement(
            agreements_pb2.SignAgreementRequest(
                agreement_id=agreement_id,
                note=people.provider_signatory.note(signed),
                digest=proposed.pending.digest,
                expected_version=signed["version"],
            ),
            **options,
        ),
    )
    assert active.status == "active"
    assert {one.organisation for one in active.signatures} == {PROVIDER, CUSTOMER}
    return agreement_id


def measured(person: Person, agreement_id: str, month: Month) -> dict[str, Any]:
    answer = person.ask("GET", f"/v1/assessments/{agreement_id}/{month}")
    assert answer.status_code in (200, 404), answer.text
    return {one["objective_id"]: one for one in answer.json()["objectives"]} if answer.status_code == 200 else {}


def monitor(people: People, reach: Reach) -> None:
    """The first month: 25 minutes down over HTTP, 15 over NATS, requests over gRPC; the budget of no month is spent by 40."""
    lines = [status(component, at(FIRST_MONTH, 0), "up") for component in ("web", "database")]
    lines += [status("database", at(FIRST_MONTH, 3000), "down"), status("database", at(FIRST_MONTH, 3025), "up")]
    lines += [
        {
            "kind": "ticket",
            "service": SERVICE,
            "id": f"T1:{state}",
            "observed_at": at(FIRST_MONTH, minute),
            "ticket": "T1",
            "state": state,
            "priority": "P1",
        }
        for state, minute in (("opened", 5000), ("resolved", 5100))
    ]
    body = "\n".join(json.dumps(line) for line in lines)
    first = people.monitoring.post("/v1/observations", body, kind="application/x-ndjson", source="probe", batch="one")
    assert (first["accepted"], first["repeated"]) == (6, 0)
    repeated = people.monitoring.post("/v1/observations", body, kind="application/x-ndjson", source="probe", batch="one")
    assert (repeated["accepted"], repeated["repeated"]) == (0, 6)
    report_over_grpc(people)
    asyncio.run(report_over_nats(people, reach))


def report_over_grpc(people: People) -> None:
    """1,000 requests of which 995 were good, and ten answers of which nine were fast."""

    def requests() -> Iterator[measurement_pb2.ReportObservationsRequest]:
        yield measurement_pb2.ReportObservationsRequest(source="gateway", batch="counters")
        for number in range(10):
            counter = observations_pb2.Counter(good=100 if number else 95, total=100)
            latency = observations_pb2.Latency(ms="300" if number else "300.001")
            when = at(FIRST_MONTH, 60 * number + 1)
            yield measurement_pb2.ReportObservationsRequest(
                observations=[
                    observations_pb2.Observation(service=SERVICE, component="web", id=f"c{number}", observed_at=when, counter=counter),
                    observations_pb2.Observation(service=SERVICE, component="web", id=f"l{number}", observed_at=when, latency=latency),
                ]
            )

    received = people.monitoring.call("measurement", MeasurementStub, lambda stub, options: stub.ReportObservations(requests(), **options))
    assert received.accepted == 20


async def report_over_nats(people: People, reach: Reach) -> None:
    """Another 15 minutes of the database's, as an outage."""
    outage = {
        "kind": "outage",
        "service": SERVICE,
        "component": "database",
        "id": "o1",
        "observed_at": at(FIRST_MONTH, 9000),
        "until": at(FIRST_MONTH, 9015),
        "cause": "Failover did not come",
    }
    connection = await nats.connect(reach.nats_url)
    try:
        await connection.jetstream().publish(
            f"upheld.ingest.{PROVIDER}",
            json.dumps({"source": "pager", "batch": "nats-1", "observations": [outage]}).encode(),
            headers={"Authorization": f"Bearer {people.monitoring.token}"},
        )
    finally:
        await connection.close()


def breach(people: People, agreement_id: str) -> str:
    """The last observation, seven more minutes, with a trace of its own: the budget of 0.1 per cent is gone. Returns the trace id."""
    before = share_up(FIRST_MONTH, 40)
    until(
        lambda: measured(people.manager, agreement_id, FIRST_MONTH),
        lambda found: bool(found) and found["availability"]["attainment"] == exact(before),
    )
    trace_id = secrets.token_hex(16)
    last = [status("web", at(FIRST_MONTH, 20_000), "down"), status("web", at(FIRST_MONTH, 20_007), "up")]
    people.monitoring.post(
        "/v1/observations",
        {"source": "probe", "batch": "last", "observations": last},
        headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
    )
    return trace_id


def improve(people: People, agreement_id: str) -> str:
    """Planned over HTTP, approved by the client over gRPC, implemented, and verified over gRPC."""
    found = until(
        lambda: people.client.get("/v1/improvements", agreement_id=agreement_id)["items"],
        lambda items: bool(items) and items[0]["status"] == "analysed",
    )
    assert len(found) == 1, "a breach opens one improvement, however often it is told"
    improvement = found[0]
    path = f"/v1/improvements/{improvement['id']}"
    assert any(finding["subject"] == "database" for finding in improvement["findings"])
    plan = {
        "recommendation_id": improvement["recommendations"][0]["id"],
        "description": "A standby database",
        "owner": "Rea Vogel",
        "due_on": SECOND_MONTH.first_day.isoformat(),
    }
    planned = people.manager.post(f"{path}/plan", plan, version=improvement["version"])
    early = people.manager.ask(
        "POST",
        f"{path}/implementation",
        json={"implemented_on": SECOND_MONTH.first_day.isoformat()},
        headers={"If-Match": f'"{planned["version"]}"'},
    )
    assert early.status_code == 409, "nothing is implemented before it is approved"
    approved = people.client.call(
        "improvement",
        ImprovementsStub,
        lambda stub, options: stub.ApproveImprovement(
            improvements_pb2.ApproveImprovementRequest(improvement_id=improvement["id"], expected_version=planned["version"]), **options
        ),
    )
    people.manager.post(f"{path}/implementation", {"implemented_on": SECOND_MONTH.first_day.isoformat()}, version=approved.version)
    second = [
        *(status(component, at(SECOND_MONTH, 0), "up") for component in ("web", "database")),
        status("web", at(SECOND_MONTH, 700), "down"),
        status("web", at(SECOND_MONTH, 701), "up"),
    ]
    people.monitoring.post("/v1/observations", {"source": "probe", "batch": "second month", "observations": second})
    verified = people.manager.call(
        "improvement",
        ImprovementsStub,
        lambda stub, options: stub.VerifyImprovement(
            improvements_pb2.VerifyImprovementRequest(improvement_id=improvement["id"]), **options
        ),
    )
    assert verified.status == "effective"
    proof = verified.verifications[-1]
    assert proof.before_attainment == exact(share_up(FIRST_MONTH, 47))
    assert proof.after_attainment == exact(share_up(SECOND_MONTH, 1))
    return str(improvement["id"])


def close(people: People, agreement_id: str) -> None:
    """The first month over HTTP, the second over gRPC."""
    closed = people.manager.post(f"/v1/assessments/{agreement_id}/{FIRST_MONTH}/close")
    assert (closed["closed"], closed["revision"], closed["credit"]["amount"]) == (True, 1, "500.00")
    again = people.manager.ask("POST", f"/v1/assessments/{agreement_id}/{FIRST_MONTH}/close", headers={"Content-Type": "application/json"})
    assert again.status_code == 409
    second = people.manager.call(
        "measurement",
        MeasurementStub,
        lambda stub, options: stub.ClosePeriod(
            measurement_pb2.ClosePeriodRequest(agreement_id=agreement_id, period=str(SECOND_MONTH)), **options
        ),
    )
    assert (second.closed, second.credit.amount) == (True, "0.00")


def report(people: People, agreement_id: str, month: Month) -> Mapping[str, Any]:
    """The client's report, the same bytes over HTTP and gRPC."""
    path = f"/v1/reports/{agreement_id}/{month}"
    answer = until(
        lambda: people.client.ask("GET", path), lambda found: found.status_code == 200 and not found.json()["period"]["provisional"]
    )
    over_grpc = people.client.call(
        "reporting",
        ReportsStub,
        lambda stub, options: stub.GetReport(reports_pb2.GetReportRequest(agreement_id=agreement_id, period=str(month)), **options),
    )
    assert over_grpc.json == answer.text
    document: Mapping[str, Any] = answer.json()
    return document


def arrive_late(people: People, agreement_id: str, known_at: str) -> None:
    """Twenty minutes more, after the close: restated with its cause; what was known before is still served."""
    first = people.client.ask("GET", f"/v1/reports/{agreement_id}/{FIRST_MONTH}").content
    late = [status("web", at(FIRST_MONTH, 30_000), "down"), status("web", at(FIRST_MONTH, 30_020), "up")]
    people.monitoring.post("/v1/observations", {"source": "late-probe", "batch": "late", "observations": late})
    path = f"/v1/assessments/{agreement_id}/{FIRST_MONTH}"
    restated = until(lambda: people.client.get(path), lambda found: found["revision"] == 2)
    assert restated["objectives"][0]["attainment"] == exact(share_up(FIRST_MONTH, 67))
    assert "late-probe" in restated["restatement_cause"]
    before = people.client.get(path, known_at=known_at)
    assert (before["revision"], before["objectives"][0]["attainment"]) == (1, exact(share_up(FIRST_MONTH, 47)))
    until(
        lambda: people.client.get(f"/v1/reports/{agreement_id}/{FIRST_MONTH}"),
        lambda found: found["period"]["revision"] == 2,
    )
    assert people.client.ask("GET", f"/v1/reports/{agreement_id}/{FIRST_MONTH}", params={"revision": "1"}).content == first


def amend(people: People, agreement_id: str) -> None:
    """From tomorrow 99.95 per cent, signed by both; the state of today is unmoved."""
    tomorrow = TODAY + timedelta(days=1)
    path = f"/v1/agreements/{agreement_id}"
    current = people.client.get(path)
    document = TERMS.replace('target: "99.9"', 'target: "99.95"')
    proposed = people.client.post(
        f"{path}/amendments", document, kind="application/yaml", version=current["version"], effective_on=tomorrow.isoformat()
    )
    people.client_signatory.sign(people.provider_signatory.sign(proposed))

    def target(day: date) -> str:
        terms = people.client.get(path, as_of=day.isoformat())["terms"]["terms"]
        return str(terms["objectives"][0]["target"])

    assert (target(TODAY), target(tomorrow)) == ("99.9", "99.95")
    changes = people.client.get(f"{path}/diff", **{"from": "1", "to": "2"})["changes"]
    assert [(one["place"], one["before"], one["after"]) for one in changes] == [("objectives[availability].target", "99.9", "99.95")]


def refuse_strangers(people: People, agreement_id: str, improvement_id: str) -> None:
    for path in (
        f"/v1/agreements/{agreement_id}",
        f"/v1/agreements/{agreement_id}/history",
        f"/v1/assessments/{agreement_id}/{FIRST_MONTH}",
        f"/v1/improvements/{improvement_id}",
        f"/v1/reports/{agreement_id}/{FIRST_MONTH}",
    ):
        assert people.stranger.ask("GET", path).status_code == 404, path
    with pytest.raises(grpc.RpcError) as refused:
        people.stranger.call(
            "agreements",
            AgreementsStub,
            lambda stub, options: stub.GetAgreement(agreements_pb2.GetAgreementRequest(agreement_id=agreement_id), **options),
        )
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def prove(people: People, agreement_id: str) -> None:
    """The file that agreements hands out has measurement's part in it, wherever that listens, and holds."""
    keys = [people.client.get(f"/v1/log/{service}/key")["keys"][-1] for service in ("agreements", "measurement")]

    def exported() -> httpx2.Response:
        return people.client.ask("GET", f"/v1/agreements/{agreement_id}/bundle")

    answer = until(exported, lambda answer: answer.status_code == 200 and len(read(answer.content).logs) == 2)
    report = verify_bundle(answer.content, trust_in(keys))
    assert not report.refused, report.lines
    assert ("figures", str(FIRST_MONTH)) in {(check.rule, check.place) for check in report.checks if check.outcome == "ok"}


def test_one_agreement_through_all_five_steps(reach: Reach, collector: Collector) -> None:
    people = People(reach)
    agreement_id = agree(people)
    monitor(people, reach)
    trace_id = breach(people, agreement_id)
    improvement_id = improve(people, agreement_id)
    over_http = people.client.get(f"/v1/assessments/{agreement_id}/{FIRST_MONTH}")
    over_grpc = people.client.call(
        "measurement",
        MeasurementStub,
        lambda stub, options: stub.GetAssessment(
            measurement_pb2.GetAssessmentRequest(agreement_id=agreement_id, period=str(FIRST_MONTH)), **options
        ),
    )
    assert [one["attainment"] for one in over_http["objectives"]] == [one.attainment for one in over_grpc.objectives]
    close(people, agreement_id)
    known_at = instant_text(instant_of(datetime.now(UTC)))

    first, second = report(people, agreement_id, FIRST_MONTH), report(people, agreement_id, SECOND_MONTH)
    objectives = {one["id"]: one for one in first["objectives"]}
    assert objectives["availability"]["attainment"] == exact(share_up(FIRST_MONTH, 47))
    assert objectives["availability"]["attainment_percent"] == floored_percent(share_up(FIRST_MONTH, 47), decimals=6)
    assert {name: (one["attainment"], one["verdict"]) for name, one in objectives.items() if name != "availability"} == {
        "requests": ("199/200", "met"),
        "answers": ("9/10", "met"),
        "resolution": ("1/1", "met"),
    }
    assert objectives["availability"]["verdict"] == "breached"
    assert first["credit"]["amount"] == "500.00"
    assert [one["trace_id"] for one in first["breaches"]] == [trace_id]
    assert [one["verdict"] for one in second["improvements"]] == ["effective"]
    assert second["objectives"][0]["previous"]["attainment_percent"] == objectives["availability"]["attainment_percent"]

    arrive_late(people, agreement_id, known_at)
    amend(people, agreement_id)
    refuse_strangers(people, agreement_id, improvement_id)
    prove(people, agreement_id)
    everybody = {f"upheld-{name}" for name in ("measurement", "improvement", "reporting")}
    assert everybody <= collector.wait_for(trace_id, everybody)
