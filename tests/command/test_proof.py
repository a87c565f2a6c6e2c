"""`upheld export` and `upheld verify` on a real platform: what comes out holds by the log's key alone, figures included."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from upheld.agreements.v1 import agreements_pb2
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub

from services.command.verification import Report, trust_in, verify_bundle
from services.transparency.bundle import MEDIA_TYPE, Bundle, canonical, encoded, read
from services.vocabulary.identity import Role
from tests.command.cli import CUSTOMER, HEAD, PROVIDER, agreed, invoke, person, upheld
from tests.journeys.people import Json, Person, until
from tests.journeys.processes import Reach, one_process
from tests.signing import signer

TERMS = f"""{HEAD}
title: Payments
zone: Europe/Zurich
effective_on: 2026-04-01
services:
  - {{id: payments, name: Payments, components: [{{id: web, name: Web}}]}}
exclusion_classes:
  - {{id: maintenance, clause: "3.1", approval: customer}}
objectives:
  - id: availability
    name: Availability
    service: payments
    indicator: {{kind: availability, components: [web], combine: any, no_data: undetermined}}
    comparison: ">="
    target: "99.9"
    decimals: 6
    credits: [{{below: "99.9", percent: "10"}}]
  - id: requests
    name: Requests without error
    service: payments
    indicator: {{kind: request-ratio, components: [web]}}
    comparison: ">="
    target: "99"
    decimals: 6
    credits: [{{below: "99", percent: "5"}}]
  - id: answers
    name: Answers within 300 ms
    service: payments
    indicator: {{kind: response-time, components: [web], threshold_ms: "300"}}
    comparison: ">="
    target: "90"
    decimals: 6
credit: {{currency: CHF, monthly_charge: "5000.00"}}
"""


def said(**what: object) -> dict[str, object]:
    return {"service": "payments", "component": "web", **what}


OBSERVATIONS = [
    said(kind="status", observed_at="2026-04-01T00:00:00Z", state="up", id="s1"),
    said(kind="status", observed_at="2026-04-02T10:00:00Z", state="down", id="s2"),
    said(kind="status", observed_at="2026-04-02T10:44:00Z", state="up", id="s3"),
    *(said(kind="counter", observed_at=f"2026-04-0{day}T12:00:00Z", id=f"c{day}", good=990 - day, total=1000) for day in range(1, 10)),
    *(said(kind="latency", observed_at=f"2026-04-0{day}T12:00:00Z", id=f"l{day}", ms=str(40 * day)) for day in range(1, 10)),
    {**said(kind="counter", observed_at="2026-04-05T12:00:00Z", id="x", good=1, total=2), "service": "of-another-agreement"},
]


@dataclass(frozen=True, kw_only=True)
class Exported:
    reach: Reach
    agreement_id: str
    file: Path
    keys: tuple[str, str]
    kept: tuple[Path, Path]

    @property
    def bundle(self) -> Bundle:
        return read(self.file.read_bytes())

    @property
    def document(self) -> Json:
        return json.loads(self.file.read_bytes())

    def report(self, document: Json) -> Report:
        return verify_bundle(canonical(document), trust_in(self.keys[:1]))


@pytest.fixture(scope="module")
def exported() -> Iterator[Exported]:
    with one_process() as reach:
        agreement_id = agreed(reach, TERMS)
        provider = person(reach, PROVIDER, Role.SERVICE_MANAGER, Role.OPERATOR)
        customer = person(reach, CUSTOMER, Role.SERVICE_MANAGER)
        body = {"source": "probe", "observations": OBSERVATIONS}
        provider.post("/v1/observations", body)
        claimed = provider.post(
            "/v1/exclusions",
            {
                "agreement_id": agreement_id,
                "exclusion_class": "maintenance",
                "service": "payments",
                "start": "2026-04-02T10:10:00Z",
                "end": "2026-04-02T10:20:00Z",
                "reason": "announced",
            },
        )
        customer.post(f"/v1/exclusions/{claimed['id']}/approval", {"reason": "agreed"})
        until(lambda: customer.ask("GET", f"/v1/agreements/{agreement_id}/receipts").status_code, lambda status: status == 200)
        kept = (checkpoint_of("agreements", customer), checkpoint_of("measurement", customer))
        version = customer.get(f"/v1/agreements/{agreement_id}")["version"]
        customer.post(f"/v1/agreements/{agreement_id}/comments", {"place": "title", "text": "Payments in and out"}, version=version)
        until(lambda: customer.ask("GET", "/v1/log/agreements/checkpoint").text, lambda told: told != kept[0].read_text())
        path = f"/v1/assessments/{agreement_id}"
        for period in ("2026-04", "2026-05", "2026-06"):
            provider.post(f"{path}/{period}/close")
        late = {"source": "probe", "observations": [said(kind="counter", observed_at="2026-04-20T12:00:00Z", id="late", good=1, total=9)]}
        provider.post("/v1/observations", late)
        until(lambda: customer.get(f"{path}/2026-04")["revision"], lambda revision: revision == 2)
        file = reach.data / "agreement.bundle.json"
        keys = tuple(customer.get(f"/v1/log/{service}/key")["keys"][-1] for service in ("agreements", "measurement"))

        def sealed() -> set[str]:
            log = customer.get(f"{path}/bundle-part")["log"]
            return {event["name"] for stream in log["streams"] for event in stream["events"]}

        until(sealed, lambda names: names >= {"exclusion.approved.v1", "period.restated.v1"})
        done = invoke("export", agreement_id, "--out", file, "-o", CUSTOMER, environment=reach.environment)
        assert done.exit_code == 0, done.output
        yield Exported(reach=reach, agreement_id=agreement_id, file=file, keys=keys, kept=kept)


def checkpoint_of(service: str, who: Person) -> Path:
    """Kept by somebody before the rest happened."""
    file = who.reach.data / f"{service}.kept"
    file.write_text(until(lambda: who.ask("GET", f"/v1/log/{service}/checkpoint"), lambda told: told.status_code == 200).text)
    return file


def test_the_log_is_shown_to_have_grown_from_what_was_kept(exported: Exported) -> None:
    file = exported.reach.data / "grown.bundle.json"
    since = [word for each in exported.kept for word in ("--since", each)]
    done = invoke("export", exported.agreement_id, "--out", file, *since, "-o", CUSTOMER, environment=exported.reach.environment)
    assert done.exit_code == 0, done.output
    kept = tuple(each.read_text() for each in exported.kept)
    for bundle, outcome in ((file, "ok"), (exported.file, "notice")):
        report = verify_bundle(bundle.read_bytes(), replace(trust_in(exported.keys[:1]), kept=kept))
        assert [check.outcome for check in report.checks if check.rule == "kept-checkpoint"] == [outcome] * 2


@pytest.mark.parametrize("service", ["agreements", "measurement"])
def test_a_size_that_the_log_has_not_reached_is_refused(exported: Exported, service: str) -> None:
    reader = person(exported.reach, CUSTOMER, Role.VIEWER)
    answer = reader.ask("GET", f"/v1/agreements/{exported.agreement_id}/bundle", params={"since": f"{service}/1000"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-sealed")


def test_what_was_exported_holds_by_the_key_of_the_log_alone(exported: Exported) -> None:
    done = upheld("verify", exported.file, "--key", exported.keys[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("The bundle holds.\n")
    rules = {(check.rule, check.place): check for check in exported.report(exported.document).checks}
    assert {check.outcome for check in rules.values()} == {"ok"}
    assert rules["signatures", "agreements"].told.startswith("2 with keys")
    assert rules["results", "2026-04"].told == "closed, restated 1 times"
    for period in ("2026-04", "2026-05"):
        assert rules["figures", period].told == "recomputed by calculator 3: the same to the byte"


def test_only_the_log_that_a_key_is_of_is_believed(exported: Exported) -> None:
    done = invoke("verify", exported.file, "--key", exported.keys[0].replace("upheld/", "elsewhere/"), "--json")
    assert done.exit_code == 2
    other = invoke("verify", exported.file, "--key", str(signer("upheld", "agreements").key), "--json")
    assert other.exit_code == 1
    assert json.loads(other.stdout)["holds"] is False


def test_a_period_that_was_left_out_between_others_is_told(exported: Exported) -> None:
    document = exported.document
    log = document["logs"][1]
    assert not [each for each in exported.report(document).checks if each.outcome == "notice"]
    (may,) = [each for each in log["streams"] if '"period":"2026-05"' in b64decode(each["events"][0]["content"]).decode()]
    log["streams"].remove(may)
    document["evidence"] = [each for each in document["evidence"] if each["period"] != "2026-05"]
    report = exported.report(document)
    (told,) = [each.told for each in report.checks if each.outcome == "notice"]
    assert not report.refused
    assert told.startswith("nothing is stated from 2026-04-30T22:00:00Z to 2026-05-31T22:00:00Z")


def test_other_observations_lead_to_other_figures_and_that_is_found(exported: Exported) -> None:
    document = exported.document
    (april,) = [each for each in document["evidence"] if each["period"] == "2026-04"]
    (recovery,) = [row for row in april["provider"]["statuses"] if row[1] == "s3"]
    recovery[5] += 60_000_000
    report = exported.report(document)
    (failed,) = [check for check in report.checks if check.outcome == "failed"]
    assert (failed.rule, failed.place) == ("figures", "2026-04")
    assert "objectives" in failed.told


@pytest.mark.parametrize(
    "broken",
    [
        {"statuses": [["probe"]]},
        {"statuses": "nothing"},
        {"counters": [{"source": "probe", "base": 1, "rows": encoded(b"odd")}]},
        {"series": {"one": ["payments", "web"]}},
        {},
    ],
)
def test_observations_that_are_none_are_told_and_not_raised(exported: Exported, broken: dict[str, Json]) -> None:
    document = exported.document
    first = document["evidence"][0]
    first["provider"] = {**first["provider"], **broken} if broken else {}
    report = exported.report(document)
    assert [check.rule for check in report.checks if check.outcome == "failed"] == ["figures"]


def test_without_its_observations_a_figure_is_not_recomputed_and_that_is_told(exported: Exported) -> None:
    report = exported.report({**exported.document, "evidence": []})
    assert not report.refused
    assert [check.place for check in report.checks if check.outcome == "notice"] == ["2026-04", "2026-05", "2026-06"]


def test_what_the_parties_added_is_in_it_and_counts(exported: Exported) -> None:
    names = [event.name for stream in exported.bundle.logs[1].streams for event in stream.events]
    assert {"exclusion.claimed.v1", "exclusion.approved.v1", "period.closed.v1", "period.restated.v1"} <= set(names)


def test_what_others_reported_is_not_in_it(exported: Exported) -> None:
    content = exported.file.read_text()
    assert "of-another-agreement" not in content
    assert all(evidence["provider"]["counters"] for evidence in exported.document["evidence"] if evidence["period"] == "2026-04")


def test_http_and_grpc_hand_out_the_same_file(exported: Exported) -> None:
    customer = person(exported.reach, CUSTOMER, Role.AUDITOR)
    answer = customer.ask("GET", f"/v1/agreements/{exported.agreement_id}/bundle")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["content-disposition"] == f'attachment; filename="agreement-{exported.agreement_id}.bundle.json"'
    request = agreements_pb2.ExportBundleRequest(agreement_id=exported.agreement_id)
    parts = customer.call("agreements", AgreementsStub, lambda stub, options: list(stub.ExportBundle(request, **options)))
    streamed = read(b"".join(part.content for part in parts))
    assert replace(streamed, exported_at="") == replace(read(answer.content), exported_at="")


def test_a_stranger_gets_none_of_it(exported: Exported) -> None:
    stranger = person(exported.reach, "somebody-else", Role.AUDITOR)
    for path in (f"/v1/agreements/{exported.agreement_id}/bundle", f"/v1/assessments/{exported.agreement_id}/bundle-part"):
        assert stranger.ask("GET", path).status_code == 404


def test_a_kept_checkpoint_is_compared(exported: Exported, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(exported.bundle.logs[0].checkpoint)
    done = invoke("verify", exported.file, "--key", exported.keys[0], "--checkpoint", kept, "--json")
    assert done.exit_code == 0, done.output
    rules = [check["told"] for check in json.loads(done.stdout)["checks"] if check["rule"] == "kept-checkpoint"]
    assert rules == ["is the bundle's"]
