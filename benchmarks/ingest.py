"""Counters into the store: frames of packed columns, and one SQL row a sample. Both idempotent, both synced before they return."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.pairs import Contender, Match
from services.chassis.database import Database
from services.chassis.settings import Settings
from services.measurement import store
from services.measurement.batch import Batch
from services.measurement.intake import read_ndjson
from services.vocabulary.period import MINUTE, Instant, instant_text, parse_instant

NOW = parse_instant("2026-04-01T00:00:00Z", place="now")
BEGINNING = parse_instant("2026-03-01T00:00:00Z", place="beginning")
COMPONENTS = 10
TENANT, SOURCE, SERVICE = "bench", "gateway", "shop"

Row = tuple[str, str, str, str, str, int, int, int]

_TABLE = """CREATE TABLE samples (tenant TEXT, source TEXT, id TEXT, service TEXT, component TEXT,
at INTEGER, good INTEGER, total INTEGER, PRIMARY KEY (tenant, source, id))"""
_INSERT = "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


def matches(*, smoke: bool) -> list[Match]:
    contents = _contents(batches=2 if smoke else 10, samples=1_500 if smoke else 15_000)
    count = sum(content.count(b"\n") for content in contents)
    ours, peer = "frames", "a row a sample"
    return [
        Match(
            title="counters recorded, already read",
            unit="samples",
            count=count,
            ours=ours,
            peer=peer,
            our_work=_frames([_batch(content) for content in contents]),
            peer_work=_rows([_sql_rows(content) for content in contents]),
        ),
        Match(
            title="counters recorded, from NDJSON",
            unit="samples",
            count=count,
            ours=ours,
            peer=peer,
            our_work=_frames(contents),
            peer_work=_rows(contents),
        ),
    ]


def _contents(*, batches: int, samples: int) -> list[bytes]:
    """One sample a minute and component, as a gateway sends them."""
    minutes = samples // COMPONENTS
    return [
        b"".join(_line(batch * minutes + sample // COMPONENTS, sample % COMPONENTS) for sample in range(samples))
        for batch in range(batches)
    ]


def _line(minute: int, component: int) -> bytes:
    at = instant_text(Instant(BEGINNING + minute * MINUTE))
    told = {
        "kind": "counter",
        "service": SERVICE,
        "component": f"c{component}",
        "id": f"c{component}/{at}",
        "observed_at": at,
        "good": 997 + minute % 3,
        "total": 1_000,
    }
    return json.dumps(told).encode() + b"\n"


def _batch(content: bytes) -> Batch:
    return read_ndjson(content, now=NOW, source=SOURCE)


def _frames(prepared: Sequence[Batch | bytes]) -> Contender:
    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        database = Database.open("measurement", Settings(data=folder, database_url=""), store.METADATA)

        async def record() -> None:
            for each in prepared:
                batch = each if isinstance(each, Batch) else _batch(each)
                receipt = await database.write(partial(store.record, batch=batch, tenant=TENANT, recorded_at=NOW))
                assert receipt.accepted == len(batch)

        with asyncio.Runner() as runner:
            yield lambda: runner.run(record())
            runner.run(database.close())

    return contender


def _sql_rows(content: bytes) -> list[Row]:
    return [
        (
            TENANT,
            SOURCE,
            told["id"],
            told["service"],
            told["component"],
            parse_instant(told["observed_at"], place="observed_at"),
            told["good"],
            told["total"],
        )
        for told in map(json.loads, content.splitlines())
    ]


def _rows(prepared: Sequence[list[Row] | bytes]) -> Contender:
    @contextmanager
    def contender(folder: Path) -> Iterator[Callable[[], object]]:
        with closing(sqlite3.connect(folder / "rows.sqlite", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(_TABLE)

            def record() -> None:
                for each in prepared:
                    rows = _sql_rows(each) if isinstance(each, bytes) else each
                    connection.execute("BEGIN IMMEDIATE")
                    assert connection.executemany(_INSERT, rows).rowcount == len(rows)
                    connection.execute("COMMIT")

            yield record

    return contender
