"""A house for the doors' tests: the real service on a NATS child, beside agreements that answer over gRPC and publish as a relay does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc.aio
import httpx2
from google.protobuf.message import Message
from nats.js.errors import NotFoundError as NoStream
from upheld.agreements.v1 import agreements_pb2
from upheld.measurement.v1.measurement_pb2_grpc import MeasurementStub

from services.agreements.document import form_of, parse_document
from services.agreements.wire import terms_message
from services.chassis.clock import MovableClock
from services.chassis.http import create_app, seal
from services.chassis.service import Host, Platform, Service, platform
from services.chassis.settings import Settings
from services.measurement.__main__ import compose
from services.vocabulary.errors import Invalid, NotFound, Unavailable
from services.vocabulary.identity import Caller, Role
from tests.measurement.promise import AGREEMENT, MARCH_10, OPERATOR, PROVIDER, version

if TYPE_CHECKING:
    from upheld.measurement.v1.measurement_pb2_grpc import MeasurementAsyncStub

Json = Any
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"

_AGREEMENTS = agreements_pb2.DESCRIPTOR.services_by_name["Agreements"]
_PERMISSIONS = {
    "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method.name).lstrip("_"): frozenset({Role.SERVICE})
    for method in _AGREEMENTS.methods
}


@dataclass
class FakeAgreements:
    """Answers for the one agreement, from the versions it holds; publishes what it is told to."""

    platform: Platform
    versions: list[agreements_pb2.TermsVersion] = field(default_factory=lambda: [version()])
    suspensions: list[agreements_pb2.Suspension] = field(default_factory=list)
    last_day: str = ""
    reachable: bool = True
    position: int = 0

    async def terms_in_force(self, request: agreements_pb2.GetTermsInForceRequest, _: object) -> agreements_pb2.GetTermsInForceResponse:
        if not self.reachable:
            raise Unavailable("agreements rests")
        if request.agreement_id != AGREEMENT:
            raise NotFound("no such agreement")
        return agreements_pb2.GetTermsInForceResponse(versions=self.versions, last_day=self.last_day, suspensions=self.suspensions)

    async def validate(self, request: agreements_pb2.ValidateTermsRequest, _: object) -> agreements_pb2.ValidateTermsResponse:
        """By the real grammar."""
        try:
            terms = parse_document(request.document, form=form_of(request.document))
        except Invalid as refusal:
            found = [agreements_pb2.Violation(place=each.place, rule=each.rule) for each in refusal.violations]
            return agreements_pb2.ValidateTermsResponse(violations=found)
        return agreements_pb2.ValidateTermsResponse(valid=True, terms=terms_message(terms))

    async def publish(self, event: str, message: Message) -> None:
        previous, self.position = self.position, self.position + 1
        headers = {
            "ce-id": f"agreements-{self.position}",
            "ce-type": f"upheld.agreements.{event}.v1",
            "ce-time": "2026-03-17T01:30:00Z",
            "Upheld-Position": str(self.position),
            "Upheld-Previous-Position": str(previous),
            "Upheld-Correlation-Id": "the-signature",
        }
        jetstream = self.platform.broker.jetstream
        await jetstream.publish(f"upheld.agreements.{PROVIDER}.{event}", message.SerializeToString(), headers=headers)

    async def open(self) -> None:
        await self.platform.broker.ready()
        await self.platform.broker.jetstream.add_stream(name="UPHELD_AGREEMENTS", subjects=["upheld.agreements.*.*"])

    def service(self) -> Service:
        app = create_app("agreements", title="Fake", version="0", platform=self.platform, permissions=_PERMISSIONS, docs="")
        seal(app, _PERMISSIONS)
        return Service(
            name="agreements", app=app, paths=("/v1/agreements",), permissions=_PERMISSIONS, servicers=((_AGREEMENTS.full_name, self._add),)
        )

    def _add(self, server: grpc.aio.Server) -> None:
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "GetTermsInForce": grpc.unary_unary_rpc_method_handler(
                self.terms_in_force,
                request_deserializer=agreements_pb2.GetTermsInForceRequest.FromString,
                response_serializer=agreements_pb2.GetTermsInForceResponse.SerializeToString,
            ),
            "ValidateTerms": grpc.unary_unary_rpc_method_handler(
                self.validate,
                request_deserializer=agreements_pb2.ValidateTermsRequest.FromString,
                response_serializer=agreements_pb2.ValidateTermsResponse.SerializeToString,
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_AGREEMENTS.full_name, handlers),))


@dataclass
class House:
    platform: Platform
    host: Host
    http: httpx2.AsyncClient
    grpc: MeasurementAsyncStub
    agreements: FakeAgreements
    clock: MovableClock

    def bearer(self, caller: Caller) -> dict[str, str]:
        token = self.platform.identity.issue(
            subject=caller.subject, organisation=caller.organisation, roles=caller.roles, lifetime=timedelta(days=400)
        )
        return {"Authorization": f"Bearer {token}"}

    def metadata(self, caller: Caller) -> tuple[tuple[str, str], ...]:
        return (("authorization", self.bearer(caller)["Authorization"]),)

    async def get(self, path: str, caller: Caller, **query: str) -> httpx2.Response:
        return await self.http.get(f"/v1{path}", params=query, headers=self.bearer(caller))

    async def report(
        self,
        *observations: dict[str, object],
        caller: Caller = OPERATOR,
        source: str = "probe",
        batch: str = "",
        key: str = "",
        traceparent: str = "",
    ) -> httpx2.Response:
        body = {"source": source, "observations": list(observations)} | ({"batch": batch} if batch else {})
        headers = {**self.bearer(caller), "Idempotency-Key": key, "traceparent": traceparent}
        return await self.http.post("/v1/observations", json=body, headers={name: value for name, value in headers.items() if value})

    async def close(self, period: str, caller: Caller, *, key: str = "") -> httpx2.Response:
        headers = self.bearer(caller) | ({"Idempotency-Key": key} if key else {})
        return await self.http.post(f"/v1/assessments/{AGREEMENT}/{period}/close", headers=headers)

    async def assessment(self, period: str, caller: Caller, **query: str) -> Json:
        answer = await self.get(f"/assessments/{AGREEMENT}/{period}", caller, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def activate(self, message: Message, *, event: str = "agreement-activated") -> None:
        await self.agreements.publish(event, message)

    async def published(self, count: int) -> list[Any]:
        """The first messages of the service's stream, once there are so many."""
        await until(lambda: self._has_published("UPHELD_MEASUREMENT", count))
        return await self._messages("UPHELD_MEASUREMENT", count)

    async def events(self) -> list[str]:
        """The names of everything published so far."""
        if not await self._has_published("UPHELD_MEASUREMENT", 1):
            return []
        info = await self.platform.broker.jetstream.stream_info("UPHELD_MEASUREMENT")
        return [message.subject.rpartition(".")[2] for message in await self._messages("UPHELD_MEASUREMENT", info.state.messages)]

    async def buried(self, count: int) -> list[Any]:
        await until(lambda: self._has_published("UPHELD_DEADLETTER", count))
        return await self._messages("UPHELD_DEADLETTER", count)

    async def _messages(self, stream: str, count: int) -> list[Any]:
        jetstream = self.platform.broker.jetstream
        return [await jetstream.get_msg(stream, sequence) for sequence in range(1, count + 1)]

    async def _has_published(self, stream: str, count: int) -> bool:
        try:
            return (await self.platform.broker.jetstream.stream_info(stream)).state.messages >= count
        except NoStream:
            return False


async def until(holds: Callable[[], Awaitable[bool]], *, timeout_s: float = 20) -> None:
    """Asks again until it holds; fails when that takes too long."""
    async with asyncio.timeout(timeout_s):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def house(settings: Settings, *, now: datetime = MARCH_10) -> AsyncIterator[House]:
    """Everything on free ports; stopped in order on the way out."""
    free = settings.model_copy(update={"http_port": 0, "grpc_port": 0, "nats_port": 0, "close_check_every_s": 0.2})
    clock = MovableClock(now)
    shared = await platform(free, clock, name="measurement")
    agreements = FakeAgreements(shared)
    host = Host([await compose(shared), agreements.service()], shared)
    await agreements.open()
    await host.start()
    try:
        async with (
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}", timeout=20) as http,
            grpc.aio.insecure_channel(f"127.0.0.1:{host.grpc_port}") as channel,
        ):
            yield House(platform=shared, host=host, http=http, grpc=MeasurementStub(channel), agreements=agreements, clock=clock)
    finally:
        await host.stop()
