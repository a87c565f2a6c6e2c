"""The rows: made from messages alone, once each, the same after a replay."""

from __future__ import annotations

import asyncio
from pathlib import Path

from google.protobuf.message import Message
from upheld.agreements.v1.events_pb2 import AgreementEnded

from services.chassis.settings import Settings
from tests.reporting import given
from tests.reporting.room import room

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
