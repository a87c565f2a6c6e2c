"""The copy of what was agreed: when something became known stays what it was, however often it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy.engine import Connection

from services.chassis.database import Database
from services.chassis.settings import Settings
from services.measurement import terms_copy
from services.measurement.store import METADATA
from services.measurement.terms_copy import Agreement
from services.measurement.wire import Renewal, SignedTerms, Suspension
from services.vocabulary.period import HOUR, Instant, parse_instant
from tests.measurement import promise

TERMINATED_AT = parse_instant("2026-04-20T09:00:00Z", place="at")
LATER = Instant(TERMINATED_AT + 24 * HOUR)


def answered(*, last_day: date | None, ended_at: Instant | None) -> Agreement:
    signed = SignedTerms(
        version=1,
        effective_on=date(2026, 3, 1),
        message=promise.terms(),
        recorded_at=parse_instant(promise.SIGNED, place="signed"),
    )
    return Agreement(id=promise.AGREEMENT, versions=(signed,), last_day=last_day, ended_at=ended_at)


def test_what_was_answered_is_read_back(settings: Settings) -> None:
    told = answered(last_day=date(2026, 4, 30), ended_at=TERMINATED_AT)
    with Database.open("measurement", settings, METADATA).engine.begin() as connection:
        assert terms_copy.agreement(connection, promise.AGREEMENT) is None
        terms_copy.keep(connection, told)
        assert terms_copy.agreement(connection, promise.AGREEMENT) == told
        assert terms_copy.agreements_of(connection, promise.PROVIDER) == [told]
        assert terms_copy.agreements_of(connection, promise.CUSTOMER) == [told]
        assert terms_copy.agreements_of(connection, promise.STRANGER) == []


def test_an_ending_that_is_answered_again_became_known_when_it_first_was(settings: Settings) -> None:
    told = answered(last_day=date(2026, 4, 30), ended_at=TERMINATED_AT)
    with Database.open("measurement", settings, METADATA).engine.begin() as connection:
        terms_copy.keep(connection, told)
        terms_copy.keep(connection, replace(told, ended_at=LATER))
        assert _copy(connection).ended_at == TERMINATED_AT
        terms_copy.keep(connection, replace(told, last_day=date(2026, 4, 25), ended_at=LATER))
        assert (_copy(connection).last_day, _copy(connection).ended_at) == (date(2026, 4, 25), LATER)


def test_an_ending_is_not_known_before_it_was_told() -> None:
    told = answered(last_day=date(2026, 4, 30), ended_at=TERMINATED_AT)
    before, then = told.known_at(Instant(TERMINATED_AT - 1)), told.known_at(TERMINATED_AT)
    assert before is not None
    assert then is not None
    assert (before.last_day, then.last_day) == (None, date(2026, 4, 30))
    assert told.known_at(Instant(told.activated_at - 1)) is None


SUSPENDED = Suspension(first_day=date(2026, 4, 10), last_day=None, recorded_at=TERMINATED_AT, reason="rebuilding")
RESUMED = replace(SUSPENDED, last_day=date(2026, 4, 14), recorded_at=LATER)
RENEWED = Renewal(last_day=date(2027, 12, 31), recorded_at=TERMINATED_AT)


def test_suspensions_and_renewals_are_read_back_as_they_became_known(settings: Settings) -> None:
    told = replace(answered(last_day=None, ended_at=None), suspensions=(SUSPENDED, RESUMED), renewals=(RENEWED,))
    with Database.open("measurement", settings, METADATA).engine.begin() as connection:
        terms_copy.keep(connection, told)
        terms_copy.keep(connection, replace(told, renewals=(replace(RENEWED, recorded_at=LATER),)))
        assert _copy(connection) == told
        then = _copy(connection).known_at(TERMINATED_AT)
        assert then is not None
        assert (then.suspensions, then.renewals) == ((SUSPENDED,), (RENEWED,))


def test_a_day_that_two_renewals_came_to_was_known_since_the_first(settings: Settings) -> None:
    """Between them both signed another end, from which a renewal came to the same day again."""
    again = replace(RENEWED, recorded_at=LATER)
    with Database.open("measurement", settings, METADATA).engine.begin() as connection:
        terms_copy.keep(connection, answered(last_day=None, ended_at=None))
        for renewal in (RENEWED, again):
            terms_copy.keep_renewal(connection, promise.AGREEMENT, renewal)
        then = _copy(connection).known_at(TERMINATED_AT)
        assert then is not None
        assert (then.renewals, _copy(connection).renewals) == ((RENEWED,), (RENEWED, again))


def test_a_renewal_that_an_answer_told_of_first_is_known_since_it_was_recorded(settings: Settings) -> None:
    with Database.open("measurement", settings, METADATA).engine.begin() as connection:
        terms_copy.keep(connection, replace(answered(last_day=None, ended_at=None), renewals=(replace(RENEWED, recorded_at=LATER),)))
        terms_copy.keep_renewal(connection, promise.AGREEMENT, RENEWED)
        assert _copy(connection).renewals == (RENEWED,)


def _copy(connection: Connection) -> Agreement:
    found = terms_copy.agreement(connection, promise.AGREEMENT)
    assert found is not None
    return found
