"""Time zone files for tests: a zone of one offset, as the time zone database compiles it (RFC 8536, version 2)."""

from __future__ import annotations

import struct
from pathlib import Path


def zone_of(hours: int, abbreviation: str = "FIX") -> bytes:
    """A zone that is so many hours east of UTC, always."""
    name = abbreviation.encode() + b"\0"
    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, len(name))
    data = struct.pack(">lbb", hours * 3600, 0, 0) + name
    footer = f"\n{abbreviation}{-hours}\n".encode()
    return header + data + header + data + footer


def tz_database(folder: Path, *, version: str, zones: dict[str, bytes]) -> Path:
    """A `tzdata` package with these zones, in a folder that can stand before the installed one on the path of imports."""
    package = folder / "tzdata"
    for name, data in zones.items():
        file = package / "zoneinfo" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (package / "zones").write_text("\n".join(zones))
    (package / "__init__.py").write_text(f'IANA_VERSION = "{version}"\n')
    return folder
