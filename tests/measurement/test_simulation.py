"""What a simulation adds up, what it compares, and what stands by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from services.measurement.clause import Clause
from services.measurement.credit import BookedCredit, MixedCurrencies
from services.measurement.judgement import ResultDocument
from services.measurement.objective import Availability, Composite, Objective, RequestRatio, Terms
from services.measurement.simulation import Course, Outcome, Without, outcome_stated, simulation_document, stand
from services.vocabulary.money import Money
from services.vocabulary.period import Month, parse_zone

JANUARY, FEBRUARY = Month(2026, 1), Month(2026, 2)
TARGET = Clause(place="objectives[uptime].target", before="99.9", after="99.95", steps=("objectives", "[uptime]", "target_percent"))


def outcome(month: Month, verdict: str, amount: str, currency: str = "EUR") -> Outcome:
    credit = BookedCredit(month=month, amount=Money(Decimal(amount), currency), charge=Money(Decimal("1000.00"), currency))
    return Outcome(period=month, verdicts={"uptime": verdict}, credit=credit)


def course(*outcomes: Outcome) -> Course:
    return Course(outcomes=outcomes)


def told(simulated: Course, *without: Without, in_force: Course | None = None) -> dict[str, object]:
    return simulation_document("a", differences=(), in_force=in_force or Course(), simulated=simulated, without=without)


def test_a_clause_adds_what_the_proposal_costs_more_than_without_it() -> None:
    simulated = course(outcome(JANUARY, "breached", "150.00"), outcome(FEBRUARY, "breached", "100.00"))
    other = course(outcome(JANUARY, "met", "0.00"), outcome(FEBRUARY, "breached", "300.00"))
    found = told(simulated, Without(clause=TARGET, course=other))
    assert found["sensitivities"] == [
        {
            "place": "objectives[uptime].target",
            "before_json": '"99.9"',
            "after_json": '"99.95"',
            "credit_without": "300.00",
            "difference": "-50.00",
            "verdicts_changed": ["2026-01 uptime: breached, without it met"],
        }
    ]


def test_what_does_not_stand_without_the_clause_has_no_amount() -> None:
    found = told(course(outcome(JANUARY, "met", "0.00")), Without(clause=TARGET, course=None))["sensitivities"]
    values = {"place": TARGET.place, "before_json": TARGET.before_json, "after_json": TARGET.after_json}
    assert found == [{**values, "credit_without": "", "difference": "", "verdicts_changed": []}]


def test_amounts_of_two_currencies_have_no_sum() -> None:
    with pytest.raises(MixedCurrencies, match="in CHF and EUR"):
        told(course(outcome(JANUARY, "met", "0.00")), in_force=course(outcome(JANUARY, "met", "0.00", "CHF")))


def test_yen_have_no_decimals_and_no_credit_has_no_currency() -> None:
    yen = told(course(outcome(JANUARY, "breached", "1500", "JPY")))
    assert (yen["credit_in_force"], yen["credit_simulated"]) == ("0", "1500")
    assert told(course(Outcome(period=JANUARY)))["currency"] == ""


def test_what_was_stated_is_booked_as_it_was() -> None:
    credit: ResultDocument = {"currency": "EUR", "amount": "100.00", "monthly_charge": "1000.00"}
    stated = outcome_stated(JANUARY, {"credit": credit})
    assert stated.credit == outcome(JANUARY, "", "100.00").credit
    assert outcome_stated(JANUARY, {"credit": None}).credit is None


def test_a_composite_stands_on_objectives_that_are_there_and_a_journey_on_availabilities() -> None:
    def one(name: str, indicator: Availability | RequestRatio | Composite) -> Objective:
        return Objective(id=name, name=name, service="s", indicator=indicator, target=Fraction(9, 10))

    web, requests = one("web", Availability(components=("web",))), one("requests", RequestRatio())
    both = one("both", Composite(of=("web", "requests"), rule="all"))
    terms = Terms(version=1, zone=parse_zone("UTC"), effective=date(2026, 1, 1), objectives=(web, requests, both))
    assert stand(terms)
    assert not stand(replace(terms, objectives=(web, both)))
    assert not stand(replace(terms, objectives=(web, requests, one("both", Composite(of=("web", "requests"), rule="journey")))))
