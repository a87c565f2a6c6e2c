"""Money: exact decimal amounts in a currency with its minor units. Pure; no float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, assert_never

from services.vocabulary.errors import invalid

Rounding = Literal["half-even", "half-up"]

# ISO 4217 exponents other than two (ISO 4217:2015, list one).
_EXPONENTS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,4})?", re.ASCII)


@dataclass(frozen=True)
class Money:
    """An amount in a currency; never negative where a contract states it, signed where it is a difference."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:.{minor_digits(self.currency)}f}"


def minor_digits(currency: str) -> int:
    """How many decimals the currency's amounts have (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


def parse_money(text: str, currency: str, *, place: str) -> Money:
    """Refuses with `Invalid` an unknown form of currency, a negative amount and more decimals than the currency has."""
    if not _CURRENCY.fullmatch(currency):
        raise invalid(place, f'currency must be an ISO 4217 code such as "EUR", not {currency!r}')
    if not _AMOUNT.fullmatch(text):
        raise invalid(place, f'must be a decimal amount such as "1000.00", not {text!r}')
    amount = Decimal(text)
    digits = minor_digits(currency)
    if amount != amount.quantize(Decimal(1).scaleb(-digits)):
        raise invalid(place, f"{currency} amounts have at most {digits} decimals, not {text}")
    return Money(amount, currency)


def share(of: Money, ratio: Fraction, *, rounding: Rounding) -> Money:
    """The part of an amount, rounded once, at the end, to the currency's minor unit."""
    exact_minor = Fraction(of.amount) * ratio * 10 ** minor_digits(of.currency)
    return Money(Decimal(_rounded(exact_minor, rounding)).scaleb(-minor_digits(of.currency)), of.currency)


def _rounded(value: Fraction, rounding: Rounding) -> int:
    match rounding:
        case "half-even":
            return round(value)
        case "half-up":
            return (2 * value.numerator + value.denominator) // (2 * value.denominator)
        case _:
            assert_never(rounding)
