"""Time availability: worked values, and laws against a reading of every single minute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.measurement.assessment import Verdict
from services.measurement.figure import Figure
from services.measurement.interval import Spans, length, union
from services.measurement.objective import Availability, Combine, Maintenance, MinimumOutage, NoData, Planned
from services.measurement.observation import STILL_OPEN, Evidence, Outage, State, StatusChange
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.period import MINUTE, Instant, Interval, Microseconds, Month, parse_zone
from tests.measurement.calculation import (
    BERLIN,
    DAY,
    JUNE_SPAN,
    LAW,
    SECOND,
    UTC,
    at,
    available,
    columns,
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

NEW_YORK = parse_zone("America/New_York")
AUCKLAND = parse_zone("Pacific/Auckland")
LORD_HOWE = parse_zone("Australia/Lord_Howe")


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


# --- service hours -----------------------------------------------------------------------------------------------------

MARCH_IN_BERLIN = Month(2026, 3).bounds(BERLIN)
OFFICE = Calendar(id="office", zone=BERLIN, hours=(Hours(days=(0, 1, 2, 3, 4), from_minute=9 * 60, to_minute=17 * 60),))
IN_OFFICE_HOURS = Availability(components=("db",), hours=OFFICE)


def one_outage(start: str, end: str) -> Evidence:
    return Evidence(outages=[Outage(component="db", interval=Interval(at(start), at(end)))])


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-30T09:00+02:00", "2026-03-30T10:00+02:00", "99.431818"),
        ("2026-03-30T17:00+02:00", "2026-03-30T18:00+02:00", "100.000000"),
        ("2026-03-30T16:59+02:00", "2026-03-30T18:00+02:00", "99.990530"),
    ],
)
def test_an_outage_counts_in_service_hours_only(start: str, end: str, expected: str) -> None:
    result = available(one_outage(start, end), IN_OFFICE_HOURS, span=MARCH_IN_BERLIN, zone=BERLIN)
    assert (result.whole, six(result.attainment)) == (10_560 * MINUTE, expected)


def test_time_outside_the_service_hours_is_told_and_neither_good_nor_bad_nor_unknown() -> None:
    result = available(Evidence(), IN_OFFICE_HOURS, span=MARCH_IN_BERLIN, zone=BERLIN)
    assert length(result.outside) == (44_580 - 10_560) * MINUTE
    assert length(result.unknown) == 10_560 * MINUTE
    assert length(union([*result.outside, *result.unknown])) == 44_580 * MINUTE
    assert available(Evidence(), span=MARCH_IN_BERLIN, zone=BERLIN).outside == ()


def test_maintenance_outside_the_service_hours_takes_nothing_out() -> None:
    night = Maintenance(id="m", service="bank", interval=Interval(at("2026-03-30T16:00+02:00"), at("2026-03-30T20:00+02:00")))
    result = available(
        one_outage("2026-03-02T10:00+01:00", "2026-03-02T11:00+01:00"), IN_OFFICE_HOURS, span=MARCH_IN_BERLIN, windows=[night]
    )
    assert result.whole == (10_560 - 60) * MINUTE
    assert [span.interval for span in result.exclusions] == [Interval(at("2026-03-30T16:00+02:00"), at("2026-03-30T17:00+02:00"))]
    assert sum(day.excluded_us for day in result.days) == 60 * MINUTE


# --- maintenance that counts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maintenance_as", "expected", "whole", "excluded"),
    [("exclude", "99.930167", 42_960, 240), ("up", "99.930555", 43_200, 0), ("down", "99.861111", 43_200, 0)],
)
def test_maintenance_is_excluded_or_up_or_counts_as_any_other_time(
    maintenance_as: Planned, expected: str, whole: int, excluded: int
) -> None:
    indicator = Availability(components=("db",), maintenance=maintenance_as)
    result = available(Evidence(outages=[outage(210, 270)]), indicator, windows=[maintenance(0, 240)])
    assert (six(result.attainment), result.whole) == (expected, whole * MINUTE)
    assert [(span.interval, span.counted_as) for span in result.exclusions] == [(minutes(0, 240), maintenance_as)]
    assert sum(day.excluded_us for day in result.days) == excluded * MINUTE


def test_in_maintenance_as_up_nothing_is_unknown_either() -> None:
    evidence = Evidence(statuses=[status(0, State.UP), status(10, State.UNKNOWN), status(40, State.UP)])
    indicator = Availability(components=("db",), maintenance="up")
    assert available(evidence, indicator, windows=[maintenance(20, 60)]).unknown == (minutes(10, 20),)
    as_any = Availability(components=("db",), maintenance="down")
    assert available(evidence, as_any, windows=[maintenance(20, 60)]).unknown == (minutes(10, 40),)


# --- minimum outage ----------------------------------------------------------------------------------------------------


def lasting(
    at_least: float, *, whole_minutes: bool = False, before_exclusions: bool = False, no_data: NoData = "undetermined"
) -> Availability:
    minimum = MinimumOutage(at_least=Microseconds(int(at_least * MINUTE)), whole_minutes=whole_minutes, before_exclusions=before_exclusions)
    return Availability(components=("db",), minimum_outage=minimum, no_data=no_data)


def bad_time(result: Figure) -> int:
    return result.whole - result.good


def test_89_seconds_are_raw_time_a_continuous_minute_and_no_clock_minute() -> None:
    start = later(minute(600), 30 * SECOND)
    evidence = Evidence(outages=[Outage(component="db", interval=Interval(start, later(start, 89 * SECOND)))])
    assert six(Fraction(bad_time(available(evidence)), 100 * MINUTE)) == "1.483333"
    assert bad_time(available(evidence, lasting(1))) == 89 * SECOND
    aligned = available(evidence, lasting(1, whole_minutes=True))
    assert (bad_time(aligned), aligned.outages) == (0, ())
    assert [span.interval.length for span in aligned.ignored] == [89 * SECOND]


@pytest.mark.parametrize(
    ("start_s", "end_s", "whole"),
    [(0, 60, 1), (0, 59, 0), (1, 60, 0), (1, 120, 1), (0, 120, 2), (59, 121, 1), (30, 330, 4)],
)
def test_only_whole_clock_minutes_count(start_s: int, end_s: int, whole: int) -> None:
    interval = Interval(later(minute(600), start_s * SECOND), later(minute(600), end_s * SECOND))
    result = available(Evidence(outages=[Outage(component="db", interval=interval)]), lasting(1, whole_minutes=True))
    assert bad_time(result) == whole * MINUTE
    assert sum(span.interval.length for span in result.ignored) == interval.length - whole * MINUTE


@pytest.mark.parametrize(("long", "counted"), [(5 * MINUTE - 1, 0), (5 * MINUTE, 5 * MINUTE), (5 * MINUTE + 1, 5 * MINUTE + 1)])
def test_an_outage_of_the_minimum_counts_and_one_a_microsecond_shorter_does_not(long: int, counted: int) -> None:
    evidence = Evidence(outages=[Outage(component="db", interval=Interval(minute(600), later(minute(600), long)), cause="disk")])
    result = available(evidence, lasting(5))
    assert bad_time(result) == counted == sum(span.interval.length for span in result.outages)
    assert [(span.interval.length, span.components, span.cause) for span in result.ignored] == (
        [] if counted else [(long, ("db",), "disk")]
    )


def test_twenty_outages_of_four_minutes_are_none_of_five() -> None:
    evidence = Evidence(outages=[outage(100 * n, 100 * n + 4) for n in range(20)])
    result = available(evidence, lasting(5))
    assert (six(result.attainment), len(result.ignored), result.spent) == ("100.000000", 20, 0)
    assert six(available(evidence).attainment) == "99.814814"


def test_outages_of_several_components_that_follow_on_are_one_outage_of_the_combination() -> None:
    evidence = Evidence(outages=[outage(10, 13, "a"), outage(13, 15, "b"), outage(20, 26, "b")])
    either = Availability(components=("a", "b"), minimum_outage=MinimumOutage(at_least=Microseconds(5 * MINUTE)))
    assert [span.interval for span in available(evidence, either).outages] == [minutes(10, 15), minutes(20, 26)]
    both = replace(either, combine="all")
    assert (available(evidence, both).outages, available(evidence, both).ignored) == ((), ())
    pool = replace(either, combine="pool")
    result = available(evidence, pool)
    assert [(span.interval, span.components) for span in result.outages] == [(minutes(20, 26), ("b",))]
    assert [(span.interval, span.components) for span in result.ignored] == [(minutes(10, 15), ("a", "b"))]


@pytest.mark.parametrize(("start", "end", "bad"), [(-3, 2, 2), (-2, 2, 0), (43_198, 43_203, 2), (43_198, 43_202, 0)])
def test_an_outage_over_the_periods_edge_is_as_long_as_it_was(start: int, end: int, bad: int) -> None:
    assert bad_time(available(Evidence(outages=[outage(start, end)]), lasting(5))) == bad * MINUTE


@pytest.mark.parametrize(
    ("window", "after", "before"), [((60, 64), 6, 6), ((60, 65), 5, 5), ((60, 66), 0, 4), ((62, 67), 5, 5), ((63, 69), 0, 4)]
)
def test_the_length_is_that_of_what_exclusions_leave_or_that_of_before(window: tuple[int, int], after: int, before: int) -> None:
    evidence = Evidence(outages=[outage(60, 70)])
    for indicator, bad in ((lasting(5), after), (lasting(5, before_exclusions=True), before)):
        assert bad_time(available(evidence, indicator, windows=[maintenance(*window)])) == bad * MINUTE
        as_up = replace(indicator, maintenance="up")
        assert bad_time(available(evidence, as_up, windows=[maintenance(*window)])) == bad * MINUTE
        as_down = replace(indicator, maintenance="down")
        assert bad_time(available(evidence, as_down, windows=[maintenance(*window)])) == 10 * MINUTE


@pytest.mark.parametrize(
    ("start", "end", "after", "before"),
    [
        ("2026-05-29T14:56Z", "2026-06-01T07:01Z", 1, 1),
        ("2026-05-29T14:57Z", "2026-06-01T07:01Z", 0, 1),
        ("2026-05-31T14:00Z", "2026-06-01T07:04Z", 0, 4),
        ("2026-05-31T14:00Z", "2026-06-01T07:05Z", 5, 5),
    ],
)
def test_before_the_period_an_outage_is_as_long_as_it_was_in_service_hours(start: str, end: str, after: int, before: int) -> None:
    for indicator, bad in ((lasting(5), after), (lasting(5, before_exclusions=True), before)):
        result = available(one_outage(start, end), replace(indicator, hours=OFFICE))
        assert bad_time(result) == bad * MINUTE


def test_unknown_time_that_counts_as_down_makes_an_outage_longer_and_can_be_too_short_itself() -> None:
    changes = [status(0, State.UP), status(10, State.DOWN), status(13, State.UNKNOWN), status(15, State.UP)]
    changes += [status(20, State.UNKNOWN), status(24, State.UP)]
    result = available(Evidence(statuses=changes), lasting(5, no_data="down"))
    assert bad_time(result) == 5 * MINUTE
    assert ([span.interval for span in result.outages], result.unknown) == ([minutes(10, 13)], (minutes(13, 15), minutes(20, 24)))
    assert [span.interval for span in result.ignored] == [minutes(20, 24)]
    careful = available(Evidence(statuses=changes), lasting(5))
    assert (careful.spent, careful.lower, careful.upper) == (0, 1 - Fraction(9, 43_200), Fraction(1))


def test_an_outage_that_runs_at_the_measurement_may_become_long_enough() -> None:
    evidence = Evidence(outages=[Outage(component="db", interval=Interval(minute(57), STILL_OPEN))])
    early = available(evidence, lasting(5), span=minutes(0, 60), measured_until=minute(60))
    assert (early.good, early.lower, early.upper) == (60 * MINUTE, Fraction(57, 60), Fraction(1))
    late = available(evidence, lasting(5), span=minutes(0, 60), measured_until=minute(62))
    assert (late.good, late.lower, late.upper) == (57 * MINUTE, Fraction(57, 60), Fraction(57, 60))


# --- pool --------------------------------------------------------------------------------------------------------------

TEN = tuple(f"db-{n}" for n in range(10))
ALL_REPORT = [outage(-10, -5, component) for component in TEN]


def test_one_of_ten_databases_down_100_minutes_in_a_pool() -> None:
    result = available(Evidence(outages=[outage(0, 100, "db-7"), *ALL_REPORT]), Availability(components=TEN, combine="pool"))
    assert (six(result.attainment), result.scale) == ("99.976851", 10)
    assert (result.whole, result.stake, result.spent) == (432_000 * MINUTE, 432_000 * MINUTE, 100 * MINUTE)
    assert [(span.interval, span.components) for span in result.outages] == [(minutes(0, 100), ("db-7",))]


def test_in_a_pool_a_component_counts_as_often_as_its_weight_says() -> None:
    indicator = Availability(components=("a", "b"), combine="pool", weights=(2, 1))
    result = available(Evidence(outages=[outage(0, 60, "a"), outage(30, 90, "b")]), indicator)
    assert (result.scale, result.whole, result.spent) == (3, 3 * 43_200 * MINUTE, (2 * 60 + 60) * MINUTE)
    assert [(span.interval, span.components) for span in result.outages] == [(minutes(0, 90), ("a", "b"))]
    assert [day.down_us for day in result.days][:2] == [180 * MINUTE, 0]


def test_in_a_pool_maintenance_takes_out_the_time_of_the_components_it_names() -> None:
    indicator = Availability(components=("a", "b"), combine="pool")
    result = available(
        Evidence(outages=[outage(0, 60, "a"), outage(0, 60, "b")]), indicator, windows=[maintenance(0, 40, components=["a"])]
    )
    assert (result.whole, result.spent) == ((2 * 43_200 - 40) * MINUTE, (20 + 60) * MINUTE)
    assert sum(day.excluded_us for day in result.days) == 40 * MINUTE


def test_in_a_pool_an_unknown_component_leaves_only_its_own_time_unknown() -> None:
    result = available(Evidence(outages=[outage(0, 60, "a")]), Availability(components=("a", "b"), combine="pool"))
    assert (result.coverage, result.whole, result.good) == (Fraction(1, 2), 43_200 * MINUTE, 43_140 * MINUTE)
    assert (result.lower, result.upper) == (Fraction(43_140, 86_400), Fraction(86_340, 86_400))


# --- minimum coverage --------------------------------------------------------------------------------------------------


# --- lives ---------------------------------------------------------------------------------------------------------------


def living(
    *lives: tuple[str, float, float], components: tuple[str, ...] = (), combine: Combine = "any", weights: tuple[int, ...] = ()
) -> Availability:
    """(component, first minute, minute after the last); of the `components` what is not among them is always there."""
    return Availability(
        components=components or tuple(component for component, _, _ in lives),
        combine=combine,
        weights=weights,
        lives=tuple((component, minutes(start, end)) for component, start, end in lives),
    )


FIVE_MINUTES = MinimumOutage(at_least=Microseconds(5 * MINUTE))


HALF_A_MONTH = ("db", 21_600, 100_000)


def test_a_database_created_on_the_sixteenth_is_judged_by_the_time_it_was_there() -> None:
    born = at("2026-06-16T00:00:00Z")
    assert born == minute(21_600)
    promise = replace(objective(), indicator=living(HALF_A_MONTH))
    result = measured(Evidence(outages=[outage(30_000, 30_021.6)]), promise)
    assert (result.whole, result.attainment, result.verdict) == (21_600 * MINUTE, Fraction(999, 1000), Verdict.MET)
    assert [(gap.interval, gap.components) for gap in result.gaps] == [(minutes(0, 21_600), ("db",))]
    more = measured(Evidence(outages=[outage(30_000, 30_021.6 + 1)]), promise)
    assert more.verdict is Verdict.BREACHED


def test_of_a_pool_of_two_the_one_that_lived_half_the_month_counts_for_half_of_it() -> None:
    pool = living(HALF_A_MONTH, combine="pool", components=("db", "web"))
    result = available(Evidence(outages=[outage(30_000, 30_100), outage(-60, -50, "web")]), pool)
    assert (result.whole, six(result.attainment)) == (64_800 * MINUTE, "99.845679")


def test_the_whole_of_a_pool_is_the_sum_of_lives_by_weight() -> None:
    pool = living(("a", 0, 10_000), ("b", 40_000, 50_000), combine="pool", components=("a", "b", "c"), weights=(3, 2, 1))
    evidence = Evidence(outages=[outage(-60, -50, component) for component in ("a", "b", "c")])
    assert available(evidence, pool).whole == (3 * 10_000 + 2 * 3_200 + 43_200) * MINUTE


def test_what_happens_outside_a_life_is_neither_up_nor_down_nor_unknown() -> None:
    evidence = Evidence(outages=[outage(100, 200), outage(21_590, 21_610), outage(43_190, 43_300)])
    result = available(evidence, living(("db", 21_600, 43_195)))
    assert (result.whole, result.spent) == (21_595 * MINUTE, 15 * MINUTE)
    assert result.unknown == ()
    assert sum(day.excluded_us for day in result.days) == 0


@pytest.mark.parametrize(("combine", "bad", "whole"), [("any", 60, 30_000), ("all", 30, 30_000)])
def test_a_component_outside_its_life_is_left_out_of_the_combination(combine: Combine, bad: int, whole: int) -> None:
    """Both are there from minute 10,000 to 20,000; in it 30 minutes of a alone, before it 20 of a, after it 10 of b."""
    evidence = Evidence(outages=[outage(5_000, 5_020, "a"), outage(12_000, 12_030, "a"), outage(25_000, 25_010, "b")])
    result = available(evidence, living(("a", 0, 20_000), ("b", 10_000, 30_000), combine=combine))
    assert (result.spent, result.whole) == (bad * MINUTE, whole * MINUTE)


def test_time_between_two_lives_is_in_no_whole_and_joins_no_outages() -> None:
    rules = replace(living(("a", 0, 1_000), ("b", 1_010, 43_200), combine="all"), minimum_outage=FIVE_MINUTES)
    evidence = Evidence(outages=[outage(996, 1_100, "a"), outage(900, 1_014, "b")])
    result = available(evidence, rules)
    assert (result.spent, result.whole) == (0, 43_190 * MINUTE)
    assert sum(each.interval.length for each in result.ignored) == 8 * MINUTE


def test_an_outage_is_as_long_as_the_life_it_lies_in() -> None:
    rules = replace(living(HALF_A_MONTH), minimum_outage=FIVE_MINUTES)
    assert available(Evidence(outages=[outage(21_000, 21_604)]), rules).spent == 0
    assert available(Evidence(outages=[outage(21_000, 21_605)]), rules).spent == 5 * MINUTE


def test_a_window_of_a_component_that_is_not_in_service_takes_nothing_out() -> None:
    rules = living(("a", 0, 10_000), components=("a", "b"))
    evidence = Evidence(outages=[outage(-60, -50, "a"), outage(-60, -50, "b")])
    late, both = maintenance(9_990, 10_050, components=("a",)), maintenance(20_000, 20_060)
    result = available(evidence, rules, windows=[late, both])
    assert [each.interval for each in result.exclusions] == [minutes(9_990, 10_000), minutes(20_000, 20_060)]
    assert result.whole == (43_200 - 10 - 60) * MINUTE


def test_what_is_never_in_service_leaves_nothing_to_judge() -> None:
    result = measured(down(60), replace(objective(), indicator=living(("db", -200, -100))))
    assert (result.whole, result.attainment, result.verdict) == (0, None, Verdict.NOT_APPLICABLE)


def test_a_budget_is_a_share_of_the_life_to_come_too() -> None:
    result = available(Evidence(), living(("db", 0, 1_000)), measured_until=minute(500))
    assert (result.stake, result.whole + length(result.unknown)) == (1_000 * MINUTE, 500 * MINUTE)


@pytest.mark.parametrize(("unknown_minutes", "enough"), [(4_320, True), (4_321, False)])
@pytest.mark.parametrize("no_data", get_args(NoData))
def test_below_the_minimum_coverage_it_is_not_enough_whatever_is_agreed(unknown_minutes: int, no_data: NoData, enough: bool) -> None:
    evidence = Evidence(statuses=[status(0, State.UP), status(100, State.UNKNOWN), status(100 + unknown_minutes, State.UP)])
    indicator = Availability(components=("db",), no_data=no_data, minimum_coverage=Fraction(9, 10))
    assert available(evidence, indicator).enough is enough
    assert available(evidence, replace(indicator, minimum_coverage=Fraction(0))).enough


# --- columns -----------------------------------------------------------------------------------------------------------


def test_columns_and_single_status_changes_say_the_same_together() -> None:
    said = [(minute(10), State.DOWN), (minute(20), State.UP), (minute(30), State.UNKNOWN), (minute(40), State.UP)]
    changes = [StatusChange(component="db", at=when, state=state) for when, state in said]
    one_by_one = Evidence(statuses=changes)
    as_columns = Evidence(status_series={"db": columns(*said[::-1])})
    mixed = Evidence(statuses=changes[:2], status_series={"db": columns(*said[2:])})
    assert available(one_by_one) == available(as_columns) == available(mixed)
    assert [span.interval for span in available(mixed).outages] == [minutes(10, 20)]


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
    combine=st.sampled_from(["any", "all"]),
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


# --- every rule at once, against reading every twenty seconds -----------------------------------------------------------

TICK = MINUTE // 3
FROM, LAST, FAR = -100, 240, 500
CLOCK = Calendar(
    id="clock",
    zone=UTC,
    hours=(
        Hours(days=(0,), from_minute=5, to_minute=30),
        Hours(days=(0,), from_minute=40, to_minute=1440),
        Hours(days=(6,), from_minute=1425, to_minute=1440),
    ),
)


def tick(number: int) -> Instant:
    return Instant(JUNE_SPAN.start + number * TICK)


def ticks(start: int, end: int) -> Interval:
    return Interval(tick(start), tick(end))


SHORT = st.integers(1, 40)
WHEN = st.integers(-60, 280)
RULES = st.builds(
    Availability,
    components=st.sampled_from([("a",), ("a", "b")]),
    combine=st.sampled_from(get_args(Combine)),
    no_data=st.sampled_from(get_args(NoData)),
    maintenance=st.sampled_from(get_args(Planned)),
    hours=st.sampled_from([None, CLOCK]),
    minimum_outage=st.one_of(
        st.none(),
        st.builds(
            MinimumOutage,
            at_least=st.integers(1, 40).map(lambda n: Microseconds(n * TICK)),
            whole_minutes=st.booleans(),
            before_exclusions=st.booleans(),
        ),
    ),
    lives=st.one_of(
        st.just({}),
        st.dictionaries(st.sampled_from(("a", "b")), st.builds(lambda when, long: ticks(when, when + long), WHEN, st.integers(1, 200))),
    ).map(lambda lives: tuple(lives.items())),
).flatmap(
    lambda rules: (
        st.just(rules)
        if rules.combine != "pool"
        else st.sampled_from([(), (2, 1)]).map(lambda weights: replace(rules, weights=weights[: len(rules.components)]))
    )
)
SAID = st.lists(
    st.builds(
        lambda when, state, which: StatusChange(component=which, at=tick(when), state=state), WHEN, st.sampled_from(State), COMPONENTS
    ),
    max_size=8,
)
BROKEN = st.lists(
    st.builds(lambda when, long, which: Outage(component=which, interval=ticks(when, when + long)), WHEN, SHORT, COMPONENTS), max_size=5
)
PLANNED = st.lists(
    st.builds(
        lambda when, long, which: Maintenance(id=f"m{when}", service="bank", components=which, interval=ticks(when, when + long)),
        WHEN,
        SHORT,
        st.sampled_from([(), ("a",), ("b",), ("c",)]),
    ),
    max_size=3,
)
SITUATIONS = st.builds(
    Case, indicator=RULES, statuses=SAID, outages=BROKEN, windows=PLANNED, until=st.one_of(st.just(320), st.integers(1, 300))
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Ticks of one account in the span, as sets; bad ones by what unknown time is read as."""

    weight: int
    within_hours: set[int]
    open: set[int]
    eligible: set[int]
    countable: set[int]
    down: set[int]
    unknown: set[int]
    bad: set[int]
    best: set[int]
    worst: set[int]


def is_open(number: int, hours: Calendar | None) -> bool:
    instant = tick(number)
    return hours is None or any(span.start <= instant < span.end for span in hours.open_in(Interval(tick(FROM), tick(FAR + 1))))


def is_alive(number: int, component: str, case: Case) -> bool:
    life = dict(case.indicator.lives).get(component)
    return life is None or life.start <= tick(number) < life.end


def long_enough(bad: set[int], case: Case, countable: set[int], *, alive: set[int], goes_on: bool) -> set[int]:
    """`alive`: when one of the components is in service; longer than that no outage goes on."""
    minimum = case.indicator.minimum_outage
    if minimum is None:
        return bad
    kept: set[int] = set()
    for first in sorted(number for number in bad if number - 1 not in bad):
        run = [first]
        while run[-1] + 1 in bad:
            run.append(run[-1] + 1)
        runs_at_the_end = goes_on and run[-1] == case.until - 1
        while runs_at_the_end and run[-1] + 1 in alive and run[-1] < FAR:
            run.append(run[-1] + 1)
        endless = run[0] == FROM or (runs_at_the_end and run[-1] == FAR)
        beyond = set(range(FAR + 1, FAR + 4)) if runs_at_the_end and run[-1] == FAR else set()
        if minimum.whole_minutes:
            run = [n for n in run if n < FROM + 3 or {n // 3 * 3, n // 3 * 3 + 1, n // 3 * 3 + 2} <= set(run) | beyond]
        counts = len(run) if minimum.before_exclusions else len(countable & set(run))
        if endless or counts * TICK >= minimum.at_least:
            kept |= set(run)
    return kept


def reading(case: Case, components: Sequence[str], weight: int, start: int, end: int) -> Reading:
    told = range(FROM, case.until)
    ticks_case = replace(case, until=case.until)
    states = {n: {component_in(n, component, ticks_case) for component in components if is_alive(n, component, case)} for n in told}
    order = (State.UP, State.UNKNOWN, State.DOWN) if case.indicator.combine == "all" else (State.DOWN, State.UNKNOWN, State.UP)
    state = {n: next((one for one in order if one in states[n]), None) for n in told}
    named = [(w.interval, set(w.components or components) & set(components)) for w in case.windows]
    planned = {
        n
        for n in range(FROM, FAR + 1)
        if any(start <= tick(n) < stop and any(is_alive(n, each, case) for each in which) for (start, stop), which in named)
    }
    alive = {n for n in range(FROM, FAR + 1) if any(is_alive(n, component, case) for component in components)}
    within_hours = {n for n in range(FROM, FAR + 1) if is_open(n, case.indicator.hours)}
    opened = within_hours & alive
    countable = opened if case.indicator.maintenance == "down" else opened - planned
    eligible = countable if case.indicator.maintenance == "exclude" else opened
    down, unknown = ({n for n in told if state[n] is which} for which in (State.DOWN, State.UNKNOWN))
    span, seen = set(range(start, end)), set(range(start, min(end, case.until)))
    read_as_bad = down | unknown if case.indicator.no_data == "down" else down
    return Reading(
        weight=weight,
        within_hours=within_hours & span,
        open=opened & span,
        eligible=eligible & span,
        countable=countable & seen,
        down=down,
        unknown=unknown & countable & seen,
        bad=long_enough(read_as_bad, case, countable, alive=alive, goes_on=False) & countable & seen,
        best=long_enough(down, case, countable, alive=alive, goes_on=False) & countable & seen,
        worst=(long_enough(down | unknown, case, countable, alive=alive, goes_on=True) | unknown) & countable & seen,
    )


def component_in(number: int, component: str, case: Case) -> State:
    """The definition, read for one tick."""
    now, end = tick(number), tick(case.until)
    said = [change for change in case.statuses if change.component == component and change.at < end]
    bad = [o.interval for o in case.outages if o.component == component and o.interval.start < end]
    if any(start <= now < stop for start, stop in bad):
        return State.DOWN
    before = [change for change in said if change.at <= now]
    if not before:
        return State.UP if bad and not said else State.UNKNOWN
    last = max(change.at for change in before)
    return max((change.state for change in before if change.at == last), key=(State.UP, State.UNKNOWN, State.DOWN).index)


def readings(case: Case, start: int = 0, end: int = LAST) -> list[Reading]:
    rules = case.indicator
    if rules.combine != "pool":
        return [reading(case, rules.components, 1, start, end)]
    weights = rules.weights or (1,) * len(rules.components)
    return [reading(case, [component], weight, start, end) for component, weight in zip(rules.components, weights, strict=True)]


def figure_of(case: Case, start: int = 0, end: int = LAST) -> Figure:
    windows = [w for w in case.windows if not w.components or set(w.components) & {"a", "b", "c"}]
    return available(case.evidence, case.indicator, span=ticks(start, end), windows=windows, measured_until=tick(case.until))


def in_ticks(spans: Spans) -> set[int]:
    return {(now - JUNE_SPAN.start) // TICK for start, end in spans for now in range(start, end, TICK)}


@LAW
@given(SITUATIONS)
def test_every_rule_together_agrees_with_reading_every_tick(case: Case) -> None:
    result, accounts = figure_of(case), readings(case)
    no_data = case.indicator.no_data

    def total(part: Callable[[Reading], Iterable[int]]) -> int:
        return sum(account.weight * len(set(part(account))) for account in accounts) * TICK

    seen = set(range(min(LAST, case.until)))
    unknown = total(lambda one: one.unknown)
    left_out = unknown if no_data in {"exclude", "undetermined"} else 0
    spent = total(lambda one: one.bad)
    in_all = total(lambda one: one.eligible)
    seen_in_all = total(lambda one: one.eligible & seen)
    assert (result.whole, result.spent) == (seen_in_all - left_out, spent)
    assert result.good == result.whole - spent
    assert result.stake == in_all - (unknown if no_data == "exclude" else 0)
    assert result.lower == (Fraction(seen_in_all - total(lambda one: one.worst), in_all) if in_all else None)
    assert result.upper == (Fraction(in_all - total(lambda one: one.best), in_all) if in_all else None)
    assert result.coverage == (1 - Fraction(unknown, seen_in_all) if seen_in_all else 1)
    assert in_ticks(result.unknown) == {n for one in accounts for n in one.unknown}
    assert in_ticks(tuple(span.interval for span in result.outages)) == {n for one in accounts for n in one.bad & one.down}
    read_as_bad = {n for one in accounts for n in ((one.down | one.unknown if no_data == "down" else one.down) & one.countable) - one.bad}
    assert in_ticks(tuple(span.interval for span in result.ignored)) == read_as_bad
    assert in_ticks(result.outside) == seen - accounts[0].within_hours
    gone = sum(account.weight * len((account.within_hours - account.open) & seen) for account in accounts)
    weights = dict(zip(case.indicator.components, case.indicator.weights or (1, 1), strict=False))
    pooled = case.indicator.combine == "pool"
    assert sum(gap.interval.length * (weights[gap.components[0]] if pooled else 1) for gap in result.gaps) == gone * TICK
    assert sum(day.good for day in result.days) == result.good
    assert sum(day.whole for day in result.days) == result.whole
    assert sum(day.unknown_us for day in result.days) == unknown
    assert sum(day.down_us for day in result.days) == total(lambda one: one.bad & one.down)
    assert sum(day.excluded_us for day in result.days) == total(lambda one: (one.open - one.eligible) & seen)


@LAW
@given(SITUATIONS, st.integers(1, LAST - 1))
def test_the_halves_add_up_under_every_rule(case: Case, cut: int) -> None:
    first, second, whole = figure_of(case, 0, cut), figure_of(case, cut, LAST), figure_of(case)
    assert (first.good + second.good, first.whole + second.whole) == (whole.good, whole.whole)
    assert (first.spent + second.spent, first.stake + second.stake) == (whole.spent, whole.stake)


@LAW
@given(SITUATIONS)
def test_every_accounting_lies_within_the_bounds_under_every_rule(case: Case) -> None:
    complete = replace(case, until=320)
    results = [figure_of(replace(complete, indicator=replace(case.indicator, no_data=no_data))) for no_data in get_args(NoData)]
    assert len({(result.lower, result.upper, result.coverage) for result in results}) == 1
    for result in results:
        if result.attainment is not None and result.lower is not None and result.upper is not None:
            assert result.lower <= result.attainment <= result.upper


@LAW
@given(SITUATIONS, WHEN, SHORT, COMPONENTS)
def test_more_downtime_never_raises_the_figure_under_every_rule(case: Case, when: int, long: int, which: str) -> None:
    """Of a component that reports already. Where unknown time is left out, what is learned of it is more than downtime."""
    assume(which in {change.component for change in case.statuses} | {o.component for o in case.outages})
    worse = replace(case, outages=[*case.outages, Outage(component=which, interval=ticks(when, when + long))], until=320)
    before, after = figure_of(replace(case, until=320)), figure_of(worse)
    assert after.upper is None or before.upper is None or after.upper <= before.upper
    if case.indicator.no_data in {"up", "down"} and before.attainment is not None and after.attainment is not None:
        assert after.attainment <= before.attainment


@LAW
@given(SITUATIONS)
def test_columns_of_statuses_are_read_as_one_by_one(case: Case) -> None:
    series = {
        component: columns(*((change.at, change.state) for change in case.statuses if change.component == component))
        for component in {change.component for change in case.statuses}
    }
    as_columns = Evidence(outages=case.outages, status_series=series)
    until = tick(case.until)
    assert available(as_columns, case.indicator, span=ticks(0, LAST), windows=case.windows, measured_until=until) == figure_of(case)
