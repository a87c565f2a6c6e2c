"""The figures of a bundle, computed once more by what its history signed: where the rooms' own words for terms meet. Opens no store."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.agreements.agreement import Agreement, TermsVersion
from services.agreements.audit import SERVICE, Told, read_told, replayed
from services.agreements.facts import Expired, Renewed, Resumed, Suspended, Terminated
from services.agreements.wire import terms_message
from services.measurement.recompute import Signed, check_figures
from services.measurement.wire import Renewal, SignedTerms, Suspension
from services.transparency.bundle import Bundle
from services.transparency.verify import Check
from services.vocabulary.period import Instant, parse_instant


def check_figures_of(bundle: Bundle) -> Sequence[Check]:
    """Of a bundle whose logs and history hold."""
    log = bundle.log(SERVICE)
    assert log is not None, "its history holds"
    told = read_told(log)
    agreement = replayed(told, UUID(bundle.agreement_id)).agreement
    assert agreement is not None, "its history holds"
    return check_figures(bundle, signed_in(told, agreement))


def signed_in(told: Sequence[Told], agreement: Agreement) -> Signed:
    """What the calculator judges by, of events that come to this agreement; each with the instant since which it is known."""
    ended = [each for each in told if isinstance(each.fact, Terminated | Expired)]
    own_end = agreement.renewed_until or agreement.newest.terms.ends_on
    early = ended[-1] if ended and agreement.ended_on != own_end else None
    return Signed(
        versions=tuple(_signed(version) for version in agreement.signed),
        last_day=agreement.ended_on if early else None,
        ended_at=_known_since(early) if early else None,
        suspensions=tuple(
            Suspension(first_day=fact.first_day, last_day=fact.last_day, recorded_at=_known_since(each), reason=fact.reason)
            for each in told
            if isinstance(fact := each.fact, Suspended | Resumed)
        ),
        renewals=tuple(
            Renewal(last_day=fact.last_day, recorded_at=_known_since(each)) for each in told if isinstance(fact := each.fact, Renewed)
        ),
    )


def _known_since(told: Told) -> Instant:
    return parse_instant(told.read.recorded_at, place="recorded_at")


def _signed(version: TermsVersion) -> SignedTerms:
    return SignedTerms(
        version=version.number,
        effective_on=version.effective_on,
        message=terms_message(version.terms),
        recorded_at=parse_instant(version.recorded_at, place="recorded_at"),
    )
