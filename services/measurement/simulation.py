"""A simulation: what terms would have come to over periods of the past, beside what counts, and what each clause does to it.

Pure; judges nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from services.measurement.assessment import Assessment
from services.measurement.clause import Clause
from services.measurement.credit import BookedCredit, MixedCurrencies
from services.measurement.judgement import Document
from services.measurement.objective import Availability, Composite, Objective, Terms
from services.measurement.preview import Difference, difference_document
from services.vocabulary.money import Money
from services.vocabulary.period import Period

_NOT_JUDGED = "not judged"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a period came to: verdicts by objective, and its credit; None where the terms know none."""

    period: Period
    verdicts: Mapping[str, str] = field(default_factory=dict)
    credit: BookedCredit | None = None


@dataclass(frozen=True, kw_only=True)
class Course:
    """Periods judged one after the other, so that each knows what those before it cost."""

    outcomes: tuple[Outcome, ...] = ()

    @property
    def booked(self) -> tuple[BookedCredit, ...]:
        return tuple(each.credit for each in self.outcomes if each.credit is not None)

    @property
    def credit(self) -> Decimal:
        """Of all periods."""
        return sum((each.amount.amount for each in self.booked), Decimal(0))

    @property
    def verdicts(self) -> dict[tuple[str, str], str]:
        """By the text of the period and the objective, in the order of time."""
        return {(str(each.period), name): verdict for each in self.outcomes for name, verdict in each.verdicts.items()}

    def followed_by(self, outcome: Outcome) -> Course:
        return replace(self, outcomes=(*self.outcomes, outcome))


@dataclass(frozen=True, kw_only=True)
class Without:
    """The same with one clause left as it is in force. None: the other clauses do not stand without it."""

    clause: Clause
    course: Course | None


def outcome_of(assessment: Assessment) -> Outcome:
    """Of an objective with several segments the last one's verdict."""
    credit = assessment.credit
    return Outcome(
        period=assessment.month,
        verdicts={result.objective.id: str(result.verdict) for result in assessment.objectives},
        credit=None if credit is None else BookedCredit(month=assessment.month, amount=credit.amount, charge=credit.charge),
    )


def outcome_stated(period: Period, document: Document) -> Outcome:
    """What was stated of a closed period: its credit, as it was booked."""
    credit = document["credit"]
    if not isinstance(credit, dict):
        return Outcome(period=period)
    amount, charge = (Money(Decimal(str(credit[name])), str(credit["currency"])) for name in ("amount", "monthly_charge"))
    return Outcome(period=period, credit=BookedCredit(month=period, amount=amount, charge=charge))


def stand(terms: Terms) -> bool:
    """Every composite is made of objectives that are there, a journey of availabilities."""
    objectives = {each.id: each for each in terms.objectives}
    return all(_is_whole(each.indicator, objectives) for each in terms.objectives if isinstance(each.indicator, Composite))


def simulation_document(
    agreement_id: str, *, differences: Sequence[Difference], in_force: Course, simulated: Course, without: Sequence[Without]
) -> dict[str, object]:
    """The JSON form. Refuses with `MixedCurrencies` amounts that have no common sum."""
    courses = [in_force, simulated, *(each.course for each in without if each.course is not None)]
    currency = _currency(courses)
    return {
        "agreement_id": agreement_id,
        "currency": currency,
        "periods": [_period(each, currency) for each in differences],
        "credit_in_force": _told(in_force.credit, currency),
        "credit_simulated": _told(simulated.credit, currency),
        "sensitivities": [_sensitivity(each, simulated, currency) for each in without],
    }


def _is_whole(composite: Composite, objectives: Mapping[str, Objective]) -> bool:
    parts = [objectives[name].indicator for name in composite.of if name in objectives]
    return len(parts) == len(composite.of) and (composite.rule != "journey" or all(isinstance(part, Availability) for part in parts))


def _currency(courses: Sequence[Course]) -> str:
    found = {each.amount.currency for course in courses for each in course.booked}
    if len(found) > 1:
        raise MixedCurrencies(f"the credits of these periods are in {' and '.join(sorted(found))}: they have no common sum")
    return next(iter(found), "")


def _period(difference: Difference, currency: str) -> dict[str, object]:
    told = difference_document(difference)
    before, after = (_told(Decimal(str(told[name])), currency) for name in ("credit_before", "credit_after"))
    kept = {name: told[name] for name in ("period", "closed", "objectives")}
    return {**kept, "credit_in_force": before, "credit_simulated": after}


def _sensitivity(without: Without, simulated: Course, currency: str) -> dict[str, object]:
    clause, course = without.clause, without.course
    return {
        "place": clause.place,
        "before_json": clause.before_json,
        "after_json": clause.after_json,
        "credit_without": "" if course is None else _told(course.credit, currency),
        "difference": "" if course is None else _told(simulated.credit - course.credit, currency),
        "verdicts_changed": [] if course is None else list(_verdicts_changed(simulated, course)),
    }


def _verdicts_changed(simulated: Course, without: Course) -> Iterator[str]:
    """In words, in the order of time."""
    after, before = simulated.verdicts, without.verdicts
    for key in dict.fromkeys((*after, *before)):
        told, other = after.get(key, _NOT_JUDGED), before.get(key, _NOT_JUDGED)
        if told != other:
            yield f"{key[0]} {key[1]}: {told}, without it {other}"


def _told(amount: Decimal, currency: str) -> str:
    """With the currency's decimals; plain where no terms know a credit."""
    return str(Money(amount, currency)) if currency else str(amount)
