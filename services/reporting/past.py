"""An agreement's past as people read it: what happened, what it came to, and what changed in between. Pure; asks nobody.

An empty text is an absence. Instants are RFC 3339 texts in UTC, days civil dates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.reporting.material import ObjectiveTerms, Terms
from services.reporting.promise import promise_in_words

_TYPE = re.compile(r"agreement\.([a-z0-9-]+)\.v[0-9]+")
_DOORS = {"http": "the HTTP API", "grpc": "the gRPC API", "nats": "a message of another service", "timer": "the platform's timer"}
_STATUSES = {
    "draft": "A draft: nothing was offered.",
    "proposed": "Offered: it waits for signatures.",
    "agreed": "Agreed: signed by both, its first day is to come.",
    "active": "In force.",
    "suspended": "Suspended: both agreed that the service rests.",
    "terminated": "Terminated.",
    "expired": "Over: its last day has passed.",
    "archived": "Archived: nothing happens to it any more.",
}


@dataclass(frozen=True, kw_only=True)
class Event:
    """A recorded fact. `data` is its JSON document, `causation_id` the event that led to it."""

    version: int
    type: str
    event_id: str
    recorded_at: str
    actor: str
    organisation: str
    reason: str
    tool: str
    correlation_id: str
    causation_id: str
    traceparent: str
    data: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A version of the terms, in force or not; `valid_until` is the instant after which nobody can sign it."""

    terms: Terms
    digest: str
    valid_until: str
    offered_by: str


@dataclass(frozen=True, kw_only=True)
class Signature:
    """`key` is the signatory's verifier key; empty: signed before keys were asked for."""

    terms_version: int
    role: str
    organisation: str
    signatory: str
    signed_at: str
    key: str

    @property
    def key_id(self) -> str:
        return self.key.split("+")[1] if self.key.count("+") >= 2 else ""


@dataclass(frozen=True, kw_only=True)
class Comment:
    terms_version: int
    place: str
    text: str
    organisation: str
    subject: str
    recorded_at: str


@dataclass(frozen=True, kw_only=True)
class State:
    """The agreement after an event, or at a time; `terms` is None where nothing was in force. `further` are sentences."""

    status: str
    version: int
    terms: Offer | None
    pending: Offer | None
    signatures: tuple[Signature, ...]
    last_day: str
    comments: tuple[Comment, ...] = ()
    further: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place that differs, as JSON on either side, and in words where there are some."""

    place: str
    before: str
    after: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a reader wants to see; `event` 0 is the newest, `other` 0 the one before."""

    event: int = 0
    other: int = 0
    as_of: str = ""
    known_at: str = ""

    @property
    def names_a_time(self) -> bool:
        return bool(self.as_of or self.known_at)


@dataclass(frozen=True, kw_only=True)
class Look:
    """An event among all, the state after it, and what changed between it and the event `other`; 0: there is no other."""

    agreement_id: str
    asked: Asked
    events: tuple[Event, ...]
    event: Event
    state: State
    other: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class History:
    """A page. `at_times` is None where no time was asked for, or nothing was known at that time."""

    title: str
    look: Look
    at_times: State | None

    @property
    def was_in_force(self) -> bool:
        """The portal has other pages of it."""
        return any(name_of(each.type) == "Activated" for each in self.look.events)


@dataclass(frozen=True, kw_only=True)
class PartyView:
    """A side and its signatures."""

    role: str
    name: str
    organisation: str
    signatures: tuple[Signature, ...]


def name_of(event_type: str) -> str:
    """ "agreement.amendment-proposed.v1" is "Amendment proposed". The browser says the same of the stored name."""
    found = _TYPE.fullmatch(event_type)
    words = (found[1] if found else event_type).replace("-", " ")
    return words[:1].upper() + words[1:]


def door(tool: str) -> str:
    """Through what it came in."""
    return _DOORS.get(tool, tool or "not known")


def cause(event: Event, events: Sequence[Event]) -> str:
    """What led to it, beside the person who acted."""
    if not event.causation_id:
        return "nothing else: it was asked for directly"
    earlier = next((each.version for each in events if each.event_id == event.causation_id), 0)
    return f"event {earlier} of this agreement" if earlier else "an event of another history"


def status(state: State) -> str:
    return _STATUSES.get(state.status, state.status)


def parties(state: State) -> tuple[PartyView, ...]:
    """The sides by the terms that are shown, each with what it signed."""
    shown = state.terms or state.pending
    return tuple(
        PartyView(
            role=party.role,
            name=party.name or party.organisation,
            organisation=party.organisation,
            signatures=tuple(each for each in state.signatures if each.organisation == party.organisation),
        )
        for party in (shown.terms.parties if shown else ())
    )


def promised(objective: ObjectiveTerms) -> str:
    """ "at least 99.9 %", or in the words of its kind."""
    comparison = "more than" if objective.comparison == ">" else "at least"
    return promise_in_words(objective) or f"{comparison} {objective.target_percent} %"


def change_in_words(change: Change) -> str:
    """Without words of its own: what a plain value was and is; of a whole entry, that it came, changed or went."""
    if change.words:
        return change.words
    before, after = _plain(change.before), _plain(change.after)
    if not change.before:
        return f"{change.place}: {after} is new." if after else f"{change.place} is new."
    if not change.after:
        return f"{change.place}: {before} is gone." if before else f"{change.place} is gone."
    return f"{change.place}: {before} becomes {after}." if before and after else f"{change.place} changed."


def data_in_lines(event: Event) -> str:
    return json.dumps(json.loads(event.data or "{}"), indent=2, ensure_ascii=False, sort_keys=True)


def _plain(document: str) -> str:
    """Of JSON; empty for what is no single value."""
    value = json.loads(document) if document else None
    if isinstance(value, dict | list):
        return ""
    return value if isinstance(value, str) else document
