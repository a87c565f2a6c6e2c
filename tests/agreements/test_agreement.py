"""What may happen to an agreement: for each decision that it does, that it refuses, that it stays quiet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from services.agreements import lifecycle, negotiation
from services.agreements.agreement import Agreement
from services.agreements.facts import (
    Activated,
    Amended,
    AmendmentProposed,
    Drafted,
    Expired,
    Proposed,
    Revised,
    Signed,
    Terminated,
    Withdrawn,
)
from services.agreements.refusals import (
    AlreadyEnded,
    AlreadySigned,
    AmendmentChangesNothing,
    AmendmentOutsideTerm,
    AmendmentPending,
    AuthorNotAParty,
    DigestDiffers,
    LastDayOutsideTerm,
    LastDayPassed,
    NotActive,
    NotADraft,
    NotAmendable,
    NotAParty,
    NothingProposed,
    PartiesStay,
    VersionNotFound,
)
from services.agreements.terms import canonical_json, digest
from services.vocabulary.identity import OrganisationId
from tests.agreements.support import (
    AGREEMENT,
    AUDITOR,
    CUSTOMER,
    MARCH_9,
    PROVIDER,
    STRANGER,
    TERMS,
    active,
    amended,
    amendment_proposed,
    availability_of,
    drafted,
    proposed,
    signed_by_both,
    signs,
    terms,
    then,
)
from tests.signing import note_under, signer

BETTER = terms(availability_of("99.95"))
BEST = terms(availability_of("99.99"))
OPEN_ENDED = terms(lambda nodes: nodes.pop("ends_on"))
FEBRUARY, MARCH, MAY = date(2026, 2, 1), date(2026, 3, 1), date(2026, 5, 1)
AN_HOUR_BEFORE_MIDNIGHT_IN_BERLIN = datetime(2026, 12, 31, 22, tzinfo=UTC)
MIDNIGHT_IN_BERLIN = datetime(2026, 12, 31, 23, tzinfo=UTC)


# draft


def test_a_draft_keeps_the_canonical_terms_and_their_digest() -> None:
    assert negotiation.draft(TERMS, by=CUSTOMER) == (Drafted(document=canonical_json(TERMS), digest=digest(TERMS), drafted_by=CUSTOMER),)
    assert drafted().status == "draft"


@pytest.mark.parametrize("organisation", [STRANGER, AUDITOR])
def test_nobody_drafts_terms_between_two_others(organisation: OrganisationId) -> None:
    with pytest.raises(AuthorNotAParty):
        negotiation.draft(TERMS, by=organisation)


# revise


def test_either_party_revises_a_draft() -> None:
    facts = negotiation.revise(drafted(), BETTER, by=CUSTOMER)
    assert facts == (Revised(document=canonical_json(BETTER), digest=digest(BETTER), revised_by=CUSTOMER),)
    assert then(drafted(), facts).draft.terms == BETTER


def test_what_is_on_the_table_is_not_revised() -> None:
    with pytest.raises(NotADraft):
        negotiation.revise(proposed(), BETTER, by=PROVIDER)


def test_a_revision_brings_in_no_other_party_who_could_then_read_what_was_drafted_before() -> None:
    elsewhere = terms(lambda nodes: nodes["parties"][1].update(organisation="another-bank"))
    with pytest.raises(PartiesStay, match="parties: stay bank-am-markt and nordwind-hosting"):
        negotiation.revise(drafted(), elsewhere, by=PROVIDER)


def test_a_revision_does_not_write_its_author_out() -> None:
    elsewhere = terms(lambda nodes: nodes["parties"][0].update(organisation="another-provider"))
    with pytest.raises(AuthorNotAParty):
        negotiation.revise(drafted(), elsewhere, by=PROVIDER)


def test_a_revision_that_changes_nothing_is_quiet() -> None:
    assert negotiation.revise(drafted(), terms(), by=PROVIDER) == ()


# propose


def test_a_proposal_names_the_digest_of_the_draft() -> None:
    assert negotiation.propose(drafted(), by=CUSTOMER, recorded_at=MARCH_9) == (
        Proposed(terms_version=1, digest=digest(TERMS), proposed_by=CUSTOMER, valid_until=""),
    )
    assert (proposed().status, proposed().pending) == ("proposed", replace(drafted().draft, offered_by=PROVIDER))


def test_nothing_is_proposed_twice() -> None:
    with pytest.raises(NotADraft):
        negotiation.propose(proposed(), by=PROVIDER, recorded_at=MARCH_9)


def test_an_auditor_proposes_nothing() -> None:
    with pytest.raises(NotAParty):
        negotiation.propose(drafted(), by=AUDITOR, recorded_at=MARCH_9)


# withdraw


def test_either_party_withdraws_a_proposal_and_it_is_a_draft_again() -> None:
    facts = negotiation.withdraw(proposed(), by=CUSTOMER)
    assert facts == (Withdrawn(terms_version=1, digest=digest(TERMS), withdrawn_by=CUSTOMER),)
    assert (then(proposed(), facts).status, then(proposed(), facts).pending) == ("draft", None)


def test_signatures_on_what_was_withdrawn_do_not_count_for_what_is_proposed_next() -> None:
    once = then(proposed(), signs(proposed(), by=PROVIDER, signatory="Ole"))
    again = then(once, negotiation.withdraw(once, by=CUSTOMER))
    again = then(again, negotiation.propose(again, by=CUSTOMER, recorded_at=MARCH_9))
    assert again.signatures == ()
    assert signs(again, by=CUSTOMER, signatory="Marta")[1:] == ()


def test_a_withdrawn_amendment_leaves_the_agreement_active() -> None:
    pending = amendment_proposed(active(), BETTER, effective_on=MAY)
    after = then(pending, negotiation.withdraw(pending, by=PROVIDER))
    assert (after.status, after.pending, after.newest.number) == ("active", None, 1)


@pytest.mark.parametrize("stage", [drafted, active])
def test_where_nothing_is_proposed_nothing_is_withdrawn_and_nothing_signed(stage: Callable[[], Agreement]) -> None:
    with pytest.raises(NothingProposed):
        negotiation.withdraw(stage(), by=PROVIDER)
    with pytest.raises(NothingProposed):
        signs(stage(), by=PROVIDER, signatory="Ole")


# sign


def test_the_first_signature_puts_nothing_in_force() -> None:
    facts = signs(proposed(), by=CUSTOMER, signatory="Marta")
    assert facts == (
        Signed(
            terms_version=1,
            digest=digest(TERMS),
            role="customer",
            organisation=CUSTOMER,
            signatory="Marta",
            key=str(signer(CUSTOMER, "Marta").key),
            note=note_under(proposed(), AGREEMENT, CUSTOMER, "Marta"),
        ),
    )
    assert then(proposed(), facts).status == "proposed"


def test_the_second_signature_activates_the_first_version() -> None:
    once = then(proposed(), signs(proposed(), by=CUSTOMER, signatory="Marta"))
    signed, activated = signs(once, by=PROVIDER, signatory="Ole")
    assert isinstance(signed, Signed)
    assert activated == Activated(terms_version=1, document=canonical_json(TERMS), digest=digest(TERMS), effective_on=date(2026, 1, 1))
    assert active().status == "active"
    assert [each.role for each in active().signatures] == ["customer", "provider"]


def test_a_signature_that_names_other_terms_is_refused_and_told_the_right_digest() -> None:
    with pytest.raises(DigestDiffers) as refused:
        negotiation.sign(
            proposed(),
            agreement_id=AGREEMENT,
            note="",
            keyring=None,
            named_digest=digest(BETTER),
            by=CUSTOMER,
            signatory="Marta",
            recorded_at=MARCH_9,
        )
    assert refused.value.proposed == digest(TERMS)


def test_each_side_signs_once() -> None:
    once = then(proposed(), signs(proposed(), by=CUSTOMER, signatory="Marta"))
    with pytest.raises(AlreadySigned):
        signs(once, by=CUSTOMER, signatory="somebody else of the bank")


def test_an_auditor_signs_nothing() -> None:
    with pytest.raises(NotAParty):
        negotiation.sign(proposed(), agreement_id=AGREEMENT, note="", keyring=None, by=AUDITOR, signatory="Examiner", recorded_at=MARCH_9)


# amend


def test_an_amendment_waits_for_both_signatures() -> None:
    facts = negotiation.propose_amendment(active(), BETTER, effective_on=MAY, reason="Review", by=CUSTOMER, recorded_at=MARCH_9)
    assert facts == (
        AmendmentProposed(
            terms_version=2,
            document=canonical_json(BETTER),
            digest=digest(BETTER),
            effective_on=MAY,
            reason="Review",
            proposed_by=CUSTOMER,
            valid_until="",
        ),
    )
    assert then(active(), facts).newest.terms == TERMS


def test_the_second_signature_on_an_amendment_carries_its_reason_and_its_date() -> None:
    pending = amendment_proposed(active(), BETTER, effective_on=MAY)
    once = then(pending, signs(pending, by=PROVIDER, signatory="Ole"))
    _, fact = signs(once, by=CUSTOMER, signatory="Marta")
    assert isinstance(fact, Amended)
    assert (fact.terms_version, fact.effective_on, fact.reason) == (2, MAY, "Agreed in the review")


def test_an_amendment_counts_from_its_effective_date_not_from_when_it_was_recorded() -> None:
    agreement = amended(active(), BETTER, effective_on=FEBRUARY, recorded_at="2026-03-09T10:00:00Z")
    before, after = agreement.terms_on(date(2026, 1, 31)), agreement.terms_on(FEBRUARY)
    assert before is not None
    assert after is not None
    assert (before.terms, after.terms) == (TERMS, BETTER)
    assert after.recorded_at == "2026-03-09T10:00:00Z"


def test_one_amendment_waits_at_a_time() -> None:
    with pytest.raises(AmendmentPending):
        negotiation.propose_amendment(
            amendment_proposed(active(), BETTER, effective_on=MAY), BEST, effective_on=MAY, reason="", by=PROVIDER, recorded_at=MARCH_9
        )


def test_the_terms_signed_last_are_no_amendment() -> None:
    with pytest.raises(AmendmentChangesNothing):
        negotiation.propose_amendment(active(), terms(), effective_on=MAY, reason="", by=PROVIDER, recorded_at=MARCH_9)


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2027, 1, 1)])
def test_an_amendment_counts_from_a_day_within_the_term(day: date) -> None:
    with pytest.raises(AmendmentOutsideTerm, match="effective_on: must lie within the term, 2026-01-01 to 2026-12-31"):
        negotiation.propose_amendment(active(), BETTER, effective_on=day, reason="", by=PROVIDER, recorded_at=MARCH_9)


def test_an_amendment_counts_from_a_day_within_the_term_it_makes_itself() -> None:
    shorter = terms(lambda nodes: nodes.update(ends_on="2026-04-30"))
    with pytest.raises(AmendmentOutsideTerm, match="2026-12-31, and not after the end that these terms name, 2026-04-30"):
        negotiation.propose_amendment(active(), shorter, effective_on=MAY, reason="", by=PROVIDER, recorded_at=MARCH_9)


def test_an_amendment_keeps_the_first_day_the_zone_and_the_parties() -> None:
    def change(nodes: dict[str, Any]) -> None:
        nodes.update(effective_on="2026-02-01", zone="Europe/Paris")
        nodes["parties"][1].update(organisation="another-bank")

    with pytest.raises(NotAmendable) as refused:
        negotiation.propose_amendment(active(), terms(change), effective_on=MAY, reason="", by=PROVIDER, recorded_at=MARCH_9)
    assert [violation.place for violation in refused.value.violations] == ["effective_on", "zone", "parties"]


@pytest.mark.parametrize("stage", [drafted, proposed])
def test_only_what_both_have_signed_is_amended_or_terminated(stage: Callable[[], Agreement]) -> None:
    with pytest.raises(NotActive):
        negotiation.propose_amendment(stage(), BETTER, effective_on=MAY, reason="", by=PROVIDER, recorded_at=MARCH_9)
    with pytest.raises(NotActive):
        lifecycle.terminate(stage(), last_day=MAY, by=PROVIDER, recorded_at=MARCH_9)


# terminate


def test_either_party_terminates_from_today_on() -> None:
    facts = lifecycle.terminate(active(), last_day=date(2026, 3, 9), by=CUSTOMER, recorded_at=MARCH_9)
    assert facts == (Terminated(last_day=date(2026, 3, 9), provider=PROVIDER, terminated_by=CUSTOMER),)
    ended = then(active(), facts)
    assert (ended.status, ended.last_day, ended.terms_on(date(2026, 3, 10))) == ("terminated", date(2026, 3, 9), None)


def test_what_was_judged_is_not_undone_by_a_termination_into_the_past() -> None:
    with pytest.raises(LastDayPassed, match="last_day: must not be before today, 2026-03-09 in Europe/Berlin"):
        lifecycle.terminate(active(), last_day=date(2026, 3, 8), by=PROVIDER, recorded_at=MARCH_9)


def test_the_last_day_lies_within_the_term() -> None:
    with pytest.raises(LastDayOutsideTerm):
        lifecycle.terminate(active(), last_day=date(2027, 1, 1), by=PROVIDER, recorded_at=MARCH_9)
    with pytest.raises(LastDayOutsideTerm):
        lifecycle.terminate(active(), last_day=date(2025, 12, 30), by=PROVIDER, recorded_at=datetime(2025, 12, 1, tzinfo=UTC))


def test_an_amendment_that_would_have_counted_after_the_last_day_was_never_in_force() -> None:
    later = amended(active(), BETTER, effective_on=MAY)
    ended = then(later, lifecycle.terminate(later, last_day=date(2026, 4, 30), by=CUSTOMER, recorded_at=MARCH_9))
    assert [version.number for version in ended.terms_between(MARCH, date(2026, 12, 31))] == [1]
    assert ended.shown_on(date(2026, 6, 1)).number == 1


def test_the_status_on_a_day_is_the_one_it_had_or_will_have_then() -> None:
    ended = then(active(), lifecycle.terminate(active(), last_day=MAY, by=CUSTOMER, recorded_at=MARCH_9))
    days = (date(2025, 12, 31), MARCH, MAY, date(2026, 5, 2))
    assert [ended.status_on(day) for day in days] == ["agreed", "active", "active", "terminated"]
    assert [active().status_on(day) for day in (date(2026, 12, 31), date(2027, 1, 1))] == ["active", "expired"]
    assert [proposed().status_on(day) for day in (MARCH, date(2027, 1, 1))] == ["proposed", "proposed"]


def test_what_has_ended_is_neither_amended_nor_terminated_again() -> None:
    ended = then(active(), lifecycle.terminate(active(), last_day=MAY, by=CUSTOMER, recorded_at=MARCH_9))
    with pytest.raises(AlreadyEnded):
        lifecycle.terminate(ended, last_day=MAY, by=PROVIDER, recorded_at=MARCH_9)
    with pytest.raises(AlreadyEnded):
        negotiation.propose_amendment(ended, BETTER, effective_on=MARCH, reason="", by=PROVIDER, recorded_at=MARCH_9)


def test_an_amendment_that_waits_falls_with_a_termination() -> None:
    pending = amendment_proposed(active(), BETTER, effective_on=MAY)
    ended = then(pending, lifecycle.terminate(pending, last_day=MAY, by=CUSTOMER, recorded_at=MARCH_9))
    with pytest.raises(NothingProposed):
        signs(ended, by=CUSTOMER, signatory="Marta")


# expire


def test_an_agreement_expires_when_its_last_day_has_passed_in_its_own_zone() -> None:
    assert lifecycle.expire(active(), recorded_at=MIDNIGHT_IN_BERLIN) == (Expired(last_day=date(2026, 12, 31), provider=PROVIDER),)


def test_an_agreement_does_not_expire_on_its_last_day() -> None:
    assert lifecycle.expire(active(), recorded_at=AN_HOUR_BEFORE_MIDNIGHT_IN_BERLIN) == ()


@pytest.mark.parametrize("agreement", [drafted(), proposed(), active(OPEN_ENDED)])
def test_what_does_not_run_or_has_no_end_does_not_expire(agreement: Agreement) -> None:
    assert lifecycle.expire(agreement, recorded_at=datetime(2190, 1, 1, tzinfo=UTC)) == ()


def test_nothing_expires_twice() -> None:
    expired = then(active(), lifecycle.expire(active(), recorded_at=MIDNIGHT_IN_BERLIN))
    assert lifecycle.expire(expired, recorded_at=MIDNIGHT_IN_BERLIN) == ()
    assert expired.status == "expired"


# what is in force


def numbers(agreement: Agreement, first: date, last: date) -> list[int]:
    return [version.number for version in agreement.terms_between(first, last)]


def test_the_versions_of_a_span_are_those_in_force_on_any_of_its_days() -> None:
    agreement = amended(active(), BETTER, effective_on=MARCH)
    assert numbers(agreement, date(2026, 1, 1), date(2026, 2, 28)) == [1]
    assert numbers(agreement, date(2026, 2, 28), MARCH) == [1, 2]
    assert numbers(agreement, MARCH, date(2026, 12, 31)) == [2]
    assert numbers(agreement, date(2025, 1, 1), date(2025, 12, 31)) == []
    assert numbers(agreement, date(2027, 1, 1), date(2027, 1, 31)) == []
    assert numbers(proposed(), date(2026, 1, 1), date(2026, 12, 31)) == []


def test_a_version_overtaken_from_before_its_own_start_is_never_in_force() -> None:
    agreement = amended(amended(active(), BETTER, effective_on=MAY), BEST, effective_on=FEBRUARY)
    assert numbers(agreement, date(2026, 1, 1), date(2026, 12, 31)) == [1, 3]
    assert agreement.version(2).terms == BETTER


def test_the_newest_signed_version_says_when_the_term_ends() -> None:
    agreement = amended(active(), terms(lambda nodes: nodes.update(ends_on="2027-06-30")), effective_on=MAY)
    assert agreement.last_day == date(2027, 6, 30)
    assert agreement.terms_on(date(2027, 6, 30)) is not None


def test_a_version_that_waits_for_signatures_can_be_read_by_its_number() -> None:
    pending = amendment_proposed(active(), BETTER, effective_on=MAY)
    assert pending.version(2).terms == BETTER
    with pytest.raises(VersionNotFound):
        pending.version(3)


def test_readers_are_the_parties_and_the_auditors_of_the_newest_signed_terms() -> None:
    without = terms(lambda nodes: nodes.pop("auditors"))
    assert active().readers == {PROVIDER, CUSTOMER, AUDITOR}
    assert amendment_proposed(active(), without, effective_on=MAY).readers == {PROVIDER, CUSTOMER, AUDITOR}
    assert amended(active(), without, effective_on=MAY).readers == {PROVIDER, CUSTOMER}


def test_what_is_shown_outside_the_term_is_the_nearest_version() -> None:
    agreement = amended(active(), BETTER, effective_on=MARCH)
    assert agreement.shown_on(date(2025, 1, 1)).number == 1
    assert agreement.shown_on(date(2030, 1, 1)).number == 2
    assert drafted().shown_on(MARCH).terms == TERMS


DAYS = st.integers(0, 364).map(lambda days: date.fromordinal(date(2026, 1, 1).toordinal() + days))


@for_all(starts=st.lists(DAYS, max_size=5), day=DAYS)
@settings(max_examples=60, deadline=None)
def test_on_each_day_the_version_signed_last_among_those_that_count_by_then_is_in_force(starts: list[date], day: date) -> None:
    agreement = active()
    for index, start in enumerate(starts):
        agreement = amended(agreement, terms(lambda nodes, i=index: nodes.update(title=f"Version {i}")), effective_on=start)  # type: ignore[misc]
    in_force = agreement.terms_on(day)
    assert in_force is not None
    assert in_force.number == max(version.number for version in agreement.signed if version.effective_on <= day)
    assert numbers(agreement, day, day) == [in_force.number]
    days = [version.effective_on for version in agreement.versions_in_force]
    assert days == sorted(set(days))


def test_an_agreement_signed_after_its_own_term_is_active_until_the_timer_looks() -> None:
    late = signed_by_both(proposed(), recorded_at="2027-02-01T00:00:00Z")
    assert late.status == "active"
    assert lifecycle.expire(late, recorded_at=datetime(2027, 2, 1, tzinfo=UTC))
