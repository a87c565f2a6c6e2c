"""The keys of a platform's logs: made once, changed without a gap, and never told to others."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.log_keys import BadLogKeys, LogKeys, NothingToRetire, Witnesses
from services.chassis.settings import Settings
from services.transparency.note import BadNote, Note, Signer, parse_note, verify
from services.transparency.rotation import followed
from services.vocabulary.errors import Invalid

SERVICES = ("agreements", "measurement")
WITNESS = Signer("bank.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))


def opened(folder: Path, **settings: object) -> LogKeys:
    return LogKeys.open(Settings.model_validate({"data": folder, **settings}))


def test_the_first_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first, again = opened(tmp_path), opened(tmp_path)
    assert first.of("agreements").keys == again.of("agreements").keys
    (file,) = (tmp_path / "log-keys").iterdir()
    assert (file.name, file.stat().st_mode & 0o777, (tmp_path / "log-keys").stat().st_mode & 0o777) == ("1.pem", 0o600, 0o700)


def test_one_key_has_a_name_for_each_service(tmp_path: Path) -> None:
    keys = opened(tmp_path, log_origin="upheld.example")
    told = [keys.of(service).key for service in SERVICES]
    assert [key.name for key in told] == ["upheld.example/agreements", "upheld.example/measurement"]
    assert told[0].public == told[1].public
    assert told[0].id != told[1].id


def test_after_a_rotation_both_keys_sign_until_the_old_one_is_retired(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    signer = keys.of("agreements")
    (old,) = signer.keys
    before = signer.note("one\n")
    assert keys.rotate() == 2
    _, new = signer.keys
    for key in (old, new):
        verify(signer.note("two\n"), key)
    assert keys.retire(SERVICES) == [1]
    after = signer.note("three\n")
    verify(after, new)
    with pytest.raises(BadNote):
        verify(after, old)
    for note in (before, after):
        signer.check(note)


def test_what_a_key_said_of_the_next_stays_the_same_when_it_is_retired(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    first = {service: keys.of(service).key for service in SERVICES}
    keys.rotate()
    keys.rotate()
    said = {service: keys.of(service).rotations for service in SERVICES}
    assert keys.retire(SERVICES) == [1, 2]
    for service in SERVICES:
        signer = keys.of(service)
        assert signer.rotations == said[service]
        assert followed(first[service], signer.rotations)[-1] == signer.key
    assert [file.name for file in (tmp_path / "log-keys").iterdir() if file.suffix == ".pem"] == ["3.pem"]


def test_the_only_key_is_not_retired(tmp_path: Path) -> None:
    with pytest.raises(NothingToRetire):
        opened(tmp_path).retire(SERVICES)


def test_a_note_of_nobody_here_is_not_the_logs_own(tmp_path: Path) -> None:
    signer, other = opened(tmp_path / "one").of("agreements"), opened(tmp_path / "other").of("agreements")
    with pytest.raises(BadNote, match="no key of upheld/agreements has signed"):
        signer.check(other.note("text\n"))
    with pytest.raises(BadNote, match="is not of these bytes"):
        signer.check(Note("another\n", signer.note("text\n").signatures))


def test_a_named_folder_must_hold_keys_and_nothing_is_made_there(tmp_path: Path) -> None:
    with pytest.raises(BadLogKeys, match="must hold a key"):
        opened(tmp_path, log_keys=str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_told_with_its_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1.pem").write_bytes(content)
    with pytest.raises(BadLogKeys, match=r"1\.pem cannot be read as a private key"):
        opened(tmp_path, log_keys=str(tmp_path))


def test_witnesses_are_read_from_their_file_again_each_time(tmp_path: Path) -> None:
    file = tmp_path / "witnesses"
    file.write_text(f"{WITNESS.witness_key}\n\n")
    witnesses = Witnesses(str(file))
    assert witnesses() == [WITNESS.witness_key]
    file.write_text("")
    assert witnesses() == []
    assert Witnesses("")() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (str(WITNESS.key), "witnesses:1: must be the key of a witness"),
        (f"{WITNESS.witness_key}\nnobody", "must be"),
        (None, "witnesses: .* cannot be read"),
    ],
)
def test_a_file_of_witnesses_that_holds_anything_else_is_refused(tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / "witnesses").write_text(text)
    with pytest.raises(Invalid, match=told):
        Witnesses(str(tmp_path / "witnesses"))


def test_the_statement_of_a_rotation_is_served_while_both_keys_sign(tmp_path: Path) -> None:
    keys = opened(tmp_path)
    keys.rotate()
    signer = keys.of("agreements")
    (statement,) = signer.rotations
    verify(parse_note(statement), signer.keys[0])
