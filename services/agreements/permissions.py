"""Who may do what with agreements, by role. Which agreements a caller sees, and for which side it acts, is decided with the agreement."""

from __future__ import annotations

from collections.abc import Mapping

from services.vocabulary.identity import Role

READERS = frozenset(Role)
NEGOTIATORS = frozenset({Role.SERVICE_MANAGER})
SIGNATORIES = frozenset({Role.SIGNATORY})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "draft_agreement": NEGOTIATORS,
    "revise_draft": NEGOTIATORS,
    "propose_agreement": NEGOTIATORS,
    "withdraw_proposal": NEGOTIATORS,
    "sign_agreement": SIGNATORIES,
    "propose_amendment": NEGOTIATORS,
    "terminate_agreement": NEGOTIATORS,
    "validate_terms": READERS,
    "export_agreement": READERS,
    "import_terms": READERS,
    "get_agreement": READERS,
    "list_agreements": READERS,
    "get_history": READERS,
    "get_version": READERS,
    "diff_terms": READERS,
    "get_terms_in_force": READERS,
}
