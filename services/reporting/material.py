"""What a report is made from: agreements, results, breaches and improvements as the other services told them. Pure; asks nobody.

Instants are RFC 3339 texts in UTC, periods "2026-03", days civil dates, percentages floored decimal texts, exact ratios "n/d".
An empty text is an absence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.vocabulary.period import MONTHLY, Cycle, in_time, parse_day, parse_period

Verdict = Literal["met", "breached", "undetermined", "not-applicable"]
Unit = Literal["us", "requests", "tickets", "slices", "objectives", "10^-18 intervals"]


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A person to turn to."""

    name: str
    email: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Party:
    """A side of the agreement: `role` is "provider" or "customer"."""

    role: str
    organisation: str
    name: str
    contacts: tuple[Contact, ...] = ()
    responsibilities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Component:
    """A part of a service that observations name."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ServiceTerms:
    """A service that was agreed."""

    id: str
    name: str
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Open from one civil time to another on these weekdays ("mon" … "sun"); "24:00" ends a day."""

    days: tuple[str, ...]
    start: str
    end: str


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Service hours; `closed` are the civil dates on which nothing is open, holidays or not. An empty `zone` is the agreement's."""

    id: str
    zone: str
    hours: tuple[Hours, ...] = ()
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MinimumOutage:
    """From which length on an outage counts."""

    at_least_s: int
    whole_minutes: bool = False
    before_exclusions: bool = False


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Eligible time not down; `combine` is "any", "all" or "pool", `no_data` what silence counts as, `hours` names a calendar."""

    components: tuple[str, ...]
    combine: str
    no_data: str
    weights: tuple[int, ...] = ()
    minimum_coverage_percent: str = ""
    maintenance: str = ""
    minimum_outage: MinimumOutage | None = None
    hours: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestRatio:
    """Good requests of all requests."""

    components: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IntervalMean:
    """The mean over intervals of `every_s` of the share of requests that were good; `empty` is what one without requests counts as."""

    components: tuple[str, ...]
    every_s: int
    empty: str


@dataclass(frozen=True, kw_only=True)
class TimeSlices:
    """Slices of `every_s` that kept their threshold: a share of errors, or a percentile of latency; one of the two is empty."""

    components: tuple[str, ...]
    every_s: int
    error_above_percent: str
    percentile: str
    latency_above_ms: str
    minimum_events: int
    minimum_consecutive: int
    empty: str


@dataclass(frozen=True, kw_only=True)
class ResponseTime:
    """Requests answered within `threshold_ms` (inclusive) of all requests, or the percentile that has to be within it."""

    components: tuple[str, ...]
    threshold_ms: str
    percentile: str = ""


@dataclass(frozen=True, kw_only=True)
class ResolutionTime:
    """Tickets whose clock met `within_s` of those due; no priorities means every priority, no `hours` around the clock."""

    within_s: int
    priorities: tuple[str, ...]
    reopened: str
    stop: str = ""
    hours: str = ""
    pauses: tuple[str, ...] = ()
    priority_rule: str = ""
    priority_order: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Composite:
    """A promise about other objectives: by their verdicts ("all", "any", "weighted") or by the union of their bad time ("journey")."""

    of: tuple[str, ...]
    rule: str
    weights: tuple[int, ...] = ()


Indicator = Availability | RequestRatio | IntervalMean | TimeSlices | ResponseTime | ResolutionTime | Composite


@dataclass(frozen=True, kw_only=True)
class CreditTier:
    """What an attainment strictly below a level costs, in percent of the monthly charge."""

    below_percent: str
    credit_percent: str


@dataclass(frozen=True, kw_only=True)
class HourlyRelief:
    """A clock hour is free of charge when more than this is down in it."""

    more_than_s: int


@dataclass(frozen=True, kw_only=True)
class Proportional:
    """So many times the bad share of the whole."""

    times: str


@dataclass(frozen=True, kw_only=True)
class PerStep:
    """So much for each step, or part of one, below the target."""

    step_percent: str
    credit_percent: str


CreditFormula = HourlyRelief | Proportional | PerStep


@dataclass(frozen=True, kw_only=True)
class ObjectiveTerms:
    """An objective as it was agreed: `credits` or a `formula` say what missing it costs, `clause` where the contract says so."""

    id: str
    name: str
    service: str
    indicator: Indicator
    comparison: str
    target_percent: str
    decimals: int
    credits: tuple[CreditTier, ...] = ()
    formula: CreditFormula | None = None
    clause: str = ""


@dataclass(frozen=True, kw_only=True)
class CreditTerms:
    """What a breach costs the provider at most. An empty `minimum` or `yearly_cap_percent`: none was agreed."""

    currency: str
    monthly_charge: str
    cap_percent: str
    rounding: str
    combine: str = ""
    minimum: str = ""
    yearly_cap_percent: str = ""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """One signed version of an agreement's terms; `credit` is None where none was agreed."""

    number: int
    effective_on: str
    recorded_at: str
    title: str
    zone: str
    ends_on: str
    parties: tuple[Party, ...]
    auditors: tuple[str, ...]
    services: tuple[ServiceTerms, ...]
    objectives: tuple[ObjectiveTerms, ...]
    credit: CreditTerms | None
    calendars: tuple[Calendar, ...] = ()
    cycle: Cycle = MONTHLY

    def party(self, role: str) -> Party | None:
        return next((party for party in self.parties if party.role == role), None)

    def objective(self, objective_id: str) -> ObjectiveTerms | None:
        return next((objective for objective in self.objectives if objective.id == objective_id), None)

    def service(self, service_id: str) -> ServiceTerms | None:
        return next((service for service in self.services if service.id == service_id), None)

    def calendar(self, calendar_id: str) -> Calendar | None:
        return next((calendar for calendar in self.calendars if calendar.id == calendar_id), None)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """An agreement in force or ended; `versions` ascending and never empty, `last_day` empty while it runs.

    `suspensions` are first and last days, the last one empty until it is resumed.
    """

    id: str
    status: str
    last_day: str
    versions: tuple[Terms, ...]
    suspensions: tuple[tuple[str, str], ...] = ()

    @property
    def newest(self) -> Terms:
        return self.versions[-1]

    @property
    def first_day(self) -> date:
        """Of its term; its contract years begin on its anniversaries."""
        return parse_day(self.versions[0].effective_on, place="effective_on")

    def standing_on(self, day: date) -> str:
        """Its status, and "suspended" or "agreed" where it is in force otherwise, but not on that day."""
        if self.status != "active":
            return self.status
        if day < self.first_day:
            return "agreed"
        is_suspended = any(first <= day.isoformat() and (not last or day.isoformat() <= last) for first, last in self.suspensions)
        return "suspended" if is_suspended else "active"

    def in_force_on(self, day: date) -> Terms:
        """The version that counts on a civil day; the first one before them all."""
        return next((terms for terms in reversed(self.versions) if terms.effective_on <= day.isoformat()), self.versions[0])

    def judged_by(self, numbers: tuple[int, ...]) -> tuple[Terms, ...]:
        """The versions a result names; the newest where it names none."""
        return tuple(terms for terms in self.versions if terms.number in numbers) or (self.newest,)

    def knows(self, numbers: tuple[int, ...]) -> bool:
        """False while a version that a result was judged by has not been told yet."""
        return {terms.number for terms in self.versions} >= set(numbers)

    def organisation(self, role: str) -> str:
        """The organisation id of the party in that role; empty where the terms name none."""
        party = self.newest.party(role)
        return party.organisation if party else ""


@dataclass(frozen=True, kw_only=True)
class Span:
    """An outage, an exclusion or a gap in the data; real elapsed microseconds."""

    start: str
    end: str
    duration_us: int
    components: tuple[str, ...] = ()
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class Day:
    """One civil day of an objective; the three durations are 0 where the unit is not time, component time where there is a scale."""

    day: str
    good: str
    whole: str
    percent: str
    down_us: int = 0
    excluded_us: int = 0
    unknown_us: int = 0


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A ticket that was due: `verdict` is "met", "missed" or "open".

    Its clock counted `counted_us` of `allowed_us` (0: not told) in the hours of the calendar `clock`, around the clock without one.
    """

    ticket: str
    priority: str
    opened_at: str
    due_at: str
    resolved_at: str
    verdict: str
    counted_us: int = 0
    allowed_us: int = 0
    clock: str = ""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """An interval or slice that was not wholly good: `share` of it was, in 10^-18; `bad` where it counts as bad; counts of requests."""

    start: str
    end: str
    good: int
    total: int
    share: int
    bad: bool
    cause: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a running period stands; the two percentages are never mixed. Budgets are exact ratios in the objective's unit."""

    to_date_percent: str
    if_nothing_else_fails_percent: str
    budget: str
    budget_left: str
    budget_spent_percent: str
    at_risk: bool
    lost: bool


@dataclass(frozen=True, kw_only=True)
class ObjectiveResult:
    """What one objective came to in `[start, end)`, by one version of the terms. An empty `attainment`: nothing was eligible."""

    objective_id: str
    name: str
    service: str
    indicator: str
    target_percent: str
    comparison: str
    decimals: int
    good: str
    whole: str
    unit: Unit
    attainment: str
    attainment_percent: str
    verdict: Verdict
    lower_percent: str = ""
    upper_percent: str = ""
    coverage_percent: str = ""
    lower: str = ""
    upper: str = ""
    coverage: str = ""
    credit_percent: str = ""
    progress: Progress | None = None
    outages: tuple[Span, ...] = ()
    exclusions: tuple[Span, ...] = ()
    unknown: tuple[Span, ...] = ()
    days: tuple[Day, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    terms_version: int
    start: str
    end: str
    ignored: tuple[Span, ...] = ()
    outside: tuple[Span, ...] = ()
    slices: tuple[Slice, ...] = ()
    percentile_ms: str = ""
    clause: str = ""
    needed: str = ""
    scale: int = 1


@dataclass(frozen=True, kw_only=True)
class CreditLine:
    """What one objective by one version of the terms cost: an exact ratio of the charge, before combining, cap and pro rata."""

    objective_id: str
    terms_version: int
    percent: str
    rule: str
    share_of_period: str


@dataclass(frozen=True, kw_only=True)
class CreditResult:
    """The credit of a period over all objectives; `percent` after the cap, `amount` is what is to be paid of what was `calculated`.

    `period_charge` is what the percentage is of: the monthly charge times the months of the period. Not `paid`: the amount is not above the
    agreed minimum. An empty `calculated` is that of results told before there were minimums.
    """

    currency: str
    monthly_charge: str
    percent: str
    amount: str
    capped: bool
    lines: tuple[CreditLine, ...] = ()
    paid: bool = True
    calculated: str = ""
    claim_until: str = ""
    yearly_capped: bool = False
    period_charge: str = ""


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A period's results; `revision` 0 while open, 1 at close, one more for each restatement."""

    agreement_id: str
    period: str
    start: str
    end: str
    measured_until: str
    zone: str
    closed: bool
    revision: int
    objectives: tuple[ObjectiveResult, ...]
    credit: CreditResult | None
    calculator_version: str
    recorded_at: str
    terms_versions: tuple[int, ...]
    tz_database: str = ""

    def segments(self, objective_id: str) -> tuple[ObjectiveResult, ...]:
        """One result, or one for each part of the period where an amendment split it, in the order of time."""
        return tuple(result for result in self.objectives if result.objective_id == objective_id)

    def told_of(self, objective_id: str) -> ObjectiveResult | None:
        """The result that stands for the period where only one is shown: the first breached part, else the last."""
        parts = self.segments(objective_id)
        return next((part for part in parts if part.verdict == "breached"), parts[-1] if parts else None)


@dataclass(frozen=True, kw_only=True)
class Restatement:
    """Why a closed period has a newer result, and the result it replaces."""

    cause: str
    credit_difference: str
    previous: Assessment


@dataclass(frozen=True, kw_only=True)
class PeriodResult:
    """A closed period as measurement told it; `restatement` is None for the first revision."""

    assessment: Assessment
    restatement: Restatement | None = None


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A breach as it was told; `trace_id` leads back to the request that reported what it was found by."""

    breach_id: str
    objective_id: str
    period: str
    recorded_at: str
    trace_id: str


@dataclass(frozen=True, kw_only=True)
class EarlyWarning:
    """The agreed share of an error budget was spent while the period ran."""

    objective_id: str
    period: str
    recorded_at: str
    budget_spent_percent: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done about a breach, by whom and until when."""

    description: str
    owner: str
    due_on: str
    expected_attainment_percent: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The measured effect: the same objective over a span before and a span after."""

    before_start: str
    before_end: str
    before_percent: str
    after_start: str
    after_end: str
    after_percent: str
    target_percent: str
    expected_percent: str
    verdict: str
    reason: str
    verified_at: str


@dataclass(frozen=True, kw_only=True)
class Improvement:
    """The whole state of an improvement at `version`; `changed_at` is when that version was recorded."""

    id: str
    agreement_id: str
    objective_id: str
    breach_id: str
    period: str
    status: str
    version: int
    changed_at: str
    findings: tuple[str, ...] = ()
    recommendation: str = ""
    plan: Plan | None = None
    approved_by: str = ""
    approved_at: str = ""
    implemented_on: str = ""
    verification: Verification | None = None


def time_of(period: str) -> tuple[date, date]:
    """By which periods are in order, which their texts are not."""
    return in_time(parse_period(period, place="period"))
