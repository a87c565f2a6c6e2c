"""What was promised, in words: every option that the terms know, and nothing said where nothing was agreed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.reporting import wire
from services.reporting.material import (
    Availability,
    Calendar,
    Composite,
    CreditTier,
    HourlyRelief,
    Hours,
    Indicator,
    IntervalMean,
    MinimumOutage,
    ObjectiveTerms,
    PerStep,
    Proportional,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Terms,
    TimeSlices,
)
from services.reporting.promise import calendar_in_words, cost_in_words, indicator_in_words, minimum_in_words, promise_in_words
from tests.reporting import given

WEEK = ("mon", "tue", "wed", "thu", "fri")


def terms() -> Terms:
    return wire.terms(given.manifold_terms(), number=1, effective_on="2026-03-01", recorded_at="2026-02-20T10:00:00Z")


def said(indicator: Indicator) -> str:
    service = terms().service("online-banking")
    assert service is not None
    return indicator_in_words(indicator, service, terms())


def objective(name: str) -> ObjectiveTerms:
    found = terms().objective(name)
    assert found is not None
    return found


def test_a_pool_tells_its_weights_its_hours_and_every_condition() -> None:
    assert said(objective("pool").indicator) == (
        "Share of the eligible time in which Web front end (weight 1) and Core database (weight 2) worked, each for itself: "
        "component time is added up; agreed maintenance counts as up, time without data is left out. "
        "Only the service hours count: Monday to Friday 09:00 to 17:00 (Europe/Berlin), closed on 2 agreed days. "
        "Only outages of at least 5 min count, of which only whole clock minutes are counted; "
        "their length is taken before excluded time leaves them. "
        "Where less than 90 % of the time is known there is no verdict, unless it is lost anyway."
    )


def test_an_availability_without_options_says_nothing_of_them() -> None:
    plain = Availability(components=("web",), combine="any", no_data="up")
    assert (
        said(plain)
        == "Share of the eligible time in which Web front end worked; agreed maintenance is left out, time without data counts as up."
    )
    assert said(replace(plain, minimum_coverage_percent="0")) == said(plain)


def test_equal_weights_are_no_weights() -> None:
    even = Availability(components=("web", "core-database"), combine="pool", no_data="up", weights=(2, 2))
    assert "Web front end and Core database worked, each for itself" in said(even)


def test_the_length_of_an_outage_is_taken_after_exclusions_unless_agreed_otherwise() -> None:
    shortest = Availability(components=("web",), combine="any", no_data="up", minimum_outage=MinimumOutage(at_least_s=60))
    assert "Only outages of at least 1 min count; their length is taken after excluded time leaves them." in said(shortest)


@pytest.mark.parametrize(
    ("indicator", "words"),
    [
        (RequestRatio(components=()), "Share of all requests to Online banking that succeeded, pooled over the month."),
        (
            IntervalMean(components=("web",), every_s=300, empty="undetermined"),
            "Mean, over all intervals of 5 min, of the share of requests to Web front end that succeeded in each; "
            "an interval without requests stays unknown.",
        ),
        (
            TimeSlices(
                components=("web",),
                every_s=60,
                error_above_percent="5",
                percentile="",
                latency_above_ms="",
                minimum_events=10,
                minimum_consecutive=5,
                empty="exclude",
            ),
            "Share of the slices of 1 min in which at most 5 % of the requests to Web front end failed; "
            "a slice without requests is left out, one with fewer than 10 requests counts as good, "
            "bad slices count only in unbroken runs of at least 5.",
        ),
        (
            TimeSlices(
                components=(),
                every_s=60,
                error_above_percent="",
                percentile="95",
                latency_above_ms="800",
                minimum_events=1,
                minimum_consecutive=1,
                empty="bad",
            ),
            "Share of the slices of 1 min in which the 95th percentile of the response times of Online banking was at most 800 ms; "
            "a slice without requests counts as bad.",
        ),
        (
            ResponseTime(components=("web",), threshold_ms="800", percentile="99.9"),
            "Share of all requests to Web front end that were answered within 800 ms. "
            "The promise is about the 99.9th percentile (nearest rank): it is kept when at least 99.9 % are.",
        ),
        (Composite(of=("p99", "slices"), rule="all"), "Every one of these objectives has to be met: “The p99” and “The slices”."),
        (Composite(of=("p99", "gone"), rule="any"), "At least one of these objectives has to be met: “The p99” and “gone”."),
        (
            Composite(of=("p99", "slices"), rule="weighted", weights=(2, 1)),
            "Share of the objectives “The p99” (weight 2) and “The slices” (weight 1) that were met, by weight.",
        ),
        (
            Composite(of=("p99", "slices"), rule="journey"),
            "Share of the time eligible in all of “The p99” and “The slices” in which none of them was down.",
        ),
    ],
)
def test_each_kind_is_told_with_its_options(indicator: Indicator, words: str) -> None:
    assert said(indicator) == words


def test_a_ticket_clock_tells_its_hours_its_pauses_and_whose_priority_counts() -> None:
    assert said(objective("response").indicator) == (
        "Share of priority P1 and P2 tickets due in the month that were first answered within 2 h of service hours "
        "(Monday to Friday 09:00 to 17:00 (Europe/Berlin), closed on 2 agreed days); the clock stands still while a ticket is waiting; "
        "a ticket counts with the highest of its priorities (P1 before P2)."
    )


def test_a_ticket_clock_without_options_runs_around_the_clock() -> None:
    plain = ResolutionTime(within_s=28_800, priorities=(), reopened="first-resolution", priority_rule="last")
    assert said(plain) == (
        "Share of tickets due in the month that were resolved within 8 h, around the clock; "
        "a reopened ticket counts by its first resolution."
    )


@pytest.mark.parametrize(("name", "words"), [("p99", "p99 ≤ 800 ms"), ("all-of-it", "every one met"), ("slices", ""), ("pool", "")])
def test_what_no_percentage_says_is_said_in_words(name: str, words: str) -> None:
    assert promise_in_words(objective(name)) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pool", "10 % below 99.5 %, 25 % below 99 %"),
        ("intervals", "2 times the share that was bad"),
        ("slices", "5 % for each 0.1 %, or part of it, below the target"),
        ("p99", ""),
    ],
)
def test_what_missing_it_costs_is_told_as_it_was_agreed(name: str, words: str) -> None:
    assert cost_in_words(objective(name)) == words


def test_a_free_clock_hour_is_told_with_its_threshold() -> None:
    hourly = replace(objective("pool"), formula=HourlyRelief(more_than_s=360))
    assert cost_in_words(hourly) == "a clock hour with more than 6 min down is free of charge"


def test_formulas_and_tiers_are_read_from_the_terms() -> None:
    assert objective("intervals").formula == Proportional(times="2")
    assert objective("slices").formula == PerStep(step_percent="0.1", credit_percent="5")
    assert objective("pool").credits[0] == CreditTier(below_percent="99.5", credit_percent="10")
    assert objective("pool").formula is None


def test_a_minimum_is_told_with_its_amount_where_the_terms_know_it() -> None:
    assert minimum_in_words(terms().credit) == "the agreed minimum of EUR 1.00"
    assert minimum_in_words(None) == "the agreed minimum"


@pytest.mark.parametrize(
    ("hours", "closed", "words"),
    [
        ((Hours(days=WEEK, start="09:00", end="17:00"),), ("2026-04-03",), "Monday to Friday 09:00 to 17:00 (UTC), closed on 1 agreed day"),
        (
            (Hours(days=WEEK, start="08:00", end="18:00"), Hours(days=("sat", "sun"), start="10:00", end="24:00")),
            (),
            "Monday to Friday 08:00 to 18:00 and Saturday and Sunday 10:00 to 24:00 (UTC)",
        ),
        ((Hours(days=("mon", "wed", "fri"), start="09:00", end="12:00"),), (), "Monday, Wednesday and Friday 09:00 to 12:00 (UTC)"),
        ((), (), "never (UTC)"),
    ],
)
def test_service_hours_are_told_as_people_post_them(hours: tuple[Hours, ...], closed: tuple[str, ...], words: str) -> None:
    assert calendar_in_words(Calendar(id="office", zone="UTC", hours=hours, closed=closed)) == words


def test_a_calendar_without_a_zone_has_the_agreements() -> None:
    message = given.manifold_terms()
    message.calendars[0].zone = ""
    read = wire.terms(message, number=1, effective_on="", recorded_at="")
    assert read.calendars[0].zone == given.ZONE
    assert read.calendars[0].closed == ("2026-04-03", "2026-12-24")
