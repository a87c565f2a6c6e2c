"""An assessment: what an agreement's objectives came to in one of its periods, with verdicts and credit.

Pure: reads no clock, opens no store. The only place where figures become verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Protocol
from zoneinfo import ZoneInfo

from services.measurement.claim import claim_deadline
from services.measurement.composite import Leg, count_verdicts, eligible_in, measure_journey
from services.measurement.credit import (
    BookedCredit,
    Credit,
    CreditLine,
    SegmentCredit,
    credit_for,
    earned,
    months_of_year,
    year_of_month,
)
from services.measurement.error_budget import Progress, progress_of
from services.measurement.exclusion import granted_in, tickets_out
from services.measurement.figure import (
    DayResult,
    ExclusionSpan,
    Figure,
    GapSpan,
    OutageSpan,
    SliceResult,
    TicketResult,
    TicketVerdict,
    Unit,
)
from services.measurement.indicator import measure, seen_of
from services.measurement.interval import clip, complement, length
from services.measurement.objective import (
    Availability,
    Composite,
    HourlyRelief,
    Maintenance,
    Objective,
    ResolutionTime,
    Terms,
    TermsInForce,
    TimeSlices,
)
from services.measurement.observation import NOTHING_KNOWN, Evidence
from services.measurement.periods import is_known, parts_of
from services.measurement.resolution import ClockFor
from services.measurement.verdict import Verdict, needed_for, proven, verdict_of
from services.vocabulary.errors import NotFound
from services.vocabulary.period import TZ_DATABASE, Instant, Interval, Period, day_of, last_day_of, start_of_day

__all__ = [
    "CALCULATORS",
    "CALCULATOR_VERSION",
    "Assessment",
    "BookedCredit",
    "Credit",
    "CreditLine",
    "DayResult",
    "ExclusionSpan",
    "NotInForce",
    "ObjectiveResult",
    "OutageSpan",
    "Progress",
    "SliceResult",
    "TicketResult",
    "TicketVerdict",
    "UnknownCalculator",
    "UnknownObjective",
    "Verdict",
    "assess",
    "measure_promised",
    "measure_span",
]

CALCULATOR_VERSION = "3"
"""Grows with every change that could make a figure differ; stored with every closed period."""


class NotInForce(NotFound):
    """No terms were in force on any day of the period, or none that judge by such periods."""

    code = "no-terms-in-force"


class UnknownCalculator(NotFound):
    """There is no calculator of this version."""

    code = "unknown-calculator"


class UnknownObjective(NotFound):
    """The terms have no such objective."""

    code = "unknown-objective"


@dataclass(frozen=True, kw_only=True)
class ObjectiveResult:
    """One objective over one interval under one version of the terms.

    `good` and `whole` count microseconds, requests, slices, tickets or weights of objectives (`unit`) up to the measurement; `attainment`
    is None when nothing was eligible. `lower` and `upper` bound the attainment of the period: all that is unknown bad, all of it good;
    for time the rest of a running period is unknown too. `coverage` is the known share of what has passed. `credit_percent` is what
    `credit_rule`, in words, came to: a ratio of the charge of the interval, before combining, pro rata and cap. `ignored`, `outside`,
    `gaps`, `suspended`, `slices`, `percentile_us` and `scale` are the figure's. `needed` says what would settle an undetermined verdict.
    """

    objective: Objective
    terms_version: int
    interval: Interval
    good: int
    whole: int
    unit: Unit
    attainment: Fraction | None
    verdict: Verdict
    lower: Fraction | None
    upper: Fraction | None
    coverage: Fraction
    progress: Progress
    outages: tuple[OutageSpan, ...]
    exclusions: tuple[ExclusionSpan, ...]
    unknown: tuple[Interval, ...]
    days: tuple[DayResult, ...]
    tickets: tuple[TicketResult, ...]
    credit_percent: Fraction
    credit_rule: str
    ignored: tuple[OutageSpan, ...]
    outside: tuple[Interval, ...]
    slices: tuple[SliceResult, ...]
    percentile_us: int | None
    scale: int
    needed: str
    gaps: tuple[GapSpan, ...] = ()
    suspended: tuple[Interval, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A period's results; `interval` is the part of it in which the agreement ran, `measured_until` never after its end.

    After an amendment inside the period an objective has one result a segment, each under its own terms. Credit is None where the
    terms know none. `zone` is the last segment's. `calculator` and `tz_database` are the versions that made it.
    """

    agreement_id: str
    month: Period
    interval: Interval
    measured_until: Instant
    objectives: tuple[ObjectiveResult, ...]
    credit: Credit | None
    terms_versions: tuple[int, ...]
    zone: ZoneInfo
    calculator: str = CALCULATOR_VERSION
    tz_database: str = TZ_DATABASE

    @property
    def complete(self) -> bool:
        """The whole interval has been measured."""
        return self.measured_until >= self.interval.end


@dataclass(frozen=True, kw_only=True)
class _Segment:
    terms: Terms
    interval: Interval


def assess(
    *,
    agreement_id: str,
    terms: Sequence[TermsInForce],
    evidence: Mapping[str, Evidence],
    month: Period,
    measured_until: Instant,
    booked: Sequence[BookedCredit] = (),
    calculator: str = CALCULATOR_VERSION,
    calculators: Mapping[str, Calculator] | None = None,
) -> Assessment:
    """Judges the period by the terms in force on its days; refuses with `NotInForce` one without any, and one that they do not have.

    `terms` may reach beyond the period, and should reach back: a ticket has the time agreed when it was opened. A service without
    evidence is unknown. Ticket events count up to `measured_until`, even beyond the period's end; nothing else does. `booked` are
    credits of other periods, of which those of the same contract year count towards its cap. `calculator` is the version to judge by;
    refuses with `UnknownCalculator` one that `calculators` (left out: `CALCULATORS`) does not have.
    """
    known = CALCULATORS if calculators is None else calculators
    run = known.get(calculator)
    if run is None:
        raise UnknownCalculator(f"there is no calculator {calculator[:20]!r}, only {', '.join(known)}")
    assessment = run(
        agreement_id=agreement_id,
        terms=terms,
        evidence=evidence,
        month=month,
        measured_until=measured_until,
        booked=booked,
    )
    return replace(assessment, calculator=calculator)


def measure_span(
    objective: Objective,
    evidence: Evidence,
    span: Interval,
    *,
    zone: ZoneInfo,
    maintenance: Sequence[Maintenance],
    measured_until: Instant,
    warn_at: Fraction | None = None,
    terms_version: int = 0,
    clock_for: ClockFor | None = None,
) -> ObjectiveResult:
    """One objective over any span, days in `zone`. Without `warn_at` nothing is ever at risk.

    The maintenance counts as it stands, whatever its class asks for; refuses with `CompositeByItself` what only `measure_promised` knows.
    """
    figure = measure(
        objective,
        evidence,
        span=span,
        zone=zone,
        maintenance=maintenance,
        measured_until=measured_until,
        clock_for=clock_for,
    )
    court = _Court(span=span, zone=zone, measured_until=measured_until, warn_at=warn_at, terms_version=terms_version)
    return court.result(objective, figure)


def measure_promised(
    terms: Terms,
    objective_id: str,
    evidence: Mapping[str, Evidence],
    span: Interval,
    *,
    measured_until: Instant,
    history: Sequence[TermsInForce] = (),
) -> ObjectiveResult:
    """One objective of the terms over any span, composites and recurring maintenance included. Nothing is ever at risk in it.

    `history` are the versions of the terms, in order, for tickets opened under another. Refuses with `UnknownObjective`.
    """
    promised = next((each for each in terms.objectives if each.id == objective_id), None)
    if promised is None:
        raise UnknownObjective(f"the terms have no objective {objective_id!r}")
    return _Bench(terms, span, history, evidence, measured_until, warn_at=None).result(promised)


@dataclass(frozen=True, kw_only=True)
class _Court:
    """Where the figures of one span are judged."""

    span: Interval
    zone: ZoneInfo
    measured_until: Instant
    warn_at: Fraction | None
    terms_version: int

    @property
    def complete(self) -> bool:
        return self.measured_until >= self.span.end

    def verdict(self, objective: Objective, figure: Figure) -> Verdict:
        return verdict_of(objective, figure, complete=self.complete)

    def result(self, objective: Objective, figure: Figure, *, parts: tuple[str, ...] = ()) -> ObjectiveResult:
        """`parts` are a composite's objectives that are undetermined."""
        verdict = self.verdict(objective, figure)
        breached = verdict is Verdict.BREACHED
        cost = earned(
            objective,
            breached_at=proven(figure, complete=self.complete) if breached else None,
            outages=[outage.interval for outage in figure.outages],
            span=self.span,
            zone=self.zone,
        )
        return ObjectiveResult(
            objective=objective,
            terms_version=self.terms_version,
            interval=self.span,
            good=figure.good,
            whole=figure.whole,
            unit=figure.unit,
            attainment=figure.attainment,
            verdict=verdict,
            lower=figure.lower,
            upper=figure.upper,
            coverage=figure.coverage,
            progress=progress_of(figure, objective, lost=breached, warn_at=self.warn_at),
            outages=figure.outages,
            exclusions=figure.exclusions,
            unknown=figure.unknown,
            days=figure.days,
            tickets=figure.tickets,
            credit_percent=cost.percent,
            credit_rule=cost.rule,
            ignored=figure.ignored,
            outside=figure.outside,
            slices=figure.slices,
            percentile_us=figure.percentile_us,
            scale=figure.scale,
            gaps=figure.gaps,
            suspended=figure.suspended,
            needed=needed_for(objective, figure, verdict=verdict, complete=self.complete, end=self.span.end, parts=parts),
        )


class _Bench:
    """The objectives of one version of the terms over one span; each is measured once, whoever asks for it."""

    def __init__(
        self,
        terms: Terms,
        span: Interval,
        history: Sequence[TermsInForce],
        evidence: Mapping[str, Evidence],
        measured_until: Instant,
        *,
        warn_at: Fraction | None,
    ) -> None:
        self._objectives = {objective.id: objective for objective in terms.objectives}
        self._history = history
        self._evidence = evidence
        self._terms = terms
        self._windows = granted_in(terms, span)
        self._court = _Court(span=span, zone=terms.zone, measured_until=measured_until, warn_at=warn_at, terms_version=terms.version)
        self._figures: dict[str, Figure] = {}

    def result(self, objective: Objective) -> ObjectiveResult:
        return self._court.result(objective, self._figure(objective), parts=self._undetermined(objective))

    def _figure(self, objective: Objective) -> Figure:
        if objective.id not in self._figures:
            self._figures[objective.id] = self._measured(objective)
        return self._figures[objective.id]

    def _measured(self, objective: Objective) -> Figure:
        court = self._court
        if not isinstance(objective.indicator, Composite):
            return measure(
                objective,
                self._evidence.get(objective.service, NOTHING_KNOWN),
                span=court.span,
                zone=court.zone,
                maintenance=self._windows,
                measured_until=court.measured_until,
                clock_for=clock_agreed(objective, self._history),
                excluded=tickets_out(self._terms, objective.service),
            )
        parts = [self._objectives[name] for name in objective.indicator.of]
        if objective.indicator.rule == "journey":
            legs = [self._leg(part) for part in parts]
            return measure_journey(legs, span=court.span, seen=seen_of(court.span, court.measured_until), zone=court.zone)
        counted = count_verdicts(objective.indicator, [self._verdict(part) for part in parts])
        return replace(counted, suspended=clip(self._terms.suspended, seen_of(court.span, court.measured_until)))

    def _leg(self, part: Objective) -> Leg:
        assert isinstance(part.indicator, Availability), "a journey goes over availabilities"
        windows = [window for window in self._windows if window.service == part.service]
        return Leg(indicator=part.indicator, figure=self._figure(part), eligible=eligible_in(part.indicator, windows, self._court.span))

    def _verdict(self, part: Objective) -> Verdict:
        return self._court.verdict(part, self._figure(part))

    def _undetermined(self, objective: Objective) -> tuple[str, ...]:
        if not isinstance(objective.indicator, Composite):
            return ()
        return tuple(name for name in objective.indicator.of if self._verdict(self._objectives[name]) is Verdict.UNDETERMINED)


def _assess(
    *,
    agreement_id: str,
    terms: Sequence[TermsInForce],
    evidence: Mapping[str, Evidence],
    month: Period,
    measured_until: Instant,
    booked: Sequence[BookedCredit],
) -> Assessment:
    history = sorted(terms, key=lambda version: (version.first_day, version.terms.version))
    segments = _segments(history, month)
    if not segments:
        raise NotInForce(why_not_in_force(history, month))
    judged = [(segment, _judge_segment(segment, history, evidence, measured_until)) for segment in segments]
    interval = Interval(segments[0].interval.start, segments[-1].interval.end)
    return Assessment(
        agreement_id=agreement_id,
        month=month,
        interval=interval,
        measured_until=min(measured_until, interval.end),
        objectives=tuple(result for _, results in judged for result in results),
        credit=_credit(judged, history, month, booked),
        terms_versions=tuple(segment.terms.version for segment in segments),
        zone=segments[-1].terms.zone,
    )


class Calculator(Protocol):
    """Judges a period as `assess` says."""

    def __call__(
        self,
        *,
        agreement_id: str,
        terms: Sequence[TermsInForce],
        evidence: Mapping[str, Evidence],
        month: Period,
        measured_until: Instant,
        booked: Sequence[BookedCredit],
    ) -> Assessment: ...


def _assess_without_outages_of_slices(
    *,
    agreement_id: str,
    terms: Sequence[TermsInForce],
    evidence: Mapping[str, Evidence],
    month: Period,
    measured_until: Instant,
    booked: Sequence[BookedCredit],
) -> Assessment:
    """As `_assess`; runs of bad slices are not told as outages."""
    found = _assess(agreement_id=agreement_id, terms=terms, evidence=evidence, month=month, measured_until=measured_until, booked=booked)
    results = (replace(each, outages=()) if isinstance(each.objective.indicator, TimeSlices) else each for each in found.objectives)
    return replace(found, objectives=tuple(results))


CALCULATORS: Mapping[str, Calculator] = {
    "1": _assess_without_outages_of_slices,
    "2": _assess_without_outages_of_slices,
    "3": _assess,
}
"""Every version that can still be run.

Version 2 knows more indicators, accounting policies and credit rules than version 1; version 3 more periods, the lives of components and
tickets that are taken out, and suspensions. Each of them is off where nobody asks for it: no rule for what an older version could express
has changed, so the first two are one function, and the third tells one thing more of the same figures. What versions 1 and 2 found is
kept in `tests/measurement/test_assessment.py` and `test_calculators.py`. The first rule that makes an old figure differ gets a function
of its own.
"""


def _judge_segment(
    segment: _Segment,
    history: Sequence[TermsInForce],
    evidence: Mapping[str, Evidence],
    measured_until: Instant,
) -> tuple[ObjectiveResult, ...]:
    terms = segment.terms
    bench = _Bench(terms, segment.interval, history, evidence, measured_until, warn_at=terms.warn_at)
    return tuple(bench.result(objective) for objective in terms.objectives)


def clock_agreed(objective: Objective, history: Sequence[TermsInForce]) -> ClockFor | None:
    """The same objective's clock in the terms that were in force when the ticket was opened; before any, the objective's own."""
    own = objective.indicator
    if not isinstance(own, ResolutionTime):
        return None
    agreed = [
        (_day_start(history, version.first_day), indicator)
        for version in history
        for indicator in (same.indicator for same in version.terms.objectives if same.id == objective.id)
        if isinstance(indicator, ResolutionTime)
    ]

    def clock(opened_at: Instant) -> ResolutionTime:
        return next((indicator for first, indicator in reversed(agreed) if first <= opened_at), own)

    return clock


_Judged = tuple[_Segment, tuple[ObjectiveResult, ...]]


def _credit(judged: Sequence[_Judged], history: Sequence[TermsInForce], month: Period, booked: Sequence[BookedCredit]) -> Credit | None:
    """None where the period holds no monthly charge."""
    if not month.months:
        return None
    month_length = _day_start(history, month.day_after) - _day_start(history, month.first_day)
    first_day, last_day = history[0].first_day, _last_day(history)
    cycle = judged[-1][0].terms.cycle
    year = year_of_month(first_day, month, last_day)
    return credit_for(
        [part for segment, results in judged for part in _segment_credit(segment, results, month_length)],
        booked=[each for each in booked if each.month != month and year_of_month(first_day, each.month, last_day) == year],
        months_in_year=months_of_year(first_day, year, last_day, cycle=cycle),
        claim_until=_claim_until(judged, month, first_day),
        months=month.months,
    )


def _segment_credit(segment: _Segment, results: Sequence[ObjectiveResult], month_length: int) -> Sequence[SegmentCredit]:
    """One where the segment's terms know credits. Of suspended time nothing is charged, as of time outside the term."""
    rule = segment.terms.credit
    if rule is None:
        return ()
    not_suspended = length(complement(segment.terms.suspended, segment.interval))
    elapsed, of_month = Fraction(segment.interval.length, month_length), Fraction(not_suspended, month_length)
    share = of_month if rule.pro_rata else Fraction(1)
    lines = tuple(
        CreditLine(
            objective_id=result.objective.id,
            terms_version=result.terms_version,
            percent=result.credit_percent * (elapsed / share if share and _is_elapsed(result.objective) else 1),
            rule=result.credit_rule,
            share_of_period=share,
        )
        for result in results
    )
    return (SegmentCredit(rule=rule, share_of_month=of_month, lines=lines),)


def _is_elapsed(objective: Objective) -> bool:
    """What it costs is elapsed time already, a share of the segment's: it never counts for more than that time of the period."""
    return isinstance(objective.credit_formula, HourlyRelief)


def _claim_until(judged: Sequence[_Judged], month: Period, term_begins: date) -> date | None:
    """By the last segment's rule; the last outage is that of an objective that cost something, the period's end where those have none."""
    known = [segment.terms for segment, _ in judged if segment.terms.credit is not None]
    rule = known[-1].credit if known else None
    if rule is None or rule.claim is None:
        return None
    ends = [end for _, results in judged for result in results if result.credit_percent for end in _bad_ends(result)]
    last_outage_day = day_of(Instant(max(ends) - 1), known[-1].zone) if ends else last_day_of(month)
    return claim_deadline(rule.claim, period=month, last_outage_day=last_outage_day, cycle=known[-1].cycle, term_begins=term_begins)


def _bad_ends(result: ObjectiveResult) -> list[Instant]:
    return [outage.interval.end for outage in result.outages] + [each.interval.end for each in result.slices if each.bad]


def _last_day(history: Sequence[TermsInForce]) -> date | None:
    """The last day of the agreement's term, as far as it is known."""
    ends = [day for day in (history[-1].last_day, history[-1].terms.ends) if day is not None]
    return min(ends, default=None)


def _segments(history: Sequence[TermsInForce], month: Period) -> list[_Segment]:
    """The parts of the period in which one version was in force, in order."""
    return [
        _Segment(terms=part.version.terms, interval=Interval(_day_start(history, part.first), _day_start(history, part.after)))
        for part in parts_of(history, month)
    ]


def why_not_in_force(history: Sequence[TermsInForce], month: Period) -> str:
    """In words: none on its days, or none that judge by such periods."""
    if not history or is_known(history, month):
        return f"no terms were in force in {month}"
    forms = dict.fromkeys(version.terms.cycle.form for version in history)
    return f"the terms do not judge by {month} but by {', then by '.join(forms)}"


def _day_start(history: Sequence[TermsInForce], day: date) -> Instant:
    """A civil day begins in the zone of the terms in force on it, so that neighbouring periods meet even when the zone was amended."""
    in_force = [version.terms.zone for version in history if version.first_day <= day]
    return start_of_day(day, in_force[-1] if in_force else history[0].terms.zone)
