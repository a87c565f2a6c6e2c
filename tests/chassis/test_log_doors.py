"""A service's log over its own doors: what is served is enough to verify it, and nobody writes below it but a known witness."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis.checkpoints import STREAM, CheckpointsHeard, checkpoint_subject
from services.chassis.log_keys import LogKeys
from services.transparency.entry import parse_entry
from services.transparency.merkle import leaf_hash, verify_consistency
from services.transparency.note import BadNote, Signer, cosigned_by, parse_checkpoint, parse_key, parse_note, verify
from services.transparency.rotation import followed
from services.transparency.tiles import Tiles
from services.vocabulary.identity import Role
from tests.chassis.bus import until
from tests.chassis.logged import LOG, NAME, Logged, logged

WITNESS = Signer("bank.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
STRANGER = Signer("bank.example", Ed25519PrivateKey.from_private_bytes(b"s" * 32))


def run(folder: Path, story: Callable[[Logged], Awaitable[None]]) -> None:
    (folder / "witnesses").write_text(f"{WITNESS.witness_key}\n")

    async def told() -> None:
        async with logged(folder / "data", log_origin="upheld.example", witnesses=str(folder / "witnesses")) as opened:
            await story(opened)

    asyncio.run(told())


def test_the_checkpoint_is_a_note_by_the_key_that_is_told(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        assert (await opened.get("checkpoint")).json()["code"] == "not-sealed"
        await opened.append(3)
        answer, told = await opened.get("checkpoint"), (await opened.get("key")).json()
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert told["log"] == f"upheld.example/{NAME}"
        assert (told["rotations"], told["witnesses"]) == ([], [str(WITNESS.witness_key)])
        note = parse_note(answer.text)
        verify(note, parse_key(told["keys"][0]))
        assert (parse_checkpoint(note.text).origin, parse_checkpoint(note.text).size) == (told["log"], 3)
        assert (await opened.get("checkpoints/3")).text == answer.text
        assert (await opened.get("checkpoints/2")).status_code == 404

    run(tmp_path, story)


def test_who_has_the_tiles_has_the_tree_and_who_has_the_entries_its_leaves(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        await opened.append(300)
        checkpoint = await opened.checkpoint()
        paths = {(0, 0): "0/000", (0, 1): "0/001.p/44", (1, 0): "1/000.p/1"}
        tiles = {place: (await opened.get(f"tile/{path}")) for place, path in paths.items()}
        assert {each.headers["content-type"] for each in tiles.values()} == {"application/octet-stream"}
        assert Tiles(300, lambda level, number: tiles[level, number].content).root() == checkpoint.root
        bundles = [(await opened.get(f"tile/entries/{path}", Role.AUDITOR)).content for path in ("000", "001.p/44")]
        entries = [entry for bundle in bundles for entry in entries_of(bundle)]
        assert b"".join(map(leaf_hash, entries)) == tiles[0, 0].content + tiles[0, 1].content
        parsed = [parse_entry(entry) for entry in entries]
        assert [each.version for each in parsed if each] == list(range(1, 301))

    run(tmp_path, story)


def entries_of(bundle: bytes) -> list[bytes]:
    found = []
    while bundle:
        (length,) = struct.unpack_from(">H", bundle)
        found.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return found


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("0/001", "not-sealed"),
        ("0/000.p/4", "not-sealed"),
        ("1/000.p/1", "not-sealed"),
        ("0/1", "no-such-tile"),
        ("9/000", "no-such-tile"),
        ("entries", "no-such-tile"),
        ("0/" + "x999/" * 6 + "999", "no-such-tile"),
        ("", "no-such-tile"),
        ("entries/001", "not-sealed"),
        ("entries/000.p/4", "not-sealed"),
        ("entries/0", "no-such-tile"),
    ],
)
def test_what_the_log_does_not_have_is_not_there(tmp_path: Path, path: str, code: str) -> None:
    async def story(opened: Logged) -> None:
        await opened.append(3)
        answer = await opened.get(f"tile/{path}", Role.ADMINISTRATOR)
        assert (answer.status_code, answer.json()["code"]) == (404, code)

    run(tmp_path, story)


def test_entries_are_for_auditors_and_administrators_alone(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        await opened.append(3)
        answers = {role: (await opened.get("tile/entries/000.p/3", role)).status_code for role in Role}
        assert {role for role, status in answers.items() if status == 200} == {Role.AUDITOR, Role.ADMINISTRATOR}
        assert set(answers.values()) == {200, 403}
        for path in ("checkpoint", "checkpoints/3", "tile/0/000.p/3", "key"):
            assert {(await opened.get(path, role)).status_code for role in Role} == {200}
            assert (await opened.http.get(f"{LOG}/{path}")).status_code == 401

    run(tmp_path, story)


def test_how_it_grew_is_shown(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        await opened.append(3)
        old = await opened.checkpoint()
        await opened.append(5)
        new = await opened.checkpoint()
        told = (await opened.get("consistency?from=3&to=8")).json()
        assert (told["from"], told["to"]) == (3, 8)
        proof = [base64.b64decode(each) for each in told["proof"]]
        assert verify_consistency(3, 8, proof, old.root, new.root)
        assert (await opened.get("consistency?from=3&to=9")).status_code == 404
        assert (await opened.get("consistency?from=-1&to=8")).status_code == 422

    run(tmp_path, story)


def test_a_known_witness_signs_below_and_nobody_else(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        await opened.append(3)
        text = parse_note((await opened.get("checkpoint")).text).text

        async def cosign(size: int, line: str) -> int:
            answer = await opened.http.post(
                f"{LOG}/cosignatures", json={"size": size, "signature": line}, headers=opened.bearer(Role.VIEWER)
            )
            return answer.status_code

        assert await cosign(3, str(STRANGER.cosign(text, at=1_774_000_000))) == 422
        assert await cosign(3, "no signature") == 422
        assert await cosign(4, str(WITNESS.cosign(text, at=1_774_000_000))) == 404
        assert await cosign(3, str(WITNESS.cosign(text, at=1_774_000_000))) == 200
        signed = parse_note((await opened.get("checkpoint")).text)
        assert [each.name for each in cosigned_by(signed, [WITNESS.witness_key])] == ["bank.example"]

    run(tmp_path, story)


def test_a_key_that_is_made_while_the_service_runs_signs_what_is_there_and_what_comes(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        await opened.append(3)
        (old,) = [parse_key(key) for key in (await opened.get("key")).json()["keys"]]
        keys = LogKeys.open(opened.platform.settings)
        keys.rotate()
        await opened.log.sealer.position()
        told = (await opened.get("key")).json()
        new = followed(old, told["rotations"])[-1]
        assert told["keys"] == [str(old), str(new)]
        await opened.append(2)
        for size in (3, 5):
            note = parse_note((await opened.get(f"checkpoints/{size}")).text)
            for key in (old, new):
                verify(note, key)
        keys.retire([NAME])
        await opened.append(1)
        note = parse_note((await opened.get("checkpoint")).text)
        assert [(each.name, each.key_id) for each in note.signatures] == [(new.name, new.id)]
        assert followed(old, (await opened.get("key")).json()["rotations"])[-1] == new

    run(tmp_path, story)


def test_each_checkpoint_is_told_on_the_bus_and_the_last_is_kept_there(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        broker = opened.platform.broker
        await broker.ready(10)
        heard: list[str] = []

        async def hear(message: object) -> None:
            heard.append(message.data.decode())  # type: ignore[attr-defined]

        await broker.subscribe(checkpoint_subject(NAME), hear)
        others = {"events": "upheld.house.*.*", "ingest": "upheld.ingest.>", "dead": "upheld.deadletter.>"}
        for other, subjects in others.items():
            await broker.jetstream.add_stream(name=other, subjects=[subjects])
        for size in (1, 2, 3):
            await opened.append(1)
            await until(lambda size=size: bool(heard) and sizes(heard)[-1] == size)  # type: ignore[misc]
        assert sizes(heard) == [1, 2, 3]
        newest = (await opened.get("checkpoint")).text
        assert (await broker.jetstream.get_last_msg(STREAM, checkpoint_subject(NAME))).data == newest.encode()
        assert (await broker.jetstream.stream_info(STREAM)).state.messages == 1
        told = await CheckpointsHeard(NAME, broker, opened.log.signer).newest()
        assert told is not None
        assert (told.checkpoint, told.position, told.key) == (await opened.checkpoint(), 3, opened.log.signer.key)

    run(tmp_path, story)


def test_what_nobody_of_the_platform_signed_is_not_heard(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        broker = opened.platform.broker
        await broker.ready(10)
        heard = CheckpointsHeard(NAME, broker, opened.log.signer)
        assert await heard.newest() is None
        told: list[None] = []
        await heard.tell(lambda: told.append(None))
        await opened.append(1)
        await until(lambda: bool(told))
        assert await heard.newest() is not None
        note = parse_note((await opened.get("checkpoint")).text)
        jetstream = broker.jetstream
        for forged in (str(STRANGER.note(note.text)), str(note).replace("\n1\n", "\n2\n"), "nothing", str(note)):
            await jetstream.publish(checkpoint_subject(NAME), forged.encode())
            assert await heard.newest() is None

    run(tmp_path, story)


def sizes(notes: list[str]) -> list[int]:
    return [parse_checkpoint(parse_note(note).text).size for note in notes]


def test_a_log_that_lost_its_key_is_not_ready(tmp_path: Path) -> None:
    async def story(opened: Logged) -> None:
        await opened.append(1)
        (opened.platform.settings.data / "log-keys" / "1.pem").unlink()
        LogKeys.open(opened.platform.settings)
        with pytest.raises(BadNote, match=f"no key of upheld.example/{NAME} has signed"):
            await opened.log.sealer.position()
        assert "not the log's own" in (await opened.http.get("/readyz")).json()["missing"]["tallies.log"]

    run(tmp_path, story)
