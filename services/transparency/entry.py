"""What a log's leaves say: one for each stored event. Binary, fixed order, one way to write it. Pure.

    1 | position u64 | stream 16 bytes | version u32 | name u16 + bytes | SHA-256 of the stored bytes

Integers are big-endian. The stored bytes themselves are not in the log: whoever has them can show that they are those, and whoever has
only the log learns nothing of what was agreed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from services.transparency.merkle import HASH_BYTES

_HEAD = struct.Struct(">BQ16sIH")
_KIND = 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event of a service's log: where it stands, of which stream it is which version, its name, and the digest of its stored bytes."""

    position: int
    stream: UUID
    version: int
    name: str
    digest: bytes

    def __bytes__(self) -> bytes:
        name = self.name.encode()
        return _HEAD.pack(_KIND, self.position, self.stream.bytes, self.version, len(name)) + name + self.digest


def entry_of(*, position: int, stream: UUID, version: int, name: str, stored: bytes) -> Entry:
    return Entry(position=position, stream=stream, version=version, name=name, digest=sha256(stored).digest())


def parse_entry(content: bytes) -> Entry | None:
    """None: it is no entry, or not in the one way to write it."""
    try:
        entry = _parsed(content)
    except (struct.error, UnicodeDecodeError):
        return None
    return entry if bytes(entry) == content else None


def _parsed(content: bytes) -> Entry:
    _, position, stream, version, length = _HEAD.unpack_from(content)
    name, digest = content[_HEAD.size : _HEAD.size + length], content[_HEAD.size + length :]
    if len(digest) != HASH_BYTES:
        raise struct.error("not as long as it says")
    return Entry(position=position, stream=UUID(bytes=stream), version=version, name=name.decode(), digest=digest)
