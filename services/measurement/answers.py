"""The bodies of the HTTP door, typed: `assessment.proto` in snake case. Shapes only; what they hold is decided elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Moment = Annotated[str, Field(description="RFC 3339 instant in UTC", examples=["2026-03-01T08:00:00Z"])]
Percent = Annotated[str, Field(description="Floored decimal percentage; empty: there is none", examples=["99.93"])]
Ratio = Annotated[str, Field(description="Exact ratio; empty: there is none", examples=["9993/10000"])]
Count = Annotated[str, Field(description="An integer, counted in the result's unit", examples=["2678400000000"])]


class RejectedBody(BaseModel):
    """An observation that was left out, and why."""

    place: str = Field(examples=["line 7, status", "observations[3].good"])
    rule: str


class ReceiptBody(BaseModel):
    """What became of a batch; at most a hundred of the rejected are named."""

    accepted: int
    repeated: int
    rejected: list[RejectedBody]
    rejected_count: int
    batch: str


class IntervalBody(BaseModel):
    """[start, end)."""

    start: Moment
    end: Moment
    duration_us: int
    components: list[str]
    cause: str


class DayBody(BaseModel):
    """A civil day in the agreement's zone."""

    day: str
    good: Count
    whole: Count
    percent: Percent
    down_us: int
    excluded_us: int
    unknown_us: int


class TicketBody(BaseModel):
    ticket: str
    priority: str
    opened_at: Moment
    due_at: Moment
    resolved_at: str
    verdict: Literal["met", "missed", "open", "excluded"]
    counted_us: int = Field(description="What the clock counted until it stopped, or until the measurement")
    allowed_us: int
    clock: str = Field(description="The calendar in whose hours it runs; empty: around the clock")
    excluded_by: str = Field(description="The claim that took it out, its ground and clause; empty: it counts as its verdict says")


class SliceBody(BaseModel):
    """An interval or slice [start, end) that is not wholly good; `share` is its good part in 10^-18 of an interval."""

    start: Moment
    end: Moment
    good: Count
    total: Count
    share: Count
    bad: bool
    cause: str


class ProgressBody(BaseModel):
    """While the period runs. The two figures are never mixed."""

    to_date_percent: Percent
    if_nothing_else_fails_percent: Percent
    budget: Ratio
    budget_left: str
    budget_spent_percent: str
    at_risk: bool
    lost: bool


class ObjectiveResultBody(BaseModel):
    """One objective over [start, end): after an amendment inside the period there is one a segment, each under its own terms."""

    objective_id: str
    name: str
    service: str
    indicator: Literal["availability", "request-ratio", "interval-mean", "time-slices", "response-time", "resolution-time", "composite"]
    target_percent: Percent
    comparison: Literal[">=", ">"]
    good: Count
    whole: Count
    unit: Literal["us", "requests", "tickets", "slices", "objectives", "10^-18 intervals"]
    attainment: Ratio
    attainment_percent: Percent
    verdict: Literal["met", "breached", "undetermined", "not-applicable"]
    lower_percent: Percent
    upper_percent: Percent
    coverage_percent: Percent
    progress: ProgressBody
    outages: list[IntervalBody]
    exclusions: list[IntervalBody]
    unknown: list[IntervalBody]
    days: list[DayBody]
    credit_percent: Percent
    tickets: list[TicketBody]
    decimals: int
    lower: Ratio
    upper: Ratio
    coverage: Ratio
    terms_version: int
    start: Moment
    end: Moment
    ignored: list[IntervalBody] = Field(description="Outages too short to count")
    outside: list[IntervalBody] = Field(description="Outside the service hours")
    slices: list[SliceBody]
    percentile_ms: str = Field(description="Of a promise about a percentile; empty: there is none", examples=["812.5"])
    clause: str = Field(description="Where the contract says so")
    needed: str = Field(description="What would settle an undetermined verdict, in words")
    scale: int = Field(description="Component weights together where each counts by itself, else 1")


class CreditLineBody(BaseModel):
    """What one objective of one segment cost, a ratio of the charge before combining, cap and pro rata."""

    objective_id: str
    terms_version: int
    percent: Ratio
    rule: str
    share_of_period: Ratio


class CreditBody(BaseModel):
    currency: str
    monthly_charge: str
    period_charge: str = Field(description="What the percentages are of: the monthly charge times the months of the period")
    percent: Percent
    amount: str = Field(description="Decimal amount in the currency", examples=["250.00"])
    capped: bool
    lines: list[CreditLineBody]
    paid: bool = Field(description="False where the amount is not above the agreed minimum")
    calculated: str = Field(description="The amount before the yearly cap and the minimum", examples=["250.00"])
    claim_until: str = Field(description="The last civil day on which it can be claimed; empty: no limit", examples=["2026-04-30"])
    yearly_capped: bool


class ChangeBody(BaseModel):
    """What a restatement changed of one objective's segment; differences are new minus previous, in the objective's unit."""

    objective_id: str
    terms_version: int
    unit: str
    good_difference: Count
    whole_difference: Count
    bad_difference: Count
    previous_percent: Percent
    attainment_percent: Percent


class AssessmentBody(BaseModel):
    """What an agreement's objectives came to in one of its periods. `revision` is 0 while it is open."""

    agreement_id: str
    period: str = Field(examples=["2026-03"])
    start: Moment
    end: Moment
    measured_until: Moment
    closed: bool
    revision: int
    objectives: list[ObjectiveResultBody]
    credit: CreditBody | None
    calculator_version: str
    recorded_at: Moment
    terms_versions: list[int]
    restatement_cause: str
    zone: str
    credit_difference: str = Field(default="", description="Of a restatement: new minus previous, signed", examples=["1000.00"])
    changes: list[ChangeBody] = Field(default=[], description="Of a restatement: the figures that differ from the previous ones")
    tz_database: str = Field(default="", description="The version of the time zone database of its civil times", examples=["2026a"])


class DecisionBody(BaseModel):
    decision: Literal["approved", "refused", "withdrawn"]
    organisation: str
    subject: str
    reason: str
    recorded_at: Moment


class ExclusionBody(BaseModel):
    """Time, or tickets, that a party claims to be taken out, and who still has to approve it. No components: all of the service."""

    id: str
    agreement_id: str
    exclusion_class: str
    service: str
    components: list[str]
    start: str = Field(description="RFC 3339 instant; empty where tickets are taken out", examples=["2026-03-01T08:00:00Z"])
    end: str
    tickets: list[str] = Field(description="These are taken out, and no time")
    reason: str
    claimed_by: str = Field(description="The party's organisation")
    subject: str = Field(description="Who claimed it for the organisation")
    claimed_at: Moment
    status: Literal["pending", "approved", "refused", "withdrawn"]
    awaits: list[str] = Field(description="Organisations whose approval is missing")
    decisions: list[DecisionBody]


class ExclusionPage(BaseModel):
    items: list[ExclusionBody]
    next: str | None


class DisputeBody(BaseModel):
    """Unbroken time in which exactly one side says down."""

    start: Moment
    end: Moment
    duration_us: int
    said_down_by: Literal["provider", "customer"]
    status: Literal["open", "settled", "by-rule"]
    down: bool = Field(description="How it counts now")
    settled_by: str
    reason: str
    settled_at: str


class ObjectiveDisputesBody(BaseModel):
    """Both readings of one objective under one version of the terms."""

    objective_id: str
    name: str
    terms_version: int
    start: Moment
    end: Moment
    rule: Literal["provider", "customer", "either-down", "both-down", "auditor"]
    provider_down_us: int
    customer_down_us: int
    customer_reported: bool = Field(description="False: the customer reported none of the components and has no reading")
    open_us: int
    settled_us: int
    disputes: list[DisputeBody]


class DisputesBody(BaseModel):
    """What the two sides' observations of one period do not agree on."""

    agreement_id: str
    period: str = Field(examples=["2026-03"])
    objectives: list[ObjectiveDisputesBody]
    open_us: int
    settled_us: int


class SettlementBody(BaseModel):
    agreement_id: str
    objective_id: str
    start: Moment
    end: Moment
    down: bool
    settled_by: str
    reason: str
    settled_at: Moment


class AssessmentPage(BaseModel):
    items: list[AssessmentBody]
    next: str | None
