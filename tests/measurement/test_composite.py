"""Composites: verdicts counted, and the union of bad time; never a product or a mean of percentages, never a silent 0 or 100."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import partial
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import ObjectiveResult, UnknownObjective, assess, measure_promised
from services.measurement.composite import Leg, count_verdicts, eligible_in, measure_journey
from services.measurement.figure import ExclusionSpan, Figure, OutageSpan
from services.measurement.indicator import CompositeByItself
from services.measurement.interval import clip, union
from services.measurement.objective import (
    Availability,
    Composite,
    CompositeRule,
    Maintenance,
    MinimumOutage,
    NoData,
    Objective,
    RequestRatio,
)
from services.measurement.observation import Evidence, Outage, State
from services.measurement.verdict import Verdict
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.period import MINUTE, Instant, Interval, Microseconds
from tests.measurement.calculation import (
    BERLIN,
    JUNE,
    JUNE_SPAN,
    LAW,
    UTC,
    assessed,
    counters,
    figure,
    in_force,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
    outage,
    percent,
    rule,
    six,
    status,
    terms,
    tiers,
)

MET, BREACHED, UNDETERMINED, NONE = Verdict.MET, Verdict.BREACHED, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE
A = Availability(components=("a",))
B = Availability(components=("b",))


def together(
    composite: Objective,
    evidence: Evidence,
    *parts: Objective,
    measured_until: Instant | None = None,
    windows: Sequence[Maintenance] = (),
) -> ObjectiveResult:
    agreed = [in_force(terms(composite, *parts, windows=windows))]
    return assessed(agreed, evidence, measured_until=measured_until).objectives[0]


def composed(kind: CompositeRule, *of: str, target: str = "100", weights: tuple[int, ...] = ()) -> Objective:
    return objective(Composite(of=of, rule=kind, weights=weights), target, name="whole", service="")


# --- verdicts ----------------------------------------------------------------------------------------------------------


def counted(*verdicts: Verdict, weights: tuple[int, ...] = ()) -> Figure:
    return count_verdicts(Composite(of=tuple(f"o{i}" for i in range(len(verdicts))), rule="weighted", weights=weights), verdicts)


def test_the_weight_met_is_counted_of_the_weight_that_applies() -> None:
    found = counted(MET, BREACHED, NONE, weights=(3, 1, 5))
    assert (found.good, found.whole, found.spent, found.stake, found.unit) == (3, 4, 1, 4, "objectives")
    assert (found.lower, found.upper, found.coverage) == (Fraction(3, 4), Fraction(3, 4), Fraction(1))


def test_without_weights_each_counts_once() -> None:
    found = counted(MET, MET, BREACHED)
    assert (found.good, found.whole) == (2, 3)


def test_what_is_undetermined_makes_the_bounds() -> None:
    found = counted(MET, BREACHED, UNDETERMINED, weights=(2, 1, 5))
    assert (found.good, found.whole, found.spent, found.stake) == (2, 3, 1, 8)
    assert (found.lower, found.upper, found.coverage) == (Fraction(2, 8), Fraction(7, 8), Fraction(3, 8))


def test_where_nothing_applies_there_is_no_figure_neither_0_nor_100() -> None:
    found = counted(NONE, NONE)
    assert (found.attainment, found.lower, found.upper, found.coverage) == (None, None, None, Fraction(1))


@LAW
@given(st.lists(st.tuples(st.sampled_from(list(Verdict)), st.integers(1, 9)), min_size=1, max_size=6), st.data())
def test_deciding_a_part_never_widens_the_bounds(parts: list[tuple[Verdict, int]], data: st.DataObject) -> None:
    verdicts, weights = [verdict for verdict, _ in parts], tuple(weight for _, weight in parts)
    decided = [data.draw(st.sampled_from([MET, BREACHED])) if each is UNDETERMINED else each for each in verdicts]
    before, after = counted(*verdicts, weights=weights), counted(*decided, weights=weights)
    if before.lower is None or before.upper is None:
        assert after.attainment is None
    else:
        assert after.attainment is not None
        assert before.lower <= after.attainment <= before.upper


UP_ALL_JUNE = [status(-5, State.UP, component) for component in ("a", "b")]
LONG, SHORT = 100, 10


def verdicts_of(kind: CompositeRule, bad_a: float, bad_b: float, *, hole_b: float = 0, target: str = "100") -> ObjectiveResult:
    """Two availabilities at 99.9 with that many minutes down, and b unknown for some more."""
    outages = [outage(1_000, 1_000 + bad, name) for name, bad in (("a", bad_a), ("b", bad_b)) if bad]
    hole = [status(20_000, State.UNKNOWN, "b"), status(20_000 + hole_b, State.UP, "b")] if hole_b else []
    evidence = Evidence(statuses=[*UP_ALL_JUNE, *hole], outages=outages)
    return together(composed(kind, "a", "b", target=target), evidence, objective(A, name="a"), objective(B, name="b"))


@pytest.mark.parametrize(
    ("kind", "bad_a", "bad_b", "verdict"),
    [
        ("all", SHORT, SHORT, MET),
        ("all", LONG, SHORT, BREACHED),
        ("all", SHORT, LONG, BREACHED),
        ("all", LONG, LONG, BREACHED),
        ("any", SHORT, SHORT, MET),
        ("any", LONG, SHORT, MET),
        ("any", SHORT, LONG, MET),
        ("any", LONG, LONG, BREACHED),
    ],
)
def test_all_asks_for_every_verdict_and_any_for_one(kind: CompositeRule, bad_a: int, bad_b: int, verdict: Verdict) -> None:
    assert verdicts_of(kind, bad_a, bad_b).verdict is verdict


def test_all_and_any_do_not_ask_the_target() -> None:
    assert verdicts_of("all", LONG, SHORT, target="50").verdict is BREACHED
    assert verdicts_of("any", LONG, SHORT, target="90").verdict is MET


@pytest.mark.parametrize(
    ("kind", "bad_a", "verdict"), [("all", LONG, BREACHED), ("all", SHORT, UNDETERMINED), ("any", LONG, UNDETERMINED), ("any", SHORT, MET)]
)
def test_an_undetermined_part_leaves_open_what_the_others_do_not_decide(kind: CompositeRule, bad_a: int, verdict: Verdict) -> None:
    assert verdicts_of(kind, bad_a, SHORT, hole_b=500).verdict is verdict


@pytest.mark.parametrize(("target", "verdict"), [("66.6", MET), ("66.7", BREACHED)])
def test_weights_are_compared_with_the_target(target: str, verdict: Verdict) -> None:
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, LONG, "b")])
    result = together(
        composed("weighted", "a", "b", target=target, weights=(2, 1)), evidence, objective(A, name="a"), objective(B, name="b")
    )
    assert (result.verdict, result.good, result.whole, result.unit) == (verdict, 2, 3, "objectives")


def test_what_would_settle_it_names_the_open_parts_and_their_weight() -> None:
    evidence = Evidence(statuses=[status(-5, State.UP, "a")])
    parts = [objective(A, name="a"), objective(B, name="b"), objective(Availability(components=("c",)), name="c")]
    result = together(composed("weighted", "a", "b", "c", target="50", weights=(1, 2, 4)), evidence, *parts)
    assert (result.verdict, result.needed) == (
        UNDETERMINED,
        "objectives b, c undetermined; at least 3 of their weight 6 met would make it met",
    )
    both = together(composed("all", "a", "b", "c"), evidence, *parts)
    assert both.needed == "objectives b, c undetermined; at least 2 of their weight 2 met would make it met"
    one = together(composed("any", "b", "c"), evidence, *parts)
    assert one.needed == "objectives b, c undetermined; at least 1 of their weight 2 met would make it met"
    single = together(composed("all", "a", "b"), evidence, *parts)
    assert single.needed == "objective b undetermined; at least 1 of their weight 1 met would make it met"


def test_a_composite_of_composites_asks_them_for_their_verdicts() -> None:
    inner = objective(Composite(of=("a", "b"), rule="any"), "100", name="inner", service="")
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, LONG, "b")])
    parts = [objective(A, name="a"), objective(B, name="b"), inner]
    assert together(composed("all", "inner", "a"), evidence, *parts).verdict is MET
    assert together(composed("all", "inner", "b"), evidence, *parts).verdict is BREACHED


def test_a_running_composite_is_lost_with_its_parts_and_never_met() -> None:
    running = minute(5_000)
    parts = [objective(A, name="a"), objective(B, name="b")]
    bad = Evidence(statuses=UP_ALL_JUNE, outages=[outage(1_000, 1_000 + LONG, "a")])
    assert together(composed("all", "a", "b"), bad, *parts, measured_until=running).verdict is BREACHED
    open_still = together(composed("any", "a", "b"), bad, *parts, measured_until=running)
    assert (open_still.verdict, open_still.needed) == (UNDETERMINED, "the period ends 2026-07-01T00:00:00Z")
    assert (open_still.progress.budget, open_still.progress.budget_left, open_still.progress.at_risk) == (Fraction(2), Fraction(1), False)


def test_the_budget_of_all_is_nothing_and_that_of_weights_the_agreed_share() -> None:
    assert verdicts_of("all", SHORT, SHORT, target="50").progress.budget == 0
    lost = verdicts_of("weighted", LONG, SHORT, target="50").progress
    assert (lost.budget, lost.budget_left, lost.budget_spent, lost.at_risk) == (Fraction(1), Fraction(0), Fraction(1), True)


def test_parts_of_other_services_and_kinds_count_alike() -> None:
    agreed = [
        in_force(terms(composed("all", "a", "shop"), objective(A, name="a"), objective(RequestRatio(), "99", name="shop", service="shop")))
    ]
    evidence = {
        "bank": Evidence(statuses=UP_ALL_JUNE),
        "shop": Evidence(counters={"api": counters((minute(1), 98, 100))}),
    }
    result = assess(agreement_id="a", terms=agreed, evidence=evidence, month=JUNE, measured_until=JUNE_SPAN.end).objectives[0]
    assert (result.verdict, result.good, result.whole) == (BREACHED, 1, 2)
    none = assess(agreement_id="a", terms=agreed, evidence={}, month=JUNE, measured_until=JUNE_SPAN.end).objectives[0]
    assert (none.verdict, none.whole) == (UNDETERMINED, 0)


def test_a_part_that_is_not_applicable_counts_on_neither_side() -> None:
    parts = [objective(A, name="a"), objective(RequestRatio(), name="requests")]
    result = together(composed("all", "a", "requests"), Evidence(statuses=UP_ALL_JUNE), *parts)
    assert (result.verdict, result.good, result.whole) == (MET, 1, 1)
    nothing = together(composed("all", "requests"), Evidence(), *parts)
    assert (nothing.verdict, nothing.attainment) == (NONE, None)


def test_a_composite_has_its_own_credit() -> None:
    whole = objective(
        Composite(of=("a", "b"), rule="all"), "100", name="whole", service="", credit_tiers=tiers(("100", "10"), ("40", "30"))
    )
    agreed = [in_force(terms(whole, objective(A, name="a"), objective(B, name="b"), credit=rule()))]
    result = assessed(agreed, Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, LONG, "b")]))
    assert result.credit is not None
    assert str(result.credit.amount) == "100.00"


def test_a_composite_is_not_measured_by_itself_but_with_its_terms() -> None:
    whole = composed("journey", "a", "b", target="99.9")
    with pytest.raises(CompositeByItself):
        measured(Evidence(), whole)
    agreed = terms(whole, objective(A, name="a"), objective(B, name="b"))
    evidence = {"bank": Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, 5, "a"), outage(3, 8, "b")])}
    asked = measure_promised(agreed, "whole", evidence, minutes(0, 100), measured_until=minute(100))
    assert (asked.attainment, asked.terms_version, asked.progress.at_risk) == (Fraction(92, 100), 1, False)
    with pytest.raises(UnknownObjective):
        measure_promised(agreed, "gone", evidence, minutes(0, 100), measured_until=minute(100))


# --- journeys ----------------------------------------------------------------------------------------------------------


def journey(
    evidence: Evidence,
    *,
    one: Availability = A,
    other: Availability = B,
    windows: Sequence[Maintenance] = (),
    measured_until: Instant | None = None,
    target: str = "99.9",
) -> ObjectiveResult:
    parts = [objective(one, name="a"), objective(other, name="b")]
    return together(composed("journey", "a", "b", target=target), evidence, *parts, windows=windows, measured_until=measured_until)


def test_the_union_of_bad_time_and_never_a_product() -> None:
    result = journey(Evidence(statuses=UP_ALL_JUNE, outages=[outage(600, 640, "a", "disk"), outage(620, 660, "b", "network")]))
    assert (figure(result), result.unit, result.verdict) == ("99.861111", "us", BREACHED)
    (span,) = result.outages
    assert (span.interval, span.components, span.cause) == (minutes(600, 660), ("a", "b"), "disk; network")


def test_only_time_eligible_in_all_of_them_counts() -> None:
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, 30, "a"), outage(90, 120, "b")])
    windows = [maintenance(100, 340, components=["a"])]
    result = journey(evidence, windows=windows)
    assert (result.whole, result.whole - result.good) == (42_960 * MINUTE, 40 * MINUTE)
    assert [(each.interval, each.components) for each in result.exclusions] == [(minutes(100, 340), ("a",))]
    first = result.days[0]
    assert (first.down_us, first.excluded_us, first.unknown_us) == (40 * MINUTE, 240 * MINUTE, 0)


def test_time_in_which_a_part_is_not_in_service_is_in_no_whole_of_the_journey() -> None:
    born = Availability(components=("b",), lives=(("b", minutes(10_000, 50_000)),))
    legs = [objective(Availability(components=("a",)), name="a"), objective(born, name="b")]
    journey = replace(objective(Composite(of=("a", "b"), rule="journey"), name="all"), service="")
    evidence = Evidence(outages=[outage(5_000, 5_010, "a"), outage(9_990, 10_020, "b")])
    result = measure_promised(terms(*legs, journey), "all", {"bank": evidence}, JUNE_SPAN, measured_until=JUNE_SPAN.end)
    assert (result.whole, result.whole - result.good) == (33_200 * MINUTE, 20 * MINUTE)
    assert [(gap.interval, gap.components) for gap in result.gaps] == [(minutes(0, 10_000), ("b",))]
    assert sum(day.excluded_us for day in result.days) == 0


def test_maintenance_that_counts_as_up_takes_no_time_out_of_the_journey() -> None:
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=[outage(90, 120, "a"), outage(110, 130, "b")])
    planned = Availability(components=("a",), maintenance="up")
    result = journey(evidence, one=planned, windows=[maintenance(100, 340, components=["a"])])
    assert (result.whole, result.whole - result.good) == (43_200 * MINUTE, 30 * MINUTE)


def test_windows_of_several_parts_are_told_once_and_by_what_became_of_them() -> None:
    evidence = Evidence(statuses=UP_ALL_JUNE)
    shared = [maintenance(0, 10), maintenance(20, 30, components=["a"], reason="a"), maintenance(20, 30, components=["b"], reason="b")]
    told = [(each.interval, each.components, each.cause, each.counted_as) for each in journey(evidence, windows=shared).exclusions]
    assert told == [(minutes(0, 10), (), "patch", "exclude"), (minutes(20, 30), ("a", "b"), "a; b", "exclude")]
    apart = journey(evidence, one=Availability(components=("a",), maintenance="up"), windows=shared[:1]).exclusions
    assert [each.counted_as for each in apart] == ["exclude", "up"]


def test_a_window_of_the_whole_service_in_one_part_is_one_of_the_whole_service() -> None:
    span, window = minutes(0, 60), minutes(5, 10)
    legs = [
        replace(one, figure=replace(one.figure, exclusions=(ExclusionSpan(interval=window, components=names),)))
        for one, names in ((leg("up"), ("x",)), (leg("up"), ()))
    ]
    (told,) = measure_journey(legs, span=span, seen=span, zone=UTC).exclusions
    assert (told.interval, told.components) == (window, ())


def test_service_hours_of_one_part_are_those_of_the_journey() -> None:
    office = Calendar(id="office", zone=BERLIN, hours=(Hours(days=(0, 1, 2, 3, 4), from_minute=9 * 60, to_minute=17 * 60),))
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, 60, "b"), outage(7 * 60 - 10, 7 * 60 + 20, "b")])
    result = journey(evidence, one=Availability(components=("a",), hours=office))
    assert (result.whole, result.whole - result.good) == (22 * 8 * 60 * MINUTE, 20 * MINUTE)
    assert result.outside[0] == minutes(0, 7 * 60)
    assert {each.excluded_us for each in result.days} == {0}
    assert result.progress.if_nothing_else_fails == result.attainment


@pytest.mark.parametrize(
    ("no_data", "good", "whole"),
    [("undetermined", 43_080, 43_110), ("exclude", 43_080, 43_110), ("down", 43_080, 43_200), ("up", 43_170, 43_200)],
)
def test_what_is_unknown_of_a_part_counts_as_that_part_says(no_data: NoData, good: int, whole: int) -> None:
    """a is unknown for 110 minutes, in the last 20 of which b is down for 30: bad time outweighs."""
    statuses = [*UP_ALL_JUNE, status(5_000, State.UNKNOWN, "a"), status(5_110, State.UP, "a")]
    evidence = Evidence(statuses=statuses, outages=[outage(5_090, 5_120, "b")])
    one, other = Availability(components=("a",), no_data=no_data), Availability(components=("b",), no_data="up")
    result = journey(evidence, one=one, other=other)
    assert (result.good, result.whole) == (good * MINUTE, whole * MINUTE)
    assert result.unknown == (minutes(5_000, 5_090),)
    assert (result.lower, result.upper) == (Fraction(43_080, 43_200), Fraction(43_170, 43_200))
    assert result.coverage == 1 - Fraction(90, 43_200)
    (day,) = [each for each in result.days if each.unknown_us]
    assert (day.unknown_us, day.down_us) == (90 * MINUTE, 30 * MINUTE)
    assert (day.good, day.whole) == (result.good - 29 * 1_440 * MINUTE, result.whole - 29 * 1_440 * MINUTE)


def test_an_undetermined_journey_says_how_much_more_must_have_been_up() -> None:
    statuses = [*UP_ALL_JUNE, status(5_000, State.UNKNOWN, "a"), status(5_100, State.UP, "a")]
    result = journey(Evidence(statuses=statuses, outages=[outage(0, 30, "b")]))
    assert (result.verdict, result.needed) == (
        UNDETERMINED,
        "100 min of objectives a, b unknown; at least 86.8 of them known up would make it met",
    )


def test_a_running_journey_is_lost_when_the_rest_cannot_save_it() -> None:
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, 30, "a"), outage(30, 60, "b")])
    result = journey(evidence, measured_until=minute(600))
    assert (result.verdict, six(result.progress.to_date), six(result.progress.if_nothing_else_fails)) == (
        BREACHED,
        "90.000000",
        "99.861111",
    )
    assert (result.upper, result.lower) == (Fraction(43_140, 43_200), Fraction(540, 43_200))
    assert result.progress.budget == Fraction(432, 10) * MINUTE


def test_a_future_window_is_not_part_of_the_budget() -> None:
    evidence = Evidence(statuses=UP_ALL_JUNE)
    result = journey(evidence, windows=[maintenance(30_000, 33_200, components=["b"])], measured_until=minute(600))
    assert result.progress.budget == 40 * MINUTE


def test_outages_too_short_to_count_are_not_bad_in_the_journey_and_are_told() -> None:
    long_enough = MinimumOutage(at_least=Microseconds(5 * MINUTE))
    one = Availability(components=("a",), minimum_outage=long_enough)
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=[outage(0, 4, "a"), outage(10, 15, "a"), outage(20, 21, "b")])
    result = journey(evidence, one=one)
    assert result.whole - result.good == 6 * MINUTE
    assert [each.interval for each in result.ignored] == [minutes(0, 4)]


def test_too_little_known_of_a_part_is_too_little_of_the_journey() -> None:
    one = Availability(components=("a",), no_data="up", minimum_coverage=percent("90"))
    other = Availability(components=("b",), no_data="up")
    statuses = [status(-5, State.UP, "b"), status(10_000, State.UP, "a")]
    result = journey(Evidence(statuses=statuses), one=one, other=other)
    assert (result.verdict, result.needed) == (UNDETERMINED, "too little of objectives a, b is known")


def test_a_leg_is_named_by_its_components_or_by_all_of_the_service() -> None:
    span = minutes(0, 100)
    windows = [maintenance(0, 10), maintenance(20, 30, components=["a"]), maintenance(40, 50, components=["b"])]
    assert eligible_in(A, windows, span) == (minutes(10, 20), minutes(30, 100))
    assert eligible_in(Availability(components=("a",), maintenance="down"), windows, span) == (span,)


def leg(no_data: NoData, *, down: Sequence[Interval] = (), unknown: Sequence[Interval] = (), ignored: Sequence[Interval] = ()) -> Leg:
    found = Figure(
        unit="us",
        good=0,
        whole=0,
        spent=0,
        stake=0,
        lower=None,
        upper=None,
        coverage=Fraction(1),
        outages=tuple(OutageSpan(interval=span, components=("x",)) for span in down),
        ignored=tuple(OutageSpan(interval=span, components=("x",)) for span in ignored),
        unknown=union(unknown),
    )
    return Leg(indicator=Availability(components=("x",), no_data=no_data), figure=found, eligible=(minutes(0, 60),))


def test_short_outages_beside_unknown_time_could_be_long_ones() -> None:
    short = [minutes(0, 2), minutes(9, 12), minutes(22, 27)]
    found = measure_journey(
        [leg("undetermined", unknown=[minutes(12, 22), minutes(50, 51)], ignored=short)], span=minutes(0, 60), seen=minutes(0, 60), zone=UTC
    )
    assert (found.lower, found.upper) == (Fraction(60 - 11 - 3 - 5, 60), Fraction(1))


def test_unknown_time_that_is_too_short_to_count_as_down_is_good() -> None:
    found = measure_journey(
        [leg("down", unknown=[minutes(0, 3), minutes(10, 20)], ignored=[minutes(0, 3)])], span=minutes(0, 60), seen=minutes(0, 60), zone=UTC
    )
    assert (found.good, found.whole) == (50 * MINUTE, 60 * MINUTE)


def test_down_comes_before_excluded_and_excluded_before_undetermined() -> None:
    hole = [minutes(0, 10)]
    legs = {no_data: leg(no_data, unknown=hole) for no_data in get_args(NoData)}
    span = minutes(0, 60)

    def counts(*names: NoData) -> tuple[int, int]:
        found = measure_journey([legs[name] for name in names], span=span, seen=span, zone=UTC)
        return found.good // MINUTE, found.whole // MINUTE

    assert counts("up", "undetermined", "exclude", "down") == (50, 60)
    assert counts("up", "undetermined", "exclude") == counts("up", "undetermined") == (50, 50)
    assert counts("up") == (60, 60)
    only = measure_journey([legs["exclude"], legs["undetermined"]], span=span, seen=span, zone=UTC)
    assert (only.stake, only.certain) == (60 * MINUTE, True)
    left_out = measure_journey([legs["exclude"], legs["up"]], span=span, seen=span, zone=UTC)
    assert (left_out.stake, left_out.certain) == (50 * MINUTE, False)


UNIT = st.tuples(st.integers(0, 55), st.integers(1, 12)).map(lambda pair: minutes(pair[0], pair[0] + pair[1]))
LEGS = st.lists(
    st.tuples(st.sampled_from(get_args(NoData)), st.lists(UNIT, max_size=3), st.lists(UNIT, max_size=3)), min_size=1, max_size=3
)


def _holds(at: Instant, spans: Sequence[Interval]) -> bool:
    return any(each.start <= at < each.end for each in spans)


@LAW
@given(LEGS, st.integers(0, 60))
def test_a_journey_equals_reading_every_minute(drawn: list[tuple[NoData, list[Interval], list[Interval]]], until: int) -> None:
    span, seen = minutes(0, 60), minutes(0, until)
    legs = [leg(no_data, down=clip(union(down), seen), unknown=clip(union(unknown), seen)) for no_data, down, unknown in drawn]
    found = measure_journey(legs, span=span, seen=seen, zone=UTC)
    good = whole = down_minutes = unknown_minutes = 0
    for number in range(until):
        held = partial(_holds, minute(number))
        is_down = any(held(down) for _, down, _ in drawn)
        says = {no_data for no_data, _, unknown in drawn if held(unknown)}
        down_minutes += is_down
        unknown_minutes += bool(says) and not is_down
        if is_down or "down" in says:
            whole += 1
        elif not says & {"exclude", "undetermined"}:
            good, whole = good + 1, whole + 1
    assert (found.good, found.whole) == (good * MINUTE, whole * MINUTE)
    assert found.spent == (whole - good) * MINUTE
    assert (found.lower, found.upper) == (Fraction(until - down_minutes - unknown_minutes, 60), Fraction(60 - down_minutes, 60))
    assert sum(day.good for day in found.days) == found.good
    assert sum(day.whole for day in found.days) == found.whole
    if found.attainment is not None and found.lower is not None and found.upper is not None and until == 60:
        assert found.lower <= found.attainment <= found.upper


@LAW
@given(st.lists(UNIT, max_size=4), st.lists(UNIT, max_size=4))
def test_a_journey_is_never_better_than_its_worst_part(bad_a: list[Interval], bad_b: list[Interval]) -> None:
    outages = [Outage(component=name, interval=span) for name, spans in (("a", bad_a), ("b", bad_b)) for span in spans]
    evidence = Evidence(statuses=UP_ALL_JUNE, outages=outages)
    agreed = [in_force(terms(composed("journey", "a", "b"), objective(A, name="a"), objective(B, name="b")), first=date(2026, 6, 1))]
    whole, a, b = assessed(agreed, evidence).objectives
    assert whole.attainment is not None
    assert a.attainment is not None
    assert b.attainment is not None
    assert whole.attainment <= min(a.attainment, b.attainment)
