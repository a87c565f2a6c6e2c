"""From an indicator and the evidence to a figure: which rule measures what. Pure; the union is closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never
from zoneinfo import ZoneInfo

from services.measurement.availability import measure_availability
from services.measurement.figure import Figure
from services.measurement.objective import Availability, Maintenance, Objective, RequestRatio, ResolutionTime, ResponseTime
from services.measurement.observation import Evidence
from services.measurement.requests import measure_request_ratio, measure_response_time
from services.measurement.resolution import WithinFor, measure_resolution_time
from services.vocabulary.period import Instant, Interval


def measure(
    objective: Objective,
    evidence: Evidence,
    *,
    span: Interval,
    zone: ZoneInfo,
    maintenance: Sequence[Maintenance],
    measured_until: Instant,
    within_for: WithinFor | None = None,
) -> Figure:
    """Counts what lies in the span and before `measured_until`. Maintenance takes time out of availabilities only."""
    seen = Interval(span.start, max(span.start, min(span.end, measured_until)))
    match objective.indicator:
        case Availability() as indicator:
            windows = [window for window in maintenance if window.service == objective.service]
            return measure_availability(
                indicator, evidence, span=span, seen=seen, zone=zone, maintenance=windows, measured_until=measured_until
            )
        case RequestRatio() as indicator:
            return measure_request_ratio(indicator, evidence, seen=seen, zone=zone)
        case ResponseTime() as indicator:
            return measure_response_time(indicator, evidence, seen=seen, zone=zone)
        case ResolutionTime() as indicator:
            agreed = within_for or (lambda _: indicator.within)
            return measure_resolution_time(indicator, evidence, span=span, zone=zone, measured_until=measured_until, within_for=agreed)
        case _:
            assert_never(objective.indicator)
