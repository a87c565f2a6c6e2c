"""Which roles may do what here. Which organisation may is the rules' business."""

from __future__ import annotations

from collections.abc import Mapping

from services.chassis.log_doors import PERMISSIONS as LOG_PERMISSIONS
from services.vocabulary.identity import Role

_EVERYBODY = frozenset(Role)
_SERVICE_MANAGER = frozenset({Role.SERVICE_MANAGER})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    **LOG_PERMISSIONS,
    "list_improvements": _EVERYBODY,
    "get_improvement": _EVERYBODY,
    "get_improvement_history": _EVERYBODY,
    "plan_improvement": _SERVICE_MANAGER,
    "approve_improvement": _SERVICE_MANAGER,
    "record_implementation": _SERVICE_MANAGER,
    "verify_improvement": _SERVICE_MANAGER,
}
