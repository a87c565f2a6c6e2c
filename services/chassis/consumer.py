"""Takes another service's events from its stream, in order, each once in effect. Never passes one by that it has not handled.

One message at a time is out for a durable consumer, so order holds over replicas, redelivery and crashes. The inbox makes effects happen
once: its row is written in the transaction of the effect, and the acknowledgement follows the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import DecodeError, Message
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingCame
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from opentelemetry.trace import SpanKind

from services.chassis.clock import Clock
from services.chassis.context import Context, Delivery
from services.chassis.database import DatabaseInbox
from services.chassis.identity import caller_of_service
from services.chassis.nats import Broker
from services.chassis.relay import CAUSATION, CORRELATION, POSITION, PREVIOUS, republish_subject, stream_of, type_of
from services.chassis.tasks import end
from services.chassis.telemetry import current_traceparent, log, span
from services.vocabulary.errors import Refusal, Unavailable

__all__ = ["DEAD_LETTERS", "Consumer", "DatabaseInbox", "EventsMissing", "Handler", "Inbox", "Unreadable"]

DEAD_LETTERS = "UPHELD_DEADLETTER"

_PULL_S = 1.0
_SHORTEST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_ASK_AGAIN_S = 10.0


class Inbox(Protocol):
    """What was handled. `EventStore` is one, and so is `DatabaseInbox`."""

    async def handled(self, delivery: Delivery) -> bool: ...

    async def watermark(self, consumer: str, source: str) -> int: ...

    async def mark_handled(self, delivery: Delivery) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Handler:
    """What is done about an event ("objective-breached"). `handle` writes `context.delivery` with its effect, in one transaction.

    A `Refusal` other than `Unavailable`, five times over, sends the message to the dead letters; anything else is tried again for ever.
    """

    event: str
    message: type[Message]
    handle: Callable[[Any, Context], Awaitable[None]]


class Unreadable(Exception):
    """The message is not what a relay publishes."""


class EventsMissing(Unavailable):
    """The stream leaves events out, and their source does not publish them again now."""

    code = "events-missing"


@dataclass(frozen=True, kw_only=True)
class _Received:
    delivery: Delivery
    previous: int
    correlation_id: str
    causation_id: str
    traceparent: str


class Consumer:
    """A runner: the durable consumer of `service` on the stream of `source`. Events without a handler are marked as handled.

    `ack_wait_s` is how long a message stays with a consumer that died before another gets it.
    """

    def __init__(
        self,
        service: str,
        source: str,
        broker: Broker,
        inbox: Inbox,
        handlers: Sequence[Handler],
        *,
        clock: Clock,
        use_inbox: bool = True,
        ack_wait_s: float = 5.0,
        tries: int = 5,
    ) -> None:
        self.name = f"{service} from {source}"
        self._service = service
        self._source = source
        self._broker = broker
        self._inbox = inbox
        self._handlers = {type_of(source, handler.event): handler for handler in handlers}
        self._clock = clock
        self._use_inbox = use_inbox
        self._ack_wait_s = ack_wait_s
        self._tries = tries
        self._watermark = 0
        self._promised = 0  # the source has published everything up to here again
        self._missing = "starting"
        self._log = log("consumer").bind(service=service, source=source)

    async def run(self) -> None:
        """Until cancelled. Waits for a broker, a stream and a consumer that are absent or were wiped."""
        pauses = _pauses()
        while True:
            try:
                subscription = await self._subscribed()
                self._tell("")
                pauses = _pauses()
                await self._follow(subscription)
            except NotFoundError:
                self._tell(f"{self._source} has no stream yet")
            except (Unavailable, NatsError, OSError, TimeoutError) as lost:
                self._tell(str(lost) or type(lost).__name__)
            await asyncio.sleep(min(next(pauses), 1.0))

    async def check(self) -> str:
        """For `Service.checks`: "" while the stream is followed, else what is missing."""
        return self._missing

    def _tell(self, missing: str) -> None:
        if missing != self._missing:
            self._missing = missing
            self._log.info("following the stream" if not missing else "not following the stream", missing=missing)

    async def _subscribed(self) -> JetStreamContext.PullSubscription:
        await self._broker.ready()
        config = ConsumerConfig(
            durable_name=self._service,
            name=self._service,
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            ack_wait=self._ack_wait_s,
            max_ack_pending=1,
        )
        jetstream = self._broker.jetstream
        await self._broker.while_connected(jetstream.add_consumer(stream_of(self._source), config))
        self._watermark = await self._inbox.watermark(self._service, self._source)
        self._promised = 0
        return await jetstream.pull_subscribe_bind(self._service, stream_of(self._source))

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
        """Acknowledges what has had its effect, or never will; holds what has not, and with it all that follows."""
        taking = asyncio.create_task(self._settle(message))
        try:
            while not taking.done():
                done, _ = await asyncio.wait({taking}, timeout=self._ack_wait_s / 3)
                if not done:
                    await message.in_progress()
        finally:
            await end(taking)
        taking.result()
        await message.ack()

    async def _settle(self, message: Msg) -> None:
        """Returns when the message is done with, however long that takes."""
        tries = 0
        for pause in _pauses():
            try:
                await self._handle(message)
                return
            except Unavailable as missing:
                self._log.info("a message waits", reason=str(missing), pause_s=pause)
            except (Refusal, Unreadable, DecodeError) as poison:
                tries += 1
                self._log.warning("a message was refused", reason=str(poison), tries=tries)
                if tries >= self._tries:
                    await self._bury(message, poison)
                    return
            except Exception:
                self._log.exception("a message failed, it is tried again", pause_s=pause)
            await asyncio.sleep(pause)

    async def _handle(self, message: Msg) -> None:
        received = self._read(message)
        delivery = received.delivery
        if self._use_inbox:
            if await self._inbox.handled(delivery):
                self._passed(delivery)
                return
            if received.previous > self._watermark and await self._is_gap(received):
                await self._ask_again(before=delivery.position)
                return
        handler = self._handlers.get(delivery.type)
        if handler is not None:
            await self._apply(handler, received, message.data)
        if self._use_inbox:
            await self._inbox.mark_handled(delivery)
        self._passed(delivery)

    def _passed(self, delivery: Delivery) -> None:
        self._watermark = max(self._watermark, delivery.position)

    async def _apply(self, handler: Handler, received: _Received, data: bytes) -> None:
        event = handler.message.FromString(data)
        with span(f"handle {handler.event}", traceparent=received.traceparent, kind=SpanKind.CONSUMER, service=self._service):
            await handler.handle(
                event,
                Context(
                    caller=caller_of_service(self._service),
                    recorded_at=self._clock.now(),
                    tool="nats",
                    correlation_id=received.correlation_id,
                    causation_id=received.causation_id,
                    traceparent=current_traceparent() or received.traceparent,
                    delivery=received.delivery if self._use_inbox else None,
                ),
            )

    async def _is_gap(self, received: _Received) -> bool:
        """Another replica may have handled what this one has not seen."""
        self._watermark = max(self._watermark, await self._inbox.watermark(self._service, self._source))
        return received.previous > self._watermark

    async def _ask_again(self, *, before: int) -> None:
        """Returns when the source has published what is missing, and this position after it, once more: then this copy may go."""
        if before <= self._promised:
            return
        self._log.warning("events are missing, their source is asked for them", after=self._watermark, before=before)
        asked = json.dumps({"after": self._watermark}).encode()
        answer = json.loads(await self._broker.request(republish_subject(self._source), asked, timeout_s=_ASK_AGAIN_S))
        self._promised = int(answer["until"])
        if before > self._promised:
            raise EventsMissing(f"{self._source} has published up to {self._promised} again, {before} is not among it")

    def _read(self, message: Msg) -> _Received:
        headers = message.headers or {}
        try:
            return _Received(
                delivery=Delivery(
                    consumer=self._service,
                    source=self._source,
                    event_id=headers["ce-id"],
                    position=int(headers[POSITION]),
                    type=headers["ce-type"],
                    recorded_at=headers["ce-time"],
                ),
                previous=int(headers[PREVIOUS]),
                correlation_id=headers.get(CORRELATION) or headers["ce-id"],
                causation_id=headers.get(CAUSATION) or headers["ce-id"],
                traceparent=headers.get("traceparent", ""),
            )
        except (KeyError, ValueError) as error:
            raise Unreadable(f"the header {error} is missing or no number") from None

    async def _bury(self, message: Msg, poison: Exception) -> None:
        """Keeps the message, with the reason, where people can look; then nothing waits for it any more."""
        headers = message.headers or {}
        await self._publish_dead_letter(
            message.data,
            {name: value for name, value in headers.items() if not name.startswith("Nats-")}
            | {
                "Nats-Msg-Id": f"{self._service}:{headers.get('ce-id') or message.metadata.sequence.stream}",
                "Upheld-Consumer": self._service,
                "Upheld-Subject": message.subject,
                "Upheld-Reason": _one_line(poison),
                "Upheld-Code": poison.code if isinstance(poison, Refusal) else "unreadable",
            },
        )
        self._log.error("a message went to the dead letters", subject=message.subject, reason=str(poison), event_id=headers.get("ce-id"))
        with contextlib.suppress(Unreadable):
            delivery = self._read(message).delivery
            if self._use_inbox:
                await self._inbox.mark_handled(delivery)
            self._passed(delivery)

    async def _publish_dead_letter(self, data: bytes, headers: Mapping[str, str]) -> None:
        for pause in _pauses():
            try:
                jetstream = self._broker.jetstream
                await self._broker.while_connected(jetstream.add_stream(name=DEAD_LETTERS, subjects=["upheld.deadletter.>"]))
                subject = f"upheld.deadletter.{self._service}.{self._source}"
                await self._broker.while_connected(jetstream.publish(subject, data, headers=dict(headers)))
                return
            except (Unavailable, NatsError, OSError, TimeoutError) as lost:
                self._log.warning("the dead letters are out of reach", reason=str(lost), pause_s=pause)
            await asyncio.sleep(pause)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:1_000]


def _pauses() -> Iterator[float]:
    """Growing, without an end, in seconds."""
    pause = _SHORTEST_PAUSE_S
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_S)
