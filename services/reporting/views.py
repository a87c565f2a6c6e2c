"""What reporting remembers of what it was told, and the reports it issued: rows, rebuilt by hearing the same streams again.

Every row is made from its message alone, so a replay gives the same rows. Nothing here is judged or computed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from upheld.agreements.v1.events_pb2 import (
    AgreementActivated,
    AgreementAmended,
    AgreementEnded,
    AgreementRenewed,
    AgreementSuspended,
)
from upheld.agreements.v1.terms_pb2 import Terms as TermsMessage
from upheld.improvement.v1.events_pb2 import ImprovementChanged
from upheld.measurement.v1.events_pb2 import ObjectiveAtRisk, ObjectiveBreached, PeriodClosed, PeriodRestated

from services.chassis.database import INBOX, Database, upsert
from services.chassis.events import Recorded
from services.reporting import wire
from services.reporting.issue import ReportIssued
from services.reporting.material import Agreement, Assessment, Breach, EarlyWarning, Improvement, PeriodResult, time_of
from services.vocabulary.errors import Invalid, invalid
from services.vocabulary.period import parse_period

_PAGE_START = re.compile(r"([0-9QWPMYD-]{4,20})\|([0-9A-Za-z-]{1,64})\|(\d{1,9})", re.ASCII)

PeriodRow = Row[tuple[str, str, int, str, bool, str, str, str, bytes]]

metadata = sa.MetaData()

agreements = sa.Table(
    "agreements",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("last_day", sa.Text, nullable=False, default=""),
)

agreement_terms = sa.Table(
    "agreement_terms",
    metadata,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("effective_on", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("terms", sa.LargeBinary, nullable=False),
)

# Last day inclusive, empty until it is resumed.
suspensions = sa.Table(
    "suspensions",
    metadata,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("first_day", sa.Text, primary_key=True),
    sa.Column("last_day", sa.Text, nullable=False),
)

# Who may see an agreement and all that hangs on it: the parties and auditors of its newest terms.
agreement_readers = sa.Table(
    "agreement_readers",
    metadata,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("organisation", sa.Text, primary_key=True),
    sa.Index("agreement_readers_organisation", "organisation"),
)

periods = sa.Table(
    "periods",
    metadata,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("restated", sa.Boolean, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
)

warnings = sa.Table(
    "warnings",
    metadata,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("objective_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
)

breaches = sa.Table(
    "breaches",
    metadata,
    sa.Column("breach_id", sa.Text, primary_key=True),
    sa.Column("agreement_id", sa.Text, nullable=False),
    sa.Column("objective_id", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
    sa.Index("breaches_period", "agreement_id", "period"),
)

improvements = sa.Table(
    "improvements",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("agreement_id", sa.Text, nullable=False, index=True),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
)

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("issued_at", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)


# Of the periods that results and reports are of: their texts are in no order.
period_days = sa.Table(
    "period_days",
    metadata,
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("first_day", sa.Text, nullable=False),
    sa.Column("day_after", sa.Text, nullable=False),
)


@sa.event.listens_for(metadata, "after_create")
def fill_period_days(_: object, connection: Connection, **__: object) -> None:
    """For rows of before the table was there."""
    for told in (periods, reports):
        unknown = sa.select(told.c.period).distinct().where(told.c.period.not_in(sa.select(period_days.c.period)))
        for period in connection.execute(unknown).scalars().all():
            _learn(connection, period)


@dataclass(frozen=True, kw_only=True)
class IssuedReport:
    """An issued report: `document` is its JSON to the byte, `digest` the SHA-256 of it in hex."""

    agreement_id: str
    period: str
    revision: int
    issued_at: str
    digest: str
    document: bytes


@dataclass(frozen=True, kw_only=True)
class Due:
    """A revision of a closed period whose report has not been issued, and the event that told of it."""

    agreement_id: str
    period: str
    revision: int
    event_id: str
    correlation_id: str
    trace_id: str


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Where a message came from: its event, and what that belongs to. Empty texts are unknown."""

    event_id: str
    correlation_id: str
    trace_id: str


def agreement_activated(connection: Connection, message: AgreementActivated) -> None:
    """The first signed terms bring an agreement into view."""
    values = {"id": message.agreement_id, "title": message.terms.title, "status": "active", "last_day": message.terms.ends_on}
    upsert(agreements, connection, values, key=["id"])
    _terms_signed(connection, message)


def agreement_amended(connection: Connection, message: AgreementAmended) -> None:
    """One more version; title and readers follow the newest. With the end that was agreed before, renewals stay."""
    changed = {"title": message.terms.title}
    if message.terms.ends_on != _agreed_end(connection, message.agreement_id):
        changed["last_day"] = message.terms.ends_on
    connection.execute(sa.update(agreements).where(agreements.c.id == message.agreement_id).values(changed))
    _terms_signed(connection, message)


def agreement_ended(connection: Connection, message: AgreementEnded) -> None:
    """Its last day is known; reports on what was before stay."""
    ended = {"status": message.how, "last_day": message.last_day}
    connection.execute(sa.update(agreements).where(agreements.c.id == message.agreement_id).values(ended))


def agreement_renewed(connection: Connection, message: AgreementRenewed) -> None:
    """Its term goes on until another day."""
    renewed = {"last_day": message.last_day}
    connection.execute(sa.update(agreements).where(agreements.c.id == message.agreement_id).values(renewed))


def agreement_suspended(connection: Connection, message: AgreementSuspended) -> None:
    """Known by its first day; told again with its last one."""
    values = {"agreement_id": message.agreement_id, "first_day": message.first_day, "last_day": message.last_day}
    upsert(suspensions, connection, values, key=["agreement_id", "first_day"])


def period_closed(connection: Connection, message: PeriodClosed, heard: Heard) -> None:
    """The first result of a period."""
    _period(connection, message, heard, restated=False)


def period_restated(connection: Connection, message: PeriodRestated, heard: Heard) -> None:
    """A later result of a period, beside the earlier ones."""
    _period(connection, message, heard, restated=True)


def objective_at_risk(connection: Connection, message: ObjectiveAtRisk, heard: Heard) -> None:
    """An early warning."""
    values = {
        "agreement_id": message.agreement_id,
        "objective_id": message.objective_id,
        "period": message.period,
        "recorded_at": message.recorded_at,
        "trace_id": heard.trace_id,
        "message": message.SerializeToString(deterministic=True),
    }
    upsert(warnings, connection, values, key=["agreement_id", "objective_id", "period"])


def objective_breached(connection: Connection, message: ObjectiveBreached, heard: Heard) -> None:
    """A breach, with the trace it was found in."""
    values = {
        "breach_id": message.breach_id,
        "agreement_id": message.agreement_id,
        "objective_id": message.objective_id,
        "period": message.period,
        "recorded_at": message.recorded_at,
        "trace_id": heard.trace_id or message.trace_id,
        "message": message.SerializeToString(deterministic=True),
    }
    upsert(breaches, connection, values, key=["breach_id"])


def improvement_changed(connection: Connection, message: ImprovementChanged) -> None:
    """The whole state after a step replaces the one before; an older version changes nothing."""
    state = message.improvement
    known = connection.execute(sa.select(improvements.c.version).where(improvements.c.id == state.id)).scalar()
    if known is not None and known >= state.version:
        return
    values = {
        "id": state.id,
        "agreement_id": state.agreement_id,
        "period": state.period,
        "status": state.status,
        "version": state.version,
        "changed_at": message.recorded_at,
        "message": message.SerializeToString(deterministic=True),
    }
    upsert(improvements, connection, values, key=["id"])


def report_issued(connection: Connection, recorded: Recorded[ReportIssued]) -> None:
    """An issued report, from reporting's own log."""
    event = recorded.event
    values = {
        "agreement_id": event.agreement_id,
        "period": event.period,
        "revision": event.revision,
        "issued_at": recorded.metadata.recorded_at,
        "digest": sha256(event.document.encode()).hexdigest(),
        "document": event.document,
    }
    upsert(reports, connection, values, key=["agreement_id", "period", "revision"])
    _learn(connection, event.period)


class Views:
    """The questions reporting asks its rows. A `reader` of None sees every agreement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def agreement(self, agreement_id: str, *, reader: str | None) -> Agreement | None:
        """None where there is none, or none that the reader may know of."""

        def work(connection: Connection) -> Agreement | None:
            row = connection.execute(
                sa.select(agreements).where(agreements.c.id == agreement_id, _seen_by(agreements.c.id, reader))
            ).first()
            return _agreement(connection, row) if row is not None else None

        return await self._database.read(work)

    async def agreements(self, *, reader: str | None, limit: int) -> list[Agreement]:
        """Those the reader may see, by title."""

        def work(connection: Connection) -> list[Agreement]:
            query = (
                sa.select(agreements).where(_seen_by(agreements.c.id, reader)).order_by(agreements.c.title, agreements.c.id).limit(limit)
            )
            return [_agreement(connection, row) for row in connection.execute(query).all()]

        return await self._database.read(work)

    async def result(self, agreement_id: str, period: str, revision: int | None = None) -> PeriodResult | None:
        """The closed period's result in that revision, else the newest; None while it is not closed."""
        query = sa.select(periods).where(periods.c.agreement_id == agreement_id, periods.c.period == period)
        if revision is not None:
            query = query.where(periods.c.revision == revision)

        def work(connection: Connection) -> PeriodResult | None:
            row = connection.execute(query.order_by(periods.c.revision.desc()).limit(1)).first()
            return _result(row) if row is not None else None

        return await self._database.read(work)

    async def results(self, agreement_id: str, *, limit: int) -> list[Assessment]:
        """The newest revision of each closed period, the latest `limit` periods, oldest first."""
        newest = (
            sa.select(periods.c.period, sa.func.max(periods.c.revision).label("revision"))
            .join(period_days, period_days.c.period == periods.c.period)
            .where(periods.c.agreement_id == agreement_id)
            .group_by(periods.c.period, period_days.c.first_day, period_days.c.day_after)
            .order_by(period_days.c.first_day.desc(), period_days.c.day_after.desc())
            .limit(limit)
            .subquery()
        )
        query = (
            sa.select(periods)
            .join(newest, sa.and_(periods.c.period == newest.c.period, periods.c.revision == newest.c.revision))
            .join(period_days, period_days.c.period == periods.c.period)
            .where(periods.c.agreement_id == agreement_id)
            .order_by(period_days.c.first_day, period_days.c.day_after)
        )
        return await self._database.read(lambda connection: [_result(row).assessment for row in connection.execute(query).all()])

    async def breaches(self, agreement_id: str, period: str) -> list[Breach]:
        query = (
            sa.select(breaches).where(breaches.c.agreement_id == agreement_id, breaches.c.period == period).order_by(breaches.c.recorded_at)
        )

        def work(connection: Connection) -> list[Breach]:
            rows = connection.execute(query).all()
            return [wire.breach(ObjectiveBreached.FromString(row.message), trace_id=row.trace_id) for row in rows]

        return await self._database.read(work)

    async def warnings(self, agreement_id: str, period: str) -> list[EarlyWarning]:
        query = (
            sa.select(warnings).where(warnings.c.agreement_id == agreement_id, warnings.c.period == period).order_by(warnings.c.recorded_at)
        )
        return await self._database.read(
            lambda connection: [wire.warning(ObjectiveAtRisk.FromString(row.message)) for row in connection.execute(query).all()]
        )

    async def improvements(self, agreement_id: str) -> list[Improvement]:
        """In the order of their periods."""
        query = sa.select(improvements.c.message).where(improvements.c.agreement_id == agreement_id)

        def work(connection: Connection) -> list[Improvement]:
            return [wire.improvement(ImprovementChanged.FromString(row.message)) for row in connection.execute(query).all()]

        return sorted(await self._database.read(work), key=lambda improvement: (time_of(improvement.period), improvement.id))

    async def issued(self, agreement_id: str, period: str, revision: int | None = None) -> IssuedReport | None:
        """That revision, else the newest issued."""
        query = sa.select(reports).where(reports.c.agreement_id == agreement_id, reports.c.period == period)
        if revision is not None:
            query = query.where(reports.c.revision == revision)

        def work(connection: Connection) -> IssuedReport | None:
            row = connection.execute(query.order_by(reports.c.revision.desc()).limit(1)).first()
            return _issued(row) if row is not None else None

        return await self._database.read(work)

    async def issued_reports(
        self, *, reader: str | None, agreement_id: str, after: tuple[str, str, int] | None, limit: int
    ) -> list[IssuedReport]:
        """All revisions, newest period first; `after` is the (period, agreement, revision) that the page before ended with."""
        query = sa.select(reports).join(period_days, period_days.c.period == reports.c.period)
        query = query.where(_seen_by(reports.c.agreement_id, reader))
        if agreement_id:
            query = query.where(reports.c.agreement_id == agreement_id)
        if after:
            query = query.where(_later_than(after))
        newest_first = (period_days.c.first_day.desc(), period_days.c.day_after.desc())
        query = query.order_by(*newest_first, reports.c.agreement_id, reports.c.period, reports.c.revision.desc()).limit(limit)
        return await self._database.read(lambda connection: [_issued(row) for row in connection.execute(query).all()])

    async def position_of(self, event_id: str) -> int:
        """Where an event that was heard stands among its service's; 0: not known."""
        found = sa.select(sa.func.max(INBOX.c.position)).where(INBOX.c.event_id == event_id)
        return await self._database.read(lambda connection: connection.execute(found).scalar() or 0)

    async def due(self) -> list[Due]:
        """Closed periods whose report is missing, in the order they are to be issued."""
        same = sa.and_(
            reports.c.agreement_id == periods.c.agreement_id, reports.c.period == periods.c.period, reports.c.revision == periods.c.revision
        )
        query = (
            sa.select(periods)
            .select_from(periods.outerjoin(reports, same).join(period_days, period_days.c.period == periods.c.period))
            .where(reports.c.agreement_id.is_(None))
            .order_by(period_days.c.first_day, period_days.c.day_after, periods.c.agreement_id, periods.c.revision)
        )
        return await self._database.read(lambda connection: [_due(row) for row in connection.execute(query).all()])


def parse_page_start(text: str, *, place: str) -> tuple[str, str, int] | None:
    """Where a page begins: after (period, agreement, revision). None at the start; refuses with `Invalid` what no page gave."""
    if not text:
        return None
    found = _PAGE_START.fullmatch(text)
    try:
        period = str(parse_period(found[1], place=place)) if found else ""
    except Invalid:
        period = ""
    if found is None or not period:
        raise invalid(place, "must be the `next` of the page before")
    return period, found[2], int(found[3])


def page_start(last: IssuedReport) -> str:
    """The inverse of `parse_page_start`, for the page after the one that this report ends."""
    return f"{last.period}|{last.agreement_id}|{last.revision}"


def _agreed_end(connection: Connection, agreement_id: str) -> str:
    signed = sa.select(agreement_terms.c.terms).where(agreement_terms.c.agreement_id == agreement_id)
    terms = connection.execute(signed.order_by(agreement_terms.c.number.desc()).limit(1)).scalar()
    return TermsMessage.FromString(terms).ends_on if terms is not None else ""


def _terms_signed(connection: Connection, message: AgreementActivated | AgreementAmended) -> None:
    values = {
        "agreement_id": message.agreement_id,
        "number": message.terms_version,
        "effective_on": message.effective_on,
        "recorded_at": message.recorded_at,
        "terms": message.terms.SerializeToString(deterministic=True),
    }
    upsert(agreement_terms, connection, values, key=["agreement_id", "number"])
    readers = sorted({party.organisation for party in message.terms.parties} | set(message.terms.auditors))
    connection.execute(sa.delete(agreement_readers).where(agreement_readers.c.agreement_id == message.agreement_id))
    connection.execute(
        sa.insert(agreement_readers), [{"agreement_id": message.agreement_id, "organisation": organisation} for organisation in readers]
    )


def _period(connection: Connection, message: PeriodClosed | PeriodRestated, heard: Heard, *, restated: bool) -> None:
    values = {
        "agreement_id": message.assessment.agreement_id,
        "period": message.assessment.period,
        "revision": message.assessment.revision,
        "recorded_at": message.assessment.recorded_at,
        "restated": restated,
        "event_id": heard.event_id,
        "correlation_id": heard.correlation_id,
        "trace_id": heard.trace_id,
        "message": message.SerializeToString(deterministic=True),
    }
    upsert(periods, connection, values, key=["agreement_id", "period", "revision"])
    _learn(connection, message.assessment.period)


def _learn(connection: Connection, period: str) -> None:
    first_day, day_after = time_of(period)
    upsert(period_days, connection, {"period": period, "first_day": str(first_day), "day_after": str(day_after)}, key=["period"])


def _seen_by(agreement_id: sa.Column[str], reader: str | None) -> sa.ColumnElement[bool]:
    if reader is None:
        return sa.true()
    return agreement_id.in_(sa.select(agreement_readers.c.agreement_id).where(agreement_readers.c.organisation == reader))


def _later_than(after: tuple[str, str, int]) -> sa.ColumnElement[bool]:
    period, agreement_id, revision = after
    first_day, day_after = (str(day) for day in time_of(period))
    same_days = sa.and_(period_days.c.first_day == first_day, period_days.c.day_after == day_after)
    same_agreement = sa.and_(same_days, reports.c.agreement_id == agreement_id)
    return sa.or_(
        period_days.c.first_day < first_day,
        sa.and_(period_days.c.first_day == first_day, period_days.c.day_after < day_after),
        sa.and_(same_days, reports.c.agreement_id > agreement_id),
        sa.and_(same_agreement, reports.c.period > period),
        sa.and_(same_agreement, reports.c.period == period, reports.c.revision < revision),
    )


def _agreement(connection: Connection, row: Row[tuple[str, str, str, str]]) -> Agreement:
    query = sa.select(agreement_terms).where(agreement_terms.c.agreement_id == row.id).order_by(agreement_terms.c.number)
    versions = tuple(
        wire.terms(
            TermsMessage.FromString(signed.terms), number=signed.number, effective_on=signed.effective_on, recorded_at=signed.recorded_at
        )
        for signed in connection.execute(query).all()
    )
    suspended = sa.select(suspensions).where(suspensions.c.agreement_id == row.id).order_by(suspensions.c.first_day)
    return Agreement(
        id=row.id,
        status=row.status,
        last_day=row.last_day,
        versions=versions,
        suspensions=tuple((each.first_day, each.last_day) for each in connection.execute(suspended).all()),
    )


def _due(row: PeriodRow) -> Due:
    return Due(
        agreement_id=row.agreement_id,
        period=row.period,
        revision=row.revision,
        event_id=row.event_id,
        correlation_id=row.correlation_id,
        trace_id=row.trace_id,
    )


def _result(row: PeriodRow) -> PeriodResult:
    if row.restated:
        return wire.restated(PeriodRestated.FromString(row.message))
    return wire.closed(PeriodClosed.FromString(row.message))


def _issued(row: Row[tuple[str, str, int, str, str, str]]) -> IssuedReport:
    return IssuedReport(
        agreement_id=row.agreement_id,
        period=row.period,
        revision=row.revision,
        issued_at=row.issued_at,
        digest=row.digest,
        document=row.document.encode(),
    )
