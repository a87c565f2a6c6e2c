"""Whatever cannot be right is refused with the place and the rule, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import http.client
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import httpx2
import pytest
import yaml
from google.protobuf.message import Message

from tests import postgres
from tests.contracts.asking import (
    Answer,
    Composed,
    Connected,
    Operation,
    Request,
    composed_at,
    message_of,
    request_of,
    values_of,
    with_each_number,
    with_each_text,
)
from tests.contracts.platform import LAST_MONTH, MONTH, OBJECTIVE, RUNNING_MONTH, SERVICE, TERMS, TITLE, House, house
from tests.journeys.people import Json, Person, until

pytestmark = pytest.mark.xdist_group("bad input")

YAML, JSON, NDJSON, CSV = "application/yaml", "application/json", "application/x-ndjson", "text/csv"
DIGITS = "9" * 40
KEPT = {
    "agreements-events.sqlite": ("stored_events", "stored_requests"),
    "improvement-events.sqlite": ("stored_events", "stored_requests"),
    "measurement-events.sqlite": ("stored_events", "stored_requests"),
    "measurement-views.sqlite": ("batches", "frames", "statuses", "outages", "tickets"),
    "reporting-events.sqlite": ("stored_events", "stored_requests"),
}


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    """At rest: what its own story set going has come to its end."""
    with house() as found:
        until(lambda: _rested(found.reach.data), bool)
        yield found


@pytest.fixture
def settling(home: House) -> Iterator[None]:
    """What the test told is judged before the next one begins."""
    yield
    until(lambda: _rested(home.reach.data), bool)


def _rested(data: Path) -> bool:
    before = kept(data)
    time.sleep(1.5)
    return kept(data) == before


@pytest.fixture(scope="module")
def manager(home: House) -> Person:
    return home.manager


@pytest.fixture
def untouched(home: House) -> Iterator[None]:
    """The test leaves behind nothing at all: no event, no answered request, no observation."""
    before = kept(home.reach.data)
    yield
    assert kept(home.reach.data) == before


def kept(data: Path) -> dict[str, int]:
    """Rows of what is only ever added to."""
    found: dict[str, int] = {}
    for file, tables in KEPT.items():
        with closing(sqlite3.connect(f"file:{data / file}?mode=ro", uri=True)) as connection:
            for table in tables:
                found[f"{file} {table}"] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found


def refused(answer: httpx2.Response, status: int, place: str, rule: str) -> None:
    """A problem of that status with a violation at that place whose rule says this."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"]
    assert problem["type"] == f"urn:upheld:problem:{problem['code']}"
    assert told(problem, place, rule), problem


def told(answer: Mapping[str, Json], place: str, rule: str) -> bool:
    return any(each["place"] == place and rule in each["rule"] for each in answer["violations"])


# ------------------------------------------------------------------------------------------------------- terms documents


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A document that is wrong, where, and what is said of it; `status` is 400 where it cannot even be read."""

    document: str | bytes
    place: str = "document"
    rule: str
    status: int = 400
    form: str = YAML


def changed(old: str, new: str, *, place: str, rule: str) -> Bad:
    """The good terms with one thing in them changed."""
    assert TERMS.count(old) >= 1, old
    return Bad(document=TERMS.replace(old, new, 1), place=place, rule=rule, status=422)


def rewritten(path: Sequence[str | int], value: Json, *, place: str, rule: str) -> Bad:
    """The good terms as JSON with the value at one place exchanged."""
    document = json.loads(json.dumps(yaml.safe_load(TERMS), default=str))
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return Bad(document=json.dumps(document), place=place, rule=rule, status=422, form=JSON)


def unreadable() -> dict[str, Bad]:
    bomb = "a: &a [x, x]\n" + "".join(f"{new}: &{new} [*{old}, *{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    return {
        "tabs": Bad(document=TERMS.replace("\n  - {role", "\n\t- {role", 1), rule="is not YAML"),
        "a quote that never ends": Bad(document=TERMS.replace("Alpine Hosting AG", '"Alpine', 1), rule="is not YAML"),
        "a key given twice": Bad(document=f"{TERMS}title: Another\n", rule="gives the key 'title' twice"),
        "a bomb of aliases": Bad(document=bomb, rule="anchor or alias"),
        "an alias": Bad(document=TERMS.replace("name: Lake Bank", "name: &n Lake Bank", 1), rule="anchor or alias"),
        "a tag that makes an object": Bad(document="!!python/object/apply:os.system [ls]", rule="has the tag"),
        "a binary tag": Bad(document="title: !!binary aGVsbG8=\n", rule="has the tag"),
        "a list as a key": Bad(document="? [a, b]\n: c\n", rule="no plain text"),
        "two documents": Bad(document=f"{TERMS}---\n{TERMS}", rule="must be one document"),
        "too deep": Bad(document="a: " + "[" * 100 + "]" * 100, rule="nested deeper"),
        "too deep by far": Bad(document="[" * 100_000, form=JSON, rule="nested deeper"),
        "too long": Bad(document=TERMS + "#" * 600_000, rule="must have at most 524288 bytes"),
        "Latin-1": Bad(document=TERMS.replace("Rea", "Réa", 1).encode("latin-1"), rule="must be UTF-8"),
        "UTF-16": Bad(document=TERMS.encode("utf-16"), rule="must be UTF-8"),
        "a NUL": Bad(document=TERMS.replace("Rea", "R\0a", 1), rule="is not YAML"),
        "JSON cut off": Bad(document='{"upheld": "terms/v1", "title": ', form=JSON, rule="is not JSON"),
        "JSON with something behind it": Bad(document="{} {}", form=JSON, rule="is not JSON"),
        "no JSON at all": Bad(document="", form=JSON, rule="is not JSON"),
        "a JSON key given twice": Bad(document='{"title": "a", "title": "b"}', form=JSON, rule="gives the key 'title' twice"),
        "NaN": Bad(document='{"close_after_days": NaN}', form=JSON, rule="NaN is no number of JSON"),
        "Infinity": Bad(document='{"close_after_days": -Infinity}', form=JSON, rule="-Infinity is no number of JSON"),
    }


def unsignable() -> dict[str, Bad]:
    """Readable, and wrong in one place each."""
    title, target, tier = f"title: {TITLE}", 'target: "99.9"', '{below: "99.0", percent: "25"}'
    first, patches = ("objectives", 0), f'start: "{LAST_MONTH.first_day}T01:00:00Z"'
    within, charge, begins = "within: 4h", 'monthly_charge: "5000.00"', f"effective_on: {MONTH.first_day}"
    return {
        # shapes
        "nothing": Bad(document="", place="", status=422, rule="must be a mapping"),
        "a word": Bad(document="hello", place="", status=422, rule="must be a mapping"),
        "a list": Bad(document="[1, 2]", form=JSON, place="", status=422, rule="must be a mapping"),
        "an unknown grammar": changed("upheld: terms/v1", "upheld: terms/v9", place="upheld", rule="must be one of terms/v1"),
        "an unknown key": changed(title, f"{title}\ncap: 3", place="cap", rule="is not a field here"),
        "a mistyped key": changed(target, 'taget: "99.9"', place="objectives[0].taget", rule='did you mean "target"?'),
        "a missing target": changed(f"    {target}\n", "", place="objectives[0].target", rule="is required"),
        "parties as text": rewritten(["parties"], "both", place="parties", rule="must be a list"),
        "parties as a number": rewritten(["parties"], 7, place="parties", rule="must be a list"),
        "an objective as text": rewritten(first, "fast", place="objectives[0]", rule="must be a mapping"),
        "a title as a list": rewritten(["title"], ["a"], place="title", rule="must be a plain value"),
        "a target as a mapping": rewritten([*first, "target"], {"a": 1}, place="objectives[0].target", rule="must be a plain value"),
        "no objectives": rewritten(["objectives"], [], place="objectives", rule="must have at least 1 entry"),
        "too many objectives": rewritten(["objectives"], ["x"] * 2_001, place="objectives", rule="must have at most 2000 entries"),
        # text
        "an empty title": changed(title, 'title: "  "', place="title", rule="must not be empty"),
        "a title of a page": changed(title, f"title: {'x' * 201}", place="title", rule="must have at most 200 characters"),
        "a NUL in a title": changed(title, 'title: "Pay\\0ments"', place="title", rule="without control characters"),
        "a bell in a title": changed(title, 'title: "Pay\\aments"', place="title", rule="without control characters"),
        "a line break in a title": changed(title, 'title: "Pay\\nments"', place="title", rule="must be one line"),
        "half a surrogate pair": rewritten(["title"], "\ud800", place="title", rule="without control characters"),
        "no e-mail address": changed("rea@alpine.example", "rea", place="parties[0].contacts[0].email", rule="must be an e-mail address"),
        "capitals in an id": changed("{id: web, ", "{id: Web, ", place="services[0].components[0].id", rule="must be lower-case letters"),
        # zones
        "a zone that is nowhere": changed("Europe/Zurich", "Europe/Atlantis", place="zone", rule="must be an IANA time zone"),
        "an offset as a zone": changed("Europe/Zurich", "UTC+1", place="zone", rule="must be an IANA time zone"),
        "a path as a zone": changed("Europe/Zurich", "../../etc/passwd", place="zone", rule="must be an IANA time zone"),
        "a folder as a zone": changed("Europe/Zurich", "Europe", place="zone", rule="must be an IANA time zone"),
        "a NUL in a zone": rewritten(["zone"], "Europe/\0Zurich", place="zone", rule="must be an IANA time zone"),
        "half a zone": rewritten(["zone"], "\ud800", place="zone", rule="must be an IANA time zone"),
        # dates
        **{
            f"the day {day}": changed(begins, f"effective_on: {day}", place="effective_on", rule="must be a date")
            for day in ("9999-99-99", "0001-01-01", "3000-01-01", "2026-02-30", "20260301", "01.03.2026", "2026-W10-1", "tomorrow", "-5")
        },
        "an end before the beginning": changed(begins, f"{begins}\nends_on: 1999-01-01", place="ends_on", rule="must not be before"),
        "maintenance in no year": changed(
            patches, 'start: "9999-99-99T00:00:00Z"', place="maintenance[0].start", rule="must be an RFC 3339"
        ),
        "maintenance in 3000": changed(patches, 'start: "3000-01-01T00:00:00Z"', place="maintenance[0].start", rule="must lie between"),
        "maintenance in no zone": changed(
            patches, 'start: "2026-09-01T00:00:00"', place="maintenance[0].start", rule="must carry an offset"
        ),
        "maintenance backwards": changed(
            patches, f'start: "{RUNNING_MONTH.first_day}T00:00:00Z"', place="maintenance[0].end", rule="must be after"
        ),
        # numbers
        **{
            f"a target of {number}": changed(
                target, f'target: "{number}"', place="objectives[0].target", rule="must be a decimal percentage"
            )
            for number in ("-1", "1e400", "nan", ".inf", "Infinity", "99,9", "99.9%", DIGITS, f"99.{DIGITS}", "0x63", "٩٩")
        },
        "no digit of a target": changed(target, 'target: ""', place="objectives[0].target", rule="must not be empty"),
        "a target of 101": changed(target, 'target: "101"', place="objectives[0].target", rule="must be between 0 and 100"),
        "a target of 0": changed(target, 'target: "0"', place="objectives[0].target", rule="must be above 0"),
        "more than 100": changed(
            target, 'comparison: ">"\n    target: "100"', place="objectives[0].target", rule="nothing can be above 100"
        ),
        **{
            f"{decimals} decimals": changed(
                target, f"{target}\n    decimals: {decimals}", place="objectives[0].decimals", rule="must be a whole number from 0 to 9"
            )
            for decimals in ("-1", "10", "1.5", DIGITS, "many", "٣")
        },
        **{
            f"{length} to resolve": changed(within, f"within: {length}", place="objectives[3].indicator.within", rule="must be")
            for length in ("0h", "-4h", "90 days", "9999999h", "8785h", DIGITS, "٤h")
        },
        **{
            f"{ms} ms": changed(
                'threshold_ms: "300"', f'threshold_ms: "{ms}"', place="objectives[2].indicator.threshold_ms", rule="must be"
            )
            for ms in ("0", "-5", "0.0001", DIGITS, "NaN", "1e3")
        },
        **{
            f"a charge of {amount}": changed(charge, f'monthly_charge: "{amount}"', place="credit.monthly_charge", rule=rule)
            for amount, rule in {"-1.00": "decimal amount", "NaN": "decimal amount", DIGITS: "decimal amount", "5.001": "at most 2"}.items()
        },
        "half a yen": changed(
            f"currency: CHF, {charge}",
            'currency: JPY, monthly_charge: "0.5"',
            place="credit.monthly_charge",
            rule="JPY amounts have at most 0",
        ),
        "no currency": changed("currency: CHF", "currency: franc", place="credit.currency", rule="ISO 4217"),
        "a cap above all": changed('cap_percent: "50"', 'cap_percent: "150"', place="credit.cap_percent", rule="must be between 0 and 100"),
        "a close in 91 days": changed("close_after_days: 3", "close_after_days: 91", place="close_after_days", rule="from 0 to 90"),
        "a warning at nothing": changed('warn_at_percent: "75"', 'warn_at_percent: "0"', place="warn_at_percent", rule="must be above 0"),
        # credits
        "a tier above the target": changed(
            '{below: "99.9"', '{below: "99.95"', place="objectives[0].credits[0].below", rule="above the target"
        ),
        "tiers out of order": changed(
            tier, '{below: "99.95", percent: "25"}', place="objectives[0].credits[1].below", rule="must be lower"
        ),
        "a tier that pays less": changed(
            tier, '{below: "99.0", percent: "5"}', place="objectives[0].credits[1].percent", rule="must be higher"
        ),
        "a credit above 100": changed(
            tier, '{below: "99.0", percent: "250"}', place="objectives[0].credits[1].percent", rule="between 0 and 100"
        ),
        "tiers of nothing": rewritten(["credit"], None, place="objectives[0].credits", rule="need the section credit"),
        # what is named must be there
        "an unknown service": rewritten(
            [*first, "service"], "cheques", place="objectives[0].service", rule="there is no service 'cheques'"
        ),
        "an unknown component": changed(
            "components: [web, database], combine",
            "components: [web, mainframe], combine",
            place="objectives[0].indicator.components[1]",
            rule="has no component 'mainframe'",
        ),
        "a component twice": changed(
            "components: [web, database], combine",
            "components: [web, web], combine",
            place="objectives[0].indicator.components[1]",
            rule="is listed already",
        ),
        "an unknown indicator": changed("kind: availability", "kind: mood", place="objectives[0].indicator.kind", rule="must be one of"),
        "two providers": changed("role: customer", "role: provider", place="parties", rule="exactly one provider and one customer"),
        "one organisation twice": rewritten(
            ["parties", 1, "organisation"], "alpine-hosting", place="parties[1].organisation", rule="is used already"
        ),
        "two objectives of one id": changed("{id: requests,", f"{{id: {OBJECTIVE},", place="objectives[1].id", rule="is used already"),
        "a party as its auditor": changed(
            "auditors: [glacier-audit]", "auditors: [lake-bank]", place="auditors[0]", rule="is a party already"
        ),
    }


DOCUMENTS = [pytest.param(bad, id=name) for name, bad in {**unreadable(), **unsignable()}.items()]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("bad", DOCUMENTS)
def test_terms_that_are_wrong_are_refused_where_they_are_wrong(bad: Bad, manager: Person) -> None:
    answer = manager.ask("POST", "/v1/agreements", content=bad.document, headers={"Content-Type": bad.form})
    refused(answer, bad.status, bad.place, bad.rule)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("bad", DOCUMENTS)
def test_trying_terms_tells_the_same_faults(bad: Bad, manager: Person) -> None:
    answer = manager.ask("POST", "/v1/agreements/validation", content=bad.document, headers={"Content-Type": bad.form})
    assert answer.status_code == 200
    tried = answer.json()
    assert not tried["valid"]
    assert told(tried, bad.place, bad.rule), tried


def test_every_fault_of_a_document_is_told_at_once(manager: Person) -> None:
    document = TERMS.replace("Europe/Zurich", "Nowhere").replace('target: "99.9"', 'target: "101"').replace("currency: CHF", "currency: x")
    answer = manager.ask("POST", "/v1/agreements", content=document, headers={"Content-Type": YAML})
    assert [each["place"] for each in answer.json()["violations"]] == ["zone", "objectives[0].target", "credit.currency"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("form", ["", "text/plain", "application/xml", "multipart/form-data"])
@pytest.mark.parametrize("path", ["/v1/agreements", "/v1/agreements/validation", "/v1/observations?source=probe"])
def test_another_content_type_is_refused(path: str, form: str, manager: Person) -> None:
    answer = manager.ask("POST", path, content=b"a", headers={"Content-Type": form})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")
    assert "application/" in answer.json()["detail"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", ["/v1/agreements", "/v1/observations?source=probe"])
def test_a_body_that_is_too_large_is_refused_before_it_is_sent(path: str, home: House) -> None:
    place = urlsplit(home.reach.origin(path))
    with closing(http.client.HTTPConnection(place.netloc, timeout=10)) as connection:
        connection.putrequest("POST", path)
        headers = {"Authorization": f"Bearer {home.manager.token}", "Content-Type": JSON, "Content-Length": "40000000"}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "body-too-large")


# --------------------------------------------------------------------------------------------------------- observations

GOOD: Mapping[str, Mapping[str, object]] = {
    "status": {"component": "web", "state": "down"},
    "outage": {"component": "web", "until": f"{RUNNING_MONTH.first_day}T02:00:00Z", "cause": "Test"},
    "counter": {"component": "web", "good": 9, "total": 10},
    "latency": {"component": "web", "ms": "12.5"},
    "ticket": {"ticket": "T9", "state": "opened"},
}
TEXTS = {
    "a NUL": "we\0b",
    "a bell": "we\ab",
    "a line break": "we\nb",
    "a page": "x" * 201,
    "a list": ["web"],
    "a number": 7,
}
MOMENTS = (
    "9999-99-99T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "3000-01-01T00:00:00Z",
    "2026-03-01T00:00:00",
    "2026-03-01T25:00:00Z",
    "yesterday",
    "-1",
)
NUMBERS: tuple[object, ...] = (-1, 2**63, 10**40, 1.5, "1.5", "1e3", "nine", True, None, [1], DIGITS, "٩")
LENGTHS: tuple[object, ...] = (-1, "NaN", "-Infinity", "1e400", 10**40, "12,5", "fast", True, None, [1], {})


def row(kind: str, number: int, **fields: object) -> dict[str, object]:
    """A good observation of the running month, with these fields exchanged."""
    at = f"{RUNNING_MONTH.first_day}T01:00:{number:02}Z"
    return {"kind": kind, "service": SERVICE, "id": f"{kind} {number}", "observed_at": at, **GOOD[kind], **fields}


def wrong_rows() -> dict[str, tuple[object, str, str]]:
    """The row, the field that is wrong ("" for all of it), and the rule."""
    found: dict[str, tuple[object, str, str]] = {
        "no object": ("hello", "", "must be an object"),
        "nothing": (None, "", "must be an object"),
        "no kind": ({"service": SERVICE}, "kind", "must be one of"),
        "an unknown kind": (row("status", 1) | {"kind": "mood"}, "kind", "must be one of"),
        "a kind that is a list": (row("status", 1) | {"kind": ["status"]}, "kind", "must be one of"),
        "a field of another kind": (row("status", 1, good=1), "good", "is no field of an observation of kind status"),
        "an unknown field": (row("status", 1, comment="x"), "comment", "is no field"),
        "no service": (row("status", 1, service=""), "service", "is needed"),
        "no component": (row("counter", 1, component=None), "component", "is needed"),
        "an unknown state": (row("status", 1, state="sideways"), "state", "must be up, down or unknown"),
        "an unknown state of a ticket": (row("ticket", 1, state="forgotten"), "state", "must be one of"),
        "more good than all": (row("counter", 1, good=11), "good", "must be at most total"),
        "an outage backwards": (row("outage", 1, until="2026-01-01T00:00:00Z"), "until", "must be later than observed_at"),
        "no ticket": (row("ticket", 1, ticket=""), "ticket", "is needed"),
        "too far ahead": (row("status", 1, observed_at="2190-01-01T00:00:00Z"), "observed_at", "more than a day in the future"),
        "a revision below 0": (row("status", 1, revision=-1), "revision", "must be an integer from 0"),
        "a huge revision": (row("status", 1, revision=2**31), "revision", "must be an integer from 0"),
    }
    for name, value in TEXTS.items():
        for field in ("service", "component", "id"):
            found[f"{name} in {field}"] = (row("status", 1, **{field: value}), field, "must be text of at most 200 characters")
    for moment in MOMENTS:
        found[f"at {moment}"] = (row("latency", 1, observed_at=moment), "observed_at", "must")
        found[f"until {moment}"] = (row("outage", 1, until=moment), "until", "must")
    for number in NUMBERS:
        found[f"{number!r} good"] = (row("counter", 1, good=number), "good", "must be an integer from 0")
    for written in LENGTHS:
        found[f"{written!r} ms"] = (row("latency", 1, ms=written), "ms", "must be a")
    return found


ROWS = [pytest.param(*case, id=name) for name, case in wrong_rows().items()]


def reported(person: Person, content: str | bytes, form: str, **query: str) -> httpx2.Response:
    return person.ask("POST", "/v1/observations", content=content, headers={"Content-Type": form}, params={"source": "tests", **query})


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("wrong", "field", "rule"), ROWS)
def test_a_bad_observation_keeps_its_batch_out(wrong: object, field: str, rule: str, manager: Person) -> None:
    rows = [row("status", 1), wrong, row("counter", 2)]
    whole = reported(manager, json.dumps({"observations": rows}), JSON)
    refused(whole, 422, f"observations[1].{field}" if field else "observations[1]", rule)
    lines = reported(manager, "\n".join(map(json.dumps, rows)), NDJSON)
    refused(lines, 422, f"line 2, {field}" if field else "line 2", rule)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("line", ["{", '{"kind": NaN}', "not json", '{"a": 1} {"b": 2}', '"\\ud800"', "[" * 5000])
def test_a_line_that_is_no_json_is_named(line: str, manager: Person) -> None:
    refused(reported(manager, f"{json.dumps(row('status', 1))}\n{line}\n", NDJSON), 422, "line 2", "")


@pytest.mark.usefixtures("settling")
def test_the_good_ones_are_taken_exactly_where_the_bad_are_to_be_skipped(manager: Person, home: House) -> None:
    before = measured(home, "requests")
    rows = [row("counter", 1), row("counter", 2, good=11), row("counter", 3, good=7), row("counter", 4, total=-1), "x", row("counter", 5)]
    receipt = reported(manager, json.dumps({"observations": rows}), JSON, on_error="skip", batch="skipping")
    assert receipt.status_code == 201
    assert (receipt.json()["accepted"], receipt.json()["rejected_count"]) == (3, 3)
    assert [each["place"] for each in receipt.json()["rejected"]] == ["observations[1].good", "observations[3].total", "observations[4]"]
    again = reported(manager, json.dumps({"observations": rows}), JSON, on_error="skip", batch="skipping")
    assert (again.status_code, again.json()["accepted"], again.json()["repeated"]) == (200, 0, 3)
    after = measured(home, "requests")
    assert (int(after["good"]) - int(before["good"]), int(after["whole"]) - int(before["whole"])) == (9 + 7 + 9, 30)


def measured(home: House, objective: str) -> Json:
    span = {"start": f"{RUNNING_MONTH.first_day}T00:00:00Z", "end": f"{RUNNING_MONTH.next.first_day}T00:00:00Z"}
    return home.client.get(f"/v1/measurements/{home.agreement_id}/{objective}", **span)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("body", "status", "place", "rule"),
    [
        ('{"observations": [{"kind": "status", "service": "\\ud800"}]}', 400, "", "is not JSON"),
        ("", 400, "", "is not JSON"),
        ("{", 400, "", "is not JSON"),
        ('{"observations": [NaN]}', 400, "", "is not JSON"),
        ('{"observations": [], "observations": []} x', 400, "", "is not JSON"),
        ("[]", 400, "", "must be an object"),
        ("null", 400, "", "must be an object"),
        ("{}", 422, "observations", "must be a list"),
        ('{"observations": {}}', 422, "observations", "must be a list"),
        ('{"observations": [], "Source": "x"}', 422, "Source", "is no field of a batch"),
        ('{"observations": [], "source": 7}', 422, "source", "must be text"),
        ('{"observations": [], "source": "a\\u0000b"}', 422, "source", "must name the source"),
        ('{"observations": [], "batch": "a\\u0000b"}', 422, "batch", "must be text"),
        ('{"observations": [], "batch": ["b"]}', 422, "batch", "must be text"),
    ],
)
def test_a_batch_that_is_none_is_refused(body: str, status: int, place: str, rule: str, manager: Person) -> None:
    refused(reported(manager, body, JSON), status, place, rule)


@pytest.mark.usefixtures("untouched")
def test_a_batch_without_a_source_is_refused(manager: Person) -> None:
    answer = manager.ask(
        "POST", "/v1/observations", content=json.dumps({"observations": [row("status", 1)]}), headers={"Content-Type": JSON}
    )
    refused(answer, 422, "source", "must name the source")


@pytest.mark.usefixtures("settling")
def test_a_name_of_a_batch_is_not_used_for_another(manager: Person) -> None:
    assert reported(manager, json.dumps({"observations": [row("latency", 8)]}), JSON, batch="named").status_code == 201
    other = reported(manager, json.dumps({"observations": [row("latency", 9)]}), JSON, batch="named")
    assert other.status_code == 409, other.text


# -------------------------------------------------------------------------------------------------------------- CSV files

COLUMNS = {"kind": "counter", "service": SERVICE, "component": "column:where", "observed_at": "when", "good": "ok", "total": "all"}
HEADER = "when,where,ok,all"
FIRST = f"{RUNNING_MONTH.first_day}T03:00:00Z,web,9,10"


@pytest.mark.parametrize(
    ("line", "place", "rule"),
    [
        ("9999-99-99T00:00:00Z,web,9,10", "when", "RFC 3339"),
        ("0001-01-01T00:00:00Z,web,9,10", "when", "must lie between"),
        ("3000-01-01T00:00:00Z,web,9,10", "when", "must lie between"),
        ("2026-03-01 10:00,web,9,10", "when", "must carry an offset"),
        (",web,9,10", "when", "is needed"),
        ("2026-03-01T00:00:00Z,,9,10", "where", "is needed"),
        ("2026-03-01T00:00:00Z,we\x07b,9,10", "where", "control characters"),
        ("2026-03-01T00:00:00Z,we\0b,9,10", "where", "control characters"),
        ("2026-03-01T00:00:00Z,web,-9,10", "ok", "must be an integer from 0"),
        ("2026-03-01T00:00:00Z,web,1e3,10", "ok", "must be an integer from 0"),
        ("2026-03-01T00:00:00Z,web,NaN,10", "ok", "must be an integer from 0"),
        (f"2026-03-01T00:00:00Z,web,{DIGITS},10", "ok", "must be an integer from 0"),
        ("2026-03-01T00:00:00Z,web,11,10", "ok", "must be at most total"),
        ("2026-03-01T00:00:00Z,web,9,", "all", "must be an integer from 0"),
        ("2026-03-01T00:00:00Z,web,9", "", "more or fewer columns"),
        ("2026-03-01T00:00:00Z,web,9,10,11", "", "more or fewer columns"),
    ],
)
def test_a_bad_row_of_a_file_is_named_by_line_and_column(line: str, place: str, rule: str, manager: Person, home: House) -> None:
    before = kept(home.reach.data)
    answer = reported(manager, f"{HEADER}\n{FIRST}\n{line}\n", CSV, **COLUMNS)
    refused(answer, 422, f"line 3, {place}" if place else "line 3", rule)
    assert kept(home.reach.data) == before


@pytest.mark.usefixtures("settling")
def test_a_file_with_bad_rows_is_taken_without_them_when_that_is_asked(manager: Person, home: House) -> None:
    before = measured(home, "requests")
    rows = [f"{RUNNING_MONTH.first_day}T04:00:{second:02}Z,web,{good},100" for second, good in enumerate((90, 101, 80, -1, 70))]
    receipt = reported(manager, "\n".join((HEADER, *rows)), CSV, on_error="skip", **COLUMNS).json()
    assert [(each["place"], each["rule"]) for each in receipt["rejected"]] == [
        ("line 3, ok", "must be at most total: 101 of 100"),
        ("line 5, ok", f"must be an integer from 0 to {2**63 - 1}, not '-1'"),
    ]
    after = measured(home, "requests")
    assert receipt["accepted"] == 3
    assert (int(after["good"]) - int(before["good"]), int(after["whole"]) - int(before["whole"])) == (240, 300)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("content", "status", "place", "rule"),
    [
        (b"", 400, "line 1", "must be a header"),
        (b"when,when,ok,all\n", 400, "line 1", "must be a header that names every column once"),
        (b"when,ok,all\n", 422, "component", "the file has no column 'where'"),
        (f'{HEADER}\n{FIRST}\n"2026'.encode(), 400, "line 3", "is not CSV"),
        (f'{HEADER}\n{FIRST}\n"a"b,web,9,10'.encode(), 400, "line 3", "is not CSV"),
        (f"{HEADER}\n{FIRST}\n".encode("utf-16"), 400, "", "is not UTF-8"),
        (f"{HEADER}\n{FIRST}\n2026-03-01T00:00:00Z,w\xe4b,9,10".encode("latin-1"), 400, "", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(content: bytes, status: int, place: str, rule: str, manager: Person) -> None:
    refused(reported(manager, content, CSV, **COLUMNS), status, place, rule)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("parameters", "place", "rule"),
    [
        ({"kind": "mood"}, "kind", "must be one of"),
        ({"kind": ""}, "kind", "must say what the rows are"),
        ({"service": ""}, "service", "is needed"),
        ({"good": ""}, "good", "a column is needed"),
        ({"good": "missing"}, "good", "the file has no column 'missing'"),
        ({"colour": "red"}, "colour", "is no parameter"),
        ({"on_error": "ignore"}, "on_error", "must be refuse or skip"),
        ({"zone": "Europe/Atlantis"}, "zone", "must be an IANA time zone"),
        ({"zone": "../../etc/passwd"}, "zone", "must be an IANA time zone"),
        ({"delimiter": "|"}, "delimiter", "must be comma, semicolon or tab"),
        ({"states": "up"}, "states", "must be pairs"),
        ({"known_until": "last"}, "known_until", "belongs to observations of kind status"),
        ({"source": "a\nb"}, "source", "must name the source"),
        ({"source": "x" * 201}, "source", ""),
        ({"batch": "a\nb"}, "batch", "must be text"),
        ({"batch": "x" * 256}, "batch", "must be text of at most 255"),
    ],
)
def test_a_wrong_parameter_of_a_mapping_is_named(parameters: Mapping[str, str], place: str, rule: str, manager: Person) -> None:
    refused(reported(manager, f"{HEADER}\n{FIRST}\n", CSV, **{**COLUMNS, **parameters}), 422, place, rule)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("written", "parameters"),
    [
        ("2026-03-01", {"time_format": "%Q"}),
        ("2026-03-01", {"time_format": "%"}),
        ("2026-03-01", {"time_format": "%Y %Y"}),
        ("2026-03-01", {"time_format": "%d-%m-%Y"}),
        ("2026-03-01", {"time_format": "%Y-%m-%d"}),
        ("0001-01-01 00:00:00", {"zone": "Asia/Tokyo"}),
        ("9999-12-31 23:59:59", {"zone": "America/New_York"}),
        ("0001-01-01", {"time_format": "%Y-%m-%d", "zone": "Asia/Tokyo"}),
        ("29-03-2026 02:30", {"time_format": "%d-%m-%Y %H:%M", "zone": "Europe/Berlin"}),
        ("25-10-2026 02:30", {"time_format": "%d-%m-%Y %H:%M", "zone": "Europe/Berlin"}),
        ("99-99-9999 99:99", {"time_format": "%d-%m-%Y %H:%M", "zone": "Europe/Berlin"}),
    ],
)
def test_a_time_that_is_no_instant_is_refused(written: str, parameters: Mapping[str, str], manager: Person) -> None:
    refused(reported(manager, f"{HEADER}\n{written},web,9,10\n", CSV, **COLUMNS, **parameters), 422, "line 2, when", "")


# -------------------------------------------------------------------------------------------------------------- questions

BAD_CURSORS = (
    "!",
    "%",
    "a",
    "AA",
    "////",
    "x" * 2000,
    "JzsgRFJPUCBUQUJMRSB4",
    "MjAyNi0wM3wAfDE",
    "MjAyNi0wMwA",
    "LTE",
    "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk",
)
LISTS = ("/v1/agreements", "/v1/assessments", "/v1/improvements", "/v1/reports")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_a_cursor_that_no_page_gave_is_refused(path: str, cursor: str, home: House, manager: Person) -> None:
    answer = manager.ask("GET", path, params={"agreement_id": home.agreement_id, "cursor": cursor})
    refused(answer, 422, "cursor", "")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "many", "", "1e400", DIGITS])
def test_a_wrong_size_of_a_page_is_refused(path: str, limit: str, home: House, manager: Person) -> None:
    refused(manager.ask("GET", path, params={"agreement_id": home.agreement_id, "limit": limit}), 422, "limit", "")


@pytest.mark.parametrize("token", BAD_CURSORS)
def test_a_token_of_observations_that_no_page_gave_is_refused(token: str, home: House, manager: Person) -> None:
    asked = {"agreement_id": home.agreement_id, "service": SERVICE, "start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}
    refused(manager.ask("GET", "/v1/observations", params={**asked, "cursor": token}), 422, "cursor", "")


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        *(("/v1/agreements/{agreement_id}", {"known_at": moment}, "known_at") for moment in MOMENTS),
        *(("/v1/assessments/{agreement_id}/{period}", {"known_at": moment}, "known_at") for moment in MOMENTS),
        *(
            ("/v1/agreements/{agreement_id}", {"as_of": day}, "as_of")
            for day in ("9999-99-99", "0001-01-01", "3000-01-01", "20260301", "x")
        ),
        *(("/v1/agreements/{agreement_id}/diff", {"from": number, "to": "1"}, "from") for number in ("0", "-1", "x", DIGITS, "1.5")),
        ("/v1/agreements/{agreement_id}/diff", {"from": "1"}, "to"),
        ("/v1/agreements/{agreement_id}/versions/0", {}, "number"),
        ("/v1/agreements/{agreement_id}/versions/x", {}, "number"),
        ("/v1/agreements", {"status": "signed"}, "status"),
        ("/v1/improvements", {"status": "done"}, "status"),
        *(
            (f"/v1/assessments/{{agreement_id}}/{month}", {}, "period")
            for month in ("2026-13", "9999-99", "0001-01", "3000-01", "2026-3", "x")
        ),
        *((f"/v1/reports/{{agreement_id}}/{month}", {}, "period") for month in ("2026-13", "9999-99", "0001-01", "3000-01", "2026-3", "x")),
        *(("/v1/reports/{agreement_id}/{period}", {"revision": number}, "revision") for number in ("0", "-1", "x", DIGITS)),
        ("/v1/reports/{agreement_id}/{period}", {"live": "perhaps"}, "live"),
        *(("/v1/measurements/{agreement_id}/{objective_id}", {"start": each, "end": "2026-03-01T00:00:00Z"}, "start") for each in MOMENTS),
        ("/v1/measurements/{agreement_id}/{objective_id}", {"start": "2026-03-01T00:00:00Z"}, "end"),
        ("/v1/measurements/{agreement_id}/{objective_id}", {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, "end"),
        ("/v1/measurements/{agreement_id}/{objective_id}", {"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, "end"),
        ("/v1/measurements/{agreement_id}/{objective_id}", {"start": "1990-01-01T00:00:00Z", "end": "2199-12-31T00:00:00Z"}, "end"),
        ("/v1/assessments", {}, "agreement_id"),
    ],
)
def test_a_question_with_a_wrong_value_is_refused(path: str, query: Mapping[str, str], place: str, home: House, manager: Person) -> None:
    own = {"agreement_id": home.agreement_id, "period": str(MONTH), "objective_id": OBJECTIVE}
    refused(manager.ask("GET", path.format(**own), params=dict(query)), 422, place, "")


@pytest.mark.parametrize(
    "wrong", ["1", "x", "%00", "..%2f..", "00000000-0000-0000-0000-000000000000", "{agreement_id}x", "%F0%9F%92%A9", "a" * 4000]
)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/agreements/{}",
        "/v1/agreements/{}/history",
        "/v1/assessments/{}/2026-03",
        "/v1/assessments?agreement_id={}",
        "/v1/measurements/{}/availability?start=2026-03-01T00:00:00Z&end=2026-04-01T00:00:00Z",
        "/v1/improvements/{}",
        "/v1/reports/{}/2026-03",
        "/portal/agreements/{}",
        "/portal/agreements/{}/reports/2026-03",
        "/portal/agreements/{}/history",
        "/portal/agreements/{}/history/event",
    ],
)
def test_an_id_that_is_none_is_nothing(path: str, wrong: str, home: House, manager: Person) -> None:
    answer = manager.ask("GET", path.format(wrong.replace("{agreement_id}", home.agreement_id)))
    assert answer.status_code in ((400,) if wrong == "%00" else (404,)), answer.text


# ---------------------------------------------------------------------------------------------------------------- changes


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("step", "body", "place"),
    [
        *(("plan", {"description": text}, "description") for text in ("", " ", "a\0b", "\ud800", "x" * 100_000, 7, None, ["a"])),
        *(("plan", {"owner": text}, "owner") for text in ("", "a\0b", "\ud800", {"a": 1})),
        *(("plan", {"recommendation_id": text}, "recommendation_id") for text in ("a\0b", "\ud800", "x" * 201, 7)),
        *(("plan", {"due_on": day}, "due_on") for day in ("9999-99-99", "0001-01-01", "3000-01-01", "tomorrow", "", 20260301)),
        *(
            ("plan", {"expected_attainment_percent": number}, "expected_attainment_percent")
            for number in ("-1", "101", "NaN", DIGITS, 99.9)
        ),
        ("plan", {"colour": "red"}, "colour"),
        *(("implementation", {"implemented_on": day}, "implemented_on") for day in ("9999-99-99", "0001-01-01", "3000-01-01", "x", None)),
        *(("verification", {"after_start": moment, "after_end": None}, "after_start") for moment in MOMENTS),
    ],
)
def test_a_change_with_a_wrong_field_is_refused(step: str, body: Mapping[str, object], place: str, home: House, manager: Person) -> None:
    plan = {"recommendation_id": home.recommendation_id, "description": "A", "owner": "B", "due_on": "2026-03-01"}
    content = json.dumps({**(plan if step == "plan" else {}), **body})
    headers = {"Content-Type": JSON, "If-Match": '"2"'}
    refused(manager.ask("POST", f"/v1/improvements/{home.improvement_id}/{step}", content=content, headers=headers), 422, place, "")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("tag", ["1", '"x"', '""', '"-1"', '"1", "2"', "*", f'"{DIGITS}"'])
def test_a_version_that_is_none_is_refused(tag: str, home: House, manager: Person) -> None:
    refused(manager.ask("POST", f"/v1/agreements/{home.agreement_id}/proposal", headers={"If-Match": tag}), 422, "If-Match", "")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("key", ["", "x" * 256, "schl\xfcssel", "a\tb"])
def test_an_idempotency_key_that_is_none_is_refused(key: str, manager: Person) -> None:
    headers = {"Content-Type": YAML, "Idempotency-Key": key.encode("latin-1")}
    refused(manager.ask("POST", "/v1/agreements", content=TERMS, headers=headers), 422, "Idempotency-Key", "")


# --------------------------------------------------------------------------------------- every field there is, at both doors

NO_POSTGRESQL = postgres.missing_reason()
DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.skipif(bool(NO_POSTGRESQL), reason=NO_POSTGRESQL))]
BROKEN = {500, "INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}
ODD = (
    "",
    "x" * 100_000,
    "9999-99-99",
    "0001-01-01T00:00:00Z",
    DIGITS,
    "-1",
    "٣",
    "a|b|c",
    "2026-13",
    "'; DROP TABLE x",
    "%",
    "..",
    "\x7f",
    "\u202e",
)


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Both doors of a platform, and a caller with every role a person can have."""

    house: House
    composed: Composed
    connected: Connected
    each: int

    def send(self, request: Request) -> Answer:
        return self.connected.send(request, self.house.manager.token)

    def call(self, rpc: Operation, message: Message) -> Answer:
        return self.connected.call(rpc, message, self.house.manager.token)

    def assert_sound(self) -> None:
        """No fault was logged, and everything still runs."""
        assert "unexpected fault" not in (self.house.reach.data / "up.log").read_text()
        assert self.connected.http.get("/readyz").json() == {"ready": True, "missing": {}}


@pytest.fixture(scope="module", params=DATABASES)
def doors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with house(database_url=postgres.postgres_url() if request.param == "postgresql" else "") as built:
        composed = asyncio.run(composed_at(built.reach.nats_url, tmp_path_factory.mktemp("composed")))
        url, address = built.reach.http["agreements"], built.reach.grpc["agreements"]
        with httpx2.Client(base_url=url, timeout=30, trust_env=False) as opened, grpc.insecure_channel(address) as channel:
            each = 2 if request.param == "postgresql" else 5
            yield Doors(house=built, composed=composed, connected=Connected(http=opened, channel=channel), each=each)


def test_no_text_with_a_nul_gets_past_a_door(doors: Doors) -> None:
    """Also where the database would keep it: PostgreSQL keeps none."""
    values, answers = values_of(doors.house), dict[str, Answer]()
    for route in doors.composed.routes:
        for name in values:
            spoilt = request_of(route, {**values, name: f"{values[name]}\0"})
            if spoilt != request_of(route, values):
                answers[f"{route} {name}"] = doors.send(spoilt)
    for rpc in doors.composed.rpcs:
        for place, message in with_each_text(message_of(rpc, values), "a\0b"):
            answers[f"{rpc} {place}"] = doors.call(rpc, message)
    assert len(answers) > 100
    assert not [f"{what}: {answer}" for what, answer in answers.items() if not is_refused(answer)]
    doors.assert_sound()


def is_refused(answer: Answer) -> bool:
    """401: a token with a NUL is none. Trying terms succeeds, and tells that they are no good."""
    return answer.status in (400, 401, 422, "INVALID_ARGUMENT") or '"valid":false' in answer.text


def test_no_odd_text_or_number_breaks_an_rpc(doors: Doors) -> None:
    """Each second; over SQLite, which takes more kinds of text than PostgreSQL, each fifth."""
    values, answers = values_of(doors.house), dict[str, Answer]()
    for rpc in doors.composed.rpcs:
        message = message_of(rpc, values)
        for place, odd in islice((*with_each_text(message, *ODD), *with_each_number(message)), None, None, doors.each):
            answers[f"{rpc} {place}"] = doors.call(rpc, odd)
    assert len(answers) > 1000 / doors.each
    assert not [f"{what}: {answer}" for what, answer in answers.items() if answer.status in BROKEN]
    doors.assert_sound()


def test_two_hundred_faults_are_told_over_grpc_as_far_as_there_is_room(doors: Doors) -> None:
    rpc = next(each for each in doors.composed.rpcs if each.name == "report_observations")
    good = message_of(rpc, values_of(doors.house))
    bad = type(good)(source="probe", observations=[{"service": SERVICE, "observed_at": "yesterday", "status": {"state": "up"}}] * 200)
    answer = doors.call(rpc, bad)
    assert (answer.status, answer.code) == ("INVALID_ARGUMENT", "observations-rejected")
    assert answer.text.startswith("observations[0].component: is needed")
