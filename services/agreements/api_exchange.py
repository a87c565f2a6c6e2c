"""The HTTP door for agreements in other forms: out as a file, in as terms. Translation only; nothing that comes in is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.agreements import inputs
from services.agreements.answers import TermsDocument, terms_document
from services.agreements.api import AgreementId, document_form
from services.agreements.application import Agreements, Snapshot
from services.agreements.document import UnreadableDocument
from services.agreements.exchange import ExportForm, ImportForm, exported, imported
from services.agreements.openslo import Given
from services.agreements.remark import Kind, Remark
from services.agreements.terms import digest
from services.agreements.tmforum import Agreed
from services.chassis.http import Acting, MalformedBody, etag
from services.vocabulary.period import day_of, instant_of, parse_zone

_SLOS = {
    "requestBody": {
        "required": True,
        "description": "Documents of openslo/v1: a YAML file that may hold several, or one or a list of them as JSON",
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}},
        },
    }
}
_ChosenText = Annotated[str, Query(max_length=200)]


class RemarkBody(BaseModel):
    """`lost`: not in what came out. `assumed`: was not in what came in. `kept`: stands in a field that only Upheld reads."""

    kind: Kind
    place: Annotated[str, Field(examples=["objectives[availability].credits"])]
    what: str
    why: str


class ExportBody(BaseModel):
    """The agreement as a file, and what of its terms the file does not say."""

    form: ExportForm
    terms_version: int
    media_type: str
    text: Annotated[str, Field(description="The whole file")]
    remarks: list[RemarkBody]


class ImportBody(BaseModel):
    """A terms document to go on with; it was not kept."""

    digest: str
    terms: TermsDocument
    remarks: list[RemarkBody]


def router(agreements: Agreements) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1/agreements", tags=["agreements"])

    @routes.get("/{agreement_id}/export", operation_id="export_agreement")
    async def export_agreement(response: Response, agreement_id: AgreementId, context: Acting, form: ExportForm) -> ExportBody:
        """The terms now, as OpenSLO v1, in the style of TMF623 or TMF657, or as a terms document in YAML."""
        found = await agreements.get(inputs.agreement_id(agreement_id), context=context)
        agreed = _agreed(found)
        file = await asyncio.to_thread(exported, agreed, form)
        etag(response, found.version)
        return ExportBody(
            form=form, terms_version=agreed.number, media_type=file.media_type, text=file.text, remarks=remark_bodies(file.remarks)
        )

    @routes.post("/import", openapi_extra=_SLOS, operation_id="import_terms")
    async def import_terms(
        *,
        request: Request,
        context: Acting,
        form: ImportForm,
        title: _ChosenText = "",
        provider: _ChosenText = "",
        customer: _ChosenText = "",
        zone: _ChosenText = "",
        effective_on: _ChosenText = "",
    ) -> ImportBody:
        """Documents of another form as terms, with all that was lost or had to be assumed. Nothing is kept."""
        given = Given(
            today=day_of(instant_of(context.recorded_at), parse_zone(zone or "UTC")),
            title=title,
            provider=provider,
            customer=customer,
            zone=zone,
            effective_on=inputs.day_or_none(effective_on, place="effective_on"),
        )
        kind, content = document_form(request), await request.body()
        try:
            found = await asyncio.to_thread(imported, content, given=given, form=kind)
        except UnreadableDocument as refusal:
            raise MalformedBody(*refusal.violations) from None
        return ImportBody(digest=digest(found.terms), terms=terms_document(found.terms), remarks=remark_bodies(found.remarks))

    return routes


def remark_bodies(remarks: Sequence[Remark]) -> list[RemarkBody]:
    return [RemarkBody(kind=each.kind, place=each.place, what=each.what, why=each.why) for each in remarks]


def _agreed(found: Snapshot) -> Agreed:
    assert found.terms is not None, "without a day there are always terms to show"
    version = found.terms
    return Agreed(agreement_id=str(found.id), number=version.number, digest=version.digest, terms=version.terms, last_day=found.last_day)
