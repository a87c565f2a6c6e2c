"""The three doors to agreements as one protocol: HTTP, gRPC and the command line; each answers and refuses in the same words here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status
from upheld.agreements.v1 import agreements_pb2 as messages
from upheld.agreements.v1.agreements_pb2_grpc import AgreementsStub

from services.chassis.rpc_status import changed_since
from services.command.signing import Owned, owned, registration
from services.vocabulary.identity import Role
from tests.command.cli import invoke
from tests.journeys.people import Person, token
from tests.journeys.processes import Reach

Json = Any
Since = tuple[int, str, str]
"""The version that came, its event, and whose it was."""

ROLES = {"manager": Role.SERVICE_MANAGER, "signatory": Role.SIGNATORY}


class Refused(Exception):
    """What a door refused with: the code that is the same at all three, and what had changed since."""

    def __init__(self, code: str, changed: Sequence[Since] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.changed = list(changed)


@dataclass(frozen=True, kw_only=True)
class Who:
    """Somebody of a side, with one role and a key of their own."""

    organisation: str
    subject: str
    role: str
    key: Path

    @property
    def own(self) -> Owned:
        return owned(self.key)


@dataclass(frozen=True, kw_only=True)
class Offer:
    number: int
    digest: str
    effective_on: str
    offered_by: str


@dataclass(frozen=True, kw_only=True)
class State:
    """An agreement as every door tells it. `target`: of the first objective in the terms that are in force."""

    id: str
    status: str
    version: int
    target: str
    pending: Offer | None
    signatures: tuple[tuple[int, str, str], ...]
    comments: tuple[tuple[int, str, str, str], ...]


class Door(Protocol):
    """What the story does, by whichever door. Raises `Refused`."""

    def register(self, who: Who) -> None: ...

    def draft(self, who: Who, terms: Path) -> State: ...

    def propose(self, who: Who, seen: State) -> State: ...

    def counter(self, who: Who, seen: State, terms: Path) -> State: ...

    def comment(self, who: Who, seen: State, place: str, text: str) -> State: ...

    def sign(self, who: Who, seen: State, note: Path) -> State: ...

    def amend(self, who: Who, seen: State, terms: Path, effective_on: str) -> State: ...

    def state(self, who: Who, agreement: str, *, as_of: str = "") -> State: ...

    def export(self, who: Who, agreement: str, file: Path) -> None: ...


# ---------------------------------------------------------------------------------------------------------------------- HTTP


@dataclass(frozen=True, kw_only=True)
class OverHttp:
    reach: Reach

    def register(self, who: Who) -> None:
        self._send(who, "/v1/keys", {"note": registration(who.own)})

    def draft(self, who: Who, terms: Path) -> State:
        return state_of(self._send(who, "/v1/agreements", terms))

    def propose(self, who: Who, seen: State) -> State:
        return self._change(who, seen, "proposal", {})

    def counter(self, who: Who, seen: State, terms: Path) -> State:
        return self._change(who, seen, "counter-offers", terms)

    def comment(self, who: Who, seen: State, place: str, text: str) -> State:
        return self._change(who, seen, "comments", {"place": place, "text": text})

    def sign(self, who: Who, seen: State, note: Path) -> State:
        return self._change(who, seen, "signatures", {"note": note.read_text()})

    def amend(self, who: Who, seen: State, terms: Path, effective_on: str) -> State:
        return self._change(who, seen, "amendments", terms, effective_on=effective_on)

    def state(self, who: Who, agreement: str, *, as_of: str = "") -> State:
        return state_of(_person(self.reach, who).get(f"/v1/agreements/{agreement}", **({"as_of": as_of} if as_of else {})))

    def export(self, who: Who, agreement: str, file: Path) -> None:
        answer = _person(self.reach, who).ask("GET", f"/v1/agreements/{agreement}/bundle")
        if answer.status_code != 200:
            raise Refused(answer.json()["code"])
        file.write_bytes(answer.content)

    def _change(self, who: Who, seen: State, what: str, body: Mapping[str, Json] | Path, **query: str) -> State:
        return state_of(self._send(who, f"/v1/agreements/{seen.id}/{what}", body, version=seen.version, **query))

    def _send(self, who: Who, path: str, body: Mapping[str, Json] | Path, *, version: int | None = None, **query: str) -> Json:
        kind, content = (
            ("application/yaml", body.read_bytes()) if isinstance(body, Path) else ("application/json", json.dumps(body).encode())
        )
        headers = {"Content-Type": kind, **({"If-Match": f'"{version}"'} if version is not None else {})}
        answer = _person(self.reach, who).ask("POST", path, content=content, params=query, headers=headers)
        if answer.status_code >= 400:
            problem = answer.json()
            raise Refused(problem["code"], [(each["version"], each["type"], each["actor"]) for each in problem["changed"]])
        return answer.json()


# ---------------------------------------------------------------------------------------------------------------------- gRPC


@dataclass(frozen=True, kw_only=True)
class OverGrpc:
    reach: Reach

    def register(self, who: Who) -> None:
        request = messages.RegisterKeyRequest(note=registration(who.own))
        self._call(who, lambda stub, options: stub.RegisterKey(request, **options))

    def draft(self, who: Who, terms: Path) -> State:
        request = messages.DraftAgreementRequest(document=terms.read_text())
        return self._changed(who, lambda stub, options: stub.DraftAgreement(request, **options))

    def propose(self, who: Who, seen: State) -> State:
        request = messages.ProposeAgreementRequest(agreement_id=seen.id, expected_version=seen.version)
        return self._changed(who, lambda stub, options: stub.ProposeAgreement(request, **options))

    def counter(self, who: Who, seen: State, terms: Path) -> State:
        request = messages.CounterOfferRequest(agreement_id=seen.id, document=terms.read_text(), expected_version=seen.version)
        return self._changed(who, lambda stub, options: stub.CounterOffer(request, **options))

    def comment(self, who: Who, seen: State, place: str, text: str) -> State:
        request = messages.CommentOnTermsRequest(agreement_id=seen.id, place=place, text=text, expected_version=seen.version)
        return self._changed(who, lambda stub, options: stub.CommentOnTerms(request, **options))

    def sign(self, who: Who, seen: State, note: Path) -> State:
        request = messages.SignAgreementRequest(agreement_id=seen.id, note=note.read_text(), expected_version=seen.version)
        return self._changed(who, lambda stub, options: stub.SignAgreement(request, **options))

    def amend(self, who: Who, seen: State, terms: Path, effective_on: str) -> State:
        request = messages.ProposeAmendmentRequest(
            agreement_id=seen.id, document=terms.read_text(), effective_on=effective_on, expected_version=seen.version
        )
        return self._changed(who, lambda stub, options: stub.ProposeAmendment(request, **options))

    def state(self, who: Who, agreement: str, *, as_of: str = "") -> State:
        request = messages.GetAgreementRequest(agreement_id=agreement, as_of=as_of)
        return self._changed(who, lambda stub, options: stub.GetAgreement(request, **options))

    def export(self, who: Who, agreement: str, file: Path) -> None:
        request = messages.ExportBundleRequest(agreement_id=agreement)
        parts = self._call(who, lambda stub, options: list(stub.ExportBundle(request, **options)))
        file.write_bytes(b"".join(part.content for part in parts))

    def _changed(self, who: Who, ask: Callable[[AgreementsStub, Mapping[str, Any]], messages.Agreement]) -> State:
        return state_told(self._call(who, ask))

    def _call(self, who: Who, ask: Callable[[AgreementsStub, Mapping[str, Any]], Json]) -> Json:
        try:
            return _person(self.reach, who).call("agreements", AgreementsStub, ask)
        except grpc.RpcError as error:
            raise _of_status(error) from error


def _of_status(error: grpc.RpcError) -> Refused:
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    assert status is not None, error
    reason = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(reason) for detail in status.details if detail.Is(reason.DESCRIPTOR)), status
    return Refused(reason.reason, [(each.version, each.type, each.actor) for each in changed_since(status)])


# ----------------------------------------------------------------------------------------------------------- the command line


@dataclass(frozen=True, kw_only=True)
class ByCommand:
    reach: Reach

    def register(self, who: Who) -> None:
        self._says("key", "register", who.key)

    def draft(self, who: Who, terms: Path) -> State:
        return self._agreement(who, "draft", terms)

    def propose(self, who: Who, seen: State) -> State:
        return self._agreement(who, "propose", seen.id, *_on(seen))

    def counter(self, who: Who, seen: State, terms: Path) -> State:
        return self._agreement(who, "counter", seen.id, terms, *_on(seen))

    def comment(self, who: Who, seen: State, place: str, text: str) -> State:
        return self._agreement(who, "comment", seen.id, place, text, *_on(seen))

    def sign(self, who: Who, seen: State, note: Path) -> State:
        return self._agreement(who, "sign", seen.id, "--note", note, *_on(seen))

    def amend(self, who: Who, seen: State, terms: Path, effective_on: str) -> State:
        return self._agreement(who, "amend", seen.id, terms, "--effective-on", effective_on, *_on(seen))

    def state(self, who: Who, agreement: str, *, as_of: str = "") -> State:
        told = self._says("agreement", "show", agreement, "--as-of", as_of, "--organisation", who.organisation, "--json")
        return state_of(json.loads(told))

    def export(self, who: Who, agreement: str, file: Path) -> None:
        self._says("export", agreement, "--out", file, "--organisation", who.organisation)

    def _agreement(self, who: Who, *words: str | Path) -> State:
        return state_of(json.loads(self._says("agreement", *words, "--organisation", who.organisation, "--subject", who.subject, "--json")))

    def _says(self, *words: str | Path) -> str:
        done = invoke(*words, environment=self.reach.environment)
        if done.exit_code == 0:
            return done.stdout
        assert done.exit_code == 1, done.output
        code = re.search(r": \d{3} ([a-z-]+): ", done.stderr)
        assert code is not None, done.stderr
        since = re.findall(r"since then: version (\d+), (\S+) by (\S+) at ", done.stderr)
        raise Refused(code[1], [(int(version), type_, actor) for version, type_, actor in since])


def _on(seen: State) -> tuple[str, str]:
    return "--version", str(seen.version)


DOORS: dict[str, Callable[[Reach], Door]] = {
    "HTTP": lambda reach: OverHttp(reach=reach),
    "gRPC": lambda reach: OverGrpc(reach=reach),
    "command line": lambda reach: ByCommand(reach=reach),
}


# ------------------------------------------------------------------------------------------------------------------- in common


def _person(reach: Reach, who: Who) -> Person:
    return Person(reach=reach, token=token(reach.data, who.organisation, ROLES[who.role], subject=who.subject))


def state_of(told: Json) -> State:
    """Of the JSON of the API."""
    pending = told["pending"]
    return State(
        id=told["id"],
        status=told["status"],
        version=told["version"],
        target=told["terms"]["terms"]["objectives"][0]["target"],
        pending=Offer(**{name: pending[name] for name in ("number", "digest", "effective_on", "offered_by")}) if pending else None,
        signatures=tuple((each["terms_version"], each["organisation"], each["signatory"]) for each in told["signatures"]),
        comments=tuple((each["terms_version"], each["place"], each["text"], each["subject"]) for each in told["comments"]),
    )


def state_told(told: messages.Agreement) -> State:
    """Of the message."""
    pending = told.pending
    offer = Offer(number=pending.number, digest=pending.digest, effective_on=pending.effective_on, offered_by=pending.offered_by)
    return State(
        id=told.id,
        status=told.status,
        version=told.version,
        target=told.terms.terms.objectives[0].target_percent,
        pending=offer if told.HasField("pending") else None,
        signatures=tuple((each.terms_version, each.organisation, each.signatory) for each in told.signatures),
        comments=tuple((each.terms_version, each.place, each.text, each.subject) for each in told.comments),
    )
