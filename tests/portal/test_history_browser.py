"""The history page in a browser: moved along by keyboard, and verified there; whatever was tampered with turns red."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from services.chassis.log_keys import LogKeys
from services.transparency.note import parse_checkpoint, parse_note
from tests.agreements.support import CUSTOMER
from tests.portal.browser import executable, missing_reason
from tests.portal.history_stage import Scene, scene
from tests.portal.test_browser import ARGUMENTS, LOOKS, PICTURES, page

pytestmark = pytest.mark.portal

Change = Callable[[dict[str, Any]], object]
RECEIPTS, PAGE = "**/receipts", "**/history?*"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = executable()
    if not path:
        pytest.skip(missing_reason())
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def on(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("history")) as found:
        yield found


@contextmanager
def reading(browser: Browser, on: Scene, query: str = "", *, scheme: str = "light", width: int = 1200) -> Iterator[Page]:
    with page(browser, scheme=scheme, width=width) as visitor:
        visitor.context.add_cookies([{"name": "upheld_session", "value": on.token(CUSTOMER), "url": on.url}])
        visitor.goto(f"{on.url}{on.page}{query}")
        yield visitor


def verified(visitor: Page) -> str:
    """What the page says after the button was pressed."""
    visitor.get_by_role("button", name="Verify").click()
    status = visitor.get_by_role("status")
    expect(status).to_have_text(re.compile("[Pp]roved|verified|Agrees"))
    return status.inner_text()


def badges(visitor: Page) -> list[str]:
    return visitor.locator("#all-events .check").all_inner_texts()


def with_receipts(visitor: Page, change: Change) -> None:
    """Whoever stands between the server and the browser changes what the one says to the other."""

    def tampered(route: Route) -> None:
        told = route.fetch().json()
        change(told)
        route.fulfill(json=told)

    visitor.route(RECEIPTS, tampered)


def with_page(visitor: Page, one: str, other: str) -> None:
    def tampered(route: Route) -> None:
        answer = route.fetch()
        assert one in answer.text()
        route.fulfill(response=answer, body=answer.text().replace(one, other))

    visitor.route(PAGE, tampered)
    visitor.reload()


def stored(told: dict[str, Any], version: int, change: Change) -> None:
    """As a database would hold it that somebody has written into."""
    item = told["items"][version - 1]
    document = json.loads(base64.b64decode(item["stored"]))
    change(document)
    item["stored"] = base64.b64encode(json.dumps(document).encode()).decode()


def test_the_slider_is_moved_by_keyboard_without_loading_the_page_again(browser: Browser, on: Scene) -> None:
    count, heading = len(on.types), re.compile(r"^Event \d")
    with reading(browser, on) as visitor:
        visitor.evaluate("window.same = true")
        slider = visitor.get_by_role("slider", name="Event")
        slider.focus()
        for key, version, name in (
            ("Home", 1, "Drafted"),
            ("ArrowRight", 2, "Proposed"),
            ("ArrowRight", 3, "Signed"),
            ("End", count, "Amended"),
        ):
            visitor.keyboard.press(key)
            expect(visitor.get_by_role("heading", name=heading)).to_have_text(f"Event {version} of {count}: {name}")
            assert slider.get_attribute("aria-valuetext") == f"Event {version} of {count}: {name}"
        expect(visitor).to_have_url(re.compile(f"event={count}"))
        visitor.get_by_label("Compared with").select_option("5")
        expect(visitor.get_by_text(f"What changed between event 5 and event {count}")).to_be_visible()
        assert visitor.evaluate("window.same")


def test_both_times_are_asked_with_the_form(browser: Browser, on: Scene) -> None:
    with reading(browser, on, "?event=2") as visitor:
        visitor.get_by_label("In force on").fill("2026-06-01")
        visitor.get_by_label("As known on, UTC").fill("2026-03-09T18:00:00")
        visitor.get_by_role("button", name="Show").click()
        times = visitor.get_by_role("region", name="In force on 1 June 2026, as known on 9 March 2026, 18:00 UTC")
        expect(times.get_by_text("version 1, from 1 January 2026 on")).to_be_visible()
        expect(visitor.get_by_role("heading", name="Event 2 of")).to_be_visible()


def test_without_scripts_links_and_the_form_do_the_same(browser: Browser, on: Scene) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "upheld_session", "value": on.token(CUSTOMER), "url": on.url}])
    visitor = context.new_page()
    visitor.goto(f"{on.url}{on.page}?event=1")
    visitor.get_by_role("link", name="Next event").click()
    expect(visitor.get_by_role("heading", name="Event 2 of")).to_be_visible()
    assert not visitor.get_by_role("button", name="Verify").is_visible()
    expect(visitor.get_by_text("Without scripts the page checks nothing by itself")).to_be_visible()
    visitor.get_by_role("slider").press("End")
    visitor.get_by_role("button", name="Show").click()
    expect(visitor.get_by_role("heading", name=f"Event {len(on.types)} of")).to_be_visible()
    context.close()


def test_an_untouched_history_is_green_and_the_next_visit_shows_that_the_log_only_grew(browser: Browser, on: Scene) -> None:
    count = len(on.types)
    with reading(browser, on) as visitor:
        assert verified(visitor) == f"Proved: {count} of {count} events are in the log, without a gap, and as shown."
        assert badges(visitor) == ["Proved"] * count
        expect(visitor.locator("#event-part .badge.met")).to_have_text("Proved")
        assert visitor.get_by_text("came from this server: that proves less").count() == 2
        assert visitor.get_by_text("Names of people are kept encrypted, and were not compared here").is_visible()
        assert Axe().run(visitor).violations_count == 0
        visitor.get_by_role("slider").press("Home")
        expect(visitor.get_by_role("heading", name="Event 1 of")).to_be_visible()
        expect(visitor.locator("#event-part .badge.met")).to_have_text("Proved")
        kept = visitor.get_by_label("A checkpoint that you have from before").input_value()
        visitor.goto(on.url + on.draft())
        assert visitor.get_by_label("A checkpoint that you have from before").input_value() == kept
        with visitor.expect_response("**/consistency?*") as asked:
            assert verified(visitor).startswith("Proved: 1 of 1")
        assert asked.value.json()["to"] == asked.value.json()["from"] + 1
        assert visitor.get_by_label("A checkpoint that you have from before").input_value() != kept


def test_a_key_from_elsewhere_is_told_to_be_the_reader_s(browser: Browser, on: Scene) -> None:
    with reading(browser, on) as visitor:
        visitor.get_by_label("The log's key").fill(on.get("/v1/log/agreements/key").json()["keys"][0])
        assert verified(visitor).startswith("Proved")
        expect(visitor.get_by_text("You gave it.")).to_be_visible()
        visitor.get_by_label("The log's key").fill(on.get("/v1/log/reporting/key").json()["keys"][0])
        assert verified(visitor) == "Not proved: The newest checkpoint is not signed by that key."
        assert set(badges(visitor)) == {"Not proved"}


def another_reason(told: dict[str, Any]) -> None:
    stored(told, 6, lambda document: document["metadata"].update(reason="Agreed by everybody"))


def another_digest(told: dict[str, Any]) -> None:
    stored(told, 6, lambda document: document["event"].update(digest="0" * 64))


def a_gap(told: dict[str, Any]) -> None:
    del told["items"][5]


def another_place(told: dict[str, Any]) -> None:
    told["items"][5]["index"] += 1


def test_a_receipt_that_was_tampered_with_turns_its_event_red(browser: Browser, on: Scene) -> None:
    with reading(browser, on, "?event=6") as visitor:
        for change, why in {
            another_reason: "its stored bytes are not those that the log has",
            another_digest: "its stored bytes are not those that the log has",
            a_gap: "its entry in the log is of event 7: there is a gap",
            another_place: "its entry is not in the log",
        }.items():
            with_receipts(visitor, change)
            assert verified(visitor) == f"Not proved: Event 6 (Amendment proposed): {why}."
            assert badges(visitor)[:6] == [*["Proved"] * 5, "Tampered"]
            assert visitor.locator("#all-events tr[data-version='6'] .badge.breached").count() == 1
            assert visitor.locator("#event-part .badge.breached").inner_text() == "Tampered"
            assert visitor.get_by_label("A checkpoint that you have from before").input_value() == ""
            visitor.unroute(RECEIPTS)


def test_a_page_that_shows_another_thing_than_the_stored_bytes_turns_red(browser: Browser, on: Scene) -> None:
    with reading(browser, on, "?event=6") as visitor:
        for one, other, event in (
            ("agreed at lunch", "agreed by both", 6),
            (f'organisation">{CUSTOMER}<', 'organisation">rheinbank<', 3),
            ("&#34;terms_version&#34;: 2", "&#34;terms_version&#34;: 3", 6),
            ("&#34;99.95&#34;", "&#34;99.5&#34;", 6),
            ('<span data-said="name">Activated', '<span data-said="name">Terminated', 5),
        ):
            with_page(visitor, one, other)
            assert verified(visitor).startswith(f"Not proved: Event {event} (")
            assert badges(visitor)[event - 1] == "Tampered"
            visitor.unroute(PAGE)


def forked(on: Scene, *, further: int = 0) -> str:
    """What a log says that signs another past for other people."""
    signer = LogKeys.open(on.service.platform.settings).of("agreements")
    newest = parse_checkpoint(parse_note(on.get("/v1/log/agreements/checkpoint").text).text)
    return str(signer.note(str(replace(newest, size=newest.size + further, root=bytes(32)))))


def test_a_checkpoint_that_the_log_does_not_continue_turns_everything_red(browser: Browser, on: Scene) -> None:
    newest = on.get("/v1/log/agreements/checkpoint").text
    wrong = {
        forked(on): "The log of today does not continue the one that your checkpoint is of.",
        forked(on, further=-1): "The log of today does not continue the one that your checkpoint is of.",
        forked(on, further=1): "The log is shorter now than your checkpoint says.",
        f"{newest.split(chr(10))[0]}\n1{newest[newest.index(chr(10)) + 1 :]}": "Your checkpoint is not signed by that key.",
        "no checkpoint at all": "Your checkpoint is no checkpoint.",
    }
    with reading(browser, on) as visitor:
        for given, why in wrong.items():
            visitor.get_by_label("A checkpoint that you have from before").fill(given)
            assert verified(visitor) == f"Not proved: {why}"
            assert set(badges(visitor)) == {"Not proved"}


def test_a_browser_without_ed25519_says_that_the_signature_was_not_checked(browser: Browser, on: Scene) -> None:
    refuse = "() => { crypto.subtle.importKey = () => Promise.reject(new DOMException('none', 'NotSupportedError')); }"
    with reading(browser, on) as visitor:
        visitor.evaluate(refuse)
        assert verified(visitor).startswith("Agrees: ")
        assert set(badges(visitor)) == {"Agrees"}
        expect(visitor.get_by_text("This browser has no Ed25519: whether the log signed was not checked here")).to_be_visible()
        assert visitor.get_by_label("A checkpoint that you have from before").input_value() == ""


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_no_barrier_and_a_picture_is_taken(browser: Browser, on: Scene, look: str) -> None:
    scheme, width = LOOKS[look]
    with reading(browser, on, "?event=6&as_of=2026-06-01", scheme=scheme, width=width) as visitor:
        with_receipts(visitor, another_reason)
        verified(visitor)
        visitor.get_by_text("What was recorded").click()
        found = Axe().run(visitor)
        assert found.violations_count == 0, found.generate_report()
        assert visitor.evaluate("document.scrollingElement.scrollWidth") <= width
        taken = PICTURES / f"history{look}.png"
        visitor.screenshot(path=taken, full_page=True)
        assert taken.stat().st_size > 20_000
