"""How agreements are spoken of on the wire: values to and from the messages of proto/. Translation only; decides nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import date
from typing import assert_never

from upheld.agreements.v1 import agreements_pb2, terms_pb2

from services.agreements import state_words
from services.agreements.agreement import Comment, Request, Review, Signature, Suspension, TermsVersion
from services.agreements.application import Snapshot, TermsInForce
from services.agreements.facts import Fact
from services.agreements.keys import SigningKey
from services.agreements.terms import (
    GRAMMAR,
    Activity,
    Availability,
    Calendar,
    Change,
    Claim,
    Component,
    Composite,
    Credit,
    ExclusionClass,
    Holiday,
    HourlyRelief,
    Indicator,
    IntervalMean,
    MaintenanceWindow,
    Node,
    Objective,
    Party,
    ProportionalCredit,
    RecurringMaintenance,
    Relief,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    StepCredit,
    Support,
    Terms,
    ThirdParty,
    TimeSlices,
    duration_text,
    in_words,
    milliseconds_text,
    multiple_text,
    parse_terms,
)
from services.chassis.events import Recorded
from services.vocabulary.money import Money
from services.vocabulary.period import MONTHLY, Cycle, Instant, instant_text
from services.vocabulary.ratio import trimmed_percent


def terms_message(terms: Terms) -> terms_pb2.Terms:
    """The terms as other services and the calculator read them."""
    return terms_pb2.Terms(
        title=terms.title,
        zone=terms.zone,
        effective_on=terms.effective_on.isoformat(),
        ends_on=terms.ends_on.isoformat() if terms.ends_on else "",
        parties=[_party_message(party) for party in terms.parties],
        auditors=terms.auditors,
        services=[_service_message(service) for service in terms.services],
        objectives=[_objective_message(objective) for objective in terms.objectives],
        maintenance=[_maintenance_message(window) for window in terms.maintenance],
        credit=_credit_message(terms.credit) if terms.credit else None,
        close_after_days=terms.close_after_days,
        warn_at_percent=trimmed_percent(terms.warn_at),
        calendars=[_calendar_message(calendar) for calendar in terms.calendars],
        exclusion_classes=[_class_message(each) for each in terms.exclusion_classes],
        recurring_maintenance=[_recurring_message(window) for window in terms.recurring_maintenance],
        hard_close_after_days=terms.hard_close_after_days or 0,
        disputes=terms.disputes,
        period=_period_message(terms.period) if terms.period != MONTHLY else None,
        renewal=terms_pb2.Renewal(months=terms.renewal.months, notice_days=terms.renewal.notice_days) if terms.renewal else None,
        review_every=terms.review_every or "",
        underpinning=[_support_message(each) for each in terms.underpinning],
        third_parties=[_third_party_message(each) for each in terms.third_parties],
        responsibilities=[_activity_message(each) for each in terms.responsibilities],
    )


def terms_of(message: terms_pb2.Terms) -> Terms:
    """The inverse of `terms_message`; refuses with `Invalid` a message that is no valid terms."""
    return parse_terms(document_of(message))


def document_of(message: terms_pb2.Terms) -> dict[str, Node]:
    """The terms document that says the same as a message."""
    document: dict[str, Node] = {
        "upheld": GRAMMAR,
        "title": message.title,
        "zone": message.zone,
        "effective_on": message.effective_on,
        "ends_on": message.ends_on or None,
        "parties": [_party_document(party) for party in message.parties],
        "auditors": list(message.auditors),
        "services": [
            {"id": each.id, "name": each.name, "components": [_component_document(part) for part in each.components]}
            for each in message.services
        ],
        "maintenance": [_maintenance_document(window) for window in message.maintenance],
        "objectives": [_objective_document(objective) for objective in message.objectives],
        "close_after_days": message.close_after_days,
        "warn_at_percent": message.warn_at_percent or None,
        "calendars": [_calendar_document(calendar) for calendar in message.calendars],
        "exclusion_classes": [_class_document(each) for each in message.exclusion_classes],
        "recurring_maintenance": [_recurring_document(window) for window in message.recurring_maintenance],
        "hard_close_after_days": message.hard_close_after_days or None,
        "disputes": message.disputes or None,
        "review_every": message.review_every or None,
        "underpinning": [_support_document(each) for each in message.underpinning],
        "third_parties": [_third_party_document(each) for each in message.third_parties],
        "responsibilities": [_activity_document(each) for each in message.responsibilities],
    }
    if message.HasField("renewal"):
        document["renewal"] = {"months": message.renewal.months, "notice_days": message.renewal.notice_days}
    if message.HasField("credit"):
        document["credit"] = _credit_document(message.credit)
    if message.HasField("period"):
        document["period"] = _period_document(message.period)
    return document


def agreement_message(snapshot: Snapshot) -> agreements_pb2.Agreement:
    return agreements_pb2.Agreement(
        id=str(snapshot.id),
        status=snapshot.status,
        version=snapshot.version,
        terms=version_message(snapshot.terms) if snapshot.terms else None,
        pending=version_message(snapshot.pending) if snapshot.pending else None,
        signatures=[_signature_message(signature) for signature in snapshot.signatures],
        last_day=_day(snapshot.last_day),
        comments=[_comment_message(comment) for comment in snapshot.comments],
        notice_given_by=snapshot.notice_given_by,
        request=_request_message(snapshot.request) if snapshot.request else None,
        suspensions=[_suspension_message(suspension) for suspension in snapshot.suspensions],
        reviews=[_review_message(review) for review in snapshot.reviews],
    )


def version_message(version: TermsVersion) -> agreements_pb2.TermsVersion:
    return agreements_pb2.TermsVersion(
        number=version.number,
        terms=terms_message(version.terms),
        digest=version.digest,
        effective_on=version.effective_on.isoformat(),
        recorded_at=version.recorded_at,
        valid_until=version.valid_until,
        offered_by=version.offered_by,
    )


def key_message(key: SigningKey) -> agreements_pb2.SigningKey:
    return agreements_pb2.SigningKey(
        id=key.id,
        key=str(key.key),
        organisation=key.organisation,
        subject=key.subject,
        registered_at=key.registered_at,
        revoked_at=key.revoked_at,
        replaced_by=key.replaced_by,
        reason=key.reason,
    )


def terms_in_force_message(terms: TermsInForce) -> agreements_pb2.GetTermsInForceResponse:
    return agreements_pb2.GetTermsInForceResponse(
        versions=[version_message(version) for version in terms.versions],
        last_day=_day(terms.last_day),
        suspensions=[_suspension_message(suspension) for suspension in terms.suspensions],
    )


def history_message(entries: Sequence[Recorded[Fact]]) -> agreements_pb2.GetHistoryResponse:
    return agreements_pb2.GetHistoryResponse(entries=[entry_message(entry) for entry in entries])


def changes_message(changes: Sequence[Change]) -> agreements_pb2.DiffTermsResponse:
    return agreements_pb2.DiffTermsResponse(
        changes=[
            agreements_pb2.Change(
                place=change.place,
                before_json=_json(change.before),
                after_json=_json(change.after),
                words=state_words.in_words(change, in_words),
            )
            for change in changes
        ]
    )


def fact_data(fact: Fact) -> dict[str, object]:
    """What a history shows of a fact: its fields, the terms document as a document and not as a text in a text."""
    data: dict[str, object] = {name: getattr(fact, name) for name in (field.name for field in dataclasses.fields(fact))}
    if isinstance(document := data.get("document"), str):
        data["document"] = json.loads(document)
    return {name: value if isinstance(value, str | int | dict) else str(value or "") for name, value in data.items()}


def entry_message(entry: Recorded[Fact]) -> agreements_pb2.HistoryEntry:
    metadata = entry.metadata
    return agreements_pb2.HistoryEntry(
        version=entry.version,
        type=entry.type,
        event_id=metadata.event_id,
        recorded_at=metadata.recorded_at,
        actor=metadata.actor,
        organisation=metadata.organisation,
        reason=metadata.reason,
        correlation_id=metadata.correlation_id,
        causation_id=metadata.causation_id,
        data_json=_json(fact_data(entry.event)),
        tool=metadata.tool,
        traceparent=metadata.traceparent,
    )


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _signature_message(signature: Signature) -> agreements_pb2.Signature:
    return agreements_pb2.Signature(
        terms_version=signature.terms_version,
        role=signature.role,
        organisation=signature.organisation,
        signatory=signature.signatory,
        signed_at=signature.signed_at,
        digest=signature.digest,
        key=signature.key,
        note=signature.note,
    )


def _comment_message(comment: Comment) -> agreements_pb2.Comment:
    return agreements_pb2.Comment(
        terms_version=comment.terms_version,
        place=comment.place,
        text=comment.text,
        organisation=comment.organisation,
        subject=comment.subject,
        recorded_at=comment.recorded_at,
    )


def _request_message(request: Request) -> agreements_pb2.Request:
    return agreements_pb2.Request(
        kind=request.kind,
        first_day=request.first_day.isoformat(),
        last_day=_day(request.last_day),
        organisation=request.organisation,
        reason=request.reason,
    )


def _suspension_message(suspension: Suspension) -> agreements_pb2.Suspension:
    return agreements_pb2.Suspension(
        first_day=suspension.first_day.isoformat(),
        last_day=_day(suspension.last_day),
        reason=suspension.reason,
        recorded_at=suspension.recorded_at,
    )


def _review_message(review: Review) -> agreements_pb2.Review:
    return agreements_pb2.Review(
        due_on=review.due_on.isoformat(), held_on=_day(review.held_on), minutes=review.minutes, organisation=review.organisation
    )


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _party_message(party: Party) -> terms_pb2.Party:
    return terms_pb2.Party(
        role=party.role,
        organisation=party.organisation,
        name=party.name,
        contacts=[terms_pb2.Contact(name=each.name, email=each.email, role=each.role) for each in party.contacts],
        responsibilities=party.responsibilities,
    )


def _party_document(party: terms_pb2.Party) -> Node:
    return {
        "role": party.role,
        "organisation": party.organisation,
        "name": party.name,
        "contacts": [{"name": each.name, "email": each.email, "role": each.role or None} for each in party.contacts],
        "responsibilities": list(party.responsibilities),
    }


def _support_message(support: Support) -> terms_pb2.Support:
    return terms_pb2.Support(
        objective=support.objective,
        agreement_id=support.agreement,
        supporting_objective=support.supporting_objective,
        kind=support.kind,
    )


def _support_document(support: terms_pb2.Support) -> Node:
    return {
        "objective": support.objective,
        "agreement": support.agreement_id,
        "supporting_objective": support.supporting_objective,
        "kind": support.kind or None,
    }


def _third_party_message(third: ThirdParty) -> terms_pb2.ThirdParty:
    return terms_pb2.ThirdParty(organisation=third.organisation, name=third.name, role=third.role)


def _third_party_document(third: terms_pb2.ThirdParty) -> Node:
    return {"organisation": third.organisation, "name": third.name, "role": third.role or None}


def _activity_message(line: Activity) -> terms_pb2.Activity:
    return terms_pb2.Activity(
        activity=line.activity,
        responsible=line.responsible,
        accountable=line.accountable,
        consulted=line.consulted,
        informed=line.informed,
    )


def _activity_document(line: terms_pb2.Activity) -> Node:
    return {
        "activity": line.activity,
        "responsible": list(line.responsible),
        "accountable": line.accountable,
        "consulted": list(line.consulted),
        "informed": list(line.informed),
    }


def _service_message(service: Service) -> terms_pb2.Service:
    return terms_pb2.Service(id=service.id, name=service.name, components=[_component_message(each) for each in service.components])


def _component_message(component: Component) -> terms_pb2.Component:
    return terms_pb2.Component(
        id=component.id,
        name=component.name,
        in_service_from=_instant(component.in_service_from),
        in_service_until=_instant(component.in_service_until),
    )


def _component_document(component: terms_pb2.Component) -> Node:
    return {
        "id": component.id,
        "name": component.name,
        "in_service_from": component.in_service_from or None,
        "in_service_until": component.in_service_until or None,
    }


def _period_message(cycle: Cycle) -> terms_pb2.AgreementPeriod:
    return terms_pb2.AgreementPeriod(every=cycle.every, from_day=0 if cycle.from_day == 1 else cycle.from_day, days=cycle.days)


def _period_document(period: terms_pb2.AgreementPeriod) -> Node:
    return {"every": period.every or "month", "from_day": period.from_day or None, "days": period.days or None}


def _calendar_message(calendar: Calendar) -> terms_pb2.Calendar:
    return terms_pb2.Calendar(
        id=calendar.id,
        zone=calendar.zone,
        hours=[terms_pb2.Hours(days=each.days, to=each.closes, **{"from": each.opens}) for each in calendar.hours],
        region=calendar.region,
        holidays=[_holiday_message(each) for each in calendar.holidays],
        also_closed=[_holiday_message(each) for each in calendar.also_closed],
    )


def _holiday_message(holiday: Holiday) -> terms_pb2.Holiday:
    return terms_pb2.Holiday(day=holiday.day.isoformat(), name=holiday.name)


def _calendar_document(calendar: terms_pb2.Calendar) -> Node:
    """A message has the holidays that were signed: none is filled in, whatever the region."""
    return {
        "id": calendar.id,
        "zone": calendar.zone or None,
        "hours": [{"days": list(each.days), "from": getattr(each, "from"), "to": each.to} for each in calendar.hours],
        "region": calendar.region or None,
        "holidays": [_holiday_document(each) for each in calendar.holidays],
        "also_closed": [_holiday_document(each) for each in calendar.also_closed],
    }


def _holiday_document(holiday: terms_pb2.Holiday) -> Node:
    return {"day": holiday.day, "name": holiday.name or None}


def _class_message(ground: ExclusionClass) -> terms_pb2.ExclusionClass:
    return terms_pb2.ExclusionClass(
        id=ground.id,
        clause=ground.clause,
        approval=ground.approval,
        notice_s=ground.notice_s,
        monthly_cap_s=ground.monthly_cap_s,
    )


def _class_document(ground: terms_pb2.ExclusionClass) -> Node:
    return {
        "id": ground.id,
        "clause": ground.clause or None,
        "approval": ground.approval or None,
        "notice": _length(ground.notice_s),
        "monthly_cap": _length(ground.monthly_cap_s),
    }


def _recurring_message(window: RecurringMaintenance) -> terms_pb2.RecurringMaintenance:
    return terms_pb2.RecurringMaintenance(
        id=window.id,
        service=window.service,
        components=window.components,
        days=window.days,
        weeks=window.weeks,
        lasts_s=window.lasts_s,
        reason=window.reason,
        exclusion_class=window.exclusion_class,
        **{"from": window.begins},
    )


def _recurring_document(window: terms_pb2.RecurringMaintenance) -> Node:
    return {
        "id": window.id,
        "service": window.service,
        "components": list(window.components),
        "days": list(window.days),
        "weeks": list(window.weeks),
        "from": getattr(window, "from"),
        "lasts": _length(window.lasts_s),
        "reason": window.reason or None,
        "class": window.exclusion_class or None,
    }


def _maintenance_message(window: MaintenanceWindow) -> terms_pb2.MaintenanceWindow:
    return terms_pb2.MaintenanceWindow(
        id=window.id,
        service=window.service,
        components=window.components,
        start=instant_text(window.start),
        end=instant_text(window.end),
        reason=window.reason,
        exclusion_class=window.exclusion_class,
        announced_at=_instant(window.announced_at),
    )


def _maintenance_document(window: terms_pb2.MaintenanceWindow) -> Node:
    return {
        "id": window.id,
        "service": window.service,
        "components": list(window.components),
        "start": window.start,
        "end": window.end,
        "reason": window.reason or None,
        "class": window.exclusion_class or None,
        "announced_at": window.announced_at or None,
    }


def _credit_message(credit: Credit) -> terms_pb2.Credit:
    currency = credit.monthly_charge.currency
    return terms_pb2.Credit(
        currency=currency,
        monthly_charge=str(credit.monthly_charge),
        cap_percent=trimmed_percent(credit.cap),
        rounding=credit.rounding,
        combine=credit.combine,
        minimum=str(Money(credit.minimum, currency)) if credit.minimum else "",
        yearly_cap_percent="" if credit.yearly_cap is None else trimmed_percent(credit.yearly_cap),
        full_segments=not credit.pro_rata,
        claim=_claim_message(credit.claim) if credit.claim else None,
    )


def _claim_message(claim: Claim) -> terms_pb2.ClaimRule:
    return terms_pb2.ClaimRule(
        days=claim.days,
        months=claim.months,
        cycles=claim.cycles,
        business_days=claim.business_days,
        calendar=claim.calendar,
        counted_from=claim.counted_from,
    )


def _credit_document(credit: terms_pb2.Credit) -> Node:
    claim = credit.claim
    return {
        "currency": credit.currency,
        "monthly_charge": credit.monthly_charge,
        "cap_percent": credit.cap_percent or None,
        "rounding": credit.rounding or None,
        "combine": credit.combine or None,
        "minimum": credit.minimum or None,
        "yearly_cap_percent": credit.yearly_cap_percent or None,
        "pro_rata": "false" if credit.full_segments else None,
        "claim": {
            "days": claim.days or None,
            "months": claim.months or None,
            "cycles": claim.cycles or None,
            "business_days": claim.business_days or None,
            "calendar": claim.calendar or None,
            "counted_from": claim.counted_from or None,
        }
        if credit.HasField("claim")
        else None,
    }


def _objective_message(objective: Objective) -> terms_pb2.Objective:
    return terms_pb2.Objective(
        id=objective.id,
        name=objective.name,
        service=objective.service,
        indicator=_indicator_message(objective.indicator),
        comparison=objective.comparison,
        target_percent=trimmed_percent(objective.target),
        decimals=objective.decimals,
        credits=[
            terms_pb2.CreditTier(below_percent=trimmed_percent(tier.below), credit_percent=trimmed_percent(tier.percent))
            for tier in objective.credits
        ],
        clause=objective.clause,
        credit_formula=_formula_message(objective.relief) if objective.relief else None,
    )


def _formula_message(relief: Relief) -> terms_pb2.CreditFormula:
    match relief:
        case HourlyRelief():
            return terms_pb2.CreditFormula(hourly_relief=terms_pb2.HourlyRelief(more_than_s=relief.more_than_s))
        case ProportionalCredit():
            return terms_pb2.CreditFormula(proportional=terms_pb2.Proportional(times=multiple_text(relief.times)))
        case StepCredit():
            step, percent = trimmed_percent(relief.step), trimmed_percent(relief.percent)
            return terms_pb2.CreditFormula(per_step=terms_pb2.PerStep(step_percent=step, credit_percent=percent))
        case _:
            assert_never(relief)


def _objective_document(objective: terms_pb2.Objective) -> Node:
    indicator = objective.indicator
    return {
        "id": objective.id,
        "name": objective.name,
        "service": objective.service or (None if indicator.WhichOneof("kind") == "composite" else ""),
        "indicator": _indicator_document(indicator),
        "comparison": objective.comparison or None,
        "target": objective.target_percent,
        "decimals": objective.decimals,
        "credits": [{"below": tier.below_percent, "percent": tier.credit_percent} for tier in objective.credits],
        "clause": objective.clause or None,
        "relief": _formula_document(objective.credit_formula),
    }


def _formula_document(formula: terms_pb2.CreditFormula) -> Node:
    match formula.WhichOneof("kind"):
        case "hourly_relief":
            return {"kind": "hourly", "more_than": _length(formula.hourly_relief.more_than_s)}
        case "proportional":
            return {"kind": "proportional", "times": formula.proportional.times}
        case "per_step":
            return {"kind": "per-step", "step": formula.per_step.step_percent, "percent": formula.per_step.credit_percent}
        case None:
            return None
        case kind:
            assert_never(kind)


def _indicator_message(indicator: Indicator) -> terms_pb2.Indicator:
    match indicator:
        case Availability():
            return terms_pb2.Indicator(availability=_availability_message(indicator))
        case RequestRatio():
            return terms_pb2.Indicator(request_ratio=terms_pb2.RequestRatio(components=indicator.components))
        case IntervalMean():
            interval_mean = terms_pb2.IntervalMean(components=indicator.components, every_s=indicator.every_s, empty=indicator.empty)
            return terms_pb2.Indicator(interval_mean=interval_mean)
        case TimeSlices():
            return terms_pb2.Indicator(time_slices=_time_slices_message(indicator))
        case ResponseTime():
            response_time = terms_pb2.ResponseTime(
                components=indicator.components,
                threshold_ms=milliseconds_text(indicator.threshold_ms),
                expected_every_s=indicator.expected_every_s,
                percentile="" if indicator.percentile is None else trimmed_percent(indicator.percentile),
            )
            return terms_pb2.Indicator(response_time=response_time)
        case ResolutionTime():
            resolution_time = terms_pb2.ResolutionTime(
                within_s=indicator.within_s,
                priorities=indicator.priorities,
                reopened=indicator.reopened,
                stop=indicator.stop,
                hours=indicator.hours,
                pauses=indicator.pauses,
                priority_rule=indicator.priority_rule,
                priority_order=indicator.priority_order,
            )
            return terms_pb2.Indicator(resolution_time=resolution_time)
        case Composite():
            return terms_pb2.Indicator(composite=terms_pb2.Composite(of=indicator.of, rule=indicator.rule, weights=indicator.weights))
        case _:
            assert_never(indicator)


def _availability_message(indicator: Availability) -> terms_pb2.Availability:
    outage = indicator.minimum_outage
    return terms_pb2.Availability(
        components=indicator.components,
        combine=indicator.combine,
        no_data=indicator.no_data,
        weights=indicator.weights,
        minimum_coverage_percent=trimmed_percent(indicator.minimum_coverage) if indicator.minimum_coverage else "",
        maintenance=indicator.maintenance,
        minimum_outage=terms_pb2.MinimumOutage(
            at_least_s=outage.at_least_s, whole_minutes=outage.whole_minutes, before_exclusions=outage.before_exclusions
        )
        if outage
        else None,
        hours=indicator.hours,
    )


def _time_slices_message(indicator: TimeSlices) -> terms_pb2.TimeSlices:
    return terms_pb2.TimeSlices(
        components=indicator.components,
        every_s=indicator.every_s,
        error_above_percent="" if indicator.error_above is None else trimmed_percent(indicator.error_above),
        percentile="" if indicator.percentile is None else trimmed_percent(indicator.percentile),
        latency_above_ms="" if indicator.latency_above_ms is None else milliseconds_text(indicator.latency_above_ms),
        minimum_events=indicator.minimum_events,
        minimum_consecutive=indicator.minimum_consecutive,
        empty=indicator.empty,
    )


def _indicator_document(indicator: terms_pb2.Indicator) -> Node:
    match indicator.WhichOneof("kind"):
        case "availability":
            return _availability_document(indicator.availability)
        case "request_ratio":
            return {"kind": "request-ratio", "components": list(indicator.request_ratio.components)}
        case "interval_mean":
            interval_mean = indicator.interval_mean
            return {
                "kind": "interval-mean",
                "components": list(interval_mean.components),
                "every": _length(interval_mean.every_s),
                "empty": interval_mean.empty or None,
            }
        case "time_slices":
            return _time_slices_document(indicator.time_slices)
        case "response_time":
            response_time = indicator.response_time
            return {
                "kind": "response-time",
                "components": list(response_time.components),
                "threshold_ms": response_time.threshold_ms,
                "expected_every": _length(response_time.expected_every_s),
                "percentile": response_time.percentile or None,
            }
        case "resolution_time":
            return _resolution_time_document(indicator.resolution_time)
        case "composite":
            composite = indicator.composite
            return {
                "kind": "composite",
                "of": list(composite.of),
                "rule": composite.rule,
                "weights": _weights_document(composite.of, composite.weights),
            }
        case None:
            return None
        case kind:
            assert_never(kind)


def _availability_document(availability: terms_pb2.Availability) -> Node:
    outage = availability.minimum_outage
    return {
        "kind": "availability",
        "components": list(availability.components),
        "combine": availability.combine or None,
        "no_data": availability.no_data or None,
        "weights": _weights_document(availability.components, availability.weights),
        "minimum_coverage": availability.minimum_coverage_percent or None,
        "maintenance": availability.maintenance or None,
        "minimum_outage": {
            "at_least": _length(outage.at_least_s),
            "whole_minutes": str(outage.whole_minutes).lower(),
            "before_exclusions": str(outage.before_exclusions).lower(),
        }
        if availability.HasField("minimum_outage")
        else None,
        "hours": availability.hours or None,
    }


def _time_slices_document(slices: terms_pb2.TimeSlices) -> Node:
    return {
        "kind": "time-slices",
        "components": list(slices.components),
        "every": _length(slices.every_s),
        "error_above": slices.error_above_percent or None,
        "percentile": slices.percentile or None,
        "latency_above_ms": slices.latency_above_ms or None,
        "minimum_events": slices.minimum_events or None,
        "minimum_consecutive": slices.minimum_consecutive or None,
        "empty": slices.empty or None,
    }


def _resolution_time_document(resolution_time: terms_pb2.ResolutionTime) -> Node:
    return {
        "kind": "resolution-time",
        "within": duration_text(resolution_time.within_s),
        "priorities": list(resolution_time.priorities),
        "reopened": resolution_time.reopened or None,
        "stop": resolution_time.stop or None,
        "hours": resolution_time.hours or None,
        "pauses": list(resolution_time.pauses),
        "priority_rule": resolution_time.priority_rule or None,
        "priority_order": list(resolution_time.priority_order),
    }


def _weights_document(names: Sequence[str], weights: Sequence[int]) -> Node:
    """By name; a weight without a name, or a name without one, stays to be refused."""
    if not weights:
        return None
    named: dict[str, Node] = dict(zip(names, weights, strict=False))
    return named | {f"weights[{index}]": weight for index, weight in enumerate(weights) if index >= len(names)}


def _instant(instant: Instant | None) -> str:
    return "" if instant is None else instant_text(instant)


def _length(length_s: int) -> str | None:
    return duration_text(length_s) if length_s else None
