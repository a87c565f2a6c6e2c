"""Periods of every kind: which ones an agreement has, what an assessment of one comes to, and what it costs; the exact numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import Assessment, NotInForce, Verdict, assess
from services.measurement.claim import claim_deadline
from services.measurement.credit import BookedCredit, credit_for, months_of_year, year_of_month
from services.measurement.objective import ClaimRule, Terms, TermsInForce
from services.measurement.observation import STILL_OPEN, Evidence, Outage
from services.measurement.periods import begun, days_of, in_order, is_known, parts_of
from services.vocabulary.money import Money
from services.vocabulary.period import MINUTE, Cycle, Instant, Interval, Month, Period, last_day_of, parse_period, start_of_day
from tests.measurement.calculation import BERLIN, DAY, LAW, UTC, at, figure, in_force, later, objective, percent, rule, terms, tiers

QUARTERLY, YEARLY, CONTRACT, WEEKLY = Cycle("quarter"), Cycle("year"), Cycle("contract-year"), Cycle("week")
BILLING, THIRTY_DAYS = Cycle(from_day=15), Cycle("rolling", days=30)
NEW_YEAR = date(2026, 1, 1)
TEN_PERCENT = tiers(("99.9", "10"))
EVER = Interval(Instant(0), STILL_OPEN)


def period(text: str) -> Period:
    return parse_period(text, place="test")


def under(cycle: Cycle, agreed: Terms | None = None, *, first: date = NEW_YEAR, last: date | None = None) -> TermsInForce:
    return in_force(replace(agreed or terms(objective()), cycle=cycle), first=first, last=last)


def out(*spans: tuple[str, float]) -> Evidence:
    """(start, minutes) of each outage."""
    return Evidence(
        outages=[
            Outage(component="db", interval=Interval(at(start), later(at(start), int(minutes * MINUTE))), cause="")
            for start, minutes in spans
        ]
    )


def judged(
    versions: Sequence[TermsInForce],
    evidence: Evidence,
    text: str,
    *,
    booked: Sequence[BookedCredit] = (),
    until: str = "2029-01-01T00:00Z",
) -> Assessment:
    return assess(
        agreement_id="a", terms=versions, evidence={"bank": evidence}, month=period(text), measured_until=at(until), booked=booked
    )


def names(versions: Sequence[TermsInForce], now: str, touched: Interval = EVER) -> list[str]:
    return [str(each) for each in begun(versions, now=at(now), touched=touched)]


# --- which periods there are ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cycle", "expected"),
    [
        (Cycle(), ["2026-03", "2026-04", "2026-05"]),
        (BILLING, ["2026-02-15--P1M", "2026-03-15--P1M", "2026-04-15--P1M"]),
        (QUARTERLY, ["2026-Q1", "2026-Q2"]),
        (YEARLY, ["2026"]),
        (CONTRACT, ["2026-03-10--P1Y"]),
        (Cycle("rolling", days=60), ["2026-03-10--P60D", "2026-03-11--P60D", "2026-03-12--P60D"]),
    ],
)
def test_an_agreement_has_the_periods_of_its_cycle_that_have_begun(cycle: Cycle, expected: list[str]) -> None:
    """In force from 10 March; now it is 10 May. A rolling period has begun with its last day, and the first is a whole one."""
    assert names([under(cycle, first=date(2026, 3, 10))], "2026-05-10T12:00Z") == expected


def test_a_week_may_belong_to_another_year() -> None:
    versions = [under(WEEKLY, first=date(2025, 12, 24))]
    assert names(versions, "2026-01-06T00:00Z") == ["2025-W52", "2026-W01", "2026-W02"]


def test_a_day_begins_in_the_zone_of_the_terms() -> None:
    """At 23:00 in UTC it is the next day in Berlin."""
    in_berlin = replace(terms(objective()), zone=BERLIN)
    for agreed, last in ((None, "2026-03-01--P30D"), (in_berlin, "2026-03-02--P30D")):
        assert names([under(THIRTY_DAYS, agreed)], "2026-03-30T23:00Z")[-1] == last


def test_only_the_periods_that_an_observation_touches_are_found() -> None:
    """A minute lies in thirty of the rolling periods, in one of any other cycle."""
    noon = Interval(at("2026-03-10T12:00Z"), at("2026-03-10T12:01Z"))
    touched = names([under(THIRTY_DAYS)], "2026-12-01T00:00Z", noon)
    assert (len(touched), touched[0], touched[-1]) == (30, "2026-02-09--P30D", "2026-03-10--P30D")
    assert names([under(THIRTY_DAYS)], "2026-03-10T18:00Z", Interval(noon.start, STILL_OPEN)) == ["2026-02-09--P30D"]
    for cycle, expected in ((Cycle(), "2026-03"), (QUARTERLY, "2026-Q1"), (WEEKLY, "2026-W11"), (BILLING, "2026-02-15--P1M")):
        assert names([under(cycle)], "2026-12-01T00:00Z", noon) == [expected]


def test_nothing_begins_after_the_agreements_last_day() -> None:
    ended = under(THIRTY_DAYS, first=date(2026, 3, 1), last=date(2026, 3, 31))
    assert names([ended], "2026-12-01T00:00Z") == ["2026-03-01--P30D", "2026-03-02--P30D"]
    assert names([under(QUARTERLY, last=date(2026, 4, 2))], "2026-12-01T00:00Z") == ["2026-Q1", "2026-Q2"]


def test_a_version_change_from_months_to_quarters_leaves_each_its_own_days() -> None:
    """Months until 14 February, quarters from the 15th: February and the first quarter are both cut, and meet."""
    versions = [under(Cycle()), under(QUARTERLY, replace(terms(objective()), version=2), first=date(2026, 2, 15))]
    assert names(versions, "2026-07-01T00:00Z") == ["2026-01", "2026-Q1", "2026-02", "2026-Q2", "2026-Q3"]
    assert [days_of(versions, period(text)) for text in ("2026-02", "2026-Q1", "2026-Q2")] == [
        (date(2026, 2, 1), date(2026, 2, 15)),
        (date(2026, 2, 15), date(2026, 4, 1)),
        (date(2026, 4, 1), date(2026, 7, 1)),
    ]
    assert [judged(versions, out(), text).terms_versions for text in ("2026-01", "2026-02", "2026-Q1")] == [(1,), (1,), (2,)]
    with pytest.raises(NotInForce, match="no terms were in force in 2026-03"):
        judged(versions, out(), "2026-03")


def test_rolling_days_end_within_the_terms_that_have_them() -> None:
    """Thirty days until the end of March, then months; sixty from June on: the first whole ones end on 30 July."""
    later_on = replace(terms(objective()), version=2)
    versions = [
        under(THIRTY_DAYS, first=date(2026, 3, 1)),
        under(Cycle(), later_on, first=date(2026, 4, 1)),
        under(Cycle("rolling", days=60), replace(later_on, version=3), first=date(2026, 6, 1)),
    ]
    found = names(versions, "2026-07-31T12:00Z")
    assert found == ["2026-03-01--P30D", "2026-03-02--P30D", "2026-04", "2026-05", "2026-06-01--P60D", "2026-06-02--P60D"]
    assert parts_of(versions, period("2026-03-03--P30D")) == ()


def test_an_amendment_that_keeps_the_cycle_goes_on_with_it() -> None:
    versions = [
        under(THIRTY_DAYS, first=date(2026, 3, 1)),
        under(THIRTY_DAYS, replace(terms(objective(target="99")), version=2), first=date(2026, 4, 1)),
    ]
    assert names(versions, "2026-04-02T12:00Z") == [f"2026-03-0{day}--P30D" for day in (1, 2, 3, 4)]
    assert [result.terms_version for result in judged(versions, out(), "2026-03-04--P30D").objectives] == [1, 2]


def test_a_period_that_the_terms_do_not_judge_by_is_refused_with_the_form_that_they_have() -> None:
    versions = [under(QUARTERLY)]
    assert not is_known(versions, Month(2026, 3))
    with pytest.raises(NotInForce) as refused:
        judged(versions, out(), "2026-03")
    assert refused.value.message == 'the terms do not judge by 2026-03 but by quarters such as "2026-Q1"'
    with pytest.raises(NotInForce, match="no terms were in force in 2025-Q4"):
        judged(versions, out(), "2025-Q4")


BOUNDARIES = st.lists(st.integers(1, 400), min_size=0, max_size=3, unique=True).map(sorted)
CYCLES = st.sampled_from([Cycle(), BILLING, QUARTERLY, YEARLY, CONTRACT, WEEKLY])


@LAW
@given(st.lists(CYCLES, min_size=4, max_size=4), BOUNDARIES, st.integers(0, 500))
def test_every_day_of_the_agreement_lies_in_exactly_one_period_unless_they_roll(
    chosen: list[Cycle], boundaries: list[int], days_later: int
) -> None:
    starts = [NEW_YEAR, *(NEW_YEAR + timedelta(days=each) for each in boundaries)]
    versions = [
        under(cycle, replace(terms(objective()), version=number), first=first)
        for number, (cycle, first) in enumerate(zip(chosen, starts, strict=False), start=1)
    ]
    day = NEW_YEAR + timedelta(days=days_later)
    found = begun(versions, now=start_of_day(day, UTC), touched=EVER)
    holding = [part for each in found for part in parts_of(versions, each) if part.first <= day < part.after]
    assert len(holding) == 1
    assert found == sorted(set(found), key=in_order)


@LAW
@given(st.integers(1, 60), st.integers(0, 200), st.integers(0, 200))
def test_a_day_lies_in_as_many_rolling_periods_as_they_have_days(length: int, day: int, more: int) -> None:
    versions = [under(Cycle("rolling", days=length))]
    asked = NEW_YEAR + timedelta(days=day)
    touched = Interval(start_of_day(asked, UTC), start_of_day(asked + timedelta(days=1), UTC))
    now = asked + timedelta(days=more)
    found = begun(versions, now=start_of_day(now, UTC), touched=touched)
    ends = [NEW_YEAR + timedelta(days=length - 1) + timedelta(days=number) for number in range(day + more + 1)]
    assert [last_day_of(each) for each in found] == [end for end in ends if asked <= end <= min(now, asked + timedelta(days=length - 1))]


# --- what they come to ----------------------------------------------------------------------------------------------------

OVER_NEW_YEAR = out(("2026-01-31T12:00Z", 30), ("2026-02-01T12:00Z", 30))


def test_thirty_minutes_on_each_side_of_a_months_end() -> None:
    monthly, rolling = [under(Cycle())], [under(THIRTY_DAYS)]
    assert [figure(judged(monthly, OVER_NEW_YEAR, text).objectives[0]) for text in ("2026-01", "2026-02")] == ["99.932795", "99.925595"]
    holding_both = [str(THIRTY_DAYS.period_on(date(2026, 2, 1) + timedelta(days=each), term_begins=NEW_YEAR)) for each in range(29)]
    assert (holding_both[0], holding_both[-1]) == ("2026-01-03--P30D", "2026-01-31--P30D")
    results = [judged(rolling, OVER_NEW_YEAR, text).objectives[0] for text in holding_both]
    assert {(figure(each), each.whole, each.verdict) for each in results} == {("99.861111", 43_200 * MINUTE, Verdict.BREACHED)}
    for text in ("2026-01-02--P30D", "2026-02-01--P30D"):
        assert figure(judged(rolling, OVER_NEW_YEAR, text).objectives[0]) == "99.930555"


@pytest.mark.parametrize(
    ("cycle", "text", "minutes"),
    [
        (QUARTERLY, "2026-Q1", 129_540),
        (WEEKLY, "2026-W13", 10_020),
        (BILLING, "2026-03-15--P1M", 44_580),
        (YEARLY, "2026", 525_600),
        (THIRTY_DAYS, "2026-03-01--P30D", 43_140),
    ],
)
def test_a_period_in_berlin_has_the_time_that_really_passed(cycle: Cycle, text: str, minutes: int) -> None:
    versions = [under(cycle, replace(terms(objective()), zone=BERLIN))]
    (result,) = judged(versions, out(("2026-03-29T00:30Z", 1)), text).objectives
    assert (result.whole, result.whole - result.good) == (minutes * MINUTE, MINUTE)


def test_contract_years_from_29_february_are_assessed_one_after_the_other() -> None:
    versions = [under(CONTRACT, first=date(2024, 2, 29))]
    texts = ["2024-02-29--P1Y", "2025-02-28--P1Y", "2026-02-28--P1Y", "2027-02-28--P1Y1D", "2028-02-29--P1Y"]
    assert names(versions, "2028-03-01T00:00Z") == texts
    found = [judged(versions, out(), text).interval for text in texts]
    assert [each.length // DAY for each in found] == [365, 365, 365, 366, 365]
    assert [each.end for each in found[:-1]] == [each.start for each in found[1:]]


def test_a_period_is_clipped_to_the_term() -> None:
    versions = [under(QUARTERLY, first=date(2026, 2, 15), last=date(2026, 5, 31))]
    assert [judged(versions, out(), text).interval.length // DAY for text in ("2026-Q1", "2026-Q2")] == [45, 61]
    early = judged([under(THIRTY_DAYS, first=date(2026, 2, 15))], out(), "2026-02-01--P30D")
    assert early.interval == Interval(at("2026-02-15T00:00Z"), at("2026-03-03T00:00Z"))


@pytest.mark.parametrize(
    ("minutes", "verdict", "amount"), [(129, Verdict.MET, "0.00"), (129.6, Verdict.MET, "0.00"), (130, Verdict.BREACHED, "300.00")]
)
def test_a_quarter_is_judged_and_credited_as_one(minutes: float, verdict: Verdict, amount: str) -> None:
    """129,600 minutes; 99.9 allows exactly 129.6. 10 % of three charges of 1,000.00."""
    versions = [under(QUARTERLY, terms(objective(credit_tiers=TEN_PERCENT), credit=rule()))]
    found = judged(versions, out(("2026-01-31T23:00Z", minutes)), "2026-Q1")
    (result,) = found.objectives
    assert (result.whole, result.verdict) == (129_600 * MINUTE, verdict)
    assert found.credit is not None
    assert (str(found.credit.amount), str(found.credit.charge), str(found.credit.period_charge)) == (amount, "1000.00", "3000.00")


@pytest.mark.parametrize(
    ("cycle", "text", "amount", "charge"),
    [
        (Cycle(), "2026-02", "100.00", "1000.00"),
        (BILLING, "2026-01-15--P1M", "100.00", "1000.00"),
        (QUARTERLY, "2026-Q1", "300.00", "3000.00"),
        (YEARLY, "2026", "1200.00", "12000.00"),
        (CONTRACT, "2026-01-01--P1Y", "1200.00", "12000.00"),
    ],
)
def test_percentages_are_of_the_months_of_the_period(cycle: Cycle, text: str, amount: str, charge: str) -> None:
    versions = [under(cycle, terms(objective(credit_tiers=TEN_PERCENT), credit=rule()))]
    credit = judged(versions, out(("2026-02-01T00:00Z", 600)), text).credit
    assert credit is not None
    assert (str(credit.amount), str(credit.period_charge)) == (amount, charge)


@pytest.mark.parametrize(("cycle", "text"), [(WEEKLY, "2026-W06"), (THIRTY_DAYS, "2026-02-01--P30D")])
def test_nothing_is_paid_for_weeks_and_rolling_days(cycle: Cycle, text: str) -> None:
    versions = [under(cycle, terms(objective(credit_tiers=TEN_PERCENT), credit=rule()))]
    found = judged(versions, out(("2026-02-02T00:00Z", 600)), text)
    assert found.objectives[0].verdict is Verdict.BREACHED
    assert found.credit is None


def test_an_amendment_inside_a_quarter_is_pro_rata_of_three_charges() -> None:
    """45 of 90 days at 99 per cent, which is kept, and 45 at 99.9: half of 10 % of 3,000.00."""
    promised = terms(objective(target="99", credit_tiers=tiers(("99", "10"))), credit=rule())
    stricter = terms(objective(credit_tiers=TEN_PERCENT), version=2, credit=rule())
    versions = [under(QUARTERLY, promised), under(QUARTERLY, stricter, first=date(2026, 2, 15))]
    credit = judged(versions, out(("2026-01-10T00:00Z", 100), ("2026-03-10T00:00Z", 100)), "2026-Q1").credit
    assert credit is not None
    assert (str(credit.amount), credit.percent) == ("150.00", Fraction(1, 20))


def test_a_version_change_from_month_to_quarter_pays_each_for_its_own_days() -> None:
    """Half of February's 1,000.00 and half of the quarter's 3,000.00 were promised so: 10 % of each half."""
    agreed = terms(objective(credit_tiers=TEN_PERCENT), credit=rule())
    versions = [under(Cycle(), agreed), under(QUARTERLY, replace(agreed, version=2), first=date(2026, 2, 15))]
    bad = out(("2026-02-10T00:00Z", 100), ("2026-03-10T00:00Z", 100))
    found = {text: judged(versions, bad, text) for text in ("2026-01", "2026-02", "2026-Q1")}
    assert {text: figure(each.objectives[0]) for text, each in found.items()} == {
        "2026-01": "100.000000",
        "2026-02": "99.503968",
        "2026-Q1": "99.845679",
    }
    assert {text: str(each.credit.amount) for text, each in found.items() if each.credit} == {
        "2026-01": "0.00",
        "2026-02": "50.00",
        "2026-Q1": "150.00",
    }


def euros(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_the_yearly_cap_counts_the_months_of_each_period() -> None:
    """1 % of twelve charges of 1,000.00 are 120.00, however many periods a year has; the first quarter paid 80.00."""
    yearly = replace(rule(), yearly_cap=percent("1"))
    agreed = terms(objective(credit_tiers=TEN_PERCENT), credit=yearly)
    bad = out(("2026-02-01T00:00Z", 600), ("2026-05-01T00:00Z", 600))
    first = [BookedCredit(month=period("2026-Q1"), amount=euros("80.00"), charge=euros("1000.00"))]
    amounts = {
        "month": judged([under(Cycle(), agreed)], bad, "2026-05"),
        "quarter": judged([under(QUARTERLY, agreed)], bad, "2026-Q1"),
        "next": judged([under(QUARTERLY, agreed)], bad, "2026-Q2", booked=first),
        "year": judged([under(YEARLY, agreed)], bad, "2026"),
    }
    assert {name: str(each.credit.amount) for name, each in amounts.items() if each.credit} == {
        "month": "100.00",
        "quarter": "120.00",
        "next": "40.00",
        "year": "120.00",
    }


def test_what_was_booked_at_another_charge_keeps_it_for_its_months() -> None:
    """10 % of 3 × 2,000.00 and 9 × 1,000.00 are 1,500.00, of which 1,400.00 were paid."""
    yearly = replace(rule(), yearly_cap=percent("10"))
    agreed = terms(objective(credit_tiers=TEN_PERCENT), credit=yearly)
    paid = [BookedCredit(month=period("2026-Q1"), amount=euros("1400.00"), charge=euros("2000.00"))]
    credit = judged([under(QUARTERLY, agreed)], out(("2026-05-01T00:00Z", 600)), "2026-Q2", booked=paid).credit
    assert credit is not None
    assert (str(credit.amount), str(credit.calculated), credit.yearly_capped) == ("100.00", "300.00", True)


@pytest.mark.parametrize("cycle", [Cycle(), BILLING, QUARTERLY, YEARLY, CONTRACT])
@pytest.mark.parametrize("first", ["2026-01-01", "2026-03-15", "2024-02-29", "2026-12-31"])
def test_every_full_contract_year_has_twelve_months(cycle: Cycle, first: str) -> None:
    assert [months_of_year(date.fromisoformat(first), year, None, cycle=cycle) for year in range(5)] == [12] * 5


def test_a_quarter_belongs_to_the_contract_year_of_its_last_day_within_the_term() -> None:
    first = date(2026, 2, 15)
    assert [year_of_month(first, period(text), None) for text in ("2026-Q1", "2026-Q4", "2027-Q1")] == [0, 0, 1]
    assert year_of_month(first, period("2027-Q1"), date(2027, 2, 14)) == 0
    assert months_of_year(first, 0, date(2026, 5, 1), cycle=QUARTERLY) == 6


@pytest.mark.parametrize(
    ("cycle", "text", "counted", "until"),
    [
        (QUARTERLY, "2026-Q1", "period-end", "2026-09-30"),
        (QUARTERLY, "2026-Q1", "last-outage", "2026-09-30"),
        (BILLING, "2026-03-15--P1M", "period-end", "2026-06-14"),
        (YEARLY, "2026", "period-end", "2028-12-31"),
        (CONTRACT, "2025-02-28--P1Y", "period-end", "2028-02-28"),
    ],
)
def test_a_claim_in_cycles_means_periods_of_the_agreement(cycle: Cycle, text: str, counted: str, until: str) -> None:
    """Two cycles after it; the agreement began on 29 February 2024."""
    claim = ClaimRule(cycles=2, counted_from="last-outage" if counted == "last-outage" else "period-end")
    found = claim_deadline(claim, period=period(text), last_outage_day=period(text).first_day, cycle=cycle, term_begins=date(2024, 2, 29))
    assert str(found) == until


def test_the_claim_of_an_assessed_quarter_goes_by_its_quarters() -> None:
    claim = replace(rule(), claim=ClaimRule(cycles=1))
    versions = [under(QUARTERLY, terms(objective(credit_tiers=TEN_PERCENT), credit=claim))]
    credit = judged(versions, out(("2026-02-01T00:00Z", 600)), "2026-Q1").credit
    assert credit is not None
    assert str(credit.claim_until) == "2026-06-30"


def test_a_period_of_no_month_left_in_the_year_still_has_its_own_charge() -> None:
    """The year's months are all booked; what is left is reckoned with the period's own three at least."""
    yearly = replace(rule(), yearly_cap=percent("10"))
    agreed = terms(objective(credit_tiers=TEN_PERCENT), credit=yearly)
    paid = [BookedCredit(month=Month(2026, number), amount=euros("0.00"), charge=euros("1000.00")) for number in range(1, 12)]
    credit = judged([under(QUARTERLY, agreed)], out(("2026-11-01T00:00Z", 600)), "2026-Q4", booked=paid).credit
    assert credit is not None
    assert str(credit.amount) == "300.00"
    assert credit_for([], months=3) is None


def test_a_running_period_has_its_time_to_come() -> None:
    """Sixty minutes down by noon of the quarter's first day: to date, and if nothing else fails."""
    found = judged([under(QUARTERLY)], out(("2026-01-01T02:00Z", 60)), "2026-Q1", until="2026-01-01T12:00Z")
    (result,) = found.objectives
    assert not found.complete
    assert (figure(result), result.progress.if_nothing_else_fails) == ("91.666666", Fraction(129_540, 129_600))


def test_a_year_of_rolling_periods_is_breached_by_those_that_hold_both_outages() -> None:
    versions = [under(THIRTY_DAYS)]
    found = begun(versions, now=at("2026-12-31T12:00Z"), touched=EVER)
    results = [judged(versions, OVER_NEW_YEAR, str(each)).objectives[0] for each in found]
    assert len(results) == 336
    assert sum(each.verdict is Verdict.BREACHED for each in results) == 29


def test_halves_of_a_quarter_add_up_to_it() -> None:
    bad = out(("2026-01-31T23:30Z", 60), ("2026-02-28T23:00Z", 120), ("2026-03-10T00:00Z", 7))
    monthly = [judged([under(Cycle())], bad, f"2026-0{number}").objectives[0] for number in (1, 2, 3)]
    (quarter,) = judged([under(QUARTERLY)], bad, "2026-Q1").objectives
    assert (quarter.good, quarter.whole) == (sum(each.good for each in monthly), sum(each.whole for each in monthly))
    assert quarter.days == tuple(day for each in monthly for day in each.days)
