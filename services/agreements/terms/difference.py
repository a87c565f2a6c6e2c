"""What changed between two versions of the terms, place by place. Pure; judges no change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.agreements.terms.canonical import to_document
from services.agreements.terms.fields import Node
from services.agreements.terms.model import Terms

MATCHED_BY: Mapping[str, tuple[str, ...]] = {
    "parties": ("role",),
    "contacts": ("email",),
    "services": ("id",),
    "components": ("id",),
    "objectives": ("id",),
    "maintenance": ("id",),
    "recurring_maintenance": ("id",),
    "exclusion_classes": ("id",),
    "calendars": ("id",),
    "holidays": ("day",),
    "also_closed": ("day",),
    "underpinning": ("objective", "agreement", "supporting_objective"),
    "third_parties": ("organisation",),
    "responsibilities": ("activity",),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place that differs; None on the side where it is not there."""

    place: str
    before: Node
    after: Node


def difference(before: Terms, after: Terms) -> tuple[Change, ...]:
    """Parties are matched by role, holidays by day, everything else by what names it: an order that changed is no change."""
    return difference_of(to_document(before), to_document(after))


def difference_of(before: Mapping[str, Node], after: Mapping[str, Node]) -> tuple[Change, ...]:
    """The same of documents that terms are a part of."""
    return tuple(_of_mappings(before, after, ""))


def places_of(changes: Iterable[Change]) -> tuple[str, ...]:
    """Each place that a change touches: of what came or went as a whole, everything inside it."""
    return tuple(dict.fromkeys(place for change in changes for place in _touched(change)))


def places_in(terms: Terms) -> tuple[str, ...]:
    """Every place that the terms have, as a difference names it: "objectives", "objectives[uptime]", "objectives[uptime].target"."""
    return tuple(place for place, _ in _walk(dict(to_document(terms)), "", ()) if place)


def _touched(change: Change) -> Iterator[str]:
    key = change.place.rpartition(".")[2].partition("[")[0] if not change.place.endswith("]") else ""
    whole = [node for node in (change.before, change.after) if node is not None]
    if len(whole) == 1:
        yield from (place for place, is_leaf in _walk(whole[0], change.place, MATCHED_BY.get(key, ())) if is_leaf)
    else:
        yield change.place


def _walk(node: Node, place: str, matched_by: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Each place from here on, and whether nothing is inside it."""
    named = _named(node, matched_by)
    if named:
        yield place, False
        for name, entry in named.items():
            yield from _walk(entry, f"{place}[{name}]", ())
    elif isinstance(node, dict) and node:
        yield place, False
        for key, value in node.items():
            yield from _walk(value, f"{place}.{key}" if place else key, MATCHED_BY.get(key, ()))
    else:
        yield place, True


def _of_mappings(before: Mapping[str, Node], after: Mapping[str, Node], place: str) -> Iterator[Change]:
    for key in dict.fromkeys((*before, *after)):
        yield from _of_nodes(before.get(key), after.get(key), f"{place}.{key}" if place else key, MATCHED_BY.get(key, ()))


def _of_nodes(before: Node, after: Node, place: str, matched_by: tuple[str, ...]) -> Iterator[Change]:
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
        yield from _of_nodes(old.get(name), new.get(name), f"{place}[{name}]", ())


def _named(node: Node, keys: tuple[str, ...]) -> dict[str, Node] | None:
    """A list's entries by their own names, or None where they have none (components of an indicator are plain ids)."""
    if not keys or not isinstance(node, list):
        return None
    named = {"/".join(str(each[key]) for key in keys): each for each in node if isinstance(each, dict) and each.keys() >= set(keys)}
    return dict(named) if len(named) == len(node) else None
