"""The observation store: frames and rows in SQL, each sample told once, nothing overwritten. Judges nothing.

Works on the caller's connection: what is recorded together commits together. SQLite and PostgreSQL run the same statements.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from services.measurement.batch import Batch, Observations, OutageRow, Series, StatusRow, TicketRow
from services.measurement.frame import Frame, SampleKind, parts, renumbered, unpacked, without_repeats
from services.measurement.observation import STILL_OPEN, State, TicketState
from services.vocabulary.errors import Conflict
from services.vocabulary.period import Instant, Interval

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
    found = sa.select(FRAMES.c.base, FRAMES.c.rows).filter_by(tenant=tenant, kind=kind).where(sa.or_(touching, FRAMES.c.revises))
    if known_at is not None:
        found = found.where(FRAMES.c.recorded_at <= known_at)
    return [unpacked(kind, row.base, row.rows) for row in connection.execute(found.order_by(FRAMES.c.number))]


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
    return [
        StatusRow(
            source=row.source,
            id=row.id,
            revision=row.revision,
            service=row.service,
            component=row.component,
            at=row.at,
            state=State(row.state),
        )
        for select in (holding, inside)
        for row in connection.execute(select)
    ]


def _outages(connection: Connection, tenant: str, services: Collection[str], known_at: Instant | None) -> list[OutageRow]:
    """All of them: any outage ever tells that its component reports by outages."""
    return [
        OutageRow(
            source=row.source,
            id=row.id,
            revision=row.revision,
            service=row.service,
            component=row.component,
            at=row.at,
            until=row.until,
            cause=row.cause,
        )
        for row in connection.execute(_current(OUTAGES, tenant, services, known_at))
    ]


def _tickets(connection: Connection, tenant: str, services: Collection[str], known_at: Instant | None) -> list[TicketRow]:
    return [
        TicketRow(
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
        for row in connection.execute(_current(TICKETS, tenant, services, known_at))
    ]


def _insert_new(connection: Connection, table: sa.Table, rows: Sequence[dict[str, object]]) -> int:
    """How many of them had not been there."""
    options = {"preserve_rowcount": True}
    return connection.execute(insert_into(table, connection).on_conflict_do_nothing(), rows, execution_options=options).rowcount


def insert_into(table: sa.Table, connection: Connection) -> sqlite.Insert | postgresql.Insert:
    """The database's own insert, which can say what is to happen on a conflict."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
