"""What cost the budget and what would have saved it: worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.improvement.analysis import (
    INTERVALS,
    PARTS_OF_AN_INTERVAL,
    Analysis,
    BadSlice,
    BreachedObjective,
    DayCount,
    IndicatorKind,
    LateTicket,
    Maintenance,
    Member,
    Outage,
    analysed,
    duration_text,
    merged_outages,
    parse_maintenance,
)
from services.vocabulary.errors import Invalid
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval, parse_zone
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
    in_utc = analysed(availability((*NIGHTS, WEB_RESTART), bad_minutes=93, zone=parse_zone("UTC")))
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


def sliced(*told: BadSlice, kind: IndicatorKind = "time-slices", whole: int = 1_000, days: tuple[DayCount, ...] = ()) -> BreachedObjective:
    """March with these bad slices, or bad intervals of a mean."""
    unit = INTERVALS if kind == "interval-mean" else "slices"
    lost = sum(each.cost for each in told)
    return replace(
        availability((), bad_minutes=0), indicator=kind, unit=unit, good=whole - lost, whole=whole, slices=told, days=days, decimals=2
    )


def bad_slice(day: int, hour: int, *, cost: int = 1, cause: str = "errors") -> BadSlice:
    return BadSlice(start=outage(date(2026, 3, day), time(hour, 30), 1).interval.start, cost=cost, cause=cause)


def test_bad_slices_are_found_by_the_civil_hour_of_the_day_and_by_their_day() -> None:
    days = (DayCount(day=date(2026, 3, 4), good=98, whole=100), DayCount(day=date(2026, 3, 5), good=99, whole=100))
    analysis = analysed(sliced(bad_slice(4, 2), bad_slice(4, 14), bad_slice(31, 2), days=days))
    assert costs(analysis, "hour-of-day") == {"02:00-03:00": 2, "14:00-15:00": 1}, "02:30 before and after the change to summer time"
    assert costs(analysis, "day") == {"2026-03-04": 2, "2026-03-05": 1}
    assert analysis.findings[0].summary == "2 slices lost between 02:00-03:00 (Europe/Berlin), on 2 days"


def test_slices_that_are_lost_in_one_hour_again_and_again_are_stopped_there() -> None:
    analysis = analysed(sliced(bad_slice(4, 2, cause="latency"), bad_slice(11, 2, cause="latency"), bad_slice(20, 12)))
    first = analysis.recommendations[0]
    assert (first.id, first.expected_saving, first.expected_attainment) == ("hours:02:00-03:00", 2, Fraction(999, 1000))
    assert first.action == "Find and stop what slows requests down between 02:00-03:00 (Europe/Berlin)"


def test_bad_slices_in_a_row_are_an_outage_that_costs_as_many_of_them_as_lie_in_it() -> None:
    day = date(2026, 3, 4)
    long, short = outage(day, time(2, 0), 120, "api", cause="errors"), outage(date(2026, 3, 2), time(9, 0), 60, cause="empty")
    told = sliced(bad_slice(4, 2), bad_slice(4, 3), bad_slice(2, 9), bad_slice(4, 4, cost=0))
    analysis = analysed(replace(told, outages=(short, long)))
    found = [(each.summary, each.cost, each.share) for each in analysis.findings if each.kind == "outage"]
    assert found == [
        ("api over its threshold for 2 h from 2026-03-04 02:00 to 2026-03-04 04:00 (Europe/Berlin): errors", 2, Fraction(2, 3)),
        ("The service over its threshold for 1 h from 2026-03-02 09:00 to 2026-03-02 10:00 (Europe/Berlin): empty", 1, Fraction(1, 3)),
    ]


def test_a_slice_that_counts_as_good_costs_nothing_and_explains_nothing() -> None:
    assert costs(analysed(sliced(bad_slice(4, 2, cost=0), bad_slice(5, 3))), "hour-of-day") == {"03:00-04:00": 1}


def test_intervals_are_told_as_intervals_and_never_in_parts_of_one() -> None:
    whole = 8_640 * PARTS_OF_AN_INTERVAL
    days = (DayCount(day=date(2026, 3, 4), good=whole - 15 * PARTS_OF_AN_INTERVAL // 10, whole=whole),)
    half = bad_slice(4, 2, cost=PARTS_OF_AN_INTERVAL // 2)
    analysis = analysed(sliced(half, bad_slice(4, 2, cost=PARTS_OF_AN_INTERVAL), kind="interval-mean", whole=whole, days=days))
    assert [finding.summary for finding in analysis.findings] == [
        "1.5 intervals lost between 02:00-03:00 (Europe/Berlin), on 1 day",
        "1.5 of 8,640 intervals lost on 2026-03-04",
    ]


def test_slices_that_were_bad_for_want_of_requests_are_told_apart() -> None:
    analysis = analysed(sliced(bad_slice(4, 2, cause="empty"), bad_slice(5, 9, cause="empty"), bad_slice(6, 15)))
    assert savings(analysis)["data:gaps"] == 2


def pool(*outages: Outage, bad_minutes: int, weights: tuple[tuple[str, int], ...] = ((DATABASE, 2), (WEB, 1))) -> BreachedObjective:
    return replace(availability(outages, bad_minutes=bad_minutes), weights=weights)


def test_a_pool_is_explained_by_its_components_at_their_weight() -> None:
    database = outage(date(2026, 3, 5), time(10, 0), 20, DATABASE)
    web = outage(date(2026, 3, 6), time(10, 0), 30, WEB)
    analysis = analysed(pool(database, web, bad_minutes=70))
    assert costs(analysis, "component") == {DATABASE: 40 * MINUTE, WEB: 30 * MINUTE}
    assert savings(analysis) == {"component:core-database": 40 * MINUTE, "component:web": 30 * MINUTE}
    assert sum(costs(analysis, "outage").values()) == 70 * MINUTE


def test_what_of_a_shared_outage_of_a_pool_was_whose_is_not_guessed() -> None:
    together = outage(date(2026, 3, 5), time(10, 0), 30, DATABASE, WEB)
    analysis = analysed(pool(together, bad_minutes=50))
    assert costs(analysis, "component") == {DATABASE: 50 * MINUTE, WEB: 30 * MINUTE}, "at most all that was bad"
    assert all("told in full for each of them" in finding.summary for finding in analysis.findings if finding.kind == "component")
    assert set(savings(analysis)) == {"target"}


def test_a_pool_without_a_shared_outage_says_nothing_of_sharing() -> None:
    analysis = analysed(pool(outage(date(2026, 3, 5), time(10, 0), 20, DATABASE), bad_minutes=40))
    assert not any("share" in finding.summary for finding in analysis.findings)


def test_late_tickets_are_found_by_the_clock_they_ran_on() -> None:
    late = (replace(TICKETS[0], clock="office"), replace(TICKETS[1], clock="office"), TICKETS[2])
    analysis = analysed(replace(tickets(), late_tickets=late))
    assert costs(analysis, "tickets")["clock office"] == 2
    assert costs(analysis, "tickets")["clock around the clock"] == 1
    assert "INC4 (priority 3) was late by 30 h in the hours of office" in [finding.summary for finding in analysis.findings]


def test_tickets_that_all_run_around_the_clock_say_nothing_of_clocks() -> None:
    assert not any(subject.startswith("clock") for subject in costs(analysed(tickets()), "tickets"))


def member(name: str, *, verdict: str = "breached", weight: int = 1, bad: int = 0) -> Member:
    return Member(
        id=name,
        name=f"The {name}",
        weight=weight,
        verdict=verdict,
        attainment_percent="99.79",
        target_percent="99.9",
        comparison=">=",
        bad=bad,
    )


def composite(*members: Member, unit: str = "objectives", good: int = 1, whole: int = 4) -> BreachedObjective:
    return replace(availability((), bad_minutes=0), indicator="composite", unit=unit, good=good, whole=whole, members=members, decimals=2)


def test_a_composite_points_at_the_members_that_missed_their_targets() -> None:
    analysis = analysed(composite(member("web", weight=1), member("database", weight=2), member("desk", verdict="met")))
    assert [(finding.kind, finding.subject, finding.cost, finding.share) for finding in analysis.findings] == [
        ("member", "database", 2, Fraction(2, 3)),
        ("member", "web", 1, Fraction(1, 3)),
    ]
    assert analysis.findings[0].summary == "The database (weight 2) was breached: 99.79 % where >= 99.9 % was agreed"


def test_a_composite_is_mended_by_the_improvements_of_its_members() -> None:
    analysis = analysed(composite(member("web", weight=1), member("database", weight=2)))
    assert savings(analysis) == {"member:database": 2, "member:web": 1}
    assert expected(analysis, "member:database") == Fraction(3, 4)
    assert "no figure over a span" in analysis.recommendations[0].rationale


def test_a_composite_none_of_whose_members_is_told_breached_still_ends_in_one_recommendation() -> None:
    analysis = analysed(composite(member("web", verdict="undetermined")))
    assert analysis.findings == ()
    assert [each.id for each in analysis.recommendations] == ["target"]


def test_a_journey_is_explained_by_its_legs_and_its_outages() -> None:
    down = outage(date(2026, 3, 5), time(10, 0), 60, WEB)
    journey = replace(
        availability((down,), bad_minutes=60), indicator="composite", members=(member("web", bad=90 * MINUTE), member("desk"))
    )
    analysis = analysed(journey)
    assert costs(analysis, "member") == {"web": 60 * MINUTE}, "never more than the journey lost"
    assert costs(analysis, "outage") == {"2026-03-05T09:00:00Z/2026-03-05T10:00:00Z": 60 * MINUTE}
    assert savings(analysis) == {"component:web": 60 * MINUTE, "recovery:15-min": 45 * MINUTE}


def test_work_is_moved_into_maintenance_only_by_what_maintenance_counts_as() -> None:
    def moved(counted_as: Maintenance) -> Fraction | None:
        analysis = analysed(replace(availability(NIGHTS, bad_minutes=88), maintenance=counted_as))
        found = [each.expected_attainment for each in analysis.recommendations if each.id == "hours:02:00-03:00"]
        return found[0] if found else None

    assert moved("exclude") == Fraction(44_252, 44_252)
    assert moved("up") == Fraction(44_340, 44_340)
    assert moved("down") is None


def test_an_unknown_way_to_count_maintenance_is_refused() -> None:
    with pytest.raises(Invalid, match="maintenance: must be one of exclude, up, down"):
        parse_maintenance("sometimes")
