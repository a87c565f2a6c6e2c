"""The terms as values. Pure: holds what was agreed, judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money, Rounding
from services.vocabulary.period import MONTHLY, Cycle, Instant

PartyRole = Literal["provider", "customer"]
Combine = Literal["any", "all", "pool"]
NoData = Literal["undetermined", "up", "down", "exclude"]
Planned = Literal["exclude", "up", "down"]
Empty = Literal["good", "bad", "exclude", "undetermined"]
Reopened = Literal["first-resolution", "runs-on"]
Stop = Literal["resolved", "responded"]
TicketState = Literal["opened", "waiting", "responded", "resolved", "reopened", "closed", "cancelled"]
PriorityRule = Literal["last", "first", "highest"]
Comparison = Literal[">=", ">"]
CompositeRule = Literal["all", "any", "weighted", "journey"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Week = Literal["first", "second", "third", "fourth", "last"]
Approval = Literal["none", "customer", "both"]
Disputes = Literal["provider", "customer", "either-down", "both-down", "auditor"]
CombineCredits = Literal["sum", "max"]
ClaimFrom = Literal["period-end", "last-outage"]
ReviewEvery = Literal["month", "quarter", "half-year", "year"]
SupportKind = Literal["contract", "internal"]


@dataclass(frozen=True, kw_only=True)
class Contact:
    name: str
    email: str
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class Party:
    """One of the two sides; `organisation` is the id that its people's tokens carry."""

    role: PartyRole
    organisation: OrganisationId
    name: str
    contacts: tuple[Contact, ...] = ()
    responsibilities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Component:
    """Its life is [in_service_from, in_service_until), without end on a side that is None; outside it its time is no one's promise."""

    id: str
    name: str
    in_service_from: Instant | None = None
    in_service_until: Instant | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    id: str
    name: str
    components: tuple[Component, ...]


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Open from a civil time to another, "09:00" to "17:00", on these weekdays; "24:00" is the end of the day."""

    days: tuple[Weekday, ...]
    opens: str
    closes: str


@dataclass(frozen=True, kw_only=True)
class Holiday:
    day: date
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Service hours. No zone: the agreement's. `holidays` are the days that were signed; `region` only tells where they came from."""

    id: str
    zone: str = ""
    hours: tuple[Hours, ...]
    region: str = ""
    holidays: tuple[Holiday, ...] = ()
    also_closed: tuple[Holiday, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MinimumOutage:
    """Shorter outages do not count. `whole_minutes`: only whole UTC minutes are down; `before_exclusions`: the length as it was."""

    at_least_s: int
    whole_minutes: bool = False
    before_exclusions: bool = False


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Eligible time not down over eligible time; `any`: down while any component is down, `all`: only while all are.

    `pool`: each component's own time, as often as its weight says; `weights` stand in the order of the components, none: 1 each.
    Below `minimum_coverage` nothing is judged but what is lost anyway. `hours` is a calendar's id, empty: around the clock.
    """

    components: tuple[str, ...]
    combine: Combine = "any"
    no_data: NoData = "undetermined"
    weights: tuple[int, ...] = ()
    minimum_coverage: Fraction = Fraction(0)
    maintenance: Planned = "exclude"
    minimum_outage: MinimumOutage | None = None
    hours: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestRatio:
    """Good requests over all requests, pooled over the period."""

    components: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IntervalMean:
    """One less the mean of the error rates of fixed intervals; one without a request is what `empty` says."""

    components: tuple[str, ...]
    every_s: int
    empty: Empty = "good"


@dataclass(frozen=True, kw_only=True)
class TimeSlices:
    """Slices that kept their threshold over slices. `error_above`, or a `percentile` with `latency_above_ms`, both strictly above."""

    components: tuple[str, ...]
    every_s: int
    error_above: Fraction | None = None
    percentile: Fraction | None = None
    latency_above_ms: Decimal | None = None
    minimum_events: int = 1
    minimum_consecutive: int = 1
    empty: Empty = "good"


@dataclass(frozen=True, kw_only=True)
class ResponseTime:
    """Requests answered within the threshold (inclusive) over all requests.

    A silence longer than `expected_every_s` is a gap in the data; 0: not checked. With a `percentile` the promise is that this one is
    within the threshold; it is the objective's target then.
    """

    components: tuple[str, ...]
    threshold_ms: Decimal
    expected_every_s: int = 0
    percentile: Fraction | None = None


@dataclass(frozen=True, kw_only=True)
class ResolutionTime:
    """Tickets whose clock met its time over tickets due; no priorities: every priority.

    The clock runs in `hours` (a calendar's id, empty: around the clock), stands still in the states of `pauses` and ends at `stop`.
    `priority_order` names the highest first.
    """

    within_s: int
    priorities: tuple[str, ...] = ()
    reopened: Reopened = "first-resolution"
    stop: Stop = "resolved"
    hours: str = ""
    pauses: tuple[TicketState, ...] = ()
    priority_rule: PriorityRule = "last"
    priority_order: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Composite:
    """A promise about other objectives of the same terms; `weights` stand in the order of `of`, none: 1 each."""

    of: tuple[str, ...]
    rule: CompositeRule
    weights: tuple[int, ...] = ()


Indicator: TypeAlias = Availability | RequestRatio | IntervalMean | TimeSlices | ResponseTime | ResolutionTime | Composite


@dataclass(frozen=True, kw_only=True)
class CreditTier:
    """Applies while attainment is strictly below `below`; `percent` is the share of the monthly charge. Both are ratios."""

    below: Fraction
    percent: Fraction


@dataclass(frozen=True, kw_only=True)
class HourlyRelief:
    """A clock hour with more down time than this is free of charge."""

    more_than_s: int


@dataclass(frozen=True, kw_only=True)
class ProportionalCredit:
    """So many times the bad share of the whole, at most 100."""

    times: Fraction


@dataclass(frozen=True, kw_only=True)
class StepCredit:
    """`percent` of the charge for each `step` of attainment, or part of one, below the target; both ratios."""

    step: Fraction
    percent: Fraction


Relief: TypeAlias = HourlyRelief | ProportionalCredit | StepCredit


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A promise: the indicator, what it must come to, and what a breach costs. `target` is a ratio: 999/1000 for 99.9 %.

    A composite has no service of its own. `credits` or `relief`, never both; `clause` is where the contract says so.
    """

    id: str
    name: str
    service: str
    indicator: Indicator
    target: Fraction
    comparison: Comparison = ">="
    decimals: int = 2
    credits: tuple[CreditTier, ...] = ()
    relief: Relief | None = None
    clause: str = ""


@dataclass(frozen=True, kw_only=True)
class ExclusionClass:
    """A ground on which time is taken out. `notice_s` 0: none is asked for; `monthly_cap_s` 0: as much as there is."""

    id: str
    clause: str = ""
    approval: Approval = "none"
    notice_s: int = 0
    monthly_cap_s: int = 0


@dataclass(frozen=True, kw_only=True)
class MaintenanceWindow:
    """Planned work that was agreed, [start, end); no components: all of the service.

    `announced_at` None: agreed here, in time. `exclusion_class` is the id of one, or empty.
    """

    id: str
    service: str
    components: tuple[str, ...]
    start: Instant
    end: Instant
    reason: str = ""
    exclusion_class: str = ""
    announced_at: Instant | None = None


@dataclass(frozen=True, kw_only=True)
class RecurringMaintenance:
    """A window that returns on weekdays, every week or in these weeks of the month, at a civil time of the agreement's zone.

    `begins` is "02:00"; `lasts_s` is elapsed time. No components: all of the service.
    """

    id: str
    service: str
    components: tuple[str, ...] = ()
    days: tuple[Weekday, ...]
    weeks: tuple[Week, ...] = ()
    begins: str
    lasts_s: int
    reason: str = ""
    exclusion_class: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """How long a credit can be claimed; exactly one of the counts is not 0. `calendar` is the id of the business days' one."""

    days: int = 0
    months: int = 0
    cycles: int = 0
    business_days: int = 0
    calendar: str = ""
    counted_from: ClaimFrom = "period-end"


@dataclass(frozen=True, kw_only=True)
class Credit:
    """What the percentages are of, how they come together, and the most that one period, and one contract year, can cost.

    An amount not above `minimum` is not paid. With `pro_rata` terms that were in force for a part of a period owe that part.
    """

    monthly_charge: Money
    cap: Fraction = Fraction(1)
    rounding: Rounding = "half-even"
    combine: CombineCredits = "sum"
    minimum: Decimal = Decimal(0)
    yearly_cap: Fraction | None = None
    pro_rata: bool = True
    claim: Claim | None = None


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """At its end the term goes on for so many months, unless notice was given at least so many days before."""

    months: int
    notice_days: int


@dataclass(frozen=True, kw_only=True)
class Support:
    """An objective of these terms rests on one of another agreement, whose id `agreement` is."""

    objective: str
    agreement: str
    supporting_objective: str
    kind: SupportKind = "contract"


@dataclass(frozen=True, kw_only=True)
class ThirdParty:
    """Takes part without signing; to be named here lets nobody read the agreement, which `auditors` does."""

    organisation: OrganisationId
    name: str
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class Activity:
    """A line of the responsibility matrix: who does it, who answers for it, who is asked before and who is told."""

    activity: str
    responsible: tuple[OrganisationId, ...]
    accountable: OrganisationId
    consulted: tuple[OrganisationId, ...] = ()
    informed: tuple[OrganisationId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Everything both parties sign. Days are civil days in `zone`; `ends_on` is the last one, inclusive, None when open-ended.

    `period` is what is judged, credited and closed as one. `hard_close_after_days` None: a closed period may be restated for ever.
    `disputes`: whose reading of an outage counts. `renewal` None: the term ends. `review_every` None: no reviews are due.
    """

    title: str
    zone: str
    effective_on: date
    ends_on: date | None
    parties: tuple[Party, ...]
    auditors: tuple[OrganisationId, ...]
    services: tuple[Service, ...]
    maintenance: tuple[MaintenanceWindow, ...]
    objectives: tuple[Objective, ...]
    credit: Credit | None
    close_after_days: int
    warn_at: Fraction
    calendars: tuple[Calendar, ...] = ()
    exclusion_classes: tuple[ExclusionClass, ...] = ()
    recurring_maintenance: tuple[RecurringMaintenance, ...] = ()
    hard_close_after_days: int | None = None
    disputes: Disputes = "provider"
    period: Cycle = MONTHLY
    renewal: Renewal | None = None
    review_every: ReviewEvery | None = None
    underpinning: tuple[Support, ...] = ()
    third_parties: tuple[ThirdParty, ...] = ()
    responsibilities: tuple[Activity, ...] = ()

    @property
    def provider(self) -> OrganisationId:
        return self._organisation_of("provider")

    @property
    def customer(self) -> OrganisationId:
        return self._organisation_of("customer")

    @property
    def readers(self) -> frozenset[OrganisationId]:
        """The organisations that may see the agreement."""
        return frozenset((self.provider, self.customer, *self.auditors))

    def role_of(self, organisation: str) -> PartyRole | None:
        """The side an organisation is on, None for everybody else."""
        return next((party.role for party in self.parties if party.organisation == organisation), None)

    def _organisation_of(self, role: PartyRole) -> OrganisationId:
        return next(party.organisation for party in self.parties if party.role == role)
