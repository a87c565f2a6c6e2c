"""Error budget: what the target allows to be bad, how much of it is spent, and what is still possible. Pure; exact ratios only."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from services.measurement.figure import Figure, ratio
from services.measurement.objective import Objective
from services.measurement.verdict import bar_of


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How an objective stands while its period runs, and where it ended.

    `to_date` is over what was measured, `if_nothing_else_fails` over the whole period (time availability only): never mix them.
    `budget` and `budget_left` are exact amounts of the objective's unit, `budget_left` negative once overspent; `budget_spent` is the
    share spent, None of a budget of nothing. `lost`: nothing that can still be observed brings the target back.
    """

    to_date: Fraction | None
    if_nothing_else_fails: Fraction | None
    budget: Fraction | None
    budget_left: Fraction | None
    budget_spent: Fraction | None
    at_risk: bool
    lost: bool


def progress_of(figure: Figure, objective: Objective, *, lost: bool, warn_at: Fraction | None) -> Progress:
    """The budget is a share of the whole period's eligible time, of a composite's whole weight, or of what has been counted so far.

    At risk: something is spent, at least `warn_at` of the budget, and the target is not lost yet.
    """
    budget = (1 - bar_of(objective).target) * figure.stake
    return Progress(
        to_date=figure.attainment,
        if_nothing_else_fails=ratio(figure.stake - figure.spent, figure.stake) if figure.foreseeable else None,
        budget=budget,
        budget_left=budget - figure.spent,
        budget_spent=figure.spent / budget if budget else None,
        at_risk=not lost and warn_at is not None and 0 < figure.spent >= warn_at * budget,
        lost=lost,
    )
