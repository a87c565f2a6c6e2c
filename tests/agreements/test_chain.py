"""What agreements below one allow is compared exactly with what it promises: the worked values of decision 16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from upheld.agreements.v1 import agreements_pb2

from services.agreements.chain import Link, Missing, chain_of, not_to_be_seen
from services.agreements.terms import (
    Availability,
    Calendar,
    Hours,
    Indicator,
    MaintenanceWindow,
    MinimumOutage,
    Objective,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Support,
    Terms,
)
from services.agreements.terms.model import Comparison
from services.vocabulary.identity import OrganisationId, Role
from services.vocabulary.period import Cycle, Instant
from tests.agreements.support import CUSTOMER, PROVIDER, STRANGER, TERMS, Running, availability_of, play

TOP, STORAGE, NETWORK = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
UP = Availability(components=("web",))
BOTH = ((STORAGE, "up"), (NETWORK, "up"))


def promise(percent: str, indicator: Indicator = UP, *, comparison: Comparison = ">=") -> Objective:
    return Objective(
        id="up", name="Up", service="bank", indicator=indicator, target=Fraction(Decimal(percent)) / 100, comparison=comparison
    )


def terms(objective: Objective, *below: tuple[str, str], **other: object) -> Terms:
    """Terms with this one promise, which rests on those below."""
    supports = tuple(Support(objective="up", agreement=agreement, supporting_objective=name) for agreement, name in below)
    fields: dict[str, Any] = {"objectives": (objective,), "maintenance": (), "underpinning": supports, **other}
    return replace(TERMS, **fields)


def link(top: Objective, *lower: Terms | Missing, below: Sequence[tuple[str, str]] = BOTH, **other: object) -> Link:
    known = dict(zip((STORAGE, NETWORK), lower, strict=False))
    (only,) = chain_of(TOP, {TOP: terms(top, *below[: len(lower)], **other), **known}).links
    return only


def test_two_that_allow_together_exactly_what_is_promised_hold_it() -> None:
    found = link(promise("99.9"), terms(promise("99.95")), terms(promise("99.95")))
    assert found == Link(
        objective_id="up",
        promised=">= 99.9 %, 43 min 12 s of 30 days",
        below="99.95 % and 99.95 % allow 43 min 12 s of 30 days together",
        holds=True,
        why="",
        agreements=(STORAGE, NETWORK),
    )


def test_a_hundredth_of_a_point_less_misses_by_four_minutes_and_nineteen_seconds() -> None:
    found = link(promise("99.9"), terms(promise("99.95")), terms(promise("99.94")))
    assert (found.holds, found.below) == (False, "99.95 % and 99.94 % allow 47 min 31.2 s of 30 days together")
    assert found.why == "4 min 19.2 s of 30 days more than is promised"


@pytest.mark.parametrize(
    ("promised", "below", "said", "holds"),
    [
        ("99", "99.5", "3 h 36 min", True),
        ("100", "99.999999999", "0.00002592 s", False),
        ("100", "100", "0 s", True),
        ("99.9", "99.8999", "43 min 14.592 s", False),
    ],
)
def test_one_below_is_compared_by_itself(promised: str, below: str, said: str, holds: bool) -> None:
    found = link(promise(promised), terms(promise(below)))
    assert (found.holds, found.below) == (holds, f"{below} % allows {said} of 30 days")


def test_what_must_be_exceeded_is_not_held_by_what_may_just_be_reached() -> None:
    reached = link(promise("99.9", comparison=">"), terms(promise("99.9")))
    assert (reached.holds, reached.why) == (False, "may come to exactly 99.9 %, which is not above it")
    assert link(promise("99.9", comparison=">"), terms(promise("99.9", comparison=">"))).holds
    assert link(promise("99.9", comparison=">"), terms(promise("99.95", comparison=">")), terms(promise("99.95"))).holds


OFFICE = Calendar(id="office", hours=(Hours(days=("mon",), opens="09:00", closes="17:00"),))


@pytest.mark.parametrize(
    ("lower", "why"),
    [
        (terms(promise("99.99"), period=Cycle("quarter")), f"up of {STORAGE} is judged by quarter, not by month"),
        (terms(promise("99.99"), zone="UTC"), f"the days of up of {STORAGE} begin at midnight in UTC, not in {TERMS.zone}"),
        (terms(promise("99.99", replace(UP, combine="pool"))), f"a pool counts each component's own time (up of {STORAGE})"),
        (terms(promise("99.99", replace(UP, hours="office")), calendars=(OFFICE,)), f"up of {STORAGE} counts other hours"),
        (terms(promise("99.99", RequestRatio(components=()))), f"up of {STORAGE} is a share of requests, not an availability"),
    ],
)
def test_what_is_no_share_of_the_same_time_is_not_compared(lower: Terms, why: str) -> None:
    found = link(promise("99"), lower)
    assert (found.holds, found.below, found.why) == (False, "", f"cannot be compared: {why}")


def test_the_same_hours_under_another_name_are_the_same() -> None:
    named = replace(OFFICE, id="desk")
    found = link(
        promise("99", replace(UP, hours="office")),
        terms(promise("99.5", replace(UP, hours="desk")), calendars=(named,)),
        calendars=(OFFICE,),
    )
    assert found.holds


def test_contract_years_are_the_same_where_they_begin_on_the_same_day() -> None:
    yearly = Cycle("contract-year")
    other = terms(promise("99.9"), period=yearly, effective_on=date(2025, 7, 1))
    assert not link(promise("99"), other, period=yearly).holds
    same = terms(promise("99.9"), period=yearly, effective_on=date(2020, TERMS.effective_on.month, TERMS.effective_on.day))
    assert link(promise("99"), same, period=yearly).holds


def test_what_the_figure_below_leaves_out_is_told() -> None:
    window = MaintenanceWindow(id="w", service="bank", components=(), start=Instant(0), end=Instant(1))
    lower = replace(terms(promise("99.95", replace(UP, minimum_outage=MinimumOutage(at_least_s=300)))), maintenance=(window,))
    found = link(promise("99.9"), lower)
    assert found.holds
    assert found.why == f"not in the sum: the maintenance of up of {STORAGE}; not in the sum: outages of up of {STORAGE} shorter than 5m"


def response(milliseconds: int) -> ResponseTime:
    return ResponseTime(components=(), threshold_ms=Decimal(milliseconds))


def test_limits_that_every_request_keeps_add_up() -> None:
    top = promise("99", response(800))
    held = link(top, terms(promise("100", response(300))), terms(promise("100", response(500))))
    assert (held.holds, held.promised, held.below) == (True, ">= 99 % within 800 ms", "300 ms and 500 ms are 800 ms together")
    missed = link(top, terms(promise("100", response(300))), terms(promise("100", response(501))))
    assert (missed.holds, missed.why) == (False, "1 ms more than is promised")
    some = link(top, terms(promise("99.9", response(100))))
    assert some.why.startswith("cannot be compared: limits add up only where every request keeps them, and up of ")


@pytest.mark.parametrize("indicator", [RequestRatio(components=()), ResolutionTime(within_s=3600)])
def test_shares_of_things_counted_are_not_added(indicator: Indicator) -> None:
    found = link(promise("99", indicator), terms(promise("99.9", indicator)))
    assert not found.holds
    assert found.why.endswith("below does not tell which of them were asked for from above")


def test_what_is_not_to_be_seen_never_holds_and_says_the_same_as_what_is_not_there() -> None:
    unseen = not_to_be_seen(STORAGE, OrganisationId("bank-am-markt"))
    found = link(promise("99.9"), unseen, terms(promise("99.99")))
    assert (found.holds, found.below) == (False, "")
    assert found.why == f"agreement {STORAGE} is not to be seen by bank-am-markt"


def test_an_objective_that_is_not_there_is_told() -> None:
    found = link(promise("99.9"), terms(promise("99.99")), below=[(STORAGE, "uptime")])
    assert found.why == f"agreement {STORAGE} has no objective 'uptime'"


def test_a_circle_is_told() -> None:
    storage = terms(promise("99.99"), (NETWORK, "up"))
    network = terms(promise("99.999"), (STORAGE, "up"))
    found = link(promise("99.9"), storage, network, below=[(STORAGE, "up"), (NETWORK, "up")])
    assert (found.holds, found.below) == (False, "")
    assert found.why == f"goes round in a circle: up of {STORAGE} → up of {NETWORK} → up of {STORAGE}"
    by_itself = terms(promise("99.99"), (TOP, "up"))
    known = {TOP: terms(promise("99.9"), (STORAGE, "up")), STORAGE: by_itself}
    assert chain_of(TOP, known).links[0].why == f"goes round in a circle: up of {TOP} → up of {STORAGE} → up of {TOP}"


def test_two_ways_to_the_same_agreement_are_no_circle() -> None:
    network = terms(promise("99.999"))
    storage = terms(promise("99.99"), (NETWORK, "up"))
    found = link(promise("99.9"), storage, network)
    assert found.holds


def test_an_agreement_that_rests_on_no_other_holds() -> None:
    chain = chain_of(TOP, {TOP: terms(promise("99.9"))})
    assert (chain.holds, chain.links) == (True, ())


# --- through the doors -------------------------------------------------------------------------------------------------


def test_both_doors_tell_it_and_no_more_than_the_caller_may_see(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        lower, _ = await service.activate(availability_of("99.95"))
        below_id = lower.rpartition("/")[2]

        def rests(nodes: dict[str, Any]) -> None:
            availability_of("99.9")(nodes)
            name = nodes["objectives"][0]["id"]
            nodes["underpinning"] = [
                {"objective": name, "agreement": each, "supporting_objective": name} for each in (below_id, STORAGE)[: 2 if both else 1]
            ]

        both = False
        held = await service.draft(rests)
        told = await service.ask("GET", f"{held.headers['location']}/chain", by=CUSTOMER)
        assert (told.status, told.body["holds"]) == (200, True)
        (only,) = told.body["links"]
        assert (only["promised"], only["below"]) == (
            ">= 99.9 %, 43 min 12 s of 30 days",
            "99.95 % allows 21 min 36 s of 30 days",
        )
        both = True
        missed = await service.draft(rests)
        request = agreements_pb2.CheckChainRequest(agreement_id=missed.body["id"])
        chain = await service.stub.CheckChain(request, metadata=service.metadata(PROVIDER, Role.VIEWER))
        assert (chain.holds, chain.links[0].why) == (False, f"agreement {STORAGE} is not to be seen by {PROVIDER}")
        stranger = await service.ask("GET", f"{held.headers['location']}/chain", by=STRANGER)
        assert (stranger.status, stranger.body["code"]) == (404, "agreement-not-found")

    play(tmp_path, scene)
