"""Refusals as RFC 9457 problems: the one table from what is refused to the HTTP status that says so. Tells nothing of an inner fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from services.chassis.identity import Unauthenticated
from services.vocabulary.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal, Since, StaleVersion, Unavailable, Violation

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "upheld.request_id"


class MissingIfMatch(Refusal):
    """A change must say which version it was decided on."""

    code = "if-match-required"


class MalformedBody(Invalid):
    """The body cannot be read as what it says it is, so no rule of what it is about could be tried."""

    code = "malformed-body"


class UnsupportedMediaType(Refusal):
    """The body's content type is not one this operation reads."""

    code = "unsupported-media-type"


class BodyTooLarge(Refusal):
    code = "body-too-large"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a category of refusals is answered; `headers` come on top."""

    status: int
    title: str
    headers: Mapping[str, str]


def _answer(status: int, title: str, **headers: str) -> Answer:
    return Answer(status=status, title=title, headers={name.replace("_", "-"): value for name, value in headers.items()})


# The first that fits counts; a refusal of no category is a bad request.
_ANSWERS: Sequence[tuple[type[Refusal], Answer]] = (
    (Unauthenticated, _answer(401, "The caller is not proven", WWW_Authenticate='Bearer realm="upheld"')),
    (MissingIfMatch, _answer(428, "The version this is decided on is missing")),
    (MalformedBody, _answer(400, "The body cannot be read")),
    (UnsupportedMediaType, _answer(415, "The content type is not one this operation reads")),
    (BodyTooLarge, _answer(413, "The body is too large")),
    (Invalid, _answer(422, "The input breaks rules")),
    (NotAllowed, _answer(403, "The caller may not do this")),
    (NotFound, _answer(404, "There is no such thing")),
    (Conflict, _answer(409, "The state does not allow this")),
    (StaleVersion, _answer(412, "There is a newer version")),
    (Unavailable, _answer(503, "Something needed cannot be reached now", Retry_After="1")),
    (Refusal, _answer(400, "The request is refused")),
)


class BrokenRule(BaseModel):
    """One broken rule and its place in the input."""

    place: str = Field(examples=["objectives[1].target"])
    rule: str


class ChangeSince(BaseModel):
    """What happened after the version that the request was decided on."""

    version: int = Field(examples=[7])
    type: str = Field(examples=["agreement.withdrawn.v1"])
    actor: str
    recorded_at: str = Field(examples=["2026-03-09T12:00:00Z"])


class Problem(BaseModel):
    """A refusal (RFC 9457). `code` is stable."""

    type: str = Field(examples=["urn:upheld:problem:stale-version"])
    title: str
    status: int
    detail: str
    code: str
    instance: str
    request_id: str
    violations: list[BrokenRule] = []
    changed: list[ChangeSince] = []


def _documented(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    **{answer.status: _documented(answer.title) for _, answer in reversed(_ANSWERS)},
    400: _documented("The request cannot be read"),
    405: _documented("The path does not take this method"),
    500: _documented("An unexpected fault; its request id finds it in the log"),
}
"""What any operation may answer besides what it is for."""


def refused(scope: Scope, refusal: Refusal) -> Response:
    answer = next(answer for category, answer in _ANSWERS if isinstance(refusal, category))
    violations = refusal.violations if isinstance(refusal, Invalid) else ()
    headers = dict(answer.headers)
    if isinstance(refusal, StaleVersion):
        headers["ETag"] = entity_tag(refusal.actual)
    if isinstance(refusal, Unauthenticated) and refusal.code != Unauthenticated.code:
        headers["WWW-Authenticate"] += ', error="invalid_token"'
    return problem(
        scope,
        status=answer.status,
        code=refusal.code,
        title=answer.title,
        detail=refusal.message,
        violations=violations,
        changed=refusal.changed if isinstance(refusal, StaleVersion) else (),
        headers=headers,
    )


def entity_tag(version: int) -> str:
    """How a version is written in ETag and If-Match."""
    return f'"{version}"'


def problem(
    scope: Scope,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    violations: Sequence[Violation] = (),
    changed: Sequence[Since] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = Problem(
        type=f"urn:upheld:problem:{code}",
        title=title,
        status=status,
        detail=_speakable(detail),
        code=code,
        instance=_speakable(scope["path"]),
        request_id=scope.get(REQUEST_ID, ""),
        violations=[BrokenRule(place=_speakable(broken.place), rule=_speakable(broken.rule)) for broken in violations],
        changed=[
            ChangeSince(version=each.version, type=each.type, actor=_speakable(each.actor), recorded_at=each.recorded_at)
            for each in changed
        ],
    )
    return JSONResponse(body.model_dump(), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def of_status(scope: Scope, status: int, *, detail: str = "", code: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """For what no refusal stands behind: an unknown path, a method the path does not take, a fault."""
    phrase = HTTPStatus(status).phrase
    code = code or _CODES.get(status) or phrase.lower().replace(" ", "-")
    return problem(scope, status=status, code=code, title=phrase, detail=detail or phrase, headers=headers)


_CODES = {400: MalformedBody.code, 404: "no-such-path", 413: BodyTooLarge.code, 415: UnsupportedMediaType.code, 500: "internal-error"}


def answer_with_problems(app: FastAPI) -> None:
    """Turns what endpoints and the framework raise into problems."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_broken_input)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_refusal(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, Refusal)
    return refused(request.scope, fault)


async def _on_http_exception(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    return of_status(request.scope, fault.status_code, detail=str(fault.detail or ""), headers=fault.headers)


async def _on_broken_input(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    errors: Sequence[Mapping[str, Any]] = fault.errors()
    for error in errors:
        if error["type"] == "json_invalid":
            reason = error.get("ctx", {}).get("error", "")
            rule = f"is not JSON: {reason} at character {error['loc'][-1]}"
            return refused(request.scope, MalformedBody(Violation(place="body", rule=rule)))
    return refused(request.scope, Invalid(*(Violation(place=place_of(error["loc"]), rule=_rule(error)) for error in errors)))


def place_of(location: Sequence[int | str]) -> str:
    """ "objectives[1].target" for ("body", "objectives", 1, "target"); "body" for the body as a whole."""
    parts = location[1:] or location
    place = ""
    for part in parts:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else part
    return place


def _rule(error: Mapping[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _speakable(text: str) -> str:
    """Half a surrogate pair cannot be sent."""
    return text.encode("utf-8", "replace").decode()
