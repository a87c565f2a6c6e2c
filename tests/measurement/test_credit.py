"""Service credits: tiers reached, added, capped, prorated, rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import Verdict
from services.measurement.credit import MixedCurrencies, SegmentCredit, credit_for, tier_reached
from services.measurement.objective import Availability, CreditRule, CreditTier
from services.measurement.observation import Evidence, State
from services.vocabulary.money import Money, Rounding
from tests.measurement.calculation import DB, LAW, down, measured, minute, objective, outage, percent, rule, status, tiers

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


@pytest.mark.parametrize(("minutes_down", "credit"), [(4, 0), (5, 10), (433, 25), (2_161, 50)])
def test_multi_zone_compute_is_down_only_while_all_instances_are(minutes_down: int, credit: int) -> None:
    both = Availability(components=("zone-a", "zone-b"), combine="all")
    evidence = Evidence(outages=[outage(0, 3_000, "zone-a"), outage(3_000 - minutes_down, 4_000 + minutes_down, "zone-b")])
    result = measured(evidence, objective(both, "99.99", credit_tiers=MULTI_ZONE_COMPUTE))
    assert result.credit_percent == Fraction(credit, 100)


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


def part(
    *percents: int, charge: str = "1000.00", cap: str = "50", share: Fraction = Fraction(1), rounding: Rounding = "half-even"
) -> SegmentCredit:
    return SegmentCredit(rule=rule(charge, cap, rounding), share_of_month=share, percents=tuple(Fraction(p, 100) for p in percents))


def test_25_and_10_and_30_percent_are_capped_at_half_the_charge() -> None:
    credit = credit_for([part(25, 10, 30)])
    assert credit is not None
    assert (str(credit.amount), credit.percent, credit.capped) == ("500.00", Fraction(1, 2), True)


@pytest.mark.parametrize(("percents", "amount"), [((25, 10), "350.00"), ((25, 25), "500.00")])
def test_what_does_not_exceed_the_cap_is_added(percents: tuple[int, ...], amount: str) -> None:
    credit = credit_for([part(*percents)])
    assert credit is not None
    assert (str(credit.amount), credit.percent, credit.capped) == (amount, Fraction(sum(percents), 100), False)


@pytest.mark.parametrize(("rounding", "amount"), [("half-even", "123.44"), ("half-up", "123.45")])
def test_half_a_cent_is_rounded_as_agreed(rounding: Rounding, amount: str) -> None:
    credit = credit_for([part(10, charge="1234.45", rounding=rounding)])
    assert credit is not None
    assert str(credit.amount) == amount


def test_only_the_total_is_rounded() -> None:
    credit = credit_for([part(10, charge="0.10", share=Fraction(1, 2)), part(10, charge="0.10", share=Fraction(1, 2))])
    assert credit is not None
    assert str(credit.amount) == "0.01"


def test_without_a_rule_there_is_no_credit_and_with_one_there_may_be_none_of_it() -> None:
    assert credit_for([]) is None
    credit = credit_for([part()])
    assert credit is not None
    assert str(credit.amount) == "0.00"


def test_two_currencies_in_one_month_are_refused() -> None:
    dollars = SegmentCredit(rule=CreditRule(charge=Money(Decimal("1"), "USD"), cap=Fraction(1)), share_of_month=Fraction(1, 2), percents=())
    with pytest.raises(MixedCurrencies):
        credit_for([part(10, share=Fraction(1, 2)), dollars])


PERCENTS = st.lists(st.integers(0, 100), max_size=5)


@LAW
@given(st.lists(st.tuples(PERCENTS, st.integers(0, 100), st.integers(0, 10**9)), min_size=1, max_size=4))
def test_credits_never_exceed_the_cap(months: list[tuple[list[int], int, int]]) -> None:
    share = Fraction(1, len(months))
    segments = [part(*percents, charge=str(Decimal(cents) / 100), cap=str(cap), share=share) for percents, cap, cents in months]
    credit = credit_for(segments)
    assert credit is not None
    most = sum((Fraction(segment.rule.charge.amount) * segment.rule.cap * share for segment in segments), Fraction(0))
    assert Fraction(credit.amount.amount) <= most + Fraction(1, 200)
    assert credit.percent <= max(segment.rule.cap for segment in segments)


@LAW
@given(st.fractions(0, 1), st.fractions(0, 1))
def test_a_lower_attainment_never_costs_less(one: Fraction, other: Fraction) -> None:
    low, high = sorted((one, other))
    assert tier_reached(REGION_COMPUTE, low) >= tier_reached(REGION_COMPUTE, high)
