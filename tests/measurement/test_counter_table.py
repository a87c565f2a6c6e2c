"""Counter table: reports added up as they stand in a file give the sums that plain Python finds, whatever is asked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.counter_table import CounterRows, CounterTable, added_between, packed
from services.measurement.observation import Counters, Int64s
from services.vocabulary.period import Instant
from tests.measurement.calculation import LAW

Report = tuple[str, int, int, int]
"""Component, instant, good and total."""

NAMES = ("api", "db", "web")
LARGEST = 2**32 - 1

counts = st.one_of(st.integers(0, 9), st.integers(0, LARGEST))
reports = st.builds(
    lambda name, at, one, other: (name, at, min(one, other), max(one, other)),
    st.sampled_from(NAMES),
    st.integers(0, 20),
    counts,
    counts,
)
files = st.lists(st.lists(reports, max_size=12).map(lambda part: sorted(part, key=lambda report: report[1])), max_size=3)
cuts_asked = st.lists(st.integers(-2, 23).map(Instant), min_size=1, max_size=6, unique=True).map(lambda cuts: tuple(sorted(cuts)))


def columns(*told: Report) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Places of the names, instants, good and total."""
    return tuple(np.array(column, dtype=np.int64) for column in zip(*((NAMES.index(name), *rest) for name, *rest in told), strict=True))  # type: ignore[return-value]


def rows_of(*told: Report, rows_a_block: int = 2) -> CounterRows:
    rows = packed(len(NAMES), *columns(*told), rows_a_block=rows_a_block)
    assert rows is not None, "they are in the order of time"
    return rows


def table(*parts: list[Report], apart: list[Report], rows_a_block: int) -> CounterTable:
    numbers = {name: number for number, name in enumerate(NAMES)}
    alone = {name: [report for report in apart if report[0] == name] for name in NAMES}
    return CounterTable(
        {name: counters(*told) for name, told in alone.items() if told},
        [(rows_of(*part, rows_a_block=rows_a_block), numbers) for part in parts if part],
    )


def counters(*told: Report) -> Counters:
    _, at, good, total = columns(*told)
    return Counters(at=at, good=good, total=total)


def added(told: list[Report], names: tuple[str, ...], cuts: tuple[Instant, ...]) -> list[tuple[int, int]]:
    parts = [[report for report in told if report[0] in names and start <= report[1] < end] for start, end in pairwise(cuts)]
    return [(sum(report[2] for report in part), sum(report[3] for report in part)) for part in parts]


@LAW
@given(files, st.lists(reports, max_size=4), st.lists(st.sampled_from(NAMES), unique=True), cuts_asked, st.integers(1, 5))
def test_what_lies_between_two_cuts_is_what_plain_python_adds(
    parts: list[list[Report]], apart: list[Report], names: list[str], cuts: tuple[Instant, ...], rows_a_block: int
) -> None:
    found = table(*parts, apart=apart, rows_a_block=rows_a_block)
    told = [report for part in (*parts, apart) for report in part]
    for asked in (cuts, cuts[:1], cuts):
        series = found.between(names, asked)
        together = [tuple(sum(each[part][side] for each in series) for side in (0, 1)) for part in range(len(asked) - 1)]
        assert together == added(told, tuple(names or NAMES), asked)


@LAW
@given(files, st.lists(reports, max_size=4), st.integers(1, 5))
def test_the_reports_of_a_component_are_those_that_were_told(parts: list[list[Report]], apart: list[Report], rows_a_block: int) -> None:
    found = table(*parts, apart=apart, rows_a_block=rows_a_block)
    assert set(apart) | {report for part in parts for report in part} == {
        (name, *row) for name, each in found.items() for row in zip(each.at.tolist(), each.good.tolist(), each.total.tolist(), strict=True)
    }


def test_only_rows_in_the_order_of_time_are_packed() -> None:
    assert packed(3, *columns(("api", 2, 1, 1), ("web", 1, 1, 1))) is None
    assert packed(3, *columns(("web", 1, 1, 1), ("api", 1, 1, 1))) is not None


def test_a_count_of_more_than_32_bits_is_not_packed() -> None:
    assert packed(3, *columns(("api", 1, 0, LARGEST + 1))) is None
    assert rows_of(("api", 1, LARGEST, LARGEST), ("api", 1, 1, LARGEST)).blocks[0, :, 0].tolist() == [LARGEST + 1, 2 * LARGEST]


def test_a_component_that_reports_of_nothing_has_told_something() -> None:
    assert rows_of(("api", 1, 0, 0), ("web", 1, 0, 0)).told.tolist() == [True, False, True]


def test_no_cut_asks_for_nothing() -> None:
    assert table([("api", 1, 1, 1)], apart=[("db", 1, 1, 1)], rows_a_block=2).between((), ()) == [[], []]


def test_sums_beyond_64_bits_are_exact() -> None:
    _, at, good, total = columns(("api", 1, 2**62, 2**62), ("api", 2, 2**62, 2**62), ("api", 3, 1, 2**62))
    assert added_between(at, good, total, (Instant(0), Instant(3), Instant(4))) == [(2**63, 2**63), (1, 2**62)]
