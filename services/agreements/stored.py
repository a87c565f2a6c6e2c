"""The closed list of what this service stores: what happened to agreements, and to the keys that sign them. Names and versions, no rule."""

from __future__ import annotations

from collections.abc import Mapping

from services.agreements import facts, keys

Stored = facts.Fact | keys.KeyFact

STORED: Mapping[str, type[Stored]] = {**facts.FACTS, **keys.KEY_FACTS}


def _without_key(signed: dict[str, object]) -> dict[str, object]:
    return {**signed, "key": "", "note": ""}


def _without_end(offered: dict[str, object]) -> dict[str, object]:
    return {**offered, "valid_until": ""}


UPCASTERS = {
    "agreement.signed.v1": ("agreement.signed.v2", _without_key),
    "agreement.proposed.v1": ("agreement.proposed.v2", _without_end),
    "agreement.amendment-proposed.v1": ("agreement.amendment-proposed.v2", _without_end),
}
"""A signature of the time before keys were asked for is one without a key; an offer of before they had an end has none."""
