"""This room's words in the protos of all rooms, both ways, and the questions it asks measurement. Translates only; decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Protocol

from upheld.agreements.v1 import terms_pb2
from upheld.improvement.v1 import events_pb2, improvements_pb2
from upheld.measurement.v1 import assessment_pb2, measurement_pb2
from upheld.measurement.v1 import events_pb2 as measurement_events_pb2

from services.improvement.analysis import (
    NOTHING_SPECIAL,
    PARTS_OF_AN_INTERVAL,
    Agreed,
    BadSlice,
    BreachedObjective,
    Comparison,
    DayCount,
    Finding,
    IndicatorKind,
    LateTicket,
    Member,
    Outage,
    Recommendation,
    parse_maintenance,
)
from services.improvement.effect import Figure, Promise
from services.improvement.improvement import Breach, Improvement, JudgedEffect, Plan, figure
from services.vocabulary.errors import NotFound, Unavailable, invalid
from services.vocabulary.period import Instant, Interval, datetime_of, instant_of, instant_text, parse_instant, parse_zone
from services.vocabulary.ratio import exact, floored_percent, parse_exact, trimmed_percent

SHARE_DECIMALS = 2

_INDICATORS: dict[str, IndicatorKind] = {
    "availability": "availability",
    "request-ratio": "request-ratio",
    "interval-mean": "interval-mean",
    "time-slices": "time-slices",
    "response-time": "response-time",
    "resolution-time": "resolution-time",
    "composite": "composite",
}
_COMPARISONS: dict[str, Comparison] = {">=": ">=", ">": ">"}


class ObjectiveNotAssessed(NotFound):
    """Measurement has no result of the objective for the period."""

    code = "objective-not-assessed"


class TermsNotTold(Unavailable):
    """The terms say which objectives or components the breached one is made of, and have not been told yet."""

    code = "terms-not-told-yet"


# What agreements say


def agreed(terms: terms_pb2.Terms) -> dict[str, Agreed]:
    """By objective; those of which nothing special was agreed are left out."""
    found = {objective.id: _agreed(objective.indicator) for objective in terms.objectives}
    return {objective_id: each for objective_id, each in found.items() if each != NOTHING_SPECIAL}


def _agreed(indicator: terms_pb2.Indicator) -> Agreed:
    match indicator.WhichOneof("kind"):
        case "composite":
            return Agreed(parts=_by_weight(indicator.composite.of, indicator.composite.weights))
        case "availability":
            time = indicator.availability
            parts = _by_weight(time.components, time.weights) if time.combine == "pool" else {}
            return Agreed(parts=parts, maintenance=parse_maintenance(time.maintenance))
        case _:
            return NOTHING_SPECIAL


def _by_weight(names: Sequence[str], weights: Sequence[int]) -> dict[str, int]:
    return dict(zip(names, weights or [1] * len(names), strict=True))


# What measurement says


def breach(message: measurement_events_pb2.ObjectiveBreached, *, auditors: Sequence[str]) -> Breach:
    """Refuses with `Invalid` an unknown comparison."""
    return Breach(
        breach_id=message.breach_id,
        agreement_id=message.agreement_id,
        objective_id=message.objective_id,
        period=message.period,
        provider=message.provider,
        customer=message.customer,
        auditors=tuple(auditors),
        target_percent=message.result.target_percent,
        comparison=_comparison(message.result.comparison),
    )


def breached_objective(
    assessment: assessment_pb2.Assessment, objective_id: str, by_version: Mapping[int, Agreed] | None = None
) -> BreachedObjective:
    """Where an amendment split the period, the breached segment with most bad in it; `by_version` is what its terms agreed specially.

    Refuses with `ObjectiveNotAssessed`, and with `TermsNotTold` where only the terms can tell what it is made of.
    """
    segments = [result for result in assessment.objectives if result.objective_id == objective_id]
    if not segments:
        raise ObjectiveNotAssessed(f"{assessment.period} of agreement {assessment.agreement_id} has no result of {objective_id}")
    result = max(segments, key=lambda segment: (segment.verdict == "breached", int(segment.whole) - int(segment.good)))
    special = (by_version or {}).get(result.terms_version, NOTHING_SPECIAL)
    if (result.indicator == "composite" or result.scale > 1) and not special.parts:
        raise TermsNotTold(f"version {result.terms_version} of the terms of agreement {assessment.agreement_id} has not been told yet")
    measured_until = parse_instant(assessment.measured_until or assessment.end, place="measured_until")
    return BreachedObjective(
        indicator=_indicator(result.indicator),
        unit=result.unit,
        good=int(result.good),
        whole=int(result.whole),
        target_percent=result.target_percent,
        comparison=_comparison(result.comparison),
        decimals=result.decimals,
        zone=parse_zone(assessment.zone),
        start=_moment(assessment.start, place="start"),
        end=_moment(assessment.end, place="end"),
        measured_until=datetime_of(measured_until),
        outages=tuple(_outage(outage) for outage in result.outages),
        days=tuple(_day(day) for day in result.days),
        late_tickets=tuple(_late(ticket, measured_until) for ticket in result.tickets if ticket.verdict == "missed"),
        slices=tuple(_bad_slice(each, result.unit) for each in result.slices),
        members=_members(assessment, result, special) if result.indicator == "composite" else (),
        weights=tuple(sorted(special.parts.items())) if result.scale > 1 else (),
        maintenance=special.maintenance,
    )


def _members(assessment: assessment_pb2.Assessment, composite: assessment_pb2.ObjectiveResult, special: Agreed) -> tuple[Member, ...]:
    """The results of its parts in the same segment."""
    return tuple(
        Member(
            id=result.objective_id,
            name=result.name or result.objective_id,
            weight=special.parts[result.objective_id],
            verdict=result.verdict,
            attainment_percent=result.attainment_percent,
            target_percent=result.target_percent,
            comparison=_comparison(result.comparison),
            bad=int(result.whole) - int(result.good),
        )
        for result in assessment.objectives
        if result.objective_id in special.parts and result.terms_version == composite.terms_version
    )


def _bad_slice(told: assessment_pb2.Slice, unit: str) -> BadSlice:
    """An interval of a mean costs what of it was not good, an empty one only where that counts as bad; a slice itself or nothing."""
    lost = 1 if unit == "slices" else PARTS_OF_AN_INTERVAL - int(told.share or "0")
    counts = told.bad or (unit != "slices" and told.cause != "empty")
    return BadSlice(start=parse_instant(told.start, place="slices"), cost=lost if counts else 0, cause=told.cause)


def measured_figure(result: assessment_pb2.ObjectiveResult, span: Interval) -> Figure:
    """A span without coverage told counts as unknown."""
    coverage = parse_exact(result.coverage) if result.coverage else Fraction(0)
    return figure(span, good=int(result.good), whole=int(result.whole), coverage=coverage)


class MeasurementStub(Protocol):
    """The two calls of measurement's stub that are made here."""

    @property
    def GetAssessment(self) -> Callable[[measurement_pb2.GetAssessmentRequest], Awaitable[assessment_pb2.Assessment]]: ...

    @property
    def MeasureSpan(self) -> Callable[[measurement_pb2.MeasureSpanRequest], Awaitable[assessment_pb2.ObjectiveResult]]: ...


class MeasurementByGrpc:
    """Asks measurement over its stub; a refusal of measurement is raised as what it is."""

    def __init__(self, stub: MeasurementStub) -> None:
        self._stub = stub

    async def breached_objective(self, breach: Breach, by_version: Mapping[int, Agreed]) -> BreachedObjective:
        request = measurement_pb2.GetAssessmentRequest(agreement_id=breach.agreement_id, period=breach.period)
        return breached_objective(await self._stub.GetAssessment(request), breach.objective_id, by_version)

    async def figure(self, breach: Breach, span: Interval) -> Figure:
        """The breach's objective over any span."""
        request = measurement_pb2.MeasureSpanRequest(
            agreement_id=breach.agreement_id,
            objective_id=breach.objective_id,
            start=instant_text(span.start),
            end=instant_text(span.end),
        )
        return measured_figure(await self._stub.MeasureSpan(request), span)


def _outage(interval: assessment_pb2.Interval) -> Outage:
    start, end = (parse_instant(text, place="outages") for text in (interval.start, interval.end))
    return Outage(interval=Interval(start, end), components=tuple(sorted(interval.components)), cause=interval.cause)


def _day(day: assessment_pb2.Day) -> DayCount:
    return DayCount(day=date.fromisoformat(day.day), good=int(day.good), whole=int(day.whole))


def _late(ticket: assessment_pb2.TicketResult, measured_until: Instant) -> LateTicket:
    """By its clock; results of before told no clock, only when it was due and resolved."""
    resolved = parse_instant(ticket.resolved_at, place="resolved_at") if ticket.resolved_at else measured_until
    elapsed = resolved - parse_instant(ticket.due_at, place="due_at")
    return LateTicket(
        ticket=ticket.ticket,
        priority=ticket.priority,
        late_by=max(0, ticket.counted_us - ticket.allowed_us if ticket.allowed_us else elapsed),
        still_open=not ticket.resolved_at,
        clock=ticket.clock,
    )


def _indicator(text: str) -> IndicatorKind:
    if text not in _INDICATORS:
        raise invalid("indicator", f"must be one of {', '.join(_INDICATORS)}, not {text!r}")
    return _INDICATORS[text]


def _comparison(text: str) -> Comparison:
    if text not in _COMPARISONS:
        raise invalid("comparison", f"must be >= or >, not {text!r}")
    return _COMPARISONS[text]


def _moment(text: str, *, place: str) -> datetime:
    return datetime_of(parse_instant(text, place=place))


# What this room says


def improvement(state: Improvement, version: int) -> improvements_pb2.Improvement:
    """Percentages are floored to the objective's decimals; what has not happened yet is empty."""
    analysis, approval = state.analysis, state.approval
    decimals = analysis.decimals if analysis else 0
    return improvements_pb2.Improvement(
        id=str(state.id),
        agreement_id=state.breach.agreement_id,
        objective_id=state.breach.objective_id,
        breach_id=state.breach.breach_id,
        period=state.breach.period,
        status=state.status,
        version=version,
        findings=[_finding(each) for each in analysis.findings] if analysis else [],
        recommendations=[_recommendation(each, decimals) for each in analysis.recommendations] if analysis else [],
        plan=_plan(state.plan, decimals) if state.plan else None,
        approved_by=approval.approved_by if approval else "",
        approved_at=moment_text(approval.approved_at) if approval else "",
        implemented_on=state.implemented_on.isoformat() if state.implemented_on else "",
        verifications=[_verification(each) for each in state.effects],
        provider=state.breach.provider,
        customer=state.breach.customer,
    )


def improvement_changed(step: str, state: Improvement, version: int, *, recorded_at: str) -> events_pb2.ImprovementChanged:
    """What was published cannot be taken back, so it names organisations in the place of people."""
    told = improvement(state, version)
    if state.plan is not None:
        told.plan.owner = state.breach.provider
    if state.approval is not None:
        told.approved_by = state.approval.organisation
    return events_pb2.ImprovementChanged(step=step, improvement=told, recorded_at=recorded_at)


def moment_text(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return instant_text(instant_of(moment))


def _finding(finding: Finding) -> improvements_pb2.Finding:
    return improvements_pb2.Finding(
        kind=finding.kind,
        subject=finding.subject,
        summary=finding.summary,
        cost=str(finding.cost),
        share_percent=floored_percent(finding.share, decimals=SHARE_DECIMALS),
    )


def _recommendation(recommendation: Recommendation, decimals: int) -> improvements_pb2.Recommendation:
    return improvements_pb2.Recommendation(
        id=recommendation.id,
        action=recommendation.action,
        rationale=recommendation.rationale,
        subject=recommendation.subject,
        expected_saving=str(recommendation.expected_saving),
        expected_attainment_percent=floored_percent(recommendation.expected_attainment, decimals=decimals),
        rank=recommendation.rank,
    )


def _plan(plan: Plan, decimals: int) -> improvements_pb2.Plan:
    return improvements_pb2.Plan(
        recommendation_id=plan.recommendation_id,
        description=plan.description,
        owner=plan.owner,
        due_on=plan.due_on.isoformat(),
        expected_attainment_percent=floored_percent(plan.expected_attainment, decimals=decimals),
    )


def _verification(judged: JudgedEffect) -> improvements_pb2.Verification:
    verification = judged.verification
    before, after, promise = verification.before, verification.after, verification.promise
    return improvements_pb2.Verification(
        before_start=moment_text(before.start),
        before_end=moment_text(before.end),
        before_percent=_percent(before, promise),
        after_start=moment_text(after.start),
        after_end=moment_text(after.end),
        after_percent=_percent(after, promise),
        target_percent=trimmed_percent(promise.target),
        expected_percent=floored_percent(promise.expected, decimals=promise.decimals),
        verdict=verification.effect,
        reason=verification.reason,
        verified_at=moment_text(judged.verified_at),
        before_attainment=exact(before.attainment) if before.attainment is not None else "",
        after_attainment=exact(after.attainment) if after.attainment is not None else "",
    )


def _percent(measured: Figure, promise: Promise) -> str:
    return floored_percent(measured.attainment, decimals=promise.decimals) if measured.attainment is not None else ""
