"""The HTTP door to explanation, outlook, preview and simulation. Translation only."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.chassis.http import Acting, Paging, paged
from services.measurement.answers import Count, Moment, Percent, ProgressBody, Ratio
from services.measurement.inquiry import AskedObservations, Change, Claimed, Inquiry
from services.measurement.parties import claimed_time
from services.measurement.party_facts import LONGEST_TEXT
from services.measurement.simulator import AskedSimulation, Simulator
from services.vocabulary.period import Interval, parse_day, parse_instant, parse_period

AgreementId = Annotated[str, Path(description="The agreement's id", json_schema_extra={"format": "uuid"})]
Period = Annotated[
    str,
    Path(description="A period of the agreement: a calendar month, or what its terms say", examples=["2026-03", "2026-Q1", "2026-W10"]),
]
KnownAt = Annotated[str | None, Query(description="As it was known at this instant, RFC 3339", examples=["2026-04-03T00:00:00Z"])]
SpanMoment = Annotated[str, Query(description="RFC 3339 instant", examples=["2026-03-01T00:00:00Z"])]
One = Annotated[str, Query(description="Only this objective's; empty: all", max_length=LONGEST_TEXT)]
TicketId = Annotated[str, Field(max_length=LONGEST_TEXT)]
When = Annotated[str, Field(examples=["2026-03-01T00:00:00Z"], json_schema_extra={"format": "date-time"})]

_LONGEST_DOCUMENT = 262_144


class ProofBody(BaseModel):
    """A node of a proof: where it has children, they add up to its amount exactly. What is empty is left out."""

    label: str
    amount: Count
    unit: str
    note: str = ""
    start: str = ""
    end: str = ""
    refs: list[str] = Field(
        default=[],
        description="What it rests on; of more than twelve observations the first and the last",
        examples=[["ticket:INC-7", "observation:probe-1/o-17"]],
    )
    observations: int = Field(default=0, description="How many observations it rests on")
    children: list[ProofBody] = []


class ObservationBody(BaseModel):
    """As a source writes it, in docs/observations.md; which fields there are is told by its kind."""

    kind: Literal["status", "outage", "counter", "latency", "ticket"]
    service: str
    component: str
    observed_at: Moment
    id: str = Field(default="", description="The source's own, or what is kept instead; counters and latencies keep none")
    revision: int
    state: str = ""
    until: str = Field(default="", description="Of an outage; absent: it goes on")
    cause: str = ""
    good: int = 0
    total: int = 0
    ms: str = Field(default="", description="Decimal milliseconds", examples=["812.5"])
    ticket: str = ""
    priority: str = ""
    order: int = 0


class ReportedObservationBody(BaseModel):
    """An observation as it was reported, by whom and why; nobody is named where that was not kept."""

    ref: str = Field(description="As a proof names it", examples=["observation:probe-1/o-17"])
    source: str
    batch: str
    observation: ObservationBody
    recorded_at: Moment
    reported_by: str
    reason: str


class ReportedObservationPage(BaseModel):
    items: list[ReportedObservationBody]
    next: str | None


class RefusedBody(BaseModel):
    """A window, or the part of one, that takes no time out, or tickets that stay in, and the rule that it broke."""

    id: str
    exclusion_class: str
    clause: str
    service: str
    components: list[str]
    start: str = Field(description="RFC 3339 instant; empty of tickets", examples=["2026-03-01T08:00:00Z"])
    end: str
    tickets: list[str]
    reason: str
    rule: str


class ObjectiveExplanationBody(BaseModel):
    """Of one segment."""

    objective_id: str
    name: str
    terms_version: int
    start: Moment
    end: Moment
    clause: str
    verdict: str
    attainment_percent: Percent
    needed: str = Field(description="What would settle an undetermined verdict")
    proof: ProofBody
    elapsed: ProofBody | None = Field(default=None, description="Of a figure of time: where all time of the interval went")
    refused: list[RefusedBody]
    members: list[str] = Field(description="Of a composite: the objectives it is about")


class ExplanationBody(BaseModel):
    """The sums that a month's figures are."""

    agreement_id: str
    period: str
    closed: bool
    measured_until: Moment
    revision: int
    calculator_version: str
    tz_database: str = Field(description="The version of the time zone database of the figures' civil times; empty: not known")
    objectives: list[ObjectiveExplanationBody]


class BurnRateBody(BaseModel):
    """How fast the budget went over the window, as far as it lies in the period: 1 spends it exactly in the period."""

    window_s: int
    start: Moment
    end: Moment
    bad: Count
    whole: Count
    rate: Ratio


class BurnAlertBody(BaseModel):
    """Both windows burn strictly faster than the factor."""

    severity: Literal["page", "ticket"]
    factor: Ratio
    long_window_s: int
    short_window_s: int
    long_rate: Ratio
    short_rate: Ratio


class ForecastBody(BaseModel):
    """Where the segment will probably end: a guess with bounds, never a verdict."""

    expected_percent: Percent
    low_percent: Percent
    high_percent: Percent
    confidence_percent: Percent
    days_seen: int


class ObjectiveOutlookBody(BaseModel):
    """Of one segment; over, it has no rates, no alert and no forecast."""

    objective_id: str
    name: str
    terms_version: int
    start: Moment
    end: Moment
    target_percent: Percent
    verdict: str
    progress: ProgressBody
    burn_rates: list[BurnRateBody]
    alert: BurnAlertBody | None = None
    forecast: ForecastBody | None = None
    next_due: str = Field(description="When the next ticket is missed if nothing more is reported; empty: none is running")


class OutlookBody(BaseModel):
    agreement_id: str
    period: str
    closed: bool
    measured_until: Moment
    objectives: list[ObjectiveOutlookBody]


class PreviewedExclusionBody(BaseModel):
    """As it would be claimed, of time or of tickets. No components: all of the service."""

    model_config = ConfigDict(extra="forbid")

    exclusion_class: str = Field(max_length=LONGEST_TEXT)
    service: str = Field(max_length=LONGEST_TEXT)
    components: list[str] = Field(default=[], max_length=1_000)
    start: When = ""
    end: When = ""
    tickets: list[TicketId] = Field(default=[], max_length=1_000, description="These are to be taken out, and no time")
    reason: str = Field(default="", max_length=LONGEST_TEXT)


class PreviewRequestBody(BaseModel):
    """What is to be tried; at least one of document, exclusion and calculator_version."""

    model_config = ConfigDict(extra="forbid")

    agreement_id: str = Field(json_schema_extra={"format": "uuid"})
    document: str = Field(default="", max_length=_LONGEST_DOCUMENT, description="A terms document, YAML or JSON, as text")
    effective_on: str = Field(default="", description="Its first civil day; empty: the document's own", examples=["2026-05-01"])
    exclusion: PreviewedExclusionBody | None = None
    calculator_version: str = Field(default="", max_length=20)


class PreviewedFigureBody(BaseModel):
    attainment_percent: Percent
    verdict: str
    credit_percent: Percent
    terms_version: int


class PreviewedObjectiveBody(BaseModel):
    """Of one segment; absent: there is none before, or after."""

    objective_id: str
    start: Moment
    moves: bool
    before: PreviewedFigureBody | None = None
    after: PreviewedFigureBody | None = None


class PreviewedPeriodBody(BaseModel):
    """A month that the change can touch; the credit is that of the whole month."""

    period: str
    closed: bool
    moves: bool
    currency: str
    credit_before: str
    credit_after: str
    credit_difference: str = Field(description="After minus before, signed", examples=["-1000.00"])
    objectives: list[PreviewedObjectiveBody]


class PreviewBody(BaseModel):
    """What would change; nothing was written."""

    agreement_id: str
    periods: list[PreviewedPeriodBody]
    approval_needed: bool = Field(description="A closed month would be restated")
    closed_periods: list[str] = Field(description="The closed months that would be")
    approval: str = Field(
        description="Who gives it",
        examples=["signatures of both parties", "by class force-majeure: customer", "by both parties: 2026-03 was closed"],
    )
    refused: list[RefusedBody] = Field(description="What of the exclusion would take no time out even when approved")


class SimulationRequestBody(BaseModel):
    """Terms that are proposed, over periods that were observed, both inclusive."""

    model_config = ConfigDict(extra="forbid")

    agreement_id: str = Field(json_schema_extra={"format": "uuid"})
    document: str = Field(
        default="", max_length=_LONGEST_DOCUMENT, description="A terms document, YAML or JSON, as text; empty: the terms in force"
    )
    from_period: str = Field(description="The first period, in the form of the agreement's own", examples=["2026-01"])
    to_period: str = Field(description="The last one", examples=["2026-06"])
    side: Literal["agreed", "provider", "customer"] = Field(
        default="agreed", description="Whose readings count; agreed: whose the terms say"
    )


class SimulatedPeriodBody(BaseModel):
    """Before: what counts, as it was closed where it is; after: what the simulated terms come to."""

    period: str
    closed: bool
    credit_in_force: str
    credit_simulated: str
    objectives: list[PreviewedObjectiveBody]


class SensitivityBody(BaseModel):
    """The same simulation with one clause left as it is in force."""

    place: str = Field(examples=["objectives[uptime].target"])
    before_json: str = Field(description="As it is in force; empty: it is not there", examples=['"99.9"'])
    after_json: str = Field(examples=['"99.95"'])
    credit_without: str = Field(description="Of all periods; empty: the other clauses do not stand without this one")
    difference: str = Field(description="What this clause adds to the credit of the simulated terms, signed", examples=["1000.00"])
    verdicts_changed: list[str] = Field(examples=[["2026-03 uptime: breached, without it met"]])


class SimulationBody(BaseModel):
    """Nothing was written."""

    agreement_id: str
    currency: str = Field(description="Empty: neither terms know a credit")
    periods: list[SimulatedPeriodBody]
    credit_in_force: str = Field(description="Of all periods")
    credit_simulated: str
    sensitivities: list[SensitivityBody]


def router(inquiry: Inquiry, simulator: Simulator) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1")
    _add_observations(routes, inquiry)
    _add_explanations(routes, inquiry)
    _add_outlook(routes, inquiry)
    _add_previews(routes, inquiry)
    _add_simulations(routes, simulator)
    return routes


def _add_observations(routes: APIRouter, inquiry: Inquiry) -> None:
    @routes.get(
        "/observations",
        response_model=ReportedObservationPage,
        response_model_exclude_unset=True,
        operation_id="list_observations",
        tags=["observations"],
    )
    async def list_observations(
        request: Request,
        response: Response,
        *,
        context: Acting,
        paging: Paging,
        agreement_id: Annotated[str, Query(description="The agreement's id", json_schema_extra={"format": "uuid"})],
        service: Annotated[str, Query(description="A service that the agreement promises something of")],
        start: SpanMoment,
        end: SpanMoment,
        component: Annotated[
            list[str], Query(default_factory=list, description="Only of these; none: all of the service", max_length=1_000)
        ],
        side: Annotated[Literal["provider", "customer"], Query(description="Whose observations")] = "provider",
        known_at: KnownAt = None,
    ) -> dict[str, object]:
        """What was reported of a service, as it was reported and in the order in which it became known: what a proof's leaves rest on.

        What touches [start, end), of each id the revision that counts: statuses, the one that holds at the start too, outages, counters,
        latencies, and the steps of tickets.
        """
        asked = AskedObservations(
            service=service,
            components=tuple(component),
            span=Interval(parse_instant(start, place="start"), parse_instant(end, place="end")),
            side=side,
            known_at=parse_instant(known_at, place="known_at") if known_at else None,
        )
        limit = paging.limit
        found = await inquiry.observations(agreement_id, asked, after=paging.cursor, limit=limit + 1, caller=context.caller)
        return paged(request, response, [body for _, body in found[:limit]], found[limit - 1][0] if len(found) > limit else None)


def _add_explanations(routes: APIRouter, inquiry: Inquiry) -> None:
    @routes.get(
        "/assessments/{agreement_id}/{period}/explanation",
        response_model=ExplanationBody,
        response_model_exclude_unset=True,
        operation_id="explain_assessment",
        tags=["assessments"],
    )
    async def explain_assessment(
        agreement_id: AgreementId, period: Period, context: Acting, objective_id: One = "", known_at: KnownAt = None
    ) -> dict[str, object]:
        """The sums that the figures are, down to the single outage, ticket, slice or day; of a closed month, of what was closed."""
        known = parse_instant(known_at, place="known_at") if known_at else None
        month = parse_period(period, place="period")
        return await inquiry.explanation(agreement_id, month, objective_id=objective_id, known_at=known, caller=context.caller)

    @routes.get(
        "/assessments/{agreement_id}/{period}/timeline.svg",
        response_class=Response,
        responses={200: {"description": "The month as a picture", "content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
        operation_id="get_timeline",
        tags=["assessments"],
    )
    async def get_timeline(
        agreement_id: AgreementId, period: Period, context: Acting, objective_id: One = "", known_at: KnownAt = None
    ) -> Response:
        """The month's time as strips: up, down, excluded, outside the service hours, unknown, to come."""
        known = parse_instant(known_at, place="known_at") if known_at else None
        month = parse_period(period, place="period")
        picture = await inquiry.timeline(agreement_id, month, objective_id=objective_id, known_at=known, caller=context.caller)
        return Response(picture, media_type="image/svg+xml")


def _add_outlook(routes: APIRouter, inquiry: Inquiry) -> None:
    @routes.get(
        "/assessments/{agreement_id}/{period}/outlook",
        response_model=OutlookBody,
        response_model_exclude_unset=True,
        operation_id="get_outlook",
        tags=["assessments"],
    )
    async def get_outlook(agreement_id: AgreementId, period: Period, context: Acting, known_at: KnownAt = None) -> dict[str, object]:
        """Where a running month is going: to date, if nothing else fails, burn rates, alert, forecast, the next ticket due."""
        known = parse_instant(known_at, place="known_at") if known_at else None
        return await inquiry.outlook(agreement_id, parse_period(period, place="period"), known_at=known, caller=context.caller)


def _add_previews(routes: APIRouter, inquiry: Inquiry) -> None:
    @routes.post(
        "/previews", response_model=PreviewBody, response_model_exclude_unset=True, operation_id="preview_change", tags=["previews"]
    )
    async def preview_change(change: PreviewRequestBody, context: Acting) -> dict[str, object]:
        """What other terms, another exclusion or another calculator would change. Nothing is written; both parties see the same."""
        return await inquiry.preview(change.agreement_id, _change(change), caller=context.caller)


def _add_simulations(routes: APIRouter, simulator: Simulator) -> None:
    @routes.post(
        "/simulations",
        response_model=SimulationBody,
        response_model_exclude_unset=True,
        operation_id="simulate_terms",
        tags=["simulations"],
    )
    async def simulate_terms(asked: SimulationRequestBody, context: Acting) -> dict[str, object]:
        """What terms would have come to over the past, beside what counts, and what each clause does to it. Nothing is written."""
        periods = AskedSimulation(
            document=asked.document,
            from_period=parse_period(asked.from_period, place="from_period"),
            to_period=parse_period(asked.to_period, place="to_period"),
            side=asked.side,
        )
        return await simulator.simulate(asked.agreement_id, periods, caller=context.caller)


def _change(body: PreviewRequestBody) -> Change:
    asked = body.exclusion
    return Change(
        document=body.document,
        effective_on=parse_day(body.effective_on, place="effective_on") if body.effective_on else None,
        exclusion=None
        if asked is None
        else Claimed(
            exclusion_class=asked.exclusion_class,
            service=asked.service,
            components=tuple(asked.components),
            interval=claimed_time(asked.start, asked.end, below="exclusion."),
            tickets=tuple(asked.tickets),
            reason=asked.reason,
        ),
        calculator_version=body.calculator_version,
    )
