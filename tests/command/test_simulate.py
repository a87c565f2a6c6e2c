"""`upheld simulate` against a running `upheld up`: a table for people, the API's JSON for programs, refusals in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from services.vocabulary.identity import Role
from tests.command.cli import CUSTOMER, HEAD, PROVIDER, agreed, invoke, person, upheld
from tests.command.test_commands import lines
from tests.journeys.processes import Reach, one_process

TERMS = f"""{HEAD}
title: Payments platform
zone: UTC
effective_on: 2026-01-01
services: [{{id: payments, name: Payments, components: [{{id: web, name: Web}}]}}]
objectives:
  - id: uptime
    name: Uptime
    service: payments
    indicator: {{kind: availability, components: [web], no_data: up}}
    target: "99.9"
    decimals: 4
    credits: [{{below: "99.9", percent: "10"}}]
credit: {{currency: CHF, monthly_charge: "5000.00"}}
close_after_days: 90
"""
DOWN = {"2026-01-10": 43, "2026-02-10": 45}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Reach, str]]:
    """43 min down in January, 45 in February; both are open."""
    with one_process() as reach:
        operator = person(reach, PROVIDER, Role.OPERATOR)
        told = [
            {
                "kind": "outage",
                "service": "payments",
                "component": "web",
                "observed_at": f"{day}T01:00:00Z",
                "until": f"{day}T01:{minutes}:00Z",
            }
            for day, minutes in DOWN.items()
        ]
        operator.post("/v1/observations", "\n".join(map(json.dumps, told)), kind="application/x-ndjson", source="probe")
        yield reach, agreed(reach, TERMS)


def test_a_table_lays_both_terms_side_by_side_and_takes_the_proposal_apart(running: tuple[Reach, str]) -> None:
    reach, agreement = running
    proposed = reach.data / "proposed.yaml"
    proposed.write_text(TERMS.replace('target: "99.9"', 'target: "99.95"').replace('below: "99.9"', 'below: "99.95"'))
    words = ("simulate", agreement, proposed, "--from", "2026-01", "--to", "2026-02", "-o", CUSTOMER)
    done = upheld(*words, environment=reach.environment)
    assert done.returncode == 0, done.stderr
    printed = lines(done.stdout)
    assert printed[0] == "Simulation, credits in CHF"
    assert "2026-01 (open) uptime 99.9036 % met 99.9036 % breached 0.00 500.00" in printed
    assert "2026-02 (open) uptime 99.8883 % breached 99.8883 % breached 500.00 500.00" in printed
    assert "all 500.00 1000.00" in printed
    assert 'objectives[uptime].target "99.9" "99.95" 500.00 500.00 2026-01 uptime: breached, without it met' in printed

    told = json.loads(invoke(*words, "--json", environment=reach.environment).stdout)
    assert (told["credit_in_force"], told["credit_simulated"]) == ("500.00", "1000.00")
    assert [each["place"] for each in told["sensitivities"]] == ["objectives[uptime].target", "objectives[uptime].credits"]


def test_without_terms_those_in_force_are_simulated(running: tuple[Reach, str]) -> None:
    reach, agreement = running
    done = invoke("simulate", agreement, "--from", "2026-01", "--to", "2026-02", "--json", "-o", PROVIDER, environment=reach.environment)
    told = json.loads(done.stdout)
    assert (told["credit_in_force"], told["credit_simulated"], told["sensitivities"]) == ("500.00", "500.00", [])


def test_refusals_name_the_place_and_the_rule(running: tuple[Reach, str]) -> None:
    reach, agreement = running
    later = f"{datetime.now(UTC).year + 1}-12"
    done = invoke("simulate", agreement, "--from", "2026-01", "--to", later, "-o", CUSTOMER, environment=reach.environment)
    assert (done.exit_code, f"to_period: must have begun: nothing was observed yet in {later}" in done.stderr) == (1, True)
    done = invoke("simulate", agreement, "--from", "2026-01", "--to", "2026-01", "--side", "ours", environment=reach.environment)
    assert (done.exit_code, "--side must be agreed or provider or customer, not 'ours'" in done.stderr) == (2, True)
