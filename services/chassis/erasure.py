"""The use case of forgetting a person: the key of their name goes, the events and their proofs stay. Knows no room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.database import TRACKING, Database
from services.chassis.event_store import EventStore
from services.chassis.people import REFRESH_S
from services.chassis.telemetry import log
from services.transparency.person import erased_name, token_beginning
from services.vocabulary.errors import NotFound, Unavailable, invalid
from services.vocabulary.period import instant_of, instant_text

_CAUGHT_UP_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.05


class PersonNotFound(NotFound):
    """Of another organisation than one's own, nobody is known: whether there is somebody of that name or not."""

    code = "person-not-found"

    def __init__(self) -> None:
        super().__init__("organisation: must be the administrator's own; of another one nobody is known here")


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """Whose name goes from what is kept beside the events; `name` stands there from now on, empty where no event names the person."""

    organisation: str
    subject: str
    name: str


Forget: TypeAlias = Callable[[Forgotten], Awaitable[object]]
"""Rewrites what holds the name; a repeat changes nothing."""


def in_rows(database: Database, work: Callable[[Connection, Forgotten], object]) -> Forget:
    """In a transaction of its own."""

    async def forget(gone: Forgotten) -> None:
        await database.write(lambda connection: work(connection, gone))

    return forget


@dataclass(frozen=True, kw_only=True)
class ErasedPerson:
    """`events` name the person by `id` alone from now on; they stay, and are proved as before."""

    id: str
    erased_at: str
    events: int


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """`erased` is empty where nobody of that name is known, or no more. `still_named` events were stored before names were hidden, with
    the name as plain text: they cannot change without breaking what proves them."""

    erased: tuple[ErasedPerson, ...]
    still_named: int


class Erasures:
    """Of one service. `forget` holds by the name of a projection, which is waited for, or of something else, what rewrites it."""

    def __init__(self, service: str, store: EventStore[Any], database: Database, forget: Mapping[str, Forget], *, clock: Clock) -> None:
        self._service = service
        self._store = store
        self._database = database
        self._forget = dict(forget)
        self._clock = clock
        self._log = log("erasure").bind(service=service)

    async def erase(self, *, organisation: str, subject: str, reason: str, context: Context) -> Erasure:
        """What was begun and not ended is ended by a repeat. Refuses with `PersonNotFound` and `Invalid`; `Unavailable`: again."""
        caller = context.caller
        if not caller.is_service and caller.organisation != organisation:
            raise PersonNotFound
        if not reason.strip():
            raise invalid("reason", "must say why")
        at = instant_text(instant_of(self._clock.now()))
        people = self._store.people
        found = await asyncio.to_thread(people.delete_key, organisation, subject, reason=reason, at=at)
        if found:
            await self._let_all_notice()
        gone = Forgotten(organisation=organisation, subject=subject, name=erased_name(found[-1]) if found else "")
        for forget in self._forget.values():
            await forget(gone)
        erased = [await self._ended(person) for person in found]
        for each in erased:
            self._log.info("a name was erased", person=each.id, organisation=organisation, events=each.events, by=caller.subject)
        return Erasure(erased=tuple(erased), still_named=await self._store.naming(organisation, subject))

    async def _let_all_notice(self) -> None:
        """The other copies of the service, who may be writing under the key; and the read models, who may still have to take its name."""
        await asyncio.sleep(2 * REFRESH_S)
        last = await self._store.last_position()
        behind = sa.select(TRACKING.c.name).where(TRACKING.c.name.in_(self._forget), TRACKING.c.position < last)
        until = asyncio.get_running_loop().time() + _CAUGHT_UP_WITHIN_S
        while waiting := await self._database.read(lambda each: each.execute(behind).scalars().all()):
            if asyncio.get_running_loop().time() > until:
                raise Unavailable(f"the key is deleted, but {', '.join(waiting)} may hold the name yet: ask once more")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _ended(self, person: str) -> ErasedPerson:
        events = await self._store.holding(token_beginning(person))
        return ErasedPerson(id=person, erased_at=await asyncio.to_thread(self._store.people.end, person), events=events)
