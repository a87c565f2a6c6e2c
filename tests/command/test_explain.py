"""`upheld assess --explain` and `--timeline`: the sum that each figure is, in lines, in JSON and as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq

from services.measurement.citation import sample_name
from services.measurement.frame import sample_id
from services.vocabulary.period import parse_instant
from tests.command.cli import invoke
from tests.command.test_assess import Files, Given, Objective, outage, requests

TYPES = {name: pa.int64() for name in ("observed_at", "until", "good", "total")}
PERIOD = ("--period", "2026-04", "--until", "2026-06-01T00:00:00Z")


def given(folder: Path) -> Files:
    """44 minutes down, the half hour of maintenance on top of it, and a thousand requests."""
    maintenance = '[{id: patch, service: shop, start: "2026-04-03T01:00:00Z", end: "2026-04-03T01:30:00Z"}]'
    objectives = [Objective(), Objective(indicator="kind: request-ratio")]
    return Given(folder=folder, objectives=objectives, maintenance=maintenance).files(
        outage("2026-04-02T10:00:00Z", 44) | {"id": "o-17"}, requests("2026-04-02T10:00:00Z", 999, 1000) | {"id": "c-1"}
    )


def test_the_proof_of_every_figure_is_printed_after_the_table(tmp_path: Path) -> None:
    files = given(tmp_path)
    done = invoke("assess", files.terms, files.observations, *PERIOD, "--explain")
    assert done.exit_code == 0, done.output
    _, _, proofs = done.stdout.partition("credit: ")
    assert proofs.splitlines()[1:] == [
        "",
        "o0: 43170 min  2026-04-01T00:00:00Z – 2026-05-01T00:00:00Z  (99.898077 % good)",
        "  Good: 43126 min",
        "    Known to be up: 43126 min",
        "      observations: observations.ndjson/o-17",
        "  Bad: 44 min",
        "    Outage of web: 44 min  2026-04-02T10:00:00Z – 2026-04-02T10:44:00Z",
        "      observations: observations.ndjson/o-17",
        "  Left out, counts nothing: 0 min",
        "    Maintenance: 0 min  2026-04-03T01:00:00Z – 2026-04-03T01:30:00Z  (30 min, patch, approved by provider and customer)",
        "",
        "o1: 1000 requests  2026-04-01T00:00:00Z – 2026-05-01T00:00:00Z  (99.900000 % good)",
        "  Good: 999 requests",
        "    2026-04-02: 999 requests  (of 1000)",
        f"      observations: observations.ndjson/{sample_name(sample_id('observations.ndjson', 'c-1'))}",
        "  Bad: 1 request",
        "    2026-04-02: 1 request  (of 1000)",
        f"      observations: observations.ndjson/{sample_name(sample_id('observations.ndjson', 'c-1'))}",
    ]


def test_a_parquet_file_is_read_once_more_to_name_its_observations(tmp_path: Path) -> None:
    files = given(tmp_path)
    rows = [{**json.loads(line), "id": None} for line in files.observations.read_text().splitlines()]
    columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}
    for name in ("observed_at", "until"):
        columns[name] = [None if text is None else parse_instant(text, place=name) for text in columns[name]]
    file = tmp_path / "observations.parquet"
    pq.write_table(pa.table({name: pa.array(values, type=TYPES.get(name, pa.string())) for name, values in columns.items()}), file)
    done = invoke("assess", files.terms, file, *PERIOD, "--explain")
    assert done.exit_code == 0, done.output
    cited = [line.strip() for line in done.stdout.splitlines() if line.strip().startswith("observations:")]
    start = parse_instant("2026-04-02T10:00:00Z", place="test")
    named, row = f"observations: observations.parquet/shop/web/{start}/outage", "observations: observations.parquet/row-2"
    assert cited == [named, named, row, row]


def test_without_being_asked_it_explains_nothing(tmp_path: Path) -> None:
    files = given(tmp_path)
    assert "Known to be up" not in invoke("assess", files.terms, files.observations, *PERIOD).stdout
    assert "explanation" not in json.loads(invoke("assess", files.terms, files.observations, *PERIOD, "--json").stdout)


def test_the_json_has_the_trees_beside_the_assessment(tmp_path: Path) -> None:
    files = given(tmp_path)
    told = json.loads(invoke("assess", files.terms, files.observations, *PERIOD, "--json", "--explain").stdout)
    trees = told.pop("explanation")
    assert told == files.judged("2026-04", until="2026-06-01T00:00:00Z")
    assert [each["objective_id"] for each in trees] == ["o0", "o1"]
    good, bad = (child for child in trees[0]["proof"]["children"] if not child["label"].startswith("Left out"))
    (down,) = bad["children"]
    assert (down["refs"], down["observations"]) == (["observation:observations.ndjson/o-17"], 1)
    assert int(good["amount"]) + int(bad["amount"]) == int(trees[0]["proof"]["amount"]) == 43_170 * 60_000_000


def test_the_month_is_drawn_into_a_file(tmp_path: Path) -> None:
    files, picture = given(tmp_path), tmp_path / "april.svg"
    done = invoke("assess", files.terms, files.observations, *PERIOD, "--timeline", picture)
    assert done.exit_code == 0, done.output
    svg = "{http://www.w3.org/2000/svg}"
    drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert [each.findtext(f"{svg}title") for each in drawn.findall(f"{svg}svg")] == ["o0, 2026-04", "o1, 2026-04"]
    assert "down 44 min" in str(drawn.findtext(f"{svg}svg/{svg}desc"))


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    files = given(tmp_path)
    done = invoke("assess", files.terms, files.observations, *PERIOD, "--timeline", tmp_path / "nowhere" / "april.svg")
    assert done.exit_code == 1
    assert "april.svg cannot be written: No such file or directory" in done.stderr
