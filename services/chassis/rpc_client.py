"""How one service asks another: with its own credential, a deadline and the trace. Answers are the other's words or a refusal."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import grpc.aio
import stamina
from opentelemetry.trace import Span, SpanKind

from services.chassis.rpc_status import ServiceUnreachable, refusal_of
from services.chassis.telemetry import current_correlation_id, current_traceparent

if TYPE_CHECKING:
    from services.chassis.service import Platform

S = TypeVar("S")
Untyped: TypeAlias = Any
"""What the framework's own stubs leave open: messages and options on their way through."""

EXPIRES_AT: ContextVar[float | None] = ContextVar("expires_at", default=None)
"""By the monotonic clock: when the answer we are working on is of no use any more."""

_CREDENTIALS = frozenset({"authorization", "x-api-key"})
_READS = ("Get", "List", "Diff", "Measure", "Validate", "Explain")
_ATTEMPTS = 4


def client(platform: Platform, service_called: str, stub: Callable[[grpc.aio.Channel], S], *, calling: str) -> S:
    """A stub whose calls refuse as the called service did, and with `Unavailable` when it cannot be reached in time.

    Connects with the first call and until the platform closes; reads are asked again for a moment while the service is unreachable.
    """
    channel = _Channel(platform, service_called, calling=calling)
    platform.channels.append(channel)
    return stub(channel)


class _Channel(grpc.aio.Channel):
    """Looks like any channel to the stub; opened on first use, because an address may be known only once everything listens."""

    def __init__(self, platform: Platform, service: str, *, calling: str) -> None:
        self._platform = platform
        self._service = service
        self._calling = calling
        self._credential = platform.identity.service_credential(calling)
        self._opened: grpc.aio.Channel | None = None

    def _open(self) -> grpc.aio.Channel:
        if self._opened is None:
            limit = self._platform.settings.body_limit_bytes
            options = [("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit)]
            self._opened = grpc.aio.insecure_channel(self._platform.address(self._service), options=options)
        return self._opened

    def unary_unary(self, method: str, *serializers: Untyped, **more: Untyped) -> Untyped:
        return self._answering_once(method, lambda channel: channel.unary_unary(method, *serializers, **more))

    def stream_unary(self, method: str, *serializers: Untyped, **more: Untyped) -> Untyped:
        return self._answering_once(method, lambda channel: channel.stream_unary(method, *serializers, **more))

    def unary_stream(self, method: str, *serializers: Untyped, **more: Untyped) -> Untyped:
        async def ask(request: Untyped, **options: Untyped) -> AsyncIterator[Untyped]:
            with self._span(method):
                call = self._open().unary_stream(method, *serializers, **more)
                options["timeout"] = self._bound_s(options.get("timeout"))
                options["metadata"] = self._metadata(options.get("metadata"))
                try:
                    async for answer in call(request, **options):
                        yield answer
                except grpc.aio.AioRpcError as error:
                    raise refusal_of(error, service=self._service) from error

        return ask

    def stream_stream(self, method: str, *_serializers: Untyped, **_more: Untyped) -> Untyped:
        def unused(*_arguments: Untyped, **_options: Untyped) -> NoReturn:
            raise NotImplementedError(f"{method}: services do not talk in both directions at once")

        return unused

    def _answering_once(self, method: str, opened: Callable[[grpc.aio.Channel], Untyped]) -> Callable[..., Awaitable[Untyped]]:
        attempts = _ATTEMPTS if method.rpartition("/")[2].startswith(_READS) else 1

        async def ask(request: Untyped, **options: Untyped) -> Untyped:
            ends_at = time.monotonic() + self._bound_s(options.pop("timeout", None))
            given = options.pop("metadata", None)
            with self._span(method):
                async for attempt in _attempts(attempts, within_s=ends_at - time.monotonic()):
                    with attempt:
                        try:
                            left_s = max(ends_at - time.monotonic(), 0.0)
                            return await opened(self._open())(request, timeout=left_s, metadata=self._metadata(given), **options)
                        except grpc.aio.AioRpcError as error:
                            raise refusal_of(error, service=self._service) from error
            raise AssertionError("a retried call ends with an answer or a refusal")

        return ask

    def _span(self, method: str) -> AbstractContextManager[Span]:
        attributes = {"rpc.system": "grpc", "rpc.method": method}
        return self._platform.telemetry.span(method.lstrip("/"), kind=SpanKind.CLIENT, attributes=attributes, service=self._calling)

    def _bound_s(self, timeout_s: float | None) -> float:
        """Never longer than the answer we are working on is waited for."""
        bound_s = self._platform.settings.grpc_deadline_s if timeout_s is None else timeout_s
        expires_at = EXPIRES_AT.get()
        return bound_s if expires_at is None else max(min(bound_s, expires_at - time.monotonic()), 0.0)

    def _metadata(self, given: Untyped) -> tuple[tuple[str, str], ...]:
        """Who asks in another's name hands in that one's credential, and not the service's own."""
        in_anothers_name = any(name in _CREDENTIALS for name, _ in given or ())
        ours = {
            "authorization": "" if in_anothers_name else self._credential(),
            "traceparent": current_traceparent(),
            "x-correlation-id": current_correlation_id(),
        }
        return (*(given or ()), *((name, value) for name, value in ours.items() if value))

    async def close(self, grace: float | None = None) -> None:
        if self._opened is not None:
            await self._opened.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._open().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._open().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._open().channel_ready()

    async def __aenter__(self) -> _Channel:
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self.close()


def _attempts(count: int, *, within_s: float) -> AsyncIterator[stamina.Attempt]:
    """Again only what changes nothing, and only inside the one deadline."""
    return aiter(
        stamina.retry_context(
            on=ServiceUnreachable, attempts=count, timeout=max(within_s, 0.001), wait_initial=0.05, wait_max=0.5, wait_jitter=0.05
        )
    )
