"""Names of people: stored as tokens, told as names, and forgotten with their keys while every byte that is proved stays."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.engine import Connection

from services.chassis.clock import MovableClock
from services.chassis.context import Context
from services.chassis.erasure import Erasures, Forgotten, PersonNotFound, in_rows
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.follower import Follower, Projection
from services.chassis.people import REFRESH_S, NameOfTheErased
from services.chassis.settings import Settings
from services.transparency.person import Names, is_erased, persons_in, stream_key, token
from services.vocabulary.errors import Invalid
from services.vocabulary.identity import Caller, OrganisationId, Role
from services.vocabulary.personal import SUBJECT, Personal
from tests.chassis.logged import LOG, logged
from tests.chassis.storage import COUNTS, MONDAY, VIEWS, context, opened_database

ANA_KEY = bytes(range(32))
ANA = "0123456789abcdef"
STREAM = UUID("9b2e3c5a-3d1f-4b7e-9a58-0c1d2e3f4a5b")
TOKEN = "{person:0123456789abcdef:NVonFIMicv8wxeBp4813Npn2R9fkwxuERvzHzz3RL19x__mXjGtUriqR-TWrUSSU}"


@dataclass(frozen=True, kw_only=True)
class Handed:
    """`to` is a person, `key` is called after who acts, `text` is anybody's own."""

    to: str
    key: str
    text: str = ""


KEY = Personal(re.compile(r"\A[^/]+/(.+)"))
REGISTRY: Registry[Handed] = Registry({"thing.handed.v1": Handed}, personal={Handed: {"to": SUBJECT, "key": KEY}})


def opened(settings: Settings) -> EventStore[Handed]:
    return EventStore.open("things", settings, REGISTRY)


def by(subject: str, *roles: Role, organisation: str = "bank") -> Context:
    caller = Caller(subject=subject, organisation=OrganisationId(organisation), roles=frozenset(roles or {Role.OPERATOR}))
    return replace(context(), caller=caller)


async def hand(store: EventStore[Handed], stream: UUID, actor: str, *, to: str, key: str = "bank/laptop", text: str = "") -> None:
    version = len(await store.load(stream))
    await store.append(stream, expected_version=version, events=[Handed(to=to, key=key, text=text)], context=by(actor))


async def told(store: EventStore[Handed], stream: UUID) -> list[tuple[str, str, str]]:
    return [(each.metadata.actor, each.event.to, each.event.key) for each in await store.load(stream)]


async def content(store: EventStore[Any], stream: UUID) -> bytes:
    return b"".join(each.content for each in await store.load_bytes(stream))


def run(settings: Settings, story: Callable[[EventStore[Handed]], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = opened(settings)
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


# ---------------------------------------------------------------------------------------------------------------- tokens


def test_the_bytes_of_a_token_are_these() -> None:
    key = stream_key(ANA_KEY, STREAM)
    assert key.hex() == "8b09fb46bdae0632f46ebbfe5a05a8526d110b2684ddf3aab367cd55560ecb76"
    assert token("ida.keller", person=ANA, key=key) == TOKEN
    assert Names({ANA: key}.get).read(TOKEN) == "ida.keller"
    assert token("ida.keller", person=ANA, key=stream_key(ANA_KEY, UUID(int=1))) != TOKEN


def test_a_token_is_opened_by_its_own_key_alone_and_stays_what_it_is_otherwise() -> None:
    for key in (stream_key(ANA_KEY, UUID(int=1)), stream_key(bytes(32), STREAM)):
        names = Names({ANA: key}.get)
        assert (names.read(TOKEN), names.refused) == (TOKEN, {TOKEN})
    own = Names({ANA: stream_key(ANA_KEY, STREAM)}.get)
    for at in (24, 30, 50, 80):
        bent = TOKEN[:at] + ("A" if TOKEN[at] != "A" else "B") + TOKEN[at + 1 :]
        assert own.read(bent) == bent
    other = TOKEN.replace(ANA, "0123456789abcdee")
    assert Names({"0123456789abcdee": stream_key(ANA_KEY, STREAM)}.get).read(other) == other
    assert Names().read(TOKEN) == f"erased-{ANA}"


def test_not_even_the_length_of_a_short_name_stays() -> None:
    key = stream_key(ANA_KEY, STREAM)
    assert len(token("a", person=ANA, key=key)) == len(token("a" * 15, person=ANA, key=key)) < len(token("a" * 16, person=ANA, key=key))
    for text in ("a" * 15, "a" * 16, "Zoë Müller", "\u0080", "ends in nul\x00"):
        assert Names({ANA: key}.get).read(token(text, person=ANA, key=key)) == text


# ----------------------------------------------------------------------------------------------------------------- store


def test_a_name_is_stored_nowhere_in_an_event_and_told_everywhere(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream = uuid4()
        await hand(store, stream, "ana.keller", to="ben.moser", key="bank/anas-laptop", text="to whom it may concern")
        assert await told(store, stream) == [("ana.keller", "ben.moser", "bank/anas-laptop")]
        assert [each.metadata.actor for each in await store.read(after=0, limit=10)] == ["ana.keller"]
        stored = await content(store, stream)
        assert not any(name in stored for name in (b"ana.keller", b"ben.moser", b"anas-laptop"))
        assert b"to whom it may concern" in stored
        assert len(persons_in(stored)) == 2

    run(settings, story)


def test_the_same_person_has_the_same_token_in_a_stream_and_another_one_in_another(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        one, other = uuid4(), uuid4()
        for stream in (one, one, other):
            await hand(store, stream, "ana", to="ana")
        tokens = re.findall(rb'"actor":"([^"]+)"', await content(store, one) + await content(store, other))
        assert len(tokens) == 3
        assert tokens[0] == tokens[1] != tokens[2]
        assert len(persons_in(b"".join(tokens))) == 1

    run(settings, story)


def test_the_same_name_in_two_organisations_is_two_people(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream = uuid4()
        await store.append(stream, expected_version=0, events=[Handed(to="", key="")], context=by("ana"))
        await store.append(stream, expected_version=1, events=[Handed(to="", key="")], context=by("ana", organisation="host"))
        assert len(persons_in(await content(store, stream))) == 2

    run(settings, story)


def test_a_key_is_kept_over_a_restart_and_apart_from_the_events(settings: Settings) -> None:
    stream = uuid4()
    run(settings, lambda store: hand(store, stream, "ana", to="ben"))

    async def again(store: EventStore[Handed]) -> None:
        before = await content(store, stream)
        assert await told(store, stream) == [("ana", "ben", "bank/laptop")]
        await hand(store, stream, "ana", to="ben")
        assert persons_in(await content(store, stream)) == persons_in(before)

    run(settings, again)


def test_the_platforms_own_services_are_no_people(settings_sqlite: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream = uuid4()
        await store.append(stream, expected_version=0, events=[Handed(to="", key="")], context=by("service:timer", Role.SERVICE))
        assert b'"actor":"service:timer"' in await content(store, stream)

    run(settings_sqlite, story)


def test_what_only_looks_like_a_token_is_read_as_it_was_written(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream = uuid4()
        await hand(store, stream, "ana", to="ben")
        copied = re.findall(rb"{person:[^}]+}", await content(store, stream))[0].decode()
        await hand(store, stream, copied, to=TOKEN, key=f"bank/{copied}", text=f"{copied} and {TOKEN}")
        *_, last = await store.load(stream)
        assert (last.metadata.actor, last.event.to, last.event.key) == (copied, TOKEN, f"bank/{copied}")
        assert last.event.text == f"{copied} and {TOKEN}"
        await store.append(stream, expected_version=2, events=[Handed(to="", key="")], context=by(copied, Role.SERVICE))
        assert (await store.load(stream))[-1].metadata.actor == copied

    run(settings, story)


def test_events_of_before_are_read_as_they_are(settings_sqlite: Settings) -> None:
    event, plain = Handed(to="ben", key="bank/laptop", text="x"), "ana"

    async def story(store: EventStore[Handed]) -> None:
        await hand(store, uuid4(), plain, to="ben")
        (recorded,) = await store.read(after=0, limit=1)
        stored = REGISTRY.pack(event, recorded.metadata)
        assert b'"actor":"ana"' in stored
        _, read, metadata = REGISTRY.unpack("thing.handed.v1", stored)
        names = store.people.names(recorded.stream)
        assert store.people.opened(names, read, metadata, REGISTRY.personal[Handed]) == event
        assert metadata.actor == plain

    run(settings_sqlite, story)


# --------------------------------------------------------------------------------------------------------------- erasure


async def erase(store: EventStore[Handed], settings: Settings, subject: str, *, caller: Context | None = None) -> tuple[str, int]:
    async with opened_database(settings, "things") as database:
        erasures = Erasures("things", store, database, {}, clock=MovableClock(MONDAY))
        done = await erasures.erase(
            organisation="bank", subject=subject, reason="asked to", context=caller or by("boss", Role.ADMINISTRATOR)
        )
    assert all(each.erased_at.startswith("2026-03-02T08:00:") for each in done.erased)
    return (done.erased[0].id, done.erased[0].events) if done.erased else ("", 0)


def test_an_erased_name_is_gone_and_every_stored_byte_stays(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        one, other = uuid4(), uuid4()
        await hand(store, one, "ana.keller", to="ben")
        await hand(store, one, "ben", to="ana.keller", key="bank/desk")
        await hand(store, other, "ben", to="ben")
        before = [await content(store, stream) for stream in (one, other)]
        person, events = await erase(store, settings, "ana.keller")
        assert events == 2
        assert [await content(store, stream) for stream in (one, other)] == before
        name = f"erased-{person}"
        assert is_erased(name)
        assert await told(store, one) == [(name, "ben", f"bank/{name}"), ("ben", name, "bank/desk")]
        assert await told(store, other) == [("ben", "ben", "bank/laptop")]

    run(settings, story)


def test_whoever_acts_again_afterwards_is_somebody_new(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream = uuid4()
        await hand(store, stream, "ana", to="")
        person, _ = await erase(store, settings, "ana")
        await hand(store, stream, "ana", to="")
        assert [actor for actor, _, _ in await told(store, stream)] == [f"erased-{person}", "ana"]
        again, events = await erase(store, settings, "ana")
        assert (again != person, events) == (True, 1)
        assert await erase(store, settings, "ana") == ("", 0)
        assert [actor for actor, _, _ in await told(store, stream)] == [f"erased-{person}", f"erased-{again}"]

    run(settings, story)


def test_an_erasure_that_broke_off_is_ended_by_the_next(settings_sqlite: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream = uuid4()
        await hand(store, stream, "ana", to="")
        at = "2026-03-02T08:00:00.250000Z"
        (begun,) = await asyncio.to_thread(store.people.delete_key, "bank", "ana", reason="asked to", at=at)
        assert await erase(store, settings_sqlite, "ana") == (begun, 1)

    run(settings_sqlite, story)


def test_another_copy_of_the_service_forgets_as_well(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream, copy = uuid4(), opened(settings)
        await hand(store, stream, "ana", to="")
        assert (await told(copy, stream))[0][0] == "ana"
        person, _ = await erase(store, settings, "ana")
        await asyncio.sleep(REFRESH_S)
        assert (await told(copy, stream))[0][0] == f"erased-{person}"
        await copy.close()

    run(settings, story)


def test_of_the_key_and_the_name_nothing_stays_in_any_file(settings_sqlite: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream = uuid4()
        for person in ("ben", "ana.keller-of-zurich", "eve"):
            await hand(store, stream, person, to="")
        kept = await asyncio.to_thread(store.people._book.person, "bank", "ana.keller-of-zurich")
        assert kept.key in _files(settings_sqlite.data)
        assert b"ana.keller-of-zurich" in _files(settings_sqlite.data)
        await erase(store, settings_sqlite, "ana.keller-of-zurich")
        assert kept.key not in _files(settings_sqlite.data)
        assert b"ana.keller-of-zurich" not in _files(settings_sqlite.data)
        assert (await asyncio.to_thread(store.people._book.person, "bank", "ben")).key in _files(settings_sqlite.data)

    run(settings_sqlite, story)


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_an_erasure_is_the_administrators_of_the_own_organisation_and_says_why(settings_sqlite: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        await hand(store, uuid4(), "ana", to="")
        async with opened_database(settings_sqlite, "things") as database:
            erasures = Erasures("things", store, database, {}, clock=MovableClock(MONDAY))
            stranger = by("eve", Role.ADMINISTRATOR, organisation="other")
            with pytest.raises(PersonNotFound):
                await erasures.erase(organisation="bank", subject="ana", reason="why not", context=stranger)
            with pytest.raises(Invalid, match="reason"):
                await erasures.erase(organisation="bank", subject="ana", reason=" ", context=by("boss", Role.ADMINISTRATOR))
        assert (await store.read(after=0, limit=1))[0].metadata.actor == "ana"

    run(settings_sqlite, story)


def test_nobody_acts_under_the_name_of_somebody_erased(settings_sqlite: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        with pytest.raises(NameOfTheErased):
            await hand(store, uuid4(), f"erased-{ANA}", to="")

    run(settings_sqlite, story)


def test_events_of_before_that_hold_the_name_are_counted(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        await store.append(uuid4(), expected_version=0, events=[Handed(to="", key="")], context=by("old.hand", Role.SERVICE))
        assert await store.naming("bank", "old.hand") == 1
        assert await store.naming("host", "old.hand") == 0

    run(settings, story)


def test_read_models_take_what_waits_under_the_name_and_then_lose_it(settings: Settings) -> None:
    async def story(store: EventStore[Handed]) -> None:
        stream, gone = uuid4(), list[Forgotten]()
        async with opened_database(settings, "things", VIEWS) as database:
            projection = Projection("counts", database, _counted)
            erasures = Erasures(
                "things", store, database, {"counts": in_rows(database, lambda _, each: gone.append(each))}, clock=MovableClock(MONDAY)
            )
            await hand(store, stream, "ana", to="")
            follower = asyncio.create_task(Follower("things", store, [projection]).run())
            done = await erasures.erase(organisation="bank", subject="ana", reason="asked to", context=by("boss", Role.ADMINISTRATOR))
            assert await projection.position() == await store.last_position()
            assert gone == [Forgotten(organisation="bank", subject="ana", name=f"erased-{done.erased[0].id}")]
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)

    run(settings, story)


def _counted(connection: Connection, recorded: Recorded[Handed]) -> None:
    connection.execute(COUNTS.insert().values(stream=recorded.stream, total=len(recorded.metadata.actor)))


def test_the_door_answers_a_receipt_without_a_name_and_the_log_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with logged(tmp_path / "data") as home:
            await home.append(3)
            root = await home.checkpoint()
            asked = {"organisation": "bank", "subject": "ana", "reason": "asked to"}
            refused = await home.http.post(f"{LOG}/erasures", json=asked, headers=home.bearer(Role.SERVICE_MANAGER))
            assert refused.status_code == 403
            answer = await home.http.post(f"{LOG}/erasures", json=asked, headers=home.bearer(Role.ADMINISTRATOR))
            assert answer.status_code == 200, answer.text
            receipt = answer.json()
            assert (receipt["still_named"], [each["events"] for each in receipt["erased"]]) == (0, [3])
            assert "ana" not in answer.text
            again = await home.http.post(f"{LOG}/erasures", json=asked, headers=home.bearer(Role.ADMINISTRATOR))
            assert again.json()["erased"] == []
            assert await home.checkpoint() == root
            await home.append(1)
            assert (await home.checkpoint()).size == 4

    asyncio.run(story())
