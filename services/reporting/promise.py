"""What was promised, in words that a client understands: what is counted, what it must come to, what missing it costs. Pure."""

from __future__ import annotations

from typing import assert_never

from services.reporting.material import (
    Availability,
    Calendar,
    Composite,
    CreditTerms,
    HourlyRelief,
    Hours,
    Indicator,
    IntervalMean,
    MinimumOutage,
    ObjectiveTerms,
    PerStep,
    Proportional,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    ServiceTerms,
    Terms,
    TimeSlices,
)
from services.reporting.words import length, listed, money, ordinal, word_of
from services.vocabulary.period import SECOND

_WEEKDAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
_SILENCE = {
    "undetermined": "time without data stays unknown and counts for neither side",
    "up": "time without data counts as up",
    "down": "time without data counts as down",
    "exclude": "time without data is left out",
}
_EMPTY = {
    "good": "without requests counts as good",
    "bad": "without requests counts as bad",
    "exclude": "without requests is left out",
    "undetermined": "without requests stays unknown",
}
_MAINTENANCE = {
    "": "agreed maintenance is left out",
    "exclude": "agreed maintenance is left out",
    "up": "agreed maintenance counts as up",
    "down": "agreed maintenance counts as any other time",
}
_REOPENED = {
    "first-resolution": "a reopened ticket counts by its first resolution",
    "runs-on": "the clock of a reopened ticket runs on until its last resolution",
}
_PRIORITY_RULES = {"first": "the first of its priorities", "highest": "the highest of its priorities"}


def indicator_in_words(indicator: Indicator, service: ServiceTerms, terms: Terms) -> str:
    """What is counted, with every agreed option that differs from the usual."""
    match indicator:
        case Availability():
            return _availability(indicator, service, terms)
        case RequestRatio():
            return f"Share of all requests to {_names(indicator.components, service)} that succeeded, pooled over the {_period(terms)}."
        case IntervalMean():
            every, names = length(indicator.every_s * SECOND), _names(indicator.components, service)
            return (
                f"Mean, over all intervals of {every}, of the share of requests to {names} that succeeded in each; "
                f"an interval {_EMPTY.get(indicator.empty, indicator.empty)}."
            )
        case TimeSlices():
            return _time_slices(indicator, service)
        case ResponseTime():
            return _response_time(indicator, service)
        case ResolutionTime():
            return _resolution_time(indicator, terms)
        case Composite():
            return _composite(indicator, terms)
        case _:
            assert_never(indicator)


def promise_in_words(objective: ObjectiveTerms) -> str:
    """What it must come to where that is no plain percentage: "p99 ≤ 800 ms", "every one met"; else empty."""
    match objective.indicator:
        case ResponseTime(percentile=percentile, threshold_ms=threshold) if percentile:
            return f"p{percentile} ≤ {threshold} ms"
        case Composite(rule="all"):
            return "every one met"
        case Composite(rule="any"):
            return "at least one met"
        case _:
            return ""


def cost_in_words(objective: ObjectiveTerms) -> str:
    """What missing it costs, of the charge of a period; empty where nothing was agreed."""
    match objective.formula:
        case HourlyRelief(more_than_s=more_than_s):
            return f"a clock hour with more than {length(more_than_s * SECOND)} down is free of charge"
        case Proportional(times=times):
            return f"{times} times the share that was bad"
        case PerStep(step_percent=step, credit_percent=percent):
            return f"{percent} % for each {step} %, or part of it, below the target"
        case None:
            return ", ".join(f"{tier.credit_percent} % below {tier.below_percent} %" for tier in objective.credits)
        case _:
            assert_never(objective.formula)


def minimum_in_words(credit: CreditTerms | None) -> str:
    """ "the agreed minimum of EUR 1.00"."""
    agreed = f" of {money(credit.minimum, credit.currency)}" if credit and credit.minimum else ""
    return f"the agreed minimum{agreed}"


def calendar_in_words(calendar: Calendar) -> str:
    """ "Monday to Friday 09:00 to 17:00 (Europe/Berlin), closed on 2 agreed days"."""
    open_hours = listed(tuple(_hours(hours) for hours in calendar.hours)) or "never"
    count = len(calendar.closed)
    closed = f", closed on {count} agreed {'day' if count == 1 else 'days'}" if count else ""
    return f"{open_hours} ({calendar.zone}){closed}"


def _availability(indicator: Availability, service: ServiceTerms, terms: Terms) -> str:
    maintenance = _MAINTENANCE.get(indicator.maintenance, indicator.maintenance)
    silence = _SILENCE.get(indicator.no_data, indicator.no_data)
    return " ".join(
        [
            f"{_time_counted(indicator, service)}; {maintenance}, {silence}.",
            *([f"Only the service hours count: {_hours_of(indicator.hours, terms)}."] if indicator.hours else []),
            *([_minimum_outage(indicator.minimum_outage)] if indicator.minimum_outage else []),
            *([_minimum_coverage(indicator)] if indicator.minimum_coverage_percent.strip("0.") else []),
        ]
    )


def _time_counted(indicator: Availability, service: ServiceTerms) -> str:
    if indicator.combine == "pool":
        names = _weighted(indicator.components, indicator.weights, {part.id: part.name for part in service.components})
        return f"Share of the eligible time in which {names} worked, each for itself: component time is added up"
    down = ""
    if len(indicator.components) > 1:
        down = {"any": ", down while any of them is", "all": ", down only while all of them are"}.get(indicator.combine, "")
    return f"Share of the eligible time in which {_names(indicator.components, service)} worked{down}"


def _minimum_outage(minimum: MinimumOutage) -> str:
    clock = ", of which only whole clock minutes are counted" if minimum.whole_minutes else ""
    before = "before" if minimum.before_exclusions else "after"
    shortest = length(minimum.at_least_s * SECOND)
    return f"Only outages of at least {shortest} count{clock}; their length is taken {before} excluded time leaves them."


def _minimum_coverage(indicator: Availability) -> str:
    return f"Where less than {indicator.minimum_coverage_percent} % of the time is known there is no verdict, unless it is lost anyway."


def _time_slices(indicator: TimeSlices, service: ServiceTerms) -> str:
    every, names = length(indicator.every_s * SECOND), _names(indicator.components, service)
    if indicator.percentile:
        held = (
            f"the {ordinal(indicator.percentile)} percentile of the response times of {names} was at most {indicator.latency_above_ms} ms"
        )
    else:
        held = f"at most {indicator.error_above_percent} % of the requests to {names} failed"
    conditions = [f"a slice {_EMPTY.get(indicator.empty, indicator.empty)}"]
    if indicator.minimum_events > 1:
        conditions.append(f"one with fewer than {indicator.minimum_events:,} requests counts as good")
    if indicator.minimum_consecutive > 1:
        conditions.append(f"bad slices count only in unbroken runs of at least {indicator.minimum_consecutive}")
    return f"Share of the slices of {every} in which {held}; {', '.join(conditions)}."


def _response_time(indicator: ResponseTime, service: ServiceTerms) -> str:
    names = _names(indicator.components, service)
    within = f"Share of all requests to {names} that were answered within {indicator.threshold_ms} ms."
    if not indicator.percentile:
        return within
    rank = ordinal(indicator.percentile)
    return f"{within} The promise is about the {rank} percentile (nearest rank): it is kept when at least {indicator.percentile} % are."


def _resolution_time(indicator: ResolutionTime, terms: Terms) -> str:
    which = f"priority {listed(indicator.priorities)} tickets" if indicator.priorities else "tickets"
    within = length(indicator.within_s * SECOND)
    hours = f"of service hours ({_hours_of(indicator.hours, terms)})" if indicator.hours else ""
    done = "first answered" if indicator.stop == "responded" else "resolved"
    conditions = [] if indicator.stop == "responded" else [_REOPENED.get(indicator.reopened, indicator.reopened)]
    if indicator.pauses:
        conditions.append(f"the clock stands still while a ticket is {' or '.join(indicator.pauses)}")
    if indicator.priority_rule in _PRIORITY_RULES:
        order = f" ({' before '.join(indicator.priority_order)})" if indicator.priority_order else ""
        conditions.append(f"a ticket counts with {_PRIORITY_RULES[indicator.priority_rule]}{order}")
    when = f"due in the {_period(terms)}"
    counted = f"Share of {which} {when} that were {done} within {within}{' ' + hours if hours else ', around the clock'}"
    return f"{'; '.join([counted, *conditions])}."


def _composite(indicator: Composite, terms: Terms) -> str:
    known = {objective.id: objective.name for objective in terms.objectives}
    names = listed(tuple(f"“{known.get(each, each)}”" for each in indicator.of))
    match indicator.rule:
        case "all":
            return f"Every one of these objectives has to be met: {names}."
        case "any":
            return f"At least one of these objectives has to be met: {names}."
        case "journey":
            return f"Share of the time eligible in all of {names} in which none of them was down."
        case _:
            weighted = _weighted(indicator.of, indicator.weights, {each: f"“{name}”" for each, name in known.items()})
            return f"Share of the objectives {weighted} that were met, by weight."


def _weighted(ids: tuple[str, ...], weights: tuple[int, ...], names: dict[str, str]) -> str:
    each = weights or (1,) * len(ids)
    plain = len(set(each)) == 1
    told = zip(ids, each, strict=False)
    return listed(tuple(names.get(part, part) + ("" if plain else f" (weight {weight})") for part, weight in told))


def _period(terms: Terms) -> str:
    return word_of(terms.cycle.every)


def _hours_of(calendar_id: str, terms: Terms) -> str:
    calendar = terms.calendar(calendar_id)
    return calendar_in_words(calendar) if calendar else calendar_id


def _hours(hours: Hours) -> str:
    return f"{_days(hours.days)} {hours.start} to {hours.end}"


def _days(days: tuple[str, ...]) -> str:
    """Three or more in a row are a stretch: "Monday to Friday"."""
    week = tuple(_WEEKDAYS)
    places = [week.index(day) for day in days if day in week]
    if len(places) > 2 and places == list(range(places[0], places[0] + len(places))):
        return f"{_WEEKDAYS[week[places[0]]]} to {_WEEKDAYS[week[places[-1]]]}"
    return listed(tuple(_WEEKDAYS.get(day, day) for day in days))


def _names(components: tuple[str, ...], service: ServiceTerms) -> str:
    known = {component.id: component.name for component in service.components}
    return listed(tuple(known.get(component, component) for component in components)) or service.name
