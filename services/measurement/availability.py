"""Time availability: eligible time not down, of eligible time. Pure.

A component is down while its status says so or an outage names it; an outage outweighs a status. It is unknown while its status says
so and before its first status. A component that reports by outages alone is known to be up outside them; one that has reported
nothing is unknown throughout. How it reports is read from all the evidence before the measurement, not from the span alone: a span
and its halves then agree.

Bad time is what is down, and where unknown time counts as down that too. An outage is unbroken bad time of the combination over all
the evidence, before the span and after it (up to the measurement), so that a minimum length finds the same outages from wherever one
looks. It counts whole or not at all; what is left of it after exclusions and service hours is what must be long enough, unless its
length is that of before. Of `whole_minutes` only whole UTC minutes count at all, and make its length.

Outside its life a component's time is nothing: it is left out of the combination, and where no component of the indicator is in service
no time is eligible. An outage begins with the life at the earliest and ends with it; a window of components that are not in service takes
nothing out.

Maintenance: `exclude` takes the time out of both sides, `up` leaves it in the whole with nothing in it bad or unknown, `down` leaves it
in the whole and counts it as any other time, so that the window is listed and changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, reduce
from zoneinfo import ZoneInfo

import numpy as np

from services.measurement.figure import DayResult, ExclusionSpan, Figure, GapSpan, OutageSpan, ratio, share_known
from services.measurement.interval import (
    ALL_TIME,
    NEVER,
    Spans,
    clip,
    complement,
    difference,
    intersection,
    length,
    overlaps,
    touched,
    union,
)
from services.measurement.objective import Availability, Maintenance, MinimumOutage
from services.measurement.observation import BY_BADNESS, Evidence, Outage, State, Statuses
from services.vocabulary.calendar import Calendar
from services.vocabulary.period import MINUTE, Instant, Interval, days_between

_BEGINNING, _END = ALL_TIME
_CALENDAR_STEP = 31 * 24 * 60 * MINUTE

_UNKNOWN, _DOWN = BY_BADNESS.index(State.UNKNOWN), BY_BADNESS.index(State.DOWN)


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is known of a component, or of several together: the rest of the time that was looked at is up. `gone`: not in service."""

    down: Spans
    unknown: Spans
    gone: Spans = NEVER

    @property
    def down_or_gone(self) -> Spans:
        return union((*self.down, *self.gone)) if self.gone else self.down


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """The time that can count: `open` is within hours and life, `eligible` in the whole, `countable` where time can be bad or unknown."""

    span: Interval
    life: Spans
    hours: Calendar | None
    taken_out: Spans
    minimum: MinimumOutage | None
    open: Spans
    eligible: Spans
    countable: Spans

    def long_enough(self, bad: Spans, seen: Interval) -> Spans:
        """The seen part of the bad time that counts, of bad time over all the evidence."""
        kept = touched(bad, seen) if self.minimum is None else self._outages(touched(bad, seen), self.minimum)
        return intersection(clip(kept, seen), self.countable)

    def _outages(self, runs: Spans, minimum: MinimumOutage) -> Spans:
        kept = (_whole_minutes(run) for run in runs) if minimum.whole_minutes else iter(runs)
        return tuple(run for run in kept if run.start < run.end and self._lasts(run, minimum))

    def _lasts(self, run: Interval, minimum: MinimumOutage) -> bool:
        if minimum.before_exclusions or run.start <= _BEGINNING or run.end >= _END:
            return run.length >= minimum.at_least
        left = int(length(clip(self.countable, run)))
        for part in (Interval(run.start, min(run.end, self.span.start)), Interval(max(run.start, self.span.end), run.end)):
            start = part.start
            while left < minimum.at_least and start < part.end:
                end = Instant(min(start + _CALENDAR_STEP, part.end))
                opened = _open(self.hours, Interval(start, end))
                left, start = left + length(difference(opened, self.taken_out)), end
        return left >= minimum.at_least


@dataclass(frozen=True, kw_only=True)
class _Account:
    """The seen time of what counts together, as often as its weight says; `down`, `unknown` and `ignored` are parts of `eligible`.

    `forgiven` is unknown time that counts as down and is too short to. `best` and `worst` are the bad time if all that is unknown were
    up, and down. `eligible_in_all` and `excluded` are told for the whole span and for the seen part.
    """

    weight: int
    eligible: Spans
    eligible_in_all: int
    excluded: Spans
    down: Spans
    unknown: Spans
    forgiven: Spans
    ignored: Spans
    best: Spans
    worst: Spans


@dataclass(frozen=True, kw_only=True)
class _Balance:
    """Lengths of eligible time, and of what of it was down and unknown, as the agreed accounting reads them."""

    indicator: Availability
    eligible: int
    down: int
    unknown: int
    forgiven: int

    @property
    def good(self) -> int:
        known_up = self.eligible - self.down - self.unknown
        return known_up + self.unknown if self.indicator.no_data == "up" else known_up + self.forgiven

    @property
    def whole(self) -> int:
        return self.eligible - self.unknown if self.indicator.no_data in {"exclude", "undetermined"} else self.eligible

    @property
    def spent(self) -> int:
        return self.down + self.unknown - self.forgiven if self.indicator.no_data == "down" else self.down


def measure_availability(
    indicator: Availability,
    evidence: Evidence,
    *,
    span: Interval,
    seen: Interval,
    zone: ZoneInfo,
    maintenance: Sequence[Maintenance],
    measured_until: Instant,
) -> Figure:
    """`seen` is the part of the span that has been measured; `maintenance` the windows of the indicator's service, as they count.

    A window counts for the indicator when it names one of its components, or none; all of its time is then maintenance, in a pool
    that of the components it names. Windows around the span matter where an outage across its edge has a minimum length. The bounds
    take what is not seen yet as unknown, and an outage that runs at the measurement as one that may go on.
    """
    windows = windows_of(indicator, maintenance)
    looked_at = seen if indicator.minimum_outage is None else Interval(_BEGINNING, measured_until)
    parts = {component: _known(component, evidence, looked_at, measured_until) for component in indicator.components}
    parts = {component: _in_service(known, indicator.life_of([component]), looked_at) for component, known in parts.items()}
    accounts = _accounts(indicator, parts, windows, looked_at=looked_at, span=span, seen=seen)
    balance = _balance(indicator, accounts, seen)
    in_all = sum(account.weight * account.eligible_in_all for account in accounts)
    best, worst = (
        sum(account.weight * length(spans) for account, spans in bounds)
        for bounds in ([(account, account.best) for account in accounts], [(account, account.worst) for account in accounts])
    )
    coverage = share_known(balance.unknown, of=balance.eligible)
    bad = _bad_by_component(indicator, parts, accounts)
    suspended = clip(indicator.suspended, seen)
    opened = clip(_open(indicator.hours, seen), seen)
    outages = _outages(union(part for account in accounts for part in account.down), bad, evidence)
    ignored = union(part for account in accounts for part in account.ignored)
    return Figure(
        unit="us",
        good=balance.good,
        whole=balance.whole,
        spent=balance.spent,
        stake=in_all - balance.unknown if indicator.no_data == "exclude" else in_all,
        lower=ratio(balance.eligible - worst, in_all),
        upper=ratio(in_all - best, in_all),
        coverage=coverage,
        foreseeable=True,
        certain=indicator.no_data == "undetermined",
        outages=_with_parts(outages, bad, evidence) if indicator.combine == "pool" else outages,
        exclusions=_exclusions(windows, opened, indicator),
        unknown=union(part for account in accounts for part in account.unknown),
        days=tuple(_day(day, hours, indicator, accounts) for day, hours in _days(seen, zone)),
        ignored=_outages(ignored, {component: _read_as_bad(known, indicator) for component, known in parts.items()}, evidence),
        outside=difference(complement(opened, seen), suspended),
        gaps=tuple(_gaps(indicator, difference(opened, suspended))),
        scale=sum(account.weight for account in accounts),
        enough=coverage >= indicator.minimum_coverage,
    )


def windows_of(indicator: Availability, windows: Iterable[Maintenance]) -> list[Maintenance]:
    """Those that name a component of the indicator, or none, as far as one of these components is in service and nothing suspended."""
    named = [window for window in windows if not window.components or set(window.components) & set(indicator.components)]
    if not indicator.lives and not indicator.suspended:
        return named
    return [
        replace(window, interval=part)
        for window in named
        for part in clip(indicator.life_of(set(window.components or indicator.components) & set(indicator.components)), window.interval)
    ]


def _in_service(known: _Known, life: Spans, looked_at: Interval) -> _Known:
    if life == (ALL_TIME,):
        return known
    return _Known(down=intersection(known.down, life), unknown=intersection(known.unknown, life), gone=complement(life, looked_at))


def _known(component: str, evidence: Evidence, within: Interval, measured_until: Instant) -> _Known:
    """What all the evidence before the measurement says about the time within."""
    statuses = evidence.statuses_of(component)
    outages = [outage.interval for outage in evidence.outages_of(component) if outage.interval.start < measured_until]
    says_something = bool(len(statuses.at)) and int(statuses.at[0]) < measured_until
    if not says_something and not outages:
        return _Known(down=NEVER, unknown=union([within]))
    said_down, said_unknown = _said(statuses, within) if says_something else (NEVER, NEVER)
    if not outages:
        return _Known(down=said_down, unknown=said_unknown)
    down = clip(union((*said_down, *outages)), within)
    return _Known(down=down, unknown=difference(said_unknown, down))


def _said(statuses: Statuses, within: Interval) -> tuple[Spans, Spans]:
    """When the settled statuses say down, and when they say nothing; before the first one they say nothing."""
    first = max(int(np.searchsorted(statuses.at, within.start, side="right")) - 1, 0)
    last = max(int(np.searchsorted(statuses.at, within.end)), first)
    starts, said = statuses.at[first:last], statuses.state[first:last]
    ends = np.append(starts[1:], np.int64(within.end))[: len(starts)]
    before = Interval(within.start, Instant(min(int(statuses.at[0]), within.end)))
    down, unknown = (_intervals(starts[said == state].tolist(), ends[said == state].tolist()) for state in (_DOWN, _UNKNOWN))
    return clip(tuple(down), within), clip(union((before, *unknown)), within)


def _intervals(starts: Iterable[int], ends: Iterable[int]) -> list[Interval]:
    return [Interval(Instant(start), Instant(end)) for start, end in zip(starts, ends, strict=True)]


def _accounts(
    indicator: Availability,
    parts: Mapping[str, _Known],
    windows: Sequence[Maintenance],
    *,
    looked_at: Interval,
    span: Interval,
    seen: Interval,
) -> list[_Account]:
    """One for the components together; in a pool one for each of them."""
    if indicator.combine != "pool":
        ground = _ground(indicator, windows, span, indicator.life_of(indicator.components))
        return [_account(_combined(parts.values(), indicator, looked_at), indicator, ground, weight=1, looked_at=looked_at, seen=seen)]
    named = zip(indicator.components, indicator.weights or (1,) * len(indicator.components), strict=True)
    return [
        _account(
            parts[component],
            indicator,
            _ground(
                indicator,
                [window for window in windows if not window.components or component in window.components],
                span,
                indicator.life_of([component]),
            ),
            weight=weight,
            looked_at=looked_at,
            seen=seen,
        )
        for component, weight in named
    ]


def _ground(indicator: Availability, windows: Iterable[Maintenance], span: Interval, life: Spans) -> _Ground:
    planned = union(window.interval for window in windows)
    opened = intersection(_open(indicator.hours, span), life)
    taken_out = NEVER if indicator.maintenance == "down" else planned
    countable = difference(opened, taken_out)
    return _Ground(
        span=span,
        life=life,
        hours=indicator.hours,
        taken_out=taken_out,
        minimum=indicator.minimum_outage,
        open=opened,
        eligible=countable if indicator.maintenance == "exclude" else opened,
        countable=countable,
    )


def _open(hours: Calendar | None, bounds: Interval) -> Spans:
    return union([bounds]) if hours is None else hours.open_in(bounds)


def _combined(parts: Iterable[_Known], indicator: Availability, looked_at: Interval) -> _Known:
    """`any`: down if any is, else unknown if any is. `all`: up if any is, else unknown if any is. What is not in service is not asked."""
    known = list(parts)
    if len(known) == 1:
        return known[0]
    unknown = union(span for part in known for span in part.unknown)
    if indicator.combine == "any":
        down = union(span for part in known for span in part.down)
        return _Known(down=down, unknown=difference(unknown, down))
    up = union(span for part in known for span in complement(union((*part.down, *part.unknown, *part.gone)), looked_at))
    none_up, all_gone = (reduce(intersection, spans) for spans in ([part.down_or_gone for part in known], [part.gone for part in known]))
    return _Known(down=difference(none_up, all_gone), unknown=difference(unknown, up))


def _account(known: _Known, indicator: Availability, ground: _Ground, *, weight: int, looked_at: Interval, seen: Interval) -> _Account:
    best = ground.long_enough(known.down, seen)
    unknown = intersection(clip(known.unknown, seen), ground.countable)
    may_go_on = intersection((Interval(looked_at.end, _END),), ground.life)
    worst = union((*ground.long_enough(union((*known.down, *known.unknown, *may_go_on)), seen), *unknown))
    read_as_bad = _read_as_bad(known, indicator)
    bad = ground.long_enough(read_as_bad, seen) if indicator.no_data == "down" else best
    eligible = clip(ground.eligible, seen)
    return _Account(
        weight=weight,
        eligible=eligible,
        eligible_in_all=length(ground.eligible),
        excluded=difference(clip(ground.open, seen), eligible),
        down=intersection(bad, known.down) if indicator.no_data == "down" else best,
        unknown=unknown,
        forgiven=difference(unknown, bad) if indicator.no_data == "down" else NEVER,
        ignored=difference(intersection(clip(read_as_bad, seen), ground.countable), bad),
        best=best,
        worst=worst,
    )


def _read_as_bad(known: _Known, indicator: Availability) -> Spans:
    return union((*known.down, *known.unknown)) if indicator.no_data == "down" else known.down


def _whole_minutes(run: Interval) -> Interval:
    """The whole UTC minutes of it; they may be none."""
    return Interval(Instant(-(-run.start // MINUTE) * MINUTE), Instant(run.end // MINUTE * MINUTE))


def _balance(indicator: Availability, accounts: Iterable[_Account], within: Interval) -> _Balance:
    eligible = down = unknown = forgiven = 0
    for account in accounts:
        eligible += account.weight * _length_in(account.eligible, within)
        down += account.weight * _length_in(account.down, within)
        unknown += account.weight * _length_in(account.unknown, within)
        forgiven += account.weight * _length_in(account.forgiven, within)
    return _Balance(indicator=indicator, eligible=eligible, down=down, unknown=unknown, forgiven=forgiven)


def _length_in(spans: Spans, within: Interval) -> int:
    """`length(clip(spans, within))`, without making the clipped spans: asked for every day of every objective."""
    return sum(min(span.end, within.end) - max(span.start, within.start) for span in touched(spans, within)) if spans else 0


def _bad_by_component(indicator: Availability, parts: Mapping[str, _Known], accounts: Sequence[_Account]) -> Mapping[str, Spans]:
    if indicator.combine == "pool":
        return {component: account.down for component, account in zip(indicator.components, accounts, strict=True)}
    return {component: known.down for component, known in parts.items()}


def _outages(spans: Spans, bad: Mapping[str, Spans], evidence: Evidence) -> tuple[OutageSpan, ...]:
    causes: dict[Interval, list[str]] = {span: [] for span in spans}
    if not spans:
        return ()
    for outage in _with_causes(bad, evidence):
        for span in touched(spans, outage.interval):
            causes[span].append(outage.cause)
    return tuple(
        OutageSpan(
            interval=span,
            components=tuple(sorted(component for component, when in bad.items() if touched(when, span))),
            cause=_told(causes[span]),
        )
        for span in spans
    )


def _with_parts(outages: Iterable[OutageSpan], bad: Mapping[str, Spans], evidence: Evidence) -> tuple[OutageSpan, ...]:
    """Of a pool, with each component's own outages."""
    parts = sorted(
        (each for component, spans in bad.items() for each in _outages(spans, {component: spans}, evidence)),
        key=lambda each: (each.interval, each.components),
    )
    starts = [each.interval.start for each in parts]
    return tuple(
        replace(each, parts=tuple(parts[bisect_left(starts, each.interval.start) : bisect_left(starts, each.interval.end)]))
        for each in outages
    )


def _with_causes(components: Iterable[str], evidence: Evidence) -> list[Outage]:
    reported = (outage for component in components for outage in evidence.outages_of(component) if outage.cause)
    return sorted(reported, key=lambda outage: (outage.interval, outage.cause))


def _exclusions(windows: Iterable[Maintenance], opened: Spans, indicator: Availability) -> tuple[ExclusionSpan, ...]:
    """The windows within the open time that was seen; windows that meet make one span, for the components of all of them."""
    ordered = sorted(windows, key=lambda window: (window.interval, window.id))
    spans = intersection(union(window.interval for window in ordered), opened)
    return tuple(_exclusion(span, [window for window in ordered if overlaps(window.interval, span)], indicator) for span in spans)


def _exclusion(span: Interval, windows: Sequence[Maintenance], indicator: Availability) -> ExclusionSpan:
    whole_service = any(not window.components for window in windows)
    named = {component for window in windows for component in window.components}
    return ExclusionSpan(
        interval=span,
        components=() if whole_service else tuple(sorted(named)),
        cause=_told(window.reason or window.id for window in windows),
        counted_as=indicator.maintenance,
    )


def _gaps(indicator: Availability, opened: Spans) -> Iterator[GapSpan]:
    """In a pool by component; else the time in which no component was in service."""
    if indicator.lives:
        for components in [(each,) for each in indicator.components] if indicator.combine == "pool" else [indicator.components]:
            for span in difference(opened, indicator.life_of(components)):
                yield GapSpan(interval=span, components=components)


def _told(causes: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(causes))


@lru_cache(maxsize=8)
def _days(seen: Interval, zone: ZoneInfo) -> Sequence[tuple[date, Interval]]:
    """The same for every objective of a service."""
    return tuple(days_between(seen, zone))


def _day(day: date, hours: Interval, indicator: Availability, accounts: Sequence[_Account]) -> DayResult:
    balance = _balance(indicator, accounts, hours)
    return DayResult(
        day=day,
        good=balance.good,
        whole=balance.whole,
        down_us=balance.down,
        excluded_us=sum(account.weight * _length_in(account.excluded, hours) for account in accounts),
        unknown_us=balance.unknown,
    )
