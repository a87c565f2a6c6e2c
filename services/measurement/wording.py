"""Amounts as they are read in an explanation: plain decimals with thousands apart. Pure; what is told is never computed with again."""

from __future__ import annotations

from fractions import Fraction

from services.vocabulary.period import MINUTE
from services.vocabulary.ratio import plain_decimal

_DECIMALS = 6


def number_told(number: Fraction | int) -> str:
    """ "4,319.76"; rounded up beyond six decimals, so that "at least" stays enough."""
    scaled = number * 10**_DECIMALS
    text = plain_decimal(-(-scaled.numerator // scaled.denominator), decimals=_DECIMALS)
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    return f"{int(whole):,}.{part}" if part else f"{int(whole):,}"


def minutes_told(us: Fraction | int) -> str:
    """Microseconds as minutes, without the unit: "13.2"."""
    return number_told(Fraction(us) / MINUTE)


def listed(noun: str, names: tuple[str, ...]) -> str:
    """ "component db", "components db, web"."""
    return f"{noun if len(names) == 1 else noun + 's'} {', '.join(names)}"
