"""Where stored facts name people: by the path of a field, and which part of its text is a person's. Pure: knows no key and no cipher."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class Personal:
    """The last group of `pattern` that took part is a person's. `is_subject`: that text names the person itself; otherwise it is
    something of the person who acts, such as the name of a key."""

    pattern: re.Pattern[str]
    is_subject: bool = False

    def replaced(self, text: str, change: Callable[[Personal, str], str]) -> str:
        return self.pattern.sub(lambda found: _changed(found, lambda each: change(self, each)), text)


SUBJECT = Personal(re.compile(r"(?s)\A(.+)\Z"), is_subject=True)
"""The whole text is a person's name, or empty."""

Marks: TypeAlias = Mapping[str, Personal]
"""By the path of a field, such as "plan.owner"."""


def rewritten(fact: T, marks: Marks, change: Callable[[Personal, str], str]) -> T:
    """The fact with everything personal changed."""
    changes: dict[str, object] = {}
    for path, mark in marks.items():
        name, _, rest = path.partition(".")
        assert name not in changes, "a field is marked once"
        value = getattr(fact, name)
        changes[name] = rewritten(value, {rest: mark}, change) if rest else mark.replaced(value, change)
    return replace(fact, **changes)


def _changed(found: re.Match[str], change: Callable[[str], str]) -> str:
    group = found.lastindex
    assert group is not None, "a pattern of what is personal has a group"
    start, end = found.start(group) - found.start(), found.end(group) - found.start()
    whole = found[0]
    return whole[:start] + change(whole[start:end]) + whole[end:]
