"""The HTTP door: versions, repeats, pages and bad input."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from services.improvement.improvement import breach_id
from services.vocabulary.identity import Role
from tests.improvement.given import AGREEMENT, IDA, JUNE_1, STRANGER
from tests.improvement.house import ID, PLAN, House, breach_message, breached, house, implemented, until

VIEWER = replace(IDA, roles=frozenset({Role.VIEWER}))


def test_a_change_says_which_version_it_was_decided_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await breached(running)
            without = await running.post(f"/{ID}/plan", IDA, PLAN)
            assert (without.status_code, without.json()["code"]) == (428, "if-match-required")
            stale = await running.post(f"/{ID}/plan", IDA, PLAN, version=1)
            assert (stale.status_code, stale.json()["code"]) == (412, "stale-version")
            stale = await running.post(f"/{ID}/verification", IDA, version=1)
            assert (stale.status_code, [each["version"] for each in stale.json()["changed"]]) == (412, [2])

    asyncio.run(scenario())


def test_a_repeat_with_the_same_key_is_answered_as_the_first_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await breached(running)
            first, second = [await running.post(f"/{ID}/plan", IDA, PLAN, version=2, key="plan-1") for _ in range(2)]
            assert (first.status_code, first.json()) == (200, second.json())
            other = await running.post(f"/{ID}/plan", IDA, PLAN | {"owner": "Ole"}, version=2, key="plan-1")
            assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")

    asyncio.run(scenario())


def test_a_repeated_verification_is_neither_measured_nor_judged_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            version = await implemented(running)
            running.clock.move_to(JUNE_1)
            first = await running.post(f"/{ID}/verification", IDA, version=version, key="proof")
            measured = len(running.measurement.spans)
            second = await running.post(f"/{ID}/verification", IDA, version=version, key="proof")
            assert (first.status_code, second.status_code, second.json()) == (200, 200, first.json())
            assert len(running.measurement.spans) == measured == 2
            assert (await running.post(f"/{ID}/verification", IDA, version=6)).json()["code"] == "improvement-already-effective"

    asyncio.run(scenario())


def test_roles_that_only_read_do_not_change_and_nobody_reads_unproven(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await breached(running)
            refused = await running.post(f"/{ID}/plan", VIEWER, PLAN, version=2)
            assert (refused.status_code, refused.json()["code"]) == (403, "role-not-permitted")
            assert (await running.get(f"/{ID}", VIEWER)).status_code == 200
            assert (await running.http.get(f"/v1/improvements/{ID}")).status_code == 401
            assert (await running.http.get("/docs/improvement")).status_code == 200
            assert "/v1/improvements/{improvement_id}/plan" in (await running.http.get("/openapi/improvement.json")).json()["paths"]

    asyncio.run(scenario())


async def open_three(running: House) -> list[str]:
    """Of three agreements, oldest first; the fake measurement knows only the first, so the others stay opened."""
    agreements = [AGREEMENT, AGREEMENT.replace("6e2b", "6e2c"), AGREEMENT.replace("6e2b", "6e2d")]
    for agreement in agreements:
        identity = breach_id(agreement_id=agreement, objective_id="availability", period="2026-03")
        await running.from_measurement.tell("objective-breached", breach_message(agreement_id=agreement, breach_id=identity))
    await until(lambda: _settled(running))
    return agreements


async def _settled(running: House) -> bool:
    return [item["status"] for item in await running.listed(IDA)] == ["opened", "opened", "analysed"]


def test_a_list_is_paged_newest_first_and_narrowed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            agreements = await open_three(running)
            first = await running.get("", IDA, limit="2")
            assert [item["agreement_id"] for item in first.json()["items"]] == [agreements[2], agreements[1]]
            link = first.headers["Link"]
            assert link.endswith('; rel="next"')
            second = await running.http.get(link[1 : link.index(">")], headers=running.bearer(IDA))
            assert ([item["agreement_id"] for item in second.json()["items"]], second.json()["next"]) == ([agreements[0]], None)
            assert len(await running.listed(IDA, agreement_id=agreements[1])) == 1
            assert [item["agreement_id"] for item in await running.listed(IDA, status="analysed")] == [AGREEMENT]
            assert await running.listed(STRANGER) == []

    asyncio.run(scenario())


def test_the_history_tells_who_did_what_and_why(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await breached(running)
            headers = running.bearer(IDA) | {"If-Match": '"2"', "X-Reason": "Largest saving"}
            await running.http.post(f"/v1/improvements/{ID}/plan", json=PLAN, headers=headers)
            told = await running.get(f"/{ID}/history", IDA)
            opened, analysed, planned = told.json()["items"]
            assert told.headers["ETag"] == '"3"'
            assert (planned["actor"], planned["organisation"], planned["reason"]) == ("ida.brandt", "nordwind-hosting", "Largest saving")
            assert (opened["actor"], analysed["causation_id"]) == ("service:improvement", opened["event_id"])
            assert planned["data"]["plan"]["expected_attainment"] == "8867/8868"

    asyncio.run(scenario())


def test_bad_input_is_refused_with_its_place(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await breached(running)
            for change, place in (
                ({"due_on": "2026-02-30"}, "due_on"),
                ({"due_on": "0001-01-01"}, "due_on"),
                ({"due_on": 20260414}, "due_on"),
                ({"owner": ""}, "owner"),
                ({"owner": "   "}, "owner"),
                ({"owner": "nul \x00"}, "owner"),
                ({"owner": "half \ud800"}, "owner"),
                ({"description": "x" * 2001}, "description"),
                ({"recommendation_id": "pray"}, "recommendation_id"),
                ({"expected_attainment_percent": "-1"}, "expected_attainment_percent"),
                ({"expected_attainment_percent": "101"}, "expected_attainment_percent"),
                ({"expected_attainment_percent": "90"}, "expected_attainment_percent"),
                ({"expected_attainment_percent": 99.99}, "expected_attainment_percent"),
                ({"surprise": 1}, "surprise"),
            ):
                answer = await running.post(f"/{ID}/plan", IDA, PLAN | change, version=2)
                assert answer.status_code == 422, (change, answer.text)
                assert [broken["place"] for broken in answer.json()["violations"]] == [place], answer.text
            missing = await running.post("/not-an-id/plan", IDA, PLAN, version=2)
            assert (missing.status_code, missing.json()["code"]) == (404, "improvement-not-found")
            for query in ({"cursor": "!"}, {"cursor": "eA"}, {"status": "lost"}, {"limit": "0"}):
                assert (await running.get("", IDA, **query)).status_code == 422, query
            assert (await running.get(f"/{ID}", IDA)).json()["version"] == 2

    asyncio.run(scenario())


def test_an_impossible_span_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            version = await implemented(running)
            running.clock.move_to(JUNE_1)
            for span, place in (
                ({"after_start": "2026-04-01T00:00:00Z", "after_end": "2026-05-01T00:00:00Z"}, "after_start"),
                ({"after_start": "2026-05-01T00:00:00Z"}, "after_end"),
                ({"after_start": "2026-05-01T00:00:00", "after_end": "2026-05-02T00:00:00Z"}, "after_start"),
                ({"after_start": "2026-05-02T00:00:00Z", "after_end": "2026-05-01T00:00:00Z"}, "after_end"),
            ):
                answer = await running.post(f"/{ID}/verification", IDA, span, version=version)
                assert answer.status_code == 422, answer.text
                assert answer.json()["violations"][0]["place"] == place
            assert running.measurement.spans == []

    asyncio.run(scenario())
