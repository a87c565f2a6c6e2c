"""Stored events: their metadata and the closed registry of names. A name and a version is stored, never a class path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from services.vocabulary.personal import Marks

E = TypeVar("E")
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

_NAME = re.compile(r"[a-z0-9_.-]+\.v[1-9][0-9]*")


class UnknownEvent(Exception):
    """A stored name that the registry does not hold, or a class that has no name in it."""


class UnreadableEvent(Exception):
    """Stored data that does not fit its name: a field too many, too few, or of another type."""


class Metadata(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What every event carries beside itself. `recorded_at` is RFC 3339 UTC; empty texts are unknown."""

    event_id: str
    recorded_at: str
    actor: str
    organisation: str
    reason: str
    tool: str
    correlation_id: str
    causation_id: str
    traceparent: str


class Recorded(msgspec.Struct, Generic[E], frozen=True, kw_only=True, gc=False):
    """An event as stored: `position` in the service's log (gaps are possible), `version` in its stream (from 1, no gaps)."""

    position: int
    stream: UUID
    version: int
    type: str
    event: E
    metadata: Metadata


class _Envelope(msgspec.Struct, Generic[E], frozen=True, gc=False, forbid_unknown_fields=True):
    metadata: Metadata
    event: E


class Registry(Generic[E]):
    """The closed list of a service's stored events: name.version → frozen dataclass, as msgspec JSON.

    `upcasters` lead from an old name to (the next name, a function from the old raw document to the next one). Raises ValueError for a
    name without version, two names for one class, and upcasters that lead nowhere. Fields may be anything msgspec knows, and Fraction;
    a union of several dataclasses is not, which building the registry tells by a TypeError. `personal` says which of them name people,
    and where.
    """

    def __init__(
        self,
        events: Mapping[str, type[E]],
        *,
        upcasters: Mapping[str, tuple[str, Upcaster]] | None = None,
        personal: Mapping[type[E], Marks] | None = None,
    ) -> None:
        self.personal: Mapping[type, Marks] = dict(personal or {})
        self._upcasters = dict(upcasters or {})
        self._names: dict[type, str] = {}
        for name, kind in events.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f'an event name ends in its version, such as "agreement.drafted.v1", not {name!r}')
            if kind in self._names:
                raise ValueError(f"{kind.__name__} has two names: {self._names[kind]} and {name}")
            self._names[kind] = name
        self._decoders = {name: msgspec.json.Decoder(kind, dec_hook=_decoded) for name, kind in events.items()}
        self._envelopes: dict[str, msgspec.json.Decoder[_Envelope[E]]] = {
            name: msgspec.json.Decoder(_Envelope[kind], dec_hook=_decoded)  # type: ignore[valid-type]
            for name, kind in events.items()
        }
        self._sealed = msgspec.json.Decoder(_Envelope[msgspec.Raw])
        self._encoder = msgspec.json.Encoder(enc_hook=_encoded, order="deterministic")
        self.names: tuple[str, ...] = (*events, *self._upcasters)
        self._check_upcasters()

    def name_of(self, event: E) -> str:
        """Raises `UnknownEvent` for a class outside the registry."""
        try:
            return self._names[type(event)]
        except KeyError:
            raise UnknownEvent(f"{type(event).__name__} is not in this service's registry of events") from None

    def encode(self, event: E) -> bytes:
        """The event's JSON document; the same event gives the same bytes."""
        self.name_of(event)
        return self._encoder.encode(event)

    def pack(self, event: E, metadata: Metadata) -> bytes:
        """The document that is stored: the event's beside its metadata."""
        self.name_of(event)
        return self._encoder.encode(_Envelope(metadata, event))

    def unpack(self, name: str, stored: bytes) -> tuple[str, E, Metadata]:
        """As `decode`, of what `pack` made."""
        envelopes = self._envelopes.get(name)
        if envelopes is not None:
            try:
                envelope = envelopes.decode(stored)
            except (msgspec.MsgspecError, ValueError, TypeError):
                return self._unpacked_by_parts(name, stored)
            # The event stands last, and only one brace opens what the last but one closes: what ends alike is the same document.
            if stored.endswith(self._encoder.encode(envelope.event), 0, -1):
                return name, envelope.event, envelope.metadata
        return self._unpacked_by_parts(name, stored)

    def _unpacked_by_parts(self, name: str, stored: bytes) -> tuple[str, E, Metadata]:
        """The slow way, for an old name, for what was written otherwise than we write it, and to tell what does not fit."""
        try:
            envelope = self._sealed.decode(stored)
        except msgspec.MsgspecError as error:
            raise UnreadableEvent(f"{name}: {error}") from error
        name, event = self.decode(name, bytes(envelope.event))
        return name, event, envelope.metadata

    def decode(self, name: str, data: bytes) -> tuple[str, E]:
        """The newest name and the event. Raises `UnknownEvent`, and `UnreadableEvent` for data that does not fit: an unknown field, too."""
        while name in self._upcasters:
            name, upcast = self._upcasters[name]
            data = self._encoder.encode(upcast(msgspec.json.decode(data)))
        decoder = self._decoders.get(name)
        if decoder is None:
            raise UnknownEvent(f"{name!r} is not in this service's registry of events")
        try:
            event: E = decoder.decode(data)
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise UnreadableEvent(f"{name}: {error}") from error
        self._refuse_unknown_fields(name, data, event)
        return name, event

    def _refuse_unknown_fields(self, name: str, data: bytes, event: E) -> None:
        again = self._encoder.encode(event)
        if again == data:
            return
        lost = _lost_field(msgspec.json.decode(data), msgspec.json.decode(again))
        if lost is not None:
            raise UnreadableEvent(f"{name}: unknown field {lost}")

    def _check_upcasters(self) -> None:
        for old in self._upcasters:
            if old in self._decoders:
                raise ValueError(f"{old} is both a current event and upcast")
            seen, name = {old}, self._upcasters[old][0]
            while name in self._upcasters and name not in seen:
                seen.add(name)
                name = self._upcasters[name][0]
            if name not in self._decoders:
                raise ValueError(f"the upcaster of {old} leads to {name}, which is no event of this registry")


def _lost_field(stored: object, understood: object, path: str = "") -> str | None:
    """Where the stored document says something the decoded event does not, or None."""
    if isinstance(stored, dict) and isinstance(understood, dict):
        for key, value in stored.items():
            place = f"{path}.{key}" if path else str(key)
            lost = place if key not in understood else _lost_field(value, understood[key], place)
            if lost is not None:
                return lost
    if isinstance(stored, list) and isinstance(understood, list):
        for index, (value, kept) in enumerate(zip(stored, understood, strict=False)):
            lost = _lost_field(value, kept, f"{path}[{index}]")
            if lost is not None:
                return lost
    return None


def _encoded(value: object) -> str:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    raise NotImplementedError(f"events do not hold values of type {type(value).__name__}")


def _decoded(kind: type, value: object) -> object:
    if kind is Fraction and isinstance(value, str):
        return Fraction(value)
    raise NotImplementedError(f"events do not hold values of type {kind.__name__}")
