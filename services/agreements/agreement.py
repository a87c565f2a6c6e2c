"""What an agreement between a provider and a customer is: its state, and what follows from it for any day. Pure: decides nothing.

Every version of the terms is offered and then signed by both sides, each with a key of one of its people. The first version makes the
agreement, each later one amends it from its own effective date on, which may lie in the past when both sign it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.agreements.facts import NoticeGiven, RequestKind
from services.agreements.refusals import VersionNotFound
from services.agreements.terms import PartyRole, Terms
from services.vocabulary.identity import OrganisationId

Stage = Literal["draft", "proposed", "active", "terminated", "expired", "archived"]
"""How far its history has come; "active": signed by both and not ended."""

Status = Literal["draft", "proposed", "agreed", "active", "suspended", "terminated", "expired", "archived"]
"""What it is on a day: a stage, told apart by the first day and by suspensions while it is "active"."""

STATUSES: tuple[Status, ...] = ("draft", "proposed", "agreed", "active", "suspended", "terminated", "expired", "archived")


@dataclass(frozen=True, kw_only=True)
class TermsVersion:
    """One version of the terms; `recorded_at` is when the second party had signed it, empty until then.

    `valid_until` is an instant, empty: the offer does not end by itself. `offered_by` is empty for a draft.
    """

    number: int
    terms: Terms
    digest: str
    effective_on: date
    reason: str = ""
    recorded_at: str = ""
    valid_until: str = ""
    offered_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """`key` and `note` as in `Signed`."""

    terms_version: int
    role: PartyRole
    organisation: OrganisationId
    signatory: str
    signed_at: str
    digest: str
    key: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Comment:
    """On a place of one version of the terms, named as in a difference."""

    terms_version: int
    place: str
    text: str
    organisation: OrganisationId
    subject: str
    recorded_at: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one side asks of the other. `first_day`: of the suspension, or of the service again; `last_day` None: until resumed."""

    kind: RequestKind
    first_day: date
    last_day: date | None
    organisation: OrganisationId
    reason: str


@dataclass(frozen=True, kw_only=True)
class Suspension:
    """Both inclusive; `last_day` None: until resumed. `recorded_at` is when both sides had last agreed on it."""

    first_day: date
    last_day: date | None
    reason: str
    recorded_at: str

    def has(self, day: date) -> bool:
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)

    def touches(self, first: date, last: date | None) -> bool:
        """Whether it has a day of [first, last]; None: without end."""
        return (last is None or self.first_day <= last) and (self.last_day is None or self.last_day >= first)


@dataclass(frozen=True, kw_only=True)
class Review:
    """`held_on` None: due, not held. `organisation` is whose minutes these are."""

    due_on: date
    held_on: date | None = None
    minutes: str = ""
    organisation: str = ""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`status` is how far it has come. `pending`: offered, not yet signed by both; `signed`: in order of signing.

    `offered` is every version ever offered, in order. `notice` keeps it from being renewed, `renewed_until` is the last day that renewals
    have led to. `reviews` are by due date.
    """

    status: Stage
    draft: TermsVersion
    pending: TermsVersion | None = None
    signed: tuple[TermsVersion, ...] = ()
    offered: tuple[TermsVersion, ...] = ()
    signatures: tuple[Signature, ...] = ()
    comments: tuple[Comment, ...] = ()
    request: Request | None = None
    suspensions: tuple[Suspension, ...] = ()
    notice: NoticeGiven | None = None
    reviews: tuple[Review, ...] = ()
    renewed_until: date | None = None
    ended_on: date | None = None

    @property
    def newest(self) -> TermsVersion:
        """The last version signed by both, or the draft while there is none: says who the parties are."""
        return self.signed[-1] if self.signed else self.draft

    @property
    def next_number(self) -> int:
        """Of the next offer: no number is used twice, whatever became of the offer."""
        return max((version.number for version in (*self.offered, *self.signed)), default=0) + 1

    @property
    def readers(self) -> frozenset[OrganisationId]:
        return self.newest.terms.readers

    @property
    def first_day(self) -> date:
        return self.newest.terms.effective_on

    @property
    def last_day(self) -> date | None:
        """The last civil day, inclusive; None for an open end."""
        return self.ended_on or self.renewed_until or self.newest.terms.ends_on

    @property
    def versions_in_force(self) -> tuple[TermsVersion, ...]:
        """By effective date, each in force until the next one's; without those that a later signed one overtook from their start,
        and those that would have begun after the last day."""
        return tuple(
            version
            for index, version in enumerate(self.signed)
            if all(later.effective_on > version.effective_on for later in self.signed[index + 1 :])
            and (self.last_day is None or version.effective_on <= self.last_day)
        )

    def terms_on(self, day: date) -> TermsVersion | None:
        """What was in force on a civil day, by everything signed so far; None outside the term."""
        if not self.is_within_term(day):
            return None
        return next((version for version in reversed(self.versions_in_force) if version.effective_on <= day), None)

    def terms_between(self, first: date, last: date) -> tuple[TermsVersion, ...]:
        """The versions in force on any day of [first, last], both inclusive."""
        versions = self.versions_in_force
        if not versions or last < self.first_day or (self.last_day and first > self.last_day):
            return ()
        following = [version.effective_on for version in versions[1:]]
        return tuple(
            version
            for version, until in zip(versions, [*following, date.max], strict=True)
            if version.effective_on <= last and first < until
        )

    def version(self, number: int) -> TermsVersion:
        """Any version that was ever offered, and the draft before it is. Refuses with `VersionNotFound`."""
        for version in self._versions:
            if version.number == number:
                return version
        raise VersionNotFound(number)

    @property
    def _versions(self) -> Iterator[TermsVersion]:
        """Of two offers that once had the same number the signed one comes first, then the later."""
        yield from self.signed
        yield from reversed(self.offered)
        if not self.signed:
            yield self.draft

    def shown_on(self, day: date) -> TermsVersion:
        """What a reader is shown first: in force on that day, else the nearest version before or after the term, else the draft."""
        versions = self.versions_in_force
        if not versions:
            return self.draft
        return self.terms_on(day) or (versions[0] if day < self.first_day else versions[-1])

    def suspension_on(self, day: date) -> Suspension | None:
        return next((each for each in self.suspensions if each.has(day)), None)

    def status_on(self, day: date) -> Status:
        """The status as of a civil day: one that ended later was not ended then, and one whose term is over by then has expired."""
        if not self.signed:
            return self.status
        if day < self.first_day:
            return "agreed"
        if self.last_day is None or day <= self.last_day:
            return "suspended" if self.suspension_on(day) else "active"
        return "expired" if self.status == "active" else self.status

    def status_today(self, today: date) -> Status:
        """What it is: what somebody ended has ended, also before its last day; what has to end or to be renewed is told of first."""
        if self.status != "active":
            return self.status
        return self.status_on(min(today, self.last_day) if self.last_day else today)

    def is_within_term(self, day: date) -> bool:
        return bool(self.signed) and self.first_day <= day and (self.last_day is None or day <= self.last_day)
