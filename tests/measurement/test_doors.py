"""Measurement through its real doors: HTTP, gRPC and NATS, with agreements at the other end of the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import grpc.aio
import pytest
from upheld.agreements.v1 import terms_pb2
from upheld.measurement.v1 import events_pb2, measurement_pb2, observations_pb2

from services.chassis.database import Database
from services.chassis.settings import Settings
from services.measurement import marks
from services.vocabulary.identity import Role
from services.vocabulary.period import instant_of, instant_text
from tests.measurement.house import TRACE, TRACEPARENT, House, house, until
from tests.measurement.promise import (
    AGREEMENT,
    APRIL_2,
    APRIL_9,
    AUDITING,
    CLIENT,
    CUSTOMER,
    MANAGER,
    MARCH_10,
    OPERATOR,
    OUTSIDER,
    PROVIDER,
    activated,
    amended,
    caller,
    counter,
    outage,
    ticket,
    version,
)

Story = Callable[[House], Awaitable[None]]


def run(settings: Settings, story: Story) -> None:
    async def told() -> None:
        async with house(settings) as opened:
            await story(opened)

    asyncio.run(told())


def test_one_sample_becomes_a_breach_with_the_trace_of_the_request_that_reported_it(settings: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        await until(lambda: _is_known(house))
        answer = await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T03:00:00Z"), traceparent=TRACEPARENT)
        assert answer.status_code == 201, answer.text
        assert answer.json()["accepted"] == 1
        (message,) = await house.published(1)
        breach = events_pb2.ObjectiveBreached.FromString(message.data)
        assert message.subject == f"upheld.measurement.{PROVIDER}.objective-breached"
        assert (breach.agreement_id, breach.objective_id, breach.period) == (AGREEMENT, "availability", "2026-03")
        assert (breach.provider, breach.customer) == (PROVIDER, CUSTOMER)
        assert breach.result.verdict == "breached"
        assert breach.trace_id == TRACE
        assert message.headers["traceparent"].split("-")[1] == TRACE

    run(settings, story)


def test_a_breach_is_told_once_however_often_it_is_assessed(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T03:00:00Z"))
        await house.published(1)
        await house.report(outage("2026-03-09T05:00:00Z", "2026-03-09T06:00:00Z"))

        async def both_are_seen() -> bool:
            listed = await house.get("/assessments", MANAGER, agreement_id=AGREEMENT)
            return any(len(item["objectives"][0]["outages"]) == 2 for item in listed.json()["items"])

        await until(both_are_seen)
        assert await house.events() == ["objective-breached"]

    run(settings_sqlite, story)


def test_an_early_warning_precedes_the_breach(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:35:00Z"))
        (warning,) = await house.published(1)
        assert events_pb2.ObjectiveAtRisk.FromString(warning.data).result.progress.at_risk
        await house.report(outage("2026-03-09T02:00:00Z", "2026-03-09T02:35:00Z"))
        await house.published(2)
        assert await house.events() == ["objective-at-risk", "objective-breached"]

    run(settings_sqlite, story)


def test_an_outage_that_goes_on_breaches_by_the_passing_of_time(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        await house.report(outage("2026-03-10T11:59:00Z"))
        house.clock.move_to(MARCH_10 + timedelta(hours=1))
        await until(lambda: _told(house, "objective-breached"))

    run(settings_sqlite, story)


def test_a_month_closes_by_itself_and_late_data_restates_it(settings: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z"), counter("2026-03-02T00:00:00Z", 995, 1000))
        house.clock.move_to(APRIL_9)
        await until(lambda: _told(house, "period-closed"))
        first = await house.assessment("2026-03", CLIENT)
        assert (first["closed"], first["revision"]) == (True, 1)
        assert [each["verdict"] for each in first["objectives"]] == ["met", "met"]
        assert first["objectives"][0]["attainment_percent"] == "99.932"
        assert first["credit"]["amount"] == "0.00"
        before = instant_text(instant_of(house.clock.now()))
        await until(lambda: _nothing_is_marked(house))

        await house.report(outage("2026-03-20T01:00:00Z", "2026-03-20T01:20:00Z"), source="probe-2")
        await until(lambda: _told(house, "period-restated"))
        second = await house.assessment("2026-03", CLIENT)
        assert (second["revision"], second["restatement_cause"]) == (2, "late observations from probe-2")
        assert second["objectives"][0]["attainment_percent"] == "99.887"
        assert second["credit"]["amount"] == "1000.00"
        assert await house.assessment("2026-03", CLIENT, known_at=before) == first
        restated = events_pb2.PeriodRestated.FromString((await house.published(3))[2].data)
        assert restated.credit_difference == "1000.00"
        assert (restated.previous.revision, restated.assessment.revision) == (1, 2)
        assert await house.events() == ["period-closed", "objective-breached", "period-restated"]

    run(settings, story)


def test_an_amendment_that_reaches_back_restates_the_months_it_touches(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:10:00Z"))
        house.clock.move_to(APRIL_9)
        await until(lambda: _told(house, "period-closed"))
        message = amended(target="99.99", effective_on="2026-03-01", recorded_at="2026-04-09T12:00:00Z")
        await house.activate(message, event="agreement-amended")
        await until(lambda: _told(house, "period-restated"))
        restated = await house.assessment("2026-03", MANAGER)
        assert restated["restatement_cause"] == "amendment version 2"
        assert restated["objectives"][0]["verdict"] == "breached"
        assert restated["terms_versions"] == [2]

    run(settings_sqlite, story)


def test_a_reopening_restates_the_month_in_which_the_ticket_was_due(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        message = activated()
        message.terms.objectives.append(
            terms_pb2.Objective(
                id="resolution",
                name="Resolution",
                service="desk",
                indicator=terms_pb2.Indicator(resolution_time=terms_pb2.ResolutionTime(within_s=86_400, reopened="runs-on")),
                comparison=">=",
                target_percent="90",
                decimals=1,
            )
        )
        house.agreements.versions = [version(message=message.terms)]
        await house.activate(message)
        await house.report(ticket("2026-03-09T08:00:00Z", "opened"), ticket("2026-03-09T09:00:00Z", "resolved"))
        house.clock.move_to(APRIL_9)
        await until(lambda: _told(house, "period-closed"))
        await until(lambda: _nothing_is_marked(house))
        await house.report(ticket("2026-04-07T08:00:00Z", "reopened"), source="desk-2")
        await until(lambda: _told(house, "period-restated"))
        resolution = (await house.assessment("2026-03", MANAGER))["objectives"][2]
        assert (resolution["good"], resolution["whole"], resolution["verdict"]) == ("0", "1", "breached")

    run(settings_sqlite, story)


def test_a_month_that_cannot_be_closed_does_not_hold_up_the_next(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        foreign = activated().terms
        foreign.credit.currency = "USD"
        house.agreements.versions = [version(), version(2, message=foreign, effective_on="2026-03-16")]
        await house.activate(activated())
        house.clock.move_to(APRIL_9 + timedelta(days=30))
        await until(lambda: _told(house, "period-closed"))
        assert (await house.assessment("2026-04", MANAGER))["closed"]
        refused = await house.close("2026-03", MANAGER)
        assert (refused.status_code, refused.json()["code"]) == (409, "credit-in-mixed-currencies")

    run(settings_sqlite, story)


def test_a_reason_is_bounded_over_grpc_too(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        house.clock.move_to(APRIL_2)
        endless = measurement_pb2.ClosePeriodRequest(agreement_id=AGREEMENT, period="2026-03", reason="because " * 1_000)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await house.grpc.ClosePeriod(endless, metadata=house.metadata(MANAGER))
        assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "reason" in str(refusal.value.details())

    run(settings_sqlite, story)


def test_the_providers_service_manager_closes_a_month_that_is_over(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        early = await house.close("2026-03", MANAGER)
        assert (early.status_code, early.json()["code"]) == (409, "period-not-over")
        house.clock.move_to(APRIL_2)
        assert (await house.close("2026-03", CLIENT)).json()["code"] == "not-the-provider"
        assert (await house.close("2026-03", OPERATOR)).status_code == 403
        assert (await house.close("2026-03", OUTSIDER)).status_code == 404
        closed = await house.close("2026-03", MANAGER, key="k-1")
        assert (closed.status_code, closed.json()["revision"]) == (200, 1), closed.text
        assert (await house.close("2026-03", MANAGER, key="k-1")).json() == closed.json()
        again = await house.close("2026-03", MANAGER)
        assert (again.status_code, again.json()["code"]) == (409, "period-already-closed")

    run(settings_sqlite, story)


def test_nothing_is_closed_while_agreements_cannot_be_asked(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        await until(lambda: _is_known(house))
        house.agreements.reachable = False
        house.clock.move_to(APRIL_2)
        answer = await house.close("2026-03", MANAGER)
        assert answer.status_code == 503, answer.text
        house.agreements.reachable = True
        assert (await house.close("2026-03", MANAGER)).status_code == 200

    run(settings_sqlite, story)


def test_an_agreement_whose_activation_has_not_arrived_is_asked_for(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        running = await house.assessment("2026-03", AUDITING)
        assert (running["closed"], running["revision"]) == (False, 0)
        assert [each["verdict"] for each in running["objectives"]] == ["undetermined", "undetermined"]

    run(settings_sqlite, story)


def test_foreign_absent_and_malformed_agreements_look_the_same(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        unknown = "00000000-0000-4000-8000-000000000000"
        for path, who in (
            (f"/assessments/{AGREEMENT}/2026-03", OUTSIDER),
            (f"/assessments/{unknown}/2026-03", MANAGER),
            ("/assessments/none/2026-03", MANAGER),
        ):
            answer = await house.get(path, who)
            assert (answer.status_code, answer.json()["code"]) == (404, "agreement-not-found")
        listed = await house.get("/assessments", OUTSIDER, agreement_id=AGREEMENT)
        assert listed.status_code == 404
        measured = await house.get(
            f"/measurements/{AGREEMENT}/availability", OUTSIDER, start="2026-03-01T00:00:00Z", end="2026-03-02T00:00:00Z"
        )
        assert measured.status_code == 404

    run(settings_sqlite, story)


def test_any_span_of_an_objective_can_be_measured(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-02T00:00:00Z", "2026-03-02T06:00:00Z"))
        path, day = f"/measurements/{AGREEMENT}", {"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"}
        measured = await house.get(f"{path}/availability", MANAGER, **day)
        assert (measured.status_code, measured.json()["attainment"]) == (200, "3/4")
        assert (await house.get(f"{path}/speed", MANAGER, **day)).json()["code"] == "objective-not-found"
        backwards = await house.get(f"{path}/availability", MANAGER, start=day["end"], end=day["start"])
        assert backwards.status_code == 422
        message = measurement_pb2.MeasureSpanRequest(agreement_id=AGREEMENT, objective_id="availability", **day)
        assert (await house.grpc.MeasureSpan(message, metadata=house.metadata(MANAGER))).attainment == "3/4"

    run(settings_sqlite, story)


def test_a_repeated_batch_changes_nothing_and_says_so(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        said = outage("2026-03-09T01:00:00Z", "2026-03-09T01:10:00Z", id="o-1")
        assert (await house.report(said)).status_code == 201
        again = await house.report(said)
        assert (again.status_code, again.json()["accepted"], again.json()["repeated"]) == (200, 0, 1)
        other = await house.report(counter("2026-03-09T01:00:00Z", 1, 1), batch="b-1")
        assert other.json()["batch"] == "b-1"
        reused = await house.report(counter("2026-03-09T01:00:00Z", 1, 2), batch="b-1")
        assert (reused.status_code, reused.json()["code"]) == (409, "batch-name-reused")
        keyed = await house.report(counter("2026-03-09T02:00:00Z", 1, 1), key="k-7")
        assert keyed.json()["batch"] == "k-7"

    run(settings_sqlite, story)


def test_bad_observations_are_named_and_nothing_is_taken_unless_asked(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        mapping = "kind=counter&service=online-banking&component=web&observed_at=t&good=g&total=n&source=gateway"
        content = "t,g,n\n2026-03-09T01:00:00Z,9,10\n2026-03-09T01:01:00Z,11,10\nyesterday,1,1\n"
        headers = {**house.bearer(OPERATOR), "content-type": "text/csv"}
        refused = await house.http.post(f"/v1/observations?{mapping}", content=content, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "observations-rejected")
        assert [each["place"] for each in refused.json()["violations"]] == ["line 3, g", "line 4, t"]
        before = await house.assessment("2026-03", MANAGER)
        assert before["objectives"][1]["whole"] == "0"
        taken = await house.http.post(f"/v1/observations?{mapping}&on_error=skip", content=content, headers=headers)
        assert (taken.status_code, taken.json()["accepted"], taken.json()["rejected_count"]) == (201, 1, 2)
        assert [each["place"] for each in taken.json()["rejected"]] == ["line 3, g", "line 4, t"]
        after = await house.assessment("2026-03", MANAGER)
        assert (after["objectives"][1]["good"], after["objectives"][1]["whole"]) == ("9", "10")

    run(settings_sqlite, story)


@pytest.mark.parametrize(
    ("media", "content", "status"),
    [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", '{"source": "p"}', 422),
        ("application/json", '{"source": "p", "observations": [], "x": 1}', 422),
        ("application/json", '{"observations": []}', 422),
        ("application/x-ndjson", "{\n", 422),
        ("text/csv", "", 422),
        ("text/plain", "x", 415),
    ],
)
def test_what_cannot_be_read_is_refused(settings_sqlite: Settings, media: str, content: str, status: int) -> None:
    async def story(house: House) -> None:
        headers = {**house.bearer(OPERATOR), "content-type": media}
        source = {} if media == "application/json" else {"source": "p"}
        answer = await house.http.post("/v1/observations", content=content, headers=headers, params=source)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text

    run(settings_sqlite, story)


def test_only_operators_report(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        answer = await house.report(outage("2026-03-09T01:00:00Z"), caller=MANAGER)
        assert (answer.status_code, answer.json()["code"]) == (403, "role-not-permitted")

    run(settings_sqlite, story)


def test_observations_count_for_the_organisation_that_reported_them(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        stranger = caller(Role.OPERATOR, organisation=CUSTOMER)
        assert (await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T05:00:00Z"), caller=stranger)).status_code == 201
        running = await house.assessment("2026-03", MANAGER)
        assert running["objectives"][0]["outages"] == []

    run(settings_sqlite, story)


def test_a_stream_over_grpc_is_one_batch_in_the_same_form(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        rows = [
            observations_pb2.Observation(
                service="online-banking",
                component="web",
                id=f"c-{hour}",
                observed_at=f"2026-03-02T{hour:02}:00:00Z",
                counter=observations_pb2.Counter(good=99, total=100),
            )
            for hour in range(4)
        ]
        requests = [
            measurement_pb2.ReportObservationsRequest(source="gateway", batch="night", observations=rows[:2]),
            measurement_pb2.ReportObservationsRequest(observations=rows[2:]),
        ]
        answer = await house.grpc.ReportObservations(iter(requests), metadata=house.metadata(OPERATOR))
        assert (answer.accepted, answer.repeated_count, answer.batch) == (4, 0, "night")
        told = [counter(f"2026-03-02T{hour:02}:00:00Z", 99, 100, id=f"c-{hour}") for hour in range(4)]
        over_http = await house.report(*told, source="gateway")
        assert (over_http.json()["accepted"], over_http.json()["repeated"]) == (0, 4)
        asked = measurement_pb2.GetAssessmentRequest(agreement_id=AGREEMENT, period="2026-03")
        running = await house.grpc.GetAssessment(asked, metadata=house.metadata(CLIENT))
        assert (running.objectives[1].good, running.objectives[1].whole) == ("396", "400")

    run(settings_sqlite, story)


def test_a_bad_observation_in_a_stream_is_named_by_its_number(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        bad = observations_pb2.Observation(service="s", component="c", observed_at="2026-03-02T00:00:00Z")
        request = measurement_pb2.ReportObservationsRequest(source="gateway", observations=[bad])
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await house.grpc.ReportObservations(iter([request]), metadata=house.metadata(OPERATOR))
        assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "observations[0].kind" in str(refusal.value.details())

    run(settings_sqlite, story)


def test_months_are_listed_in_pages(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        house.clock.move_to(APRIL_9)
        await house.activate(activated())
        await until(lambda: _told(house, "period-closed"))

        async def both_listed() -> bool:
            listed = (await house.get("/assessments", CLIENT, agreement_id=AGREEMENT)).json()["items"]
            return [(item["period"], item["closed"]) for item in listed] == [("2026-03", True), ("2026-04", False)]

        await until(both_listed)
        first = (await house.get("/assessments", CLIENT, agreement_id=AGREEMENT, limit="1")).json()
        assert [item["period"] for item in first["items"]] == ["2026-03"]
        rest = (await house.get("/assessments", CLIENT, agreement_id=AGREEMENT, limit="1", cursor=first["next"])).json()
        assert ([item["period"] for item in rest["items"]], rest["next"]) == (["2026-04"], None)
        page = measurement_pb2.ListAssessmentsRequest(agreement_id=AGREEMENT, page_size=1)
        listed = await house.grpc.ListAssessments(page, metadata=house.metadata(CLIENT))
        assert ([each.period for each in listed.assessments], listed.next_page_token) == (["2026-03"], "2026-03")

    run(settings_sqlite, story)


def test_batches_come_in_over_the_broker_and_refused_ones_are_kept_with_their_reason(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.activate(activated())
        jetstream = house.platform.broker.jetstream
        body = json.dumps({"source": "probe", "observations": [outage("2026-03-09T01:00:00Z", "2026-03-09T03:00:00Z")]}).encode()

        async def ingest_listens() -> bool:
            return await house._has_published("UPHELD_INGEST", 0)

        await until(ingest_listens)
        credential = house.bearer(OPERATOR)
        await jetstream.publish(f"upheld.ingest.{PROVIDER}", body, headers={**credential, "traceparent": TRACEPARENT})
        (message,) = await house.published(1)
        assert events_pb2.ObjectiveBreached.FromString(message.data).trace_id == TRACE

        await jetstream.publish(f"upheld.ingest.{CUSTOMER}", body, headers=credential)
        await jetstream.publish(f"upheld.ingest.{PROVIDER}", body)
        await jetstream.publish(f"upheld.ingest.{PROVIDER}", b"{", headers=credential)
        buried = await house.buried(3)
        assert [each.headers["Upheld-Code"] for each in buried] == ["not-your-subject", "unauthenticated", "malformed-observations"]
        assert all("Authorization" not in each.headers for each in buried)

    run(settings_sqlite, story)


def test_the_document_of_the_api_is_served(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        document = (await house.http.get("/openapi/measurement.json")).json()
        assert document["openapi"].startswith("3.1")
        assert {path for path in document["paths"] if not path.startswith("/v1/log/measurement/")} == {
            "/v1/observations",
            "/v1/assessments",
            "/v1/assessments/{agreement_id}/{period}",
            "/v1/assessments/{agreement_id}/{period}/close",
            "/v1/assessments/{agreement_id}/{period}/explanation",
            "/v1/assessments/{agreement_id}/{period}/outlook",
            "/v1/assessments/{agreement_id}/{period}/timeline.svg",
            "/v1/assessments/{agreement_id}/bundle-part",
            "/v1/simulations",
            "/v1/measurements/{agreement_id}/{objective_id}",
            "/v1/exclusions",
            "/v1/exclusions/{exclusion_id}/approval",
            "/v1/exclusions/{exclusion_id}/refusal",
            "/v1/exclusions/{exclusion_id}/withdrawal",
            "/v1/disputes",
            "/v1/disputes/settlements",
            "/v1/previews",
        }
        assert (await house.http.get("/docs/measurement")).status_code == 200

    run(settings_sqlite, story)


async def _nothing_is_marked(house: House) -> bool:
    """The look after a close is over: what is reported from here on is told as its cause."""
    database = Database.open("measurement", house.platform.settings, marks.MARKS.metadata)
    try:
        return not await database.read(marks.marked)
    finally:
        await database.close()


async def _told(house: House, event: str) -> bool:
    return event in await house.events()


async def _is_known(house: House) -> bool:
    return (await house.get(f"/assessments/{AGREEMENT}/2026-03", MANAGER)).status_code == 200
