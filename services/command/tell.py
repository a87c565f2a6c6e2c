"""Runs the demonstration: a platform of its own on a movable clock, the story, the checks, the panel."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from services.chassis.clock import MovableClock
from services.chassis.settings import Settings
from services.command import clock_file, story
from services.command.client import RequestFailed, connected
from services.command.demo import STORY_BEGINS, Check, Play
from services.command.host import SERVICES, running
from services.command.show import checks_table, demo_lines, demo_panel

if TYPE_CHECKING:
    from services.chassis.service import Platform

_FOLDER = "demonstration"


async def tell(settings: Settings, *, data: Path | None, leave: bool, console: Console) -> int:
    """Plays the story; 0 when every check holds. Without `leave` the platform then stays up until it is interrupted."""
    began = time.monotonic()
    folder = _fresh(data or settings.data / _FOLDER)
    own = settings.model_copy(
        update={
            "data": folder,
            "database_url": "",
            "nats_url": "",
            "public_url": "",
            "http_port": _free(settings.host, settings.http_port),
            "grpc_port": _free(settings.host, settings.grpc_port),
            "nats_port": _free("127.0.0.1", settings.nats_port),
            "log_level": "error" if settings.origins.get("log_level", "default") == "default" else settings.log_level,
        }
    )
    clock = MovableClock(STORY_BEGINS)
    clock_file.keep(folder, clock)
    console.print(f"[bold]Upheld[/bold]: one promise, all the way round  [dim](data in {folder}; generated, seed {story.SEED})[/dim]")
    async with running(SERVICES, own, clock) as (host, shared):
        console.print(f"  the platform is up after {time.monotonic() - began:.1f} s: four services, NATS, SQLite", highlight=False)
        try:
            play = await _play(shared, clock, console, _keys(folder))
        except RequestFailed as failure:
            console.print(f"[red]the story broke off[/red]: {failure}", markup=True, highlight=False)
            return 1
        clock_file.keep(folder, clock)
        broken = [check for check in play.checks if not check.holds]
        console.print()
        console.print(checks_table(play.checks))
        if broken or leave:
            console.print(_closing(play.checks, broken, time.monotonic() - began))
            return 1 if broken else 0
        console.print(demo_panel(shared, play, time.monotonic() - began))
        for title, line in demo_lines(shared, play, folder):
            console.print(f"\n[bold]{title}[/bold]")
            console.print(line, soft_wrap=True, markup=False, highlight=False)
        await host.serve_until_stopped()
    return 0


async def _play(shared: Platform, clock: MovableClock, console: Console, keys: Path) -> Play:
    async with connected(shared.public_url, "") as anybody:
        play = Play(anybody=anybody, identity=shared.identity, clock=clock, console=console, keys=keys)
        await play.run()
        return play


def _closing(checks: list[Check], broken: list[Check], seconds: float) -> str:
    if broken:
        return f"[red]{len(broken)} of {len(checks)} checks failed[/red] after {seconds:.0f} s"
    return f"[green]all {len(checks)} checks hold[/green]: the reports say what the plan implies, after {seconds:.0f} s"


def _fresh(folder: Path) -> Path:
    """An empty folder; one that an earlier demonstration made is emptied, any other is left alone and refused."""
    if folder.exists() and any(folder.iterdir()):
        if not clock_file.is_apart(folder):
            raise SystemExit(f"{folder} is not empty and not a demonstration's: choose another folder with --data")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _keys(folder: Path) -> Path:
    """Where the people of the story keep their keys, made anew each time it is told."""
    keys = folder / "signing-keys"
    keys.mkdir(mode=0o700)
    return keys


def _free(host: str, wanted: int) -> int:
    """The wanted port, or any free one where somebody else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError:
            return 0
    return wanted
