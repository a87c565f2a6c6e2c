"""What people sign with their keys, as text: the terms of one offer, and the keys themselves. Pure: reads no clock, opens no store.

Each text has exactly one form, its lines in this order and ended, so that anybody can write it from what they know and compare it byte
for byte. What signs it is a note of services.transparency.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from services.agreements.terms import PartyRole
from services.transparency.note import BadNote, Note, Signer, VerifierKey, parse_key, parse_note
from services.vocabulary.errors import Conflict, Invalid, Violation
from services.vocabulary.identity import OrganisationId

_SIGNATURE = "upheld/signature/v1"
_KEY = "upheld/key/v1"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_ROLES: tuple[PartyRole, ...] = ("provider", "customer")
_LONGEST = 4_000


class SignatureOfOtherTerms(Conflict):
    """The signed text is not that of what waits for signatures, from this side."""

    code = "signature-of-other-terms"

    def __init__(self, *, signed: str, wanted: str) -> None:
        there, here = _first_difference(signed, wanted)
        super().__init__(f"the signed text says {there[:120]!r}, that of what waits for signatures {here!r}")


class NotASigningText(Invalid):
    """It is no text of ours, or not in its one form."""

    code = "not-a-signing-text"

    def __init__(self, rule: str) -> None:
        super().__init__(Violation(place="note", rule=rule))


class KeyOfSomebodyElse(Invalid):
    """The text names another person, or a key that is called after another organisation."""

    code = "key-of-somebody-else"

    def __init__(self, rule: str) -> None:
        super().__init__(Violation(place="note", rule=rule))


@dataclass(frozen=True, kw_only=True)
class SigningText:
    """One side's word to one offer: this version, of these terms, from this day on. `digest` is that of the terms, in hex."""

    agreement_id: UUID
    terms_version: int
    digest: str
    effective_on: date
    role: PartyRole
    organisation: OrganisationId

    def __str__(self) -> str:
        return _lines(
            _SIGNATURE,
            f"agreement {self.agreement_id}",
            f"terms-version {self.terms_version}",
            f"digest sha256:{self.digest}",
            f"effective-on {self.effective_on}",
            f"role {self.role}",
            f"organisation {self.organisation}",
        )


@dataclass(frozen=True, kw_only=True)
class KeyText:
    """This key is this person's, of this organisation."""

    organisation: OrganisationId
    subject: str
    key: VerifierKey

    def __str__(self) -> str:
        return _lines(_KEY, f"organisation {self.organisation}", f"subject {self.subject}", f"key {self.key}")


def parse_signing_text(text: str) -> SigningText:
    """Refuses with `NotASigningText`."""
    agreement, version, digest, day, role, organisation = _values(
        text, _SIGNATURE, ("agreement", "terms-version", "digest", "effective-on", "role", "organisation")
    )
    hashed = _DIGEST.fullmatch(digest)
    roles = [each for each in _ROLES if each == role]
    if hashed is None or not roles or _NUMBER.fullmatch(version) is None:
        raise NotASigningText("must name a version, a digest as sha256: and 64 hex digits, and the role provider or customer")
    try:
        found = SigningText(
            agreement_id=UUID(agreement),
            terms_version=int(version),
            digest=hashed[1],
            effective_on=date.fromisoformat(day),
            role=roles[0],
            organisation=OrganisationId(organisation),
        )
    except ValueError:
        raise NotASigningText("must name an agreement by its id and a civil day") from None
    return _exactly(found, text)


def parse_key_text(text: str) -> KeyText:
    """Refuses with `NotASigningText`, and with `BadNote` what is no verifier key."""
    organisation, subject, key = _values(text, _KEY, ("organisation", "subject", "key"))
    return _exactly(KeyText(organisation=OrganisationId(organisation), subject=subject, key=parse_key(key)), text)


def own_key_text(note: Note, *, organisation: OrganisationId, subject: str) -> KeyText:
    """The caller's own. Refuses with `NotASigningText`, `BadNote` and `KeyOfSomebodyElse`."""
    found = parse_key_text(note.text)
    if (found.organisation, found.subject) != (organisation, subject):
        raise KeyOfSomebodyElse(f"must name {subject} of {organisation}, who asks, not {found.subject[:80]} of {found.organisation[:80]}")
    if not found.key.name.startswith(f"{organisation}/"):
        raise KeyOfSomebodyElse(f"must name a key that is called {organisation}/…, not {found.key.name[:80]}")
    return found


def signed(text: SigningText | KeyText, *signers: Signer) -> str:
    """The note as it is sent and kept."""
    return str(Note(str(text), tuple(each.sign(str(text)) for each in signers)))


def read_note(text: str, *, signatures: int) -> Note:
    """With exactly so many signatures, so that no byte of it is of no account. Refuses with `BadNote`."""
    if len(text) > _LONGEST:
        raise BadNote("note", f"must be at most {_LONGEST} characters long")
    note = parse_note(text)
    if len(note.signatures) != signatures:
        raise BadNote("note", f"must have {signatures} signature{'' if signatures == 1 else 's'}, it has {len(note.signatures)}")
    return note


def check_signed_text(note: Note, wanted: SigningText) -> None:
    """Refuses with `SignatureOfOtherTerms` a note of anything else, by a byte."""
    if note.text != str(wanted):
        raise SignatureOfOtherTerms(signed=note.text, wanted=str(wanted))


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def _values(text: str, first: str, names: Sequence[str]) -> list[str]:
    lines = text.split("\n")
    told = [line.partition(" ") for line in lines[1:-1]]
    if lines[0] != first or lines[-1] or [name for name, _, _ in told] != list(names):
        raise NotASigningText(f"must be the line {first} and then {', '.join(names)}, a line each")
    return [value for _, _, value in told]


T = TypeVar("T", SigningText, KeyText)


def _exactly(found: T, text: str) -> T:
    if str(found) != text:
        raise NotASigningText("must be written in the one form that it has")
    return found


def _first_difference(signed: str, wanted: str) -> tuple[str, str]:
    there, here = signed.split("\n"), wanted.split("\n")
    at = next((index for index, (one, other) in enumerate(zip(there, here, strict=False)) if one != other), min(len(there), len(here)))
    return "\n".join(there[at : at + 1]), "\n".join(here[at : at + 1])
