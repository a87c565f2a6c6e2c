"""Read models: improvements to list, and who may see what hangs on an agreement. Holds nothing that could not be told again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis.context import Delivery
from services.chassis.database import Database, accept, upsert
from services.chassis.erasure import Forgotten
from services.chassis.events import Recorded, Registry
from services.chassis.repository import Versioned
from services.improvement.analysis import Agreed, parse_maintenance
from services.improvement.improvement import Fact, Improvement, ImprovementOpened, Status, evolve
from services.vocabulary.errors import invalid
from services.vocabulary.identity import Caller

METADATA = sa.MetaData()

IMPROVEMENTS = sa.Table(
    "improvements",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("agreement_id", sa.Text, nullable=False, index=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("opened_at_position", sa.BigInteger, nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)

AUDITORS = sa.Table(
    "auditors",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("organisation", sa.Text, primary_key=True),
)

# What an analysis needs of each signed version: the parts of a composite or a pool, by weight, and what maintenance counts as.
AGREED = sa.Table(
    "agreed",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("terms_version", sa.Integer, primary_key=True),
    sa.Column("objective_id", sa.Text, primary_key=True),
    sa.Column("parts", sa.Text, nullable=False),
    sa.Column("maintenance", sa.Text, nullable=False),
)

_STATES: Registry[Improvement] = Registry({"improvement.v1": Improvement})
_STATE = "improvement.v1"
_CURSOR = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A page, newest first; `next` is empty on the last one."""

    improvements: Sequence[Versioned[Improvement]]
    next: str


def project(connection: Connection, recorded: Recorded[Fact]) -> None:
    """Folds one event into its improvement's row."""
    row = connection.execute(sa.select(IMPROVEMENTS).where(IMPROVEMENTS.c.id == str(recorded.stream))).one_or_none()
    before = _state_of(row) if row is not None else None
    state = evolve(before, recorded.event, recorded_at=datetime.fromisoformat(recorded.metadata.recorded_at))
    values = {
        "id": str(recorded.stream),
        "agreement_id": state.breach.agreement_id,
        "provider": state.breach.provider,
        "customer": state.breach.customer,
        "status": state.status.value,
        "opened_at_position": recorded.position if isinstance(recorded.event, ImprovementOpened) or row is None else row.opened_at_position,
        "version": recorded.version,
        "state": _STATES.encode(state).decode(),
    }
    upsert(IMPROVEMENTS, connection, values, key=["id"])


def forget(connection: Connection, gone: Forgotten) -> None:
    """In the improvements that the person approved for the organisation, or owns a plan of that the provider made."""
    for row in connection.execute(sa.select(IMPROVEMENTS.c.id, IMPROVEMENTS.c.state)).all():
        before = _STATES.decode(_STATE, row.state.encode())[1]
        after = _without(before, gone)
        if after != before:
            connection.execute(sa.update(IMPROVEMENTS).where(IMPROVEMENTS.c.id == row.id).values(state=_STATES.encode(after).decode()))


def _without(improvement: Improvement, gone: Forgotten) -> Improvement:
    plan, approval = improvement.plan, improvement.approval
    if plan is not None and (plan.owner, improvement.breach.provider) == (gone.subject, gone.organisation):
        improvement = replace(improvement, plan=replace(plan, owner=gone.name))
    if approval is not None and (approval.approved_by, approval.organisation) == (gone.subject, gone.organisation):
        improvement = replace(improvement, approval=replace(approval, approved_by=gone.name))
    return improvement


def parse_page_start(cursor: str, *, place: str) -> int | None:
    """The position a page starts below; None from the newest on. Refuses with `Invalid` what no page gave."""
    if not cursor:
        return None
    if not _CURSOR.fullmatch(cursor):
        raise invalid(place, "must be what the page before named as its next")
    return int(cursor)


class Views:
    """Asks and keeps the rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, caller: Caller, *, agreement_id: str, status: Status | None, limit: int, before: int | None) -> Listed:
        """What the caller may see of it, opened before a position; one row more than asked tells whether there is a next page."""
        query = sa.select(IMPROVEMENTS).order_by(IMPROVEMENTS.c.opened_at_position.desc()).limit(limit + 1)
        if not caller.is_service:
            query = query.where(_seen_by(caller))
        if agreement_id:
            query = query.where(IMPROVEMENTS.c.agreement_id == agreement_id)
        if status is not None:
            query = query.where(IMPROVEMENTS.c.status == status.value)
        if before is not None:
            query = query.where(IMPROVEMENTS.c.opened_at_position < before)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        page = [Versioned(_state_of(row), row.version) for row in rows[:limit]]
        return Listed(improvements=page, next=str(rows[limit - 1].opened_at_position) if len(rows) > limit else "")

    async def unanalysed(self) -> list[UUID]:
        """Improvements that were opened and not analysed yet, oldest first."""
        query = sa.select(IMPROVEMENTS.c.id).where(IMPROVEMENTS.c.status == Status.OPENED.value).order_by(IMPROVEMENTS.c.opened_at_position)
        return await self._database.read(lambda connection: [UUID(found) for found in connection.execute(query).scalars()])

    async def auditors_of(self, agreement_id: str) -> tuple[str, ...]:
        """Those of the newest signed terms; none for an agreement that has not been told of yet."""
        query = sa.select(AUDITORS.c.organisation).where(AUDITORS.c.agreement_id == agreement_id).order_by(AUDITORS.c.organisation)
        return await self._database.read(lambda connection: tuple(connection.execute(query).scalars()))

    async def agreed(self, agreement_id: str, objective_id: str) -> Mapping[int, Agreed]:
        """By version of the terms; only versions that agreed something special on the objective."""
        query = sa.select(AGREED.c.terms_version, AGREED.c.parts, AGREED.c.maintenance).where(
            AGREED.c.agreement_id == agreement_id, AGREED.c.objective_id == objective_id
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.terms_version: Agreed(parts=json.loads(row.parts), maintenance=parse_maintenance(row.maintenance)) for row in rows}

    async def keep_terms(
        self,
        agreement_id: str,
        version: int,
        *,
        auditors: Iterable[str],
        agreed: Mapping[str, Agreed],
        delivery: Delivery | None,
    ) -> None:
        """Replaces the auditors, adds what the version agreed; a delivery that was handled before changes nothing."""
        readers = [{"agreement_id": agreement_id, "organisation": organisation} for organisation in sorted(set(auditors))]
        rows = [
            {
                "agreement_id": agreement_id,
                "terms_version": version,
                "objective_id": objective_id,
                "parts": json.dumps(dict(each.parts)),
                "maintenance": each.maintenance,
            }
            for objective_id, each in sorted(agreed.items())
        ]

        def work(connection: Connection) -> None:
            if delivery is None or accept(connection, delivery):
                connection.execute(sa.delete(AUDITORS).where(AUDITORS.c.agreement_id == agreement_id))
                upsert(AUDITORS, connection, readers, key=["agreement_id", "organisation"])
                upsert(AGREED, connection, rows, key=["agreement_id", "terms_version", "objective_id"])

        await self._database.write(work)


def _seen_by(caller: Caller) -> sa.ColumnElement[bool]:
    audited = sa.select(AUDITORS.c.agreement_id).where(AUDITORS.c.organisation == caller.organisation)
    return sa.or_(
        IMPROVEMENTS.c.provider == caller.organisation,
        IMPROVEMENTS.c.customer == caller.organisation,
        IMPROVEMENTS.c.agreement_id.in_(audited),
    )


def _state_of(row: sa.Row[tuple[str, str, str, str, str, int, int, str]]) -> Improvement:
    return _STATES.decode(_STATE, row.state.encode())[1]
