"""The real observations beside the project, where they are; and the promises they are judged by. Copies nothing of them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.command.assess import assess_files
from services.vocabulary.identity import Role
from tests.command.cli import HEAD, PROVIDER, agreed, invoke, person, upheld
from tests.journeys.processes import Reach

Json = Any
_BESIDE = Path(__file__).parents[2].parent / "shared" / "data"
_FILES = ("probes.csv", "probes.expected.json", "tickets.csv", "latency.csv")
_ONLY_ONE_WAY_KNOWS = {"agreement_id", "recorded_at"}


def folder() -> Path:
    return Path(os.environ.get("UPHELD_REAL_DATA") or _BESIDE)


def missing_reason() -> str:
    """Why tests on the real data are skipped; empty: they are not."""
    absent = [name for name in _FILES if not (folder() / name).is_file()]
    return f"no real data: {folder()} has no {', '.join(absent)} (UPHELD_REAL_DATA names another folder)" if absent else ""


def rows(name: str) -> list[dict[str, str]]:
    """A file as the test reads it by itself."""
    with (folder() / name).open(newline="") as lines:
        return list(csv.DictReader(lines))


def published_sites() -> list[Mapping[str, Json]]:
    """What the sites' own monitor has published."""
    found: list[Mapping[str, Json]] = json.loads((folder() / "probes.expected.json").read_text())
    return found


@dataclass(frozen=True, kw_only=True)
class Promise:
    """Terms, the file that tells whether they were kept, how its columns are read, and the months it speaks of."""

    terms: str
    file: str
    mapping: Sequence[str]
    months: Sequence[str]

    @property
    def options(self) -> list[str]:
        return [word for option in self.mapping for word in ("--map", option)]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The documents of a promise's months, as one of the two ways answers them."""

    documents: Mapping[str, Json]

    def results(self, objective_id: str) -> list[Json]:
        """The objective's result of each month."""
        return [one for document in self.documents.values() for one in document["objectives"] if one["objective_id"] == objective_id]

    def leaves(self, objective_id: str, kind: str) -> list[Json]:
        """Its days or tickets, of all months together."""
        return [leaf for result in self.results(objective_id) for leaf in result[kind]]


def judged_offline(promise: Promise, home: Path, *, until: str = "") -> Judged:
    """By `upheld assess`: without a server."""
    terms = home / "terms.yaml"
    terms.write_text(promise.terms)
    file = folder() / promise.file
    return Judged(
        documents={month: assess_files(terms, file, period=month, mapping=promise.mapping, until=until) for month in promise.months}
    )


def printed_offline(promise: Promise, home: Path) -> Json:
    """What `upheld assess … --json` prints of the promise's last month."""
    terms = home / "terms.yaml"
    terms.write_text(promise.terms)
    done = invoke("assess", terms, folder() / promise.file, "--period", promise.months[-1], *promise.options, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A promise on the running platform, with its file imported."""

    reach: Reach
    agreement_id: str
    receipt: Json
    judged: Judged


def imported(promise: Promise, reach: Reach) -> Imported:
    """Agreed by both parties, then `upheld import`."""
    agreement_id = agreed(reach, promise.terms)
    file = folder() / promise.file
    done = upheld("import", file, "--source", promise.file, "--organisation", PROVIDER, *promise.options, environment=reach.environment)
    assert done.returncode == 0, done.stderr
    viewer = person(reach, PROVIDER, Role.VIEWER)
    documents = {month: viewer.get(f"/v1/assessments/{agreement_id}/{month}") for month in promise.months}
    return Imported(reach=reach, agreement_id=agreement_id, receipt=json.loads(done.stdout), judged=Judged(documents=documents))


def differences(one: Json, other: Json, *, place: str = "") -> Iterator[str]:
    """Each place where two documents differ, but for what only one of the two ways can know."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted((one.keys() | other.keys()) - _ONLY_ONE_WAY_KNOWS):
            yield from differences(one.get(name, "absent"), other.get(name, "absent"), place=f"{place}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, place=f"{place}[{number}]")
    elif one != other:
        yield f"{place}: {one!r} and {other!r}"


def _terms(title: str, *, first_day: str, last_day: str, services: str, objectives: Sequence[str], zone: str = "UTC") -> str:
    head = f"{HEAD}title: {title}\nzone: {zone}\neffective_on: {first_day}\nends_on: {last_day}\n"
    return f"{head}services: {services}\nobjectives:\n{''.join(objectives)}"


def _objective(name: str, service: str, indicator: str) -> str:
    head = f"  - id: {name}\n    name: {name}\n    service: {service}\n"
    return f'{head}    indicator: {{{indicator}}}\n    target: "90"\n    decimals: 6\n'


def sites(*, zone: str = "UTC") -> Promise:
    """One service with a component and an availability for each site; what nobody probed is in no figure. Days and months of the zone."""
    names = [site["site"] for site in published_sites()]
    components = ", ".join(f"{{id: {name}, name: {name}}}" for name in names)
    return Promise(
        terms=_terms(
            "Editions",
            zone=zone,
            first_day="2026-01-01",
            last_day="2026-08-31",
            services=f"[{{id: editions, name: Editions, components: [{components}]}}]",
            objectives=[_objective(name, "editions", f"kind: availability, components: [{name}], no_data: exclude") for name in names],
        ),
        file="probes.csv",
        mapping=(
            "kind=status",
            "service=editions",
            "component=column:site",
            "observed_at=checked_at",
            "state=status",
            "known_until=last",
        ),
        months=[f"2026-{month:02}" for month in range(1, 9)],
    )


def tickets(*, reopened: str) -> Promise:
    """Ninety hours for all tickets, for those of priority 3 and for those of priority 4."""
    within = f"kind: resolution-time, within: 90h, reopened: {reopened}"
    return Promise(
        terms=_terms(
            "Service desk",
            first_day="2016-02-01",
            last_day="2016-04-30",
            services="[{id: desk, name: Desk, components: []}]",
            objectives=[
                _objective("all", "desk", within),
                _objective("moderate", "desk", f'{within}, priorities: ["3 - Moderate"]'),
                _objective("low", "desk", f'{within}, priorities: ["4 - Low"]'),
            ],
        ),
        file="tickets.csv",
        mapping=(
            "kind=ticket",
            "service=desk",
            "ticket=number",
            "observed_at=sys_updated_at",
            "opened_at=opened_at",
            "state=incident_state",
            "states=Resolved=resolved,Closed=closed,New=,*=waiting",
            "priority=priority",
            "order=sys_mod_count",
            "time_format=%d-%m-%Y %H:%M",
            "zone=UTC",
        ),
        months=["2016-02", "2016-03", "2016-04"],
    )


def latency() -> Promise:
    """Requests of one machine within 50 ms, one expected every five minutes."""
    return Promise(
        terms=_terms(
            "Machine",
            first_day="2014-03-01",
            last_day="2014-03-31",
            services="[{id: machine, name: Machine, components: [{id: instance, name: Instance}]}]",
            objectives=[_objective("answers", "machine", 'kind: response-time, threshold_ms: "50", expected_every: 5m')],
        ),
        file="latency.csv",
        mapping=("kind=latency", "service=machine", "component=instance", "observed_at=timestamp", "ms=value", "zone=UTC"),
        months=["2014-03"],
    )
