"""Fixtures of all tests: settings over SQLite, over PostgreSQL, and over each in turn; and how many examples a law is tried with.

`make laws` tries them with the profile "deep". A law whose examples are dear in themselves names a number of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as laws

from services.chassis.settings import Settings
from tests.postgres import missing_reason, postgres_url

laws.register_profile("usual", max_examples=200, deadline=None)
laws.register_profile("deep", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
laws.load_profile("usual")


_LONG = ("contracts", "faults", "journeys", "benchmarks", "command", "worked", "portal", "reporting")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that at the end nobody waits for one of them."""
    items.sort(key=lambda item: item.path.parent.name not in _LONG)


@pytest.fixture
def settings_sqlite(tmp_path: Path) -> Settings:
    """SQLite files in a folder of the test's own."""
    return Settings(data=tmp_path / "data", database_url="")


@pytest.fixture
def settings_postgres(tmp_path: Path) -> Settings:
    """A PostgreSQL database of the test's own; skipped where there are no binaries."""
    reason = missing_reason()
    if reason:
        pytest.skip(reason)
    return Settings(data=tmp_path / "data", database_url=postgres_url())


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """The same test over both databases."""
    chosen: Settings = request.getfixturevalue(f"settings_{request.param}")
    return chosen
