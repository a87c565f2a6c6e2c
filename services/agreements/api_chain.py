"""The HTTP door to what an agreement rests on. Translation only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.agreements import inputs
from services.agreements.api import AgreementId
from services.agreements.chain import Chain
from services.agreements.chain_application import Chains
from services.chassis.http import Acting


class LinkBody(BaseModel):
    """An objective that rests on others. `why`: what keeps it from holding; where it holds, what the comparison leaves out."""

    objective_id: str
    promised: Annotated[str, Field(examples=[">= 99.9 %, 43 min 12 s of 30 days"])]
    below: Annotated[str, Field(description="What those below it allow together; empty: not compared")]
    holds: bool
    why: str
    agreements: list[str]


class ChainBody(BaseModel):
    """`holds`: every link does; so does an agreement that rests on no other."""

    holds: bool
    links: list[LinkBody]


def router(chains: Chains) -> APIRouter:
    """The route; its name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1/agreements", tags=["agreements"])

    @routes.get("/{agreement_id}/chain", operation_id="check_chain")
    async def check_chain(agreement_id: AgreementId, context: Acting) -> ChainBody:
        """Whether the agreements below it can hold what it promises, by the terms in force today."""
        return _body(await chains.check(inputs.agreement_id(agreement_id), context=context))

    return routes


def _body(chain: Chain) -> ChainBody:
    links = [
        LinkBody(
            objective_id=each.objective_id,
            promised=each.promised,
            below=each.below,
            holds=each.holds,
            why=each.why,
            agreements=list(each.agreements),
        )
        for each in chain.links
    ]
    return ChainBody(holds=chain.holds, links=links)
