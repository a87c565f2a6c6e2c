"""What changed between two versions of the terms, a sentence a change. Pure; words come from the place and the grammar; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from services.agreements.terms import fields, grammar
from services.agreements.terms.difference import Change
from services.agreements.terms.fields import DURATION, Duration, Entry, Flag, Node, Text, Whole
from services.agreements.terms.grammar import Table

_ENTRIES = {
    "contacts": "contact",
    "services": "service",
    "components": "component",
    "objectives": "objective",
    "maintenance": "maintenance",
    "recurring_maintenance": "recurring maintenance",
    "exclusion_classes": "exclusion class",
    "calendars": "calendar",
    "holidays": "holiday",
    "also_closed": "closed day",
    "third_parties": "third party",
    "responsibilities": "activity",
    "weights": "part",
}
_NOUNS: Mapping[str, str] = {
    "upheld": "the grammar",
    "zone": "the time zone",
    "effective_on": "the first day",
    "ends_on": "the last day",
    "period": "what is judged as one",
    "period.every": "what is judged as one",
    "period.from_day": "the day on which each month begins",
    "period.days": "the days of a rolling period",
    "close_after_days": "the days until a period is closed",
    "hard_close_after_days": "the days until late observations change a period no more",
    "disputes": "whose reading counts where the two sides' differ",
    "warn_at_percent": "the share of an error budget that raises a warning",
    "renewal.months": "the months that the term goes on",
    "renewal.notice_days": "the days of notice before its end",
    "review_every": "how often the service is reviewed",
    "underpinning": "what the objectives rest on",
    "underpinning.objective": "the objective that rests on it",
    "underpinning.agreement": "the agreement below",
    "underpinning.supporting_objective": "the objective below",
    "underpinning.kind": "the kind",
    "third_parties": "the third parties",
    "responsibilities": "who does what",
    "responsibilities.activity": "the activity",
    "responsibilities.responsible": "those who do it",
    "responsibilities.accountable": "who answers for it",
    "responsibilities.consulted": "those who are asked before",
    "responsibilities.informed": "those who are told",
    "parties.responsibilities": "the duties",
    "parties.contacts.email": "the e-mail address",
    "services.components.in_service_from": "the beginning of its life",
    "services.components.in_service_until": "the end of its life",
    "calendars.hours": "the opening hours",
    "calendars.hours.from": "the opening time",
    "calendars.hours.to": "the closing time",
    "calendars.also_closed": "the further closed days",
    "exclusion_classes.approval": "who has to approve",
    "exclusion_classes.monthly_cap": "the most of a month",
    "maintenance": "the agreed maintenance",
    "maintenance.start": "the beginning",
    "maintenance.class": "the exclusion class",
    "maintenance.announced_at": "the announcement",
    "recurring_maintenance": "the recurring maintenance",
    "recurring_maintenance.days": "the weekdays",
    "recurring_maintenance.weeks": "the weeks of the month",
    "recurring_maintenance.from": "the time it begins",
    "recurring_maintenance.lasts": "the length",
    "recurring_maintenance.class": "the exclusion class",
    "objectives.indicator": "how it is measured",
    "objectives.indicator.kind": "the kind of indicator",
    "objectives.indicator.combine": "how its components are combined",
    "objectives.indicator.no_data": "what unknown time counts as",
    "objectives.indicator.weights": "the weights",
    "objectives.indicator.minimum_coverage": "the share of time that has to be known",
    "objectives.indicator.maintenance": "what maintenance counts as",
    "objectives.indicator.minimum_outage": "the shortest outage",
    "objectives.indicator.minimum_outage.at_least": "the shortest outage that counts",
    "objectives.indicator.minimum_outage.whole_minutes": "whether only whole minutes are down",
    "objectives.indicator.minimum_outage.before_exclusions": "whether an outage's length is that before exclusions",
    "objectives.indicator.hours": "the calendar of its hours",
    "objectives.indicator.every": "the length of an interval",
    "objectives.indicator.empty": "what an interval without a request counts as",
    "objectives.indicator.error_above": "the error rate above which a slice is bad",
    "objectives.indicator.latency_above_ms": "the milliseconds above which a slice is bad",
    "objectives.indicator.minimum_events": "the fewest requests of a slice that can be bad",
    "objectives.indicator.minimum_consecutive": "the shortest run of bad slices that counts",
    "objectives.indicator.threshold_ms": "the milliseconds within which an answer is good",
    "objectives.indicator.expected_every": "the longest silence that is no gap",
    "objectives.indicator.within": "the time a ticket has",
    "objectives.indicator.reopened": "what becomes of the clock of a reopened ticket",
    "objectives.indicator.stop": "what stops the clock",
    "objectives.indicator.pauses": "the states in which the clock stands still",
    "objectives.indicator.priority_rule": "which priority counts",
    "objectives.indicator.priority_order": "the order of the priorities",
    "objectives.indicator.of": "the objectives it is of",
    "objectives.decimals": "the decimals shown",
    "objectives.credits": "the credit tiers",
    "objectives.credits.below": "the attainment below which a tier applies",
    "objectives.credits.percent": "the credit of a tier",
    "objectives.relief": "the formula of its credit",
    "objectives.relief.kind": "the kind of formula",
    "objectives.relief.more_than": "the down time that makes an hour free",
    "objectives.relief.times": "how many times the bad share is credited",
    "objectives.relief.step": "the percentage points of a step",
    "objectives.relief.percent": "the credit for each step",
    "credit": "what a breach costs",
    "credit.cap_percent": "the most a period can cost",
    "credit.rounding": "how the amount is rounded",
    "credit.combine": "how several breaches are combined",
    "credit.minimum": "the amount up to which nothing is paid",
    "credit.yearly_cap_percent": "the most a contract year can cost",
    "credit.pro_rata": "whether a part of a period owes a part",
    "credit.claim": "how long a credit can be claimed",
    "credit.claim.days": "the days to claim a credit",
    "credit.claim.months": "the months to claim a credit",
    "credit.claim.cycles": "the periods to claim a credit",
    "credit.claim.business_days": "the open days to claim a credit",
    "credit.claim.calendar": "the calendar of the open days",
    "credit.claim.counted_from": "what the time to claim is counted from",
}
_PLURAL = frozenset(
    {
        "the calendars",
        "the components",
        "the contacts",
        "the credit tiers",
        "the days of a rolling period",
        "the days of notice before its end",
        "the days to claim a credit",
        "the days until a period is closed",
        "the days until late observations change a period no more",
        "the decimals shown",
        "the exclusion classes",
        "the further closed days",
        "the holidays",
        "the milliseconds above which a slice is bad",
        "the milliseconds within which an answer is good",
        "the months that the term goes on",
        "the months to claim a credit",
        "the open days to claim a credit",
        "the opening hours",
        "the percentage points of a step",
        "the periods to claim a credit",
        "the services",
        "the third parties",
        "the weights",
    }
)
_STEP = re.compile(r"([a-z_]+)(?:\[(.*?)\](?=\.|$))?(?:\.|$)", re.DOTALL)
_AMOUNTS: frozenset[object] = frozenset({fields.money, fields.milliseconds, fields.multiple})
_PERCENTS: frozenset[object] = frozenset({fields.percent, fields.percent_above_zero, fields.percent_below_hundred})
_MOMENTS: frozenset[object] = frozenset({fields.day, fields.instant})
_OF_LEAVING_OUT = "left out: "


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The named things that it lies in, outermost first; the keys that lead there, without names; and what may stand there."""

    holders: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    entry: Entry
    is_holder: bool

    @property
    def noun(self) -> str:
        return _NOUNS.get(".".join(self.keys), f"the {self.keys[-1].replace('_', ' ')}")

    @property
    def subject(self) -> str:
        told = [_holder(key, name) for key, name in reversed(self.holders)] or ["the agreement"]
        return _capital(" of ".join(told))


def in_words(change: Change) -> str:
    """One sentence. A place that the grammar does not know is told plainly: the place, what stood there, and what stands there now."""
    place = _place(change.place)
    if place is None:
        return f"{change.place}: {_plain(change.before)} becomes {_plain(change.after)}."
    if place.is_holder:
        return f"{place.subject} {_comes_or_goes(change)}."
    return f"{place.subject}: {_what_happens(place, change)}."


def _place(text: str) -> _Place | None:
    holders: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    table, at = grammar.TERMS, 0
    while step := _STEP.match(text, at):
        entry = table.get(step[1])
        if entry is None:
            return None
        keys, at, name = (*keys, step[1]), step.end(), step[2]
        if name is not None:
            holders = (*holders, (step[1], name))
        elif entry.named_by and at < len(text):
            return _Place(holders=(*holders, ("weights", text[at:])), keys=(*keys, "weight"), entry=entry, is_holder=False)
        if at == len(text):
            return _Place(holders=holders, keys=keys, entry=entry, is_holder=name is not None)
        table = entry.of
    return None


def _holder(key: str, name: str) -> str:
    if key == "parties":
        return f"the {name}"
    if key == "underpinning":
        objective, agreement, below = name.split("/", 2)
        return f"the support of objective {objective} by objective {below} of agreement {agreement}"
    return f"{_ENTRIES.get(key, key.removesuffix('s'))} {name}"


def _comes_or_goes(change: Change) -> str:
    """Of a named thing as a whole, with what people call it where that is another word than its name."""
    node = change.after if change.before is None else change.before
    called = node.get("name") if isinstance(node, dict) else None
    told = f" ({called})" if isinstance(called, str) else ""
    return f"{'is new' if change.before is None else 'is left out'}{told}"


def _what_happens(place: _Place, change: Change) -> str:
    before, after = change.before, change.after
    if _is_list(before, after) and not _has_mappings(before, after):
        return _members(place, _texts(before), _texts(after))
    if after is None:
        return f"{place.noun} {_is_or_are(place.noun)} left out, {_told(place, before)} up to now{_what_absence_means(place.entry)}"
    if before is None:
        return f"{place.noun} {_is_or_are(place.noun)} now {_told(place, after)}"
    verb = _moves(place.entry, before, after) + ("" if place.noun in _PLURAL else "s")
    return f"{place.noun} {verb} from {_told(place, before)} to {_told(place, after)}"


def _members(place: _Place, before: Sequence[str], after: Sequence[str]) -> str:
    """Of a list of plain values."""
    come, go = [each for each in after if each not in before], [each for each in before if each not in after]
    told = [f"{_and(come)} {'joins' if len(come) == 1 else 'join'} {place.noun}"] if come else []
    if go:
        told.append(f"{_and(go)} {'leaves' if len(go) == 1 else 'leave'} {'them' if come else place.noun}")
    return " and ".join(told) or f"the order of {place.noun.removeprefix('the order of ')} is now {', '.join(after)}"


def _moves(entry: Entry, before: Node, after: Node) -> str:
    one, other = _amount(entry, before), _amount(entry, after)
    if one is None or other is None:
        return "move" if entry.read in _MOMENTS else "change"
    return "rise" if one < other else "fall"


def _amount(entry: Entry, node: Node) -> Fraction | None:
    """What a value can be compared by; None of what is no number."""
    if isinstance(node, list | dict):
        return None
    if isinstance(entry.read, Duration):
        match = DURATION.fullmatch(str(node))
        hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
        return Fraction(hours * 3600 + minutes * 60 + seconds) if match else None
    if isinstance(entry.read, Whole) or entry.read in _PERCENTS or entry.read in _AMOUNTS:
        return Fraction(str(node))
    return None


def _told(place: _Place, node: Node) -> str:
    return _value(place.entry, node)


def _value(entry: Entry, node: Node) -> str:
    if isinstance(node, dict):
        return ", ".join(_member(entry.of, key, each) for key, each in node.items()) if entry.of else _plain(node)
    if isinstance(node, list):
        return "; ".join(_value(replace(entry, many=None), each) for each in node)
    if entry.read in _PERCENTS:
        return f"{node} %"
    if isinstance(entry.read, Duration):
        return _length(str(node))
    if isinstance(entry.read, Flag):
        return "yes" if node in (True, "true") else "no"
    return f'"{node}"' if isinstance(entry.read, Text) else str(node)


def _member(table: Table, key: str, node: Node) -> str:
    entry = table.get(key)
    return f"{key.replace('_', ' ')} {_value(entry, node) if entry else _plain(node)}"


def _what_absence_means(entry: Entry) -> str:
    """As the grammar tells it."""
    _, found, meaning = entry.meaning.partition(_OF_LEAVING_OUT)
    return f"; that is: {meaning}" if found else ""


def _length(text: str) -> str:
    match = DURATION.fullmatch(text)
    parts = zip(match.groups(), ("h", "min", "s"), strict=True) if match else ()
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or text


def _plain(node: Node) -> str:
    if isinstance(node, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_plain(each)}" for key, each in node.items())
    if isinstance(node, list):
        return "; ".join(map(_plain, node)) or "nothing"
    return "nothing" if node is None else str(node)


def _is_list(*nodes: Node) -> bool:
    return any(isinstance(node, list) for node in nodes)


def _has_mappings(*nodes: Node) -> bool:
    return any(isinstance(each, dict) for node in nodes if isinstance(node, list) for each in node)


def _texts(node: Node) -> list[str]:
    return [str(each) for each in node] if isinstance(node, list) else []


def _is_or_are(noun: str) -> str:
    return "are" if noun in _PLURAL else "is"


def _and(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
