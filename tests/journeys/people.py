"""Who asks in the journeys, over HTTP and gRPC; real tokens of the platform's own issuer."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import grpc
import httpx2

from services.chassis.clock import SystemClock
from services.chassis.identity import Identity
from services.chassis.settings import Settings
from services.vocabulary.identity import OrganisationId, Role
from tests.journeys.processes import HTTP, Reach
from tests.signing import bearer_of, note_for, registration

S = TypeVar("S")
T = TypeVar("T")
Json = Any


def token(data: Path, organisation: str, *roles: Role, subject: str = "somebody") -> str:
    """An hour's token of the issuer in that data folder."""
    identity = Identity.open(Settings(data=data), SystemClock())
    return identity.issue(subject=subject, organisation=OrganisationId(organisation), roles=roles, lifetime=timedelta(hours=1))


@dataclass(frozen=True, kw_only=True)
class Person:
    """One caller of a running platform."""

    reach: Reach
    token: str

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, **options: Json) -> httpx2.Response:
        headers = {**self._headers, **options.pop("headers", {})}
        return HTTP.request(method, self.reach.origin(path) + path, headers=headers, **options)

    def get(self, path: str, **query: str) -> Json:
        answer = self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(
        self,
        path: str,
        body: Mapping[str, Json] | str | None = None,
        *,
        kind: str = "application/json",
        version: int | None = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Json:
        content = body if isinstance(body, str) else json.dumps(body or {})
        answer = self.ask(
            "POST",
            path,
            content=content.encode(),
            params=query,
            headers={
                "Content-Type": kind,
                "Idempotency-Key": str(uuid.uuid4()),
                **({"If-Match": f'"{version}"'} if version is not None else {}),
                **(headers or {}),
            },
        )
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def sign(self, agreement: Json) -> Json:
        """What waits for signatures in this answer, with a key of one's own; answers what came of it."""
        return self.post(f"/v1/agreements/{agreement['id']}/signatures", {"note": self.note(agreement)}, version=agreement["version"])

    def note(self, agreement: Json) -> str:
        """The signature itself; its key is registered."""
        organisation, subject = bearer_of(self.token)
        self.post("/v1/keys", {"note": registration(organisation, subject)})
        return note_for(agreement, organisation, subject)

    def call(self, service: str, stub: Callable[[grpc.Channel], S], ask: Callable[[S, Mapping[str, Any]], T]) -> T:
        """One conversation over a real channel; `ask` gets the stub and the options every call takes."""
        with grpc.insecure_channel(self.reach.grpc[service]) as channel:
            return ask(stub(channel), {"metadata": (("authorization", f"Bearer {self.token}"),), "timeout": 20})


def until(ask: Callable[[], T], enough: Callable[[T], bool], *, timeout_s: float = 30) -> T:
    """Asks again until the answer is enough; fails with the last one."""
    deadline = time.monotonic() + timeout_s
    while not enough(answer := ask()):
        assert time.monotonic() < deadline, f"not reached within {timeout_s} s; the last answer was {str(answer)[:3000]}"
        time.sleep(0.1)
    return answer
