"""Issuing: each revision once, in order, word for word, readable for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from services.chassis.events import Registry
from services.reporting.issue import EVENTS, Issued, ReportIssued, evolve, issue, stream_of

FIRST = ReportIssued(
    agreement_id="0f9b6a3e-62d1-4e0c-9a57-3d8b6f2b7c11",
    period="2026-03",
    revision=1,
    provider="nordwind-hosting",
    customer="hansebank",
    document='{"schema":"upheld.report.v1","title":"Geschäft & \\"Bank\\""}',
)
KEPT = Path(__file__).parent / "events" / "report.issued.v1.json"


def test_a_revision_that_was_never_issued_is_issued() -> None:
    assert issue(None, FIRST) == (FIRST,)
    assert issue(Issued(revision=1), replace(FIRST, revision=2)) == (replace(FIRST, revision=2),)


def test_a_revision_is_issued_once_whatever_it_would_say_now() -> None:
    assert issue(Issued(revision=1), replace(FIRST, document="{}")) == ()


def test_an_older_revision_is_not_issued_after_a_newer_one() -> None:
    assert issue(Issued(revision=2), FIRST) == ()


def test_the_newest_revision_is_remembered() -> None:
    assert evolve(evolve(None, FIRST), replace(FIRST, revision=2)) == Issued(revision=2)


def test_an_agreements_month_has_one_stream() -> None:
    assert str(stream_of(FIRST.agreement_id, "2026-03")) == "1d90597b-0875-59ab-817e-4df7eb307442"
    assert stream_of(FIRST.agreement_id, "2026-04") != stream_of(FIRST.agreement_id, "2026-03")


def test_the_first_stored_form_can_be_read_for_ever() -> None:
    registry = Registry(EVENTS)
    assert registry.decode("report.issued.v1", KEPT.read_bytes().strip()) == ("report.issued.v1", FIRST)
    assert msgspec.json.decode(registry.encode(FIRST)) == msgspec.json.decode(KEPT.read_bytes())
