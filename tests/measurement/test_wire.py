"""Translation between the contracts and the calculator's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from upheld.agreements.v1 import terms_pb2

from services.measurement.answers import AssessmentBody, ObjectiveResultBody
from services.measurement.assessment import CreditLine, SliceResult
from services.measurement.figure import OutageSpan, TicketResult, TicketVerdict
from services.measurement.interval import ALL_TIME
from services.measurement.judgement import ResultDocument
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
    ProportionalCredit,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    SliceCredit,
    TimeSlices,
)
from services.measurement.observation import Evidence
from services.measurement.wire import (
    SignedTerms,
    as_written_now,
    assessment_message,
    document_of,
    in_force,
    result_message,
    result_of,
    terms_of,
)
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.errors import Invalid
from services.vocabulary.money import Money
from services.vocabulary.period import HOUR, MINUTE, SECOND, Instant, Interval, Microseconds, parse_instant, parse_zone
from tests.measurement import promise
from tests.measurement.calculation import assessed, at, down, measured, minute, minutes, objective, outage, percent, rule, terms, tiers
from tests.measurement.calculation import in_force as in_force_from


def signed(number: int, day: str, *, target: str = "99.9") -> SignedTerms:
    return SignedTerms(
        version=number, effective_on=date.fromisoformat(day), message=promise.terms(target=target), recorded_at=Instant(number)
    )


def days(*versions: SignedTerms, last_day: date | None = None) -> list[tuple[int, str, str]]:
    found = in_force(versions, last_day=last_day)
    return [(each.terms.version, str(each.first_day), str(each.last_day or "")) for each in found]


def test_terms_are_read_as_they_were_signed() -> None:
    read = terms_of(promise.terms(), version=3)
    availability, requests = read.objectives
    assert availability.indicator == Availability(components=("web", "core-database"), combine="any", no_data="up")
    assert requests.indicator == RequestRatio(components=("web",))
    assert (availability.target, availability.decimals, availability.credit_tiers[0].credit) == (Fraction(999, 1000), 3, Fraction(1, 10))
    assert (read.version, read.zone.key, read.close_after_days, read.warn_at) == (3, "Europe/Berlin", 5, Fraction(3, 4))
    assert read.credit is not None
    assert (str(read.credit.charge), read.credit.cap) == ("10000.00", Fraction(3, 10))


def test_the_life_of_a_component_is_read_without_end_where_none_is_said() -> None:
    message = promise.terms()
    web, database = message.services[0].components
    web.in_service_from = "2026-03-16T00:00:00Z"
    database.in_service_until, database.in_service_from = "2026-05-01T00:00:00Z", "2026-04-01T00:00:00+02:00"
    (availability, requests) = (each.indicator for each in terms_of(message, version=1).objectives)
    assert isinstance(availability, Availability)
    assert availability.lives == (
        ("web", Interval(parse_instant("2026-03-16T00:00:00Z", place=""), ALL_TIME.end)),
        ("core-database", Interval(parse_instant("2026-03-31T22:00:00Z", place=""), parse_instant("2026-05-01T00:00:00Z", place=""))),
    )
    assert requests == RequestRatio(components=("web",))


def test_every_kind_of_indicator_is_read() -> None:
    message = promise.terms()
    response = terms_pb2.ResponseTime(components=["web"], threshold_ms="250.5", expected_every_s=300)
    resolution = terms_pb2.ResolutionTime(within_s=90 * 3600, priorities=["3"], reopened="runs-on")
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(response_time=response))
    message.objectives[1].indicator.CopyFrom(terms_pb2.Indicator(resolution_time=resolution))
    first, second = terms_of(message, version=1).objectives
    assert first.indicator == ResponseTime(threshold_us=250_500, components=("web",), expected_every=300_000_000)  # type: ignore[arg-type]
    assert second.indicator == ResolutionTime(within=324_000_000_000, priorities=("3",), reopened="runs-on")  # type: ignore[arg-type]


OFFICE = Calendar(
    id="office",
    zone=parse_zone("Europe/Berlin"),
    hours=(Hours(days=(0, 1, 2, 3, 4), from_minute=540, to_minute=1020), Hours(days=(5,), from_minute=0, to_minute=1440)),
    closed=frozenset({date(2026, 4, 3), date(2026, 12, 24)}),
)
PLANNED = ExclusionClass(
    id="planned-work", clause="4.2", approval="both", notice=Microseconds(240 * HOUR), monthly_cap=Microseconds(8 * HOUR)
)


def with_calendar() -> terms_pb2.Terms:
    message = promise.terms()
    office = message.calendars.add(id="office", region="DE-BY")
    office.hours.add(days=["mon", "tue", "wed", "thu", "fri"], to="17:00", **{"from": "09:00"})
    office.hours.add(days=["sat"], to="24:00", **{"from": "00:00"})
    office.holidays.add(day="2026-04-03", name="Good Friday")
    office.also_closed.add(day="2026-12-24", name="Christmas Eve")
    message.exclusion_classes.add(id="planned-work", clause="4.2", approval="both", notice_s=240 * 3600, monthly_cap_s=8 * 3600)
    message.exclusion_classes.add(id="force-majeure")
    return message


def read_indicator(**kind: object) -> Indicator:
    message = with_calendar()
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(**kind))  # type: ignore[arg-type]
    return terms_of(message, version=1).objectives[0].indicator


def seconds(number: int) -> Microseconds:
    return Microseconds(number * SECOND)


@pytest.mark.parametrize(
    ("kind", "told", "expected"),
    [
        (
            "availability",
            terms_pb2.Availability(
                components=["db-1", "db-2"],
                combine="pool",
                weights=[2, 1],
                minimum_coverage_percent="90",
                maintenance="up",
                minimum_outage=terms_pb2.MinimumOutage(at_least_s=300, whole_minutes=True, before_exclusions=True),
                hours="office",
            ),
            Availability(
                components=("db-1", "db-2"),
                combine="pool",
                weights=(2, 1),
                minimum_coverage=Fraction(9, 10),
                maintenance="up",
                minimum_outage=MinimumOutage(at_least=seconds(300), whole_minutes=True, before_exclusions=True),
                hours=OFFICE,
            ),
        ),
        (
            "interval_mean",
            terms_pb2.IntervalMean(components=["web"], every_s=300, empty="undetermined"),
            IntervalMean(every=seconds(300), components=("web",), empty="undetermined"),
        ),
        ("interval_mean", terms_pb2.IntervalMean(every_s=60), IntervalMean(every=seconds(60), empty="good")),
        (
            "time_slices",
            terms_pb2.TimeSlices(every_s=60, error_above_percent="5", minimum_events=10, minimum_consecutive=5, empty="exclude"),
            TimeSlices(every=seconds(60), error_above=Fraction(1, 20), minimum_events=10, minimum_consecutive=5, empty="exclude"),
        ),
        (
            "time_slices",
            terms_pb2.TimeSlices(every_s=60, percentile="95", latency_above_ms="800.0009"),
            TimeSlices(every=seconds(60), percentile=Fraction(95, 100), latency_above_us=800_000),
        ),
        (
            "response_time",
            terms_pb2.ResponseTime(threshold_ms="250", percentile="99.9"),
            ResponseTime(threshold_us=250_000, percentile=Fraction(999, 1000)),
        ),
        (
            "resolution_time",
            terms_pb2.ResolutionTime(
                within_s=28_800,
                stop="responded",
                hours="office",
                pauses=["waiting"],
                priority_rule="highest",
                priority_order=["1", "2"],
            ),
            ResolutionTime(
                within=seconds(28_800),
                stop="responded",
                hours=OFFICE,
                pauses=("waiting",),
                priority_rule="highest",
                priority_order=("1", "2"),
            ),
        ),
        (
            "composite",
            terms_pb2.Composite(of=["a", "b"], rule="weighted", weights=[2, 1]),
            Composite(of=("a", "b"), rule="weighted", weights=(2, 1)),
        ),
    ],
)
def test_every_field_of_an_indicator_is_read(kind: str, told: object, expected: Indicator) -> None:
    assert read_indicator(**{kind: told}) == expected


def test_a_promise_about_a_percentile_needs_no_target_of_its_own() -> None:
    message = promise.terms()
    response = terms_pb2.ResponseTime(threshold_ms="250", percentile="99")
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(response_time=response))
    message.objectives[0].target_percent = ""
    message.objectives[0].clause = "3.1"
    first = terms_of(message, version=1).objectives[0]
    assert (first.target, first.clause) == (Fraction(99, 100), "3.1")
    response.percentile = ""
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(response_time=response))
    with pytest.raises(Invalid, match="target_percent"):
        terms_of(message, version=1)


def test_a_calendar_has_the_agreements_zone_unless_it_names_its_own() -> None:
    message = with_calendar()
    message.calendars[0].zone = "Asia/Tokyo"
    message.objectives[0].indicator.availability.hours = "office"
    indicator = terms_of(message, version=1).objectives[0].indicator
    assert isinstance(indicator, Availability)
    assert indicator.hours == replace(OFFICE, zone=parse_zone("Asia/Tokyo"))


def test_windows_are_read_with_their_class_and_announcement() -> None:
    message = with_calendar()
    window = {"service": "bank", "start": "2026-03-20T00:00:00Z", "end": "2026-03-20T02:00:00Z"}
    message.maintenance.add(id="march", exclusion_class="planned-work", announced_at="2026-03-01T09:00:00Z", **window)
    message.maintenance.add(id="plain", **window)
    message.recurring_maintenance.add(
        id="sundays",
        service="bank",
        components=["db"],
        days=["sun", "mon"],
        weeks=["first", "last"],
        lasts_s=4 * 3600,
        reason="patches",
        exclusion_class="force-majeure",
        **{"from": "02:30"},
    )
    read = terms_of(message, version=1)
    march, plain = read.maintenance
    assert (march.ground, march.announced_at, march.approved_by) == (PLANNED, at("2026-03-01T09:00:00Z"), ())
    assert (plain.ground, plain.announced_at) == (None, None)
    (sundays,) = read.recurring
    assert (sundays.days, sundays.weeks, sundays.from_minute, sundays.lasts) == ((6, 0), (1, 5), 150, 4 * HOUR)
    assert (sundays.components, sundays.reason, sundays.ground) == (("db",), "patches", ExclusionClass(id="force-majeure"))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (terms_pb2.CreditFormula(hourly_relief=terms_pb2.HourlyRelief(more_than_s=360)), HourlyRelief(more_than=seconds(360))),
        (terms_pb2.CreditFormula(proportional=terms_pb2.Proportional(times="1.5")), ProportionalCredit(times=Fraction(3, 2))),
        (
            terms_pb2.CreditFormula(per_step=terms_pb2.PerStep(step_percent="0.1", credit_percent="5")),
            SliceCredit(step=Fraction(1, 1000), credit=Fraction(1, 20)),
        ),
    ],
)
def test_each_way_to_a_credit_without_tiers_is_read(formula: terms_pb2.CreditFormula, expected: CreditFormula) -> None:
    message = promise.terms()
    message.objectives[0].credit_formula.CopyFrom(formula)
    first, second = terms_of(message, version=1).objectives
    assert (first.credit_formula, second.credit_formula) == (expected, None)


def test_the_credit_schedule_is_read_and_what_it_leaves_out_is_the_default() -> None:
    message = with_calendar()
    plain = terms_of(message, version=1)
    assert plain.credit is not None
    assert (plain.credit.combine, plain.credit.minimum, plain.credit.yearly_cap, plain.credit.pro_rata) == ("sum", Decimal(0), None, True)
    assert (plain.credit.claim, plain.hard_close_after_days) == (None, None)
    message.hard_close_after_days = 30
    message.credit.combine, message.credit.minimum, message.credit.yearly_cap_percent = "max", "1.00", "25"
    message.credit.full_segments = True
    message.credit.claim.CopyFrom(terms_pb2.ClaimRule(business_days=5, calendar="office", counted_from="last-outage"))
    read = terms_of(message, version=1)
    assert read.credit is not None
    assert (read.credit.combine, read.credit.minimum, read.credit.yearly_cap, read.credit.pro_rata) == (
        "max",
        Decimal("1.00"),
        Fraction(1, 4),
        False,
    )
    assert read.credit.claim == ClaimRule(business_days=5, calendar=OFFICE, counted_from="last-outage")
    assert read.hard_close_after_days == 30


def _hours_of_no_calendar(message: terms_pb2.Terms) -> None:
    message.objectives[0].indicator.availability.hours = "nights"


def _class_that_is_not_there(message: terms_pb2.Terms) -> None:
    message.maintenance.add(id="m", start="2026-03-20T00:00:00Z", end="2026-03-20T02:00:00Z", exclusion_class="storms")


def _weights_for_one_of_two(message: terms_pb2.Terms) -> None:
    message.objectives[0].indicator.availability.weights.append(1)


def _no_length(message: terms_pb2.Terms) -> None:
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(interval_mean=terms_pb2.IntervalMean()))


def _two_thresholds(message: terms_pb2.Terms) -> None:
    slices = terms_pb2.TimeSlices(every_s=60, error_above_percent="5", percentile="95", latency_above_ms="800")
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(time_slices=slices))


def _no_threshold(message: terms_pb2.Terms) -> None:
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator(time_slices=terms_pb2.TimeSlices(every_s=60)))


def _no_clock_time(message: terms_pb2.Terms) -> None:
    message.calendars[0].hours[0].to = "17"


def _no_weekday(message: terms_pb2.Terms) -> None:
    message.calendars[0].hours[0].days.append("")


def _no_formula(message: terms_pb2.Terms) -> None:
    message.objectives[0].credit_formula.CopyFrom(terms_pb2.CreditFormula())


def _no_step(message: terms_pb2.Terms) -> None:
    message.objectives[0].credit_formula.per_step.CopyFrom(terms_pb2.PerStep(step_percent="0", credit_percent="5"))


def _no_decimal(message: terms_pb2.Terms) -> None:
    message.credit.minimum = "NaN"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_hours_of_no_calendar, "hours: must be one of office, not 'nights'"),
        (_class_that_is_not_there, "class: must be one of planned-work, force-majeure"),
        (_weights_for_one_of_two, "weights: must be a weight for each of web, core-database"),
        (_no_length, "every: must be more than 0"),
        (_two_thresholds, "time_slices: are bad above an error rate, or"),
        (_no_threshold, "time_slices: are bad above an error rate, or"),
        (_no_clock_time, "to: must be a civil time"),
        (_no_weekday, "days: must be one of mon"),
        (_no_formula, "credit_formula: is of no kind"),
        (_no_step, "step: must be more than 0"),
        (_no_decimal, "minimum: must be a decimal"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(spoil: Callable[[terms_pb2.Terms], None], message: str) -> None:
    agreed = with_calendar()
    terms_of(agreed, version=1)
    spoil(agreed)
    with pytest.raises(Invalid, match=message):
        terms_of(agreed, version=1)


def test_terms_that_nobody_could_have_signed_are_refused() -> None:
    message = promise.terms()
    message.objectives[0].indicator.CopyFrom(terms_pb2.Indicator())
    with pytest.raises(Invalid, match="of no kind"):
        terms_of(message, version=1)
    message = promise.terms()
    message.objectives[0].comparison = "<"
    with pytest.raises(Invalid, match="comparison"):
        terms_of(message, version=1)


def test_a_version_counts_until_the_day_before_the_next() -> None:
    assert days(signed(1, "2026-03-01"), signed(2, "2026-06-15")) == [(1, "2026-03-01", "2026-06-14"), (2, "2026-06-15", "")]


def test_a_later_version_that_reaches_further_back_replaces_the_one_between() -> None:
    found = days(signed(1, "2026-03-01"), signed(2, "2026-06-01"), signed(3, "2026-05-01"))
    assert found == [(1, "2026-03-01", "2026-04-30"), (3, "2026-05-01", "")]
    assert days(signed(1, "2026-03-01"), signed(2, "2026-03-01")) == [(2, "2026-03-01", "")]


def test_nothing_counts_after_the_agreements_last_day() -> None:
    found = days(signed(1, "2026-03-01"), signed(2, "2026-06-15"), last_day=date(2026, 5, 31))
    assert found == [(1, "2026-03-01", "2026-05-31")]


def test_a_document_has_the_fields_of_the_contract_and_no_others() -> None:
    agreed = terms(objective(credit_tiers=tiers(("99.9", "10"))), credit=rule())
    document = document_of(assessed([in_force_from(agreed)], Evidence(outages=[outage(10, 60, cause="disk")])))
    message = assessment_message(document)
    assert {field.name for field in message.DESCRIPTOR.fields} == set(document)
    results = document["objectives"]
    assert isinstance(results, list)
    assert isinstance(results[0], dict)
    assert {field.name for field in message.objectives[0].DESCRIPTOR.fields} == set(results[0])
    again = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert again["objectives"][0]["outages"][0]["cause"] == "disk"
    assert again["credit"] == document["credit"]
    assert AssessmentBody.model_validate(document).model_dump() == document


def test_what_is_not_is_told_as_empty_text_and_never_as_a_number() -> None:
    unknown = document_of(assessed([in_force_from(terms(objective()))], Evidence()))
    results = unknown["objectives"]
    assert isinstance(results, list)
    result = results[0]
    assert isinstance(result, dict)
    assert (result["attainment"], result["attainment_percent"]) == ("", "")
    assert unknown["credit"] is None
    assert AssessmentBody.model_validate(unknown).credit is None


def test_figures_are_exact_text_and_percentages_are_floored() -> None:
    results = document_of(assessed([in_force_from(terms(objective()))], down(44)))["objectives"]
    assert isinstance(results, list)
    result = results[0]
    assert isinstance(result, dict)
    assert (result["good"], result["whole"], result["unit"]) == (str((43_200 - 44) * 60_000_000), str(43_200 * 60_000_000), "us")
    assert (result["attainment"], result["attainment_percent"], result["target_percent"]) == ("10789/10800", "99.89", "99.9")


def test_the_explanation_of_a_result_is_told_whole() -> None:
    ticket = TicketResult(
        ticket="INC-1",
        priority="2",
        opened_at=minute(0),
        due_at=minute(480),
        resolved_at=None,
        verdict=TicketVerdict.MISSED,
        counted_us=500 * MINUTE,
        allowed_us=480 * MINUTE,
        clock="office",
        excluded_by="claim e-1, power-cut",
    )
    slow = SliceResult(interval=minutes(5, 6), good=8, total=10, share=0, bad=True, cause="latency")
    result = replace(
        measured(down(44), replace(objective(), clause="3.1")),
        tickets=(ticket,),
        slices=(slow,),
        ignored=(OutageSpan(interval=minutes(0, 1), components=("db",), cause="blip"),),
        outside=(minutes(10, 20),),
        percentile_us=812_500,
        needed="the readings of 1 June",
        scale=3,
    )
    told = result_of(result)
    assert told["tickets"] == [
        {
            "ticket": "INC-1",
            "priority": "2",
            "opened_at": "2026-06-01T00:00:00Z",
            "due_at": "2026-06-01T08:00:00Z",
            "resolved_at": "",
            "verdict": "missed",
            "counted_us": 30_000_000_000,
            "allowed_us": 28_800_000_000,
            "clock": "office",
            "excluded_by": "claim e-1, power-cut",
        }
    ]
    start, end = "2026-06-01T00:05:00Z", "2026-06-01T00:06:00Z"
    assert told["slices"] == [{"start": start, "end": end, "good": "8", "total": "10", "share": "0", "bad": True, "cause": "latency"}]
    ignored, outside = told["ignored"], told["outside"]
    assert isinstance(ignored, list)
    assert isinstance(outside, list)
    assert (ignored[0]["components"], ignored[0]["cause"], ignored[0]["duration_us"]) == (["db"], "blip", MINUTE)
    assert (outside[0]["start"], outside[0]["duration_us"]) == ("2026-06-01T00:10:00Z", 10 * MINUTE)
    assert (told["percentile_ms"], told["clause"], told["needed"], told["scale"]) == ("812.5", "3.1", "the readings of 1 June", 3)
    assert ObjectiveResultBody.model_validate(told).model_dump() == told
    assert result_message(told).percentile_ms == "812.5"


@pytest.mark.parametrize(("us", "ms"), [(None, ""), (0, "0"), (800_000, "800"), (812_345, "812.345"), (10, "0.01"), (100_000, "100")])
def test_a_percentile_is_told_in_exact_milliseconds(us: int | None, ms: str) -> None:
    assert result_of(replace(measured(down(1)), percentile_us=us))["percentile_ms"] == ms


@pytest.mark.parametrize(
    ("indicator", "name"),
    [
        (IntervalMean(every=seconds(300)), "interval-mean"),
        (TimeSlices(every=seconds(60), error_above=Fraction(1, 20)), "time-slices"),
        (Composite(of=("a",), rule="all"), "composite"),
        (ResolutionTime(within=seconds(1)), "resolution-time"),
    ],
)
def test_a_kind_has_the_name_it_has_in_the_terms(indicator: Indicator, name: str) -> None:
    assert result_of(replace(measured(down(1)), objective=objective(indicator)))["indicator"] == name


def test_a_credit_is_told_with_its_lines() -> None:
    agreed = terms(objective(credit_tiers=tiers(("99.9", "10"))), credit=rule())
    assessment = assessed([in_force_from(agreed)], down(44))
    assert assessment.credit is not None
    line = CreditLine(objective_id="o", terms_version=2, percent=percent("10"), rule="below 99.9: 10", share_of_period=Fraction(8, 15))
    credit = replace(
        assessment.credit,
        lines=(line,),
        paid=False,
        calculated=Money(Decimal("53.33"), "EUR"),
        claim_until=date(2026, 7, 30),
        yearly_capped=True,
    )
    document = document_of(replace(assessment, credit=credit))
    told = document["credit"]
    assert isinstance(told, dict)
    assert told["lines"] == [
        {"objective_id": "o", "terms_version": 2, "percent": "1/10", "rule": "below 99.9: 10", "share_of_period": "8/15"}
    ]
    assert (told["paid"], told["calculated"], told["claim_until"], told["yearly_capped"]) == (False, "53.33", "2026-07-30", True)
    assert assessment_message(document).credit.lines[0].share_of_period == "8/15"
    assert AssessmentBody.model_validate(document).model_dump() == document


OF_BEFORE = ("ignored", "outside", "slices", "percentile_ms", "clause", "needed", "scale")


def test_a_period_closed_by_an_older_calculator_still_reads_and_was_paid() -> None:
    file = Path(__file__).parents[1] / "contracts/measurement/calculator-1/period.closed.v1.json"
    document = json.loads(file.read_text())["assessment"]
    assert not set(OF_BEFORE) & set(document["objectives"][0])
    now = as_written_now(document)
    message = assessment_message(document)
    assert AssessmentBody.model_validate(now).model_dump() == now
    assert (message.objectives[0].scale, message.objectives[0].attainment) == (1, "2159/2160")
    assert (message.credit.paid, message.credit.calculated) == (False, "0.00")
    document["credit"]["amount"] = "100.00"
    assert (assessment_message(document).credit.paid, assessment_message(document).credit.calculated) == (True, "100.00")
    document["credit"] = None
    assert not assessment_message(document).HasField("credit")


def test_a_result_recorded_by_an_older_calculator_still_reads() -> None:
    told = result_of(measured(down(44)))
    before: ResultDocument = {name: value for name, value in told.items() if name not in OF_BEFORE}
    assert result_message(before) == result_message(told)


def test_what_is_written_now_is_left_as_it_is() -> None:
    document = document_of(assessed([in_force_from(terms(objective(), credit=rule()))], down(44)))
    assert as_written_now(document) == document
