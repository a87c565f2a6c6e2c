"""An agreement in the style of two TM Forum interfaces, and what of it has no place there. Pure: writes no file format.

The resources and their attributes are those of TMF623 SLA Management (SLA: validFor, relatedParty, rule, template) and of TMF657 Service
Quality Management v4 (ServiceLevelSpecification, ServiceLevelObjective). Neither is a claim of conformance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

from services.agreements.remark import Remark, Tree, lost, shown
from services.agreements.terms import Composite, Objective, Terms, explain, to_document
from services.vocabulary.period import instant_text, parse_zone, start_of_day
from services.vocabulary.ratio import trimmed_percent

_PROMISE = "Promise: "
_NO_PLACE = "the resource has no attribute for it"
_DECIMALS = 2


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """Which terms of which agreement; `last_day` None: open-ended."""

    agreement_id: str
    number: int
    digest: str
    terms: Terms
    last_day: date | None

    @property
    def href(self) -> str:
        return f"/v1/agreements/{self.agreement_id}"

    @property
    def version_href(self) -> str:
        return f"{self.href}/versions/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Exported:
    document: Tree
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, kw_only=True)
class _Promise:
    """An objective with its indicator's kind and the sentences that explain it: how it is measured, and what a breach costs."""

    objective: Objective
    kind: str
    measured: str
    cost: str


def to_tmf623(agreed: Agreed) -> Exported:
    """One SLA. A rule is kept while `metric` is at or above (`.ge`), or above (`.gt`), its `referenceValue`."""
    terms = agreed.terms
    document: Tree = {
        "id": agreed.agreement_id,
        "href": agreed.href,
        "name": terms.title,
        "description": _description(terms),
        "version": str(agreed.number),
        "validFor": _valid_for(agreed),
        "relatedParty": [*_parties(terms)],
        "rule": [_rule(promise) for promise in _promises(terms)],
        "template": {"href": agreed.version_href, "name": terms.title, "description": f"terms of SHA-256 {agreed.digest}"},
        "@type": "SLA",
    }
    return Exported(document=document, remarks=(*_unplaced(terms, _PLACED_623), *_of_objectives(terms, _RULE)))


def to_tmf657(agreed: Agreed) -> Exported:
    """A ServiceLevelSpecification and its ServiceLevelObjectives."""
    terms = agreed.terms
    objectives = [_objective(promise, agreed) for promise in _promises(terms)]
    related = [{"id": each["id"], "name": each["name"], "@referredType": "ServiceLevelObjective"} for each in objectives]
    specification: Tree = {
        "id": agreed.agreement_id,
        "href": agreed.version_href,
        "name": terms.title,
        "description": _description(terms),
        "validFor": _valid_for(agreed),
        "relatedServiceLevelObjective": related,
        "@type": "ServiceLevelSpecification",
    }
    document: Tree = {"serviceLevelSpecification": specification, "serviceLevelObjective": objectives}
    return Exported(document=document, remarks=(*_unplaced(terms, _PLACED_657), *_of_objectives(terms, _OBJECTIVE)))


def _description(terms: Terms) -> str:
    return " ".join(next(section.sentences for section in explain(terms)))


def _valid_for(agreed: Agreed) -> dict[str, Tree]:
    """From the first midnight to the one after the last day, in UTC."""
    zone = parse_zone(agreed.terms.zone)
    begins = {"startDateTime": instant_text(start_of_day(agreed.terms.effective_on, zone))}
    if agreed.last_day is None:
        return {**begins}
    return {**begins, "endDateTime": instant_text(start_of_day(agreed.last_day + timedelta(days=1), zone))}


def _parties(terms: Terms) -> Iterator[Tree]:
    roles = {"provider": "SLAProvider", "customer": "SLAConsumer"}
    for party in terms.parties:
        yield {"id": party.organisation, "name": party.name, "role": roles[party.role], "@referredType": "Organization"}
    for auditor in terms.auditors:
        yield {"id": auditor, "role": "SLAAuditor", "@referredType": "Organization"}


def _promises(terms: Terms) -> Iterator[_Promise]:
    sections = (section for section in explain(terms) if section.title.startswith(_PROMISE))
    for objective, kind, section in zip(terms.objectives, _kinds(terms), sections, strict=True):
        *measured, cost = section.sentences
        yield _Promise(objective=objective, kind=kind, measured=" ".join(measured), cost=cost)


def _kinds(terms: Terms) -> Iterator[str]:
    told = to_document(terms)["objectives"]
    assert isinstance(told, list), "objectives are a list"
    for each in told:
        assert isinstance(each, dict), "an objective is a mapping"
        indicator = each["indicator"]
        assert isinstance(indicator, dict), "an indicator is a mapping"
        yield str(indicator["kind"])


def _rule(promise: _Promise) -> Tree:
    objective = promise.objective
    return {
        "id": objective.id,
        "metric": promise.kind,
        "unit": "percent",
        "referenceValue": trimmed_percent(objective.target),
        "operator": ".gt" if objective.comparison == ">" else ".ge",
        "tolerance": "0",
        "consequence": promise.cost,
    }


def _objective(promise: _Promise, agreed: Agreed) -> dict[str, Tree]:
    objective, terms = promise.objective, agreed.terms
    valid_for = _valid_for(agreed)
    warning = {} if isinstance(objective.indicator, Composite) else {"thresholdTarget": _warned_at(objective, terms)}
    return {
        "id": f"{agreed.agreement_id}:{objective.id}",
        "name": objective.name,
        "validFor": valid_for,
        "conformanceTarget": trimmed_percent(objective.target),
        "conformanceComparator": "at or below" if objective.comparison == ">" else "below",
        **warning,
        "toleranceTarget": "0",
        "serviceLevelObjectiveParameter": _parameter(promise, terms),
        "serviceLevelObjectiveConsequence": [{"prescribedAction": promise.cost, "validFor": valid_for}],
        "@type": "ServiceLevelObjective",
    }


def _parameter(promise: _Promise, terms: Terms) -> Tree:
    objective = promise.objective
    services = [service for service in terms.services if service.id == objective.service]
    return {
        "name": promise.kind,
        "parameterType": "KQI",
        "serviceParmCategory": "service specific",
        "serviceParmPerspective": "aggregation",
        "transformationAlgorithmOfKQI": promise.measured,
        "relatedEntity": [{"id": each.id, "name": each.name, "role": "measured", "@referredType": "Service"} for each in services],
    }


def _warned_at(objective: Objective, terms: Terms) -> str:
    """The attainment at which so much of the error budget is spent."""
    return _exact_percent(1 - terms.warn_at * (1 - objective.target))


def _exact_percent(ratio: Fraction) -> str:
    """Of what was made of decimals by multiplying; longer than a target's, and exact."""
    with localcontext(prec=60):
        return f"{(Decimal(100 * ratio.numerator) / Decimal(ratio.denominator)).normalize():f}"


# ------------------------------------------------------------------------------------------------------------- what has no place

_RULE = {"service": "a rule names no service", "indicator": "a rule names a metric, not how it is measured"}
_OBJECTIVE = {"indicator": "it is told in words, as transformationAlgorithmOfKQI"}
_PLACED_623 = frozenset({"upheld", "title", "effective_on", "ends_on", "parties", "auditors", "objectives"})
_PLACED_657 = frozenset({"upheld", "title", "effective_on", "ends_on", "objectives", "warn_at_percent"})


def _unplaced(terms: Terms, placed: frozenset[str]) -> Iterator[Remark]:
    told = to_document(terms)
    for place in sorted(told.keys() - placed - {"period", "services"}):
        if told[place] != []:
            yield lost(place, _summary(told[place]), _NO_PLACE)
    yield lost("period", _summary(told.get("period", "month")), "validFor is one span of time; how often it is judged has no attribute")
    for party in terms.parties:
        if "parties" in placed and party.contacts:
            yield lost(f"parties[{party.role}].contacts", ", ".join(each.name for each in party.contacts), _NO_PLACE)
        if "parties" in placed and party.responsibilities:
            yield lost(f"parties[{party.role}].responsibilities", "as data", "they are told in words, in the description")
    for service in terms.services:
        if names := ", ".join(component.id for component in service.components):
            yield lost(f"services[{service.id}].components", names, _NO_PLACE)


def _of_objectives(terms: Terms, whys: Mapping[str, str]) -> Iterator[Remark]:
    for objective in terms.objectives:
        place = f"objectives[{objective.id}]"
        if objective.service and "service" in whys:
            yield lost(f"{place}.service", objective.service, whys["service"])
        yield lost(f"{place}.indicator", "how it is measured, as data", whys["indicator"])
        if objective.credits or objective.relief:
            yield lost(f"{place}.{'credits' if objective.credits else 'relief'}", "as data", "what a breach costs is told in words")
        if objective.clause:
            yield lost(f"{place}.clause", objective.clause, _NO_PLACE)
        if objective.decimals != _DECIMALS:
            yield lost(f"{place}.decimals", str(objective.decimals), _NO_PLACE)


def _summary(node: Tree) -> str:
    return f"{len(node)} of them" if isinstance(node, list) and len(node) > 1 else shown(node)
