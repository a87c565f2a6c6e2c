"""The import rules hold, and each of them breaks when it is broken on purpose."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = [contract["name"] for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]]

# For each rule: a file of the sources and the import that must not stand there.
OFFENCES = {
    "rooms never import each other": ("reporting/report.py", "import services.measurement.assessment"),
    "nothing but the command imports the command": ("chassis/clock.py", "import services.command.story"),
    "the chassis knows no room": ("chassis/clock.py", "import services.agreements.agreement"),
    "the vocabulary stands alone": ("vocabulary/money.py", "import services.chassis.clock"),
    "a proof needs the standard library and cryptography": ("transparency/merkle.py", "import msgspec"),
    "rules know no framework, no store and no wire": ("measurement/assessment.py", "import services.chassis.database"),
    "use cases do not know their doors": ("agreements/application.py", "import services.agreements.api"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def copy_of_the_sources(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.html", "*.css", "*.js")
    shutil.copytree(ROOT / "services", folder / "services", ignore=ignored)
    shutil.copytree(ROOT / "proto", folder / "proto", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_rule_has_an_offence_that_tries_it() -> None:
    assert set(OFFENCES) == set(CONTRACTS)


def test_the_sources_keep_every_rule(tmp_path: Path) -> None:
    result = lint(copy_of_the_sources(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("rule", CONTRACTS)
def test_a_rule_that_is_broken_on_purpose_is_reported(rule: str, tmp_path: Path) -> None:
    sources = copy_of_the_sources(tmp_path)
    file, offence = OFFENCES[rule]
    path = sources / "services" / file
    path.write_text(path.read_text() + f"\n\ndef _offence() -> None:\n    {offence}\n")
    result = lint(sources)
    assert result.returncode != 0
    assert f"{rule} BROKEN" in " ".join(result.stdout.split())


def zones_of_the_machine(source: str) -> list[str]:
    """The calls that take a time zone from the machine: by its name there, or because they name none."""
    calls = [call for call in ast.walk(ast.parse(source)) if isinstance(call, ast.Call)]
    named = [ast.unparse(call.func) for call in calls if re.search(r"\b(ZoneInfo|available_timezones|tzlocal)\b", ast.unparse(call.func))]
    return named + [ast.unparse(call) for call in calls if re.search(r"(\.astimezone|\bdatetime\.now)\(\)$", ast.unparse(call))]


def test_only_the_vocabulary_makes_time_zones() -> None:
    """Civil times come from the time zone database that is locked with the project."""
    sources = [file for file in (ROOT / "services").rglob("*.py") if file != ROOT / "services/vocabulary/period.py"]
    assert {file.name: found for file in sources if (found := zones_of_the_machine(file.read_text()))} == {}


@pytest.mark.parametrize(
    "offence",
    ["ZoneInfo(name)", "zoneinfo.ZoneInfo.no_cache(name)", "sorted(available_timezones())", "moment.astimezone().date()", "datetime.now()"],
)
def test_a_time_zone_of_the_machine_is_found(offence: str) -> None:
    assert zones_of_the_machine(f"def day() -> object:\n    return {offence}\n")
