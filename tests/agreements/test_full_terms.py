"""All that contracts say besides the simple case: read, written, sent, compared, and without effect where it is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from upheld.agreements.v1 import terms_pb2

from services.agreements.answers import terms_document
from services.agreements.document import parse_document, read_document
from services.agreements.terms import (
    Availability,
    Claim,
    Composite,
    ExclusionClass,
    HourlyRelief,
    Hours,
    IntervalMean,
    MinimumOutage,
    Objective,
    ProportionalCredit,
    RecurringMaintenance,
    ResolutionTime,
    ResponseTime,
    StepCredit,
    Terms,
    TimeSlices,
    canonical_json,
    difference,
    digest,
    parse_terms,
    stored_terms,
    to_document,
)
from services.agreements.terms.grammar import EVERY
from services.agreements.wire import document_of, terms_message, terms_of
from services.vocabulary.errors import Invalid
from services.vocabulary.period import MONTHLY, Cycle, parse_instant
from tests.agreements.support import FULL_DOCUMENT, LIVES_EXAMPLE, PERIOD_EXAMPLE, TERMS

FULL = parse_document(FULL_DOCUMENT)
UNPAID = """upheld: terms/v1
title: Payments
zone: Europe/Berlin
effective_on: 2026-01-01
ends_on: 2026-12-31
parties: [{role: provider, organisation: nordwind, name: Nordwind}, {role: customer, organisation: marktbank, name: Marktbank}]
services: [{id: payments, name: Payments, components: [{id: web, name: Web}, {id: db, name: Database}]}]
objectives: [{id: availability, name: Availability, service: payments, indicator: {kind: availability}, target: "99.9"}]
"""


def changed(change: Callable[[dict[str, Any]], object]) -> Terms:
    nodes: Any = read_document(FULL_DOCUMENT)
    change(nodes)
    return parse_terms(nodes)


def promise(objective_id: str, terms: Terms = FULL) -> Objective:
    return next(objective for objective in terms.objectives if objective.id == objective_id)


def refused(change: Callable[[dict[str, Any]], object]) -> list[str]:
    with pytest.raises(Invalid) as refusal:
        changed(change)
    return [str(violation) for violation in refusal.value.violations]


def of_region(region: str, *, effective_on: str = "2026-01-01", ends_on: str | None = "2026-12-31") -> Callable[[dict[str, Any]], object]:
    def change(nodes: dict[str, Any]) -> None:
        nodes.update(effective_on=effective_on, ends_on=ends_on, maintenance=[])
        nodes["calendars"][0].update(region=region)

    return change


def test_the_full_example_says_what_it_looks_like() -> None:
    assert promise("availability").indicator == Availability(
        components=("web", "api"),
        minimum_coverage=Fraction(9, 10),
        minimum_outage=MinimumOutage(at_least_s=300, whole_minutes=True),
        hours="office",
    )
    pool = Availability(components=("db-1", "db-2"), combine="pool", weights=(2, 1), maintenance="up")
    assert (promise("databases").indicator, promise("databases").relief) == (pool, ProportionalCredit(times=Fraction(2)))
    assert promise("front").relief == HourlyRelief(more_than_s=360)
    assert promise("errors").indicator == IntervalMean(components=("api",), every_s=300)
    assert promise("errors").relief == StepCredit(step=Fraction(1, 1000), percent=Fraction(1, 20))
    assert promise("quick-minutes").indicator == TimeSlices(
        components=("api",), every_s=60, percentile=Fraction(19, 20), latency_above_ms=Decimal(800), minimum_consecutive=5
    )
    assert promise("quick-minutes").relief == ProportionalCredit(times=Fraction(1))
    assert promise("response").indicator == ResolutionTime(
        within_s=14_400,
        stop="responded",
        hours="office",
        pauses=("waiting",),
        priorities=("P1", "P2"),
        priority_rule="highest",
        priority_order=("P1", "P2", "P3"),
    )
    assert promise("everything").indicator == Composite(of=("availability", "errors", "response"), rule="weighted", weights=(2, 1, 1))
    assert (promise("everything").service, promise("availability").clause) == ("", "3.1")
    assert FULL.calendars[0].hours == (Hours(days=("mon", "tue", "wed", "thu", "fri"), opens="09:00", closes="17:00"),)
    assert FULL.exclusion_classes[0] == ExclusionClass(id="planned-work", clause="4.2", notice_s=864_000, monthly_cap_s=28_800)
    assert FULL.recurring_maintenance == (
        RecurringMaintenance(
            id="sundays",
            service="payments",
            days=("sun",),
            weeks=("first", "last"),
            begins="02:00",
            lasts_s=14_400,
            exclusion_class="planned-work",
        ),
    )
    assert FULL.credit is not None
    assert (FULL.credit.combine, FULL.credit.pro_rata) == ("max", False)
    assert (FULL.credit.minimum, FULL.credit.yearly_cap) == (Decimal(1), Fraction(1, 4))
    assert FULL.credit.claim == Claim(business_days=30, calendar="office", counted_from="last-outage")
    assert FULL.hard_close_after_days == 90


def test_a_promised_percentile_is_its_own_target() -> None:
    p99 = promise("p99")
    assert p99.indicator == ResponseTime(components=("api",), threshold_ms=Decimal(2000), percentile=Fraction(99, 100))
    assert p99.target == Fraction(99, 100)
    assert changed(lambda nodes: nodes["objectives"][4].update(target="99")) == FULL


def test_it_survives_its_document_its_canonical_form_and_the_wire() -> None:
    assert parse_terms(to_document(FULL)) == stored_terms(canonical_json(FULL)) == FULL
    assert terms_of(terms_pb2.Terms.FromString(terms_message(FULL).SerializeToString())) == FULL
    assert digest(parse_terms(document_of(terms_message(FULL)))) == digest(FULL)


def test_the_digest_can_be_taken_from_what_the_api_answers() -> None:
    for agreed in (FULL, TERMS):
        answered = json.loads(terms_document(agreed).model_dump_json(by_alias=True))
        assert json.dumps(answered, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == canonical_json(agreed)


def test_what_is_left_out_has_no_key_so_that_old_documents_keep_their_digest() -> None:
    nodes = to_document(TERMS)
    assert nodes.keys() == {
        "upheld",
        "title",
        "zone",
        "effective_on",
        "ends_on",
        "parties",
        "auditors",
        "services",
        "maintenance",
        "objectives",
        "credit",
        "close_after_days",
        "warn_at_percent",
    }
    assert digest(TERMS) == "ca003135ba82432d0d4b1e95edafec981b9daec00548ec560bd1a923a74765d2"


def test_a_default_that_is_written_out_is_the_same_as_one_left_out() -> None:
    def written_out(nodes: dict[str, Any]) -> None:
        nodes["objectives"][7]["indicator"] |= {"maintenance": "exclude", "minimum_coverage": "0", "combine": "any"}
        nodes["objectives"][2]["indicator"] |= {"empty": "good"}
        nodes["objectives"][3]["indicator"] |= {"minimum_events": "1"}
        nodes["objectives"][1]["indicator"]["weights"] = {"db-2": "1", "db-1": "2"}
        nodes["credit"]["rounding"] = "half-even"
        nodes["exclusion_classes"][1]["approval"] = "customer"

    assert digest(changed(written_out)) == digest(FULL)


def test_weights_of_one_each_are_no_weights() -> None:
    pool = promise("databases", changed(lambda nodes: nodes["objectives"][1]["indicator"].update(weights={"db-1": "1", "db-2": "1"})))
    assert pool.indicator == Availability(components=("db-1", "db-2"), combine="pool", maintenance="up")


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("DE-BY", {"2026-01-06": "Epiphany", "2026-04-03": "Good Friday", "2026-12-26": "Second Day of Christmas"}),
        ("DE-BE", {"2026-03-08": "Women's Day"}),
        ("FR", {"2026-07-14": "National Day"}),
    ],
)
def test_the_holidays_of_a_region_are_filled_in_as_days(region: str, expected: dict[str, str]) -> None:
    filled = {each.day.isoformat(): each.name for each in changed(of_region(region)).calendars[0].holidays}
    assert expected.items() <= filled.items()
    assert {day[:4] for day in filled} == {"2026"}


def test_an_open_end_is_filled_five_years_ahead() -> None:
    holidays = changed(of_region("DE-BY", ends_on=None)).calendars[0].holidays
    assert {each.day.year for each in holidays} == set(range(2026, 2032))


def test_holidays_that_are_listed_stand_as_they_are_whatever_the_region() -> None:
    def listed(nodes: dict[str, Any]) -> None:
        nodes["calendars"][0].update(region="DE-BY", holidays=[{"day": "2026-07-01", "name": "Founders' Day"}])

    assert [each.day for each in changed(listed).calendars[0].holidays] == [date(2026, 7, 1)]
    assert changed(lambda nodes: nodes["calendars"][0].update(holidays=[])).calendars[0].holidays == ()


def test_what_was_filled_once_is_read_as_days_and_never_filled_again() -> None:
    stored = json.loads(canonical_json(FULL))
    stored["calendars"][0]["holidays"] = []
    assert stored_terms(json.dumps(stored)).calendars[0].holidays == ()
    sent = terms_message(FULL)
    del sent.calendars[0].holidays[:]
    assert terms_of(sent).calendars[0].holidays == ()


def test_a_region_fills_only_years_that_anybody_can_tell() -> None:
    place = "calendars[0].region"
    assert refused(of_region("DE-BY", ends_on="2050-12-31")) == [
        f"{place}: fills at most 20 years, the term has 25; list the holidays instead"
    ]
    assert refused(of_region("IN", effective_on="2034-01-01", ends_on="2037-12-31")) == [
        f"{place}: the holidays of IN are not all known for 2034 to 2037; list them instead"
    ]


def test_a_difference_names_the_new_places_by_id() -> None:
    def change(nodes: dict[str, Any]) -> None:
        nodes["calendars"][0]["hours"][0]["to"] = "18:00"
        nodes["calendars"][0]["also_closed"].append({"day": "2026-12-31", "name": "New Year's Eve"})
        nodes["exclusion_classes"][0]["monthly_cap"] = "6h"
        nodes["recurring_maintenance"][0]["lasts"] = "3h"
        nodes["maintenance"][0].pop("announced_at")
        nodes["objectives"][1]["indicator"]["weights"]["db-1"] = "3"
        nodes["objectives"][7]["relief"]["more_than"] = "10m"
        nodes["credit"]["claim"]["business_days"] = "20"
        nodes.pop("hard_close_after_days")
        nodes["disputes"] = "customer"

    assert {each.place for each in difference(FULL, changed(change))} == {
        "calendars[office].hours",
        "calendars[office].also_closed[2026-12-31]",
        "exclusion_classes[planned-work].monthly_cap",
        "recurring_maintenance[sundays].lasts",
        "maintenance[march].announced_at",
        "objectives[databases].indicator.weights.db-1",
        "objectives[front].relief.more_than",
        "credit.claim.business_days",
        "hard_close_after_days",
        "disputes",
    }


def test_a_flag_is_the_same_in_json_and_yaml() -> None:
    as_json = json.dumps(to_document(FULL))
    assert '"pro_rata": false' in as_json
    assert parse_document(as_json, form="json") == FULL


def test_a_clock_may_stand_while_a_ticket_that_runs_on_is_resolved() -> None:
    def pauses(**fields: str) -> Callable[[dict[str, Any]], object]:
        indicator = {"kind": "resolution-time", "within": "8h", "pauses": ["waiting", "responded", "resolved", "closed"], **fields}
        return lambda nodes: nodes["objectives"][5].update(indicator=indicator)

    clock = promise("response", changed(pauses(reopened="runs-on"))).indicator
    assert isinstance(clock, ResolutionTime)
    assert clock.pauses == ("waiting", "responded", "resolved", "closed")
    assert refused(pauses()) == [
        f"objectives[5].indicator.pauses[{index}]: the clock never stands in '{state}': there it stops; there are waiting, responded"
        for index, state in ((2, "resolved"), (3, "closed"))
    ]


@pytest.mark.parametrize(
    ("days", "weeks", "longest"),
    [
        (["sun"], [], "168h"),
        (["sun"], ["first"], "672h"),
        (["sun"], ["first", "last"], "168h"),
        (["sun"], ["first", "third"], "336h"),
        (["sun", "mon"], [], "24h"),
        (["mon", "thu"], [], "72h"),
    ],
)
def test_a_window_may_last_until_the_next_one_begins(days: list[str], weeks: list[str], longest: str) -> None:
    def lasting(lasts: str) -> Callable[[dict[str, Any]], object]:
        return lambda nodes: nodes["recurring_maintenance"][0].update(days=days, weeks=weeks, lasts=lasts)

    assert changed(lasting(longest)).recurring_maintenance
    assert refused(lasting(f"{longest}1s")) == [
        f"recurring_maintenance[0].lasts: must be at most {longest}: after that the next window begins"
    ]


CYCLES = {
    "{every: month}": MONTHLY,
    "{every: month, from_day: 15}": Cycle(from_day=15),
    "{every: quarter}": Cycle("quarter"),
    "{every: year}": Cycle("year"),
    "{every: contract-year}": Cycle("contract-year"),
    "{every: week}": Cycle("week"),
    "{every: rolling, days: 30}": Cycle("rolling", days=30),
}


@pytest.mark.parametrize(("written", "cycle"), CYCLES.items())
def test_every_period_survives_its_document_its_canonical_form_and_the_wire(written: str, cycle: Cycle) -> None:
    agreed = parse_document(f"{UNPAID}period: {written}\n")
    assert agreed.period == cycle
    assert stored_terms(canonical_json(agreed)) == agreed
    assert terms_of(terms_pb2.Terms.FromString(terms_message(agreed).SerializeToString())) == agreed
    assert json.loads(terms_document(agreed).model_dump_json(by_alias=True)) == to_document(agreed)


def test_calendar_months_have_no_key_and_no_message_so_that_old_documents_keep_their_digest() -> None:
    monthly = changed(lambda nodes: nodes.update(period={"every": "month"}))
    assert (digest(monthly), "period" in to_document(monthly)) == (digest(FULL), False)
    assert not terms_message(monthly).HasField("period")


def test_the_documentation_shows_the_periods_there_are() -> None:
    shown = re.findall(r"\{every: [^}]*\}", PERIOD_EXAMPLE)
    assert [parse_document(f"{UNPAID}period: {each}\n").period.every for each in shown] == list(EVERY.words)


def test_components_come_and_go() -> None:
    def come_and_go(nodes: dict[str, Any]) -> None:
        shown: Any = read_document(LIVES_EXAMPLE)
        nodes["services"][0]["components"][2:] = shown["components"]

    agreed = changed(come_and_go)
    changeover = parse_instant("2026-06-15T22:00:00Z", place="")
    first, second = agreed.services[0].components[2:]
    assert (first.in_service_from, first.in_service_until) == (None, changeover)
    assert (second.in_service_from, second.in_service_until) == (changeover, None)
    assert terms_of(terms_message(agreed)) == stored_terms(canonical_json(agreed)) == agreed
    assert {each.place for each in difference(FULL, agreed)} == {
        "services[payments].components[db-1].in_service_until",
        "services[payments].components[db-2].in_service_from",
    }
    assert json.loads(terms_document(agreed).model_dump_json(by_alias=True)) == to_document(agreed)


def test_rolling_periods_may_be_as_long_as_the_agreement_and_an_outage_as_long_as_the_week() -> None:
    rolling = f"{UNPAID}period: {{every: rolling, days: 59}}\n".replace("2026-12-31", "2026-02-28")
    assert parse_document(rolling).period == Cycle("rolling", days=59)
    weekly = f"{UNPAID}period: {{every: week}}\n".replace("{kind: availability}", "{kind: availability, minimum_outage: {at_least: 168h}}")
    assert parse_document(weekly).objectives[0].indicator == Availability(
        components=("web", "db"), minimum_outage=MinimumOutage(at_least_s=604_800)
    )


def test_a_quarter_may_hold_an_outage_longer_than_any_february() -> None:
    quarterly = f"{UNPAID}period: {{every: quarter}}\n".replace(
        "{kind: availability}", "{kind: availability, minimum_outage: {at_least: 744h}}"
    )
    assert parse_document(quarterly).period == Cycle("quarter")


def test_a_fault_of_the_period_is_told_once_and_nothing_is_judged_by_it() -> None:
    def fortnightly(nodes: dict[str, Any]) -> None:
        nodes.update(period={"every": "fortnight"})
        nodes["credit"].update(yearly_cap_percent="1")

    assert refused(fortnightly) == [
        "period.every: must be one of month, quarter, year, contract-year, week, rolling, not 'fortnight'",
    ]


def test_nothing_is_credited_by_rolling_days_wherever_a_credit_stands() -> None:
    instead = 'credits need periods of whole months, not every "rolling"; use every "month", "quarter" or "year", or'
    assert refused(lambda nodes: nodes.update(period={"every": "rolling", "days": "30"})) == [
        f"credit: {instead} leave out credit, and credits and relief of the objectives"
    ]

    def without_charge(nodes: dict[str, Any]) -> None:
        nodes.update(period={"every": "rolling", "days": "30"})
        nodes.pop("credit")

    assert refused(without_charge) == [
        f"objectives[{index}].{what}: {instead} promise without a credit"
        for index, what in ((0, "credits"), (1, "relief"), (2, "relief"), (3, "relief"), (7, "relief"))
    ]
