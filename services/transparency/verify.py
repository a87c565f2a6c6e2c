"""Whether a bundle's logs hold: its checkpoints by keys that the caller trusts, and every event by the checkpoint. Pure: opens nothing.

What the events mean is for the rooms to check; here they are bytes with a place in a log.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from services.transparency.bundle import Bundle, Log, StoredEvent, Stream
from services.transparency.heads import HeadsRoot, is_head, parse_heads
from services.transparency.merkle import leaf_hash, verify_consistency, verify_inclusion
from services.transparency.note import (
    ED25519,
    BadNote,
    Checkpoint,
    Note,
    VerifierKey,
    cosigned_by,
    parse_checkpoint,
    parse_key,
    parse_note,
    verify,
)
from services.transparency.person import is_erased
from services.transparency.rotation import followed

Outcome = Literal["ok", "failed", "notice"]

CLOCK_SKEW = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was looked at, and what came of it. A notice is for a person to weigh; only what failed refuses the bundle."""

    rule: str
    outcome: Outcome
    place: str
    told: str


def ok(rule: str, place: str, told: str) -> Check:
    return Check(rule=rule, outcome="ok", place=place, told=told)


def failed(rule: str, place: str, told: str) -> Check:
    return Check(rule=rule, outcome="failed", place=place, told=told)


def notice(rule: str, place: str, told: str) -> Check:
    return Check(rule=rule, outcome="notice", place=place, told=told)


def holds(checks: Iterable[Check]) -> bool:
    return not any(check.outcome == "failed" for check in checks)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What the caller brings, none of it from the bundle: keys of logs, of witnesses who must have signed, checkpoints kept from before.

    A key of "<origin>/<service>" is the platform's: it stands for the origin's other services as well, unless they have one here.
    """

    keys: tuple[VerifierKey, ...]
    witnesses: tuple[VerifierKey, ...] = ()
    kept: tuple[str, ...] = ()

    def keys_of(self, log: str) -> tuple[VerifierKey, ...]:
        own = [key for key in self.keys if key.algorithm == ED25519]
        origin = log.rpartition("/")[0]
        named = [key for key in own if key.name == log]
        return tuple(named or [VerifierKey(log, key.public) for key in own if origin and key.name.rpartition("/")[0] == origin])


def check_logs(bundle: Bundle, trust: Trust) -> list[Check]:
    names = [log.name for log in bundle.logs]
    twice = [failed("logs", name, "is in the bundle twice") for name in sorted({each for each in names if names.count(each) > 1})]
    none = [failed("logs", "bundle", "holds no log, so it proves nothing")] if not names else []
    origins = sorted({each.rpartition("/")[0] for each in names})
    mixed = [failed("logs", "bundle", f"holds logs of different platforms: {', '.join(origins)}")] if len(origins) > 1 else []
    return [*none, *twice, *mixed, *_kept_of_no_log(names, trust.kept), *(check for log in bundle.logs for check in _log(log, trust))]


def _kept_of_no_log(names: Collection[str], notes: Iterable[str]) -> Iterator[Check]:
    """What cannot be read is told of each log."""
    for text in notes:
        try:
            kept = parse_checkpoint(parse_note(text).text)
        except BadNote:
            continue
        if kept.origin not in names:
            yield notice("kept-checkpoint", kept.origin, "was compared with nothing: this log is not in the bundle")


def _log(log: Log, trust: Trust) -> Iterator[Check]:
    given = trust.keys_of(log.name)
    if not given:
        yield failed("key", log.name, "no key of this log was given, and the bundle's own word counts for nothing")
        return
    known, trusted, found = _keys(log, given)
    yield from found
    try:
        note = parse_note(log.checkpoint)
        checkpoint = parse_checkpoint(note.text)
    except BadNote as refusal:
        yield failed("checkpoint", log.name, refusal.message)
        return
    yield from _checkpoint(log, note, checkpoint, known=known, trusted=trusted, witnesses=trust.witnesses)
    yield from _kept(log, checkpoint, trusted, trust.kept)
    for size in log.since:
        if size >= checkpoint.size:
            yield failed("since", log.name, f"{size} is no earlier size: the checkpoint is of {checkpoint.size} events")
    heads = next((each for each in map(parse_heads, checkpoint.extensions) if each is not None), None)
    if heads is None:
        yield failed("checkpoint", log.name, "says nothing of the newest versions, so that nothing can be shown to be complete")
        return
    yield from _streams(log, checkpoint, heads)


def _keys(log: Log, given: Sequence[VerifierKey]) -> tuple[list[VerifierKey], list[VerifierKey], list[Check]]:
    """The keys that the bundle names, those that the caller's lead to, and what was found on the way."""
    try:
        listed = [parse_key(text) for text in log.keys]
        chains = {key: followed(key, log.rotations) for key in dict.fromkeys([*given, *listed])}
        statements = [parse_note(text) for text in log.rotations]
    except BadNote as refusal:
        return list(given), list(given), [failed("keys", log.name, refusal.message)]
    trusted = list(dict.fromkeys(each for key in given for each in chains[key]))
    known = list(dict.fromkeys([*trusted, *listed]))
    leading = [key for key in listed if any(each in trusted for each in chains[key])]
    found = [failed("keys", log.name, f"{key} is not linked to what was given") for key in listed if key not in leading]
    unsigned = [note for note in statements if not any(_has_signed(note, key) for key in known)]
    found += [failed("rotation", log.name, f"is signed by no key of the log: {note.text.splitlines()[-1]}") for note in unsigned]
    if not any(key in trusted for key in listed):
        found.append(failed("keys", log.name, "none is named that was given or follows on one"))
    if not found:
        rotations = f", {len(statements)} rotations" if statements else ""
        found.append(ok("keys", log.name, f"{len(listed)} named{rotations}, all linked to what was given"))
    return known, trusted, found


def _has_signed(note: Note, key: VerifierKey) -> bool:
    try:
        verify(note, key)
    except BadNote:
        return False
    return True


def _checkpoint(
    log: Log,
    note: Note,
    checkpoint: Checkpoint,
    *,
    known: Sequence[VerifierKey],
    trusted: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
) -> Iterator[Check]:
    if checkpoint.origin != log.name:
        yield failed("checkpoint", log.name, f"is one of the log {checkpoint.origin}")
    named = {(each.name, each.key_id) for each in note.signatures}
    signed = {key: _has_signed(note, key) for key in known if (key.name, key.id) in named}
    forged = [key for key, is_signed in signed.items() if not is_signed]
    own = {key.id for key in known}
    strangers = [each for each in note.signatures if each.name == log.name and each.key_id not in own]
    if strangers:
        yield failed("checkpoint", log.name, f"is signed in the log's name by a key {strangers[0].key_id.hex()} that it never had")
    if forged:
        yield failed("checkpoint", log.name, f"its signature by the key {forged[0].id.hex()} is not of these bytes")
    elif not any(key in trusted for key in signed):
        yield failed("checkpoint", log.name, "is signed by no key that was given or that follows on one")
    else:
        yield ok("checkpoint", log.name, f"{checkpoint.size} events, signed by the key of the log")
    for witness in witnesses:
        yield _witnessed(log, note, witness)


def _witnessed(log: Log, note: Note, witness: VerifierKey) -> Check:
    try:
        seen = cosigned_by(note, [witness])
    except BadNote as refusal:
        return failed("witness", log.name, refusal.message)
    if not seen:
        return failed("witness", log.name, f"{witness.name} has not signed the checkpoint")
    return ok("witness", log.name, f"{witness.name} has seen the checkpoint")


def _kept(log: Log, checkpoint: Checkpoint, trusted: Collection[VerifierKey], notes: Iterable[str]) -> Iterator[Check]:
    for text in notes:
        try:
            note = parse_note(text)
            kept = parse_checkpoint(note.text)
        except BadNote as refusal:
            yield failed("kept-checkpoint", log.name, refusal.message)
            continue
        if kept.origin != log.name:
            continue
        if not any(_has_signed(note, key) for key in trusted):
            yield failed("kept-checkpoint", log.name, "is not signed by a key that was given or that follows on one")
        elif kept.size > checkpoint.size:
            rule = f"the bundle ends after {checkpoint.size} events, what was kept is of {kept.size}: rolled back, or old"
            yield failed("kept-checkpoint", log.name, rule)
        elif kept.size == checkpoint.size:
            same = kept.root == checkpoint.root and kept.extensions == checkpoint.extensions
            yield (
                ok("kept-checkpoint", log.name, "is the bundle's")
                if same
                else failed("kept-checkpoint", log.name, f"says of the same {kept.size} events something else: the log was forked")
            )
        else:
            yield _grown(log, kept, checkpoint)


def _grown(log: Log, kept: Checkpoint, checkpoint: Checkpoint) -> Check:
    proof = log.since.get(kept.size)
    if proof is None:
        rule = f"is of {kept.size} events: a bundle exported with --since of it shows that the log's {checkpoint.size} begin with them"
        return notice("kept-checkpoint", log.name, rule)
    if not verify_consistency(kept.size, checkpoint.size, proof, kept.root, checkpoint.root):
        return failed("kept-checkpoint", log.name, f"its {kept.size} events are not the beginning of the bundle's {checkpoint.size}")
    return ok("kept-checkpoint", log.name, f"its {kept.size} events are the beginning of the bundle's {checkpoint.size}")


def _streams(log: Log, checkpoint: Checkpoint, heads: HeadsRoot) -> Iterator[Check]:
    seen: set[UUID] = set()
    for stream in log.streams:
        place = f"{log.name} stream {stream.id}"
        if stream.id in seen:
            yield failed("stream", place, "is in the bundle twice")
        seen.add(stream.id)
        found = [*_events(stream, checkpoint, place), *_versions(stream, place), *_head(stream, heads, place), *_people(stream, place)]
        yield from found
        if not found:
            yield ok("stream", place, f"{len(stream.events)} events, complete as of size {checkpoint.size}")
            yield from _times(stream, place)
            yield from _erased(stream, place)


def _events(stream: Stream, checkpoint: Checkpoint, place: str) -> Iterator[Check]:
    for event in stream.events:
        leaf = leaf_hash(bytes(event.entry(stream.id)))
        if not verify_inclusion(leaf, event.index, checkpoint.size, event.siblings, checkpoint.root):
            yield failed("event", place, f"{event} is not in the log as it stands here")


def _versions(stream: Stream, place: str) -> Iterator[Check]:
    before = "the beginning"
    for expected, event in enumerate(stream.events, start=1):
        if event.version != expected:
            yield failed("versions", place, f"version {expected} is missing: {before} is followed by {event}")
            return
        before = str(event)


def _head(stream: Stream, heads: HeadsRoot, place: str) -> Iterator[Check]:
    if not stream.events:
        yield failed("head", place, "version 1 is missing: no event is here")
    elif not is_head(stream.id, stream.events[-1].version, stream.head, heads):
        yield failed(
            "head", place, f"{stream.events[-1]} is not shown to be the last: version {stream.events[-1].version + 1} may be missing"
        )


def _people(stream: Stream, place: str) -> Iterator[Check]:
    """The keys of names are no part of what is hashed; each says by itself which tokens it opens."""
    names = stream.names()
    for event in stream.events:
        names.read(_actor(event))
        if names.refused:
            yield failed("names", place, f"the key of the person who acted in {event} does not open the name")
            return


def _erased(stream: Stream, place: str) -> Iterator[Check]:
    names = stream.names()
    erased = {name for name in (names.read(_actor(event)) for event in stream.events) if is_erased(name)}
    if erased:
        yield notice("names", place, f"{len(erased)} of those who acted were erased, and stay without a name: {', '.join(sorted(erased))}")


def _times(stream: Stream, place: str) -> Iterator[Check]:
    """Clocks of replicas differ a little; more than that is worth a look, but no proof of anything."""
    before: datetime | None = None
    for event in stream.events:
        at = recorded_at(event)
        if at is None:
            yield notice("times", place, f"{event} does not say when it was recorded")
        elif before is not None and at < before - CLOCK_SKEW:
            yield notice("times", place, f"{event} was recorded {before - at} before the one before it")
        before = at or before


def _actor(event: StoredEvent) -> str:
    """Who acted, as it is stored; empty: it does not say."""
    try:
        told = json.loads(event.content)["metadata"]["actor"]
    except (ValueError, TypeError, KeyError):
        return ""
    return told if isinstance(told, str) else ""


def recorded_at(event: StoredEvent) -> datetime | None:
    """None: it does not say."""
    try:
        return datetime.fromisoformat(json.loads(event.content)["metadata"]["recorded_at"])
    except (ValueError, TypeError, KeyError):
        return None
