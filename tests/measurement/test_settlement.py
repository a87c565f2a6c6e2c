"""Two readings of the same time: what is in dispute, what a rule or an auditor makes of it, and that nothing else changes."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.interval import Spans, difference, intersection, length, union
from services.measurement.objective import Availability, Disputes
from services.measurement.observation import NOTHING_KNOWN, STILL_OPEN, Evidence, Outage, State
from services.measurement.settlement import Dispute, Ruling, apply_settlements, by_rule, disputes, readings, rulings_by_rule
from services.vocabulary.period import MINUTE, Instant, Interval
from tests.measurement.calculation import DB, JUNE_SPAN, LAW, figure, later, measured, minute, minutes, objective, outage, status

OVER = later(JUNE_SPAN.end, 1)
BOTH = Availability(components=("db", "web"))
ALL = Availability(components=("db", "web"), combine="all")
POOL = Availability(components=("db", "web"), combine="pool")
LIVES = (("db", minutes(50, 300)), ("web", minutes(200, 450)))
LIVING = Availability(components=("db", "web"), lives=LIVES)
ALL_LIVING = Availability(components=("db", "web"), combine="all", lives=LIVES)

spans = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 90)), max_size=6).map(
    lambda pairs: union(minutes(start, start + lasts) for start, lasts in pairs)
)
components = st.sampled_from(["db", "web"])
outages = st.builds(
    lambda start, lasts, component: outage(start, start + lasts, component), st.integers(0, 400), st.integers(1, 90), components
)
changes = st.builds(status, st.integers(-50, 450), st.sampled_from(State), components)
evidences = st.builds(
    lambda told, reported: Evidence(statuses=told, outages=reported), st.lists(changes, max_size=5), st.lists(outages, max_size=4)
)
rulings = st.lists(
    st.builds(
        lambda start, lasts, down, settled: Ruling(interval=minutes(start, start + lasts), down=down, settled_at=Instant(settled)),
        st.integers(0, 400),
        st.integers(1, 90),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=4,
)
SPAN = minutes(0, 500)
UNTIL = minute(500)


def settled(evidence: Evidence, *ruled: Ruling, indicator: Availability = DB, customer: Evidence = NOTHING_KNOWN) -> Evidence:
    return apply_settlements(evidence, ruled, indicator=indicator, customer=customer, measured_until=OVER)


def down(evidence: Evidence, indicator: Availability = DB) -> Spans:
    return readings(indicator, evidence, NOTHING_KNOWN, span=JUNE_SPAN, measured_until=OVER).provider


# ---------------------------------------------------------------------------------------------------------------- readings


def test_a_dispute_is_where_exactly_one_side_says_down() -> None:
    ours, theirs = (minutes(0, 30), minutes(100, 110)), (minutes(10, 40),)
    assert disputes(ours, theirs) == (
        Dispute(interval=minutes(0, 10), said_down_by="provider"),
        Dispute(interval=minutes(30, 40), said_down_by="customer"),
        Dispute(interval=minutes(100, 110), said_down_by="provider"),
    )


def test_a_customer_that_reported_none_of_the_components_has_no_reading() -> None:
    found = readings(DB, Evidence(outages=[outage(0, 30)]), Evidence(outages=[outage(0, 60, "web")]), span=JUNE_SPAN, measured_until=OVER)
    assert found.customer is None
    assert rulings_by_rule(found, "customer") == ()


def test_of_a_component_that_the_customer_did_not_report_the_providers_reading_counts() -> None:
    ours = Evidence(outages=[outage(0, 30, "db"), outage(100, 110, "web")])
    found = readings(BOTH, ours, Evidence(outages=[outage(100, 120, "web")]), span=JUNE_SPAN, measured_until=OVER)
    assert found.customer == (minutes(0, 30), minutes(100, 120))


def test_where_the_customer_says_unknown_it_disputes_nothing() -> None:
    ours = Evidence(outages=[outage(0, 30)])
    theirs = Evidence(statuses=[status(20, State.UP)])
    found = readings(DB, ours, theirs, span=JUNE_SPAN, measured_until=OVER)
    assert found.customer is not None
    assert disputes(found.provider, found.customer) == (Dispute(interval=minutes(20, 30), said_down_by="provider"),)


def test_a_reading_ends_at_the_measurement() -> None:
    ours = Evidence(outages=[Outage(component="db", interval=Interval(minute(10), STILL_OPEN))])
    assert readings(DB, ours, NOTHING_KNOWN, span=JUNE_SPAN, measured_until=minute(25)).provider == (minutes(10, 25),)


def test_with_all_the_sides_disagree_only_where_everything_is_down() -> None:
    ours = Evidence(outages=[outage(0, 30, "db"), outage(0, 30, "web")])
    theirs = Evidence(outages=[outage(0, 30, "db"), outage(0, 10, "web")])
    found = readings(ALL, ours, theirs, span=JUNE_SPAN, measured_until=OVER)
    assert (found.provider, found.customer) == ((minutes(0, 30),), (minutes(0, 10),))


# ------------------------------------------------------------------------------------------------------------------- rules


def test_a_component_outside_its_life_says_nothing_and_leaves_the_word_to_the_others() -> None:
    """db alone is there from minute 50, both from 200, web alone from 300 to 450."""
    both_down = Evidence(outages=[outage(0, 500, "db"), outage(400, 500, "web")])
    assert down(both_down, ALL_LIVING) == (minutes(50, 200), minutes(400, 450))
    assert down(both_down, LIVING) == (minutes(50, 300), minutes(400, 450))


def test_each_rule_counts_its_own_time() -> None:
    ours, theirs = (minutes(0, 30),), (minutes(20, 60),)
    counted = {rule: int(length(by_rule(ours, theirs, rule)) / MINUTE) for rule in get_args(Disputes)}
    assert counted == {"provider": 30, "customer": 40, "either-down": 60, "both-down": 10, "auditor": 30}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("provider", "99.930555"),
        ("customer", "99.907407"),
        ("either-down", "99.861111"),
        ("both-down", "99.976851"),
        ("auditor", "99.930555"),
    ],
)
def test_a_rule_makes_one_figure_of_two_readings(rule: Disputes, expected: str) -> None:
    ours, theirs = Evidence(outages=[outage(0, 30)]), Evidence(outages=[outage(20, 60)])
    found = readings(DB, ours, theirs, span=JUNE_SPAN, measured_until=OVER)
    assert figure(measured(settled(ours, *rulings_by_rule(found, rule), customer=theirs))) == expected


# -------------------------------------------------------------------------------------------------------------- settlement


def test_time_settled_as_up_is_up_and_what_holds_afterwards_holds() -> None:
    ours = Evidence(statuses=[status(0, State.UP), status(100, State.DOWN), status(200, State.UP)], outages=[outage(300, 400)])
    after = settled(ours, Ruling(interval=minutes(120, 150), down=False), Ruling(interval=minutes(350, 1_000), down=False))
    assert down(after) == (minutes(100, 120), minutes(150, 200), minutes(300, 350))


def test_time_settled_as_down_is_down_with_its_cause_and_once() -> None:
    ours = Evidence(outages=[outage(0, 30, cause="disk")])
    after = settled(ours, Ruling(interval=minutes(20, 50), down=True, cause="settled by pruefwerk"))
    assert sorted(after.outages, key=lambda each: each.interval) == [
        outage(0, 30, cause="disk"),
        outage(30, 50, cause="settled by pruefwerk"),
    ]


def test_an_outage_without_an_end_goes_on_after_time_settled_as_up() -> None:
    ours = Evidence(outages=[Outage(component="db", interval=Interval(minute(10), STILL_OPEN))])
    after = apply_settlements(ours, [Ruling(interval=minutes(20, 40), down=False)], indicator=DB, measured_until=minute(100))
    assert readings(DB, after, NOTHING_KNOWN, span=JUNE_SPAN, measured_until=minute(100)).provider == (minutes(10, 20), minutes(40, 100))


def test_a_component_whose_only_outage_is_settled_away_was_up_and_not_unknown() -> None:
    result = measured(settled(Evidence(outages=[outage(0, 30)]), Ruling(interval=minutes(0, 30), down=False)))
    assert (figure(result), result.unknown) == ("100.000000", ())


def test_a_component_that_nobody_reported_stays_unknown_outside_what_is_settled() -> None:
    result = measured(settled(NOTHING_KNOWN, Ruling(interval=minutes(0, 30), down=True)))
    assert [span.interval for span in result.outages] == [minutes(0, 30)]
    assert result.unknown == (minutes(30, 43_200),)


def test_settled_as_down_only_the_components_are_down_that_somebody_said_were() -> None:
    ours = Evidence(outages=[outage(500, 501, "db"), outage(500, 501, "web")])
    theirs = Evidence(outages=[outage(0, 30, "web")])
    after = settled(ours, Ruling(interval=minutes(0, 30), down=True), indicator=POOL, customer=theirs)
    assert {each.component for each in after.outages if each.interval == minutes(0, 30)} == {"web"}


def test_settled_as_down_where_nobody_said_so_all_components_are_down() -> None:
    ours = Evidence(outages=[outage(500, 501, "db"), outage(500, 501, "web")])
    after = settled(ours, Ruling(interval=minutes(0, 30), down=True), indicator=ALL)
    assert {each.component for each in after.outages if each.interval == minutes(0, 30)} == {"db", "web"}


def test_of_two_settlements_of_the_same_time_the_later_counts() -> None:
    first = Ruling(interval=minutes(0, 30), down=True, settled_at=Instant(1))
    second = Ruling(interval=minutes(10, 20), down=False, settled_at=Instant(2))
    ours = Evidence(statuses=[status(-1, State.UP)])
    assert down(settled(ours, second, first)) == down(settled(ours, first, second)) == (minutes(0, 10), minutes(20, 30))


def test_components_of_other_objectives_keep_their_evidence() -> None:
    ours = Evidence(statuses=[status(0, State.DOWN, "web")], outages=[outage(0, 30, "web")])
    after = settled(ours, Ruling(interval=minutes(0, 30), down=False))
    assert [each for each in after.statuses if each.component == "web"] == [status(0, State.DOWN, "web")]
    assert list(after.outages) == [outage(0, 30, "web")]


def test_without_a_ruling_the_evidence_is_the_same_object() -> None:
    ours = Evidence(outages=[outage(0, 30)])
    assert settled(ours) is ours


# -------------------------------------------------------------------------------------------------------------------- laws


@LAW
@given(spans, spans)
def test_a_dispute_is_found_minute_by_minute(ours: Spans, theirs: Spans) -> None:
    found = disputes(ours, theirs)
    for number in range(500):
        here = minutes(number, number + 1)
        said = {side for side, spans_ in (("provider", ours), ("customer", theirs)) if intersection(spans_, (here,))}
        in_dispute = {each.said_down_by for each in found if intersection((each.interval,), (here,))}
        assert in_dispute == (said if len(said) == 1 else set())


@LAW
@given(spans)
def test_readings_that_agree_have_no_dispute(ours: Spans) -> None:
    assert disputes(ours, ours) == ()


@LAW
@given(spans, spans)
def test_disputes_do_not_meet_on_one_side(ours: Spans, theirs: Spans) -> None:
    found = disputes(ours, theirs)
    for side in ("provider", "customer"):
        alone = tuple(each.interval for each in found if each.said_down_by == side)
        assert union(alone) == alone


@LAW
@given(evidences, evidences, st.sampled_from([DB, BOTH, ALL, LIVING, ALL_LIVING]))
def test_settling_every_dispute_as_the_customer_says_gives_the_customers_reading(
    ours: Evidence, theirs: Evidence, indicator: Availability
) -> None:
    found = readings(indicator, ours, theirs, span=SPAN, measured_until=UNTIL)
    if found.customer is None:
        return
    ruled = [Ruling(interval=each.interval, down=each.said_down_by == "customer") for each in disputes(found.provider, found.customer)]
    after = apply_settlements(ours, ruled, indicator=indicator, customer=theirs, measured_until=UNTIL)
    result = measured(after, objective(indicator), span=SPAN, measured_until=UNTIL)
    assert tuple(each.interval for each in result.outages) == found.customer


@LAW
@given(evidences, evidences, st.sampled_from([DB, BOTH, ALL, LIVING, ALL_LIVING]), st.sampled_from(get_args(Disputes)))
def test_a_rule_gives_its_own_time_down_in_the_figure(ours: Evidence, theirs: Evidence, indicator: Availability, rule: Disputes) -> None:
    found = readings(indicator, ours, theirs, span=SPAN, measured_until=UNTIL)
    after = apply_settlements(ours, rulings_by_rule(found, rule), indicator=indicator, customer=theirs, measured_until=UNTIL)
    result = measured(after, objective(indicator), span=SPAN, measured_until=UNTIL)
    counted = found.provider if found.customer is None else by_rule(found.provider, found.customer, rule)
    assert tuple(each.interval for each in result.outages) == counted


@LAW
@given(evidences, rulings, st.sampled_from([DB, BOTH, ALL, LIVING, ALL_LIVING]))
def test_ruled_time_is_as_ruled_and_the_rest_as_reported(ours: Evidence, ruled: list[Ruling], indicator: Availability) -> None:
    after = apply_settlements(ours, ruled, indicator=indicator, measured_until=UNTIL)
    before, now = (measured(each, objective(indicator), span=SPAN, measured_until=UNTIL) for each in (ours, after))
    said_before, said_now = (union(span.interval for span in result.outages) for result in (before, now))
    touched = union(each.interval for each in ruled)
    assert difference(said_now, touched) == difference(said_before, touched)
    assert difference(now.unknown, touched) == difference(before.unknown, touched)
    for number in range(500):
        last = [each for each in sorted(ruled, key=_order) if intersection((each.interval,), (minutes(number, number + 1),))]
        if last:
            here = minutes(number, number + 1)
            in_service = bool(intersection(indicator.life_of(indicator.components), (here,)))
            assert bool(intersection(said_now, (here,))) is (last[-1].down and in_service)
            assert not intersection(now.unknown, (here,))


def _order(ruling: Ruling) -> tuple[Instant, Interval, bool]:
    return ruling.settled_at, ruling.interval, ruling.down


@LAW
@given(evidences, rulings, st.randoms(use_true_random=False))
def test_permutation_and_repetition_change_nothing(ours: Evidence, ruled: list[Ruling], chance: object) -> None:
    shuffled = sorted([*ruled, *ruled], key=lambda _: chance.random())  # type: ignore[attr-defined]
    mixed = Evidence(
        statuses=sorted([*ours.statuses, *ours.statuses], key=lambda _: chance.random()),  # type: ignore[attr-defined]
        outages=[*reversed(list(ours.outages)), *ours.outages],
    )
    one = apply_settlements(ours, ruled, indicator=BOTH, measured_until=UNTIL)
    other = apply_settlements(mixed, shuffled, indicator=BOTH, measured_until=UNTIL)
    results = [measured(each, objective(BOTH), span=SPAN, measured_until=UNTIL) for each in (one, other)]
    assert results[0] == results[1]


@LAW
@given(evidences)
def test_a_reading_is_what_an_availability_calls_down(ours: Evidence) -> None:
    for indicator in (DB, BOTH, ALL):
        result = measured(ours, objective(indicator), span=SPAN, measured_until=UNTIL)
        found = readings(indicator, ours, NOTHING_KNOWN, span=SPAN, measured_until=UNTIL)
        assert tuple(each.interval for each in result.outages) == found.provider
