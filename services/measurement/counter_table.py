"""Counter table: good and total of reports between instants. Pure; exact, however large.

A file that tells many components minute by minute is added up as its rows stand, without parting them by component.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.measurement.observation import Counters, Int64s
from services.vocabulary.period import Instant

GoodAndTotal = tuple[int, int]
Cuts = tuple[Instant, ...]
_Counts = NDArray[np.uint16 | np.uint32]

ROWS_A_BLOCK = 2**16
_MOST_SERIES = 2**14
_LARGEST_COUNT = 2**32 - 1


def added_between(at: Int64s, good: Int64s, total: Int64s, cuts: Cuts) -> list[GoodAndTotal]:
    """Of each part between two neighbouring cuts, its end left out; rows in any order, counts not below 0."""
    if np.any(at[1:] < at[:-1]):
        order = np.argsort(at, kind="stable")
        at, good, total = at[order], good[order], total[order]
    edges = np.searchsorted(at, np.array(cuts, dtype=np.int64)).tolist()
    return list(zip(_added(good, edges), _added(total, edges), strict=True))


def _added(values: Int64s, edges: Sequence[int]) -> list[int]:
    """Where 64 bits could overflow, Python's integers add."""
    if values.size and int(values.max()) * values.size >= 2**63:
        return [sum(values[start:end].tolist()) for start, end in pairwise(edges)]
    up_to = np.concatenate([[0], np.cumsum(values)])[edges]
    added: list[int] = np.diff(up_to).tolist()
    return added


@dataclass(frozen=True, kw_only=True, eq=False)
class CounterRows:
    """Neighbouring reports in the order of time: row i is of the series with the number `series[i]`, `good[i]` of `total[i]` requests.

    The rows of `instants[k]` begin at row `first[k]`. `blocks[b]` holds good and total by series of the rows from `b * rows_a_block` on;
    the last block may be shorter.
    """

    count: int
    series: NDArray[np.uint16]
    good: _Counts
    total: _Counts
    instants: Int64s
    first: Int64s
    blocks: Int64s
    rows_a_block: int

    def between(self, cuts: Cuts) -> Iterator[tuple[int, Int64s]]:
        """The place of every part between two neighbouring cuts that has rows, with two rows: good and total by series."""
        edges = np.append(self.first, len(self.series))[np.searchsorted(self.instants, np.array(cuts, dtype=np.int64))]
        for place, (start, end) in enumerate(pairwise(edges.tolist())):
            if start < end:
                yield place, self._between_rows(start, end)

    def of(self, number: int) -> tuple[Int64s, Int64s, Int64s]:
        """Instants, good and total of one series."""
        rows = slice(self._bounds[number], self._bounds[number + 1])
        moments, good, total = self._by_series
        return self.instants[moments[rows]], good[rows].astype(np.int64), total[rows].astype(np.int64)

    def _between_rows(self, start: int, end: int) -> Int64s:
        """Whole blocks were added once; what lies before the first of them and after the last is added now."""
        first, after = -(-start // self.rows_a_block), end // self.rows_a_block
        if first >= after:
            return self._now(start, end)
        before, behind = self._now(start, first * self.rows_a_block), self._now(after * self.rows_a_block, end)
        return before + np.asarray(self.blocks[first:after].sum(axis=0), dtype=np.int64) + behind

    def _now(self, start: int, end: int) -> Int64s:
        return _by_number(self.series[start:end], self.good[start:end], self.total[start:end], self.count)

    @cached_property
    def told(self) -> NDArray[np.bool_]:
        """Of each number, whether there is a row of it."""
        told = np.asarray(self.blocks[:, 1].any(axis=0))
        return told if told.all() else np.bincount(self.series, minlength=self.count) > 0

    @cached_property
    def _by_series(self) -> tuple[NDArray[np.uint32], _Counts, _Counts]:
        """Places of the instants, good and total, ordered by series."""
        order = np.argsort(self.series, kind="stable")
        moments = np.repeat(np.arange(len(self.first), dtype=np.uint32), np.diff(self.first, append=len(self.series)))
        return moments[order], self.good[order], self.total[order]

    @cached_property
    def _bounds(self) -> Sequence[int]:
        return [0, *np.cumsum(np.bincount(self.series, minlength=self.count)).tolist()]


def packed(
    count: int, series: NDArray[np.integer], at: Int64s, good: Int64s, total: Int64s, *, rows_a_block: int = ROWS_A_BLOCK
) -> CounterRows | None:
    """Of series with numbers below `count`, good from 0 to total. None of no rows, of rows in another order than that of time, and of
    more series or larger counts than are packed."""
    if not len(at) or count > _MOST_SERIES or int(total.max()) > _LARGEST_COUNT:
        return None
    first = np.concatenate([[0], np.flatnonzero(at[1:] != at[:-1]) + 1])
    instants = at[first]
    if np.any(instants[1:] < instants[:-1]):
        return None
    width: np.dtype[np.uint16 | np.uint32] = np.dtype(np.uint16 if int(total.max()) < 2**16 else np.uint32)
    numbers, good_packed, total_packed = series.astype(np.uint16), good.astype(width), total.astype(width)
    parts = [slice(start, start + rows_a_block) for start in range(0, len(at), rows_a_block)]
    blocks = [_by_number(numbers[rows], good_packed[rows], total_packed[rows], count) for rows in parts]
    return CounterRows(
        count=count,
        series=numbers,
        good=good_packed,
        total=total_packed,
        instants=instants,
        first=first,
        blocks=np.stack(blocks),
        rows_a_block=rows_a_block,
    )


def _by_number(series: NDArray[np.uint16], good: _Counts, total: _Counts, count: int) -> Int64s:
    """Exact although floats add: 2^21 counts below 2^32 stay below 2^53."""
    assert len(series) <= 2**21, "blocks are short"
    numbers = series.astype(np.intp)
    return np.array([np.bincount(numbers, weights=column, minlength=count) for column in (good, total)]).astype(np.int64)


Numbered = tuple[CounterRows, Mapping[str, int]]
"""Rows of many components, with the number that each component has there."""


class CounterTable(Mapping[str, Counters]):
    """The counters of a service by component: those `apart`, and `together` in rows of many."""

    def __init__(self, apart: Mapping[str, Counters], together: Sequence[Numbered] = ()) -> None:
        self._apart = apart
        self._rows = together
        self._latest: tuple[Cuts, Int64s] | None = None

    def __getitem__(self, component: str) -> Counters:
        if component not in self._places and component not in self._apart:
            raise KeyError(component)
        told = [rows.of(numbers[component]) for rows, numbers in self._rows if component in numbers]
        if component in self._apart:
            alone = self._apart[component]
            told.append((alone.at, alone.good, alone.total))
        at, good, total = (np.concatenate(columns) for columns in zip(*told, strict=True))
        return Counters(at=at, good=good, total=total)

    def __iter__(self) -> Iterator[str]:
        return iter({**self._places, **dict.fromkeys(self._apart)})

    def __len__(self) -> int:
        return len(self._places.keys() | self._apart.keys())

    def between(self, components: Collection[str], cuts: Cuts) -> list[list[GoodAndTotal]]:
        """What the named components have between neighbouring cuts, in parts that add up; of none named all there are."""
        named = set(components or self)
        alone = [self._apart[name] for name in named if name in self._apart]
        parts = [added_between(each.at, each.good, each.total, cuts) for each in alone]
        if places := [self._places[name] for name in named if name in self._places]:
            together = self._together(cuts)[places].sum(axis=0).tolist()
            parts.append([(good, total) for good, total in together])
        return parts

    def _together(self, cuts: Cuts) -> Int64s:
        """By component, part, and good and total; 2^31 rows of counts below 2^32 fit. What was asked last is kept."""
        if self._latest is None or self._latest[0] != cuts:
            added = np.zeros((len(self._places), max(0, len(cuts) - 1), 2), dtype=np.int64)
            for rows, numbers in self._rows:
                places, theirs = [self._places[name] for name in numbers], list(numbers.values())
                for part, sums in rows.between(cuts):
                    added[places, part] += sums[:, theirs].T
            self._latest = cuts, added
        return self._latest[1]

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {name: place for place, name in enumerate(dict.fromkeys(name for _, numbers in self._rows for name in numbers))}
