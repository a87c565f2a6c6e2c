"""The HTTP door of measurement. Translation only."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.chassis.clock import Clock
from services.chassis.http import Acting, MalformedBody, Paging, UnsupportedMediaType, etag, paged
from services.measurement.answers import (
    AssessmentBody,
    AssessmentPage,
    DisputesBody,
    ExclusionBody,
    ExclusionPage,
    ObjectiveResultBody,
    ReceiptBody,
    RejectedBody,
    SettlementBody,
)
from services.measurement.application import Measurement
from services.measurement.batch import Batch
from services.measurement.intake import Malformed, Media, OnError, read
from services.measurement.judgement import Document
from services.measurement.mapping import MAPPING_OPTIONS, mapping_of
from services.measurement.observation import State, TicketState
from services.measurement.parties import Parties, claimed_time, parse_number
from services.measurement.party_facts import LONGEST_TEXT
from services.measurement.wire import as_written_now
from services.vocabulary.errors import invalid
from services.vocabulary.period import Instant, Interval, instant_of, parse_instant, parse_period

_MEDIA: dict[str, Media] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "text/csv": "csv",
}
_ON_ERROR: dict[str, OnError] = {"": "refuse", "refuse": "refuse", "skip": "skip"}
_BATCH_OPTIONS = {
    "source": "who observed; a JSON document may name it itself",
    "batch": "the batch's name: a repeat changes nothing; without one the Idempotency-Key counts, else a digest of the content",
    "on_error": "refuse (nothing is taken when an observation is bad) or skip (the good ones are taken)",
}
_OBSERVATION = {
    "type": "object",
    "required": ["kind", "service", "observed_at"],
    "properties": {
        "kind": {"enum": ["status", "outage", "counter", "latency", "ticket"]},
        "service": {"type": "string"},
        "component": {"type": "string"},
        "id": {"type": "string", "description": "The source's own: a repeat of (source, id) changes nothing"},
        "observed_at": {"type": "string", "format": "date-time"},
        "revision": {"type": "integer", "minimum": 0, "description": "Of the same id, the highest counts"},
        "state": {"enum": [*dict.fromkeys([*State, *TicketState])], "description": "Of a status: up, down, unknown; else of a ticket"},
        "until": {"type": "string", "format": "date-time"},
        "cause": {"type": "string"},
        "good": {"type": "integer", "minimum": 0},
        "total": {"type": "integer", "minimum": 0},
        "ms": {"type": "string", "description": "Decimal milliseconds"},
        "ticket": {"type": "string"},
        "priority": {"type": "string"},
        "order": {"type": "integer", "minimum": 0},
    },
    "additionalProperties": False,
}
_REPORT: dict[str, object] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "description": meaning, "schema": {"type": "string"}}
        for name, meaning in {**_BATCH_OPTIONS, **{name: f"CSV: {text}" for name, text in MAPPING_OPTIONS.items()}}.items()
    ],
    "requestBody": {
        "required": True,
        "description": "Observations of the caller's organisation; the forms are told in docs/observations.md",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["observations"],
                    "properties": {
                        "source": {"type": "string"},
                        "batch": {"type": "string"},
                        "observations": {"type": "array", "items": _OBSERVATION},
                    },
                    "additionalProperties": False,
                }
            },
            "application/x-ndjson": {"schema": {"type": "string", "description": "One observation a line"}},
            "text/csv": {"schema": {"type": "string", "description": "A header line, then rows as the parameters map them"}},
        },
    },
}

AgreementId = Annotated[str, Path(description="The agreement's id", json_schema_extra={"format": "uuid"})]
_PERIOD = "A period of the agreement: a calendar month, or what its terms say"
_PERIODS = ["2026-03", "2026-Q1", "2026", "2026-W10", "2026-03-15--P1M", "2026-03-15--P1Y", "2026-02-14--P30D"]
Period = Annotated[str, Path(description=_PERIOD, examples=_PERIODS)]
KnownAt = Annotated[str | None, Query(description="As it was known at this instant, RFC 3339", examples=["2026-04-03T00:00:00Z"])]
Words = Annotated[str, Field(max_length=LONGEST_TEXT, description="Why; or in the header X-Reason")]
When = Annotated[str, Field(examples=["2026-03-01T00:00:00Z"], json_schema_extra={"format": "date-time"})]
TicketId = Annotated[str, Field(max_length=LONGEST_TEXT)]
ExclusionId = Annotated[str, Path(description="The exclusion's id", json_schema_extra={"format": "uuid"})]
Of = Annotated[str, Query(description="The agreement's id", json_schema_extra={"format": "uuid"})]
Moment = Annotated[str, Query(description="RFC 3339 instant", examples=["2026-03-01T00:00:00Z"])]


class WhyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Words = ""


class ClaimBody(BaseModel):
    """Of time, from start to end, or of tickets. No components: all of the service."""

    model_config = ConfigDict(extra="forbid")

    agreement_id: str = Field(json_schema_extra={"format": "uuid"})
    exclusion_class: str = Field(max_length=LONGEST_TEXT, description="A ground of the terms", examples=["force-majeure"])
    service: str = Field(max_length=LONGEST_TEXT)
    components: list[str] = Field(default=[], max_length=1_000)
    start: When = ""
    end: When = ""
    tickets: list[TicketId] = Field(default=[], max_length=1_000, description="These are to be taken out, and no time")
    reason: Words = ""


class SettleBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    agreement_id: str = Field(json_schema_extra={"format": "uuid"})
    objective_id: str = Field(max_length=LONGEST_TEXT)
    start: When
    end: When
    down: bool
    reason: Words = ""


def router(measurement: Measurement, parties: Parties, *, clock: Clock) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1")
    _add_observations(routes, measurement, clock)
    _add_assessments(routes, measurement)
    _add_measurements(routes, measurement)
    _add_exclusions(routes, parties)
    _add_disputes(routes, parties)
    return routes


def _add_observations(routes: APIRouter, measurement: Measurement, clock: Clock) -> None:
    @routes.post(
        "/observations",
        status_code=201,
        responses={200: {"model": ReceiptBody, "description": "Nothing of it was new"}},
        openapi_extra=_REPORT,
        operation_id="report_observations",
        tags=["observations"],
    )
    async def report_observations(request: Request, response: Response, context: Acting) -> ReceiptBody:
        """Report what was observed. Durable before the answer; a repeat changes nothing."""
        content = await request.body()
        batch = await asyncio.to_thread(_batch, request, content, now=instant_of(clock.now()))
        receipt = await measurement.report(batch, context=context)
        if not receipt.accepted:
            response.status_code = 200
        return ReceiptBody(
            accepted=receipt.accepted,
            repeated=receipt.repeated,
            rejected=[RejectedBody(place=each.place, rule=each.rule) for each in batch.rejected],
            rejected_count=batch.rejected_count,
            batch=receipt.batch,
        )


def _add_assessments(routes: APIRouter, measurement: Measurement) -> None:
    @routes.get("/assessments", response_model=AssessmentPage, operation_id="list_assessments", tags=["assessments"])
    async def list_assessments(
        request: Request,
        response: Response,
        context: Acting,
        paging: Paging,
        agreement_id: Annotated[str, Query(description="The agreement's id", json_schema_extra={"format": "uuid"})],
    ) -> dict[str, object]:
        """The agreement's periods in the order of time, as they were last assessed. A change may show up here a moment late."""
        after = parse_period(paging.cursor, place="cursor") if paging.cursor else None
        found = await measurement.assessments(agreement_id, after=after, limit=paging.limit + 1, caller=context.caller)
        page = [as_written_now(document) for document in found[: paging.limit]]
        return paged(request, response, page, str(page[-1]["period"]) if len(found) > paging.limit else None)

    @routes.get("/assessments/{agreement_id}/{period}", operation_id="get_assessment", tags=["assessments"])
    async def get_assessment(
        response: Response, agreement_id: AgreementId, period: Period, context: Acting, known_at: KnownAt = None
    ) -> AssessmentBody:
        """What was stated of a closed period, or how an open one stands now; either as it was known at an instant."""
        month = parse_period(period, place="period")
        known = parse_instant(known_at, place="known_at") if known_at else None
        return _answered(response, await measurement.assessment(agreement_id, month, known_at=known, caller=context.caller))

    @routes.post("/assessments/{agreement_id}/{period}/close", operation_id="close_period", tags=["assessments"])
    async def close_period(response: Response, agreement_id: AgreementId, period: Period, context: Acting) -> AssessmentBody:
        """Close a period that is over, before its time comes by itself. The provider does."""
        month = parse_period(period, place="period")
        return _answered(response, await measurement.close_period(agreement_id, month, context=context))


def _add_measurements(routes: APIRouter, measurement: Measurement) -> None:
    @routes.get("/measurements/{agreement_id}/{objective_id}", operation_id="measure_span", tags=["measurements"])
    async def measure_span(
        agreement_id: AgreementId, objective_id: str, context: Acting, start: Moment, end: Moment
    ) -> ObjectiveResultBody:
        """One objective over any span: what compares before with after."""
        asked = Interval(parse_instant(start, place="start"), parse_instant(end, place="end"))
        document = await measurement.measure(agreement_id, objective_id, asked, caller=context.caller)
        return ObjectiveResultBody.model_validate(document)


def _add_exclusions(routes: APIRouter, parties: Parties) -> None:
    @routes.post("/exclusions", status_code=201, operation_id="claim_exclusion", tags=["exclusions"])
    async def claim_exclusion(claim: ClaimBody, context: Acting) -> ExclusionBody:
        """Claim that time, or tickets, are to be taken out, on a ground of the terms. Either party does; the ground says who has to
        approve, and where a closed period is touched both do."""
        claimed = await parties.claim_exclusion(
            claim.agreement_id,
            exclusion_class=claim.exclusion_class,
            service=claim.service,
            components=claim.components,
            interval=claimed_time(claim.start, claim.end),
            tickets=claim.tickets,
            reason=claim.reason,
            context=context,
        )
        return ExclusionBody.model_validate(claimed)

    @routes.get("/exclusions", response_model=ExclusionPage, operation_id="list_exclusions", tags=["exclusions"])
    async def list_exclusions(
        request: Request, response: Response, *, context: Acting, paging: Paging, agreement_id: Of, known_at: KnownAt = None
    ) -> dict[str, object]:
        """The agreement's exclusions in the order in which they were claimed, as they were known at an instant."""
        found = await parties.exclusions(
            agreement_id,
            after=parse_number(paging.cursor, place="cursor"),
            limit=paging.limit + 1,
            known_at=parse_instant(known_at, place="known_at") if known_at else None,
            caller=context.caller,
        )
        page = found[: paging.limit]
        return paged(request, response, [body for _, body in page], str(page[-1][0]) if len(found) > paging.limit else None)

    @routes.post("/exclusions/{exclusion_id}/approval", operation_id="approve_exclusion", tags=["exclusions"])
    async def approve_exclusion(exclusion_id: ExclusionId, context: Acting, why: WhyBody | None = None) -> ExclusionBody:
        """Approve it, as a party whose approval is missing."""
        reason = "" if why is None else why.reason
        return ExclusionBody.model_validate(await parties.approve_exclusion(exclusion_id, reason=reason, context=context))

    @routes.post("/exclusions/{exclusion_id}/refusal", operation_id="refuse_exclusion", tags=["exclusions"])
    async def refuse_exclusion(exclusion_id: ExclusionId, why: WhyBody, context: Acting) -> ExclusionBody:
        """Refuse it, as a party whose approval is missing."""
        return ExclusionBody.model_validate(await parties.refuse_exclusion(exclusion_id, reason=why.reason, context=context))

    @routes.post("/exclusions/{exclusion_id}/withdrawal", operation_id="withdraw_exclusion", tags=["exclusions"])
    async def withdraw_exclusion(exclusion_id: ExclusionId, why: WhyBody, context: Acting) -> ExclusionBody:
        """Withdraw one's own claim, until the other side has decided."""
        return ExclusionBody.model_validate(await parties.withdraw_exclusion(exclusion_id, reason=why.reason, context=context))


def _add_disputes(routes: APIRouter, parties: Parties) -> None:
    @routes.get("/disputes", operation_id="list_disputes", tags=["disputes"])
    async def list_disputes(
        context: Acting,
        agreement_id: Of,
        period: Annotated[str, Query(description=_PERIOD, examples=_PERIODS)],
        known_at: KnownAt = None,
    ) -> DisputesBody:
        """Where provider and customer measured the same period and exactly one of them says down, by objective."""
        known = parse_instant(known_at, place="known_at") if known_at else None
        month = parse_period(period, place="period")
        return DisputesBody.model_validate(await parties.disputes(agreement_id, month, known_at=known, caller=context.caller))

    @routes.post("/disputes/settlements", status_code=201, operation_id="settle_dispute", tags=["disputes"])
    async def settle_dispute(settlement: SettleBody, context: Acting) -> SettlementBody:
        """Settle whether an objective was down, as an auditor whom the terms name."""
        settled = await parties.settle_dispute(
            settlement.agreement_id,
            objective_id=settlement.objective_id,
            interval=Interval(parse_instant(settlement.start, place="start"), parse_instant(settlement.end, place="end")),
            down=settlement.down,
            reason=settlement.reason,
            context=context,
        )
        return SettlementBody.model_validate(settled)


def _answered(response: Response, document: Document) -> AssessmentBody:
    body = AssessmentBody.model_validate(as_written_now(document))
    etag(response, body.revision)
    return body


def _batch(request: Request, content: bytes, *, now: Instant) -> Batch:
    media = _media(request)
    told = dict(request.query_params)
    source, batch, on_error = (told.pop(name, "") for name in _BATCH_OPTIONS)
    if on_error not in _ON_ERROR:
        raise invalid("on_error", f"must be refuse or skip, not {on_error[:40]!r}")
    try:
        return read(
            content,
            media,
            now=now,
            source=source,
            batch=batch or request.headers.get("idempotency-key", ""),
            mapping=mapping_of(told) if media == "csv" else None,
            on_error=_ON_ERROR[on_error],
        )
    except Malformed as refusal:
        raise MalformedBody(*refusal.violations) from None


def _media(request: Request) -> Media:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    media = _MEDIA.get(said)
    if media is None:
        raise UnsupportedMediaType(f"observations are application/json, application/x-ndjson or text/csv, not {said[:60]!r}")
    return media
