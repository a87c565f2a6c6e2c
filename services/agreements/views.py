"""The list of agreements as a read model. Rebuilt from the log at any time; decides nothing, and a change may show up a moment late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.agreements.agreement import Status
from services.agreements.facts import (
    Activated,
    Amended,
    AmendmentProposed,
    Archived,
    Commented,
    CounterOffered,
    Drafted,
    Expired,
    Fact,
    NoticeGiven,
    OfferExpired,
    Proposed,
    Renewed,
    RequestRefused,
    Resumed,
    ResumptionRequested,
    ReviewDue,
    ReviewHeld,
    Revised,
    Signed,
    Suspended,
    SuspensionRequested,
    Terminated,
    Withdrawn,
)
from services.agreements.keys import KeyRegistered, KeyRevoked, KeyRotated
from services.agreements.stored import Stored
from services.agreements.terms import Terms, stored_terms
from services.agreements.timetable import status_at
from services.chassis.database import Database
from services.chassis.events import Recorded
from services.vocabulary.identity import Caller
from services.vocabulary.period import Instant

METADATA = sa.MetaData()
_Value: TypeAlias = str | int | sa.ColumnElement[str]

AGREEMENTS = sa.Table(
    "agreements",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("drafted_position", sa.BigInteger, nullable=False, unique=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("effective_on", sa.Text, nullable=False),
    sa.Column("ends_on", sa.Text, nullable=False),
    sa.Column("last_day", sa.Text, nullable=False),
    sa.Column("terms_version", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", sa.Text, nullable=False),
    sa.Column("updated_position", sa.BigInteger, nullable=False),
    sa.Index("agreements_by_status", "status", "ends_on"),
)

READERS = sa.Table(
    "agreement_readers",
    METADATA,
    sa.Column("organisation", sa.Text, primary_key=True),
    sa.Column("agreement_id", sa.Text, primary_key=True),
)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the list; empty texts: open-ended, neither renewed nor ended. `terms_version` is 0 until both have signed the first."""

    id: str
    drafted_position: int
    status: Status
    title: str
    provider: str
    customer: str
    effective_on: str
    ends_on: str
    last_day: str
    terms_version: int
    version: int
    updated_at: str


class AgreementList:
    """Answers from the read model only what the caller may see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, caller: Caller, *, status: Status | None, before: int | None, limit: int, now: Instant) -> list[Listed]:
        """Newest drafts first, those drafted before a position of the log; each with its status as of now."""
        of_now = status_at(AGREEMENTS.c.status, AGREEMENTS.c.id, now)
        columns = [of_now.label("status") if name == "status" else AGREEMENTS.c[name] for name in Listed.__dataclass_fields__]
        query = sa.select(*columns).order_by(AGREEMENTS.c.drafted_position.desc()).limit(limit)
        if not caller.is_service:
            query = query.join(READERS, READERS.c.agreement_id == AGREEMENTS.c.id).where(READERS.c.organisation == caller.organisation)
        if status is not None:
            query = query.where(of_now == status)
        if before is not None:
            query = query.where(AGREEMENTS.c.drafted_position < before)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [Listed(**row) for row in rows]

    async def deals_with(self, caller: Caller, organisation: str) -> bool:
        """Whether the caller may see an agreement of this party."""
        if caller.is_service or caller.organisation == organisation:
            return True
        found = sa.select(AGREEMENTS.c.id).join(READERS, READERS.c.agreement_id == AGREEMENTS.c.id).limit(1)
        parties = sa.or_(AGREEMENTS.c.provider == organisation, AGREEMENTS.c.customer == organisation)
        query = found.where(READERS.c.organisation == caller.organisation, parties)
        return await self._database.read(lambda connection: connection.execute(query).first()) is not None


def apply(connection: Connection, recorded: Recorded[Stored]) -> None:
    """One fact into the rows; the projection sees to it that each comes once and in order."""
    fact = recorded.event
    if not isinstance(fact, KeyRegistered | KeyRotated | KeyRevoked):
        _apply(connection, recorded, fact)


def _apply(connection: Connection, recorded: Recorded[Stored], fact: Fact) -> None:
    agreement_id = str(recorded.stream)
    values = {
        **_changed(fact),
        "version": recorded.version,
        "updated_at": recorded.metadata.recorded_at,
        "updated_position": recorded.position,
    }
    if isinstance(fact, Drafted):
        first = {"id": agreement_id, "drafted_position": recorded.position, "status": "draft", "last_day": "", "terms_version": 0}
        connection.execute(sa.insert(AGREEMENTS).values({**first, **values}))
    else:
        connection.execute(sa.update(AGREEMENTS).where(AGREEMENTS.c.id == agreement_id).values(values))
    if isinstance(fact, Drafted | Revised | Activated | Amended):
        _replace_readers(connection, agreement_id, stored_terms(fact.document))


def _changed(fact: Fact) -> Mapping[str, _Value]:
    match fact:
        case Drafted() | Revised():
            return _of_terms(stored_terms(fact.document))
        case Proposed():
            return {"status": "proposed"}
        case Withdrawn() | OfferExpired():
            return {"status": sa.case((AGREEMENTS.c.terms_version == 0, "draft"), else_="active")}
        case Activated() | Amended():
            return _signed(stored_terms(fact.document), fact.terms_version)
        case Renewed():
            return {"last_day": fact.last_day.isoformat()}
        case Terminated():
            return {"status": "terminated", "last_day": fact.last_day.isoformat()}
        case Expired():
            return {"status": "expired", "last_day": fact.last_day.isoformat()}
        case Archived():
            return {"status": "archived"}
        case Signed() | AmendmentProposed() | CounterOffered() | Commented() | NoticeGiven() | ReviewDue() | ReviewHeld():
            return {}
        case SuspensionRequested() | ResumptionRequested() | RequestRefused() | Suspended() | Resumed():
            return {}
        case _:
            assert_never(fact)


def _signed(terms: Terms, number: int) -> Mapping[str, _Value]:
    """An end that both sign anew takes the place of what renewals came to."""
    of_terms = _of_terms(terms)
    stays = sa.case((AGREEMENTS.c.ends_on == of_terms["ends_on"], AGREEMENTS.c.last_day), else_="")
    return {"status": "active", "terms_version": number, "last_day": stays, **of_terms}


def _of_terms(terms: Terms) -> Mapping[str, _Value]:
    return {
        "title": terms.title,
        "provider": terms.provider,
        "customer": terms.customer,
        "effective_on": terms.effective_on.isoformat(),
        "ends_on": terms.ends_on.isoformat() if terms.ends_on else "",
    }


def _replace_readers(connection: Connection, agreement_id: str, terms: Terms) -> None:
    connection.execute(sa.delete(READERS).where(READERS.c.agreement_id == agreement_id))
    connection.execute(sa.insert(READERS), [{"organisation": each, "agreement_id": agreement_id} for each in sorted(terms.readers)])
