"""A judgement: what an agreement's period was publicly found to be. At risk once, breached once, closed once, then only restated.

Pure: reads no clock, opens no store, computes no figure. A document is an assessment in the JSON form of the wire.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from services.measurement.assessment import Assessment, ObjectiveResult, Verdict
from services.measurement.burn_rate import Alert, BurnRate
from services.vocabulary.errors import Conflict
from services.vocabulary.period import SECOND, Instant, parse_instant
from services.vocabulary.ratio import exact

Scalar = str | int | bool | None
Leaf = dict[str, Scalar | list[str]]
ResultDocument = dict[str, Scalar | Leaf | list[Leaf]]
"""One objective's result."""

Document = dict[str, Scalar | ResultDocument | list[int | ResultDocument]]
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
class ObjectiveBurning:
    """The budget is being spent faster than `factor` over both windows. Rates are exact ratios, empty of a budget of nothing."""

    agreement_id: str
    objective_id: str
    period: str
    provider: str
    customer: str
    severity: str
    factor: str
    long_window_s: int
    short_window_s: int
    long_rate: str
    short_rate: str
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


Event = ObjectiveAtRisk | ObjectiveBurning | ObjectiveBreached | PeriodClosed | PeriodRestated

EVENTS: Mapping[str, type[Event]] = {
    "objective.at-risk.v1": ObjectiveAtRisk,
    "objective.burning.v1": ObjectiveBurning,
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

    `recorded_at` is not after the instant at which its evidence was read. `alerts` are those of the objectives whose budget burns.
    """

    assessment: Assessment
    document: Document
    results: Sequence[ResultDocument]
    parties: Parties
    recorded_at: str
    trace_id: str = ""
    alerts: Mapping[str, Alert] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What has been told of the period so far; `stated` holds the documents of its revisions, none while it is open.

    `burning` has the objective and the severity.
    """

    at_risk: frozenset[str] = frozenset()
    burning: frozenset[tuple[str, str]] = frozenset()
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
        case ObjectiveBurning():
            return replace(state, burning=state.burning | {(event.objective_id, event.severity)})
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
    return [*_at_risk(state, finding), *_burning(state, finding), *_breached(state, finding, final=False)]


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


def lists_tickets(document: Document, *, service: str, tickets: Collection[str]) -> bool:
    """A resolution time of the service was judged by one of these tickets."""
    own = [result for result in _results(document) if result["service"] == service]
    return any(leaf["ticket"] in tickets for result in own for leaf in _leaves(result["tickets"]))


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


def _burning(state: Judgement, finding: Finding) -> list[Event]:
    """Nobody has to hurry for what is lost already. Of an objective with several segments the last one burns."""
    running = {
        result.objective.id: (document, result.progress.lost)
        for result, document in zip(finding.assessment.objectives, finding.results, strict=True)
    }
    return [
        ObjectiveBurning(
            agreement_id=finding.assessment.agreement_id,
            objective_id=objective_id,
            period=str(finding.assessment.month),
            provider=finding.parties.provider,
            customer=finding.parties.customer,
            severity=alert.rule.severity,
            factor=exact(alert.rule.factor),
            long_window_s=alert.rule.long // SECOND,
            short_window_s=alert.rule.short // SECOND,
            long_rate=rate_text(alert.long),
            short_rate=rate_text(alert.short),
            result=running[objective_id][0],
        )
        for objective_id, alert in finding.alerts.items()
        if not running[objective_id][1] and objective_id not in state.breached and (objective_id, alert.rule.severity) not in state.burning
    ]


def rate_text(rate: BurnRate) -> str:
    """Exact; empty where there is none."""
    return "" if rate.rate is None else exact(rate.rate)


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
    if is_stale or not finding.assessment.complete or says_the_same(previous, finding.document):
        return []
    cause = _cause(previous, reasons)
    assessment = _restatement(finding, previous, revision=len(state.stated) + 1, cause=cause)
    restated = PeriodRestated(
        agreement_id=finding.assessment.agreement_id,
        period=str(finding.assessment.month),
        provider=finding.parties.provider,
        customer=finding.parties.customer,
        assessment=assessment,
        previous=previous,
        cause=cause,
        credit_difference=str(assessment["credit_difference"]),
    )
    return [*_breached(state, finding, final=True), restated]


def _cause(previous: Document, reasons: Sequence[Reason]) -> str:
    """What was learned since the last statement; what was learned before is in it."""
    stated_at = _instant(str(previous["recorded_at"]))
    since = [reason.words for reason in reasons if reason.recorded_at > stated_at]
    return ", ".join(since or [reason.words for reason in reasons])


def _stated(finding: Finding, *, revision: int, cause: str = "") -> Document:
    return {**finding.document, "closed": True, "revision": revision, "recorded_at": finding.recorded_at, "restatement_cause": cause}


def _restatement(finding: Finding, previous: Document, *, revision: int, cause: str) -> Document:
    """Names what it changes: the credit, and of each objective that differs by how much."""
    stated = _stated(finding, revision=revision, cause=cause)
    return {**stated, "credit_difference": str(_amount(stated) - _amount(previous)), "changes": _changes(previous, stated)}


def _changes(previous: Document, stated: Document) -> list[int | ResultDocument]:
    """Of the segments whose figure differs; one that was not there before had nothing good and nothing whole."""
    before = {_segment(result): result for result in _results(previous)}
    pairs = [(before.get(_segment(result), {}), result) for result in _results(stated)]
    return [_change(old, new) for old, new in pairs if any(old.get(name) != new[name] for name in ("good", "whole"))]


def _change(before: ResultDocument, after: ResultDocument) -> ResultDocument:
    good, whole = (int(str(after[name])) - int(str(before.get(name, 0))) for name in ("good", "whole"))
    return {
        "objective_id": after["objective_id"],
        "terms_version": after["terms_version"],
        "unit": after["unit"],
        "good_difference": str(good),
        "whole_difference": str(whole),
        "bad_difference": str(whole - good),
        "previous_percent": before.get("attainment_percent", ""),
        "attainment_percent": after["attainment_percent"],
    }


def _segment(result: ResultDocument) -> tuple[str, str]:
    """An objective has one result a segment, which its start tells."""
    return str(result["objective_id"]), str(result["start"])


def says_the_same(previous: Document, now: Document) -> bool:
    """A restatement is about figures: not when, by which calculator or how fast, and not how a ticket went on after its verdict.

    A field that was not written yet when the previous document was stated says nothing.
    """
    results, newer = _results(previous), _results(now)
    return (
        len(results) == len(newer)
        and all(_agree(old, new, besides=("progress", "tickets")) for old, new in zip(results, newer, strict=True))
        and _agree_on_credit(previous["credit"], now["credit"])
        and previous["terms_versions"] == now["terms_versions"]
    )


def _results(document: Document) -> list[ResultDocument]:
    objectives = document["objectives"]
    assert isinstance(objectives, list), "a document lists its objectives"
    return [result for result in objectives if isinstance(result, dict)]


def _leaves(leaves: object) -> list[Leaf]:
    assert isinstance(leaves, list), "a result lists its leaves"
    return leaves


def _agree_on_credit(previous: object, now: object) -> bool:
    if isinstance(previous, dict) and isinstance(now, dict):
        return _agree(previous, now)
    return previous == now


def _agree(previous: Mapping[str, object], now: Mapping[str, object], *, besides: Sequence[str] = ()) -> bool:
    return all(now.get(name) == value for name, value in previous.items() if name not in besides)


def _instant(recorded_at: str) -> Instant:
    return parse_instant(recorded_at, place="recorded_at")


def _amount(document: Document) -> Decimal:
    credit = document["credit"]
    return Decimal(str(credit["amount"])) if isinstance(credit, dict) else Decimal(0)
