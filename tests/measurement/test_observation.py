"""Evidence keeps the shape that the calculator relies on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.observation import BY_BADNESS, NOTHING_KNOWN, Counters, Evidence, Latencies, Outage, State, StatusChange, Statuses
from services.vocabulary.period import Instant, Interval
from tests.measurement.calculation import LAW, columns


def test_columns_of_different_length_are_no_rows() -> None:
    one, two = np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)
    with pytest.raises(AssertionError):
        Counters(at=one, good=one, total=two)
    with pytest.raises(AssertionError):
        Latencies(at=one, us=two)
    with pytest.raises(AssertionError):
        Statuses(at=one, state=np.zeros(2, dtype=np.int8))


def test_floats_are_refused_because_no_float_reaches_a_verdict() -> None:
    instants = np.zeros(1, dtype=np.int64)
    milliseconds = np.array([45.868])
    with pytest.raises(AssertionError):
        Latencies(at=instants, us=milliseconds)
    with pytest.raises(AssertionError):
        Counters(at=instants, good=milliseconds, total=milliseconds)
    with pytest.raises(AssertionError):
        Statuses(at=milliseconds, state=np.zeros(1, dtype=np.int8))
    with pytest.raises(AssertionError):
        Statuses(at=instants, state=np.zeros(1))  # type: ignore[arg-type]


def test_evidence_of_nothing_has_no_rows_of_any_kind() -> None:
    for evidence in (NOTHING_KNOWN, Evidence()):
        assert not any(
            (evidence.statuses, evidence.outages, evidence.counters, evidence.latencies, evidence.tickets, evidence.status_series)
        )
        assert (len(evidence.statuses_of("db").at), evidence.outages_of("db")) == (0, ())


def test_outages_are_found_by_their_component() -> None:
    one, two = (Outage(component=name, interval=Interval(Instant(1), Instant(2))) for name in ("a", "b"))
    evidence = Evidence(outages=[one, two, one])
    assert (list(evidence.outages_of("a")), list(evidence.outages_of("b")), list(evidence.outages_of("c"))) == ([one, one], [two], [])


def rows(statuses: Statuses) -> list[tuple[int, State]]:
    return [(at, BY_BADNESS[state]) for at, state in zip(statuses.at.tolist(), statuses.state.tolist(), strict=True)]


SAID = st.lists(st.tuples(st.integers(0, 12).map(Instant), st.sampled_from(State)), max_size=15)


@LAW
@given(SAID, SAID)
def test_settled_statuses_say_the_worst_of_each_instant_and_only_what_changes(
    one_by_one: list[tuple[Instant, State]], series: list[tuple[Instant, State]]
) -> None:
    evidence = Evidence(
        statuses=[StatusChange(component=name, at=at, state=state) for at, state in one_by_one for name in ("a", "b")],
        status_series={"a": columns(*series)},
    )
    for component, said in (("a", one_by_one + series), ("b", one_by_one)):
        expected: list[tuple[int, State]] = []
        for now in sorted({at for at, _ in said}):
            worst = max((state for at, state in said if at == now), key=BY_BADNESS.index)
            if not expected or expected[-1][1] is not worst:
                expected.append((now, worst))
        assert rows(evidence.statuses_of(component)) == expected
