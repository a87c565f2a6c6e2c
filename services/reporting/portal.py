"""The door for people: pages by GET, a session in a cookie that scripts cannot read. Translates only; decides nothing."""

from __future__ import annotations

import json
import re
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.clock import Clock
from services.chassis.http import SESSION_COOKIE, Acting
from services.chassis.identity import Identity, Unauthenticated
from services.reporting.application import Overview, Reports, read
from services.reporting.page import Card, card, improvement_views, report_row, trends
from services.reporting.pages import STATIC, Pages
from services.reporting.words import moment
from services.vocabulary.errors import NotAllowed
from services.vocabulary.period import instant_of, instant_text

PREFIX = "/portal"

_ENTER = f"{PREFIX}/enter"
_ONWARD = re.compile(r"/portal(/[A-Za-z0-9._~/%-]*)?(\?[A-Za-z0-9._~=&%-]*)?")
_PROBLEM = "application/problem+json"
_EXPIRED = "token-expired"
_SAID = {
    "expired": "Your access token has expired. Ask your service manager for a new one.",
    "invalid": "That access token is not valid here. Check that all of it was pasted.",
}
_KEPT_HEADERS = ("x-request-id", "x-trace-id", "retry-after", "allow")


class ForeignForm(NotAllowed):
    """The form that hands in a token is sent from the portal's own page and from nowhere else."""

    code = "foreign-form"


def routes(reports: Reports, pages: Pages, *, identity: Identity, clock: Clock, secure: bool) -> APIRouter:
    """`secure`: people reach the portal by https, so the cookie travels by nothing else."""
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    _add_entrance(router, pages, identity=identity, secure=secure)
    _add_pages(router, reports, pages, clock=clock)
    return router


def _add_entrance(router: APIRouter, pages: Pages, *, identity: Identity, secure: bool) -> None:
    @router.get("/enter", operation_id="enter_portal")
    async def enter(why: str = "", onward: Annotated[str, Query(alias="next")] = PREFIX) -> Response:
        return pages.enter(message=_SAID.get(why, ""), onward=_own(onward))

    @router.post("/session", operation_id="open_portal_session")
    async def open_session(
        request: Request, token: Annotated[str, Form()] = "", onward: Annotated[str, Form(alias="next")] = PREFIX
    ) -> Response:
        if not _is_own_form(request.headers):
            raise ForeignForm("a session is opened from the portal's own page")
        try:
            await identity.authenticate(f"Bearer {token.strip()}", None)
        except Unauthenticated as refusal:
            return pages.enter(message=_SAID[_why(refusal.code)], onward=_own(onward), status=401)
        answer = RedirectResponse(_own(onward), status_code=303)
        answer.set_cookie(SESSION_COOKIE, token.strip(), path="/", httponly=True, samesite="strict", secure=secure)
        return answer

    @router.post("/leave", operation_id="leave_portal")
    async def leave() -> Response:
        answer = RedirectResponse(_ENTER, status_code=303)
        answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict", secure=secure)
        return answer

    @router.get(STATIC.removeprefix(PREFIX) + "/{name}", operation_id="portal_static")
    async def static(name: str, v: str = "") -> Response:
        return pages.file(name, v)


def _add_pages(router: APIRouter, reports: Reports, pages: Pages, *, clock: Clock) -> None:
    @router.get("", operation_id="portal_home")
    async def home(context: Acting) -> Response:
        found = await reports.overviews(context.caller)
        as_of = moment(instant_text(instant_of(clock.now().replace(second=0, microsecond=0))), "UTC")
        cards = [_card(overview, key=f"c{index}") for index, overview in enumerate(found)]
        return pages.home(cards, caller=context.caller, as_of=f"{as_of} UTC")

    @router.get("/agreements/{agreement_id}", operation_id="portal_agreement")
    async def agreement(agreement_id: Annotated[str, Path()], context: Acting) -> Response:
        overview = await reports.overview(context.caller, agreement_id)
        return pages.agreement(
            _card(overview, key="c"),
            caller=context.caller,
            trends=trends(overview.agreement, closed=overview.closed, running=overview.running),
            reports=[report_row(read(issued.document), issued_at=issued.issued_at) for issued in overview.reports],
            improvements=improvement_views(overview.improvements, overview.agreement),
            parties=overview.agreement.newest.parties,
        )

    @router.get("/agreements/{agreement_id}/reports/{period}", operation_id="portal_report")
    async def report(
        agreement_id: str, period: str, context: Acting, revision: Annotated[int | None, Query(ge=1, le=1_000_000)] = None
    ) -> Response:
        answer = await reports.get(context.caller, agreement_id, period, revision)
        since = None if answer.provisional else await reports.since(context.caller, answer.report)
        return pages.report(answer.report, since, caller=context.caller, session=True)


class ForPeople:
    """Between the portal and its readers: who is not proven is led to the entrance, and a problem document becomes a page."""

    def __init__(self, app: ASGIApp, *, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_portal(scope["path"]):
            await self._app(scope, receive, send)
            return
        held = _HeldProblem(send)
        await self._app(scope, receive, held)
        if held.status:
            await self._answer(scope, held)(scope, receive, send)

    def _answer(self, scope: Scope, held: _HeldProblem) -> Response:
        told = json.loads(held.body)
        if held.status == 401:
            return _to_the_entrance(scope, str(told["code"]))
        page = self._pages.problem(status=held.status, title=str(told["title"]), detail=str(told["detail"]))
        page.headers.update({name: value for name in _KEPT_HEADERS if (value := held.headers.get(name))})
        return page


class _HeldProblem:
    """Lets every answer through but problem documents, which it keeps; `status` is 0 where there was none."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.headers = Headers()
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith(_PROBLEM):
                self.status, self.headers = message["status"], headers
        if not self.status:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


def _to_the_entrance(scope: Scope, code: str) -> Response:
    query = scope["query_string"].decode("latin-1")
    asked = scope["path"] + (f"?{query}" if query else "")
    told: dict[str, str] = {}
    if code != Unauthenticated.code:
        told["why"] = _why(code)
    if asked != PREFIX and _own(asked) == asked:
        told["next"] = asked
    return RedirectResponse(_ENTER + (f"?{urlencode(told)}" if told else ""), status_code=303, headers={"Cache-Control": "no-store"})


def _why(code: str) -> str:
    return "expired" if code == _EXPIRED else "invalid"


def _own(onward: str) -> str:
    """A page of the portal, or the first one: nobody is sent elsewhere from here."""
    return onward if _ONWARD.fullmatch(onward) else PREFIX


def _is_portal(path: str) -> bool:
    return path == PREFIX or (path.startswith(f"{PREFIX}/") and not path.startswith(f"{STATIC}/"))


def _is_own_form(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin", "")
    return origin in ("", "null") or urlsplit(origin).netloc == headers.get("host")


def _card(overview: Overview, *, key: str) -> Card:
    return card(
        overview.agreement,
        status=overview.status,
        running=overview.running,
        reachable=overview.reachable,
        latest=overview.closed[-1] if overview.closed else None,
        warnings=overview.warnings,
        key=key,
    )
