"""A case: one period with everything that it was judged by, so that whoever asks why is told by the same. Pure; judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.measurement.assessment import Assessment, ObjectiveResult
from services.measurement.batch import Observations
from services.measurement.exclusion import granted_in
from services.measurement.objective import Maintenance, Terms, TermsInForce
from services.measurement.observation import NOTHING_KNOWN, Evidence
from services.measurement.settlement import Side
from services.vocabulary.period import Instant


@dataclass(frozen=True, kw_only=True)
class Case:
    """`terms` hold what the parties claimed, `evidence` is by service; `until` is when it was measured, also after the period's end.

    `reported` are the observations of either side that the evidence is of, as far as its reading was asked for.
    """

    assessment: Assessment
    terms: tuple[TermsInForce, ...]
    evidence: Mapping[str, Evidence]
    until: Instant
    reported: Mapping[Side, Observations] = field(default_factory=dict)

    def terms_of(self, result: ObjectiveResult) -> Terms:
        """The version that the result was judged by."""
        return next(version.terms for version in self.terms if version.terms.version == result.terms_version)

    def evidence_of(self, result: ObjectiveResult) -> Evidence:
        return self.evidence.get(result.objective.service, NOTHING_KNOWN)

    def windows_of(self, result: ObjectiveResult) -> tuple[Maintenance, ...]:
        """Of all services, cut to what counted."""
        return granted_in(self.terms_of(result), result.interval)
