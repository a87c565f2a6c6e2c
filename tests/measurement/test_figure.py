"""A figure before anybody judges it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.measurement.figure import counted, nearest_rank, ratio, share_known


def test_a_share_of_nothing_is_no_figure() -> None:
    assert ratio(0, 0) is None
    assert ratio(1, 3) == Fraction(1, 3)


def test_of_nothing_nothing_is_missing() -> None:
    assert share_known(0, of=0) == 1
    assert share_known(1, of=4) == Fraction(3, 4)


def test_counted_things_are_known_and_stake_what_was_counted() -> None:
    figure = counted("requests", good=7, whole=10)
    assert [figure.attainment, figure.lower, figure.upper] == [Fraction(7, 10)] * 3
    assert (figure.spent, figure.stake, figure.foreseeable, figure.certain) == (3, 10, False, False)
    assert (figure.enough, figure.scale, figure.percentile_us) == (True, 1, None)


@pytest.mark.parametrize(
    ("share", "of", "rank"),
    [
        ("0.99", 100, 99),
        ("0.99", 101, 100),
        ("0.98", 10_000, 9_800),
        ("0.980001", 10_000, 9_801),
        ("1", 7, 7),
        ("0.01", 100, 1),
        ("0.001", 1, 1),
    ],
)
def test_the_nearest_rank_is_the_first_that_reaches_the_share(share: str, of: int, rank: int) -> None:
    assert nearest_rank(Fraction(share), of=of) == rank
