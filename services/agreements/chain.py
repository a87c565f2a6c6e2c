"""Whether the agreements below one can hold what it promises, told objective by objective. Pure: reads no clock, opens no store.

Down times below may fall one after the other, so what agreements in series allow is the sum of what each allows; that is exact where their
figures are shares of the same time. What cannot be compared is never told to hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.agreements.terms import (
    Availability,
    Calendar,
    Composite,
    IntervalMean,
    Objective,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Support,
    Terms,
    TimeSlices,
    duration_text,
    milliseconds_text,
)
from services.agreements.terms.periods import word_of
from services.vocabulary.errors import Conflict
from services.vocabulary.identity import OrganisationId
from services.vocabulary.ratio import trimmed_percent

MOST_BELOW = 200

_THIRTY_DAYS_S = 30 * 24 * 3600
_WORDS: Mapping[type, str] = {
    Availability: "an availability",
    RequestRatio: "a share of requests",
    IntervalMean: "a mean of intervals",
    TimeSlices: "a share of slices",
    ResponseTime: "a response time",
    ResolutionTime: "a share of tickets",
    Composite: "a composite",
}


class ChainTooLong(Conflict):
    """More agreements lie below than are looked at."""

    code = "chain-too-long"

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_BELOW} agreements lie below this one")


@dataclass(frozen=True, kw_only=True)
class Missing:
    """An agreement below whose terms do not count, and why."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """An objective that rests on others. `why`: what keeps it from holding; where it holds, what the comparison leaves out."""

    objective_id: str
    promised: str
    below: str
    holds: bool
    why: str
    agreements: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chain:
    links: tuple[Link, ...]

    @property
    def holds(self) -> bool:
        return all(link.holds for link in self.links)


Known = Mapping[str, Terms | Missing]
"""By agreement id, all that can be reached from the one that is asked about, and that one itself."""

_Step = tuple[str, str]
"""An agreement's id, and the id of one of its objectives."""


def not_to_be_seen(agreement_id: str, by: OrganisationId) -> Missing:
    """The same whether there is such an agreement or not."""
    return Missing(why=f"agreement {agreement_id} is not to be seen by {by}")


def chain_of(agreement_id: str, known: Known) -> Chain:
    """One link for each objective that rests on others, in the order of the terms; refuses nothing."""
    terms = known[agreement_id]
    assert isinstance(terms, Terms), "the agreement that is asked about is known"
    supports = {each.id: [support for support in terms.underpinning if support.objective == each.id] for each in terms.objectives}
    return Chain(links=tuple(_link(agreement_id, terms, each, supports[each.id], known) for each in terms.objectives if supports[each.id]))


@dataclass(frozen=True, kw_only=True)
class _Lower:
    """An objective below, in the terms it stands in."""

    agreement: str
    terms: Terms
    objective: Objective


@dataclass(frozen=True, kw_only=True)
class _Found:
    below: str = ""
    holds: bool = False
    why: str = ""


def _link(agreement_id: str, terms: Terms, objective: Objective, supports: Sequence[Support], known: Known) -> Link:
    found = _compared(agreement_id, terms, objective, supports, known)
    return Link(
        objective_id=objective.id,
        promised=_promised(objective),
        below=found.below,
        holds=found.holds,
        why=found.why,
        agreements=tuple(dict.fromkeys(support.agreement for support in supports)),
    )


def _compared(agreement_id: str, terms: Terms, objective: Objective, supports: Sequence[Support], known: Known) -> _Found:
    if circle := _circle((agreement_id, objective.id), known):
        return _Found(why=f"goes round in a circle: {' → '.join(f'{name} of {agreement}' for agreement, name in circle)}")
    lower = [_lower(support, known) for support in supports]
    there = [each for each in lower if isinstance(each, _Lower)]
    if len(there) < len(lower):
        return _Found(why="; ".join(dict.fromkeys(each.why for each in lower if isinstance(each, Missing))))
    if why := "; ".join(dict.fromkeys(why for each in there for why in _incomparable(terms, objective, each))):
        return _Found(why=f"cannot be compared: {why}")
    return _limits(objective, there) if isinstance(objective.indicator, ResponseTime) else _in_series(objective, there)


def _lower(support: Support, known: Known) -> _Lower | Missing:
    terms = known[support.agreement]
    if isinstance(terms, Missing):
        return terms
    for objective in terms.objectives:
        if objective.id == support.supporting_objective:
            return _Lower(agreement=support.agreement, terms=terms, objective=objective)
    return Missing(why=f"agreement {support.agreement} has no objective {support.supporting_objective!r}")


def _circle(start: _Step, known: Known) -> Sequence[_Step]:
    """The first way from there that comes back to where it was; empty where there is none."""
    path, ways, clear = [start], [iter(_steps(start, known))], set[_Step]()
    while ways:
        below = next(ways[-1], None)
        if below is None:
            ways.pop()
            clear.add(path.pop())
        elif below in path:
            return (*path[path.index(below) :], below)
        elif below not in clear:
            path.append(below)
            ways.append(iter(_steps(below, known)))
    return ()


def _steps(at: _Step, known: Known) -> list[_Step]:
    agreement, objective = at
    terms = known[agreement]
    supports = terms.underpinning if isinstance(terms, Terms) else ()
    return [(support.agreement, support.supporting_objective) for support in supports if support.objective == objective]


# --- what can be compared ----------------------------------------------------------------------------------------------


def _incomparable(terms: Terms, objective: Objective, lower: _Lower) -> Iterator[str]:
    """Why what an objective below allows is no part of what is promised here."""
    here, there = objective.indicator, lower.objective.indicator
    named = f"{lower.objective.id} of {lower.agreement}"
    if type(here) is not type(there):
        yield f"{named} is {_WORDS[type(there)]}, not {_WORDS[type(here)]}"
    elif isinstance(here, Availability) and isinstance(there, Availability):
        yield from _other_time(terms, here, lower, there)
    elif isinstance(here, ResponseTime):
        if lower.objective.target != 1:
            yield f"limits add up only where every request keeps them, and {named} promises {trimmed_percent(lower.objective.target)} %"
    else:
        yield f"{_WORDS[type(here)]} below does not tell which of them were asked for from above"


def _other_time(terms: Terms, here: Availability, lower: _Lower, there: Availability) -> Iterator[str]:
    """Where the two are not shares of the same time."""
    named = f"{lower.objective.id} of {lower.agreement}"
    if "pool" in (here.combine, there.combine):
        yield f"a pool counts each component's own time ({named})" if there.combine == "pool" else "a pool counts each component's own time"
    if terms.period != lower.terms.period:
        yield f"{named} is judged by {word_of(lower.terms.period)}, not by {word_of(terms.period)}"
    elif terms.period.every == "contract-year" and _anniversary(terms) != _anniversary(lower.terms):
        yield f"the years of {named} begin on other days"
    if terms.zone != lower.terms.zone:
        yield f"the days of {named} begin at midnight in {lower.terms.zone}, not in {terms.zone}"
    if _hours(terms, here) != _hours(lower.terms, there):
        yield f"{named} counts other hours"


def _anniversary(terms: Terms) -> tuple[int, int]:
    return terms.effective_on.month, terms.effective_on.day


def _hours(terms: Terms, indicator: Availability) -> object:
    """What makes open time the same, whatever its calendar is called."""
    calendar = next((each for each in terms.calendars if each.id == indicator.hours), None)
    if calendar is None:
        return None
    return calendar.zone or terms.zone, frozenset(calendar.hours), _closed(calendar)


def _closed(calendar: Calendar) -> frozenset[object]:
    return frozenset(each.day for each in (*calendar.holidays, *calendar.also_closed))


# --- what they come to -------------------------------------------------------------------------------------------------


def _in_series(objective: Objective, lower: Sequence[_Lower]) -> _Found:
    """The top keeps its promise while the down times below, one after the other, come to no more than it may be down."""
    allowed = sum((1 - each.objective.target for each in lower), Fraction(0))
    budget = 1 - objective.target
    told = " and ".join(f"{trimmed_percent(each.objective.target)} %" for each in lower)
    together = " together" if len(lower) > 1 else ""
    below = f"{told} {'allow' if len(lower) > 1 else 'allows'} {_time(allowed)} of 30 days{together}"
    if allowed > budget:
        return _Found(below=below, why=f"{_time(allowed - budget)} of 30 days more than is promised")
    is_exceeded = any(each.objective.comparison == ">" for each in lower)
    if allowed == budget and objective.comparison == ">" and not is_exceeded:
        return _Found(below=below, why=f"may come to exactly {trimmed_percent(objective.target)} %, which is not above it")
    return _Found(below=below, holds=True, why="; ".join(why for each in lower for why in _left_out(each)))


def _left_out(lower: _Lower) -> Iterator[str]:
    """Down time that the figure below does not count: it is in no sum."""
    indicator, named = lower.objective.indicator, f"{lower.objective.id} of {lower.agreement}"
    if not isinstance(indicator, Availability):
        return
    planned = {window.service for window in lower.terms.maintenance} | {window.service for window in lower.terms.recurring_maintenance}
    if indicator.maintenance != "down" and lower.objective.service in planned:
        yield f"not in the sum: the maintenance of {named}"
    if indicator.minimum_outage:
        yield f"not in the sum: outages of {named} shorter than {duration_text(indicator.minimum_outage.at_least_s)}"


def _limits(objective: Objective, lower: Sequence[_Lower]) -> _Found:
    """Each request above asks each one below once, one after the other, and all of these are in time."""
    limits = [each.objective.indicator.threshold_ms for each in lower if isinstance(each.objective.indicator, ResponseTime)]
    indicator = objective.indicator
    assert isinstance(indicator, ResponseTime), "limits are those of response times"
    together = sum(limits, Decimal(0))
    below = f"{' and '.join(f'{milliseconds_text(limit)} ms' for limit in limits)} {'are' if len(limits) > 1 else 'is'} "
    below += f"{milliseconds_text(together)} ms together" if len(limits) > 1 else "the limit of every request"
    if together > indicator.threshold_ms:
        return _Found(below=below, why=f"{milliseconds_text(together - indicator.threshold_ms)} ms more than is promised")
    return _Found(below=below, holds=True, why="where each request asks each of them once")


def _promised(objective: Objective) -> str:
    target = f"{objective.comparison} {trimmed_percent(objective.target)} %"
    match objective.indicator:
        case Availability():
            return f"{target}, {_time(1 - objective.target)} of 30 days"
        case ResponseTime() as indicator:
            return f"{target} within {milliseconds_text(indicator.threshold_ms)} ms"
        case _:
            return target


def _time(share: Fraction) -> str:
    """Of thirty days, exact: targets have at most nine decimals, so seconds have an end."""
    seconds = share * _THIRTY_DAYS_S
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    left = Decimal(rest.numerator) / Decimal(rest.denominator)
    parts = ((str(hours), "h", hours), (str(minutes), "min", minutes), (f"{left.normalize():f}", "s", rest))
    return " ".join(f"{text} {unit}" for text, unit, amount in parts if amount) or "0 s"
