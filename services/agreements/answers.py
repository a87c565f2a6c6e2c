"""The bodies of the HTTP door, typed. Shapes only: what they hold is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.agreements import state_words
from services.agreements.agreement import Comment, Request, Review, Signature, Status, Suspension, TermsVersion
from services.agreements.application import Snapshot
from services.agreements.facts import Fact, RequestKind
from services.agreements.terms import Change, PartyRole, Terms, in_words, to_document
from services.agreements.terms.model import (
    Approval,
    ClaimFrom,
    Combine,
    CombineCredits,
    Comparison,
    CompositeRule,
    Empty,
    NoData,
    Planned,
    PriorityRule,
    Reopened,
    ReviewEvery,
    Stop,
    SupportKind,
    TicketState,
    Week,
    Weekday,
)
from services.agreements.views import Listed
from services.agreements.wire import fact_data
from services.chassis.events import Recorded
from services.vocabulary.money import Rounding
from services.vocabulary.period import Every

Percent = Annotated[str, Field(description="Decimal percentage", examples=["99.9"])]
Day = Annotated[str, Field(description="Civil date in the agreement's zone", examples=["2026-03-01"])]
Length = Annotated[str, Field(description="Elapsed time", examples=["5m"])]
TimeOfDay = Annotated[str, Field(description="Civil time", examples=["09:00"])]
Moment = Annotated[str, Field(description="RFC 3339 instant in UTC", examples=["2026-03-01T08:00:00Z"])]


def _is_absent(value: object) -> bool:
    return value is None


Absent = Field(exclude_if=_is_absent)
"""What is absent has no key, as in the canonical form: its digest can be taken from the answer."""


class ContactBody(BaseModel):
    name: str
    email: str
    role: Annotated[str | None, Absent] = None


class PartyBody(BaseModel):
    role: PartyRole
    organisation: str
    name: str
    contacts: list[ContactBody] = []
    responsibilities: list[str] = []


class ComponentBody(BaseModel):
    id: str
    name: str
    in_service_from: Annotated[Moment | None, Absent] = None
    in_service_until: Annotated[Moment | None, Absent] = None


class ServiceBody(BaseModel):
    id: str
    name: str
    components: list[ComponentBody] = []


class MaintenanceBody(BaseModel):
    id: str
    service: str
    components: Annotated[list[str], Field(description="None named: all of the service")] = []
    start: Moment
    end: Moment
    reason: Annotated[str | None, Absent] = None
    ground: Annotated[str | None, Absent, Field(alias="class", description="Id of an exclusion class")] = None
    announced_at: Annotated[Moment | None, Absent] = None


class RecurringMaintenanceBody(BaseModel):
    id: str
    service: str
    components: Annotated[list[str], Field(description="None named: all of the service")] = []
    days: list[Weekday]
    weeks: Annotated[list[Week], Field(description="Of that weekday in its month; none named: every week")] = []
    begins: Annotated[TimeOfDay, Field(alias="from")]
    lasts: Length
    reason: Annotated[str | None, Absent] = None
    ground: Annotated[str | None, Absent, Field(alias="class", description="Id of an exclusion class")] = None


class HoursBody(BaseModel):
    days: list[Weekday]
    opens: Annotated[TimeOfDay, Field(alias="from")]
    closes: Annotated[TimeOfDay, Field(alias="to")]


class HolidayBody(BaseModel):
    day: Day
    name: Annotated[str | None, Absent] = None


class CalendarBody(BaseModel):
    """Service hours, and the days on which they are closed as they were signed."""

    id: str
    zone: Annotated[str | None, Absent] = None
    hours: list[HoursBody]
    region: Annotated[str | None, Absent, Field(examples=["DE-BY"])] = None
    holidays: list[HolidayBody] = []
    also_closed: Annotated[list[HolidayBody] | None, Absent] = None


class ExclusionClassBody(BaseModel):
    """A ground on which time is taken out."""

    id: str
    clause: Annotated[str | None, Absent] = None
    approval: Approval = "none"
    notice: Annotated[Length | None, Absent] = None
    monthly_cap: Annotated[Length | None, Absent] = None


class MinimumOutageBody(BaseModel):
    at_least: Length
    whole_minutes: Annotated[bool | None, Absent] = None
    before_exclusions: Annotated[bool | None, Absent] = None


class AvailabilityBody(BaseModel):
    kind: Literal["availability"]
    components: list[str] = []
    combine: Combine = "any"
    no_data: NoData = "undetermined"
    weights: Annotated[dict[str, int] | None, Absent, Field(description="By component, in a pool")] = None
    minimum_coverage: Annotated[Percent | None, Absent] = None
    maintenance: Annotated[Planned | None, Absent] = None
    minimum_outage: Annotated[MinimumOutageBody | None, Absent] = None
    hours: Annotated[str | None, Absent, Field(description="Id of a calendar")] = None


class RequestRatioBody(BaseModel):
    kind: Literal["request-ratio"]
    components: list[str] = []


class IntervalMeanBody(BaseModel):
    kind: Literal["interval-mean"]
    components: list[str] = []
    every: Length
    empty: Empty = "good"


class TimeSlicesBody(BaseModel):
    kind: Literal["time-slices"]
    components: list[str] = []
    every: Length
    error_above: Annotated[Percent | None, Absent] = None
    percentile: Annotated[Percent | None, Absent] = None
    latency_above_ms: Annotated[str | None, Absent, Field(examples=["800"])] = None
    minimum_events: int = 1
    minimum_consecutive: int = 1
    empty: Empty = "good"


class ResponseTimeBody(BaseModel):
    kind: Literal["response-time"]
    components: list[str] = []
    threshold_ms: Annotated[str, Field(examples=["800"])]
    expected_every: Annotated[str | None, Absent, Field(description="A longer silence is a gap in the data", examples=["5m"])] = None
    percentile: Annotated[Percent | None, Absent] = None


class ResolutionTimeBody(BaseModel):
    kind: Literal["resolution-time"]
    within: Annotated[str, Field(description="Time on the ticket's clock", examples=["90h"])]
    priorities: list[str] = []
    reopened: Reopened = "first-resolution"
    stop: Annotated[Stop | None, Absent] = None
    hours: Annotated[str | None, Absent, Field(description="Id of a calendar; absent: around the clock")] = None
    pauses: Annotated[list[TicketState] | None, Absent] = None
    priority_rule: Annotated[PriorityRule | None, Absent] = None
    priority_order: Annotated[list[str] | None, Absent] = None


class CompositeBody(BaseModel):
    kind: Literal["composite"]
    of: Annotated[list[str], Field(description="Ids of other objectives")]
    rule: CompositeRule
    weights: Annotated[dict[str, int] | None, Absent] = None


IndicatorBody = Annotated[
    AvailabilityBody | RequestRatioBody | IntervalMeanBody | TimeSlicesBody | ResponseTimeBody | ResolutionTimeBody | CompositeBody,
    Field(discriminator="kind"),
]


class HourlyReliefBody(BaseModel):
    kind: Literal["hourly"]
    more_than: Length


class ProportionalCreditBody(BaseModel):
    kind: Literal["proportional"]
    times: Annotated[str, Field(examples=["1"])]


class StepCreditBody(BaseModel):
    kind: Literal["per-step"]
    step: Percent
    percent: Percent


ReliefBody = Annotated[HourlyReliefBody | ProportionalCreditBody | StepCreditBody, Field(discriminator="kind")]


class CreditTierBody(BaseModel):
    below: Percent
    percent: Percent


class ObjectiveBody(BaseModel):
    id: str
    name: str
    service: Annotated[str | None, Absent, Field(description="A composite has none")] = None
    indicator: IndicatorBody
    target: Percent
    comparison: Comparison = ">="
    decimals: int = 2
    credits: list[CreditTierBody] = []
    clause: Annotated[str | None, Absent] = None
    relief: Annotated[ReliefBody | None, Absent] = None


class ClaimBody(BaseModel):
    days: Annotated[int | None, Absent] = None
    months: Annotated[int | None, Absent] = None
    cycles: Annotated[int | None, Absent] = None
    business_days: Annotated[int | None, Absent] = None
    calendar: Annotated[str | None, Absent] = None
    counted_from: ClaimFrom = "period-end"


class CreditBody(BaseModel):
    currency: Annotated[str, Field(examples=["EUR"])]
    monthly_charge: Annotated[str, Field(examples=["12000.00"])]
    cap_percent: Percent = "100"
    rounding: Rounding = "half-even"
    combine: Annotated[CombineCredits | None, Absent] = None
    minimum: Annotated[str | None, Absent, Field(examples=["1.00"])] = None
    yearly_cap_percent: Annotated[Percent | None, Absent] = None
    pro_rata: Annotated[bool | None, Absent] = None
    claim: Annotated[ClaimBody | None, Absent] = None


class AgreementPeriodBody(BaseModel):
    """What is judged, credited and closed as one."""

    every: Every
    from_day: Annotated[int | None, Absent, Field(description="Of months: the civil day each begins on")] = None
    days: Annotated[int | None, Absent, Field(description="Of rolling periods: civil days")] = None


class RenewalBody(BaseModel):
    """At its end the term goes on for so many months, unless notice was given so many days before."""

    months: int
    notice_days: int


class SupportBody(BaseModel):
    """An objective here that rests on one of another agreement."""

    objective: str
    agreement: Annotated[str, Field(description="The other agreement's id")]
    supporting_objective: str
    kind: SupportKind


class ThirdPartyBody(BaseModel):
    organisation: str
    name: str
    role: Annotated[str | None, Absent] = None


class ActivityBody(BaseModel):
    """A line of the responsibility matrix, by organisation id."""

    activity: str
    responsible: list[str]
    accountable: str
    consulted: Annotated[list[str] | None, Absent] = None
    informed: Annotated[list[str] | None, Absent] = None


class TermsDocument(BaseModel):
    """The terms document in its canonical form."""

    upheld: Literal["terms/v1"]
    title: str
    zone: Annotated[str, Field(examples=["Europe/Berlin"])]
    effective_on: Day
    ends_on: Annotated[Day | None, Absent] = None
    parties: list[PartyBody]
    auditors: list[str] = []
    services: list[ServiceBody]
    maintenance: list[MaintenanceBody] = []
    objectives: list[ObjectiveBody]
    credit: Annotated[CreditBody | None, Absent] = None
    close_after_days: int = 3
    warn_at_percent: Percent = "75"
    calendars: Annotated[list[CalendarBody] | None, Absent] = None
    exclusion_classes: Annotated[list[ExclusionClassBody] | None, Absent] = None
    recurring_maintenance: Annotated[list[RecurringMaintenanceBody] | None, Absent] = None
    hard_close_after_days: Annotated[int | None, Absent] = None
    disputes: Annotated[str | None, Absent] = None
    period: Annotated[AgreementPeriodBody | None, Absent, Field(description="Absent: calendar months")] = None
    renewal: Annotated[RenewalBody | None, Absent, Field(description="Absent: the term ends")] = None
    review_every: Annotated[ReviewEvery | None, Absent, Field(description="Absent: no reviews are due")] = None
    underpinning: Annotated[list[SupportBody] | None, Absent] = None
    third_parties: Annotated[list[ThirdPartyBody] | None, Absent] = None
    responsibilities: Annotated[list[ActivityBody] | None, Absent] = None


class TermsVersionBody(BaseModel):
    """One version of the terms. `recorded_at` is when both had signed it, empty until then."""

    number: int
    digest: Annotated[str, Field(description="SHA-256 of the canonical JSON: what a signature names")]
    effective_on: Day
    recorded_at: str
    reason: str
    valid_until: Annotated[str, Field(description="An instant: the offer ends then; empty: it does not end by itself")]
    offered_by: Annotated[str, Field(description="Organisation; empty: a draft")]
    terms: TermsDocument


class SignatureBody(BaseModel):
    terms_version: int
    role: PartyRole
    organisation: str
    signatory: str
    signed_at: Moment
    digest: str
    key: Annotated[str, Field(description="The signatory's verifier key; empty: signed before keys were asked for")]
    note: Annotated[str, Field(description="The signed note: exactly what was signed, and the signature")]


class CommentBody(BaseModel):
    """On a place of one version of the terms."""

    terms_version: int
    place: Annotated[str, Field(examples=["objectives[uptime].target"])]
    text: str
    organisation: str
    subject: str
    recorded_at: Moment


class RequestBody(BaseModel):
    """What one side asks of the other. `first_day`: of the suspension, or of the service again; `last_day` null: until resumed."""

    kind: RequestKind
    first_day: Day
    last_day: Day | None
    organisation: str
    reason: str


class SuspensionBody(BaseModel):
    """Both days inclusive; `last_day` null: until resumed. Its days are in no figure."""

    first_day: Day
    last_day: Day | None
    reason: str
    recorded_at: Moment


class ReviewBody(BaseModel):
    """Of the service; `held_on` null: due, not held."""

    due_on: Day
    held_on: Day | None
    minutes: str
    organisation: str


class AgreementBody(BaseModel):
    """An agreement. `terms`: in force, or before both have signed the latest written; `pending`: waits for signatures."""

    id: str
    status: Status
    version: Annotated[int, Field(description="What If-Match names")]
    terms: TermsVersionBody | None
    pending: TermsVersionBody | None
    signatures: list[SignatureBody]
    last_day: Day | None
    comments: list[CommentBody]
    notice_given_by: Annotated[str, Field(description="Organisation; empty: no notice was given")]
    request: Annotated[RequestBody | None, Field(description="That waits for the other side")]
    suspensions: list[SuspensionBody]
    reviews: list[ReviewBody]


class ListedBody(BaseModel):
    """A line of the list. `terms_version` is 0 until both have signed the first; `last_day` is null until it is renewed or ended."""

    id: str
    status: Status
    title: str
    provider: str
    customer: str
    effective_on: Day
    ends_on: Day | None
    last_day: Day | None
    terms_version: int
    version: int
    updated_at: Moment


class AgreementPage(BaseModel):
    items: list[ListedBody]
    next: str | None


class HistoryEntryBody(BaseModel):
    """One recorded fact: what, when, who, for whom, why, by which door, and what caused it."""

    version: int
    type: Annotated[str, Field(examples=["agreement.signed.v2"])]
    event_id: str
    recorded_at: Moment
    actor: str
    organisation: str
    reason: str
    tool: str
    correlation_id: str
    causation_id: str
    traceparent: Annotated[str, Field(description="W3C trace context of the call; empty: unknown")]
    data: dict[str, object]


class HistoryBody(BaseModel):
    items: list[HistoryEntryBody]


class ChangeBody(BaseModel):
    """One place that differs; null on the side where it is not there."""

    place: Annotated[str, Field(examples=["objectives[availability].target"])]
    before: object
    after: object
    words: Annotated[str, Field(examples=["Objective availability: the target rises from 99.9 % to 99.95 %."])]


class DifferenceBody(BaseModel):
    from_version: int
    to_version: int
    changes: list[ChangeBody]


class ViolationBody(BaseModel):
    place: Annotated[str, Field(examples=["objectives[1].target"])]
    rule: str


class ValidationBody(BaseModel):
    """Whether a document could be signed: its canonical form and digest, or everything that is wrong with it."""

    valid: bool
    digest: str = ""
    terms: TermsDocument | None = None
    violations: list[ViolationBody] = []


class SignatureRequest(BaseModel):
    """The signed note over exactly what waits for signatures, from the caller's side; `upheld sign` makes it."""

    model_config = ConfigDict(extra="forbid")

    note: str
    digest: Annotated[str, Field(pattern="^([0-9a-f]{64})?$", description="May be named beside it: another one is refused")] = ""


class TerminationRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    last_day: Day


class CommentRequest(BaseModel):
    """On what waits for signatures, else on the draft or the terms in force."""

    model_config = ConfigDict(extra="forbid")

    place: Annotated[str, Field(description="As a difference names it", examples=["objectives[uptime].target"])]
    text: str


class SuspensionRequest(BaseModel):
    """Days of no service and no promise, both inclusive."""

    model_config = ConfigDict(extra="forbid")

    first_day: Day
    last_day: Annotated[str | None, Field(description="Absent: until resumed", examples=["2026-04-14"])] = None


class ResumptionRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first_day: Annotated[str, Field(description="Of the service again", examples=["2026-04-12"])]


class RequestAnswer(BaseModel):
    """By the other side; the one that asked takes its request back by not confirming it."""

    model_config = ConfigDict(extra="forbid")

    confirmed: bool


class ReviewRequest(BaseModel):
    """The minutes of a review that took place."""

    model_config = ConfigDict(extra="forbid")

    due_on: Day
    held_on: Day
    minutes: str = ""


def agreement_body(snapshot: Snapshot) -> AgreementBody:
    return AgreementBody(
        id=str(snapshot.id),
        status=snapshot.status,
        version=snapshot.version,
        terms=version_body(snapshot.terms) if snapshot.terms else None,
        pending=version_body(snapshot.pending) if snapshot.pending else None,
        signatures=[_signature_body(signature) for signature in snapshot.signatures],
        last_day=_day(snapshot.last_day),
        comments=[_comment_body(comment) for comment in snapshot.comments],
        notice_given_by=snapshot.notice_given_by,
        request=_request_body(snapshot.request) if snapshot.request else None,
        suspensions=[_suspension_body(suspension) for suspension in snapshot.suspensions],
        reviews=[_review_body(review) for review in snapshot.reviews],
    )


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _comment_body(comment: Comment) -> CommentBody:
    return CommentBody(
        terms_version=comment.terms_version,
        place=comment.place,
        text=comment.text,
        organisation=comment.organisation,
        subject=comment.subject,
        recorded_at=comment.recorded_at,
    )


def _request_body(request: Request) -> RequestBody:
    return RequestBody(
        kind=request.kind,
        first_day=request.first_day.isoformat(),
        last_day=_day(request.last_day),
        organisation=request.organisation,
        reason=request.reason,
    )


def _suspension_body(suspension: Suspension) -> SuspensionBody:
    return SuspensionBody(
        first_day=suspension.first_day.isoformat(),
        last_day=_day(suspension.last_day),
        reason=suspension.reason,
        recorded_at=suspension.recorded_at,
    )


def _review_body(review: Review) -> ReviewBody:
    return ReviewBody(
        due_on=review.due_on.isoformat(), held_on=_day(review.held_on), minutes=review.minutes, organisation=review.organisation
    )


def version_body(version: TermsVersion) -> TermsVersionBody:
    return TermsVersionBody(
        number=version.number,
        digest=version.digest,
        effective_on=version.effective_on.isoformat(),
        recorded_at=version.recorded_at,
        reason=version.reason,
        valid_until=version.valid_until,
        offered_by=version.offered_by,
        terms=terms_document(version.terms),
    )


def terms_document(terms: Terms) -> TermsDocument:
    return TermsDocument.model_validate(to_document(terms))


def listed_bodies(rows: Sequence[Listed]) -> list[ListedBody]:
    return [
        ListedBody(
            id=row.id,
            status=row.status,
            title=row.title,
            provider=row.provider,
            customer=row.customer,
            effective_on=row.effective_on,
            ends_on=row.ends_on or None,
            last_day=row.last_day or None,
            terms_version=row.terms_version,
            version=row.version,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def change_bodies(changes: Sequence[Change]) -> list[ChangeBody]:
    return [
        ChangeBody(place=each.place, before=each.before, after=each.after, words=state_words.in_words(each, in_words)) for each in changes
    ]


def history_body(entries: Sequence[Recorded[Fact]]) -> HistoryBody:
    return HistoryBody(items=[entry_body(entry) for entry in entries])


def entry_body(entry: Recorded[Fact]) -> HistoryEntryBody:
    return HistoryEntryBody(
        version=entry.version,
        type=entry.type,
        event_id=entry.metadata.event_id,
        recorded_at=entry.metadata.recorded_at,
        actor=entry.metadata.actor,
        organisation=entry.metadata.organisation,
        reason=entry.metadata.reason,
        tool=entry.metadata.tool,
        correlation_id=entry.metadata.correlation_id,
        causation_id=entry.metadata.causation_id,
        traceparent=entry.metadata.traceparent,
        data=fact_data(entry.event),
    )


def _signature_body(signature: Signature) -> SignatureBody:
    return SignatureBody(
        terms_version=signature.terms_version,
        role=signature.role,
        organisation=signature.organisation,
        signatory=signature.signatory,
        signed_at=signature.signed_at,
        digest=signature.digest,
        key=signature.key,
        note=signature.note,
    )
