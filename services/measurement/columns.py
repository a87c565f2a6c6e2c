"""Columns: turns an Apache Parquet file of observations into evidence, whole columns at a time. Reads the file and no clock.

The rules are those of `intake`: what is not plain (an id, an outage, a ticket, a fault) is told to it row by row, so that a row means the
same in every written form and is refused in the same words. Nothing of a file with a fault is taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Literal, TypeVar, assert_never

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.measurement import intake
from services.measurement.batch import Observations, Series, StatusColumns, evidence_of
from services.measurement.counter_table import CounterRows, CounterTable, Numbered, packed
from services.measurement.frame import ROW, VALUES, Frame, SampleKind
from services.measurement.intake import LATEST_AHEAD, ROWS_PER_BATCH, VIOLATIONS_TOLD, Malformed, Rejected, TooMany, is_text
from services.measurement.mapping import KINDS
from services.measurement.observation import BY_BADNESS, NOTHING_KNOWN, Counters, Evidence, Int64s, Latencies, Statuses
from services.vocabulary.errors import Violation
from services.vocabulary.period import Instant, instant_of, instant_text

Bools = NDArray[np.bool_]
Codes = NDArray[np.signedinteger]
Row = dict[str, object]
PlainKind = Literal["status", "counter", "latency"]
T = TypeVar("T")

ROWS_AT_ONCE = 2**20
_SHORT_TEXT = 60

_TEXTS = ("kind", "service", "component", "id", "state", "cause", "ticket", "priority")
_INSTANTS = ("observed_at", "until")
_INTEGERS = ("good", "total", "revision", "order")
_COLUMNS = (*_TEXTS, *_INSTANTS, *_INTEGERS, "ms")
_NEEDED = ("kind", "service", "observed_at")
_IDENTITY = ("id", "revision")
_COMMON = frozenset({"kind", "service", "component", "observed_at", *_IDENTITY})
_SAYS: Mapping[PlainKind, tuple[str, ...]] = {"status": ("state",), "counter": ("good", "total"), "latency": ("ms",)}

_FIRST = instant_of(datetime(1990, 1, 1, tzinfo=UTC))
_AFTER_LAST = instant_of(datetime(2200, 1, 1, tzinfo=UTC))
_LONGEST_MS = 10**12
_MOST_THREADS = 8
_PARTS_KEPT = 2
_NAMES_KEPT = 2**16
_MOST_SERIES = 2**20
_NAMED = 10**16
_NUMBER = {str(state): number for number, state in enumerate(BY_BADNESS)}
_ROW = re.compile(r"row (\d+)")


def read_columns(file: Path, *, now: Instant, source: str, rows_at_once: int = ROWS_AT_ONCE) -> dict[str, Evidence]:
    """What the file says, by service: the same as if each of its rows had been told in JSON, in this order.

    How many rows are read at once changes nothing but time and memory. Refuses with `Malformed` what is no such file, with `Rejected`
    bad rows, counted from 1, and with `TooMany` more than `ROWS_PER_BATCH` rows that have an id or are outages or tickets.
    """
    try:
        reader = _File(file, latest=Instant(now + LATEST_AHEAD), rows_at_once=rows_at_once)
        parts = reader.parts()
        singly = _told_singly(parts, now=now, source=source)
        pieces = [piece for part in parts for piece in part.plain["status"]]
        torn = _torn(pieces) | {Series(name, change.component) for name, each in singly.items() for change in each.statuses}
        if torn:
            pieces = [*(piece.without(torn) for piece in pieces), *reader.every_status_of(torn)]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Malformed(Violation(place=file.name, rule=f"cannot be read as a Parquet file: {error}")) from None
    statuses = {series: Statuses(at=at, state=state.astype(np.int8)) for series, (at, state) in _by_series(pieces).items()}
    counters = {
        series: Counters(at=at, good=good, total=total)
        for series, (at, good, total) in _by_series(piece for part in parts for piece in part.plain["counter"]).items()
    }
    latencies = {
        series: Latencies(at=at, us=us)
        for series, (at, us) in _by_series(piece for part in parts for piece in part.plain["latency"]).items()
    }
    reports = _by_service(each for part in parts for each in part.reports)
    services = sorted({series.service for series in (*statuses, *counters, *latencies)} | set(singly) | set(reports))
    return {
        service: _merged(
            singly.get(service, NOTHING_KNOWN),
            statuses={series.component: each for series, each in statuses.items() if series.service == service},
            counters={series.component: each for series, each in counters.items() if series.service == service},
            latencies={series.component: each for series, each in latencies.items() if series.service == service},
            reports=reports.get(service, ()),
        )
        for service in services
    }


def read_reported(file: Path, *, now: Instant, source: str, rows_at_once: int = ROWS_AT_ONCE) -> Observations:
    """The observations of a file that `read_columns` took, so that they can be named.

    A status without an id is called as it is in every other form; a counter or latency without one by the number of its row.
    """
    told = _File(file, latest=Instant(now + LATEST_AHEAD), rows_at_once=rows_at_once).told()
    collection = intake.Collection(now=now)
    for part in told:
        for number, row in part.singly:
            collection.take(row, place=f"row {number}")
    singly = collection.batch(source=source).observations
    plain = [each for part in told for each in part.plain]
    named = sorted({series for each in plain for series in each.series if each.kind != "status"})
    numbers = {series: number for number, series in enumerate(named, start=len(singly.series))}
    statuses = _by_series(_grouped(each.series, each.codes, (each.at, *each.values)) for each in plain if each.kind == "status")
    return replace(
        singly,
        series={**singly.series, **{number: series for series, number in numbers.items()}},
        status_columns=[
            StatusColumns(source=source, series=series, statuses=Statuses(at=at, state=state.astype(np.int8)))
            for series, (at, state) in statuses.items()
        ],
        counters=[*singly.counters, *(_frame("counter", each, numbers, source) for each in plain if each.kind == "counter")],
        latencies=[*singly.latencies, *(_frame("latency", each, numbers, source) for each in plain if each.kind == "latency")],
    )


def _frame(kind: SampleKind, told: _Plain, numbers: Mapping[Series, int], source: str) -> Frame:
    rows = np.zeros(len(told.at), dtype=ROW[kind])
    rows["series"] = np.array([numbers[series] for series in told.series], dtype=np.uint32)[told.codes]
    rows["offset"], rows["id"] = told.at, told.rows
    for name, column in zip(VALUES[kind], told.values, strict=True):
        rows[name] = column
    return Frame(kind=kind, base=Instant(0), rows=rows, source=source, by_row=True)


def _merged(
    singly: Evidence,
    *,
    statuses: Mapping[str, Statuses],
    counters: Mapping[str, Counters],
    latencies: Mapping[str, Latencies],
    reports: Sequence[Numbered],
) -> Evidence:
    """Of one service what was told row by row and what as columns."""
    counted = dict(counters)
    for component, told in singly.counters.items():
        plain = counted.get(component)
        counted[component] = told if plain is None else _both_counters(plain, told)
    timed = dict(latencies)
    for component, each in singly.latencies.items():
        columns = timed.get(component)
        timed[component] = each if columns is None else _both_latencies(columns, each)
    return Evidence(
        statuses=singly.statuses,
        outages=singly.outages,
        counters=CounterTable(counted, reports) if reports else counted,
        latencies=timed,
        tickets=singly.tickets,
        status_series=statuses,
    )


def _both_counters(one: Counters, other: Counters) -> Counters:
    return Counters(
        at=np.concatenate([one.at, other.at]),
        good=np.concatenate([one.good, other.good]),
        total=np.concatenate([one.total, other.total]),
    )


def _both_latencies(one: Latencies, other: Latencies) -> Latencies:
    return Latencies(at=np.concatenate([one.at, other.at]), us=np.concatenate([one.us, other.us]))


def _no_rows() -> Int64s:
    return np.array([], dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Piece:
    """What neighbouring rows say of some series: the rows of series i are `columns[…][bounds[i]:bounds[i + 1]]`.

    Of statuses those are left out that only say again, between `first` and `last` of their series, what was said before.
    """

    series: Sequence[Series]
    bounds: Int64s
    columns: tuple[Int64s, ...]
    first: Int64s = field(default_factory=_no_rows)
    last: Int64s = field(default_factory=_no_rows)
    left_out: Collection[Series] = ()

    @property
    def told(self) -> Iterator[tuple[int, Series]]:
        """The series that have rows here, with their places."""
        for place in np.flatnonzero(np.diff(self.bounds)).tolist():
            if self.series[place] not in self.left_out:
                yield place, self.series[place]

    def without(self, series: Collection[Series]) -> _Piece:
        return replace(self, left_out=series)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reports:
    """Counters as they stand in the file; the numbers of their series are places in `series`."""

    series: Sequence[Series]
    rows: CounterRows


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """What neighbouring rows say: most as columns, `singly` and `bad` as JSON would have them, with their numbers.

    Of both no more than can be taken or told; `bad_count` counts all. Counters are in `reports` or in `plain`.
    """

    plain: Mapping[PlainKind, Sequence[_Piece]]
    reports: Sequence[_Reports]
    singly: Sequence[tuple[int, Row]]
    bad: Sequence[tuple[int, Row]]
    bad_count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plain:
    """Plain rows of one kind as they stand: the numbers of their series are places in `series`, `rows` their numbers in the file."""

    kind: PlainKind
    series: Sequence[Series]
    codes: Codes
    at: Int64s
    values: tuple[Int64s, ...]
    rows: Int64s


@dataclass(frozen=True, kw_only=True, eq=False)
class _Told:
    """What neighbouring rows say, every one of them."""

    plain: Sequence[_Plain]
    singly: Sequence[tuple[int, Row]]


def _told_singly(parts: Sequence[_Part], *, now: Instant, source: str) -> dict[str, Evidence]:
    """The evidence of the rows that are not plain; refuses with `Rejected` when there are bad ones."""
    singly = [row for part in parts for row in part.singly]
    if len(singly) > ROWS_PER_BATCH:
        rule = f"at most {ROWS_PER_BATCH:,} rows of a file may have an id or revision or be outages or tickets"
        raise TooMany(Violation(place="observations", rule=rule))
    bad = [row for part in parts for row in part.bad][:VIOLATIONS_TOLD]
    evidence, violations, rejected = _heard(singly, now=now, source=source)
    _, faults, faulty = _heard(bad, now=now, source=source)
    assert faulty == len(bad), "what the columns hold for a fault is one row by row"
    rejected += sum(part.bad_count for part in parts)
    if rejected:
        raise Rejected(*sorted([*violations, *faults], key=_row_number)[:VIOLATIONS_TOLD], count=rejected)
    return evidence


def _heard(rows: Iterable[tuple[int, Row]], *, now: Instant, source: str) -> tuple[dict[str, Evidence], Sequence[Violation], int]:
    """The evidence; or none, what was violated, and how many rows were rejected."""
    collection = intake.Collection(now=now)
    for number, row in rows:
        collection.take(row, place=f"row {number}")
    try:
        return evidence_of(collection.batch(source=source).observations), (), 0
    except Rejected as refusal:
        return {}, refusal.violations, refusal.count


def _row_number(violation: Violation) -> int:
    found = _ROW.match(violation.place)
    assert found is not None, "every row was taken with its number"
    return int(found[1])


def _torn(pieces: Iterable[_Piece]) -> set[Series]:
    """Series of which pieces meet or overlap in time: what one of them left out as a repeat may be news after another."""
    spans: dict[Series, list[tuple[int, int]]] = {}
    for piece in pieces:
        first, last = piece.first.tolist(), piece.last.tolist()
        for place, series in piece.told:
            spans.setdefault(series, []).append((first[place], last[place]))
    return {series for series, told in spans.items() if any(later[0] <= earlier[1] for earlier, later in pairwise(sorted(told)))}


def _by_series(pieces: Iterable[_Piece]) -> dict[Series, tuple[Int64s, ...]]:
    """The rows of each series, together."""
    found: dict[Series, list[tuple[Int64s, ...]]] = {}
    for piece in pieces:
        bounds = piece.bounds.tolist()
        for place, series in piece.told:
            found.setdefault(series, []).append(tuple(column[bounds[place] : bounds[place + 1]] for column in piece.columns))
    return {series: tuple(np.concatenate(columns) for columns in zip(*told, strict=True)) for series, told in found.items()}


def _by_service(told: Iterable[_Reports]) -> dict[str, list[Numbered]]:
    """With the numbers that the components of the service have in each."""
    found: dict[str, list[Numbered]] = {}
    for reports in told:
        numbers: dict[str, dict[str, int]] = {}
        for number in np.flatnonzero(reports.rows.told).tolist():
            series = reports.series[number]
            numbers.setdefault(series.service, {})[series.component] = number
        for service, of_service in numbers.items():
            found.setdefault(service, []).append((reports.rows, of_service))
    return found


class _File:
    """A Parquet file with the columns of observations. Neighbouring rows are read together, several such parts side by side."""

    def __init__(self, path: Path, *, latest: Instant, rows_at_once: int) -> None:
        self._path = path
        self._rows_at_once = rows_at_once
        self._latest = latest
        with pq.ParquetFile(path) as file:
            self._metadata = file.metadata
            schema = file.schema_arrow
        _check_schema(schema)
        self._texts = [name for name in _TEXTS if name in schema.names and not pa.types.is_null(schema.field(name).type)]
        self._always = _always(self._metadata, self._texts)
        self._read = [name for name in schema.names if name not in self._always]

    def parts(self) -> list[_Part]:
        return self._side_by_side(lambda rows: rows.part())

    def told(self) -> list[_Told]:
        return self._side_by_side(lambda rows: rows.told())

    def every_status_of(self, series: Collection[Series]) -> list[_Piece]:
        """Of these series no status is left out, even if it repeats another."""
        return self._side_by_side(lambda rows: rows.every_status_of(series))

    def _side_by_side(self, work: Callable[[_Rows], T]) -> list[T]:
        """In the order of the file."""

        def worked(groups: Sequence[int], before: int) -> list[T]:
            return [work(rows) for rows in self._rows(groups, before)]

        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as threads:
            return list(chain.from_iterable(threads.map(worked, *zip(*self._tasks(), strict=True)))) if self._metadata.num_rows else []

    def _tasks(self) -> Iterator[tuple[Sequence[int], int]]:
        """Row groups to read one after the other, and how many rows stand before them."""
        groups: list[int] = []
        before = rows = 0
        for group in range(self._metadata.num_row_groups):
            groups.append(group)
            rows += self._metadata.row_group(group).num_rows
            if rows >= self._rows_at_once:
                yield groups, before
                groups, before, rows = [], before + rows, 0
        if groups:
            yield groups, before

    def _rows(self, groups: Sequence[int], before: int) -> Iterator[_Rows]:
        with pq.ParquetFile(self._path, metadata=self._metadata, read_dictionary=self._texts) as file:
            for rows in file.iter_batches(batch_size=self._rows_at_once, row_groups=groups, columns=self._read, use_threads=False):
                if len(rows):
                    yield _Rows(rows, always=self._always, before=before, latest=self._latest)
                before += len(rows)


def _always(metadata: pq.FileMetaData, texts: Sequence[str]) -> dict[str, str]:
    """What the file says to hold the same value in every row need not be read; of a long one the file may tell the beginning only."""
    places = {metadata.schema.column(place).path: place for place in range(metadata.num_columns)}
    found = {name: _values_at_the_ends(metadata, places[name]) for name in texts}
    return {name: value for name, values in found.items() if len(values) == 1 and len(value := values.pop()) < _SHORT_TEXT}


def _values_at_the_ends(metadata: pq.FileMetaData, column: int) -> set[str]:
    """The least and the greatest value of the row groups; none where one of them does not tell, or has a row without a value."""
    values: set[str] = set()
    for group in range(metadata.num_row_groups):
        told = metadata.row_group(group).column(column).statistics
        if told is None or not told.has_min_max or not told.has_null_count or told.null_count:
            return set()
        values |= {told.min, told.max}
        if len(values) > 1:
            break
    return values


def _check_schema(schema: pa.Schema) -> None:
    """Refuses with `Malformed` columns that are missing, that no observation has, or of another type, all at once."""
    wrong = [Violation(place=name, rule="is needed: the file has no such column") for name in _NEEDED if name not in schema.names]
    for place, name in enumerate(schema.names):
        if name not in _COLUMNS:
            wrong.append(Violation(place=name[:60], rule=f"is no column of observations; they have {', '.join(_COLUMNS)}"))
        elif schema.names.index(name) != place:
            wrong.append(Violation(place=name, rule="is there twice"))
        elif rule := _broken_type_rule(name, schema.types[place]):
            wrong.append(Violation(place=name, rule=f"must be {rule}, not {schema.types[place]}"))
    if wrong:
        raise Malformed(*wrong)


def _broken_type_rule(name: str, kind: pa.DataType) -> str:
    """What the column must be; empty where it is. A column without a type holds nothing."""
    if pa.types.is_null(kind):
        return ""
    if name in _TEXTS:
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        return "" if pa.types.is_string(value) or pa.types.is_large_string(value) else "text"
    if name in _INSTANTS:
        is_instant = pa.types.is_int64(kind) or (pa.types.is_timestamp(kind) and kind.tz is not None)
        return "" if is_instant else "a timestamp with a zone, or 64-bit microseconds since 1970 in UTC"
    if pa.types.is_integer(kind):
        return ""
    if name in _INTEGERS:
        return "an integer"
    return "" if pa.types.is_float32(kind) or pa.types.is_float64(kind) else "an integer or a float"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Text:
    """A column of text: the value of each row by its number; None is no text."""

    values: Sequence[str | None]
    codes: Codes

    def where(self, holds: Callable[[str | None], bool]) -> Bools | None:
        """The rows whose value it holds for; None where there are none."""
        held = np.array([holds(value) for value in self.values], dtype=bool)
        if held.all():
            return np.ones(len(self.codes), dtype=bool)
        return held[self.codes] if held.any() else None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Integers:
    """A column of integers, 0 where `absent` says that there is none."""

    values: Int64s
    absent: Bools | None


class _Rows:
    """Neighbouring rows of the file, `before` of which stand others; each says as well what is said `always`."""

    def __init__(self, rows: pa.RecordBatch, *, always: Mapping[str, str], before: int, latest: Instant) -> None:
        self._rows = rows
        self._always = always
        self._before = before
        self._latest = latest
        self._filled = {*always, *(name for name in rows.schema.names if rows.column(name).null_count < len(rows))}
        self._kinds, self._services, self._components = (self._text(name) for name in ("kind", "service", "component"))
        self._at = self._instants("observed_at")
        self._aside = _any(self._kinds.where(_is_told_singly), *(self._present(name) for name in _IDENTITY))

    def part(self) -> _Part:
        plain: dict[PlainKind, list[_Piece]] = {kind: [] for kind in _SAYS}
        reports: list[_Reports] = []
        bad = self._kinds.where(lambda said: said not in KINDS)
        for kind in _SAYS:
            taken, doubtful = self._taken(kind)
            bad = _any(bad, doubtful)
            if taken is None:
                continue
            piece = self._piece(kind, _rows_of(taken))
            if isinstance(piece, _Reports):
                reports.append(piece)
            else:
                plain[kind].append(piece)
        return self._part(plain, reports, bad)

    def every_status_of(self, series: Collection[Series]) -> _Piece:
        """Of these series no status is left out."""
        named, codes = self._series
        taken, _ = self._taken("status")
        asked = np.array([each in series for each in named], dtype=bool)
        rows = _no_rows() if taken is None else np.flatnonzero(taken & asked[codes])
        return _grouped(named, codes[rows], (self._at.values[rows], self._state_numbers[rows]))

    def told(self) -> _Told:
        singly = _no_rows() if self._aside is None else np.flatnonzero(self._aside)
        kinds = ((kind, self._taken(kind)[0]) for kind in _SAYS)
        return _Told(
            plain=[self._plain(kind, np.flatnonzero(taken)) for kind, taken in kinds if taken is not None],
            singly=self._as_json_has_it(singly),
        )

    def _plain(self, kind: PlainKind, rows: Int64s) -> _Plain:
        series, codes = self._series
        columns: dict[PlainKind, Callable[[], tuple[Int64s, ...]]] = {
            "status": lambda: (self._state_numbers,),
            "counter": lambda: tuple(count.values for count in self._counts),
            "latency": lambda: (self._latencies.values,),
        }
        return _Plain(
            kind=kind,
            series=series,
            codes=codes[rows],
            at=self._at.values[rows],
            values=tuple(column[rows] for column in columns[kind]()),
            rows=rows + (self._before + 1),
        )

    def _part(self, plain: Mapping[PlainKind, Sequence[_Piece]], reports: Sequence[_Reports], bad: Bools | None) -> _Part:
        singly = _no_rows() if self._aside is None else np.flatnonzero(self._aside)
        faulty = _no_rows() if bad is None else np.flatnonzero(_but(bad, self._aside))
        return _Part(
            plain=plain,
            reports=reports,
            singly=self._as_json_has_it(singly[: ROWS_PER_BATCH + 1]),
            bad=self._as_json_has_it(faulty[:VIOLATIONS_TOLD]),
            bad_count=len(faulty),
        )

    def _taken(self, kind: PlainKind) -> tuple[Bools | None, Bools | None]:
        """The plain rows of the kind, and those of the kind that break a rule."""
        of_kind = self._kinds.where(lambda said: said == kind)
        if of_kind is None:
            return None, None
        doubtful = _any(
            self._services.where(_is_no_name),
            self._components.where(_is_no_name),
            _outside(self._at, self._latest),
            *(self._present(name) for name in sorted(self._filled - _COMMON - {*_SAYS[kind]})),
            self._doubtful_values(kind),
        )
        plain = _but(_but(of_kind, self._aside), doubtful)
        return plain if plain.any() else None, None if doubtful is None else of_kind & doubtful

    def _doubtful_values(self, kind: PlainKind) -> Bools | None:
        match kind:
            case "status":
                return self._states.where(lambda state: state not in _NUMBER)
            case "counter":
                good, total = self._counts
                in_order = int(good.values.min()) >= 0 and not np.any(good.values > total.values)
                wrong = None if in_order else (good.values < 0) | (good.values > total.values)
                return _any(good.absent, total.absent, wrong)
            case "latency":
                return self._latencies.absent
            case _:
                assert_never(kind)

    def _piece(self, kind: PlainKind, rows: slice | Int64s) -> _Piece | _Reports:
        named, codes = self._series
        at = self._at.values[rows]
        match kind:
            case "status":
                return _changes(named, codes[rows], at, self._state_numbers[rows])
            case "counter":
                good, total = self._counts
                return _reported(named, codes[rows], at, good.values[rows], total.values[rows])
            case "latency":
                return _grouped(named, codes[rows], (at, self._latencies.values[rows]))
            case _:
                assert_never(kind)

    @cached_property
    def _series(self) -> tuple[Sequence[Series], Codes]:
        """The series of these rows, and of each row its place among them."""
        services, components = self._services, self._components
        codes: Codes = components.codes
        if len(services.values) > 1:
            codes = codes + services.codes * np.int64(len(components.values))
        numbers: Sequence[int] = range(len(services.values) * len(components.values))
        if len(numbers) > _MOST_SERIES:
            found, codes = np.unique(codes, return_inverse=True)
            numbers = tuple(found.tolist())
        return _named(tuple(services.values), tuple(components.values), numbers), codes

    @cached_property
    def _states(self) -> _Text:
        return self._text("state")

    @cached_property
    def _state_numbers(self) -> Int64s:
        return np.array([_NUMBER.get(state or "", 0) for state in self._states.values], dtype=np.int64)[self._states.codes]

    @cached_property
    def _counts(self) -> tuple[_Integers, _Integers]:
        return self._integers("good"), self._integers("total")

    @cached_property
    def _latencies(self) -> _Integers:
        """Whole microseconds, rounded up; absent where there are none."""
        column = self._rows.column("ms") if "ms" in self._filled else pa.nulls(len(self._rows), pa.int64())
        missing = _is_null(column)
        ms = _zero_for_null(column).to_numpy(zero_copy_only=False)
        bad = ~((ms >= 0) & (ms <= _LONGEST_MS))
        ms = np.where(bad, ms.dtype.type(0), ms)
        us = ms.astype(np.int64) * 1000 if ms.dtype.kind in "iu" else _rounded_up(ms.astype(np.float64))
        return _Integers(values=us, absent=_any(missing, _if_any(bad)))

    def _text(self, name: str) -> _Text:
        if name in self._always:
            return _Text(values=(self._always[name],), codes=np.zeros(len(self._rows), dtype=np.int32))
        if name not in self._filled:
            return _Text(values=(None,), codes=np.zeros(len(self._rows), dtype=np.int32))
        column = self._rows.column(name)
        column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        values: list[str | None] = column.dictionary.to_pylist()
        codes = column.indices.cast(pa.int32())
        if codes.null_count:
            codes, values = codes.fill_null(len(values)), [*values, None]
        return _Text(values=values, codes=codes.to_numpy())

    def _instants(self, name: str) -> _Integers:
        """Microseconds; what is told more finely is refused by Arrow."""
        column = self._rows.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
        return _integers_of(column, len(self._rows))

    def _integers(self, name: str) -> _Integers:
        column = self._rows.column(name) if name in self._filled else pa.nulls(len(self._rows), pa.int64())
        return _integers_of(column, len(self._rows))

    def _present(self, name: str) -> Bools | None:
        """The rows that have something in the column; None where none has."""
        if name not in self._filled:
            return None
        if name in self._always:
            return np.ones(len(self._rows), dtype=bool)
        return np.asarray(self._rows.column(name).is_valid().to_numpy(zero_copy_only=False), dtype=bool)

    def _as_json_has_it(self, places: Int64s) -> list[tuple[int, Row]]:
        """Rows with their numbers in the file, counted from 1."""
        if not len(places):
            return []
        names = [name for name in self._rows.schema.names if name in self._filled]
        rows: list[Row] = self._rows.select([name for name in names if name not in _INSTANTS]).take(pa.array(places)).to_pylist()
        for name in set(names) & set(_INSTANTS):
            instants = self._instants(name)
            for row, place in zip(rows, places.tolist(), strict=True):
                if instants.absent is None or not instants.absent[place]:
                    row[name] = _written(int(instants.values[place]))
        numbers = (places + (self._before + 1)).tolist()
        return [
            (number, {**self._always, **{name: _json(value) for name, value in row.items() if value is not None}})
            for number, row in zip(numbers, rows, strict=True)
        ]


@lru_cache(maxsize=_NAMES_KEPT)
def _is_no_name(text: str | None) -> bool:
    return not is_text(text)


@lru_cache(maxsize=_PARTS_KEPT)
def _named(services: Sequence[str | None], components: Sequence[str | None], numbers: Sequence[int]) -> Sequence[Series]:
    """The series with these numbers. Neighbouring parts mostly tell of the same ones."""
    pairs = (divmod(number, len(components)) for number in numbers)
    return [Series(services[service] or "", components[component] or "") for service, component in pairs]


def _is_told_singly(kind: str | None) -> bool:
    return kind in {"outage", "ticket"}


def _json(value: object) -> object:
    """A float is the shortest decimal that stands for it, as in text."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def _written(instant: int) -> str:
    """RFC 3339 where a date has a name there; the microseconds elsewhere, which no rule takes for an instant."""
    return instant_text(Instant(instant)) if abs(instant) < _NAMED else str(instant)


def _outside(at: _Integers, latest: Instant) -> Bools | None:
    if int(at.values.min()) >= _FIRST and int(at.values.max()) < min(_AFTER_LAST, latest + 1):
        return at.absent
    return _any(at.absent, (at.values < _FIRST) | (at.values >= _AFTER_LAST) | (at.values > latest))


def _rounded_up(ms: NDArray[np.float64]) -> Int64s:
    """Microseconds of milliseconds, each read as the shortest decimal that stands for it, as in text."""
    scaled = ms * 1000
    nearest = np.rint(scaled)
    us = np.where(nearest / 1000 == ms, nearest, np.ceil(scaled)).astype(np.int64)
    for row in np.flatnonzero((nearest / 1000 != ms) & (np.abs(scaled - nearest) <= 4 * np.spacing(scaled))).tolist():
        us[row] = int((Decimal(repr(float(ms[row]))) * 1000).to_integral_value(rounding=ROUND_CEILING))
    return us


def _rows_of(mask: Bools) -> slice | Int64s:
    return slice(None) if mask.all() else np.flatnonzero(mask)


def _reported(named: Sequence[Series], codes: Codes, at: Int64s, good: Int64s, total: Int64s) -> _Piece | _Reports:
    """As they stand where they are in the order of time alone, parted by series elsewhere."""
    rows = packed(len(named), codes, at, good, total) if np.any(codes[1:] < codes[:-1]) else None
    return _grouped(named, codes, (at, good, total)) if rows is None else _Reports(series=named, rows=rows)


def _changes(named: Sequence[Series], codes: Codes, at: Int64s, state: Int64s) -> _Piece:
    """Statuses without those that only say again what their series said before: one row where it said one thing throughout."""
    count, states = len(named), len(BY_BADNESS)
    said = np.bincount(codes * states + state, minlength=count * states).reshape(count, states) > 0
    first, last = np.full(count, _AFTER_LAST, dtype=np.int64), np.full(count, _FIRST, dtype=np.int64)
    np.minimum.at(first, codes, at)
    np.maximum.at(last, codes, at)
    mixed = said.sum(axis=1) > 1
    steady = np.flatnonzero(said.any(axis=1) & ~mixed)
    rows = np.flatnonzero(mixed[codes]) if mixed.any() else _no_rows()
    rows = rows[np.lexsort((state[rows], at[rows], codes[rows]))]
    news = np.ones(len(rows), dtype=bool)
    news[1:] = (codes[rows[1:]] != codes[rows[:-1]]) | (state[rows[1:]] != state[rows[:-1]])
    rows = rows[news]
    kept = _grouped(
        named,
        np.concatenate([steady, codes[rows]]),
        (np.concatenate([first[steady], at[rows]]), np.concatenate([said.argmax(axis=1)[steady], state[rows]])),
    )
    return replace(kept, first=first, last=last)


def _grouped(named: Sequence[Series], codes: Codes, columns: tuple[Int64s, ...]) -> _Piece:
    """All rows, ordered by series."""
    if np.any(codes[1:] < codes[:-1]):
        order = np.argsort(codes.astype(np.uint16) if len(named) <= 2**16 else codes, kind="stable")
        columns = tuple(column[order] for column in columns)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(named)))])
    return _Piece(series=named, bounds=bounds, columns=columns)


def _integers_of(column: pa.Array, count: int) -> _Integers:
    absent = _is_null(column)
    if pa.types.is_null(column.type):
        return _Integers(values=np.zeros(count, dtype=np.int64), absent=absent)
    return _Integers(values=_zero_for_null(column.cast(pa.int64())).to_numpy(), absent=absent)


def _zero_for_null(column: pa.Array) -> pa.Array:
    return column.fill_null(0) if column.null_count else column


def _is_null(column: pa.Array) -> Bools | None:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=bool) if column.null_count else None


def _if_any(mask: Bools) -> Bools | None:
    return mask if mask.any() else None


def _any(*masks: Bools | None) -> Bools | None:
    """The rows of any of them; None is no row."""
    found = [mask for mask in masks if mask is not None]
    return np.logical_or.reduce(found) if found else None


def _but(mask: Bools, without: Bools | None) -> Bools:
    return mask if without is None else mask & ~without
