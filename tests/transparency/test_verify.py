"""A bundle proves itself: every change of it is found and the event named, and no untouched one is refused."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.agreements.keys import keyring_id
from services.command.verification import Report, main, trust_in, verify_bundle
from services.transparency.bundle import BadBundle, Bundle, Log, StoredEvent, Stream, canonical, read, write
from services.transparency.heads import HeadProof
from services.transparency.note import Signer, VerifierKey, parse_checkpoint, parse_note
from services.transparency.verify import Trust
from tests.agreements.support import PROVIDER
from tests.signing import registration, signer
from tests.transparency.bundles import WITNESS, Book, Life, given_key, signers

ROOT = Path(__file__).parents[2]
TRUST = trust_in([str(given_key())], [str(WITNESS.witness_key)])
UNTOUCHED = 1_000
CHANGES = 10_000
LIVES = 40


@dataclass(frozen=True)
class Changed:
    """A bundle that was tampered with; one of `versions` must be named, where an event was touched."""

    content: bytes
    versions: frozenset[int] = frozenset()
    trust: Trust = TRUST


Tamper = Callable[[random.Random, Bundle], Changed]


@lru_cache(maxsize=LIVES)
def life(seed: int) -> Life:
    return Life(seed)


@lru_cache(maxsize=LIVES)
def bundle_of(seed: int) -> Bundle:
    return life(seed).bundle()


def told(content: bytes, trust: Trust = TRUST) -> Report:
    return verify_bundle(content, trust, figures=False)


def failures(report: Report) -> str:
    return "\n".join(f"{check.rule}: {check.place}: {check.told}" for check in report.checks if check.outcome == "failed")


# ------------------------------------------------------------------------------------------------------------ what may be changed


def pick(chance: random.Random, bundle: Bundle) -> tuple[int, int, int]:
    """A log, a stream and an event of it; more often of the agreement."""
    log = 0 if chance.random() < 0.8 else chance.randrange(len(bundle.logs))
    stream = 0 if chance.random() < 0.7 else chance.randrange(len(bundle.logs[log].streams))
    return log, stream, chance.randrange(len(bundle.logs[log].streams[stream].events))


def with_log(bundle: Bundle, number: int, log: Log) -> Bundle:
    logs = list(bundle.logs)
    logs[number] = log
    return replace(bundle, logs=tuple(logs))


def with_stream(bundle: Bundle, log: int, number: int, stream: Stream) -> Bundle:
    streams = list(bundle.logs[log].streams)
    streams[number] = stream
    return with_log(bundle, log, replace(bundle.logs[log], streams=tuple(streams)))


def with_events(bundle: Bundle, log: int, stream: int, events: Sequence[StoredEvent]) -> Bundle:
    return with_stream(bundle, log, stream, replace(bundle.logs[log].streams[stream], events=tuple(events)))


def flipped(chance: random.Random, content: bytes) -> bytes:
    at, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
    return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]


def flip_a_bit_of_an_event(chance: random.Random, bundle: Bundle) -> Changed:
    log, stream, at = pick(chance, bundle)
    events = list(bundle.logs[log].streams[stream].events)
    events[at] = replace(events[at], content=flipped(chance, events[at].content))
    return Changed(write(with_events(bundle, log, stream, events)), frozenset({events[at].version}))


def truncate_an_event(chance: random.Random, bundle: Bundle) -> Changed:
    log, stream, at = pick(chance, bundle)
    events = list(bundle.logs[log].streams[stream].events)
    events[at] = replace(events[at], content=events[at].content[: chance.randrange(len(events[at].content))])
    return Changed(write(with_events(bundle, log, stream, events)), frozenset({events[at].version}))


def delete_an_event(chance: random.Random, bundle: Bundle) -> Changed:
    log, stream, at = pick(chance, bundle)
    events = list(bundle.logs[log].streams[stream].events)
    gone = events.pop(at)
    return Changed(write(with_events(bundle, log, stream, events)), frozenset({gone.version}))


def truncate_a_history(chance: random.Random, bundle: Bundle) -> Changed:
    log, stream, at = pick(chance, bundle)
    events = bundle.logs[log].streams[stream].events
    return Changed(write(with_events(bundle, log, stream, events[:at])), frozenset({at + 1}))


def insert_an_event(chance: random.Random, bundle: Bundle) -> Changed:
    """Another one's copy, or one that is made up and numbered as it would have to be."""
    log, stream, at = pick(chance, bundle)
    events = list(bundle.logs[log].streams[stream].events)
    if chance.random() < 0.5:
        inserted = chance.choice(events)
        events.insert(at, inserted)
    else:
        inserted = replace(events[at], version=at + 2, content=flipped(chance, events[at].content))
        later = [replace(each, version=each.version + 1) for each in events[at + 1 :]]
        events = [*events[: at + 1], inserted, *later]
    return Changed(write(with_events(bundle, log, stream, events)), frozenset({inserted.version, at + 1}))


def swap_two_events(chance: random.Random, bundle: Bundle) -> Changed:
    """In their order, or only what they say."""
    events = list(bundle.logs[0].streams[0].events)
    one, other = chance.sample(range(len(events)), 2)
    versions = frozenset({events[one].version, events[other].version})
    if chance.random() < 0.5:
        events[one], events[other] = events[other], events[one]
    else:
        first, second = events[one], events[other]
        events[one] = replace(first, name=second.name, content=second.content)
        events[other] = replace(second, name=first.name, content=first.content)
    return Changed(write(with_events(bundle, 0, 0, events)), versions)


def rename_or_move_an_event(chance: random.Random, bundle: Bundle) -> Changed:
    log, stream, at = pick(chance, bundle)
    events = list(bundle.logs[log].streams[stream].events)
    event = events[at]
    changed = [
        replace(event, name=event.name.replace("agreement", "agreements") + "1"),
        replace(event, position=event.position + chance.choice([-1, 1, 7])),
        replace(event, version=event.version + chance.choice([1, 2, 9])),
    ]
    events[at] = chance.choice(changed)
    return Changed(write(with_events(bundle, log, stream, events)), frozenset({event.version, events[at].version}))


def roll_the_file_back(chance: random.Random, bundle: Bundle) -> Changed:
    """Honest at its time: only who kept a newer checkpoint can know that there was more."""
    seed = next(each for each in range(LIVES) if life(each).id.hex == bundle.agreement_id.replace("-", ""))
    sizes = [size for size in life(seed).sizes if size < len(life(seed).book.events)]
    first = next(at for at, each in enumerate(life(seed).book.events, start=1) if each.stream == life(seed).id)
    older = rolled_back(seed, chance.choice([size for size in sizes if size >= first] or [first]))
    trust = replace(TRUST, kept=(bundle.logs[0].checkpoint,))
    return Changed(older, trust=trust)


@lru_cache(maxsize=4096)
def rolled_back(seed: int, size: int) -> bytes:
    return write(life(seed).bundle(size=size))


def forge_a_proof(chance: random.Random, bundle: Bundle) -> Changed:
    log, stream, at = pick(chance, bundle)
    events = list(bundle.logs[log].streams[stream].events)
    event = events[at]
    siblings = list(event.siblings)
    kind = chance.randrange(4)
    if kind == 0 and siblings:
        place = chance.randrange(len(siblings))
        siblings[place] = flipped(chance, siblings[place])
    elif kind == 1 and siblings:
        siblings.pop(chance.randrange(len(siblings)))
    else:
        siblings.insert(chance.randrange(len(siblings) + 1), chance.randbytes(32))
    events[at] = replace(event, siblings=tuple(siblings)) if kind < 3 else replace(event, index=event.index + chance.choice([1, 2, 5]))
    return Changed(write(with_events(bundle, log, stream, events)), frozenset({event.version}))


def forge_a_head(chance: random.Random, bundle: Bundle) -> Changed:
    log, number, _ = pick(chance, bundle)
    stream = bundle.logs[log].streams[number]
    siblings = list(stream.head.siblings)
    if siblings and chance.random() < 0.6:
        place = chance.randrange(len(siblings))
        siblings[place] = flipped(chance, siblings[place])
        head = replace(stream.head, siblings=tuple(siblings))
    else:
        head = HeadProof(index=stream.head.index + 1, siblings=stream.head.siblings)
    last = stream.events[-1].version
    return Changed(write(with_stream(bundle, log, number, replace(stream, head=head))), frozenset({last}))


def forge_a_checkpoint(chance: random.Random, bundle: Bundle) -> Changed:
    """Other words above the true signature; the true words below a false one; or all of it by somebody else."""
    number = chance.randrange(len(bundle.logs))
    log = bundle.logs[number]
    note = parse_note(log.checkpoint)
    checkpoint = parse_checkpoint(note.text)
    kind = chance.randrange(4)
    other = Signer(log.name, Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    if kind == 0:
        text = str(replace(checkpoint, size=checkpoint.size + chance.choice([-1, 1])))
        forged = str(replace(note, text=text))
    elif kind == 1:
        forged = str(other.note(str(replace(checkpoint, root=chance.randbytes(32)))))
    elif kind == 2:
        signature = replace(note.signatures[0], signature=flipped(chance, note.signatures[0].signature))
        forged = str(replace(note, signatures=(signature, *note.signatures[1:])))
    else:
        forged = str(replace(note, text=str(replace(checkpoint, extensions=()))))
    return Changed(write(with_log(bundle, number, replace(log, checkpoint=forged))))


def change_the_terms(chance: random.Random, bundle: Bundle) -> Changed:
    terms = dict(bundle.terms)
    digest = chance.choice(sorted(terms))
    kind = chance.randrange(3)
    if kind == 0:
        terms[digest] = terms[digest].replace("9", "8", 1)
    elif kind == 1:
        del terms[digest]
    else:
        terms["0" * 64] = terms[digest]
    return Changed(write(replace(bundle, terms=terms)))


def change_the_results(chance: random.Random, bundle: Bundle) -> Changed:
    """What is said of the state, or what was stated of a closed period."""
    figures = bundle.log("measurement")
    if figures is not None and chance.random() < 0.6:
        stream = chance.randrange(len(figures.streams))
        events = list(figures.streams[stream].events)
        at = chance.randrange(len(events))
        stated = json.loads(events[at].content)
        stated["event"]["assessment"]["credit"]["amount"] = f"{chance.randrange(500, 900)}.00"
        events[at] = replace(events[at], content=json.dumps(stated).encode())
        return Changed(write(with_events(bundle, 1, stream, events)), frozenset({events[at].version}))
    state = json.loads(json.dumps(bundle.state))
    kind = chance.randrange(3)
    if kind == 0:
        state["status"] = "draft"
    elif kind == 1:
        state["last_day"] = "2031-01-01"
    else:
        state["signatures"][chance.randrange(len(state["signatures"]))]["signatory"] = "somebody else"
    return Changed(write(replace(bundle, state=state)))


def change_the_keys(chance: random.Random, bundle: Bundle) -> Changed:
    """Another key beside the log's, one in its place, or a rotation that nobody signed."""
    number = chance.randrange(len(bundle.logs))
    log = bundle.logs[number]
    strange = Signer(log.name, Ed25519PrivateKey.from_private_bytes(chance.randbytes(32)))
    kind = chance.randrange(4)
    if kind == 0:
        changed = replace(log, keys=(*log.keys, str(strange.key)))
    elif kind == 1:
        changed = replace(log, keys=(str(strange.key),))
    elif kind == 2:
        statement = f"upheld/key-rotation/v1\n{log.name}\n{strange.key}\n"
        changed = replace(log, keys=(*log.keys, str(strange.key)), rotations=(*log.rotations, str(strange.note(statement))))
    else:
        checkpoint = str(strange.note(parse_note(log.checkpoint).text))
        changed = replace(log, keys=(str(strange.key),), checkpoint=checkpoint)
    return Changed(write(with_log(bundle, number, changed)))


def flip_a_bit_of_the_file(chance: random.Random, bundle: Bundle) -> Changed:
    """Anywhere behind what no log holds: when it was exported, and the observations."""
    content = write(bundle)
    first = content.index(b'"logs":')
    at, bit = chance.randrange(first, len(content)), 1 << chance.randrange(8)
    return Changed(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])


TAMPERS: tuple[Tamper, ...] = (
    flip_a_bit_of_an_event,
    truncate_an_event,
    delete_an_event,
    truncate_a_history,
    insert_an_event,
    swap_two_events,
    rename_or_move_an_event,
    roll_the_file_back,
    forge_a_proof,
    forge_a_head,
    forge_a_checkpoint,
    change_the_terms,
    change_the_results,
    change_the_keys,
    flip_a_bit_of_the_file,
)


# ------------------------------------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.__name__)
def test_every_change_is_found_and_the_event_is_named(tamper: Tamper) -> None:
    chance = random.Random(tamper.__name__)
    for _ in range(-(-CHANGES // len(TAMPERS))):
        seed = chance.randrange(LIVES)
        changed = tamper(chance, bundle_of(seed))
        report = told(changed.content, changed.trust)
        assert report.refused, (seed, report.lines)
        if changed.versions:
            named = {int(each) for each in re.findall(r"version (\d+)", failures(report))}
            assert named & changed.versions, (seed, changed.versions, report.lines)


@pytest.mark.parametrize("first", range(0, UNTOUCHED, 250))
def test_no_untouched_bundle_is_refused(first: int) -> None:
    for seed in range(first, first + 250):
        report = told(write(Life(seed).bundle()))
        assert not report.refused, (seed, report.lines)


def test_what_is_read_is_written_again_byte_for_byte() -> None:
    for seed in range(20):
        content = write(bundle_of(seed))
        assert write(read(content)) == content


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1],
        lambda content: content + b"\n",
        lambda content: content.replace(b'{"agreement_id"', b'{ "agreement_id"'),
        lambda content: canonical(json.loads(content) | {"further": 1}),
        lambda content: content.replace(b"bundle/v1", b"bundle/v2"),
        lambda content: b"\xff" + content,
        lambda content: b"[" * 100_000,
    ],
)
def test_a_bundle_is_written_in_one_way_alone(change: Callable[[bytes], bytes]) -> None:
    content = change(write(bundle_of(1)))
    with pytest.raises(BadBundle):
        read(content)
    assert told(content).refused


def test_the_bundle_is_not_believed_about_its_own_key() -> None:
    stranger = Signer("upheld/agreements", Ed25519PrivateKey.from_private_bytes(b"s" * 32))
    report = told(write(bundle_of(1)), trust_in([str(stranger.key)]))
    assert "keys: upheld/agreements" in failures(report)
    assert told(write(bundle_of(1)), trust_in([str(given_key("elsewhere/agreements"))])).refused


def test_who_has_any_of_the_keys_follows_to_the_one_that_signed() -> None:
    rotated = next(seed for seed in range(LIVES) if bundle_of(seed).logs[0].rotations)
    plain = next(seed for seed in range(LIVES) if not bundle_of(seed).logs[0].rotations)
    first, second = (each.key for each in signers("upheld/agreements"))
    assert not told(write(bundle_of(rotated)), trust_in([str(first)])).refused
    assert not told(write(bundle_of(rotated)), trust_in([str(second)])).refused
    assert not told(write(bundle_of(plain)), trust_in([str(first)])).refused
    assert told(write(bundle_of(plain)), trust_in([str(second)])).refused


def test_a_witness_who_was_named_must_have_seen_it() -> None:
    strange = VerifierKey("bank.example", given_key().public, WITNESS.witness_key.algorithm)
    assert "bank.example has not signed" in failures(told(write(bundle_of(1)), trust_in([str(given_key())], [str(strange)])))


def test_an_older_checkpoint_that_was_kept_is_a_notice_and_a_fork_is_not() -> None:
    seed = 3
    older = life(seed).book.log(life(seed).streams, size=4).checkpoint
    report = told(write(life(seed).bundle()), replace(TRUST, kept=(older,)))
    rotated = bool(bundle_of(seed).logs[0].rotations)
    assert not report.refused
    assert any(check.rule == "kept-checkpoint" and check.outcome == "notice" for check in report.checks)
    size = parse_checkpoint(parse_note(bundle_of(seed).logs[0].checkpoint).text).size
    fork = replace(parse_checkpoint(parse_note(older).text), size=size)
    forked = str(signers("upheld/agreements")[rotated].note(str(fork)))
    assert "forked" in failures(told(write(bundle_of(seed)), replace(TRUST, kept=(forked,))))


def test_an_older_checkpoint_is_the_beginning_of_the_log_and_of_no_other() -> None:
    seed = 3
    book, streams, bundle = life(seed).book, life(seed).streams, bundle_of(seed)
    rotated = bool(bundle.logs[0].rotations)
    older = book.log(streams, size=4).checkpoint
    grown = with_log(bundle, 0, book.log(streams, rotated=rotated, since=(2, 4)))
    report = told(write(grown), replace(TRUST, kept=(older,)))
    assert not report.refused
    (kept,) = [check for check in report.checks if check.rule == "kept-checkpoint"]
    assert (kept.outcome, kept.told) == ("ok", f"its 4 events are the beginning of the bundle's {len(book.events)}")
    first, second = grown.logs[0].since[2], grown.logs[0].since[4]
    for wrong in ({4: first}, {4: second[1:]}, {4: (*second, second[0])}, {4: tuple(reversed(second))}, {4: ()}):
        forged = with_log(grown, 0, replace(grown.logs[0], since=wrong))
        assert "are not the beginning of" in failures(told(write(forged), replace(TRUST, kept=(older,))))
    forked = replace(parse_checkpoint(parse_note(older).text), root=bytes(32))
    other = str(signers("upheld/agreements")[rotated].note(str(forked)))
    assert "are not the beginning of" in failures(told(write(grown), replace(TRUST, kept=(other,))))


@pytest.mark.parametrize("since", [{}, [], {"04": []}, {"four": []}, {"-4": []}, {"²": []}, {"4": "none"}, {"9" * 5_000: []}])
def test_earlier_sizes_are_written_in_one_way(since: object) -> None:
    document = json.loads(write(bundle_of(3)))
    document["logs"][0]["since"] = since
    assert told(canonical(document)).refused


def test_a_size_that_the_checkpoint_is_not_beyond_is_no_earlier_one() -> None:
    bundle = bundle_of(3)
    size = parse_checkpoint(parse_note(bundle.logs[0].checkpoint).text).size
    for wrong in (size, size + 1):
        assert "is no earlier size" in failures(told(write(with_log(bundle, 0, replace(bundle.logs[0], since={wrong: ()})))))


def test_a_kept_checkpoint_of_a_log_that_was_left_out_is_told() -> None:
    bundle = next(each for each in map(bundle_of, range(LIVES)) if len(each.logs) > 1)
    trust = replace(TRUST, kept=(bundle.logs[1].checkpoint,))
    assert not [check for check in told(write(bundle), trust).checks if "compared with nothing" in check.told]
    (left,) = [check for check in told(write(replace(bundle, logs=bundle.logs[:1])), trust).checks if check.rule == "kept-checkpoint"]
    assert (left.outcome, left.place) == ("notice", "upheld/measurement")
    assert "compared with nothing" in left.told


def test_figures_of_another_platform_are_not_those_of_this_one() -> None:
    """Both platforms' keys are the reader's, and each has signed its own part."""
    bundle = next(each for each in map(life, range(LIVES)) if each.figures.events)
    figures = replace(bundle.figures, name="elsewhere/measurement")
    mixed = with_log(bundle.bundle(), 1, figures.log(list(figures.versions)))
    trust = replace(TRUST, keys=(*TRUST.keys, given_key("elsewhere/measurement")))
    assert failures(told(write(mixed), trust)) == "logs: bundle: holds logs of different platforms: elsewhere, upheld"


@pytest.mark.parametrize("number", [True, 1.0])
def test_a_state_that_only_compares_as_equal_is_another_one(number: object) -> None:
    document = json.loads(write(bundle_of(3)))
    document["state"]["versions"][0]["number"] = number
    assert "does not follow from its events" in failures(told(canonical(document)))


def test_no_word_of_the_file_can_end_a_line_or_hide_one() -> None:
    document = json.loads(write(bundle_of(3)))
    document["exported_at"] = "then\nThe bundle holds.\x1b[8m\u202e"
    lines = told(canonical(document)).lines
    assert lines[0] == "ok     file: bundle: canonical, exported then\\nThe bundle holds.\\x1b[8m\\u202e"
    assert all(line.isprintable() for line in lines)


def test_without_a_key_nobody_signs_whose_organisation_has_one() -> None:
    keyless = next(Life(seed) for seed in range(200) if not Life(seed).keyrings)
    written = keyless.book.events
    fact = registration(PROVIDER, "ana")
    other = Life(next(seed for seed in range(LIVES) if life(seed).keyrings))
    own = next(each for each in other.book.events if each.stream == keyring_id(PROVIDER))
    assert fact in json.loads(own.content)["event"]["note"]
    keyless.book = Book(name=keyless.book.name)
    for each in (own, *written):
        keyless.book.append(each.stream, each.name, each.content)
    bundle = keyless.bundle()
    found = failures(told(write(bundle)))
    assert "agreement.signed.v1 does not follow" in found
    assert f"{PROVIDER} had registered one before" in found


def test_signatures_with_a_key_are_checked_by_the_keyring_and_those_of_before_are_told() -> None:
    with_keys = next(seed for seed in range(LIVES) if life(seed).keyrings)
    without = next(seed for seed in range(200) if not Life(seed).keyrings)
    rules = {check.rule: check for check in told(write(bundle_of(with_keys))).checks}
    assert rules["signatures"].outcome == "ok"
    assert "signature" not in rules
    notices = [check for check in told(write(Life(without).bundle())).checks if check.rule == "signature"]
    assert {check.outcome for check in notices} == {"notice"}
    assert all("without a key" in check.told for check in notices)


def test_a_signature_needs_its_keyring_in_the_bundle() -> None:
    seed = next(seed for seed in range(LIVES) if life(seed).keyrings)
    bundle = bundle_of(seed)
    ring = keyring_id(PROVIDER)
    log = replace(bundle.logs[0], streams=tuple(stream for stream in bundle.logs[0].streams if stream.id != ring))
    report = told(write(with_log(bundle, 0, log)))
    assert "no key" in failures(report)
    assert "agreement.signed.v2 does not follow" in failures(report)


# ----------------------------------------------------------------------------------------------------------------- on its own

ALONE = """
import importlib.abc, socket, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        own = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if not own and top not in ("services", "cryptography", "_cffi_backend"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

def refuse(*_, **__):
    raise AssertionError("the network was asked")

sys.meta_path.insert(0, Blocker())
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
from services.command.verification import main
sys.exit(main(sys.argv[1:]))
"""


def alone(*words: str | Path, zones: str | None = None) -> subprocess.CompletedProcess[str]:
    """Where there is nothing but the standard library and cryptography, and no network. `zones`: the folders of the machine's own."""
    env = {**os.environ} if zones is None else {**os.environ, "PYTHONTZPATH": zones}
    return subprocess.run([sys.executable, "-c", ALONE, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False, env=env)


def test_where_no_signature_could_be_checked_the_bundle_is_not_said_to_hold(tmp_path: Path) -> None:
    file = tmp_path / "agreement.json"
    file.write_bytes(write(bundle_of(3)))
    ran = alone(file, "--key", str(given_key()), zones="")
    assert ran.returncode == 1
    assert "FAILED rules: agreements: signatures, keys and state were not checked" in ran.stdout


def test_it_runs_with_the_standard_library_and_cryptography_alone(tmp_path: Path) -> None:
    seed = next(seed for seed in range(LIVES) if life(seed).keyrings and life(seed).figures.events)
    file = tmp_path / "agreement.bundle.json"
    file.write_bytes(write(bundle_of(seed)))
    words = ("--key", str(given_key()), "--witness", str(WITNESS.witness_key))
    found = alone(file, *words)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "notice figures: measurement: figures not recomputed: numpy is not installed" in found.stdout
    assert "ok     state: agreements: recomputed" in found.stdout
    assert found.stdout.endswith("The bundle holds.\n")
    file.write_bytes(delete_an_event(random.Random(1), bundle_of(seed)).content)
    refused = alone(file, *words, "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["holds"] is False


def test_asked_wrongly_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agreement.bundle.json"
    file.write_bytes(write(bundle_of(1)))
    assert main([str(file), "--key", "nonsense"]) == 2
    assert main([str(file), "--key", str(WITNESS.witness_key)]) == 2
    assert main([str(tmp_path / "nothing"), "--key", str(given_key())]) == 2
    assert "must be the key of a log" in capsys.readouterr().err


def test_a_persons_key_is_no_key_of_the_log() -> None:
    assert told(write(bundle_of(1)), trust_in([str(signer(PROVIDER, "ana").key)])).refused
