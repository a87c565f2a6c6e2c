"""The Merkle tree of RFC 6962, section 2.1: roots, inclusion and consistency proofs, and their verification. Pure; stores nothing.

Hashes are 32 bytes of SHA-256. `Nodes` gives the hash of a perfect subtree: `nodes(level, index)` is over the 2^level leaves from
index × 2^level on. A proof is asked only for what the tree has; verification answers False to whatever is malformed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Nodes = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """A prefix of 0 tells a leaf from a node: neither can be passed off as the other."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_at(size: int, nodes: Nodes) -> bytes:
    """The root over the first `size` leaves."""
    return _hash_of(0, size, nodes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The siblings from the leaf up to the root of the tree of that size."""
    assert 0 <= index < size, "only a leaf of the tree is included in it"
    return list(_path(index, 0, size, nodes))


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """What shows that the first `old` of `new` leaves are those that the old root was over. Empty for equal sizes and an empty old tree."""
    assert 0 <= old <= new, "a log only grows"
    return list(_subproof(old, 0, new, nodes, known=True)) if 0 < old < new else []


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """`leaf` is its hash. By the algorithm of RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size or not _well_formed(proof):
        return False
    place, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            computed = node_hash(sibling, computed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and computed == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """By the algorithm of RFC 9162, section 2.1.4.2; an empty old tree is the beginning of every tree."""
    if not 0 <= old <= new or not _well_formed(proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if not proof:
        return False
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(each, before), node_hash(each, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, each)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _path(index: int, start: int, end: int, nodes: Nodes) -> Iterator[bytes]:
    if end - start == 1:
        return
    middle = start + _split(end - start)
    if index < middle:
        yield from _path(index, start, middle, nodes)
        yield _hash_of(middle, end, nodes)
    else:
        yield from _path(index, middle, end, nodes)
        yield _hash_of(start, middle, nodes)


def _subproof(old: int, start: int, end: int, nodes: Nodes, *, known: bool) -> Iterator[bytes]:
    """`known`: the verifier has the root of these leaves as its old root."""
    if start + old == end:
        if not known:
            yield _hash_of(start, end, nodes)
        return
    half = _split(end - start)
    if old <= half:
        yield from _subproof(old, start, start + half, nodes, known=known)
        yield _hash_of(start + half, end, nodes)
    else:
        yield from _subproof(old - half, start + half, end, nodes, known=False)
        yield _hash_of(start, start + half, nodes)


def _hash_of(start: int, end: int, nodes: Nodes) -> bytes:
    """The hash over leaves [start, end), which begin at a multiple of the largest power of two within."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(count)
    return node_hash(_hash_of(start, middle, nodes), _hash_of(middle, end, nodes))


def _split(count: int) -> int:
    """The largest power of two below the count."""
    return 1 << ((count - 1).bit_length() - 1)


def _well_formed(proof: Sequence[bytes]) -> bool:
    return all(len(each) == HASH_BYTES for each in proof)
