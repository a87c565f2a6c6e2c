"""A new time zone database changes no closed period. The platform runs in another process, on the same store, with another database."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from services.chassis.settings import Settings
from services.measurement.judgement import Document
from services.vocabulary.period import TZ_DATABASE, Month
from tests.measurement.desk import agreement_of, bench, signed
from tests.measurement.promise import AGREEMENT, APRIL_2, APRIL_9, CLIENT, MANAGER, counter, outage, terms
from tests.vocabulary.zone_file import tz_database, zone_of

ROOT = Path(__file__).parents[2]
MARCH, APRIL = Month(2026, 3), Month(2026, 4)
HELD = agreement_of(signed(1, "2026-03-01", terms()))
Json = Any


def written(document: Document) -> str:
    return json.dumps(document, sort_keys=True)


async def closed(settings: Settings) -> str:
    """March, with an hour down over its end in Berlin."""
    async with bench(settings, HELD, now=APRIL_2) as at:
        await at.report(outage("2026-03-31T21:30:00Z", "2026-03-31T22:30:00Z"), counter("2026-03-02T00:00:00Z", 995, 1000))
        return written(await at.measurement.close_period(AGREEMENT, MARCH, context=at.acting(MANAGER)))


async def served(settings: Settings) -> dict[str, Json]:
    """March as it is answered before and after a late report, and April as it runs."""
    async with bench(settings, HELD, now=APRIL_9) as at:
        await at.measurement.assess_marked()
        before = await at.measurement.assessment(AGREEMENT, MARCH, caller=CLIENT)
        await at.report(counter("2026-03-20T00:00:00Z", 1, 1000), source="late")
        await at.measurement.assess_marked()
        after = await at.measurement.assessment(AGREEMENT, MARCH, caller=CLIENT)
        running = await at.measurement.assessment(AGREEMENT, APRIL, caller=CLIENT)
        return {"march": written(before), "after": written(after), "april": running}


def served_by(database: Path, settings: Settings) -> dict[str, Json]:
    path = os.pathsep.join(str(each) for each in (database, ROOT, ROOT / "proto"))
    python = [sys.executable, "-m", "tests.measurement.test_tz_database", str(settings.data)]
    done = subprocess.run(python, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Json] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_database_with_another_offset_changes_no_byte_of_a_closed_month(settings_sqlite: Settings, tmp_path: Path) -> None:
    stated = asyncio.run(closed(settings_sqlite))
    assert json.loads(stated)["tz_database"] == TZ_DATABASE
    assert (json.loads(stated)["end"], json.loads(stated)["objectives"][0]["attainment_percent"]) == ("2026-03-31T22:00:00Z", "99.932")
    other = tz_database(tmp_path, version="2099z", zones={"Europe/Berlin": zone_of(3)})
    told = served_by(other, settings_sqlite)
    assert (told["march"], told["after"]) == (stated, stated)
    assert (told["april"]["start"], told["april"]["tz_database"]) == ("2026-03-31T21:00:00Z", "2099z")


def test_a_newer_database_that_moves_nothing_lets_a_closed_month_be_restated(settings_sqlite: Settings, tmp_path: Path) -> None:
    stated = asyncio.run(closed(settings_sqlite))
    berlin = files("tzdata").joinpath("zoneinfo/Europe/Berlin").read_bytes()
    told = served_by(tz_database(tmp_path, version="2099y", zones={"Europe/Berlin": berlin}), settings_sqlite)
    restated = json.loads(told["after"])
    assert told["march"] == stated
    assert (restated["revision"], restated["restatement_cause"], restated["tz_database"]) == (2, "late observations from late", "2099y")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(served(Settings(data=Path(sys.argv[1]), database_url="")))))
