"""Two parties come to terms, by each of three doors: the same offers, signatures, amendments and refusals, and a file that proves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.agreements.signing import SigningText
from services.agreements.terms import PartyRole
from services.command.signing import note_of
from services.transparency.note import Note, Signature, parse_note
from services.vocabulary.identity import OrganisationId
from tests.command.cli import CUSTOMER, HEAD, PROVIDER, invoke
from tests.journeys.doors import DOORS, ByCommand, Door, Refused, State, Who
from tests.journeys.people import until
from tests.journeys.processes import Reach, one_process
from tests.signing import signer

pytestmark = pytest.mark.xdist_group("negotiation")

TODAY = datetime.now(UTC).date()
FIRST_DAY, RETROACTIVE, FUTURE = (TODAY + timedelta(days=days) for days in (-60, -20, 30))
TARGET = "objectives[availability].target"


@pytest.fixture(scope="module")
def reach() -> Iterator[Reach]:
    with one_process() as started:
        yield started


@dataclass(frozen=True, kw_only=True)
class Table:
    """Where they sit: the door they came by, and a folder for their papers."""

    door: Door
    folder: Path
    log_key: str

    def somebody(self, organisation: str, role: str) -> Who:
        """With a key that is registered, through the door."""
        key = self.folder / f"{organisation}-{role}-{uuid4().hex[:6]}.pem"
        made = invoke("key", "make", key, "--name", f"{organisation}/{key.stem}")
        assert made.exit_code == 0, made.output
        who = Who(organisation=organisation, subject=key.stem, role=role, key=key)
        if role == "signatory":
            self.door.register(who)
        return who

    def terms(self, target: str) -> Path:
        file = self.folder / f"terms-{target}.yaml"
        file.write_text(
            f"""{HEAD}
title: Payments platform
zone: UTC
effective_on: {FIRST_DAY}
services: [{{id: payments, name: Payments, components: [{{id: web, name: Web}}]}}]
objectives:
  - id: availability
    name: Availability
    service: payments
    indicator: {{kind: availability, components: [web]}}
    target: "{target}"
"""
        )
        return file

    def note(self, text: str) -> Path:
        file = self.folder / f"{uuid4().hex}.note"
        file.write_text(text)
        return file


@pytest.fixture(params=list(DOORS))
def table(reach: Reach, request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    keys = invoke("log", "keys", environment=reach.environment).stdout.splitlines()
    return Table(door=DOORS[request.param](reach), folder=tmp_path, log_key=next(key for key in keys if "/agreements" in key))


@dataclass(frozen=True, kw_only=True)
class Sides:
    provider: Who
    provider_signs: Who
    customer: Who
    customer_signs: Who

    @classmethod
    def at(cls, table: Table) -> Sides:
        return cls(
            provider=table.somebody(PROVIDER, "manager"),
            provider_signs=table.somebody(PROVIDER, "signatory"),
            customer=table.somebody(CUSTOMER, "manager"),
            customer_signs=table.somebody(CUSTOMER, "signatory"),
        )


def text_for(seen: State, who: Who) -> SigningText:
    """What waits for signatures, from this person's side."""
    assert seen.pending is not None
    role: PartyRole = "provider" if who.organisation == PROVIDER else "customer"
    return SigningText(
        agreement_id=UUID(seen.id),
        terms_version=seen.pending.number,
        digest=seen.pending.digest,
        effective_on=date.fromisoformat(seen.pending.effective_on),
        role=role,
        organisation=OrganisationId(who.organisation),
    )


def negotiated(table: Table, sides: Sides) -> tuple[State, State]:
    """The first offer, and the third, which waits for signatures."""
    door = table.door
    drafted = door.draft(sides.provider, table.terms("99.5"))
    first = door.propose(sides.provider, drafted)
    assert first.pending is not None
    assert (first.status, first.pending.number, first.pending.offered_by) == ("proposed", 1, PROVIDER)
    objected = door.comment(sides.customer, first, TARGET, "Half a percent is four hours a month.")
    with pytest.raises(Refused) as nothing:
        door.counter(sides.customer, objected, table.terms("99.5"))
    assert nothing.value.code == "counter-offer-changes-nothing"
    second = door.counter(sides.customer, objected, table.terms("99.95"))
    with pytest.raises(Refused) as late:
        door.sign(sides.provider_signs, objected, table.note(note_of(text_for(first, sides.provider_signs), sides.provider_signs.own)))
    assert (late.value.code, late.value.changed) == (
        "stale-version",
        [(second.version, "agreement.counter-offered.v1", sides.customer.subject)],
    )
    signed = door.sign(sides.customer_signs, second, table.note(note_of(text_for(second, sides.customer_signs), sides.customer_signs.own)))
    third = door.counter(sides.provider, signed, table.terms("99.9"))
    assert third.pending is not None
    assert (third.pending.number, third.pending.offered_by) == (3, PROVIDER)
    assert third.signatures == (), "signatures do not move over to another offer"
    assert third.comments == ((1, TARGET, "Half a percent is four hours a month.", sides.customer.subject),)
    return first, third


def sign_both(table: Table, sides: Sides, seen: State, terms: Path) -> State:
    """The provider with what the platform offers, the customer apart, from the document alone."""
    assert seen.pending is not None
    own = sides.provider_signs
    signed = table.door.sign(own, seen, table.note(note_of(text_for(seen, own), own.own)))
    apart = table.folder / f"apart-{seen.pending.number}.note"
    words = ["--agreement", seen.id, "--terms-version", str(seen.pending.number), "--effective-on", seen.pending.effective_on]
    made = invoke("sign", terms, *words, "--key", sides.customer_signs.key, "--out", apart)
    assert made.exit_code == 0, made.output
    agreed = table.door.sign(sides.customer_signs, signed, apart)
    assert agreed.pending is None
    assert [who for number, _, who in agreed.signatures if number == seen.pending.number] == [own.subject, sides.customer_signs.subject]
    return agreed


def flipped(note: str) -> str:
    """One bit of the signature is another one."""
    read = parse_note(note)
    (signature,) = read.signatures
    raw = bytearray(signature.signature)
    raw[17] ^= 1
    return str(Note(read.text, (Signature(signature.name, signature.key_id, bytes(raw)),)))


def flipped_text(note: str) -> str:
    """One bit of what was signed is another one, the signature as it was."""
    at = note.index("digest sha256:") + len("digest sha256:")
    digit = "0123456789abcdef"[int(note[at], 16) ^ 1]
    return f"{note[:at]}{digit}{note[at + 1 :]}"


def refuse_other_bytes(table: Table, sides: Sides, first: State, seen: State) -> None:
    """A signature over anything but what waits, byte for byte, and by a key of one's own."""
    who = sides.customer_signs
    right = text_for(seen, who)
    assert first.pending is not None
    stranger = table.folder / f"unknown-{uuid4().hex}.pem"
    assert invoke("key", "make", stranger, "--name", f"{CUSTOMER}/{who.subject}").exit_code == 0
    unknown = replace(who, key=stranger)
    broken = {
        "the digest of another version": (note_of(replace(right, digest=first.pending.digest), who.own), "signature-of-other-terms"),
        "another version": (note_of(replace(right, terms_version=first.pending.number), who.own), "signature-of-other-terms"),
        "another agreement": (note_of(replace(right, agreement_id=uuid4()), who.own), "signature-of-other-terms"),
        "another day": (note_of(replace(right, effective_on=right.effective_on + timedelta(days=1)), who.own), "signature-of-other-terms"),
        "the other side": (note_of(replace(right, role="provider"), who.own), "signature-of-other-terms"),
        "a bit of the text": (flipped_text(note_of(right, who.own)), "signature-of-other-terms"),
        "a bit of the signature": (flipped(note_of(right, who.own)), "bad-note"),
        "a key that nobody registered": (note_of(right, unknown.own), "unknown-signing-key"),
    }
    for what, (note, code) in broken.items():
        with pytest.raises(Refused) as refused:
            table.door.sign(who, seen, table.note(note))
        assert (what, refused.value.code) == (what, code)
    assert table.door.state(sides.customer, seen.id) == seen, "nothing came of any of them"


def proved(table: Table, sides: Sides, seen: State) -> None:
    """The history in one file, which holds by the log's key alone and names every signature."""
    file = table.folder / "agreement.json"

    def exported() -> int:
        try:
            table.door.export(sides.customer, seen.id, file)
        except Refused as refused:
            if refused.code != "not-sealed":
                raise
            return 0
        (stream,) = [each for each in json.loads(file.read_bytes())["logs"][0]["streams"] if each["stream"] == seen.id]
        return len(stream["events"])

    until(exported, lambda events: events == seen.version)
    verified = invoke("verify", file, "--key", table.log_key)
    assert verified.exit_code == 0, verified.output
    given = 1 + len(seen.signatures)
    told = f"signatures: agreements: {given} with keys that were registered to their signatories"
    assert told in verified.stdout, "also the one under the offer that was answered by another"
    document = json.loads(file.read_bytes())
    signed = [(each["terms_version"], each["organisation"], each["signatory"]) for each in document["state"]["signatures"]]
    assert signed == list(seen.signatures)
    foreign = invoke("verify", file, "--key", str(signer("upheld", "agreements").key))
    assert foreign.exit_code == 1, "another key of the same name proves nothing"


def test_two_parties_come_to_terms_and_can_prove_it(table: Table) -> None:
    sides, door = Sides.at(table), table.door
    first, third = negotiated(table, sides)
    refuse_other_bytes(table, sides, first, third)
    agreed = sign_both(table, sides, third, table.terms("99.9"))
    assert (agreed.status, agreed.target) == ("active", "99.9")

    offered = door.amend(sides.provider, agreed, table.terms("99.8"), str(RETROACTIVE))
    amended = sign_both(table, sides, offered, table.terms("99.8"))
    offered = door.amend(sides.customer, amended, table.terms("99.99"), str(FUTURE))
    refuse_other_bytes(table, sides, third, offered)
    last = sign_both(table, sides, offered, table.terms("99.99"))

    days = (FIRST_DAY, RETROACTIVE - timedelta(days=1), RETROACTIVE, TODAY, FUTURE)
    targets = [door.state(sides.customer, last.id, as_of=str(day)).target for day in days]
    assert targets == ["99.9", "99.9", "99.8", "99.8", "99.99"]
    proved(table, sides, last)


def test_an_agreement_is_lived_with_and_looked_back_on_by_the_command_line(reach: Reach, tmp_path: Path) -> None:
    door = ByCommand(reach=reach)
    table = Table(door=door, folder=tmp_path, log_key="")
    sides = Sides.at(table)
    offered = door.propose(sides.provider, door.draft(sides.provider, table.terms("99.9")))
    agreed = sign_both(table, sides, offered, table.terms("99.9"))

    def says(*words: str | Path, who: Who, code: int = 0) -> str:
        done = invoke("agreement", *words, "--organisation", who.organisation, "--subject", who.subject, environment=reach.environment)
        assert done.exit_code == code, done.output
        return done.stdout + done.stderr

    def reads(*words: str | Path, code: int = 0) -> str:
        done = invoke("agreement", *words, "--organisation", CUSTOMER, environment=reach.environment)
        assert done.exit_code == code, done.output
        return done.stdout

    asked = says("suspend", agreed.id, "--first-day", str(TODAY), "--reason", "The move", who=sides.customer)
    assert "active" in asked
    assert f"{CUSTOMER} asks for a suspension from {TODAY} on: The move" in reads("show", agreed.id)
    assert "own-request" in says("answer", agreed.id, "confirm", who=sides.customer_signs, code=1)
    assert "suspended" in says("answer", agreed.id, "confirm", who=sides.provider_signs)
    says("resume", agreed.id, "--first-day", str(TODAY + timedelta(days=1)), who=sides.provider)
    says("answer", agreed.id, "confirm", who=sides.customer_signs)
    assert f"suspended from {TODAY} on until {TODAY}: The move" in reads("show", agreed.id)
    assert "not-ended" in says("archive", agreed.id, who=sides.provider, code=1)
    assert "nothing-to-renew" in says("notice", agreed.id, who=sides.provider, code=1)
    assert "review-not-due" in says(
        "review", agreed.id, "--due-on", str(TODAY), "--held-on", str(TODAY), "--minutes", "Well", who=sides.provider, code=1
    )
    says("terminate", agreed.id, "--last-day", str(FUTURE), "--reason", "Both moved on", who=sides.customer)

    assert reads("chain", agreed.id) == "it rests on no other agreement\n"

    history = reads("history", agreed.id).splitlines()
    assert [line.split("  ")[0] for line in history] == [str(number + 1) for number in range(len(history))]
    assert f"by {sides.customer.subject} ({CUSTOMER}) through http: Both moved on" in history[-1]
    assert reads("state", agreed.id, "1").startswith(f"agreement {agreed.id}: draft, version 1\n")
    assert "nothing differs" not in reads("diff", agreed.id, "1", str(len(history)), "--states")
    found = until(lambda: reads("search", "--actor", sides.provider.subject), lambda lines: len(lines.splitlines()) == 3)
    assert [line.split("  ")[1] for line in found.splitlines()] == [history[at].split("  ")[0] for at in _of(history, sides.provider)]
    assert f"{agreed.id}  terminated  Payments platform: {PROVIDER} for {CUSTOMER}" in until(
        lambda: reads("list"), lambda said: str(FUTURE) in said
    )
    told = until(lambda: reads("reads", agreed.id, "--limit", "100"), lambda lines: "get_state_at" in lines)
    assert f"get_agreement by command ({CUSTOMER}) through http" in told


def _of(history: list[str], who: Who) -> list[int]:
    """Newest first."""
    return [at for at in reversed(range(len(history))) if f"by {who.subject} " in history[at]]
