"""Two times: what is learned after a close restates the month, names its cause and what it costs, and changes no byte of what was said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from upheld.agreements.v1 import agreements_pb2, terms_pb2
from upheld.agreements.v1 import events_pb2 as agreement_events
from upheld.measurement.v1 import events_pb2

from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, Role
from services.vocabulary.period import MINUTE, instant_of, instant_text
from tests.measurement.house import House, Json, house, until
from tests.measurement.promise import AGREEMENT, APRIL_9, CLIENT, CUSTOMER, MANAGER, PROVIDER, SIGNED, caller, outage, version
from tests.measurement.test_doors import _nothing_is_marked
from tests.measurement.test_parties import agreed, claim, post, refusal, settle

CORRECTOR = caller(Role.OPERATOR)
MARCH = "2026-03"
MARCH_31 = datetime(2026, 3, 31, 12, tzinfo=UTC)


def promised(*, disputes: str = "") -> terms_pb2.Terms:
    """As the parties' tests have it, without the requests: 44,640 minutes in UTC, 10 % of 10,000.00 below 99.9."""
    message = agreed(disputes=disputes)
    del message.objectives[1:]
    return message


def desk() -> terms_pb2.Terms:
    """Tickets resolved within eight hours of Mon–Fri 09–17 in Berlin."""
    message = promised()
    message.services.add(id="desk")
    message.calendars.add(
        id="office", zone="Europe/Berlin", hours=[{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}]
    )
    message.objectives.add(
        id="resolution",
        name="Tickets resolved",
        service="desk",
        indicator=terms_pb2.Indicator(resolution_time=terms_pb2.ResolutionTime(within_s=8 * 3600, hours="office")),
        comparison=">=",
        target_percent="90",
        decimals=2,
        credits=[terms_pb2.CreditTier(below_percent="90", credit_percent="5")],
    )
    return message


class Told:
    """A closed month in a house, and what was said of it each time."""

    def __init__(self, house: House, period: str) -> None:
        self.house = house
        self.period = period
        self.said: list[tuple[str, bytes]] = []

    async def remember(self) -> Json:
        """What is said now, with an instant at which it was known; time goes on afterwards."""
        await until(lambda: _nothing_is_marked(self.house))
        answer = await self._asked()
        self.said.append((instant_text(instant_of(self.house.clock.now())), answer.content))
        self.house.clock.move_to(self.house.clock.now().replace(minute=self.house.clock.now().minute + 1))
        return answer.json()

    async def restated(self, revision: int) -> Json:
        """The new document, once it is there; every older one is still served, byte by byte, under the instants it was known at."""
        await until(lambda: self._has(revision))
        for known_at, content in self.said:
            assert (await self._asked(known_at=known_at)).content == content
        return (await self._asked()).json()

    async def event(self) -> events_pb2.PeriodRestated:
        """The last restatement as it was published."""
        await until(lambda: self._is_published("period-restated"))
        names = await self.house.events()
        last = len(names) - 1 - names[::-1].index("period-restated")
        return events_pb2.PeriodRestated.FromString((await self.house.published(last + 1))[last].data)

    async def _asked(self, **query: str) -> Json:
        answer = await self.house.get(f"/assessments/{AGREEMENT}/{self.period}", CLIENT, **query)
        assert answer.status_code == 200, answer.text
        return answer

    async def _has(self, revision: int) -> bool:
        return bool((await self._asked()).json()["revision"] == revision)

    async def _is_published(self, event: str) -> bool:
        return event in await self.house.events()


Story = Callable[[Told], Awaitable[None]]


def run(settings: Settings, story: Story, *, terms: terms_pb2.Terms | None = None, period: str = MARCH, reports: Json = ()) -> None:
    """With March closed at 30 bad minutes of 44,640."""

    async def told() -> None:
        async with house(settings, now=MARCH_31) as opened:
            message = terms or promised()
            opened.agreements.versions = [version(message=message)]
            await opened.activate(
                agreement_events.AgreementActivated(
                    agreement_id=AGREEMENT, terms_version=1, terms=message, effective_on="2026-03-01", recorded_at=SIGNED
                )
            )
            await opened.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z", id="o-1"), *reports)
            opened.clock.move_to(APRIL_9)
            await until(lambda: _is_closed(opened, period))
            await story(Told(opened, period))

    asyncio.run(told())


async def _is_closed(house: House, period: str) -> bool:
    listed = (await house.get("/assessments", MANAGER, agreement_id=AGREEMENT)).json()["items"]
    return any(each["period"] == period and each["closed"] for each in listed)


async def report(house: House, *observations: dict[str, object], who: Caller = CORRECTOR, source: str = "probe", reason: str = "") -> None:
    headers = house.bearer(who) | ({"X-Reason": reason} if reason else {})
    answer = await house.http.post("/v1/observations", json={"source": source, "observations": list(observations)}, headers=headers)
    assert answer.status_code == 201, answer.text


def availability(document: Json) -> tuple[str, str]:
    return document["objectives"][0]["attainment_percent"], document["credit"]["amount"]


def change(document: Json) -> tuple[str, str, float]:
    """Cause, credit difference and how many more minutes are bad."""
    (found,) = document["changes"]
    assert found["unit"] == "us"
    return document["restatement_cause"], document["credit_difference"], int(found["bad_difference"]) / MINUTE


def test_late_downtime(settings: Settings) -> None:
    async def story(told: Told) -> None:
        assert availability(await told.remember()) == ("99.932795", "0.00")
        await report(told.house, outage("2026-03-20T01:00:00Z", "2026-03-20T01:20:00Z"), source="probe-2")
        second = await told.restated(2)
        assert availability(second) == ("99.887992", "1000.00")
        assert change(second) == ("late observations from probe-2", "1000.00", 20)
        event = await told.event()
        assert (event.cause, event.credit_difference) == ("late observations from probe-2", "1000.00")
        assert (event.previous.revision, event.assessment.revision) == (1, 2)
        assert event.assessment.changes[0].previous_percent == "99.932795"

    run(settings, story)


def test_a_correction_names_its_author_and_reason(settings: Settings) -> None:
    async def story(told: Told) -> None:
        await told.remember()
        corrected = {**outage("2026-03-09T01:00:00Z", "2026-03-09T01:50:00Z", id="o-1"), "revision": 2}
        await report(told.house, corrected, reason="The probe's clock  was wrong")
        second = await told.restated(2)
        assert availability(second) == ("99.887992", "1000.00")
        assert change(second) == (f"correction by {CORRECTOR.subject}: The probe's clock was wrong", "1000.00", 20)

    run(settings, story)


def test_a_correction_of_a_correction_keeps_every_step(settings_sqlite: Settings) -> None:
    async def story(told: Told) -> None:
        await told.remember()
        for revision, end, expected in ((2, "01:50", "99.887992"), (3, "01:10", "99.977598")):
            corrected = {**outage("2026-03-09T01:00:00Z", f"2026-03-09T{end}:00Z", id="o-1"), "revision": revision}
            await report(told.house, corrected, reason=f"Look {revision}")
            document = await told.restated(revision)
            assert availability(document)[0] == expected
            assert document["restatement_cause"] == f"correction by {CORRECTOR.subject}: Look {revision}"
            await told.remember()
        assert change(await told.restated(3))[1:] == ("-1000.00", -40)

    run(settings_sqlite, story)


def test_the_end_of_an_open_outage_is_no_correction(settings_sqlite: Settings) -> None:
    async def story(told: Told) -> None:
        await told.remember()
        await report(told.house, outage("2026-03-31T23:00:00Z", id="o-2"), source="probe-2")
        await told.restated(2)
        await told.remember()
        await report(told.house, outage("2026-03-31T23:00:00Z", "2026-03-31T23:20:00Z", id="o-2"), source="probe-2", reason="Back")
        assert change(await told.restated(3)) == ("late observations from probe-2", "0.00", -40)

    run(settings_sqlite, story)


def test_a_suspension_and_its_resumption(settings_sqlite: Settings) -> None:
    """Two of March's days, with the outage: 41,760 minutes are left, all of them up. Taken back it is what it was."""

    async def story(told: Told) -> None:
        assert availability(await told.remember()) == ("99.932795", "0.00")
        suspended = agreement_events.AgreementSuspended(
            agreement_id=AGREEMENT, first_day="2026-03-09", last_day="2026-03-10", reason="rebuilding", recorded_at="2026-04-09T12:00:00Z"
        )
        await told.house.activate(suspended, event="agreement-suspended")
        second = await told.restated(2)
        assert availability(second) == ("100.000000", "0.00")
        assert change(second) == ("the agreement's suspension to 2026-03-10", "0.00", -30)
        (result,) = second["objectives"]
        assert int(result["whole"]) == 41_760 * MINUTE
        await told.remember()
        suspended.last_day, suspended.recorded_at = "2026-03-08", "2026-04-09T12:05:00Z"
        await told.house.activate(suspended, event="agreement-suspended")
        assert availability(await told.restated(3)) == ("99.932795", "0.00")

    run(settings_sqlite, story)


def test_what_agreements_answers_of_suspensions_and_a_renewal_is_kept_too(settings_sqlite: Settings) -> None:
    """Nothing was published here: asked, it answers. The term ended on 8 March and was renewed, and the ninth is suspended."""

    async def story() -> None:
        async with house(settings_sqlite, now=APRIL_9) as opened:
            message = promised()
            message.ends_on = "2026-03-08"
            opened.agreements.versions = [version(message=message)]
            opened.agreements.last_day = "2026-12-31"
            opened.agreements.suspensions = [
                agreements_pb2.Suspension(first_day="2026-03-09", last_day="2026-03-09", recorded_at="2026-03-08T12:00:00Z")
            ]
            await opened.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z", id="o-1"))
            found = await opened.assessment(MARCH, MANAGER)
            assert availability(found)[0] == "100.000000"
            assert int(found["objectives"][0]["whole"]) == 30 * 1440 * MINUTE

    asyncio.run(story())


def test_an_approved_exclusion(settings: Settings) -> None:
    async def story(told: Told) -> None:
        await report(told.house, outage("2026-03-20T01:00:00Z", "2026-03-20T01:20:00Z"), source="probe-2")
        assert availability(await told.restated(2)) == ("99.887992", "1000.00")
        await told.remember()
        claimed = await claim(told.house)
        await told.remember()
        await post(told.house, f"/exclusions/{claimed.json()['id']}/approval", CLIENT, {"reason": "We saw the water"})
        third = await told.restated(3)
        assert availability(third) == ("99.955136", "0.00")
        assert change(third) == (f"exclusion force-majeure approved by {CUSTOMER}", "-1000.00", -30)
        assert third["changes"][0]["whole_difference"] == str(-60 * MINUTE)

    run(settings, story)


@pytest.mark.parametrize(
    ("who", "other", "exclusion_class"),
    [(MANAGER, CLIENT, "power-cut"), (CLIENT, MANAGER, "force-majeure"), (MANAGER, CLIENT, "migration")],
    ids=["ground-asks-nobody", "ground-asks-the-claimant", "ground-asks-both"],
)
def test_a_closed_month_moves_only_with_the_approval_of_both_parties(
    who: Caller, other: Caller, exclusion_class: str, settings_sqlite: Settings
) -> None:
    """Its 30 bad minutes are claimed: 99.932795 until the other party approved, 100 of 44,580 min then."""

    async def story(told: Told) -> None:
        house = told.house
        await told.remember()
        claimed = (await claim(house, who, exclusion_class=exclusion_class)).json()
        assert (claimed["status"], claimed["awaits"]) == ("pending", [other.organisation])
        assert ((await told.remember())["revision"], availability(await told.restated(1))[0]) == (1, "99.932795")
        tried = await post(house, "/previews", who, {"agreement_id": AGREEMENT, "exclusion": _as_tried(exclusion_class)})
        assert (tried.json()["approval"], tried.json()["approval_needed"]) == ("by both parties: 2026-03 was closed", True)
        again = await post(house, f"/exclusions/{claimed['id']}/approval", who, {})
        assert refusal(again) == (409, "exclusion-already-decided")
        approved = await post(house, f"/exclusions/{claimed['id']}/approval", other, {})
        assert (approved.json()["status"], approved.json()["awaits"]) == ("approved", [])
        second = await told.restated(2)
        assert availability(second) == ("100.000000", "0.00")
        assert change(second) == (f"exclusion {exclusion_class} approved by {other.organisation}", "0.00", -30)

    run(settings_sqlite, story)


def test_what_waits_for_the_other_party_is_told_with_the_rule_when_the_month_is_stated_again(settings_sqlite: Settings) -> None:
    async def story(told: Told) -> None:
        await told.remember()
        claimed = (await claim(told.house, exclusion_class="power-cut")).json()
        await report(told.house, outage("2026-03-20T01:00:00Z", "2026-03-20T01:20:00Z"), source="probe-2")
        assert availability(await told.restated(2)) == ("99.887992", "1000.00")
        why = await told.house.get(f"/assessments/{AGREEMENT}/{MARCH}/explanation", CLIENT, objective_id="availability")
        assert [(each["id"], each["rule"]) for each in why.json()["objectives"][0]["refused"]] == [
            (claimed["id"], "power-cut (clause 7.3) needs the approval of customer: 2026-03 was closed when it was claimed")
        ]

    run(settings_sqlite, story)


def _as_tried(exclusion_class: str) -> Json:
    start, end = "2026-03-09T01:00:00Z", "2026-03-09T02:00:00Z"
    return {"exclusion_class": exclusion_class, "service": "online-banking", "start": start, "end": end}


def test_what_was_claimed_while_the_month_was_open_needs_what_its_ground_asks(settings_sqlite: Settings) -> None:
    async def told() -> None:
        async with house(settings_sqlite, now=MARCH_31) as opened:
            message = promised()
            opened.agreements.versions = [version(message=message)]
            await opened.activate(
                agreement_events.AgreementActivated(
                    agreement_id=AGREEMENT, terms_version=1, terms=message, effective_on="2026-03-01", recorded_at=SIGNED
                )
            )
            await opened.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:30:00Z", id="o-1"))
            claimed = (await claim(opened, exclusion_class="power-cut")).json()
            opened.clock.move_to(APRIL_9)
            await until(lambda: _is_closed(opened, MARCH))
            march = await opened.assessment(MARCH, CLIENT)
            assert (claimed["status"], march["revision"], availability(march)[0]) == ("approved", 1, "100.000000")
            listed = (await opened.get("/exclusions", CLIENT, agreement_id=AGREEMENT)).json()["items"]
            assert [(each["status"], each["awaits"]) for each in listed] == [("approved", [])]

    asyncio.run(told())


def test_tickets_of_a_closed_month_are_taken_out_when_both_parties_want_it(settings: Settings) -> None:
    """One of two tickets in time is 50.00, 5 % of 10,000.00; without the other one 100.00 and nothing."""

    def step(number: str, at: str, state: str) -> dict[str, object]:
        return {"kind": "ticket", "service": "desk", "ticket": number, "observed_at": at, "state": state}

    async def story(told: Told) -> None:
        house = told.house
        first = await told.remember()
        assert (first["objectives"][1]["attainment_percent"], first["credit"]["amount"]) == ("50.00", "500.00")
        body: Json = {"exclusion_class": "power-cut", "service": "desk", "start": "", "end": "", "tickets": ["T2"]}
        tried = (await post(house, "/previews", MANAGER, {"agreement_id": AGREEMENT, "exclusion": body})).json()
        assert (tried["approval"], tried["closed_periods"]) == ("by both parties: 2026-03 was closed", [MARCH])
        assert tried["periods"][0]["credit_difference"] == "-500.00"
        claimed = (await claim(house, **body)).json()
        assert (claimed["status"], claimed["awaits"]) == ("pending", [CUSTOMER])
        why = await house.get(f"/assessments/{AGREEMENT}/{MARCH}/explanation", CLIENT, objective_id="resolution")
        assert why.json()["objectives"][0]["refused"] == []
        assert (await told.remember())["revision"] == 1
        await post(house, f"/exclusions/{claimed['id']}/approval", CLIENT, {})
        second = await told.restated(2)
        desk = second["objectives"][1]
        assert (desk["attainment_percent"], desk["whole"], second["credit_difference"]) == ("100.00", "1", "-500.00")
        assert second["restatement_cause"] == f"exclusion power-cut approved by {CUSTOMER}"
        (changed,) = second["changes"]
        assert (changed["unit"], changed["bad_difference"], changed["whole_difference"]) == ("tickets", "-1", "-1")
        words = f"claim {claimed['id']}, power-cut, clause 7.3, approved by provider and customer"
        assert [(each["ticket"], each["verdict"], each["excluded_by"]) for each in desk["tickets"]] == [
            ("T1", "met", ""),
            ("T2", "excluded", words),
        ]
        unknown = (await claim(house, **{**body, "tickets": ["T9"]})).json()
        assert (unknown["status"], unknown["awaits"]) == ("approved", [])

    opened, due = "2026-03-13T14:00:00Z", "2026-03-16T14:00:00Z"
    steps = (step("T1", opened, "opened"), step("T1", due, "resolved"), step("T2", opened, "opened"))
    run(settings, story, terms=desk(), reports=steps)


def test_an_exclusion_that_needs_no_approval_counts_at_once_if_it_was_announced_in_time(settings_sqlite: Settings) -> None:
    async def story(told: Told) -> None:
        await told.remember()
        late = await claim(told.house, exclusion_class="planned-work")
        await post(told.house, f"/exclusions/{late.json()['id']}/approval", CLIENT, {})
        assert (await told.remember())["revision"] == 1
        await claim(told.house, exclusion_class="planned-work", start="2026-04-10T00:00:00Z", end="2026-04-10T01:00:00Z")
        april = (await told.house.assessment("2026-04", CLIENT))["objectives"][0]
        assert april["exclusions"] == []
        told.house.clock.move_to(APRIL_9.replace(day=11))
        april = (await told.house.assessment("2026-04", CLIENT))["objectives"][0]
        assert [each["duration_us"] for each in april["exclusions"]] == [60 * MINUTE]

    run(settings_sqlite, story)


def test_a_settled_dispute(settings: Settings) -> None:
    async def story(told: Told) -> None:
        await told.remember()
        await settle(told.house, start="2026-03-20T01:00:00Z", end="2026-03-20T01:20:00Z")
        second = await told.restated(2)
        assert availability(second) == ("99.887992", "1000.00")
        cause = "dispute about availability from 2026-03-20T01:00:00Z settled as down by pruefwerk"
        assert change(second) == (cause, "1000.00", 20)
        assert second["objectives"][0]["outages"][-1]["cause"] == "settled as down by pruefwerk"

    run(settings, story, terms=promised(disputes="auditor"))


def test_a_holiday_added_by_a_signed_amendment(settings: Settings) -> None:
    """A ticket of Fri 13 March 15:00 with eight hours is due Mon 16 at 15:00, with that Monday a holiday on Tue 17 at 15:00."""

    def step(at: str, state: str) -> dict[str, object]:
        return {"kind": "ticket", "service": "desk", "ticket": "T1", "observed_at": at, "state": state, "priority": "P1"}

    async def story(told: Told) -> None:
        first = await told.remember()
        assert [each["due_at"] for each in first["objectives"][1]["tickets"]] == ["2026-03-16T14:00:00Z"]
        assert (first["objectives"][1]["attainment_percent"], first["credit"]["amount"]) == ("0.00", "500.00")
        newer = desk()
        newer.calendars[0].holidays.add(day="2026-03-16", name="Founders' day")
        amended = agreement_events.AgreementAmended(
            agreement_id=AGREEMENT, terms_version=2, terms=newer, effective_on="2026-03-01", recorded_at="2026-04-09T12:00:30Z"
        )
        await told.house.activate(amended, event="agreement-amended")
        second = await told.restated(2)
        assert [each["due_at"] for each in second["objectives"][1]["tickets"]] == ["2026-03-17T14:00:00Z"]
        assert second["objectives"][1]["attainment_percent"] == "100.00"
        assert (second["restatement_cause"], second["credit_difference"]) == ("amendment version 2", "-500.00")
        (changed,) = second["changes"]
        assert (changed["unit"], changed["bad_difference"]) == ("tickets", "-1")

    opened, resolved = "2026-03-13T14:00:00Z", "2026-03-17T10:00:00Z"
    run(settings, story, terms=desk(), reports=(step(opened, "opened"), step(resolved, "resolved")))


def test_after_the_hard_close_late_observations_change_nothing_and_what_both_sides_agree_still_does(settings: Settings) -> None:
    """Closed for good ten days after the month's end, on 11 April: then twenty minutes more are told, then an exclusion is approved."""

    async def story(told: Told) -> None:
        house = told.house
        await told.remember()
        house.clock.move_to(datetime(2026, 4, 11, 12, tzinfo=UTC))
        late = outage("2026-03-20T01:00:00Z", "2026-03-20T01:20:00Z", id="o-2")
        await report(house, late, source="probe-2")
        await until(lambda: _nothing_is_marked(house))
        assert (await told.restated(1))["restatement_cause"] == ""
        claimed = await claim(house)
        await post(house, f"/exclusions/{claimed.json()['id']}/approval", CLIENT, {"reason": "The flood"})
        assert availability(await told.restated(2)) == ("100.000000", "0.00")

    terms = promised()
    terms.hard_close_after_days = 10
    run(settings, story, terms=terms)


def test_what_a_year_has_left_follows_a_restated_month(settings: Settings) -> None:
    """At most 1.25 % of twelve charges of 10,000.00 a year: 1,500.00."""

    async def story(told: Told) -> None:
        house = told.house
        assert availability(await told.remember()) == ("99.887992", "1000.00")
        house.clock.move_to(datetime(2026, 5, 2, 12, tzinfo=UTC))
        await report(house, outage("2026-04-20T01:00:00Z", "2026-04-20T02:00:00Z"))
        house.clock.move_to(datetime(2026, 5, 9, 12, tzinfo=UTC))
        await until(lambda: _is_closed(house, "2026-04"))
        april = Told(house, "2026-04")
        first = await april.remember()
        assert (availability(first), first["credit"]["yearly_capped"]) == (("99.861111", "500.00"), True)
        shorter = {**outage("2026-03-20T01:00:00Z", "2026-03-20T01:01:00Z", id="o-2"), "revision": 2}
        await report(house, shorter, reason="Counted twice")
        assert availability(await told.restated(2)) == ("99.930555", "0.00")
        second = await april.restated(2)
        assert availability(second) == ("99.861111", "1000.00")
        # An outage may bear on every later month: April may be looked at for the correction itself, or for what it did to March.
        causes = ("restatement of 2026-03", f"correction by {CORRECTOR.subject}: Counted twice")
        assert second["restatement_cause"] in causes

    terms = promised()
    terms.credit.yearly_cap_percent = "1.25"
    run(settings, story, terms=terms, reports=[outage("2026-03-20T01:00:00Z", "2026-03-20T01:20:00Z", id="o-2")])


def test_months_that_are_closed_together_share_what_the_year_has_left(settings_sqlite: Settings) -> None:
    """March and April fall due in one look: whichever is closed first, April comes to what March has left of 1,500.00."""

    async def told() -> None:
        async with house(settings_sqlite, now=MARCH_31) as opened:
            message = promised()
            message.credit.yearly_cap_percent = "1.25"
            opened.agreements.versions = [version(message=message)]
            await opened.activate(
                agreement_events.AgreementActivated(
                    agreement_id=AGREEMENT, terms_version=1, terms=message, effective_on="2026-03-01", recorded_at=SIGNED
                )
            )
            await opened.report(outage("2026-03-09T01:00:00Z", "2026-03-09T02:00:00Z", id="o-1"))
            opened.agreements.reachable = False
            opened.clock.move_to(datetime(2026, 5, 2, 12, tzinfo=UTC))
            await opened.report(outage("2026-04-20T01:00:00Z", "2026-04-20T02:00:00Z", id="o-2"))
            opened.clock.move_to(datetime(2026, 5, 9, 12, tzinfo=UTC))
            opened.agreements.reachable = True
            for period, amount in (("2026-03", "1000.00"), ("2026-04", "500.00")):
                await until(lambda period=period: _is_closed(opened, period))  # type: ignore[misc]
                await until(lambda period=period, amount=amount: _came_to(opened, period, amount))  # type: ignore[misc]

    asyncio.run(told())


async def _came_to(house: House, period: str, amount: str) -> bool:
    document = (await house.get(f"/assessments/{AGREEMENT}/{period}", CLIENT)).json()
    return bool(document["credit"]["amount"] == amount)


def test_what_is_said_is_published_under_the_provider(settings_sqlite: Settings) -> None:
    async def story(told: Told) -> None:
        await told.remember()
        await claim(told.house)
        await until(lambda: told._is_published("exclusion-claimed"))
        subjects = {message.subject.split(".")[2] for message in await told.house.published(2)}
        assert subjects == {PROVIDER}

    run(settings_sqlite, story)
