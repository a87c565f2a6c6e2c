"""The HTTP door of agreements. Translation only."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.agreements import inputs
from services.agreements.agreement import Status
from services.agreements.answers import (
    AgreementBody,
    AgreementPage,
    DifferenceBody,
    HistoryBody,
    SignatureRequest,
    TerminationRequest,
    TermsVersionBody,
    ValidationBody,
    ViolationBody,
    agreement_body,
    change_bodies,
    history_body,
    listed_bodies,
    terms_document,
    version_body,
)
from services.agreements.application import Agreements, Snapshot
from services.agreements.document import Form, UnreadableDocument, parse_document
from services.agreements.terms import Terms, digest
from services.chassis.http import Acting, MalformedBody, Paging, RequiredIfMatch, UnsupportedMediaType, etag, paged
from services.vocabulary.errors import Invalid
from services.vocabulary.period import parse_day

_FORMS: dict[str, Form] = {
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "application/json": "json",
}
DOCUMENT = {
    "requestBody": {
        "required": True,
        "description": "A terms document",
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/TermsDocument"}},
        },
    }
}

AgreementId = Annotated[str, Path(description="The agreement's id", json_schema_extra={"format": "uuid"})]
AgreementName = Annotated[
    str, Query(pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$", description="Drafts under a name: one agreement of these two parties has it")
]
VersionNumber = Annotated[int, Path(ge=1, le=1_000_000, description="A version of the terms")]
KnownAt = Annotated[str | None, Query(description="Only what was recorded until this instant, RFC 3339", examples=["2026-03-09T12:00:00Z"])]
ValidUntil = Annotated[
    str | None, Query(description="The offer ends at this instant, RFC 3339; absent: not by itself", examples=["2026-04-01T12:00:00Z"])
]
AsOf = Annotated[str | None, Query(description="The state on this civil date", examples=["2026-03-09"])]


def router(agreements: Agreements) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1/agreements", tags=["agreements"])
    _add_negotiation(routes, agreements)
    _add_life(routes, agreements)
    _add_reads(routes, agreements)
    return routes


def _add_negotiation(routes: APIRouter, agreements: Agreements) -> None:
    @routes.post("", status_code=201, openapi_extra=DOCUMENT, operation_id="draft_agreement")
    async def draft_agreement(request: Request, response: Response, context: Acting, name: AgreementName = "") -> AgreementBody:
        """Write the first draft. The caller's organisation must be one of the parties."""
        drafted = await agreements.draft(await sent_terms(request), name=name, context=context)
        response.headers["Location"] = f"/v1/agreements/{drafted.id}"
        return answered(response, drafted)

    @routes.post("/validation", openapi_extra=DOCUMENT, operation_id="validate_terms")
    async def validate_terms(request: Request, context: Acting) -> ValidationBody:
        """Try a terms document: its canonical form and digest, or everything that is wrong with it."""
        form, content = document_form(request), await request.body()
        try:
            terms = await asyncio.to_thread(parse_document, content, form=form)
        except Invalid as refusal:
            found = [ViolationBody(place=each.place, rule=each.rule) for each in refusal.violations]
            return ValidationBody(valid=False, violations=found)
        return ValidationBody(valid=True, digest=digest(terms), terms=terms_document(terms))

    @routes.put("/{agreement_id}/draft", openapi_extra=DOCUMENT, operation_id="revise_draft")
    async def revise_draft(
        request: Request, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """Replace the draft's terms."""
        stream = inputs.agreement_id(agreement_id)
        terms = await sent_terms(request)
        return answered(response, await agreements.revise(stream, terms, expected_version=version, context=context))

    @routes.post("/{agreement_id}/proposal", operation_id="propose_agreement")
    async def propose_agreement(
        response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting, valid_until: ValidUntil = None
    ) -> AgreementBody:
        """Put the draft on the table, to be signed as it is."""
        stream = inputs.agreement_id(agreement_id)
        until = inputs.instant_or_none(valid_until, place="valid_until")
        return answered(response, await agreements.propose(stream, valid_until=until, expected_version=version, context=context))

    @routes.post("/{agreement_id}/withdrawal", operation_id="withdraw_proposal")
    async def withdraw_proposal(response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting) -> AgreementBody:
        """Take what waits for signatures off the table."""
        stream = inputs.agreement_id(agreement_id)
        return answered(response, await agreements.withdraw(stream, expected_version=version, context=context))

    @routes.post("/{agreement_id}/signatures", operation_id="sign_agreement")
    async def sign_agreement(
        body: SignatureRequest, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """Sign for the caller's own side, with a key of the caller's. The second signature puts the terms in force."""
        stream = inputs.agreement_id(agreement_id)
        signed = await agreements.sign(stream, body.note, named_digest=body.digest, expected_version=version, context=context)
        return answered(response, signed)


def _add_life(routes: APIRouter, agreements: Agreements) -> None:
    @routes.post("/{agreement_id}/amendments", openapi_extra=DOCUMENT, operation_id="propose_amendment")
    async def propose_amendment(
        *,
        request: Request,
        response: Response,
        agreement_id: AgreementId,
        version: RequiredIfMatch,
        context: Acting,
        effective_on: Annotated[str, Query(description="The first civil day it counts for", examples=["2026-05-01"])],
        valid_until: ValidUntil = None,
    ) -> AgreementBody:
        """Propose a whole new version of the terms, to be signed by both parties."""
        stream = inputs.agreement_id(agreement_id)
        day = parse_day(effective_on, place="effective_on")
        until = inputs.instant_or_none(valid_until, place="valid_until")
        proposed = await agreements.propose_amendment(
            stream, await sent_terms(request), effective_on=day, valid_until=until, expected_version=version, context=context
        )
        return answered(response, proposed)

    @routes.post("/{agreement_id}/termination", operation_id="terminate_agreement")
    async def terminate_agreement(
        body: TerminationRequest, response: Response, agreement_id: AgreementId, version: RequiredIfMatch, context: Acting
    ) -> AgreementBody:
        """End the agreement after a day, today at the earliest."""
        stream = inputs.agreement_id(agreement_id)
        last_day = parse_day(body.last_day, place="last_day")
        ended = await agreements.terminate(stream, last_day=last_day, expected_version=version, context=context)
        return answered(response, ended)


def _add_reads(routes: APIRouter, agreements: Agreements) -> None:
    @routes.get("", response_model=AgreementPage, operation_id="list_agreements")
    async def list_agreements(
        request: Request, response: Response, context: Acting, paging: Paging, status: Status | None = None
    ) -> dict[str, object]:
        """The caller's agreements, newest drafts first. A change may show up here a moment late."""
        page = await agreements.page(status=status, cursor=paging.cursor, limit=paging.limit, context=context)
        return paged(request, response, listed_bodies(page.items), page.next_cursor)

    @routes.get("/{agreement_id}", operation_id="get_agreement")
    async def get_agreement(
        response: Response, agreement_id: AgreementId, context: Acting, as_of: AsOf = None, known_at: KnownAt = None
    ) -> AgreementBody:
        """The agreement now, as of a date, as known at an instant."""
        found = await agreements.get(
            inputs.agreement_id(agreement_id),
            as_of=inputs.day_or_none(as_of, place="as_of"),
            known_at=inputs.moment_or_none(known_at, place="known_at"),
            context=context,
        )
        return answered(response, found)

    @routes.get("/{agreement_id}/history", operation_id="get_history")
    async def get_history(response: Response, agreement_id: AgreementId, context: Acting, known_at: KnownAt = None) -> HistoryBody:
        """Every recorded fact: who, when, why, caused by what."""
        moment = inputs.moment_or_none(known_at, place="known_at")
        entries = await agreements.history(inputs.agreement_id(agreement_id), known_at=moment, context=context)
        etag(response, entries[-1].version)
        return history_body(entries)

    @routes.get("/{agreement_id}/versions/{number}", operation_id="get_version")
    async def get_version(response: Response, agreement_id: AgreementId, number: VersionNumber, context: Acting) -> TermsVersionBody:
        """One version of the terms, the one that waits for signatures included."""
        found, version = await agreements.version(inputs.agreement_id(agreement_id), number, context=context)
        etag(response, version)
        return version_body(found)

    @routes.get("/{agreement_id}/diff", operation_id="diff_terms")
    async def diff_terms(
        response: Response,
        agreement_id: AgreementId,
        context: Acting,
        before: Annotated[int, Query(alias="from", ge=1, le=1_000_000, description="A version of the terms")],
        after: Annotated[int, Query(alias="to", ge=1, le=1_000_000, description="A version of the terms")],
    ) -> DifferenceBody:
        """What changed between two versions of the terms, place by place."""
        stream = inputs.agreement_id(agreement_id)
        changes, version = await agreements.diff(stream, before=before, after=after, context=context)
        etag(response, version)
        return DifferenceBody(from_version=before, to_version=after, changes=change_bodies(changes))


def answered(response: Response, snapshot: Snapshot) -> AgreementBody:
    etag(response, snapshot.version)
    return agreement_body(snapshot)


def document_form(request: Request) -> Form:
    """YAML or JSON, by the media type. Refuses others."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = _FORMS.get(media_type)
    if form is None:
        raise UnsupportedMediaType(f"a terms document is application/yaml or application/json, not {media_type[:60]!r}")
    return form


async def sent_terms(request: Request) -> Terms:
    form, content = document_form(request), await request.body()
    try:
        return await asyncio.to_thread(parse_document, content, form=form)
    except UnreadableDocument as refusal:
        raise MalformedBody(*refusal.violations) from None
