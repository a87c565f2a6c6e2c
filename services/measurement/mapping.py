"""A mapping: how the columns of somebody's CSV file speak of observations. Pure; reads no file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from services.vocabulary.errors import Violation, invalid
from services.vocabulary.period import Instant, parse_instant, parse_zone

Kind = Literal["status", "outage", "counter", "latency", "ticket"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MAPPING_OPTIONS: dict[str, str] = {
    "kind": "what a row is: status, outage, counter, latency or ticket",
    "service": "the service, or column:<name> where a column tells it",
    "component": "the component, or column:<name> where a column tells it",
    "id": "column with the source's own id of the observation",
    "revision": "column with the revision of that id",
    "observed_at": "column with the instant",
    "time_format": "how times are written, such as %d-%m-%Y %H:%M; empty: RFC 3339",
    "zone": "IANA zone of times that carry none; empty: such times are refused",
    "state": "column with the state of a status or ticket",
    "states": "what the file's states mean: Resolved=resolved,New=,*=waiting (nothing after =: such a row tells nothing, *: every other)",
    "known_until": "an instant after which the state is unknown, or last: the file's last instant",
    "good": "column with the good requests",
    "total": "column with all requests",
    "ms": "column with the milliseconds",
    "until": "column with the end of an outage",
    "cause": "column with the cause of an outage",
    "ticket": "column with the ticket's number",
    "priority": "column with the ticket's priority",
    "opened_at": "column with the instant a ticket was opened: makes one opened event a ticket",
    "order": "column that orders a ticket's rows",
    "delimiter": "what separates the columns: comma, semicolon or tab",
}
"""Every parameter with its meaning: query parameters over HTTP, options of the command."""

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", ",": ",", ";": ";", "\t": "\t"}
_NEEDED: dict[Kind, tuple[str, ...]] = {
    "status": ("observed_at", "state"),
    "outage": ("observed_at",),
    "counter": ("observed_at", "good", "total"),
    "latency": ("observed_at", "ms"),
    "ticket": ("observed_at", "ticket", "state"),
}
_VALUE_COLUMNS = ("id", "revision", "good", "total", "ms", "until", "cause", "ticket", "priority", "order")
_COLUMN_PREFIX = "column:"
_UNMAPPED = (
    f"must say what the rows are: {', '.join(KINDS)}. The columns of a CSV file are named by --map "
    "(--map kind=status --map service=shop --map observed_at=time …), over HTTP by query parameters of the same names"
)
_EARLIEST_YEAR, _LATEST_YEAR = 1990, 2199


class Source(NamedTuple):
    """A text that is the same on every row, or the name of the column that has it."""

    constant: str = ""
    column: str = ""

    def of(self, row: Mapping[str, str]) -> str:
        return row[self.column] if self.column else self.constant


_NOWHERE = Source()


@dataclass(frozen=True, kw_only=True)
class ColumnMapping:
    """Names of columns, empty where there is none; `states` maps the file's states, "" meaning a row that tells nothing."""

    kind: Kind
    service: Source
    component: Source = _NOWHERE
    observed_at: str
    time_format: str = ""
    zone: ZoneInfo | None = None
    state: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    known_until: Instant | Literal["last"] | None = None
    id: str = ""
    revision: str = ""
    good: str = ""
    total: str = ""
    ms: str = ""
    until: str = ""
    cause: str = ""
    ticket: str = ""
    priority: str = ""
    opened_at: str = ""
    order: str = ""
    delimiter: str = ","

    @property
    def columns(self) -> dict[str, str]:
        """Field of an observation → column that tells it."""
        named = {name: str(getattr(self, name)) for name in (*_VALUE_COLUMNS, "observed_at", "state")}
        sources = {"service": self.service.column, "component": self.component.column, "opened_at": self.opened_at}
        return {name: column for name, column in {**named, **sources}.items() if column}

    def observations(self, row: Mapping[str, str]) -> Iterator[dict[str, object]]:
        """What a row tells, in the JSON form of observations. Refuses with `Invalid` a state that the mapping does not know."""
        told: dict[str, object] = {"kind": self.kind, "service": self.service.of(row)}
        if component := self.component.of(row):
            told["component"] = component
        told |= {name: row[column] for name in _VALUE_COLUMNS if (column := str(getattr(self, name))) and row[column] != ""}
        if self.opened_at:
            yield self._opening(told, row)
        if not self.state:
            yield {**told, "observed_at": row[self.observed_at]}
        elif state := self._state(row[self.state]):
            yield {**told, "observed_at": row[self.observed_at], "state": state}

    def instant(self, text: str, place: str) -> Instant:
        """Refuses with `Invalid` another form, and a civil time that its zone has twice or never."""
        if not self.time_format:
            return (
                self._civil_instant(datetime.fromisoformat(text), text, place) if self._is_civil(text) else parse_instant(text, place=place)
            )
        try:
            moment = datetime.strptime(text, self.time_format)
        except (ValueError, re.error):
            raise invalid(place, f"must be a time written {self.time_format}, not {text!r}") from None
        if moment.tzinfo is not None:
            return parse_instant(moment.isoformat(), place=place)
        if self.zone is None:
            raise invalid(place, f"{text!r} has no offset: tell the zone it is in")
        return self._civil_instant(moment, text, place)

    def _is_civil(self, text: str) -> bool:
        if self.zone is None:
            return False
        try:
            return datetime.fromisoformat(text).tzinfo is None
        except ValueError:
            return False

    def _civil_instant(self, moment: datetime, text: str, place: str) -> Instant:
        if not _EARLIEST_YEAR <= moment.year <= _LATEST_YEAR:
            return parse_instant(moment.replace(tzinfo=UTC).isoformat(), place=place)
        earlier, later = (moment.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if earlier.utcoffset() != later.utcoffset():
            raise invalid(place, f"{text!r} does not name one instant in {self.zone}: its clock was changed then")
        return parse_instant(earlier.astimezone(UTC).isoformat(), place=place)

    def _opening(self, told: Mapping[str, object], row: Mapping[str, str]) -> dict[str, object]:
        """One `opened` event a ticket: every row of it derives the same id."""
        event = {name: value for name, value in told.items() if name not in ("id", "order", "revision")}
        return {**event, "id": f"{row[self.ticket]}/opened", "observed_at": row[self.opened_at], "state": "opened"}

    def _state(self, text: str) -> str:
        if not self.states:
            return text
        meaning = self.states.get(text, self.states.get("*"))
        if meaning is None:
            raise invalid("state", f"the mapping does not say what {text!r} means")
        return meaning


def mapping_of(parameters: Mapping[str, str]) -> ColumnMapping:
    """Reads the text parameters of `MAPPING_OPTIONS`; refuses with `Invalid` unknown, missing and meaningless ones."""
    for name in parameters:
        if name not in MAPPING_OPTIONS:
            raise invalid(name, "is no parameter of a column mapping")
    given = {name: text for name, text in parameters.items() if text != ""}
    kind = _kind(given.get("kind", ""))
    if "service" not in given:
        raise invalid("service", "is needed: a service, or column:<name>")
    for name in _NEEDED[kind]:
        if name not in given:
            raise invalid(name, f"a column is needed for observations of kind {kind}")
    plain = {name: given[name] for name in (*_VALUE_COLUMNS, "observed_at", "time_format", "state", "opened_at") if name in given}
    return ColumnMapping(
        kind=kind,
        service=_source(given["service"]),
        component=_source(given.get("component", "")),
        zone=parse_zone(given["zone"]) if "zone" in given else None,
        states=_states(given.get("states", "")),
        known_until=_known_until(given.get("known_until", ""), kind),
        delimiter=_delimiter(given.get("delimiter", ",")),
        **plain,
    )


def missing_columns(mapping: ColumnMapping, header: list[str]) -> list[Violation]:
    """One violation a column that the mapping names and the file does not have."""
    return [
        Violation(place=name, rule=f"the file has no column {column!r}, its columns are {', '.join(header)[:500]}")
        for name, column in mapping.columns.items()
        if column not in header
    ]


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if kind == text:
            return kind
    if not text:
        raise invalid("kind", _UNMAPPED)
    raise invalid("kind", f"must be one of {', '.join(KINDS)}, not {text!r}")


def _source(text: str) -> Source:
    return Source(column=text.removeprefix(_COLUMN_PREFIX)) if text.startswith(_COLUMN_PREFIX) else Source(constant=text)


def _states(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if any(not equals for _, equals, _ in pairs):
        raise invalid("states", f'must be pairs such as "up=up,down=down", not {text!r}')
    return {said.strip(): meaning.strip() for said, _, meaning in pairs}


def _known_until(text: str, kind: Kind) -> Instant | Literal["last"] | None:
    if text and kind != "status":
        raise invalid("known_until", "belongs to observations of kind status")
    if text == "last":
        return "last"
    return parse_instant(text, place="known_until") if text else None


def _delimiter(text: str) -> str:
    if text not in _DELIMITERS:
        raise invalid("delimiter", f"must be comma, semicolon or tab, not {text!r}")
    return _DELIMITERS[text]


assert set(MAPPING_OPTIONS) == {each.name for each in fields(ColumnMapping)}, "every field of a mapping is a parameter"
