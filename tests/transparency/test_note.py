"""Signed notes, checkpoints and cosignatures: the published formats, byte for byte."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.transparency.merkle import EMPTY_ROOT
from services.transparency.note import (
    BadNote,
    Checkpoint,
    Cosigned,
    Note,
    Signer,
    VerifierKey,
    cosigned_by,
    parse_checkpoint,
    parse_key,
    parse_note,
    verify,
    with_signatures,
)

LOG = Signer("upheld.example/agreements", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Signer("upheld.example/agreements", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Signer("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
TEXT = str(Checkpoint("upheld.example/agreements", 0, EMPTY_ROOT))


def test_a_checkpoint_is_three_lines() -> None:
    assert TEXT == "upheld.example/agreements\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert parse_checkpoint(TEXT) == Checkpoint("upheld.example/agreements", 0, EMPTY_ROOT)
    assert parse_checkpoint(TEXT + "known at 5\n").extensions == ("known at 5",)


def test_the_key_of_the_published_example_has_its_published_id() -> None:
    """The example of the signed-note text and of Go's sumdb/note: a key "PeterNeumann" of 33 bytes with the id c74f20a3."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert str(parse_key(text)) == text
    note = parse_note(
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    verify(note, parse_key(text))


def test_a_signed_note_is_read_as_it_is_written() -> None:
    note = LOG.note(TEXT)
    assert str(note).startswith(TEXT + "\n— upheld.example/agreements ")
    assert parse_note(str(note)) == note
    verify(note, parse_key(str(LOG.key)))


def test_a_signature_of_another_key_or_of_other_bytes_is_refused() -> None:
    with pytest.raises(BadNote, match="is missing"):
        verify(OTHER.note(TEXT), LOG.key)
    with pytest.raises(BadNote, match="not of these bytes"):
        verify(Note(TEXT + "more\n", LOG.note(TEXT).signatures), LOG.key)


def test_a_witness_signs_the_checkpoint_and_the_time() -> None:
    note = with_signatures(LOG.note(TEXT), [WITNESS.cosign(TEXT, at=1_774_000_000)])
    assert cosigned_by(note, [WITNESS.witness_key]) == (Cosigned("witness.example", 1_774_000_000),)
    assert cosigned_by(note, []) == ()
    moved = Note(TEXT.replace("\n0\n", "\n1\n"), note.signatures)
    with pytest.raises(BadNote, match=r"witness witness\.example"):
        cosigned_by(moved, [WITNESS.witness_key])


def test_a_witness_key_is_not_the_key_of_the_log_of_that_name() -> None:
    assert WITNESS.key.id != WITNESS.witness_key.id
    assert parse_key(str(WITNESS.witness_key)) == WITNESS.witness_key


def test_signing_again_adds_no_line() -> None:
    note = LOG.note(TEXT)
    assert with_signatures(note, note.signatures) == note


@given(st.binary(min_size=1, max_size=200), st.integers(0, 10**6))
def test_a_note_with_changed_bytes_is_refused(change: bytes, place: int) -> None:
    sound = str(with_signatures(LOG.note(TEXT), [WITNESS.cosign(TEXT, at=1)])).encode()
    at = place % len(sound)
    changed = sound[:at] + change + sound[at + len(change) :]
    if changed == sound:
        return
    with pytest.raises((BadNote, UnicodeDecodeError)):
        _read_all(changed.decode())


def _read_all(text: str) -> None:
    note = parse_note(text)
    verify(note, LOG.key)
    if len(cosigned_by(note, [WITNESS.witness_key])) != 1 or str(note) != text:
        raise BadNote("note", "is not the one that was signed twice")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty line"),
        ("a\n", "empty line"),
        ("a\n\n", "empty line"),
        ("a\n\n— x AAAAAAA=", "empty line"),
        ("a\n\n- x AAAAAAA=\n", "dash"),
        ("a\n\n— x AAAA\n", "key id"),
        ("a\n\n— x AAAAAAB=\n", "base64"),
        ("a\n\n— x+y AAAAAAA=\n", "plus signs"),
        ("a\x00\n\n— x AAAAAAA=\n", "control"),
    ],
)
def test_what_is_no_signed_note_is_refused(text: str, rule: str) -> None:
    with pytest.raises(BadNote, match=rule):
        parse_note(text)


@pytest.mark.parametrize("text", ["", "o\n1\n", "o\n01\nAA==\n", "o\n-1\nAA==\n", "o\n1\nAA==\n", TEXT[:-1], TEXT + "\n", "\n" + TEXT])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text)


@pytest.mark.parametrize("text", ["", "name", "name+00000000+AAAA", str(LOG.key).replace("+", " ", 1), str(LOG.key)[:-4]])
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_key(text)


def test_a_key_that_says_to_have_another_id_is_refused() -> None:
    wrong = f"{LOG.key.name}+{'0' * 8}+{str(LOG.key).split('+', 2)[2]}"
    with pytest.raises(BadNote, match="says to have the id"):
        parse_key(wrong)
    assert VerifierKey("a", LOG.key.public).id != VerifierKey("b", LOG.key.public).id
