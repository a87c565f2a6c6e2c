"""What the improvement tests start from: a bank's March, its breach, and the steps up to any status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from services.improvement.analysis import BreachedObjective, Outage
from services.improvement.analysis import analysed as analysis_of
from services.improvement.effect import Figure, Promise, verified
from services.improvement.improvement import (
    Breach,
    Fact,
    Improvement,
    ImprovementAnalysed,
    ImprovementApproved,
    ImprovementImplemented,
    ImprovementOpened,
    ImprovementPlanned,
    ImprovementReopened,
    ImprovementVerified,
    Plan,
    breach_id,
    evolve,
)
from services.vocabulary.identity import Caller, OrganisationId, Role
from services.vocabulary.period import MINUTE, Interval, Month, datetime_of, instant_of, parse_zone

BERLIN = parse_zone("Europe/Berlin")
AGREEMENT = "6e2b1c1e-6c9b-4c55-9d5c-5d0f6f0f2a11"
OBJECTIVE = "availability"
MARCH = Month(2026, 3).bounds(BERLIN)
MAY = Month(2026, 5).bounds(BERLIN)
APRIL_1 = datetime(2026, 4, 1, 8, tzinfo=UTC)
APRIL_15 = datetime(2026, 4, 15, 8, tzinfo=UTC)
JUNE_1 = datetime(2026, 6, 1, 7, tzinfo=UTC)
IMPLEMENTED_ON = date(2026, 4, 14)
DATABASE = "core-database"
WEB = "web"
REPLICATE = "component:core-database"

IDA = Caller(subject="ida.brandt", organisation=OrganisationId("nordwind-hosting"), roles=frozenset({Role.SERVICE_MANAGER}))
JON = Caller(subject="jon.adeyemi", organisation=OrganisationId("hansebank"), roles=frozenset({Role.SERVICE_MANAGER}))
EXAMINER = Caller(subject="examiner", organisation=OrganisationId("bank-examiner"), roles=frozenset({Role.SERVICE_MANAGER, Role.AUDITOR}))
STRANGER = Caller(subject="eve", organisation=OrganisationId("elsewhere"), roles=frozenset({Role.SERVICE_MANAGER}))

BREACH = Breach(
    breach_id=breach_id(agreement_id=AGREEMENT, objective_id=OBJECTIVE, period="2026-03"),
    agreement_id=AGREEMENT,
    objective_id=OBJECTIVE,
    period="2026-03",
    provider="nordwind-hosting",
    customer="hansebank",
    auditors=("bank-examiner",),
    target_percent="99.9",
    comparison=">=",
)


def outage(day: date, at: time, minutes: int, *components: str, cause: str = "", zone: ZoneInfo = BERLIN) -> Outage:
    """Down from a civil time for whole minutes."""
    start = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
    return Outage(interval=Interval(instant_of(start), instant_of(start + timedelta(minutes=minutes))), components=components, cause=cause)


NIGHTS = tuple(
    outage(date(2026, 3, day), time(2, minute), minutes, DATABASE, cause="Settlement batch")
    for day, minute, minutes in ((3, 10, 18), (10, 12, 14), (17, 5, 21), (24, 20, 19), (31, 8, 16))
)
WEB_RESTART = outage(date(2026, 3, 9), time(14, 10), 5, WEB, cause="Certificate renewal")


def availability(outages: Sequence[Outage], *, bad_minutes: int, zone: ZoneInfo = BERLIN) -> BreachedObjective:
    """March 2026 in Berlin: 44,580 minutes, 240 of them agreed maintenance."""
    whole = 44_340
    return BreachedObjective(
        indicator="availability",
        unit="us",
        good=(whole - bad_minutes) * MINUTE,
        whole=whole * MINUTE,
        target_percent="99.9",
        comparison=">=",
        decimals=6,
        zone=zone,
        start=datetime_of(MARCH.start),
        end=datetime_of(MARCH.end),
        measured_until=datetime_of(MARCH.end),
        outages=tuple(outages),
    )


ANALYSIS = analysis_of(availability((*NIGHTS, WEB_RESTART), bad_minutes=93))


def figure(span: Interval, *, bad: int, whole: int, coverage: Fraction = Fraction(1)) -> Figure:
    """A figure in minutes."""
    return Figure(start=datetime_of(span.start), end=datetime_of(span.end), good=whole - bad, whole=whole, coverage=coverage)


BEFORE = figure(MARCH, bad=93, whole=44_340)
AFTER = figure(MAY, bad=3, whole=44_640)

PLAN = Plan(
    recommendation_id=REPLICATE,
    description="Run the settlement batch against a replica",
    owner="Ida Brandt",
    due_on=IMPLEMENTED_ON,
    expected_attainment=Fraction(44_335, 44_340),
)
PROMISE = Promise(target=Fraction(999, 1000), comparison=">=", expected=PLAN.expected_attainment, decimals=6)

OPENED = ImprovementOpened(breach=BREACH)
ANALYSED = ImprovementAnalysed(analysis=ANALYSIS)
PLANNED = ImprovementPlanned(plan=PLAN)
APPROVED = ImprovementApproved(approved_by="jon.adeyemi", organisation="hansebank")
IMPLEMENTED = ImprovementImplemented(implemented_on=IMPLEMENTED_ON)
EFFECTIVE = ImprovementVerified(verification=verified(BEFORE, AFTER, PROMISE))
INEFFECTIVE = ImprovementVerified(verification=verified(BEFORE, figure(MAY, bad=60, whole=44_640), PROMISE))
REOPENED = ImprovementReopened(reason=INEFFECTIVE.verification.reason)

UP_TO_IMPLEMENTED: tuple[Fact, ...] = (OPENED, ANALYSED, PLANNED, APPROVED, IMPLEMENTED)


def given(*facts: Fact, recorded_at: datetime = APRIL_1) -> Improvement:
    """The state after these facts."""
    state: Improvement | None = None
    for fact in facts:
        state = evolve(state, fact, recorded_at=recorded_at)
    assert state is not None
    return state
