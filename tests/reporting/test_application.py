"""Issuing and answering: once each, word for word, to those who may know."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256
from pathlib import Path

import pytest

from services.chassis.clock import MovableClock
from services.chassis.settings import Settings
from services.reporting.application import Answer, Measuring, Reports, Sealed
from services.reporting.material import Assessment
from services.reporting.report import ReportBeingIssued, ReportNotFound
from services.reporting.wire import assessment
from services.vocabulary.errors import Invalid, NotFound, Unavailable
from tests.reporting import given
from tests.reporting.room import LOG, Room, caller, room

JUNE_12 = datetime(2026, 6, 12, 10, tzinfo=UTC)
LATE = given.Outage(start="2026-03-20T10:00:00Z", end="2026-03-20T10:20:00Z")


async def march_closed(on: Room) -> None:
    await on.hear(given.activated(), given.breached(given.march()), given.improvement_at("analysed"), given.closed(given.march()))


async def asked(on: Room, period: str = "2026-03", *, organisation: str = given.CUSTOMER, revision: int | None = None) -> Answer:
    return await on.reports.get(caller(organisation), given.AGREEMENT, period, revision)


def test_a_closed_month_is_issued_once(settings: Settings) -> None:
    async def scenario() -> None:
        async with room(settings) as on:
            await march_closed(on)
            assert (await on.issue(), await on.issue()) == (1, 0)
            assert [recorded.type for recorded in await on.issues()] == ["report.issued.v1"]

    asyncio.run(scenario())


def test_an_issue_belongs_to_what_closed_the_month(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await march_closed(on)
            await on.issue()
            metadata = (await on.issues())[0].metadata
            closing = on.heard[-1][1]
            assert (metadata.causation_id, metadata.correlation_id) == (closing.causation_id, "c-1")
            assert metadata.traceparent.split("-")[1] == given.TRACE

    asyncio.run(scenario())


def test_nothing_is_issued_before_the_terms_are_known(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await on.hear(given.breached(given.march()), given.closed(given.march()))
            assert await on.issue() == 0
            await on.hear(given.activated())
            assert await on.issue() == 1

    asyncio.run(scenario())


def test_a_report_waits_for_the_breach_it_must_tell(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await on.hear(given.activated(), given.closed(given.march()))
            assert await on.issue() == 0
            await on.hear(given.breached(given.march()))
            assert await on.issue() == 1
            assert (await asked(on)).report.breaches[0].trace_id == given.TRACE

    asyncio.run(scenario())


def test_a_report_does_not_wait_for_ever(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite, patience_s=0) as on:
            await on.hear(given.activated(), given.closed(given.march()))
            assert await on.issue() == 1
            assert (await asked(on)).report.breaches == ()

    asyncio.run(scenario())


@dataclass
class LogOfMeasurement:
    """Has the events up to a position; None: nothing is known of it."""

    position: int | None

    async def newest(self) -> Sealed | None:
        return None if self.position is None else Sealed(position=self.position, log=LOG)


def test_a_report_names_the_log_that_has_what_closed_its_period(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        log = LogOfMeasurement(None)
        async with room(settings_sqlite, log=log) as on:
            await march_closed(on)
            closing = await on.views.position_of(on.heard[-1][1].causation_id)
            assert closing > 0
            for position in (None, closing - 1):
                log.position = position
                assert await on.issue() == 0
            log.position = closing
            assert await on.issue() == 1
            told = json.loads((await asked(on)).document)["provenance"]["log"]
            assert told == {"name": LOG.name, "size": LOG.size, "root": LOG.root, "key": LOG.key}

    asyncio.run(scenario())


def test_a_report_does_not_wait_for_a_log_for_ever_and_names_none_then(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite, patience_s=0, log=LogOfMeasurement(None)) as on:
            await march_closed(on)
            assert await on.issue() == 1
            assert (await asked(on)).report.provenance.log is None

    asyncio.run(scenario())


def test_a_restatement_waits_for_the_report_it_replaces(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            again = given.restated(given.march(revision=2, more=[LATE]), previous=given.march(), cause="Late data")
            await on.hear(given.activated(), given.closed(given.march()), again)
            assert await on.issue() == 0
            await on.hear(given.breached(given.march()))
            assert await on.issue() == 2
            assert [recorded.event.revision for recorded in await on.issues()] == [1, 2]

    asyncio.run(scenario())


def test_the_first_revision_stays_readable_to_the_byte_beside_the_second(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await march_closed(on)
            await on.issue()
            first = await asked(on)
            await on.hear(given.restated(given.march(revision=2, more=[LATE]), previous=given.march(), cause="Late data of probe 7"))
            await on.issue()
            newest = await asked(on)
            assert newest.report.period.revision == 2
            assert newest.report.period.restatement is not None
            assert (await asked(on, revision=1)).document == first.document
            assert (await on.reports.since(caller(given.CUSTOMER), first.report)).newer_revision == 2

    asyncio.run(scenario())


def test_what_becomes_known_later_changes_no_issued_byte(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await march_closed(on)
            await on.issue()
            before = await asked(on)
            await on.hear(given.improvement_at("effective"), given.closed(given.april()))
            await on.issue()
            after = await asked(on)
            assert (after.document, after.etag) == (before.document, before.etag)
            assert after.etag == f'"{sha256(before.document).hexdigest()[:32]}"'
            told = await on.reports.since(caller(given.CUSTOMER), after.report)
            assert [part.status for part in told.improvements] == ["effective"]

    asyncio.run(scenario())


def test_lost_views_come_back_with_the_same_reports(tmp_path: Path) -> None:
    async def scenario() -> None:
        folder = tmp_path / "data"
        async with room(Settings(data=folder)) as on:
            await march_closed(on)
            await on.issue()
            before, heard = await on.rows(), on.heard
        for file in folder.glob("reporting-views.sqlite*"):
            file.unlink()
        async with room(Settings(data=folder), clock=MovableClock(datetime(2026, 8, 1, tzinfo=UTC))) as on:
            for delivered in heard:
                await on.deliver(*delivered)
            await on.issue()
            assert await on.rows() == before
            assert len(await on.issues()) == 1

    asyncio.run(scenario())


def test_a_report_is_told_in_the_document_of_the_event(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await march_closed(on)
            await on.issue()
            event = (await on.issues())[0].event
            assert (await asked(on)).document == event.document.encode()
            assert (event.provider, event.customer) == (given.PROVIDER, given.CUSTOMER)
            assert json.loads(event.document)["period"]["period"] == "2026-03"

    asyncio.run(scenario())


def test_a_stranger_is_told_that_there_is_no_report(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await march_closed(on)
            await on.issue()
            with pytest.raises(ReportNotFound):
                await asked(on, organisation=given.STRANGER)
            assert await on.reports.issued_reports(caller(given.STRANGER), agreement_id="", after=None, limit=10) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(("period", "refusal"), [("2026-02", ReportNotFound), ("2026-05", ReportNotFound), ("march", Invalid)])
def test_there_is_no_report_on_a_month_that_cannot_have_one(settings_sqlite: Settings, period: str, refusal: type[Exception]) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await march_closed(on)
            await on.issue()
            with pytest.raises(refusal):
                await asked(on, period)

    asyncio.run(scenario())


def test_a_closed_month_is_never_answered_provisionally(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await on.hear(given.activated(), given.closed(given.march()))
            with pytest.raises(ReportBeingIssued):
                await asked(on)

    asyncio.run(scenario())


def test_whoever_asks_between_close_and_issue_gets_the_issued_report(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await march_closed(on)
            answer, _ = await asyncio.gather(asked(on), on.issue())
            assert not answer.provisional

    asyncio.run(scenario())


class Answering:
    """Measurement with one answer."""

    def __init__(self, answer: Assessment | Exception) -> None:
        self._answer = answer

    async def assessment(self, agreement_id: str, period: str) -> Assessment:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def with_measuring(on: Room, measuring: Measuring) -> Reports:
    await on.hear(given.activated(), given.closed(given.may()))
    return Reports(views=on.views, measuring=measuring, clock=MovableClock(JUNE_12), issued_within_s=0.3)


def test_a_running_month_is_answered_to_date_and_kept_nowhere(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            reports = await with_measuring(on, Answering(assessment(given.june())))
            answer = await reports.get(caller(given.CUSTOMER), given.AGREEMENT, "2026-06")
            assert (answer.provisional, answer.issued_at, answer.report.period.revision) == (True, "", 0)
            previous = answer.report.objectives[0].previous
            assert previous is not None
            assert previous.attainment_percent == "99.993"
            assert await on.views.issued(given.AGREEMENT, "2026-06") is None

    asyncio.run(scenario())


def test_the_first_page_does_without_measurement(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            reports = await with_measuring(on, Answering(Unavailable("measurement rests")))
            overview = (await reports.overviews(caller(given.CUSTOMER)))[0]
            assert (overview.reachable, overview.running, [month.period for month in overview.closed]) == (False, None, ["2026-05"])

    asyncio.run(scenario())


def test_a_month_that_measurement_has_just_closed_is_not_shown_as_provisional(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            reports = await with_measuring(on, Answering(assessment(given.assessment("2026-06", given.june().objectives))))
            with pytest.raises(ReportBeingIssued):
                await reports.get(caller(given.CUSTOMER), given.AGREEMENT, "2026-06")

    asyncio.run(scenario())


def test_the_running_quarter_is_the_one_that_is_asked_of_measurement(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            await on.hear(given.activated(of=given.by_quarters()), given.closed(given.first_quarter()))
            noon = "2026-06-12T10:00:00Z"
            running = given.assessment("2026-Q2", [given.availability("2026-Q2", (), until=noon)], until=noon)
            measuring = Answering(assessment(running))
            reports = Reports(views=on.views, measuring=measuring, clock=MovableClock(JUNE_12), issued_within_s=0.3)
            overview = (await reports.overviews(caller(given.CUSTOMER)))[0]
            assert overview.running is not None
            assert (overview.running.period, [each.period for each in overview.closed]) == ("2026-Q2", ["2026-Q1"])
            answer = await reports.get(caller(given.CUSTOMER), given.AGREEMENT, "2026-Q2")
            assert (answer.provisional, answer.report.period.period) == (True, "2026-Q2")
            for foreign in ("2026-06", "2026-W24", "2026"):
                with pytest.raises(ReportNotFound):
                    await reports.get(caller(given.CUSTOMER), given.AGREEMENT, foreign)
            with pytest.raises(Invalid, match="must be a period such as"):
                await reports.get(caller(given.CUSTOMER), given.AGREEMENT, "2026-Q5")

    asyncio.run(scenario())


def test_the_cycle_of_the_version_in_force_today_says_what_runs(settings_sqlite: Settings) -> None:
    async def scenario() -> None:
        async with room(settings_sqlite) as on:
            later = given.amended()
            later.terms.period.every, later.effective_on = "quarter", "2026-07-01"
            await on.hear(given.activated(), later)
            asked: list[str] = []
            for day in (date(2026, 6, 30), date(2026, 7, 1)):
                measuring = Asked(asked)
                clock = MovableClock(datetime.combine(day, time(12), tzinfo=UTC))
                await Reports(views=on.views, measuring=measuring, clock=clock, issued_within_s=0.3).overviews(caller(given.CUSTOMER))
            assert asked == ["2026-06", "2026-Q3"]

    asyncio.run(scenario())


@dataclass
class Asked:
    """Measurement that knows nothing and remembers what it was asked."""

    periods: list[str]

    async def assessment(self, agreement_id: str, period: str) -> Assessment:
        self.periods.append(period)
        raise NotFound(f"{agreement_id} has no {period}")
