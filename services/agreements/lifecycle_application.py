"""The use cases of an agreement's life, and of what is said while it is negotiated: load, decide, save. Knows no door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.agreements import lifecycle, negotiation
from services.agreements.agreement import Agreement
from services.agreements.application import Agreements, Snapshot
from services.agreements.facts import Fact
from services.agreements.terms import Terms
from services.chassis.context import Context
from services.vocabulary.identity import Role
from services.vocabulary.period import Instant


class Life:
    """Each refuses with `AgreementNotFound`, and as the rule of its name does."""

    def __init__(self, agreements: Agreements) -> None:
        self._agreements = agreements

    async def counter(
        self,
        agreement_id: UUID,
        terms: Terms,
        *,
        effective_on: date | None,
        valid_until: Instant | None,
        expected_version: int | None,
        context: Context,
    ) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            return negotiation.counter(
                agreement,
                terms,
                effective_on=effective_on,
                valid_until=valid_until,
                reason=context.reason,
                by=context.caller.organisation,
                recorded_at=context.recorded_at,
            )

        return await self._agreements.change(agreement_id, decide, expected_version, context)

    async def comment(self, agreement_id: UUID, *, place: str, text: str, expected_version: int | None, context: Context) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            caller = context.caller
            return negotiation.comment(
                agreement, place=place, text=text, by=caller.organisation, subject=caller.subject, recorded_at=context.recorded_at
            )

        return await self._agreements.change(agreement_id, decide, expected_version, context)

    async def request_suspension(
        self, agreement_id: UUID, *, first_day: date, last_day: date | None, expected_version: int | None, context: Context
    ) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            return lifecycle.request_suspension(
                agreement,
                first_day=first_day,
                last_day=last_day,
                reason=context.reason,
                by=context.caller.organisation,
                recorded_at=context.recorded_at,
            )

        return await self._agreements.change(agreement_id, decide, expected_version, context)

    async def request_resumption(self, agreement_id: UUID, *, first_day: date, expected_version: int | None, context: Context) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            by = context.caller.organisation
            return lifecycle.request_resumption(
                agreement, first_day=first_day, reason=context.reason, by=by, recorded_at=context.recorded_at
            )

        return await self._agreements.change(agreement_id, decide, expected_version, context)

    async def answer_request(self, agreement_id: UUID, *, confirmed: bool, expected_version: int | None, context: Context) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            caller = context.caller
            return lifecycle.answer_request(agreement, confirmed=confirmed, by=caller.organisation, signs=Role.SIGNATORY in caller.roles)

        return await self._agreements.change(agreement_id, decide, expected_version, context)

    async def give_notice(self, agreement_id: UUID, *, expected_version: int | None, context: Context) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            return lifecycle.give_notice(agreement, by=context.caller.organisation, recorded_at=context.recorded_at)

        return await self._agreements.change(agreement_id, decide, expected_version, context)

    async def hold_review(
        self, agreement_id: UUID, *, due_on: date, held_on: date, minutes: str, expected_version: int | None, context: Context
    ) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            by = context.caller.organisation
            return lifecycle.hold_review(agreement, due_on=due_on, held_on=held_on, minutes=minutes, by=by, recorded_at=context.recorded_at)

        return await self._agreements.change(agreement_id, decide, expected_version, context)

    async def archive(self, agreement_id: UUID, *, expected_version: int | None, context: Context) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            return lifecycle.archive(agreement, by=context.caller.organisation, recorded_at=context.recorded_at)

        return await self._agreements.change(agreement_id, decide, expected_version, context)
