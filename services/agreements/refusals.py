"""Why something does not happen to an agreement: one class a refusal, each with its stable code. Pure."""

from __future__ import annotations

from datetime import date

from services.agreements.terms import PartyRole
from services.vocabulary.errors import Conflict, Invalid, NotAllowed, NotFound, Violation


class AgreementNotFound(NotFound):
    code = "agreement-not-found"

    def __init__(self, agreement_id: object) -> None:
        super().__init__(f"there is no agreement {agreement_id}")


class VersionNotFound(NotFound):
    code = "terms-version-not-found"

    def __init__(self, number: int) -> None:
        super().__init__(f"the agreement has no version {number} of its terms")


class NotAParty(NotAllowed):
    code = "not-a-party"

    def __init__(self, organisation: str) -> None:
        super().__init__(f"{organisation} is neither the provider nor the customer of this agreement")


class AuthorNotAParty(NotAllowed):
    """Nobody drafts or revises terms between two others."""

    code = "author-not-a-party"

    def __init__(self, organisation: str) -> None:
        super().__init__(f"{organisation} must be the provider or the customer of the terms it writes")


class AlreadyDrafted(Conflict):
    """Whoever asks is a party to it and may see it."""

    code = "agreement-already-drafted"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an agreement of these two parties under the name {name!r}; revise or amend it")


class NotADraft(Conflict):
    code = "agreement-not-a-draft"

    def __init__(self, status: str) -> None:
        super().__init__(f"the agreement is {status}; only a draft can be revised or proposed")


class NothingProposed(Conflict):
    code = "nothing-proposed"

    def __init__(self) -> None:
        super().__init__("no version of the terms waits for signatures")


class DigestDiffers(Conflict):
    """The signature names other terms than those proposed."""

    code = "digest-differs"

    def __init__(self, *, proposed: str, named: str) -> None:
        super().__init__(f"the proposed terms have the digest {proposed}, the signature names {named[:64]!r}")
        self.proposed = proposed


class AlreadySigned(Conflict):
    code = "already-signed"

    def __init__(self, role: PartyRole) -> None:
        super().__init__(f"the {role} has signed these terms already")


class NotActive(Conflict):
    code = "agreement-not-active"

    def __init__(self, status: str) -> None:
        super().__init__(f"the agreement is {status}; both parties must have signed its first version")


class AlreadyEnded(Conflict):
    code = "agreement-already-ended"

    def __init__(self, status: str, last_day: date | None) -> None:
        super().__init__(f"the agreement is {status}, its last day is {last_day}")


class AmendmentPending(Conflict):
    code = "amendment-pending"

    def __init__(self, number: int) -> None:
        super().__init__(f"version {number} waits for signatures; sign or withdraw it first")


class AmendmentChangesNothing(Conflict):
    code = "amendment-changes-nothing"

    def __init__(self) -> None:
        super().__init__("these are the terms already signed last")


class AmendmentOutsideTerm(Invalid):
    code = "amendment-outside-term"


class PartiesStay(Invalid):
    """Another party could read in the history what was drafted for somebody else."""

    code = "parties-stay"


class NotAmendable(Invalid):
    """The amendment changes what makes the agreement the one it is."""

    code = "not-amendable"


class LastDayOutsideTerm(Invalid):
    code = "last-day-outside-term"


class LastDayPassed(Invalid):
    """An agreement is not ended backwards: days that were judged stay judged."""

    code = "last-day-passed"


class OfferHasExpired(Conflict):
    code = "offer-expired"

    def __init__(self, number: int, valid_until: str) -> None:
        super().__init__(f"version {number} was offered until {valid_until}; it has to be offered again")


class ValidUntilPassed(Invalid):
    """Nobody could answer such an offer."""

    code = "valid-until-passed"

    def __init__(self, valid_until: str, now: str) -> None:
        super().__init__(Violation(place="valid_until", rule=f"must be after now, {now}, not {valid_until}"))


class CounterOfferChangesNothing(Conflict):
    code = "counter-offer-changes-nothing"

    def __init__(self, number: int) -> None:
        super().__init__(f"these are the terms and the day of version {number}, which waits for signatures; sign it")


class EffectiveOnOfFirstTerms(Invalid):
    """The first version counts from the first day that it names itself."""

    code = "effective-on-of-first-terms"

    def __init__(self, first_day: date) -> None:
        rule = f"is said beside an amendment only; until both have signed it is the document's own, {first_day}"
        super().__init__(Violation(place="effective_on", rule=rule))


class NoSuchPlace(Invalid):
    code = "no-such-place"

    def __init__(self, place: str, *, number: int, nearest: str) -> None:
        rule = f"{place[:120]!r} is not in version {number} of the terms"
        super().__init__(Violation(place="place", rule=f"{rule}; the nearest is {nearest!r}" if nearest else rule))


class TextNotFit(Invalid):
    """Empty where it must say something, or too long."""

    code = "text-not-fit"


class HasBeenArchived(Conflict):
    code = "archived"

    def __init__(self) -> None:
        super().__init__("the agreement is archived; nothing happens to it any more")


class NotEnded(Conflict):
    code = "not-ended"

    def __init__(self, last_day: date | None) -> None:
        until = f"its last day is {last_day}" if last_day else "it has no last day"
        super().__init__(f"only what has ended is archived; {until}")


class RequestPending(Conflict):
    code = "request-pending"

    def __init__(self, kind: str, organisation: str) -> None:
        super().__init__(f"{organisation} asked for a {kind}, which waits for an answer")


class NothingRequested(Conflict):
    code = "nothing-requested"

    def __init__(self) -> None:
        super().__init__("no request waits for an answer")


class SignatoriesConfirm(NotAllowed):
    """What a suspension takes out of the figures was signed."""

    code = "signatories-confirm"

    def __init__(self) -> None:
        super().__init__("confirmed by a signatory; a service manager may refuse it, or take an own request back")


class OwnRequest(Conflict):
    """One side alone suspends nothing; it may take its own request back."""

    code = "own-request"

    def __init__(self, organisation: str) -> None:
        super().__init__(f"{organisation} asked for it itself; the other side has to confirm it")


class AlreadySuspended(Conflict):
    code = "already-suspended"

    def __init__(self, first_day: date, last_day: date | None) -> None:
        super().__init__(f"it is suspended from {first_day} {f'to {last_day}' if last_day else 'until it is resumed'}")


class NothingSuspended(Conflict):
    code = "nothing-suspended"

    def __init__(self) -> None:
        super().__init__("the agreement is not suspended, and no suspension lies ahead")


class SuspensionOutsideTerm(Invalid):
    code = "suspension-outside-term"


class NotASpan(Invalid):
    """A last day before the first, or a first day that has passed."""

    code = "not-a-span"


class ResumptionOutsideSuspension(Invalid):
    code = "resumption-outside-suspension"


class NothingToRenew(Conflict):
    code = "nothing-to-renew"

    def __init__(self, last_day: date | None) -> None:
        until = f"after {last_day}" if last_day else "by itself on no day"
        super().__init__(f"the terms name no renewal: the agreement ends {until}, notice or not")


class NoticeTooLate(Conflict):
    code = "notice-too-late"

    def __init__(self, *, latest: date, notice_days: int) -> None:
        super().__init__(f"notice is given {notice_days} days before the end; the last day for it was {latest}")


class NoticeAlreadyGiven(Conflict):
    code = "notice-already-given"

    def __init__(self, organisation: str, last_day: date) -> None:
        super().__init__(f"{organisation} has given notice; the agreement ends after {last_day}")


class ReviewNotDue(Invalid):
    code = "review-not-due"

    def __init__(self, due_on: date, nearest: str) -> None:
        rule = f"{due_on} is no day on which a review is due; " + (f"the nearest is {nearest}" if nearest else "the terms ask for none")
        super().__init__(Violation(place="due_on", rule=rule))


class ReviewAlreadyHeld(Conflict):
    code = "review-already-held"

    def __init__(self, due_on: date, held_on: date) -> None:
        super().__init__(f"the review due on {due_on} was held on {held_on}")


class ReviewNotHeldYet(Invalid):
    """Minutes are of what has taken place, within the life of the agreement."""

    code = "review-not-held-yet"
