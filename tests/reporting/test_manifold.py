"""Reports on every kind of indicator and option; and reports of before, which knew none of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from services.reporting import wire
from services.reporting.application import read
from services.reporting.material import Agreement, Assessment, PeriodResult
from services.reporting.page import ObjectiveView, ReportView, card, report_view
from services.reporting.pages import Pages
from services.reporting.report import MOST_SLICES, ObjectivePart, Report, document, report
from tests.reporting import given
from tests.reporting.room import caller

NEW_KEYS = {
    "objectives": {"promise", "clause", "scale", "percentile", "maintenance", "ignored", "outside", "slices", "slices_more", "needed"},
    "credit": {"lines", "paid", "calculated", "claim_until", "yearly_capped"},
    "tickets": {"counted_us", "allowed_us", "clock"},
}


def agreement() -> Agreement:
    first = wire.terms(given.manifold_terms(), number=1, effective_on="2026-03-01", recorded_at="2026-02-20T10:00:00Z")
    return Agreement(id=given.MANIFOLD_AGREEMENT, status="active", last_day="", versions=(first,))


def made(assessment: Assessment | None = None) -> Report:
    return report(
        agreement=agreement(),
        result=PeriodResult(assessment=assessment or march()),
        previous=None,
        breaches=(),
        warnings=(),
        improvements=(),
        known_at="2026-04-04T09:00:01Z",
    )


def march(*, paid: bool = True) -> Assessment:
    return wire.assessment(given.manifold_march(paid=paid))


def part(name: str, told: Report | None = None) -> ObjectivePart:
    return next(each for each in (told or made()).objectives if each.id == name)


def viewed(told: Report | None = None) -> ReportView:
    return report_view(told or made(), None)


def view_of(name: str, told: Report | None = None) -> ObjectiveView:
    return next(each for each in viewed(told).objectives if each.part.id == name)


def page(told: Report | None = None) -> str:
    return bytes(Pages().report(told or made(), None, caller=caller(given.CUSTOMER), session=True).body).decode()


def with_credit(**changes: object) -> Report:
    told = given.manifold_march(paid=bool(changes.get("paid", True)))
    for name, value in changes.items():
        setattr(told.credit, name, value)
    return made(wire.assessment(told))


# What the report holds


def test_what_was_too_short_outside_the_hours_or_agreed_is_told_apart() -> None:
    pool = part("pool")
    assert [span.minutes for span in pool.outages] == ["90"]
    assert [(span.minutes, span.cause) for span in pool.ignored] == [("4", "Deployment")]
    assert [span.minutes for span in pool.outside] == ["960", "3840"]
    assert (pool.maintenance, pool.scale, pool.clause) == ("up", 3, "3.1")


def test_the_worst_twenty_intervals_are_listed_in_the_order_of_time_and_the_rest_is_counted() -> None:
    intervals = part("intervals")
    assert [row.good for row in intervals.slices] == [str(1_000 - 10 * number) for number in range(11, 31)]
    assert intervals.slices_more == 10


def test_the_first_twenty_bad_slices_are_listed_before_those_that_count_as_good() -> None:
    slices = part("slices")
    assert (len(slices.slices), slices.slices_more) == (MOST_SLICES, 42)
    assert all(row.bad for row in slices.slices)
    assert slices.slices[0].start == "2026-03-09T00:10:00Z"


def test_a_few_slices_are_listed_whole_with_those_in_too_short_a_run() -> None:
    told = given.manifold_march()
    del told.objectives[2].slices[5:]
    slices = part("slices", made(wire.assessment(told)))
    assert [row.bad for row in slices.slices] == [False, False, True, True, True]
    assert slices.slices_more == 0


def test_a_percentile_is_told_beside_the_share_that_it_is_judged_by() -> None:
    percentile = part("p99").percentile
    assert percentile is not None
    assert (percentile.percentile, percentile.value_ms, percentile.threshold_ms) == ("99", "812.5", "800")
    assert part("slices").percentile is None


def test_what_would_settle_an_open_verdict_is_told_and_nothing_where_there_is_one() -> None:
    told = given.manifold_march()
    told.objectives[0].verdict, told.objectives[0].needed = "undetermined", "30 more min of component web"
    assert part("pool", made(wire.assessment(told))).needed == "30 more min of component web"
    assert "What would settle it:</strong> 30 more min of component web." in page(made(wire.assessment(told)))
    assert part("pool").needed == ""
    assert "What would settle it" not in page()


def test_a_missed_ticket_tells_its_clock() -> None:
    (ticket,) = part("response").tickets_missed
    assert (ticket.counted_us, ticket.allowed_us, ticket.clock) == (9_000_000_000, 7_200_000_000, "office")
    assert "2 h 30 min of 2 h" in page()


# Credit


def test_a_credit_tells_the_rule_of_each_objective_that_cost_something() -> None:
    credit = made().credit
    assert credit is not None
    line, other = credit.lines
    assert (line.objective, line.clause, line.percent, line.share_of_period) == ("The pool", "3.1", "10", "1/1")
    assert (line.agreed, line.rule) == ("10 % below 99.5 %, 25 % below 99 %", "below 99.5: 10")
    assert (other.objective, other.percent, other.rule) == ("The slices", "5", "1 of 0.1 below 99.9: 5 each")


def test_a_paid_credit_says_until_when_it_can_be_claimed() -> None:
    credit = made().credit
    assert credit is not None
    assert credit.explanation == (
        "The pool came to 99.431 % against 99.5 %, which costs 10 %; The slices came to 99.865 % against 99.9 %, which costs 5 %. "
        "The highest of them counts: 10 % of the monthly charge of EUR 12,000.00: EUR 1,200.00 (rounded half-even). "
        "It can be claimed until 30 April 2026."
    )
    assert "can be claimed until 30 April 2026" in page()
    assert "Not paid" not in page()


def test_a_credit_that_is_not_above_the_minimum_says_why_it_is_not_paid() -> None:
    unpaid = made(march(paid=False))
    assert unpaid.credit is not None
    assert unpaid.credit.explanation.endswith(
        ": EUR 0.90 (rounded half-even). It is not paid, because it is not above the agreed minimum of EUR 1.00."
    )
    assert (unpaid.credit.amount, unpaid.credit.paid) == ("0.00", False)
    assert '<span class="tag">Not paid</span>' in page(unpaid)
    assert "EUR 0.90 calculated, not paid" in page(unpaid)
    assert "can be claimed" not in page(unpaid)


@pytest.mark.parametrize(
    ("paid", "amount", "words"),
    [
        (True, "300.00", "The agreed cap of 25 % of the contract year's charges leaves EUR 300.00 of it."),
        (
            False,
            "0.00",
            "It is not paid: the agreed cap of 25 % of the contract year's charges leaves nothing of it "
            "that is above the agreed minimum of EUR 1.00.",
        ),
    ],
)
def test_the_yearly_cap_says_what_it_leaves(paid: bool, amount: str, words: str) -> None:
    credit = with_credit(paid=paid, amount=amount, calculated="1200.00", yearly_capped=True).credit
    assert credit is not None
    assert words in credit.explanation


def test_a_month_in_which_nothing_was_earned_is_not_called_unpaid() -> None:
    told = given.manifold_march(paid=False)
    for result in told.objectives:
        result.credit_percent = "0"
    told.credit.calculated, told.credit.percent = "0.00", "0"
    del told.credit.lines[:]
    quiet = made(wire.assessment(told))
    assert quiet.credit is not None
    assert quiet.credit.explanation == "No objective fell below a level that earns a credit."
    assert "Not paid" not in page(quiet)


def test_a_credit_of_a_part_of_the_month_says_of_how_much() -> None:
    told = given.manifold_march()
    told.credit.lines[0].share_of_period = "7/15"
    assert "for 46.6&nbsp;% of the month" in page(made(wire.assessment(told)))
    assert "of the month</span>" not in page()


# What the page says


def test_a_pool_is_told_in_component_time() -> None:
    budget = view_of("pool").budget
    assert budget is not None
    assert budget.sentence == "21 min 36 s of component time beyond the 2 h 38 min 24 s of component time allowed"
    assert "9 March: 3 h of component time down" in "".join(view_of("pool").strips)


def test_a_day_outside_the_service_hours_is_not_drawn_as_up() -> None:
    told = given.manifold_march()
    told.objectives[0].outside.add(start="2026-03-13T23:00:00Z", end="2026-03-15T23:00:00Z", duration_us=172_800_000_000)
    del told.objectives[0].outside[:2]
    strips = "".join(view_of("pool", made(wire.assessment(told))).strips)
    assert "14 March: outside the service hours" in strips
    assert "15 March: outside the service hours" in strips
    assert "13 March: no downtime" in strips
    assert "outside the service hours or not measured" in page()
    assert "outside the service hours or not measured" not in page(plain())


def test_a_days_downtime_is_a_share_of_its_service_hours() -> None:
    told = given.manifold_march()
    del told.objectives[0].outside[:]
    whole_day, hours_only = ("".join(view_of("pool", made(wire.assessment(each))).strips) for each in (told, given.manifold_march()))
    assert whole_day != hours_only, "16 of the 24 hours of 9 March lie outside"


def test_intervals_are_told_as_intervals_and_never_as_the_raw_integer() -> None:
    intervals = view_of("intervals")
    assert intervals.budget is not None
    assert intervals.budget.sentence == "0.428 intervals left of 8.928 intervals"
    assert intervals.days_in_words == "1 day with intervals, 1 of them below the target: 9 March."
    assert "9 March: 97.048 % of 288 intervals, below the target" in "".join(intervals.strips)
    assert "000000000000" not in page()


def test_slices_are_listed_with_the_count_of_the_rest() -> None:
    assert "the first 20, 42 more are in the assessment" in page()
    assert "the worst 20, 10 more are in the assessment" in page()


def test_the_percentile_is_what_a_reader_sees_first() -> None:
    assert view_of("p99").came_to == "p99 = 812.5 ms"
    assert '<span class="small quiet block">p99 = 812.5 ms</span>' in page()
    assert "of the requests were within 800 ms, where p99 ≤ 800 ms was agreed" in page()


def test_a_composite_counts_its_objectives_and_has_neither_gauge_nor_scale() -> None:
    composite = view_of("all-of-it")
    assert (composite.came_to, composite.line, composite.budget) == ("0 of 2 objectives met", "", None)
    assert "where every one met was agreed" in page()
    assert "Several services" in page()


@pytest.mark.parametrize(
    ("accounting", "caption"),
    [
        ("exclude", "Excluded from both sides"),
        ("up", "Agreed maintenance, counted as up"),
        ("down", "Agreed maintenance, counted as any other time"),
    ],
)
def test_maintenance_is_called_what_it_counts_as(accounting: str, caption: str) -> None:
    terms = given.manifold_terms()
    terms.objectives[0].indicator.availability.maintenance = accounting
    first = wire.terms(terms, number=1, effective_on="2026-03-01", recorded_at="")
    told = report(
        agreement=replace(agreement(), versions=(first,)),
        result=PeriodResult(assessment=march()),
        previous=None,
        breaches=(),
        warnings=(),
        improvements=(),
        known_at="2026-04-04T09:00:01Z",
    )
    assert view_of("pool", told).exclusions == caption
    assert caption in page(told)


def test_a_card_tells_a_promise_in_words_where_a_percentage_does_not() -> None:
    lines = card(agreement(), status="active", running=None, reachable=True, latest=march(), warnings=(), key="c").lines
    assert {line.name: line.promise for line in lines if line.promise} == {"The p99": "p99 ≤ 800 ms", "The all-of-it": "every one met"}


# Reports of before


def before(told: Report) -> bytes:
    """The same report as it was written when there were none of the new keys."""
    old = json.loads(document(told))
    for each in old["objectives"]:
        for key in NEW_KEYS["objectives"]:
            del each[key]
        for ticket in each["tickets_missed"]:
            for key in NEW_KEYS["tickets"]:
                del ticket[key]
    for key in NEW_KEYS["credit"]:
        del old["credit"][key]
    return json.dumps(old, ensure_ascii=False, separators=(",", ":")).encode()


def plain() -> Report:
    first = wire.terms(given.terms(), number=1, effective_on="2026-03-01", recorded_at="2026-02-20T10:00:00Z")
    told = Agreement(id=given.AGREEMENT, status="active", last_day="", versions=(first,))
    return report(
        agreement=told,
        result=PeriodResult(assessment=wire.assessment(given.march())),
        previous=None,
        breaches=(),
        warnings=(),
        improvements=(),
        known_at="2026-04-04T09:00:01Z",
    )


def test_a_report_of_before_the_new_keys_is_still_read_and_shown() -> None:
    old = read(before(plain()))
    assert old == plain(), "nothing that it did not know was agreed"
    assert page(old) == page(plain())


def test_the_schema_keeps_its_name_because_every_new_key_may_be_absent() -> None:
    assert json.loads(document(made()))["schema"] == json.loads(before(plain()))["schema"] == "upheld.report.v1"


def test_a_document_with_every_option_reads_back_as_the_report_it_was() -> None:
    assert read(document(made())) == made()


def test_a_credit_told_before_there_were_minimums_is_a_paid_one() -> None:
    credit = plain().credit
    assert credit is not None
    assert (credit.paid, credit.lines, credit.calculated) == (True, (), "")
    assert "Not paid" not in page(plain())


def test_a_unit_nobody_knows_is_poison() -> None:
    told = given.manifold_march()
    told.objectives[0].unit = "parsecs"
    with pytest.raises(ValueError, match="'parsecs' is none of"):
        wire.assessment(told)
