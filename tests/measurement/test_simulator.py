"""Terms tried on the past, through the real doors: the worked numbers of docs/decisions/0013, and laws of what was booked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import grpc.aio
import pytest
from upheld.agreements.v1 import agreements_pb2, events_pb2
from upheld.measurement.v1 import measurement_pb2

from services.agreements.document import parse_document
from services.agreements.wire import terms_message
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, Role
from tests.measurement.house import House, Json, house, until
from tests.measurement.promise import AGREEMENT, AUDITING, AUDITOR, CLIENT, CUSTOMER, MANAGER, OPERATOR, OUTSIDER, PROVIDER, caller, outage
from tests.measurement.test_doors import _nothing_is_marked
from tests.measurement.test_parties import post

SIGNED_IN_DECEMBER = "2025-12-20T10:00:00Z"
END_OF_MARCH = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
MIDDLE_OF_APRIL = datetime(2026, 4, 15, 12, tzinfo=UTC)
MONTHS = ("2026-01", "2026-02", "2026-03")
CLIENT_OPERATOR = caller(Role.OPERATOR, organisation=CUSTOMER)
Story = Callable[[House], Awaitable[None]]

HEAD = f"""
upheld: terms/v1
title: Online banking
zone: UTC
parties:
  - {{role: provider, organisation: {PROVIDER}, name: Nordwind Hosting,
      contacts: [{{name: Rea Vogel, email: rea@nordwind.example, role: manager}}], responsibilities: [Keeps its word]}}
  - {{role: customer, organisation: {CUSTOMER}, name: Hansebank,
      contacts: [{{name: Tim Koch, email: tim@hansebank.example, role: manager}}], responsibilities: [Reports incidents]}}
auditors: [{AUDITOR}]
services: [{{id: online-banking, name: Online banking, components: [{{id: core-database, name: Core database}}]}}]
close_after_days: 3
"""


def document(
    *, target: str = "99.9", below: str = "99.9", charge: str = "1000.00", cap: str = "2", more: str = "effective_on: 2026-01-01\n"
) -> str:
    """A tenth of a month's charge below the target, at most a fiftieth of a year's charges a year."""
    return (
        f"{HEAD}{more}objectives:\n"
        "  - {id: uptime, name: Uptime, service: online-banking, decimals: 4, "
        "indicator: {kind: availability, components: [core-database], no_data: up}, "
        f'target: "{target}", credits: [{{below: "{below}", percent: "10"}}]}}\n'
        f'credit: {{currency: EUR, monthly_charge: "{charge}", cap_percent: "15", yearly_cap_percent: "{cap}"}}\n'
    )


def window(number: int) -> str:
    """A minute of planned work in April."""
    start = datetime(2026, 4, 1, tzinfo=UTC) + timedelta(minutes=2 * number)
    return f'{{id: w{number}, service: online-banking, start: "{start.isoformat()}", end: "{(start + timedelta(minutes=1)).isoformat()}"}}'


def version(text: str, number: int = 1, *, effective_on: str = "2026-01-01") -> agreements_pb2.TermsVersion:
    message = terms_message(parse_document(text, form="yaml"))
    return agreements_pb2.TermsVersion(number=number, terms=message, effective_on=effective_on, recorded_at=SIGNED_IN_DECEMBER)


def down(day: str, minutes: int) -> dict[str, object]:
    start = datetime.fromisoformat(f"{day}T01:00:00+00:00")
    return outage(start.isoformat(), (start + timedelta(minutes=minutes)).isoformat(), id=f"down-{day}")


def run(
    settings: Settings,
    story: Story,
    *versions: agreements_pb2.TermsVersion,
    told: Sequence[dict[str, object]] = (),
    by_customer: Sequence[dict[str, object]] = (),
    stays_open: bool = False,
) -> None:
    """Observed until the end of March, agreed upon; in the middle of April every period is closed whose time has come, unless none has."""

    async def opened() -> None:
        async with house(settings, now=END_OF_MARCH) as home:
            home.agreements.versions = list(versions)
            for reporter, observations in ((OPERATOR, told), (CLIENT_OPERATOR, by_customer)):
                if observations:
                    assert (await home.report(*observations, caller=reporter)).is_success
            first = versions[0]
            await home.activate(_activated(first))
            for later in versions[1:]:
                await home.activate(_amended(later), event="agreement-amended")
            home.clock.move_to(MIDDLE_OF_APRIL)
            if not stays_open:
                await until(lambda: _all_due_are_closed(home))
                await until(lambda: _nothing_is_marked(home))
            await story(home)

    asyncio.run(opened())


def _activated(first: agreements_pb2.TermsVersion) -> events_pb2.AgreementActivated:
    return events_pb2.AgreementActivated(
        agreement_id=AGREEMENT,
        terms_version=first.number,
        terms=first.terms,
        effective_on=first.effective_on,
        recorded_at=first.recorded_at,
    )


def _amended(later: agreements_pb2.TermsVersion) -> events_pb2.AgreementAmended:
    return events_pb2.AgreementAmended(
        agreement_id=AGREEMENT,
        terms_version=later.number,
        terms=later.terms,
        effective_on=later.effective_on,
        recorded_at=later.recorded_at,
    )


async def assessments(home: House) -> list[Json]:
    answer = await home.get("/assessments", CLIENT, agreement_id=AGREEMENT)
    return list(answer.json()["items"]) if answer.status_code == 200 else []


async def _all_due_are_closed(home: House) -> bool:
    found = await assessments(home)
    due = [each for each in found if datetime.fromisoformat(each["end"]) + timedelta(days=3) <= MIDDLE_OF_APRIL]
    return len(due) > 0 and all(each["closed"] for each in due)


async def _is_restated(home: House) -> bool:
    return any(each["revision"] > 1 for each in await assessments(home))


async def simulated(home: House, who: Caller = MANAGER, *, first: str = "2026-01", last: str = "2026-03", **asked: str) -> Json:
    body = {"agreement_id": AGREEMENT, "from_period": first, "to_period": last, **asked}
    answer = await post(home, "/simulations", who, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


OUTAGES = [down("2026-01-10", 43), down("2026-02-10", 45), down("2026-03-10", 60)]


def test_the_worked_numbers_of_the_decision(settings_sqlite: Settings) -> None:
    """January allows 44.64 min at 99.9 and 22.32 at 99.95. Twelve charges of 1,500.00 at 2 % leave 60.00 of the year for March."""

    async def story(home: House) -> None:
        proposed = document(target="99.95", below="99.95", charge="1500.00")
        told = await simulated(home, document=proposed)
        credits = [(each["period"], each["closed"], each["credit_in_force"], each["credit_simulated"]) for each in told["periods"]]
        assert credits == [
            ("2026-01", True, "0.00", "150.00"),
            ("2026-02", True, "100.00", "150.00"),
            ("2026-03", True, "100.00", "60.00"),
        ]
        assert (told["currency"], told["credit_in_force"], told["credit_simulated"]) == ("EUR", "200.00", "360.00")
        january = told["periods"][0]["objectives"][0]
        assert (january["before"]["verdict"], january["after"]["verdict"], january["moves"]) == ("met", "breached", True)
        assert (january["before"]["attainment_percent"], january["after"]["attainment_percent"]) == ("99.9036", "99.9036")
        assert told["sensitivities"] == [
            {
                "place": "objectives[uptime].target",
                "before_json": '"99.9"',
                "after_json": '"99.95"',
                "credit_without": "300.00",
                "difference": "60.00",
                "verdicts_changed": ["2026-01 uptime: breached, without it met"],
            },
            {
                "place": "objectives[uptime].credits",
                "before_json": '[{"below":"99.9","percent":"10"}]',
                "after_json": '[{"below":"99.95","percent":"10"}]',
                "credit_without": "300.00",
                "difference": "60.00",
                "verdicts_changed": [],
            },
            {
                "place": "credit.monthly_charge",
                "before_json": '"1000.00"',
                "after_json": '"1500.00"',
                "credit_without": "240.00",
                "difference": "120.00",
                "verdicts_changed": [],
            },
        ]

    run(settings_sqlite, story, version(document()), told=OUTAGES)


def test_both_sides_and_auditors_see_the_same_over_both_doors_and_nothing_is_written(settings_sqlite: Settings) -> None:
    async def story(home: House) -> None:
        before = await assessments(home)
        told = await simulated(home, document=document(target="99.95"))
        for who in (CLIENT, AUDITING):
            assert await simulated(home, who, document=document(target="99.95")) == told
        request = measurement_pb2.SimulateTermsRequest(
            agreement_id=AGREEMENT, document=document(target="99.95"), from_period="2026-01", to_period="2026-03"
        )
        message = await home.grpc.SimulateTerms(request, metadata=home.metadata(AUDITING))
        assert [each.credit_simulated for each in message.periods] == [each["credit_simulated"] for each in told["periods"]]
        assert [each.place for each in message.sensitivities] == ["objectives[uptime].target"]
        assert await assessments(home) == before
        body = {"agreement_id": AGREEMENT, "from_period": "2026-01", "to_period": "2026-01"}
        assert (await post(home, "/simulations", OUTSIDER, body)).status_code == 404
        assert (await post(home, "/simulations", OPERATOR, body)).status_code == 403
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await home.grpc.SimulateTerms(request, metadata=home.metadata(OPERATOR))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED

    run(settings_sqlite, story, version(document()), told=OUTAGES)


def test_what_was_paid_before_the_simulated_periods_uses_up_the_year(settings_sqlite: Settings) -> None:
    """March earns 100.00 in force and simulated; 1.25 % of 12,000.00 a year less the 100.00 booked for February leave 50.00."""

    async def story(home: House) -> None:
        told = await simulated(home, first="2026-03", document=document(cap="1.25"))
        assert (told["credit_in_force"], told["credit_simulated"]) == ("100.00", "50.00")
        (clause,) = told["sensitivities"]
        assert (clause["place"], clause["credit_without"], clause["difference"]) == ("credit.yearly_cap_percent", "100.00", "-50.00")

    run(settings_sqlite, story, version(document()), told=OUTAGES)


def test_whose_readings_count_can_be_chosen_for_both_terms_at_once(settings_sqlite: Settings) -> None:
    """The customer saw no outage in January, 45 min in February and 90 in March; the terms take the provider's word."""
    up: dict[str, object] = {"kind": "status", "observed_at": "2025-12-31T00:00:00Z", "state": "up"}
    up |= {"service": "online-banking", "component": "core-database"}
    theirs = [up, down("2026-02-10", 45), down("2026-03-10", 90)]

    async def story(home: House) -> None:
        proposed = document(target="99.95", below="99.95")
        by = {side: await simulated(home, side=side, document=proposed) for side in ("agreed", "provider", "customer")}
        assert by["agreed"] == by["provider"]
        assert [each["credit_in_force"] for each in by["customer"]["periods"]] == ["0.00", "100.00", "100.00"]
        assert [each["credit_simulated"] for each in by["customer"]["periods"]] == ["0.00", "100.00", "100.00"]
        figures = [each["objectives"][0]["after"]["attainment_percent"] for each in by["customer"]["periods"]]
        assert figures == ["100.0000", "99.8883", "99.7983"]

    run(settings_sqlite, story, version(document()), told=OUTAGES, by_customer=theirs)


def test_proposed_quarters_are_laid_beside_the_months_in_force(settings_sqlite: Settings) -> None:
    """148 of 129,600 min are down in the quarter, where 129.6 are allowed: 10 % of three charges."""

    async def story(home: House) -> None:
        quarters = document(cap="4", more="effective_on: 2026-01-01\nperiod: {every: quarter}\n")
        told = await simulated(home, document=quarters)
        assert [each["period"] for each in told["periods"]] == ["2026-01", "2026-Q1", "2026-02", "2026-03"]
        credits = {each["period"]: (each["credit_in_force"], each["credit_simulated"]) for each in told["periods"]}
        assert credits == {
            "2026-01": ("0.00", "0.00"),
            "2026-02": ("100.00", "0.00"),
            "2026-03": ("100.00", "0.00"),
            "2026-Q1": ("0.00", "300.00"),
        }
        (clause,) = told["sensitivities"]
        assert (clause["place"], clause["before_json"], clause["credit_without"], clause["difference"]) == (
            "period",
            "",
            "200.00",
            "100.00",
        )
        assert "2026-Q1 uptime: breached, without it not judged" in clause["verdicts_changed"]
        answer = await post(
            home,
            "/simulations",
            MANAGER,
            {"agreement_id": AGREEMENT, "document": quarters, "from_period": "2026-01", "to_period": "2026-02"},
        )
        assert (answer.status_code, "no whole period of the proposed terms" in answer.text) == (422, True)

    run(settings_sqlite, story, version(document(cap="4")), told=OUTAGES)


def test_a_clause_without_which_the_others_do_not_stand_says_so(settings_sqlite: Settings) -> None:
    """Service hours need their calendar; the calendar without the hours changes nothing."""
    calendar = 'calendars: [{id: office, hours: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}]}]\n'

    async def story(home: House) -> None:
        proposed = document(more=f"effective_on: 2026-01-01\n{calendar}").replace("no_data: up}", "no_data: up, hours: office}")
        told = await simulated(home, document=proposed)
        found = {each["place"]: (each["credit_without"], each["difference"]) for each in told["sensitivities"]}
        assert told["credit_simulated"] == "0.00"
        assert found == {"objectives[uptime].indicator.hours": ("200.00", "-200.00"), "calendars[office]": ("", "")}

    run(settings_sqlite, story, version(document()), told=OUTAGES)


def test_more_than_sixty_periods_are_too_many_at_once(settings_sqlite: Settings) -> None:
    rolling = document(more="effective_on: 2026-01-01\nperiod: {every: rolling, days: 30}\n")
    rolling = rolling[: rolling.index("credit:")].replace(', credits: [{below: "99.9", percent: "10"}]', "")
    rolling = rolling.replace("close_after_days: 3", "close_after_days: 90")

    async def story(home: House) -> None:
        told = await simulated(home, first="2026-01-01--P30D", last="2026-03-01--P30D")
        assert (len(told["periods"]), told["currency"], told["credit_simulated"]) == (60, "", "0")
        body = {"agreement_id": AGREEMENT, "from_period": "2026-01-01--P30D", "to_period": "2026-03-02--P30D"}
        answer = await post(home, "/simulations", MANAGER, body)
        assert (answer.status_code, "makes 61 periods; at most 60" in answer.text) == (422, True)
        windows = f"maintenance: [{', '.join(map(window, range(40)))}]\nobjectives:"
        body |= {"to_period": "2026-03-01--P30D", "document": rolling.replace("objectives:", windows)}
        answer = await post(home, "/simulations", MANAGER, body)
        told_so = "makes 60 periods to be judged in 42 ways each; at most 2000 judgements" in answer.text
        assert (answer.status_code, told_so) == (422, True), answer.text

    run(settings_sqlite, story, version(rolling), told=OUTAGES[:1], stays_open=True)


# Laws


def some_outages(chance: Random, *, of: str) -> list[dict[str, object]]:
    """Of the first quarter; some end within another one, and some in another month."""
    starts = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(89 * 1440)) for _ in range(chance.randrange(2, 9))]
    return [
        outage(start.isoformat(), (start + timedelta(minutes=chance.randrange(1, 300))).isoformat(), id=f"{of}-{number}")
        for number, start in enumerate(starts)
    ]


def some_terms(chance: Random) -> str:
    """A yearly cap that is soon reached, sides that disagree, hours, months or quarters."""
    cycle = chance.choice(["", "period: {every: quarter}\n", "period: {every: month, from_day: 15}\n"])
    disputes = chance.choice(["", "disputes: either-down\n", "disputes: both-down\n", "disputes: customer\n"])
    target = chance.choice(["99.5", "99.9", "99.95"])
    return document(
        target=target,
        below=chance.choice([target, "99.4"]),
        charge=chance.choice(["1000.00", "333.33"]),
        cap=chance.choice(["3.75", "4", "5"]),
        more=f"effective_on: 2026-01-01\n{cycle}{disputes}",
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_terms_in_force_come_to_what_was_booked(settings_sqlite: Settings, seed: int) -> None:
    """Also after an amendment within the time, and after a late report restated what was closed."""
    chance = Random(seed)
    first, second = some_terms(chance), some_terms(chance)
    versions = [version(first)]
    if "quarter" not in first + second and "from_day" not in first + second:
        versions.append(version(second, 2, effective_on="2026-02-11"))

    async def told(home: House) -> None:
        found = [each for each in await assessments(home) if each["closed"]]
        assert found, "something was booked"
        asked = {"first": found[0]["period"], "last": found[-1]["period"]}
        answers = [await simulated(home, **asked)]
        if len(versions) == 1:
            answers.append(await simulated(home, **asked, document=first))
        for answer in answers:
            assert [each["period"] for each in answer["periods"]] == [each["period"] for each in found]
            assert [each["credit_simulated"] for each in answer["periods"]] == [each["credit"]["amount"] for each in found]
            assert [each["credit_in_force"] for each in answer["periods"]] == [each["credit"]["amount"] for each in found]
            assert answer["sensitivities"] == []
            assert not any(each["moves"] for period in answer["periods"] for each in period["objectives"]), answer
            total = sum(Decimal(each["credit"]["amount"]) for each in found)
            assert Decimal(answer["credit_simulated"]) == Decimal(answer["credit_in_force"]) == total

    async def story(home: House) -> None:
        await told(home)
        for reporter in (OPERATOR, CLIENT_OPERATOR):
            late = outage("2026-01-20T00:00:00Z", "2026-01-20T09:00:00Z", id="late")
            assert (await home.report(late, caller=reporter)).is_success
        await until(lambda: _is_restated(home))
        await until(lambda: _nothing_is_marked(home))
        await told(home)

    run(settings_sqlite, story, *versions, told=some_outages(chance, of="p"), by_customer=some_outages(chance, of="c"))


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({"from_period": "2026-02", "to_period": "2026-01"}, 422, "to_period: must not be before from_period, 2026-02"),
        ({"to_period": "2026-05"}, 422, "to_period: must have begun: nothing was observed yet in 2026-05"),
        ({"from_period": "2025-12"}, 404, "no terms were in force in 2025-12"),
        ({"to_period": "2026-Q1"}, 404, "the terms do not judge by 2026-Q1 but by calendar months"),
        ({"to_period": "March"}, 422, "to_period"),
        ({"side": "auditor"}, 422, "side"),
        ({"document": "upheld: terms/v1"}, 422, "objectives"),
        ({"document": document().replace(CUSTOMER, "somebody-else")}, 422, "must be between the parties of the agreement"),
        ({"document": document().replace("EUR", "CHF")}, 409, "credits of these periods are in CHF and EUR"),
        (
            {
                "document": document(
                    more="effective_on: 2027-07-01\ncalendars:\n"
                    '  - {id: office, region: DE, hours: [{days: [mon], from: "09:00", to: "17:00"}]}\n'
                )
            },
            422,
            "calendars[0].region: has no holidays before 2027-01-01, when the terms begin; list them, or write an effective_on of 2026",
        ),
        (
            {
                "document": document(more=f"effective_on: 2026-01-01\nmaintenance: [{', '.join(map(window, range(201)))}]\n"),
            },
            422,
            "document: differs from the terms in force in 201 places; at most 200",
        ),
    ],
)
def test_a_simulation_without_sense_is_refused(settings_sqlite: Settings, asked: dict[str, str], status: int, told: str) -> None:
    async def story(home: House) -> None:
        body = {"agreement_id": AGREEMENT, "from_period": "2026-01", "to_period": "2026-02", **asked}
        answer = await post(home, "/simulations", MANAGER, body)
        assert answer.status_code == status, answer.text
        words = [f"{each['place']}: {each['rule']}" for each in answer.json().get("violations", [])] or [answer.json()["detail"]]
        assert any(told in each for each in words), words

    run(settings_sqlite, story, version(document()), told=OUTAGES[:1])
