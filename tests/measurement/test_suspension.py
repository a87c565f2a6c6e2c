"""Suspended days are in no figure, whatever is measured; the figure is of the days that are left, and says which are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from services.measurement.assessment import Assessment, ObjectiveResult, Verdict, assess
from services.measurement.figure import DayResult
from services.measurement.forecast import forecast
from services.measurement.interval import length
from services.measurement.objective import (
    Availability,
    Composite,
    Empty,
    HourlyRelief,
    Indicator,
    IntervalMean,
    Planned,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    TimeSlices,
)
from services.measurement.observation import STILL_OPEN, Evidence, Outage, State, StatusChange, TicketEvent
from services.measurement.periods import parts_of
from services.measurement.proof import check_sum, proof_lines, prove, prove_span
from services.measurement.terms_copy import Agreement
from services.measurement.timeline import pieces
from services.measurement.wire import Renewal, SignedTerms, Suspension, in_force
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval, Microseconds, Month, parse_instant
from services.vocabulary.ratio import ONE
from tests.measurement import promise
from tests.measurement.calculation import UTC, at, counters, latencies, objective, rule, terms, tiers
from tests.measurement.calculation import in_force as agreed_from

APRIL = Month(2026, 4)
SPAN = APRIL.bounds(UTC)
DAYS_10_TO_14 = Interval(at("2026-04-10T00:00Z"), at("2026-04-15T00:00Z"))
LEFT_MIN = 36_000
"""April has 30 days; 25 of 1,440 minutes are left."""

UP = StatusChange(component="db", at=at("2026-03-01T00:00Z"), state=State.UP)


def down(start: str, end: str, component: str = "db") -> Outage:
    return Outage(component=component, interval=Interval(at(start), at(end)))


WITHIN = down("2026-04-11T10:00Z", "2026-04-11T20:00Z")
BESIDE = down("2026-04-20T10:00Z", "2026-04-20T10:30Z")
OVER_THE_EDGE = down("2026-04-09T23:50Z", "2026-04-10T03:00Z")


def judged(
    indicator: Indicator,
    evidence: Evidence,
    *,
    suspended: Sequence[Interval] = (DAYS_10_TO_14,),
    target: str = "99.9",
    until: Instant | None = None,
) -> ObjectiveResult:
    return april(indicator, evidence, suspended=suspended, target=target, until=until).objectives[0]


def april(
    indicator: Indicator,
    evidence: Evidence,
    *,
    suspended: Sequence[Interval] = (DAYS_10_TO_14,),
    target: str = "99.9",
    until: Instant | None = None,
) -> Assessment:
    promised = objective(indicator, target, credit_tiers=tiers(("99.9", "10")))
    agreed = replace(terms(promised, credit=rule("3000.00")), version=1).while_not(tuple(suspended))
    return assess(
        agreement_id="a",
        terms=[agreed_from(agreed)],
        evidence={"bank": evidence},
        month=APRIL,
        measured_until=Instant(SPAN.end + 90 * 24 * HOUR) if until is None else until,
    )


DB = Availability(components=("db",))


def test_an_outage_in_the_suspension_costs_nothing_and_the_whole_is_the_days_that_are_left() -> None:
    result = judged(DB, Evidence(statuses=[UP], outages=[WITHIN]))
    assert (result.good, result.whole) == (LEFT_MIN * MINUTE, LEFT_MIN * MINUTE)
    assert (result.verdict, result.outages, result.coverage) == (Verdict.MET, (), ONE)
    assert result.suspended == (DAYS_10_TO_14,)


def test_an_outage_beside_it_counts_against_the_days_that_are_left() -> None:
    result = judged(DB, Evidence(statuses=[UP], outages=[WITHIN, BESIDE]), target="99.95")
    assert result.attainment == Fraction(LEFT_MIN - 30, LEFT_MIN)
    assert result.verdict is Verdict.BREACHED
    not_suspended = judged(DB, Evidence(statuses=[UP], outages=[BESIDE]), target="99.95", suspended=())
    assert not_suspended.attainment == Fraction(43_170, 43_200)


def test_an_outage_over_its_edge_ends_with_the_day_before() -> None:
    result = judged(DB, Evidence(statuses=[UP], outages=[OVER_THE_EDGE]))
    (outage,) = result.outages
    assert outage.interval == Interval(at("2026-04-09T23:50Z"), DAYS_10_TO_14.start)
    assert result.whole - result.good == 10 * MINUTE


def test_silence_in_it_is_not_unknown() -> None:
    silent = StatusChange(component="db", at=DAYS_10_TO_14.start, state=State.UNKNOWN)
    back = StatusChange(component="db", at=DAYS_10_TO_14.end, state=State.UP)
    result = judged(DB, Evidence(statuses=[UP, silent, back]))
    assert (result.unknown, result.coverage, result.verdict) == ((), ONE, Verdict.MET)


@pytest.mark.parametrize("maintenance", ["exclude", "up", "down"])
def test_whatever_maintenance_counts_as_a_suspension_is_in_no_figure(maintenance: Planned) -> None:
    indicator = replace(DB, maintenance=maintenance)
    assert judged(indicator, Evidence(statuses=[UP], outages=[WITHIN])).whole == LEFT_MIN * MINUTE


def test_in_a_pool_it_is_taken_out_of_every_component() -> None:
    pool = Availability(components=("web", "db"), combine="pool", weights=(2, 1))
    evidence = Evidence(statuses=[UP, replace(UP, component="web")], outages=[replace(WITHIN, component="web"), BESIDE])
    result = judged(pool, evidence)
    assert (result.whole, result.good) == (3 * LEFT_MIN * MINUTE, (3 * LEFT_MIN - 30) * MINUTE)
    assert not check_sum(prove(result))
    assert not check_sum(prove_span(result))


def test_requests_in_it_are_not_counted() -> None:
    evidence = Evidence(
        counters={"db": counters((at("2026-04-09T23:59Z"), 95, 100), (DAYS_10_TO_14.start, 0, 900), (DAYS_10_TO_14.end, 100, 100))}
    )
    assert (judged(RequestRatio(), evidence).good, judged(RequestRatio(), evidence).whole) == (195, 200)
    assert judged(RequestRatio(), evidence, suspended=()).whole == 1_100


def test_a_silence_of_latencies_is_told_of_each_side_by_itself() -> None:
    indicator = ResponseTime(threshold_us=1_000, expected_every=Microseconds(40 * 24 * HOUR))
    evidence = Evidence(latencies={"db": latencies((at("2026-04-05T00:00Z"), 900), (at("2026-04-12T00:00Z"), 9_000))})
    result = judged(indicator, evidence)
    assert (result.good, result.whole, result.unknown, result.coverage) == (1, 1, (), ONE)
    often = judged(replace(indicator, expected_every=Microseconds(6 * 24 * HOUR)), evidence)
    assert often.unknown == (Interval(DAYS_10_TO_14.end, SPAN.end),)
    assert often.coverage == Fraction(9, 25)


@pytest.mark.parametrize(("empty", "whole"), [("good", 25 * 24), ("bad", 25 * 24), ("exclude", 1), ("undetermined", 1)])
def test_intervals_in_it_are_not_even_empty(empty: Empty, whole: int) -> None:
    """Of 25 days of 24 hours one has a request; those of the suspended days are none, whatever an empty one is."""
    evidence = Evidence(counters={"db": counters((at("2026-04-05T00:30Z"), 9, 10), (at("2026-04-12T00:30Z"), 0, 10))})
    mean = judged(IntervalMean(every=Microseconds(HOUR), empty=empty), evidence)
    sliced = judged(TimeSlices(every=Microseconds(HOUR), error_above=Fraction(1, 2), empty=empty), evidence)
    assert mean.whole == whole * 10**18
    assert sliced.whole == whole
    assert mean.suspended == sliced.suspended == (DAYS_10_TO_14,)
    assert not check_sum(prove(mean))
    assert not check_sum(prove(sliced))


def test_a_run_of_bad_slices_ends_where_the_suspension_begins() -> None:
    """Two bad hours before it and two after are no four in a row."""
    rows = [(at(f"2026-04-{hour}:30Z"), 0, 10) for hour in ("09T22", "09T23", "15T00", "15T01")]
    indicator = TimeSlices(every=Microseconds(HOUR), error_above=Fraction(1, 2), minimum_consecutive=3)
    assert judged(indicator, Evidence(counters={"db": counters(*rows)})).attainment == 1


def ticket(*steps: tuple[str, str]) -> Evidence:
    return Evidence(tickets=[TicketEvent(ticket="INC-1", at=at(when), state=state, priority="1") for when, state in steps])


def test_the_clock_of_a_ticket_stands_still_in_it() -> None:
    """Opened four hours before it; the other four of eight begin with the fifteenth."""
    opened = ("2026-04-09T20:00Z", "opened")
    indicator = ResolutionTime(within=Microseconds(8 * HOUR))
    met, missed = (judged(indicator, ticket(opened, (when, "resolved"))).tickets[0] for when in ("2026-04-15T04:00Z", "2026-04-15T04:01Z"))
    assert met.due_at == missed.due_at == at("2026-04-15T04:00Z")
    assert (met.verdict, missed.verdict) == ("met", "missed")
    assert (met.counted_us, missed.counted_us) == (8 * HOUR, 8 * HOUR + MINUTE)


def test_a_ticket_of_an_agreement_that_stays_suspended_is_due_never() -> None:
    forever = Interval(DAYS_10_TO_14.start, Instant(STILL_OPEN - 1))
    result = judged(ResolutionTime(within=Microseconds(8 * HOUR)), ticket(("2026-04-09T20:00Z", "opened")), suspended=[forever])
    assert (result.tickets, result.verdict) == ((), Verdict.NOT_APPLICABLE)


def test_a_period_that_is_wholly_suspended_has_no_verdict_and_costs_nothing() -> None:
    whole = april(DB, Evidence(statuses=[UP], outages=[WITHIN]), suspended=[SPAN])
    (result,) = whole.objectives
    assert (result.attainment, result.verdict) == (None, Verdict.NOT_APPLICABLE)
    assert whole.credit is not None
    assert str(whole.credit.amount) == "0.00"


def test_a_journey_and_a_composite_say_so_too() -> None:
    promised = terms(
        objective(DB, name="a"),
        objective(Availability(components=("web",)), name="b"),
        objective(Composite(of=("a", "b"), rule="journey"), name="journey", service=""),
        objective(Composite(of=("a", "b"), rule="all"), name="all", service=""),
    ).while_not((DAYS_10_TO_14,))
    evidence = Evidence(statuses=[UP, replace(UP, component="web")], outages=[WITHIN, BESIDE])
    found = assess(
        agreement_id="a", terms=[agreed_from(promised)], evidence={"bank": evidence}, month=APRIL, measured_until=Instant(SPAN.end)
    ).objectives
    journey, both = found[2], found[3]
    assert (journey.whole, journey.good) == (LEFT_MIN * MINUTE, (LEFT_MIN - 30) * MINUTE)
    assert journey.suspended == both.suspended == (DAYS_10_TO_14,)
    assert not check_sum(prove(journey))
    assert not check_sum(prove_span(journey))


def test_a_part_of_the_month_is_charged_as_at_the_edge_of_the_term() -> None:
    """36,000 of 43,200 minutes of 3,000.00 are 2,500.00; a breach costs a tenth of it."""
    result = april(DB, Evidence(statuses=[UP], outages=[down("2026-04-20T10:00Z", "2026-04-20T13:00Z")]))
    assert result.credit is not None
    assert str(result.credit.amount) == "250.00"


def test_a_free_clock_hour_costs_the_same_beside_a_suspension() -> None:
    """One of 720 hours of 7,200.00."""
    promised = replace(objective(DB), credit_formula=HourlyRelief(more_than=Microseconds(6 * MINUTE)))
    agreed = terms(promised, credit=rule("7200.00"))
    for suspended, outages in (((), [BESIDE]), ((DAYS_10_TO_14,), [BESIDE, WITHIN])):
        found = assess(
            agreement_id="a",
            terms=[agreed_from(agreed.while_not(suspended))],
            evidence={"bank": Evidence(statuses=[UP], outages=outages)},
            month=APRIL,
            measured_until=Instant(SPAN.end),
        )
        assert found.credit is not None
        assert str(found.credit.amount) == "10.00"


def test_the_timeline_and_the_proof_say_suspended() -> None:
    result = judged(DB, Evidence(statuses=[UP], outages=[WITHIN, BESIDE]))
    told = pieces(result, measured_until=SPAN.end)
    assert [piece.interval for piece in told if piece.kind == "suspended"] == [DAYS_10_TO_14]
    assert [piece.interval for piece in told if piece.kind == "down"] == [BESIDE.interval]
    line = "Suspended: 7200 min  2026-04-10T00:00:00Z – 2026-04-15T00:00:00Z"
    assert line in [each.strip() for each in proof_lines(prove_span(result))]
    for proof in (prove(result), prove_span(result)):
        assert not check_sum(proof)


def test_of_a_running_period_only_what_has_passed_is_suspended_so_far() -> None:
    until = at("2026-04-12T00:00Z")
    result = judged(DB, Evidence(statuses=[UP]), until=until)
    assert result.suspended == (Interval(DAYS_10_TO_14.start, until),)
    assert result.whole == 9 * 1440 * MINUTE
    assert length(tuple(piece.interval for piece in pieces(result, measured_until=until))) == SPAN.length
    assert not check_sum(prove_span(result))


# --- what was known of it when -----------------------------------------------------------------------------------------

SIGNED_AT = parse_instant(promise.SIGNED, place="signed")
ASKED, RESUMED = at("2026-04-08T09:00Z"), at("2026-04-14T09:00Z")
OPEN = Suspension(first_day=date(2026, 4, 10), last_day=None, recorded_at=ASKED)
ENDED = Suspension(first_day=date(2026, 4, 10), last_day=date(2026, 4, 14), recorded_at=RESUMED)
DAYS_IN_BERLIN = Interval(at("2026-04-09T22:00Z"), at("2026-04-14T22:00Z"))


def signed(ends_on: str = "", version: int = 1, effective_on: date = date(2026, 3, 1), recorded_at: Instant = SIGNED_AT) -> SignedTerms:
    message = promise.terms()
    message.ends_on = ends_on
    return SignedTerms(version=version, effective_on=effective_on, message=message, recorded_at=recorded_at)


def suspended_of(agreement: Agreement | None) -> tuple[Interval, ...]:
    assert agreement is not None
    return agreement.terms_in_force()[0].terms.suspended


def test_it_is_known_from_when_it_was_recorded_and_its_end_from_the_resumption() -> None:
    agreement = Agreement(id=promise.AGREEMENT, versions=(signed(),), suspensions=(OPEN, ENDED))
    assert suspended_of(agreement) == (DAYS_IN_BERLIN,)
    assert suspended_of(agreement.known_at(Instant(ASKED - 1))) == ()
    (still,) = suspended_of(agreement.known_at(Instant(RESUMED - 1)))
    assert still.start == DAYS_IN_BERLIN.start
    assert still.end > at("2100-01-01T00:00Z")
    assert suspended_of(agreement.known_at(RESUMED)) == (DAYS_IN_BERLIN,)


def test_one_that_was_taken_back_before_it_began_suspends_nothing() -> None:
    taken_back = replace(ENDED, last_day=date(2026, 4, 9))
    assert suspended_of(Agreement(id=promise.AGREEMENT, versions=(signed(),), suspensions=(OPEN, taken_back))) == ()


def test_a_renewal_moves_the_last_day_of_what_was_signed_before_it() -> None:
    renewals = (Renewal(last_day=date(2027, 12, 31), recorded_at=at("2026-10-02T00:00Z")),)
    own_end = date(2026, 12, 31)
    (before,) = in_force([signed("2026-12-31")])
    (renewed,) = in_force([signed("2026-12-31")], renewals=renewals)
    assert (before.terms.ends, renewed.terms.ends) == (own_end, date(2027, 12, 31))
    amended = signed("2028-06-30", version=2, effective_on=date(2027, 3, 1), recorded_at=at("2027-01-10T09:00Z"))
    _, later = in_force([signed("2026-12-31"), amended], renewals=renewals)
    assert later.terms.ends == date(2028, 6, 30)
    same_end = replace(amended, message=signed("2026-12-31").message)
    assert [each.terms.ends for each in in_force([signed("2026-12-31"), same_end], renewals=renewals)] == [date(2027, 12, 31)] * 2
    known = Agreement(id=promise.AGREEMENT, versions=(signed("2026-12-31"),), renewals=renewals)
    then = known.known_at(at("2026-10-01T00:00Z"))
    assert then is not None
    assert then.terms_in_force()[0].terms.ends == own_end


def test_of_renewals_that_were_told_at_one_instant_the_later_day_counts() -> None:
    """As after a long silence, or where terms are signed that count from long ago."""
    at_once = [Renewal(last_day=date(year, 12, 31), recorded_at=at("2029-01-05T00:00Z")) for year in (2027, 2028, 2029)]
    for renewals in (at_once, at_once[::-1]):
        (renewed,) = in_force([signed("2026-12-31")], renewals=renewals)
        assert renewed.terms.ends == date(2029, 12, 31)


def test_what_an_amendment_replaces_counts_until_the_day_before_though_agreements_tells_only_the_newest_end() -> None:
    """Renewed to the end of 2027, then both signed that end: who asks then hears of no renewal."""
    amended = signed("2027-12-31", version=2, effective_on=date(2027, 4, 1), recorded_at=at("2027-03-10T09:00Z"))
    history = in_force([signed("2026-12-31"), amended])
    (first,), (second,) = parts_of(history, Month(2027, 3)), parts_of(history, Month(2027, 4))
    assert (first.version.terms.version, first.first, first.after) == (1, date(2027, 3, 1), date(2027, 4, 1))
    assert second.version.terms.version == 2


def test_suspended_days_are_neither_drawn_nor_to_come_in_a_forecast() -> None:
    """Ten days have passed, of which two were suspended; of the twenty to come one is not."""
    days = [DayResult(day=date(2026, 4, number), good=90, whole=100) for number in range(1, 9)]
    rest = Interval(at("2026-04-12T00:00Z"), SPAN.end)
    two = Interval(at("2026-04-09T00:00Z"), at("2026-04-11T00:00Z"))
    until = at("2026-04-11T00:00Z")
    found = forecast(days, period=SPAN, until=until, zone=UTC, budget=Fraction(1, 10), suspended=(two, rest))
    assert found is not None
    assert (found.days_seen, found.expected) == (8, Fraction(9, 10))
    nothing_left = forecast(days, period=SPAN, until=until, zone=UTC, budget=Fraction(1, 10), suspended=(Interval(two.start, SPAN.end),))
    assert nothing_left is None
