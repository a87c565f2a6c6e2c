"""Reading a document field by field, going on after each fault so that all are told at once. Pure; knows no rule of an agreement."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from services.vocabulary.errors import Invalid, Violation, invalid
from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money, parse_money
from services.vocabulary.period import Instant, parse_day, parse_instant, parse_zone, zone_names
from services.vocabulary.ratio import parse_percent

Node: TypeAlias = "str | int | list[Node] | dict[str, Node] | None"
"""What a document is made of, whatever file format it came in; None is an empty value, the same as an absent key."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D = TypeVar("D")
S = TypeVar("S", bound=str)

_LONGEST = 1000
_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
DURATION = re.compile(r"(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
MULTIPLE = re.compile(r"\d{1,3}(\.\d{1,9})?", re.ASCII)
_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_DURATION_IN_WORDS = re.compile(r"(\d{1,6})\s*(d|days?|w|weeks?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)", re.ASCII)
_HALF_A_TIME = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(am|pm)?(?: uhr)?", re.IGNORECASE | re.ASCII)
REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)
MILLISECONDS = re.compile(r"\d{1,9}(\.\d{1,3})?", re.ASCII)
AGREEMENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Read(Protocol[T_co]):
    """Turns a text into a value or refuses it with `Invalid` at that place."""

    def __call__(self, text: str, /, *, place: str) -> T_co: ...


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What may stand under a key of a mapping: for the reader its name, for people what it means, for an editor its shape.

    `read` reads each plain value. `of` are the keys of a mapping there. `many`: a list of so many at least and at most.
    `named_by`: a mapping whose keys are ids, which this says.
    """

    meaning: str
    read: Read[object] | None = None
    of: Mapping[str, Entry] = field(default_factory=dict)
    many: tuple[int, int] | None = None
    required: bool = False
    named_by: str = ""


class Faults:
    """What is wrong so far. A later check asks `sound` before it judges what could not be read."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def add(self, place: str, rule: str) -> None:
        self.violations.append(Violation(place=place, rule=rule))

    def take(self, refusal: Invalid) -> None:
        self.violations.extend(refusal.violations)

    def sound(self, place: str) -> bool:
        """Nothing is wrong at this place, below it, or with what holds it."""
        return not any(_within(violation.place, place) or _within(place, violation.place) for violation in self.violations)


class Fields:
    """The mapping at one place; a value that cannot be read is told once and stands as `blank`."""

    def __init__(self, node: Node, place: str, faults: Faults, *, known: Mapping[str, Entry]) -> None:
        self.place = place
        self.faults = faults
        self._known = known
        self._node = node if isinstance(node, dict) else {}
        self._is_mapping = isinstance(node, dict)
        if not self._is_mapping:
            faults.add(place, f"must be a mapping with {', '.join(known)}, not {_kind(node)}")
        for key in self._node:
            if key not in known:
                faults.add(self.at(_key(key)), _unknown(key, known))

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
            self.faults.add(self.at(key), f"is required: {self._known[key].meaning}")

    def items(self, key: str) -> list[tuple[str, Node]]:
        """The places and nodes of a list; absent is empty."""
        node = self.node(key)
        at_least, at_most = self._known[key].many or (0, 0)
        if node is None and at_least:
            self.missing(key)
        if node is None:
            return []
        if not isinstance(node, list):
            self.faults.add(self.at(key), f"must be a list, not {_kind(node)}")
            return []
        if not at_least <= len(node) <= at_most:
            rule = f"at least {_entries(at_least)}" if len(node) < at_least else f"at most {_entries(at_most)}"
            needed = f": {self._known[key].meaning}" if len(node) < at_least else ""
            self.faults.add(self.at(key), f"must have {rule}, not {len(node)}{needed}")
        return [(f"{self.at(key)}[{index}]", each) for index, each in enumerate(node[:at_most])]

    def values(self, key: str, read: Read[T]) -> tuple[T, ...]:
        """A list of plain values, each only once; those that cannot be read are left out."""
        found: list[T] = []
        for place, node in self.items(key):
            value = self._read(node, place, read, None)
            if value is None:
                continue
            if value in found:
                self.faults.add(place, f"{value} is listed already; name each only once")
            found.append(value)
        return tuple(found)

    def by_name(self, key: str, read: Read[T]) -> dict[str, T]:
        """A mapping of names to plain values; those that cannot be read are left out."""
        node = self.node(key)
        if node is None:
            return {}
        if not isinstance(node, dict):
            self.faults.add(self.at(key), f"must be a mapping such as {{a: 2, b: 1}}, not {_kind(node)}")
            return {}
        found = {name: self._read(each, f"{self.at(key)}.{_key(name)}", read, None) for name, each in node.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _read(self, node: Node, place: str, read: Read[T], otherwise: D) -> T | D:
        if node is None or isinstance(node, list | dict):
            self.faults.add(place, f"must be a plain value, not {_kind(node)}")
            return otherwise
        text = str(node).lower() if isinstance(node, bool) else str(node)
        if not text:
            self.faults.add(place, "must not be empty")
            return otherwise
        if len(text) > _LONGEST:
            self.faults.add(place, f"must have at most {_LONGEST} characters, not {len(text)}")
            return otherwise
        try:
            return read(text, place=place)
        except Invalid as refusal:
            self.faults.take(refusal)
            return otherwise


class Choice(Generic[S]):
    """Reads one of a few words; `meant` are others that people use for them."""

    def __init__(self, *words: S, meant: Mapping[str, S] | None = None) -> None:
        self.words = words
        self._meant = meant or {}

    def __call__(self, text: str, /, *, place: str) -> S:
        for word in self.words:
            if word == text:
                return word
        near = self._meant.get(text.lower(), nearest(text.lower(), self.words))
        raise invalid(place, f"must be one of {', '.join(self.words)}, not {_shown(text)}" + (f'; did you mean "{near}"?' if near else ""))


class Whole:
    """Reads a whole number within bounds."""

    def __init__(self, *, at_least: int, at_most: int) -> None:
        self.at_least = at_least
        self.at_most = at_most

    def __call__(self, text: str, /, *, place: str) -> int:
        if not WHOLE.fullmatch(text) or not self.at_least <= int(text) <= self.at_most:
            raise invalid(place, f"must be a whole number from {self.at_least} to {self.at_most}, not {_shown(text)}")
        return int(text)


class Flag:
    """Reads true or false."""

    words: ClassVar[Mapping[str, bool]] = {"true": True, "false": False}
    _meant: ClassVar[Mapping[str, str]] = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}

    def __call__(self, text: str, /, *, place: str) -> bool:
        if text not in self.words:
            meant = self._meant.get(text.lower()) or nearest(text.lower(), tuple(self.words))
            raise invalid(place, f"must be true or false, not {_shown(text)}" + (f"; did you mean {meant}?" if meant else ""))
        return self.words[text]


class ClockTime:
    """Reads a civil time of the day, "09:00"; "24:00" only where a day may end."""

    def __init__(self, *, ends_day: bool = False) -> None:
        self.pattern = r"([01]\d|2[0-3]):[0-5]\d" + ("|24:00" if ends_day else "")

    def __call__(self, text: str, /, *, place: str) -> str:
        if not re.fullmatch(self.pattern, text, re.ASCII):
            meant = _clock_time_meant(text)
            better = f'; did you mean "{meant}"?' if meant and re.fullmatch(self.pattern, meant) else ""
            raise invalid(
                place, f'must be a time of day from "00:00" to "{"24:00" if "24" in self.pattern else "23:59"}", not {_shown(text)}{better}'
            )
        return text


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
    if not SLUG.fullmatch(text):
        raise invalid(place, f'must be lower-case letters, digits and hyphens, at most 63, such as "core-database", not {_shown(text)}')
    return text


def organisation(text: str, /, *, place: str) -> OrganisationId:
    return OrganisationId(slug(text, place=place))


def agreement_id(text: str, /, *, place: str) -> str:
    if not AGREEMENT_ID.fullmatch(text):
        raise _better(
            invalid(place, f'must be the id of an agreement such as "6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11", not {_shown(text)}'),
            _agreement_meant(text),
        )
    return text


def email(text: str, /, *, place: str) -> str:
    line = NAME(text, place=place)
    if not EMAIL.fullmatch(line):
        raise invalid(place, f"must be an e-mail address, not {_shown(text)}")
    return line


def zone(text: str, /, *, place: str) -> str:
    try:
        parse_zone(text, place=place)
    except Invalid as refusal:
        raise _better(refusal, _zone_meant(text)) from None
    return text


def day(text: str, /, *, place: str) -> date:
    return parse_day(text, place=place)


def instant(text: str, /, *, place: str) -> Instant:
    return parse_instant(text, place=place)


def currency(text: str, /, *, place: str) -> str:
    parse_money("0", text, place=place)
    return text


def money(text: str, /, *, place: str, currency: str = "EUR") -> Money:
    """An amount in that currency; while the currency is not known, in any with two decimals."""
    try:
        return parse_money(text, currency, place=place)
    except Invalid as refusal:
        raise _better(refusal, _decimal_meant(text)) from None


def percent(text: str, /, *, place: str) -> Fraction:
    try:
        return parse_percent(text, place=place)
    except Invalid as refusal:
        raise _better(refusal, _decimal_meant(text)) from None


def percent_above_zero(text: str, /, *, place: str) -> Fraction:
    ratio = percent(text, place=place)
    if not ratio:
        raise invalid(place, 'must be above 0, such as "5"')
    return ratio


def percent_below_hundred(text: str, /, *, place: str) -> Fraction:
    ratio = percent(text, place=place)
    if ratio == 1:
        raise invalid(place, 'must be below 100: nothing is above it, such as "5"')
    return ratio


def multiple(text: str, /, *, place: str) -> Fraction:
    """How many times, above 0 and at most 100."""
    if not MULTIPLE.fullmatch(text) or not 0 < Fraction(text) <= 100:
        raise invalid(place, f'must be a decimal number above 0 and at most 100, such as "1" or "1.5", not {_shown(text)}')
    return Fraction(text)


def region(text: str, /, *, place: str) -> str:
    if not REGION.fullmatch(text):
        better = text.upper().replace("_", "-")
        meant = f'; did you mean "{better}"?' if REGION.fullmatch(better) else ""
        raise invalid(place, f'must be a country or one of its parts by ISO 3166 such as "DE" or "DE-BY", not {_shown(text)}{meant}')
    return text


def milliseconds(text: str, /, *, place: str) -> Decimal:
    if not MILLISECONDS.fullmatch(text) or not Decimal(text):
        raise invalid(place, f'must be milliseconds above 0 with at most three decimals, such as "800", not {_shown(text)}')
    return Decimal(text)


class Duration:
    """Reads real elapsed time such as "90h", "5m", "1h30m" into seconds. Days are no length: they have 23 to 25 hours."""

    def __init__(self, *, at_most_s: int) -> None:
        self.at_most_s = at_most_s

    def __call__(self, text: str, /, *, place: str) -> int:
        match = DURATION.fullmatch(text)
        if match is None:
            refusal = invalid(place, f'must be hours, minutes or seconds such as "90h", "5m" or "1h30m", not {_shown(text)}')
            raise _better(refusal, _duration_meant(text))
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


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word that looks most like it; empty where none does."""
    return next(iter(difflib.get_close_matches(word, known, n=1)), "")


def hint(word: str, known: Iterable[str]) -> str:
    """What to write instead of a name that is not known."""
    names = list(dict.fromkeys(name for name in known if name))
    if near := nearest(word, names):
        return f'did you mean "{near}"?'
    return f"there are {', '.join(names[:10])}{', …' if len(names) > 10 else ''}" if names else "there are none"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else _shown(key)


def _within(place: str, whole: str) -> bool:
    return whole in ("", place) or place.startswith((f"{whole}.", f"{whole}["))


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _kind(node: Node) -> str:
    if node is None:
        return "nothing"
    if isinstance(node, dict):
        return "a mapping"
    return "a list" if isinstance(node, list) else "a plain value"


def _unknown(key: str, known: Iterable[str]) -> str:
    near = nearest(key, tuple(known))
    return f'is not a field here; did you mean "{near}"?' if near else f"is not a field here; there are {', '.join(known)}"


def _better(refusal: Invalid, meant: str) -> Invalid:
    """The same refusal with what was probably meant, if anything was."""
    violation = refusal.violations[0]
    return invalid(violation.place, f'{violation.rule}; did you mean "{meant}"?') if meant else refusal


def _zone_meant(text: str) -> str:
    """Europe/Berlin for Berlin or europe/berlin."""
    known = sorted(name for name in zone_names() if "/" in name)
    word = text.replace(" ", "_").lower()
    same = [name for name in known if name.lower() == word or name.lower().endswith(f"/{word}")]
    return same[0] if same else nearest(text[:60], known)


def _agreement_meant(text: str) -> str:
    """The id as it is written here, in lower case and with its hyphens."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return ""


def _decimal_meant(text: str) -> str:
    """99.95 for 99,95 or 99.95 %."""
    better = text.replace(",", ".").rstrip("% ").strip()
    return better if better != text and _DECIMAL.fullmatch(better) else ""


def _duration_meant(text: str) -> str:
    """48h for 2d, 90m for 90 minutes."""
    match = _DURATION_IN_WORDS.fullmatch(text.strip().lower())
    if match is None:
        return ""
    unit = {"d": "h", "w": "h"}.get(match[2][0], match[2][0])
    return f"{int(match[1]) * {'d': 24, 'w': 7 * 24}.get(match[2][0], 1)}{unit}"


def _clock_time_meant(text: str) -> str:
    """ "09:00" for 9:00, 9, 9.00 or 9 am; empty where nobody could tell."""
    match = _HALF_A_TIME.fullmatch(text.strip())
    if match is None:
        return ""
    half = (match[3] or "").lower()
    hour = int(match[1]) % 12 + (12 if half == "pm" else 0) if half else int(match[1])
    return f"{hour:02d}:{match[2] or '00'}"
