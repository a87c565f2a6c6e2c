"""Trees for the tests: numbered entries, and a naive reading of RFC 6962."""

from __future__ import annotations

from collections.abc import Sequence

from services.transparency.merkle import EMPTY_ROOT, leaf_hash, node_hash
from services.transparency.tiles import Tiles


def entry(number: int) -> bytes:
    return b"entry %d" % number


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(entry(number)) for number in range(count)]


def tree(count: int) -> Tiles:
    """In memory: nothing of it is stored yet."""
    grown = Tiles(0, _nothing_stored)
    grown.append(leaves(count))
    return grown


def naive_root(hashes: Sequence[bytes]) -> bytes:
    """The definition, word for word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return node_hash(naive_root(hashes[:half]), naive_root(hashes[half:]))


def _nothing_stored(level: int, number: int) -> bytes:
    raise AssertionError(f"there is no tile {level}/{number}")
