"""The keys that a platform's logs are signed with: one for all its services, each under its own name. Never leaves a private key readable
to others.

The folder holds "1.pem", "2.pem" and so on, oldest first; each of them signs. Of a key that was retired it keeps the public half, "1.pub",
and what that key said of the next one, "1.<service>.note". It is read again for each checkpoint: a key may be made while a service runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.chassis import files
from services.chassis.settings import Settings
from services.transparency.note import COSIGNATURE_V1, BadNote, Note, Signer, VerifierKey, parse_key, verify
from services.transparency.rotation import rotation
from services.vocabulary.errors import Conflict, Invalid, Violation, invalid

_KEY = re.compile(r"([1-9][0-9]{0,5})\.(pem|pub)")


class BadLogKeys(Invalid):
    """The folder of the log's keys holds none, or something that is none."""

    code = "bad-log-keys"


class NothingToRetire(Conflict):
    """There is one key alone: a next one is to be made first."""

    code = "nothing-to-retire"


class LogKeys:
    """Of one folder, for logs that begin with `origin`."""

    def __init__(self, folder: Path, *, origin: str) -> None:
        self.folder = folder
        self._origin = origin

    @classmethod
    def at(cls, settings: Settings) -> LogKeys:
        """Makes and reads nothing yet."""
        return cls(Path(settings.log_keys) if settings.log_keys else settings.data / "log-keys", origin=settings.log_origin)

    @classmethod
    def open(cls, settings: Settings) -> LogKeys:
        """Makes the first key, where the settings name no folder of their own. Refuses with `BadLogKeys`."""
        keys = cls.at(settings)
        if not settings.log_keys and not keys.numbers:
            keys.rotate()
        if not keys.numbers:
            raise _bad(keys.folder, "must hold a key; upheld log rotate makes one")
        keys.known("any")
        return keys

    @property
    def numbers(self) -> list[int]:
        """Of the keys that sign, oldest first."""
        return sorted(number for number, ending in self._found() if ending == "pem")

    def of(self, service: str) -> LogSigner:
        return LogSigner(self, service)

    def signers(self, service: str) -> list[Signer]:
        """Oldest first."""
        return [self._signer(number, service) for number in self.numbers]

    def known(self, service: str) -> list[VerifierKey]:
        """Oldest first, with those that sign no more."""
        private = set(self.numbers)
        return [
            self._signer(number, service).key if number in private else VerifierKey(self._name(service), _public(self._path(number, "pub")))
            for number in sorted({number for number, _ in self._found()})
        ]

    def rotations(self, service: str) -> list[str]:
        """What each key said of the next, oldest first."""
        private, known = set(self.numbers), self.known(service)
        numbers = sorted({number for number, _ in self._found()})
        return [
            str(rotation(self._signer(number, service), new)) if number in private else _text(self._path(number, f"{service}.note"))
            for number, new in zip(numbers, known[1:], strict=False)
        ]

    def rotate(self) -> int:
        """Makes the next key and answers its number; the ones before go on to sign beside it until they are retired."""
        number = 1 + max((number for number, _ in self._found()), default=0)
        files.make_once(self._path(number, "pem"), _new_key)
        return number

    def retire(self, services: Sequence[str]) -> list[int]:
        """Every key but the newest signs no more, for all services; what it said of the next is kept. Refuses with `NothingToRetire`."""
        numbers = self.numbers[:-1]
        if not numbers:
            raise NothingToRetire("the log has one key alone: make the next one with upheld log rotate first")
        for number in numbers:
            for service in services:
                newer = next(each for each in self.numbers if each > number)
                statement = rotation(self._signer(number, service), self._signer(newer, service).key)
                files.replace(self._path(number, f"{service}.note"), str(statement).encode())
            files.replace(self._path(number, "pub"), _pem_of_public(_private(self._path(number, "pem"))))
            self._path(number, "pem").unlink()
        return numbers

    def _signer(self, number: int, service: str) -> Signer:
        return Signer(self._name(service), _private(self._path(number, "pem")))

    def _name(self, service: str) -> str:
        return f"{self._origin}/{service}"

    def _path(self, number: int, ending: str) -> Path:
        return self.folder / f"{number}.{ending}"

    def _found(self) -> list[tuple[int, str]]:
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return [(int(found[1]), found[2]) for found in map(_KEY.fullmatch, names) if found]


class LogSigner:
    """`sealer.Signing` of one service's log, as the folder is at the moment."""

    def __init__(self, keys: LogKeys, service: str) -> None:
        self._keys = keys
        self._service = service

    @property
    def key(self) -> VerifierKey:
        """The newest."""
        return self.keys[-1]

    @property
    def keys(self) -> list[VerifierKey]:
        """Those that sign, oldest first."""
        return [signer.key for signer in self._keys.signers(self._service)]

    @property
    def known(self) -> list[VerifierKey]:
        """With those that sign no more, oldest first."""
        return self._keys.known(self._service)

    @property
    def rotations(self) -> list[str]:
        """What each key said of the next, oldest first."""
        return self._keys.rotations(self._service)

    def note(self, text: str) -> Note:
        return Note(text, tuple(signer.sign(text) for signer in self._keys.signers(self._service)))

    def check(self, note: Note) -> None:
        """Refuses with `BadNote` a note that no key of the log has signed, and one that a key of the log has not signed as it says."""
        told = {(each.name, each.key_id) for each in note.signatures}
        own = [key for key in self._keys.known(self._service) if (key.name, key.id) in told]
        if not own:
            raise BadNote("signature", f"is missing: no key of {self.key.name} has signed")
        for key in own:
            verify(note, key)


class Witnesses:
    """The verifier keys of a file, one a line; read again each time. Called, it gives them."""

    def __init__(self, path: str) -> None:
        """Of no file: none. Refuses with `Invalid` a file that holds anything else."""
        self._path = Path(path) if path else None
        self()

    def __call__(self) -> list[VerifierKey]:
        if self._path is None:
            return []
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as fault:
            raise invalid("witnesses", f"{self._path} cannot be read: {fault}") from None
        return [_witness(line, place=f"witnesses:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _witness(line: str, *, place: str) -> VerifierKey:
    key = parse_key(line)
    if key.algorithm != COSIGNATURE_V1:
        raise invalid(place, f"must be the key of a witness, as upheld witness --name {key.name} prints it; this one signs no time")
    return key


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as fault:
        raise _bad(path, f"cannot be read as a private key: {fault}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _bad(path, "must be an Ed25519 key")
    return key


def _public(path: Path) -> bytes:
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise _bad(path, f"cannot be read as a public key: {fault}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise _bad(path, "must be an Ed25519 key")
    return key.public_bytes_raw()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as fault:
        raise _bad(path, f"cannot be read: {fault.strerror}") from None


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem_of_public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _bad(path: Path, rule: str) -> BadLogKeys:
    return BadLogKeys(Violation(place="log_keys", rule=f"{path} {rule}"))
