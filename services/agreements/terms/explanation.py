"""Reads terms back as plain sentences, so that people see what they are about to sign. Pure; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from services.agreements.terms.canonical import milliseconds_text, multiple_text
from services.agreements.terms.model import (
    Activity,
    Availability,
    Calendar,
    Claim,
    Component,
    Composite,
    Credit,
    Disputes,
    Empty,
    ExclusionClass,
    Holiday,
    HourlyRelief,
    Hours,
    Indicator,
    IntervalMean,
    MaintenanceWindow,
    Objective,
    ProportionalCredit,
    RecurringMaintenance,
    Relief,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    StepCredit,
    Support,
    SupportKind,
    Terms,
    TimeSlices,
)
from services.agreements.terms.periods import judged, months_of, word_of
from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money
from services.vocabulary.period import MONTHLY, Cycle, instant_text
from services.vocabulary.ratio import trimmed_percent

_DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
_DISPUTES: dict[Disputes, str] = {
    "provider": "Where only one side saw an outage, the provider's reading counts.",
    "customer": "Where only one side saw an outage, the customer's reading counts.",
    "either-down": "What either side saw as an outage is one.",
    "both-down": "Only what both sides saw as an outage is one.",
    "auditor": "Where only one side saw an outage, the provider's reading counts until an auditor settles it.",
}
_RESTS_ON: dict[SupportKind, str] = {"contract": "the underpinning contract", "internal": "the internal agreement"}
_CALENDAR = (MONTHLY, Cycle("quarter"), Cycle("year"), Cycle("week"))
_APPROVED_BY = {"customer": "the customer", "both": "both sides"}
_EMPTY: dict[Empty, str] = {
    "good": "counts as good",
    "bad": "counts as bad",
    "exclude": "is left out",
    "undetermined": "leaves the figure undetermined by its share",
}


@dataclass(frozen=True, kw_only=True)
class Section:
    """Sentences about one thing, in the order of the document."""

    title: str
    sentences: tuple[str, ...]


def explain(terms: Terms) -> tuple[Section, ...]:
    """Who promises what to whom, how it is measured, what is taken out, what a breach costs and until when it can be claimed."""
    found = (
        ("The agreement", _agreement(terms)),
        *((f"Promise: {objective.name}", _promise(objective, terms)) for objective in terms.objectives),
        ("What it rests on", (_support(support, terms) for support in terms.underpinning)),
        ("Who does what", _who_does_what(terms)),
        ("What is taken out", _taken_out(terms)),
        ("By which calendar", (_calendar(calendar) for calendar in terms.calendars)),
        ("What a breach costs", _cost(terms)),
        (f"When a {word_of(terms.period)} is settled", _settled(terms)),
    )
    return tuple(Section(title=title, sentences=lines) for title, sentences in found if (lines := tuple(sentences)))


def _agreement(terms: Terms) -> Iterator[str]:
    provider, customer = (next(party for party in terms.parties if party.role == role) for role in ("provider", "customer"))
    until = f"to {terms.ends_on}, both days included" if terms.ends_on else "until further notice"
    yield f"{provider.name} promises {customer.name} what follows, from {terms.effective_on} {until} ({terms.title})."
    begin = f"days and {word_of(terms.period)}s" if terms.period in _CALENDAR else "days"
    yield f"It is judged {judged(terms)}; {begin} begin at midnight in {terms.zone}."
    if terms.renewal:
        notice = f"unless one side gives notice at least {_count(terms.renewal.notice_days, 'day')} before"
        yield f"At its end it goes on for {_count(terms.renewal.months, 'month')}, again and again, {notice}."
    if terms.review_every:
        yield f"The parties review the service every {terms.review_every}."
    if terms.auditors:
        yield f"{_and(terms.auditors)} may read it, besides the two."
    for party in terms.parties:
        if party.responsibilities:
            yield f"{party.name} also takes on: {'; '.join(party.responsibilities)}."
    for service in terms.services:
        for component in service.components:
            if component.in_service_from is not None or component.in_service_until is not None:
                yield _life(component, service)


def _life(component: Component, service: Service) -> str:
    since = f" from {instant_text(component.in_service_from)}" if component.in_service_from is not None else ""
    until = f" until {instant_text(component.in_service_until)}" if component.in_service_until is not None else ""
    return f"{component.name} ({component.id}) of {service.name} is in service{since}{until}; its other time is no one's promise."


def _promise(objective: Objective, terms: Terms) -> Iterator[str]:
    clause = f" (clause {objective.clause})" if objective.clause else ""
    yield f"{_target(objective, terms)}{clause}."
    yield from _measured(objective.indicator, terms.period)
    if objective.credits:
        tiers = (f"{trimmed_percent(tier.percent)} % below {trimmed_percent(tier.below)} %" for tier in objective.credits)
        yield f"A breach costs, of {_the_charge(terms)}: {', '.join(tiers)}; the lowest that the attainment is below counts."
    if objective.relief:
        yield _relief(objective.relief, terms)
    if not objective.credits and not objective.relief:
        yield "A breach of it costs nothing by itself."


def _support(support: Support, terms: Terms) -> str:
    name = next((each.name for each in terms.objectives if each.id == support.objective), support.objective)
    return f'"{name}" rests on the objective "{support.supporting_objective}" of {_RESTS_ON[support.kind]} {support.agreement}.'


def _who_does_what(terms: Terms) -> Iterator[str]:
    for third in terms.third_parties:
        role = f": {third.role}" if third.role else ""
        yield f"{third.name} ({third.organisation}) takes part without signing{role}."
    names = {party.organisation: party.name for party in terms.parties} | {third.organisation: third.name for third in terms.third_parties}
    for line in terms.responsibilities:
        yield _activity(line, names)


def _activity(line: Activity, names: Mapping[OrganisationId, str]) -> str:
    def told(organisations: Iterable[OrganisationId]) -> str:
        return _and(names.get(each, each) for each in organisations)

    asked = f"; {told(line.consulted)} {_is_are(line.consulted)} asked before" if line.consulted else ""
    informed = f"; {told(line.informed)} {_is_are(line.informed)} told" if line.informed else ""
    return f"{_capital(line.activity)}: done by {told(line.responsible)}, {told([line.accountable])} answers for it{asked}{informed}."


def _is_are(named: Sequence[OrganisationId]) -> str:
    return "is" if len(named) == 1 else "are"


def _target(objective: Objective, terms: Terms) -> str:
    at = "more than" if objective.comparison == ">" else "at least"
    percent = f"{at} {trimmed_percent(objective.target)} %"
    indicator = objective.indicator
    of = _service(objective.service, terms)
    if not isinstance(indicator, ResolutionTime | Composite):
        of = f"{of} ({_and(indicator.components)})"
    match indicator:
        case Availability(combine="pool"):
            return f"The components of {of} are up {percent} of their own time together"
        case Availability():
            return f"{of} is up {percent} of the time"
        case RequestRatio():
            return f"{_capital(percent)} of the requests to {of} succeed"
        case IntervalMean():
            return f"{of} comes to {percent}, which is 100 % less the mean error rate of its intervals"
        case TimeSlices():
            return f"{_capital(percent)} of the slices of {_length(indicator.every_s)} keep their threshold at {of}"
        case ResponseTime(percentile=None):
            threshold = milliseconds_text(indicator.threshold_ms)
            return f"{_capital(percent)} of the requests to {of} are answered within {threshold} ms"
        case ResponseTime():
            threshold = milliseconds_text(indicator.threshold_ms)
            return f"The percentile {trimmed_percent(objective.target)} of the response times of {of} is at most {threshold} ms"
        case ResolutionTime():
            which = f"with priority {_or(indicator.priorities)} " if indicator.priorities else ""
            done = "resolved" if indicator.stop == "resolved" else "responded to"
            return f"{_capital(percent)} of the tickets {which}of {of} are {done} within {_length(indicator.within_s)}"
        case Composite():
            return f"{_composite(indicator, terms)}; the target is {percent}"
        case _:
            assert_never(indicator)


def _composite(indicator: Composite, terms: Terms) -> str:
    names = {each.id: each.name for each in terms.objectives}
    parts = [f'"{names.get(each, each)}"' for each in indicator.of]
    match indicator.rule:
        case "all":
            return f"All of {_and(parts)} are kept"
        case "any":
            return f"At least one of {_and(parts)} is kept"
        case "weighted":
            weights = indicator.weights or (1,) * len(parts)
            weighed = _and(f"{part} (weight {weight})" for part, weight in zip(parts, weights, strict=True))
            return f"Of {weighed}, the weight of those kept counts"
        case "journey":
            return f"The journey through {_and(parts)} is up while all of them are"
        case _:
            assert_never(indicator.rule)


def _measured(indicator: Indicator, cycle: Cycle) -> Iterator[str]:
    match indicator:
        case Availability():
            yield from _measured_availability(indicator)
        case RequestRatio():
            yield f"All requests of the {word_of(cycle)} are pooled: a busy hour weighs more than a quiet one."
        case IntervalMean():
            yield f"The error rate is taken every {_length(indicator.every_s)}; an interval without a request {_EMPTY[indicator.empty]}."
        case TimeSlices():
            yield from _measured_slices(indicator)
        case ResponseTime():
            yield "A request of exactly that time is in time."
            if indicator.expected_every_s:
                yield f"A silence of more than {_length(indicator.expected_every_s)} is told as a gap in the data."
        case ResolutionTime():
            yield from _measured_clock(indicator)
        case Composite():
            yield "It is told from the objectives it names; their percentages are neither multiplied nor averaged."
        case _:
            assert_never(indicator)


def _measured_availability(indicator: Availability) -> Iterator[str]:
    match indicator.combine:
        case "any":
            if len(indicator.components) > 1:
                yield "It is down while any of them is down."
        case "all":
            yield "It is down only while all of them are down."
        case "pool":
            weights = indicator.weights or (1,) * len(indicator.components)
            told = _and(f"{name} {weight} times" for name, weight in zip(indicator.components, weights, strict=True) if weight != 1)
            yield f"Each one's own time counts{f', {told}' if told else ''}."
        case _:
            assert_never(indicator.combine)
    unknown = {
        "undetermined": "makes the figure a range",
        "up": "counts as up",
        "down": "counts as down",
        "exclude": "is left out",
    }[indicator.no_data]
    yield f"Time of which nothing was reported {unknown}."
    if indicator.minimum_coverage:
        known = f"With less than {trimmed_percent(indicator.minimum_coverage)} % of the time known"
        yield f"{known} there is no verdict, unless the target is missed whatever the rest was."
    if indicator.hours:
        yield f'Only the open hours of the calendar "{indicator.hours}" count.'
    if indicator.maintenance == "up":
        yield "In maintenance it counts as up."
    if indicator.maintenance == "down":
        yield "Maintenance counts as any other time: what is down in it is down."
    if outage := indicator.minimum_outage:
        before = ", as long as it was before exclusions and service hours," if outage.before_exclusions else ""
        yield f"An outage{before} counts whole from {_length(outage.at_least_s)} on, and not at all below."
        if outage.whole_minutes:
            yield "Only whole minutes of the clock are down."


def _measured_slices(indicator: TimeSlices) -> Iterator[str]:
    if indicator.error_above is not None:
        yield f"A slice is bad when more than {trimmed_percent(indicator.error_above)} % of its requests fail."
    if indicator.percentile is not None and indicator.latency_above_ms is not None:
        threshold = milliseconds_text(indicator.latency_above_ms)
        yield f"A slice is bad when the percentile {trimmed_percent(indicator.percentile)} of its response times is above {threshold} ms."
    if indicator.minimum_events > 1:
        yield f"A slice with fewer than {indicator.minimum_events} requests is good."
    yield f"A slice without a request {_EMPTY[indicator.empty]}."
    if indicator.minimum_consecutive > 1:
        yield f"Bad slices count only where {indicator.minimum_consecutive} or more follow each other."


def _measured_clock(indicator: ResolutionTime) -> Iterator[str]:
    runs = f'in the open hours of the calendar "{indicator.hours}"' if indicator.hours else "around the clock"
    stops = "when it is resolved" if indicator.stop == "resolved" else "with the first response"
    yield f"A ticket's clock starts when it is opened, runs {runs} and stops {stops}."
    if indicator.pauses:
        yield f"It stands still while the ticket is {_or(indicator.pauses)}."
    if indicator.stop == "resolved":
        kept = "the first resolution counts" if indicator.reopened == "first-resolution" else "its clock runs on until the last resolution"
        yield f"Where a ticket is reopened, {kept}."
    if indicator.priorities:
        which = {
            "last": "the priority it had last",
            "first": "the priority it was opened with",
            "highest": f"the highest priority it had, in the order {', '.join(indicator.priority_order)}",
        }[indicator.priority_rule]
        yield f"A ticket counts under {which}."


def _the_charge(terms: Terms) -> str:
    return "the monthly charge" if terms.period.every == "month" else f"the {word_of(terms.period)}'s charge"


def _relief(relief: Relief, terms: Terms) -> str:
    match relief:
        case HourlyRelief():
            return f"Each clock hour with more than {_length(relief.more_than_s)} down is free of charge, breach or not."
        case ProportionalCredit():
            times = "" if relief.times == 1 else f"{multiple_text(relief.times)} times "
            return f"A breach costs {times}the bad share of the {word_of(terms.period)}'s charge."
        case StepCredit():
            step, percent = trimmed_percent(relief.step), trimmed_percent(relief.percent)
            each = f"each {step} percentage points, or part of them, below the target"
            return f"A breach costs {percent} % of {_the_charge(terms)} for {each}."
        case _:
            assert_never(relief)


def _taken_out(terms: Terms) -> Iterator[str]:
    for window in terms.maintenance:
        yield _window(window, terms)
    for returning in terms.recurring_maintenance:
        yield _returning(returning, terms)
    for ground in terms.exclusion_classes:
        yield _ground(ground)


def _window(window: MaintenanceWindow, terms: Terms) -> str:
    of = _of_components(window.components, _service(window.service, terms))
    announced = f", announced {instant_text(window.announced_at)}" if window.announced_at is not None else ""
    span = f"from {instant_text(window.start)} to {instant_text(window.end)}{announced}"
    return f'Maintenance "{window.id}" of {of}, {span}{_grounds(window.exclusion_class, window.reason)}.'


def _returning(window: RecurringMaintenance, terms: Terms) -> str:
    of = _of_components(window.components, _service(window.service, terms))
    which = f"the {_and(window.weeks)} " if window.weeks else "every "
    of_month = " of a month" if window.weeks else ""
    when = f"{which}{_and(_DAYS[day] for day in window.days)}{of_month} from {window.begins} for {_length(window.lasts_s)}"
    return f'Maintenance "{window.id}" of {of}, {when}{_grounds(window.exclusion_class, window.reason)}.'


def _grounds(exclusion_class: str, reason: str) -> str:
    ground = f' on the ground "{exclusion_class}"' if exclusion_class else ""
    return f"{ground}: {reason}" if reason else ground


def _ground(ground: ExclusionClass) -> str:
    asked = [f"clause {ground.clause}"] if ground.clause else []
    if ground.approval != "none":
        asked.append(f"{_APPROVED_BY[ground.approval]} must approve what is claimed later")
    if ground.notice_s:
        asked.append(f"announced at least {_length(ground.notice_s)} before")
    if ground.monthly_cap_s:
        asked.append(f"at most {_length(ground.monthly_cap_s)} of a month")
    return f'Time can be taken out on the ground "{ground.id}"{": " + "; ".join(asked) if asked else ""}.'


def _calendar(calendar: Calendar) -> str:
    hours = "; ".join(_hours(line) for line in calendar.hours)
    zone = f" in {calendar.zone}" if calendar.zone else ""
    of_region = f" of {calendar.region}" if calendar.region else ""
    closed = [f"{_count(len(calendar.holidays), 'holiday')}{of_region}, {_from_to(calendar.holidays)}"] if calendar.holidays else []
    if calendar.also_closed:
        closed.append(f"{_count(len(calendar.also_closed), 'day')} more, {_from_to(calendar.also_closed)}")
    return f'"{calendar.id}" is open {hours}{zone}{"; closed on " + ", and ".join(closed) if closed else ""}.'


def _from_to(days: Sequence[Holiday]) -> str:
    first, last = min(each.day for each in days), max(each.day for each in days)
    return f"on {first}" if first == last else f"from {first} to {last}"


def _hours(line: Hours) -> str:
    return f"{_and(_DAYS[day] for day in line.days)} from {line.opens} to {line.closes}"


def _cost(terms: Terms) -> Iterator[str]:
    credit = terms.credit
    if credit is None:
        yield "Nothing: there is no section credit."
        return
    currency = credit.monthly_charge.currency
    name, months, most = word_of(terms.period), months_of(terms.period), f"costs at most {trimmed_percent(credit.cap)} %"
    if months == 1:
        yield f"The monthly charge is {credit.monthly_charge} {currency}; a {name} {most} of it."
    else:
        charge = Money(credit.monthly_charge.amount * months, currency)
        yield f"The monthly charge is {credit.monthly_charge} {currency}; a {name} {most} of its charge of {charge} {currency}."
    yield from _added(credit, name)
    if credit.minimum:
        yield f"An amount that is not above {Money(credit.minimum, currency)} {currency} is not paid."
    if credit.yearly_cap is not None:
        yield f"A contract year costs at most {trimmed_percent(credit.yearly_cap)} % of its charges."
    if credit.claim:
        yield _claim(credit.claim, terms)


def _added(credit: Credit, name: str) -> Iterator[str]:
    if credit.combine == "sum":
        yield f"Breaches of one {name} are added, and the sum is rounded once ({credit.rounding})."
    else:
        yield f"Of several breaches of one {name} the highest counts; the amount is rounded once ({credit.rounding})."
    if not credit.pro_rata:
        yield f"Terms that were in force for a part of a {name} owe their credit in full."


def _claim(claim: Claim, terms: Terms) -> str:
    cycles = "calendar months" if terms.period == MONTHLY else f"{word_of(terms.period)}s"
    counts = (
        (claim.days, "civil day", ""),
        (claim.months, "month", ""),
        (claim.cycles, "billing cycle", f" ({cycles})"),
        (claim.business_days, "open day", f' of the calendar "{claim.calendar}"'),
    )
    length = next(f"{_count(count, what)}{more}" for count, what, more in counts if count)
    since = "the period's last day" if claim.counted_from == "period-end" else "the day of the period's last outage"
    return f"A credit can be claimed within {length} after {since}, that last day included."


def _settled(terms: Terms) -> Iterator[str]:
    yield f"A {word_of(terms.period)} is closed {_count(terms.close_after_days, 'day')} after its end; what is reported later restates it."
    if terms.hard_close_after_days is not None:
        yield f"{_count(terms.hard_close_after_days, 'day').capitalize()} after its end late observations change it no more."
    if len(terms.parties) > 1:
        yield _DISPUTES[terms.disputes]
    yield f"A warning is raised when {trimmed_percent(terms.warn_at)} % of an error budget is spent."


def _service(service_id: str, terms: Terms) -> str:
    return next((service.name for service in terms.services if service.id == service_id), service_id)


def _of_components(components: Sequence[str], service: str) -> str:
    return f"{_and(components)} of {service}" if components else f"all of {service}"


def _and(words: Iterable[str]) -> str:
    return _joined(list(words), "and")


def _or(words: Iterable[str]) -> str:
    return _joined(list(words), "or")


def _joined(words: Sequence[str], last: str) -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _length(length_s: int) -> str:
    minutes, seconds = divmod(length_s, 60)
    hours, minutes = divmod(minutes, 60)
    return " ".join(_count(count, unit) for count, unit in ((hours, "hour"), (minutes, "minute"), (seconds, "second")) if count)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
