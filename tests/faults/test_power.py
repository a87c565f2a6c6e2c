"""Power losses, kills and full disks while commands run: nothing acknowledged is lost, and the log that was signed still holds.

`UPHELD_FAULTS` says how many faults there are over both databases: 30 where it says nothing, 200 in the full run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from services.chassis.event_store import EventStore
from services.chassis.sealer import SealedLog
from services.chassis.settings import Settings
from services.transparency.entry import entry_of
from services.transparency.heads import is_head, parse_heads
from services.transparency.merkle import leaf_hash, verify_consistency, verify_inclusion
from services.transparency.note import Checkpoint, parse_checkpoint, parse_note, verify
from tests import postgres
from tests.faults import disk as disks
from tests.faults.disk import Disk, small_disk, state_of
from tests.faults.programs import SIGNER, Numbered, opened_log, opened_seals, run, sealed_log, stream_of_series
from tests.faults.test_kills import PROCESSES, SERIES, _free_port

FAULTS = int(os.environ.get("UPHELD_FAULTS", "30"))
ON_SQLITE = {"power": 6, "kill": 6, "full": 3}
ON_POSTGRES = {"power": 6, "kill": 3, "server": 3, "full": 3}
WITHIN_S = 60.0
MEGABYTES = 64 + 2 * FAULTS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(120 + 8 * FAULTS),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are killed as Linux kills them"),
]


@cache
def no_disk() -> str:
    return disks.missing_reason()


def faults(shares: dict[str, int], seed: int) -> list[str]:
    """In a random order; of each kind its share of all."""
    kinds = [kind for kind, share in shares.items() for _ in range(share * FAULTS // 30)]
    random.Random(seed).shuffle(kinds)
    return kinds


class Database:
    """What the service's database needs around a fault; SQLite needs nothing, it is in the service's own process."""

    def start(self) -> None: ...

    def kill(self) -> None: ...

    @property
    def pids(self) -> list[int]:
        return []


class Postgres(Database):
    """A server that syncs, its cluster on the disk."""

    def __init__(self, disk: Disk) -> None:
        self._folder = disk.folder / "postgres"
        self._folder.mkdir()
        self._user = postgres._unprivileged_user()
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        postgres._initialise(self._folder / "data", self._user)
        os.sync()
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://upheld@127.0.0.1:{self._port}"

    def start(self) -> None:
        """Does nothing while it runs: it survives what it can."""
        if self._process is None or self._process.poll() is not None:
            self._process = postgres._start(self._folder, self._port, self._user, durable=True)
            postgres._wait_until_ready(self.url, self._process, self._folder)

    def kill(self) -> None:
        """Returns when none of its processes is left: the next server asks for that."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # it starts no further child
        killed = self.pids
        for pid in killed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        while any(state_of(pid) not in "ZX" for pid in killed):
            time.sleep(0.01)

    @property
    def pids(self) -> list[int]:
        """The server and all its children; none where it has ended."""
        if self._process is None or self._process.poll() is not None:
            return []
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]


@dataclass(kw_only=True)
class Scene:
    """The service on its disk, its database, and what was acknowledged."""

    settings: Settings
    database: Database
    disk: Disk | None
    program: str = "sealed"
    port: int = field(default_factory=_free_port)
    acknowledged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SERIES, 0))
    checkpoints: list[Checkpoint] = field(default_factory=list)
    suffered: Counter[str] = field(default_factory=Counter)
    told: set[str] = field(default_factory=set)
    _process: ForkServerProcess | None = None

    async def start(self) -> None:
        await asyncio.to_thread(self.database.start)
        at_work, ready = PROCESSES.Pipe(duplex=False)
        self._process = PROCESSES.Process(target=run, args=(self.program, self.settings, self.port, ready), daemon=True)
        await asyncio.to_thread(self._process.start)
        ready.close()
        assert await asyncio.to_thread(at_work.poll, 30), "the service did not start"
        at_work.recv()
        at_work.close()

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.join)

    async def suffer(self, fault: str) -> None:
        self.suffered[fault] += 1
        await {"kill": self._killed, "server": self._without_server, "power": self._powerless, "full": self._full}[fault]()
        await self._goes_on()

    async def _killed(self) -> None:
        await self.kill()
        await self.start()

    async def _without_server(self) -> None:
        await asyncio.to_thread(self.database.kill)
        await asyncio.to_thread(self.database.start)

    async def _powerless(self) -> None:
        await self.lose_power()
        await asyncio.to_thread(self.database.kill)
        assert self.disk is not None
        await asyncio.to_thread(self.disk.mount_again)
        await self.start()

    async def lose_power(self) -> None:
        assert self.disk is not None
        assert self._process is not None
        assert self._process.pid is not None
        await asyncio.to_thread(self.disk.lose_power, self._process.pid, *self.database.pids)
        await self.kill()

    async def _full(self) -> None:
        """The service says what it waits for, and goes on by itself when there is room."""
        assert self.disk is not None
        await asyncio.to_thread(self.disk.fill)
        self.told.clear()
        await self._until(lambda: any("disk is full" in each or "cannot be reached" in each for each in self.told))
        await asyncio.to_thread(self.disk.make_room)
        await asyncio.to_thread(self.database.start)

    async def _goes_on(self) -> None:
        """Every series was acknowledged something since, and all of that is sealed."""
        before = dict(self.acknowledged)
        await self._until(lambda: all(self.acknowledged[series] > before[series] for series in SERIES))
        await self.sealed_up_to(sum(before.values()))

    async def sealed_up_to(self, events: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while (checkpoint := await self._checkpoint()) is None or checkpoint.size < events:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)
        self.checkpoints.append(checkpoint)

    async def _checkpoint(self) -> Checkpoint | None:
        answered = await self.ask({})
        return _checkpoint_of(answered["checkpoint"]) if "checkpoint" in answered else None

    async def ask(self, command: dict[str, object]) -> dict[str, Any]:
        """Nothing where there is no answer."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(json.dumps(command).encode() + b"\n")
                await writer.drain()
                answered: dict[str, Any] = json.loads(await reader.readline() or b"{}")
            finally:
                writer.close()
        except OSError:
            return {}
        if "refused" in answered:
            self.told.add(answered["why"])
        return answered

    async def drive(self, series: str) -> None:
        """Commands one after the other, each again until it is acknowledged; until cancelled."""
        while True:
            number = self.acknowledged[series] + 1
            if "version" in await self.ask({"series": series, "number": number}):
                self.acknowledged[series] = number
            await asyncio.sleep(0.01)

    async def _until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not enough():  # noqa: ASYNC110 - what is counted tells nobody
                await asyncio.sleep(0.02)


@asynccontextmanager
async def driven(scene: Scene) -> AsyncIterator[None]:
    """While the service takes commands in every series."""
    await scene.start()
    drivers = [asyncio.create_task(scene.drive(series)) for series in SERIES]
    try:
        await scene._goes_on() if scene.program == "sealed" else await asyncio.sleep(1)
        yield
    finally:
        for each in drivers:
            each.cancel()
        await asyncio.gather(*drivers, return_exceptions=True)


def _checkpoint_of(note: str) -> Checkpoint:
    parsed = parse_note(note)
    verify(parsed, SIGNER.key)
    return parse_checkpoint(parsed.text)


async def _suffers(scene: Scene, kinds: list[str]) -> None:
    pauses = random.Random(len(kinds))
    try:
        async with driven(scene):
            for kind in kinds:
                await asyncio.sleep(pauses.uniform(0.0, 0.3))
                await scene.suffer(kind)
        await scene.sealed_up_to(sum(scene.acknowledged.values()))
        await scene.kill()
        await _nothing_is_lost_and_the_log_holds(scene)
    finally:
        await scene.kill()
        await asyncio.to_thread(scene.database.kill)
    assert scene.suffered == Counter(kinds)


async def _nothing_is_lost_and_the_log_holds(scene: Scene) -> None:
    store, views = opened_log(scene.settings), opened_seals(scene.settings)
    try:
        for series, acknowledged in scene.acknowledged.items():
            stored = [recorded.event.number for recorded in await store.load(stream_of_series(series))]
            assert stored[:acknowledged] == list(range(1, acknowledged + 1))
            assert len(stored) <= acknowledged + 1, "a command that nobody heard of may be there, once"
        log = sealed_log(views)
        newest = _checkpoint_of(await log.checkpoint())
        for series in SERIES:
            await _is_proved(store, log, newest, series)
        for before in scene.checkpoints:
            proof = await log.consistency(before.size, newest.size)
            assert verify_consistency(before.size, newest.size, proof, before.root, newest.root)
    finally:
        await store.close()
        await views.close()


async def _is_proved(store: EventStore[Numbered], log: SealedLog, newest: Checkpoint, series: str) -> None:
    stream = stream_of_series(series)
    stored, sealed = await store.load_bytes(stream), await log.sealed(stream)
    heads = parse_heads(newest.extensions[0])
    assert heads is not None
    assert is_head(stream, len(sealed.receipts), sealed.head, heads)
    assert len(stored) - len(sealed.receipts) in {0, 1}
    for each, receipt in zip(stored, sealed.receipts, strict=False):
        assert receipt.entry == entry_of(position=each.position, stream=stream, version=each.version, name=each.name, stored=each.content)
        leaf = leaf_hash(bytes(receipt.entry))
        assert verify_inclusion(leaf, receipt.index, newest.size, receipt.siblings, newest.root)


@contextmanager
def _disk_of(megabytes: int) -> Iterator[Disk]:
    if reason := no_disk():
        pytest.skip(reason)
    with small_disk(megabytes) as disk:
        yield disk


def _settings(folder: Path, url: str = "") -> Settings:
    return Settings(data=folder / "data", database_url=url)


def test_nothing_is_lost_over_sqlite_when_the_power_goes_the_process_dies_and_the_disk_is_full() -> None:
    with _disk_of(MEGABYTES) as disk:
        scene = Scene(settings=_settings(disk.folder), database=Database(), disk=disk)
        asyncio.run(_suffers(scene, faults(ON_SQLITE, seed=20260305)))


def test_nothing_is_lost_over_postgresql_when_the_power_goes_the_process_dies_and_the_disk_is_full() -> None:
    if reason := postgres.missing_reason():
        pytest.skip(reason)
    with _disk_of(2 * MEGABYTES) as disk:
        server = Postgres(disk)
        server.start()
        scene = Scene(settings=_settings(disk.folder, f"{server.url}/postgres"), database=server, disk=disk)
        asyncio.run(_suffers(scene, faults(ON_POSTGRES, seed=20260306)))


def test_where_no_disk_can_lose_its_power_a_service_that_is_killed_again_and_again_loses_nothing(settings_sqlite: Settings) -> None:
    scene = Scene(settings=settings_sqlite, database=Database(), disk=None)
    asyncio.run(_suffers(scene, ["kill"] * 6))


def test_without_syncing_acknowledged_events_are_lost_with_the_power() -> None:
    async def story(disk: Disk) -> None:
        scene = Scene(settings=_settings(disk.folder), database=Database(), disk=disk, program="careless")
        async with driven(scene):
            await scene.lose_power()
        disk.mount_again()
        stored = await _stored(scene.settings)
        assert stored < sum(scene.acknowledged.values())

    with _disk_of(48) as disk:
        asyncio.run(story(disk))


async def _stored(settings: Settings) -> int:
    """How many events are left; where not even the tables are left, none."""
    store = opened_log(settings)
    try:
        return len(await store.read(after=0, limit=100_000))
    finally:
        await store.close()
