"""Reporting's use cases: issue what is due, answer who may see it. Loads, asks the rules, saves; holds no rule of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from time import monotonic
from typing import Protocol
from uuid import uuid4

import msgspec

from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.identity import caller_of_service
from services.chassis.repository import Repository
from services.chassis.telemetry import current_traceparent, span
from services.reporting.issue import Issued, ReportIssued, issue, stream_of
from services.reporting.material import Agreement, Assessment, EarlyWarning, Improvement, PeriodResult, time_of
from services.reporting.report import (
    LogPart,
    Report,
    ReportBeingIssued,
    ReportNotFound,
    SinceThen,
    before,
    document,
    has_run,
    is_fully_told,
    report,
    sealed,
    since,
)
from services.reporting.views import Due, IssuedReport, Views
from services.vocabulary.errors import NotFound, Unavailable
from services.vocabulary.identity import Caller
from services.vocabulary.period import Period, day_of, in_time, instant_of, instant_text, parse_period, parse_zone

SERVICE = "reporting"
PERIODS_SHOWN = 12
_ASKED_AT_ONCE = 8
_AGREEMENTS_SHOWN = 50
_REPORTS_SHOWN = 60
_PATIENCE_S = 5.0
_DUE_EVERY_S = 1.0
_ISSUED_WITHIN_S = _PATIENCE_S + 2 * _DUE_EVERY_S
_LOOKED_AT_EVERY_S = 0.05


class Measuring(Protocol):
    """Measurement's answer on a period that runs; refuses with `NotFound` or `Unavailable`."""

    async def assessment(self, agreement_id: str, period: str) -> Assessment: ...


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A report as its readers get it. `etag` names these bytes; `issued_at` is empty for a provisional one."""

    report: Report
    document: bytes
    etag: str
    issued_at: str

    @property
    def provisional(self) -> bool:
        return self.report.period.provisional


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An agreement at a glance, `closed` oldest first; among several, without its reports and improvements.

    `status` is today's. `running` is None where no period runs, or where measurement is out of reach (`reachable` False).
    """

    agreement: Agreement
    status: str
    running: Assessment | None
    reachable: bool
    closed: tuple[Assessment, ...]
    warnings: tuple[EarlyWarning, ...]
    reports: tuple[IssuedReport, ...] = ()
    improvements: tuple[Improvement, ...] = ()


class Reports:
    """What people and programs ask of reporting. Whatever a caller may not know of is `ReportNotFound`."""

    def __init__(self, *, views: Views, measuring: Measuring, clock: Clock, issued_within_s: float = _ISSUED_WITHIN_S) -> None:
        self._views = views
        self._measuring = measuring
        self._clock = clock
        self._issued_within_s = issued_within_s

    async def get(self, caller: Caller, agreement_id: str, period: str, revision: int | None = None) -> Answer:
        """The issued report, the newest unless a revision is named; for a period that is not closed the provisional one, made now.

        Waits through the moment between a period's close and the issue of its report. Refuses with `Invalid` what is no period, with
        `ReportNotFound`, and with `ReportBeingIssued` where that moment does not end.
        """
        asked = parse_period(period, place="period")
        agreement = await self._seen(caller, agreement_id)
        until = monotonic() + self._issued_within_s
        while True:
            try:
                return await self._report(agreement, asked, revision)
            except ReportBeingIssued:
                if monotonic() > until:
                    raise
                await asyncio.sleep(_LOOKED_AT_EVERY_S)

    async def _report(self, agreement: Agreement, asked: Period, revision: int | None) -> Answer:
        period = str(asked)
        issued = await self._views.issued(agreement.id, period, revision)
        if issued is not None:
            return _answer(issued)
        if await self._views.result(agreement.id, period, revision) is not None:
            raise ReportBeingIssued(period)
        if revision is not None or not has_run(agreement, asked, now=self._now()):
            raise ReportNotFound(agreement.id, period, revision)
        return await self._provisional(agreement, period)

    async def since(self, caller: Caller, issued: Report) -> SinceThen:
        """What changed after that report was issued."""
        agreement = await self._seen(caller, issued.agreement.id)
        newest = await self._views.issued(agreement.id, issued.period.period)
        return since(
            issued,
            agreement=agreement,
            improvements=await self._views.improvements(agreement.id),
            newest_revision=newest.revision if newest else issued.period.revision,
            as_of=self._now(),
        )

    async def issued_reports(
        self, caller: Caller, *, agreement_id: str, after: tuple[str, str, int] | None, limit: int
    ) -> list[IssuedReport]:
        """The issued reports that the caller may see, newest period first."""
        return await self._views.issued_reports(reader=_reader(caller), agreement_id=agreement_id, after=after, limit=limit)

    async def overviews(self, caller: Caller) -> list[Overview]:
        """The caller's agreements, at most fifty, by title."""
        found = await self._views.agreements(reader=_reader(caller), limit=_AGREEMENTS_SHOWN)
        at_once = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def one(agreement: Agreement) -> Overview:
            async with at_once:
                return await self._overview(agreement, periods=1)

        return list(await asyncio.gather(*(one(agreement) for agreement in found)))

    async def overview(self, caller: Caller, agreement_id: str) -> Overview:
        """One agreement with its last periods, its reports and improvements."""
        glance = await self._overview(await self._seen(caller, agreement_id), periods=PERIODS_SHOWN)
        return replace(
            glance,
            reports=tuple(await self.issued_reports(caller, agreement_id=agreement_id, after=None, limit=_REPORTS_SHOWN)),
            improvements=tuple(await self._views.improvements(agreement_id)),
        )

    async def _seen(self, caller: Caller, agreement_id: str) -> Agreement:
        agreement = await self._views.agreement(agreement_id, reader=_reader(caller))
        if agreement is None:
            raise ReportNotFound(agreement_id)
        return agreement

    async def _provisional(self, agreement: Agreement, period: str) -> Answer:
        try:
            assessment = await self._measuring.assessment(agreement.id, period)
        except NotFound:
            raise ReportNotFound(agreement.id, period) from None
        if assessment.closed:
            raise ReportBeingIssued(period)
        made = await _made(self._views, agreement, PeriodResult(assessment=assessment), known_at=self._now())
        written = document(made)
        return Answer(report=made, document=written, etag=_etag(sha256(written).hexdigest()), issued_at="")

    async def _overview(self, agreement: Agreement, *, periods: int) -> Overview:
        closed = await self._views.results(agreement.id, limit=periods)
        running, reachable = await self._running(agreement, latest=closed[-1] if closed else None)
        return Overview(
            agreement=agreement,
            status=agreement.standing_on(self._today(agreement)),
            running=running,
            reachable=reachable,
            closed=tuple(closed),
            warnings=tuple(await self._views.warnings(agreement.id, running.period)) if running else (),
        )

    async def _running(self, agreement: Agreement, *, latest: Assessment | None) -> tuple[Assessment | None, bool]:
        today = self._today(agreement)
        period = agreement.in_force_on(today).cycle.period_on(today, term_begins=agreement.first_day)
        is_closed = latest is not None and in_time(period) <= time_of(latest.period)
        if is_closed or not has_run(agreement, period, now=self._now()):
            return None, True
        try:
            return await self._measuring.assessment(agreement.id, str(period)), True
        except NotFound:
            return None, True
        except Unavailable:
            return None, False

    def _today(self, agreement: Agreement) -> date:
        return day_of(instant_of(self._clock.now()), parse_zone(agreement.newest.zone))

    def _now(self) -> str:
        return instant_text(instant_of(self._clock.now()))


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """Measurement's newest checkpoint: every event of it up to `position` is in the log."""

    position: int
    log: LogPart


class MeasurementLog(Protocol):
    """What measurement's log says last; None where nothing is known of it now."""

    async def newest(self) -> Sealed | None: ...


class Issuer:
    """Issues a report for every closed period that lacks one, in the order of periods and revisions. Runs until cancelled.

    A result may arrive before the terms it was judged by, which come from another service, or before its breaches: it is left for later
    until they are there, and until measurement's log has what closed the period. For a breach that was never told and for a checkpoint the
    report waits `patience_s` of real time, then tells what is known.
    """

    name = "issuer"

    def __init__(
        self,
        *,
        views: Views,
        repository: Repository[Issued, ReportIssued],
        log: MeasurementLog,
        clock: Clock,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._views = views
        self._repository = repository
        self._log = log
        self._clock = clock
        self._patience_s = patience_s
        self._first_seen: dict[Due, float] = {}
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Something was heard that may make a report ready."""
        self._poked.set()

    async def run(self) -> None:
        while True:
            self._poked.clear()
            await self.issue_due()
            try:
                await asyncio.wait_for(self._poked.wait(), _DUE_EVERY_S)
            except TimeoutError:
                continue

    async def issue_due(self) -> int:
        """How many reports were ready and are issued now."""
        waiting = await self._views.due()
        self._first_seen = {due: self._first_seen.get(due, monotonic()) for due in waiting}
        issued, held = 0, set[tuple[str, str]]()
        for due in waiting:
            if (due.agreement_id, due.period) in held or not await self._issue(due):
                held.add((due.agreement_id, due.period))
            else:
                issued += 1
        return issued

    async def _issue(self, due: Due) -> bool:
        agreement = await self._views.agreement(due.agreement_id, reader=None)
        result = await self._views.result(due.agreement_id, due.period, due.revision)
        if agreement is None or result is None or not agreement.knows(result.assessment.terms_versions):
            return False
        told = is_fully_told(agreement, result.assessment, await self._views.breaches(due.agreement_id, due.period))
        log = await self._sealed(due)
        if not (told and log) and monotonic() - self._first_seen[due] < self._patience_s:
            return False
        with span("issue report", traceparent=_parent(due), service=SERVICE):
            await self._issued(due, agreement, result, log)
        return True

    async def _sealed(self, due: Due) -> LogPart | None:
        newest = await self._log.newest()
        return newest.log if newest is not None and newest.position >= await self._views.position_of(due.event_id) else None

    async def _issued(self, due: Due, agreement: Agreement, result: PeriodResult, log: LogPart | None) -> None:
        context = _context(due, recorded_at=self._clock.now())
        made = sealed(await _made(self._views, agreement, result, known_at=instant_text(instant_of(context.recorded_at))), log)
        wanted = ReportIssued(
            agreement_id=due.agreement_id,
            period=due.period,
            revision=due.revision,
            provider=agreement.organisation("provider"),
            customer=agreement.organisation("customer"),
            document=document(made).decode(),
        )
        await self._repository.execute(stream_of(due.agreement_id, due.period), lambda issued: issue(issued, wanted), context=context)


def read(written: bytes) -> Report:
    """The inverse of `document`."""
    return msgspec.json.decode(written, type=Report)


async def _made(views: Views, agreement: Agreement, result: PeriodResult, *, known_at: str) -> Report:
    period = result.assessment.period
    previous = await views.result(agreement.id, str(before(agreement, parse_period(period, place="period"))))
    return report(
        agreement=agreement,
        result=result,
        previous=previous.assessment if previous else None,
        breaches=await views.breaches(agreement.id, period),
        warnings=await views.warnings(agreement.id, period),
        improvements=await views.improvements(agreement.id),
        known_at=known_at,
    )


def _answer(issued: IssuedReport) -> Answer:
    return Answer(report=read(issued.document), document=issued.document, etag=_etag(issued.digest), issued_at=issued.issued_at)


def _etag(digest: str) -> str:
    return f'"{digest[:32]}"'


def _reader(caller: Caller) -> str | None:
    return None if caller.is_service else caller.organisation


def _parent(due: Due) -> str:
    # A span id made from the event that closed the period: the same cause gives the same parent.
    return f"00-{due.trace_id}-{sha256(due.event_id.encode()).hexdigest()[:16]}-01" if due.trace_id else ""


def _context(due: Due, *, recorded_at: datetime) -> Context:
    return Context(
        caller=caller_of_service(SERVICE),
        recorded_at=recorded_at,
        reason=f"{due.period} was closed" if due.revision == 1 else f"{due.period} was restated",
        tool="timer",
        correlation_id=due.correlation_id or str(uuid4()),
        causation_id=due.event_id,
        traceparent=current_traceparent(),
    )
