"""The closed list of what this service stores: what happened to agreements, and to the keys that sign them. Names and versions, no rule."""

from __future__ import annotations

from collections.abc import Mapping

from services.agreements import agreement, keys

Stored = agreement.Fact | keys.KeyFact

STORED: Mapping[str, type[Stored]] = {**agreement.FACTS, **keys.KEY_FACTS}


def _without_key(signed: dict[str, object]) -> dict[str, object]:
    return {**signed, "key": "", "note": ""}


UPCASTERS = {"agreement.signed.v1": ("agreement.signed.v2", _without_key)}
"""A signature of the time before keys were asked for is one without a key."""
