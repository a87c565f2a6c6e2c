"""Evidence: what the calculator is told about one service. Pure: reads no clock, opens no store, judges nothing.

Instants are integer microseconds UTC, intervals half-open, latencies integer microseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.vocabulary.period import Instant, Interval

Int64s = NDArray[np.int64]

STILL_OPEN = Instant(2**63 - 1)
"""The end of an outage whose end nobody has reported: it lasts up to the instant of the measurement."""


class State(StrEnum):
    """What a source says of a component. `unknown` is a statement too: the source could not tell."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class TicketState(StrEnum):
    """The steps of a ticket that a clock can see. `resolved` and `closed` both stop it, `reopened` may let it run on."""

    OPENED = "opened"
    WAITING = "waiting"
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

    `counters` and `latencies` are kept by component. Order never matters. A repeated status, outage or ticket event changes nothing;
    rows of counters and latencies are numbers of requests, two equal rows are two reports, so a repeat must be dropped before.
    """

    statuses: Collection[StatusChange] = ()
    outages: Collection[Outage] = ()
    counters: Mapping[str, Counters] = field(default_factory=dict)
    latencies: Mapping[str, Latencies] = field(default_factory=dict)
    tickets: Collection[TicketEvent] = ()


NOTHING_KNOWN = Evidence()
