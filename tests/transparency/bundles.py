"""Bundles of agreements that never were in a platform: their events decided by the rules, packed as the store packs, sealed in memory."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.agreements import keys, lifecycle, negotiation
from services.agreements.agreement import Agreement
from services.agreements.audit import documents_of, state_of
from services.agreements.evolve import evolve
from services.agreements.facts import Signed
from services.agreements.keys import Keyring, keyring_id
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.agreements.terms import Terms, digest
from services.chassis.events import Metadata, Registry
from services.measurement.audit import CLOSED, RESTATED
from services.transparency.bundle import Bundle, Log, Node, StoredEvent, Stream
from services.transparency.entry import entry_of
from services.transparency.heads import Heads
from services.transparency.merkle import consistency_proof, inclusion_proof, leaf_hash
from services.transparency.note import Checkpoint, Signer, VerifierKey, with_signatures
from services.transparency.rotation import rotation
from services.transparency.tiles import Tiles
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import datetime_of, instant_of, instant_text
from tests.agreements.support import CUSTOMER, MARCH_9, PROVIDER, availability_of, terms
from tests.signing import note_under, registration
from tests.signing import rotation as key_rotation

_SEEDS = (b"1" * 32, b"2" * 32)
WITNESS = Signer("bank.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
TARGETS = ("99.9", "99.5", "99.95", "99", "98.5")
_REGISTRY: Registry[Stored] = Registry(STORED, upcasters=UPCASTERS)
_SIGNATORY = {PROVIDER: "ana", CUSTOMER: "ben"}


def signers(log: str) -> list[Signer]:
    """The first key and the one after it."""
    return [Signer(log, Ed25519PrivateKey.from_private_bytes(seed)) for seed in _SEEDS]


def given_key(log: str = "upheld/agreements") -> VerifierKey:
    """The one that the auditor was given once."""
    return signers(log)[0].key


@lru_cache(maxsize=32)
def terms_of(target: str) -> Terms:
    return terms(availability_of(target))


@dataclass(frozen=True, kw_only=True)
class Written:
    stream: UUID
    version: int
    name: str
    content: bytes


@dataclass(kw_only=True)
class Book:
    """One service's events in the order of its log."""

    name: str
    events: list[Written] = field(default_factory=list)
    versions: dict[UUID, int] = field(default_factory=dict)

    def append(self, stream: UUID, name: str, content: bytes) -> None:
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        self.events.append(Written(stream=stream, version=version, name=name, content=content))

    def log(self, streams: Sequence[UUID], *, size: int | None = None, rotated: bool = False, since: Sequence[int] = ()) -> Log:
        """As it was when it had that size."""
        told = self.events[:size]
        tiles, heads = Tiles(0, lambda _level, _number: b""), Heads()
        entries = [
            entry_of(position=at, stream=each.stream, version=each.version, name=each.name, stored=each.content)
            for at, each in enumerate(told, start=1)
        ]
        tiles.append(leaf_hash(bytes(entry)) for entry in entries)
        heads.follow((entry.stream, entry.version) for entry in entries)
        first, second = signers(self.name)
        signer = second if rotated else first
        text = str(Checkpoint(self.name, len(told), tiles.root(), (str(heads.root),)))
        note = with_signatures(signer.note(text), [WITNESS.cosign(text, at=1_774_000_000)])
        return Log(
            name=self.name,
            keys=(str(first.key), str(second.key)) if rotated else (str(first.key),),
            rotations=(str(rotation(first, second.key)),) if rotated else (),
            checkpoint=str(note),
            streams=tuple(
                Stream(
                    id=stream,
                    events=tuple(
                        StoredEvent(
                            position=at + 1,
                            version=each.version,
                            name=each.name,
                            content=each.content,
                            index=at,
                            siblings=tuple(inclusion_proof(at, len(told), tiles.node)),
                        )
                        for at, each in enumerate(told)
                        if each.stream == stream
                    ),
                    head=heads.proof(stream),
                )
                for stream in streams
                if stream in heads.newest
            ),
            since={each: tuple(consistency_proof(each, len(told), tiles.node)) for each in since},
        )


class Life:
    """An agreement's, at random; the same seed lives the same."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.id = UUID(int=self.chance.getrandbits(128), version=4)
        self.book = Book(name="upheld/agreements")
        self.figures = Book(name="upheld/measurement")
        self.agreement: Agreement | None = None
        self.keyrings: dict[OrganisationId, Keyring] = {}
        self.facts: list[Stored] = []
        self.now = MARCH_9
        self.sizes: list[int] = []
        self._with_keys = self.chance.random() < 0.9
        self._live()
        self._close_periods()

    @property
    def streams(self) -> list[UUID]:
        return [self.id, keyring_id(PROVIDER), keyring_id(CUSTOMER)]

    def bundle(self, *, size: int | None = None) -> Bundle:
        """The file, as of the size of agreements' log."""
        rotated = self.id.int % 3 == 0
        logs = [self.book.log(self.streams, size=size, rotated=rotated)]
        if self.figures.events:
            logs.append(self.figures.log(list(self.figures.versions), rotated=rotated))
        facts, agreement = self.facts, self.agreement
        if size is not None:
            own = [each for each in self.book.events[:size] if each.stream in self.streams]
            facts, agreement = [], None
            for each in own:
                _, fact, metadata = _REGISTRY.unpack(each.name, each.content)
                facts.append(fact)
                if each.stream == self.id:
                    agreement = evolve(agreement, fact, recorded_at=metadata.recorded_at)  # type: ignore[arg-type]
        assert agreement is not None
        return Bundle(
            agreement_id=str(self.id),
            exported_at=instant_text(instant_of(self.now)),
            logs=tuple(logs),
            terms=documents_of(facts),
            state=state_of(agreement),
            evidence=(),
        )

    def _live(self) -> None:
        if self._with_keys:
            for organisation in (PROVIDER, CUSTOMER):
                self._keyring(organisation)
        self._tell(*negotiation.draft(self._terms(), by=PROVIDER))
        if self.chance.random() < 0.4:
            self._tell(*negotiation.revise(self._agreement, self._terms(), by=CUSTOMER))
        self._propose_and_sign(negotiation.propose(self._agreement, by=PROVIDER, recorded_at=self.now))
        for _ in range(self.chance.randrange(3)):
            others = [each for each in TARGETS if digest(terms_of(each)) != self._agreement.newest.digest]
            amended = terms_of(self.chance.choice(others))
            day = date(2026, 1, 1) + timedelta(days=self.chance.randrange(90))
            proposed = negotiation.propose_amendment(
                self._agreement, amended, effective_on=day, reason="agreed", by=CUSTOMER, recorded_at=self.now
            )
            self._propose_and_sign(proposed)
        if self.chance.random() < 0.2:
            self._tell(*lifecycle.terminate(self._agreement, last_day=date(2026, 6, 30), by=CUSTOMER, recorded_at=self.now))
        self._somebody_else()

    @property
    def _agreement(self) -> Agreement:
        assert self.agreement is not None
        return self.agreement

    def _terms(self) -> Terms:
        return terms_of(self.chance.choice(TARGETS))

    def _propose_and_sign(self, proposal: Sequence[Stored]) -> None:
        self._tell(*proposal)
        if self.chance.random() < 0.2:
            withdrawn = self._agreement.pending
            assert withdrawn is not None
            self._tell(*negotiation.withdraw(self._agreement, by=CUSTOMER))
            self._tell(*proposal)
        parties = [PROVIDER, CUSTOMER]
        self.chance.shuffle(parties)
        for organisation in parties:
            self._sign(organisation)

    def _sign(self, organisation: OrganisationId) -> None:
        subject = _SIGNATORY[organisation]
        if not self._with_keys:
            self._sign_without_key(organisation, subject)
            return
        facts = negotiation.sign(
            self._agreement,
            agreement_id=self.id,
            note=note_under(self._agreement, self.id, organisation, subject),
            keyring=self.keyrings[organisation],
            by=organisation,
            signatory=subject,
            recorded_at=self.now,
        )
        self._tell(*facts, by=subject)

    def _sign_without_key(self, organisation: OrganisationId, subject: str) -> None:
        pending = self._agreement.pending
        role = self._agreement.newest.terms.role_of(organisation)
        assert pending is not None
        assert role is not None
        signed = Signed(
            terms_version=pending.number, digest=pending.digest, role=role, organisation=organisation, signatory=subject, key="", note=""
        )
        second = any(each.terms_version == pending.number for each in self._agreement.signatures)
        follows = (negotiation.in_force(self._agreement, pending),) if second else ()
        self._tell(signed, *follows, by=subject)

    def _keyring(self, organisation: OrganisationId) -> None:
        own = _SIGNATORY[organisation]
        self._tell_key(keys.register(None, note=registration(organisation, own), organisation=organisation, subject=own), organisation)
        if self.chance.random() < 0.25:
            facts = keys.register(
                self.keyrings[organisation], note=registration(organisation, "eve"), organisation=organisation, subject="eve"
            )
            self._tell_key(facts, organisation)
            note = key_rotation(organisation, "eve")
            self._tell_key(keys.rotate(self.keyrings[organisation], note=note, organisation=organisation, subject="eve"), organisation)
            last = self.keyrings[organisation].keys[-1].id
            revoked = keys.revoke(
                self.keyrings[organisation], key_id=last, reason="left", organisation=organisation, subject="boss", administers=True
            )
            self._tell_key(revoked, organisation)

    def _tell_key(self, facts: Sequence[keys.KeyFact], organisation: OrganisationId) -> None:
        for fact in facts:
            at = self._store(keyring_id(organisation), fact, by="somebody")
            self.keyrings[organisation] = keys.evolve(self.keyrings.get(organisation), fact, recorded_at=at)

    def _tell(self, *facts: Stored, by: str = "manager") -> None:
        for fact in facts:
            at = self._store(self.id, fact, by=by)
            self.agreement = evolve(self.agreement, fact, recorded_at=at)  # type: ignore[arg-type]
        self._somebody_else()

    def _store(self, stream: UUID, fact: Stored, *, by: str) -> str:
        metadata = self._metadata(by)
        name, content = _REGISTRY.name_of(fact), _REGISTRY.pack(fact, metadata)
        if isinstance(fact, Signed) and not fact.note:
            stored = json.loads(content)
            del stored["event"]["key"], stored["event"]["note"]
            name, content = "agreement.signed.v1", json.dumps(stored, separators=(",", ":")).encode()
        self.book.append(stream, name, content)
        self.facts.append(fact)
        self.sizes.append(len(self.book.events))
        return metadata.recorded_at

    def _metadata(self, by: str) -> Metadata:
        self.now += timedelta(minutes=self.chance.randrange(1, 500))
        return Metadata(
            event_id=str(UUID(int=self.chance.getrandbits(128), version=4)),
            recorded_at=instant_text(instant_of(self.now)),
            actor=by,
            organisation=PROVIDER,
            reason="",
            tool="",
            correlation_id="",
            causation_id="",
            traceparent="",
        )

    def _somebody_else(self) -> None:
        """Events of streams that are nobody's business here."""
        for _ in range(self.chance.randrange(2)):
            stream = UUID(int=self.chance.randrange(6), version=4)
            self.book.append(stream, "agreement.drafted.v1", self.chance.randbytes(40))

    def _close_periods(self) -> None:
        for month in range(1, 1 + self.chance.randrange(3)):
            period = f"2026-{month:02}"
            stream = uuid5(NAMESPACE_URL, f"upheld:assessment:{self.id}:{period}")
            before: dict[str, Node] | None = None
            for revision in range(1, 2 + self.chance.randrange(2)):
                amount = f"{self.chance.randrange(500)}.00"
                document: dict[str, Node] = {
                    "agreement_id": str(self.id),
                    "period": period,
                    "revision": revision,
                    "credit": {"amount": amount, "currency": "EUR"},
                    "objectives": [],
                }
                told: dict[str, Node] = {"agreement_id": str(self.id), "period": period, "assessment": document}
                if before is not None:
                    difference = int(amount[:-3]) - int(str(before["credit"]["amount"])[:-3])  # type: ignore[index,call-overload]
                    told |= {"previous": before, "credit_difference": f"{difference}.00"}
                metadata = {"recorded_at": instant_text(instant_of(datetime_of(instant_of(self.now))))}
                content = json.dumps({"metadata": metadata, "event": told}, separators=(",", ":")).encode()
                self.figures.append(stream, RESTATED if before else CLOSED, content)
                before = document
            self.figures.append(UUID(int=month), "objective.breached.v1", self.chance.randbytes(30))
        self.figures.versions = {key: value for key, value in self.figures.versions.items() if key.int > 100}
