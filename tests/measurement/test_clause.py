"""Clauses: places are told as in a terms document, and one left as it was leaves all others."""

from __future__ import annotations

import json

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from upheld.agreements.v1 import terms_pb2

from services.agreements.document import parse_document
from services.agreements.terms import difference
from services.agreements.wire import terms_message, terms_of
from services.measurement.clause import Plain, clauses, left_out

HEAD = """
upheld: terms/v1
title: Desk
zone: UTC
effective_on: 2026-01-01
parties:
  - {role: provider, organisation: alpine, name: Alpine, responsibilities: [Runs],
      contacts: [{name: A, email: a@alpine.example, role: manager}]}
  - {role: customer, organisation: lake, name: Lake, responsibilities: [Reports],
      contacts: [{name: B, email: b@lake.example, role: manager}]}
services: [{id: desk, name: Desk, components: [{id: web, name: Web}, {id: api, name: API}]}]
"""
BEFORE = (
    HEAD
    + """
exclusion_classes: [{id: planned, notice: 48h}]
objectives:
  - {id: uptime, name: Uptime, service: desk, indicator: {kind: availability, components: [web]}, target: "99.9",
      credits: [{below: "99.9", percent: "10"}]}
  - {id: slices, name: Slices, service: desk, target: "99",
      indicator: {kind: time-slices, every: 5m, error_above: "5", minimum_events: 10}}
  - {id: answers, name: Answers, service: desk, indicator: {kind: response-time, threshold_ms: "300"}, target: "95"}
credit: {currency: EUR, monthly_charge: "1000.00"}
"""
)
AFTER = (
    HEAD
    + """
exclusion_classes: [{id: planned, notice: 24h30m}]
disputes: customer
objectives:
  - {id: answers, name: Answers, service: desk, indicator: {kind: request-ratio}, target: "95"}
  - {id: uptime, name: Uptime, service: desk, target: "99.95",
      indicator: {kind: availability, components: [web, api], minimum_coverage: "50"}, relief: {kind: hourly, more_than: 90s}}
  - {id: slices, name: Slices, service: desk, target: "99",
      indicator: {kind: time-slices, every: 1m, error_above: "5", minimum_events: 20}}
  - {id: more, name: More, service: desk, indicator: {kind: request-ratio}, target: "90"}
credit: {currency: EUR, monthly_charge: "1000.00", pro_rata: false, claim: {days: 30}}
"""
)


def message(text: str) -> terms_pb2.Terms:
    return terms_message(parse_document(text, form="yaml"))


def plain(text: str) -> Plain:
    return MessageToDict(message(text), preserving_proto_field_name=True)


def test_every_place_that_differs_is_told_as_the_document_has_it() -> None:
    found = {each.place: (each.before_json, each.after_json) for each in clauses(plain(BEFORE), plain(AFTER))}
    more = json.loads(found.pop("objectives[more]")[1])
    assert (more["id"], more["target"], more["indicator"]) == ("more", "90", {"kind": "request-ratio", "components": ["web", "api"]})
    whole = {place: tuple(json.loads(each) for each in found.pop(place)) for place in ("objectives[answers].indicator",)}
    assert [each["kind"] for each in whole["objectives[answers].indicator"]] == ["response-time", "request-ratio"]
    assert found == {
        "exclusion_classes[planned].notice": ('"48h"', '"24h30m"'),
        "disputes": ('"provider"', '"customer"'),
        "objectives[uptime].indicator.components": ('["web"]', '["web","api"]'),
        "objectives[uptime].indicator.minimum_coverage": ("", '"50"'),
        "objectives[uptime].target": ('"99.9"', '"99.95"'),
        "objectives[uptime].credits": ('[{"below":"99.9","percent":"10"}]', ""),
        "objectives[uptime].relief": ("", '{"kind":"hourly","more_than":"1m30s"}'),
        "objectives[slices].indicator.every": ('"5m"', '"1m"'),
        "objectives[slices].indicator.minimum_events": ("10", "20"),
        "credit.pro_rata": ("", "false"),
        "credit.claim": ("", '{"counted_from":"period-end","days":30}'),
    }


def test_places_are_those_of_a_difference_between_two_documents() -> None:
    """But for an indicator of another kind, which is one clause and not a handful."""
    theirs = {each.place for each in difference(parse_document(BEFORE, form="yaml"), parse_document(AFTER, form="yaml"))}
    ours = {each.place for each in clauses(plain(BEFORE), plain(AFTER))}
    of_the_indicator = {place for place in theirs if place.startswith("objectives[answers].indicator.")}
    assert of_the_indicator
    assert ours == theirs - of_the_indicator | {"objectives[answers].indicator"}


@pytest.mark.parametrize(("before", "after"), [(BEFORE, AFTER), (AFTER, BEFORE)], ids=["there", "and back"])
def test_one_clause_left_out_is_one_difference_less_and_all_left_out_are_the_terms_of_before(before: str, after: str) -> None:
    old, rest = plain(before), dict(plain(after))
    places = [each.place for each in clauses(old, rest)]
    for clause in clauses(old, rest):
        others = clauses(old, left_out(clause, before=old, after=rest))
        assert [each.place for each in others] == [place for place in places if place != clause.place]
    for clause in clauses(old, plain(after)):
        rest = left_out(clause, before=old, after=rest)
    back = ParseDict(rest, terms_pb2.Terms())
    assert clauses(old, rest) == ()
    assert difference(terms_of(back), parse_document(before, form="yaml")) == ()


def test_another_order_is_no_difference() -> None:
    turned = plain(BEFORE)
    objectives = turned["objectives"]
    assert isinstance(objectives, list)
    assert clauses(plain(BEFORE), {**turned, "objectives": objectives[::-1]}) == ()


def test_an_objective_may_be_called_like_a_field() -> None:
    named = BEFORE.replace("id: uptime", "id: indicator")
    (clause,) = clauses(plain(named), plain(named.replace('target: "99.9"', 'target: "99.95"')))
    assert clause.place == "objectives[indicator].target"
