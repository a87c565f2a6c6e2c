"""Who may do what with agreements, by role. Which agreements a caller sees, and for which side it acts, is decided with the agreement."""

from __future__ import annotations

from collections.abc import Mapping

from services.chassis.log_doors import PERMISSIONS as LOG_PERMISSIONS
from services.vocabulary.identity import Role

READERS = frozenset(Role)
NEGOTIATORS = frozenset({Role.SERVICE_MANAGER})
SIGNATORIES = frozenset({Role.SIGNATORY})
EXAMINERS = frozenset({Role.ADMINISTRATOR, Role.SERVICE_MANAGER, Role.AUDITOR})
PARTY_PEOPLE = NEGOTIATORS | SIGNATORIES
KEY_KEEPERS = frozenset({Role.SIGNATORY, Role.ADMINISTRATOR})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    **LOG_PERMISSIONS,
    "draft_agreement": NEGOTIATORS,
    "revise_draft": NEGOTIATORS,
    "propose_agreement": NEGOTIATORS,
    "withdraw_proposal": NEGOTIATORS,
    "counter_offer": NEGOTIATORS,
    "comment_on_terms": PARTY_PEOPLE,
    "sign_agreement": SIGNATORIES,
    "register_key": SIGNATORIES,
    "rotate_key": SIGNATORIES,
    "revoke_key": KEY_KEEPERS,
    "list_keys": READERS,
    "propose_amendment": NEGOTIATORS,
    "terminate_agreement": NEGOTIATORS,
    "give_notice": PARTY_PEOPLE,
    "request_suspension": PARTY_PEOPLE,
    "request_resumption": PARTY_PEOPLE,
    "answer_request": PARTY_PEOPLE,
    "record_review": NEGOTIATORS,
    "archive_agreement": NEGOTIATORS,
    "validate_terms": READERS,
    "export_agreement": READERS,
    "import_terms": READERS,
    "get_agreement": READERS,
    "list_agreements": READERS,
    "get_history": READERS,
    "get_version": READERS,
    "diff_terms": READERS,
    "check_chain": READERS,
    "get_receipt": READERS,
    "get_receipts": READERS,
    "get_consistency": READERS,
    "get_state_at": READERS,
    "diff_states": READERS,
    "search_history": READERS,
    "list_reads": EXAMINERS,
    "export_bundle": READERS,
    "get_terms_in_force": READERS,
}
