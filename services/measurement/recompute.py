"""The figures of a bundle computed once more, by the calculator of the live path, from the observations that stand in it. Opens no store.

Needs the calculator's own libraries; who has them not checks everything else without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.measurement import party_facts
from services.measurement.application import READING, judged, reach_of
from services.measurement.assessment import CALCULATORS
from services.measurement.audit import SERVICE, Statement, statements_of
from services.measurement.batch import NOTHING_OBSERVED, Observations, evidence_of
from services.measurement.both_sides import BothSides, settled_of, with_exclusions
from services.measurement.credit import BookedCredit
from services.measurement.evidence import read_observations
from services.measurement.party_facts import NOTHING_ADDED, PartyFacts, Told
from services.measurement.party_facts_store import read_fact
from services.measurement.settlement import Side
from services.measurement.terms_copy import Agreement
from services.measurement.views import booked_credit
from services.measurement.wire import Renewal, SignedTerms, Suspension, document_of
from services.transparency.bundle import BadBundle, Bundle, Log, Node
from services.transparency.person import Names
from services.transparency.verify import Check, failed, notice, ok
from services.vocabulary.errors import Refusal
from services.vocabulary.period import TZ_DATABASE, Instant, Period, parse_instant, parse_period

STATED_WITH = frozenset({"closed", "revision", "recorded_at", "restatement_cause", "credit_difference", "changes"})
"""What a statement adds to an assessment: no figure, and checked by what it is stated after."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What both parties signed, the last day that somebody set before the term's own, and what was suspended and renewed."""

    versions: tuple[SignedTerms, ...]
    last_day: date | None = None
    ended_at: Instant | None = None
    suspensions: tuple[Suspension, ...] = ()
    renewals: tuple[Renewal, ...] = ()


def check_figures(bundle: Bundle, signed: Signed) -> list[Check]:
    """Of a bundle whose logs and history hold: the newest statement of every closed period."""
    log = bundle.log(SERVICE)
    if log is None or not signed.versions:
        return []
    agreement = Agreement(
        id=bundle.agreement_id,
        versions=signed.versions,
        last_day=signed.last_day,
        ended_at=signed.ended_at,
        suspensions=signed.suspensions,
        renewals=signed.renewals,
    )
    stated = statements_of(log, bundle.agreement_id)
    named = [_period_of(each) for each in bundle.evidence]
    strange = [failed("figures", period, "no such period was closed") for period in named if period not in stated]
    return [*strange, *(_check(bundle, log, agreement, period, stated) for period in stated)]


def _check(bundle: Bundle, log: Log, agreement: Agreement, period: str, stated: Mapping[str, Sequence[Statement]]) -> Check:
    document = stated[period][-1].document
    evidence = [each for each in bundle.evidence if _period_of(each) == period]
    if not evidence:
        return notice("figures", period, "not recomputed: its observations are not in the bundle")
    if len(evidence) > 1:
        return failed("figures", period, "its observations are in the bundle twice")
    then = document.get("tz_database", "")
    if then not in ("", TZ_DATABASE):
        return notice("figures", period, f"not recomputed: closed by the time zones {then}, here are {TZ_DATABASE}")
    try:
        found = _recomputed(log, agreement, parse_period(period, place="period"), evidence[0], stated)
    except (Refusal, AssertionError, ArithmeticError, LookupError, TypeError, ValueError) as fault:
        return failed("figures", period, f"cannot be recomputed: {fault}")
    different = sorted(name for name in set(document) - STATED_WITH if _differ(found.get(name), document[name]))
    if different:
        return failed("figures", period, f"the observations lead to something else than was stated: {', '.join(different)}")
    return ok("figures", period, f"recomputed by calculator {document['calculator_version']}: the same to the byte")


def _recomputed(
    log: Log, newest: Agreement, month: Period, evidence: Mapping[str, Node], stated: Mapping[str, Sequence[Statement]]
) -> Mapping[str, object]:
    document = stated[str(month)][-1].document
    until = _instant(document, "recorded_at")
    known_at = _instant(evidence, "known_at")
    agreement = newest.known_at(known_at)
    if agreement is None or not 0 <= known_at - until <= READING:
        raise BadBundle("known_at", "must be when the period was stated")
    added = _added(log, agreement.id, known_at)
    reported = _reported(evidence)
    sides = BothSides(
        terms=with_exclusions(agreement, added),
        provider=evidence_of(reported.get("provider", NOTHING_OBSERVED)),
        customer=evidence_of(reported.get("customer", NOTHING_OBSERVED)),
        settled=tuple(settled_of(each) for each in added.settlements),
        reach=reach_of(agreement, month),
        reported=reported,
    )
    calculator = str(document["calculator_version"])
    booked = list(_booked(stated, known_at))
    case = judged(agreement, month, sides, until=until, booked=booked, calculator=calculator, calculators=CALCULATORS)
    return document_of(case.assessment)


def _reported(evidence: Mapping[str, Node]) -> dict[Side, Observations]:
    sides: tuple[Side, ...] = ("provider", "customer")
    return {side: read_observations(evidence[side], side) for side in sides if evidence.get(side) is not None}


def _added(log: Log, agreement_id: str, known_at: Instant) -> PartyFacts:
    """What the parties had added until then."""
    stream = log.stream(party_facts.stream_of(agreement_id))
    state = NOTHING_ADDED
    names = stream.names() if stream else Names()
    for event in stream.events if stream else ():
        told = json.loads(event.content)
        recorded_at = _instant(told["metadata"], "recorded_at")
        if recorded_at > known_at:
            break
        fact = read_fact(event.name, json.dumps(told["event"]).encode())
        state = party_facts.evolve(state, Told(fact=fact, by=names.read(told["metadata"]["actor"]), recorded_at=recorded_at))
    return state


def _booked(stated: Mapping[str, Sequence[Statement]], known_at: Instant) -> Iterator[BookedCredit]:
    for period, statements in stated.items():
        known = [each.document for each in statements if _instant(each.document, "recorded_at") <= known_at]
        credit = known[-1]["credit"] if known else None
        if isinstance(credit, dict):
            amount, charge, currency = (str(credit[name]) for name in ("amount", "monthly_charge", "currency"))
            yield booked_credit(period, amount=amount, charge=charge, currency=currency)


def _differ(found: object, stated: Node) -> bool:
    return _text(_as_told(found, stated)) != _text(stated)


def _as_told(found: object, stated: Node) -> object:
    """What was found, as far as a statement of its time could say it: fields that came later are left out."""
    if isinstance(found, dict) and isinstance(stated, dict):
        return {name: _as_told(found[name], value) for name, value in stated.items() if name in found}
    if isinstance(found, list) and isinstance(stated, list) and len(found) == len(stated):
        return [_as_told(each, told) for each, told in zip(found, stated, strict=True)]
    return found


def _text(node: object) -> str:
    return json.dumps(node, sort_keys=True)


def _period_of(evidence: Mapping[str, Node]) -> str:
    return str(evidence.get("period"))


def _instant(document: Mapping[str, Node], name: str) -> Instant:
    return parse_instant(str(document.get(name)), place=name)
