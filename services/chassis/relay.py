"""Publishes a service's events to its JetStream stream in the log's order. Never decides what happened and keeps no cursor of its own.

The cursor is the stream's last message, so a stream that was wiped is filled again from the log. Every publish names the sequence it
follows: of two relays of one service only one gets through, and a late copy of a publish that was given up is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import PubAck
from nats.js.errors import NotFoundError
from opentelemetry.trace import SpanKind

from services.chassis.events import Recorded
from services.chassis.nats import Broker
from services.chassis.telemetry import current_traceparent, log, span
from services.vocabulary.errors import Unavailable

POSITION = "Upheld-Position"
PREVIOUS = "Upheld-Previous-Position"
CURSOR = "Upheld-Cursor"
CORRELATION = "Upheld-Correlation-Id"
CAUSATION = "Upheld-Causation-Id"

_FENCE = "Nats-Expected-Last-Sequence"
_IN_FLIGHT = 64
_DUPLICATES_WITHIN_S = 120
_CHECK_EVERY_S = 2.0
_BROKER_WITHIN_S = 10.0


class StreamMoved(Unavailable):
    """The stream is not where this relay left it, or its events are wanted again: the position must be asked anew."""

    code = "stream-moved"


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A public event: `tenant` is the provider's organisation, `event` its name on the bus ("objective-breached")."""

    tenant: str
    event: str
    message: Message


def stream_of(service: str) -> str:
    return f"UPHELD_{service.upper()}"


def type_of(service: str, event: str) -> str:
    """The CloudEvents type: "upheld.measurement.objective-breached.v1"."""
    return f"upheld.{service}.{event}.v1"


def republish_subject(service: str) -> str:
    """Where consumers that miss events ask for them; the body is {"after": position}, the answer {"until": position}."""
    return f"upheld.{service}.republish"


@dataclass(frozen=True, kw_only=True)
class _Letter:
    position: int
    subject: str
    data: bytes
    headers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class _End:
    """Where the stream ended when this relay last read it or wrote to it; an emptied stream keeps counting its sequence."""

    created: datetime | None
    sequence: int
    empty: bool


@dataclass(frozen=True, kw_only=True)
class _Again:
    """What is published a second time: the positions in (after, until]; whoever asked is told when it is done."""

    after: int
    until: int
    asked: tuple[Msg, ...]
    suffix: str


class Relay:
    """The follower's sink that is the stream UPHELD_<SERVICE>; events that `translate` to None stay private.

    Asked for its position when idle, it notices a stream that was wiped, and requests to publish again.
    """

    def __init__(self, service: str, broker: Broker, translate: Callable[[Recorded[Any]], Outgoing | None]) -> None:
        self.name = "relay"
        self._service = service
        self._broker = broker
        self._translate = translate
        self._end: _End | None = None
        self._read_at = 0.0
        self._taken = 0  # the last position seen, public or private
        self._cursor = 0  # the last position in the stream
        self._previous = 0  # the public position before the next one
        self._suffix = ""  # of the ids of messages that the stream had and lost
        self._asked: list[tuple[int, Msg]] = []
        self._again: _Again | None = None
        self._listening = False
        self._turn = asyncio.Lock()
        self._log = log("relay").bind(service=service)

    async def position(self) -> int:
        """Raises `BrokerUnavailable` and the client library's errors; then it is to be asked again."""
        async with self._turn:
            await self._broker.ready(_BROKER_WITHIN_S)
            await self._listen()
            end = await self._read_end()
            if end != self._end:
                await self._start_from(end)
            if self._asked:
                await self._start_again()
            return self._taken

    async def take(self, batch: Sequence[Recorded[Any]]) -> None:
        """Returns when the broker has each public event of the batch on disk. Raises `StreamMoved` when the position must be asked anew."""
        async with self._turn:
            if self._end is None or self._asked:
                raise StreamMoved("the position must be asked before more is taken")
            try:
                await self._check_end()
                await self._publish(self._letters(batch))
            except BaseException:
                self._end = None
                raise
            if batch:
                self._taken = batch[-1].position
            await self._answer_when_done()

    async def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            await self._broker.subscribe(republish_subject(self._service), self._on_republish)

    async def _on_republish(self, request: Msg) -> None:
        try:
            after = int(json.loads(request.data)["after"])
        except (ValueError, KeyError, TypeError):
            self._log.warning("a request to publish again was not understood", data=repr(request.data[:200]))
            return
        self._log.info("asked to publish again", after=after)
        self._asked.append((after, request))

    async def _check_end(self) -> None:
        """Private events publish nothing that would tell of a stream that is gone, so it is looked at now and then."""
        if asyncio.get_running_loop().time() - self._read_at > _CHECK_EVERY_S and await self._read_end() != self._end:
            raise StreamMoved("the stream has changed")

    async def _read_end(self) -> _End:
        jetstream = self._broker.jetstream
        try:
            info = await self._broker.while_connected(jetstream.stream_info(stream_of(self._service)))
        except NotFoundError:
            subjects = [f"upheld.{self._service}.*.*"]
            created = jetstream.add_stream(name=stream_of(self._service), subjects=subjects, duplicate_window=_DUPLICATES_WITHIN_S)
            info = await self._broker.while_connected(created)
            self._log.info("made the stream", stream=stream_of(self._service))
        self._read_at = asyncio.get_running_loop().time()
        return _End(created=info.created, sequence=info.state.last_seq, empty=not info.state.messages)

    async def _start_from(self, end: _End) -> None:
        self._cursor = 0 if end.empty else await self._read_cursor()
        if self._again is not None:
            self._asked += [(self._again.after, message) for message in self._again.asked]
            self._again = None
        self._taken = self._previous = self._cursor
        self._end = end
        self._log.info("publishing from the stream's end", position=self._cursor, sequence=end.sequence)

    async def _read_cursor(self) -> int:
        last = self._broker.jetstream.get_last_msg(stream_of(self._service), f"upheld.{self._service}.>")
        headers = (await self._broker.while_connected(last)).headers or {}
        return int(headers.get(CURSOR) or headers.get(POSITION) or 0)

    async def _start_again(self) -> None:
        asked, self._asked = self._asked, []
        if self._again is not None:
            asked += [(self._again.after, message) for message in self._again.asked]
        after = min(after for after, _ in asked)
        self._again = _Again(after=after, until=self._cursor, asked=tuple(message for _, message in asked), suffix=f":{uuid4().hex}")
        if after < self._cursor:
            self._taken = self._previous = after
        await self._answer_when_done()

    async def _answer_when_done(self) -> None:
        again = self._again
        if again is None or self._taken < again.until:
            return
        self._again = None
        for message in again.asked:
            with contextlib.suppress(NatsError, Unavailable):
                await self._broker.client.publish(message.reply, json.dumps({"until": again.until}).encode())

    def _letters(self, batch: Sequence[Recorded[Any]]) -> list[_Letter]:
        letters: list[_Letter] = []
        for recorded in batch:
            outgoing = self._translate(recorded)
            if outgoing is not None:
                letters.append(self._letter(recorded, outgoing))
                self._previous = recorded.position
        return letters

    def _letter(self, recorded: Recorded[Any], outgoing: Outgoing) -> _Letter:
        metadata = recorded.metadata
        again = self._again if self._again is not None and recorded.position <= self._again.until else None
        headers = {
            "Nats-Msg-Id": metadata.event_id + (again.suffix if again else self._suffix),
            "ce-specversion": "1.0",
            "ce-id": metadata.event_id,
            "ce-source": f"/upheld/{self._service}",
            "ce-type": type_of(self._service, outgoing.event),
            "ce-time": metadata.recorded_at,
            "ce-subject": str(recorded.stream),
            "content-type": "application/protobuf",
            POSITION: str(recorded.position),
            PREVIOUS: str(self._previous),
            CORRELATION: metadata.correlation_id,
            CAUSATION: metadata.event_id,
        }
        if again is not None:
            headers[CURSOR] = str(again.until)
        with span(f"publish {outgoing.event}", traceparent=metadata.traceparent, kind=SpanKind.PRODUCER, service=self._service):
            headers["traceparent"] = current_traceparent() or metadata.traceparent
        return _Letter(
            position=recorded.position,
            subject=f"upheld.{self._service}.{outgoing.tenant}.{outgoing.event}",
            data=outgoing.message.SerializeToString(),
            headers={name: value for name, value in headers.items() if value},
        )

    async def _publish(self, letters: Sequence[_Letter]) -> None:
        for first in range(0, len(letters), _IN_FLIGHT):
            await self._publish_some(letters[first : first + _IN_FLIGHT])

    async def _publish_some(self, letters: Sequence[_Letter]) -> None:
        """Sent together, stored in order: each names the sequence before it, so none is stored after a missing one."""
        assert self._end is not None, "a publish follows the stream's known end"
        jetstream, sequence = self._broker.jetstream, self._end.sequence
        sent = (
            jetstream.publish(letter.subject, letter.data, headers=letter.headers | {_FENCE: str(sequence + index)})
            for index, letter in enumerate(letters)
        )
        answers = await self._broker.while_connected(asyncio.gather(*sent, return_exceptions=True))
        if any(isinstance(answer, PubAck) and answer.duplicate for answer in answers):
            self._suffix = f":{sequence}"
            raise StreamMoved("the stream has lost messages whose ids it remembers")
        for answer in answers:
            if isinstance(answer, NatsError):
                raise StreamMoved(f"the stream did not take an event: {answer}") from answer
            if isinstance(answer, BaseException):
                raise answer
        self._end = replace(self._end, sequence=sequence + len(letters), empty=False)
        self._cursor = max(self._cursor, letters[-1].position)
