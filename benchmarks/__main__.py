"""`python -m benchmarks`: one line a match, each with its ratio. `--smoke`: the same in a few seconds, its figures worth nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import chain

from benchmarks import append, calculate, ingest, many, seal
from benchmarks.pairs import all_played

PAIRS, PAIRS_IN_SMOKE = 5, 1
MATCHES = {"ingest": ingest.matches, "append": append.matches, "seal": seal.matches, "calculate": calculate.matches, "many": many.matches}
PROFILES: dict[str, Callable[..., None]] = {"many": many.profile}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against a peer; above 1 Upheld is faster.")
    parser.add_argument("names", nargs="*", metavar="match", help=f"which of {', '.join(MATCHES)}; all where none is named")
    parser.add_argument("--smoke", action="store_true", help="a few seconds in all, to see that it runs")
    parser.add_argument("--profile", action="store_true", help=f"where our time goes instead, of {', '.join(PROFILES)}")
    parser.add_argument("--pairs", type=int, default=0, help=f"how many pairs; else {PAIRS}, in smoke {PAIRS_IN_SMOKE}")
    asked = parser.parse_args()
    smoke = bool(asked.smoke)
    names: list[str] = asked.names or list(PROFILES if asked.profile else MATCHES)
    if unknown := sorted(set(names) - set(PROFILES if asked.profile else MATCHES)):
        parser.error(f"there is no {'profile' if asked.profile else 'match'} {', '.join(unknown)}")
    if asked.profile:
        for name in names:
            PROFILES[name](smoke=smoke)
        return
    matches = chain.from_iterable(MATCHES[name](smoke=smoke) for name in names)
    for outcome in all_played(list(matches), pairs=asked.pairs or (PAIRS_IN_SMOKE if smoke else PAIRS)):
        print(outcome, flush=True)


if __name__ == "__main__":
    main()
