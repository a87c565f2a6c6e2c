"""Intake: turns what a source sent (JSON, NDJSON, CSV, messages) into a batch. Pure: knows no server, opens no store, reads no clock.

A bad observation is named with its place, field and rule; unless told to skip it, nothing of the batch is taken.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation
from hashlib import sha256
from typing import Literal, TypeVar, assert_never

import msgspec

from services.measurement.batch import Batch, OutageRow, Series, StatusRow, TicketRow, derived_id
from services.measurement.frame import VALUES, Frame, SampleKind, frame_of, sample_id
from services.measurement.mapping import KINDS, ColumnMapping, missing_columns
from services.measurement.observation import STILL_OPEN, State, TicketState
from services.vocabulary.errors import Invalid, Violation, invalid
from services.vocabulary.period import HOUR, Instant, parse_instant

Media = Literal["json", "ndjson", "csv"]
OnError = Literal["refuse", "skip"]
Times = Callable[[str, str], Instant]
"""Reads an instant from a text, refusing with `Invalid` at a place."""
R = TypeVar("R", StatusRow, OutageRow, TicketRow)

ROWS_PER_BATCH = 200_000
VIOLATIONS_TOLD = 100
LATEST_AHEAD = 24 * HOUR

_INT64 = 2**63 - 1
_LONGEST_MS = Decimal(10**12)
_REVISIONS = 2**31 - 1
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_BATCH_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_DIGITS = 60
_EXACT = Context(prec=2 * _DIGITS)
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_COMMON = frozenset({"kind", "service", "component", "id", "observed_at", "revision"})
_FIELDS: dict[str, frozenset[str]] = {
    "status": _COMMON | {"state"},
    "outage": _COMMON | {"until", "cause"},
    "counter": _COMMON | {"good", "total"},
    "latency": _COMMON | {"ms"},
    "ticket": _COMMON | {"ticket", "state", "priority", "order"},
}
_JSON = msgspec.json.Decoder(float_hook=Decimal)


class Malformed(Invalid):
    """The input is not what it says it is: broken JSON, bytes that are no text, a CSV file without a header."""

    code = "malformed-observations"


class TooMany(Invalid):
    """More observations than one batch may hold."""

    code = "too-many-observations"


class Rejected(Invalid):
    """Some observations break rules, and nothing was taken. At most a hundred are named, `count` tells how many there are."""

    code = "observations-rejected"

    def __init__(self, *violations: Violation, count: int) -> None:
        super().__init__(*violations)
        self.count = count
        if count > len(violations):
            self.message = f"{self.message}; and {count - len(violations)} more"


def read(
    content: bytes,
    media: Media,
    *,
    now: Instant,
    source: str = "",
    batch: str = "",
    mapping: ColumnMapping | None = None,
    on_error: OnError = "refuse",
) -> Batch:
    """`source` and `batch` count where the content names none. Refuses with `Malformed`, `TooMany` and `Rejected`."""
    match media:
        case "json":
            return read_json(content, now=now, source=source, batch=batch, on_error=on_error)
        case "ndjson":
            return read_ndjson(content, now=now, source=source, batch=batch, on_error=on_error)
        case "csv":
            if mapping is None:
                raise invalid("kind", "a CSV file needs a column mapping, see docs/observations.md")
            return read_csv(content, mapping=mapping, now=now, source=source, batch=batch, on_error=on_error)
        case _:
            assert_never(media)


def is_text(value: object) -> bool:
    """An observation may carry it as the text of a field."""
    return isinstance(value, str) and _TEXT.fullmatch(value) is not None


def media_of(file_name: str) -> Media:
    """By the file's ending; refuses with `Invalid` another than .json, .ndjson, .jsonl and .csv."""
    endings: dict[str, Media] = {"json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "csv": "csv"}
    ending = file_name.rpartition(".")[2].lower()
    if ending not in endings:
        raise invalid("file", f"must end in .json, .ndjson, .jsonl or .csv, not {file_name!r}")
    return endings[ending]


def read_json(content: bytes, *, now: Instant, source: str = "", batch: str = "", on_error: OnError = "refuse") -> Batch:
    """One document {"source", "batch", "observations": […]}."""
    document = _decoded(content, place="")
    if not isinstance(document, dict):
        raise Malformed(Violation(place="", rule='must be an object {"source": …, "observations": […]}'))
    if unknown := sorted(set(document) - {"source", "batch", "observations"}):
        raise invalid(unknown[0][:60], "is no field of a batch; it has source, batch and observations")
    observations = document.get("observations")
    if not isinstance(observations, list):
        raise invalid("observations", "must be a list")
    collected = Collection(now=now)
    for number, observation in enumerate(observations):
        collected.take(observation, place=f"observations[{number}]")
    named, own = document.get("source", ""), document.get("batch", "")
    return collected.batch(source=_text(named, "source") or source, name=_text(own, "batch") or batch, on_error=on_error)


def read_ndjson(content: bytes, *, now: Instant, source: str = "", batch: str = "", on_error: OnError = "refuse") -> Batch:
    """One observation a line; empty lines say nothing."""
    collected = Collection(now=now)
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            collected.take_decoded(line, place=f"line {number}")
    return collected.batch(source=source, name=batch, on_error=on_error)


def read_csv(
    content: bytes, *, mapping: ColumnMapping, now: Instant, source: str = "", batch: str = "", on_error: OnError = "refuse"
) -> Batch:
    """A header line, then rows as the mapping reads them."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(Violation(place="", rule=f"is not UTF-8 text: byte {error.start} belongs to no character")) from None
    collected = Collection(now=now, times=mapping.instant, names=mapping.columns)
    for number, row in _csv_rows(text, mapping):
        collected.take_row(row, mapping, place=f"line {number}")
    if mapping.known_until is not None:
        collected.end_statuses(mapping.known_until)
    return collected.batch(source=source, name=batch, on_error=on_error)


class Collection:
    """Takes observations one by one, in their JSON form, and makes a batch of those that keep the rules."""

    def __init__(self, *, now: Instant, times: Times | None = None, names: Mapping[str, str] | None = None) -> None:
        """`names`: what the sender calls the fields, for messages."""
        self._latest = Instant(now + LATEST_AHEAD)
        self._times = times or _rfc3339
        self._names = names or {}
        self._statuses: list[StatusRow] = []
        self._outages: list[OutageRow] = []
        self._tickets: list[TicketRow] = []
        self._samples: dict[SampleKind, _Columns] = {"counter": _Columns(), "latency": _Columns()}
        self._violations: list[Violation] = []
        self._rejected = 0
        self._taken = 0

    def take(self, observation: object, *, place: str) -> None:
        """One observation, an object as the JSON form has it; a bad one is remembered as rejected."""
        self._count()
        try:
            self._keep(observation)
        except Invalid as refusal:
            self._reject(refusal, place)

    def take_decoded(self, line: bytes, *, place: str) -> None:
        """One observation as JSON text."""
        try:
            observation = _decoded(line, place="")
        except Malformed as refusal:
            self._count()
            self._reject(refusal, place)
        else:
            self.take(observation, place=place)

    def take_row(self, row: Mapping[str, str] | None, mapping: ColumnMapping, *, place: str) -> None:
        """One row of a CSV file, None for one that has not the header's columns."""
        self._count()
        try:
            if row is None:
                raise invalid("", "has more or fewer columns than the header")
            for observation in mapping.observations(row):
                self._keep(observation)
        except Invalid as refusal:
            self._reject(refusal, place)

    def end_statuses(self, known_until: Instant | Literal["last"]) -> None:
        """Says of every component with a status that nothing is known from here on."""
        if self._statuses:
            end = max(row.at for row in self._statuses) if known_until == "last" else known_until
            for service, component in sorted({(row.service, row.component) for row in self._statuses}):
                derived = derived_id(service, component, end, State.UNKNOWN)
                row = StatusRow(source="", id=derived, revision=0, service=service, component=component, at=end, state=State.UNKNOWN)
                self._statuses.append(row)

    def batch(self, *, source: str, name: str = "", on_error: OnError = "refuse") -> Batch:
        """Refuses with `Rejected` when anything was rejected, unless the bad ones are to be skipped."""
        if not _TEXT.fullmatch(source):
            raise invalid("source", f"must name the source in at most 200 characters without control characters, not {_shown(source)}")
        if name and not _BATCH_NAME.fullmatch(name):
            raise invalid("batch", f"must be text of at most 255 characters without control characters, not {_shown(name)}")
        if self._violations and on_error == "refuse":
            raise Rejected(*self._violations, count=self._rejected)
        series = sorted({pair for columns in self._samples.values() for pair in columns.series})
        frames = {kind: columns.frame(kind, series) for kind, columns in self._samples.items()}
        statuses = tuple(_from(row, source) for row in self._statuses)
        outages = tuple(_from(row, source) for row in self._outages)
        tickets = tuple(_from(row, source) for row in self._tickets)
        digest = _digest(source, series, (*statuses, *outages, *tickets), [frame for frame in frames.values() if frame])
        called = name or digest
        return Batch(
            source=source,
            name=called,
            digest=digest,
            series=tuple(series),
            statuses=statuses,
            outages=outages,
            tickets=tickets,
            counters=_identified(frames["counter"], source, called),
            latencies=_identified(frames["latency"], source, called),
            rejected=tuple(self._violations),
            rejected_count=self._rejected,
        )

    def _count(self) -> None:
        self._taken += 1
        if self._taken > ROWS_PER_BATCH:
            raise TooMany(Violation(place="observations", rule=f"a batch holds at most {ROWS_PER_BATCH:,} observations: send several"))

    def _reject(self, refusal: Invalid, place: str) -> None:
        self._rejected += 1
        for violation in refusal.violations:
            if len(self._violations) < VIOLATIONS_TOLD:
                named = self._names.get(violation.place, violation.place)
                joined = f"{place}.{named}" if place.endswith("]") else f"{place}, {named}"
                self._violations.append(Violation(place=joined if named else place, rule=violation.rule))

    def _keep(self, observation: object) -> None:
        if not isinstance(observation, dict):
            raise invalid("", "must be an object")
        fields = _Fields(observation, times=self._times, latest=self._latest)
        match fields.kind():
            case "status":
                self._statuses.append(_status(fields))
            case "outage":
                self._outages.append(_outage(fields))
            case "ticket":
                self._tickets.append(_ticket(fields))
            case "counter":
                self._samples["counter"].add(fields, _counter(fields))
            case "latency":
                self._samples["latency"].add(fields, (_microseconds(fields),))
            case _ as never:
                assert_never(never)


class _Fields:
    """One observation's fields, read and checked one at a time; each refusal names the field."""

    def __init__(self, row: Mapping[str, object], *, times: Times, latest: Instant) -> None:
        self._row = row
        self._times = times
        self._latest = latest

    def kind(self) -> Literal["status", "outage", "counter", "latency", "ticket"]:
        said = self._row.get("kind")
        for kind in KINDS:
            if kind == said:
                if unknown := sorted(self._row.keys() - _FIELDS[kind]):
                    raise invalid(unknown[0][:60], f"is no field of an observation of kind {kind}")
                return kind
        raise invalid("kind", f"must be one of {', '.join(KINDS)}, not {_shown(said)}")

    def text(self, name: str, *, needed: bool = True) -> str:
        value = self._row.get(name, "")
        if value in ("", None):
            if needed:
                raise invalid(name, "is needed")
            return ""
        if not isinstance(value, str) or not is_text(value):
            raise invalid(name, f"must be text of at most 200 characters without control characters, not {_shown(value)}")
        return value

    def instant(self, name: str) -> Instant:
        instant = self._times(self.text(name), name)
        if instant > self._latest:
            raise invalid(name, f"lies more than a day in the future: {self.text(name)}")
        return instant

    def integer(self, name: str, *, lowest: int, highest: int) -> int:
        value = self._row.get(name)
        number = int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
            raise invalid(name, f"must be an integer from {lowest} to {highest}, not {_shown(value)}")
        return number

    def revision(self, *, otherwise: int = 0) -> int:
        return self.integer("revision", lowest=0, highest=_REVISIONS) if self.has("revision") else otherwise

    def number(self, name: str) -> Decimal:
        value = self._row.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal) or len(str(value)) > _DIGITS:
            raise invalid(name, f"must be a decimal number of at most {_DIGITS} characters, not {_shown(value)}")
        try:
            return Decimal(value)
        except InvalidOperation:
            raise invalid(name, f"must be a decimal number of at most {_DIGITS} characters, not {_shown(value)}") from None

    def has(self, name: str) -> bool:
        return self._row.get(name) not in (None, "")

    def series(self) -> Series:
        return Series(self.text("service"), self.text("component"))


class _Columns:
    """Samples of one kind, column by column."""

    def __init__(self) -> None:
        self.series: list[Series] = []
        self._at: list[int] = []
        self._own_ids: list[str] = []
        self._revisions: list[int] = []
        self._values: list[Sequence[int]] = []

    def add(self, fields: _Fields, values: Sequence[int]) -> None:
        row = fields.series(), fields.instant("observed_at"), fields.text("id", needed=False), fields.revision()
        self._values.append(values)
        self.series.append(row[0])
        self._at.append(row[1])
        self._own_ids.append(row[2])
        self._revisions.append(row[3])

    def frame(self, kind: SampleKind, series: Sequence[Series]) -> _Unidentified | None:
        """Samples with the source's own id are told apart from those that get theirs from the batch."""
        if not self._at:
            return None
        numbers = {pair: number for number, pair in enumerate(series)}
        values = list(zip(*self._values, strict=True))
        rows = list(zip(self._at, self.series, self._own_ids, self._values, self._revisions, strict=True))
        order = sorted(range(len(rows)), key=rows.__getitem__)
        return _Unidentified(
            kind=kind,
            series=[numbers[self.series[row]] for row in order],
            at=[self._at[row] for row in order],
            own_ids=[self._own_ids[row] for row in order],
            revisions=[self._revisions[row] for row in order],
            values=[[column[row] for row in order] for column in values],
        )


class _Unidentified(msgspec.Struct, frozen=True, kw_only=True):
    """Ordered columns whose samples have no 64-bit identity yet; an empty own id gets one from the batch and the sample's place in it."""

    kind: SampleKind
    series: list[int]
    at: list[int]
    own_ids: list[str]
    revisions: list[int]
    values: list[list[int]]


def _identified(columns: _Unidentified | None, source: str, batch: str) -> Frame | None:
    if columns is None:
        return None
    ids = [sample_id(source, own or f"{batch}\0{columns.kind}\0{place}") for place, own in enumerate(columns.own_ids)]
    assert len(columns.values) == len(VALUES[columns.kind]), "every value of a sample has its column"
    return frame_of(columns.kind, series=columns.series, at=columns.at, ids=ids, revisions=columns.revisions, values=columns.values)


def _status(fields: _Fields) -> StatusRow:
    service, component = fields.series()
    at, state = fields.instant("observed_at"), _state(fields)
    return StatusRow(
        source="",
        id=fields.text("id", needed=False) or derived_id(service, component, at, state),
        revision=fields.revision(),
        service=service,
        component=component,
        at=at,
        state=state,
    )


def _outage(fields: _Fields) -> OutageRow:
    """An end told later revises the open outage, without the source having to count revisions."""
    service, component = fields.series()
    at = fields.instant("observed_at")
    until = fields.instant("until") if fields.has("until") else STILL_OPEN
    if until <= at:
        raise invalid("until", "must be later than observed_at")
    return OutageRow(
        source="",
        id=fields.text("id", needed=False) or derived_id(service, component, at, "outage"),
        revision=fields.revision(otherwise=0 if until == STILL_OPEN else 1),
        service=service,
        component=component,
        at=at,
        until=until,
        cause=fields.text("cause", needed=False),
    )


def _ticket(fields: _Fields) -> TicketRow:
    service, component = fields.text("service"), fields.text("component", needed=False)
    at, ticket, state = fields.instant("observed_at"), fields.text("ticket"), _ticket_state(fields)
    step = fields.integer("order", lowest=0, highest=_REVISIONS) if fields.has("order") else 0
    return TicketRow(
        source="",
        id=fields.text("id", needed=False) or derived_id(service, ticket, at, state, step),
        revision=fields.revision(),
        service=service,
        component=component,
        at=at,
        ticket=ticket,
        state=state,
        priority=fields.text("priority", needed=False),
        step=step,
    )


def _counter(fields: _Fields) -> tuple[int, int]:
    total = fields.integer("total", lowest=0, highest=_INT64)
    good = fields.integer("good", lowest=0, highest=_INT64)
    if good > total:
        raise invalid("good", f"must be at most total: {good} of {total}")
    return good, total


def _microseconds(fields: _Fields) -> int:
    """Rounded up to whole microseconds: a sample within a threshold of whole microseconds stays within, one beyond stays beyond."""
    ms = fields.number("ms")
    if not ms.is_finite() or ms < 0 or ms > _LONGEST_MS:
        raise invalid("ms", f"must be a number of milliseconds from 0 to {_LONGEST_MS}, not {ms}")
    return int(_EXACT.multiply(ms, 1000).to_integral_value(rounding=ROUND_CEILING, context=_EXACT))


def _state(fields: _Fields) -> State:
    try:
        return State(fields.text("state"))
    except ValueError:
        raise invalid("state", f"must be up, down or unknown, not {fields.text('state')!r}") from None


def _ticket_state(fields: _Fields) -> TicketState:
    try:
        return TicketState(fields.text("state"))
    except ValueError:
        raise invalid("state", f"must be one of {', '.join(TicketState)}, not {fields.text('state')!r}") from None


def _from(row: R, source: str) -> R:
    return replace(row, source=source)


def _digest(
    source: str, series: Sequence[Series], rows: Iterable[StatusRow | OutageRow | TicketRow], frames: Sequence[_Unidentified]
) -> str:
    """The same for the same observations, in whatever order they were told."""
    said = (source, [*series], sorted(repr(row) for row in rows), frames)
    return sha256(msgspec.json.encode(said)).hexdigest()


def _decoded(content: bytes, *, place: str) -> object:
    try:
        return _JSON.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Malformed(Violation(place=place, rule=f"is not JSON: {error}")) from None


def _csv_rows(text: str, mapping: ColumnMapping) -> Iterator[tuple[int, Mapping[str, str] | None]]:
    """Line number and row; None for a row that has not the header's columns."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=mapping.delimiter, strict=True)
    try:
        header = next(lines, [])
        if len(set(header)) != len(header) or not header:
            raise Malformed(Violation(place="line 1", rule="must be a header that names every column once"))
        if absent := missing_columns(mapping, header):
            raise Invalid(*absent)
        for row in lines:
            if row:
                yield lines.line_num, dict(zip(header, row, strict=True)) if len(row) == len(header) else None
    except csv.Error as error:
        raise Malformed(Violation(place=f"line {lines.line_num}", rule=f"is not CSV: {error}")) from None


def _rfc3339(text: str, place: str) -> Instant:
    return parse_instant(text, place=place)


def _text(value: object, place: str) -> str:
    if not isinstance(value, str | None):
        raise invalid(place, f"must be text, not {_shown(value)}")
    return value or ""


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, Decimal) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
