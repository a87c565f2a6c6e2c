"""What differs between two states, in sentences."""

from __future__ import annotations

import pytest

from services.agreements.state import state_document
from services.agreements.state_words import in_words, plainly
from services.agreements.terms import Change, difference_of
from tests.agreements.test_replay import DAY, STATES


def words(before: int, after: int) -> list[str]:
    old, new = (state_document(STATES[version - 1], on=DAY) for version in (before, after))
    return [in_words(each, lambda change: f"<{change.place}>") for each in difference_of(old, new)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            1,
            2,
            [
                "It was draft and is proposed.",
                "Version 1 waits for signatures.",
                "Version 1 was offered by nordwind-hosting, effective on 2026-01-01.",
            ],
        ),
        (
            2,
            3,
            [
                "It was proposed and is draft.",
                "Version 2 of the terms is the newest that counts, not 1.",
                "Version 1 waits for signatures no more.",
            ],
        ),
        (
            4,
            5,
            [
                "It was draft and is proposed.",
                "Version 2 waits for signatures.",
                "Version 2 was offered by nordwind-hosting, effective on 2026-01-01, until 2026-01-09T09:00:00Z.",
            ],
        ),
        (6, 7, ["ida of nordwind-hosting commented on objectives[availability].target of version 3: Within reach"]),
        (7, 8, ["eva of bank-am-markt signed version 3 for the customer with a key of their own."]),
        (8, 7, ["The customer's signature under version 3 counts no more."]),
        (16, 17, ["nordwind-hosting asks for a suspension from 2026-05-01."]),
        (17, 18, ["Nothing is asked for any more.", "It is suspended from 2026-05-01 until it is resumed."]),
        (20, 21, ["nordwind-hosting asks for a resumption from 2026-06-01."]),
        (22, 23, ["A review is due on 2026-04-01."]),
        (22, 24, ["The review due on 2026-04-01 was held on 2026-04-03."]),
        (24, 25, ["Its last day is 2027-12-31.", "It is renewed until 2027-12-31."]),
        (25, 26, ["bank-am-markt gave notice: it ends after 2027-12-31."]),
        (26, 25, ["No notice is given."]),
        (26, 27, ["It was active and is terminated.", "Its last day is 2026-12-31.", "It was ended, after 2026-12-31."]),
    ],
)
def test_each_change_is_a_sentence(before: int, after: int, expected: list[str]) -> None:
    assert words(before, after) == expected


def test_what_is_terms_is_said_by_the_terms() -> None:
    assert words(3, 4) == ["<objectives[availability].target>", "<objectives[availability].credits>"]
    assert words(5, 6)[0] == "pending.number: 2 becomes 3."
    assert "In the offer: <objectives[availability].target>" in words(5, 6)
    assert "Both sides have signed version 5, effective on 2026-05-01." in words(15, 16)


def test_inside_an_entry_it_is_said_plainly() -> None:
    assert words(21, 22)[:2] == ["Nothing is asked for any more.", "suspensions[2026-05-01].last_day: nothing becomes 2026-05-31."]
    assert plainly(Change(place="a", before=None, after=1)) == "a: nothing becomes 1."
