"""The closed registry: names and versions, never class paths; what does not fit is told loudly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.events import Metadata, Registry, UnknownEvent, UnreadableEvent
from services.vocabulary.money import Money
from services.vocabulary.period import Month


@dataclass(frozen=True, kw_only=True)
class Clause:
    place: str
    weight: Fraction


@dataclass(frozen=True, kw_only=True)
class Agreed:
    between: tuple[str, str]
    on: date
    charge: Money
    first_month: Month
    clauses: tuple[Clause, ...] = ()
    notes: dict[str, Decimal] = field(default_factory=dict)
    parent: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Ended:
    reason: str


@dataclass(frozen=True, kw_only=True)
class Foreign:
    pass


REGISTRY: Registry[Agreed | Ended] = Registry({"deal.agreed.v1": Agreed, "deal.ended.v3": Ended})


def agreed(weight: Fraction = Fraction(2, 3), *, amount: str = "10.50", parent: UUID | None = None) -> Agreed:
    return Agreed(
        between=("bank", "provider"),
        on=date(2026, 3, 1),
        charge=Money(Decimal(amount), "EUR"),
        first_month=Month(2026, 3),
        clauses=(Clause(place="a", weight=weight),),
        notes={"b": Decimal("1.10"), "a": Decimal(2)},
        parent=parent,
    )


@given(st.fractions(), st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str), st.none() | st.uuids())
def test_an_event_comes_back_as_it_went(weight: Fraction, amount: str, parent: UUID | None) -> None:
    event = agreed(weight, amount=amount, parent=parent)
    assert REGISTRY.decode("deal.agreed.v1", REGISTRY.encode(event)) == ("deal.agreed.v1", event)


def test_the_same_event_gives_the_same_bytes_and_no_class_name_is_in_them() -> None:
    assert REGISTRY.encode(agreed()) == REGISTRY.encode(agreed())
    assert b"Agreed" not in REGISTRY.encode(agreed())
    assert b'"notes":{"a":"2","b":"1.10"}' in REGISTRY.encode(agreed())


def test_a_name_belongs_to_one_class_and_a_class_to_one_name() -> None:
    assert REGISTRY.name_of(Ended(reason="over")) == "deal.ended.v3"
    with pytest.raises(ValueError, match=r"Ended has two names: deal.ended.v1 and deal.over.v1"):
        Registry({"deal.ended.v1": Ended, "deal.over.v1": Ended})


@pytest.mark.parametrize("name", ["deal.ended", "deal.ended.v0", "Deal.Ended.v1", "deal.ended.v1 ", ""])
def test_a_name_without_a_version_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="ends in its version"):
        Registry({name: Ended})


def test_a_name_and_a_class_outside_the_registry_are_unknown() -> None:
    with pytest.raises(UnknownEvent, match=r"deal\.ended\.v1"):
        REGISTRY.decode("deal.ended.v1", b"{}")
    with pytest.raises(UnknownEvent, match="Foreign"):
        REGISTRY.encode(Foreign())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"reason":"x","fee":1}', "unknown field fee"),
        (b"{}", "missing required field `reason`"),
        (b'{"reason":1}', "Expected `str`"),
        (b'{"reason":"x"', "truncated"),
        (b"[]", "Expected `object`"),
    ],
)
def test_data_that_does_not_fit_its_name_is_unreadable(data: bytes, told: str) -> None:
    with pytest.raises(UnreadableEvent) as unreadable:
        REGISTRY.decode("deal.ended.v3", data)
    assert "deal.ended.v3" in str(unreadable.value)
    assert told in str(unreadable.value)


def test_an_unknown_field_is_found_however_deep_it_lies() -> None:
    document = msgspec.json.decode(REGISTRY.encode(agreed()))
    document["clauses"][0]["colour"] = "red"
    with pytest.raises(UnreadableEvent, match=r"unknown field clauses\[0\]\.colour"):
        REGISTRY.decode("deal.agreed.v1", msgspec.json.encode(document))


def test_a_document_written_in_another_order_or_without_a_defaulted_field_is_understood() -> None:
    document = msgspec.json.decode(REGISTRY.encode(agreed()))
    del document["parent"]
    backwards = dict(reversed(document.items()))
    assert REGISTRY.decode("deal.agreed.v1", msgspec.json.encode(backwards))[1] == agreed()


def _said(document: dict[str, Any]) -> dict[str, Any]:
    return {"why": document["text"]}


def _named(document: dict[str, Any]) -> dict[str, Any]:
    return {"reason": document["why"].strip()}


def test_old_versions_are_upcast_one_step_after_the_other() -> None:
    registry = Registry(
        {"deal.ended.v3": Ended}, upcasters={"deal.ended.v1": ("deal.ended.v2", _said), "deal.ended.v2": ("deal.ended.v3", _named)}
    )
    assert registry.decode("deal.ended.v1", b'{"text":" over "}') == ("deal.ended.v3", Ended(reason="over"))
    assert registry.decode("deal.ended.v2", b'{"why":"over"}') == ("deal.ended.v3", Ended(reason="over"))
    assert registry.names == ("deal.ended.v3", "deal.ended.v1", "deal.ended.v2")


@pytest.mark.parametrize(
    "upcasters",
    [
        {"deal.ended.v1": ("deal.ended.v2", _said)},
        {"deal.ended.v1": ("deal.ended.v2", _said), "deal.ended.v2": ("deal.ended.v1", _said)},
        {"deal.ended.v3": ("deal.ended.v3", _said)},
    ],
)
def test_upcasters_that_lead_nowhere_are_refused(upcasters: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]]) -> None:
    with pytest.raises(ValueError, match=r"deal\.ended"):
        Registry({"deal.ended.v3": Ended}, upcasters=upcasters)


METADATA = Metadata(
    event_id="e-1", recorded_at="2026-03-02T08:00:00Z", actor="ana", organisation="bank", reason="", tool="http",
    correlation_id="c", causation_id="", traceparent="",
)  # fmt: skip


def test_what_is_stored_holds_the_event_and_who_when_and_why() -> None:
    stored = REGISTRY.pack(agreed(), METADATA)
    assert msgspec.json.decode(stored)["metadata"]["actor"] == "ana"
    assert REGISTRY.unpack("deal.agreed.v1", stored) == ("deal.agreed.v1", agreed(), METADATA)
    assert REGISTRY.pack(agreed(), METADATA) == stored


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (("event", "fee"), "unknown field fee"),
        (("event", "clauses", 0, "colour"), r"unknown field clauses\[0\]\.colour"),
        (("metadata", "colour"), "unknown field `colour`"),
        (("colour",), "unknown field `colour`"),
        (("event", "charge"), "Expected"),
    ],
)
def test_what_is_stored_says_nothing_that_would_be_lost(place: tuple[str | int, ...], told: str) -> None:
    document = msgspec.json.decode(REGISTRY.pack(agreed(), METADATA))
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = 1
    with pytest.raises(UnreadableEvent, match=told):
        REGISTRY.unpack("deal.agreed.v1", msgspec.json.encode(document))


def test_what_was_stored_under_an_old_name_or_in_another_order_is_understood() -> None:
    registry = Registry({"deal.ended.v3": Ended}, upcasters={"deal.ended.v2": ("deal.ended.v3", _named)})
    event = ("deal.ended.v3", Ended(reason="over"), METADATA)
    assert registry.unpack("deal.ended.v2", b'{"metadata":%s,"event":{"why":"over "}}' % msgspec.json.encode(METADATA)) == event
    assert registry.unpack("deal.ended.v3", b'{"event": {"reason":"over"}, "metadata":%s}' % msgspec.json.encode(METADATA)) == event
    with pytest.raises(UnknownEvent, match=r"deal\.ended\.v1"):
        registry.unpack("deal.ended.v1", registry.pack(Ended(reason="over"), METADATA))
