"""Which rule measures what, and how much of a span has been seen."""

from __future__ import annotations

import pytest

from services.measurement.figure import Figure, Unit
from services.measurement.indicator import CompositeByItself, measure
from services.measurement.objective import Composite, Indicator, IntervalMean, RequestRatio, ResolutionTime, ResponseTime, TimeSlices
from services.measurement.observation import Evidence
from services.vocabulary.period import MINUTE, Microseconds
from tests.measurement.calculation import (
    DB,
    UTC,
    counters,
    hours,
    latencies,
    maintenance,
    minute,
    minutes,
    objective,
    outage,
    percent,
    step,
)

EVIDENCE = Evidence(
    outages=[outage(0, 10)],
    counters={"api": counters((minute(1), 1, 3))},
    latencies={"api": latencies((minute(1), 5), (minute(2), 50))},
    tickets=[step("t", -30, "opened")],
)


def measured_by(indicator: Indicator, until: float = 60) -> Figure:
    return measure(
        objective(indicator),
        EVIDENCE,
        span=minutes(0, 60),
        zone=UTC,
        maintenance=[maintenance(0, 5), maintenance(20, 40, service="shop")],
        measured_until=minute(until),
    )


@pytest.mark.parametrize(
    ("indicator", "good", "whole", "unit"),
    [
        (DB, 50 * MINUTE, 55 * MINUTE, "us"),
        (RequestRatio(), 1, 3, "requests"),
        (ResponseTime(threshold_us=5), 1, 2, "requests"),
        (ResolutionTime(within=hours(1)), 0, 1, "tickets"),
        (IntervalMean(every=Microseconds(30 * MINUTE)), 1_333_333_333_333_333_333, 2 * 10**18, "10^-18 intervals"),
        (TimeSlices(every=Microseconds(30 * MINUTE), error_above=percent("5")), 1, 2, "slices"),
    ],
)
def test_each_indicator_has_its_own_rule_and_unit(indicator: Indicator, good: int, whole: int, unit: Unit) -> None:
    figure = measured_by(indicator)
    assert (figure.good, figure.whole, figure.unit) == (good, whole, unit)


@pytest.mark.parametrize(("until", "whole_minutes"), [(-5, 0), (0, 0), (30, 25), (60, 55), (90, 55)])
def test_only_the_part_of_the_span_before_the_measurement_is_seen(until: int, whole_minutes: int) -> None:
    assert measured_by(DB, until).whole == whole_minutes * MINUTE


def test_a_composite_has_no_evidence_of_its_own() -> None:
    with pytest.raises(CompositeByItself):
        measured_by(Composite(of=("a", "b"), rule="all"))
