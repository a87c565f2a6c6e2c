"""A sketch reads any percentile within its stated error, and parts merge to the whole."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.sketch import RELATIVE_ERROR, Sketch
from tests.measurement.calculation import LAW

MS = 1_000
VALUES = st.lists(st.one_of(st.integers(0, 300), st.integers(0, 10**7), st.integers(0, 2**63 - 1)), max_size=60)
SHARES = st.builds(lambda part, of: Fraction(min(part, of), of), st.integers(1, 1_000), st.integers(1, 1_000))


def sketch(values: list[int]) -> Sketch:
    return Sketch.of(np.array(values, dtype=np.int64))


def exact(values: list[int], share: Fraction) -> int:
    return next(value for value in sorted(values) if sum(1 for other in values if other <= value) >= share * len(values))


def test_nothing_has_no_percentile() -> None:
    assert (Sketch().quantile(Fraction(1, 2)), sketch([]).quantile(Fraction(1)), sketch([])) == (None, None, Sketch())


@pytest.mark.parametrize("value", [0, 1, 127, 128, 200, 255, 256])
def test_small_values_are_kept_as_they_are(value: int) -> None:
    assert sketch([value]).quantile(Fraction(1)) == value


@pytest.mark.parametrize(("value", "read"), [(257, 256), (511, 510), (512, 513), (515, 513), (516, 517), (2**20, 2**20 + 2**12 - 1)])
def test_a_bin_is_read_as_its_middle(value: int, read: int) -> None:
    assert sketch([value]).quantile(Fraction(1)) == read


@pytest.mark.parametrize("exponent", range(1, 63))
def test_the_edges_of_every_octave_lie_within_the_bound(exponent: int) -> None:
    for value in (2**exponent - 1, 2**exponent, 2**exponent + 1, min(2 ** (exponent + 1) - 1, 2**63 - 1)):
        read = sketch([value]).quantile(Fraction(1))
        assert read is not None
        assert abs(read - value) <= RELATIVE_ERROR * value


def test_bins_ascend_with_values_without_a_gap() -> None:
    values = np.arange(0, 20_000, dtype=np.int64)
    one = Sketch.of(values)
    assert one.bins == tuple(range(one.bins[-1] + 1))
    assert (one.counts[:256], one.counts[256:258], one.counts[384:385]) == ((1,) * 256, (2, 2), (4,))
    assert one.total == 20_000


def test_the_99th_percentile_of_two_kinds_of_requests_is_near_the_slow_one() -> None:
    fast, slow = sketch([100 * MS] * 9_800), sketch([5_000 * MS] * 200)
    read = (fast + slow).quantile(Fraction(99, 100))
    assert read is not None
    assert abs(read - 5_000 * MS) <= RELATIVE_ERROR * 5_000 * MS
    at_the_edge = (fast + slow).quantile(Fraction(98, 100))
    assert at_the_edge is not None
    assert abs(at_the_edge - 100 * MS) <= RELATIVE_ERROR * 100 * MS


def test_the_stated_error_is_no_more_than_four_in_a_thousand() -> None:
    assert Fraction(1, 256) == RELATIVE_ERROR <= Fraction(4, 1_000)


def test_negative_values_and_floats_are_no_latencies() -> None:
    with pytest.raises(AssertionError):
        sketch([3, -1])
    with pytest.raises(AssertionError):
        Sketch.of(np.array([1.5]))


@LAW
@given(VALUES, VALUES, SHARES)
def test_sketches_of_parts_merge_to_the_sketch_of_the_whole_within_the_stated_error(
    one: list[int], other: list[int], share: Fraction
) -> None:
    merged = sketch(one) + sketch(other)
    assert merged == sketch([*other, *one]) == sketch(other) + sketch(one)
    assert merged.total == len(one) + len(other)
    read = merged.quantile(share)
    if read is not None:
        true = exact([*one, *other], share)
        assert abs(read - true) <= RELATIVE_ERROR * true
