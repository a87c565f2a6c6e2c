"""What each objective must fulfil: an indicator that can be measured, a target that can be met, a credit that can fall due. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import assert_never

from services.agreements.terms.fields import Faults, duration_text, hint
from services.agreements.terms.model import (
    Availability,
    Composite,
    HourlyRelief,
    Indicator,
    IntervalMean,
    Objective,
    ProportionalCredit,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    StepCredit,
    Terms,
    TimeSlices,
)
from services.agreements.terms.periods import has_charge, needs_whole_months, shortest
from services.agreements.terms.references import check_calendar, check_scope
from services.vocabulary.ratio import trimmed_percent

Broken = Iterator[tuple[str, str]]
"""Places below the indicator, and rules."""

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


def check_objectives(terms: Terms, faults: Faults) -> None:
    """Adds every broken rule to the faults."""
    for index, objective in enumerate(terms.objectives):
        place = f"objectives[{index}]"
        _check_components(objective, place, terms, faults)
        _check_target(objective, place, faults)
        _check_indicator(objective, f"{place}.indicator", terms, faults)
        _check_credits(objective, f"{place}.credits", terms, faults)
        _check_relief(objective, f"{place}.relief", terms, faults)


def _check_components(objective: Objective, place: str, terms: Terms, faults: Faults) -> None:
    indicator = objective.indicator
    if isinstance(indicator, Composite):
        return
    needed = not isinstance(indicator, ResolutionTime)
    components = () if isinstance(indicator, ResolutionTime) else indicator.components
    at = f"{place}.indicator.components"
    check_scope(terms, place, faults, service_id=objective.service, components=components, components_place=at)
    if needed and not components and all(map(faults.sound, ("services", f"{place}.service", f"{place}.indicator"))):
        faults.add(at, f"service {objective.service!r} has no components to measure; give it one in services")


def _check_target(objective: Objective, place: str, faults: Faults) -> None:
    if objective.comparison == ">" and objective.target == 1 and faults.sound(f"{place}.target"):
        faults.add(f"{place}.target", 'nothing can be above 100; use comparison ">="')
    percentile = objective.indicator.percentile if isinstance(objective.indicator, ResponseTime) else None
    if percentile is None or not faults.sound(f"{place}.target") or not faults.sound(f"{place}.indicator"):
        return
    if objective.target != percentile:
        promised, given = trimmed_percent(percentile), trimmed_percent(objective.target)
        rule = f"is the promised percentile {promised}, not {given}; leave the target out"
        faults.add(f"{place}.target", rule)
    elif objective.comparison == ">" and faults.sound(f"{place}.comparison"):
        faults.add(f"{place}.comparison", 'a percentile within its threshold is at least that share of requests; use ">="')


def _check_indicator(objective: Objective, place: str, terms: Terms, faults: Faults) -> None:
    if not faults.sound(place):
        return
    indicator = objective.indicator
    for key, rule in list(_broken(objective, indicator, terms, faults)):
        faults.add(f"{place}.{key}" if key else place, rule)
    if isinstance(indicator, Availability | ResolutionTime) and indicator.hours:
        check_calendar(indicator.hours, f"{place}.hours", terms, faults)


def _broken(objective: Objective, indicator: Indicator, terms: Terms, faults: Faults) -> Broken:
    match indicator:
        case Availability():
            yield from _broken_availability(indicator, terms, faults)
        case RequestRatio() | ResponseTime():
            return
        case IntervalMean():
            yield from _broken_interval(indicator.every_s)
        case TimeSlices():
            yield from _broken_interval(indicator.every_s)
            yield from _broken_slices(indicator, terms, faults)
        case ResolutionTime():
            yield from _broken_clock(indicator)
            yield from _broken_priorities(indicator)
        case Composite():
            if faults.sound("objectives"):
                yield from _broken_composite(objective, indicator, terms)
        case _:
            assert_never(indicator)


def _broken_availability(indicator: Availability, terms: Terms, faults: Faults) -> Broken:
    if indicator.weights and indicator.combine != "pool":
        yield "weights", f'count in a pool only, not with combine "{indicator.combine}"; use combine "pool" or leave them out'
    outage = indicator.minimum_outage
    if outage is None:
        return
    longest_s, name = shortest(terms.period)
    if faults.sound("period") and outage.at_least_s > longest_s:
        yield "minimum_outage.at_least", f"must be at most {duration_text(longest_s)}: no {name} has an outage that long"
    elif outage.whole_minutes and outage.at_least_s % _MINUTE_S:
        better = duration_text(-(-outage.at_least_s // _MINUTE_S) * _MINUTE_S)
        yield "minimum_outage.at_least", f'must be whole minutes where whole_minutes is true; did you mean "{better}"?'


def _broken_interval(every_s: int) -> Broken:
    if _DAY_S % every_s:
        unit_s = 1 if every_s < _MINUTE_S else _MINUTE_S
        divisors = (length for length in range(unit_s, _DAY_S + 1, unit_s) if _DAY_S % length == 0)
        near = min(divisors, key=lambda length: (abs(length - every_s), length))
        yield "every", f'must divide a day of 24h without rest, as "1m", "5m" or "1h" do; did you mean "{duration_text(near)}"?'


def _broken_slices(indicator: TimeSlices, terms: Terms, faults: Faults) -> Broken:
    by_latency = indicator.percentile is not None or indicator.latency_above_ms is not None
    if indicator.error_above is not None and by_latency:
        given = "percentile" if indicator.percentile is not None else "latency_above_ms"
        yield "", f"must have error_above, or percentile with latency_above_ms, not error_above and {given}; leave one out"
    elif indicator.error_above is None and not by_latency:
        yield "", 'must have error_above such as "5", or percentile "95" with latency_above_ms "800", and has neither'
    elif by_latency and indicator.latency_above_ms is None:
        yield "latency_above_ms", 'is required beside percentile: the milliseconds above which a slice is bad, such as "800"'
    elif by_latency and indicator.percentile is None:
        yield "percentile", 'is required beside latency_above_ms: the percentile that is held against it, such as "95"'
    longest_s, name = shortest(terms.period)
    if faults.sound("period") and indicator.minimum_consecutive * indicator.every_s > longest_s:
        most, slices = longest_s // indicator.every_s, f"slices of {duration_text(indicator.every_s)}"
        yield "minimum_consecutive", f"must be at most {most}: no {name} has that many {slices} in a row"


def _broken_clock(indicator: ResolutionTime) -> Broken:
    if indicator.stop == "responded" and indicator.reopened == "runs-on":
        yield "reopened", 'says nothing where the clock stops at the first response; leave it out or use stop "resolved"'
    allowed = _pausable(indicator)
    for index, state in enumerate(indicator.pauses):
        if state not in allowed:
            yield f"pauses[{index}]", f"the clock never stands in {state!r}: {_WHY_NEVER[state]}; there are {', '.join(allowed)}"


_WHY_NEVER = {
    "opened": "there it starts",
    "responded": "there it stops",
    "resolved": "there it stops",
    "closed": "there it stops",
    "reopened": "there it runs on",
    "cancelled": "the ticket does not count",
}


def _pausable(indicator: ResolutionTime) -> Sequence[str]:
    if indicator.stop == "responded":
        return ("waiting",)
    return ("waiting", "responded", "resolved", "closed") if indicator.reopened == "runs-on" else ("waiting", "responded")


def _broken_priorities(indicator: ResolutionTime) -> Broken:
    order, rule = indicator.priority_order, indicator.priority_rule
    if rule != "last" and not indicator.priorities:
        yield "priority_rule", "picks among priorities, and every one counts here; name priorities or leave it out"
    if rule == "highest" and not order:
        yield "priority_order", "is required beside priority_rule highest: the priorities, the highest first, such as [P1, P2, P3]"
    if rule != "highest" and order:
        yield "priority_order", f'is asked only by priority_rule "highest", not "{rule}"; use that or leave it out'
    for index, priority in enumerate(indicator.priorities):
        if order and priority not in order:
            yield f"priorities[{index}]", f"{priority!r} is not in priority_order; {hint(priority, order)}"


def _broken_composite(objective: Objective, indicator: Composite, terms: Terms) -> Broken:
    if indicator.weights and indicator.rule != "weighted":
        yield "weights", f'count by rule "weighted" only, not "{indicator.rule}"; use that or leave them out'
    others = {each.id: each.indicator for each in terms.objectives if each.id != objective.id}
    simple = [name for name, other in others.items() if not isinstance(other, Composite)]
    for index, name in enumerate(indicator.of):
        place, other = f"of[{index}]", others.get(name)
        if name == objective.id:
            yield place, f"a composite cannot be of itself; {hint('', simple)}"
        elif other is None:
            yield place, f"there is no objective {name!r}; {hint(name, simple)}"
        elif isinstance(other, Composite):
            yield place, f"{name!r} is a composite itself; name the objectives it is of: {', '.join(other.of)}"
        elif indicator.rule == "journey" and not isinstance(other, Availability):
            legs = [each for each in simple if isinstance(others[each], Availability)]
            yield place, f"a journey is through availabilities, {name!r} is none; {hint('', legs)}"
        elif indicator.rule == "journey" and isinstance(other, Availability) and other.combine == "pool":
            yield place, f'a journey needs bad time, and the pool {name!r} has none of its own; use its combine "any" or "all"'


def _check_credits(objective: Objective, place: str, terms: Terms, faults: Faults) -> None:
    tiers = objective.credits
    if tiers and terms.credit is None and faults.sound("credit"):
        faults.add(place, _without_credit(terms, faults, "need the section credit, which says what the percentages are of"))
    if not faults.sound(place) or not tiers:
        return
    if tiers[0].below > objective.target and faults.sound(place.replace("credits", "target")):
        faults.add(f"{place}[0].below", f"must not be above the target {trimmed_percent(objective.target)}")
    for index, (upper, lower) in enumerate(pairwise(tiers), start=1):
        if lower.below >= upper.below:
            rule = f"must be lower than {trimmed_percent(upper.below)} of the tier before; list the highest first, each once"
            faults.add(f"{place}[{index}].below", rule)
        if lower.percent <= upper.percent:
            rule = f"must be higher than {trimmed_percent(upper.percent)} of the tier before: who misses more pays more"
            faults.add(f"{place}[{index}].percent", rule)


def _check_relief(objective: Objective, place: str, terms: Terms, faults: Faults) -> None:
    relief = objective.relief
    if relief is None or not faults.sound(place):
        return
    if objective.credits:
        faults.add(place, "is a formula instead of credits; leave one of the two out")
    elif terms.credit is None and faults.sound("credit"):
        faults.add(place, _without_credit(terms, faults, "needs the section credit, which says what the charge is"))
    match relief:
        case HourlyRelief():
            if relief.more_than_s >= _HOUR_S:
                faults.add(f"{place}.more_than", 'must be below 1h: no hour has more than an hour of down time; such as "6m"')
            if not has_down_time(objective.indicator) and faults.sound(place.replace("relief", "indicator")):
                faults.add(f"{place}.kind", 'frees hours with down time, which only an availability has; use "proportional" or "per-step"')
            if isinstance(objective.indicator, Availability) and objective.indicator.combine == "pool":
                rule = "would free an hour in which any one component of the pool is down"
                better = 'use "proportional", which counts each by its weight, or combine "any" or "all"'
                faults.add(f"{place}.kind", f"{rule}; {better}")
        case StepCredit():
            target = objective.target
            if relief.step > target and faults.sound(place.replace("relief", "target")):
                faults.add(f"{place}.step", f"must not be above the target {trimmed_percent(target)}: there is no whole step below it")
        case ProportionalCredit():
            return
        case _:
            assert_never(relief)


def _without_credit(terms: Terms, faults: Faults, rule: str) -> str:
    """Where nothing can be credited the section would not help."""
    possible = has_charge(terms.period) or not faults.sound("period")
    return rule if possible else f"{needs_whole_months(terms.period)}, or promise without a credit"


def has_down_time(indicator: Indicator) -> bool:
    """It tells outages; the others count requests, intervals, tickets or verdicts."""
    if isinstance(indicator, Composite):
        return indicator.rule == "journey"
    return isinstance(indicator, Availability)
