"""A batch: what one source reported at once, checked and packed, and the evidence it is for the calculator. Pure: opens no store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeVar

from services.measurement.frame import Frame, SampleKind, newest
from services.measurement.observation import (
    Counters,
    Evidence,
    Latencies,
    Outage,
    State,
    StatusChange,
    Statuses,
    TicketEvent,
    TicketState,
)
from services.vocabulary.errors import Violation
from services.vocabulary.period import Instant, Interval


class Series(NamedTuple):
    """What is observed: a component of a service of the reporting organisation."""

    service: str
    component: str


@dataclass(frozen=True, kw_only=True)
class StatusRow:
    """`id` is the source's own, or derived from what was said: (source, id, revision) is told once."""

    source: str
    id: str
    revision: int
    service: str
    component: str
    at: Instant
    state: State


@dataclass(frozen=True, kw_only=True)
class OutageRow:
    """`until` is `STILL_OPEN` while nobody has reported an end."""

    source: str
    id: str
    revision: int
    service: str
    component: str
    at: Instant
    until: Instant
    cause: str


@dataclass(frozen=True, kw_only=True)
class TicketRow:
    """`step` orders the events of a ticket that carry the same instant; 0: not ordered."""

    source: str
    id: str
    revision: int
    service: str
    component: str
    at: Instant
    ticket: str
    state: TicketState
    priority: str
    step: int


@dataclass(frozen=True, kw_only=True)
class SampleRow:
    """A counter or latency: `identity` are the 64 bits of its id that are kept, `values` as `VALUES[kind]` orders them."""

    source: str
    kind: SampleKind
    identity: int
    revision: int
    service: str
    component: str
    at: Instant
    values: tuple[int, ...]


class Place(NamedTuple):
    """Where an observation stands in the order in which they became known.

    Within a batch first by `kind`, then as the two numbers of its row have it, or its instant and id.
    """

    recorded_at: int
    source: str
    batch: str
    kind: int
    major: int
    minor: int | str


@dataclass(frozen=True, kw_only=True)
class Report:
    """An observation as it was reported, in which batch, by whom and why; nobody is named where that was not kept."""

    place: Place
    observed: StatusRow | OutageRow | TicketRow | SampleRow
    reported_by: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class StatusColumns:
    """Statuses of one component that have no id of their own, as columns; repeats say nothing new."""

    source: str
    series: Series
    statuses: Statuses


class Told(Protocol):
    """What makes a row recognisable when it is told again."""

    @property
    def source(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def revision(self) -> int: ...


R = TypeVar("R", bound=Told)


@dataclass(frozen=True, kw_only=True, eq=False)
class Observations:
    """Rows and frames, from a store or straight from a file; frames speak of series by the numbers of `series`.

    `status_columns` are here to be named: what reads files as columns makes evidence of them itself.
    """

    series: Mapping[int, Series] = field(default_factory=dict)
    statuses: Sequence[StatusRow] = ()
    outages: Sequence[OutageRow] = ()
    tickets: Sequence[TicketRow] = ()
    counters: Sequence[Frame] = ()
    latencies: Sequence[Frame] = ()
    status_columns: Sequence[StatusColumns] = ()


NOTHING_OBSERVED = Observations()


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """`name` makes a repeat of the whole batch recognisable, `digest` tells whether it still says the same.

    `rejected` names the bad rows that were left out, at most a hundred of `rejected_count`.
    """

    source: str
    name: str
    digest: str
    series: tuple[Series, ...]
    statuses: tuple[StatusRow, ...] = ()
    outages: tuple[OutageRow, ...] = ()
    tickets: tuple[TicketRow, ...] = ()
    counters: Frame | None = None
    latencies: Frame | None = None
    rejected: tuple[Violation, ...] = ()
    rejected_count: int = 0

    @property
    def frames(self) -> tuple[Frame, ...]:
        return tuple(frame for frame in (self.counters, self.latencies) if frame is not None)

    def __len__(self) -> int:
        return len(self.statuses) + len(self.outages) + len(self.tickets) + sum(len(frame) for frame in self.frames)

    @property
    def observations(self) -> Observations:
        return Observations(
            series=dict(enumerate(self.series)),
            statuses=self.statuses,
            outages=self.outages,
            tickets=self.tickets,
            counters=() if self.counters is None else (replace(self.counters, source=self.source),),
            latencies=() if self.latencies is None else (replace(self.latencies, source=self.source),),
        )


def derived_id(*said: object) -> str:
    """What stands for the id of an observation that its source gave none."""
    return "/".join(str(part) for part in said)


def highest_revisions(rows: Iterable[R]) -> list[R]:
    """Of each (source, id) the highest revision, of equal ones the first told."""
    kept: dict[tuple[str, str], R] = {}
    for row in rows:
        key = (row.source, row.id)
        if key not in kept or row.revision > kept[key].revision:
            kept[key] = row
    return list(kept.values())


def evidence_of(observations: Observations) -> dict[str, Evidence]:
    """What was observed, by service, each thing once: the same for a file as for the store that took the file."""
    statuses = highest_revisions(observations.statuses)
    outages = highest_revisions(observations.outages)
    tickets = highest_revisions(observations.tickets)
    counters = _counters_by_series(observations)
    latencies = _latencies_by_series(observations)
    services = {row.service for row in statuses} | {row.service for row in outages} | {row.service for row in tickets}
    services |= {series.service for series in (*counters, *latencies)}
    return {
        service: Evidence(
            statuses=[StatusChange(component=row.component, at=row.at, state=row.state) for row in statuses if row.service == service],
            outages=[
                Outage(component=row.component, interval=Interval(row.at, row.until), cause=row.cause)
                for row in outages
                if row.service == service
            ],
            counters={series.component: value for series, value in counters.items() if series.service == service},
            latencies={series.component: value for series, value in latencies.items() if series.service == service},
            tickets=[
                TicketEvent(ticket=row.ticket, at=row.at, state=row.state, priority=row.priority, step=row.step)
                for row in tickets
                if row.service == service
            ],
        )
        for service in sorted(services)
    }


def _counters_by_series(observations: Observations) -> dict[Series, Counters]:
    samples = newest(observations.counters)
    if samples is None:
        return {}
    return {
        series: Counters(at=part.at, good=part.rows["good"].astype("i8"), total=part.rows["total"].astype("i8"))
        for series, part in _by_series(samples, observations.series)
    }


def _latencies_by_series(observations: Observations) -> dict[Series, Latencies]:
    samples = newest(observations.latencies)
    if samples is None:
        return {}
    return {series: Latencies(at=part.at, us=part.rows["us"].astype("i8")) for series, part in _by_series(samples, observations.series)}


def _by_series(samples: Frame, series: Mapping[int, Series]) -> list[tuple[Series, Frame]]:
    numbers = samples.rows["series"]
    found = ((named, numbers == number) for number, named in series.items())
    return [(named, Frame(kind=samples.kind, base=samples.base, rows=samples.rows[mask])) for named, mask in found if mask.any()]
