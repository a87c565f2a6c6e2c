"""Searching all histories by who, for whom, where, what and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from upheld.agreements.v1 import agreements_pb2 as messages

from services.agreements import search, views
from services.agreements.keys import KeyRegistered
from services.agreements.search import Search, SearchIndex, Wanted
from services.chassis.database import Database
from services.chassis.follower import Projection
from services.vocabulary.errors import Invalid
from services.vocabulary.identity import Role
from tests.agreements.support import AGREEMENT, AUDITOR, CUSTOMER, PROVIDER, STRANGER, Running, soon
from tests.agreements.support import play as run
from tests.agreements.whole_life import AUDITING, BEGUN, LIFE, TARGET, Archive, context, live, play
from tests.postgres import missing_reason, postgres_url
from tests.signing import registration, signer

OTHER = UUID("6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11")
TIERS = "objectives[availability].credits"


async def found(archived: Archive, wanted: Wanted) -> list[int]:
    """The versions, from the first on."""
    page = await archived.search.history(wanted, cursor="", limit=200, context=AUDITING)
    return [each.entry.version for each in reversed(page.items)]


CASES: Sequence[tuple[Wanted, list[int]]] = (
    (Wanted(actor="eva"), [8, 14, 18, 20, 22]),
    (Wanted(actor="ev"), []),
    (Wanted(organisation=CUSTOMER, actor="tim"), [3, 6, 11, 13, 26, 27]),
    (Wanted(organisation=PROVIDER, actor="tim"), []),
    (Wanted(type="agreement.signed.v2"), [8, 9, 14, 15]),
    (Wanted(type="agreement.signed.v2", organisation=PROVIDER), [9, 15]),
    (Wanted(place=TARGET), [1, 4, 6, 7, 10, 11, 12, 13, 16]),
    (Wanted(place=TIERS), [1, 4, 6, 10, 11, 12, 13, 16]),
    (Wanted(place="objectives[availability]"), [1, 4, 6, 7, 10, 11, 12, 13, 16]),
    (Wanted(place="objectives"), [1, 4, 6, 7, 10, 11, 12, 13, 16]),
    (Wanted(place="objectives[requests].target"), [1, 10]),
    (Wanted(place="objectives[avail"), []),
    (Wanted(place="%"), []),
    (Wanted(recorded_from=BEGUN + timedelta(hours=26)), [27, 28, 29]),
    (Wanted(recorded_until=BEGUN + timedelta(hours=1)), [1, 2]),
    (Wanted(recorded_from=BEGUN + timedelta(hours=3), recorded_until=BEGUN + timedelta(hours=3)), [4]),
    (Wanted(recorded_from=BEGUN + timedelta(microseconds=1), recorded_until=BEGUN + timedelta(hours=1)), [2]),
    (Wanted(agreement_id=AGREEMENT, actor="udo", place=TARGET), [10, 16]),
    (Wanted(agreement_id=OTHER), []),
)


def test_each_condition_narrows_what_is_found(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        for wanted, versions in CASES:
            assert await found(archived, wanted) == versions, wanted

    play(tmp_path, scene)


def test_what_is_found_is_the_event_with_the_places_asked_for(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        page = await archived.search.history(Wanted(actor="tim", place=TARGET), cursor="", limit=1, context=AUDITING)
        assert [(each.agreement_id, each.entry.version, each.places) for each in page.items] == [(AGREEMENT, 13, (TARGET,))]
        whole = await archived.search.history(Wanted(type="agreement.amended.v1"), cursor="", limit=9, context=AUDITING)
        (stored,) = await archived.store.load(AGREEMENT, after_version=15, up_to_version=16)
        assert [(each.entry, each.places) for each in whole.items] == [(stored, (TIERS, TARGET))]

    play(tmp_path, scene)


def test_pages_follow_one_another_newest_first(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await archived.search.history(Wanted(), cursor=cursor, limit=10, context=AUDITING)
            seen += [each.entry.version for each in page.items]
            cursor = page.next_cursor
        assert seen == list(range(len(LIFE), 0, -1))
        with pytest.raises(Invalid, match="cursor"):
            await archived.search.history(Wanted(), cursor="x", limit=10, context=AUDITING)

    play(tmp_path, scene)


def test_only_agreements_that_the_caller_may_see_are_searched(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        for organisation, expected in {PROVIDER: 2, CUSTOMER: 2, AUDITOR: 2, STRANGER: 0}.items():
            page = await archived.search.history(Wanted(), cursor="", limit=10, context=context(organisation))
            assert len(page.items) == expected
        page = await archived.search.history(Wanted(agreement_id=AGREEMENT), cursor="", limit=10, context=context(STRANGER))
        assert page.items == []

    play(tmp_path, scene, events=2)


def test_a_type_that_no_event_has_is_refused_with_the_nearest(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        for asked, rule in {
            "agreement.singed.v2": "type: no event is called 'agreement.singed.v2': did you mean \"agreement.signed.v2\"?",
            "agreement.signed.v1": 'did you mean "agreement.signed.v2"?',
        }.items():
            with pytest.raises(Invalid) as refused:
                await archived.search.history(Wanted(type=asked), cursor="", limit=1, context=AUDITING)
            assert rule in str(refused.value)

    play(tmp_path, scene, events=1)


def test_each_agreement_that_is_told_of_was_read_once(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        await live(archived, agreement_id=OTHER, events=3)
        searching = context(AUDITOR, "eva", operation="search_history", role=Role.AUDITOR)
        await archived.search.history(Wanted(type="agreement.drafted.v1"), cursor="", limit=9, context=searching)
        for agreement_id in (AGREEMENT, OTHER):
            page = await archived.reads.page(agreement_id, cursor="", limit=9)
            assert [(each.actor, each.operation) for each in page.items] == [("eva", "search_history")]

    play(tmp_path, scene, events=3)


def test_keys_are_no_part_of_it(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        note = registration(CUSTOMER, "Marta")
        key = KeyRegistered(organisation=CUSTOMER, subject="Marta", key=str(signer(CUSTOMER, "Marta").key), note=note)
        await archived.store.append(OTHER, expected_version=0, events=[key], context=context(CUSTOMER, "Marta"))
        await archived.follow()
        assert await found(archived, Wanted(actor="Marta")) == []
        assert await archived.index.position() == await archived.store.last_position()

    play(tmp_path, scene, events=1)


def test_told_in_parts_by_another_process_and_twice_it_is_the_same(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        stored = await archived.store.read(after=0, limit=100)
        again = Database.open("again", archived.settings, views.METADATA, search.METADATA)
        await Projection("agreements", again, views.apply).take(stored)
        for event in stored:
            await SearchIndex(archived.store, again).take([event])
        await SearchIndex(archived.store, again).take(stored)
        await archived.index.take(stored)
        pages = [
            await Search(archived.agreements, archived.store, database).history(Wanted(), cursor="", limit=100, context=AUDITING)
            for database in (archived.database, again)
        ]
        assert pages[0] == pages[1]
        await again.close()

    play(tmp_path, scene)


def test_who_is_forgotten_is_found_by_that_name_no_more(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        assert await archived.database.write(lambda connection: search.forget(connection, PROVIDER, "tim")) == 0
        assert await archived.database.write(lambda connection: search.forget(connection, CUSTOMER, "tim")) == 6
        assert await found(archived, Wanted(actor="tim")) == []
        assert await found(archived, Wanted(organisation=CUSTOMER, type="agreement.withdrawn.v1")) == [3]

    play(tmp_path, scene)


@pytest.mark.skipif(bool(missing_reason()), reason=missing_reason() or "PostgreSQL is here")
def test_on_postgresql_the_same_is_found(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        assert await found(archived, Wanted(place="objectives[availability]")) == [1, 4, 6, 7, 10, 11, 12, 13, 16]
        assert await found(archived, Wanted(place="objectives_availability")) == []
        page = await archived.asked.listed(AGREEMENT, cursor="", limit=5, context=AUDITING)
        assert len(page.items) == 2
        assert await archived.reads.forget(AUDITOR, "eva") == 2

    play(tmp_path, scene, url=postgres_url())


def test_both_doors_search(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        drafted = await service.draft()
        agreement_id = drafted.body["id"]
        query = f"/v1/history?place={TARGET}&organisation={PROVIDER}&limit=1&agreement_id={agreement_id}"
        answer = await soon(lambda: service.ask("GET", query, by=CUSTOMER, role=Role.VIEWER), lambda told: bool(told.body["items"]))
        (hit,) = answer.body["items"]
        assert (hit["agreement_id"], hit["entry"]["type"], hit["places"]) == (agreement_id, "agreement.drafted.v1", [TARGET])
        assert (hit["entry"]["tool"], hit["entry"]["organisation"], answer.body["next"]) == ("http", PROVIDER, None)

        request = messages.SearchHistoryRequest(place="objectives[availability]", recorded_from="2026-01-01T00:00:00Z", page_size=1)
        told = await service.stub.SearchHistory(request, metadata=service.metadata(CUSTOMER, Role.VIEWER))
        (entry,) = told.entries
        assert (entry.agreement_id, entry.entry.version, entry.entry.event_id) == (agreement_id, 1, hit["entry"]["event_id"])
        assert TARGET in entry.places

        wrong = await service.ask("GET", "/v1/history?type=agreement.drafed.v1")
        assert (wrong.status, wrong.body["violations"][0]["place"]) == (422, "type")
        late = datetime(2026, 3, 10, tzinfo=UTC).isoformat().replace("+00:00", "Z")
        assert (await service.ask("GET", f"/v1/history?from={late}")).body["items"] == []
        assert (await service.ask("GET", f"/v1/history?agreement_id={agreement_id}", by=STRANGER)).body["items"] == []

    run(tmp_path, scene)
