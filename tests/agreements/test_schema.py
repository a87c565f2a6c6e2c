"""The schema for editors: every document that could be signed fits it, and most that could not do not."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from services.agreements.document import read_document
from services.agreements.terms import Terms, schema, to_document
from tests.agreements.support import DOCUMENT, FULL_DOCUMENT
from tests.agreements.test_broken import BROKEN
from tests.agreements.valid_terms import valid_terms

VALIDATOR = jsonschema.Draft202012Validator(schema())


def as_an_editor_reads(text: str) -> object:
    """With numbers and booleans; dates stay texts, by the core schema of YAML 1.2."""
    quoted = re.sub(r"(?<=[ :])(\d{4}-\d{2}-\d{2}(T[\d:]+Z)?)", r'"\1"', text)
    return yaml.safe_load(quoted)


def test_it_is_a_schema_by_its_own_dialect() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("text", [DOCUMENT, FULL_DOCUMENT], ids=["simple", "full"])
def test_the_examples_fit_it_as_texts_and_as_an_editor_reads_them(text: str) -> None:
    VALIDATOR.validate(read_document(text))
    VALIDATOR.validate(as_an_editor_reads(text))


def test_a_percentage_may_be_written_as_a_number() -> None:
    VALIDATOR.validate(as_an_editor_reads(DOCUMENT.replace('target: "99.9"', "target: 99.9")))


@given(agreed=valid_terms())
@settings(max_examples=40, deadline=None)
def test_the_canonical_form_fits_it(agreed: Terms) -> None:
    VALIDATOR.validate(json.loads(json.dumps(to_document(agreed))))


def test_it_finds_half_of_the_broken_documents_without_any_reader() -> None:
    """The rest contradict themselves in ways that no schema can tell: names, order, time."""
    found = [file.stem for file in BROKEN if not VALIDATOR.is_valid(as_an_editor_reads(file.read_text()))]
    assert len(found) >= len(BROKEN) // 2, sorted({file.stem for file in BROKEN} - set(found))


@pytest.mark.parametrize(
    "name",
    [
        "misspelt-field",
        "missing-target",
        "unknown-kind-of-indicator",
        "field-of-another-kind",
        "credits-and-relief",
        "composite-with-a-service",
        "time-without-a-zero",
        "weekday-in-full",
        "length-in-days",
        "hourly-relief-of-a-pool",
    ],
)
def test_what_an_editor_can_tell_it_tells(name: str) -> None:
    (file,) = (each for each in BROKEN if each.stem.endswith(f"-{name}"))
    assert not VALIDATOR.is_valid(read_document(file.read_text()))
