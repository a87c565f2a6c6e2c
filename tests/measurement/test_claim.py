"""Claim windows: the last civil day, inclusive, on which a credit can be claimed."""

from __future__ import annotations

from datetime import date

import pytest

from services.measurement.claim import claim_deadline
from services.measurement.objective import ClaimRule
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.period import Month
from tests.measurement.calculation import BERLIN

MARCH = Month(2026, 3)
OFFICE = Calendar(
    id="office",
    zone=BERLIN,
    hours=(Hours(days=(0, 1, 2, 3, 4), from_minute=9 * 60, to_minute=17 * 60),),
    closed=frozenset({date(2026, 4, 3), date(2026, 4, 6)}),
)


def deadline(rule: ClaimRule, *, period: Month = MARCH, last_outage_day: date | None = None) -> str:
    return str(claim_deadline(rule, period=period, last_outage_day=last_outage_day))


@pytest.mark.parametrize(
    ("rule", "until"),
    [
        (ClaimRule(days=30), "2026-04-30"),
        (ClaimRule(days=15), "2026-04-15"),
        (ClaimRule(months=2), "2026-05-31"),
        (ClaimRule(cycles=2), "2026-05-31"),
        (ClaimRule(cycles=1), "2026-04-30"),
        (ClaimRule(business_days=5, calendar=OFFICE), "2026-04-09"),
    ],
)
def test_windows_counted_from_the_end_of_the_period(rule: ClaimRule, until: str) -> None:
    """Wed 1, Thu 2, Tue 7, Wed 8 and Thu 9 April are open; Good Friday and Easter Monday are not."""
    assert deadline(rule) == until
    assert deadline(rule, last_outage_day=date(2026, 3, 4)) == until


@pytest.mark.parametrize(
    ("rule", "until"),
    [
        (ClaimRule(days=30, counted_from="last-outage"), "2026-04-03"),
        (ClaimRule(months=2, counted_from="last-outage"), "2026-05-04"),
        (ClaimRule(cycles=2, counted_from="last-outage"), "2026-05-31"),
        (ClaimRule(business_days=5, calendar=OFFICE, counted_from="last-outage"), "2026-03-11"),
    ],
)
def test_windows_counted_from_the_last_outage(rule: ClaimRule, until: str) -> None:
    assert deadline(rule, last_outage_day=date(2026, 3, 4)) == until


def test_without_an_outage_nothing_is_counted_from_it() -> None:
    assert claim_deadline(ClaimRule(days=30, counted_from="last-outage"), period=MARCH, last_outage_day=None) is None


def test_months_are_clipped_to_the_months_end() -> None:
    assert deadline(ClaimRule(months=2), period=Month(2025, 12)) == "2026-02-28"
    assert deadline(ClaimRule(months=2), period=Month(2027, 12)) == "2028-02-29"
    assert deadline(ClaimRule(months=2), period=Month(2026, 2)) == "2026-04-28"


def test_billing_cycles_are_whole_calendar_months_over_the_turn_of_the_year() -> None:
    assert deadline(ClaimRule(cycles=2), period=Month(2026, 11)) == "2027-01-31"
    assert deadline(ClaimRule(cycles=2), period=Month(2026, 12)) == "2027-02-28"
    assert deadline(ClaimRule(cycles=1), period=Month(2026, 11)) == "2026-12-31"


def test_business_days_count_the_open_days_of_the_calendar_alone() -> None:
    assert deadline(ClaimRule(business_days=1, calendar=OFFICE)) == "2026-04-01"
    assert deadline(ClaimRule(business_days=3, calendar=OFFICE)) == "2026-04-07"
