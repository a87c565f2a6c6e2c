"""What every HTTP request passes before a room sees it: its id, its trace, its operation, its caller, and a bound on its body.

Denies by default: a path is only ever reached as an operation that is in the permission table.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from fastapi import FastAPI, params
from fastapi.routing import RouteContext, iter_route_contexts
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.identity import PUBLIC, Identity, MissingPermission, check
from services.chassis.problems import REQUEST_ID, UnsupportedMediaType, of_status, refused
from services.chassis.request_facts import sane_id
from services.chassis.telemetry import Telemetry, correlated, log, trace_id
from services.vocabulary.errors import Refusal
from services.vocabulary.identity import Caller, Role

ARRIVAL = "upheld.arrival"
SESSION_COOKIE = "upheld_session"
_JSON = re.compile(r"application/([\w.+-]+\+)?json\s*(;|$)", re.IGNORECASE)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_log = log("chassis.http")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What may be asked at a path; `methods` is empty where the route takes any (a mounted folder)."""

    name: str
    path: str
    pattern: re.Pattern[str]
    methods: frozenset[str]
    roles: frozenset[Role]
    takes_json: bool


@dataclass(kw_only=True)
class Arrival:
    """What is known of a request once it is let in. `caller` is None only at a public operation."""

    request_id: str
    correlation_id: str
    operation: Operation
    caller: Caller | None = None
    digest: BodyDigest | None = None


@dataclass
class BodyDigest:
    """SHA-256 over the body as it is read; complete once the last part was."""

    _hash: Any = field(default_factory=hashlib.sha256)
    complete: bool = False

    def add(self, part: bytes, *, more: bool) -> None:
        self._hash.update(part)
        self.complete = not more

    def hexdigest(self) -> str:
        assert self.complete, "the body is read first"
        return str(self._hash.hexdigest())


class House(Protocol):
    """What the doorway needs of the platform."""

    @property
    def identity(self) -> Identity: ...
    @property
    def telemetry(self) -> Telemetry: ...


class Operations:
    """All that an app answers to. Empty until sealed: an app that never was answers nothing."""

    def __init__(self) -> None:
        self._all: tuple[Operation, ...] = ()

    def seal(self, app: FastAPI, permissions: Mapping[str, frozenset[Role]]) -> None:
        """Raises `MissingPermission` with every route that has no entry; an entry without a route is fine."""
        routes = [(name_of(route), route) for route in iter_route_contexts(app.routes)]
        if missing := {name for name, _ in routes if name not in permissions}:
            raise MissingPermission(missing)
        self._all = tuple(_operation(name, route, permissions[name]) for name, route in routes)

    def at(self, scope: Scope) -> tuple[Operation | None, frozenset[str]]:
        """The first operation that fits, in the order of the routes; else None, with the methods the path takes."""
        path, method = scope["path"].removeprefix(scope.get("root_path", "")), scope["method"]
        allowed: set[str] = set()
        for operation in self._all:
            if operation.pattern.match(path):
                if not operation.methods or method in operation.methods:
                    return operation, frozenset()
                allowed |= operation.methods
        return None, frozenset(allowed)


class Doorway:
    """The outermost middleware of an app."""

    def __init__(self, app: ASGIApp, *, service: str, platform: House, operations: Operations, body_limit_bytes: int) -> None:
        self._app = app
        self._service = service
        self._platform = platform
        self._operations = operations
        self._body_limit = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._traced(scope, receive, send)

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = Headers(scope=scope)
        operation, allowed = self._operations.at(scope)
        name = operation.name if operation else "unmatched"
        scope[REQUEST_ID] = sane_id(headers.get("x-request-id"))
        reply = _Reply(send, scope[REQUEST_ID])
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"], "upheld.operation": name}
        if operation:
            attributes["http.route"] = operation.path
        with (
            structlog.contextvars.bound_contextvars(request_id=scope[REQUEST_ID], service=self._service),
            self._platform.telemetry.span(
                f"{scope['method']} {operation.path if operation else name}",
                traceparent=headers.get("traceparent", ""),
                attributes=attributes,
                kind=SpanKind.SERVER,
                service=self._service,
            ),
        ):
            await self._answered(scope, receive, reply, operation, allowed)
            seconds = time.perf_counter() - started
            self._platform.telemetry.answered(door="http", service=self._service, operation=name, status=str(reply.status), seconds=seconds)
            _log.debug("answered", operation=name, path=scope["path"], status=reply.status, ms=round(seconds * 1000, 1))

    async def _answered(self, scope: Scope, receive: Receive, reply: _Reply, operation: Operation | None, allowed: frozenset[str]) -> None:
        span = trace.get_current_span()
        try:
            await self._admitted(scope, receive, reply, operation, allowed)
        except ClientDisconnect:
            _log.info("the caller went away before it was answered", path=scope["path"], method=scope["method"])
        except Exception as fault:
            _log.exception("unexpected fault", path=scope["path"], method=scope["method"])
            span.record_exception(fault)
            if reply.status:
                raise
            await of_status(scope, 500, detail="An unexpected fault; the request id finds it in the log")(scope, receive, reply)
        span.set_attribute("http.response.status_code", reply.status)

    async def _admitted(self, scope: Scope, receive: Receive, reply: _Reply, operation: Operation | None, allowed: frozenset[str]) -> None:
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            await of_status(scope, 400, code="malformed-address", detail="a NUL character is no part of an address")(scope, receive, reply)
        elif operation is None:
            status = 405 if allowed else 404
            headers = {"Allow": ", ".join(sorted(allowed))} if allowed else None
            await of_status(scope, status, headers=headers)(scope, receive, reply)
        else:
            await self._let_in(scope, receive, reply, operation)

    async def _let_in(self, scope: Scope, receive: Receive, reply: _Reply, operation: Operation) -> None:
        headers = Headers(scope=scope)
        correlation_id = sane_id(headers.get("x-correlation-id"), otherwise=scope[REQUEST_ID])
        arrival = Arrival(request_id=scope[REQUEST_ID], correlation_id=correlation_id, operation=operation)
        try:
            if operation.roles is not PUBLIC:
                reply.private = True
                arrival.caller = await proven(self._platform.identity, scope)
                check(arrival.caller, operation.name, operation.roles)
            if operation.takes_json and _has_body(headers) and not _JSON.match(headers.get("content-type", "")):
                raise UnsupportedMediaType("this operation reads application/json")
        except Refusal as refusal:
            await refused(scope, refusal)(scope, receive, reply)
            return
        told = headers.get("content-length", "")
        if told.isdecimal() and int(told) > self._body_limit:
            await of_status(scope, 413, detail=self._too_large())(scope, receive, reply)
            return
        if "idempotency-key" in headers:
            arrival.digest = BodyDigest()
        scope[ARRIVAL] = arrival
        with correlated(correlation_id):
            await self._app(scope, self._bounded(receive, arrival.digest), reply)

    def _bounded(self, receive: Receive, digest: BodyDigest | None) -> Receive:
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                part = message.get("body", b"")
                taken += len(part)
                if taken > self._body_limit:
                    raise HTTPException(413, self._too_large())
                if digest is not None and not digest.complete:
                    digest.add(part, more=message.get("more_body", False))
            return message

        return bounded

    def _too_large(self) -> str:
        return f"the body may have at most {self._body_limit} bytes"


async def proven(identity: Identity, scope: Scope) -> Caller:
    """By what `handed_in` finds."""
    return await identity.authenticate(*handed_in(scope))


def handed_in(scope: Scope) -> tuple[str | None, str | None]:
    """The Authorization header, else the API key, else, for GET only, the session cookie that holds a bearer token."""
    headers = Headers(scope=scope)
    authorization, api_key = headers.get("authorization"), headers.get("x-api-key")
    if not authorization and not api_key and scope["method"] == "GET":
        session = cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE)
        authorization = f"Bearer {session}" if session else None
    return authorization, api_key


def name_of(route: RouteContext) -> str:
    """Of a route, its operation id; of a mounted folder or plain route, its name."""
    return getattr(route, "operation_id", None) or route.name or str(route.path)


class _Reply:
    """Sends on, with the headers that every answer has; `status` is 0 until the answer has begun."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.private = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            is_page = headers.get("content-type", "").startswith("text/html")
            headers.setdefault("Content-Security-Policy", _PAGE_POLICY if is_page else _POLICY)
            if self.private:
                headers.setdefault("Cache-Control", "no-store")
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Request-Id"] = self._request_id
            headers["X-Trace-Id"] = trace_id()
        await self._send(message)


def _operation(name: str, route: RouteContext, roles: frozenset[Role]) -> Operation:
    body = getattr(route, "body_field", None)
    return Operation(
        name=name,
        path=route.path_format or route.path or name,
        pattern=route.path_regex,
        methods=frozenset(_known_methods(route.methods or ())),
        roles=roles,
        takes_json=body is not None and not isinstance(body.field_info, params.Form | params.File),
    )


def _known_methods(methods: Iterable[str]) -> set[str]:
    return {method.upper() for method in methods}


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
