"""The use case of handing an agreement out whole: history, proofs, terms, keys and figures in one file. Changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlencode
from uuid import UUID

from services.agreements.agreement import Agreement
from services.agreements.application import Agreements
from services.agreements.audit import documents_of, read_told, replayed, state_of
from services.agreements.keys import keyring_id
from services.agreements.stored import Stored
from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.log_keys import LogSigner
from services.chassis.log_part import log_part
from services.chassis.sealer import NotSealedYet, SealedLog
from services.transparency.bundle import Bundle, Log, Node, read_log, write
from services.vocabulary.errors import NotFound, Unavailable
from services.vocabulary.period import instant_of, instant_text

NAME, MEASUREMENT = "agreements", "measurement"


class Files(Protocol):
    """Files of measurement's."""

    async def get(self, path: str) -> bytes:
        """Refuses with `NotFound` and `Unavailable`."""
        ...


class BundleExport:
    """As of the newest checkpoints: what was appended after them is for the next bundle."""

    def __init__(
        self,
        *,
        agreements: Agreements,
        store: EventStore[Stored],
        sealed: SealedLog,
        signer: LogSigner,
        measurement: Files,
        clock: Clock,
    ) -> None:
        self._agreements = agreements
        self._store = store
        self._sealed = sealed
        self._signer = signer
        self._measurement = measurement
        self._clock = clock

    async def bundle(self, agreement_id: UUID, *, since: Mapping[str, Sequence[int]] | None = None, context: Context) -> bytes:
        """`since`: earlier sizes of the logs, by service, that they shall be shown to have grown from.

        Refuses with `AgreementNotFound`, with `NotSealedYet` what is not in the log yet, and with `Unavailable` without measurement.
        """
        asked = since or {}
        seen = await self._agreements.get(agreement_id, context=context)
        terms = seen.terms or seen.pending
        assert terms is not None, "without a day there are always terms to show"
        streams = [agreement_id, *(keyring_id(party.organisation) for party in terms.terms.parties)]
        log = await log_part(self._sealed, self._store, streams, signer=self._signer, since=asked.get(NAME, ()))
        if log.stream(agreement_id) is None:
            raise NotSealedYet("the history is not in the log yet")
        figures, evidence = await self._figures(agreement_id, asked.get(MEASUREMENT, ()))
        now = instant_text(instant_of(self._clock.now()))
        return await asyncio.to_thread(_written, agreement_id, now, log, figures, evidence)

    async def _figures(self, agreement_id: UUID, since: Sequence[int]) -> tuple[Log | None, Sequence[dict[str, Node]]]:
        """None: nothing has been in force yet, or nothing of it is sealed."""
        try:
            query = urlencode([("since", size) for size in since])
            part = json.loads(await self._measurement.get(f"/v1/assessments/{agreement_id}/bundle-part?{query}".rstrip("?")))
        except NotFound:
            if since:
                raise NotSealedYet(f"measurement has no log that has grown from {', '.join(map(str, since))} events") from None
            return None, ()
        except ValueError as fault:
            raise Unavailable("measurement answered something else than its part of the bundle") from fault
        return None if part["log"] is None else read_log(part["log"], "log"), part["evidence"]


def _written(agreement_id: UUID, now: str, log: Log, figures: Log | None, evidence: Sequence[dict[str, Node]]) -> bytes:
    told = read_told(log)
    agreement: Agreement | None = replayed(told, agreement_id).agreement
    assert agreement is not None, "a stream that is in the log begins with a draft"
    return write(
        Bundle(
            agreement_id=str(agreement_id),
            exported_at=now,
            logs=(log,) if figures is None else (log, figures),
            terms=documents_of([each.fact for each in told]),
            state=state_of(agreement),
            evidence=tuple(evidence),
        )
    )
