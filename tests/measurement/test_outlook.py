"""When time alone can change a running month, and what its budgets burn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from services.measurement.case import Case
from services.measurement.objective import (
    Availability,
    Composite,
    ExclusionClass,
    Indicator,
    RequestRatio,
    ResolutionTime,
    TicketExclusion,
    TimeSlices,
)
from services.measurement.observation import NOTHING_KNOWN, STILL_OPEN, Evidence, Outage, State, StatusChange, TicketEvent, TicketState
from services.measurement.outlook import alerts, next_change, outlooks
from services.vocabulary.period import HOUR, MINUTE, Instant, Interval, Microseconds
from tests.measurement.calculation import DB, JUNE_SPAN, assessed, in_force, later, minute, objective, outage, terms

PULSE = Microseconds(MINUTE)
NOW = minute(20_160)
DESK = ResolutionTime(within=Microseconds(2 * HOUR))


def case(indicator: Indicator, evidence: Evidence, *, until: Instant = NOW) -> Case:
    """June, with one objective about the bank."""
    agreed = in_force(terms(objective(indicator, name="it")))
    return Case(assessment=assessed([agreed], evidence, measured_until=until), terms=(agreed,), evidence={"bank": evidence}, until=until)


def changes_at(indicator: Indicator, evidence: Evidence, *, until: Instant = NOW) -> Instant | None:
    return next_change(case(indicator, evidence, until=until), pulse=PULSE)


def status(at: float, state: State) -> Evidence:
    return Evidence(statuses=[StatusChange(component="db", at=minute(at), state=state)])


def opened(at: float, *, ticket: str = "INC-1") -> TicketEvent:
    return TicketEvent(ticket=ticket, at=minute(at), state=TicketState.OPENED, priority="", step=0)


def test_what_is_quiet_waits_for_the_months_end() -> None:
    for evidence in (status(0, State.UP), Evidence(outages=[outage(100, 200)]), NOTHING_KNOWN):
        assert changes_at(DB, evidence) == JUNE_SPAN.end
    assert changes_at(RequestRatio(), NOTHING_KNOWN) == JUNE_SPAN.end


def test_what_is_down_is_looked_at_with_every_pulse() -> None:
    open_outage = Outage(component="db", interval=Interval(minute(20_000), STILL_OPEN))
    for evidence in (status(20_000, State.DOWN), Evidence(outages=[open_outage])):
        assert changes_at(DB, evidence) == later(NOW, MINUTE)


def test_silence_that_counts_as_bad_is_looked_at_too() -> None:
    silent = replace(DB, no_data="down")
    assert changes_at(silent, NOTHING_KNOWN) == later(NOW, MINUTE)
    assert changes_at(silent, status(20_000, State.UNKNOWN)) == later(NOW, MINUTE)
    assert changes_at(silent, status(20_000, State.UP)) == JUNE_SPAN.end
    slices = TimeSlices(every=Microseconds(MINUTE), error_above=Fraction(1, 20), empty="bad")
    assert changes_at(slices, NOTHING_KNOWN) == later(NOW, MINUTE)
    assert changes_at(replace(slices, empty="good"), NOTHING_KNOWN) == JUNE_SPAN.end


def test_a_running_ticket_is_looked_at_when_it_falls_due() -> None:
    assert changes_at(DESK, Evidence(tickets=[opened(20_100), opened(20_150, ticket="INC-2")])) == minute(20_220)
    assert changes_at(DESK, Evidence(tickets=[opened(1_000)])) == JUNE_SPAN.end


def test_a_month_that_is_over_changes_only_by_reports() -> None:
    assert changes_at(DB, status(0, State.DOWN), until=JUNE_SPAN.end) is None


def test_only_what_has_something_bad_in_it_can_burn() -> None:
    assert alerts(case(DB, status(0, State.UP))) == {}
    found = alerts(case(DB, Evidence(outages=[outage(20_150, 20_160)])))
    assert {name: alert.rule.severity for name, alert in found.items()} == {"it": "page"}
    assert alerts(case(DB, Evidence(outages=[outage(43_190, 43_200)]), until=JUNE_SPAN.end)) == {}


def _next_due_without(exclusion: TicketExclusion) -> Instant | None:
    running = case(DESK, Evidence(tickets=[opened(20_100), opened(20_110, ticket="INC-2")]))
    (version,) = running.terms
    without = replace(version, terms=replace(version.terms, ticket_exclusions=(exclusion, replace(exclusion, tickets=("INC-2",)))))
    return outlooks(replace(running, terms=(without,)))[0].next_due


def test_tickets_and_composites_have_no_rates_and_tickets_their_next_due() -> None:
    (desk,) = outlooks(case(DESK, Evidence(tickets=[opened(20_100)])))
    assert (desk.rates, desk.alert, desk.next_due) == ((), None, minute(20_220))
    assert _next_due_without(TicketExclusion(id="e-1", service="bank", tickets=("INC-1",), ground=ExclusionClass(id="power"))) is None
    both = in_force(terms(objective(Availability(components=("db",)), name="db"), objective(Composite(of=("db",), rule="all"), name="all")))
    evidence = Evidence(outages=[outage(20_150, 20_160)])
    judged = Case(assessment=assessed([both], evidence, measured_until=NOW), terms=(both,), evidence={"bank": evidence}, until=NOW)
    time, together = outlooks(judged)
    assert (len(time.rates), together.rates, together.alert, together.forecast) == (5, (), None, None)
