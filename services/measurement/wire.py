"""Translation between the public contracts and the calculator's words, both ways. Decides nothing.

An assessment's document is its JSON form: the fields of `assessment.proto` in snake case, what HTTP answers and events store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal, TypeVar, assert_never, get_args
from zoneinfo import ZoneInfo

from google.protobuf.json_format import ParseDict
from upheld.agreements.v1 import terms_pb2
from upheld.measurement.v1 import assessment_pb2

from services.measurement.assessment import Assessment, ObjectiveResult
from services.measurement.batch import OutageRow, Report, SampleRow, StatusRow, TicketRow
from services.measurement.citation import ref_of, sample_name
from services.measurement.credit import Credit, CreditLine
from services.measurement.error_budget import Progress
from services.measurement.figure import DayResult, ExclusionSpan, OutageSpan, SliceResult, TicketResult
from services.measurement.frame import VALUES
from services.measurement.interval import ALL_TIME, Spans, union
from services.measurement.judgement import Document, Leaf, ResultDocument
from services.measurement.objective import (
    Availability,
    ClaimRule,
    Composite,
    CreditFormula,
    CreditRule,
    CreditTier,
    Disputes,
    Empty,
    ExclusionClass,
    HourlyRelief,
    Indicator,
    IntervalMean,
    Maintenance,
    MinimumOutage,
    Objective,
    ProportionalCredit,
    RecurringMaintenance,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    SliceCredit,
    Terms,
    TermsInForce,
    TimeSlices,
)
from services.measurement.observation import STILL_OPEN
from services.measurement.settlement import Side
from services.vocabulary.calendar import WEEKDAYS, Calendar, Hours
from services.vocabulary.errors import invalid
from services.vocabulary.money import parse_money
from services.vocabulary.period import (
    LATEST_FROM_DAY,
    LONGEST_ROLLING,
    SECOND,
    Cycle,
    Every,
    Instant,
    Interval,
    Microseconds,
    instant_text,
    parse_day,
    parse_instant,
    parse_zone,
    start_of_day,
)
from services.vocabulary.ratio import exact, floored_percent, parse_percent, plain_decimal, trimmed_percent

SPREAD_DECIMALS = 4
"""Decimals of percentages that no objective sets: coverage, budget spent."""

_WEEKS = ("first", "second", "third", "fourth", "last")
_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)

_RESULT_BEFORE: ResultDocument = {
    "ignored": [],
    "outside": [],
    "slices": [],
    "percentile_ms": "",
    "clause": "",
    "needed": "",
    "scale": 1,
}
_TICKET_BEFORE: Leaf = {"counted_us": 0, "allowed_us": 0, "clock": "", "excluded_by": ""}

T = TypeVar("T", bound=str)
N = TypeVar("N")


@dataclass(frozen=True, kw_only=True)
class SignedTerms:
    """One version of an agreement's terms as both parties signed it, the civil day it counts from, and when the second one signed."""

    version: int
    effective_on: date
    message: terms_pb2.Terms
    recorded_at: Instant


def terms_of(message: terms_pb2.Terms, *, version: int) -> Terms:
    """The calculator's terms; refuses with `Invalid` what no agreement could have signed."""
    zone = parse_zone(message.zone)
    calendars = {each.id: _calendar(each, message.zone) for each in message.calendars}
    classes = exclusion_classes_of(message)
    lives = {service.id: _lives(service) for service in message.services}
    return Terms(
        version=version,
        zone=zone,
        effective=parse_day(message.effective_on, place="effective_on"),
        ends=parse_day(message.ends_on, place="ends_on") if message.ends_on else None,
        objectives=tuple(_objective(each, calendars, lives.get(each.service, {})) for each in message.objectives),
        maintenance=tuple(_maintenance(each, classes) for each in message.maintenance),
        recurring=tuple(_recurring(each, classes) for each in message.recurring_maintenance),
        credit=_credit_rule(message.credit, calendars) if message.HasField("credit") and message.credit.currency else None,
        warn_at=parse_percent(message.warn_at_percent or "75", place="warn_at_percent"),
        close_after_days=message.close_after_days,
        hard_close_after_days=message.hard_close_after_days or None,
        disputes=_one_of(message.disputes, get_args(Disputes), place="disputes", otherwise="provider"),
        cycle=_cycle(message.period),
    )


def exclusion_classes_of(message: terms_pb2.Terms) -> Mapping[str, ExclusionClass]:
    """The grounds on which the terms let time be taken out, by id."""
    return {each.id: _exclusion_class(each) for each in message.exclusion_classes}


@dataclass(frozen=True, kw_only=True)
class Suspension:
    """The civil days, both inclusive, on which nothing is judged; no last day: until resumed. Known since `recorded_at`."""

    first_day: date
    last_day: date | None
    recorded_at: Instant
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """The term went on to this last day, inclusive: so it stays until terms with another end are signed.

    Each goes on from the one before, so the latest day counts: after a silence several are told at one instant.
    """

    last_day: date
    recorded_at: Instant


def in_force(
    versions: Iterable[SignedTerms],
    *,
    last_day: date | None = None,
    renewals: Sequence[Renewal] = (),
    suspensions: Sequence[Suspension] = (),
) -> tuple[TermsInForce, ...]:
    """The days of each version: a later one replaces every earlier one from its first day on. `last_day` is the agreement's.

    An amendment counts from a day of the term, so what it replaces was renewed until then, whether the renewal is known here or not.
    """
    found: list[TermsInForce] = []
    replaced_from: date | None = None
    newest_first = sorted(versions, key=lambda each: each.version, reverse=True)
    for signed in newest_first:
        ends = [day for day in (replaced_from and replaced_from - timedelta(days=1), last_day) if day is not None]
        if not ends or signed.effective_on <= min(ends):
            moved = [each for each in renewals if _moves(each, signed, newest_first)]
            terms = _until(_renewed(terms_of(signed.message, version=signed.version), moved), replaced_from)
            terms = terms.while_not(_suspended(suspensions, terms.zone))
            found.append(TermsInForce(terms=terms, first_day=signed.effective_on, last_day=min(ends, default=None)))
        if replaced_from is None or signed.effective_on < replaced_from:
            replaced_from = signed.effective_on
    in_order = tuple(reversed(found))
    assert all(earlier.first_day < later.first_day for earlier, later in pairwise(in_order)), "one version a day"
    return in_order


def _moves(renewal: Renewal, signed: SignedTerms, versions: Sequence[SignedTerms]) -> bool:
    """Whether none signed since the renewal, up to these terms, agreed on another end."""
    renewed = max((each.version for each in versions if each.recorded_at <= renewal.recorded_at), default=0)
    return all(each.message.ends_on == signed.message.ends_on for each in versions if renewed <= each.version <= signed.version)


def _renewed(terms: Terms, renewals: Sequence[Renewal]) -> Terms:
    if terms.ends is None or not renewals:
        return terms
    return replace(terms, ends=max(each.last_day for each in renewals))


def _until(terms: Terms, replaced_from: date | None) -> Terms:
    if terms.ends is None or replaced_from is None:
        return terms
    return replace(terms, ends=max(terms.ends, replaced_from - timedelta(days=1)))


def _suspended(suspensions: Sequence[Suspension], zone: ZoneInfo) -> Spans:
    """Of those that begin on one day the one that became known last counts: a resumption tells its end."""
    by_first_day = {each.first_day: each for each in sorted(suspensions, key=lambda each: each.recorded_at)}
    return union(_days_of(each, zone) for each in by_first_day.values())


def _days_of(suspension: Suspension, zone: ZoneInfo) -> Interval:
    last = suspension.last_day
    end = ALL_TIME.end if last is None else start_of_day(last + timedelta(days=1), zone)
    return Interval(start_of_day(suspension.first_day, zone), end)


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
        "calculator_version": assessment.calculator,
        "recorded_at": "",
        "terms_versions": list(assessment.terms_versions),
        "restatement_cause": "",
        "credit_difference": "",
        "changes": [],
        "zone": assessment.zone.key,
        "tz_database": assessment.tz_database,
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
        "ignored": [_span(span) for span in result.ignored],
        "outside": [_interval(interval) for interval in result.outside],
        "slices": [_slice(each) for each in result.slices],
        "percentile_ms": "" if result.percentile_us is None else _milliseconds(result.percentile_us),
        "clause": objective.clause,
        "needed": result.needed,
        "scale": result.scale,
    }


def as_written_now(document: Document) -> Document:
    """A recorded document with every field of today's contract: what an older calculator could not say is told as it was then.

    It took no outage for too short, knew no service hours, and paid every amount above nothing.
    """
    objectives, credit = document["objectives"], document["credit"]
    assert isinstance(objectives, list), "a document lists its objectives"
    results: list[int | ResultDocument] = [result_as_written_now(each) for each in objectives if isinstance(each, dict)]
    before: Document = {"credit_difference": "", "changes": [], "tz_database": ""}
    return {**before, **document, "objectives": results, "credit": _credit_as_written_now(credit) if isinstance(credit, dict) else None}


def result_as_written_now(result: ResultDocument) -> ResultDocument:
    """As `as_written_now`, of one objective's result."""
    tickets = result["tickets"]
    assert isinstance(tickets, list), "a result lists its tickets"
    told: ResultDocument = {**_RESULT_BEFORE, **result}
    return {**told, "tickets": [{**_TICKET_BEFORE, **ticket} for ticket in tickets]}


def assessment_message(document: Document) -> assessment_pb2.Assessment:
    return ParseDict(as_written_now(document), assessment_pb2.Assessment())


def result_message(document: ResultDocument) -> assessment_pb2.ObjectiveResult:
    return ParseDict(result_as_written_now(document), assessment_pb2.ObjectiveResult())


def _credit_as_written_now(credit: ResultDocument) -> ResultDocument:
    amount = str(credit["amount"])
    before: ResultDocument = {
        "lines": [],
        "paid": Decimal(amount) > 0,
        "calculated": amount,
        "claim_until": "",
        "yearly_capped": False,
        "period_charge": credit["monthly_charge"],
    }
    return {**before, **credit}


def _calendar(message: terms_pb2.Calendar, zone: str) -> Calendar:
    closed = (*message.holidays, *message.also_closed)
    return Calendar(
        id=message.id,
        zone=parse_zone(message.zone or zone),
        hours=tuple(
            Hours(
                days=_weekdays(each.days),
                from_minute=_minute(getattr(each, "from"), place="from"),
                to_minute=_minute(each.to, place="to"),
            )
            for each in message.hours
        ),
        closed=frozenset(parse_day(each.day, place="day") for each in closed),
    )


def _cycle(message: terms_pb2.AgreementPeriod) -> Cycle:
    """Absent: calendar months."""
    every = _one_of(message.every, get_args(Every), place="period.every", otherwise="month")
    if every == "rolling" and not 0 < message.days <= LONGEST_ROLLING:
        raise invalid("period.days", f"must be 1 to {LONGEST_ROLLING}, not {message.days}")
    if not 0 <= message.from_day <= LATEST_FROM_DAY:
        raise invalid("period.from_day", f"must be 2 to {LATEST_FROM_DAY}, not {message.from_day}")
    return Cycle(every=every, from_day=message.from_day or 1, days=message.days)


def _exclusion_class(message: terms_pb2.ExclusionClass) -> ExclusionClass:
    return ExclusionClass(
        id=message.id,
        clause=message.clause,
        approval=_one_of(message.approval, ("none", "customer", "both"), place="approval", otherwise="none"),
        notice=_seconds(message.notice_s),
        monthly_cap=_seconds(message.monthly_cap_s) if message.monthly_cap_s else None,
    )


def _lives(service: terms_pb2.Service) -> Mapping[str, Interval]:
    """Of the components that are in service for a part of all time."""
    return {
        each.id: Interval(
            parse_instant(each.in_service_from, place="in_service_from") if each.in_service_from else ALL_TIME.start,
            parse_instant(each.in_service_until, place="in_service_until") if each.in_service_until else ALL_TIME.end,
        )
        for each in service.components
        if each.in_service_from or each.in_service_until
    }


def _objective(message: terms_pb2.Objective, calendars: Mapping[str, Calendar], lives: Mapping[str, Interval]) -> Objective:
    indicator = _indicator(message.indicator, calendars, lives)
    return Objective(
        id=message.id,
        name=message.name,
        service=message.service,
        indicator=indicator,
        comparison=_one_of(message.comparison, (">=", ">"), place="comparison", otherwise=">="),
        target=_target(message.target_percent, indicator),
        decimals=message.decimals,
        credit_tiers=tuple(
            CreditTier(below=parse_percent(tier.below_percent, place="below"), credit=parse_percent(tier.credit_percent, place="credit"))
            for tier in message.credits
        ),
        credit_formula=_credit_formula(message.credit_formula) if message.HasField("credit_formula") else None,
        clause=message.clause,
    )


def _target(percent: str, indicator: Indicator) -> Fraction:
    """A promise about a percentile states no share of its own: it is the percentile."""
    if not percent and isinstance(indicator, ResponseTime) and indicator.percentile is not None:
        return indicator.percentile
    return parse_percent(percent, place="target_percent")


def _credit_formula(message: terms_pb2.CreditFormula) -> CreditFormula:
    match message.WhichOneof("kind"):
        case "hourly_relief":
            return HourlyRelief(more_than=_seconds(message.hourly_relief.more_than_s))
        case "proportional":
            return ProportionalCredit(times=Fraction(_decimal(message.proportional.times, place="times")))
        case "per_step":
            step = parse_percent(message.per_step.step_percent, place="step")
            if not step:
                raise invalid("step", "must be more than 0")
            return SliceCredit(step=step, credit=parse_percent(message.per_step.credit_percent, place="percent"))
        case unknown:
            raise invalid("credit_formula", f"is of no kind that this calculator knows: {unknown}")


def _indicator(message: terms_pb2.Indicator, calendars: Mapping[str, Calendar], lives: Mapping[str, Interval]) -> Indicator:
    match message.WhichOneof("kind"):
        case "availability":
            return _availability(message.availability, calendars, lives)
        case "request_ratio":
            return RequestRatio(components=tuple(message.request_ratio.components))
        case "interval_mean":
            mean = message.interval_mean
            return IntervalMean(every=_every(mean.every_s), components=tuple(mean.components), empty=_empty(mean.empty))
        case "time_slices":
            return _time_slices(message.time_slices)
        case "response_time":
            response = message.response_time
            return ResponseTime(
                components=tuple(response.components),
                threshold_us=_floored_us(response.threshold_ms),
                expected_every=_seconds(response.expected_every_s),
                percentile=_percentage(response.percentile, place="percentile"),
            )
        case "resolution_time":
            return _resolution_time(message.resolution_time, calendars)
        case "composite":
            composite = message.composite
            return Composite(
                of=tuple(composite.of),
                rule=_one_of(composite.rule, ("all", "any", "weighted", "journey"), place="rule", otherwise="all"),
                weights=_weights(composite.weights, composite.of),
            )
        case unknown:
            raise invalid("indicator", f"is of no kind that this calculator knows: {unknown}")


def _availability(message: terms_pb2.Availability, calendars: Mapping[str, Calendar], lives: Mapping[str, Interval]) -> Availability:
    return Availability(
        components=tuple(message.components),
        combine=_one_of(message.combine, ("any", "all", "pool"), place="combine", otherwise="any"),
        weights=_weights(message.weights, message.components),
        no_data=_one_of(message.no_data, ("undetermined", "up", "down", "exclude"), place="no_data", otherwise="undetermined"),
        minimum_coverage=_percentage(message.minimum_coverage_percent, place="minimum_coverage") or Fraction(0),
        maintenance=_one_of(message.maintenance, ("exclude", "up", "down"), place="maintenance", otherwise="exclude"),
        minimum_outage=_minimum_outage(message.minimum_outage) if message.HasField("minimum_outage") else None,
        hours=_hours(message.hours, calendars),
        lives=tuple((component, lives[component]) for component in message.components if component in lives),
    )


def _minimum_outage(message: terms_pb2.MinimumOutage) -> MinimumOutage:
    return MinimumOutage(
        at_least=_seconds(message.at_least_s), whole_minutes=message.whole_minutes, before_exclusions=message.before_exclusions
    )


def _time_slices(message: terms_pb2.TimeSlices) -> TimeSlices:
    if bool(message.error_above_percent) == bool(message.percentile) or bool(message.percentile) != bool(message.latency_above_ms):
        raise invalid("time_slices", "are bad above an error rate, or above a latency at a percentile, not both")
    return TimeSlices(
        every=_every(message.every_s),
        components=tuple(message.components),
        error_above=_percentage(message.error_above_percent, place="error_above"),
        percentile=_percentage(message.percentile, place="percentile"),
        latency_above_us=_floored_us(message.latency_above_ms) if message.latency_above_ms else None,
        minimum_events=max(1, message.minimum_events),
        minimum_consecutive=max(1, message.minimum_consecutive),
        empty=_empty(message.empty),
    )


def _resolution_time(message: terms_pb2.ResolutionTime, calendars: Mapping[str, Calendar]) -> ResolutionTime:
    return ResolutionTime(
        within=_seconds(message.within_s),
        priorities=tuple(message.priorities),
        reopened=_one_of(message.reopened, ("first-resolution", "runs-on"), place="reopened", otherwise="first-resolution"),
        stop=_one_of(message.stop, ("resolved", "responded"), place="stop", otherwise="resolved"),
        hours=_hours(message.hours, calendars),
        pauses=tuple(message.pauses),
        priority_rule=_one_of(message.priority_rule, ("last", "first", "highest"), place="priority_rule", otherwise="last"),
        priority_order=tuple(message.priority_order),
    )


def _maintenance(message: terms_pb2.MaintenanceWindow, classes: Mapping[str, ExclusionClass]) -> Maintenance:
    return Maintenance(
        id=message.id,
        service=message.service,
        components=tuple(message.components),
        interval=Interval(parse_instant(message.start, place="start"), parse_instant(message.end, place="end")),
        reason=message.reason,
        ground=_named(message.exclusion_class, classes, place="class"),
        announced_at=parse_instant(message.announced_at, place="announced_at") if message.announced_at else None,
    )


def _recurring(message: terms_pb2.RecurringMaintenance, classes: Mapping[str, ExclusionClass]) -> RecurringMaintenance:
    return RecurringMaintenance(
        id=message.id,
        service=message.service,
        components=tuple(message.components),
        days=_weekdays(message.days),
        weeks=tuple(_WEEKS.index(_one_of(week, _WEEKS, place="weeks")) + 1 for week in message.weeks),
        from_minute=_minute(getattr(message, "from"), place="from"),
        lasts=_seconds(message.lasts_s),
        reason=message.reason,
        ground=_named(message.exclusion_class, classes, place="class"),
    )


def _credit_rule(message: terms_pb2.Credit, calendars: Mapping[str, Calendar]) -> CreditRule:
    return CreditRule(
        charge=parse_money(message.monthly_charge, message.currency, place="monthly_charge"),
        cap=parse_percent(message.cap_percent or "100", place="cap_percent"),
        rounding=_one_of(message.rounding, ("half-even", "half-up"), place="rounding", otherwise="half-even"),
        combine=_one_of(message.combine, ("sum", "max"), place="combine", otherwise="sum"),
        minimum=_decimal(message.minimum or "0", place="minimum"),
        yearly_cap=_percentage(message.yearly_cap_percent, place="yearly_cap_percent"),
        pro_rata=not message.full_segments,
        claim=_claim_rule(message.claim, calendars) if message.HasField("claim") else None,
    )


def _claim_rule(message: terms_pb2.ClaimRule, calendars: Mapping[str, Calendar]) -> ClaimRule:
    return ClaimRule(
        days=message.days,
        months=message.months,
        cycles=message.cycles,
        business_days=message.business_days,
        calendar=_named(message.calendar, calendars, place="calendar"),
        counted_from=_one_of(message.counted_from, ("period-end", "last-outage"), place="counted_from", otherwise="period-end"),
    )


def _hours(name: str, calendars: Mapping[str, Calendar]) -> Calendar | None:
    return _named(name, calendars, place="hours")


def _named(name: str, known: Mapping[str, N], *, place: str) -> N | None:
    """What the terms call so; None where they name nothing."""
    if not name:
        return None
    if name not in known:
        raise invalid(place, f"must be one of {', '.join(known) or 'those that the terms define, which define none'}, not {name!r}")
    return known[name]


def _weights(weights: Sequence[int], of: Sequence[str]) -> tuple[int, ...]:
    """In the order of what they weigh; empty: 1 each."""
    if weights and (len(weights) != len(of) or min(weights) < 0 or not any(weights)):
        raise invalid("weights", f"must be a weight for each of {', '.join(of)}, at least one of them more than 0")
    return tuple(weights)


def _weekdays(names: Sequence[str]) -> tuple[int, ...]:
    return tuple(WEEKDAYS.index(_one_of(name, WEEKDAYS, place="days")) for name in names)


def _minute(text: str, *, place: str) -> int:
    if not _CLOCK.fullmatch(text):
        raise invalid(place, f'must be a civil time such as "09:00", "24:00" for the end of the day, not {text!r}')
    return int(text[:2]) * 60 + int(text[3:])


def _seconds(seconds: int) -> Microseconds:
    return Microseconds(seconds * SECOND)


def _every(seconds: int) -> Microseconds:
    if seconds <= 0:
        raise invalid("every", f"must be more than 0 seconds, not {seconds}")
    return _seconds(seconds)


def _empty(text: str) -> Empty:
    return _one_of(text, ("good", "bad", "exclude", "undetermined"), place="empty", otherwise="good")


def _percentage(text: str, *, place: str) -> Fraction | None:
    """None where the terms say nothing."""
    return parse_percent(text, place=place) if text else None


def _decimal(text: str, *, place: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise invalid(place, f'must be a decimal such as "1.5", not {text!r}')
    return Decimal(text)


def _floored_us(ms: str) -> int:
    """Latencies are rounded up to whole microseconds, thresholds down: what was beyond stays beyond."""
    return int(Decimal(ms) * 1000)


def _one_of(text: str, allowed: Sequence[T], *, place: str, otherwise: T | None = None) -> T:
    """`otherwise` is what an empty text means; without it empty is refused like any other."""
    if not text and otherwise is not None:
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
        case IntervalMean():
            return "interval-mean"
        case TimeSlices():
            return "time-slices"
        case ResponseTime():
            return "response-time"
        case ResolutionTime():
            return "resolution-time"
        case Composite():
            return "composite"
        case _:
            assert_never(indicator)


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
        "counted_us": ticket.counted_us,
        "allowed_us": ticket.allowed_us,
        "clock": ticket.clock,
        "excluded_by": ticket.excluded_by,
    }


def _slice(each: SliceResult) -> Leaf:
    return {
        "start": instant_text(each.interval.start),
        "end": instant_text(each.interval.end),
        "good": str(each.good),
        "total": str(each.total),
        "share": str(each.share),
        "bad": each.bad,
        "cause": each.cause,
    }


def report_of(report: Report, *, side: Side) -> dict[str, object]:
    """`ReportedObservation` in its JSON form, the observation as a source writes it. What is not there is left out."""
    place, observed = report.place, report.observed
    own_id = sample_name(observed.identity) if isinstance(observed, SampleRow) else observed.id
    return {
        "ref": ref_of(side, place.source, own_id),
        "source": place.source,
        "batch": place.batch,
        "observation": _observation(observed),
        "recorded_at": instant_text(Instant(place.recorded_at)),
        "reported_by": report.reported_by,
        "reason": report.reason,
    }


def _observation(row: StatusRow | OutageRow | TicketRow | SampleRow) -> dict[str, object]:
    told: dict[str, object] = {"service": row.service, "component": row.component, "observed_at": instant_text(row.at)}
    if not isinstance(row, SampleRow):
        told["id"] = row.id
    told["revision"] = row.revision
    match row:
        case StatusRow():
            return {"kind": "status", **told, "state": str(row.state)}
        case OutageRow():
            until = {} if row.until == STILL_OPEN else {"until": instant_text(row.until)}
            return {"kind": "outage", **told, **until, "cause": row.cause}
        case TicketRow():
            return {
                "kind": "ticket",
                **told,
                "ticket": row.ticket,
                "state": str(row.state),
                "priority": row.priority,
                "order": row.step,
            }
        case SampleRow():
            if row.kind == "latency":
                return {"kind": "latency", **told, "ms": _milliseconds(row.values[0])}
            return {"kind": "counter", **told, **dict(zip(VALUES["counter"], row.values, strict=True))}
        case _:
            assert_never(row)


def _milliseconds(us: int) -> str:
    """Exact: "800", "12.5"."""
    whole, _, part = plain_decimal(us, decimals=3).partition(".")
    return f"{whole}.{part.rstrip('0')}".rstrip(".")


def _credit(credit: Credit | None) -> ResultDocument | None:
    if credit is None:
        return None
    return {
        "currency": credit.charge.currency,
        "monthly_charge": str(credit.charge),
        "percent": trimmed_percent(credit.percent),
        "amount": str(credit.amount),
        "capped": credit.capped,
        "lines": [_credit_line(line) for line in credit.lines],
        "paid": credit.paid,
        "calculated": str(credit.calculated),
        "claim_until": "" if credit.claim_until is None else credit.claim_until.isoformat(),
        "yearly_capped": credit.yearly_capped,
        "period_charge": str(credit.period_charge),
    }


def _credit_line(line: CreditLine) -> Leaf:
    return {
        "objective_id": line.objective_id,
        "terms_version": line.terms_version,
        "percent": exact(line.percent),
        "rule": line.rule,
        "share_of_period": exact(line.share_of_period),
    }
