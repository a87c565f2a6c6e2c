"""Terms read back in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from services.agreements.document import parse_document
from services.agreements.terms import Terms, explain
from tests.agreements.support import FULL_DOCUMENT, TERMS, terms
from tests.agreements.valid_terms import valid_terms

FULL = parse_document(FULL_DOCUMENT)


def told(agreed: Terms, title: str) -> tuple[str, ...]:
    return next(section.sentences for section in explain(agreed) if section.title == title)


def test_it_tells_who_promises_what_to_whom_and_for_how_long() -> None:
    first, second, *_ = told(TERMS, "The agreement")
    assert first == (
        "Nordwind Hosting GmbH promises Bank am Markt AG what follows, from 2026-01-01 to 2026-12-31, both days included "
        "(Online banking platform)."
    )
    assert second == "It is judged month by month; days and months begin at midnight in Europe/Berlin."
    assert "until further notice" in told(terms(lambda nodes: nodes.pop("ends_on")), "The agreement")[0]


def test_it_tells_how_an_availability_is_measured_and_what_missing_it_costs() -> None:
    assert told(FULL, "Promise: Availability in office hours") == (
        "Payments (web and api) is up at least 99.9 % of the time (clause 3.1).",
        "It is down while any of them is down.",
        "Time of which nothing was reported makes the figure a range.",
        "With less than 90 % of the time known there is no verdict, unless the target is missed whatever the rest was.",
        'Only the open hours of the calendar "office" count.',
        "An outage counts whole from 5 minutes on, and not at all below.",
        "Only whole minutes of the clock are down.",
        "A breach costs, of the monthly charge: 10 % below 99.9 %, 25 % below 99 %; the lowest that the attainment is below counts.",
    )


def test_each_kind_of_promise_is_told_in_its_own_words() -> None:
    promises = [section.sentences[0] for section in explain(FULL) if section.title.startswith("Promise")]
    assert promises[1:] == [
        "The components of Payments (db-1 and db-2) are up at least 99.5 % of their own time together.",
        "Payments (api) comes to at least 99.95 %, which is 100 % less the mean error rate of its intervals.",
        "At least 99 % of the slices of 1 minute keep their threshold at Payments (api).",
        "The percentile 99 of the response times of Payments (api) is at most 2000 ms.",
        "At least 95 % of the tickets with priority P1 or P2 of Service desk are responded to within 4 hours.",
        'The journey through "Availability in office hours" and "Front end around the clock" is up while all of them are; '
        "the target is at least 99.5 %.",
        "Payments (web) is up at least 99.5 % of the time.",
        'Of "Availability in office hours" (weight 2), "Error rate of five minutes, on average" (weight 1) and '
        '"Urgent tickets answered within 4 office hours" (weight 1), the weight of those kept counts; the target is at least 75 %.',
    ]


def test_it_tells_what_a_breach_costs_and_until_when_it_can_be_claimed() -> None:
    assert told(FULL, "What a breach costs") == (
        "The monthly charge is 12000.00 EUR; a month costs at most 50 % of it.",
        "Of several breaches of one month the highest counts; the amount is rounded once (half-even).",
        "Terms that were in force for a part of a month owe their credit in full.",
        "An amount that is not above 1.00 EUR is not paid.",
        "A contract year costs at most 25 % of its charges.",
        'A credit can be claimed within 30 open days of the calendar "office" after the day of the period\'s last outage, '
        "that last day included.",
    )


def test_it_tells_what_is_taken_out_and_by_which_calendar() -> None:
    assert told(FULL, "What is taken out")[1:] == (
        'Maintenance "sundays" of all of Payments, the first and last Sunday of a month from 02:00 for 4 hours '
        'on the ground "planned-work".',
        'Time can be taken out on the ground "planned-work": clause 4.2; announced at least 240 hours before; at most 8 hours of a month.',
        'Time can be taken out on the ground "force-majeure": clause 7.1; the customer must approve what is claimed later.',
    )
    assert told(FULL, "By which calendar") == (
        '"office" is open Monday, Tuesday, Wednesday, Thursday and Friday from 09:00 to 17:00; closed on '
        f"{len(FULL.calendars[0].holidays)} holidays of DE-BY, from 2026-01-01 to 2027-12-26, and 1 day more, on 2026-12-24.",
    )


@given(agreed=valid_terms())
@settings(max_examples=60, deadline=None)
def test_any_terms_are_told_promise_by_promise_in_whole_sentences(agreed: Terms) -> None:
    sections = explain(agreed)
    assert [section.title for section in sections if section.title.startswith("Promise: ")] == [
        f"Promise: {objective.name}" for objective in agreed.objectives
    ]
    assert all(sentence.endswith(".") for section in sections for sentence in section.sentences)


@pytest.mark.parametrize(
    ("period", "told_so"),
    [
        ({"every": "month"}, "month by month; days and months begin at midnight in Europe/Berlin"),
        (
            {"every": "month", "from_day": "15"},
            "by billing months, each from day 15 of a month to day 14 of the next; days begin at midnight in Europe/Berlin",
        ),
        ({"every": "quarter"}, "quarter by quarter; days and quarters begin at midnight in Europe/Berlin"),
        ({"every": "year"}, "year by year; days and years begin at midnight in Europe/Berlin"),
        (
            {"every": "contract-year"},
            "by contract years, each from one anniversary of 2026-01-01 to the next; days begin at midnight in Europe/Berlin",
        ),
        ({"every": "week"}, "week by week, from Monday to Sunday; days and weeks begin at midnight in Europe/Berlin"),
        (
            {"every": "rolling", "days": "30"},
            "anew with every day, over the 30 days that end with it; days begin at midnight in Europe/Berlin",
        ),
    ],
    ids=lambda value: value["every"] if isinstance(value, dict) else "",
)
def test_it_tells_by_which_periods_it_is_judged(period: dict[str, str], told_so: str) -> None:
    def by(nodes: dict[str, Any]) -> None:
        nodes.update(period=period)
        nodes.pop("credit")
        for objective in nodes["objectives"]:
            objective.pop("credits", None)

    assert told(terms(by), "The agreement")[1] == f"It is judged {told_so}."


def test_what_a_breach_of_a_quarter_costs_is_told_of_three_monthly_charges() -> None:
    def by_quarters(nodes: dict[str, Any]) -> None:
        nodes.update(period={"every": "quarter"})
        nodes["credit"].update(claim={"cycles": "2"})

    quarterly = terms(by_quarters)
    assert told(quarterly, "What a breach costs") == (
        "The monthly charge is 12000.00 EUR; a quarter costs at most 50 % of its charge of 36000.00 EUR.",
        "Breaches of one quarter are added, and the sum is rounded once (half-even).",
        "A credit can be claimed within 2 billing cycles (quarters) after the period's last day, that last day included.",
    )
    assert told(quarterly, "Promise: Availability of online banking")[-1] == (
        "A breach costs, of the quarter's charge: 10 % below 99.9 %, 25 % below 99 %; the lowest that the attainment is below counts."
    )
    assert "All requests of the quarter are pooled" in told(quarterly, "Promise: Requests answered without error")[1]
    assert told(quarterly, "When a quarter is settled")[0] == (
        "A quarter is closed 3 days after its end; what is reported later restates it."
    )


def test_the_life_of_a_component_is_told_where_it_is_shorter_than_the_term() -> None:
    def with_lives(nodes: dict[str, Any]) -> None:
        web, database = nodes["services"][0]["components"]
        web.update(in_service_until="2026-10-01T00:00:00+02:00")
        database.update(in_service_from="2026-06-16T00:00:00Z", in_service_until="2026-09-01T00:00:00Z")

    assert told(terms(with_lives), "The agreement")[3:5] == (
        "Nordwind Hosting GmbH also takes on: Runs the platform around the clock; Announces maintenance ten days ahead.",
        "Bank am Markt AG also takes on: Names a contact who can be reached around the clock.",
    )
    assert told(terms(with_lives), "The agreement")[5:] == (
        "Web front end (web) of Online banking is in service until 2026-09-30T22:00:00Z; its other time is no one's promise.",
        "Core database (core-database) of Online banking is in service from 2026-06-16T00:00:00Z until 2026-09-01T00:00:00Z; "
        "its other time is no one's promise.",
    )
