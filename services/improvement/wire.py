"""This room's words in the protos of all rooms, both ways, and the questions it asks measurement. Translates only; decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Protocol

from upheld.improvement.v1 import events_pb2, improvements_pb2
from upheld.measurement.v1 import assessment_pb2, measurement_pb2
from upheld.measurement.v1 import events_pb2 as measurement_events_pb2

from services.improvement.analysis import (
    BreachedObjective,
    Comparison,
    DayCount,
    Finding,
    IndicatorKind,
    LateTicket,
    Outage,
    Recommendation,
)
from services.improvement.effect import Figure, Promise
from services.improvement.improvement import Breach, Improvement, JudgedEffect, Plan, figure
from services.vocabulary.errors import NotFound, invalid
from services.vocabulary.period import Instant, Interval, datetime_of, instant_of, instant_text, parse_instant, parse_zone
from services.vocabulary.ratio import exact, floored_percent, parse_exact, trimmed_percent

SHARE_DECIMALS = 2

_INDICATORS: dict[str, IndicatorKind] = {
    "availability": "availability",
    "request-ratio": "request-ratio",
    "response-time": "response-time",
    "resolution-time": "resolution-time",
}
_COMPARISONS: dict[str, Comparison] = {">=": ">=", ">": ">"}


class ObjectiveNotAssessed(NotFound):
    """Measurement has no result of the objective for the period."""

    code = "objective-not-assessed"


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


def breached_objective(assessment: assessment_pb2.Assessment, objective_id: str) -> BreachedObjective:
    """Where an amendment split the period, the breached segment with most bad in it. Refuses with `ObjectiveNotAssessed`."""
    segments = [result for result in assessment.objectives if result.objective_id == objective_id]
    if not segments:
        raise ObjectiveNotAssessed(f"{assessment.period} of agreement {assessment.agreement_id} has no result of {objective_id}")
    result = max(segments, key=lambda segment: (segment.verdict == "breached", int(segment.whole) - int(segment.good)))
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
    )


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

    async def breached_objective(self, breach: Breach) -> BreachedObjective:
        request = measurement_pb2.GetAssessmentRequest(agreement_id=breach.agreement_id, period=breach.period)
        return breached_objective(await self._stub.GetAssessment(request), breach.objective_id)

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
    resolved = parse_instant(ticket.resolved_at, place="resolved_at") if ticket.resolved_at else measured_until
    return LateTicket(
        ticket=ticket.ticket,
        priority=ticket.priority,
        late_by=max(0, resolved - parse_instant(ticket.due_at, place="due_at")),
        still_open=not ticket.resolved_at,
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
    return events_pb2.ImprovementChanged(step=step, improvement=improvement(state, version), recorded_at=recorded_at)


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
