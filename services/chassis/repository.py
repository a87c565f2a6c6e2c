"""Load, decide, append: the one way a use case changes a stream. Knows no rule, and never appends the answer to a repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from services.chassis.context import Context
from services.chassis.event_store import AlreadyAnswered, AlreadyHandled, EventStore
from services.chassis.events import Recorded
from services.vocabulary.errors import Refusal, Since, StaleVersion

S = TypeVar("S")
E = TypeVar("E")

_LOST_RACES = 8
_TOLD = 100


@dataclass(frozen=True)
class Versioned(Generic[S]):
    """A state and the version of its stream; `recorded` are the events appended just now, none for a repeat."""

    state: S
    version: int
    recorded: Sequence[Recorded[Any]] = ()


class Repository(Generic[S, E]):
    """Streams of one kind, folded by `evolve`."""

    def __init__(self, store: EventStore[E], evolve: Callable[[S | None, Recorded[E]], S]) -> None:
        self._store = store
        self._evolve = evolve

    async def load(self, stream: UUID, *, up_to_version: int | None = None, known_at: datetime | None = None) -> Versioned[S] | None:
        """None: there is no such stream, or nothing of it was recorded by `known_at`."""
        state, version = await self._store.fold(stream, self._evolve, up_to_version=up_to_version, known_at=known_at)
        return Versioned(cast(S, state), version) if version else None

    async def execute(
        self,
        stream: UUID,
        decide: Callable[[S | None], Sequence[E]],
        *,
        context: Context,
        expected_version: int | None = None,
        resting_on: Mapping[UUID, int] | None = None,
    ) -> Versioned[S]:
        """Appends what `decide` returns and answers the state after it.

        A repeat of `context.request` answers the state as of the version it led to, a repeat of `context.delivery` the present state,
        and neither appends. Raises `StaleVersion` when `expected_version` is given and is not the newest, with the newest hundred of what
        came since; with none given, a lost race is decided again, eight times. Deciding on nothing appends nothing (a delivery is then
        marked handled); where nothing exists either, the answer has version 0 and its state is None. `resting_on`: the versions of other
        streams that `decide` knows; raises `RestsOnThePast` when one has moved on.
        """
        repeated = await self._repeated(stream, context)
        if repeated is not None:
            return repeated
        for _ in range(_LOST_RACES):
            try:
                return await self._attempt(stream, decide, context, expected_version, resting_on)
            except (AlreadyAnswered, AlreadyHandled, Refusal) as refused:
                repeated = await self._repeated(stream, context)
                if repeated is not None:
                    return repeated
                if not isinstance(refused, StaleVersion):
                    raise
                if expected_version is not None:
                    raise await self.explained(stream, refused) from None
        return await self._attempt(stream, decide, context, expected_version, resting_on)

    async def explained(self, stream: UUID, stale: StaleVersion) -> StaleVersion:
        """The same refusal, with the newest hundred of what came since."""
        since = await self._store.load(stream, after_version=max(stale.expected, stale.actual - _TOLD))
        changed = [
            Since(version=each.version, type=each.type, actor=each.metadata.actor, recorded_at=each.metadata.recorded_at) for each in since
        ]
        return StaleVersion(expected=stale.expected, actual=max([stale.actual, *(each.version for each in since)]), changed=changed)

    async def _attempt(
        self,
        stream: UUID,
        decide: Callable[[S | None], Sequence[E]],
        context: Context,
        expected_version: int | None,
        resting_on: Mapping[UUID, int] | None,
    ) -> Versioned[S]:
        current = await self._current(stream)
        if expected_version is not None and expected_version != current.version:
            raise StaleVersion(expected=expected_version, actual=current.version)
        events = decide(current.state)
        if events:
            recorded = await self._store.append(
                stream, expected_version=current.version, events=events, context=context, resting_on=resting_on
            )
            after = self._folded(current.state, recorded)
            return Versioned(after.state, after.version, recorded)
        if context.delivery is not None:
            await self._store.mark_handled(context.delivery)
        return Versioned(cast(S, current.state), current.version)

    async def _repeated(self, stream: UUID, context: Context) -> Versioned[S] | None:
        answer = await self._store.answered(context.request) if context.request is not None else None
        if answer is not None:
            return await self.load(answer[0], up_to_version=answer[1])
        if context.delivery is not None and await self._store.handled(context.delivery):
            current = await self._current(stream)
            return Versioned(cast(S, current.state), current.version)
        return None

    async def _current(self, stream: UUID) -> Versioned[S | None]:
        loaded = await self.load(stream)
        return Versioned(None, 0) if loaded is None else Versioned(loaded.state, loaded.version)

    def _folded(self, state: S | None, recorded: Sequence[Recorded[E]]) -> Versioned[S]:
        for event in recorded:
            state = self._evolve(state, event)
        return Versioned(cast(S, state), recorded[-1].version)
