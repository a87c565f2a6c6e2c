"""`upheld terms`: a document tried, read back, and its grammar, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import Result

from services.agreements.document import parse_document, read_document
from services.agreements.terms import digest, to_document
from tests.agreements.support import DOCUMENT, FULL_DOCUMENT
from tests.command.cli import invoke


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "terms.yaml"
    written.write_text(FULL_DOCUMENT)
    return written


def unwrapped(result: Result) -> str:
    return " ".join(result.stdout.split())


def test_a_document_that_could_be_signed_is_answered_with_its_digest_and_a_line(file: Path) -> None:
    done = invoke("terms", "check", file)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        digest(parse_document(FULL_DOCUMENT)),
        "Payment platform: nordwind-hosting for bank-am-markt, from 2026-01-01 to 2027-12-31, 9 objectives",
    ]


def test_json_is_read_by_its_ending(tmp_path: Path) -> None:
    terms = parse_document(DOCUMENT)
    file = tmp_path / "terms.json"
    file.write_text(json.dumps(to_document(terms)))
    assert invoke("terms", "check", file).stdout.startswith(digest(terms))


@pytest.mark.parametrize("command", ["check", "explain"])
def test_all_that_is_wrong_is_told_at_once_and_ends_with_2(file: Path, command: str) -> None:
    file.write_text(FULL_DOCUMENT.replace("hours: office", "hours: offices", 1).replace("every: 5m", "every: 7m"))
    done = invoke("terms", command, file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: objectives[0].indicator.hours: there is no calendar 'offices'; did you mean \"office\"?",
        'objectives[2].indicator.every: must divide a day of 24h without rest, as "1m", "5m" or "1h" do; did you mean "6m"?',
    ]


def test_what_is_no_document_is_refused_the_same_way(file: Path) -> None:
    file.write_text("a: [")
    done = invoke("terms", "check", file)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: document: is not YAML")


def test_terms_are_read_back_as_sentences_under_titles(file: Path) -> None:
    done = invoke("terms", "explain", file)
    assert done.exit_code == 0
    assert done.stdout.startswith("The agreement\n  Nordwind Hosting GmbH promises Bank am Markt AG what follows, from 2026-01-01")
    assert 'A credit can be claimed within 30 open days of the calendar "office"' in unwrapped(done)
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_the_schema_is_printed_and_fits_the_example() -> None:
    done = invoke("terms", "schema")
    assert done.exit_code == 0
    printed = json.loads(done.stdout)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator(printed).validate(read_document(FULL_DOCUMENT))
