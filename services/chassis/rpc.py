"""The gRPC door of every service: every call proven, permitted, bounded and traced before a room sees it. Holds no rule of any room.

Denies by default: a method that is in no permission table keeps the server from being built.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc.aio
import structlog
from google.protobuf import descriptor_pool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status
from opentelemetry.trace import Span, SpanKind

from services.chassis.clock import Clock
from services.chassis.context import Context, Request
from services.chassis.identity import PUBLIC, MissingPermission, check
from services.chassis.request_facts import bounded_reason, digest, reason, refuse_nul, repeatable, sane_id
from services.chassis.rpc_client import EXPIRES_AT, Untyped, client
from services.chassis.rpc_status import Status, code_of, fault, status_of, too_late
from services.chassis.telemetry import correlated, current_traceparent, log
from services.vocabulary.errors import Refusal, invalid
from services.vocabulary.identity import Caller, OrganisationId, Role

if TYPE_CHECKING:
    from services.chassis.service import Platform

T = TypeVar("T")

__all__ = ["Served", "client", "context_of", "page_size", "server"]

_PUBLIC_SERVICES = (health.SERVICE_NAME, reflection.SERVICE_NAME)
_MOST_ON_A_PAGE = 200
_USUAL_ON_A_PAGE = 50
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_log = log("chassis.rpc")


class Served(Protocol):
    """What the server needs of a `Service`. `servicers`: full proto service name and what adds its implementation."""

    @property
    def name(self) -> str: ...
    @property
    def servicers(self) -> Sequence[tuple[str, Callable[[grpc.aio.Server], None]]]: ...
    @property
    def permissions(self) -> Mapping[str, frozenset[Role]]: ...


@dataclass(frozen=True, kw_only=True)
class _Operation:
    """`name` is the method in snake case, as the permission tables name it."""

    service: str
    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, kw_only=True)
class _Call:
    """What is known of the call being answered; `fingerprint` is "" for a stream of requests."""

    operation: _Operation
    caller: Caller
    correlation_id: str
    metadata: Mapping[str, str]
    fingerprint: str
    clock: Clock


_call: ContextVar[_Call] = ContextVar("call")


def server(platform: Platform, services: Sequence[Served]) -> grpc.aio.Server:
    """With health and reflection, open to everybody; not yet listening. Raises `MissingPermission` with every method without an entry."""
    operations = _operations(services)
    limit = platform.settings.body_limit_bytes
    built = grpc.aio.server(
        interceptors=[_Guard(platform, operations)],
        options=[("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit), ("grpc.so_reuseport", 0)],
    )
    names = [name for service in services for name, _ in service.servicers]
    for service in services:
        for _, add in service.servicers:
            add(built)
    health_pb2_grpc.add_HealthServicer_to_server(_Health([*names, *(service.name for service in services)]), built)
    reflection.enable_server_reflection([*names, *_PUBLIC_SERVICES], built)
    return built


def context_of(servicer_context: Untyped, *, because: str = "") -> Context:
    """The proven caller, and why and by which request it acts. Only while a call is being answered.

    `because` is the reason the message gives; without one that of the metadata counts. Refuses one that is too long, and an idempotency
    key that came with a stream of requests: their input is not known beforehand.
    """
    call = _call.get()
    given = bounded_reason(because, place="reason") or reason(call.metadata.get("x-reason", ""), place="x-reason")
    return Context(
        caller=call.caller,
        recorded_at=call.clock.now(),
        reason=given,
        tool="grpc",
        operation=call.operation.name,
        correlation_id=call.correlation_id,
        traceparent=current_traceparent(),
        request=_repeatable(call),
    )


def page_size(asked: int) -> int:
    """What a request's `page_size` means: 0 the usual 50. Refuses what is not from 0 to 200."""
    if not 0 <= asked <= _MOST_ON_A_PAGE:
        raise invalid("page_size", f"must be from 1 to {_MOST_ON_A_PAGE}, not {asked}")
    return asked or _USUAL_ON_A_PAGE


def _repeatable(call: _Call) -> Request | None:
    key = call.metadata.get("idempotency-key")
    if key is None:
        return None
    if not call.fingerprint:
        raise invalid("idempotency-key", "does not apply to a stream of requests")
    return repeatable(call.caller, call.operation.name, key, fingerprint=call.fingerprint, place="idempotency-key")


def _operations(services: Sequence[Served]) -> dict[str, _Operation]:
    found: dict[str, _Operation] = {}
    missing: list[str] = []
    for service in services:
        for full_name, _ in service.servicers:
            for method in descriptor_pool.Default().FindServiceByName(full_name).methods:
                name = _WORDS.sub("_", method.name).lower()
                if name in service.permissions:
                    found[f"/{full_name}/{method.name}"] = _Operation(service=service.name, name=name, roles=service.permissions[name])
                else:
                    missing.append(f"{full_name}/{method.name}")
    if missing:
        raise MissingPermission(missing)
    return found


class _Health(health_pb2_grpc.HealthServicer):
    """Every service that this server was built with serves as long as the server answers."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(("", *names))

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Untyped) -> health_pb2.HealthCheckResponse:
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Untyped) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        known = request.service in self._names
        states = health_pb2.HealthCheckResponse
        yield states(status=states.SERVING if known else states.SERVICE_UNKNOWN)
        await asyncio.Event().wait()


class _Guard(grpc.aio.ServerInterceptor):
    """Stands before every method."""

    def __init__(self, platform: Platform, operations: Mapping[str, _Operation]) -> None:
        self._platform = platform
        self._operations = operations

    async def intercept_service(self, continuation: Untyped, handler_call_details: grpc.HandlerCallDetails) -> Untyped:
        handler = await continuation(handler_call_details)
        path = handler_call_details.method
        if handler is None or path.split("/")[1] in _PUBLIC_SERVICES:
            return handler
        operation = self._operations.get(path)
        return self._guarded(handler, path, operation) if operation else None

    def _guarded(self, handler: Untyped, path: str, operation: _Operation) -> Untyped:
        kind, wrapped = _kind(handler)
        behaviour = getattr(handler, kind)

        async def one(request: Untyped, context: Untyped) -> Untyped:
            async with self._entered(operation, path, context, _fingerprint(path, request)):
                return await behaviour(_without_nul(request), context)

        async def many(request: Untyped, context: Untyped) -> AsyncIterator[Untyped]:
            async with self._entered(operation, path, context, _fingerprint(path, request)):
                async for answer in behaviour(_without_nul(request), context):
                    yield answer

        answering = many if handler.response_streaming else one
        return wrapped(answering, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer)

    @asynccontextmanager
    async def _entered(self, operation: _Operation, path: str, context: Untyped, fingerprint: str) -> AsyncIterator[None]:
        metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
        correlation_id = sane_id(metadata.get("x-correlation-id"))
        started = time.perf_counter()
        status: Status | None = None
        with (
            correlated(correlation_id),
            structlog.contextvars.bound_contextvars(service=operation.service),
            self._span(operation, path, metadata.get("traceparent", "")) as span,
        ):
            bound_s = self._bound_s(context)
            deadline = asyncio.timeout(bound_s)
            try:
                async with deadline:
                    caller = await self._admitted(operation, metadata)
                    call = _Call(
                        operation=operation,
                        caller=caller,
                        correlation_id=correlation_id,
                        metadata=metadata,
                        fingerprint=fingerprint,
                        clock=self._platform.clock,
                    )
                    with _set(_call, call), _set(EXPIRES_AT, time.monotonic() + bound_s):
                        yield
            except Refusal as refusal:
                span.set_attribute("upheld.refusal", refusal.code)
                status = status_of(refusal)
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                status = too_late(bound_s) if deadline.expired() else _fault(error, path, span)
            self._count(operation, span, code_of(status), started)
        if status is not None:
            await context.abort_with_status(rpc_status.to_status(status))

    async def _admitted(self, operation: _Operation, metadata: Mapping[str, str]) -> Caller:
        if operation.roles is PUBLIC:
            return _NOBODY
        caller = await self._platform.identity.authenticate(metadata.get("authorization"), metadata.get("x-api-key"))
        check(caller, operation.name, operation.roles)
        return caller

    def _bound_s(self, context: Untyped) -> float:
        """Seconds: what the caller is willing to wait, else what the setting says."""
        remaining_s: float | None = context.time_remaining()
        return self._platform.settings.grpc_deadline_s if remaining_s is None else remaining_s

    def _span(self, operation: _Operation, path: str, traceparent: str) -> AbstractContextManager[Span]:
        attributes = {"rpc.system": "grpc", "rpc.method": path, "upheld.operation": operation.name}
        return self._platform.telemetry.span(
            path.lstrip("/"), traceparent=traceparent, kind=SpanKind.SERVER, attributes=attributes, service=operation.service
        )

    def _count(self, operation: _Operation, span: Span, code: str, started: float) -> None:
        span.set_attribute("rpc.grpc.status", code)
        seconds = time.perf_counter() - started
        self._platform.telemetry.answered(door="grpc", service=operation.service, operation=operation.name, status=code, seconds=seconds)
        _log.debug("answered", operation=operation.name, status=code, ms=round(seconds * 1000, 1))


_NOBODY = Caller(subject="", organisation=OrganisationId(""), roles=frozenset())


def _fault(error: Exception, path: str, span: Span) -> Status:
    _log.exception("unexpected fault", method=path)
    span.record_exception(error)
    return fault()


def _fingerprint(path: str, request: Untyped) -> str:
    """Of the one request of a call; "" for a stream of them."""
    return digest(path, request.SerializeToString(deterministic=True).hex()) if isinstance(request, Message) else ""


def _without_nul(request: Untyped) -> Untyped:
    """The request, or each of a stream of them as it comes; refused where one of its texts holds a NUL."""
    if not isinstance(request, Message):
        return _each_without_nul(request)
    if b"\x00" in request.SerializeToString():
        refuse_nul(MessageToDict(request, preserving_proto_field_name=True))
    return request


async def _each_without_nul(requests: AsyncIterator[Untyped]) -> AsyncIterator[Untyped]:
    async for request in requests:
        yield _without_nul(request)


def _kind(handler: Untyped) -> tuple[str, Callable[..., Untyped]]:
    kinds: dict[tuple[bool, bool], tuple[str, Callable[..., Untyped]]] = {
        (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
        (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
        (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
        (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
    }
    return kinds[(handler.request_streaming, handler.response_streaming)]


@contextmanager
def _set(variable: ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
