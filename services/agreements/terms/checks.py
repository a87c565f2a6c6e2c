"""What terms must fulfil beyond their form before anybody may sign them. Pure; what could not be read is not judged again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import combinations, pairwise

from services.agreements.terms.arrangement import check_arrangement
from services.agreements.terms.fields import Faults, duration_text, hint
from services.agreements.terms.grammar import WEEKDAY
from services.agreements.terms.model import (
    Calendar,
    Component,
    Credit,
    Holiday,
    Hours,
    RecurringMaintenance,
    Terms,
)
from services.agreements.terms.periods import check_period, has_charge, months_of, needs_whole_months, word_of
from services.agreements.terms.promises import check_objectives, has_down_time
from services.agreements.terms.references import check_calendar, check_scope
from services.agreements.terms.region import unknown_region
from services.vocabulary.money import Money
from services.vocabulary.period import Instant, instant_text, parse_zone, start_of_day
from services.vocabulary.ratio import trimmed_percent

_DAY_S = 86_400
_MONTHS = 12
_COUNTS = ("days", "months", "cycles", "business_days")


def check(terms: Terms, faults: Faults) -> None:
    """Adds every broken rule to the faults."""
    _check_term(terms, faults)
    check_period(terms, faults)
    _check_parties(terms, faults)
    _check_disputes(terms, faults)
    _check_services(terms, faults)
    _check_calendars(terms, faults)
    _check_unique("exclusion_classes", "id", [each.id for each in terms.exclusion_classes], faults)
    _check_maintenance(terms, faults)
    _check_recurring(terms, faults)
    _check_unique("objectives", "id", [objective.id for objective in terms.objectives], faults)
    check_objectives(terms, faults)
    check_arrangement(terms, faults)
    if terms.credit:
        _check_credit(terms.credit, terms, faults)


def _check_disputes(terms: Terms, faults: Faults) -> None:
    if terms.disputes == "auditor" and not terms.auditors and faults.sound("auditors"):
        faults.add("disputes", "auditor needs an organisation under auditors that settles; name one, or choose another rule")


def _check_term(terms: Terms, faults: Faults) -> None:
    if terms.ends_on and faults.sound("effective_on") and terms.ends_on < terms.effective_on:
        faults.add("ends_on", f"must not be before effective_on {terms.effective_on}; leave it out for an open end")
    hard = terms.hard_close_after_days
    if hard is not None and faults.sound("close_after_days") and hard < terms.close_after_days:
        faults.add(
            "hard_close_after_days",
            f"must not be below close_after_days, {terms.close_after_days}; leave it out to close no month for good",
        )


def _check_parties(terms: Terms, faults: Faults) -> None:
    if not faults.sound("parties"):
        return
    if sorted(party.role for party in terms.parties) != ["customer", "provider"]:
        faults.add(
            "parties", f"exactly one provider and one customer are needed, not {' and '.join(party.role for party in terms.parties)}"
        )
    _check_unique("parties", "organisation", [party.organisation for party in terms.parties], faults)
    for index, auditor in enumerate(terms.auditors):
        if terms.role_of(auditor):
            faults.add(f"auditors[{index}]", f"{auditor} is a party already, and reads as one; leave it out")


def _check_services(terms: Terms, faults: Faults) -> None:
    _check_unique("services", "id", [service.id for service in terms.services], faults)
    for index, service in enumerate(terms.services):
        place = f"services[{index}].components"
        _check_unique(place, "id", [component.id for component in service.components], faults)
        for number, component in enumerate(service.components):
            _check_life(component, f"{place}[{number}]", terms, faults)


def _check_life(component: Component, place: str, terms: Terms, faults: Faults) -> None:
    begins, ends = component.in_service_from, component.in_service_until
    if not faults.sound(f"{place}.in_service_from") or not faults.sound(f"{place}.in_service_until"):
        return
    if begins is not None and ends is not None and ends <= begins:
        faults.add(f"{place}.in_service_until", f"must be after in_service_from {instant_text(begins)}; leave it out while it stays")
    elif all(map(faults.sound, ("zone", "effective_on", "ends_on"))):
        first, after = _term(terms)
        if ends is not None and ends <= first:
            rule = f"its life ends before the agreement begins on {terms.effective_on}; leave the component out"
            faults.add(f"{place}.in_service_until", rule)
        if begins is not None and after is not None and begins >= after:
            rule = f"its life begins only after the last day of the agreement, {terms.ends_on}; leave the component out"
            faults.add(f"{place}.in_service_from", rule)


def _check_calendars(terms: Terms, faults: Faults) -> None:
    _check_unique("calendars", "id", [calendar.id for calendar in terms.calendars], faults)
    for index, calendar in enumerate(terms.calendars):
        place = f"calendars[{index}]"
        _check_hours(calendar.hours, f"{place}.hours", faults)
        if calendar.region and faults.sound(f"{place}.region") and (unknown := unknown_region(calendar.region)):
            faults.add(f"{place}.region", unknown)
        _check_days(calendar.holidays, f"{place}.holidays", faults)
        _check_days(calendar.also_closed, f"{place}.also_closed", faults)
        _check_holidays_are_of_the_term(calendar, f"{place}.holidays", terms, faults)


def _check_hours(lines: Sequence[Hours], place: str, faults: Faults) -> None:
    for index, line in enumerate(lines):
        if faults.sound(f"{place}[{index}]") and line.closes <= line.opens:
            rule = f'must be after from "{line.opens}"; hours over midnight are two lines, one to "24:00" and one from "00:00"'
            faults.add(f"{place}[{index}].to", rule)
    for (first, one), (second, other) in combinations(enumerate(lines), 2):
        if not faults.sound(f"{place}[{first}]") or not faults.sound(f"{place}[{second}]"):
            continue
        common = [day for day in one.days if day in other.days]
        opens, closes = max(one.opens, other.opens), min(one.closes, other.closes)
        if common and opens < closes:
            rule = f"overlaps hours[{first}] on {', '.join(common)} from {opens} to {closes}; join the two lines"
            faults.add(f"{place}[{second}]", rule)


def _check_days(days: Sequence[Holiday], place: str, faults: Faults) -> None:
    first: dict[str, int] = {}
    for index, each in enumerate(days):
        if not faults.sound(f"{place}[{index}]"):
            continue
        day = each.day.isoformat()
        if day in first:
            faults.add(f"{place}[{index}].day", f"{day} is listed already, in [{first[day]}]; name each day only once")
        first.setdefault(day, index)


def _check_holidays_are_of_the_term(calendar: Calendar, place: str, terms: Terms, faults: Faults) -> None:
    days = [each.day for each in calendar.holidays]
    if not days or not all(map(faults.sound, (place, "effective_on", "ends_on"))):
        return
    if max(days) < terms.effective_on:
        faults.add(
            place, f"all lie before the agreement begins on {terms.effective_on}; leave them out and give a region, or list later ones"
        )
    elif terms.ends_on and min(days) > terms.ends_on:
        faults.add(place, f"all lie after the agreement ends on {terms.ends_on}; leave them out and give a region, or list earlier ones")


def _check_maintenance(terms: Terms, faults: Faults) -> None:
    _check_unique("maintenance", "id", [window.id for window in terms.maintenance], faults)
    for index, window in enumerate(terms.maintenance):
        place = f"maintenance[{index}]"
        check_scope(terms, place, faults, service_id=window.service, components=window.components, components_place=f"{place}.components")
        _check_class(window.exclusion_class, f"{place}.class", terms, faults)
        if not faults.sound(f"{place}.start"):
            continue
        if window.announced_at is not None and faults.sound(f"{place}.announced_at") and window.announced_at > window.start:
            rule = f"must not be after start {instant_text(window.start)}; leave it out for what is agreed here"
            faults.add(f"{place}.announced_at", rule)
        if not faults.sound(f"{place}.end"):
            continue
        if window.end <= window.start:
            faults.add(f"{place}.end", f"must be after start {instant_text(window.start)}")
        elif all(map(faults.sound, ("zone", "effective_on", "ends_on"))) and _outside_the_term(terms, window.start, window.end):
            term = f"{terms.effective_on} to {terms.ends_on}" if terms.ends_on else f"{terms.effective_on} on"
            faults.add(place, f"lies outside the term of the agreement, from {term}; give a day of it")


def _outside_the_term(terms: Terms, start: int, end: int) -> bool:
    first, after = _term(terms)
    return end <= first or (after is not None and start >= after)


def _term(terms: Terms) -> tuple[Instant, Instant | None]:
    """[first, after); no `after` where the end is open."""
    zone = parse_zone(terms.zone)
    after = start_of_day(terms.ends_on + timedelta(days=1), zone) if terms.ends_on else None
    return start_of_day(terms.effective_on, zone), after


def _check_recurring(terms: Terms, faults: Faults) -> None:
    _check_unique("recurring_maintenance", "id", [window.id for window in terms.recurring_maintenance], faults)
    one_time = {window.id: f"maintenance[{index}]" for index, window in enumerate(terms.maintenance) if window.id}
    for index, window in enumerate(terms.recurring_maintenance):
        place = f"recurring_maintenance[{index}]"
        if window.id in one_time:
            faults.add(f"{place}.id", f"{window.id!r} is used already, by {one_time[window.id]}; give each window an id of its own")
        check_scope(terms, place, faults, service_id=window.service, components=window.components, components_place=f"{place}.components")
        _check_class(window.exclusion_class, f"{place}.class", terms, faults)
        if not all(map(faults.sound, (f"{place}.days", f"{place}.weeks", f"{place}.lasts"))) or not window.days:
            continue
        spacing_s = _spacing_s(window)
        if window.lasts_s > spacing_s:
            faults.add(f"{place}.lasts", f"must be at most {duration_text(spacing_s)}: after that the next window begins")


def _spacing_s(window: RecurringMaintenance) -> int:
    """The shortest civil time from one window's beginning to the next one's."""
    days = sorted(WEEKDAY.words.index(day) for day in window.days)
    if len(days) == 1:
        return 7 * _weeks_between(window.weeks) * _DAY_S
    return min(later - earlier for earlier, later in pairwise([*days, days[0] + 7])) * _DAY_S


def _weeks_between(weeks: Sequence[str]) -> int:
    """Of one weekday; the last one of a month is its fourth or fifth, and a week before the next month's first."""
    if not weeks:
        return 1
    nth = {"first": 1, "second": 2, "third": 3, "fourth": 4}
    gaps = []
    for last in (4, 5):
        places = sorted({nth.get(week, last) for week in weeks})
        gaps += [later - earlier for earlier, later in pairwise([*places, places[0] + last])]
    return min(gaps)


def _check_class(class_id: str, place: str, terms: Terms, faults: Faults) -> None:
    known = [each.id for each in terms.exclusion_classes]
    if class_id and class_id not in known and faults.sound(place) and faults.sound("exclusion_classes"):
        faults.add(place, f"there is no exclusion class {class_id!r}; {hint(class_id, known)}")


def _check_credit(credit: Credit, terms: Terms, faults: Faults) -> None:
    if faults.sound("period") and not has_charge(terms.period):
        faults.add("credit", f"{needs_whole_months(terms.period)}, or leave out credit, and credits and relief of the objectives")
        return
    if all(map(faults.sound, ("credit.minimum", "credit.monthly_charge"))) and 0 < credit.monthly_charge.amount <= credit.minimum:
        minimum = Money(credit.minimum, credit.monthly_charge.currency)
        faults.add(
            "credit.minimum", f"must be below the monthly charge {credit.monthly_charge}: nothing would be above {minimum} and be paid"
        )
    if credit.yearly_cap is not None and faults.sound("credit.yearly_cap_percent") and faults.sound("credit.cap_percent"):
        _check_yearly_cap(credit.cap, credit.yearly_cap, terms, faults)
    _check_claim(credit, terms, faults)


def _check_yearly_cap(cap: Fraction, yearly: Fraction, terms: Terms, faults: Faults) -> None:
    if not faults.sound("period"):
        return
    name, of_a_year = word_of(terms.period), _MONTHS // months_of(terms.period)
    if yearly > cap:
        never = f"{name}s that are capped there never come to more of a year"
        faults.add("credit.yearly_cap_percent", f"must not be above cap_percent {trimmed_percent(cap)}: {never}; leave it out")
    elif yearly * of_a_year < cap:
        least = trimmed_percent(_rounded_up(cap / of_a_year))
        rule = f"must be at least {least}: a single {name} may cost {trimmed_percent(cap)} % of its charge, which is that much of a year's"
        faults.add("credit.yearly_cap_percent", rule)


def _rounded_up(ratio: Fraction) -> Fraction:
    """To hundredths of a percent, so that it can be written."""
    return Fraction(-(-ratio * 10_000 // 1), 10_000)


def _check_claim(credit: Credit, terms: Terms, faults: Faults) -> None:
    claim, place = credit.claim, "credit.claim"
    if claim is None or not faults.sound(place):
        return
    given = [name for name in _COUNTS if getattr(claim, name)]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        faults.add(place, f"must have exactly one of {', '.join(_COUNTS)}, not {found}; such as {{days: 30}}")
        return
    if claim.business_days and not claim.calendar:
        known = hint("", (each.id for each in terms.calendars))
        faults.add(f"{place}.calendar", f"is required beside business_days: the id of the calendar whose open days they are; {known}")
    if claim.calendar and not claim.business_days:
        faults.add(f"{place}.calendar", f"counts business_days only; leave it out beside {given[0]}")
    elif claim.calendar:
        check_calendar(claim.calendar, f"{place}.calendar", terms, faults)
    if claim.counted_from == "last-outage" and faults.sound("objectives") and not _something_has_outages(terms):
        faults.add(f"{place}.counted_from", 'no objective with a credit has outages; use "period-end"')


def _something_has_outages(terms: Terms) -> bool:
    paid = [each.indicator for each in terms.objectives if each.credits or each.relief]
    return not paid or any(map(has_down_time, paid))


def _check_unique(place: str, key: str, values: Iterable[str], faults: Faults) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value and value in seen:
            faults.add(f"{place}[{index}].{key}", f"{value!r} is used already; choose another {key}")
        seen.add(value)
