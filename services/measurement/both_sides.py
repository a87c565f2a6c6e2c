"""What a figure is made from: the terms with the exclusions that the parties claimed, and one evidence of the two sides' observations.

Reads what is stored, as it was known; judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.engine import Connection
from upheld.agreements.v1 import terms_pb2

from services.measurement import party_facts_store, store
from services.measurement.batch import NOTHING_OBSERVED, Observations, evidence_of
from services.measurement.objective import Availability, ExclusionClass, TermsInForce
from services.measurement.observation import STILL_OPEN, Evidence
from services.measurement.party_facts import Agreed, ExclusionClaimed, PartyFacts, Settlement, ticket_exclusions, windows
from services.measurement.settlement import Ruling, Settled, Side, evidence_that_counts
from services.measurement.terms_copy import Agreement
from services.measurement.wire import exclusion_classes_of
from services.vocabulary.period import Instant, Interval, day_of, start_of_day


@dataclass(frozen=True, kw_only=True)
class BothSides:
    """`terms` hold the claimed exclusions; evidence is by service. The customer's is empty where no rule asks for it.

    `reported` are the observations that the evidence is of, the customer's where a rule asks for them.
    """

    terms: tuple[TermsInForce, ...]
    provider: Mapping[str, Evidence]
    customer: Mapping[str, Evidence]
    settled: tuple[Settled, ...]
    reach: Interval
    reported: Mapping[Side, Observations]

    def evidence(self, *, measured_until: Instant) -> Mapping[str, Evidence]:
        """The one that counts."""
        return evidence_that_counts(self.provider, self.customer, self.terms, self.settled, reach=self.reach, measured_until=measured_until)


def both_sides(
    connection: Connection,
    agreement: Agreement,
    *,
    reach: Interval,
    known_at: Instant | None = None,
    observed_by: Instant | None = None,
    always_both: bool = False,
    services: frozenset[str] | None = None,
) -> BothSides:
    """As it was known; observations only as far as they had been told by `observed_by`.

    `always_both` reads the customer's observations even where the provider's count by rule.
    """
    added = party_facts_store.added(connection, agreement.id, known_at=known_at)
    terms = with_exclusions(agreement, added)
    named = agreement.services if services is None else services
    asks_customer = always_both or any(version.terms.disputes != "provider" for version in terms)

    told_by = min((each for each in (known_at, observed_by) if each is not None), default=None)

    def observed(tenant: str) -> Observations:
        return store.observations(connection, tenant=tenant, services=named, span=reach, known_at=told_by)

    reported: dict[Side, Observations] = {"provider": observed(agreement.provider)}
    if asks_customer:
        reported["customer"] = observed(agreement.customer)
    return BothSides(
        terms=terms,
        provider=evidence_of(reported["provider"]),
        customer=evidence_of(reported.get("customer", NOTHING_OBSERVED)),
        settled=tuple(settled_of(each) for each in added.settlements),
        reach=reach,
        reported=reported,
    )


def with_exclusions(agreement: Agreement, added: PartyFacts) -> tuple[TermsInForce, ...]:
    """The versions in force; each knows every claim, which counts for its own days."""
    versions = agreement.terms_in_force()
    ground = ground_of(agreement, versions)
    claimed, tickets = windows(added, ground), ticket_exclusions(added, ground)
    if not claimed and not tickets:
        return versions
    return tuple(
        replace(
            version,
            terms=replace(version.terms, maintenance=(*version.terms.maintenance, *claimed), ticket_exclusions=tickets),
        )
        for version in versions
    )


def ground_of(agreement: Agreement, versions: Sequence[TermsInForce]) -> Callable[[ExclusionClaimed], ExclusionClass | None]:
    """By the terms in force when the claimed time begins, of tickets when they were claimed."""

    def ground(claim: ExclusionClaimed) -> ExclusionClass | None:
        message = _message(agreement, _in_force_at(versions, claim.start))
        return exclusion_classes_of(message).get(claim.exclusion_class)

    return ground


def agreed_at(agreement: Agreement, instant: Instant) -> Agreed:
    """What the terms in force then say; before and after the term, the first and the last ones."""
    versions = agreement.terms_in_force()
    version = _in_force_at(versions, instant)
    message = _message(agreement, version)
    return Agreed(
        provider=agreement.provider,
        customer=agreement.customer,
        auditors=frozenset(agreement.newest.auditors),
        term=_term(versions),
        services={service.id: frozenset(component.id for component in service.components) for service in message.services},
        classes=exclusion_classes_of(message),
        disputes=version.terms.disputes,
        measured=frozenset(each.id for each in version.terms.objectives if isinstance(each.indicator, Availability)),
    )


def _in_force_at(versions: Sequence[TermsInForce], instant: Instant) -> TermsInForce:
    begun = [version for version in versions if version.first_day <= day_of(instant, version.terms.zone)]
    return begun[-1] if begun else versions[0]


def _message(agreement: Agreement, version: TermsInForce) -> terms_pb2.Terms:
    return next(signed.message for signed in agreement.versions if signed.version == version.terms.version)


def _term(versions: Sequence[TermsInForce]) -> Interval:
    last = versions[-1]
    ends = [start_of_day(day + timedelta(days=1), last.terms.zone) for day in (last.last_day, last.terms.ends) if day is not None]
    return Interval(start_of_day(versions[0].first_day, versions[0].terms.zone), min([STILL_OPEN, *ends]))


def settled_of(settlement: Settlement) -> Settled:
    """An auditor's word, as the calculator has it."""
    verdict = "down" if settlement.down else "up"
    return Settled(
        objective_id=settlement.objective_id,
        ruling=Ruling(
            interval=settlement.interval,
            down=settlement.down,
            cause=f"settled as {verdict} by {settlement.organisation}",
            settled_at=settlement.settled_at,
        ),
        by=settlement.organisation,
        reason=settlement.reason,
    )
