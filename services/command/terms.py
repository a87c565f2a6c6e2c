"""`upheld terms`: ready terms to begin with, a document tried and read back, the grammar for an editor. Needs no server, keeps nothing."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from services.agreements.document import parse_document
from services.agreements.library import template, templates
from services.agreements.terms import Terms, digest, explain, schema


def read_file(file: Path) -> Terms:
    """The terms in a file, JSON by its ending, else YAML. Refuses with `Invalid`, naming every fault at once."""
    return parse_document(file.read_bytes(), form="json" if file.suffix == ".json" else "yaml")


def summary(terms: Terms) -> str:
    """What a signature would name, and a line that says what it is."""
    until = f"to {terms.ends_on}" if terms.ends_on else "on"
    promises = f"{len(terms.objectives)} objective{'' if len(terms.objectives) == 1 else 's'}"
    return f"{digest(terms)}\n{terms.title}: {terms.provider} for {terms.customer}, from {terms.effective_on} {until}, {promises}"


def explanation(terms: Terms, *, width: int) -> str:
    """Every section under its title, lines no longer than the width."""
    return "\n\n".join("\n".join([section.title, *_lines(section.sentences, width)]) for section in explain(terms))


def schema_text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False)


def template_list() -> str:
    """Each template's name and what it is for, a line each."""
    found = templates()
    width = max(len(each.name) for each in found)
    return "\n".join(f"{each.name:<{width}}  {each.summary}" for each in found)


def template_text(name: str) -> str:
    """The template as it is written. Refuses with `UnknownTemplate`."""
    return template(name).text


def _lines(sentences: tuple[str, ...], width: int) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
