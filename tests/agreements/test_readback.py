"""What the standard library alone reads of stored events is what the event store reads, and nothing more."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from services.agreements.readback import UnreadableFact, read_fact
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.chassis.events import Registry, UnknownEvent, UnreadableEvent

GOLDEN = sorted((Path(__file__).parents[1] / "contracts" / "agreements").glob("*.json"))
REGISTRY: Registry[Stored] = Registry(STORED, upcasters=UPCASTERS)
METADATA = {
    name: name
    for name in (
        "event_id",
        "recorded_at",
        "actor",
        "organisation",
        "reason",
        "tool",
        "correlation_id",
        "causation_id",
        "traceparent",
    )
}


def stored(event: object) -> bytes:
    return json.dumps({"metadata": METADATA, "event": event}).encode()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.stem)
def test_every_event_of_every_version_is_read_as_the_store_reads_it(golden: Path) -> None:
    content = stored(json.loads(golden.read_text()))
    _, event, metadata = REGISTRY.unpack(golden.stem, content)
    read = read_fact(golden.stem, content)
    assert read.fact == event
    assert (read.recorded_at, read.actor, read.organisation) == (metadata.recorded_at, metadata.actor, metadata.organisation)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.stem)
def test_what_does_not_fit_its_name_is_refused_by_both(golden: Path) -> None:
    event = json.loads(golden.read_text())
    wrong = [{**event, "further": 1}, *({**event, name: ["no"]} for name in event)]
    wrong += [{key: value for key, value in event.items() if key != name} for name in event]
    for each in wrong:
        with pytest.raises(UnreadableFact):
            read_fact(golden.stem, stored(each))
        with pytest.raises(UnreadableEvent):
            REGISTRY.unpack(golden.stem, stored(each))


def test_there_is_a_golden_file_of_every_event_that_is_stored() -> None:
    assert set(STORED) <= {golden.stem for golden in GOLDEN}
    assert all(fields(kind) for kind in STORED.values())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"metadata": 1, "event": {}}', b"[" * 50_000])
def test_what_is_no_event_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFact):
        read_fact("agreement.proposed.v1", content)


def test_a_name_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnreadableFact):
        read_fact("agreement.forgotten.v1", stored({}))
    with pytest.raises(UnknownEvent):
        REGISTRY.unpack("agreement.forgotten.v1", stored({}))


@pytest.mark.parametrize("day", ["2026-02-30", "20260201", "2026-W10-1", "first of May"])
def test_a_day_is_written_in_one_way(day: str) -> None:
    golden = next(each for each in GOLDEN if each.stem == "agreement.expired.v1")
    with pytest.raises(UnreadableFact):
        read_fact(golden.stem, stored(json.loads(golden.read_text()) | {"last_day": day}))
