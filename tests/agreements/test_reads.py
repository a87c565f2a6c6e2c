"""Who read an agreement: every door by the one place where it is decided, and nothing lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import grpc.aio
import pytest
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from upheld.agreements.v1 import agreements_pb2 as messages

from services.agreements.reads import METADATA, READS, ReadLog, trace_of
from services.agreements.refusals import AgreementNotFound
from services.chassis.database import Database
from services.chassis.settings import Settings
from services.vocabulary.errors import Invalid, Unavailable
from services.vocabulary.identity import Caller, OrganisationId, Role
from tests.agreements.support import AGREEMENT, AUDITOR, CUSTOMER, PROVIDER, STRANGER, Running, subject_of
from tests.agreements.support import play as run
from tests.agreements.whole_life import BEGUN, Archive, context, play

T = TypeVar("T")


async def told(archived: Archive) -> list[tuple[str, str, str, str]]:
    """What the log says, from the first on."""
    page = await archived.reads.page(AGREEMENT, cursor="", limit=100)
    return [(each.recorded_at, each.actor, each.organisation, each.operation) for each in reversed(page.items)]


def test_a_read_says_who_when_for_whom_how_and_in_which_trace(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        await archived.agreements.get(AGREEMENT, context=context(CUSTOMER, "tim"))
        (read,) = (await archived.reads.page(AGREEMENT, cursor="", limit=9)).items
        assert (read.actor, read.organisation, read.recorded_at) == ("tim", CUSTOMER, "2026-01-05T09:00:00Z")
        assert (read.operation, read.tool, read.trace_id) == ("get_agreement", "http", "0af7651916cd43dd8448eb211c80319c")

    play(tmp_path, scene, events=1)


def test_every_answer_about_an_agreement_is_a_read(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        day = BEGUN.date()
        asked = archived.agreements
        await asked.get(AGREEMENT, context=context(operation="get_agreement"))
        await asked.history(AGREEMENT, known_at=None, context=context(operation="get_history"))
        await asked.version(AGREEMENT, 1, context=context(operation="get_version"))
        await asked.diff(AGREEMENT, before=1, after=1, context=context(operation="diff_terms"))
        await asked.terms_in_force(AGREEMENT, first=day, last=day, known_at=None, context=context(operation="get_terms_in_force"))
        await asked.snapshots([AGREEMENT], context=context(operation="list_agreements"))
        await archived.replay.state_at(AGREEMENT, 1, context=context(operation="get_state_at"))
        await archived.replay.diff(AGREEMENT, before=1, after=1, context=context(operation="diff_states"))
        await archived.asked.listed(AGREEMENT, cursor="", limit=1, context=context(operation="list_reads"))
        assert sorted(operation for *_, operation in await told(archived)) == sorted(
            [
                "get_agreement",
                "get_history",
                "get_version",
                "diff_terms",
                "get_terms_in_force",
                "list_agreements",
                "get_state_at",
                "diff_states",
                "list_reads",
            ]
        )

    play(tmp_path, scene, events=2)


def test_a_service_that_asks_for_the_terms_to_judge_by_is_not_logged_and_else_it_is(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        day = BEGUN.date()
        service = Caller(subject="service:measurement", organisation=OrganisationId("upheld"), roles=frozenset({Role.SERVICE}))
        for operation in ("get_terms_in_force", "get_agreement"):
            by = replace(context(operation=operation), caller=service)
            await archived.agreements.terms_in_force(AGREEMENT, first=day, last=day, known_at=None, context=by)
        assert [(actor, operation) for _, actor, _, operation in await told(archived)] == [("service:measurement", "get_agreement")]

    play(tmp_path, scene, events=1)


def test_a_refused_read_read_nothing(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        with pytest.raises(AgreementNotFound):
            await archived.agreements.get(AGREEMENT, context=context(STRANGER))
        with pytest.raises(AgreementNotFound):
            await archived.agreements.get(AGREEMENT, known_at=BEGUN - timedelta(days=1), context=context())
        assert await told(archived) == []

    play(tmp_path, scene, events=1)


def test_the_log_outlives_views_that_are_wiped(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        await archived.agreements.get(AGREEMENT, context=context(CUSTOMER, "tim"))

    play(tmp_path, scene, events=1)
    for file in tmp_path.glob("agreements-views.sqlite*"):
        file.unlink()

    async def again(archived: Archive) -> None:
        assert [actor for _, actor, _, _ in await told(archived)] == ["tim"]

    play(tmp_path, again, events=0)


class Faltering(Database):
    """Fails as often as `faults` says, after the work when `too_late`."""

    faults = 0
    too_late = False

    async def write(self, work: Callable[[Connection], T]) -> T:
        if not self.faults:
            return await super().write(work)
        self.faults -= 1
        if self.too_late:
            await super().write(work)
        raise Unavailable("away")


def faltering(data: Path, scene: Callable[[ReadLog, Faltering], Awaitable[None]], *, bound: int = 100) -> None:
    """Runs a scene on a log over such a database."""

    async def act() -> None:
        database = Faltering.open("agreements-reads", Settings(data=data), METADATA)
        assert isinstance(database, Faltering)
        log = ReadLog(database, bound=bound, waited_s=0.05)
        await scene(log, database)
        await log.close()

    asyncio.run(act())


@pytest.mark.parametrize("too_late", [False, True])
def test_what_could_not_be_written_is_written_later_and_once(too_late: bool, tmp_path: Path) -> None:
    async def scene(log: ReadLog, database: Faltering) -> None:
        database.faults, database.too_late = 2, too_late
        for hour in range(3):
            await log.note(AGREEMENT, context(at=BEGUN + timedelta(hours=hour)))
        for _ in range(2):
            with pytest.raises(Unavailable, match="away"):
                await log.flush()
        assert [each.recorded_at for each in (await log.page(AGREEMENT, cursor="", limit=9)).items] == [
            "2026-01-05T11:00:00Z",
            "2026-01-05T10:00:00Z",
            "2026-01-05T09:00:00Z",
        ]

    faltering(tmp_path, scene)


def test_while_the_log_is_full_a_read_waits_and_then_is_refused(tmp_path: Path) -> None:
    async def scene(log: ReadLog, _: Faltering) -> None:
        await log.note(AGREEMENT, context())
        await log.note(AGREEMENT, context())
        with pytest.raises(Unavailable, match="nothing is read unrecorded"):
            await log.note(AGREEMENT, context())
        waiting = asyncio.create_task(log.note(AGREEMENT, context(CUSTOMER, "tim")))
        await asyncio.sleep(0)
        assert not waiting.done()
        await log.flush()
        await waiting
        assert sorted(each.actor for each in (await log.page(AGREEMENT, cursor="", limit=9)).items) == ["ida", "ida", "tim"]

    faltering(tmp_path, scene, bound=2)


def test_the_runner_writes_by_itself_and_at_once_where_it_gets_crowded(tmp_path: Path) -> None:
    async def scene(log: ReadLog, database: Faltering) -> None:
        running = asyncio.create_task(log.run())
        for _ in range(50):
            await log.note(AGREEMENT, context())
        written: int | None = 0
        counted = select(func.count()).select_from(READS)
        for _ in range(80):  # before the second is over
            await asyncio.sleep(0.01)
            written = await database.read(lambda connection: connection.execute(counted).scalar())
            if written:
                break
        assert written
        running.cancel()

    faltering(tmp_path, scene, bound=80)


def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    async def scene(log: ReadLog, _: Faltering) -> None:
        await log.note(AGREEMENT, context(CUSTOMER, "tim"))

    faltering(tmp_path, scene)

    async def look(log: ReadLog, _: Faltering) -> None:
        assert [each.actor for each in (await log.page(AGREEMENT, cursor="", limit=9)).items] == ["tim"]

    faltering(tmp_path, look)


def test_pages_follow_one_another_also_within_an_instant(tmp_path: Path) -> None:
    async def scene(log: ReadLog, _: Faltering) -> None:
        for number in range(7):
            await log.note(AGREEMENT, context(subject=f"n{number}", at=BEGUN + timedelta(hours=number // 5)))
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await log.page(AGREEMENT, cursor=cursor, limit=2)
            seen += [each.actor for each in page.items]
            cursor = page.next_cursor
        assert (sorted(seen[:2]), sorted(seen[2:])) == (["n5", "n6"], ["n0", "n1", "n2", "n3", "n4"])
        for wrong in ("x", "1", "1.", f"{10**20}.a"):
            with pytest.raises(Invalid, match="cursor"):
                await log.page(AGREEMENT, cursor=wrong, limit=2)

    faltering(tmp_path, scene)


def test_who_is_forgotten_has_no_name_in_the_log_and_what_waits_is_no_exception(tmp_path: Path) -> None:
    async def scene(log: ReadLog, _: Faltering) -> None:
        await log.note(AGREEMENT, context(CUSTOMER, "tim"))
        await log.flush()
        await log.note(AGREEMENT, context(CUSTOMER, "tim"))
        await log.note(AGREEMENT, context(PROVIDER, "tim"))
        assert await log.forget(CUSTOMER, "tim") == 2
        assert sorted((each.organisation, each.actor) for each in (await log.page(AGREEMENT, cursor="", limit=9)).items) == [
            (CUSTOMER, ""),
            (CUSTOMER, ""),
            (PROVIDER, "tim"),
        ]

    faltering(tmp_path, scene)


@pytest.mark.parametrize(("given", "trace"), [("", ""), ("00-0af7-b7ad-01", "0af7"), ("nonsense", "")])
def test_a_trace_is_read_from_its_context(given: str, trace: str) -> None:
    assert trace_of(given) == trace


def test_both_doors_tell_who_read_to_those_who_examine(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        drafted = await service.draft()
        agreement_id, path = drafted.body["id"], drafted.headers["location"]
        await service.ask("GET", path, by=CUSTOMER, role=Role.VIEWER)
        await service.ask("GET", path, by=STRANGER, role=Role.VIEWER)
        await service.stub.GetHistory(
            messages.GetHistoryRequest(agreement_id=agreement_id), metadata=service.metadata(AUDITOR, Role.AUDITOR)
        )
        await service.stub.ListAgreements(messages.ListAgreementsRequest(), metadata=service.metadata(CUSTOMER, Role.OPERATOR))
        answer = await service.ask("GET", f"{path}/reads", role=Role.ADMINISTRATOR)
        reads = answer.body["items"]
        assert {(each["operation"], each["tool"], each["organisation"], each["actor"]) for each in reads} == {
            ("get_agreement", "http", CUSTOMER, subject_of(CUSTOMER, Role.VIEWER)),
            ("get_history", "grpc", AUDITOR, subject_of(AUDITOR, Role.AUDITOR)),
            ("list_agreements", "grpc", CUSTOMER, subject_of(CUSTOMER, Role.OPERATOR)),
            ("list_reads", "http", PROVIDER, subject_of(PROVIDER, Role.ADMINISTRATOR)),
        }
        assert all(len(each["trace_id"]) == 32 for each in reads)
        first = await service.ask("GET", f"{path}/reads?limit=2", by=AUDITOR, role=Role.AUDITOR)
        assert (len(first.body["items"]), bool(first.body["next"])) == (2, True)

        request = messages.ListReadsRequest(agreement_id=agreement_id, page_size=200)
        over_grpc = await service.stub.ListReads(request, metadata=service.metadata(PROVIDER, Role.SERVICE_MANAGER))
        assert [each.operation for each in over_grpc.reads].count("list_reads") == 3
        assert (await service.ask("GET", f"{path}/reads", role=Role.VIEWER)).status == 403
        hidden = await service.ask("GET", f"{path}/reads", by=STRANGER, role=Role.ADMINISTRATOR)
        assert (hidden.status, hidden.body["code"]) == (404, "agreement-not-found")

    run(tmp_path, scene)


FILLED = {"version": 1, "number": 1, "from_version": 1, "to_version": 1, "from_day": "2026-01-01", "to_day": "2026-01-31"}
QUERIES = {"diff_terms": "?from=1&to=1", "diff_states": "?from=1&to=1", "export_agreement": "?form=terms"}


def test_no_door_forgets_to_log_a_read(tmp_path: Path) -> None:
    """Every path and call about an agreement that changes nothing, whatever else it answers."""

    async def scene(service: Running) -> None:
        drafted = await service.draft()
        agreement_id, path = drafted.body["id"], drafted.headers["location"]
        paths = (await service.ask("GET", "/openapi/agreements.json")).body["paths"]
        asked = {
            (each["get"]["operationId"], "http"): address
            for address, each in paths.items()
            if "get" in each and "{agreement_id}" in address
        }
        for (operation, _), address in asked.items():
            target = re.sub(r"{(\w+)}", lambda name: str({"agreement_id": agreement_id, **FILLED}[name[1]]), address)
            await service.ask("GET", target + QUERIES.get(operation, ""), role=Role.SERVICE_MANAGER)
        metadata = service.metadata(PROVIDER, Role.SERVICE_MANAGER)
        calls = {
            method.name: method.input_type
            for method in messages.DESCRIPTOR.services_by_name["Agreements"].methods
            if "agreement_id" in method.input_type.fields_by_name and "expected_version" not in method.input_type.fields_by_name
        }
        for name, kind in calls.items():
            known = {"agreement_id": agreement_id, **{key: value for key, value in FILLED.items() if key in kind.fields_by_name}}
            call = getattr(service.stub, name)(GetMessageClass(kind)(**known), metadata=metadata)
            with suppress(grpc.aio.AioRpcError):
                await (call.read() if name == "ExportBundle" else call)
        logged = (await service.ask("GET", f"{path}/reads?limit=200")).body["items"]
        in_words = {(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), "grpc") for name in calls} - {("search_history", "grpc")}
        assert len(asked) > 8
        assert {(each["operation"], each["tool"]) for each in logged} >= {*asked, *in_words}

    run(tmp_path, scene)
