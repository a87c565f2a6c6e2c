"""Composites: a promise about other objectives of the same terms, by their verdicts or by the union of their bad time. Pure.

Measured percentages are never multiplied or averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from services.measurement.availability import windows_of
from services.measurement.figure import DayResult, ExclusionSpan, Figure, OutageSpan, ratio, share_known
from services.measurement.interval import Spans, clip, difference, intersection, length, overlaps, union
from services.measurement.objective import Availability, Composite, Maintenance, Planned
from services.measurement.verdict import Verdict
from services.vocabulary.period import Interval, days_between


def count_verdicts(indicator: Composite, verdicts: Sequence[Verdict]) -> Figure:
    """Weight met of the weight that applies; one verdict a part, in the order of `of`. What is undetermined makes the bounds.

    A part that is not applicable counts on neither side: where none applies, there is no figure.
    """
    weights = indicator.weights or (1,) * len(indicator.of)
    weight = {
        verdict: sum(each for each, of in zip(weights, verdicts, strict=True) if of is verdict)
        for verdict in (Verdict.MET, Verdict.BREACHED, Verdict.UNDETERMINED)
    }
    met, breached, undetermined = weight[Verdict.MET], weight[Verdict.BREACHED], weight[Verdict.UNDETERMINED]
    stake = met + breached + undetermined
    return Figure(
        unit="objectives",
        good=met,
        whole=met + breached,
        spent=breached,
        stake=stake,
        lower=ratio(met, stake),
        upper=ratio(met + undetermined, stake),
        coverage=share_known(undetermined, of=stake),
        foreseeable=True,
        certain=True,
    )


@dataclass(frozen=True, kw_only=True)
class Leg:
    """An availability of a journey: what it measured, and the time eligible in it over the whole span, seen or not."""

    indicator: Availability
    figure: Figure
    eligible: Spans


@dataclass(frozen=True, kw_only=True)
class _Road:
    """The seen time eligible in all legs, by what it was; the four parts never overlap, the rest of `eligible` was good."""

    eligible: Spans
    down: Spans
    counted_down: Spans
    left_out: Spans
    undetermined: Spans
    unknown: Spans
    worst: Spans
    outside: Spans
    gone: Spans
    suspended: Spans

    def day(self, day: date, hours: Interval) -> DayResult:
        eligible, down, unknown = (length(clip(spans, hours)) for spans in (self.eligible, self.down, self.unknown))
        bad = down + length(clip(self.counted_down, hours))
        whole = eligible - length(clip(self.left_out, hours)) - length(clip(self.undetermined, hours))
        not_asked = sum(length(clip(spans, hours)) for spans in (self.outside, self.gone, self.suspended))
        excluded = hours.length - eligible - not_asked
        return DayResult(day=day, good=whole - bad, whole=whole, down_us=down, excluded_us=excluded, unknown_us=unknown)


def eligible_in(indicator: Availability, windows: Iterable[Maintenance], span: Interval) -> Spans:
    """The time of the span in the service hours, with a component in service, and outside the granted windows, where these leave the whole.

    A window counts for the indicator when it names one of its components, or none.
    """
    taken = union(window.interval for window in windows_of(indicator, windows)) if indicator.maintenance == "exclude" else ()
    hours = union(indicator.hours.open_in(span)) if indicator.hours is not None else (span,)
    return difference(intersection(clip(hours, span), indicator.life_of(indicator.components)), taken)


def measure_journey(legs: Sequence[Leg], *, span: Interval, seen: Interval, zone: ZoneInfo) -> Figure:
    """Time in which no leg was bad, of the time eligible in all of them; `seen` is the part of the span that has been measured.

    A leg's bad time outweighs what is unknown of another; what is unknown of a leg counts as that leg's accounting says, in the order
    down, excluded, undetermined, up. The bounds take all that is unknown, and what is not seen yet, as bad and as good.
    """
    assert legs, "a journey has legs"
    assert all(leg.indicator.combine != "pool" for leg in legs), "a pool has no bad time of its own"
    eligible = legs[0].eligible
    for leg in legs[1:]:
        eligible = intersection(eligible, leg.eligible)
    road = _road(legs, clip(eligible, seen))
    in_all, certain = length(eligible), any(leg.indicator.no_data == "undetermined" for leg in legs)
    down, left_out = length(road.down), length(road.left_out)
    bad = down + length(road.counted_down)
    whole = length(road.eligible) - left_out - length(road.undetermined)
    return Figure(
        unit="us",
        good=whole - bad,
        whole=whole,
        spent=bad,
        stake=in_all if certain else in_all - left_out,
        lower=ratio(length(road.eligible) - length(road.worst), in_all),
        upper=ratio(in_all - down, in_all),
        coverage=share_known(length(road.unknown), of=length(road.eligible)),
        foreseeable=True,
        certain=certain,
        enough=all(leg.figure.enough for leg in legs),
        outages=_outages(road.down, [outage for leg in legs for outage in leg.figure.outages]),
        exclusions=_exclusions([exclusion for leg in legs for exclusion in leg.figure.exclusions]),
        unknown=road.unknown,
        days=tuple(road.day(day, hours) for day, hours in days_between(seen, zone)),
        ignored=tuple(sorted({each for leg in legs for each in leg.figure.ignored}, key=lambda each: (each.interval, each.components))),
        outside=road.outside,
        gaps=tuple(sorted({gap for leg in legs for gap in leg.figure.gaps}, key=lambda gap: (gap.interval, gap.components))),
        suspended=_suspended(legs),
    )


def _road(legs: Sequence[Leg], eligible: Spans) -> _Road:
    down = intersection(union(outage.interval for leg in legs for outage in leg.figure.outages), eligible)
    all_unknown = _unknown(legs)
    unknown = difference(intersection(all_unknown, eligible), down)
    outside = union(span for leg in legs for span in leg.figure.outside)
    counted_down = intersection(unknown, union(span for leg in legs if leg.indicator.no_data == "down" for span in _counted(leg)))
    open_to = difference(unknown, counted_down)
    left_out = intersection(open_to, _unknown(leg for leg in legs if leg.indicator.no_data == "exclude"))
    undetermined = intersection(difference(open_to, left_out), _unknown(leg for leg in legs if leg.indicator.no_data == "undetermined"))
    return _Road(
        eligible=eligible,
        down=down,
        counted_down=counted_down,
        left_out=left_out,
        undetermined=undetermined,
        unknown=unknown,
        worst=intersection(union((*down, *unknown, *(span for leg in legs for span in _could_count(leg)))), eligible),
        outside=outside,
        gone=difference(union(gap.interval for leg in legs for gap in leg.figure.gaps), outside),
        suspended=_suspended(legs),
    )


def _suspended(legs: Iterable[Leg]) -> Spans:
    return union(span for leg in legs for span in leg.figure.suspended)


def _unknown(legs: Iterable[Leg]) -> Spans:
    return union(span for leg in legs for span in leg.figure.unknown)


def _counted(leg: Leg) -> Spans:
    """Unknown time that counts as down, less what is too short to."""
    return difference(leg.figure.unknown, union(outage.interval for outage in leg.figure.ignored))


def _could_count(leg: Leg) -> Spans:
    """Outages too short to count that would be part of a longer one, were the unknown time beside them down."""
    ignored = union(outage.interval for outage in leg.figure.ignored)
    return tuple(span for span in ignored if any(edge.end == span.start or edge.start == span.end for edge in leg.figure.unknown))


def _outages(down: Spans, outages: Sequence[OutageSpan]) -> tuple[OutageSpan, ...]:
    """Unbroken bad time of the journey, with the components and causes of every leg's outage in it."""
    return tuple(
        OutageSpan(
            interval=span,
            components=_components(within),
            cause=_told(outage.cause for outage in within),
        )
        for span in down
        for within in [[outage for outage in outages if overlaps(outage.interval, span)]]
    )


def _exclusions(exclusions: Sequence[ExclusionSpan]) -> tuple[ExclusionSpan, ...]:
    """Each window of a leg; legs that have the same one, and count it alike, share it."""
    ordered = sorted(exclusions, key=lambda each: (*_window(each), each.components, each.cause))
    return tuple(
        ExclusionSpan(
            interval=interval,
            components=() if any(not each.components for each in same) else _components(same),
            cause=_told(each.cause for each in same),
            counted_as=counted_as,
        )
        for (interval, counted_as), group in groupby(ordered, key=_window)
        for same in [list(group)]
    )


def _window(exclusion: ExclusionSpan) -> tuple[Interval, Planned]:
    return exclusion.interval, exclusion.counted_as


def _components(spans: Iterable[OutageSpan | ExclusionSpan]) -> tuple[str, ...]:
    return tuple(sorted({component for span in spans for component in span.components}))


def _told(causes: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(cause for cause in causes if cause))
