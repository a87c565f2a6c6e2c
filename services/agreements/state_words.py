"""What differs between two states, as sentences for people. Pure; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from services.agreements.terms import Change, Node

_NAMED = re.compile(r"(\w+)\[(.+)\]", re.DOTALL)
_PENDING_TERMS = "pending.terms."


def in_words(change: Change, of_terms: Callable[[Change], str]) -> str:
    """One sentence. `of_terms` says what is a place of the terms."""
    if change.place.startswith(_PENDING_TERMS):
        inner = Change(place=change.place.removeprefix(_PENDING_TERMS), before=change.before, after=change.after)
        return f"In the offer: {of_terms(inner)}"
    top, name = _read(change.place)
    if top in _WHOLE and name is not None:
        return _entry(_WHOLE[top], name, change)
    if top in _PLAIN:
        return _PLAIN[top](change)
    if top.partition(".")[0] == "pending" or _is_inside(change.place):
        return plainly(change)
    return of_terms(change)


def plainly(change: Change) -> str:
    """The place and both values, for which there is no sentence of their own."""
    return f"{change.place}: {_plain(change.before)} becomes {_plain(change.after)}."


def _read(place: str) -> tuple[str, str | None]:
    named = _NAMED.fullmatch(place)
    return (named[1], named[2]) if named else (place, None)


def _is_inside(place: str) -> bool:
    """A part of a signature, of a suspension, or of what else has a name of its own beside the terms."""
    return any(place.startswith(f"{top}[") for top in _WHOLE) or place.partition(".")[0] in _PLAIN


def _entry(said: Callable[[str, Mapping[str, Node]], tuple[str, str]], name: str, change: Change) -> str:
    told = change.after if isinstance(change.after, dict) else change.before
    assert isinstance(told, dict), "an entry is a mapping"
    came, went = said(name, told)
    return came if change.before is None else went


def _offer(number: str, told: Mapping[str, Node]) -> tuple[str, str]:
    by = f" by {told['offered_by']}" if told["offered_by"] else ""
    until = f", until {told['valid_until']}" if told["valid_until"] else ""
    return f"Version {number} was offered{by}, effective on {told['effective_on']}{until}.", f"The offer of version {number} is gone."


def _signed(number: str, told: Mapping[str, Node]) -> tuple[str, str]:
    return f"Both sides have signed version {number}, effective on {told['effective_on']}.", f"Version {number} is not signed by both."


def _signature(name: str, told: Mapping[str, Node]) -> tuple[str, str]:
    role, _, number = name.partition("@")
    key = " with a key of their own" if told["key"] else " without a key"
    who = f"{told['signatory']} of {told['organisation']}"
    return f"{who} signed version {number} for the {role}{key}.", f"The {role}'s signature under version {number} counts no more."


def _comment(_: str, told: Mapping[str, Node]) -> tuple[str, str]:
    who, where = f"{told['subject']} of {told['organisation']}", f"{told['place']} of version {told['terms_version']}"
    return f"{who} commented on {where}: {told['text']}", f"The comment of {who} on {where} is not there."


def _suspension(first: str, told: Mapping[str, Node]) -> tuple[str, str]:
    until = f" to {told['last_day']}" if told["last_day"] else " until it is resumed"
    return f"It is suspended from {first}{until}.", f"It is not suspended from {first} on."


def _review(due: str, told: Mapping[str, Node]) -> tuple[str, str]:
    held = f"The review due on {due} was held on {told['held_on']}."
    return held if told["held_on"] else f"A review is due on {due}.", f"No review is due on {due}."


_WHOLE: Mapping[str, Callable[[str, Mapping[str, Node]], tuple[str, str]]] = {
    "offers": _offer,
    "versions": _signed,
    "signatures": _signature,
    "comments": _comment,
    "suspensions": _suspension,
    "reviews": _review,
}


def _status(change: Change) -> str:
    return f"It was {change.before} and is {change.after}."


def _last_day(change: Change) -> str:
    return f"Its last day is {change.after}." if change.after else "It has no last day."


def _ended_on(change: Change) -> str:
    return f"It was ended, after {change.after}." if change.after else "It was not ended."


def _renewed_until(change: Change) -> str:
    return f"It is renewed until {change.after}." if change.after else "It is not renewed."


def _terms_version(change: Change) -> str:
    return f"Version {change.after} of the terms is the newest that counts, not {change.before}."


def _pending(change: Change) -> str:
    told = change.after if isinstance(change.after, dict) else change.before
    number = told["number"] if isinstance(told, dict) else "?"
    return f"Version {number} waits for signatures." if change.after else f"Version {number} waits for signatures no more."


def _request(change: Change) -> str:
    told = change.after
    if not isinstance(told, dict):
        return "Nothing is asked for any more."
    until = f" to {told['last_day']}" if told["last_day"] else ""
    return f"{told['organisation']} asks for a {told['kind']} from {told['first_day']}{until}."


def _notice(change: Change) -> str:
    told = change.after
    return f"{told['organisation']} gave notice: it ends after {told['last_day']}." if isinstance(told, dict) else "No notice is given."


_PLAIN: Mapping[str, Callable[[Change], str]] = {
    "status": _status,
    "last_day": _last_day,
    "ended_on": _ended_on,
    "renewed_until": _renewed_until,
    "terms_version": _terms_version,
    "pending": _pending,
    "request": _request,
    "notice": _notice,
}


def _plain(node: Node) -> str:
    return "nothing" if node is None else str(node)
