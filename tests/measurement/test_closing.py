"""When periods are closed, and what is told of one that cannot be: days of the zone's calendar, and each reason once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from upheld.agreements.v1 import terms_pb2

from services.chassis.settings import Settings
from services.measurement.application import hard_close
from services.vocabulary.period import Month, instant_text
from tests.measurement.desk import agreement_of, bench, signed
from tests.measurement.promise import terms

FEBRUARY = Month(2026, 2)
LAST_LOOK = datetime(2026, 4, 9, 21, 59, 59, tzinfo=UTC)
BEFORE = "2026-01-20T10:00:00Z"


def forty_days(*, effective_on: str = "2026-02-01") -> terms_pb2.Terms:
    """From 1 March to 10 April in Berlin: on 29 March the clocks went forward."""
    message = terms(effective_on=effective_on)
    message.close_after_days = 40
    message.hard_close_after_days = 40
    return message


@pytest.mark.parametrize(("calculator", "expected"), [("1", "23:00"), ("2", "23:00"), ("3", "22:00")])
def test_the_days_until_the_hard_close_are_those_of_the_zone(calculator: str, expected: str) -> None:
    """A period closed by a calculator that counted 24 hours a day keeps its end."""
    agreement = agreement_of(signed(1, "2026-02-01", forty_days(), recorded_at=BEFORE))
    closes = hard_close(agreement, FEBRUARY, calculator=calculator)
    assert closes is not None
    assert instant_text(closes) == f"2026-04-09T{expected}:00Z"


def test_an_agreement_signed_after_the_period_counts_the_days_from_the_hour_it_was_signed() -> None:
    agreement = agreement_of(signed(1, "2026-02-01", forty_days(), recorded_at="2026-03-10T08:30:00Z"))
    closes = hard_close(agreement, FEBRUARY)
    assert closes is not None
    assert instant_text(closes) == "2026-04-19T07:30:00Z"


def test_a_period_closes_at_the_midnight_after_so_many_civil_days(settings_sqlite: Settings) -> None:
    async def story() -> None:
        agreement = agreement_of(signed(1, "2026-02-01", forty_days(), recorded_at=BEFORE))
        async with bench(settings_sqlite, agreement, now=LAST_LOOK) as at:
            assert await at.measurement.close_due() == 0
            at.clock.move_to(LAST_LOOK + timedelta(seconds=1))
            assert await at.measurement.close_due() == 1
            assert await at.measurement.close_due() == 0

    asyncio.run(story())


def test_a_period_that_cannot_be_closed_or_assessed_is_told_once_however_often_it_is_tried(settings_sqlite: Settings) -> None:
    """The currency changed inside February."""
    dollars = forty_days()
    dollars.credit.currency = "USD"
    agreement = agreement_of(
        signed(1, "2026-02-01", forty_days(), recorded_at=BEFORE), signed(2, "2026-02-15", dollars, recorded_at="2026-02-10T10:00:00Z")
    )

    async def story() -> None:
        async with bench(settings_sqlite, agreement, now=LAST_LOOK + timedelta(hours=1)) as at:
            with capture_logs() as told:
                for _ in range(3):
                    assert await at.measurement.close_due() == 0
                    await at.measurement.refresh(everything=True)
                    at.clock.move_to(at.clock.now() + timedelta(minutes=1))
        refused = [(line["event"], line["period"]) for line in told if line.get("period") == "2026-02"]
        assert refused == [("a period is not closed yet", "2026-02"), ("a period cannot be assessed", "2026-02")]

    asyncio.run(story())


def test_what_kept_a_period_open_is_told_again_when_it_comes_back(settings_sqlite: Settings) -> None:
    """Nobody answers for the agreement, then somebody does, then nobody."""

    async def story() -> None:
        agreement = agreement_of(signed(1, "2026-02-01", forty_days(), recorded_at=BEFORE))
        async with bench(settings_sqlite, agreement, now=LAST_LOOK + timedelta(hours=1)) as at:
            with capture_logs() as told:
                at.desk.reachable = False
                assert [await at.measurement.close_due() for _ in range(2)] == [0, 0]
                at.desk.reachable = True
                assert await at.measurement.close_due() == 1
                at.desk.reachable = False
                at.clock.move_to(LAST_LOOK + timedelta(days=40))
                assert [await at.measurement.close_due() for _ in range(2)] == [0, 0]
        assert [line["reason"] for line in told if line["event"] == "no period is closed yet"] == ["agreements rests"] * 2

    asyncio.run(story())
