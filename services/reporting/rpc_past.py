"""The gRPC door of agreements that reporting knocks at for an agreement's past, in the reader's own name. Translates only."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from upheld.agreements.v1 import agreements_pb2 as messages

from services.reporting import past_wire
from services.reporting.histories import Credential
from services.reporting.past import Change, Event, State

Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)


class Call(Protocol[Q_contra, A_co]):
    """One call of a stub."""

    def __call__(self, request: Q_contra, /, *, metadata: Credential) -> Awaitable[A_co]: ...


class AgreementsStub(Protocol):
    """The calls of agreements' stub that are made here."""

    @property
    def GetHistory(self) -> Call[messages.GetHistoryRequest, messages.GetHistoryResponse]: ...
    @property
    def GetAgreement(self) -> Call[messages.GetAgreementRequest, messages.Agreement]: ...
    @property
    def GetStateAt(self) -> Call[messages.GetStateAtRequest, messages.Agreement]: ...
    @property
    def DiffStates(self) -> Call[messages.DiffStatesRequest, messages.DiffTermsResponse]: ...


class PastByGrpc:
    """A refusal of agreements is raised as what it is."""

    def __init__(self, stub: AgreementsStub) -> None:
        self._stub = stub

    async def events(self, agreement_id: str, *, by: Credential) -> tuple[Event, ...]:
        found = await self._stub.GetHistory(messages.GetHistoryRequest(agreement_id=agreement_id), metadata=by)
        return tuple(map(past_wire.event, found.entries))

    async def state(self, agreement_id: str, *, as_of: str, known_at: str, by: Credential) -> State:
        request = messages.GetAgreementRequest(agreement_id=agreement_id, as_of=as_of, known_at=known_at)
        return past_wire.state(await self._stub.GetAgreement(request, metadata=by))

    async def state_after(self, agreement_id: str, version: int, *, as_of: str, by: Credential) -> State:
        request = messages.GetStateAtRequest(agreement_id=agreement_id, version=version, as_of=as_of)
        return past_wire.state(await self._stub.GetStateAt(request, metadata=by))

    async def changes(self, agreement_id: str, before: int, after: int, *, by: Credential) -> tuple[Change, ...]:
        request = messages.DiffStatesRequest(agreement_id=agreement_id, from_version=before, to_version=after)
        return tuple(map(past_wire.change, (await self._stub.DiffStates(request, metadata=by)).changes))
