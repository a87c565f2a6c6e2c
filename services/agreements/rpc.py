"""The gRPC door of agreements. Translation only; an `expected_version` of 0 means whatever is newest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from upheld.agreements.v1 import agreements_pb2 as messages

from services.agreements import inputs, wire
from services.agreements.application import Agreements
from services.agreements.bundle_export import BundleExport
from services.agreements.document import sent_terms
from services.agreements.keyring_application import Keyrings
from services.agreements.lifecycle_application import Life
from services.agreements.past import Past
from services.agreements.receipts import Receipts
from services.agreements.rpc_chain import ChainCalls
from services.agreements.rpc_lifecycle import LifeCalls
from services.agreements.rpc_log import LogCalls
from services.agreements.rpc_negotiation import NegotiationCalls
from services.agreements.rpc_replay import PastCalls
from services.agreements.terms import digest
from services.chassis.rpc import context_of, page_size
from services.vocabulary.errors import Invalid
from services.vocabulary.period import parse_day

if TYPE_CHECKING:
    from upheld.agreements.v1.agreements_pb2_grpc import _ServicerContext as Call

SERVICE = "upheld.agreements.v1.Agreements"
_PART_BYTES = 1 << 20


class AgreementsRpc(NegotiationCalls, LifeCalls, LogCalls, PastCalls, ChainCalls):
    """The calls of agreements.proto."""

    def __init__(
        self, agreements: Agreements, life: Life, *, keyrings: Keyrings, receipts: Receipts, export: BundleExport, past: Past
    ) -> None:
        self._agreements = agreements
        self._life = life
        self._keyrings = keyrings
        self._receipts = receipts
        self._export = export
        self._past = past

    async def DraftAgreement(self, request: messages.DraftAgreementRequest, context: Call) -> messages.Agreement:
        terms = await sent_terms(request.document)
        return wire.agreement_message(await self._agreements.draft(terms, context=context_of(context, because=request.reason)))

    async def ReviseDraft(self, request: messages.ReviseDraftRequest, context: Call) -> messages.Agreement:
        stream, terms = inputs.agreement_id(request.agreement_id), await sent_terms(request.document)
        revised = await self._agreements.revise(
            stream, terms, expected_version=request.expected_version or None, context=context_of(context, because=request.reason)
        )
        return wire.agreement_message(revised)

    async def ProposeAgreement(self, request: messages.ProposeAgreementRequest, context: Call) -> messages.Agreement:
        proposed = await self._agreements.propose(
            inputs.agreement_id(request.agreement_id),
            valid_until=inputs.instant_or_none(request.valid_until, place="valid_until"),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(proposed)

    async def WithdrawProposal(self, request: messages.WithdrawProposalRequest, context: Call) -> messages.Agreement:
        withdrawn = await self._agreements.withdraw(
            inputs.agreement_id(request.agreement_id),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(withdrawn)

    async def SignAgreement(self, request: messages.SignAgreementRequest, context: Call) -> messages.Agreement:
        signed = await self._agreements.sign(
            inputs.agreement_id(request.agreement_id),
            request.note,
            named_digest=request.digest,
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(signed)

    async def ProposeAmendment(self, request: messages.ProposeAmendmentRequest, context: Call) -> messages.Agreement:
        stream = inputs.agreement_id(request.agreement_id)
        effective_on = parse_day(request.effective_on, place="effective_on")
        proposed = await self._agreements.propose_amendment(
            stream,
            await sent_terms(request.document),
            effective_on=effective_on,
            valid_until=inputs.instant_or_none(request.valid_until, place="valid_until"),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(proposed)

    async def TerminateAgreement(self, request: messages.TerminateAgreementRequest, context: Call) -> messages.Agreement:
        ended = await self._agreements.terminate(
            inputs.agreement_id(request.agreement_id),
            last_day=parse_day(request.last_day, place="last_day"),
            expected_version=request.expected_version or None,
            context=context_of(context, because=request.reason),
        )
        return wire.agreement_message(ended)

    async def GetAgreement(self, request: messages.GetAgreementRequest, context: Call) -> messages.Agreement:
        found = await self._agreements.get(
            inputs.agreement_id(request.agreement_id),
            as_of=inputs.day_or_none(request.as_of, place="as_of"),
            known_at=inputs.moment_or_none(request.known_at, place="known_at"),
            context=context_of(context),
        )
        return wire.agreement_message(found)

    async def ListAgreements(self, request: messages.ListAgreementsRequest, context: Call) -> messages.ListAgreementsResponse:
        acting = context_of(context)
        page = await self._agreements.page(
            status=inputs.status_or_none(request.status),
            cursor=request.page_token,
            limit=page_size(request.page_size),
            context=acting,
        )
        found = await self._agreements.snapshots([inputs.agreement_id(item.id) for item in page.items], context=acting)
        return messages.ListAgreementsResponse(
            agreements=[wire.agreement_message(snapshot) for snapshot in found], next_page_token=page.next_cursor or ""
        )

    async def GetHistory(self, request: messages.GetHistoryRequest, context: Call) -> messages.GetHistoryResponse:
        entries = await self._agreements.history(
            inputs.agreement_id(request.agreement_id),
            known_at=inputs.moment_or_none(request.known_at, place="known_at"),
            context=context_of(context),
        )
        return wire.history_message(entries)

    async def DiffTerms(self, request: messages.DiffTermsRequest, context: Call) -> messages.DiffTermsResponse:
        changes, _ = await self._agreements.diff(
            inputs.agreement_id(request.agreement_id),
            before=request.from_version,
            after=request.to_version,
            context=context_of(context),
        )
        return wire.changes_message(changes)

    async def GetTermsInForce(self, request: messages.GetTermsInForceRequest, context: Call) -> messages.GetTermsInForceResponse:
        in_force = await self._agreements.terms_in_force(
            inputs.agreement_id(request.agreement_id),
            first=parse_day(request.from_day, place="from_day"),
            last=parse_day(request.to_day, place="to_day"),
            known_at=inputs.moment_or_none(request.known_at, place="known_at"),
            context=context_of(context),
        )
        return wire.terms_in_force_message(in_force)

    async def RegisterKey(self, request: messages.RegisterKeyRequest, context: Call) -> messages.SigningKey:
        return wire.key_message(await self._keyrings.register(request.note, context=context_of(context)))

    async def RotateKey(self, request: messages.RotateKeyRequest, context: Call) -> messages.SigningKey:
        return wire.key_message(await self._keyrings.rotate(request.note, context=context_of(context)))

    async def RevokeKey(self, request: messages.RevokeKeyRequest, context: Call) -> messages.SigningKey:
        acting = context_of(context, because=request.reason)
        return wire.key_message(await self._keyrings.revoke(request.key_id, reason=request.reason, context=acting))

    async def ListKeys(self, request: messages.ListKeysRequest, context: Call) -> messages.ListKeysResponse:
        found = await self._keyrings.listed(request.organisation, context=context_of(context))
        return messages.ListKeysResponse(keys=map(wire.key_message, found))

    async def ExportBundle(self, request: messages.ExportBundleRequest, context: Call) -> AsyncIterator[messages.BundlePart]:
        content = await self._export.bundle(inputs.agreement_id(request.agreement_id), context=context_of(context))
        for start in range(0, len(content), _PART_BYTES):
            yield messages.BundlePart(content=content[start : start + _PART_BYTES])

    async def ValidateTerms(self, request: messages.ValidateTermsRequest, context: Call) -> messages.ValidateTermsResponse:
        try:
            terms = await sent_terms(request.document)
        except Invalid as refusal:
            found = [messages.Violation(place=each.place, rule=each.rule) for each in refusal.violations]
            return messages.ValidateTermsResponse(valid=False, violations=found)
        return messages.ValidateTermsResponse(valid=True, digest=digest(terms), terms=wire.terms_message(terms))
