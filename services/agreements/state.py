"""The whole state of an agreement as one document, and where an event changed its terms. Pure; judges no change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from services.agreements.agreement import Agreement, Comment, Request, Review, Signature, Suspension, TermsVersion
from services.agreements.facts import NoticeGiven
from services.agreements.terms import Node, difference_of, places_of, to_document


def state_document(agreement: Agreement, *, on: date) -> dict[str, Node]:
    """By place, as of a civil day: how two events differ is the difference of two of these.

    The terms are those signed last by both, or the draft while there are none; those of an offer stand below `pending`.
    """
    newest = agreement.newest
    return {
        "status": agreement.status_today(on),
        "last_day": _day(agreement.last_day),
        "ended_on": _day(agreement.ended_on),
        "renewed_until": _day(agreement.renewed_until),
        "terms_version": newest.number,
        **to_document(newest.terms),
        "pending": {**_version(agreement.pending), "terms": to_document(agreement.pending.terms)} if agreement.pending else None,
        "request": _request(agreement.request) if agreement.request else None,
        "notice": _notice(agreement.notice) if agreement.notice else None,
        **{f"offers[{each.number}]": _version(each) for each in agreement.offered},
        **{f"versions[{each.number}]": _version(each) for each in agreement.signed},
        **{f"signatures[{each.role}@{each.terms_version}]": _signature(each) for each in agreement.signatures},
        **{f"comments[{number}]": _comment(each) for number, each in enumerate(agreement.comments, start=1)},
        **{f"suspensions[{each.first_day}]": _suspension(each) for each in agreement.suspensions},
        **{f"reviews[{each.due_on}]": _review(each) for each in agreement.reviews},
    }


def changed_places(before: Agreement | None, after: Agreement) -> tuple[str, ...]:
    """The places of the terms that an event changed: on the table, and, once both have signed, in force. What was commented on is one."""
    on_table = difference_of(_on_table(before), _on_table(after))
    in_force = difference_of(_in_force(before), _in_force(after))
    commented = [each.place for each in after.comments[len(before.comments) if before else 0 :]]
    return tuple(dict.fromkeys((*places_of((*on_table, *in_force)), *commented)))


def _on_table(agreement: Agreement | None) -> Mapping[str, Node]:
    return to_document((agreement.pending or agreement.newest).terms) if agreement else {}


def _in_force(agreement: Agreement | None) -> Mapping[str, Node]:
    return to_document(agreement.newest.terms) if agreement and agreement.signed else {}


def _version(version: TermsVersion) -> dict[str, Node]:
    return {
        "number": version.number,
        "digest": version.digest,
        "effective_on": version.effective_on.isoformat(),
        "reason": version.reason or None,
        "recorded_at": version.recorded_at or None,
        "valid_until": version.valid_until or None,
        "offered_by": version.offered_by or None,
    }


def _signature(signature: Signature) -> Node:
    return {
        "organisation": signature.organisation,
        "signatory": signature.signatory,
        "signed_at": signature.signed_at,
        "digest": signature.digest,
        "key": signature.key or None,
        "note": signature.note or None,
    }


def _comment(comment: Comment) -> Node:
    return {
        "terms_version": comment.terms_version,
        "place": comment.place,
        "text": comment.text,
        "organisation": comment.organisation,
        "subject": comment.subject,
        "recorded_at": comment.recorded_at,
    }


def _request(request: Request) -> Node:
    return {
        "kind": request.kind,
        "first_day": _day(request.first_day),
        "last_day": _day(request.last_day),
        "organisation": request.organisation,
        "reason": request.reason or None,
    }


def _notice(notice: NoticeGiven) -> Node:
    return {"organisation": notice.organisation, "last_day": _day(notice.last_day)}


def _suspension(suspension: Suspension) -> Node:
    return {
        "first_day": _day(suspension.first_day),
        "last_day": _day(suspension.last_day),
        "reason": suspension.reason or None,
        "recorded_at": suspension.recorded_at,
    }


def _review(review: Review) -> Node:
    return {
        "due_on": _day(review.due_on),
        "held_on": _day(review.held_on),
        "minutes": review.minutes or None,
        "organisation": review.organisation or None,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
