"""The gRPC door of agreements, over a real channel on SQLite."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from upheld.agreements.v1 import agreements_pb2 as messages

from services.agreements.permissions import PERMISSIONS
from services.agreements.rpc import SERVICE
from services.agreements.terms import canonical_json, digest
from services.agreements.wire import terms_of
from services.vocabulary.identity import OrganisationId, Role
from tests.agreements.support import (
    CUSTOMER,
    DOCUMENT,
    PROVIDER,
    STRANGER,
    TERMS,
    Running,
    availability_of,
    play,
    soon,
    subject_of,
    terms,
    yaml_of,
)
from tests.signing import note_for, registration

T = TypeVar("T")

BETTER = availability_of("99.95")


async def refused(call: Awaitable[object]) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    code: grpc.StatusCode = failed.value.code()
    return code


async def sign(service: Running, agreement_id: str, by: OrganisationId) -> messages.Agreement:
    """What waits for signatures, with a key that was registered at the same door."""
    roles = (Role.SERVICE_MANAGER, Role.SIGNATORY)
    whose, subject = service.metadata(by, *roles), subject_of(by, *roles)
    await service.stub.RegisterKey(messages.RegisterKeyRequest(note=registration(by, subject)), metadata=whose)
    state = await service.ask("GET", f"/v1/agreements/{agreement_id}", by=by)
    note = note_for(state.body, by, subject)
    return await service.stub.SignAgreement(messages.SignAgreementRequest(agreement_id=agreement_id, note=note), metadata=whose)


def test_a_document_is_read_without_being_kept(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        anybody = service.metadata(STRANGER, Role.VIEWER)
        good = await service.stub.ValidateTerms(messages.ValidateTermsRequest(document=DOCUMENT), metadata=anybody)
        assert (good.valid, good.digest, terms_of(good.terms), list(good.violations)) == (True, digest(TERMS), TERMS, [])
        bad = await service.stub.ValidateTerms(messages.ValidateTermsRequest(document=yaml_of(availability_of("101"))), metadata=anybody)
        assert (bad.valid, bad.digest, bad.HasField("terms")) == (False, "", False)
        assert "objectives[0].target" in [each.place for each in bad.violations]
        unreadable = await service.stub.ValidateTerms(messages.ValidateTermsRequest(document="{"), metadata=anybody)
        assert [each.place for each in unreadable.violations] == ["document"]
        listed = await service.stub.ListAgreements(messages.ListAgreementsRequest(), metadata=service.metadata(PROVIDER, Role.VIEWER))
        assert not listed.agreements

    play(tmp_path, scene)


def test_an_agreement_lives_its_life_over_grpc(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        stub = service.stub
        provider = service.metadata(PROVIDER, Role.SERVICE_MANAGER, Role.SIGNATORY)
        customer = service.metadata(CUSTOMER, Role.SERVICE_MANAGER, Role.SIGNATORY)
        platform = service.metadata("upheld", Role.SERVICE)

        draft = await stub.DraftAgreement(messages.DraftAgreementRequest(document=DOCUMENT, reason="Offer"), metadata=provider)
        assert (draft.status, draft.version, terms_of(draft.terms.terms)) == ("draft", 1, TERMS)
        revised = await stub.ReviseDraft(
            messages.ReviseDraftRequest(agreement_id=draft.id, document=yaml_of(BETTER), expected_version=1), metadata=customer
        )
        assert revised.terms.digest == digest(terms(BETTER))
        await stub.ReviseDraft(messages.ReviseDraftRequest(agreement_id=draft.id, document=canonical_json(TERMS)), metadata=provider)
        proposed = await stub.ProposeAgreement(messages.ProposeAgreementRequest(agreement_id=draft.id), metadata=provider)
        await stub.WithdrawProposal(messages.WithdrawProposalRequest(agreement_id=draft.id), metadata=customer)
        proposed = await stub.ProposeAgreement(messages.ProposeAgreementRequest(agreement_id=draft.id), metadata=customer)
        await sign(service, draft.id, CUSTOMER)
        active = await sign(service, draft.id, PROVIDER)
        assert {each.digest for each in active.signatures} == {proposed.pending.digest}
        assert (active.status, [each.role for each in active.signatures]) == ("active", ["customer", "provider"])

        amendment = await stub.ProposeAmendment(
            messages.ProposeAmendmentRequest(
                agreement_id=draft.id, document=yaml_of(BETTER), effective_on="2026-02-15", reason="Service review"
            ),
            metadata=customer,
        )
        assert amendment.pending.number == 3
        await sign(service, draft.id, CUSTOMER)
        amended = await sign(service, draft.id, PROVIDER)
        assert (amended.terms.number, amended.terms.effective_on) == (3, "2026-02-15")

        span = messages.GetTermsInForceRequest(agreement_id=draft.id, from_day="2026-02-01", to_day="2026-02-28")
        in_force = await stub.GetTermsInForce(span, metadata=platform)
        assert [(each.number, each.effective_on) for each in in_force.versions] == [(2, "2026-01-01"), (3, "2026-02-15")]
        assert in_force.last_day == "2026-12-31"
        span.known_at = active.terms.recorded_at
        assert [each.number for each in (await stub.GetTermsInForce(span, metadata=platform)).versions] == [2]

        diff = await stub.DiffTerms(messages.DiffTermsRequest(agreement_id=draft.id, from_version=2, to_version=3), metadata=platform)
        assert (diff.changes[0].place, diff.changes[0].before_json) == ("objectives[availability].target", '"99.9"')
        history = (await stub.GetHistory(messages.GetHistoryRequest(agreement_id=draft.id), metadata=provider)).entries
        assert [history[0].reason, history[-1].type] == ["Offer", "agreement.amended.v1"]
        assert json.loads(history[-1].data_json)["reason"] == "Service review"

        ended = await stub.TerminateAgreement(
            messages.TerminateAgreementRequest(agreement_id=draft.id, last_day="2026-06-30", expected_version=amended.version),
            metadata=customer,
        )
        assert (ended.status, ended.last_day) == ("terminated", "2026-06-30")
        as_of = messages.GetAgreementRequest(agreement_id=draft.id, as_of="2026-01-31")
        assert (await stub.GetAgreement(as_of, metadata=provider)).terms.number == 2

    play(tmp_path, scene)


def test_refusals_have_the_status_of_their_kind(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        stub = service.stub
        manager = service.metadata(PROVIDER, Role.SERVICE_MANAGER)
        stranger = service.metadata(STRANGER, Role.SERVICE_MANAGER)
        draft = await stub.DraftAgreement(messages.DraftAgreementRequest(document=DOCUMENT), metadata=manager)
        read = messages.GetAgreementRequest(agreement_id=draft.id)
        code = grpc.StatusCode
        assert await refused(stub.GetAgreement(read, metadata=stranger)) == code.NOT_FOUND
        assert await refused(stub.GetAgreement(messages.GetAgreementRequest(agreement_id="x"), metadata=manager)) == code.NOT_FOUND
        assert await refused(stub.GetAgreement(read)) == code.UNAUTHENTICATED
        signing = messages.SignAgreementRequest(agreement_id=draft.id, note="x")
        assert await refused(stub.SignAgreement(signing, metadata=manager)) == code.PERMISSION_DENIED
        broken = messages.DraftAgreementRequest(document="upheld: terms/v1")
        assert await refused(stub.DraftAgreement(broken, metadata=manager)) == code.INVALID_ARGUMENT
        absurd = messages.GetTermsInForceRequest(agreement_id=draft.id, from_day="2026-02-01", to_day="2026-01-01")
        assert await refused(stub.GetTermsInForce(absurd, metadata=manager)) == code.INVALID_ARGUMENT
        stale = messages.ProposeAgreementRequest(agreement_id=draft.id, expected_version=9)
        assert await refused(stub.ProposeAgreement(stale, metadata=manager)) == code.ABORTED
        assert await refused(stub.ProposeAgreement(stale, metadata=stranger)) == code.NOT_FOUND
        too_many = messages.ListAgreementsRequest(page_size=1000)
        assert await refused(stub.ListAgreements(too_many, metadata=manager)) == code.INVALID_ARGUMENT
        unknown = messages.ListAgreementsRequest(status="lost")
        assert await refused(stub.ListAgreements(unknown, metadata=manager)) == code.INVALID_ARGUMENT

    play(tmp_path, scene)


def test_a_platform_service_lists_everybodys_agreements_page_by_page(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        ids = [(await service.draft()).body["id"] for _ in range(3)]
        await soon(lambda: service.ask("GET", "/v1/agreements"), lambda answer: len(answer.body["items"]) == 3)
        platform = service.metadata("upheld", Role.SERVICE)
        first = await service.stub.ListAgreements(messages.ListAgreementsRequest(page_size=2), metadata=platform)
        rest = await service.stub.ListAgreements(
            messages.ListAgreementsRequest(page_size=2, page_token=first.next_page_token, status="draft"), metadata=platform
        )
        assert [each.id for each in (*first.agreements, *rest.agreements)] == list(reversed(ids))
        assert rest.next_page_token == ""
        nobodys = await service.stub.ListAgreements(messages.ListAgreementsRequest(), metadata=service.metadata(STRANGER, Role.VIEWER))
        assert list(nobodys.agreements) == []

    play(tmp_path, scene)


def test_every_call_of_the_contract_has_its_permission() -> None:
    calls = messages.DESCRIPTOR.services_by_name["Agreements"]
    assert calls.full_name == SERVICE
    names = ["".join(f"_{each.lower()}" if each.isupper() else each for each in method.name).strip("_") for method in calls.methods]
    assert set(names) <= set(PERMISSIONS)
    assert all(PERMISSIONS.values())
