"""Use cases of asking on: why a figure is what it is, where a month is going, what a change would change. Writes nothing."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol
from uuid import uuid4

from sqlalchemy.engine import Connection
from upheld.agreements.v1 import terms_pb2

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.repository import Repository
from services.measurement import explanation, party_facts, party_facts_store, store
from services.measurement.application import LONGEST_SPAN, Measurement, as_stated, case_of
from services.measurement.assessment import CALCULATOR_VERSION, CALCULATORS, Calculator, NotInForce, UnknownCalculator
from services.measurement.batch import Place
from services.measurement.both_sides import agreed_at, ground_of, with_exclusions
from services.measurement.case import Case
from services.measurement.exclusion import Refused, RefusedTickets, closed_in_words, granted, windows_in
from services.measurement.explanation import explanation_document, refused_document
from services.measurement.intake import is_text
from services.measurement.judgement import Document, Judgement, rate_text, stream_of
from services.measurement.objective import ExclusionClass, Maintenance, TermsInForce, TicketExclusion
from services.measurement.observation import STILL_OPEN
from services.measurement.outlook import Outlook, outlooks
from services.measurement.party_facts import Exclusion, ExclusionApproved, Fact, PartyFacts, Told
from services.measurement.periods import begun, in_order
from services.measurement.preview import Difference, preview_document
from services.measurement.settlement import Side
from services.measurement.stored import Stored
from services.measurement.terms_copy import Agreement
from services.measurement.wire import SignedTerms, document_of, organisation_of, report_of, result_of
from services.vocabulary.errors import Conflict, NotFound, invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import (
    HOUR,
    SECOND,
    Instant,
    Interval,
    Period,
    datetime_of,
    day_of,
    instant_of,
    instant_text,
    start_of_day,
)
from services.vocabulary.ratio import exact, floored_percent

Body = dict[str, object]
"""A message of `measurement.proto` in its JSON form, snake case."""

_MARGIN = 48 * HOUR

_DECIMALS = 6


class FiguresNotReproduced(Conflict):
    """What was known at the close does not lead to the figures that were closed: a proof of them would prove nothing."""

    code = "figures-not-reproduced"


class ServiceNotFound(NotFound):
    """The agreement promises nothing of this service."""

    code = "service-not-found"


class TermsReader(Protocol):
    """Where the grammar of terms documents is at home."""

    async def read_terms(self, document: str) -> terms_pb2.Terms:
        """Keeps nothing. Refuses with `Invalid`, naming every fault, and with `Unavailable`."""
        ...


@dataclass(frozen=True, kw_only=True)
class AskedObservations:
    """Whose observations of what. No side: the provider's; no components: all of the service."""

    service: str
    components: tuple[str, ...] = ()
    span: Interval
    side: str = ""
    known_at: Instant | None = None


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An exclusion as a party would claim it."""

    exclusion_class: str
    service: str
    components: tuple[str, ...]
    interval: Interval | None = None
    tickets: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to be tried. An empty document leaves the terms; without a first day the document's own counts."""

    document: str = ""
    effective_on: date | None = None
    exclusion: Claimed | None = None
    calculator_version: str = ""


@dataclass(frozen=True, kw_only=True)
class _Changed:
    """The agreement as it would be; `added` None: as it is. `first` is the first instant that the change can touch."""

    agreement: Agreement
    added: PartyFacts | None
    exclusion_id: str
    calculator: str
    first: Instant
    approval: str


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A month's case; `stated` None: it is open."""

    case: Case
    agreement: Agreement
    known_at: Instant | None
    stated: Document | None


class Inquiry:
    """A closed month is explained by what it was closed by: the evidence and terms known then, and the calculator of then."""

    def __init__(
        self,
        *,
        database: Database,
        judgements: Repository[Judgement, Stored],
        measurement: Measurement,
        reader: TermsReader,
        clock: Clock,
        calculators: Mapping[str, Calculator] = CALCULATORS,
    ) -> None:
        self._database = database
        self._judgements = judgements
        self._measurement = measurement
        self._reader = reader
        self._clock = clock
        self._calculators = calculators

    async def explanation(
        self, agreement_id: str, month: Period, *, objective_id: str = "", known_at: Instant | None = None, caller: Caller
    ) -> Body:
        """Refuses with `AgreementNotFound`, `NotInForce`, `UnknownObjective`, `FiguresNotReproduced` and `ProofDoesNotAddUp`."""
        asked = await self._asked(agreement_id, month, known_at, caller)
        added = await self._database.read(lambda each: party_facts_store.added(each, asked.agreement.id, known_at=asked.known_at))
        turned_down = _turned_down(asked.agreement, asked.case.terms, added)
        found = explanation.explain(asked.case, objective_id=objective_id, turned_down=turned_down)
        return {
            **_head(asked),
            "revision": asked.stated["revision"] if asked.stated else 0,
            "calculator_version": asked.case.assessment.calculator,
            "tz_database": asked.stated.get("tz_database", "") if asked.stated else asked.case.assessment.tz_database,
            "objectives": [explanation_document(each) for each in found],
        }

    async def timeline(
        self, agreement_id: str, month: Period, *, objective_id: str = "", known_at: Instant | None = None, caller: Caller
    ) -> str:
        """SVG; one picture a segment. Refuses as `explanation` does."""
        asked = await self._asked(agreement_id, month, known_at, caller)
        return explanation.timeline(asked.case, objective_id=objective_id)

    async def outlook(self, agreement_id: str, month: Period, *, known_at: Instant | None = None, caller: Caller) -> Body:
        """Refuses with `AgreementNotFound`, `NotInForce` and `FiguresNotReproduced`."""
        asked = await self._asked(agreement_id, month, known_at, caller)
        return {**_head(asked), "objectives": [_outlook(each) for each in outlooks(asked.case)]}

    async def preview(self, agreement_id: str, change: Change, *, caller: Caller) -> Body:
        """Every period that the change can touch, before and after. Refuses with `AgreementNotFound`, `UnknownCalculator`, `Invalid` for a
        document that agreements could not take, and with what `party_facts.claim` refuses with."""
        agreement = await self._measurement.visible(agreement_id, caller)
        changed = await self._changed(agreement, change)
        differences = [await self._difference(agreement, changed, month) for month in _touched(agreement, changed, self._now())]
        refused = [refused_document(each) for each in _still_refused(changed)]
        return preview_document(agreement.id, differences, approval=changed.approval, refused=refused)

    async def observations(
        self, agreement_id: str, asked: AskedObservations, *, after: str = "", place: str = "cursor", limit: int, caller: Caller
    ) -> Sequence[tuple[str, Body]]:
        """What a side reported of a service of the agreement, of each id the revision that counts, in the order in which it became known;
        behind `after`, which the door calls `place`, each with its own. Of components only what touches the agreement's term.

        Refuses with `AgreementNotFound`, `ServiceNotFound` and `Invalid`.
        """
        side, behind = _side(asked.side), _place(after, called=place)
        if not all(map(is_text, asked.components)):
            raise invalid("component", "must be text of at most 200 characters without control characters")
        if not 0 < asked.span.length <= LONGEST_SPAN:
            raise invalid("end", "must be later than start, by at most five years")
        agreement = await self._measurement.visible(agreement_id, caller)
        if asked.service not in agreement.services:
            raise ServiceNotFound("the agreement promises nothing of such a service")
        term = agreed_at(agreement, asked.span.start).term
        span = Interval(max(asked.span.start, term.start), min(asked.span.end, term.end))
        found = await self._database.read(
            lambda each: store.reports(
                each,
                tenant=agreement.provider if side == "provider" else agreement.customer,
                service=asked.service,
                components=asked.components,
                span=span,
                tickets_in=asked.span,
                known_at=asked.known_at,
                after=behind,
                limit=limit,
            )
        )
        return [(_token(report.place), report_of(report, side=side)) for report in found]

    # A month as it was judged

    async def _asked(self, agreement_id: str, month: Period, known_at: Instant | None, caller: Caller) -> _Asked:
        newest = await self._measurement.visible(agreement_id, caller)
        stated = await self.stated(newest.id, month, known_at)
        if stated is None:
            until = self._now() if known_at is None else min(known_at, self._now())
            return await self._judged(newest, month, until=until, known_at=known_at)
        found = await self._database.read(lambda each: as_stated(each, newest, month, stated, calculators=self._calculators))
        if found is None:
            then = stated["recorded_at"]
            raise FiguresNotReproduced(
                f"what was known at {then} does not lead to the figures that were closed for {month} then: no proof is given"
            )
        return _Asked(case=found.case, agreement=found.agreement, known_at=found.known_at, stated=stated)

    async def stated(self, agreement_id: str, month: Period, known_at: Instant | None = None) -> Document | None:
        """Of a closed period; None while it is open."""
        moment = None if known_at is None else datetime_of(known_at)
        told = await self._judgements.load(stream_of(agreement_id, str(month)), known_at=moment)
        return told.state.stated[-1] if told is not None and told.state.closed else None

    async def _judged(self, newest: Agreement, month: Period, *, until: Instant, known_at: Instant | None) -> _Asked:
        agreement = newest.known_at(known_at)
        if agreement is None:
            raise NotInForce("no terms were known to be in force then")
        case = await self._database.read(
            lambda each: case_of(each, agreement, month, until=until, known_at=known_at, calculators=self._calculators)
        )
        return _Asked(case=case, agreement=agreement, known_at=known_at, stated=None)

    # A change that is tried

    async def _changed(self, agreement: Agreement, change: Change) -> _Changed:
        if change.calculator_version and change.calculator_version not in self._calculators:
            raise UnknownCalculator(f"there is no calculator {change.calculator_version[:20]!r}, only {', '.join(self._calculators)}")
        starts, approvals = [], []
        with_terms, added, exclusion_id = agreement, None, ""
        if change.document:
            signed = await self._signed(agreement, change)
            with_terms = replace(agreement, versions=(*agreement.versions, signed))
            starts.append(start_of_day(signed.effective_on, with_terms.terms_in_force()[-1].terms.zone))
            approvals.append("signatures of both parties")
        if change.exclusion is not None:
            known = await self._database.read(lambda each: party_facts_store.added(each, agreement.id))
            asked = change.exclusion
            closed = await self._measurement.closed_by(agreement, service=asked.service, interval=asked.interval, tickets=asked.tickets)
            claimed = _claimed(with_terms, asked, known, closed=closed, now=self._now())
            added, exclusion_id = claimed.added, claimed.exclusion_id
            starts.append(_beginning(agreement) if asked.interval is None else Instant(asked.interval.start - _MARGIN))
            approvals.append(claimed.approval)
        if change.calculator_version:
            starts.append(_beginning(agreement))
            approvals.append("none: a closed month keeps the calculator that it was closed with")
        if not starts:
            raise invalid("", "needs a document, an exclusion or a calculator_version")
        return _Changed(
            agreement=with_terms,
            added=added,
            exclusion_id=exclusion_id,
            calculator=change.calculator_version,
            first=min(starts),
            approval="; ".join(approvals),
        )

    async def _signed(self, agreement: Agreement, change: Change) -> SignedTerms:
        """As if both parties had signed it now."""
        message = await self._reader.read_terms(change.document)
        check_parties(agreement, message)
        effective_on = change.effective_on or date.fromisoformat(message.effective_on)
        if effective_on < agreement.versions[0].effective_on:
            raise invalid("effective_on", f"must not be before the agreement's first day, {agreement.versions[0].effective_on}")
        number = agreement.versions[-1].version + 1
        return SignedTerms(version=number, effective_on=effective_on, message=message, recorded_at=self._now())

    async def _difference(self, agreement: Agreement, changed: _Changed, month: Period) -> Difference:
        """A closed month is compared with what was stated of it, by the calculator it was closed with unless another one is tried."""
        stated, now = await self.stated(agreement.id, month), self._now()
        own = str(stated["calculator_version"]) if stated else CALCULATOR_VERSION

        def judged(connection: Connection, which: Agreement, added: PartyFacts | None, calculator: str) -> Document | None:
            try:
                case = case_of(connection, which, month, until=now, calculator=calculator, calculators=self._calculators, added=added)
            except NotInForce:
                return None
            return document_of(case.assessment)

        def work(connection: Connection) -> Difference:
            return Difference(
                period=str(month),
                closed=stated is not None,
                before=stated or judged(connection, agreement, None, own),
                after=judged(connection, changed.agreement, changed.added, changed.calculator or own),
            )

        return await self._database.read(work)

    def _now(self) -> Instant:
        return instant_of(self._clock.now())


@dataclass(frozen=True, kw_only=True)
class _Claim:
    added: PartyFacts
    exclusion_id: str
    approval: str


def check_parties(agreement: Agreement, message: terms_pb2.Terms) -> None:
    """Refuses with `Invalid` terms between others."""
    if (organisation_of(message, "provider"), organisation_of(message, "customer")) != (agreement.provider, agreement.customer):
        raise invalid("document", "must be between the parties of the agreement")


def _beginning(agreement: Agreement) -> Instant:
    first = agreement.terms_in_force()[0]
    return start_of_day(first.first_day, first.terms.zone)


def _claimed(agreement: Agreement, claimed: Claimed, known: PartyFacts, *, closed: Sequence[str], now: Instant) -> _Claim:
    """As if the provider had claimed it now, and everybody whom its ground, or a closed period, asks had approved it.

    Refuses as `party_facts.claim` does.
    """
    agreed = agreed_at(agreement, now if claimed.interval is None else claimed.interval.start)
    exclusion_id = str(uuid4())
    facts = party_facts.claim(
        exclusion_id=exclusion_id,
        agreement_id=agreement.id,
        exclusion_class=claimed.exclusion_class,
        service=claimed.service,
        components=claimed.components,
        interval=claimed.interval,
        tickets=claimed.tickets,
        reason=claimed.reason or "preview",
        organisation=agreement.provider,
        claimed_at=now,
        agreed=agreed,
        closed_periods=closed,
    )
    added = _with(known, facts, now)
    approval = agreed.classes[claimed.exclusion_class].approval
    for organisation in added.exclusion(exclusion_id).awaits(approval):
        added = _with(added, [_approved(added.exclusion(exclusion_id), organisation)], now)
    told = f"by both parties: {closed_in_words(closed)}" if closed else f"by class {claimed.exclusion_class}: {approval}"
    return _Claim(added=added, exclusion_id=exclusion_id, approval=told)


def _approved(exclusion: Exclusion, organisation: str) -> Fact:
    claim = exclusion.claim
    return ExclusionApproved(
        exclusion_id=claim.exclusion_id,
        agreement_id=claim.agreement_id,
        provider=claim.provider,
        customer=claim.customer,
        exclusion_class=claim.exclusion_class,
        start=claim.start,
        end=claim.end,
        organisation=organisation,
        reason="",
    )


def _with(state: PartyFacts, facts: Sequence[Fact], now: Instant) -> PartyFacts:
    for fact in facts:
        state = party_facts.evolve(state, Told(fact=fact, by="", recorded_at=now))
    return state


def _still_refused(changed: _Changed) -> Iterator[Refused]:
    """What of the tried exclusion takes no time out all the same: too late, or its ground's time used up. Tickets have no such rule."""
    if changed.added is None:
        return
    exclusion = changed.added.exclusion(changed.exclusion_id)
    versions = with_exclusions(changed.agreement, changed.added)
    day = exclusion.claim.start
    version = next((each for each in reversed(versions) if each.first_day <= day_of(day, each.terms.zone)), versions[0])
    span = exclusion.claim.interval
    for refused in granted(windows_in(version.terms, span), span=span, zone=version.terms.zone).refused:
        if refused.window.id == changed.exclusion_id:
            yield refused


def _touched(agreement: Agreement, changed: _Changed, now: Instant) -> Sequence[Period]:
    """From the first period that the change touches to the newest that has begun, of the agreement as it is and as it would be."""
    touched = Interval(changed.first, STILL_OPEN)
    histories = (agreement.terms_in_force(), changed.agreement.terms_in_force())
    return sorted({period for history in histories for period in begun(history, now=now, touched=touched)}, key=in_order)


def _turned_down(agreement: Agreement, terms: Sequence[TermsInForce], added: PartyFacts) -> list[Refused | RefusedTickets]:
    """Claims that a party refused, with its words."""
    ground = ground_of(agreement, terms)
    return [_refused(exclusion, ground(exclusion.claim)) for exclusion in added.exclusions if exclusion.ended == "refused"]


def _refused(exclusion: Exclusion, ground: ExclusionClass | None) -> Refused | RefusedTickets:
    claim, last = exclusion.claim, exclusion.decisions[-1]
    rule = f"refused by {last.organisation}: {last.reason}"
    if claim.tickets:
        tickets = TicketExclusion(
            id=claim.exclusion_id,
            service=claim.service,
            tickets=claim.tickets,
            reason=claim.reason,
            ground=ground or ExclusionClass(id=claim.exclusion_class),
        )
        return RefusedTickets(exclusion=tickets, rule=rule)
    window = Maintenance(
        id=claim.exclusion_id,
        service=claim.service,
        components=claim.components,
        interval=claim.interval,
        reason=claim.reason,
        ground=ground,
        announced_at=exclusion.claimed_at,
    )
    return Refused(window=window, rule=rule)


def _head(asked: _Asked) -> Body:
    assessment = asked.case.assessment
    return {
        "agreement_id": asked.agreement.id,
        "period": str(assessment.month),
        "closed": asked.stated is not None,
        "measured_until": instant_text(assessment.measured_until),
    }


def _outlook(outlook: Outlook) -> Body:
    result = result_of(outlook.result)
    alert, forecast = outlook.alert, outlook.forecast
    kept = ("objective_id", "name", "terms_version", "start", "end", "target_percent", "verdict", "progress")
    body: Body = {
        **{name: result[name] for name in kept},
        "burn_rates": [
            {
                "window_s": rate.window // SECOND,
                "start": instant_text(rate.interval.start),
                "end": instant_text(rate.interval.end),
                "bad": str(rate.bad),
                "whole": str(rate.whole),
                "rate": rate_text(rate),
            }
            for rate in outlook.rates
        ],
        "next_due": "" if outlook.next_due is None else instant_text(outlook.next_due),
    }
    if alert is not None:
        body["alert"] = {
            "severity": alert.rule.severity,
            "factor": exact(alert.rule.factor),
            "long_window_s": alert.rule.long // SECOND,
            "short_window_s": alert.rule.short // SECOND,
            "long_rate": rate_text(alert.long),
            "short_rate": rate_text(alert.short),
        }
    if forecast is not None:
        body["forecast"] = {
            "expected_percent": floored_percent(forecast.expected, decimals=_DECIMALS),
            "low_percent": floored_percent(forecast.low, decimals=_DECIMALS),
            "high_percent": floored_percent(forecast.high, decimals=_DECIMALS),
            "confidence_percent": floored_percent(forecast.confidence, decimals=0),
            "days_seen": forecast.days_seen,
        }
    return body


def _side(text: str) -> Side:
    match text:
        case "" | "provider":
            return "provider"
        case "customer":
            return "customer"
        case _:
            raise invalid("side", f"must be provider or customer, not {text[:40]!r}")


def _token(place: Place) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(token: str, *, called: str) -> Place | None:
    """None of no token; refuses with `Invalid` what no page gave."""
    refusal = invalid(called, "must be what the page before gave")
    if not token:
        return None
    try:
        place = Place(*json.loads(b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)))
        numbers: list[object] = [place.recorded_at, place.kind, place.major]
        texts: list[object] = [place.source, place.batch]
        (numbers if place.kind in store.SAMPLES else texts).append(place.minor)
    except (ValueError, TypeError, RecursionError):
        raise refusal from None
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers) or not all(map(_is_kept, texts)):
        raise refusal
    return place


def _is_kept(text: object) -> bool:
    """A text as the store can have it."""
    return isinstance(text, str) and text == text.encode(errors="ignore").decode() and "\0" not in text
