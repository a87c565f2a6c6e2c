"""The figures of a bundle, computed once more by what its history signed: where the rooms' own words for terms meet. Opens no store."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.agreements.agreement import Expired, Terminated, TermsVersion
from services.agreements.audit import SERVICE, read_told, replayed
from services.agreements.wire import terms_message
from services.measurement.recompute import Signed, check_figures
from services.measurement.wire import SignedTerms
from services.transparency.bundle import Bundle
from services.transparency.verify import Check
from services.vocabulary.period import parse_instant


def check_figures_of(bundle: Bundle) -> Sequence[Check]:
    """Of a bundle whose logs and history hold."""
    log = bundle.log(SERVICE)
    assert log is not None, "its history holds"
    told = read_told(log)
    agreement = replayed(told, UUID(bundle.agreement_id)).agreement
    assert agreement is not None, "its history holds"
    ended = [each for each in told if isinstance(each.fact, Terminated | Expired)]
    own_end = agreement.newest.terms.ends_on
    early = ended[-1] if ended and agreement.ended_on != own_end else None
    signed = Signed(
        versions=tuple(_signed(version) for version in agreement.signed),
        last_day=agreement.ended_on if early else None,
        ended_at=parse_instant(early.read.recorded_at, place="recorded_at") if early else None,
    )
    return check_figures(bundle, signed)


def _signed(version: TermsVersion) -> SignedTerms:
    return SignedTerms(
        version=version.number,
        effective_on=version.effective_on,
        message=terms_message(version.terms),
        recorded_at=parse_instant(version.recorded_at, place="recorded_at"),
    )
