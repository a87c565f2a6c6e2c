"""The grammar of a terms document as JSON Schema 2020-12, for editors: from the tables that the reader uses. Pure.

A schema says what may stand where. What contradicts itself only the reader tells: `upheld terms check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from services.agreements.terms import fields, grammar
from services.agreements.terms.fields import Choice, ClockTime, Duration, Entry, Flag, Text, Whole
from services.agreements.terms.grammar import GRAMMAR, Table

Schema: TypeAlias = "dict[str, object]"

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PERCENT = r"^(100(\.0{1,9})?|\d{1,2}(\.\d{1,9})?)$"
_ABOVE_ZERO = r"^(?!0+(\.0+)?$)(100(\.0{1,9})?|\d{1,2}(\.\d{1,9})?)$"
_BELOW_HUNDRED = r"^\d{1,2}(\.\d{1,9})?$"
_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_AMOUNT = r"^\d{1,15}(\.\d{1,4})?$"
_PLAIN: Mapping[object, Schema] = {
    fields.slug: {"type": "string", "pattern": rf"^{fields.SLUG.pattern}$"},
    fields.organisation: {"type": "string", "pattern": rf"^{fields.SLUG.pattern}$"},
    fields.agreement_id: {"type": "string", "pattern": rf"^{fields.AGREEMENT_ID.pattern}$"},
    fields.email: {"type": "string", "pattern": rf"^{fields.EMAIL.pattern}$"},
    fields.zone: {"type": "string", "minLength": 1},
    fields.day: {"type": "string", "pattern": f"^{_DAY}$"},
    fields.instant: {"type": "string", "pattern": rf"^{_DAY}[T ].*(Z|[+-]\d{{2}}:?\d{{2}})$"},
    fields.currency: {"type": "string", "pattern": "^[A-Z]{3}$"},
    fields.money: {"type": ["string", "number"], "pattern": _AMOUNT, "minimum": 0},
    fields.region: {"type": "string", "pattern": rf"^{fields.REGION.pattern}$"},
    fields.milliseconds: {"type": ["string", "number"], "pattern": rf"^{fields.MILLISECONDS.pattern}$", "exclusiveMinimum": 0},
    fields.multiple: {"type": ["string", "number"], "pattern": rf"^{fields.MULTIPLE.pattern}$", "exclusiveMinimum": 0, "maximum": 100},
    fields.percent: {"type": ["string", "number"], "pattern": _PERCENT, "minimum": 0, "maximum": 100},
    fields.percent_above_zero: {"type": ["string", "number"], "pattern": _ABOVE_ZERO, "exclusiveMinimum": 0, "maximum": 100},
    fields.percent_below_hundred: {"type": ["string", "number"], "pattern": _BELOW_HUNDRED, "minimum": 0, "exclusiveMaximum": 100},
}


def schema() -> Schema:
    """A schema of its own: it refers to nothing outside."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:upheld:{GRAMMAR}",
        "title": "Terms of a service level agreement",
        **_mapping(grammar.TERMS),
        **_all(
            _one_party("provider"),
            _one_party("customer"),
            _if({"properties": {"objectives": {"contains": {"anyOf": [_HAS_CREDITS, _given("relief")]}}}}, _given("credit")),
            _if(_WITHOUT_CHARGE, _not(_given("credit"))),
            _if(_given("renewal"), _given("ends_on")),
        ),
    }


def _one_party(role: str) -> Schema:
    return {"properties": {"parties": {"contains": {"properties": {"role": {"const": role}}}, "maxContains": 1}}}


def _given(key: str, *words: str) -> Schema:
    """The key has a value, one of the words if there are any; an empty value is the same as none."""
    return {"required": [key], "properties": {key: {"enum": list(words)} if words else {"not": {"type": "null"}}}}


def _either(*choices: Schema) -> Schema:
    return {"oneOf": list(choices)}


def _if(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def _not(condition: Schema) -> Schema:
    return {"not": condition}


def _all(*conditions: Schema) -> Schema:
    return {"allOf": list(conditions)}


def _mapping(table: Table) -> Schema:
    return {
        "type": "object",
        "properties": {key: _value(key, entry) for key, entry in table.items()},
        "required": [key for key, entry in table.items() if entry.required],
        "additionalProperties": False,
    }


def _value(key: str, entry: Entry) -> Schema:
    described: Schema = {"description": entry.meaning}
    if entry.named_by:
        return described | {"type": _or_nothing("object", entry), "additionalProperties": _plain(entry)}
    each = _one(entry)
    if entry.many:
        at_least, at_most = entry.many
        several: Schema = {"type": _or_nothing("array", entry), "items": each, "minItems": at_least, "maxItems": at_most}
        return described | several | ({"uniqueItems": True} if entry.read else {})
    return described | (each if entry.required else {"anyOf": [each, {"type": "null"}]})


def _one(entry: Entry) -> Schema:
    if entry.of is grammar.OBJECTIVE:
        return _objective()
    if entry.of is grammar.ANY_INDICATOR:
        return _kinds(grammar.INDICATORS)
    if entry.of is grammar.ANY_RELIEF:
        return _kinds(grammar.RELIEFS)
    if entry.of is grammar.CLAIM:
        return _mapping(grammar.CLAIM) | _CLAIM_RULES
    if entry.of is grammar.PERIOD:
        return _mapping(grammar.PERIOD) | _PERIOD_RULES
    return _mapping(entry.of) if entry.of else _plain(entry)


def _kinds(tables: Mapping[str, Table]) -> Schema:
    """One shape a kind; the kind is told first, so that an editor asks for the right fields."""
    return {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(tables)}},
        "oneOf": [_of_kind(kind, _mapping(table)) for kind, table in tables.items()],
    }


def _of_kind(kind: str, shape: Schema) -> Schema:
    properties = shape["properties"]
    assert isinstance(properties, dict), "a mapping has properties"
    return shape | {"properties": properties | {"kind": {"const": kind}}} | _RULES.get(kind, {})


def _objective() -> Schema:
    """A composite has no service of its own, and a promised percentile is its own target."""
    is_composite = _indicator(_given("kind", "composite"))
    has_percentile = _indicator(_all(_given("kind", "response-time"), _given("percentile")))
    is_whole = _all(_given("kind", "availability"), _not(_given("combine", "pool")))
    has_down_time: Schema = {"anyOf": [_indicator(is_whole), _indicator(_given("rule", "journey"))]}
    is_hourly: Schema = {"required": ["relief"], "properties": {"relief": _all({"type": "object"}, _given("kind", "hourly"))}}
    rules = _all(
        _if(is_composite, _not(_given("service"))) | {"else": {"required": ["service"]}},
        _if(_not(has_percentile), {"required": ["target"]}),
        _if(has_percentile, _not(_given("comparison", ">"))),
        _if(_given("comparison", ">"), {"properties": {"target": _not({"enum": [100, "100"]})}}),
        _if(is_hourly, has_down_time),
        _not(_all(_HAS_CREDITS, _given("relief"))),
    )
    required = [key for key, entry in grammar.OBJECTIVE.items() if entry.required and key not in ("service", "target")]
    return _mapping(grammar.OBJECTIVE) | {"required": required} | rules


def _indicator(condition: Schema) -> Schema:
    return {"required": ["indicator"], "properties": {"indicator": _all({"type": "object"}, condition)}}


def _pauses(*states: str) -> Schema:
    return {"properties": {"pauses": {"items": {"enum": list(states)}}}}


def _plain(entry: Entry) -> Schema:
    read = entry.read
    match read:
        case Choice():
            return {"enum": list(read.words)}
        case Flag():
            return {"enum": [True, False, *Flag.words]}
        case Whole():
            return {
                "type": ["integer", "string"],
                "minimum": read.at_least,
                "maximum": read.at_most,
                "pattern": rf"^{fields.WHOLE.pattern}$",
            }
        case Text():
            return {"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": read.at_most}
        case Duration():
            return {"type": "string", "pattern": rf"^{fields.DURATION.pattern}$"}
        case ClockTime():
            return {"type": "string", "pattern": f"^({read.pattern})$"}
        case _:
            return _PLAIN[read]


def _or_nothing(kind: str, entry: Entry) -> str | list[str]:
    return kind if entry.required else [kind, "null"]


_HAS_CREDITS: Schema = {"required": ["credits"], "properties": {"credits": {"type": "array", "minItems": 1}}}
_RULES: Mapping[str, Schema] = {
    "availability": _if(_given("weights"), _given("combine", "pool")),
    "time-slices": _either(
        _all(_given("error_above"), _not(_given("percentile")), _not(_given("latency_above_ms"))),
        _all(_not(_given("error_above")), _given("percentile"), _given("latency_above_ms")),
    ),
    "resolution-time": _all(
        _if(_given("stop", "responded"), _all(_not(_given("reopened", "runs-on")), _pauses("waiting"))),
        _if(_not(_given("reopened", "runs-on")), _pauses("waiting", "responded")),
        _pauses("waiting", "responded", "resolved", "closed"),
        _if(_given("priority_rule", "highest"), _given("priority_order")),
        _if(_given("priority_order"), {"anyOf": [_given("priority_rule", "highest"), {"properties": {"priority_order": {"maxItems": 0}}}]}),
    ),
    "composite": _if(_given("weights"), _given("rule", "weighted")),
}
_WITHOUT_CHARGE: Schema = {"required": ["period"], "properties": {"period": _all({"type": "object"}, _given("every", "week", "rolling"))}}
_PERIOD_RULES = _all(
    _if(_given("from_day"), _given("every", "month")),
    _if(_given("days"), _given("every", "rolling")),
    _if(_given("every", "rolling"), _given("days")),
)
_CLAIM_RULES = _all(
    _either(*(_given(count) for count in ("days", "months", "cycles", "business_days"))),
    _if(_given("business_days"), _given("calendar")),
    _if(_given("calendar"), _given("business_days")),
)
