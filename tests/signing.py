"""Keys of the people in the tests, the same on every run, and what they sign with them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.agreements.agreement import Agreement
from services.agreements.keys import Keyring, evolve, register
from services.agreements.negotiation import signing_text
from services.agreements.signing import KeyText, SigningText, signed
from services.transparency.note import Signer
from services.vocabulary.identity import OrganisationId

Json = Any
REGISTERED_AT = "2026-01-02T09:00:00Z"


def signer(organisation: str, subject: str, *, number: int = 1) -> Signer:
    """The person's first key, or a further one."""
    seed = sha256(f"{organisation}/{subject}/{number}".encode()).digest()
    name = f"{organisation}/{re.sub(r'[^a-z0-9.-]', '-', subject.lower())}"
    return Signer(name, Ed25519PrivateKey.from_private_bytes(seed))


def registration(organisation: str, subject: str, *, number: int = 1) -> str:
    """The note that registers the key."""
    own = signer(organisation, subject, number=number)
    return signed(KeyText(organisation=OrganisationId(organisation), subject=subject, key=own.key), own)


def rotation(organisation: str, subject: str, *, to: int = 2) -> str:
    """The note that puts the next key in place of the one before."""
    old, new = signer(organisation, subject, number=to - 1), signer(organisation, subject, number=to)
    return signed(KeyText(organisation=OrganisationId(organisation), subject=subject, key=new.key), old, new)


def keyring_of(organisation: str, *subjects: str) -> Keyring:
    """Everybody's first key."""
    ring = Keyring()
    for subject in subjects:
        for fact in register(ring, note=registration(organisation, subject), organisation=OrganisationId(organisation), subject=subject):
            ring = evolve(ring, fact, recorded_at=REGISTERED_AT)
    return ring


def note_under(agreement: Agreement, agreement_id: UUID, organisation: str, subject: str) -> str:
    """Under what waits for signatures."""
    assert agreement.pending is not None
    role = agreement.pending.terms.role_of(organisation)
    assert role is not None, f"{organisation} is no party"
    text = signing_text(agreement_id, agreement.pending, role=role, organisation=OrganisationId(organisation))
    return signed(text, signer(organisation, subject))


def note_for(agreement: Mapping[str, Json], organisation: str, subject: str) -> str:
    """Under what waits for signatures in an answer of the HTTP door."""
    pending = agreement["pending"]
    (role,) = [each["role"] for each in pending["terms"]["parties"] if each["organisation"] == organisation]
    text = SigningText(
        agreement_id=UUID(agreement["id"]),
        terms_version=pending["number"],
        digest=pending["digest"],
        effective_on=date.fromisoformat(pending["effective_on"]),
        role=role,
        organisation=OrganisationId(organisation),
    )
    return signed(text, signer(organisation, subject))


def bearer_of(token: str) -> tuple[str, str]:
    """Organisation and subject of a token of the platform's own issuer."""
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims["org"], claims["sub"]
