"""How one service asks another over HTTP, where an answer is a file and no message: with its own credential and the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from services.chassis.telemetry import current_traceparent
from services.vocabulary.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from services.chassis.service import Platform

_TIMEOUT_S = 60.0
_NO_SUCH_PATH = "no-such-path"
"""Somebody listens there, but not that service."""


class ServiceFiles:
    """Files of one service, from its HTTP origin."""

    def __init__(self, platform: Platform, service: str, *, calling: str) -> None:
        self._platform = platform
        self._service = service
        self._credential = platform.identity.service_credential(calling)

    async def get(self, path: str) -> bytes:
        """Refuses with `NotFound` as the service did, and with `Unavailable` when it gives no answer."""
        url = f"{self._platform.origin(self._service)}{path}"
        headers = {"authorization": self._credential(), "traceparent": current_traceparent()}
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as http:
                answer = await http.get(url, headers={name: value for name, value in headers.items() if value})
        except httpx2.HTTPError as fault:
            raise Unavailable(f"{self._service} cannot be reached now") from fault
        if answer.status_code == httpx2.codes.NOT_FOUND:
            if _code(answer) == _NO_SUCH_PATH:
                raise Unavailable(f"{self._service} is not where its HTTP is looked for: UPHELD_{self._service.upper()}_URL says where")
            raise NotFound(f"{self._service} has no such file")
        if answer.status_code != httpx2.codes.OK:
            raise Unavailable(f"{self._service} answered {answer.status_code}")
        return answer.content


def _code(answer: httpx2.Response) -> str:
    """Of the problem; without one as if there were nobody."""
    try:
        return str(answer.json()["code"])
    except (ValueError, TypeError, KeyError):
        return _NO_SUCH_PATH
