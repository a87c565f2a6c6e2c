"""The observation store: frames and rows in SQL, each sample told once, nothing overwritten. Judges nothing.

Works on the caller's connection: what is recorded together commits together. SQLite and PostgreSQL run the same statements.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from services.measurement.batch import Batch, Observations, OutageRow, Place, Report, SampleRow, Series, StatusRow, TicketRow
from services.measurement.frame import VALUES, Frame, SampleKind, parts, renumbered, unpacked, without_repeats
from services.measurement.observation import STILL_OPEN, State, TicketState
from services.vocabulary.errors import Conflict
from services.vocabulary.period import Instant, Interval

R = TypeVar("R", StatusRow, OutageRow, TicketRow)

METADATA = sa.MetaData()

BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
)
REPORTERS = sa.Table(
    "batch_reporters",
    METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("reported_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
SERIES = sa.Table(
    "series",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("component", sa.Text, nullable=False),
    sa.UniqueConstraint("tenant", "service", "component"),
)
FRAMES = sa.Table(
    "frames",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("base", sa.BigInteger, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("revises", sa.Boolean, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("tenant", "source", "batch", "kind", "part"),
    sa.Index("frames_by_time", "tenant", "kind", "last", "first"),
)


def _told(name: str, *columns: sa.Column[int] | sa.Column[str]) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *columns,
        sa.Column("batch", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Index(f"{name}_by_time", "tenant", "service", "at"),
    )


STATUSES = _told("statuses", sa.Column("state", sa.Text, nullable=False))
OUTAGES = _told("outages", sa.Column("until", sa.BigInteger, nullable=False), sa.Column("cause", sa.Text, nullable=False))
TICKETS = _told(
    "tickets",
    sa.Column("ticket", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
)
_ASKED_AT_ONCE = 500
_STATES = {str(state): state for state in State}


class BatchNameReused(Conflict):
    """The source has used the batch's name before, for other observations."""

    code = "batch-name-reused"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a batch: how many observations are new, how many had been told before, and whether some replace what was told.

    The end of an outage that was open replaces nothing.
    """

    batch: str
    accepted: int
    repeated: int
    corrects: bool = False


def record(connection: Connection, batch: Batch, *, tenant: str, recorded_at: Instant, reported_by: str = "", reason: str = "") -> Receipt:
    """Keeps what is new of the batch, and who reported it why; refuses with `BatchNameReused`."""
    named = {"tenant": tenant, "source": batch.source, "name": batch.name}
    if not _insert_new(connection, BATCHES, [{**named, "digest": batch.digest, "recorded_at": recorded_at}]):
        same = sa.select(BATCHES.c.digest).filter_by(**named)
        if connection.execute(same).scalar_one() != batch.digest:
            raise BatchNameReused(f"{batch.source} has used the batch name {batch.name!r} for other observations")
        return Receipt(batch=batch.name, accepted=0, repeated=len(batch))
    _insert_new(connection, REPORTERS, [{**named, "reported_by": reported_by, "reason": reason}])
    common: dict[str, object] = {"tenant": tenant, "batch": batch.name, "recorded_at": recorded_at}
    corrects = _corrects(connection, batch, tenant)
    accepted = _record_frames(connection, batch, tenant, recorded_at)
    for table, rows in ((STATUSES, batch.statuses), (OUTAGES, batch.outages), (TICKETS, batch.tickets)):
        accepted += _record_rows(connection, table, rows, common)
    return Receipt(batch=batch.name, accepted=accepted, repeated=len(batch) - accepted, corrects=corrects)


def observations(
    connection: Connection, *, tenant: str, services: Collection[str], span: Interval, known_at: Instant | None = None
) -> Observations:
    """All that speaks of the services in the span: with the statuses that hold at its start, every outage and every step of a ticket."""
    series = _series_of(connection, tenant, services)
    return Observations(
        series=series,
        statuses=_statuses(connection, tenant, services, span, known_at),
        outages=_outages(connection, tenant, services, known_at),
        tickets=_tickets(connection, tenant, services, known_at),
        counters=_frames(connection, "counter", tenant, span, known_at) if series else (),
        latencies=_frames(connection, "latency", tenant, span, known_at) if series else (),
    )


def reports(
    connection: Connection,
    *,
    tenant: str,
    service: str,
    components: Collection[str] = (),
    span: Interval,
    tickets_in: Interval,
    known_at: Instant | None = None,
    after: Place | None = None,
    limit: int,
) -> list[Report]:
    """What touches the span, of each id the revision that counts, in the order in which it became known, behind the place `after`.

    A status touches what it holds for, so the one that holds at the start is among them. Of a ticket it is each step, in a span of its own.
    No components: all of the service, and steps that name none.
    """
    asked = _AskedReports(connection, tenant, service, tuple(sorted(components)), known_at, after, limit)
    in_time = sa.and_(TICKETS.c.at >= tickets_in.start, TICKETS.c.at < tickets_in.end)
    found: list[tuple[Place, StatusRow | OutageRow | TicketRow | SampleRow]] = [
        *_reported_rows(asked, _TICKET, TICKETS, in_time, _ticket_row)
    ]
    if span.start < span.end:
        overlapping = sa.and_(OUTAGES.c.at < span.end, OUTAGES.c.until > span.start)
        found += _reported_rows(asked, _STATUS, STATUSES, asked.statuses_in(span), _status_row)
        found += _reported_rows(asked, _OUTAGE, OUTAGES, overlapping, _outage_row)
        found += _reported_samples(asked, _COUNTER, "counter", span)
        found += _reported_samples(asked, _LATENCY, "latency", span)
    reporters: dict[tuple[str, str], tuple[str, str]] = {}
    told: list[Report] = []
    for place, row in sorted(found, key=lambda each: each[0])[:limit]:
        batch = place.source, place.batch
        if batch not in reporters:
            reporters[batch] = reporter_of(connection, tenant=tenant, source=place.source, name=place.batch) or ("", "")
        told.append(Report(place=place, observed=row, reported_by=reporters[batch][0], reason=reporters[batch][1]))
    return told


def reporter_of(connection: Connection, *, tenant: str, source: str, name: str) -> tuple[str, str] | None:
    """Who reported the batch, and the reason that was given. None: nobody did, or before reporters were kept."""
    found = sa.select(REPORTERS.c.reported_by, REPORTERS.c.reason).filter_by(tenant=tenant, source=source, name=name)
    row = connection.execute(found).first()
    return None if row is None else (row.reported_by, row.reason)


def _corrects(connection: Connection, batch: Batch, tenant: str) -> bool:
    """Some of it is a higher revision of what is here."""
    if any(frame.revises for frame in batch.frames):
        return True
    told = (
        (STATUSES, batch.statuses, sa.true()),
        (OUTAGES, batch.outages, OUTAGES.c.until != STILL_OPEN),
        (TICKETS, batch.tickets, sa.true()),
    )
    return any(_replaces(connection, table.select().where(whole), table, rows, tenant) for table, rows, whole in told)


def _replaces(
    connection: Connection,
    known: sa.Select[tuple[object, ...]],
    table: sa.Table,
    rows: Sequence[StatusRow | OutageRow | TicketRow],
    tenant: str,
) -> bool:
    revised = {row.id: row.revision for row in rows if row.revision > 0}
    source = rows[0].source if rows else ""
    named = sorted(revised)
    for start in range(0, len(named), _ASKED_AT_ONCE):
        some = table.c.id.in_(named[start : start + _ASKED_AT_ONCE])
        found = connection.execute(known.where(table.c.tenant == tenant, table.c.source == source, some))
        if any(row.revision < revised[row.id] for row in found):
            return True
    return False


def _record_rows(
    connection: Connection, table: sa.Table, rows: Sequence[StatusRow | OutageRow | TicketRow], common: dict[str, object]
) -> int:
    """How many were new."""
    if not rows:
        return 0
    insert = insert_into(table, connection).on_conflict_do_nothing().returning(table.c.id)
    return len(connection.execute(insert, [{**asdict(row), **common} for row in rows]).all())


def _record_frames(connection: Connection, batch: Batch, tenant: str, recorded_at: Instant) -> int:
    accepted = 0
    numbers = _numbers(connection, tenant, batch.series)
    for frame in batch.frames:
        own = renumbered(frame, numbers)
        fresh = without_repeats(own, _frames_of_source(connection, own, tenant, batch.source))
        if fresh is None:
            continue
        accepted += len(fresh)
        common = {"tenant": tenant, "source": batch.source, "batch": batch.name, "kind": fresh.kind, "recorded_at": recorded_at}
        for number, part in enumerate(parts(fresh)):
            packed = {"base": part.base, "first": part.first, "last": part.last, "revises": part.revises, "rows": part.packed}
            connection.execute(sa.insert(FRAMES).values(**common, **packed, part=number))
    return accepted


def _frames_of_source(connection: Connection, frame: Frame, tenant: str, source: str) -> list[Frame]:
    """The source's frames that may hold a sample of this one: an id keeps its instant, unless a revision moves it."""
    overlapping = sa.and_(FRAMES.c.last >= frame.first, FRAMES.c.first <= frame.last)
    found = (
        sa.select(FRAMES.c.base, FRAMES.c.rows)
        .filter_by(tenant=tenant, kind=frame.kind, source=source)
        .where(sa.or_(overlapping, FRAMES.c.revises))
        .order_by(FRAMES.c.number)
    )
    return [unpacked(frame.kind, row.base, row.rows) for row in connection.execute(found)]


def _numbers(connection: Connection, tenant: str, series: Sequence[Series]) -> list[int]:
    """The store's number of each series, given one where it is new."""
    if not series:
        return []
    rows = [{"tenant": tenant, "service": each.service, "component": each.component} for each in series]
    connection.execute(insert_into(SERIES, connection).on_conflict_do_nothing(), rows)
    known = {named: number for number, named in _series_of(connection, tenant, {each.service for each in series}).items()}
    return [known[each] for each in series]


def _series_of(connection: Connection, tenant: str, services: Collection[str]) -> dict[int, Series]:
    found: dict[int, Series] = {}
    named = sorted(services)
    for start in range(0, len(named), _ASKED_AT_ONCE):
        some = sa.select(SERIES).filter_by(tenant=tenant).where(SERIES.c.service.in_(named[start : start + _ASKED_AT_ONCE]))
        found |= {row.number: Series(row.service, row.component) for row in connection.execute(some)}
    return found


def _frames(connection: Connection, kind: SampleKind, tenant: str, span: Interval, known_at: Instant | None) -> list[Frame]:
    """Frames that touch the span, and all corrections: a corrected sample may have been told for another instant."""
    touching = sa.and_(FRAMES.c.last >= span.start, FRAMES.c.first < span.end)
    columns = FRAMES.c.base, FRAMES.c.rows, FRAMES.c.source
    found = sa.select(*columns).filter_by(tenant=tenant, kind=kind).where(sa.or_(touching, FRAMES.c.revises))
    if known_at is not None:
        found = found.where(FRAMES.c.recorded_at <= known_at)
    return [unpacked(kind, row.base, row.rows, source=row.source) for row in connection.execute(found.order_by(FRAMES.c.number))]


def _current(table: sa.Table, tenant: str, services: Collection[str], known_at: Instant | None) -> sa.Select[tuple[object, ...]]:
    """Rows of which no higher revision is known."""
    newer = table.alias("newer")
    is_same = [newer.c[name] == table.c[name] for name in ("tenant", "source", "id")]
    supersedes = sa.select(sa.literal(1)).where(*is_same, newer.c.revision > table.c.revision)
    rows = sa.select(*table.c).where(table.c.tenant == tenant, table.c.service.in_(sorted(services)))
    if known_at is not None:
        supersedes = supersedes.where(newer.c.recorded_at <= known_at)
        rows = rows.where(table.c.recorded_at <= known_at)
    return rows.where(~supersedes.exists())


def _statuses(connection: Connection, tenant: str, services: Collection[str], span: Interval, known_at: Instant | None) -> list[StatusRow]:
    current = _current(STATUSES, tenant, services, known_at)
    inside = current.where(STATUSES.c.at >= span.start, STATUSES.c.at < span.end)
    before = current.where(STATUSES.c.at < span.start).subquery()
    age = sa.func.rank().over(partition_by=[before.c.service, before.c.component], order_by=before.c.at.desc())
    aged = sa.select(before, age.label("age")).subquery()
    holding = sa.select(*(aged.c[column.name] for column in STATUSES.c)).where(aged.c.age == 1)
    named = [STATUSES.c[name].name for name in ("source", "id", "revision", "service", "component", "at", "state")]
    return [
        StatusRow(source=source, id=own_id, revision=revision, service=service, component=component, at=at, state=_STATES[state])
        for select in (holding, inside)
        for source, own_id, revision, service, component, at, state in connection.execute(select).columns(*named)
    ]


def _outages(connection: Connection, tenant: str, services: Collection[str], known_at: Instant | None) -> list[OutageRow]:
    """All of them: any outage ever tells that its component reports by outages."""
    return [_outage_row(row) for row in connection.execute(_current(OUTAGES, tenant, services, known_at))]


def _tickets(connection: Connection, tenant: str, services: Collection[str], known_at: Instant | None) -> list[TicketRow]:
    return [_ticket_row(row) for row in connection.execute(_current(TICKETS, tenant, services, known_at))]


def _status_row(row: sa.Row[tuple[object, ...]]) -> StatusRow:
    return StatusRow(
        source=row.source,
        id=row.id,
        revision=row.revision,
        service=row.service,
        component=row.component,
        at=row.at,
        state=_STATES[row.state],
    )


def _outage_row(row: sa.Row[tuple[object, ...]]) -> OutageRow:
    return OutageRow(
        source=row.source,
        id=row.id,
        revision=row.revision,
        service=row.service,
        component=row.component,
        at=row.at,
        until=row.until,
        cause=row.cause,
    )


def _ticket_row(row: sa.Row[tuple[object, ...]]) -> TicketRow:
    return TicketRow(
        source=row.source,
        id=row.id,
        revision=row.revision,
        service=row.service,
        component=row.component,
        at=row.at,
        ticket=row.ticket,
        state=TicketState(row.state),
        priority=row.priority,
        step=row.step,
    )


# --- reports -----------------------------------------------------------------------------------------------------------


_STATUS, _OUTAGE, _TICKET, _COUNTER, _LATENCY = range(5)
SAMPLES = frozenset({_COUNTER, _LATENCY})
_Ordering = sa.ColumnElement[int] | sa.ColumnElement[str]


@dataclass(frozen=True)
class _AskedReports:
    """What `reports` is asked for."""

    connection: Connection
    tenant: str
    service: str
    components: tuple[str, ...]
    known_at: Instant | None
    after: Place | None
    limit: int

    def current(self, table: sa.Table) -> sa.Select[tuple[object, ...]]:
        rows = _current(table, self.tenant, [self.service], self.known_at)
        return rows.where(table.c.component.in_(self.components)) if self.components else rows

    def statuses_in(self, span: Interval) -> sa.ColumnElement[bool]:
        before = self.current(STATUSES).where(STATUSES.c.at <= span.start).subquery()
        holding = sa.select(before.c.component, sa.func.max(before.c.at)).group_by(before.c.component)
        inside = sa.and_(STATUSES.c.at >= span.start, STATUSES.c.at < span.end)
        return sa.or_(inside, sa.tuple_(STATUSES.c.component, STATUSES.c.at).in_(holding))

    def order(self, table: sa.Table) -> list[_Ordering]:
        """By batch, texts by their code points in both databases."""
        return [table.c.recorded_at, self.text(table.c.source), self.text(table.c.batch)]

    def text(self, column: sa.Column[str]) -> sa.ColumnElement[str]:
        return column if self.connection.dialect.name == "sqlite" else sa.collate(column, "C")

    def behind(self, table: sa.Table, kind: int, *within: _Ordering) -> sa.ColumnElement[bool]:
        """`within` orders what one batch holds of the kind."""
        if self.after is None:
            return sa.true()
        place = self.after[:4] if self.after.kind != kind else self.after[: 4 + len(within)]
        return sa.tuple_(*self.order(table), _literal(kind), *within[: len(place) - 4]) > sa.tuple_(*map(_literal, place))


def _reported_rows(
    asked: _AskedReports, kind: int, table: sa.Table, touching: sa.ColumnElement[bool], row_of: Callable[[sa.Row[tuple[object, ...]]], R]
) -> Iterator[tuple[Place, R]]:
    within = table.c.at, asked.text(table.c.id)
    rows = asked.current(table).where(touching, asked.behind(table, kind, *within)).order_by(*asked.order(table), *within)
    for row in asked.connection.execute(rows.limit(asked.limit)):
        yield Place(row.recorded_at, row.source, row.batch, kind, row.at, row.id), row_of(row)


def _reported_samples(asked: _AskedReports, number: int, kind: SampleKind, span: Interval) -> Iterator[tuple[Place, SampleRow]]:
    """As many as are asked for; no frame is read before it is needed."""
    connection, left = asked.connection, asked.limit
    series = {
        place: named
        for place, named in _series_of(connection, asked.tenant, [asked.service]).items()
        if not asked.components or named.component in asked.components
    }
    if not series:
        return
    highest = _highest_revisions(asked, kind, series)
    for frame in _frames_behind(asked, number, kind, span):
        packed = connection.execute(sa.select(FRAMES.c.rows).filter_by(number=frame.number)).scalar_one()
        samples = unpacked(kind, frame.base, packed, source=frame.source)
        is_asked = np.isin(samples.rows["series"], list(series)) & (samples.at >= span.start) & (samples.at < span.end)
        place = Place(frame.recorded_at, frame.source, frame.batch, number, frame.part, -1)
        if asked.after is not None and asked.after[:-1] == place[:-1]:
            is_asked[: int(asked.after.minor) + 1] = False
        for row in np.flatnonzero(is_asked).tolist():
            key = int(samples.rows["series"][row]), int(samples.rows["id"][row])
            if samples.rows["revision"][row] >= highest.get(key, 0):
                yield place._replace(minor=row), _sample_row(samples, row, series[key[0]])
                left -= 1
            if not left:
                return


def _frames_behind(asked: _AskedReports, number: int, kind: SampleKind, span: Interval) -> Sequence[sa.Row[int, int, int, str, str, int]]:
    """The frames that touch the span, without their rows, from the one on in which `after` lies."""
    columns = FRAMES.c.number, FRAMES.c.base, FRAMES.c.recorded_at, FRAMES.c.source, FRAMES.c.batch, FRAMES.c.part
    touching = sa.select(*columns).filter_by(tenant=asked.tenant, kind=kind).where(FRAMES.c.last >= span.start, FRAMES.c.first < span.end)
    if asked.known_at is not None:
        touching = touching.where(FRAMES.c.recorded_at <= asked.known_at)
    return asked.connection.execute(
        touching.where(asked.behind(FRAMES, number, FRAMES.c.part + 1)).order_by(*asked.order(FRAMES), FRAMES.c.part)
    ).all()


def _highest_revisions(asked: _AskedReports, kind: SampleKind, series: Mapping[int, Series]) -> Mapping[tuple[int, int], int]:
    """Of the samples that were corrected, by series and identity."""
    found = sa.select(FRAMES.c.base, FRAMES.c.rows).filter_by(tenant=asked.tenant, kind=kind).where(FRAMES.c.revises)
    if asked.known_at is not None:
        found = found.where(FRAMES.c.recorded_at <= asked.known_at)
    highest: dict[tuple[int, int], int] = {}
    for frame in (unpacked(kind, row.base, row.rows) for row in asked.connection.execute(found)):
        rows = frame.rows[np.isin(frame.rows["series"], list(series)) & (frame.rows["revision"] > 0)]
        for number, identity, revision in zip(rows["series"].tolist(), rows["id"].tolist(), rows["revision"].tolist(), strict=True):
            highest[number, identity] = max(revision, highest.get((number, identity), 0))
    return highest


def _sample_row(samples: Frame, row: int, series: Series) -> SampleRow:
    sample = samples.rows[row]
    return SampleRow(
        source=samples.source,
        kind=samples.kind,
        identity=int(sample["id"]),
        revision=int(sample["revision"]),
        service=series.service,
        component=series.component,
        at=Instant(samples.base + int(sample["offset"])),
        values=tuple(int(sample[name]) for name in VALUES[samples.kind]),
    )


def _literal(value: int | str) -> _Ordering:
    return sa.literal(value, sa.BigInteger) if isinstance(value, int) else sa.literal(value, sa.Text)


def _insert_new(connection: Connection, table: sa.Table, rows: Sequence[dict[str, object]]) -> int:
    """How many of them had not been there."""
    options = {"preserve_rowcount": True}
    return connection.execute(insert_into(table, connection).on_conflict_do_nothing(), rows, execution_options=options).rowcount


def insert_into(table: sa.Table, connection: Connection) -> sqlite.Insert | postgresql.Insert:
    """The database's own insert, which can say what is to happen on a conflict."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
