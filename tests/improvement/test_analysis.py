"""What cost the budget and what would have saved it: worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.improvement.analysis import Analysis, BreachedObjective, DayCount, LateTicket, Outage, analysed, duration_text, merged_outages
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval
from tests.improvement.given import ANALYSIS, BERLIN, DATABASE, MARCH, NIGHTS, WEB, WEB_RESTART, availability, outage


def costs(analysis: Analysis, kind: str) -> dict[str, int]:
    return {finding.subject: finding.cost for finding in analysis.findings if finding.kind == kind}


def savings(analysis: Analysis) -> dict[str, int]:
    return {each.id: each.expected_saving for each in analysis.recommendations}


def expected(analysis: Analysis, recommendation_id: str) -> Fraction:
    return next(each.expected_attainment for each in analysis.recommendations if each.id == recommendation_id)


def test_the_five_longest_outages_are_found_longest_first() -> None:
    found = costs(ANALYSIS, "outage")
    assert [cost // MINUTE for cost in found.values()] == [21, 19, 18, 16, 14]
    assert next(iter(found)) == "2026-03-17T01:05:00Z/2026-03-17T01:26:00Z"


def test_an_outage_is_told_in_the_agreements_zone_with_its_component_and_cause() -> None:
    assert next(finding for finding in ANALYSIS.findings if finding.kind == "outage").summary == (
        "core-database down for 21 min from 2026-03-17 02:05 to 2026-03-17 02:26 (Europe/Berlin): Settlement batch"
    )


def test_what_cost_most_is_told_first() -> None:
    assert [(finding.kind, finding.cost // MINUTE) for finding in ANALYSIS.findings] == [
        ("component", 88),
        ("hour-of-day", 88),
        ("outage", 21),
        ("outage", 19),
        ("outage", 18),
        ("outage", 16),
        ("outage", 14),
        ("component", 5),
        ("hour-of-day", 5),
    ]


def test_the_share_of_a_component_is_exact() -> None:
    shares = {finding.subject: finding.share for finding in ANALYSIS.findings if finding.kind == "component"}
    assert shares == {DATABASE: Fraction(88, 93), WEB: Fraction(5, 93)}


def test_hours_are_civil_so_the_night_of_summer_time_falls_into_the_same_hour() -> None:
    found = costs(ANALYSIS, "hour-of-day")
    assert found == {"02:00-03:00": 88 * MINUTE, "14:00-15:00": 5 * MINUTE}
    in_utc = analysed(availability((*NIGHTS, WEB_RESTART), bad_minutes=93, zone=ZoneInfo("UTC")))
    assert costs(in_utc, "hour-of-day") == {"00:00-02:00": 88 * MINUTE, "13:00-14:00": 5 * MINUTE}


def test_the_worked_march_ranks_its_recommendations_by_saving_and_then_by_id() -> None:
    assert [(each.rank, each.id, each.expected_saving // MINUTE) for each in ANALYSIS.recommendations] == [
        (1, "component:core-database", 88),
        (2, "hours:02:00-03:00", 88),
        (3, "recovery:15-min", 14),
        (4, "component:web", 5),
    ]


def test_the_worked_march_expects_exact_attainments() -> None:
    assert expected(ANALYSIS, "component:core-database") == Fraction(44_335, 44_340)
    assert expected(ANALYSIS, "hours:02:00-03:00") == Fraction(44_247, 44_252), "agreed maintenance leaves both sides"
    assert expected(ANALYSIS, "recovery:15-min") == Fraction(44_261, 44_340)
    assert expected(ANALYSIS, "component:web") == Fraction(44_252, 44_340)


def test_time_that_two_components_share_is_saved_by_neither_of_them_alone() -> None:
    together = (
        outage(date(2026, 3, 5), time(10, 0), 20, DATABASE),
        outage(date(2026, 3, 5), time(10, 20), 10, DATABASE, WEB),
        outage(date(2026, 3, 5), time(10, 30), 30, WEB),
    )
    analysis = analysed(availability(together, bad_minutes=60))
    assert costs(analysis, "component") == {WEB: 40 * MINUTE, DATABASE: 30 * MINUTE}
    assert savings(analysis) == {"recovery:15-min": 45 * MINUTE, "component:web": 30 * MINUTE, "component:core-database": 20 * MINUTE}


def test_shares_that_add_up_to_more_than_the_whole_say_so() -> None:
    together = (outage(date(2026, 3, 5), time(10, 0), 60, DATABASE, WEB),)
    summaries = [finding.summary for finding in analysed(availability(together, bad_minutes=60)).findings if finding.kind == "component"]
    assert all("shares add up to more than the whole" in summary for summary in summaries)
    assert not any("shares" in finding.summary for finding in ANALYSIS.findings)


def test_touching_outages_are_one_with_the_components_and_causes_of_both() -> None:
    first = outage(date(2026, 3, 5), time(10, 0), 20, WEB, cause="Power")
    second = outage(date(2026, 3, 5), time(10, 20), 10, DATABASE, cause="Power")
    (joined,) = merged_outages((second, first))
    assert joined == Outage(interval=Interval(first.interval.start, second.interval.end), components=(DATABASE, WEB), cause="Power")


def test_hours_on_both_sides_of_midnight_are_one_cluster() -> None:
    nights = [outage(date(2026, 3, day), time(23, 30), 60, DATABASE) for day in (4, 11)]
    analysis = analysed(availability(nights, bad_minutes=120))
    assert costs(analysis, "hour-of-day") == {"23:00-01:00": 120 * MINUTE}
    assert savings(analysis)["hours:23:00-01:00"] == 120 * MINUTE


def test_work_is_moved_only_from_hours_that_hold_half_of_the_down_time() -> None:
    def moved(other_minutes: int) -> bool:
        nights = [outage(date(2026, 3, day), time(2, 0), 30, DATABASE) for day in (4, 11)]
        day = outage(date(2026, 3, 20), time(12, 0), other_minutes, WEB)
        return "hours:02:00-03:00" in savings(analysed(availability((*nights, day), bad_minutes=60 + other_minutes)))

    assert moved(60)
    assert not moved(61)


def test_one_night_is_no_habit() -> None:
    once = (outage(date(2026, 3, 4), time(2, 0), 50, DATABASE),)
    assert not any(each.startswith("hours:") for each in savings(analysed(availability(once, bad_minutes=50))))


@pytest.mark.parametrize(("minutes", "excess"), [(15, None), (16, MINUTE)])
def test_recovery_is_shortened_only_where_an_outage_lasts_longer_than_a_quarter_of_an_hour(minutes: int, excess: int | None) -> None:
    once = (outage(date(2026, 3, 4), time(2, 0), minutes, DATABASE),)
    assert savings(analysed(availability(once, bad_minutes=minutes))).get("recovery:15-min") == excess


def test_time_that_counted_as_down_for_want_of_data_is_told_apart() -> None:
    analysis = analysed(availability((WEB_RESTART,), bad_minutes=65))
    assert savings(analysis) == {"data:gaps": 60 * MINUTE, "component:web": 5 * MINUTE}


def requests(days: tuple[DayCount, ...], *, indicator: str = "response-time") -> BreachedObjective:
    return replace(
        availability((), bad_minutes=0),
        indicator="response-time" if indicator == "response-time" else "request-ratio",
        unit="requests",
        good=sum(day.good for day in days),
        whole=sum(day.whole for day in days),
        target_percent="99.9",
        days=days,
    )


WEEK = tuple(
    DayCount(day=date(2026, 3, day), good=10_000 - bad, whole=10_000) for day, bad in ((1, 2), (2, 2), (3, 80), (4, 2), (5, 40), (6, 2))
)


def test_the_worst_days_are_found_by_their_bad_requests() -> None:
    assert list(costs(analysed(requests(WEEK)), "slow-requests").items())[:3] == [("2026-03-03", 80), ("2026-03-05", 40), ("2026-03-01", 2)]
    assert set(costs(analysed(requests(WEEK, indicator="request-ratio")), "day")) >= {"2026-03-03", "2026-03-05"}


def test_the_worst_days_are_capped_at_the_bad_share_of_the_others() -> None:
    analysis = analysed(requests(WEEK))
    assert savings(analysis) == {"requests:worst-days": 70}, "80 on the worst day, at 48 in 50,000 on the others it would be 9.6"
    assert expected(analysis, "requests:worst-days") == (59_872 + Fraction(704, 10)) / 60_000


def test_evenly_spread_failures_are_answered_with_what_the_target_needs() -> None:
    even = tuple(DayCount(day=date(2026, 3, day), good=9_970, whole=10_000) for day in (1, 2))
    analysis = analysed(requests(even))
    assert savings(analysis) == {"target": 40}
    assert expected(analysis, "target") == Fraction(999, 1000)


TICKETS = (
    LateTicket(ticket="INC3", priority="3", late_by=2 * HOUR, still_open=False),
    LateTicket(ticket="INC4", priority="3", late_by=30 * HOUR, still_open=False),
    LateTicket(ticket="INC7", priority="4", late_by=90 * HOUR, still_open=True),
)


def tickets() -> BreachedObjective:
    return replace(
        availability((), bad_minutes=0), indicator="resolution-time", unit="tickets", good=17, whole=20, late_tickets=TICKETS, decimals=2
    )


def test_late_tickets_are_found_by_priority_and_by_how_late_they_were() -> None:
    found = [(finding.subject, finding.cost, finding.share) for finding in analysed(tickets()).findings]
    assert found == [
        ("priority 3", 2, Fraction(2, 3)),
        ("priority 4", 1, Fraction(1, 3)),
        ("INC7", 1, Fraction(1, 3)),
        ("INC4", 1, Fraction(1, 3)),
        ("INC3", 1, Fraction(1, 3)),
    ]


def test_tickets_are_triaged_by_due_time_where_a_day_would_have_saved_them() -> None:
    analysis = analysed(tickets())
    assert savings(analysis) == {"tickets:priority-3": 2, "tickets:triage": 1}
    assert expected(analysis, "tickets:triage") == Fraction(18, 20)


def test_nothing_eligible_still_ends_in_one_recommendation() -> None:
    nothing = replace(availability((), bad_minutes=0), good=0, whole=0)
    (only,) = analysed(nothing).recommendations
    assert (only.id, only.expected_saving, only.expected_attainment) == ("target", 0, Fraction(999, 1000))


@pytest.mark.parametrize(("length", "text"), [(0, "0 s"), (45_900_000, "45 s"), (200 * MINUTE, "3 h 20 min"), (HOUR + 1, "1 h")])
def test_durations_are_told_in_hours_minutes_and_whole_seconds(length: int, text: str) -> None:
    assert duration_text(length) == text


spans = st.lists(
    st.builds(
        lambda start, length, names: Outage(
            interval=Interval(Instant(MARCH.start + start * MINUTE), Instant(MARCH.start + (start + length) * MINUTE)),
            components=tuple(sorted(names)),
        ),
        st.integers(0, 44_000),
        st.integers(1, 500),
        st.sets(st.sampled_from([DATABASE, WEB, "queue"])),
    ),
    max_size=8,
)


@for_all(spans)
def test_every_analysis_recommends_ranks_and_stays_within_what_was_bad(outages: list[Outage]) -> None:
    lost = sum(each.interval.length for each in merged_outages(outages))
    objective = replace(availability(outages, bad_minutes=0), good=44_340 * MINUTE - min(lost, 44_340 * MINUTE))
    analysis = analysed(objective)
    assert [each.rank for each in analysis.recommendations] == list(range(1, len(analysis.recommendations) + 1))
    assert analysis.recommendations
    before = Fraction(objective.good, objective.whole)
    assert all(before <= each.expected_attainment <= 1 for each in analysis.recommendations)
    assert all(each.expected_saving <= lost for each in analysis.recommendations)


@for_all(spans.flatmap(lambda outages: st.tuples(st.just(outages), st.permutations(outages))))
def test_the_order_in_which_outages_are_told_changes_nothing(orders: tuple[list[Outage], list[Outage]]) -> None:
    told, shuffled = orders
    assert analysed(availability(shuffled, bad_minutes=400)) == analysed(availability(told, bad_minutes=400))


def test_the_zone_is_kept_by_its_name() -> None:
    assert ANALYSIS.zone == BERLIN.key
