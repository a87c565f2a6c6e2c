"""The portal in a browser, as the client's manager sees it. Takes the pictures that people look at."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

from tests.reporting import given
from tests.reporting.stage import Standing, standing, three_months

pytestmark = pytest.mark.portal

PICTURES = Path(__file__).parent / "pictures"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REPORT = f"/portal/agreements/{given.AGREEMENT}/reports"
LOOKS = {"": ("light", 1200), "-dark": ("dark", 1200), "-narrow": ("light", 360)}


def chromium(playwright: Playwright) -> Browser:
    """The browser that $UPHELD_CHROMIUM names, else the system's, else Playwright's own."""
    named = os.environ.get("UPHELD_CHROMIUM", "")
    system = "/usr/bin/chromium"
    path = named or (system if Path(system).exists() else playwright.chromium.executable_path)
    if not Path(path).exists():
        pytest.skip(f"there is no Chromium at {path}: install the package chromium, or name one by UPHELD_CHROMIUM")
    return playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = chromium(playwright)
        yield found
        found.close()


@pytest.fixture(scope="module")
def running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(tmp_path_factory.mktemp("browser"), three_months) as found:
        yield found


@contextmanager
def page(browser: Browser, *, scheme: str = "light", width: int = 1200) -> Iterator[Page]:
    """A fresh visitor; whatever the page complains about fails the test."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light")
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield opened
    finally:
        context.close()
    assert complaints == []


def enter(visitor: Page, running: Standing, organisation: str = given.CUSTOMER) -> None:
    visitor.goto(f"{running.on.url}/portal/enter#token={running.on.token(organisation)}")
    visitor.wait_for_url("**/portal")


def test_a_link_with_a_token_leads_to_the_first_page_and_keeps_no_token(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        assert visitor.get_by_role("heading", name="Your agreements").is_visible()
        assert "token" not in visitor.url
        assert visitor.evaluate("document.cookie") == ""
        visitor.go_back()
        assert "token" not in visitor.url


def test_a_pasted_token_opens_the_portal_too(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        visitor.goto(f"{running.on.url}{REPORT}/2026-03")
        assert visitor.get_by_role("heading", name="Enter the portal").is_visible()
        visitor.get_by_label("Access token").fill(running.on.token(given.CUSTOMER))
        visitor.get_by_role("button", name="Enter").click()
        visitor.wait_for_url(f"**{REPORT}/2026-03")
        assert visitor.get_by_role("heading", name="March 2026", exact=True).is_visible()


def test_a_client_goes_from_the_first_page_to_the_report_and_leaves(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        visitor.get_by_role("link", name="Online banking platform").click()
        visitor.get_by_role("link", name="March 2026").click()
        assert visitor.get_by_text("1 of 4 objectives was breached").is_visible()
        assert visitor.get_by_role("region", name="Since then").get_by_text("Measured effect").is_visible()
        visitor.get_by_role("button", name="Leave").click()
        assert visitor.get_by_role("heading", name="Enter the portal").is_visible()
        visitor.goto(f"{running.on.url}/portal")
        assert visitor.get_by_role("heading", name="Enter the portal").is_visible()


def test_a_stranger_finds_nothing(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running, given.STRANGER)
        assert visitor.get_by_text("There is no agreement").is_visible()


@pytest.mark.parametrize("path", ["/portal", f"/portal/agreements/{given.AGREEMENT}", f"{REPORT}/2026-03", f"{REPORT}/2026-06"])
@pytest.mark.parametrize("width", [360, 1200])
def test_no_page_is_wider_than_the_window(browser: Browser, running: Standing, path: str, width: int) -> None:
    with page(browser, width=width) as visitor:
        enter(visitor, running)
        visitor.goto(running.on.url + path)
        assert visitor.evaluate("document.scrollingElement.scrollWidth") <= width


def test_only_the_portal_itself_is_asked_for_anything(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        asked: list[str] = []
        visitor.on("request", lambda request: asked.append(request.url))
        enter(visitor, running)
        visitor.goto(f"{running.on.url}{REPORT}/2026-03")
        assert [url for url in asked if not url.startswith(running.on.url)] == []


def test_the_keyboard_reaches_the_content_first_and_is_seen(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        visitor.keyboard.press("Tab")
        focused = visitor.locator(":focus")
        assert focused.inner_text() == "Skip to the content"
        assert focused.evaluate("element => getComputedStyle(element).outlineWidth") == "3px"
        visitor.keyboard.press("Enter")
        assert visitor.evaluate("document.activeElement.id") == "content"


def test_every_chart_has_a_name_for_those_who_do_not_see_it(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        visitor.goto(f"{running.on.url}{REPORT}/2026-03")
        assert visitor.get_by_role("img", name="Availability of online banking: 99.864 % against a target of 99.9 %").count() == 1
        charts = visitor.locator("svg.chart")
        assert charts.count() == visitor.get_by_role("img", name=re.compile(".+")).and_(charts).count() > 0


@pytest.mark.parametrize("look", LOOKS)
def test_pictures_are_taken(browser: Browser, running: Standing, look: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    scheme, width = LOOKS[look]
    with page(browser, scheme=scheme, width=width) as visitor:
        enter(visitor, running)
        for name, path in (("portal", "/portal"), ("report", f"{REPORT}/2026-03"), ("agreement", f"/portal/agreements/{given.AGREEMENT}")):
            visitor.goto(running.on.url + path)
            taken = PICTURES / f"{name}{look}.png"
            visitor.screenshot(path=taken, full_page=True)
            assert taken.stat().st_size > 20_000


def test_the_report_prints_without_what_only_a_screen_needs(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        visitor.goto(f"{running.on.url}{REPORT}/2026-03")
        visitor.emulate_media(media="print")
        assert not visitor.get_by_role("button", name="Leave").is_visible()
        assert visitor.get_by_text("1 of 4 objectives was breached").is_visible()
        try:
            printed = visitor.pdf()
        except Error as error:
            pytest.skip(f"this browser does not print: {error}")
        assert printed.startswith(b"%PDF")
