"""What a bundle's history says to the calculator: the suspensions and renewals of the agreement's own events, as they became known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.agreements.agreement import Agreement
from services.agreements.audit import Told
from services.agreements.evolve import evolve
from services.agreements.facts import Fact, Renewed, Resumed, Suspended
from services.agreements.readback import ReadFact
from services.command.figures import signed_in
from services.measurement.terms_copy import Agreement as Copy
from services.measurement.wire import Renewal, Suspension
from services.transparency.bundle import StoredEvent
from services.vocabulary.period import Instant, parse_instant
from tests.agreements.support import AGREEMENT, CUSTOMER, PROVIDER, active

APRIL_8, APRIL_14, OCTOBER_3 = "2026-04-08T09:00:00Z", "2026-04-14T09:00:00Z", "2026-10-03T00:00:00Z"
OPEN = Suspended(first_day=date(2026, 4, 10), last_day=None, reason="rebuilding", provider=PROVIDER, confirmed_by=CUSTOMER)
ENDED = Resumed(first_day=date(2026, 4, 10), last_day=date(2026, 4, 14), reason="rebuilt", provider=PROVIDER, confirmed_by=CUSTOMER)
RENEWED = Renewed(last_day=date(2027, 12, 31), provider=PROVIDER)


def at(text: str) -> Instant:
    return parse_instant(text, place="test")


def told(facts: Sequence[tuple[str, Fact]]) -> tuple[list[Told], Agreement]:
    agreement, events = active(), []
    for number, (recorded_at, fact) in enumerate(facts, start=7):
        agreement = evolve(agreement, fact, recorded_at=recorded_at)
        event = StoredEvent(position=number, version=number, name="n", content=b"", index=number, siblings=())
        read = ReadFact(fact=fact, recorded_at=recorded_at, actor="ida", organisation=PROVIDER)
        events.append(Told(stream=AGREEMENT, event=event, read=read))
    return events, agreement


def test_the_calculator_of_the_verifier_knows_what_was_suspended_and_renewed_and_since_when() -> None:
    signed = signed_in(*told([(APRIL_8, OPEN), (APRIL_14, ENDED), (OCTOBER_3, RENEWED)]))
    assert signed.suspensions == (
        Suspension(first_day=date(2026, 4, 10), last_day=None, recorded_at=at(APRIL_8), reason="rebuilding"),
        Suspension(first_day=date(2026, 4, 10), last_day=date(2026, 4, 14), recorded_at=at(APRIL_14), reason="rebuilt"),
    )
    assert signed.renewals == (Renewal(last_day=date(2027, 12, 31), recorded_at=at(OCTOBER_3)),)
    assert (signed.last_day, signed.ended_at) == (None, None)


def test_it_takes_the_suspended_days_out_of_every_version() -> None:
    signed = signed_in(*told([(APRIL_8, OPEN), (APRIL_14, ENDED)]))
    copy = Copy(id=str(AGREEMENT), versions=signed.versions, suspensions=signed.suspensions, renewals=signed.renewals)
    for version in copy.terms_in_force():
        (suspended,) = version.terms.suspended
        assert (suspended.start, suspended.end) == (at("2026-04-09T22:00:00Z"), at("2026-04-14T22:00:00Z"))
