"""The one written form of terms: what a signature names and what the log keeps. Pure.

Canonical JSON is UTF-8 with sorted keys, no blanks, every default filled, percentages without trailing zeros, amounts with the
currency's decimals, instants in UTC. Two documents that agree the same have the same digest, in whatever format they were written.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import assert_never

from services.agreements.terms.fields import Faults, Node, duration_text
from services.agreements.terms.model import (
    Availability,
    Indicator,
    MaintenanceWindow,
    Objective,
    Party,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    Terms,
)
from services.agreements.terms.reading import GRAMMAR, read_terms
from services.vocabulary.period import instant_text
from services.vocabulary.ratio import trimmed_percent


def canonical_json(terms: Terms) -> str:
    return json.dumps(to_document(terms), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(terms: Terms) -> str:
    """SHA-256 of the canonical JSON, in lower-case hexadecimal."""
    return hashlib.sha256(canonical_json(terms).encode()).hexdigest()


@lru_cache(maxsize=1024)
def stored_terms(canonical: str) -> Terms:
    """The terms that `canonical_json` wrote, by the grammar alone: a rule added later cannot make a signed document unreadable."""
    faults = Faults()
    terms = read_terms(json.loads(canonical), faults)
    assert not faults.violations, f"stored terms follow their grammar: {faults.violations}"
    return terms


def to_document(terms: Terms) -> dict[str, Node]:
    """A plain document that reads as the same terms; what is absent has no key."""
    document: dict[str, Node] = {
        "upheld": GRAMMAR,
        "title": terms.title,
        "zone": terms.zone,
        "effective_on": terms.effective_on.isoformat(),
        "parties": [_party(party) for party in terms.parties],
        "auditors": list(terms.auditors),
        "services": [_service(service) for service in terms.services],
        "maintenance": [_maintenance(window) for window in terms.maintenance],
        "objectives": [_objective(objective) for objective in terms.objectives],
        "close_after_days": terms.close_after_days,
        "warn_at_percent": trimmed_percent(terms.warn_at),
    }
    if terms.ends_on:
        document["ends_on"] = terms.ends_on.isoformat()
    if terms.credit:
        document["credit"] = {
            "currency": terms.credit.monthly_charge.currency,
            "monthly_charge": str(terms.credit.monthly_charge),
            "cap_percent": trimmed_percent(terms.credit.cap),
            "rounding": terms.credit.rounding,
        }
    return document


def _party(party: Party) -> Node:
    return {
        "role": party.role,
        "organisation": party.organisation,
        "name": party.name,
        "contacts": [_without_empty({"name": each.name, "email": each.email, "role": each.role}) for each in party.contacts],
        "responsibilities": list(party.responsibilities),
    }


def _service(service: Service) -> Node:
    return {"id": service.id, "name": service.name, "components": [{"id": each.id, "name": each.name} for each in service.components]}


def _maintenance(window: MaintenanceWindow) -> Node:
    return _without_empty(
        {
            "id": window.id,
            "service": window.service,
            "components": list(window.components),
            "start": instant_text(window.start),
            "end": instant_text(window.end),
            "reason": window.reason,
        }
    )


def _objective(objective: Objective) -> Node:
    return {
        "id": objective.id,
        "name": objective.name,
        "service": objective.service,
        "indicator": _indicator(objective.indicator),
        "target": trimmed_percent(objective.target),
        "comparison": objective.comparison,
        "decimals": objective.decimals,
        "credits": [{"below": trimmed_percent(tier.below), "percent": trimmed_percent(tier.percent)} for tier in objective.credits],
    }


def _indicator(indicator: Indicator) -> Node:
    match indicator:
        case Availability():
            return {
                "kind": "availability",
                "components": list(indicator.components),
                "combine": indicator.combine,
                "no_data": indicator.no_data,
            }
        case RequestRatio():
            return {"kind": "request-ratio", "components": list(indicator.components)}
        case ResponseTime():
            every = duration_text(indicator.expected_every_s) if indicator.expected_every_s else ""
            return _without_empty(
                {
                    "kind": "response-time",
                    "components": list(indicator.components),
                    "threshold_ms": f"{indicator.threshold_ms.normalize():f}",
                    "expected_every": every,
                }
            )
        case ResolutionTime():
            return {
                "kind": "resolution-time",
                "within": duration_text(indicator.within_s),
                "priorities": list(indicator.priorities),
                "reopened": indicator.reopened,
            }
        case _:
            assert_never(indicator)


def _without_empty(fields: dict[str, Node]) -> dict[str, Node]:
    return {key: value for key, value in fields.items() if value != ""}
