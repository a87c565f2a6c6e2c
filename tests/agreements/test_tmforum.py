"""An agreement in the style of TMF623 and TMF657: what stands where, and what has no place."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from hypothesis import given, settings

from services.agreements.document import parse_document
from services.agreements.exchange import exported
from services.agreements.terms import Terms, digest, to_document
from services.agreements.tmforum import Agreed, to_tmf623, to_tmf657
from tests.agreements.support import AUDITOR, FULL_DOCUMENT, TERMS
from tests.agreements.valid_terms import valid_terms

AGREEMENT = "6f1f7b0e-8a64-4cc8-9a53-0d1d4d1f6a11"


def agreed(terms: Terms = TERMS, *, last_day: date | None = date(2026, 12, 31)) -> Agreed:
    return Agreed(agreement_id=AGREEMENT, number=2, digest=digest(terms), terms=terms, last_day=last_day)


def sla(terms: Terms = TERMS, *, last_day: date | None = date(2026, 12, 31)) -> dict[str, Any]:
    document = to_tmf623(agreed(terms, last_day=last_day)).document
    assert isinstance(document, dict)
    return document


def quality(terms: Terms = TERMS) -> dict[str, Any]:
    document = to_tmf657(agreed(terms)).document
    assert isinstance(document, dict)
    return document


def test_an_sla_says_which_terms_it_is_of() -> None:
    found = sla()
    assert (found["id"], found["href"], found["version"], found["name"]) == (
        AGREEMENT,
        f"/v1/agreements/{AGREEMENT}",
        "2",
        "Online banking platform",
    )
    assert found["template"]["href"] == f"/v1/agreements/{AGREEMENT}/versions/2"
    assert digest(TERMS) in found["template"]["description"]


def test_it_is_valid_from_the_first_midnight_to_the_one_after_the_last_day() -> None:
    assert sla()["validFor"] == {"startDateTime": "2025-12-31T23:00:00Z", "endDateTime": "2026-12-31T23:00:00Z"}
    assert sla(last_day=None)["validFor"] == {"startDateTime": "2025-12-31T23:00:00Z"}


def test_the_parties_have_the_roles_of_the_specification() -> None:
    assert [(each["id"], each["role"]) for each in sla()["relatedParty"]] == [
        ("nordwind-hosting", "SLAProvider"),
        ("bank-am-markt", "SLAConsumer"),
        (AUDITOR, "SLAAuditor"),
    ]


def test_a_rule_has_metric_target_unit_and_how_it_is_compared() -> None:
    rules = {each["id"]: each for each in sla()["rule"]}
    assert rules["availability"] == {
        "id": "availability",
        "metric": "availability",
        "unit": "percent",
        "referenceValue": "99.9",
        "operator": ".ge",
        "tolerance": "0",
        "consequence": "A breach costs, of the monthly charge: 10 % below 99.9 %, 25 % below 99 %; "
        "the lowest that the attainment is below counts.",
    }
    above = parse_document(FULL_DOCUMENT.replace('target: "99.95"', 'target: "99.95"\n    comparison: ">"'))
    assert {each["operator"] for each in sla(above)["rule"] if each["id"] == "errors"} == {".gt"}


def test_what_an_sla_has_no_place_for_is_told() -> None:
    lost = {each.place for each in to_tmf623(agreed()).remarks}
    assert {"period", "zone", "maintenance", "credit", "close_after_days", "warn_at_percent", "parties[provider].contacts"} <= lost
    assert {"services[online-banking].components", "objectives[availability].indicator", "objectives[availability].decimals"} <= lost


def test_a_specification_names_its_objectives() -> None:
    found = quality()
    names = [(each["id"], each["name"]) for each in found["serviceLevelObjective"]]
    assert names[0] == (f"{AGREEMENT}:availability", "Availability of online banking")
    related = found["serviceLevelSpecification"]["relatedServiceLevelObjective"]
    assert [(each["id"], each["name"]) for each in related] == names


def test_an_objective_warns_where_its_share_of_the_budget_is_spent() -> None:
    """99.9 % has a budget of 0.1 %; three quarters of it leave 99.925 %."""
    first = quality()["serviceLevelObjective"][0]
    assert (first["conformanceTarget"], first["conformanceComparator"], first["thresholdTarget"]) == ("99.9", "below", "99.925")


def test_an_objective_says_in_words_how_it_is_measured_and_what_a_breach_costs() -> None:
    first = quality()["serviceLevelObjective"][0]
    parameter = first["serviceLevelObjectiveParameter"]
    assert parameter["name"] == "availability"
    assert "It is down while any of them is down." in parameter["transformationAlgorithmOfKQI"]
    assert parameter["relatedEntity"] == [
        {"id": "online-banking", "name": "Online banking", "role": "measured", "@referredType": "Service"}
    ]
    assert first["serviceLevelObjectiveConsequence"][0]["prescribedAction"].startswith("A breach costs, of the monthly charge: 10 %")


def test_a_promise_about_other_promises_has_no_budget_to_warn_by_and_no_service() -> None:
    found = {each["id"].partition(":")[2]: each for each in quality(parse_document(FULL_DOCUMENT))["serviceLevelObjective"]}
    assert "thresholdTarget" not in found["everything"]
    assert found["everything"]["serviceLevelObjectiveParameter"]["relatedEntity"] == []


@given(terms=valid_terms())
@settings(max_examples=60, deadline=None)
def test_every_part_of_the_terms_is_either_there_or_told(terms: Terms) -> None:
    for form, placed in (
        ("tmf623", {"upheld", "title", "effective_on", "ends_on", "parties", "auditors", "objectives"}),
        ("tmf657", {"upheld", "title", "effective_on", "ends_on", "objectives", "warn_at_percent"}),
    ):
        file = exported(agreed(terms, last_day=terms.ends_on), "tmf623" if form == "tmf623" else "tmf657")
        json.loads(file.text)
        told = {each.place.partition("[")[0].partition(".")[0] for each in file.remarks}
        parts = {key for key, node in to_document(terms).items() if node != []}
        assert parts <= told | placed
