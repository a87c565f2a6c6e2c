"""The benchmarks run, and tell a ratio for each match; how fast anything is, no test says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.postgres import missing_reason

RATIO = re.compile(r"(?P<title>[^:]+): ratio (?P<ratio>\d+\.\d\d) \([\d.]+ to [\d.]+ in 1 pairs\); .+ [\d,]+ \w+/s, .+ [\d,]+ \w+/s")


def test_every_benchmark_prints_its_ratio() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke"], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [RATIO.fullmatch(line) for line in done.stdout.splitlines()]
    assert all(told), done.stdout
    manners = ("one after the other", "32 at once")
    databases = {"SQLite": "raw sqlite3"} if missing_reason() else {"SQLite": "raw sqlite3", "PostgreSQL": "raw psycopg"}
    assert [found["title"] for found in told if found and float(found["ratio"]) > 0] == [
        "counters recorded, already read",
        "counters recorded, from NDJSON",
        "events appended, 1 at once, against the bare library",
        "events appended, 1 at once, against raw sqlite3",
        "events appended, 100 at once, against the bare library",
        "events appended, 100 at once, against raw sqlite3",
        *(
            f"{what}, {database}, against {peer}"
            for database, raw in databases.items()
            for what in ("events appended by 32 savers", "events loaded", "events replayed")
            for peer in ("the bare library", raw)
        ),
        *(
            f"{what}, sealed, against not sealed"
            for what in (
                *(f"bare appends {manner}, {database}" for database in databases for manner in manners),
                *(f"agreements drafted {manner}, SQLite" for manner in manners),
            )
        ),
        "a month of one-minute counters judged",
        "a month of one-minute statuses judged",
        "20 objectives over 2 days of one-minute statuses in Parquet",
        "20 objectives over 2 days of one-minute counters in Parquet",
        "20 objectives over 2 days of one-minute counters in Parquet, day by day",
    ]
