"""The terms document: what it means, and what is said of each fault."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings

from services.agreements.document import parse_document
from services.agreements.terms import (
    Availability,
    RequestRatio,
    ResolutionTime,
    ResponseTime,
    Terms,
    canonical_json,
    difference,
    digest,
    parse_terms,
    stored_terms,
    to_document,
)
from services.vocabulary.errors import Invalid
from tests.agreements.support import CUSTOMER, DOCUMENT, PROVIDER, TERMS, Change, document, terms
from tests.agreements.valid_terms import valid_terms


def objective(index: int, **fields: object) -> Change:
    return lambda nodes: nodes["objectives"][index].update(fields)


def indicator(index: int, **fields: object) -> Change:
    return lambda nodes: nodes["objectives"][index]["indicator"].update(fields)


def test_the_example_says_what_it_looks_like() -> None:
    assert (TERMS.provider, TERMS.customer) == (PROVIDER, CUSTOMER)
    assert (TERMS.effective_on, TERMS.ends_on) == (date(2026, 1, 1), date(2026, 12, 31))
    availability, requests, response, resolution = (each.indicator for each in TERMS.objectives)
    assert availability == Availability(components=("web", "core-database"), combine="any", no_data="undetermined")
    assert requests == RequestRatio(components=("web",))
    assert response == ResponseTime(components=("web",), threshold_ms=Decimal(800), expected_every_s=300)
    assert resolution == ResolutionTime(within_s=324_000, priorities=("3 - Moderate",), reopened="first-resolution")
    assert TERMS.objectives[0].target == Fraction(999, 1000)
    assert TERMS.credit is not None
    assert (str(TERMS.credit.monthly_charge), TERMS.credit.cap) == ("12000.00", Fraction(1, 2))


def test_what_is_left_out_has_its_default() -> None:
    def sparse(nodes: dict[str, Any]) -> None:
        for key in ("auditors", "maintenance", "close_after_days", "warn_at_percent", "ends_on"):
            nodes.pop(key)
        nodes["objectives"] = [{"id": "a", "name": "A", "service": "online-banking", "indicator": {"kind": "availability"}, "target": "99"}]
        nodes["credit"] = {"currency": "JPY", "monthly_charge": "5000"}

    sparsely = terms(sparse)
    assert sparsely.ends_on is None
    assert (sparsely.close_after_days, sparsely.warn_at) == (3, Fraction(3, 4))
    assert sparsely.objectives[0].indicator == Availability(components=("web", "core-database"))
    assert (sparsely.objectives[0].comparison, sparsely.objectives[0].decimals) == (">=", 2)
    assert sparsely.credit is not None
    assert (str(sparsely.credit.cap), sparsely.credit.rounding, str(sparsely.credit.monthly_charge)) == ("1", "half-even", "5000")


def _without(*path: str | int) -> Change:
    def change(nodes: dict[str, Any]) -> None:
        holder: Any = nodes
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]

    return change


def _window(**fields: object) -> Change:
    return lambda nodes: nodes["maintenance"][0].update(fields)


def _tiers(*pairs: tuple[str, str]) -> Change:
    return objective(0, credits=[{"below": below, "percent": percent} for below, percent in pairs])


FAULTS: dict[str, tuple[Change, list[str]]] = {
    "a target above 100": (objective(1, target="199.9"), ["objectives[1].target: must be between 0 and 100, not 199.9"]),
    "a negative target": (
        objective(1, target="-1"),
        ["objectives[1].target: must be a decimal percentage such as \"99.9\", not '-1'"],
    ),
    "a huge target": (
        objective(1, target="9" * 40),
        [f"objectives[1].target: must be a decimal percentage such as \"99.9\", not '{'9' * 40}'"],
    ),
    "a target as long as a book": (
        objective(1, target="9" * 1001),
        ["objectives[1].target: must have at most 1000 characters, not 1001"],
    ),
    "a target of nothing": (objective(1, target="0.000"), ['objectives[1].target: must be above 0, such as "5"']),
    "a target that is a list": (objective(1, target=["99"]), ["objectives[1].target: must be a plain value, not a list"]),
    "more than everything": (
        objective(1, target="100", comparison=">"),
        ['objectives[1].target: nothing can be above 100; use comparison ">="'],
    ),
    "an unknown comparison": (objective(1, comparison="=="), ["objectives[1].comparison: must be one of >=, >, not '=='"]),
    "too many decimals": (objective(1, decimals="12"), ["objectives[1].decimals: must be a whole number from 0 to 9, not '12'"]),
    "half a decimal": (objective(1, decimals="1.5"), ["objectives[1].decimals: must be a whole number from 0 to 9, not '1.5'"]),
    "a misspelt field": (
        lambda nodes: nodes["objectives"][1].update(targett="1"),
        ['objectives[1].targett: is not a field here; did you mean "target"?'],
    ),
    "a field that is like no other": (
        lambda nodes: nodes["parties"][0]["contacts"][0].update(xyzzy="1"),
        ["parties[0].contacts[0].xyzzy: is not a field here; there are name, email, role"],
    ),
    "a key that is no word": (
        lambda nodes: nodes.update({"two\nlines": "1"}),
        [
            "'two\\nlines': is not a field here; there are upheld, title, zone, effective_on, ends_on, parties, period, auditors, "
            "services, calendars, exclusion_classes, maintenance, recurring_maintenance, objectives, credit, close_after_days, "
            "hard_close_after_days, disputes, warn_at_percent, renewal, review_every, underpinning, third_parties, responsibilities"
        ],
    ),
    "another grammar": (
        lambda nodes: nodes.update(upheld="terms/v9"),
        ["upheld: must be one of terms/v1, not 'terms/v9'; did you mean \"terms/v1\"?"],
    ),
    "no title": (_without("title"), ['title: is required: what the agreement is called, such as "Online banking platform"']),
    "an empty title": (lambda nodes: nodes.update(title="  "), ["title: must not be empty"]),
    "a title of two lines": (
        lambda nodes: nodes.update(title="a\nb"),
        ["title: must be one line of text without control characters"],
    ),
    "half a surrogate pair": (
        lambda nodes: nodes.update(title="\ud800"),
        ["title: must be one line of text without control characters"],
    ),
    "an endless title": (lambda nodes: nodes.update(title="x" * 201), ["title: must have at most 200 characters, not 201"]),
    "no zone of this world": (
        lambda nodes: nodes.update(zone="Mars/Olympus"),
        ["zone: must be an IANA time zone such as \"Europe/Berlin\", not 'Mars/Olympus'"],
    ),
    "a zone that is a path": (
        lambda nodes: nodes.update(zone="../../etc/passwd"),
        ["zone: must be an IANA time zone such as \"Europe/Berlin\", not '../../etc/passwd'"],
    ),
    "a day that is none": (
        lambda nodes: nodes.update(effective_on="2026-02-30"),
        ["effective_on: must be a date such as \"2026-03-01\", not '2026-02-30'"],
    ),
    "an absurd year": (
        lambda nodes: nodes.update(ends_on="9999-12-31"),
        ["ends_on: must be a date between 1990-01-01 and 2200-01-01, not '9999-12-31'"],
    ),
    "an end before the start": (
        lambda nodes: nodes.update(ends_on="2025-12-31", maintenance=[]),
        ["ends_on: must not be before effective_on 2026-01-01; leave it out for an open end"],
    ),
    "no parties": (_without("parties"), ["parties: is required: exactly one provider and one customer"]),
    "one party": (_without("parties", 1), ["parties: exactly one provider and one customer are needed, not provider"]),
    "two providers": (
        lambda nodes: nodes["parties"][1].update(role="provider"),
        ["parties: exactly one provider and one customer are needed, not provider and provider"],
    ),
    "a party with itself": (
        lambda nodes: nodes["parties"][1].update(organisation="nordwind-hosting"),
        ["parties[1].organisation: 'nordwind-hosting' is used already; choose another organisation"],
    ),
    "an organisation that no token could carry": (
        lambda nodes: nodes["parties"][0].update(organisation="Nordwind GmbH"),
        [
            'parties[0].organisation: must be lower-case letters, digits and hyphens, at most 63, such as "core-database", '
            "not 'Nordwind GmbH'"
        ],
    ),
    "an address that is none": (
        lambda nodes: nodes["parties"][0]["contacts"][0].update(email="ida"),
        ["parties[0].contacts[0].email: must be an e-mail address, not 'ida'"],
    ),
    "an auditor who is a party": (
        lambda nodes: nodes.update(auditors=["bank-am-markt"]),
        ["auditors[0]: bank-am-markt is a party already, and reads as one; leave it out"],
    ),
    "an auditor twice": (lambda nodes: nodes.update(auditors=["a", "a"]), ["auditors[1]: a is listed already; name each only once"]),
    "no services": (
        lambda nodes: nodes.update(services=[]),
        ["services: must have at least 1 entry, not 0: what is promised about, at least one"],
    ),
    "a service twice": (
        lambda nodes: nodes["services"].append(nodes["services"][1]),
        ["services[2].id: 'service-desk' is used already; choose another id"],
    ),
    "a component twice": (
        lambda nodes: nodes["services"][0]["components"].append({"id": "web", "name": "Web again"}),
        ["services[0].components[2].id: 'web' is used already; choose another id"],
    ),
    "no objectives": (
        lambda nodes: nodes.update(objectives=[]),
        ["objectives: must have at least 1 entry, not 0: the promises, at least one"],
    ),
    "an objective twice": (objective(1, id="availability"), ["objectives[1].id: 'availability' is used already; choose another id"]),
    "an unknown service": (
        objective(1, service="online-bnking"),
        ["objectives[1].service: there is no service 'online-bnking'; did you mean \"online-banking\"?"],
    ),
    "a service without a name": (objective(1, service=""), ["objectives[1].service: must not be empty"]),
    "an objective that is a word": (
        lambda nodes: nodes["objectives"].append("fast"),
        [
            "objectives[4]: must be a mapping with id, name, service, indicator, target, comparison, decimals, credits, relief, clause, "
            "not a plain value"
        ],
    ),
    "maintenance that is a word": (
        lambda nodes: nodes.update(maintenance=["sunday"]),
        ["maintenance[0]: must be a mapping with id, service, components, start, end, reason, class, announced_at, not a plain value"],
    ),
    "an unknown component": (
        indicator(1, components=["wbe"]),
        ["objectives[1].indicator.components[0]: service 'online-banking' has no component 'wbe'; did you mean \"web\"?"],
    ),
    "nothing to measure": (
        lambda nodes: nodes["objectives"].append(
            {"id": "b", "name": "B", "service": "service-desk", "indicator": {"kind": "availability"}, "target": "99"}
        ),
        ["objectives[4].indicator.components: service 'service-desk' has no components to measure; give it one in services"],
    ),
    "no indicator": (
        _without("objectives", 1, "indicator"),
        ["objectives[1].indicator: is required: how it is measured, such as {kind: availability}"],
    ),
    "an unknown kind": (
        indicator(1, kind="uptime"),
        [
            "objectives[1].indicator.kind: must be one of availability, request-ratio, interval-mean, time-slices, response-time, "
            "resolution-time, composite, not 'uptime'; did you mean \"availability\"?"
        ],
    ),
    "a field of another kind": (
        indicator(1, threshold_ms="5"),
        ["objectives[1].indicator.threshold_ms: is not a field here; there are kind, components"],
    ),
    "no threshold": (
        _without("objectives", 2, "indicator", "threshold_ms"),
        ['objectives[2].indicator.threshold_ms: is required: the longest time that is good, such as "800"'],
    ),
    "a threshold below zero": (
        indicator(2, threshold_ms="-5"),
        ["objectives[2].indicator.threshold_ms: must be milliseconds above 0 with at most three decimals, such as \"800\", not '-5'"],
    ),
    "a length without a unit": (
        indicator(3, within="90"),
        ['objectives[3].indicator.within: must be hours, minutes or seconds such as "90h", "5m" or "1h30m", not \'90\''],
    ),
    "a length in days": (
        indicator(3, within="4d"),
        [
            'objectives[3].indicator.within: must be hours, minutes or seconds such as "90h", "5m" or "1h30m", '
            "not '4d'; did you mean \"96h\"?"
        ],
    ),
    "a length of a thousand years": (
        indicator(3, within="999999h"),
        ["objectives[3].indicator.within: must be above 0 and at most 8784h, not 999999h"],
    ),
    "tiers that rise": (
        _tiers(("99.0", "10"), ("99.5", "25")),
        ["objectives[0].credits[1].below: must be lower than 99 of the tier before; list the highest first, each once"],
    ),
    "tiers that cost less and less": (
        _tiers(("99.9", "25"), ("99.0", "25")),
        ["objectives[0].credits[1].percent: must be higher than 25 of the tier before: who misses more pays more"],
    ),
    "a credit although the target is met": (
        _tiers(("99.95", "10")),
        ["objectives[0].credits[0].below: must not be above the target 99.9"],
    ),
    "credits of nothing": (
        _without("credit"),
        [
            "objectives[0].credits: need the section credit, which says what the percentages are of",
            "objectives[2].credits: need the section credit, which says what the percentages are of",
        ],
    ),
    "a negative charge": (
        lambda nodes: nodes["credit"].update(monthly_charge="-1"),
        ["credit.monthly_charge: must be a decimal amount such as \"1000.00\", not '-1'"],
    ),
    "a charge in tenths of a cent": (
        lambda nodes: nodes["credit"].update(monthly_charge="1.001"),
        ["credit.monthly_charge: EUR amounts have at most 2 decimals, not 1.001"],
    ),
    "a currency that is none": (
        lambda nodes: nodes["credit"].update(currency="euro"),
        ["credit.currency: currency must be an ISO 4217 code such as \"EUR\", not 'euro'"],
    ),
    "maintenance that ends before it starts": (
        _window(end="2026-03-14T22:00:00Z"),
        ["maintenance[0].end: must be after start 2026-03-14T22:00:00Z"],
    ),
    "maintenance outside the term": (
        _window(start="2025-01-01T00:00:00Z", end="2025-01-02T00:00:00Z"),
        ["maintenance[0]: lies outside the term of the agreement, from 2026-01-01 to 2026-12-31; give a day of it"],
    ),
    "maintenance at no offset": (
        _window(start="2026-03-14T22:00:00"),
        ["maintenance[0].start: must carry an offset such as Z or +01:00, '2026-03-14T22:00:00' has none"],
    ),
    "maintenance of an unknown component": (
        _window(components=["mainframe"]),
        ["maintenance[0].components[0]: service 'online-banking' has no component 'mainframe'; there are web, core-database"],
    ),
    "a month that is never closed": (
        lambda nodes: nodes.update(close_after_days="365"),
        ["close_after_days: must be a whole number from 0 to 90, not '365'"],
    ),
    "a warning from the start": (lambda nodes: nodes.update(warn_at_percent="0"), ['warn_at_percent: must be above 0, such as "5"']),
    "a list where a mapping belongs": (
        lambda nodes: nodes.update(credit=["EUR"]),
        [
            "credit: must be a mapping with currency, monthly_charge, cap_percent, rounding, combine, minimum, "
            "yearly_cap_percent, pro_rata, claim, not a list"
        ],
    ),
    "a mapping where a list belongs": (
        lambda nodes: nodes.update(maintenance={"id": "x"}),
        ["maintenance: must be a list, not a mapping"],
    ),
    "too many of a thing": (
        lambda nodes: nodes.update(auditors=[f"auditor-{n}" for n in range(21)]),
        ["auditors: must have at most 20 entries, not 21"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_with_its_place_and_nothing_else_is(name: str) -> None:
    change, expected = FAULTS[name]
    with pytest.raises(Invalid) as refused:
        parse_terms(document(change))
    assert [str(violation) for violation in refused.value.violations] == expected


def test_all_faults_are_told_at_once_and_none_of_them_twice() -> None:
    def change(nodes: dict[str, Any]) -> None:
        nodes.update(zone="Nowhere", titel=nodes.pop("title"))
        nodes["services"][0]["components"][0]["id"] = "WEB"
        nodes["objectives"][1].update(target="many", service="unknown")

    with pytest.raises(Invalid) as refused:
        parse_terms(document(change))
    assert [violation.place for violation in refused.value.violations] == [
        "titel",
        "services[0].components[0].id",
        "title",
        "zone",
        "objectives[1].target",
    ]


def test_what_is_no_mapping_at_all_is_one_fault() -> None:
    for nothing in (None, "words", ["a"]):
        with pytest.raises(Invalid) as refused:
            parse_terms(nothing)  # type: ignore[arg-type]
        assert len(refused.value.violations) == 1


@given(agreed=valid_terms())
@settings(max_examples=60, deadline=None)
def test_terms_survive_their_document_their_canonical_form_and_yaml(agreed: Terms) -> None:
    assert parse_terms(to_document(agreed)) == agreed
    assert stored_terms(canonical_json(agreed)) == agreed
    assert parse_document(canonical_json(agreed), form="json") == agreed


@pytest.mark.parametrize(
    "change",
    [
        objective(0, target="99.900"),
        _window(start="2026-03-14T23:00:00+01:00"),
        lambda nodes: nodes["credit"].update(monthly_charge="12000"),
        indicator(2, threshold_ms="800.0", expected_every="300s"),
        lambda nodes: nodes.update(title=" Online banking platform "),
        _without("close_after_days"),
    ],
)
def test_another_way_to_write_the_same_has_the_same_digest(change: Callable[[dict[str, Any]], object]) -> None:
    assert digest(terms(change)) == digest(TERMS)


def test_other_terms_have_another_digest() -> None:
    assert digest(terms(objective(0, decimals="4"))) != digest(TERMS)


def test_the_digest_of_the_example_never_changes() -> None:
    assert digest(parse_document(DOCUMENT)) == "ca003135ba82432d0d4b1e95edafec981b9daec00548ec560bd1a923a74765d2"


def test_a_difference_names_places_by_id_with_before_and_after() -> None:
    def change(nodes: dict[str, Any]) -> None:
        nodes["objectives"][0]["target"] = "99.95"
        nodes["objectives"][2]["indicator"]["components"] = ["core-database"]
        nodes["parties"][0]["contacts"][0]["name"] = "Ida Brandt-Koch"
        nodes["services"][0]["components"].append({"id": "mobile", "name": "Mobile app"})
        nodes["maintenance"] = []
        nodes.pop("ends_on")

    found = {(each.place, str(each.before), str(each.after)) for each in difference(TERMS, terms(change))}
    window = to_document(TERMS)["maintenance"]
    assert isinstance(window, list)
    assert found == {
        ("objectives[availability].target", "99.9", "99.95"),
        ("objectives[response-time].indicator.components", "['web']", "['core-database']"),
        ("parties[provider].contacts[ida@nordwind.example].name", "Ida Brandt", "Ida Brandt-Koch"),
        ("services[online-banking].components[mobile]", "None", "{'id': 'mobile', 'name': 'Mobile app'}"),
        ("maintenance[march-upgrade]", str(window[0]), "None"),
        ("ends_on", "2026-12-31", "None"),
    }


def test_another_order_is_no_difference() -> None:
    turned = terms(lambda nodes: (nodes["objectives"].reverse(), nodes["parties"].reverse()))
    assert difference(TERMS, turned) == ()


@given(before=valid_terms(), after=valid_terms())
@settings(max_examples=40, deadline=None)
def test_terms_differ_from_others_exactly_where_their_documents_do(before: Terms, after: Terms) -> None:
    assert difference(before, before) == ()
    assert bool(difference(before, after)) == (to_document(before) != to_document(after))
