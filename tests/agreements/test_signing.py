"""Signatures are the parties' own: the signed text, the keys, and that no byte of either can be another."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given as for_all
from hypothesis import strategies as st
from upheld.agreements.v1 import agreements_pb2 as messages

from services.agreements import keys, negotiation
from services.agreements.agreement import Agreement
from services.agreements.evolve import evolve
from services.agreements.keys import (
    KeyFact,
    KeyIdTaken,
    KeyNotFound,
    KeyRegistered,
    KeyRevoked,
    Keyring,
    KeyRotated,
    NotTheOwner,
    SigningKeyRevoked,
    UnknownSigningKey,
)
from services.agreements.signing import (
    KeyOfSomebodyElse,
    KeyText,
    NotASigningText,
    SignatureOfOtherTerms,
    SigningText,
    parse_key_text,
    parse_signing_text,
    signed,
)
from services.transparency.note import BadNote, Note, Signature, Signer, VerifierKey, parse_note
from services.vocabulary.errors import Refusal
from services.vocabulary.identity import OrganisationId, Role
from tests.agreements.support import (
    AGREEMENT,
    CUSTOMER,
    MARCH_9,
    PROVIDER,
    STRANGER,
    Running,
    availability_of,
    play,
    proposed,
    soon,
    subject_of,
    terms,
)
from tests.signing import REGISTERED_AT, keyring_of, note_for, note_under, registration, rotation, signer

MARTA = "Marta"
BANK = OrganisationId("rheinbank")
TEXT = """\
upheld/signature/v1
agreement 6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11
terms-version 3
digest sha256:9b74c9897bac770ffc029102a200c5de0b0a4b7f2a2f3ee0d0d9b2b0f0d8f6a1
effective-on 2026-05-01
role customer
organisation rheinbank
"""
MEANT = SigningText(
    agreement_id=UUID("6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11"),
    terms_version=3,
    digest="9b74c9897bac770ffc029102a200c5de0b0a4b7f2a2f3ee0d0d9b2b0f0d8f6a1",
    effective_on=date(2026, 5, 1),
    role="customer",
    organisation=BANK,
)


# the text


def test_the_signed_text_is_that_of_the_decision() -> None:
    assert str(MEANT) == TEXT
    assert parse_signing_text(TEXT) == MEANT
    page = Path(__file__).parents[2] / "docs" / "decisions" / "0012-signatures-are-the-parties-own.md"
    assert all(f"    {line}\n" in page.read_text() for line in TEXT.splitlines())


def test_the_text_that_registers_a_key_names_whose_it_is() -> None:
    key = signer("rheinbank", "ida.keller").key
    text = f"upheld/key/v1\norganisation rheinbank\nsubject ida.keller\nkey {key}\n"
    assert str(KeyText(organisation=BANK, subject="ida.keller", key=key)) == text
    assert parse_key_text(text).key == key
    assert key.name == "rheinbank/ida.keller"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("upheld/signature/v1", "upheld/signature/v2"),
        ("terms-version 3", "terms-version 03"),
        ("terms-version 3", "terms-version 0"),
        ("sha256:9b74", "sha256:9B74"),
        ("2026-05-01", "20260501"),
        ("2026-05-01", "2026-02-30"),
        ("role customer", "role auditor"),
        ("agreement 6f1f7b0e-8a64", "agreement {6f1f7b0e-8a64"),
        ("6f1f7b0e", "6F1F7B0E"),
        ("organisation rheinbank\n", "organisation rheinbank\nreason none\n"),
        ("organisation rheinbank\n", "organisation rheinbank"),
        ("role customer\norganisation rheinbank\n", "organisation rheinbank\nrole customer\n"),
    ],
)
def test_a_text_in_any_other_form_is_none(before: str, after: str) -> None:
    with pytest.raises(NotASigningText):
        parse_signing_text(TEXT.replace(before, after))


# a signature under terms


def sign(agreement: Agreement, note: str, *, keyring: Keyring | None = None, subject: str = MARTA) -> None:
    facts = negotiation.sign(
        agreement,
        agreement_id=AGREEMENT,
        note=note,
        keyring=keyring_of(CUSTOMER, MARTA) if keyring is None else keyring,
        by=CUSTOMER,
        signatory=subject,
        recorded_at=MARCH_9,
    )
    assert facts


WAITING = proposed()
NOTE = note_under(WAITING, AGREEMENT, CUSTOMER, MARTA)
OWN = negotiation.signing_text(AGREEMENT, WAITING.pending or WAITING.draft, role="customer", organisation=CUSTOMER)


def test_what_was_signed_is_kept_with_the_key_and_can_be_checked_again() -> None:
    (fact,) = negotiation.sign(
        WAITING, agreement_id=AGREEMENT, note=NOTE, keyring=keyring_of(CUSTOMER, MARTA), by=CUSTOMER, signatory=MARTA, recorded_at=MARCH_9
    )
    after = evolve(WAITING, fact, recorded_at=REGISTERED_AT)
    (signature,) = after.signatures
    assert (signature.key, signature.note) == (str(signer(CUSTOMER, MARTA).key), NOTE)
    assert parse_signing_text(parse_note(signature.note).text) == OWN


@for_all(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
def test_a_note_with_any_byte_flipped_signs_nothing(at: int, flip: int) -> None:
    content = bytearray(NOTE.encode())
    content[at] ^= flip
    changed = content.decode(errors="replace")
    with pytest.raises((BadNote, SignatureOfOtherTerms, UnknownSigningKey)):
        sign(WAITING, changed)


@for_all(st.integers(0, len(str(OWN)) - 1), st.integers(1, 127))
def test_a_genuine_signature_of_a_text_with_any_byte_flipped_is_of_other_terms(at: int, flip: int) -> None:
    content = bytearray(str(OWN).encode())
    content[at] ^= flip
    text = content.decode(errors="replace")
    if not text.endswith("\n"):
        text += "\n"
    with pytest.raises((BadNote, SignatureOfOtherTerms)):
        sign(WAITING, str(signer(CUSTOMER, MARTA).note(text)))


@pytest.mark.parametrize(
    "other",
    [
        replace(OWN, agreement_id=UUID(int=7)),
        replace(OWN, terms_version=2),
        replace(OWN, digest="0" * 64),
        replace(OWN, effective_on=date(2026, 1, 2)),
        replace(OWN, role="provider"),
        replace(OWN, organisation=PROVIDER),
    ],
)
def test_a_signature_under_anything_else_is_refused_and_told_where_it_differs(other: SigningText) -> None:
    with pytest.raises(SignatureOfOtherTerms) as refused:
        sign(WAITING, signed(other, signer(CUSTOMER, MARTA)))
    (line,) = set(str(other).splitlines()) - set(str(OWN).splitlines())
    assert line in refused.value.message


def test_a_signature_does_not_move_over_to_what_is_proposed_next() -> None:
    better = terms(availability_of("99.95"))
    with pytest.raises(SignatureOfOtherTerms):
        sign(proposed(better), NOTE)


@pytest.mark.parametrize(
    ("keyring", "subject"),
    [
        (Keyring(), MARTA),
        (keyring_of(CUSTOMER, "Jon"), MARTA),
        (keyring_of(CUSTOMER, MARTA), "Jon"),
        (keyring_of(CUSTOMER, MARTA, "Jon"), "Jon"),
    ],
)
def test_a_key_that_is_not_registered_to_the_caller_signs_nothing(keyring: Keyring, subject: str) -> None:
    with pytest.raises(UnknownSigningKey):
        sign(WAITING, NOTE, keyring=keyring, subject=subject)


def test_another_key_that_calls_itself_by_a_registered_name_and_id_has_not_signed() -> None:
    impostor = Signer(signer(CUSTOMER, MARTA).key.name, Ed25519PrivateKey.from_private_bytes(b"7" * 32))
    line = replace(impostor.sign(str(OWN)), key_id=signer(CUSTOMER, MARTA).key.id)
    with pytest.raises(BadNote, match="not of these bytes"):
        sign(WAITING, f"{OWN}\n{line}")


def test_a_note_has_one_signature_and_no_more() -> None:
    with pytest.raises(BadNote, match="1 signature, it has 2"):
        sign(WAITING, signed(OWN, signer(CUSTOMER, MARTA), signer(CUSTOMER, "Jon")))


# keys


def after(ring: Keyring | None, facts: tuple[KeyFact, ...], *, at: str = REGISTERED_AT) -> Keyring:
    for fact in facts:
        ring = keys.evolve(ring, fact, recorded_at=at)
    return ring or Keyring()


def registered(note: str, *, ring: Keyring | None = None, subject: str = MARTA) -> tuple[KeyFact, ...]:
    return keys.register(ring, note=note, organisation=CUSTOMER, subject=subject)


def rotated(ring: Keyring | None, note: str, *, key_id: str = "", subject: str = MARTA) -> tuple[KeyFact, ...]:
    return keys.rotate(ring, note=note, key_id=key_id, organisation=CUSTOMER, subject=subject)


def revoked(ring: Keyring | None, key_id: str, *, by: str = MARTA, administers: bool = False) -> tuple[KeyFact, ...]:
    return keys.revoke(ring, key_id=key_id, reason="Lost", organisation=CUSTOMER, subject=by, administers=administers)


RING = keyring_of(CUSTOMER, MARTA)
ALIEN = signer(PROVIDER, MARTA)
FIRST, SECOND = (signer(CUSTOMER, MARTA, number=number).key for number in (1, 2))


def test_a_key_is_registered_by_the_signature_it_made() -> None:
    note = registration(CUSTOMER, MARTA)
    assert registered(note) == (KeyRegistered(organisation=CUSTOMER, subject=MARTA, key=str(FIRST), note=note),)
    assert registered(note, ring=RING) == ()


@pytest.mark.parametrize(
    ("note", "refusal"),
    [
        (registration(CUSTOMER, "Jon"), KeyOfSomebodyElse),
        (registration(PROVIDER, MARTA), KeyOfSomebodyElse),
        (
            signed(KeyText(organisation=CUSTOMER, subject=MARTA, key=signer(PROVIDER, MARTA).key), signer(PROVIDER, MARTA)),
            KeyOfSomebodyElse,
        ),
        (signed(KeyText(organisation=CUSTOMER, subject=MARTA, key=FIRST), signer(CUSTOMER, MARTA, number=2)), BadNote),
        (signed(KeyText(organisation=CUSTOMER, subject=MARTA, key=signer(CUSTOMER, MARTA).witness_key), signer(CUSTOMER, MARTA)), BadNote),
        (NOTE, NotASigningText),
        (rotation(CUSTOMER, MARTA), BadNote),
        ("", BadNote),
        ("x" * 5_000, BadNote),
    ],
)
def test_a_registration_that_is_not_the_callers_own_is_refused(note: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        registered(note)


@pytest.mark.parametrize("public", [1, 2**255 - 18, 2**255 | 1, 2**255 - 20])
def test_a_key_without_a_secret_is_refused_though_its_signature_holds(public: int) -> None:
    """Of the neutral point, of another spelling of it, and of the point of order two."""
    key = VerifierKey(f"{CUSTOMER}/marta", public.to_bytes(32, "little"))
    anybodys = (1).to_bytes(32, "little") + bytes(32)
    notes = [
        Note(text, (Signature(key.name, key.id, anybodys),))
        for text in (str(KeyText(organisation=CUSTOMER, subject=f"{MARTA}-{number}", key=key)) for number in range(64))
    ]
    holding = [note for note in notes if key.has_signed(anybodys, note.text.encode())]
    assert holding
    for note in holding:
        with pytest.raises(BadNote, match="small order"):
            registered(str(note), subject=parse_key_text(note.text).subject)


@for_all(st.integers(0, len(registration(CUSTOMER, MARTA).encode()) - 1), st.integers(1, 255))
def test_a_registration_with_any_byte_flipped_registers_nothing(at: int, flip: int) -> None:
    content = bytearray(registration(CUSTOMER, MARTA).encode())
    content[at] ^= flip
    with pytest.raises((BadNote, NotASigningText, KeyOfSomebodyElse)):
        registered(content.decode(errors="replace"))


def test_a_rotated_key_signs_nothing_more_and_the_new_one_does() -> None:
    facts = rotated(RING, rotation(CUSTOMER, MARTA), key_id=FIRST.id.hex())
    assert facts == (
        KeyRotated(organisation=CUSTOMER, subject=MARTA, replaced=FIRST.id.hex(), key=str(SECOND), note=rotation(CUSTOMER, MARTA)),
    )
    ring = after(RING, facts, at="2026-02-01T00:00:00Z")
    assert [(each.key, each.revoked_at, each.replaced_by) for each in ring.keys] == [
        (FIRST, "2026-02-01T00:00:00Z", SECOND.id.hex()),
        (SECOND, "", ""),
    ]
    with pytest.raises(SigningKeyRevoked, match=SECOND.id.hex()):
        sign(WAITING, NOTE, keyring=ring)
    sign(WAITING, signed(OWN, signer(CUSTOMER, MARTA, number=2)), keyring=ring)
    assert rotated(ring, rotation(CUSTOMER, MARTA)) == ()
    with pytest.raises(SigningKeyRevoked):
        registered(registration(CUSTOMER, MARTA), ring=ring)


def test_a_rotation_is_signed_by_the_old_key_and_by_the_new_one() -> None:
    text = KeyText(organisation=CUSTOMER, subject=MARTA, key=SECOND)
    old, new, third = (signer(CUSTOMER, MARTA, number=number) for number in (1, 2, 3))
    for signers in ((old, third), (new, third), (new, new)):
        with pytest.raises((BadNote, KeyNotFound)):
            rotated(RING, signed(text, *signers))
    with pytest.raises(KeyNotFound):
        rotated(None, signed(text, old, new))
    with pytest.raises(NotTheOwner):
        rotated(RING, signed(replace(text, subject="Jon"), old, new), subject="Jon")
    with pytest.raises(KeyIdTaken):
        rotated(RING, signed(replace(text, key=FIRST), old, old), key_id=FIRST.id.hex())


def test_a_revoked_key_signs_nothing_more() -> None:
    facts = revoked(RING, FIRST.id.hex())
    assert facts == (KeyRevoked(organisation=CUSTOMER, key_id=FIRST.id.hex(), revoked_by=MARTA, reason="Lost"),)
    ring = after(RING, facts)
    with pytest.raises(SigningKeyRevoked):
        sign(WAITING, NOTE, keyring=ring)
    with pytest.raises(SigningKeyRevoked):
        rotated(ring, rotation(CUSTOMER, MARTA))
    with pytest.raises(SigningKeyRevoked):
        revoked(ring, FIRST.id.hex())


def test_a_key_is_revoked_by_its_owner_or_by_an_administrator_and_by_nobody_else() -> None:
    with pytest.raises(NotTheOwner):
        revoked(RING, FIRST.id.hex(), by="Jon")
    assert revoked(RING, FIRST.id.hex(), by="Jon", administers=True)
    with pytest.raises(KeyNotFound):
        revoked(RING, "00000000")


def test_a_key_with_the_id_of_another_is_refused() -> None:
    (known,) = RING.keys
    squatted = Keyring(keys=(replace(known, subject="Jon"),))
    with pytest.raises(KeyIdTaken):
        registered(registration(CUSTOMER, MARTA), ring=squatted)


# at the doors

CUSTOMERS_SIGNATORY = subject_of(CUSTOMER, Role.SIGNATORY)


def forged(note: str) -> str:
    """The last byte of the signature is another."""
    head, _, encoded = note.rstrip("\n").rpartition(" ")
    content = bytearray(base64.b64decode(encoded))
    content[-1] ^= 1
    return f"{head} {base64.b64encode(content).decode()}\n"


def test_over_http_a_signature_of_other_bytes_is_refused_and_a_genuine_one_answered_with_key_and_note(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path = (await service.draft()).headers["location"]
        waiting = await service.ask("POST", f"{path}/proposal", version=1)
        note = note_for(waiting.body, CUSTOMER, CUSTOMERS_SIGNATORY)

        async def send(note: str) -> tuple[int, str]:
            answer = await service.ask("POST", f"{path}/signatures", {"note": note}, by=CUSTOMER, role=Role.SIGNATORY, version=2)
            return answer.status, answer.body.get("code", "")

        assert await send(note) == (409, "unknown-signing-key")
        assert await service.note(waiting.body, by=CUSTOMER) == note
        assert await send(forged(note)) == (422, "bad-note")
        assert await send(note.replace("terms-version 1", "terms-version 2")) == (409, "signature-of-other-terms")
        unsigned = await service.ask("POST", f"{path}/signatures", {"digest": "0" * 64}, by=CUSTOMER, role=Role.SIGNATORY, version=2)
        assert unsigned.status == 422
        signed_once = await service.sign_for(waiting.body, CUSTOMER)
        (signature,) = signed_once.body["signatures"]
        assert (signature["key"], signature["note"]) == (str(signer(CUSTOMER, CUSTOMERS_SIGNATORY).key), note)
        history = (await service.ask("GET", f"{path}/history")).body["items"]
        assert (history[-1]["type"], history[-1]["data"]["note"]) == ("agreement.signed.v2", note)

    play(tmp_path, scene)


def test_over_grpc_a_signature_of_other_bytes_is_refused_and_a_revoked_key_signs_nothing(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        stub, whose = service.stub, service.metadata(CUSTOMER, Role.SIGNATORY)
        path = (await service.draft()).headers["location"]
        waiting = await service.ask("POST", f"{path}/proposal", version=1)
        note = note_for(waiting.body, CUSTOMER, CUSTOMERS_SIGNATORY)
        first = await stub.RegisterKey(messages.RegisterKeyRequest(note=registration(CUSTOMER, CUSTOMERS_SIGNATORY)), metadata=whose)
        assert (first.organisation, first.subject, first.revoked_at) == (CUSTOMER, CUSTOMERS_SIGNATORY, "")

        async def send(note: str) -> str:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await stub.SignAgreement(messages.SignAgreementRequest(agreement_id=waiting.body["id"], note=note), metadata=whose)
            return f"{failed.value.code().name} {failed.value.details()}"

        assert (await send(forged(note))).startswith("INVALID_ARGUMENT signature: of")
        assert "sha256:1" in await send(note.replace("sha256:", "sha256:1"))
        second = await stub.RotateKey(messages.RotateKeyRequest(note=rotation(CUSTOMER, CUSTOMERS_SIGNATORY)), metadata=whose)
        assert second.id == signer(CUSTOMER, CUSTOMERS_SIGNATORY, number=2).key.id.hex()
        assert "signs nothing more" in await send(note)
        administrator = service.metadata(CUSTOMER, Role.ADMINISTRATOR)
        gone = await stub.RevokeKey(messages.RevokeKeyRequest(key_id=second.id, reason="Has left"), metadata=administrator)
        assert (gone.revoked_at != "", gone.reason) == (True, "Has left")
        listed = await stub.ListKeys(messages.ListKeysRequest(), metadata=whose)
        assert [(each.id, each.replaced_by) for each in listed.keys] == [(first.id, second.id), (second.id, "")]

    play(tmp_path, scene)


def test_keys_are_seen_by_those_who_have_an_agreement_with_their_organisation(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        await service.activate()

        async def seen(by: OrganisationId) -> list[str]:
            answer = await service.ask("GET", f"/v1/keys?organisation={CUSTOMER}", by=by, role=Role.VIEWER)
            return [each["subject"] for each in answer.body["items"]]

        await soon(
            lambda: service.ask("GET", f"/v1/keys?organisation={CUSTOMER}", role=Role.VIEWER), lambda answer: bool(answer.body["items"])
        )
        assert await seen(PROVIDER) == await seen(CUSTOMER) == [CUSTOMERS_SIGNATORY]
        assert await seen(STRANGER) == []
        own = await service.ask("GET", "/v1/keys", by=STRANGER, role=Role.VIEWER)
        assert own.body == {"items": []}

    play(tmp_path, scene)
