"""Finds a kustomize that can build the manifests: on PATH by its own name or as `kubectl kustomize`."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

OLDEST = 4  # the first major version that knows `labels` and inline `patches`


@cache
def command() -> list[str] | None:
    """The command that builds a folder, or None where there is no kustomize of version 4 or newer."""
    for words, version in (
        (["kustomize", "build"], ["kustomize", "version"]),
        (["kubectl", "kustomize"], ["kubectl", "version", "--client"]),
    ):
        if shutil.which(words[0]) and _major(version) >= OLDEST:
            return words
    return None


def _major(words: list[str]) -> int:
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    found = re.search(r"(?:Kustomize Version: )?v(\d+)\.\d+\.\d+\s*$", told, re.MULTILINE)
    return int(found[1]) if found else 0


def build(folder: Path) -> str:
    """The built manifests as one YAML stream."""
    words = command()
    assert words is not None
    return subprocess.run([*words, str(folder)], capture_output=True, text=True, check=True).stdout
