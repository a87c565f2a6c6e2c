"""The keys of the people whom a service's events name, and what is read and written in the place of their names. Never beside the events.

A database of its own (a file, or a schema) that no rebuild touches: what the events say without it, they say without names. A key is
durable before the first event that needs it; a key that was deleted is gone, and reading goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from services.chassis.context import Context
from services.chassis.database import insert_into, is_outage, postgresql_engine, prepared_schema, schema_of, sqlite_engine
from services.chassis.events import Metadata
from services.chassis.settings import Settings
from services.transparency.person import ID_BYTES, KEY_BYTES, Names, is_erased, looks_like_token, persons_in, stream_key, token
from services.vocabulary.errors import NotAllowed, Unavailable
from services.vocabulary.personal import Marks, Personal, rewritten

E = TypeVar("E")

_METADATA = sa.MetaData()

_PEOPLE = sa.Table(
    "people",
    _METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=True),
    sa.Column("erased_at", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
sa.Index(
    "people_by_subject",
    _PEOPLE.c.organisation,
    _PEOPLE.c.subject,
    unique=True,
    sqlite_where=_PEOPLE.c.key.is_not(None),
    postgresql_where=_PEOPLE.c.key.is_not(None),
)

REFRESH_S = 0.5
_PRAGMAS = ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON")
_MOST_CACHED = 20_000


class NameOfTheErased(NotAllowed):
    """Nobody may be called as those are whose name was erased."""

    code = "name-of-the-erased"

    def __init__(self) -> None:
        super().__init__("erased- and 16 hex digits stand for somebody who was erased: nobody acts under such a name")


class NotAtHand(Exception):
    """The keys must be looked up first."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whom the events of one service name by `id`."""

    id: str
    key: bytes


class People:
    """Hides names on the way into the store and opens them on the way out. Of several copies of a service each notices within
    `REFRESH_S` what another one erased."""

    def __init__(self, service: str, engine: Engine) -> None:
        self._book = _Book(service, engine)
        self._erased: list[Callable[[], None]] = []
        self._lock = Lock()
        self._erasures = -1
        self._read_at = 0.0
        self._forget_cached()

    @classmethod
    def open(cls, service: str, settings: Settings) -> People:
        """Creates what is missing. Blocks. Raises `Unavailable` when the database cannot be reached."""
        if settings.database_url:
            schema = f"{schema_of(service)}_people"
            with prepared_schema(settings.database_url, schema):
                return cls(service, _with_table(postgresql_engine(settings.database_url, schema)))
        settings.data.mkdir(parents=True, exist_ok=True)
        path = settings.data / f"{service}-people.sqlite"
        return cls(service, _with_table(sqlite_engine(path, begin="BEGIN IMMEDIATE", pool_size=1, pragmas=_PRAGMAS)))

    def on_erased(self, callback: Callable[[], None]) -> None:
        """Called, on any thread, when somebody was erased: what was read before may hold a name."""
        self._erased.append(callback)

    def names(self, stream: UUID) -> Names:
        """Of a stream, for who reads it now. May look keys up: not for the event loop."""
        self._refresh()
        cached = self._names
        found = cached.get(stream)
        if found is None:
            cached[stream] = found = Names(lambda person: self._stream_key(person, stream))
            _bounded(cached)
        return found

    def opened(self, names: Names, event: E, metadata: Metadata, marks: Marks | None) -> E:
        """The event with its names; the metadata, just decoded and nobody else's yet, gets its own."""
        actor = names.read(metadata.actor)
        if actor is not metadata.actor:
            msgspec.structs.force_setattr(metadata, "actor", actor)
        return event if marks is None else cast(E, rewritten(cast(Any, event), marks, lambda _, text: names.read(text)))

    def hidden(
        self, stream: UUID, event: E, metadata: Metadata, context: Context, *, marks: Marks | None, at_hand: bool = False
    ) -> tuple[E, Metadata]:
        """What is stored. The platform's own services are no people.

        `at_hand`: only by what need not be looked up, as the event loop wants it; raises `NotAtHand` otherwise. Refuses with
        `NameOfTheErased`.
        """
        self._refresh(at_hand=at_hand)
        organisation, subject = context.caller.organisation, context.caller.subject

        def change(mark: Personal, text: str) -> str:
            return self._token(stream, organisation, text if mark.is_subject else subject, text, at_hand=at_hand)

        event = event if marks is None else cast(E, rewritten(cast(Any, event), marks, change))
        if not subject or (context.caller.is_service and not looks_like_token(subject)):
            return event, metadata
        actor = self._token(stream, organisation, subject, subject, at_hand=at_hand)
        return event, msgspec.structs.replace(metadata, actor=actor)

    def stream_keys(self, stream: UUID, contents: Iterable[bytes]) -> dict[str, bytes]:
        """By id, the keys that open this stream's names, of everybody in it who was not erased. Blocks."""
        self._refresh()
        found = {person for content in contents for person in persons_in(content)}
        keys = {person: self._stream_key(person, stream) for person in sorted(found)}
        return {person: key for person, key in keys.items() if key is not None}

    def delete_key(self, organisation: str, subject: str, *, reason: str, at: str) -> list[str]:
        """From now on the name reads as erased. Answers the ids whose erasure is still to be ended, of an earlier attempt too. Blocks."""
        found = self._book.delete_key(organisation, subject, reason=reason, at=at)
        self._read_at = 0.0
        self._refresh()
        return found

    def end(self, person: str) -> str:
        """The name goes from here as well, and nothing of it stays in the database's files. Answers when it was erased. Blocks."""
        return self._book.end(person)

    def close(self) -> None:
        self._book.close()

    def _token(self, stream: UUID, organisation: str, subject: str, text: str, *, at_hand: bool) -> str:
        wanted, cached = (stream, organisation, subject, text), self._tokens
        found = cached.get(wanted)
        if found is None:
            person = self._person(organisation, subject, at_hand=at_hand)
            cached[wanted] = found = token(text, person=person.id, key=stream_key(person.key, stream))
            _bounded(cached)
        return found

    def _person(self, organisation: str, subject: str, *, at_hand: bool) -> Person:
        cached = self._people
        found = cached.get((organisation, subject))
        if found is None:
            if at_hand:
                raise NotAtHand
            if is_erased(subject):
                raise NameOfTheErased
            cached[organisation, subject] = found = self._book.person(organisation, subject)
            _bounded(cached)
        return found

    def _stream_key(self, person: str, stream: UUID) -> bytes | None:
        cached = self._keys
        key = cached.get(person) or self._book.key(person)
        if key is None:
            return None
        cached[person] = key
        _bounded(cached)
        return stream_key(key, stream)

    def _refresh(self, *, at_hand: bool = False) -> None:
        if time.monotonic() < self._read_at + REFRESH_S:
            return
        if at_hand:
            raise NotAtHand
        with self._lock:
            began, erasures = time.monotonic(), self._book.erasures()
            is_news = erasures != self._erasures
            if is_news:
                self._forget_cached()
            self._erasures, self._read_at = erasures, began
        if is_news:
            for callback in self._erased:
                callback()

    def _forget_cached(self) -> None:
        """New dictionaries: what somebody is about to put into the old ones is forgotten with them."""
        self._names: dict[UUID, Names] = {}
        self._keys: dict[str, bytes] = {}
        self._people: dict[tuple[str, str], Person] = {}
        self._tokens: dict[tuple[UUID, str, str, str], str] = {}


class _Book:
    """The table itself."""

    def __init__(self, service: str, engine: Engine) -> None:
        self._service = service
        self._engine = engine

    def person(self, organisation: str, subject: str) -> Person:
        """With a key that is durable; a new one where there is none."""
        with self._transaction() as connection:
            found = _living(connection, organisation, subject)
            if found is None:
                row = {"id": os.urandom(ID_BYTES).hex(), "organisation": organisation, "subject": subject, "key": os.urandom(KEY_BYTES)}
                connection.execute(insert_into(_PEOPLE, connection).values(**row, erased_at="", reason="").on_conflict_do_nothing())
                found = _living(connection, organisation, subject)
            assert found is not None, "whom another copy of the service was quicker to write down is there"
            return found

    def key(self, person: str) -> bytes | None:
        """None: it was deleted, or there never was one."""
        with self._transaction() as connection:
            found = connection.execute(sa.select(_PEOPLE.c.key).where(_PEOPLE.c.id == person)).scalar()
            return None if found is None else bytes(found)

    def erasures(self) -> int:
        with self._transaction() as connection:
            counted = sa.select(sa.func.count()).where(_PEOPLE.c.key.is_(None))
            return connection.execute(counted).scalar_one()

    def delete_key(self, organisation: str, subject: str, *, reason: str, at: str) -> list[str]:
        named = sa.and_(_PEOPLE.c.organisation == organisation, _PEOPLE.c.subject == subject)
        with self._transaction() as connection:
            connection.execute(sa.update(_PEOPLE).where(named, _PEOPLE.c.key.is_not(None)).values(key=None, erased_at=at, reason=reason))
            return list(connection.execute(sa.select(_PEOPLE.c.id).where(named).order_by(_PEOPLE.c.id)).scalars())

    def end(self, person: str) -> str:
        this = _PEOPLE.c.id == person
        with self._transaction() as connection:
            connection.execute(sa.update(_PEOPLE).where(this, _PEOPLE.c.key.is_(None)).values(subject=""))
            erased_at: str = connection.execute(sa.select(_PEOPLE.c.erased_at).where(this)).scalar_one()
        if self._engine.dialect.name == "postgresql":
            with self._outages(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text("VACUUM FULL people"))
        return erased_at

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._outages(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _outages(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            if is_outage(error):
                raise Unavailable(f"the people of {self._service} cannot be reached now") from error
            raise


def _living(connection: Connection, organisation: str, subject: str) -> Person | None:
    found = sa.select(_PEOPLE.c.id, _PEOPLE.c.key).where(
        _PEOPLE.c.organisation == organisation, _PEOPLE.c.subject == subject, _PEOPLE.c.key.is_not(None)
    )
    row = connection.execute(found).first()
    return None if row is None else Person(id=row.id, key=bytes(row.key))


def _with_table(engine: Engine) -> Engine:
    with engine.begin() as connection:
        _METADATA.create_all(connection)
    return engine


def _bounded(cached: dict[Any, Any]) -> None:
    if len(cached) > _MOST_CACHED:
        cached.clear()
