"""Paired runs: the same work by two contenders in turn, and the ratio of their times. Judges nothing."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Contender = Callable[[Path], AbstractContextManager[Callable[[], object]]]
"""Prepares its work in an empty folder and gives what is timed; what it leaves open it closes when it is left."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """`count` things of the name `unit` are done by both; `ours` and `peer` say in words what does them."""

    title: str
    unit: str
    count: int
    ours: str
    peer: str
    our_work: Contender
    peer_work: Contender


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Seconds of each run, in pairs."""

    match: Match
    our_s: tuple[float, ...]
    peer_s: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """How many times as fast as the peer, pair by pair; below 1 is slower."""
        return [theirs / own for own, theirs in zip(self.our_s, self.peer_s, strict=True)]

    def __str__(self) -> str:
        def rate(seconds: tuple[float, ...]) -> str:
            return f"{self.match.count / median(seconds):,.0f} {self.match.unit}/s"

        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f} in {len(self.ratios)} pairs"
        return (
            f"{self.match.title}: ratio {median(self.ratios):.2f} ({spread}); "
            f"{self.match.ours} {rate(self.our_s)}, {self.match.peer} {rate(self.peer_s)}"
        )


def played(match: Match, *, pairs: int) -> Outcome:
    """Each pair in fresh folders, the order changing from pair to pair: what warms up the machine helps both."""
    runs = [_pair(match, ours_first=number % 2 == 0) for number in range(pairs)]
    return Outcome(match=match, our_s=tuple(own for own, _ in runs), peer_s=tuple(theirs for _, theirs in runs))


def _pair(match: Match, *, ours_first: bool) -> tuple[float, float]:
    if ours_first:
        own = _seconds(match.our_work)
        return own, _seconds(match.peer_work)
    theirs = _seconds(match.peer_work)
    return _seconds(match.our_work), theirs


def _seconds(contender: Contender) -> float:
    with tempfile.TemporaryDirectory(prefix="upheld-bench-") as folder, contender(Path(folder)) as work:
        gc.collect()
        started = time.perf_counter()
        work()
        return time.perf_counter() - started


def all_played(matches: list[Match], *, pairs: int) -> Iterator[Outcome]:
    for match in matches:
        yield played(match, pairs=pairs)
