"""An agreement between a provider and a customer: its facts, its state, and what may happen to it. Pure: reads no clock, opens no store.

Every version of the terms is proposed and then signed by both sides, each with a key of one of its people. The first
version activates the agreement, each later one amends it from its own effective date on, which may lie in the past when both sign it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, TypeAlias, assert_never
from uuid import UUID

from services.agreements.keys import Keyring, key_that_signed
from services.agreements.signing import SigningText, check_signed_text, read_note
from services.agreements.terms import PartyRole, Terms, canonical_json, digest, stored_terms
from services.vocabulary.errors import Conflict, Invalid, NotAllowed, NotFound, Violation
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import day_of, instant_of, parse_zone

Status = Literal["draft", "proposed", "active", "terminated", "expired"]
STATUSES: tuple[Status, ...] = ("draft", "proposed", "active", "terminated", "expired")


# ----------------------------------------------------------------------------------------------------------------- facts
# `document` is the canonical JSON of the terms, the bytes that `digest` is of.


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
    terms_version: int
    digest: str
    proposed_by: OrganisationId


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    terms_version: int
    digest: str
    withdrawn_by: OrganisationId


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


Fact: TypeAlias = Drafted | Revised | Proposed | Withdrawn | Signed | Activated | AmendmentProposed | Amended | Terminated | Expired

FACTS: dict[str, type[Fact]] = {
    "agreement.drafted.v1": Drafted,
    "agreement.revised.v1": Revised,
    "agreement.proposed.v1": Proposed,
    "agreement.withdrawn.v1": Withdrawn,
    "agreement.signed.v2": Signed,
    "agreement.activated.v1": Activated,
    "agreement.amendment-proposed.v1": AmendmentProposed,
    "agreement.amended.v1": Amended,
    "agreement.terminated.v1": Terminated,
    "agreement.expired.v1": Expired,
}


# ----------------------------------------------------------------------------------------------------------------- state


@dataclass(frozen=True, kw_only=True)
class TermsVersion:
    """One version of the terms; `recorded_at` is when the second party had signed it, empty until then."""

    number: int
    terms: Terms
    digest: str
    effective_on: date
    reason: str = ""
    recorded_at: str = ""


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
class Agreement:
    """`draft` until the first version is signed by both; `pending`: proposed, not yet signed by both; `signed`: in order of signing."""

    status: Status
    draft: TermsVersion
    pending: TermsVersion | None = None
    signed: tuple[TermsVersion, ...] = ()
    signatures: tuple[Signature, ...] = ()
    ended_on: date | None = None

    @property
    def newest(self) -> TermsVersion:
        """The last version signed by both, or the draft while there is none: says who the parties are."""
        return self.signed[-1] if self.signed else self.draft

    @property
    def readers(self) -> frozenset[OrganisationId]:
        return self.newest.terms.readers

    @property
    def first_day(self) -> date:
        return self.newest.terms.effective_on

    @property
    def last_day(self) -> date | None:
        """The last civil day, inclusive; None for an open end."""
        return self.ended_on or self.newest.terms.ends_on

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
        """Any version by its number, the one that waits for signatures included. Refuses with `VersionNotFound`."""
        known = [*self.signed, *([self.pending] if self.pending else []), *([] if self.signed else [self.draft])]
        for version in known:
            if version.number == number:
                return version
        raise VersionNotFound(number)

    def shown_on(self, day: date) -> TermsVersion:
        """What a reader is shown first: in force on that day, else the nearest version before or after the term, else the draft."""
        versions = self.versions_in_force
        if not versions:
            return self.draft
        return self.terms_on(day) or (versions[0] if day < self.first_day else versions[-1])

    def status_on(self, day: date) -> Status:
        """The status as of a civil day: one that ended later was not ended then, and one whose term is over by then has expired."""
        if not self.signed:
            return self.status
        if self.last_day is None or day <= self.last_day:
            return "active"
        return "expired" if self.status == "active" else self.status

    def is_within_term(self, day: date) -> bool:
        return bool(self.signed) and self.first_day <= day and (self.last_day is None or day <= self.last_day)


# -------------------------------------------------------------------------------------------------------------- refusals


class AgreementNotFound(NotFound):
    code = "agreement-not-found"

    def __init__(self, agreement_id: object) -> None:
        super().__init__(f"there is no agreement {agreement_id}")


class VersionNotFound(NotFound):
    code = "terms-version-not-found"

    def __init__(self, number: int) -> None:
        super().__init__(f"the agreement has no version {number} of its terms")


class NotAParty(NotAllowed):
    code = "not-a-party"

    def __init__(self, organisation: str) -> None:
        super().__init__(f"{organisation} is neither the provider nor the customer of this agreement")


class AuthorNotAParty(NotAllowed):
    """Nobody drafts or revises terms between two others."""

    code = "author-not-a-party"

    def __init__(self, organisation: str) -> None:
        super().__init__(f"{organisation} must be the provider or the customer of the terms it writes")


class AlreadyDrafted(Conflict):
    """Whoever asks is a party to it and may see it."""

    code = "agreement-already-drafted"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an agreement of these two parties under the name {name!r}; revise or amend it")


class NotADraft(Conflict):
    code = "agreement-not-a-draft"

    def __init__(self, status: Status) -> None:
        super().__init__(f"the agreement is {status}; only a draft can be revised or proposed")


class NothingProposed(Conflict):
    code = "nothing-proposed"

    def __init__(self) -> None:
        super().__init__("no version of the terms waits for signatures")


class DigestDiffers(Conflict):
    """The signature names other terms than those proposed."""

    code = "digest-differs"

    def __init__(self, *, proposed: str, named: str) -> None:
        super().__init__(f"the proposed terms have the digest {proposed}, the signature names {named[:64]!r}")
        self.proposed = proposed


class AlreadySigned(Conflict):
    code = "already-signed"

    def __init__(self, role: PartyRole) -> None:
        super().__init__(f"the {role} has signed these terms already")


class NotActive(Conflict):
    code = "agreement-not-active"

    def __init__(self, status: Status) -> None:
        super().__init__(f"the agreement is {status}; both parties must have signed its first version")


class AlreadyEnded(Conflict):
    code = "agreement-already-ended"

    def __init__(self, status: Status, last_day: date | None) -> None:
        super().__init__(f"the agreement is {status}, its last day is {last_day}")


class AmendmentPending(Conflict):
    code = "amendment-pending"

    def __init__(self, number: int) -> None:
        super().__init__(f"version {number} waits for signatures; sign or withdraw it first")


class AmendmentChangesNothing(Conflict):
    code = "amendment-changes-nothing"

    def __init__(self) -> None:
        super().__init__("these are the terms already signed last")


class AmendmentOutsideTerm(Invalid):
    code = "amendment-outside-term"


class PartiesStay(Invalid):
    """Another party could read in the history what was drafted for somebody else."""

    code = "parties-stay"


class NotAmendable(Invalid):
    """The amendment changes what makes the agreement the one it is."""

    code = "not-amendable"


class LastDayOutsideTerm(Invalid):
    code = "last-day-outside-term"


class LastDayPassed(Invalid):
    """An agreement is not ended backwards: days that were judged stay judged."""

    code = "last-day-passed"


# ------------------------------------------------------------------------------------------------------------- decisions


def draft(terms: Terms, *, by: OrganisationId) -> tuple[Fact, ...]:
    """Refuses with `AuthorNotAParty`."""
    _author(terms, by)
    return (Drafted(document=canonical_json(terms), digest=digest(terms), drafted_by=by),)


def revise(agreement: Agreement, terms: Terms, *, by: OrganisationId) -> tuple[Fact, ...]:
    """Quiet when nothing changed. Refuses with `NotAParty`, `NotADraft`, `AuthorNotAParty` and `PartiesStay`."""
    _party(agreement, by)
    if agreement.status != "draft":
        raise NotADraft(agreement.status)
    _author(terms, by)
    _same_parties(agreement.draft.terms, terms)
    if digest(terms) == agreement.draft.digest:
        return ()
    return (Revised(document=canonical_json(terms), digest=digest(terms), revised_by=by),)


def propose(agreement: Agreement, *, by: OrganisationId) -> tuple[Fact, ...]:
    """Refuses with `NotAParty` and `NotADraft`."""
    _party(agreement, by)
    if agreement.status != "draft":
        raise NotADraft(agreement.status)
    return (Proposed(terms_version=agreement.draft.number, digest=agreement.draft.digest, proposed_by=by),)


def withdraw(agreement: Agreement, *, by: OrganisationId) -> tuple[Fact, ...]:
    """Either party takes what waits for signatures off the table. Refuses with `NotAParty` and `NothingProposed`."""
    _party(agreement, by)
    pending = _pending(agreement)
    return (Withdrawn(terms_version=pending.number, digest=pending.digest, withdrawn_by=by),)


def sign(
    agreement: Agreement,
    *,
    agreement_id: UUID,
    note: str,
    keyring: Keyring | None,
    named_digest: str = "",
    by: OrganisationId,
    signatory: str,
) -> tuple[Fact, ...]:
    """For one's own side only, with a key of one's own; the second signature puts the terms in force.

    `keyring` is that of `by`; a digest may be named beside the note. Refuses with `NotAParty`, `NothingProposed`, `DigestDiffers`,
    `AlreadySigned`, `BadNote`, `SignatureOfOtherTerms`, `UnknownSigningKey` and `SigningKeyRevoked`.
    """
    role = _party(agreement, by)
    pending = _pending(agreement)
    if named_digest not in ("", pending.digest):
        raise DigestDiffers(proposed=pending.digest, named=named_digest)
    signed_by = {signature.role for signature in agreement.signatures if signature.terms_version == pending.number}
    if role in signed_by:
        raise AlreadySigned(role)
    read = read_note(note, signatures=1)
    check_signed_text(read, signing_text(agreement_id, pending, role=role, organisation=by))
    key = key_that_signed(keyring, read, subject=signatory)
    signed = Signed(
        terms_version=pending.number,
        digest=pending.digest,
        role=role,
        organisation=by,
        signatory=signatory,
        key=str(key.key),
        note=note,
    )
    return (signed, in_force(agreement, pending)) if signed_by else (signed,)


def signing_text(agreement_id: UUID, version: TermsVersion, *, role: PartyRole, organisation: OrganisationId) -> SigningText:
    """What a signature under a version of the terms is of."""
    return SigningText(
        agreement_id=agreement_id,
        terms_version=version.number,
        digest=version.digest,
        effective_on=version.effective_on,
        role=role,
        organisation=organisation,
    )


def propose_amendment(agreement: Agreement, terms: Terms, *, effective_on: date, reason: str, by: OrganisationId) -> tuple[Fact, ...]:
    """A whole new version of the terms, counting from `effective_on`, past or future.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `AmendmentPending`, `NotAmendable`, `AmendmentOutsideTerm` and
    `AmendmentChangesNothing`.
    """
    _party(agreement, by)
    _must_run(agreement)
    if agreement.pending:
        raise AmendmentPending(agreement.pending.number)
    newest = agreement.newest
    if changed := tuple(_identity_changes(newest.terms, terms)):
        raise NotAmendable(*changed)
    _must_count_within_term(agreement, terms, effective_on)
    if digest(terms) == newest.digest:
        raise AmendmentChangesNothing
    return (
        AmendmentProposed(
            terms_version=newest.number + 1,
            document=canonical_json(terms),
            digest=digest(terms),
            effective_on=effective_on,
            reason=reason,
            proposed_by=by,
        ),
    )


def terminate(agreement: Agreement, *, last_day: date, by: OrganisationId, recorded_at: datetime) -> tuple[Fact, ...]:
    """Ends the agreement after `last_day`, today at the earliest.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `LastDayPassed` and `LastDayOutsideTerm`.
    """
    _party(agreement, by)
    _must_run(agreement)
    terms = agreement.newest.terms
    today = _today(terms, recorded_at)
    if last_day < today:
        raise LastDayPassed(Violation(place="last_day", rule=f"must not be before today, {today} in {terms.zone}"))
    if last_day < agreement.first_day or (terms.ends_on and last_day > terms.ends_on):
        raise LastDayOutsideTerm(Violation(place="last_day", rule=f"must lie within the term, {_term(terms)}"))
    return (Terminated(last_day=last_day, provider=terms.provider, terminated_by=by),)


def expire(agreement: Agreement, *, recorded_at: datetime) -> tuple[Fact, ...]:
    """Quiet unless the agreement runs and the last day of its term has passed in its own zone."""
    terms = agreement.newest.terms
    if agreement.status != "active" or terms.ends_on is None or _today(terms, recorded_at) <= terms.ends_on:
        return ()
    return (Expired(last_day=terms.ends_on, provider=terms.provider),)


def in_force(agreement: Agreement, pending: TermsVersion) -> Activated | Amended:
    """What the second signature puts in force."""
    document = canonical_json(pending.terms)
    if not agreement.signed:
        return Activated(terms_version=pending.number, document=document, digest=pending.digest, effective_on=pending.effective_on)
    return Amended(
        terms_version=pending.number,
        document=document,
        digest=pending.digest,
        effective_on=pending.effective_on,
        reason=pending.reason,
    )


def _party(agreement: Agreement, organisation: OrganisationId) -> PartyRole:
    role = agreement.newest.terms.role_of(organisation)
    if role is None:
        raise NotAParty(organisation)
    return role


def _author(terms: Terms, organisation: OrganisationId) -> None:
    if terms.role_of(organisation) is None:
        raise AuthorNotAParty(organisation)


def _same_parties(before: Terms, after: Terms) -> None:
    if {before.provider, before.customer} != {after.provider, after.customer}:
        first, second = sorted((before.provider, before.customer))
        raise PartiesStay(Violation(place="parties", rule=f"stay {first} and {second}; draft another agreement with somebody else"))


def _pending(agreement: Agreement) -> TermsVersion:
    if agreement.pending is None:
        raise NothingProposed
    return agreement.pending


def _must_run(agreement: Agreement) -> None:
    if agreement.ended_on:
        raise AlreadyEnded(agreement.status, agreement.ended_on)
    if agreement.status != "active":
        raise NotActive(agreement.status)


def _identity_changes(before: Terms, after: Terms) -> Iterable[Violation]:
    if after.effective_on != before.effective_on:
        rule = f"stays {before.effective_on}, the agreement's first day; the day the amendment counts from is said beside the document"
        yield Violation(place="effective_on", rule=rule)
    if after.zone != before.zone:
        yield Violation(place="zone", rule=f"stays {before.zone}")
    if (after.provider, after.customer) != (before.provider, before.customer):
        yield Violation(place="parties", rule=f"stay {before.provider} as the provider and {before.customer} as the customer")


def _must_count_within_term(agreement: Agreement, terms: Terms, effective_on: date) -> None:
    ends = [day for day in (agreement.last_day, terms.ends_on) if day]
    if effective_on < agreement.first_day or any(effective_on > day for day in ends):
        rule = f"must lie within the term, {_term(agreement.newest.terms)}"
        raise AmendmentOutsideTerm(Violation(place="effective_on", rule=rule))


def _term(terms: Terms) -> str:
    return f"{terms.effective_on} to {terms.ends_on}" if terms.ends_on else f"from {terms.effective_on} on"


def _today(terms: Terms, recorded_at: datetime) -> date:
    return day_of(instant_of(recorded_at), parse_zone(terms.zone))


# ---------------------------------------------------------------------------------------------------------------- evolve


def evolve(agreement: Agreement | None, fact: Fact, *, recorded_at: str) -> Agreement:
    """The state after a fact; `recorded_at` is the RFC 3339 instant it was stored with."""
    if isinstance(fact, Drafted):
        return Agreement(status="draft", draft=_first_version(fact.document, fact.digest))
    assert agreement is not None, "a stream begins with a draft"
    match fact:
        case Revised():
            return replace(agreement, draft=_first_version(fact.document, fact.digest))
        case Proposed():
            return replace(agreement, status="proposed", pending=agreement.draft)
        case Withdrawn():
            return _after_withdrawal(agreement, fact)
        case Signed():
            return replace(agreement, signatures=(*agreement.signatures, _signature(fact, recorded_at)))
        case AmendmentProposed():
            return replace(agreement, pending=_version(fact, recorded_at=""))
        case Activated() | Amended():
            signed = (*agreement.signed, _version(fact, recorded_at=recorded_at))
            return replace(agreement, status="active", pending=None, signed=signed)
        case Terminated():
            return replace(agreement, status="terminated", pending=None, ended_on=fact.last_day)
        case Expired():
            return replace(agreement, status="expired", pending=None, ended_on=fact.last_day)
        case _:
            assert_never(fact)


def _first_version(document: str, named_digest: str) -> TermsVersion:
    terms = stored_terms(document)
    return TermsVersion(number=1, terms=terms, digest=named_digest, effective_on=terms.effective_on)


def _version(fact: Activated | AmendmentProposed | Amended, *, recorded_at: str) -> TermsVersion:
    return TermsVersion(
        number=fact.terms_version,
        terms=stored_terms(fact.document),
        digest=fact.digest,
        effective_on=fact.effective_on,
        reason="" if isinstance(fact, Activated) else fact.reason,
        recorded_at=recorded_at,
    )


def _after_withdrawal(agreement: Agreement, fact: Withdrawn) -> Agreement:
    kept = tuple(signature for signature in agreement.signatures if signature.terms_version != fact.terms_version)
    return replace(agreement, status="active" if agreement.signed else "draft", pending=None, signatures=kept)


def _signature(fact: Signed, recorded_at: str) -> Signature:
    return Signature(
        terms_version=fact.terms_version,
        role=fact.role,
        organisation=fact.organisation,
        signatory=fact.signatory,
        signed_at=recorded_at,
        digest=fact.digest,
        key=fact.key,
        note=fact.note,
    )
