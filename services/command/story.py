"""The demonstration's bank and its provider: terms, people, incidents and generated observations. Pure: same seed, same bytes.

What happened is planned here as data, so that the figures a report must show follow from the plan and not from the calculator.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from importlib import resources

from services.vocabulary.identity import Role
from services.vocabulary.period import MINUTE, Month, instant_of, instant_text, parse_zone

ZONE = parse_zone("Europe/Berlin")
SEED = 20260301
FIRST_DAY = date(2026, 3, 1)
MONTHS = (Month(2026, 3), Month(2026, 4), Month(2026, 5))
PROVIDER = "nordwind-hosting"
CUSTOMER = "hansebank"
SERVICE = "online-banking"
DESK = "service-desk"
WEB = "web"
DATABASE = "core-database"
THRESHOLD_MS = 800
STEP = timedelta(minutes=5)
MONTHLY_CHARGE = "12000.00"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who acts in the story, with the organisation and the roles of the token they get."""

    name: str
    subject: str
    organisation: str
    roles: tuple[Role, ...]


IDA = Person(name="Ida Brandt", subject="ida.brandt", organisation=PROVIDER, roles=(Role.SERVICE_MANAGER, Role.VIEWER))
OLE = Person(name="Ole Petersen", subject="ole.petersen", organisation=PROVIDER, roles=(Role.SIGNATORY,))
PROBE = Person(name="the monitoring", subject="monitoring", organisation=PROVIDER, roles=(Role.OPERATOR,))
MARTA = Person(name="Marta Lindqvist", subject="marta.lindqvist", organisation=CUSTOMER, roles=(Role.SIGNATORY,))
JON = Person(name="Jon Adeyemi", subject="jon.adeyemi", organisation=CUSTOMER, roles=(Role.SERVICE_MANAGER, Role.VIEWER))
AUDITOR = Person(name="the examiner", subject="examiner", organisation="bank-examiner", roles=(Role.AUDITOR,))


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A component was down from a civil time of a day for whole minutes."""

    day: date
    at: time
    minutes: int
    component: str
    cause: str

    @property
    def start(self) -> datetime:
        return datetime.combine(self.day, self.at, tzinfo=ZONE)

    @property
    def end(self) -> datetime:
        return self.start.astimezone(ZONE) + timedelta(minutes=self.minutes)


BATCH = "Nightly settlement batch locked the core database"
INCIDENTS = (
    Incident(day=date(2026, 3, 3), at=time(2, 10), minutes=18, component=DATABASE, cause=BATCH),
    Incident(day=date(2026, 3, 9), at=time(14, 10), minutes=5, component=WEB, cause="Certificate renewal restarted the front end"),
    Incident(day=date(2026, 3, 10), at=time(2, 12), minutes=14, component=DATABASE, cause=BATCH),
    Incident(day=date(2026, 3, 17), at=time(2, 5), minutes=21, component=DATABASE, cause=BATCH),
    Incident(day=date(2026, 3, 24), at=time(2, 20), minutes=19, component=DATABASE, cause=BATCH),
    Incident(day=date(2026, 3, 31), at=time(2, 8), minutes=16, component=DATABASE, cause=BATCH),
    Incident(day=date(2026, 4, 7), at=time(2, 15), minutes=17, component=DATABASE, cause=BATCH),
    Incident(day=date(2026, 4, 22), at=time(9, 30), minutes=4, component=WEB, cause="Faulty release, rolled back"),
    Incident(day=date(2026, 5, 19), at=time(11, 2), minutes=3, component=WEB, cause="Front end restarted"),
)
AT_RISK_AFTER = date(2026, 3, 10)
BREACHED_AFTER = date(2026, 3, 17)
IMPLEMENTED_ON = date(2026, 4, 14)
MAINTENANCE_MINUTES = {MONTHS[0]: 240}
LATE_TICKETS = frozenset({(3, 5)})  # (month, number): the one that took longer than agreed
TICKETS_A_MONTH = 20


def terms_document() -> str:
    """The agreement as the provider drafts it (YAML)."""
    return resources.files("services.command").joinpath("story_terms.yaml").read_text(encoding="utf-8")


def amended_terms_document() -> str:
    """The same terms with the response time objective raised from 95 to 97 per cent."""
    before, after = 'target: "95"', 'target: "97"'
    document = terms_document()
    assert document.count(before) == 1, "the amendment changes exactly one line"
    return document.replace(before, after)


def days(month: Month) -> Iterator[date]:
    """Every civil day of a month."""
    day = month.first_day
    while day < month.next.first_day:
        yield day
        day += timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """One five-minute step: requests, those answered well, and one sampled response time in whole milliseconds."""

    at: datetime
    good: int
    total: int
    ms: int


@cache
def traffic(day: date) -> tuple[Traffic, ...]:
    """A day's traffic; deterministic by day."""
    chance = random.Random(f"{SEED}:{day.isoformat()}")  # noqa: S311 - generated traffic, not a secret
    start = datetime.combine(day, time(0), tzinfo=ZONE)
    end = datetime.combine(day + timedelta(days=1), time(0), tzinfo=ZONE)
    steps = int((end.timestamp() - start.timestamp()) // STEP.total_seconds())
    return tuple(_step(start.astimezone(UTC) + index * STEP, chance) for index in range(steps))


def _step(at: datetime, chance: random.Random) -> Traffic:
    hour = at.astimezone(ZONE).hour
    total = chance.randrange(300, 420) if 7 <= hour < 22 else chance.randrange(40, 90)
    failed = total if _down_at(at) else (chance.randrange(0, 3) if chance.random() < 0.15 else 0)
    slow = _down_at(at) or chance.random() < 0.02
    ms = chance.randrange(900, 4000) if slow else chance.randrange(80, 650)
    return Traffic(at=at, good=total - failed, total=total, ms=ms)


_DOWN = tuple((incident.start.timestamp(), incident.end.timestamp()) for incident in INCIDENTS)


def _down_at(at: datetime) -> bool:
    moment = at.timestamp()
    return any(start <= moment < end for start, end in _DOWN)


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """An incident ticket of the service desk, resolved so many minutes after it was opened."""

    number: str
    opened: datetime
    resolved: datetime


@cache
def tickets(month: Month) -> tuple[Ticket, ...]:
    """The month's tickets; opened by the 24th, so that each is due within its month."""
    chance = random.Random(f"{SEED}:tickets:{month}")  # noqa: S311 - generated tickets, not a secret
    made = []
    for number in range(1, TICKETS_A_MONTH + 1):
        opened = datetime(month.year, month.month, chance.randrange(1, 25), chance.randrange(7, 19), chance.randrange(60), tzinfo=ZONE)
        minutes = chance.randrange(600, 900) if (month.month, number) in LATE_TICKETS else chance.randrange(20, 400)
        made.append(Ticket(number=f"INC-{month.month:02d}{number:03d}", opened=opened, resolved=opened + timedelta(minutes=minutes)))
    return tuple(made)


def observations(day: date) -> str:
    """What the provider's monitoring reports for one civil day, as NDJSON."""
    lines = [*_statuses(day), *_traffic_lines(day), *_ticket_lines(day)]
    return "\n".join(json.dumps(line, separators=(",", ":")) for line in lines) + "\n"


def _statuses(day: date) -> Iterator[dict[str, object]]:
    morning = datetime.combine(day, time(0), tzinfo=ZONE)
    for component in (WEB, DATABASE):
        yield _status(component, morning, "up")
    for incident in INCIDENTS:
        if incident.day == day:
            yield _outage(incident)


def _status(component: str, at: datetime, state: str) -> dict[str, object]:
    when = _text(at)
    identity = f"{component}@{when}"
    return {"kind": "status", "service": SERVICE, "component": component, "id": identity, "observed_at": when, "state": state}


def _outage(incident: Incident) -> dict[str, object]:
    start = _text(incident.start)
    return {
        "kind": "outage",
        "service": SERVICE,
        "component": incident.component,
        "id": f"{incident.component}@{start}",
        "observed_at": start,
        "until": _text(incident.end),
        "cause": incident.cause,
    }


def _traffic_lines(day: date) -> Iterator[dict[str, object]]:
    for step in traffic(day):
        at = _text(step.at)
        common = {"service": SERVICE, "component": WEB, "id": at, "observed_at": at}
        yield {"kind": "counter", **common, "good": step.good, "total": step.total}
        yield {"kind": "latency", **common, "ms": str(step.ms)}


def _ticket_lines(day: date) -> Iterator[dict[str, object]]:
    for ticket in tickets(Month(day.year, day.month)):
        for state, at in (("opened", ticket.opened), ("resolved", ticket.resolved)):
            if at.astimezone(ZONE).date() == day:
                yield _ticket(ticket, state, at)


def _ticket(ticket: Ticket, state: str, at: datetime) -> dict[str, object]:
    return {
        "kind": "ticket",
        "service": DESK,
        "id": f"{ticket.number}:{state}",
        "observed_at": _text(at),
        "ticket": ticket.number,
        "state": state,
        "priority": "P2",
    }


def _text(at: datetime) -> str:
    return instant_text(instant_of(at))


# What the reports must say, by counting the plan.


def down_minutes(month: Month) -> int:
    """No two incidents overlap, so their minutes add up."""
    return sum(incident.minutes for incident in INCIDENTS if (incident.day.year, incident.day.month) == month)


def expected_availability(month: Month) -> Fraction:
    """Minutes not down of the month's real minutes without the agreed maintenance."""
    eligible = month.bounds(ZONE).length // MINUTE - MAINTENANCE_MINUTES.get(month, 0)
    return Fraction(eligible - down_minutes(month), eligible)


def expected_request_ratio(month: Month) -> Fraction:
    steps = [step for day in days(month) for step in traffic(day)]
    return Fraction(sum(step.good for step in steps), sum(step.total for step in steps))


def expected_response_share(month: Month) -> Fraction:
    steps = [step for day in days(month) for step in traffic(day)]
    return Fraction(sum(step.ms <= THRESHOLD_MS for step in steps), len(steps))


def expected_resolution(month: Month) -> Fraction:
    late = sum((month.month, number) in LATE_TICKETS for number in range(1, TICKETS_A_MONTH + 1))
    return Fraction(TICKETS_A_MONTH - late, TICKETS_A_MONTH)
