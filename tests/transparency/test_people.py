"""A bundle whose people were erased proves the same as before, and tells that somebody stays without a name; no name can be put in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest

from services.agreements.audit import documents_of, read_told, replayed, state_of
from services.agreements.facts import Signed
from services.agreements.personal import PERSONAL
from services.agreements.stored import STORED, UPCASTERS, Stored
from services.chassis.events import Registry
from services.command.verification import Report, verify_bundle
from services.transparency.bundle import BadBundle, Bundle, Log, Stream, read, write
from services.transparency.person import erased_name, persons_in, stream_key, token
from services.vocabulary.personal import Personal, rewritten
from tests.transparency.bundles import Life
from tests.transparency.test_verify import TRUST, failures, with_log, with_stream

_REGISTRY: Registry[Stored] = Registry(STORED, upcasters=UPCASTERS)
PEOPLE = ("ana", "ben", "eve", "boss", "manager", "somebody")
LIVES = 12


def person_of(subject: str) -> str:
    return sha256(subject.encode()).hexdigest()[:16]


def key_of(subject: str, stream: UUID) -> bytes:
    return stream_key(sha256(b"key of " + subject.encode()).digest(), stream)


@lru_cache(maxsize=LIVES)
def hidden_life(seed: int) -> Life:
    """As the store writes it: tokens in the place of names. Signatures of the time before keys stay as they were written."""
    life = Life(seed)
    for at, each in enumerate(life.book.events):
        if each.stream in life.streams and each.name != "agreement.signed.v1":
            life.book.events[at] = replace(each, content=_hidden(each.stream, each.name, each.content))
    return life


def _hidden(stream: UUID, name: str, content: bytes) -> bytes:
    _, fact, metadata = _REGISTRY.unpack(name, content)
    owner = str(getattr(fact, "signatory", getattr(fact, "subject", metadata.actor)))

    def change(mark: Personal, text: str) -> str:
        subject = text if mark.is_subject else owner
        return token(text, person=person_of(subject), key=key_of(subject, stream))

    actor = token(metadata.actor, person=person_of(metadata.actor), key=key_of(metadata.actor, stream))
    return _REGISTRY.pack(rewritten(fact, PERSONAL.get(type(fact), {}), change), msgspec.structs.replace(metadata, actor=actor))


def bundle_of(seed: int, *, erased: Collection[str] = ()) -> Bundle:
    """With the keys of everybody else, and the state that they lead to."""
    life = hidden_life(seed)
    bundle = life.bundle()
    log = _with_keys(bundle.logs[0], [each for each in PEOPLE if each not in erased])
    told = read_told(log)
    agreement = replayed(told, life.id).agreement
    assert agreement is not None
    return replace(with_log(bundle, 0, log), state=state_of(agreement), terms=documents_of([each.fact for each in told]))


def _with_keys(log: Log, known: Collection[str]) -> Log:
    return replace(log, streams=tuple(replace(each, people=_keys(each, known)) for each in log.streams))


def _keys(stream: Stream, known: Collection[str]) -> dict[str, bytes]:
    named = {person for event in stream.events for person in persons_in(event.content)}
    return {person_of(subject): key_of(subject, stream.id) for subject in known if person_of(subject) in named}


def told(bundle: Bundle) -> Report:
    return verify_bundle(write(bundle), TRUST, figures=False)


def notices(report: Report, rule: str) -> list[str]:
    return [check.told for check in report.checks if (check.rule, check.outcome) == (rule, "notice")]


def signed_seed() -> int:
    return next(seed for seed in range(LIVES) if any(each.name == "agreement.signed.v2" for each in hidden_life(seed).book.events))


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_bundle_holds_before_an_erasure_and_after_it_on_the_same_bytes(seed: int) -> None:
    before, after, nobody = bundle_of(seed), bundle_of(seed, erased=["ana"]), bundle_of(seed, erased=PEOPLE)
    for bundle in (before, after, nobody):
        assert read(write(bundle)) == bundle
        assert not told(bundle).refused, failures(told(bundle))
    assert {log.checkpoint for bundle in (before, after, nobody) for log in bundle.logs[:1]} == {before.logs[0].checkpoint}
    assert not notices(told(before), "names")
    assert notices(told(nobody), "names")


def test_a_signature_of_somebody_erased_is_checked_all_the_same_and_a_notice_tells_it() -> None:
    seed, name = signed_seed(), erased_name(person_of("ana"))
    bundle = bundle_of(seed, erased=["ana"])
    report = told(bundle)
    assert [name in each for each in notices(report, "signature")] == [True] * len(notices(report, "signature"))
    assert notices(report, "signature")
    assert any("keyring.key-registered.v1" in each for each in notices(report, "key"))
    assert b"ana" not in str(bundle.state).encode()
    (signatures,) = [check.told for check in report.checks if check.rule == "signatures"]
    assert signatures == next(check.told for check in told(bundle_of(seed)).checks if check.rule == "signatures")


def test_a_false_signature_under_an_erased_name_is_found() -> None:
    life = Life(signed_seed())
    for at, each in enumerate(life.book.events):
        if each.name == "agreement.signed.v2" and each.stream == life.id:
            _, fact, metadata = _REGISTRY.unpack(each.name, each.content)
            assert isinstance(fact, Signed)
            note = fact.note[:-10] + ("A" if fact.note[-10] != "A" else "B") + fact.note[-9:]
            forged = _REGISTRY.pack(replace(fact, note=note), metadata)
            life.book.events[at] = replace(each, content=forged)
            break
    for at, each in enumerate(life.book.events):
        if each.stream in life.streams:
            life.book.events[at] = replace(each, content=_hidden(each.stream, each.name, each.content))
    assert "is not of these bytes" in failures(told(life.bundle()))


def test_a_token_or_a_key_that_was_tampered_with_is_found() -> None:
    bundle = bundle_of(signed_seed())
    stream = bundle.logs[0].streams[0]
    person = persons_in(stream.events[0].content)[0]
    at = stream.events[0].content.index(person.encode()) + 30
    content = bytearray(stream.events[0].content)
    content[at] ^= 1
    events = (replace(stream.events[0], content=bytes(content)), *stream.events[1:])
    assert "is not in the log" in failures(told(with_stream(bundle, 0, 0, replace(stream, events=events))))
    keys = {**stream.people, person: bytes(32)}
    assert "does not open the name" in failures(told(with_stream(bundle, 0, 0, replace(stream, people=keys))))


def test_a_signatory_cannot_be_exchanged_by_a_key() -> None:
    bundle = bundle_of(signed_seed())
    stream = bundle.logs[0].streams[0]
    swapped = {**stream.people, person_of("ana"): stream.people[person_of("ben")]}
    assert "does not open" in failures(told(with_stream(bundle, 0, 0, replace(stream, people=swapped))))


def test_there_is_one_way_to_write_the_keys_of_names() -> None:
    bundle = bundle_of(0, erased=PEOPLE)
    assert b'"people"' not in write(bundle)
    written = write(bundle_of(0))
    assert read(written).logs[0].streams[0].people
    for bad in (b'"people":{}', b'"people":null', b'"people":{"a":"AAAA"}'):
        with pytest.raises(BadBundle):
            read(write(bundle).replace(b',"stream":', b"," + bad + b',"stream":', 1))
