"""Who may do what with observations and assessments, by role. Which agreements a caller sees is decided with the agreement."""

from __future__ import annotations

from collections.abc import Mapping

from services.chassis.log_doors import PERMISSIONS as LOG_PERMISSIONS
from services.vocabulary.identity import Role

READERS = frozenset(Role)
REPORTERS = frozenset({Role.OPERATOR, Role.SERVICE})
CLOSERS = frozenset({Role.SERVICE_MANAGER, Role.SERVICE})
PARTIES = frozenset({Role.SERVICE_MANAGER})
PREVIEWERS = frozenset({Role.SERVICE_MANAGER, Role.AUDITOR})
SETTLERS = frozenset({Role.AUDITOR})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    **LOG_PERMISSIONS,
    "report_observations": REPORTERS,
    "list_observations": READERS,
    "list_assessments": READERS,
    "get_assessment": READERS,
    "close_period": CLOSERS,
    "measure_span": READERS,
    "claim_exclusion": PARTIES,
    "list_exclusions": READERS,
    "approve_exclusion": PARTIES,
    "refuse_exclusion": PARTIES,
    "withdraw_exclusion": PARTIES,
    "list_disputes": READERS,
    "settle_dispute": SETTLERS,
    "explain_assessment": READERS,
    "get_timeline": READERS,
    "get_outlook": READERS,
    "export_bundle_part": READERS,
    "preview_change": PREVIEWERS,
    "simulate_terms": PREVIEWERS,
}
