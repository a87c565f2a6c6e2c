"""Resolution time: tickets whose clock met its target, of tickets due in the period. Pure: reads no clock of its own.

A ticket's clock starts when it is opened, counts in the agreed hours, stands still in the agreed states until the ticket's next step and
while the agreement is suspended, and stops at the resolution, or at the first response. It is due at the first instant at which the
clock has counted what was agreed, or would have if nothing had stopped it. So a pause before that instant moves it, and nothing that
happens after it does: each ticket has one due instant at a time and belongs to the one period it lies in. While a ticket waits with
time left it has none, and is in no period.

Everything known up to the measurement counts, even what happened after the period: a reopening in April can cost March's figure. A ticket
that a claim took out is told where it is due, and is in no figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never
from zoneinfo import ZoneInfo

from services.measurement.figure import DayResult, Figure, TicketResult, TicketVerdict, counted
from services.measurement.interval import ALL_TIME, Spans, difference
from services.measurement.objective import ResolutionTime
from services.measurement.observation import Evidence, TicketEvent, TicketState
from services.vocabulary.calendar import NoOpenTime
from services.vocabulary.period import Instant, Interval, Microseconds, day_of

_RESOLVED = frozenset({TicketState.RESOLVED, TicketState.CLOSED})
_ANSWERED = frozenset({TicketState.RESPONDED, *_RESOLVED})

# Of two steps at one instant, whose order nobody told, the one that says less for the provider is the later.
_ORDER: dict[str, int] = {
    state: place
    for place, state in enumerate(
        (
            TicketState.OPENED,
            TicketState.WAITING,
            TicketState.RESPONDED,
            TicketState.RESOLVED,
            TicketState.CLOSED,
            TicketState.REOPENED,
            TicketState.CANCELLED,
        )
    )
}

ClockFor = Callable[[Instant], ResolutionTime]
"""The indicator in force when a ticket was opened: its clock (time, hours, pauses, what stops it) is not moved by an amendment."""


@dataclass(frozen=True, kw_only=True)
class _Course:
    """A ticket's clock: the spans in which it ran, then since when it runs on if nothing stopped it; None while it stands still."""

    ticket: str
    priority: str
    opened_at: Instant
    stopped_at: Instant | None
    clock: ResolutionTime
    runs: tuple[Interval, ...]
    runs_on_from: Instant | None

    @property
    def due_at(self) -> Instant | None:
        left = self.clock.within
        counting = self._counting(ALL_TIME.end)
        for run in counting[:-1]:
            elapsed = _elapsed(self.clock, run)
            if left <= elapsed:
                return _reached(self.clock, run.start, left)
            left = Microseconds(left - elapsed)
        due = _reached(self.clock, counting[-1].start, left) if counting else None
        return None if due is None or due > counting[-1].end else due

    def counted_until(self, measured_until: Instant) -> int:
        """What the clock counted until it stopped, or until the measurement."""
        return sum(_elapsed(self.clock, run) for run in self._counting(measured_until if self.stopped_at is None else self.stopped_at))

    def _counting(self, end: Instant) -> Spans:
        """When the clock runs: not while the agreement is suspended."""
        runs = self.runs if self.runs_on_from is None else (*self.runs, Interval(self.runs_on_from, end))
        return difference(runs, self.clock.suspended) if self.clock.suspended else runs


def measure_resolution_time(
    indicator: ResolutionTime,
    evidence: Evidence,
    *,
    span: Interval,
    zone: ZoneInfo,
    measured_until: Instant,
    clock_for: ClockFor,
    excluded: Mapping[str, str] | None = None,
) -> Figure:
    """Met of due. The indicator says which tickets are its own, `clock_for` how the clock of each runs; `excluded` are tickets that are
    taken out, each with the claim in words.

    Not counted: tickets never reported as opened, cancelled ones, those neither stopped nor due yet, and those whose hours never come.
    """
    courses = _courses(indicator, (event for event in evidence.tickets if event.at <= measured_until), clock_for)
    judged = (_judged(course, span, measured_until) for course in courses)
    told = (_taken_out(ticket, excluded or {}) for ticket in judged if ticket is not None)
    due = sorted(told, key=lambda ticket: (ticket.due_at, ticket.ticket))
    closed_book = [ticket for ticket in due if ticket.verdict in {TicketVerdict.MET, TicketVerdict.MISSED}]
    days = _days(closed_book, zone)
    return counted("tickets", good=sum(day.good for day in days), whole=len(closed_book), days=days, tickets=tuple(due))


def next_due(
    indicator: ResolutionTime, evidence: Evidence, *, after: Instant, clock_for: ClockFor, excluded: Collection[str] = ()
) -> Instant | None:
    """The first instant after that one at which a ticket is missed if nothing more is reported; None while nothing falls due.

    Takes every step that is known, also those that lie ahead, and none of the tickets that are taken out.
    """
    courses = _courses(indicator, (event for event in evidence.tickets if event.ticket not in excluded), clock_for)
    due = ((course.due_at, course.stopped_at) for course in courses)
    return min((at for at, stopped in due if at is not None and at > after and (stopped is None or stopped > at)), default=None)


def _courses(indicator: ResolutionTime, events: Iterable[TicketEvent], clock_for: ClockFor) -> Iterator[_Course]:
    for steps in _steps_by_ticket(events):
        course = _course(steps, indicator, clock_for)
        if course is not None:
            yield course


def _steps_by_ticket(events: Iterable[TicketEvent]) -> Iterable[list[TicketEvent]]:
    """Each ticket's steps, in order, repeats dropped."""
    steps: dict[str, list[TicketEvent]] = defaultdict(list)
    for event in sorted(set(events), key=_step_order):
        steps[event.ticket].append(event)
    return steps.values()


def _step_order(event: TicketEvent) -> tuple[Instant, int, int, str]:
    return event.at, event.step, _ORDER[event.state], event.priority


def _course(steps: Sequence[TicketEvent], indicator: ResolutionTime, clock_for: ClockFor) -> _Course | None:
    """None of a ticket that has no clock, or is none of this indicator's."""
    opened = next((place for place, step in enumerate(steps) if step.state == TicketState.OPENED), None)
    priority = _priority(steps, indicator)
    if opened is None or _cancelled(steps) or (indicator.priorities and priority not in indicator.priorities):
        return None
    opened_at = steps[opened].at
    clock = clock_for(opened_at)
    stopped_at = _stopped_at(steps, clock)
    runs, runs_on_from = _runs(steps[opened:], clock.pauses, stopped_at)
    return _Course(
        ticket=steps[0].ticket,
        priority=priority,
        opened_at=opened_at,
        stopped_at=stopped_at,
        clock=clock,
        runs=runs,
        runs_on_from=runs_on_from,
    )


def _priority(steps: Sequence[TicketEvent], indicator: ResolutionTime) -> str:
    """Of the priorities it had the last, the first or the highest; one that the order does not name is lower than all that it does."""
    had = [step.priority for step in steps if step.priority]
    if not had:
        return ""
    match indicator.priority_rule:
        case "last":
            return had[-1]
        case "first":
            return had[0]
        case "highest":
            return next((priority for priority in indicator.priority_order if priority in had), had[-1])
        case _:
            assert_never(indicator.priority_rule)


def _cancelled(steps: Sequence[TicketEvent]) -> bool:
    """An answer after it does not take a cancellation back."""
    return next((step.state for step in reversed(steps) if step.state != TicketState.RESPONDED), "") == TicketState.CANCELLED


def _stopped_at(steps: Sequence[TicketEvent], clock: ResolutionTime) -> Instant | None:
    """When the ticket was first answered, or became resolved for the first or for the last time.

    Any step out of a resolution has reopened the ticket, whatever its name, except an answer.
    """
    if clock.stop == "responded":
        return next((step.at for step in steps if step.state in _ANSWERED), None)
    states = [(step.at, step.state in _RESOLVED) for step in steps if step.state != TicketState.RESPONDED]
    became = [at for (at, now), before in zip(states, [False, *(resolved for _, resolved in states)], strict=False) if now and not before]
    match clock.reopened:
        case "first-resolution":
            return became[0] if became else None
        case "runs-on":
            return became[-1] if became and states[-1][1] else None
        case _:
            assert_never(clock.reopened)


def _runs(steps: Sequence[TicketEvent], pauses: Sequence[str], stopped_at: Instant | None) -> tuple[tuple[Interval, ...], Instant | None]:
    """The spans the clock ran in before its last change, and since when it runs on; `steps` begin with the opening.

    Nothing after the stop moves it: from there the clock is thought to run on.
    """
    runs: list[Interval] = []
    since: Instant | None = None
    for step in steps:
        if stopped_at is not None and step.at >= stopped_at:
            return tuple(runs), step.at if since is None else since
        if step.state in pauses:
            if since is not None:
                runs.append(Interval(since, step.at))
            since = None
        elif since is None:
            since = step.at
    return tuple(runs), since


def _elapsed(clock: ResolutionTime, run: Interval) -> Microseconds:
    if clock.hours is not None:
        return clock.hours.between(run.start, run.end)
    return Microseconds(max(0, run.end - run.start))


def _reached(clock: ResolutionTime, start: Instant, left: Microseconds) -> Instant | None:
    """When the clock has counted what is left; None where its hours never come."""
    if clock.hours is None:
        return Instant(start + left)
    try:
        return clock.hours.after(start, left)
    except NoOpenTime:
        return None


def _judged(course: _Course, span: Interval, measured_until: Instant) -> TicketResult | None:
    """None of a ticket that is not due in the span."""
    due_at = course.due_at
    if due_at is None or not span.start <= due_at < span.end:
        return None
    return TicketResult(
        ticket=course.ticket,
        priority=course.priority,
        opened_at=course.opened_at,
        due_at=due_at,
        resolved_at=course.stopped_at,
        verdict=_verdict(due_at, course.stopped_at, measured_until),
        counted_us=course.counted_until(measured_until),
        allowed_us=course.clock.within,
        clock=course.clock.hours.id if course.clock.hours is not None else "",
    )


def _taken_out(ticket: TicketResult, excluded: Mapping[str, str]) -> TicketResult:
    claim = excluded.get(ticket.ticket)
    return ticket if claim is None else replace(ticket, verdict=TicketVerdict.EXCLUDED, excluded_by=claim)


def _verdict(due_at: Instant, stopped_at: Instant | None, measured_until: Instant) -> TicketVerdict:
    """In time includes the due instant itself, and ends with it: hours that are closed then are no more time."""
    if stopped_at is not None:
        return TicketVerdict.MET if stopped_at <= due_at else TicketVerdict.MISSED
    return TicketVerdict.MISSED if due_at <= measured_until else TicketVerdict.OPEN


def _days(tickets: Iterable[TicketResult], zone: ZoneInfo) -> tuple[DayResult, ...]:
    """The civil days on which tickets were due."""
    verdicts: dict[date, list[bool]] = defaultdict(list)
    for ticket in tickets:
        verdicts[day_of(ticket.due_at, zone)].append(ticket.verdict is TicketVerdict.MET)
    return tuple(DayResult(day=day, good=sum(met), whole=len(met)) for day, met in sorted(verdicts.items()))
