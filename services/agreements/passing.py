"""What time alone does to an agreement: offers end, terms are renewed or end, reviews fall due. Pure: reads no clock, opens no store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Protocol

from services.agreements.agreement import Agreement
from services.agreements.facts import Fact
from services.agreements.lifecycle import expire, fall_due, next_review_day, renew
from services.agreements.negotiation import lapse
from services.vocabulary.period import Instant, parse_instant, parse_zone, start_of_day


class ByTime(Protocol):
    """A decision that nobody takes; quiet until its time."""

    def __call__(self, agreement: Agreement, *, recorded_at: datetime) -> tuple[Fact, ...]: ...


_REASONS: tuple[tuple[ByTime, str], ...] = (
    (lapse, "Nobody had accepted the offer by its end"),
    (renew, "No notice was given in time"),
    (fall_due, "The terms ask for a review"),
    (expire, "The last day of its term has passed"),
)


def due(agreement: Agreement, *, recorded_at: datetime) -> tuple[ByTime, str] | None:
    """The first decision that is due by an instant, and its reason; None: nothing is. After it the next may be, as after a long silence."""
    return next(((decide, reason) for decide, reason in _REASONS if decide(agreement, recorded_at=recorded_at)), None)


def next_look(agreement: Agreement, *, recorded_at: datetime) -> Instant | None:
    """When something may be due at the earliest, all that is due by `recorded_at` being told; None: never, by itself."""
    return min(_looks(agreement, recorded_at), default=None)


def _looks(agreement: Agreement, recorded_at: datetime) -> Iterator[Instant]:
    if agreement.pending and agreement.pending.valid_until:
        yield parse_instant(agreement.pending.valid_until, place="valid_until")
    if agreement.status == "active":
        zone = parse_zone(agreement.newest.terms.zone)
        for day in _days(agreement, recorded_at):
            yield start_of_day(day, zone)


def _days(agreement: Agreement, recorded_at: datetime) -> Iterator[date]:
    if agreement.last_day:
        renewal = agreement.newest.terms.renewal if agreement.notice is None else None
        yield agreement.last_day + timedelta(days=1 - (renewal.notice_days if renewal else 0))
    review = next_review_day(agreement, recorded_at=recorded_at)
    if review:
        yield review
