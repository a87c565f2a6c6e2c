"""The history of all agreements by who, for whom, what, where and when: an index beside the list, rebuilt from the log. Decides nothing.

What is found is read again from the log, after it was decided anew that the caller may see it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.agreements.agreement import Agreement
from services.agreements.application import Agreements, evolved
from services.agreements.facts import FACTS, Fact
from services.agreements.keys import KeyRegistered, KeyRevoked, KeyRotated
from services.agreements.refusals import AgreementNotFound
from services.agreements.state import changed_places
from services.agreements.stored import Stored
from services.agreements.terms.fields import hint
from services.agreements.views import READERS
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.chassis.follower import Projection
from services.vocabulary.errors import invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import instant_of, parse_instant

NAME = "agreements-search"
METADATA = sa.MetaData()

ENTRIES = sa.Table(
    "history_entries",
    METADATA,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("agreement_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
    sa.Index("entries_of_agreement", "agreement_id", "position"),
    sa.Index("entries_by_person", "organisation", "actor", "position"),
    sa.Index("entries_by_type", "type", "position"),
)

PLACES = sa.Table(
    "history_places",
    METADATA,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Text, primary_key=True),
    sa.Index("places_by_name", "place", "position"),
)

_REMEMBERED = 200
_LONGEST_PLACE = 500


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for; empty and None: anything. `place` finds what changed there or inside it; both instants are inclusive."""

    actor: str = ""
    organisation: str = ""
    place: str = ""
    type: str = ""
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None
    agreement_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """`places` that changed: those that were asked for, else all."""

    agreement_id: UUID
    entry: Recorded[Fact]
    places: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FoundPage:
    """Newest first; `next_cursor` is None on the last page."""

    items: Sequence[Found]
    next_cursor: str | None


class Search:
    """Over the agreements that the caller may see; each that is told of is a read of it."""

    def __init__(self, agreements: Agreements, store: EventStore[Stored], database: Database) -> None:
        self._agreements = agreements
        self._store: EventStore[Fact] = store.narrowed()
        self._database = database

    async def history(self, wanted: Wanted, *, cursor: str, limit: int, context: Context) -> FoundPage:
        """A change may be found a moment late. Refuses with `Invalid` a type that no event has, and a cursor that no page gave."""
        if wanted.type and wanted.type not in FACTS:
            raise invalid("type", f"no event is called {wanted.type[:80]!r}: {hint(wanted.type, FACTS)}")
        query = _query(wanted, context.caller, _position(cursor), limit + 1)
        hits = await self._database.read(lambda connection: connection.execute(query).all())
        page = [(UUID(hit.agreement_id), hit.version, hit.position) for hit in hits[:limit]]
        seen = await self._seen({agreement_id for agreement_id, _, _ in page}, context)
        told = [hit for hit in page if hit[0] in seen]
        places = await self._database.read(lambda connection: _places(connection, [at for _, _, at in told], wanted.place))
        items = [await self._found(agreement_id, version, places.get(at, ())) for agreement_id, version, at in told]
        return FoundPage(items=items, next_cursor=str(page[-1][2]) if len(hits) > limit else None)

    async def _seen(self, agreement_ids: set[UUID], context: Context) -> set[UUID]:
        seen: set[UUID] = set()
        for agreement_id in agreement_ids:
            with suppress(AgreementNotFound):
                await self._agreements.known(agreement_id, context=context)
                seen.add(agreement_id)
        return seen

    async def _found(self, agreement_id: UUID, version: int, places: Sequence[str]) -> Found:
        (entry,) = await self._store.load(agreement_id, after_version=version - 1, up_to_version=version)
        return Found(agreement_id=agreement_id, entry=entry, places=tuple(places))


class SearchIndex:
    """A sink of the log: the rows that searches ask. Remembers the states of the agreements it came by last."""

    name = NAME

    def __init__(self, store: EventStore[Stored], database: Database) -> None:
        self._store: EventStore[Fact] = store.narrowed()
        self._database = database
        self._states: OrderedDict[UUID, tuple[int, Agreement]] = OrderedDict()

    async def position(self) -> int:
        return await self._projection({}).position()

    async def take(self, batch: Sequence[Recorded[Stored]]) -> None:
        places = {each.position: await self._places(each) for each in batch if _is_of_an_agreement(each)}
        await self._projection(places).take(batch)

    def _projection(self, places: Mapping[int, Sequence[str]]) -> Projection:
        return Projection(NAME, self._database, lambda connection, recorded: _apply(connection, recorded, places.get(recorded.position)))

    async def _places(self, recorded: Recorded[Fact]) -> Sequence[str]:
        before = await self._before(recorded)
        after = await asyncio.to_thread(evolved, before, recorded)
        self._states[recorded.stream] = (recorded.version, after)
        self._states.move_to_end(recorded.stream)
        if len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)
        return await asyncio.to_thread(changed_places, before, after)

    async def _before(self, recorded: Recorded[Fact]) -> Agreement | None:
        version, state = self._states.get(recorded.stream, (0, None))
        if version == recorded.version - 1:
            return state
        state, _ = await self._store.fold(recorded.stream, evolved, up_to_version=recorded.version - 1)
        return state


def forget(connection: Connection, organisation: str, subject: str, *, name: str = "") -> int:
    """Takes a person's name out of the rows; answers of how many. They are found no more by that name, else as before; `name` stands
    there instead."""
    theirs = sa.update(ENTRIES).where(ENTRIES.c.organisation == organisation, ENTRIES.c.actor == subject)
    return connection.execute(theirs.values(actor=name)).rowcount


def _is_of_an_agreement(recorded: Recorded[Stored]) -> TypeGuard[Recorded[Fact]]:
    return not isinstance(recorded.event, KeyRegistered | KeyRotated | KeyRevoked)


def _apply(connection: Connection, recorded: Recorded[Stored], places: Sequence[str] | None) -> None:
    if places is None:
        return
    row = {
        "position": recorded.position,
        "agreement_id": str(recorded.stream),
        "version": recorded.version,
        "type": recorded.type,
        "actor": recorded.metadata.actor,
        "organisation": recorded.metadata.organisation,
        "recorded_us": parse_instant(recorded.metadata.recorded_at, place="recorded_at"),
    }
    connection.execute(sa.insert(ENTRIES).values(row))
    if places:
        connection.execute(sa.insert(PLACES), [{"position": recorded.position, "place": place} for place in places])


def _position(cursor: str) -> int | None:
    if cursor and not (cursor.isdecimal() and len(cursor) < 19):
        raise invalid("cursor", "must be the cursor of a page before")
    return int(cursor) if cursor else None


def _query(wanted: Wanted, caller: Caller, before: int | None, limit: int) -> sa.Select[Any]:
    entry = ENTRIES.c
    query = sa.select(entry.agreement_id, entry.version, entry.position).order_by(entry.position.desc()).limit(limit)
    if not caller.is_service:
        query = query.join(READERS, READERS.c.agreement_id == entry.agreement_id).where(READERS.c.organisation == caller.organisation)
    exactly = {
        entry.actor: wanted.actor,
        entry.organisation: wanted.organisation,
        entry.type: wanted.type,
        entry.agreement_id: str(wanted.agreement_id or ""),
    }
    query = query.where(*(column == value for column, value in exactly.items() if value))
    if wanted.recorded_from is not None:
        query = query.where(entry.recorded_us >= instant_of(wanted.recorded_from))
    if wanted.recorded_until is not None:
        query = query.where(entry.recorded_us <= instant_of(wanted.recorded_until))
    if wanted.place:
        query = query.where(sa.exists().where(PLACES.c.position == entry.position, _lies_in(wanted.place)))
    return query if before is None else query.where(entry.position < before)


def _lies_in(place: str) -> sa.ColumnElement[bool]:
    """There, or inside it."""
    if len(place) > _LONGEST_PLACE:
        raise invalid("place", f"may have at most {_LONGEST_PLACE} characters")
    inside = [PLACES.c.place.startswith(place + sign, autoescape=True) for sign in (".", "[")]
    return sa.or_(PLACES.c.place == place, *inside)


def _places(connection: Connection, positions: Sequence[int], place: str) -> Mapping[int, Sequence[str]]:
    query = sa.select(PLACES.c.position, PLACES.c.place).where(PLACES.c.position.in_(positions)).order_by(PLACES.c.place)
    found: dict[int, list[str]] = {}
    for row in connection.execute(query.where(_lies_in(place)) if place else query):
        found.setdefault(row.position, []).append(row.place)
    return found
