"""Every law of the figures is a test by name, and is tried with as many examples as the profile says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import settings

from tests.measurement.calculation import LAW

ROOT = Path(__file__).parents[2]
DECISION = ROOT / "docs/decisions/0003-the-figure-is-a-fraction.md"
FOLDERS = [ROOT / "tests" / name for name in ("measurement", "vocabulary", "worked")]
LAWS = re.findall(r"^\| (.+) \| (`test_.+`) \|$", DECISION.read_text().partition("## Laws")[2], re.MULTILINE)


def functions_of(file: str) -> set[str]:
    (path,) = [path for folder in FOLDERS for path in folder.glob(f"{file}.py")]
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_there_are_as_many_laws_as_the_measure_names() -> None:
    assert len(LAWS) == 11


@pytest.mark.parametrize(("law", "held_by"), LAWS, ids=[law for law, _ in LAWS])
def test_a_law_is_held_by_tests_that_are_there(law: str, held_by: str) -> None:
    for file, names in re.findall(r"`(test_\w+): ([^`]+)`", held_by):
        assert set(names.split(", ")) <= functions_of(file), f"{law}: {file}"
    assert re.sub(r"`test_\w+: test_\w+(, test_\w+)*`(, )?", "", held_by) == ""


def test_no_law_says_itself_how_often_it_is_tried() -> None:
    files = [path for folder in FOLDERS for path in folder.glob("*.py") if path != Path(__file__)]
    assert [path.name for path in files if "max_examples" in path.read_text()] == []
    usual = settings.default
    assert usual is not None
    assert LAW.max_examples == usual.max_examples
    assert settings.get_profile("deep").max_examples == 5_000
