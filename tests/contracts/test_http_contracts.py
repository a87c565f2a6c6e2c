"""The four OpenAPI documents say all that the running platform answers: generated requests, good and bad ones, over real HTTP."""

from __future__ import annotations

import json
import re
import unittest
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import islice, product
from typing import Any, TypeAlias

import httpx2
import hypothesis
import pytest
import requests
import schemathesis
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from services.command.host import SERVICES
from services.transparency.bundle import read
from services.transparency.note import parse_checkpoint, parse_note
from services.vocabulary.identity import Role
from tests.contracts.platform import (
    AUDITOR,
    LAST_MONTH,
    MONTH,
    OBJECTIVE,
    PROVIDER,
    RUNNING_MONTH,
    SERVICE,
    SLO,
    TERMS,
    House,
    claim,
    house,
    observations,
)
from tests.journeys.people import Json, Person, until
from tests.journeys.processes import WITNESS
from tests.signing import bearer_of, note_for, registration, rotation

pytestmark = [pytest.mark.schema, pytest.mark.xdist_group("http contracts"), pytest.mark.timeout(600)]

# Not among them, and why: `negative_data_rejection` wants unknown query parameters refused and a 4xx from the operation that tells what is
# wrong with a document; `positive_data_acceptance` knows no rule beyond the schema; `missing_required_header` knows no 428;
# `ignored_auth` is the permission matrix; what concerns deleted things has none here.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
ALSO_FITS_ANOTHER = (
    "/v1/agreements/validation",
    "/v1/agreements/import",
)  # a GET of it asks for an agreement of that id, which is not there
EXAMPLES = 8
EACH = 1 if hypothesis.settings.get_current_profile_name() == "deep" else 4
"""Of all cases each fourth; all of them with `--hypothesis-profile=deep`."""
SAME_DOCUMENT = (
    "PUT /v1/agreements/{agreement_id}/draft",
    "POST /v1/agreements/{agreement_id}/amendments",
    "POST /v1/agreements/{agreement_id}/counter-offers",
    "POST /v1/agreements/validation",
)
"""Their body is the one of `POST /v1/agreements`, which is asked in full: of theirs the first hundred cases."""
AnyCase: TypeAlias = "Case[Any]"
Operation: TypeAlias = "APIOperation[Any, Any, Any, Any]"
CONFIG = {"seed": 20260309, "generation": {"deterministic": True, "with-security-parameters": False}}


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context: schemathesis.SerializationContext, value: object) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    with house() as found:
        yield found


@pytest.fixture(scope="module")
def documents(home: House) -> dict[str, BaseSchema]:
    """By service, from the running platform."""
    config = SchemathesisConfig.from_dict(CONFIG)
    return {
        service: schemathesis.openapi.from_url(f"{home.reach.http[service]}/openapi/{service}.json", config=config) for service in SERVICES
    }


@pytest.fixture(scope="module")
def session(home: House) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        opened.headers["Authorization"] = f"Bearer {home.manager.token}"
        yield opened


def operations_of(document: BaseSchema) -> Iterator[Operation]:
    for result in document.get_all_operations():
        assert isinstance(result, Ok), result
        yield result.ok()


def cases_of(operation: Operation) -> Iterator[AnyCase]:
    """Every boundary of every parameter and field, then some at random: half as the document has it, half not."""
    document = operation.schema
    yield from document.iter_coverage_cases(operation, generation_modes=list(GenerationMode), generation_config=document.config.generation)
    for mode in GenerationMode:
        yield from at_random(operation, mode)


def at_random(operation: Operation, mode: GenerationMode) -> list[AnyCase]:
    """The same in every run; none where the operation takes nothing that could be wrong."""
    found: list[AnyCase] = []

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def keep(case: AnyCase) -> None:
        found.append(case)

    with suppress(Unsatisfiable, unittest.SkipTest):
        keep()
    return found


def with_own_ids(case: AnyCase, home: House, version: int) -> AnyCase:
    """Past the door: of things that are there, decided on the version that they have."""
    own = {"agreement_id": home.agreement_id, "improvement_id": home.improvement_id, "period": str(MONTH), "objective_id": OBJECTIVE}
    own["exclusion_id"] = home.exclusion_id
    case.path_parameters.update({name: value for name, value in own.items() if name in case.path_parameters})
    asked = {
        "agreement_id": home.agreement_id,
        "service": SERVICE,
        "period": str(MONTH),
        "start": f"{MONTH.first_day}T00:00:00Z",
        "end": f"{LAST_MONTH.first_day}T00:00:00Z",
    }
    case.query.update({name: value for name, value in asked.items() if name in case.query})
    if "If-Match" in case.headers:
        case.headers["If-Match"] = f'"{version}"'
    return case


class Telling:
    """Asks, and holds every answer against the document; remembers what succeeded."""

    def __init__(self, documents: Mapping[str, BaseSchema]) -> None:
        self._operations = {operation.label: operation for document in documents.values() for operation in operations_of(document)}
        self.succeeded: set[str] = set()

    @property
    def all(self) -> set[str]:
        return set(self._operations)

    def ask(
        self, person: Person, label: str, own: Mapping[str, object] = {}, *, awaited: int = 200, version: object = None, **options: Json
    ) -> httpx2.Response:
        """`label` is method and path as documented, `own` what the path names."""
        method, path = label.split()
        path = re.sub(r"{(\w+)}", lambda found: str(own[found[1]]), path)
        if version is not None:
            options.setdefault("headers", {})["If-Match"] = str(version)
        answer = person.ask(method, path, **options)
        assert answer.status_code == awaited, f"{label}: {answer.status_code} {answer.text}"
        self._operations[label].validate_response(answer)
        self.succeeded.add(label)
        return answer


def test_what_succeeds_is_as_documented(documents: Mapping[str, BaseSchema], home: House) -> None:
    """Every operation at least once, by those who may."""
    telling = Telling(documents)
    agree_and_end(telling, home.manager, home.client)
    assess(telling, home)
    add_facts(telling, home)
    keep_keys(telling, home)
    look_back(telling, home)
    show_logs(telling, home)
    improve(telling, home)
    report(telling, home)
    negotiate_and_live(telling, home.manager, home.client)
    assert telling.succeeded == telling.all


def agree_and_end(telling: Telling, provider: Person, customer: Person) -> None:
    ask = telling.ask
    revised = TERMS.replace('target: "99.9"', 'target: "99.5"').replace("99.9", "99.5")
    assert ask(provider, "POST /v1/agreements/validation", content=TERMS, headers={"Content-Type": "application/yaml"}).json()["valid"]
    as_yaml, form = {"Content-Type": "application/yaml"}, {"form": "openslo"}
    assert ask(provider, "POST /v1/agreements/import", content=SLO, headers=as_yaml, params=form).json()["remarks"]
    drafted = ask(provider, "POST /v1/agreements", awaited=201, content=TERMS, headers={"Content-Type": "application/yaml"})
    own = {"agreement_id": drafted.json()["id"]}
    version = drafted.headers["ETag"]

    def change(person: Person, label: str, **options: Json) -> httpx2.Response:
        nonlocal version
        method, step = label.split()
        answer = ask(person, f"{method} /v1/agreements/{{agreement_id}}/{step}", own, version=version, **options)
        version = answer.headers["ETag"]
        return answer

    def sign(agreement: Json) -> None:
        for person in (customer, provider):
            note = note_for(agreement, *bearer_of(person.token))
            change(person, "POST signatures", json={"note": note})

    change(provider, "PUT draft", content=revised, headers={"Content-Type": "application/yaml"})
    change(provider, "POST proposal")
    change(customer, "POST withdrawal")
    sign(change(provider, "POST proposal").json())
    tomorrow = RUNNING_MONTH.next.first_day
    amended = change(
        customer, "POST amendments", content=TERMS, headers={"Content-Type": "application/yaml"}, params={"effective_on": str(tomorrow)}
    )
    sign(amended.json())
    ask(customer, "GET /v1/agreements/{agreement_id}", own, params={"as_of": str(tomorrow)})
    ask(customer, "GET /v1/agreements/{agreement_id}/versions/{number}", {**own, "number": 2})
    assert ask(customer, "GET /v1/agreements/{agreement_id}/diff", own, params={"from": "2", "to": "3"}).json()["changes"]
    assert ask(customer, "GET /v1/agreements/{agreement_id}/history", own).json()["items"]
    for each in ("openslo", "tmf623", "tmf657", "terms"):
        assert ask(customer, "GET /v1/agreements/{agreement_id}/export", own, params={"form": each}).json()["text"]
    assert ask(customer, "GET /v1/agreements", params={"limit": "1"}).headers["Link"]
    change(provider, "POST termination", json={"last_day": str(tomorrow)})


def negotiate_and_live(telling: Telling, provider: Person, customer: Person) -> None:
    first_day, tomorrow, end = f"effective_on: {MONTH.first_day}\n", RUNNING_MONTH.next.first_day, RUNNING_MONTH.next.next.first_day
    life = f"ends_on: {end}\nrenewal: {{months: 12, notice_days: 1}}\nreview_every: month\n"
    terms, as_yaml = TERMS.replace(first_day, first_day + life), {"Content-Type": "application/yaml"}

    def change(person: Person, agreement: Json, step: str, **options: Json) -> Json:
        label, own = f"POST /v1/agreements/{{agreement_id}}/{step}", {"agreement_id": agreement["id"]}
        return telling.ask(person, label, own, version=f'"{agreement["version"]}"', **options).json()

    def signed(agreement: Json) -> Json:
        for person in (customer, provider):
            agreement = change(person, agreement, "signatures", json={"note": note_for(agreement, *bearer_of(person.token))})
        return agreement

    def drafted(document: str) -> Json:
        return telling.ask(provider, "POST /v1/agreements", awaited=201, content=document, headers=as_yaml).json()

    agreement = change(provider, drafted(terms), "proposal", params={"valid_until": f"{end}T00:00:00Z"})
    agreement = change(customer, agreement, "comments", json={"place": "title", "text": "As we said"})
    agreement = change(customer, agreement, "counter-offers", content=terms.replace("5000.00", "5100.00"), headers=as_yaml)
    agreement = signed(agreement)
    for step, days in (
        ("suspension-requests", {"first_day": str(tomorrow)}),
        ("resumption-requests", {"first_day": str(tomorrow + timedelta(days=1))}),
    ):
        agreement = change(provider, agreement, step, json=days)
        agreement = change(customer, agreement, "request-answers", json={"confirmed": True})
    minutes = {"due_on": str(tomorrow), "held_on": str(RUNNING_MONTH.first_day), "minutes": "All well"}
    agreement = change(provider, agreement, "reviews", json=minutes)
    assert change(customer, agreement, "notice")["notice_given_by"]
    assert telling.ask(customer, "GET /v1/agreements/{agreement_id}/chain", {"agreement_id": agreement["id"]}).json()["holds"]

    over = signed(change(provider, drafted(TERMS.replace(first_day, f"{first_day}ends_on: {LAST_MONTH.first_day}\n")), "proposal"))
    ended = until(lambda: provider.get(f"/v1/agreements/{over['id']}"), lambda found: bool(found["status"] == "expired"))
    assert change(provider, ended, "archive")["status"] == "archived"


def assess(telling: Telling, home: House) -> None:
    ask, own = telling.ask, {"agreement_id": home.agreement_id}
    for awaited in (201, 200):
        ask(
            home.manager,
            "POST /v1/observations",
            awaited=awaited,
            content=observations(RUNNING_MONTH),
            headers={"Content-Type": "application/x-ndjson"},
            params={"source": "another probe", "on_error": "skip"},
        )
    told = {
        "agreement_id": home.agreement_id,
        "service": SERVICE,
        "start": f"{MONTH.first_day}T00:00:00Z",
        "end": f"{LAST_MONTH.first_day}T00:00:00Z",
    }
    assert ask(home.client, "GET /v1/observations", params={**told, "limit": "1"}).headers["Link"]
    assert ask(home.client, "GET /v1/assessments", params={**own, "limit": "1"}).headers["Link"]
    for period in (MONTH, RUNNING_MONTH):
        ask(home.client, "GET /v1/assessments/{agreement_id}/{period}", {**own, "period": period})
    for period, way in product((MONTH, RUNNING_MONTH), ("explanation", "timeline.svg", "outlook")):
        ask(home.client, f"GET /v1/assessments/{{agreement_id}}/{{period}}/{way}", {**own, "period": period})
    change = {**own, "document": TERMS.replace('target: "99.9"', 'target: "99.99"'), "exclusion": _tried(claim(home.agreement_id))}
    assert ask(home.client, "POST /v1/previews", json=change).json()["approval_needed"]
    tried = {**own, "document": change["document"], "from_period": str(MONTH), "to_period": str(LAST_MONTH)}
    assert ask(home.client, "POST /v1/simulations", json=tried).json()["sensitivities"]
    ask(home.manager, "POST /v1/assessments/{agreement_id}/{period}/close", {**own, "period": LAST_MONTH})
    span = {"start": f"{MONTH.first_day}T00:00:00Z", "end": f"{RUNNING_MONTH.first_day}T00:00:00Z"}
    for objective in (OBJECTIVE, "requests", "answers", "resolution"):
        ask(home.client, "GET /v1/measurements/{agreement_id}/{objective_id}", {**own, "objective_id": objective}, params=span)


def _tried(claimed: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in claimed.items() if name != "agreement_id"}


def add_facts(telling: Telling, home: House) -> None:
    ask, path = telling.ask, "/v1/exclusions/{exclusion_id}"
    why = {"reason": "Seen by both"}
    for person, step in ((home.manager, "approval"), (home.manager, "refusal"), (home.client, "withdrawal")):
        claimed = ask(home.client, "POST /v1/exclusions", awaited=201, json=claim(home.agreement_id)).json()
        ask(person, f"POST {path}/{step}", {"exclusion_id": claimed["id"]}, json=why)
    own = {"agreement_id": home.agreement_id}
    assert ask(home.manager, "GET /v1/exclusions", params={**own, "limit": "1"}).headers["Link"]
    ask(home.manager, "GET /v1/disputes", params={**own, "period": str(LAST_MONTH)})
    span = {"start": f"{LAST_MONTH.first_day}T03:00:00Z", "end": f"{LAST_MONTH.first_day}T03:10:00Z"}
    settlement = {**own, "objective_id": OBJECTIVE, **span, "down": False, **why}
    ask(home.person(AUDITOR, Role.AUDITOR), "POST /v1/disputes/settlements", awaited=201, json=settlement)


def keep_keys(telling: Telling, home: House) -> None:
    ask, path, who = telling.ask, "/v1/keys/{key_id}", (PROVIDER, "mover")
    person = home.person(PROVIDER, Role.SIGNATORY, subject="mover")
    first = ask(person, "POST /v1/keys", awaited=201, json={"note": registration(*who)}).json()
    second = ask(person, f"POST {path}/rotation", {"key_id": first["id"]}, json={"note": rotation(*who)}).json()
    ask(person, f"POST {path}/revocation", {"key_id": second["id"]}, json={"reason": "Lost"})
    listed = ask(home.client, "GET /v1/keys", params={"organisation": PROVIDER}).json()["items"]
    assert [each["id"] for each in listed][-2:] == [first["id"], second["id"]]


def look_back(telling: Telling, home: House) -> None:
    ask, path, own = telling.ask, "/v1/agreements/{agreement_id}", {"agreement_id": home.agreement_id}
    assert ask(home.client, f"GET {path}/states/{{version}}", {**own, "version": 1}).json()["status"] == "draft"
    assert ask(home.client, f"GET {path}/states/diff", own, params={"from": "1", "to": "2"}).json()["changes"][0]["words"]
    found = ask(home.client, "GET /v1/history", params={**own, "place": f"objectives[{OBJECTIVE}]", "limit": "1"})
    assert (len(found.json()["items"]), "Link" in found.headers) == (1, True)
    assert ask(home.client, f"GET {path}/reads", own, params={"limit": "1"}).headers["Link"]


def show_logs(telling: Telling, home: House) -> None:
    ask = telling.ask
    for service in SERVICES:
        log = f"/v1/log/{service}"
        newest = parse_note(ask(home.client, f"GET {log}/checkpoint").text)
        size = parse_checkpoint(newest.text).size
        ask(home.client, f"GET {log}/checkpoints/{{size}}", {"size": size})
        assert len(ask(home.client, f"GET {log}/tile/{{path}}", {"path": "0/000.p/1"}).content) == 32
        ask(home.person(AUDITOR, Role.AUDITOR), f"GET {log}/tile/entries/{{bundle}}", {"bundle": "000.p/1"})
        assert ask(home.client, f"GET {log}/consistency", params={"from": "1", "to": str(size)}).json()["to"] == size
        assert ask(home.client, f"GET {log}/key").json()["witnesses"] == [str(WITNESS.witness_key)]
        line = str(WITNESS.cosign(newest.text, at=1_774_000_000))
        ask(home.client, f"POST {log}/cosignatures", json={"size": size, "signature": line})
        gone = {"organisation": PROVIDER, "subject": "nobody.in.particular", "reason": "asked to"}
        assert ask(home.person(PROVIDER, Role.ADMINISTRATOR), f"POST {log}/erasures", json=gone).json()["erased"] == []
    own = {"agreement_id": home.agreement_id, "version": 1}
    assert ask(home.client, "GET /v1/agreements/{agreement_id}/events/{version}/receipt", own).json()["index"] == 0
    receipts = ask(home.client, "GET /v1/agreements/{agreement_id}/receipts", own).json()["items"]
    assert len({each["checkpoint"] for each in receipts}) == 1
    assert ask(home.client, "GET /v1/assessments/{agreement_id}/bundle-part", own).json()["log"]["name"] == "upheld/measurement"
    assert read(ask(home.client, "GET /v1/agreements/{agreement_id}/bundle", own).content).agreement_id == home.agreement_id


def improve(telling: Telling, home: House) -> None:
    ask, own = telling.ask, {"improvement_id": home.improvement_id}
    path = "/v1/improvements/{improvement_id}"
    found = ask(home.client, f"GET {path}", own)
    plan = {
        "recommendation_id": home.recommendation_id,
        "description": "A standby database",
        "owner": "Rea Vogel",
        "due_on": str(LAST_MONTH.first_day),
        "expected_attainment_percent": "100",
    }
    planned = ask(home.manager, f"POST {path}/plan", own, version=found.headers["ETag"], json=plan)
    approved = ask(home.client, f"POST {path}/approval", own, version=planned.headers["ETag"])
    day = {"implemented_on": str(LAST_MONTH.first_day)}
    implemented = ask(home.manager, f"POST {path}/implementation", own, version=approved.headers["ETag"], json=day)
    ask(home.manager, f"POST {path}/verification", own, version=implemented.headers["ETag"])
    ask(home.client, f"GET {path}/history", own)
    assert ask(home.client, "GET /v1/improvements", params={"limit": "1"}).headers["Link"]


def report(telling: Telling, home: House) -> None:
    ask, own = telling.ask, {"agreement_id": home.agreement_id, "period": MONTH}
    until(lambda: home.client.get("/v1/reports")["items"], lambda items: len(items) > 1)
    assert ask(home.client, "GET /v1/reports", params={"limit": "1"}).headers["Link"]
    issued = ask(home.client, "GET /v1/reports/{agreement_id}/{period}", own)
    ask(home.client, "GET /v1/reports/{agreement_id}/{period}", own, awaited=304, headers={"If-None-Match": issued.headers["ETag"]})
    ask(home.client, "GET /v1/reports/{agreement_id}/{period}", own, params={"live": "true"})
    provisional = ask(home.client, "GET /v1/reports/{agreement_id}/{period}", {**own, "period": RUNNING_MONTH})
    assert provisional.json()["period"]["provisional"]
    ask(home.client, "GET /v1/reports/{agreement_id}/{period}/page", own)


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_answered_that_is_not_documented(
    service: str, documents: Mapping[str, BaseSchema], home: House, session: requests.Session, subtests: pytest.Subtests
) -> None:
    for operation in operations_of(documents[service]):
        with subtests.test(operation.label):
            faults: dict[str, str] = {}
            count = 0
            cases = islice(cases_of(operation), 0, 100 if operation.label in SAME_DOCUMENT else None, EACH)
            for count, case in enumerate(cases, start=1):
                asked = with_own_ids(case, home, version=count % 7) if count % 2 else case
                answer = asked.call(session=session)
                checks = [check for check in CHECKS if check is not unsupported_method or operation.path not in ALSO_FITS_ANOTHER]
                try:
                    asked.validate_response(answer, checks=checks)
                except FailureGroup as found:
                    faults.setdefault("; ".join(str(each).split("\n")[0] for each in found.exceptions), f"{found}")
            assert count >= (EXAMPLES // EACH if operation.body or list(operation.iter_parameters()) else 1)
            assert not faults, "\n\n".join(faults.values())
    assert not [line for line in (home.reach.data / "up.log").read_text().splitlines() if "unexpected fault" in line]
