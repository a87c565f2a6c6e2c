"""The database of views, over SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis.database import Database, DatabaseInbox, accept, upsert
from services.chassis.settings import Settings
from services.vocabulary.errors import NotFound, Unavailable
from tests.chassis.storage import COUNTS, VIEWS, delivery, opened_database


def total(connection: Connection, stream: UUID) -> int | None:
    return connection.execute(sa.select(COUNTS.c.total).where(COUNTS.c.stream == stream)).scalar()


def add(connection: Connection, stream: UUID, by: int) -> None:
    upsert(COUNTS, connection, {"stream": stream, "total": (total(connection, stream) or 0) + by}, key=["stream"])


def test_what_is_written_is_read_and_outlives_the_process(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_database(settings) as database:
            await database.write(lambda connection: add(connection, stream, 4))
        async with opened_database(settings) as database:
            assert await database.read(lambda connection: total(connection, stream)) == 4
            assert database.dialect == ("postgresql" if settings.database_url else "sqlite")

    asyncio.run(story())


def test_work_that_raises_leaves_nothing(settings: Settings) -> None:
    stream = uuid4()

    def half(connection: Connection) -> None:
        add(connection, stream, 1)
        raise NotFound("the other half")

    async def story() -> None:
        async with opened_database(settings) as database:
            with pytest.raises(NotFound):
                await database.write(half)
            assert await database.read(lambda connection: total(connection, stream)) is None

    asyncio.run(story())


def test_reading_cannot_write(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        async with opened_database(settings) as database:
            with pytest.raises(sa.exc.DBAPIError):
                await database.read(lambda connection: add(connection, stream, 1))
            assert await database.read(lambda connection: total(connection, stream)) is None

    asyncio.run(story())


def test_a_reader_sees_one_snapshot_while_others_write(settings: Settings) -> None:
    stream = uuid4()

    async def story() -> None:
        async with opened_database(settings) as database:
            loop = asyncio.get_running_loop()
            await database.write(lambda connection: add(connection, stream, 1))

            def twice(connection: Connection) -> tuple[int | None, int | None]:
                first = total(connection, stream)
                asyncio.run_coroutine_threadsafe(database.write(lambda other: add(other, stream, 1)), loop).result(10)
                return first, total(connection, stream)

            assert await database.read(twice) == (1, 1)
            assert await database.read(lambda connection: total(connection, stream)) == 2

    asyncio.run(story())


def test_upsert_inserts_overwrites_and_leaves_alone(settings: Settings) -> None:
    async def story() -> None:
        one, two = uuid4(), uuid4()
        rows = [{"stream": one, "total": 1}, {"stream": two, "total": 2}]
        async with opened_database(settings) as database:
            await database.write(lambda connection: upsert(COUNTS, connection, rows, key=["stream"]))
            await database.write(lambda connection: upsert(COUNTS, connection, {"stream": one, "total": 9}, key=["stream"]))
            again = {"stream": two, "total": 7}
            await database.write(lambda connection: upsert(COUNTS, connection, again, key=["stream"], overwrite=False))
            await database.write(lambda connection: upsert(COUNTS, connection, [], key=["stream"]))
            kept = await database.read(lambda connection: (total(connection, one), total(connection, two)))
            assert kept == (9, 2)

    asyncio.run(story())


def test_concurrent_writers_of_the_same_row_do_not_lose_an_update(settings: Settings) -> None:
    async def story() -> None:
        stream = uuid4()
        increment = sa.update(COUNTS).where(COUNTS.c.stream == stream).values(total=COUNTS.c.total + 1)
        async with opened_database(settings) as database, opened_database(settings) as elsewhere:
            await database.write(lambda connection: add(connection, stream, 0))
            writes = [each.write(lambda connection: connection.execute(increment).rowcount) for each in (database, elsewhere) * 20]
            assert await asyncio.gather(*writes) == [1] * 40
            assert await database.read(lambda connection: total(connection, stream)) == 40

    asyncio.run(story())


def test_a_delivery_is_accepted_once_together_with_its_effect(settings: Settings) -> None:
    stream, breach = uuid4(), delivery("breach-1", position=5)

    def handle(connection: Connection) -> bool:
        fresh = accept(connection, breach)
        if fresh:
            add(connection, stream, 1)
        return fresh

    def fail(connection: Connection) -> None:
        handle(connection)
        raise NotFound("something else")

    async def story() -> None:
        async with opened_database(settings) as database:
            inbox = DatabaseInbox(database)
            with pytest.raises(NotFound):
                await database.write(fail)
            assert await inbox.handled(breach) is False
            assert sorted(await asyncio.gather(*(database.write(handle) for _ in range(6)))) == [False] * 5 + [True]
            assert await inbox.handled(breach) is True
            assert await inbox.handled(replace(breach, consumer="reporting")) is False
            assert await inbox.watermark("improvement", "measurement") == 5
            assert await inbox.watermark("improvement", "agreements") == 0
            assert await database.read(lambda connection: total(connection, stream)) == 1

    asyncio.run(story())


def test_a_delivery_without_effect_is_marked_once(settings: Settings) -> None:
    async def story() -> None:
        async with opened_database(settings) as database:
            inbox = DatabaseInbox(database)
            assert [await inbox.mark_handled(delivery("e")), await inbox.mark_handled(delivery("e"))] == [True, False]

    asyncio.run(story())


def test_copies_of_a_service_may_start_at_once(settings: Settings) -> None:
    async def story() -> None:
        opened = await asyncio.gather(*(asyncio.to_thread(Database.open, "tallies", settings, VIEWS) for _ in range(6)))
        await asyncio.gather(*(database.close() for database in opened))
        assert len(opened) == 6

    asyncio.run(story())


def test_sqlite_writes_with_full_durability(settings_sqlite: Settings) -> None:
    async def story() -> None:
        def pragmas(connection: Connection) -> list[object]:
            names = ("synchronous", "journal_mode", "foreign_keys")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        async with opened_database(settings_sqlite) as database:
            assert await database.write(pragmas) == [2, "wal", 1]

    asyncio.run(story())


def test_a_writer_takes_the_lock_when_it_begins_not_when_it_first_writes(settings_sqlite: Settings) -> None:
    async def story() -> None:
        path = settings_sqlite.data / "tallies-views.sqlite"

        def locked_for_others(_: Connection) -> bool:
            with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return True
                return False

        async with opened_database(settings_sqlite) as database:
            assert await database.write(locked_for_others) is True
            assert await database.read(locked_for_others) is False

    asyncio.run(story())


def test_an_outage_is_told_as_one(settings_postgres: Settings) -> None:
    async def story() -> None:
        async with opened_database(settings_postgres) as database:
            with pytest.raises(Unavailable):
                await database.write(lambda connection: connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())")))
            assert await database.read(lambda connection: connection.execute(sa.text("SELECT 1")).scalar()) == 1

    asyncio.run(story())
