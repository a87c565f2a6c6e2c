"""OpenSLO v1 in and out: what maps to what, and that nothing is lost or assumed without being told."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings

from services.agreements.document import read_documents
from services.agreements.exchange import yaml_text
from services.agreements.openslo import Given, Imported, from_openslo
from services.agreements.openslo_export import to_openslo
from services.agreements.remark import Remark
from services.agreements.terms import Terms, difference, parse_terms, to_document
from services.vocabulary.errors import Invalid
from tests.agreements.support import FULL_DOCUMENT, TERMS, document
from tests.agreements.valid_terms import valid_terms

TODAY = date(2026, 3, 9)
NOTHING = Given(today=TODAY)
ALL = Given(
    today=TODAY,
    title="Web shop",
    provider="nordwind-hosting",
    customer="bank-am-markt",
    zone="Europe/Berlin",
    effective_on=date(2026, 1, 1),
)
SHOP = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: shop, displayName: The shop}
spec: {description: Sells things}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: answered}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: Prometheus, metricSourceRef: prom, spec: {query: good}}}
    total: {metricSource: {type: Prometheus, metricSourceRef: prom, spec: {query: total}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: main-page, displayName: The main page answers, labels: {team: web}}
spec:
  description: Always
  service: shop
  indicatorRef: answered
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: Good, target: 0.995}]
  alertPolicies: [{alertPolicyRef: page}]
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prom}
spec: {type: Prometheus, connectionDetails: {url: "http://prom"}}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec: {alertWhenBreaching: true, conditions: [], notificationTargets: []}
"""
RATIO = "ratioMetric: {good: {metricSource: {type: Any}}, total: {metricSource: {type: Any}}}"
TIME = "thresholdMetric: {metricSource: {type: Any}}"
ROLLING = "[{duration: 28d, isRolling: true}]"


def slo(metric: str = RATIO, *, method: str = "Occurrences", objectives: str = "[{target: 0.99}]", window: str = ROLLING) -> str:
    return f"""\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: main-page}}
spec:
  service: shop
  indicator: {{metadata: {{name: own}}, spec: {{{metric}}}}}
  timeWindow: {window}
  budgetingMethod: {method}
  objectives: {objectives}
"""


def calendar(duration: str, starts: str, zone: str = "Europe/Berlin") -> str:
    return f"[{{duration: {duration}, calendar: {{startTime: {starts} 00:00:00, timeZone: {zone}}}, isRolling: false}}]"


def imported(text: str, known: Given = ALL) -> Imported:
    return from_openslo(read_documents(text), known)


def back(terms: Terms, known: Given = NOTHING) -> Imported:
    return imported(yaml_text(to_openslo(terms).documents), known)


def told(found: Imported, kind: str) -> set[str]:
    return {each.place for each in found.remarks if each.kind == kind}


def indicator(found: Imported) -> dict[str, Any]:
    """Of the only objective, as it is written in terms."""
    document: dict[str, Any] = dict(to_document(found.terms))
    (objective,) = document["objectives"]
    told: dict[str, Any] = objective["indicator"]
    return told


def full_terms() -> Terms:
    return parse_terms(read_documents(FULL_DOCUMENT)[0])


# ------------------------------------------------------------------------------------------------------------------------- in


def test_an_slo_with_all_that_it_refers_to_becomes_terms_and_everything_else_is_told() -> None:
    found = imported(SHOP)
    assert found.terms == parse_terms(
        {
            "upheld": "terms/v1",
            "title": "Web shop",
            "zone": "Europe/Berlin",
            "effective_on": "2026-01-01",
            "period": {"every": "rolling", "days": "28"},
            "parties": [
                {"role": "provider", "organisation": "nordwind-hosting", "name": "nordwind-hosting"},
                {"role": "customer", "organisation": "bank-am-markt", "name": "bank-am-markt"},
            ],
            "services": [{"id": "shop", "name": "The shop", "components": [{"id": "shop", "name": "shop"}]}],
            "objectives": [
                {
                    "id": "main-page",
                    "name": "The main page answers",
                    "service": "shop",
                    "indicator": {"kind": "request-ratio"},
                    "target": "99.5",
                }
            ],
        }
    )
    assert told(found, "lost") == {
        "Service[shop].spec.description",
        "SLI[answered].spec.ratioMetric.counter",
        "SLI[answered].spec.ratioMetric.good.metricSource.metricSourceRef",
        "SLI[answered].spec.ratioMetric.good.metricSource.spec",
        "SLI[answered].spec.ratioMetric.total.metricSource.metricSourceRef",
        "SLI[answered].spec.ratioMetric.total.metricSource.spec",
        "SLO[main-page].metadata.labels",
        "SLO[main-page].spec.description",
        "SLO[main-page].spec.objectives[0].displayName",
        "SLO[main-page].spec.alertPolicies",
        "DataSource[prom]",
        "AlertPolicy[page]",
    }
    assert told(found, "assumed") == {"services[shop].components"}


def test_what_openslo_does_not_say_and_nobody_gave_is_assumed_and_told() -> None:
    found = imported(slo(window="[]"), NOTHING)
    terms = found.terms
    assert (terms.zone, terms.effective_on, terms.period.every, terms.provider) == ("UTC", TODAY, "month", "provider")
    assert told(found, "assumed") == {
        "title",
        "zone",
        "effective_on",
        "period",
        "parties[provider]",
        "parties[customer]",
        "services[shop].name",
        "services[shop].components",
    }


@pytest.mark.parametrize(
    ("metric", "method", "objective", "expected"),
    [
        (RATIO, "Timeslices", "timeSliceTarget: 0.98, timeSliceWindow: 5m", {"every": "5m", "error_above": "2"}),
        (RATIO, "Timeslices", "timeSliceTarget: 1.0, timeSliceWindow: 10", {"every": "10m", "error_above": "0"}),
        (RATIO, "RatioTimeslices", "timeSliceWindow: 1h", {"kind": "interval-mean", "every": "1h"}),
        (TIME, "Occurrences", "op: lte, value: 800.5", {"kind": "response-time", "threshold_ms": "800.5"}),
        (
            TIME,
            "Timeslices",
            "op: lte, value: 300, timeSliceTarget: 0.95, timeSliceWindow: 0.5",
            {"every": "30s", "percentile": "95", "latency_above_ms": "300"},
        ),
    ],
)
def test_each_budgeting_method_has_the_indicator_that_counts_the_same(
    metric: str, method: str, objective: str, expected: dict[str, str]
) -> None:
    found = indicator(imported(slo(metric, method=method, objectives=f"[{{{objective}, targetPercent: 99}}]")))
    assert found | expected == found


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (calendar("1M", "2026-01-01"), ("month", 1, 0)),
        (calendar("1M", "2026-01-15"), ("month", 15, 0)),
        (calendar("1Q", "2026-04-01"), ("quarter", 1, 0)),
        (calendar("3M", "2026-04-01"), ("quarter", 1, 0)),
        (calendar("1Y", "2026-01-01"), ("year", 1, 0)),
        (calendar("12M", "2026-01-01"), ("year", 1, 0)),
        (calendar("1w", "2026-01-05"), ("week", 1, 0)),
        (calendar("7d", "2026-01-05"), ("week", 1, 0)),
        ("[{duration: 4w, isRolling: true}]", ("rolling", 1, 28)),
        ("[{duration: 30d}]", ("rolling", 1, 30)),
    ],
)
def test_a_time_window_is_the_period_without_anything_assumed(window: str, expected: tuple[str, int, int]) -> None:
    found = imported(slo(window=window))
    assert found.terms.period == expected
    assert not {place for place in told(found, "assumed") if place.startswith("period")}


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("[{duration: 1M, isRolling: true}]", ("rolling", 1, 30)),
        ("[{duration: 6h, isRolling: true}]", ("rolling", 1, 1)),
        ("[{duration: 2Y, isRolling: true}]", ("rolling", 1, 366)),
        (calendar("2M", "2026-01-01"), ("month", 1, 0)),
        (calendar("1M", "2026-01-31"), ("month", 1, 0)),
        (calendar("1w", "2026-01-01"), ("week", 1, 0)),
        (calendar("1d", "2026-01-01"), ("rolling", 1, 1)),
        (calendar("1Y", "2026-07-01"), ("contract-year", 1, 0)),
    ],
)
def test_a_time_window_that_is_no_period_is_told_with_what_was_taken_instead(window: str, expected: tuple[str, int, int]) -> None:
    found = imported(slo(window=window))
    assert found.terms.period == expected
    assert {place for place in told(found, "assumed") if place.startswith("period")}


def test_an_agreement_has_one_period_and_the_others_are_told() -> None:
    found = imported(slo() + "---\n" + slo(window=calendar("1M", "2026-01-01")).replace("main-page", "other"))
    assert found.terms.period == ("rolling", 1, 28)
    assert "SLO[other].spec.timeWindow" in told(found, "lost")


def test_a_calendar_window_tells_zone_and_first_day_where_the_caller_does_not() -> None:
    found = imported(slo(window=calendar("1Y", "2026-07-01", "America/New_York")), NOTHING)
    assert (found.terms.zone, found.terms.effective_on, found.terms.period.every) == ("America/New_York", date(2026, 7, 1), "contract-year")
    assert "effective_on" in told(found, "assumed")
    assert not told(found, "assumed") & {"zone", "period"}


def test_each_threshold_of_an_slo_is_an_objective_of_its_own() -> None:
    found = imported(slo(objectives="[{displayName: Good, target: 0.99}, {displayName: Best, target: 0.999}]"))
    assert [(each.id, each.name) for each in found.terms.objectives] == [
        ("main-page-1", "main-page: Good"),
        ("main-page-2", "main-page: Best"),
    ]


def test_a_slice_that_does_not_divide_the_day_is_shortened_and_told() -> None:
    found = imported(slo(method="RatioTimeslices", objectives="[{target: 0.99, timeSliceWindow: 7m}]"))
    assert indicator(found)["every"] == "6m40s"
    assert "objectives[main-page].indicator.every" in told(found, "assumed")


def test_a_threshold_that_must_be_exceeded_is_lost_and_the_rest_is_taken() -> None:
    throughput = slo(TIME, objectives="[{op: gte, value: 10, target: 0.9}]").replace("main-page", "throughput")
    found = imported(slo() + "---\n" + throughput)
    assert [each.id for each in found.terms.objectives] == ["main-page"]
    assert "SLO[throughput].spec.objectives[0]" in told(found, "lost")


def test_a_field_that_nobody_knows_is_told() -> None:
    found = imported(slo(objectives="[{target: 0.99, compositeWeight: 2}]"))
    assert "SLO[main-page].spec.objectives[0].compositeWeight" in told(found, "lost")


def test_a_name_becomes_an_id_and_that_is_told() -> None:
    found = imported(slo().replace("main-page", "Main.Page"))
    assert found.terms.objectives[0].id == "main-page"
    assert "SLO[Main.Page].metadata.name" in told(found, "lost")


@pytest.mark.parametrize(
    ("text", "place", "rule"),
    [
        (slo().replace("openslo/v1", "openslo/v2alpha"), "documents[0].apiVersion", "must be openslo/v1, not 'openslo/v2alpha'"),
        (slo().replace("kind: SLO", "kind: SLA"), "documents[0].kind", "must be one of Service, SLO, SLI"),
        (slo(objectives="[{target: 1.0}]"), "SLO[main-page].spec.objectives[0].target", "must be a number from 0 to below 1"),
        (slo(objectives="[{targetPercent: 100}]"), "SLO[main-page].spec.objectives[0].targetPercent", "0 to below 100"),
        (slo(objectives="[{target: 0.9, targetPercent: 90}]"), "SLO[main-page].spec.objectives[0].target", "give one of"),
        (slo(objectives="[{target: 0.123456789012}]"), "SLO[main-page].spec.objectives[0].target", "at most nine decimals"),
        (slo(objectives="[]"), "SLO[main-page].spec.objectives", "at least one entry"),
        (slo(method="Sometimes"), "SLO[main-page].spec.budgetingMethod", "must be one of Occurrences"),
        (slo(method="Timeslices"), "SLO[main-page].spec.objectives[0].timeSliceWindow", "is required"),
        (slo("x: {}"), "SLO[main-page].spec.indicator.spec", "give one of thresholdMetric and ratioMetric"),
        (slo("ratioMetric: {good: {}}"), "SLO[main-page].spec.indicator.spec.ratioMetric", "give good and total"),
        (slo(TIME, objectives="[{op: near, value: 1, target: 0.9}]"), "SLO[main-page].spec.objectives[0].op", "must be one of lte"),
        (slo(TIME, objectives="[{op: lte, target: 0.9}]"), "SLO[main-page].spec.objectives[0].value", "is required"),
        (slo(window="[{duration: 1x, isRolling: true}]"), "SLO[main-page].spec.timeWindow[0].duration", "must be a length"),
        (slo(window="[{duration: 1M, isRolling: false}]"), "SLO[main-page].spec.timeWindow[0]", "either rolling, or has a calendar"),
        (slo(window=calendar("1M", "2026-02-30")), "SLO[main-page].spec.timeWindow[0].calendar.startTime", "must be a date with a time"),
        (slo().replace("  indicator:", "  indicatorRef: other\n  indicator:"), "SLO[main-page].spec.indicator", "give one of"),
        (SHOP.replace("indicatorRef: answered", "indicatorRef: other"), "SLO[main-page].spec.indicatorRef", "there is no SLI 'other'"),
        (slo() + "---\n" + slo(), "documents[1].metadata.name", "there is another SLO 'main-page'"),
        ("[a, b]", "documents[0]", "must be a mapping"),
        (SHOP.partition("---")[0], "documents", "must hold at least one SLO"),
    ],
)
def test_what_breaks_the_specification_is_refused_with_its_place(text: str, place: str, rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        imported(text)
    assert any(each.place == place and rule in each.rule for each in refused.value.violations), refused.value.violations


def test_what_terms_do_not_allow_is_refused_as_terms_are() -> None:
    with pytest.raises(Invalid, match=r"parties\[1\]\.organisation: must be lower-case"):
        imported(SHOP, Given(today=TODAY, customer="Bank am Markt"))


def test_an_slo_that_terms_cannot_say_at_all_is_refused_with_the_reason() -> None:
    with pytest.raises(Invalid, match="response times only"):
        imported(slo(TIME, objectives="[{op: gt, value: 10, target: 0.9}]"))


# ------------------------------------------------------------------------------------------------------------------------ out


def by_kind(documents: object, kind: str) -> dict[str, Any]:
    assert isinstance(documents, tuple)
    return {each["metadata"]["name"]: each["spec"] for each in documents if each["kind"] == kind}


def test_each_indicator_has_its_budgeting_method_and_numbers_stay_exact() -> None:
    slos = by_kind(to_openslo(full_terms()).documents, "SLO")
    told_as = {name: (spec["budgetingMethod"], spec["objectives"][0]) for name, spec in slos.items()}
    assert {name: method for name, (method, _) in told_as.items()} == {
        "availability": "Occurrences",
        "databases": "Occurrences",
        "errors": "RatioTimeslices",
        "quick-minutes": "Timeslices",
        "p99": "Occurrences",
        "response": "Occurrences",
        "front": "Occurrences",
    }
    assert told_as["errors"][1]["timeSliceWindow"] == "5m"
    quick = told_as["quick-minutes"][1]
    assert (quick["op"], quick["value"], quick["timeSliceTarget"]) == ("lte", Decimal(800), Decimal("0.95"))
    assert told_as["availability"][1]["target"] == Decimal("0.999")


def test_the_text_holds_plain_numbers_and_no_alias() -> None:
    text = yaml_text(to_openslo(full_terms()).documents)
    assert "target: 0.9995\n" in text
    assert "&id" not in text


def test_what_has_no_place_in_openslo_is_told_by_its_place_in_the_terms() -> None:
    places = {each.place for each in to_openslo(full_terms()).remarks if each.kind == "lost"}
    assert {"parties", "credit", "calendars", "disputes", "close_after_days", "warn_at_percent", "objectives[journey]"} <= places
    assert {"objectives[availability].credits", "objectives[availability].clause", "services[payments].components"} <= places


def test_a_target_of_100_percent_and_a_slice_of_a_second_have_no_slo() -> None:
    def change(nodes: dict[str, Any]) -> None:
        nodes["objectives"][1] |= {"target": "100"}
        nodes["objectives"][2] |= {"indicator": {"kind": "interval-mean", "components": ["web"], "every": "1s"}, "credits": []}

    exported = to_openslo(parse_terms(document(change)))
    assert set(by_kind(exported.documents, "SLO")) == {"availability", "resolution"}
    assert {"objectives[requests]", "objectives[response-time]"} <= {each.place for each in exported.remarks if each.kind == "lost"}


# ----------------------------------------------------------------------------------------------------------------- there and back


def test_terms_come_back_with_every_indicator_word_by_word() -> None:
    found = back(TERMS).terms
    assert [(each.id, each.name, each.service, each.target) for each in found.objectives] == [
        (each.id, each.name, each.service, each.target) for each in TERMS.objectives
    ]
    assert [each.indicator for each in found.objectives] == [each.indicator for each in TERMS.objectives]
    assert (found.zone, found.period) == (TERMS.zone, TERMS.period)


def test_openslo_comes_back_as_the_same_slos() -> None:
    once = to_openslo(imported(SHOP).terms)
    again = to_openslo(imported(yaml_text(once.documents)).terms)
    assert again.documents == once.documents


def covers(remark: Remark, place: str) -> bool:
    return place == remark.place or place.startswith((f"{remark.place}.", f"{remark.place}["))


@given(terms=valid_terms())
@settings(max_examples=60, deadline=None)
def test_whatever_differs_after_the_way_there_and_back_was_told(terms: Terms) -> None:
    exported = to_openslo(terms)
    assume(by_kind(exported.documents, "SLO"))
    found = back(terms)
    lost = [each for each in exported.remarks if each.kind == "lost" and each.what != "measured by time"]
    remarks = [*lost, *(each for each in found.remarks if each.kind == "assumed")]
    untold = [change for change in difference(terms, found.terms) if not any(covers(each, change.place) for each in remarks)]
    assert not untold


def test_several_documents_are_read_and_empty_ones_left_out() -> None:
    assert read_documents("a: 1\n---\n---\nb: 2\n") == [{"a": "1"}, {"b": "2"}]
    assert read_documents('[{"a": 1}]', form="json") == [{"a": "1"}]
