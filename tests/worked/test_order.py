"""The order of telling: however the same observations are shuffled, repeated and cut into batches, the answer is the same to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import count, pairwise
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from services.agreements.document import parse_document
from services.agreements.wire import terms_message
from services.command.assess import assess_files
from services.measurement import store
from services.measurement.assessment import assess
from services.measurement.batch import Batch, Observations, evidence_of
from services.measurement.intake import read_json, read_ndjson
from services.measurement.objective import TermsInForce
from services.measurement.wire import SignedTerms, document_of, in_force
from services.vocabulary.period import Instant, Month, parse_instant, parse_zone
from tests.command.cli import HEAD

Told = dict[str, object]

LAW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
SOURCE = "told.ndjson"
MARCH = Month(2026, 3)
UNTIL = "2026-04-10T00:00:00Z"
NOW = parse_instant("2026-08-01T00:00:00Z", place="test")
TERMS = f"""{HEAD}
title: One of each
zone: Europe/Zurich
effective_on: 2026-01-01
ends_on: 2026-12-31
services:
  - id: payments
    name: Payments
    components: [{{id: web, name: Web}}, {{id: api, name: Interface}}, {{id: db-1, name: Database 1}}, {{id: db-2, name: Database 2}}]
  - {{id: desk, name: Desk, components: []}}
calendars:
  - {{id: office, hours: [{{days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}}]}}
maintenance:
  - {{id: upgrade, service: payments, start: 2026-03-14T22:00:00Z, end: 2026-03-15T02:00:00Z, reason: Upgrade}}
objectives:
  - id: up
    name: Availability
    service: payments
    indicator: {{kind: availability, components: [web, api], no_data: exclude, minimum_outage: {{at_least: 5m}}}}
    target: "99.9"
    credits: [{{below: "99.9", percent: "10"}}, {{below: "99", percent: "25"}}]
  - id: pool
    name: Databases
    service: payments
    indicator: {{kind: availability, components: [db-1, db-2], combine: pool, weights: {{db-1: 2, db-2: 1}}}}
    target: "99.5"
    relief: {{kind: proportional, times: "2"}}
  - id: mean
    name: Mean error rate
    service: payments
    indicator: {{kind: interval-mean, components: [api], every: 1h, empty: exclude}}
    target: "99.95"
    relief: {{kind: per-step, step: "0.1", percent: "5"}}
  - id: slices
    name: Quick hours
    service: payments
    indicator: {{kind: time-slices, components: [web, api], every: 1h, percentile: "50", latency_above_ms: "300", empty: undetermined}}
    target: "99"
    relief: {{kind: proportional, times: "1"}}
  - {{id: ratio, name: Requests, service: payments, indicator: {{kind: request-ratio}}, target: "99.95"}}
  - id: p90
    name: Percentile 90
    service: payments
    indicator: {{kind: response-time, threshold_ms: "450", percentile: "90", expected_every: 6h}}
  - id: resolution
    name: Resolution
    service: desk
    indicator: {{kind: resolution-time, within: 8h, hours: office, pauses: [waiting], reopened: runs-on}}
    target: "60"
  - id: all
    name: All of it
    indicator:
      {{kind: composite, of: [front, up, ratio, resolution], rule: weighted, weights: {{front: 1, up: 2, ratio: 1, resolution: 1}}}}
    target: "75"
  - id: journey
    name: From end to end
    indicator: {{kind: composite, of: [up, front], rule: journey}}
    target: "99"
  - id: front
    name: Front end
    service: payments
    indicator: {{kind: availability, components: [web]}}
    target: "99"
    relief: {{kind: hourly, more_than: 6m}}
credit: {{currency: CHF, monthly_charge: "12000.00", cap_percent: "50"}}
"""


def paid(kind: str, component: str, when: str, **more: object) -> Told:
    return {"kind": kind, "service": "payments", "component": component, "observed_at": f"2026-{when}:00Z"} | more


def ticket(number: int, state: str, when: str, **more: object) -> Told:
    return {"kind": "ticket", "service": "desk", "ticket": f"T-{number}", "state": state, "observed_at": f"2026-{when}:00Z"} | more


def statuses() -> Iterator[Told]:
    """With and without an id, before the month, at one instant, and revised: in place, to another instant, and twice."""
    yield paid("status", "web", "02-20T00:00", state="down", id="s-0")
    yield paid("status", "web", "02-27T00:00", state="up")
    yield paid("status", "web", "03-03T10:00", state="down", id="s-1")
    yield paid("status", "web", "03-03T10:00", state="up", id="s-2")
    yield paid("status", "web", "03-03T10:30", state="unknown")
    yield paid("status", "web", "03-03T11:00", state="up")
    yield paid("status", "web", "03-20T11:00", state="down", id="s-3")
    yield paid("status", "web", "03-20T12:00", state="down", id="s-3", revision=1)
    yield paid("status", "web", "03-20T13:00", state="up", id="s-4")
    yield paid("status", "web", "03-20T12:15", state="up", id="s-4", revision=2)
    yield paid("status", "web", "03-20T12:20", state="down", id="s-4", revision=1)
    yield paid("status", "db-1", "02-28T22:59", state="unknown")
    yield paid("status", "db-1", "02-28T22:59", state="up")
    yield paid("status", "db-1", "03-02T00:00", state="up")
    yield paid("status", "db-1", "03-29T00:30", state="down")
    yield paid("status", "db-1", "03-29T01:10", state="up")
    yield paid("status", "db-1", "03-31T21:50", state="down")


def outages() -> Iterator[Told]:
    """Overlapping, of one start, of one interval with two causes, ended later, still open, and revised out of the month and into it."""
    yield paid("outage", "api", "03-05T08:00", until="2026-03-05T08:20:00Z", cause="disk", id="o-1")
    yield paid("outage", "api", "03-05T08:00", until="2026-03-05T08:20:00Z", cause="cable", id="o-2")
    yield paid("outage", "api", "03-05T08:00", until="2026-03-05T08:10:00Z", cause="switch", id="o-3")
    yield paid("outage", "api", "03-05T08:15", until="2026-03-05T08:40:00Z")
    yield paid("outage", "api", "03-08T00:00", until="2026-03-08T00:03:00Z", cause="short")
    yield paid("outage", "api", "03-09T00:00", cause="first seen", id="o-4")
    yield paid("outage", "api", "03-09T00:00", until="2026-03-09T00:45:00Z", cause="ended", id="o-4")
    yield paid("outage", "api", "03-10T00:00", until="2026-03-10T02:00:00Z", id="o-5")
    yield paid("outage", "api", "04-02T00:00", until="2026-04-02T02:00:00Z", id="o-5", revision=2)
    yield paid("outage", "web", "04-01T00:00", until="2026-04-01T02:00:00Z", id="o-6")
    yield paid("outage", "web", "03-14T21:50", until="2026-03-14T22:30:00Z", cause="too early", id="o-6", revision=2)
    yield paid("outage", "db-2", "03-12T00:00")
    yield paid("outage", "db-2", "03-12T00:00", until="2026-03-12T01:00:00Z")
    yield paid("outage", "db-2", "03-31T21:30", cause="still open")


def samples() -> Iterator[Told]:
    """Counters and latencies, each with an id: at one instant, at the month's edges, revised in place, with equal values, and moved."""
    for number in range(8):
        yield paid("counter", "api", f"03-06T{number:02}:20", good=1000 - 3 * (number % 3), total=1000, id=f"c-{number}")
        yield paid("latency", "api", f"03-06T{number:02}:40", ms=f"{100 + 70 * number}.5", id=f"l-{number}")
        yield paid("latency", "web", f"03-06T{number:02}:40", ms=f"{500 - 60 * number}.0001", id=f"l-{number}")
    yield paid("counter", "web", "03-06T02:20", good=7, total=10, id="c-web")
    yield paid("counter", "api", "03-06T02:20", good=10, total=10, id="c-again")
    yield paid("counter", "api", "02-28T23:00", good=4, total=5, id="c-first")
    yield paid("counter", "api", "02-28T22:59", good=3, total=5, id="c-before")
    yield paid("counter", "api", "03-06T05:20", good=900, total=1000, id="c-5", revision=1)
    yield paid("counter", "api", "03-06T06:20", good=1000, total=1000, id="c-6", revision=1)
    yield paid("counter", "api", "03-06T07:20", good=997, total=1000, id="c-7", revision=1)
    yield paid("counter", "api", "04-06T07:20", good=1, total=1000, id="c-7", revision=2)
    yield paid("latency", "api", "03-06T03:10", ms="900", id="l-3", revision=3)
    yield paid("latency", "api", "03-06T03:10", ms="20", id="l-3", revision=2)
    yield paid("latency", "web", "04-01T09:00", ms="1", id="l-late")
    yield paid("latency", "web", "03-31T21:59", ms="2000", id="l-late", revision=1)


def tickets() -> Iterator[Told]:
    """Met, missed, waiting, reopened after the month, cancelled, several steps at one instant, and steps that were revised."""
    yield ticket(1, "opened", "03-02T09:00", priority="P1", order=1)
    yield ticket(1, "responded", "03-02T09:00", order=2)
    yield ticket(1, "waiting", "03-02T10:00", id="t-1a", priority="P2")
    yield ticket(1, "waiting", "03-02T10:00", id="t-1b", priority="P3")
    yield ticket(1, "resolved", "03-03T12:00")
    yield ticket(2, "opened", "03-04T15:00", id="t-2a")
    yield ticket(2, "resolved", "03-05T16:30", id="t-2b")
    yield ticket(2, "resolved", "03-05T09:30", id="t-2b", revision=1)
    yield ticket(3, "opened", "03-27T14:00")
    yield ticket(3, "resolved", "03-27T15:00")
    yield ticket(3, "reopened", "04-02T08:00")
    yield ticket(3, "closed", "04-03T08:00")
    yield ticket(4, "opened", "03-10T08:00", id="t-4a")
    yield ticket(4, "cancelled", "03-10T09:00", id="t-4b")
    yield ticket(5, "opened", "03-11T08:00")
    yield ticket(5, "resolved", "03-11T12:00")
    yield ticket(5, "reopened", "03-11T12:00")
    yield ticket(6, "opened", "03-11T08:00", id="t-6a", priority="P1")
    yield ticket(6, "opened", "03-16T08:00", id="t-6a", priority="P2", revision=1)
    yield ticket(6, "waiting", "03-16T09:00")
    yield ticket(6, "reopened", "03-17T09:00")
    yield ticket(6, "resolved", "03-18T08:30")


OBSERVED: Sequence[Told] = (*statuses(), *outages(), *samples(), *tickets())


def agreed() -> tuple[TermsInForce, ...]:
    signed = parse_document(TERMS.encode(), form="yaml")
    version = SignedTerms(version=1, effective_on=date(2026, 1, 1), recorded_at=NOW, message=terms_message(signed))
    return in_force([version], last_day=signed.ends_on)


AGREED = agreed()


def answered(observations: Observations) -> bytes:
    """March, to the byte."""
    until = parse_instant(UNTIL, place="test")
    assessment = assess(agreement_id="", terms=AGREED, evidence=evidence_of(observations), month=MARCH, measured_until=until)
    return json.dumps(document_of(assessment)).encode()


def ndjson(told: Sequence[Told]) -> bytes:
    return "\n".join(json.dumps(each) for each in told).encode()


def batch(told: Sequence[Told], *, name: str = "") -> Batch:
    return read_json(json.dumps({"source": SOURCE, "batch": name, "observations": told}).encode(), now=NOW)


def in_order(told: Sequence[Told]) -> bytes:
    """Each once, as they stand above, in one file: what every other telling is held against."""
    return answered(read_ndjson(ndjson(told), now=NOW, source=SOURCE).observations)


@st.composite
def tellings(draw: st.DrawFn) -> tuple[Sequence[Told], list[Told]]:
    """Most or all of the observations as they stand, and the same shuffled, some of them several times."""
    left_out = draw(st.sets(st.integers(0, len(OBSERVED) - 1), max_size=20))
    told = [each for place, each in enumerate(OBSERVED) if place not in left_out]
    shuffled = [*told, *draw(st.lists(st.sampled_from(told), max_size=20))]
    draw(st.randoms(use_true_random=False)).shuffle(shuffled)
    return told, shuffled


def cut(told: Sequence[Told], cuts: Sequence[int]) -> list[Sequence[Told]]:
    """At these places, as far as they lie in it; no piece is empty."""
    edges = sorted({0, len(told), *(place for place in cuts if place < len(told))})
    return [told[start:end] for start, end in pairwise(edges)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('order') / 'kept.db'}")
    store.METADATA.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def tenants() -> Iterator[str]:
    """A fresh one for each example."""
    return (f"tenant-{number}" for number in count())


def recorded(engine: Engine, tenant: str, batches: Sequence[Batch]) -> Observations:
    """Each in a transaction of its own, one after the other."""
    for number, each in enumerate(batches):
        with engine.begin() as connection:
            receipt = store.record(connection, each, tenant=tenant, recorded_at=Instant(NOW + number))
        assert receipt.accepted + receipt.repeated == len(each)
    span = MARCH.bounds(parse_zone("Europe/Zurich"))
    with engine.connect() as connection:
        return store.observations(connection, tenant=tenant, services={"payments", "desk"}, span=span)


def test_every_objective_has_something_to_count_and_something_against_it() -> None:
    found = {each["objective_id"]: each for each in json.loads(in_order(OBSERVED))["objectives"]}
    assert found.keys() == {"up", "pool", "mean", "slices", "ratio", "p90", "resolution", "all", "journey", "front"}
    assert [name for name, each in found.items() if not 0 < int(each["good"]) < int(each["whole"])] == []


def test_each_revision_counts_but_the_one_that_says_what_had_been_said() -> None:
    """So that an answer which took the first told, or the last, would differ."""
    whole = in_order(OBSERVED)
    highest: dict[object, Told] = {}
    for each in sorted((each for each in OBSERVED if "revision" in each), key=lambda each: str(each["revision"])):
        highest[each["kind"], each["component"] if "component" in each else each["ticket"], each["id"]] = each
    without = {str(each["id"]): in_order([one for one in OBSERVED if one is not each]) for each in highest.values()}
    assert [name for name, answer in without.items() if answer == whole] == ["c-6"]
    assert len(without) == 11


@LAW
@given(telling=tellings(), cuts=st.lists(st.integers(1, len(OBSERVED) + 19), max_size=3))
def test_the_store_answers_the_same_in_whatever_order_and_batches_it_was_told(
    engine: Engine, tenants: Iterator[str], telling: tuple[Sequence[Told], list[Told]], cuts: Sequence[int]
) -> None:
    told, shuffled = telling
    batches = [batch(piece) for piece in cut(shuffled, cuts)]
    assert answered(recorded(engine, next(tenants), batches)) == in_order(told)


@LAW
@given(telling=tellings())
def test_a_file_answers_the_same_in_whatever_order_its_lines_are(tmp_path: Path, telling: tuple[Sequence[Told], list[Told]]) -> None:
    told, shuffled = telling
    terms, observed = tmp_path / "terms.yaml", tmp_path / SOURCE
    terms.write_text(TERMS)
    observed.write_bytes(ndjson(shuffled))
    document = assess_files(terms, observed, period="2026-03", mapping=[], until=UNTIL)
    assert json.dumps(document).encode() == in_order(told)


@LAW
@given(telling=tellings(), dice=st.randoms(use_true_random=False))
def test_a_named_batch_told_again_in_another_order_is_known(
    engine: Engine, tenants: Iterator[str], telling: tuple[Sequence[Told], list[Told]], dice: Random
) -> None:
    _, shuffled = telling
    other = list(shuffled)
    dice.shuffle(other)
    tenant = next(tenants)
    with engine.begin() as connection:
        store.record(connection, batch(shuffled, name="night"), tenant=tenant, recorded_at=NOW)
        again = store.record(connection, batch(other, name="night"), tenant=tenant, recorded_at=NOW)
    assert (again.accepted, again.repeated) == (0, len(shuffled))
