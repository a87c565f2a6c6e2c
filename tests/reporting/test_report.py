"""The report's rules, on worked numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest
from upheld.improvement.v1.events_pb2 import ImprovementChanged

from services.reporting import wire
from services.reporting.application import read
from services.reporting.material import Agreement, Assessment, Breach, Improvement, PeriodResult
from services.reporting.promise import indicator_in_words
from services.reporting.report import (
    Report,
    before,
    document,
    has_run,
    is_fully_told,
    minutes_text,
    report,
    since,
)
from services.vocabulary.period import Cycle, parse_month, parse_period
from tests.reporting import given
from tests.reporting.given import Outage

KNOWN_AT = "2026-04-04T09:00:01Z"


def agreement() -> Agreement:
    told = given.activated()
    first = wire.terms(told.terms, number=1, effective_on=told.effective_on, recorded_at=told.recorded_at)
    return Agreement(id=given.AGREEMENT, status="active", last_day="", versions=(first,))


def march_breach() -> Breach:
    return wire.breach(given.breached(given.march()), trace_id=given.TRACE)


def improvements(*told: ImprovementChanged) -> list[Improvement]:
    return [wire.improvement(each) for each in told]


def made(
    assessment: Assessment,
    *,
    previous: Assessment | None = None,
    breaches: Sequence[Breach] = (),
    told: Sequence[Improvement] = (),
    known_at: str = KNOWN_AT,
) -> Report:
    return report(
        agreement=agreement(),
        result=PeriodResult(assessment=assessment),
        previous=previous,
        breaches=breaches,
        warnings=(),
        improvements=told,
        known_at=known_at,
    )


def march_report(*told: ImprovementChanged) -> Report:
    return made(wire.assessment(given.march()), breaches=[march_breach()], told=improvements(*told))


def test_sixty_minutes_down_in_march_are_told_as_they_were_judged() -> None:
    objective = march_report().objectives[0]
    assert (objective.attainment_percent, objective.verdict, objective.target_percent) == ("99.864", "breached", "99.9")
    assert objective.attainment == "738/739"  # 44,580 min of March in Berlin without 240 of maintenance: 44,280 of 44,340
    assert [span.minutes for span in objective.outages] == ["14", "25", "14", "7"]
    assert objective.exclusions[0].minutes == "240"


def test_the_error_budget_is_what_the_target_allows_and_what_is_left_of_it() -> None:
    budget = march_report().objectives[0].budget
    assert budget is not None
    assert (budget.allowed, budget.used, budget.left) == ("2660400000", "3600000000", "-939600000")
    assert budget.spent_percent == "135.3"


def test_without_progress_the_budget_follows_by_subtraction() -> None:
    told = given.march()
    told.objectives[0].ClearField("progress")
    budget = made(wire.assessment(told)).objectives[0].budget
    assert budget is not None
    assert (budget.allowed, budget.used, budget.left) == ("2660400000", "3600000000", "-939600000")


def test_an_objective_with_nothing_to_judge_has_no_budget_and_no_figure() -> None:
    nothing = given.counted("resolution", {"2026-03-02": (0, 0)}, unit="tickets")
    objective = made(wire.assessment(given.assessment("2026-03", [nothing]))).objectives[0]
    assert (objective.budget, objective.attainment_percent, objective.verdict) == (None, "", "not-applicable")


def test_an_undetermined_month_shows_its_bounds() -> None:
    gap = Outage(start="2026-04-10T00:00:00Z", end="2026-04-13T00:00:00Z", components=(), cause="")
    thirty = Outage(start="2026-04-20T08:00:00Z", end="2026-04-20T08:30:00Z")
    measured = given.availability("2026-04", [thirty], unknown=[gap])
    objective = made(wire.assessment(given.assessment("2026-04", [measured]))).objectives[0]
    assert objective.verdict == "undetermined"
    assert (objective.bounds.lower_percent, objective.bounds.upper_percent, objective.coverage_percent) == ("89.930", "99.930", "90.0000")
    assert objective.unknown[0].minutes == "4320"


def test_the_credit_says_how_it_comes_about() -> None:
    credit = march_report().credit
    assert credit is not None
    assert (credit.amount, credit.percent, credit.currency) == ("1200.00", "10", "EUR")
    assert credit.explanation == (
        "Availability of online banking came to 99.864 % against 99.9 %, which costs 10 %. "
        "Together 10 % of the monthly charge of EUR 12,000.00: EUR 1,200.00 (rounded half-even)."
    )


def test_a_month_without_a_breach_says_that_nothing_is_owed() -> None:
    credit = made(wire.assessment(given.may())).credit
    assert credit is not None
    assert (credit.amount, credit.explanation) == ("0.00", "No objective fell below a level that earns a credit.")


def test_a_capped_credit_names_the_cap() -> None:
    told = given.march()
    told.credit.capped, told.credit.percent, told.credit.amount = True, "50", "6000.00"
    credit = made(wire.assessment(told)).credit
    assert credit is not None
    assert "Together 50 % of the monthly charge of EUR 12,000.00, limited to the agreed 50 %: EUR 6,000.00" in credit.explanation


def test_the_month_before_stands_beside_each_objective() -> None:
    objective = made(wire.assessment(given.april()), previous=wire.assessment(given.march())).objectives[0]
    assert objective.previous is not None
    assert (objective.previous.period, objective.previous.attainment_percent, objective.previous.verdict) == (
        "2026-03",
        "99.864",
        "breached",
    )


def test_the_first_month_has_none_before_it() -> None:
    assert march_report().objectives[0].previous is None


def test_a_breach_carries_its_id_its_moment_and_its_trace() -> None:
    breach = march_report().breaches[0]
    assert (breach.breach_id, breach.recorded_at, breach.trace_id) == (given.breach_id(), "2026-03-24T14:05:00Z", given.TRACE)
    assert breach.stands


def test_a_breach_that_a_restatement_took_back_is_told_as_no_longer_standing() -> None:
    assert not made(wire.assessment(given.april()), breaches=[march_breach()]).breaches[0].stands


def test_a_restatement_tells_cause_difference_and_what_it_replaces() -> None:
    late = Outage(start="2026-03-20T10:00:00Z", end="2026-03-20T10:20:00Z")
    told = given.restated(
        given.march(revision=2, more=[late]), previous=given.march(), cause="Late data of probe 7", credit_difference="0.00"
    )
    result = report(
        agreement=agreement(),
        result=wire.restated(told),
        previous=None,
        breaches=[march_breach()],
        warnings=(),
        improvements=(),
        known_at=KNOWN_AT,
    )
    restatement = result.period.restatement
    assert restatement is not None
    assert (result.period.revision, restatement.previous_revision, restatement.cause) == (2, 1, "Late data of probe 7")
    assert [(row.percent_before, row.percent_after) for row in restatement.objectives] == [("99.864", "99.819")]


def test_a_running_month_is_provisional_and_says_how_far_it_was_measured() -> None:
    period = made(wire.assessment(given.june())).period
    assert (period.provisional, period.closed, period.revision, period.measured_until) == (True, False, 0, "2026-06-12T10:00:00Z")


def test_progress_is_told_only_while_the_month_runs() -> None:
    running, ended = made(wire.assessment(given.june())).objectives[0], march_report().objectives[0]
    assert running.progress is not None
    assert running.progress.at_risk
    assert ended.progress is None


def test_an_amendment_inside_the_month_shows_a_part_for_each_terms() -> None:
    first, second = given.availability("2026-03", given.MARCH_OUTAGES), given.availability("2026-03", (), target="99.95")
    first.end = second.start = "2026-03-15T23:00:00Z"
    parts = made(wire.assessment(given.assessment("2026-03", [first, second]))).objectives
    assert [(part.segment.from_day, part.segment.to_day) for part in parts if part.segment] == [
        ("2026-03-01", "2026-03-15"),
        ("2026-03-16", "2026-03-31"),
    ]


def test_each_part_of_a_split_month_is_described_by_the_terms_that_judged_it() -> None:
    wider = given.terms()
    wider.objectives[2].indicator.response_time.threshold_ms = "1200"
    second = wire.terms(wider, number=2, effective_on="2026-03-16", recorded_at="2026-03-10T10:00:00Z")
    whole = wire.assessment(given.march())
    part = whole.segments("response-time")[0]
    split = replace(
        whole,
        objectives=(
            replace(part, terms_version=1, start=whole.start, end="2026-03-15T23:00:00Z"),
            replace(part, terms_version=2, start="2026-03-15T23:00:00Z", end=whole.end),
        ),
        terms_versions=(1, 2),
    )
    amended = replace(agreement(), versions=(*agreement().versions, second))
    told = report(
        agreement=amended,
        result=PeriodResult(assessment=split),
        previous=None,
        breaches=(),
        warnings=(),
        improvements=(),
        known_at=KNOWN_AT,
    )
    assert [each.indicator_in_words[-14:] for each in told.objectives] == ["within 800 ms.", "ithin 1200 ms."]


def test_only_tickets_that_missed_their_time_are_listed() -> None:
    resolution = march_report().objectives[3]
    assert [ticket.ticket for ticket in resolution.tickets_missed] == ["INC-1041"]


def test_the_may_report_shows_before_and_after_of_the_improvement_of_march() -> None:
    told = improvements(given.improvement_at("effective"))
    shown = made(wire.assessment(given.may()), told=told, known_at="2026-06-04T09:00:00Z").improvements
    assert [(part.verdict, part.before and part.before.percent, part.after and part.after.percent) for part in shown] == [
        ("effective", "99.864", "99.993")
    ]


def test_an_improvement_of_a_later_breach_is_no_part_of_an_earlier_report() -> None:
    later = [replace(told, period="2026-05") for told in improvements(given.improvement_at("opened"))]
    assert made(wire.assessment(given.march()), told=later).improvements == ()


def test_an_improvement_that_was_proved_long_ago_is_told_no_more() -> None:
    told = [replace(each, changed_at="2026-04-20T00:00:00Z") for each in improvements(given.improvement_at("effective"))]
    assert made(wire.assessment(given.may()), told=told).improvements == ()
    assert len(made(wire.assessment(given.april()), told=told).improvements) == 1


def test_an_improvement_still_under_way_is_told_until_it_is_done() -> None:
    told = improvements(given.improvement_at("planned"))
    assert [part.status for part in made(wire.assessment(given.may()), told=told).improvements] == ["planned"]


def test_what_changed_after_the_issue_is_told_as_since_then_only() -> None:
    issued = march_report(given.improvement_at("analysed"))
    then = since(
        issued,
        agreement=agreement(),
        improvements=improvements(given.improvement_at("effective")),
        newest_revision=1,
        as_of="2026-06-04T00:00:00Z",
    )
    assert [(part.status, part.version) for part in then.improvements] == [("effective", 6)]
    assert [part.status for part in issued.improvements] == ["analysed"]


def test_nothing_is_told_as_since_then_while_nothing_changed() -> None:
    issued = march_report(given.improvement_at("analysed"))
    then = since(
        issued,
        agreement=agreement(),
        improvements=improvements(given.improvement_at("analysed")),
        newest_revision=1,
        as_of="2026-04-05T00:00:00Z",
    )
    assert then.improvements == ()
    assert then.newer_revision is None


def test_a_newer_revision_is_told_as_since_then() -> None:
    then = since(march_report(), agreement=agreement(), improvements=(), newest_revision=2, as_of="2026-04-25T00:00:00Z")
    assert then.newer_revision == 2


def test_the_same_material_gives_the_same_bytes() -> None:
    assert document(march_report(given.improvement_at("planned"))) == document(march_report(given.improvement_at("planned")))


def test_a_document_reads_back_as_the_report_it_was() -> None:
    whole = march_report(given.improvement_at("effective"))
    assert read(document(whole)) == whole


def test_ratios_and_money_are_texts_in_the_document() -> None:
    told = json.loads(document(march_report()))
    assert told["schema"] == "upheld.report.v1"
    assert told["objectives"][0]["attainment"] == "738/739"
    assert told["credit"]["amount"] == "1200.00"


def test_the_paths_of_a_closed_month_lead_to_what_was_stated_and_not_to_what_replaced_it() -> None:
    closed, running = march_report(), made(wire.assessment(given.june()))
    assert closed.provenance.assessment_path == f"/v1/assessments/{given.AGREEMENT}/2026-03?known_at={closed.provenance.assessed_at}"
    assert closed.provenance.report_path == f"/v1/reports/{given.AGREEMENT}/2026-03?revision=1"
    assert running.provenance.assessment_path == f"/v1/assessments/{given.AGREEMENT}/2026-06"


def test_the_order_in_which_things_were_told_changes_nothing() -> None:
    first = [march_breach(), replace(march_breach(), breach_id="a", objective_id="requests")]
    assert asdict(made(wire.assessment(given.march()), breaches=first)) == asdict(
        made(wire.assessment(given.march()), breaches=list(reversed(first)))
    )


@pytest.mark.parametrize(
    ("month", "now", "expected"),
    [
        ("2026-03", "2026-03-15T00:00:00Z", True),
        ("2026-02", "2026-03-15T00:00:00Z", False),
        ("2026-04", "2026-03-31T21:59:00Z", False),
        ("2026-04", "2026-03-31T22:00:00Z", True),  # midnight in Berlin
        ("2027-03", "2027-04-15T00:00:00Z", False),  # after the last day
    ],
)
def test_only_months_that_have_begun_within_the_agreement_can_be_reported(month: str, now: str, expected: bool) -> None:
    assert has_run(agreement(), parse_month(month, place="month"), now=now) is expected


def test_a_terminated_agreement_is_not_reported_beyond_its_last_day() -> None:
    ended = replace(agreement(), status="terminated", last_day="2026-04-30")
    assert has_run(ended, parse_month("2026-04", place="month"), now="2026-06-01T00:00:00Z")
    assert not has_run(ended, parse_month("2026-05", place="month"), now="2026-06-01T00:00:00Z")


def test_a_result_waits_for_its_breaches_and_its_terms() -> None:
    result = wire.assessment(given.march())
    assert not is_fully_told(agreement(), result, [])
    assert is_fully_told(agreement(), result, [march_breach()])
    assert not is_fully_told(agreement(), replace(result, terms_versions=(1, 2)), [march_breach()])


@pytest.mark.parametrize(("duration_us", "text"), [(89_000_000, "1.483"), (60_000_000, "1"), (0, "0"), (14_400_000_000, "240")])
def test_minutes_are_floored_to_three_decimals(duration_us: int, text: str) -> None:
    assert minutes_text(duration_us) == text


def test_each_indicator_is_told_in_words() -> None:
    terms = agreement().newest
    said = []
    for objective in terms.objectives:
        service = terms.service(objective.service)
        assert service is not None
        said.append(indicator_in_words(objective.indicator, service, terms))
    assert said == [
        "Share of the eligible time in which Web front end and Core database worked, down while any of them is; "
        "agreed maintenance is left out, time without data stays unknown and counts for neither side.",
        "Share of all requests to Web front end that succeeded, pooled over the month.",
        "Share of all requests to Web front end that were answered within 800 ms.",
        "Share of priority P2 tickets due in the month that were resolved within 8 h, around the clock; "
        "the clock of a reopened ticket runs on until its last resolution.",
    ]


def by(*cycles: Cycle, first_day: str = "2026-03-01", ends_on: str = "2027-02-28") -> Agreement:
    """A version a cycle, each from a month later on."""
    (first,) = agreement().versions
    versions = [
        replace(first, number=index + 1, cycle=cycle, effective_on=first_day if index == 0 else f"2026-{3 + index:02d}-01", ends_on=ends_on)
        for index, cycle in enumerate(cycles)
    ]
    return replace(agreement(), versions=tuple(versions))


@pytest.mark.parametrize(
    ("cycle", "period", "now", "expected"),
    [
        (Cycle("quarter"), "2026-Q1", "2026-03-01T00:00:00Z", True),
        (Cycle("quarter"), "2026-Q1", "2026-02-20T00:00:00Z", False),  # begun, but the agreement not
        (Cycle("quarter"), "2026-Q2", "2026-03-31T21:59:00Z", False),
        (Cycle("quarter"), "2026-Q2", "2026-03-31T22:00:00Z", True),  # midnight in Berlin
        (Cycle("quarter"), "2026-03", "2026-04-15T00:00:00Z", False),  # another cycle's
        (Cycle("quarter"), "2027-Q2", "2027-05-15T00:00:00Z", False),  # after the last day
        (Cycle("year"), "2026", "2026-04-15T00:00:00Z", True),
        (Cycle("contract-year"), "2026-03-01--P1Y", "2026-04-15T00:00:00Z", True),
        (Cycle("contract-year"), "2026-03-02--P1Y", "2026-04-15T00:00:00Z", False),
        (Cycle(from_day=15), "2026-02-15--P1M", "2026-03-10T00:00:00Z", True),
        (Cycle(from_day=15), "2026-01-15--P1M", "2026-03-10T00:00:00Z", False),  # over before the agreement
        (Cycle("week"), "2026-W10", "2026-03-04T00:00:00Z", True),
        (Cycle("rolling", days=30), "2026-03-10--P30D", "2026-04-07T21:59:00Z", False),  # ends on 8 April
        (Cycle("rolling", days=30), "2026-03-10--P30D", "2026-04-07T22:00:00Z", True),
        (Cycle("rolling", days=30), "2026-03-10--P31D", "2026-05-07T22:00:00Z", False),
    ],
)
def test_only_the_agreements_own_periods_can_be_reported(cycle: Cycle, period: str, now: str, expected: bool) -> None:
    assert has_run(by(cycle), parse_period(period, place="period"), now=now) is expected


def test_after_an_amendment_the_periods_of_every_version_can_be_reported() -> None:
    amended = by(Cycle(), Cycle("quarter"))
    asked = [parse_period(each, place="period") for each in ("2026-03", "2026-Q2", "2026-W10")]
    assert [has_run(amended, period, now="2026-07-01T00:00:00Z") for period in asked] == [True, True, False]


def test_the_contract_year_before_is_one_of_the_agreements_own() -> None:
    leap = by(Cycle("contract-year"), first_day="2024-02-29")
    year = parse_period("2025-02-28--P1Y", place="period")
    assert str(before(leap, year)) == "2024-02-29--P1Y"
    assert str(before(leap, parse_period("2026-Q1", place="period"))) == "2025-Q4"
    assert str(before(leap, parse_period("2026-02-14--P30D", place="period"))) == "2026-02-13--P30D"


def quarterly(assessment: Assessment, *, told: Sequence[Improvement] = ()) -> Report:
    terms = wire.terms(given.by_quarters(), number=1, effective_on="2026-03-01", recorded_at="2026-02-20T10:00:00Z")
    return report(
        agreement=Agreement(id=given.AGREEMENT, status="active", last_day="", versions=(terms,)),
        result=PeriodResult(assessment=assessment),
        previous=wire.assessment(given.first_quarter()),
        breaches=(),
        warnings=(),
        improvements=told,
        known_at="2026-07-04T09:00:01Z",
    )


def test_a_quarter_is_reported_beside_the_quarter_before_and_paid_of_its_three_charges() -> None:
    made_of = quarterly(wire.assessment(given.second_quarter()))
    assert (made_of.period.period, made_of.period.previous_period) == ("2026-Q2", "2026-Q1")
    assert (made_of.period.start, made_of.period.end) == ("2026-03-31T22:00:00Z", "2026-06-30T22:00:00Z")
    (availability,) = made_of.objectives
    assert (availability.attainment_percent, availability.verdict) == ("99.847", "breached")
    assert availability.previous is not None
    assert (availability.previous.period, availability.previous.attainment_percent) == ("2026-Q1", "99.953")
    assert made_of.credit is not None
    assert (made_of.credit.monthly_charge, made_of.credit.period_charge, made_of.credit.amount) == ("12000.00", "36000.00", "3600.00")
    assert made_of.credit.explanation == (
        "Availability of online banking came to 99.847 % against 99.9 %, which costs 10 %. "
        "Together 10 % of the quarter's charge of EUR 36,000.00: EUR 3,600.00 (rounded half-even)."
    )
    assert made_of.provenance.command.endswith("--period 2026-Q2")
    assert read(document(made_of)) == made_of


def test_an_improvement_is_of_this_period_or_of_one_before_in_time_whatever_their_texts_say() -> None:
    (march,) = improvements(given.improvement_at("planned"))
    assert march.period == "2026-03"
    assert [each.id for each in quarterly(wire.assessment(given.second_quarter()), told=[march]).improvements] == [march.id]
    later = replace(march, id="later", period="2026-10")
    assert quarterly(wire.assessment(given.second_quarter()), told=[later]).improvements == ()
