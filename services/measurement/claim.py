"""Claim windows: until when a credit can be claimed. Pure; reads no clock."""

from __future__ import annotations

from datetime import date, timedelta

from services.measurement.objective import ClaimRule
from services.vocabulary.period import MONTHLY, Cycle, Period, last_day_of, months_after


def claim_deadline(
    rule: ClaimRule, *, period: Period, last_outage_day: date | None, cycle: Cycle = MONTHLY, term_begins: date | None = None
) -> date | None:
    """The last civil day, inclusive, on which the period's credit can be claimed.

    `cycle` is the agreement's, whose first day is `term_begins` (left out: the period's own). None where the rule counts from the last
    outage and there was none. Raises `NoOpenTime` where the calendar never opens again.
    """
    counted_from = last_day_of(period) if rule.counted_from == "period-end" else last_outage_day
    if counted_from is None:
        return None
    if rule.business_days:
        assert rule.calendar is not None, "business days are the open days of a calendar"
        return rule.calendar.day_after(counted_from, rule.business_days)
    if rule.months:
        return months_after(counted_from, rule.months)
    if rule.cycles:
        return _after_cycles(counted_from, rule.cycles, cycle, period.first_day if term_begins is None else term_begins)
    return counted_from + timedelta(days=rule.days)


def _after_cycles(day: date, cycles: int, cycle: Cycle, term_begins: date) -> date:
    """The last day of the period that comes so many after that of the day."""
    period = cycle.period_on(day, term_begins=term_begins)
    for _ in range(cycles):
        period = cycle.following(period, term_begins=term_begins)
    return last_day_of(period)
