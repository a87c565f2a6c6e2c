"""What a document gained or lost on its way into another form, told one by one. Pure; a form that tells nothing lost nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

Kind = Literal["lost", "assumed", "kept"]

Tree: TypeAlias = "str | int | Decimal | bool | Sequence[Tree] | Mapping[str, Tree] | None"
"""What a document of another form is made of; numbers are exact."""

_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Remark:
    """`lost`: not in what came out, the place is of what came in. `assumed`: was not in what came in, the place is of what came out.

    `kept`: it stands in what came out, in a field that only Upheld reads; the place is of what came in.
    """

    kind: Kind
    place: str
    what: str
    why: str


def lost(place: str, what: str, why: str) -> Remark:
    return Remark(kind="lost", place=place, what=what, why=why)


def assumed(place: str, what: str, why: str) -> Remark:
    return Remark(kind="assumed", place=place, what=what, why=why)


def kept(place: str, what: str, why: str) -> Remark:
    return Remark(kind="kept", place=place, what=what, why=why)


def shown(node: Tree) -> str:
    """A value for people, long ones cut."""
    if isinstance(node, Mapping):
        text = f"a mapping with {', '.join(node)}" if node else "an empty mapping"
    elif isinstance(node, Sequence) and not isinstance(node, str):
        text = ", ".join(map(shown, node)) or "an empty list"
    else:
        text = str(node)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
