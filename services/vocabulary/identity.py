"""Who asks: organisations, roles and callers. Pure; how a caller proves itself is the chassis' business."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

OrganisationId = NewType("OrganisationId", str)
"""A party, a tenant: the organisation a token speaks for."""


class Role(StrEnum):
    """What a caller may do inside its organisation. `service` is for the services of the platform among themselves."""

    ADMINISTRATOR = "administrator"
    SERVICE_MANAGER = "service-manager"
    SIGNATORY = "signatory"
    OPERATOR = "operator"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A proven identity: the person or machine, the organisation it acts for, and its roles there."""

    subject: str
    organisation: OrganisationId
    roles: frozenset[Role]

    @property
    def is_service(self) -> bool:
        """One of the platform's own services: sees every organisation's things, and signs nothing."""
        return Role.SERVICE in self.roles

    def has_any(self, roles: Iterable[Role]) -> bool:
        return not self.roles.isdisjoint(roles)

    def speaks_for_any(self, organisations: Iterable[str]) -> bool:
        """Visibility: an agreement is seen by its parties and its named auditors, and by the platform's services."""
        return self.is_service or self.organisation in set(organisations)
