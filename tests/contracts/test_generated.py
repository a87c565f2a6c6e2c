"""The generated Python beside the contracts is what the contracts say today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_generated_code_is_up_to_date(tmp_path: Path) -> None:
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "proto").rglob("*.proto"))
    assert protos
    command = [sys.executable, "-m", "grpc_tools.protoc", "-Iproto", f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}", *protos]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for made in tmp_path.rglob("*.py"):
        kept = ROOT / "proto" / made.relative_to(tmp_path)
        assert kept.read_text() == made.read_text(), f"{kept.relative_to(ROOT)} is old: run `make proto`"
