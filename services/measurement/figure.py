"""A figure and the leaves it is made of: what an indicator measured, before anybody judges it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from services.vocabulary.period import Instant, Interval
from services.vocabulary.ratio import ONE

Unit = Literal["us", "requests", "tickets"]


class TicketVerdict(StrEnum):
    """`open`: neither resolved nor due yet, and in no figure."""

    MET = "met"
    MISSED = "missed"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class OutageSpan:
    """Unbroken eligible time that was down, the components that were down in it, and what their sources gave as cause."""

    interval: Interval
    components: tuple[str, ...]
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class ExclusionSpan:
    """Unbroken time taken out of both sides; `cause` is the agreed maintenance. No components: the whole service."""

    interval: Interval
    components: tuple[str, ...]
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class DayResult:
    """A civil day's part of the figure; days add up to it exactly. The three times are microseconds and never overlap."""

    day: date
    good: int
    whole: int
    down_us: int = 0
    excluded_us: int = 0
    unknown_us: int = 0


@dataclass(frozen=True, kw_only=True)
class TicketResult:
    """A ticket due in the period. `resolved_at` is the resolution that counts, None while there is none."""

    ticket: str
    priority: str
    opened_at: Instant
    due_at: Instant
    resolved_at: Instant | None
    verdict: TicketVerdict


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was good of what was eligible, up to the measurement, with everything that explains it.

    `spent` of `stake` is bad so far: the stake is what a budget is a share of, for time the whole period and not only the part that
    has passed. `lower` and `upper` bound the attainment over all that is unknown, and over the rest of the period where that is
    time. `foreseeable`: the end of the period is already known to come (time), so a running period can be lost. `certain`: by the
    agreed accounting only what holds at both bounds is a verdict.
    """

    unit: Unit
    good: int
    whole: int
    spent: int
    stake: int
    lower: Fraction | None
    upper: Fraction | None
    coverage: Fraction
    foreseeable: bool = False
    certain: bool = False
    outages: tuple[OutageSpan, ...] = ()
    exclusions: tuple[ExclusionSpan, ...] = ()
    unknown: tuple[Interval, ...] = ()
    days: tuple[DayResult, ...] = ()
    tickets: tuple[TicketResult, ...] = ()

    @property
    def attainment(self) -> Fraction | None:
        """Good of whole, or None when nothing was eligible: no data is not perfection."""
        return ratio(self.good, self.whole)


def ratio(part: int, whole: int) -> Fraction | None:
    """The exact share, or None of nothing."""
    return Fraction(part, whole) if whole else None


def share_known(unknown: int, *, of: int) -> Fraction:
    """Coverage; of nothing, nothing is missing."""
    return ONE - Fraction(unknown, of) if of else ONE


def counted(
    unit: Unit,
    *,
    good: int,
    whole: int,
    coverage: Fraction = ONE,
    unknown: tuple[Interval, ...] = (),
    days: tuple[DayResult, ...] = (),
    tickets: tuple[TicketResult, ...] = (),
) -> Figure:
    """A figure of things counted: its budget is a share of those counted so far, and nobody knows how many are still to come."""
    attainment = ratio(good, whole)
    return Figure(
        unit=unit,
        good=good,
        whole=whole,
        spent=whole - good,
        stake=whole,
        lower=attainment,
        upper=attainment,
        coverage=coverage,
        unknown=unknown,
        days=days,
        tickets=tickets,
    )
