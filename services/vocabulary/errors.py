"""Refusals: answers a caller can act on. Pure; knows no status code of any door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule: the place in the input (`objectives[1].target`), the rule in words."""

    place: str
    rule: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}" if self.place else self.rule


class Refusal(Exception):
    """Base of every expected refusal. `code` is stable and part of the contract; the message is for people."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(Refusal):
    """The input breaks rules; each is named with its place."""

    code = "invalid-input"

    def __init__(self, *violations: Violation) -> None:
        assert violations, "an invalid input names at least one rule"
        super().__init__("; ".join(str(violation) for violation in violations))
        self.violations = violations


class NotFound(Refusal):
    """There is no such thing, or none that this caller may know of: the two look the same."""

    code = "not-found"


class NotAllowed(Refusal):
    """The caller is known and may see the thing, but not do this with it."""

    code = "not-allowed"


class Conflict(Refusal):
    """The thing's state does not allow this."""

    code = "conflict"


@dataclass(frozen=True, kw_only=True)
class Since:
    """What happened after the version that somebody decided on: the version it made, and who did it when (RFC 3339 UTC)."""

    version: int
    type: str
    actor: str
    recorded_at: str


class StaleVersion(Refusal):
    """The caller decided on a version that is no longer the newest; `changed` is what came since, as far as it is known."""

    code = "stale-version"

    def __init__(self, *, expected: int, actual: int, changed: Sequence[Since] = ()) -> None:
        super().__init__(f"version {expected} was expected, the newest is {actual}")
        self.expected = expected
        self.actual = actual
        self.changed = tuple(changed)


class Unavailable(Refusal):
    """Something this answer needs cannot be reached now; a repeat may succeed."""

    code = "unavailable"


def invalid(place: str, rule: str) -> Invalid:
    """The refusal for a single broken rule."""
    return Invalid(Violation(place=place, rule=rule))
