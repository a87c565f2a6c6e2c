"""Words for the calculator's tests: small builders of evidence and terms, and the settings of its laws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import settings

from services.measurement.assessment import Assessment, ObjectiveResult, assess, measure_span
from services.measurement.availability import measure_availability
from services.measurement.figure import Figure
from services.measurement.objective import (
    Availability,
    Comparison,
    CreditRule,
    CreditTier,
    Indicator,
    IntervalMean,
    Maintenance,
    Objective,
    Terms,
    TermsInForce,
    TimeSlices,
)
from services.measurement.observation import BY_BADNESS, Counters, Evidence, Latencies, Outage, State, StatusChange, Statuses, TicketEvent
from services.measurement.slices import measure_interval_mean, measure_time_slices
from services.vocabulary.money import Money, Rounding
from services.vocabulary.period import HOUR, MINUTE, SECOND, Instant, Interval, Microseconds, Month, parse_instant, parse_zone
from services.vocabulary.ratio import floored_percent

LAW = settings()
"""As many examples as the profile in `tests/conftest.py` says."""

UTC = parse_zone("UTC")
BERLIN = parse_zone("Europe/Berlin")
JUNE = Month(2026, 6)
"""30 days, 43,200 minutes."""

JUNE_SPAN = JUNE.bounds(UTC)
DAY = 24 * HOUR
DB = Availability(components=("db",))


def at(text: str) -> Instant:
    """ "2026-03-31T22:30Z" """
    return parse_instant(text, place="test")


def later(instant: Instant, by: int) -> Instant:
    return Instant(instant + by)


def minute(number: float) -> Instant:
    """So many minutes after the start of June 2026 in UTC."""
    return later(JUNE_SPAN.start, int(number * MINUTE))


def minutes(start: float, end: float) -> Interval:
    return Interval(minute(start), minute(end))


def outage(start: float, end: float, component: str = "db", cause: str = "") -> Outage:
    return Outage(component=component, interval=minutes(start, end), cause=cause)


def status(number: float, state: State, component: str = "db") -> StatusChange:
    return StatusChange(component=component, at=minute(number), state=state)


def down(total_minutes: float) -> Evidence:
    """One outage of that length in the middle of June, of a component that reports by outages."""
    return Evidence(outages=[outage(20_000, 20_000 + total_minutes)])


def counters(*rows: tuple[Instant, int, int]) -> Counters:
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
    return Counters(at=columns[:, 0].copy(), good=columns[:, 1].copy(), total=columns[:, 2].copy())


def latencies(*rows: tuple[Instant, int]) -> Latencies:
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 2)
    return Latencies(at=columns[:, 0].copy(), us=columns[:, 1].copy())


def step(ticket: str, number: float, state: str, priority: str = "3") -> TicketEvent:
    return TicketEvent(ticket=ticket, at=minute(number), state=state, priority=priority)


def percent(text: str) -> Fraction:
    return Fraction(Decimal(text)) / 100


def tiers(*pairs: tuple[str, str]) -> tuple[CreditTier, ...]:
    return tuple(CreditTier(below=percent(below), credit=percent(credit)) for below, credit in pairs)


def objective(
    indicator: Indicator = DB,
    target: str = "99.9",
    *,
    comparison: Comparison = ">=",
    credit_tiers: Sequence[CreditTier] = (),
    name: str = "o",
    service: str = "bank",
) -> Objective:
    return Objective(
        id=name,
        name=name,
        service=service,
        indicator=indicator,
        comparison=comparison,
        target=percent(target),
        decimals=2,
        credit_tiers=tuple(credit_tiers),
    )


def maintenance(start: float, end: float, *, components: Iterable[str] = (), service: str = "bank", reason: str = "patch") -> Maintenance:
    return Maintenance(id=f"m{start}", service=service, components=tuple(components), interval=minutes(start, end), reason=reason)


def rule(charge: str = "1000.00", cap: str = "100", rounding: Rounding = "half-even") -> CreditRule:
    return CreditRule(charge=Money(Decimal(charge), "EUR"), cap=percent(cap), rounding=rounding)


def terms(
    *objectives: Objective,
    version: int = 1,
    zone: ZoneInfo = UTC,
    ends: date | None = None,
    windows: Sequence[Maintenance] = (),
    credit: CreditRule | None = None,
) -> Terms:
    return Terms(
        version=version,
        zone=zone,
        effective=date(2026, 1, 1),
        ends=ends,
        objectives=objectives,
        maintenance=tuple(windows),
        credit=credit,
        warn_at=Fraction(3, 4),
        close_after_days=3,
    )


def in_force(agreed: Terms, first: date = date(2026, 1, 1), last: date | None = None) -> TermsInForce:
    return TermsInForce(terms=agreed, first_day=first, last_day=last)


def assessed(
    versions: Sequence[TermsInForce], evidence: Evidence, *, month: Month = JUNE, measured_until: Instant | None = None
) -> Assessment:
    """The service "bank" alone; without `measured_until` well after the month."""
    until = measured_until if measured_until is not None else later(month.bounds(UTC).end, 90 * DAY)
    return assess(agreement_id="a", terms=versions, evidence={"bank": evidence}, month=month, measured_until=until)


def measured(
    evidence: Evidence,
    promise: Objective | None = None,
    *,
    span: Interval = JUNE_SPAN,
    zone: ZoneInfo = UTC,
    windows: Sequence[Maintenance] = (),
    measured_until: Instant | None = None,
    warn_at: Fraction | None = Fraction(3, 4),
) -> ObjectiveResult:
    """Without `measured_until` the span is complete and everything known."""
    return measure_span(
        promise or objective(),
        evidence,
        span,
        zone=zone,
        maintenance=windows,
        measured_until=measured_until if measured_until is not None else later(span.end, 90 * DAY),
        warn_at=warn_at,
    )


def available(
    evidence: Evidence,
    indicator: Availability = DB,
    *,
    span: Interval = JUNE_SPAN,
    zone: ZoneInfo = UTC,
    windows: Sequence[Maintenance] = (),
    measured_until: Instant | None = None,
) -> Figure:
    """The figure itself, before anybody judges it. Without `measured_until` the span is complete and everything known."""
    until = measured_until if measured_until is not None else later(span.end, 90 * DAY)
    return measure_availability(
        indicator, evidence, span=span, seen=seen_of(span, until), zone=zone, maintenance=windows, measured_until=until
    )


def mean_of_intervals(
    evidence: Evidence, indicator: IntervalMean, *, span: Interval = JUNE_SPAN, zone: ZoneInfo = UTC, measured_until: Instant | None = None
) -> Figure:
    until = measured_until if measured_until is not None else later(span.end, 90 * DAY)
    return measure_interval_mean(indicator, evidence, seen=seen_of(span, until), zone=zone)


def sliced(
    evidence: Evidence, indicator: TimeSlices, *, span: Interval = JUNE_SPAN, zone: ZoneInfo = UTC, measured_until: Instant | None = None
) -> Figure:
    until = measured_until if measured_until is not None else later(span.end, 90 * DAY)
    return measure_time_slices(indicator, evidence, seen=seen_of(span, until), zone=zone, measured_until=until)


def seen_of(span: Interval, measured_until: Instant) -> Interval:
    return Interval(span.start, max(span.start, min(span.end, measured_until)))


def columns(*rows: tuple[Instant, State]) -> Statuses:
    return Statuses(
        at=np.array([at for at, _ in rows], dtype=np.int64),
        state=np.array([BY_BADNESS.index(state) for _, state in rows], dtype=np.int8),
    )


def figure(result: ObjectiveResult, decimals: int = 6) -> str:
    """Six decimals, floored, as the worked values are written."""
    assert result.attainment is not None
    return floored_percent(result.attainment, decimals=decimals)


def six(ratio: Fraction | None) -> str:
    assert ratio is not None
    return floored_percent(ratio, decimals=6)


def hours(number: int) -> Microseconds:
    return Microseconds(number * HOUR)


__all__ = [
    "BERLIN",
    "DAY",
    "DB",
    "HOUR",
    "JUNE",
    "JUNE_SPAN",
    "LAW",
    "MINUTE",
    "SECOND",
    "UTC",
    "assessed",
    "at",
    "available",
    "columns",
    "counters",
    "down",
    "figure",
    "hours",
    "in_force",
    "latencies",
    "later",
    "maintenance",
    "mean_of_intervals",
    "measured",
    "minute",
    "minutes",
    "objective",
    "outage",
    "percent",
    "rule",
    "seen_of",
    "six",
    "sliced",
    "status",
    "step",
    "terms",
    "tiers",
]
