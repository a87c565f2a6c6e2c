"""Frames keep every sample, each once, whatever the order they were told in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.measurement.frame import Frame, frame_of, newest, parts, renumbered, sample_id, unpacked, without_repeats
from tests.measurement.calculation import LAW

Sample = tuple[int, int, int, int, int]
"""Series, instant, id, revision, microseconds."""

instants = st.integers(min_value=631_152_000_000_000, max_value=7_258_118_400_000_000)
samples = st.tuples(
    st.integers(0, 5), instants, st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(min_value=0, max_value=2**63 - 1)
)
batches = st.lists(samples, min_size=1, max_size=40)


def frame(rows: Sequence[Sample]) -> Frame:
    series, at, ids, revisions, us = zip(*rows, strict=True)
    return frame_of("latency", series=series, at=at, ids=ids, revisions=revisions, values=[us])


def rows_of(found: Frame | None) -> list[Sample]:
    if found is None:
        return []
    instant = found.at.tolist()
    return [
        (row["series"].item(), at, row["id"].item(), row["revision"].item(), row["us"].item())
        for row, at in zip(found.rows, instant, strict=True)
    ]


@LAW
@given(batches)
def test_what_is_packed_is_what_is_read_in_place(told: list[Sample]) -> None:
    packed = frame(told)
    again = unpacked("latency", packed.base, packed.packed)
    assert sorted(rows_of(again)) == sorted(told)
    assert not again.rows.flags.owndata


@LAW
@given(batches, st.randoms())
def test_the_bytes_of_a_frame_do_not_depend_on_the_order_of_its_samples(told: list[Sample], chance: object) -> None:
    shuffled = sorted(told, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert frame(shuffled).packed == frame(told).packed


@LAW
@given(batches)
def test_a_frame_told_again_holds_nothing_new(told: list[Sample]) -> None:
    once = without_repeats(frame(told), [])
    assert once is not None
    assert without_repeats(frame(told), [once]) is None
    assert len(once) == len({(series, own, revision) for series, _, own, revision, _ in told})


@LAW
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30, unique=True), st.randoms())
def test_of_each_sample_the_highest_revision_counts_in_whatever_frames_it_came(told: list[tuple[int, int, int]], chance: object) -> None:
    rows = [(series, 631_152_000_000_000 + own, own, revision, 100 * own + revision) for series, own, revision in told]
    shuffled = sorted(rows, key=lambda _: chance.random())  # type: ignore[attr-defined]
    middle = len(rows) // 2
    frames = [frame(part) for part in (shuffled[:middle], shuffled[middle:]) if part]
    best: dict[tuple[int, int], int] = {}
    for series, own, revision in told:
        best[series, own] = max(revision, best.get((series, own), 0))
    assert {(series, own): revision for series, _, own, revision, _ in rows_of(newest(frames))} == best
    assert rows_of(newest(frames))[0][1] == min(rows)[1] or len(best) > 1


def test_of_equal_revisions_the_first_told_counts() -> None:
    first, second = frame([(0, 631_152_000_000_000, 7, 1, 10)]), frame([(0, 631_152_000_000_001, 7, 1, 20)])
    assert [row[4] for row in rows_of(newest([first, second]))] == [10]


def test_nothing_is_newest_of_nothing() -> None:
    assert newest([]) is None


def test_parts_are_runs_in_the_order_of_time() -> None:
    rows = [(0, 631_152_000_000_000 + 10 * number, number, 0, number) for number in range(7)]
    cut = list(parts(frame(rows[::-1]), size=3))
    assert [len(part) for part in cut] == [3, 3, 1]
    assert all(earlier.last < later.first for earlier, later in pairwise(cut))
    assert sorted(row for part in cut for row in rows_of(part)) == rows


def test_series_get_the_numbers_of_the_store() -> None:
    rows = [(0, 631_152_000_000_000, 1, 0, 5), (1, 631_152_000_000_000, 1, 0, 6)]
    assert [(row[0], row[4]) for row in rows_of(renumbered(frame(rows), [40, 7]))] == [(40, 5), (7, 6)]


def test_an_identity_belongs_to_its_source() -> None:
    assert sample_id("probe-1", "x") != sample_id("probe-2", "x")
    assert sample_id("probe-1", "x") == sample_id("probe-1", "x")
    assert sample_id("a\0b", "c") == sample_id("a", "b\0c"), "sources hold no NUL, so the two never meet"
