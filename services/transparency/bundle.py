"""The bundle: an agreement with its whole history in one file that proves itself. Pure: how it is written and read; checks no proof.

One canonical JSON document: keys sorted, no blanks, bytes in base64, a line end after it. There is one way to write a bundle, so every
other file is refused, whatever it says.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar
from uuid import UUID

from services.transparency.entry import Entry, entry_of
from services.transparency.heads import HeadProof
from services.transparency.person import KEY_BYTES, Names
from services.vocabulary.errors import Invalid, Violation

VERSION = "upheld/bundle/v1"
MEDIA_TYPE = "application/vnd.upheld.bundle+json"

Node: TypeAlias = "bool | int | str | Sequence[Node] | Mapping[str, Node] | None"

T = TypeVar("T")

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


class BadBundle(Invalid):
    """It is no bundle, or not in the one way to write it."""

    code = "bad-bundle"

    def __init__(self, place: str, rule: str) -> None:
        super().__init__(Violation(place=place, rule=rule))


@dataclass(frozen=True, kw_only=True)
class StoredEvent:
    """An event with its stored bytes, and its leaf's place and siblings in the tree of the log's checkpoint."""

    position: int
    version: int
    name: str
    content: bytes
    index: int
    siblings: tuple[bytes, ...]

    def entry(self, stream: UUID) -> Entry:
        return entry_of(position=self.position, stream=stream, version=self.version, name=self.name, stored=self.content)

    def __str__(self) -> str:
        return f"version {self.version} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A whole stream up to the checkpoint; `head` shows that its last event is the newest. `people` opens the names in it, by the ids of
    those who were not erased; it is written only where there are some."""

    id: UUID
    events: tuple[StoredEvent, ...]
    head: HeadProof
    people: Mapping[str, bytes] = field(default_factory=dict)

    def names(self) -> Names:
        return Names(self.people.get)


@dataclass(frozen=True, kw_only=True)
class Log:
    """One service's part: `checkpoint` is a note with its cosignatures, `keys` the verifier keys it has had, `rotations` the notes by which
    each was followed by the next. `since` shows of earlier sizes that the log only grew; it is written only where that was asked."""

    name: str
    keys: tuple[str, ...]
    rotations: tuple[str, ...]
    checkpoint: str
    streams: tuple[Stream, ...]
    since: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)

    def stream(self, wanted: UUID) -> Stream | None:
        return next((each for each in self.streams if each.id == wanted), None)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """`terms` are documents by digest; `state` is what the history comes to, `evidence` what figures of closed periods were computed from:
    both in the words of their rooms."""

    agreement_id: str
    exported_at: str
    logs: tuple[Log, ...]
    terms: Mapping[str, str]
    state: Node
    evidence: tuple[Mapping[str, Node], ...]

    def log(self, service: str) -> Log | None:
        """The log that is named "<origin>/<service>"."""
        return next((each for each in self.logs if each.name.rpartition("/")[2] == service), None)


def canonical(node: Node) -> bytes:
    return json.dumps(node, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def write(bundle: Bundle) -> bytes:
    return canonical(
        {
            "version": VERSION,
            "agreement_id": bundle.agreement_id,
            "exported_at": bundle.exported_at,
            "logs": [log_node(each) for each in bundle.logs],
            "terms": bundle.terms,
            "state": bundle.state,
            "evidence": bundle.evidence,
        }
    )


def read(content: bytes) -> Bundle:
    """Refuses with `BadBundle` whatever `write` would not have written. Verifies nothing yet."""
    try:
        node: Node = json.loads(content.decode())
        same = canonical(node) == content
    except (ValueError, RecursionError):
        raise BadBundle("", "must be JSON in UTF-8") from None
    if not same:
        raise BadBundle("", "must be canonical JSON: keys sorted, no blanks, a line end after it")
    fields = _fields(node, "", "version", "agreement_id", "exported_at", "logs", "terms", "state", "evidence")
    if fields["version"] != VERSION:
        raise BadBundle("version", f"must be {VERSION}")
    terms = _mapping(fields["terms"], "terms")
    return Bundle(
        agreement_id=_text(fields["agreement_id"], "agreement_id"),
        exported_at=_text(fields["exported_at"], "exported_at"),
        logs=_each(fields["logs"], "logs", read_log),
        terms={digest: _text(document, f"terms[{digest}]") for digest, document in terms.items()},
        state=fields["state"],
        evidence=_each(fields["evidence"], "evidence", _mapping),
    )


def log_node(log: Log) -> Node:
    return {
        "name": log.name,
        "keys": log.keys,
        "rotations": log.rotations,
        "checkpoint": log.checkpoint,
        "streams": [
            {
                "stream": str(stream.id),
                "head": {"index": stream.head.index, "siblings": _encoded(stream.head.siblings)},
                "events": [_event_node(event) for event in stream.events],
                **({"people": {person: encoded(key) for person, key in stream.people.items()}} if stream.people else {}),
            }
            for stream in log.streams
        ],
        **({"since": {str(size): _encoded(proof) for size, proof in log.since.items()}} if log.since else {}),
    }


def read_log(node: Node, place: str) -> Log:
    """Refuses with `BadBundle`."""
    since = _mapping(node, place).get("since")
    fields = _fields(node, place, "name", "keys", "rotations", "checkpoint", "streams", *([] if since is None else ["since"]))
    return Log(
        name=_text(fields["name"], f"{place}.name"),
        keys=_each(fields["keys"], f"{place}.keys", _text),
        rotations=_each(fields["rotations"], f"{place}.rotations", _text),
        checkpoint=_text(fields["checkpoint"], f"{place}.checkpoint"),
        streams=_each(fields["streams"], f"{place}.streams", _stream),
        since={} if since is None else _since(since, f"{place}.since"),
    )


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def decoded(node: Node, place: str) -> bytes:
    """Of base64 as it is written, and in no other way. Refuses with `BadBundle`."""
    text = _text(node, place)
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadBundle(place, "must be base64") from None
    if encoded(content) != text:
        raise BadBundle(place, "must be base64")
    return content


def _event_node(event: StoredEvent) -> Node:
    return {
        "position": event.position,
        "version": event.version,
        "name": event.name,
        "content": encoded(event.content),
        "index": event.index,
        "siblings": _encoded(event.siblings),
    }


def _stream(node: Node, place: str) -> Stream:
    people = _mapping(node, place).get("people")
    fields = _fields(node, place, "stream", "head", "events", *([] if people is None else ["people"]))
    head = _fields(fields["head"], f"{place}.head", "index", "siblings")
    return Stream(
        id=_uuid(fields["stream"], f"{place}.stream"),
        events=_each(fields["events"], f"{place}.events", _event),
        head=HeadProof(
            index=_number(head["index"], f"{place}.head.index"), siblings=_each(head["siblings"], f"{place}.head.siblings", decoded)
        ),
        people={} if people is None else _people(people, f"{place}.people"),
    )


def _people(node: Node, place: str) -> Mapping[str, bytes]:
    found = {person: decoded(key, f"{place}[{person}]") for person, key in _mapping(node, place).items()}
    if not found or any(len(key) != KEY_BYTES for key in found.values()):
        raise BadBundle(place, f"must hold keys of {KEY_BYTES} bytes")
    return found


def _since(node: Node, place: str) -> Mapping[int, tuple[bytes, ...]]:
    sizes = _mapping(node, place)
    if not sizes or not all(map(_SIZE.fullmatch, sizes)):
        raise BadBundle(place, "must be by earlier sizes of the log")
    return {int(size): _each(proof, f"{place}[{size}]", decoded) for size, proof in sizes.items()}


def _event(node: Node, place: str) -> StoredEvent:
    fields = _fields(node, place, "position", "version", "name", "content", "index", "siblings")
    named = f"{place} (version {fields['version']} {fields['name']})"
    return StoredEvent(
        position=_number(fields["position"], f"{named}.position"),
        version=_number(fields["version"], f"{named}.version", below=2**32),
        name=_text(fields["name"], f"{named}.name"),
        content=decoded(fields["content"], f"{named}.content"),
        index=_number(fields["index"], f"{named}.index"),
        siblings=_each(fields["siblings"], f"{named}.siblings", decoded),
    )


def _encoded(siblings: Sequence[bytes]) -> list[str]:
    return [encoded(each) for each in siblings]


def _fields(node: Node, place: str, *names: str) -> Mapping[str, Node]:
    """Exactly these."""
    fields = _mapping(node, place)
    if fields.keys() != set(names):
        raise BadBundle(place, f"must have the fields {', '.join(sorted(names))}")
    return fields


def _mapping(node: Node, place: str) -> Mapping[str, Node]:
    if not isinstance(node, dict):
        raise BadBundle(place, "must be an object")
    return node


def _each(node: Node, place: str, read_one: Callable[[Node, str], T]) -> tuple[T, ...]:
    if not isinstance(node, list):
        raise BadBundle(place, "must be a list")

    def items() -> Iterator[T]:
        for number, item in enumerate(node):
            yield read_one(item, f"{place}[{number}]")

    return tuple(items())


def _text(node: Node, place: str) -> str:
    if not isinstance(node, str):
        raise BadBundle(place, "must be text")
    return node


def _number(node: Node, place: str, *, below: int = 2**63) -> int:
    if type(node) is not int or not 0 <= node < below:
        raise BadBundle(place, f"must be a whole number from 0 on, below {below}")
    return node


def _uuid(node: Node, place: str) -> UUID:
    text = _text(node, place)
    try:
        found = UUID(text)
    except ValueError:
        raise BadBundle(place, "must be a UUID") from None
    if str(found) != text:
        raise BadBundle(place, "must be a UUID in lower case")
    return found
