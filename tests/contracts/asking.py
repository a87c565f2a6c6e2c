"""Every operation of the platform, generated from its apps and descriptors, and a well-formed request for each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import grpc
import httpx2
from fastapi.routing import RouteContext, iter_route_contexts
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from services.chassis.docs_pages import PERMISSIONS as DOCS_PERMISSIONS
from services.chassis.doorway import name_of
from services.chassis.service import Platform, Service, platform
from services.chassis.settings import Settings
from services.command.host import SERVICES, composer
from services.vocabulary.identity import Role
from tests.contracts.platform import GROUND, LAST_MONTH, MONTH, OBJECTIVE, PROVIDER, RUNNING_MONTH, SERVICE, SLO, TERMS, House, observations

Door = Literal["http", "grpc"]
About = Literal["a thing", "a list", "new terms", "a settlement", "one's own"]
Values = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A route with one of its methods, or an RPC; `name` is the key of the permission table."""

    door: Door
    service: str
    name: str
    method: str
    path: str
    roles: frozenset[Role]
    about: About

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`status`: an HTTP status or the name of a gRPC status. `code`: of the problem or the error, else "". `items`: of a list."""

    status: int | str
    code: str
    text: str
    location: str = ""
    items: int | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.code} {self.text[:200]}"


# ---------------------------------------------------------------------------------------------------- what there is to ask


@dataclass(frozen=True, kw_only=True)
class Composed:
    """The four services as the command composes them, and the platform that they were composed on."""

    services: Sequence[Service]
    platform: Platform

    @property
    def routes(self) -> tuple[Operation, ...]:
        return tuple(operation for service in self.services for operation in routes_of(service))

    @property
    def rpcs(self) -> tuple[Operation, ...]:
        return tuple(operation for service in self.services for operation in rpcs_of(service, self.routes))


async def composed_at(nats_url: str, data: Path) -> Composed:
    """Composed, and closed again without ever having run: what they are made of stays to be looked at."""
    shared = await platform(Settings(data=data, nats_url=nats_url, http_port=0, grpc_port=0), name="contracts")
    services = [await composer(name)(shared) for name in SERVICES]
    for service in services:
        await service.close()
    await shared.close()
    return Composed(services=services, platform=shared)


def routes_of(service: Service) -> Iterator[Operation]:
    """Every route of the app with each of its methods, as the framework has them."""
    for route in iter_route_contexts(service.app.routes):
        name, path = name_of(route), re.sub(r":\w+}", "}", str(route.path))
        roles, about = {**DOCS_PERMISSIONS, **service.permissions}[name], _about(name, _needed(route))
        for method in sorted(route.methods or {"GET"}):
            yield Operation(door="http", service=service.name, name=name, method=method, path=path, roles=roles, about=about)


def rpcs_of(service: Service, routes: Iterable[Operation]) -> Iterator[Operation]:
    """Every method of its proto services; about the same as the route of the same name, where there is one."""
    same = {operation.name: operation.about for operation in routes}
    for full_name, _ in service.servicers:
        for method in descriptor_pool.Default().FindServiceByName(full_name).methods:
            name, path = re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower(), f"/{full_name}/{method.name}"
            about = same.get(name) or _about(name, {each.name for each in method.input_type.fields})
            roles = service.permissions[name]
            yield Operation(door="grpc", service=service.name, name=name, method="rpc", path=path, roles=roles, about=about)


def _needed(route: RouteContext) -> set[str]:
    """What the route cannot do without: the fields of its path and the query parameters that are required."""
    dependant = getattr(route, "dependant", None)
    found = set(re.findall(r"{(\w+)", str(route.path)))
    return found | {each.alias for each in dependant.query_params if each.field_info.is_required()} if dependant else found


def _about(name: str, needed: set[str]) -> About:
    if name == "settle_dispute":
        return "a settlement"
    if name == "rotate_key":
        return "one's own"
    if needed & {"agreement_id", "improvement_id", "exclusion_id", "key_id"} or name in (
        "claim_exclusion",
        "erase_person",
        "preview_change",
        "simulate_terms",
    ):
        return "a thing"
    if name.startswith("list_") or name in ("portal_home", "search_history"):
        return "a list"
    return "new terms" if name == "draft_agreement" else "one's own"


# ---------------------------------------------------------------------------------------------------- well-formed requests


@dataclass(frozen=True, kw_only=True)
class Request:
    """Over HTTP, without its credential."""

    method: str
    path: str
    query: Values
    headers: Values
    content: str


def values_of(house: House) -> dict[str, str]:
    """What every parameter and field is called, and a good value for it."""
    return {
        "agreement_id": house.agreement_id,
        "improvement_id": house.improvement_id,
        "exclusion_id": house.exclusion_id,
        "exclusion_class": GROUND,
        "service": SERVICE,
        "down": "true",
        "reason": "Because",
        "objective_id": OBJECTIVE,
        "period": str(MONTH),
        "number": "1",
        "version": "1",
        "path": "0/000.p/1",
        "bundle": "000.p/1",
        "size": "1",
        **{f"{service}.size": str(house.sealed(service)) for service in SERVICES},
        "signature": "no witness's",
        "from": "1",
        "to": "1",
        "start": f"{MONTH.first_day}T00:00:00Z",
        "end": f"{LAST_MONTH.first_day}T00:00:00Z",
        "after_start": f"{LAST_MONTH.first_day}T00:00:00Z",
        "after_end": f"{RUNNING_MONTH.first_day}T00:00:00Z",
        "effective_on": str(RUNNING_MONTH.next.first_day),
        "first_day": str(RUNNING_MONTH.next.first_day),
        "last_day": str(RUNNING_MONTH.next.first_day),
        "valid_until": f"{RUNNING_MONTH.next.first_day}T00:00:00Z",
        "place": "title",
        "text": "As we said",
        "held_on": str(LAST_MONTH.first_day),
        "minutes": "All well",
        "from_day": str(MONTH.first_day),
        "to_day": str(LAST_MONTH.first_day),
        "from_period": str(MONTH),
        "to_period": str(LAST_MONTH),
        "implemented_on": str(LAST_MONTH.first_day),
        "recommendation_id": house.recommendation_id,
        "description": "A standby database",
        "owner": "Rea Vogel",
        "due_on": str(LAST_MONTH.first_day),
        "digest": house.digest,
        "note": house.key_note,
        "key_id": house.key_id,
        "organisation": PROVIDER,
        "subject": "nobody.in.particular",
        "document": TERMS,
        "form": "openslo",
        "source": "probe",
        "batch": str(MONTH),
        "name": "portal.css",
        "token": house.manager.token,
    }


def request_of(operation: Operation, values: Values) -> Request:
    """What a permitted caller would send. A change names the version 1, which is never the newest: it changes nothing."""
    own = {name: values.get(f"{operation.service}.{name}", told) for name, told in values.items()}
    path = re.sub(r"{(\w+)}", lambda found: quote(own[found[1]], safe=""), operation.path)
    media_type, content = _content(operation, values)
    headers = {"Content-Type": media_type} if media_type else {}
    if operation.method not in ("GET", "HEAD"):
        headers["If-Match"] = '"1"'
    return Request(
        method=operation.method,
        path=f"{path}/swagger-ui.css" if operation.name == "docs_static" else path,
        query={name: values[name] for name in _QUERIES.get(operation.name, ())},
        headers=headers,
        content=content,
    )


_QUERIES: Mapping[str, Sequence[str]] = {
    "list_assessments": ("agreement_id",),
    "list_keys": ("organisation",),
    "list_observations": ("agreement_id", "service", "start", "end"),
    "list_exclusions": ("agreement_id",),
    "list_disputes": ("agreement_id", "period"),
    "measure_span": ("start", "end"),
    "diff_terms": ("from", "to"),
    "diff_states": ("from", "to"),
    "export_agreement": ("form",),
    "import_terms": ("form",),
    "get_log_consistency": ("from", "to"),
    "propose_amendment": ("effective_on",),
    "report_observations": ("source", "batch"),
}
_BODIES: Mapping[str, Sequence[str]] = {
    "sign_agreement": ("note", "digest"),
    "register_key": ("note",),
    "rotate_key": ("note",),
    "revoke_key": ("reason",),
    "terminate_agreement": ("last_day",),
    "comment_on_terms": ("place", "text"),
    "request_suspension": ("first_day", "last_day"),
    "request_resumption": ("first_day",),
    "record_review": ("due_on", "held_on", "minutes"),
    "plan_improvement": ("recommendation_id", "description", "owner", "due_on"),
    "record_implementation": ("implemented_on",),
    "verify_improvement": ("after_start", "after_end"),
    "claim_exclusion": ("agreement_id", "exclusion_class", "service", "start", "end", "reason"),
    "preview_change": ("agreement_id", "document", "effective_on"),
    "simulate_terms": ("agreement_id", "document", "from_period", "to_period"),
    "approve_exclusion": ("reason",),
    "refuse_exclusion": ("reason",),
    "withdraw_exclusion": ("reason",),
    "cosign_checkpoint": ("size", "signature"),
    "erase_person": ("organisation", "subject", "reason"),
    "settle_dispute": ("agreement_id", "objective_id", "start", "end", "down", "reason"),
}


def _content(operation: Operation, values: Values) -> tuple[str, str]:
    """Media type and body; empty where the operation takes none."""
    if operation.name == "answer_request":
        return "application/json", json.dumps({"confirmed": False})
    if operation.name in _BODIES:
        return "application/json", json.dumps({name: values[name] for name in _BODIES[operation.name]})
    if operation.name in ("draft_agreement", "validate_terms", "revise_draft", "counter_offer", "propose_amendment"):
        return "application/yaml", values["document"]
    if operation.name == "import_terms":
        return "application/yaml", SLO
    if operation.name == "report_observations":
        return "application/x-ndjson", observations(MONTH)
    return ("application/x-www-form-urlencoded", f"token={quote(values['token'])}") if operation.name == "open_portal_session" else ("", "")


_OBSERVED: Mapping[str, Mapping[str, object]] = {
    "status": {"state": "up"},
    "outage": {"until": f"{MONTH.next.first_day}T00:00:00Z", "cause": "Test"},
    "counter": {"good": 1, "total": 2},
    "latency": {"ms": "12.5"},
    "ticket": {"ticket": "T1", "state": "opened", "priority": "P1"},
}


def message_of(operation: Operation, values: Values) -> Message:
    """The same over gRPC: every text whose name we know is filled in, and the version 1."""
    method = descriptor_of(operation)
    request: Any = _filled(GetMessageClass(method.input_type)(), values)
    if method.client_streaming:
        request.batch = values["owner"]
        for kind, value in _OBSERVED.items():
            request.observations.add(service=SERVICE, component="web", id=kind, observed_at=values["start"], **{kind: value})
    return request  # type: ignore[no-any-return]


def _filled(message: Message, values: Values) -> Message:
    for each in message.DESCRIPTOR.fields:
        if each.name in ("expected_version", "from_version", "to_version", "version"):
            setattr(message, each.name, 1)
        elif each.type == FieldDescriptor.TYPE_MESSAGE and not each.is_repeated:
            _filled(getattr(message, each.name), values)
        elif each.type == FieldDescriptor.TYPE_STRING and each.name in values:
            setattr(message, each.name, values[each.name])
    return message


def with_each_text(request: Message, *instead: str) -> Iterator[tuple[str, Message]]:
    """The request once for each of its texts and each of these instead of it; and the place of it."""
    yield from _with_each(request, FieldDescriptor.TYPE_STRING, instead)


def with_each_number(request: Message) -> Iterator[tuple[str, Message]]:
    """The request with each of its integers in turn as low and as high as the wire carries it."""
    yield from _with_each(request, FieldDescriptor.TYPE_INT32, (-1, -(2**31), 2**31 - 1))
    yield from _with_each(request, FieldDescriptor.TYPE_INT64, (-1, -(2**63), 2**63 - 1))


def _with_each(request: Message, kind: int, instead: Sequence[object]) -> Iterator[tuple[str, Message]]:
    for path, value in product(list(_places(request, kind)), instead):
        copy = type(request)()
        copy.CopyFrom(request)
        *way, name = path
        target: Any = copy
        for step in way:
            target = target[step] if isinstance(step, int) else getattr(target, step)
        _put(target, str(name), value)
        yield f"{'.'.join(map(str, path))} {str(value)[:20]!r}", copy


def _put(message: Message, name: str, value: object) -> None:
    """A list then holds this alone."""
    if message.DESCRIPTOR.fields_by_name[name].is_repeated:
        message.ClearField(name)
        getattr(message, name).append(value)
    else:
        setattr(message, name, value)


def _places(message: Message, kind: int, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for each in message.DESCRIPTOR.fields:
        if each.type == FieldDescriptor.TYPE_MESSAGE:
            if each.is_repeated:
                for index, inner in enumerate(getattr(message, each.name)):
                    yield from _places(inner, kind, (*way, each.name, index))
            elif message.HasField(each.name):
                yield from _places(getattr(message, each.name), kind, (*way, each.name))
        elif each.type == kind:
            yield (*way, each.name)


def descriptor_of(operation: Operation) -> MethodDescriptor:
    _, service, method = operation.path.split("/")
    return descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]


# -------------------------------------------------------------------------------------------------------- asking for real


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A platform's two doors, over connections that stay."""

    http: httpx2.Client
    channel: grpc.Channel
    _calls: dict[str, Callable[..., Message]] = field(default_factory=dict)

    def ask(self, operation: Operation, values: Values, token: str) -> Answer:
        if operation.door == "http":
            return self.send(request_of(operation, values), token)
        return self.call(operation, message_of(operation, values), token)

    def send(self, request: Request, token: str) -> Answer:
        """Over HTTP; without a token, without one."""
        credential = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(
            request.method, request.path, params=dict(request.query), headers={**request.headers, **credential}, content=request.content
        )
        is_json = "json" in answer.headers.get("content-type", "") and answer.content
        document = answer.json() if is_json else {}
        items = document.get("items")
        return Answer(
            status=answer.status_code,
            code=document.get("code", ""),
            text=answer.text,
            location=answer.headers.get("location", ""),
            items=len(items) if isinstance(items, list) else None,
        )

    def call(self, operation: Operation, request: Message, token: str) -> Answer:
        """Over gRPC; without a token, without one."""
        method = descriptor_of(operation)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        try:
            answered = self._callable(operation, method)(
                iter([request]) if method.client_streaming else request, metadata=metadata, timeout=20
            )
            told = next(answered) if method.server_streaming else answered
        except grpc.RpcError as refused:
            return _refusal(refused)
        lists = [each.name for each in method.output_type.fields if each.is_repeated]
        items = len(getattr(told, lists[0])) if operation.about == "a list" else None
        return Answer(status="OK", code="", text=str(MessageToDict(told)), items=items)

    def _callable(self, operation: Operation, method: MethodDescriptor) -> Callable[..., Any]:
        if operation.path not in self._calls:
            one: Callable[..., Any] = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
            shape: Callable[..., Any] = self.channel.stream_unary if method.client_streaming else one
            self._calls[operation.path] = shape(
                operation.path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
        return self._calls[operation.path]


def _refusal(refused: grpc.RpcError) -> Answer:
    assert isinstance(refused, grpc.Call)
    return Answer(status=refused.code().name, code=_reason(refused), text=str(refused.details()))


def _reason(refused: grpc.Call) -> str:
    status = rpc_status.from_call(refused)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason)
    return ""
