"""The terms as values. Pure: holds what was agreed, judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from services.vocabulary.identity import OrganisationId
from services.vocabulary.money import Money, Rounding
from services.vocabulary.period import Instant

PartyRole = Literal["provider", "customer"]
Combine = Literal["any", "all"]
NoData = Literal["undetermined", "up", "down", "exclude"]
Reopened = Literal["first-resolution", "runs-on"]
Comparison = Literal[">=", ">"]


@dataclass(frozen=True, kw_only=True)
class Contact:
    name: str
    email: str
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class Party:
    """One of the two sides; `organisation` is the id that its people's tokens carry."""

    role: PartyRole
    organisation: OrganisationId
    name: str
    contacts: tuple[Contact, ...] = ()
    responsibilities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Component:
    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Service:
    id: str
    name: str
    components: tuple[Component, ...]


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Eligible time not down over eligible time; `any`: down while any component is down, `all`: only while all are."""

    components: tuple[str, ...]
    combine: Combine = "any"
    no_data: NoData = "undetermined"


@dataclass(frozen=True, kw_only=True)
class RequestRatio:
    """Good requests over all requests, pooled over the period."""

    components: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ResponseTime:
    """Requests answered within the threshold (inclusive) over all requests.

    A silence longer than `expected_every_s` is a gap in the data; 0: not checked.
    """

    components: tuple[str, ...]
    threshold_ms: Decimal
    expected_every_s: int = 0


@dataclass(frozen=True, kw_only=True)
class ResolutionTime:
    """Tickets resolved within elapsed time over tickets due; no priorities: every priority."""

    within_s: int
    priorities: tuple[str, ...] = ()
    reopened: Reopened = "first-resolution"


Indicator: TypeAlias = Availability | RequestRatio | ResponseTime | ResolutionTime


@dataclass(frozen=True, kw_only=True)
class CreditTier:
    """Applies while attainment is strictly below `below`; `percent` is the share of the monthly charge. Both are ratios."""

    below: Fraction
    percent: Fraction


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A promise: the indicator, what it must come to, and what a breach costs. `target` is a ratio: 999/1000 for 99.9 %."""

    id: str
    name: str
    service: str
    indicator: Indicator
    target: Fraction
    comparison: Comparison = ">="
    decimals: int = 2
    credits: tuple[CreditTier, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MaintenanceWindow:
    """Planned work that was agreed, [start, end); no components: all of the service."""

    id: str
    service: str
    components: tuple[str, ...]
    start: Instant
    end: Instant
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Credit:
    """What the tiers' percentages are of, and the most that one month can cost."""

    monthly_charge: Money
    cap: Fraction = Fraction(1)
    rounding: Rounding = "half-even"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Everything both parties sign. Days are civil days in `zone`; `ends_on` is the last one, inclusive, None when open-ended."""

    title: str
    zone: str
    effective_on: date
    ends_on: date | None
    parties: tuple[Party, ...]
    auditors: tuple[OrganisationId, ...]
    services: tuple[Service, ...]
    maintenance: tuple[MaintenanceWindow, ...]
    objectives: tuple[Objective, ...]
    credit: Credit | None
    close_after_days: int
    warn_at: Fraction

    @property
    def provider(self) -> OrganisationId:
        return self._organisation_of("provider")

    @property
    def customer(self) -> OrganisationId:
        return self._organisation_of("customer")

    @property
    def readers(self) -> frozenset[OrganisationId]:
        """The organisations that may see the agreement."""
        return frozenset((self.provider, self.customer, *self.auditors))

    def role_of(self, organisation: str) -> PartyRole | None:
        """The side an organisation is on, None for everybody else."""
        return next((party.role for party in self.parties if party.organisation == organisation), None)

    def _organisation_of(self, role: PartyRole) -> OrganisationId:
        return next(party.organisation for party in self.parties if party.role == role)
