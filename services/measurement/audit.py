"""Whether the statements of a bundle follow on each other: closed once, restated from what was stated last. Pure; computes no figure.

Needs the standard library alone. That the figures follow from the observations is told by `recompute`, where the calculator is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from uuid import NAMESPACE_URL, UUID, uuid5

from services.transparency.bundle import Bundle, Log, Node, StoredEvent
from services.transparency.verify import Check, failed, notice, ok

SERVICE = "measurement"
CLOSED, RESTATED = "period.closed.v1", "period.restated.v1"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What was stated of a period by an event; `document` is the assessment as it is stored."""

    event: StoredEvent
    period: str
    document: Mapping[str, Node]


class _Unreadable(Exception):
    """An event that is not one of this room's."""


def statements_of(log: Log, agreement_id: str) -> dict[str, list[Statement]]:
    """By period, in order. Of a log that holds; what cannot be read is left out, and told by `check_statements`."""
    found: dict[str, list[Statement]] = {}
    for stream in log.streams:
        for event in stream.events:
            if event.name in (CLOSED, RESTATED):
                try:
                    statement = _statement(event, agreement_id)
                except _Unreadable:
                    continue
                found.setdefault(statement.period, []).append(statement)
    return found


def check_statements(bundle: Bundle) -> list[Check]:
    log = bundle.log(SERVICE)
    if log is None:
        return [notice("results", SERVICE, "no figures of closed periods are in the bundle")]
    return list(_checks(bundle, log))


def _untold(log: Log, newest: Sequence[Statement]) -> Iterator[Check]:
    """Times between the periods that are stated. A period that was left out at the beginning or the end is not missed."""
    spans = sorted((str(each.document.get("start")), str(each.document.get("end"))) for each in newest)
    for (_, before), (after, _) in pairwise(spans):
        if before < after:
            yield notice("results", log.name, f"nothing is stated from {before} to {after}: a period was not closed, or was left out")


def _checks(bundle: Bundle, log: Log) -> Iterator[Check]:
    expected = {_facts_stream(bundle.agreement_id)}
    statements = statements_of(log, bundle.agreement_id)
    yield from _untold(log, [stated[-1] for stated in statements.values()])
    for period, stated in statements.items():
        own = _assessment_stream(bundle.agreement_id, period)
        expected.add(own)
        for stream in log.streams:
            here = [each for each in stated if each.event in stream.events]
            if here and stream.id != own:
                yield failed("results", period, f"{here[0].event} is in the stream of something else")
        faults = list(_follows(period, stated))
        yield from faults
        if not faults:
            restated = f", restated {len(stated) - 1} times" if len(stated) > 1 else ""
            yield ok("results", period, f"closed{restated}")
    for stream in log.streams:
        if stream.id not in expected:
            yield failed("results", log.name, f"stream {stream.id} is of no closed period of the agreement")
        for event in stream.events:
            if event.name in (CLOSED, RESTATED):
                try:
                    _statement(event, bundle.agreement_id)
                except _Unreadable as fault:
                    yield failed("results", log.name, f"{event} cannot be read: {fault}")


def _follows(period: str, stated: Sequence[Statement]) -> Iterator[Check]:
    for number, statement in enumerate(stated, start=1):
        wanted = CLOSED if number == 1 else RESTATED
        if statement.event.name != wanted or statement.document.get("revision") != number:
            yield failed("results", period, f"{statement.event} is not the {wanted} that states revision {number}")
            return
        if number == 1:
            continue
        before = stated[number - 2].document
        event = json.loads(statement.event.content)["event"]
        if event.get("previous") != before:
            yield failed("results", period, f"{statement.event} restates something else than what was stated before")
        elif _amount(statement.document) - _amount(before) != _decimal(event.get("credit_difference")):
            yield failed("results", period, f"{statement.event} names another difference of the credit than there is")


def _statement(event: StoredEvent, agreement_id: str) -> Statement:
    try:
        told = json.loads(event.content)["event"]
        document, period = told["assessment"], told["period"]
    except (ValueError, TypeError, KeyError):
        raise _Unreadable("it holds no assessment") from None
    if not isinstance(document, dict) or not isinstance(period, str):
        raise _Unreadable("it holds no assessment")
    if {told.get("agreement_id"), document.get("agreement_id")} != {agreement_id} or document.get("period") != period:
        raise _Unreadable("it is of another agreement or period")
    return Statement(event=event, period=period, document=document)


def _amount(document: Mapping[str, Node]) -> Decimal:
    credit = document.get("credit")
    return _decimal(credit.get("amount")) if isinstance(credit, dict) else Decimal(0)


def _decimal(text: object) -> Decimal:
    try:
        return Decimal(text) if isinstance(text, str) else Decimal("NaN")
    except InvalidOperation:
        return Decimal("NaN")


def _assessment_stream(agreement_id: str, period: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"upheld:assessment:{agreement_id}:{period}")


def _facts_stream(agreement_id: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"upheld:exclusions:{agreement_id}")
