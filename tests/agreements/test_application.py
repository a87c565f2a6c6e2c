"""The use cases of agreements, without a door."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

from services.agreements import views
from services.agreements.application import Agreements
from services.agreements.keyring_application import Keyrings
from services.agreements.reads import ReadLog
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, Role
from tests.agreements.support import AUDITOR, MARCH_9, PROVIDER, TERMS, terms


def test_a_page_leaves_out_what_the_caller_may_see_no_more(tmp_path: Path) -> None:
    async def scene() -> None:
        settings = Settings(data=tmp_path)
        store = await asyncio.to_thread(EventStore[Stored].open, "agreements", settings, Registry(STORED, upcasters=UPCASTERS))
        database = await asyncio.to_thread(Database.open, "agreements", settings, views.METADATA)
        listing = views.AgreementList(database)
        reads = await asyncio.to_thread(ReadLog.open, settings)
        agreements = Agreements(store, listing, Keyrings(store, listing), reads)
        auditor = Caller(subject="eva", organisation=AUDITOR, roles=frozenset({Role.AUDITOR}))
        manager = Caller(subject="ida", organisation=PROVIDER, roles=frozenset({Role.SERVICE_MANAGER}))

        def context(caller: Caller) -> Context:
            return Context(caller=caller, recorded_at=MARCH_9, correlation_id="c-1")

        seen = await agreements.draft(TERMS, context=context(manager))
        lost = await agreements.draft(terms(lambda nodes: nodes.pop("auditors")), context=context(manager))
        listed = [lost.id, seen.id, uuid4()]
        assert [each.id for each in await agreements.snapshots(listed, context=context(auditor))] == [seen.id]
        await reads.close()
        await store.close()
        await database.close()

    asyncio.run(scene())
