"""Which roles may do what here. Which organisation may see what is the views' business."""

from __future__ import annotations

from collections.abc import Mapping

from services.chassis.identity import PUBLIC
from services.chassis.log_doors import PERMISSIONS as LOG_PERMISSIONS
from services.vocabulary.identity import Role

_EVERYBODY = frozenset(Role)

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    **LOG_PERMISSIONS,
    "list_reports": _EVERYBODY,
    "get_report": _EVERYBODY,
    "get_report_page": _EVERYBODY,
    "portal_home": _EVERYBODY,
    "portal_agreement": _EVERYBODY,
    "portal_report": _EVERYBODY,
    "portal_history": _EVERYBODY,
    "portal_history_event": _EVERYBODY,
    "enter_portal": PUBLIC,
    "open_portal_session": PUBLIC,
    "leave_portal": PUBLIC,
    "portal_static": PUBLIC,
}
