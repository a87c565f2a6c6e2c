"""One running platform with something of everything on it: what the contracts are tried on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from services.transparency.note import parse_checkpoint, parse_note
from services.vocabulary.identity import Role
from services.vocabulary.period import MINUTE, Instant, Month, instant_text, month_of, parse_zone
from services.vocabulary.period import instant_of as instant
from tests.journeys.people import Person, token, until
from tests.journeys.processes import Reach, one_process
from tests.signing import registration

ZONE = parse_zone("Europe/Zurich")
RUNNING_MONTH = month_of(instant(datetime.now(UTC)), ZONE)
LAST_MONTH = RUNNING_MONTH.previous
MONTH = LAST_MONTH.previous
PROVIDER, CUSTOMER, AUDITOR, STRANGER = "alpine-hosting", "lake-bank", "glacier-audit", "somebody-else"
FORMER = "former"
SERVICE, OBJECTIVE, GROUND = "payments", "availability", "migration"
TITLE = "Payments platform of the lake"
PEOPLE = (Role.ADMINISTRATOR, Role.SERVICE_MANAGER, Role.SIGNATORY, Role.OPERATOR, Role.VIEWER, Role.AUDITOR)

TERMS = f"""\
upheld: terms/v1
title: {TITLE}
zone: {ZONE.key}
effective_on: {MONTH.first_day}
parties:
  - {{role: provider, organisation: {PROVIDER}, name: Alpine Hosting AG,
      contacts: [{{name: Rea Vogel, email: rea@alpine.example, role: manager}}], responsibilities: [Runs the platform]}}
  - {{role: customer, organisation: {CUSTOMER}, name: Lake Bank}}
auditors: [{AUDITOR}]
disputes: auditor
exclusion_classes:
  - {{id: {GROUND}, clause: "7.2", approval: both}}
services:
  - {{id: {SERVICE}, name: Payments, components: [{{id: web, name: Web}}, {{id: database, name: Database}}]}}
maintenance:
  - {{id: patches, service: {SERVICE}, components: [web],
      start: "{LAST_MONTH.first_day}T01:00:00Z", end: "{LAST_MONTH.first_day}T02:00:00Z"}}
objectives:
  - id: {OBJECTIVE}
    name: Availability of payments
    service: {SERVICE}
    indicator: {{kind: availability, components: [web, database], combine: any, no_data: undetermined}}
    target: "99.9"
    credits: [{{below: "99.9", percent: "10"}}, {{below: "99.0", percent: "25"}}]
  - {{id: requests, name: Requests without error, service: {SERVICE}, indicator: {{kind: request-ratio, components: [web]}}, target: "99"}}
  - {{id: answers, name: Answers in time, service: {SERVICE}, indicator: {{kind: response-time, components: [web], threshold_ms: "300"}},
      target: "90"}}
  - {{id: resolution, name: Incidents resolved, service: {SERVICE}, indicator: {{kind: resolution-time, within: 4h}}, target: "50"}}
credit: {{currency: CHF, monthly_charge: "5000.00", cap_percent: "50", rounding: half-even}}
close_after_days: 3
warn_at_percent: "75"
"""
"""Of which the customer and the provider have signed every letter."""

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: main-page}
spec:
  service: shop
  indicator: {metadata: {name: own}, spec: {ratioMetric: {good: {metricSource: {type: Any}}, total: {metricSource: {type: Any}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""


@dataclass(frozen=True, kw_only=True)
class House:
    """A platform with one agreement in force, one month closed with a breach, one improvement, one report and a month that runs.

    The customer has claimed an exclusion that the provider is still to approve. Of the provider's keys one is revoked; `key_note`
    registered it.
    """

    reach: Reach
    agreement_id: str
    digest: str
    improvement_id: str
    recommendation_id: str
    exclusion_id: str
    key_id: str
    key_note: str

    def person(self, organisation: str, *roles: Role, subject: str = "somebody") -> Person:
        return Person(reach=self.reach, token=token(self.reach.data, organisation, *roles, subject=subject))

    def sealed(self, service: str) -> int:
        """The size of a checkpoint of the service's log."""
        answer = until(lambda: self.manager.ask("GET", f"/v1/log/{service}/checkpoint"), lambda told: told.status_code == 200)
        return parse_checkpoint(parse_note(answer.text).text).size

    @property
    def manager(self) -> Person:
        """Of the provider, with every role a person can have."""
        return self.person(PROVIDER, *PEOPLE, subject="rea")

    @property
    def client(self) -> Person:
        return self.person(CUSTOMER, *PEOPLE, subject="tim")


@contextmanager
def house(*, database_url: str = "") -> Iterator[House]:
    """Started, and everything on it happened through its own doors."""
    with one_process(database_url=database_url) as reach:
        yield _furnished(reach)


def observations(month: Month) -> str:
    """NDJSON of every kind: the database down for an hour, requests, answers and a ticket."""
    up = [_told(month, 0, "status", component=component, state="up") for component in ("web", "database")]
    down = [_told(month, at, "status", component="database", state=state) for at, state in ((3000, "down"), (3060, "up"))]
    outage = _told(month, 9000, "outage", component="web", until=_at(month, 9005), cause="Certificate ran out")
    requests = [_told(month, 60 * hour, "counter", component="web", good=995, total=1000) for hour in range(1, 4)]
    answers = [_told(month, 60 * hour, "latency", component="web", ms=ms) for hour, ms in enumerate(("120", "280.5", "301"), start=1)]
    ticket = [_told(month, at, "ticket", ticket="T1", state=state) for at, state in ((5000, "opened"), (5100, "resolved"))]
    return "\n".join(json.dumps(each) for each in (*up, *down, outage, *requests, *answers, *ticket))


def _at(month: Month, minute: int) -> str:
    return instant_text(Instant(month.bounds(ZONE).start + minute * MINUTE))


def _told(month: Month, minute: int, kind: str, **fields: object) -> dict[str, object]:
    what = fields.get("component", fields.get("ticket"))
    return {"kind": kind, "service": SERVICE, "id": f"{kind}:{what}:{month}:{minute}", "observed_at": _at(month, minute), **fields}


def _furnished(reach: Reach) -> House:
    def person(organisation: str, subject: str) -> Person:
        return Person(reach=reach, token=token(reach.data, organisation, *PEOPLE, subject=subject))

    provider, customer = person(PROVIDER, "rea"), person(CUSTOMER, "tim")
    agreement_id, digest = _agreed(provider, customer)
    for month in (MONTH, LAST_MONTH):
        provider.post("/v1/observations", observations(month), kind="application/x-ndjson", source="probe", batch=str(month))
    (improvement,) = until(
        lambda: [item for item in provider.get("/v1/improvements", status="analysed")["items"] if item["period"] == str(MONTH)], bool
    )
    provider.post(f"/v1/assessments/{agreement_id}/{MONTH}/close")
    until(lambda: provider.get("/v1/reports", agreement_id=agreement_id)["items"], bool)
    return House(
        reach=reach,
        agreement_id=agreement_id,
        digest=digest,
        improvement_id=improvement["id"],
        recommendation_id=improvement["recommendations"][0]["id"],
        exclusion_id=_claimed(customer, agreement_id),
        key_id=_revoked(person(PROVIDER, FORMER)),
        key_note=registration(PROVIDER, FORMER),
    )


def claim(agreement_id: str) -> dict[str, object]:
    """Ten minutes of the running month, in which nothing was down."""
    span = {"start": _at(RUNNING_MONTH, 60), "end": _at(RUNNING_MONTH, 70)}
    return {"agreement_id": agreement_id, "exclusion_class": GROUND, "service": SERVICE, "components": ["web"], **span, "reason": "Move"}


def _claimed(customer: Person, agreement_id: str) -> str:
    claimed: str = customer.post("/v1/exclusions", claim(agreement_id))["id"]
    return claimed


def _revoked(person: Person) -> str:
    key = person.post("/v1/keys", {"note": registration(PROVIDER, FORMER)})
    revoked: str = person.post(f"/v1/keys/{key['id']}/revocation", {"reason": "Has left"})["id"]
    return revoked


def _agreed(provider: Person, customer: Person) -> tuple[str, str]:
    drafted = provider.post("/v1/agreements", TERMS, kind="application/yaml")
    path = f"/v1/agreements/{drafted['id']}"
    proposed = provider.post(f"{path}/proposal", version=drafted["version"])
    active = provider.sign(customer.sign(proposed))
    assert active["status"] == "active"
    return drafted["id"], proposed["pending"]["digest"]
