"""Each worked value through the running platform: signed by two parties, reported over HTTP, answered by the API; the exact text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.chassis.clock import MovableClock
from services.chassis.identity import Identity
from services.chassis.settings import Settings
from services.command import clock_file
from services.vocabulary.identity import OrganisationId, Role
from services.vocabulary.period import MINUTE
from tests.command.cli import CUSTOMER, HEAD, PROVIDER
from tests.journeys.people import Json, Person, until
from tests.journeys.processes import Reach, folder, one_process
from tests.worked.cases import CASES, Case, found

ROLES = (Role.SERVICE_MANAGER, Role.SIGNATORY, Role.OPERATOR)
AFTER_ALL_CASES = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOON_OF_THE_FIRST_DAY = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass
class Platform:
    """A platform on a clock of its own, and who was agreed with."""

    reach: Reach
    clock: MovableClock
    agreed: dict[str, str] = field(default_factory=dict)

    def person(self, organisation: str) -> Person:
        identity = Identity.open(Settings(data=self.reach.data), self.clock)
        token = identity.issue(subject="rea", organisation=OrganisationId(organisation), roles=ROLES, lifetime=timedelta(hours=1))
        return Person(reach=self.reach, token=token)

    def agreement_on(self, case: Case) -> str:
        """Reported first and signed afterwards, so that no month is judged before all of its observations are there."""
        if told := case.observations():
            self.person(PROVIDER).post("/v1/observations", "\n".join(map(json.dumps, told)), kind="application/x-ndjson", source=case.name)
        return self.signed(case.terms(HEAD))

    def signed(self, terms: str) -> str:
        """The id of an agreement on these terms."""
        provider, customer = self.person(PROVIDER), self.person(CUSTOMER)
        drafted = provider.post("/v1/agreements", terms, kind="application/yaml")
        path = f"/v1/agreements/{drafted['id']}"
        proposed = provider.post(f"{path}/proposal", version=drafted["version"])
        provider.sign(customer.sign(proposed))
        return str(drafted["id"])

    def assessment(self, agreement_id: str, period: str) -> Json:
        return self.person(CUSTOMER).get(f"/v1/assessments/{agreement_id}/{period}")


@contextmanager
def platform_at(now: datetime, home: Path) -> Iterator[Platform]:
    clock_file.keep(home, MovableClock(now))
    with one_process(data=home) as reach:
        yield Platform(reach=reach, clock=MovableClock(now))


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with folder() as home, platform_at(AFTER_ALL_CASES, home) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_worked_value_from_the_platform(case: Case, platform: Platform) -> None:
    agreement_id = platform.agreement_on(case)
    for period, expected in case.expected.items():
        document = platform.assessment(agreement_id, period)
        assert {field: found(document, field) for field in expected} == expected


def test_any_thirty_days_that_hold_both_outages_are_one_figure(platform: Platform) -> None:
    case = next(case for case in CASES if case.name == "january-february")
    agreement_id = platform.agreement_on(case)
    for first in ("2026-01-10", "2026-01-25", "2026-01-31"):
        start = datetime.fromisoformat(first).replace(tzinfo=UTC)
        result = platform.person(CUSTOMER).get(
            f"/v1/measurements/{agreement_id}/it", start=start.isoformat(), end=(start + timedelta(days=30)).isoformat()
        )
        assert result["attainment_percent"] == "99.861111"


def test_to_date_and_if_nothing_else_fails_are_two_figures() -> None:
    told: dict[str, object] = {"kind": "outage", "component": "web", "observed_at": "2026-06-01T02:00:00Z", "until": "2026-06-01T03:00:00Z"}
    union = next(case for case in CASES if case.name == "union")
    case = Case(name="union", objectives=union.objectives, observed=[told], expected=union.expected)
    with folder() as home, platform_at(NOON_OF_THE_FIRST_DAY, home) as platform:
        progress = platform.assessment(platform.agreement_on(case), "2026-06")["objectives"][0]["progress"]
    # The platform measures until now, a moment after noon: 60 min of at least 720, of at most 725.
    assert Decimal("91.666666") <= Decimal(progress["to_date_percent"]) <= Decimal("91.724138")
    assert progress["if_nothing_else_fails_percent"] == "99.861111"


QUARTERLY = f"""{HEAD}
title: Payments by the quarter
zone: UTC
effective_on: 2026-01-01
period: {{every: quarter}}
services: [{{id: payments, name: Payments, components: [{{id: web, name: Web}}]}}]
objectives:
  - id: it
    name: Availability of payments
    service: payments
    indicator: {{kind: availability, components: [web], no_data: up}}
    target: "99.9"
    credits: [{{below: "99.9", percent: "10"}}]
credit: {{currency: EUR, monthly_charge: "1000.00"}}
"""


def test_a_quarterly_agreement_goes_all_the_way_from_an_outage_to_its_report(platform: Platform) -> None:
    """130 minutes of 129,600 are down, where 129.6 are allowed: 10 % of three monthly charges, an improvement, a report."""
    provider, customer = platform.person(PROVIDER), platform.person(CUSTOMER)
    down = {"observed_at": "2026-01-31T23:00:00Z", "until": "2026-02-01T01:10:00Z"}
    told = {"kind": "outage", "service": "payments", "component": "web", **down}
    provider.post("/v1/observations", json.dumps(told), kind="application/x-ndjson", source="quarterly")
    agreement_id = platform.signed(QUARTERLY)

    for quarter in ("2026-Q1", "2026-Q2", "2026-Q3"):
        provider.post(f"/v1/assessments/{agreement_id}/{quarter}/close", {"reason": "All observations are in"})
    reports = f"/v1/reports/{agreement_id}"
    report = until(lambda: customer.ask("GET", f"{reports}/2026-Q1").json(), lambda told: told.get("period", {}).get("closed", False))
    (objective,) = report["objectives"]
    assert (objective["attainment_percent"], objective["verdict"], objective["whole"]) == ("99.89", "breached", str(129_600 * MINUTE))
    assert (report["period"]["start"], report["period"]["end"]) == ("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z")
    assert (report["credit"]["amount"], report["credit"]["period_charge"]) == ("300.00", "3000.00")
    assert report["period"]["revision"] == 1

    page = customer.ask("GET", f"{reports}/2026-Q1/page")
    assert (page.status_code, "<h1>First quarter of 2026</h1>" in page.text) == (200, True)
    items = until(lambda: customer.get("/v1/reports", agreement_id=agreement_id)["items"], lambda items: len(items) == 3)
    assert [item["period"] for item in items] == ["2026-Q3", "2026-Q2", "2026-Q1"]
    improvement = until(lambda: customer.get("/v1/improvements", agreement_id=agreement_id)["items"], bool)
    assert [each["period"] for each in improvement] == ["2026-Q1"]

    running = customer.get(f"{reports}/2026-Q4")
    assert (running["period"]["provisional"], running["objectives"][0]["previous"]["period"]) == (True, "2026-Q3")
    assert customer.ask("GET", f"{reports}/2026-03").status_code == 404
    assert customer.ask("GET", f"{reports}/2026-Q5").status_code == 422
