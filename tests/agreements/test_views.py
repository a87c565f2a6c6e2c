"""The list of agreements, rebuilt from facts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from services.agreements import timetable
from services.agreements.facts import Activated, Amended, Drafted, Expired, Proposed, Renewed, Revised, Terminated, Withdrawn
from services.agreements.keys import KeyRegistered
from services.agreements.stored import STORED, Stored
from services.agreements.terms import canonical_json, digest
from services.agreements.views import METADATA, AgreementList, Listed, apply
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Registry
from services.chassis.follower import Projection
from services.chassis.settings import Settings
from services.vocabulary.identity import Caller, OrganisationId, Role
from services.vocabulary.period import instant_of
from tests.agreements.support import AUDITOR, CUSTOMER, MARCH_9, PROVIDER, STRANGER, TERMS, terms
from tests.signing import registration, signer

ONE, TWO = UUID(int=1), UUID(int=2)
SERVICE = Caller(subject="s", organisation=OrganisationId("upheld"), roles=frozenset({Role.SERVICE}))
WITHOUT_AUDITOR = terms(lambda nodes: nodes.update(auditors=[], title="Without an auditor"))
DRAFTED = Drafted(document=canonical_json(TERMS), digest=digest(TERMS), drafted_by=PROVIDER)
PROPOSED = Proposed(terms_version=1, digest=digest(TERMS), proposed_by=PROVIDER, valid_until="")
WITHDRAWN = Withdrawn(terms_version=1, digest=digest(TERMS), withdrawn_by=CUSTOMER)
REVISED = Revised(document=canonical_json(WITHOUT_AUDITOR), digest=digest(WITHOUT_AUDITOR), revised_by=CUSTOMER)
EXPIRED = Expired(last_day=date(2026, 12, 31), provider=PROVIDER)
TERMINATED = Terminated(last_day=date(2026, 6, 30), provider=PROVIDER, terminated_by=CUSTOMER)


def caller(organisation: OrganisationId) -> Caller:
    return Caller(subject="x", organisation=organisation, roles=frozenset({Role.VIEWER}))


def listed(data: Path, facts: Sequence[tuple[UUID, Stored]], who: Caller, *, times: int = 1) -> list[Listed]:
    """What the caller's list holds once the facts were taken, so many times over."""

    async def act() -> list[Listed]:
        settings = Settings(data=data)
        store = EventStore[Stored].open("agreements", settings, Registry(STORED))
        database = Database.open("agreements", settings, METADATA, timetable.METADATA)
        context = Context(caller=who, recorded_at=datetime(2026, 3, 9, tzinfo=UTC), correlation_id="c")
        versions = dict.fromkeys((stream for stream, _ in facts), 0)
        for stream, fact in facts:
            await store.append(stream, expected_version=versions[stream], events=[fact], context=context)
            versions[stream] += 1
        projection = Projection("agreements", database, apply)
        for _ in range(times):
            await projection.take(await store.read(after=0, limit=100))
        found = await AgreementList(database).page(who, status=None, before=None, limit=100, now=instant_of(MARCH_9))
        await store.close()
        await database.close()
        return found

    return asyncio.run(act())


def test_a_line_follows_its_agreement(tmp_path: Path) -> None:
    (line,) = listed(tmp_path, [(ONE, DRAFTED), (ONE, PROPOSED), (ONE, WITHDRAWN), (ONE, REVISED)], caller(CUSTOMER))
    assert (line.id, line.status, line.title, line.version) == (str(ONE), "draft", "Without an auditor", 4)
    assert (line.provider, line.customer, line.effective_on, line.ends_on) == (PROVIDER, CUSTOMER, "2026-01-01", "2026-12-31")
    assert (line.last_day, line.terms_version, line.updated_at) == ("", 0, "2026-03-09T00:00:00Z")


def test_keys_of_the_parties_are_no_line_of_the_list(tmp_path: Path) -> None:
    note = registration(CUSTOMER, "Marta")
    key = KeyRegistered(organisation=CUSTOMER, subject="Marta", key=str(signer(CUSTOMER, "Marta").key), note=note)
    (line,) = listed(tmp_path, [(ONE, DRAFTED), (TWO, key), (ONE, PROPOSED)], caller(CUSTOMER))
    assert (line.id, line.status, line.version) == (str(ONE), "proposed", 2)


def test_what_ended_says_on_which_day(tmp_path: Path) -> None:
    two, one = listed(tmp_path, [(ONE, DRAFTED), (TWO, DRAFTED), (ONE, EXPIRED), (TWO, TERMINATED)], SERVICE)
    assert (one.status, one.last_day) == ("expired", "2026-12-31")
    assert (two.status, two.last_day) == ("terminated", "2026-06-30")


def test_what_was_renewed_says_until_when_until_another_end_is_signed(tmp_path: Path) -> None:
    def amended(number: int, ends_on: str) -> Amended:
        agreed = terms(lambda nodes: nodes.update(title="Changed", ends_on=ends_on))
        return Amended(
            terms_version=number, document=canonical_json(agreed), digest=digest(agreed), effective_on=date(2026, 5, 1), reason=""
        )

    first = Activated(terms_version=1, document=canonical_json(TERMS), digest=digest(TERMS), effective_on=date(2026, 1, 1))
    life: list[Stored] = [
        DRAFTED,
        first,
        Renewed(last_day=date(2027, 12, 31), provider=PROVIDER),
        amended(2, "2026-12-31"),
        amended(3, "2027-06-30"),
    ]
    days = []
    for known in range(2, 6):
        (line,) = listed(tmp_path / str(known), [(ONE, fact) for fact in life[:known]], SERVICE)
        days.append((line.ends_on, line.last_day))
    assert days == [("2026-12-31", ""), ("2026-12-31", "2027-12-31"), ("2026-12-31", "2027-12-31"), ("2027-06-30", "")]


def test_parties_and_auditors_see_a_line_and_nobody_else_does(tmp_path: Path) -> None:
    for number, (organisation, expected) in enumerate({PROVIDER: 1, CUSTOMER: 1, AUDITOR: 1, STRANGER: 0}.items()):
        assert len(listed(tmp_path / str(number), [(ONE, DRAFTED)], caller(organisation))) == expected


def test_who_is_no_auditor_any_more_sees_it_no_more(tmp_path: Path) -> None:
    assert listed(tmp_path, [(ONE, DRAFTED), (ONE, REVISED)], caller(AUDITOR)) == []


def test_facts_told_again_change_nothing(tmp_path: Path) -> None:
    facts: list[tuple[UUID, Stored]] = [(ONE, DRAFTED), (TWO, DRAFTED), (ONE, PROPOSED), (TWO, TERMINATED)]
    assert listed(tmp_path / "a", facts, SERVICE) == listed(tmp_path / "b", facts, SERVICE, times=3)
