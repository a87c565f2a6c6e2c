"""The NATS doors of measurement: what it publishes, what it hears of agreements, and observations sent as messages. Translation only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingCame
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from opentelemetry.trace import SpanKind
from sqlalchemy.engine import Connection
from upheld.agreements.v1 import events_pb2 as agreement_events
from upheld.measurement.v1 import assessment_pb2, events_pb2

from services.chassis.clock import Clock
from services.chassis.consumer import DEAD_LETTERS, Handler
from services.chassis.context import Context
from services.chassis.database import Database, accept
from services.chassis.events import Recorded
from services.chassis.identity import Identity, check
from services.chassis.nats import Broker
from services.chassis.relay import CORRELATION, Outgoing
from services.chassis.request_facts import sane_id
from services.chassis.telemetry import current_traceparent, log, span
from services.measurement.application import Measurement
from services.measurement.intake import read_json
from services.measurement.judgement import ObjectiveAtRisk, ObjectiveBreached, ObjectiveBurning, PeriodClosed, PeriodRestated
from services.measurement.party_facts import DisputeSettled, ExclusionApproved, ExclusionClaimed, ExclusionRefused, ExclusionWithdrawn
from services.measurement.permissions import PERMISSIONS
from services.measurement.stored import Stored
from services.measurement.terms_copy import Agreement
from services.measurement.wire import Renewal, SignedTerms, Suspension, assessment_message, result_message
from services.vocabulary.errors import NotAllowed, Refusal, Unavailable
from services.vocabulary.period import Instant, Interval, instant_of, instant_text, parse_day, parse_instant

INGEST = "UPHELD_INGEST"
INGEST_SUBJECTS = "upheld.ingest.*"

_PULL_S = 1.0
_ACK_WAIT_S = 30.0
_SHORTEST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class NotYourSubject(NotAllowed):
    """The subject's tenant is not the organisation that the credential speaks for."""

    code = "not-your-subject"


def translate(recorded: Recorded[Stored]) -> Outgoing:
    """The published message of a stored fact, under the provider's organisation."""
    match recorded.event:
        case ObjectiveAtRisk() as event:
            at_risk = events_pb2.ObjectiveAtRisk(
                agreement_id=event.agreement_id,
                objective_id=event.objective_id,
                period=event.period,
                result=result_message(event.result),
                recorded_at=recorded.metadata.recorded_at,
                provider=event.provider,
                customer=event.customer,
            )
            return Outgoing(tenant=event.provider, event="objective-at-risk", message=at_risk)
        case ObjectiveBurning() as event:
            burning = events_pb2.ObjectiveBurning(
                agreement_id=event.agreement_id,
                objective_id=event.objective_id,
                period=event.period,
                alert=assessment_pb2.BurnAlert(
                    severity=event.severity,
                    factor=event.factor,
                    long_window_s=event.long_window_s,
                    short_window_s=event.short_window_s,
                    long_rate=event.long_rate,
                    short_rate=event.short_rate,
                ),
                result=result_message(event.result),
                recorded_at=recorded.metadata.recorded_at,
                provider=event.provider,
                customer=event.customer,
            )
            return Outgoing(tenant=event.provider, event="objective-burning", message=burning)
        case ObjectiveBreached() as event:
            breached = events_pb2.ObjectiveBreached(
                breach_id=event.breach_id,
                agreement_id=event.agreement_id,
                objective_id=event.objective_id,
                period=event.period,
                result=result_message(event.result),
                recorded_at=recorded.metadata.recorded_at,
                provider=event.provider,
                customer=event.customer,
                trace_id=event.trace_id,
            )
            return Outgoing(tenant=event.provider, event="objective-breached", message=breached)
        case PeriodClosed() as event:
            closed = events_pb2.PeriodClosed(
                assessment=assessment_message(event.assessment), provider=event.provider, customer=event.customer
            )
            return Outgoing(tenant=event.provider, event="period-closed", message=closed)
        case PeriodRestated() as event:
            restated = events_pb2.PeriodRestated(
                assessment=assessment_message(event.assessment),
                previous=assessment_message(event.previous),
                cause=event.cause,
                provider=event.provider,
                customer=event.customer,
                credit_difference=event.credit_difference,
            )
            return Outgoing(tenant=event.provider, event="period-restated", message=restated)
        case ExclusionClaimed() as event:
            claimed = events_pb2.ExclusionClaimed(
                exclusion_id=event.exclusion_id,
                agreement_id=event.agreement_id,
                exclusion_class=event.exclusion_class,
                service=event.service,
                components=event.components,
                start=_told(event.start, event.interval),
                end=_told(event.end, event.interval),
                tickets=event.tickets,
                reason=event.reason,
                claimed_by=event.claimed_by,
                recorded_at=recorded.metadata.recorded_at,
                provider=event.provider,
                customer=event.customer,
            )
            return Outgoing(tenant=event.provider, event="exclusion-claimed", message=claimed)
        case ExclusionApproved() as event:
            return _decided(event, "approved", recorded.metadata.recorded_at)
        case ExclusionRefused() as event:
            return _decided(event, "refused", recorded.metadata.recorded_at)
        case ExclusionWithdrawn() as event:
            return _decided(event, "withdrawn", recorded.metadata.recorded_at)
        case DisputeSettled() as event:
            settled = events_pb2.DisputeSettled(
                agreement_id=event.agreement_id,
                objective_id=event.objective_id,
                start=instant_text(event.start),
                end=instant_text(event.end),
                down=event.down,
                organisation=event.organisation,
                reason=event.reason,
                recorded_at=recorded.metadata.recorded_at,
                provider=event.provider,
                customer=event.customer,
            )
            return Outgoing(tenant=event.provider, event="dispute-settled", message=settled)


def _decided(event: ExclusionApproved | ExclusionRefused | ExclusionWithdrawn, decision: str, recorded_at: str) -> Outgoing:
    message = events_pb2.ExclusionDecided(
        exclusion_id=event.exclusion_id,
        agreement_id=event.agreement_id,
        exclusion_class=event.exclusion_class,
        decision=decision,
        organisation=event.organisation,
        reason=event.reason,
        recorded_at=recorded_at,
        provider=event.provider,
        customer=event.customer,
        start=_told(event.start, event.interval),
        end=_told(event.end, event.interval),
    )
    return Outgoing(tenant=event.provider, event=f"exclusion-{decision}", message=message)


def _told(instant: Instant, of: Interval) -> str:
    """Empty where tickets are taken out, which have no time of their own."""
    return instant_text(instant) if of.length else ""


class AgreementsHeard:
    """What agreements publishes becomes our dated copy of the terms."""

    def __init__(self, measurement: Measurement, database: Database) -> None:
        self._measurement = measurement
        self._database = database

    @property
    def handlers(self) -> Sequence[Handler]:
        return (
            Handler(event="agreement-activated", message=agreement_events.AgreementActivated, handle=self._activated),
            Handler(event="agreement-amended", message=agreement_events.AgreementAmended, handle=self._amended),
            Handler(event="agreement-ended", message=agreement_events.AgreementEnded, handle=self._ended),
            Handler(event="agreement-suspended", message=agreement_events.AgreementSuspended, handle=self._suspended),
            Handler(event="agreement-renewed", message=agreement_events.AgreementRenewed, handle=self._renewed),
        )

    async def _activated(self, message: agreement_events.AgreementActivated, context: Context) -> None:
        await self._take(message, "the agreement's activation", context)

    async def _amended(self, message: agreement_events.AgreementAmended, context: Context) -> None:
        await self._take(message, f"amendment version {message.terms_version}", context)

    async def _take(
        self, message: agreement_events.AgreementActivated | agreement_events.AgreementAmended, words: str, context: Context
    ) -> None:
        signed = SignedTerms(
            version=message.terms_version,
            effective_on=parse_day(message.effective_on, place="effective_on"),
            message=message.terms,
            recorded_at=parse_instant(message.recorded_at, place="recorded_at"),
        )

        def work(connection: Connection) -> None:
            if context.delivery is None or accept(connection, context.delivery):
                copy = Agreement(id=message.agreement_id, versions=(signed,))
                self._measurement.copy_terms(connection, copy, words=words, context=context)

        await self._database.write(work)
        self._measurement.marked.set()

    async def _ended(self, message: agreement_events.AgreementEnded, context: Context) -> None:
        last_day = parse_day(message.last_day, place="last_day")
        recorded_at = parse_instant(message.recorded_at, place="recorded_at")

        def work(connection: Connection) -> None:
            if context.delivery is None or accept(connection, context.delivery):
                self._measurement.copy_ending(connection, message.agreement_id, last_day=last_day, recorded_at=recorded_at, context=context)

        await self._database.write(work)
        self._measurement.marked.set()

    async def _suspended(self, message: agreement_events.AgreementSuspended, context: Context) -> None:
        suspension = Suspension(
            first_day=parse_day(message.first_day, place="first_day"),
            last_day=parse_day(message.last_day, place="last_day") if message.last_day else None,
            recorded_at=parse_instant(message.recorded_at, place="recorded_at"),
            reason=message.reason,
        )

        def work(connection: Connection) -> None:
            if context.delivery is None or accept(connection, context.delivery):
                self._measurement.copy_suspension(connection, message.agreement_id, suspension, context=context)

        await self._database.write(work)
        self._measurement.marked.set()

    async def _renewed(self, message: agreement_events.AgreementRenewed, context: Context) -> None:
        renewal = Renewal(
            last_day=parse_day(message.last_day, place="last_day"), recorded_at=parse_instant(message.recorded_at, place="recorded_at")
        )

        def work(connection: Connection) -> None:
            if context.delivery is None or accept(connection, context.delivery):
                self._measurement.copy_renewal(connection, message.agreement_id, renewal, context=context)

        await self._database.write(work)
        self._measurement.marked.set()


class Ingest:
    """A runner: batches in their JSON form, on upheld.ingest.<organisation>, with an Authorization header.

    Acknowledged when stored; what is refused goes to the dead letters with its reason.
    """

    name = "ingest"

    def __init__(self, measurement: Measurement, *, broker: Broker, identity: Identity, clock: Clock) -> None:
        self._measurement = measurement
        self._broker = broker
        self._identity = identity
        self._clock = clock
        self._log = log("measurement.ingest")

    async def run(self) -> None:
        """Until cancelled. Waits for a broker that is absent, and makes its stream and consumer again after a wipe."""
        pause = _SHORTEST_PAUSE_S
        while True:
            try:
                await self._broker.ready()
                subscription = await self._subscribed()
                pause = _SHORTEST_PAUSE_S
                await self._follow(subscription)
            except (Unavailable, NatsError, OSError, TimeoutError) as lost:
                self._log.info("observations cannot be taken from the broker now", reason=str(lost) or type(lost).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _subscribed(self) -> JetStreamContext.PullSubscription:
        jetstream = self._broker.jetstream
        await self._broker.while_connected(jetstream.add_stream(name=INGEST, subjects=[INGEST_SUBJECTS]))
        config = ConsumerConfig(durable_name="measurement", name="measurement", ack_policy=AckPolicy.EXPLICIT, ack_wait=_ACK_WAIT_S)
        await self._broker.while_connected(jetstream.add_consumer(INGEST, config))
        return await jetstream.pull_subscribe_bind("measurement", INGEST)

    async def _follow(self, subscription: JetStreamContext.PullSubscription) -> None:
        try:
            while True:
                if not self._broker.connected:
                    await self._broker.ready()
                with contextlib.suppress(NothingCame):
                    for message in await subscription.fetch(1, timeout=_PULL_S):
                        await self._take(message)
        finally:
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()

    async def _take(self, message: Msg) -> None:
        """A store out of reach leaves the message where it is: it comes again."""
        try:
            await self._report(message)
        except Unavailable as missing:
            self._log.info("a batch waits", subject=message.subject, reason=missing.message)
            await message.nak(delay=1)
            return
        except Refusal as refusal:
            await self._bury(message, refusal)
        await message.ack()

    async def _report(self, message: Msg) -> None:
        headers = message.headers or {}
        with span("ingest", traceparent=headers.get("traceparent", ""), kind=SpanKind.CONSUMER, service="measurement"):
            caller = await self._identity.authenticate(headers.get("Authorization"), headers.get("X-Api-Key"))
            check(caller, "report_observations", PERMISSIONS["report_observations"])
            if message.subject.rpartition(".")[2] != caller.organisation:
                raise NotYourSubject(f"{caller.organisation} reports on upheld.ingest.{caller.organisation}, not on {message.subject}")
            now = self._clock.now()
            context = Context(
                caller=caller,
                recorded_at=now,
                tool="nats",
                correlation_id=sane_id(headers.get(CORRELATION)),
                causation_id=headers.get("Nats-Msg-Id", ""),
                traceparent=current_traceparent() or headers.get("traceparent", ""),
            )
            batch = await asyncio.to_thread(read_json, message.data, now=instant_of(now))
            receipt = await self._measurement.report(batch, context=context)
            self._log.info("took a batch", batch=receipt.batch, accepted=receipt.accepted, repeated=receipt.repeated)

    async def _bury(self, message: Msg, refusal: Refusal) -> None:
        """The credential that came with it is not kept."""
        headers = {name: value for name, value in (message.headers or {}).items() if name not in ("Authorization", "X-Api-Key")}
        headers = {name: value for name, value in headers.items() if not name.startswith("Nats-")}
        headers |= {
            "Nats-Msg-Id": f"ingest:{message.metadata.sequence.stream}",
            "Upheld-Consumer": "measurement",
            "Upheld-Subject": message.subject,
            "Upheld-Reason": " ".join(refusal.message.split())[:1_000],
            "Upheld-Code": refusal.code,
        }
        jetstream = self._broker.jetstream
        await self._broker.while_connected(jetstream.add_stream(name=DEAD_LETTERS, subjects=["upheld.deadletter.>"]))
        await self._broker.while_connected(jetstream.publish("upheld.deadletter.measurement.ingest", message.data, headers=headers))
        self._log.warning("a batch was refused", subject=message.subject, code=refusal.code, reason=refusal.message)
