"""An assessment: what an agreement's objectives came to in one calendar month, with verdicts and credit.

Pure: reads no clock, opens no store. The only place where figures become verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import zip_longest
from zoneinfo import ZoneInfo

from services.measurement.credit import Credit, SegmentCredit, credit_for, tier_reached
from services.measurement.error_budget import Progress, progress_of
from services.measurement.figure import DayResult, ExclusionSpan, Figure, OutageSpan, TicketResult, TicketVerdict, Unit
from services.measurement.indicator import measure
from services.measurement.objective import Maintenance, Objective, ResolutionTime, Terms, TermsInForce
from services.measurement.observation import NOTHING_KNOWN, Evidence
from services.measurement.resolution import WithinFor
from services.vocabulary.errors import NotFound
from services.vocabulary.period import Instant, Interval, Microseconds, Month, start_of_day

__all__ = [
    "CALCULATOR_VERSION",
    "Assessment",
    "Credit",
    "DayResult",
    "ExclusionSpan",
    "NotInForce",
    "ObjectiveResult",
    "OutageSpan",
    "Progress",
    "TicketResult",
    "TicketVerdict",
    "Verdict",
    "assess",
    "measure_span",
]

CALCULATOR_VERSION = "1"
"""Grows with every change that could make a figure differ; stored with every closed period."""


class NotInForce(NotFound):
    """No terms were in force on any day of the month."""

    code = "no-terms-in-force"


class Verdict(StrEnum):
    """`undetermined`: the period runs, or too much of it is unknown. `not-applicable`: it is over and nothing was eligible."""

    MET = "met"
    BREACHED = "breached"
    UNDETERMINED = "undetermined"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, kw_only=True)
class ObjectiveResult:
    """One objective over one interval under one version of the terms.

    `good` and `whole` count microseconds, requests or tickets (`unit`) up to the measurement; `attainment` is None when nothing was
    eligible. `lower` and `upper` bound the attainment of the period: all that is unknown bad, all of it good; for time the rest of a
    running period is unknown too. `coverage` is the known share of what has passed. `credit_percent` is the tier that was reached, a
    ratio of the charge, before pro rata and cap.
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


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A month's results; `interval` is the part of the month in which the agreement ran, `measured_until` never after its end.

    After an amendment inside the month an objective has one result a segment, each under its own terms. Credit is None where the
    terms know none. `zone` is the last segment's.
    """

    agreement_id: str
    month: Month
    interval: Interval
    measured_until: Instant
    objectives: tuple[ObjectiveResult, ...]
    credit: Credit | None
    terms_versions: tuple[int, ...]
    zone: ZoneInfo

    @property
    def complete(self) -> bool:
        """The whole interval has been measured."""
        return self.measured_until >= self.interval.end


@dataclass(frozen=True, kw_only=True)
class _Segment:
    terms: Terms
    interval: Interval


def assess(
    *, agreement_id: str, terms: Sequence[TermsInForce], evidence: Mapping[str, Evidence], month: Month, measured_until: Instant
) -> Assessment:
    """Judges the month by the terms in force on its days; refuses with `NotInForce` a month without any.

    `terms` may reach beyond the month, and should reach back: a ticket has the time agreed when it was opened. A service without
    evidence is unknown. Ticket events count up to `measured_until`, even beyond the month's end; nothing else does.
    """
    history = sorted(terms, key=lambda version: (version.first_day, version.terms.version))
    segments = _segments(history, month)
    if not segments:
        raise NotInForce(f"no terms were in force in {month}")
    results = [(segment, _judge_segment(segment, history, evidence, measured_until)) for segment in segments]
    interval = Interval(segments[0].interval.start, segments[-1].interval.end)
    month_length = _day_start(history, month.next.first_day) - _day_start(history, month.first_day)
    return Assessment(
        agreement_id=agreement_id,
        month=month,
        interval=interval,
        measured_until=min(measured_until, interval.end),
        objectives=tuple(result for _, judged in results for result in judged),
        credit=credit_for(
            [
                SegmentCredit(
                    rule=segment.terms.credit,
                    share_of_month=Fraction(segment.interval.length, month_length),
                    percents=tuple(result.credit_percent for result in judged),
                )
                for segment, judged in results
                if segment.terms.credit is not None
            ]
        ),
        terms_versions=tuple(segment.terms.version for segment in segments),
        zone=segments[-1].terms.zone,
    )


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
    within_for: WithinFor | None = None,
) -> ObjectiveResult:
    """One objective over any span, days in `zone`. Without `warn_at` nothing is ever at risk."""
    figure = measure(
        objective,
        evidence,
        span=span,
        zone=zone,
        maintenance=maintenance,
        measured_until=measured_until,
        within_for=within_for,
    )
    verdict = _verdict(objective, figure, complete=measured_until >= span.end)
    judged_by = figure.upper if figure.certain or measured_until < span.end else figure.attainment
    breached = verdict is Verdict.BREACHED
    return ObjectiveResult(
        objective=objective,
        terms_version=terms_version,
        interval=span,
        good=figure.good,
        whole=figure.whole,
        unit=figure.unit,
        attainment=figure.attainment,
        verdict=verdict,
        lower=figure.lower,
        upper=figure.upper,
        coverage=figure.coverage,
        progress=progress_of(figure, objective, lost=breached, warn_at=warn_at),
        outages=figure.outages,
        exclusions=figure.exclusions,
        unknown=figure.unknown,
        days=figure.days,
        tickets=figure.tickets,
        credit_percent=tier_reached(objective.credit_tiers, judged_by) if breached and judged_by is not None else Fraction(0),
    )


def _verdict(objective: Objective, figure: Figure, *, complete: bool) -> Verdict:
    """A running period is breached once it is lost and never met; a finished one by its attainment, or by both bounds."""
    if not complete:
        lost = figure.foreseeable and figure.upper is not None and not objective.accepts(figure.upper)
        return Verdict.BREACHED if lost else Verdict.UNDETERMINED
    low, high = (figure.lower, figure.upper) if figure.certain else (figure.attainment, figure.attainment)
    if low is None or high is None:
        return Verdict.NOT_APPLICABLE
    if objective.accepts(low):
        return Verdict.MET
    return Verdict.UNDETERMINED if objective.accepts(high) else Verdict.BREACHED


def _judge_segment(
    segment: _Segment, history: Sequence[TermsInForce], evidence: Mapping[str, Evidence], measured_until: Instant
) -> tuple[ObjectiveResult, ...]:
    terms = segment.terms
    return tuple(
        measure_span(
            objective,
            evidence.get(objective.service, NOTHING_KNOWN),
            segment.interval,
            zone=terms.zone,
            maintenance=terms.maintenance,
            measured_until=measured_until,
            warn_at=terms.warn_at,
            terms_version=terms.version,
            within_for=_within_agreed(objective, history),
        )
        for objective in terms.objectives
    )


def _within_agreed(objective: Objective, history: Sequence[TermsInForce]) -> WithinFor | None:
    """The time of the same objective in the terms that were in force when the ticket was opened; before any, the objective's own."""
    own = objective.indicator
    if not isinstance(own, ResolutionTime):
        return None
    agreed = [
        (_day_start(history, version.first_day), indicator.within)
        for version in history
        for indicator in (same.indicator for same in version.terms.objectives if same.id == objective.id)
        if isinstance(indicator, ResolutionTime)
    ]

    def within(opened_at: Instant) -> Microseconds:
        return next((time for first, time in reversed(agreed) if first <= opened_at), own.within)

    return within


def _segments(history: Sequence[TermsInForce], month: Month) -> list[_Segment]:
    """The parts of the month in which one version was in force, in order; a later version ends an earlier one."""
    segments: list[_Segment] = []
    for version, later in zip_longest(history, history[1:]):
        first = max(version.first_day, month.first_day)
        after = min(_days_after(version, later, month))
        if first < after:
            interval = Interval(_day_start(history, first), _day_start(history, after))
            segments.append(_Segment(terms=version.terms, interval=interval))
    return segments


def _days_after(version: TermsInForce, later: TermsInForce | None, month: Month) -> list[date]:
    """Civil days on which the version is no longer in force, for each reason there is."""
    last_days = [day for day in (version.last_day, version.terms.ends) if day is not None]
    return [month.next.first_day, *(day + timedelta(days=1) for day in last_days), *([later.first_day] if later else [])]


def _day_start(history: Sequence[TermsInForce], day: date) -> Instant:
    """A civil day begins in the zone of the terms in force on it, so that neighbouring periods meet even when the zone was amended."""
    in_force = [version.terms.zone for version in history if version.first_day <= day]
    return start_of_day(day, in_force[-1] if in_force else history[0].terms.zone)
