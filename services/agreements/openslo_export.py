"""Terms as OpenSLO v1 documents, and what of them has no place there. Pure: writes no file format.

By the specification, github.com/OpenSLO/OpenSLO, README.md (openslo/v1): Service, SLO, SLI, DataSource.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from services.agreements.remark import Remark, Tree, kept, lost, shown
from services.agreements.terms import (
    Availability,
    Composite,
    Indicator,
    IntervalMean,
    Objective,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Terms,
    TimeSlices,
    to_document,
)
from services.vocabulary.period import MONTHLY
from services.vocabulary.ratio import ONE, trimmed_percent

VERSION = "openslo/v1"
SOURCE = "Upheld"
"""The type of the metric sources whose `spec` tells an indicator of the terms word by word."""

_SOURCE_NAME = "upheld"
_HOUR_S = 3600
_MINUTE_S = 60
_NO_PLACE = "OpenSLO v1 has no place for it"


@dataclass(frozen=True, kw_only=True)
class Exported:
    documents: tuple[Tree, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, kw_only=True)
class _Form:
    """How an indicator is told: the budgeting method, the metric of its SLI, and what its objective says besides the target."""

    method: str
    metric: dict[str, Tree]
    objective: dict[str, Tree] = field(default_factory=dict)


def to_openslo(terms: Terms) -> Exported:
    """A DataSource, each service, and an SLI with its SLO for each objective that OpenSLO can say."""
    remarks = [*_of_terms(terms)]
    documents: list[Tree] = [_document("DataSource", _SOURCE_NAME, SOURCE, {"type": SOURCE, "connectionDetails": {}})]
    documents += [_document("Service", service.id, service.name, {}) for service in terms.services]
    plain = {node["id"]: node["indicator"] for node in _nodes(to_document(terms)["objectives"])}
    for objective in terms.objectives:
        form = _form(objective.indicator, plain[objective.id])
        if why := _unsayable(objective, form):
            remarks.append(lost(_place(objective), objective.name, why))
        elif form is not None:
            documents += [_sli(objective, form), _slo(objective, form, terms)]
            remarks += [*_of_objective(objective)]
    return Exported(documents=tuple(documents), remarks=tuple(remarks))


def _nodes(node: object) -> list[dict[str, Tree]]:
    assert isinstance(node, list), "objectives are a list"
    return node


def _document(kind: str, name: str, display: str, spec: dict[str, Tree]) -> dict[str, Tree]:
    return {"apiVersion": VERSION, "kind": kind, "metadata": {"name": name, "displayName": display}, "spec": spec}


def _sli(objective: Objective, form: _Form) -> Tree:
    return _document("SLI", objective.id, objective.name, form.metric)


def _slo(objective: Objective, form: _Form, terms: Terms) -> Tree:
    spec: dict[str, Tree] = {
        "service": objective.service,
        "indicatorRef": objective.id,
        "timeWindow": [_window(terms)],
        "budgetingMethod": form.method,
        "objectives": [{"displayName": objective.name, **form.objective, "target": decimal(objective.target)}],
    }
    return _document("SLO", objective.id, objective.name, spec)


def _window(terms: Terms) -> Tree:
    cycle = terms.period
    if cycle.every == "rolling":
        return {"duration": f"{cycle.days}d", "isRolling": True}
    duration = {"month": "1M", "quarter": "1Q", "year": "1Y", "contract-year": "1Y", "week": "1w"}[cycle.every]
    first_day = cycle.period_on(terms.effective_on, term_begins=terms.effective_on).first_day
    return {"duration": duration, "calendar": {"startTime": f"{first_day} 00:00:00", "timeZone": terms.zone}, "isRolling": False}


def _form(indicator: Indicator, told: Tree) -> _Form | None:
    """None: OpenSLO has no word for it."""
    match indicator:
        case Availability():
            return _Form(method="Occurrences", metric={"ratioMetric": {"rawType": "success", "raw": _metric(told)}})
        case RequestRatio():
            return _Form(method="Occurrences", metric=_good_and_total(told))
        case ResolutionTime():
            return _Form(method="Occurrences", metric=_good_and_total(told))
        case IntervalMean():
            window = _slice(indicator.every_s)
            return _Form(method="RatioTimeslices", metric=_good_and_total(told), objective=window) if window else None
        case TimeSlices():
            return _slices(indicator, told)
        case ResponseTime():
            return _Form(method="Occurrences", metric={"thresholdMetric": _metric(told)}, objective=_at_most(indicator.threshold_ms))
        case Composite():
            return None
        case _:
            assert_never(indicator)


def _slices(indicator: TimeSlices, told: Tree) -> _Form | None:
    """Bad above an error rate is good from its complement on; a percentile within a threshold is that share of requests within it."""
    window = _slice(indicator.every_s)
    if window is None:
        return None
    if indicator.error_above is not None:
        good: dict[str, Tree] = {"timeSliceTarget": decimal(1 - indicator.error_above)}
        return _Form(method="Timeslices", metric=_good_and_total(told), objective={**good, **window})
    assert indicator.percentile is not None, "slices have one of two thresholds"
    assert indicator.latency_above_ms is not None, "a percentile has its threshold"
    share: dict[str, Tree] = {**_at_most(indicator.latency_above_ms), "timeSliceTarget": decimal(indicator.percentile)}
    return _Form(method="Timeslices", metric={"thresholdMetric": _metric(told)}, objective={**share, **window})


def _slice(length_s: int) -> dict[str, Tree] | None:
    """A shorthand of hours or minutes, else a number of minutes; None where that is no decimal number."""
    if length_s % _HOUR_S == 0:
        return {"timeSliceWindow": f"{length_s // _HOUR_S}h"}
    if length_s % _MINUTE_S == 0:
        return {"timeSliceWindow": f"{length_s // _MINUTE_S}m"}
    minutes = Fraction(length_s, _MINUTE_S)
    return {"timeSliceWindow": decimal(minutes)} if 10**9 % minutes.denominator == 0 else None


def _at_most(threshold_ms: Decimal) -> dict[str, Tree]:
    return {"op": "lte", "value": threshold_ms.normalize()}


def _good_and_total(told: Tree) -> dict[str, Tree]:
    return {"ratioMetric": {"counter": True, "good": _metric(told, counts="good"), "total": _metric(told, counts="total")}}


def _metric(told: Tree, **more: Tree) -> Tree:
    return {"metricSource": {"metricSourceRef": _SOURCE_NAME, "type": SOURCE, "spec": {"indicator": told, **more}}}


def decimal(ratio: Fraction) -> Decimal:
    """Exact for what was written as a decimal."""
    assert 10**20 % ratio.denominator == 0, f"{ratio} was written as a decimal"
    return Decimal(ratio.numerator * (10**20 // ratio.denominator)).scaleb(-20).normalize()


def _unsayable(objective: Objective, form: _Form | None) -> str:
    if isinstance(objective.indicator, Composite):
        return "OpenSLO v1 has no objective about other objectives"
    if form is None:
        return "OpenSLO v1 counts a slice in minutes, and the length of this one is no decimal number of them"
    return "OpenSLO v1 has targets below 100 % only: without an error budget there is no SLO" if objective.target == ONE else ""


def _of_objective(objective: Objective) -> Iterator[Remark]:
    place = _place(objective)
    why = "it stands in the SLI's metricSource.spec, which other tools do not read"
    yield kept(f"{place}.indicator", "how it is measured in full", why)
    if isinstance(objective.indicator, Availability):
        yield lost(f"{place}.indicator", "measured by time", "OpenSLO v1 counts events or slices; it is told as a ratio made beforehand")
    if objective.comparison == ">":
        yield lost(f"{place}.comparison", ">", "an SLO is kept at its target too")
    if objective.decimals != 2:
        yield lost(f"{place}.decimals", str(objective.decimals), _NO_PLACE)
    if objective.credits:
        tiers = ", ".join(f"{trimmed_percent(tier.percent)} % below {trimmed_percent(tier.below)} %" for tier in objective.credits)
        yield lost(f"{place}.credits", tiers, _NO_PLACE)
    if objective.relief:
        yield lost(f"{place}.relief", "what a breach costs", _NO_PLACE)
    if objective.clause:
        yield lost(f"{place}.clause", objective.clause, _NO_PLACE)


def _of_terms(terms: Terms) -> Iterator[Remark]:
    """Whatever stands at the top of the document but its services, objectives and period."""
    told = to_document(terms)
    rolling = terms.period.every == "rolling"
    elsewhere = {"upheld", "services", "objectives", "period", *(() if rolling else ("zone",))}
    for place in sorted(told.keys() - elsewhere):
        if told[place] not in ([], None):
            yield lost(place, _summary(told[place]), _WHY.get(place, _NO_PLACE))
    for service in terms.services:
        if service.components:
            names = ", ".join(component.id for component in service.components)
            yield lost(f"services[{service.id}].components", names, "an OpenSLO service has no parts")
    if terms.period.every == "contract-year" and (terms.effective_on.month, terms.effective_on.day) == (1, 1):
        yield lost("period", "contract year", "a calendar that begins on 1 January reads as the calendar year, which is the same here")
    if terms.period != MONTHLY and terms.period.from_day != 1:
        yield kept("period", f"from day {terms.period.from_day}", "only the start of the calendar window tells it")


def _summary(node: Tree) -> str:
    if isinstance(node, list):
        return f"{len(node)} of them" if len(node) > 1 else "one of them"
    return "what a breach costs" if isinstance(node, dict) and "monthly_charge" in node else shown(node)


def _place(objective: Objective) -> str:
    return f"objectives[{objective.id}]"


_WHY = {
    "warn_at_percent": "an alert of OpenSLO v1 is raised by the burn rate over a window, not by the share of the budget that is spent",
    "effective_on": "the calendar window tells only where a period begins",
    "zone": "a rolling window has no time zone",
    "parties": "an SLO is nobody's promise to anybody",
}
