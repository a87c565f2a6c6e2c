"""An agreement's past in words, and what is read of agreements' messages."""

from __future__ import annotations

import pytest
from upheld.agreements.v1 import agreements_pb2 as messages

from services.reporting import past_wire
from services.reporting.pages import Pages
from services.reporting.past import Asked, Change, Event, Look, State, cause, change_in_words, door, name_of, parties, promised, status
from tests.reporting import given

KEY = "hansebank/ida.keller+c16d12ac+AcF1QcQLvfl4bRxB28kGLb9LYuy4pQhVHoJUJorQbMQN"


def event(version: int, *, causation_id: str = "") -> Event:
    return Event(
        version=version,
        type="agreement.signed.v2",
        event_id=f"e{version}",
        recorded_at="2026-03-09T12:00:00Z",
        actor="ida.keller",
        organisation="hansebank",
        reason="",
        tool="http",
        correlation_id="c",
        causation_id=causation_id,
        traceparent="",
        data="{}",
    )


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("agreement.drafted.v1", "Drafted"),
        ("agreement.amendment-proposed.v2", "Amendment proposed"),
        ("agreement.offer-expired.v1", "Offer expired"),
        ("", ""),
    ],
)
def test_an_event_is_called_by_its_stored_name(stored: str, name: str) -> None:
    assert name_of(stored) == name


def test_a_cause_is_named_where_it_is_in_the_same_history() -> None:
    first, second = event(1), event(2, causation_id="e1")
    assert cause(second, (first, second)) == "event 1 of this agreement"
    assert cause(event(3, causation_id="elsewhere"), (first, second)) == "an event of another history"
    assert cause(first, (first, second)) == "nothing else: it was asked for directly"


def test_a_tool_is_told_in_words() -> None:
    assert [door(tool) for tool in ("http", "timer", "", "pigeon")] == ["the HTTP API", "the platform's timer", "not known", "pigeon"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("status", '"draft"', '"proposed"', ""), "status: draft becomes proposed."),
        (("close_after_days", "3", "5", ""), "close_after_days: 3 becomes 5."),
        (("ends_on", "", '"2026-12-31"', ""), "ends_on: 2026-12-31 is new."),
        (("ends_on", '"2026-12-31"', "", ""), "ends_on: 2026-12-31 is gone."),
        (("pending", "", '{"number":2}', ""), "pending is new."),
        (("pending", '{"number":2}', "", ""), "pending is gone."),
        (("pending", '{"number":2}', '{"number":3}', ""), "pending changed."),
        (("objectives[uptime].target", '"99"', '"99.9"', "The target rises."), "The target rises."),
    ],
)
def test_a_change_is_a_sentence(change: tuple[str, str, str, str], words: str) -> None:
    place, before, after, told = change
    assert change_in_words(Change(place=place, before=before, after=after, words=told)) == words


def suspended() -> State:
    """With an offer, one signature, a comment, and everything that may stand beside them."""
    offered = messages.TermsVersion(
        number=2,
        terms=given.terms(),
        digest="d",
        effective_on="2026-05-01",
        valid_until="2026-04-01T00:00:00Z",
        offered_by=given.CUSTOMER,
    )
    message = messages.Agreement(
        status="suspended",
        version=12,
        pending=offered,
        signatures=[
            messages.Signature(
                terms_version=1,
                role="customer",
                organisation=given.CUSTOMER,
                signatory="ida.keller",
                signed_at="2026-03-09T12:00:00Z",
                key=KEY,
            )
        ],
        comments=[messages.Comment(terms_version=2, place="title", text="Too long", organisation=given.CUSTOMER, subject="ida.keller")],
        notice_given_by=given.CUSTOMER,
        request=messages.Request(kind="resumption", first_day="2026-04-20", organisation=given.PROVIDER),
        suspensions=[messages.Suspension(first_day="2026-04-10", last_day="2026-04-14", reason="Move")],
        reviews=[messages.Review(due_on="2026-04-01"), messages.Review(due_on="2026-01-01", held_on="2026-01-07")],
    )
    return past_wire.state(message)


def test_a_state_is_read_with_signatures_offers_comments_and_what_waits() -> None:
    state = suspended()
    assert state.terms is None
    assert state.pending is not None
    assert (state.pending.terms.number, state.pending.valid_until) == (2, "2026-04-01T00:00:00Z")
    assert status(state) == "Suspended: both agreed that the service rests."
    assert {party.organisation: [each.key_id for each in party.signatures] for party in parties(state)} == {
        given.PROVIDER: [],
        given.CUSTOMER: ["c16d12ac"],
    }
    assert [each.text for each in state.comments] == ["Too long"]
    assert state.further == (
        f"{given.CUSTOMER} gave notice: it ends with its term.",
        f"{given.PROVIDER} asks for a resumption from 2026-04-20 on; the other side has not answered.",
        "Suspended from 2026-04-10 to 2026-04-14: Move.",
        "The review due on 2026-04-01 is to be held.",
        "The review due on 2026-01-01 was held on 2026-01-07.",
    )


def test_the_page_tells_offers_comments_and_what_waits() -> None:
    events = (event(1), event(2, causation_id="e1"))
    look = Look(
        agreement_id="a",
        asked=Asked(),
        events=events,
        event=events[1],
        state=suspended(),
        other=1,
        changes=(Change(place="status", before='"draft"', after='"proposed"', words=""),),
    )
    page = bytes(Pages().history_event(look).body).decode()
    for told in (
        "Event 2 of 2",
        "event 1 of this agreement",
        f"{given.CUSTOMER}, until 1 April 2026, 00:00 UTC",
        f"ida.keller ({given.CUSTOMER}) on <code>title</code> of version 2: Too long",
        "Suspended from 2026-04-10 to 2026-04-14: Move.",
        "key <code>c16d12ac</code>",
        "has signed nothing",
        "status: draft becomes proposed.",
    ):
        assert told in page


def test_a_signature_of_before_keys_were_asked_for_has_no_key() -> None:
    (signature,) = past_wire.state(messages.Agreement(signatures=[messages.Signature(organisation="a")])).signatures
    assert signature.key_id == ""


def test_a_promise_is_told_in_words() -> None:
    availability = past_wire.state(messages.Agreement(terms=messages.TermsVersion(terms=given.terms()))).terms
    assert availability is not None
    assert promised(availability.terms.objectives[0]) == "at least 99.9 %"
