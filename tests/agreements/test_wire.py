"""Terms as messages, there and back."""

from __future__ import annotations

from hypothesis import given, settings
from upheld.agreements.v1 import terms_pb2

from services.agreements.terms import Terms
from services.agreements.wire import document_of, terms_message, terms_of
from tests.agreements.support import TERMS, terms
from tests.agreements.valid_terms import valid_terms


@given(agreed=valid_terms())
@settings(max_examples=60, deadline=None)
def test_terms_survive_the_wire(agreed: Terms) -> None:
    sent = terms_message(agreed).SerializeToString()
    assert terms_of(terms_pb2.Terms.FromString(sent)) == agreed


def test_the_message_says_percentages_money_and_lengths_as_the_contract_does() -> None:
    message = terms_message(TERMS)
    availability, _, response, resolution = message.objectives
    assert (availability.target_percent, availability.comparison, availability.decimals) == ("99.9", ">=", 3)
    assert [(tier.below_percent, tier.credit_percent) for tier in availability.credits] == [("99.9", "10"), ("99", "25")]
    assert list(availability.indicator.availability.components) == ["web", "core-database"]
    assert (response.indicator.response_time.threshold_ms, response.indicator.response_time.expected_every_s) == ("800", 300)
    assert resolution.indicator.resolution_time.within_s == 90 * 3600
    assert (message.credit.monthly_charge, message.credit.cap_percent, message.warn_at_percent) == ("12000.00", "50", "75")
    assert (message.maintenance[0].start, list(message.maintenance[0].components)) == ("2026-03-14T22:00:00Z", [])


def test_an_open_end_and_no_credit_are_absent_on_the_wire() -> None:
    def without(nodes: dict[str, list[dict[str, object]]]) -> None:
        nodes.pop("ends_on")
        nodes.pop("credit")
        for objective in nodes["objectives"]:
            objective.pop("credits", None)

    message = terms_message(terms(without))
    assert message.ends_on == ""
    assert not message.HasField("credit")
    assert "credit" not in document_of(message)
