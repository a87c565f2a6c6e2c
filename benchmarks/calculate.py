"""A month of one-minute data for one objective: our calculator, and a loop that adds a Fraction a sample. Both give the same figure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.pairs import Contender, Match
from services.measurement.assessment import ObjectiveResult, measure_span
from services.measurement.objective import Availability, Objective, RequestRatio
from services.measurement.observation import Counters, Evidence, State, StatusChange
from services.vocabulary.period import MINUTE, SECOND, Instant, Interval, Month, day_of, parse_zone

ZONE = parse_zone("Europe/Berlin")
TARGET = Fraction(999, 1000)
Naive = Callable[[], tuple[Fraction, dict[date, Fraction]]]
"""The attainment, and the good part of each civil day."""


def matches(*, smoke: bool) -> list[Match]:
    span = Month(2026, 3).bounds(ZONE)
    if smoke:
        span = Interval(span.start, Instant(span.start + 24 * 60 * MINUTE))
    minutes = [Instant(at) for at in range(span.start, span.end, MINUTE)]
    return [_counters(span, minutes), _statuses(span, minutes)]


def _match(kind: str, count: int, ours: Contender, naive: Contender) -> Match:
    return Match(
        title=f"a month of one-minute {kind} judged",
        unit="samples",
        count=count,
        ours="our calculator",
        peer="a Fraction a sample",
        our_work=ours,
        peer_work=naive,
    )


def _counters(span: Interval, minutes: list[Instant]) -> Match:
    good = [997 + number % 4 for number in range(len(minutes))]
    total = [1_000] * len(minutes)
    evidence = Evidence(counters={"web": Counters(at=np.array(minutes), good=np.array(good), total=np.array(total))})
    objective = Objective(id="o", name="", service="shop", indicator=RequestRatio(components=("web",)), target=TARGET)

    def naive() -> tuple[Fraction, dict[date, Fraction]]:
        good_sum, whole, days = Fraction(0), Fraction(0), defaultdict[date, Fraction](Fraction)
        for at, good_part, whole_part in zip(minutes, good, total, strict=True):
            if span.start <= at < span.end:
                good_sum += Fraction(good_part)
                whole += Fraction(whole_part)
                days[day_of(at, ZONE)] += Fraction(good_part)
        return good_sum / whole, days

    return _match("counters", len(minutes), _calculator(objective, evidence, span), _loop(objective, evidence, span, naive, unit=1))


def _statuses(span: Interval, minutes: list[Instant]) -> Match:
    """A row a minute, down every 500th of them."""
    changes = [
        StatusChange(component="web", at=at, state=State.DOWN if number % 500 == 250 else State.UP) for number, at in enumerate(minutes)
    ]
    evidence = Evidence(statuses=changes)
    objective = Objective(id="o", name="", service="shop", indicator=Availability(components=("web",)), target=TARGET)

    def naive() -> tuple[Fraction, dict[date, Fraction]]:
        good, whole, days = Fraction(0), Fraction(0), defaultdict[date, Fraction](Fraction)
        ends = [*(change.at for change in changes[1:]), span.end]
        for change, end in zip(changes, ends, strict=True):
            seconds = Fraction(end - change.at, SECOND)
            whole += seconds
            if change.state is State.UP:
                good += seconds
                days[day_of(change.at, ZONE)] += seconds
        return good / whole, days

    assert all(later - earlier == MINUTE for earlier, later in pairwise(minutes)), "no minute spans two days"
    return _match("statuses", len(changes), _calculator(objective, evidence, span), _loop(objective, evidence, span, naive, unit=SECOND))


def _measured(objective: Objective, evidence: Evidence, span: Interval) -> ObjectiveResult:
    return measure_span(objective, evidence, span, zone=ZONE, maintenance=(), measured_until=span.end)


def _calculator(objective: Objective, evidence: Evidence, span: Interval) -> Contender:
    """Each run puts the evidence in order anew."""

    @contextmanager
    def contender(_: Path) -> Iterator[Callable[[], object]]:
        unread = replace(evidence)
        yield lambda: _measured(objective, unread, span)

    return contender


def _loop(objective: Objective, evidence: Evidence, span: Interval, naive: Naive, *, unit: int) -> Contender:
    """Says the same as the calculator, to the last digit; checked once, before the time counts."""
    result = _measured(objective, evidence, span)
    attainment, days = naive()
    assert attainment == result.attainment
    assert {day.day: Fraction(day.good, unit) for day in result.days} == days

    @contextmanager
    def contender(_: Path) -> Iterator[Callable[[], object]]:
        yield naive

    return contender
