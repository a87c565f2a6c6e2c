"""How two parties come to terms: draft, offer, counter-offer, comment, sign, withdraw, amend. Pure: reads no clock, opens no store.

draft ─ propose ─▶ offer 1 ─ counter ─▶ offer 2 ─ both sign ─▶ agreed, or amended
                      │ withdrawn, or its instant passes: back to the draft, or to what is in force
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from services.agreements.agreement import Agreement, TermsVersion
from services.agreements.facts import (
    Activated,
    Amended,
    AmendmentProposed,
    Commented,
    CounterOffered,
    Drafted,
    Fact,
    OfferExpired,
    Proposed,
    Revised,
    Signed,
    Withdrawn,
)
from services.agreements.keys import Keyring, key_that_signed
from services.agreements.refusals import (
    AlreadySigned,
    AmendmentChangesNothing,
    AmendmentOutsideTerm,
    AmendmentPending,
    AuthorNotAParty,
    CounterOfferChangesNothing,
    DigestDiffers,
    EffectiveOnOfFirstTerms,
    NoSuchPlace,
    NotADraft,
    NotAmendable,
    NothingProposed,
    OfferHasExpired,
    PartiesStay,
    ValidUntilPassed,
)
from services.agreements.signing import SigningText, check_signed_text, read_note
from services.agreements.standing import acting_party, check_text, must_run, term_of, today_of
from services.agreements.terms import PartyRole, Terms, canonical_json, digest, places_in
from services.vocabulary.errors import Violation
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import Instant, instant_of, instant_text, parse_instant


def draft(terms: Terms, *, by: OrganisationId) -> tuple[Fact, ...]:
    """Refuses with `AuthorNotAParty`."""
    _author(terms, by)
    return (Drafted(document=canonical_json(terms), digest=digest(terms), drafted_by=by),)


def revise(agreement: Agreement, terms: Terms, *, by: OrganisationId) -> tuple[Fact, ...]:
    """Quiet when nothing changed. Refuses with `NotAParty`, `NotADraft`, `AuthorNotAParty` and `PartiesStay`."""
    acting_party(agreement, by)
    if agreement.status != "draft":
        raise NotADraft(agreement.status)
    _author(terms, by)
    _same_parties(agreement.draft.terms, terms)
    if digest(terms) == agreement.draft.digest:
        return ()
    return (Revised(document=canonical_json(terms), digest=digest(terms), revised_by=by),)


def propose(agreement: Agreement, *, by: OrganisationId, recorded_at: datetime, valid_until: Instant | None = None) -> tuple[Fact, ...]:
    """`valid_until` None: the offer does not end by itself. Refuses with `NotAParty`, `NotADraft` and `ValidUntilPassed`."""
    acting_party(agreement, by)
    if agreement.status != "draft":
        raise NotADraft(agreement.status)
    until = _valid_until(valid_until, recorded_at)
    return (Proposed(terms_version=agreement.draft.number, digest=agreement.draft.digest, proposed_by=by, valid_until=until),)


def counter(
    agreement: Agreement,
    terms: Terms,
    *,
    effective_on: date | None = None,
    valid_until: Instant | None = None,
    reason: str,
    by: OrganisationId,
    recorded_at: datetime,
) -> tuple[Fact, ...]:
    """Other terms in the place of those that wait for signatures, by either side. `effective_on` None: the day of what they answer.

    Refuses with `NotAParty`, `NothingProposed`, `OfferHasExpired`, `CounterOfferChangesNothing` and `ValidUntilPassed`; before the first
    version is signed with `AuthorNotAParty`, `PartiesStay` and `EffectiveOnOfFirstTerms`, after it as an amendment.
    """
    acting_party(agreement, by)
    pending = _open_offer(agreement, recorded_at)
    until = _valid_until(valid_until, recorded_at)
    if agreement.signed:
        day = effective_on or pending.effective_on
        _must_be_an_amendment(agreement, terms, day)
    else:
        day = terms.effective_on
        _must_be_of_the_same(pending.terms, terms, by=by, effective_on=effective_on)
    if (digest(terms), day) == (pending.digest, pending.effective_on):
        raise CounterOfferChangesNothing(pending.number)
    return (
        CounterOffered(
            terms_version=agreement.next_number,
            document=canonical_json(terms),
            digest=digest(terms),
            effective_on=day,
            offered_by=by,
            valid_until=until,
            reason=reason,
        ),
    )


def comment(agreement: Agreement, *, place: str, text: str, by: OrganisationId, subject: str, recorded_at: datetime) -> tuple[Fact, ...]:
    """On a place of what waits for signatures, else of the draft or of the terms in force.

    Refuses with `NotAParty`, `NoSuchPlace` and `TextNotFit`.
    """
    acting_party(agreement, by)
    version = agreement.pending or agreement.shown_on(today_of(agreement.newest.terms, recorded_at))
    _must_be_a_place(place, version)
    check_text(text, place="text", must_say=True)
    return (Commented(terms_version=version.number, place=place, text=text, organisation=by, subject=subject),)


def withdraw(agreement: Agreement, *, by: OrganisationId) -> tuple[Fact, ...]:
    """Either party takes what waits for signatures off the table. Refuses with `NotAParty` and `NothingProposed`."""
    acting_party(agreement, by)
    pending = _pending(agreement)
    return (Withdrawn(terms_version=pending.number, digest=pending.digest, withdrawn_by=by),)


def lapse(agreement: Agreement, *, recorded_at: datetime) -> tuple[Fact, ...]:
    """The end of an offer that has one; quiet before its instant."""
    pending = agreement.pending
    if pending is None or not _has_lapsed(pending, recorded_at):
        return ()
    return (OfferExpired(terms_version=pending.number, digest=pending.digest, valid_until=pending.valid_until),)


def sign(
    agreement: Agreement,
    *,
    agreement_id: UUID,
    note: str,
    keyring: Keyring | None,
    named_digest: str = "",
    by: OrganisationId,
    signatory: str,
    recorded_at: datetime,
) -> tuple[Fact, ...]:
    """For one's own side only, with a key of one's own; the second signature puts the terms in force.

    `keyring` is that of `by`; a digest may be named beside the note. Refuses with `NotAParty`, `NothingProposed`, `OfferHasExpired`,
    `DigestDiffers`, `AlreadySigned`, `BadNote`, `SignatureOfOtherTerms`, `UnknownSigningKey` and `SigningKeyRevoked`.
    """
    acting_party(agreement, by)
    pending = _open_offer(agreement, recorded_at)
    role = pending.terms.role_of(by)
    assert role is not None, "what is offered is between the same two"
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


def propose_amendment(
    agreement: Agreement,
    terms: Terms,
    *,
    effective_on: date,
    valid_until: Instant | None = None,
    reason: str,
    by: OrganisationId,
    recorded_at: datetime,
) -> tuple[Fact, ...]:
    """A whole new version of the terms, counting from `effective_on`, past or future.

    Refuses with `NotAParty`, `NotActive`, `AlreadyEnded`, `AmendmentPending`, `NotAmendable`, `AmendmentOutsideTerm`,
    `AmendmentChangesNothing` and `ValidUntilPassed`.
    """
    acting_party(agreement, by)
    must_run(agreement)
    if agreement.pending:
        raise AmendmentPending(agreement.pending.number)
    _must_be_an_amendment(agreement, terms, effective_on)
    return (
        AmendmentProposed(
            terms_version=agreement.next_number,
            document=canonical_json(terms),
            digest=digest(terms),
            effective_on=effective_on,
            reason=reason,
            proposed_by=by,
            valid_until=_valid_until(valid_until, recorded_at),
        ),
    )


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


def _author(terms: Terms, organisation: OrganisationId) -> None:
    if terms.role_of(organisation) is None:
        raise AuthorNotAParty(organisation)


def _same_parties(before: Terms, after: Terms) -> None:
    if {before.provider, before.customer} != {after.provider, after.customer}:
        first, second = sorted((before.provider, before.customer))
        raise PartiesStay(Violation(place="parties", rule=f"stay {first} and {second}; draft another agreement with somebody else"))


def _must_be_of_the_same(offered: Terms, terms: Terms, *, by: OrganisationId, effective_on: date | None) -> None:
    _author(terms, by)
    _same_parties(offered, terms)
    if effective_on not in (None, terms.effective_on):
        raise EffectiveOnOfFirstTerms(terms.effective_on)


def _pending(agreement: Agreement) -> TermsVersion:
    if agreement.pending is None:
        raise NothingProposed
    return agreement.pending


def _open_offer(agreement: Agreement, recorded_at: datetime) -> TermsVersion:
    pending = _pending(agreement)
    if _has_lapsed(pending, recorded_at):
        raise OfferHasExpired(pending.number, pending.valid_until)
    return pending


def _has_lapsed(pending: TermsVersion, recorded_at: datetime) -> bool:
    return bool(pending.valid_until) and instant_of(recorded_at) >= parse_instant(pending.valid_until, place="valid_until")


def _valid_until(instant: Instant | None, recorded_at: datetime) -> str:
    if instant is None:
        return ""
    if instant <= instant_of(recorded_at):
        raise ValidUntilPassed(instant_text(instant), instant_text(instant_of(recorded_at)))
    return instant_text(instant)


def _must_be_a_place(place: str, version: TermsVersion) -> None:
    places = places_in(version.terms)
    if place not in places:
        nearest = next(iter(difflib.get_close_matches(place[:200], places, n=1, cutoff=0.3)), "")
        raise NoSuchPlace(place, number=version.number, nearest=nearest)


def _must_be_an_amendment(agreement: Agreement, terms: Terms, effective_on: date) -> None:
    newest = agreement.newest
    if changed := tuple(_identity_changes(newest.terms, terms)):
        raise NotAmendable(*changed)
    _must_count_within_term(agreement, terms, effective_on)
    if digest(terms) == newest.digest:
        raise AmendmentChangesNothing


def _identity_changes(before: Terms, after: Terms) -> Iterable[Violation]:
    if after.effective_on != before.effective_on:
        rule = f"stays {before.effective_on}, the agreement's first day; the day the amendment counts from is said beside the document"
        yield Violation(place="effective_on", rule=rule)
    if after.zone != before.zone:
        yield Violation(place="zone", rule=f"stays {before.zone}")
    if (after.provider, after.customer) != (before.provider, before.customer):
        yield Violation(place="parties", rule=f"stay {before.provider} as the provider and {before.customer} as the customer")


def _must_count_within_term(agreement: Agreement, terms: Terms, effective_on: date) -> None:
    own_end = terms.ends_on if terms.ends_on != agreement.newest.terms.ends_on else None
    if effective_on < agreement.first_day or any(effective_on > day for day in (agreement.last_day, own_end) if day):
        end = f", and not after the end that these terms name, {own_end}" if own_end else ""
        raise AmendmentOutsideTerm(Violation(place="effective_on", rule=f"must lie within the term, {term_of(agreement)}{end}"))
