"""An explanation: every figure's sum, what took nothing out and why, and what a composite is about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.measurement.assessment import UnknownObjective
from services.measurement.case import Case
from services.measurement.exclusion import Refused, RefusedTickets
from services.measurement.explanation import Explanation, explain, explanation_document, explanation_lines, refused_document, timeline
from services.measurement.objective import Availability, Composite, ExclusionClass, Maintenance, ResolutionTime, Terms, TicketExclusion
from services.measurement.observation import Evidence
from services.vocabulary.period import HOUR, Microseconds
from tests.measurement.calculation import DB, assessed, hours, in_force, minute, minutes, objective, outage, step, terms

EVIDENCE = Evidence(outages=[outage(1_000, 1_050), outage(2_000, 2_001, "web")])
WEB = Availability(components=("web",))
PATCHES = ExclusionClass(id="patches", clause="4.2", notice=Microseconds(48 * HOUR))


def promised(*windows: Maintenance) -> Terms:
    return replace(
        terms(
            replace(objective(DB, name="db"), clause="3.1"),
            objective(WEB, name="web"),
            objective(Composite(of=("db", "web"), rule="all"), "100", name="all", service=""),
        ),
        maintenance=windows,
    )


def case(*windows: Maintenance) -> Case:
    agreed = in_force(promised(*windows))
    found = assessed([agreed], EVIDENCE)
    return Case(assessment=found, terms=(agreed,), evidence={"bank": EVIDENCE}, until=found.measured_until)


def window(start: float, end: float, *, components: tuple[str, ...] = (), service: str = "bank", announced: float = 0) -> Maintenance:
    return Maintenance(
        id=f"w{start:.0f}",
        service=service,
        components=components,
        interval=minutes(start, end),
        ground=PATCHES,
        announced_at=minute(announced),
    )


def explained(*windows: Maintenance, objective_id: str = "", turned_down: tuple[Refused, ...] = ()) -> dict[str, Explanation]:
    found = explain(case(*windows), objective_id=objective_id, turned_down=turned_down)
    return {each.result.objective.id: each for each in found}


def test_a_composite_is_told_by_its_members_and_has_no_time_of_its_own() -> None:
    told = explained()
    assert (told["all"].members, told["db"].members) == (("db", "web"), ())
    assert (told["all"].elapsed, told["db"].elapsed is None) == (None, False)
    good, bad = told["all"].proof.children
    assert [leaf.refs for leaf in good.children] == [("objective:web",)]
    assert [leaf.refs for leaf in bad.children] == [("objective:db",)]


def test_what_was_refused_stands_with_the_objectives_it_is_about() -> None:
    late = window(1_000, 1_010, components=("db",), announced=900)
    turned_down = Refused(window=window(500, 510), rule="refused by hansebank: No")
    elsewhere = Refused(window=window(500, 510, service="shop"), rule="refused by hansebank: No")
    told = explained(late, turned_down=(turned_down, elsewhere))
    assert [[each.window.id for each in told[name].refused if isinstance(each, Refused)] for name in ("db", "web", "all")] == [
        ["w1000", "w500"],
        ["w500"],
        ["w1000", "w500"],
    ]
    assert told["db"].refused[0].rule.startswith("patches (clause 4.2) needs 48 h of notice")
    outside = Refused(window=window(-200, -100), rule="refused by hansebank: No")
    assert explained(turned_down=(outside,))["db"].refused == ()


def test_tickets_that_stay_in_are_told_with_the_rule_where_they_are_due() -> None:
    power_cut = ExclusionClass(id="power-cut", clause="7.1", approval="customer")
    claims = [
        TicketExclusion(id=name, service="bank", tickets=tickets, ground=power_cut, approved_by=("provider",), reason="No power")
        for name, tickets in (("e-1", ("INC-1", "INC-2")), ("e-2", ("INC-9",)))
    ]
    desk, other = (objective(ResolutionTime(within=hours(8)), name=name, service=of) for name, of in (("desk", "bank"), ("o", "shop")))
    agreed = in_force(replace(terms(desk, other, objective(DB, name="db")), ticket_exclusions=tuple(claims)))
    evidence = Evidence(tickets=[step("INC-1", 60, "opened"), step("INC-1", 70, "resolved")])
    found = assessed([agreed], evidence)
    told = {
        each.result.objective.id: each
        for each in explain(
            Case(assessment=found, terms=(agreed,), evidence={"bank": evidence}, until=found.measured_until),
            turned_down=(RefusedTickets(exclusion=claims[0], rule="refused by hansebank: No"),),
        )
    }
    assert [told[name].refused for name in ("o", "db")] == [(), ()]
    assert refused_document(told["desk"].refused[0]) == {
        "id": "e-1",
        "exclusion_class": "power-cut",
        "clause": "7.1",
        "service": "bank",
        "components": [],
        "start": "",
        "end": "",
        "tickets": ["INC-1", "INC-2"],
        "reason": "No power",
        "rule": "power-cut (clause 7.1) needs the approval of customer",
    }
    assert explanation_lines(told["desk"])[-2:] == [
        "  Not excluded: e-1  tickets INC-1, INC-2  (power-cut (clause 7.1) needs the approval of customer)",
        "  Not excluded: e-1  tickets INC-1, INC-2  (refused by hansebank: No)",
    ]


def test_what_counted_is_excluded_and_not_refused() -> None:
    told = explained(window(4_000, 4_060))["db"]
    assert told.refused == ()
    assert told.elapsed is not None
    excluded = next(child for child in told.elapsed.children if child.label == "Excluded")
    assert (excluded.amount, excluded.children[0].refs) == (HOUR, ("maintenance:w4000",))


def test_one_objective_can_be_asked_for_and_an_unknown_one_is_refused() -> None:
    assert list(explained(objective_id="web")) == ["web"]
    with pytest.raises(UnknownObjective):
        explain(case(), objective_id="speed")
    with pytest.raises(UnknownObjective):
        timeline(case(), objective_id="speed")


def test_the_document_and_the_lines_say_the_same() -> None:
    told = explained(window(1_000, 1_010, components=("db",), announced=900))["db"]
    document = explanation_document(told)
    assert (document["objective_id"], document["clause"], document["verdict"]) == ("db", "3.1", "breached")
    lines = explanation_lines(told)
    assert lines[0].startswith("db: 43200 min")
    assert lines[-1].startswith("  Not excluded: w1000  2026-06-01T16:40:00Z – 2026-06-01T16:50:00Z  (patches (clause 4.2) needs 48 h")
