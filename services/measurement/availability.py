"""Time availability: eligible time not down, of eligible time. Pure.

A component is down while its status says so or an outage names it; an outage outweighs a status. It is unknown while its status says
so and before its first status. A component that reports by outages alone is known to be up outside them; one that has reported
nothing is unknown throughout. How it reports is read from all the evidence before the measurement, not from the span alone: a span
and its halves then agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from zoneinfo import ZoneInfo

from services.measurement.figure import DayResult, ExclusionSpan, Figure, OutageSpan, ratio, share_known
from services.measurement.interval import NEVER, Spans, clip, complement, difference, intersection, length, overlaps, touched, union
from services.measurement.objective import Availability, Combine, Maintenance, NoData
from services.measurement.observation import Evidence, Outage, State, StatusChange
from services.vocabulary.period import Instant, Interval, days_between

_WORST_LAST = (State.UP, State.UNKNOWN, State.DOWN)


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is known of a component, or of several together: the rest of the span is up."""

    down: Spans
    unknown: Spans


@dataclass(frozen=True, kw_only=True)
class _Balance:
    """Lengths of eligible time, and of what of it was down and unknown, as the agreed accounting reads them."""

    no_data: NoData
    eligible: int
    down: int
    unknown: int

    @property
    def known_up(self) -> int:
        return self.eligible - self.down - self.unknown

    @property
    def good(self) -> int:
        return self.known_up + self.unknown if self.no_data == "up" else self.known_up

    @property
    def whole(self) -> int:
        return self.eligible - self.unknown if self.no_data in {"exclude", "undetermined"} else self.eligible

    @property
    def spent(self) -> int:
        return self.down + self.unknown if self.no_data == "down" else self.down


@dataclass(frozen=True, kw_only=True)
class _Book:
    """The seen time, by what it was; down and unknown are parts of eligible."""

    no_data: NoData
    eligible: Spans
    down: Spans
    unknown: Spans

    def balance(self, within: Interval) -> _Balance:
        eligible, down, unknown = (length(clip(spans, within)) for spans in (self.eligible, self.down, self.unknown))
        return _Balance(no_data=self.no_data, eligible=eligible, down=down, unknown=unknown)


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
    """`seen` is the part of the span that has been measured; `maintenance` the windows of the indicator's service.

    A window counts for the indicator when it names one of its components, or none; all of its time is then excluded. The bounds take
    what is not seen yet as unknown.
    """
    windows = [window for window in maintenance if not window.components or set(window.components) & set(indicator.components)]
    eligible = complement(union(window.interval for window in windows), span)
    counts = clip(eligible, seen)
    parts = {component: _known(component, evidence, seen, measured_until) for component in indicator.components}
    together = _combined(parts.values(), indicator.combine, seen)
    book = _Book(
        no_data=indicator.no_data,
        eligible=counts,
        down=intersection(together.down, counts),
        unknown=intersection(together.unknown, counts),
    )
    balance, in_all = book.balance(seen), length(eligible)
    return Figure(
        unit="us",
        good=balance.good,
        whole=balance.whole,
        spent=balance.spent,
        stake=in_all - balance.unknown if indicator.no_data == "exclude" else in_all,
        lower=ratio(balance.known_up, in_all),
        upper=ratio(in_all - balance.down, in_all),
        coverage=share_known(balance.unknown, of=balance.eligible),
        foreseeable=True,
        certain=indicator.no_data == "undetermined",
        outages=_outages(book.down, parts, evidence.outages),
        exclusions=_exclusions(windows, seen),
        unknown=book.unknown,
        days=tuple(_day(day, hours, book.balance(hours)) for day, hours in days_between(seen, zone)),
    )


def _known(component: str, evidence: Evidence, seen: Interval, measured_until: Instant) -> _Known:
    changes = [change for change in evidence.statuses if change.component == component and change.at < measured_until]
    outages = [outage.interval for outage in evidence.outages if outage.component == component and outage.interval.start < measured_until]
    if not changes and not outages:
        return _Known(down=NEVER, unknown=union([seen]))
    said_down, said_unknown = _said(changes, seen) if changes else (NEVER, NEVER)
    down = clip(union((*said_down, *outages)), seen)
    return _Known(down=down, unknown=difference(clip(said_unknown, seen), down))


def _said(changes: Iterable[StatusChange], seen: Interval) -> tuple[Spans, Spans]:
    """When the statuses say down, and when they say nothing; before the first one they say nothing."""
    ordered = sorted(changes, key=lambda change: (change.at, _WORST_LAST.index(change.state)))
    spans: dict[State, list[Interval]] = {state: [] for state in State}
    spans[State.UNKNOWN].append(Interval(min(seen.start, ordered[0].at), ordered[0].at))
    ends = [*(change.at for change in ordered[1:]), max(seen.end, ordered[-1].at)]
    for change, end in zip(ordered, ends, strict=True):
        spans[change.state].append(Interval(change.at, end))
    return union(spans[State.DOWN]), union(spans[State.UNKNOWN])


def _combined(parts: Iterable[_Known], combine: Combine, seen: Interval) -> _Known:
    """`any`: down if any is, else unknown if any is. `all`: up if any is, else unknown if any is."""
    known = list(parts)
    unknown = union(span for part in known for span in part.unknown)
    if combine == "any":
        down = union(span for part in known for span in part.down)
        return _Known(down=down, unknown=difference(unknown, down))
    up = union(span for part in known for span in complement(union((*part.down, *part.unknown)), seen))
    return _Known(down=reduce(intersection, (part.down for part in known)), unknown=difference(unknown, up))


def _outages(down: Spans, parts: Mapping[str, _Known], reported: Iterable[Outage]) -> tuple[OutageSpan, ...]:
    causes: dict[Interval, list[str]] = {span: [] for span in down}
    for outage in sorted(reported, key=lambda outage: (outage.interval, outage.cause)):
        if outage.component in parts and outage.cause:
            for span in touched(down, outage.interval):
                causes[span].append(outage.cause)
    return tuple(
        OutageSpan(
            interval=span,
            components=tuple(sorted(component for component, known in parts.items() if touched(known.down, span))),
            cause=_told(causes[span]),
        )
        for span in down
    )


def _exclusions(windows: Iterable[Maintenance], seen: Interval) -> tuple[ExclusionSpan, ...]:
    """The seen part of the windows; windows that meet make one span, for the components of all of them."""
    ordered = sorted(windows, key=lambda window: (window.interval, window.id))
    spans = clip(union(window.interval for window in ordered), seen)
    return tuple(_exclusion(span, [window for window in ordered if overlaps(window.interval, span)]) for span in spans)


def _exclusion(span: Interval, windows: Sequence[Maintenance]) -> ExclusionSpan:
    whole_service = any(not window.components for window in windows)
    named = {component for window in windows for component in window.components}
    return ExclusionSpan(
        interval=span,
        components=() if whole_service else tuple(sorted(named)),
        cause=_told(window.reason or window.id for window in windows),
    )


def _told(causes: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(causes))


def _day(day: date, hours: Interval, balance: _Balance) -> DayResult:
    return DayResult(
        day=day,
        good=balance.good,
        whole=balance.whole,
        down_us=balance.down,
        excluded_us=hours.length - balance.eligible,
        unknown_us=balance.unknown,
    )
