"""Which UPHELD_* variables mean something here. Reads names alone, never a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.chassis.settings import Stranger

URL = "UPHELD_URL"
TOKEN = "UPHELD_TOKEN"  # noqa: S105 - the variable's name

_OF_THE_TESTS = ("UPHELD_CHROMIUM", "UPHELD_FAULTS", "UPHELD_FOLLOWED_EVENTS", "UPHELD_REAL_DATA")


def unknown_variables(environment: Iterable[str]) -> list[Stranger]:
    """Those that neither a setting nor an option of the command nor the tests have."""
    from services.chassis.settings import strangers

    return strangers(environment, besides=(URL, TOKEN, *_OF_THE_TESTS))
