"""Which facts of this room name people, and where. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from services.improvement.improvement import Fact, ImprovementApproved, ImprovementPlanned
from services.vocabulary.personal import SUBJECT, Marks

PERSONAL: Mapping[type[Fact], Marks] = {
    ImprovementPlanned: {"plan.owner": SUBJECT},
    ImprovementApproved: {"approved_by": SUBJECT},
}
"""A plan's owner is named in free words, and is forgotten under these words."""
