"""The month's assessment: terms in force, segments, verdicts, credits, and the figures as they print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import (
    Assessment,
    BookedCredit,
    Credit,
    CreditLine,
    NotInForce,
    UnknownCalculator,
    Verdict,
    assess,
    measure_promised,
)
from services.measurement.objective import (
    Availability,
    ClaimRule,
    CreditRule,
    ExclusionClass,
    HourlyRelief,
    MinimumOutage,
    Objective,
    RecurringMaintenance,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    TermsInForce,
    TimeSlices,
)
from services.measurement.observation import Evidence, Outage, State, TicketEvent
from services.measurement.wire import document_of
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.money import Money
from services.vocabulary.period import HOUR, MINUTE, SECOND, Interval, Microseconds, Month, parse_zone, start_of_day
from tests.measurement.calculation import (
    BERLIN,
    DAY,
    DB,
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
    latencies,
    later,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
    outage,
    percent,
    rule,
    status,
    step,
    terms,
    tiers,
)

NEW_YORK = parse_zone("America/New_York")
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


# --- what a month's credit is made of ----------------------------------------------------------------------------------


def owing(*objectives: Objective, evidence: Evidence, credit: CreditRule, booked: Sequence[BookedCredit] = ()) -> Credit:
    agreed = [in_force(terms(*objectives, credit=credit))]
    until = later(JUNE_SPAN.end, DAY)
    found = assess(agreement_id="a", terms=agreed, evidence={"bank": evidence}, month=JUNE, measured_until=until, booked=booked).credit
    assert found is not None
    return found


def test_a_credit_tells_each_objective_that_cost_something() -> None:
    kept = objective(target="99", name="kept")
    credit = owing(objective(credit_tiers=TEN_PERCENT), kept, evidence=down(100), credit=rule())
    assert credit.lines == (
        CreditLine(objective_id="o", terms_version=1, percent=Fraction(1, 10), rule="below 99.9: 10", share_of_period=Fraction(1)),
    )
    assert (credit.paid, credit.calculated, credit.yearly_capped) == (True, credit.amount, False)


def test_the_lines_of_an_amended_month_say_what_part_of_it_they_stand_for() -> None:
    credit = assessed(amended(), Evidence(outages=[outage(0, 500), outage(30_000, 30_500)])).credit
    assert credit is not None
    assert [(each.terms_version, each.share_of_period) for each in credit.lines] == [(1, Fraction(14, 30)), (2, Fraction(16, 30))]


def relief_in_segments(*, pro_rata: bool) -> Credit:
    promise = replace(objective(), credit_formula=HourlyRelief(more_than=Microseconds(6 * MINUTE)))
    agreed = replace(rule(charge="720.00"), pro_rata=pro_rata)
    versions = [in_force(terms(promise, credit=agreed)), in_force(terms(promise, version=2, credit=agreed), first=date(2026, 6, 15))]
    credit = assessed(versions, Evidence(outages=[outage(60, 120), outage(30_000, 30_120)])).credit
    assert credit is not None
    return credit


def test_free_hours_are_a_share_of_the_month_however_it_is_split() -> None:
    for pro_rata in (True, False):
        assert str(relief_in_segments(pro_rata=pro_rata).amount) == "3.00"
    whole, parts = (relief_in_segments(pro_rata=False).lines, relief_in_segments(pro_rata=True).lines)
    assert [each.percent * each.share_of_period for each in whole] == [each.percent * each.share_of_period for each in parts]
    assert [each.share_of_period for each in whole] == [1, 1]


def test_tiers_in_full_segments_are_not_taken_for_their_share() -> None:
    in_full = replace(rule(), pro_rata=False)
    promise = objective(credit_tiers=TEN_PERCENT)
    agreed = [in_force(terms(promise, credit=in_full), first=date(2026, 6, 16))]
    credit = assessed(agreed, Evidence(outages=[outage(30_000, 31_000)])).credit
    assert credit is not None
    assert str(credit.amount) == "100.00"


@pytest.mark.parametrize(
    ("claim", "until"),
    [
        (None, None),
        (ClaimRule(days=30), date(2026, 7, 30)),
        (ClaimRule(days=30, counted_from="last-outage"), date(2026, 7, 14)),
    ],
)
def test_a_credit_says_until_when_it_can_be_claimed(claim: ClaimRule | None, until: date | None) -> None:
    """The last outage of what cost something ends with 14 June; the objective that was met had one later."""
    day = 24 * 60
    outages = [outage(14 * day - 100, 14 * day), outage(5, 10), outage(20 * day, 20 * day + 1, "web")]
    costly, kept = objective(credit_tiers=TEN_PERCENT), objective(Availability(components=("web",)), name="web")
    credit = owing(costly, kept, evidence=Evidence(outages=outages), credit=replace(rule(), claim=claim))
    assert credit.claim_until == until


def test_a_credit_without_an_outage_is_claimed_from_the_periods_end_and_bad_slices_are_outages() -> None:
    since_the_last = replace(rule(), claim=ClaimRule(days=30, counted_from="last-outage"))
    errors = Evidence(counters={"api": counters((minute(100), 0, 100), (minute(200), 99, 100))})
    ratio = objective(RequestRatio(), credit_tiers=TEN_PERCENT)
    slices = objective(TimeSlices(every=Microseconds(MINUTE), error_above=percent("5")), "99.999", credit_tiers=tiers(("100", "10")))
    assert owing(ratio, evidence=errors, credit=since_the_last).claim_until == date(2026, 7, 30)
    assert owing(slices, evidence=errors, credit=since_the_last).claim_until == date(2026, 7, 1)


def test_the_claim_is_by_the_terms_in_force_at_the_end() -> None:
    older = terms(objective(credit_tiers=TEN_PERCENT), credit=replace(rule(), claim=ClaimRule(days=30)))
    newer = terms(objective(credit_tiers=TEN_PERCENT), version=2, credit=replace(rule(), claim=ClaimRule(days=5)))
    credit = assessed([in_force(older), in_force(newer, first=date(2026, 6, 15))], down(200)).credit
    assert credit is not None
    assert credit.claim_until == date(2026, 7, 5)
    without = terms(objective(credit_tiers=TEN_PERCENT), version=2)
    silent = assessed([in_force(older), in_force(without, first=date(2026, 6, 20))], down(200)).credit
    assert silent is not None
    assert silent.claim_until == date(2026, 7, 30)


def euros(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_only_other_months_of_the_same_contract_year_use_up_its_cap() -> None:
    """Ten percent of twelve charges are 1,200.00; 1,150.00 were paid in this year."""
    earlier = [
        BookedCredit(month=month, amount=euros(amount), charge=euros("1000.00"))
        for month, amount in ((Month(2025, 12), "900.00"), (Month(2026, 1), "1150.00"), (JUNE, "70.00"), (Month(2027, 1), "900.00"))
    ]
    yearly = replace(rule(), yearly_cap=percent("10"))
    credit = owing(objective(credit_tiers=TEN_PERCENT), evidence=down(100), credit=yearly, booked=earlier)
    assert (str(credit.amount), str(credit.calculated), credit.yearly_capped) == ("50.00", "100.00", True)


def test_the_charges_of_a_contract_year_end_with_the_term() -> None:
    yearly = replace(rule(), yearly_cap=percent("1"))
    promise = objective(credit_tiers=TEN_PERCENT)
    amounts = {}
    for last in ("2026-06-30", "2026-07-02", "2026-12-31", "2028-12-31"):
        by_terms = [in_force(terms(promise, credit=yearly, ends=date.fromisoformat(last)), first=date(2026, 4, 10))]
        ended = [in_force(terms(promise, credit=yearly), first=date(2026, 4, 10), last=date.fromisoformat(last))]
        found = [assessed(versions, down(100)).credit for versions in (by_terms, ended)]
        assert found[0] == found[1]
        assert found[0] is not None
        amounts[last] = str(found[0].amount)
    assert amounts == {"2026-06-30": "30.00", "2026-07-02": "40.00", "2026-12-31": "90.00", "2028-12-31": "100.00"}


def test_the_term_ends_with_the_earlier_of_its_two_ends() -> None:
    yearly = replace(rule(), yearly_cap=percent("1"))
    agreed = terms(objective(credit_tiers=TEN_PERCENT), credit=yearly, ends=date(2026, 12, 31))
    credit = assessed([in_force(agreed, first=date(2026, 4, 10), last=date(2026, 7, 2))], down(100)).credit
    assert credit is not None
    assert str(credit.amount) == "40.00"


def test_a_ticket_opened_at_the_first_instant_of_an_amendment_has_its_time() -> None:
    versions = [
        in_force(terms(objective(ResolutionTime(within=hours(time)), name="r"), version=version), first=first)
        for version, (time, first) in enumerate(((90, date(2026, 1, 1)), (10, date(2026, 6, 15))), start=1)
    ]
    opened = step("t", 14 * 1_440, "opened")
    (_, after) = assessed(versions, Evidence(tickets=[opened])).objectives
    assert [each.due_at for each in after.tickets] == [later(opened.at, 10 * HOUR)]


# --- exclusions --------------------------------------------------------------------------------------------------------

PLANNED = ExclusionClass(id="planned", notice=Microseconds(24 * HOUR), monthly_cap=Microseconds(2 * HOUR))


def test_windows_that_return_are_granted_in_each_segment_under_one_monthly_cap() -> None:
    """Every Tuesday of June 2026 from 02:00 for an hour; two of the five are within the cap."""
    returning = RecurringMaintenance(id="r", service="bank", days=(1,), from_minute=120, lasts=Microseconds(HOUR), ground=PLANNED)
    agreed = [replace(terms(objective(), version=version), recurring=(returning,)) for version in (1, 2)]
    result = assessed([in_force(agreed[0]), in_force(agreed[1], first=date(2026, 6, 8))], down(1))
    excluded = [span.interval for each in result.objectives for span in each.exclusions]
    assert excluded == [Interval(at(f"2026-06-{day}T02:00Z"), at(f"2026-06-{day}T03:00Z")) for day in ("02", "09")]


def test_windows_of_a_class_are_granted_by_its_notice() -> None:
    in_time = replace(maintenance(20_000, 20_060), ground=PLANNED, announced_at=minute(0))
    too_late = replace(maintenance(20_060, 20_120), ground=PLANNED, announced_at=minute(20_000))
    found = {
        name: assessed([in_force(terms(objective(), windows=windows))], down(100), measured_until=minute(50_000)).objectives[0]
        for name, windows in (("none", []), ("both", [in_time, too_late]))
    }
    assert (found["none"].verdict, found["both"].verdict) == (Verdict.BREACHED, Verdict.MET)
    assert found["both"].whole == 43_140 * MINUTE
    span = minutes(20_000, 20_200)
    agreed = terms(objective(), windows=[in_time])
    asked = measure_promised(agreed, "o", {"bank": down(100)}, span, measured_until=minute(50_000))
    assert (asked.whole, asked.good) == (140 * MINUTE, 100 * MINUTE)


def test_a_ticket_asked_for_by_its_span_has_the_clock_it_was_opened_with() -> None:
    resolution = [objective(ResolutionTime(within=hours(time)), name="r") for time in (90, 10)]
    versions = [in_force(terms(resolution[0])), in_force(terms(resolution[1], version=2), first=date(2026, 6, 15))]
    evidence = {"bank": Evidence(tickets=[step("t", 14 * 1_440 - 60, "opened")])}
    span, until = minutes(14 * 1_440, 43_200), minute(43_200)
    asked = measure_promised(versions[1].terms, "r", evidence, span, measured_until=until, history=versions)
    assert asked.tickets[0].due_at == minute(14 * 1_440 - 60 + 90 * 60)
    by_its_own = measure_promised(versions[1].terms, "r", evidence, span, measured_until=until)
    assert by_its_own.tickets[0].due_at == minute(14 * 1_440 - 60 + 10 * 60)


def test_a_result_tells_what_its_figure_knows() -> None:
    counted_alone = Availability(components=("db", "web"), combine="pool", weights=(2, 1))
    evidence = Evidence(outages=[outage(10, 20), outage(30, 31, "web")], latencies={"api": latencies((minute(1), 70), (minute(2), 900))})
    pool = measured(evidence, objective(counted_alone))
    assert (pool.scale, pool.whole) == (3, 3 * 43_200 * MINUTE)
    ignoring = replace(DB, minimum_outage=MinimumOutage(at_least=Microseconds(11 * MINUTE)))
    assert [each.interval for each in measured(evidence, objective(ignoring)).ignored] == [minutes(10, 20)]
    office = Calendar(id="o", zone=UTC, hours=(Hours(days=tuple(range(7)), from_minute=0, to_minute=23 * 60),))
    assert measured(evidence, objective(replace(DB, hours=office))).outside[0] == minutes(23 * 60, 24 * 60)
    slow = measured(evidence, objective(ResponseTime(threshold_us=800, percentile=percent("99")), "99"))
    assert (slow.percentile_us, slow.verdict) == (900, Verdict.BREACHED)
    bad = Evidence(counters={"api": counters((minute(100), 0, 100))})
    sliced = measured(bad, objective(TimeSlices(every=Microseconds(MINUTE), error_above=percent("5"))))
    assert [(each.interval, each.bad) for each in sliced.slices] == [(minutes(100, 101), True)]


# --- versions of the calculator ----------------------------------------------------------------------------------------

FALLING = tiers(("99.9", "10"), ("99", "25"), ("90", "30"))
VERSION_1_WHOLE_MONTH = [
    "any-undetermined 1144800000000/1152000000000 breached 1/10",
    "any-up 1188000000000/1195200000000 breached 1/10",
    "any-down 1144800000000/1195200000000 breached 1/4",
    "any-exclude 1144800000000/1152000000000 breached 1/10",
    "all-undetermined 1194000000000/1195200000000 breached 1/10",
    "all-up 1194000000000/1195200000000 breached 1/10",
    "all-down 1194000000000/1195200000000 breached 1/10",
    "all-exclude 1194000000000/1195200000000 breached 1/10",
    "ratio 2865819/2873000 met 0",
    "latency 1555/1774 breached 3/10",
    "first 27/27 met 0",
    "runs-on 10/28 breached 3/10",
    "any-undetermined 1225110000000/1227600000000 breached 1/10",
    "any-up 1349910000000/1352400000000 breached 1/10",
    "any-down 1225110000000/1352400000000 breached 1/4",
    "runs-on 0/29 breached 3/10",
    "first 22/33 breached 0",
    "latency 1076/1226 breached 3/10",
    "ratio 3283770/3292000 met 0",
    "501.37 of 999.99, 67/150, True",
]
VERSION_1_HALF_MONTH = [
    "any-undetermined 842400000000/849600000000 breached 1/10",
    "any-up 885600000000/892800000000 breached 1/10",
    "any-down 842400000000/892800000000 breached 1/10",
    "any-exclude 842400000000/849600000000 breached 1/10",
    "all-undetermined 891600000000/892800000000 breached 1/10",
    "all-up 891600000000/892800000000 breached 1/10",
    "all-down 891600000000/892800000000 breached 1/10",
    "all-exclude 891600000000/892800000000 breached 1/10",
    "ratio 2147619/2153000 undetermined 0",
    "latency 1165/1328 undetermined 0",
    "first 23/23 undetermined 0",
    "runs-on 10/21 undetermined 0",
    "any-undetermined 0/0 undetermined 0",
    "any-up 0/0 undetermined 0",
    "any-down 0/0 undetermined 0",
    "runs-on 0/0 undetermined 0",
    "first 0/0 undetermined 0",
    "latency 0/0 undetermined 0",
    "ratio 0/0 undetermined 0",
    "288.04 of 999.99, 7/30, True",
]


def old_terms() -> list[TermsInForce]:
    """All that terms of the first version could say, amended on 15 June."""
    policies = [
        objective(
            Availability(components=("web", "db"), combine=combine, no_data=no_data),
            "99.9",
            name=f"{combine}-{no_data}",
            credit_tiers=FALLING,
        )
        for combine in ("any", "all")
        for no_data in ("undetermined", "up", "down", "exclude")
    ]
    others = [
        objective(RequestRatio(components=("api",)), "99.5", comparison=">", name="ratio", credit_tiers=FALLING),
        objective(ResponseTime(threshold_us=800, expected_every=hours(6)), "90", name="latency", credit_tiers=FALLING),
        objective(ResolutionTime(within=hours(90), priorities=("3",)), "90", name="first", service="desk"),
        objective(ResolutionTime(within=hours(40), reopened="runs-on"), "90", name="runs-on", service="desk", credit_tiers=FALLING),
    ]
    windows = [maintenance(3_000, 3_240), maintenance(25_000, 25_500, components=["db"]), maintenance(900, 950, service="shop")]
    older = terms(*policies, *others, windows=windows, credit=rule(charge="1234.45", cap="50"), zone=BERLIN)
    newer = terms(
        *policies[:3], *others[::-1], windows=windows, credit=rule(charge="999.99", cap="40", rounding="half-up"), version=2, zone=BERLIN
    )
    return [in_force(older), in_force(newer, first=date(2026, 6, 15))]


def old_evidence() -> dict[str, Evidence]:
    outages = [outage(1_000, 1_040, "db", "disk"), outage(1_020, 1_060, "web"), outage(3_200, 3_300, "db"), outage(24_990, 25_010, "db")]
    statuses = [
        status(-100, State.UP, "web"),
        status(9_000, State.UNKNOWN, "web"),
        status(9_700, State.UP, "web"),
        status(30_000, State.DOWN, "web"),
        status(30_031.5, State.UP, "web"),
        status(41_000, State.UNKNOWN, "web"),
    ]
    requests = counters(*((minute(number * 7), 995 + number % 6, 1_000) for number in range(-10, 6_500)))
    answers = latencies(*((minute(number * 11.3), 100 + number * 37 % 800) for number in range(3_000)))
    steps = [
        each
        for number in range(60)
        for each in (
            step(f"t{number}", number * 700 - 4_000, "opened", "23"[number % 2]),
            step(f"t{number}", number * 700 - 3_000, "waiting"),
            step(f"t{number}", number * 700 - 3_000 + number * 90, "resolved", ""),
            *([step(f"t{number}", number * 700 + 3_000, "reopened")] if number % 5 == 0 else []),
            *([step(f"t{number}", number * 700 + 4_000, "closed")] if number % 10 == 0 else []),
        )
    ]
    return {
        "bank": Evidence(statuses=statuses, outages=outages, counters={"api": requests}, latencies={"web": answers}),
        "desk": Evidence(tickets=steps),
    }


def brief(assessment: Assessment) -> list[str]:
    """What a client sees first: each figure, its verdict and its tier, then the money."""
    assert assessment.credit is not None
    results = [f"{each.objective.id} {each.good}/{each.whole} {each.verdict} {each.credit_percent}" for each in assessment.objectives]
    return [*results, f"{assessment.credit.amount} of {assessment.credit.charge}, {assessment.credit.percent}, {assessment.credit.capped}"]


def told(assessment: Assessment) -> str:
    """Everything else that version 1 told, in one text."""
    return "\n".join(
        repr(
            (
                (each.terms_version, each.interval, each.unit, each.attainment, each.lower, each.upper, each.coverage),
                (each.progress.to_date, each.progress.if_nothing_else_fails, each.progress.budget, each.progress.budget_left),
                (each.progress.budget_spent, each.progress.at_risk, each.progress.lost),
                [(span.interval, span.components, span.cause) for span in each.outages],
                [(span.interval, span.components, span.cause) for span in each.exclusions],
                each.unknown,
                [(day.day.isoformat(), day.good, day.whole, day.down_us, day.excluded_us, day.unknown_us) for day in each.days],
                [
                    (ticket.ticket, ticket.priority, ticket.opened_at, ticket.due_at, ticket.resolved_at, str(ticket.verdict))
                    for ticket in each.tickets
                ],
            )
        )
        for each in assessment.objectives
    )


@pytest.mark.parametrize("version", ["1", "2", "3"])
@pytest.mark.parametrize(
    ("until", "figures", "digest"),
    [
        (90_000, VERSION_1_WHOLE_MONTH, "17f1285ffa2c9a58fe10bcafe9cf7a5690412f4f78c69a8bd441e41b7b162e40"),
        (15_000, VERSION_1_HALF_MONTH, "fb4767a635ce9360c6e82e44f2fc2a3d43a75d938f23cf6dc6abfd23fe238e10"),
    ],
)
def test_terms_of_the_first_version_have_the_figures_that_calculator_1_found(
    version: str, until: int, figures: list[str], digest: str
) -> None:
    """Both lists and digests were written by calculator 1, before there was a second one."""
    result = assess(
        agreement_id="a", terms=old_terms(), evidence=old_evidence(), month=JUNE, measured_until=minute(until), calculator=version
    )
    assert (brief(result), sha256(told(result).encode()).hexdigest()) == (figures, digest)
    assert result.calculator == version


def test_all_versions_give_the_same_document_on_old_terms() -> None:
    one, two, three = (
        assess(agreement_id="a", terms=old_terms(), evidence=old_evidence(), month=JUNE, measured_until=minute(90_000), calculator=version)
        for version in ("1", "2", "3")
    )
    assert (
        document_of(replace(one, calculator="")) == document_of(replace(two, calculator="")) == document_of(replace(three, calculator=""))
    )


def test_a_calculator_that_nobody_has_is_refused() -> None:
    with pytest.raises(UnknownCalculator):
        assess(agreement_id="a", terms=old_terms(), evidence={}, month=JUNE, measured_until=minute(1), calculator="4")


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
