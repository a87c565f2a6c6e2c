"""Amounts in words: plain, exact up to six decimals, rounded up beyond."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.measurement.wording import listed, minutes_told, number_told


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0"),
        (4_320, "4,320"),
        (Fraction(431_976, 100), "4,319.76"),
        (Fraction(132, 10), "13.2"),
        (Fraction(1, 3), "0.333334"),
        (Fraction(1, 10**6), "0.000001"),
        (Fraction(1, 10**9), "0.000001"),
        (1_000_000, "1,000,000"),
    ],
)
def test_numbers_are_plain_and_rounded_up(number: Fraction | int, told: str) -> None:
    assert number_told(number) == told


def test_microseconds_are_told_as_minutes() -> None:
    assert minutes_told(792_000_000) == "13.2"
    assert minutes_told(Fraction(90_000_000)) == "1.5"


def test_one_name_is_one_and_more_are_many() -> None:
    assert listed("component", ("db",)) == "component db"
    assert listed("component", ("db", "web")) == "components db, web"
