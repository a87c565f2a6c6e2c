"""What changed between two versions of the terms, place by place. Pure; judges no change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.agreements.terms.canonical import to_document
from services.agreements.terms.fields import Node
from services.agreements.terms.model import Terms

_MATCHED_BY = {
    "parties": "role",
    "contacts": "email",
    "services": "id",
    "components": "id",
    "objectives": "id",
    "maintenance": "id",
    "recurring_maintenance": "id",
    "exclusion_classes": "id",
    "calendars": "id",
    "holidays": "day",
    "also_closed": "day",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place that differs; None on the side where it is not there."""

    place: str
    before: Node
    after: Node


def difference(before: Terms, after: Terms) -> tuple[Change, ...]:
    """Parties are matched by role, holidays by day, everything with an id by it: an order that changed is no change."""
    return tuple(_of_mappings(to_document(before), to_document(after), ""))


def _of_mappings(before: Mapping[str, Node], after: Mapping[str, Node], place: str) -> Iterator[Change]:
    for key in dict.fromkeys((*before, *after)):
        yield from _of_nodes(before.get(key), after.get(key), f"{place}.{key}" if place else key, _MATCHED_BY.get(key))


def _of_nodes(before: Node, after: Node, place: str, matched_by: str | None) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_mappings(before, after, place)
        return
    old, new = _named(before, matched_by), _named(after, matched_by)
    if old is None or new is None:
        yield Change(place=place, before=before, after=after)
        return
    for name in dict.fromkeys((*old, *new)):
        yield from _of_nodes(old.get(name), new.get(name), f"{place}[{name}]", None)


def _named(node: Node, key: str | None) -> dict[str, Node] | None:
    """A list's entries by their own id, or None where they have none (components of an indicator are plain ids)."""
    if key is None or not isinstance(node, list):
        return None
    named = {str(each[key]): each for each in node if isinstance(each, dict) and key in each}
    return dict(named) if len(named) == len(node) else None
