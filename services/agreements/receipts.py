"""What shows that the events of an agreement are in the signed log: for whoever may see the agreement. Decides nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.agreements.application import Agreements
from services.agreements.stored import Stored
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.sealer import HistoryRewritten, Receipt, SealedLog


@dataclass(frozen=True, kw_only=True)
class ShownEvent:
    """`stored` are the bytes whose SHA-256 is in the receipt's entry."""

    receipt: Receipt
    stored: bytes


class Receipts:
    """Of the service's log."""

    def __init__(self, agreements: Agreements, store: EventStore[Stored], sealed: SealedLog) -> None:
        self._agreements = agreements
        self._store = store
        self._sealed = sealed

    @property
    def key(self) -> str:
        """The log's newest verifier key."""
        return str(self._sealed.signer.key)

    async def receipt(self, agreement_id: UUID, version: int, *, context: Context) -> ShownEvent:
        """In the newest checkpoint. Refuses with `AgreementNotFound`, and with `NotSealedYet` an event that is not in it."""
        await self._agreements.get(agreement_id, context=context)
        (shown,) = await self._shown(agreement_id, [await self._sealed.receipt(agreement_id, version)])
        return shown

    async def receipts(self, agreement_id: UUID, *, context: Context) -> Sequence[ShownEvent]:
        """Of all events that are in the newest checkpoint, in order and by that one checkpoint. Refuses as `receipt` does."""
        await self._agreements.get(agreement_id, context=context)
        return await self._shown(agreement_id, (await self._sealed.sealed(agreement_id)).receipts)

    async def checkpoint(self, size: int) -> tuple[str, str]:
        """The note of that size, 0: the newest, and the newest key of the log. Refuses with `NotSealedYet`."""
        return await self._sealed.checkpoint(size=size or None), self.key

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """What shows that the log of one size is the beginning of that of another. Refuses with `NotSealedYet`."""
        return await self._sealed.consistency(old, new)

    async def _shown(self, agreement_id: UUID, receipts: Sequence[Receipt]) -> list[ShownEvent]:
        stored = {each.version: each.content for each in await self._store.load_bytes(agreement_id)}
        if gone := [str(each.entry.version) for each in receipts if each.entry.version not in stored]:
            raise HistoryRewritten(f"events that were sealed are not stored any more: {', '.join(gone)}")
        return [ShownEvent(receipt=each, stored=stored[each.entry.version]) for each in receipts]
