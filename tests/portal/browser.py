"""Finds the Chromium that the browser tests drive, or installs it from the machine's packages. Run as a module by `make test`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str:
    """The browser's path: what UPHELD_CHROMIUM names, else one on PATH, else one Playwright has brought; empty where there is none."""
    named = os.environ.get("UPHELD_CHROMIUM", "")
    if named:
        return named if Path(named).exists() else ""
    return next((found for name in NAMES if (found := shutil.which(name))), "") or _brought_by_playwright()


def missing_reason() -> str:
    """Why the browser tests are skipped; empty: they are not."""
    return "" if executable() else "no Chromium on PATH, none named by UPHELD_CHROMIUM and none brought by Playwright"


def install() -> str:
    """Tries Debian's packages (as root), then Playwright's own download; answers what came of it."""
    if path := executable():
        return f"browser tests drive {path}"
    attempts: list[list[str]] = []
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts.append(["sh", "-c", "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium"])
    attempts.append([str(Path(sys.executable).with_name("playwright")), "install", "chromium"])
    for words in attempts:
        done = subprocess.run(words, capture_output=True, check=False, timeout=600)
        if done.returncode == 0 and (path := executable()):
            return f"installed {path} for the browser tests"
    return f"{missing_reason()}: the browser tests will be skipped"


def _brought_by_playwright() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else ""


if __name__ == "__main__":
    print(install())
