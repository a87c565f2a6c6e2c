"""The use cases of agreements, without a door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.agreements import views
from services.agreements.application import Agreements
from services.agreements.evolve import evolve
from services.agreements.keyring_application import Keyrings
from services.agreements.keys import Keyring, SigningKeyRevoked
from services.agreements.reads import ReadLog
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.agreements.timer import LifeTimer
from services.agreements.timetable import Timetable
from services.chassis.clock import MovableClock
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, OrganisationId, Role
from services.vocabulary.period import Instant
from tests.agreements.support import AUDITOR, MARCH_9, PROVIDER, TERMS, terms
from tests.signing import note_under, registration

MANAGER = Caller(subject="ida", organisation=PROVIDER, roles=frozenset({Role.SERVICE_MANAGER}))
SIGNATORY = Caller(subject="ole", organisation=PROVIDER, roles=frozenset({Role.SIGNATORY}))


def context(caller: Caller) -> Context:
    return Context(caller=caller, recorded_at=MARCH_9, correlation_id="c-1")


@dataclass(frozen=True)
class Room:
    store: EventStore[Stored]
    listing: views.AgreementList
    reads: ReadLog

    def agreements(self, keyrings: Keyrings | None = None) -> Agreements:
        return Agreements(self.store, self.listing, keyrings or Keyrings(self.store, self.listing), self.reads)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Room]:
    settings = Settings(data=folder)
    store = await asyncio.to_thread(EventStore[Stored].open, "agreements", settings, Registry(STORED, upcasters=UPCASTERS))
    database = await asyncio.to_thread(Database.open, "agreements", settings, views.METADATA)
    reads = await asyncio.to_thread(ReadLog.open, settings)
    yield Room(store, views.AgreementList(database), reads)
    await reads.close()
    await store.close()
    await database.close()


def test_a_page_leaves_out_what_the_caller_may_see_no_more(tmp_path: Path) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as room:
            agreements = room.agreements()
            auditor = Caller(subject="eva", organisation=AUDITOR, roles=frozenset({Role.AUDITOR}))
            seen = await agreements.draft(TERMS, context=context(MANAGER))
            lost = await agreements.draft(terms(lambda nodes: nodes.pop("auditors")), context=context(MANAGER))
            listed = [lost.id, seen.id, uuid4()]
            assert [each.id for each in await agreements.snapshots(listed, context=context(auditor))] == [seen.id]

    asyncio.run(scene())


class Revoked(Keyrings):
    """Somebody revokes the signatory's key right after it was looked up."""

    done = False

    async def versioned(self, organisation: OrganisationId) -> tuple[Keyring | None, int]:
        found = await super().versioned(organisation)
        if not self.done and found[0] is not None:
            self.done = True
            await self.revoke(found[0].keys[0].id, reason="Lost", context=context(SIGNATORY))
        return found


def test_a_key_that_is_revoked_while_it_signs_does_not_sign(tmp_path: Path) -> None:
    """Else the log would hold a signature after the revocation, and no bundle of the agreement would ever hold."""

    async def scene() -> None:
        async with opened(tmp_path) as room:
            await Keyrings(room.store, room.listing).register(registration(PROVIDER, "ole"), context=context(SIGNATORY))
            keyrings = Revoked(room.store, room.listing)
            agreements = room.agreements(keyrings)
            drafted = await agreements.draft(TERMS, context=context(MANAGER))
            await agreements.propose(drafted.id, expected_version=None, context=context(MANAGER))
            agreement = None
            for recorded in await room.store.load(drafted.id):
                agreement = evolve(agreement, recorded.event, recorded_at=recorded.metadata.recorded_at)  # type: ignore[arg-type]
            assert agreement is not None
            note = note_under(agreement, drafted.id, PROVIDER, "ole")
            with pytest.raises(SigningKeyRevoked):
                await agreements.sign(drafted.id, note, expected_version=None, context=context(SIGNATORY))
            assert keyrings.done
            assert [each.type for each in await room.store.load(drafted.id)] == ["agreement.drafted.v1", "agreement.proposed.v2"]

    asyncio.run(scene())


class Unwell(Agreements):
    """Of one agreement nothing can be told."""

    unwell: UUID

    async def pass_time(self, agreement_id: UUID, context: Context) -> tuple[bool, Instant | None]:
        if agreement_id == self.unwell:
            raise ValueError("its history cannot be read")
        return await super().pass_time(agreement_id, context)


class Both(Timetable):
    def __init__(self, agreements: list[UUID]) -> None:
        self._agreements = agreements

    async def changed_after(self, position: int) -> list[tuple[UUID, int]]:
        return [] if position else [(each, 1) for each in self._agreements]


def test_an_agreement_that_cannot_be_told_holds_up_no_other(tmp_path: Path) -> None:
    async def scene() -> None:
        async with opened(tmp_path) as room:
            agreements = Unwell(room.store, room.listing, Keyrings(room.store, room.listing), room.reads)
            first = await agreements.draft(TERMS, context=context(MANAGER))
            second = await agreements.draft(terms(lambda nodes: nodes.update(title="B")), context=context(MANAGER))
            for each in (first, second):
                until = Instant(1_773_100_800_000_000)  # 2026-03-10
                await agreements.propose(each.id, valid_until=until, expected_version=None, context=context(MANAGER))
            agreements.unwell = first.id
            clock = MovableClock(MARCH_9.replace(day=11))
            timer = LifeTimer(agreements, Both([first.id, second.id]), clock=clock, every_s=1)
            assert await timer.look() == 1
            agreements.unwell = second.id
            assert await timer.look() == 1
            for each in (first, second):
                assert [recorded.type for recorded in await room.store.load(each.id)][-1] == "agreement.offer-expired.v1"

    asyncio.run(scene())
