"""A witness: remembers what each log showed last, and signs what is that grown further. Trusts no log's own word on its past."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.chassis import files
from services.command.client import Client, Json, RequestFailed, connected
from services.transparency.merkle import verify_consistency
from services.transparency.note import (
    BadNote,
    Checkpoint,
    Note,
    Signer,
    VerifierKey,
    cosigned_by,
    parse_checkpoint,
    parse_key,
    parse_note,
    verify,
)
from services.transparency.rotation import followed
from services.vocabulary.errors import Refusal, invalid

_NOT_TAKEN = 422


class LogRefused(Refusal):
    """The log shows something that cannot be the past that it showed before, or not what its key signed."""

    code = "log-refused"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a log showed last: its newest known verifier key, and the checkpoint as it was signed."""

    key: str
    checkpoint: str


class Memory:
    """A file of what was seen, by the log's address. Written before anything is signed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, url: str) -> Seen | None:
        """Refuses with `Invalid` a file that is none of ours."""
        return self._read().get(url)

    def keep(self, url: str, seen: Seen) -> None:
        kept = {**self._read(), url: seen}
        files.replace(self._path, json.dumps({each: asdict(told) for each, told in kept.items()}, indent=2).encode())

    def _read(self) -> dict[str, Seen]:
        try:
            return {url: Seen(**told) for url, told in json.loads(self._path.read_text("utf-8")).items()} if self._path.exists() else {}
        except (OSError, ValueError, TypeError, AttributeError) as fault:
            raise invalid("--seen", f"{self._path} is not what a witness keeps: {fault}") from None


@dataclass(frozen=True, kw_only=True)
class Witness:
    """`pinned` are keys of logs that are known from elsewhere; a log of none of them is believed its key the first time."""

    signer: Signer
    memory: Memory
    pinned: Sequence[VerifierKey]
    now: Callable[[], datetime]

    async def look(self, client: Client, url: str) -> str:
        """Checks the log at an address, which the client's paths are below, and signs its newest checkpoint; answers what was done, in a
        line. Refuses with `LogRefused` and `BadNote`."""
        before = self.memory.of(url)
        note = parse_note((await client.get("checkpoint")).text)
        keys = _trusted(before, self.pinned, _told((await client.get("key")).body))
        _verified(note, keys)
        newest = _checkpoint(note, keys[0].name)
        if before is not None:
            await _grown(client, _checkpoint(parse_note(before.checkpoint), keys[0].name), newest)
        self.memory.keep(url, Seen(key=str(keys[-1]), checkpoint=str(note)))
        first = "" if before is not None or self.pinned else f"; seen for the first time, its key is {keys[-1]}"
        return f"{newest.origin}: {newest.size} events, {await self._cosigned(client, note, newest)}{first}"

    async def _cosigned(self, client: Client, note: Note, newest: Checkpoint) -> str:
        if cosigned_by(note, [self.signer.witness_key]):
            return "signed before"
        line = str(self.signer.cosign(note.text, at=int(self.now().timestamp())))
        try:
            await client.post("cosignatures", {"size": newest.size, "signature": line})
        except RequestFailed as failure:
            if failure.status != _NOT_TAKEN:
                raise
            raise LogRefused(
                f"{newest.origin} takes no signature of {self.signer.key.name}: is its key in the file of witnesses?"
            ) from None
        return "signed"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What came of one look at a log. `refused`: it is not to be trusted; `failed`: it could not be asked."""

    url: str
    line: str
    refused: bool = False
    failed: bool = False


async def look_at_all(witness: Witness, urls: Sequence[str], token: str) -> list[Look]:
    """Each log, whatever is wrong with another."""
    return [await _look(witness, url.rstrip("/"), token) for url in urls]


async def _look(witness: Witness, url: str, token: str) -> Look:
    try:
        async with connected(url, token) as client:
            return Look(url=url, line=await witness.look(client, url))
    except RequestFailed as failure:
        return Look(url=url, line=str(failure), failed=True)
    except (LogRefused, BadNote) as refusal:
        return Look(url=url, line=refusal.message, refused=True)


def signer_at(path: Path, name: str) -> Signer:
    """Of a file of an Ed25519 key, PEM, which is made where there is none. Refuses with `Invalid`."""
    content = files.make_once(path, _new_key)
    try:
        private = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as fault:
        raise invalid("--key", f"{path} cannot be read as a private key: {fault}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise invalid("--key", f"{path} must be an Ed25519 key")
    return Signer(name, private)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a log says of its keys, oldest first."""

    log: str
    keys: tuple[str, ...]
    rotations: tuple[str, ...]


def _told(body: Json) -> _Told:
    try:
        return _Told(log=str(body["log"]), keys=tuple(map(str, body["keys"])), rotations=tuple(map(str, body["rotations"])))
    except (KeyError, TypeError):
        raise LogRefused("what answers there is no log") from None


def _trusted(before: Seen | None, pinned: Sequence[VerifierKey], told: _Told) -> tuple[VerifierKey, ...]:
    """From the key that we know to the newest. A log that is seen for the first time is believed its oldest key, unless keys are pinned."""
    if before is not None:
        return followed(parse_key(before.key), told.rotations)
    if not pinned:
        return followed(parse_key(told.keys[0] if told.keys else ""), told.rotations)
    own = [key for key in pinned if key.name == told.log]
    if not own:
        raise LogRefused(f"the log says to be {told.log!r}, of which no key is known here")
    return followed(own[0], told.rotations)


def _verified(note: Note, keys: Sequence[VerifierKey]) -> None:
    """By one of the keys at least, and by each of them that is named there."""
    told = {(each.name, each.key_id) for each in note.signatures}
    own = [key for key in keys if (key.name, key.id) in told]
    if not own:
        raise LogRefused(f"the checkpoint is signed by another key than the one that is known, {keys[-1]}")
    for key in own:
        verify(note, key)


def _checkpoint(note: Note, name: str) -> Checkpoint:
    found = parse_checkpoint(note.text)
    if found.origin != name:
        raise LogRefused(f"the checkpoint is of the log {found.origin!r}, not of {name!r}")
    return found


async def _grown(client: Client, old: Checkpoint, new: Checkpoint) -> None:
    """Refuses with `LogRefused` unless the new tree is the old one grown further."""
    if new.size < old.size:
        raise LogRefused(f"{new.origin} was rolled back: it had {old.size} events and now shows {new.size}")
    if new.size == old.size and new.root != old.root:
        raise LogRefused(f"{new.origin} was forked: it shows two histories of {new.size} events")
    if new.size == old.size:
        return
    answer = await client.get("consistency", **{"from": str(old.size), "to": str(new.size)})
    if not verify_consistency(old.size, new.size, _proof(answer.body["proof"]), old.root, new.root):
        raise LogRefused(f"{new.origin} was forked: its first {old.size} events are not those that it showed before")


def _proof(told: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(each, validate=True) for each in told]
    except (binascii.Error, ValueError, TypeError):
        raise BadNote("proof", "must be hashes in base64") from None


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
