"""A month of one-minute data of many components in one Parquet file: `upheld assess` with an objective each, and DuckDB over the same file.

Both read the file and give good and whole of every component, and once of each of its days; that they are equal is checked in every run.
Ours always gives the days, and outages, bounds, budgets, verdicts and the document.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.pairs import Contender, Match
from services.command.assess import assess_files
from services.vocabulary.period import MINUTE, instant_of

Kind = Literal["statuses", "counters"]
Figures = list[tuple[str | int, ...]]
"""Component, where it was asked for the day since 1970, good and whole, in this order."""

COMPONENTS, DAYS = 1_000, 31
COMPONENTS_IN_SMOKE, DAYS_IN_SMOKE = 20, 2
MINUTES_A_DAY = 24 * 60
START, END = "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"
SEED = 20_260_301
INDICATORS: dict[Kind, str] = {"statuses": "availability", "counters": "request-ratio"}

_KINDS: dict[Kind, str] = {"statuses": "status", "counters": "counter"}
_TEXT = pa.dictionary(pa.int32(), pa.string())
_SAYS: dict[Kind, list[tuple[str, pa.DataType]]] = {
    "statuses": [("state", _TEXT)],
    "counters": [("good", pa.int64()), ("total", pa.int64())],
}
_STATES = pa.array(["up", "unknown", "down"])
_PROFILED_LINES = 30

_AVAILABILITY = """
    CREATE TYPE named AS ENUM (SELECT DISTINCT component FROM read_parquet('{file}') ORDER BY component);
    WITH told AS (
        SELECT component::named AS component, state, epoch_us(observed_at) AS since,
               epoch_us(lead(observed_at, 1, TIMESTAMPTZ '{end}') OVER (PARTITION BY component::named ORDER BY observed_at)) AS until
        FROM read_parquet('{file}')
        WHERE observed_at >= TIMESTAMPTZ '{start}' AND observed_at < TIMESTAMPTZ '{end}'
    )
    SELECT component,
           sum(CASE WHEN state = 'up' THEN until - since ELSE 0 END)::BIGINT,
           sum(CASE WHEN state <> 'unknown' THEN until - since ELSE 0 END)::BIGINT
    FROM told GROUP BY component ORDER BY component
"""
"""A status holds until the next of its component. As an ENUM the component makes the window about 1.5 times as fast as text does."""

_REQUESTS = """
    SELECT component, sum(good)::BIGINT, sum(total)::BIGINT
    FROM read_parquet('{file}')
    WHERE observed_at >= TIMESTAMPTZ '{start}' AND observed_at < TIMESTAMPTZ '{end}'
    GROUP BY component ORDER BY component
"""
_REQUESTS_BY_DAY = """
    SELECT component, epoch_us(observed_at) // 86400000000 AS day, sum(good)::BIGINT, sum(total)::BIGINT
    FROM read_parquet('{file}')
    WHERE observed_at >= TIMESTAMPTZ '{start}' AND observed_at < TIMESTAMPTZ '{end}'
    GROUP BY ALL ORDER BY ALL
"""
"""Days of UTC; those of any other zone take DuckDB longer."""

_FIRST_DAY = date(1970, 1, 1)


def matches(*, smoke: bool) -> list[Match]:
    return [match for month in _months(smoke=smoke) for match in month.matches]


def profile(*, smoke: bool) -> None:
    """Prints where `upheld assess` spends its time, by function."""
    for month in _months(smoke=smoke):
        month.write()
        profiler = cProfile.Profile()
        profiler.runcall(month.assessed)
        print(f"\n{month.title}, {month.count:,} samples, {len(month.names)} objectives")
        pstats.Stats(profiler).sort_stats("cumulative").print_stats("upheld|services|method|built-in", _PROFILED_LINES)


def _months(*, smoke: bool) -> list[Month]:
    components, days = (COMPONENTS_IN_SMOKE, DAYS_IN_SMOKE) if smoke else (COMPONENTS, DAYS)
    return [Month(kind=kind, components=components, days=days) for kind in INDICATORS]


@dataclass(frozen=True, kw_only=True)
class Month:
    """The days of March 2026 on which the components told a row a minute, minute by minute; the rest of the month the last one holds."""

    kind: Kind
    components: int
    days: int

    @property
    def matches(self) -> list[Match]:
        if self.kind == "statuses":
            return [self._match(self.title, self.assessed, _AVAILABILITY)]
        return [
            self._match(self.title, self.assessed, _REQUESTS),
            self._match(f"{self.title}, day by day", self.assessed_by_day, _REQUESTS_BY_DAY),
        ]

    @property
    def title(self) -> str:
        return f"{self.components:,} objectives over {self.days} days of one-minute {self.kind} in Parquet"

    @property
    def count(self) -> int:
        return self.components * self.days * MINUTES_A_DAY

    @cached_property
    def names(self) -> Sequence[str]:
        return [f"component-{number:04d}" for number in range(self.components)]

    def write(self) -> None:
        """Both files, once, before the time counts."""
        assert self._terms.exists(), "the terms are written"
        assert self._file.exists(), "the observations are written"

    def assessed(self) -> Figures:
        """The way of the command: two files in, the document out."""
        return sorted((str(each["objective_id"]), int(str(each["good"])), int(str(each["whole"]))) for each in self._results())

    def assessed_by_day(self) -> Figures:
        """The same, the days of the document instead of their sums."""
        return sorted(
            (str(each["objective_id"]), (date.fromisoformat(day["day"]) - _FIRST_DAY).days, int(day["good"]), int(day["whole"]))
            for each in self._results()
            for day in _leaves(each["days"])
            if day["whole"] != "0"
        )

    def _results(self) -> list[Mapping[str, object]]:
        document = assess_files(self._terms, self._file, period="2026-03", mapping=[], until=END)
        results = document["objectives"]
        assert isinstance(results, list), "a document lists its objectives"
        return [each for each in results if isinstance(each, dict)]

    def _match(self, title: str, ours: Callable[[], Figures], query: str) -> Match:
        def queried() -> Figures:
            with duckdb.connect() as connection:
                connection.execute("SET TimeZone = 'UTC'")
                return connection.execute(query.format(file=self._file, start=START, end=END)).fetchall()

        found: list[Figures] = []
        return Match(
            title=title,
            unit="samples",
            count=self.count,
            ours="upheld assess",
            peer=f"DuckDB {duckdb.__version__}",
            our_work=self._contender(ours, found),
            peer_work=self._contender(queried, found),
        )

    def _contender(self, work: Callable[[], Figures], found: list[Figures]) -> Contender:
        """What either finds is what every run before it found, of ours and of the peer."""

        @contextmanager
        def contender(_: Path) -> Iterator[Callable[[], object]]:
            self.write()
            yield lambda: found.append(work())
            assert {figures[0] for figures in found[-1]} == set(self.names), "every component has its figure"
            assert found[-1] == found[0], "both give the same figures"

        return contender

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="upheld-bench-")

    @cached_property
    def _terms(self) -> Path:
        objective = {"service": "platform", "target": "99.9"}
        document = {
            "upheld": "terms/v1",
            "title": "Platform",
            "zone": "UTC",
            "effective_on": "2026-01-01",
            "parties": [
                {"role": "provider", "organisation": "nordwind", "name": "Nordwind"},
                {"role": "customer", "organisation": "bank", "name": "Bank"},
            ],
            "services": [{"id": "platform", "name": "Platform", "components": [{"id": name, "name": name} for name in self.names]}],
            "objectives": [
                objective | {"id": name, "name": name, "indicator": {"kind": INDICATORS[self.kind], "components": [name]}}
                for name in self.names
            ],
        }
        file = Path(self._folder.name, "terms.json")
        file.write_text(json.dumps(document))
        return file

    @cached_property
    def _file(self) -> Path:
        file = Path(self._folder.name, f"{self.kind}.parquet")
        said = np.random.default_rng(SEED)
        common = [("kind", _TEXT), ("service", _TEXT), ("component", _TEXT), ("observed_at", pa.timestamp("us", tz="UTC"))]
        schema = pa.schema([*common, *_SAYS[self.kind]])
        states = self._states(said)
        start = instant_of(datetime.fromisoformat(START).astimezone(UTC))
        with pq.ParquetWriter(file, schema) as writer:
            for day in range(self.days):
                minutes = np.arange(day * MINUTES_A_DAY, (day + 1) * MINUTES_A_DAY)
                at = np.repeat(start + minutes * MINUTE, self.components)
                columns = [
                    _repeated(_KINDS[self.kind], len(at)),
                    _repeated("platform", len(at)),
                    _named(np.tile(np.arange(self.components, dtype=np.int32), len(minutes)), self.names),
                    pa.array(at, pa.timestamp("us", tz="UTC")),
                    *self._values(said, states[minutes]),
                ]
                writer.write_table(pa.table(columns, schema=schema))
        return file

    def _states(self, said: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
        """By minute and component, as numbers of `_STATES`: about four outages a month of a quarter of an hour, now and then a silence."""
        minutes = self.days * MINUTES_A_DAY
        states = np.zeros((minutes, self.components), dtype=np.int8)
        for component in range(self.components):
            for start in said.integers(0, minutes, said.poisson(4)):
                states[start : start + 1 + int(said.exponential(14)), component] = 2
            if said.random() < 0.2:
                start = said.integers(0, minutes)
                states[start : start + 5, component] = 1
        return states

    def _values(self, said: np.random.Generator, states: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> list[pa.Array]:
        if self.kind == "statuses":
            return [_named(states.ravel().astype(np.int32), _STATES.to_pylist())]
        total = said.poisson(600, states.size)
        failed = np.where(states.ravel() == 2, total // 2, said.binomial(total, 0.0005))
        return [pa.array(total - failed, pa.int64()), pa.array(total, pa.int64())]


def _leaves(days: object) -> Sequence[Mapping[str, str]]:
    assert isinstance(days, list), "a result lists its days"
    return days


def _named(codes: np.ndarray[tuple[int], np.dtype[np.int32]], names: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(codes, pa.array(names))


def _repeated(value: str, count: int) -> pa.Array:
    return _named(np.zeros(count, dtype=np.int32), [value])
