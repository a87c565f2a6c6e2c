"""Use cases of asking on: why a figure is what it is, where a month is going, what a change would change. Writes nothing."""

from __future__ import annotations

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
from services.measurement import explanation, party_facts, party_facts_store
from services.measurement.application import Measurement, case_of
from services.measurement.assessment import CALCULATOR_VERSION, CALCULATORS, Calculator, NotInForce, UnknownCalculator
from services.measurement.both_sides import agreed_at, ground_of, with_exclusions
from services.measurement.case import Case
from services.measurement.exclusion import Refused, granted, windows_in
from services.measurement.explanation import explanation_document, refused_document
from services.measurement.judgement import Document, Judgement, rate_text, says_the_same, stream_of
from services.measurement.objective import Maintenance, TermsInForce
from services.measurement.outlook import Outlook, outlooks
from services.measurement.party_facts import Exclusion, ExclusionApproved, Fact, PartyFacts, Told
from services.measurement.preview import Difference, preview_document
from services.measurement.stored import Stored
from services.measurement.terms_copy import Agreement
from services.measurement.wire import SignedTerms, document_of, organisation_of, result_of
from services.vocabulary.errors import Conflict, invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import (
    HOUR,
    SECOND,
    Instant,
    Interval,
    Month,
    datetime_of,
    day_of,
    instant_of,
    instant_text,
    month_of,
    parse_instant,
    start_of_day,
)
from services.vocabulary.ratio import exact, floored_percent

Body = dict[str, object]
"""A message of `measurement.proto` in its JSON form, snake case."""

_MARGIN = 48 * HOUR
_READING = SECOND
"""What is recorded while a month is being judged may be in the judgement already."""

_DECIMALS = 6


class FiguresNotReproduced(Conflict):
    """What was known at the close does not lead to the figures that were closed: a proof of them would prove nothing."""

    code = "figures-not-reproduced"


class TermsReader(Protocol):
    """Where the grammar of terms documents is at home."""

    async def read_terms(self, document: str) -> terms_pb2.Terms:
        """Keeps nothing. Refuses with `Invalid`, naming every fault, and with `Unavailable`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An exclusion as a party would claim it."""

    exclusion_class: str
    service: str
    components: tuple[str, ...]
    interval: Interval
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
        self, agreement_id: str, month: Month, *, objective_id: str = "", known_at: Instant | None = None, caller: Caller
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
            "objectives": [explanation_document(each) for each in found],
        }

    async def timeline(
        self, agreement_id: str, month: Month, *, objective_id: str = "", known_at: Instant | None = None, caller: Caller
    ) -> str:
        """SVG; one picture a segment. Refuses as `explanation` does."""
        asked = await self._asked(agreement_id, month, known_at, caller)
        return explanation.timeline(asked.case, objective_id=objective_id)

    async def outlook(self, agreement_id: str, month: Month, *, known_at: Instant | None = None, caller: Caller) -> Body:
        """Refuses with `AgreementNotFound`, `NotInForce` and `FiguresNotReproduced`."""
        asked = await self._asked(agreement_id, month, known_at, caller)
        return {**_head(asked), "objectives": [_outlook(each) for each in outlooks(asked.case)]}

    async def preview(self, agreement_id: str, change: Change, *, caller: Caller) -> Body:
        """Every month that the change can touch, before and after. Refuses with `AgreementNotFound`, `UnknownCalculator`, `Invalid` for a
        document that agreements could not take, and with what `party_facts.claim` refuses with."""
        agreement = await self._measurement.visible(agreement_id, caller)
        changed = await self._changed(agreement, change)
        differences = [await self._difference(agreement, changed, month) for month in _months(agreement, changed, self._now())]
        refused = [refused_document(each) for each in _still_refused(changed)]
        return preview_document(agreement.id, differences, approval=changed.approval, refused=refused)

    # A month as it was judged

    async def _asked(self, agreement_id: str, month: Month, known_at: Instant | None, caller: Caller) -> _Asked:
        newest = await self._measurement.visible(agreement_id, caller)
        stated = await self._stated(newest.id, month, known_at)
        if stated is None:
            until = self._now() if known_at is None else min(known_at, self._now())
            return await self._judged(newest, month, until=until, known_at=known_at)
        until = parse_instant(str(stated["recorded_at"]), place="recorded_at")
        for known in (until, Instant(until + _READING)):
            asked = await self._judged(newest, month, until=until, known_at=known, stated=stated)
            if says_the_same(stated, document_of(asked.case.assessment)):
                return asked
        raise FiguresNotReproduced(
            f"what was known at {instant_text(until)} does not lead to the figures that were closed for {month} then: no proof is given"
        )

    async def _stated(self, agreement_id: str, month: Month, known_at: Instant | None) -> Document | None:
        moment = None if known_at is None else datetime_of(known_at)
        told = await self._judgements.load(stream_of(agreement_id, str(month)), known_at=moment)
        return told.state.stated[-1] if told is not None and told.state.closed else None

    async def _judged(
        self, newest: Agreement, month: Month, *, until: Instant, known_at: Instant | None, stated: Document | None = None
    ) -> _Asked:
        agreement = newest.known_at(known_at)
        if agreement is None:
            raise NotInForce("no terms were known to be in force then")
        calculator = str(stated["calculator_version"]) if stated else CALCULATOR_VERSION
        case = await self._database.read(
            lambda each: case_of(
                each, agreement, month, until=until, known_at=known_at, calculator=calculator, calculators=self._calculators
            )
        )
        return _Asked(case=case, agreement=agreement, known_at=known_at, stated=stated)

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
            claimed = _claimed(with_terms, change.exclusion, known, now=self._now())
            added, exclusion_id = claimed.added, claimed.exclusion_id
            starts.append(Instant(change.exclusion.interval.start - _MARGIN))
            approvals.append(claimed.approval)
        if change.calculator_version:
            starts.append(start_of_day(agreement.terms_in_force()[0].first_day, agreement.terms_in_force()[0].terms.zone))
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
        if (organisation_of(message, "provider"), organisation_of(message, "customer")) != (agreement.provider, agreement.customer):
            raise invalid("document", "must be between the parties of the agreement")
        effective_on = change.effective_on or date.fromisoformat(message.effective_on)
        if effective_on < agreement.versions[0].effective_on:
            raise invalid("effective_on", f"must not be before the agreement's first day, {agreement.versions[0].effective_on}")
        number = agreement.versions[-1].version + 1
        return SignedTerms(version=number, effective_on=effective_on, message=message, recorded_at=self._now())

    async def _difference(self, agreement: Agreement, changed: _Changed, month: Month) -> Difference:
        """A closed month is compared with what was stated of it, by the calculator it was closed with unless another one is tried."""
        stated, now = await self._stated(agreement.id, month, None), self._now()
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


def _claimed(agreement: Agreement, claimed: Claimed, known: PartyFacts, *, now: Instant) -> _Claim:
    """As if the provider had claimed it now, and everybody whom its ground asks had approved it. Refuses as `party_facts.claim` does."""
    agreed = agreed_at(agreement, claimed.interval.start)
    exclusion_id = str(uuid4())
    facts = party_facts.claim(
        exclusion_id=exclusion_id,
        agreement_id=agreement.id,
        exclusion_class=claimed.exclusion_class,
        service=claimed.service,
        components=claimed.components,
        interval=claimed.interval,
        reason=claimed.reason or "preview",
        organisation=agreement.provider,
        agreed=agreed,
    )
    added = _with(known, facts, now)
    approval = agreed.classes[claimed.exclusion_class].approval
    for organisation in added.exclusion(exclusion_id).awaits(approval):
        added = _with(added, [_approved(added.exclusion(exclusion_id), organisation)], now)
    return _Claim(added=added, exclusion_id=exclusion_id, approval=f"by class {claimed.exclusion_class}: {approval}")


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
    """What of the tried exclusion takes no time out all the same: too late, or its ground's time used up."""
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


def _months(agreement: Agreement, changed: _Changed, now: Instant) -> Iterator[Month]:
    """From the first month that the change touches to the newest that has begun, as far as the agreement runs before or after it."""
    zone = changed.agreement.terms_in_force()[-1].terms.zone
    first = max(changed.first, start_of_day(agreement.versions[0].effective_on, zone))
    month, newest = month_of(first, zone), month_of(now, zone)
    versions = (*agreement.terms_in_force(), *changed.agreement.terms_in_force())
    while month <= newest:
        if any(_touches(version, month) for version in versions):
            yield month
        month = month.next


def _touches(version: TermsInForce, month: Month) -> bool:
    last_days = [day for day in (version.last_day, version.terms.ends) if day is not None]
    return version.first_day < month.next.first_day and all(day >= month.first_day for day in last_days)


def _turned_down(agreement: Agreement, terms: Sequence[TermsInForce], added: PartyFacts) -> list[Refused]:
    """Claims that a party refused, with its words."""
    ground = ground_of(agreement, terms)
    return [
        Refused(
            window=Maintenance(
                id=exclusion.claim.exclusion_id,
                service=exclusion.claim.service,
                components=exclusion.claim.components,
                interval=exclusion.claim.interval,
                reason=exclusion.claim.reason,
                ground=ground(exclusion.claim),
                announced_at=exclusion.claimed_at,
            ),
            rule=f"refused by {exclusion.decisions[-1].organisation}: {exclusion.decisions[-1].reason}",
        )
        for exclusion in added.exclusions
        if exclusion.ended == "refused"
    ]


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
