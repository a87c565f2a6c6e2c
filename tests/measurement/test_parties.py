"""What the parties add, through the real doors: exclusions claimed and decided on, disputes seen and settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import httpx2
import pytest
from upheld.agreements.v1 import events_pb2 as agreement_events
from upheld.agreements.v1 import terms_pb2
from upheld.measurement.v1 import events_pb2, measurement_pb2

from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.settings import Settings
from services.measurement.party_facts import ExclusionClaimed, stream_of
from services.measurement.stored import STORED, Stored
from services.vocabulary.identity import Caller, Role
from services.vocabulary.period import MINUTE, parse_instant
from tests.measurement.house import House, Json, house, until
from tests.measurement.promise import (
    AGREEMENT,
    APRIL_9,
    AUDITING,
    CLIENT,
    CUSTOMER,
    MANAGER,
    OPERATOR,
    OUTSIDER,
    PROVIDER,
    SIGNED,
    caller,
    outage,
    terms,
    ticket,
    version,
)

CLIENT_OPERATOR = caller(Role.OPERATOR, organisation=CUSTOMER)
NOBODY = "00000000-0000-4000-8000-000000000000"
Story = Callable[[House], Awaitable[None]]


def agreed(*, disputes: str = "") -> terms_pb2.Terms:
    message = terms()
    message.zone = "UTC"
    message.disputes = disputes
    message.objectives[0].decimals = 6
    message.exclusion_classes.add(id="planned-work", clause="4.2", approval="none", notice_s=3600)
    message.exclusion_classes.add(id="force-majeure", clause="7.1", approval="customer")
    message.exclusion_classes.add(id="migration", approval="both")
    message.exclusion_classes.add(id="power-cut", clause="7.3", approval="none")
    return message


def with_desk() -> terms_pb2.Terms:
    """And tickets resolved within eight hours."""
    message = agreed()
    message.services.add(id="desk")
    message.objectives.add(
        id="resolution",
        name="Tickets resolved",
        service="desk",
        indicator=terms_pb2.Indicator(resolution_time=terms_pb2.ResolutionTime(within_s=8 * 3600)),
        comparison=">=",
        target_percent="90",
        decimals=2,
    )
    return message


def run(settings: Settings, story: Story, *, disputes: str = "", terms: terms_pb2.Terms | None = None) -> None:
    """With the agreement in force."""

    async def told() -> None:
        async with house(settings) as opened:
            message = terms or agreed(disputes=disputes)
            opened.agreements.versions = [version(message=message)]
            await opened.activate(
                agreement_events.AgreementActivated(
                    agreement_id=AGREEMENT, terms_version=1, terms=message, effective_on="2026-03-01", recorded_at=SIGNED
                )
            )
            await story(opened)

    asyncio.run(told())


async def post(house: House, path: str, who: Caller, body: object, *, key: str = "") -> httpx2.Response:
    headers = house.bearer(who) | ({"Idempotency-Key": key} if key else {})
    return await house.http.post(f"/v1{path}", json=body, headers=headers)


async def claim(house: House, who: Caller = MANAGER, *, key: str = "", **changed: object) -> httpx2.Response:
    """An hour of the ninth."""
    body = {
        "agreement_id": AGREEMENT,
        "exclusion_class": "force-majeure",
        "service": "online-banking",
        "components": [],
        "start": "2026-03-09T01:00:00Z",
        "end": "2026-03-09T02:00:00Z",
        "reason": "Flood",
    }
    return await post(house, "/exclusions", who, body | changed, key=key)


async def settle(house: House, who: Caller = AUDITING, *, key: str = "", **changed: object) -> httpx2.Response:
    body = {
        "agreement_id": AGREEMENT,
        "objective_id": "availability",
        "start": "2026-03-09T01:00:00Z",
        "end": "2026-03-09T01:20:00Z",
        "down": True,
        "reason": "Logs of the load balancer",
    }
    return await post(house, "/disputes/settlements", who, body | changed, key=key)


async def disputes(house: House, **query: str) -> Json:
    answer = await house.get("/disputes", AUDITING, agreement_id=AGREEMENT, period="2026-03", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def figure(house: House, period: str = "2026-03") -> str:
    percent: str = (await house.assessment(period, CLIENT))["objectives"][0]["attainment_percent"]
    return percent


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# -------------------------------------------------------------------------------------------------------------- exclusions


def test_an_approved_exclusion_is_taken_out_of_the_figure(settings: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T00:30:00Z", "2026-03-09T01:30:00Z"))
        house.clock.move_to(APRIL_9)
        assert await figure(house) == "99.865591"
        claimed = await claim(house)
        assert claimed.status_code == 201, claimed.text
        assert (claimed.json()["status"], claimed.json()["awaits"], claimed.json()["subject"]) == ("pending", [CUSTOMER], MANAGER.subject)
        assert await figure(house) == "99.865591"
        approved = await post(house, f"/exclusions/{claimed.json()['id']}/approval", CLIENT, {})
        assert (approved.status_code, approved.json()["status"]) == (200, "approved"), approved.text
        await until(lambda: _shows(house, "99.932705"))

    run(settings, story)


def test_every_step_is_published_under_the_providers_organisation(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        first, second = [(await claim(house)).json()["id"] for _ in range(2)]
        await post(house, f"/exclusions/{first}/refusal", CLIENT, {"reason": "It was dry"})
        await post(house, f"/exclusions/{second}/withdrawal", MANAGER, {"reason": "Twice"})
        await settle(house)
        messages = await house.published(5)
        assert [message.subject.rpartition(".")[2] for message in messages] == [
            "exclusion-claimed",
            "exclusion-claimed",
            "exclusion-refused",
            "exclusion-withdrawn",
            "dispute-settled",
        ]
        assert {message.subject.split(".")[2] for message in messages} == {PROVIDER}
        refused = events_pb2.ExclusionDecided.FromString(messages[2].data)
        assert (refused.exclusion_id, refused.decision, refused.organisation, refused.reason) == (first, "refused", CUSTOMER, "It was dry")
        settled = events_pb2.DisputeSettled.FromString(messages[4].data)
        assert (settled.objective_id, settled.down, settled.customer) == ("availability", True, CUSTOMER)

    run(settings_sqlite, story, disputes="auditor")


def test_a_repeat_with_its_key_claims_and_decides_once(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        first = await claim(house, key="k-1")
        assert (await claim(house, key="k-1")).json() == first.json()
        other = await claim(house, key="k-2", reason="Storm")
        assert other.json()["id"] != first.json()["id"]
        assert refusal(await claim(house, key="k-1", reason="Storm")) == (409, "idempotency-key-reused")
        path = f"/exclusions/{first.json()['id']}/approval"
        approved = await post(house, path, CLIENT, {}, key="k-3")
        assert (await post(house, path, CLIENT, {}, key="k-3")).json() == approved.json()
        assert refusal(await post(house, path, CLIENT, {}, key="k-4")) == (409, "exclusion-already-decided")
        listed = (await house.get("/exclusions", AUDITING, agreement_id=AGREEMENT)).json()["items"]
        assert [(each["id"], each["status"]) for each in listed] == [(first.json()["id"], "approved"), (other.json()["id"], "pending")]

    run(settings_sqlite, story)


def test_what_a_crash_kept_from_being_copied_is_copied_afterwards(settings: Settings) -> None:
    async def story(house: House) -> None:
        log = EventStore[Stored].open("measurement", house.platform.settings, Registry(STORED))
        try:
            fact = ExclusionClaimed(
                exclusion_id=NOBODY,
                agreement_id=AGREEMENT,
                provider=PROVIDER,
                customer=CUSTOMER,
                exclusion_class="force-majeure",
                service="online-banking",
                components=(),
                start=parse_instant("2026-03-09T01:00:00Z", place="test"),
                end=parse_instant("2026-03-09T02:00:00Z", place="test"),
                reason="Flood",
                claimed_by=PROVIDER,
            )
            context = Context(caller=MANAGER, recorded_at=house.clock.now(), correlation_id="before-the-crash")
            await log.append(stream_of(AGREEMENT), expected_version=0, events=[fact], context=context)
        finally:
            await log.close()

        async def is_listed() -> bool:
            return bool((await house.get("/exclusions", CLIENT, agreement_id=AGREEMENT)).json()["items"])

        await until(is_listed)
        approved = await post(house, f"/exclusions/{NOBODY}/approval", CLIENT, {})
        assert approved.json()["status"] == "approved"

    run(settings, story)


def test_exclusions_are_listed_page_by_page_and_as_they_were_known(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        ids = [(await claim(house, reason=reason)).json()["id"] for reason in ("Flood", "Storm", "Quake")]
        first = await house.get("/exclusions", CLIENT, agreement_id=AGREEMENT, limit="2")
        rest = await house.get("/exclusions", CLIENT, agreement_id=AGREEMENT, limit="2", cursor=first.json()["next"])
        assert [each["id"] for each in (*first.json()["items"], *rest.json()["items"])] == ids
        assert rest.json()["next"] is None
        early = await house.get("/exclusions", CLIENT, agreement_id=AGREEMENT, known_at="2026-03-10T11:59:59Z")
        assert early.json()["items"] == []
        assert refusal(await house.get("/exclusions", CLIENT, agreement_id=AGREEMENT, cursor="eA")) == (422, "invalid-input")

    run(settings_sqlite, story)


def test_foreign_and_absent_exclusions_look_the_same(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        claimed = (await claim(house)).json()["id"]
        for step in ("approval", "refusal", "withdrawal"):
            for who, exclusion_id in ((OUTSIDER, claimed), (CLIENT, NOBODY), (CLIENT, "none")):
                answer = await post(house, f"/exclusions/{exclusion_id}/{step}", who, {"reason": "No"})
                assert refusal(answer) == (404, "exclusion-not-found")
        assert refusal(await claim(house, OUTSIDER)) == (404, "agreement-not-found")
        assert refusal(await house.get("/exclusions", OUTSIDER, agreement_id=AGREEMENT)) == (404, "agreement-not-found")
        assert refusal(await claim(house, OPERATOR)) == (403, "role-not-permitted")
        auditors_manager = caller(Role.SERVICE_MANAGER, organisation=AUDITING.organisation)
        assert refusal(await claim(house, auditors_manager)) == (403, "not-a-party")

    run(settings_sqlite, story)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"exclusion_class": "bad-luck"}, "exclusion-class-unknown"),
        ({"service": "desk"}, "exclusion-service-unknown"),
        ({"components": ["printer"]}, "exclusion-component-unknown"),
        ({"end": "2026-03-09T01:00:00Z"}, "end-not-after-start"),
        ({"end": "2027-03-11T01:00:00Z"}, "longer-than-a-year"),
        ({"start": "2026-02-28T23:59:59Z"}, "outside-the-term"),
        ({"reason": ""}, "reason-missing"),
        ({"start": "yesterday"}, "invalid-input"),
        ({"start": ""}, "invalid-input"),
        ({"start": "", "end": ""}, "tickets-or-time"),
        ({"tickets": ["INC-7"]}, "tickets-or-time"),
        ({"tickets": ["INC-7"], "start": "", "end": "", "components": ["web"]}, "tickets-or-time"),
        ({"tickets": [" "], "start": "", "end": ""}, "ticket-without-name"),
    ],
)
def test_a_claim_that_breaks_a_rule_is_refused_by_name(changed: dict[str, Any], code: str, settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        assert refusal(await claim(house, **changed)) == (422, code)

    run(settings_sqlite, story)


async def claim_tickets(house: House, *tickets: str, who: Caller = MANAGER, exclusion_class: str = "power-cut") -> Json:
    answer = await claim(house, who, exclusion_class=exclusion_class, service="desk", start="", end="", tickets=list(tickets))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def three_tickets(house: House) -> None:
    """All opened on the second; INC-1 is resolved in time, INC-2 late, INC-3 never."""
    steps = [ticket("2026-03-02T08:00:00Z", "opened", number=each) for each in ("INC-1", "INC-2", "INC-3")]
    resolved = [ticket("2026-03-02T09:00:00Z", "resolved", number="INC-1"), ticket("2026-03-03T09:00:00Z", "resolved", number="INC-2")]
    answer = await house.report(*steps, *resolved)
    assert answer.status_code == 201, answer.text


async def resolution(house: House) -> Json:
    return (await house.assessment("2026-03", CLIENT))["objectives"][2]


def test_tickets_are_taken_out_of_the_figure_at_once_where_their_ground_asks_nobody(settings: Settings) -> None:
    """One of three met is 33.33 %; without INC-2 one of two."""

    async def story(house: House) -> None:
        await three_tickets(house)
        assert ((await resolution(house))["good"], (await resolution(house))["attainment_percent"]) == ("1", "33.33")
        claimed = await claim_tickets(house, "INC-2")
        assert (claimed["status"], claimed["awaits"], claimed["tickets"]) == ("approved", [], ["INC-2"])
        assert (claimed["start"], claimed["end"], claimed["components"]) == ("", "", [])
        told = await resolution(house)
        assert (told["good"], told["whole"], told["attainment_percent"]) == ("1", "2", "50.00")
        verdicts = {each["ticket"]: (each["verdict"], each["excluded_by"]) for each in told["tickets"]}
        words = f"claim {claimed['id']}, power-cut, clause 7.3, approved by provider"
        assert verdicts == {"INC-1": ("met", ""), "INC-2": ("excluded", words), "INC-3": ("missed", "")}
        span = {"start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
        measured = (await house.get(f"/measurements/{AGREEMENT}/resolution", CLIENT, **span)).json()
        assert (measured["good"], measured["whole"]) == ("1", "2")

    run(settings, story, terms=with_desk())


def test_an_exclusion_of_tickets_is_approved_refused_and_withdrawn_as_one_of_time(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await three_tickets(house)
        asked, no, back = [await claim_tickets(house, each, exclusion_class="force-majeure") for each in ("INC-2", "INC-3", "INC-3")]
        assert (asked["status"], asked["awaits"]) == ("pending", [CUSTOMER])
        await post(house, f"/exclusions/{no['id']}/refusal", CLIENT, {"reason": "It was dry"})
        await post(house, f"/exclusions/{back['id']}/withdrawal", MANAGER, {"reason": "Twice"})
        assert (await resolution(house))["whole"] == "3"
        why = await house.get(f"/assessments/{AGREEMENT}/2026-03/explanation", CLIENT, objective_id="resolution")
        rules = {each["id"]: (each["tickets"], each["start"], each["rule"]) for each in why.json()["objectives"][0]["refused"]}
        assert rules == {
            asked["id"]: (["INC-2"], "", "force-majeure (clause 7.1) needs the approval of customer"),
            no["id"]: (["INC-3"], "", f"refused by {CUSTOMER}: It was dry"),
        }
        await post(house, f"/exclusions/{asked['id']}/approval", CLIENT, {})
        assert (await resolution(house))["whole"] == "2"
        why = await house.get(f"/assessments/{AGREEMENT}/2026-03/explanation", CLIENT, objective_id="resolution")
        (left_out,) = [each for each in why.json()["objectives"][0]["proof"]["children"] if each["label"].startswith("Left out")]
        (out,) = left_out["children"]
        assert (out["label"], out["amount"], out["refs"][0]) == ("Ticket INC-2, excluded", "0", "ticket:INC-2")
        assert left_out["children"][0]["note"].endswith(
            f"claim {asked['id']}, force-majeure, clause 7.1, approved by provider and customer"
        )
        events = [message for message in await house.published(6) if message.subject.endswith("exclusion-claimed")]
        told = events_pb2.ExclusionClaimed.FromString(events[0].data)
        assert (list(told.tickets), told.start, told.end) == (["INC-2"], "", "")

    run(settings_sqlite, story, terms=with_desk())


def test_tickets_are_claimed_and_tried_over_grpc(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await three_tickets(house)
        asked = measurement_pb2.PreviewedExclusion(exclusion_class="force-majeure", service="desk", tickets=["INC-2", "INC-3"])
        request = measurement_pb2.PreviewChangeRequest(agreement_id=AGREEMENT, exclusion=asked)
        tried = await house.grpc.PreviewChange(request, metadata=house.metadata(CLIENT))
        (moved,) = [each for each in tried.periods[0].objectives if each.moves]
        assert (moved.objective_id, moved.before.attainment_percent, moved.after.attainment_percent) == ("resolution", "33.33", "100.00")
        assert (tried.approval, list(tried.closed_periods), list(tried.refused)) == ("by class force-majeure: customer", [], [])
        claimed = await house.grpc.ClaimExclusion(
            measurement_pb2.ClaimExclusionRequest(
                agreement_id=AGREEMENT, exclusion_class="power-cut", service="desk", tickets=["INC-3"], reason="No power"
            ),
            metadata=house.metadata(CLIENT),
        )
        assert (claimed.status, list(claimed.tickets), claimed.start, claimed.end) == ("approved", ["INC-3"], "", "")
        assert (await resolution(house))["whole"] == "2"

    run(settings_sqlite, story, terms=with_desk())


def test_the_same_over_grpc(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        claimed = await house.grpc.ClaimExclusion(
            measurement_pb2.ClaimExclusionRequest(
                agreement_id=AGREEMENT,
                exclusion_class="migration",
                service="online-banking",
                components=["web"],
                start="2026-03-09T01:00:00Z",
                end="2026-03-09T02:00:00Z",
                reason="Move",
            ),
            metadata=house.metadata(CLIENT),
        )
        assert (claimed.status, list(claimed.awaits)) == ("pending", [PROVIDER])
        approval = measurement_pb2.ApproveExclusionRequest(exclusion_id=claimed.id, reason="Agreed")
        approved = await house.grpc.ApproveExclusion(approval, metadata=house.metadata(MANAGER))
        assert (approved.status, approved.decisions[0].reason) == ("approved", "Agreed")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await house.grpc.RefuseExclusion(
                measurement_pb2.RefuseExclusionRequest(exclusion_id=claimed.id, reason="No"), metadata=house.metadata(MANAGER)
            )
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        with pytest.raises(grpc.aio.AioRpcError):
            await house.grpc.WithdrawExclusion(
                measurement_pb2.WithdrawExclusionRequest(exclusion_id=claimed.id, reason="No"), metadata=house.metadata(MANAGER)
            )
        listed = await house.grpc.ListExclusions(
            measurement_pb2.ListExclusionsRequest(agreement_id=AGREEMENT, page_size=1), metadata=house.metadata(AUDITING)
        )
        assert ([each.id for each in listed.exclusions], listed.next_page_token) == ([claimed.id], "")
        settlement = measurement_pb2.SettleDisputeRequest(
            agreement_id=AGREEMENT,
            objective_id="availability",
            start="2026-03-09T01:00:00Z",
            end="2026-03-09T01:20:00Z",
            down=True,
            reason="Logs",
        )
        assert (await house.grpc.SettleDispute(settlement, metadata=house.metadata(AUDITING))).settled_by == AUDITING.organisation
        found = await house.grpc.ListDisputes(
            measurement_pb2.ListDisputesRequest(agreement_id=AGREEMENT, period="2026-03"), metadata=house.metadata(AUDITING)
        )
        assert [each.customer_reported for each in found.objectives] == [False]

    run(settings_sqlite, story, disputes="auditor")


# ---------------------------------------------------------------------------------------------------------------- disputes


async def two_readings(house: House) -> None:
    """The provider says 01:00–01:30, the customer 01:10–01:50; both components report."""
    up = [outage("2026-03-02T00:00:00Z", "2026-03-02T00:00:01Z", component=each) for each in ("web", "core-database")]
    await house.report(*up, outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z"))
    answer = await house.report(*up, outage("2026-03-09T01:10:00Z", "2026-03-09T01:50:00Z"), caller=CLIENT_OPERATOR, source="their-probe")
    assert answer.status_code == 201, answer.text


def test_both_readings_are_told_with_what_is_in_dispute(settings: Settings) -> None:
    async def story(house: House) -> None:
        await two_readings(house)
        (found,) = (await disputes(house))["objectives"]
        assert (found["rule"], found["customer_reported"]) == ("auditor", True)
        assert (found["provider_down_us"], found["customer_down_us"]) == (30 * MINUTE + 1_000_000, 40 * MINUTE + 1_000_000)
        assert [(each["start"], each["end"], each["said_down_by"], each["status"], each["down"]) for each in found["disputes"]] == [
            ("2026-03-09T01:00:00Z", "2026-03-09T01:10:00Z", "provider", "open", True),
            ("2026-03-09T01:30:00Z", "2026-03-09T01:50:00Z", "customer", "open", False),
        ]
        assert (await disputes(house))["open_us"] == 30 * MINUTE

    run(settings, story, disputes="auditor")


def test_an_auditor_settles_part_of_a_dispute_and_the_figure_follows(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await two_readings(house)
        house.clock.move_to(APRIL_9)
        await until(lambda: _shows(house, "99.932758"))
        settled = await settle(house, start="2026-03-09T01:30:00Z", end="2026-03-09T01:40:00Z", key="k-1")
        assert settled.status_code == 201, settled.text
        assert (await settle(house, start="2026-03-09T01:30:00Z", end="2026-03-09T01:40:00Z", key="k-1")).json() == settled.json()
        found = await disputes(house)
        assert (found["open_us"], found["settled_us"]) == (20 * MINUTE, 10 * MINUTE)
        judged = [(each["status"], each["down"], each["settled_by"], each["reason"]) for each in found["objectives"][0]["disputes"]]
        assert judged[1] == ("settled", True, AUDITING.organisation, "Logs of the load balancer")
        await until(lambda: _shows(house, "99.910356"))
        assert (await disputes(house, known_at="2026-03-31T00:00:00Z"))["settled_us"] == 0

    run(settings_sqlite, story, disputes="auditor")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("", "99.932758"), ("provider", "99.932758"), ("customer", "99.910356"), ("either-down", "99.887955"), ("both-down", "99.955159")],
)
def test_a_rule_of_the_terms_makes_one_figure(rule: str, expected: str, settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await two_readings(house)
        house.clock.move_to(APRIL_9)
        assert await figure(house) == expected
        judged = (await disputes(house))["objectives"][0]
        assert {each["status"] for each in judged["disputes"]} == {"by-rule"}
        span = {"start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
        measured = await house.get(f"/measurements/{AGREEMENT}/availability", CLIENT, **span)
        assert measured.json()["attainment_percent"] == expected
        assert refusal(await settle(house)) == (409, "disputes-settled-by-rule")

    run(settings_sqlite, story, disputes=rule)


def test_what_the_customer_reports_under_its_rule_restates_a_closed_month(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z"))
        house.clock.move_to(APRIL_9)
        await until(lambda: _told(house, "period-closed"))
        up = outage("2026-03-02T00:00:00Z", "2026-03-02T00:00:01Z", component="web")
        theirs = outage("2026-03-09T01:10:00Z", "2026-03-09T02:10:00Z")
        await house.report(up, theirs, caller=CLIENT_OPERATOR, source="their-probe")
        await until(lambda: _told(house, "period-restated"))
        restated = await house.assessment("2026-03", CLIENT)
        assert restated["objectives"][0]["outages"][-1]["end"] == "2026-03-09T02:10:00Z"

    run(settings_sqlite, story, disputes="either-down")


def test_only_a_named_auditor_in_that_role_settles(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        assert refusal(await settle(house, CLIENT)) == (403, "role-not-permitted")
        assert refusal(await settle(house, caller(Role.AUDITOR, organisation=CUSTOMER))) == (403, "not-an-auditor")
        assert refusal(await settle(house, caller(Role.AUDITOR, organisation="elsewhere"))) == (404, "agreement-not-found")
        assert refusal(await settle(house, objective_id="requests")) == (409, "objective-without-readings")
        assert refusal(await settle(house, reason="")) == (422, "reason-missing")
        foreign = await house.get("/disputes", OUTSIDER, agreement_id=AGREEMENT, period="2026-03")
        assert refusal(foreign) == (404, "agreement-not-found")

    run(settings_sqlite, story, disputes="auditor")


async def _told(house: House, event: str) -> bool:
    return event in await house.events()


async def _shows(house: House, percent: str) -> bool:
    """A month that has closed meanwhile is restated a moment later."""
    return await figure(house) == percent
