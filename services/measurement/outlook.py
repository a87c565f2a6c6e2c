"""The outlook of a running period: how fast its budgets burn, where it will probably end, and when time alone can change it next.

Pure: reads no clock, opens no store, judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.measurement.assessment import ObjectiveResult, clock_agreed
from services.measurement.burn_rate import Alert, BurnRate, alert, burn_rates, burns, measure_of
from services.measurement.case import Case
from services.measurement.exclusion import tickets_out
from services.measurement.figure import TicketVerdict
from services.measurement.forecast import Forecast, forecast
from services.measurement.objective import Availability, IntervalMean, ResolutionTime, TimeSlices
from services.measurement.observation import BY_BADNESS, Evidence, State
from services.measurement.resolution import next_due
from services.measurement.verdict import bar_of
from services.vocabulary.period import Instant, Microseconds


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Of one segment. Over, or not begun, it has no rates, no alert and no forecast; `next_due` is None where no ticket is running."""

    result: ObjectiveResult
    rates: tuple[BurnRate, ...] = ()
    alert: Alert | None = None
    forecast: Forecast | None = None
    next_due: Instant | None = None


def outlooks(case: Case) -> tuple[Outlook, ...]:
    """In the order of the assessment's results."""
    return tuple(_outlook(case, result) for result in case.assessment.objectives)


def alerts(case: Case) -> Mapping[str, Alert]:
    """By objective: what burns now, in the segment that runs. What has nothing bad in it burns nothing and is not measured anew."""
    found = {
        result.objective.id: alert(_rates(case, result))
        for result in case.assessment.objectives
        if _runs(case, result) and result.good != result.whole
    }
    return {objective_id: held for objective_id, held in found.items() if held is not None}


def next_change(case: Case, *, pulse: Microseconds) -> Instant | None:
    """The next instant at which the running period can differ though nobody reports anything; None once it is over.

    While something is down, or its silence counts as bad, that is a pulse from now; else when a ticket falls due or a segment ends.
    """
    return min((at for result in case.assessment.objectives for at in _changes(case, result, pulse)), default=None)


def _changes(case: Case, result: ObjectiveResult, pulse: Microseconds) -> Iterator[Instant]:
    if not _runs(case, result):
        if case.until < result.interval.start:
            yield result.interval.start
        return
    yield result.interval.end
    due = _next_due(case, result)
    if due is not None:
        yield due
    if _spends_by_itself(result, case.evidence_of(result), case.until):
        yield Instant(case.until + pulse)


def _spends_by_itself(result: ObjectiveResult, evidence: Evidence, now: Instant) -> bool:
    match result.objective.indicator:
        case Availability() as indicator:
            silence_is_down = indicator.no_data == "down"
            return any(_is_down(component, evidence, now, silence_is_down=silence_is_down) for component in indicator.components)
        case IntervalMean() | TimeSlices() as indicator:
            return indicator.empty == "bad"
        case _:
            return False


def _is_down(component: str, evidence: Evidence, now: Instant, *, silence_is_down: bool) -> bool:
    """Now, or by a report of what lies ahead."""
    outages, statuses = evidence.outages_of(component), evidence.statuses_of(component)
    if any(outage.interval.end > now for outage in outages):
        return True
    if not len(statuses.at):
        return silence_is_down and not outages
    last = BY_BADNESS[int(statuses.state[-1])]
    return last is State.DOWN or int(statuses.at[-1]) > now or (last is State.UNKNOWN and silence_is_down)


def _outlook(case: Case, result: ObjectiveResult) -> Outlook:
    if not _runs(case, result):
        return Outlook(result=result)
    rates = _rates(case, result)
    return Outlook(
        result=result,
        rates=rates,
        alert=None if result.progress.lost else alert(rates),
        forecast=forecast(
            result.days,
            period=result.interval,
            until=case.until,
            zone=case.terms_of(result).zone,
            budget=1 - bar_of(result.objective).target,
            suspended=case.terms_of(result).suspended,
        ),
        next_due=_next_due(case, result),
    )


def _runs(case: Case, result: ObjectiveResult) -> bool:
    return result.interval.start < case.until < result.interval.end


def _rates(case: Case, result: ObjectiveResult) -> tuple[BurnRate, ...]:
    if not burns(result.objective.indicator):
        return ()
    measure = measure_of(result.objective, case.evidence_of(result), zone=case.terms_of(result).zone, maintenance=case.windows_of(result))
    return burn_rates(measure, until=case.until, start=result.interval.start, budget=1 - bar_of(result.objective).target)


def _next_due(case: Case, result: ObjectiveResult) -> Instant | None:
    indicator = result.objective.indicator
    if not isinstance(indicator, ResolutionTime) or not any(ticket.verdict is TicketVerdict.OPEN for ticket in result.tickets):
        return None
    agreed = clock_agreed(result.objective, case.terms)
    assert agreed is not None, "tickets have a clock"
    excluded = tickets_out(case.terms_of(result), result.objective.service)
    return next_due(indicator, case.evidence_of(result), after=case.until, clock_for=agreed, excluded=excluded)
