"""Service credits: what breaches cost the provider by the agreed schedule. Pure; rounds once, at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from services.measurement.interval import Spans, clip, length, union
from services.measurement.objective import CreditRule, CreditTier, HourlyRelief, Objective, ProportionalCredit, SliceCredit
from services.measurement.wording import minutes_told, number_told
from services.vocabulary.errors import Conflict
from services.vocabulary.money import Money, minor_digits, share
from services.vocabulary.period import (
    HOUR,
    MINUTE,
    MONTHLY,
    Cycle,
    Instant,
    Interval,
    Period,
    anniversaries,
    datetime_of,
    days_between,
    last_day_of,
    months_after,
    start_of_day,
)
from services.vocabulary.ratio import ONE, floored_percent, trimmed_percent

_BAD_SHARE_DECIMALS = 6
_MONTHS_A_YEAR = 12


class MixedCurrencies(Conflict):
    """An amendment inside the period or the contract year changed the currency: its credits have no common sum."""

    code = "credit-in-mixed-currencies"


@dataclass(frozen=True, kw_only=True)
class Earned:
    """What one objective cost in one span: a ratio of the span's charge, and the rule in words."""

    percent: Fraction = Fraction(0)
    rule: str = ""


NOTHING_EARNED = Earned()


@dataclass(frozen=True, kw_only=True)
class CreditLine:
    """What one objective of one segment cost, a ratio of the charge before combining, cap and pro rata.

    `share_of_period` is what of the period's charge the segment stands for: 1 where credits are not pro rata.
    """

    objective_id: str
    terms_version: int
    percent: Fraction
    rule: str
    share_of_period: Fraction


@dataclass(frozen=True, kw_only=True)
class Credit:
    """What the period costs the provider. `percent` is a ratio of the period's charge, which is `months` times the monthly `charge`, after
    pro rata and cap.

    `calculated` is that, rounded once; `amount` is what is to be paid: less where the yearly cap was reached (`yearly_capped`), nothing
    where it is not above the agreed minimum (not `paid`). `charge` is the last segment's where an amendment changed it; the amount is
    then made of each segment's own. `claim_until` is the last civil day on which it can be claimed, None without such a limit and
    where there is nothing to claim.
    """

    charge: Money
    percent: Fraction
    amount: Money
    capped: bool
    lines: tuple[CreditLine, ...]
    paid: bool
    calculated: Money
    claim_until: date | None
    yearly_capped: bool
    months: int = 1

    @property
    def period_charge(self) -> Money:
        return Money(self.charge.amount * self.months, self.charge.currency)


@dataclass(frozen=True, kw_only=True)
class BookedCredit:
    """What another period of the same contract year paid already, and the monthly charge in it."""

    month: Period
    amount: Money
    charge: Money


@dataclass(frozen=True, kw_only=True)
class SegmentCredit:
    """What was earned under one rule, and the share of the period that the rule's terms were in force."""

    rule: CreditRule
    share_of_month: Fraction
    lines: tuple[CreditLine, ...] = ()

    @property
    def share(self) -> Fraction:
        return self.share_of_month if self.rule.pro_rata else ONE

    @property
    def combined(self) -> Fraction:
        percents = [line.percent for line in self.lines]
        return max(percents, default=Fraction(0)) if self.rule.combine == "max" else sum(percents, Fraction(0))

    @property
    def percent(self) -> Fraction:
        return min(self.combined, self.rule.cap)

    @property
    def capped(self) -> bool:
        return self.combined > self.rule.cap


# What an objective cost


def earned(objective: Objective, *, breached_at: Fraction | None, outages: Sequence[Interval], span: Interval, zone: ZoneInfo) -> Earned:
    """`breached_at` is the attainment that a breach has proved, None without a breach: then only free clock hours cost something."""
    formula = objective.credit_formula
    if isinstance(formula, HourlyRelief):
        return _hours_free(formula, outages, span, zone)
    if breached_at is None:
        return NOTHING_EARNED
    match formula:
        case None:
            return _by_tier(objective.credit_tiers, breached_at)
        case ProportionalCredit():
            return _proportional(formula, breached_at)
        case SliceCredit():
            return _per_step(formula, objective.target, breached_at)
        case _:
            assert_never(formula)


def _by_tier(tiers: Sequence[CreditTier], attainment: Fraction) -> Earned:
    """The credit of the deepest tier that the attainment lies strictly below; nothing where it reached none."""
    reached = min((tier for tier in tiers if attainment < tier.below), key=lambda tier: tier.below, default=None)
    if reached is None:
        return NOTHING_EARNED
    return Earned(percent=reached.credit, rule=f"below {trimmed_percent(reached.below)}: {trimmed_percent(reached.credit)}")


def _proportional(formula: ProportionalCredit, attainment: Fraction) -> Earned:
    bad = 1 - attainment
    told = floored_percent(bad, decimals=_BAD_SHARE_DECIMALS)
    return Earned(percent=min(formula.times * bad, ONE), rule=f"{number_told(formula.times)} times the bad share: {told}")


def _per_step(formula: SliceCredit, target: Fraction, attainment: Fraction) -> Earned:
    steps = -((attainment - target) // formula.step)
    told = f"{steps} of {trimmed_percent(formula.step)} below {trimmed_percent(target)}: {trimmed_percent(formula.credit)} each"
    return Earned(percent=min(steps * formula.credit, ONE), rule=told) if steps else NOTHING_EARNED


def _hours_free(formula: HourlyRelief, outages: Sequence[Interval], span: Interval, zone: ZoneInfo) -> Earned:
    """Each clock hour's down time and elapsed time are those within the span; the share is of the span's elapsed time."""
    down = clip(union(outages), span)
    free = [hour for hour in _clock_hours(down, span, zone) if length(clip(down, hour)) > formula.more_than]
    if not free:
        return NOTHING_EARNED
    told = f"clock hours with more than {minutes_told(formula.more_than)} min down: {len(free)}"
    return Earned(percent=Fraction(length(tuple(free)), span.length), rule=told)


def _clock_hours(down: Spans, span: Interval, zone: ZoneInfo) -> Iterator[Interval]:
    """The clock hours of the zone on the days that were partly down, clipped to the span, in order."""
    for day in sorted({day for part in down for day, _ in days_between(part, zone)}):
        yield from clip(_hours_of(day, zone), span)


@lru_cache(maxsize=1024)
def _hours_of(day: date, zone: ZoneInfo) -> Spans:
    """A civil day's clock hours: each lasts until the clock shows a full hour again. One that the zone repeats is there twice."""
    at, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    hours: list[Interval] = []
    while at < end:
        past = datetime_of(at).astimezone(zone).minute * MINUTE
        following = Instant(min(at + HOUR - past, end))
        hours.append(Interval(at, following))
        at = following
    return tuple(hours)


# What a period costs


def credit_for(
    segments: Sequence[SegmentCredit],
    *,
    booked: Sequence[BookedCredit] = (),
    months_in_year: int = _MONTHS_A_YEAR,
    claim_until: date | None = None,
    months: int = 1,
) -> Credit | None:
    """Combines the objectives, caps each segment, takes its share of the period, rounds the total once, by the last segment's rule.

    Then comes the yearly cap, then the minimum; the minimum looks at the amount before rounding. Segments that count in full cost at
    most what the dearest of them can cost. The period holds so many `months`, each a charge. `booked` are the other periods of the
    contract year, which has `months_in_year` in the agreement's term; those not booked yet are taken at this period's charge, and without
    a yearly cap none of them counts. None where no terms know a credit; refuses with `MixedCurrencies` what cannot be added.
    """
    if not segments:
        return None
    rule = segments[-1].rule
    currency = rule.charge.currency
    counted = booked if rule.yearly_cap is not None else ()
    stated = [part.rule.charge for part in segments] + [money for each in counted for money in (each.amount, each.charge)]
    if {money.currency for money in stated} != {currency}:
        raise MixedCurrencies("the terms in force in this period state their credits in different currencies")
    added = sum((_exact(part.rule.charge) * months * part.percent * part.share for part in segments), Fraction(0))
    percent = sum((part.percent * part.share for part in segments), Fraction(0))
    most = max(_exact(part.rule.charge) * months * part.rule.cap for part in segments)
    highest = max(part.rule.cap for part in segments)
    owed = min(added, most)
    left = _left_of_year(rule, booked, months_in_year, months)
    payable = owed if left is None else min(owed, left)
    paid = payable > Fraction(rule.minimum)
    return Credit(
        charge=rule.charge,
        percent=min(percent, highest),
        amount=_rounded(payable if paid else Fraction(0), rule),
        capped=any(part.capped for part in segments) or added > most,
        lines=tuple(line for part in segments for line in part.lines if line.percent),
        paid=paid,
        calculated=_rounded(owed, rule),
        claim_until=claim_until if paid else None,
        yearly_capped=payable < owed,
        months=months,
    )


def _left_of_year(rule: CreditRule, booked: Sequence[BookedCredit], months_in_year: int, months: int) -> Fraction | None:
    """What the contract year can still cost, in whole minor units, rounded down; None without a yearly cap."""
    if rule.yearly_cap is None:
        return None
    ahead = max(months_in_year - sum(each.month.months for each in booked), months)
    charges = sum((_exact(each.charge) * each.month.months for each in booked), _exact(rule.charge) * ahead)
    minor = 10 ** minor_digits(rule.charge.currency)
    most = Fraction(rule.yearly_cap * charges * minor // 1, minor)
    return max(most - sum((_exact(each.amount) for each in booked), Fraction(0)), Fraction(0))


def _exact(money: Money) -> Fraction:
    return Fraction(money.amount)


def _rounded(amount: Fraction, rule: CreditRule) -> Money:
    return share(Money(Decimal(1), rule.charge.currency), amount, rounding=rule.rounding)


# Contract years


def year_of_month(first_day: date, month: Period, last_day: date | None) -> int:
    """The contract year a period belongs to: that of its last day within the term, so that every full year has twelve months."""
    return anniversaries(first_day, last_day_of(month) if last_day is None else min(last_day_of(month), last_day))


def months_of_year(first_day: date, year: int, last_day: date | None, *, cycle: Cycle = MONTHLY) -> int:
    """How many months the periods of the term have that belong to a contract year. `cycle` is one of whole months."""
    period = cycle.period_on(months_after(first_day, year * _MONTHS_A_YEAR), term_begins=first_day)
    count = 0
    while (last_day is None or period.first_day <= last_day) and year_of_month(first_day, period, last_day) == year:
        count += period.months
        period = cycle.following(period, term_begins=first_day)
    return count
