"""What every decision about an agreement asks first: who acts, whether it still runs, which day it is there. Pure."""

from __future__ import annotations

from datetime import date, datetime

from services.agreements.agreement import Agreement
from services.agreements.refusals import AlreadyEnded, HasBeenArchived, NotActive, NotAParty, TextNotFit
from services.agreements.terms import Terms
from services.vocabulary.errors import Violation
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import day_of, instant_of, parse_zone

_LONGEST_TEXT = 20_000


def acting_party(agreement: Agreement, organisation: OrganisationId) -> None:
    """Refuses with `NotAParty`, and with `HasBeenArchived` whatever is to happen."""
    if agreement.newest.terms.role_of(organisation) is None:
        raise NotAParty(organisation)
    if agreement.status == "archived":
        raise HasBeenArchived


def must_run(agreement: Agreement) -> None:
    """Refuses with `AlreadyEnded` and `NotActive`; what was agreed and has not begun runs."""
    if agreement.ended_on:
        raise AlreadyEnded(agreement.status, agreement.ended_on)
    if agreement.status != "active":
        raise NotActive(agreement.status)


def today_of(terms: Terms, recorded_at: datetime) -> date:
    """The civil day of an instant in the agreement's zone."""
    return day_of(instant_of(recorded_at), parse_zone(terms.zone))


def term_of(agreement: Agreement) -> str:
    """From when to when, as a sentence goes on."""
    first, last = agreement.first_day, agreement.last_day
    return f"{first} to {last}" if last else f"from {first} on"


def check_text(text: str, *, place: str, must_say: bool) -> None:
    """Refuses with `TextNotFit`."""
    if must_say and not text.strip():
        raise TextNotFit(Violation(place=place, rule="must say something"))
    if len(text) > _LONGEST_TEXT:
        raise TextNotFit(Violation(place=place, rule=f"must have at most {_LONGEST_TEXT} characters, not {len(text)}"))
