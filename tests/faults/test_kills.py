"""Processes are killed at random while commands run: nothing acknowledged is lost, nothing takes effect twice, order holds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess

import pytest
import sqlalchemy as sa

from services.chassis.nats import NatsServer
from services.chassis.settings import Settings
from tests.chassis.bus import until
from tests.faults.programs import EFFECTS, opened_ledger, opened_log, run, stream_of_series

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="processes are killed as Linux kills them")]

# A process starts as a copy of one that has imported everything: killed ones are back within milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.faults.programs"])

SERIES = tuple(f"series-{letter}" for letter in "abcdefgh")
KINDS = ("service", "relay", "consumer", "nats")
WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Play:
    """What is done to the processes while `commands` run at `pace_per_s`. Every second kill of the broker wipes its store."""

    seed: int
    commands: int
    pace_per_s: float
    kills_each: int
    pauses_s: tuple[float, float]

    def order(self) -> list[str]:
        kinds = [kind for kind in KINDS for _ in range(self.kills_each)]
        random.Random(self.seed).shuffle(kinds)
        return kinds

    def pauses(self) -> Iterator[float]:
        chance = random.Random(self.seed + 1)
        while True:
            yield chance.uniform(*self.pauses_s)


@dataclass(kw_only=True)
class Cast:
    """The running processes, each started again as soon as it was killed."""

    settings: Settings
    port: int
    server: NatsServer
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    wipes: int = 0

    async def start(self, kind: str) -> None:
        """Returns when the process is at work."""
        at_work, ready = PROCESSES.Pipe(duplex=False)
        settings = self.settings.model_copy(update={"nats_url": self.server.url})
        process = PROCESSES.Process(target=run, args=(kind, settings, self.port, ready), daemon=True)
        await asyncio.to_thread(process.start)
        self.processes[kind] = process
        ready.close()
        assert await asyncio.to_thread(at_work.poll, 30), f"{kind} did not start"
        assert at_work.recv() == kind
        at_work.close()

    async def kill(self, kind: str) -> None:
        self.kills[kind] += 1
        if kind == "nats":
            await self._kill_broker()
            return
        self.processes[kind].kill()
        await asyncio.to_thread(self.processes[kind].join)
        await self.start(kind)

    async def _kill_broker(self) -> None:
        await until(lambda: self.server.pid is not None)
        killed = self.server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        if self.kills["nats"] % 2:
            # Without giving way in between: the next server must not be there yet when the store of the last one goes.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - nothing else may go on
            self.wipes += 1
            shutil.rmtree(self.settings.data / "nats" / "jetstream")
        await until(lambda: self.server.pid not in {None, killed})

    async def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            await asyncio.to_thread(process.join)


@asynccontextmanager
async def cast_of(settings: Settings) -> AsyncIterator[Cast]:
    server = NatsServer(settings.data / "nats", port=0)
    await server.start()
    cast = Cast(settings=settings, port=_free_port(), server=server)
    try:
        await asyncio.gather(*(cast.start(kind) for kind in KINDS if kind != "nats"))
        yield cast
    finally:
        await cast.stop()
        await server.stop()


async def command_all(port: int, series: str, numbers: Sequence[int], *, every_s: float) -> None:
    """Sends a series' commands one after the other, each again and again until it is acknowledged."""
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for number in numbers:
        command = json.dumps({"series": series, "number": number}).encode() + b"\n"
        acknowledged = False
        while not acknowledged:
            try:
                reader, writer = connection = connection or await asyncio.open_connection("127.0.0.1", port)
                writer.write(command)
                await writer.drain()
                acknowledged = "version" in json.loads(await reader.readline() or b"{}")
            except OSError:
                acknowledged = False
            if not acknowledged:
                if connection is not None:
                    connection[1].close()
                connection = None
                await asyncio.sleep(0.05)
        await asyncio.sleep(every_s)
    if connection is not None:
        connection[1].close()


async def play_on(settings: Settings, play: Play) -> tuple[Cast, dict[str, list[int]]]:
    """Runs all commands and all kills, and waits until every command has had an effect; without an inbox, which alone knows what was
    handled, until there are no more effects. Answers what was acknowledged, in its order."""
    sent = {series: list(range(index, play.commands, len(SERIES))) for index, series in enumerate(SERIES)}
    async with cast_of(settings) as cast:
        every_s = len(SERIES) / play.pace_per_s
        async with asyncio.TaskGroup() as group:
            for series, numbers in sent.items():
                group.create_task(command_all(cast.port, series, numbers, every_s=every_s))
            for kind, pause in zip(play.order(), play.pauses(), strict=False):
                await asyncio.sleep(pause)
                await cast.kill(kind)
        await (_all_took_effect(settings, play.commands) if settings.inbox else _no_more_take_effect(settings))
    return cast, sent


async def _all_took_effect(settings: Settings, commands: int) -> None:
    database = opened_ledger(settings)
    try:
        async with asyncio.timeout(WITHIN_S):
            while await database.read(_count_effects) < commands:  # noqa: ASYNC110 - a table of another process tells nobody
                await asyncio.sleep(0.1)
    finally:
        await database.close()


async def _no_more_take_effect(settings: Settings) -> None:
    database = opened_ledger(settings)
    try:
        before = -1
        while (effects := await database.read(_count_all)) != before:
            before = effects
            await asyncio.sleep(3)
    finally:
        await database.close()


def _count_all(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count(EFFECTS.c.id))).scalar_one()


def _count_effects(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count(sa.distinct(EFFECTS.c.number)))).scalar_one()


async def effects_in_order(settings: Settings) -> list[tuple[str, int]]:
    database = opened_ledger(settings)
    chosen = sa.select(EFFECTS.c.series, EFFECTS.c.number).order_by(EFFECTS.c.id)
    try:
        return [(row.series, row.number) for row in await database.read(lambda connection: connection.execute(chosen).all())]
    finally:
        await database.close()


async def stored_in_order(settings: Settings, series: str) -> list[int]:
    store = opened_log(settings)
    try:
        return [recorded.event.number for recorded in await store.load(stream_of_series(series))]
    finally:
        await store.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def nothing_is_lost_or_doubled(settings: Settings, play: Play) -> None:
    cast, acknowledged = await play_on(settings, play)
    effects = await effects_in_order(settings)
    for series, numbers in acknowledged.items():
        assert await stored_in_order(settings, series) == numbers
        assert [number for named, number in effects if named == series] == numbers
    assert len(effects) == play.commands
    assert cast.kills == dict.fromkeys(KINDS, play.kills_each)
    assert cast.wipes >= 2


def test_nothing_acknowledged_is_lost_or_takes_effect_twice_while_every_process_is_killed(settings_sqlite: Settings) -> None:
    play = Play(seed=20260302, commands=2_000, pace_per_s=160, kills_each=7, pauses_s=(0.05, 0.4))
    asyncio.run(nothing_is_lost_or_doubled(settings_sqlite, play))


def test_the_same_holds_over_postgresql(settings_postgres: Settings) -> None:
    play = Play(seed=20260304, commands=400, pace_per_s=120, kills_each=3, pauses_s=(0.05, 0.45))
    asyncio.run(nothing_is_lost_or_doubled(settings_postgres, play))


def test_the_same_without_an_inbox_shows_duplicates(settings_sqlite: Settings) -> None:
    settings = settings_sqlite.model_copy(update={"inbox": False})
    play = Play(seed=20260303, commands=400, pace_per_s=160, kills_each=2, pauses_s=(0.1, 0.4))

    async def scenario() -> None:
        _, acknowledged = await play_on(settings, play)
        effects = await effects_in_order(settings)
        assert {number for _, number in effects} <= {number for numbers in acknowledged.values() for number in numbers}
        assert len(effects) > len(set(effects)) > 0

    asyncio.run(scenario())
