"""Requests: the good of all, and those answered in time, pooled over the period. Pure; never an average of percentages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from services.measurement.counter_table import CounterTable, Cuts, GoodAndTotal, added_between
from services.measurement.figure import DayResult, Figure, counted, nearest_rank, share_known
from services.measurement.interval import NEVER, Spans, clip, complement, length, union
from services.measurement.objective import RequestRatio, ResponseTime
from services.measurement.observation import Evidence, Int64s, Latencies
from services.vocabulary.period import Instant, Interval, Microseconds, days_between

_Series = TypeVar("_Series")
_Day = tuple[date, Interval]


def measure_request_ratio(indicator: RequestRatio, evidence: Evidence, *, seen: Interval, zone: ZoneInfo) -> Figure:
    """Good / total of the rows whose instant lies in `seen`."""
    told = evidence.counters
    table = told if isinstance(told, CounterTable) else CounterTable(told)
    days = days_between(seen, zone)
    return _pooled(table.between(indicator.components, _cuts(days)), days, silences=NEVER, asked=(seen,))


def measure_response_time(indicator: ResponseTime, evidence: Evidence, *, seen: Interval, zone: ZoneInfo) -> Figure:
    """Requests within the threshold / all requests whose instant lies in `seen`; silences only tell how much is known.

    A promised percentile is told, in microseconds, and the figure stays the share: the percentile is within the threshold exactly
    when at least that share of the requests is.
    """
    rows = _of_components(evidence.latencies, indicator.components)
    days = days_between(seen, zone)
    cuts = _cuts(days)
    counts = [added_between(row.at, (row.us <= indicator.threshold_us).astype(np.int64), np.ones_like(row.at), cuts) for row in rows]
    asked = complement(indicator.suspended, seen)
    silences = union(each for part in asked for each in _silences([row.at for row in rows], part, indicator.expected_every))
    figure = _pooled(counts, days, silences=silences, asked=asked)
    return figure if indicator.percentile is None else replace(figure, percentile_us=_percentile(rows, indicator.percentile, seen))


def _percentile(rows: Sequence[Latencies], share: Fraction, seen: Interval) -> int | None:
    """Exact, by nearest rank: the smallest latency that at least this share does not exceed; None of nothing."""
    us = np.concatenate([np.array([], dtype=np.int64), *(row.us[(row.at >= seen.start) & (row.at < seen.end)] for row in rows)])
    if not us.size:
        return None
    place = nearest_rank(share, of=us.size) - 1
    return int(np.partition(us, place)[place])


def _of_components(series: Mapping[str, _Series], components: Sequence[str]) -> list[_Series]:
    """No components named: all there are."""
    return [series[component] for component in set(components or series) if component in series]


def _cuts(days: Sequence[_Day]) -> Cuts:
    """The instants between adjoining days, with those at both ends."""
    return (*(hours.start for _, hours in days), *(hours.end for _, hours in days[-1:]))


def _silences(instants: Sequence[Int64s], seen: Interval, expected_every: Microseconds) -> Spans:
    """Time without a request between two neighbours, or the edges of `seen`, further apart than expected."""
    if not expected_every:
        return NEVER
    heard = np.concatenate([np.array([], dtype=np.int64), *instants])
    heard = heard[(heard >= seen.start) & (heard < seen.end)]
    edges = np.sort(np.concatenate([heard, np.array(seen, dtype=np.int64)]), kind="stable")
    before = np.flatnonzero(np.diff(edges) > expected_every)
    return union(Interval(Instant(int(edges[i])), Instant(int(edges[i + 1]))) for i in before)


def _pooled(counts: Sequence[Sequence[GoodAndTotal]], days: Sequence[_Day], *, silences: Spans, asked: Spans) -> Figure:
    results = tuple(
        DayResult(
            day=day,
            good=sum([good for good, _ in of_day]),
            whole=sum([total for _, total in of_day]),
            unknown_us=length(clip(silences, hours)) if silences else 0,
        )
        for (day, hours), *of_day in zip(days, *counts, strict=True)
    )
    return counted(
        "requests",
        good=sum(result.good for result in results),
        whole=sum(result.whole for result in results),
        coverage=share_known(length(silences), of=length(asked)),
        unknown=silences,
        days=results,
    )
