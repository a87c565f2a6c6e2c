"""The demonstration's plan: the same seed gives the same bytes, and what must be reported is counted by hand."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction

from services.command import story
from services.vocabulary.period import Month

MARCH, APRIL, MAY = story.MONTHS


def test_the_plan_implies_these_availabilities() -> None:
    assert [story.down_minutes(month) for month in story.MONTHS] == [93, 21, 3]
    assert story.expected_availability(MARCH) == Fraction(44_580 - 240 - 93, 44_580 - 240)
    assert story.expected_availability(APRIL) == Fraction(43_200 - 21, 43_200)
    assert story.expected_availability(MAY) == Fraction(44_640 - 3, 44_640)


def test_the_budget_of_march_is_at_risk_and_then_lost_on_the_planned_days() -> None:
    budget = Fraction(44_340, 1000)
    spent = {day: sum(one.minutes for one in story.INCIDENTS if one.day <= day) for day in (story.AT_RISK_AFTER, story.BREACHED_AFTER)}
    assert budget * 75 / 100 <= spent[story.AT_RISK_AFTER] < budget
    assert spent[story.BREACHED_AFTER] > budget


def test_a_day_without_a_clock_change_has_288_steps_and_the_day_it_goes_forward_276() -> None:
    assert len(story.traffic(date(2026, 3, 28))) == 288
    assert len(story.traffic(date(2026, 3, 29))) == 276


def test_every_observation_has_an_id_of_its_own() -> None:
    lines = [json.loads(line) for day in story.days(MARCH) for line in story.observations(day).splitlines()]
    identities = {(line["kind"], line["service"], line.get("component", ""), line["id"]) for line in lines}
    assert len(identities) == len(lines)


def test_the_same_seed_gives_the_same_day_again() -> None:
    first = story.observations(date(2026, 3, 10))
    story.traffic.cache_clear()
    story.tickets.cache_clear()
    assert story.observations(date(2026, 3, 10)) == first


def test_every_ticket_is_due_in_the_month_it_was_opened_in() -> None:
    for month in story.MONTHS:
        for ticket in story.tickets(month):
            assert Month(ticket.opened.year, ticket.opened.month) == month
            assert ticket.opened.day <= 24
    late = [one for one in story.tickets(MARCH) if (one.resolved - one.opened).total_seconds() > 8 * 3600]
    assert len(late) == 1
