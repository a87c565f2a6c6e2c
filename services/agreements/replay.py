"""The use cases of replaying an agreement: its whole state after any event, and what changed between two. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.agreements.agreement import Agreement
from services.agreements.application import Agreements, Snapshot, evolved, snapshot_of
from services.agreements.facts import Fact
from services.agreements.state import state_document
from services.agreements.stored import Stored
from services.agreements.terms import Change, Node, difference_of
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.chassis.repository import Versioned
from services.vocabulary.errors import NotFound
from services.vocabulary.period import Instant, datetime_of, day_of, parse_instant, parse_zone


class StateNotFound(NotFound):
    code = "state-not-found"

    def __init__(self, version: int) -> None:
        super().__init__(f"the agreement has no event {version}")


@dataclass(frozen=True, kw_only=True)
class StatesDiffer:
    """`newest` is the version of the stream that both were read from."""

    changes: tuple[Change, ...]
    newest: int


class Replay:
    """Of what the caller may see of an agreement now: who may see it today sees all of its past."""

    def __init__(self, agreements: Agreements, store: EventStore[Stored]) -> None:
        self._agreements = agreements
        self._store: EventStore[Fact] = store.narrowed()

    async def state_at(self, agreement_id: UUID, version: int, *, as_of: date | None = None, context: Context) -> Snapshot:
        """After the event of that version; as of a civil day, without one that of the event itself.

        Refuses with `AgreementNotFound` and `StateNotFound`.
        """
        await self._agreements.known(agreement_id, context=context)
        then = await self._after(agreement_id, version)
        moment = datetime_of(then.recorded_at)
        return snapshot_of(agreement_id, Versioned(then.state, version), replace(context, recorded_at=moment), as_of=as_of)

    async def diff(self, agreement_id: UUID, *, before: int, after: int, context: Context) -> StatesDiffer:
        """From the state after one event to that after another, which may be the earlier. Refuses as `state_at`."""
        newest = await self._agreements.known(agreement_id, context=context)
        old, new = await self._after(agreement_id, before), await self._after(agreement_id, after)
        return StatesDiffer(changes=difference_of(old.document, new.document), newest=newest.version)

    async def _after(self, agreement_id: UUID, version: int) -> _Then:
        found, reached = await self._store.fold(agreement_id, _then, up_to_version=version) if version > 0 else (None, 0)
        if found is None or reached != version:
            raise StateNotFound(version)
        return found


@dataclass(frozen=True, kw_only=True)
class _Then:
    """The state after an event, and when that was recorded."""

    state: Agreement
    recorded_at: Instant

    @property
    def document(self) -> dict[str, Node]:
        return state_document(self.state, on=day_of(self.recorded_at, parse_zone(self.state.newest.terms.zone)))


def _then(before: _Then | None, recorded: Recorded[Fact]) -> _Then:
    state = evolved(before.state if before else None, recorded)
    return _Then(state=state, recorded_at=parse_instant(recorded.metadata.recorded_at, place="recorded_at"))
