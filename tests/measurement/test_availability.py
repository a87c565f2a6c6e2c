"""Time availability: worked values, and laws against a reading of every single minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.measurement.assessment import Verdict
from services.measurement.interval import length, union
from services.measurement.objective import Availability, Combine, Maintenance, NoData
from services.measurement.observation import STILL_OPEN, Evidence, Outage, State, StatusChange
from services.vocabulary.period import MINUTE, Interval, Month
from tests.measurement.calculation import (
    BERLIN,
    DAY,
    JUNE_SPAN,
    LAW,
    SECOND,
    UTC,
    at,
    down,
    figure,
    later,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
    outage,
    percent,
    six,
    status,
)

NEW_YORK = ZoneInfo("America/New_York")
AUCKLAND = ZoneInfo("Pacific/Auckland")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


# --- worked values ---------------------------------------------------------------------------------------------------


def test_43_2_minutes_down_in_30_days_is_exactly_99_9_and_met() -> None:
    result = measured(down(43.2))
    assert result.attainment == Fraction(999, 1000)
    assert result.verdict is Verdict.MET
    assert result.whole - result.good == 2_592 * SECOND


@pytest.mark.parametrize(
    ("month", "zone", "figure_expected", "verdict"),
    [
        (Month(2026, 11), NEW_YORK, "99.900138", Verdict.MET),
        (Month(2026, 9), AUCKLAND, "99.899860", Verdict.BREACHED),
    ],
)
def test_a_month_is_as_long_as_its_zone_makes_it(month: Month, zone: ZoneInfo, figure_expected: str, verdict: Verdict) -> None:
    span = month.bounds(zone)
    bad = Outage(component="db", interval=Interval(later(span.start, DAY), later(span.start, DAY + 2_592 * SECOND)))
    result = measured(Evidence(outages=[bad]), span=span, zone=zone)
    assert figure(result) == figure_expected
    assert result.verdict is verdict


@pytest.mark.parametrize(
    ("month", "zone", "minutes_long"),
    [
        (Month(2026, 3), BERLIN, 44_580),
        (Month(2026, 10), BERLIN, 44_700),
        (Month(2026, 11), NEW_YORK, 43_260),
        (Month(2026, 9), AUCKLAND, 43_140),
        (Month(2026, 4), LORD_HOWE, 43_230),
    ],
)
def test_the_whole_of_a_month_is_its_elapsed_time_and_its_days_add_up_to_it(month: Month, zone: ZoneInfo, minutes_long: int) -> None:
    span = month.bounds(zone)
    reports_by_outages = Outage(component="db", interval=Interval(later(span.start, -DAY), span.start))
    result = measured(Evidence(outages=[reports_by_outages]), span=span, zone=zone)
    assert result.whole == result.good == minutes_long * MINUTE
    assert sum(day.whole for day in result.days) == minutes_long * MINUTE
    assert [day.day.day for day in result.days] == list(range(1, len(result.days) + 1))


@pytest.mark.parametrize(
    ("month", "zone", "expected"),
    [
        (Month(2026, 3), UTC, "99.798387"),
        (Month(2026, 3), BERLIN, "99.932705"),
        (Month(2026, 4), BERLIN, "99.861111"),
    ],
)
def test_an_outage_over_the_months_edge_falls_where_the_zone_puts_the_edge(month: Month, zone: ZoneInfo, expected: str) -> None:
    evidence = Evidence(
        outages=[
            Outage(component="db", interval=Interval(at("2026-03-31T22:30Z"), at("2026-03-31T23:30Z"))),
            Outage(component="db", interval=Interval(at("2026-03-10T10:00Z"), at("2026-03-10T10:30Z"))),
        ]
    )
    assert figure(measured(evidence, span=month.bounds(zone), zone=zone)) == expected


@pytest.mark.parametrize(
    ("no_data", "attainment", "verdict"),
    [
        ("up", "99.930555", Verdict.MET),
        ("down", "89.930555", Verdict.BREACHED),
        ("exclude", "99.922839", Verdict.BREACHED),
        ("undetermined", "99.922839", Verdict.UNDETERMINED),
    ],
)
def test_4320_minutes_unknown_and_30_bad_by_each_accounting(no_data: NoData, attainment: str, verdict: Verdict) -> None:
    evidence = Evidence(
        statuses=[
            status(-60, State.UP),
            status(100, State.DOWN),
            status(130, State.UP),
            status(1_000, State.UNKNOWN),
            status(5_320, State.UP),
        ]
    )
    result = measured(evidence, objective(Availability(components=("db",), no_data=no_data), "99.93"))
    assert figure(result) == attainment
    assert result.verdict is verdict
    assert (six(result.lower), six(result.upper)) == ("89.930555", "99.930555")
    assert result.coverage == Fraction(9, 10)
    assert result.unknown == (minutes(1_000, 5_320),)


THREE_OUTAGES = [outage(600, 640, "a"), outage(620, 660, "b"), outage(630, 635, "c")]


def test_overlapping_outages_count_once_when_any_component_down_is_down() -> None:
    result = measured(Evidence(outages=THREE_OUTAGES), objective(Availability(components=("a", "b", "c"), combine="any")))
    assert figure(result) == "99.861111"
    assert [(span.interval, span.components) for span in result.outages] == [(minutes(600, 660), ("a", "b", "c"))]


def test_only_the_common_time_counts_when_all_components_have_to_be_down() -> None:
    result = measured(Evidence(outages=THREE_OUTAGES[:2]), objective(Availability(components=("a", "b"), combine="all")))
    assert figure(result) == "99.953703"
    assert [span.interval for span in result.outages] == [minutes(620, 640)]


def test_maintenance_is_excluded_from_both_sides() -> None:
    result = measured(Evidence(outages=[outage(210, 270)]), windows=[maintenance(0, 240)])
    assert figure(result) == "99.930167"
    assert result.whole == (43_200 - 240) * MINUTE
    assert [span.interval for span in result.outages] == [minutes(240, 270)]
    assert [(span.interval, span.cause) for span in result.exclusions] == [(minutes(0, 240), "patch")]


@pytest.mark.parametrize(("month", "expected"), [(Month(2026, 1), "99.932795"), (Month(2026, 2), "99.925595")])
def test_an_outage_on_two_days_in_two_months_is_judged_in_each(month: Month, expected: str) -> None:
    days = ("2026-01-31T10:00Z", "2026-02-01T10:00Z")
    evidence = Evidence(outages=[Outage(component="db", interval=Interval(at(day), later(at(day), 30 * MINUTE))) for day in days])
    assert figure(measured(evidence, span=month.bounds(UTC))) == expected
    holding_both = Interval(at("2026-01-20T00:00Z"), later(at("2026-01-20T00:00Z"), 30 * DAY))
    assert figure(measured(evidence, span=holding_both)) == "99.861111"


def test_one_of_ten_databases_down_100_minutes_is_its_own_figure() -> None:
    evidence = Evidence(outages=[outage(0, 100, "db-7"), *(outage(-10, -5, f"db-{n}") for n in range(10))])
    figures = [figure(measured(evidence, objective(Availability(components=(f"db-{n}",))))) for n in range(10)]
    assert figures.count("100.000000") == 9
    assert figures[7] == "99.768518"


# --- what is known -----------------------------------------------------------------------------------------------------


def test_a_component_that_reports_by_outages_alone_is_up_outside_them() -> None:
    result = measured(Evidence(outages=[outage(20_000, 20_060)]))
    assert figure(result) == "99.861111"
    assert result.coverage == 1


def test_a_component_that_reported_nothing_is_unknown_and_not_up() -> None:
    result = measured(Evidence(outages=[outage(0, 10, "other")]))
    assert (result.attainment, result.verdict) == (None, Verdict.UNDETERMINED)
    assert [result.lower, result.upper, result.coverage] == [Fraction(0), Fraction(1), Fraction(0)]
    assert result.unknown == (JUNE_SPAN,)


def test_before_the_first_status_a_component_is_unknown() -> None:
    result = measured(Evidence(statuses=[status(100, State.UP)]))
    assert result.unknown == (minutes(0, 100),)
    assert result.good == (43_200 - 100) * MINUTE


def test_a_status_of_the_month_before_holds_into_this_one() -> None:
    result = measured(Evidence(statuses=[status(-5_000, State.DOWN), status(30, State.UP)]))
    assert [span.interval for span in result.outages] == [minutes(0, 30)]


def test_an_outage_outweighs_a_status_that_says_up_or_unknown() -> None:
    evidence = Evidence(statuses=[status(0, State.UP), status(50, State.UNKNOWN)], outages=[outage(40, 60, cause="switch")])
    result = measured(evidence)
    assert [(span.interval, span.cause) for span in result.outages] == [(minutes(40, 60), "switch")]
    assert result.unknown == (minutes(60, 43_200),)


@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [
        (State.UP, State.DOWN, State.DOWN),
        (State.UP, State.UNKNOWN, State.UNKNOWN),
        (State.UNKNOWN, State.DOWN, State.DOWN),
    ],
)
def test_of_two_states_at_one_instant_the_worse_one_counts(one: State, other: State, counts: State) -> None:
    for first, second in ((one, other), (other, one)):
        result = measured(Evidence(statuses=[status(0, State.UP), status(10, first), status(10, second), status(20, State.UP)]))
        bad = tuple(span.interval for span in result.outages)
        assert (bad, result.unknown) == (((minutes(10, 20),), ()) if counts is State.DOWN else ((), (minutes(10, 20),)))


def test_an_outage_tells_the_causes_of_its_own_components_in_the_order_they_came() -> None:
    reports = [
        outage(15, 30, cause="disk"),
        outage(10, 20, cause="switch"),
        outage(12, 14, cause="switch"),
        outage(10, 30, "other", "rain"),
    ]
    (span,) = measured(Evidence(outages=reports)).outages
    assert (span.interval, span.components, span.cause) == (minutes(10, 30), ("db",), "switch; disk")


def test_an_open_outage_lasts_until_the_measurement() -> None:
    still_open = Outage(component="db", interval=Interval(minute(100), STILL_OPEN))
    running = measured(Evidence(outages=[still_open]), measured_until=minute(160))
    assert [span.interval for span in running.outages] == [minutes(100, 160)]
    assert [span.interval for span in measured(Evidence(outages=[still_open])).outages] == [minutes(100, 43_200)]


def test_what_happens_after_the_measurement_is_not_known_yet() -> None:
    evidence = Evidence(outages=[outage(10, 20), outage(90, 200)], statuses=[status(0, State.UP), status(100, State.UNKNOWN)])
    at_noon = measured(evidence, measured_until=minute(100))
    before = measured(Evidence(outages=[outage(10, 20), outage(90, 100)], statuses=[status(0, State.UP)]), measured_until=minute(100))
    assert at_noon == before


def test_one_unknown_component_of_two_leaves_the_service_unknown_unless_the_other_decides() -> None:
    evidence = Evidence(outages=[outage(10, 20, "a")])
    any_down = measured(evidence, objective(Availability(components=("a", "b"), combine="any")))
    all_down = measured(evidence, objective(Availability(components=("a", "b"), combine="all")))
    assert ([span.interval for span in any_down.outages], any_down.unknown) == ([minutes(10, 20)], (minutes(0, 10), minutes(20, 43_200)))
    assert (all_down.outages, all_down.unknown) == ((), (minutes(10, 20),))


# --- maintenance -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "excluded_minutes"),
    [
        (maintenance(100, 200), 100),
        (maintenance(100, 200, components=["db"]), 100),
        (maintenance(100, 200, components=["cache"]), 0),
        (maintenance(100, 200, service="shop"), 0),
        (maintenance(-100, 30), 30),
    ],
)
def test_a_window_counts_for_its_service_and_components_within_the_period(window: Maintenance, excluded_minutes: int) -> None:
    result = measured(down(10), windows=[window])
    assert result.whole == (43_200 - excluded_minutes) * MINUTE
    assert sum(day.excluded_us for day in result.days) == excluded_minutes * MINUTE


def test_windows_that_meet_are_one_exclusion_that_tells_both_reasons() -> None:
    windows = [maintenance(50, 120, components=["db"], reason="disk"), maintenance(100, 200, components=["db"], reason="patch")]
    (exclusion,) = measured(down(10), windows=windows).exclusions
    assert (exclusion.interval, exclusion.components, exclusion.cause) == (minutes(50, 200), ("db",), "disk; patch")


def test_a_month_of_maintenance_leaves_nothing_to_judge() -> None:
    result = measured(down(10), windows=[maintenance(-5, 50_000)])
    assert (result.attainment, result.whole, result.verdict) == (None, 0, Verdict.NOT_APPLICABLE)


# --- laws --------------------------------------------------------------------------------------------------------------

LONG = 36 * 60
TICKS = st.integers(min_value=-200, max_value=LONG + 200)
COMPONENTS = st.sampled_from(["a", "b"])
STATUSES = st.lists(st.builds(status, TICKS, st.sampled_from(State), COMPONENTS), max_size=8)
OUTAGES = st.lists(
    st.builds(lambda start, long, which: outage(start, start + long, which), TICKS, st.integers(1, 900), COMPONENTS), max_size=4
)
WINDOWS = st.lists(
    st.builds(
        lambda start, long, which: maintenance(start, start + long, components=which),
        TICKS,
        st.integers(1, 600),
        st.sampled_from([(), ("a",), ("b", "c"), ("c",)]),
    ),
    max_size=3,
)
INDICATORS = st.builds(
    Availability,
    components=st.sampled_from([("a",), ("a", "b")]),
    combine=st.sampled_from(get_args(Combine)),
    no_data=st.sampled_from(get_args(NoData)),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A day and a half of two components, measured until a minute within or after them."""

    indicator: Availability
    statuses: Sequence[StatusChange]
    outages: Sequence[Outage]
    windows: Sequence[Maintenance]
    until: int

    @property
    def evidence(self) -> Evidence:
        return Evidence(statuses=self.statuses, outages=self.outages)


SPAN = minutes(0, LONG)
CASES = st.builds(
    Case,
    indicator=INDICATORS,
    statuses=STATUSES,
    outages=OUTAGES,
    windows=WINDOWS,
    until=st.one_of(st.just(LONG + 1_000), st.integers(min_value=1, max_value=LONG + 200)),
)


def component_at(tick: int, component: str, case: Case) -> State:
    """The definition, read for one minute."""
    now, end = minute(tick), minute(case.until)
    said = [change for change in case.statuses if change.component == component and change.at < end]
    bad = [o.interval for o in case.outages if o.component == component and o.interval.start < end]
    if any(start <= now < stop for start, stop in bad):
        return State.DOWN
    if not said:
        return State.UP if bad else State.UNKNOWN
    before = [change for change in said if change.at <= now]
    if not before:
        return State.UNKNOWN
    last = max(change.at for change in before)
    states = {change.state for change in before if change.at == last}
    return next(state for state in (State.DOWN, State.UNKNOWN, State.UP) if state in states)


def service_at(tick: int, case: Case) -> str:
    for window in case.windows:
        named = not window.components or bool(set(window.components) & set(case.indicator.components))
        if named and window.interval.start <= minute(tick) < window.interval.end:
            return "excluded"
    states = {component_at(tick, component, case) for component in case.indicator.components}
    order = (State.DOWN, State.UNKNOWN, State.UP) if case.indicator.combine == "any" else (State.UP, State.UNKNOWN, State.DOWN)
    return next(state for state in order if state in states)


@LAW
@given(CASES)
def test_the_algebra_agrees_with_reading_every_minute(case: Case) -> None:
    result = measured(case.evidence, objective(case.indicator), span=SPAN, windows=case.windows, measured_until=minute(case.until))
    ticks = [service_at(tick, case) for tick in range(min(LONG, case.until))]
    up, bad, unknown = (ticks.count(kind) for kind in ("up", "down", "unknown"))
    assert sum(span.interval.length for span in result.outages) == bad * MINUTE
    assert length(result.unknown) == unknown * MINUTE
    assert sum(span.interval.length for span in result.exclusions) == ticks.count("excluded") * MINUTE
    assert result.good == (up + (unknown if case.indicator.no_data == "up" else 0)) * MINUTE
    assert result.whole == (up + bad + (unknown if case.indicator.no_data in {"up", "down"} else 0)) * MINUTE


@LAW
@given(CASES)
def test_permuting_or_repeating_observations_changes_nothing(case: Case) -> None:
    again = Evidence(statuses=[*case.statuses[::-1], *case.statuses[:2]], outages=[*case.outages[::-1], *case.outages[:2]])
    promise = objective(case.indicator)
    assert measured(again, promise, span=SPAN, windows=case.windows[::-1]) == measured(
        case.evidence, promise, span=SPAN, windows=case.windows
    )


@LAW
@given(CASES, TICKS, st.integers(1, 900), COMPONENTS)
def test_adding_downtime_never_raises_attainment(case: Case, start: int, long: int, which: str) -> None:
    """Of a component that reports already: the very first report of all tells more than downtime."""
    reported = {change.component for change in case.statuses} | {o.component for o in case.outages}
    assume(which in reported)
    promise = objective(case.indicator)
    long_after = later(SPAN.end, DAY)
    before = measured(case.evidence, promise, span=SPAN, windows=case.windows, measured_until=long_after)
    worse = replace(case.evidence, outages=[*case.outages, outage(start, start + long, which)])
    after = measured(worse, promise, span=SPAN, windows=case.windows, measured_until=long_after)
    if before.attainment is not None and after.attainment is not None:
        assert after.attainment <= before.attainment
    assert (after.upper or 0) <= (before.upper or 0)


@LAW
@given(CASES, st.integers(min_value=1, max_value=LONG - 1))
def test_the_halves_of_a_span_add_up_to_the_whole(case: Case, cut: int) -> None:
    first, second, whole = (
        measured(case.evidence, objective(case.indicator), span=span, windows=case.windows, measured_until=minute(case.until))
        for span in (minutes(0, cut), minutes(cut, LONG), SPAN)
    )
    assert first.good + second.good == whole.good
    assert first.whole + second.whole == whole.whole


@LAW
@given(CASES)
def test_a_figure_equals_the_sum_of_its_leaves(case: Case) -> None:
    result = measured(
        case.evidence, objective(case.indicator), span=SPAN, zone=BERLIN, windows=case.windows, measured_until=minute(case.until)
    )
    assert sum(day.good for day in result.days) == result.good
    assert sum(day.whole for day in result.days) == result.whole
    assert sum(day.down_us for day in result.days) == sum(span.interval.length for span in result.outages)
    assert sum(day.unknown_us for day in result.days) == length(result.unknown)
    assert sum(day.excluded_us for day in result.days) == sum(span.interval.length for span in result.exclusions)
    unknown_as_down = length(result.unknown) if case.indicator.no_data == "down" else 0
    assert result.whole - result.good == sum(span.interval.length for span in result.outages) + unknown_as_down


@LAW
@given(CASES)
def test_excluded_time_is_never_downtime_and_never_unknown(case: Case) -> None:
    result = measured(case.evidence, objective(case.indicator), span=SPAN, windows=case.windows)
    excluded = [span.interval for span in result.exclusions]
    rest = [*(span.interval for span in result.outages), *result.unknown]
    assert length(union([*excluded, *rest])) == length(union(excluded)) + sum(interval.length for interval in rest)


@LAW
@given(CASES, st.sampled_from([State.UP, State.DOWN]))
def test_more_coverage_never_widens_the_bounds(case: Case, learned: State) -> None:
    """Learning what a component was while it could not be told."""
    statuses = [replace(change, state=learned) if change.state is State.UNKNOWN else change for change in case.statuses]
    promise = objective(replace(case.indicator, no_data="undetermined"))
    before = measured(case.evidence, promise, span=SPAN, windows=case.windows)
    after = measured(replace(case.evidence, statuses=statuses), promise, span=SPAN, windows=case.windows)
    assert after.coverage >= before.coverage
    if before.lower is not None and before.upper is not None:
        assert after.lower is not None
        assert after.upper is not None
        assert before.lower <= after.lower <= after.upper <= before.upper


@LAW
@given(CASES)
def test_every_accounting_lies_within_the_bounds_and_a_verdict_by_bounds_holds_for_all_of_them(case: Case) -> None:
    by_policy = {
        no_data: measured(case.evidence, objective(replace(case.indicator, no_data=no_data), "90"), span=SPAN, windows=case.windows)
        for no_data in get_args(NoData)
    }
    careful = by_policy.pop("undetermined")
    for result in by_policy.values():
        if result.attainment is not None:
            assert result.lower is not None
            assert result.upper is not None
            assert result.lower <= result.attainment <= result.upper
            if careful.verdict in {Verdict.MET, Verdict.BREACHED}:
                assert result.verdict is careful.verdict


@pytest.mark.parametrize(("comparison_met", "target"), [(True, "99.9"), (False, "99.95")])
def test_the_target_is_compared_with_the_unrounded_value(comparison_met: bool, target: str) -> None:
    result = measured(down(43.2), objective(target=target))
    assert (result.attainment is not None and result.attainment >= percent(target)) is comparison_met
    assert (result.verdict is Verdict.MET) is comparison_met
