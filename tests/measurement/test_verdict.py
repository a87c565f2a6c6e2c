"""From figures to verdicts, and what would settle one that is open."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import ObjectiveResult, Verdict
from services.measurement.objective import (
    Availability,
    Comparison,
    Composite,
    CompositeRule,
    IntervalMean,
    MinimumOutage,
    NoData,
    RequestRatio,
    TimeSlices,
)
from services.measurement.observation import Evidence, State
from services.measurement.verdict import Bar, bar_of
from services.vocabulary.period import HOUR, MINUTE, Microseconds
from tests.measurement.calculation import (
    LAW,
    counters,
    down,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
    outage,
    percent,
    status,
)


def with_hole(unknown_minutes: float, bad_minutes: float = 30, component: str = "db") -> Evidence:
    states = [
        status(-5, State.UP, component),
        status(10_000, State.UNKNOWN, component),
        status(10_000 + unknown_minutes, State.UP, component),
    ]
    return Evidence(statuses=states, outages=[outage(100, 100 + bad_minutes, component)] if bad_minutes else [])


def availability(
    *, no_data: NoData = "undetermined", coverage: str = "0", target: str = "99.93", comparison: Comparison = ">=", minimum: int = 0
) -> tuple[Availability, str, Comparison]:
    found = Availability(
        components=("db",),
        no_data=no_data,
        minimum_coverage=percent(coverage),
        minimum_outage=MinimumOutage(at_least=Microseconds(minimum * MINUTE)) if minimum else None,
    )
    return found, target, comparison


def judged(evidence: Evidence, promise: tuple[Availability, str, Comparison], until: float | None = None) -> ObjectiveResult:
    indicator, target, comparison = promise
    return measured(evidence, objective(indicator, target, comparison=comparison), measured_until=None if until is None else minute(until))


# --- what settles an open verdict --------------------------------------------------------------------------------------


def test_unknown_time_says_how_much_of_it_must_have_been_up() -> None:
    result = judged(with_hole(4_320), availability())
    assert (result.verdict, result.needed) == (
        Verdict.UNDETERMINED,
        "4,320 min of component db unknown; at least 4,319.76 of them known up would make it met",
    )


def test_just_so_much_known_up_is_met_and_a_microsecond_less_is_not() -> None:
    enough = with_hole(0.24)
    assert judged(enough, availability()).verdict is Verdict.MET
    assert judged(enough, availability(comparison=">")).verdict is Verdict.UNDETERMINED
    assert judged(enough, availability(comparison=">")).needed == (
        "0.24 min of component db unknown; at least 0.000001 of them known up would make it met"
    )
    assert judged(with_hole(0.2401), availability()).needed == (
        "0.2401 min of component db unknown; at least 0.0001 of them known up would make it met"
    )


def test_several_components_are_named_and_a_pool_counts_component_minutes() -> None:
    both = Availability(components=("db", "web"))
    pool = Availability(components=("db", "web"), combine="pool", weights=(2, 1))
    evidence = Evidence(statuses=[*with_hole(100).statuses, status(-5, State.UP, "web")])
    assert (
        measured(evidence, objective(both)).needed
        == "100 min of components db, web unknown; at least 56.8 of them known up would make it met"
    )
    assert measured(evidence, objective(pool)).needed == (
        "200 component min of components db, web unknown; at least 70.4 of them known up would make it met"
    )


def test_a_short_outage_beside_unknown_time_asks_for_no_more_than_is_unknown() -> None:
    """100 known bad minutes count once the unknown ones beside them were bad too: 101 hang on one minute."""
    evidence = with_hole(1, 0)
    beside = Evidence(statuses=evidence.statuses, outages=[outage(9_900, 10_000)])
    result = judged(beside, availability(minimum=101))
    assert (result.verdict, result.needed) == (
        Verdict.UNDETERMINED,
        "1 min of component db unknown; at least 1 of them known up would make it met",
    )


def test_a_running_period_says_when_it_ends() -> None:
    assert judged(down(1), availability(), until=30_000).needed == "the period ends 2026-07-01T00:00:00Z"


@pytest.mark.parametrize(("bad_minutes", "verdict"), [(1, Verdict.MET), (100, Verdict.BREACHED)])
def test_a_settled_verdict_needs_nothing(bad_minutes: int, verdict: Verdict) -> None:
    result = judged(down(bad_minutes), availability())
    assert (result.verdict, result.needed) == (verdict, "")


def test_empty_slices_and_intervals_say_how_many_must_have_been_good() -> None:
    rows = [(minute(number), 100 if number > 2 else 0, 100) for number in range(50)]
    evidence = Evidence(counters={"api": counters(*rows)})
    slices = TimeSlices(every=Microseconds(MINUTE), error_above=percent("5"), empty="undetermined")
    means = IntervalMean(every=Microseconds(MINUTE), components=("api",), empty="undetermined")
    assert measured(evidence, objective(slices, "95"), span=minutes(0, 60)).needed == (
        "10 slices of service bank unknown; at least 10 of them known good would make it met"
    )
    assert measured(evidence, objective(means, "90"), span=minutes(0, 60)).needed == (
        "10 intervals of component api unknown; at least 7 of them known good would make it met"
    )


# --- minimum coverage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("no_data", ["up", "exclude", "undetermined", "down"])
def test_below_the_minimum_coverage_a_finished_period_is_undetermined(no_data: NoData) -> None:
    below, enough = with_hole(4_321, 0), with_hole(4_320, 0)
    promise = availability(no_data=no_data, coverage="90", target="80")
    result = judged(below, promise)
    assert result.verdict is Verdict.UNDETERMINED
    assert result.needed == "89.9976 % of the time is known, 90 % has to be: 1 more min of component db"
    assert judged(enough, promise).verdict is Verdict.MET


def test_where_nothing_is_known_all_that_is_agreed_is_missing() -> None:
    result = judged(Evidence(), availability(no_data="exclude", coverage="90"))
    assert (result.verdict, result.needed) == (
        Verdict.UNDETERMINED,
        "0.0000 % of the time is known, 90 % has to be: 38,880 more min of component db",
    )


def test_where_nothing_is_known_of_a_pool_its_component_minutes_are_missing() -> None:
    pool = Availability(components=("db", "web"), combine="pool", weights=(2, 1), no_data="exclude", minimum_coverage=percent("50"))
    assert measured(Evidence(), objective(pool)).needed == (
        "0.0000 % of the time is known, 50 % has to be: 64,800 more component min of components db, web"
    )


def test_both_may_be_needed() -> None:
    result = judged(with_hole(4_321), availability(coverage="90"))
    assert result.needed == (
        "89.9976 % of the time is known, 90 % has to be: 1 more min of component db; "
        "4,321 min of component db unknown; at least 4,320.76 of them known up would make it met"
    )


@pytest.mark.parametrize("no_data", ["up", "exclude", "undetermined", "down"])
def test_known_down_time_alone_that_misses_the_target_is_a_breach_at_any_coverage(no_data: NoData) -> None:
    """Nothing that could still be learned would bring it back: what was lost while the period ran stays lost."""
    promise = availability(no_data=no_data, coverage="99", target="99.9")
    lost, kept = with_hole(20_000, 44), with_hole(20_000, 43)
    assert judged(lost, promise, until=30_001).verdict is Verdict.BREACHED
    assert judged(lost, promise).verdict is Verdict.BREACHED
    assert judged(kept, promise).verdict is Verdict.UNDETERMINED


def test_requests_that_nobody_made_are_not_applicable_and_time_nobody_saw_is_undetermined() -> None:
    assert measured(Evidence(), objective(RequestRatio())).verdict is Verdict.NOT_APPLICABLE
    assert judged(Evidence(), availability()).verdict is Verdict.UNDETERMINED
    all_planned = measured(down(1), objective(), windows=[maintenance(0, 43_200)])
    assert (all_planned.verdict, all_planned.attainment) == (Verdict.NOT_APPLICABLE, None)


def test_a_running_ratio_of_requests_is_never_lost() -> None:
    evidence = Evidence(counters={"api": counters((minute(5), 0, 1_000))})
    assert measured(evidence, objective(RequestRatio()), measured_until=minute(60)).verdict is Verdict.UNDETERMINED


# --- the bar -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "target", "comparison"),
    [("all", 1, ">="), ("any", 0, ">"), ("weighted", Fraction(1, 2), ">="), ("journey", Fraction(1, 2), ">=")],
)
def test_all_and_any_have_bars_of_their_own(kind: CompositeRule, target: Fraction, comparison: str) -> None:
    bar = bar_of(objective(Composite(of=("a",), rule=kind), "50"))
    assert (bar.target, bar.comparison) == (target, comparison)


@LAW
@given(st.fractions(0, 1), st.sampled_from((">=", ">")), st.integers(1, 10**6))
def test_the_least_amount_is_the_first_that_is_accepted(target: Fraction, comparison: Comparison, of: int) -> None:
    bar = Bar(target=target, comparison=comparison)
    least = bar.least(of=of)
    assert bar.accepts(Fraction(least, of))
    assert not bar.accepts(Fraction(least - 1, of))


@LAW
@given(st.integers(1, 4_000), st.integers(0, 60), st.integers(0, 4_000))
def test_what_is_said_to_be_needed_would_make_it_met(hole: int, bad: int, known: int) -> None:
    """Of the hole's minutes the first `known` turn out up: met as soon as they are as many as was said."""
    result = judged(with_hole(hole, bad), availability())
    if result.verdict is not Verdict.UNDETERMINED:
        return
    told = result.needed.removeprefix(f"{hole:,} min of component db unknown; at least ").split(" ")[0]
    least = Fraction(told.replace(",", ""))
    up = min(known, hole)
    unknown = [status(10_000 + up, State.UNKNOWN), status(10_000 + hole, State.UP)] if up < hole else []
    states = [status(-5, State.UP), *unknown]
    learned = Evidence(statuses=states, outages=[outage(100, 100 + bad)] if bad else [])
    assert (judged(learned, availability()).verdict is Verdict.MET) is (up >= least)


def test_an_empty_span_has_no_time_and_no_verdict_of_its_own() -> None:
    result = measured(down(10), measured_until=minute(-HOUR / MINUTE))
    assert (result.verdict, result.needed) == (Verdict.UNDETERMINED, "the period ends 2026-07-01T00:00:00Z")
