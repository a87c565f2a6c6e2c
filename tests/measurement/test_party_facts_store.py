"""The copy of what the parties added, on both databases: told once, as it was known, and each fact marks what it may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa

from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.erasure import Forgotten
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.settings import Settings
from services.measurement import marks, party_facts_store, store
from services.measurement.party_facts import Fact, PartyFacts, stream_of
from services.measurement.stored import STORED, Stored
from services.vocabulary.period import HOUR, Instant, instant_of
from tests.measurement.promise import MANAGER
from tests.measurement.test_party_facts import CUSTOMER, FLOOD, PROVIDER, after, approved, claiming, settling

FIRST, SECOND = datetime(2026, 3, 10, 12, tzinfo=UTC), datetime(2026, 3, 11, 12, tzinfo=UTC)


class Kept:
    """A log and its copy."""

    def __init__(self, log: EventStore[Stored], database: Database) -> None:
        self.log = log
        self.database = database
        self.version = 0

    async def tell(self, *facts: Fact, at: datetime) -> list[Recorded[Stored]]:
        context = Context(caller=MANAGER, recorded_at=at, correlation_id="the-claim")
        recorded = await self.log.append(stream_of("a"), expected_version=self.version, events=facts, context=context)
        self.version += len(facts)
        await self.apply(*recorded)
        return recorded

    async def apply(self, *recorded: Recorded[Stored]) -> None:
        for each in recorded:
            await self.database.write(lambda connection, each=each: party_facts_store.apply(connection, each))  # type: ignore[misc]

    async def added(self, known_at: Instant | None = None) -> PartyFacts:
        return await self.database.read(lambda connection: party_facts_store.added(connection, "a", known_at=known_at))

    async def marked(self) -> list[marks.Mark]:
        return await self.database.read(marks.marked)


def run(settings: Settings, story: Callable[[Kept], Awaitable[None]]) -> None:
    async def told() -> None:
        database = Database.open("measurement", settings, store.METADATA)
        log = EventStore[Stored].open("measurement", settings, Registry(STORED))
        try:
            await story(Kept(log, database))
        finally:
            await log.close()
            await database.close()

    asyncio.run(told())


def test_what_the_parties_added_is_read_as_it_was_known(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.tell(*claiming(), at=FIRST)
        await kept.tell(*approved(after(claiming()), CUSTOMER), *settling(), at=SECOND)
        now = await kept.added()
        assert now.exclusion("e-1").status("customer") == "approved"
        assert [each.down for each in now.settlements] == [True]
        before = await kept.added(instant_of(FIRST))
        assert before.exclusion("e-1").status("customer") == "pending"
        assert before.settlements == ()
        assert await kept.added(Instant(instant_of(FIRST) - 1)) == PartyFacts()

    run(settings, story)


def test_who_told_a_fact_and_when_is_kept_with_it(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.tell(*claiming(), at=FIRST)
        exclusion = (await kept.added()).exclusion("e-1")
        assert (exclusion.by, exclusion.claimed_at) == (MANAGER.subject, instant_of(FIRST))

    run(settings, story)


def test_a_fact_marks_its_agreement_from_its_month_on_with_its_cause(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.tell(*claiming(), at=FIRST)
        await kept.tell(*approved(after(claiming()), CUSTOMER), at=SECOND)
        (mark,) = await kept.marked()
        assert (mark.scope, mark.tenant, mark.subject) == ("agreement", PROVIDER, "a")
        assert (mark.span.start, mark.span.end) == (FLOOD.start - 48 * HOUR, marks.ALWAYS.end)
        assert [reason.words for reason in mark.reasons] == [
            "exclusion force-majeure claimed by nordwind-hosting",
            "exclusion force-majeure approved by hansebank",
        ]
        assert mark.cause.correlation_id == "the-claim"

    run(settings, story)


def test_a_fact_that_comes_again_is_kept_once_and_marks_nothing(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        recorded = await kept.tell(*claiming(), at=FIRST)
        (mark,) = await kept.marked()
        await kept.database.write(lambda connection: marks.clear_mark(connection, mark))
        await kept.apply(*recorded, *recorded)
        assert await kept.marked() == []
        assert len((await kept.added()).exclusions) == 1

    run(settings, story)


def test_an_exclusion_leads_to_its_agreement(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.tell(*claiming(), *settling(), at=FIRST)
        assert await kept.database.read(lambda connection: party_facts_store.agreement_of(connection, "e-1")) == "a"
        assert await kept.database.read(lambda connection: party_facts_store.agreement_of(connection, str(uuid4()))) is None

    run(settings, story)


def test_a_person_is_forgotten_in_the_copy_and_beside_the_observations_and_nobody_else(settings: Settings) -> None:
    async def story(kept: Kept) -> None:
        await kept.tell(*claiming(), at=FIRST)
        before = await kept.added()
        gone = Forgotten(organisation=before.exclusions[0].claim.claimed_by, subject=MANAGER.subject, name="erased-0123456789abcdef")
        stranger = Forgotten(organisation="somebody-else", subject=MANAGER.subject, name="erased-0000000000000000")
        for each in (stranger, gone, gone):
            await kept.database.write(lambda connection, each=each: party_facts_store.forget(connection, each))  # type: ignore[misc]
        reporter = {"tenant": PROVIDER, "source": "probe", "name": "one", "reported_by": MANAGER.subject, "reason": ""}
        await kept.database.write(lambda connection: connection.execute(store.REPORTERS.insert().values(reporter)))
        for each in (stranger, gone):
            await kept.database.write(lambda connection, each=each: party_facts_store.forget_reporter(connection, each))  # type: ignore[misc]
        reported = sa.select(store.REPORTERS.c.reported_by)
        assert await kept.database.read(lambda connection: connection.execute(reported).scalar_one()) == "erased-0123456789abcdef"
        after_it = await kept.added()
        assert [each.by for each in after_it.exclusions] == ["erased-0123456789abcdef"]
        assert [each.claim for each in after_it.exclusions] == [each.claim for each in before.exclusions]

    run(settings, story)
