"""Translation between the public contracts and the calculator's words, both ways. Decides nothing.

An assessment's document is its JSON form: the fields of `assessment.proto` in snake case, what HTTP answers and events store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal, TypeVar

from google.protobuf.json_format import ParseDict
from upheld.agreements.v1 import terms_pb2
from upheld.measurement.v1 import assessment_pb2

from services.measurement.assessment import CALCULATOR_VERSION, Assessment, ObjectiveResult
from services.measurement.batch import evidence_of
from services.measurement.credit import Credit
from services.measurement.error_budget import Progress
from services.measurement.figure import DayResult, ExclusionSpan, OutageSpan, TicketResult
from services.measurement.judgement import Document, Leaf, ResultDocument
from services.measurement.objective import (
    Availability,
    CreditRule,
    CreditTier,
    Indicator,
    Maintenance,
    Objective,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Terms,
    TermsInForce,
)
from services.vocabulary.errors import invalid
from services.vocabulary.money import parse_money
from services.vocabulary.period import SECOND, Instant, Interval, Microseconds, instant_text, parse_day, parse_instant, parse_zone
from services.vocabulary.ratio import exact, floored_percent, parse_percent, trimmed_percent

__all__ = [
    "SignedTerms",
    "assessment_message",
    "document_of",
    "evidence_of",
    "in_force",
    "organisation_of",
    "result_message",
    "result_of",
    "terms_of",
]

SPREAD_DECIMALS = 4
"""Decimals of percentages that no objective sets: coverage, budget spent."""

T = TypeVar("T", bound=str)


@dataclass(frozen=True, kw_only=True)
class SignedTerms:
    """One version of an agreement's terms as both parties signed it, the civil day it counts from, and when the second one signed."""

    version: int
    effective_on: date
    message: terms_pb2.Terms
    recorded_at: Instant


def terms_of(message: terms_pb2.Terms, *, version: int) -> Terms:
    """The calculator's terms; refuses with `Invalid` what no agreement could have signed."""
    return Terms(
        version=version,
        zone=parse_zone(message.zone),
        effective=parse_day(message.effective_on, place="effective_on"),
        ends=parse_day(message.ends_on, place="ends_on") if message.ends_on else None,
        objectives=tuple(_objective(each) for each in message.objectives),
        maintenance=tuple(_maintenance(each) for each in message.maintenance),
        credit=_credit_rule(message.credit) if message.HasField("credit") and message.credit.currency else None,
        warn_at=parse_percent(message.warn_at_percent or "75", place="warn_at_percent"),
        close_after_days=message.close_after_days,
    )


def in_force(versions: Iterable[SignedTerms], *, last_day: date | None = None) -> tuple[TermsInForce, ...]:
    """The days of each version: a later one replaces every earlier one from its first day on. `last_day` is the agreement's."""
    found: list[TermsInForce] = []
    replaced_from: date | None = None
    for signed in sorted(versions, key=lambda each: each.version, reverse=True):
        ends = [day for day in (replaced_from and replaced_from - timedelta(days=1), last_day) if day is not None]
        if not ends or signed.effective_on <= min(ends):
            terms = terms_of(signed.message, version=signed.version)
            found.append(TermsInForce(terms=terms, first_day=signed.effective_on, last_day=min(ends, default=None)))
        if replaced_from is None or signed.effective_on < replaced_from:
            replaced_from = signed.effective_on
    in_order = tuple(reversed(found))
    assert all(earlier.first_day < later.first_day for earlier, later in pairwise(in_order)), "one version a day"
    return in_order


def organisation_of(message: terms_pb2.Terms, role: Literal["provider", "customer"]) -> str:
    return next((party.organisation for party in message.parties if party.role == role), "")


def document_of(assessment: Assessment) -> Document:
    """Of an open period; a close or a restatement adds what it states."""
    return {
        "agreement_id": assessment.agreement_id,
        "period": str(assessment.month),
        "start": instant_text(assessment.interval.start),
        "end": instant_text(assessment.interval.end),
        "measured_until": instant_text(assessment.measured_until),
        "closed": False,
        "revision": 0,
        "objectives": [result_of(result) for result in assessment.objectives],
        "credit": _credit(assessment.credit),
        "calculator_version": CALCULATOR_VERSION,
        "recorded_at": "",
        "terms_versions": list(assessment.terms_versions),
        "restatement_cause": "",
        "zone": assessment.zone.key,
    }


def result_of(result: ObjectiveResult) -> ResultDocument:
    objective = result.objective
    return {
        "objective_id": objective.id,
        "name": objective.name,
        "service": objective.service,
        "indicator": _indicator_name(objective.indicator),
        "target_percent": trimmed_percent(objective.target),
        "comparison": objective.comparison,
        "good": str(result.good),
        "whole": str(result.whole),
        "unit": result.unit,
        "attainment": _exact(result.attainment),
        "attainment_percent": _percent(result.attainment, objective.decimals),
        "verdict": str(result.verdict),
        "lower_percent": _percent(result.lower, objective.decimals),
        "upper_percent": _percent(result.upper, objective.decimals),
        "coverage_percent": _percent(result.coverage, SPREAD_DECIMALS),
        "progress": _progress(result.progress, objective.decimals),
        "outages": [_span(span) for span in result.outages],
        "exclusions": [_span(span) for span in result.exclusions],
        "unknown": [_interval(interval) for interval in result.unknown],
        "days": [_day(day, objective.decimals) for day in result.days],
        "credit_percent": trimmed_percent(result.credit_percent),
        "tickets": [_ticket(ticket) for ticket in result.tickets],
        "decimals": objective.decimals,
        "lower": _exact(result.lower),
        "upper": _exact(result.upper),
        "coverage": exact(result.coverage),
        "terms_version": result.terms_version,
        "start": instant_text(result.interval.start),
        "end": instant_text(result.interval.end),
    }


def assessment_message(document: Document) -> assessment_pb2.Assessment:
    return ParseDict(document, assessment_pb2.Assessment())


def result_message(document: ResultDocument) -> assessment_pb2.ObjectiveResult:
    return ParseDict(document, assessment_pb2.ObjectiveResult())


def _objective(message: terms_pb2.Objective) -> Objective:
    return Objective(
        id=message.id,
        name=message.name,
        service=message.service,
        indicator=_indicator(message.indicator),
        comparison=_one_of(message.comparison, (">=", ">"), place="comparison", otherwise=">="),
        target=parse_percent(message.target_percent, place="target_percent"),
        decimals=message.decimals,
        credit_tiers=tuple(
            CreditTier(below=parse_percent(tier.below_percent, place="below"), credit=parse_percent(tier.credit_percent, place="credit"))
            for tier in message.credits
        ),
    )


def _indicator(message: terms_pb2.Indicator) -> Indicator:
    match message.WhichOneof("kind"):
        case "availability":
            availability = message.availability
            return Availability(
                components=tuple(availability.components),
                combine=_one_of(availability.combine, ("any", "all"), place="combine", otherwise="any"),
                no_data=_one_of(availability.no_data, ("undetermined", "up", "down", "exclude"), place="no_data", otherwise="undetermined"),
            )
        case "request_ratio":
            return RequestRatio(components=tuple(message.request_ratio.components))
        case "response_time":
            return ResponseTime(
                components=tuple(message.response_time.components),
                threshold_us=_floored_us(message.response_time.threshold_ms),
                expected_every=Microseconds(message.response_time.expected_every_s * SECOND),
            )
        case "resolution_time":
            return ResolutionTime(
                within=Microseconds(message.resolution_time.within_s * SECOND),
                priorities=tuple(message.resolution_time.priorities),
                reopened=_one_of(
                    message.resolution_time.reopened, ("first-resolution", "runs-on"), place="reopened", otherwise="first-resolution"
                ),
            )
        case unknown:
            raise invalid("indicator", f"is of no kind that this calculator knows: {unknown}")


def _floored_us(threshold_ms: str) -> int:
    """Latencies are rounded up to whole microseconds, thresholds down: what was beyond stays beyond."""
    return int(Decimal(threshold_ms) * 1000)


def _maintenance(message: terms_pb2.MaintenanceWindow) -> Maintenance:
    return Maintenance(
        id=message.id,
        service=message.service,
        components=tuple(message.components),
        interval=Interval(parse_instant(message.start, place="start"), parse_instant(message.end, place="end")),
        reason=message.reason,
    )


def _credit_rule(message: terms_pb2.Credit) -> CreditRule:
    return CreditRule(
        charge=parse_money(message.monthly_charge, message.currency, place="monthly_charge"),
        cap=parse_percent(message.cap_percent or "100", place="cap_percent"),
        rounding=_one_of(message.rounding, ("half-even", "half-up"), place="rounding", otherwise="half-even"),
    )


def _one_of(text: str, allowed: Sequence[T], *, place: str, otherwise: T) -> T:
    if not text:
        return otherwise
    for each in allowed:
        if each == text:
            return each
    raise invalid(place, f"must be one of {', '.join(allowed)}, not {text!r}")


def _indicator_name(indicator: Indicator) -> str:
    match indicator:
        case Availability():
            return "availability"
        case RequestRatio():
            return "request-ratio"
        case ResponseTime():
            return "response-time"
        case ResolutionTime():
            return "resolution-time"


def _exact(ratio: Fraction | None) -> str:
    return "" if ratio is None else exact(ratio)


def _percent(ratio: Fraction | None, decimals: int) -> str:
    return "" if ratio is None else floored_percent(ratio, decimals=decimals)


def _progress(progress: Progress, decimals: int) -> Leaf:
    return {
        "to_date_percent": _percent(progress.to_date, decimals),
        "if_nothing_else_fails_percent": _percent(progress.if_nothing_else_fails, decimals),
        "budget": _exact(progress.budget),
        "budget_left": _exact(progress.budget_left),
        "budget_spent_percent": _percent(progress.budget_spent, SPREAD_DECIMALS),
        "at_risk": progress.at_risk,
        "lost": progress.lost,
    }


def _span(span: OutageSpan | ExclusionSpan) -> Leaf:
    return {**_interval(span.interval), "components": list(span.components), "cause": span.cause}


def _interval(interval: Interval) -> Leaf:
    return {
        "start": instant_text(interval.start),
        "end": instant_text(interval.end),
        "duration_us": interval.length,
        "components": [],
        "cause": "",
    }


def _day(day: DayResult, decimals: int) -> Leaf:
    return {
        "day": day.day.isoformat(),
        "good": str(day.good),
        "whole": str(day.whole),
        "percent": _percent(Fraction(day.good, day.whole) if day.whole else None, decimals),
        "down_us": day.down_us,
        "excluded_us": day.excluded_us,
        "unknown_us": day.unknown_us,
    }


def _ticket(ticket: TicketResult) -> Leaf:
    return {
        "ticket": ticket.ticket,
        "priority": ticket.priority,
        "opened_at": instant_text(ticket.opened_at),
        "due_at": instant_text(ticket.due_at),
        "resolved_at": "" if ticket.resolved_at is None else instant_text(ticket.resolved_at),
        "verdict": str(ticket.verdict),
    }


def _credit(credit: Credit | None) -> Leaf | None:
    if credit is None:
        return None
    return {
        "currency": credit.charge.currency,
        "monthly_charge": str(credit.charge),
        "percent": trimmed_percent(credit.percent),
        "amount": str(credit.amount),
        "capped": credit.capped,
    }
