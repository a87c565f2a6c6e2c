"""Intake: the forms in which sources speak, and what it says about bad ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from services.measurement.batch import Batch, evidence_of
from services.measurement.intake import (
    ROWS_PER_BATCH,
    Collection,
    Malformed,
    Rejected,
    TooMany,
    media_of,
    read,
    read_csv,
    read_json,
    read_ndjson,
)
from services.measurement.mapping import mapping_of
from services.measurement.observation import STILL_OPEN, State, TicketState
from services.vocabulary.errors import Invalid
from services.vocabulary.period import Instant, instant_text, parse_instant

NOW = parse_instant("2026-03-10T12:00:00Z", place="now")
AT = "2026-03-09T01:00:00Z"


def told(**fields: object) -> dict[str, object]:
    return {"kind": "status", "service": "bank", "component": "web", "observed_at": AT, "state": "up"} | fields


def without(name: str, observation: dict[str, object]) -> dict[str, object]:
    return {field: value for field, value in observation.items() if field != name}


COUNTER: dict[str, object] = {"kind": "counter", "service": "bank", "component": "web", "observed_at": AT, "good": 9, "total": 10}
LATENCY: dict[str, object] = {"kind": "latency", "service": "bank", "component": "web", "observed_at": AT, "ms": "12.5"}
OUTAGE: dict[str, object] = {"kind": "outage", "service": "bank", "component": "web", "observed_at": AT, "until": "2026-03-09T02:00:00Z"}
TICKET: dict[str, object] = {"kind": "ticket", "service": "desk", "observed_at": AT, "ticket": "INC1", "state": "opened", "priority": "3"}


def batch_of(*observations: dict[str, object], source: str = "probe", batch: str = "") -> Batch:
    document = {"source": source, "batch": batch, "observations": observations}
    return read_json(json.dumps(document).encode(), now=NOW)


def refusals(*observations: object) -> list[str]:
    with pytest.raises(Rejected) as refused:
        read_json(json.dumps({"source": "probe", "observations": observations}).encode(), now=NOW)
    return [str(violation) for violation in refused.value.violations]


def csv_batch(text: str, *, on_error: str = "refuse", **mapping: str) -> Batch:
    return read_csv(text.encode(), mapping=mapping_of(mapping), now=NOW, source="file", on_error="skip" if on_error == "skip" else "refuse")


def test_every_kind_of_observation_is_read_from_json() -> None:
    batch = batch_of(told(), OUTAGE, COUNTER, LATENCY, TICKET)
    evidence = evidence_of(batch.observations)
    assert [(each.component, each.state) for each in evidence["bank"].statuses] == [("web", State.UP)]
    assert [instant_text(each.interval.end) for each in evidence["bank"].outages] == ["2026-03-09T02:00:00Z"]
    assert evidence["bank"].counters["web"].good.tolist() == [9]
    assert evidence["bank"].latencies["web"].us.tolist() == [12_500]
    assert [(each.ticket, each.state, each.priority) for each in evidence["desk"].tickets] == [("INC1", TicketState.OPENED, "3")]
    assert len(batch) == 5


def test_json_ndjson_and_csv_say_the_same() -> None:
    lines = "\n".join(json.dumps(each) for each in (COUNTER, {**COUNTER, "observed_at": "2026-03-09T02:00:00Z"}))
    from_lines = read_ndjson(f"\n{lines}\n\n".encode(), now=NOW, source="file")
    from_table = csv_batch(
        "when,good,all\n2026-03-09T01:00:00Z,9,10\n2026-03-09T02:00:00Z,9,10\n",
        kind="counter",
        service="bank",
        component="web",
        observed_at="when",
        good="good",
        total="all",
    )
    assert from_lines.name == from_table.name
    assert from_lines.counters is not None
    assert from_table.counters is not None
    assert from_lines.counters.packed == from_table.counters.packed


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        (told(kind="state"), "observations[0].kind: must be one of status, outage, counter, latency, ticket, not 'state'"),
        (told(state="broken"), "observations[0].state: must be up, down or unknown, not 'broken'"),
        (told(extra=1), "observations[0].extra: is no field of an observation of kind status"),
        (without("service", told()), "observations[0].service: is needed"),
        (without("component", told()), "observations[0].component: is needed"),
        (
            told(component="a\nb"),
            "observations[0].component: must be text of at most 200 characters without control characters",
        ),
        (told(id=7), "observations[0].id: must be text of at most 200 characters without control characters, not 7"),
        (told(observed_at="2026-03-09T01:00:00"), "observations[0].observed_at: must carry an offset"),
        (told(observed_at="1889-03-09T01:00:00Z"), "observations[0].observed_at: must lie between 1990-01-01 and 2200-01-01"),
        (told(observed_at="2026-03-11T12:00:01Z"), "observations[0].observed_at: lies more than a day in the future"),
        (told(revision=-1), "observations[0].revision: must be an integer from 0 to 2147483647, not -1"),
        ({**COUNTER, "good": 11}, "observations[0].good: must be at most total: 11 of 10"),
        ({**COUNTER, "good": -1}, "observations[0].good: must be an integer from 0 to 9223372036854775807, not -1"),
        ({**COUNTER, "total": 2**63}, "observations[0].total: must be an integer"),
        ({**COUNTER, "total": 1.5}, "observations[0].total: must be an integer"),
        ({**COUNTER, "total": True}, "observations[0].total: must be an integer"),
        ({**LATENCY, "ms": "NaN"}, "observations[0].ms: must be a number of milliseconds from 0 to 1000000000000, not NaN"),
        ({**LATENCY, "ms": "inf"}, "observations[0].ms: must be a number of milliseconds"),
        ({**LATENCY, "ms": "-1"}, "observations[0].ms: must be a number of milliseconds"),
        ({**LATENCY, "ms": "1e999999999"}, "observations[0].ms: must be a number of milliseconds"),
        ({**LATENCY, "ms": "fast"}, "observations[0].ms: must be a decimal number of at most 60 characters, not 'fast'"),
        ({**LATENCY, "ms": None}, "observations[0].ms: must be a decimal number"),
        ({**LATENCY, "ms": "1." + "0" * 100}, "observations[0].ms: must be a decimal number of at most 60 characters"),
        ({**OUTAGE, "until": AT}, "observations[0].until: must be later than observed_at"),
        ({**TICKET, "state": "done"}, "observations[0].state: must be one of opened, waiting"),
        ("down", "observations[0]: must be an object"),
    ],
)
def test_a_bad_observation_is_named_with_its_number_field_and_rule(observation: object, message: str) -> None:
    (told_so,) = refusals(observation)
    assert told_so.startswith(message)


def test_all_bad_observations_are_named_up_to_a_hundred() -> None:
    with pytest.raises(Rejected) as refused:
        read_json(json.dumps({"source": "p", "observations": [told(state="x")] * 130 + [told()]}).encode(), now=NOW)
    assert (len(refused.value.violations), refused.value.count) == (100, 130)
    assert "and 30 more" in refused.value.message


def test_the_good_ones_are_taken_where_that_is_asked_for() -> None:
    document = json.dumps({"source": "p", "observations": [told(state="x"), told()]}).encode()
    batch = read_json(document, now=NOW, on_error="skip")
    assert (len(batch), batch.rejected_count) == (1, 1)
    assert [violation.place for violation in batch.rejected] == ["observations[0].state"]


@pytest.mark.parametrize("content", [b"{", b"[1,", b"\xff", b'{"a":' + b"9" * 5000 + b"}", b"[" * 100_000, b"[]", b"7", b""])
def test_what_is_no_document_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_json(content, now=NOW)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"observations": []}, "source"),
        ({"source": "a\0b", "observations": []}, "source"),
        ({"source": "a"}, "observations"),
        ({"source": "a", "observations": {}}, "observations"),
        ({"source": "a", "observations": [], "rows": 1}, "rows"),
        ({"source": "a", "observations": [], "batch": 7}, "batch"),
        ({"source": "a", "observations": [], "batch": "a\0"}, "batch"),
        ({"source": 7, "observations": []}, "source"),
    ],
)
def test_a_document_that_breaks_rules_is_refused_with_the_place(document: object, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_json(json.dumps(document).encode(), now=NOW)
    assert [violation.place for violation in refused.value.violations] == [place]


def test_more_rows_than_a_batch_holds_are_refused() -> None:
    collected = Collection(now=NOW)
    for _ in range(ROWS_PER_BATCH):
        collected.take(None, place="x")
    with pytest.raises(TooMany):
        collected.take(None, place="x")


def test_a_bad_line_of_ndjson_is_named_by_its_number() -> None:
    with pytest.raises(Rejected) as refused:
        read_ndjson(f"{json.dumps(told())}\n\n{{\n{json.dumps(told(state='x'))}\n".encode(), now=NOW, source="p")
    assert [violation.place for violation in refused.value.violations] == ["line 3", "line 4, state"]


def test_a_batch_without_a_name_is_called_by_its_content_in_whatever_order() -> None:
    rows: list[dict[str, object]] = [COUNTER, {**COUNTER, "good": 8}, told(), LATENCY]
    assert batch_of(*rows).name == batch_of(*rows[::-1]).name
    assert batch_of(*rows).name != batch_of(*rows[:-1]).name
    assert batch_of(*rows, source="another").name != batch_of(*rows).name


def test_a_named_batch_keeps_its_name_and_tells_by_its_digest_whether_it_says_the_same() -> None:
    first, second = batch_of(COUNTER, batch="night"), batch_of({**COUNTER, "good": 8}, batch="night")
    assert first.name == second.name == "night"
    assert first.digest != second.digest


def test_equal_samples_without_ids_are_several_and_with_one_id_are_one() -> None:
    several = batch_of(COUNTER, COUNTER)
    assert several.counters is not None
    assert len(set(several.counters.rows["id"].tolist())) == 2
    one = batch_of({**COUNTER, "id": "c"}, {**COUNTER, "id": "c"})
    assert evidence_of(one.observations)["bank"].counters["web"].good.tolist() == [9]


def test_latencies_are_rounded_up_so_that_no_threshold_is_met_by_rounding() -> None:
    told_ms = (99.24799999999999, "99.2480001", f"45.{'0' * 50}1", "1e-9999", "0", 7)
    batch = batch_of(*({**LATENCY, "ms": ms} for ms in told_ms))
    assert batch.latencies is not None
    assert sorted(batch.latencies.rows["us"].tolist()) == [0, 1, 7_000, 45_001, 99_248, 99_249]


def test_the_end_of_an_outage_revises_the_open_one() -> None:
    opened = batch_of(without("until", OUTAGE)).outages[0]
    ended = batch_of(OUTAGE).outages[0]
    assert opened.until == STILL_OPEN
    assert (opened.id, opened.revision) == (ended.id, 0)
    assert ended.revision == 1


# CSV


STATUSES = {"kind": "status", "service": "bank", "component": "column:site", "observed_at": "checked_at", "state": "status"}


def states(batch: Batch) -> Sequence[tuple[str, str, str]]:
    return [(row.component, instant_text(row.at), row.state) for row in batch.statuses]


def test_a_column_tells_the_component_and_states_are_translated() -> None:
    text = "checked_at,site,status\n2026-03-01T00:00:00Z,a,ok\n2026-03-02T00:00:00Z,b,KO\n2026-03-03T00:00:00Z,b,paused\n"
    batch = csv_batch(text, **STATUSES, states="ok=up,KO=down,*=unknown")
    assert states(batch) == [
        ("a", "2026-03-01T00:00:00Z", "up"),
        ("b", "2026-03-02T00:00:00Z", "down"),
        ("b", "2026-03-03T00:00:00Z", "unknown"),
    ]


def test_a_state_that_means_nothing_is_left_out_and_an_unknown_one_is_named() -> None:
    text = "checked_at,site,status\n2026-03-01T00:00:00Z,a,up\n2026-03-02T00:00:00Z,b,seen\n"
    assert len(csv_batch(text, **STATUSES, states="up=up,seen=")) == 1
    with pytest.raises(Rejected) as refused:
        csv_batch(text, **STATUSES, states="up=up")
    assert [str(each) for each in refused.value.violations] == ["line 3, status: the mapping does not say what 'seen' means"]


def test_statuses_end_where_the_file_says_nothing_more() -> None:
    text = "checked_at,site,status\n2026-03-01T00:00:00Z,a,up\n2026-03-02T00:00:00Z,b,up\n"
    assert states(csv_batch(text, **STATUSES, known_until="last"))[2:] == [
        ("a", "2026-03-02T00:00:00Z", "unknown"),
        ("b", "2026-03-02T00:00:00Z", "unknown"),
    ]
    assert states(csv_batch(text, **STATUSES, known_until="2026-03-05T00:00:00Z"))[3] == ("b", "2026-03-05T00:00:00Z", "unknown")


def test_times_without_a_zone_are_read_in_the_one_that_is_told() -> None:
    mapping = {"kind": "latency", "service": "s", "component": "c", "observed_at": "t", "ms": "v"}
    batch = csv_batch("t,v\n2014-03-07 03:41:00,1\n", **mapping, zone="Europe/Zurich")
    assert batch.latencies is not None
    assert instant_text(Instant(int(batch.latencies.at[0]))) == "2014-03-07T02:41:00Z"
    with pytest.raises(Rejected, match="must carry an offset"):
        csv_batch("t,v\n2014-03-07 03:41:00,1\n", **mapping)


@pytest.mark.parametrize("civil", ["2026-03-29 02:30", "2025-10-26 02:30"])
def test_a_civil_time_that_its_zone_has_twice_or_never_is_refused(civil: str) -> None:
    mapping = {"kind": "latency", "service": "s", "component": "c", "observed_at": "t", "ms": "v", "zone": "Europe/Berlin"}
    for form in ("", "%Y-%m-%d %H:%M"):
        with pytest.raises(Rejected, match="does not name one instant in Europe/Berlin"):
            csv_batch(f"t,v\n{civil},1\n", **mapping, time_format=form)


@pytest.mark.parametrize("civil", ["0001-01-01 00:00", "9999-12-31 23:59", "1989-12-31 23:00"])
def test_an_absurd_civil_time_is_refused(civil: str) -> None:
    mapping = {"kind": "latency", "service": "s", "component": "c", "observed_at": "t", "ms": "v", "zone": "Europe/Berlin"}
    for form in ("", "%Y-%m-%d %H:%M"):
        with pytest.raises(Rejected, match="must lie between 1990-01-01 and 2200-01-01"):
            csv_batch(f"t,v\n{civil},1\n", **mapping, time_format=form)


def test_an_answer_is_a_step_of_a_ticket() -> None:
    batch = batch_of(TICKET, {**TICKET, "state": "responded"})
    assert [each.state for each in batch.tickets] == [TicketState.OPENED, TicketState.RESPONDED]
    mapped = csv_batch(
        f"n,s,t\nINC1,Answered,{AT}\n",
        kind="ticket",
        service="desk",
        ticket="n",
        state="s",
        observed_at="t",
        states="Answered=responded",
    )
    assert [each.state for each in mapped.tickets] == [TicketState.RESPONDED]


def test_a_log_of_state_changes_makes_one_opening_a_ticket_and_a_step_a_row() -> None:
    text = (
        "number,state,mod,opened,updated,prio\n"
        "INC1,New,0,29-02-2016 01:16,29-02-2016 01:23,3\n"
        "INC1,Awaiting Vendor,1,29-02-2016 01:16,29-02-2016 02:00,3\n"
        "INC1,Active,2,29-02-2016 01:16,29-02-2016 03:00,3\n"
        "INC1,Resolved,3,29-02-2016 01:16,29-02-2016 03:00,3\n"
    )
    batch = csv_batch(
        text,
        kind="ticket",
        service="desk",
        ticket="number",
        state="state",
        order="mod",
        opened_at="opened",
        observed_at="updated",
        priority="prio",
        time_format="%d-%m-%Y %H:%M",
        zone="UTC",
        states="New=,Active=reopened,Resolved=resolved,*=waiting",
    )
    steps = sorted((instant_text(each.at), each.step, each.state) for each in evidence_of(batch.observations)["desk"].tickets)
    assert steps == [
        ("2016-02-29T01:16:00Z", 0, "opened"),
        ("2016-02-29T02:00:00Z", 1, "waiting"),
        ("2016-02-29T03:00:00Z", 2, "reopened"),
        ("2016-02-29T03:00:00Z", 3, "resolved"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: must be a header"),
        ("a,a\n", "line 1: must be a header"),
        ('checked_at,site,status\n"2026', "is not CSV"),
    ],
)
def test_what_is_no_csv_is_malformed(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        csv_batch(text, **STATUSES)


def test_bytes_that_are_no_text_are_malformed() -> None:
    with pytest.raises(Malformed, match="is not UTF-8 text: byte 3"):
        read_csv(b"a,b\xff\n", mapping=mapping_of(STATUSES), now=NOW, source="file")


def test_columns_that_the_file_has_not_are_all_named() -> None:
    with pytest.raises(Invalid) as refused:
        csv_batch("t,site\n", **STATUSES)
    assert [violation.place for violation in refused.value.violations] == ["observed_at", "state"]


def test_bad_rows_are_named_by_line_and_column_and_only_skipped_when_asked() -> None:
    text = "checked_at,site,status\n2026-03-01T00:00:00Z,a,up\nsoon,a,up\n2026-03-03T00:00:00Z,a\n2026-03-04T00:00:00Z,,up\n"
    with pytest.raises(Rejected) as refused:
        csv_batch(text, **STATUSES)
    assert [violation.place for violation in refused.value.violations] == ["line 3, checked_at", "line 4", "line 5, site"]
    batch = csv_batch(text, **STATUSES, on_error="skip")
    assert (len(batch), batch.rejected_count) == (1, 3)


def test_a_byte_order_mark_and_another_delimiter_are_read() -> None:
    assert len(csv_batch("\ufeffchecked_at;site;status\r\n2026-03-01T00:00:00Z;a;up\r\n", **STATUSES, delimiter="semicolon")) == 1


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"kind": "sample"}, "kind"),
        ({"kind": ""}, "kind"),
        ({"service": ""}, "service"),
        ({"state": ""}, "state"),
        ({"colour": "red"}, "colour"),
        ({"zone": "Berlin"}, "zone"),
        ({"states": "up"}, "states"),
        ({"delimiter": "|"}, "delimiter"),
        ({"known_until": "soon"}, "known_until"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_with_the_parameter(change: dict[str, str], place: str) -> None:
    with pytest.raises(Invalid) as refused:
        mapping_of(STATUSES | change)
    assert [violation.place for violation in refused.value.violations] == [place]


def test_a_file_is_read_by_its_ending() -> None:
    assert [media_of(name) for name in ("a.json", "a.ndjson", "a.JSONL", "a.csv")] == ["json", "ndjson", "ndjson", "csv"]
    with pytest.raises(Invalid, match=r"must end in \.json"):
        media_of("observations.xlsx")
    assert len(read(b'{"source": "p", "observations": []}', "json", now=NOW)) == 0
    with pytest.raises(Invalid, match="a CSV file needs a column mapping"):
        read(b"a,b\n", "csv", now=NOW, source="p")
