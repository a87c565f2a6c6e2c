"""A copy of what the parties added, beside the observations, so that a figure reads both in one snapshot. Rows rebuilt from the log.

Each row is a fact as it was stored, with when we learned it: what was known at an instant is the fold of the rows until then.
"""

from __future__ import annotations

from itertools import takewhile

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.chassis.erasure import Forgotten
from services.chassis.events import Recorded, Registry
from services.measurement import marks
from services.measurement.judgement import Reason
from services.measurement.marks import Cause
from services.measurement.party_facts import (
    FACTS,
    NOTHING_ADDED,
    DisputeSettled,
    ExclusionClaimed,
    Fact,
    PartyFacts,
    Told,
    evolve,
    words_of,
)
from services.measurement.store import METADATA, REPORTERS, insert_into
from services.measurement.stored import Stored
from services.vocabulary.period import HOUR, Instant, Interval, parse_instant

PARTY_FACTS = sa.Table(
    "party_facts",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("exclusion_id", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("fact", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
)

_FACTS: Registry[Fact] = Registry(FACTS)
_MARGIN = 48 * HOUR


def apply(connection: Connection, recorded: Recorded[Stored]) -> None:
    """The projection: keeps a fact of the parties once, and marks what it may have changed. A repeat changes nothing."""
    fact = recorded.event
    if not isinstance(fact, Fact):
        return
    recorded_at = parse_instant(recorded.metadata.recorded_at, place="recorded_at")
    if _keep(connection, fact, recorded, recorded_at):
        cause = Cause(
            reason=Reason(words=words_of(fact), recorded_at=recorded_at),
            correlation_id=recorded.metadata.correlation_id,
            causation_id=recorded.metadata.event_id,
            traceparent=recorded.metadata.traceparent,
        )
        _mark(connection, fact, cause)


def added(connection: Connection, agreement_id: str, *, known_at: Instant | None = None) -> PartyFacts:
    """Everything that was known then."""
    found = sa.select(PARTY_FACTS).where(PARTY_FACTS.c.agreement_id == agreement_id).order_by(PARTY_FACTS.c.version)
    state = NOTHING_ADDED
    for row in takewhile(lambda row: known_at is None or row.recorded_at <= known_at, connection.execute(found)):
        state = evolve(state, Told(fact=read_fact(row.name, row.fact.encode()), by=row.subject, recorded_at=Instant(row.recorded_at)))
    return state


def read_fact(name: str, document: bytes) -> Fact:
    """Of what was stored, without its metadata."""
    return _FACTS.decode(name, document)[1]


def agreement_of(connection: Connection, exclusion_id: str) -> str | None:
    """The agreement that the exclusion was claimed under; None: there is no such exclusion."""
    found = sa.select(PARTY_FACTS.c.agreement_id).where(PARTY_FACTS.c.exclusion_id == exclusion_id).limit(1)
    return connection.execute(found).scalar()


def forget(connection: Connection, gone: Forgotten) -> None:
    """In the copy of what the person added for the organisation."""
    found = sa.select(PARTY_FACTS).where(PARTY_FACTS.c.subject == gone.subject)
    for row in connection.execute(found).all():
        if _told_for(read_fact(row.name, row.fact.encode())) == gone.organisation:
            this = sa.update(PARTY_FACTS).where(PARTY_FACTS.c.agreement_id == row.agreement_id, PARTY_FACTS.c.version == row.version)
            connection.execute(this.values(subject=gone.name))


def forget_reporter(connection: Connection, gone: Forgotten) -> None:
    """Beside the observations that the person handed in, which stay; they are in no event."""
    theirs = sa.update(REPORTERS).where(REPORTERS.c.tenant == gone.organisation, REPORTERS.c.reported_by == gone.subject)
    connection.execute(theirs.values(reported_by=gone.name))


def _told_for(fact: Fact) -> str:
    return fact.claimed_by if isinstance(fact, ExclusionClaimed) else fact.organisation


def _keep(connection: Connection, fact: Fact, recorded: Recorded[Stored], recorded_at: Instant) -> bool:
    """False: it was kept before."""
    row = {
        "agreement_id": fact.agreement_id,
        "version": recorded.version,
        "exclusion_id": "" if isinstance(fact, DisputeSettled) else fact.exclusion_id,
        "name": recorded.type,
        "fact": _FACTS.encode(fact).decode(),
        "subject": recorded.metadata.actor,
        "recorded_at": recorded_at,
    }
    insert = insert_into(PARTY_FACTS, connection).values(row).on_conflict_do_nothing().returning(PARTY_FACTS.c.version)
    return connection.execute(insert).first() is not None


def _mark(connection: Connection, fact: Fact, cause: Cause) -> None:
    """From its period on: an outage may reach over a period's end, and a credit uses up the year's cap. What is about tickets has no time
    of its own: they may be due at any."""
    span = Interval(Instant(fact.interval.start - _MARGIN), marks.ALWAYS.end) if fact.interval.length else marks.ALWAYS
    marks.set_mark(connection, scope="agreement", tenant=fact.provider, subject=fact.agreement_id, span=span, cause=cause)
