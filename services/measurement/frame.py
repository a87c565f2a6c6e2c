"""Counters and latencies of a batch as packed columns, one row a sample. Pure: reads no clock, opens no store.

A frame's bytes are what the store keeps and what NumPy reads in place. Its rows are ordered by instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.vocabulary.period import Instant

SampleKind = Literal["counter", "latency"]

_KEY = [("series", "<u4"), ("offset", "<i8"), ("id", "<u8"), ("revision", "<u4")]
ROW: dict[SampleKind, np.dtype[np.void]] = {
    "counter": np.dtype([*_KEY, ("good", "<i8"), ("total", "<i8")]),
    "latency": np.dtype([*_KEY, ("us", "<i8")]),
}
VALUES: dict[SampleKind, tuple[str, ...]] = {"counter": ("good", "total"), "latency": ("us",)}

SAMPLES_PER_FRAME = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """Rows of (series, offset, id, revision, values): offsets are microseconds from `base`, ids the samples' identities in their series.

    `source` told all of them; empty where nobody asks who did. `by_row`: they have no identity but the number of their row in a file.
    """

    kind: SampleKind
    base: Instant
    rows: NDArray[np.void]
    source: str = ""
    by_row: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def at(self) -> NDArray[np.int64]:
        """Instants, microseconds since the epoch."""
        return np.asarray(self.rows["offset"] + np.int64(self.base), dtype=np.int64)

    @property
    def first(self) -> Instant:
        return Instant(self.base + int(self.rows["offset"].min()))

    @property
    def last(self) -> Instant:
        return Instant(self.base + int(self.rows["offset"].max()))

    @property
    def revises(self) -> bool:
        """Holds a correction: an earlier revision of one of its samples may lie in any other frame, at any other instant."""
        return bool((self.rows["revision"] > 0).any())

    @property
    def packed(self) -> bytes:
        return self.rows.tobytes()


def frame_of(
    kind: SampleKind,
    *,
    series: Sequence[int],
    at: Sequence[int],
    ids: Sequence[int],
    revisions: Sequence[int],
    values: Sequence[Sequence[int]],
) -> Frame:
    """Packs columns of one length, at least one row; `values` as `VALUES[kind]` orders them. Rows become ordered by all they hold."""
    instants = np.asarray(at, dtype=np.int64)
    base = Instant(int(instants.min()))
    rows = np.empty(len(instants), dtype=ROW[kind])
    rows["series"], rows["offset"], rows["revision"] = series, instants - base, revisions
    rows["id"] = np.asarray(ids, dtype=np.uint64)
    for name, column in zip(VALUES[kind], values, strict=True):
        rows[name] = column
    order = np.lexsort([rows[name] for name in (*VALUES[kind], "revision", "id", "series", "offset")])
    return Frame(kind=kind, base=base, rows=rows[order])


def unpacked(kind: SampleKind, base: Instant, packed: bytes, *, source: str = "") -> Frame:
    """Reads the stored bytes in place: no copy, read-only."""
    return Frame(kind=kind, base=base, rows=np.frombuffer(packed, dtype=ROW[kind]), source=source)


def sample_id(source: str, own_id: str) -> int:
    """64 bits of blake2b over the source and its own id of a sample."""
    return int.from_bytes(blake2b(f"{source}\0{own_id}".encode(), digest_size=8).digest(), "little")


def renumbered(frame: Frame, numbers: Sequence[int]) -> Frame:
    """The same samples with series i called `numbers[i]`."""
    rows = frame.rows.copy()
    rows["series"] = np.asarray(numbers, dtype=np.uint32)[frame.rows["series"]]
    return Frame(kind=frame.kind, base=frame.base, rows=rows)


def without_repeats(frame: Frame, known: Iterable[Frame]) -> Frame | None:
    """The samples that neither the known frames nor an earlier row of this one hold in the same revision; None when all are repeats."""
    keys = _keys(frame)
    seen = [_keys(other) for other in known]
    fresh = np.zeros(len(frame), dtype=bool)
    fresh[np.unique(keys, return_index=True)[1]] = True
    if seen:
        fresh &= ~np.isin(keys, np.concatenate(seen))
    return Frame(kind=frame.kind, base=frame.base, rows=frame.rows[fresh]) if fresh.any() else None


def parts(frame: Frame, size: int = SAMPLES_PER_FRAME) -> Iterator[Frame]:
    """The frame cut into runs of at most `size` samples; each spans little time because rows are ordered by it."""
    for start in range(0, len(frame), size):
        yield Frame(kind=frame.kind, base=frame.base, rows=frame.rows[start : start + size])


def newest(frames: Sequence[Frame]) -> Frame | None:
    """All samples, of each identity only the highest revision (of equal ones the first told); None without any."""
    found = newest_of(frames)
    return None if found is None else found[0]


def newest_of(frames: Sequence[Frame]) -> tuple[Frame, NDArray[np.int64]] | None:
    """As `newest`, and of each sample the place of its frame among them."""
    if not frames:
        return None
    base = min(frame.base for frame in frames)
    rows = np.concatenate([frame.rows for frame in frames])
    rows["offset"] = np.concatenate([frame.at for frame in frames]) - base
    told = np.arange(len(rows))
    order = np.lexsort([told, np.iinfo(np.uint32).max - rows["revision"], rows["id"], rows["series"]])
    series, ids = rows["series"][order], rows["id"][order]
    leads = np.ones(len(rows), dtype=bool)
    leads[1:] = (series[1:] != series[:-1]) | (ids[1:] != ids[:-1])
    kept = np.sort(order[leads])
    frame_of_row = np.repeat(np.arange(len(frames), dtype=np.int64), [len(frame) for frame in frames])
    return Frame(kind=frames[0].kind, base=base, rows=rows[kept]), frame_of_row[kept]


def _keys(frame: Frame) -> NDArray[np.uint64]:
    """One 64-bit word a sample for (series, id, revision): ids are hashes already, so mixing keeps their spread (splitmix64)."""
    word = (frame.rows["series"].astype(np.uint64) << np.uint64(32)) | frame.rows["revision"]
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(frame.rows["id"] ^ word ^ (word >> np.uint64(31)), dtype=np.uint64)
