"""Error budget: what the target allows, what is spent of it, and when it is at risk or lost."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import Verdict
from services.measurement.objective import Availability, NoData, RequestRatio
from services.measurement.observation import Evidence, Outage, State
from services.vocabulary.period import HOUR, MINUTE
from tests.measurement.calculation import LAW, counters, down, maintenance, measured, minute, objective, outage, six, status


def test_60_minutes_down_by_noon_of_day_one_are_two_figures() -> None:
    result = measured(Evidence(outages=[outage(0, 60)]), measured_until=minute(720))
    assert six(result.progress.to_date) == "91.666666"
    assert six(result.progress.if_nothing_else_fails) == "99.861111"
    assert result.progress.lost


def test_the_budget_of_time_is_a_share_of_the_whole_period_from_its_first_day() -> None:
    progress = measured(Evidence(outages=[outage(0, 10.8)]), measured_until=minute(720)).progress
    assert progress.budget == Fraction(432, 10) * MINUTE
    assert progress.budget_left == Fraction(324, 10) * MINUTE
    assert progress.budget_spent == Fraction(1, 4)


def test_maintenance_takes_its_share_of_the_budget_with_it() -> None:
    progress = measured(down(1), windows=[maintenance(30_000, 33_200)], measured_until=minute(25_000)).progress
    assert progress.budget == 40 * MINUTE


@pytest.mark.parametrize(
    ("bad_minutes", "at_risk", "lost"), [(32.3, False, False), (32.4, True, False), (43.2, True, False), (43.3, False, True)]
)
def test_at_risk_from_the_agreed_share_until_the_budget_is_overspent(bad_minutes: float, at_risk: bool, lost: bool) -> None:
    result = measured(Evidence(outages=[outage(0, bad_minutes)]), measured_until=minute(720))
    assert (result.progress.at_risk, result.progress.lost) == (at_risk, lost)
    assert result.verdict is (Verdict.BREACHED if lost else Verdict.UNDETERMINED)


def test_nothing_is_at_risk_without_a_share_to_warn_at() -> None:
    assert not measured(Evidence(outages=[outage(0, 40)]), measured_until=minute(720), warn_at=None).progress.at_risk


def test_a_budget_of_nothing_is_lost_with_the_first_microsecond() -> None:
    promise = objective(target="100")
    untouched = measured(Evidence(outages=[outage(-9, -8)]), promise, measured_until=minute(720)).progress
    assert (untouched.budget, untouched.budget_spent, untouched.at_risk, untouched.lost) == (Fraction(0), None, False, False)
    assert measured(Evidence(outages=[outage(0, 0.001)]), promise, measured_until=minute(720)).progress.lost


def test_a_strict_comparison_is_lost_once_the_target_itself_is_the_best_that_can_come() -> None:
    assert measured(down(43.2), objective(comparison=">"), measured_until=minute(30_000)).progress.lost
    assert not measured(down(43.2), objective(comparison=">="), measured_until=minute(30_000)).progress.lost


def test_unknown_time_may_still_turn_out_good_so_it_loses_nothing() -> None:
    for no_data in get_args(NoData):
        evidence = Evidence(statuses=[status(0, State.UP), status(10, State.UNKNOWN)])
        result = measured(evidence, objective(Availability(components=("db",), no_data=no_data)), measured_until=minute(10_000))
        assert not result.progress.lost


def test_time_that_is_unknown_spends_the_budget_only_where_it_counts_as_down() -> None:
    evidence = Evidence(statuses=[status(0, State.UP), status(100, State.UNKNOWN), status(120, State.UP)])
    spent = {
        no_data: measured(evidence, objective(Availability(components=("db",), no_data=no_data))).progress.budget_spent
        for no_data in get_args(NoData)
    }
    assert spent == {"up": 0, "exclude": 0, "undetermined": 0, "down": Fraction(200, 432)}


def test_the_budget_of_requests_is_a_share_of_those_counted_so_far_and_is_lost_only_at_the_end() -> None:
    promise = objective(RequestRatio(), "99")
    evidence = Evidence(counters={"api": counters((minute(5), 970, 1_000))})
    running, over = measured(evidence, promise, measured_until=minute(60)), measured(evidence, promise)
    assert (running.progress.budget, running.progress.budget_left, running.progress.budget_spent) == (
        Fraction(10),
        Fraction(-20),
        Fraction(3),
    )
    assert (running.progress.to_date, running.progress.if_nothing_else_fails) == (Fraction(97, 100), None)
    assert (running.progress.lost, running.progress.at_risk, running.verdict) == (False, True, Verdict.UNDETERMINED)
    assert (over.progress.lost, over.progress.at_risk, over.verdict) == (True, False, Verdict.BREACHED)


SOME_OUTAGES = st.lists(st.builds(lambda start, long: outage(start, start + long), st.integers(0, 43_000), st.integers(1, 30)), max_size=4)


@LAW
@given(SOME_OUTAGES, st.integers(1, 43_200), st.integers(0, 43_200))
def test_what_is_lost_stays_lost_and_ends_as_a_breach(outages: list[Outage], one: int, other: int) -> None:
    evidence = Evidence(outages=[outage(-5, -4), *outages])
    early, late = sorted((one, other))
    was, became, ended = (measured(evidence, measured_until=minute(until)) for until in (early, late, 50_000))
    assert was.progress.lost <= became.progress.lost <= (ended.verdict is Verdict.BREACHED)


@LAW
@given(SOME_OUTAGES, st.sampled_from(get_args(NoData)), st.integers(0, 43_200))
def test_spent_and_left_make_the_budget_and_the_end_decides_by_it(outages: list[Outage], no_data: NoData, hole: int) -> None:
    states = [status(-5, State.UP), status(hole, State.UNKNOWN), status(hole + 20, State.UP)]
    evidence = Evidence(statuses=states, outages=outages)
    result = measured(evidence, objective(Availability(components=("db",), no_data=no_data)))
    progress = result.progress
    assert progress.budget is not None
    assert progress.budget_left is not None
    assert progress.budget_spent is not None
    assert progress.budget_left == progress.budget * (1 - progress.budget_spent)
    assert progress.lost == (result.verdict is Verdict.BREACHED)
    assert progress.lost == (progress.budget_left < 0)
    assert not (progress.lost and progress.at_risk)
    if no_data != "undetermined":
        assert progress.if_nothing_else_fails == progress.to_date == result.attainment


def test_a_span_that_has_not_begun_has_its_whole_budget_and_no_figure() -> None:
    result = measured(down(10), measured_until=minute(-HOUR / MINUTE))
    assert (result.attainment, result.verdict, result.whole, result.days) == (None, Verdict.UNDETERMINED, 0, ())
    assert result.progress.if_nothing_else_fails == 1
    assert result.coverage == 1
