"""`upheld apply`: terms as files in git, made true on a running platform as far as one side can. Proposes and never signs.

A file is a terms document with a key `apply` beside the terms: the name that its agreement is found by. All is read and compared first;
where one file cannot be followed, nothing is done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import httpx2

from services.agreements.document import Form, read_document
from services.agreements.naming import agreement_named
from services.agreements.terms import Change, Node, Terms, canonical_json, difference, digest, in_words, parse_terms, stored_terms
from services.agreements.terms.fields import Entry, Faults, Fields, day, slug
from services.command.client import RequestFailed
from services.vocabulary.errors import Invalid, Violation, invalid

if TYPE_CHECKING:
    from services.command.client import Answer, Client, Json

Action = Literal["none", "draft", "revise", "amend", "blocked"]

HEADER = "apply"
_ENDINGS = (".yaml", ".yml", ".json")
_TERMS = re.compile(r'^[ \t{]*"?upheld"?[ \t]*:', re.MULTILINE)
_ENDED = ("terminated", "expired", "archived")
_SIDES = 2
_DAY_MISSING = "an amendment needs the day it counts from: --effective-on, or effective_on under apply in the file"


def _agreement_id(text: str, /, *, place: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise invalid(place, f"must be the id of an agreement, not {text[:60]!r}") from None


KNOWN: Mapping[str, Entry] = {
    "name": Entry(meaning='what the agreement is found by, such as "online-banking"; left out: the file\'s name', read=slug),
    "agreement": Entry(meaning="the id of an agreement that was not drafted under a name", read=_agreement_id),
    "effective_on": Entry(meaning="the first civil day that a change of signed terms counts for", read=day),
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file's terms and what it says about itself; `agreement` is empty where the name tells it."""

    file: Path
    name: str
    agreement: str
    effective_on: date | None
    terms: Terms

    @property
    def agreement_id(self) -> str:
        return self.agreement or str(agreement_named(self.name, self.terms))


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one file asks for. `version` is the agreement's that it was compared with; `why` tells what is no change."""

    wanted: Wanted
    action: Action
    why: str = ""
    changes: tuple[Change, ...] = ()
    effective_on: date | None = None
    version: int = 0

    @property
    def changes_something(self) -> bool:
        return self.action in ("draft", "revise", "amend")


@dataclass(kw_only=True)
class Files:
    wanted: list[Wanted] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------------------------- the files


def form_of(file: Path) -> Form:
    return "json" if file.suffix == ".json" else "yaml"


def without_header(node: Node) -> tuple[Node, Node]:
    """The terms alone, and what stood under `apply`."""
    if not isinstance(node, dict) or HEADER not in node:
        return node, None
    return {key: value for key, value in node.items() if key != HEADER}, node[HEADER]


def read_wanted(file: Path) -> Wanted:
    """Refuses with `Invalid` what is no terms document or has a header that is none."""
    terms, header = without_header(read_document(file.read_bytes(), form=form_of(file)))
    faults = Faults()
    fields = Fields({} if header is None else header, HEADER, faults, known=KNOWN)
    name = fields.optional("name", slug, default="")
    agreement = fields.optional("agreement", _agreement_id, default="")
    effective_on = fields.optional("effective_on", day, default=None)
    if faults.violations:
        raise Invalid(*faults.violations)
    return Wanted(
        file=file,
        name=name or slug(file.stem, place=f"{HEADER}.name"),
        agreement=agreement,
        effective_on=effective_on,
        terms=parse_terms(terms),
    )


def read_all(paths: Sequence[Path]) -> Files:
    """The terms in these files, and in those folders; of a folder, files that are no terms are skipped. Refuses all faults at once."""
    found, faults = Files(), list[Violation]()
    for file in _files(paths, found):
        try:
            found.wanted.append(read_wanted(file))
        except Invalid as refusal:
            faults += [Violation(place=f"{file}: {each.place}", rule=each.rule) for each in refusal.violations]
    first: dict[str, Path] = {}
    for wanted in found.wanted:
        other = first.setdefault(wanted.agreement_id, wanted.file)
        if other != wanted.file:
            faults.append(Violation(place=f"{wanted.file}: {HEADER}.name", rule=f"is the agreement of {other} too; give each its own name"))
    if faults:
        raise Invalid(*faults)
    return found


def _files(paths: Sequence[Path], found: Files) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            if file.suffix not in _ENDINGS or not file.is_file() or any(part.startswith(".") for part in file.relative_to(path).parts):
                continue
            if _TERMS.search(file.read_text(encoding="utf-8", errors="replace")):
                yield file
            else:
                found.skipped.append(file)


# -------------------------------------------------------------------------------------------------------------------- the plan


async def plan(client: Client, wanted: Wanted, *, effective_on: date | None) -> Step:
    """Reads only. `effective_on` counts before the file's own day."""
    try:
        answer = await client.get(f"/v1/agreements/{wanted.agreement_id}")
    except RequestFailed as failure:
        if failure.status != httpx2.codes.NOT_FOUND:
            raise
        return _of_nothing(wanted)
    state = answer.body
    if state["status"] == "draft":
        return _step(wanted, "revise", _terms(state["terms"]), answer)
    return await _of_signed(client, wanted, answer, effective_on)


def _of_nothing(wanted: Wanted) -> Step:
    if wanted.agreement:
        return Step(wanted=wanted, action="blocked", why=f"there is no agreement {wanted.agreement}")
    return Step(wanted=wanted, action="draft", why="there is no agreement of these two parties under this name yet")


async def _of_signed(client: Client, wanted: Wanted, answer: Answer, effective_on: date | None) -> Step:
    state, pending = answer.body, answer.body["pending"]
    if pending and pending["digest"] == digest(wanted.terms):
        return Step(wanted=wanted, action="none", why=f"version {pending['number']} says the same and waits for signatures")
    newest = await _newest_signed(client, answer)
    step = _step(wanted, "amend", _terms(newest), answer) if newest else Step(wanted=wanted, action="amend")
    if step.action == "none" and pending:
        return _with(step, "none", f"is what was signed last; version {pending['number']}, which waits for signatures, says something else")
    if step.action == "none":
        return step
    if pending:
        return _with(step, "blocked", f"version {pending['number']} waits for signatures; sign it or withdraw it first")
    if state["status"] in _ENDED:
        return _with(step, "blocked", f"the agreement is {state['status']}")
    return _amended(step, newest, effective_on)


def _amended(step: Step, newest: Json, effective_on: date | None) -> Step:
    chosen = effective_on or step.wanted.effective_on
    if chosen is None:
        return _with(step, "blocked", _DAY_MISSING)
    if effective_on is None and newest["number"] > 1 and newest["effective_on"] == chosen.isoformat():
        why = f"{chosen} in the file is the day of version {newest['number']}; write the day of this change, or give it by --effective-on"
        return _with(step, "blocked", why)
    return Step(wanted=step.wanted, action="amend", changes=step.changes, effective_on=chosen, version=step.version)


async def _newest_signed(client: Client, answer: Answer) -> Json:
    """The version that both sides signed last; None while there is none."""
    signed: dict[int, set[str]] = {}
    for each in answer.body["signatures"]:
        signed.setdefault(each["terms_version"], set()).add(each["role"])
    numbers = [number for number, roles in signed.items() if len(roles) == _SIDES]
    if not numbers:
        return None
    return (await client.get(f"/v1/agreements/{answer.body['id']}/versions/{max(numbers)}")).body


def _terms(version: Json) -> Terms:
    return stored_terms(json.dumps(version["terms"], sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _step(wanted: Wanted, action: Action, there: Terms, answer: Answer) -> Step:
    if digest(there) == digest(wanted.terms):
        return Step(wanted=wanted, action="none", why="nothing changed")
    changes = difference(there, wanted.terms)
    return Step(wanted=wanted, action=action, changes=changes, version=answer.version or 0)


def _with(step: Step, action: Action, why: str) -> Step:
    return Step(wanted=step.wanted, action=action, why=why, changes=step.changes, version=step.version)


async def plan_all(client: Client, files: Files, *, effective_on: date | None) -> list[Step]:
    return [await plan(client, wanted, effective_on=effective_on) for wanted in files.wanted]


# ------------------------------------------------------------------------------------------------------------------ making it true


async def carry_out(client: Client, steps: Sequence[Step], *, reason: str) -> None:
    """Each step on the version that it was planned on. Does nothing where any is blocked."""
    if any(step.action == "blocked" for step in steps):
        return
    for step in steps:
        if step.changes_something:
            await _do(client, step, reason or f"apply {step.wanted.name}")


async def _do(client: Client, step: Step, reason: str) -> None:
    wanted = step.wanted
    path, content = f"/v1/agreements/{wanted.agreement_id}", canonical_json(wanted.terms).encode()
    if step.action == "draft":
        await client.post("/v1/agreements", content=content, reason=reason, query={"name": wanted.name})
    elif step.action == "revise":
        await client.put(f"{path}/draft", content=content, version=step.version, reason=reason)
    else:
        query = {"effective_on": str(step.effective_on)}
        await client.post(f"{path}/amendments", content=content, version=step.version, reason=reason, query=query)


# ---------------------------------------------------------------------------------------------------------------------- telling it


def told(step: Step, *, done: bool) -> Iterator[str]:
    """What the step is, then a line for each place that differs."""
    words = {
        "none": ("nothing to do", "nothing to do"),
        "draft": ("would draft", "drafted"),
        "revise": ("would revise the draft", "revised the draft"),
        "amend": (f"would propose an amendment from {step.effective_on} on", f"proposed an amendment from {step.effective_on} on"),
        "blocked": ("cannot be done", "cannot be done"),
    }[step.action][done]
    yield f"{step.wanted.name}: {words}{f' ({step.why})' if step.why else ''}"
    yield f"  {step.wanted.file}, agreement {step.wanted.agreement_id}"
    yield from (f"  {in_words(change)}" for change in step.changes)


def as_data(steps: Sequence[Step], *, done: bool) -> Json:
    return {"done": done, "steps": [_as_data(step) for step in steps]}


def _as_data(step: Step) -> Json:
    return {
        "name": step.wanted.name,
        "file": str(step.wanted.file),
        "agreement": step.wanted.agreement_id,
        "digest": digest(step.wanted.terms),
        "action": step.action,
        "why": step.why,
        "effective_on": str(step.effective_on or ""),
        "changes": [{"place": each.place, "before": each.before, "after": each.after} for each in step.changes],
    }


def exit_code(steps: Sequence[Step], *, dry_run: bool) -> int:
    """0: as the files say, now; 2: a dry run that found changes; 1: something is in the way, and nothing was done."""
    if any(step.action == "blocked" for step in steps):
        return 1
    return 2 if dry_run and any(step.changes_something for step in steps) else 0
