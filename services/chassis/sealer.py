"""The follower's sink that is a service's transparency log: every stored event becomes a leaf, every growth a signed checkpoint.

Nothing of it happens while an event is appended. It reads the stored bytes themselves. Never signs a tree that is not the last signed one
grown further: the last checkpoint is kept beside the database too, so that a database that was rolled back or rewritten is found out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis import files
from services.chassis.clock import Clock
from services.chassis.database import TRACKING, Database, upsert
from services.chassis.event_store import EventStore, StoredBytes
from services.chassis.events import Recorded
from services.transparency.entry import Entry, entry_of, parse_entry
from services.transparency.heads import GapInStream, HeadProof, Heads
from services.transparency.merkle import HASH_BYTES, consistency_proof, inclusion_proof, leaf_hash, root_at
from services.transparency.note import (
    BadNote,
    Checkpoint,
    Note,
    Signature,
    VerifierKey,
    cosigned_by,
    parse_checkpoint,
    parse_note,
    with_signatures,
)
from services.transparency.tiles import WIDTH, Tiles
from services.vocabulary.errors import Conflict, NotFound
from services.vocabulary.period import instant_of, instant_text

METADATA = sa.MetaData()

_ENTRIES = sa.Table(
    "log_entries",
    METADATA,
    sa.Column("leaf", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Index("log_entries_stream", "stream", "version"),
)
_TILES = sa.Table(
    "log_tiles",
    METADATA,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)
_CHECKPOINTS = sa.Table(
    "log_checkpoints",
    METADATA,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("signed_at", sa.Text, nullable=False),
)

_SINK = "sealer"
_BATCH = 2_000
_LEAST_BETWEEN_S = 0.2
_MOST_BETWEEN_S = 1.0
_REST = 20
"""How many times as long as it worked it rests."""


class HistoryRewritten(Conflict):
    """The stored history is not the one that was signed: nothing more is signed before somebody has looked."""

    code = "history-rewritten"


class NotSealedYet(NotFound):
    """The log has no such leaf, checkpoint or tile, or not yet."""

    code = "not-sealed"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An event is the leaf `index` of the tree that `checkpoint` was signed of, by the siblings up to its root."""

    entry: Entry
    index: int
    siblings: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A stream's whole history in the log, as of one checkpoint: nothing between, and nothing after."""

    checkpoint: str
    receipts: tuple[Receipt, ...]
    head: HeadProof


class Signing(Protocol):
    """By which keys a log is signed; a single `Signer` is one. `key` is the newest, its name the log's."""

    @property
    def key(self) -> VerifierKey: ...

    def note(self, text: str) -> Note:
        """Signed by all of them."""
        ...

    def check(self, note: Note) -> None:
        """Refuses with `BadNote` a note that none of them, nor one of before, has signed."""
        ...


class Sealer:
    """A Sink. Of several replicas one at a time seals; each finds what the others did in the database."""

    def __init__(self, service: str, store: EventStore[Any], database: Database, *, signer: Signing, clock: Clock, kept: Path) -> None:
        """`kept` is the file of the last signed checkpoint."""
        self.name = _SINK
        self.signer = signer
        self._service = service
        self._store = store
        self._database = database
        self._clock = clock
        self._kept = kept
        self._heads: tuple[int, Heads] | None = None
        self._rewritten = ""
        self._next_at = 0.0
        self._listeners: list[Callable[[], None]] = []

    def on_signed(self, listener: Callable[[], None]) -> None:
        """Calls it after each new checkpoint."""
        self._listeners.append(listener)

    async def position(self) -> int:
        """Raises `HistoryRewritten` where the store no longer has the last event that was sealed, as it was sealed."""
        position, last = await self._database.read(lambda each: (_position(each), _last_entry(each)))
        if last is not None:
            stored = await self._store.read_bytes(after=last.position - 1, limit=1)
            if [_sealed(each) for each in stored] != [last]:
                self._rewritten = f"the event at position {last.position} is not the one that was sealed"
                raise HistoryRewritten(f"{self._service}: {self._rewritten}")
        await self._sign_again()
        return position

    async def take(self, batch: Sequence[Recorded[Any]]) -> None:
        """Seals everything that is stored. Raises `HistoryRewritten`, and the database's errors.

        Many events a second become few checkpoints, with pauses twenty times as long as the work was: those who append have the disk.
        """
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._next_at - loop.time())
        begun = loop.time()
        last = max(batch[-1].position, await self._store.last_position())
        while (taken := await self._database.read(_position)) < last:
            stored = await self._store.read_bytes(after=taken, limit=_BATCH)
            note = await self._database.write(lambda each, stored=stored: self._seal(each, stored))  # type: ignore[misc]
            if note is not None:
                await self._tell(str(note))
        worked = loop.time() - begun
        self._next_at = loop.time() + min(max(_LEAST_BETWEEN_S, _REST * worked), _MOST_BETWEEN_S)

    async def check(self) -> str:
        """For `Service.checks`."""
        return self._rewritten

    async def _sign_again(self) -> None:
        """The newest checkpoint by a key that was made since."""
        told = await self._database.read(_newest)
        if told is not None and str(self._signed_further(told)) != told:
            size = parse_checkpoint(parse_note(told).text).size
            await self._tell(await self._database.write(lambda each: self._put_further(each, size)))

    def _put_further(self, connection: Connection, size: int) -> str:
        signed = str(self._signed_further(_checkpoint(connection, size, lock=True)))
        connection.execute(_put(size, signed))
        return signed

    def _signed_further(self, told: str) -> Note:
        note = self._own(told)
        return with_signatures(note, self.signer.note(note.text).signatures)

    async def _tell(self, note: str) -> None:
        await asyncio.to_thread(files.replace, self._kept, note.encode())
        for listener in self._listeners:
            listener()

    def _seal(self, connection: Connection, stored: Sequence[StoredBytes]) -> Note | None:
        """None: the tree is not as large yet as the one that was signed before."""
        upsert(TRACKING, connection, {"name": _SINK, "position": 0}, key=["name"], overwrite=False)
        position = connection.execute(_TRACKED.with_for_update()).scalar_one()
        fresh = [each for each in stored if each.position > position]
        tiles, heads = _tiles(connection), self._heads_at(connection)
        begin = tiles.size
        entries = [_sealed(each) for each in fresh]
        leaves = [bytes(entry) for entry in entries]
        tiles.append(map(leaf_hash, leaves))
        self._heads = None
        self._follow(heads, entries)
        _store(connection, begin, entries, leaves, tiles)
        if fresh:
            upsert(TRACKING, connection, {"name": _SINK, "position": fresh[-1].position}, key=["name"])
        note = self._signed(connection, tiles, heads)
        self._heads = (tiles.size, heads)
        return note

    def _signed(self, connection: Connection, tiles: Tiles, heads: Heads) -> Note | None:
        before = self._last_signed(connection)
        if before is not None and before.size > tiles.size:
            return None
        if before is not None and root_at(before.size, tiles.node) != before.root:
            self._rewritten = f"the first {before.size} events are not those whose checkpoint was signed"
            raise HistoryRewritten(f"{self._service}: {self._rewritten}")
        self._rewritten = ""
        checkpoint = Checkpoint(self.signer.key.name, tiles.size, tiles.root(), (str(heads.root),))
        note = self.signer.note(str(checkpoint))
        row = {"size": tiles.size, "note": str(note), "signed_at": instant_text(instant_of(self._clock.now()))}
        upsert(_CHECKPOINTS, connection, row, key=["size"], overwrite=False)
        return note

    def _follow(self, heads: Heads, entries: Sequence[Entry]) -> None:
        try:
            heads.follow((entry.stream, entry.version) for entry in entries)
        except GapInStream as gap:
            self._rewritten = gap.message
            raise HistoryRewritten(f"{self._service}: {self._rewritten}") from None

    def _last_signed(self, connection: Connection) -> Checkpoint | None:
        """The larger of the database's and the one kept beside it."""
        kept = self._kept.read_text() if self._kept.exists() else None
        notes = [each for each in (_newest(connection), kept) if each is not None]
        found = [parse_checkpoint(self._own(note).text) for note in notes]
        return max(found, key=lambda checkpoint: checkpoint.size, default=None)

    def _own(self, text: str) -> Note:
        """Refuses with `BadNote` what none of the log's keys has signed."""
        try:
            note = parse_note(text)
            self.signer.check(note)
        except BadNote as bad:
            self._rewritten = f"the last checkpoint is not the log's own: {bad.message}"
            raise
        return note

    def _heads_at(self, connection: Connection) -> Heads:
        size = _size(connection)
        if self._heads is not None and self._heads[0] == size:
            return self._heads[1]
        return _heads(connection, size)


class SealedLog:
    """What the log can show."""

    def __init__(self, service: str, database: Database, *, signer: Signing, witnesses: Callable[[], Sequence[VerifierKey]]) -> None:
        self.signer = signer
        self._service = service
        self._database = database
        self.witnesses = witnesses

    async def checkpoint(self, *, size: int | None = None) -> str:
        """The newest, or that of a size. Refuses with `NotSealedYet`."""
        return await self._database.read(lambda each: _checkpoint(each, size))

    async def tile(self, level: int, number: int, width: int) -> bytes:
        """Its first hashes. Refuses with `NotSealedYet` a tile that is not as wide."""
        return await self._database.read(lambda each: _tile_of_width(each, level, number, width))

    async def entries(self, number: int, width: int) -> list[bytes]:
        """Those of the first leaves of a tile. Refuses with `NotSealedYet` as many as the log does not have."""
        first = number * WIDTH
        within = _ENTRIES.c.leaf.between(first, first + width - 1)
        found = sa.select(_ENTRIES.c.entry).where(within).order_by(_ENTRIES.c.leaf)
        entries = await self._database.read(lambda each: [bytes(content) for content in each.execute(found).scalars()])
        if len(entries) != width:
            raise NotSealedYet("the log has no such entries yet")
        return entries

    async def position_of(self, leaf: int) -> int:
        """Where the event of a leaf stands in the service's events. Refuses with `NotSealedYet`."""
        found = sa.select(_ENTRIES.c.entry).where(_ENTRIES.c.leaf == leaf)
        entry = await self._database.read(lambda each: each.execute(found).scalar())
        if entry is None:
            raise NotSealedYet(f"the log has no leaf {leaf}")
        return _entry(entry).position

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """Refuses with `NotSealedYet` sizes that the log does not have."""

        def work(connection: Connection) -> list[bytes]:
            tiles = _tiles(connection)
            if not 0 <= old <= new <= tiles.size:
                raise NotSealedYet(f"the log has {tiles.size} leaves; asked was how {old} grew to {new}")
            return consistency_proof(old, new, tiles.node)

        return await self._database.read(work)

    async def receipt(self, stream: UUID, version: int) -> Receipt:
        """Of one event, in the newest checkpoint. Refuses with `NotSealedYet`."""

        def work(connection: Connection) -> Receipt:
            note = _checkpoint(connection, None)
            found = _entries_of(connection, stream, version=version)
            if not found:
                raise NotSealedYet(f"version {version} is not in the log yet")
            return _receipts(connection, found, note)[0]

        return await self._database.read(work)

    async def sealed(self, stream: UUID) -> Sealed:
        """Of a whole stream, in the newest checkpoint. Refuses with `NotSealedYet`."""

        def work(connection: Connection) -> Sealed:
            note = _checkpoint(connection, None)
            size = parse_checkpoint(parse_note(note).text).size
            found = [each for each in _entries_of(connection, stream) if each[0] < size]
            if not found:
                raise NotSealedYet("the history is not in the log yet")
            head = _heads(connection, size).proof(stream)
            return Sealed(checkpoint=note, receipts=tuple(_receipts(connection, found, note)), head=head)

        return await self._database.read(work)

    async def together(self, streams: Sequence[UUID]) -> tuple[str, dict[UUID, Sealed]]:
        """The newest checkpoint, and of those streams that it knows the whole history, all in it. Refuses with `NotSealedYet`."""

        def work(connection: Connection) -> tuple[str, dict[UUID, Sealed]]:
            note = _checkpoint(connection, None)
            size = parse_checkpoint(parse_note(note).text).size
            heads = _heads(connection, size)
            known = [stream for stream in streams if stream in heads.newest]
            entries = {stream: [each for each in _entries_of(connection, stream) if each[0] < size] for stream in known}
            return note, {
                stream: Sealed(checkpoint=note, receipts=tuple(_receipts(connection, found, note)), head=heads.proof(stream))
                for stream, found in entries.items()
            }

        return await self._database.read(work)

    async def cosign(self, size: int, signature: Signature) -> str:
        """Adds a known witness's line below the checkpoint of that size. Refuses with `NotSealedYet` and `BadNote`."""

        def work(connection: Connection) -> str:
            note = parse_note(_checkpoint(connection, size, lock=True))
            if not cosigned_by(Note(note.text, (signature,)), self.witnesses()):
                raise BadNote("signature", "is by no witness that is known here")
            signed = str(with_signatures(note, [signature]))
            connection.execute(_put(size, signed))
            return signed

        return await self._database.write(work)


_TRACKED = sa.select(TRACKING.c.position).where(TRACKING.c.name == _SINK)
_NEWEST = sa.select(_CHECKPOINTS.c.note).order_by(_CHECKPOINTS.c.size.desc()).limit(1)


def _position(connection: Connection) -> int:
    return connection.execute(_TRACKED).scalar() or 0


def _newest(connection: Connection) -> str | None:
    return connection.execute(_NEWEST).scalar()


def _put(size: int, note: str) -> sa.Update:
    return sa.update(_CHECKPOINTS).where(_CHECKPOINTS.c.size == size).values(note=note)


def _size(connection: Connection) -> int:
    last: int | None = connection.execute(sa.select(sa.func.max(_ENTRIES.c.leaf))).scalar()
    return 0 if last is None else last + 1


def _tiles(connection: Connection) -> Tiles:
    return Tiles(_size(connection), lambda level, number: _tile(connection, level, number))


def _tile(connection: Connection, level: int, number: int) -> bytes:
    found = sa.select(_TILES.c.hashes).where(_TILES.c.level == level, _TILES.c.number == number)
    return bytes(connection.execute(found).scalar() or b"")


def _tile_of_width(connection: Connection, level: int, number: int, width: int) -> bytes:
    content = _tile(connection, level, number)[: width * HASH_BYTES]
    if len(content) != width * HASH_BYTES:
        raise NotSealedYet("the log has no such tile yet")
    return content


def _sealed(stored: StoredBytes) -> Entry:
    return entry_of(position=stored.position, stream=stored.stream, version=stored.version, name=stored.name, stored=stored.content)


def _store(connection: Connection, begin: int, entries: Sequence[Entry], leaves: Sequence[bytes], tiles: Tiles) -> None:
    rows = [
        {"leaf": number, "stream": str(entry.stream), "version": entry.version, "entry": leaf}
        for number, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), start=begin)
    ]
    if rows:
        connection.execute(sa.insert(_ENTRIES), rows)
    changed = [{"level": level, "number": number, "hashes": content} for (level, number), content in tiles.changed.items()]
    upsert(_TILES, connection, changed, key=["level", "number"])


def _heads(connection: Connection, size: int) -> Heads:
    """As they were when the log had that size."""
    first = sa.func.min(_ENTRIES.c.leaf)
    found = sa.select(_ENTRIES.c.stream, sa.func.max(_ENTRIES.c.version).label("version")).where(_ENTRIES.c.leaf < size)
    heads = Heads()
    heads.restore({UUID(row.stream): row.version for row in connection.execute(found.group_by(_ENTRIES.c.stream).order_by(first))})
    return heads


def _checkpoint(connection: Connection, size: int | None, *, lock: bool = False) -> str:
    found = _NEWEST if size is None else sa.select(_CHECKPOINTS.c.note).where(_CHECKPOINTS.c.size == size)
    note = connection.execute(found.with_for_update() if lock else found).scalar()
    if note is None:
        raise NotSealedYet("no checkpoint was signed yet" if size is None else f"no checkpoint of {size} leaves was signed")
    return str(note)


def _entries_of(connection: Connection, stream: UUID, *, version: int | None = None) -> list[tuple[int, Entry]]:
    """In order, each with its place in the log."""
    found = sa.select(_ENTRIES.c.leaf, _ENTRIES.c.entry).where(_ENTRIES.c.stream == str(stream))
    if version is not None:
        found = found.where(_ENTRIES.c.version == version)
    return [(row.leaf, _entry(row.entry)) for row in connection.execute(found.order_by(_ENTRIES.c.leaf))]


def _last_entry(connection: Connection) -> Entry | None:
    content = connection.execute(sa.select(_ENTRIES.c.entry).order_by(_ENTRIES.c.leaf.desc()).limit(1)).scalar()
    return None if content is None else _entry(content)


def _entry(content: bytes) -> Entry:
    entry = parse_entry(bytes(content))
    assert entry is not None, "the log holds what was written there"
    return entry


def _receipts(connection: Connection, found: Sequence[tuple[int, Entry]], note: str) -> list[Receipt]:
    size = parse_checkpoint(parse_note(note).text).size
    tiles = _tiles(connection)
    if found[-1][0] >= size:
        raise NotSealedYet("the event is not in a signed checkpoint yet")
    return [
        Receipt(entry=entry, index=leaf, siblings=tuple(inclusion_proof(leaf, size, tiles.node)), checkpoint=note) for leaf, entry in found
    ]
