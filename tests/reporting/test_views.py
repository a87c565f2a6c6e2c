"""The rows: made from messages alone, once each, the same after a replay."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest
from google.protobuf.message import Message
from upheld.agreements.v1.events_pb2 import AgreementEnded, AgreementRenewed, AgreementSuspended

from services.chassis.settings import Settings
from services.reporting.views import page_start, parse_page_start, period_days
from services.vocabulary.errors import Invalid
from tests.reporting import given
from tests.reporting.room import Room, room

LATE = given.Outage(start="2026-03-20T10:00:00Z", end="2026-03-20T10:20:00Z")


def everything() -> list[Message]:
    march, again = given.march(), given.march(revision=2, more=[LATE])
    return [
        given.activated(),
        given.at_risk(march, recorded_at="2026-03-20T00:00:00Z"),
        given.breached(march),
        given.improvement_at("opened"),
        given.improvement_at("analysed"),
        given.closed(march),
        given.closed(given.april()),
        given.restated(again, previous=march, cause="Late data"),
        given.improvement_at("effective"),
        given.amended(),
        AgreementEnded(
            agreement_id=given.AGREEMENT, last_day="2026-12-31", how="terminated", reason="Moved", recorded_at="2026-07-01T00:00:00Z"
        ),
    ]


def test_what_was_told_can_be_read(settings: Settings) -> None:
    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(*everything())
            agreement = await on.views.agreement(given.AGREEMENT, reader=given.CUSTOMER)
            assert agreement is not None
            assert (agreement.status, agreement.last_day, [terms.number for terms in agreement.versions]) == (
                "terminated",
                "2026-12-31",
                [1, 2],
            )
            newest, first = await on.views.result(given.AGREEMENT, "2026-03"), await on.views.result(given.AGREEMENT, "2026-03", 1)
            assert newest is not None
            assert first is not None
            assert (newest.assessment.revision, first.assessment.revision) == (2, 1)
            assert newest.restatement is not None
            assert newest.restatement.cause == "Late data"
            assert [month.period for month in await on.views.results(given.AGREEMENT, limit=12)] == ["2026-03", "2026-04"]
            assert [breach.trace_id for breach in await on.views.breaches(given.AGREEMENT, "2026-03")] == [given.TRACE]
            assert [warning.objective_id for warning in await on.views.warnings(given.AGREEMENT, "2026-03")] == ["availability"]
            assert [improvement.status for improvement in await on.views.improvements(given.AGREEMENT)] == ["effective"]

    asyncio.run(scenario())


def test_hearing_everything_again_from_the_start_gives_the_same_rows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with room(Settings(data=tmp_path / "one")) as first, room(Settings(data=tmp_path / "two")) as second:
            await first.hear(*everything())
            await second.hear(*everything())
            assert await first.rows() == await second.rows()

    asyncio.run(scenario())


def test_a_message_heard_twice_changes_nothing(settings: Settings) -> None:
    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(*everything())
            before = await on.rows()
            await on.again()
            assert await on.rows() == before

    asyncio.run(scenario())


def test_an_older_state_of_an_improvement_changes_nothing(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await on.hear(given.improvement_at("implemented"), given.improvement_at("planned"))
            assert [improvement.status for improvement in await on.views.improvements(given.AGREEMENT)] == ["implemented"]

    asyncio.run(scenario())


def test_an_agreement_is_seen_by_its_parties_and_auditors_and_by_nobody_else(settings: Settings) -> None:
    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(given.activated())
            seen = {
                organisation: await on.views.agreement(given.AGREEMENT, reader=organisation) is not None
                for organisation in (given.PROVIDER, given.CUSTOMER, given.AUDITOR, given.STRANGER)
            }
            assert seen == {given.PROVIDER: True, given.CUSTOMER: True, given.AUDITOR: True, given.STRANGER: False}

    asyncio.run(scenario())


def test_an_auditor_that_an_amendment_leaves_out_sees_it_no_more(settings: Settings) -> None:
    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(given.activated(), given.amended(auditors=()))
            assert await on.views.agreement(given.AGREEMENT, reader=given.AUDITOR) is None
            assert await on.views.agreement(given.AGREEMENT, reader=given.CUSTOMER) is not None

    asyncio.run(scenario())


def mixed() -> list[Message]:
    """Months, weeks, a quarter and rolling days of one agreement, told in no order."""
    told = ("2026-W14", "2026-Q2", "2026-03", "2026-W10", "2026-02-14--P30D", "2026", "2026-04")
    return [given.closed(given.assessment(period, [given.availability(period, ())])) for period in told]


IN_TIME = ["2026", "2026-02-14--P30D", "2026-03", "2026-W10", "2026-W14", "2026-04", "2026-Q2"]


def test_periods_are_listed_in_time_whatever_their_texts_say(settings: Settings) -> None:
    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(given.activated(), *mixed())
            assert [due.period for due in await on.views.due()] == IN_TIME
            assert [result.period for result in await on.views.results(given.AGREEMENT, limit=12)] == IN_TIME
            assert [result.period for result in await on.views.results(given.AGREEMENT, limit=3)] == IN_TIME[-3:]
            assert await on.issue() == len(IN_TIME)
            assert await listed(on, limit=3) == [IN_TIME[:-4:-1], IN_TIME[-4:-7:-1], IN_TIME[:1], []]

    asyncio.run(scenario())


async def listed(on: Room, *, limit: int) -> list[list[str]]:
    """The issued reports page by page, each beginning where the one before told."""
    pages: list[list[str]] = []
    after = None
    while not pages or pages[-1]:
        found = await on.views.issued_reports(reader=given.CUSTOMER, agreement_id="", after=after, limit=limit)
        pages.append([issued.period for issued in found])
        after = parse_page_start(page_start(found[-1]), place="cursor") if found else None
    return pages


def test_a_store_of_before_lists_its_reports_as_ever(settings: Settings) -> None:
    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(given.activated(), given.closed(given.march()), given.closed(given.april()), given.breached(given.march()))
            assert await on.issue() == 2
            await on.database.write(period_days.drop)
        async with room(settings) as on:
            assert await listed(on, limit=5) == [["2026-04", "2026-03"], []]
            assert [result.period for result in await on.views.results(given.AGREEMENT, limit=12)] == ["2026-03", "2026-04"]
            await on.hear(given.closed(given.may()))
            assert await on.issue() == 1
            assert await listed(on, limit=5) == [["2026-05", "2026-04", "2026-03"], []]

    asyncio.run(scenario())


@pytest.mark.parametrize("text", ["2026-13|a|1", "2026-Q5|a|1", "2026|a", "-|a|1", "2026-02-30--P30D|a|1"])
def test_a_page_begins_only_where_one_before_ended(text: str) -> None:
    with pytest.raises(Invalid, match="must be the `next` of the page before"):
        parse_page_start(text, place="cursor")


def test_an_agreement_is_suspended_on_its_days_and_no_others(settings: Settings) -> None:
    def told(last_day: str) -> AgreementSuspended:
        return AgreementSuspended(
            agreement_id=given.AGREEMENT, first_day="2026-06-10", last_day=last_day, recorded_at="2026-06-09T00:00:00Z"
        )

    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(given.activated(), told(""))
            assert [await standing(on, day) for day in (9, 10, 30)] == ["active", "suspended", "suspended"]
            await on.hear(told("2026-06-12"))
            assert [await standing(on, day) for day in (9, 10, 12, 13)] == ["active", "suspended", "suspended", "active"]

    asyncio.run(scenario())


async def standing(on: Room, day: int) -> str:
    found = await on.views.agreement(given.AGREEMENT, reader=None)
    assert found is not None
    return found.standing_on(date(2026, 6, day))


def test_a_renewal_moves_the_last_day_until_another_end_is_agreed(settings: Settings) -> None:
    async def last_day(on: Room) -> str:
        found = await on.views.agreement(given.AGREEMENT, reader=None)
        assert found is not None
        return found.last_day

    async def scenario() -> None:
        async with room(settings) as on:
            await on.hear(given.activated())
            own = await last_day(on)
            renewed = AgreementRenewed(agreement_id=given.AGREEMENT, last_day="2028-12-31", recorded_at="2026-06-09T00:00:00Z")
            await on.hear(renewed, given.amended())
            assert (own, await last_day(on)) == (given.amended().terms.ends_on, "2028-12-31")
            other = given.amended()
            other.terms.ends_on, other.terms_version = "2027-06-30", 3
            await on.hear(other)
            assert await last_day(on) == "2027-06-30"

    asyncio.run(scenario())
