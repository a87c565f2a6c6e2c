"""Proofs: every figure is the sum of its leaves, exactly, whatever the evidence, for every kind of figure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import ObjectiveResult, Verdict, measure_promised
from services.measurement.figure import Unit
from services.measurement.interval import union
from services.measurement.objective import (
    Availability,
    Combine,
    Composite,
    CompositeRule,
    Empty,
    ExclusionClass,
    IntervalMean,
    Maintenance,
    MinimumOutage,
    NoData,
    Objective,
    Planned,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    TicketExclusion,
    TimeSlices,
)
from services.measurement.observation import Counters, Evidence, State, TicketEvent
from services.measurement.proof import BAD, GOOD, LEFT_OUT, Proof, check_sum, proof_document, proof_lines, prove, prove_span, told_amount
from services.vocabulary.calendar import Calendar, Hours
from services.vocabulary.period import HOUR, MINUTE, SECOND, Instant, Interval, Microseconds, instant_text, parse_instant
from tests.measurement.calculation import (
    BERLIN,
    JUNE_SPAN,
    LAW,
    UTC,
    counters,
    hours,
    latencies,
    later,
    maintenance,
    measured,
    minute,
    minutes,
    objective,
    outage,
    status,
    step,
    terms,
)

OFFICE = Calendar(id="office", zone=BERLIN, hours=(Hours(days=(0, 1, 2, 3, 4), from_minute=9 * 60, to_minute=17 * 60),))
BEFORE = [outage(-60, -50, component) for component in ("a", "b", "c")]


def part(proof: Proof, *labels: str) -> Proof:
    """The node below, by its labels."""
    for label in labels:
        proof = next(child for child in proof.children if child.label == label)
    return proof


def leaves(proof: Proof) -> Iterator[Proof]:
    if not proof.children:
        yield proof
    for child in proof.children:
        yield from leaves(child)


def holds(result: ObjectiveResult, proof: Proof) -> None:
    """The law of every proof."""
    assert check_sum(proof) == ()
    assert (proof.amount, proof.unit) == (result.whole, result.unit)
    assert part(proof, GOOD).amount == result.good
    assert part(proof, BAD).amount == result.whole - result.good
    assert sum(leaf.amount for leaf in leaves(proof)) == result.whole
    assert all(leaf.amount >= 0 for leaf in leaves(proof))


# --- worked values ---------------------------------------------------------------------------------------------------


def month_of_time() -> ObjectiveResult:
    window = replace(maintenance(3_000, 3_240), id="march", reason="patch")
    evidence = Evidence(
        outages=[outage(1_000, 1_030, cause="switch"), outage(3_230, 3_260)],
        statuses=[status(-60, State.UP), status(10_000, State.UNKNOWN), status(10_100, State.UP)],
    )
    return measured(evidence, replace(objective(), clause="3.1"), windows=[window])


def test_a_month_of_time_is_told_down_to_the_single_outage() -> None:
    proof = prove(month_of_time())
    assert [(node.label, node.amount // MINUTE, node.note) for node in part(proof, BAD).children] == [
        ("Outage of db", 30, "switch, clause 3.1"),
        ("Outage of db", 20, "clause 3.1"),
    ]
    assert part(proof, GOOD, "Known to be up").amount == (43_200 - 240 - 100 - 50) * MINUTE
    assert [(node.label, node.amount, node.note) for node in part(proof, LEFT_OUT).children] == [
        ("Maintenance", 0, "240 min, patch"),
        ("Unknown, left out", 0, "100 min"),
    ]
    holds(month_of_time(), proof)


def test_the_elapsed_time_is_accounted_for() -> None:
    proof = prove_span(month_of_time())
    assert {node.label: node.amount // MINUTE for node in proof.children} == {
        "Eligible": 42_960,
        "Excluded": 240,
        "Outside the service hours": 0,
        "Not measured yet": 0,
    }
    assert {node.label: node.amount // MINUTE for node in part(proof, "Eligible").children} == {
        "Known to be up": 42_810,
        "Known to be down": 50,
        "Unknown": 100,
    }
    assert check_sum(proof) == ()


def test_an_exclusion_tells_its_ground_its_clause_and_who_approved_it() -> None:
    ground = ExclusionClass(id="force-majeure", clause="7.1", approval="both")
    window = replace(maintenance(100, 200), id="flood", reason="flood", ground=ground, approved_by=("provider", "customer"))
    result = measured(Evidence(outages=[outage(-60, -50)]), windows=[window])
    exclusion = part(prove(result, maintenance=[window]), LEFT_OUT, "Maintenance")
    assert exclusion.note == "100 min, flood, force-majeure, clause 7.1, approved by provider and customer"
    assert exclusion.refs == ("maintenance:flood",)
    assert part(prove_span(result, maintenance=[window]), "Excluded", "Maintenance").amount == 100 * MINUTE


def test_an_ignored_outage_counts_nothing_and_says_how_long_it_was() -> None:
    indicator = Availability(components=("db",), minimum_outage=MinimumOutage(at_least=Microseconds(5 * MINUTE)))
    result = measured(Evidence(outages=[outage(100, 104), outage(200, 206)]), objective(indicator))
    proof = prove(result)
    ignored = part(proof, LEFT_OUT, "Outage of db, too short to count")
    assert (ignored.amount, ignored.note, ignored.interval) == (0, "4 min", minutes(100, 104))
    assert [node.amount for node in part(proof, BAD).children] == [6 * MINUTE]


def test_a_pool_counts_an_outage_as_often_as_its_component_weighs() -> None:
    indicator = Availability(components=("a", "b"), combine="pool", weights=(2, 1))
    apart = measured(Evidence(outages=[*BEFORE, outage(100, 110, "a"), outage(200, 210, "b")]), objective(indicator))
    assert [node.amount // MINUTE for node in part(prove(apart), BAD).children] == [20, 10]
    holds(apart, prove(apart))
    assert prove_span(apart).amount == 3 * JUNE_SPAN.length


def test_in_a_pool_outages_that_overlap_are_told_by_component() -> None:
    indicator = Availability(components=("a", "b"), combine="pool", weights=(2, 1))
    overlapping = [outage(100, 110, "a", "disk"), outage(105, 115, "b", "switch"), outage(112, 113, "a"), outage(300, 304, "b")]
    result = measured(Evidence(outages=[*BEFORE, *overlapping]), objective(indicator))
    assert [(node.label, node.amount // MINUTE, node.interval, node.note) for node in part(prove(result), BAD).children] == [
        ("Outage of a", 20, minutes(100, 110), "disk"),
        ("Outage of b", 10, minutes(105, 115), "switch"),
        ("Outage of a", 2, minutes(112, 113), ""),
        ("Outage of b", 4, minutes(300, 304), ""),
    ]
    assert [(each.interval, each.components, each.cause) for each in result.outages] == [
        (minutes(100, 115), ("a", "b"), "disk; switch"),
        (minutes(300, 304), ("b",), ""),
    ]
    assert result.whole - result.good == 36 * MINUTE
    holds(result, prove(result))


def test_time_outside_a_life_is_told_and_counts_nothing() -> None:
    rules = Availability(components=("db",), lives=(("db", Interval(minute(21_600), minute(50_000))),))
    result = measured(Evidence(outages=[outage(30_000, 30_021.6)]), objective(rules))
    assert proof_lines(prove(result)) == [
        "o: 21600 min  2026-06-01T00:00:00Z – 2026-07-01T00:00:00Z  (99.900000 % good)",
        "  Good: 21578.4 min",
        "    Known to be up: 21578.4 min",
        "  Bad: 21.6 min",
        "    Outage of db: 21.6 min  2026-06-21T20:00:00Z – 2026-06-21T20:21:36Z",
        "  Left out, counts nothing: 0 min",
        "    Not in service: 0 min  2026-06-01T00:00:00Z – 2026-06-16T00:00:00Z  (21600 min, db)",
    ]
    elapsed = prove_span(result)
    holds(result, prove(result))
    assert check_sum(elapsed) == ()
    assert (part(elapsed, "Not in service").amount, part(elapsed, "Eligible").amount) == (21_600 * MINUTE, 21_600 * MINUTE)
    assert part(elapsed, "Not measured yet").amount == 0


def test_in_a_pool_a_life_is_told_by_component_as_often_as_it_weighs() -> None:
    rules = Availability(components=("a", "b"), combine="pool", weights=(1, 2), lives=(("b", minutes(21_600, 50_000)),))
    result = measured(Evidence(outages=BEFORE), objective(rules))
    elapsed = prove_span(result)
    assert check_sum(elapsed) == ()
    assert (elapsed.amount, part(elapsed, "Not in service").amount) == (3 * 43_200 * MINUTE, 2 * 21_600 * MINUTE)


def test_requests_are_told_by_day() -> None:
    rows = counters((minute(10), 90, 100), (minute(1_500), 50, 50), (minute(3_000), 0, 7))
    result = measured(Evidence(counters={"web": rows}), objective(RequestRatio()))
    proof = prove(result)
    assert [(node.label, node.amount, node.note) for node in part(proof, BAD).children] == [
        ("2026-06-01", 10, "of 100"),
        ("2026-06-03", 7, "of 7"),
    ]
    assert [(node.label, node.amount) for node in part(proof, GOOD).children] == [("2026-06-01", 90), ("2026-06-02", 50)]


def test_a_slice_tells_what_failed_in_it() -> None:
    rows = counters((minute(1), 94, 100), (minute(7), 95, 100), (minute(11), 10, 10))
    indicator = TimeSlices(every=Microseconds(5 * MINUTE), error_above=Fraction(5, 100))
    result = measured(Evidence(counters={"web": rows}), objective(indicator), span=minutes(0, 30))
    proof = prove(result)
    assert [(node.label, node.amount, node.note, node.interval) for node in part(proof, BAD).children] == [
        ("Errors", 1, "6 of 100 requests failed", minutes(0, 5))
    ]
    assert part(proof, GOOD, "Wholly good").amount == 5


def test_an_interval_of_a_mean_is_good_in_part() -> None:
    rows = counters((minute(1), 75, 100), (minute(7), 95, 95))
    result = measured(Evidence(counters={"web": rows}), objective(IntervalMean(every=Microseconds(5 * MINUTE))), span=minutes(0, 20))
    lines = proof_lines(prove(result))
    assert [line.strip().split("  ")[0] for line in lines] == [
        "o: 4 intervals",
        "Good: 3.75 intervals",
        "Wholly good: 3 intervals",
        "Errors: 0.75 intervals",
        "Bad: 0.25 intervals",
        "Errors: 0.25 intervals",
    ]


def test_a_ticket_tells_its_clock() -> None:
    indicator = ResolutionTime(within=hours(8), hours=OFFICE)
    told = [
        step("INC-1", 12 * 60, "opened", "1"),
        step("INC-1", 13 * 60, "resolved"),
        step("INC-2", 12 * 60, "opened"),
    ]
    proof = prove(measured(Evidence(tickets=told), objective(indicator)))
    met = part(proof, GOOD, "Ticket INC-1, met")
    assert met.note == (
        "priority 3, opened 2026-06-01T12:00:00Z, due 2026-06-02T12:00:00Z, resolved 2026-06-01T13:00:00Z, "
        "60 min of 480 min in the hours of office"
    )
    assert met.refs == ("ticket:INC-1",)
    assert [node.label for node in part(proof, BAD).children] == ["Ticket INC-2, missed"]


def test_a_ticket_that_is_taken_out_is_left_out_and_tells_the_claim() -> None:
    power_cut = ExclusionClass(id="power-cut", clause="7.1", approval="customer")
    claimed = TicketExclusion(
        id="e-1", service="bank", tickets=("INC-2",), ground=power_cut, approved_by=("provider", "customer"), reason="No power"
    )
    promise = objective(ResolutionTime(within=hours(8)), name="desk")
    told = [step("INC-1", 60, "opened", "1"), step("INC-1", 70, "resolved"), step("INC-2", 60, "opened", "1")]
    agreed = replace(terms(promise), ticket_exclusions=(claimed,))
    result = measure_promised(agreed, "desk", {"bank": Evidence(tickets=told)}, JUNE_SPAN, measured_until=JUNE_SPAN.end)
    proof = prove(result)
    holds(result, proof)
    assert (proof.amount, part(proof, BAD).amount) == (1, 0)
    out = part(proof, LEFT_OUT, "Ticket INC-2, excluded")
    assert (out.amount, out.refs) == (0, ("ticket:INC-2",))
    assert out.note == (
        "priority 1, opened 2026-06-01T01:00:00Z, due 2026-06-01T09:00:00Z, not resolved, 43140 min of 480 min around the clock, "
        "claim e-1, power-cut, clause 7.1, approved by provider and customer"
    )


def test_a_ticket_that_is_open_counts_nothing() -> None:
    told = [step("INC-1", 60, "opened"), step("INC-1", 90, "resolved"), step("INC-2", 60, "opened")]
    result = measured(Evidence(tickets=told), objective(ResolutionTime(within=hours(8))), measured_until=minute(100))
    assert [(node.label, node.amount) for node in part(prove(result), LEFT_OUT).children] == [("Ticket INC-2, open", 0)]
    holds(result, prove(result))


@pytest.mark.parametrize(
    ("amount", "unit", "expected"),
    [
        (2_592 * SECOND, "us", "43.2 min"),
        (89 * SECOND, "us", "1 min 29 s"),
        (SECOND + 1, "us", "1.000001 s"),
        (0, "us", "0 min"),
        (6 * 1000, "us", "0.0001 min"),
        (18, "tickets", "18 tickets"),
        (1, "requests", "1 request"),
        (10**18, "10^-18 intervals", "1 interval"),
        (10**18 + 1, "10^-18 intervals", "1.000000000000000001 intervals"),
    ],
)
def test_amounts_are_written_exactly(amount: int, unit: Unit, expected: str) -> None:
    assert told_amount(amount, unit) == expected


def test_the_lines_of_a_month() -> None:
    assert proof_lines(prove(month_of_time()))[:6] == [
        "o: 42860 min  2026-06-01T00:00:00Z – 2026-07-01T00:00:00Z  (99.883341 % good)",
        "  Good: 42810 min",
        "    Known to be up: 42810 min",
        "  Bad: 50 min",
        "    Outage of db: 30 min  2026-06-01T16:40:00Z – 2026-06-01T17:10:00Z  (switch, clause 3.1)",
        "    Outage of db: 20 min  2026-06-03T06:00:00Z – 2026-06-03T06:20:00Z  (clause 3.1)",
    ]


def test_the_document_says_the_same_in_json() -> None:
    document = json.loads(json.dumps(proof_document(prove(month_of_time()))))
    assert (document["amount"], document["unit"], document["refs"]) == (str(42_860 * MINUTE), "us", ["objective:o"])
    assert parse_instant(document["start"], place="test") == JUNE_SPAN.start
    down = document["children"][1]["children"][0]
    assert down == {
        "label": "Outage of db",
        "amount": str(30 * MINUTE),
        "unit": "us",
        "note": "switch, clause 3.1",
        "start": instant_text(minute(1_000)),
        "end": instant_text(minute(1_030)),
    }


def test_what_does_not_add_up_is_found_by_its_place() -> None:
    proof = prove(month_of_time())
    good, bad, left_out = proof.children
    short = replace(bad, children=bad.children[:1])
    assert check_sum(replace(proof, children=(good, short, left_out))) == ("o / Bad",)
    assert check_sum(replace(proof, amount=proof.amount + 1)) == ("o",)


def test_nothing_measured_is_a_proof_of_nothing() -> None:
    result = measured(Evidence(), measured_until=JUNE_SPAN.start)
    holds(result, prove(result))
    assert part(prove_span(result), "Not measured yet").amount == JUNE_SPAN.length
    assert prove(result).note == "nothing was eligible"


# --- laws --------------------------------------------------------------------------------------------------------------

SPAN = minutes(0, 3 * 1_440)
units = st.integers(-200, 4_600)
spans = st.lists(st.tuples(units, st.integers(1, 900)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=4)
components = st.sampled_from(("a", "b", "c"))
outages = st.lists(
    st.builds(lambda span, component: outage(span[0], span[1], component), spans.filter(bool).map(lambda s: s[0]), components), max_size=6
)
lives = st.tuples(units, st.integers(1, 4_000)).map(lambda pair: minutes(pair[0], pair[0] + pair[1]))
statuses = st.lists(st.builds(status, units, st.sampled_from(State), components), max_size=6)
untils = st.integers(-10, 5_000).map(minute)


@st.composite
def windows(draw: st.DrawFn) -> list[Maintenance]:
    named = st.lists(components, max_size=2, unique=True)
    return [maintenance(start, end, components=draw(named)) for start, end in draw(spans)]


@st.composite
def availabilities(draw: st.DrawFn, combines: tuple[Combine, ...] = get_args(Combine)) -> Availability:
    named = tuple(draw(st.lists(components, min_size=1, unique=True)))
    combine = draw(st.sampled_from(combines))
    minimum = st.builds(
        MinimumOutage,
        at_least=st.integers(0, 200).map(lambda m: Microseconds(m * MINUTE)),
        whole_minutes=st.booleans(),
        before_exclusions=st.booleans(),
    )
    return Availability(
        components=named,
        combine=combine,
        weights=tuple(draw(st.integers(1, 3)) for _ in named) if combine == "pool" else (),
        no_data=draw(st.sampled_from(get_args(NoData))),
        maintenance=draw(st.sampled_from(get_args(Planned))),
        minimum_outage=draw(st.none() | minimum),
        hours=draw(st.sampled_from((None, OFFICE))),
        lives=tuple((component, life) for component in named if (life := draw(st.none() | lives)) is not None),
    )


def time_evidence() -> st.SearchStrategy[Evidence]:
    return st.builds(lambda down, said: Evidence(outages=down, statuses=said), outages, statuses)


@LAW
@given(indicator=availabilities(), evidence=time_evidence(), taken=windows(), until=untils)
def test_every_figure_of_time_is_the_sum_of_its_leaves(
    indicator: Availability, evidence: Evidence, taken: list[Maintenance], until: int
) -> None:
    result = measured(evidence, objective(indicator), span=SPAN, zone=BERLIN, windows=taken, measured_until=Instant(until))
    proof, elapsed = prove(result, maintenance=taken), prove_span(result, maintenance=taken)
    holds(result, proof)
    assert check_sum(elapsed) == ()
    assert elapsed.amount == SPAN.length * result.scale
    assert all(leaf.amount >= 0 for leaf in leaves(elapsed))
    counted = [node for node in part(proof, BAD).children if node.label.startswith("Outage")]
    assert sum(node.amount for node in counted) == sum(day.down_us for day in result.days)
    assert union(node.interval for node in counted if node.interval) == union(each.interval for each in result.outages)
    if indicator.combine != "pool":
        assert [(node.interval, node.amount) for node in counted] == [(each.interval, each.interval.length) for each in result.outages]
    seen = max(0, min(until, SPAN.end) - SPAN.start) * result.scale
    assert part(elapsed, "Not measured yet").amount == SPAN.length * result.scale - seen


rows = st.lists(st.tuples(units, st.integers(0, 50), st.integers(0, 50)), max_size=12)


def counted(told: list[tuple[int, int, int]]) -> Counters:
    return counters(*((minute(at), good, good + bad) for at, good, bad in told))


@LAW
@given(told=rows, until=untils)
def test_every_figure_of_requests_is_the_sum_of_its_days(told: list[tuple[int, int, int]], until: int) -> None:
    result = measured(Evidence(counters={"web": counted(told)}), objective(RequestRatio()), span=SPAN, measured_until=Instant(until))
    holds(result, prove(result))


@LAW
@given(told=st.lists(st.tuples(units, st.integers(1, 100)), max_size=12), silence=st.booleans(), percentile=st.booleans())
def test_every_figure_of_latencies_is_the_sum_of_its_days(told: list[tuple[int, int]], silence: bool, percentile: bool) -> None:
    timed = latencies(*((minute(at), us) for at, us in told))
    indicator = ResponseTime(
        threshold_us=50,
        expected_every=Microseconds(HOUR if silence else 0),
        percentile=Fraction(99, 100) if percentile else None,
    )
    result = measured(Evidence(latencies={"web": timed}), objective(indicator), span=SPAN)
    holds(result, prove(result))


empties = st.sampled_from(get_args(Empty))
lengths = st.sampled_from((5, 60, 700)).map(lambda m: Microseconds(m * MINUTE))


@LAW
@given(told=rows, empty=empties, every=lengths, until=untils)
def test_every_mean_of_intervals_is_the_sum_of_its_intervals(
    told: list[tuple[int, int, int]], empty: Empty, every: Microseconds, until: int
) -> None:
    result = measured(
        Evidence(counters={"web": counted(told)}),
        objective(IntervalMean(every=every, empty=empty)),
        span=SPAN,
        measured_until=Instant(until),
    )
    holds(result, prove(result))


@LAW
@given(told=rows, empty=empties, every=lengths, least=st.integers(1, 20), run=st.integers(1, 3))
def test_every_figure_of_slices_is_the_sum_of_its_slices(
    told: list[tuple[int, int, int]], empty: Empty, every: Microseconds, least: int, run: int
) -> None:
    indicator = TimeSlices(every=every, error_above=Fraction(1, 10), minimum_events=least, minimum_consecutive=run, empty=empty)
    result = measured(Evidence(counters={"web": counted(told)}), objective(indicator), span=SPAN)
    holds(result, prove(result))


tickets = st.lists(
    st.builds(
        lambda ticket, opened, lasts, resolved: [
            step(ticket, opened, "opened"),
            *([step(ticket, opened + lasts, "resolved")] if resolved else []),
        ],
        st.sampled_from(("t1", "t2", "t3", "t4", "t5")),
        units,
        st.integers(0, 1_000),
        st.booleans(),
    ),
    max_size=5,
)


@LAW
@given(told=tickets, until=untils)
def test_every_figure_of_tickets_is_the_sum_of_its_tickets(told: list[list[TicketEvent]], until: int) -> None:
    steps = [event for events in told for event in events]
    result = measured(
        Evidence(tickets=steps),
        objective(ResolutionTime(within=hours(8))),
        span=SPAN,
        measured_until=Instant(until),
    )
    holds(result, prove(result))


@st.composite
def journeys(draw: st.DrawFn) -> list[Objective]:
    legs = [objective(draw(availabilities(("any", "all"))), name=name) for name in ("x", "y")]
    return [*legs, replace(objective(Composite(of=("x", "y"), rule="journey"), name="all"), service="")]


@LAW
@given(promised=journeys(), evidence=time_evidence(), taken=windows(), until=untils)
def test_every_journey_is_the_sum_of_its_leaves(
    promised: list[Objective], evidence: Evidence, taken: list[Maintenance], until: int
) -> None:
    agreed = terms(*promised, windows=taken, zone=UTC)
    result = measure_promised(agreed, "all", {"bank": evidence}, SPAN, measured_until=Instant(until))
    holds(result, prove(result, maintenance=taken))
    elapsed = prove_span(result)
    assert check_sum(elapsed) == ()
    assert elapsed.amount == SPAN.length
    seen = max(0, min(until, SPAN.end) - SPAN.start)
    assert part(elapsed, "Not measured yet").amount == SPAN.length - seen


@LAW
@given(
    indicators=st.lists(availabilities(), min_size=1, max_size=3),
    rule=st.sampled_from([rule for rule in get_args(CompositeRule) if rule != "journey"]),
    evidence=time_evidence(),
    weight=st.integers(1, 4),
)
def test_every_composite_of_verdicts_is_the_sum_of_its_members(
    indicators: list[Availability], rule: CompositeRule, evidence: Evidence, weight: int
) -> None:
    names = tuple(f"o{place}" for place in range(len(indicators)))
    weights = tuple(weight + place for place in range(len(names))) if rule == "weighted" else ()
    members = [objective(indicator, "95", name=name) for name, indicator in zip(names, indicators, strict=True)]
    composite = replace(objective(Composite(of=names, rule=rule, weights=weights), name="all"), service="")
    agreed = terms(*members, composite, zone=UTC)
    until = later(SPAN.end, HOUR)
    results = {each.id: measure_promised(agreed, each.id, {"bank": evidence}, SPAN, measured_until=until) for each in agreed.objectives}
    result = results.pop("all")
    proof = prove(result, members=tuple(results.values()))
    holds(result, proof)
    told = [child for node in proof.children for child in node.children]
    assert sorted(child.refs for child in told) == sorted((f"objective:{name}",) for name in names)
    met = [name for name, member in results.items() if member.verdict is Verdict.MET]
    assert [child.refs for child in part(proof, GOOD).children] == [(f"objective:{name}",) for name in met]


def test_without_its_members_a_composite_is_told_no_further() -> None:
    names, evidence = ("x", "y"), Evidence(outages=BEFORE)
    members = [objective(Availability(components=("a",)), name=name) for name in names]
    composite = replace(objective(Composite(of=names, rule="all"), name="all"), service="")
    result = measure_promised(terms(*members, composite), "all", {"bank": evidence}, SPAN, measured_until=later(SPAN.end, 1))
    assert part(prove(result), GOOD) == Proof(label=GOOD, amount=2, unit="objectives")
