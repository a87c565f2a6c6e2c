"""The id of an agreement that was drafted under a name: the same for both parties, computed from the terms alone. Pure."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5

from services.agreements.terms import Terms


def agreement_named(name: str, terms: Terms) -> UUID:
    """The parties are a part of it, and stay those that they are; whoever of them drafts, and on which side, is none."""
    first, second = sorted((terms.provider, terms.customer))
    return uuid5(NAMESPACE_URL, f"upheld:agreement:{first}:{second}:{name}")
