"""Differences as sentences: every field of the grammar has words of its own, and what is told is what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given, settings

from services.agreements.terms import Change, Node, Terms, difference, in_words
from services.agreements.terms import grammar as terms_grammar
from services.agreements.terms.difference import MATCHED_BY
from services.agreements.terms.fields import (
    Choice,
    ClockTime,
    Duration,
    Entry,
    Flag,
    Whole,
    currency,
    day,
    instant,
    milliseconds,
    money,
    multiple,
    percent,
    percent_above_zero,
    percent_below_hundred,
)
from services.agreements.terms.grammar import Table
from tests.agreements.valid_terms import valid_terms

NAMES = {
    "parties": "provider",
    "contacts": "ida@nordwind.example",
    "underpinning": "uptime/6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11/storage-uptime",
    "holidays": "2026-04-03",
    "also_closed": "2026-12-31",
}
NAMED = frozenset(MATCHED_BY)
PERCENTS: list[object] = [percent, percent_above_zero, percent_below_hundred]
AMOUNTS: list[object] = [money, milliseconds, multiple]


@pytest.mark.parametrize(
    ("place", "before", "after", "sentence"),
    [
        ("objectives[uptime].target", "99.9", "99.95", "Objective uptime: the target rises from 99.9 % to 99.95 %."),
        ("objectives[uptime].clause", None, "3.1", 'Objective uptime: the clause is now "3.1".'),
        ("objectives[uptime].clause", "3.1", None, 'Objective uptime: the clause is left out, "3.1" up to now.'),
        (
            "ends_on",
            "2026-12-31",
            None,
            "The agreement: the last day is left out, 2026-12-31 up to now; that is: open-ended.",
        ),
        ("ends_on", "2026-12-31", "2027-12-31", "The agreement: the last day moves from 2026-12-31 to 2027-12-31."),
        ("credit.monthly_charge", "1200.00", "1000.00", "The agreement: the monthly charge falls from 1200.00 to 1000.00."),
        (
            "exclusion_classes[planned-work].monthly_cap",
            "90m",
            "8h",
            "Exclusion class planned-work: the most of a month rises from 90 min to 8 h.",
        ),
        ("objectives[uptime].indicator.components", ["web"], ["web", "db"], "Objective uptime: db joins the components."),
        (
            "objectives[uptime].indicator.components",
            ["web", "api"],
            ["db", "cache"],
            "Objective uptime: db and cache join the components and web and api leave them.",
        ),
        ("auditors", ["a", "b"], ["b", "a"], "The agreement: the order of the auditors is now b, a."),
        ("objectives[db].indicator.weights.db-1", 2, 3, "Part db-1 of objective db: the weight rises from 2 to 3."),
        ("services[bank].components[db]", None, {"id": "db", "name": "Database"}, "Component db of service bank is new (Database)."),
        ("objectives[uptime]", {"id": "uptime", "name": "Up"}, None, "Objective uptime is left out (Up)."),
        (
            "parties[provider].contacts[ida@nordwind.example].role",
            None,
            "signatory",
            'Contact ida@nordwind.example of the provider: the role is now "signatory".',
        ),
        (
            "renewal",
            None,
            {"months": 12, "notice_days": 90},
            "The agreement: the renewal is now months 12, notice days 90.",
        ),
        (
            "underpinning[uptime/6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11/storage].kind",
            "contract",
            "internal",
            "The support of objective uptime by objective storage of agreement 6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11: "
            "the kind changes from contract to internal.",
        ),
        (
            "responsibilities[restore [all] backups.daily].accountable",
            "a",
            "b",
            "Activity restore [all] backups.daily: who answers for it changes from a to b.",
        ),
        (
            "objectives[uptime].credits",
            [{"below": "99.9", "percent": "10"}],
            [{"below": "99.9", "percent": "15"}],
            "Objective uptime: the credit tiers change from below 99.9 %, percent 10 % to below 99.9 %, percent 15 %.",
        ),
        ("something.else", "a", None, "something.else: a becomes nothing."),
    ],
)
def test_a_change_is_a_sentence(place: str, before: Node, after: Node, sentence: str) -> None:
    assert in_words(Change(place=place, before=before, after=after)) == sentence


def places(table: Table = terms_grammar.TERMS, within: str = "", keys: tuple[str, ...] = ()) -> Iterator[tuple[str, Entry]]:
    """Every place that a difference can name, with what may stand there."""
    for key, entry in table.items():
        place = f"{within}.{key}" if within else key
        yield place, entry
        if entry.named_by:
            yield f"{place}.web", Entry(meaning=entry.meaning, read=entry.read)
        if entry.of and (key in NAMED or not entry.many):
            inner = f"{place}[{NAMES.get(key, 'web')}]" if key in NAMED and entry.many else place
            if inner != place:
                yield inner, entry
            yield from places(entry.of, inner, (*keys, key))


def sample(entry: Entry, other: bool) -> Node:
    """One of two values that may stand there."""
    if entry.of or entry.named_by:
        one: dict[str, Node] = {"name": "other" if other else "one"}
        return [one] if entry.many else one
    read = entry.read
    plain: Node = "b" if other else "a"
    match read:
        case Choice():
            plain = read.words[-1 if other else 0]
        case Whole():
            plain = read.at_least + other
        case Flag():
            plain = bool(other)
        case Duration():
            plain = "2m" if other else "1m"
        case ClockTime():
            plain = "10:00" if other else "09:00"
        case _ if read is day:
            plain = "2026-02-01" if other else "2026-01-01"
        case _ if read is instant:
            plain = "2026-02-01T00:00:00Z" if other else "2026-01-01T00:00:00Z"
        case _ if read is currency:
            plain = "USD" if other else "EUR"
        case _ if read in PERCENTS:
            plain = str(Decimal(99) + other)
        case _ if read in AMOUNTS:
            plain = "2" if other else "1"
        case _:
            pass
    return [plain] if entry.many else plain


PLACES = list(places())


@pytest.mark.parametrize(("place", "entry"), PLACES, ids=[place for place, _ in PLACES])
def test_every_field_of_the_grammar_has_a_sentence_of_its_own(place: str, entry: Entry) -> None:
    one, other = sample(entry, False), sample(entry, True)
    if place.endswith("]") and isinstance(one, list) and isinstance(other, list):
        one, other = one[0], other[0]
    for before, after in ((one, other), (None, other), (one, None)):
        if before is not None and after is not None and place.endswith("]"):
            continue
        told = in_words(Change(place=place, before=before, after=after))
        assert not told.startswith(f"{place}: "), told
        assert re.fullmatch(r"[A-Z].+\.", told), told
        assert "_" not in told
        assert "{" not in told


def test_the_grammar_is_walked_wholly() -> None:
    told = {place for place, _ in PLACES}
    assert {"renewal.notice_days", "objectives[web].relief.step", "credit.claim.counted_from", "calendars[web].hours"} <= told
    assert len(told) > 120


@given(before=valid_terms(), after=valid_terms())
@settings(max_examples=20, deadline=None)
def test_whatever_changed_is_told_in_one_line_each(before: Terms, after: Terms) -> None:
    for change in difference(before, after):
        told = in_words(change)
        assert told.endswith(".")
        assert not told.startswith(f"{change.place}: ")
