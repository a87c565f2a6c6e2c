"""`upheld export` and `upheld verify`: an agreement in one file, and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.command.client import Client
from services.command.verification import Report, trust_in, verify_bundle
from services.transparency.note import BadNote, parse_checkpoint, parse_note
from services.vocabulary.errors import invalid


async def export(client: Client, agreement_id: str, *, since: Sequence[str] = ()) -> bytes:
    """The bundle as it was answered, byte for byte; `since` as the API takes it."""
    return (await client.get(f"/v1/agreements/{agreement_id}/bundle", since=since)).content


def sizes_of(files: Sequence[Path]) -> list[str]:
    """The log and the size of each checkpoint, "agreements/120". Refuses with `Invalid`."""
    return [_size_of(file) for file in files]


def _size_of(file: Path) -> str:
    try:
        told = parse_checkpoint(parse_note(_kept(file, "--since")).text)
    except BadNote as refusal:
        raise invalid("--since", f"{file}: {refusal.message}") from None
    return f"{told.origin.rpartition('/')[2]}/{told.size}"


def write(file: Path, content: bytes) -> None:
    """As it is. Refuses with `Invalid` where it cannot be written."""
    try:
        file.write_bytes(content)
    except OSError as fault:
        raise invalid("--out", f"{file} cannot be written: {fault.strerror}") from None


def verify(file: Path, *, keys: Sequence[str], witnesses: Sequence[str], kept: Sequence[Path]) -> Report:
    """Refuses with `Invalid`."""
    return verify_bundle(file.read_bytes(), trust_in(keys, witnesses, [_kept(each, "--checkpoint") for each in kept]))


def _kept(file: Path, option: str) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise invalid(option, f"{file} cannot be read: {fault}") from None
