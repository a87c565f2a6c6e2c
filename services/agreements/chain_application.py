"""The use case of a chain: finds all agreements below one, as far as the caller may see them; the rule decides. Knows no door."""

from __future__ import annotations

from uuid import UUID

from services.agreements.agreement import Agreement
from services.agreements.application import Agreements
from services.agreements.chain import MOST_BELOW, Chain, ChainTooLong, Missing, chain_of, not_to_be_seen
from services.agreements.refusals import AgreementNotFound
from services.agreements.terms import Terms
from services.chassis.context import Context
from services.vocabulary.period import day_of, instant_of, parse_zone


class Chains:
    """What can be asked of a chain."""

    def __init__(self, agreements: Agreements) -> None:
        self._agreements = agreements

    async def check(self, agreement_id: UUID, *, context: Context) -> Chain:
        """By the terms in force today; those of the agreement itself may still be a draft.

        Refuses with `AgreementNotFound` and `ChainTooLong`.
        """
        own = (await self._agreements.known(agreement_id, context=context)).state
        today = day_of(instant_of(context.recorded_at), parse_zone(own.newest.terms.zone))
        known: dict[str, Terms | Missing] = {str(agreement_id): own.shown_on(today).terms}
        waiting = [str(agreement_id)]
        while waiting:
            terms = known[waiting.pop()]
            for support in terms.underpinning if isinstance(terms, Terms) else ():
                if support.agreement in known:
                    continue
                if len(known) > MOST_BELOW:
                    raise ChainTooLong
                known[support.agreement] = await self._below(support.agreement, context)
                waiting.append(support.agreement)
        return chain_of(str(agreement_id), known)

    async def _below(self, agreement_id: str, context: Context) -> Terms | Missing:
        try:
            found = await self._agreements.known(UUID(agreement_id), context=context)
        except AgreementNotFound:
            return not_to_be_seen(agreement_id, context.caller.organisation)
        return _in_force(agreement_id, found.state, context)


def _in_force(agreement_id: str, agreement: Agreement, context: Context) -> Terms | Missing:
    today = day_of(instant_of(context.recorded_at), parse_zone(agreement.newest.terms.zone))
    version = agreement.terms_on(today)
    if version is None:
        return Missing(why=f"agreement {agreement_id} is not in force")
    if agreement.suspension_on(today):
        return Missing(why=f"agreement {agreement_id} is suspended")
    return version.terms
