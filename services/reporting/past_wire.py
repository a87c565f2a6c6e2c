"""What agreements tells of an agreement's past: protobuf in, material out. Translation only; decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from upheld.agreements.v1 import agreements_pb2 as messages

from services.reporting import wire
from services.reporting.past import Change, Comment, Event, Offer, Signature, State


def event(message: messages.HistoryEntry) -> Event:
    return Event(
        version=message.version,
        type=message.type,
        event_id=message.event_id,
        recorded_at=message.recorded_at,
        actor=message.actor,
        organisation=message.organisation,
        reason=message.reason,
        tool=message.tool,
        correlation_id=message.correlation_id,
        causation_id=message.causation_id,
        traceparent=message.traceparent,
        data=message.data_json,
    )


def state(message: messages.Agreement) -> State:
    return State(
        status=message.status,
        version=message.version,
        terms=_offer(message.terms) if message.HasField("terms") else None,
        pending=_offer(message.pending) if message.HasField("pending") else None,
        signatures=tuple(_signature(each) for each in message.signatures),
        last_day=message.last_day,
        comments=tuple(_comment(each) for each in message.comments),
        further=tuple(_further(message)),
    )


def change(message: messages.Change) -> Change:
    return Change(place=message.place, before=message.before_json, after=message.after_json, words=message.words)


def _offer(message: messages.TermsVersion) -> Offer:
    terms = wire.terms(message.terms, number=message.number, effective_on=message.effective_on, recorded_at=message.recorded_at)
    return Offer(terms=terms, digest=message.digest, valid_until=message.valid_until, offered_by=message.offered_by)


def _signature(message: messages.Signature) -> Signature:
    return Signature(
        terms_version=message.terms_version,
        role=message.role,
        organisation=message.organisation,
        signatory=message.signatory,
        signed_at=message.signed_at,
        key=message.key,
    )


def _comment(message: messages.Comment) -> Comment:
    return Comment(
        terms_version=message.terms_version,
        place=message.place,
        text=message.text,
        organisation=message.organisation,
        subject=message.subject,
        recorded_at=message.recorded_at,
    )


def _further(message: messages.Agreement) -> Iterator[str]:
    if message.notice_given_by:
        yield f"{message.notice_given_by} gave notice: it ends with its term."
    if message.HasField("request"):
        asked = message.request
        yield f"{asked.organisation} asks for a {asked.kind}{_days(asked.first_day, asked.last_day)}; the other side has not answered."
    for each in message.suspensions:
        yield f"Suspended{_days(each.first_day, each.last_day)}{f': {each.reason}' if each.reason else ''}."
    for review in message.reviews:
        held = f"was held on {review.held_on}" if review.held_on else "is to be held"
        yield f"The review due on {review.due_on} {held}."


def _days(first: str, last: str) -> str:
    return f" from {first} to {last}" if last else f" from {first} on"
