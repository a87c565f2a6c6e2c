"""Agreements that do not go by calendar months, through the real doors: assessed, closed, paid and restated by their own periods."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import grpc.aio
import pytest
from upheld.agreements.v1 import events_pb2 as agreement_events
from upheld.agreements.v1 import terms_pb2
from upheld.measurement.v1 import events_pb2, measurement_pb2

from services.chassis.settings import Settings
from tests.measurement.house import House, Json, house, until
from tests.measurement.promise import AGREEMENT, CLIENT, MANAGER, SIGNED, outage, version
from tests.measurement.test_doors import _nothing_is_marked, _told
from tests.measurement.test_inquiry import amendment
from tests.measurement.test_parties import agreed, post

MARCH_10 = datetime(2026, 3, 10, 12, tzinfo=UTC)
APRIL_9 = datetime(2026, 4, 9, 12, tzinfo=UTC)
NEW_YEAR = "2026-01-01"

Story = Callable[[House], Awaitable[None]]


def promised(*, every: str, days: int = 0, from_day: int = 0, paid: bool = True) -> terms_pb2.Terms:
    """In UTC from the first day of 2026: 99.9 per cent of the time, or 10 % of 1,000.00 a month."""
    message = agreed()
    del message.objectives[1:]
    message.effective_on = NEW_YEAR
    message.period.CopyFrom(terms_pb2.AgreementPeriod(every=every, days=days, from_day=from_day))
    message.objectives[0].decimals = 6
    message.credit.monthly_charge = "1000.00"
    message.close_after_days = 1
    if not paid:
        message.ClearField("credit")
        del message.objectives[0].credits[:]
    return message


def run(settings: Settings, story: Story, *, terms: terms_pb2.Terms, now: datetime = APRIL_9, reports: Json = ()) -> None:
    """Reported first and signed afterwards, so that no period is judged before all of its observations are there."""

    async def told() -> None:
        async with house(settings, now=now) as opened:
            opened.agreements.versions = [version(message=terms, effective_on=NEW_YEAR)]
            await opened.report(*reports)
            await opened.activate(
                agreement_events.AgreementActivated(
                    agreement_id=AGREEMENT, terms_version=1, terms=terms, effective_on=NEW_YEAR, recorded_at=SIGNED
                )
            )
            await until(lambda: _has_begun(opened), timeout_s=60)
            await story(opened)

    asyncio.run(told())


async def _has_begun(house: House) -> bool:
    return bool(await listed(house)) and await _nothing_is_marked(house)


async def listed(house: House, *, limit: int = 100) -> list[Json]:
    found: list[Json] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await house.get("/assessments", MANAGER, agreement_id=AGREEMENT, limit=str(limit), **cursor)).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def closed(house: House) -> list[str]:
    return [each["period"] for each in await listed(house) if each["closed"]]


async def restated(house: House) -> set[str]:
    return {each["period"] for each in await listed(house) if each["revision"] == 2}


def rolling(last_day: str, days: int = 30) -> str:
    """The period that ends with the day."""
    return f"{date.fromisoformat(last_day) - timedelta(days=days - 1)}--P{days}D"


def between(first: str, last: str) -> list[str]:
    """The rolling periods that end with these days."""
    begins = date.fromisoformat(first)
    return [rolling(str(begins + timedelta(days=each))) for each in range((date.fromisoformat(last) - begins).days + 1)]


OVER_NEW_YEAR = (
    outage("2026-01-31T12:00:00Z", "2026-01-31T12:30:00Z", id="o-1"),
    outage("2026-02-01T12:00:00Z", "2026-02-01T12:30:00Z", id="o-2"),
)


def test_rolling_days_are_closed_one_after_each_day_and_late_data_restates_those_that_hold_it(settings_sqlite: Settings) -> None:
    """The first whole one ends on 30 January, on 10 March one runs; each closes a day after its last one."""

    async def story(house: House) -> None:
        whole = between("2026-01-30", "2026-03-08")
        await until(lambda: _has_closed(house, whole), timeout_s=60)
        items = await listed(house, limit=7)
        assert [each["period"] for each in items] == between("2026-01-30", "2026-03-10")
        figures = {each["period"]: each["objectives"][0]["attainment_percent"] for each in items}
        holding_both = between("2026-02-01", "2026-03-01")
        assert {period for period, percent in figures.items() if percent == "99.861111"} == set(holding_both)
        assert {figures[rolling(day)] for day in ("2026-01-31", "2026-03-02")} == {"99.930555"}
        assert {figures[rolling(day)] for day in ("2026-01-30", "2026-03-03")} == {"100.000000"}
        assert {each["credit"] for each in items} == {None}
        await house.report(outage("2026-02-20T01:00:00Z", "2026-02-20T01:20:00Z", id="o-3"))
        await until(lambda: _has_restated(house, between("2026-02-20", "2026-03-08")), timeout_s=60)
        late = await house.assessment(rolling("2026-02-20"), CLIENT)
        assert (late["objectives"][0]["attainment_percent"], late["changes"][0]["bad_difference"]) == ("99.814814", "1200000000")
        clipped = await house.assessment(rolling("2026-01-10"), CLIENT)
        assert (clipped["start"], clipped["end"]) == ("2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z")

    run(settings_sqlite, story, terms=promised(every="rolling", days=30, paid=False), now=MARCH_10, reports=OVER_NEW_YEAR)


async def _has_closed(house: House, periods: list[str]) -> bool:
    return await closed(house) == periods


async def _has_restated(house: House, periods: list[str]) -> bool:
    return await restated(house) == set(periods)


@pytest.mark.parametrize(
    ("message", "period", "charge", "amount"),
    [
        (promised(every="quarter"), "2026-Q1", "3000.00", "300.00"),
        (promised(every="month", from_day=15), "2026-01-15--P1M", "1000.00", "100.00"),
        (promised(every=""), "2026-02", "1000.00", "100.00"),
    ],
)
def test_a_period_closes_by_itself_and_its_percentages_are_of_its_months(
    message: terms_pb2.Terms, period: str, charge: str, amount: str, settings_sqlite: Settings
) -> None:
    """130 minutes down: more than the 129.6 that 99.9 per cent of the quarter allow."""

    async def story(house: House) -> None:
        await until(lambda: _is_closed(house, period))
        document = await house.assessment(period, CLIENT)
        assert (document["period"], document["credit"]["period_charge"], document["credit"]["amount"]) == (period, charge, amount)
        assert document["objectives"][0]["verdict"] == "breached"
        request = measurement_pb2.GetAssessmentRequest(agreement_id=AGREEMENT, period=period)
        answer = await house.grpc.GetAssessment(request, metadata=house.metadata(CLIENT))
        assert (answer.period, answer.credit.period_charge) == (period, charge)
        for what in ("explanation", "outlook", "timeline.svg"):
            assert (await house.get(f"/assessments/{AGREEMENT}/{period}/{what}", CLIENT)).status_code == 200
        disputes = (await house.get("/disputes", CLIENT, agreement_id=AGREEMENT, period=period)).json()
        assert (disputes["period"], disputes["open_us"]) == (period, 0)
        await until(lambda: _told(house, "period-closed"))
        names = await house.events()
        message = (await house.published(len(names)))[names.index("period-closed")]
        published = events_pb2.PeriodClosed.FromString(message.data).assessment
        assert published.period in await closed(house)

    run(settings_sqlite, story, terms=message, reports=[outage("2026-02-01T01:00:00Z", "2026-02-01T03:10:00Z", id="o-1")])


async def _is_closed(house: House, period: str) -> bool:
    return period in await closed(house)


def test_a_quarter_within_its_budget_is_met(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        document = await house.assessment("2026-Q1", CLIENT)
        (result,) = document["objectives"]
        assert (result["verdict"], result["whole"], result["attainment_percent"]) == ("met", "7776000000000", "99.900462")
        assert document["credit"]["amount"] == "0.00"

    reports = [outage("2026-02-01T01:00:00Z", "2026-02-01T03:09:00Z", id="o-1")]
    run(settings_sqlite, story, terms=promised(every="quarter"), reports=reports)


def test_a_period_of_another_kind_is_not_found_and_what_is_none_is_refused(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        for path in (f"/assessments/{AGREEMENT}/2026-03", f"/assessments/{AGREEMENT}/2026-03/explanation"):
            answer = await house.get(path, CLIENT)
            assert (answer.status_code, answer.json()["detail"]) == (
                404,
                'the terms do not judge by 2026-03 but by quarters such as "2026-Q1"',
            )
        assert (await house.get("/disputes", CLIENT, agreement_id=AGREEMENT, period="2026-03")).status_code == 404
        assert (await house.close("2026-02", MANAGER)).status_code == 404
        answer = await house.get(f"/assessments/{AGREEMENT}/2026-Q5", CLIENT)
        assert (answer.status_code, answer.json()["violations"][0]["place"]) == (422, "period")
        assert (await house.get("/assessments", CLIENT, agreement_id=AGREEMENT, cursor="2026-Q5")).status_code == 422
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await house.grpc.GetAssessment(
                measurement_pb2.GetAssessmentRequest(agreement_id=AGREEMENT, period="2026-13"), metadata=house.metadata(CLIENT)
            )
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    run(settings_sqlite, story, terms=promised(every="quarter"))


async def amend(house: House, terms: terms_pb2.Terms, *, effective_on: str, recorded_at: str) -> None:
    house.agreements.versions.append(version(2, message=terms, effective_on=effective_on))
    await house.activate(
        agreement_events.AgreementAmended(
            agreement_id=AGREEMENT, terms_version=2, terms=terms, effective_on=effective_on, recorded_at=recorded_at
        ),
        event="agreement-amended",
    )


BAD_TWICE = (
    outage("2026-02-10T01:00:00Z", "2026-02-10T02:40:00Z", id="o-1"),
    outage("2026-03-10T01:00:00Z", "2026-03-10T02:40:00Z", id="o-2"),
)


def test_an_amendment_from_months_to_quarters_closes_both_and_pays_each_for_its_own_days(settings_sqlite: Settings) -> None:
    """Quarters from 15 February: half of February's 1,000.00 and half of the quarter's 3,000.00, 10 % of each."""

    async def story(house: House) -> None:
        await amend(house, promised(every="quarter"), effective_on="2026-02-15", recorded_at="2026-02-12T12:00:00Z")
        await until(lambda: _lists(house, "2026-Q1"))
        assert (await house.report(BAD_TWICE[0])).status_code == 201
        house.clock.move_to(MARCH_10)
        assert (await house.report(BAD_TWICE[1])).status_code == 201
        house.clock.move_to(APRIL_9)
        await until(lambda: _has_closed(house, ["2026-01", "2026-Q1", "2026-02"]))
        await until(lambda: _nothing_is_marked(house))
        documents = [each for each in await listed(house) if each["closed"]]
        assert [(each["period"], each["start"][:10], each["end"][:10], each["credit"]["amount"]) for each in documents] == [
            ("2026-01", "2026-01-01", "2026-02-01", "0.00"),
            ("2026-Q1", "2026-02-15", "2026-04-01", "150.00"),
            ("2026-02", "2026-02-01", "2026-02-15", "50.00"),
        ]

    run(settings_sqlite, story, terms=promised(every="month"), now=datetime(2026, 2, 12, 12, tzinfo=UTC))


async def _lists(house: House, period: str) -> bool:
    return period in [each["period"] for each in await listed(house)]


def test_an_amendment_of_the_cycle_that_reaches_back_leaves_closed_periods_as_they_were_stated(settings_sqlite: Settings) -> None:
    """February keeps its first half and is restated; March, which no terms judge by any more, stays what was said of it."""

    async def story(house: House) -> None:
        await until(lambda: _has_closed(house, ["2026-01", "2026-02", "2026-03"]))
        await amend(house, promised(every="quarter"), effective_on="2026-02-15", recorded_at="2026-04-09T12:00:00Z")
        await until(lambda: _has_closed(house, ["2026-01", "2026-Q1", "2026-02", "2026-03"]))
        await until(lambda: _nothing_is_marked(house))
        amounts = {each["period"]: (each["revision"], each["credit"]["amount"]) for each in await listed(house) if each["closed"]}
        assert amounts == {"2026-01": (1, "0.00"), "2026-02": (2, "50.00"), "2026-Q1": (1, "150.00"), "2026-03": (1, "100.00")}
        first = (await house.get("/assessments", CLIENT, agreement_id=AGREEMENT, limit="2")).json()
        assert [each["period"] for each in first["items"]] == ["2026-01", "2026-Q1"]

    run(settings_sqlite, story, terms=promised(every="month"), reports=BAD_TWICE)


def test_a_preview_of_another_cycle_shows_the_periods_of_both(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        document = {**json.loads(amendment()), "period": {"every": "quarter"}}
        change = {"agreement_id": AGREEMENT, "document": json.dumps(document), "effective_on": "2026-02-15"}
        answer = await post(house, "/previews", MANAGER, change)
        assert answer.status_code == 200, answer.text
        told = {each["period"]: [("before" in one, "after" in one) for one in each["objectives"]] for each in answer.json()["periods"]}
        assert list(told) == ["2026-Q1", "2026-02", "2026-03", "2026-04", "2026-Q2"]
        assert (told["2026-02"][0], told["2026-03"][0], told["2026-Q1"][0]) == ((True, True), (True, False), (False, True))

    run(settings_sqlite, story, terms=promised(every="month"))
