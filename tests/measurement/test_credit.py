"""Service credits: what each objective costs, combined, capped, prorated, rounded once, capped by the year, paid above a minimum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import ObjectiveResult, Verdict
from services.measurement.credit import (
    BookedCredit,
    Credit,
    CreditLine,
    MixedCurrencies,
    SegmentCredit,
    credit_for,
    earned,
    months_of_year,
    year_of_month,
)
from services.measurement.objective import (
    Availability,
    CombineCredits,
    CreditFormula,
    CreditRule,
    CreditTier,
    HourlyRelief,
    MinimumOutage,
    ProportionalCredit,
    SliceCredit,
    TimeSlices,
)
from services.measurement.observation import Evidence, Outage, State
from services.vocabulary.money import Money, Rounding
from services.vocabulary.period import HOUR, MINUTE, Cycle, Interval, Microseconds, Month, datetime_of, parse_zone
from tests.measurement.calculation import (
    BERLIN,
    DB,
    JUNE,
    JUNE_SPAN,
    LAW,
    UTC,
    at,
    counters,
    down,
    later,
    measured,
    minute,
    minutes,
    objective,
    outage,
    percent,
    rule,
    status,
    tiers,
)

REGION_COMPUTE = tiers(("99.99", "10"), ("99", "30"), ("95", "100"))
INSTANCE = tiers(("99.5", "10"), ("99", "30"), ("95", "100"))
MULTI_ZONE_COMPUTE = tiers(("99.99", "10"), ("99", "25"), ("95", "50"))
ZONES = tiers(("99.99", "10"), ("99", "25"), ("95", "100"))
AVAILABILITY_SET = tiers(("99.95", "10"))
SUITE = tiers(("99.9", "10"), ("99", "25"), ("95", "50"))


@pytest.mark.parametrize(
    ("schedule", "target", "minutes_down", "credit"),
    [
        *((REGION_COMPUTE, "99.99", *pair) for pair in ((4, 0), (5, 10), (432, 10), (433, 30), (2_160, 30), (2_161, 100))),
        *((INSTANCE, "99.5", *pair) for pair in ((216, 0), (217, 10))),
        *((ZONES, "99.99", *pair) for pair in ((4, 0), (5, 10))),
        *((AVAILABILITY_SET, "99.95", *pair) for pair in ((21, 0), (22, 10))),
        *((SUITE, "99.9", *pair) for pair in ((43, 0), (44, 10), (60, 10))),
    ],
)
def test_contract_boundaries_fall_on_the_minute(schedule: tuple[CreditTier, ...], target: str, minutes_down: int, credit: int) -> None:
    promise = objective(target=target, credit_tiers=schedule)
    result = measured(down(minutes_down), promise)
    assert result.credit_percent == Fraction(credit, 100)
    assert (result.verdict is Verdict.BREACHED) is (credit > 0)


WHOLE_MINUTES = MinimumOutage(at_least=Microseconds(MINUTE), whole_minutes=True)
ALL_INSTANCES = Availability(components=("zone-a", "zone-b"), combine="all", minimum_outage=WHOLE_MINUTES)


@pytest.mark.parametrize(("minutes_down", "credit"), [(4, 0), (5, 10), (432, 10), (433, 25), (2_160, 25), (2_161, 50)])
@pytest.mark.parametrize("ragged", [0, 0.99])
def test_multi_zone_compute_is_down_only_in_whole_clock_minutes_with_all_instances_down(
    minutes_down: int, credit: int, ragged: float
) -> None:
    """Beside the whole minutes a part of another one counts for nothing."""
    down_together = minutes(3_000 - minutes_down - ragged, 3_000)
    evidence = Evidence(
        outages=[outage(0, 3_000, "zone-a"), Outage(component="zone-b", interval=Interval(down_together.start, minute(6_000)))]
    )
    result = measured(evidence, objective(ALL_INSTANCES, "99.99", credit_tiers=MULTI_ZONE_COMPUTE))
    assert result.credit_percent == Fraction(credit, 100)
    assert (result.verdict is Verdict.BREACHED) is (credit > 0)


@pytest.mark.parametrize(("bad_minutes", "credit"), [(43, 0), (44, 10), (60, 10), (432, 10), (433, 25), (2_160, 25), (2_161, 50)])
def test_a_suite_counts_minutes_with_more_than_5_percent_errors(bad_minutes: int, credit: int) -> None:
    every = Microseconds(MINUTE)
    rows = [(minute(number), 94, 100) for number in range(bad_minutes)]
    edge = [(minute(10_000 + number), 95, 100) for number in range(100)]
    suite = objective(TimeSlices(every=every, error_above=percent("5")), "99.9", credit_tiers=SUITE)
    result = measured(Evidence(counters={"mail": counters(*rows, *edge)}), suite)
    assert (result.credit_percent, result.whole - result.good) == (Fraction(credit, 100), bad_minutes)


def tier_reached(tiers: Sequence[CreditTier], attainment: Fraction) -> Fraction:
    breached = objective(DB, "99.99", credit_tiers=tiers)
    return earned(breached, breached_at=attainment, outages=(), span=JUNE_SPAN, zone=UTC).percent


def test_an_attainment_of_exactly_a_tiers_bound_has_not_reached_it() -> None:
    assert tier_reached(REGION_COMPUTE, percent("99")) == Fraction(10, 100)
    assert tier_reached(REGION_COMPUTE, percent("99.99")) == 0
    assert tier_reached((), Fraction(0)) == 0


def test_no_breach_costs_nothing_whatever_the_tiers_say() -> None:
    generous = objective(target="99", credit_tiers=tiers(("99.9", "10")))
    assert measured(down(60), generous).credit_percent == 0


def test_a_tier_has_to_be_certain_where_much_is_unknown() -> None:
    """Of 30 days 1 % is known bad and half unknown: the known part alone says 98 %, only "below 99.9" is certain."""
    evidence = Evidence(statuses=[status(0, State.DOWN), status(432, State.UP), status(21_600, State.UNKNOWN)])
    promise = objective(DB, "99.9", credit_tiers=tiers(("99.9", "10"), ("99", "30")))
    result = measured(evidence, promise)
    assert result.attainment == Fraction(98, 100)
    assert (result.verdict, result.credit_percent) == (Verdict.BREACHED, Fraction(1, 10))


def test_a_lost_running_month_has_cost_only_what_is_already_certain() -> None:
    agreed = Availability(components=("db",), no_data="up")
    promise = objective(agreed, "99.9", credit_tiers=tiers(("99.9", "10"), ("99", "30")))
    running = measured(Evidence(outages=[outage(0, 60)]), promise, measured_until=minute(720))
    assert (running.verdict, running.credit_percent) == (Verdict.BREACHED, Fraction(1, 10))


# --- relief by the clock hour ------------------------------------------------------------------------------------------

SIX_MINUTES = HourlyRelief(more_than=Microseconds(6 * MINUTE))


def relieved(*outages: Interval, span: Interval = JUNE_SPAN, zone: ZoneInfo = UTC, relief: HourlyRelief = SIX_MINUTES) -> ObjectiveResult:
    promise = replace(objective(target="50"), credit_formula=relief)
    return measured(Evidence(outages=[Outage(component="db", interval=each) for each in outages]), promise, span=span, zone=zone)


def clock(start: str, end: str) -> Interval:
    return Interval(at(f"2026-06-10T{start}Z"), at(f"2026-06-10T{end}Z"))


@pytest.mark.parametrize(
    ("start", "end", "hours_free"),
    [
        ("10:55", "11:06", 0),
        ("10:50", "11:01", 1),
        ("10:53", "11:07", 2),
        ("10:54", "11:06", 0),
        ("10:53:59", "11:06", 1),
        ("10:54", "11:06:01", 1),
        ("10:00", "13:00", 3),
    ],
)
def test_an_instance_hour_is_free_when_more_than_6_minutes_of_the_clock_hour_are_down(start: str, end: str, hours_free: int) -> None:
    result = relieved(clock(start, end))
    assert result.credit_percent == Fraction(hours_free, 720)
    assert result.verdict is Verdict.MET
    assert result.credit_rule == (f"clock hours with more than 6 min down: {hours_free}" if hours_free else "")


def test_outages_of_one_clock_hour_are_added() -> None:
    assert relieved(clock("10:01", "10:04"), clock("10:30", "10:33")).credit_percent == 0
    assert relieved(clock("10:01", "10:04"), clock("10:30", "10:34")).credit_percent == Fraction(1, 720)


def test_clock_hours_are_those_of_the_zone() -> None:
    half_an_hour_off = parse_zone("Asia/Kolkata")
    bad = clock("10:25", "10:36")
    june = JUNE.bounds(half_an_hour_off)
    assert relieved(bad).credit_percent == Fraction(1, 720)
    assert relieved(bad, span=june, zone=half_an_hour_off).credit_percent == 0


def test_the_share_is_of_the_months_elapsed_time() -> None:
    """Berlin's March has 743 hours; the hour from 2 to 3 of the 29th is not there."""
    march = Month(2026, 3).bounds(BERLIN)
    night = Interval(at("2026-03-29T00:50Z"), at("2026-03-29T01:10Z"))
    assert relieved(night, span=march, zone=BERLIN).credit_percent == Fraction(2, 743)


def test_an_hour_that_the_clock_repeats_is_there_twice() -> None:
    october = Month(2026, 10).bounds(BERLIN)
    first_only = Interval(at("2026-10-25T00:10Z"), at("2026-10-25T00:20Z"))
    both = Interval(at("2026-10-25T00:50Z"), at("2026-10-25T01:10Z"))
    assert relieved(first_only, span=october, zone=BERLIN).credit_percent == Fraction(1, 745)
    assert relieved(both, span=october, zone=BERLIN).credit_percent == Fraction(2, 745)


def test_where_the_clock_moves_by_half_an_hour_the_hours_are_shorter() -> None:
    """Lord Howe, 5 April 2026: at 02:00 the clock shows 01:30 again, so that half an hour of one o'clock comes twice."""
    lord_howe = parse_zone("Australia/Lord_Howe")
    april = Month(2026, 4).bounds(lord_howe)
    repeated = Interval(at("2026-04-04T15:10Z"), at("2026-04-04T15:20Z"))
    result = relieved(repeated, span=april, zone=lord_howe)
    assert april.length == 43_230 * MINUTE
    assert result.credit_percent == Fraction(30, 43_230)


def test_an_hour_cut_by_the_span_counts_with_its_part_alone() -> None:
    cut = minutes(30, 120)
    assert relieved(minutes(20, 37), span=cut).credit_percent == Fraction(30, 90)
    assert relieved(minutes(20, 36), span=cut).credit_percent == 0
    assert relieved(minutes(100, 150), span=minutes(0, 106)).credit_percent == 0
    assert relieved(minutes(100, 150), span=minutes(0, 107)).credit_percent == Fraction(47, 107)


def test_relief_is_due_in_a_breach_too_and_never_for_what_is_unknown() -> None:
    strict = replace(objective(target="99.99"), credit_formula=SIX_MINUTES)
    assert measured(down(60), strict).verdict is Verdict.BREACHED
    assert measured(down(60), strict).credit_percent == Fraction(2, 720)
    hole = Evidence(statuses=[status(-5, State.UP), status(60, State.UNKNOWN), status(120, State.UP)])
    assert measured(hole, strict).credit_percent == 0


HOURS = st.lists(st.tuples(st.integers(0, 47 * 60), st.integers(1, 100)), max_size=5)


@LAW
@given(HOURS, st.sampled_from([UTC, BERLIN, parse_zone("Asia/Kathmandu"), parse_zone("Australia/Lord_Howe")]), st.integers(0, 60))
def test_relief_equals_reading_every_minute(outages: list[tuple[int, int]], zone: ZoneInfo, more_than: int) -> None:
    begin = at("2026-10-24T00:00Z")
    span = Interval(begin, later(begin, 48 * HOUR))
    bad = [Interval(later(begin, start * MINUTE), later(begin, (start + long) * MINUTE)) for start, long in outages]
    found = relieved(*bad, span=span, zone=zone, relief=HourlyRelief(more_than=Microseconds(more_than * MINUTE)))
    hours_down: Counter[str] = Counter()
    hours_long: Counter[str] = Counter()
    for number in range(48 * 60):
        instant = later(begin, number * MINUTE)
        shown = datetime_of(instant).astimezone(zone)
        hour = f"{shown:%d %H %z}"
        hours_long[hour] += 1
        hours_down[hour] += any(each.start <= instant < each.end for each in bad)
    free = sum(hours_long[hour] for hour, down_minutes in hours_down.items() if down_minutes > more_than)
    assert found.credit_percent == Fraction(free, 48 * 60)


# --- formulas on a breach ----------------------------------------------------------------------------------------------


def by_formula(bad_minutes: float, formula: CreditFormula, target: str = "99.9") -> tuple[Fraction, str]:
    result = measured(down(bad_minutes), replace(objective(target=target), credit_formula=formula))
    return result.credit_percent, result.credit_rule


def test_a_proportional_credit_is_so_many_times_the_bad_share() -> None:
    assert by_formula(432, ProportionalCredit(times=Fraction(1))) == (Fraction(1, 100), "1 times the bad share: 1.000000")
    assert by_formula(432, ProportionalCredit(times=Fraction(5, 2))) == (Fraction(1, 40), "2.5 times the bad share: 1.000000")
    assert by_formula(43, ProportionalCredit(times=Fraction(1))) == (Fraction(0), "")
    assert by_formula(43_200, ProportionalCredit(times=Fraction(30)))[0] == 1
    assert by_formula(4_320, ProportionalCredit(times=Fraction(10)))[0] == 1
    assert by_formula(4_319, ProportionalCredit(times=Fraction(10)))[0] == Fraction(4_319, 4_320)


PER_TENTH = SliceCredit(step=percent("0.1"), credit=percent("5"))


@pytest.mark.parametrize(
    ("bad_minutes", "steps"), [(43.2, 0), (43.3, 1), (86.3, 1), (86.4, 1), (86.5, 2), (129.6, 2), (129.7, 3), (864, 19), (900, 20)]
)
def test_each_step_or_part_of_one_below_the_target_costs(bad_minutes: float, steps: int) -> None:
    told = f"{steps} of 0.1 below 99.9: 5 each" if steps else ""
    assert by_formula(bad_minutes, PER_TENTH) == (Fraction(5 * steps, 100), told)


def test_steps_never_cost_more_than_the_charge() -> None:
    assert by_formula(907.2, PER_TENTH)[0] == 1
    assert by_formula(907.3, PER_TENTH)[0] == 1
    assert by_formula(43_200, PER_TENTH)[0] == 1


def test_a_strict_target_that_is_just_missed_is_no_step_below_it() -> None:
    promise = replace(objective(comparison=">"), credit_formula=PER_TENTH)
    result = measured(down(43.2), promise)
    assert (result.verdict, result.credit_percent, result.credit_rule) == (Verdict.BREACHED, Fraction(0), "")


def test_a_tier_says_which_it_was() -> None:
    result = measured(down(433), objective(target="99.99", credit_tiers=REGION_COMPUTE))
    assert result.credit_rule == "below 99: 30"
    assert measured(down(4), objective(target="99.99", credit_tiers=REGION_COMPUTE)).credit_rule == ""


FORMULAS: list[tuple[tuple[CreditTier, ...], CreditFormula | None]] = [
    (REGION_COMPUTE, None),
    ((), SIX_MINUTES),
    ((), ProportionalCredit(times=Fraction(3))),
    ((), PER_TENTH),
]


@LAW
@given(
    st.sampled_from(FORMULAS),
    st.lists(st.tuples(st.integers(0, 43_000), st.integers(1, 3_000)), max_size=3),
    st.integers(0, 43_000),
    st.integers(1, 3_000),
)
def test_adding_downtime_never_lowers_a_credit(
    schedule: tuple[tuple[CreditTier, ...], CreditFormula | None], before: list[tuple[int, int]], start: int, long: int
) -> None:
    levels, formula = schedule
    promise = replace(objective(target="99.99", credit_tiers=levels), credit_formula=formula)
    known = [outage(-9, -8), *(outage(begin, begin + lasts) for begin, lasts in before)]
    was, became = (
        measured(Evidence(outages=outages), promise).credit_percent for outages in (known, [*known, outage(start, start + long)])
    )
    assert 0 <= was <= became <= 1


# --- what a month costs ------------------------------------------------------------------------------------------------


def line(cost: Fraction, name: str = "o") -> CreditLine:
    return CreditLine(objective_id=name, terms_version=1, percent=cost, rule="below 99.9", share_of_period=Fraction(1))


def part(
    *percents: int,
    charge: str = "1000.00",
    cap: str = "50",
    share: Fraction = Fraction(1),
    rounding: Rounding = "half-even",
    combine: CombineCredits = "sum",
    pro_rata: bool = True,
    minimum: str = "0",
    yearly_cap: str = "",
) -> SegmentCredit:
    agreed = replace(
        rule(charge, cap, rounding),
        combine=combine,
        pro_rata=pro_rata,
        minimum=Decimal(minimum),
        yearly_cap=percent(yearly_cap) if yearly_cap else None,
    )
    return SegmentCredit(rule=agreed, share_of_month=share, lines=tuple(line(Fraction(p, 100)) for p in percents))


def owed(
    *segments: SegmentCredit, booked: Sequence[BookedCredit] = (), months_in_year: int = 12, claim_until: date | None = None
) -> Credit:
    credit = credit_for(segments, booked=booked, months_in_year=months_in_year, claim_until=claim_until)
    assert credit is not None
    return credit


def test_25_and_10_and_30_percent_are_capped_at_half_the_charge() -> None:
    credit = owed(part(25, 10, 30))
    assert (str(credit.amount), credit.percent, credit.capped) == ("500.00", Fraction(1, 2), True)


@pytest.mark.parametrize(("percents", "amount"), [((25, 10), "350.00"), ((25, 25), "500.00")])
def test_what_does_not_exceed_the_cap_is_added(percents: tuple[int, ...], amount: str) -> None:
    credit = owed(part(*percents))
    assert (str(credit.amount), credit.percent, credit.capped) == (amount, Fraction(sum(percents), 100), False)


@pytest.mark.parametrize(
    ("percents", "amount", "capped"),
    [((25, 10, 30), "300.00", False), ((), "0.00", False), ((50, 10), "500.00", False), ((60, 10), "500.00", True)],
)
def test_the_highest_alone_counts_where_that_was_agreed(percents: tuple[int, ...], amount: str, capped: bool) -> None:
    credit = owed(part(*percents, combine="max"))
    assert (str(credit.amount), credit.capped) == (amount, capped)


@pytest.mark.parametrize(("rounding", "amount"), [("half-even", "123.44"), ("half-up", "123.45")])
def test_half_a_cent_is_rounded_as_agreed(rounding: Rounding, amount: str) -> None:
    credit = owed(part(10, charge="1234.45", rounding=rounding))
    assert str(credit.amount) == str(credit.calculated) == amount


def test_only_the_total_is_rounded() -> None:
    credit = owed(part(10, charge="0.10", share=Fraction(1, 2)), part(10, charge="0.10", share=Fraction(1, 2)))
    assert str(credit.amount) == "0.01"


def test_without_a_rule_there_is_no_credit_and_with_one_there_may_be_none_of_it() -> None:
    assert credit_for([]) is None
    credit = owed(part())
    assert (str(credit.amount), credit.paid, credit.lines, credit.claim_until) == ("0.00", False, (), None)


def test_two_currencies_in_one_month_or_year_are_refused() -> None:
    dollars = SegmentCredit(rule=CreditRule(charge=Money(Decimal("1"), "USD"), cap=Fraction(1)), share_of_month=Fraction(1, 2))
    with pytest.raises(MixedCurrencies):
        credit_for([part(10, share=Fraction(1, 2)), dollars])
    for amount, charge in (("USD", "EUR"), ("EUR", "USD")):
        abroad = BookedCredit(month=JUNE, amount=Money(Decimal(1), amount), charge=Money(Decimal(1), charge))
        with pytest.raises(MixedCurrencies):
            credit_for([part(10, yearly_cap="25")], booked=[abroad])


def test_segments_are_taken_for_their_share_of_the_month_or_in_full() -> None:
    halves = [Fraction(1, 3), Fraction(2, 3)]
    pro_rata = owed(part(10, share=halves[0]), part(20, share=halves[1]))
    in_full = owed(part(10, share=halves[0], pro_rata=False), part(20, share=halves[1], pro_rata=False))
    assert (str(pro_rata.amount), pro_rata.percent) == ("166.67", Fraction(1, 6))
    assert (str(in_full.amount), in_full.percent, in_full.capped) == ("300.00", Fraction(3, 10), False)


def test_a_month_is_capped_when_one_of_its_segments_is() -> None:
    credit = owed(part(60, share=Fraction(1, 2)), part(10, share=Fraction(1, 2)))
    assert (str(credit.amount), credit.capped) == ("300.00", True)


def test_segments_in_full_never_cost_more_than_the_dearest_can() -> None:
    both = owed(part(40, pro_rata=False, share=Fraction(1, 2)), part(30, pro_rata=False, share=Fraction(1, 2), charge="1200.00"))
    assert (str(both.amount), both.percent, both.capped) == ("600.00", Fraction(1, 2), True)
    just = owed(part(25, pro_rata=False, share=Fraction(1, 2)), part(25, pro_rata=False, share=Fraction(1, 2)))
    assert (str(just.amount), just.capped) == ("500.00", False)
    unlike = owed(part(40, pro_rata=False, share=Fraction(1, 2)), part(5, cap="20", pro_rata=False, share=Fraction(1, 2)))
    assert (str(unlike.amount), unlike.percent, unlike.capped) == ("450.00", Fraction(9, 20), False)


def test_only_what_costs_something_is_a_line() -> None:
    credit = owed(part(0, 10))
    assert [each.percent for each in credit.lines] == [Fraction(1, 10)]


# --- minimum -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charge", "paid", "amount", "calculated"),
    [("10.00", False, "0.00", "1.00"), ("10.01", True, "1.00", "1.00"), ("20.00", True, "2.00", "2.00")],
)
def test_a_credit_not_above_the_minimum_is_not_paid(charge: str, paid: bool, amount: str, calculated: str) -> None:
    """ "More than 1.00": 10 % of 10.01 is 1.001 and is paid as 1.00. The percentage shows all the same."""
    credit = owed(part(10, charge=charge, minimum="1.00"), claim_until=date(2026, 7, 30))
    assert (credit.paid, str(credit.amount), str(credit.calculated), credit.percent) == (paid, amount, calculated, Fraction(1, 10))
    assert credit.claim_until == (date(2026, 7, 30) if paid else None)


# --- the contract year -------------------------------------------------------------------------------------------------


def booked(*amounts: str, charge: str = "1000.00") -> list[BookedCredit]:
    return [
        BookedCredit(month=Month(2026, 1 + number), amount=Money(Decimal(amount), "EUR"), charge=Money(Decimal(charge), "EUR"))
        for number, amount in enumerate(amounts)
    ]


@pytest.mark.parametrize(
    ("before", "amount", "capped"),
    [
        ((), "500.00", False),
        (("500.00", "200.00"), "500.00", False),
        (("500.00", "200.01"), "499.99", True),
        (("500.00", "600.00"), "100.00", True),
    ],
)
def test_a_contract_year_costs_at_most_its_cap(before: tuple[str, ...], amount: str, capped: bool) -> None:
    """10 % of twelve charges of 1,000.00 are 1,200.00."""
    credit = owed(part(50, yearly_cap="10"), booked=booked(*before))
    assert (str(credit.amount), credit.yearly_capped, str(credit.calculated)) == (amount, capped, "500.00")
    assert credit.paid


@pytest.mark.parametrize("before", [("500.00", "700.00"), ("900.00", "900.00")])
def test_a_year_that_has_reached_its_cap_costs_nothing_more(before: tuple[str, ...]) -> None:
    credit = owed(part(50, yearly_cap="10"), booked=booked(*before), claim_until=date(2026, 7, 30))
    assert (str(credit.amount), credit.yearly_capped, credit.paid, credit.claim_until) == ("0.00", True, False, None)


def test_the_years_charges_are_those_of_its_months_and_this_one_for_those_to_come() -> None:
    """Two months at 400.00 and ten at 1,000.00 are 10,800.00; of a term of three months it is 1,800.00."""
    cheap = booked("0.00", "0.00", charge="400.00")
    assert str(owed(part(50, yearly_cap="1"), booked=cheap).amount) == "108.00"
    assert str(owed(part(50, yearly_cap="1"), booked=cheap, months_in_year=3).amount) == "18.00"
    assert str(owed(part(50, yearly_cap="1"), booked=cheap, months_in_year=1).amount) == "18.00"


def test_the_yearly_cap_is_whole_cents_rounded_down_and_the_minimum_looks_at_what_it_leaves() -> None:
    assert str(owed(part(50, charge="0.99", yearly_cap="1"), months_in_year=1).amount) == "0.00"
    assert str(owed(part(50, charge="1.99", yearly_cap="1", rounding="half-up"), months_in_year=1).amount) == "0.01"
    left = owed(part(50, yearly_cap="10", minimum="100"), booked=booked("500.00", "600.00"))
    assert (left.paid, str(left.amount), str(left.calculated), left.yearly_capped) == (False, "0.00", "500.00", True)


def test_a_currency_without_cents_is_capped_in_whole_units() -> None:
    yen = CreditRule(charge=Money(Decimal(999), "JPY"), cap=Fraction(1), yearly_cap=percent("1"))
    credit = credit_for([SegmentCredit(rule=yen, share_of_month=Fraction(1), lines=(line(Fraction(1)),))], months_in_year=1)
    assert credit is not None
    assert str(credit.amount) == "9"


def test_a_month_belongs_to_the_year_of_its_last_day_within_the_term() -> None:
    first = date(2026, 6, 15)
    assert [year_of_month(first, month, None) for month in (Month(2026, 6), Month(2027, 5), Month(2027, 6))] == [0, 0, 1]
    assert year_of_month(first, Month(2027, 6), date(2027, 6, 14)) == 0
    assert year_of_month(first, Month(2027, 6), date(2027, 6, 15)) == 1


@pytest.mark.parametrize(
    ("first", "year", "last", "months"),
    [
        ("2026-01-01", 0, "", 12),
        ("2026-01-01", 3, "", 12),
        ("2026-06-15", 0, "", 12),
        ("2026-06-15", 1, "2027-12-31", 7),
        ("2026-06-15", 0, "2027-06-14", 13),
        ("2026-06-15", 0, "2026-08-01", 3),
        ("2026-06-15", 0, "2026-06-30", 1),
        ("2024-02-29", 1, "", 12),
    ],
)
def test_a_year_has_the_months_of_the_term_that_belong_to_it(first: str, year: int, last: str, months: int) -> None:
    last_day = date.fromisoformat(last) if last else None
    assert months_of_year(date.fromisoformat(first), year, last_day) == months


@LAW
@given(
    st.lists(st.integers(0, 100), min_size=12, max_size=12),
    st.integers(0, 100),
    st.integers(1, 10**7),
    st.sampled_from(["half-even", "half-up"]),
)
def test_the_credits_of_a_year_never_exceed_its_cap(percents: list[int], cap: int, cents: int, rounding: Rounding) -> None:
    charge = str(Decimal(cents) / 100)
    paid: list[BookedCredit] = []
    for number, cost in enumerate(percents):
        credit = owed(part(cost, charge=charge, cap="100", yearly_cap=str(cap), rounding=rounding), booked=paid)
        assert credit.amount.amount <= credit.calculated.amount
        paid.append(BookedCredit(month=Month(2026, 1 + number), amount=credit.amount, charge=credit.charge))
    assert sum(each.amount.amount for each in paid) <= Decimal(cap) / 100 * 12 * Decimal(charge)


PERCENTS = st.lists(st.integers(0, 100), max_size=5)


@LAW
@given(st.lists(st.tuples(PERCENTS, st.integers(0, 100), st.integers(0, 10**9)), min_size=1, max_size=4))
def test_credits_never_exceed_the_cap(months: list[tuple[list[int], int, int]]) -> None:
    share = Fraction(1, len(months))
    segments = [part(*percents, charge=str(Decimal(cents) / 100), cap=str(cap), share=share) for percents, cap, cents in months]
    credit = credit_for(segments)
    assert credit is not None
    assert credit.calculated == credit.amount
    most = sum((Fraction(segment.rule.charge.amount) * segment.rule.cap * share for segment in segments), Fraction(0))
    assert Fraction(credit.amount.amount) <= most + Fraction(1, 200)
    assert credit.percent <= max(segment.rule.cap for segment in segments)


@LAW
@given(st.fractions(0, 1), st.fractions(0, 1))
def test_a_lower_attainment_never_costs_less(one: Fraction, other: Fraction) -> None:
    low, high = sorted((one, other))
    assert tier_reached(REGION_COMPUTE, low) >= tier_reached(REGION_COMPUTE, high)


def test_without_a_yearly_cap_what_other_months_paid_counts_for_nothing_also_in_another_currency() -> None:
    francs = BookedCredit(month=Month(2026, 5), amount=Money(Decimal("100.00"), "CHF"), charge=Money(Decimal("1000.00"), "CHF"))
    assert credit_for([part(10)], booked=[francs]) == credit_for([part(10)])


def test_the_credit_of_a_quarter_is_of_three_charges_and_so_is_what_the_year_has_left() -> None:
    quarters = Cycle("quarter")
    first, second = (quarters.period_on(date(2026, month, 1), term_begins=date(2026, 1, 1)) for month in (1, 4))
    alone = credit_for([part(10)], months=3)
    assert alone is not None
    assert (str(alone.amount), alone.percent) == ("300.00", Fraction(1, 10))
    capped = credit_for([part(60)], months=3)
    assert capped is not None
    assert (str(capped.amount), capped.capped) == ("1500.00", True)
    paid = BookedCredit(month=first, amount=Money(Decimal("2900.00"), "EUR"), charge=Money(Decimal("1000.00"), "EUR"))
    left = credit_for([part(10, yearly_cap="25")], months=second.months, booked=[paid])
    assert left is not None
    assert (str(left.amount), left.yearly_capped) == ("100.00", True)
