"""Versions of the calculator: what an older one found is found again. Version 1's figures are in `test_assessment.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

import pytest

from services.measurement.assessment import CALCULATOR_VERSION, CALCULATORS, Assessment, BookedCredit, ObjectiveResult, assess
from services.measurement.objective import (
    Availability,
    ClaimRule,
    Composite,
    CreditFormula,
    ExclusionClass,
    HourlyRelief,
    Indicator,
    IntervalMean,
    MinimumOutage,
    Objective,
    ProportionalCredit,
    RecurringMaintenance,
    ResolutionTime,
    ResponseTime,
    SliceCredit,
    Terms,
    TermsInForce,
    TimeSlices,
)
from services.measurement.observation import Evidence
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.money import Money
from services.vocabulary.period import MINUTE, Microseconds, Month
from tests.measurement.calculation import BERLIN, JUNE, hours, in_force, maintenance, minute, objective, percent, rule, step, terms, tiers
from tests.measurement.test_assessment import old_evidence

FALLING = tiers(("99.9", "10"), ("99", "25"), ("90", "30"))
WEEKDAYS = (0, 1, 2, 3, 4)
OFFICE = Calendar(
    id="office", zone=BERLIN, hours=(Hours(days=WEEKDAYS, from_minute=9 * 60, to_minute=17 * 60),), closed=frozenset({date(2026, 6, 4)})
)
PLANNED = ExclusionClass(id="planned", clause="4.2", notice=hours(24), monthly_cap=hours(6))
BOTH = ("web", "db")


def minutes_long(number: int) -> Microseconds:
    return Microseconds(number * MINUTE)


def promise(
    name: str, indicator: Indicator, target: str = "99.9", formula: CreditFormula | None = None, service: str = "bank"
) -> Objective:
    made = objective(indicator, target, name=name, service=service, credit_tiers=() if formula else FALLING)
    return replace(made, credit_formula=formula, clause=f"3.{len(name)}")


AVAILABILITIES: dict[str, Availability] = {
    **{f"pool-{no_data}": Availability(components=BOTH, combine="pool", weights=(1, 3), no_data=no_data) for no_data in ("up", "exclude")},
    "pool-down": Availability(components=BOTH, combine="pool", no_data="down"),
    "covered": Availability(components=BOTH, minimum_coverage=percent("99.5"), no_data="up"),
    "planned-up": Availability(components=BOTH, maintenance="up", no_data="up"),
    "planned-down": Availability(components=BOTH, maintenance="down"),
    "long": Availability(components=BOTH, minimum_outage=MinimumOutage(at_least=minutes_long(31)), no_data="up"),
    "aligned": Availability(components=("web",), minimum_outage=MinimumOutage(at_least=minutes_long(5), whole_minutes=True), no_data="up"),
    "as-it-was": Availability(
        components=BOTH, minimum_outage=MinimumOutage(at_least=minutes_long(70), before_exclusions=True), no_data="up"
    ),
    "office-hours": Availability(components=BOTH, hours=OFFICE, no_data="exclude"),
}
COUNTED: dict[str, Indicator] = {
    **{f"mean-{empty}": IntervalMean(every=minutes_long(5), empty=empty) for empty in ("good", "bad", "exclude", "undetermined")},
    "slices": TimeSlices(every=minutes_long(7), error_above=percent("0.35"), minimum_events=10, minimum_consecutive=2),
    "slices-empty": TimeSlices(every=minutes_long(5), components=("api",), error_above=percent("0.3"), empty="bad"),
    "slow": TimeSlices(every=minutes_long(60), percentile=percent("95"), latency_above_us=800, empty="exclude"),
    "percentile": ResponseTime(threshold_us=850, percentile=percent("95")),
}
DESK: dict[str, ResolutionTime] = {
    "paused": ResolutionTime(within=hours(40), pauses=("waiting",), reopened="runs-on"),
    "office-clock": ResolutionTime(within=hours(16), hours=OFFICE, pauses=("waiting",)),
    "responded": ResolutionTime(within=hours(4), stop="responded", hours=OFFICE),
    "highest": ResolutionTime(within=hours(30), priorities=("2",), priority_rule="highest", priority_order=("1", "2", "3")),
    "first": ResolutionTime(within=hours(30), priorities=("3",), priority_rule="first"),
}


def all_that_terms_can_say(version: int, charge: str) -> Terms:
    promises = [
        *(promise(name, indicator) for name, indicator in AVAILABILITIES.items()),
        *(promise(name, indicator, "95") for name, indicator in COUNTED.items()),
        *(promise(name, indicator, "80", service="desk") for name, indicator in DESK.items()),
        promise("hourly", Availability(components=BOTH, no_data="up"), formula=HourlyRelief(more_than=minutes_long(6))),
        promise("share", AVAILABILITIES["pool-up"], formula=ProportionalCredit(times=Fraction(3, 2))),
        promise("per-step", AVAILABILITIES["long"], formula=SliceCredit(step=percent("0.05"), credit=percent("1.5"))),
        promise("all", Composite(of=("long", "slices", "paused"), rule="all")),
        promise("any", Composite(of=("covered", "long"), rule="any")),
        promise("weighted", Composite(of=("long", "office-clock", "percentile"), rule="weighted", weights=(5, 2, 1))),
        promise("journey", Composite(of=("planned-up", "long"), rule="journey")),
    ]
    windows = [
        replace(maintenance(3_000, 3_240), ground=PLANNED),
        replace(maintenance(25_000, 25_500, components=["db"]), ground=PLANNED, announced_at=minute(24_000)),
        maintenance(30_000, 30_020),
    ]
    sundays = RecurringMaintenance(id="sundays", service="bank", days=(6,), weeks=(1, 5), from_minute=120, lasts=hours(4), ground=PLANNED)
    credit = replace(
        rule(charge=charge, cap="60", rounding="half-up"),
        minimum=Decimal("1.00"),
        yearly_cap=percent("9"),
        claim=ClaimRule(business_days=5, calendar=OFFICE, counted_from="last-outage"),
    )
    return replace(terms(*promises, version=version, windows=windows, credit=credit, zone=BERLIN), recurring=(sundays,))


def newer_terms() -> list[TermsInForce]:
    """All that terms of the second version could say, amended on 15 June."""
    second = all_that_terms_can_say(2, "2345.67")
    assert second.credit is not None
    amended = replace(second, objectives=second.objectives[::-1], credit=replace(second.credit, combine="max", pro_rata=False))
    return [in_force(all_that_terms_can_say(1, "1234.45")), in_force(amended, first=date(2026, 6, 15))]


def newer_evidence() -> dict[str, Evidence]:
    known = old_evidence()
    answered = [step(f"t{number}", number * 700 - 3_950, "responded", "") for number in range(0, 60, 3)]
    raised = [step(f"t{number}", number * 700 - 3_500, "waiting", "1") for number in range(0, 60, 7)]
    return {**known, "desk": Evidence(tickets=[*known["desk"].tickets, *answered, *raised])}


def brief(assessment: Assessment) -> list[str]:
    """Each figure of something, its verdict and what it cost; then the money."""
    credit = assessment.credit
    assert credit is not None
    results = [
        f"{each.objective.id} {each.good}/{each.whole} {each.verdict} {each.credit_percent}" for each in assessment.objectives if each.whole
    ]
    return [*results, f"{credit.amount} of {credit.calculated}, {credit.percent}, {credit.claim_until}"]


def told(result: ObjectiveResult) -> tuple[object, ...]:
    """Everything that version 2 told of an objective."""
    progress = result.progress
    return (
        (result.terms_version, result.interval, result.unit, result.attainment, result.lower, result.upper, result.coverage),
        (progress.to_date, progress.if_nothing_else_fails, progress.budget, progress.budget_left),
        (progress.budget_spent, progress.at_risk, progress.lost),
        (result.credit_rule, result.percentile_us, result.scale, result.needed),
        [(span.interval, span.components, span.cause) for span in (*result.outages, *result.ignored)],
        [(span.interval, span.components, span.cause, span.counted_as) for span in result.exclusions],
        (result.unknown, result.outside),
        [(day.day.isoformat(), day.good, day.whole, day.down_us, day.excluded_us, day.unknown_us) for day in result.days],
        [(each.interval, each.good, each.total, each.share, each.bad, each.cause) for each in result.slices],
        [
            (
                *(ticket.ticket, ticket.priority, ticket.opened_at, ticket.due_at, ticket.resolved_at, str(ticket.verdict)),
                *(ticket.counted_us, ticket.allowed_us, ticket.clock),
            )
            for ticket in result.tickets
        ],
    )


def digest(assessment: Assessment) -> str:
    credit = assessment.credit
    assert credit is not None
    lines = [(line.objective_id, line.terms_version, line.percent, line.rule, line.share_of_period) for line in credit.lines]
    money = (credit.charge, credit.capped, credit.paid, credit.yearly_capped, lines)
    return sha256(repr(([told(each) for each in assessment.objectives], money)).encode()).hexdigest()


def judged(version: str, until: int) -> Assessment:
    booked = [BookedCredit(month=Month(2026, 4), amount=Money(Decimal("1500.00"), "EUR"), charge=Money(Decimal("1234.45"), "EUR"))]
    return assess(
        agreement_id="a",
        terms=newer_terms(),
        evidence=newer_evidence(),
        month=JUNE,
        measured_until=minute(until),
        booked=booked,
        calculator=version,
    )


VERSION_2_WHOLE_MONTH = [
    "pool-up 4731600000000/4752000000000 breached 1/10",
    "pool-exclude 4688400000000/4708800000000 breached 1/10",
    "pool-down 2324400000000/2376000000000 breached 1/4",
    "covered 1180800000000/1188000000000 breached 1/10",
    "planned-up 1202400000000/1209600000000 breached 1/10",
    "planned-down 1156800000000/1166400000000 breached 1/10",
    "long 1180800000000/1188000000000 breached 1/10",
    "aligned 1185600000000/1188000000000 breached 1/10",
    "as-it-was 1184400000000/1188000000000 breached 1/10",
    "office-hours 259200000000/259200000000 met 0",
    "mean-good 4024819000000000000000/4032000000000000000000 met 0",
    "mean-bad 2865819000000000000000/4032000000000000000000 breached 3/10",
    "mean-exclude 2865819000000000000000/2873000000000000000000 met 0",
    "mean-undetermined 2865819000000000000000/2873000000000000000000 undetermined 0",
    "slices 1925/2881 breached 3/10",
    "slices-empty 1916/4032 breached 3/10",
    "slow 224/334 breached 3/10",
    "percentile 1666/1774 breached 1/4",
    "paused 21/26 met 0",
    "office-clock 23/23 met 0",
    "responded 15/29 breached 3/10",
    "highest 3/12 breached 3/10",
    "first 3/15 breached 3/10",
    "hourly 1180800000000/1188000000000 breached 1/112",
    "share 4731600000000/4752000000000 breached 17/2640",
    "per-step 1180800000000/1188000000000 breached 33/200",
    "all 1/3 breached 3/10",
    "any 0/2 breached 3/10",
    "weighted 2/8 breached 3/10",
    "journey 1180800000000/1188000000000 breached 1/10",
    "journey 1379310000000/1381200000000 breached 1/10",
    "weighted 7/8 breached 3/10",
    "any 1/2 met 0",
    "all 1/3 breached 3/10",
    "per-step 1381200000000/1381200000000 met 0",
    "share 5520510000000/5524800000000 met 0",
    "hourly 1379310000000/1381200000000 breached 1/192",
    "first 0/14 breached 3/10",
    "highest 0/12 breached 3/10",
    "responded 10/30 breached 3/10",
    "office-clock 34/34 met 0",
    "paused 22/28 breached 3/10",
    "percentile 1151/1226 breached 1/4",
    "slow 158/231 breached 3/10",
    "slices-empty 2195/4608 breached 3/10",
    "slices 2196/3293 breached 3/10",
    "mean-undetermined 3283770000000000000000/3292000000000000000000 undetermined 0",
    "mean-exclude 3283770000000000000000/3292000000000000000000 met 0",
    "mean-bad 3283770000000000000000/4608000000000000000000 breached 3/10",
    "mean-good 4599770000000000000000/4608000000000000000000 met 0",
    "office-hours 302400000000/303600000000 breached 1/10",
    "as-it-was 1381200000000/1381200000000 met 0",
    "aligned 1380540000000/1381200000000 met 0",
    "long 1381200000000/1381200000000 met 0",
    "planned-down 1254510000000/1257600000000 breached 1/10",
    "planned-up 1380510000000/1382400000000 breached 1/10",
    "covered 1379310000000/1381200000000 breached 1/10",
    "pool-down 2635710000000/2762400000000 breached 1/4",
    "pool-exclude 5395710000000/5400000000000 met 0",
    "pool-up 5520510000000/5524800000000 met 0",
    "933.31 of 1049.35, 29/50, 2026-07-07",
]
VERSION_2_HALF_MONTH = [
    "pool-up 3522000000000/3542400000000 breached 1/10",
    "pool-exclude 3478800000000/3499200000000 breached 1/10",
    "pool-down 1719600000000/1771200000000 breached 1/10",
    "covered 878400000000/885600000000 breached 1/10",
    "planned-up 900000000000/907200000000 breached 1/10",
    "planned-down 854400000000/864000000000 breached 1/10",
    "long 878400000000/885600000000 breached 1/10",
    "aligned 883200000000/885600000000 breached 1/10",
    "as-it-was 882000000000/885600000000 breached 1/10",
    "office-hours 212400000000/212400000000 undetermined 0",
    "mean-good 3018619000000000000000/3024000000000000000000 undetermined 0",
    "mean-bad 2147619000000000000000/3024000000000000000000 undetermined 0",
    "mean-exclude 2147619000000000000000/2153000000000000000000 undetermined 0",
    "mean-undetermined 2147619000000000000000/2153000000000000000000 undetermined 0",
    "slices 1445/2161 undetermined 0",
    "slices-empty 1436/3024 undetermined 0",
    "slow 167/250 undetermined 0",
    "percentile 1247/1328 undetermined 0",
    "paused 18/21 undetermined 0",
    "office-clock 23/23 undetermined 0",
    "responded 15/26 undetermined 0",
    "highest 3/10 undetermined 0",
    "first 3/11 undetermined 0",
    "hourly 878400000000/885600000000 breached 1/112",
    "share 3522000000000/3542400000000 breached 17/2640",
    "per-step 878400000000/885600000000 breached 33/200",
    "all 0/1 breached 3/10",
    "any 0/2 breached 3/10",
    "weighted 0/5 breached 3/10",
    "journey 878400000000/885600000000 breached 1/10",
    "345.65 of 345.65, 7/25, 2026-06-11",
]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("until", "figures", "expected"),
    [
        (90_000, VERSION_2_WHOLE_MONTH, "1602c45c87c689a3edb1b5f0b7460b84ef1cc7acd201a7d6d1a92c21bb7e58d0"),
        (15_000, VERSION_2_HALF_MONTH, "b3ed4d684545cd4b012c541d79e13c64b7d8f8fa35e8da85ed06ec2b3d1d6627"),
    ],
)
def test_terms_of_the_second_version_have_the_figures_that_calculator_2_found(
    version: str, until: int, figures: list[str], expected: str
) -> None:
    """Lists and digests were written by calculator 2, before there was a third one; the first one is the same function."""
    result = judged(version, until)
    assert (brief(result), digest(result)) == (figures, expected)
    assert result.calculator == version


@pytest.mark.parametrize("until", [90_000, 15_000])
def test_calculator_3_differs_on_such_terms_only_in_the_outages_of_slices(until: int) -> None:
    older, newer = judged("2", until), judged("3", until)
    assert [part for part in newer.objectives if part.unit != "slices"] == [part for part in older.objectives if part.unit != "slices"]
    sliced = [(now, before) for now, before in zip(newer.objectives, older.objectives, strict=True) if now.unit == "slices"]
    assert [replace(now, outages=()) for now, _ in sliced] == [before for _, before in sliced]
    assert any(now.outages for now, _ in sliced)
    assert newer.credit == older.credit


def test_the_versions_that_can_be_run_end_with_the_one_that_is_run() -> None:
    assert list(CALCULATORS) == ["1", "2", "3"]
    assert CALCULATOR_VERSION == "3"
    assert assess(agreement_id="a", terms=newer_terms(), evidence={}, month=JUNE, measured_until=minute(1)).calculator == "3"
