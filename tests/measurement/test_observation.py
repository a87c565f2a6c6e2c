"""Evidence keeps the shape that the calculator relies on."""

from __future__ import annotations

import numpy as np
import pytest

from services.measurement.observation import NOTHING_KNOWN, Counters, Evidence, Latencies


def test_columns_of_different_length_are_no_rows() -> None:
    one, two = np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)
    with pytest.raises(AssertionError):
        Counters(at=one, good=one, total=two)
    with pytest.raises(AssertionError):
        Latencies(at=one, us=two)


def test_floats_are_refused_because_no_float_reaches_a_verdict() -> None:
    instants = np.zeros(1, dtype=np.int64)
    milliseconds = np.array([45.868])
    with pytest.raises(AssertionError):
        Latencies(at=instants, us=milliseconds)
    with pytest.raises(AssertionError):
        Counters(at=instants, good=milliseconds, total=milliseconds)


def test_evidence_of_nothing_has_no_rows_of_any_kind() -> None:
    for evidence in (NOTHING_KNOWN, Evidence()):
        assert not any((evidence.statuses, evidence.outages, evidence.counters, evidence.latencies, evidence.tickets))
