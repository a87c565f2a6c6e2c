"""Stored events are kept for ever: every version that was ever written is read, and today's is written as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.improvement.application import REGISTRY
from services.improvement.improvement import NAMES, Fact
from tests.improvement.given import ANALYSED, APPROVED, EFFECTIVE, IMPLEMENTED, OPENED, PLANNED, REOPENED

GOLDEN = Path(__file__).parents[1] / "contracts" / "improvement"
FACTS: dict[str, Fact] = {
    "improvement.opened.v1": OPENED,
    "improvement.analysed.v1": ANALYSED,
    "improvement.planned.v1": PLANNED,
    "improvement.approved.v1": APPROVED,
    "improvement.implemented.v1": IMPLEMENTED,
    "improvement.verified.v1": EFFECTIVE,
    "improvement.reopened.v1": REOPENED,
}


@pytest.mark.parametrize("name", FACTS)
def test_an_event_is_written_as_its_golden_file_says(name: str) -> None:
    assert REGISTRY.encode(FACTS[name]) == (GOLDEN / f"{name}.json").read_bytes().rstrip()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_golden_file_is_still_read(path: Path) -> None:
    name, fact = REGISTRY.decode(path.stem, path.read_bytes())
    assert fact == FACTS[name]


def test_every_event_has_its_golden_file() -> None:
    assert set(NAMES) == set(FACTS) <= {path.stem for path in GOLDEN.glob("*.json")}
