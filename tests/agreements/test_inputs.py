"""What callers write as text."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.agreements import inputs
from services.agreements.refusals import AgreementNotFound
from services.vocabulary.errors import Invalid

ID = "0a780eaf-2f84-5705-a108-9d1533e3e08d"


@pytest.mark.parametrize(
    "text", ["2026-03-09T10:30:00Z", "2026-03-09T11:30:00+01:00", "2026-03-09T11:30:00 01:00", "2026-03-09T05:30:00-05:00"]
)
def test_an_instant_reads_the_same_where_the_query_lost_its_plus(text: str) -> None:
    assert inputs.moment_or_none(text, place="known_at") == datetime(2026, 3, 9, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-09", "2026-03-09 10:30", "2026-03-09T10:30:00", "yesterday"])
def test_what_is_no_instant_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Invalid, match="known_at: "):
        inputs.moment_or_none(text, place="known_at")


def test_nothing_written_is_nothing_asked() -> None:
    assert inputs.moment_or_none("", place="known_at") is None
    assert inputs.day_or_none(None, place="as_of") is None
    assert inputs.status_or_none("") is None


@pytest.mark.parametrize("text", [f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""), "7", ""])
def test_an_agreement_has_one_address(text: str) -> None:
    assert inputs.agreement_id(ID) == UUID(ID)
    with pytest.raises(AgreementNotFound):
        inputs.agreement_id(text)
