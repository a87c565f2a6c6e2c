"""Whether an improvement helped: the same objective measured before and after it. Pure: reads no clock, opens no store.

Effective is what meets the target in the span after it and lowered the bad share by at least half of what the plan promised. The
bad share is 1 − attainment, a share of what was eligible, so spans of different length compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from services.improvement.analysis import Comparison, meets
from services.vocabulary.errors import Conflict
from services.vocabulary.period import instant_of, instant_text
from services.vocabulary.ratio import floored_percent, trimmed_percent

LEAST_COVERAGE = Fraction(9, 10)
"""The known share of a span, below which its figure proves nothing."""
LEAST_FULFILMENT = Fraction(1, 2)
"""The part of the promised fall of the bad share that has to be measured."""
POINT_DECIMALS = 4


class NotEnoughData(Conflict):
    """A span has nothing eligible in it, or too little of it is known."""

    code = "not-enough-data-to-verify"


class Effect(StrEnum):
    EFFECTIVE = "effective"
    NOT_EFFECTIVE = "not-effective"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What an objective came to over [start, end); `coverage` is the known share of it."""

    start: datetime
    end: datetime
    good: int
    whole: int
    coverage: Fraction

    @property
    def attainment(self) -> Fraction | None:
        """None when nothing was eligible: no data is not perfection."""
        return Fraction(self.good, self.whole) if self.whole else None


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What the figure after is held against: the objective's target, and the attainment that the plan expects."""

    target: Fraction
    comparison: Comparison
    expected: Fraction
    decimals: int


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The judged effect, with the figures it was judged by; `reason` says it in numbers."""

    before: Figure
    after: Figure
    promise: Promise
    effect: Effect
    reason: str


def verified(before: Figure, after: Figure, promise: Promise) -> Verification:
    """Refuses with `NotEnoughData` where either figure is missing or less than 90 % of the span after is known."""
    was, became = _attainment_of(before, "before"), _attainment_of(after, "after")
    if after.coverage < LEAST_COVERAGE:
        known = floored_percent(after.coverage, decimals=2)
        raise NotEnoughData(f"only {known} % of {_span(after)} is known, {floored_percent(LEAST_COVERAGE, decimals=0)} % are needed")
    on_target = meets(became, target=promise.target, comparison=promise.comparison)
    fell_enough = became - was >= LEAST_FULFILMENT * (promise.expected - was)
    return Verification(
        before=before,
        after=after,
        promise=promise,
        effect=Effect.EFFECTIVE if on_target and fell_enough else Effect.NOT_EFFECTIVE,
        reason=f"{_about_the_target(became, promise, on_target)}; {_about_the_fall(was, became, promise, fell_enough)}",
    )


def _attainment_of(figure: Figure, which: str) -> Fraction:
    if figure.attainment is None:
        raise NotEnoughData(f"nothing was eligible in the span {which}, {_span(figure)}")
    return figure.attainment


def _about_the_target(became: Fraction, promise: Promise, on_target: bool) -> str:
    verb = "meets" if on_target else "misses"
    target = f"{promise.comparison} {trimmed_percent(promise.target)} %"
    return f"{floored_percent(became, decimals=promise.decimals)} % after {verb} the target of {target}"


def _about_the_fall(was: Fraction, became: Fraction, promise: Promise, fell_enough: bool) -> str:
    fall, promised = (floored_percent(share, decimals=POINT_DECIMALS) for share in (became - was, promise.expected - was))
    judged = "at least half" if fell_enough else "less than half"
    before = floored_percent(was, decimals=promise.decimals)
    return f"from {before} % before, the bad share fell by {fall} points, {judged} of the {promised} points that the plan promised"


def _span(figure: Figure) -> str:
    return f"{instant_text(instant_of(figure.start))}/{instant_text(instant_of(figure.end))}"
