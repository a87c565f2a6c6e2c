"""Exact ratios and how they are written. Pure; no float ever enters or leaves."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from services.vocabulary.errors import invalid

_PERCENT = re.compile(r"\d{1,3}(\.\d{1,9})?", re.ASCII)
_EXACT = re.compile(r"(\d{1,40})/([1-9]\d{0,39})", re.ASCII)

ONE = Fraction(1)


def parse_percent(text: str, *, place: str) -> Fraction:
    """The ratio 999/1000 for "99.9". Refuses with `Invalid` what is no decimal between 0 and 100."""
    if not _PERCENT.fullmatch(text):
        raise invalid(place, f'must be a decimal percentage such as "99.9", not {text!r}')
    ratio = Fraction(Decimal(text)) / 100
    if ratio > ONE:
        raise invalid(place, f"must be between 0 and 100, not {text}")
    return ratio


def floored_percent(ratio: Fraction, *, decimals: int) -> str:
    """The percentage as text, floored towards the breach: 99.9951 to two decimals is "99.99", only 1 prints as 100.

    Negative ratios (an overspent budget) floor downwards as well.
    """
    return plain_decimal(ratio.numerator * 10 ** (decimals + 2) // ratio.denominator, decimals=decimals)


def plain_decimal(units: int, *, decimals: int) -> str:
    """An integer count of 10^-decimals as a plain decimal text."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}" if decimals else f"{sign}{whole}"


def trimmed_percent(ratio: Fraction) -> str:
    """The exact percentage of a ratio that was written as a decimal: 999/1000 is "99.9"."""
    text = floored_percent(ratio, decimals=9).rstrip("0").rstrip(".")
    return text or "0"


def exact(ratio: Fraction) -> str:
    """ "999/1000": lossless, what the wire carries."""
    return f"{ratio.numerator}/{ratio.denominator}"


def parse_exact(text: str) -> Fraction:
    """The inverse of `exact`; ValueError for anything else."""
    match = _EXACT.fullmatch(text)
    if match is None:
        raise ValueError(f"not an exact ratio: {text!r}")
    return Fraction(int(match[1]), int(match[2]))
