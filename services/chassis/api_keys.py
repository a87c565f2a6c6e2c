"""API keys for machines: `upk_<id>_<secret>`. The file holds hashes only; a secret is shown once and never stored."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from services.chassis.credentials import InvalidApiKey, caller_of
from services.chassis.files import replace
from services.vocabulary.identity import Caller, Role

PREFIX = "upk_"
_NO_HASH = "0" * 64


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """`hash` is the SHA-256 of a secret of 256 random bits, which no dictionary finds."""

    id: str
    hash: str
    organisation: str
    subject: str
    roles: tuple[str, ...]
    created: str


class _File(msgspec.Struct, frozen=True):
    keys: tuple[StoredKey, ...] = ()


class ApiKeys:
    """Read again whenever the file changes: a key taken out of it stops working at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: Mapping[str, StoredKey] = {}

    def make(self, *, subject: str, organisation: str, roles: Iterable[Role], created: datetime) -> str:
        """The key, for the only time. Refuses what no caller could be made of."""
        wanted = caller_of(subject=subject, organisation=organisation, roles=list(roles))
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        with self._exclusively():
            made = StoredKey(
                id=key_id,
                hash=_hash(secret),
                organisation=wanted.organisation,
                subject=wanted.subject,
                roles=tuple(sorted(wanted.roles)),
                created=created.isoformat(),
            )
            self._write((*self._read(), made))
        return f"{PREFIX}{key_id}_{secret}"

    def revoke(self, key_id: str) -> bool:
        """False where there is no such key."""
        with self._exclusively():
            before = self._read()
            kept = [key for key in before if key.id != key_id]
            self._write(kept)
        return len(kept) < len(before)

    def verify(self, key: str) -> Caller:
        """Refuses with `InvalidApiKey`, in the same time whether the id is known or not."""
        key_id, _, secret = key.removeprefix(PREFIX).partition("_")
        found = self._current().get(key_id)
        genuine = hmac.compare_digest(_hash(secret), found.hash if found else _NO_HASH)
        if found is None or not genuine or not key.startswith(PREFIX):
            raise InvalidApiKey("the API key is unknown or revoked")
        return caller_of(subject=found.subject, organisation=found.organisation, roles=found.roles)

    def _current(self) -> Mapping[str, StoredKey]:
        try:
            state = os.stat(self._path)
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return self._keys
        seen = (state.st_mtime_ns, state.st_ino, state.st_size)
        if seen != self._seen:
            self._keys = {key.id: key for key in self._read()}
            self._seen = seen
        return self._keys

    def _read(self) -> tuple[StoredKey, ...]:
        if not self._path.exists():
            return ()
        return msgspec.json.decode(self._path.read_bytes(), type=_File).keys

    def _write(self, keys: Iterable[StoredKey]) -> None:
        replace(self._path, msgspec.json.format(msgspec.json.encode(_File(tuple(keys))), indent=2))

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
