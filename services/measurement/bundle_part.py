"""What measurement adds to an agreement's bundle: the statements of closed periods as they are sealed, and what they were computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Connection

from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.log_keys import LogSigner
from services.chassis.log_part import log_part
from services.chassis.sealer import NotSealedYet, SealedLog
from services.measurement import judgement, party_facts, views
from services.measurement.application import Measurement, as_stated
from services.measurement.audit import Statement, statements_of
from services.measurement.evidence import observations_node
from services.measurement.judgement import Document
from services.measurement.terms_copy import Agreement
from services.transparency.bundle import Log, Node, log_node
from services.vocabulary.identity import Caller
from services.vocabulary.period import instant_text, parse_period

_MOST_PERIODS = 10_000


class BundleParts:
    """Reads the log and the observations; writes nothing."""

    def __init__(
        self, *, measurement: Measurement, database: Database, store: EventStore[Any], sealed: SealedLog, signer: LogSigner
    ) -> None:
        self._measurement = measurement
        self._database = database
        self._store = store
        self._sealed = sealed
        self._signer = signer

    async def part(self, agreement_id: str, *, since: Sequence[int] = (), caller: Caller) -> Mapping[str, Node]:
        """ "log" is None while nothing of it is sealed; `since` as in `log_part`. Refuses with `AgreementNotFound` and `NotSealedYet`."""
        agreement = await self._measurement.visible(agreement_id, caller)
        closed = await self._database.read(lambda each: _closed(each, agreement.id))
        streams = [party_facts.stream_of(agreement.id), *(judgement.stream_of(agreement.id, period) for period in closed)]
        log = await self._log(streams, since)
        if log is None:
            return {"log": None, "evidence": []}
        stated = statements_of(log, agreement.id)
        found = [await self._evidence(agreement, statements[-1]) for statements in stated.values()]
        return {"log": log_node(log), "evidence": [each for each in found if each is not None]}

    async def _log(self, streams: Sequence[UUID], since: Sequence[int]) -> Log | None:
        try:
            return await log_part(self._sealed, self._store, streams, signer=self._signer, since=since)
        except NotSealedYet:
            if since:
                raise
            return None

    async def _evidence(self, agreement: Agreement, statement: Statement) -> Node:
        """None where what is known does not lead to what was stated, by today's time zones for one."""
        document: Document = dict(statement.document)  # type: ignore[arg-type]
        month = parse_period(statement.period, place="period")
        found = await self._database.read(lambda each: as_stated(each, agreement, month, document))
        if found is None:
            return None
        sides: dict[str, Node] = {side: observations_node(reported) for side, reported in found.case.reported.items()}
        return {"period": statement.period, "known_at": instant_text(found.known_at), "provider": None, "customer": None, **sides}


def _closed(connection: Connection, agreement_id: str) -> list[str]:
    """In the order of time."""
    documents = views.months(connection, agreement_id, after=None, limit=_MOST_PERIODS)
    return [str(document["period"]) for document in documents if document["closed"]]
