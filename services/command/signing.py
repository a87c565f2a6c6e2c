"""`upheld key` and `upheld sign`: keys in files of one's own, and signatures made with them. A private key never leaves this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from services.agreements.signing import KeyText, SigningText, signed
from services.agreements.terms import Terms, difference, digest, in_words, stored_terms
from services.chassis.credentials import is_organisation
from services.command.client import Answer, Client, Json
from services.command.terms import explanation
from services.transparency.note import BadNote, Signer, VerifierKey, parse_note
from services.vocabulary.errors import invalid
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import parse_day

_BEGIN = "-----BEGIN"


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A key, and whose it is."""

    signer: Signer
    organisation: OrganisationId
    subject: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What waits for the caller's signature; `before` are the terms that were signed last, None with the first version."""

    text: SigningText
    terms: Terms
    before: Terms | None


def make_key_file(file: Path, name: str) -> VerifierKey:
    """The file holds the public half in its first line, then the private one as PEM. Refuses with `Invalid`."""
    if not is_organisation(name.partition("/")[0]) or not name.partition("/")[2]:
        raise invalid("--name", f"must be your organisation, a slash and you, such as rheinbank/ida.keller, not {name!r}")
    private = Ed25519PrivateKey.generate()
    signer = Signer(name, private)
    content = f"{signer.key}\n".encode() + private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            written.write(content)
    except OSError as fault:
        raise invalid(str(file), f"cannot be made: {fault.strerror}") from None
    return signer.key


def read_key_file(file: Path) -> Signer:
    """Refuses with `Invalid` a file that others can read, and one that is not as `make_key_file` makes it."""
    if file.stat().st_mode & 0o077:
        raise invalid(str(file), "can be read by others than its owner; make it yours alone: chmod 600")
    try:
        signer = _signer(file.read_text(encoding="utf-8"))
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError, BadNote):
        signer = None
    if signer is None:
        raise invalid(str(file), "must hold a verifier key and the Ed25519 private key of it, as upheld key make writes them")
    return signer


def _signer(content: str) -> Signer | None:
    """None: the two halves are not of one key."""
    line, begin, rest = content.partition(_BEGIN)
    private = load_pem_private_key((begin + rest).encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        return None
    signer = Signer(line.partition("+")[0], private)
    return signer if f"{signer.key}\n" == line else None


def owned(file: Path, *, subject: str = "", organisation: str = "") -> Owned:
    """Whose it is, is in its name where it is not said."""
    signer = read_key_file(file)
    named, _, person = signer.key.name.partition("/")
    return Owned(signer=signer, organisation=OrganisationId(organisation or named), subject=subject or person)


def registration(own: Owned) -> str:
    return signed(_key_text(own), own.signer)


def rotation(old: Owned, new: Owned) -> str:
    return signed(_key_text(new), old.signer, new.signer)


def note_of(text: SigningText, own: Owned) -> str:
    return signed(text, own.signer)


def text_of(terms: Terms, own: Owned, *, agreement: str, number: int, effective_on: str, role: str) -> SigningText:
    """From the document alone. Refuses with `Invalid` what does not go together."""
    side = terms.role_of(own.organisation)
    if side is None or role not in ("", side):
        parties = f"{terms.provider} is the provider, {terms.customer} the customer"
        raise invalid("--role", f"must be that of {own.organisation} in the terms, where {parties}")
    if number > 1 and not effective_on:
        raise invalid("--effective-on", "must be given: the day an amendment counts from stands beside the document")
    return SigningText(
        agreement_id=_id(agreement),
        terms_version=number,
        digest=digest(terms),
        effective_on=parse_day(effective_on, place="--effective-on") if effective_on else terms.effective_on,
        role=side,
        organisation=own.organisation,
    )


async def offer_of(client: Client, own: Owned, agreement: str) -> Offer:
    """What is signed is made here, from the document that is shown, whatever digest the platform tells. Refuses with `Invalid`."""
    state = (await client.get(f"/v1/agreements/{_id(agreement)}")).body
    pending = state["pending"]
    if not pending:
        raise invalid("--offered", f"nothing waits for signatures: the agreement is {state['status']}")
    terms = _terms(pending)
    if digest(terms) != pending["digest"]:
        raise invalid("--offered", "the platform tells another digest than that of the terms it shows")
    text = text_of(terms, own, agreement=agreement, number=pending["number"], effective_on=pending["effective_on"], role="")
    return Offer(text=text, terms=terms, before=_terms(state["terms"]) if pending["number"] > 1 else None)


def offer_told(offer: Offer, *, width: int) -> str:
    """The terms in plain sentences, what changes, and the text that is signed."""
    return "\n\n".join([explanation(offer.terms, width=width), *_changes(offer), f"What you sign:\n{offer.text}"])


async def post_note(client: Client, agreement: str, note: str, *, reason: str) -> Answer:
    """On the newest version: the note itself says which terms it is of."""
    path = f"/v1/agreements/{agreement}"
    newest = await client.get(path)
    return await client.post(f"{path}/signatures", {"note": note}, version=newest.version, reason=reason)


def note_in(file: Path) -> str:
    """Of what it is a signature the platform judges. Refuses with `Invalid` what is no signed note."""
    try:
        note = file.read_text(encoding="utf-8")
        parse_note(note)
    except (OSError, UnicodeDecodeError, BadNote) as fault:
        raise invalid(str(file), f"holds no signed note: {fault}") from None
    return note


def signed_by(note: str) -> tuple[OrganisationId, str]:
    """The organisation and the person, as the key of a note's first signature is called."""
    organisation, _, person = parse_note(note).signatures[0].name.partition("/")
    return OrganisationId(organisation), person


def _changes(offer: Offer) -> Iterator[str]:
    if offer.before is not None:
        changes = [in_words(each) for each in difference(offer.before, offer.terms)]
        yield "\n  ".join([f"What changes from {offer.text.effective_on} on", *(changes or ["nothing but the day"])])


def _key_text(own: Owned) -> KeyText:
    return KeyText(organisation=own.organisation, subject=own.subject, key=own.signer.key)


def _terms(version: Json) -> Terms:
    return stored_terms(json.dumps(version["terms"], sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _id(agreement: str) -> UUID:
    try:
        return UUID(agreement)
    except ValueError:
        raise invalid("--agreement", f"must be an agreement's id, not {agreement[:60]!r}") from None
