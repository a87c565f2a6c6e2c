"""The use case behind the history page: what agreements knows of an agreement's past, asked in the reader's own name. Holds no rule."""

from __future__ import annotations

import asyncio
from typing import Protocol

from services.reporting.past import Asked, Change, Event, History, Look, State
from services.vocabulary.errors import NotFound

Credential = tuple[tuple[str, str], ...]
"""What the reader proved itself by: agreements decides who sees what, and keeps who read it."""


class EventNotFound(NotFound):
    """The agreement's history has no such event."""

    code = "event-not-found"


class Past(Protocol):
    """Agreements' answers; each refuses as agreements does. Empty times are now."""

    async def events(self, agreement_id: str, *, by: Credential) -> tuple[Event, ...]: ...
    async def state(self, agreement_id: str, *, as_of: str, known_at: str, by: Credential) -> State: ...
    async def state_after(self, agreement_id: str, version: int, *, as_of: str, by: Credential) -> State: ...
    async def changes(self, agreement_id: str, before: int, after: int, *, by: Credential) -> tuple[Change, ...]: ...


class Histories:
    """Of agreements that the reader sees."""

    def __init__(self, past: Past) -> None:
        self._past = past

    async def history(self, agreement_id: str, asked: Asked, *, by: Credential) -> History:
        """Refuses as agreements does, and with `EventNotFound`."""
        look, newest, at_times = await asyncio.gather(
            self.look(agreement_id, asked, by=by),
            self._past.state(agreement_id, as_of="", known_at="", by=by),
            self._at_times(agreement_id, asked, by=by),
        )
        shown = newest.terms or newest.pending
        return History(title=shown.terms.title if shown else agreement_id, look=look, at_times=at_times)

    async def look(self, agreement_id: str, asked: Asked, *, by: Credential) -> Look:
        """As `history`, at one event alone."""
        events = await self._past.events(agreement_id, by=by)
        version = asked.event or len(events)
        other = asked.other or version - 1
        if max(version, other) > len(events):
            raise EventNotFound(f"the history has {len(events)} events, and no event {max(version, other)}")
        state, changes = await asyncio.gather(
            self._past.state_after(agreement_id, version, as_of=asked.as_of, by=by),
            self._changes(agreement_id, other, version, by=by),
        )
        return Look(
            agreement_id=agreement_id,
            asked=asked,
            events=events,
            event=events[version - 1],
            state=state,
            other=other,
            changes=changes,
        )

    async def _at_times(self, agreement_id: str, asked: Asked, *, by: Credential) -> State | None:
        if not asked.names_a_time:
            return None
        try:
            return await self._past.state(agreement_id, as_of=asked.as_of, known_at=asked.known_at, by=by)
        except NotFound:
            return None

    async def _changes(self, agreement_id: str, one: int, another: int, *, by: Credential) -> tuple[Change, ...]:
        before, after = sorted((one, another))
        return await self._past.changes(agreement_id, before, after, by=by) if 0 < before < after else ()
