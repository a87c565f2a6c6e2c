"""Fixtures of all tests: settings over SQLite, over PostgreSQL, and over each in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chassis.settings import Settings
from tests.postgres import missing_reason, postgres_url


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
