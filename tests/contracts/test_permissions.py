"""Every route and every RPC × every role × whose token it is: generated from the apps and the descriptors, so that there is no hole."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import assert_never

import grpc
import httpx2
import pytest

from services.chassis.clock import MovableClock, SystemClock
from services.chassis.http import seal
from services.chassis.identity import PUBLIC, Identity, MissingPermission
from services.chassis.rpc import server as rpc_server
from services.chassis.settings import Settings
from services.command.host import SERVICES
from services.vocabulary.identity import OrganisationId, Role
from tests.contracts.asking import Answer, Composed, Connected, Door, Operation, composed_at, values_of
from tests.contracts.platform import PROVIDER, STRANGER, TITLE, House, house

pytestmark = pytest.mark.xdist_group("permissions")

PROTO = Path(__file__).parents[2] / "proto"
READING = (
    "get_",
    "list_",
    "diff_",
    "measure_",
    "validate_",
    "explain_",
    "preview_",
    "simulate_",
    "portal_",
    "export_",
    "import_",
    "search_",
    "check_",
)
UNPROVEN_CODES = {"no token": "unauthenticated", "expired": "token-expired", "wrong audience": "token-wrong-audience"}
FAILED = {500, 502, 503, 504, "INTERNAL", "UNKNOWN", "UNAVAILABLE", "UNIMPLEMENTED", "DEADLINE_EXCEEDED"}
DENIED = {401, 403, 404, "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"}


class Standing(StrEnum):
    """Whose token it is, or what is wrong with it."""

    OWN = "own party"
    OTHER = "other party"
    ABSENT = "no token"
    EXPIRED = "expired"
    ELSEWHERE = "wrong audience"


class Expected(StrEnum):
    """The one answer that a cell may have."""

    PUBLIC = "answered to anybody"
    UNPROVEN = "not proven"
    NOT_PERMITTED = "not permitted"
    NOT_FOUND = "not there"
    EMPTY = "an empty list"
    NOT_A_PARTY = "nobody writes terms between two others"
    NOT_AN_AUDITOR = "nobody settles a dispute of one's own"
    SERVED = "served"


@dataclass(frozen=True, kw_only=True)
class Cell:
    operation: Operation
    role: Role
    standing: Standing

    def __str__(self) -> str:
        return f"{self.operation} as {self.role}, {self.standing}"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What was asked and what was answered."""

    routes: int
    rpcs: int
    answers: Mapping[Cell, Answer]


def expected(cell: Cell) -> Expected:
    operation = cell.operation
    if operation.roles is PUBLIC:
        return Expected.PUBLIC
    if cell.standing not in (Standing.OWN, Standing.OTHER):
        return Expected.UNPROVEN
    if cell.role not in operation.roles:
        return Expected.NOT_PERMITTED
    if cell.standing is Standing.OWN or cell.role is Role.SERVICE:
        return Expected.NOT_AN_AUDITOR if operation.about == "a settlement" else Expected.SERVED
    match operation.about:
        case "a thing" | "a settlement":
            return Expected.NOT_FOUND
        case "a list":
            return Expected.EMPTY
        case "new terms":
            return Expected.NOT_A_PARTY
        case "one's own":
            return Expected.SERVED
        case _:
            assert_never(operation.about)


def cells_of(operations: Iterable[Operation]) -> Iterator[Cell]:
    for operation, role, standing in product(operations, Role, Standing):
        yield Cell(operation=operation, role=role, standing=standing)


# ------------------------------------------------------------------------------------------------------------- the matrix


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    with house() as found:
        yield found


@pytest.fixture(scope="module")
def composed(home: House, tmp_path_factory: pytest.TempPathFactory) -> Composed:
    return asyncio.run(composed_at(home.reach.nats_url, tmp_path_factory.mktemp("composed")))


@pytest.fixture(scope="module")
def matrix(home: House, composed: Composed) -> Matrix:
    """Every cell, asked once."""
    routes, rpcs = composed.routes, composed.rpcs
    origin, address = home.reach.http["agreements"], home.reach.grpc["agreements"]
    with httpx2.Client(base_url=origin, timeout=30, trust_env=False) as http, grpc.insecure_channel(address) as channel:
        connected, values, known = Connected(http=http, channel=channel), values_of(home), tokens(home.reach.data)
        answers = {cell: connected.ask(cell.operation, values, known[cell.role, cell.standing]) for cell in cells_of((*routes, *rpcs))}
        return Matrix(routes=len(routes), rpcs=len(rpcs), answers=answers)


def tokens(data: Path) -> dict[tuple[Role, Standing], str]:
    """One a role and standing, all of the platform's own issuer."""
    now = SystemClock()
    issuer = Identity.open(Settings(data=data), now)
    an_hour_ago = Identity.open(Settings(data=data), MovableClock(datetime.now(UTC) - timedelta(hours=1)))
    elsewhere = Identity.open(Settings(data=data, audience="another-platform"), now)
    issuers = {
        Standing.OWN: (issuer, PROVIDER),
        Standing.OTHER: (issuer, STRANGER),
        Standing.EXPIRED: (an_hour_ago, PROVIDER),
        Standing.ELSEWHERE: (elsewhere, PROVIDER),
    }
    found = {(role, Standing.ABSENT): "" for role in Role}
    for role, (standing, (by, organisation)) in product(Role, issuers.items()):
        lifetime = timedelta(minutes=1 if standing is Standing.EXPIRED else 60)
        found[role, standing] = by.issue(subject=f"some-{role}", organisation=OrganisationId(organisation), roles=[role], lifetime=lifetime)
    return found


def fits(cell: Cell, answer: Answer) -> bool:
    """Whether a cell was answered as it must be."""
    match expected(cell):
        case Expected.PUBLIC:
            return answer.status in (200, 303)
        case Expected.UNPROVEN:
            return _is_unproven(cell, answer)
        case Expected.NOT_PERMITTED:
            return answer.status in (403, "PERMISSION_DENIED") and answer.code == "role-not-permitted"
        case Expected.NOT_FOUND:
            return answer.status in (404, "NOT_FOUND") and TITLE not in answer.text
        case Expected.EMPTY:
            return answer.status in (200, "OK") and not answer.items and TITLE not in answer.text
        case Expected.NOT_A_PARTY:
            return answer.status in (403, "PERMISSION_DENIED") and answer.code == "author-not-a-party"
        case Expected.NOT_AN_AUDITOR:
            return answer.status in (403, "PERMISSION_DENIED") and answer.code == "not-an-auditor"
        case Expected.SERVED:
            return _is_served(cell, answer)
        case never:
            assert_never(never)


def _is_unproven(cell: Cell, answer: Answer) -> bool:
    if cell.operation.path.startswith("/portal"):
        return answer.status == 303 and answer.location.startswith("/portal/enter")
    return answer.status in (401, "UNAUTHENTICATED") and answer.code == UNPROVEN_CODES[cell.standing]


def _is_served(cell: Cell, answer: Answer) -> bool:
    operation = cell.operation
    if not operation.name.startswith(READING):
        return answer.status not in DENIED | FAILED
    is_seen = operation.about != "a list" or bool(answer.items) or TITLE in answer.text
    return answer.status in (200, "OK") and is_seen


@pytest.mark.parametrize("door", ["http", "grpc"])
@pytest.mark.parametrize("awaited", Expected)
def test_every_cell_is_answered_as_its_permissions_say(awaited: Expected, door: Door, matrix: Matrix) -> None:
    judged = [cell for cell in matrix.answers if expected(cell) is awaited and cell.operation.door == door]
    assert judged or (awaited is Expected.PUBLIC and door == "grpc")
    wrong = [f"{cell}: {matrix.answers[cell]}" for cell in judged if not fits(cell, matrix.answers[cell])]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(judged)} cells", *wrong])


def test_the_matrix_has_no_hole(matrix: Matrix) -> None:
    asked = {(str(cell.operation), cell.role, cell.standing) for cell in matrix.answers}
    assert matrix.routes > 50
    assert matrix.rpcs > 20
    assert len(asked) == len(matrix.answers) == (matrix.routes + matrix.rpcs) * len(Role) * len(Standing)


def test_the_running_platform_describes_the_routes_that_were_asked(home: House, composed: Composed) -> None:
    described = set()
    for service in SERVICES:
        paths = home.manager.get(f"/openapi/{service}.json")["paths"]
        described |= {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    hidden = ("/portal", "/docs", "/openapi")
    assert described == {str(operation) for operation in composed.routes if not operation.path.startswith(hidden)}


def test_every_service_of_the_contracts_is_served(composed: Composed) -> None:
    written = {
        f"{package[1]}.{service}"
        for text in (path.read_text() for path in PROTO.rglob("*.proto"))
        if (package := re.search(r"^package ([\w.]+);", text, re.MULTILINE))
        for service in re.findall(r"^service (\w+)", text, re.MULTILINE)
    }
    assert len(written) == len(SERVICES)
    assert written == {name for service in composed.services for name, _ in service.servicers}


def test_only_those_who_act_in_an_agreement_change_anything(composed: Composed) -> None:
    onlookers = {Role.ADMINISTRATOR, Role.VIEWER, Role.AUDITOR}
    changing = [operation for operation in (*composed.routes, *composed.rpcs) if _changes(operation)]
    assert len(changing) > 20
    by_onlookers = {"settle_dispute", "revoke_key", "cosign_checkpoint", "erase_person"}
    assert {operation.name for operation in changing if operation.roles & onlookers} == by_onlookers
    assert all(operation.roles == {Role.AUDITOR} for operation in changing if operation.name == "settle_dispute")


def _changes(operation: Operation) -> bool:
    return operation.method not in ("GET", "HEAD") and operation.roles is not PUBLIC and not operation.name.startswith(READING)


# ------------------------------------------------------------------------------------------------- what has no entry fails


@pytest.mark.parametrize("name", SERVICES)
def test_an_app_with_a_route_that_has_no_entry_cannot_be_sealed(name: str, composed: Composed) -> None:
    service = next(each for each in composed.services if each.name == name)
    for forgotten in service.permissions:
        rest = {operation: roles for operation, roles in service.permissions.items() if operation != forgotten}
        routes = {operation.name for operation in composed.routes if operation.service == name}
        if forgotten in routes:
            with pytest.raises(MissingPermission, match=forgotten):
                seal(service.app, rest)
    seal(service.app, service.permissions)


@pytest.mark.parametrize("name", SERVICES)
def test_a_server_with_an_rpc_that_has_no_entry_cannot_be_built(name: str, composed: Composed) -> None:
    service = next(each for each in composed.services if each.name == name)
    for rpc in (operation for operation in composed.rpcs if operation.service == name):
        rest = {operation: roles for operation, roles in service.permissions.items() if operation != rpc.name}

        async def build(permissions: Mapping[str, frozenset[Role]] = rest) -> None:
            rpc_server(composed.platform, [replace(service, permissions=permissions)])

        with pytest.raises(MissingPermission, match=rpc.path.rsplit("/", 1)[1]):
            asyncio.run(build())
