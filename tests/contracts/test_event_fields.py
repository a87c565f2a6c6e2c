"""A stored event's class does not change: a new shape is a new version and an upcaster. What was added is pinned, and has a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from tests.contracts.event_fields import STORED_EVENTS, UPCAST, Fields, broken, faults, fields_of, pinned


@pytest.mark.parametrize("service", STORED_EVENTS)
def test_every_stored_event_is_made_of_what_was_pinned(service: str) -> None:
    told = faults(STORED_EVENTS[service], pinned()[service], upcast=UPCAST.get(service, ()))
    assert not told, f"{'; '.join(told)}. What is only new is added by `python -m tests.contracts.event_fields`"


@dataclass(frozen=True, kw_only=True)
class Clause:
    place: str
    weight: int | None


@dataclass(frozen=True, kw_only=True)
class Agreed:
    by: Literal["bank", "provider"]
    clauses: tuple[Clause, ...]
    notes: dict[str, str]
    charge: Clause | None = None


AGREED: Fields = {
    "by": "'bank' | 'provider'",
    "clauses": "[…]",
    "clauses[]": "{…}",
    "clauses[].place": "str",
    "clauses[].weight": "None | int",
    "notes": "{…}",
    "notes{}": "str",
    "charge": "None | {…} = default",
    "charge.place": "str",
    "charge.weight": "None | int",
}


def test_the_fields_of_a_class_are_told_by_their_places() -> None:
    assert fields_of(Agreed) == AGREED


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"by": None}, "by was \"'bank' | 'provider'\" and is 'gone'"),
        ({"by": "'bank'"}, "and is \"'bank'\""),
        ({"clauses[].place": "int"}, "clauses[].place was 'str' and is 'int'"),
        ({"clauses[].weight": "int"}, "clauses[].weight was 'None | int' and is 'int'"),
        ({"clauses[].colour": "str"}, "clauses[].colour is new and has no default"),
        ({"charge": "None | {…}"}, "charge was 'None | {…} = default'"),
        ({"reason": "str"}, "reason is new and has no default"),
    ],
)
def test_a_change_that_old_events_do_not_survive_is_told(changed: dict[str, str | None], told: str) -> None:
    after = {place: text for place, text in {**AGREED, **changed}.items() if text is not None}
    (found,) = broken(AGREED, after)
    assert told in found


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"reason": "str = default"},
        {"by": "'auditor' | 'bank' | 'provider'"},
        {"fee": "None | {…} = default", "fee.amount": "str", "fee.tiers": "[…]", "fee.tiers[]": "int"},
    ],
)
def test_what_old_events_survive_is_no_fault(changed: dict[str, str]) -> None:
    assert broken(AGREED, {**AGREED, **changed}) == []


def test_an_addition_counts_once_it_is_pinned_behind_what_was_there() -> None:
    first = {place: text for place, text in AGREED.items() if not place.startswith("charge")}
    assert faults({"deal.agreed.v1": Agreed}, {"deal.agreed.v1": [first]}) == [
        "deal.agreed.v1: what it is made of changed and is not pinned"
    ]
    assert faults({"deal.agreed.v1": Agreed}, {"deal.agreed.v1": [first, AGREED]}) == []


def test_events_that_come_or_go_unseen_are_told() -> None:
    assert faults({"deal.agreed.v1": Agreed}, {"deal.ended.v1": [{}]}) == [
        "deal.agreed.v1 is not pinned",
        "deal.ended.v1 is gone: its class stays, or an upcaster comes",
    ]
    assert faults({}, {"deal.ended.v1": [{}]}, upcast=["deal.ended.v1"]) == []
