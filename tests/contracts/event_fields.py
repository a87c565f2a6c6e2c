"""What the stored events are made of, as it was pinned: `python -m tests.contracts.event_fields` adds what is new, and changes nothing.

`event-fields.json` holds for each event, by service and name, its fields as they were first and after each addition. What a class says must
be the last of them, and each must read what was written under the one before.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, NewType, Union, get_args, get_origin, get_type_hints

from services.agreements.stored import STORED as AGREED
from services.agreements.stored import UPCASTERS
from services.improvement.improvement import NAMES
from services.measurement.stored import STORED
from services.reporting.issue import EVENTS

Fields = dict[str, str]
"""By place ("clauses[].weight"), what may stand there ("None | str", "{…}" for an object); " = default" where it may be left out."""

PINNED = Path(__file__).parent / "event-fields.json"
STORED_EVENTS: Mapping[str, Mapping[str, type]] = {
    "agreements": AGREED,
    "improvement": NAMES,
    "measurement": STORED,
    "reporting": EVENTS,
}
UPCAST: Mapping[str, Collection[str]] = {"agreements": UPCASTERS.keys()}
"""The old names that a service's upcasters lead on to newer ones."""

_DEFAULT = " = default"
_MANY = (tuple, list, set, frozenset)


def fields_of(kind: type) -> Fields:
    return dict(_places(kind, ""))


def pinned() -> dict[str, dict[str, list[Fields]]]:
    found: dict[str, dict[str, list[Fields]]] = json.loads(PINNED.read_text())
    return found


def broken(before: Fields, after: Fields) -> list[str]:
    """Why events that were written with the fields of before cannot be read with those of after; nothing: they can."""
    narrowed = [(place, text) for place, text in before.items() if not _covers(text, after.get(place, ""))]
    told = [f"{place} was {text!r} and is {after.get(place, 'gone')!r}" for place, text in narrowed]
    fresh = [place for place in after if place not in before]
    told += [f"{place} is new and has no default" for place in fresh if not _may_be_missing(place, fresh, after)]
    return told


def faults(now: Mapping[str, type], pins: Mapping[str, Sequence[Fields]], *, upcast: Collection[str] = ()) -> list[str]:
    """What a service's events break: an event that is not pinned, or was and is gone, or changed."""
    told = [f"{name} is not pinned" for name in now if name not in pins]
    told += [f"{name} is gone: its class stays, or an upcaster comes" for name in pins if name not in now and name not in upcast]
    for name in now.keys() & pins.keys():
        fields = fields_of(now[name])
        steps = [*pins[name], fields]
        told += [f"{name}: {each}" for before, after in pairwise(steps) for each in broken(before, after)]
        if fields != pins[name][-1]:
            told.append(f"{name}: what it is made of changed and is not pinned")
    return sorted(told)


def _covers(text: str, now: str) -> bool:
    return _alternatives(text) <= _alternatives(now) and (_DEFAULT not in text or _DEFAULT in now)


def _alternatives(text: str) -> set[str]:
    return set(text.removesuffix(_DEFAULT).split(" | "))


def _may_be_missing(place: str, fresh: Sequence[str], after: Fields) -> bool:
    above = [each for each in fresh if place == each or place.startswith((f"{each}.", f"{each}[", f"{each}{{"))]
    return any(after[each].endswith(_DEFAULT) for each in above)


def _places(kind: object, place: str, *, default: str = "", within: tuple[type, ...] = ()) -> Iterator[tuple[str, str]]:
    parts = _parts(kind)
    if place:
        yield place, " | ".join(sorted(_word(part) for part in parts)) + default
    for part in parts:
        if isinstance(part, type) and dataclasses.is_dataclass(part) and part not in within:
            hints = get_type_hints(part)
            for field in dataclasses.fields(part):
                missing = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
                inner = f"{place}.{field.name}" if place else field.name
                yield from _places(hints[field.name], inner, default="" if missing else _DEFAULT, within=(*within, part))
        elif (items := _items(part)) is not None:
            sign, inner_kinds = items
            for inner_kind in inner_kinds:
                yield from _places(inner_kind, f"{place}{sign}", within=within)


def _parts(kind: object) -> list[object]:
    """The kinds a value may be of."""
    if isinstance(kind, NewType):
        return _parts(kind.__supertype__)
    if get_origin(kind) in (Union, UnionType):
        return [part for each in get_args(kind) for part in _parts(each)]
    return [kind]


def _items(kind: object) -> tuple[str, list[object]] | None:
    """What a collection holds: "[]" in a list, "{}" behind the keys of a mapping."""
    origin, args = get_origin(kind), get_args(kind)
    if not isinstance(origin, type):
        return None
    if issubclass(origin, Mapping):
        return "{}", [args[1]]
    if issubclass(origin, (*_MANY, Sequence)):
        return "[]", [Union[tuple(each for each in args if each is not Ellipsis)]]  # noqa: UP007 (made of what is found)
    return None


def _word(kind: object) -> str:
    if kind is NoneType:
        return "None"
    if get_origin(kind) is Literal:
        return " | ".join(sorted(repr(each) for each in get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " | ".join(sorted(repr(each.value) for each in kind))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return "{…}"
    items = _items(kind)
    if items is not None:
        return {"[]": "[…]", "{}": "{…}"}[items[0]]
    assert isinstance(kind, type), f"an event holds no {kind!r}"
    return kind.__name__


def main() -> None:
    known = pinned() if PINNED.exists() else {}
    for service, events in STORED_EVENTS.items():
        pins = known.setdefault(service, {})
        for name, kind in events.items():
            fields = fields_of(kind)
            before = pins.setdefault(name, [fields])
            if fields != before[-1]:
                if refused := broken(before[-1], fields):
                    sys.exit(f"{name} needs a new version and an upcaster: {'; '.join(refused)}")
                before.append(fields)
    PINNED.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
