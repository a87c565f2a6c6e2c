"""Checkpoints on the bus: a service tells each one that it signed, and another hears the newest. Signs and stores nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from services.chassis.log_keys import LogSigner
from services.chassis.nats import Broker
from services.chassis.relay import POSITION
from services.chassis.sealer import NotSealedYet, SealedLog, Sealer
from services.chassis.telemetry import log
from services.transparency.note import BadNote, Checkpoint, VerifierKey, parse_checkpoint, parse_note
from services.vocabulary.errors import Unavailable

STREAM = "UPHELD_CHECKPOINTS"
_SUBJECTS = "upheld.log.*.checkpoint"
_LOOK_EVERY_S = 30.0
_AGAIN_AFTER_S = 1.0


def checkpoint_subject(service: str) -> str:
    """Where each new checkpoint is told; the stream UPHELD_CHECKPOINTS keeps the last one."""
    return f"upheld.log.{service}.checkpoint"


class CheckpointPublisher:
    """A Runner. Nothing waits for it: what it missed while the broker was away is the newest checkpoint alone."""

    def __init__(self, service: str, broker: Broker, sealer: Sealer, sealed: SealedLog) -> None:
        self.name = "checkpoints"
        self._subject = checkpoint_subject(service)
        self._broker = broker
        self._sealed = sealed
        self._news = asyncio.Event()
        self._log = log("checkpoints").bind(service=service)
        sealer.on_signed(self._news.set)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._broker.ready()
            self._news.clear()
            try:
                await self._publish_newest()
            except (NatsError, Unavailable, TimeoutError) as error:
                self._log.warning("a checkpoint was not published, will try again", error=str(error) or repr(error))
                await asyncio.sleep(_AGAIN_AFTER_S)
            else:
                await self._wait()

    async def _publish_newest(self) -> None:
        try:
            newest = await self._sealed.checkpoint()
        except NotSealedYet:
            return
        if await self._broker.while_connected(self._last()) != newest.encode():
            size = parse_checkpoint(parse_note(newest).text).size
            headers = {"content-type": "text/plain", POSITION: str(await self._sealed.position_of(size - 1))}
            published = self._broker.jetstream.publish(self._subject, newest.encode(), headers=headers)
            await self._broker.while_connected(published)

    async def _last(self) -> bytes | None:
        """What the stream has; makes it where there is none."""
        jetstream = self._broker.jetstream
        try:
            return (await jetstream.get_last_msg(STREAM, self._subject)).data
        except NotFoundError:
            await jetstream.add_stream(name=STREAM, subjects=[_SUBJECTS], max_msgs_per_subject=1)
            return None

    async def _wait(self) -> None:
        """For news; where none come, the stream is looked at all the same: it may have been wiped."""
        try:
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            return


@dataclass(frozen=True, kw_only=True)
class HeardCheckpoint:
    """Of another service's log, verified: every event up to `position` is in it. `key` is the newest of that log."""

    checkpoint: Checkpoint
    position: int
    key: VerifierKey


class CheckpointsHeard:
    """Of one other service of the same platform."""

    def __init__(self, service: str, broker: Broker, signer: LogSigner) -> None:
        self._subject = checkpoint_subject(service)
        self._broker = broker
        self._signer = signer
        self._log = log("checkpoints").bind(heard=service)

    async def tell(self, listener: Callable[[], None]) -> None:
        """Calls it for each new one."""

        async def heard(_: Msg) -> None:
            listener()

        await self._broker.subscribe(self._subject, heard)

    async def newest(self) -> HeardCheckpoint | None:
        """None: there is none, or the broker cannot be asked, or what it has is not the log's own."""
        try:
            message = await self._broker.while_connected(self._broker.jetstream.get_last_msg(STREAM, self._subject))
            note = parse_note((message.data or b"").decode())
            self._signer.check(note)
            position = int((message.headers or {})[POSITION])
            return HeardCheckpoint(checkpoint=parse_checkpoint(note.text), position=position, key=self._signer.key)
        except NotFoundError:
            return None
        except (NatsError, Unavailable, TimeoutError, BadNote, ValueError, KeyError) as error:
            self._log.warning("no checkpoint that counts", error=repr(error))
            return None
