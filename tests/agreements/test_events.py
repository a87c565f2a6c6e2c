"""Stored facts: every version that was ever written loads for ever, and what of them is published."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from google.protobuf.message import Message
from upheld.agreements.v1 import events_pb2

from services.agreements.bus import translate
from services.agreements.facts import (
    Activated,
    Amended,
    AmendmentProposed,
    Archived,
    Commented,
    CounterOffered,
    Drafted,
    Expired,
    NoticeGiven,
    OfferExpired,
    Proposed,
    Renewed,
    RequestRefused,
    Resumed,
    ResumptionRequested,
    ReviewDue,
    ReviewHeld,
    Revised,
    Signed,
    Suspended,
    SuspensionRequested,
    Terminated,
    Withdrawn,
)
from services.agreements.keys import KeyRegistered, KeyRevoked, KeyRotated
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.agreements.terms import canonical_json, digest
from services.agreements.wire import terms_of
from services.chassis.events import Metadata, Recorded, Registry
from tests.agreements.support import AGREEMENT, CUSTOMER, PROVIDER, TERMS, proposed
from tests.signing import note_under, registration, rotation, signer

GOLDEN = Path(__file__).parents[1] / "contracts" / "agreements"
REGISTRY: Registry[Stored] = Registry(STORED, upcasters=UPCASTERS)
DOCUMENT, DIGEST = canonical_json(TERMS), digest(TERMS)

SIGNED = Signed(
    terms_version=1,
    digest=DIGEST,
    role="customer",
    organisation=CUSTOMER,
    signatory="Marta",
    key=str(signer(CUSTOMER, "Marta").key),
    note=note_under(proposed(), AGREEMENT, CUSTOMER, "Marta"),
)
AMENDMENT_PROPOSED = AmendmentProposed(
    terms_version=2,
    document=DOCUMENT,
    digest=DIGEST,
    effective_on=date(2026, 5, 1),
    reason="Review",
    proposed_by=CUSTOMER,
    valid_until="2026-04-01T12:00:00Z",
)
FIRST, SECOND = (signer(CUSTOMER, "Marta", number=number).key for number in (1, 2))
SPOKEN: dict[str, Stored] = {
    "agreement.drafted.v1": Drafted(document=DOCUMENT, digest=DIGEST, drafted_by=PROVIDER),
    "agreement.revised.v1": Revised(document=DOCUMENT, digest=DIGEST, revised_by=CUSTOMER),
    "agreement.proposed.v2": Proposed(terms_version=1, digest=DIGEST, proposed_by=PROVIDER, valid_until="2026-04-01T12:00:00Z"),
    "agreement.counter-offered.v1": CounterOffered(
        terms_version=2,
        document=DOCUMENT,
        digest=DIGEST,
        effective_on=date(2026, 1, 1),
        offered_by=CUSTOMER,
        valid_until="",
        reason="The target is too low",
    ),
    "agreement.commented.v1": Commented(
        terms_version=1, place="objectives[availability].target", text="Too low", organisation=CUSTOMER, subject="Marta"
    ),
    "agreement.offer-expired.v1": OfferExpired(terms_version=1, digest=DIGEST, valid_until="2026-04-01T12:00:00Z"),
    "agreement.withdrawn.v1": Withdrawn(terms_version=1, digest=DIGEST, withdrawn_by=CUSTOMER),
    "agreement.signed.v2": SIGNED,
    "agreement.activated.v1": Activated(terms_version=1, document=DOCUMENT, digest=DIGEST, effective_on=date(2026, 1, 1)),
    "agreement.amendment-proposed.v2": AMENDMENT_PROPOSED,
    "agreement.amended.v1": Amended(terms_version=2, document=DOCUMENT, digest=DIGEST, effective_on=date(2026, 5, 1), reason="Review"),
    "agreement.suspension-requested.v1": SuspensionRequested(
        first_day=date(2026, 4, 10), last_day=date(2026, 4, 14), organisation=PROVIDER, reason="Move of the data centre"
    ),
    "agreement.resumption-requested.v1": ResumptionRequested(first_day=date(2026, 4, 13), organisation=CUSTOMER, reason="Moved"),
    "agreement.request-refused.v1": RequestRefused(kind="suspension", refused_by=CUSTOMER),
    "agreement.suspended.v1": Suspended(
        first_day=date(2026, 4, 10), last_day=None, reason="Move of the data centre", provider=PROVIDER, confirmed_by=CUSTOMER
    ),
    "agreement.resumed.v1": Resumed(
        first_day=date(2026, 4, 10), last_day=date(2026, 4, 12), reason="Moved", provider=PROVIDER, confirmed_by=PROVIDER
    ),
    "agreement.notice-given.v1": NoticeGiven(last_day=date(2026, 12, 31), organisation=CUSTOMER),
    "agreement.renewed.v1": Renewed(last_day=date(2027, 12, 31), provider=PROVIDER),
    "agreement.review-due.v1": ReviewDue(due_on=date(2026, 4, 1)),
    "agreement.review-held.v1": ReviewHeld(
        due_on=date(2026, 4, 1), held_on=date(2026, 4, 2), minutes="Nothing to complain of", organisation=PROVIDER
    ),
    "agreement.terminated.v1": Terminated(last_day=date(2026, 6, 30), provider=PROVIDER, terminated_by=CUSTOMER),
    "agreement.expired.v1": Expired(last_day=date(2026, 12, 31), provider=PROVIDER),
    "agreement.archived.v1": Archived(archived_by=PROVIDER),
    "keyring.key-registered.v1": KeyRegistered(
        organisation=CUSTOMER, subject="Marta", key=str(FIRST), note=registration(CUSTOMER, "Marta")
    ),
    "keyring.key-rotated.v1": KeyRotated(
        organisation=CUSTOMER, subject="Marta", replaced=FIRST.id.hex(), key=str(SECOND), note=rotation(CUSTOMER, "Marta")
    ),
    "keyring.key-revoked.v1": KeyRevoked(organisation=CUSTOMER, key_id=SECOND.id.hex(), revoked_by="Jon", reason="Has left"),
}
OLDER: dict[str, tuple[str, Stored]] = {
    "agreement.signed.v1": ("agreement.signed.v2", replace(SIGNED, key="", note="")),
    "agreement.proposed.v1": ("agreement.proposed.v2", Proposed(terms_version=1, digest=DIGEST, proposed_by=PROVIDER, valid_until="")),
    "agreement.amendment-proposed.v1": ("agreement.amendment-proposed.v2", replace(AMENDMENT_PROPOSED, valid_until="")),
}


def recorded(fact: Stored) -> Recorded[Stored]:
    metadata = Metadata(
        event_id="e1",
        recorded_at="2026-03-09T12:00:00Z",
        actor="ida",
        organisation=PROVIDER,
        reason="Because",
        tool="http",
        correlation_id="c1",
        causation_id="",
        traceparent="",
    )
    return Recorded(position=7, stream=AGREEMENT, version=1, type=REGISTRY.name_of(fact), event=fact, metadata=metadata)


def test_every_stored_fact_has_a_golden_file_and_every_file_a_fact() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(REGISTRY.names) == {*SPOKEN, *OLDER}


@pytest.mark.parametrize("name", SPOKEN)
def test_what_was_stored_once_still_means_the_same(name: str) -> None:
    stored = (GOLDEN / f"{name}.json").read_bytes()
    assert REGISTRY.decode(name, stored) == (name, SPOKEN[name])
    assert json.loads(REGISTRY.encode(SPOKEN[name])) == json.loads(stored)


@pytest.mark.parametrize("name", OLDER)
def test_what_was_stored_in_an_older_shape_is_read_as_its_newest(name: str) -> None:
    assert REGISTRY.decode(name, (GOLDEN / f"{name}.json").read_bytes()) == OLDER[name]


def test_a_step_of_a_negotiation_stays_private() -> None:
    published = {name for name, fact in SPOKEN.items() if translate(recorded(fact))}
    ended = {"agreement.terminated.v1", "agreement.expired.v1"}
    in_force = {"agreement.activated.v1", "agreement.amended.v1", "agreement.renewed.v1", "agreement.suspended.v1", "agreement.resumed.v1"}
    assert published == in_force | ended


@pytest.mark.parametrize(
    ("name", "event", "kind"),
    [
        ("agreement.activated.v1", "agreement-activated", events_pb2.AgreementActivated),
        ("agreement.amended.v1", "agreement-amended", events_pb2.AgreementAmended),
        ("agreement.terminated.v1", "agreement-ended", events_pb2.AgreementEnded),
        ("agreement.expired.v1", "agreement-ended", events_pb2.AgreementEnded),
        ("agreement.suspended.v1", "agreement-suspended", events_pb2.AgreementSuspended),
        ("agreement.resumed.v1", "agreement-suspended", events_pb2.AgreementSuspended),
        ("agreement.renewed.v1", "agreement-renewed", events_pb2.AgreementRenewed),
    ],
)
def test_a_published_fact_goes_out_under_the_providers_name(name: str, event: str, kind: type[Message]) -> None:
    outgoing = translate(recorded(SPOKEN[name]))
    assert outgoing is not None
    assert (outgoing.tenant, outgoing.event, type(outgoing.message)) == (PROVIDER, event, kind)


def test_an_amendment_is_published_whole() -> None:
    outgoing = translate(recorded(SPOKEN["agreement.amended.v1"]))
    assert outgoing is not None
    message = outgoing.message
    assert isinstance(message, events_pb2.AgreementAmended)
    assert terms_of(message.terms) == TERMS
    assert (message.agreement_id, message.terms_version, message.effective_on) == (str(AGREEMENT), 2, "2026-05-01")
    assert (message.reason, message.recorded_at) == ("Review", "2026-03-09T12:00:00Z")


def test_an_end_is_published_with_its_last_day_and_how_it_came() -> None:
    for name, how, last_day in (("agreement.terminated.v1", "terminated", "2026-06-30"), ("agreement.expired.v1", "expired", "2026-12-31")):
        outgoing = translate(recorded(SPOKEN[name]))
        assert outgoing is not None
        message = outgoing.message
        assert isinstance(message, events_pb2.AgreementEnded)
        assert (message.how, message.last_day, message.reason) == (how, last_day, "Because")


def test_a_suspension_is_published_again_under_its_first_day_when_it_is_resumed() -> None:
    for name, last_day, reason in (
        ("agreement.suspended.v1", "", "Move of the data centre"),
        ("agreement.resumed.v1", "2026-04-12", "Moved"),
    ):
        outgoing = translate(recorded(SPOKEN[name]))
        assert outgoing is not None
        message = outgoing.message
        assert isinstance(message, events_pb2.AgreementSuspended)
        assert (message.agreement_id, message.first_day, message.last_day) == (str(AGREEMENT), "2026-04-10", last_day)
        assert (message.reason, message.recorded_at) == (reason, "2026-03-09T12:00:00Z")


def test_a_renewal_is_published_with_the_new_last_day() -> None:
    outgoing = translate(recorded(SPOKEN["agreement.renewed.v1"]))
    assert outgoing is not None
    message = outgoing.message
    assert isinstance(message, events_pb2.AgreementRenewed)
    assert (message.last_day, message.recorded_at) == ("2027-12-31", "2026-03-09T12:00:00Z")
