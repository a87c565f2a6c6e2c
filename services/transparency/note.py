"""Signed notes, checkpoints and the cosignatures of witnesses, in the C2SP formats signed-note, tlog-checkpoint and tlog-cosignature.

Pure but for the one instant that a witness gives. A key is told as its verifier key: "name+id+base64". Reading refuses with `BadNote`
whatever is not exactly in the format; a signature by an unknown key says nothing and is passed over.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.transparency.merkle import HASH_BYTES
from services.vocabulary.errors import Invalid, Violation

ED25519 = 0x01
COSIGNATURE_V1 = 0x04

_KEY_BYTES = 32
_ID_BYTES = 4
_TIME_BYTES = 8
_MOST_SIGNATURES = 100
_ID = re.compile(r"[0-9a-f]{8}")
_NAME = re.compile(r"[^\s+]{1,200}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_COSIGNED = "cosignature/v1\ntime {}\n{}"


class BadNote(Invalid):
    """It is no signed note, no checkpoint, no verifier key, or its signature is not by the key that it names."""

    code = "bad-note"

    def __init__(self, place: str, rule: str) -> None:
        super().__init__(Violation(place=place, rule=rule))


@dataclass(frozen=True)
class VerifierKey:
    """A named public key; `algorithm` tells a log's or person's own signatures from a witness's, which also sign a time."""

    name: str
    public: bytes
    algorithm: int = ED25519

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256 over name, algorithm and key: a hint which key to try, no proof."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.algorithm]) + self.public)}"

    def has_signed(self, signature: bytes, message: bytes) -> bool:
        """Ed25519, RFC 8032."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class RenamedKey(VerifierKey):
    """One whose name was erased: its id is that of the name which it had, and is taken as it is told."""

    told_id: bytes = b""

    @property
    def id(self) -> bytes:
        return self.told_id


@dataclass(frozen=True)
class Signature:
    """A line below a note: who says to have signed, with which key, and the signature, after a witness's time in eight bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True)
class Note:
    """`text` ends with a line end; the signatures are of exactly its bytes."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))


@dataclass(frozen=True)
class Checkpoint:
    """A tree of so many leaves had this root, says the log `origin`. `extensions` are further lines, which the log understands."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), _base64(self.root), *self.extensions))


@dataclass(frozen=True)
class Cosigned:
    """A witness saw the checkpoint, consistent with all that it had seen before, at `at` (POSIX seconds)."""

    name: str
    at: int


class Signer:
    """A name and its private key."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        _check_name(name)
        self._private = private
        self.key = VerifierKey(name, private.public_key().public_bytes_raw())
        self.witness_key = VerifierKey(name, self.key.public, COSIGNATURE_V1)

    def sign(self, text: str) -> Signature:
        return Signature(self.key.name, self.key.id, self._private.sign(_signable(text).encode()))

    def note(self, text: str) -> Note:
        return Note(text, (self.sign(text),))

    def check(self, note: Note) -> None:
        """Refuses with `BadNote` a note that is not its own."""
        verify(note, self.key)

    def cosign(self, checkpoint: str, *, at: int) -> Signature:
        """As a witness; `at` are POSIX seconds."""
        message = _COSIGNED.format(at, _signable(checkpoint)).encode()
        signature = struct.pack(">Q", at) + self._private.sign(message)
        return Signature(self.witness_key.name, self.witness_key.id, signature)


def parse_key(text: str) -> VerifierKey:
    """Of "name+id+base64"; the id must be the key's own."""
    key, key_id = _key_and_told_id(text)
    if key.id.hex() != key_id:
        raise BadNote("key", f"says to have the id {key_id[:20]!r}, it has {key.id.hex()}")
    return key


def parse_renamed_key(text: str) -> VerifierKey:
    """As `parse_key`, of a key that had another name when its id was made."""
    key, key_id = _key_and_told_id(text)
    if _ID.fullmatch(key_id) is None:
        raise BadNote("key", f"must have an id of 8 hex digits, not {key_id[:20]!r}")
    return RenamedKey(key.name, key.public, key.algorithm, bytes.fromhex(key_id))


def _key_and_told_id(text: str) -> tuple[VerifierKey, str]:
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    _check_name(name)
    content = _bytes(encoded, place="key")
    if len(content) != 1 + _KEY_BYTES or content[0] not in (ED25519, COSIGNATURE_V1):
        raise BadNote("key", "must be an Ed25519 verifier key: name+id+base64 of 33 bytes")
    return VerifierKey(name, content[1:], content[0]), key_id


def parse_note(text: str) -> Note:
    """Verifies nothing yet."""
    body, blank, lines = text.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or not body:
        raise BadNote("note", "must be a text, an empty line, and signature lines")
    if _CONTROL.search(text):
        raise BadNote("note", "must hold no control characters")
    signatures = lines[:-1].split("\n")
    if len(signatures) > _MOST_SIGNATURES:
        raise BadNote("note", f"must have at most {_MOST_SIGNATURES} signatures")
    return Note(body + "\n", tuple(parse_signature(line) for line in signatures))


def parse_checkpoint(text: str) -> Checkpoint:
    """Of a note's text."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise BadNote("checkpoint", "must be the lines origin, size and root, each ended")
    origin, size, root, *extensions = lines[:-1]
    if _SIZE.fullmatch(size) is None:
        raise BadNote("checkpoint", f"must have a decimal size in its second line, not {size[:20]!r}")
    content = _bytes(root, place="checkpoint")
    if len(content) != HASH_BYTES:
        raise BadNote("checkpoint", "must have a root of 32 bytes in base64 in its third line")
    return Checkpoint(origin, int(size), content, tuple(extensions))


def verify(note: Note, key: VerifierKey) -> None:
    """Refuses with `BadNote` a note that the key has not signed."""
    own = [each for each in note.signatures if (each.name, each.key_id) == (key.name, key.id)]
    if not own:
        raise BadNote("signature", f"is missing: {key.name} with the key {key.id.hex()} has not signed")
    if not all(key.has_signed(each.signature, note.text.encode()) for each in own):
        raise BadNote("signature", f"of {key.name} is not of these bytes")


def cosigned_by(note: Note, keys: Collection[VerifierKey]) -> tuple[Cosigned, ...]:
    """The witnesses among the keys that have signed it. Refuses with `BadNote` a line of theirs that is not of these bytes."""
    known = {(key.name, key.id): key for key in keys}
    found: list[Cosigned] = []
    for each in note.signatures:
        key = known.get((each.name, each.key_id))
        if key is not None:
            found.append(_cosigned(note, each, key))
    return tuple(found)


def _cosigned(note: Note, each: Signature, key: VerifierKey) -> Cosigned:
    if key.algorithm == COSIGNATURE_V1 and len(each.signature) > _TIME_BYTES:
        (at,) = struct.unpack(">Q", each.signature[:_TIME_BYTES])
        if key.has_signed(each.signature[_TIME_BYTES:], _COSIGNED.format(at, note.text).encode()):
            return Cosigned(key.name, at)
    raise BadNote("signature", f"of the witness {key.name} is not of these bytes")


def parse_signature(line: str) -> Signature:
    """Of a line below a note, without its end."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—":
        raise BadNote("signature", "must be a line of a dash, a name and base64")
    _check_name(name)
    content = _bytes(encoded, place="signature")
    if len(content) <= _ID_BYTES:
        raise BadNote("signature", "must hold a key id and a signature")
    return Signature(name, content[:_ID_BYTES], content[_ID_BYTES:])


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise BadNote("name", f"of a key is 1 to 200 characters without spaces and plus signs, not {name[:40]!r}")


def _signable(text: str) -> str:
    if not text.endswith("\n"):
        raise BadNote("note", "must end with a line end")
    return text


def _bytes(text: str, *, place: str) -> bytes:
    """Base64 as it is written, and in no other way."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not text or _base64(content) != text:
        raise BadNote(place, "must be base64")
    return content


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def with_signatures(note: Note, further: Sequence[Signature]) -> Note:
    """The same note, signed by more."""
    return Note(note.text, (*note.signatures, *(each for each in further if each not in note.signatures)))
