"""What the command cannot do is told in a line that names it, never by a traceback."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.command.cli import invoke


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = invoke("up", environment={"UPHELD_DATA": str(tmp_path), "UPHELD_HTTP_PORT": str(port)})
    assert done.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.output


def test_a_token_for_nobody_is_refused(tmp_path: Path) -> None:
    for words in ([], ["--api-key"]):
        done = invoke(
            "token", "--organisation", "acme", "--role", "viewer", "--subject", "", *words, environment={"UPHELD_DATA": str(tmp_path)}
        )
        assert done.exit_code == 1
        assert "must name a subject" in done.stderr


def test_an_import_by_a_mapping_that_is_none_says_what_a_mapping_is(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n")
    done = invoke("import", rows, "--source", "probe", "--map", "bogus", "--organisation", "acme")
    assert done.exit_code == 1
    assert "--map: must be <name>=<value>" in done.stderr
