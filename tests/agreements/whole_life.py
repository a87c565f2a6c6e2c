"""A history with every kind of event, and what asks about the past on top of stores of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from services.agreements import search, views
from services.agreements.application import Agreements
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
from services.agreements.keyring_application import Keyrings
from services.agreements.reads import ReadLog, Reads
from services.agreements.replay import Replay
from services.agreements.search import Search, SearchIndex
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.agreements.terms import PartyRole, Terms, canonical_json, digest
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.follower import Projection
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, OrganisationId, Role
from tests.agreements.support import AGREEMENT, AUDITOR, CUSTOMER, PROVIDER, TERMS, availability_of, terms

BEGUN = datetime(2026, 1, 5, 9, tzinfo=UTC)
TARGET = "objectives[availability].target"
REVISED_TO, COUNTERED, AMENDED = (terms(availability_of(target)) for target in ("99.8", "99.85", "99.95"))
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
LAST = date(2026, 12, 31)


def signed(number: int, of: Terms, role: PartyRole, signatory: str) -> Signed:
    organisation = PROVIDER if role == "provider" else CUSTOMER
    return Signed(terms_version=number, digest=digest(of), role=role, organisation=organisation, signatory=signatory, key="k", note="n")


def amendment(number: int, of: Terms, *, valid_until: str = "") -> AmendmentProposed:
    return AmendmentProposed(
        terms_version=number,
        document=canonical_json(of),
        digest=digest(of),
        effective_on=MAY,
        reason="Agreed in the review",
        proposed_by=CUSTOMER,
        valid_until=valid_until,
    )


LIFE: Sequence[tuple[OrganisationId, str, Fact]] = (
    (PROVIDER, "ida", Drafted(document=canonical_json(TERMS), digest=digest(TERMS), drafted_by=PROVIDER)),
    (PROVIDER, "ida", Proposed(terms_version=1, digest=digest(TERMS), proposed_by=PROVIDER, valid_until="")),
    (CUSTOMER, "tim", Withdrawn(terms_version=1, digest=digest(TERMS), withdrawn_by=CUSTOMER)),
    (PROVIDER, "ida", Revised(document=canonical_json(REVISED_TO), digest=digest(REVISED_TO), revised_by=PROVIDER)),
    (PROVIDER, "ida", Proposed(terms_version=2, digest=digest(REVISED_TO), proposed_by=PROVIDER, valid_until="2026-01-09T09:00:00Z")),
    (
        CUSTOMER,
        "tim",
        CounterOffered(
            terms_version=3,
            document=canonical_json(COUNTERED),
            digest=digest(COUNTERED),
            effective_on=COUNTERED.effective_on,
            offered_by=CUSTOMER,
            valid_until="",
            reason="More than that",
        ),
    ),
    (PROVIDER, "ida", Commented(terms_version=3, place=TARGET, text="Within reach", organisation=PROVIDER, subject="ida")),
    (CUSTOMER, "eva", signed(3, COUNTERED, "customer", "eva")),
    (PROVIDER, "udo", signed(3, COUNTERED, "provider", "udo")),
    (
        PROVIDER,
        "udo",
        Activated(terms_version=3, document=canonical_json(COUNTERED), digest=digest(COUNTERED), effective_on=COUNTERED.effective_on),
    ),
    (CUSTOMER, "tim", amendment(4, AMENDED, valid_until="2026-01-20T09:00:00Z")),
    (CUSTOMER, "timer", OfferExpired(terms_version=4, digest=digest(AMENDED), valid_until="2026-01-20T09:00:00Z")),
    (CUSTOMER, "tim", amendment(5, AMENDED)),
    (CUSTOMER, "eva", signed(5, AMENDED, "customer", "eva")),
    (PROVIDER, "udo", signed(5, AMENDED, "provider", "udo")),
    (
        PROVIDER,
        "udo",
        Amended(
            terms_version=5,
            document=canonical_json(AMENDED),
            digest=digest(AMENDED),
            effective_on=MAY,
            reason="Agreed in the review",
        ),
    ),
    (PROVIDER, "ida", SuspensionRequested(first_day=MAY, last_day=None, organisation=PROVIDER, reason="Move")),
    (CUSTOMER, "eva", Suspended(first_day=MAY, last_day=None, reason="Move", provider=PROVIDER, confirmed_by=CUSTOMER)),
    (PROVIDER, "ida", ResumptionRequested(first_day=date(2026, 5, 20), organisation=PROVIDER, reason="Moved")),
    (CUSTOMER, "eva", RequestRefused(kind="resumption", refused_by=CUSTOMER)),
    (PROVIDER, "ida", ResumptionRequested(first_day=JUNE, organisation=PROVIDER, reason="Moved")),
    (
        CUSTOMER,
        "eva",
        Resumed(first_day=MAY, last_day=date(2026, 5, 31), reason="Moved", provider=PROVIDER, confirmed_by=CUSTOMER),
    ),
    (PROVIDER, "timer", ReviewDue(due_on=date(2026, 4, 1))),
    (
        PROVIDER,
        "ida",
        ReviewHeld(due_on=date(2026, 4, 1), held_on=date(2026, 4, 3), minutes="All well", organisation=PROVIDER),
    ),
    (PROVIDER, "timer", Renewed(last_day=date(2027, 12, 31), provider=PROVIDER)),
    (CUSTOMER, "tim", NoticeGiven(last_day=date(2027, 12, 31), organisation=CUSTOMER)),
    (CUSTOMER, "tim", Terminated(last_day=LAST, provider=PROVIDER, terminated_by=CUSTOMER)),
    (PROVIDER, "timer", Expired(last_day=LAST, provider=PROVIDER)),
    (PROVIDER, "ida", Archived(archived_by=PROVIDER)),
)
"""Who, for whom, what; an hour after another. What ended ends once more, so that each kind is there."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What is asked, and by what; `now` is after everything."""

    store: EventStore[Stored]
    database: Database
    reads: ReadLog
    agreements: Agreements
    index: SearchIndex
    settings: Settings

    @property
    def replay(self) -> Replay:
        return Replay(self.agreements, self.store)

    @property
    def search(self) -> Search:
        return Search(self.agreements, self.store, self.database)

    @property
    def asked(self) -> Reads:
        return Reads(self.agreements, self.reads)

    async def follow(self) -> None:
        """Takes what was stored into list and index, all at once."""
        stored = await self.store.read(after=0, limit=1000)
        await Projection("agreements", self.database, views.apply).take(stored)
        await self.index.take(stored)


def context(
    organisation: OrganisationId = PROVIDER,
    subject: str = "ida",
    *,
    operation: str = "get_agreement",
    at: datetime = BEGUN,
    role: Role = Role.VIEWER,
) -> Context:
    caller = Caller(subject=subject, organisation=organisation, roles=frozenset({role}))
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    return Context(caller=caller, recorded_at=at, tool="http", operation=operation, correlation_id="c", traceparent=traceparent)


AUDITING = context(AUDITOR, "eva", role=Role.AUDITOR, at=BEGUN + timedelta(days=60))


@asynccontextmanager
async def archive(data: Path, *, url: str = "") -> AsyncIterator[Archive]:
    """With nothing in it."""
    settings = Settings(data=data, database_url=url)
    store = await asyncio.to_thread(EventStore[Stored].open, "agreements", settings, Registry(STORED, upcasters=UPCASTERS))
    database = await asyncio.to_thread(Database.open, "agreements", settings, views.METADATA, search.METADATA)
    reads = await asyncio.to_thread(ReadLog.open, settings)
    listing = views.AgreementList(database)
    agreements = Agreements(store, listing, Keyrings(store, listing), reads)
    try:
        yield Archive(
            store=store, database=database, reads=reads, agreements=agreements, index=SearchIndex(store, database), settings=settings
        )
    finally:
        await reads.close()
        await store.close()
        await database.close()


async def live(archived: Archive, *, agreement_id: UUID = AGREEMENT, events: int = len(LIFE), begun: datetime = BEGUN) -> None:
    """Stores so many events of the life, each an hour after the one before."""
    for version, (organisation, subject, fact) in enumerate(LIFE[:events]):
        by = context(organisation, subject, at=begun + timedelta(hours=version))
        await archived.store.append(agreement_id, expected_version=version, events=[fact], context=by)
    await archived.follow()


def play(data: Path, scene: Callable[[Archive], Awaitable[None]], *, events: int = len(LIFE), url: str = "") -> None:
    """Runs a scene after so many events of the life."""

    async def act() -> None:
        async with archive(data, url=url) as archived:
            await live(archived, events=events)
            await scene(archived)

    asyncio.run(act())
