"""A file of observations as the command's options tell it: its form, and the mapping of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.measurement.intake import media_of
from services.measurement.mapping import MAPPING_OPTIONS
from services.vocabulary.errors import invalid

_CONTENT_TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


def content_type(file: Path) -> str:
    """By the file's ending; refuses with `Invalid` an unknown one."""
    return _CONTENT_TYPES[media_of(file.name)]


def mapping_parameters(options: Sequence[str]) -> dict[str, str]:
    """`kind=status` and the like as parameters; refuses with `Invalid` what is no pair or not in the mapping's words."""
    parameters: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or name not in MAPPING_OPTIONS:
            raise invalid("--map", f"must be <name>=<value> with a name of {', '.join(MAPPING_OPTIONS)}, not {option!r}")
        parameters[name] = value
    return parameters
