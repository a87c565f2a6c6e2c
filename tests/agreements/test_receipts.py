"""Where an event of an agreement is in the signed log, over HTTP and gRPC: for whoever sees the agreement."""

from __future__ import annotations

import asyncio
import base64
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from upheld.agreements.v1 import agreements_pb2 as messages

from services.transparency.entry import parse_entry
from services.transparency.merkle import leaf_hash, verify_consistency, verify_inclusion
from services.transparency.note import parse_checkpoint, parse_key, parse_note, verify
from services.vocabulary.identity import OrganisationId, Role
from tests.agreements.support import AUDITOR, CUSTOMER, PROVIDER, STRANGER, Answer, Running, play


async def receipt(service: Running, agreement_id: str, version: int, *, by: OrganisationId = PROVIDER) -> Answer:
    """Once it is there: sealing waits for no answer, and no answer for it."""
    async with asyncio.timeout(20):
        while True:
            answer = await service.ask("GET", f"/v1/agreements/{agreement_id}/events/{version}/receipt", by=by, role=Role.VIEWER)
            if answer.status == 200 or answer.body["code"] != "not-sealed":
                return answer
            await asyncio.sleep(0.05)


def test_each_event_has_its_place_in_a_log_that_the_platform_signed(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        drafted = await service.draft()
        agreement_id = drafted.body["id"]
        await service.ask("POST", f"/v1/agreements/{agreement_id}/proposal", version=drafted.version)
        (key,) = (await service.ask("GET", "/v1/log/agreements/key", role=Role.VIEWER)).body["keys"]
        history = (await service.ask("GET", f"/v1/agreements/{agreement_id}/history")).body["items"]
        assert len(history) == 2
        for told in history:
            found = (await receipt(service, agreement_id, told["version"])).body
            content = base64.b64decode(found["entry"])
            note, entry = parse_note(found["checkpoint"]), parse_entry(content)
            verify(note, parse_key(key))
            assert entry is not None
            assert (entry.stream, entry.version, entry.name) == (UUID(agreement_id), told["version"], told["type"])
            said, siblings = parse_checkpoint(note.text), [base64.b64decode(each) for each in found["siblings"]]
            assert verify_inclusion(leaf_hash(content), found["index"], said.size, siblings, said.root)

    play(tmp_path, scene)


def test_grpc_gives_the_same(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        agreement_id = (await service.draft()).body["id"]
        over_http = (await receipt(service, agreement_id, 1)).body
        metadata = service.metadata(PROVIDER, Role.VIEWER)
        found = await service.stub.GetReceipt(messages.GetReceiptRequest(agreement_id=agreement_id, version=1), metadata=metadata)
        assert base64.b64encode(found.entry).decode() == over_http["entry"]
        assert (found.index, found.checkpoint, list(found.siblings)) == (0, over_http["checkpoint"], [])
        assert base64.b64encode(found.stored).decode() == over_http["stored"]
        for size in (0, 1):
            told = await service.stub.GetCheckpoint(messages.GetCheckpointRequest(size=size), metadata=metadata)
            assert told.note == over_http["checkpoint"]
            verify(parse_note(told.note), parse_key(told.key))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await service.stub.GetCheckpoint(messages.GetCheckpointRequest(size=7), metadata=metadata)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND

    play(tmp_path, scene)


def test_all_events_are_shown_by_one_checkpoint_with_the_bytes_that_are_stored(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        drafted = await service.draft()
        agreement_id = drafted.body["id"]
        await service.ask("POST", f"/v1/agreements/{agreement_id}/proposal", version=drafted.version)
        await receipt(service, agreement_id, 2)
        told = (await service.ask("GET", f"/v1/agreements/{agreement_id}/receipts", by=AUDITOR, role=Role.VIEWER)).body
        (checkpoint,) = {each["checkpoint"] for each in told["items"]}
        note = parse_note(checkpoint)
        verify(note, parse_key(told["key"]))
        said = parse_checkpoint(note.text)
        for version, each in enumerate(told["items"], start=1):
            content, stored = base64.b64decode(each["entry"]), base64.b64decode(each["stored"])
            entry = parse_entry(content)
            assert entry is not None
            assert (entry.version, entry.digest) == (version, sha256(stored).digest())
            siblings = [base64.b64decode(sibling) for sibling in each["siblings"]]
            assert verify_inclusion(leaf_hash(content), each["index"], said.size, siblings, said.root)
        request, metadata = messages.GetReceiptsRequest(agreement_id=agreement_id), service.metadata(PROVIDER, Role.VIEWER)
        found = await service.stub.GetReceipts(request, metadata=metadata)
        assert (found.key, [each.stored for each in found.receipts]) == (
            told["key"],
            [base64.b64decode(each["stored"]) for each in told["items"]],
        )

    play(tmp_path, scene)


def test_grpc_shows_that_the_log_only_grew(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        roots = []
        metadata = service.metadata(PROVIDER, Role.VIEWER)
        for _ in range(2):
            agreement_id = (await service.draft()).body["id"]
            note = parse_note((await receipt(service, agreement_id, 1)).body["checkpoint"])
            roots.append(parse_checkpoint(note.text))
        old, new = roots
        request = messages.GetConsistencyRequest(from_size=old.size, to_size=new.size)
        found = await service.stub.GetConsistency(request, metadata=metadata)
        assert verify_consistency(old.size, new.size, list(found.hashes), old.root, new.root)
        assert not verify_consistency(old.size, new.size, list(found.hashes), bytes(32), new.root)
        for sizes in ((new.size, old.size), (1, new.size + 1), (-1, 1)):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await service.stub.GetConsistency(messages.GetConsistencyRequest(from_size=sizes[0], to_size=sizes[1]), metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.NOT_FOUND

    play(tmp_path, scene)


def test_who_does_not_see_the_agreement_sees_no_receipt_of_it(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        agreement_id = (await service.draft()).body["id"]
        for by in (PROVIDER, CUSTOMER, AUDITOR):
            assert (await receipt(service, agreement_id, 1, by=by)).status == 200
        hidden = await receipt(service, agreement_id, 1, by=STRANGER)
        assert (hidden.status, hidden.body["code"]) == (404, "agreement-not-found")
        for path in ("events/1/receipt", "receipts"):
            refused = await service.ask("GET", f"/v1/agreements/{agreement_id}/{path}", by=STRANGER, role=Role.VIEWER)
            assert (refused.status, refused.body["code"]) == (404, "agreement-not-found")
        missing = await service.ask("GET", f"/v1/agreements/{agreement_id}/events/2/receipt", role=Role.VIEWER)
        assert (missing.status, missing.body["code"]) == (404, "not-sealed")

    play(tmp_path, scene)
