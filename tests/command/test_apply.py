"""`upheld apply`, and terms in and out of other forms, against a running `upheld up`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from typer.testing import Result

from services.agreements.document import parse_document
from services.agreements.terms import digest
from services.vocabulary.identity import Role
from tests.command.cli import CUSTOMER, HEAD, PROVIDER, agreed, invoke, person
from tests.journeys.processes import Reach, one_process

pytestmark = pytest.mark.xdist_group("apply")

Json = Any

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
"""
LOWER = TERMS.replace('"99.9"', '"99.5"')
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: main-page}
spec:
  service: shop
  indicator: {metadata: {name: own}, spec: {ratioMetric: {good: {metricSource: {type: Any}}, total: {metricSource: {type: Any}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""


@pytest.fixture(scope="module")
def reach() -> Iterator[Reach]:
    with one_process() as started:
        yield started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Under a name that no other test has."""
    return written(tmp_path / f"n{uuid4().hex}.yaml", TERMS)


def written(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def headed(text: str, **header: str) -> str:
    return f"apply: {json.dumps(header)}\n{text}"


def applied(reach: Reach, *words: str | Path, by: str = PROVIDER) -> Result:
    return invoke("apply", *words, "--organisation", by, environment=reach.environment)


def steps(reach: Reach, *words: str | Path, code: int = 0) -> list[Json]:
    done = applied(reach, *words, "--json")
    assert done.exit_code == code, done.output
    found: list[Json] = json.loads(done.stdout)["steps"]
    return found


def state(reach: Reach, agreement_id: str) -> Json:
    return person(reach, PROVIDER, Role.VIEWER).get(f"/v1/agreements/{agreement_id}")


def test_a_new_file_is_drafted_once_and_then_there_is_nothing_to_do(reach: Reach, file: Path) -> None:
    planned = applied(reach, file, "--dry-run")
    assert (planned.exit_code, planned.stdout.partition("\n")[0]) == (
        2,
        f"{file.stem}: would draft (there is no agreement of these two parties under this name yet)",
    )
    assert (
        person(reach, PROVIDER, Role.VIEWER)
        .ask("GET", f"/v1/agreements/{steps(reach, file, '--dry-run', code=2)[0]['agreement']}")
        .status_code
        == 404
    )
    (drafted,) = steps(reach, file)
    found = state(reach, drafted["agreement"])
    assert (found["status"], found["version"], found["terms"]["digest"]) == ("draft", 1, digest(parse_document(TERMS)))
    for words in ((file,), (file, "--dry-run")):
        assert [each["action"] for each in steps(reach, *words)] == ["none"]
    assert state(reach, drafted["agreement"])["version"] == 1


def test_a_changed_file_revises_the_draft_and_says_what_differs(reach: Reach, file: Path) -> None:
    (drafted,) = steps(reach, file)
    written(file, LOWER)
    planned = applied(reach, file, "--dry-run")
    assert planned.exit_code == 2
    assert planned.stdout.splitlines() == [
        f"{file.stem}: would revise the draft",
        f"  {file}, agreement {drafted['agreement']}",
        "  Objective availability: the target falls from 99.9 % to 99.5 %.",
    ]
    assert state(reach, drafted["agreement"])["version"] == 1
    (revised,) = steps(reach, file, "--reason", "Am Telefon geändert — beide")
    assert revised["changes"] == [{"place": "objectives[availability].target", "before": "99.9", "after": "99.5"}]
    found = state(reach, drafted["agreement"])
    assert (found["status"], found["version"], found["terms"]["digest"]) == ("draft", 2, digest(parse_document(LOWER)))
    history = person(reach, PROVIDER, Role.VIEWER).get(f"/v1/agreements/{drafted['agreement']}/history")["items"]
    assert [each["reason"] for each in history] == [f"apply {file.stem}", "Am Telefon geändert — beide"]


def test_the_other_side_finds_the_same_agreement_by_the_name_in_the_file(reach: Reach, tmp_path: Path) -> None:
    name = f"n{uuid4().hex}"
    ours, theirs = (written(tmp_path / side / "any.yaml", headed(TERMS, name=name)) for side in ("ours", "theirs"))
    (drafted,) = steps(reach, ours)
    assert (drafted["name"], drafted["action"]) == (name, "draft")
    written(theirs, headed(LOWER, name=name))
    assert applied(reach, theirs, by=CUSTOMER).exit_code == 0
    assert state(reach, drafted["agreement"])["terms"]["digest"] == digest(parse_document(LOWER))


def test_what_waits_for_signatures_is_left_alone_and_something_else_is_refused(reach: Reach, file: Path) -> None:
    (drafted,) = steps(reach, file)
    path = f"/v1/agreements/{drafted['agreement']}"
    person(reach, PROVIDER, Role.SERVICE_MANAGER).post(f"{path}/proposal", version=1)
    (waiting,) = steps(reach, file)
    assert (waiting["action"], waiting["why"]) == ("none", "version 1 says the same and waits for signatures")
    written(file, LOWER)
    (blocked,) = steps(reach, file, code=1)
    assert (blocked["action"], blocked["why"]) == ("blocked", "version 1 waits for signatures; sign it or withdraw it first")
    assert state(reach, drafted["agreement"])["version"] == 2


def test_signed_terms_are_amended_by_a_proposal_that_nobody_has_signed(reach: Reach, tmp_path: Path) -> None:
    agreement_id = agreed(reach, TERMS)
    file = written(tmp_path / "payments.yaml", headed(TERMS, agreement=agreement_id))
    assert [each["action"] for each in steps(reach, file)] == ["none"]
    written(file, headed(LOWER, agreement=agreement_id))
    (undated,) = steps(reach, file, "--dry-run", code=1)
    assert (undated["action"], undated["why"][:45]) == ("blocked", "an amendment needs the day it counts from: --")
    before = state(reach, agreement_id)["version"]
    (planned,) = steps(reach, file, "--dry-run", "--effective-on", "2026-05-01", code=2)
    assert (planned["action"], planned["effective_on"]) == ("amend", "2026-05-01")
    assert state(reach, agreement_id)["version"] == before
    written(file, headed(LOWER, agreement=agreement_id, effective_on="2026-06-01"))
    (proposed,) = steps(reach, file)
    found = state(reach, agreement_id)
    assert (found["pending"]["number"], found["pending"]["effective_on"]) == (2, "2026-06-01")
    assert found["pending"]["digest"] == proposed["digest"] == digest(parse_document(LOWER))
    assert {each["terms_version"] for each in found["signatures"]} == {1}
    (again,) = steps(reach, file)
    assert (again["action"], again["why"]) == ("none", "version 2 says the same and waits for signatures")


def test_a_folder_is_read_through_and_what_holds_no_terms_is_named(reach: Reach, tmp_path: Path) -> None:
    names = sorted(f"n{uuid4().hex}" for _ in range(2))
    for folder, name in zip(("a", "b/c"), names, strict=True):
        written(tmp_path / folder / f"{name}.yml", TERMS)
    other = written(tmp_path / "values.yaml", "replicas: {{ count }}\n")
    written(tmp_path / ".github" / "hidden.yaml", TERMS)
    written(tmp_path / "notes.txt", TERMS)
    done = applied(reach, tmp_path, "--json")
    assert [each["name"] for each in json.loads(done.stdout)["steps"]] == names
    assert done.stderr == f"{other} holds no terms: skipped\n"


def test_where_one_file_cannot_be_followed_nothing_is_done(reach: Reach, tmp_path: Path, file: Path) -> None:
    missing = str(uuid4())
    written(tmp_path / "adopted.yaml", headed(TERMS, agreement=missing))
    found = {each["name"]: each for each in steps(reach, tmp_path, code=1)}
    assert (found["adopted"]["action"], found["adopted"]["why"]) == ("blocked", f"there is no agreement {missing}")
    (still,) = steps(reach, file, "--dry-run", code=2)
    assert still["action"] == "draft"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.yaml": TERMS.replace("zone: UTC", "zone: Nowhere")}, "a.yaml: zone: must be an IANA time zone"),
        ({"a.yaml": headed(TERMS, name="Two Words")}, "a.yaml: apply.name: must be lower-case letters"),
        ({"a.yaml": headed(TERMS, agreement="7")}, "a.yaml: apply.agreement: must be the id of an agreement"),
        ({"a.yaml": headed(TERMS, when="2026-05-01")}, "a.yaml: apply.when: is not a field here"),
        ({"a.yaml": headed(TERMS, name="x"), "b.yaml": headed(TERMS, name="x")}, "b.yaml: apply.name: is the agreement of"),
    ],
)
def test_a_file_that_is_no_terms_is_refused_before_anybody_is_asked(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, text in files.items():
        written(tmp_path / name, text)
    done = invoke("apply", tmp_path, "--organisation", PROVIDER, "--url", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert expected in done.stderr


def test_the_header_is_no_part_of_the_terms(tmp_path: Path) -> None:
    plain, with_header = written(tmp_path / "a.yaml", TERMS), written(tmp_path / "b.yaml", headed(TERMS, name="payments"))
    assert invoke("terms", "check", plain).stdout == invoke("terms", "check", with_header).stdout
    schema = json.loads(invoke("terms", "schema").stdout)
    assert set(schema["properties"]["apply"]["properties"]) == {"name", "agreement", "effective_on"}


def test_an_agreement_is_exported_with_what_the_form_does_not_say(reach: Reach, file: Path) -> None:
    (drafted,) = steps(reach, file)
    words = ("terms", "export", drafted["agreement"], "--organisation", CUSTOMER)
    plain = invoke(*words, "--to", "terms", environment=reach.environment)
    assert (plain.exit_code, digest(parse_document(plain.stdout)), plain.stderr) == (0, drafted["digest"], "")
    slos = invoke(*words, "--to", "openslo", environment=reach.environment)
    assert [each["kind"] for each in yaml.safe_load_all(slos.stdout)] == ["DataSource", "Service", "SLI", "SLO"]
    assert "lost parties: 2 of them (an SLO is nobody's promise to anybody)" in slos.stderr.splitlines()
    none = invoke(*words, "--to", "pdf", environment=reach.environment)
    assert (none.exit_code, none.stderr) == (2, "error: --to must be openslo or tmf623 or tmf657 or terms, not 'pdf'\n")


def test_openslo_becomes_terms_without_a_server(tmp_path: Path) -> None:
    file = written(tmp_path / "slo.yaml", SLO)
    given = ("--provider", PROVIDER, "--customer", CUSTOMER, "--zone", "Europe/Zurich", "--effective-on", "2026-04-01", "--title", "Shop")
    done = invoke("terms", "import", file, "--from", "openslo", *given)
    assert done.exit_code == 0, done.output
    terms = parse_document(done.stdout)
    assert (terms.provider, terms.customer, terms.zone, terms.title) == (PROVIDER, CUSTOMER, "Europe/Zurich", "Shop")
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "assumed services[shop].name",
        "assumed services[shop].components",
    ]
    broken = invoke("terms", "import", written(file, SLO.replace("0.99", "9")), "--from", "openslo")
    assert (broken.exit_code, broken.stdout) == (2, "")
    assert broken.stderr == "error: SLO[main-page].spec.objectives[0].target: must be a number from 0 to below 1, not '9'\n"
