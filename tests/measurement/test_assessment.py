"""The month's assessment: terms in force, segments, verdicts, credits, and the figures as they print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import NotInForce, Verdict, assess
from services.measurement.objective import RequestRatio, ResolutionTime, TermsInForce
from services.measurement.observation import Evidence, Outage, TicketEvent
from services.vocabulary.period import HOUR, MINUTE, SECOND, Interval, Month, start_of_day
from tests.measurement.calculation import (
    BERLIN,
    DAY,
    JUNE,
    JUNE_SPAN,
    LAW,
    UTC,
    assessed,
    at,
    counters,
    down,
    figure,
    hours,
    in_force,
    later,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
    outage,
    percent,
    rule,
    terms,
    tiers,
)

NEW_YORK = ZoneInfo("America/New_York")
TEN_PERCENT = tiers(("99.9", "10"))


# --- verdicts ----------------------------------------------------------------------------------------------------------


def test_44_minutes_down_at_99_9_are_a_breach_and_print_floored() -> None:
    result = measured(down(44))
    assert (figure(result), figure(result, 2)) == ("99.898148", "99.89")
    assert result.verdict is Verdict.BREACHED


def test_one_second_in_31_days_never_prints_as_100() -> None:
    march = Month(2026, 3).bounds(UTC)
    bad = Outage(component="db", interval=Interval(march.start, later(march.start, SECOND)))
    assert figure(measured(Evidence(outages=[bad]), span=march), 4) == "99.9999"


def test_a_figure_equal_to_the_target_meets_at_least_and_breaches_more_than() -> None:
    assert measured(down(43.2), objective(comparison=">=")).verdict is Verdict.MET
    assert measured(down(43.2), objective(comparison=">")).verdict is Verdict.BREACHED


def test_a_running_month_is_never_met_and_breached_only_when_lost() -> None:
    perfect, lost = Evidence(outages=[outage(-9, -8)]), Evidence(outages=[outage(0, 44)])
    assert measured(perfect, measured_until=minute(43_199)).verdict is Verdict.UNDETERMINED
    assert measured(perfect, measured_until=minute(43_200)).verdict is Verdict.MET
    assert measured(lost, measured_until=minute(44)).verdict is Verdict.BREACHED


def test_the_bounds_of_a_running_month_hold_what_is_still_to_come() -> None:
    result = measured(Evidence(outages=[outage(0, 432)]), measured_until=minute(4_320))
    assert [result.lower, result.upper] == [Fraction(9, 100), Fraction(99, 100)]


def test_late_data_make_another_figure_and_the_first_can_still_be_told() -> None:
    march = Month(2026, 3)
    first = Outage(component="db", interval=Interval(at("2026-03-05T10:00Z"), at("2026-03-05T10:30Z")))
    late = Outage(component="db", interval=Interval(at("2026-03-07T10:00Z"), at("2026-03-07T10:20Z")))
    agreed = [in_force(terms(objective(target="99.9", credit_tiers=TEN_PERCENT), credit=rule()))]
    closed, restated = (assessed(agreed, Evidence(outages=bad), month=march) for bad in ([first], [first, late]))
    assert (figure(closed.objectives[0]), figure(restated.objectives[0])) == ("99.932795", "99.887992")
    assert closed.credit is not None
    assert restated.credit is not None
    assert (str(closed.credit.amount), str(restated.credit.amount)) == ("0.00", "100.00")


# --- the month ---------------------------------------------------------------------------------------------------------


def test_the_month_is_civil_in_the_agreements_zone() -> None:
    for zone, minutes_long in ((BERLIN, 44_580), (UTC, 44_640)):
        result = assessed([in_force(terms(objective(), zone=zone))], down(1), month=Month(2026, 3))
        assert result.interval.length == minutes_long * MINUTE
        assert result.interval == Month(2026, 3).bounds(zone)


def test_the_month_is_clipped_to_the_agreements_term() -> None:
    begun = assessed([in_force(terms(objective()), first=date(2026, 6, 11))], down(1))
    ended = assessed([in_force(terms(objective()), last=date(2026, 6, 10))], down(1))
    by_its_own_end = assessed([in_force(terms(objective(), ends=date(2026, 6, 10)))], down(1))
    assert begun.interval == minutes(10 * 1_440, 43_200)
    assert ended.interval == by_its_own_end.interval == minutes(0, 10 * 1_440)


def test_a_month_outside_the_term_is_refused() -> None:
    for versions in ([], [in_force(terms(objective()), first=date(2026, 7, 1))], [in_force(terms(objective()), last=date(2026, 5, 31))]):
        with pytest.raises(NotInForce):
            assessed(versions, down(1))


def test_measured_until_is_told_and_never_lies_after_the_end() -> None:
    agreed = [in_force(terms(objective()))]
    running, over = assessed(agreed, down(1), measured_until=minute(99)), assessed(agreed, down(1))
    assert (running.measured_until, running.complete) == (minute(99), False)
    assert (over.measured_until, over.complete) == (JUNE_SPAN.end, True)


def test_each_objective_is_measured_from_its_own_service() -> None:
    agreed = [in_force(terms(objective(name="one"), objective(name="two", service="shop"), objective(name="three", service="silent")))]
    result = assess(agreement_id="a", terms=agreed, evidence={"bank": down(44), "shop": down(1)}, month=JUNE, measured_until=JUNE_SPAN.end)
    assert [each.verdict for each in result.objectives] == [Verdict.BREACHED, Verdict.MET, Verdict.UNDETERMINED]


def test_maintenance_of_the_terms_is_excluded() -> None:
    agreed = [in_force(terms(objective(), windows=[maintenance(0, 240)]))]
    (result,) = assessed(agreed, Evidence(outages=[outage(210, 270)])).objectives
    assert figure(result) == "99.930167"


# --- amendments --------------------------------------------------------------------------------------------------------


def amended(second_first_day: date = date(2026, 6, 15), zone: ZoneInfo = UTC) -> list[TermsInForce]:
    older = terms(objective(target="99.5", credit_tiers=tiers(("99.5", "10"))), credit=rule(), zone=zone)
    newer = terms(objective(target="99.9", credit_tiers=tiers(("99.9", "10"))), version=2, credit=rule(), zone=zone)
    return [in_force(older), in_force(newer, first=second_first_day)]


def test_an_amendment_on_15_june_splits_the_month_and_prorates_its_credit() -> None:
    evidence = Evidence(outages=[outage(1_000, 1_060), outage(30_000, 30_030)])
    result = assessed(amended(), evidence)
    first, second = result.objectives
    assert (figure(first), first.verdict, first.terms_version) == ("99.702380", Verdict.MET, 1)
    assert (figure(second), second.verdict, second.terms_version) == ("99.869791", Verdict.BREACHED, 2)
    assert (first.interval, second.interval) == (minutes(0, 14 * 1_440), minutes(14 * 1_440, 43_200))
    assert result.credit is not None
    assert str(result.credit.amount) == "53.33"
    assert result.credit.percent == Fraction(10, 100) * Fraction(16, 30)
    assert second.credit_percent == Fraction(10, 100)
    assert result.terms_versions == (1, 2)


def test_an_amendment_on_the_first_day_leaves_no_part_of_the_month_to_the_old_terms() -> None:
    result = assessed(amended(date(2026, 6, 1)), down(1))
    assert result.terms_versions == (2,)
    assert result.interval == JUNE_SPAN


def test_an_amendment_after_the_month_changes_nothing_in_it() -> None:
    assert assessed(amended(date(2026, 7, 1)), down(1)) == assessed(amended()[:1], down(1))


def test_the_order_of_the_versions_does_not_matter() -> None:
    assert assessed(amended()[::-1], down(50)) == assessed(amended(), down(50))


def test_segments_meet_in_the_agreements_zone() -> None:
    first, second = assessed(amended(zone=BERLIN), down(1)).objectives
    assert first.interval.end == second.interval.start == start_of_day(date(2026, 6, 15), BERLIN)


def test_neighbouring_months_meet_even_when_the_zone_was_amended() -> None:
    moved = [
        in_force(terms(objective(), zone=BERLIN)),
        in_force(terms(objective(), version=2, zone=NEW_YORK), first=date(2026, 6, 15)),
    ]
    may, june, july = (assessed(moved, down(1), month=Month(2026, number)) for number in (5, 6, 7))
    assert may.interval.end == june.interval.start
    assert june.objectives[0].interval.end == june.objectives[1].interval.start == start_of_day(date(2026, 6, 15), NEW_YORK)
    assert june.interval.end == july.interval.start


def test_a_ticket_keeps_the_time_agreed_when_it_was_opened_so_that_it_is_counted_once() -> None:
    """90 hours became 48 on 1 July: opened on 28 June it is due on 1 July, by the new time it would have been due in June."""
    versions = [
        in_force(terms(objective(ResolutionTime(within=hours(90)), "90"))),
        in_force(terms(objective(ResolutionTime(within=hours(48)), "90"), version=2), first=date(2026, 7, 1)),
    ]
    opened = at("2026-06-28T00:00Z")
    steps = [TicketEvent(ticket="t", at=opened, state="opened"), TicketEvent(ticket="t", at=later(opened, 80 * HOUR), state="resolved")]
    june, july = (assessed(versions, Evidence(tickets=steps), month=month).objectives[0] for month in (JUNE, Month(2026, 7)))
    assert (june.whole, july.whole, july.good) == (0, 1, 1)
    assert july.tickets[0].due_at == later(opened, 90 * HOUR)


def test_a_term_that_covers_part_of_the_month_owes_that_part_of_the_credit() -> None:
    agreed = [in_force(terms(objective(credit_tiers=TEN_PERCENT), credit=rule()), first=date(2026, 6, 16))]
    credit = assessed(agreed, Evidence(outages=[outage(30_000, 31_000)])).credit
    assert credit is not None
    assert str(credit.amount) == "50.00"


# --- credits of several objectives -------------------------------------------------------------------------------------


def three_objectives(cap: str) -> Sequence[TermsInForce]:
    promises = [objective(name=f"o{credit}", credit_tiers=tiers(("99.9", credit))) for credit in ("25", "10", "30")]
    return [in_force(terms(*promises, credit=rule(cap=cap)))]


@pytest.mark.parametrize(("cap", "amount", "capped"), [("50", "500.00", True), ("100", "650.00", False)])
def test_credits_of_objectives_are_added_and_then_capped(cap: str, amount: str, capped: bool) -> None:
    result = assessed(three_objectives(cap), down(100))
    assert result.credit is not None
    assert (str(result.credit.amount), result.credit.capped) == (amount, capped)
    assert [each.credit_percent for each in result.objectives] == [percent("25"), percent("10"), percent("30")]


def test_a_month_without_a_breach_costs_nothing_and_terms_without_credits_know_none() -> None:
    kept = assessed(three_objectives("50"), down(10)).credit
    assert kept is not None
    assert (str(kept.amount), kept.percent) == ("0.00", Fraction(0))
    assert assessed([in_force(terms(objective(credit_tiers=TEN_PERCENT)))], down(100)).credit is None


# --- laws --------------------------------------------------------------------------------------------------------------


@LAW
@given(
    st.dates(date(2026, 5, 20), date(2026, 7, 10)), st.sampled_from([UTC, BERLIN, NEW_YORK]), st.integers(0, 43_000), st.integers(1, 900)
)
def test_segments_add_up_to_the_month_whatever_the_day_of_the_amendment(day: date, zone: ZoneInfo, start: int, long: int) -> None:
    evidence = Evidence(outages=[outage(start, start + long)])
    split = assessed(amended(day, zone), evidence)
    whole = assessed(amended(zone=zone)[:1], evidence)
    assert split.interval == whole.interval
    assert sum(result.good for result in split.objectives) == sum(result.good for result in whole.objectives)
    assert sum(result.whole for result in split.objectives) == sum(result.whole for result in whole.objectives)


@LAW
@given(st.integers(0, 2_000), st.integers(0, 100), st.integers(0, 46_000))
def test_the_credit_of_a_month_never_exceeds_the_cap(bad_minutes: int, cap: int, until: int) -> None:
    result = assessed(three_objectives(str(cap)), down(bad_minutes), measured_until=minute(until))
    assert result.credit is not None
    assert Fraction(result.credit.amount.amount) <= Fraction(1_000 * cap, 100)
    assert (result.credit.amount.amount > 0) <= any(each.verdict is Verdict.BREACHED for each in result.objectives)


@LAW
@given(st.integers(0, 43_200), st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 600)), max_size=4))
def test_what_comes_after_the_measurement_changes_no_figure(until: int, later_outages: list[tuple[int, int]]) -> None:
    agreed = [in_force(terms(objective(), objective(RequestRatio(), name="ratio")))]
    known = [outage(-5, -4), outage(until / 2, until)]
    after = [outage(until + start, until + start + long) for start, long in later_outages]
    rows = [(minute(until / 3), 3, 4)]
    later_rows = [(minute(until + start), 0, long) for start, long in later_outages]
    then = assessed(agreed, Evidence(outages=known, counters={"api": counters(*rows)}), measured_until=minute(until))
    now = assessed(agreed, Evidence(outages=known + after, counters={"api": counters(*rows, *later_rows)}), measured_until=minute(until))
    assert now == then


def test_judging_a_month_of_the_past_does_not_depend_on_when_it_is_judged() -> None:
    agreed = [in_force(terms(objective()))]
    assert assessed(agreed, down(50), measured_until=later(JUNE_SPAN.end, DAY)) == assessed(agreed, down(50))
