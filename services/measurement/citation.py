"""A citation: the observations that the leaves of a proof rest on, by name. Pure; measures nothing and moves no amount.

A leaf says on what it rests (`Proof.rests_on`); here that is looked up among what each side reported, of every id the revision that counts.
Only what says so is named. A status holds until the next, so the one that held as a span began is among those of the span; what ended
an outage is named with it, and a silence by what was reported on either side of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from services.measurement.assessment import ObjectiveResult
from services.measurement.batch import (
    NOTHING_OBSERVED,
    Observations,
    OutageRow,
    Series,
    StatusColumns,
    StatusRow,
    TicketRow,
    derived_id,
    highest_revisions,
)
from services.measurement.frame import ROW, Frame, SampleKind, newest_of
from services.measurement.interval import clip
from services.measurement.objective import Availability, Composite, Disputes, ResolutionTime, ResponseTime, TimeSlices
from services.measurement.observation import BY_BADNESS, Int64s, State, Statuses
from services.measurement.proof import CITED, Basis, Proof
from services.measurement.settlement import Side
from services.vocabulary.period import Instant, Interval

R = TypeVar("R", StatusRow, OutageRow)
Bools = NDArray[np.bool_]

NAMED = 12
"""Of more observations only the first and the last are named."""

_PREFIX: Mapping[Side, str] = {"provider": CITED, "customer": f"customer:{CITED}"}
_NUMBER = {state: number for number, state in enumerate(BY_BADNESS)}


def ref_of(side: Side, source: str, own_id: str) -> str:
    """What a proof calls an observation: "observation:<source>/<id>", the customer's "customer:observation:<source>/<id>"."""
    return f"{_PREFIX[side]}{source}/{own_id}"


def sample_name(identity: int) -> str:
    """A counter or latency is kept by 64 bits of its id: they are its name, as 16 hexadecimal digits."""
    return f"{identity:016x}"


class Sources:
    """What each side reported, arranged when it is first asked for."""

    def __init__(self, reported: Mapping[Side, Observations]) -> None:
        self._sides = {side: _Reported(side, reported.get(side, NOTHING_OBSERVED)) for side in _PREFIX}

    def of(self, side: Side) -> _Reported:
        return self._sides[side]


def cited(
    proof: Proof, sources: Sources, result: ObjectiveResult, *, members: Sequence[ObjectiveResult] = (), disputes: Disputes, until: Instant
) -> Proof:
    """The same tree; every leaf that rests on observations names them: up to `NAMED` all, else the first and the last in time.

    `disputes` is the rule of the terms: unless it is the provider's reading, what the customer says of components counts beside it.
    `until` is the instant of the measurement, `members` are a composite's results.
    """
    leaves = [node for node in _nodes(proof) if node.rests_on]
    found = _Search(sources, result, members, disputes, until).found(leaves)
    return _replaced(proof, iter([_naming(leaf, runs) for leaf, runs in zip(leaves, found, strict=True)]))


def _nodes(proof: Proof) -> Iterator[Proof]:
    yield proof
    for child in proof.children:
        yield from _nodes(child)


def _replaced(proof: Proof, leaves: Iterator[Proof]) -> Proof:
    """The tree with its leaves that rest on something replaced, in their order."""
    if proof.rests_on:
        return next(leaves)
    return replace(proof, children=tuple(_replaced(child, leaves) for child in proof.children)) if proof.children else proof


# --- runs --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Column:
    """Observations in the order of time, and what each is called."""

    at: Int64s
    name: Callable[[int], str]


_Run = tuple[_Column, int, int]
"""Neighbours in a column: from one place up to another."""


class _Asked:
    """Spans, each for a leaf, as columns; what they hold within the bounds."""

    def __init__(self, spans: Sequence[tuple[int, Interval]], bounds: Interval) -> None:
        start = np.array([max(span.start, bounds.start) for _, span in spans], dtype=np.int64)
        end = np.array([min(span.end, bounds.end) for _, span in spans], dtype=np.int64)
        kept = start < end
        self.leaves = [leaf for (leaf, _), held in zip(spans, kept.tolist(), strict=True) if held]
        self.start, self.end = start[kept], end[kept]

    def runs(self, column: _Column, first: Int64s, after: Int64s) -> Iterator[tuple[int, _Run]]:
        """One a span, for its leaf, where it holds something."""
        for place in np.flatnonzero(after > first).tolist():
            yield self.leaves[place], (column, int(first[place]), int(after[place]))

    def everything(self, column: _Column) -> Iterator[tuple[int, _Run]]:
        for leaf in dict.fromkeys(self.leaves):
            yield leaf, (column, 0, len(column.at))


_Finder = Callable[[_Asked], Iterator[tuple[int, _Run]]]


def _naming(leaf: Proof, runs: Sequence[_Run]) -> Proof:
    merged = runs if len(runs) == 1 else list(_merged(runs))
    count = sum(after - first for _, first, after in merged)
    if not count:
        return leaf
    if count <= NAMED:
        named = sorted((int(column.at[place]), column.name(place)) for column, first, after in merged for place in range(first, after))
    else:
        named = [min(_at_the_edge(merged, earliest=True)), max(_at_the_edge(merged, earliest=False))]
    return replace(leaf, refs=(*leaf.refs, *dict.fromkeys(name for _, name in named)), observations=count)


def _merged(runs: Sequence[_Run]) -> Iterator[_Run]:
    """Each observation once."""
    by_column: dict[int, list[_Run]] = defaultdict(list)
    for run in runs:
        by_column[id(run[0])].append(run)
    for same in by_column.values():
        reached = 0
        for column, first, after in sorted(same, key=lambda run: run[1:]):
            if after > reached:
                yield column, max(first, reached), after
                reached = after


def _at_the_edge(runs: Sequence[_Run], *, earliest: bool) -> Iterator[tuple[int, str]]:
    """Those of the earliest instant, or of the latest, with it."""
    edges = [int(column.at[first] if earliest else column.at[after - 1]) for column, first, after in runs]
    instant = min(edges) if earliest else max(edges)
    for (column, first, after), edge in zip(runs, edges, strict=True):
        if edge == instant:
            within = column.at[first:after]
            low, high = np.searchsorted(within, instant, side="left"), np.searchsorted(within, instant, side="right")
            for place in range(first + int(low), first + int(high)):
                yield instant, column.name(place)


# --- what is looked for ------------------------------------------------------------------------------------------------


class _Search:
    """What the leaves of one result rest on."""

    def __init__(
        self, sources: Sources, result: ObjectiveResult, members: Sequence[ObjectiveResult], disputes: Disputes, until: Instant
    ) -> None:
        self._result, self._until = result, until
        self._legs = [(each.objective.service, each.objective.indicator) for each in (result, *members)]
        self._own = sources.of("provider")
        self._sides = [self._own] if disputes == "provider" else [self._own, sources.of("customer")]
        self._bounds = Interval(result.interval.start, max(result.interval.start, min(result.interval.end, until)))
        self._counted: dict[str, _Column] = {}

    def found(self, leaves: Sequence[Proof]) -> list[list[_Run]]:
        """Of each leaf."""
        found: list[list[_Run]] = [[] for _ in leaves]
        alike: dict[tuple[str, ...], tuple[Basis, list[tuple[int, Interval]]]] = {}
        for number, leaf in enumerate(leaves):
            for basis in leaf.rests_on:
                if basis.says == "ticket":
                    steps = self._own.ticket(self._result.objective.service, basis.ticket, self._until)
                    found[number].append((steps, 0, len(steps.at)))
                else:
                    _, asked = alike.setdefault((basis.says, *basis.components), (basis, []))
                    asked += [(number, span) for span in basis.spans]
        for basis, asked in alike.values():
            for finder, of in self._finders(basis, asked):
                for number, run in finder(_Asked(of, self._bounds)):
                    found[number].append(run)
        return found

    def _finders(self, basis: Basis, asked: Sequence[tuple[int, Interval]]) -> Iterator[tuple[_Finder, Sequence[tuple[int, Interval]]]]:
        match basis.says:
            case "up" | "down" | "unknown":
                for service, component, living in self._components(basis, asked):
                    for side in self._sides:
                        for finder in self._of_component(side, Series(service, component), State(basis.says)):
                            yield finder, living
            case "silence":
                yield _around(self._requests("requests")), asked
            case "good" | "bad" | "requests":
                yield _within(self._requests(basis.says)), asked

    def _components(self, basis: Basis, asked: Sequence[tuple[int, Interval]]) -> Iterator[tuple[str, str, Sequence[tuple[int, Interval]]]]:
        """Service and component, each once, and what is asked of its life."""
        told = set()
        for service, indicator in self._legs:
            if isinstance(indicator, Availability):
                for component in indicator.components:
                    if component in (basis.components or indicator.components) and (service, component) not in told:
                        told.add((service, component))
                        yield service, component, _living(asked, indicator, component)

    def _of_component(self, side: _Reported, series: Series, state: State) -> Iterator[_Finder]:
        statuses, outages = side.statuses(series), side.outages(series)
        if statuses is not None:
            yield statuses.saying(state)
        if state is State.DOWN and outages is not None:
            yield outages.overlapping
        if state is State.UP and statuses is None and outages is not None:
            column = outages.telling_of(self._bounds, self._until)
            yield lambda each: each.everything(column)

    def _requests(self, says: str) -> _Column:
        """Within the interval, up to the measurement; only the provider's count."""
        if says not in self._counted:
            indicator = self._result.objective.indicator
            assert not isinstance(indicator, Composite | ResolutionTime), "only requests are counted"
            is_timed = isinstance(indicator, ResponseTime) or (isinstance(indicator, TimeSlices) and indicator.percentile is not None)
            kind: SampleKind = "latency" if is_timed else "counter"
            samples = self._own.samples(kind, self._result.objective.service, indicator.components, self._bounds)
            threshold = indicator.threshold_us if isinstance(indicator, ResponseTime) else 0
            self._counted[says] = samples.column(_that(says, samples.frame, threshold))
        return self._counted[says]


def _living(asked: Sequence[tuple[int, Interval]], indicator: Availability, component: str) -> Sequence[tuple[int, Interval]]:
    """What is asked of the component's life."""
    if not indicator.lives and not indicator.suspended:
        return asked
    return [(leaf, part) for leaf, span in asked for part in clip(indicator.life_of([component]), span)]


def _that(says: str, frame: Frame, threshold_us: int) -> Bools:
    """The samples that have requests at all, or good ones, or bad ones."""
    rows = frame.rows
    if frame.kind == "latency":
        is_good = rows["us"] <= threshold_us
        return np.asarray(np.ones(len(rows), dtype=bool) if says == "requests" else is_good if says == "good" else ~is_good)
    return np.asarray(rows["total"] > 0 if says == "requests" else rows["good"] > 0 if says == "good" else rows["good"] < rows["total"])


def _within(column: _Column) -> _Finder:
    """Those in a span."""
    return lambda asked: asked.runs(column, np.searchsorted(column.at, asked.start), np.searchsorted(column.at, asked.end))


def _around(column: _Column) -> _Finder:
    """From the last one up to a span to the first one from its end on: where silences meet, one lies between."""

    def runs(asked: _Asked) -> Iterator[tuple[int, _Run]]:
        at = column.at
        if at.size:
            last = at[np.maximum(np.searchsorted(at, asked.start, side="right") - 1, 0)]
            next_one = at[np.minimum(np.searchsorted(at, asked.end), at.size - 1)]
            yield from asked.runs(column, np.searchsorted(at, last), np.searchsorted(at, next_one, side="right"))

    return runs


# --- what was reported -------------------------------------------------------------------------------------------------


class _Reported:
    """One side's observations."""

    def __init__(self, side: Side, observations: Observations) -> None:
        self._side = side
        self._observations = observations
        self._arranged: dict[Series, _Statuses | None] = {}

    def statuses(self, series: Series) -> _Statuses | None:
        """None without any."""
        if series not in self._arranged:
            rows, columns = self._statuses.get(series, ()), self._status_columns.get(series, ())
            self._arranged[series] = _Statuses(rows, columns, self._side) if rows or columns else None
        return self._arranged[series]

    def outages(self, series: Series) -> _Outages | None:
        """None without any."""
        rows = self._outages.get(series, ())
        return _Outages(rows, self._name) if rows else None

    def ticket(self, service: str, ticket: str, until: Instant) -> _Column:
        """Its steps."""
        rows = [row for row in self._tickets.get((service, ticket), ()) if row.at <= until]
        return _Column(at=np.array([row.at for row in rows], dtype=np.int64), name=lambda place: self._name(rows[place]))

    def samples(self, kind: SampleKind, service: str, components: Sequence[str], bounds: Interval) -> _Samples:
        """In the order of time; no components: all of the service."""
        frames = self._observations.counters if kind == "counter" else self._observations.latencies
        numbers = [
            number
            for number, series in self._observations.series.items()
            if series.service == service and (not components or series.component in components)
        ]
        newest = newest_of(frames)
        if newest is None:
            return _Samples(frame=Frame(kind=kind, base=bounds.start, rows=np.empty(0, dtype=ROW[kind])), told_in=[], side=self._side)
        frame, origin = newest
        at = frame.at
        kept = np.flatnonzero(np.isin(frame.rows["series"], numbers) & (at >= bounds.start) & (at < bounds.end))
        kept = kept[np.argsort(at[kept], kind="stable")]
        return _Samples(
            frame=replace(frame, rows=frame.rows[kept]), told_in=[frames[place] for place in origin[kept].tolist()], side=self._side
        )

    def _name(self, row: StatusRow | OutageRow | TicketRow) -> str:
        return ref_of(self._side, row.source, row.id)

    @cached_property
    def _statuses(self) -> Mapping[Series, Sequence[StatusRow]]:
        return _by_series(highest_revisions(self._observations.statuses))

    @cached_property
    def _status_columns(self) -> Mapping[Series, Sequence[StatusColumns]]:
        found: dict[Series, list[StatusColumns]] = defaultdict(list)
        for columns in self._observations.status_columns:
            found[columns.series].append(columns)
        return found

    @cached_property
    def _outages(self) -> Mapping[Series, Sequence[OutageRow]]:
        return _by_series(highest_revisions(self._observations.outages))

    @cached_property
    def _tickets(self) -> Mapping[tuple[str, str], Sequence[TicketRow]]:
        found: dict[tuple[str, str], list[TicketRow]] = defaultdict(list)
        for row in sorted(highest_revisions(self._observations.tickets), key=lambda row: (row.at, row.step, row.source, row.id)):
            found[row.service, row.ticket].append(row)
        return found


def _by_series(rows: Sequence[R]) -> Mapping[Series, Sequence[R]]:
    found: dict[Series, list[R]] = defaultdict(list)
    for row in rows:
        found[Series(row.service, row.component)].append(row)
    return found


class _Statuses:
    """Those of one component. Of two at one instant the worse counts, and the other says nothing."""

    def __init__(self, rows: Sequence[StatusRow], columns: Sequence[StatusColumns], side: Side) -> None:
        self._rows, self._columns, self._side = rows, columns, side
        plain = [_without_repeats(each.statuses) for each in columns]
        self._told_in = np.repeat(np.arange(len(plain)), [len(each.at) for each in plain])
        at = np.array([row.at for row in rows], dtype=np.int64)
        state = np.array([_NUMBER[row.state] for row in rows], dtype=np.int64)
        at = np.concatenate([at, *(each.at for each in plain)])
        state = np.concatenate([state, *(each.state.astype(np.int64) for each in plain)])
        self._order = np.lexsort((state, at))
        self._at, self._state = at[self._order], state[self._order]
        is_worst = np.append(self._at[1:] != self._at[:-1], True)
        self._instants, self._settled = self._at[is_worst], self._state[is_worst]
        self._counts = self._state == self._settled[np.searchsorted(self._instants, self._at)]

    def saying(self, state: State) -> _Finder:
        """Those of a span, the one that held as it began, and what ended it unless it is up."""
        number = _NUMBER[state]
        same, other = self._column(self._state == number), self._column(self._state != number)

        def runs(asked: _Asked) -> Iterator[tuple[int, _Run]]:
            since, held = self._held(np.searchsorted(self._instants, asked.start, side="right"), asked.start)
            first = np.searchsorted(same.at, np.where(held == number, since, asked.start))
            yield from asked.runs(same, first, np.searchsorted(same.at, asked.end))
            if state is not State.UP:
                _, held = self._held(np.searchsorted(self._instants, asked.end), asked.end)
                first = np.searchsorted(other.at, asked.end)
                yield from asked.runs(other, first, np.where(held == number, np.searchsorted(other.at, asked.end, side="right"), first))

        return runs

    def _held(self, place: NDArray[np.intp], instants: Int64s) -> tuple[Int64s, Int64s]:
        """What the instant before the place said, and since when; before the first nobody says anything."""
        before = np.maximum(place - 1, 0)
        unknown = np.int64(_NUMBER[State.UNKNOWN])
        return np.where(place > 0, self._instants[before], instants), np.where(place > 0, self._settled[before], unknown)

    def _column(self, mask: Bools) -> _Column:
        places = np.flatnonzero(mask & self._counts)
        rows = self._order[places]
        return _Column(at=self._at[places], name=lambda place: self._name(int(rows[place]), int(places[place])))

    def _name(self, row: int, place: int) -> str:
        """Of the row, where there are so many, else of what has no id of its own and stands at the place."""
        if row < len(self._rows):
            return ref_of(self._side, self._rows[row].source, self._rows[row].id)
        columns = self._columns[int(self._told_in[row - len(self._rows)])]
        said = int(self._at[place]), BY_BADNESS[int(self._state[place])]
        return ref_of(self._side, columns.source, derived_id(*columns.series, *said))


def _without_repeats(statuses: Statuses) -> Statuses:
    order = np.lexsort((statuses.state, statuses.at))
    at, state = statuses.at[order], statuses.state[order]
    is_new = np.append(True, (at[1:] != at[:-1]) | (state[1:] != state[:-1]))[: len(at)]
    return Statuses(at=at[is_new], state=state[is_new])


class _Outages:
    """Those that were reported of one component."""

    def __init__(self, rows: Sequence[OutageRow], name: Callable[[OutageRow], str]) -> None:
        self._rows, self._name = sorted(rows, key=lambda row: (row.at, row.until, row.source, row.id)), name
        self._until = np.array([row.until for row in self._rows], dtype=np.int64)
        self._longest = np.maximum.accumulate(self._until)
        self._column = self._of(self._rows)

    def overlapping(self, asked: _Asked) -> Iterator[tuple[int, _Run]]:
        """Those that have an instant in common with a span."""
        after = np.searchsorted(self._column.at, asked.end).tolist()
        for place, low in enumerate(np.searchsorted(self._longest, asked.start, side="right").tolist()):
            for row in (low + np.flatnonzero(self._until[low : after[place]] > asked.start[place])).tolist():
                yield asked.leaves[place], (self._column, row, row + 1)

    def telling_of(self, bounds: Interval, until: Instant) -> _Column:
        """Those that tell that who reports by outages alone was up: those that touch the time, else the last one before it, else the
        first one after it."""
        known = [row for row in self._rows if row.at < until]
        touching = [row for row in known if row.at <= bounds.end and row.until >= bounds.start]
        return self._of(touching or [row for row in known if row.at < bounds.start][-1:] or known[:1])

    def _of(self, rows: Sequence[OutageRow]) -> _Column:
        return _Column(at=np.array([row.at for row in rows], dtype=np.int64), name=lambda place: self._name(rows[place]))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Samples:
    """Counters or latencies in the order of time, and the frame in which each was told."""

    frame: Frame
    told_in: Sequence[Frame]
    side: Side

    def column(self, mask: Bools) -> _Column:
        places = np.flatnonzero(mask)

        def name(place: int) -> str:
            told_in, identity = self.told_in[places[place]], int(self.frame.rows["id"][places[place]])
            return ref_of(self.side, told_in.source, f"row-{identity}" if told_in.by_row else sample_name(identity))

        return _Column(at=self.frame.at[places], name=name)
