"""The HTTP door of agreements, over real HTTP on SQLite."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.agreements.terms import digest
from services.vocabulary.identity import Role
from tests.agreements.support import (
    AUDITOR,
    CUSTOMER,
    DOCUMENT,
    PROVIDER,
    STRANGER,
    TERMS,
    Answer,
    Running,
    availability_of,
    document,
    play,
    soon,
    terms,
    yaml_of,
)

THREE_NINES_FIVE = availability_of("99.95")


def test_an_agreement_is_drafted_proposed_signed_by_both_and_active(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        draft = await service.ask("POST", "/v1/agreements", DOCUMENT, media_type="application/yaml", headers={"x-reason": "Offer"})
        assert (draft.status, draft.body["status"], draft.version) == (201, "draft", 1)
        path = f"/v1/agreements/{draft.body['id']}"
        assert draft.headers["location"] == path
        proposed = await service.ask("POST", f"{path}/proposal", version=1)
        assert (proposed.status, proposed.body["status"]) == (200, "proposed")
        assert proposed.body["pending"]["digest"] == digest(TERMS)
        signed = await service.sign(proposed.body)
        assert (signed.status, signed.body["status"], signed.version) == (200, "active", 5)
        assert [each["role"] for each in signed.body["signatures"]] == ["customer", "provider"]
        assert signed.body["terms"]["terms"]["objectives"][0]["target"] == "99.9"
        assert signed.body["last_day"] == "2026-12-31"

    play(tmp_path, scene)


def test_a_json_document_agrees_the_same_as_a_yaml_document(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        draft = await service.ask("POST", "/v1/agreements", document())
        assert draft.status == 201
        assert draft.body["terms"]["digest"] == digest(TERMS)

    play(tmp_path, scene)


def test_the_digest_can_be_taken_from_the_answer_and_the_answer_can_be_sent_again(tmp_path: Path) -> None:
    def sparse(nodes: dict[str, Any]) -> None:
        nodes.pop("ends_on")
        nodes["maintenance"][0].pop("reason")
        nodes["objectives"][2]["indicator"].pop("expected_every")
        nodes["parties"][0]["contacts"][0].pop("role")

    async def scene(service: Running) -> None:
        for change in (sparse, lambda _: None):
            drafted = (await service.draft(change)).body["terms"]
            canonical = json.dumps(drafted["terms"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            assert hashlib.sha256(canonical.encode()).hexdigest() == drafted["digest"] == digest(terms(change))
            again = await service.ask("POST", "/v1/agreements/validation", drafted["terms"])
            assert again.body["digest"] == drafted["digest"]

    play(tmp_path, scene)


def test_a_draft_is_revised_on_the_version_it_was_read_at_and_on_no_other(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = (await service.draft()).headers["location"]
        text, yaml = yaml_of(THREE_NINES_FIVE), "application/yaml"
        without = await service.ask("PUT", f"{path}/draft", text, media_type=yaml)
        revised = await service.ask("PUT", f"{path}/draft", text, media_type=yaml, version=1, by=CUSTOMER)
        stale = await service.ask("PUT", f"{path}/draft", text, media_type=yaml, version=1)
        assert [without.status, revised.status, stale.status] == [428, 200, 412]
        assert revised.body["terms"]["digest"] == digest(terms(THREE_NINES_FIVE))
        assert stale.body["code"] == "stale-version"

    play(tmp_path, scene)


def test_an_agreement_of_others_answers_404_whatever_is_asked_of_it(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = (await service.draft()).headers["location"]
        text, yaml = yaml_of(), "application/yaml"
        asked: list[Answer] = [
            await service.ask("GET", f"{path}{part}", by=STRANGER)
            for part in ("", "/history", "/versions/1", "/diff?from=1&to=1", "?as_of=2026-03-01", "?known_at=2026-03-01T00:00:00Z")
        ]
        asked += [
            await service.ask("PUT", f"{path}/draft", text, media_type=yaml, by=STRANGER, version=7),
            await service.ask("POST", f"{path}/proposal", by=STRANGER, version=1),
            await service.ask("POST", f"{path}/withdrawal", by=STRANGER, version=1),
            await service.ask("POST", f"{path}/signatures", {"note": "x"}, by=STRANGER, role=Role.SIGNATORY, version=1),
            await service.ask("POST", f"{path}/amendments?effective_on=2026-05-01", text, media_type=yaml, by=STRANGER, version=1),
            await service.ask("POST", f"{path}/termination", {"last_day": "2026-06-30"}, by=STRANGER, version=1),
            await service.ask("GET", f"/v1/agreements/{uuid4()}"),
            await service.ask("GET", "/v1/agreements/no-id-at-all"),
        ]
        assert {(answer.status, answer.body["code"]) for answer in asked} == {(404, "agreement-not-found")}
        mine = await service.ask("GET", path)
        assert mine.version == 1

    play(tmp_path, scene)


def test_an_auditor_reads_and_may_change_nothing(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = (await service.draft()).headers["location"]
        read = await service.ask("GET", path, by=AUDITOR, role=Role.AUDITOR)
        by_role = await service.ask("POST", f"{path}/proposal", by=AUDITOR, role=Role.AUDITOR, version=1)
        by_side = await service.ask("POST", f"{path}/proposal", by=AUDITOR, version=1)
        assert [read.status, by_role.status, by_side.status] == [200, 403, 403]
        assert [by_role.body["code"], by_side.body["code"]] == ["role-not-permitted", "not-a-party"]

    play(tmp_path, scene)


def test_every_fault_of_a_document_is_told_with_its_place_and_nothing_is_drafted(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        broken = yaml_of(lambda nodes: nodes.update(zone="Europe/Atlantis", close_after_days="-1"))
        answer = await service.ask("POST", "/v1/agreements", broken, media_type="application/yaml")
        assert answer.status == 422
        assert [each["place"] for each in answer.body["violations"]] == ["zone", "close_after_days"]
        unreadable = await service.ask("POST", "/v1/agreements", "a: [", media_type="application/yaml")
        foreign = await service.ask("POST", "/v1/agreements", "a,b", media_type="text/csv")
        assert [unreadable.status, foreign.status] == [400, 415]
        listed = await service.ask("GET", "/v1/agreements")
        assert listed.body["items"] == []

    play(tmp_path, scene)


def test_a_document_can_be_tried_without_drafting_it(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        good = await service.ask("POST", "/v1/agreements/validation", DOCUMENT, media_type="application/yaml", role=Role.VIEWER)
        assert (good.body["valid"], good.body["digest"]) == (True, digest(TERMS))
        assert good.body["terms"]["close_after_days"] == 3
        bad = await service.ask("POST", "/v1/agreements/validation", {"upheld": "terms/v1"}, role=Role.VIEWER)
        assert (bad.status, bad.body["valid"]) == (200, False)
        title = next(each["rule"] for each in bad.body["violations"] if each["place"] == "title")
        assert title == 'is required: what the agreement is called, such as "Online banking platform"'

    play(tmp_path, scene)


def test_a_repeated_draft_with_the_same_key_is_the_same_agreement(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        first = await service.draft(idempotency_key="offer-1")
        again = await service.draft(idempotency_key="offer-1")
        other = await service.draft(THREE_NINES_FIVE, idempotency_key="offer-1")
        assert first.body == again.body
        assert (other.status, other.body["code"]) == (409, "idempotency-key-reused")

    play(tmp_path, scene)


def test_a_repeated_signature_with_the_same_key_answers_the_first_time_again(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = (await service.draft()).headers["location"]
        proposed = await service.ask("POST", f"{path}/proposal", version=1)

        async def sign() -> Answer:
            return await service.sign_for(proposed.body, PROVIDER, headers={"idempotency-key": "mine"})

        first, again = await sign(), await sign()
        assert (first.status, first.version, first.body) == (200, 3, again.body)

    play(tmp_path, scene)


def test_an_amendment_signed_by_both_counts_from_its_date_and_the_past_stays_readable(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, active = await service.activate()
        known_before = active.body["terms"]["recorded_at"]
        amendment = await service.ask(
            "POST",
            f"{path}/amendments?effective_on=2026-02-01",
            yaml_of(THREE_NINES_FIVE),
            media_type="application/yaml",
            by=CUSTOMER,
            version=active.version,
            headers={"x-reason": "Agreed in the service review"},
        )
        assert (amendment.status, amendment.body["pending"]["number"]) == (200, 2)
        amended = await service.sign(amendment.body)
        assert amended.body["terms"]["number"] == 2
        assert amended.body["terms"]["reason"] == "Agreed in the service review"

        async def number(query: str) -> object:
            found = await service.ask("GET", f"{path}?{query}")
            return found.body["terms"] and found.body["terms"]["number"]

        assert [await number("as_of=2026-01-31"), await number("as_of=2026-02-01")] == [1, 2]
        assert await number(f"as_of=2026-02-01&known_at={known_before}") == 1
        assert [await number("as_of=2025-12-31"), await number("as_of=2027-01-01")] == [None, None]
        diff = await service.ask("GET", f"{path}/diff?from=1&to=2")
        assert diff.body["changes"][0] == {
            "place": "objectives[availability].target",
            "before": "99.9",
            "after": "99.95",
            "words": "Objective availability: the target rises from 99.9 % to 99.95 %.",
        }
        first = await service.ask("GET", f"{path}/versions/1")
        assert first.body["digest"] == digest(TERMS)
        missing = await service.ask("GET", f"{path}/versions/3")
        assert (missing.status, missing.body["code"]) == (404, "terms-version-not-found")

    play(tmp_path, scene)


def test_the_history_tells_who_when_why_and_what(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, _ = await service.activate()
        history = (await service.ask("GET", f"{path}/history", by=CUSTOMER, role=Role.VIEWER)).body["items"]
        assert [entry["type"].split(".")[1] for entry in history] == ["drafted", "proposed", "signed", "signed", "activated"]
        assert [entry["version"] for entry in history] == [1, 2, 3, 4, 5]
        third = history[2]
        assert (third["organisation"], third["actor"], third["tool"]) == (CUSTOMER, f"{CUSTOMER}/signatory", "http")
        assert third["data"]["digest"] == digest(TERMS)
        assert history[0]["data"]["document"]["zone"] == "Europe/Berlin"
        earlier = (await service.ask("GET", f"{path}/history?known_at={history[1]['recorded_at']}")).body["items"]
        assert len(earlier) == 2
        before = await service.ask("GET", f"{path}?known_at=2026-01-01T00:00:00Z")
        assert before.status == 404

    play(tmp_path, scene)


def test_an_agreement_is_terminated_today_at_the_earliest(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, active = await service.activate()
        past = await service.ask("POST", f"{path}/termination", {"last_day": "2026-03-08"}, version=active.version)
        assert (past.status, past.body["code"]) == (422, "last-day-passed")
        ended = await service.ask("POST", f"{path}/termination", {"last_day": "2026-06-30"}, version=active.version)
        assert (ended.body["status"], ended.body["last_day"]) == ("terminated", "2026-06-30")
        while_it_ran = await service.ask("GET", f"{path}?as_of=2026-06-30")
        assert (while_it_ran.body["status"], while_it_ran.body["terms"]["number"]) == ("active", 1)
        again = await service.ask("POST", f"{path}/termination", {"last_day": "2026-07-31"}, version=ended.version)
        assert (again.status, again.body["code"]) == (409, "agreement-already-ended")

    play(tmp_path, scene)


def test_the_list_shows_newest_first_page_by_page_and_only_what_is_the_callers(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        ids = [(await service.draft(lambda nodes, n=n: nodes.update(title=f"Offer {n}"))).body["id"] for n in range(5)]  # type: ignore[misc]
        newest_first = list(reversed(ids))
        await soon(lambda: service.ask("GET", "/v1/agreements"), lambda answer: len(answer.body["items"]) == 5)
        pages: list[list[str]] = []
        path: str | None = "/v1/agreements?limit=2"
        while path:
            page = await service.ask("GET", path, by=CUSTOMER, role=Role.VIEWER)
            pages.append([item["id"] for item in page.body["items"]])
            path = page.headers["link"].partition(">")[0].removeprefix("<") if "link" in page.headers else None
        assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]
        assert (await service.ask("GET", "/v1/agreements", by=STRANGER)).body["items"] == []
        assert (await service.ask("GET", "/v1/agreements?status=active")).body["items"] == []
        assert (await service.ask("GET", "/v1/agreements?status=lost")).status == 422
        assert (await service.ask("GET", "/v1/agreements?cursor=!!")).status == 422

    play(tmp_path, scene)


def test_an_agreement_expires_by_itself_when_its_last_day_has_passed_in_its_zone(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, _ = await service.activate(lambda nodes: nodes.update(ends_on="2026-03-31"))
        await soon(lambda: service.ask("GET", "/v1/agreements?status=active"), lambda answer: len(answer.body["items"]) == 1)
        service.clock.move_to(service.clock.now().replace(month=3, day=31, hour=22, minute=0, second=1))
        expired = await soon(lambda: service.ask("GET", path), lambda answer: answer.body["status"] == "expired")
        assert expired.body["last_day"] == "2026-03-31"
        history = (await service.ask("GET", f"{path}/history")).body["items"]
        assert (history[-1]["tool"], history[-1]["actor"]) == ("timer", "service:agreements")

    play(tmp_path, scene)


def test_the_openapi_document_names_every_use_case_and_refers_to_nothing_that_is_missing(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        contract = (await service.ask("GET", "/openapi/agreements.json")).body
        operations = {operation["operationId"] for path in contract["paths"].values() for operation in path.values()}
        assert {"draft_agreement", "sign_agreement", "propose_amendment", "validate_terms", "diff_terms"} <= operations
        text = json.dumps(contract)
        schemas = set(contract["components"]["schemas"])
        used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert used <= schemas
        assert (await service.ask("GET", "/docs/agreements")).status == 200

    play(tmp_path, scene)


def test_the_provider_cannot_sign_for_the_customer(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = (await service.draft()).headers["location"]
        proposed = await service.ask("POST", f"{path}/proposal", version=1)
        first = await service.sign_for(proposed.body, PROVIDER)
        second = await service.sign_for(first.body, PROVIDER)
        body = {"note": await service.note(first.body, by=CUSTOMER)}
        assert (second.status, second.body["code"]) == (409, "already-signed")
        manager = await service.ask("POST", f"{path}/signatures", body, by=CUSTOMER, version=first.version)
        assert (manager.status, manager.body["code"]) == (403, "role-not-permitted")
        wrong = await service.ask("POST", f"{path}/signatures", {**body, "digest": "0" * 64}, by=CUSTOMER, role=Role.SIGNATORY, version=3)
        assert (wrong.status, wrong.body["code"]) == (409, "digest-differs")

    play(tmp_path, scene)
