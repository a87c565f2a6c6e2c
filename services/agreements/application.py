"""The use cases of agreements: load, decide, save. Knows no door; the rules decide, the chassis stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from services.agreements import lifecycle, negotiation, passing
from services.agreements.agreement import Agreement, Comment, Request, Review, Signature, Status, Suspension, TermsVersion
from services.agreements.evolve import evolve
from services.agreements.facts import Fact
from services.agreements.keyring_application import Keyrings
from services.agreements.keys import keyring_id
from services.agreements.naming import agreement_named
from services.agreements.reads import ReadLog
from services.agreements.refusals import AgreementNotFound, AlreadyDrafted
from services.agreements.stored import Stored
from services.agreements.terms import Change, Terms, difference
from services.agreements.views import AgreementList, Listed
from services.chassis.context import Context
from services.chassis.event_store import EventStore, RestsOnThePast
from services.chassis.events import Recorded
from services.chassis.repository import Repository, Versioned
from services.vocabulary.errors import Unavailable, invalid
from services.vocabulary.identity import Caller
from services.vocabulary.period import Instant, day_of, instant_of, parse_zone

_LOST_RACES = 8


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An agreement as of a civil day; `terms` is None where nothing was in force on the day that was asked for."""

    id: UUID
    version: int
    status: Status
    terms: TermsVersion | None
    pending: TermsVersion | None
    signatures: tuple[Signature, ...]
    last_day: date | None
    comments: tuple[Comment, ...]
    notice_given_by: str
    request: Request | None
    suspensions: tuple[Suspension, ...]
    reviews: tuple[Review, ...]


@dataclass(frozen=True, kw_only=True)
class ListPage:
    """`next_cursor` is None on the last page."""

    items: Sequence[Listed]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class TermsInForce:
    """By effective date, each version until the next one's; `last_day` None: open-ended. Days of `suspensions` are judged by nothing."""

    versions: tuple[TermsVersion, ...]
    last_day: date | None
    suspensions: tuple[Suspension, ...]


class Agreements:
    """What can be done with agreements. An agreement that the caller may not see answers `AgreementNotFound`, whatever is asked of it."""

    def __init__(self, store: EventStore[Stored], listing: AgreementList, keyrings: Keyrings, reads: ReadLog) -> None:
        self._store: EventStore[Fact] = store.narrowed()
        self._repository: Repository[Agreement, Fact] = Repository(self._store, evolved)
        self._listing = listing
        self._keyrings = keyrings
        self._reads = reads

    async def draft(self, terms: Terms, *, name: str = "", context: Context) -> Snapshot:
        """A repeated request finds the agreement that its first attempt made. Refuses with `AlreadyDrafted` a name that is taken."""
        agreement_id = agreement_named(name, terms) if name else _new_id(context)
        by = context.caller.organisation

        def decide(agreement: Agreement | None) -> Sequence[Fact]:
            facts = negotiation.draft(terms, by=by)
            if agreement is not None:
                raise AlreadyDrafted(name)
            return facts

        drafted = await self._repository.execute(agreement_id, decide, context=context)
        return snapshot_of(agreement_id, drafted, context)

    async def revise(self, agreement_id: UUID, terms: Terms, *, expected_version: int | None, context: Context) -> Snapshot:
        by = context.caller.organisation
        return await self.change(agreement_id, lambda agreement: negotiation.revise(agreement, terms, by=by), expected_version, context)

    async def propose(
        self, agreement_id: UUID, *, valid_until: Instant | None = None, expected_version: int | None, context: Context
    ) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            by = context.caller.organisation
            return negotiation.propose(agreement, by=by, valid_until=valid_until, recorded_at=context.recorded_at)

        return await self.change(agreement_id, decide, expected_version, context)

    async def withdraw(self, agreement_id: UUID, *, expected_version: int | None, context: Context) -> Snapshot:
        by = context.caller.organisation
        return await self.change(agreement_id, lambda agreement: negotiation.withdraw(agreement, by=by), expected_version, context)

    async def sign(
        self, agreement_id: UUID, note: str, *, named_digest: str = "", expected_version: int | None, context: Context
    ) -> Snapshot:
        """The caller signs for its own organisation, in its own name and with its own key; `note` is the signed note.

        A key that is revoked at the same moment either signs before that or not at all.
        """
        for _ in range(_LOST_RACES):
            with suppress(RestsOnThePast):
                return await self._sign(agreement_id, note, named_digest, expected_version, context)
        raise Unavailable("the keys of the organisation change all the time; try again")

    async def _sign(self, agreement_id: UUID, note: str, named_digest: str, expected_version: int | None, context: Context) -> Snapshot:
        caller = context.caller
        keyring, version = await self._keyrings.versioned(caller.organisation)

        def decide(agreement: Agreement) -> Sequence[Fact]:
            return negotiation.sign(
                agreement,
                agreement_id=agreement_id,
                note=note,
                keyring=keyring,
                named_digest=named_digest,
                by=caller.organisation,
                signatory=caller.subject,
                recorded_at=context.recorded_at,
            )

        return await self.change(agreement_id, decide, expected_version, context, {keyring_id(caller.organisation): version})

    async def propose_amendment(
        self,
        agreement_id: UUID,
        terms: Terms,
        *,
        effective_on: date,
        valid_until: Instant | None = None,
        expected_version: int | None,
        context: Context,
    ) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            return negotiation.propose_amendment(
                agreement,
                terms,
                effective_on=effective_on,
                valid_until=valid_until,
                reason=context.reason,
                by=context.caller.organisation,
                recorded_at=context.recorded_at,
            )

        return await self.change(agreement_id, decide, expected_version, context)

    async def terminate(self, agreement_id: UUID, *, last_day: date, expected_version: int | None, context: Context) -> Snapshot:
        def decide(agreement: Agreement) -> Sequence[Fact]:
            by = context.caller.organisation
            return lifecycle.terminate(agreement, last_day=last_day, by=by, recorded_at=context.recorded_at)

        return await self.change(agreement_id, decide, expected_version, context)

    async def pass_time(self, agreement_id: UUID, context: Context) -> tuple[bool, Instant | None]:
        """Whether anything was due, which is told now, and when to look again; None: not before something else happens."""
        happened, known = False, await self._loaded(agreement_id)
        while found := passing.due(known, recorded_at=context.recorded_at):
            decide, reason = found
            known = await self._told(agreement_id, decide, replace(context, reason=reason))
            happened = True
        return happened, passing.next_look(known, recorded_at=context.recorded_at)

    async def _loaded(self, agreement_id: UUID) -> Agreement:
        found = await self._repository.load(agreement_id)
        assert found is not None, "a stream that was seen does not vanish"
        return found.state

    async def _told(self, agreement_id: UUID, decide: passing.ByTime, context: Context) -> Agreement:
        told = await self._repository.execute(
            agreement_id, lambda agreement: decide(_existing(agreement), recorded_at=context.recorded_at), context=context
        )
        return told.state

    async def get(self, agreement_id: UUID, *, as_of: date | None = None, known_at: datetime | None = None, context: Context) -> Snapshot:
        """As of a day (without one: today, and the nearest terms outside the term), by what was recorded until an instant."""
        known = await self.known(agreement_id, known_at=known_at, context=context)
        return snapshot_of(agreement_id, known, context, as_of=as_of)

    async def page(self, *, status: Status | None, cursor: str, limit: int, context: Context) -> ListPage:
        """Refuses with `Invalid` a cursor that no page gave."""
        if cursor and not (cursor.isdecimal() and len(cursor) < 19):
            raise invalid("cursor", "must be the cursor of a page before")
        before = int(cursor) if cursor else None
        now = instant_of(context.recorded_at)
        rows = await self._listing.page(context.caller, status=status, before=before, limit=limit + 1, now=now)
        more = len(rows) > limit
        items = rows[:limit]
        return ListPage(items=items, next_cursor=str(items[-1].drafted_position) if more else None)

    async def snapshots(self, agreement_ids: Sequence[UUID], *, context: Context) -> list[Snapshot]:
        """Each as it is now; left out is what the caller may not see, or no more: a page of the list is a moment older."""
        found: list[Snapshot] = []
        for agreement_id in agreement_ids:
            with suppress(AgreementNotFound):
                found.append(await self.get(agreement_id, context=context))
        return found

    async def history(self, agreement_id: UUID, *, known_at: datetime | None, context: Context) -> list[Recorded[Fact]]:
        await self.known(agreement_id, known_at=known_at, context=context)
        return await self._store.load(agreement_id, known_at=known_at)

    async def version(self, agreement_id: UUID, number: int, *, context: Context) -> tuple[TermsVersion, int]:
        """The version of the terms and the version of the stream it was read from."""
        known = await self.known(agreement_id, context=context)
        return known.state.version(number), known.version

    async def diff(self, agreement_id: UUID, *, before: int, after: int, context: Context) -> tuple[tuple[Change, ...], int]:
        """What changed between two versions of the terms, and the version of the stream it was read from."""
        known = await self.known(agreement_id, context=context)
        return difference(known.state.version(before).terms, known.state.version(after).terms), known.version

    async def terms_in_force(
        self, agreement_id: UUID, *, first: date, last: date, known_at: datetime | None, context: Context
    ) -> TermsInForce:
        """Everything that any day of [first, last] is judged by; nothing before both have signed."""
        if last < first:
            raise invalid("to_day", f"must not be before from_day {first}")
        known = await self.known(agreement_id, known_at=known_at, context=context)
        state = known.state
        return TermsInForce(versions=state.terms_between(first, last), last_day=state.last_day, suspensions=state.suspensions)

    async def change(
        self,
        agreement_id: UUID,
        decide: Callable[[Agreement], Sequence[Fact]],
        expected_version: int | None,
        context: Context,
        resting_on: Mapping[UUID, int] | None = None,
    ) -> Snapshot:
        """What a decision of the caller's comes to. Refuses with `AgreementNotFound` and `StaleVersion`, and as the decision does.

        `resting_on` as for the repository.
        """
        await self._visible(agreement_id, context.caller)
        changed = await self._repository.execute(
            agreement_id,
            lambda agreement: decide(_existing(agreement)),
            context=context,
            expected_version=expected_version,
            resting_on=resting_on,
        )
        return snapshot_of(agreement_id, changed, context)

    async def known(self, agreement_id: UUID, *, known_at: datetime | None = None, context: Context) -> Versioned[Agreement]:
        """For whoever may see it, by what was recorded until an instant. Every answer about an agreement comes by here, and is a read."""
        newest = await self._visible(agreement_id, context.caller)
        known = newest if known_at is None else await self._repository.load(agreement_id, known_at=known_at)
        if known is None:
            raise AgreementNotFound(agreement_id)
        await self._reads.note(agreement_id, context)
        return known

    async def _visible(self, agreement_id: UUID, caller: Caller) -> Versioned[Agreement]:
        """Who may see it is decided by the newest terms, whatever instant is asked for."""
        newest = await self._repository.load(agreement_id)
        if newest is None or not caller.speaks_for_any(newest.state.readers):
            raise AgreementNotFound(agreement_id)
        return newest


def _new_id(context: Context) -> UUID:
    return uuid5(NAMESPACE_URL, f"upheld:agreement:{context.request.key}") if context.request else uuid4()


def evolved(agreement: Agreement | None, recorded: Recorded[Fact]) -> Agreement:
    return evolve(agreement, recorded.event, recorded_at=recorded.metadata.recorded_at)


def _existing(agreement: Agreement | None) -> Agreement:
    assert agreement is not None, "a stream that was seen does not vanish"
    return agreement


def snapshot_of(agreement_id: UUID, known: Versioned[Agreement], context: Context, *, as_of: date | None = None) -> Snapshot:
    """As of a day; without one, today in its own zone."""
    agreement = known.state
    today = day_of(instant_of(context.recorded_at), parse_zone(agreement.newest.terms.zone))
    return Snapshot(
        id=agreement_id,
        version=known.version,
        status=agreement.status_on(as_of) if as_of else agreement.status_today(today),
        terms=agreement.terms_on(as_of) if as_of else agreement.shown_on(today),
        pending=agreement.pending,
        signatures=agreement.signatures,
        last_day=agreement.last_day,
        comments=agreement.comments,
        notice_given_by=agreement.notice.organisation if agreement.notice else "",
        request=agreement.request,
        suspensions=agreement.suspensions,
        reviews=agreement.reviews,
    )
