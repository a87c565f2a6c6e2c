"""The tree of RFC 6962: its definition, its laws, and another implementation's opinion."""

from __future__ import annotations

from itertools import pairwise

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transparency.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from tests.transparency.trees import entry, leaves, naive_root, tree

COUNT = 300
TREE = tree(COUNT)
LEAVES = leaves(COUNT)
ROOTS = [root_at(size, TREE.node) for size in range(COUNT + 1)]

sizes = st.integers(1, COUNT)


def test_the_empty_tree_and_a_leaf_have_the_hashes_of_the_rfc() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_every_root_is_that_of_the_definition() -> None:
    assert [naive_root(LEAVES[:size]) for size in range(COUNT + 1)] == ROOTS


def test_another_implementation_finds_the_same_roots_and_proofs() -> None:
    """Its consistency proofs hold more hashes than the RFC's; between our roots it verifies its own."""
    other = pymerkle.InmemoryTree()
    for number in range(COUNT):
        other.append_entry(entry(number))
    assert [other.get_root(size) for size in range(1, COUNT + 1)] == ROOTS[1:]
    for size in (1, 2, 3, 7, 64, 65, 255, 256, 257, 300):
        for index in range(0, size, max(size // 7, 1)):
            assert [LEAVES[index], *inclusion_proof(index, size, TREE.node)] == other.prove_inclusion(index + 1, size).path
        for old in range(1, size, max(size // 7, 1)):
            pymerkle.verify_consistency(ROOTS[old], ROOTS[size], other.prove_consistency(old, size))


@given(size=sizes, data=st.data())
def test_every_leaf_of_a_tree_is_proved_in_it_and_nothing_else_is(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, TREE.node)
    assert verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])
    other = data.draw(st.integers(0, COUNT - 1).filter(lambda each: each != index))
    assert not verify_inclusion(LEAVES[other], index, size, proof, ROOTS[size])
    assert not verify_inclusion(LEAVES[index], other, size, proof, ROOTS[size])
    assert not verify_inclusion(LEAVES[index], index, size, [*proof, ROOTS[1]], ROOTS[size])
    if proof:
        assert not verify_inclusion(LEAVES[index], index, size, proof[:-1], ROOTS[size])


@given(pair=st.tuples(sizes, sizes), data=st.data())
def test_a_tree_that_grew_is_proved_to_have_grown_and_nothing_else_is(pair: tuple[int, int], data: st.DataObject) -> None:
    old, new = sorted(pair)
    proof = consistency_proof(old, new, TREE.node)
    assert verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])
    other = data.draw(st.integers(1, COUNT).filter(lambda each: each != old))
    assert not verify_consistency(old, new, proof, ROOTS[other], ROOTS[new])
    assert not verify_consistency(old, new, [*proof, ROOTS[1]], ROOTS[old], ROOTS[new])
    if old < new:
        assert not verify_consistency(old, new, proof, ROOTS[old], ROOTS[old])
        assert not verify_consistency(new, old, proof, ROOTS[new], ROOTS[old])
        assert not verify_consistency(old, new, proof[1:], ROOTS[old], ROOTS[new])


def test_every_tree_grew_from_the_empty_one_and_from_itself() -> None:
    assert verify_consistency(0, 5, [], EMPTY_ROOT, ROOTS[5])
    assert not verify_consistency(0, 5, [], ROOTS[1], ROOTS[5])
    assert verify_consistency(5, 5, [], ROOTS[5], ROOTS[5])
    assert not verify_consistency(5, 5, [], ROOTS[4], ROOTS[5])


@pytest.mark.parametrize("width", [0, 31, 33, 64])
def test_a_proof_of_hashes_of_another_length_proves_nothing(width: int) -> None:
    proof = inclusion_proof(3, 8, TREE.node)
    assert not verify_inclusion(LEAVES[3], 3, 8, [b"\x00" * width, *proof[1:]], ROOTS[8])
    assert not verify_consistency(3, 8, [b"\x00" * width, *consistency_proof(3, 8, TREE.node)[1:]], ROOTS[3], ROOTS[8])


def test_no_two_sizes_have_one_root() -> None:
    assert all(before != after for before, after in pairwise(ROOTS))
    assert len(set(ROOTS)) == COUNT + 1
