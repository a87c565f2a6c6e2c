"""Why a figure is what it is, where a month is going, and what a change would change: through the real doors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from xml.etree import ElementTree

import grpc.aio
import pytest
from google.protobuf.json_format import ParseDict
from upheld.agreements.v1 import terms_pb2
from upheld.measurement.v1 import events_pb2, measurement_pb2

from services.agreements.wire import document_of as written
from services.chassis.clock import MovableClock
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.repository import Repository
from services.chassis.settings import Settings
from services.measurement.application import Measurement
from services.measurement.assessment import CALCULATOR_VERSION, CALCULATORS, Assessment, BookedCredit, Calculator
from services.measurement.batch import Batch
from services.measurement.inquiry import FiguresNotReproduced, Inquiry
from services.measurement.intake import read_json
from services.measurement.judgement import Event, Judgement, evolve
from services.measurement.objective import TermsInForce
from services.measurement.observation import Evidence
from services.measurement.store import METADATA
from services.measurement.stored import STORED, Stored
from services.measurement.terms_copy import Agreement
from services.measurement.wire import SignedTerms
from services.vocabulary.identity import Caller, Role
from services.vocabulary.period import TZ_DATABASE, Instant, Month, Period, instant_of, instant_text, parse_day, parse_instant
from tests.measurement.house import House, Json, until
from tests.measurement.promise import (
    AGREEMENT,
    APRIL_2,
    APRIL_9,
    AUDITING,
    CLIENT,
    CUSTOMER,
    MANAGER,
    OPERATOR,
    OUTSIDER,
    SIGNED,
    caller,
    counter,
    outage,
    terms,
)
from tests.measurement.test_doors import _nothing_is_marked
from tests.measurement.test_parties import agreed, claim, post, run

MARCH = f"/assessments/{AGREEMENT}/2026-03"
VIEWER = caller(Role.VIEWER, organisation=CUSTOMER)


def leaves(node: Json) -> list[Json]:
    return [node] if not node.get("children") else [leaf for child in node["children"] for leaf in leaves(child)]


def nodes(node: Json) -> list[Json]:
    return [node, *(below for child in node.get("children", []) for below in nodes(child))]


async def explained(house: House, **query: str) -> Json:
    answer = await house.get(f"{MARCH}/explanation", CLIENT, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def previewed(house: House, who: Caller = MANAGER, **change: object) -> Json:
    answer = await post(house, "/previews", who, {"agreement_id": AGREEMENT} | change)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def closed(house: House) -> None:
    """March, and nothing is left to be looked at."""
    if house.clock.now() < APRIL_2:
        house.clock.move_to(APRIL_2)
    answer = await house.close("2026-03", MANAGER)
    assert answer.status_code == 200, answer.text
    await until(lambda: _nothing_is_marked(house))


def amendment(**changed: str) -> str:
    """A terms document with another target."""
    message = agreed()
    message.objectives[0].target_percent = changed.get("target", "99.99")
    message.objectives[0].credits[0].below_percent = changed.get("target", "99.99")
    if "customer" in changed:
        message.parties[1].organisation = changed["customer"]
    for party in message.parties:
        party.contacts.add(name="Rea Vogel", email="rea@nordwind.example", role="manager")
        party.responsibilities.append("Keeps its word")
    for service in message.services:
        service.name = service.id
        for component in service.components:
            component.name = component.id
    return json.dumps(written(message))


# Explanation


def test_a_figure_is_told_as_a_sum_down_to_the_single_outage(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z"), counter("2026-03-02T00:00:00Z", 995, 1000))
        told = await explained(house)
        assert (told["closed"], told["revision"], told["calculator_version"]) == (False, 0, CALCULATOR_VERSION)
        assert told["tz_database"] == TZ_DATABASE
        time, requests = told["objectives"]
        for tree in (time["proof"], time["elapsed"], requests["proof"]):
            for node in nodes(tree):
                parts = [int(child["amount"]) for child in node.get("children", [])]
                assert not parts or sum(parts) == int(node["amount"])
        (down,) = [leaf for leaf in leaves(time["proof"]) if leaf["label"] == "Outage of core-database"]
        assert (down["amount"], down["start"], down["end"]) == ("1800000000", "2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z")
        assert int(time["elapsed"]["amount"]) == 31 * 86_400_000_000
        assert [leaf["amount"] for leaf in leaves(requests["proof"])] == ["995", "5"]
        only = await explained(house, objective_id="requests")
        assert only["objectives"] == [requests]
        request = measurement_pb2.ExplainAssessmentRequest(agreement_id=AGREEMENT, period="2026-03", objective_id="requests")
        message = await house.grpc.ExplainAssessment(request, metadata=house.metadata(CLIENT))
        assert message.objectives[0].proof == ParseDict(requests["proof"], measurement_pb2.Proof())
        assert message.tz_database == TZ_DATABASE

    run(settings_sqlite, story)


def test_exclusions_name_clause_ground_and_approval_and_what_was_refused_says_why(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T02:00:00Z"))
        flood = (await claim(house)).json()["id"]
        late = (await claim(house, exclusion_class="planned-work", start="2026-03-09T03:00:00Z", end="2026-03-09T04:00:00Z")).json()["id"]
        no = (await claim(house, start="2026-03-09T05:00:00Z", end="2026-03-09T06:00:00Z")).json()["id"]
        await post(house, f"/exclusions/{no}/refusal", CLIENT, {"reason": "It was dry"})
        waiting = (await explained(house, objective_id="availability"))["objectives"][0]
        rules = {each["id"]: (each["clause"], each["rule"]) for each in waiting["refused"]}
        assert rules == {
            flood: ("7.1", "force-majeure (clause 7.1) needs the approval of customer"),
            late: ("4.2", rules[late][1]),
            no: ("7.1", f"refused by {CUSTOMER}: It was dry"),
        }
        assert rules[late][1].startswith("planned-work (clause 4.2) needs 1 h of notice: announced 2026-03-10T")
        await post(house, f"/exclusions/{flood}/approval", CLIENT, {"reason": ""})
        counted = (await explained(house, objective_id="availability"))["objectives"][0]
        assert {each["id"] for each in counted["refused"]} == {late, no}
        (excluded,) = [node for node in nodes(counted["elapsed"]) if node.get("refs") == [f"maintenance:{flood}"]]
        assert excluded["amount"] == "3600000000"
        assert excluded["note"].endswith("force-majeure, clause 7.1, approved by provider and customer")

    run(settings_sqlite, story)


def test_a_closed_month_is_explained_as_it_was_closed_whatever_came_later(settings: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z"))
        await closed(house)
        first = await explained(house)
        assert (first["closed"], first["revision"]) == (True, 1)
        known = instant_text(instant_of(house.clock.now()))
        house.clock.move_to(APRIL_9)
        await house.report(outage("2026-03-20T01:00:00Z", "2026-03-20T01:20:00Z"), source="probe-2")

        async def is_restated() -> bool:
            return bool((await house.assessment("2026-03", CLIENT))["revision"] == 2)

        await until(is_restated)
        second = await explained(house)
        assert [leaf["label"] for leaf in leaves(second["objectives"][0]["proof"])].count("Outage of core-database") == 2
        assert await explained(house, known_at=known) == first

    run(settings, story)


def test_only_who_may_see_the_agreement_is_told_and_only_of_what_is_promised(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        for way in ("explanation", "timeline.svg", "outlook"):
            assert (await house.get(f"{MARCH}/{way}", OUTSIDER)).status_code == 404
            assert (await house.get(f"{MARCH}/{way}", VIEWER)).status_code == 200
            before = await house.get(f"/assessments/{AGREEMENT}/2026-02/{way}", VIEWER)
            assert (before.status_code, before.json()["code"]) == (404, "no-terms-in-force")
            early = await house.get(f"{MARCH}/{way}", VIEWER, known_at="2026-02-01T00:00:00Z")
            assert (early.status_code, early.json()["code"]) == (404, "no-terms-in-force")
        for way in ("explanation", "timeline.svg"):
            unknown = await house.get(f"{MARCH}/{way}", VIEWER, objective_id="speed")
            assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-objective")

    run(settings_sqlite, story)


def test_a_month_is_drawn_one_objective_or_all(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z"))
        one = await house.get(f"{MARCH}/timeline.svg", CLIENT, objective_id="availability")
        assert (one.status_code, one.headers["content-type"]) == (200, "image/svg+xml")
        picture = ElementTree.fromstring(one.text)
        svg = "{http://www.w3.org/2000/svg}"
        assert picture.findtext(f"{svg}title") == "Availability of online banking, 2026-03"
        everything = ElementTree.fromstring((await house.get(f"{MARCH}/timeline.svg", CLIENT)).text)
        inner = everything.findall(f"{svg}svg")
        assert [each.findtext(f"{svg}title") for each in inner] == ["Availability of online banking, 2026-03", "Good requests, 2026-03"]
        tops, heights = ([float(each.attrib[name]) for each in inner] for name in ("y", "height"))
        assert tops == [0, heights[0]]
        assert everything.attrib["viewBox"].split()[3] == f"{sum(heights):g}"

    run(settings_sqlite, story)


# What the leaves rest on


async def reported(house: House, who: Caller = CLIENT, **query: str | int | list[str]) -> Json:
    asked: dict[str, str | int | list[str]] = {"agreement_id": AGREEMENT, "service": "online-banking"}
    asked |= {"start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
    answer = await house.http.get("/v1/observations", params=asked | query, headers=house.bearer(who))
    assert answer.status_code == 200, answer.text
    return answer.json()


def cited(told: Json, objective_id: str = "availability") -> list[list[str]]:
    (objective,) = [each for each in told["objectives"] if each["objective_id"] == objective_id]
    return [leaf.get("refs", []) for leaf in leaves(objective["proof"])]


def test_whoever_may_read_the_agreement_reads_what_a_leaf_rests_on(settings: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(
            outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z", id="o-17"), counter("2026-03-02T00:00:00Z", 995, 1000, id="c")
        )
        (item,) = [item for item in (await reported(house))["items"] if item["observation"]["kind"] == "outage"]
        assert item | {"recorded_at": "", "batch": ""} == {
            "ref": "observation:probe/o-17",
            "source": "probe",
            "batch": "",
            "observation": {
                "kind": "outage",
                "service": "online-banking",
                "component": "core-database",
                "observed_at": "2026-03-09T01:00:00Z",
                "id": "o-17",
                "revision": 1,
                "until": "2026-03-09T01:30:00Z",
                "cause": "",
            },
            "recorded_at": "",
            "reported_by": OPERATOR.subject,
            "reason": "",
        }
        told = await explained(house)
        assert ["observation:probe/o-17"] in cited(told)
        named = {ref for refs in (*cited(told), *cited(told, "requests")) for ref in refs}
        for who in (CLIENT, AUDITING, VIEWER, OPERATOR):
            assert {item["ref"] for item in (await reported(house, who))["items"]} == named

    run(settings, story)


def test_both_doors_tell_the_same_observations_of_every_kind_page_by_page(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        common = {"service": "online-banking", "component": "web", "observed_at": "2026-03-05T01:00:00Z"}
        await house.report(
            {"kind": "status", "state": "up", **common},
            {"kind": "latency", "ms": "12.5", **common},
            {"kind": "counter", "good": 9, "total": 10, **common},
            {"kind": "ticket", "ticket": "INC-1", "state": "opened", "priority": "P1", "order": 3, **common},
            outage("2026-03-09T01:00:00Z"),
        )
        whole = (await reported(house))["items"]
        assert [item["observation"]["kind"] for item in whole] == ["status", "outage", "ticket", "counter", "latency"]
        pages, token = [], ""
        while True:
            page = await reported(house, CLIENT, limit=2, **({"cursor": token} if token else {}))
            pages.append(page["items"])
            if page["next"] is None:
                break
            token = page["next"]
        assert ([len(page) for page in pages], [item for page in pages for item in page]) == ([2, 2, 1], whole)
        found, token = [], ""
        while True:
            request = measurement_pb2.ListObservationsRequest(
                agreement_id=AGREEMENT,
                service="online-banking",
                start="2026-03-01T00:00:00Z",
                end="2026-04-01T00:00:00Z",
                page_size=2,
                page_token=token,
            )
            answer = await house.grpc.ListObservations(request, metadata=house.metadata(CLIENT))
            found += list(answer.observations)
            token = answer.next_page_token
            if not token:
                break
        assert [each.ref for each in found] == [item["ref"] for item in whole]
        assert [each.observation.WhichOneof("value") for each in found] == ["status", "outage", "ticket", "counter", "latency"]
        ticket, latency = found[2].observation, found[4].observation
        assert (ticket.ticket.ticket, ticket.ticket.state, ticket.component) == ("INC-1", "opened", "web")
        assert (latency.latency.ms, latency.observed_at, found[4].source) == ("12.5", "2026-03-05T01:00:00Z", "probe")
        only = await reported(house, component=["core-database", "nothing"])
        assert [item["observation"]["kind"] for item in only["items"]] == ["outage"]

    run(settings_sqlite, story)


def test_what_is_cited_of_a_closed_month_is_what_was_known_then(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z", id="o-1"))
        await closed(house)
        known = instant_text(instant_of(house.clock.now()))
        house.clock.move_to(APRIL_9)
        corrected = outage("2026-03-09T01:00:00Z", "2026-03-09T01:10:00Z", id="o-1") | {"revision": 2}
        headers = house.bearer(OPERATOR) | {"X-Reason": "The clock was wrong"}
        body = {"source": "probe", "observations": [corrected, outage("2026-03-10T01:00:00Z", "2026-03-10T01:10:00Z", id="o-2")]}
        assert (await house.http.post("/v1/observations", json=body, headers=headers)).status_code == 201

        async def is_restated() -> bool:
            return bool((await house.assessment("2026-03", CLIENT))["revision"] == 2)

        await until(is_restated)
        assert [refs for refs in cited(await explained(house)) if len(refs) == 1] == [["observation:probe/o-1"], ["observation:probe/o-2"]]
        before = await explained(house, known_at=known)
        down = [leaf for leaf in leaves(before["objectives"][0]["proof"]) if leaf["label"] == "Outage of core-database"]
        assert [(leaf["amount"], leaf["refs"], leaf["observations"]) for leaf in down] == [("1800000000", ["observation:probe/o-1"], 1)]
        now, then = await reported(house), await reported(house, known_at=known)
        assert [(item["ref"], item["observation"]["until"][11:16], item["reason"]) for item in now["items"]] == [
            ("observation:probe/o-1", "01:10", "The clock was wrong"),
            ("observation:probe/o-2", "01:10", "The clock was wrong"),
        ]
        assert [(item["ref"], item["observation"]["until"][11:16], item["reason"]) for item in then["items"]] == [
            ("observation:probe/o-1", "01:30", "")
        ]

    run(settings_sqlite, story)


def test_the_customers_observations_are_asked_for_by_side(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        theirs = caller(Role.OPERATOR, organisation=CUSTOMER)
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z", id="o"), caller=theirs)
        assert [item["ref"] for item in (await reported(house, MANAGER, side="customer"))["items"]] == ["customer:observation:probe/o"]
        assert (await reported(house, MANAGER))["items"] == []

    run(settings_sqlite, story)


def test_observations_are_refused_to_others_and_in_other_words(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        for who, query, status, told in (
            (OUTSIDER, {}, 404, "agreement-not-found"),
            (CLIENT, {"agreement_id": "5b1c0a52-9a7f-4a35-9d5e-2f0d7f0f9a02"}, 404, "agreement-not-found"),
            (CLIENT, {"service": "another-clients-service"}, 404, "service-not-found"),
            (CLIENT, {"end": "2026-03-01T00:00:00Z"}, 422, "end: must be later than start"),
            (CLIENT, {"end": "2036-03-01T00:00:00Z"}, 422, "by at most five years"),
            (CLIENT, {"side": "auditor"}, 422, "side"),
            (CLIENT, {"component": "a\tb"}, 422, "component: must be text"),
            (CLIENT, {"limit": "201"}, 422, "limit"),
            (CLIENT, {"cursor": "e30"}, 422, "cursor: must be what the page before gave"),
            (CLIENT, {"cursor": "WzEsInAiLCJiIiwwLDEsMl0"}, 422, "cursor: must be what the page before gave"),
            (CLIENT, {"cursor": "!"}, 422, "cursor: must be the `next`"),
        ):
            asked = {"agreement_id": AGREEMENT, "service": "online-banking", "start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
            answer = await house.http.get("/v1/observations", params=asked | query, headers=house.bearer(who))
            problem = answer.json()
            rules = [f"{each['place']}: {each['rule']}" for each in problem.get("violations", [])]
            assert answer.status_code == status, (query, problem)
            assert told in "; ".join([problem["code"], *rules]), (query, problem)
        unsaid = measurement_pb2.ListObservationsRequest(
            agreement_id=AGREEMENT, service="online-banking", start="2026-03-01T00:00:00Z", end="2026-04-01T00:00:00Z", side="auditor"
        )
        with pytest.raises(grpc.aio.AioRpcError, match="side: must be provider or customer, not 'auditor'"):
            await house.grpc.ListObservations(unsaid, metadata=house.metadata(CLIENT))

    run(settings_sqlite, story)


def test_before_and_after_the_agreements_term_only_tickets_are_told(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        common = {"kind": "ticket", "service": "online-banking", "ticket": "INC-1"}
        await house.report(
            outage("2026-02-20T01:00:00Z", "2026-02-20T01:30:00Z"),
            outage("2026-02-28T23:30:00Z", "2026-03-01T00:30:00Z", id="across"),
            counter("2026-02-28T23:59:00Z", 1, 1),
            {**common, "observed_at": "2026-02-20T01:00:00Z", "state": "opened"},
        )
        found = await reported(house, start="2026-02-01T00:00:00Z")
        assert [(item["observation"]["kind"], item["observation"]["id"][:6]) for item in found["items"]] == [
            ("outage", "across"),
            ("ticket", "online"),
        ]

    run(settings_sqlite, story)


# Outlook


def test_an_outlook_tells_rates_alert_and_forecast_of_a_running_month(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-10T11:50:00Z", "2026-03-10T12:00:00Z"))
        told = (await house.get(f"{MARCH}/outlook", CLIENT, known_at=instant_text(instant_of(house.clock.now())))).json()
        time, requests = told["objectives"]
        assert [rate["window_s"] for rate in time["burn_rates"]] == [300, 1800, 3600, 21_600, 259_200]
        assert time["alert"]["severity"] == "page"
        assert (time["alert"]["factor"], time["alert"]["long_window_s"], time["alert"]["short_window_s"]) == ("72/5", 3600, 300)
        assert time["progress"]["if_nothing_else_fails_percent"] == "99.977598"
        low, expected, high = (time["forecast"][name] for name in ("low_percent", "expected_percent", "high_percent"))
        assert float(low) < float(expected) < float(high) == 99.977598
        assert (time["forecast"]["days_seen"], time["forecast"]["confidence_percent"]) == (9, "90")
        assert "alert" not in requests
        request = measurement_pb2.GetOutlookRequest(agreement_id=AGREEMENT, period="2026-03")
        message = await house.grpc.GetOutlook(request, metadata=house.metadata(CLIENT))
        assert message.objectives[0].alert.severity == "page"

    run(settings_sqlite, story)


def test_a_month_that_is_over_burns_nothing_and_is_not_forecast(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        house.clock.move_to(APRIL_2)
        await house.report(outage("2026-03-31T23:50:00Z", "2026-04-01T00:00:00Z"))
        await closed(house)
        (time, _) = (await house.get(f"{MARCH}/outlook", CLIENT)).json()["objectives"]
        assert (time["burn_rates"], "alert" in time, "forecast" in time) == ([], False, False)
        assert time["progress"]["to_date_percent"] == "99.977598"

    run(settings_sqlite, story)


def test_a_burning_budget_is_published_once(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-10T11:55:00Z", "2026-03-10T12:00:00Z"))
        (message,) = await house.published(1)
        burning = events_pb2.ObjectiveBurning.FromString(message.data)
        assert message.subject.endswith(".objective-burning")
        assert (burning.objective_id, burning.period, burning.alert.severity) == ("availability", "2026-03", "page")
        assert burning.result.objective_id == "availability"
        await house.report(outage("2026-03-10T11:54:00Z", "2026-03-10T11:55:00Z"))
        await until(lambda: _nothing_is_marked(house))
        assert await house.events() == ["objective-burning"]

    run(settings_sqlite, story)


# Preview


def test_other_terms_are_tried_on_every_month_they_touch_and_nothing_is_written(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z"))
        await closed(house)
        stated = await house.assessment("2026-03", CLIENT)
        told = await previewed(house, document=amendment())
        march, april = told["periods"]
        assert (march["period"], march["closed"], march["moves"]) == ("2026-03", True, True)
        assert (march["credit_before"], march["credit_after"], march["credit_difference"]) == ("0.00", "1000.00", "1000.00")
        figure = next(each for each in march["objectives"] if each["objective_id"] == "availability")
        assert (figure["before"]["verdict"], figure["after"]["verdict"]) == ("met", "breached")
        assert (figure["before"]["attainment_percent"], figure["after"]["attainment_percent"]) == ("99.932795", "99.932795")
        assert not next(each for each in march["objectives"] if each["objective_id"] == "requests")["moves"]
        assert (april["period"], april["closed"]) == ("2026-04", False)
        assert (told["approval_needed"], told["closed_periods"]) == (True, ["2026-03"])
        assert told["approval"] == "signatures of both parties"
        for who in (CLIENT, AUDITING):
            assert (await previewed(house, who, document=amendment()))["periods"][0] == march
        later = await previewed(house, document=amendment(), effective_on="2026-04-01")
        assert ([each["period"] for each in later["periods"]], later["approval_needed"]) == (["2026-04"], False)
        assert await house.assessment("2026-03", CLIENT) == stated
        assert "period-restated" not in await house.events()

    run(settings_sqlite, story)


def test_an_exclusion_is_tried_as_if_it_were_approved(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T02:00:00Z"))
        await closed(house)
        flood = {
            "exclusion_class": "force-majeure",
            "service": "online-banking",
            "start": "2026-03-09T01:00:00Z",
            "end": "2026-03-09T02:00:00Z",
        }
        told = await previewed(house, CLIENT, exclusion=flood)
        march = told["periods"][0]
        assert (march["credit_before"], march["credit_after"], march["credit_difference"]) == ("1000.00", "0.00", "-1000.00")
        assert (told["closed_periods"], told["approval"], told["refused"]) == (["2026-03"], "by both parties: 2026-03 was closed", [])
        late = await previewed(house, exclusion={**flood, "exclusion_class": "planned-work"})
        assert (late["approval_needed"], late["periods"][0]["moves"]) == (False, False)
        assert "needs 1 h of notice" in late["refused"][0]["rule"]
        assert (await house.get("/exclusions", CLIENT, agreement_id=AGREEMENT)).json()["items"] == []
        request = measurement_pb2.PreviewChangeRequest(agreement_id=AGREEMENT, exclusion=measurement_pb2.PreviewedExclusion(**flood))
        message = await house.grpc.PreviewChange(request, metadata=house.metadata(AUDITING))
        assert message.periods[0].credit_difference == "-1000.00"

    run(settings_sqlite, story)


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({}, 422, "needs a document, an exclusion or a calculator_version"),
        ({"calculator_version": "99"}, 404, "unknown-calculator"),
        ({"document": "upheld: terms/v1"}, 422, "objectives"),
        ({"document": amendment(customer="somebody-else")}, 422, "must be between the parties of the agreement"),
        ({"document": amendment(), "effective_on": "2026-02-28"}, 422, "must not be before the agreement's first day"),
        ({"document": amendment(), "effective_on": "soon"}, 422, "effective_on"),
        ({"exclusion": {"exclusion_class": "war", "service": "online-banking"}}, 422, "tickets"),
        ({"exclusion": {"exclusion_class": "war", "service": "online-banking", "start": "2026-03-09T01:00:00Z"}}, 422, "exclusion.end"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_a_change_without_sense_is_refused(settings_sqlite: Settings, change: Mapping[str, object], status: int, told: str) -> None:
    async def story(house: House) -> None:
        answer = await post(house, "/previews", MANAGER, {"agreement_id": AGREEMENT, **change})
        assert answer.status_code == status, answer.text
        assert told in answer.text

    run(settings_sqlite, story)


def test_previews_are_for_the_parties_managers_and_auditors(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        body = {"agreement_id": AGREEMENT, "calculator_version": "1"}
        assert (await post(house, "/previews", OUTSIDER, body)).status_code == 404
        assert (await post(house, "/previews", OPERATOR, body)).status_code == 403
        assert (await post(house, "/previews", VIEWER, body)).status_code == 403
        told = await previewed(house, AUDITING, calculator_version="1")
        assert told["approval"] == "none: a closed month keeps the calculator that it was closed with"
        assert not any(period["moves"] for period in told["periods"])

    run(settings_sqlite, story)


# Two calculators that differ


class OnlyDesk:
    """Has one agreement, and reads no terms."""

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement

    async def agreement(self, agreement_id: str) -> Agreement:
        assert agreement_id == self._agreement.id
        return self._agreement

    async def read_terms(self, document: str) -> terms_pb2.Terms:
        raise AssertionError(f"nobody asked for {document}")


def counting_half(
    *,
    agreement_id: str,
    terms: Sequence[TermsInForce],
    evidence: Mapping[str, Evidence],
    month: Period,
    measured_until: Instant,
    booked: Sequence[BookedCredit],
) -> Assessment:
    """A calculator to which only every other good unit is good."""
    found = CALCULATORS[CALCULATOR_VERSION](
        agreement_id=agreement_id,
        terms=terms,
        evidence=evidence,
        month=month,
        measured_until=measured_until,
        booked=booked,
    )
    return replace(found, objectives=tuple(replace(each, good=each.good // 2) for each in found.objectives))


def judge_of(
    calculators: Mapping[str, Calculator], database: Database, events: EventStore[Stored], clock: MovableClock
) -> tuple[Measurement, Inquiry]:
    signed = SignedTerms(
        version=1, effective_on=parse_day("2026-03-01", place=""), message=terms(), recorded_at=parse_instant(SIGNED, place="")
    )
    desk = OnlyDesk(Agreement(id=AGREEMENT, versions=(signed,)))
    judgements: Repository[Judgement, Stored] = Repository(events, _evolve)
    measurement = Measurement(database=database, judgements=judgements, desk=desk, clock=clock, calculators=calculators)
    return measurement, Inquiry(
        database=database, judgements=judgements, measurement=measurement, reader=desk, clock=clock, calculators=calculators
    )


def _evolve(state: Judgement | None, recorded: Recorded[Stored]) -> Judgement:
    assert isinstance(recorded.event, Event)
    return evolve(state, recorded.event)


def batch(*observations: dict[str, object], source: str, now: datetime) -> Batch:
    return read_json(json.dumps({"source": source, "observations": observations}).encode(), now=instant_of(now))


def acting(who: Caller, clock: MovableClock) -> Context:
    return Context(caller=who, recorded_at=clock.now(), correlation_id="c")


def test_a_closed_month_keeps_its_calculator_and_is_not_explained_by_another(settings_sqlite: Settings) -> None:
    async def story() -> None:
        clock = MovableClock(APRIL_2)
        events = EventStore[Stored].open("measurement", settings_sqlite, Registry(STORED))
        database = Database.open("measurement", settings_sqlite, METADATA)
        old, asked_then = judge_of(CALCULATORS, database, events, clock)
        march = Month(2026, 3)
        seen = batch(counter("2026-03-02T00:00:00Z", 999, 1000), source="probe", now=clock.now())
        await old.visible(AGREEMENT, MANAGER)
        await old.report(seen, context=acting(OPERATOR, clock))
        first = await old.close_period(AGREEMENT, march, context=acting(MANAGER, clock))
        assert first["calculator_version"] == CALCULATOR_VERSION
        explained = await asked_then.explanation(AGREEMENT, march, caller=CLIENT)

        both, asked_now = judge_of({**CALCULATORS, "1": counting_half}, database, events, clock)
        clock.move_to(APRIL_9)
        await both.report(batch(counter("2026-03-03T00:00:00Z", 1, 1000), source="late", now=clock.now()), context=acting(OPERATOR, clock))
        await both.assess_marked()
        second: Json = await both.assessment(AGREEMENT, march, caller=CLIENT)
        assert (second["revision"], second["calculator_version"]) == (2, CALCULATOR_VERSION)
        assert second["objectives"][1]["good"] == "1000"
        assert (
            await asked_now.explanation(AGREEMENT, march, known_at=instant_of(APRIL_2 + timedelta(minutes=5)), caller=CLIENT) == explained
        )

        _, forged = judge_of({CALCULATOR_VERSION: counting_half}, database, events, clock)
        with pytest.raises(FiguresNotReproduced):
            await forged.explanation(AGREEMENT, march, caller=CLIENT)
        await events.close()
        await database.close()

    asyncio.run(story())
