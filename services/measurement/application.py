"""Use cases of measurement: report, assess, close, ask. Load, decide, save; holds no rule and translates nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID, uuid4

from sqlalchemy.engine import Connection

from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.identity import caller_of_service
from services.chassis.repository import Repository, Versioned
from services.chassis.telemetry import log
from services.measurement import marks, outlook, store, terms_copy, views
from services.measurement.assessment import CALCULATOR_VERSION, CALCULATORS, Calculator, NotInForce, assess, measure_promised
from services.measurement.batch import Batch
from services.measurement.both_sides import BothSides, both_sides, with_exclusions
from services.measurement.case import Case
from services.measurement.credit import BookedCredit
from services.measurement.judgement import (
    Document,
    Event,
    Finding,
    Judgement,
    Parties,
    Reason,
    ResultDocument,
    close,
    lists_tickets,
    says_the_same,
    stream_of,
    tell,
)
from services.measurement.marks import Cause, Mark
from services.measurement.objective import Composite, Objective, Terms
from services.measurement.party_facts import PartyFacts
from services.measurement.periods import Part, begun, days_of, parts_of
from services.measurement.store import Receipt
from services.measurement.stored import Stored
from services.measurement.terms_copy import Agreement
from services.measurement.wire import Renewal, Suspension, document_of, result_of
from services.vocabulary.errors import Conflict, NotAllowed, NotFound, Refusal, invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import (
    HOUR,
    MINUTE,
    SECOND,
    TZ_DATABASE,
    Instant,
    Interval,
    Microseconds,
    Period,
    datetime_of,
    day_of,
    days_later,
    instant_of,
    instant_text,
    parse_instant,
    start_of_day,
)

_DAY = 24 * HOUR
_MARGIN = 2 * _DAY
READING = SECOND
"""What is recorded while a period is being judged may be in the judgement already."""

_OF_24_HOURS = frozenset({"1", "2"})
"""Calculators to which the days until the hard close were not those of the zone."""

_PULSE = Microseconds(MINUTE)
LONGEST_SPAN = 5 * 366 * _DAY

_log = log("measurement")


class AgreementNotFound(NotFound):
    """No such agreement, none signed by both parties, or none that this caller may know of."""

    code = "agreement-not-found"


class ObjectiveNotFound(NotFound):
    """The agreement has no such objective over the span."""

    code = "objective-not-found"


class NotTheProvider(NotAllowed):
    """Only the provider closes a period."""

    code = "not-the-provider"


class TermsDesk(Protocol):
    """Where the terms are at home."""

    async def agreement(self, agreement_id: str) -> Agreement:
        """All versions ever in force; refuses with `NotFound` where none was, with `Unavailable` where nobody answers."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Deed:
    """Why something is assessed: the reasons in words, and the cause it goes back to where no report is behind it.

    What is not a report of the provider goes back to itself, unless such a report waits that nobody has assessed; everything else to
    the last report.
    """

    reasons: Sequence[Reason]
    cause: Cause
    tool: str
    is_about_terms: bool = False


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What was found, and the cause it goes back to, read together; and when time alone can change it."""

    finding: Finding
    cause: Cause
    changes_at: Instant | None = None


class Measurement:
    """`marked` is set whenever there may be something to assess."""

    def __init__(
        self,
        *,
        database: Database,
        judgements: Repository[Judgement, Stored],
        desk: TermsDesk,
        clock: Clock,
        calculators: Mapping[str, Calculator] = CALCULATORS,
    ) -> None:
        self._database = database
        self._judgements = judgements
        self._desk = desk
        self._clock = clock
        self._calculators = calculators
        self._changes_at: dict[tuple[str, str], Instant] = {}
        self._warned: dict[tuple[str, str, str], str] = {}
        self.marked = asyncio.Event()
        self.marked.set()

    # Observations and terms come in

    async def report(self, batch: Batch, *, context: Context) -> Receipt:
        """Durable when it returns, and marked for assessment. Refuses with `BatchNameReused`."""
        if not len(batch):
            return Receipt(batch=batch.name, accepted=0, repeated=0)
        recorded_at = instant_of(context.recorded_at)
        tenant = context.caller.organisation

        def work(connection: Connection) -> Receipt:
            before = marks.told_before(connection, batch, tenant=tenant)
            receipt = store.record(
                connection,
                batch,
                tenant=tenant,
                recorded_at=recorded_at,
                reported_by=context.caller.subject,
                reason=context.reason,
            )
            if receipt.accepted:
                words = _correction(context) if receipt.corrects else f"late observations from {batch.source}"
                cause = _cause(words, context)
                for service, touched in marks.touched(batch, before):
                    marks.set_mark(connection, scope="service", tenant=tenant, subject=service, span=touched, cause=cause)
            return receipt

        receipt = await self._database.write(work)
        self.marked.set()
        return receipt

    def copy_terms(self, connection: Connection, agreement: Agreement, *, words: str, context: Context) -> None:
        """Within the caller's transaction: keeps what agreements published, and marks what it may have changed because of these words."""
        terms_copy.keep(connection, agreement)
        self._mark_agreement(connection, agreement, since=agreement.versions[-1].effective_on, words=words, context=context)

    def copy_ending(self, connection: Connection, agreement_id: str, *, last_day: date, recorded_at: Instant, context: Context) -> None:
        """Within the caller's transaction: the agreement ends after this day."""
        terms_copy.keep_ending(connection, agreement_id, last_day=last_day, recorded_at=recorded_at)
        agreement = terms_copy.agreement(connection, agreement_id)
        assert agreement is not None, "an agreement ends after its activation"
        self._mark_agreement(connection, agreement, since=last_day, words="the agreement's end", context=context)

    def copy_suspension(self, connection: Connection, agreement_id: str, suspension: Suspension, *, context: Context) -> None:
        """Within the caller's transaction: nothing is judged on its days, nor was on those that have passed."""
        terms_copy.keep_suspension(connection, agreement_id, suspension)
        agreement = terms_copy.agreement(connection, agreement_id)
        assert agreement is not None, "an agreement is suspended after its activation"
        words = "the agreement's suspension" if suspension.last_day is None else f"the agreement's suspension to {suspension.last_day}"
        self._mark_agreement(connection, agreement, since=suspension.first_day, words=words, context=context)

    def copy_renewal(self, connection: Connection, agreement_id: str, renewal: Renewal, *, context: Context) -> None:
        """Within the caller's transaction: the term goes on to a later last day."""
        before = terms_copy.agreement(connection, agreement_id)
        assert before is not None, "an agreement is renewed after its activation"
        ended = before.terms_in_force()[-1].terms.ends
        terms_copy.keep_renewal(connection, agreement_id, renewal)
        agreement = terms_copy.agreement(connection, agreement_id)
        assert agreement is not None, "it was there before"
        self._mark_agreement(connection, agreement, since=ended or renewal.last_day, words="the agreement's renewal", context=context)

    def _mark_agreement(self, connection: Connection, agreement: Agreement, *, since: date, words: str, context: Context) -> None:
        day_before = since - timedelta(days=1)
        touched = Interval(start_of_day(day_before, agreement.terms_in_force()[-1].terms.zone), marks.ALWAYS.end)
        cause = _cause(words, context)
        marks.set_mark(connection, scope="agreement", tenant=agreement.provider, subject=agreement.id, span=touched, cause=cause)

    # What is found is told

    async def assess_marked(self) -> int:
        """Assesses what is marked, one mark after the other, and clears each when all of it is told. How many there were.

        Raises what kept a mark from being cleared, after the others had their turn.
        """
        failed: list[Exception] = []
        found = await self._database.read(marks.marked)
        for mark in found:
            try:
                await self._assess_mark(mark)
            except Exception as error:
                failed.append(error)
        if failed:
            raise ExceptionGroup("marks that could not be assessed", failed)
        return len(found)

    async def _assess_mark(self, mark: Mark) -> None:
        deed = _Deed(reasons=mark.reasons, cause=mark.cause, tool="assessor", is_about_terms=mark.scope == "agreement")
        for agreement in await self._database.read(lambda connection: _affected(connection, mark)):
            own = replace(deed, is_about_terms=deed.is_about_terms or mark.tenant != agreement.provider)
            for month in begun(agreement.terms_in_force(), now=self._now(), touched=mark.span):
                await self._tell(agreement, month, own)
        await self._database.write(lambda connection: marks.clear_mark(connection, mark))

    async def refresh(self, *, everything: bool) -> None:
        """Assesses every open period, or only those that time alone can have changed since: an outage that goes on spends a budget without
        anybody reporting anything, and a ticket falls due."""
        now = self._now()
        if not everything and all(at > now for at in self._changes_at.values()):
            return
        deed = self._deed_of_time()
        closed, agreements = await self._database.read(lambda each: (views.closed_months(each), terms_copy.agreements(each)))
        for agreement in agreements:
            for month in begun(agreement.terms_in_force(), now=now, touched=marks.ALWAYS):
                key = (agreement.id, str(month))
                if key in closed:
                    self._changes_at.pop(key, None)
                elif everything or self._changes_at.get(key, marks.ALWAYS.end) <= now:
                    await self._tell(agreement, month, deed)

    async def _tell(self, agreement: Agreement, month: Period, deed: _Deed) -> None:
        stated = await self._stated(agreement, month)
        try:
            found = await self._find(agreement, month, deed, stated=stated)
        except NotInForce:
            return
        except Conflict as refusal:
            self._warn("a period cannot be assessed", agreement.id, str(month), refusal.message)
            self._note_change(agreement, month, None)
            return
        self._warn("a period cannot be assessed", agreement.id, str(month), "")
        if moved := await self._moved_by_time_zones(agreement, month, stated):
            self._warn("a closed period is not restated", agreement.id, str(month), moved)
            return
        finding = found.finding
        told = await self._judgements.execute(
            stream_of(agreement.id, str(month)),
            lambda state: tell(state, finding, reasons=deed.reasons),
            context=_context(found, deed),
        )
        if not _closed(told.state):
            await self._database.write(lambda connection: views.put_running(connection, finding.document))
            self._note_change(agreement, month, found.changes_at)

    def _note_change(self, agreement: Agreement, month: Period, changes_at: Instant | None) -> None:
        key = (agreement.id, str(month))
        if changes_at is None:
            self._changes_at.pop(key, None)
        else:
            self._changes_at[key] = changes_at

    def _warn(self, event: str, agreement_id: str, period: str, reason: str) -> None:
        """Once for each reason, however often it is met; no reason: it is over."""
        key = (event, agreement_id, period)
        if not reason:
            self._warned.pop(key, None)
        elif self._warned.get(key) != reason:
            self._warned[key] = reason
            _log.warning(event, agreement=agreement_id, period=period, reason=reason)

    async def _moved_by_time_zones(self, agreement: Agreement, month: Period, stated: Document | None) -> str:
        """Why a closed period keeps what was stated of it: today's time zone database alone leads to something else. Empty: it does not."""
        then = str(stated.get("tz_database", "")) if stated else ""
        if not stated or then in ("", TZ_DATABASE):
            return ""
        found = await self._database.read(lambda each: as_stated(each, agreement, month, stated, calculators=self._calculators))
        return "" if found else f"time zones {TZ_DATABASE} lead to other figures than {then}, by which it was closed"

    # Closing

    async def close_period(self, agreement_id: str, month: Period, *, context: Context) -> Document:
        """The closed assessment, by the terms that agreements has now.

        Refuses with `AgreementNotFound`, `NotTheProvider`, `NotInForce`, `MixedCurrencies`, `PeriodNotOver`, `PeriodAlreadyClosed` and
        `Unavailable`.
        """
        agreement = await self.visible(agreement_id, context.caller)
        if not context.caller.is_service and context.caller.organisation != agreement.provider:
            raise NotTheProvider("only the provider's service manager closes a period")
        agreement = await self._fetched(agreement.id)
        deed = _Deed(reasons=(), cause=_cause("", context), tool=context.tool)
        finding = (await self._find(agreement, month, deed)).finding
        at_that_time = replace(context, recorded_at=_moment(finding))
        return (await self._close(agreement, finding, lambda state: close(state, finding), at_that_time)).state.stated[-1]

    async def close_due(self) -> int:
        """Closes the periods whose time has come; how many. One that cannot be closed now is left for the next time."""
        closed, agreements = await self._database.read(lambda each: (views.closed_months(each), terms_copy.agreements(each)))
        count = 0
        for agreement in agreements:
            if due := list(self._due(agreement, closed)):
                count += await self._close_months(agreement.id, due)
        return count

    async def _close_months(self, agreement_id: str, due: Sequence[Period]) -> int:
        try:
            agreement = await self._fetched(agreement_id)
        except Refusal as refusal:
            self._warn("no period is closed yet", agreement_id, "", refusal.message)
            return 0
        self._warn("no period is closed yet", agreement_id, "", "")
        return sum([await self._close_if_possible(agreement, month) for month in due])

    async def _close_if_possible(self, agreement: Agreement, month: Period) -> bool:
        """A period that cannot be closed does not hold up those after it."""
        try:
            closed = await self._close_month(agreement, month)
        except Refusal as refusal:
            self._warn("a period is not closed yet", agreement.id, str(month), refusal.message)
            return False
        self._warn("a period is not closed yet", agreement.id, str(month), "")
        return closed

    async def _close_month(self, agreement: Agreement, month: Period) -> bool:
        """False: somebody closed it meanwhile."""
        deed = self._deed_of_time()
        found = await self._find(agreement, month, deed)
        finding = found.finding
        context = _context(found, deed)
        closed = await self._close(agreement, finding, lambda state: () if _closed(state) else close(state, finding), context)
        return bool(closed.recorded)

    async def _close(
        self, agreement: Agreement, finding: Finding, decide: Callable[[Judgement | None], Sequence[Event]], context: Context
    ) -> Versioned[Judgement]:
        """Looks once more afterwards: what came between reading the evidence and the close was assessed while the period was open.
        The last instant is in the fewest other periods."""
        month = finding.assessment.month
        closed = await self._judgements.execute(stream_of(agreement.id, str(month)), decide, context=context)
        if closed.recorded:
            cause = _cause("observations that came while the period was being closed", context)
            last_instant = Interval(Instant(finding.assessment.interval.end - 1), finding.assessment.interval.end)
            await self._database.write(
                lambda each: marks.set_mark(
                    each, scope="agreement", tenant=agreement.provider, subject=agreement.id, span=last_instant, cause=cause
                )
            )
            self.marked.set()
        return closed

    def _due(self, agreement: Agreement, closed: Collection[tuple[str, str]]) -> Iterator[Period]:
        """Those that are not closed, in the order of time."""
        now = self._now()
        terms = agreement.terms_in_force()
        for month in begun(terms, now=now, touched=marks.ALWAYS):
            if (agreement.id, str(month)) in closed:
                continue
            last = parts_of(terms, month)[-1]
            if now >= days_later(_ended(agreement, last), last.version.terms.close_after_days, last.version.terms.zone):
                yield month

    # Questions

    async def assessment(self, agreement_id: str, month: Period, *, known_at: Instant | None = None, caller: Caller) -> Document:
        """What was stated of a closed period, the running assessment of an open one; either as it was known at an instant."""
        newest = await self.visible(agreement_id, caller)
        agreement = newest.known_at(known_at)
        if agreement is None:
            raise NotInForce("no terms were known to be in force then")
        told = await self._judgements.load(stream_of(newest.id, str(month)), known_at=None if known_at is None else datetime_of(known_at))
        if told is not None and told.state.closed:
            return told.state.stated[-1]
        until = self._now() if known_at is None else min(known_at, self._now())
        running = await self._database.read(
            lambda each: case_of(each, agreement, month, until=until, known_at=known_at, calculators=self._calculators)
        )
        return {**document_of(running.assessment), "recorded_at": instant_text(until)}

    async def assessments(self, agreement_id: str, *, after: Period | None, limit: int, caller: Caller) -> Sequence[Document]:
        """The periods that were assessed, in the order of time, behind the period `after`; None: from the first."""
        agreement = await self.visible(agreement_id, caller)
        return await self._database.read(lambda connection: views.months(connection, agreement.id, after=after, limit=limit))

    async def measure(self, agreement_id: str, objective_id: str, asked: Interval, *, caller: Caller) -> ResultDocument:
        """One objective over a span, by the newest terms that apply in it. Refuses with `ObjectiveNotFound` and `Invalid`."""
        if not 0 < asked.length <= LONGEST_SPAN:
            raise invalid("end", "must be later than start, by at most five years")
        agreement = await self.visible(agreement_id, caller)
        promised, objective = _objective(agreement, objective_id, asked)
        services = None if isinstance(objective.indicator, Composite) else frozenset({objective.service})

        def work(connection: Connection) -> ResultDocument:
            sides = both_sides(connection, agreement, reach=_around(asked), services=services)
            until = self._now()
            history = sides.terms
            terms = next(version.terms for version in history if version.terms.version == promised.version)
            return result_of(
                measure_promised(terms, objective_id, sides.evidence(measured_until=until), asked, measured_until=until, history=history)
            )

        return await self._database.read(work)

    async def closed_by(
        self, agreement: Agreement, *, service: str, interval: Interval | None, tickets: Collection[str]
    ) -> tuple[str, ...]:
        """The closed periods whose stated figures it touches if this time, or these tickets, are taken out, in the order of time."""
        touched = marks.ALWAYS if interval is None else interval
        found: list[str] = []
        for period in begun(agreement.terms_in_force(), now=self._now(), touched=touched):
            told = await self._judgements.load(stream_of(agreement.id, str(period)))
            if told is None or not told.state.closed:
                continue
            if interval is not None or lists_tickets(told.state.stated[-1], service=service, tickets=tickets):
                found.append(str(period))
        return tuple(found)

    # What all of them need

    async def visible(self, agreement_id: str, caller: Caller) -> Agreement:
        """Asks agreements where no copy has arrived yet; refuses with `AgreementNotFound` what the caller may not know of."""
        agreement_id = _normal(agreement_id)
        agreement = await self._database.read(lambda connection: terms_copy.agreement(connection, agreement_id))
        if agreement is None:
            agreement = await self._fetched(agreement_id)
        if not caller.speaks_for_any(agreement.readers):
            raise AgreementNotFound("there is no such agreement")
        return agreement

    async def _fetched(self, agreement_id: str) -> Agreement:
        """The terms as agreements has them now, kept as our copy."""
        try:
            agreement = await self._desk.agreement(agreement_id)
        except NotFound:
            raise AgreementNotFound("there is no such agreement") from None
        await self._database.write(lambda connection: terms_copy.keep(connection, agreement))
        return agreement

    async def _find(self, agreement: Agreement, month: Period, deed: _Deed, *, stated: Document | None = None) -> _Found:
        """What a period was closed with, as `stated` of it, is what it is judged by for ever."""
        now = self._now()
        calculator = str(stated["calculator_version"]) if stated else CALCULATOR_VERSION

        def work(connection: Connection) -> tuple[Case, Cause | None, Cause | None]:
            return (
                case_of(connection, agreement, month, until=now, calculator=calculator, calculators=self._calculators),
                marks.latest_cause(connection, tenant=agreement.provider, services=agreement.services),
                marks.latest_cause(connection, tenant=agreement.provider, services=agreement.services, pending=True),
            )

        case, latest, pending = await self._database.read(work)
        assessment = case.assessment
        finding = Finding(
            assessment=assessment,
            document={**document_of(assessment), "recorded_at": instant_text(now)},
            results=[result_of(result) for result in assessment.objectives],
            parties=Parties(provider=agreement.provider, customer=agreement.customer),
            recorded_at=instant_text(now),
            trace_id=_trace_id((latest or deed.cause).traceparent),
            alerts=outlook.alerts(case),
        )
        cause = (pending if deed.is_about_terms else latest) or deed.cause
        return _Found(finding=finding, cause=cause, changes_at=outlook.next_change(case, pulse=_PULSE))

    async def _stated(self, agreement: Agreement, month: Period) -> Document | None:
        """What was stated last of a closed period."""
        told = await self._judgements.load(stream_of(agreement.id, str(month)))
        return told.state.stated[-1] if told is not None and told.state.closed else None

    def _now(self) -> Instant:
        return instant_of(self._clock.now())

    def _deed_of_time(self) -> _Deed:
        passing = Reason(words="the passing of time", recorded_at=self._now())
        return _Deed(reasons=[passing], cause=Cause(reason=passing), tool="timer")


def _affected(connection: Connection, mark: Mark) -> Sequence[Agreement]:
    if mark.scope == "agreement":
        agreement = terms_copy.agreement(connection, mark.subject)
        return [agreement] if agreement else []
    return [each for each in terms_copy.agreements_of(connection, mark.tenant) if mark.subject in each.services]


def case_of(
    connection: Connection,
    agreement: Agreement,
    month: Period,
    *,
    until: Instant,
    known_at: Instant | None = None,
    calculator: str = CALCULATOR_VERSION,
    calculators: Mapping[str, Calculator] = CALCULATORS,
    added: PartyFacts | None = None,
) -> Case:
    """The period judged by what was known; `added` instead of what the parties added. Refuses as `assess` does."""
    told_by = hard_close(agreement, month, calculator=calculator)
    sides = both_sides(connection, agreement, reach=reach_of(agreement, month), known_at=known_at, observed_by=told_by)
    if added is not None:
        sides = replace(sides, terms=with_exclusions(agreement, added))
    booked = views.booked(connection, agreement.id, known_at=known_at)
    return judged(agreement, month, sides, until=until, booked=booked, calculator=calculator, calculators=calculators)


def judged(
    agreement: Agreement,
    month: Period,
    sides: BothSides,
    *,
    until: Instant,
    booked: Sequence[BookedCredit],
    calculator: str = CALCULATOR_VERSION,
    calculators: Mapping[str, Calculator] = CALCULATORS,
) -> Case:
    """The period by what both sides said; of the `booked` credits those of earlier periods count. Refuses as `assess` does."""
    evidence = sides.evidence(measured_until=until)
    history = agreement.terms_in_force()
    own_days = days_of(history, month)
    assessment = assess(
        agreement_id=agreement.id,
        terms=sides.terms,
        evidence=evidence,
        month=month,
        measured_until=until,
        calculator=calculator,
        calculators=calculators,
        booked=[each for each in booked if days_of(history, each.month) < own_days],
    )
    return Case(assessment=assessment, terms=sides.terms, evidence=evidence, until=until, reported=sides.reported)


def reach_of(agreement: Agreement, month: Period) -> Interval:
    """The time that an observation may speak of and still bear on the period."""
    return _around(month.bounds(agreement.terms_in_force()[-1].terms.zone))


class AsStated(NamedTuple):
    """The case that led to what was stated of a closed period, with the terms and the instant that it was known at."""

    case: Case
    agreement: Agreement
    known_at: Instant


def as_stated(
    connection: Connection,
    newest: Agreement,
    month: Period,
    stated: Document,
    *,
    calculators: Mapping[str, Calculator] = CALCULATORS,
) -> AsStated | None:
    """The period judged once more by what was known then; None where that does not lead to what was stated."""
    until = parse_instant(str(stated["recorded_at"]), place="recorded_at")
    for known_at in (until, Instant(until + READING)):
        agreement = newest.known_at(known_at)
        if agreement is None:
            continue
        case = case_of(
            connection,
            agreement,
            month,
            until=until,
            known_at=known_at,
            calculator=str(stated["calculator_version"]),
            calculators=calculators,
        )
        if says_the_same(stated, document_of(case.assessment)):
            return AsStated(case, agreement, known_at)
    return None


def hard_close(agreement: Agreement, month: Period, *, calculator: str = CALCULATOR_VERSION) -> Instant | None:
    """After it, late observations change the period no more; None where the terms know none."""
    parts = parts_of(agreement.terms_in_force(), month)
    if not parts or parts[-1].version.terms.hard_close_after_days is None:
        return None
    ended, days = _ended(agreement, parts[-1]), parts[-1].version.terms.hard_close_after_days
    return Instant(ended + days * _DAY) if calculator in _OF_24_HOURS else days_later(ended, days, parts[-1].version.terms.zone)


def _ended(agreement: Agreement, last: Part) -> Instant:
    """When the days until a close begin to count: not before the agreement was signed."""
    return max(start_of_day(last.after, last.version.terms.zone), agreement.activated_at)


def _around(span: Interval) -> Interval:
    return Interval(Instant(span.start - _MARGIN), Instant(span.end + _MARGIN))


def _objective(agreement: Agreement, objective_id: str, asked: Interval) -> tuple[Terms, Objective]:
    for version in reversed(agreement.terms_in_force()):
        if version.first_day <= day_of(Instant(asked.end - 1), version.terms.zone):
            for objective in version.terms.objectives:
                if objective.id == objective_id:
                    return version.terms, objective
    raise ObjectiveNotFound(f"agreement {agreement.id} has no objective {objective_id!r} over this span")


def _context(found: _Found, deed: _Deed) -> Context:
    """Recorded when it was found: what is known then is what it says."""
    return Context(
        caller=caller_of_service("measurement"),
        recorded_at=_moment(found.finding),
        reason=", ".join(reason.words for reason in deed.reasons),
        tool=deed.tool,
        correlation_id=found.cause.correlation_id or str(uuid4()),
        causation_id=found.cause.causation_id,
        traceparent=found.cause.traceparent,
    )


def _moment(finding: Finding) -> datetime:
    return datetime_of(parse_instant(finding.recorded_at, place="recorded_at"))


def _closed(state: Judgement | None) -> bool:
    return state is not None and state.closed


def _cause(words: str, context: Context) -> Cause:
    return Cause(
        reason=Reason(words=words, recorded_at=instant_of(context.recorded_at)),
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        traceparent=context.traceparent,
    )


def _correction(context: Context) -> str:
    """Who corrects what was reported, and why."""
    reason = " ".join(context.reason.split())
    return f"correction by {context.caller.subject}" + (f": {reason}" if reason else "")


def _trace_id(traceparent: str) -> str:
    """The second part of a W3C traceparent."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""


def _normal(agreement_id: str) -> str:
    """What is no id is nobody's agreement."""
    try:
        found = str(UUID(agreement_id))
    except ValueError:
        raise AgreementNotFound("there is no such agreement") from None
    if found != agreement_id.lower():
        raise AgreementNotFound("there is no such agreement")
    return found
