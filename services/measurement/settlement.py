"""Two readings of the same time, the provider's and the customer's: where they disagree, and which one counts. Pure.

A side says of a component that it was down, or up, or nothing at all. Where the customer says nothing, it has no reading of its own and
takes the provider's; where the provider says nothing, the customer's "down" is a dispute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from itertools import zip_longest
from typing import Literal, assert_never

from services.measurement.interval import ALL_TIME, NEVER, Spans, clip, complement, difference, intersection, length, union
from services.measurement.objective import Availability, Disputes, Objective, TermsInForce
from services.measurement.observation import NOTHING_KNOWN, Evidence, Outage, State, StatusChange
from services.vocabulary.period import Instant, Interval, Microseconds, start_of_day

Side = Literal["provider", "customer"]

_BEGINNING = Instant(0)
_WORST_LAST = (State.UP, State.UNKNOWN, State.DOWN)


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """Unbroken time in which this side alone says that the objective was down."""

    interval: Interval
    said_down_by: Side


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """The objective was down, or up, throughout. Of two about the same time the one settled later counts."""

    interval: Interval
    down: bool
    cause: str = ""
    settled_at: Instant = _BEGINNING


@dataclass(frozen=True, kw_only=True)
class Readings:
    """When the objective was down, as each side says. The customer's is None where it reported none of the components."""

    provider: Spans
    customer: Spans | None


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What an auditor decided of an objective."""

    objective_id: str
    ruling: Ruling
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class JudgedDispute:
    """A dispute, or the part of one about which the same was decided. `settled` is None where a rule counts, or nobody settled yet."""

    interval: Interval
    said_down_by: Side
    status: Literal["open", "settled", "by-rule"]
    down: bool
    settled: Settled | None = None


@dataclass(frozen=True, kw_only=True)
class ObjectiveDisputes:
    """Both readings of an objective over one segment, and what is in dispute in it."""

    objective: Objective
    terms_version: int
    interval: Interval
    rule: Disputes
    readings: Readings
    disputes: tuple[JudgedDispute, ...]

    def length_of(self, status: Literal["open", "settled", "by-rule"]) -> Microseconds:
        return length(union(dispute.interval for dispute in self.disputes if dispute.status == status))


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What one side says of a component within the time that was measured: the rest is up."""

    down: Spans
    unknown: Spans


def readings(indicator: Availability, provider: Evidence, customer: Evidence, *, span: Interval, measured_until: Instant) -> Readings:
    """Of the span up to the measurement; service hours, exclusions and a minimum outage are no part of a reading."""
    seen = Interval(span.start, max(span.start, min(span.end, measured_until)))
    ours = _said(indicator, provider, seen, measured_until)
    theirs = _said(indicator, customer, seen, measured_until)
    has_reported = any(_speaks_of(component, customer, measured_until) for component in indicator.components)
    own = {component: union((*said.down, *intersection(ours[component].down, said.unknown))) for component, said in theirs.items()}
    return Readings(
        provider=_together(indicator, {component: said.down for component, said in ours.items()}),
        customer=_together(indicator, own) if has_reported else None,
    )


def disputes(provider: Spans, customer: Spans) -> tuple[Dispute, ...]:
    """The longest intervals in which exactly one side says down, in the order of time."""
    alone: tuple[tuple[Side, Spans], ...] = (("provider", difference(provider, customer)), ("customer", difference(customer, provider)))
    found = [Dispute(interval=interval, said_down_by=side) for side, spans in alone for interval in spans]
    return tuple(sorted(found, key=lambda dispute: dispute.interval))


def by_rule(provider: Spans, customer: Spans, rule: Disputes) -> Spans:
    """When the objective counts as down by the rule of the terms, before any auditor settles."""
    match rule:
        case "provider" | "auditor":
            return provider
        case "customer":
            return customer
        case "either-down":
            return union((*provider, *customer))
        case "both-down":
            return intersection(provider, customer)
        case _:
            assert_never(rule)


def rulings_by_rule(found: Readings, rule: Disputes) -> tuple[Ruling, ...]:
    """What the rule changes of the provider's reading."""
    if found.customer is None:
        return ()
    counted = by_rule(found.provider, found.customer, rule)
    cause = f"by the rule {rule}"
    lost = [Ruling(interval=interval, down=False, cause=cause) for interval in difference(found.provider, counted)]
    won = [Ruling(interval=interval, down=True, cause=cause) for interval in difference(counted, found.provider)]
    return (*lost, *won)


def apply_settlements(
    evidence: Evidence, rulings: Sequence[Ruling], *, indicator: Availability, customer: Evidence = NOTHING_KNOWN, measured_until: Instant
) -> Evidence:
    """The provider's evidence with the ruled time down or up, whatever was reported, and everything else as it was.

    Ruled up: every component of the indicator is up. Ruled down: those components are down that either side reported down; where that
    does not bring the objective down, all of them.
    """
    if not rulings:
        return evidence
    down, up = _ruled(rulings)
    reach = Interval(_BEGINNING, measured_until)
    ours, theirs = (_said(indicator, said, reach, measured_until) for said in (evidence, customer))
    either = {component: union((*ours[component].down, *theirs[component].down)) for component in indicator.components}
    unexplained = difference(down, _together(indicator, either))
    statuses = [change for change in evidence.statuses if change.component not in either]
    outages = [outage for outage in evidence.outages if outage.component not in either]
    for component, said_down in either.items():
        own = _heard(component, evidence, measured_until)
        statuses += _with_up(component, own, up)
        outages += [replace(outage, interval=rest) for outage in own.outages for rest in difference(union([outage.interval]), up)]
        missing = difference(union((*intersection(said_down, down), *unexplained)), difference(ours[component].down, up))
        outages += _ruled_outages(component, missing, rulings)
    return replace(evidence, statuses=statuses, outages=outages)


def evidence_that_counts(
    provider: Mapping[str, Evidence],
    customer: Mapping[str, Evidence],
    terms: Sequence[TermsInForce],
    settled: Sequence[Settled],
    *,
    reach: Interval,
    measured_until: Instant,
) -> Mapping[str, Evidence]:
    """The provider's evidence by service, as rule and auditor have it on the days of each version of the terms.

    What is settled of an objective is settled of its components: other objectives on them see the same.
    """
    found = dict(provider)
    for version, segment in _segments(terms, reach):
        if version.terms.disputes == "provider":
            continue
        for objective, indicator in _measured(version.terms.objectives):
            service = objective.service
            theirs = customer.get(service, NOTHING_KNOWN)
            if version.terms.disputes == "auditor":
                rulings = _rulings(settled, objective, segment)
            else:
                said = readings(indicator, provider.get(service, NOTHING_KNOWN), theirs, span=segment, measured_until=measured_until)
                rulings = rulings_by_rule(said, version.terms.disputes)
            if rulings:
                found[service] = apply_settlements(
                    found.get(service, NOTHING_KNOWN), rulings, indicator=indicator, customer=theirs, measured_until=measured_until
                )
    return found


def disputes_in(
    provider: Mapping[str, Evidence],
    customer: Mapping[str, Evidence],
    terms: Sequence[TermsInForce],
    settled: Sequence[Settled],
    *,
    span: Interval,
    measured_until: Instant,
) -> tuple[ObjectiveDisputes, ...]:
    """Of every objective about time availability, by segment, in the order of time."""
    found: list[ObjectiveDisputes] = []
    for version, segment in _segments(terms, span):
        for objective, indicator in _measured(version.terms.objectives):
            ours, theirs = (evidence.get(objective.service, NOTHING_KNOWN) for evidence in (provider, customer))
            said = readings(indicator, ours, theirs, span=segment, measured_until=measured_until)
            own = [each for each in settled if each.objective_id == objective.id]
            found.append(
                ObjectiveDisputes(
                    objective=objective,
                    terms_version=version.terms.version,
                    interval=segment,
                    rule=version.terms.disputes,
                    readings=said,
                    disputes=_judged(said, version.terms.disputes, own),
                )
            )
    return tuple(found)


def _ruled(rulings: Sequence[Ruling]) -> tuple[Spans, Spans]:
    """When down, when up; never both."""
    down: Spans = NEVER
    up: Spans = NEVER
    for ruling in _in_order(rulings):
        ruled = union([ruling.interval])
        if ruling.down:
            down, up = union((*down, *ruled)), difference(up, ruled)
        else:
            down, up = difference(down, ruled), union((*up, *ruled))
    return down, up


def _in_order(rulings: Iterable[Ruling]) -> list[Ruling]:
    return sorted(rulings, key=_place)


def _place(ruling: Ruling) -> tuple[Instant, Interval, bool, str]:
    return ruling.settled_at, ruling.interval, ruling.down, ruling.cause


def _ruled_outages(component: str, missing: Spans, rulings: Sequence[Ruling]) -> list[Outage]:
    """Each piece once, with the cause of the last ruling that says it."""
    found: list[Outage] = []
    for ruling in reversed(_in_order(each for each in rulings if each.down)):
        for piece in clip(missing, ruling.interval):
            found.append(Outage(component=component, interval=piece, cause=ruling.cause))
        missing = difference(missing, union([ruling.interval]))
    return found


def _with_up(component: str, heard: Evidence, up: Spans) -> list[StatusChange]:
    """The component's statuses with the ruled time up, after which the state holds that would have held."""
    changes = list(heard.statuses)
    if not changes:
        state = State.UP if heard.outages else State.UNKNOWN
        changes = [StatusChange(component=component, at=_BEGINNING, state=state)]
    kept = [change for change in changes if not any(span.start <= change.at < span.end for span in up)]
    for span in up:
        kept.append(StatusChange(component=component, at=span.start, state=State.UP))
        if not any(change.at == span.end for change in changes):
            kept.append(StatusChange(component=component, at=span.end, state=_holding(changes, span.end)))
    return kept


def _holding(changes: Iterable[StatusChange], at: Instant) -> State:
    """Before the first nobody says anything; of two at one instant the worse counts."""
    before = [change for change in changes if change.at <= at]
    return max(before, key=lambda change: (change.at, _WORST_LAST.index(change.state))).state if before else State.UNKNOWN


def _said(indicator: Availability, evidence: Evidence, seen: Interval, measured_until: Instant) -> dict[str, _Said]:
    return {
        component: _within(_said_of(_heard(component, evidence, measured_until), seen), indicator.life_of([component]))
        for component in indicator.components
    }


def _within(said: _Said, life: Spans) -> _Said:
    return _Said(down=intersection(said.down, life), unknown=intersection(said.unknown, life))


def _said_of(heard: Evidence, seen: Interval) -> _Said:
    """As an availability reads it: an outage outweighs a status, and who reports by outages alone is up outside them."""
    if not heard.statuses and not heard.outages:
        return _Said(down=NEVER, unknown=union([seen]))
    outages = union(outage.interval for outage in heard.outages)
    spans: dict[State, list[Interval]] = {state: [] for state in State}
    ordered = sorted(heard.statuses, key=lambda change: (change.at, _WORST_LAST.index(change.state)))
    if ordered:
        spans[State.UNKNOWN].append(Interval(min(seen.start, ordered[0].at), ordered[0].at))
        ends = [*(change.at for change in ordered[1:]), max(seen.end, ordered[-1].at)]
        for change, end in zip(ordered, ends, strict=True):
            spans[change.state].append(Interval(change.at, end))
    down = clip(union((*spans[State.DOWN], *outages)), seen)
    return _Said(down=down, unknown=difference(clip(union(spans[State.UNKNOWN]), seen), down))


def _heard(component: str, evidence: Evidence, measured_until: Instant) -> Evidence:
    """What speaks of the component before the measurement."""
    return Evidence(
        statuses=[change for change in evidence.statuses if change.component == component and change.at < measured_until],
        outages=[outage for outage in evidence.outages if outage.component == component and outage.interval.start < measured_until],
    )


def _speaks_of(component: str, evidence: Evidence, measured_until: Instant) -> bool:
    heard = _heard(component, evidence, measured_until)
    return bool(heard.statuses or heard.outages)


def _together(indicator: Availability, down: Mapping[str, Spans]) -> Spans:
    """When the objective is down: with `all` while every component in service is, else while any is."""
    if indicator.combine == "all":
        gone = {component: complement(indicator.life_of([component]), ALL_TIME) for component in indicator.components}
        none_up = reduce(intersection, (union((*down[component], *gone[component])) for component in indicator.components))
        return difference(none_up, reduce(intersection, gone.values()))
    return union(span for spans in down.values() for span in spans)


def _judged(said: Readings, rule: Disputes, settled: Sequence[Settled]) -> tuple[JudgedDispute, ...]:
    if said.customer is None:
        return ()
    counted = by_rule(said.provider, said.customer, rule)
    found: list[JudgedDispute] = []
    for dispute in disputes(said.provider, said.customer):
        is_down = bool(intersection(counted, (dispute.interval,)))
        rest: Spans = (dispute.interval,)
        if rule == "auditor":
            for each in sorted(settled, key=lambda each: _place(each.ruling), reverse=True):
                ruled = union([each.ruling.interval])
                found += [
                    JudgedDispute(interval=part, said_down_by=dispute.said_down_by, status="settled", down=each.ruling.down, settled=each)
                    for part in intersection(rest, ruled)
                ]
                rest = difference(rest, ruled)
        status: Literal["open", "by-rule"] = "open" if rule == "auditor" else "by-rule"
        found += [JudgedDispute(interval=part, said_down_by=dispute.said_down_by, status=status, down=is_down) for part in rest]
    return tuple(sorted(found, key=lambda judged: judged.interval))


def _rulings(settled: Iterable[Settled], objective: Objective, segment: Interval) -> tuple[Ruling, ...]:
    return tuple(
        replace(each.ruling, interval=part)
        for each in settled
        if each.objective_id == objective.id
        for part in clip(union([each.ruling.interval]), segment)
    )


def _segments(terms: Sequence[TermsInForce], span: Interval) -> Iterator[tuple[TermsInForce, Interval]]:
    """The part of the span in which each version is in force; a later version ends an earlier one."""
    for version, later in zip_longest(terms, terms[1:]):
        zone = version.terms.zone
        last_days = [day for day in (version.last_day, version.terms.ends) if day is not None]
        ends = [start_of_day(day + timedelta(days=1), zone) for day in last_days]
        if later is not None:
            ends.append(start_of_day(later.first_day, later.terms.zone))
        for part in clip(union([Interval(start_of_day(version.first_day, zone), min([span.end, *ends]))]), span):
            yield version, part


def _measured(objectives: Iterable[Objective]) -> Iterator[tuple[Objective, Availability]]:
    for objective in objectives:
        if isinstance(objective.indicator, Availability):
            yield objective, objective.indicator
