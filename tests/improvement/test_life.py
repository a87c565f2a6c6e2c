"""An improvement's whole life through its real doors: bus, HTTP, gRPC, and what it publishes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc.aio
import pytest
from upheld.agreements.v1 import events_pb2 as agreements_events_pb2
from upheld.agreements.v1 import terms_pb2
from upheld.improvement.v1 import improvements_pb2 as messages
from upheld.measurement.v1 import assessment_pb2
from upheld.measurement.v1 import events_pb2 as measurement_events_pb2

from services.vocabulary.identity import Caller, Role
from tests.improvement.given import AGREEMENT, APRIL_15, EXAMINER, IDA, JON, JUNE_1, OBJECTIVE, STRANGER
from tests.improvement.house import ID, PLAN, TRACE, House, breach_message, breached, house, implemented, march, march_result, until


def test_a_breach_becomes_a_proved_improvement_over_http(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            version = await implemented(running)
            running.clock.move_to(JUNE_1)
            verified = await running.post(f"/{ID}/verification", IDA, version=version)
            assert verified.status_code == 200, verified.text
            body = verified.json()
            assert (body["id"], body["status"], body["version"]) == (ID, "effective", 6)
            assert verified.headers["ETag"] == '"6"'
            assert running.measurement.spans == [
                ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"),
                ("2026-04-30T22:00:00Z", "2026-05-31T22:00:00Z"),
            ]
            (proof,) = body["verifications"]
            assert (proof["before_percent"], proof["after_percent"], proof["verdict"]) == ("99.790257", "99.993279", "effective")
            assert proof["after_attainment"] == "14879/14880"

    asyncio.run(scenario())


def test_the_analysis_of_a_breach_names_what_cost_the_budget(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            found = await breached(running)
            first, second = found["findings"][:2]
            assert [(finding["kind"], finding["subject"]) for finding in (first, second)] == [
                ("component", "core-database"),
                ("hour-of-day", "02:00-03:00"),
            ]
            assert (first["cost"], first["share_percent"]) == ("5280000000", "94.62")
            best = found["recommendations"][0]
            assert (best["id"], best["expected_attainment_percent"]) == ("component:core-database", "99.988723")
            assert found["measured"]["attainment_percent"] == "99.790257"
            assert (found["plan"], found["approved_by"], found["implemented_on"]) == (None, None, None)

    asyncio.run(scenario())


def test_a_breach_told_five_times_opens_one_improvement(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            for number in range(5):
                await running.from_measurement.tell("objective-breached", breach_message(), event_id=f"told-{number // 2}")
            found = await running.analysed(IDA)
            await until(lambda: _handled(running, 5))
            assert len(await running.listed(IDA)) == 1
            assert found["id"] == ID
            assert [changed.step for changed in await running.published(2)] == ["opened", "analysed"]
            history = (await running.get(f"/{ID}/history", IDA)).json()["items"]
            assert [entry["type"] for entry in history] == ["improvement.opened.v1", "improvement.analysed.v1"]

    asyncio.run(scenario())


async def _handled(running: House, count: int) -> bool:
    info = await running.platform.broker.jetstream.consumer_info("UPHELD_MEASUREMENT", "improvement")
    return bool(info.ack_floor.stream_seq >= count)


def test_every_step_is_published_with_the_whole_state_and_the_trace_of_the_breach(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await implemented(running)
            steps = await running.published(5)
            assert [(changed.step, changed.improvement.status, changed.improvement.version) for changed in steps] == [
                ("opened", "opened", 1),
                ("analysed", "analysed", 2),
                ("planned", "planned", 3),
                ("approved", "approved", 4),
                ("implemented", "implemented", 5),
            ]
            assert not steps[1].improvement.HasField("plan")
            assert steps[4].improvement.plan.expected_attainment_percent == "99.988723"
            assert (steps[4].improvement.approved_by, steps[4].improvement.implemented_on) == (JON.organisation, "2026-04-14")
            assert steps[4].improvement.plan.owner == IDA.organisation  # no person: what was published cannot be taken back
            first, second = (await running.raw(2))[:2]
            assert first.subject == "upheld.improvement.nordwind-hosting.improvement-changed"
            assert [message.headers["traceparent"].split("-")[1] for message in (first, second)] == [TRACE, TRACE]
            assert second.headers["Upheld-Correlation-Id"] == "the-observation"

    asyncio.run(scenario())


def test_the_same_life_is_led_over_grpc(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await breached(running)
            ida = tuple((name.lower(), value) for name, value in running.bearer(IDA).items())
            jon = tuple((name.lower(), value) for name, value in running.bearer(JON).items())
            calls = running.grpc
            plan = messages.Plan(**PLAN)
            planned = await calls.PlanImprovement(
                messages.PlanImprovementRequest(improvement_id=ID, plan=plan, expected_version=2), metadata=ida
            )
            assert (planned.status, planned.plan.expected_attainment_percent) == ("planned", "99.988723")
            await calls.ApproveImprovement(messages.ApproveImprovementRequest(improvement_id=ID, reason="Good"), metadata=jon)
            running.clock.move_to(APRIL_15)
            request = messages.RecordImplementationRequest(improvement_id=ID, implemented_on="2026-04-14")
            await calls.RecordImplementation(request, metadata=ida)
            running.clock.move_to(JUNE_1)
            verified = await calls.VerifyImprovement(messages.VerifyImprovementRequest(improvement_id=ID), metadata=ida)
            assert (verified.status, verified.verifications[0].verdict) == ("effective", "effective")
            got = await calls.GetImprovement(messages.GetImprovementRequest(improvement_id=ID), metadata=jon)
            assert got == verified
            await until(lambda: running.has_status(JON, "effective"))
            listed = await calls.ListImprovements(
                messages.ListImprovementsRequest(agreement_id=AGREEMENT, status="effective", page_size=1), metadata=jon
            )
            assert list(listed.improvements) == [verified]
            assert listed.next_page_token == ""
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await calls.ApproveImprovement(messages.ApproveImprovementRequest(improvement_id=ID, expected_version=2), metadata=jon)
            assert refused.value.code() is grpc.StatusCode.ABORTED

    asyncio.run(scenario())


def test_an_effect_that_stays_away_reopens_and_is_planned_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            version = await implemented(running)
            running.clock.move_to(JUNE_1)
            running.measurement.bad_minutes_after = 60
            verified = await running.post(f"/{ID}/verification", IDA, version=version)
            body = verified.json()
            assert (body["status"], body["version"], body["verifications"][0]["verdict"]) == ("reopened", 7, "not-effective")
            assert "misses the target of >= 99.9 %" in body["verifications"][0]["reason"]
            again = await running.post(f"/{ID}/plan", IDA, PLAN | {"recommendation_id": "recovery:15-min"}, version=7)
            assert (again.json()["status"], again.json()["approved_by"], len(again.json()["verifications"])) == ("planned", None, 1)
            assert [changed.step for changed in (await running.published(8))[5:]] == ["verified", "reopened", "planned"]

    asyncio.run(scenario())


def test_a_verification_needs_data_and_a_span_that_is_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            version = await implemented(running)
            early = await running.post(f"/{ID}/verification", IDA, version=version)
            assert (early.status_code, early.json()["code"]) == (409, "verification-span-not-over")
            running.clock.move_to(JUNE_1)
            running.measurement.coverage_after = "8/9"
            thin = await running.post(f"/{ID}/verification", IDA, version=version)
            assert (thin.status_code, thin.json()["code"]) == (409, "not-enough-data-to-verify")
            running.measurement.knows_objective = False
            unknown = await running.post(f"/{ID}/verification", IDA, version=version)
            assert (unknown.status_code, unknown.json()["code"]) == (409, "objective-not-measured")
            assert (await running.get(f"/{ID}", IDA)).json()["version"] == version, "nothing half done"

    asyncio.run(scenario())


def test_a_breach_waits_for_its_analysis_while_measurement_is_unreachable(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            running.measurement.reachable = False
            await running.from_measurement.tell("objective-breached", breach_message())
            await until(lambda: running.has_status(IDA, "opened"))
            refused = await running.post(f"/{ID}/plan", IDA, PLAN, version=1)
            assert (refused.status_code, refused.json()["code"]) == (409, "improvement-not-analysed-yet")
            running.measurement.reachable = True
            assert (await running.analysed(IDA))["version"] == 2

    asyncio.run(scenario())


def test_the_close_of_the_period_explains_the_breach_anew_until_there_is_a_plan(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            found = await breached(running)
            closed = march(march_result(bad_minutes=153), march_result(objective_id="requests", verdict="met"))
            message = measurement_events_pb2.PeriodClosed(assessment=closed, provider="nordwind-hosting", customer="hansebank")
            await running.from_measurement.tell("period-closed", message)
            await until(lambda: _is_at(running, 3))
            renewed = (await running.get(f"/{ID}", IDA)).json()
            assert (found["measured"]["good"], renewed["measured"]["good"]) == ("2654820000000", "2651220000000")
            assert "data:gaps" in {each["id"] for each in renewed["recommendations"]}
            planned = await running.post(f"/{ID}/plan", IDA, PLAN, version=3)
            restated = measurement_events_pb2.PeriodRestated(assessment=march(march_result(bad_minutes=100)))
            await running.from_measurement.tell("period-restated", restated)
            await until(lambda: _handled(running, 3))
            assert (await running.get(f"/{ID}", IDA)).json()["version"] == planned.json()["version"] == 4

    asyncio.run(scenario())


async def _is_at(running: House, version: int) -> bool:
    version_found: int = (await running.get(f"/{ID}", IDA)).json()["version"]
    return version_found == version


def test_auditors_follow_the_signed_terms(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await breached(running)
            assert (await running.get(f"/{ID}", EXAMINER)).status_code == 404
            assert await running.listed(EXAMINER) == []
            named = terms_pb2.Terms(auditors=["bank-examiner"])
            activated = agreements_events_pb2.AgreementActivated(agreement_id=AGREEMENT, terms=named)
            await running.from_agreements.tell("agreement-activated", activated)
            await until(lambda: _sees(running, 1))
            assert (await running.get(f"/{ID}", EXAMINER)).status_code == 200
            amended = agreements_events_pb2.AgreementAmended(agreement_id=AGREEMENT, terms=terms_pb2.Terms())
            await running.from_agreements.tell("agreement-amended", amended)
            await until(lambda: _sees(running, 0))

    asyncio.run(scenario())


async def _sees(running: House, count: int) -> bool:
    return len(await running.listed(EXAMINER)) == count


def test_who_may_see_may_not_always_act_and_who_may_not_see_finds_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            named = terms_pb2.Terms(auditors=["bank-examiner"])
            activated = agreements_events_pb2.AgreementActivated(agreement_id=AGREEMENT, terms=named)
            await running.from_agreements.tell("agreement-activated", activated)
            version = (await breached(running))["version"]
            await until(lambda: _sees(running, 1))
            by_customer = await running.post(f"/{ID}/plan", JON, PLAN, version=version)
            assert (by_customer.status_code, by_customer.json()["code"]) == (403, "not-the-provider")
            planned = (await running.post(f"/{ID}/plan", IDA, PLAN, version=version)).json()["version"]
            by_auditor = await running.post(f"/{ID}/approval", EXAMINER, version=planned)
            assert (by_auditor.status_code, by_auditor.json()["code"]) == (403, "not-a-party")
            for path, body in (
                ("plan", PLAN),
                ("approval", {}),
                ("implementation", {"implemented_on": "2026-04-01"}),
                ("verification", {}),
            ):
                foreign = await running.post(f"/{ID}/{path}", STRANGER, body, version=planned)
                assert (foreign.status_code, foreign.json()["code"]) == (404, "improvement-not-found"), path
            for path in ("", "/history"):
                assert (await running.get(f"/{ID}{path}", STRANGER)).status_code == 404
            assert await running.listed(STRANGER) == []

    asyncio.run(scenario())


def _composite_march() -> assessment_pb2.Assessment:
    whole = march_result()
    whole.indicator, whole.unit, whole.good, whole.whole, whole.terms_version = "composite", "objectives", "1", "2", 1
    member = march_result(objective_id="database")
    member.name, member.terms_version = "Database", 1
    return march(whole, member)


def _composite_terms() -> agreements_events_pb2.AgreementActivated:
    composite = terms_pb2.Composite(of=["database", "web"], rule="weighted")
    objective = terms_pb2.Objective(id=OBJECTIVE, indicator=terms_pb2.Indicator(composite=composite))
    return agreements_events_pb2.AgreementActivated(
        agreement_id=AGREEMENT, terms_version=1, terms=terms_pb2.Terms(auditors=["bank-examiner"], objectives=[objective])
    )


def test_a_composites_breach_waits_for_its_terms_points_at_its_members_and_is_not_verified_over_a_span(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            running.measurement.assessment = _composite_march()
            await running.from_measurement.tell("objective-breached", breach_message())
            closed = measurement_events_pb2.PeriodClosed(assessment=_composite_march())
            await running.from_measurement.tell("period-closed", closed)
            await until(lambda: _handled(running, 2))
            assert [item["status"] for item in await running.listed(IDA)] == ["opened"]
            await running.from_agreements.tell("agreement-activated", _composite_terms())
            found = await running.analysed(IDA)
            assert [(finding["kind"], finding["subject"]) for finding in found["findings"]] == [("member", "database")]
            (recommended,) = found["recommendations"]
            planned = await running.post(f"/{ID}/plan", IDA, {**PLAN, "recommendation_id": recommended["id"]}, version=found["version"])
            approved = await running.post(f"/{ID}/approval", JON, version=planned.json()["version"])
            running.clock.move_to(APRIL_15)
            done = {"implemented_on": "2026-04-14"}
            version = (await running.post(f"/{ID}/implementation", IDA, done, version=approved.json()["version"])).json()["version"]
            running.clock.move_to(JUNE_1)
            refused = await running.post(f"/{ID}/verification", IDA, version=version)
            assert (refused.status_code, refused.json()["code"]) == (409, "composite-not-measurable-over-a-span")
            assert running.measurement.spans == [], "measurement is not asked for what it cannot tell"

    asyncio.run(scenario())


def test_who_approved_and_who_owns_the_plan_can_be_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with house(tmp_path) as running:
            await implemented(running)
            before = (await running.get(f"/{ID}", IDA)).json()
            assert (before["plan"]["owner"], before["approved_by"]) == (PLAN["owner"], JON.subject)
            ids = {}
            for organisation, subject in ((JON.organisation, JON.subject), (IDA.organisation, str(PLAN["owner"]))):
                boss = Caller(subject="boss", organisation=organisation, roles=frozenset({Role.ADMINISTRATOR}))
                asked = {"organisation": organisation, "subject": subject, "reason": "asked to"}
                answer = await running.http.post("/v1/log/improvement/erasures", json=asked, headers=running.bearer(boss))
                assert answer.status_code == 200, answer.text
                ids[subject] = f"erased-{answer.json()['erased'][0]['id']}"
            for path in (f"/{ID}", f"/{ID}/history", ""):
                told = (await running.get(path, IDA)).text
                assert not any(subject in told for subject in ids)
            after = (await running.get(f"/{ID}", IDA)).json()
            assert (after["plan"]["owner"], after["approved_by"]) == (ids[str(PLAN["owner"])], ids[JON.subject])
            assert (after["status"], after["version"]) == (before["status"], before["version"])

    asyncio.run(scenario())
