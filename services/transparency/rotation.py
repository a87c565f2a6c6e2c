"""How a log changes its key: the old key signs a statement that names the new one. Pure.

    upheld/key-rotation/v1
    <name of the log>
    <verifier key of the new key>

Whoever has any of a log's keys can follow from there to the newest, and to no other log's.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.transparency.note import BadNote, Note, Signer, VerifierKey, parse_key, parse_note, verify

_TITLE = "upheld/key-rotation/v1"


def rotation(old: Signer, new: VerifierKey) -> Note:
    """The statement by which the new key takes the old one's place. Both are of the same log."""
    assert new.name == old.key.name, "a log keeps its name"
    return old.note(f"{_TITLE}\n{new.name}\n{new}\n")


def followed(known: VerifierKey, statements: Iterable[str]) -> tuple[VerifierKey, ...]:
    """The known key and those that came after it, oldest first. The statements are in the order in which they were made; those of keys
    before the known one say nothing. Refuses with `BadNote` one that names a key we have come to and is not signed by it, or not such a
    statement."""
    found = [known]
    for text in statements:
        note, newest = parse_note(text), found[-1]
        if any((each.name, each.key_id) == (newest.name, newest.id) for each in note.signatures):
            verify(note, newest)
            found.append(_named(note.text, newest))
    return tuple(found)


def _named(text: str, old: VerifierKey) -> VerifierKey:
    lines = text.split("\n")
    if len(lines) != 4 or lines[0] != _TITLE or lines[1] != old.name or lines[3]:
        raise BadNote("rotation", f"must be the lines {_TITLE}, {old.name} and a verifier key")
    new = parse_key(lines[2])
    if (new.name, new.algorithm) != (old.name, old.algorithm) or str(new) != lines[2]:
        raise BadNote("rotation", f"must name another key of {old.name}")
    return new
