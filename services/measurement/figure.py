"""A figure and the leaves it is made of: what an indicator measured, before anybody judges it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from services.measurement.objective import Planned
from services.vocabulary.period import Instant, Interval
from services.vocabulary.ratio import ONE

Unit = Literal["us", "requests", "tickets", "slices", "objectives", "10^-18 intervals"]


class TicketVerdict(StrEnum):
    """`open`: neither resolved nor due yet; `excluded`: taken out by a claim. Both are in no figure."""

    MET = "met"
    MISSED = "missed"
    OPEN = "open"
    EXCLUDED = "excluded"


@dataclass(frozen=True, kw_only=True)
class OutageSpan:
    """Unbroken eligible time that was down, the components that were down in it, and what their sources gave as cause.

    `parts`: in a pool, each component's own outages in it, which overlap.
    """

    interval: Interval
    components: tuple[str, ...]
    cause: str = ""
    parts: tuple[OutageSpan, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExclusionSpan:
    """Unbroken time of agreed maintenance, which is the `cause`. No components: the whole service.

    `counted_as` tells what became of it: taken out of both sides, up, or (`down`) counted as any other time.
    """

    interval: Interval
    components: tuple[str, ...]
    cause: str = ""
    counted_as: Planned = "exclude"


@dataclass(frozen=True, kw_only=True)
class GapSpan:
    """Unbroken time within the service hours in which the components were not in service; in a pool of one component each."""

    interval: Interval
    components: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DayResult:
    """A civil day's part of the figure; days add up to it exactly. The three times are microseconds and never overlap.

    An interval or slice belongs to the day in which it begins. Where the figure has a `scale` the times are component microseconds too.
    """

    day: date
    good: int
    whole: int
    down_us: int = 0
    excluded_us: int = 0
    unknown_us: int = 0


@dataclass(frozen=True, kw_only=True)
class TicketResult:
    """A ticket due in the period. `resolved_at` is the resolution (or response) that counts, None while there is none.

    `counted_us` of `allowed_us` is what its clock counted until then, or until the measurement, in the hours of `clock`. `excluded_by` is
    the claim that took it out, in words.
    """

    ticket: str
    priority: str
    opened_at: Instant
    due_at: Instant
    resolved_at: Instant | None
    verdict: TicketVerdict
    counted_us: int = 0
    allowed_us: int = 0
    clock: str = ""
    excluded_by: str = ""


@dataclass(frozen=True, kw_only=True)
class SliceResult:
    """An interval or slice that is not wholly good: its requests, its good part as it adds up (10^-18 intervals), and why it is not.

    `bad`: counted as bad; of an interval of a mean, that nothing in it was good. A slice over its threshold in too short a run is listed
    with `bad` false and counts as good. `cause` is "errors", "latency" or "empty".
    """

    interval: Interval
    good: int
    total: int
    share: int
    bad: bool
    cause: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was good of what was eligible, up to the measurement, with everything that explains it.

    `spent` of `stake` is bad so far: the stake is what a budget is a share of, for time the whole period and not only the part that
    has passed. `lower` and `upper` bound the attainment over all that is unknown, and over the rest of the period where that is
    time. `ignored` is down time too short to count, `outside` is time outside the service hours, `gaps` is time outside the components'
    lives, `suspended` is time in which the agreement was (none of these overlap), `scale` the weights together where each component
    counts by itself: good, whole, spent and stake are then component microseconds. `foreseeable`: the end of the period is
    already known to come (time), so a running period can be lost. `certain`: by the agreed accounting only what holds at both bounds is
    a verdict. `enough`: what is known reaches the agreed minimum coverage. `percentile_us` is the exact nearest-rank percentile, None
    where none was promised or nothing counted.
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
    ignored: tuple[OutageSpan, ...] = ()
    outside: tuple[Interval, ...] = ()
    gaps: tuple[GapSpan, ...] = ()
    suspended: tuple[Interval, ...] = ()
    slices: tuple[SliceResult, ...] = ()
    percentile_us: int | None = None
    scale: int = 1
    enough: bool = True

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


def nearest_rank(share: Fraction, *, of: int) -> int:
    """The rank, from 1, of the smallest of so many values that at least this share (above 0) does not exceed."""
    return -(-share.numerator * of // share.denominator)


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
