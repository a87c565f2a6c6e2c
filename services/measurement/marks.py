"""Marks: what has to be assessed anew, and because of whom. Set in the transaction of the cause, cleared after the assessment.

A mark is on a service of a provider (observations came) or on an agreement (its terms changed). A crash in between leaves the mark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis.database import upsert
from services.measurement.batch import Batch, OutageRow, Series
from services.measurement.judgement import Reason
from services.measurement.observation import STILL_OPEN
from services.measurement.store import METADATA, OUTAGES
from services.vocabulary.period import HOUR, Instant, Interval

Scope = Literal["agreement", "service"]

ALWAYS = Interval(Instant(0), STILL_OPEN)
_REACH = 48 * HOUR
"""How far beyond its edges a period looks at what was observed."""

_ASKED_AT_ONCE = 500

K = TypeVar("K")

MARKS = sa.Table(
    "marks",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("stamp", sa.BigInteger, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("causation_id", sa.Text, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why something is to be assessed; the ids lead back to the request or message."""

    reason: Reason
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """`subject` is a service of the tenant or an agreement; everything in `span` may have changed.

    Of several causes all `reasons` are kept, each once, and the last cause.
    """

    scope: Scope
    tenant: str
    subject: str
    stamp: int
    span: Interval
    reasons: tuple[Reason, ...]
    cause: Cause


@dataclass(frozen=True, kw_only=True)
class ToldBefore:
    """Components of which an outage is known, and the time of those that are told again, whatever was said of it so far."""

    series: frozenset[Series] = frozenset()
    outages: Mapping[tuple[Series, str], Interval] = field(default_factory=dict)


NOTHING_TOLD = ToldBefore()


def set_mark(connection: Connection, *, scope: Scope, tenant: str, subject: str, span: Interval, cause: Cause) -> None:
    """Widens the mark that is there."""
    key = {"scope": scope, "tenant": tenant, "subject": subject}
    clear = {"stamp": 0, "first": 0, "last": 0, "reasons": ""}
    ids = {
        "recorded_at": cause.reason.recorded_at,
        "correlation_id": cause.correlation_id,
        "causation_id": cause.causation_id,
        "traceparent": cause.traceparent,
    }
    upsert(MARKS, connection, {**key, **clear, **ids}, key=list(key), overwrite=False)
    row = connection.execute(sa.select(MARKS).filter_by(**key).with_for_update()).one()
    if row.reasons:
        span = Interval(min(span.start, Instant(row.first)), max(span.end, Instant(row.last)))
    reasons = {reason.words: reason for reason in (*_reasons(row.reasons), cause.reason)}
    changed = {"stamp": row.stamp + 1, "first": span.start, "last": span.end, "reasons": _told(reasons.values()), **ids}
    connection.execute(sa.update(MARKS).filter_by(**key).values(**changed))


def marked(connection: Connection) -> list[Mark]:
    """Agreements first: what an amendment changes is not to be told as late observations."""
    found = sa.select(MARKS).where(MARKS.c.reasons != "").order_by(MARKS.c.scope, MARKS.c.recorded_at)
    return [
        Mark(
            scope="agreement" if row.scope == "agreement" else "service",
            tenant=row.tenant,
            subject=row.subject,
            stamp=row.stamp,
            span=Interval(Instant(row.first), Instant(row.last)),
            reasons=_reasons(row.reasons),
            cause=_cause(row),
        )
        for row in connection.execute(found)
    ]


def clear_mark(connection: Connection, mark: Mark) -> None:
    """Leaves a mark that was set again meanwhile. The latest cause stays on record."""
    same = sa.and_(MARKS.c.scope == mark.scope, MARKS.c.tenant == mark.tenant, MARKS.c.subject == mark.subject, MARKS.c.stamp == mark.stamp)
    connection.execute(sa.update(MARKS).where(same).values(reasons=""))


def latest_cause(connection: Connection, *, tenant: str, services: Collection[str], pending: bool = False) -> Cause | None:
    """The report that was the last to bear on any of the services; `pending`: of those not assessed yet."""
    told = sa.select(MARKS).where(MARKS.c.scope == "service", MARKS.c.tenant == tenant, MARKS.c.subject.in_(sorted(services)))
    if pending:
        told = told.where(MARKS.c.reasons != "")
    row = connection.execute(told.order_by(MARKS.c.recorded_at.desc()).limit(1)).first()
    return None if row is None else _cause(row)


def told_before(connection: Connection, batch: Batch, *, tenant: str) -> ToldBefore:
    """What the store knows already of what the batch says of outages; asked before the batch is kept."""
    if not batch.outages:
        return NOTHING_TOLD
    services = sorted({row.service for row in batch.outages})
    names = (OUTAGES.c.service, OUTAGES.c.component)
    series = connection.execute(sa.select(*names).distinct().where(OUTAGES.c.tenant == tenant, OUTAGES.c.service.in_(services)))
    ids = sorted({row.id for row in batch.outages})
    spans: dict[tuple[Series, str], Interval] = {}
    for start in range(0, len(ids), _ASKED_AT_ONCE):
        some = OUTAGES.c.id.in_(ids[start : start + _ASKED_AT_ONCE])
        same = sa.select(OUTAGES).where(OUTAGES.c.tenant == tenant, OUTAGES.c.source == batch.source, some)
        for row in connection.execute(same):
            _widen(spans, (Series(row.service, row.component), row.id), Interval(row.at, row.until))
    return ToldBefore(series=frozenset(Series(*row) for row in series), outages=spans)


def touched(batch: Batch, before: ToldBefore = NOTHING_TOLD) -> Iterable[tuple[str, Interval]]:
    """Each service of a batch with the time in which its figures may change.

    A state holds on; a correction may move what it corrects; the first outage tells that its component reports by outages, at any time,
    and every other one its own time and, corrected, the one it had; a step of a ticket counts for the period in which the ticket was due,
    however long ago that was.
    """
    spans: dict[str, Interval] = {}
    for status in batch.statuses:
        _widen(spans, status.service, ALWAYS if status.revision > 0 else Interval(status.at, STILL_OPEN))
    for outage in batch.outages:
        _widen(spans, outage.service, _touched_by(outage, before))
    for ticket in batch.tickets:
        _widen(spans, ticket.service, ALWAYS)
    for frame in batch.frames:
        for service in {batch.series[number].service for number in set(frame.rows["series"].tolist())}:
            _widen(spans, service, ALWAYS if frame.revises else Interval(frame.first, Instant(frame.last + 1)))
    return spans.items()


def _touched_by(outage: OutageRow, before: ToldBefore) -> Interval:
    """Wider than the outage: one that it joins may have become long enough to count."""
    series = Series(outage.service, outage.component)
    if series not in before.series or any(known != series for known, id in before.outages if id == outage.id):
        return ALWAYS
    known = before.outages.get((series, outage.id), Interval(outage.at, outage.until))
    start, end = min(known.start, outage.at), max(known.end, outage.until)
    return Interval(Instant(start - _REACH), Instant(min(end, STILL_OPEN - _REACH) + _REACH))


def _widen(spans: dict[K, Interval], key: K, span: Interval) -> None:
    known = spans.get(key, span)
    spans[key] = Interval(min(known.start, span.start), max(known.end, span.end))


def _cause(row: sa.Row[tuple[object, ...]]) -> Cause:
    reasons = _reasons(row.reasons)
    return Cause(
        reason=reasons[-1] if reasons else Reason(words="", recorded_at=Instant(row.recorded_at)),
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        traceparent=row.traceparent,
    )


def _told(reasons: Iterable[Reason]) -> str:
    """A line each: when, and why in words, which hold no line break."""
    return "\n".join(f"{reason.recorded_at} {reason.words}" for reason in reasons)


def _reasons(told: str) -> tuple[Reason, ...]:
    parts = [line.partition(" ") for line in told.split("\n") if line]
    return tuple(Reason(words=words, recorded_at=Instant(int(recorded_at))) for recorded_at, _, words in parts)
