"""Asks a running platform over its HTTP API, as any integrator would. Opens no store and imports no room."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

Json = Any
"""A decoded JSON value; its shape is the OpenAPI document's business."""


class RequestFailed(Exception):
    """The platform refused, or did not answer; the text is what a person reads."""

    def __init__(self, message: str, *, status: int = 0, problem: Mapping[str, Json] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.problem = dict(problem or {})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A successful answer: the decoded JSON body, its ETag's version where it has one, the request's id, and the bytes as they came."""

    body: Json
    version: int | None
    request_id: str
    text: str
    content: bytes = b""


class Client:
    """One caller on one HTTP origin."""

    def __init__(self, http: httpx2.AsyncClient, token: str) -> None:
        self._http = http
        self._token = token

    def speaking_for(self, token: str) -> Client:
        """The same origin, somebody else."""
        return Client(self._http, token)

    async def get(self, path: str, **query: str | Sequence[str]) -> Answer:
        return await self._send("GET", path, query=query)

    async def post(
        self,
        path: str,
        body: Mapping[str, Json] | None = None,
        *,
        content: bytes | None = None,
        content_type: str = "application/json",
        version: int | None = None,
        reason: str = "",
        query: Mapping[str, str] | None = None,
        key: str = "",
    ) -> Answer:
        """Sends with an Idempotency-Key, so that a repeat after a lost answer takes no second effect."""
        data = content if content is not None else json.dumps(body or {}).encode()
        return await self._change("POST", path, data, content_type, version=version, reason=reason, query=query or {}, key=key)

    async def put(self, path: str, *, content: bytes, content_type: str = "application/json", version: int, reason: str = "") -> Answer:
        """As `post`, in place of what is there."""
        return await self._change("PUT", path, content, content_type, version=version, reason=reason, query={}, key="")

    async def _change(
        self,
        method: str,
        path: str,
        content: bytes,
        content_type: str,
        *,
        version: int | None,
        reason: str,
        query: Mapping[str, str],
        key: str,
    ) -> Answer:
        headers = {"Idempotency-Key": (key or str(uuid.uuid4())).encode(), "Content-Type": content_type.encode()}
        if version is not None:
            headers["If-Match"] = f'"{version}"'.encode()
        if reason:
            headers["X-Reason"] = reason.encode()
        return await self._send(method, path, query=query, content=content, headers=headers)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | Sequence[str]],
        content: bytes | None = None,
        headers: Mapping[str, bytes] | None = None,
    ) -> Answer:
        sent = [(b"Authorization", f"Bearer {self._token}".encode()), *((name.encode(), value) for name, value in (headers or {}).items())]
        try:
            response = await self._http.request(method, path, params=dict(query), content=content, headers=sent)
        except httpx2.HTTPError as error:
            raise RequestFailed(f"no answer from {self._http.base_url}: {str(error) or type(error).__name__}") from error
        if response.status_code >= httpx2.codes.BAD_REQUEST:
            raise _refused(method, path, response)
        return Answer(
            body=response.json() if "json" in response.headers.get("content-type", "") else None,
            version=_version(response.headers.get("etag", "")),
            request_id=response.headers.get("x-request-id", ""),
            text=response.text,
            content=response.content,
        )


def _version(etag: str) -> int | None:
    text = etag.removeprefix("W/").strip('"')
    return int(text) if text.isdecimal() else None


def _refused(method: str, path: str, response: httpx2.Response) -> RequestFailed:
    try:
        problem = response.json()
    except ValueError:
        return RequestFailed(f"{method} {path}: {response.status_code} {response.text[:200]}", status=response.status_code)
    lines = [f"{method} {path}: {response.status_code} {problem.get('code', '')}: {problem.get('detail') or problem.get('title', '')}"]
    lines += [f"  {violation.get('place', '')}: {violation.get('rule', '')}" for violation in problem.get("violations", [])]
    lines += [f"  since then: {_since(each)}" for each in problem.get("changed", [])]
    return RequestFailed("\n".join(lines), status=response.status_code, problem=problem)


def _since(change: Mapping[str, Json]) -> str:
    return f"version {change['version']}, {change['type']} by {change['actor']} at {change['recorded_at']}"


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncIterator[Client]:
    """A client on an origin such as http://127.0.0.1:8080; closes its connections on the way out."""
    async with httpx2.AsyncClient(base_url=url, timeout=60.0, trust_env=False) as http:
        yield Client(http, token)
