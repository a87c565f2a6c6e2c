"""Stored events read with the standard library alone, for who checks a history where no platform is installed. Pure.

Reads what the event store wrote, by the same closed list of names and the same upcasters, as strictly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from types import NoneType, UnionType
from typing import Literal, NewType, Union, get_args, get_origin, get_type_hints

from services.agreements.personal import PERSONAL
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.transparency.person import Names
from services.vocabulary.errors import Invalid, Violation
from services.vocabulary.personal import rewritten


class UnreadableFact(Invalid):
    """Stored data that does not fit its name, or a name that nobody knows."""

    code = "unreadable-fact"

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(Violation(place=name, rule=rule))


@dataclass(frozen=True, kw_only=True)
class ReadFact:
    """A fact with what of its metadata the rules ask for."""

    fact: Stored
    recorded_at: str
    actor: str
    organisation: str


def read_fact(name: str, content: bytes, names: Names | None = None) -> ReadFact:
    """`names` are those of its stream; None: of nobody, all are erased. Refuses with `UnreadableFact`."""
    names = Names() if names is None else names
    try:
        stored = json.loads(content.decode())
        metadata, event = stored["metadata"], stored["event"]
        told = [metadata[key] for key in ("recorded_at", "actor", "organisation")]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UnreadableFact(name, "must be an event beside its metadata") from None
    if not all(isinstance(each, str) for each in told):
        raise UnreadableFact(name, "must say when it was recorded, by whom of which organisation")
    while name in UPCASTERS:
        if not isinstance(event, dict):
            break
        name, upcast = UPCASTERS[name]
        event = upcast(event)
    kind = STORED.get(name)
    if kind is None:
        raise UnreadableFact(name, "is no event of agreements")
    fact = _built(name, kind, event)
    marks = PERSONAL.get(kind)
    if marks is not None:
        fact = rewritten(fact, marks, lambda _, text: names.read(text))
    read = ReadFact(fact=fact, recorded_at=told[0], actor=names.read(told[1]), organisation=told[2])
    if names.refused:
        raise UnreadableFact(name, "has a name that the key of its person does not open")
    return read


def _built(name: str, kind: type[Stored], event: object) -> Stored:
    hints = _HINTS[kind]
    if not isinstance(event, dict) or event.keys() != hints.keys():
        raise UnreadableFact(name, f"must have the fields {', '.join(hints)}")
    build: Callable[..., Stored] = kind
    return build(**{field: _value(f"{name}.{field}", hints[field], value) for field, value in event.items()})


def _hints(kind: type[Stored]) -> Mapping[str, object]:
    hints = get_type_hints(kind)
    return {field.name: _plain(hints[field.name]) for field in fields(kind)}


def _plain(hint: object) -> object:
    """What stands behind a name of its own."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    return hint


def _value(place: str, hint: object, value: object) -> object:
    if get_origin(hint) in (Union, UnionType):
        if value is None and NoneType in get_args(hint):
            return None
        (hint,) = [each for each in get_args(hint) if each is not NoneType]
    if hint is date and isinstance(value, str):
        return _day(place, value)
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint in (str, int, bool) and type(value) is hint:
        return value
    raise UnreadableFact(place, f"must be of the type {getattr(hint, '__name__', hint)}, not {str(value)[:40]!r}")


def _day(place: str, text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise UnreadableFact(place, f"must be a date, not {text[:40]!r}") from None
    if found.isoformat() != text:
        raise UnreadableFact(place, f"must be a date, not {text[:40]!r}")
    return found


_HINTS = {kind: _hints(kind) for kind in STORED.values()}
