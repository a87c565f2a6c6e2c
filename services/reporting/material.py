"""What a report is made from: agreements, results, breaches and improvements as the other services told them. Pure; asks nobody.

Instants are RFC 3339 texts in UTC, months "2026-03", days civil dates, percentages floored decimal texts, exact ratios "n/d".
An empty text is an absence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["met", "breached", "undetermined", "not-applicable"]
Unit = Literal["us", "requests", "tickets"]


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
class Availability:
    """Eligible time not down; `combine` is "any" or "all", `no_data` what silence counts as."""

    components: tuple[str, ...]
    combine: str
    no_data: str


@dataclass(frozen=True, kw_only=True)
class RequestRatio:
    """Good requests of all requests."""

    components: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ResponseTime:
    """Requests answered within `threshold_ms` (inclusive) of all requests."""

    components: tuple[str, ...]
    threshold_ms: str


@dataclass(frozen=True, kw_only=True)
class ResolutionTime:
    """Tickets resolved within `within_s` elapsed seconds of those due; no priorities means every priority."""

    within_s: int
    priorities: tuple[str, ...]
    reopened: str


Indicator = Availability | RequestRatio | ResponseTime | ResolutionTime


@dataclass(frozen=True, kw_only=True)
class ObjectiveTerms:
    """An objective as it was agreed."""

    id: str
    name: str
    service: str
    indicator: Indicator
    comparison: str
    target_percent: str
    decimals: int


@dataclass(frozen=True, kw_only=True)
class CreditTerms:
    """What a breach costs the provider at most."""

    currency: str
    monthly_charge: str
    cap_percent: str
    rounding: str


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

    def party(self, role: str) -> Party | None:
        return next((party for party in self.parties if party.role == role), None)

    def objective(self, objective_id: str) -> ObjectiveTerms | None:
        return next((objective for objective in self.objectives if objective.id == objective_id), None)

    def service(self, service_id: str) -> ServiceTerms | None:
        return next((service for service in self.services if service.id == service_id), None)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """An agreement in force or ended; `versions` ascending and never empty, `last_day` empty while it runs."""

    id: str
    status: str
    last_day: str
    versions: tuple[Terms, ...]

    @property
    def newest(self) -> Terms:
        return self.versions[-1]

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
    """One civil day of an objective; the three durations are 0 where the unit is not time."""

    day: str
    good: str
    whole: str
    percent: str
    down_us: int = 0
    excluded_us: int = 0
    unknown_us: int = 0


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A ticket that was due: `verdict` is "met", "missed" or "open"."""

    ticket: str
    priority: str
    opened_at: str
    due_at: str
    resolved_at: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a running month stands; the two percentages are never mixed. Budgets are exact ratios in the objective's unit."""

    to_date_percent: str
    if_nothing_else_fails_percent: str
    budget: str
    budget_left: str
    budget_spent_percent: str
    at_risk: bool
    lost: bool


@dataclass(frozen=True, kw_only=True)
class ObjectiveResult:
    """What one objective came to. `attainment` and its percentage are empty when nothing was eligible."""

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


@dataclass(frozen=True, kw_only=True)
class CreditResult:
    """The credit of a month over all objectives; `percent` after the cap."""

    currency: str
    monthly_charge: str
    percent: str
    amount: str
    capped: bool


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A month's results; `revision` 0 while open, 1 at close, one more for each restatement."""

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

    def segments(self, objective_id: str) -> tuple[ObjectiveResult, ...]:
        """One result, or one for each part of the month where an amendment split it, in the order of time."""
        return tuple(result for result in self.objectives if result.objective_id == objective_id)


@dataclass(frozen=True, kw_only=True)
class Restatement:
    """Why a closed month has a newer result, and the result it replaces."""

    cause: str
    credit_difference: str
    previous: Assessment


@dataclass(frozen=True, kw_only=True)
class PeriodResult:
    """A closed month as measurement told it; `restatement` is None for the first revision."""

    assessment: Assessment
    restatement: Restatement | None = None


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A breach as it was told; `trace_id` leads back to the request that reported the last observation."""

    breach_id: str
    objective_id: str
    period: str
    recorded_at: str
    trace_id: str


@dataclass(frozen=True, kw_only=True)
class EarlyWarning:
    """The agreed share of an error budget was spent while the month ran."""

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
