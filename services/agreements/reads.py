"""Who read which agreement, in a store of its own that no rebuild of views touches. Decides nothing; keeps nothing of what was read.

A read waits for its place in a bounded queue and not for the disk; the queue is written every second and at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.agreements.agreement import Agreement
from services.chassis.context import Context
from services.chassis.database import Database, upsert
from services.chassis.repository import Versioned
from services.chassis.settings import Settings
from services.vocabulary.errors import Unavailable, invalid
from services.vocabulary.period import Instant, instant_of, instant_text

NAME = "agreements-reads"
METADATA = sa.MetaData()
Row: TypeAlias = Mapping[str, str | int]

READS = sa.Table(
    "reads",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("agreement_id", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("trace_id", sa.Text, nullable=False),
    sa.Index("reads_of_agreement", "agreement_id", "recorded_us", "id"),
    sa.Index("reads_by_person", "organisation", "actor"),
)

_BOUND = 10_000
_BATCH = 500
_WRITTEN_EVERY_S = 1.0
_WAITED_S = 5.0
_UNLOGGED = "get_terms_in_force"


@dataclass(frozen=True, kw_only=True)
class Read:
    """Someone was told something of an agreement; `actor` is empty once that person was forgotten."""

    id: str
    recorded_us: int
    actor: str
    organisation: str
    operation: str
    tool: str
    trace_id: str

    @property
    def recorded_at(self) -> str:
        return instant_text(Instant(self.recorded_us))


@dataclass(frozen=True, kw_only=True)
class ReadPage:
    """Newest first; `next_cursor` is None on the last page."""

    items: Sequence[Read]
    next_cursor: str | None


class ReadLog:
    """A runner, which writes what waits; `close` writes the rest. Killed, a process loses the reads of its last second at most."""

    name = NAME

    def __init__(self, database: Database, *, bound: int = _BOUND, waited_s: float = _WAITED_S) -> None:
        self._database = database
        self._waiting: asyncio.Queue[Row] = asyncio.Queue(bound)
        self._waited_s = waited_s
        self._taken: list[Row] = []
        self._writing = asyncio.Lock()
        self._crowded = asyncio.Event()

    @classmethod
    def open(cls, settings: Settings) -> ReadLog:
        """Blocks."""
        return cls(Database.open(NAME, settings, METADATA))

    async def note(self, agreement_id: UUID, context: Context) -> None:
        """Every read but that of a service that asks for the terms to judge by. Raises `Unavailable` where the log stays full."""
        if context.caller.is_service and context.operation == _UNLOGGED:
            return
        if self._waiting.qsize() * 2 >= self._waiting.maxsize:
            self._crowded.set()
        try:
            async with asyncio.timeout(self._waited_s):
                await self._waiting.put(_row(agreement_id, context))
        except TimeoutError:
            raise Unavailable("who reads cannot be recorded now, and nothing is read unrecorded") from None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await _set_or_timed_out(self._crowded, _WRITTEN_EVERY_S)
            self._crowded.clear()
            await self.flush()

    async def flush(self) -> None:
        """Returns once everything that waited is written. Raises `Unavailable`; what was not written then waits on."""
        async with self._writing:
            while self._taken or not self._waiting.empty():
                while len(self._taken) < _BATCH and not self._waiting.empty():
                    self._taken.append(self._waiting.get_nowait())
                await self._database.write(partial(_keep, rows=tuple(self._taken)))
                self._taken.clear()

    async def page(self, agreement_id: UUID, *, cursor: str, limit: int) -> ReadPage:
        """What was read until now. Refuses with `Invalid` a cursor that no page gave."""
        await self.flush()
        query = _page(agreement_id, cursor, limit + 1)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        items = [Read(**row) for row in rows[:limit]]
        return ReadPage(items=items, next_cursor=f"{items[-1].recorded_us}.{items[-1].id}" if len(rows) > limit else None)

    async def forget(self, organisation: str, subject: str) -> int:
        """Takes a person's name out of every read, those that wait included; answers of how many. They stay reads of the organisation."""
        await self.flush()
        return await self._database.write(lambda connection: forget(connection, organisation, subject))

    async def check(self) -> str:
        """For `Service.checks`."""
        return await self._database.check()

    async def close(self) -> None:
        try:
            await self.flush()
        finally:
            await self._database.close()


class KnownAgreements(Protocol):
    """What decides who may see an agreement."""

    async def known(self, agreement_id: UUID, *, context: Context) -> Versioned[Agreement]: ...


class Reads:
    """The use case of asking who read."""

    def __init__(self, agreements: KnownAgreements, log: ReadLog) -> None:
        self._agreements = agreements
        self._log = log

    async def listed(self, agreement_id: UUID, *, cursor: str, limit: int, context: Context) -> ReadPage:
        """This read included. Refuses with `AgreementNotFound`, and with `Invalid` a cursor that no page gave."""
        await self._agreements.known(agreement_id, context=context)
        return await self._log.page(agreement_id, cursor=cursor, limit=limit)


def forget(connection: Connection, organisation: str, subject: str) -> int:
    """Takes a person's name out of the rows; answers of how many."""
    theirs = sa.update(READS).where(READS.c.organisation == organisation, READS.c.actor == subject)
    return connection.execute(theirs.values(actor="")).rowcount


def _keep(connection: Connection, rows: Sequence[Row]) -> None:
    upsert(READS, connection, rows, key=["id"], overwrite=False)


def _row(agreement_id: UUID, context: Context) -> Row:
    return {
        "id": uuid4().hex,
        "recorded_us": instant_of(context.recorded_at),
        "actor": context.caller.subject,
        "organisation": context.caller.organisation,
        "agreement_id": str(agreement_id),
        "operation": context.operation,
        "tool": context.tool,
        "trace_id": trace_of(context.traceparent),
    }


def trace_of(traceparent: str) -> str:
    """The trace's id in a W3C trace context, 32 hexadecimal digits; empty: none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) > 2 else ""


def _page(agreement_id: UUID, cursor: str, limit: int) -> sa.Select[Any]:
    columns = [READS.c[name] for name in Read.__dataclass_fields__]
    query = sa.select(*columns).where(READS.c.agreement_id == str(agreement_id))
    if cursor:
        at, _, last = cursor.partition(".")
        if not (at.isdecimal() and len(at) < 19 and last):
            raise invalid("cursor", "must be the cursor of a page before")
        before = sa.and_(READS.c.recorded_us == int(at), READS.c.id < last)
        query = query.where(sa.or_(READS.c.recorded_us < int(at), before))
    return query.order_by(READS.c.recorded_us.desc(), READS.c.id.desc()).limit(limit)


async def _set_or_timed_out(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
