"""Evidence: what the calculator is told about one service. Pure: reads no clock, opens no store, judges nothing.

Instants are integer microseconds UTC, intervals half-open, latencies integer microseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.measurement.interval import Spans
from services.vocabulary.period import Instant, Interval

Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]
Bools = NDArray[np.bool_]

STILL_OPEN = Instant(2**63 - 1)
"""The end of an outage whose end nobody has reported: it lasts up to the instant of the measurement."""


class State(StrEnum):
    """What a source says of a component. `unknown` is a statement too: the source could not tell."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


BY_BADNESS = (State.UP, State.UNKNOWN, State.DOWN)
"""A state's number in `Statuses` is its place here: the worse, the higher."""


class TicketState(StrEnum):
    """The steps of a ticket that a clock can see. `resolved` and `closed` both stop it, `reopened` may let it run on.

    `waiting` can make it stand still, `responded` is an answer to whoever opened it: it leaves a resolved ticket resolved.
    """

    OPENED = "opened"
    WAITING = "waiting"
    RESPONDED = "responded"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class StatusChange:
    """A component's state, which holds until the next of the same component. Of two at one instant the worse one counts."""

    component: str
    at: Instant
    state: State


@dataclass(frozen=True, kw_only=True, eq=False)
class Statuses:
    """Status changes of one component as columns of one length, any order: from `at` on, the state with this number in `BY_BADNESS`."""

    at: Int64s
    state: Int8s

    def __post_init__(self) -> None:
        assert self.at.shape == self.state.shape, "one row is an instant and a state"
        assert self.at.dtype == np.int64, "instants are integer microseconds"
        assert self.state.dtype == np.int8, "a state is told by its number"

    @cached_property
    def settled(self) -> Statuses:
        """The same, ordered: of several at one instant the worst one, and none that only says again what the one before it said."""
        at, state = self.at, self.state
        if np.any(at[1:] <= at[:-1]):
            order = np.lexsort((state, at))
            at, state = at[order], state[order]
            last = np.ones(len(at), dtype=bool)
            last[:-1] = at[1:] != at[:-1]
            at, state = at[last], state[last]
        changes = np.ones(len(at), dtype=bool)
        changes[1:] = state[1:] != state[:-1]
        return Statuses(at=at[changes], state=state[changes])


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Time a component is known to have been down, whatever its status says. `STILL_OPEN` ends it at the measurement."""

    component: str
    interval: Interval
    cause: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Counters:
    """Requests of one component, one row a report: `good` of `total` requests counted at `at`. Arrays of one length, any order."""

    at: Int64s
    good: Int64s
    total: Int64s

    def __post_init__(self) -> None:
        assert self.at.shape == self.good.shape == self.total.shape, "one row is an instant, a good part and a total"
        assert self.at.dtype == self.good.dtype == self.total.dtype == np.int64, "counts are integers"


@dataclass(frozen=True, kw_only=True, eq=False)
class Latencies:
    """Requests of one component, one row a request: answered after `us` microseconds, at `at`. Arrays of one length, any order."""

    at: Int64s
    us: Int64s

    def __post_init__(self) -> None:
        assert self.at.shape == self.us.shape, "one row is an instant and a time"
        assert self.at.dtype == self.us.dtype == np.int64, "latencies are integer microseconds"


@dataclass(frozen=True, kw_only=True)
class TicketEvent:
    """A step of a ticket. An empty priority keeps the one it had; `step` orders what carries one instant, 0 where nobody knows."""

    ticket: str
    at: Instant
    state: str
    priority: str = ""
    step: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Everything known about one service; may reach beyond the period and should: the last status before it tells how it began,
    and any outage ever tells that the component reports by outages.

    `counters`, `latencies` and `status_series` are kept by component; the last says as columns what `statuses` says one by one, and both
    count. Order never matters. A repeated status, outage or ticket event changes nothing; rows of counters and latencies are numbers
    of requests, two equal rows are two reports, so a repeat must be dropped before.
    """

    statuses: Collection[StatusChange] = ()
    outages: Collection[Outage] = ()
    counters: Mapping[str, Counters] = field(default_factory=dict)
    latencies: Mapping[str, Latencies] = field(default_factory=dict)
    tickets: Collection[TicketEvent] = ()
    status_series: Mapping[str, Statuses] = field(default_factory=dict)

    def statuses_of(self, component: str) -> Statuses:
        """All status changes of a component, settled; no rows where there are none."""
        return self._statuses.get(component, _NO_STATUSES)

    def outages_of(self, component: str) -> Collection[Outage]:
        return self._outages.get(component, ())

    def without_requests_in(self, spans: Spans) -> Evidence:
        """The same, less the requests counted or answered in that time; statuses, outages and tickets stay."""
        if not spans:
            return self
        counters = {name: _left(row.at, spans) for name, row in self.counters.items()}
        latencies = {name: _left(row.at, spans) for name, row in self.latencies.items()}
        return replace(
            self,
            counters={
                name: Counters(at=row.at[counters[name]], good=row.good[counters[name]], total=row.total[counters[name]])
                for name, row in self.counters.items()
            },
            latencies={name: Latencies(at=row.at[latencies[name]], us=row.us[latencies[name]]) for name, row in self.latencies.items()},
        )

    @cached_property
    def _statuses(self) -> Mapping[str, Statuses]:
        told: dict[str, tuple[list[int], list[int]]] = {}
        for change in self.statuses:
            at, state = told.setdefault(change.component, ([], []))
            at.append(change.at)
            state.append(_NUMBER[change.state])
        series = {
            component: Statuses(at=np.array(at, dtype=np.int64), state=np.array(state, dtype=np.int8))
            for component, (at, state) in told.items()
        }
        for component, columns in self.status_series.items():
            one_by_one = series.get(component, _NO_STATUSES)
            series[component] = Statuses(
                at=np.concatenate([columns.at, one_by_one.at]), state=np.concatenate([columns.state, one_by_one.state])
            )
        return {component: columns.settled for component, columns in series.items()}

    @cached_property
    def _outages(self) -> Mapping[str, Collection[Outage]]:
        outages: dict[str, list[Outage]] = {}
        for outage in self.outages:
            outages.setdefault(outage.component, []).append(outage)
        return outages


def _left(at: Int64s, spans: Spans) -> Bools:
    """Those whose instant lies in none of the spans."""
    left = np.ones(at.shape, dtype=bool)
    for span in spans:
        left &= (at < span.start) | (at >= span.end)
    return left


_NUMBER = {state: number for number, state in enumerate(BY_BADNESS)}
_NO_STATUSES = Statuses(at=np.array([], dtype=np.int64), state=np.array([], dtype=np.int8))


NOTHING_KNOWN = Evidence()
