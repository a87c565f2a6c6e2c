"""Load, decide, append: repeats, lost races, stale versions and deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.chassis.context import Request
from services.chassis.event_store import EventStore, RequestKeyReused
from services.chassis.repository import Repository, Versioned
from services.chassis.settings import Settings
from services.vocabulary.errors import Conflict, Since, StaleVersion
from tests.chassis.storage import MONDAY, Counted, Event, Opened, Tally, context, delivery, evolve, opened_store

CAME = ((1, "tally.opened.v1"), (2, "tally.counted.v1"))
ORDER = Request(key="bank/ana/count/1", fingerprint="a" * 64)


class AlreadyOpen(Conflict):
    code = "already-open"


def open_it(state: Tally | None) -> Sequence[Event]:
    if state is not None:
        raise AlreadyOpen("this tally is open")
    return [Opened(owner="ana")]


def count(by: int) -> Callable[[Tally | None], Sequence[Event]]:
    def decide(state: Tally | None) -> Sequence[Event]:
        assert state is not None
        return [Counted(by=by)] if by else ()

    return decide


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[EventStore[Event], Repository[Tally, Event]]]:
    async with opened_store(settings) as store:
        yield store, Repository(store, evolve)


def test_what_was_decided_is_answered_with_its_version_and_events(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (store, tallies):
            assert await tallies.load(stream) is None
            first = await tallies.execute(stream, open_it, context=context())
            second = await tallies.execute(stream, count(3), context=context(recorded_at=MONDAY + timedelta(days=1)))
            assert (first.state, first.version, len(first.recorded)) == (Tally(owner="ana", total=0), 1, 1)
            assert (second.state, second.version) == (Tally(owner="ana", total=3), 2)
            assert list(second.recorded) == (await store.load(stream))[1:]
            assert await tallies.load(stream) == Versioned(Tally(owner="ana", total=3), 2)
            assert await tallies.load(stream, up_to_version=1) == Versioned(Tally(owner="ana", total=0), 1)
            assert await tallies.load(stream, known_at=MONDAY) == Versioned(Tally(owner="ana", total=0), 1)
            assert await tallies.load(stream, known_at=MONDAY - timedelta(days=1)) is None

    asyncio.run(story())


def test_a_refusal_passes_and_nothing_is_appended(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (store, tallies):
            await tallies.execute(stream, open_it, context=context())
            with pytest.raises(AlreadyOpen):
                await tallies.execute(stream, open_it, context=context(request=ORDER, delivery=delivery("e")))
            assert await store.last_position() == 1
            assert await store.handled(delivery("e")) is False

    asyncio.run(story())


def test_a_repeated_request_is_answered_as_it_was_then_and_appends_nothing(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (store, tallies):
            await tallies.execute(stream, open_it, context=context())
            first = await tallies.execute(stream, count(3), context=context(request=ORDER), expected_version=1)
            await tallies.execute(stream, count(4), context=context())
            again = await tallies.execute(stream, count(3), context=context(request=ORDER), expected_version=1)
            assert (again.state, again.version, again.recorded) == (first.state, 2, ())
            assert await store.last_position() == 3

    asyncio.run(story())


def test_a_repeated_creation_under_a_new_id_answers_the_first_thing(settings: Settings) -> None:
    async def story() -> None:
        first, second = uuid4(), uuid4()
        async with opened(settings) as (_, tallies):
            await tallies.execute(first, open_it, context=context(request=ORDER))
            again = await tallies.execute(second, open_it, context=context(request=ORDER))
            assert (again.version, again.recorded) == (1, ())
            assert await tallies.load(second) is None

    asyncio.run(story())


def test_a_key_that_comes_with_another_input_is_refused(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (store, tallies):
            await tallies.execute(stream, open_it, context=context(request=ORDER))
            with pytest.raises(RequestKeyReused):
                await tallies.execute(stream, count(1), context=context(request=replace(ORDER, fingerprint="b" * 64)))
            assert await store.last_position() == 1

    asyncio.run(story())


def test_the_same_request_sent_eight_times_at_once_takes_effect_once(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (store, tallies):
            attempts = [tallies.execute(stream, open_it, context=context(request=ORDER)) for _ in range(8)]
            answers = await asyncio.gather(*attempts)
            assert {(answer.state, answer.version) for answer in answers} == {(Tally(owner="ana", total=0), 1)}
            assert sum(len(answer.recorded) for answer in answers) == await store.last_position() == 1

    asyncio.run(story())


@pytest.mark.parametrize("expected_version", [0, 1, 3])
def test_an_expected_version_that_is_not_the_newest_is_stale(settings: Settings, expected_version: int) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (_, tallies):
            await tallies.execute(stream, open_it, context=context())
            await tallies.execute(stream, count(1), context=context())
            with pytest.raises(StaleVersion) as stale:
                await tallies.execute(stream, count(1), context=context(), expected_version=expected_version)
            assert (stale.value.expected, stale.value.actual) == (expected_version, 2)
            came = [Since(version=n, type=t, actor="ana", recorded_at="2026-03-02T08:00:00.250000Z") for n, t in CAME]
            assert list(stale.value.changed) == came[expected_version:]

    asyncio.run(story())


def test_of_racing_commands_with_the_same_expected_version_one_wins(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (_, tallies):
            await tallies.execute(stream, open_it, context=context())
            attempts = [tallies.execute(stream, count(1), context=context(), expected_version=1) for _ in range(6)]
            answers = await asyncio.gather(*attempts, return_exceptions=True)
            assert sum(isinstance(answer, StaleVersion) for answer in answers) == 5

    asyncio.run(story())


def test_a_lost_race_is_decided_again_on_the_newer_state(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened(settings) as (_, tallies):
            await tallies.execute(stream, open_it, context=context())
            await asyncio.gather(*(tallies.execute(stream, count(1), context=context()) for _ in range(6)))
            after = await tallies.load(stream)
            assert after == Versioned(Tally(owner="ana", total=6), 7)

    asyncio.run(story())


def test_a_race_lost_every_time_is_given_up(settings_sqlite: Settings) -> None:
    async def story() -> None:
        stream, decided = uuid4(), 0
        async with opened(settings_sqlite) as (store, tallies):
            await tallies.execute(stream, open_it, context=context())

            async def overtake() -> None:
                await store.append(stream, expected_version=len(await store.load(stream)), events=[Counted(by=10)], context=context())

            def always_overtaken(state: Tally | None) -> Sequence[Event]:
                nonlocal decided
                decided += 1
                elsewhere.submit(asyncio.run, overtake()).result()
                return count(1)(state)

            with ThreadPoolExecutor(1) as elsewhere, pytest.raises(StaleVersion):
                await tallies.execute(stream, always_overtaken, context=context())
            assert decided == 9
            assert await tallies.load(stream) == Versioned(Tally(owner="ana", total=90), 10)

    asyncio.run(story())


def test_a_repeated_delivery_answers_the_present_state_even_where_it_would_be_refused(settings: Settings) -> None:
    async def story() -> None:
        stream, breach = uuid4(), delivery("breach-1")
        async with opened(settings) as (store, tallies):
            await tallies.execute(stream, open_it, context=context(delivery=breach))
            await tallies.execute(stream, count(2), context=context())
            again = await tallies.execute(stream, open_it, context=context(delivery=breach))
            assert (again.state, again.version, again.recorded) == (Tally(owner="ana", total=2), 2, ())
            assert await store.last_position() == 2

    asyncio.run(story())


def test_a_delivery_that_several_copies_handle_at_once_takes_effect_once(settings: Settings) -> None:
    async def story() -> None:
        stream, breach = uuid4(), delivery("breach-1")
        async with opened(settings) as (store, tallies):
            answers = await asyncio.gather(*(tallies.execute(stream, open_it, context=context(delivery=breach)) for _ in range(6)))
            assert sum(len(answer.recorded) for answer in answers) == 1
            assert await store.last_position() == 1

    asyncio.run(story())


def test_deciding_on_nothing_marks_the_delivery_and_appends_nothing(settings: Settings) -> None:
    async def story() -> None:
        stream, nowhere = uuid4(), uuid4()
        async with opened(settings) as (store, tallies):
            await tallies.execute(stream, open_it, context=context())
            quiet = await tallies.execute(stream, count(0), context=context(delivery=delivery("e-1")))
            assert quiet == Versioned(Tally(owner="ana", total=0), 1)
            assert await store.handled(delivery("e-1")) is True
            void = await tallies.execute(nowhere, lambda _: (), context=context(delivery=delivery("e-2")))
            assert void.version == 0
            assert await store.handled(delivery("e-2")) is True
            assert await store.last_position() == 1

    asyncio.run(story())
