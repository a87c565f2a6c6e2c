"""Whether what an agreement's bundle says follows from its events: terms, signatures, keys and the state, by the rules of the live path.

Pure: takes the bytes as its log has proved them, opens nothing, and needs the standard library and `cryptography` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from uuid import UUID

from services.agreements import keys, negotiation
from services.agreements.agreement import Agreement
from services.agreements.decided_again import follows
from services.agreements.evolve import evolve
from services.agreements.facts import Activated, Amended, AmendmentProposed, CounterOffered, Drafted, Fact, Revised, Signed
from services.agreements.keys import KeyFact, KeyRegistered, KeyRevoked, Keyring, KeyRotated, keyring_id
from services.agreements.readback import ReadFact, UnreadableFact, read_fact
from services.transparency.bundle import Bundle, Log, Node, StoredEvent, Stream, canonical
from services.transparency.person import Names, is_erased
from services.transparency.verify import Check, failed, notice, ok
from services.vocabulary.errors import Refusal
from services.vocabulary.identity import OrganisationId
from services.vocabulary.period import datetime_of, parse_instant, zone_names

SERVICE = "agreements"
_WITH_TERMS = (Drafted, Revised, CounterOffered, AmendmentProposed, Activated, Amended)


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event of the log, read."""

    stream: UUID
    event: StoredEvent
    read: ReadFact

    @property
    def fact(self) -> Fact | KeyFact:
        return self.read.fact


@dataclass(kw_only=True)
class Replay:
    """What the events so far come to, and what did not follow."""

    agreement_id: UUID
    agreement: Agreement | None = None
    keyrings: dict[OrganisationId, Keyring] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    with_key: int = 0
    due: Fact | None = None


def state_of(agreement: Agreement) -> Node:
    """What a bundle says that its history comes to. What has not happened has no key: so bundles read that were written before it could."""
    return {
        "status": agreement.status,
        "first_day": agreement.first_day.isoformat(),
        "last_day": agreement.last_day.isoformat() if agreement.last_day else "",
        "versions": [
            {
                "number": version.number,
                "digest": version.digest,
                "effective_on": version.effective_on.isoformat(),
                "recorded_at": version.recorded_at,
            }
            for version in agreement.signed
        ],
        "pending": agreement.pending.digest if agreement.pending else "",
        "signatures": [
            {
                "terms_version": each.terms_version,
                "digest": each.digest,
                "role": each.role,
                "organisation": each.organisation,
                "signatory": each.signatory,
                "signed_at": each.signed_at,
                "key": each.key,
            }
            for each in agreement.signatures
        ],
        **{name: node for name, node in _life_of(agreement).items() if node},
    }


def _life_of(agreement: Agreement) -> Mapping[str, Node]:
    return {
        "comments": [
            {
                "terms_version": each.terms_version,
                "place": each.place,
                "text": each.text,
                "organisation": each.organisation,
                "subject": each.subject,
                "recorded_at": each.recorded_at,
            }
            for each in agreement.comments
        ],
        "suspensions": [
            {
                "first_day": each.first_day.isoformat(),
                "last_day": each.last_day.isoformat() if each.last_day else "",
                "reason": each.reason,
                "recorded_at": each.recorded_at,
            }
            for each in agreement.suspensions
        ],
        "notice_given_by": agreement.notice.organisation if agreement.notice else "",
        "reviews": [
            {
                "due_on": each.due_on.isoformat(),
                "held_on": each.held_on.isoformat() if each.held_on else "",
                "minutes": each.minutes,
                "organisation": each.organisation,
            }
            for each in agreement.reviews
        ],
    }


def documents_of(facts: Sequence[Fact | KeyFact]) -> Mapping[str, str]:
    """The terms documents that they carry, by digest."""
    return {fact.digest: fact.document for fact in facts if isinstance(fact, _WITH_TERMS)}


def check_history(bundle: Bundle) -> list[Check]:
    """Of a bundle whose log holds."""
    log = bundle.log(SERVICE)
    stream = None if log is None else next((each for each in log.streams if str(each.id) == bundle.agreement_id), None)
    if log is None or stream is None or not stream.events:
        return [failed("history", SERVICE, f"the events of the agreement {bundle.agreement_id} are not here")]
    try:
        told = read_told(log)
    except UnreadableFact as refusal:
        return [failed("history", log.name, refusal.message)]
    replay = replayed(told, stream.id)
    return [
        *_strangers(log, replay.agreement, stream),
        *_terms(bundle, told),
        *replay.checks,
        *_signatures(replay),
        *_state(bundle, replay),
    ]


def read_told(log: Log) -> list[Told]:
    """Refuses with `UnreadableFact`."""
    named = [(each, each.names()) for each in log.streams]
    return [_told(stream, names, event) for stream, names in named for event in stream.events]


def replayed(told: Sequence[Told], agreement_id: UUID) -> Replay:
    """In the order of the log, so that of a key and a signature it is known which came first."""
    replay = Replay(agreement_id=agreement_id)
    if not zone_names():
        replay.checks.append(
            failed("rules", SERVICE, "signatures, keys and state were not checked: this machine has no time zones; install tzdata")
        )
        return replay
    for each in sorted(told, key=lambda each: each.event.position):
        try:
            _follow(replay, each)
        except (Refusal, AssertionError) as fault:
            replay.checks.append(failed("rules", str(each.stream), f"{each.event} does not follow: {fault}"))
            return replay
    if replay.due is not None:
        replay.checks.append(failed("rules", str(agreement_id), f"after the last signature {type(replay.due).__name__} has to follow"))
    return replay


def _told(stream: Stream, names: Names, event: StoredEvent) -> Told:
    try:
        return Told(stream=stream.id, event=event, read=read_fact(event.name, event.content, names))
    except UnreadableFact as refusal:
        raise UnreadableFact(str(event), refusal.message) from None


def _follow(replay: Replay, told: Told) -> None:
    fact = told.fact
    if isinstance(fact, KeyRegistered | KeyRotated | KeyRevoked):
        _follow_key(replay, told, fact)
        return
    if told.stream != replay.agreement_id:
        raise UnreadableFact(str(told.event), "is in the stream of something else")
    due, replay.due = replay.due, None
    if due is not None and not _is_the_same(due, fact):
        raise UnreadableFact(str(told.event), f"must be what both signatures put in force, {type(due).__name__}")
    if isinstance(fact, Signed):
        replay.due = _signed(replay, told, fact)
    elif isinstance(fact, Activated | Amended) and due is None:
        raise UnreadableFact(str(told.event), "puts in force what not both have signed")
    elif replay.agreement is not None and not follows(replay.agreement, fact, told.read.recorded_at):
        raise UnreadableFact(str(told.event), "says something else than what was decided")
    replay.agreement = evolve(replay.agreement, fact, recorded_at=told.read.recorded_at)


def _is_the_same(due: Fact, fact: Fact) -> bool:
    """Its document is compared by the digest that it must have."""
    if isinstance(due, Activated | Amended) and isinstance(fact, Activated | Amended):
        return replace(due, document=fact.document) == fact
    return due == fact


def _signed(replay: Replay, told: Told, fact: Signed) -> Fact | None:
    """What has to follow on the signature; decided once more as it was decided then."""
    agreement = replay.agreement
    assert agreement is not None, "a stream begins with a draft"
    if not fact.note and told.event.name == "agreement.signed.v1":
        return _signed_without_key(replay, told, agreement, fact)
    decided = negotiation.sign(
        agreement,
        agreement_id=replay.agreement_id,
        note=fact.note,
        keyring=replay.keyrings.get(fact.organisation),
        named_digest=fact.digest,
        by=fact.organisation,
        signatory=fact.signatory,
        recorded_at=datetime_of(parse_instant(told.read.recorded_at, place="recorded_at")),
    )
    if decided[0] != fact:
        raise UnreadableFact(str(told.event), "says something else than what was signed")
    replay.with_key += 1
    if is_erased(fact.signatory):
        rule = f"{told.event}: signed with the key {_key_id(fact.key)}; the name of its owner, {fact.signatory}, was erased"
        replay.checks.append(notice("signature", str(replay.agreement_id), rule))
    return decided[1] if len(decided) > 1 else None


def _signed_without_key(replay: Replay, told: Told, agreement: Agreement, fact: Signed) -> Fact | None:
    pending = agreement.pending
    if pending is None or (fact.terms_version, fact.digest) != (pending.number, pending.digest):
        raise UnreadableFact(str(told.event), "is of other terms than those that waited for signatures")
    if agreement.newest.terms.role_of(fact.organisation) != fact.role:
        raise UnreadableFact(str(told.event), f"is not by the {fact.role}")
    if fact.organisation in replay.keyrings:
        raise UnreadableFact(str(told.event), f"is without a key, and {fact.organisation} had registered one before")
    rule = f"{told.event}: {fact.signatory} of {fact.organisation} signed without a key; the log alone says so"
    replay.checks.append(notice("signature", str(replay.agreement_id), rule))
    others = {each.role for each in agreement.signatures if each.terms_version == pending.number}
    if fact.role in others:
        raise UnreadableFact(str(told.event), f"is a second signature of the {fact.role}")
    return negotiation.in_force(agreement, pending) if others else None


def _follow_key(replay: Replay, told: Told, fact: KeyFact) -> None:
    """A registration and a rotation are signed themselves, so they are decided once more."""
    organisation = fact.organisation
    if told.stream != keyring_id(organisation):
        raise UnreadableFact(str(told.event), "is in the keyring of somebody else")
    before = replay.keyrings.get(organisation)
    if not isinstance(fact, KeyRevoked) and is_erased(fact.subject):
        rule = f"{told.event}: what was signed names somebody whose name was erased, and cannot be checked any more; the log alone says so"
        replay.checks.append(notice("key", str(told.stream), rule))
        replay.keyrings[organisation] = keys.evolve(before, fact, recorded_at=told.read.recorded_at)
        return
    if isinstance(fact, KeyRegistered):
        decided = keys.register(before, note=fact.note, organisation=organisation, subject=fact.subject)
    elif isinstance(fact, KeyRotated):
        decided = keys.rotate(before, key_id=fact.replaced, note=fact.note, organisation=organisation, subject=fact.subject)
    else:
        decided = keys.revoke(
            before, key_id=fact.key_id, reason=fact.reason, organisation=organisation, subject=fact.revoked_by, administers=True
        )
    if decided != (fact,):
        raise UnreadableFact(str(told.event), "says something else than what was signed")
    replay.keyrings[organisation] = keys.evolve(before, fact, recorded_at=told.read.recorded_at)


def _strangers(log: Log, agreement: Agreement | None, own: Stream) -> Iterator[Check]:
    parties = [party.organisation for party in agreement.newest.terms.parties] if agreement else []
    expected = {own.id, *map(keyring_id, parties)}
    for stream in log.streams:
        if agreement is not None and stream.id not in expected:
            yield failed("history", log.name, f"stream {stream.id} is neither the agreement's nor a keyring of its parties")


def _terms(bundle: Bundle, told: Sequence[Told]) -> Iterator[Check]:
    carried = documents_of([each.fact for each in told])
    for each in told:
        fact = each.fact
        if isinstance(fact, _WITH_TERMS) and _digest(fact.document) != fact.digest:
            yield failed("terms", str(each.stream), f"{each.event} names another digest than that of its terms")
    for digest, document in bundle.terms.items():
        if _digest(document) != digest:
            yield failed("terms", digest, "is not the digest of this document")
        elif digest not in carried:
            yield failed("terms", digest, "no event of the history carries these terms")
    for digest in carried:
        if digest not in bundle.terms:
            yield failed("terms", digest, "the document is missing")
    if carried == bundle.terms:
        yield ok("terms", SERVICE, f"{len(carried)} documents, each with the digest that was signed or offered")


def _signatures(replay: Replay) -> Iterator[Check]:
    if replay.with_key:
        told = f"{replay.with_key} with keys that were registered to their signatories then, and not revoked"
        yield ok("signatures", SERVICE, told)


def _state(bundle: Bundle, replay: Replay) -> Iterator[Check]:
    if replay.agreement is None or any(check.outcome == "failed" for check in replay.checks):
        return
    state = state_of(replay.agreement)
    if canonical(state) == canonical(bundle.state):
        yield ok(
            "state", SERVICE, f"recomputed: {replay.agreement.status}, {len(replay.agreement.signed)} versions of the terms signed by both"
        )
    else:
        yield failed("state", SERVICE, "what the bundle says of the agreement does not follow from its events")


def _key_id(key: str) -> str:
    return key.split("+")[1]


def _digest(document: str) -> str:
    return sha256(document.encode()).hexdigest()
