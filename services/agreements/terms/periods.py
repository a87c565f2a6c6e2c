"""What an agreement's period must fulfil, and what follows from it for other rules. Pure."""

from __future__ import annotations

from datetime import date
from typing import assert_never

from services.agreements.terms.fields import Faults
from services.agreements.terms.model import Terms
from services.vocabulary.period import Cycle

_DAY_S = 86_400
_ANY_DAY = date(2026, 1, 1)


def check_period(terms: Terms, faults: Faults) -> None:
    """Adds every broken rule to the faults."""
    cycle = terms.period
    if not faults.sound("period"):
        return
    if cycle.from_day != 1 and cycle.every != "month":
        faults.add("period.from_day", f'moves the beginning of months only, not of every "{cycle.every}"; leave it out')
    if cycle.days and cycle.every != "rolling":
        faults.add("period.days", f'tells how long rolling periods are, not every "{cycle.every}"; use every "rolling" or leave it out')
    if not cycle.days and cycle.every == "rolling":
        faults.add("period.days", 'is required beside every "rolling": how many civil days each period has, such as 30')
    if cycle.every == "rolling" and terms.ends_on and faults.sound("effective_on") and faults.sound("ends_on"):
        _check_length(cycle.days, (terms.ends_on - terms.effective_on).days + 1, faults)


def _check_length(days: int, term_days: int, faults: Faults) -> None:
    if days > term_days > 0:
        faults.add("period.days", f"must be at most {term_days}, the days of the whole agreement: no period would ever end")


def has_charge(cycle: Cycle) -> bool:
    """It consists of whole months, which are what is charged."""
    return months_of(cycle) > 0


def needs_whole_months(cycle: Cycle) -> str:
    """Why nothing can be credited for such a period, and what to choose instead."""
    return f'credits need periods of whole months, not every "{cycle.every}"; use every "month", "quarter" or "year"'


def months_of(cycle: Cycle) -> int:
    """How many monthly charges one of its periods holds."""
    return cycle.period_on(_ANY_DAY, term_begins=_ANY_DAY).months


def word_of(cycle: Cycle) -> str:
    """What people call one of its periods: "month", "contract year"."""
    match cycle.every:
        case "month":
            return "month" if cycle.from_day == 1 else "billing month"
        case "quarter" | "year" | "week":
            return cycle.every
        case "contract-year":
            return "contract year"
        case "rolling":
            return "period"
        case _:
            assert_never(cycle.every)


def judged(terms: Terms) -> str:
    """How often, as a sentence goes on: "quarter by quarter"."""
    cycle, name = terms.period, word_of(terms.period)
    match cycle.every:
        case "month" if cycle.from_day != 1:
            return f"by {name}s, each from day {cycle.from_day} of a month to day {cycle.from_day - 1} of the next"
        case "month" | "quarter" | "year":
            return f"{name} by {name}"
        case "contract-year":
            return f"by {name}s, each from one anniversary of {terms.effective_on} to the next"
        case "week":
            return "week by week, from Monday to Sunday"
        case "rolling":
            return f"anew with every day, over the {cycle.days} day{'' if cycle.days == 1 else 's'} that end with it"
        case _:
            assert_never(cycle.every)


def shortest(cycle: Cycle) -> tuple[int, str]:
    """The seconds of the shortest of its periods, which days of 23 hours do not shorten, and its name."""
    match cycle.every:
        case "month":
            return 28 * _DAY_S, "February" if cycle.from_day == 1 else "billing month from February"
        case "quarter":
            return 90 * _DAY_S, "quarter from January"
        case "year" | "contract-year":
            return 365 * _DAY_S, word_of(cycle)
        case "week":
            return 7 * _DAY_S, "week"
        case "rolling":
            return cycle.days * _DAY_S, f"period of {cycle.days} day{'' if cycle.days == 1 else 's'}"
        case _:
            assert_never(cycle.every)
