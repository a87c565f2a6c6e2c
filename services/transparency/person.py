"""A person's name in a stored event: a token stands in its place, and only a key of that person's for that stream opens it. Pure.

    {person:<id, 16 hex digits>:<base64url of commitment, 16 bytes | AES-SIV, 16 bytes and the padded text>}

The person's key (32 bytes) and the stream's id lead to the stream's key, that to the cipher's key and the commitment, all by HKDF-SHA256.
The commitment keeps anybody from finding another key under which a token opens to another name. The text is padded with 80 00 … to 16
bytes, so that not even its length stays. The same person in the same stream has the same token.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
ID_BYTES = 8

_CIPHER_BYTES = 64
_COMMITMENT_BYTES = 16
_BLOCK = 16
_OPENING = "{person:"
_TOKEN = re.compile(r"\{person:([0-9a-f]{16}):([A-Za-z0-9_-]{64,})\}")
_TOKEN_IN_BYTES = re.compile(_TOKEN.pattern.encode())
_ERASED = re.compile(r"erased-[0-9a-f]{16}")


class Names(dict[str, str]):
    """What the tokens of one stream say; each is opened once. Of an id that `key_of` has no key for, the name is erased."""

    def __init__(self, key_of: Callable[[str], bytes | None] = lambda _: None) -> None:
        """`key_of` leads from an id to its key for this stream; without it, no name is known."""
        super().__init__()
        self._key_of = key_of
        self.refused: set[str] = set()
        """What looks like a token, and which the key of its id does not open: it stays the text that it is."""

    def __missing__(self, text: str) -> str:
        self[text] = found = self._read(text)
        return found

    def read(self, text: str) -> str:
        """What a field says that names a person: a token's text, and every other text as it is."""
        return self[text] if text.startswith(_OPENING) else text

    def _read(self, text: str) -> str:
        token = _TOKEN.fullmatch(text)
        if token is None:
            return text
        key = self._key_of(token[1])
        if key is None:
            return erased_name(token[1])
        found = _opened(token[1], token[2], key)
        if found is None:
            self.refused.add(text)
            return text
        return found


def stream_key(person_key: bytes, stream: UUID) -> bytes:
    """Opens the person's tokens in this stream, and nowhere else."""
    return _derived(person_key, b"upheld/person/v1 stream " + stream.bytes, KEY_BYTES)


def token(text: str, *, person: str, key: bytes) -> str:
    """`key` is the person's for the stream."""
    cipher, commitment = _halves(key)
    content = commitment + AESSIV(cipher).encrypt(_padded(text.encode()), [person.encode()])
    return f"{{person:{person}:{base64.urlsafe_b64encode(content).rstrip(b'=').decode()}}}"


def token_beginning(person: str) -> str:
    """What every token of a person's begins with."""
    return f"{_OPENING}{person}:"


def looks_like_token(text: str) -> bool:
    return text.startswith(_OPENING)


def persons_in(content: bytes) -> list[str]:
    """The ids that tokens in stored bytes name, and perhaps some that a text of somebody's only seems to."""
    return sorted({person.decode() for person, _ in _TOKEN_IN_BYTES.findall(content)})


def erased_name(person: str) -> str:
    """What is read where the key is gone."""
    return f"erased-{person}"


def is_erased(name: str) -> bool:
    return _ERASED.fullmatch(name) is not None


def _opened(person: str, encoded: str, key: bytes) -> str | None:
    """None: the key does not open it."""
    content = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != encoded:
        return None
    cipher, commitment = _halves(key)
    if not hmac.compare_digest(commitment, content[:_COMMITMENT_BYTES]):
        return None
    try:
        return _unpadded(AESSIV(cipher).decrypt(content[_COMMITMENT_BYTES:], [person.encode()])).decode()
    except (InvalidTag, ValueError):
        return None


def _halves(key: bytes) -> tuple[bytes, bytes]:
    both = _derived(key, b"upheld/person/v1 token", _CIPHER_BYTES + _COMMITMENT_BYTES)
    return both[:_CIPHER_BYTES], both[_CIPHER_BYTES:]


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key)


def _padded(text: bytes) -> bytes:
    return text + b"\x80" + bytes(-(len(text) + 1) % _BLOCK)


def _unpadded(padded: bytes) -> bytes:
    """Raises ValueError."""
    text = padded.rstrip(b"\x00")
    if not text.endswith(b"\x80"):
        raise ValueError("not padded as we pad")
    return text[:-1]
