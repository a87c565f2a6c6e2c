"""What callers write as text, read the same at both doors: ids, days, instants, states. Refuses with the place it stood in."""

from __future__ import annotations

import re
from datetime import date, datetime
from uuid import UUID

from services.agreements.agreement import STATUSES, Status
from services.agreements.refusals import AgreementNotFound
from services.vocabulary.errors import invalid
from services.vocabulary.period import Instant, datetime_of, parse_day, parse_instant

_LOST_PLUS = re.compile(r"(T[^ ]+) (\d{2}:\d{2})$")


def agreement_id(text: str) -> UUID:
    """What is no id is nobody's agreement: refuses with `AgreementNotFound`."""
    try:
        found = UUID(text)
    except ValueError:
        raise AgreementNotFound(text[:64]) from None
    if str(found) != text.lower():
        raise AgreementNotFound(text[:64])
    return found


def day_or_none(text: str | None, *, place: str) -> date | None:
    return parse_day(text, place=place) if text else None


def instant_or_none(text: str | None, *, place: str) -> Instant | None:
    """Reads RFC 3339, also where the plus of an offset came as a blank: in a query it does, unless it is escaped."""
    return parse_instant(_LOST_PLUS.sub(r"\1+\2", text), place=place) if text else None


def moment_or_none(text: str | None, *, place: str) -> datetime | None:
    """As `instant_or_none`."""
    instant = instant_or_none(text, place=place)
    return None if instant is None else datetime_of(instant)


def status_or_none(text: str) -> Status | None:
    if not text:
        return None
    for status in STATUSES:
        if status == text:
            return status
    raise invalid("status", f"must be one of {', '.join(STATUSES)}, not {text[:40]!r}")
