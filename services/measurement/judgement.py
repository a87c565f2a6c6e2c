"""A judgement: what an agreement's month was publicly found to be. At risk once, breached once, closed once, then only restated.

Pure: reads no clock, opens no store, computes no figure. A document is an assessment in the JSON form of the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from services.measurement.assessment import Assessment, ObjectiveResult, Verdict
from services.vocabulary.errors import Conflict
from services.vocabulary.period import Instant, parse_instant

Scalar = str | int | bool | None
Leaf = dict[str, Scalar | list[str]]
ResultDocument = dict[str, Scalar | Leaf | list[Leaf]]
"""One objective's result."""

Document = dict[str, Scalar | Leaf | list[int | ResultDocument]]
"""A whole assessment."""


class PeriodNotOver(Conflict):
    """A period closes after its end, not before."""

    code = "period-not-over"


class PeriodAlreadyClosed(Conflict):
    """A period closes once; what is learned later restates it."""

    code = "period-already-closed"


@dataclass(frozen=True, kw_only=True)
class ObjectiveAtRisk:
    """The budget is spent to the agreed share. `result` is the objective's part of the document."""

    agreement_id: str
    objective_id: str
    period: str
    provider: str
    customer: str
    result: ResultDocument


@dataclass(frozen=True, kw_only=True)
class ObjectiveBreached:
    """Nothing brings the target back, or the period closed below it. `trace_id`: of the report that was the last to bear on it."""

    breach_id: str
    agreement_id: str
    objective_id: str
    period: str
    provider: str
    customer: str
    result: ResultDocument
    trace_id: str


@dataclass(frozen=True, kw_only=True)
class PeriodClosed:
    agreement_id: str
    period: str
    provider: str
    customer: str
    assessment: Document


@dataclass(frozen=True, kw_only=True)
class PeriodRestated:
    """`credit_difference` is the new amount minus the old one, a signed decimal."""

    agreement_id: str
    period: str
    provider: str
    customer: str
    assessment: Document
    previous: Document
    cause: str
    credit_difference: str


Event = ObjectiveAtRisk | ObjectiveBreached | PeriodClosed | PeriodRestated

EVENTS: Mapping[str, type[Event]] = {
    "objective.at-risk.v1": ObjectiveAtRisk,
    "objective.breached.v1": ObjectiveBreached,
    "period.closed.v1": PeriodClosed,
    "period.restated.v1": PeriodRestated,
}


@dataclass(frozen=True, kw_only=True)
class Parties:
    provider: str
    customer: str


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why it was assessed anew, in words, and when we learned of it."""

    words: str
    recorded_at: Instant


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An assessment with its document; `results` are the documents of its objectives, in the same order.

    `recorded_at` is not after the instant at which its evidence was read.
    """

    assessment: Assessment
    document: Document
    results: Sequence[ResultDocument]
    parties: Parties
    recorded_at: str
    trace_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What has been told of the month so far; `stated` holds the documents of its revisions, none while it is open."""

    at_risk: frozenset[str] = frozenset()
    breached: frozenset[str] = frozenset()
    stated: tuple[Document, ...] = ()

    @property
    def closed(self) -> bool:
        return bool(self.stated)


NOTHING_TOLD = Judgement()


def evolve(state: Judgement | None, event: Event) -> Judgement:
    state = state or NOTHING_TOLD
    match event:
        case ObjectiveAtRisk():
            return replace(state, at_risk=state.at_risk | {event.objective_id})
        case ObjectiveBreached():
            return replace(state, breached=state.breached | {event.objective_id})
        case PeriodClosed() | PeriodRestated():
            return replace(state, stated=(*state.stated, event.assessment))
        case _:
            assert_never(event)


def tell(state: Judgement | None, finding: Finding, *, reasons: Sequence[Reason]) -> list[Event]:
    """What a new assessment adds to what was told: warnings and breaches of an open period, the restatement of a closed one."""
    state = state or NOTHING_TOLD
    if state.closed:
        return _restated(state, finding, reasons)
    return [*_at_risk(state, finding), *_breached(state, finding, final=False)]


def close(state: Judgement | None, finding: Finding) -> list[Event]:
    """Breaches known only now, then the close; refuses with `PeriodNotOver` and `PeriodAlreadyClosed`."""
    state = state or NOTHING_TOLD
    assessment = finding.assessment
    if state.closed:
        raise PeriodAlreadyClosed(f"{assessment.month} of agreement {assessment.agreement_id} is closed already")
    if not assessment.complete:
        raise PeriodNotOver(f"{assessment.month} of agreement {assessment.agreement_id} is not over yet")
    closed = PeriodClosed(
        agreement_id=assessment.agreement_id,
        period=str(assessment.month),
        provider=finding.parties.provider,
        customer=finding.parties.customer,
        assessment=_stated(finding, revision=1),
    )
    return [*_breached(state, finding, final=True), closed]


def stream_of(agreement_id: str, period: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"upheld:assessment:{agreement_id}:{period}")


def breach_id_of(agreement_id: str, objective_id: str, period: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"upheld:breach:{agreement_id}:{objective_id}:{period}"))


def _at_risk(state: Judgement, finding: Finding) -> list[Event]:
    """A breach needs no warning any more."""
    warned = {
        result.objective.id: document
        for result, document in zip(finding.assessment.objectives, finding.results, strict=True)
        if result.progress.at_risk and not result.progress.lost
    }
    return [
        ObjectiveAtRisk(
            agreement_id=finding.assessment.agreement_id,
            objective_id=objective_id,
            period=str(finding.assessment.month),
            provider=finding.parties.provider,
            customer=finding.parties.customer,
            result=document,
        )
        for objective_id, document in warned.items()
        if objective_id not in state.at_risk | state.breached
    ]


def _breached(state: Judgement, finding: Finding, *, final: bool) -> list[Event]:
    """Of an objective with several segments the first breached one is told."""
    lost: dict[str, ResultDocument] = {}
    for result, document in zip(finding.assessment.objectives, finding.results, strict=True):
        if result.verdict is Verdict.BREACHED and (final or _is_settled(result, finding.assessment)):
            lost.setdefault(result.objective.id, document)
    period = str(finding.assessment.month)
    agreement_id = finding.assessment.agreement_id
    return [
        ObjectiveBreached(
            breach_id=breach_id_of(agreement_id, objective_id, period),
            agreement_id=agreement_id,
            objective_id=objective_id,
            period=period,
            provider=finding.parties.provider,
            customer=finding.parties.customer,
            result=document,
            trace_id=finding.trace_id,
        )
        for objective_id, document in lost.items()
        if objective_id not in state.breached
    ]


def _is_settled(result: ObjectiveResult, assessment: Assessment) -> bool:
    """Lost while its period runs, or measured over time, to which no late report adds. Late good requests may still win a period back."""
    return assessment.measured_until < result.interval.end or result.unit == "us"


def _restated(state: Judgement, finding: Finding, reasons: Sequence[Reason]) -> list[Event]:
    previous = state.stated[-1]
    is_stale = _instant(finding.recorded_at) < _instant(str(previous["recorded_at"]))
    if is_stale or not finding.assessment.complete or _figures(previous) == _figures(finding.document):
        return []
    cause = _cause(previous, reasons)
    assessment = _stated(finding, revision=len(state.stated) + 1, cause=cause)
    restated = PeriodRestated(
        agreement_id=finding.assessment.agreement_id,
        period=str(finding.assessment.month),
        provider=finding.parties.provider,
        customer=finding.parties.customer,
        assessment=assessment,
        previous=previous,
        cause=cause,
        credit_difference=str(_amount(assessment) - _amount(previous)),
    )
    return [*_breached(state, finding, final=True), restated]


def _cause(previous: Document, reasons: Sequence[Reason]) -> str:
    """What was learned since the last statement; what was learned before is in it."""
    stated_at = _instant(str(previous["recorded_at"]))
    since = [reason.words for reason in reasons if reason.recorded_at > stated_at]
    return ", ".join(since or [reason.words for reason in reasons])


def _stated(finding: Finding, *, revision: int, cause: str = "") -> Document:
    return {**finding.document, "closed": True, "revision": revision, "recorded_at": finding.recorded_at, "restatement_cause": cause}


def _figures(document: Document) -> Document:
    """What a restatement is about: not when, by which calculator or how fast, and not how a ticket went on after its verdict."""
    objectives = document["objectives"]
    assert isinstance(objectives, list), "a document lists its objectives"
    results = [result for result in objectives if isinstance(result, dict)]
    kept: list[int | ResultDocument] = [
        {name: value for name, value in result.items() if name not in ("progress", "tickets")} for result in results
    ]
    return {"objectives": kept, "credit": document["credit"], "terms_versions": document["terms_versions"]}


def _instant(recorded_at: str) -> Instant:
    return parse_instant(recorded_at, place="recorded_at")


def _amount(document: Document) -> Decimal:
    credit = document["credit"]
    return Decimal(str(credit["amount"])) if isinstance(credit, dict) else Decimal(0)
