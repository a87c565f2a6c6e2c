"""The sealer: every stored event is in a signed log, and no log is signed that is not the last one grown further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis import sealer as chassis
from services.chassis.clock import SystemClock
from services.chassis.database import TRACKING, Database
from services.chassis.event_store import EventStore
from services.chassis.follower import Follower
from services.chassis.sealer import HistoryRewritten, NotSealedYet, SealedLog, Sealer
from services.chassis.settings import Settings
from services.transparency.entry import entry_of
from services.transparency.heads import is_head, parse_heads
from services.transparency.merkle import leaf_hash, verify_consistency, verify_inclusion
from services.transparency.note import BadNote, Checkpoint, Signer, parse_checkpoint, parse_note, verify
from tests.chassis.storage import Counted, Event, Opened, context, opened_database, opened_store
from tests.chassis.test_follower import running

LOG = Signer("upheld.example/tallies", Ed25519PrivateKey.from_private_bytes(b"l" * 32))
OTHER = Signer("upheld.example/tallies", Ed25519PrivateKey.from_private_bytes(b"o" * 32))
WITNESS = Signer("bank.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))


@dataclass(frozen=True, kw_only=True)
class Sealing:
    store: EventStore[Event]
    database: Database
    sealer: Sealer
    log: SealedLog
    kept: Path

    async def append(self, stream: UUID, version: int, *events: Event) -> int:
        recorded = await self.store.append(stream, expected_version=version, events=events, context=context())
        return recorded[-1].position

    async def seal(self) -> Checkpoint:
        await self.sealer.take(await self.store.read(after=0, limit=10_000))
        return checkpoint_of(await self.log.checkpoint())


@asynccontextmanager
async def sealing(settings: Settings, signer: Signer = LOG) -> AsyncIterator[Sealing]:
    kept = settings.data / "tallies.checkpoint"
    async with opened_store(settings) as store, opened_database(settings, "tallies", chassis.METADATA) as database:
        sealer = Sealer("tallies", store, database, signer=signer, clock=SystemClock(), kept=kept)
        log = SealedLog("tallies", database, signer=signer, witnesses=lambda: [WITNESS.witness_key])
        yield Sealing(store=store, database=database, sealer=sealer, log=log, kept=kept)


def checkpoint_of(note: str) -> Checkpoint:
    parsed = parse_note(note)
    verify(parsed, LOG.key)
    return parse_checkpoint(parsed.text)


def run(settings: Settings, story: Callable[[Sealing], Awaitable[None]]) -> None:
    async def told() -> None:
        async with sealing(settings) as opened:
            await story(opened)

    asyncio.run(told())


def test_every_event_is_in_the_log_as_it_is_stored_and_the_last_of_its_stream_is_proved_to_be(settings: Settings) -> None:
    async def story(opened: Sealing) -> None:
        streams = [uuid4() for _ in range(5)]
        for stream in streams:
            await opened.append(stream, 0, Opened(owner="ana"), Counted(by=2))
        await opened.append(streams[2], 2, Counted(by=3))
        checkpoint = await opened.seal()
        assert checkpoint.size == 11
        root = parse_heads(checkpoint.extensions[0])
        assert root is not None
        for stream in streams:
            stored = await opened.store.load_bytes(stream)
            sealed = await opened.log.sealed(stream)
            assert [receipt.entry for receipt in sealed.receipts] == [
                entry_of(position=each.position, stream=stream, version=each.version, name=each.name, stored=each.content)
                for each in stored
            ]
            for receipt in sealed.receipts:
                leaf = leaf_hash(bytes(receipt.entry))
                assert verify_inclusion(leaf, receipt.index, checkpoint.size, receipt.siblings, checkpoint.root)
            assert is_head(stream, len(stored), sealed.head, root)
            assert not is_head(stream, len(stored) - 1, sealed.head, root)

    run(settings, story)


def test_each_checkpoint_is_the_one_before_grown_further(settings: Settings) -> None:
    async def story(opened: Sealing) -> None:
        stream, told = uuid4(), []
        for version in range(0, 12, 3):
            await opened.append(stream, version, *([Counted(by=1)] * 3))
            told.append(await opened.seal())
        assert [each.size for each in told] == [3, 6, 9, 12]
        for old in told:
            for new in told[told.index(old) :]:
                proof = await opened.log.consistency(old.size, new.size)
                assert verify_consistency(old.size, new.size, proof, old.root, new.root)
        with pytest.raises(NotSealedYet):
            await opened.log.consistency(5, 13)

    run(settings, story)


def test_the_log_that_is_made_anew_from_the_events_is_the_same_and_signs_nothing_before(settings: Settings) -> None:
    async def story(opened: Sealing) -> None:
        for _ in range(40):
            await opened.append(uuid4(), 0, Opened(owner="ana"))
        before = await opened.seal()
        await opened.database.write(_wipe)
        anew = Sealer("tallies", opened.store, opened.database, signer=LOG, clock=SystemClock(), kept=opened.kept)
        assert await anew.position() == 0
        events = await opened.store.read(after=0, limit=100)
        await opened.database.write(lambda each: anew._seal(each, []))
        with pytest.raises(NotSealedYet):
            await opened.log.checkpoint()
        await anew.take(events)
        assert checkpoint_of(await opened.log.checkpoint()) == before

    run(settings, story)


def test_a_history_that_was_rewritten_behind_the_log_is_not_signed(settings_sqlite: Settings) -> None:
    async def story(opened: Sealing) -> None:
        stream = uuid4()
        await opened.append(stream, 0, Opened(owner="ana"), Counted(by=2), Counted(by=2))
        before = await opened.seal()
        await opened.database.write(_wipe)
        _rewrite(
            settings_sqlite,
            "UPDATE stored_events SET state = CAST(replace(state, '\"by\":2', '\"by\":9') AS BLOB) WHERE originator_version = 2",
        )
        anew = Sealer("tallies", opened.store, opened.database, signer=LOG, clock=SystemClock(), kept=opened.kept)
        with pytest.raises(HistoryRewritten):
            await anew.take(await opened.store.read(after=0, limit=10))
        assert "not those whose checkpoint was signed" in await anew.check()
        assert checkpoint_of(opened.kept.read_text()) == before

    run(settings_sqlite, story)


def test_a_store_that_was_rolled_back_is_found_out_before_anything_is_signed(settings_sqlite: Settings) -> None:
    async def story(opened: Sealing) -> None:
        stream = uuid4()
        await opened.append(stream, 0, Opened(owner="ana"), Counted(by=2))
        await opened.seal()
        _rewrite(
            settings_sqlite, "DELETE FROM stored_events WHERE originator_version = 2", "DELETE FROM stored_event_ids WHERE version = 2"
        )
        with pytest.raises(HistoryRewritten):
            await opened.sealer.position()
        await opened.append(stream, 1, Counted(by=7))
        with pytest.raises(HistoryRewritten):
            await opened.sealer.position()
        assert "position 2" in await opened.sealer.check()

    run(settings_sqlite, story)


def test_a_checkpoint_of_another_key_is_not_taken_for_our_own(settings_sqlite: Settings) -> None:
    async def story(opened: Sealing) -> None:
        await opened.append(uuid4(), 0, Opened(owner="ana"))
        await opened.seal()
        await opened.append(uuid4(), 0, Opened(owner="ana"))
        another = Sealer("tallies", opened.store, opened.database, signer=OTHER, clock=SystemClock(), kept=opened.kept)
        with pytest.raises(BadNote):
            await another.take(await opened.store.read(after=0, limit=10))

    run(settings_sqlite, story)


def test_a_witness_signs_below_and_a_stranger_changes_nothing(settings: Settings) -> None:
    async def story(opened: Sealing) -> None:
        await opened.append(uuid4(), 0, Opened(owner="ana"))
        await opened.seal()
        text = parse_note(await opened.log.checkpoint()).text
        signed = await opened.log.cosign(1, WITNESS.cosign(text, at=1_774_000_000))
        assert await opened.log.checkpoint() == signed
        assert [each.name for each in parse_note(signed).signatures] == ["upheld.example/tallies", "bank.example"]
        with pytest.raises(BadNote):
            await opened.log.cosign(1, WITNESS.cosign(text.replace("\n1\n", "\n2\n"), at=1_774_000_000))
        with pytest.raises(BadNote):
            await opened.log.cosign(1, OTHER.cosign(text, at=1_774_000_000))
        with pytest.raises(NotSealedYet):
            await opened.log.cosign(2, WITNESS.cosign(text, at=1_774_000_000))

    run(settings, story)


def test_tiles_are_served_as_wide_as_the_log_is(settings_sqlite: Settings) -> None:
    async def story(opened: Sealing) -> None:
        for _ in range(3):
            await opened.append(uuid4(), 0, *([Counted(by=1)] * 100))
        checkpoint = await opened.seal()
        assert checkpoint.size == 300
        assert len(await opened.log.tile(0, 0, 256)) == 256 * 32
        assert len(await opened.log.tile(0, 1, 44)) == 44 * 32
        assert len(await opened.log.tile(1, 0, 1)) == 32
        with pytest.raises(NotSealedYet):
            await opened.log.tile(0, 1, 45)

    run(settings_sqlite, story)


def test_it_seals_while_the_follower_runs_and_two_sealers_do_not_disturb_each_other(settings: Settings) -> None:
    async def story(opened: Sealing) -> None:
        second = Sealer("tallies", opened.store, opened.database, signer=LOG, clock=SystemClock(), kept=opened.kept)
        followers = [Follower("tallies", opened.store, [each]) for each in (opened.sealer, second)]
        async with running(followers[0]), running(followers[1]):
            last = 0
            for _ in range(30):
                last = await opened.append(uuid4(), 0, Opened(owner="ana"), Counted(by=1))
            for follower in followers:
                await follower.caught_up(last)
        assert checkpoint_of(await opened.log.checkpoint()).size == 60
        receipt = await opened.log.receipt((await opened.store.read(after=0, limit=1))[0].stream, 1)
        checkpoint = checkpoint_of(receipt.checkpoint)
        assert verify_inclusion(leaf_hash(bytes(receipt.entry)), receipt.index, checkpoint.size, receipt.siblings, checkpoint.root)

    run(settings, story)


def test_what_is_not_sealed_yet_has_no_receipt(settings_sqlite: Settings) -> None:
    async def story(opened: Sealing) -> None:
        stream = uuid4()
        with pytest.raises(NotSealedYet):
            await opened.log.checkpoint()
        await opened.append(stream, 0, Opened(owner="ana"))
        await opened.seal()
        for asked in (opened.log.receipt(stream, 2), opened.log.receipt(uuid4(), 1)):
            with pytest.raises(NotSealedYet):
                await asked
        with pytest.raises(NotSealedYet):
            await opened.log.sealed(uuid4())

    run(settings_sqlite, story)


def _wipe(connection: sa.Connection) -> None:
    for table in (*chassis.METADATA.sorted_tables, TRACKING):
        connection.execute(sa.delete(table))


def _rewrite(settings: Settings, *statements: str) -> None:
    """What somebody does who has the file."""
    engine = sa.create_engine(f"sqlite:///{settings.data / 'tallies-events.sqlite'}")
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
