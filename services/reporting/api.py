"""The HTTP door of reporting for programs, and the one page of it. Translates only; decides nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel

from services.chassis.http import Acting, PageRequest, Paging, paged
from services.reporting.application import Answer, Reports, read
from services.reporting.pages import Pages
from services.reporting.report import Report, SinceThen
from services.reporting.views import IssuedReport, page_start, parse_page_start

PREFIX = "/v1/reports"

AgreementId = Annotated[str, Path(description="The agreement's id", examples=["6f1d3c1e-3d0a-4a53-9d2b-0d1c5a3a0f11"])]
_YEAR, _MONTH = r"(199\d|2[01]\d\d)", r"(0[1-9]|1[0-2])"
PERIOD_FORMS = rf"^{_YEAR}(-{_MONTH}|-Q[1-4]|-W(0[1-9]|[1-4]\d|5[0-3])|-{_MONTH}-(0[1-9]|[12]\d|3[01])--P(1M|1Y|1Y1D|[1-9]\d{{0,2}}D))?$"
Period = Annotated[
    str,
    Path(
        description="A period of the agreement: a month, quarter, year or ISO week, or its first day and its length",
        examples=["2026-03", "2026-Q1", "2026", "2026-W10", "2026-03-15--P1M", "2026-03-15--P1Y", "2026-02-14--P30D"],
        json_schema_extra={"pattern": PERIOD_FORMS},
    ),
]
Revision = Annotated[int | None, Query(ge=1, le=1_000_000, description="Which revision of a closed period; the newest unless given")]


class ReportItem(BaseModel):
    """An issued report; `credit_amount` is empty where the terms know no credit. `href` leads to the whole document."""

    agreement_id: str
    title: str
    period: str
    revision: int
    issued_at: str
    breached: list[str]
    credit_amount: str
    credit_currency: str
    href: str


class ReportPage(BaseModel):
    items: list[ReportItem]
    next: str | None


@dataclass(frozen=True, kw_only=True)
class ReportBody(Report):
    """A report; `since_then` only where it was asked for, and never part of what was issued."""

    since_then: SinceThen | None = None


def routes(reports: Reports, pages: Pages) -> APIRouter:
    """Reads only: reports are issued by what happens, not by request."""
    router = APIRouter(prefix=PREFIX, tags=["reports"])

    @router.get("", response_model=ReportPage, operation_id="list_reports")
    async def list_reports(
        request: Request,
        response: Response,
        context: Acting,
        paging: Paging,
        agreement_id: Annotated[str, Query(description="Only reports on this agreement")] = "",
    ) -> dict[str, object]:
        """Issued reports, the newest period first, every revision of it."""
        found = await reports.issued_reports(
            context.caller, agreement_id=agreement_id, after=parse_page_start(paging.cursor, place="cursor"), limit=paging.limit + 1
        )
        return paged(request, response, [_item(issued) for issued in found[: paging.limit]], _next(found, paging))

    @router.get(
        "/{agreement_id}/{period}", response_model=ReportBody, operation_id="get_report", responses={304: {"description": "Not modified"}}
    )
    async def get_report(
        *,
        agreement_id: AgreementId,
        period: Period,
        context: Acting,
        revision: Revision = None,
        live: Annotated[bool, Query(description="Add `since_then`: what changed after the report was issued")] = False,
        if_none_match: Annotated[str | None, Header(description="The ETag of the report that is already there")] = None,
    ) -> Response:
        """The report on a period. Issued ones are the same bytes for ever; one that is not closed is answered to date, `provisional`."""
        answer = await reports.get(context.caller, agreement_id, period, revision)
        body, tag = answer.document, answer.etag
        if live and not answer.provisional:
            body, tag = _with_since(answer, await reports.since(context.caller, answer.report))
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if if_none_match and tag in {candidate.strip() for candidate in if_none_match.split(",")}:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    @router.get(
        "/{agreement_id}/{period}/page",
        operation_id="get_report_page",
        response_class=Response,
        responses={200: {"description": "The report for people", "content": {"text/html": {"schema": {"type": "string"}}}}},
    )
    async def get_report_page(agreement_id: AgreementId, period: Period, context: Acting, revision: Revision = None) -> Response:
        """The same report as a page, with its charts."""
        answer = await reports.get(context.caller, agreement_id, period, revision)
        since = None if answer.provisional else await reports.since(context.caller, answer.report)
        return pages.report(answer.report, since, caller=context.caller, session=False)

    return router


def _next(found: list[IssuedReport], paging: PageRequest) -> str | None:
    return page_start(found[paging.limit - 1]) if len(found) > paging.limit else None


def _item(issued: IssuedReport) -> ReportItem:
    report = read(issued.document)
    return ReportItem(
        agreement_id=issued.agreement_id,
        title=report.agreement.title,
        period=issued.period,
        revision=issued.revision,
        issued_at=issued.issued_at,
        breached=sorted({part.id for part in report.objectives if part.verdict == "breached"}),
        credit_amount=report.credit.amount if report.credit else "",
        credit_currency=report.credit.currency if report.credit else "",
        href=report.provenance.report_path,
    )


def _with_since(answer: Answer, since: SinceThen) -> tuple[bytes, str]:
    added = json.dumps(asdict(since), ensure_ascii=False, separators=(",", ":")).encode()
    body = answer.document[:-1] + b',"since_then":' + added + b"}"
    return body, f'"{sha256(body).hexdigest()[:32]}"'
