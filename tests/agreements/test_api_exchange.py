"""Agreements in other forms over real HTTP, and an agreement that is drafted under a name."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from services.agreements.document import parse_document
from services.agreements.naming import agreement_named
from services.agreements.terms import digest
from services.vocabulary.identity import Role
from tests.agreements.support import AUDITOR, CUSTOMER, DOCUMENT, STRANGER, TERMS, Running, availability_of, play, terms, yaml_of
from tests.agreements.test_openslo import SHOP, slo

YAML = "application/yaml"


def test_an_agreement_is_exported_in_every_form_to_whoever_may_see_it(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, active = await service.activate()
        files = {
            form: await service.ask("GET", f"{path}/export?form={form}", by=AUDITOR, role=Role.AUDITOR)
            for form in ("openslo", "tmf623", "tmf657", "terms")
        }
        assert {(file.status, file.version, file.body["terms_version"]) for file in files.values()} == {(200, active.version, 1)}
        assert digest(parse_document(files["terms"].body["text"])) == digest(TERMS)
        assert files["terms"].body["remarks"] == []
        assert json.loads(files["tmf623"].body["text"])["id"] == active.body["id"]
        assert json.loads(files["tmf657"].body["text"])["serviceLevelSpecification"]["id"] == active.body["id"]
        kinds = [each["kind"] for each in yaml.safe_load_all(files["openslo"].body["text"])]
        assert (kinds.count("SLO"), kinds.count("Service")) == (4, 2)
        assert {"kind": "lost", "place": "parties", "what": "2 of them", "why": "an SLO is nobody's promise to anybody"} in files[
            "openslo"
        ].body["remarks"]

    play(tmp_path, scene)


def test_a_form_that_is_none_and_an_agreement_of_others_are_refused(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = (await service.draft()).headers["location"]
        other = await service.ask("GET", f"{path}/export?form=terms", by=STRANGER)
        none = await service.ask("GET", f"{path}/export?form=pdf")
        assert [other.status, other.body["code"], none.status] == [404, "agreement-not-found", 422]

    play(tmp_path, scene)


def test_openslo_is_answered_as_terms_that_can_be_drafted_and_nothing_is_kept(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        given = "provider=nordwind-hosting&customer=bank-am-markt&zone=Europe/Berlin&effective_on=2026-04-01&title=Shop"
        answer = await service.ask("POST", f"/v1/agreements/import?form=openslo&{given}", SHOP, media_type=YAML, role=Role.VIEWER)
        assert answer.status == 200
        assert {each["place"] for each in answer.body["remarks"] if each["kind"] == "assumed"} == {"services[shop].components"}
        assert (await service.ask("GET", "/v1/agreements")).body["items"] == []
        drafted = await service.ask("POST", "/v1/agreements", answer.body["terms"])
        assert (drafted.status, drafted.body["terms"]["digest"]) == (201, answer.body["digest"])

    play(tmp_path, scene)


def test_without_a_day_the_first_one_is_today_in_the_zone(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        answer = await service.ask("POST", "/v1/agreements/import?form=openslo", slo(), media_type=YAML)
        assert answer.body["terms"]["effective_on"] == "2026-03-09"

    play(tmp_path, scene)


def test_what_is_no_openslo_is_refused_with_every_place(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = "/v1/agreements/import?form=openslo"
        broken = await service.ask("POST", path, slo(objectives="[{target: 2}]", method="Often"), media_type=YAML)
        unreadable = await service.ask("POST", path, "a: [", media_type=YAML)
        foreign = await service.ask("POST", path, "a", media_type="text/csv")
        assert [broken.status, unreadable.status, foreign.status] == [422, 400, 415]
        assert [each["place"] for each in broken.body["violations"]] == [
            "SLO[main-page].spec.budgetingMethod",
            "SLO[main-page].spec.objectives[0].target",
        ]

    play(tmp_path, scene)


def test_an_agreement_is_drafted_under_a_name_once_whichever_side_asks(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        first = await service.ask("POST", "/v1/agreements?name=online-banking", DOCUMENT, media_type=YAML)
        assert (first.status, first.body["id"]) == (201, str(agreement_named("online-banking", TERMS)))
        changed = yaml_of(availability_of("99.5"))
        again = await service.ask("POST", "/v1/agreements?name=online-banking", changed, media_type=YAML, by=CUSTOMER)
        assert (again.status, again.body["code"]) == (409, "agreement-already-drafted")
        other = await service.ask("POST", "/v1/agreements?name=service-desk", changed, media_type=YAML, by=CUSTOMER)
        assert (other.status, other.body["terms"]["digest"]) == (201, digest(terms(availability_of("99.5"))))
        kept = await service.ask("GET", first.headers["location"])
        assert (kept.version, kept.body["terms"]["digest"]) == (1, digest(TERMS))

    play(tmp_path, scene)


def test_a_repeated_draft_under_a_name_is_the_same_agreement(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        keyed = {"idempotency-key": "once"}
        first, again = [
            await service.ask("POST", "/v1/agreements?name=online-banking", DOCUMENT, media_type=YAML, headers=keyed) for _ in range(2)
        ]
        assert (again.status, again.body) == (201, first.body)

    play(tmp_path, scene)


def test_nobody_takes_a_name_between_two_others(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        taken = await service.ask("POST", "/v1/agreements?name=online-banking", DOCUMENT, media_type=YAML)
        strange = await service.ask("POST", "/v1/agreements?name=online-banking", DOCUMENT, media_type=YAML, by=STRANGER)
        assert [taken.status, strange.status, strange.body["code"]] == [201, 403, "author-not-a-party"]

    play(tmp_path, scene)
