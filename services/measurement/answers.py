"""The bodies of the HTTP door, typed: `assessment.proto` in snake case. Shapes only; what they hold is decided elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Moment = Annotated[str, Field(description="RFC 3339 instant in UTC", examples=["2026-03-01T08:00:00Z"])]
Percent = Annotated[str, Field(description="Floored decimal percentage; empty: there is none", examples=["99.93"])]
Ratio = Annotated[str, Field(description="Exact ratio; empty: there is none", examples=["9993/10000"])]
Count = Annotated[str, Field(description="An integer: microseconds, requests or tickets", examples=["2678400000000"])]


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
    verdict: Literal["met", "missed", "open"]


class ProgressBody(BaseModel):
    """While the month runs. The two figures are never mixed."""

    to_date_percent: Percent
    if_nothing_else_fails_percent: Percent
    budget: Ratio
    budget_left: str
    budget_spent_percent: str
    at_risk: bool
    lost: bool


class ObjectiveResultBody(BaseModel):
    """One objective over [start, end): after an amendment inside the month there is one a segment, each under its own terms."""

    objective_id: str
    name: str
    service: str
    indicator: Literal["availability", "request-ratio", "response-time", "resolution-time"]
    target_percent: Percent
    comparison: Literal[">=", ">"]
    good: Count
    whole: Count
    unit: Literal["us", "requests", "tickets"]
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


class CreditBody(BaseModel):
    currency: str
    monthly_charge: str
    percent: Percent
    amount: str = Field(description="Decimal amount in the currency", examples=["250.00"])
    capped: bool


class AssessmentBody(BaseModel):
    """What an agreement's objectives came to in one calendar month. `revision` is 0 while it is open."""

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


class AssessmentPage(BaseModel):
    items: list[AssessmentBody]
    next: str | None
