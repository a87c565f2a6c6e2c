"""What happened to agreements: the closed list of their facts and its names. Pure: decides nothing.

`document` is the canonical JSON of the terms, the bytes that `digest` is of. Days are civil days in the agreement's zone, first and last
ones inclusive; `provider` is whose tenant hears of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from services.agreements.terms import PartyRole
from services.vocabulary.identity import OrganisationId

RequestKind = Literal["suspension", "resumption"]


@dataclass(frozen=True, kw_only=True)
class Drafted:
    document: str
    digest: str
    drafted_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Revised:
    document: str
    digest: str
    revised_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """`valid_until` is an RFC 3339 instant; empty: the offer does not end by itself."""

    terms_version: int
    digest: str
    proposed_by: OrganisationId
    valid_until: str


@dataclass(frozen=True, kw_only=True)
class CounterOffered:
    """Takes the place of what waited for signatures, under a number of its own."""

    terms_version: int
    document: str
    digest: str
    effective_on: date
    offered_by: OrganisationId
    valid_until: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Commented:
    """`place` as in a difference: "objectives[uptime].target"."""

    terms_version: int
    place: str
    text: str
    organisation: OrganisationId
    subject: str


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    terms_version: int
    digest: str
    withdrawn_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class OfferExpired:
    terms_version: int
    digest: str
    valid_until: str


@dataclass(frozen=True, kw_only=True)
class Signed:
    """`key` is the verifier key and `note` what was signed, with the signature; both are empty where no key was asked for."""

    terms_version: int
    digest: str
    role: PartyRole
    organisation: OrganisationId
    signatory: str
    key: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Activated:
    terms_version: int
    document: str
    digest: str
    effective_on: date


@dataclass(frozen=True, kw_only=True)
class AmendmentProposed:
    terms_version: int
    document: str
    digest: str
    effective_on: date
    reason: str
    proposed_by: OrganisationId
    valid_until: str


@dataclass(frozen=True, kw_only=True)
class Amended:
    terms_version: int
    document: str
    digest: str
    effective_on: date
    reason: str


@dataclass(frozen=True, kw_only=True)
class Terminated:
    last_day: date
    provider: OrganisationId
    terminated_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Expired:
    last_day: date
    provider: OrganisationId


@dataclass(frozen=True, kw_only=True)
class SuspensionRequested:
    """`last_day` None: until resumed."""

    first_day: date
    last_day: date | None
    organisation: OrganisationId
    reason: str


@dataclass(frozen=True, kw_only=True)
class ResumptionRequested:
    """`first_day` is the first day of the service again."""

    first_day: date
    organisation: OrganisationId
    reason: str


@dataclass(frozen=True, kw_only=True)
class RequestRefused:
    """By the other side, or taken back by the one that asked."""

    kind: RequestKind
    refused_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Suspended:
    """Both sides are agreed on it. `last_day` None: until resumed."""

    first_day: date
    last_day: date | None
    reason: str
    provider: OrganisationId
    confirmed_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The suspension that began on `first_day` has this last day now."""

    first_day: date
    last_day: date
    reason: str
    provider: OrganisationId
    confirmed_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class NoticeGiven:
    """It ends after `last_day` instead of being renewed."""

    last_day: date
    organisation: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Renewed:
    """`last_day` is the new one."""

    last_day: date
    provider: OrganisationId


@dataclass(frozen=True, kw_only=True)
class ReviewDue:
    due_on: date


@dataclass(frozen=True, kw_only=True)
class ReviewHeld:
    due_on: date
    held_on: date
    minutes: str
    organisation: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Archived:
    archived_by: OrganisationId


Fact: TypeAlias = (
    Drafted
    | Revised
    | Proposed
    | CounterOffered
    | Commented
    | Withdrawn
    | OfferExpired
    | Signed
    | Activated
    | AmendmentProposed
    | Amended
    | SuspensionRequested
    | ResumptionRequested
    | RequestRefused
    | Suspended
    | Resumed
    | NoticeGiven
    | Renewed
    | ReviewDue
    | ReviewHeld
    | Terminated
    | Expired
    | Archived
)

FACTS: dict[str, type[Fact]] = {
    "agreement.drafted.v1": Drafted,
    "agreement.revised.v1": Revised,
    "agreement.proposed.v2": Proposed,
    "agreement.counter-offered.v1": CounterOffered,
    "agreement.commented.v1": Commented,
    "agreement.withdrawn.v1": Withdrawn,
    "agreement.offer-expired.v1": OfferExpired,
    "agreement.signed.v2": Signed,
    "agreement.activated.v1": Activated,
    "agreement.amendment-proposed.v2": AmendmentProposed,
    "agreement.amended.v1": Amended,
    "agreement.suspension-requested.v1": SuspensionRequested,
    "agreement.resumption-requested.v1": ResumptionRequested,
    "agreement.request-refused.v1": RequestRefused,
    "agreement.suspended.v1": Suspended,
    "agreement.resumed.v1": Resumed,
    "agreement.notice-given.v1": NoticeGiven,
    "agreement.renewed.v1": Renewed,
    "agreement.review-due.v1": ReviewDue,
    "agreement.review-held.v1": ReviewHeld,
    "agreement.terminated.v1": Terminated,
    "agreement.expired.v1": Expired,
    "agreement.archived.v1": Archived,
}
