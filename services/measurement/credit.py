"""Service credits: what breaches cost the provider by the agreed schedule. Pure; rounds once, at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.measurement.objective import CreditRule, CreditTier
from services.vocabulary.errors import Conflict
from services.vocabulary.money import Money, share


class MixedCurrencies(Conflict):
    """An amendment inside the month changed the currency: its credits have no common sum."""

    code = "credit-in-mixed-currencies"


@dataclass(frozen=True, kw_only=True)
class Credit:
    """What the month's breaches cost: `percent` a ratio of the monthly charge after pro rata and cap, `amount` rounded once.

    `charge` is the last segment's where an amendment changed it; the amount is then made of each segment's own.
    """

    charge: Money
    percent: Fraction
    amount: Money
    capped: bool


@dataclass(frozen=True, kw_only=True)
class SegmentCredit:
    """The tiers reached under one rule, and the share of the month that the rule's terms were in force."""

    rule: CreditRule
    share_of_month: Fraction
    percents: tuple[Fraction, ...]

    @property
    def percent(self) -> Fraction:
        return min(sum(self.percents, Fraction(0)), self.rule.cap)

    @property
    def capped(self) -> bool:
        return sum(self.percents, Fraction(0)) > self.rule.cap


def tier_reached(tiers: Sequence[CreditTier], attainment: Fraction) -> Fraction:
    """The credit of the deepest tier that the attainment lies strictly below; 0 where it reached none."""
    reached = [tier for tier in tiers if attainment < tier.below]
    return min(reached, key=lambda tier: tier.below).credit if reached else Fraction(0)


def credit_for(segments: Sequence[SegmentCredit]) -> Credit | None:
    """Adds the objectives, caps each segment, takes each segment's share of the month, rounds the total by the last rule.

    None where no terms know a credit; refuses with `MixedCurrencies` what cannot be added.
    """
    if not segments:
        return None
    rule = segments[-1].rule
    if {segment.rule.charge.currency for segment in segments} != {rule.charge.currency}:
        raise MixedCurrencies("the terms in force in this month state their credits in different currencies")
    exact_amount = sum((Fraction(part.rule.charge.amount) * part.percent * part.share_of_month for part in segments), Fraction(0))
    return Credit(
        charge=rule.charge,
        percent=sum((part.percent * part.share_of_month for part in segments), Fraction(0)),
        amount=share(Money(Decimal(1), rule.charge.currency), exact_amount, rounding=rule.rounding),
        capped=any(part.capped for part in segments),
    )
