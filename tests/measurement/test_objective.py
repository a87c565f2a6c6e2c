"""What was promised, as the calculator reads it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.measurement.objective import Availability, Comparison
from services.measurement.verdict import bar_of
from tests.measurement.calculation import objective


@pytest.mark.parametrize(("comparison", "accepted"), [(">=", True), (">", False)])
def test_the_target_itself_is_accepted_by_at_least_and_not_by_more_than(comparison: Comparison, accepted: bool) -> None:
    assert bar_of(objective(target="99.9", comparison=comparison)).accepts(Fraction(999, 1000)) is accepted


@pytest.mark.parametrize("comparison", [">=", ">"])
def test_the_unrounded_value_is_compared_however_close(comparison: Comparison) -> None:
    promise = bar_of(objective(target="99.9", comparison=comparison))
    assert not promise.accepts(Fraction(999, 1000) - Fraction(1, 10**30))
    assert promise.accepts(Fraction(999, 1000) + Fraction(1, 10**30))


def test_an_availability_of_no_component_cannot_be_written() -> None:
    with pytest.raises(AssertionError):
        Availability(components=())
