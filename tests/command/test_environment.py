"""Variables that look like settings and are none, and how settings are shown."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import subprocess
from pathlib import Path

import pytest
from rich.console import Console
from typer.main import get_command

from services.chassis.settings import Settings, explained
from services.command.__main__ import app
from services.command.environment import unknown_variables
from services.command.host import running
from services.command.show import settings_table
from tests.command.cli import invoke
from tests.journeys.processes import UPHELD

ROOT = Path(__file__).parents[2]
NAMES = [f"UPHELD_{name.upper()}" for name in Settings.model_fields if name != "origins"]
MISTYPED = "UPHELD_HTTP_PROT"
TOLD = "UPHELD_HTTP_PROT is no setting and changes nothing; did you mean UPHELD_HTTP_PORT?"


def test_every_variable_that_an_option_reads_is_known() -> None:
    options = [parameter for command in vars(get_command(app))["commands"].values() for parameter in command.params]
    read = {str(option.envvar) for option in options if option.envvar}
    assert {"UPHELD_URL", "UPHELD_TOKEN"} <= read
    assert unknown_variables(read) == []


def test_every_variable_that_a_test_reads_is_known() -> None:
    reading = re.compile(r"""environ(?:\.get\(|\[)["'](UPHELD_\w+)""")
    read = {name for file in ROOT.glob("tests/**/*.py") for name in reading.findall(file.read_text())}
    assert {"UPHELD_CHROMIUM", "UPHELD_REAL_DATA"} <= read
    assert unknown_variables(read) == []


def test_settings_name_a_mistyped_variable_under_the_table_and_not_its_value() -> None:
    printed = invoke("settings", environment={MISTYPED: "s3cret", "UPHELD_TOKEN": "t0ken"}).stdout
    assert printed.splitlines()[-1] == TOLD
    assert "s3cret" not in printed
    assert "t0ken" not in printed


def test_settings_say_nothing_more_when_all_is_known() -> None:
    printed = invoke("settings", environment={"UPHELD_HTTP_PORT": "1"}).stdout
    assert "is no setting" not in printed


def test_a_start_warns_of_a_mistyped_variable_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MISTYPED, "s3cret")

    async def start() -> None:
        async with running(("agreements",), Settings(data=tmp_path, http_port=0, grpc_port=0, nats_port=0)):
            pass

    asyncio.run(start())
    told = [line for line in capsys.readouterr().err.splitlines() if MISTYPED in line]
    assert len(told) == 1
    line = json.loads(told[0])
    assert (line["level"], line["variable"], line["nearest"]) == ("warning", MISTYPED, "UPHELD_HTTP_PORT")
    assert "s3cret" not in told[0]


def test_a_start_that_fails_by_it_warns_too(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        done = invoke("up", environment={"UPHELD_DATA": str(tmp_path), "UPHELD_HTTP_PORT": port, MISTYPED: "0"})
    assert done.exit_code == 1
    assert MISTYPED in done.stderr


def test_on_a_narrow_terminal_names_of_settings_stay_whole() -> None:
    screen = io.StringIO()
    Console(file=screen, width=80, force_terminal=True, color_system=None).print(settings_table(explained(Settings())))
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert re.findall(r"UPHELD_\w+", screen.getvalue()) == NAMES


def test_into_a_pipe_each_setting_is_one_line() -> None:
    folder = "/".join(["a-folder"] * 30)
    done = subprocess.run(
        [UPHELD, "settings"], env={"COLUMNS": "80", "UPHELD_DATA": folder}, capture_output=True, text=True, timeout=60, check=True
    )
    rows = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert len(rows) == len(NAMES)
    assert folder in rows[0]
