"""The use cases of signing keys: load, decide, save. Knows no door; the rules decide, the chassis stores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.agreements import keys as rules
from services.agreements.keys import KeyFact, Keyring, SigningKey, keyring_id
from services.agreements.stored import Stored
from services.agreements.views import AgreementList
from services.chassis.context import Context
from services.chassis.event_store import EventStore
from services.chassis.events import Recorded
from services.chassis.repository import Repository
from services.vocabulary.identity import OrganisationId, Role


class Keyrings:
    """What can be done with keys: each of the caller's own organisation. A key's private half is nowhere here."""

    def __init__(self, store: EventStore[Stored], listing: AgreementList) -> None:
        self._repository: Repository[Keyring, KeyFact] = Repository(store.narrowed(), _evolved)
        self._listing = listing

    async def of(self, organisation: OrganisationId) -> Keyring | None:
        """None: nobody there has ever registered a key."""
        keyring, _ = await self.versioned(organisation)
        return keyring

    async def versioned(self, organisation: OrganisationId) -> tuple[Keyring | None, int]:
        """With the version of its stream, 0: there is none."""
        found = await self._repository.load(keyring_id(organisation))
        return (found.state, found.version) if found else (None, 0)

    async def register(self, note: str, *, context: Context) -> SigningKey:
        """The caller's own key, which has signed its registration."""
        caller = context.caller

        def decide(keyring: Keyring | None) -> Sequence[KeyFact]:
            return rules.register(keyring, note=note, organisation=caller.organisation, subject=caller.subject)

        return (await self._changed(decide, context)).key(rules.key_id_in(note))

    async def rotate(self, note: str, *, key_id: str = "", context: Context) -> SigningKey:
        """In place of the caller's old key, which may be named, the new one, which is answered; both have signed."""
        caller = context.caller

        def decide(keyring: Keyring | None) -> Sequence[KeyFact]:
            return rules.rotate(keyring, note=note, key_id=key_id, organisation=caller.organisation, subject=caller.subject)

        return (await self._changed(decide, context)).key(rules.key_id_in(note))

    async def revoke(self, key_id: str, *, reason: str, context: Context) -> SigningKey:
        """A key of the caller's own, or as an administrator anybody's of the organisation."""
        caller = context.caller

        def decide(keyring: Keyring | None) -> Sequence[KeyFact]:
            return rules.revoke(
                keyring,
                key_id=key_id,
                reason=reason,
                organisation=caller.organisation,
                subject=caller.subject,
                administers=Role.ADMINISTRATOR in caller.roles,
            )

        return (await self._changed(decide, context)).key(key_id)

    async def listed(self, organisation: str, *, context: Context) -> tuple[SigningKey, ...]:
        """In order of registration, the caller's own organisation's where none is named; of one that the caller has no agreement with,
        none. Who may newly see it does so a moment after the agreement was drafted."""
        wanted = OrganisationId(organisation or context.caller.organisation)
        if not await self._listing.deals_with(context.caller, wanted):
            return ()
        keyring = await self.of(wanted)
        return keyring.keys if keyring else ()

    async def _changed(self, decide: Callable[[Keyring | None], Sequence[KeyFact]], context: Context) -> Keyring:
        return (await self._repository.execute(keyring_id(context.caller.organisation), decide, context=context)).state


def _evolved(keyring: Keyring | None, recorded: Recorded[KeyFact]) -> Keyring:
    return rules.evolve(keyring, recorded.event, recorded_at=recorded.metadata.recorded_at)
