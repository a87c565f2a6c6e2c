"""Use cases of what the parties add after signing: exclusions claimed and decided on, disputes seen and settled. Holds no rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from sqlalchemy.engine import Connection

from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.database import Database
from services.chassis.repository import Repository, Versioned
from services.measurement import party_facts, party_facts_store
from services.measurement.application import AgreementNotFound, Measurement, hard_close
from services.measurement.assessment import NotInForce, why_not_in_force
from services.measurement.both_sides import agreed_at, both_sides, ground_of
from services.measurement.interval import length
from services.measurement.party_facts import (
    NOTHING_ADDED,
    Decided,
    Exclusion,
    ExclusionNotFound,
    Fact,
    PartyFacts,
    Settlement,
    stream_of,
)
from services.measurement.periods import is_known
from services.measurement.settlement import JudgedDispute, ObjectiveDisputes, disputes_in
from services.measurement.stored import Stored
from services.measurement.terms_copy import Agreement
from services.vocabulary.errors import invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import HOUR, Instant, Interval, Period, instant_of, instant_text, parse_instant

Body = dict[str, object]
"""A message of `measurement.proto` in its JSON form, snake case."""

_MARGIN = 48 * HOUR
_NUMBER = re.compile(r"[0-9]{1,9}")


class Parties:
    """Decisions are events; their copy beside the observations, and the mark, follow in one transaction, or by the projection."""

    def __init__(self, *, database: Database, facts: Repository[PartyFacts, Stored], measurement: Measurement, clock: Clock) -> None:
        self._database = database
        self._facts = facts
        self._measurement = measurement
        self._clock = clock

    # Exclusions

    async def claim_exclusion(
        self,
        agreement_id: str,
        *,
        exclusion_class: str,
        service: str,
        components: Sequence[str],
        interval: Interval | None,
        tickets: Sequence[str],
        reason: str,
        context: Context,
    ) -> Body:
        """Of time or of tickets. Refuses with `AgreementNotFound` and what `party_facts.claim` refuses with."""
        agreement = await self._measurement.visible(agreement_id, context.caller)
        now = instant_of(context.recorded_at)
        agreed = agreed_at(agreement, now if interval is None else interval.start)
        closed = await self._measurement.closed_by(agreement, service=service, interval=interval, tickets=tickets)
        told = await self._execute(
            agreement,
            lambda _: party_facts.claim(
                exclusion_id=str(uuid4()),
                agreement_id=agreement.id,
                exclusion_class=exclusion_class,
                service=service,
                components=components,
                interval=interval,
                tickets=tickets,
                reason=reason or context.reason,
                organisation=context.caller.organisation,
                claimed_at=now,
                agreed=agreed,
                closed_periods=closed,
            ),
            context,
        )
        return _exclusion(agreement, told.state.exclusions[-1])

    async def approve_exclusion(self, exclusion_id: str, *, reason: str, context: Context) -> Body:
        """Refuses with `ExclusionNotFound`, `NotAParty`, `AlreadyDecided` and `NotYoursToDecide`."""
        return await self._decide(exclusion_id, party_facts.approve, reason=reason, context=context)

    async def refuse_exclusion(self, exclusion_id: str, *, reason: str, context: Context) -> Body:
        """Refuses as `approve_exclusion` does, and with `ReasonMissing`."""
        return await self._decide(exclusion_id, party_facts.refuse, reason=reason, context=context)

    async def withdraw_exclusion(self, exclusion_id: str, *, reason: str, context: Context) -> Body:
        """Refuses with `ExclusionNotFound`, `NotAParty`, `NotYoursToDecide`, `AlreadyDecided` and `ReasonMissing`."""
        return await self._decide(exclusion_id, party_facts.withdraw, reason=reason, context=context)

    async def exclusions(
        self, agreement_id: str, *, after: int, limit: int, known_at: Instant | None = None, caller: Caller
    ) -> Sequence[tuple[int, Body]]:
        """In the order in which they were claimed, behind the number `after`, each with its number."""
        agreement = await self._measurement.visible(agreement_id, caller)
        added = await self._database.read(lambda each: party_facts_store.added(each, agreement.id, known_at=known_at))
        found = [exclusion for exclusion in added.exclusions if exclusion.number > after]
        return [(exclusion.number, _exclusion(agreement, exclusion)) for exclusion in found[:limit]]

    # Disputes

    async def disputes(self, agreement_id: str, month: Period, *, known_at: Instant | None = None, caller: Caller) -> Body:
        """Both readings of the period by objective, up to now. Refuses with `AgreementNotFound` and `NotInForce`."""
        newest = await self._measurement.visible(agreement_id, caller)
        agreement = newest.known_at(known_at)
        if agreement is None:
            raise NotInForce("no terms were known to be in force then")
        if not is_known(agreement.terms_in_force(), month):
            raise NotInForce(why_not_in_force(agreement.terms_in_force(), month))
        now = instant_of(self._clock.now())
        until = now if known_at is None else min(known_at, now)
        span = month.bounds(agreement.terms_in_force()[-1].terms.zone)
        reach = Interval(Instant(span.start - _MARGIN), Instant(span.end + _MARGIN))
        told_by = hard_close(agreement, month)
        sides = await self._database.read(
            lambda each: both_sides(each, agreement, reach=reach, known_at=known_at, observed_by=told_by, always_both=True)
        )
        found = disputes_in(sides.provider, sides.customer, sides.terms, sides.settled, span=span, measured_until=until)
        return {
            "agreement_id": agreement.id,
            "period": str(month),
            "objectives": [_objective(each) for each in found],
            "open_us": sum(each.length_of("open") for each in found),
            "settled_us": sum(each.length_of("settled") for each in found),
        }

    async def settle_dispute(
        self, agreement_id: str, *, objective_id: str, interval: Interval, down: bool, reason: str, context: Context
    ) -> Body:
        """Refuses with `AgreementNotFound` and what `party_facts.settle` refuses with."""
        agreement = await self._measurement.visible(agreement_id, context.caller)
        agreed = agreed_at(agreement, interval.start)
        told = await self._execute(
            agreement,
            lambda _: party_facts.settle(
                agreement_id=agreement.id,
                objective_id=objective_id,
                interval=interval,
                down=down,
                organisation=context.caller.organisation,
                reason=reason or context.reason,
                agreed=agreed,
            ),
            context,
        )
        return _settlement(agreement, told.state.settlements[-1])

    # What all of them need

    async def _decide(self, exclusion_id: str, decision: Callable[..., list[Fact]], *, reason: str, context: Context) -> Body:
        agreement = await self._agreement_of(exclusion_id, context.caller)
        known = await self._facts.load(stream_of(agreement.id))
        claimed = (NOTHING_ADDED if known is None else known.state).exclusion(exclusion_id)
        agreed = agreed_at(agreement, claimed.claim.start)
        told = await self._execute(
            agreement,
            lambda state: decision(
                state, exclusion_id, organisation=context.caller.organisation, reason=reason or context.reason, agreed=agreed
            ),
            context,
        )
        return _exclusion(agreement, told.state.exclusion(exclusion_id))

    async def _agreement_of(self, exclusion_id: str, caller: Caller) -> Agreement:
        agreement_id = await self._database.read(lambda each: party_facts_store.agreement_of(each, _normal(exclusion_id)))
        if agreement_id is None:
            raise ExclusionNotFound("there is no such exclusion")
        try:
            return await self._measurement.visible(agreement_id, caller)
        except AgreementNotFound:
            raise ExclusionNotFound("there is no such exclusion") from None

    async def _execute(
        self, agreement: Agreement, decide: Callable[[PartyFacts | None], list[Fact]], context: Context
    ) -> Versioned[PartyFacts]:
        """What was decided is in the figures' database when this returns."""
        told = await self._facts.execute(stream_of(agreement.id), decide, context=context)
        if told.recorded:
            await self._database.write(lambda connection: _applied(connection, told))
            self._measurement.marked.set()
        return told


def _applied(connection: Connection, told: Versioned[PartyFacts]) -> None:
    for recorded in told.recorded:
        party_facts_store.apply(connection, recorded)


def _exclusion(agreement: Agreement, exclusion: Exclusion) -> Body:
    ground = ground_of(agreement, agreement.terms_in_force())(exclusion.claim)
    approval = "none" if ground is None else ground.approval
    return {
        "id": exclusion.claim.exclusion_id,
        "agreement_id": exclusion.claim.agreement_id,
        "exclusion_class": exclusion.claim.exclusion_class,
        "service": exclusion.claim.service,
        "components": list(exclusion.claim.components),
        **({"start": "", "end": ""} if exclusion.claim.tickets else _span(exclusion.claim.interval)),
        "tickets": list(exclusion.claim.tickets),
        "reason": exclusion.claim.reason,
        "claimed_by": exclusion.claim.claimed_by,
        "claimed_at": instant_text(exclusion.claimed_at),
        "status": exclusion.status(approval),
        "awaits": list(exclusion.awaits(approval)),
        "decisions": [_decided(each) for each in exclusion.decisions],
        "subject": exclusion.by,
    }


def _decided(decided: Decided) -> Body:
    return {
        "decision": decided.verb,
        "organisation": decided.organisation,
        "subject": decided.by,
        "reason": decided.reason,
        "recorded_at": instant_text(decided.recorded_at),
    }


def _objective(found: ObjectiveDisputes) -> Body:
    return {
        "objective_id": found.objective.id,
        "name": found.objective.name,
        "terms_version": found.terms_version,
        **_span(found.interval),
        "rule": found.rule,
        "provider_down_us": length(found.readings.provider),
        "customer_down_us": length(found.readings.customer or ()),
        "customer_reported": found.readings.customer is not None,
        "open_us": found.length_of("open"),
        "settled_us": found.length_of("settled"),
        "disputes": [_dispute(each) for each in found.disputes],
    }


def _dispute(dispute: JudgedDispute) -> Body:
    settled = dispute.settled
    return {
        **_span(dispute.interval),
        "duration_us": dispute.interval.length,
        "said_down_by": dispute.said_down_by,
        "status": dispute.status,
        "down": dispute.down,
        "settled_by": settled.by if settled else "",
        "reason": settled.reason if settled else "",
        "settled_at": instant_text(settled.ruling.settled_at) if settled else "",
    }


def _settlement(agreement: Agreement, settlement: Settlement) -> Body:
    return {
        "agreement_id": agreement.id,
        "objective_id": settlement.objective_id,
        **_span(settlement.interval),
        "down": settlement.down,
        "settled_by": settlement.organisation,
        "reason": settlement.reason,
        "settled_at": instant_text(settlement.settled_at),
    }


def _span(interval: Interval) -> Body:
    return {"start": instant_text(interval.start), "end": instant_text(interval.end)}


def claimed_time(start: str, end: str, *, below: str = "") -> Interval | None:
    """None where nothing is said of time. Refuses with `Invalid`; `below` is where the two stand, with a point."""
    if not start and not end:
        return None
    return Interval(parse_instant(start, place=f"{below}start"), parse_instant(end, place=f"{below}end"))


def parse_number(text: str, *, place: str) -> int:
    """The number of the exclusion at which a page ended; 0: at the start. Refuses with `Invalid`."""
    if text and not _NUMBER.fullmatch(text):
        raise invalid(place, "must be what the page before gave")
    return int(text or 0)


def _normal(exclusion_id: str) -> str:
    """What is no id is nobody's exclusion."""
    try:
        return str(UUID(exclusion_id))
    except ValueError:
        raise ExclusionNotFound("there is no such exclusion") from None
