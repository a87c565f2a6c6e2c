"""Replaying the events equals the live projection: what was told of a period, read back from its bytes, makes the same state and rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from services.chassis.events import Metadata, Recorded
from services.measurement import views
from services.measurement.judgement import Event, Finding, Judgement, PeriodAlreadyClosed, PeriodNotOver, close, evolve, tell
from services.measurement.store import METADATA
from services.measurement.stored import Stored
from services.vocabulary.period import MINUTE, instant_text
from tests.measurement.calculation import LAW, down, later, minute
from tests.measurement.test_judgement import LATE, OVER, REGISTRY, after, found

Step = tuple[int, int, bool]
"""Minutes down, the minute of June up to which they are measured, and whether the period is to be closed."""

STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.integers(0, 120), st.one_of(st.integers(20_200, 43_199), st.just(50_000)), st.booleans()), max_size=8
)


def looked_at(step: Step, number: int) -> Finding:
    bad, until, _ = step
    return found(down(bad), measured_until=minute(until), recorded_at=instant_text(later(OVER, number * MINUTE)))


def told(state: Judgement | None, step: Step, finding: Finding) -> Sequence[Event]:
    if step[2]:
        with suppress(PeriodNotOver, PeriodAlreadyClosed):
            return close(state, finding)
    return tell(state, finding, reasons=LATE)


def recorded(event: Event, position: int) -> Recorded[Stored]:
    metadata = Metadata(
        event_id=str(position),
        recorded_at=instant_text(OVER),
        actor="assessor",
        organisation="upheld",
        reason="",
        tool="",
        correlation_id="",
        causation_id="",
        traceparent="",
    )
    return Recorded(position=position, stream=UUID(int=0), version=position, type=REGISTRY.name_of(event), event=event, metadata=metadata)


def rows(connection: Connection) -> list[object]:
    """What the read models hold of closed periods."""
    closed = connection.execute(sa.select(views.PERIODS).where(views.PERIODS.c.closed))
    stated = [(row.agreement_id, row.period, json.loads(row.document)) for row in closed]
    return [*stated, *(tuple(row) for row in connection.execute(sa.select(views.BOOKED).order_by(views.BOOKED.c.revision)))]


@LAW
@given(STEPS)
def test_replaying_the_events_equals_the_live_projection(steps: list[Step]) -> None:
    log: list[Event] = []
    state: Judgement | None = None
    live, again = sa.create_engine("sqlite://"), sa.create_engine("sqlite://")
    for engine in (live, again):
        METADATA.create_all(engine)
    with live.begin() as connection, again.begin() as replayed:
        for number, step in enumerate(steps):
            finding = looked_at(step, number)
            for event in told(state, step, finding):
                log.append(event)
                state = evolve(state, event)
                views.apply(connection, recorded(event, len(log)))
            views.put_running(connection, finding.document)
        written = [REGISTRY.decode(REGISTRY.name_of(event), REGISTRY.encode(event))[1] for event in log]
        assert after(*written) == state
        for _ in range(2):
            for position, event in enumerate(written, start=1):
                views.apply(replayed, recorded(event, position))
            assert rows(replayed) == rows(connection)
    assert len(state.stated if state else ()) == sum("assessment" in vars(event) for event in log)
