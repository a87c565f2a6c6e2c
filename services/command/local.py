"""The local issuer of a data folder: who may ask when nobody brought a token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from services.chassis.credentials import is_organisation
from services.chassis.identity import Identity
from services.command.clock_file import clock_of
from services.vocabulary.errors import invalid
from services.vocabulary.identity import OrganisationId, Role

if TYPE_CHECKING:
    from services.chassis.settings import Settings

_LIFETIME = timedelta(minutes=5)


def check_organisation(text: str) -> OrganisationId:
    """Refuses with `Invalid` what no token could carry."""
    if not is_organisation(text):
        raise invalid("organisation", f"must be a slug of a-z, 0-9 and '-', at most 63 long, not {text!r}")
    return OrganisationId(text)


def local_identity(settings: Settings) -> Identity:
    """The issuer whose key lies in the data folder, on that folder's clock."""
    return Identity.open(settings, clock_of(settings.data))


def credential(settings: Settings, organisation: OrganisationId, roles: Sequence[Role], *, subject: str = "command") -> str:
    """A short token for one conversation. Refuses with `Invalid` when neither a token nor an organisation is given."""
    if not organisation:
        raise invalid("--token", "needed: give --token (or UPHELD_TOKEN), or --organisation to let the local issuer make one")
    return local_identity(settings).issue(subject=subject, organisation=check_organisation(organisation), roles=roles, lifetime=_LIFETIME)
