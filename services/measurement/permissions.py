"""Who may do what with observations and assessments, by role. Which agreements a caller sees is decided with the agreement."""

from __future__ import annotations

from collections.abc import Mapping

from services.vocabulary.identity import Role

READERS = frozenset(Role)
REPORTERS = frozenset({Role.OPERATOR, Role.SERVICE})
CLOSERS = frozenset({Role.SERVICE_MANAGER, Role.SERVICE})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "report_observations": REPORTERS,
    "list_assessments": READERS,
    "get_assessment": READERS,
    "close_period": CLOSERS,
    "measure_span": READERS,
}
