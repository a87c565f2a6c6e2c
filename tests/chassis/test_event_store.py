"""One suite over both databases: what an event store promises."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import DataError, OperationalError, StoredEvent

from services.chassis.context import Context, Request
from services.chassis.event_log import Append, Clash, Log, Outcome, Row, open_log
from services.chassis.event_store import AlreadyAnswered, AlreadyHandled, EventStore, RequestKeyReused, RestsOnThePast
from services.chassis.events import Recorded
from services.chassis.people import People
from services.chassis.settings import Settings
from services.vocabulary.errors import StaleVersion, Unavailable
from tests.chassis.storage import MONDAY, REGISTRY, Counted, Event, Opened, context, delivery, opened_store

ORDER = Request(key="bank/ana/open/1", fingerprint="a" * 64)


async def opened(store: EventStore[Event], stream: UUID, *more: Event) -> list[Recorded[Event]]:
    return await store.append(stream, expected_version=0, events=[Opened(owner="ana"), *more], context=context())


async def totals(store: EventStore[Event]) -> list[int]:
    return [recorded.event.by for recorded in await store.read(after=0, limit=10_000) if isinstance(recorded.event, Counted)]


def test_what_is_appended_is_loaded_with_its_versions_and_its_metadata(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_store(settings) as store:
            appended = await opened(store, stream, Counted(by=3, share=Fraction(1, 3)))
        async with opened_store(settings) as reopened:
            loaded = await reopened.load(stream)
        assert loaded == appended
        assert [recorded.version for recorded in loaded] == [1, 2]
        assert [recorded.type for recorded in loaded] == ["tally.opened.v1", "tally.counted.v1"]
        assert loaded[1].event == Counted(by=3, share=Fraction(1, 3))
        metadata = loaded[0].metadata
        assert (metadata.actor, metadata.organisation, metadata.tool, metadata.reason) == ("ana", "bank", "http", "asked on the phone")
        assert (metadata.recorded_at, metadata.correlation_id, metadata.causation_id) == ("2026-03-02T08:00:00.250000Z", "c-1", "m-0")
        assert metadata.traceparent.startswith("00-0af7")
        assert loaded[0].metadata.event_id != loaded[1].metadata.event_id

    asyncio.run(story())


def test_what_followed_on_something_not_known_yet_is_not_known_either(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_store(settings) as store:
            await opened(store, stream)
            for expected, clock_says in ((1, MONDAY + timedelta(seconds=2)), (2, MONDAY + timedelta(seconds=1))):
                await store.append(stream, expected_version=expected, events=[Counted(by=1)], context=context(recorded_at=clock_says))
            known = await store.load(stream, known_at=MONDAY + timedelta(seconds=1))
            assert [recorded.version for recorded in known] == [1]

    asyncio.run(story())


def test_a_stream_that_was_never_written_is_empty(settings: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings) as store:
            assert await store.load(uuid4()) == []
            assert await store.last_position() == 0

    asyncio.run(story())


def test_a_stream_is_loaded_up_to_a_version_and_as_known_at_an_instant(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_store(settings) as store:
            await opened(store, stream)
            later = context(recorded_at=MONDAY + timedelta(hours=1))
            await store.append(stream, expected_version=1, events=[Counted(by=1)], context=later)
            assert [recorded.version for recorded in await store.load(stream, up_to_version=1)] == [1]
            assert [recorded.version for recorded in await store.load(stream, known_at=MONDAY)] == [1]
            assert [recorded.version for recorded in await store.load(stream, known_at=MONDAY + timedelta(hours=1))] == [1, 2]
            assert await store.load(stream, known_at=MONDAY - timedelta(microseconds=1)) == []

    asyncio.run(story())


def test_the_log_is_read_in_the_order_of_its_positions_a_page_at_a_time(settings: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings) as store:
            written = [position for _ in range(5) for position in [each.position for each in await opened(store, uuid4(), Counted(by=1))]]
            first = await store.read(after=0, limit=7)
            rest = await store.read(after=first[-1].position, limit=7)
            assert [recorded.position for recorded in (*first, *rest)] == written == sorted(written)
            assert len(first) == 7
            assert await store.last_position() == written[-1]

    asyncio.run(story())


@pytest.mark.parametrize("expected_version", [0, 1, 3, 9])
def test_an_append_to_another_version_than_the_newest_is_stale_and_leaves_nothing(settings: Settings, expected_version: int) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_store(settings) as store:
            await opened(store, stream, Counted(by=1))
            events = [Counted(by=2), Counted(by=3)]
            request = Request(key="k", fingerprint="f")
            with pytest.raises(StaleVersion) as stale:
                await store.append(stream, expected_version=expected_version, events=events, context=context(request=request))
            assert (stale.value.expected, stale.value.actual) == (expected_version, 2)
            assert len(await store.load(stream)) == 2
            assert await store.answered(request) is None

    asyncio.run(story())


def test_a_request_is_remembered_with_the_stream_and_version_it_led_to(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_store(settings) as store:
            assert await store.answered(ORDER) is None
            await store.append(stream, expected_version=0, events=[Opened(owner="ana"), Counted(by=1)], context=context(request=ORDER))
            assert await store.answered(ORDER) == (stream, 2)
            with pytest.raises(RequestKeyReused):
                await store.answered(replace(ORDER, fingerprint="b" * 64))

    asyncio.run(story())


def test_a_request_does_not_take_effect_twice_even_on_another_stream(settings: Settings) -> None:
    async def story() -> None:
        stream, other = uuid4(), uuid4()
        async with opened_store(settings) as store:
            for candidate, refusal in ((stream, None), (stream, AlreadyAnswered), (other, AlreadyAnswered)):
                attempt = store.append(candidate, expected_version=0, events=[Opened(owner="ana")], context=context(request=ORDER))
                if refusal is None:
                    await attempt
                else:
                    with pytest.raises(refusal):
                        await attempt
            assert len(await store.read(after=0, limit=10)) == 1

    asyncio.run(story())


def test_a_delivery_does_not_take_effect_twice_and_leaves_the_watermark(settings: Settings) -> None:
    async def story() -> None:
        breach = delivery("breach-1", position=7)
        async with opened_store(settings) as store:
            assert await store.handled(breach) is False
            await store.append(uuid4(), expected_version=0, events=[Opened(owner="ana")], context=context(delivery=breach))
            assert await store.handled(breach) is True
            with pytest.raises(AlreadyHandled):
                await store.append(uuid4(), expected_version=0, events=[Opened(owner="ana")], context=context(delivery=breach))
            assert len(await store.read(after=0, limit=10)) == 1
            assert await store.watermark("improvement", "measurement") == 7
            assert await store.watermark("improvement", "agreements") == 0

    asyncio.run(story())


def test_a_delivery_without_effect_is_marked_once_and_each_consumer_has_its_own(settings: Settings) -> None:
    async def story() -> None:
        breach = delivery("breach-1", position=3)
        async with opened_store(settings) as store:
            assert [await store.mark_handled(breach), await store.mark_handled(breach)] == [True, False]
            assert await store.handled(replace(breach, consumer="reporting")) is False
            assert await store.mark_handled(delivery("breach-0", position=2)) is True
            assert await store.watermark("improvement", "measurement") == 3

    asyncio.run(story())


def test_a_refused_append_leaves_neither_its_delivery_nor_its_request(settings: Settings) -> None:
    async def story() -> None:
        stream, breach = uuid4(), delivery("breach-1")
        async with opened_store(settings) as store:
            await opened(store, stream)
            await asyncio.gather(
                *(store.append(stream, expected_version=1, events=[Counted(by=n)], context=_numbered(n)) for n in range(8)),
                return_exceptions=True,
            )
            (winner,) = await totals(store)
            handled = [n for n in range(8) if await store.handled(delivery(f"d-{n}"))]
            answered = [n for n in range(8) if await store.answered(Request(key=f"k-{n}", fingerprint="f"))]
            assert handled == answered == [winner]
            assert await store.handled(breach) is False

    asyncio.run(story())


def _numbered(n: int) -> Context:
    return context(request=Request(key=f"k-{n}", fingerprint="f"), delivery=delivery(f"d-{n}"))


def test_an_attempt_that_went_through_unnoticed_is_answered_as_the_success_it_was(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        log = _HearsOfNoCommit(open_log("tallies", settings))
        store = EventStore("tallies", log, REGISTRY, People.open("tallies", settings))
        appended = await store.append(
            stream, expected_version=0, events=[Opened(owner="ana"), Counted(by=1)], context=context(request=ORDER, delivery=delivery("d"))
        )
        assert log.commits == 1
        assert await store.load(stream) == appended
        assert len(await store.read(after=0, limit=10)) == 2
        await store.close()

    asyncio.run(story())


class _HearsOfNoCommit:
    """A log whose connection breaks after the commit, so that its driver tries the same events again."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.commits = 0

    def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        self.commits += 1
        self._log.append(group)
        return self._log.append(group)

    def max_notification_id(self) -> int | None:
        return self._log.max_notification_id()

    def key(self, stream: UUID) -> object:
        return self._log.key(stream)

    def rows(self, statement: str, *params: object) -> list[Row]:
        return self._log.rows(statement, *params)

    def each(self, statement: str, *params: object) -> Generator[Row]:
        return self._log.each(statement, *params)

    def holding(self, content: bytes) -> int:
        return self._log.holding(content)

    def close(self) -> None:
        self._log.close()


def test_savers_who_wait_at_the_same_time_share_a_transaction(settings: Settings) -> None:
    async def story() -> None:
        log = _Held(open_log("tallies", settings))
        store = EventStore("tallies", log, REGISTRY, People.open("tallies", settings))
        first = asyncio.create_task(opened(store, uuid4()))
        await asyncio.to_thread(log.reached.wait)
        others = [asyncio.create_task(opened(store, uuid4(), Counted(by=1))) for _ in range(31)]
        await asyncio.sleep(0)
        log.held.set()
        appended = [await each for each in (first, *others)]
        assert log.groups == [1, 31]
        assert [recorded for each in appended for recorded in each] == await store.read(after=0, limit=100)
        await store.close()

    asyncio.run(story())


class _Held(_HearsOfNoCommit):
    """A log whose first transaction takes until it may end."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self.reached, self.held = threading.Event(), threading.Event()
        self.groups: list[int] = []

    def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        self.groups.append(len(group))
        self.reached.set()
        self.held.wait()
        return self._log.append(group)


def test_who_is_refused_changes_nothing_for_those_who_save_at_the_same_time(settings: Settings) -> None:
    def wanted(stream: UUID, version: int, key: str = "") -> Append:
        events = [StoredEvent(originator_id=stream, originator_version=version, topic="tally.opened.v1", state=b"{}")]
        rows = [("INSERT INTO {0}stored_requests VALUES (?, ?, ?, ?)", (key, "f", str(stream), version))] if key else []
        return Append(stream=stream, expected_version=version - 1, events=events, rows=rows)

    one, two, three = UUID(int=1), UUID(int=2), UUID(int=3)
    log = open_log("tallies", settings)
    group = [
        wanted(one, 1),
        wanted(one, 2, "k"),
        wanted(one, 2),
        wanted(two, 2),
        wanted(three, 1, "k"),
        wanted(three, 1, "l"),
        wanted(two, 1),
    ]
    outcomes = log.append(group)
    assert [isinstance(outcome, Clash) for outcome in outcomes] == [False, False, True, True, True, False, False]
    stored = log.rows("SELECT {1}, originator_id, originator_version FROM {0}stored_events ORDER BY {1}")
    assert [(UUID(str(stream)), version) for _, stream, version in stored] == [(one, 1), (one, 2), (three, 1), (two, 1)]
    assert [position for outcome in outcomes if not isinstance(outcome, Exception) for position in outcome] == [row[0] for row in stored]
    assert log.rows("SELECT key FROM {0}stored_requests ORDER BY key") == [("k",), ("l",)]
    log.close()


def test_what_was_decided_by_another_stream_is_stored_only_while_that_has_not_moved(settings: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings) as store:
            basis, own = uuid4(), uuid4()
            await opened(store, basis)
            more: list[Event] = [Counted(by=1)]
            await store.append(own, expected_version=0, events=[Opened(owner="ana")], context=context(), resting_on={basis: 1})
            await store.append(basis, expected_version=1, events=more, context=context())
            with pytest.raises(RestsOnThePast):
                await store.append(own, expected_version=1, events=more, context=context(), resting_on={basis: 1})
            for version in range(2, 12):
                moved, resting = await asyncio.gather(
                    store.append(basis, expected_version=version, events=more, context=context()),
                    store.append(own, expected_version=version - 1, events=more, context=context(), resting_on={basis: version}),
                    return_exceptions=True,
                )
                assert not isinstance(moved, BaseException)
                if isinstance(resting, BaseException):
                    assert isinstance(resting, RestsOnThePast)
                    await store.append(own, expected_version=version - 1, events=more, context=context(), resting_on={basis: version + 1})
                else:
                    assert resting[0].position < moved[0].position
            assert len(await store.load(own)) == 11

    asyncio.run(story())


def test_a_text_that_the_database_cannot_hold_is_the_fault_of_one_saver_only(settings_postgres: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings_postgres) as store:
            bad = context(request=Request(key="zero\x00byte", fingerprint="f"))
            attempts = [store.append(uuid4(), expected_version=0, events=[Opened(owner="ana")], context=each) for each in (context(), bad)]
            good, failed = await asyncio.gather(*attempts, return_exceptions=True)
            assert isinstance(failed, DataError)
            assert await store.read(after=0, limit=10) == good

    asyncio.run(story())


def test_a_full_disk_acknowledges_nothing_and_when_there_is_room_again_the_service_goes_on(settings_sqlite: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings_sqlite) as store:
            await opened(store, uuid4())
            disk = store._log.datastore._writer._sqlite_conn  # type: ignore[attr-defined]
            (pages,) = disk.execute("PRAGMA page_count").fetchone()
            disk.execute(f"PRAGMA max_page_count={pages + 8}")
            appends = (opened(store, uuid4(), *[Counted(by=1)] * 200) for _ in range(8))
            answers = await asyncio.gather(*appends, return_exceptions=True)
            told = "the event store of tallies cannot be written now: the disk is full"
            assert {str(answer) for answer in answers if isinstance(answer, Unavailable)} == {told}
            assert len(answers) == sum(isinstance(answer, Unavailable) for answer in answers)
            assert (await store.last_position(), await store.check()) == (1, told)
            disk.execute("PRAGMA max_page_count=1000000")
            assert [each.position for each in await opened(store, uuid4())] == [2]
            assert await store.check() == ""

    asyncio.run(story())


def test_who_no_longer_waits_keeps_nobody_waiting(settings: Settings) -> None:
    async def story() -> None:
        log = _Held(open_log("tallies", settings))
        store = EventStore("tallies", log, REGISTRY, People.open("tallies", settings))
        impatient, patient = (asyncio.create_task(opened(store, uuid4())) for _ in range(2))
        await asyncio.to_thread(log.reached.wait)
        impatient.cancel()
        log.held.set()
        assert len(await patient) == 1
        assert impatient.cancelled()
        await store.close()

    asyncio.run(story())


def test_event_ids_of_one_moment_lie_together_and_are_of_version_seven(settings_sqlite: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings_sqlite) as store:
            ids = [UUID(each.metadata.event_id) for each in await opened(store, uuid4(), *[Counted(by=1)] * 999)]
            assert {each.version for each in ids} == {7}
            assert [each.int >> 80 for each in ids] == sorted(each.int >> 80 for each in ids)
            assert len(set(ids)) == 1_000

    asyncio.run(story())


def test_eight_writers_and_a_reader_lose_nothing_and_the_reader_passes_over_nothing(settings: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings) as store, opened_store(settings) as elsewhere:
            writers = asyncio.gather(*(_write(store if n % 2 else elsewhere, n) for n in range(8)))
            seen: list[Recorded[Event]] = []
            while not writers.done() or seen[-1].position < await store.last_position():
                seen.extend(await elsewhere.read(after=seen[-1].position if seen else 0, limit=17))
            written = [position for positions in await writers for position in positions]
            assert len(written) == 8 * 40
            assert [recorded.position for recorded in seen] == sorted(written)

    asyncio.run(story())


async def _write(store: EventStore[Event], writer: int) -> list[int]:
    positions = []
    for n in range(20):
        recorded = await opened(store, uuid4(), Counted(by=100 * writer + n))
        positions += [each.position for each in recorded]
    return positions


def test_of_writers_racing_for_one_version_exactly_one_wins(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_store(settings) as store, opened_store(settings) as elsewhere:
            await opened(store, stream)
            attempts = [
                each.append(stream, expected_version=1, events=[Counted(by=1)], context=context()) for each in (store, elsewhere) * 4
            ]
            answers = await asyncio.gather(*attempts, return_exceptions=True)
            assert sum(isinstance(answer, StaleVersion) for answer in answers) == 7
            assert len(await store.load(stream)) == 2

    asyncio.run(story())


def test_an_append_pokes_with_its_last_position_on_the_event_loop(settings: Settings) -> None:
    async def story() -> None:
        poked: list[tuple[int, asyncio.AbstractEventLoop]] = []
        async with opened_store(settings) as store:
            store.on_append(lambda position: poked.append((position, asyncio.get_running_loop())))
            appended = await opened(store, uuid4(), Counted(by=1))
            assert poked == [(appended[-1].position, asyncio.get_running_loop())]

    asyncio.run(story())


def test_services_share_a_database_without_meeting(settings: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings) as store, opened_store(settings, "other-tallies") as other:
            await opened(store, uuid4())
            assert await other.last_position() == 0

    asyncio.run(story())


def test_sqlite_writes_with_full_durability_and_its_readers_cannot_write(settings_sqlite: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings_sqlite) as store:
            datastore = store._log.datastore  # type: ignore[attr-defined]
            with datastore.transaction(commit=True) as c:
                c.execute("PRAGMA synchronous")
                assert c.fetchone()[0] == 2
                c.execute("PRAGMA journal_mode")
                assert c.fetchone()[0] == "wal"
            with pytest.raises(OperationalError, match="readonly"), datastore.transaction(commit=False) as c:
                c.execute("DELETE FROM stored_events")

    asyncio.run(story())


def test_a_sqlite_position_is_never_given_twice(settings_sqlite: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings_sqlite) as store:
            last = (await opened(store, uuid4()))[-1].position
        with closing(sqlite3.connect(settings_sqlite.data / "tallies-events.sqlite")) as connection, connection:
            connection.execute("DELETE FROM stored_events")
        async with opened_store(settings_sqlite) as store:
            assert (await opened(store, uuid4()))[0].position == last + 1

    asyncio.run(story())


def test_a_writer_waits_for_another_process_and_reports_an_outage_in_words(settings_sqlite: Settings) -> None:
    async def story() -> None:
        async with opened_store(settings_sqlite) as store:
            store._log.datastore._writer._sqlite_conn.execute("PRAGMA busy_timeout=50")  # type: ignore[attr-defined]
            with closing(sqlite3.connect(settings_sqlite.data / "tallies-events.sqlite", isolation_level=None)) as intruder:
                intruder.execute("BEGIN IMMEDIATE")
                with pytest.raises(Unavailable):
                    await opened(store, uuid4())
                intruder.execute("ROLLBACK")
            await opened(store, uuid4())
            assert len(await store.read(after=0, limit=10)) == 1

    asyncio.run(story())


def test_broken_connections_are_replaced_and_the_append_takes_effect_once(settings_postgres: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_store(settings_postgres) as store:
            await opened(store, stream)
            with psycopg.connect(settings_postgres.database_url, autocommit=True) as intruder:
                mine = "pid <> pg_backend_pid() AND datname = current_database()"
                broken = intruder.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}").fetchall()
            assert broken
            await store.append(stream, expected_version=1, events=[Counted(by=1)], context=context())
            assert [recorded.version for recorded in await store.read(after=0, limit=10)] == [1, 2]

    asyncio.run(story())


def test_a_database_that_is_not_there_is_named_without_its_password(settings_sqlite: Settings) -> None:
    settings = settings_sqlite.model_copy(update={"database_url": "postgresql://upheld:secret@127.0.0.1:1/upheld"})
    with pytest.raises(Unavailable, match=r"upheld:\*\*\*@127\.0\.0\.1:1") as outage:
        EventStore.open("tallies", settings, REGISTRY)
    assert "secret" not in outage.value.message
