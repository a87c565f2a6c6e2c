"""Claim windows: until when a credit can be claimed, and the civil arithmetic of months behind it. Pure; reads no clock."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from services.measurement.objective import ClaimRule
from services.vocabulary.period import Month


def claim_deadline(rule: ClaimRule, *, period: Month, last_outage_day: date | None) -> date | None:
    """The last civil day, inclusive, on which the period's credit can be claimed.

    None where the rule counts from the last outage and there was none. Raises `NoOpenTime` where the calendar never opens again.
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
        return last_day_of(month_after(Month(counted_from.year, counted_from.month), rule.cycles))
    return counted_from + timedelta(days=rule.days)


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has no such day: 31 December and two months is 28 February."""
    later = month_after(Month(day.year, day.month), months)
    return date(later.year, later.month, min(day.day, last_day_of(later).day))


def month_after(month: Month, months: int) -> Month:
    years, before = divmod(month.month - 1 + months, 12)
    return Month(month.year + years, before + 1)


def last_day_of(month: Month) -> date:
    return date(month.year, month.month, monthrange(month.year, month.month)[1])
