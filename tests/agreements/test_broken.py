"""Broken documents, one fault each, and exactly what is said of it: the place, the rule, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.agreements.document import parse_document
from services.vocabulary.errors import Invalid

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def test_there_are_at_least_sixty_of_them_each_with_its_message() -> None:
    assert len(BROKEN) >= 60
    assert {file.stem for file in BROKEN} == {file.stem for file in BROKEN[0].parent.glob("*.txt")}


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_one_fault_gets_one_message(file: Path) -> None:
    with pytest.raises(Invalid) as refused:
        parse_document(file.read_text())
    assert [f"{violation}\n" for violation in refused.value.violations] == [file.with_suffix(".txt").read_text()]


def test_no_two_faults_are_told_with_the_same_words() -> None:
    messages = [file.with_suffix(".txt").read_text() for file in BROKEN]
    repeated = {message for message in messages if messages.count(message) > 1}
    assert repeated <= {"objectives[0].credits[1].below: must be lower than 99 of the tier before; list the highest first, each once\n"}
