"""`python -m benchmarks`: one line a match, each with its ratio. `--smoke`: the same in a few seconds, its figures worth nothing."""

from __future__ import annotations

import argparse

from benchmarks import append, calculate, ingest
from benchmarks.pairs import all_played

PAIRS, PAIRS_IN_SMOKE = 5, 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios against a peer; above 1 Upheld is faster.")
    parser.add_argument("--smoke", action="store_true", help="a few seconds in all, to see that it runs")
    smoke = bool(parser.parse_args().smoke)
    matches = [*ingest.matches(smoke=smoke), *append.matches(smoke=smoke), *calculate.matches(smoke=smoke)]
    for outcome in all_played(matches, pairs=PAIRS_IN_SMOKE if smoke else PAIRS):
        print(outcome, flush=True)


if __name__ == "__main__":
    main()
