"""Measurement by itself, on a database and with one agreement: no broker, no doors, a clock that is moved."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from upheld.agreements.v1 import terms_pb2

from services.chassis.clock import MovableClock
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded, Registry
from services.chassis.repository import Repository
from services.chassis.settings import Settings
from services.measurement.application import Measurement
from services.measurement.intake import read_json
from services.measurement.judgement import Event, Judgement, evolve
from services.measurement.store import METADATA
from services.measurement.stored import STORED, Stored
from services.measurement.terms_copy import Agreement
from services.measurement.wire import SignedTerms
from services.vocabulary.errors import Unavailable
from services.vocabulary.identity import Caller
from services.vocabulary.period import instant_of, parse_day, parse_instant
from tests.measurement.promise import AGREEMENT, MANAGER, OPERATOR, SIGNED


@dataclass
class OneAgreement:
    """Agreements that know one."""

    held: Agreement
    reachable: bool = True

    async def agreement(self, agreement_id: str) -> Agreement:
        if not self.reachable:
            raise Unavailable("agreements rests")
        assert agreement_id == self.held.id
        return self.held


@dataclass(frozen=True)
class Bench:
    measurement: Measurement
    desk: OneAgreement
    clock: MovableClock

    def acting(self, who: Caller) -> Context:
        return Context(caller=who, recorded_at=self.clock.now(), correlation_id="c")

    async def report(self, *observations: dict[str, object], source: str = "probe") -> None:
        written = json.dumps({"source": source, "observations": observations}).encode()
        await self.measurement.report(read_json(written, now=instant_of(self.clock.now())), context=self.acting(OPERATOR))


def signed(number: int, effective_on: str, message: terms_pb2.Terms, *, recorded_at: str = SIGNED) -> SignedTerms:
    return SignedTerms(
        version=number, effective_on=parse_day(effective_on, place=""), message=message, recorded_at=parse_instant(recorded_at, place="")
    )


def agreement_of(*versions: SignedTerms) -> Agreement:
    return Agreement(id=AGREEMENT, versions=versions)


@asynccontextmanager
async def bench(settings: Settings, agreement: Agreement, *, now: datetime) -> AsyncIterator[Bench]:
    """It has its copy of the agreement already."""
    events = EventStore[Stored].open("measurement", settings, Registry(STORED))
    database = Database.open("measurement", settings, METADATA)
    clock = MovableClock(now)
    judgements: Repository[Judgement, Stored] = Repository(events, _evolve)
    desk = OneAgreement(agreement)
    measurement = Measurement(database=database, judgements=judgements, desk=desk, clock=clock)
    try:
        await measurement.visible(AGREEMENT, MANAGER)
        yield Bench(measurement, desk, clock)
    finally:
        await events.close()
        await database.close()


def _evolve(state: Judgement | None, recorded: Recorded[Stored]) -> Judgement:
    assert isinstance(recorded.event, Event)
    return evolve(state, recorded.event)
