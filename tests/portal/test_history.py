"""The history page without a browser: whose it is, what it tells, both times, and what never becomes markup."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from services.chassis.http import SESSION_COOKIE
from services.vocabulary.identity import Role
from tests.agreements.support import AUDITOR, CUSTOMER, PROVIDER, STRANGER
from tests.portal.history_stage import HOSTILE, Scene, scene
from tests.portal.test_pages import foreign_parts


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("history")) as found:
        yield found


@pytest.mark.parametrize("organisation", [PROVIDER, CUSTOMER, AUDITOR])
def test_who_sees_the_agreement_sees_its_history(on: Scene, organisation: str) -> None:
    page = on.get(on.page, organisation=organisation)
    assert page.status_code == 200
    assert "History of" in page.text
    assert "connect-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["", "/event"])
def test_a_stranger_finds_no_history(on: Scene, path: str) -> None:
    page = on.get(on.page + path, organisation=STRANGER)
    assert page.status_code == 404
    assert "agreement" in page.text
    assert "Nordwind" not in page.text


def test_whoever_has_no_session_is_led_to_the_entrance_and_back(on: Scene) -> None:
    assert on.get(f"{on.page}?event=2", organisation="").status_code == 303
    session = {"Cookie": f"{SESSION_COOKIE}={on.token(CUSTOMER)}"}
    assert httpx2.get(f"{on.url}{on.page}?event=2", headers=session, timeout=20).status_code == 200


def test_an_event_tells_who_when_why_and_through_what(on: Scene) -> None:
    amendment = on.event("amendment-proposed")
    page = on.get(f"{on.page}/event?event={amendment}").text
    for told in (
        f"Event {amendment} of {len(on.types)}",
        "Amendment proposed",
        "10 March 2026, 12:00",
        f"{CUSTOMER}/service-manager",
        "agreed at lunch",
        "the HTTP API",
    ):
        assert told in page


def test_the_state_after_an_event_names_the_signatures_of_each_party_with_their_keys(on: Scene) -> None:
    before, first = on.event("proposed"), on.event("signed")
    assert on.get(f"{on.page}/event?event={before}").text.count("has signed nothing") == 2
    page = on.get(f"{on.page}/event?event={first}").text
    assert page.count("has signed nothing") == 1
    (key,) = {each["key"] for each in on.get("/v1/agreements/" + on.agreement_id).json()["signatures"] if each["organisation"] == CUSTOMER}
    assert f"<code>{key.split('+')[1]}</code>" in page


def test_two_times_are_answered_apart(on: Scene) -> None:
    known_before = on.get(f"{on.page}?as_of=2026-06-01&known_at=2026-03-09T18:00").text
    known_now = on.get(f"{on.page}?as_of=2026-06-01").text
    before_it_counts = on.get(f"{on.page}?as_of=2026-04-30").text
    at = [page[page.index('id="at-times"') : page.index('id="event-part"')] for page in (known_before, known_now, before_it_counts)]
    assert "In force on 1 June 2026, as known on 9 March 2026, 18:00 UTC" in at[0]
    assert ["version 1," in each for each in at] == [True, False, True]
    assert ["at least 99.95 %" in each.split("Requests answered without")[0] for each in at] == [False, True, False]


def test_the_log_of_reads_has_the_person_who_looked_and_not_the_portal(on: Scene) -> None:
    on.get(on.page, organisation=AUDITOR)

    def readers() -> set[str]:
        headers = {"Authorization": f"Bearer {on.service.token(PROVIDER, Role.ADMINISTRATOR)}"}
        told = httpx2.get(f"{on.url}/v1/agreements/{on.agreement_id}/reads?limit=200", headers=headers, timeout=20)
        return {each["actor"] for each in told.json()["items"]}

    assert f"{AUDITOR}/viewer" in readers()
    assert not any(each.startswith("service:") for each in readers())


def test_before_all_events_nothing_was_known(on: Scene) -> None:
    page = on.get(f"{on.page}?known_at=2020-01-01T00:00:00Z")
    assert page.status_code == 200
    assert "Nothing was known of this agreement then." in page.text


def test_the_difference_to_any_other_event_is_told(on: Scene) -> None:
    last = len(on.types)
    page = on.get(f"{on.page}/event?event={last}&to={on.event('activated')}").text
    told = page[page.index("What changed between") :]
    assert "99.95" in told
    assert "Nothing." in on.get(f"{on.page}/event?event={last}&to={last}").text


@pytest.mark.parametrize(
    ("query", "status"), [("event=99", 404), ("to=99", 404), ("as_of=tomorrow", 422), ("known_at=noon", 422), ("event=0", 422)]
)
def test_what_cannot_be_shown_is_refused_on_a_page(on: Scene, query: str, status: int) -> None:
    page = on.get(f"{on.page}?{query}")
    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_no_text_of_a_party_becomes_markup(on: Scene) -> None:
    page = on.get(f"{on.page}?event={on.event('amendment-proposed')}").text
    assert foreign_parts(page) == []
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; agreed at lunch" in page
