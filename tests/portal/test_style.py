"""The style sheet: readable in light and dark, by the contrast that WCAG 2.2 AA asks for."""

from __future__ import annotations

import re
from itertools import product

import pytest

from services.reporting.pages import Pages

CSS = bytes(Pages().file("portal.css", "").body).decode()
PAIRS = [
    *product(("ink", "quiet", "accent"), ("ground", "surface")),
    *(("ink", soft) for soft in ("good-soft", "bad-soft", "warn-soft", "plain-soft")),
    ("good", "good-soft"),
    ("bad", "bad-soft"),
    ("warn", "warn-soft"),
    ("quiet", "plain-soft"),
    ("accent-ink", "accent"),
]
GRAPHICS = [
    ("accent", "track"),
    ("bad", "surface"),
    ("good", "surface"),
    ("down-ink", "up"),
    ("excluded-ink", "excluded"),
    ("unknown-ink", "unknown"),
]


def colours(scheme: str) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[0 if scheme == "light" else 1]))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(scheme: str, one: str, other: str) -> float:
    lighter, darker = sorted((luminance(colours(scheme)[one]), luminance(colours(scheme)[other])), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out(scheme: str, text: str, ground: str) -> None:
    assert contrast(scheme, text, ground) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), GRAPHICS)
def test_what_is_drawn_stands_out(scheme: str, mark: str, ground: str) -> None:
    assert contrast(scheme, mark, ground) >= 3


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.search(r"@import|url\(", CSS)


def test_the_keyboard_is_seen() -> None:
    assert ":focus-visible { outline: 3px solid" in CSS
