from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Form, Request, Response
from pydantic import BaseModel
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Scope

from services.chassis.context import Context
from services.chassis.http import (
    SESSION_COOKIE,
    Acting,
    IfMatch,
    MissingPermission,
    Paging,
    RequiredIfMatch,
    create_app,
    etag,
    paged,
    seal,
)
from services.chassis.identity import PUBLIC
from services.chassis.telemetry import configure_logs
from services.vocabulary.errors import Conflict, NotAllowed, NotFound, Since, StaleVersion, Unavailable, invalid
from services.vocabulary.identity import Role
from tests.chassis.doors import SmallPlatform, as_platform, small_platform

MANAGERS = frozenset({Role.SERVICE_MANAGER})
PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "draft_agreement": MANAGERS,
    "revise_draft": MANAGERS,
    "get_agreement": frozenset({Role.SERVICE_MANAGER, Role.VIEWER}),
    "list_agreements": frozenset({Role.VIEWER}),
    "import_rows": frozenset({Role.OPERATOR}),
    "sign_in": PUBLIC,
    "refuse": PUBLIC,
    "break_down": PUBLIC,
}
SINCE = Since(version=3, type="agreement.withdrawn.v1", actor="ana", recorded_at="2026-03-09T12:00:00Z")
REFUSALS = {
    "invalid": invalid("objectives[1].target", "must be a percentage"),
    "foreign": NotFound("no such agreement"),
    "not-allowed": NotAllowed("only its own side may sign"),
    "conflict": Conflict("already terminated"),
    "stale": StaleVersion(expected=2, actual=3, changed=[SINCE]),
    "unavailable": Unavailable("measurement cannot be reached"),
}


class Objective(BaseModel):
    target: float


class Draft(BaseModel):
    objectives: list[Objective]


@pytest.fixture
def platform(tmp_path: Path) -> SmallPlatform:
    return small_platform(tmp_path, body_limit_bytes=2048)


def built(platform: SmallPlatform, seen: list[Context] | None = None) -> FastAPI:
    app = create_app(
        "agreements", title="Agreements", version="1", platform=as_platform(platform), permissions=PERMISSIONS, docs="What parties agreed."
    )
    router = APIRouter(prefix="/v1")
    contexts = [] if seen is None else seen

    @router.post("/agreements", status_code=201)
    async def draft_agreement(draft: Draft, acting: Acting, response: Response, expected: IfMatch) -> dict[str, object]:
        contexts.append(acting)
        etag(response, 1)
        return {"objectives": len(draft.objectives), "expected": expected}

    @router.put("/agreements/{agreement_id}", operation_id="revise_draft")
    async def revise(agreement_id: str, expected: RequiredIfMatch, acting: Acting) -> dict[str, object]:
        return {"expected": expected}

    @router.get("/agreements/{agreement_id}")
    async def get_agreement(agreement_id: str, acting: Acting) -> dict[str, object]:
        contexts.append(acting)
        return {"id": agreement_id, "by": acting.caller.subject}

    @router.get("/agreements")
    async def list_agreements(request: Request, response: Response, page: Paging, status: str = "") -> dict[str, object]:
        start = int(page.cursor or "0")
        numbers = list(range(start, min(start + page.limit, 5)))
        return paged(request, response, numbers, str(start + page.limit) if start + page.limit < 5 else None)

    @router.post("/rows")
    async def import_rows(request: Request, acting: Acting) -> dict[str, object]:
        contexts.append(acting)
        return {"bytes": sum([len(part) async for part in request.stream()])}

    @router.post("/sign-in")
    async def sign_in(name: Annotated[str, Form()]) -> dict[str, object]:
        return {"name": name}

    @router.get("/refusals/{kind}")
    async def refuse(kind: str) -> dict[str, object]:
        raise REFUSALS[kind]

    @router.get("/break-down")
    async def break_down() -> dict[str, object]:
        raise RuntimeError("the database password is hunter2")

    app.include_router(router)
    return app


Use = Callable[[httpx2.AsyncClient], Awaitable[None]]


def use(app: FastAPI, steps: Use) -> None:
    async def used() -> None:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://upheld.test") as http:
            await steps(http)

    asyncio.run(used())


def sealed(platform: SmallPlatform, seen: list[Context] | None = None) -> FastAPI:
    app = built(platform, seen)
    seal(app, PERMISSIONS)
    return app


def ask(platform: SmallPlatform, method: str, path: str, **more: object) -> httpx2.Response:
    answers: list[httpx2.Response] = []

    async def steps(http: httpx2.AsyncClient) -> None:
        answers.append(await http.request(method, path, **more))  # type: ignore[arg-type]

    use(sealed(platform), steps)
    return answers[0]


DRAFT = {"objectives": [{"target": 99.9}]}


def test_a_route_without_an_entry_in_the_permission_table_fails_the_build(platform: SmallPlatform) -> None:
    app = built(platform)
    with pytest.raises(MissingPermission) as refused:
        seal(app, {name: roles for name, roles in PERMISSIONS.items() if name not in {"refuse", "revise_draft"}})
    assert refused.value.operations == ("refuse", "revise_draft")


def test_a_mounted_folder_without_an_entry_fails_the_build(platform: SmallPlatform, tmp_path: Path) -> None:
    app = built(platform)
    app.mount("/portal/static", StaticFiles(directory=tmp_path), name="portal_static")
    with pytest.raises(MissingPermission):
        seal(app, PERMISSIONS)
    seal(app, {**PERMISSIONS, "portal_static": PUBLIC})


def test_an_entry_without_a_route_is_fine(platform: SmallPlatform) -> None:
    seal(built(platform), {**PERMISSIONS, "asked_by_grpc_only": MANAGERS})


def test_an_app_that_was_never_sealed_answers_nothing(platform: SmallPlatform) -> None:
    async def steps(http: httpx2.AsyncClient) -> None:
        answer = await http.get("/v1/agreements/1", headers=platform.bearer(*Role))
        assert answer.status_code == 404

    use(built(platform), steps)


def test_a_route_added_after_the_seal_is_not_reached(platform: SmallPlatform) -> None:
    app = sealed(platform)

    @app.get("/v1/late")
    async def late() -> dict[str, object]:
        return {}

    async def steps(http: httpx2.AsyncClient) -> None:
        assert (await http.get("/v1/late", headers=platform.bearer(*Role))).status_code == 404

    use(app, steps)


def test_a_proven_and_permitted_caller_is_answered(platform: SmallPlatform) -> None:
    answer = ask(platform, "GET", "/v1/agreements/7", headers=platform.bearer(Role.VIEWER))
    assert (answer.status_code, answer.json()) == (200, {"id": "7", "by": "ada"})


def test_an_api_key_proves_as_a_token_does(platform: SmallPlatform) -> None:
    key = platform.identity.make_api_key(subject="probe", organisation="acme", roles=[Role.VIEWER])
    assert ask(platform, "GET", "/v1/agreements/7", headers={"X-Api-Key": key}).json()["by"] == "probe"


def test_no_credential_is_answered_with_how_to_prove_oneself(platform: SmallPlatform) -> None:
    answer = ask(platform, "GET", "/v1/agreements/7")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"


def test_a_role_that_may_not_is_told_which_would(platform: SmallPlatform) -> None:
    answer = ask(platform, "POST", "/v1/agreements", json=DRAFT, headers=platform.bearer(Role.VIEWER))
    assert answer.status_code == 403
    assert answer.json()["code"] == "role-not-permitted"
    assert "service-manager" in answer.json()["detail"]


def test_a_broken_body_of_an_unproven_caller_is_not_even_read(platform: SmallPlatform) -> None:
    assert ask(platform, "POST", "/v1/agreements", content="{", headers={"Content-Type": "application/json"}).status_code == 401


def test_the_session_cookie_proves_for_reading_only(platform: SmallPlatform) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}={platform.token(Role.VIEWER, Role.SERVICE_MANAGER)}"}
    assert ask(platform, "GET", "/v1/agreements/7", headers=cookie).status_code == 200
    assert ask(platform, "POST", "/v1/agreements", json=DRAFT, headers=cookie).status_code == 401


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("invalid", 422, "invalid-input"),
        ("foreign", 404, "not-found"),
        ("not-allowed", 403, "not-allowed"),
        ("conflict", 409, "conflict"),
        ("stale", 412, "stale-version"),
        ("unavailable", 503, "unavailable"),
    ],
)
def test_each_category_of_refusal_has_its_status(platform: SmallPlatform, kind: str, status: int, code: str) -> None:
    answer = ask(platform, "GET", f"/v1/refusals/{kind}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:upheld:problem:{code}"
    assert (problem["status"], problem["code"], problem["instance"]) == (status, code, f"/v1/refusals/{kind}")
    assert problem["request_id"] == answer.headers["X-Request-Id"]


def test_an_invalid_input_names_each_place_and_rule(platform: SmallPlatform) -> None:
    assert ask(platform, "GET", "/v1/refusals/invalid").json()["violations"] == [
        {"place": "objectives[1].target", "rule": "must be a percentage"}
    ]
    broken = {"objectives": [{"target": 99}, {"target": "much"}, {}]}
    answer = ask(platform, "POST", "/v1/agreements", json=broken, headers=platform.bearer(Role.SERVICE_MANAGER))
    assert answer.status_code == 422
    assert [violation["place"] for violation in answer.json()["violations"]] == ["objectives[1].target", "objectives[2].target"]


def test_a_stale_version_is_answered_with_the_newest_as_the_next_if_match_names_it(platform: SmallPlatform) -> None:
    answer = ask(platform, "GET", "/v1/refusals/stale")
    assert (answer.status_code, answer.headers["ETag"]) == (412, f'"{answer.json()["detail"].rpartition(" ")[2]}"')


def test_a_stale_version_is_answered_with_what_came_since_and_any_other_refusal_with_nothing_of_the_kind(platform: SmallPlatform) -> None:
    assert ask(platform, "GET", "/v1/refusals/stale").json()["changed"] == [
        {"version": 3, "type": "agreement.withdrawn.v1", "actor": "ana", "recorded_at": "2026-03-09T12:00:00Z"}
    ]
    assert ask(platform, "GET", "/v1/refusals/invalid").json()["changed"] == []


def test_something_unavailable_may_be_tried_again(platform: SmallPlatform) -> None:
    assert "Retry-After" in ask(platform, "GET", "/v1/refusals/unavailable").headers


@pytest.mark.parametrize(
    ("asked", "content", "content_type", "status"),
    [
        ("POST /v1/agreements", b"{", "application/json", 400),
        ("POST /v1/agreements", b"[" * 1500, "application/json", 400),
        ("POST /v1/agreements", b"\xff\xfe{", "application/json", 400),
        ("POST /v1/agreements", b"a: 1", "application/yaml", 415),
        ("POST /v1/agreements", b"{}", "", 415),
        ("POST /v1/agreements", b"", "", 422),
        ("POST /v1/agreements", b"x" * 2049, "application/json", 413),
        ("GET /nowhere", b"", "", 404),
        ("GET /v1/agreements/", b"", "", 404),
        ("DELETE /v1/agreements", b"", "", 405),
        ("GET /v1/agreements?status=%00", b"", "", 400),
        ("GET /v1/agreements/%00", b"", "", 400),
        ("GET /v1/agreements?limit=0", b"", "", 422),
        ("GET /v1/agreements?limit=201", b"", "", 422),
        ("GET /v1/agreements?cursor=%24", b"", "", 422),
        ("GET /v1/agreements?cursor=_w", b"", "", 422),
    ],
)
def test_what_cannot_be_answered_is_a_problem(platform: SmallPlatform, asked: str, content: bytes, content_type: str, status: int) -> None:
    headers = platform.bearer(*Role) | ({"Content-Type": content_type} if content_type else {})
    method, path = asked.split(" ")
    answer = ask(platform, method, path, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_method_the_path_does_not_take_is_told_those_it_does(platform: SmallPlatform) -> None:
    assert ask(platform, "DELETE", "/v1/agreements/7").headers["Allow"] == "GET, PUT"


def test_a_fault_tells_nothing_of_itself(platform: SmallPlatform) -> None:
    answer = ask(platform, "GET", "/v1/break-down", headers={"X-Request-Id": "find-me"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == "find-me"
    assert "hunter2" not in answer.text


def test_a_request_id_is_kept_if_it_is_sane_and_else_made(platform: SmallPlatform) -> None:
    assert ask(platform, "GET", "/v1/front", headers={"X-Request-Id": "r-1"}).headers["X-Request-Id"] == "r-1"
    made = ask(platform, "GET", "/v1/front", headers={"X-Request-Id": "two words; and more"}).headers["X-Request-Id"]
    assert len(made) == 32


def test_every_answer_is_hardened(platform: SmallPlatform) -> None:
    for answer in (ask(platform, "GET", "/v1/front"), ask(platform, "GET", "/nowhere"), ask(platform, "GET", "/v1/break-down")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_what_only_some_may_see_is_not_kept_by_caches(platform: SmallPlatform) -> None:
    assert ask(platform, "GET", "/v1/agreements/7", headers=platform.bearer(Role.VIEWER)).headers["Cache-Control"] == "no-store"


def contexts_of(platform: SmallPlatform, *requests: tuple[str, str, dict[str, str], bytes]) -> list[Context]:
    seen: list[Context] = []

    async def steps(http: httpx2.AsyncClient) -> None:
        for method, path, headers, content in requests:
            answer = await http.request(method, path, headers=headers, content=content)
            assert answer.is_success, answer.text

    use(sealed(platform, seen), steps)
    return seen


def test_the_context_says_who_why_and_when(platform: SmallPlatform) -> None:
    headers = platform.bearer(Role.VIEWER) | {"X-Reason": "quarterly review", "X-Correlation-Id": "job-7"}
    [context] = contexts_of(platform, ("GET", "/v1/agreements/7", headers, b""))
    assert (context.caller.subject, context.caller.organisation) == ("ada", "acme")
    assert (context.reason, context.correlation_id, context.tool) == ("quarterly review", "job-7", "http")
    assert context.recorded_at <= platform.clock.now()
    assert context.traceparent
    assert context.request is None


def test_without_a_correlation_id_the_request_id_correlates(platform: SmallPlatform) -> None:
    headers = platform.bearer(Role.VIEWER) | {"X-Request-Id": "r-9"}
    assert contexts_of(platform, ("GET", "/v1/agreements/7", headers, b""))[0].correlation_id == "r-9"


def test_an_idempotency_key_is_fingerprinted_by_the_input_and_scoped_by_the_caller(platform: SmallPlatform) -> None:
    def rows(content: bytes, key: str = "k", subject: str = "ada", organisation: str = "acme") -> tuple[str, str, dict[str, str], bytes]:
        bearer = platform.bearer(Role.OPERATOR, subject=subject, organisation=organisation)
        return ("POST", "/v1/rows", bearer | {"Idempotency-Key": key}, content)

    requests = [rows(b"a"), rows(b"a"), rows(b"b"), rows(b"a", key="l"), rows(b"a", subject="bob"), rows(b"a", organisation="bank")]
    first, again, other_input, *others = [context.request for context in contexts_of(platform, *requests)]
    assert first is not None
    assert first == again
    assert other_input is not None
    assert (other_input.key == first.key, other_input.fingerprint == first.fingerprint) == (True, False)
    assert len({first.key, *(other.key for other in others if other)}) == 4


def test_an_idempotency_key_leaves_the_body_to_the_operation(platform: SmallPlatform) -> None:
    headers = platform.bearer(*Role) | {"Idempotency-Key": "k"}
    assert ask(platform, "POST", "/v1/rows", content=b"12345", headers=headers).json() == {"bytes": 5}
    assert ask(platform, "POST", "/v1/agreements", json=DRAFT, headers=headers).json()["objectives"] == 1
    assert ask(platform, "POST", "/v1/sign-in", data={"name": "ada"}, headers=headers).json() == {"name": "ada"}


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel".encode("latin-1")])
def test_an_unusable_idempotency_key_is_refused(platform: SmallPlatform, key: str | bytes) -> None:
    headers = platform.bearer(*Role) | {"Idempotency-Key": key}
    answer = ask(platform, "POST", "/v1/rows", content=b"", headers=headers)
    assert (answer.status_code, answer.json()["violations"][0]["place"]) == (422, "Idempotency-Key")


def test_the_version_travels_as_an_entity_tag(platform: SmallPlatform) -> None:
    headers = platform.bearer(Role.SERVICE_MANAGER)
    answer = ask(platform, "POST", "/v1/agreements", json=DRAFT, headers=headers | {"If-Match": '"3"'})
    assert (answer.headers["ETag"], answer.json()["expected"]) == ('"1"', 3)
    assert ask(platform, "POST", "/v1/agreements", json=DRAFT, headers=headers).json()["expected"] is None
    assert ask(platform, "PUT", "/v1/agreements/7", headers=headers | {"If-Match": 'W/"4"'}).json() == {"expected": 4}


def test_a_required_version_that_is_missing_or_unreadable_is_refused(platform: SmallPlatform) -> None:
    headers = platform.bearer(Role.SERVICE_MANAGER)
    assert ask(platform, "PUT", "/v1/agreements/7", headers=headers).status_code == 428
    for unreadable in ("*", "3", '"x"', '"1", "2"'):
        assert ask(platform, "PUT", "/v1/agreements/7", headers=headers | {"If-Match": unreadable}).status_code == 422


def test_pages_link_to_the_next_until_there_is_none(platform: SmallPlatform) -> None:
    async def steps(http: httpx2.AsyncClient) -> None:
        found: list[int] = []
        path = "/v1/agreements?limit=2&status=active"
        while path:
            answer = await http.get(path, headers=platform.bearer(Role.VIEWER))
            found += answer.json()["items"]
            following = answer.links.get("next", {}).get("url", "")
            assert bool(following) == (answer.json()["next"] is not None)
            assert "status=active" in following or not following
            path = following
        assert found == [0, 1, 2, 3, 4]

    use(sealed(platform), steps)


def test_the_api_document_tells_who_may_and_how_one_is_refused(platform: SmallPlatform) -> None:
    document = ask(platform, "GET", "/openapi/agreements.json").json()
    assert document["openapi"].startswith("3.1")
    post = document["paths"]["/v1/agreements"]["post"]
    assert post["security"] == [{"bearer": []}, {"api_key": []}]
    assert post["x-upheld-roles"] == ["service-manager"]
    assert {"400", "401", "403", "404", "409", "412", "413", "415", "422", "428", "500", "503"} <= set(post["responses"])
    assert list(post["responses"]["422"]["content"]) == ["application/problem+json"]
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]
    assert {parameter["name"] for parameter in post["parameters"]} == {"If-Match", "Idempotency-Key", "X-Reason"}
    put = document["paths"]["/v1/agreements/{agreement_id}"]["put"]
    assert next(parameter for parameter in put["parameters"] if parameter["name"] == "If-Match")["required"] is True
    assert document["paths"]["/v1/refusals/{kind}"]["get"]["security"] == []


def test_the_docs_page_loads_nothing_from_elsewhere(platform: SmallPlatform) -> None:
    page = ask(platform, "GET", "/docs/agreements")
    assert page.status_code == 200
    assert "http" not in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for part in ("static/swagger-ui-bundle.js", "static/swagger-ui.css", "static/favicon.png", "start.js"):
        assert f"/docs/agreements/{part}" in page.text
        assert ask(platform, "GET", f"/docs/agreements/{part}").status_code == 200


async def until(came_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not came_true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[taken]))
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        server.should_exit = True
        await running


def test_a_body_that_turns_out_too_large_while_it_streams_is_refused(platform: SmallPlatform) -> None:
    async def parts(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 512

    async def steps() -> None:
        async with listening(sealed(platform)) as origin, httpx2.AsyncClient() as http:
            headers = platform.bearer(Role.OPERATOR)
            fine = await http.post(f"{origin}/v1/rows", content=parts(4), headers=headers)
            assert fine.json() == {"bytes": 2048}
            refused = await http.post(f"{origin}/v1/rows", content=parts(5), headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (413, "body-too-large")
            keyed = await http.post(f"{origin}/v1/rows", content=parts(5), headers=headers | {"Idempotency-Key": "k"})
            assert keyed.status_code == 413

    asyncio.run(steps())


def test_a_caller_who_goes_away_is_no_fault_of_ours(platform: SmallPlatform, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    authorization = platform.bearer(Role.OPERATOR)["Authorization"].encode()
    headers = [(b"authorization", authorization), (b"content-length", b"9")]
    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/rows", "query_string": b"", "headers": headers, "http_version": "1.1"}
    asyncio.run(sealed(platform)(scope, receive, send))
    told = capsys.readouterr().err
    assert sent == []
    assert "unexpected fault" not in told
    assert "the caller went away" in told


def test_the_fingerprint_covers_a_streamed_body(platform: SmallPlatform) -> None:
    seen: list[Context] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"cd"

    async def steps(http: httpx2.AsyncClient) -> None:
        headers = platform.bearer(Role.OPERATOR) | {"Idempotency-Key": "k"}
        await http.post("/v1/rows", content=b"abcd", headers=headers)
        await http.post("/v1/rows", content=parts(), headers=headers)

    use(sealed(platform, seen), steps)
    whole = hashlib.sha256(b"abcd").hexdigest()
    expected = hashlib.sha256("\x00".join(("POST", "/v1/rows", "", whole)).encode()).hexdigest()
    assert [context.request.fingerprint for context in seen if context.request] == [expected, expected]
