"""A sketch of many latencies in few numbers, from which any percentile can be read within a stated error. Pure; integers only.

Log-linear: 2^7 bins an octave, bins of one value each below 2^8. A bin of width w begins at no less than 2^7 × w and is read as its
middle, at most w/2 from any value in it: every answer lies within 1/256 (0.390625 %) of the exact nearest-rank percentile. Bins depend
on nothing but the value, so sketches of parts merge to exactly the sketch of the whole, in any order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

import numpy as np

from services.measurement.figure import nearest_rank
from services.measurement.observation import Int64s

RELATIVE_ERROR = Fraction(1, 256)

_BITS = 7
_POWERS = np.int64(1) << np.arange(_BITS, 63, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """How many values lie in each bin that holds any; bins ascend. Two sketches are equal when they count the same."""

    bins: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, values: Int64s) -> Sketch:
        """Of int64 values of any order, none negative."""
        assert values.dtype == np.int64, "a sketch counts integers"
        assert not values.size or int(values.min()) >= 0, "nothing takes less than no time"
        bins, counts = np.unique(_bins(values), return_counts=True)
        return cls(bins=tuple(bins.tolist()), counts=tuple(counts.tolist()))

    def __add__(self, other: Sketch) -> Sketch:
        together = Counter(dict(zip(self.bins, self.counts, strict=True)))
        together.update(dict(zip(other.bins, other.counts, strict=True)))
        bins = tuple(sorted(together))
        return Sketch(bins=bins, counts=tuple(together[number] for number in bins))

    @property
    def total(self) -> int:
        return sum(self.counts)

    def quantile(self, share: Fraction) -> int | None:
        """The nearest-rank percentile within `RELATIVE_ERROR`, exact below 2^8; None of nothing. `share` is above 0, at most 1."""
        if not self.counts:
            return None
        reached = bisect_left(list(accumulate(self.counts)), nearest_rank(share, of=self.total))
        return _middle(self.bins[reached])


def _bins(values: Int64s) -> Int64s:
    """Values below 2^7 are their own bins; above, each octave has 2^7 bins and the next one goes on counting."""
    octave = np.maximum(np.searchsorted(_POWERS, values, side="right") - 1, 0)
    return np.asarray((octave << _BITS) + (values >> octave), dtype=np.int64)


def _middle(number: int) -> int:
    octave = max((number >> _BITS) - 1, 0)
    first = (number - (octave << _BITS)) << octave
    return first + ((1 << octave) - 1) // 2
