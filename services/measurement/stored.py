"""The closed list of what this service stores: what was found of a period, and what the parties added. Names and versions, no rule."""

from __future__ import annotations

from collections.abc import Mapping

from services.measurement import judgement, party_facts

Stored = judgement.Event | party_facts.Fact

STORED: Mapping[str, type[Stored]] = {**judgement.EVENTS, **party_facts.FACTS}
