"""From an indicator and the evidence to a figure: which rule measures what. Pure; the union is closed, composites have no evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never
from zoneinfo import ZoneInfo

from services.measurement.availability import measure_availability
from services.measurement.figure import Figure
from services.measurement.interval import clip
from services.measurement.objective import (
    Availability,
    Composite,
    IntervalMean,
    Maintenance,
    Objective,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    TimeSlices,
)
from services.measurement.observation import Evidence
from services.measurement.requests import measure_request_ratio, measure_response_time
from services.measurement.resolution import ClockFor, measure_resolution_time
from services.measurement.slices import measure_interval_mean, measure_time_slices
from services.vocabulary.errors import Conflict
from services.vocabulary.period import Instant, Interval


class CompositeByItself(Conflict):
    """A composite is measured together with the objectives it is made of."""

    code = "composite-by-itself"


def measure(
    objective: Objective,
    evidence: Evidence,
    *,
    span: Interval,
    zone: ZoneInfo,
    maintenance: Sequence[Maintenance],
    measured_until: Instant,
    clock_for: ClockFor | None = None,
    excluded: Mapping[str, str] | None = None,
) -> Figure:
    """Counts what lies in the span and before `measured_until`. Maintenance, granted already, takes time out of availabilities only;
    `excluded` are the tickets of the objective's service that are taken out, each with the claim in words.

    Refuses with `CompositeByItself`.
    """
    seen = seen_of(span, measured_until)
    figure = _measured(
        objective,
        evidence,
        span=span,
        seen=seen,
        zone=zone,
        maintenance=maintenance,
        measured_until=measured_until,
        clock_for=clock_for,
        excluded=excluded,
    )
    suspended = () if isinstance(objective.indicator, Composite) else clip(objective.indicator.suspended, seen)
    return replace(figure, suspended=suspended) if suspended else figure


def _measured(
    objective: Objective,
    evidence: Evidence,
    *,
    span: Interval,
    seen: Interval,
    zone: ZoneInfo,
    maintenance: Sequence[Maintenance],
    measured_until: Instant,
    clock_for: ClockFor | None,
    excluded: Mapping[str, str] | None,
) -> Figure:
    match objective.indicator:
        case Availability() as indicator:
            windows = [window for window in maintenance if window.service == objective.service]
            return measure_availability(
                indicator, evidence, span=span, seen=seen, zone=zone, maintenance=windows, measured_until=measured_until
            )
        case RequestRatio() as indicator:
            return measure_request_ratio(indicator, evidence.without_requests_in(indicator.suspended), seen=seen, zone=zone)
        case IntervalMean() as indicator:
            return measure_interval_mean(indicator, evidence.without_requests_in(indicator.suspended), seen=seen, zone=zone)
        case TimeSlices() as indicator:
            told = evidence.without_requests_in(indicator.suspended)
            return measure_time_slices(indicator, told, seen=seen, zone=zone, measured_until=measured_until)
        case ResponseTime() as indicator:
            return measure_response_time(indicator, evidence.without_requests_in(indicator.suspended), seen=seen, zone=zone)
        case ResolutionTime() as indicator:
            agreed = clock_for or (lambda _: indicator)
            return measure_resolution_time(
                indicator, evidence, span=span, zone=zone, measured_until=measured_until, clock_for=agreed, excluded=excluded
            )
        case Composite():
            raise CompositeByItself(f"objective {objective.id!r} is measured together with {', '.join(objective.indicator.of)}")
        case _:
            assert_never(objective.indicator)


def seen_of(span: Interval, measured_until: Instant) -> Interval:
    """The part of the span that has been measured, empty at its start where none has."""
    return Interval(span.start, max(span.start, min(span.end, measured_until)))
