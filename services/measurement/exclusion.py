"""Exclusions: the time that agreed maintenance takes out, and the tickets, as their class allows, and what they do not. Pure.

What stands in the terms both parties have signed. A window that was only announced must keep its class's notice and approval; tickets
its approval. What was claimed when a period that it touches was closed needs the approval of both sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.measurement.interval import NEVER, Spans, clip, difference, intersection, overlaps, union
from services.measurement.objective import Approval, ExclusionClass, Maintenance, RecurringMaintenance, Terms, TicketExclusion
from services.vocabulary.calendar import instant_at
from services.vocabulary.period import HOUR, MINUTE, SECOND, Instant, Interval, Month, day_of, instant_text, month_of

SIGNED_BY = ("provider", "customer")
"""Who approved what stands in the terms: the sides that a class can ask for."""

LAST_WEEK = 5

_NEEDED: dict[Approval, tuple[str, ...]] = {"none": (), "customer": ("customer",), "both": SIGNED_BY}
_A_YEAR = 366 * 24 * HOUR


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A window, or the part of one, that excludes nothing, and the rule it broke, in words."""

    window: Maintenance
    rule: str


@dataclass(frozen=True, kw_only=True)
class RefusedTickets:
    """Tickets that a claim does not take out, and the rule it broke, in words."""

    exclusion: TicketExclusion
    rule: str


@dataclass(frozen=True, kw_only=True)
class Granted:
    """Windows cut to what counts, and what was refused of those that touch the span; both in order of time."""

    windows: tuple[Maintenance, ...]
    refused: tuple[Refused, ...]


def granted_in(terms: Terms, span: Interval) -> tuple[Maintenance, ...]:
    """The windows of all services that exclude time in the span and around it, cut to what counts."""
    return granted(windows_in(terms, span), span=span, zone=terms.zone).windows


def windows_in(terms: Terms, span: Interval) -> tuple[Maintenance, ...]:
    """The windows of the terms, whole, in order of time: all of the civil months that the span touches and of their neighbours.

    A monthly cap is used up by a month's earliest time, wherever the span begins, and an outage over the span's edge has its length.
    """
    months = _months(span, terms.zone)
    reach = Interval(months[0].previous.bounds(terms.zone).start, months[-1].next.bounds(terms.zone).end)
    once = (_agreed(window) for window in terms.maintenance)
    again = (window for recurring in terms.recurring for window in _expanded(recurring, reach, terms.zone))
    return tuple(sorted((window for window in (*once, *again) if overlaps(window.interval, reach)), key=_by_time))


def granted(windows: Sequence[Maintenance], *, span: Interval, zone: ZoneInfo) -> Granted:
    """What of the windows counts, by notice, approval and monthly cap of their classes; months are civil ones of the zone.

    Give it the windows of all services and of whole months: those of one class share its cap, and time that they have in common counts
    once against it. A window that breaks a rule uses up no cap.
    """
    broken = [(window, _broken_rule(window)) for window in windows]
    admitted = [window for window, rule in broken if not rule]
    beyond = _beyond_caps(admitted, zone)
    kept: list[Maintenance] = []
    refused = [Refused(window=window, rule=rule) for window, rule in broken if rule]
    for window in admitted:
        over = beyond.get(window.ground, NEVER) if window.ground is not None else NEVER
        kept.extend(_parts(window, difference((window.interval,), over)))
        if window.ground is not None:
            rule = _cap_rule(window.ground)
            refused.extend(Refused(window=part, rule=rule) for part in _parts(window, intersection((window.interval,), over)))
    told = (each for each in refused if overlaps(each.window.interval, span))
    return Granted(windows=tuple(sorted(kept, key=_by_time)), refused=tuple(sorted(told, key=lambda each: _by_time(each.window))))


def tickets_out(terms: Terms, service: str) -> Mapping[str, str]:
    """The tickets of a service that are taken out, each with the claim in words; of several claims the first."""
    standing = [each for each in terms.ticket_exclusions if each.service == service and not _missing_approval(each)]
    return {ticket: claim_in_words(each) for each in reversed(standing) for ticket in each.tickets}


def refused_tickets(terms: Terms) -> tuple[RefusedTickets, ...]:
    """The claims of tickets that take none out, in the order in which they were made."""
    judged = ((each, _missing_approval(each)) for each in terms.ticket_exclusions)
    return tuple(RefusedTickets(exclusion=each, rule=rule) for each, rule in judged if rule)


def claim_in_words(exclusion: TicketExclusion) -> str:
    """The claim, its ground and clause, and the sides that approved it."""
    clause = f"clause {exclusion.ground.clause}" if exclusion.ground.clause else ""
    approved = f"approved by {' and '.join(exclusion.approved_by)}" if exclusion.approved_by else ""
    return ", ".join(part for part in (f"claim {exclusion.id}", exclusion.ground.id, clause, approved) if part)


def _missing_approval(claimed: Maintenance | TicketExclusion) -> str:
    ground = claimed.ground
    if ground is None:
        return ""
    needed = SIGNED_BY if claimed.closed_periods else _NEEDED[ground.approval]
    missing = [side for side in needed if side not in claimed.approved_by]
    if not missing:
        return ""
    rule = f"{_named(ground)} needs the approval of {' and '.join(missing)}"
    return f"{rule}: {closed_in_words(claimed.closed_periods)} when it was claimed" if claimed.closed_periods else rule


def closed_in_words(periods: Sequence[str]) -> str:
    """At least one, in the order of time: "2026-03 was closed"."""
    return f"{periods[0]} was closed" if len(periods) == 1 else f"{len(periods)} periods from {periods[0]} to {periods[-1]} were closed"


def _agreed(window: Maintenance) -> Maintenance:
    """What stands in the terms without an announcement is agreed there, by both."""
    return replace(window, approved_by=SIGNED_BY) if window.announced_at is None and not window.approved_by else window


def _broken_rule(window: Maintenance) -> str:
    """The rule of its class that a window breaks, empty where it breaks none. A class without notice asks for no announcement."""
    ground = window.ground
    if ground is None:
        return ""
    if missing := _missing_approval(window):
        return missing
    begins, announced = window.interval.start, window.announced_at
    if ground.notice and announced is not None and announced > begins - ground.notice:
        return f"{_named(ground)} needs {_told(ground.notice)} of notice: announced {instant_text(announced)} for {instant_text(begins)}"
    return ""


def _beyond_caps(windows: Sequence[Maintenance], zone: ZoneInfo) -> Mapping[ExclusionClass, Spans]:
    """The time of each class that its cap does not allow."""
    asked: dict[ExclusionClass, list[Interval]] = defaultdict(list)
    for window in windows:
        if window.ground is not None and window.ground.monthly_cap is not None:
            asked[window.ground].append(window.interval)
    return {ground: _beyond_cap(union(intervals), ground.monthly_cap or 0, zone) for ground, intervals in asked.items()}


def _beyond_cap(asked: Spans, cap: int, zone: ZoneInfo) -> Spans:
    beyond: list[Interval] = []
    for month in sorted({month for each in asked for month in _months(each, zone)}):
        left = cap
        for part in clip(asked, month.bounds(zone)):
            allowed = min(left, part.length)
            left -= allowed
            beyond.append(Interval(Instant(part.start + allowed), part.end))
    return union(beyond)


def _parts(window: Maintenance, spans: Spans) -> Iterator[Maintenance]:
    return (replace(window, interval=part) for part in spans)


def _expanded(recurring: RecurringMaintenance, reach: Interval, zone: ZoneInfo) -> Iterator[Maintenance]:
    """Each of its windows that could touch the reach; every weekday returns within a year, so nothing older is needed."""
    day = day_of(Instant(reach.start - min(recurring.lasts, _A_YEAR)), zone) - timedelta(days=1)
    last = day_of(reach.end, zone)
    while day <= last:
        if day.weekday() in recurring.days and _is_in_weeks(day, recurring.weeks):
            start = instant_at(day, recurring.from_minute, zone)
            yield Maintenance(
                id=f"{recurring.id}/{day.isoformat()}",
                service=recurring.service,
                components=recurring.components,
                interval=Interval(start, Instant(start + recurring.lasts)),
                reason=recurring.reason,
                ground=recurring.ground,
                approved_by=SIGNED_BY,
            )
        day += timedelta(days=1)


def _is_in_weeks(day: date, weeks: Sequence[int]) -> bool:
    """The fifth of a weekday is always its month's last."""
    is_last = (day + timedelta(days=7)).month != day.month
    return not weeks or (is_last and LAST_WEEK in weeks) or (day.day - 1) // 7 + 1 in weeks


def _months(interval: Interval, zone: ZoneInfo) -> list[Month]:
    """The civil months that an interval touches."""
    months = [month_of(interval.start, zone)]
    while months[-1].next.bounds(zone).start < interval.end:
        months.append(months[-1].next)
    return months


def _by_time(window: Maintenance) -> tuple[Instant, Instant, str]:
    return window.interval.start, window.interval.end, window.id


def _named(ground: ExclusionClass) -> str:
    return f"{ground.id} (clause {ground.clause})" if ground.clause else ground.id


def _cap_rule(ground: ExclusionClass) -> str:
    return f"{_named(ground)} has used up its {_told(ground.monthly_cap or 0)} of the month"


def _told(length: int) -> str:
    """In the largest unit that leaves no part: "240 h", "90 min"."""
    unit, name = next((each for each in ((HOUR, "h"), (MINUTE, "min"), (SECOND, "s")) if length % each[0] == 0), (1, "us"))
    return f"{length // unit} {name}"
