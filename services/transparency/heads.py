"""The heads of a log: the newest version of every stream, as the root of a tree. With it nobody can leave out the end of a history. Pure.

The streams stand in the order in which they first appear in the log, a leaf is "stream 16 bytes | version u32". Every checkpoint says the
root in an extension line, "heads <streams> <root in base64>": a history is complete as of the checkpoint's size when its last version is
the one proved there.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from services.transparency.merkle import HASH_BYTES, inclusion_proof, leaf_hash, node_hash, root_at, verify_inclusion
from services.vocabulary.errors import Conflict

_LEAF = struct.Struct(">16sI")
_LINE = re.compile(r"heads (0|[1-9][0-9]{0,17}) ([A-Za-z0-9+/]{43}=)", re.ASCII)


class GapInStream(Conflict):
    """An event is missing in a stream, or is there twice."""

    code = "gap-in-stream"


@dataclass(frozen=True)
class HeadsRoot:
    """Of so many streams."""

    streams: int
    root: bytes

    def __str__(self) -> str:
        return f"heads {self.streams} {base64.b64encode(self.root).decode('ascii')}"


@dataclass(frozen=True, kw_only=True)
class HeadProof:
    """Shows that a version was the stream's newest: its place among the streams, and the siblings up to the root."""

    index: int
    siblings: tuple[bytes, ...]


class Heads:
    """The tree over them; it follows the log event by event."""

    def __init__(self) -> None:
        self.newest: dict[UUID, int] = {}
        self._places: dict[UUID, int] = {}
        self._levels: list[list[bytes]] = [[]]

    def follow(self, versions: Iterable[tuple[UUID, int]]) -> None:
        """In the order of the log. Refuses with `GapInStream` a version that is not the stream's next, and follows none then."""
        fresh: dict[UUID, int] = {}
        for stream, version in versions:
            newest = fresh.get(stream) or self.newest.get(stream, 0)
            if version != newest + 1:
                raise GapInStream(f"version {newest} of {stream} is followed by {version}")
            fresh[stream] = version
        self.restore(fresh)

    def restore(self, newest: Mapping[UUID, int]) -> None:
        """As they were, or have become: new ones in the order in which the streams first appeared."""
        for stream, version in newest.items():
            self._put(stream, version)

    @property
    def root(self) -> HeadsRoot:
        return HeadsRoot(len(self.newest), root_at(len(self.newest), self._node))

    def proof(self, stream: UUID) -> HeadProof:
        """Of a stream that the log has."""
        index = self._places[stream]
        return HeadProof(index=index, siblings=tuple(inclusion_proof(index, len(self.newest), self._node)))

    def _put(self, stream: UUID, version: int) -> None:
        index = self._places.setdefault(stream, len(self._places))
        self.newest[stream] = version
        level, subtree = 0, leaf_hash(_leaf(stream, version))
        while True:
            hashes = self._levels[level]
            hashes[index : index + 1] = [subtree]
            sibling = index ^ 1
            if sibling >= len(hashes):
                return
            left, right = (hashes[min(index, sibling)], hashes[max(index, sibling)])
            level, index, subtree = level + 1, index >> 1, node_hash(left, right)
            if level == len(self._levels):
                self._levels.append([])

    def _node(self, level: int, index: int) -> bytes:
        return self._levels[level][index]


def is_head(stream: UUID, version: int, proof: HeadProof, root: HeadsRoot) -> bool:
    """By the root, that version is the stream's newest."""
    leaf = leaf_hash(_leaf(stream, version))
    return verify_inclusion(leaf, proof.index, root.streams, proof.siblings, root.root)


def parse_heads(line: str) -> HeadsRoot | None:
    """Of an extension line; None: it says something else."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    try:
        root = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return None
    found = HeadsRoot(int(match[1]), root)
    return found if len(root) == HASH_BYTES and str(found) == line else None


def _leaf(stream: UUID, version: int) -> bytes:
    return _LEAF.pack(stream.bytes, version)
