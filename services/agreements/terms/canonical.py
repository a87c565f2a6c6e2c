"""The one written form of terms: what a signature names and what the log keeps. Pure.

Canonical JSON is UTF-8 with sorted keys, no blanks, defaults filled (those of later fields left out), percentages without trailing
zeros, amounts with the currency's decimals, instants in UTC. Two documents that agree the same have the same digest, in whatever
format they were written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import assert_never

from services.agreements.terms.fields import Faults, Node, duration_text
from services.agreements.terms.model import (
    Activity,
    Availability,
    Calendar,
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
    Objective,
    Party,
    ProportionalCredit,
    RecurringMaintenance,
    Relief,
    Renewal,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    StepCredit,
    Support,
    Terms,
    ThirdParty,
    TimeSlices,
)
from services.agreements.terms.reading import GRAMMAR, read_terms
from services.vocabulary.money import Money
from services.vocabulary.period import MONTHLY, Cycle, Instant, instant_text
from services.vocabulary.ratio import trimmed_percent


def canonical_json(terms: Terms) -> str:
    return json.dumps(to_document(terms), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(terms: Terms) -> str:
    """SHA-256 of the canonical JSON, in lower-case hexadecimal."""
    return hashlib.sha256(canonical_json(terms).encode()).hexdigest()


@lru_cache(maxsize=1024)
def stored_terms(canonical: str) -> Terms:
    """The terms that `canonical_json` wrote, by the grammar alone: a rule added later cannot make a signed document unreadable."""
    faults = Faults()
    terms = read_terms(json.loads(canonical), faults)
    assert not faults.violations, f"stored terms follow their grammar: {faults.violations}"
    return terms


def to_document(terms: Terms) -> dict[str, Node]:
    """A plain document that reads as the same terms; what is absent has no key.

    What came later into the grammar has no key where it stands at its default: what was signed before keeps its digest.
    """
    return _lasting(
        {
            "upheld": GRAMMAR,
            "title": terms.title,
            "zone": terms.zone,
            "effective_on": terms.effective_on.isoformat(),
            "parties": [_party(party) for party in terms.parties],
            "auditors": list(terms.auditors),
            "services": [_service(service) for service in terms.services],
            "maintenance": [_maintenance(window) for window in terms.maintenance],
            "objectives": [_objective(objective) for objective in terms.objectives],
            "close_after_days": terms.close_after_days,
            "warn_at_percent": trimmed_percent(terms.warn_at),
        },
        ends_on=terms.ends_on.isoformat() if terms.ends_on else "",
        credit=_credit(terms.credit) if terms.credit else "",
        calendars=[_calendar(calendar) for calendar in terms.calendars],
        exclusion_classes=[_exclusion_class(each) for each in terms.exclusion_classes],
        recurring_maintenance=[_recurring(window) for window in terms.recurring_maintenance],
        hard_close_after_days=terms.hard_close_after_days or "",
        disputes=_unless(terms.disputes, "provider"),
        period="" if terms.period == MONTHLY else _period(terms.period),
        renewal=_renewal(terms.renewal) if terms.renewal else "",
        review_every=terms.review_every or "",
        underpinning=[_support(each) for each in terms.underpinning],
        third_parties=[_third_party(each) for each in terms.third_parties],
        responsibilities=[_activity(each) for each in terms.responsibilities],
    )


def _renewal(renewal: Renewal) -> Node:
    return {"months": renewal.months, "notice_days": renewal.notice_days}


def _support(support: Support) -> Node:
    return {
        "objective": support.objective,
        "agreement": support.agreement,
        "supporting_objective": support.supporting_objective,
        "kind": support.kind,
    }


def _third_party(third: ThirdParty) -> Node:
    return _lasting({"organisation": third.organisation, "name": third.name}, role=third.role)


def _activity(line: Activity) -> Node:
    return _lasting(
        {"activity": line.activity, "responsible": list(line.responsible), "accountable": line.accountable},
        consulted=list(line.consulted),
        informed=list(line.informed),
    )


def _period(cycle: Cycle) -> Node:
    return _lasting({"every": cycle.every}, from_day="" if cycle.from_day == 1 else cycle.from_day, days=cycle.days or "")


def _party(party: Party) -> Node:
    return {
        "role": party.role,
        "organisation": party.organisation,
        "name": party.name,
        "contacts": [_lasting({"name": each.name, "email": each.email}, role=each.role) for each in party.contacts],
        "responsibilities": list(party.responsibilities),
    }


def _service(service: Service) -> Node:
    return {"id": service.id, "name": service.name, "components": [_component(each) for each in service.components]}


def _component(component: Component) -> Node:
    return _lasting(
        {"id": component.id, "name": component.name},
        in_service_from=_instant(component.in_service_from),
        in_service_until=_instant(component.in_service_until),
    )


def _calendar(calendar: Calendar) -> Node:
    """With its holidays even where there are none: they were signed, and no library is asked again."""
    return _lasting(
        {
            "id": calendar.id,
            "hours": [{"days": list(each.days), "from": each.opens, "to": each.closes} for each in calendar.hours],
            "holidays": [_holiday(each) for each in calendar.holidays],
        },
        zone=calendar.zone,
        region=calendar.region,
        also_closed=[_holiday(each) for each in calendar.also_closed],
    )


def _holiday(holiday: Holiday) -> Node:
    return _lasting({"day": holiday.day.isoformat()}, name=holiday.name)


def _exclusion_class(ground: ExclusionClass) -> Node:
    return _lasting(
        {"id": ground.id, "approval": ground.approval},
        clause=ground.clause,
        notice=_length(ground.notice_s),
        monthly_cap=_length(ground.monthly_cap_s),
    )


def _maintenance(window: MaintenanceWindow) -> Node:
    return _lasting(
        {
            "id": window.id,
            "service": window.service,
            "components": list(window.components),
            "start": instant_text(window.start),
            "end": instant_text(window.end),
        },
        reason=window.reason,
        **{"class": window.exclusion_class},
        announced_at=_instant(window.announced_at),
    )


def _recurring(window: RecurringMaintenance) -> Node:
    return _lasting(
        {
            "id": window.id,
            "service": window.service,
            "components": list(window.components),
            "days": list(window.days),
            "weeks": list(window.weeks),
            "from": window.begins,
            "lasts": duration_text(window.lasts_s),
        },
        reason=window.reason,
        **{"class": window.exclusion_class},
    )


def _objective(objective: Objective) -> Node:
    return _lasting(
        {
            "id": objective.id,
            "name": objective.name,
            "indicator": _indicator(objective.indicator),
            "target": trimmed_percent(objective.target),
            "comparison": objective.comparison,
            "decimals": objective.decimals,
            "credits": [{"below": trimmed_percent(tier.below), "percent": trimmed_percent(tier.percent)} for tier in objective.credits],
        },
        service=objective.service,
        clause=objective.clause,
        relief=_relief(objective.relief) if objective.relief else "",
    )


def _indicator(indicator: Indicator) -> Node:
    match indicator:
        case Availability():
            return _availability(indicator)
        case RequestRatio():
            return {"kind": "request-ratio", "components": list(indicator.components)}
        case IntervalMean():
            return {
                "kind": "interval-mean",
                "components": list(indicator.components),
                "every": duration_text(indicator.every_s),
                "empty": indicator.empty,
            }
        case TimeSlices():
            return _time_slices(indicator)
        case ResponseTime():
            return _lasting(
                {
                    "kind": "response-time",
                    "components": list(indicator.components),
                    "threshold_ms": milliseconds_text(indicator.threshold_ms),
                },
                expected_every=_length(indicator.expected_every_s),
                percentile="" if indicator.percentile is None else trimmed_percent(indicator.percentile),
            )
        case ResolutionTime():
            return _resolution_time(indicator)
        case Composite():
            return _lasting(
                {"kind": "composite", "of": list(indicator.of), "rule": indicator.rule},
                weights=_weights(indicator.of, indicator.weights),
            )
        case _:
            assert_never(indicator)


def _availability(indicator: Availability) -> Node:
    outage = indicator.minimum_outage
    return _lasting(
        {
            "kind": "availability",
            "components": list(indicator.components),
            "combine": indicator.combine,
            "no_data": indicator.no_data,
        },
        weights=_weights(indicator.components, indicator.weights),
        minimum_coverage=trimmed_percent(indicator.minimum_coverage) if indicator.minimum_coverage else "",
        maintenance=_unless(indicator.maintenance, "exclude"),
        minimum_outage=_lasting(
            {"at_least": duration_text(outage.at_least_s)},
            whole_minutes=_flag(outage.whole_minutes, default=False),
            before_exclusions=_flag(outage.before_exclusions, default=False),
        )
        if outage
        else "",
        hours=indicator.hours,
    )


def _time_slices(indicator: TimeSlices) -> Node:
    return _lasting(
        {
            "kind": "time-slices",
            "components": list(indicator.components),
            "every": duration_text(indicator.every_s),
            "minimum_events": indicator.minimum_events,
            "minimum_consecutive": indicator.minimum_consecutive,
            "empty": indicator.empty,
        },
        error_above="" if indicator.error_above is None else trimmed_percent(indicator.error_above),
        percentile="" if indicator.percentile is None else trimmed_percent(indicator.percentile),
        latency_above_ms="" if indicator.latency_above_ms is None else milliseconds_text(indicator.latency_above_ms),
    )


def _resolution_time(indicator: ResolutionTime) -> Node:
    return _lasting(
        {
            "kind": "resolution-time",
            "within": duration_text(indicator.within_s),
            "priorities": list(indicator.priorities),
            "reopened": indicator.reopened,
        },
        stop=_unless(indicator.stop, "resolved"),
        hours=indicator.hours,
        pauses=list(indicator.pauses),
        priority_rule=_unless(indicator.priority_rule, "last"),
        priority_order=list(indicator.priority_order),
    )


def _relief(relief: Relief) -> Node:
    match relief:
        case HourlyRelief():
            return {"kind": "hourly", "more_than": duration_text(relief.more_than_s)}
        case ProportionalCredit():
            return {"kind": "proportional", "times": multiple_text(relief.times)}
        case StepCredit():
            return {"kind": "per-step", "step": trimmed_percent(relief.step), "percent": trimmed_percent(relief.percent)}
        case _:
            assert_never(relief)


def _credit(credit: Credit) -> Node:
    currency = credit.monthly_charge.currency
    return _lasting(
        {
            "currency": currency,
            "monthly_charge": str(credit.monthly_charge),
            "cap_percent": trimmed_percent(credit.cap),
            "rounding": credit.rounding,
        },
        combine=_unless(credit.combine, "sum"),
        minimum=str(Money(credit.minimum, currency)) if credit.minimum else "",
        yearly_cap_percent="" if credit.yearly_cap is None else trimmed_percent(credit.yearly_cap),
        pro_rata=_flag(credit.pro_rata, default=True),
        claim=_claim(credit.claim) if credit.claim else "",
    )


def _claim(claim: Claim) -> Node:
    return _lasting(
        {"counted_from": claim.counted_from},
        days=claim.days or "",
        months=claim.months or "",
        cycles=claim.cycles or "",
        business_days=claim.business_days or "",
        calendar=claim.calendar,
    )


def milliseconds_text(length_ms: Decimal) -> str:
    return f"{length_ms.normalize():f}"


def multiple_text(times: Fraction) -> str:
    return trimmed_percent(times / 100)


def _weights(names: Sequence[str], weights: Sequence[int]) -> Node:
    return dict(zip(names, weights, strict=True)) if weights else ""


def _instant(instant: Instant | None) -> str:
    return "" if instant is None else instant_text(instant)


def _length(length_s: int) -> str:
    return duration_text(length_s) if length_s else ""


def _unless(word: str, default: str) -> str:
    return "" if word == default else word


def _flag(flag: bool, *, default: bool) -> Node:
    return "" if flag == default else flag


def _lasting(document: dict[str, Node], **later: Node) -> dict[str, Node]:
    """The fields that always have a key, and of the others those that say something."""
    return document | {key: value for key, value in later.items() if value not in ("", [])}
