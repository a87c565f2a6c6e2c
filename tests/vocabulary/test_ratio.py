"""Ratios: exact, floored towards the breach, and never a float."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vocabulary.errors import Invalid
from services.vocabulary.ratio import exact, floored_percent, parse_exact, parse_percent, trimmed_percent

shares = st.fractions(min_value=0, max_value=1)


@pytest.mark.parametrize(
    ("ratio", "decimals", "text"),
    [
        (Fraction(999_951, 1_000_000), 2, "99.99"),
        (Fraction(43_200 - 44, 43_200), 2, "99.89"),
        (Fraction(31 * 86_400 - 1, 31 * 86_400), 4, "99.9999"),
        (Fraction(1), 4, "100.0000"),
        (Fraction(0), 2, "0.00"),
        (Fraction(1, 3), 0, "33"),
        (Fraction(-1, 3), 2, "-33.34"),
    ],
)
def test_percentages_are_floored(ratio: Fraction, decimals: int, text: str) -> None:
    assert floored_percent(ratio, decimals=decimals) == text


@given(ratio=shares, decimals=st.integers(0, 9))
def test_only_one_prints_as_a_hundred(ratio: Fraction, decimals: int) -> None:
    assert floored_percent(ratio, decimals=decimals).startswith("100") == (ratio == 1)


@given(ratio=shares)
def test_the_exact_form_loses_nothing(ratio: Fraction) -> None:
    assert parse_exact(exact(ratio)) == ratio


@pytest.mark.parametrize(
    ("text", "ratio"), [("99.9", Fraction(999, 1000)), ("0", Fraction(0)), ("100", Fraction(1)), ("99.99", Fraction(9999, 10_000))]
)
def test_a_percentage_is_read_exactly_and_written_back(text: str, ratio: Fraction) -> None:
    assert parse_percent(text, place="target") == ratio
    assert trimmed_percent(ratio) == text


@pytest.mark.parametrize("text", ["", "100.1", "-1", "1e2", "99,9", "NaN", "Infinity", " 99", "99.9999999999", "1000"])
def test_what_is_no_percentage_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_percent(text, place="objectives[1].target")
    assert refused.value.violations[0].place == "objectives[1].target"


@pytest.mark.parametrize("text", ["1/0", "1.5/2", "-1/2", "a/b", "1", ""])
def test_what_is_no_exact_ratio_is_no_ratio(text: str) -> None:
    with pytest.raises(ValueError, match="not an exact ratio"):
        parse_exact(text)
