"""The HTTP door of every service: one way to be asked, to be refused and to page. Holds no rule of any room."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.routing import APIRoute

from services.chassis.context import Context
from services.chassis.context import Request as RepeatableRequest
from services.chassis.docs_pages import PERMISSIONS as DOCS_PERMISSIONS
from services.chassis.docs_pages import REQUIRED, add_docs_pages, describe
from services.chassis.doorway import ARRIVAL, SESSION_COOKIE, Arrival, Doorway, Operations, handed_in
from services.chassis.identity import MissingPermission
from services.chassis.problems import RESPONSES, MalformedBody, MissingIfMatch, UnsupportedMediaType, answer_with_problems, entity_tag
from services.chassis.request_facts import digest, reason, refuse_nul, repeatable
from services.chassis.telemetry import current_traceparent
from services.vocabulary.errors import invalid
from services.vocabulary.identity import Caller, Role

if TYPE_CHECKING:
    from services.chassis.service import Platform

__all__ = [
    "RESPONSES",
    "SESSION_COOKIE",
    "Acting",
    "Credential",
    "IfMatch",
    "MalformedBody",
    "MissingPermission",
    "PageRequest",
    "Paging",
    "RequiredIfMatch",
    "UnsupportedMediaType",
    "create_app",
    "etag",
    "paged",
    "seal",
]

_IF_MATCH = re.compile(r'(?:W/)?"(\d{1,9})"')
_IF_MATCH_PATTERN = r'^(W/)?"\d{1,9}"$'
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,1024}")


def create_app(
    service: str, *, title: str, version: str, platform: Platform, permissions: Mapping[str, frozenset[Role]], docs: str
) -> FastAPI:
    """An app that answers nothing until it is sealed. `docs` is the description in Markdown at the head of its API document."""
    operations = Operations()
    app = _App(
        title=title,
        version=version,
        description=docs,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_route_name,
        responses=RESPONSES,
        dependencies=[Depends(_without_nul)],
    )
    app.state.platform = platform
    app.state.operations = operations
    app.state.permissions = permissions
    answer_with_problems(app)
    add_docs_pages(app, service)
    app.add_middleware(
        Doorway, service=service, platform=platform, operations=operations, body_limit_bytes=platform.settings.body_limit_bytes
    )
    return app


def seal(app: FastAPI, permissions: Mapping[str, frozenset[Role]]) -> None:
    """Opens the app, once all its routes are added. Raises `MissingPermission` if one has no entry under its operation id,
    which is its function's name unless given, or, for a mounted folder, under its name."""
    operations: Operations = app.state.operations
    operations.seal(app, {**DOCS_PERMISSIONS, **permissions})


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            describe(super().openapi(), self.state.permissions)
        assert self.openapi_schema is not None
        return self.openapi_schema


def _route_name(route: APIRoute) -> str:
    return route.name


async def _without_nul(request: Request) -> None:
    arrival: Arrival = request.scope[ARRIVAL]
    if arrival.operation.takes_json and await request.body():
        refuse_nul(await request.json())


async def _acting(request: Request) -> Context:
    arrival: Arrival = request.scope[ARRIVAL]
    assert arrival.caller is not None, "an operation that acts is not public"
    platform: Platform = request.app.state.platform
    return Context(
        caller=arrival.caller,
        recorded_at=platform.clock.now(),
        reason=reason(request.headers.get("x-reason", ""), place="X-Reason"),
        tool="http",
        operation=arrival.operation.name,
        correlation_id=arrival.correlation_id,
        traceparent=current_traceparent(),
        request=await _repeatable(request, arrival, arrival.caller),
    )


Acting = Annotated[Context, Depends(_acting)]
"""The proven caller, and why and by which request it acts."""


def _credential(request: Request) -> tuple[tuple[str, str], ...]:
    authorization, api_key = handed_in(request.scope)
    return tuple((name, value) for name, value in (("authorization", authorization), ("x-api-key", api_key)) if value)


Credential = Annotated[tuple[tuple[str, str], ...], Depends(_credential)]
"""What the caller proved itself by, as metadata of a call to another service in the caller's own name."""


async def _repeatable(request: Request, arrival: Arrival, caller: Caller) -> RepeatableRequest | None:
    key = request.headers.get("idempotency-key")
    if key is None or request.method in {"GET", "HEAD", "OPTIONS"}:
        return None
    assert arrival.digest is not None, "the doorway reads along where there is a key"
    if not arrival.digest.complete:
        await request.body()
    fingerprint = digest(request.method, request.url.path, request.url.query, arrival.digest.hexdigest())
    return repeatable(caller, arrival.operation.name, key, fingerprint=fingerprint, place="Idempotency-Key")


def _if_match(
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", description='The version this is decided on: "3"', json_schema_extra={"pattern": _IF_MATCH_PATTERN}),
    ] = None,
) -> int | None:
    return None if if_match is None else _version(if_match)


def _required_if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='The version this is decided on: "3"',
            json_schema_extra={"pattern": _IF_MATCH_PATTERN, REQUIRED: True},
        ),
    ] = None,
) -> int:
    if if_match is None:
        raise MissingIfMatch('this change needs the header If-Match with the version it is decided on, such as "3"')
    return _version(if_match)


def _version(entity_tag: str) -> int:
    found = _IF_MATCH.fullmatch(entity_tag.strip())
    if found is None:
        raise invalid("If-Match", 'must be one version in quotes, such as "3"')
    return int(found[1])


IfMatch = Annotated[int | None, Depends(_if_match)]
"""The version a change was decided on; None where the header is absent."""

RequiredIfMatch = Annotated[int, Depends(_required_if_match)]
"""As `IfMatch`; refuses (428) where the header is absent."""


def etag(response: Response, version: int) -> None:
    """What a later If-Match names."""
    response.headers["ETag"] = entity_tag(version)


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """`cursor` is what the page before gave as its next cursor, decoded; empty at the start."""

    limit: int = 50
    cursor: str = ""


def _paging(
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most")] = 50,
    cursor: Annotated[
        str | None,
        Query(description="Where the page before ended: its `next`", json_schema_extra={"pattern": f"^{_CURSOR.pattern}$"}),
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor="" if cursor is None else _decoded(cursor))


Paging = Annotated[PageRequest, Depends(_paging)]


def paged(request: Request, response: Response, items: Sequence[object], next_cursor: str | None) -> dict[str, object]:
    """The body of a page, with a Link to the next where there is one. `next_cursor` is plain text; callers never see it so."""
    following = _encoded(next_cursor) if next_cursor else None
    if following:
        target = request.url.include_query_params(cursor=following)
        response.headers["Link"] = f'<{target.path}?{target.query}>; rel="next"'
    return {"items": list(items), "next": following}


def _encoded(cursor: str) -> str:
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    refusal = invalid("cursor", "must be the `next` of the page before")
    if not _CURSOR.fullmatch(cursor):
        raise refusal
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise refusal from None
    if not text.isprintable():
        raise refusal
    return text
