"""The signing keys of an organisation's people: facts, state, and what may happen to them. Pure: reads no clock, opens no store.

Whoever registers a key has signed the registration with it; a rotation is signed by the old key and by the new one. A key that was
revoked or replaced signs nothing more, and what it signed before stays signed: the log says what came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from services.agreements.signing import own_key_text, parse_key_text, read_note
from services.transparency.note import ED25519, BadNote, Note, VerifierKey, parse_key, parse_note, parse_renamed_key, verify
from services.transparency.person import is_erased
from services.vocabulary.errors import Conflict, NotAllowed, NotFound
from services.vocabulary.identity import OrganisationId

_SIGN_BIT = 1 << 255
_PRIME = 2**255 - 19
_OF_ORDER_EIGHT = 0x5FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = {0, 1, _PRIME - 1, _OF_ORDER_EIGHT, _PRIME - _OF_ORDER_EIGHT}
"""The second coordinates of the eight points of Ed25519 (RFC 8032) whose eightfold is the neutral one: public keys without a secret."""


def keyring_id(organisation: str) -> UUID:
    """The stream of an organisation's keys."""
    return uuid5(NAMESPACE_URL, f"upheld:keyring:{organisation}")


# ----------------------------------------------------------------------------------------------------------------- facts
# `key` is a verifier key, "name+id+base64"; `note` is what was signed, with the signatures.


@dataclass(frozen=True, kw_only=True)
class KeyRegistered:
    organisation: OrganisationId
    subject: str
    key: str
    note: str


@dataclass(frozen=True, kw_only=True)
class KeyRotated:
    organisation: OrganisationId
    subject: str
    replaced: str
    key: str
    note: str


@dataclass(frozen=True, kw_only=True)
class KeyRevoked:
    organisation: OrganisationId
    key_id: str
    revoked_by: str
    reason: str


KeyFact: TypeAlias = KeyRegistered | KeyRotated | KeyRevoked

KEY_FACTS: Mapping[str, type[KeyFact]] = {
    "keyring.key-registered.v1": KeyRegistered,
    "keyring.key-rotated.v1": KeyRotated,
    "keyring.key-revoked.v1": KeyRevoked,
}


# ----------------------------------------------------------------------------------------------------------------- state


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A person's key. `revoked_at`: since when it signs nothing more, empty while it does; `replaced_by` is the id of the key after it."""

    key: VerifierKey
    organisation: OrganisationId
    subject: str
    registered_at: str
    revoked_at: str = ""
    replaced_by: str = ""
    reason: str = ""

    @property
    def id(self) -> str:
        return self.key.id.hex()


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """In order of registration; no two keys have the same id."""

    keys: tuple[SigningKey, ...] = ()

    def find(self, key_id: str) -> SigningKey | None:
        return next((each for each in self.keys if each.id == key_id), None)

    def key(self, key_id: str) -> SigningKey:
        """Refuses with `KeyNotFound`."""
        found = self.find(key_id)
        if found is None:
            raise KeyNotFound(key_id)
        return found


# -------------------------------------------------------------------------------------------------------------- refusals


class UnknownSigningKey(Conflict):
    """The key that signed is not registered to the caller."""

    code = "unknown-signing-key"

    def __init__(self, name: str, key_id: str, subject: str) -> None:
        super().__init__(f"no key {name[:80]} with the id {key_id} is registered to {subject}")


class SigningKeyRevoked(Conflict):
    """It was revoked or replaced before."""

    code = "signing-key-revoked"

    def __init__(self, key: SigningKey) -> None:
        how = f"replaced by the key {key.replaced_by}" if key.replaced_by else "revoked"
        super().__init__(f"the key {key.id} was {how} at {key.revoked_at} and signs nothing more")


class KeyNotFound(NotFound):
    code = "signing-key-not-found"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the organisation has no key {key_id[:64]}")


class KeyIdTaken(Conflict):
    """Eight hex digits name a key, in an organisation one alone."""

    code = "signing-key-taken"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the organisation has a key {key_id} already; make another one")


class NotTheOwner(NotAllowed):
    code = "not-the-owner"

    def __init__(self, key: SigningKey) -> None:
        super().__init__(f"the key {key.id} is of {key.subject}; only an administrator may revoke it for them")


# ------------------------------------------------------------------------------------------------------------- decisions


def register(keyring: Keyring | None, *, note: str, organisation: OrganisationId, subject: str) -> tuple[KeyFact, ...]:
    """Quiet when it is registered to the same person already.

    Refuses with `BadNote`, `NotASigningText`, `KeyOfSomebodyElse`, `KeyIdTaken` and `SigningKeyRevoked`.
    """
    signed = read_note(note, signatures=1)
    key = own_key_text(signed, organisation=organisation, subject=subject).key
    _must_have_signed(signed, key)
    known = keyring.find(key.id.hex()) if keyring else None
    if known is None:
        return (KeyRegistered(organisation=organisation, subject=subject, key=str(key), note=note),)
    if (known.key, known.subject) != (key, subject):
        raise KeyIdTaken(known.id)
    _must_sign(known)
    return ()


def rotate(keyring: Keyring | None, *, note: str, key_id: str = "", organisation: OrganisationId, subject: str) -> tuple[KeyFact, ...]:
    """In place of the old key that signed the note, which may be named. Quiet when that was done already.

    Refuses with `BadNote`, `NotASigningText`, `KeyOfSomebodyElse`, `KeyNotFound`, `NotTheOwner`, `SigningKeyRevoked` and `KeyIdTaken`.
    """
    signed = read_note(note, signatures=2)
    key = own_key_text(signed, organisation=organisation, subject=subject).key
    _must_have_signed(signed, key)
    keyring = keyring or Keyring()
    old = keyring.key(key_id or _other_signature(signed, key))
    if old.subject != subject:
        raise NotTheOwner(old)
    _must_have_signed(signed, old.key)
    if old.replaced_by == key.id.hex() and keyring.key(old.replaced_by).key == key:
        return ()
    _must_sign(old)
    if keyring.find(key.id.hex()) is not None:
        raise KeyIdTaken(key.id.hex())
    return (KeyRotated(organisation=organisation, subject=subject, replaced=old.id, key=str(key), note=note),)


def revoke(
    keyring: Keyring | None, *, key_id: str, reason: str, organisation: OrganisationId, subject: str, administers: bool
) -> tuple[KeyFact, ...]:
    """By its owner, or by an administrator of the organisation. Refuses with `KeyNotFound`, `SigningKeyRevoked` and `NotTheOwner`."""
    key = (keyring or Keyring()).key(key_id)
    _must_sign(key)
    if key.subject != subject and not administers:
        raise NotTheOwner(key)
    return (KeyRevoked(organisation=organisation, key_id=key.id, revoked_by=subject, reason=reason),)


def key_that_signed(keyring: Keyring | None, note: Note, *, subject: str) -> SigningKey:
    """Whose single signature the note has. Refuses with `UnknownSigningKey`, `SigningKeyRevoked` and `BadNote`."""
    (signature,) = note.signatures
    key = keyring.find(signature.key_id.hex()) if keyring else None
    if key is None or (key.key.name, key.subject) != (signature.name, subject):
        raise UnknownSigningKey(signature.name, signature.key_id.hex(), subject)
    _must_sign(key)
    verify(note, key.key)
    return key


def key_id_in(note: str) -> str:
    """The id of the key that a registration or a rotation brings. Refuses with `BadNote` and `NotASigningText`."""
    return parse_key_text(parse_note(note).text).key.id.hex()


def _other_signature(note: Note, key: VerifierKey) -> str:
    others = [each.key_id.hex() for each in note.signatures if (each.name, each.key_id) != (key.name, key.id)]
    if not others:
        raise BadNote("signature", "is missing: the key that is replaced has not signed")
    return others[0]


def _must_have_signed(note: Note, key: VerifierKey) -> None:
    if key.algorithm != ED25519:
        raise BadNote("key", "must be a person's key, not a witness's")
    if (int.from_bytes(key.public, "little") & ~_SIGN_BIT) % _PRIME in _SMALL_ORDER:
        raise BadNote("key", "must not be a point of small order: what it signs anybody could have signed")
    verify(note, key)


def _must_sign(key: SigningKey) -> None:
    if key.revoked_at:
        raise SigningKeyRevoked(key)


# ---------------------------------------------------------------------------------------------------------------- evolve


def evolve(keyring: Keyring | None, fact: KeyFact, *, recorded_at: str) -> Keyring:
    """The state after a fact; `recorded_at` is the RFC 3339 instant it was stored with."""
    keys = keyring.keys if keyring else ()
    match fact:
        case KeyRegistered():
            return Keyring(keys=(*keys, _registered(fact, recorded_at)))
        case KeyRotated():
            new = _registered(fact, recorded_at)
            ended = tuple(replace(each, revoked_at=recorded_at, replaced_by=new.id) if each.id == fact.replaced else each for each in keys)
            return Keyring(keys=(*ended, new))
        case KeyRevoked():
            ended = tuple(replace(each, revoked_at=recorded_at, reason=fact.reason) if each.id == fact.key_id else each for each in keys)
            return Keyring(keys=ended)
        case _:
            assert_never(fact)


def _registered(fact: KeyRegistered | KeyRotated, recorded_at: str) -> SigningKey:
    return SigningKey(key=_stored_key(fact.key), organisation=fact.organisation, subject=fact.subject, registered_at=recorded_at)


def _stored_key(text: str) -> VerifierKey:
    """The id is a digest over the name too: of a name that was erased it is what it was."""
    name = text.partition("+")[0].partition("/")[2]
    return parse_renamed_key(text) if is_erased(name) else parse_key(text)
