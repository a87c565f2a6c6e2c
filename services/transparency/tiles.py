"""A log's tree as tiles, by C2SP tlog-tiles: 256 hashes wide, eight levels high. Pure; whoever calls it stores the tiles.

The tile (level, number) holds the hashes of the perfect subtrees of 2^(8 × level) leaves from number × 256 on, 32 bytes each, up to 256.
All of a tree, and so every proof, follows from its tiles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.transparency.merkle import HASH_BYTES, node_hash, root_at

WIDTH = 256
_HEIGHT = 8
_LEVELS = 6
_PATH = re.compile(r"(entries|[0-9]{1,2})((?:/x[0-9]{3})*/[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)

Load = Callable[[int, int], bytes]


class Tiles:
    """A tree of `size` leaves that grows. `load` gives a stored tile, whole or as wide as it is; `changed` are those to store."""

    def __init__(self, size: int, load: Load) -> None:
        self.size = size
        self.changed: dict[tuple[int, int], bytes] = {}
        self._load = load
        self._read: dict[tuple[int, int], bytes] = {}

    def append(self, leaves: Iterable[bytes]) -> None:
        """Hashes of leaves, in order."""
        for leaf in leaves:
            self._add(0, self.size, leaf)
            self.size += 1

    def node(self, level: int, index: int) -> bytes:
        """The hash of a perfect subtree, as `merkle.Nodes`."""
        tile_level, above = divmod(level, _HEIGHT)
        return _folded(self._hashes(tile_level, index << above, 1 << above))

    def root(self) -> bytes:
        return root_at(self.size, self.node)

    def _add(self, level: int, index: int, subtree: bytes) -> None:
        number, within = divmod(index, WIDTH)
        content = self._tile(level, number)[: within * HASH_BYTES] if within else b""
        assert len(content) == within * HASH_BYTES, "a tile grows by one hash after the other"
        self.changed[level, number] = content + subtree
        if within + 1 == WIDTH:
            self._add(level + 1, number, _folded(self._hashes(level, number * WIDTH, WIDTH)))

    def _hashes(self, level: int, start: int, count: int) -> list[bytes]:
        number, within = divmod(start, WIDTH)
        content = self._tile(level, number)
        found = [content[at * HASH_BYTES : (at + 1) * HASH_BYTES] for at in range(within, within + count)]
        assert all(len(each) == HASH_BYTES for each in found), "the tree has these subtrees whole"
        return found

    def _tile(self, level: int, number: int) -> bytes:
        key = (level, number)
        if key in self.changed:
            return self.changed[key]
        if key not in self._read:
            self._read[key] = self._load(level, number)
        return self._read[key]


def _folded(hashes: list[bytes]) -> bytes:
    """The hash over as many as a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


@dataclass(frozen=True)
class TileName:
    """What a path of the format names. `level` None: the entries themselves. `width` 256: a whole tile."""

    level: int | None
    number: int
    width: int

    @property
    def path(self) -> str:
        """Below "tile/": "0/x001/x234/067", "1/000.p/17", "entries/003"."""
        digits = f"{self.number:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        part = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{'entries' if self.level is None else self.level}/{number}{part}"


def parse_tile(path: str) -> TileName | None:
    """None: there is no tile of that name."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = None if match[1] == "entries" else int(match[1])
    width = int(match[3]) if match[3] else WIDTH
    found = TileName(level, int(match[2].replace("/x", "").replace("/", "")), width)
    sound = (level is None or level < _LEVELS) and width <= WIDTH and found.path == path
    return found if sound else None


def width_in(name: TileName, size: int) -> int:
    """How wide the tile is in a tree of that size; 0: not begun."""
    hashes = size >> (_HEIGHT * (name.level or 0))
    return min(max(hashes - name.number * WIDTH, 0), WIDTH)
