"""Read models: how each month of each agreement stands. Rows that could be rebuilt from the log, the terms and the observations."""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from services.chassis.events import Recorded
from services.measurement.judgement import Document, Event, PeriodClosed, PeriodRestated
from services.measurement.store import METADATA

PERIODS = sa.Table(
    "periods",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)


def apply(connection: Connection, recorded: Recorded[Event]) -> None:
    """The projection: what was stated replaces what was running, for good."""
    match recorded.event:
        case PeriodClosed() | PeriodRestated() as stated:
            _put(connection, stated.assessment, closed=True)
        case _:
            return


def put_running(connection: Connection, document: Document) -> None:
    """The latest assessment of an open month; changes no closed one."""
    _put(connection, document, closed=False)


def months(connection: Connection, agreement_id: str, *, after: str, limit: int) -> Sequence[Document]:
    """In the order of time, beginning behind `after` ("": at the first)."""
    found = sa.select(PERIODS.c.document).where(PERIODS.c.agreement_id == agreement_id, PERIODS.c.period > after)
    return [json.loads(row.document) for row in connection.execute(found.order_by(PERIODS.c.period).limit(limit))]


def closed_months(connection: Connection) -> set[tuple[str, str]]:
    """(agreement, period) of every closed one."""
    return {(row.agreement_id, row.period) for row in connection.execute(sa.select(PERIODS).where(PERIODS.c.closed))}


def _put(connection: Connection, document: Document, *, closed: bool) -> None:
    key = {"agreement_id": document["agreement_id"], "period": document["period"]}
    row = {**key, "closed": closed, "document": json.dumps(document)}
    insert = _insert(PERIODS, connection).values(**row)
    overwritten = {"closed": insert.excluded.closed, "document": insert.excluded.document}
    still_open = None if closed else PERIODS.c.closed.is_(False)
    connection.execute(insert.on_conflict_do_update(index_elements=list(key), set_=overwritten, where=still_open))


def _insert(table: sa.Table, connection: Connection) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
