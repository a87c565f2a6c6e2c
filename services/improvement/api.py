"""The HTTP door of improvement. Translates only; decides nothing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from google.protobuf.json_format import MessageToDict
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.chassis.events import Recorded
from services.chassis.http import Acting, Paging, RequiredIfMatch, etag, paged
from services.chassis.repository import Versioned
from services.improvement import wire
from services.improvement.analysis import Analysis
from services.improvement.application import REGISTRY, Improvements, Plan
from services.improvement.improvement import LONGEST_TEXT, Fact, Improvement, Status, parse_improvement_id
from services.improvement.views import parse_page_start
from services.vocabulary.period import datetime_of, parse_day, parse_instant
from services.vocabulary.ratio import exact, floored_percent, parse_percent

PREFIX = "/v1/improvements"

Day = Annotated[str, Field(examples=["2026-04-14"], json_schema_extra={"format": "date"})]
Moment = Annotated[str, Field(examples=["2026-05-01T00:00:00Z"], json_schema_extra={"format": "date-time"})]
Percent = Annotated[str, Field(examples=["99.95"], pattern=r"^[0-9]{1,3}(\.[0-9]{1,9})?$")]
Words = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]


def _none_if_empty(value: object) -> object:
    return value or None


NotYet = Annotated[str | None, BeforeValidator(_none_if_empty)]
"""Null until it happens."""


class FindingBody(BaseModel):
    """What cost the budget; `cost` is an integer in the objective's unit."""

    kind: Literal["outage", "component", "hour-of-day", "day", "slow-requests", "tickets", "member"]
    subject: str
    summary: str
    cost: str
    share_percent: str


class RecommendationBody(BaseModel):
    """What would have saved budget; the attainment is what the breached period would have come to."""

    id: str
    action: str
    rationale: str
    subject: str
    expected_saving: str
    expected_attainment_percent: str
    rank: int


class PlanBody(BaseModel):
    recommendation_id: str
    description: str
    owner: str
    due_on: str
    expected_attainment_percent: str


class VerificationBody(BaseModel):
    """The measured effect; the attainments are exact ratios."""

    before_start: str
    before_end: str
    before_percent: str
    before_attainment: str
    after_start: str
    after_end: str
    after_percent: str
    after_attainment: str
    target_percent: str
    expected_percent: str
    verdict: Literal["effective", "not-effective"]
    reason: str
    verified_at: str


class MeasuredBody(BaseModel):
    """The figures the analysis explains; `measured_until` lies before `end` while the breached period still ran."""

    indicator: str
    unit: str
    good: str
    whole: str
    attainment: str | None
    attainment_percent: str | None
    target_percent: str
    comparison: str
    zone: str
    start: str
    end: str
    measured_until: str


class ImprovementBody(BaseModel):
    id: str
    agreement_id: str
    objective_id: str
    breach_id: str
    period: str
    provider: str
    customer: str
    status: Status
    version: int
    opened_at: str
    measured: MeasuredBody | None
    findings: list[FindingBody]
    recommendations: list[RecommendationBody]
    plan: PlanBody | None = None
    approved_by: NotYet
    approved_at: NotYet
    implemented_on: NotYet
    verifications: list[VerificationBody]


class ImprovementPage(BaseModel):
    items: list[ImprovementBody]
    next: str | None


class HistoryEntryBody(BaseModel):
    """A stored fact, as it was recorded."""

    version: int
    type: str
    event_id: str
    recorded_at: str
    actor: str
    organisation: str
    reason: str
    correlation_id: str
    causation_id: str
    data: dict[str, object]


class History(BaseModel):
    items: list[HistoryEntryBody]


class PlanInput(BaseModel):
    """Without `expected_attainment_percent` the plan promises what its recommendation does; it may promise more."""

    model_config = ConfigDict(extra="forbid")

    recommendation_id: Annotated[str, Field(max_length=200)]
    description: Words
    owner: Words
    due_on: Day
    expected_attainment_percent: Percent | None = None


class ImplementationInput(BaseModel):
    """The civil day, in the agreement's zone, from which the improvement is in place."""

    model_config = ConfigDict(extra="forbid")

    implemented_on: Day


class VerificationInput(BaseModel):
    """The span after; without one the first whole period like the breached one on or after the implementation."""

    model_config = ConfigDict(extra="forbid")

    after_start: Moment | None = None
    after_end: Moment | None = None


def _named(improvement_id: Annotated[str, Path(description="The improvement's id", json_schema_extra={"format": "uuid"})]) -> UUID:
    return parse_improvement_id(improvement_id)


ImprovementId = Annotated[UUID, Depends(_named)]


def routes(improvements: Improvements) -> APIRouter:
    """Operation ids are the keys of the permission table."""
    router = APIRouter(prefix=PREFIX, tags=["improvements"])

    @router.get("", operation_id="list_improvements", response_model=ImprovementPage)
    async def list_improvements(
        *,
        request: Request,
        response: Response,
        context: Acting,
        page: Paging,
        agreement_id: Annotated[str, Query(max_length=200, description="Only of this agreement")] = "",
        status: Annotated[Status | None, Query(description="Only in this status")] = None,
    ) -> dict[str, object]:
        """What the caller's organisation may see, newest first."""
        listed = await improvements.page(
            context.caller, agreement_id=agreement_id, status=status, limit=page.limit, before=parse_page_start(page.cursor, place="cursor")
        )
        return paged(request, response, [improvement_body(found) for found in listed.improvements], listed.next or None)

    @router.get("/{improvement_id}", operation_id="get_improvement")
    async def get_improvement(improvement_id: ImprovementId, context: Acting, response: Response) -> ImprovementBody:
        """The present state; its ETag is what changes name in If-Match."""
        return _tagged(response, await improvements.get(improvement_id, context.caller))

    @router.get("/{improvement_id}/history", operation_id="get_improvement_history")
    async def get_improvement_history(improvement_id: ImprovementId, context: Acting, response: Response) -> History:
        """Every fact with who recorded it, when and why, oldest first."""
        facts = await improvements.history(improvement_id, context.caller)
        etag(response, facts[-1].version)
        return History(items=[_entry(recorded) for recorded in facts])

    @router.post("/{improvement_id}/plan", operation_id="plan_improvement")
    async def plan_improvement(
        improvement_id: ImprovementId, body: PlanInput, context: Acting, version: RequiredIfMatch, response: Response
    ) -> ImprovementBody:
        """The provider plans one of the recommendations; a plan may change until it is approved."""
        planned = await improvements.plan(improvement_id, _plan(body), context, expected_version=version)
        return _tagged(response, planned)

    @router.post("/{improvement_id}/approval", operation_id="approve_improvement")
    async def approve_improvement(
        improvement_id: ImprovementId, context: Acting, version: RequiredIfMatch, response: Response
    ) -> ImprovementBody:
        """The provider's or the customer's service manager approves the plan."""
        return _tagged(response, await improvements.approve(improvement_id, context, expected_version=version))

    @router.post("/{improvement_id}/implementation", operation_id="record_implementation")
    async def record_implementation(
        improvement_id: ImprovementId, body: ImplementationInput, context: Acting, version: RequiredIfMatch, response: Response
    ) -> ImprovementBody:
        """The provider says since when the improvement is in place."""
        day = parse_day(body.implemented_on, place="implemented_on")
        return _tagged(response, await improvements.record_implementation(improvement_id, day, context, expected_version=version))

    @router.post("/{improvement_id}/verification", operation_id="verify_improvement")
    async def verify_improvement(
        improvement_id: ImprovementId,
        context: Acting,
        version: RequiredIfMatch,
        response: Response,
        body: VerificationInput | None = None,
    ) -> ImprovementBody:
        """Measures the breached period and the span after, and closes as effective or reopens."""
        span = body or VerificationInput()
        verified = await improvements.verify(
            improvement_id,
            context,
            after_start=_moment(span.after_start, place="after_start"),
            after_end=_moment(span.after_end, place="after_end"),
            expected_version=version,
        )
        return _tagged(response, verified)

    return router


def improvement_body(found: Versioned[Improvement]) -> ImprovementBody:
    """The state as JSON: the published message, with when it was opened and the figures that were analysed."""
    state = found.state
    message = wire.improvement(state, found.version)
    document = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    measured = _measured(state.analysis) if state.analysis else None
    return ImprovementBody.model_validate(document | {"opened_at": wire.moment_text(state.opened_at), "measured": measured})


def _measured(analysis: Analysis) -> MeasuredBody:
    attainment = analysis.attainment
    return MeasuredBody(
        indicator=analysis.indicator,
        unit=analysis.unit,
        good=str(analysis.good),
        whole=str(analysis.whole),
        attainment=None if attainment is None else exact(attainment),
        attainment_percent=None if attainment is None else floored_percent(attainment, decimals=analysis.decimals),
        target_percent=analysis.target_percent,
        comparison=analysis.comparison,
        zone=analysis.zone,
        start=wire.moment_text(analysis.start),
        end=wire.moment_text(analysis.end),
        measured_until=wire.moment_text(analysis.measured_until),
    )


def _tagged(response: Response, found: Versioned[Improvement]) -> ImprovementBody:
    etag(response, found.version)
    return improvement_body(found)


def _plan(body: PlanInput) -> Plan:
    percent = body.expected_attainment_percent
    return Plan(
        recommendation_id=body.recommendation_id,
        description=body.description,
        owner=body.owner,
        due_on=parse_day(body.due_on, place="due_on"),
        expected_attainment=None if percent is None else parse_percent(percent, place="expected_attainment_percent"),
    )


def _moment(text: str | None, *, place: str) -> datetime | None:
    return None if text is None else datetime_of(parse_instant(text, place=place))


def _entry(recorded: Recorded[Fact]) -> HistoryEntryBody:
    metadata = recorded.metadata
    return HistoryEntryBody(
        version=recorded.version,
        type=recorded.type,
        event_id=metadata.event_id,
        recorded_at=metadata.recorded_at,
        actor=metadata.actor,
        organisation=metadata.organisation,
        reason=metadata.reason,
        correlation_id=metadata.correlation_id,
        causation_id=metadata.causation_id,
        data=json.loads(REGISTRY.encode(recorded.event)),
    )
