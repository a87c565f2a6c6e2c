"""Offers and what answers them: numbers, counter-offers, comments, ends; for each rule that it does and that it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.agreements import negotiation
from services.agreements.agreement import Agreement
from services.agreements.facts import Commented, CounterOffered, OfferExpired, Proposed, Withdrawn
from services.agreements.refusals import (
    AmendmentChangesNothing,
    AmendmentOutsideTerm,
    AuthorNotAParty,
    CounterOfferChangesNothing,
    EffectiveOnOfFirstTerms,
    NoSuchPlace,
    NotAmendable,
    NotAParty,
    NothingProposed,
    OfferHasExpired,
    PartiesStay,
    TextNotFit,
    ValidUntilPassed,
    VersionNotFound,
)
from services.agreements.signing import SignatureOfOtherTerms
from services.agreements.terms import Terms, canonical_json, digest, places_in
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import Instant, instant_of, parse_instant
from tests.agreements.support import (
    AGREEMENT,
    AUDITOR,
    CUSTOMER,
    MARCH_9,
    PROVIDER,
    STRANGER,
    TERMS,
    active,
    amendment_proposed,
    availability_of,
    drafted,
    proposed,
    signed_by_both,
    signs,
    terms,
    then,
)
from tests.signing import keyring_of, note_under

BETTER, BEST = terms(availability_of("99.95")), terms(availability_of("99.99"))
MARCH_20 = datetime(2026, 3, 20, 12, tzinfo=UTC)
A_SECOND_BEFORE = datetime(2026, 3, 20, 11, 59, 59, tzinfo=UTC)
UNTIL_MARCH_20 = instant_of(MARCH_20)
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def countered(
    agreement: Agreement,
    offered: Terms = BETTER,
    *,
    by: OrganisationId = CUSTOMER,
    effective_on: date | None = None,
    valid_until: Instant | None = None,
) -> Agreement:
    facts = negotiation.counter(
        agreement, offered, effective_on=effective_on, valid_until=valid_until, reason="Too low", by=by, recorded_at=MARCH_9
    )
    return then(agreement, facts)


def withdrawn(agreement: Agreement) -> Agreement:
    return then(agreement, negotiation.withdraw(agreement, by=PROVIDER))


def offered_until_march_20() -> Agreement:
    facts = negotiation.propose(drafted(), by=PROVIDER, valid_until=UNTIL_MARCH_20, recorded_at=MARCH_9)
    return then(drafted(), facts)


def commented(agreement: Agreement, place: str, *, by: OrganisationId = CUSTOMER, text: str = "Too low") -> Agreement:
    facts = negotiation.comment(agreement, place=place, text=text, by=by, subject="Marta", recorded_at=MARCH_9)
    return then(agreement, facts)


# numbers


def test_a_number_is_never_used_again_for_another_offer() -> None:
    agreement = withdrawn(proposed())
    assert (agreement.status, agreement.draft.number) == ("draft", 2)
    (again,) = negotiation.propose(agreement, by=PROVIDER, recorded_at=MARCH_9)
    assert isinstance(again, Proposed)
    assert again.terms_version == 2


def test_a_draft_that_is_revised_after_a_withdrawal_keeps_its_new_number() -> None:
    agreement = withdrawn(proposed())
    revised = then(agreement, negotiation.revise(agreement, BETTER, by=CUSTOMER))
    assert (revised.draft.number, revised.version(2).terms, revised.version(1).terms) == (2, BETTER, TERMS)


def test_an_amendment_after_a_withdrawn_one_has_the_next_number() -> None:
    agreement = withdrawn(amendment_proposed(active(), BETTER, effective_on=MAY))
    agreement = amendment_proposed(agreement, BEST, effective_on=MAY)
    assert agreement.pending is not None
    assert (agreement.pending.number, agreement.version(2).terms, agreement.version(3).terms) == (3, BETTER, BEST)
    assert [version.number for version in signed_by_both(agreement).signed] == [1, 3]


def test_a_history_in_which_a_number_was_used_twice_still_reads() -> None:
    one = Proposed(terms_version=1, digest=digest(TERMS), proposed_by=PROVIDER, valid_until="")
    back = Withdrawn(terms_version=1, digest=digest(TERMS), withdrawn_by=CUSTOMER)
    agreement = signed_by_both(then(drafted(), [one, back, one]))
    assert (agreement.status, agreement.version(1).recorded_at) == ("active", "2026-01-05T09:00:00Z")
    assert [version.number for version in agreement.signed] == [1]


# counter-offer


def test_a_counter_offer_takes_the_place_of_what_waits_under_a_number_of_its_own() -> None:
    (fact,) = negotiation.counter(proposed(), BETTER, valid_until=UNTIL_MARCH_20, reason="Too low", by=CUSTOMER, recorded_at=MARCH_9)
    assert fact == CounterOffered(
        terms_version=2,
        document=canonical_json(BETTER),
        digest=digest(BETTER),
        effective_on=date(2026, 1, 1),
        offered_by=CUSTOMER,
        valid_until="2026-03-20T12:00:00Z",
        reason="Too low",
    )
    agreement = then(proposed(), [fact])
    assert agreement.pending is not None
    assert (agreement.status, agreement.pending.terms, agreement.pending.offered_by) == ("proposed", BETTER, CUSTOMER)
    assert agreement.draft.terms == TERMS


def test_signatures_of_the_former_offer_do_not_move_over() -> None:
    once = then(proposed(), signs(proposed(), by=PROVIDER, signatory="Ole"))
    agreement = countered(once)
    assert agreement.signatures == ()
    assert signs(agreement, by=CUSTOMER, signatory="Marta")[1:] == ()


def test_a_signature_under_the_former_offer_is_refused_under_the_new_one() -> None:
    note = note_under(proposed(), AGREEMENT, CUSTOMER, "Marta")
    with pytest.raises(SignatureOfOtherTerms):
        negotiation.sign(
            countered(proposed()),
            agreement_id=AGREEMENT,
            note=note,
            keyring=keyring_of(CUSTOMER, "Marta"),
            by=CUSTOMER,
            signatory="Marta",
            recorded_at=MARCH_9,
        )


def test_three_rounds_later_the_last_offer_is_signed_and_all_can_be_read() -> None:
    agreement = countered(countered(proposed(), BETTER), BEST, by=PROVIDER)
    agreement = signed_by_both(agreement)
    assert (agreement.newest.number, agreement.newest.terms, agreement.newest.offered_by) == (3, BEST, PROVIDER)
    assert [agreement.version(number).terms for number in (1, 2, 3)] == [TERMS, BETTER, BEST]
    with pytest.raises(VersionNotFound):
        agreement.version(4)


def test_a_withdrawn_counter_offer_leads_back_to_the_draft() -> None:
    agreement = withdrawn(countered(proposed()))
    assert (agreement.status, agreement.draft.terms, agreement.draft.number) == ("draft", TERMS, 3)


def test_a_counter_offer_that_changes_nothing_is_refused() -> None:
    with pytest.raises(CounterOfferChangesNothing, match="of version 1, which waits for signatures"):
        countered(proposed(), terms())


def test_a_counter_offer_needs_an_offer_and_a_party() -> None:
    for stage in (drafted(), active()):
        with pytest.raises(NothingProposed):
            countered(stage)
    with pytest.raises(NotAParty):
        countered(proposed(), by=AUDITOR)


def test_the_parties_of_a_counter_offer_stay_the_same() -> None:
    elsewhere = terms(lambda nodes: nodes["parties"][1].update(organisation="another-bank"))
    with pytest.raises(PartiesStay):
        countered(proposed(), elsewhere, by=PROVIDER)
    with pytest.raises(AuthorNotAParty):
        countered(proposed(), elsewhere)
    with pytest.raises(NotAmendable):
        countered(amendment_proposed(active(), BETTER, effective_on=MAY), elsewhere)


def test_a_counter_offer_that_turns_the_sides_round_is_signed_for_the_sides_it_names() -> None:
    def turned(nodes: dict[str, Any]) -> None:
        provider, customer = nodes["parties"]
        provider["organisation"], customer["organisation"] = customer["organisation"], provider["organisation"]

    agreement = signed_by_both(countered(proposed(), terms(turned)))
    assert (agreement.newest.terms.provider, agreement.newest.terms.customer) == (CUSTOMER, PROVIDER)
    assert {each.role: each.organisation for each in agreement.signatures} == {"provider": CUSTOMER, "customer": PROVIDER}


def test_the_first_terms_count_from_their_own_first_day() -> None:
    assert countered(proposed(), effective_on=date(2026, 1, 1)).pending is not None
    with pytest.raises(EffectiveOnOfFirstTerms, match=r"effective_on: .* document's own, 2026-01-01"):
        countered(proposed(), effective_on=MAY)


def test_a_counter_offer_to_an_amendment_counts_from_its_day_unless_it_names_another() -> None:
    pending = amendment_proposed(active(), BETTER, effective_on=MAY)
    same, other = countered(pending, BEST), countered(pending, BETTER, effective_on=JUNE)
    assert same.pending is not None
    assert other.pending is not None
    assert (same.pending.effective_on, other.pending.effective_on, other.pending.reason) == (MAY, JUNE, "Too low")
    assert signed_by_both(other).newest.reason == "Too low"


def test_a_counter_offer_to_an_amendment_is_an_amendment() -> None:
    pending = amendment_proposed(active(), BETTER, effective_on=MAY)
    with pytest.raises(AmendmentChangesNothing):
        countered(pending, TERMS)
    with pytest.raises(AmendmentOutsideTerm):
        countered(pending, BEST, effective_on=date(2027, 1, 1))


def test_a_withdrawn_counter_offer_to_an_amendment_leads_back_to_what_is_in_force() -> None:
    agreement = withdrawn(countered(amendment_proposed(active(), BETTER, effective_on=MAY), BEST))
    assert (agreement.status, agreement.pending, agreement.newest.terms) == ("active", None, TERMS)


# the end of an offer


def test_an_offer_holds_until_its_instant_and_not_at_it() -> None:
    agreement = offered_until_march_20()
    assert negotiation.lapse(agreement, recorded_at=A_SECOND_BEFORE) == ()
    (fact,) = negotiation.lapse(agreement, recorded_at=MARCH_20)
    assert fact == OfferExpired(terms_version=1, digest=digest(TERMS), valid_until="2026-03-20T12:00:00Z")
    after = then(agreement, [fact])
    assert (after.status, after.pending, after.draft.number) == ("draft", None, 2)


@pytest.mark.parametrize("agreement", [drafted(), proposed(), active()])
def test_what_has_no_end_does_not_lapse(agreement: Agreement) -> None:
    assert negotiation.lapse(agreement, recorded_at=datetime(2190, 1, 1, tzinfo=UTC)) == ()


def test_an_offer_whose_instant_has_passed_is_not_signed_and_not_countered_before_anybody_has_told_so() -> None:
    agreement = offered_until_march_20()
    note, ring = note_under(agreement, AGREEMENT, CUSTOMER, "Marta"), keyring_of(CUSTOMER, "Marta")

    def sign(recorded_at: datetime) -> None:
        negotiation.sign(
            agreement, agreement_id=AGREEMENT, note=note, keyring=ring, by=CUSTOMER, signatory="Marta", recorded_at=recorded_at
        )

    sign(A_SECOND_BEFORE)
    with pytest.raises(OfferHasExpired, match="version 1 was offered until 2026-03-20T12:00:00Z"):
        sign(MARCH_20)
    with pytest.raises(OfferHasExpired):
        negotiation.counter(agreement, BETTER, reason="", by=CUSTOMER, recorded_at=MARCH_20)


def test_signatures_on_what_has_lapsed_count_for_nothing() -> None:
    agreement = offered_until_march_20()
    once = then(agreement, signs(agreement, by=CUSTOMER, signatory="Marta"))
    assert then(once, negotiation.lapse(once, recorded_at=MARCH_20)).signatures == ()


@pytest.mark.parametrize("until", ["2026-03-09T12:00:00Z", "2026-03-09T11:59:59.999999Z"])
def test_an_offer_ends_after_now(until: str) -> None:
    instant = parse_instant(until, place="valid_until")
    with pytest.raises(ValidUntilPassed, match="valid_until: must be after now, 2026-03-09T12:00:00Z"):
        negotiation.propose(drafted(), by=PROVIDER, valid_until=instant, recorded_at=MARCH_9)
    with pytest.raises(ValidUntilPassed):
        countered(proposed(), valid_until=instant)
    with pytest.raises(ValidUntilPassed):
        negotiation.propose_amendment(active(), BETTER, effective_on=MAY, valid_until=instant, reason="", by=CUSTOMER, recorded_at=MARCH_9)


def test_a_lapsed_amendment_leaves_what_is_in_force() -> None:
    facts = negotiation.propose_amendment(
        active(), BETTER, effective_on=MAY, valid_until=UNTIL_MARCH_20, reason="", by=CUSTOMER, recorded_at=MARCH_9
    )
    pending = then(active(), facts)
    after = then(pending, negotiation.lapse(pending, recorded_at=MARCH_20))
    assert (after.status, after.pending, after.newest.number, after.next_number) == ("active", None, 1, 3)


# comments


def test_a_comment_is_on_what_waits_else_on_the_draft_else_on_what_is_in_force() -> None:
    place = "objectives[availability].target"
    on_draft, on_offer = commented(drafted(), place), commented(countered(proposed()), place)
    in_force = commented(active(), place)
    assert [each.comments[0].terms_version for each in (on_draft, on_offer, in_force)] == [1, 2, 1]
    (told,) = on_offer.comments
    assert (told.place, told.text, told.organisation, told.subject) == (place, "Too low", CUSTOMER, "Marta")


def test_a_comment_names_a_place_that_the_terms_have() -> None:
    facts = negotiation.comment(proposed(), place="credit.cap_percent", text="Why?", by=PROVIDER, subject="Ole", recorded_at=MARCH_9)
    assert facts == (Commented(terms_version=1, place="credit.cap_percent", text="Why?", organisation=PROVIDER, subject="Ole"),)
    with pytest.raises(NoSuchPlace, match=r"'objectives\[availabilty\].target' is not in version 1 .* 'objectives\[availability\].target'"):
        commented(proposed(), "objectives[availabilty].target")
    with pytest.raises(NoSuchPlace, match=r"is not in version 1 of the terms$"):
        commented(proposed(), "€")


def test_places_are_named_as_a_difference_names_them() -> None:
    places = places_in(TERMS)
    assert {"objectives", "objectives[availability]", "objectives[availability].target", "parties[customer].name"} <= set(places)
    assert len(places) == len(set(places))


def test_a_comment_says_something_and_is_by_a_party() -> None:
    for text in ("", " \n", "x" * 20_001):
        with pytest.raises(TextNotFit, match="text: must"):
            commented(proposed(), "title", text=text)
    for organisation in (AUDITOR, STRANGER):
        with pytest.raises(NotAParty):
            commented(proposed(), "title", by=organisation)


def test_a_place_with_a_name_of_its_own_in_it_can_be_commented() -> None:
    def named(nodes: dict[str, Any]) -> None:
        nodes["parties"][0]["contacts"] = [{"name": "Ole", "email": "ole@nordwind.example"}]

    agreement = proposed(terms(named))
    assert commented(agreement, "parties[provider].contacts[ole@nordwind.example].name").comments
