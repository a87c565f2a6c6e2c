"""Observations written into a bundle and read back: what both sides had reported of a period when it was stated. Pure.

What observations say is told as it is kept: rows as lists, samples as packed frames. Other agreements' series in the same frames stay out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, fields
from typing import TypeVar

import numpy as np

from services.measurement.batch import Observations, OutageRow, Series, StatusRow, TicketRow
from services.measurement.frame import ROW, Frame, SampleKind, unpacked
from services.measurement.observation import State, TicketState
from services.transparency.bundle import BadBundle, Node, decoded, encoded
from services.vocabulary.period import Instant

R = TypeVar("R", StatusRow, OutageRow, TicketRow)

_TOLD: Mapping[type, Mapping[str, type[State] | type[TicketState]]] = {
    StatusRow: {"state": State},
    OutageRow: {},
    TicketRow: {"state": TicketState},
}


def observations_node(observations: Observations) -> Node:
    """Rows in their own order, whatever order the store had them in."""
    return {
        "series": {str(number): [*series] for number, series in sorted(observations.series.items())},
        "statuses": _rows(observations.statuses),
        "outages": _rows(observations.outages),
        "tickets": _rows(observations.tickets),
        "counters": _frames(observations.counters, observations.series),
        "latencies": _frames(observations.latencies, observations.series),
    }


def read_observations(node: Node, place: str) -> Observations:
    """Refuses with `BadBundle`."""
    try:
        return _observations(node, place)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise BadBundle(place, "must be observations") from None


def _observations(node: Node, place: str) -> Observations:
    if not isinstance(node, dict):
        raise BadBundle(place, "must be observations")
    return Observations(
        series={int(number): Series(*named) for number, named in node["series"].items()},
        statuses=[_row(StatusRow, each) for each in node["statuses"]],
        outages=[_row(OutageRow, each) for each in node["outages"]],
        tickets=[_row(TicketRow, each) for each in node["tickets"]],
        counters=[_frame("counter", each, place) for each in node["counters"]],
        latencies=[_frame("latency", each, place) for each in node["latencies"]],
    )


def _rows(rows: Sequence[StatusRow | OutageRow | TicketRow]) -> list[Node]:
    return [[str(each) if isinstance(each, str) else each for each in row] for row in sorted(map(astuple, rows))]


def _row(kind: type[R], told: Sequence[object]) -> R:
    build: Callable[..., R] = kind
    if not all(type(each) in (str, int) for each in told):
        raise TypeError("a row holds texts and whole numbers")
    named = dict(zip([each.name for each in fields(kind)], told, strict=True))
    for name, word in _TOLD[kind].items():
        named[name] = word(str(named[name]))
    return build(**named)


def _frames(frames: Sequence[Frame], series: Mapping[int, Series]) -> list[Node]:
    own = [(frame, frame.rows[np.isin(frame.rows["series"], list(series))]) for frame in frames]
    return [{"source": frame.source, "base": int(frame.base), "rows": encoded(rows.tobytes())} for frame, rows in own if len(rows)]


def _frame(kind: SampleKind, told: Mapping[str, Node], place: str) -> Frame:
    base, source, rows = told["base"], told["source"], decoded(told["rows"], place)
    if type(base) is not int or not isinstance(source, str) or len(rows) % ROW[kind].itemsize:
        raise BadBundle(place, "must be packed samples")
    return unpacked(kind, Instant(base), rows, source=source)
