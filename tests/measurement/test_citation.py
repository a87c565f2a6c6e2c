"""Citations: which observations each leaf of a proof rests on, against reading them row by row; no amount moves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from services.measurement.assessment import assess
from services.measurement.batch import NOTHING_OBSERVED, Observations, StatusRow, evidence_of
from services.measurement.case import Case
from services.measurement.citation import NAMED, sample_name
from services.measurement.explanation import Explanation, explain
from services.measurement.frame import sample_id
from services.measurement.intake import read_json
from services.measurement.objective import (
    Availability,
    Combine,
    Composite,
    Disputes,
    Indicator,
    IntervalMean,
    Maintenance,
    Objective,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    TimeSlices,
)
from services.measurement.observation import BY_BADNESS, State
from services.measurement.proof import BAD, GOOD, LEFT_OUT, Proof, check_sum, proof_document, proof_lines
from services.measurement.settlement import evidence_that_counts
from services.vocabulary.period import MINUTE, Instant, Interval, Microseconds, instant_text
from tests.measurement.calculation import JUNE, JUNE_SPAN, LAW, hours, in_force, later, maintenance, minute, minutes, objective, terms

Row = dict[str, object]
DB = Availability(components=("db",))
NOW = later(JUNE_SPAN.end, 60 * 24 * 60 * MINUTE)
FIVE = Microseconds(5 * MINUTE)


def status(number: float, state: str, component: str = "db", **more: object) -> Row:
    return {
        "kind": "status",
        "component": component,
        "observed_at": instant_text(minute(number)),
        "state": state,
        "id": f"s{number:g}",
    } | more


def outage(start: float, end: float, component: str = "db", **more: object) -> Row:
    told: Row = {"kind": "outage", "component": component, "observed_at": instant_text(minute(start)), "id": f"o{start:g}"}
    return told | {"until": instant_text(minute(end))} | more


def counter(number: float, good: int, total: int, component: str = "web", **more: object) -> Row:
    told: Row = {"kind": "counter", "component": component, "observed_at": instant_text(minute(number)), "good": good, "total": total}
    return told | {"id": f"c{number:g}"} | more


def latency(number: float, ms: str, **more: object) -> Row:
    return {"kind": "latency", "component": "web", "observed_at": instant_text(minute(number)), "ms": ms, "id": f"l{number:g}"} | more


def ticket(name: str, number: float, state: str) -> Row:
    return {"kind": "ticket", "ticket": name, "observed_at": instant_text(minute(number)), "state": state, "id": f"{name}@{number:g}"}


def told(*rows: Row, source: str = "probe") -> Observations:
    """As a file's batch is read; of the bank unless the row says otherwise."""
    of_bank = [{"service": "bank"} | row for row in rows]
    return read_json(json.dumps({"source": source, "observations": of_bank}).encode(), now=NOW).observations


def both(*sources: Observations) -> Observations:
    """Statuses, outages and tickets of several sources."""
    return Observations(
        statuses=[row for each in sources for row in each.statuses],
        outages=[row for each in sources for row in each.outages],
        tickets=[row for each in sources for row in each.tickets],
    )


def explained(
    promised: Indicator | Sequence[Objective],
    provider: Observations,
    customer: Observations = NOTHING_OBSERVED,
    *,
    disputes: Disputes = "provider",
    windows: Sequence[Maintenance] = (),
    until: Instant = NOW,
) -> dict[str, Explanation]:
    """June, by objective."""
    objectives = promised if isinstance(promised, Sequence) else [objective(promised)]
    agreed = in_force(replace(terms(*objectives, windows=windows), disputes=disputes))
    evidence = evidence_that_counts(evidence_of(provider), evidence_of(customer), [agreed], (), reach=JUNE_SPAN, measured_until=until)
    found = assess(agreement_id="a", terms=[agreed], evidence=evidence, month=JUNE, measured_until=until)
    case = Case(assessment=found, terms=(agreed,), evidence=evidence, until=until, reported={"provider": provider, "customer": customer})
    return {each.result.objective.id: each for each in explain(case)}


def proof(promised: Indicator, *rows: Row, windows: Sequence[Maintenance] = (), until: Instant = NOW) -> Proof:
    return explained(promised, told(*rows), windows=windows, until=until)["o"].proof


def leaves(tree: Proof) -> Iterator[Proof]:
    if not tree.children:
        yield tree
    for child in tree.children:
        yield from leaves(child)


def part(tree: Proof, *labels: str) -> Proof:
    for label in labels:
        tree = next(child for child in tree.children if child.label == label)
    return tree


def names(leaf: Proof) -> list[str]:
    """Without what all of them have."""
    assert leaf.observations == len(leaf.refs) or leaf.observations > NAMED
    return [ref.replace("observation:probe/", "") for ref in leaf.refs]


def sampled(*spans: tuple[float, float], state: str = "down", of: int = 60) -> list[Row]:
    """A status a minute, up except in the spans."""
    return [status(number, state if any(start <= number < end for start, end in spans) else "up") for number in range(of)]


# --- time ----------------------------------------------------------------------------------------------------------------


def test_an_outage_rests_on_the_statuses_that_say_down_in_it_and_on_the_one_that_ended_it() -> None:
    (down,) = part(proof(DB, *sampled((10, 14))), BAD).children
    assert (names(down), down.observations, down.amount) == (["s10", "s11", "s12", "s13", "s14"], 5, 4 * MINUTE)


def test_of_more_than_twelve_the_first_and_the_last_are_named_and_the_number_tells_all() -> None:
    eleven, twelve = part(proof(DB, *sampled((3, 14), (20, 32))), BAD).children
    assert (eleven.observations, len(names(eleven))) == (12, 12)
    assert (twelve.observations, names(twelve)) == (13, ["s20", "s32"])


def test_the_status_that_held_as_the_period_began_is_among_those_of_an_outage() -> None:
    (down,) = part(proof(DB, status(-90, "down"), status(-100, "up"), status(5, "up")), BAD).children
    assert (down.interval, names(down)) == (minutes(0, 5), ["s-90", "s5"])


def test_an_outage_that_goes_on_after_a_window_rests_on_what_held_in_the_window() -> None:
    window = maintenance(20, 30)
    first, rest = part(proof(DB, status(0, "up"), status(10, "down"), status(40, "up"), windows=[window]), BAD).children
    assert (first.interval, names(first)) == (minutes(10, 20), ["s10"])
    assert (rest.interval, names(rest)) == (minutes(30, 40), ["s10", "s40"])
    excluded = part(proof(DB, status(0, "up"), windows=[window]), LEFT_OUT, "Maintenance")
    assert (excluded.refs, excluded.observations) == (("maintenance:m20",), 0)


def test_an_outage_that_was_reported_rests_on_the_reports_that_overlap_it() -> None:
    rows = [outage(10, 20), outage(15, 30, id="longer"), outage(30, 31, id="next"), outage(40, 50)]
    one, other = part(proof(DB, *rows), BAD).children
    assert (one.interval, names(one)) == (minutes(10, 31), ["o10", "longer", "next"])
    assert (other.interval, names(other)) == (minutes(40, 50), ["o40"])


def test_a_long_report_before_a_short_one_is_not_overlooked() -> None:
    cut = [outage(5, 500, id="long"), outage(6, 7, id="short"), status(0, "up")]
    first, rest = part(proof(DB, *cut, windows=[maintenance(100, 200)]), BAD).children
    assert (names(first), names(rest)) == (["long", "short"], ["long"])


def test_reports_and_statuses_both_count() -> None:
    (down,) = part(proof(DB, *sampled((10, 12)), outage(10, 13)), BAD).children
    assert (down.interval, names(down)) == (minutes(10, 13), ["o10", "s10", "s11"])


def test_what_is_unknown_rests_on_what_says_so_and_on_what_ended_it() -> None:
    rows = [status(0, "up"), status(10, "unknown"), status(11, "unknown"), status(15, "down"), status(16, "up")]
    unknown = part(proof(DB, *rows), LEFT_OUT, "Unknown, left out").children
    assert [names(leaf) for leaf in unknown] == [["s10", "s11", "s15"]]
    before = part(proof(DB, status(30, "up")), LEFT_OUT, "Unknown, left out").children
    assert [(leaf.interval, names(leaf)) for leaf in before] == [(minutes(0, 30), ["s30"])]
    never = part(proof(DB), LEFT_OUT, "Unknown, left out").children
    assert [(leaf.observations, leaf.refs) for leaf in never] == [(0, ())]


def test_known_to_be_up_rests_on_the_statuses_that_say_so_each_once() -> None:
    rows = [status(-30, "up"), status(10, "down"), status(12, "up"), status(60, "up"), status(70, "unknown")]
    up = part(proof(DB, *rows, windows=[maintenance(2, 4), maintenance(20, 30)]), GOOD, "Known to be up")
    assert (names(up), up.observations) == (["s-30", "s12", "s60"], 3)


def test_who_reports_by_outages_alone_is_known_to_be_up_by_them() -> None:
    def up(*rows: Row) -> list[str]:
        return names(part(proof(DB, *rows), GOOD, "Known to be up"))

    before, after = outage(-50, -40), outage(43_300, 43_310)
    assert up(outage(10, 20), before, after) == ["o10"]
    assert up(before, outage(-90, -80), after) == ["o-50"]
    assert up(after) == ["o43300"]


def test_of_two_statuses_at_one_instant_the_worse_counts_and_the_other_says_nothing() -> None:
    rows = [status(0, "up"), status(10, "up", id="better"), status(10, "down", id="worse"), status(20, "up")]
    tree = proof(DB, *rows)
    assert names(part(tree, BAD).children[0]) == ["worse", "s20"]
    assert names(part(tree, GOOD, "Known to be up")) == ["s0", "s20"]
    still = [status(0, "up"), status(10, "down"), status(20, "up", id="no"), status(20, "unknown", id="end")]
    assert names(part(proof(DB, *still), BAD).children[0]) == ["s10", "end"]


def test_only_of_a_component_that_was_down_until_then_it_is_told_what_ended_it() -> None:
    pair = Availability(components=("a", "b"))
    of_a = [status(0, "up", "a"), status(10, "down", "a"), status(20, "up", "a", id="ended"), status(30, "up", "a", id="anyway")]
    of_b = [status(0, "up", "b", id="b0"), status(15, "down", "b", id="b15"), status(30, "up", "b", id="b30")]
    (down,) = part(proof(pair, *of_a, *of_b), BAD).children
    assert (down.interval, names(down)) == (minutes(10, 30), ["s10", "b15", "b30"])


def test_outside_its_life_a_component_says_nothing() -> None:
    living = Availability(components=("a", "b"), lives=(("b", Interval(minute(0), minute(15))),))
    rows = [status(0, "up", "a"), status(10, "down", "a"), status(20, "up", "a")]
    of_b = [status(0, "up", "b", id="b0"), status(12, "down", "b", id="b12"), status(17, "down", "b", id="b17")]
    (down,) = part(proof(living, *rows, *of_b), BAD).children
    assert names(down) == ["s10", "b12", "s20"]


def test_in_a_pool_every_component_rests_on_its_own() -> None:
    pool = Availability(components=("a", "b"), combine="pool", weights=(2, 1))
    of_a = [status(0, "up", "a", id="a0"), status(10, "down", "a", id="a10"), status(20, "up", "a", id="a20")]
    of_b = [status(0, "up", "b", id="b0"), status(15, "down", "b", id="b15"), status(25, "up", "b", id="b25")]
    tree = proof(pool, *of_a, *of_b, status(17, "up", "a", id="a17"), status(18, "down", "a", id="a18"))
    assert [(leaf.label, leaf.amount // MINUTE, names(leaf)) for leaf in part(tree, BAD).children] == [
        ("Outage of a", 14, ["a10", "a17"]),
        ("Outage of b", 10, ["b15", "b25"]),
        ("Outage of a", 4, ["a18", "a20"]),
    ]
    assert names(part(tree, GOOD, "Known to be up")) == ["a0", "b0", "a17", "a20", "b25"]


def test_a_journey_rests_on_what_was_reported_of_the_services_of_its_legs() -> None:
    legs = [objective(Availability(components=("db",)), name="x"), objective(Availability(components=("db",)), name="y", service="shop")]
    journey = replace(objective(Composite(of=("x", "y"), rule="journey"), name="all"), service="")
    rows = [status(0, "up"), status(10, "down"), status(20, "up")]
    of_shop = [
        {**status(number, state), "service": "shop", "id": f"shop{number}"} for number, state in ((0, "up"), (15, "down"), (30, "up"))
    ]
    (down,) = part(explained([*legs, journey], told(*rows, *of_shop))["all"].proof, BAD).children
    assert (down.interval, names(down)) == (minutes(10, 30), ["s10", "shop15", "shop30"])


def test_what_was_not_known_when_it_was_measured_is_not_cited() -> None:
    rows = sampled((10, 60))
    (down,) = part(proof(DB, *rows, until=minute(13)), BAD).children
    assert (down.interval, names(down)) == (minutes(10, 13), ["s10", "s11", "s12"])


def test_the_tree_of_elapsed_time_names_the_same() -> None:
    told_both = explained(DB, told(*sampled((10, 14))))["o"]
    assert told_both.elapsed is not None
    assert part(told_both.elapsed, "Eligible", "Known to be down").children == part(told_both.proof, BAD).children
    assert part(told_both.elapsed, "Eligible", "Known to be up") == part(told_both.proof, GOOD, "Known to be up")


# --- corrections, and two sides --------------------------------------------------------------------------------------------


def test_the_revision_that_counts_is_cited_and_no_other() -> None:
    rows = [outage(10, 20, id="o", revision=1), outage(100, 110, id="o", revision=2), status(0, "up"), status(50, "down", id="s")]
    tree = proof(DB, *rows, status(200, "down", id="s", revision=3), status(210, "up"))
    assert [(leaf.interval, names(leaf)) for leaf in part(tree, BAD).children] == [
        (minutes(100, 110), ["o"]),
        (minutes(200, 210), ["s", "s210"]),
    ]


def test_the_customers_observations_are_cited_under_its_name_where_its_reading_counts() -> None:
    ours = told(status(0, "up"), status(60, "down"), status(90, "up"))
    theirs = told(status(0, "up", id="t0"), status(70, "down", id="t70"), status(110, "up", id="t110"))

    def down(rule: Disputes) -> list[tuple[Interval | None, tuple[str, ...]]]:
        return [(leaf.interval, leaf.refs) for leaf in part(explained(DB, ours, theirs, disputes=rule)["o"].proof, BAD).children]

    own, foreign = "observation:probe/", "customer:observation:probe/"
    assert down("provider") == [(minutes(60, 90), (f"{own}s60", f"{own}s90"))]
    assert down("customer") == [(minutes(70, 110), (f"{own}s60", f"{foreign}t70", f"{foreign}t110"))]
    assert down("either-down") == [(minutes(60, 110), (f"{own}s60", f"{foreign}t70", f"{foreign}t110"))]
    assert down("both-down") == [(minutes(70, 90), (f"{own}s60", f"{foreign}t70", f"{own}s90"))]
    assert down("auditor") == [(minutes(60, 90), (f"{own}s60", f"{foreign}t70", f"{own}s90"))]


# --- requests and tickets --------------------------------------------------------------------------------------------------


def hexed(*ids: str) -> list[str]:
    return [sample_name(sample_id("probe", own)) for own in ids]


def test_a_day_of_requests_rests_on_the_reports_with_good_and_those_with_bad_ones() -> None:
    rows = [counter(10, 90, 100), counter(20, 50, 50), counter(30, 0, 7), counter(40, 0, 0), counter(1_500, 9, 9), counter(-5, 1, 2)]
    tree = proof(RequestRatio(), *rows, counter(50, 0, 3, "other"))
    assert [(leaf.label, leaf.amount, names(leaf)) for leaf in part(tree, GOOD).children] == [
        ("2026-06-01", 140, hexed("c10", "c20")),
        ("2026-06-02", 9, hexed("c1500")),
    ]
    assert [(leaf.label, leaf.amount, names(leaf)) for leaf in part(tree, BAD).children] == [("2026-06-01", 20, hexed("c10", "c30", "c50"))]
    web = proof(RequestRatio(components=("web",)), *rows, counter(50, 0, 3, "other"))
    assert [names(leaf) for leaf in part(web, BAD).children] == [hexed("c10", "c30")]


def test_a_sample_is_called_by_the_bits_of_its_id() -> None:
    (bad,) = part(proof(RequestRatio(), counter(1, 0, 1, id="o-17")), BAD).children
    assert bad.refs == ("observation:probe/" + f"{sample_id('probe', 'o-17'):016x}",)
    assert len(sample_name(1)) == 16


def test_a_corrected_counter_is_cited_once() -> None:
    first, corrected = counter(10, 90, 100, id="a"), counter(20, 95, 100, id="a", revision=1)
    (bad,) = part(proof(RequestRatio(), first, corrected), BAD).children
    assert (bad.amount, names(bad)) == (5, hexed("a"))


def test_a_day_of_latencies_rests_on_those_within_the_threshold_and_those_beyond() -> None:
    tree = proof(ResponseTime(threshold_us=100_000), latency(1, "100"), latency(2, "100.001"), latency(3, "5"))
    assert [[names(leaf) for leaf in part(tree, side).children] for side in (GOOD, BAD)] == [[hexed("l1", "l3")], [hexed("l2")]]


def test_a_silence_rests_on_the_reports_on_either_side_of_it() -> None:
    silent = ResponseTime(threshold_us=100_000, expected_every=Microseconds(60 * MINUTE))
    told_at = [latency(10, "5"), latency(10, "6", id="same"), latency(200, "7"), latency(250, "8"), latency(42_000, "9")]
    unknown = part(proof(silent, *told_at, until=minute(42_010)), LEFT_OUT).children
    assert [(leaf.interval, sorted(names(leaf))) for leaf in unknown] == [
        (minutes(10, 200), sorted(hexed("l10", "same", "l200"))),
        (minutes(250, 42_000), sorted(hexed("l250", "l42000"))),
    ]


def test_where_two_silences_meet_what_lies_between_them_is_named_too() -> None:
    silent = ResponseTime(threshold_us=100_000, expected_every=Microseconds(60 * MINUTE))
    (unknown,) = part(proof(silent, latency(200, "7"), until=minute(300)), LEFT_OUT).children
    assert (unknown.interval, names(unknown)) == (minutes(0, 300), hexed("l200"))


def test_a_slice_rests_on_every_report_of_requests_in_it() -> None:
    rows = [counter(1, 90, 100), counter(2, 5, 5), counter(3, 0, 0), counter(6, 9, 9), counter(11, 8, 9)]
    tree = proof(TimeSlices(every=FIVE, error_above=Fraction(5, 100)), *rows)
    assert [(leaf.interval, names(leaf)) for leaf in part(tree, BAD).children] == [
        (minutes(0, 5), hexed("c1", "c2")),
        (minutes(10, 15), hexed("c11")),
    ]
    assert names(part(tree, GOOD, "Wholly good")) == hexed("c6")


def test_an_interval_of_a_mean_that_is_good_in_part_rests_on_the_same_on_both_sides() -> None:
    tree = proof(IntervalMean(every=FIVE), counter(1, 75, 100), counter(7, 5, 5))
    assert names(part(tree, BAD, "Errors")) == names(part(tree, GOOD, "Errors")) == hexed("c1")
    assert names(part(tree, GOOD, "Wholly good")) == hexed("c7")


def test_a_slice_without_a_request_rests_on_the_reports_beside_it() -> None:
    tree = proof(TimeSlices(every=FIVE, error_above=Fraction(5, 100), empty="bad"), counter(1, 5, 5), counter(22, 5, 5), until=minute(25))
    assert [(leaf.label, leaf.interval, names(leaf)) for leaf in part(tree, BAD).children] == [
        ("No request", minutes(start, start + 5), hexed("c1", "c22")) for start in (5, 10, 15)
    ]


def test_slow_slices_rest_on_latencies() -> None:
    slow = TimeSlices(every=FIVE, percentile=Fraction(1, 2), latency_above_us=100_000)
    (bad,) = part(proof(slow, latency(1, "200"), latency(2, "300"), latency(3, "1")), BAD).children
    assert names(bad) == hexed("l1", "l2", "l3")


def test_a_ticket_rests_on_its_steps() -> None:
    rows = [ticket("INC-1", 60, "opened"), ticket("INC-1", 90, "resolved"), ticket("INC-2", 70, "opened"), ticket("INC-1", 95, "closed")]
    tree = proof(ResolutionTime(within=hours(8)), *rows, until=minute(600))
    assert part(tree, GOOD).children[0].refs == (
        "ticket:INC-1",
        "observation:probe/INC-1@60",
        "observation:probe/INC-1@90",
        "observation:probe/INC-1@95",
    )
    assert (part(tree, BAD).children[0].refs, part(tree, BAD).children[0].observations) == (
        ("ticket:INC-2", "observation:probe/INC-2@70"),
        1,
    )


# --- how it is written -----------------------------------------------------------------------------------------------------


def test_the_lines_name_few_and_count_many() -> None:
    tree = proof(DB, *sampled((10, 12), (20, 40)))
    assert proof_lines(tree)[2:8] == [
        "    Known to be up: 43178 min",
        "      observations: probe/s0, … 38 in all",
        "  Bad: 22 min",
        "    Outage of db: 2 min  2026-06-01T00:10:00Z – 2026-06-01T00:12:00Z",
        "      observations: probe/s10, probe/s11, probe/s12",
        "    Outage of db: 20 min  2026-06-01T00:20:00Z – 2026-06-01T00:40:00Z",
    ]
    assert proof_lines(tree)[8] == "      observations: probe/s20, … 21 in all"
    customers = explained(DB, told(*sampled((10, 12))), told(status(0, "up"), status(9, "down"), status(12, "up")), disputes="customer")
    assert proof_lines(customers["o"].proof)[6] == "      observations: customer:probe/s9, … 5 in all"


def test_the_document_has_the_names_and_the_number() -> None:
    (down,) = part(proof(DB, *sampled((20, 40))), BAD).children
    document = proof_document(down)
    assert (document["refs"], document["observations"]) == (["observation:probe/s20", "observation:probe/s40"], 21)
    assert "observations" not in proof_document(part(proof(DB), GOOD))


# --- laws ----------------------------------------------------------------------------------------------------------------

units = st.integers(-40, 120)
components = st.sampled_from(("a", "b"))
states = st.sampled_from(("up", "down", "unknown"))
some_statuses = st.lists(
    st.builds(
        lambda number, state, component, place: status(number, state, component, id=place), units, states, components, st.uuids().map(str)
    ),
    max_size=14,
)
some_outages = st.lists(
    st.builds(
        lambda start, lasts, component, place: outage(start, start + lasts, component, id=place),
        units,
        st.integers(1, 60),
        components,
        st.uuids().map(str),
    ),
    max_size=4,
)
some_windows = st.lists(st.builds(lambda start, lasts: maintenance(start, start + lasts), units, st.integers(1, 30)), max_size=2)


def held(rows: Sequence[StatusRow], at: int) -> tuple[State, list[StatusRow]]:
    """What the settled statuses of a component say at an instant, and those that say it; nobody says anything before the first."""
    before = [row for row in rows if row.at <= at]
    if not before:
        return State.UNKNOWN, []
    last = [row for row in before if row.at == max(each.at for each in before)]
    worst = max((row.state for row in last), key=BY_BADNESS.index)
    return worst, [row for row in last if row.state is worst]


def naive(observations: Observations, leaf: Proof, says: State, named: Sequence[str]) -> set[str]:
    """Row by row and instant by instant."""
    assert leaf.interval is not None
    start, end = leaf.interval
    found: set[str] = set()
    for component in named:
        rows = [row for row in observations.statuses if row.component == component]
        for instant in {start, *(row.at for row in rows if start <= row.at < end)}:
            state, saying = held(rows, instant)
            found |= {row.id for row in saying} if state is says else set()
        state, ending = held(rows, end)
        if rows and held(rows, end - 1)[0] is says and state is not says:
            found |= {row.id for row in ending if row.at == end}
        if says is State.DOWN:
            found |= {row.id for row in observations.outages if row.component == component and row.at < end and row.until > start}
    return found


@LAW
@given(said=some_statuses, down=some_outages, combine=st.sampled_from(get_args(Combine)), windows=some_windows, until=st.integers(1, 130))
def test_every_outage_and_every_silence_rests_on_what_a_naive_reading_finds(
    said: list[Row], down: list[Row], combine: Combine, windows: list[Maintenance], until: int
) -> None:
    observations = told(*said, *down)
    found = explained(Availability(components=("a", "b"), combine=combine), observations, windows=windows, until=minute(until))["o"]
    assert found.elapsed is not None
    for leaf in (*leaves(found.proof), *leaves(found.elapsed)):
        expected: set[str] | None = None
        if leaf.label.startswith("Outage of"):
            expected = naive(observations, leaf, State.DOWN, leaf.label.removeprefix("Outage of ").split(", "))
        elif leaf.label == "Unknown" and leaf.interval is not None:
            expected = naive(observations, leaf, State.UNKNOWN, ("a", "b"))
        if expected is not None:
            assert leaf.observations == len(expected)
            assert {ref.removeprefix("observation:probe/") for ref in leaf.refs} <= expected
            assert len(leaf.refs) == (len(expected) if len(expected) <= NAMED else 2)


@LAW
@given(said=some_statuses, down=some_outages, combine=st.sampled_from(get_args(Combine)), windows=some_windows, seed=st.integers(0, 1000))
def test_citing_moves_no_amount_and_no_order_of_the_observations_changes_a_byte(
    said: list[Row], down: list[Row], combine: Combine, windows: list[Maintenance], seed: int
) -> None:
    promised = Availability(components=("a", "b"), combine=combine)
    rows = [*said, *down]
    shuffled = Random(seed).sample(rows, len(rows))
    one, other = (explained(promised, told(*each), windows=windows)["o"] for each in (rows, [*shuffled, *shuffled]))
    assert proof_document(one.proof) == proof_document(other.proof)
    assert check_sum(one.proof) == ()
    agreed = in_force(terms(objective(promised), windows=windows))
    evidence = evidence_of(told(*rows))
    found = assess(agreement_id="a", terms=[agreed], evidence=evidence, month=JUNE, measured_until=NOW)
    (plain,) = explain(Case(assessment=found, terms=(agreed,), evidence=evidence, until=NOW))
    assert uncited(one.proof) == plain.proof


def uncited(tree: Proof) -> Proof:
    refs = tuple(ref for ref in tree.refs if not ref.startswith("observation:"))
    return replace(tree, refs=refs, observations=0, children=tuple(uncited(child) for child in tree.children))


some_counters = st.lists(
    st.builds(
        lambda number, good, bad, component, place: counter(number, good, good + bad, component, id=place),
        st.integers(-20, 200),
        st.integers(0, 3),
        st.integers(0, 2),
        components,
        st.uuids().map(str),
    ),
    max_size=20,
)


@LAW
@given(rows=some_counters, every=st.sampled_from((5, 30)), until=st.integers(1, 220))
def test_every_slice_rests_on_what_a_naive_reading_finds(rows: list[Row], every: int, until: int) -> None:
    indicator = IntervalMean(every=Microseconds(every * MINUTE), components=("a",))
    tree = proof(indicator, *rows, until=minute(until))
    at = {sample_name(sample_id("probe", str(row["id"]))): row for row in rows if row["component"] == "a" and row["total"]}
    for leaf in leaves(tree):
        if leaf.label == "Errors" and leaf.interval is not None:
            inside = {
                name
                for name, row in at.items()
                if instant_text(leaf.interval.start) <= str(row["observed_at"]) < instant_text(leaf.interval.end)
            }
            assert leaf.observations == len(inside)
            assert {ref.removeprefix("observation:probe/") for ref in leaf.refs} <= inside
