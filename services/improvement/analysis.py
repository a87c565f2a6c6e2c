"""What cost the budget of a breached objective, and what would have saved it. Pure: reads no clock, opens no store.

Costs are integers in the objective's unit (microseconds, requests, tickets, slices, 10^-18 intervals, weights of objectives); shares and
expected attainments are exact. An expected attainment is what the breached period would have come to, had the recommendation been in
place in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from itertools import accumulate, groupby
from typing import Literal, NamedTuple, assert_never
from zoneinfo import ZoneInfo

from services.vocabulary.errors import invalid
from services.vocabulary.period import HOUR, MINUTE, SECOND, Instant, Interval, datetime_of, instant_text
from services.vocabulary.ratio import floored_percent, parse_percent

IndicatorKind = Literal["availability", "request-ratio", "interval-mean", "time-slices", "response-time", "resolution-time", "composite"]
Comparison = Literal[">=", ">"]
FindingKind = Literal["outage", "component", "hour-of-day", "day", "slow-requests", "tickets", "member"]
Maintenance = Literal["exclude", "up", "down"]

_MAINTENANCE: dict[str, Maintenance] = {"": "exclude", "exclude": "exclude", "up": "up", "down": "down"}
MOST_FINDINGS_OF_A_KIND = 5
FAST_RECOVERY = 15 * MINUTE
"""A detected and failed-over outage: what a well-rehearsed recovery takes."""
SLIGHTLY_LATE = 24 * HOUR
"""Tickets no later than this would have been in time, had the queue been worked in order of due time."""
HOURS_OF_THE_DAY = 24
INTERVALS = "10^-18 intervals"
PARTS_OF_AN_INTERVAL = 10**18
AROUND_THE_CLOCK = "around the clock"


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Down time that counted; `components` are those down in it, empty when the source named none."""

    interval: Interval
    components: tuple[str, ...]
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class DayCount:
    """Good and all requests of a civil day in the agreement's zone."""

    day: date
    good: int
    whole: int

    @property
    def bad(self) -> int:
        return self.whole - self.good


@dataclass(frozen=True, kw_only=True)
class LateTicket:
    """A ticket that missed its time; `late_by` in microseconds of its clock, up to the measurement while it is still open.

    `clock` names the service hours it runs in, empty: around the clock.
    """

    ticket: str
    priority: str
    late_by: int
    still_open: bool
    clock: str = ""


@dataclass(frozen=True, kw_only=True)
class BadSlice:
    """An interval or slice that cost budget: `cost` in the objective's unit; `cause` is "errors", "latency" or "empty"."""

    start: Instant
    cost: int
    cause: str


@dataclass(frozen=True, kw_only=True)
class Member:
    """An objective that a composite is about, as it came out in the same period; `bad` in its own unit."""

    id: str
    name: str
    weight: int
    verdict: str
    attainment_percent: str
    target_percent: str
    comparison: Comparison
    bad: int


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """What the analysis of an objective needs of its terms: what it is made of, by weight, and what maintenance counts as.

    `parts` are a composite's objectives or a pool's components; none for what is neither.
    """

    parts: Mapping[str, int]
    maintenance: Maintenance = "exclude"


NOTHING_SPECIAL = Agreed(parts={})


def parse_maintenance(text: str) -> Maintenance:
    """Nothing said means `exclude`. Refuses with `Invalid` what is none of the ways to count it."""
    if text not in _MAINTENANCE:
        raise invalid("maintenance", f"must be one of exclude, up, down, not {text!r}")
    return _MAINTENANCE[text]


@dataclass(frozen=True, kw_only=True)
class BreachedObjective:
    """What measurement says an objective came to in the period of its breach; only the parts of its own indicator are filled.

    `weights` are those of a pool's components, none where time is not counted for each component by itself.
    """

    indicator: IndicatorKind
    unit: str
    good: int
    whole: int
    target_percent: str
    comparison: Comparison
    decimals: int
    zone: ZoneInfo
    start: datetime
    end: datetime
    measured_until: datetime
    outages: tuple[Outage, ...] = ()
    days: tuple[DayCount, ...] = ()
    late_tickets: tuple[LateTicket, ...] = ()
    slices: tuple[BadSlice, ...] = ()
    members: tuple[Member, ...] = ()
    weights: tuple[tuple[str, int], ...] = ()
    maintenance: Maintenance = "exclude"

    @property
    def bad(self) -> int:
        return self.whole - self.good

    @property
    def is_journey(self) -> bool:
        """A composite of bad time, not of verdicts."""
        return self.indicator == "composite" and self.unit == "us"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What cost the budget: `cost` in the objective's unit, `share` of everything that was bad."""

    kind: FindingKind
    subject: str
    summary: str
    cost: int
    share: Fraction


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What would have saved budget; ranked from 1 by `expected_saving` (the objective's unit, in the breached period)."""

    id: str
    action: str
    rationale: str
    subject: str
    expected_saving: int
    expected_attainment: Fraction
    rank: int


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The figures a breach was judged by, what explains them, and what to do: a whole fact, kept as it was known."""

    indicator: IndicatorKind
    unit: str
    good: int
    whole: int
    target_percent: str
    comparison: Comparison
    decimals: int
    zone: str
    start: datetime
    end: datetime
    measured_until: datetime
    findings: tuple[Finding, ...]
    recommendations: tuple[Recommendation, ...]

    @property
    def attainment(self) -> Fraction | None:
        """None when nothing was eligible."""
        return Fraction(self.good, self.whole) if self.whole else None


def analysed(objective: BreachedObjective) -> Analysis:
    """Findings with the costliest first and at least one recommendation; the same objective gives the same analysis."""
    return Analysis(
        indicator=objective.indicator,
        unit=objective.unit,
        good=objective.good,
        whole=objective.whole,
        target_percent=objective.target_percent,
        comparison=objective.comparison,
        decimals=objective.decimals,
        zone=objective.zone.key,
        start=objective.start,
        end=objective.end,
        measured_until=objective.measured_until,
        findings=tuple(sorted(_findings(objective), key=lambda finding: -finding.cost)),
        recommendations=_recommendations(objective),
    )


def meets(attainment: Fraction, *, target: Fraction, comparison: Comparison) -> bool:
    """Compares the unrounded value."""
    return attainment >= target if comparison == ">=" else attainment > target


class _Measure(NamedTuple):
    """A recommendation before it is ranked; `attainment` is exact."""

    id: str
    action: str
    rationale: str
    subject: str
    saving: int
    attainment: Fraction


def _findings(objective: BreachedObjective) -> list[Finding]:
    match objective.indicator:
        case "availability" if objective.weights:
            return list(_pool_findings(objective))
        case "availability":
            return [*_component_findings(objective), *_hour_findings(objective), *_outage_findings(objective)]
        case "request-ratio" | "response-time":
            return list(_day_findings(objective))
        case "interval-mean" | "time-slices":
            return [*_slice_hour_findings(objective), *_run_findings(objective), *_day_findings(objective)]
        case "resolution-time":
            return list(_ticket_findings(objective))
        case "composite" if objective.is_journey:
            return [*_leg_findings(objective), *_hour_findings(objective), *_outage_findings(objective)]
        case "composite":
            return list(_member_findings(objective))
        case _:
            assert_never(objective.indicator)


def _recommendations(objective: BreachedObjective) -> tuple[Recommendation, ...]:
    found = [measure for measure in _measures(objective) if measure.saving > 0] or [_back_to_target(objective)]
    ranked = sorted(found, key=lambda measure: (-measure.saving, measure.id))
    return tuple(
        Recommendation(
            id=measure.id,
            action=measure.action,
            rationale=measure.rationale,
            subject=measure.subject,
            expected_saving=measure.saving,
            expected_attainment=measure.attainment,
            rank=rank,
        )
        for rank, measure in enumerate(ranked, start=1)
    )


def _measures(objective: BreachedObjective) -> list[_Measure]:
    match objective.indicator:
        case "availability" if objective.weights:
            return [*_pool_spared(objective), _pool_gaps_closed(objective)]
        case "availability":
            return [
                *_without_single_points(objective),
                *_planned_windows(objective),
                _faster_recovery(objective),
                _gaps_closed(objective),
            ]
        case "request-ratio" | "response-time":
            return _worst_days_capped(objective)
        case "interval-mean" | "time-slices":
            return [*_recurring_failures(objective), *_worst_days_capped(objective), _silence_filled(objective)]
        case "resolution-time":
            return [_triage(objective), *_escalated_priority(objective)]
        case "composite" if objective.is_journey:
            return [*_without_single_points(objective), _faster_recovery(objective), _gaps_closed(objective)]
        case "composite":
            return list(_members_kept(objective))
        case _:
            assert_never(objective.indicator)


# Availability: outages, components, hours


def _outage_findings(objective: BreachedObjective) -> Iterator[Finding]:
    longest = sorted(merged_outages(objective.outages), key=lambda outage: (-outage.interval.length, outage.interval.start))
    for outage in longest[:MOST_FINDINGS_OF_A_KIND]:
        yield _outage_finding(outage, objective, cost=outage.interval.length)


def _outage_finding(outage: Outage, objective: BreachedObjective, *, cost: int, was: str = "down") -> Finding:
    names = ", ".join(outage.components) or "The service"
    since, until = (_local(instant, objective.zone) for instant in outage.interval)
    cause = f": {outage.cause}" if outage.cause else ""
    return Finding(
        kind="outage",
        subject=f"{instant_text(outage.interval.start)}/{instant_text(outage.interval.end)}",
        summary=f"{names} {was} for {duration_text(outage.interval.length)} from {since} to {until} ({objective.zone.key}){cause}",
        cost=cost,
        share=_ratio(cost, objective.bad),
    )


def _component_findings(objective: BreachedObjective) -> Iterator[Finding]:
    costs = {name: _length(_down(objective.outages, of=name)) for name in _components(objective.outages)}
    overlap = sum(costs.values()) > _length(_down(objective.outages))
    note = "; components were down together, so their shares add up to more than the whole" if overlap else ""
    for name, cost in sorted(costs.items(), key=lambda item: (-item[1], item[0]))[:MOST_FINDINGS_OF_A_KIND]:
        yield Finding(
            kind="component",
            subject=name,
            summary=f"{name} was down for {duration_text(cost)} of the {duration_text(objective.bad)} that cost budget{note}",
            cost=cost,
            share=_ratio(cost, objective.bad),
        )


def _hour_findings(objective: BreachedObjective) -> Iterator[Finding]:
    hours = _DownHours.of(objective)
    clusters = [(cluster, hours.cost(cluster)) for cluster in hours.clusters()]
    for cluster, cost in sorted(clusters, key=lambda item: (-item[1], item[0]))[:MOST_FINDINGS_OF_A_KIND]:
        days = len(hours.days(cluster))
        yield Finding(
            kind="hour-of-day",
            subject=_hours_text(cluster),
            summary=f"{duration_text(cost)} down between {_hours_text(cluster)} ({objective.zone.key}), on {_counted(days, 'day')}",
            cost=cost,
            share=_ratio(cost, objective.bad),
        )


def _without_single_points(objective: BreachedObjective) -> Iterator[_Measure]:
    lost = _length(_down(objective.outages))
    for name in _components(objective.outages):
        down = _length(_down(objective.outages, of=name))
        alone = lost - _length(_down(objective.outages, without=name))
        yield _Measure(
            id=f"component:{name}",
            action=f"Remove the single point of failure of {name}",
            rationale=f"{name} was down for {duration_text(down)}, {duration_text(alone)} of it while nothing else was",
            subject=name,
            saving=alone,
            attainment=_attainment(objective, saved=alone),
        )


def _planned_windows(objective: BreachedObjective) -> Iterator[_Measure]:
    """Where at least half of the down time lies in one or two neighbouring hours, each of them hit on two days or more."""
    hours = _DownHours.of(objective)
    window, lost = hours.recurring_window(), _length(_down(objective.outages))
    if objective.maintenance == "down" or window is None or 2 * hours.cost(window) < lost:
        return
    cost, text = hours.cost(window), _hours_text(window)
    share = floored_percent(Fraction(cost, lost), decimals=2)
    yield _Measure(
        id=f"hours:{text}",
        action=f"Move work that runs between {text} ({objective.zone.key}) into an agreed maintenance window",
        rationale=f"{share} % of the down time lies between {text}, on {_counted(len(hours.days(window)), 'day')}; "
        f"as agreed maintenance it {'counts as up' if objective.maintenance == 'up' else 'leaves both sides of the ratio'}",
        subject=text,
        saving=cost,
        attainment=_attainment_without(objective, cost),
    )


def _attainment_without(objective: BreachedObjective, cost: int) -> Fraction:
    """Had that down time been agreed maintenance."""
    if objective.maintenance == "up":
        return _attainment(objective, saved=cost)
    return Fraction(objective.good, objective.whole - cost) if objective.whole > cost else Fraction(1)


def _faster_recovery(objective: BreachedObjective) -> _Measure:
    outages = _down(objective.outages)
    long = [interval.length for interval in outages if interval.length > FAST_RECOVERY]
    saving = sum(long) - FAST_RECOVERY * len(long)
    return _Measure(
        id="recovery:15-min",
        action="Shorten recovery: detect and fail over within 15 min",
        rationale=f"{len(long)} of {_counted(len(outages), 'outage')} lasted longer than 15 min, by {duration_text(saving)} altogether",
        subject="recovery",
        saving=saving,
        attainment=_attainment(objective, saved=saving),
    )


def _gaps_closed(objective: BreachedObjective) -> _Measure:
    return _gap(objective, unseen=max(0, objective.bad - _length(_down(objective.outages))))


def _gap(objective: BreachedObjective, *, unseen: int) -> _Measure:
    return _Measure(
        id="data:gaps",
        action="Close the gaps in the monitoring data",
        rationale=f"{duration_text(unseen)} counted as down by agreement because no data was there",
        subject="data",
        saving=unseen,
        attainment=_attainment(objective, saved=unseen),
    )


# A pool: each component's own time


def _pool_findings(objective: BreachedObjective) -> Iterator[Finding]:
    """An outage names every component that was down in it: what of a shared one was whose is not told, and never guessed."""
    shared = any(len(outage.components) > 1 for outage in objective.outages)
    note = "; outages that several components share are told in full for each of them" if shared else ""
    costs = {name: min(_pool_cost(objective, name), objective.bad) for name in _components(objective.outages)}
    for name, cost in sorted(costs.items(), key=lambda item: (-item[1], item[0]))[:MOST_FINDINGS_OF_A_KIND]:
        yield Finding(
            kind="component",
            subject=name,
            summary=f"{name} had outages that cost {duration_text(cost)} of {duration_text(objective.bad)} of component time lost{note}",
            cost=cost,
            share=_ratio(cost, objective.bad),
        )
    for outage in sorted(objective.outages, key=lambda each: (-each.interval.length, each.interval.start))[:MOST_FINDINGS_OF_A_KIND]:
        cost = min(outage.interval.length * sum(_weight(objective, name) for name in outage.components), objective.bad)
        yield _outage_finding(outage, objective, cost=cost)


def _pool_spared(objective: BreachedObjective) -> Iterator[_Measure]:
    """Had a component not failed: counted only where it failed alone, which is certain."""
    for name in _components(objective.outages):
        alone = _length(outage.interval for outage in objective.outages if outage.components == (name,))
        saving = min(alone * _weight(objective, name), objective.bad)
        yield _Measure(
            id=f"component:{name}",
            action=f"Make {name} as reliable as the rest of the pool",
            rationale=f"outages of {name} alone cost {duration_text(saving)} of the {duration_text(objective.bad)} of component time lost",
            subject=name,
            saving=saving,
            attainment=_attainment(objective, saved=saving),
        )


def _pool_gaps_closed(objective: BreachedObjective) -> _Measure:
    most = sum(_pool_cost(objective, name) for name in _components(objective.outages))
    return _gap(objective, unseen=max(0, objective.bad - most))


def _pool_cost(objective: BreachedObjective, name: str) -> int:
    return _length(outage.interval for outage in objective.outages if name in outage.components) * _weight(objective, name)


def _weight(objective: BreachedObjective, name: str) -> int:
    return dict(objective.weights).get(name, 1)


def merged_outages(outages: Iterable[Outage]) -> list[Outage]:
    """Outages that touch or overlap are one, with all of their components and causes."""
    found: list[Outage] = []
    for outage in sorted(outages, key=lambda each: (each.interval, each.components, each.cause)):
        if found and outage.interval.start <= found[-1].interval.end:
            found[-1] = _joined(found[-1], outage)
        else:
            found.append(outage)
    return found


def _joined(first: Outage, second: Outage) -> Outage:
    causes = first.cause.split("; ") + second.cause.split("; ")
    return Outage(
        interval=Interval(first.interval.start, max(first.interval.end, second.interval.end)),
        components=tuple(sorted({*first.components, *second.components})),
        cause="; ".join(dict.fromkeys(cause for cause in causes if cause)),
    )


def _down(outages: Iterable[Outage], *, of: str = "", without: str = "") -> list[Interval]:
    """The union of down time: of everything, of one component, or what remains had one component never failed."""
    chosen = (outage for outage in outages if (not of or of in outage.components) and (not without or outage.components != (without,)))
    return [outage.interval for outage in merged_outages(chosen)]


def _components(outages: Iterable[Outage]) -> list[str]:
    return sorted({name for outage in outages for name in outage.components})


def _length(intervals: Iterable[Interval]) -> int:
    return sum(interval.length for interval in intervals)


class _DownHours:
    """Down time by civil day and hour of the day; a window of hours may run over midnight."""

    def __init__(self, cells: Counter[tuple[date, int]]) -> None:
        self._cells = cells
        self._hours: Counter[int] = Counter()
        for (_, hour), length in cells.items():
            self._hours[hour] += length

    @classmethod
    def of(cls, objective: BreachedObjective) -> _DownHours:
        cells: Counter[tuple[date, int]] = Counter()
        for interval in _down(objective.outages):
            for day, hour, length in _civil_hours(interval, objective.zone):
                cells[day, hour] += length
        return cls(cells)

    def cost(self, hours: Sequence[int]) -> int:
        return sum(self._hours[hour] for hour in hours)

    def days(self, hours: Sequence[int]) -> set[date]:
        return {day for day, hour in self._cells if hour in hours}

    def clusters(self) -> list[tuple[int, ...]]:
        """Neighbouring hours with down time, the last of the day joined to the first of it."""
        hours = sorted(self._hours)
        runs = [tuple(hour for _, hour in run) for _, run in groupby(enumerate(hours), key=lambda pair: pair[1] - pair[0])]
        if len(runs) > 1 and runs[0][0] == 0 and runs[-1][-1] == HOURS_OF_THE_DAY - 1:
            return [*runs[1:-1], (*runs[-1], *runs[0])]
        return runs

    def recurring_window(self) -> tuple[int, ...] | None:
        """The one or two neighbouring hours that cost most, each with down time on two days or more; the shorter of equals."""
        recurring = [hour for hour in sorted(self._hours) if len(self.days([hour])) >= 2]
        pairs = [(hour, (hour + 1) % HOURS_OF_THE_DAY) for hour in recurring if (hour + 1) % HOURS_OF_THE_DAY in recurring]
        windows: list[tuple[int, ...]] = [*((hour,) for hour in recurring), *pairs]
        return min(windows, key=lambda window: (-self.cost(window), len(window), window), default=None)


def _civil_hours(interval: Interval, zone: ZoneInfo) -> Iterator[tuple[date, int, int]]:
    moment = interval.start
    while moment < interval.end:
        local = datetime_of(moment).astimezone(zone)
        into_the_hour = local.minute * MINUTE + local.second * SECOND + local.microsecond
        following = Instant(min(interval.end, moment + HOUR - into_the_hour))
        yield local.date(), local.hour, following - moment
        moment = following


# Intervals and slices, by the hour of the day


def _slice_hour_findings(objective: BreachedObjective) -> Iterator[Finding]:
    hours = _slice_hours(objective)
    clusters = [(cluster, hours.cost(cluster)) for cluster in hours.clusters()]
    for cluster, cost in sorted(clusters, key=lambda item: (-item[1], item[0]))[:MOST_FINDINGS_OF_A_KIND]:
        days = _counted(len(hours.days(cluster)), "day")
        yield Finding(
            kind="hour-of-day",
            subject=_hours_text(cluster),
            summary=f"{_amount(cost, objective)} lost between {_hours_text(cluster)} ({objective.zone.key}), on {days}",
            cost=cost,
            share=_ratio(cost, objective.bad),
        )


def _run_findings(objective: BreachedObjective) -> Iterator[Finding]:
    """Bad slices that adjoin each other, by what they cost together."""
    slices = sorted(objective.slices, key=lambda each: each.start)
    starts, costs = [each.start for each in slices], [0, *accumulate(each.cost for each in slices)]
    runs = [
        (costs[bisect_left(starts, run.interval.end)] - costs[bisect_left(starts, run.interval.start)], run) for run in objective.outages
    ]
    for cost, run in sorted(runs, key=lambda found: (-found[0], found[1].interval.start))[:MOST_FINDINGS_OF_A_KIND]:
        yield _outage_finding(run, objective, cost=cost, was="over its threshold")


def _recurring_failures(objective: BreachedObjective) -> Iterator[_Measure]:
    """Where at least half of what was lost lies in one or two neighbouring hours, each of them hit on two days or more."""
    hours = _slice_hours(objective)
    window, lost = hours.recurring_window(), sum(each.cost for each in objective.slices)
    if window is None or 2 * hours.cost(window) < lost:
        return
    cost, text = hours.cost(window), _hours_text(window)
    share = floored_percent(Fraction(cost, lost), decimals=2)
    yield _Measure(
        id=f"hours:{text}",
        action=f"Find and stop what {'slows requests down' if _is_slow(objective) else 'fails'} between {text} ({objective.zone.key})",
        rationale=f"{share} % of what was lost lies between {text}, on {_counted(len(hours.days(window)), 'day')}",
        subject=text,
        saving=cost,
        attainment=_attainment(objective, saved=cost),
    )


def _silence_filled(objective: BreachedObjective) -> _Measure:
    unseen = sum(each.cost for each in objective.slices if each.cause == "empty")
    return _Measure(
        id="data:gaps",
        action="See to it that requests are always seen, if need be by probes",
        rationale=f"{_amount(unseen, objective)} counted as bad by agreement because there was no request",
        subject="data",
        saving=unseen,
        attainment=_attainment(objective, saved=unseen),
    )


def _slice_hours(objective: BreachedObjective) -> _DownHours:
    cells: Counter[tuple[date, int]] = Counter()
    for each in objective.slices:
        local = datetime_of(each.start).astimezone(objective.zone)
        if each.cost:
            cells[local.date(), local.hour] += each.cost
    return _DownHours(cells)


def _is_slow(objective: BreachedObjective) -> bool:
    return objective.indicator == "response-time" or any(each.cause == "latency" for each in objective.slices)


# Requests, intervals and slices, by their days


def _day_findings(objective: BreachedObjective) -> Iterator[Finding]:
    noun = _noun(objective.unit)
    for day in _worst(objective.days)[:MOST_FINDINGS_OF_A_KIND]:
        bad, whole = _number(day.bad, objective.unit), _number(day.whole, objective.unit)
        what = "lost" if noun == "intervals" else "too slow" if _is_slow(objective) else "failed"
        yield Finding(
            kind="slow-requests" if objective.indicator == "response-time" else "day",
            subject=day.day.isoformat(),
            summary=f"{bad} of {whole} {noun} {what} on {day.day.isoformat()}",
            cost=day.bad,
            share=_ratio(day.bad, objective.bad),
        )


def _worst_days_capped(objective: BreachedObjective) -> list[_Measure]:
    """The fewest days (at most five) that hold half of what was bad, brought down to the bad share of the other days."""
    worst: list[DayCount] = []
    for day in _worst(objective.days)[:MOST_FINDINGS_OF_A_KIND]:
        if 2 * sum(each.bad for each in worst) < objective.bad:
            worst.append(day)
    if not worst:
        return []
    others = [day for day in objective.days if day not in worst]
    usual = _ratio(sum(day.bad for day in others), sum(day.whole for day in others))
    saving = sum((max(Fraction(0), day.bad - usual * day.whole) for day in worst), start=Fraction(0))
    names = ", ".join(sorted(day.day.isoformat() for day in worst))
    what = "Cap the slow path" if _is_slow(objective) else "Contain the failing path"
    held = _number(sum(day.bad for day in worst), objective.unit)
    return [
        _Measure(
            id="requests:worst-days",
            action=f"{what} on its worst days ({names})",
            rationale=f"{held} of {_number(objective.bad, objective.unit)} bad {_noun(objective.unit)} "
            f"fell on {_counted(len(worst), 'day')}; "
            f"on the others {floored_percent(usual, decimals=4)} % were bad",
            subject=names,
            saving=int(saving),
            attainment=(objective.good + saving) / objective.whole,
        )
    ]


def _worst(days: Iterable[DayCount]) -> list[DayCount]:
    return sorted((day for day in days if day.bad > 0), key=lambda day: (-day.bad, day.day))


# Tickets


def _ticket_findings(objective: BreachedObjective) -> Iterator[Finding]:
    for priority, count in _by_priority(objective.late_tickets):
        yield Finding(
            kind="tickets",
            subject=f"priority {priority}",
            summary=f"{_counted(count, 'ticket')} of priority {priority} missed their time",
            cost=count,
            share=_ratio(count, objective.bad),
        )
    for clock, count in _by_clock(objective.late_tickets):
        yield Finding(
            kind="tickets",
            subject=f"clock {clock}",
            summary=f"{_counted(count, 'ticket')} whose clock runs {_running(clock)} missed their time",
            cost=count,
            share=_ratio(count, objective.bad),
        )
    latest = sorted(objective.late_tickets, key=lambda ticket: (-ticket.late_by, ticket.ticket))
    for ticket in latest[:MOST_FINDINGS_OF_A_KIND]:
        how = "is still open, overdue by" if ticket.still_open else "was late by"
        yield Finding(
            kind="tickets",
            subject=ticket.ticket,
            summary=f"{ticket.ticket} (priority {ticket.priority}) {how} {duration_text(ticket.late_by)}{_clock_note(ticket.clock)}",
            cost=1,
            share=_ratio(1, objective.bad),
        )


def _triage(objective: BreachedObjective) -> _Measure:
    saving = sum(1 for ticket in objective.late_tickets if ticket.late_by <= SLIGHTLY_LATE)
    return _Measure(
        id="tickets:triage",
        action="Triage by due time: work the ticket that is due first, first",
        rationale=f"{saving} of {_counted(objective.bad, 'late ticket')} missed their time by no more than a day",
        subject="triage",
        saving=saving,
        attainment=_attainment(objective, saved=saving),
    )


def _escalated_priority(objective: BreachedObjective) -> Iterator[_Measure]:
    for priority, count in _by_priority(objective.late_tickets)[:1]:
        yield _Measure(
            id=f"tickets:priority-{priority}",
            action=f"Escalate tickets of priority {priority} when half of their time is spent",
            rationale=f"{count} of {_counted(objective.bad, 'late ticket')} had priority {priority}",
            subject=f"priority {priority}",
            saving=count,
            attainment=_attainment(objective, saved=count),
        )


def _by_priority(tickets: Iterable[LateTicket]) -> list[tuple[str, int]]:
    counts = Counter(ticket.priority or "unset" for ticket in tickets)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _by_clock(tickets: Iterable[LateTicket]) -> list[tuple[str, int]]:
    """Nothing where every clock runs around the clock: then it explains nothing."""
    counts = Counter(ticket.clock or AROUND_THE_CLOCK for ticket in tickets)
    return [] if set(counts) <= {AROUND_THE_CLOCK} else sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _running(clock: str) -> str:
    return clock if clock == AROUND_THE_CLOCK else f"in the hours of {clock}"


def _clock_note(clock: str) -> str:
    return f" in the hours of {clock}" if clock else ""


# Composites: what they are made of


def _member_findings(objective: BreachedObjective) -> Iterator[Finding]:
    for member in _breached_members(objective):
        weight = f" (weight {member.weight})" if member.weight != 1 else ""
        yield Finding(
            kind="member",
            subject=member.id,
            summary=f"{member.name}{weight} was breached: {_percent_text(member.attainment_percent)} "
            f"where {member.comparison} {member.target_percent} % was agreed",
            cost=member.weight,
            share=_ratio(member.weight, objective.bad),
        )


def _leg_findings(objective: BreachedObjective) -> Iterator[Finding]:
    """A leg's bad time is that of its own eligible time; legs that were down together cost the journey once."""
    for member in sorted(objective.members, key=lambda each: (-each.bad, each.id)):
        if member.bad > 0:
            yield Finding(
                kind="member",
                subject=member.id,
                summary=f"{member.name} lost {duration_text(member.bad)} of its own time ({_percent_text(member.attainment_percent)}); "
                "time lost by several objectives together costs the journey once",
                cost=min(member.bad, objective.bad),
                share=_ratio(min(member.bad, objective.bad), objective.bad),
            )


def _members_kept(objective: BreachedObjective) -> Iterator[_Measure]:
    for member in _breached_members(objective):
        yield _Measure(
            id=f"member:{member.id}",
            action=f"Bring {member.name} back to its target, by the improvement of that objective",
            rationale=f"{member.name} missed its target; a composite has no figure over a span, so the effect is proved on its members",
            subject=member.id,
            saving=min(member.weight, objective.bad),
            attainment=_attainment(objective, saved=member.weight),
        )


def _breached_members(objective: BreachedObjective) -> list[Member]:
    return sorted((each for each in objective.members if each.verdict == "breached"), key=lambda each: (-each.weight, each.id))


def _percent_text(percent: str) -> str:
    return f"{percent} %" if percent else "no result"


# Whatever the indicator


def _back_to_target(objective: BreachedObjective) -> _Measure:
    """When nothing stands out: what any measure must save at least, for the period to have met its target."""
    needed = max(objective.good, _least_good(objective))
    return _Measure(
        id="target",
        action="Agree a measure for each cause: nothing stands out in the data",
        rationale=f"the period meets {objective.comparison} {objective.target_percent} % when at least this much less is bad",
        subject="target",
        saving=needed - objective.good,
        attainment=_ratio(needed, objective.whole) if objective.whole else parse_percent(objective.target_percent, place="target"),
    )


def _least_good(objective: BreachedObjective) -> int:
    exactly = parse_percent(objective.target_percent, place="target") * objective.whole
    least = -(-exactly.numerator // exactly.denominator) if objective.comparison == ">=" else int(exactly) + 1
    return min(least, objective.whole)


def _attainment(objective: BreachedObjective, *, saved: int) -> Fraction:
    return _ratio(min(objective.whole, objective.good + saved), objective.whole)


def _ratio(part: int, whole: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(0)


def _noun(unit: str) -> str:
    return "intervals" if unit == INTERVALS else unit


def _number(count: int, unit: str) -> str:
    """A count as people read it; of intervals with at most six decimals, floored."""
    if unit != INTERVALS:
        return f"{count:,}"
    whole, part = divmod(count * 10**6 // PARTS_OF_AN_INTERVAL, 10**6)
    decimals = f"{part:06d}".rstrip("0")
    return f"{whole:,}.{decimals}" if decimals else f"{whole:,}"


def _amount(count: int, objective: BreachedObjective) -> str:
    number, noun = _number(count, objective.unit), _noun(objective.unit)
    return f"{number} {noun[:-1] if number == '1' else noun}"


def duration_text(length: int) -> str:
    """Microseconds for people, floored to whole seconds: "3 h 20 min", "45 s"."""
    minutes, seconds = divmod(length // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{value} {unit}" for value, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if value]
    return " ".join(parts) or "0 s"


def _hours_text(hours: Sequence[int]) -> str:
    return f"{hours[0]:02d}:00-{hours[-1] + 1:02d}:00"


def _local(instant: Instant, zone: ZoneInfo) -> str:
    return f"{datetime_of(instant).astimezone(zone):%Y-%m-%d %H:%M}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
