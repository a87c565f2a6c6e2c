"""What was promised: objectives, their indicators, maintenance and credits, as the calculator reads the terms. Pure; judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from services.vocabulary.money import Money, Rounding
from services.vocabulary.period import Interval, Microseconds

Combine = Literal["any", "all"]
NoData = Literal["undetermined", "up", "down", "exclude"]
Reopened = Literal["first-resolution", "runs-on"]
Comparison = Literal[">=", ">"]

NO_TIME = Microseconds(0)


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Eligible time not down / eligible time. `any`: down while any component is (union), `all`: only while all are (intersection)."""

    components: tuple[str, ...]
    combine: Combine = "any"
    no_data: NoData = "undetermined"

    def __post_init__(self) -> None:
        assert self.components, "an availability names what has to be available"


@dataclass(frozen=True, kw_only=True)
class RequestRatio:
    """Good requests / all requests, pooled over the period. No components named: all of the service."""

    components: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ResponseTime:
    """Requests answered within the threshold (inclusive) / all requests. No components named: all of the service.

    A silence longer than `expected_every` is reported as unknown time; 0 asks for no such check.
    """

    threshold_us: int
    components: tuple[str, ...] = ()
    expected_every: Microseconds = NO_TIME


@dataclass(frozen=True, kw_only=True)
class ResolutionTime:
    """Tickets resolved within their time / tickets due. Time elapses around the clock. No priorities named: every one."""

    within: Microseconds
    priorities: tuple[str, ...] = ()
    reopened: Reopened = "first-resolution"


Indicator = Availability | RequestRatio | ResponseTime | ResolutionTime


@dataclass(frozen=True, kw_only=True)
class CreditTier:
    """`credit` of the monthly charge while the attainment is strictly below `below`; both ratios, 1/10 for ten percent."""

    below: Fraction
    credit: Fraction


@dataclass(frozen=True, kw_only=True)
class Objective:
    """An indicator of a service with its target. `decimals` is how it prints, never how it is compared."""

    id: str
    name: str
    service: str
    indicator: Indicator
    comparison: Comparison = ">="
    target: Fraction
    decimals: int = 2
    credit_tiers: tuple[CreditTier, ...] = ()

    def accepts(self, attainment: Fraction) -> bool:
        """Compares the unrounded value."""
        return attainment > self.target if self.comparison == ">" else attainment >= self.target


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """Planned work that was agreed. No components named: all of the service."""

    id: str
    service: str
    components: tuple[str, ...] = ()
    interval: Interval
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CreditRule:
    """What credits are a share of, the most they can come to (a ratio of the charge), and how the amount is rounded, once."""

    charge: Money
    cap: Fraction
    rounding: Rounding = "half-even"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """One version of an agreement's terms. `ends` is its last civil day, inclusive; `warn_at` the share of a budget, 3/4 for 75 %."""

    version: int
    zone: ZoneInfo
    effective: date
    ends: date | None = None
    objectives: tuple[Objective, ...]
    maintenance: tuple[Maintenance, ...] = ()
    credit: CreditRule | None = None
    warn_at: Fraction = Fraction(3, 4)
    close_after_days: int = 0


@dataclass(frozen=True, kw_only=True)
class TermsInForce:
    """The civil days, both inclusive, on which a version of the terms counts; no last day: until further notice."""

    terms: Terms
    first_day: date
    last_day: date | None = None
