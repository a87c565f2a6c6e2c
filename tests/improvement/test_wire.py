"""What measurement says, in this room's words."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from upheld.agreements.v1 import terms_pb2
from upheld.measurement.v1 import assessment_pb2

from services.improvement.analysis import PARTS_OF_AN_INTERVAL, Agreed, DayCount, LateTicket, analysed
from services.improvement.effect import Figure
from services.improvement.wire import ObjectiveNotAssessed, TermsNotTold, agreed, breach, breached_objective, improvement, measured_figure
from services.vocabulary.errors import Invalid
from services.vocabulary.period import HOUR, MINUTE, datetime_of
from tests.improvement.given import ANALYSIS, BREACH, EFFECTIVE, JUNE_1, MAY, OPENED, UP_TO_IMPLEMENTED, given
from tests.improvement.house import breach_message, march, march_result


def test_a_breach_is_read_with_the_auditors_known() -> None:
    assert breach(breach_message(), auditors=["bank-examiner"]) == BREACH


def test_an_unknown_comparison_is_refused() -> None:
    message = breach_message()
    message.result.comparison = "~"
    with pytest.raises(Invalid, match="comparison: must be >= or >, not '~'"):
        breach(message, auditors=())


def test_an_assessment_becomes_what_is_analysed() -> None:
    assert analysed(breached_objective(march(), "availability")) == ANALYSIS


def test_of_the_segments_of_an_amended_month_the_breached_one_with_most_bad_is_analysed() -> None:
    segments = (march_result(bad_minutes=300, verdict="met"), march_result(bad_minutes=50), march_result(bad_minutes=93))
    assert breached_objective(march(*segments), "availability").bad == 93 * MINUTE


def test_an_objective_without_a_result_is_refused() -> None:
    with pytest.raises(ObjectiveNotAssessed):
        breached_objective(march(), "requests")


def test_days_are_read_as_counts() -> None:
    result = march_result()
    result.indicator = "request-ratio"
    result.days.append(assessment_pb2.Day(day="2026-03-09", good="9", whole="10"))
    assert breached_objective(march(result), "availability").days == (DayCount(day=date(2026, 3, 9), good=9, whole=10),)


def test_only_missed_tickets_are_late_and_an_open_one_is_late_until_it_was_measured() -> None:
    due = "2026-03-31T12:00:00Z"
    result = march_result()
    result.indicator = "resolution-time"
    result.tickets.extend(
        [
            assessment_pb2.TicketResult(ticket="A", priority="3", due_at=due, resolved_at="2026-03-31T11:00:00Z", verdict="met"),
            assessment_pb2.TicketResult(ticket="B", priority="3", due_at=due, resolved_at="2026-03-31T15:00:00Z", verdict="missed"),
            assessment_pb2.TicketResult(ticket="C", priority="4", due_at=due, verdict="missed"),
            assessment_pb2.TicketResult(ticket="D", priority="4", due_at="2026-04-02T00:00:00Z", verdict="open"),
        ]
    )
    assert breached_objective(march(result), "availability").late_tickets == (
        LateTicket(ticket="B", priority="3", late_by=3 * HOUR, still_open=False),
        LateTicket(ticket="C", priority="4", late_by=10 * HOUR, still_open=True),
    )


def test_a_figure_without_coverage_counts_as_unknown() -> None:
    result = assessment_pb2.ObjectiveResult(good="9", whole="10")
    expected = Figure(start=datetime_of(MAY.start), end=datetime_of(MAY.end), good=9, whole=10, coverage=Fraction(0))
    assert measured_figure(result, MAY) == expected


def test_what_has_not_happened_yet_is_empty_on_the_wire() -> None:
    message = improvement(given(OPENED), 1)
    assert (message.status, list(message.findings), message.HasField("plan"), message.approved_by) == ("opened", [], False, "")


def test_a_proof_goes_out_floored_and_exact() -> None:
    message = improvement(given(*UP_TO_IMPLEMENTED, EFFECTIVE, recorded_at=JUNE_1), 6)
    (proof,) = message.verifications
    assert (proof.before_percent, proof.before_attainment) == ("99.790257", "14749/14780")
    assert (proof.target_percent, proof.expected_percent, proof.verified_at) == ("99.9", "99.988723", "2026-06-01T07:00:00Z")
    assert (proof.before_start, proof.after_end) == ("2026-02-28T23:00:00Z", "2026-05-31T22:00:00Z")


def test_a_late_ticket_is_late_by_its_clock() -> None:
    result = march_result()
    result.indicator = "resolution-time"
    result.tickets.add(
        ticket="A",
        priority="1",
        due_at="2026-03-06T16:00:00Z",
        resolved_at="2026-03-09T09:00:00Z",
        verdict="missed",
        counted_us=9 * HOUR,
        allowed_us=8 * HOUR,
        clock="office",
    )
    (late,) = breached_objective(march(result), "availability").late_tickets
    assert (late.late_by, late.clock) == (HOUR, "office"), "a weekend lies between, in which the clock stood still"


def test_a_slice_costs_what_of_it_counts_against_the_target() -> None:
    result = march_result()
    result.indicator, result.unit = "interval-mean", "10^-18 intervals"
    half = str(PARTS_OF_AN_INTERVAL // 2)
    at = "2026-03-09T10:00:00Z"
    result.slices.add(start=at, good="1", total="2", share=half, cause="errors")
    result.slices.add(start=at, share="0", bad=True, cause="empty")
    result.slices.add(start=at, share="0", cause="empty")
    found = breached_objective(march(result), "availability").slices
    assert [each.cost for each in found] == [PARTS_OF_AN_INTERVAL // 2, PARTS_OF_AN_INTERVAL, 0]
    result.indicator, result.unit = "time-slices", "slices"
    assert [each.cost for each in breached_objective(march(result), "availability").slices] == [0, 1, 0]


def journey_terms() -> terms_pb2.Terms:
    pool = terms_pb2.Availability(components=["a", "b"], combine="pool", weights=[2, 1], maintenance="up")
    return terms_pb2.Terms(
        objectives=[
            terms_pb2.Objective(id="pool", indicator=terms_pb2.Indicator(availability=pool)),
            terms_pb2.Objective(id="plain", indicator=terms_pb2.Indicator(availability=terms_pb2.Availability(components=["a"]))),
            terms_pb2.Objective(id="ratio", indicator=terms_pb2.Indicator(request_ratio=terms_pb2.RequestRatio())),
            terms_pb2.Objective(id="both", indicator=terms_pb2.Indicator(composite=terms_pb2.Composite(of=["pool", "ratio"], rule="all"))),
        ]
    )


def test_only_what_was_specially_agreed_is_kept_of_the_terms() -> None:
    assert agreed(journey_terms()) == {
        "pool": Agreed(parts={"a": 2, "b": 1}, maintenance="up"),
        "both": Agreed(parts={"pool": 1, "ratio": 1}),
    }


def test_a_composite_finds_its_members_in_the_same_segment() -> None:
    both = march_result(objective_id="both")
    both.indicator, both.unit, both.good, both.whole, both.terms_version = "composite", "objectives", "1", "2", 2
    first, second = march_result(objective_id="pool"), march_result(objective_id="pool", bad_minutes=10)
    first.terms_version, second.terms_version = 1, 2
    found = breached_objective(march(both, first, second), "both", {2: Agreed(parts={"pool": 3})})
    assert [(each.id, each.weight, each.bad) for each in found.members] == [("pool", 3, 10 * MINUTE)]


def test_what_only_the_terms_can_tell_waits_for_them() -> None:
    both, pool = march_result(objective_id="both"), march_result(objective_id="pool")
    both.indicator, pool.scale = "composite", 3
    for objective_id in ("both", "pool"):
        with pytest.raises(TermsNotTold):
            breached_objective(march(both, pool), objective_id)
    assert breached_objective(march(pool), "pool", {0: Agreed(parts={"a": 2, "b": 1})}).weights == (("a", 2), ("b", 1))


def test_an_indicator_nobody_knows_is_refused() -> None:
    result = march_result()
    result.indicator = "horoscope"
    with pytest.raises(Invalid, match="indicator: must be one of"):
        breached_objective(march(result), "availability")
