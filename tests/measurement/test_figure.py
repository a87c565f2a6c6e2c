"""A figure before anybody judges it."""

from __future__ import annotations

from fractions import Fraction

from services.measurement.figure import counted, ratio, share_known


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
