"""What the parties add after signing: who may claim, decide and settle what, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.chassis.events import Registry
from services.measurement.objective import Approval, ExclusionClass, TicketExclusion
from services.measurement.observation import STILL_OPEN
from services.measurement.party_facts import (
    FACTS,
    Agreed,
    AlreadyDecided,
    DisputeSettled,
    EndNotAfterStart,
    ExclusionApproved,
    ExclusionClaimed,
    ExclusionNotFound,
    ExclusionRefused,
    ExclusionWithdrawn,
    Fact,
    LongerThanAYear,
    NoReadings,
    NotAnAuditor,
    NotAParty,
    NotSettledByAuditors,
    NotYoursToDecide,
    OutsideTheTerm,
    PartyFacts,
    ReasonMissing,
    TicketsOrTime,
    TicketWithoutName,
    Told,
    UnknownComponent,
    UnknownExclusionClass,
    UnknownService,
    approve,
    claim,
    evolve,
    refuse,
    settle,
    ticket_exclusions,
    windows,
    withdraw,
    words_of,
)
from services.vocabulary.errors import Refusal
from services.vocabulary.period import Instant, Interval
from tests.measurement.calculation import DAY, at, later

GOLDEN = Path(__file__).parents[1] / "contracts" / "measurement"
REGISTRY: Registry[Fact] = Registry(FACTS)
PROVIDER, CUSTOMER, AUDITOR, STRANGER = "nordwind-hosting", "hansebank", "pruefwerk", "elsewhere"
CLAIMED_AT, DECIDED_AT = at("2026-03-10T12:00:00Z"), at("2026-03-11T12:00:00Z")
FLOOD = Interval(at("2026-03-09T01:00:00Z"), at("2026-03-09T02:00:00Z"))
AGREED = Agreed(
    provider=PROVIDER,
    customer=CUSTOMER,
    auditors=frozenset({AUDITOR}),
    term=Interval(at("2026-03-01T00:00:00Z"), at("2028-03-01T00:00:00Z")),
    services={"online-banking": frozenset({"web", "core-database"})},
    classes={
        "force-majeure": ExclusionClass(id="force-majeure", clause="7.1", approval="customer"),
        "planned-work": ExclusionClass(id="planned-work", clause="4.2", approval="none"),
        "migration": ExclusionClass(id="migration", approval="both"),
    },
    disputes="auditor",
    measured=frozenset({"availability"}),
)


def claiming(
    exclusion_class: str = "force-majeure",
    *,
    service: str = "online-banking",
    components: tuple[str, ...] = ("web",),
    interval: Interval | None = FLOOD,
    tickets: tuple[str, ...] = (),
    closed_periods: tuple[str, ...] = (),
    reason: str = "Flood",
    organisation: str = PROVIDER,
    exclusion_id: str = "e-1",
) -> list[Fact]:
    return claim(
        exclusion_id=exclusion_id,
        agreement_id="a",
        exclusion_class=exclusion_class,
        service=service,
        components=components,
        interval=interval,
        tickets=tickets,
        reason=reason,
        organisation=organisation,
        claimed_at=CLAIMED_AT,
        agreed=AGREED,
        closed_periods=closed_periods,
    )


def of_tickets(*tickets: str, exclusion_class: str = "force-majeure", closed_periods: tuple[str, ...] = ()) -> list[Fact]:
    return claiming(exclusion_class, components=(), interval=None, tickets=tickets, closed_periods=closed_periods)


def settling(
    *, organisation: str = AUDITOR, objective_id: str = "availability", agreed: Agreed = AGREED, reason: str = "Logs"
) -> list[Fact]:
    return settle(
        agreement_id="a", objective_id=objective_id, interval=FLOOD, down=True, organisation=organisation, reason=reason, agreed=agreed
    )


def after(*facts: list[Fact]) -> PartyFacts:
    state = PartyFacts()
    for number, fact in enumerate(each for group in facts for each in group):
        state = evolve(state, Told(fact=fact, by="rea", recorded_at=Instant(CLAIMED_AT + number * DAY)))
    return state


def approved(state: PartyFacts, organisation: str, *, exclusion_id: str = "e-1") -> list[Fact]:
    return approve(state, exclusion_id, organisation=organisation, reason="", agreed=AGREED)


def refused(state: PartyFacts, organisation: str, *, reason: str = "It was dry") -> list[Fact]:
    return refuse(state, "e-1", organisation=organisation, reason=reason, agreed=AGREED)


def withdrawn(state: PartyFacts, organisation: str, *, reason: str = "A mistake") -> list[Fact]:
    return withdraw(state, "e-1", organisation=organisation, reason=reason, agreed=AGREED)


def status(state: PartyFacts, approval: Approval) -> str:
    return state.exclusion("e-1").status(approval)


# ------------------------------------------------------------------------------------------------------------------ claims


@pytest.mark.parametrize(
    ("exclusion_class", "claimed_by", "awaited"),
    [
        ("planned-work", PROVIDER, ()),
        ("force-majeure", PROVIDER, (CUSTOMER,)),
        ("force-majeure", CUSTOMER, ()),
        ("migration", PROVIDER, (CUSTOMER,)),
        ("migration", CUSTOMER, (PROVIDER,)),
    ],
)
def test_a_claim_awaits_those_whom_its_ground_asks_and_who_did_not_claim_it(
    exclusion_class: str, claimed_by: str, awaited: tuple[str, ...]
) -> None:
    state = after(claiming(exclusion_class, organisation=claimed_by))
    assert state.exclusion("e-1").awaits(AGREED.classes[exclusion_class].approval) == awaited


@pytest.mark.parametrize(
    ("refusal", "wrong"),
    [
        (UnknownExclusionClass, {"exclusion_class": "bad-luck"}),
        (UnknownService, {"service": "desk"}),
        (UnknownComponent, {"components": ("web", "printer")}),
        (EndNotAfterStart, {"interval": Interval(FLOOD.start, FLOOD.start)}),
        (LongerThanAYear, {"interval": Interval(FLOOD.start, later(FLOOD.start, 366 * DAY + 1))}),
        (OutsideTheTerm, {"interval": Interval(at("2026-02-28T23:59:00Z"), FLOOD.end)}),
        (OutsideTheTerm, {"interval": Interval(at("2028-02-29T23:00:00Z"), at("2028-03-01T00:00:01Z"))}),
        (ReasonMissing, {"reason": " "}),
        (TicketsOrTime, {"interval": None}),
        (TicketsOrTime, {"tickets": ("INC-7",), "components": ()}),
        (TicketsOrTime, {"tickets": ("INC-7",), "interval": None}),
        (TicketWithoutName, {"tickets": ("INC-7", " "), "interval": None, "components": ()}),
        (NotAParty, {"organisation": AUDITOR}),
    ],
)
def test_a_claim_is_refused_for_its_own_reason(refusal: type[Refusal], wrong: dict[str, object]) -> None:
    with pytest.raises(refusal) as told:
        claiming(**wrong)  # type: ignore[arg-type]
    assert told.value.code == refusal.code


def test_a_claim_of_exactly_a_year_is_taken() -> None:
    (claimed,) = claiming(interval=Interval(FLOOD.start, later(FLOOD.start, 366 * DAY)))
    assert isinstance(claimed, ExclusionClaimed)


def test_a_claim_of_tickets_has_no_time_of_its_own_and_names_each_once() -> None:
    (claimed,) = of_tickets("INC-7", "INC-3", "INC-7 ")
    assert isinstance(claimed, ExclusionClaimed)
    assert (claimed.tickets, claimed.interval) == (("INC-7", "INC-3"), Interval(CLAIMED_AT, CLAIMED_AT))


@pytest.mark.parametrize("exclusion_class", ["planned-work", "force-majeure", "migration"])
@pytest.mark.parametrize(("claimed_by", "awaited"), [(PROVIDER, CUSTOMER), (CUSTOMER, PROVIDER)])
def test_a_claim_that_touches_a_closed_period_awaits_the_other_party_whatever_its_ground_asks(
    exclusion_class: str, claimed_by: str, awaited: str
) -> None:
    claimed = after(claiming(exclusion_class, organisation=claimed_by, closed_periods=("2026-03",)))
    approval = AGREED.classes[exclusion_class].approval
    assert (status(claimed, approval), claimed.exclusion("e-1").awaits(approval)) == ("pending", (awaited,))
    with pytest.raises(AlreadyDecided):
        approved(claimed, claimed_by)
    decided = evolve(claimed, Told(fact=approved(claimed, awaited)[0], by="rea", recorded_at=DECIDED_AT))
    assert status(decided, approval) == "approved"


# --------------------------------------------------------------------------------------------------------------- decisions


def test_a_claim_that_its_ground_leaves_to_the_customer_counts_once_the_customer_approved() -> None:
    claimed = after(claiming())
    decided = after(claiming(), approved(claimed, CUSTOMER))
    assert (status(claimed, "customer"), status(decided, "customer")) == ("pending", "approved")


def test_the_provider_does_not_approve_for_the_customer() -> None:
    with pytest.raises(NotYoursToDecide):
        approved(after(claiming()), PROVIDER)


def test_a_stranger_decides_nothing() -> None:
    with pytest.raises(NotAParty):
        approved(after(claiming()), STRANGER)


def test_what_nobody_claimed_is_not_there() -> None:
    with pytest.raises(ExclusionNotFound):
        approved(after(claiming()), CUSTOMER, exclusion_id="e-2")


def test_what_is_decided_is_not_decided_again() -> None:
    claimed = after(claiming())
    for decision in (approved(claimed, CUSTOMER), refused(claimed, CUSTOMER), withdrawn(claimed, PROVIDER)):
        decided = after(claiming(), decision)
        for again in (approved, refused):
            with pytest.raises(AlreadyDecided):
                again(decided, CUSTOMER)
        with pytest.raises(AlreadyDecided):
            withdrawn(decided, PROVIDER)


def test_what_counts_at_once_has_nothing_to_approve_and_can_be_withdrawn() -> None:
    claimed = after(claiming("planned-work"))
    with pytest.raises(AlreadyDecided):
        approved(claimed, CUSTOMER)
    assert status(after(claiming("planned-work"), withdrawn(claimed, PROVIDER)), "none") == "withdrawn"


def test_only_who_claimed_it_withdraws_it() -> None:
    with pytest.raises(NotYoursToDecide):
        withdrawn(after(claiming()), CUSTOMER)


@pytest.mark.parametrize("decide", [refused, withdrawn])
def test_a_refusal_and_a_withdrawal_say_why(decide: object) -> None:
    assert callable(decide)
    with pytest.raises(ReasonMissing):
        decide(after(claiming()), CUSTOMER if decide is refused else PROVIDER, reason="")


# ----------------------------------------------------------------------------------------------------------------- windows


def test_an_exclusion_is_a_window_announced_when_it_was_claimed_and_approved_by_sides() -> None:
    claimed = after(claiming())
    state = after(claiming(), approved(claimed, CUSTOMER))
    (window,) = windows(state, lambda fact: AGREED.classes.get(fact.exclusion_class))
    assert (window.id, window.service, window.components, window.interval) == ("e-1", "online-banking", ("web",), FLOOD)
    assert (window.announced_at, window.approved_by, window.reason) == (CLAIMED_AT, ("provider", "customer"), "Flood")
    assert window.ground == AGREED.classes["force-majeure"]


def test_what_was_refused_or_withdrawn_or_has_no_ground_any_more_is_no_window() -> None:
    claimed = after(claiming())
    known = {**AGREED.classes}
    for state in (after(claiming(), refused(claimed, CUSTOMER)), after(claiming(), withdrawn(claimed, PROVIDER))):
        assert windows(state, lambda fact: known.get(fact.exclusion_class)) == ()
    assert windows(claimed, lambda _: None) == ()


def test_an_exclusion_of_tickets_is_no_window_and_a_window_names_no_tickets() -> None:
    def known(fact: ExclusionClaimed) -> ExclusionClass | None:
        return AGREED.classes.get(fact.exclusion_class)

    claimed = after(of_tickets("INC-7", closed_periods=("2026-03",)))
    assert windows(claimed, known) == ()
    assert ticket_exclusions(claimed, known) == (
        TicketExclusion(
            id="e-1",
            service="online-banking",
            tickets=("INC-7",),
            reason="Flood",
            ground=AGREED.classes["force-majeure"],
            approved_by=("provider",),
            closed_periods=("2026-03",),
        ),
    )
    assert ticket_exclusions(after(claiming()), known) == ()
    assert ticket_exclusions(after(of_tickets("INC-7"), refused(claimed, CUSTOMER)), known) == ()


def test_a_window_tells_which_periods_were_closed_when_it_was_claimed() -> None:
    (window,) = windows(after(claiming(closed_periods=("2026-03",))), lambda fact: AGREED.classes.get(fact.exclusion_class))
    assert window.closed_periods == ("2026-03",)


# ------------------------------------------------------------------------------------------------------------- settlements


def test_a_named_auditor_settles() -> None:
    (settlement,) = after(settling()).settlements
    assert (settlement.objective_id, settlement.interval, settlement.down, settlement.organisation) == (
        "availability",
        FLOOD,
        True,
        AUDITOR,
    )


@pytest.mark.parametrize("organisation", [PROVIDER, CUSTOMER, STRANGER])
def test_nobody_else_settles(organisation: str) -> None:
    with pytest.raises(NotAnAuditor):
        settling(organisation=organisation)


def test_where_the_terms_settle_by_a_rule_no_auditor_does() -> None:
    with pytest.raises(NotSettledByAuditors):
        settling(agreed=replace(AGREED, disputes="either-down"))


def test_only_time_availability_has_readings_to_settle() -> None:
    with pytest.raises(NoReadings):
        settling(objective_id="requests")


def test_a_settlement_says_why() -> None:
    with pytest.raises(ReasonMissing):
        settling(reason="")


def test_an_open_ended_term_has_no_end_to_be_outside_of() -> None:
    forever = replace(AGREED, term=Interval(AGREED.term.start, STILL_OPEN))
    assert settling(agreed=forever)


# ------------------------------------------------------------------------------------------------------------ stored facts


def examples() -> dict[str, Fact]:
    claimed = after(claiming())
    (claim_,) = of_tickets("INC-7", "INC-9", closed_periods=("2026-02",))
    (approval,) = approved(claimed, CUSTOMER)
    (refusal,) = refused(claimed, CUSTOMER)
    (withdrawal,) = withdrawn(claimed, PROVIDER)
    (settlement,) = settling()
    return {
        "exclusion.claimed.v1": claim_,
        "exclusion.approved.v1": approval,
        "exclusion.refused.v1": refusal,
        "exclusion.withdrawn.v1": withdrawal,
        "dispute.settled.v1": settlement,
    }


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_is_written_as_its_golden_file_says(name: str) -> None:
    assert REGISTRY.encode(examples()[name]) == (GOLDEN / f"{name}.json").read_bytes().rstrip()


@pytest.mark.parametrize("name", FACTS)
def test_every_golden_file_is_still_read(name: str) -> None:
    assert REGISTRY.decode(name, (GOLDEN / f"{name}.json").read_bytes()) == (name, examples()[name])


def test_a_claim_of_before_is_still_read_and_takes_out_no_tickets() -> None:
    name = "exclusion.claimed.v1"
    _, claimed = REGISTRY.decode(name, (GOLDEN / "calculator-2" / f"{name}.json").read_bytes())
    (now,) = claiming()
    assert claimed == now


def test_a_fact_tells_its_cause_in_words() -> None:
    assert {name: words_of(fact) for name, fact in examples().items()} == {
        "exclusion.claimed.v1": "exclusion force-majeure claimed by nordwind-hosting",
        "exclusion.approved.v1": "exclusion force-majeure approved by hansebank",
        "exclusion.refused.v1": "exclusion force-majeure refused by hansebank",
        "exclusion.withdrawn.v1": "exclusion force-majeure withdrawn by nordwind-hosting",
        "dispute.settled.v1": "dispute about availability from 2026-03-09T01:00:00Z settled as down by pruefwerk",
    }


def test_the_facts_are_of_their_classes() -> None:
    kinds = (ExclusionClaimed, ExclusionApproved, ExclusionRefused, ExclusionWithdrawn, DisputeSettled)
    assert tuple(type(fact) for fact in examples().values()) == kinds
