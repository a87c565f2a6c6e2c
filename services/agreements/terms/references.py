"""Whether what terms name is there: services, components, calendars. Pure; what could not be read is not judged again."""

from __future__ import annotations

from collections.abc import Sequence

from services.agreements.terms.fields import Faults, hint
from services.agreements.terms.model import Terms


def check_scope(terms: Terms, place: str, faults: Faults, *, service_id: str, components: Sequence[str], components_place: str) -> None:
    """The service is one of the terms', the components are its own."""
    if not faults.sound("services") or not faults.sound(f"{place}.service"):
        return
    service = next((each for each in terms.services if each.id == service_id), None)
    if service is None:
        faults.add(f"{place}.service", f"there is no service {service_id!r}; {hint(service_id, (each.id for each in terms.services))}")
        return
    known = [component.id for component in service.components]
    if not faults.sound(components_place):
        return
    for index, component in enumerate(components):
        if component not in known:
            rule = f"service {service_id!r} has no component {component!r}; {hint(component, known)}"
            faults.add(f"{components_place}[{index}]", rule)


def check_calendar(calendar_id: str, place: str, terms: Terms, faults: Faults) -> None:
    known = [each.id for each in terms.calendars]
    if calendar_id not in known and faults.sound(place) and faults.sound("calendars"):
        faults.add(place, f"there is no calendar {calendar_id!r}; {hint(calendar_id, known)}")
