"""Real observations against results that others computed, from the file and through the store: equal figures."""

from __future__ import annotations

import asyncio
import csv
import json
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from services.chassis.database import Database
from services.chassis.settings import Settings
from services.measurement import store
from services.measurement.assessment import ObjectiveResult, measure_span
from services.measurement.batch import Batch, Observations, evidence_of
from services.measurement.intake import read
from services.measurement.mapping import mapping_of
from services.measurement.objective import Availability, Indicator, Objective, ResolutionTime, ResponseTime
from services.measurement.wire import result_of
from services.vocabulary.period import HOUR, MINUTE, SECOND, Interval, Microseconds, Month, instant_of, parse_instant, parse_zone

FOLDER = Path(os.environ.get("UPHELD_REAL_DATA", str(Path(__file__).parents[3] / "shared" / "data")))
NOW = instant_of(datetime(2026, 9, 1, tzinfo=UTC))
ALL_TIME = Interval(parse_instant("2014-01-01T00:00:00Z", place="start"), NOW)
ZONE = parse_zone("UTC")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"there is no real data in {FOLDER}: set UPHELD_REAL_DATA")

PROBES = {
    "kind": "status",
    "service": "editions",
    "component": "column:site",
    "observed_at": "checked_at",
    "state": "status",
    "states": "up=up,down=down",
    "known_until": "last",
}
TICKETS = {
    "kind": "ticket",
    "service": "desk",
    "ticket": "number",
    "opened_at": "opened_at",
    "observed_at": "sys_updated_at",
    "state": "incident_state",
    "states": "New=,Active=reopened,Awaiting User Info=waiting,Awaiting Problem=waiting,Awaiting Vendor=waiting,"
    "Awaiting Evidence=waiting,Resolved=resolved,Closed=closed",
    "priority": "priority",
    "order": "sys_mod_count",
    "time_format": "%d-%m-%Y %H:%M",
    "zone": "UTC",
}
LATENCY = {"kind": "latency", "service": "ec2", "component": "instance", "observed_at": "timestamp", "ms": "value", "zone": "UTC"}


def imported(file: str, mapping: Mapping[str, str]) -> Batch:
    return read((FOLDER / file).read_bytes(), "csv", now=NOW, source=file, mapping=mapping_of(mapping))


def through_the_store(batch: Batch, settings: Settings) -> Observations:
    """Recorded twice, for good measure."""

    async def recorded() -> Observations:
        database = Database.open("measurement", settings, store.METADATA)
        try:
            for _ in range(2):
                await database.write(lambda connection: store.record(connection, batch, tenant="t", recorded_at=NOW))
            services = {"editions", "desk", "ec2"}
            return await database.read(lambda connection: store.observations(connection, tenant="t", services=services, span=ALL_TIME))
        finally:
            await database.close()

    return asyncio.run(recorded())


def measured(observations: Observations, service: str, indicator: Indicator, span: Interval) -> ObjectiveResult:
    objective = Objective(id="o", name="o", service=service, indicator=indicator, target=Fraction(99, 100))
    return measure_span(objective, evidence_of(observations)[service], span, zone=ZONE, maintenance=(), measured_until=NOW)


def test_every_sites_minutes_down_a_day_and_lifetime_uptime_are_what_upptime_published(settings: Settings) -> None:
    batch = imported("probes.csv", PROBES)
    stored = through_the_store(batch, settings)
    end = max(row.at for row in batch.statuses)
    for site in json.loads((FOLDER / "probes.expected.json").read_text()):
        span = Interval(parse_instant(site["monitored_from"], place="monitored_from"), end)
        result = measured(batch.observations, "editions", Availability(components=(site["site"],)), span)
        assert result.attainment is not None
        published: dict[str, int] = site["minutes_down_by_utc_day"]
        ours = {str(day.day): Fraction(day.down_us, MINUTE) for day in result.days if day.down_us}
        assert published.keys() == ours.keys()
        assert all(abs(ours[day] - minutes) <= 1 for day, minutes in published.items())
        assert round(result.attainment * 100, 2) == Fraction(site["uptime_percent"])
        assert result_of(measured(stored, "editions", Availability(components=(site["site"],)), span)) == result_of(result)


@pytest.mark.parametrize(("priority", "agreeing", "tickets"), [("3 - Moderate", 385, 387), ("4 - Low", 44, 44)])
def test_a_resolution_within_90_hours_is_what_servicenow_called_made_sla(
    settings: Settings, priority: str, agreeing: int, tickets: int
) -> None:
    batch = imported("tickets.csv", TICKETS)
    rows = list(csv.DictReader((FOLDER / "tickets.csv").open()))
    made_sla = {row["number"]: row["made_sla"] == "TRUE" for row in rows if row["incident_state"] == "Closed"}
    for indicator in (
        ResolutionTime(within=Microseconds(90 * HOUR), priorities=(priority,)),
        ResolutionTime(within=Microseconds(90 * HOUR), priorities=(priority,), reopened="runs-on"),
    ):
        result = measured(batch.observations, "desk", indicator, ALL_TIME)
        same = sum((ticket.verdict == "met") == made_sla[ticket.ticket] for ticket in result.tickets)
        assert (result.whole, same) >= (tickets, agreeing)
        assert result_of(measured(through_the_store(batch, settings), "desk", indicator, ALL_TIME)) == result_of(result)


def test_the_share_within_a_threshold_and_the_outage_at_the_end_are_right(settings: Settings) -> None:
    batch = imported("latency.csv", LATENCY)
    stored = through_the_store(batch, settings)
    march = Month(2014, 3).bounds(ZONE)
    values = [Decimal(row["value"]) for row in csv.DictReader((FOLDER / "latency.csv").open())]
    for threshold in ("45", "45.868", "50", "99.248"):
        indicator = ResponseTime(
            threshold_us=int(Decimal(threshold) * 1000), components=("instance",), expected_every=Microseconds(300 * SECOND)
        )
        result = measured(batch.observations, "ec2", indicator, march)
        assert (result.good, result.whole) == (sum(value <= Decimal(threshold) for value in values), len(values))
        assert result_of(measured(stored, "ec2", indicator, march)) == result_of(result)
    watched = ResponseTime(threshold_us=50_000, components=("instance",), expected_every=Microseconds(300 * SECOND))
    silence = max(measured(stored, "ec2", watched, march).unknown, key=lambda interval: interval.length)
    assert silence == Interval(parse_instant("2014-03-21T03:41:00Z", place="end"), march.end)


def test_nothing_of_the_files_is_rejected() -> None:
    batches = [imported("probes.csv", PROBES), imported("tickets.csv", TICKETS), imported("latency.csv", LATENCY)]
    assert Counter(batch.rejected_count for batch in batches) == {0: 3}
    assert [len(batch) for batch in batches] == [1590, 5166, 4032]
