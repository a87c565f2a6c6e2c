"""Terms documents as YAML or JSON text. Door side; every scalar stays the text that was written: no date, float or octal is guessed.

Refused before anything is read: more than 512 KiB, more than 20 levels, anchors and aliases, tags, keys given twice.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

import yaml

from services.agreements.terms import Node, Terms, parse_terms
from services.vocabulary.errors import Invalid, Violation

Form = Literal["yaml", "json"]

MOST_BYTES = 512 * 1024
MOST_LEVELS = 20

_JSON_BEGINS = re.compile(r'\s*\{\s*["}]')
_PLACE = "document"
_NOTHING = frozenset(("", "~", "null", "Null", "NULL"))
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_Event: TypeAlias = yaml.events.Event


class UnreadableDocument(Invalid):
    """It is no YAML or JSON document of the allowed kind, so no field could be judged."""

    code = "unreadable-document"

    def __init__(self, rule: str) -> None:
        super().__init__(Violation(place=_PLACE, rule=rule))


def form_of(document: str) -> Form:
    """JSON begins with a brace and a quoted key; everything else is read as YAML."""
    return "json" if _JSON_BEGINS.match(document) else "yaml"


def parse_document(document: str | bytes, *, form: Form = "yaml") -> Terms:
    """The terms in a document. Refuses with `UnreadableDocument` or, naming every fault at once, with `Invalid`."""
    return parse_terms(read_document(document, form=form))


def read_document(document: str | bytes, *, form: Form = "yaml") -> Node:
    """The plain nodes of a document, its scalars as text."""
    text = _decoded(document)
    return _read_json(text) if form == "json" else _read_yaml(text)


def read_documents(document: str | bytes, *, form: Form = "yaml") -> list[Node]:
    """Every document of a YAML file that holds several, the empty ones left out; of JSON the entries of a list, or the one there is."""
    text = _decoded(document)
    if form == "yaml":
        return [node for node in _yaml_documents(text) if node is not None]
    node = _read_json(text)
    return node if isinstance(node, list) else [node]


def _decoded(document: str | bytes) -> str:
    try:
        content = document if isinstance(document, bytes) else document.encode()
        text = content.decode("utf-8-sig")
    except UnicodeError as fault:
        raise UnreadableDocument(f"must be UTF-8: {fault.args[-1]}") from None
    if len(content) > MOST_BYTES:
        raise UnreadableDocument(f"must have at most {MOST_BYTES} bytes, not {len(content)}")
    return text


def _read_json(text: str) -> Node:
    try:
        node: Node = json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_number, object_pairs_hook=_mapping)
    except json.JSONDecodeError as fault:
        raise UnreadableDocument(f"is not JSON: {fault.msg} in line {fault.lineno}, column {fault.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    return _plain(node, 1)


def _mapping(pairs: list[tuple[str, Node]]) -> Node:
    mapping: dict[str, Node] = {}
    for key, value in pairs:
        if key in mapping:
            raise UnreadableDocument(f"gives the key {key[:60]!r} twice")
        mapping[key] = value
    return mapping


def _no_number(name: str) -> str:
    raise UnreadableDocument(f"{name} is no number of JSON")


def _plain(node: Node | bool, level: int) -> Node:
    if level > MOST_LEVELS:
        raise _too_deep()
    if isinstance(node, bool):
        return "true" if node else "false"
    if isinstance(node, dict):
        return {key: _plain(value, level + 1) for key, value in node.items()}
    return [_plain(value, level + 1) for value in node] if isinstance(node, list) else node


def _read_yaml(text: str) -> Node:
    documents = _yaml_documents(text, at_most=1)
    return documents[0] if documents else None


def _yaml_documents(text: str, *, at_most: int | None = None) -> list[Node]:
    try:
        events: Iterator[_Event] = iter(yaml.parse(text, Loader=_LOADER))
        return _read_stream(events, at_most)
    except yaml.MarkedYAMLError as fault:
        where = f" in line {fault.problem_mark.line + 1}, column {fault.problem_mark.column + 1}" if fault.problem_mark else ""
        raise UnreadableDocument(f"is not YAML: {fault.problem}{where}") from None
    except (yaml.YAMLError, RecursionError) as fault:
        raise UnreadableDocument(f"is not YAML: {str(fault).splitlines()[0] if str(fault) else type(fault).__name__}") from None


def _read_stream(events: Iterator[_Event], at_most: int | None) -> list[Node]:
    documents: list[Node] = []
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            if len(documents) == at_most:
                raise UnreadableDocument("must be one document, there are several")
            documents.append(_node(next(events), events, 1))
    return documents


def _node(event: _Event, events: Iterator[_Event], level: int) -> Node:
    line = _line(event)
    if level > MOST_LEVELS:
        raise _too_deep()
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise UnreadableDocument(f"has an anchor or alias in line {line}; write the value out")
    if tag := getattr(event, "tag", None):
        raise UnreadableDocument(f"has the tag {str(tag)[:60]!r} in line {line}; write plain values")
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(events, level))
    if isinstance(event, yaml.MappingStartEvent):
        return _pairs(events, level)
    assert isinstance(event, yaml.ScalarEvent), f"an event of YAML that begins no node: {event}"
    return None if not event.style and event.value in _NOTHING else str(event.value)


def _items(events: Iterator[_Event], level: int) -> Iterator[Node]:
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        yield _node(event, events, level + 1)


def _pairs(events: Iterator[_Event], level: int) -> dict[str, Node]:
    mapping: dict[str, Node] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, level + 1)
        line = _line(event)
        if not isinstance(key, str):
            raise UnreadableDocument(f"has a key in line {line} that is no plain text")
        if key in mapping:
            raise UnreadableDocument(f"gives the key {key[:60]!r} twice, the second time in line {line}")
        mapping[key] = _node(next(events), events, level + 1)
    return mapping


def _line(event: _Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _too_deep() -> UnreadableDocument:
    return UnreadableDocument(f"is nested deeper than {MOST_LEVELS} levels")


async def sent_terms(document: str) -> Terms:
    """Of a document in either form, read off the event loop."""
    return await asyncio.to_thread(parse_document, document, form=form_of(document))
