"""An improvement: what a breach sets off, from its opening to the proof of its effect. Pure: reads no clock, opens no store.

opened → analysed → planned → approved → implemented → effective, or reopened and planned again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import assert_never
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from services.improvement.analysis import Analysis, Comparison, Recommendation
from services.improvement.effect import Effect, Figure, Promise, Verification, verified
from services.vocabulary.errors import Conflict, Invalid, NotAllowed, NotFound, Violation, invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import Interval, datetime_of, day_of, instant_of, instant_text, parse_period, parse_zone, start_of_day
from services.vocabulary.ratio import floored_percent, parse_percent

LONGEST_TEXT = 2_000


class Status(StrEnum):
    OPENED = "opened"
    ANALYSED = "analysed"
    PLANNED = "planned"
    APPROVED = "approved"
    IMPLEMENTED = "implemented"
    EFFECTIVE = "effective"
    REOPENED = "reopened"


# Facts


@dataclass(frozen=True, kw_only=True)
class Breach:
    """What measurement told: an objective missed its target in a period. `auditors` are those known when it was told."""

    breach_id: str
    agreement_id: str
    objective_id: str
    period: str
    provider: str
    customer: str
    auditors: tuple[str, ...]
    target_percent: str
    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done, by whom, until when; `expected_attainment` is what its effect will be held against."""

    recommendation_id: str
    description: str
    owner: str
    due_on: date
    expected_attainment: Fraction


@dataclass(frozen=True, kw_only=True)
class ImprovementOpened:
    breach: Breach


@dataclass(frozen=True, kw_only=True)
class ImprovementAnalysed:
    analysis: Analysis


@dataclass(frozen=True, kw_only=True)
class ImprovementPlanned:
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class ImprovementApproved:
    """Who approved is said by name; when is when it was recorded."""

    approved_by: str
    organisation: str


@dataclass(frozen=True, kw_only=True)
class ImprovementImplemented:
    """Civil date in the agreement's zone."""

    implemented_on: date


@dataclass(frozen=True, kw_only=True)
class ImprovementVerified:
    verification: Verification


@dataclass(frozen=True, kw_only=True)
class ImprovementReopened:
    """Measured and found without the promised effect: to be planned again."""

    reason: str


Fact = (
    ImprovementOpened
    | ImprovementAnalysed
    | ImprovementPlanned
    | ImprovementApproved
    | ImprovementImplemented
    | ImprovementVerified
    | ImprovementReopened
)

NAMES: dict[str, type[Fact]] = {
    "improvement.opened.v1": ImprovementOpened,
    "improvement.analysed.v1": ImprovementAnalysed,
    "improvement.planned.v1": ImprovementPlanned,
    "improvement.approved.v1": ImprovementApproved,
    "improvement.implemented.v1": ImprovementImplemented,
    "improvement.verified.v1": ImprovementVerified,
    "improvement.reopened.v1": ImprovementReopened,
}


# State


@dataclass(frozen=True, kw_only=True)
class Approval:
    approved_by: str
    organisation: str
    approved_at: datetime


@dataclass(frozen=True, kw_only=True)
class JudgedEffect:
    verification: Verification
    verified_at: datetime


@dataclass(frozen=True, kw_only=True)
class Improvement:
    """`plan`, `approval` and `implemented_on` are those of the present attempt; `effects` are those of every attempt, oldest first."""

    breach: Breach
    status: Status
    opened_at: datetime
    analysis: Analysis | None = None
    plan: Plan | None = None
    approval: Approval | None = None
    implemented_on: date | None = None
    effects: tuple[JudgedEffect, ...] = ()

    @property
    def id(self) -> UUID:
        return improvement_id(self.breach.breach_id)


def improvement_id(breach_id: str) -> UUID:
    """One improvement a breach: its id follows from the breach's."""
    return uuid5(NAMESPACE_URL, f"upheld:improvement:{breach_id}")


def breach_id(*, agreement_id: str, objective_id: str, period: str) -> str:
    """One breach an objective and period, as measurement names it."""
    return str(uuid5(NAMESPACE_URL, f"upheld:breach:{agreement_id}:{objective_id}:{period}"))


def evolve(improvement: Improvement | None, fact: Fact, *, recorded_at: datetime) -> Improvement:
    """The state after a fact; decides nothing and refuses nothing."""
    if isinstance(fact, ImprovementOpened):
        return Improvement(breach=fact.breach, status=Status.OPENED, opened_at=recorded_at)
    assert improvement is not None, "an improvement begins by being opened"
    match fact:
        case ImprovementAnalysed():
            return replace(improvement, status=Status.ANALYSED, analysis=fact.analysis)
        case ImprovementPlanned():
            return replace(improvement, status=Status.PLANNED, plan=fact.plan, approval=None, implemented_on=None)
        case ImprovementApproved():
            approval = Approval(approved_by=fact.approved_by, organisation=fact.organisation, approved_at=recorded_at)
            return replace(improvement, status=Status.APPROVED, approval=approval)
        case ImprovementImplemented():
            return replace(improvement, status=Status.IMPLEMENTED, implemented_on=fact.implemented_on)
        case ImprovementVerified():
            judged = JudgedEffect(verification=fact.verification, verified_at=recorded_at)
            status = Status.EFFECTIVE if fact.verification.effect is Effect.EFFECTIVE else improvement.status
            return replace(improvement, status=status, effects=(*improvement.effects, judged))
        case ImprovementReopened():
            return replace(improvement, status=Status.REOPENED)
        case _:
            assert_never(fact)


# Refusals


class ImprovementNotFound(NotFound):
    code = "improvement-not-found"


class NotAnalysedYet(Conflict):
    code = "improvement-not-analysed-yet"


class UnknownRecommendation(Invalid):
    code = "recommendation-unknown"


class ExpectsTooLittle(Invalid):
    """A plan may promise more than its recommendation, not less."""

    code = "plan-expects-less-than-its-recommendation"


class PlanAlreadyApproved(Conflict):
    code = "plan-already-approved"


class NotPlannedYet(Conflict):
    code = "improvement-not-planned-yet"


class NotApproved(Conflict):
    code = "plan-not-approved"


class ImpossibleImplementationDate(Invalid):
    """Before the breached period, or in the future."""

    code = "implementation-date-impossible"


class AlreadyImplemented(Conflict):
    """An implementation has its date; a verification decides what comes next."""

    code = "improvement-already-implemented"


class NotImplementedYet(Conflict):
    code = "improvement-not-implemented-yet"


class AlreadyEffective(Conflict):
    code = "improvement-already-effective"


class SpanBeforeImplementation(Invalid):
    """What was measured before the implementation cannot show its effect."""

    code = "verification-span-before-implementation"


class CompositeNotMeasurable(Conflict):
    """A composite is about the verdicts or the bad time of others, which are promises on a period: it has no figure over a free span."""

    code = "composite-not-measurable-over-a-span"


class SpanNotOver(Conflict):
    code = "verification-span-not-over"


class NotTheProvider(NotAllowed):
    """Planning, implementing and verifying are the provider's."""

    code = "not-the-provider"


class NotAParty(NotAllowed):
    """Approving is the provider's or the customer's."""

    code = "not-a-party"


def parse_improvement_id(text: str) -> UUID:
    """Refuses with `ImprovementNotFound`: what is no id names no improvement."""
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():
        raise ImprovementNotFound(f"there is no improvement {text[:64]!r}")
    return found


# Decisions


def opened(improvement: Improvement | None, breach: Breach) -> Sequence[Fact]:
    """Quiet when the breach was told before."""
    return () if improvement is not None else (ImprovementOpened(breach=breach),)


def analysed(improvement: Improvement, analysis: Analysis) -> Sequence[Fact]:
    """Quiet when it says nothing new, and once there is a plan: a plan answers the analysis it was made from."""
    if improvement.status not in (Status.OPENED, Status.ANALYSED) or improvement.analysis == analysis:
        return ()
    return (ImprovementAnalysed(analysis=analysis),)


def planned(
    improvement: Improvement,
    *,
    recommendation_id: str,
    description: str,
    owner: str,
    due_on: date,
    expected_attainment: Fraction | None,
) -> Sequence[Fact]:
    """Without an expectation the recommendation's own counts, and so it does for one that only repeats its printed, floored figure.

    Refuses with `NotAnalysedYet`, `PlanAlreadyApproved` (until reopened), `UnknownRecommendation`, `ExpectsTooLittle` and `Invalid`.
    """
    analysis = _analysis_of(improvement)
    recommendation = _recommendation_of(analysis, recommendation_id)
    plan = Plan(
        recommendation_id=recommendation_id,
        description=_text(description, place="description"),
        owner=_text(owner, place="owner"),
        due_on=due_on,
        expected_attainment=_expectation(recommendation, expected_attainment, decimals=analysis.decimals),
    )
    match improvement.status:
        case Status.APPROVED | Status.IMPLEMENTED | Status.EFFECTIVE:
            raise PlanAlreadyApproved(f"the plan is {improvement.status}; only an improvement that was reopened is planned again")
        case Status.PLANNED if improvement.plan == plan:
            return ()
        case _:
            return (ImprovementPlanned(plan=plan),)


def approved(improvement: Improvement, *, by: Caller) -> Sequence[Fact]:
    """Quiet once approved. Refuses with `NotPlannedYet`."""
    match improvement.status:
        case Status.PLANNED:
            return (ImprovementApproved(approved_by=by.subject, organisation=by.organisation),)
        case Status.APPROVED | Status.IMPLEMENTED | Status.EFFECTIVE:
            return ()
        case Status.OPENED | Status.ANALYSED | Status.REOPENED:
            raise NotPlannedYet(f"the improvement is {improvement.status}: there is no plan to approve")
        case _:
            assert_never(improvement.status)


def implemented(improvement: Improvement, *, implemented_on: date, recorded_at: datetime) -> Sequence[Fact]:
    """Quiet for the date it has. Refuses with `NotApproved`, `AlreadyImplemented` and `ImpossibleImplementationDate`."""
    match improvement.status:
        case Status.APPROVED:
            _check_implementation_date(_analysis_of(improvement), implemented_on, recorded_at)
            return (ImprovementImplemented(implemented_on=implemented_on),)
        case Status.IMPLEMENTED | Status.EFFECTIVE:
            if improvement.implemented_on == implemented_on:
                return ()
            raise AlreadyImplemented(f"it was implemented on {improvement.implemented_on}")
        case Status.OPENED | Status.ANALYSED | Status.PLANNED | Status.REOPENED:
            raise NotApproved(f"the improvement is {improvement.status}: only an approved plan is implemented")
        case _:
            assert_never(improvement.status)


def verification_span(
    improvement: Improvement, *, after_start: datetime | None, after_end: datetime | None, recorded_at: datetime
) -> Interval:
    """The span after: when none is given, the first whole period like the breached one that begins with or after the implementation.

    Refuses with `NotImplementedYet`, `AlreadyEffective`, `CompositeNotMeasurable`, `SpanBeforeImplementation`, `SpanNotOver`, and with
    `Invalid` half or empty spans.
    """
    implemented_on = _implementation_of(improvement)
    if _analysis_of(improvement).indicator == "composite":
        raise CompositeNotMeasurable(
            f"{improvement.breach.objective_id} is a composite and cannot be measured over a span: "
            "verify the improvements of the objectives it is made of"
        )
    zone = parse_zone(_analysis_of(improvement).zone)
    is_given = after_start is not None or after_end is not None
    span = _given(after_start, after_end) if is_given else _first_whole(improvement.breach.period, implemented_on, zone)
    if span.start < start_of_day(implemented_on, zone):
        rule = f"must not lie before the implementation on {implemented_on}"
        raise SpanBeforeImplementation(Violation(place="after_start", rule=rule))
    if span.end <= span.start:
        raise invalid("after_end", "must lie after after_start")
    if span.end > instant_of(recorded_at):
        raise SpanNotOver(f"the span after runs until {instant_text(span.end)}, it is {instant_text(instant_of(recorded_at))}")
    return span


def breached_span(improvement: Improvement) -> Interval:
    """The span before: the period of the breach. Refuses with `NotAnalysedYet`."""
    analysis = _analysis_of(improvement)
    return Interval(instant_of(analysis.start), instant_of(analysis.end))


def measured(improvement: Improvement, *, before: Figure, after: Figure, recorded_at: datetime) -> Sequence[Fact]:
    """Closes as effective or reopens. Quiet when the very same effect closed it before.

    Refuses as `verification_span` does, and with `NotEnoughData`.
    """
    analysis = _analysis_of(improvement)
    if improvement.status is Status.EFFECTIVE and _same_figures(improvement.effects[-1].verification, before, after):
        return ()
    verification_span(improvement, after_start=after.start, after_end=after.end, recorded_at=recorded_at)
    assert improvement.plan is not None, "an implemented improvement has a plan"
    promise = Promise(
        target=parse_percent(analysis.target_percent, place="target"),
        comparison=analysis.comparison,
        expected=improvement.plan.expected_attainment,
        decimals=analysis.decimals,
    )
    verification = verified(before, after, promise)
    if verification.effect is Effect.EFFECTIVE:
        return (ImprovementVerified(verification=verification),)
    return (ImprovementVerified(verification=verification), ImprovementReopened(reason=verification.reason))


# Who


def organisations_of(improvement: Improvement, *, auditors: Sequence[str]) -> frozenset[str]:
    """Who sees it: its agreement's parties and auditors."""
    return frozenset((improvement.breach.provider, improvement.breach.customer, *auditors))


def require_provider(improvement: Improvement, caller: Caller) -> None:
    """Refuses with `NotTheProvider`."""
    if caller.organisation != improvement.breach.provider:
        raise NotTheProvider(f"only {improvement.breach.provider}, the provider, may do this")


def require_party(improvement: Improvement, caller: Caller) -> None:
    """Refuses with `NotAParty`."""
    if caller.organisation not in (improvement.breach.provider, improvement.breach.customer):
        raise NotAParty("only the provider or the customer may do this")


# What the decisions share


def _analysis_of(improvement: Improvement) -> Analysis:
    if improvement.analysis is None:
        raise NotAnalysedYet("the breach has not been analysed yet")
    return improvement.analysis


def _recommendation_of(analysis: Analysis, recommendation_id: str) -> Recommendation:
    for recommendation in analysis.recommendations:
        if recommendation.id == recommendation_id:
            return recommendation
    known = ", ".join(recommendation.id for recommendation in analysis.recommendations)
    raise UnknownRecommendation(Violation(place="recommendation_id", rule=f"must be one of {known}, not {recommendation_id!r}"))


def _expectation(recommendation: Recommendation, given: Fraction | None, *, decimals: int) -> Fraction:
    recommended = recommendation.expected_attainment
    if given is None:
        return recommended
    printed = floored_percent(recommended, decimals=decimals)
    if given < parse_percent(printed, place="expected"):
        rule = f"must be at least the {printed} % that {recommendation.id} promises"
        raise ExpectsTooLittle(Violation(place="expected_attainment_percent", rule=rule))
    return max(given, recommended)


def _text(text: str, *, place: str) -> str:
    if not text.strip() or len(text) > LONGEST_TEXT or any(_is_control(character) for character in text):
        raise invalid(place, f"must be a text of 1 to {LONGEST_TEXT} characters, none of them a control character")
    return text.strip()


def _is_control(character: str) -> bool:
    return character not in "\n\r\t" and unicodedata.category(character) in ("Cc", "Cs")


def _check_implementation_date(analysis: Analysis, implemented_on: date, recorded_at: datetime) -> None:
    zone = parse_zone(analysis.zone)
    earliest, latest = (day_of(instant_of(moment), zone) for moment in (analysis.start, recorded_at))
    if not earliest <= implemented_on <= latest:
        rule = f"must lie between {earliest}, when the breached period began, and {latest}, today"
        raise ImpossibleImplementationDate(Violation(place="implemented_on", rule=rule))


def _implementation_of(improvement: Improvement) -> date:
    if improvement.status is Status.EFFECTIVE:
        raise AlreadyEffective("the improvement is closed as effective")
    if improvement.status is not Status.IMPLEMENTED or improvement.implemented_on is None:
        raise NotImplementedYet(f"the improvement is {improvement.status}: there is no implementation to verify")
    return improvement.implemented_on


def _first_whole(breached: str, implemented_on: date, zone: ZoneInfo) -> Interval:
    period = parse_period(breached, place="period")
    while period.first_day < implemented_on:
        period = period.next
    return period.bounds(zone)


def _given(start: datetime | None, end: datetime | None) -> Interval:
    if start is None or end is None:
        raise invalid("after_end" if end is None else "after_start", "after_start and after_end are given together or not at all")
    return Interval(instant_of(start), instant_of(end))


def _same_figures(verification: Verification, before: Figure, after: Figure) -> bool:
    return (verification.before, verification.after) == (before, after)


def figure(span: Interval, *, good: int, whole: int, coverage: Fraction) -> Figure:
    """A measured figure over a span of instants."""
    return Figure(start=datetime_of(span.start), end=datetime_of(span.end), good=good, whole=whole, coverage=coverage)
