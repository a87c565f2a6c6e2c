"""Reading a document field by field, going on after each fault so that all are told at once. Pure; knows no rule of an agreement."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Generic, Protocol, TypeAlias, TypeVar

from services.vocabulary.errors import Invalid, Violation, invalid
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import parse_zone
from services.vocabulary.ratio import parse_percent

Node: TypeAlias = "str | int | list[Node] | dict[str, Node] | None"
"""What a document is made of, whatever file format it came in; None is an empty value, the same as an absent key."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D = TypeVar("D")
S = TypeVar("S", bound=str)

_LONGEST = 1000
_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_DURATION = re.compile(r"(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_MILLISECONDS = re.compile(r"\d{1,9}(\.\d{1,3})?", re.ASCII)


class Read(Protocol[T_co]):
    """Turns a text into a value or refuses it with `Invalid` at that place."""

    def __call__(self, text: str, /, *, place: str) -> T_co: ...


class Faults:
    """What is wrong so far. A later check asks `sound` before it judges what could not be read."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def add(self, place: str, rule: str) -> None:
        self.violations.append(Violation(place=place, rule=rule))

    def take(self, refusal: Invalid) -> None:
        self.violations.extend(refusal.violations)

    def sound(self, place: str) -> bool:
        """Nothing at this place or below it is wrong."""
        return not any(
            violation.place in ("", place) or violation.place.startswith((f"{place}.", f"{place}[")) for violation in self.violations
        )


class Fields:
    """The mapping at one place; a value that cannot be read is told once and stands as `blank`."""

    def __init__(self, node: Node, place: str, faults: Faults, *, known: Sequence[str]) -> None:
        self.place = place
        self.faults = faults
        self._node = node if isinstance(node, dict) else {}
        self._is_mapping = isinstance(node, dict)
        if not self._is_mapping:
            faults.add(place, f"must be a mapping with {', '.join(known)}, not {_kind(node)}")
        for key in self._node:
            if key not in known:
                faults.add(self.at(key if _PLAIN_KEY.fullmatch(key) else _shown(key)), _unknown(key, known))

    def at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def node(self, key: str) -> Node:
        return self._node.get(key)

    def has(self, key: str) -> bool:
        return self.node(key) is not None

    def required(self, key: str, read: Read[T], *, blank: T) -> T:
        if not self.has(key):
            self.missing(key)
            return blank
        return self._read(self.node(key), self.at(key), read, blank)

    def optional(self, key: str, read: Read[T], *, default: T) -> T:
        return self._read(self.node(key), self.at(key), read, default) if self.has(key) else default

    def missing(self, key: str) -> None:
        if self._is_mapping:
            self.faults.add(self.at(key), "is required")

    def items(self, key: str, *, at_most: int, at_least: int = 0) -> list[tuple[str, Node]]:
        """The places and nodes of a list; absent is empty."""
        node = self.node(key)
        if node is None and at_least:
            self.missing(key)
        if node is None:
            return []
        if not isinstance(node, list):
            self.faults.add(self.at(key), f"must be a list, not {_kind(node)}")
            return []
        if not at_least <= len(node) <= at_most:
            rule = f"at least {at_least}" if len(node) < at_least else f"at most {at_most}"
            self.faults.add(self.at(key), f"must have {rule} entries, not {len(node)}")
        return [(f"{self.at(key)}[{index}]", each) for index, each in enumerate(node[:at_most])]

    def values(self, key: str, read: Read[T], *, at_most: int) -> tuple[T, ...]:
        """A list of plain values, each only once; those that cannot be read are left out."""
        found: list[T] = []
        for place, node in self.items(key, at_most=at_most):
            value = self._read(node, place, read, None)
            if value is None:
                continue
            if value in found:
                self.faults.add(place, f"{value} is listed already")
            found.append(value)
        return tuple(found)

    def _read(self, node: Node, place: str, read: Read[T], otherwise: D) -> T | D:
        if node is None or isinstance(node, list | dict):
            self.faults.add(place, f"must be a plain value, not {_kind(node)}")
            return otherwise
        text = str(node)
        if len(text) > _LONGEST:
            self.faults.add(place, f"must have at most {_LONGEST} characters, not {len(text)}")
            return otherwise
        try:
            return read(text, place=place)
        except Invalid as refusal:
            self.faults.take(refusal)
            return otherwise


class Choice(Generic[S]):
    """Reads one of a few words."""

    def __init__(self, *words: S) -> None:
        self.words = words

    def __call__(self, text: str, /, *, place: str) -> S:
        for word in self.words:
            if word == text:
                return word
        raise invalid(place, f"must be one of {', '.join(self.words)}, not {_shown(text)}")


class Whole:
    """Reads a whole number within bounds."""

    def __init__(self, *, at_least: int, at_most: int) -> None:
        self.at_least = at_least
        self.at_most = at_most

    def __call__(self, text: str, /, *, place: str) -> int:
        if not _WHOLE.fullmatch(text) or not self.at_least <= int(text) <= self.at_most:
            raise invalid(place, f"must be a whole number from {self.at_least} to {self.at_most}, not {_shown(text)}")
        return int(text)


class Text:
    """Reads one line for people: surrounding blanks cut, no control characters."""

    def __init__(self, *, at_most: int) -> None:
        self.at_most = at_most

    def __call__(self, text: str, /, *, place: str) -> str:
        line = text.strip()
        if not line:
            raise invalid(place, "must not be empty")
        if len(line) > self.at_most:
            raise invalid(place, f"must have at most {self.at_most} characters, not {len(line)}")
        if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in line):
            raise invalid(place, "must be one line of text without control characters")
        return line


NAME = Text(at_most=200)
SENTENCE = Text(at_most=500)


def slug(text: str, /, *, place: str) -> str:
    if not _SLUG.fullmatch(text):
        raise invalid(place, f'must be lower-case letters, digits and hyphens, at most 63, such as "core-database", not {_shown(text)}')
    return text


def organisation(text: str, /, *, place: str) -> OrganisationId:
    return OrganisationId(slug(text, place=place))


def email(text: str, /, *, place: str) -> str:
    line = NAME(text, place=place)
    if not _EMAIL.fullmatch(line):
        raise invalid(place, f"must be an e-mail address, not {_shown(text)}")
    return line


def zone(text: str, /, *, place: str) -> str:
    parse_zone(text, place=place)
    return text


def percent_above_zero(text: str, /, *, place: str) -> Fraction:
    ratio = parse_percent(text, place=place)
    if not ratio:
        raise invalid(place, "must be above 0")
    return ratio


def milliseconds(text: str, /, *, place: str) -> Decimal:
    if not _MILLISECONDS.fullmatch(text) or not Decimal(text):
        raise invalid(place, f'must be milliseconds above 0 with at most three decimals, such as "800", not {_shown(text)}')
    return Decimal(text)


class Duration:
    """Reads real elapsed time such as "90h", "5m", "1h30m" into seconds. Days are no length: they have 23 to 25 hours."""

    def __init__(self, *, at_most_s: int) -> None:
        self.at_most_s = at_most_s

    def __call__(self, text: str, /, *, place: str) -> int:
        match = _DURATION.fullmatch(text)
        if match is None:
            raise invalid(place, f'must be hours, minutes or seconds such as "90h", "5m" or "1h30m", not {_shown(text)}')
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        length_s = hours * 3600 + minutes * 60 + seconds
        if not 0 < length_s <= self.at_most_s:
            raise invalid(place, f"must be above 0 and at most {duration_text(self.at_most_s)}, not {text}")
        return length_s


def duration_text(length_s: int) -> str:
    """The inverse of `Duration`: 5400 is "1h30m"."""
    minutes, seconds = divmod(length_s, 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if count) or "0s"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _kind(node: Node) -> str:
    if node is None:
        return "nothing"
    if isinstance(node, dict):
        return "a mapping"
    return "a list" if isinstance(node, list) else "a plain value"


def _unknown(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f'is not a field here; did you mean "{near[0]}"?' if near else f"is not a field here; there are {', '.join(known)}"
