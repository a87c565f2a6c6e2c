"""The command as a user types it, and an agreement to use it on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner, Result

from services.command.__main__ import app
from services.vocabulary.identity import Role
from tests.journeys.people import Person, token
from tests.journeys.processes import UPHELD, Reach

PROVIDER, CUSTOMER = "alpine-hosting", "lake-bank"

HEAD = f"""
upheld: terms/v1
parties:
  - {{role: provider, organisation: {PROVIDER}, name: Alpine Hosting AG,
      contacts: [{{name: Rea Vogel, email: rea@alpine.example, role: manager}}],
      responsibilities: [Runs the platform]}}
  - {{role: customer, organisation: {CUSTOMER}, name: Lake Bank,
      contacts: [{{name: Tim Koch, email: tim@lake.example, role: manager}}],
      responsibilities: [Reports incidents]}}
"""
"""What every terms document here begins with."""


def upheld(*words: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The installed command in a process of its own, on a terminal wide enough for every table."""
    return subprocess.run(
        [UPHELD, *map(str, words)],
        env={**os.environ, "COLUMNS": "200", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def invoke(*words: str | Path, environment: Mapping[str, str] | None = None) -> Result:
    """The same command in this process, which spares the start of an interpreter."""
    return CliRunner().invoke(app, [str(word) for word in words], env=environment)


def person(reach: Reach, organisation: str, *roles: Role) -> Person:
    return Person(reach=reach, token=token(reach.data, organisation, *roles, subject=f"somebody-at-{organisation}"))


def agreed(reach: Reach, terms: str) -> str:
    """The id of an agreement on these terms, drafted and proposed by the provider and signed by both."""
    manager = person(reach, PROVIDER, Role.SERVICE_MANAGER)
    drafted = manager.post("/v1/agreements", terms, kind="application/yaml")
    path = f"/v1/agreements/{drafted['id']}"
    state = manager.post(f"{path}/proposal", version=drafted["version"])
    for organisation in (CUSTOMER, PROVIDER):
        state = person(reach, organisation, Role.SIGNATORY).sign(state)
    assert state["status"] == "active", state
    return str(drafted["id"])
