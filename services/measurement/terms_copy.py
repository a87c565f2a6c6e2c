"""This room's dated copy of what was agreed: every version of the terms with the day it counts from and the instant it was signed.

Filled from what agreements publishes, and from its answers. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from upheld.agreements.v1 import terms_pb2

from services.chassis.database import upsert
from services.measurement.objective import TermsInForce
from services.measurement.store import METADATA
from services.measurement.wire import Renewal, SignedTerms, Suspension, in_force, organisation_of
from services.vocabulary.period import Instant

TERMS = sa.Table(
    "terms",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("provider", sa.Text, nullable=False, index=True),
    sa.Column("effective_on", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("terms", sa.LargeBinary, nullable=False),
)
CUSTOMERS = sa.Table(
    "customers",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("customer", sa.Text, nullable=False, index=True),
)
ENDINGS = sa.Table(
    "endings",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("last_day", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
)


SUSPENSIONS = sa.Table(
    "suspensions",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("first_day", sa.Text, primary_key=True),
    sa.Column("recorded_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_day", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
RENEWALS = sa.Table(
    "renewals",
    METADATA,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("last_day", sa.Text, primary_key=True),
    sa.Column("recorded_at", sa.BigInteger, primary_key=True, autoincrement=False),
)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`versions` by number, at least one. `last_day` is None until somebody ended it before its time.

    A suspension that was resumed is there twice, as it was known before and after; both are ordered by when they became known.
    """

    id: str
    versions: tuple[SignedTerms, ...]
    last_day: date | None = None
    ended_at: Instant | None = None
    suspensions: tuple[Suspension, ...] = ()
    renewals: tuple[Renewal, ...] = ()

    @property
    def newest(self) -> terms_pb2.Terms:
        return self.versions[-1].message

    @property
    def provider(self) -> str:
        return organisation_of(self.newest, "provider")

    @property
    def customer(self) -> str:
        return organisation_of(self.newest, "customer")

    @property
    def readers(self) -> frozenset[str]:
        """Parties and auditors by the newest terms."""
        return frozenset({self.provider, self.customer, *self.newest.auditors})

    @property
    def services(self) -> frozenset[str]:
        """What any version has an objective on."""
        return frozenset(objective.service for signed in self.versions for objective in signed.message.objectives)

    @property
    def activated_at(self) -> Instant:
        return self.versions[0].recorded_at

    def terms_in_force(self) -> tuple[TermsInForce, ...]:
        return self._in_force

    @cached_property
    def _in_force(self) -> tuple[TermsInForce, ...]:
        return in_force(self.versions, last_day=self.last_day, renewals=self.renewals, suspensions=self.suspensions)

    def known_at(self, instant: Instant | None) -> Agreement | None:
        """As it was known then; None before it was signed."""
        if instant is None:
            return self
        versions = tuple(signed for signed in self.versions if signed.recorded_at <= instant)
        if not versions:
            return None
        is_ended = self.ended_at is not None and self.ended_at <= instant
        return replace(
            self,
            versions=versions,
            last_day=self.last_day if is_ended else None,
            suspensions=tuple(each for each in self.suspensions if each.recorded_at <= instant),
            renewals=tuple(each for each in self.renewals if each.recorded_at <= instant),
        )


def _keep_version(connection: Connection, agreement_id: str, signed: SignedTerms) -> None:
    row = {
        "agreement_id": agreement_id,
        "version": signed.version,
        "provider": organisation_of(signed.message, "provider"),
        "effective_on": signed.effective_on.isoformat(),
        "recorded_at": signed.recorded_at,
        "terms": signed.message.SerializeToString(deterministic=True),
    }
    upsert(TERMS, connection, row, key=["agreement_id", "version"])


def keep_ending(connection: Connection, agreement_id: str, *, last_day: date, recorded_at: Instant) -> None:
    row = {"agreement_id": agreement_id, "last_day": last_day.isoformat(), "recorded_at": recorded_at}
    upsert(ENDINGS, connection, row, key=["agreement_id"])


def keep_suspension(connection: Connection, agreement_id: str, suspension: Suspension) -> None:
    row = {
        "agreement_id": agreement_id,
        "first_day": suspension.first_day.isoformat(),
        "recorded_at": suspension.recorded_at,
        "last_day": suspension.last_day.isoformat() if suspension.last_day else "",
        "reason": suspension.reason,
    }
    upsert(SUSPENSIONS, connection, row, key=["agreement_id", "first_day", "recorded_at"])


def keep_renewal(connection: Connection, agreement_id: str, renewal: Renewal) -> None:
    """As it was told, in the place of what an answer had let us know of it since a later instant."""
    table, day = RENEWALS.c, renewal.last_day.isoformat()
    same = (table.agreement_id == agreement_id, table.last_day == day, table.recorded_at > renewal.recorded_at)
    connection.execute(sa.delete(RENEWALS).where(*same))
    row = {"agreement_id": agreement_id, "last_day": day, "recorded_at": renewal.recorded_at}
    upsert(RENEWALS, connection, row, key=["agreement_id", "last_day", "recorded_at"])


def keep(connection: Connection, agreement: Agreement) -> None:
    """All that was answered. An ending or a renewal that is known already keeps the instant at which it became so."""
    for signed in agreement.versions:
        _keep_version(connection, agreement.id, signed)
    upsert(CUSTOMERS, connection, {"agreement_id": agreement.id, "customer": agreement.customer}, key=["agreement_id"])
    if agreement.last_day is not None and agreement.ended_at is not None:
        known = connection.execute(sa.select(ENDINGS.c.last_day).where(ENDINGS.c.agreement_id == agreement.id)).scalar()
        if known != agreement.last_day.isoformat():
            keep_ending(connection, agreement.id, last_day=agreement.last_day, recorded_at=agreement.ended_at)
    for suspension in agreement.suspensions:
        keep_suspension(connection, agreement.id, suspension)
    renewed = {each.last_day for each in _renewals(connection).get(agreement.id, ())}
    for renewal in agreement.renewals:
        if renewal.last_day not in renewed:
            keep_renewal(connection, agreement.id, renewal)


def agreement(connection: Connection, agreement_id: str) -> Agreement | None:
    """None where no copy is here (yet)."""
    found = _agreements(connection, TERMS.c.agreement_id == agreement_id)
    return found[0] if found else None


def agreements_of(connection: Connection, party: str) -> Sequence[Agreement]:
    """Those in which it is the provider or the customer."""
    bought = sa.select(CUSTOMERS.c.agreement_id).where(CUSTOMERS.c.customer == party)
    return _agreements(connection, sa.or_(TERMS.c.provider == party, TERMS.c.agreement_id.in_(bought)))


def agreements(connection: Connection) -> Sequence[Agreement]:
    return _agreements(connection, sa.true())


def _agreements(connection: Connection, which: sa.ColumnElement[bool]) -> list[Agreement]:
    endings = {row.agreement_id: row for row in connection.execute(sa.select(ENDINGS))}
    suspensions, renewals = _suspensions(connection), _renewals(connection)
    versions: dict[str, list[SignedTerms]] = {}
    for row in connection.execute(sa.select(TERMS).where(which).order_by(TERMS.c.agreement_id, TERMS.c.version)):
        signed = SignedTerms(
            version=row.version,
            effective_on=date.fromisoformat(row.effective_on),
            message=terms_pb2.Terms.FromString(row.terms),
            recorded_at=Instant(row.recorded_at),
        )
        versions.setdefault(row.agreement_id, []).append(signed)
    return [
        Agreement(
            id=agreement_id,
            versions=tuple(signed),
            last_day=date.fromisoformat(endings[agreement_id].last_day) if agreement_id in endings else None,
            ended_at=Instant(endings[agreement_id].recorded_at) if agreement_id in endings else None,
            suspensions=tuple(suspensions.get(agreement_id, ())),
            renewals=tuple(renewals.get(agreement_id, ())),
        )
        for agreement_id, signed in versions.items()
    ]


def _suspensions(connection: Connection) -> Mapping[str, Sequence[Suspension]]:
    found: dict[str, list[Suspension]] = {}
    for row in connection.execute(sa.select(SUSPENSIONS).order_by(SUSPENSIONS.c.recorded_at, SUSPENSIONS.c.first_day)):
        suspension = Suspension(
            first_day=date.fromisoformat(row.first_day),
            last_day=date.fromisoformat(row.last_day) if row.last_day else None,
            recorded_at=Instant(row.recorded_at),
            reason=row.reason,
        )
        found.setdefault(row.agreement_id, []).append(suspension)
    return found


def _renewals(connection: Connection) -> Mapping[str, Sequence[Renewal]]:
    found: dict[str, list[Renewal]] = {}
    for row in connection.execute(sa.select(RENEWALS).order_by(RENEWALS.c.recorded_at, RENEWALS.c.last_day)):
        renewal = Renewal(last_day=date.fromisoformat(row.last_day), recorded_at=Instant(row.recorded_at))
        found.setdefault(row.agreement_id, []).append(renewal)
    return found
