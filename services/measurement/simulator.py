"""The use case of trying terms before they are signed: over periods that were observed, beside what counts. Writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, Protocol

from google.protobuf.json_format import MessageToDict, ParseDict
from sqlalchemy.engine import Connection
from upheld.agreements.v1 import terms_pb2

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.measurement import party_facts_store, views
from services.measurement.application import Measurement, hard_close, judged, reach_of
from services.measurement.assessment import CALCULATOR_VERSION, CALCULATORS, Assessment, Calculator, NotInForce, why_not_in_force
from services.measurement.both_sides import BothSides, both_sides, with_exclusions
from services.measurement.clause import Clause, clauses, left_out
from services.measurement.inquiry import Body, Inquiry, TermsReader, check_parties
from services.measurement.judgement import Document
from services.measurement.objective import ExclusionClass, Terms
from services.measurement.periods import begun, in_order, parts_of
from services.measurement.preview import Difference
from services.measurement.simulation import Course, Outcome, Without, outcome_of, outcome_stated, simulation_document, stand
from services.measurement.terms_copy import Agreement
from services.measurement.wire import SignedTerms, document_of, exclusion_classes_of, terms_of
from services.vocabulary.calendar import NoOpenTime
from services.vocabulary.errors import Refusal, invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import Instant, Interval, Period, in_time, instant_of, start_of_day

MOST_PERIODS = 60
MOST_PLACES = 200
MOST_JUDGEMENTS = 2_000

Readings = Literal["agreed", "provider", "customer"]


class Desk(TermsReader, Protocol):
    """Where the terms, and the grammar of their documents, are at home."""

    async def agreement(self, agreement_id: str) -> Agreement:
        """All versions ever in force, written as `read_terms` writes them; refuses with `NotFound` and with `Unavailable`."""
        ...


@dataclass(frozen=True, kw_only=True)
class AskedSimulation:
    """Periods inclusive. No document: the terms in force. `side` is whose readings count; empty: whose the terms say."""

    document: str = ""
    from_period: Period
    to_period: Period
    side: str = ""


@dataclass(frozen=True, kw_only=True)
class _Days:
    """The civil days [first, after) that are simulated."""

    first: date
    after: date


@dataclass(frozen=True, kw_only=True)
class _Way:
    """What is agreed, one way or another, and its periods within the simulated days."""

    agreement: Agreement
    periods: frozenset[Period]


@dataclass(kw_only=True)
class _Track:
    """How it goes one way, as far as it was judged; no way: it does not stand."""

    way: _Way | None
    course: Course = field(default_factory=Course)

    def goes_on(self, found: Outcome | Exception | None) -> None:
        """None: the way has no such period."""
        if isinstance(found, Exception):
            self.way = None
        elif found is not None:
            self.course = self.course.followed_by(found)


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """What counts, the proposal, and the proposal with each clause left as it is in force.

    A clause that changes nothing that is judged goes the way of the proposal itself.
    """

    in_force: _Way
    simulated: _Way
    counted: _Track
    tried: _Track
    variants: Sequence[tuple[Clause, _Track]] = ()

    @property
    def others(self) -> list[_Track]:
        return [track for _, track in self.variants if track is not self.tried]

    def periods(self) -> list[Period]:
        """In the order of time; refuses with `Invalid` too many."""
        ways = [self.in_force, self.simulated, *(track.way for track in self.others if track.way is not None)]
        found = sorted({period for way in ways for period in way.periods}, key=in_order)
        if len(found) > MOST_PERIODS:
            raise invalid("to_period", f"makes {len(found)} periods; at most {MOST_PERIODS} are simulated at once")
        judged_as = 2 + len(self.others)
        if len(found) * judged_as > MOST_JUDGEMENTS:
            judgements = f"{len(found)} periods to be judged in {judged_as} ways each"
            raise invalid("to_period", f"makes {judgements}; at most {MOST_JUDGEMENTS} judgements are made at once")
        return found

    def without(self) -> list[Without]:
        return [Without(clause=clause, course=track.course if track.way else None) for clause, track in self.variants]


class Simulator:
    """Every period is judged as for its close: by the same calculator, from what is known now."""

    def __init__(
        self,
        *,
        database: Database,
        measurement: Measurement,
        inquiry: Inquiry,
        desk: Desk,
        clock: Clock,
        calculators: Mapping[str, Calculator] = CALCULATORS,
    ) -> None:
        self._database = database
        self._measurement = measurement
        self._inquiry = inquiry
        self._desk = desk
        self._clock = clock
        self._calculators = calculators

    async def simulate(self, agreement_id: str, asked: AskedSimulation, *, caller: Caller) -> Body:
        """The document's terms as if they had been in force from the agreement's first day on, beside what counts.

        Refuses with `AgreementNotFound`, `NotInForce`, `MixedCurrencies`, `Unavailable`, and with `Invalid` a document that agreements
        could not take, periods that have not begun, and more than can be simulated at once.
        """
        readings, now = _readings(asked.side), instant_of(self._clock.now())
        agreement = _read_by(readings, await self._measurement.visible(agreement_id, caller))
        days = _days(agreement, asked, now)
        stage = await self._stage(agreement, asked.document, readings, days, now)
        differences = [await self._judge(stage, period, readings, days, now) for period in stage.periods()]
        return simulation_document(
            agreement.id, differences=differences, in_force=stage.counted.course, simulated=stage.tried.course, without=stage.without()
        )

    async def _stage(self, agreement: Agreement, document: str, readings: Readings, days: _Days, now: Instant) -> _Stage:
        in_force = _way(agreement, days, now)
        proposed = await self._proposed(agreement, document, days)
        if proposed is None:
            return _Stage(in_force=in_force, simulated=in_force, counted=_Track(way=in_force), tried=_Track(way=in_force))
        simulated = _way(_instead(agreement, proposed, readings), days, now)
        if not simulated.periods:
            form = simulated.agreement.terms_in_force()[-1].terms.cycle.form
            raise invalid("to_period", f"leaves no whole period of the proposed terms, which judge by {form}")
        tried, read = _Track(way=simulated), _read(proposed)

        def track(terms: terms_pb2.Terms) -> _Track:
            try:
                if _read(terms) == read:
                    return tried
                return _Track(way=_way(_instead(agreement, terms, readings), days, now) if stand(terms_of(terms, version=0)) else None)
            except Refusal:
                return _Track(way=None)

        base = await self._base(in_force)
        variants = await asyncio.to_thread(lambda: [(clause, track(terms)) for clause, terms in _changes(base, proposed)])
        return _Stage(in_force=in_force, simulated=simulated, counted=_Track(way=in_force), tried=tried, variants=variants)

    async def _proposed(self, agreement: Agreement, document: str, days: _Days) -> terms_pb2.Terms | None:
        if not document:
            return None
        message = await self._desk.read_terms(document)
        check_parties(agreement, message)
        _check_holidays(message, max(days.first, agreement.terms_in_force()[0].first_day))
        return message

    async def _base(self, in_force: _Way) -> terms_pb2.Terms:
        """The terms that count at the end of the simulated days, asked for anew, so that they are written as the proposed ones are."""
        agreement = in_force.agreement
        last = parts_of(agreement.terms_in_force(), max(in_force.periods, key=in_order))[-1].version.terms.version
        home = await self._desk.agreement(agreement.id)
        return next(signed.message for signed in (*home.versions, *agreement.versions) if signed.version == last)

    async def _judge(self, stage: _Stage, period: Period, readings: Readings, days: _Days, now: Instant) -> Difference:
        """What was stated of a closed period is what counts, unless one side's readings were asked for."""
        stated = await self._inquiry.stated(stage.in_force.agreement.id, period)
        booked = stated if readings == "agreed" and period in stage.in_force.periods else None
        calculator = str(stated["calculator_version"]) if stated else CALCULATOR_VERSION

        def work(connection: Connection) -> tuple[Assessment | None, Assessment | None, list[Outcome | Exception | None]]:
            hearing = _Hearing(
                connection, stage.simulated.agreement, period, days, until=now, calculator=calculator, calculators=self._calculators
            )
            before = None if booked else hearing.assessment(stage.in_force, stage.counted.course)
            after = hearing.assessment(stage.simulated, stage.tried.course)
            return before, after, [hearing.tried(track) for track in stage.others]

        before, after, others = await self._database.read(work)
        stage.counted.goes_on(outcome_stated(period, booked) if booked else _outcome(before))
        stage.tried.goes_on(_outcome(after))
        for track, found in zip(stage.others, others, strict=True):
            track.goes_on(found)
        return Difference(period=str(period), closed=stated is not None, before=booked or _document(before), after=_document(after))


class _Hearing:
    """What one period is judged from, read once for every way."""

    def __init__(
        self,
        connection: Connection,
        everything: Agreement,
        period: Period,
        days: _Days,
        *,
        until: Instant,
        calculator: str,
        calculators: Mapping[str, Calculator],
    ) -> None:
        self._connection = connection
        self._everything = everything
        self._period = period
        self._until = until
        self._calculator = calculator
        self._calculators = calculators
        self._added = party_facts_store.added(connection, everything.id)
        paid = views.booked(connection, everything.id, known_at=None)
        self._paid_before = [each for each in paid if each.month.first_day < days.first]
        self._sides: dict[tuple[Interval, Instant | None], BothSides] = {}

    def assessment(self, way: _Way, course: Course) -> Assessment | None:
        """None: the way has no such period. Refuses as `assess` does."""
        if self._period not in way.periods:
            return None
        return judged(
            way.agreement,
            self._period,
            replace(self._said(way.agreement), terms=with_exclusions(way.agreement, self._added)),
            until=self._until,
            booked=[*self._paid_before, *course.booked],
            calculator=self._calculator,
            calculators=self._calculators,
        ).assessment

    def tried(self, track: _Track) -> Outcome | Exception | None:
        """A way that cannot be judged is answered with why."""
        try:
            return None if track.way is None else _outcome(self.assessment(track.way, track.course))
        except (Refusal, NoOpenTime) as refusal:
            return refusal

    def _said(self, agreement: Agreement) -> BothSides:
        reach, told_by = reach_of(agreement, self._period), hard_close(agreement, self._period, calculator=self._calculator)
        if (reach, told_by) not in self._sides:
            self._sides[reach, told_by] = both_sides(self._connection, self._everything, reach=reach, observed_by=told_by, always_both=True)
        return self._sides[reach, told_by]


def _outcome(assessment: Assessment | None) -> Outcome | None:
    return None if assessment is None else outcome_of(assessment)


def _document(assessment: Assessment | None) -> Document | None:
    return None if assessment is None else document_of(assessment)


def _check_holidays(message: terms_pb2.Terms, first_day: date) -> None:
    """Refuses with `Invalid` a region whose holidays were filled in from a later year on."""
    filled_from = date.fromisoformat(message.effective_on).replace(month=1, day=1)
    for number, calendar in enumerate(message.calendars):
        is_filled = calendar.region and all(date.fromisoformat(each.day) >= filled_from for each in calendar.holidays)
        if is_filled and first_day < filled_from:
            rule = f"has no holidays before {filled_from}, when the terms begin; list them, or write an effective_on of {first_day.year}"
            raise invalid(f"calendars[{number}].region", rule)


def _readings(side: str) -> Readings:
    match side:
        case "" | "agreed":
            return "agreed"
        case "provider":
            return "provider"
        case "customer":
            return "customer"
        case _:
            raise invalid("side", f"must be agreed, provider or customer, not {side[:40]!r}")


def _read_by(readings: Readings, agreement: Agreement) -> Agreement:
    """By one side's readings, whatever the terms say of disputes."""
    versions = tuple(replace(signed, message=_with_readings(signed.message, readings)) for signed in agreement.versions)
    return replace(agreement, versions=versions)


def _with_readings(message: terms_pb2.Terms, readings: Readings) -> terms_pb2.Terms:
    if readings == "agreed":
        return message
    changed = terms_pb2.Terms()
    changed.CopyFrom(message)
    changed.disputes = readings
    return changed


def _days(agreement: Agreement, asked: AskedSimulation, now: Instant) -> _Days:
    """Refuses with `NotInForce` and `Invalid`."""
    history = agreement.terms_in_force()
    for period in (asked.from_period, asked.to_period):
        if not parts_of(history, period):
            raise NotInForce(why_not_in_force(history, period))
    if in_time(asked.to_period) < in_time(asked.from_period):
        raise invalid("to_period", f"must not be before from_period, {asked.from_period}")
    if asked.to_period not in begun(history, now=now, touched=asked.to_period.bounds(history[-1].terms.zone)):
        raise invalid("to_period", f"must have begun: nothing was observed yet in {asked.to_period}")
    return _Days(first=asked.from_period.first_day, after=asked.to_period.day_after)


def _way(agreement: Agreement, days: _Days, now: Instant) -> _Way:
    history = agreement.terms_in_force()
    zone = history[-1].terms.zone
    span = Interval(start_of_day(days.first, zone), start_of_day(days.after, zone))
    found = begun(history, now=now, touched=span)
    within = (each for each in found if days.first <= each.first_day and each.day_after <= days.after)
    return _Way(agreement=agreement, periods=frozenset(within))


def _instead(agreement: Agreement, message: terms_pb2.Terms, readings: Readings) -> Agreement:
    """As if both had signed these terms when they signed the first ones."""
    first_day, newest = agreement.terms_in_force()[0].first_day, agreement.versions[-1].version
    signed = SignedTerms(
        version=newest + 1, effective_on=first_day, message=_with_readings(message, readings), recorded_at=agreement.activated_at
    )
    return replace(agreement, versions=(*agreement.versions, signed))


def _read(message: terms_pb2.Terms) -> tuple[Terms, Mapping[str, ExclusionClass]]:
    """All of it that a figure can depend on: its own first day is not, since every simulation begins with the agreement."""
    return replace(terms_of(message, version=0), effective=date.min), exclusion_classes_of(message)


def _changes(before: terms_pb2.Terms, after: terms_pb2.Terms) -> Iterator[tuple[Clause, terms_pb2.Terms]]:
    """Each clause that differs, and the later terms with that clause as it was before. Refuses with `Invalid` too many."""
    old, new = (MessageToDict(message, preserving_proto_field_name=True) for message in (before, after))
    found = clauses(old, new)
    if len(found) > MOST_PLACES:
        raise invalid("document", f"differs from the terms in force in {len(found)} places; at most {MOST_PLACES} are simulated at once")
    for clause in found:
        yield clause, ParseDict(left_out(clause, before=old, after=new), terms_pb2.Terms())
