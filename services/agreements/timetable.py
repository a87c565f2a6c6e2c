"""When agreements begin and are suspended, as a read model beside the list. Rebuilt from the log at any time; decides nothing.

It has a projection of its own, so that it is made anew where the list is older than it.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.agreements.facts import Activated, Drafted, Expired, Fact, Resumed, Suspended, Terminated
from services.agreements.keys import KeyRegistered, KeyRevoked, KeyRotated
from services.agreements.stored import Stored
from services.agreements.terms import stored_terms
from services.chassis.database import Database
from services.chassis.events import Recorded
from services.vocabulary.period import Instant, parse_zone, start_of_day

NAME = "agreements-timetable"
METADATA = sa.MetaData()

LIVES = sa.Table(
    "agreement_lives",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("begins_us", sa.BigInteger, nullable=False),
    sa.Column("updated_position", sa.BigInteger, nullable=False, index=True),
)
"""Those that have not ended; `begins_us` is 0 until both have signed."""

SUSPENSIONS = sa.Table(
    "agreement_suspensions",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("first_day", sa.Text, primary_key=True),
    sa.Column("begins_us", sa.BigInteger, nullable=False),
    sa.Column("ends_us", sa.BigInteger),
)
"""[begins_us, ends_us); without an end until resumed."""


class Timetable:
    """Which agreements time may do something to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changed_after(self, position: int) -> list[tuple[UUID, int]]:
        """Those that have not ended and have a fact after a position of the log, with the position of the last; in that order."""
        table = LIVES.c
        query = sa.select(table.agreement_id, table.updated_position).where(table.updated_position > position)
        rows = await self._database.read(lambda connection: connection.execute(query.order_by(table.updated_position)).all())
        return [(UUID(agreement_id), updated) for agreement_id, updated in rows]


def status_at(stored: sa.ColumnElement[str], agreement_id: sa.ColumnElement[str], now: Instant) -> sa.ColumnElement[str]:
    """The stored status of an agreement, told apart by what the timetable says of an instant."""
    begins_later = sa.exists().where(LIVES.c.agreement_id == agreement_id, LIVES.c.begins_us > now)
    not_over = sa.or_(SUSPENSIONS.c.ends_us.is_(None), SUSPENSIONS.c.ends_us > now)
    is_suspended = sa.exists().where(SUSPENSIONS.c.agreement_id == agreement_id, SUSPENSIONS.c.begins_us <= now, not_over)
    runs = stored == "active"
    return sa.case((sa.and_(runs, begins_later), "agreed"), (sa.and_(runs, is_suspended), "suspended"), else_=stored)


def apply(connection: Connection, recorded: Recorded[Stored]) -> None:
    """One fact into the rows; the projection sees to it that each comes once and in order."""
    fact = recorded.event
    if not isinstance(fact, KeyRegistered | KeyRotated | KeyRevoked):
        _apply(connection, str(recorded.stream), fact, recorded.position)


def _apply(connection: Connection, agreement_id: str, fact: Fact, position: int) -> None:
    if isinstance(fact, Drafted):
        first = {"agreement_id": agreement_id, "zone": "", "begins_us": 0, "updated_position": position}
        connection.execute(sa.insert(LIVES).values(first))
        return
    if isinstance(fact, Terminated | Expired):
        connection.execute(sa.delete(LIVES).where(LIVES.c.agreement_id == agreement_id))
        return
    changed: dict[str, int | str] = {"updated_position": position}
    if isinstance(fact, Activated):
        terms = stored_terms(fact.document)
        changed |= {"zone": terms.zone, "begins_us": start_of_day(terms.effective_on, parse_zone(terms.zone))}
    connection.execute(sa.update(LIVES).where(LIVES.c.agreement_id == agreement_id).values(changed))
    if isinstance(fact, Suspended | Resumed):
        _suspend(connection, agreement_id, fact)


def _suspend(connection: Connection, agreement_id: str, fact: Suspended | Resumed) -> None:
    zone = connection.execute(sa.select(LIVES.c.zone).where(LIVES.c.agreement_id == agreement_id)).scalar_one()
    own = (SUSPENSIONS.c.agreement_id == agreement_id, SUSPENSIONS.c.first_day == fact.first_day.isoformat())
    connection.execute(sa.delete(SUSPENSIONS).where(*own))
    row = {
        "agreement_id": agreement_id,
        "first_day": fact.first_day.isoformat(),
        "begins_us": start_of_day(fact.first_day, parse_zone(zone)),
        "ends_us": _end(fact.last_day, zone),
    }
    connection.execute(sa.insert(SUSPENSIONS).values(row))


def _end(last_day: date | None, zone: str) -> Instant | None:
    return start_of_day(last_day + timedelta(days=1), parse_zone(zone)) if last_day else None
