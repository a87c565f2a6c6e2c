"""Small secret files: written whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def make_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's content; where there is none yet it is made, and of several makers at once one wins for all."""
    if not path.exists():
        temporary = _written_beside(path, make())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    """A reader sees the old content or the new, never a part."""
    os.replace(_written_beside(path, content), path)


def _written_beside(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary
