"""What the tests of agreements share: a document, its terms, an agreement at every stage, and the service running on SQLite."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import grpc.aio
import httpx2
import yaml
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub

from services.agreements import negotiation
from services.agreements.__main__ import compose
from services.agreements.agreement import Agreement
from services.agreements.document import read_document
from services.agreements.evolve import evolve
from services.agreements.facts import Fact
from services.agreements.terms import Node, Terms, parse_terms
from services.chassis.clock import MovableClock
from services.chassis.service import Host, Platform, platform
from services.chassis.settings import Settings
from services.vocabulary.identity import OrganisationId, Role
from tests.signing import keyring_of, note_for, note_under, registration

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import AgreementsAsyncStub

PROVIDER = OrganisationId("nordwind-hosting")
CUSTOMER = OrganisationId("bank-am-markt")
AUDITOR = OrganisationId("bafin-examiner")
STRANGER = OrganisationId("somebody-else")
AGREEMENT = UUID("0b6c4a52-7d8e-4c38-9d57-0d3d5c6f3a01")
JANUARY_5 = "2026-01-05T09:00:00Z"
MARCH_9 = datetime(2026, 3, 9, 12, tzinfo=UTC)

DOCUMENT, FULL_DOCUMENT, PERIOD_EXAMPLE, LIVES_EXAMPLE, ARRANGEMENT_EXAMPLE = re.findall(
    r"```yaml\n(.*?)```", (Path(__file__).parents[2] / "docs" / "terms.md").read_text(), re.DOTALL
)
"""The examples of the documentation: the simple case, all that contracts say besides, a period, two lives, and what surrounds promises."""

Change = Callable[[dict[str, Any]], object]


def document(change: Change = lambda _: None) -> dict[str, Any]:
    """The example as plain nodes, changed."""
    nodes = read_document(DOCUMENT)
    assert isinstance(nodes, dict)
    changed: dict[str, Any] = copy.deepcopy(nodes)
    change(changed)
    return changed


def terms(change: Change = lambda _: None) -> Terms:
    node: Node = document(change)
    return parse_terms(node)


def availability_of(target: str) -> Change:
    """The first objective's target, with tiers that fit."""

    def change(nodes: dict[str, Any]) -> None:
        nodes["objectives"][0] |= {"target": target, "credits": [{"below": target, "percent": "10"}]}

    return change


def yaml_of(change: Change = lambda _: None) -> str:
    return yaml.safe_dump(document(change), sort_keys=False)


TERMS = terms()


def given(*facts: Fact, recorded_at: str = JANUARY_5) -> Agreement:
    """The agreement after these facts."""
    return then(None, facts, recorded_at=recorded_at)


def then(agreement: Agreement | None, facts: Iterable[Fact], *, recorded_at: str = JANUARY_5) -> Agreement:
    for fact in facts:
        agreement = evolve(agreement, fact, recorded_at=recorded_at)
    assert agreement is not None
    return agreement


def drafted(agreed: Terms = TERMS) -> Agreement:
    return given(*negotiation.draft(agreed, by=PROVIDER))


def proposed(agreed: Terms = TERMS) -> Agreement:
    agreement = drafted(agreed)
    return then(agreement, negotiation.propose(agreement, by=PROVIDER, recorded_at=MARCH_9))


def signs(agreement: Agreement, *, by: OrganisationId, signatory: str) -> tuple[Fact, ...]:
    """What waits for signatures, with a key that is registered."""
    note = note_under(agreement, AGREEMENT, by, signatory) if agreement.pending else ""
    return negotiation.sign(
        agreement, agreement_id=AGREEMENT, note=note, keyring=keyring_of(by, signatory), by=by, signatory=signatory, recorded_at=MARCH_9
    )


def signed_by_both(agreement: Agreement, *, recorded_at: str = JANUARY_5) -> Agreement:
    """What waits for signatures, signed by the customer and then by the provider."""
    for organisation in (CUSTOMER, PROVIDER):
        facts = signs(agreement, by=organisation, signatory=f"signatory of {organisation}")
        agreement = then(agreement, facts, recorded_at=recorded_at)
    return agreement


def active(agreed: Terms = TERMS) -> Agreement:
    return signed_by_both(proposed(agreed))


def amendment_proposed(agreement: Agreement, amended: Terms, *, effective_on: date) -> Agreement:
    facts = negotiation.propose_amendment(
        agreement, amended, effective_on=effective_on, reason="Agreed in the review", by=CUSTOMER, recorded_at=MARCH_9
    )
    return then(agreement, facts)


def amended(agreement: Agreement, amended_terms: Terms, *, effective_on: date, recorded_at: str = JANUARY_5) -> Agreement:
    return signed_by_both(amendment_proposed(agreement, amended_terms, effective_on=effective_on), recorded_at=recorded_at)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, its ETag's version read."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def version(self) -> int:
        return int(self.headers["etag"].strip('"'))


def subject_of(organisation: str, *roles: Role) -> str:
    """Who carries a token of these roles."""
    return f"{organisation}/{'+'.join(roles)}"


@dataclass(frozen=True, kw_only=True)
class Running:
    """The service behind its real doors, with a clock that can be moved."""

    host: Host
    platform: Platform
    clock: MovableClock
    http: httpx2.AsyncClient
    stub: AgreementsAsyncStub

    def token(self, organisation: str, *roles: Role) -> str:
        return self.platform.identity.issue(
            subject=subject_of(organisation, *roles), organisation=organisation, roles=roles, lifetime=timedelta(days=3650)
        )

    def metadata(self, organisation: str, *roles: Role) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token(organisation, *roles)}"),)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        by: OrganisationId = PROVIDER,
        role: Role = Role.SERVICE_MANAGER,
        version: int | None = None,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`body` is sent as it is when it is text, else as JSON."""
        sent = dict(headers or {})
        sent["authorization"] = f"Bearer {self.token(by, role)}"
        if version is not None:
            sent["if-match"] = f'"{version}"'
        if body is not None:
            sent["content-type"] = media_type
        content = body if isinstance(body, str | bytes | None) else httpx2.Request("POST", "http://x", json=body).content
        response = await self.http.request(method, path, content=content, headers=sent)
        parsed = response.json() if "json" in response.headers.get("content-type", "") else None
        return Answer(status=response.status_code, body=parsed, headers=response.headers)

    async def draft(self, change: Change = lambda _: None, *, idempotency_key: str = "") -> Answer:
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return await self.ask("POST", "/v1/agreements", yaml_of(change), media_type="application/yaml", headers=headers)

    async def note(self, agreement: Mapping[str, Any], *roles: Role, by: OrganisationId) -> str:
        """Under what waits for signatures, with a key that is registered; of whoever carries a token of these roles."""
        subject = subject_of(by, *(roles or (Role.SIGNATORY,)))
        authorization = f"Bearer {self.token(by, *(roles or (Role.SIGNATORY,)))}"
        body = {"note": registration(by, subject)}
        registered = await self.http.post("/v1/keys", json=body, headers={"authorization": authorization})
        assert registered.status_code == 201, registered.text
        return note_for(agreement, by, subject)

    async def sign_for(self, agreement: Mapping[str, Any], by: OrganisationId, *, headers: Mapping[str, str] | None = None) -> Answer:
        """What waits for signatures, by one side."""
        body, path = {"note": await self.note(agreement, by=by)}, f"/v1/agreements/{agreement['id']}/signatures"
        return await self.ask("POST", path, body, by=by, role=Role.SIGNATORY, version=agreement["version"], headers=headers)

    async def sign(self, agreement: Mapping[str, Any]) -> Answer:
        """By both, the customer first; answers what the second got."""
        first = await self.sign_for(agreement, CUSTOMER)
        assert first.status == 200, first.body
        return await self.sign_for(first.body, PROVIDER)

    async def activate(self, change: Change = lambda _: None) -> tuple[str, Answer]:
        """The path of a new active agreement and the last answer."""
        draft = await self.draft(change)
        assert draft.status == 201, draft.body
        path = draft.headers["location"]
        on_the_table = await self.ask("POST", f"{path}/proposal", version=draft.version)
        return path, await self.sign(on_the_table.body)


@asynccontextmanager
async def running(data: Path, *, start: datetime = MARCH_9, broker: bool = False) -> AsyncIterator[Running]:
    """Without a broker its address leads nowhere, which holds up nothing but the relay."""
    clock = MovableClock(start)
    nats_url = "" if broker else "nats://127.0.0.1:9"
    settings = Settings(data=data, http_port=0, grpc_port=0, nats_port=0, nats_url=nats_url, log_level="error", close_check_every_s=0.1)
    shared = await platform(settings, clock, name="agreements")
    host = Host([await compose(shared)], shared)
    await host.start()
    try:
        async with (
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{host.http_port}", timeout=20, trust_env=False) as http,
            grpc.aio.insecure_channel(f"127.0.0.1:{host.grpc_port}") as channel,
        ):
            yield Running(host=host, platform=shared, clock=clock, http=http, stub=AgreementsStub(channel))
    finally:
        await host.stop()


def play(data: Path, scene: Callable[[Running], Awaitable[None]], *, broker: bool = False) -> None:
    """Runs a scene against a service of its own."""

    async def act() -> None:
        async with running(data, broker=broker) as service:
            await scene(service)

    asyncio.run(act())


async def soon(ask: Callable[[], Awaitable[Answer]], enough: Callable[[Answer], bool]) -> Answer:
    """Asks until the answer is enough: for what follows a moment later."""
    for _ in range(500):
        answer = await ask()
        if enough(answer):
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError("it did not follow")
