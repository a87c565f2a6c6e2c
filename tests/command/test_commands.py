"""The commands against a running `upheld up`, and how it stops and starts again."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.vocabulary.identity import Role
from tests.command.cli import CUSTOMER, HEAD, PROVIDER, agreed, invoke, person, upheld
from tests.journeys.people import Person, until
from tests.journeys.processes import Reach, folder, one_process

pytestmark = pytest.mark.xdist_group("commands")

Json = Any
PERIOD = "2026-04"

TERMS = f"""{HEAD}
title: Payments platform
zone: UTC
effective_on: 2026-04-01
services: [{{id: payments, name: Payments, components: [{{id: web, name: Web}}]}}]
objectives:
  - id: availability
    name: Availability
    service: payments
    indicator: {{kind: availability, components: [web]}}
    target: "99.9"
    decimals: 6
    credits: [{{below: "99.9", percent: "10"}}]
credit: {{currency: CHF, monthly_charge: "5000.00"}}
"""
PROBES = "\n".join(
    [
        "when,host,state,said",
        "2026-04-01 00:00,web,OK,",
        "2026-04-02 10:00,web,FAIL,timeout",
        "2026-04-02 10:44,web,OK,",
    ]
)
MAPPING = [
    word
    for option in (
        "kind=status",
        "service=payments",
        "component=column:host",
        "observed_at=when",
        "time_format=%Y-%m-%d %H:%M",
        "zone=UTC",
        "state=state",
        "states=OK=up,FAIL=down",
    )
    for word in ("--map", option)
]


@dataclass(frozen=True, kw_only=True)
class Running:
    """A platform with one agreement on it, and the probes of its month imported."""

    reach: Reach
    agreement_id: str
    receipt: Json
    probes: Path

    def table(self, *words: str | Path) -> list[str]:
        """The words of each line that the installed command prints."""
        done = upheld(*words, environment=self.reach.environment)
        assert done.returncode == 0, done.stderr
        return lines(done.stdout)

    def says(self, *words: str | Path) -> str:
        """What the command prints when it succeeds."""
        done = invoke(*words, environment=self.reach.environment)
        assert done.exit_code == 0, done.output
        return done.stdout

    def refuses(self, *words: str | Path) -> str:
        """What it says when it does not."""
        done = invoke(*words, environment=self.reach.environment)
        assert (done.exit_code, done.stdout) == (1, "")
        return done.stderr

    def importing(self) -> list[str | Path]:
        return ["import", self.probes, "--source", "prober", "--organisation", PROVIDER, *MAPPING]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with one_process() as reach:
        agreement_id = agreed(reach, TERMS)
        probes = reach.data / "probes.csv"
        probes.write_text(PROBES)
        started = Running(reach=reach, agreement_id=agreement_id, receipt=None, probes=probes)
        receipt = json.loads(started.says(*started.importing()))
        yield Running(reach=reach, agreement_id=agreement_id, receipt=receipt, probes=probes)


def lines(printed: str) -> list[str]:
    """The words of each line, without a table's rules."""
    return [" ".join(re.sub("[│┃]", " ", line).split()) for line in printed.splitlines()]


def attainment(someone: Person, agreement_id: str) -> str:
    return str(someone.get(f"/v1/assessments/{agreement_id}/{PERIOD}")["objectives"][0]["attainment_percent"])


def test_an_import_says_what_was_taken_and_the_month_is_judged_by_it(running: Running) -> None:
    assert {name: running.receipt[name] for name in ("accepted", "repeated", "rejected", "rejected_count")} == {
        "accepted": 3,
        "repeated": 0,
        "rejected": [],
        "rejected_count": 0,
    }
    assert attainment(person(running.reach, CUSTOMER, Role.VIEWER), running.agreement_id) == "99.898148"


def test_the_same_file_again_changes_nothing(running: Running) -> None:
    again = json.loads(running.says(*running.importing()))
    assert (again["accepted"], again["repeated"]) == (0, 3)


def test_an_import_with_a_bad_row_names_it_and_takes_none(running: Running, tmp_path: Path) -> None:
    bad = tmp_path / "more.csv"
    bad.write_text("when,host,state,said\n2026-04-20 00:00,web,FAIL,\n2026-04-20 00:61,web,OK,\n")
    told = running.refuses("import", bad, "--source", "prober", "--organisation", PROVIDER, *MAPPING)
    assert "422 observations-rejected" in told
    assert "line 3, when: must be a time written %Y-%m-%d %H:%M, not '2026-04-20 00:61'" in told
    assert attainment(person(running.reach, PROVIDER, Role.VIEWER), running.agreement_id) == "99.898148"
    unmapped = running.refuses("import", bad, "--source", "prober", "--organisation", PROVIDER)
    assert "The columns of a CSV file are named by --map (--map kind=status " in unmapped


def test_a_token_opens_the_api_for_its_organisation_alone(running: Running) -> None:
    path = f"/v1/agreements/{running.agreement_id}"
    for organisation, status in ((CUSTOMER, 200), ("somebody-else", 404)):
        printed = running.says("token", "--organisation", organisation, "--role", "viewer")
        assert Person(reach=running.reach, token=printed.strip()).ask("GET", path).status_code == status
    assert httpx2.get(running.reach.origin(path) + path, trust_env=False).status_code == 401


def test_an_api_key_opens_the_api_and_only_its_hash_is_kept(running: Running) -> None:
    key = running.says("token", "--organisation", CUSTOMER, "--role", "viewer", "--api-key").strip()
    path = f"/v1/agreements/{running.agreement_id}"
    answer = httpx2.get(running.reach.origin(path) + path, headers={"X-Api-Key": key}, trust_env=False)
    assert answer.status_code == 200
    assert all(key not in kept.read_text() for kept in (running.reach.data / "identity").glob("*.json"))


def test_history_tells_every_step_with_who_and_for_whom(running: Running) -> None:
    printed = running.table("history", running.agreement_id, "--organisation", CUSTOMER)
    steps = [
        ("agreement.drafted.v1", PROVIDER),
        ("agreement.proposed.v2", PROVIDER),
        ("agreement.signed.v2", CUSTOMER),
        ("agreement.signed.v2", PROVIDER),
        ("agreement.activated.v1", PROVIDER),
    ]
    told = [line for line in printed if " agreement." in line]
    for version, (line, (step, organisation)) in enumerate(zip(told, steps, strict=True), start=1):
        assert line.startswith(f"{version} ")
        assert step in line
        assert f"somebody-at-{organisation} " in line
    assert "Availability availability >= 99.9 %" in printed


def test_history_known_at_an_instant_knows_nothing_later(running: Running) -> None:
    words = ["history", running.agreement_id, "--organisation", CUSTOMER, "--json"]
    whole = json.loads(running.says(*words))
    second = whole["history"]["items"][1]["recorded_at"]
    then = json.loads(running.says(*words, "--known-at", second))
    assert then["history"]["items"] == whole["history"]["items"][:2]
    assert (then["state"]["status"], whole["state"]["status"]) == ("proposed", "active")


def test_a_report_says_what_the_month_came_to(running: Running) -> None:
    client = person(running.reach, CUSTOMER, Role.VIEWER)
    path = f"/v1/reports/{running.agreement_id}/{PERIOD}"
    until(lambda: client.ask("GET", path).status_code, lambda status: status == 200)
    words = ["report", running.agreement_id, PERIOD, "--organisation", CUSTOMER]
    printed = running.table(*words)
    assert "Payments platform 2026-04 (provisional)" in printed
    assert "Availability >= 99.9 % 99.898148 % – breached 10 %" in printed
    assert "credit: 10 % of 5000.00 = 500.00 CHF" in printed
    assert json.loads(running.says(*words, "--json"))["credit"]["amount"] == "500.00"


def test_what_belongs_to_others_is_not_found(running: Running) -> None:
    for words in (["history", running.agreement_id], ["report", running.agreement_id, PERIOD]):
        assert ": 404 " in running.refuses(*words, "--organisation", "somebody-else")


def test_without_token_and_organisation_the_command_says_what_it_needs(running: Running) -> None:
    assert "--token: needed: give --token (or UPHELD_TOKEN), or --organisation" in running.refuses("history", running.agreement_id)


def test_settings_tell_value_source_and_meaning_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("http_port = 9999\n")
    done = upheld(
        "settings",
        environment={
            "UPHELD_FILE": str(file),
            "UPHELD_GRPC_PORT": "9998",
            "UPHELD_DATABASE_URL": "postgresql://upheld:tell-nobody@db.example/upheld",
        },
    )
    assert done.returncode == 0, done.stderr
    told = lines(done.stdout)
    assert any(line.startswith("UPHELD_HTTP_PORT 9999 file ") for line in told)
    assert any(line.startswith("UPHELD_GRPC_PORT 9998 environment ") for line in told)
    assert any(line.startswith("UPHELD_NATS_PORT 4222 default ") for line in told)
    assert "db.example" in done.stdout
    assert "tell-nobody" not in done.stdout


def test_a_setting_without_sense_is_refused_by_name() -> None:
    done = invoke("settings", environment={"UPHELD_HTTP_PORT": "eighty"})
    assert done.exit_code == 2
    assert "UPHELD_HTTP_PORT" in done.stderr


def test_there_is_no_service_of_that_name() -> None:
    done = invoke("serve", "nonsense")
    assert done.exit_code == 2
    assert "there is no service 'nonsense'; choose one of agreements, measurement, improvement, reporting" in done.stderr


def report_until_it_ends(someone: Person, acknowledged: list[str]) -> None:
    """Batch after batch, remembering those that were acknowledged, until nobody answers any more."""
    for number in range(100_000):
        minute, hour = number % 60, number // 60 % 24
        counter = {
            "kind": "counter",
            "service": "payments",
            "component": "web",
            "observed_at": f"2026-04-03T{hour:02}:{minute:02}:00Z",
            "good": 1,
            "total": 1,
        }
        try:
            someone.post("/v1/observations", {"source": "gateway", "batch": f"b{number}", "observations": [counter]})
        except (httpx2.HTTPError, AssertionError):
            return
        acknowledged.append(f"b{number}")


def test_ctrl_c_ends_the_platform_and_nothing_acknowledged_is_lost() -> None:
    with folder() as home:
        acknowledged: list[str] = []
        with one_process(data=home) as first:
            agreement_id = agreed(first, TERMS)
            operator = person(first, PROVIDER, Role.OPERATOR)
            probes = home / "probes.csv"
            probes.write_text(PROBES)
            imported = invoke("import", probes, "--source", "prober", "-o", PROVIDER, *MAPPING, environment=first.environment)
            assert imported.exit_code == 0, imported.output
            viewer = person(first, CUSTOMER, Role.VIEWER)
            paths = [
                f"/v1/agreements/{agreement_id}",
                f"/v1/agreements/{agreement_id}/history",
                f"/v1/agreements/{agreement_id}/versions/1",
            ]
            before = [viewer.get(path) for path in paths]
            reporter = threading.Thread(target=report_until_it_ends, args=(operator, acknowledged))
            reporter.start()
            until(lambda: len(acknowledged), lambda count: count >= 20)
            child = first.processes["up"]
            asked = time.monotonic()
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=20) == 0
            assert time.monotonic() - asked < 10
            reporter.join(timeout=30)
        assert "Traceback" not in (home / "up.log").read_text()

        with one_process(data=home) as second:
            viewer = person(second, CUSTOMER, Role.VIEWER)
            assert [viewer.get(path) for path in paths] == before
            assert attainment(viewer, agreement_id) == "99.898148"
            provider = person(second, PROVIDER, Role.OPERATOR)
            assert found_again(provider, acknowledged) == acknowledged


def found_again(someone: Person, batches: list[str]) -> list[str]:
    """The batches whose names are taken: another content under the same name is refused."""
    other = {"kind": "counter", "service": "payments", "component": "web", "observed_at": "2026-04-04T00:00:00Z", "good": 0, "total": 1}

    def is_taken(name: str) -> bool:
        answer = someone.ask("POST", "/v1/observations", json={"source": "gateway", "batch": name, "observations": [other]})
        return answer.status_code == 409 and answer.json()["code"] == "batch-name-reused"

    return [name for name in batches if is_taken(name)]
