"""The portal over HTTP, without a browser: who gets in, what is shown, and what can never be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import httpx2
import pytest

from services.chassis.http import SESSION_COOKIE
from services.reporting.permissions import PERMISSIONS
from tests.reporting import given
from tests.reporting.stage import Stage, Standing, standing, three_months

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
HOSTILE_AGREEMENT = "5a1f0b52-3c1d-4b77-9b7c-7a6f2d0e1c33"
HOME, AGREEMENT = "/portal", f"/portal/agreements/{given.AGREEMENT}"
HOSTILE_PAGES = [HOME, f"/portal/agreements/{HOSTILE_AGREEMENT}", f"/portal/agreements/{HOSTILE_AGREEMENT}/reports/2026-03"]
ELSEWHERE = ["https://elsewhere.example/", "//elsewhere.example", "/portal//\\elsewhere", "/v1/reports", "javascript:alert(1)"]
REPORT = f"{AGREEMENT}/reports/2026-03"


async def told(on: Stage) -> None:
    await three_months(on)
    terms = given.terms(title=HOSTILE)
    terms.parties[0].name = terms.parties[1].contacts[0].name = terms.services[0].name = HOSTILE
    terms.parties[0].responsibilities[0] = terms.objectives[0].name = HOSTILE
    outage = given.Outage(start="2026-03-09T01:05:00Z", end="2026-03-09T02:30:00Z", components=(HOSTILE,), cause=HOSTILE)
    measured = given.availability("2026-03", [outage])
    measured.name = measured.clause = measured.needed = HOSTILE
    terms.objectives[0].clause = HOSTILE
    measured.ignored.add(start=outage.start, end=outage.end, components=[HOSTILE], cause=HOSTILE)
    measured.slices.add(start=outage.start, end=outage.end, good="1", total="2", cause=HOSTILE)
    measured.tickets.add(
        ticket=HOSTILE, priority=HOSTILE, opened_at=outage.start, due_at=outage.end, verdict="missed", allowed_us=1, clock=HOSTILE
    )
    march = given.assessment("2026-03", [measured], agreement_id=HOSTILE_AGREEMENT)
    march.credit.lines.add(objective_id=HOSTILE, terms_version=1, percent="1/10", rule=HOSTILE, share_of_period="1/1")
    breach = given.breached(march)
    breach.breach_id = given.breach_id(agreement_id=HOSTILE_AGREEMENT)
    await on.tell(given.activated(HOSTILE_AGREEMENT, of=terms), breach, given.closed(march))
    await on.issued("2026-03", agreement_id=HOSTILE_AGREEMENT)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(tmp_path_factory.mktemp("portal"), told) as found:
        yield found


def visit(running: Standing, path: str, token: str = "") -> httpx2.Response:
    cookies = {"Cookie": f"{SESSION_COOKIE}={token}"} if token else {}
    return httpx2.get(running.on.url + path, headers=cookies, timeout=20)


def as_customer(running: Standing, path: str) -> httpx2.Response:
    return visit(running, path, running.on.token(given.CUSTOMER))


def hand_in(running: Standing, token: str, *, onward: str = "/portal", headers: dict[str, str] | None = None) -> httpx2.Response:
    return httpx2.post(f"{running.on.url}/portal/session", data={"token": token, "next": onward}, headers=headers or {}, timeout=20)


class _Parts(HTMLParser):
    """Notes every tag and attribute that the policy would have to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        sources = [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if tag in ("style", "iframe", "object", "base") or (tag == "script" and not (told.get("src") or "").startswith("/portal/static/")):
            self.found.append(tag)
        self.found += [name for name in told if name == "style" or name.startswith("on")]
        self.found += [source for source in sources if not source.startswith(("/", "#", "?")) or source.startswith("//")]


def foreign_parts(page: str) -> list[str]:
    parts = _Parts()
    parts.feed(page)
    return parts.found


def test_a_token_opens_a_session_that_no_script_can_read(running: Standing) -> None:
    answer = hand_in(running, running.on.token(given.CUSTOMER))
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal")
    told = answer.headers["set-cookie"]
    assert told.startswith(f"{SESSION_COOKIE}=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in told.split(";")}


def test_leaving_takes_the_session_away(running: Standing) -> None:
    answer = httpx2.post(f"{running.on.url}/portal/leave", timeout=20)
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal/enter")
    assert "max-age=0" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("path", [HOME, AGREEMENT, REPORT])
def test_whoever_has_no_session_is_led_to_the_entrance(running: Standing, path: str) -> None:
    answer = visit(running, path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/portal/enter")


def test_the_entrance_remembers_where_one_wanted_to_go(running: Standing) -> None:
    assert visit(running, REPORT).headers["location"] == "/portal/enter?next=" + REPORT.replace("/", "%2F")
    assert hand_in(running, running.on.token(given.CUSTOMER), onward=REPORT).headers["location"] == REPORT


@pytest.mark.parametrize("onward", ELSEWHERE)
def test_the_entrance_sends_nobody_elsewhere(running: Standing, onward: str) -> None:
    answer = hand_in(running, running.on.token(given.CUSTOMER), onward=onward)
    assert answer.headers["location"] == "/portal"


def test_an_expired_session_is_told_to_be_expired(running: Standing) -> None:
    expired = running.on.token(given.CUSTOMER, lifetime=timedelta(seconds=-120))
    answer = visit(running, HOME, expired)
    assert answer.headers["location"] == "/portal/enter?why=expired"
    assert "has expired" in visit(running, answer.headers["location"]).text


def test_a_token_that_is_none_is_refused_on_the_page(running: Standing) -> None:
    answer = hand_in(running, "not-a-token")
    assert answer.status_code == 401
    assert "is not valid here" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}])
def test_a_form_of_another_site_opens_no_session(running: Standing, headers: dict[str, str]) -> None:
    answer = hand_in(running, running.on.token(given.CUSTOMER), headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", [AGREEMENT, REPORT, f"{AGREEMENT}/reports/2026-06", "/portal/agreements/none", "/portal/nowhere"])
def test_what_is_foreign_or_absent_is_a_page_that_says_so(running: Standing, path: str) -> None:
    answer = visit(running, path, running.on.token(given.STRANGER))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Online banking" not in answer.text


def test_a_stranger_sees_no_agreement(running: Standing) -> None:
    page = visit(running, HOME, running.on.token(given.STRANGER)).text
    assert "There is no agreement that elsewhere is a party to" in page
    assert "/portal/agreements/" not in page


@pytest.mark.parametrize("path", [HOME, AGREEMENT, REPORT, "/portal/enter", "/portal/nowhere"])
def test_a_page_lets_nothing_foreign_in(running: Standing, path: str) -> None:
    answer = as_customer(running, path)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["img-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert foreign_parts(answer.text) == []


@pytest.mark.parametrize(
    "path", [HOME, f"/portal/agreements/{HOSTILE_AGREEMENT}", f"/portal/agreements/{HOSTILE_AGREEMENT}/reports/2026-03"]
)
def test_no_text_of_a_client_becomes_markup(running: Standing, path: str) -> None:
    page = as_customer(running, path).text
    assert foreign_parts(page) == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page


def test_the_first_page_shows_verdicts_in_words_and_the_running_month_apart(running: Standing) -> None:
    page = as_customer(running, HOME).text
    for words in ("Online banking platform", "Nordwind Hosting GmbH for Hansebank AG", "Met", "At risk", "On track"):
        assert words in page
    assert "June 2026, to date" in page
    assert "83.3 % of the error budget is spent" in page
    assert "7 min 12 s left of 43 min 12 s" in page


def test_the_first_page_answers_while_measurement_does_not(running: Standing) -> None:
    running.on.measuring.out_of_reach = True
    try:
        page = as_customer(running, HOME)
    finally:
        running.on.measuring.out_of_reach = False
    assert page.status_code == 200
    assert "cannot be reached at the moment" in page.text
    assert "99.993" in page.text


def test_the_report_page_of_a_running_month_says_so_when_measurement_is_away(running: Standing) -> None:
    running.on.measuring.out_of_reach = True
    try:
        page = as_customer(running, f"{AGREEMENT}/reports/2026-06")
    finally:
        running.on.measuring.out_of_reach = False
    assert page.status_code == 503
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_the_report_page_tells_what_the_report_tells(running: Standing) -> None:
    page = as_customer(running, REPORT).text
    for words in (
        "1 of 4 objectives was breached",
        "EUR 1,200.00",
        "99.864",
        "15 min 39 s beyond the 44 min 20 s allowed",
        "Settlement batch locks the core database",
        "Database upgrade, announced on 2 March",
        "4 days with downtime: 3 March 14 min, 9 March 25 min, 17 March 14 min, 24 March 7 min.",
        given.TRACE,
        given.breach_id(),
        "upheld assess",
    ):
        assert words in page


def test_what_became_known_after_the_issue_stands_in_a_section_of_its_own(running: Standing) -> None:
    page = as_customer(running, REPORT).text
    issued, since = page.split('id="since"')
    assert "Proved effective" not in issued.replace("proved effective", "")
    assert "Measured effect" not in issued
    assert "Measured effect" in since
    assert "99.993" in since


def test_the_report_on_may_shows_before_and_after_as_part_of_it(running: Standing) -> None:
    page = as_customer(running, f"{AGREEMENT}/reports/2026-05").text
    assert 'id="since"' not in page
    assert "Measured effect" in page
    assert "All 4 objectives were met" in page


def test_a_running_month_is_labelled_provisional_and_has_no_verdict(running: Standing) -> None:
    page = as_customer(running, f"{AGREEMENT}/reports/2026-06").text
    assert "Provisional, to date" in page
    assert "Every objective can still be met, 1 is at risk" in page
    assert "Verdict</th>" not in page


def test_the_agreement_page_lists_reports_and_shows_the_months(running: Standing) -> None:
    page = as_customer(running, AGREEMENT).text
    for month in ("2026-03", "2026-04", "2026-05", "2026-06"):
        assert f"{AGREEMENT}/reports/{month}" in page
    assert "Availability of online banking over the months" in page
    assert f"/v1/agreements/{given.AGREEMENT}/history" in page


@pytest.mark.parametrize("path", [HOME, AGREEMENT, REPORT])
def test_every_table_has_a_caption_and_every_header_a_scope(running: Standing, path: str) -> None:
    page = as_customer(running, path).text
    assert page.count("<table") == page.count("<caption") > 0
    assert re.findall(r"<th(?![^>]*scope=)[ >]", page) == []


@pytest.mark.parametrize("path", [HOME, AGREEMENT, REPORT])
def test_every_chart_has_a_name_of_its_own(running: Standing, path: str) -> None:
    page = as_customer(running, path).text
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'aria-labelledby="([^"]+)"', page):
        assert set(name.split()) <= set(ids)


def test_files_are_kept_by_their_content(running: Standing) -> None:
    address = re.search(r'href="(/portal/static/portal\.css\?v=\w+)"', visit(running, "/portal/enter").text)
    assert address is not None
    kept = visit(running, address[1])
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert visit(running, "/portal/static/portal.css?v=other").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "..%2Fportal.py", "%2e%2e/portal.py"])
def test_no_other_file_is_given_out(running: Standing, name: str) -> None:
    assert visit(running, f"/portal/static/{name}").status_code == 404


def test_every_page_is_in_the_permission_table() -> None:
    assert {"portal_home", "portal_agreement", "portal_report", "enter_portal", "open_portal_session", "leave_portal"} <= set(PERMISSIONS)
