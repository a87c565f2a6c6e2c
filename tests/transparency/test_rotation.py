"""Whoever has any key of a log can follow to its newest, and to nobody else's."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.transparency.note import BadNote, Signer, parse_note, verify, with_signatures
from services.transparency.rotation import followed, rotation

NAME = "upheld.example/agreements"


def signer(seed: bytes, name: str = NAME) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(seed * 32))


FIRST, SECOND, THIRD, STRANGER = (signer(seed) for seed in (b"1", b"2", b"3", b"s"))
STATEMENTS = [str(rotation(FIRST, SECOND.key)), str(rotation(SECOND, THIRD.key))]


def test_a_statement_says_exactly_this_and_is_signed_by_the_old_key() -> None:
    note = parse_note(STATEMENTS[0])
    assert note.text == f"upheld/key-rotation/v1\nupheld.example/agreements\n{SECOND.key}\n"
    verify(note, FIRST.key)


def test_from_any_key_one_follows_to_the_newest() -> None:
    assert followed(FIRST.key, STATEMENTS) == (FIRST.key, SECOND.key, THIRD.key)
    assert followed(SECOND.key, STATEMENTS) == (SECOND.key, THIRD.key)
    assert followed(THIRD.key, STATEMENTS) == (THIRD.key,)


def test_what_a_stranger_says_of_the_next_key_leads_nowhere() -> None:
    assert followed(FIRST.key, [str(rotation(STRANGER, THIRD.key))]) == (FIRST.key,)


def test_without_the_first_statement_the_second_leads_nowhere() -> None:
    assert followed(FIRST.key, STATEMENTS[1:]) == (FIRST.key,)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (STATEMENTS[0].replace(str(SECOND.key), str(STRANGER.key)), "is not of these bytes"),
        (str(FIRST.note(f"upheld/key-rotation/v2\n{NAME}\n{SECOND.key}\n")), "must be the lines"),
        (str(FIRST.note(f"upheld/key-rotation/v1\nupheld.example/reporting\n{SECOND.key}\n")), "must be the lines"),
        (str(FIRST.note(f"upheld/key-rotation/v1\n{NAME}\n{SECOND.key}\nmore\n")), "must be the lines"),
        (str(FIRST.note(f"upheld/key-rotation/v1\n{NAME}\n{signer(b'2', 'other').key}\n")), "must name another key of"),
        (str(FIRST.note(f"upheld/key-rotation/v1\n{NAME}\n{SECOND.witness_key}\n")), "must name another key of"),
        (str(FIRST.note(f"upheld/key-rotation/v1\n{NAME}\n {SECOND.key}\n")), "must name another key of"),
        (str(FIRST.note(f"upheld/key-rotation/v1\n{NAME}\nnone\n")), "must be"),
    ],
)
def test_what_the_known_key_did_not_sign_so_is_refused(statement: str, rule: str) -> None:
    with pytest.raises(BadNote, match=rule):
        followed(FIRST.key, [statement])


def test_a_signature_of_the_new_key_beside_the_old_one_disturbs_nobody() -> None:
    note = rotation(FIRST, SECOND.key)
    assert followed(FIRST.key, [str(with_signatures(note, [SECOND.sign(note.text)]))]) == (FIRST.key, SECOND.key)
