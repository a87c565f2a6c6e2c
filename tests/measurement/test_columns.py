"""Columns: a Parquet file says what the same rows say in JSON, and a bad one is refused in the same words."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.command.assess import assess_files
from services.measurement.assessment import assess
from services.measurement.batch import evidence_of
from services.measurement.case import Case
from services.measurement.citation import sample_name
from services.measurement.columns import ROWS_AT_ONCE, read_columns, read_reported
from services.measurement.explanation import explain
from services.measurement.frame import sample_id
from services.measurement.intake import ROWS_PER_BATCH, Malformed, Rejected, TooMany, read_ndjson
from services.measurement.objective import Availability, Indicator, IntervalMean, RequestRatio, ResolutionTime, ResponseTime, TimeSlices
from services.measurement.observation import Evidence, State
from services.measurement.wire import document_of
from services.vocabulary.errors import Invalid
from services.vocabulary.period import instant_text
from tests.measurement.calculation import JUNE, JUNE_SPAN, LAW, MINUTE, at, hours, in_force, later, minute, objective, terms

Row = dict[str, Any]

NOW = later(JUNE_SPAN.end, 24 * 60 * MINUTE)
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "service", "component", "id", "state", "cause", "ticket", "priority")),
        *((name, pa.timestamp("us", tz="UTC")) for name in ("observed_at", "until")),
        *((name, pa.int64()) for name in ("good", "total", "revision", "order")),
        ("ms", pa.float64()),
    ]
)
INSTANTS = ("observed_at", "until")
COMPONENTS = ("web", "db")
INDICATORS: Mapping[str, Indicator] = {
    "any": Availability(components=COMPONENTS),
    "all": Availability(components=COMPONENTS, combine="all", no_data="down"),
    "web": Availability(components=("web",), no_data="exclude"),
    "ratio": RequestRatio(components=COMPONENTS),
    "mean": IntervalMean(components=("web",), every=hours(1)),
    "slices": TimeSlices(components=("db",), every=hours(1), error_above=Fraction(1, 20)),
    "fast": ResponseTime(components=COMPONENTS, threshold_us=2_000, percentile=Fraction(9, 10)),
    "solved": ResolutionTime(within=hours(8)),
}
JUDGED_BY = in_force(terms(*(objective(indicator, name=name) for name, indicator in INDICATORS.items()), ends=date(2026, 6, 2)))

TERMS = """
upheld: terms/v1
title: Bank
zone: UTC
effective_on: 2026-01-01
parties:
  - {role: provider, organisation: nordwind, name: Nordwind}
  - {role: customer, organisation: lake, name: Lake}
services: [{id: bank, name: Bank, components: [{id: web, name: Web}, {id: db, name: Database}]}]
objectives: [{id: up, name: Up, service: bank, indicator: {kind: availability}, target: "99.9"}]
"""

minutes = st.integers(-3, 12).map(lambda number: instant_text(minute(number * 60)))
components = st.sampled_from(COMPONENTS)


def row(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Row]:
    common = {"kind": st.just(kind), "service": st.just("bank"), "component": components, "observed_at": minutes}
    return st.fixed_dictionaries(common | fields)


statuses = row("status", state=st.sampled_from(State).map(str))
outages = st.builds(
    lambda row, lasts: row if lasts is None else row | {"until": instant_text(later(at(row["observed_at"]), lasts * MINUTE))},
    row("outage", cause=st.sampled_from(["", "index rebuild"])),
    st.sampled_from([None, 5, 90]),
)
counts = row("counter", good=st.integers(0, 5), total=st.integers(5, 9))
latencies = row("latency", ms=st.sampled_from([0.0, 0.57, 1.1, 1.9999, 2.0, 2.0000001, 4.35]))
tickets = row("ticket", ticket=st.sampled_from(["T1", "T2"]), state=st.sampled_from(["opened", "waiting", "resolved", "reopened"]))
told = st.one_of(statuses, statuses, outages, counts, latencies, tickets)
identified = st.builds(
    lambda row, own: row | own,
    told,
    st.one_of(st.just({}), st.fixed_dictionaries({"id": st.sampled_from(["a", "b"]), "revision": st.integers(0, 2)})),
)
faults = st.sampled_from(
    [
        {"state": "broken"},
        {"kind": "weather"},
        {"kind": ""},
        {"service": ""},
        {"component": None},
        {"component": "a\tb"},
        {"service": "x" * 201},
        {"observed_at": "1989-12-31T23:59:59.999999Z"},
        {"observed_at": "2200-01-01T00:00:00Z"},
        {"observed_at": "2026-07-04T00:00:00Z"},
        {"observed_at": None},
        {"good": 10},
        {"good": -1},
        {"total": None},
        {"ms": -0.5},
        {"ms": 1e13},
        {"ms": None},
        {"revision": -1},
        {"until": "2026-05-01T00:00:00Z"},
        {"ticket": "T9"},
    ]
)
faulty = st.builds(lambda row, fault: {name: value for name, value in (row | fault).items() if value is not None}, identified, faults)


def written(rows: Sequence[Row], file: Path, *, schema: pa.Schema = SCHEMA, row_group: int = 2**20) -> Path:
    """The rows as a Parquet file; what a row does not say is null."""
    columns = {
        field.name: pa.array([_value(field, row.get(field.name)) for row in rows], pa.int64() if field.name in INSTANTS else field.type)
        for field in schema
    }
    arrays = [
        column.cast(SCHEMA.field(name).type).cast(schema.field(name).type) if name in INSTANTS else column
        for name, column in columns.items()
    ]
    pq.write_table(pa.table(arrays, schema=schema), file, row_group_size=row_group)
    return file


def _value(field: pa.Field, value: object) -> object:
    return parse_written(value) if field.name in INSTANTS and value is not None else value


def parse_written(text: object) -> int:
    """Also outside the years that an observation may have."""
    moment = pa.scalar(text, pa.string()).cast(pa.timestamp("us", tz="UTC"))
    return int(moment.cast(pa.int64()).as_py())


def as_columns(rows: Sequence[Row], *, rows_at_once: int = ROWS_AT_ONCE, row_group: int = 2**20) -> Mapping[str, Evidence]:
    with tempfile.TemporaryDirectory() as folder:
        file = written(rows, Path(folder, "told.parquet"), row_group=row_group)
        return read_columns(file, now=NOW, source="probe", rows_at_once=rows_at_once)


def as_json(rows: Sequence[Row]) -> Mapping[str, Evidence]:
    content = b"\n".join(json.dumps(row).encode() for row in rows)
    return evidence_of(read_ndjson(content, now=NOW, source="probe").observations)


def document(evidence: Mapping[str, Evidence]) -> str:
    return json.dumps(document_of(assess(agreement_id="a", terms=[JUDGED_BY], evidence=evidence, month=JUNE, measured_until=NOW)))


def heard(read: Callable[[], Mapping[str, Evidence]]) -> tuple[str, list[str], int]:
    """The document, or what is told of the bad rows, and how many there are."""
    try:
        return document(read()), [], 0
    except Rejected as refusal:
        return "", sorted(f"{each.place.replace('line', 'row')}: {each.rule}" for each in refusal.violations), refusal.count


def status(number: float, state: str = "up", **fields: object) -> Row:
    return {
        "kind": "status",
        "service": "bank",
        "component": "web",
        "observed_at": instant_text(minute(number)),
        "state": state,
    } | fields


def refused(rows: Sequence[Row]) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        as_columns(rows)
    return refusal.value


def only(evidence: Mapping[str, Evidence], component: str = "web") -> list[tuple[int, int]]:
    """The settled statuses of a component of the bank."""
    settled = evidence["bank"].statuses_of(component)
    return list(zip(settled.at.tolist(), settled.state.tolist(), strict=True))


@LAW
@given(st.lists(identified, max_size=24), st.sampled_from([1, 2, 3, 7, 100]), st.sampled_from([1, 4, 100]))
def test_the_same_rows_in_json_and_as_columns_give_the_same_document(rows: list[Row], rows_at_once: int, row_group: int) -> None:
    assert document(as_columns(rows, rows_at_once=rows_at_once, row_group=row_group)) == document(as_json(rows))


@LAW
@given(st.lists(st.one_of(counts, counts, statuses), max_size=40), st.sampled_from([3, 7, 100]), st.sampled_from([4, 100]))
def test_a_file_in_the_order_of_time_says_the_same(rows: list[Row], rows_at_once: int, row_group: int) -> None:
    in_order = sorted(rows, key=lambda row: str(row["observed_at"]))
    assert document(as_columns(in_order, rows_at_once=rows_at_once, row_group=row_group)) == document(as_json(in_order))


@LAW
@given(st.data(), st.lists(st.one_of(statuses, outages), max_size=16), st.sampled_from([1, 3, 100]))
def test_shuffled_and_repeated_rows_change_nothing(data: st.DataObject, rows: list[Row], rows_at_once: int) -> None:
    once = list({(row["component"], row["observed_at"], row.get("state")): row for row in rows}.values())
    again = data.draw(st.lists(st.sampled_from(once), max_size=10)) if once else []
    shuffled = data.draw(st.permutations([*once, *again]))
    assert document(as_columns(shuffled, rows_at_once=rows_at_once)) == document(as_columns(once))


@LAW
@given(st.lists(st.one_of(identified, faulty), max_size=12), faulty, st.sampled_from([1, 3, 100]))
def test_what_json_refuses_is_refused_as_columns_in_the_same_words(rows: list[Row], bad: Row, rows_at_once: int) -> None:
    assert heard(lambda: as_columns([*rows, bad], rows_at_once=rows_at_once)) == heard(lambda: as_json([*rows, bad]))


@LAW
@given(st.lists(st.one_of(st.floats(0, 1e7), st.integers(0, 10**9).map(lambda us: us / 1000)), min_size=1, max_size=30))
def test_a_latency_is_rounded_up_as_its_shortest_decimal_is(times: list[float]) -> None:
    rows = [status(0) | {"kind": "latency", "ms": ms} for ms in times]
    for each in rows:
        del each["state"]
    exact = [-(-Fraction(Decimal(repr(ms))) * 1000 // 1) for ms in times]
    assert as_columns(rows)["bank"].latencies["web"].us.tolist() == exact


def test_a_minute_that_says_again_what_was_said_is_not_kept() -> None:
    rows = [status(number, "down" if 40 <= number < 45 else "up") for number in range(100)]
    series = as_columns(rows)["bank"].status_series["web"]
    assert len(series.at) == 3


def test_of_two_states_at_one_instant_the_worse_counts_wherever_the_file_is_cut() -> None:
    rows = [status(1, "up"), status(2, "down"), status(2, "up"), status(3, "up")]
    assert only(as_columns(rows, rows_at_once=2)) == [(minute(1), 0), (minute(2), 2), (minute(3), 0)]


def test_what_lies_between_two_equal_states_is_seen_though_the_file_tells_it_later() -> None:
    rows = [status(1, "up"), status(9, "up"), status(5, "down"), status(6, "up", component="db")]
    assert only(as_columns(rows, rows_at_once=2)) == [(minute(1), 0), (minute(5), 2), (minute(9), 0)]


def test_services_and_components_are_told_apart() -> None:
    rows = [status(1), status(2, "down", component="db"), status(3, "down", service="shop"), status(4, service="shop", component="db")]
    evidence = as_columns(rows)
    assert {service: sorted(each.status_series) for service, each in evidence.items()} == {"bank": ["db", "web"], "shop": ["db", "web"]}
    assert evidence["shop"].statuses_of("web").at.tolist() == [minute(3)]


def test_a_value_that_every_row_has_counts_although_it_is_not_read(tmp_path: Path) -> None:
    rows = [status(number) | {"service": "s"} for number in range(6)]
    file = written(rows, tmp_path / "one.parquet", row_group=2)
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).statistics.min == "status"
    assert list(read_columns(file, now=NOW, source="probe")) == ["s"]
    file = written([*rows, status(6)], tmp_path / "two.parquet", row_group=2)
    assert list(read_columns(file, now=NOW, source="probe")) == ["bank", "s"]
    file = written([*rows, {**status(6), "kind": None}], tmp_path / "none.parquet", row_group=2)
    with pytest.raises(Rejected):
        read_columns(file, now=NOW, source="probe")


def test_a_file_without_statistics_says_the_same(tmp_path: Path) -> None:
    rows = [status(number, state) for number, state in enumerate(("up", "down", "up"))]
    with_them = written(rows, tmp_path / "with.parquet", row_group=2)
    pq.write_table(pq.read_table(with_them), tmp_path / "without.parquet", write_statistics=False)
    told = [document(read_columns(file, now=NOW, source="probe")) for file in (with_them, tmp_path / "without.parquet")]
    assert told[0] == told[1]


def test_two_equal_counters_are_two_reports_unless_an_id_says_they_are_one() -> None:
    counter = {"kind": "counter", "service": "bank", "component": "web", "observed_at": instant_text(minute(1)), "good": 1, "total": 2}
    assert as_columns([counter, counter])["bank"].counters["web"].total.tolist() == [2, 2]
    one = counter | {"id": "c-1"}
    assert as_columns([one, one])["bank"].counters["web"].total.tolist() == [2]


def test_a_bad_row_is_named_by_its_number_with_its_rule_and_nothing_is_taken() -> None:
    rows = [status(number) for number in range(6)]
    rows[4] = rows[4] | {"state": "broken"}
    refusal = refused(rows)
    assert [(each.place, each.rule) for each in refusal.violations] == [("row 5, state", "must be up, down or unknown, not 'broken'")]


def test_a_hundred_bad_rows_are_named_and_all_are_counted() -> None:
    refusal = refused([status(number, "broken") for number in range(250)])
    assert (len(refusal.violations), refusal.count) == (100, 250)
    assert refusal.violations[99].place == "row 100, state"


def test_more_rows_with_an_id_than_a_batch_holds_are_refused(tmp_path: Path) -> None:
    count = ROWS_PER_BATCH + 1
    columns = {
        "kind": pa.array(["status"] * count),
        "service": pa.array(["bank"] * count),
        "component": pa.array(["web"] * count),
        "state": pa.array(["up"] * count),
        "id": pa.array([str(number) for number in range(count)]),
        "observed_at": pa.array([minute(1)] * count, pa.int64()),
    }
    pq.write_table(pa.table(columns), tmp_path / "many.parquet")
    with pytest.raises(TooMany):
        read_columns(tmp_path / "many.parquet", now=NOW, source="probe")


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        (pa.field("observed_at", pa.timestamp("us")), "observed_at: must be a timestamp with a zone"),
        (pa.field("observed_at", pa.string()), "observed_at: must be a timestamp with a zone"),
        (pa.field("service", pa.int64()), "service: must be text, not int64"),
        (pa.field("good", pa.float64()), "good: must be an integer, not double"),
        (pa.field("weather", pa.string()), "weather: is no column of observations"),
    ],
)
def test_a_column_of_another_kind_is_refused_by_its_name(tmp_path: Path, column: pa.Field, rule: str) -> None:
    schema = pa.schema([field for field in SCHEMA if field.name != column.name] + [column])
    pq.write_table(schema.empty_table(), tmp_path / "odd.parquet")
    with pytest.raises(Malformed, match=rule):
        read_columns(tmp_path / "odd.parquet", now=NOW, source="probe")


def test_all_missing_columns_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"component": pa.array(["web"])}), tmp_path / "bare.parquet")
    with pytest.raises(Malformed) as refusal:
        read_columns(tmp_path / "bare.parquet", now=NOW, source="probe")
    assert [each.place for each in refusal.value.violations] == ["kind", "service", "observed_at"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_timestamps_of_every_unit_and_zone_are_the_same_instants(tmp_path: Path, unit: str, zone: str) -> None:
    kind = pa.timestamp(unit, tz=zone)
    schema = pa.schema([pa.field(field.name, kind) if field.name == "observed_at" else field for field in SCHEMA])
    file = written([status(1), status(2, "down")], tmp_path / "told.parquet", schema=schema)
    assert only(read_columns(file, now=NOW, source="probe")) == [(minute(1), 0), (minute(2), 2)]


def test_text_may_be_written_as_a_dictionary_or_as_large_strings(tmp_path: Path) -> None:
    rows = [status(1), status(2, "down")]
    for kind in (pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        schema = pa.schema([pa.field(field.name, kind) if field.name in {"state", "component"} else field for field in SCHEMA])
        file = written(rows, tmp_path / "told.parquet", schema=schema)
        assert only(read_columns(file, now=NOW, source="probe")) == [(minute(1), 0), (minute(2), 2)]


def test_a_file_without_rows_says_nothing() -> None:
    assert as_columns([]) == {}


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"PAR1", b'{"kind": "status"}', b"PAR1" + bytes(100) + b"PAR1"):
        file = tmp_path / "broken.parquet"
        file.write_bytes(content)
        with pytest.raises(Malformed, match="cannot be read as a Parquet file"):
            read_columns(file, now=NOW, source="probe")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    file = written([status(number, "down" if number % 7 else "up") for number in range(500)], tmp_path / "told.parquet")
    content = bytearray(file.read_bytes())
    content[4:400] = bytes(396)
    file.write_bytes(content)
    with pytest.raises(Invalid):
        read_columns(file, now=NOW, source="probe")


def test_the_command_gives_one_document_for_a_month_in_every_form(tmp_path: Path) -> None:
    rows = [status(number * 30, "down" if number % 50 == 7 else "up", component=name) for number in range(100) for name in COMPONENTS]
    (tmp_path / "told.ndjson").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "told.csv").write_text(
        "at,component,state\n" + "".join("{observed_at},{component},{state}\n".format(**row) for row in rows)
    )
    written(rows, tmp_path / "told.parquet", row_group=30)
    (tmp_path / "terms.yaml").write_text(TERMS)
    columns = ["kind=status", "service=bank", "component=column:component", "observed_at=at", "state=state"]
    by_form = {
        form: json.dumps(
            assess_files(
                tmp_path / "terms.yaml",
                tmp_path / f"told.{form}",
                period="2026-06",
                mapping=columns if form == "csv" else [],
                until="2026-06-03T00:00:00Z",
            )
        )
        for form in ("ndjson", "csv", "parquet")
    }
    assert by_form["parquet"] == by_form["ndjson"] == by_form["csv"]
    assert json.loads(by_form["parquet"])["objectives"][0]["good"] == str((2 * 24 * 60 - 60) * MINUTE)


def test_without_the_extra_the_command_says_which_one_to_install(tmp_path: Path) -> None:
    file = written([status(1)], tmp_path / "told.parquet")
    program = (
        "import sys; from pathlib import Path; sys.modules['pyarrow'] = None; from services.command.assess import observed;"
        f"from services.vocabulary.errors import Invalid\n"
        f"try: observed(Path({str(file)!r}), now=0, mapping=[])\n"
        "except Invalid as refusal: print(refusal.message)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": ".:proto"})
    assert 'pip install "upheld[columns]"' in ended.stdout


# Citations


def test_a_files_proofs_name_its_observations(tmp_path: Path) -> None:
    said = [("00:00", "up"), ("00:10", "down"), ("00:11", "down"), ("00:11", "down"), ("00:12", "up")]
    statuses: list[Row] = [
        {"kind": "status", "component": "web", "observed_at": f"2026-06-01T{time}:00Z", "state": state} for time, state in said
    ]
    counts: list[Row] = [
        {"kind": "counter", "component": "web", "observed_at": f"2026-06-01T00:0{n}:00Z", "good": 9 - n % 2, "total": 9} for n in range(3)
    ]
    own: Row = {"kind": "counter", "component": "db", "observed_at": "2026-06-01T00:05:00Z", "good": 0, "total": 1, "id": "mine"}
    rows: list[Row] = [{"service": "bank", **row} for row in (*statuses, *counts, own)]
    file = tmp_path / "june.parquet"
    written(rows, file)
    reported = read_reported(file, now=NOW, source="june.parquet", rows_at_once=4)
    evidence = read_columns(file, now=NOW, source="june.parquet")
    found = assess(agreement_id="", terms=[JUDGED_BY], evidence=evidence, month=JUNE, measured_until=NOW)
    case = Case(assessment=found, terms=(JUDGED_BY,), evidence=evidence, until=NOW, reported={"provider": reported})

    def bad(objective_id: str) -> list[tuple[str, ...]]:
        (told,) = explain(case, objective_id=objective_id)
        return [leaf.refs for leaf in told.proof.children[1].children]

    def named(time: str, state: str) -> str:
        return f"observation:june.parquet/bank/web/{at(f'2026-06-01T{time}:00Z')}/{state}"

    assert bad("web") == [(named("00:10", "down"), named("00:11", "down"), named("00:12", "up"))]
    assert bad("ratio") == [
        ("observation:june.parquet/row-7", f"observation:june.parquet/{sample_name(sample_id('june.parquet', 'mine'))}")
    ]
    in_json = read_ndjson("\n".join(json.dumps(row) for row in rows).encode(), now=NOW, source="june.parquet").observations
    the_same = replace(case, reported={"provider": in_json})
    assert explain(the_same, objective_id="web") == explain(case, objective_id="web")
