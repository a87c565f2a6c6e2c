"""`upheld key` and `upheld sign`, against a running `upheld up` and without any."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typer.testing import CliRunner, Result

from services.agreements.document import parse_document
from services.agreements.signing import parse_signing_text
from services.agreements.terms import digest
from services.command.__main__ import app
from services.command.signing import read_key_file
from services.transparency.note import parse_key, parse_note, verify
from services.vocabulary.identity import Role
from tests.command.cli import CUSTOMER, HEAD, PROVIDER, invoke, person
from tests.journeys.processes import Reach, one_process

pytestmark = pytest.mark.xdist_group("signing")

Json = Any
AGREEMENT = "6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11"
NOWHERE = {"UPHELD_URL": "http://127.0.0.1:9"}
TERMS = f"""{HEAD}
title: Payments platform
zone: UTC
effective_on: 2026-04-01
services: [{{id: payments, name: Payments, components: [{{id: web, name: Web}}]}}]
objectives:
  - id: availability
    name: Availability
    service: payments
    indicator: {{kind: availability, components: [web]}}
    target: "99.9"
"""
HIGHER = TERMS.replace('"99.9"', '"99.95"')


@pytest.fixture(scope="module")
def reach() -> Iterator[Reach]:
    with one_process() as started:
        yield started


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    file = tmp_path / "terms.yaml"
    file.write_text(TERMS)
    return file


def says(*words: str | Path, environment: dict[str, str] | None = None) -> str:
    done = invoke(*words, environment=environment or NOWHERE)
    assert done.exit_code == 0, done.output
    return done.stdout


def key_at(folder: Path, organisation: str) -> Path:
    """A key of somebody whom no other test knows."""
    file = folder / f"{organisation}-{uuid4().hex[:8]}.pem"
    says("key", "make", file, "--name", f"{organisation}/{file.stem}")
    return file


def registered(reach: Reach, folder: Path, organisation: str) -> Path:
    file = key_at(folder, organisation)
    says("key", "register", file, environment=dict(reach.environment))
    return file


def proposed(reach: Reach) -> Json:
    manager = person(reach, PROVIDER, Role.SERVICE_MANAGER)
    drafted = manager.post("/v1/agreements", TERMS, kind="application/yaml")
    return manager.post(f"/v1/agreements/{drafted['id']}/proposal", version=drafted["version"])


def state_of(reach: Reach, agreement_id: str) -> Json:
    return person(reach, PROVIDER, Role.VIEWER).get(f"/v1/agreements/{agreement_id}")


def offered(reach: Reach, agreement_id: str, key: Path, *words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["sign", "--offered", agreement_id, "--key", str(key), *words], env=reach.environment, input=typed)


# a key's file


def test_a_key_is_its_owners_alone_and_its_public_half_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "ida.pem"
    printed = says("key", "make", file, "--name", "rheinbank/ida.keller").strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    private = load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    key = parse_key(printed)
    assert (key.name, key.public) == ("rheinbank/ida.keller", private.public_key().public_bytes_raw())
    assert read_key_file(file).key == key


def test_a_key_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    file = key_at(tmp_path, CUSTOMER)
    before = file.read_bytes()
    again = invoke("key", "make", file, "--name", f"{CUSTOMER}/tim", environment=NOWHERE)
    assert (again.exit_code, file.read_bytes()) == (2, before)
    assert "cannot be made: File exists" in again.stderr


@pytest.mark.parametrize("name", ["ida", "rheinbank/", "Rhein Bank/ida", "rheinbank/ida keller", "rheinbank/i+k", ""])
def test_a_key_is_called_after_an_organisation_and_a_person(tmp_path: Path, name: str) -> None:
    refused = invoke("key", "make", tmp_path / "key.pem", "--name", name, environment=NOWHERE)
    assert refused.exit_code == 2
    assert not (tmp_path / "key.pem").exists()


def test_a_key_that_others_can_read_or_that_is_none_signs_nothing(tmp_path: Path, terms: Path) -> None:
    file = key_at(tmp_path, CUSTOMER)
    words = ("sign", terms, "--agreement", AGREEMENT, "--key")
    file.chmod(0o640)
    assert "chmod 600" in invoke(*words, file, environment=NOWHERE).stderr
    file.chmod(0o600)
    content = file.read_text()
    for broken in (content.partition("\n")[2], content.replace("/", "/x", 1), content.partition("\n")[0] + "\n", "nothing"):
        file.write_text(broken)
        refused = invoke(*words, file, environment=NOWHERE)
        assert (refused.exit_code, "as upheld key make writes them" in refused.stderr) == (2, True)


# without a platform


def test_a_note_is_made_from_the_document_alone(tmp_path: Path, terms: Path) -> None:
    key, file = key_at(tmp_path, CUSTOMER), tmp_path / "signed.note"
    words = ["--agreement", AGREEMENT, "--terms-version", "2", "--effective-on", "2026-05-01", "--role", "customer"]
    printed = says("sign", terms, *words, "--organisation", CUSTOMER, "--key", key)
    assert says("sign", terms, *words, "--key", key, "--out", file) == ""
    assert file.read_text() == printed
    note = parse_note(printed)
    verify(note, read_key_file(key).key)
    text = parse_signing_text(note.text)
    assert (str(text.agreement_id), text.terms_version, text.digest) == (AGREEMENT, 2, digest(parse_document(TERMS)))
    assert (str(text.effective_on), text.role, text.organisation) == ("2026-05-01", "customer", CUSTOMER)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--agreement", "mine"), "--agreement: must be an agreement's id"),
        (("--agreement", AGREEMENT, "--role", "provider"), f"--role: must be that of {CUSTOMER} in the terms"),
        (("--agreement", AGREEMENT, "--organisation", "somebody"), "--role: must be that of somebody in the terms"),
        (("--agreement", AGREEMENT, "--terms-version", "2"), "--effective-on: must be given"),
        (("--agreement", AGREEMENT, "--effective-on", "soon"), "--effective-on: "),
        (("--offered", AGREEMENT), "give a terms document, or --offered"),
    ],
)
def test_what_does_not_go_together_is_refused_and_nothing_signed(tmp_path: Path, terms: Path, words: tuple[str, ...], rule: str) -> None:
    refused = invoke("sign", terms, *words, "--key", key_at(tmp_path, CUSTOMER), environment=NOWHERE)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert rule in refused.stderr


# with one


def test_both_sides_sign_from_their_own_documents_and_the_terms_are_in_force(reach: Reach, tmp_path: Path, terms: Path) -> None:
    agreement = proposed(reach)
    for organisation, status in ((CUSTOMER, "proposed"), (PROVIDER, "active")):
        key = registered(reach, tmp_path, organisation)
        told = says("sign", terms, "--agreement", agreement["id"], "--key", key, "--send", environment=dict(reach.environment))
        assert told.strip().endswith(f"the agreement is {status}")
    signatures = state_of(reach, agreement["id"])["signatures"]
    for each in signatures:
        verify(parse_note(each["note"]), parse_key(each["key"]))


def test_a_document_that_differs_from_what_waits_is_not_signed_by_the_command(reach: Reach, tmp_path: Path) -> None:
    agreement, key = proposed(reach), registered(reach, tmp_path, CUSTOMER)
    other = tmp_path / "other.yaml"
    other.write_text(HIGHER)
    refused = invoke("sign", other, "--agreement", agreement["id"], "--key", key, "--send", environment=reach.environment)
    assert refused.exit_code == 1
    assert "409 signature-of-other-terms" in refused.stderr
    assert state_of(reach, agreement["id"])["signatures"] == []


def test_a_key_signs_from_its_registration_to_its_end(reach: Reach, tmp_path: Path) -> None:
    agreement, environment = proposed(reach), dict(reach.environment)
    old, new = key_at(tmp_path, CUSTOMER), tmp_path / "new.pem"
    says("key", "make", new, "--name", f"{CUSTOMER}/{old.stem}")

    def refusal(key: Path) -> str:
        done = offered(reach, agreement["id"], key, "--yes")
        assert done.exit_code == 1
        return done.stderr

    assert "unknown-signing-key" in refusal(old)
    says("key", "register", old, environment=environment)
    rotated = json.loads(says("key", "rotate", old, new, environment=environment))
    assert "signing-key-revoked" in refusal(old)
    revoked = says("key", "revoke", rotated["id"], "--reason", "Laptop lost", "--organisation", CUSTOMER, environment=environment)
    assert json.loads(revoked)["reason"] == "Laptop lost"
    assert "signing-key-revoked" in refusal(new)
    listed = says("key", "list", "--of", CUSTOMER, "--organisation", PROVIDER, environment=environment)
    own = [line for line in listed.splitlines() if old.stem in line]
    assert [("replaced by" in line, "Laptop lost" in line) for line in own] == [(True, False), (False, True)]
    told = json.loads(says("key", "list", "--organisation", CUSTOMER, "--json", environment=environment))
    assert [each["id"] for each in told["items"] if each["subject"] == old.stem] == [read_key_file(old).key.id.hex(), rotated["id"]]


def test_what_is_offered_is_explained_and_signed_only_by_a_yes(reach: Reach, tmp_path: Path) -> None:
    agreement, key = proposed(reach), registered(reach, tmp_path, CUSTOMER)
    refused = offered(reach, agreement["id"], key, typed="n\n")
    assert (refused.exit_code, "nothing was signed" in refused.stderr) == (1, True)
    assert state_of(reach, agreement["id"])["signatures"] == []
    signed = offered(reach, agreement["id"], key, typed="y\n")
    assert signed.exit_code == 0, signed.output
    assert "Availability" in signed.stdout
    assert f"digest sha256:{agreement['pending']['digest']}" in signed.stdout
    assert "What changes" not in signed.stdout
    (signature,) = state_of(reach, agreement["id"])["signatures"]
    assert (signature["signatory"], signature["key"]) == (key.stem, str(read_key_file(key).key))


def test_the_agreements_own_command_signs_with_a_key_as_well(reach: Reach, tmp_path: Path) -> None:
    agreement, key = proposed(reach), registered(reach, tmp_path, CUSTOMER)
    told = says("agreement", "sign", agreement["id"], "--key", key, "--yes", "--reason", "Fair", environment=dict(reach.environment))
    assert told.splitlines()[-2] == f"agreement {agreement['id']}: proposed, version 3"
    assert f"digest sha256:{agreement['pending']['digest']}" in told, "it was shown before"
    again = invoke("agreement", "sign", agreement["id"], "--key", key, "--yes", "--version", "2", environment=reach.environment)
    assert (again.exit_code, "412 stale-version" in again.stderr) == (1, True)
    shown = says("agreement", "show", agreement["id"], "--organisation", PROVIDER, environment=dict(reach.environment))
    assert "waits for signatures: terms version 1 from 2026-04-01 on" in shown
    assert f"signed by {key.stem} ({CUSTOMER})" in shown


def test_an_amendment_is_offered_with_what_it_changes(reach: Reach, tmp_path: Path) -> None:
    agreement = proposed(reach)
    keys = {organisation: registered(reach, tmp_path, organisation) for organisation in (CUSTOMER, PROVIDER)}
    apart = tmp_path / "apart.note"
    assert offered(reach, agreement["id"], keys[CUSTOMER], "--yes", "--out", str(apart)).exit_code == 0
    assert (parse_note(apart.read_text()).signatures[0].name[: len(CUSTOMER)], state_of(reach, agreement["id"])["signatures"]) == (
        CUSTOMER,
        [],
    )
    for key in keys.values():
        assert offered(reach, agreement["id"], key, "--yes").exit_code == 0
    nothing = offered(reach, agreement["id"], keys[CUSTOMER], "--yes")
    assert (nothing.exit_code, "nothing waits for signatures: the agreement is active" in nothing.stderr) == (1, True)
    path, active = f"/v1/agreements/{agreement['id']}", state_of(reach, agreement["id"])
    manager = person(reach, PROVIDER, Role.SERVICE_MANAGER)
    manager.post(f"{path}/amendments", HIGHER, kind="application/yaml", version=active["version"], effective_on="2026-06-01")
    told = offered(reach, agreement["id"], keys[CUSTOMER], "--yes", "--reason", "Better").stdout
    assert "What changes from 2026-06-01 on\n  Objective availability: the target rises from 99.9 % to 99.95 %." in told
    assert "terms-version 2" in told


def test_a_copy_of_a_key_signs_as_its_owner_and_as_nobody_else(reach: Reach, tmp_path: Path) -> None:
    agreement, key = proposed(reach), registered(reach, tmp_path, CUSTOMER)
    copy = Path(shutil.copy2(key, tmp_path / "copy.pem"))
    somebody = offered(reach, agreement["id"], copy, "--yes", "--subject", "somebody.else")
    assert (somebody.exit_code, "unknown-signing-key" in somebody.stderr) == (1, True)
    assert offered(reach, agreement["id"], copy, "--yes").exit_code == 0
