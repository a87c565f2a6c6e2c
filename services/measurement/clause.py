"""Clauses: where two versions of the terms differ, place by place, and the later one with one place left as it was. Pure; judges nothing.

Terms are plain data here, in the JSON form of their message; places and values are told as a terms document has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Node = dict[str, "Node"] | list["Node"] | str | int | float | bool | None
Plain = Mapping[str, Node]

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
    "third_parties": "organisation",
    "responsibilities": "activity",
}
_WRITTEN = {
    "target_percent": "target",
    "below_percent": "below",
    "credit_percent": "percent",
    "minimum_coverage_percent": "minimum_coverage",
    "error_above_percent": "error_above",
    "step_percent": "step",
    "exclusion_class": "class",
    "credit_formula": "relief",
    "full_segments": "pro_rata",
}
_KINDS = {"hourly_relief": "hourly"}
_OF_ONE_KIND = ("indicator", "credit_formula")
"""Their message has one field, named for the kind; another kind is another clause as a whole."""

_SECONDS = "_s"
_COUNTS = ("minimum_events",)


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One place that differs; None on the side where it is not there. `steps` lead to it in the plain data."""

    place: str
    before: Node
    after: Node
    steps: tuple[str, ...]

    @property
    def before_json(self) -> str:
        return _json(self.steps[-1], self.before)

    @property
    def after_json(self) -> str:
        return _json(self.steps[-1], self.after)


def clauses(before: Plain, after: Plain) -> tuple[Clause, ...]:
    """Parties are matched by role, holidays by day, everything with an id by it: an order that changed is no change."""
    return tuple(_of_mappings(before, after, "", ()))


def left_out(clause: Clause, *, before: Plain, after: Plain) -> dict[str, Node]:
    """What comes after, with this clause as it is before."""
    return _left(dict(after), before, clause.steps)


def _of_mappings(before: Plain, after: Plain, place: str, steps: tuple[str, ...]) -> Iterator[Clause]:
    for key in dict.fromkeys((*before, *after)):
        written = _WRITTEN.get(key, key.removesuffix(_SECONDS))
        yield from _of_nodes(before.get(key), after.get(key), f"{place}.{written}" if place else written, (*steps, key))


def _of_nodes(before: Node, after: Node, place: str, steps: tuple[str, ...]) -> Iterator[Clause]:
    if before == after:
        return
    key = steps[-1]
    if key in _OF_ONE_KIND and isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for kind in before:
            yield from _of_nodes(before[kind], after[kind], place, (*steps, kind))
        return
    if key not in _OF_ONE_KIND and isinstance(before, dict) and isinstance(after, dict):
        yield from _of_mappings(before, after, place, steps)
        return
    old, new = _named(before, key), _named(after, key)
    if old is None or new is None:
        yield Clause(place=place, before=before, after=after, steps=steps)
        return
    for name in dict.fromkeys((*old, *new)):
        yield from _of_nodes(old.get(name), new.get(name), f"{place}{name}", (*steps, name))


def _named(node: Node, key: str) -> dict[str, Node] | None:
    """A list's entries by "[their id]", no list as an empty one; None where they have none (components of an indicator are plain ids)."""
    by = _MATCHED_BY.get(key)
    if by is None or not isinstance(node, list | None):
        return None
    entries = node or []
    named = {f"[{each[by]}]": each for each in entries if isinstance(each, dict) and by in each}
    return dict(named) if len(named) == len(entries) else None


def _left(after: dict[str, Node], before: Plain, steps: Sequence[str]) -> dict[str, Node]:
    key, rest = steps[0], steps[1:]
    found = _left_in(after.get(key), before.get(key), key, rest) if rest else before.get(key)
    others = {name: node for name, node in after.items() if name != key}
    return others if found is None else {**others, key: found}


def _left_in(after: Node, before: Node, key: str, rest: Sequence[str]) -> Node:
    if isinstance(after, dict) and isinstance(before, dict):
        return _left(after, before, rest)
    old, new = _named(before, key), _named(after, key)
    assert old is not None, "a clause is found by the steps that led to it"
    assert new is not None, "a clause is found by the steps that led to it"
    return list(_left(new, old, rest).values())


def _json(key: str, node: Node) -> str:
    told = _told(key, node)
    return "" if told is None else json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _told(key: str, node: Node) -> Node:
    """As a terms document writes it."""
    match node:
        case dict():
            return _told_kind(node) if key in _OF_ONE_KIND else _told_fields(node)
        case list():
            return [_told("", each) for each in node]
        case str() if key in _COUNTS:
            return int(node)
        case str() if key.endswith(_SECONDS):
            return _length(int(node))
        case bool() if key == "full_segments":
            return not node
        case _:
            return node


def _told_fields(node: Mapping[str, Node]) -> dict[str, Node]:
    return {_WRITTEN.get(name, name.removesuffix(_SECONDS)): _told(name, each) for name, each in node.items()}


def _told_kind(node: Mapping[str, Node]) -> Node:
    ((kind, fields),) = node.items()
    told = _told_fields(fields) if isinstance(fields, dict) else {}
    return {"kind": _KINDS.get(kind, kind.replace("_", "-")), **told}


def _length(length_s: int) -> str:
    minutes, seconds = divmod(length_s, 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if count) or "0s"
