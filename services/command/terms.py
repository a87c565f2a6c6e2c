"""`upheld terms`: ready terms to begin with, a document tried and read back, the grammar for an editor. Needs no server, keeps nothing."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from services.agreements.document import read_document
from services.agreements.exchange import imported
from services.agreements.library import template, templates
from services.agreements.openslo import Given, Imported
from services.agreements.remark import Remark
from services.agreements.terms import Terms, digest, explain, parse_terms, schema
from services.command.apply import HEADER, KNOWN, form_of, without_header
from services.vocabulary.period import parse_day, parse_zone


def read_file(file: Path) -> Terms:
    """The terms in a file, JSON by its ending, else YAML; a header for `upheld apply` is no part of them.

    Refuses with `Invalid`, naming every fault at once.
    """
    terms, _ = without_header(read_document(file.read_bytes(), form=form_of(file)))
    return parse_terms(terms)


def summary(terms: Terms) -> str:
    """What a signature would name, and a line that says what it is."""
    until = f"to {terms.ends_on}" if terms.ends_on else "on"
    promises = f"{len(terms.objectives)} objective{'' if len(terms.objectives) == 1 else 's'}"
    return f"{digest(terms)}\n{terms.title}: {terms.provider} for {terms.customer}, from {terms.effective_on} {until}, {promises}"


def explanation(terms: Terms, *, width: int) -> str:
    """Every section under its title, lines no longer than the width."""
    return "\n\n".join("\n".join([section.title, *_lines(section.sentences, width)]) for section in explain(terms))


def schema_text() -> str:
    """With the header that a file may have for `upheld apply`."""
    grammar = schema()
    properties = grammar["properties"]
    assert isinstance(properties, dict), "a schema of terms has properties"
    told = {key: {"type": "string", "description": entry.meaning} for key, entry in KNOWN.items()}
    header = {"description": "for upheld apply, no part of the terms", "type": "object", "properties": told, "additionalProperties": False}
    return json.dumps(grammar | {"properties": {**properties, HEADER: header}}, indent=2, ensure_ascii=False)


def template_list() -> str:
    """Each template's name and what it is for, a line each."""
    found = templates()
    width = max(len(each.name) for each in found)
    return "\n".join(f"{each.name:<{width}}  {each.summary}" for each in found)


def template_text(name: str) -> str:
    """The template as it is written. Refuses with `UnknownTemplate`."""
    return template(name).text


def given_of(title: str, provider: str, customer: str, zone: str, effective_on: str) -> Given:
    """What the caller says besides the file; today is the day in the zone. Refuses with `Invalid`."""
    today = datetime.now(parse_zone(zone or "UTC", place="--zone")).date()
    first_day = parse_day(effective_on, place="--effective-on") if effective_on else None
    return Given(today=today, title=title, provider=provider, customer=customer, zone=zone, effective_on=first_day)


def import_file(file: Path, given: Given) -> Imported:
    """OpenSLO documents in a file as terms. Refuses with `Invalid`, naming every fault at once."""
    return imported(file.read_bytes(), given=given, form=form_of(file))


def remark_lines(remarks: Iterable[Mapping[str, str]]) -> str:
    """What was lost or assumed, a line each."""
    return "\n".join(f"{each['kind']} {each['place']}: {each['what']} ({each['why']})" for each in remarks)


def remarks_as_data(remarks: Iterable[Remark]) -> list[dict[str, str]]:
    return [{"kind": each.kind, "place": each.place, "what": each.what, "why": each.why} for each in remarks]


def _lines(sentences: tuple[str, ...], width: int) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
