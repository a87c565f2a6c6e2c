"""What shows that an event of an agreement is in the signed log: for whoever may see the agreement. Decides nothing else."""

from __future__ import annotations

from uuid import UUID

from services.agreements.application import Agreements
from services.chassis.context import Context
from services.chassis.sealer import Receipt, SealedLog


class Receipts:
    """Of the service's log."""

    def __init__(self, agreements: Agreements, sealed: SealedLog) -> None:
        self._agreements = agreements
        self._sealed = sealed

    async def receipt(self, agreement_id: UUID, version: int, *, context: Context) -> Receipt:
        """In the newest checkpoint. Refuses with `AgreementNotFound`, and with `NotSealedYet` an event that is not in it."""
        await self._agreements.get(agreement_id, context=context)
        return await self._sealed.receipt(agreement_id, version)

    async def checkpoint(self, size: int) -> tuple[str, str]:
        """The note of that size, 0: the newest, and the newest key of the log. Refuses with `NotSealedYet`."""
        return await self._sealed.checkpoint(size=size or None), str(self._sealed.signer.key)
