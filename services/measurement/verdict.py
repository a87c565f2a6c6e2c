"""From a figure to a verdict, and to the words for what would settle one that is open. Pure; compares unrounded values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from services.measurement.figure import Figure
from services.measurement.interval import length
from services.measurement.objective import Availability, Comparison, Composite, Objective, ResolutionTime
from services.measurement.wording import listed, minutes_told, number_told
from services.vocabulary.period import Instant, instant_text
from services.vocabulary.ratio import ONE, floored_percent, trimmed_percent

_COVERAGE_DECIMALS = 4
_PARTS_OF_AN_INTERVAL = 10**18


class Verdict(StrEnum):
    """`undetermined`: the period runs, or too much of it is unknown. `not-applicable`: it is over and nothing was eligible."""

    MET = "met"
    BREACHED = "breached"
    UNDETERMINED = "undetermined"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What an attainment has to reach: the objective's target, or what a composite's rule says of its parts' verdicts."""

    target: Fraction
    comparison: Comparison

    def accepts(self, attainment: Fraction) -> bool:
        """Compares the unrounded value."""
        return attainment > self.target if self.comparison == ">" else attainment >= self.target

    def least(self, *, of: Fraction | int) -> int:
        """The smallest whole amount of so many that is accepted."""
        exact = self.target * of
        return exact.numerator // exact.denominator + 1 if self.comparison == ">" else -(-exact.numerator // exact.denominator)


def bar_of(objective: Objective) -> Bar:
    """`all` asks for every verdict that applies, `any` for one; everything else for the agreed target."""
    if isinstance(objective.indicator, Composite):
        if objective.indicator.rule == "all":
            return Bar(target=ONE, comparison=">=")
        if objective.indicator.rule == "any":
            return Bar(target=Fraction(0), comparison=">")
    return Bar(target=objective.target, comparison=objective.comparison)


def verdict_of(objective: Objective, figure: Figure, *, complete: bool) -> Verdict:
    """A running period is breached once it is lost and never met; a finished one by its attainment, or by both bounds.

    Too little coverage leaves a finished period undetermined, unless it would be breached with everything unknown good: what is lost
    stays lost.
    """
    bar = bar_of(objective)
    if not complete or not figure.enough:
        may_be_lost = figure.foreseeable or complete
        lost = may_be_lost and figure.upper is not None and not bar.accepts(figure.upper)
        return Verdict.BREACHED if lost else Verdict.UNDETERMINED
    low, high = (figure.lower, figure.upper) if figure.certain else (figure.attainment, figure.attainment)
    if low is None or high is None:
        return Verdict.NOT_APPLICABLE
    if bar.accepts(low):
        return Verdict.MET
    return Verdict.UNDETERMINED if bar.accepts(high) else Verdict.BREACHED


def proven(figure: Figure, *, complete: bool) -> Fraction | None:
    """The attainment that a credit may be taken from: the best that can still come out, which is the figure itself once all is decided."""
    return figure.attainment if complete and figure.enough and not figure.certain else figure.upper


def needed_for(objective: Objective, figure: Figure, *, verdict: Verdict, complete: bool, end: Instant, parts: tuple[str, ...] = ()) -> str:
    """What data would settle an undetermined verdict, in words; empty for every other verdict.

    `parts` are a composite's objectives that are undetermined. Amounts are exact, rounded up beyond six decimals.
    """
    if verdict is not Verdict.UNDETERMINED:
        return ""
    if not complete:
        return f"the period ends {instant_text(end)}"
    bar = bar_of(objective)
    known = [_more_coverage(objective, figure)] if not figure.enough else []
    is_open = figure.lower is not None and figure.upper is not None and bar.accepts(figure.upper) and not bar.accepts(figure.lower)
    return "; ".join([*known, *([_more_good(objective, figure, bar, parts)] if figure.certain and is_open else [])])


def _more_coverage(objective: Objective, figure: Figure) -> str:
    """How much more must be known, of the eligible time, for the agreed minimum."""
    if isinstance(objective.indicator, Composite):
        return f"too little of {_subject(objective)} is known"
    assert isinstance(objective.indicator, Availability), "only an availability has a minimum coverage"
    agreed = objective.indicator.minimum_coverage
    eligible = _eligible(objective.indicator, figure)
    missing = (agreed - figure.coverage) * eligible
    return (
        f"{floored_percent(figure.coverage, decimals=_COVERAGE_DECIMALS)} % of the time is known, {trimmed_percent(agreed)} % has to be: "
        f"{minutes_told(missing)} more {_unit_words(figure)} of {_subject(objective)}"
    )


def _eligible(indicator: Availability, figure: Figure) -> Fraction:
    """All eligible time of a finished period; the whole holds the unknown part of it only where that counts as up or down."""
    if indicator.no_data in {"up", "down"}:
        return Fraction(figure.whole)
    if not figure.coverage:
        return Fraction(length(figure.unknown) * figure.scale)
    return figure.whole / figure.coverage


def _more_good(objective: Objective, figure: Figure, bar: Bar, parts: tuple[str, ...]) -> str:
    """Of the unknown part, the least that has to turn out good. The bounds are shares of the stake."""
    assert figure.lower is not None, "asked of a figure with bounds"
    unknown = (1 - figure.coverage) * figure.stake
    least = min(bar.least(of=figure.stake) - figure.lower * figure.stake, unknown)
    match figure.unit:
        case "us":
            return (
                f"{minutes_told(unknown)} {_unit_words(figure)} of {_subject(objective)} unknown; "
                f"at least {minutes_told(least)} of them known up would make it met"
            )
        case "objectives":
            return (
                f"{listed('objective', parts)} undetermined; at least {number_told(least)} of their weight "
                f"{number_told(unknown)} met would make it met"
            )
        case "10^-18 intervals":
            return _more_of("intervals", unknown / _PARTS_OF_AN_INTERVAL, least / _PARTS_OF_AN_INTERVAL, _subject(objective))
        case "slices" | "requests" | "tickets":
            return _more_of(figure.unit, unknown, least, _subject(objective))


def _more_of(unit: str, unknown: Fraction, least: Fraction, subject: str) -> str:
    return f"{number_told(unknown)} {unit} of {subject} unknown; at least {number_told(least)} of them known good would make it met"


def _unit_words(figure: Figure) -> str:
    return "component min" if figure.scale > 1 else "min"


def _subject(objective: Objective) -> str:
    """What the unknown part belongs to."""
    match objective.indicator:
        case Composite() as composite:
            return listed("objective", composite.of)
        case ResolutionTime():
            return f"service {objective.service}"
        case indicator:
            return listed("component", indicator.components) if indicator.components else f"service {objective.service}"
