"""The portal in a browser, as the client's manager sees it. Takes the pictures that people look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.portal.browser import executable, missing_reason
from tests.reporting import given
from tests.reporting.stage import Stage, Standing, every_kind, standing, three_months

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
MANIFOLD = f"/portal/agreements/{given.MANIFOLD_AGREEMENT}/reports"
SEEN = ["/portal", f"{REPORT}/2026-03", f"{MANIFOLD}/2026-03", f"{MANIFOLD}/2026-04"]
LOOKS = {"": ("light", 1200), "-dark": ("dark", 1200), "-narrow": ("light", 360)}


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
def running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(tmp_path_factory.mktemp("browser"), told) as found:
        yield found


async def told(on: Stage) -> None:
    await three_months(on)
    await every_kind(on)


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


@pytest.mark.parametrize(
    "path", ["/portal", f"/portal/agreements/{given.AGREEMENT}", f"{REPORT}/2026-03", f"{REPORT}/2026-06", f"{MANIFOLD}/2026-03"]
)
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


@pytest.mark.parametrize("path", SEEN)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(browser: Browser, running: Standing, path: str, scheme: str) -> None:
    with page(browser, scheme=scheme) as visitor:
        enter(visitor, running)
        visitor.goto(running.on.url + path)
        found = Axe().run(visitor)
        assert found.violations_count == 0, found.generate_report()


def test_a_reader_sees_the_percentile_the_worst_slices_and_what_is_paid(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        visitor.goto(f"{running.on.url}{MANIFOLD}/2026-03")
        summary = visitor.get_by_role("region", name="Objectives")
        assert summary.get_by_text("p99 = 812.5 ms").is_visible()
        assert summary.get_by_text("p99 ≤ 800 ms").is_visible()
        slices = visitor.get_by_role("region", name="Slices that were not wholly good")
        assert slices.get_by_role("row").count() == 21
        credit = visitor.get_by_role("region", name="Service credit", exact=True)
        assert credit.get_by_role("cell", name="10 % below 99.5 %, 25 % below 99 %").is_visible()
        assert not credit.get_by_text("Not paid", exact=True).is_visible()


def test_a_reader_sees_why_a_credit_is_not_paid(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        visitor.goto(f"{running.on.url}{MANIFOLD}/2026-04")
        credit = visitor.get_by_role("region", name="Service credit", exact=True)
        assert credit.get_by_text("Not paid", exact=True).is_visible()
        assert credit.get_by_text("because it is not above the agreed minimum of EUR 1.00").is_visible()


def test_the_hours_outside_the_service_are_told_on_demand(browser: Browser, running: Standing) -> None:
    with page(browser) as visitor:
        enter(visitor, running)
        visitor.goto(f"{running.on.url}{MANIFOLD}/2026-03")
        table = visitor.get_by_role("region", name="Outside the service hours")
        assert not table.is_visible()
        visitor.get_by_text("Outside the service hours: 2 stretches").click()
        assert table.is_visible()


@pytest.mark.parametrize("look", LOOKS)
def test_pictures_are_taken(browser: Browser, running: Standing, look: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    scheme, width = LOOKS[look]
    with page(browser, scheme=scheme, width=width) as visitor:
        enter(visitor, running)
        for name, path in (
            ("portal", "/portal"),
            ("report", f"{REPORT}/2026-03"),
            ("agreement", f"/portal/agreements/{given.AGREEMENT}"),
            ("every-kind", f"{MANIFOLD}/2026-03"),
            ("unpaid", f"{MANIFOLD}/2026-04"),
        ):
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
