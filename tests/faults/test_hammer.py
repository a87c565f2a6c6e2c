"""Fifty clients change one agreement at once, over a real server: nothing is lost, nothing is doubled, and who loses is told why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.agreements.__main__ import compose
from services.chassis.clock import SystemClock
from services.chassis.service import Host, platform
from services.chassis.settings import Settings
from services.vocabulary.identity import Role
from tests.agreements.support import CUSTOMER, PROVIDER, document

pytestmark = pytest.mark.faults

CLIENTS = 50
SOON_S = 240.0


class Client:
    """Somebody with a name who revises the one draft, again and again, until it was done."""

    def __init__(self, http: httpx2.AsyncClient, number: int, token: str) -> None:
        """Each over connections of its own."""
        self.title = f"As client {number:02} wants it"
        self.done = 0
        self.answers: list[dict[str, Any]] = []
        self.refusals: list[dict[str, Any]] = []
        self._sends = 1 + number % 2
        self._http = httpx2.AsyncClient(base_url=http.base_url, timeout=60, trust_env=False, verify=False)
        self._content = json.dumps(document(lambda nodes: nodes.update(title=self.title)))
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "idempotency-key": f"revision-{number}"}

    async def revise(self, path: str) -> None:
        """Of half of the clients each attempt is sent twice, as by a network that repeats; the answers to what was done must be one."""
        version = 1
        while not self.done:
            twice = await asyncio.gather(*(self._put(path, version) for _ in range(self._sends)))
            assert {answer.status_code for answer in twice} <= {200, 412}
            taken = [answer for answer in twice if answer.status_code == 200]
            self.refusals += [answer.json() | {"expected": version} for answer in twice if answer.status_code == 412]
            self.answers = [answer.json() for answer in taken]
            self.done = min((_version(answer) for answer in taken), default=0)
            version = max(_version(answer) for answer in twice)

    async def repeat(self, path: str) -> None:
        again = await self._put(path, self.done - 1)
        assert (again.status_code, _version(again)) == (200, self.done)
        self.answers.append(again.json())

    async def close(self) -> None:
        await self._http.aclose()

    async def _put(self, path: str, version: int) -> httpx2.Response:
        return await self._http.put(f"{path}/draft", content=self._content, headers={**self._headers, "if-match": f'"{version}"'})


def _version(answer: httpx2.Response) -> int:
    return int(answer.headers["etag"].strip('"'))


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[tuple[httpx2.AsyncClient, list[str]]]:
    """The service behind its real door, and a token for each client, of either party in turn."""
    settings = settings.model_copy(
        update={"http_port": 0, "grpc_port": 0, "nats_port": 0, "nats_url": "nats://127.0.0.1:9", "log_level": "error"}
    )
    shared = await platform(settings, SystemClock(), name="agreements")
    tokens = [
        shared.identity.issue(
            subject=f"client-{number}",
            organisation=(PROVIDER, CUSTOMER)[number % 2],
            roles=(Role.SERVICE_MANAGER,),
            lifetime=timedelta(hours=1),
        )
        for number in range(CLIENTS)
    ]
    host = Host([await compose(shared)], shared)
    await host.start()
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}", timeout=60, trust_env=False) as http:
            yield http, tokens
    finally:
        await host.stop()


def test_fifty_clients_lose_nothing_and_double_nothing_and_who_loses_is_told_what_changed(settings: Settings) -> None:
    async def scene() -> None:
        async with _served(settings) as (http, tokens), asyncio.timeout(SOON_S):
            caller = {"authorization": f"Bearer {tokens[0]}"}
            drafted = await http.post("/v1/agreements", json=document(), headers=caller)
            path = drafted.headers["location"]
            clients = [Client(http, number, token) for number, token in enumerate(tokens)]
            await asyncio.gather(*(client.revise(path) for client in clients))
            await asyncio.gather(*(client.repeat(path) for client in clients))
            await asyncio.gather(*(client.close() for client in clients))
            history = (await http.get(f"{path}/history", headers=caller)).json()["items"]
        _nothing_is_lost_or_doubled(clients, history)
        _who_lost_was_told(clients, history)

    asyncio.run(scene())


def _nothing_is_lost_or_doubled(clients: Sequence[Client], history: Sequence[dict[str, Any]]) -> None:
    assert [event["version"] for event in history] == list(range(1, CLIENTS + 2))
    assert sorted(client.done for client in clients) == list(range(2, CLIENTS + 2))
    for client in clients:
        assert client.title in str(history[client.done - 1])
        assert all(answer == client.answers[0] for answer in client.answers)
        assert client.answers[0]["terms"]["terms"]["title"] == client.title


def _who_lost_was_told(clients: Sequence[Client], history: Sequence[dict[str, Any]]) -> None:
    happened = [{name: event[name] for name in ("version", "type", "actor", "recorded_at")} for event in history]
    refusals = [refusal for client in clients for refusal in client.refusals]
    assert len(refusals) > CLIENTS
    for refusal in refusals:
        changed = refusal["changed"]
        assert changed
        assert changed == happened[refusal["expected"] : changed[-1]["version"]]
