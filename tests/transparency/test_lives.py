"""What a verifier decides once more: a log that is whole, and tells of something that the rules do not allow, is found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from services.agreements import lifecycle, negotiation
from services.agreements.agreement import Agreement
from services.agreements.facts import (
    AmendmentProposed,
    Archived,
    CounterOffered,
    Expired,
    Fact,
    NoticeGiven,
    OfferExpired,
    Renewed,
    RequestRefused,
    Resumed,
    ReviewDue,
    ReviewHeld,
    Suspended,
    SuspensionRequested,
    Terminated,
)
from services.command.verification import verify_bundle
from services.transparency.bundle import write
from services.transparency.verify import Trust
from services.vocabulary.period import instant_of
from tests.agreements.support import CUSTOMER, PROVIDER, availability_of, terms
from tests.transparency.bundles import Life, given_key

TRUST = Trust(keys=(given_key(),))
FIRST = terms(lambda nodes: nodes.update(renewal={"months": 12, "notice_days": 30}, review_every="month"))
SECOND = terms(
    lambda nodes: (availability_of("99.95")(nodes), nodes.update(renewal={"months": 12, "notice_days": 30}, review_every="month"))
)
APRIL_10 = date(2026, 4, 10)

Decision = Callable[[Agreement, datetime], Sequence[Fact]]

LIVED: Sequence[Decision] = (
    lambda agreement, now: lifecycle.request_suspension(
        agreement, first_day=APRIL_10, last_day=None, reason="Move", by=PROVIDER, recorded_at=now
    ),
    lambda agreement, _: lifecycle.answer_request(agreement, confirmed=True, by=CUSTOMER),
    lambda agreement, now: lifecycle.request_resumption(
        agreement, first_day=date(2026, 4, 13), reason="Moved", by=CUSTOMER, recorded_at=now
    ),
    lambda agreement, _: lifecycle.answer_request(agreement, confirmed=False, by=PROVIDER),
    lambda agreement, now: lifecycle.request_resumption(
        agreement, first_day=date(2026, 4, 14), reason="Moved", by=CUSTOMER, recorded_at=now
    ),
    lambda agreement, _: lifecycle.answer_request(agreement, confirmed=True, by=PROVIDER),
    lambda agreement, now: lifecycle.hold_review(
        agreement, due_on=date(2026, 4, 1), held_on=now.date(), minutes="All well", by=CUSTOMER, recorded_at=now
    ),
    lambda agreement, now: lifecycle.fall_due(agreement, recorded_at=now + timedelta(days=60)),
    lambda agreement, now: lifecycle.renew(agreement, recorded_at=now + timedelta(days=300)),
    lambda agreement, now: lifecycle.give_notice(agreement, by=CUSTOMER, recorded_at=now),
    lambda agreement, now: lifecycle.expire(agreement, recorded_at=now + timedelta(days=700)),
    lambda agreement, now: lifecycle.archive(agreement, by=PROVIDER, recorded_at=now + timedelta(days=701)),
)

_DAYS_BEFORE: Mapping[type[Fact], int] = {ReviewDue: 60, Renewed: 300, Expired: 700, Archived: 701}


class LongLife(Life):
    """Every fact there is, in a log that is whole; `forge` changes what is stored of some."""

    def __init__(self, forge: Callable[[Fact], Fact] = lambda fact: fact) -> None:
        self._forge = forge
        super().__init__(7)

    def _live(self) -> None:
        for organisation in (PROVIDER, CUSTOMER):
            self._keyring(organisation)
        self._decided(negotiation.draft(FIRST, by=PROVIDER))
        self._offer_until_it_lapses()
        self._decided(negotiation.propose(self._agreement, by=PROVIDER, recorded_at=self.now))
        self._sign(PROVIDER)
        counter = negotiation.counter(self._agreement, SECOND, reason="Higher", by=CUSTOMER, recorded_at=self.now)
        self._decided(counter)
        self._sign(PROVIDER)
        self._sign(CUSTOMER)
        for decide in LIVED:
            facts = decide(self._agreement, self.now)
            self.now += timedelta(days=_DAYS_BEFORE.get(type(facts[0]), 0))
            self._decided(facts)

    def _offer_until_it_lapses(self) -> None:
        until = instant_of(self.now + timedelta(days=1))
        self._decided(negotiation.propose(self._agreement, by=PROVIDER, valid_until=until, recorded_at=self.now))
        place = "objectives[availability].target"
        self._decided(negotiation.comment(self._agreement, place=place, text="Too low", by=CUSTOMER, subject="ben", recorded_at=self.now))
        self.now += timedelta(days=1)
        self._decided(negotiation.lapse(self._agreement, recorded_at=self.now))

    def _decided(self, facts: Sequence[Fact]) -> None:
        assert facts
        self._tell(*(self._forge(fact) for fact in facts))


class EndedEarly(LongLife):
    """Terminated a month after it was signed."""

    def _live(self) -> None:
        for organisation in (PROVIDER, CUSTOMER):
            self._keyring(organisation)
        self._decided(negotiation.draft(FIRST, by=PROVIDER))
        self._decided(negotiation.propose(self._agreement, by=PROVIDER, recorded_at=self.now))
        self._sign(PROVIDER)
        self._sign(CUSTOMER)
        last_day = self.now.date() + timedelta(days=30)
        self._decided(lifecycle.terminate(self._agreement, last_day=last_day, by=CUSTOMER, recorded_at=self.now))


def failures(life: LongLife) -> str:
    report = verify_bundle(write(life.bundle()), TRUST, figures=False)
    return "\n".join(f"{check.rule}: {check.told}" for check in report.checks if check.outcome == "failed")


def test_a_whole_life_is_decided_once_more_and_holds() -> None:
    life = LongLife()
    told = {type(fact).__name__ for fact in life.facts}
    assert {"CounterOffered", "OfferExpired", "Suspended", "Resumed", "RequestRefused", "Renewed", "ReviewHeld", "Archived"} <= told
    assert failures(life) == ""


@pytest.mark.parametrize(
    ("kind", "forged"),
    [
        (OfferExpired, {"valid_until": "2026-03-09T00:00:00Z"}),
        (CounterOffered, {"terms_version": 9}),
        (CounterOffered, {"offered_by": "somebody-else"}),
        (SuspensionRequested, {"first_day": date(2026, 1, 2)}),
        (Suspended, {"confirmed_by": PROVIDER}),
        (Suspended, {"last_day": date(2026, 4, 30)}),
        (Resumed, {"last_day": date(2026, 4, 20)}),
        (RequestRefused, {"kind": "suspension"}),
        (ReviewDue, {"due_on": date(2026, 4, 30)}),
        (ReviewHeld, {"held_on": date(2025, 1, 1)}),
        (Renewed, {"last_day": date(2028, 12, 31)}),
        (NoticeGiven, {"last_day": date(2029, 12, 31)}),
        (Expired, {"last_day": date(2027, 6, 30)}),
        (Archived, {"archived_by": "somebody-else"}),
    ],
)
def test_what_the_rules_do_not_decide_is_found_in_a_log_that_is_whole(kind: type[Fact], forged: dict[str, object]) -> None:
    def forge(fact: Fact) -> Fact:
        return replace(fact, **forged) if isinstance(fact, kind) else fact  # type: ignore[arg-type]

    assert "rules: " in failures(LongLife(forge))


class Exchanged(LongLife):
    """What one side has signed is exchanged for other terms before the other side signs, and nobody withdrew the first."""

    def _live(self) -> None:
        for organisation in (PROVIDER, CUSTOMER):
            self._keyring(organisation)
        self._decided(negotiation.draft(FIRST, by=PROVIDER))
        self._decided(negotiation.propose(self._agreement, by=PROVIDER, recorded_at=self.now))
        self._sign(PROVIDER)
        self._exchange()
        self._sign(CUSTOMER)

    def _exchange(self) -> None:
        """Of the first offer."""
        as_draft = replace(self._agreement, status="draft")
        self._tell(*negotiation.revise(as_draft, SECOND, by=CUSTOMER))
        self._tell(*negotiation.propose(replace(self._agreement, status="draft"), by=CUSTOMER, recorded_at=self.now))


class ExchangedAmendment(Exchanged):
    def _exchange(self) -> None:
        self._sign(CUSTOMER)
        proposed = self._amendment(self._agreement, date(2026, 5, 1))
        self._tell(*proposed)
        self._sign(PROVIDER)
        number = self._agreement.next_number - 1
        (other,) = self._amendment(replace(self._agreement, pending=None), date(2026, 4, 1))
        assert isinstance(other, AmendmentProposed)
        self._tell(replace(other, terms_version=number))

    def _amendment(self, agreement: Agreement, day: date) -> Sequence[Fact]:
        return negotiation.propose_amendment(agreement, SECOND, effective_on=day, reason="Higher", by=CUSTOMER, recorded_at=self.now)


class DraftedTwice(LongLife):
    """What both had signed is begun anew."""

    def _live(self) -> None:
        super()._live()
        self._tell(*negotiation.draft(SECOND, by=CUSTOMER))


@pytest.mark.parametrize("kind", [Exchanged, ExchangedAmendment, DraftedTwice])
def test_a_signature_is_of_no_other_terms_than_those_that_waited_for_it(kind: type[LongLife]) -> None:
    assert "says something else than what was decided" in failures(kind())


@pytest.mark.parametrize(
    "forged", [{"last_day": date(2026, 1, 31)}, {"last_day": date(2030, 1, 31)}, {"terminated_by": "somebody-else"}, {"provider": CUSTOMER}]
)
def test_an_end_that_nobody_could_set_is_found_in_a_log_that_is_whole(forged: dict[str, object]) -> None:
    def forge(fact: Fact) -> Fact:
        return replace(fact, **forged) if isinstance(fact, Terminated) else fact  # type: ignore[arg-type]

    assert failures(EndedEarly()) == ""
    assert "rules: " in failures(EndedEarly(forge))
