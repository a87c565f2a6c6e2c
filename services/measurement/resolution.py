"""Resolution time: tickets resolved within their time, of tickets due in the period. Pure; the clock runs around the clock.

A ticket belongs to the period its due instant lies in: opened plus the agreed time. Everything known up to the measurement counts for
it, even what happened after the period: a reopening in April can cost March's figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import assert_never
from zoneinfo import ZoneInfo

from services.measurement.figure import DayResult, Figure, TicketResult, TicketVerdict, counted
from services.measurement.objective import Reopened, ResolutionTime
from services.measurement.observation import Evidence, TicketEvent, TicketState
from services.vocabulary.period import Instant, Interval, Microseconds, day_of

_RESOLVED = frozenset({TicketState.RESOLVED, TicketState.CLOSED})

# Of two steps at one instant, whose order nobody told, the one that says less for the provider is the later.
_ORDER = {
    state: place
    for place, state in enumerate(
        (
            TicketState.OPENED,
            TicketState.WAITING,
            TicketState.RESOLVED,
            TicketState.CLOSED,
            TicketState.REOPENED,
            TicketState.CANCELLED,
        )
    )
}

WithinFor = Callable[[Instant], Microseconds]
"""The time a ticket has, by the instant it was opened: an amendment does not move the due instant of a ticket already open."""


def measure_resolution_time(
    indicator: ResolutionTime, evidence: Evidence, *, span: Interval, zone: ZoneInfo, measured_until: Instant, within_for: WithinFor
) -> Figure:
    """Met of due. Not counted: tickets never reported as opened, cancelled ones, and those neither resolved nor due yet."""
    judged = (_judged(steps, indicator, measured_until, within_for) for steps in _steps_by_ticket(evidence.tickets, measured_until))
    due = sorted((t for t in judged if t is not None and span.start <= t.due_at < span.end), key=lambda t: (t.due_at, t.ticket))
    closed_book = [ticket for ticket in due if ticket.verdict is not TicketVerdict.OPEN]
    days = _days(closed_book, zone)
    return counted("tickets", good=sum(day.good for day in days), whole=len(closed_book), days=days, tickets=tuple(due))


def _steps_by_ticket(events: Iterable[TicketEvent], measured_until: Instant) -> Iterable[list[TicketEvent]]:
    """Each ticket's steps so far, in order, repeats dropped."""
    steps: dict[str, list[TicketEvent]] = defaultdict(list)
    for event in sorted({event for event in events if event.at <= measured_until}, key=_step_order):
        steps[event.ticket].append(event)
    return steps.values()


def _step_order(event: TicketEvent) -> tuple[Instant, int, int, str]:
    return event.at, event.step, _ORDER[TicketState(event.state)], event.priority


def _judged(steps: Sequence[TicketEvent], indicator: ResolutionTime, measured_until: Instant, within_for: WithinFor) -> TicketResult | None:
    opened_at = next((step.at for step in steps if step.state == TicketState.OPENED), None)
    priority = next((step.priority for step in reversed(steps) if step.priority), "")
    if opened_at is None or steps[-1].state == TicketState.CANCELLED or (indicator.priorities and priority not in indicator.priorities):
        return None
    due_at = Instant(opened_at + within_for(opened_at))
    resolved_at = _resolved_at(steps, indicator.reopened)
    return TicketResult(
        ticket=steps[0].ticket,
        priority=priority,
        opened_at=opened_at,
        due_at=due_at,
        resolved_at=resolved_at,
        verdict=_verdict(due_at, resolved_at, measured_until),
    )


def _resolved_at(steps: Sequence[TicketEvent], reopened: Reopened) -> Instant | None:
    """When the ticket became resolved, for the first or for the last time; a step out of it has reopened it, whatever its name."""
    resolved = [step.state in _RESOLVED for step in steps]
    became = [step.at for step, before, now in zip(steps, [False, *resolved], resolved, strict=False) if now and not before]
    match reopened:
        case "first-resolution":
            return became[0] if became else None
        case "runs-on":
            return became[-1] if resolved[-1] else None
        case _:
            assert_never(reopened)


def _verdict(due_at: Instant, resolved_at: Instant | None, measured_until: Instant) -> TicketVerdict:
    """In time includes the due instant itself."""
    if resolved_at is not None:
        return TicketVerdict.MET if resolved_at <= due_at else TicketVerdict.MISSED
    return TicketVerdict.MISSED if due_at <= measured_until else TicketVerdict.OPEN


def _days(tickets: Iterable[TicketResult], zone: ZoneInfo) -> tuple[DayResult, ...]:
    """The civil days on which tickets were due."""
    verdicts: dict[date, list[bool]] = defaultdict(list)
    for ticket in tickets:
        verdicts[day_of(ticket.due_at, zone)].append(ticket.verdict is TicketVerdict.MET)
    return tuple(DayResult(day=day, good=sum(met), whole=len(met)) for day, met in sorted(verdicts.items()))
