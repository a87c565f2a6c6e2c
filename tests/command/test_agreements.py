"""`upheld agreement`: what each command asks of the API, and how answers and refusals are told. A small server plays the platform."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import Result

from services.command.agreement_words import (
    agreement_lines,
    chain_lines,
    change_lines,
    difference_lines,
    found_lines,
    history_lines,
    listed_lines,
    read_lines,
)
from services.transparency.note import Note, Signer
from tests.command.cli import CUSTOMER, invoke
from tests.signing import bearer_of

Json = Any
ID = "6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11"
PATH = f"/v1/agreements/{ID}"
TERMS = {
    "title": "Payments",
    "parties": [
        {"role": "provider", "name": "Alpine Hosting AG", "organisation": "alpine-hosting"},
        {"role": "customer", "name": "Lake Bank", "organisation": "lake-bank"},
    ],
}
VERSION = {
    "number": 1,
    "effective_on": "2026-04-01",
    "recorded_at": "2026-03-20T09:00:00Z",
    "terms": TERMS,
    "valid_until": "",
    "offered_by": "",
}
STATE: dict[str, Json] = {
    "id": ID,
    "status": "active",
    "version": 7,
    "terms": VERSION,
    "pending": None,
    "signatures": [
        {"terms_version": 1, "signatory": "urs", "organisation": "alpine-hosting"},
        {"terms_version": 1, "signatory": "eva", "organisation": "lake-bank"},
    ],
    "last_day": None,
    "comments": [],
    "request": None,
    "suspensions": [],
    "reviews": [],
    "notice_given_by": "",
}
ENTRY = {
    "version": 3,
    "type": "agreement.signed.v2",
    "recorded_at": "2026-03-09T12:00:00Z",
    "actor": "eva",
    "organisation": "lake-bank",
    "tool": "http",
    "reason": "Fair",
}
CHANGED = {"version": 7, "type": "agreement.counter-offered.v1", "actor": "tim.koch", "recorded_at": "2026-03-09T12:00:00Z"}
STALE = {"code": "stale-version", "detail": "version 6 was expected, the newest is 7", "violations": [], "changed": [CHANGED]}


@dataclass
class Platform:
    """What it was asked last, and what it answers to all but a read of the agreement."""

    url: str = ""
    answer: tuple[int, Json] = (200, STATE)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@pytest.fixture(scope="module")
def server() -> Iterator[Platform]:
    played = Platform()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answered(b"")

        def do_POST(self) -> None:
            self._answered(self.rfile.read(int(self.headers["Content-Length"])))

        def _answered(self, body: bytes) -> None:
            asked = urlsplit(self.path)
            played.asked.append((self.command, asked.path, asked.query))
            played.headers, played.body = {name.lower(): value for name, value in self.headers.items()}, body
            status, told = (200, STATE) if (self.command, self.path) == ("GET", PATH) else played.answer
            content = json.dumps(told).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "ETag": '"7"', "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing between the tests."""

    http = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    played.url = f"http://127.0.0.1:{http.server_port}"
    yield played
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def platform(server: Platform) -> Platform:
    server.answer, server.headers, server.body = (200, STATE), {}, b""
    server.asked.clear()
    return server


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    file = tmp_path / "terms.yaml"
    file.write_text("title: Payments\n")
    return file


def run(platform: Platform, tmp_path: Path, *words: str | Path) -> Result:
    environment = {"UPHELD_URL": platform.url, "UPHELD_DATA": str(tmp_path / "data"), "UPHELD_TOKEN": ""}
    return invoke("agreement", *words, "--organisation", CUSTOMER, environment=environment)


CHANGES: dict[str, tuple[list[str], str, Json]] = {
    "propose": ([], "/proposal", {}),
    "comment": (["title", "Too long"], "/comments", {"place": "title", "text": "Too long"}),
    "withdraw": ([], "/withdrawal", {}),
    "suspend": (["--first-day", "2026-05-01"], "/suspension-requests", {"first_day": "2026-05-01"}),
    "resume": (["--first-day", "2026-05-09"], "/resumption-requests", {"first_day": "2026-05-09"}),
    "answer": (["refuse"], "/request-answers", {"confirmed": False}),
    "notice": ([], "/notice", {}),
    "review": (
        ["--due-on", "2026-07-01", "--held-on", "2026-07-03", "--minutes", "All well"],
        "/reviews",
        {"due_on": "2026-07-01", "held_on": "2026-07-03", "minutes": "All well"},
    ),
    "archive": ([], "/archive", {}),
    "terminate": (["--last-day", "2026-12-31"], "/termination", {"last_day": "2026-12-31"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_asked_on_the_newest_version_with_its_reason(platform: Platform, tmp_path: Path, name: str) -> None:
    words, what, body = CHANGES[name]
    done = run(platform, tmp_path, name, ID, *words, "--reason", "Because", "--subject", "tim.koch")
    assert done.exit_code == 0, done.output
    assert platform.asked == [("GET", PATH, ""), ("POST", PATH + what, "")]
    assert json.loads(platform.body) == body
    assert (platform.headers["if-match"], platform.headers["x-reason"]) == ('"7"', "Because")
    assert bearer_of(platform.headers["authorization"]) == (CUSTOMER, "tim.koch")
    assert done.stdout.startswith(f"agreement {ID}: active, version 7\n")


@pytest.mark.parametrize(
    ("words", "what", "query"),
    [
        (["counter", ID], "/counter-offers", "effective_on=2026-05-01&valid_until=2026-05-02T00%3A00%3A00Z"),
        (["amend", ID], "/amendments", "effective_on=2026-05-01&valid_until=2026-05-02T00%3A00%3A00Z"),
    ],
)
def test_terms_are_sent_as_they_are_written(
    *, platform: Platform, tmp_path: Path, terms: Path, words: list[str], what: str, query: str
) -> None:
    options = ["--effective-on", "2026-05-01", "--valid-until", "2026-05-02T00:00:00Z", "--version", "5", "--json"]
    done = run(platform, tmp_path, *words, terms, *options)
    assert done.exit_code == 0, done.output
    assert platform.asked == [("POST", PATH + what, query)]
    assert (platform.body, platform.headers["content-type"]) == (terms.read_bytes(), "application/yaml")
    assert platform.headers["if-match"] == '"5"', "the version that was named, which nobody had to look up"
    assert json.loads(done.stdout) == STATE


def test_an_offer_may_end_by_itself(platform: Platform, tmp_path: Path) -> None:
    done = run(platform, tmp_path, "propose", ID, "--valid-until", "2026-05-01T12:00:00Z")
    assert done.exit_code == 0, done.output
    assert platform.asked[-1] == ("POST", f"{PATH}/proposal", "valid_until=2026-05-01T12%3A00%3A00Z")


def test_a_draft_has_a_name_and_no_version_yet(platform: Platform, tmp_path: Path, terms: Path) -> None:
    done = run(platform, tmp_path, "draft", terms, "--name", "payments")
    assert done.exit_code == 0, done.output
    assert platform.asked == [("POST", "/v1/agreements", "name=payments")]
    assert "if-match" not in platform.headers


def test_a_signature_made_apart_is_sent_in_the_name_of_its_key(platform: Platform, tmp_path: Path) -> None:
    signer = Signer("rheinbank/ida.keller", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
    note = tmp_path / "ida.note"
    note.write_text(str(Note("text\n", (signer.sign("text\n"),))))
    environment = {"UPHELD_URL": platform.url, "UPHELD_DATA": str(tmp_path / "data"), "UPHELD_TOKEN": ""}
    done = invoke("agreement", "sign", ID, "--note", note, environment=environment)
    assert done.exit_code == 0, done.output
    assert platform.asked[-1] == ("POST", f"{PATH}/signatures", "")
    assert json.loads(platform.body) == {"note": note.read_text()}
    assert bearer_of(platform.headers["authorization"]) == ("rheinbank", "ida.keller")


@pytest.mark.parametrize(
    ("words", "path", "query", "answer"),
    [
        (["list", "--status", "active"], "/v1/agreements", "status=active&limit=50", {"items": [], "next": None}),
        (["show", ID, "--as-of", "2026-04-02"], PATH, "as_of=2026-04-02", STATE),
        (["history", ID], f"{PATH}/history", "", {"items": [ENTRY]}),
        (["diff", ID, "1", "2"], f"{PATH}/diff", "from=1&to=2", {"changes": []}),
        (["diff", ID, "1", "2", "--states"], f"{PATH}/states/diff", "from=1&to=2", {"changes": []}),
        (["state", ID, "3"], f"{PATH}/states/3", "", STATE),
        (["reads", ID, "--limit", "2"], f"{PATH}/reads", "limit=2", {"items": [], "next": None}),
        (
            ["search", "--actor", "eva", "--by", "lake-bank", "--place", "title", "--type", "agreement.signed.v2", "--agreement", ID],
            "/v1/history",
            f"agreement_id={ID}&limit=50&actor=eva&organisation=lake-bank&place=title&type=agreement.signed.v2",
            {"items": [], "next": None},
        ),
        (["chain", ID], f"{PATH}/chain", "", {"holds": True, "links": []}),
    ],
)
def test_a_question_is_asked_with_what_was_said_and_nothing_else(
    *, platform: Platform, tmp_path: Path, words: list[str], path: str, query: str, answer: Json
) -> None:
    platform.answer = (200, answer)
    done = run(platform, tmp_path, *words)
    assert done.exit_code == 0, done.output
    assert platform.asked == [("GET", path, query)]
    platform.answer = (200, answer)
    assert json.loads(run(platform, tmp_path, *words, "--json").stdout) == answer


def test_a_conflict_tells_who_changed_what_since(platform: Platform, tmp_path: Path) -> None:
    platform.answer = (412, STALE)
    done = run(platform, tmp_path, "withdraw", ID, "--version", "6")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "412 stale-version: version 6 was expected, the newest is 7" in done.stderr
    assert "since then: version 7, agreement.counter-offered.v1 by tim.koch at 2026-03-09T12:00:00Z" in done.stderr


def test_what_is_not_asked_rightly_is_not_asked_at_all(platform: Platform, tmp_path: Path, terms: Path) -> None:
    wrong = [["answer", ID, "perhaps"], ["sign", ID], ["sign", ID, "--note", str(terms)], ["amend", ID, str(terms)], ["state", ID, "0"]]
    assert [run(platform, tmp_path, *words).exit_code for words in wrong] == [2, 2, 2, 2, 2]
    assert platform.asked == []


def test_a_chain_that_does_not_hold_is_told_by_the_exit_code_too(platform: Platform, tmp_path: Path) -> None:
    link = {
        "objective_id": "uptime",
        "promised": "43 min",
        "below": "48 min",
        "holds": False,
        "why": "5 min are missing",
        "agreements": [ID],
    }
    platform.answer = (200, {"holds": False, "links": [link]})
    done = run(platform, tmp_path, "chain", ID)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "those below it cannot hold what it promises",
        "  uptime: does not hold (5 min are missing)",
        "    promised: 43 min",
        f"    below: 48 min, by {ID}",
    ]
    held = list(chain_lines({"holds": True, "links": [{**link, "holds": True, "below": "", "why": ""}]}))
    assert (held[0], held[1], held[3]) == (
        "those below it can hold what it promises",
        "  uptime: holds",
        f"    below: not compared, by {ID}",
    )
    assert list(chain_lines({"holds": True, "links": []})) == ["it rests on no other agreement"]


def test_an_agreement_is_told_with_all_that_stands_beside_its_terms() -> None:
    offer = {**VERSION, "number": 2, "recorded_at": "", "offered_by": "lake-bank", "valid_until": "2026-05-01T12:00:00Z"}
    comment = {"terms_version": 2, "place": "title", "text": "Long", "organisation": "lake-bank", "subject": "tim", "recorded_at": "now"}
    request = {"kind": "suspension", "first_day": "2026-06-01", "last_day": "2026-06-03", "organisation": "lake-bank", "reason": "Move"}
    state = {
        **STATE,
        "pending": offer,
        "last_day": "2026-12-31",
        "notice_given_by": "lake-bank",
        "request": request,
        "suspensions": [{"first_day": "2026-05-01", "last_day": "", "reason": ""}],
        "reviews": [
            {"due_on": "2026-07-01", "held_on": "", "minutes": ""},
            {"due_on": "2026-04-01", "held_on": "2026-04-02", "minutes": "Well"},
        ],
        "comments": [comment],
    }
    assert agreement_lines(state) == [
        f"agreement {ID}: active, version 7",
        "  Payments",
        "  signed: terms version 1 from 2026-04-01 on; signed by urs (alpine-hosting) and eva (lake-bank)",
        "  waits for signatures: terms version 2 from 2026-04-01 on, offered by lake-bank, until 2026-05-01T12:00:00Z",
        "  provider: Alpine Hosting AG (alpine-hosting)",
        "  customer: Lake Bank (lake-bank)",
        "  last day: 2026-12-31",
        "  notice was given by lake-bank: it is not renewed",
        "  lake-bank asks for a suspension from 2026-06-01 on until 2026-06-03: Move",
        "  suspended from 2026-05-01 on: without a reason",
        "  review due on 2026-07-01, not held yet",
        "  review due on 2026-04-01, held on 2026-04-02: Well",
        "  comment on version 2 at title, tim (lake-bank), now: Long",
    ]
    assert change_lines({**STATE, "terms": {**VERSION, "recorded_at": ""}, "signatures": []})[1].strip() == (
        "draft: terms version 1 from 2026-04-01 on"
    )


def test_a_first_offer_is_told_once_though_it_is_the_newest_terms_as_well() -> None:
    written = {**VERSION, "recorded_at": "", "offered_by": "lake-bank"}
    told = change_lines({**STATE, "terms": written, "pending": written, "signatures": []})
    assert told[1:] == ["  waits for signatures: terms version 1 from 2026-04-01 on, offered by lake-bank"]


def test_lists_are_told_a_line_each_and_where_they_go_on() -> None:
    listed = {
        "id": ID,
        "status": "active",
        "title": "Payments",
        "provider": "alpine-hosting",
        "customer": "lake-bank",
        "effective_on": "2026-04-01",
        "ends_on": "2027-03-31",
        "last_day": None,
        "terms_version": 2,
    }
    assert list(listed_lines({"items": [listed], "next": "12"})) == [
        f"{ID}  active  Payments: alpine-hosting for lake-bank, from 2026-04-01 until 2027-03-31, terms version 2",
        "there is more: --cursor 12",
    ]
    entry = "3  2026-03-09T12:00:00Z  agreement.signed.v2 by eva (lake-bank) through http: Fair"
    assert list(history_lines({"items": [ENTRY]})) == [entry]
    found = {"agreement_id": ID, "entry": ENTRY, "places": ["title", "zone"]}
    assert list(found_lines({"items": [found], "next": None})) == [f"{ID}  {entry} at title, zone"]
    many = {**found, "places": [f"p{number}" for number in range(7)]}
    assert list(found_lines({"items": [many], "next": None})) == [f"{ID}  {entry} at p0, p1, p2, p3, p4 and 2 places more"]
    read = {"recorded_at": "now", "operation": "get_agreement", "actor": "eva", "organisation": "lake-bank", "tool": "http", "trace_id": ""}
    assert list(read_lines({"items": [read], "next": None})) == ["now  get_agreement by eva (lake-bank) through http, trace unknown"]


def test_a_difference_is_told_in_words_or_by_its_place() -> None:
    told = [
        {"place": "title", "before": "A", "after": "B", "words": "The title changes."},
        {"place": "credit", "before": None, "after": {"cap": 1}, "words": ""},
    ]
    assert list(difference_lines({"changes": told})) == ["The title changes.", 'credit: nothing becomes {"cap": 1}']
    assert list(difference_lines({"changes": []})) == ["nothing differs"]
