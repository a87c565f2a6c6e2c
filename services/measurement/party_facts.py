"""What the parties add to a signed agreement: exclusions claimed and decided on, disputes settled by an auditor. One stream an agreement.

Pure: reads no clock, opens no store, computes no figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from services.measurement.objective import Approval, Disputes, ExclusionClass, Maintenance, TicketExclusion
from services.vocabulary.errors import Conflict, Invalid, NotAllowed, NotFound, Violation
from services.vocabulary.period import HOUR, Instant, Interval, instant_text

LONGEST_TEXT = 1_000
_LONGEST = 366 * 24 * HOUR

Status = Literal["pending", "approved", "refused", "withdrawn"]
Verb = Literal["approved", "refused", "withdrawn"]


class UnknownExclusionClass(Invalid):
    """The terms in force then know no such ground."""

    code = "exclusion-class-unknown"


class UnknownService(Invalid):
    code = "exclusion-service-unknown"


class UnknownComponent(Invalid):
    code = "exclusion-component-unknown"


class EndNotAfterStart(Invalid):
    code = "end-not-after-start"


class LongerThanAYear(Invalid):
    code = "longer-than-a-year"


class OutsideTheTerm(Invalid):
    """Some of it lies where the agreement was not, or is no longer, in force."""

    code = "outside-the-term"


class TicketsOrTime(Invalid):
    """An exclusion takes out tickets of a service, or time of its components: exactly one of the two."""

    code = "tickets-or-time"


class TicketWithoutName(Invalid):
    code = "ticket-without-name"


class ReasonMissing(Invalid):
    """What takes something from the other side says why."""

    code = "reason-missing"


class ExclusionNotFound(NotFound):
    """No such exclusion, or none that this caller may know of."""

    code = "exclusion-not-found"


class NotAParty(NotAllowed):
    """Only the provider and the customer claim exclusions and decide on them."""

    code = "not-a-party"


class NotYoursToDecide(NotAllowed):
    """The ground does not ask for this party's approval; a claim is withdrawn by who made it."""

    code = "not-yours-to-decide"


class AlreadyDecided(Conflict):
    """There is nothing left for this party to decide."""

    code = "exclusion-already-decided"


class NotAnAuditor(NotAllowed):
    """Only an organisation named under the terms' auditors settles a dispute."""

    code = "not-an-auditor"


class NotSettledByAuditors(Conflict):
    """The terms settle disputes by a rule, not by an auditor."""

    code = "disputes-settled-by-rule"


class NoReadings(Conflict):
    """Only of time availability do both sides have a reading to dispute."""

    code = "objective-without-readings"


@dataclass(frozen=True, kw_only=True)
class ExclusionClaimed:
    """No components named: all of the service. `claimed_by` is the party's organisation.

    Where `tickets` are taken out no time is: start and end are the instant of the claim. `closed_periods` are those whose stated figures it
    touches, in the order of time.
    """

    exclusion_id: str
    agreement_id: str
    provider: str
    customer: str
    exclusion_class: str
    service: str
    components: tuple[str, ...]
    start: Instant
    end: Instant
    reason: str
    claimed_by: str
    tickets: tuple[str, ...] = ()
    closed_periods: tuple[str, ...] = ()

    @property
    def interval(self) -> Interval:
        return Interval(self.start, self.end)


@dataclass(frozen=True, kw_only=True)
class _Decided:
    """`organisation` is whose word it is."""

    exclusion_id: str
    agreement_id: str
    provider: str
    customer: str
    exclusion_class: str
    start: Instant
    end: Instant
    organisation: str
    reason: str

    @property
    def interval(self) -> Interval:
        return Interval(self.start, self.end)


@dataclass(frozen=True, kw_only=True)
class ExclusionApproved(_Decided):
    """One side's consent; a class may ask for both."""


@dataclass(frozen=True, kw_only=True)
class ExclusionRefused(_Decided):
    """The claim counts nothing, for good."""


@dataclass(frozen=True, kw_only=True)
class ExclusionWithdrawn(_Decided):
    """Whoever claimed it takes it back."""


@dataclass(frozen=True, kw_only=True)
class DisputeSettled:
    """The objective was down, or up, throughout, whatever was reported. `organisation` is the auditor's."""

    agreement_id: str
    provider: str
    customer: str
    objective_id: str
    start: Instant
    end: Instant
    down: bool
    organisation: str
    reason: str

    @property
    def interval(self) -> Interval:
        return Interval(self.start, self.end)


Decision = ExclusionApproved | ExclusionRefused | ExclusionWithdrawn
Fact = ExclusionClaimed | Decision | DisputeSettled
D = TypeVar("D", ExclusionApproved, ExclusionRefused, ExclusionWithdrawn)

FACTS: Mapping[str, type[Fact]] = {
    "exclusion.claimed.v1": ExclusionClaimed,
    "exclusion.approved.v1": ExclusionApproved,
    "exclusion.refused.v1": ExclusionRefused,
    "exclusion.withdrawn.v1": ExclusionWithdrawn,
    "dispute.settled.v1": DisputeSettled,
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A fact, who of the organisation told it, and when we learned it."""

    fact: Fact
    by: str
    recorded_at: Instant


@dataclass(frozen=True, kw_only=True)
class Decided:
    verb: Verb
    organisation: str
    by: str
    reason: str
    recorded_at: Instant


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """A claim and what was decided on it. `number` counts the agreement's claims from 1."""

    number: int
    claim: ExclusionClaimed
    by: str
    claimed_at: Instant
    decisions: tuple[Decided, ...] = ()

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Organisations; who claims it wants it."""
        approvals = [decided.organisation for decided in self.decisions if decided.verb == "approved"]
        return tuple(dict.fromkeys([self.claim.claimed_by, *approvals]))

    @property
    def ended(self) -> Literal["refused", "withdrawn"] | None:
        """How it came to nothing."""
        last = self.decisions[-1].verb if self.decisions else "approved"
        return None if last == "approved" else last

    def awaits(self, approval: Approval) -> tuple[str, ...]:
        """The organisations whose approval is still missing; none where it came to nothing."""
        if self.ended:
            return ()
        return tuple(each for each in _asked(self.claim, approval) if each not in self.approved_by)

    def status(self, approval: Approval) -> Status:
        return self.ended or ("pending" if self.awaits(approval) else "approved")


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What an auditor decided of an objective's time."""

    objective_id: str
    interval: Interval
    down: bool
    organisation: str
    by: str
    reason: str
    settled_at: Instant


@dataclass(frozen=True, kw_only=True)
class PartyFacts:
    """Everything the parties added; claims and settlements in the order in which they were recorded."""

    exclusions: tuple[Exclusion, ...] = ()
    settlements: tuple[Settlement, ...] = ()

    def exclusion(self, exclusion_id: str) -> Exclusion:
        """Refuses with `ExclusionNotFound`."""
        for exclusion in self.exclusions:
            if exclusion.claim.exclusion_id == exclusion_id:
                return exclusion
        raise ExclusionNotFound("there is no such exclusion")


NOTHING_ADDED = PartyFacts()


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """What the terms say that are in force when the time in question begins. `term` is the life of the whole agreement.

    `services` are the components of each; `measured` are the objectives about time availability.
    """

    provider: str
    customer: str
    auditors: frozenset[str]
    term: Interval
    services: Mapping[str, frozenset[str]]
    classes: Mapping[str, ExclusionClass]
    disputes: Disputes = "provider"
    measured: frozenset[str] = frozenset()

    @property
    def parties(self) -> tuple[str, str]:
        return self.provider, self.customer


def evolve(state: PartyFacts | None, told: Told) -> PartyFacts:
    state = state or NOTHING_ADDED
    match told.fact:
        case ExclusionClaimed() as claim:
            claimed = Exclusion(number=len(state.exclusions) + 1, claim=claim, by=told.by, claimed_at=told.recorded_at)
            return replace(state, exclusions=(*state.exclusions, claimed))
        case ExclusionApproved() as fact:
            return _decided(state, fact, "approved", told)
        case ExclusionRefused() as fact:
            return _decided(state, fact, "refused", told)
        case ExclusionWithdrawn() as fact:
            return _decided(state, fact, "withdrawn", told)
        case DisputeSettled() as fact:
            settled = Settlement(
                objective_id=fact.objective_id,
                interval=fact.interval,
                down=fact.down,
                organisation=fact.organisation,
                by=told.by,
                reason=fact.reason,
                settled_at=told.recorded_at,
            )
            return replace(state, settlements=(*state.settlements, settled))
        case never:
            assert_never(never)


def claim(
    *,
    exclusion_id: str,
    agreement_id: str,
    exclusion_class: str,
    service: str,
    components: Sequence[str],
    interval: Interval | None,
    tickets: Sequence[str] = (),
    reason: str,
    organisation: str,
    claimed_at: Instant,
    agreed: Agreed,
    closed_periods: Sequence[str] = (),
) -> list[Fact]:
    """Of time or of tickets; `agreed` when the time begins, for tickets at the claim. `closed_periods` are those whose stated figures it
    touches.

    Refuses with `NotAParty`, `TicketsOrTime`, `TicketWithoutName`, `OutsideTheTerm`, `EndNotAfterStart`, `LongerThanAYear`, `ReasonMissing`
    and what the terms do not know.
    """
    _require_party(organisation, agreed)
    _require_tickets_or_time(tickets, interval, components)
    if interval is not None:
        _require_span(interval, agreed)
    _require_reason(reason)
    if exclusion_class not in agreed.classes:
        raise UnknownExclusionClass(_broken("exclusion_class", f"must be one of the terms' grounds, {exclusion_class[:80]!r} is none"))
    if service not in agreed.services:
        raise UnknownService(_broken("service", f"must be a service of the terms, {service[:80]!r} is none"))
    for number, component in enumerate(components):
        if component not in agreed.services[service]:
            raise UnknownComponent(_broken(f"components[{number}]", f"must be a component of {service}, {component[:80]!r} is none"))
    return [
        ExclusionClaimed(
            exclusion_id=exclusion_id,
            agreement_id=agreement_id,
            provider=agreed.provider,
            customer=agreed.customer,
            exclusion_class=exclusion_class,
            service=service,
            components=tuple(sorted(set(components))),
            start=claimed_at if interval is None else interval.start,
            end=claimed_at if interval is None else interval.end,
            reason=reason.strip(),
            claimed_by=organisation,
            tickets=tuple(dict.fromkeys(ticket.strip() for ticket in tickets)),
            closed_periods=tuple(closed_periods),
        )
    ]


def approve(state: PartyFacts | None, exclusion_id: str, *, organisation: str, reason: str, agreed: Agreed) -> list[Fact]:
    """Refuses with `NotAParty`, `ExclusionNotFound`, `AlreadyDecided` and `NotYoursToDecide`."""
    exclusion = _to_decide(state, exclusion_id, organisation=organisation, agreed=agreed)
    return [_decision(ExclusionApproved, exclusion.claim, organisation=organisation, reason=reason)]


def refuse(state: PartyFacts | None, exclusion_id: str, *, organisation: str, reason: str, agreed: Agreed) -> list[Fact]:
    """By a party whose approval is missing; refuses as `approve` does, and with `ReasonMissing`."""
    exclusion = _to_decide(state, exclusion_id, organisation=organisation, agreed=agreed)
    _require_reason(reason)
    return [_decision(ExclusionRefused, exclusion.claim, organisation=organisation, reason=reason)]


def withdraw(state: PartyFacts | None, exclusion_id: str, *, organisation: str, reason: str, agreed: Agreed) -> list[Fact]:
    """By who claimed it, until the other side has decided. Refuses with `NotYoursToDecide`, `AlreadyDecided` and `ReasonMissing`."""
    _require_party(organisation, agreed)
    exclusion = (state or NOTHING_ADDED).exclusion(exclusion_id)
    if exclusion.decisions:
        raise AlreadyDecided(f"this exclusion was {exclusion.decisions[-1].verb} by {exclusion.decisions[-1].organisation}")
    if exclusion.claim.claimed_by != organisation:
        raise NotYoursToDecide(f"{exclusion.claim.claimed_by} claimed this exclusion and may withdraw it")
    _require_reason(reason)
    return [_decision(ExclusionWithdrawn, exclusion.claim, organisation=organisation, reason=reason)]


def settle(
    *, agreement_id: str, objective_id: str, interval: Interval, down: bool, organisation: str, reason: str, agreed: Agreed
) -> list[Fact]:
    """Refuses with `NotAnAuditor`, `NotSettledByAuditors`, `NoReadings`, `EndNotAfterStart`, `LongerThanAYear`, `OutsideTheTerm` and
    `ReasonMissing`."""
    if organisation not in agreed.auditors:
        raise NotAnAuditor(f"{organisation} is not named under the auditors of the terms")
    if agreed.disputes != "auditor":
        raise NotSettledByAuditors(f"by the terms disputes are settled by the rule {agreed.disputes!r}")
    if objective_id not in agreed.measured:
        raise NoReadings(f"the terms have no objective {objective_id[:80]!r} about time availability")
    _require_span(interval, agreed)
    _require_reason(reason)
    return [
        DisputeSettled(
            agreement_id=agreement_id,
            provider=agreed.provider,
            customer=agreed.customer,
            objective_id=objective_id,
            start=interval.start,
            end=interval.end,
            down=down,
            organisation=organisation,
            reason=reason.strip(),
        )
    ]


def windows(state: PartyFacts, ground_of: Callable[[ExclusionClaimed], ExclusionClass | None]) -> tuple[Maintenance, ...]:
    """The exclusions that stand, as windows that are still to be judged by approval, notice and cap; `approved_by` names the sides.

    `ground_of`: by the terms that count for the claim; None where they do not know its class any more, and then it excludes nothing.
    """
    return tuple(
        Maintenance(
            id=exclusion.claim.exclusion_id,
            service=exclusion.claim.service,
            components=exclusion.claim.components,
            interval=exclusion.claim.interval,
            reason=exclusion.claim.reason,
            ground=ground,
            announced_at=exclusion.claimed_at,
            approved_by=_sides(exclusion),
            closed_periods=exclusion.claim.closed_periods,
        )
        for exclusion, ground in _standing(state, ground_of)
        if not exclusion.claim.tickets
    )


def ticket_exclusions(state: PartyFacts, ground_of: Callable[[ExclusionClaimed], ExclusionClass | None]) -> tuple[TicketExclusion, ...]:
    """The exclusions of tickets that stand, as `windows` gives those of time."""
    return tuple(
        TicketExclusion(
            id=exclusion.claim.exclusion_id,
            service=exclusion.claim.service,
            tickets=exclusion.claim.tickets,
            reason=exclusion.claim.reason,
            ground=ground,
            approved_by=_sides(exclusion),
            closed_periods=exclusion.claim.closed_periods,
        )
        for exclusion, ground in _standing(state, ground_of)
        if exclusion.claim.tickets
    )


def words_of(fact: Fact) -> str:
    """The fact as the cause of a restatement."""
    match fact:
        case ExclusionClaimed():
            return f"exclusion {fact.exclusion_class} claimed by {fact.claimed_by}"
        case ExclusionApproved():
            return f"exclusion {fact.exclusion_class} approved by {fact.organisation}"
        case ExclusionRefused():
            return f"exclusion {fact.exclusion_class} refused by {fact.organisation}"
        case ExclusionWithdrawn():
            return f"exclusion {fact.exclusion_class} withdrawn by {fact.organisation}"
        case DisputeSettled():
            verdict = "down" if fact.down else "up"
            return f"dispute about {fact.objective_id} from {instant_text(fact.start)} settled as {verdict} by {fact.organisation}"
        case _:
            assert_never(fact)


def stream_of(agreement_id: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"upheld:exclusions:{agreement_id}")


def _decided(state: PartyFacts, fact: Decision, verb: Verb, told: Told) -> PartyFacts:
    decided = Decided(verb=verb, organisation=fact.organisation, by=told.by, reason=fact.reason, recorded_at=told.recorded_at)
    return replace(
        state,
        exclusions=tuple(
            replace(each, decisions=(*each.decisions, decided)) if each.claim.exclusion_id == fact.exclusion_id else each
            for each in state.exclusions
        ),
    )


def _to_decide(state: PartyFacts | None, exclusion_id: str, *, organisation: str, agreed: Agreed) -> Exclusion:
    _require_party(organisation, agreed)
    exclusion = (state or NOTHING_ADDED).exclusion(exclusion_id)
    ground = agreed.classes.get(exclusion.claim.exclusion_class)
    if ground is None:
        raise AlreadyDecided(f"the terms do not know the ground {exclusion.claim.exclusion_class!r} any more")
    missing = exclusion.awaits(ground.approval)
    if not missing or (organisation in exclusion.approved_by and organisation in _asked(exclusion.claim, ground.approval)):
        raise AlreadyDecided(f"this exclusion is {exclusion.status(ground.approval)}, there is nothing for {organisation} to decide")
    if organisation not in missing:
        raise NotYoursToDecide(f"the ground {ground.id!r} is approved by {' and '.join(missing)}")
    return exclusion


def _standing(
    state: PartyFacts, ground_of: Callable[[ExclusionClaimed], ExclusionClass | None]
) -> Iterator[tuple[Exclusion, ExclusionClass]]:
    for exclusion in state.exclusions:
        ground = ground_of(exclusion.claim)
        if ground is not None and not exclusion.ended:
            yield exclusion, ground


def _sides(exclusion: Exclusion) -> tuple[str, ...]:
    named = (("provider", exclusion.claim.provider), ("customer", exclusion.claim.customer))
    return tuple(side for side, organisation in named if organisation in exclusion.approved_by)


def _asked(claimed: ExclusionClaimed, approval: Approval) -> tuple[str, ...]:
    """A figure that was stated moves only as both parties want it."""
    if claimed.closed_periods:
        return (claimed.provider, claimed.customer)
    match approval:
        case "none":
            return ()
        case "customer":
            return (claimed.customer,)
        case "both":
            return (claimed.provider, claimed.customer)
        case _:
            assert_never(approval)


def _decision(kind: type[D], claimed: ExclusionClaimed, *, organisation: str, reason: str) -> D:
    return kind(
        exclusion_id=claimed.exclusion_id,
        agreement_id=claimed.agreement_id,
        provider=claimed.provider,
        customer=claimed.customer,
        exclusion_class=claimed.exclusion_class,
        start=claimed.start,
        end=claimed.end,
        organisation=organisation,
        reason=reason.strip(),
    )


def _require_party(organisation: str, agreed: Agreed) -> None:
    if organisation not in agreed.parties:
        raise NotAParty("only the provider and the customer claim exclusions and decide on them")


def _require_tickets_or_time(tickets: Sequence[str], interval: Interval | None, components: Sequence[str]) -> None:
    if bool(tickets) == (interval is not None):
        raise TicketsOrTime(_broken("tickets", "must be named, or start and end, and not both"))
    if tickets and components:
        raise TicketsOrTime(_broken("components", "must stay empty where tickets are taken out: a ticket is of the whole service"))
    for number, ticket in enumerate(tickets):
        if not ticket.strip():
            raise TicketWithoutName(_broken(f"tickets[{number}]", "must be the name of a ticket"))


def _require_span(interval: Interval, agreed: Agreed) -> None:
    if interval.start >= interval.end:
        raise EndNotAfterStart(_broken("end", "must be later than start"))
    if interval.length > _LONGEST:
        raise LongerThanAYear(_broken("end", "must be at most a year after start"))
    if interval.start < agreed.term.start or agreed.term.end < interval.end:
        raise OutsideTheTerm(_broken("start", "must lie, with end, in the term of the agreement"))


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing(_broken("reason", "must say why"))


def _broken(place: str, rule: str) -> Violation:
    return Violation(place=place, rule=rule)
