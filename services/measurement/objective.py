"""What was promised: objectives, their indicators, maintenance and credits, as the calculator reads the terms. Pure; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from services.measurement.interval import ALL_TIME, NEVER, Spans, difference, union
from services.vocabulary.calendar import Calendar
from services.vocabulary.money import Money, Rounding
from services.vocabulary.period import MONTHLY, Cycle, Instant, Interval, Microseconds

Combine = Literal["any", "all", "pool"]
NoData = Literal["undetermined", "up", "down", "exclude"]
Planned = Literal["exclude", "up", "down"]
Empty = Literal["good", "bad", "exclude", "undetermined"]
Reopened = Literal["first-resolution", "runs-on"]
Stop = Literal["resolved", "responded"]
PriorityRule = Literal["last", "first", "highest"]
Comparison = Literal[">=", ">"]
CompositeRule = Literal["all", "any", "weighted", "journey"]
CombineCredits = Literal["sum", "max"]
Approval = Literal["none", "customer", "both"]
ClaimFrom = Literal["period-end", "last-outage"]
Disputes = Literal["provider", "customer", "either-down", "both-down", "auditor"]

NO_TIME = Microseconds(0)


@dataclass(frozen=True, kw_only=True)
class MinimumOutage:
    """Only outages of at least this length count, whole. `whole_minutes`: only whole UTC clock minutes of them are down at all.

    `before_exclusions`: the length is that of the outage as it was, not of what is left of it after exclusions and service hours.
    """

    at_least: Microseconds
    whole_minutes: bool = False
    before_exclusions: bool = False


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Eligible time not down / eligible time.

    `any`: down while any component is (union), `all`: only while all are (intersection), `pool`: each component's own time counts,
    as often as its weight says (component microseconds). Outside `hours` no time is eligible. Below `minimum_coverage` the verdict is
    undetermined, whatever `no_data` says, unless known down time alone misses the target. `lives` are those of the components that are in
    service for a part of all time only: outside it a component's time is neither up nor down nor unknown. Nor is it while the agreement
    is `suspended`, which all indicators of an agreement are at the same time, and in whose figures that time is not.
    """

    components: tuple[str, ...]
    combine: Combine = "any"
    weights: tuple[int, ...] = ()
    no_data: NoData = "undetermined"
    minimum_coverage: Fraction = Fraction(0)
    maintenance: Planned = "exclude"
    minimum_outage: MinimumOutage | None = None
    hours: Calendar | None = None
    lives: tuple[tuple[str, Interval], ...] = ()
    suspended: Spans = NEVER

    def __post_init__(self) -> None:
        assert self.components, "an availability names what has to be available"
        assert not self.weights or len(self.weights) == len(self.components), "a weight for each component"

    def life_of(self, components: Iterable[str]) -> Spans:
        """When at least one of them is in service, and the agreement not suspended."""
        lives = dict(self.lives)
        return difference(union(lives.get(component, ALL_TIME) for component in components), self.suspended)


@dataclass(frozen=True, kw_only=True)
class RequestRatio:
    """Good requests / all requests, pooled over the period. No components named: all of the service."""

    components: tuple[str, ...] = ()
    suspended: Spans = NEVER


@dataclass(frozen=True, kw_only=True)
class IntervalMean:
    """1 − mean over fixed intervals of the interval's error rate. Intervals are cut at multiples of `every` since 1970 UTC.

    An interval without a request is `empty`: free of errors, all bad, left out, or unknown.
    """

    every: Microseconds
    components: tuple[str, ...] = ()
    empty: Empty = "good"
    suspended: Spans = NEVER


@dataclass(frozen=True, kw_only=True)
class TimeSlices:
    """Slices that kept their threshold / slices, cut as the intervals of `IntervalMean`.

    Bad: the error rate is strictly above `error_above`, or the nearest-rank `percentile` of latency strictly above `latency_above_us`;
    exactly one of the two is given. A slice with fewer than `minimum_events` is good, an `empty` one what the policy says. Bad slices
    count only in runs of at least `minimum_consecutive`.
    """

    every: Microseconds
    components: tuple[str, ...] = ()
    error_above: Fraction | None = None
    percentile: Fraction | None = None
    latency_above_us: int | None = None
    minimum_events: int = 1
    minimum_consecutive: int = 1
    empty: Empty = "good"
    suspended: Spans = NEVER


@dataclass(frozen=True, kw_only=True)
class ResponseTime:
    """Requests answered within the threshold (inclusive) / all requests. No components named: all of the service.

    A silence longer than `expected_every` is reported as unknown time; 0 asks for no such check. With a `percentile` the promise is
    that this nearest-rank percentile is within the threshold, which is the same as that share of requests being within it.
    """

    threshold_us: int
    components: tuple[str, ...] = ()
    expected_every: Microseconds = NO_TIME
    percentile: Fraction | None = None
    suspended: Spans = NEVER


@dataclass(frozen=True, kw_only=True)
class ResolutionTime:
    """Tickets whose clock met its target / tickets due.

    The clock starts when the ticket is opened, runs in `hours` (none: around the clock), stands still in the states of `pauses`, and
    stops when the ticket is resolved, or first responded to. No priorities named: every one. `priority_rule` says which of the
    priorities that a ticket had puts it here; the highest is the one named first in `priority_order`.
    """

    within: Microseconds
    priorities: tuple[str, ...] = ()
    reopened: Reopened = "first-resolution"
    stop: Stop = "resolved"
    hours: Calendar | None = None
    pauses: tuple[str, ...] = ()
    priority_rule: PriorityRule = "last"
    priority_order: tuple[str, ...] = ()
    suspended: Spans = NEVER


@dataclass(frozen=True, kw_only=True)
class Composite:
    """A promise about other objectives of the same terms.

    `all`, `any` and `weighted` count their verdicts (met weight / weight of those that apply), `journey` is the union of the bad time of
    availabilities over the time eligible in all of them. Measured percentages are never multiplied or averaged.
    """

    of: tuple[str, ...]
    rule: CompositeRule
    weights: tuple[int, ...] = ()


Indicator = Availability | RequestRatio | IntervalMean | TimeSlices | ResponseTime | ResolutionTime | Composite


@dataclass(frozen=True, kw_only=True)
class CreditTier:
    """`credit` of the monthly charge while the attainment is strictly below `below`; both ratios, 1/10 for ten percent."""

    below: Fraction
    credit: Fraction


@dataclass(frozen=True, kw_only=True)
class HourlyRelief:
    """A clock hour of the agreement's zone is free of charge when more than this is down in it, breach or not."""

    more_than: Microseconds


@dataclass(frozen=True, kw_only=True)
class ProportionalCredit:
    """`times` the share of the whole that was bad, on a breach. Of a pool: minutes × share affected ÷ scheduled minutes."""

    times: Fraction


@dataclass(frozen=True, kw_only=True)
class SliceCredit:
    """`credit` for each `step` of attainment, or part of one, below the target, on a breach."""

    step: Fraction
    credit: Fraction


CreditFormula = HourlyRelief | ProportionalCredit | SliceCredit


@dataclass(frozen=True, kw_only=True)
class Objective:
    """An indicator of a service with its target. `decimals` is how it prints, never how it is compared. A formula, or tiers, not both."""

    id: str
    name: str
    service: str
    indicator: Indicator
    comparison: Comparison = ">="
    target: Fraction
    decimals: int = 2
    credit_tiers: tuple[CreditTier, ...] = ()
    credit_formula: CreditFormula | None = None
    clause: str = ""


@dataclass(frozen=True, kw_only=True)
class ExclusionClass:
    """A ground on which time is taken out: its clause, who must approve, how long before it must be announced, how much a month."""

    id: str
    clause: str = ""
    approval: Approval = "none"
    notice: Microseconds = NO_TIME
    monthly_cap: Microseconds | None = None


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """Time that was agreed to be taken out. No components named: all of the service.

    `announced_at` None: agreed in the terms themselves, always in time. `approved_by` names who approved what was claimed later.
    `closed_periods` were closed when it was claimed: then both sides have to approve, whatever the ground asks for.
    """

    id: str
    service: str
    components: tuple[str, ...] = ()
    interval: Interval
    reason: str = ""
    ground: ExclusionClass | None = None
    announced_at: Instant | None = None
    approved_by: tuple[str, ...] = ()
    closed_periods: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TicketExclusion:
    """Tickets that a party claimed to be taken out of every resolution time of the service, with its approvals as `Maintenance` has them.

    Neither the notice nor the monthly cap of the ground applies: both are about time.
    """

    id: str
    service: str
    tickets: tuple[str, ...]
    reason: str = ""
    ground: ExclusionClass
    approved_by: tuple[str, ...] = ()
    closed_periods: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecurringMaintenance:
    """A window that returns: on weekdays (Monday 0), every week or only the nth of that weekday in its month (5: the last).

    It begins at a civil minute of the day in the terms' zone and lasts real elapsed time.
    """

    id: str
    service: str
    components: tuple[str, ...] = ()
    days: tuple[int, ...]
    weeks: tuple[int, ...] = ()
    from_minute: int
    lasts: Microseconds
    reason: str = ""
    ground: ExclusionClass | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimRule:
    """How long a credit can be claimed: so many days, months, billing cycles or open days of a calendar; exactly one is not 0.

    Counted from the last day of the period, or from the day of its last outage. The deadline is the last civil day, inclusive. A cycle is
    a period of the agreement: two cycles end with the second one after.
    """

    days: int = 0
    months: int = 0
    cycles: int = 0
    business_days: int = 0
    calendar: Calendar | None = None
    counted_from: ClaimFrom = "period-end"


@dataclass(frozen=True, kw_only=True)
class CreditRule:
    """What credits are a share of, how they come together, and how the amount is rounded, once.

    `charge` is a month's; a period holds it as often as it has months. `cap` is the most one period can cost, a ratio of its charge,
    `yearly_cap` the most one contract year can, a ratio of its monthly charges together. An amount that is not more than `minimum` is
    not paid. Without `pro_rata` a segment counts in full.
    """

    charge: Money
    cap: Fraction
    rounding: Rounding = "half-even"
    combine: CombineCredits = "sum"
    minimum: Decimal = Decimal(0)
    yearly_cap: Fraction | None = None
    pro_rata: bool = True
    claim: ClaimRule | None = None


@dataclass(frozen=True, kw_only=True)
class Terms:
    """One version of an agreement's terms. `ends` is its last civil day, inclusive; `warn_at` the share of a budget, 3/4 for 75 %.

    `disputes`: whose reading counts where provider and customer measured the same time and one of them says down; "auditor": the
    provider's, until a named auditor settles. `cycle` says which periods are judged, credited and closed.
    """

    version: int
    zone: ZoneInfo
    effective: date
    ends: date | None = None
    objectives: tuple[Objective, ...]
    maintenance: tuple[Maintenance, ...] = ()
    recurring: tuple[RecurringMaintenance, ...] = ()
    ticket_exclusions: tuple[TicketExclusion, ...] = ()
    credit: CreditRule | None = None
    warn_at: Fraction = Fraction(3, 4)
    close_after_days: int = 0
    hard_close_after_days: int | None = None
    disputes: Disputes = "provider"
    cycle: Cycle = MONTHLY

    @property
    def suspended(self) -> Spans:
        """When the agreement is suspended: the same for every indicator."""
        return next((each.indicator.suspended for each in self.objectives if not isinstance(each.indicator, Composite)), NEVER)

    def while_not(self, suspended: Spans) -> Terms:
        """The same, of which nothing is judged in that time."""
        return replace(self, objectives=tuple(_suspended(each, suspended) for each in self.objectives)) if suspended else self


def _suspended(objective: Objective, suspended: Spans) -> Objective:
    indicator = objective.indicator
    return objective if isinstance(indicator, Composite) else replace(objective, indicator=replace(indicator, suspended=suspended))


@dataclass(frozen=True, kw_only=True)
class TermsInForce:
    """The civil days, both inclusive, on which a version of the terms counts; no last day: until further notice."""

    terms: Terms
    first_day: date
    last_day: date | None = None
