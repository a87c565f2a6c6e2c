"""Whether an improvement helped: the boundaries of the verdict.

Worked: 93 of 44,340 minutes bad before; the plan promises 5 of 44,340, a fall of 88/44,340 = 0.1984 points, half of it 0.0992.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from services.improvement.effect import Effect, NotEnoughData, Promise, verified
from tests.improvement.given import BEFORE, MARCH, MAY, PROMISE, figure

PROMISED_TO_HALVE = Promise(target=Fraction(9, 10), comparison=">=", expected=Fraction(96, 100), decimals=2)
BAD_8_OF_100 = figure(MARCH, bad=8, whole=100)


def test_a_fall_of_exactly_half_of_the_promise_is_effective() -> None:
    assert verified(BAD_8_OF_100, figure(MAY, bad=60, whole=1000), PROMISED_TO_HALVE).effect is Effect.EFFECTIVE


def test_a_fall_of_a_hair_less_than_half_of_the_promise_is_not() -> None:
    verification = verified(BAD_8_OF_100, figure(MAY, bad=60_001, whole=1_000_000), PROMISED_TO_HALVE)
    assert verification.effect is Effect.NOT_EFFECTIVE
    assert verification.reason == (
        "93.99 % after meets the target of >= 90 %; "
        "from 92.00 % before, the bad share fell by 1.9999 points, less than half of the 4.0000 points that the plan promised"
    )


def test_a_fall_that_keeps_the_promise_but_misses_the_target_is_not_effective() -> None:
    missed = replace(PROMISED_TO_HALVE, target=Fraction(999, 1000))
    verification = verified(BAD_8_OF_100, figure(MAY, bad=1, whole=100), missed)
    assert verification.effect is Effect.NOT_EFFECTIVE
    assert "99.00 % after misses the target of >= 99.9 %" in verification.reason


def test_exactly_on_target_is_effective_only_where_the_target_may_be_equalled() -> None:
    on_target = figure(MAY, bad=5, whole=100)
    promise = replace(PROMISED_TO_HALVE, target=Fraction(95, 100))
    assert verified(BAD_8_OF_100, on_target, promise).effect is Effect.EFFECTIVE
    assert verified(BAD_8_OF_100, on_target, replace(promise, comparison=">")).effect is Effect.NOT_EFFECTIVE


def test_spans_of_different_length_compare_by_their_shares() -> None:
    assert verified(BEFORE, figure(MAY, bad=1, whole=1440), PROMISE).effect is Effect.EFFECTIVE


def test_worse_than_before_is_not_effective_even_where_nothing_was_promised() -> None:
    nothing = replace(PROMISED_TO_HALVE, expected=Fraction(92, 100))
    assert verified(BAD_8_OF_100, figure(MAY, bad=81, whole=1000), nothing).effect is Effect.NOT_EFFECTIVE
    assert verified(BAD_8_OF_100, figure(MAY, bad=8, whole=100), nothing).effect is Effect.EFFECTIVE


def test_nine_tenths_of_the_span_after_must_be_known() -> None:
    assert verified(BEFORE, figure(MAY, bad=3, whole=44_640, coverage=Fraction(9, 10)), PROMISE).effect is Effect.EFFECTIVE
    with pytest.raises(NotEnoughData, match=r"only 89\.99 % of 2026-04-30T22:00:00Z/2026-05-31T22:00:00Z is known, 90 % are needed"):
        verified(BEFORE, figure(MAY, bad=3, whole=44_640, coverage=Fraction(899_999, 1_000_000)), PROMISE)


def test_no_data_proves_nothing() -> None:
    with pytest.raises(NotEnoughData, match="nothing was eligible in the span after"):
        verified(BEFORE, figure(MAY, bad=0, whole=0), PROMISE)
    with pytest.raises(NotEnoughData, match="nothing was eligible in the span before"):
        verified(figure(MARCH, bad=0, whole=0), BEFORE, PROMISE)
