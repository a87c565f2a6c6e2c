"""Read models: how each period of each agreement stands. Rows that could be rebuilt from the log, the terms and the observations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis.events import Recorded
from services.measurement import marks
from services.measurement.credit import BookedCredit
from services.measurement.judgement import Document, PeriodClosed, PeriodRestated, Reason
from services.measurement.marks import Cause
from services.measurement.periods import in_order
from services.measurement.store import METADATA, insert_into
from services.measurement.stored import Stored
from services.vocabulary.money import Money
from services.vocabulary.period import Instant, Interval, Period, parse_instant, parse_period

PERIODS = sa.Table(
    "periods",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
BOOKED = sa.Table(
    "booked_credits",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount", sa.Text, nullable=False),
    sa.Column("charge", sa.Text, nullable=False),
)


def apply(connection: Connection, recorded: Recorded[Stored]) -> None:
    """The projection: what was stated replaces what was running, for good."""
    match recorded.event:
        case PeriodClosed() | PeriodRestated() as stated:
            _put(connection, stated.assessment, closed=True)
            _book(connection, stated.assessment)
            if _moves_the_year(stated):
                _mark_later_months(connection, stated, recorded)
        case _:
            return


def put_running(connection: Connection, document: Document) -> None:
    """The latest assessment of an open month; changes no closed one."""
    _put(connection, document, closed=False)


def months(connection: Connection, agreement_id: str, *, after: Period | None, limit: int) -> Sequence[Document]:
    """In the order of time, beginning behind `after` (None: at the first). Texts of periods have another order, so theirs is made here."""
    own = PERIODS.c.agreement_id == agreement_id
    known = (_period(row.period) for row in connection.execute(sa.select(PERIODS.c.period).where(own)))
    behind = sorted((period for period in known if after is None or in_order(period) > in_order(after)), key=in_order)
    page = [str(period) for period in behind[:limit]]
    found = connection.execute(sa.select(PERIODS.c.period, PERIODS.c.document).where(own, PERIODS.c.period.in_(page)))
    documents = {row.period: row.document for row in found}
    return [json.loads(documents[period]) for period in page]


def closed_months(connection: Connection) -> set[tuple[str, str]]:
    """(agreement, period) of every closed one."""
    found = sa.select(PERIODS.c.agreement_id, PERIODS.c.period).where(PERIODS.c.closed)
    return {(row.agreement_id, row.period) for row in connection.execute(found)}


def booked(connection: Connection, agreement_id: str, *, known_at: Instant | None) -> Sequence[BookedCredit]:
    """What each closed period paid, by its newest revision known then."""
    found = sa.select(BOOKED).where(BOOKED.c.agreement_id == agreement_id)
    if known_at is not None:
        found = found.where(BOOKED.c.recorded_at <= known_at)
    newest = {row.period: row for row in connection.execute(found.order_by(BOOKED.c.period, BOOKED.c.revision))}
    return [booked_credit(row.period, amount=row.amount, charge=row.charge, currency=row.currency) for row in newest.values()]


def booked_credit(period: str, *, amount: str, charge: str, currency: str) -> BookedCredit:
    """From the texts of a document."""
    return BookedCredit(month=_period(period), amount=Money(Decimal(amount), currency), charge=Money(Decimal(charge), currency))


def _period(text: str) -> Period:
    return parse_period(text, place="period")


def _book(connection: Connection, document: Document) -> None:
    credit = document["credit"]
    if not isinstance(credit, dict):
        return
    row = {
        "agreement_id": document["agreement_id"],
        "period": document["period"],
        "revision": document["revision"],
        "recorded_at": parse_instant(str(document["recorded_at"]), place="recorded_at"),
        "currency": credit["currency"],
        "amount": credit["amount"],
        "charge": credit["monthly_charge"],
    }
    connection.execute(insert_into(BOOKED, connection).values(**row).on_conflict_do_nothing())


def _moves_the_year(stated: PeriodClosed | PeriodRestated) -> bool:
    """It booked something, or something else than before: a later period may have been judged without it."""
    if isinstance(stated, PeriodRestated):
        return Decimal(stated.credit_difference) != 0
    credit = stated.assessment["credit"]
    return isinstance(credit, dict) and Decimal(str(credit["amount"])) != 0


def _mark_later_months(connection: Connection, stated: PeriodClosed | PeriodRestated, recorded: Recorded[Stored]) -> None:
    """What a year has left is less or more now."""
    metadata = recorded.metadata
    what = "restatement" if isinstance(stated, PeriodRestated) else "close"
    reason = Reason(words=f"{what} of {stated.period}", recorded_at=parse_instant(metadata.recorded_at, place="recorded_at"))
    cause = Cause(
        reason=reason,
        correlation_id=metadata.correlation_id,
        causation_id=metadata.event_id,
        traceparent=metadata.traceparent,
    )
    after = Interval(parse_instant(str(stated.assessment["end"]), place="end"), marks.ALWAYS.end)
    marks.set_mark(connection, scope="agreement", tenant=stated.provider, subject=stated.agreement_id, span=after, cause=cause)


def _put(connection: Connection, document: Document, *, closed: bool) -> None:
    key = {"agreement_id": document["agreement_id"], "period": document["period"]}
    row = {**key, "closed": closed, "document": json.dumps(document)}
    insert = insert_into(PERIODS, connection).values(**row)
    overwritten = {"closed": insert.excluded.closed, "document": insert.excluded.document}
    still_open = None if closed else PERIODS.c.closed.is_(False)
    connection.execute(insert.on_conflict_do_update(index_elements=list(key), set_=overwritten, where=still_open))
