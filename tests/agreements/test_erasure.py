"""A signatory who is forgotten: what they signed stays in force and proved, their key signs nothing more, and no door tells the name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.transparency.person import is_erased
from services.vocabulary.identity import Role
from tests.agreements.support import CUSTOMER, PROVIDER, Running, play, subject_of
from tests.signing import note_for

SIGNATORY = subject_of(PROVIDER, Role.SIGNATORY)
ERASURES = "/v1/log/agreements/erasures"


async def erased(service: Running) -> Mapping[str, Any]:
    body = {"organisation": PROVIDER, "subject": SIGNATORY, "reason": "left, and asked to"}
    answer = await service.ask("POST", ERASURES, body, role=Role.ADMINISTRATOR)
    assert answer.status == 200, answer.body
    receipt: Mapping[str, Any] = answer.body
    return receipt


def test_nothing_tells_the_name_of_a_signatory_who_was_erased_and_what_was_signed_holds(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, _ = await service.activate()
        paths = [path, f"{path}/history", f"/v1/history?organisation={PROVIDER}", "/v1/keys"]
        asked = [await service.ask("GET", each) for each in paths]
        assert SIGNATORY in str(asked[0].body["signatures"])
        assert SIGNATORY in str(asked[1].body)
        receipt = await erased(service)
        (person,) = receipt["erased"]
        assert (person["events"], receipt["still_named"]) == (3, 0)  # the key, the signature, and what it put in force
        again = [await service.ask("GET", each) for each in paths]
        assert not any(SIGNATORY in str(each.body) for each in again)
        name = f"erased-{person['id']}"
        signatories = {each["organisation"]: each["signatory"] for each in again[0].body["signatures"]}
        assert signatories == {PROVIDER: name, CUSTOMER: subject_of(CUSTOMER, Role.SIGNATORY)}
        assert (again[0].body["status"], again[0].version) == (asked[0].body["status"], asked[0].version)
        assert [each["subject"] for each in again[3].body["items"]] == [name]
        assert len(again[2].body["items"]) == len(asked[2].body["items"])

    play(tmp_path, scene)


def test_who_was_erased_signs_with_a_new_key_alone(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, active = await service.activate()
        await erased(service)
        keys = (await service.ask("GET", "/v1/keys")).body["items"]
        assert is_erased(keys[0]["subject"])
        draft = await service.draft()
        offer = (await service.ask("POST", f"{draft.headers['location']}/proposal", version=draft.version)).body
        refused = await service.ask(
            "POST",
            f"{draft.headers['location']}/signatures",
            {"note": note_for(offer, PROVIDER, SIGNATORY)},
            role=Role.SIGNATORY,
            version=offer["version"],
        )
        assert (refused.status, refused.body["code"]) == (409, "unknown-signing-key")
        assert (await service.ask("GET", path)).body["status"] == active.body["status"]

    play(tmp_path, scene)


def test_the_events_never_held_the_name_and_the_people_hold_it_no_more(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        await service.activate()
        held = _files_with(SIGNATORY, tmp_path)
        assert "agreements-people.sqlite" in held
        assert not any(each.startswith("agreements-events") for each in held)
        await erased(service)
        assert not any(each.startswith(("agreements-people", "agreements-events")) for each in _files_with(SIGNATORY, tmp_path))

    play(tmp_path, scene)


def _files_with(name: str, folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and name.encode() in path.read_bytes()}
