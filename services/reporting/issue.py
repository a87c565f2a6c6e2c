"""The issuing of a report: once for each revision of a closed period, kept word for word. Pure; opens no store.

An issued report is never changed. What becomes known later is told in the next revision or in the next period's report.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5


@dataclass(frozen=True, kw_only=True)
class ReportIssued:
    """The whole report as its readers get it: `document` is its JSON text."""

    agreement_id: str
    period: str
    revision: int
    provider: str
    customer: str
    document: str


@dataclass(frozen=True, kw_only=True)
class Issued:
    """The newest revision that was issued for an agreement and period."""

    revision: int


EVENTS: dict[str, type[ReportIssued]] = {"report.issued.v1": ReportIssued}


def stream_of(agreement_id: str, period: str) -> UUID:
    """The stream of an agreement's period: derived, so that issuing again finds what was issued."""
    return uuid5(NAMESPACE_URL, f"upheld:report:{agreement_id}:{period}")


def issue(issued: Issued | None, wanted: ReportIssued) -> tuple[ReportIssued, ...]:
    """Nothing when this revision or a later one was issued before."""
    return () if issued is not None and wanted.revision <= issued.revision else (wanted,)


def evolve(issued: Issued | None, event: ReportIssued) -> Issued:
    """The state after one more issue."""
    return Issued(revision=event.revision)
