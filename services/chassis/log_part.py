"""A log's part of a bundle: whole streams, byte for byte as they are stored, with what proves them. Decodes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.chassis.event_store import EventStore
from services.chassis.log_keys import LogSigner
from services.chassis.sealer import Sealed, SealedLog
from services.transparency.bundle import Log, StoredEvent, Stream
from services.transparency.note import parse_checkpoint, parse_note


async def log_part(
    log: SealedLog,
    store: EventStore[Any],
    streams: Sequence[UUID],
    *,
    signer: LogSigner,
    since: Sequence[int] = (),
) -> Log:
    """As of the newest checkpoint; streams that the log does not know are left out. `since` are earlier
    sizes that it shall be shown to have grown from. Refuses with `NotSealedYet` a size that the log has not reached, and while there is
    no checkpoint."""
    checkpoint, known = await log.together(streams)
    size = parse_checkpoint(parse_note(checkpoint).text).size
    return Log(
        name=log.signer.key.name,
        keys=tuple(map(str, signer.known)),  # after the checkpoint was read: what signed it is among them
        rotations=tuple(signer.rotations),
        checkpoint=checkpoint,
        streams=tuple([await _stream(stream, store, sealed) for stream, sealed in known.items()]),
        since={each: tuple(await log.consistency(each, size)) for each in since if each != size},
    )


async def _stream(stream: UUID, store: EventStore[Any], sealed: Sealed) -> Stream:
    """What was appended after the checkpoint is for the next bundle."""
    stored = (await store.load_bytes(stream))[: len(sealed.receipts)]
    return Stream(
        id=stream,
        events=tuple(
            StoredEvent(
                position=each.position,
                version=each.version,
                name=each.name,
                content=each.content,
                index=receipt.index,
                siblings=receipt.siblings,
            )
            for each, receipt in zip(stored, sealed.receipts, strict=False)
        ),
        head=sealed.head,
        people=await store.stream_keys(stream, stored),
    )
