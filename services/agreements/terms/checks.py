"""What terms must fulfil beyond their form before anybody may sign them. Pure; what could not be read is not judged again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from services.agreements.terms.fields import Faults
from services.agreements.terms.model import Objective, ResolutionTime, Terms
from services.vocabulary.period import start_of_day
from services.vocabulary.ratio import trimmed_percent


def check(terms: Terms, faults: Faults) -> None:
    """Adds every broken rule to the faults."""
    _check_term(terms, faults)
    _check_parties(terms, faults)
    _check_services(terms, faults)
    _check_maintenance(terms, faults)
    _check_objectives(terms, faults)


def _check_term(terms: Terms, faults: Faults) -> None:
    if terms.ends_on and faults.sound("effective_on") and terms.ends_on < terms.effective_on:
        faults.add("ends_on", f"must not be before effective_on {terms.effective_on}")


def _check_parties(terms: Terms, faults: Faults) -> None:
    if not faults.sound("parties"):
        return
    if sorted(party.role for party in terms.parties) != ["customer", "provider"]:
        faults.add("parties", "exactly one provider and one customer are needed")
    _check_unique("parties", "organisation", [party.organisation for party in terms.parties], faults)
    for index, auditor in enumerate(terms.auditors):
        if terms.role_of(auditor):
            faults.add(f"auditors[{index}]", f"{auditor} is a party already")


def _check_services(terms: Terms, faults: Faults) -> None:
    _check_unique("services", "id", [service.id for service in terms.services], faults)
    for index, service in enumerate(terms.services):
        _check_unique(f"services[{index}].components", "id", [component.id for component in service.components], faults)


def _check_maintenance(terms: Terms, faults: Faults) -> None:
    _check_unique("maintenance", "id", [window.id for window in terms.maintenance], faults)
    for index, window in enumerate(terms.maintenance):
        place = f"maintenance[{index}]"
        _check_scope(terms, place, faults, service_id=window.service, components=window.components, components_place=f"{place}.components")
        if not faults.sound(f"{place}.start") or not faults.sound(f"{place}.end"):
            continue
        if window.end <= window.start:
            faults.add(f"{place}.end", "must be after start")
        elif all(map(faults.sound, ("zone", "effective_on", "ends_on"))) and _outside_the_term(terms, window.start, window.end):
            faults.add(place, "lies outside the term of the agreement")


def _outside_the_term(terms: Terms, start: int, end: int) -> bool:
    zone = ZoneInfo(terms.zone)
    if end <= start_of_day(terms.effective_on, zone):
        return True
    return terms.ends_on is not None and start >= start_of_day(terms.ends_on + timedelta(days=1), zone)


def _check_objectives(terms: Terms, faults: Faults) -> None:
    _check_unique("objectives", "id", [objective.id for objective in terms.objectives], faults)
    for index, objective in enumerate(terms.objectives):
        place = f"objectives[{index}]"
        components = () if isinstance(objective.indicator, ResolutionTime) else objective.indicator.components
        _check_scope(
            terms, place, faults, service_id=objective.service, components=components, components_place=f"{place}.indicator.components"
        )
        if not components and not isinstance(objective.indicator, ResolutionTime) and _scope_is_sound(place, faults):
            faults.add(f"{place}.indicator.components", f"service {objective.service!r} has no components to measure")
        if objective.comparison == ">" and objective.target == 1 and faults.sound(f"{place}.target"):
            faults.add(f"{place}.target", 'nothing can be above 100; use comparison ">="')
        _check_credits(objective, f"{place}.credits", terms, faults)


def _check_scope(terms: Terms, place: str, faults: Faults, *, service_id: str, components: Sequence[str], components_place: str) -> None:
    if not faults.sound("services") or not faults.sound(f"{place}.service"):
        return
    service = next((each for each in terms.services if each.id == service_id), None)
    if service is None:
        faults.add(f"{place}.service", f"there is no service {service_id!r}; there are {_listed(each.id for each in terms.services)}")
        return
    known = [component.id for component in service.components]
    if not faults.sound(components_place):
        return
    for index, component in enumerate(components):
        if component not in known:
            rule = f"service {service_id!r} has no component {component!r}; it has {_listed(known)}"
            faults.add(f"{components_place}[{index}]", rule)


def _scope_is_sound(place: str, faults: Faults) -> bool:
    return all(map(faults.sound, ("services", f"{place}.service", f"{place}.indicator")))


def _check_credits(objective: Objective, place: str, terms: Terms, faults: Faults) -> None:
    tiers = objective.credits
    if tiers and terms.credit is None:
        faults.add(place, "need the section credit, which says what the percentages are of")
    if not faults.sound(place) or not tiers:
        return
    if tiers[0].below > objective.target and faults.sound(place.replace("credits", "target")):
        faults.add(f"{place}[0].below", f"must not be above the target {trimmed_percent(objective.target)}")
    for index, (upper, lower) in enumerate(pairwise(tiers), start=1):
        if lower.below >= upper.below:
            faults.add(f"{place}[{index}].below", f"must be lower than {trimmed_percent(upper.below)} of the tier before")
        if lower.percent <= upper.percent:
            faults.add(f"{place}[{index}].percent", f"must be higher than {trimmed_percent(upper.percent)} of the tier before")


def _check_unique(place: str, key: str, values: Sequence[str], faults: Faults) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value and value in seen:
            faults.add(f"{place}[{index}].{key}", f"{value!r} is used already")
        seen.add(value)


def _listed(words: Iterable[str]) -> str:
    shown = list(words)
    return ", ".join(shown[:10]) + (", …" if len(shown) > 10 else "")
