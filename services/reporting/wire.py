"""What the other services' messages mean to reporting: protobuf in, material out. Translation only; decides nothing.

A value outside its closed list is a ValueError: such a message is poison, not a new kind of result.
"""

from __future__ import annotations

from typing import TypeVar, assert_never, get_args

from upheld.agreements.v1 import terms_pb2
from upheld.improvement.v1 import events_pb2 as improvement_events
from upheld.improvement.v1 import improvements_pb2
from upheld.measurement.v1 import assessment_pb2
from upheld.measurement.v1 import events_pb2 as measurement_events

from services.reporting.material import (
    Assessment,
    Availability,
    Breach,
    Calendar,
    Component,
    Composite,
    Contact,
    CreditFormula,
    CreditLine,
    CreditResult,
    CreditTerms,
    CreditTier,
    Day,
    EarlyWarning,
    HourlyRelief,
    Hours,
    Improvement,
    Indicator,
    IntervalMean,
    MinimumOutage,
    ObjectiveResult,
    ObjectiveTerms,
    Party,
    PeriodResult,
    PerStep,
    Plan,
    Progress,
    Proportional,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Restatement,
    ServiceTerms,
    Slice,
    Span,
    Terms,
    Ticket,
    TimeSlices,
    Unit,
    Verdict,
    Verification,
)
from services.vocabulary.period import Cycle, Every

T = TypeVar("T")

_EVERY: dict[str, Every] = {"": "month", **{every: every for every in get_args(Every)}}
_VERDICTS: dict[str, Verdict] = {
    "met": "met",
    "breached": "breached",
    "undetermined": "undetermined",
    "not-applicable": "not-applicable",
}
_UNITS: dict[str, Unit] = {
    "us": "us",
    "requests": "requests",
    "tickets": "tickets",
    "slices": "slices",
    "objectives": "objectives",
    "10^-18 intervals": "10^-18 intervals",
}


def terms(message: terms_pb2.Terms, *, number: int, effective_on: str, recorded_at: str) -> Terms:
    """One version of the terms as its event told it."""
    return Terms(
        number=number,
        effective_on=effective_on or message.effective_on,
        recorded_at=recorded_at,
        title=message.title,
        zone=message.zone,
        ends_on=message.ends_on,
        parties=tuple(_party(party) for party in message.parties),
        auditors=tuple(message.auditors),
        services=tuple(_service(service) for service in message.services),
        objectives=tuple(_objective_terms(objective) for objective in message.objectives),
        credit=_credit_terms(message.credit) if message.HasField("credit") and message.credit.currency else None,
        calendars=tuple(_calendar(calendar, message.zone) for calendar in message.calendars),
        cycle=_cycle(message.period),
    )


def assessment(message: assessment_pb2.Assessment) -> Assessment:
    """A period's results."""
    return Assessment(
        agreement_id=message.agreement_id,
        period=message.period,
        start=message.start,
        end=message.end,
        measured_until=message.measured_until,
        zone=message.zone,
        closed=message.closed,
        revision=message.revision,
        objectives=tuple(_result(result) for result in message.objectives),
        credit=_credit_result(message.credit) if message.HasField("credit") and message.credit.currency else None,
        calculator_version=message.calculator_version,
        recorded_at=message.recorded_at,
        terms_versions=tuple(message.terms_versions),
        tz_database=message.tz_database,
    )


def closed(message: measurement_events.PeriodClosed) -> PeriodResult:
    """The first result of a closed period."""
    return PeriodResult(assessment=assessment(message.assessment))


def restated(message: measurement_events.PeriodRestated) -> PeriodResult:
    """A later result of a closed period, with why and what it replaces."""
    restatement = Restatement(cause=message.cause, credit_difference=message.credit_difference, previous=assessment(message.previous))
    return PeriodResult(assessment=assessment(message.assessment), restatement=restatement)


def breach(message: measurement_events.ObjectiveBreached, *, trace_id: str) -> Breach:
    """A breach with the trace it was found in."""
    return Breach(
        breach_id=message.breach_id,
        objective_id=message.objective_id,
        period=message.period,
        recorded_at=message.recorded_at,
        trace_id=trace_id,
    )


def warning(message: measurement_events.ObjectiveAtRisk) -> EarlyWarning:
    """An early warning."""
    return EarlyWarning(
        objective_id=message.objective_id,
        period=message.period,
        recorded_at=message.recorded_at,
        budget_spent_percent=message.result.progress.budget_spent_percent,
    )


def improvement(message: improvement_events.ImprovementChanged) -> Improvement:
    """The improvement's whole state after a step; of several verifications the latest counts."""
    state = message.improvement
    return Improvement(
        id=state.id,
        agreement_id=state.agreement_id,
        objective_id=state.objective_id,
        breach_id=state.breach_id,
        period=state.period,
        status=state.status,
        version=state.version,
        changed_at=message.recorded_at,
        findings=tuple(finding.summary for finding in state.findings),
        recommendation=_recommended(state),
        plan=_plan(state.plan) if state.HasField("plan") and state.plan.description else None,
        approved_by=state.approved_by,
        approved_at=state.approved_at,
        implemented_on=state.implemented_on,
        verification=_verification(state.verifications[-1]) if state.verifications else None,
    )


def trace_id_of(traceparent: str) -> str:
    """The trace id of a W3C traceparent; empty where there is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else ""


def _cycle(period: terms_pb2.AgreementPeriod) -> Cycle:
    """Absent: calendar months."""
    return Cycle(every=_one_of(_EVERY, period.every), from_day=period.from_day or 1, days=period.days)


def _party(party: terms_pb2.Party) -> Party:
    return Party(
        role=party.role,
        organisation=party.organisation,
        name=party.name,
        contacts=tuple(Contact(name=contact.name, email=contact.email, role=contact.role) for contact in party.contacts),
        responsibilities=tuple(party.responsibilities),
    )


def _service(service: terms_pb2.Service) -> ServiceTerms:
    components = tuple(Component(id=component.id, name=component.name or component.id) for component in service.components)
    return ServiceTerms(id=service.id, name=service.name or service.id, components=components)


def _calendar(calendar: terms_pb2.Calendar, zone: str) -> Calendar:
    return Calendar(
        id=calendar.id,
        zone=calendar.zone or zone,
        hours=tuple(Hours(days=tuple(hours.days), start=getattr(hours, "from"), end=hours.to) for hours in calendar.hours),
        closed=tuple(sorted({holiday.day for holiday in (*calendar.holidays, *calendar.also_closed)})),
    )


def _objective_terms(objective: terms_pb2.Objective) -> ObjectiveTerms:
    return ObjectiveTerms(
        id=objective.id,
        name=objective.name or objective.id,
        service=objective.service,
        indicator=_indicator(objective.indicator),
        comparison=objective.comparison,
        target_percent=objective.target_percent,
        decimals=objective.decimals,
        credits=tuple(CreditTier(below_percent=tier.below_percent, credit_percent=tier.credit_percent) for tier in objective.credits),
        formula=_formula(objective.credit_formula),
        clause=objective.clause,
    )


def _indicator(indicator: terms_pb2.Indicator) -> Indicator:
    kind = indicator.WhichOneof("kind")
    match kind:
        case "availability":
            return _availability(indicator.availability)
        case "request_ratio":
            return RequestRatio(components=tuple(indicator.request_ratio.components))
        case "interval_mean":
            mean = indicator.interval_mean
            return IntervalMean(components=tuple(mean.components), every_s=mean.every_s, empty=mean.empty)
        case "time_slices":
            return _time_slices(indicator.time_slices)
        case "response_time":
            response = indicator.response_time
            return ResponseTime(components=tuple(response.components), threshold_ms=response.threshold_ms, percentile=response.percentile)
        case "resolution_time":
            return _resolution_time(indicator.resolution_time)
        case "composite":
            composite = indicator.composite
            return Composite(of=tuple(composite.of), rule=composite.rule, weights=tuple(composite.weights))
        case None:
            raise ValueError("an objective without an indicator")
        case _:
            assert_never(kind)


def _availability(time: terms_pb2.Availability) -> Availability:
    return Availability(
        components=tuple(time.components),
        combine=time.combine,
        no_data=time.no_data,
        weights=tuple(time.weights),
        minimum_coverage_percent=time.minimum_coverage_percent,
        maintenance=time.maintenance,
        minimum_outage=_minimum_outage(time.minimum_outage) if time.HasField("minimum_outage") else None,
        hours=time.hours,
    )


def _minimum_outage(minimum: terms_pb2.MinimumOutage) -> MinimumOutage:
    return MinimumOutage(at_least_s=minimum.at_least_s, whole_minutes=minimum.whole_minutes, before_exclusions=minimum.before_exclusions)


def _time_slices(slices: terms_pb2.TimeSlices) -> TimeSlices:
    return TimeSlices(
        components=tuple(slices.components),
        every_s=slices.every_s,
        error_above_percent=slices.error_above_percent,
        percentile=slices.percentile,
        latency_above_ms=slices.latency_above_ms,
        minimum_events=slices.minimum_events,
        minimum_consecutive=slices.minimum_consecutive,
        empty=slices.empty,
    )


def _resolution_time(tickets: terms_pb2.ResolutionTime) -> ResolutionTime:
    return ResolutionTime(
        within_s=tickets.within_s,
        priorities=tuple(tickets.priorities),
        reopened=tickets.reopened,
        stop=tickets.stop,
        hours=tickets.hours,
        pauses=tuple(tickets.pauses),
        priority_rule=tickets.priority_rule,
        priority_order=tuple(tickets.priority_order),
    )


def _formula(formula: terms_pb2.CreditFormula) -> CreditFormula | None:
    kind = formula.WhichOneof("kind")
    match kind:
        case "hourly_relief":
            return HourlyRelief(more_than_s=formula.hourly_relief.more_than_s)
        case "proportional":
            return Proportional(times=formula.proportional.times)
        case "per_step":
            return PerStep(step_percent=formula.per_step.step_percent, credit_percent=formula.per_step.credit_percent)
        case None:
            return None
        case _:
            assert_never(kind)


def _credit_terms(credit: terms_pb2.Credit) -> CreditTerms:
    return CreditTerms(
        currency=credit.currency,
        monthly_charge=credit.monthly_charge,
        cap_percent=credit.cap_percent,
        rounding=credit.rounding,
        combine=credit.combine,
        minimum=credit.minimum,
        yearly_cap_percent=credit.yearly_cap_percent,
    )


def _result(result: assessment_pb2.ObjectiveResult) -> ObjectiveResult:
    return ObjectiveResult(
        objective_id=result.objective_id,
        name=result.name or result.objective_id,
        service=result.service,
        indicator=result.indicator,
        target_percent=result.target_percent,
        comparison=result.comparison,
        decimals=result.decimals,
        good=result.good,
        whole=result.whole,
        unit=_one_of(_UNITS, result.unit),
        attainment=result.attainment,
        attainment_percent=result.attainment_percent,
        verdict=_one_of(_VERDICTS, result.verdict),
        lower_percent=result.lower_percent,
        upper_percent=result.upper_percent,
        coverage_percent=result.coverage_percent,
        lower=result.lower,
        upper=result.upper,
        coverage=result.coverage,
        credit_percent=result.credit_percent,
        progress=_progress(result.progress) if result.HasField("progress") else None,
        outages=tuple(_span(span) for span in result.outages),
        exclusions=tuple(_span(span) for span in result.exclusions),
        unknown=tuple(_span(span) for span in result.unknown),
        days=tuple(_day(day) for day in result.days),
        tickets=tuple(_ticket(ticket) for ticket in result.tickets),
        terms_version=result.terms_version,
        start=result.start,
        end=result.end,
        ignored=tuple(_span(span) for span in result.ignored),
        outside=tuple(_span(span) for span in result.outside),
        slices=tuple(_slice(each) for each in result.slices),
        percentile_ms=result.percentile_ms,
        clause=result.clause,
        needed=result.needed,
        scale=max(result.scale, 1),
    )


def _progress(progress: assessment_pb2.Progress) -> Progress:
    return Progress(
        to_date_percent=progress.to_date_percent,
        if_nothing_else_fails_percent=progress.if_nothing_else_fails_percent,
        budget=progress.budget,
        budget_left=progress.budget_left,
        budget_spent_percent=progress.budget_spent_percent,
        at_risk=progress.at_risk,
        lost=progress.lost,
    )


def _span(span: assessment_pb2.Interval) -> Span:
    return Span(start=span.start, end=span.end, duration_us=span.duration_us, components=tuple(span.components), cause=span.cause)


def _day(day: assessment_pb2.Day) -> Day:
    return Day(
        day=day.day,
        good=day.good,
        whole=day.whole,
        percent=day.percent,
        down_us=day.down_us,
        excluded_us=day.excluded_us,
        unknown_us=day.unknown_us,
    )


def _ticket(ticket: assessment_pb2.TicketResult) -> Ticket:
    return Ticket(
        ticket=ticket.ticket,
        priority=ticket.priority,
        opened_at=ticket.opened_at,
        due_at=ticket.due_at,
        resolved_at=ticket.resolved_at,
        verdict=ticket.verdict,
        counted_us=ticket.counted_us,
        allowed_us=ticket.allowed_us,
        clock=ticket.clock,
    )


def _slice(told: assessment_pb2.Slice) -> Slice:
    return Slice(
        start=told.start,
        end=told.end,
        good=int(told.good or "0"),
        total=int(told.total or "0"),
        share=int(told.share or "0"),
        bad=told.bad,
        cause=told.cause,
    )


def _credit_result(credit: assessment_pb2.CreditResult) -> CreditResult:
    return CreditResult(
        currency=credit.currency,
        monthly_charge=credit.monthly_charge,
        percent=credit.percent,
        amount=credit.amount,
        capped=credit.capped,
        lines=tuple(_credit_line(line) for line in credit.lines),
        paid=credit.paid or not credit.calculated,
        calculated=credit.calculated,
        claim_until=credit.claim_until,
        yearly_capped=credit.yearly_capped,
        period_charge=credit.period_charge or credit.monthly_charge,
    )


def _credit_line(line: assessment_pb2.CreditLine) -> CreditLine:
    return CreditLine(
        objective_id=line.objective_id,
        terms_version=line.terms_version,
        percent=line.percent,
        rule=line.rule,
        share_of_period=line.share_of_period,
    )


def _recommended(state: improvements_pb2.Improvement) -> str:
    chosen = [rec.action for rec in state.recommendations if rec.id == state.plan.recommendation_id]
    ranked = [rec.action for rec in sorted(state.recommendations, key=lambda rec: rec.rank)]
    return next(iter(chosen + ranked), "")


def _plan(plan: improvements_pb2.Plan) -> Plan:
    return Plan(
        description=plan.description,
        owner=plan.owner,
        due_on=plan.due_on,
        expected_attainment_percent=plan.expected_attainment_percent,
    )


def _verification(verification: improvements_pb2.Verification) -> Verification:
    return Verification(
        before_start=verification.before_start,
        before_end=verification.before_end,
        before_percent=verification.before_percent,
        after_start=verification.after_start,
        after_end=verification.after_end,
        after_percent=verification.after_percent,
        target_percent=verification.target_percent,
        expected_percent=verification.expected_percent,
        verdict=verification.verdict,
        reason=verification.reason,
        verified_at=verification.verified_at,
    )


def _one_of(closed_list: dict[str, T], text: str) -> T:
    if text not in closed_list:
        raise ValueError(f"{text!r} is none of {', '.join(closed_list)}")
    return closed_list[text]
