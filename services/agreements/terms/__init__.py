"""The terms of an agreement: what both parties sign. Pure: reads no clock, opens no store, knows no file format."""

from services.agreements.terms.canonical import canonical_json, digest, stored_terms, to_document
from services.agreements.terms.difference import Change, difference
from services.agreements.terms.fields import Node, duration_text
from services.agreements.terms.model import (
    Availability,
    Component,
    Contact,
    Credit,
    CreditTier,
    Indicator,
    MaintenanceWindow,
    Objective,
    Party,
    PartyRole,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Service,
    Terms,
)
from services.agreements.terms.reading import GRAMMAR, parse_terms

__all__ = [
    "GRAMMAR",
    "Availability",
    "Change",
    "Component",
    "Contact",
    "Credit",
    "CreditTier",
    "Indicator",
    "MaintenanceWindow",
    "Node",
    "Objective",
    "Party",
    "PartyRole",
    "RequestRatio",
    "ResolutionTime",
    "ResponseTime",
    "Service",
    "Terms",
    "canonical_json",
    "difference",
    "digest",
    "duration_text",
    "parse_terms",
    "stored_terms",
    "to_document",
]
