"""`upheld export` and `upheld verify`: an agreement in one file, and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.command.client import Client
from services.command.verification import Report, trust_in, verify_bundle
from services.vocabulary.errors import invalid


async def export(client: Client, agreement_id: str) -> bytes:
    """The bundle as it was answered, byte for byte."""
    return (await client.get(f"/v1/agreements/{agreement_id}/bundle")).content


def write(file: Path, content: bytes) -> None:
    """As it is. Refuses with `Invalid` where it cannot be written."""
    try:
        file.write_bytes(content)
    except OSError as fault:
        raise invalid("--out", f"{file} cannot be written: {fault.strerror}") from None


def verify(file: Path, *, keys: Sequence[str], witnesses: Sequence[str], kept: Sequence[Path]) -> Report:
    """Refuses with `Invalid`."""
    return verify_bundle(file.read_bytes(), trust_in(keys, witnesses, [_kept(each) for each in kept]))


def _kept(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise invalid("--checkpoint", f"{file} cannot be read: {fault}") from None
