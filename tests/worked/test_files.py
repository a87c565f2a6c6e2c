"""Each worked value through `upheld assess`: the exact text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.command.assess import assess_files
from tests.command.cli import HEAD
from tests.worked.cases import CASES, Case, found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_worked_value_from_files(case: Case, tmp_path: Path) -> None:
    terms, observed = tmp_path / "terms.yaml", tmp_path / "observed.ndjson"
    terms.write_text(case.terms(HEAD))
    observed.write_text("\n".join(json.dumps(each) for each in case.observations()))
    for period, expected in case.expected.items():
        document = assess_files(terms, observed, period=period, mapping=[], until=case.until)
        assert {field: found(document, field) for field in expected} == expected


def test_to_date_and_if_nothing_else_fails_are_two_figures(tmp_path: Path) -> None:
    terms, observed = tmp_path / "terms.yaml", tmp_path / "observed.ndjson"
    case = next(case for case in CASES if case.name == "union")
    terms.write_text(case.terms(HEAD))
    told = {
        "kind": "outage",
        "service": "union",
        "component": "web",
        "observed_at": "2026-06-01T02:00:00Z",
        "until": "2026-06-01T03:00:00Z",
    }
    observed.write_text(json.dumps(told))
    document = assess_files(terms, observed, period="2026-06", mapping=[], until="2026-06-01T12:00:00Z")
    fields = ("to_date_percent", "if_nothing_else_fails_percent")
    assert [found(document, f"progress.{field}") for field in fields] == ["91.666666", "99.861111"]
