"""Terms documents as text: what is read, and what is refused before any field is judged."""

from __future__ import annotations

import json
import time

import pytest

from services.agreements.document import MOST_BYTES, Form, UnreadableDocument, form_of, parse_document, read_document
from services.vocabulary.errors import Invalid
from tests.agreements.support import DOCUMENT, TERMS, document


def test_scalars_stay_the_text_that_was_written() -> None:
    text = "day: 2026-03-01\ntime: 22:30\nfloat: 99.90\noctal: 0755\nyes: no\nquoted: '7'\n"
    assert read_document(text) == {
        "day": "2026-03-01",
        "time": "22:30",
        "float": "99.90",
        "octal": "0755",
        "yes": "no",
        "quoted": "7",
    }


def test_numbers_of_json_keep_every_digit() -> None:
    text = '{"a": 99.90, "b": 12345678901234567890, "c": [true, null], "d": 1e3}'
    assert read_document(text, form="json") == {"a": "99.90", "b": "12345678901234567890", "c": ["true", None], "d": "1e3"}


def test_an_empty_value_is_an_absent_one() -> None:
    assert read_document("a:\nb: ~\nc: null\nd: 'null'\ne: ''\n") == {"a": None, "b": None, "c": None, "d": "null", "e": ""}
    assert parse_document(DOCUMENT.replace("ends_on: 2026-12-31 ", "ends_on:")).ends_on is None


def test_yaml_and_json_agree_the_same() -> None:
    assert parse_document(DOCUMENT) == parse_document(json.dumps(document()), form="json") == TERMS
    assert parse_document(DOCUMENT.encode()) == parse_document(b"\xef\xbb\xbf" + DOCUMENT.encode()) == TERMS


@pytest.mark.parametrize(
    ("text", "form"),
    [('{"upheld": "terms/v1"}', "json"), ('  {\n "a": 1}', "json"), ("{}", "json"), ("{upheld: terms/v1}", "yaml"), ("upheld: a", "yaml")],
)
def test_json_is_told_from_yaml_by_how_it_begins(text: str, form: Form) -> None:
    assert form_of(text) == form


BOMB = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n"


@pytest.mark.parametrize(
    ("text", "form", "rule"),
    [
        ("a: 1\na: 2\n", "yaml", "gives the key 'a' twice, the second time in line 2"),
        ('{"a": 1, "a": 2}', "json", "gives the key 'a' twice"),
        (BOMB, "yaml", "has an anchor or alias in line 1; write the value out"),
        ("a: !!python/object/apply:os.system ['true']", "yaml", "has the tag 'tag:yaml.org,2002:python/object/apply:os.system' in line 1"),
        ("[" * 21 + "]" * 21, "yaml", "is nested deeper than 20 levels"),
        ("[" * 100_000, "yaml", "is nested deeper than 20 levels"),
        ("[" * 21 + "]" * 21, "json", "is nested deeper than 20 levels"),
        ("[" * 50_000 + "]" * 50_000, "json", "is nested deeper than 20 levels"),
        ("a: 1\n---\nb: 2\n", "yaml", "must be one document, there are several"),
        ("? [a]\n: b\n", "yaml", "has a key in line 1 that is no plain text"),
        ("a: [", "yaml", "is not YAML: "),
        ("a:\n\t- b", "yaml", "is not YAML: found character that cannot start any token in line 2, column 1"),
        ("a: \x00", "yaml", "is not YAML: "),
        ("{", "json", "is not JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
        ('{"a": NaN}', "json", "NaN is no number of JSON"),
        ("x" * (MOST_BYTES + 1), "yaml", f"must have at most {MOST_BYTES} bytes, not {MOST_BYTES + 1}"),
        (b"a: \xff", "yaml", "must be UTF-8: invalid start byte"),
        ("a: \ud800", "yaml", "must be UTF-8: surrogates not allowed"),
    ],
)
def test_what_is_no_plain_document_is_refused_and_told_why(text: str | bytes, form: Form, rule: str) -> None:
    with pytest.raises(UnreadableDocument) as refused:
        read_document(text, form=form)
    assert str(refused.value).startswith(f"document: {rule}")


def test_twenty_levels_are_read() -> None:
    text = "[" * 20 + "]" * 20
    assert read_document(text) == read_document(text, form="json")


def test_the_largest_document_is_judged_in_a_moment() -> None:
    text = "a: [" + "b, " * ((MOST_BYTES - 10) // 3) + "]"
    started = time.process_time()
    with pytest.raises(Invalid):
        parse_document(text)
    assert time.process_time() - started < 5
