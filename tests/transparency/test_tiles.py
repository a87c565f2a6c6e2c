"""Tiles: what is stored of a tree, and what they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transparency.merkle import HASH_BYTES
from services.transparency.tiles import WIDTH, TileName, Tiles, parse_tile, width_in
from tests.transparency.trees import leaves, naive_root, tree

STORED = tree(66_000)


@given(st.lists(st.integers(0, 300), max_size=12))
def test_a_tree_that_grows_in_parts_from_what_was_stored_is_the_tree_that_grew_at_once(parts: list[int]) -> None:
    stored: dict[tuple[int, int], bytes] = {}
    everything = leaves(sum(parts))
    size = 0
    for part in parts:
        grown = Tiles(size, lambda level, number: stored[level, number])
        grown.append(everything[size : size + part])
        stored.update(grown.changed)
        size = grown.size
        assert grown.root() == naive_root(everything[:size])


def test_a_large_tree_has_three_levels_of_tiles() -> None:
    widths = {key: len(content) // HASH_BYTES for key, content in STORED.changed.items()}
    assert {level for level, _ in widths} == {0, 1, 2}
    assert (widths[2, 0], widths[1, 0], widths[1, 1], widths[0, 257]) == (1, 256, 1, 66_000 - 257 * WIDTH)
    assert STORED.root() == naive_root(leaves(66_000))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (TileName(0, 0, WIDTH), "0/000"),
        (TileName(0, 999, WIDTH), "0/999"),
        (TileName(0, 1000, WIDTH), "0/x001/000"),
        (TileName(0, 1234067, WIDTH), "0/x001/x234/067"),
        (TileName(1, 0, 17), "1/000.p/17"),
        (TileName(None, 3, WIDTH), "entries/003"),
    ],
)
def test_a_tile_has_one_path(name: TileName, path: str) -> None:
    assert name.path == path
    assert parse_tile(name.path) == name


@pytest.mark.parametrize(
    "path", ["", "0", "0/1", "0/0001", "0/x000/001", "0/000.p/0", "0/000.p/300", "9/000", "x/000", "0/000/", "../0/000"]
)
def test_what_is_no_path_of_a_tile_names_none(path: str) -> None:
    assert parse_tile(path) is None


def test_a_tile_is_as_wide_as_the_tree_has_leaves_for_it() -> None:
    for name, size, width in (
        (TileName(0, 0, WIDTH), 0, 0),
        (TileName(0, 0, WIDTH), 300, 256),
        (TileName(0, 1, WIDTH), 300, 44),
        (TileName(1, 0, WIDTH), 300, 1),
        (TileName(None, 1, WIDTH), 300, 44),
    ):
        assert width_in(name, size) == width
