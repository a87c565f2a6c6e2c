"""A preview: how a period's figures would differ by other terms, another exclusion or another calculator. Pure; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.measurement.judgement import Document, ResultDocument


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A period before and after. None: there is no such period, because the terms are not in force in it."""

    period: str
    closed: bool
    before: Document | None
    after: Document | None

    @property
    def moves(self) -> bool:
        """A figure, a verdict or the credit differs; a new version of the terms that changes none of them moves nothing."""
        before, after = _by_segment(self.before), _by_segment(self.after)
        differs = any(_told(before.get(key)) != _told(after.get(key)) for key in {*before, *after})
        return differs or _credit(self.before) != _credit(self.after)


def difference_document(difference: Difference) -> dict[str, object]:
    """The JSON form: objectives by segment, the credit of the whole period."""
    before, after = _credit(difference.before), _credit(difference.after)
    return {
        "period": difference.period,
        "closed": difference.closed,
        "moves": difference.moves,
        "currency": after.currency or before.currency,
        "credit_before": str(before.amount),
        "credit_after": str(after.amount),
        "credit_difference": str(after.amount - before.amount),
        "objectives": list(_objectives(difference)),
    }


def preview_document(
    agreement_id: str, differences: Sequence[Difference], *, approval: str, refused: Sequence[dict[str, object]]
) -> dict[str, object]:
    closed = [each.period for each in differences if each.closed and each.moves]
    return {
        "agreement_id": agreement_id,
        "periods": [difference_document(each) for each in differences],
        "approval_needed": bool(closed),
        "closed_periods": closed,
        "approval": approval,
        "refused": list(refused),
    }


@dataclass(frozen=True, kw_only=True)
class _Credit:
    currency: str = ""
    amount: Decimal = Decimal(0)


def _credit(document: Document | None) -> _Credit:
    credit = None if document is None else document["credit"]
    if not isinstance(credit, dict):
        return _Credit()
    return _Credit(currency=str(credit["currency"]), amount=Decimal(str(credit["amount"])))


def _objectives(difference: Difference) -> Iterator[dict[str, object]]:
    """In the order of the new assessment, then what it no longer has."""
    before, after = _by_segment(difference.before), _by_segment(difference.after)
    for objective_id, start in dict.fromkeys([*after, *before]):
        old, new = before.get((objective_id, start)), after.get((objective_id, start))
        told = {name: _figure(result) for name, result in (("before", old), ("after", new)) if result is not None}
        yield {"objective_id": objective_id, "start": start, "moves": _told(old) != _told(new), **told}


def _figure(result: ResultDocument) -> dict[str, object]:
    return {name: result[name] for name in ("attainment_percent", "verdict", "credit_percent", "terms_version")}


def _told(result: ResultDocument | None) -> tuple[object, ...]:
    """What of a result makes a difference: exact, and whatever version of the terms it was judged by."""
    return () if result is None else tuple(result[name] for name in ("good", "whole", "verdict", "credit_percent", "target_percent"))


def _by_segment(document: Document | None) -> dict[tuple[str, str], ResultDocument]:
    return {} if document is None else {(str(each["objective_id"]), str(each["start"])): each for each in _results(document)}


def _results(document: Document) -> list[ResultDocument]:
    objectives = document["objectives"]
    assert isinstance(objectives, list), "a document lists its objectives"
    return [result for result in objectives if isinstance(result, dict)]
