"""Money: exact, in its currency's minor units, rounded once."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.vocabulary.errors import Invalid
from services.vocabulary.money import Rounding, parse_money, share


@pytest.mark.parametrize(
    ("amount", "currency", "ratio", "rounding", "text"),
    [
        ("1234.45", "EUR", Fraction(1, 10), "half-even", "123.44"),
        ("1234.45", "EUR", Fraction(1, 10), "half-up", "123.45"),
        ("1000.00", "EUR", Fraction(1, 2), "half-even", "500.00"),
        ("1000", "JPY", Fraction(1, 3), "half-even", "333"),
        ("1.005", "BHD", Fraction(1, 10), "half-up", "0.101"),
        ("10.00", "EUR", Fraction(0), "half-up", "0.00"),
    ],
)
def test_a_share_is_rounded_once_to_the_minor_unit(amount: str, currency: str, ratio: Fraction, rounding: Rounding, text: str) -> None:
    assert str(share(parse_money(amount, currency, place="charge"), ratio, rounding=rounding)) == text


@pytest.mark.parametrize(
    ("amount", "currency", "rule"),
    [
        ("1.001", "EUR", "EUR amounts have at most 2 decimals"),
        ("1.5", "JPY", "JPY amounts have at most 0 decimals"),
        ("-1.00", "EUR", "decimal amount"),
        ("1e9", "EUR", "decimal amount"),
        ("9" * 16, "EUR", "decimal amount"),
        ("1.00", "euro", "ISO 4217"),
    ],
)
def test_what_is_no_amount_is_refused(amount: str, currency: str, rule: str) -> None:
    with pytest.raises(Invalid, match=rule):
        parse_money(amount, currency, place="credit.monthly_charge")
