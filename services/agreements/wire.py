"""How agreements are spoken of on the wire: values to and from the messages of proto/. Translation only; decides nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import assert_never

from upheld.agreements.v1 import agreements_pb2, terms_pb2

from services.agreements.agreement import Fact, Signature, TermsVersion
from services.agreements.application import Snapshot, TermsInForce
from services.agreements.terms import (
    GRAMMAR,
    Availability,
    Change,
    Credit,
    Indicator,
    MaintenanceWindow,
    Node,
    Objective,
    Party,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    Terms,
    duration_text,
    parse_terms,
)
from services.chassis.events import Recorded
from services.vocabulary.period import instant_text
from services.vocabulary.ratio import trimmed_percent


def terms_message(terms: Terms) -> terms_pb2.Terms:
    """The terms as other services and the calculator read them."""
    return terms_pb2.Terms(
        title=terms.title,
        zone=terms.zone,
        effective_on=terms.effective_on.isoformat(),
        ends_on=terms.ends_on.isoformat() if terms.ends_on else "",
        parties=[_party_message(party) for party in terms.parties],
        auditors=terms.auditors,
        services=[_service_message(service) for service in terms.services],
        objectives=[_objective_message(objective) for objective in terms.objectives],
        maintenance=[_maintenance_message(window) for window in terms.maintenance],
        credit=_credit_message(terms.credit) if terms.credit else None,
        close_after_days=terms.close_after_days,
        warn_at_percent=trimmed_percent(terms.warn_at),
    )


def terms_of(message: terms_pb2.Terms) -> Terms:
    """The inverse of `terms_message`; refuses with `Invalid` a message that is no valid terms."""
    return parse_terms(document_of(message))


def document_of(message: terms_pb2.Terms) -> dict[str, Node]:
    """The terms document that says the same as a message."""
    document: dict[str, Node] = {
        "upheld": GRAMMAR,
        "title": message.title,
        "zone": message.zone,
        "effective_on": message.effective_on,
        "ends_on": message.ends_on or None,
        "parties": [_party_document(party) for party in message.parties],
        "auditors": list(message.auditors),
        "services": [
            {"id": each.id, "name": each.name, "components": [{"id": part.id, "name": part.name} for part in each.components]}
            for each in message.services
        ],
        "maintenance": [_maintenance_document(window) for window in message.maintenance],
        "objectives": [_objective_document(objective) for objective in message.objectives],
        "close_after_days": message.close_after_days,
        "warn_at_percent": message.warn_at_percent or None,
    }
    if message.HasField("credit"):
        document["credit"] = {
            "currency": message.credit.currency,
            "monthly_charge": message.credit.monthly_charge,
            "cap_percent": message.credit.cap_percent or None,
            "rounding": message.credit.rounding or None,
        }
    return document


def agreement_message(snapshot: Snapshot) -> agreements_pb2.Agreement:
    return agreements_pb2.Agreement(
        id=str(snapshot.id),
        status=snapshot.status,
        version=snapshot.version,
        terms=version_message(snapshot.terms) if snapshot.terms else None,
        pending=version_message(snapshot.pending) if snapshot.pending else None,
        signatures=[_signature_message(signature) for signature in snapshot.signatures],
        last_day=snapshot.last_day.isoformat() if snapshot.last_day else "",
    )


def version_message(version: TermsVersion) -> agreements_pb2.TermsVersion:
    return agreements_pb2.TermsVersion(
        number=version.number,
        terms=terms_message(version.terms),
        digest=version.digest,
        effective_on=version.effective_on.isoformat(),
        recorded_at=version.recorded_at,
    )


def terms_in_force_message(terms: TermsInForce) -> agreements_pb2.GetTermsInForceResponse:
    return agreements_pb2.GetTermsInForceResponse(
        versions=[version_message(version) for version in terms.versions],
        last_day=terms.last_day.isoformat() if terms.last_day else "",
    )


def history_message(entries: Sequence[Recorded[Fact]]) -> agreements_pb2.GetHistoryResponse:
    return agreements_pb2.GetHistoryResponse(entries=[_entry_message(entry) for entry in entries])


def changes_message(changes: Sequence[Change]) -> agreements_pb2.DiffTermsResponse:
    return agreements_pb2.DiffTermsResponse(
        changes=[
            agreements_pb2.Change(place=change.place, before_json=_json(change.before), after_json=_json(change.after))
            for change in changes
        ]
    )


def fact_data(fact: Fact) -> dict[str, object]:
    """What a history shows of a fact: its fields, the terms document as a document and not as a text in a text."""
    data: dict[str, object] = {name: getattr(fact, name) for name in (field.name for field in dataclasses.fields(fact))}
    if isinstance(document := data.get("document"), str):
        data["document"] = json.loads(document)
    return {name: value if isinstance(value, str | int | dict) else str(value) for name, value in data.items()}


def _entry_message(entry: Recorded[Fact]) -> agreements_pb2.HistoryEntry:
    metadata = entry.metadata
    return agreements_pb2.HistoryEntry(
        version=entry.version,
        type=entry.type,
        event_id=metadata.event_id,
        recorded_at=metadata.recorded_at,
        actor=metadata.actor,
        organisation=metadata.organisation,
        reason=metadata.reason,
        correlation_id=metadata.correlation_id,
        causation_id=metadata.causation_id,
        data_json=_json(fact_data(entry.event)),
    )


def _json(value: object) -> str:
    return "" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _signature_message(signature: Signature) -> agreements_pb2.Signature:
    return agreements_pb2.Signature(
        terms_version=signature.terms_version,
        role=signature.role,
        organisation=signature.organisation,
        signatory=signature.signatory,
        signed_at=signature.signed_at,
        digest=signature.digest,
    )


def _party_message(party: Party) -> terms_pb2.Party:
    return terms_pb2.Party(
        role=party.role,
        organisation=party.organisation,
        name=party.name,
        contacts=[terms_pb2.Contact(name=each.name, email=each.email, role=each.role) for each in party.contacts],
        responsibilities=party.responsibilities,
    )


def _party_document(party: terms_pb2.Party) -> Node:
    return {
        "role": party.role,
        "organisation": party.organisation,
        "name": party.name,
        "contacts": [{"name": each.name, "email": each.email, "role": each.role or None} for each in party.contacts],
        "responsibilities": list(party.responsibilities),
    }


def _service_message(service: Service) -> terms_pb2.Service:
    return terms_pb2.Service(
        id=service.id, name=service.name, components=[terms_pb2.Component(id=each.id, name=each.name) for each in service.components]
    )


def _maintenance_message(window: MaintenanceWindow) -> terms_pb2.MaintenanceWindow:
    return terms_pb2.MaintenanceWindow(
        id=window.id,
        service=window.service,
        components=window.components,
        start=instant_text(window.start),
        end=instant_text(window.end),
        reason=window.reason,
    )


def _maintenance_document(window: terms_pb2.MaintenanceWindow) -> Node:
    return {
        "id": window.id,
        "service": window.service,
        "components": list(window.components),
        "start": window.start,
        "end": window.end,
        "reason": window.reason or None,
    }


def _credit_message(credit: Credit) -> terms_pb2.Credit:
    return terms_pb2.Credit(
        currency=credit.monthly_charge.currency,
        monthly_charge=str(credit.monthly_charge),
        cap_percent=trimmed_percent(credit.cap),
        rounding=credit.rounding,
    )


def _objective_message(objective: Objective) -> terms_pb2.Objective:
    return terms_pb2.Objective(
        id=objective.id,
        name=objective.name,
        service=objective.service,
        indicator=_indicator_message(objective.indicator),
        comparison=objective.comparison,
        target_percent=trimmed_percent(objective.target),
        decimals=objective.decimals,
        credits=[
            terms_pb2.CreditTier(below_percent=trimmed_percent(tier.below), credit_percent=trimmed_percent(tier.percent))
            for tier in objective.credits
        ],
    )


def _objective_document(objective: terms_pb2.Objective) -> Node:
    return {
        "id": objective.id,
        "name": objective.name,
        "service": objective.service,
        "indicator": _indicator_document(objective.indicator),
        "comparison": objective.comparison or None,
        "target": objective.target_percent,
        "decimals": objective.decimals,
        "credits": [{"below": tier.below_percent, "percent": tier.credit_percent} for tier in objective.credits],
    }


def _indicator_message(indicator: Indicator) -> terms_pb2.Indicator:
    match indicator:
        case Availability():
            availability = terms_pb2.Availability(components=indicator.components, combine=indicator.combine, no_data=indicator.no_data)
            return terms_pb2.Indicator(availability=availability)
        case RequestRatio():
            return terms_pb2.Indicator(request_ratio=terms_pb2.RequestRatio(components=indicator.components))
        case ResponseTime():
            response_time = terms_pb2.ResponseTime(
                components=indicator.components,
                threshold_ms=f"{indicator.threshold_ms.normalize():f}",
                expected_every_s=indicator.expected_every_s,
            )
            return terms_pb2.Indicator(response_time=response_time)
        case ResolutionTime():
            resolution_time = terms_pb2.ResolutionTime(
                within_s=indicator.within_s, priorities=indicator.priorities, reopened=indicator.reopened
            )
            return terms_pb2.Indicator(resolution_time=resolution_time)
        case _:
            assert_never(indicator)


def _indicator_document(indicator: terms_pb2.Indicator) -> Node:
    match indicator.WhichOneof("kind"):
        case "availability":
            availability = indicator.availability
            return {
                "kind": "availability",
                "components": list(availability.components),
                "combine": availability.combine or None,
                "no_data": availability.no_data or None,
            }
        case "request_ratio":
            return {"kind": "request-ratio", "components": list(indicator.request_ratio.components)}
        case "response_time":
            response_time = indicator.response_time
            every_s = response_time.expected_every_s
            return {
                "kind": "response-time",
                "components": list(response_time.components),
                "threshold_ms": response_time.threshold_ms,
                "expected_every": duration_text(every_s) if every_s else None,
            }
        case "resolution_time":
            resolution_time = indicator.resolution_time
            return {
                "kind": "resolution-time",
                "within": duration_text(resolution_time.within_s),
                "priorities": list(resolution_time.priorities),
                "reopened": resolution_time.reopened or None,
            }
        case None:
            return None
        case kind:
            assert_never(kind)
