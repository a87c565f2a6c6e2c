"""What measurement does when only time passes: at the instants that its last look named, and not more often."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from upheld.agreements.v1 import events_pb2 as agreement_events
from upheld.agreements.v1 import terms_pb2

from services.chassis.settings import Settings
from tests.measurement.house import House, until
from tests.measurement.promise import AGREEMENT, MANAGER, MARCH_10, SIGNED, outage, ticket, version
from tests.measurement.test_doors import _nothing_is_marked, _told, run
from tests.measurement.test_parties import agreed

_SEVERAL_LOOKS_S = 0.7


async def given(house: House) -> None:
    """Tickets are to be resolved within the hour, besides what else is promised."""
    message = agreed()
    message.objectives.add(
        id="resolution",
        name="Resolution",
        service="desk",
        indicator=terms_pb2.Indicator(resolution_time=terms_pb2.ResolutionTime(within_s=3600)),
        comparison=">=",
        target_percent="90",
        decimals=1,
    )
    house.agreements.versions = [version(message=message)]
    await house.activate(
        agreement_events.AgreementActivated(
            agreement_id=AGREEMENT, terms_version=1, terms=message, effective_on="2026-03-01", recorded_at=SIGNED
        )
    )


async def listed_until(house: House) -> str:
    """Up to when the month in the list was measured: the instant at which it was assessed last."""
    items = (await house.get("/assessments", MANAGER, agreement_id=AGREEMENT)).json()["items"]
    return str(items[0]["measured_until"]) if items else ""


def test_a_ticket_that_falls_due_is_told_without_anybody_reporting_it(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await given(house)
        await house.report(ticket("2026-03-10T11:40:00Z", "opened"))
        await until(lambda: _nothing_is_marked(house))
        house.clock.move_to(MARCH_10 + timedelta(minutes=39))
        assert await house.events() == []
        house.clock.move_to(MARCH_10 + timedelta(minutes=40, seconds=1))
        await until(lambda: _told(house, "objective-at-risk"))

    run(settings_sqlite, story)


def test_a_quiet_month_is_left_alone_for_an_hour_and_an_outage_is_followed_by_the_minute(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await given(house)

        async def is_assessed() -> bool:
            return bool(await listed_until(house))

        await until(is_assessed)
        await until(lambda: _nothing_is_marked(house))
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:05:00Z"))
        await until(lambda: _nothing_is_marked(house))
        quiet = await listed_until(house)
        house.clock.move_to(MARCH_10 + timedelta(minutes=30))
        await asyncio.sleep(_SEVERAL_LOOKS_S)
        assert await listed_until(house) == quiet
        await house.report(outage("2026-03-10T12:29:00Z", id="o-1"))
        await until(lambda: _told(house, "objective-burning"))
        house.clock.move_to(MARCH_10 + timedelta(minutes=32))

        async def is_followed() -> bool:
            return await listed_until(house) >= "2026-03-10T12:32"

        await until(is_followed)

    run(settings_sqlite, story)


def test_a_quiet_month_is_caught_up_with_once_an_hour(settings_sqlite: Settings) -> None:
    async def story(house: House) -> None:
        await given(house)
        await house.report(outage("2026-03-09T01:00:00Z", "2026-03-09T01:05:00Z"))
        await until(lambda: _nothing_is_marked(house))
        house.clock.move_to(MARCH_10 + timedelta(minutes=61))

        async def is_caught_up() -> bool:
            return await listed_until(house) >= "2026-03-10T13:01"

        await until(is_caught_up)

    run(settings_sqlite, story)
