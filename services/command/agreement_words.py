"""How `upheld agreement …` tells answers to a person: lines of plain text from the API's JSON. Computes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from services.command.client import Json

Told = Mapping[str, Json]
_PLACES_TOLD = 5


def change_lines(agreement: Told) -> list[str]:
    """The agreement after a change: what it is, what is in force, what waits for whom."""
    return [f"agreement {agreement['id']}: {agreement['status']}, version {agreement['version']}", *_indented(_standing(agreement))]


def agreement_lines(agreement: Told) -> list[str]:
    """As `change_lines`, with who agrees and all that stands beside the terms."""
    terms = (agreement["terms"] or agreement["pending"])["terms"]
    head, *standing = change_lines(agreement)
    beside = [*_parties(terms), *_life(agreement), *_reviews(agreement), *_comments(agreement)]
    return [head, f"  {terms['title']}", *standing, *_indented(beside)]


def listed_lines(page: Told) -> Iterator[str]:
    for each in page["items"]:
        until = each["last_day"] or each["ends_on"]
        span = f"from {each['effective_on']}" + (f" until {until}" if until else "")
        parties = f"{each['provider']} for {each['customer']}"
        yield f"{each['id']}  {each['status']}  {each['title']}: {parties}, {span}, terms version {each['terms_version']}"
    yield from _more(page)


def history_lines(history: Told) -> Iterator[str]:
    for each in history["items"]:
        yield _entry(each)


def difference_lines(difference: Told) -> Iterator[str]:
    if not difference["changes"]:
        yield "nothing differs"
    for each in difference["changes"]:
        yield each.get("words") or f"{each['place']}: {_shown(each['before'])} becomes {_shown(each['after'])}"


def found_lines(page: Told) -> Iterator[str]:
    for each in page["items"]:
        yield f"{each['agreement_id']}  {_entry(each['entry'])}{_at(each['places'])}"
    yield from _more(page)


def _at(places: Sequence[str]) -> str:
    """Of the many places of a first version the first few; `--json` has them all."""
    told, more = ", ".join(places[:_PLACES_TOLD]), len(places) - _PLACES_TOLD
    return f" at {told}{f' and {more} places more' if more > 0 else ''}" if places else ""


def read_lines(page: Told) -> Iterator[str]:
    for each in page["items"]:
        by = f"{each['actor']} ({each['organisation']})"
        yield f"{each['recorded_at']}  {each['operation']} by {by} through {each['tool']}, trace {each['trace_id'] or 'unknown'}"
    yield from _more(page)


def chain_lines(chain: Told) -> Iterator[str]:
    if not chain["links"]:
        yield "it rests on no other agreement"
        return
    yield "those below it can hold what it promises" if chain["holds"] else "those below it cannot hold what it promises"
    for each in chain["links"]:
        held = "holds" if each["holds"] else "does not hold"
        why = f" ({each['why']})" if each["why"] else ""
        yield f"  {each['objective_id']}: {held}{why}"
        yield f"    promised: {each['promised']}"
        yield f"    below: {each['below'] or 'not compared'}, by {', '.join(each['agreements'])}"


def _indented(lines: list[str]) -> list[str]:
    return [f"  {each}" for each in lines]


def _standing(agreement: Told) -> list[str]:
    """Before both have signed the first terms, those written last are told too: once, where they are what waits."""
    terms, pending = agreement["terms"], agreement["pending"]
    same = terms and pending and terms["number"] == pending["number"]
    return [*_version(agreement, "pending" if same else "terms"), *(() if same else _version(agreement, "pending"))]


def _version(agreement: Told, which: str) -> Iterator[str]:
    version = agreement[which]
    if version is None:
        return
    waiting = which == "pending"
    word = "waits for signatures" if waiting else "signed" if version["recorded_at"] else "draft"
    offered = f", offered by {version['offered_by']}" if waiting and version.get("offered_by") else ""
    until = f", until {version['valid_until']}" if waiting and version.get("valid_until") else ""
    signed = [f"{each['signatory']} ({each['organisation']})" for each in _signatures(agreement, version["number"])]
    by = f"; signed by {' and '.join(signed)}" if signed else ""
    yield f"{word}: terms version {version['number']} from {version['effective_on']} on{offered}{until}{by}"


def _signatures(agreement: Told, number: int) -> list[Told]:
    return [each for each in agreement["signatures"] if each["terms_version"] == number]


def _parties(terms: Told) -> list[str]:
    return [f"{each['role']}: {each['name']} ({each['organisation']})" for each in terms["parties"]]


def _life(agreement: Told) -> Iterator[str]:
    if agreement["last_day"]:
        yield f"last day: {agreement['last_day']}"
    if agreement["notice_given_by"]:
        yield f"notice was given by {agreement['notice_given_by']}: it is not renewed"
    if request := agreement["request"]:
        yield f"{request['organisation']} asks for a {request['kind']} {_span(request)}: {request['reason'] or 'without a reason'}"
    for each in agreement["suspensions"]:
        yield f"suspended {_span(each)}: {each['reason'] or 'without a reason'}"


def _span(told: Told) -> str:
    return f"from {told['first_day']} on" + (f" until {told['last_day']}" if told["last_day"] else "")


def _reviews(agreement: Told) -> Iterator[str]:
    for each in agreement["reviews"]:
        held = f"held on {each['held_on']}: {each['minutes']}" if each["held_on"] else "not held yet"
        yield f"review due on {each['due_on']}, {held}"


def _comments(agreement: Told) -> Iterator[str]:
    for each in agreement["comments"]:
        by = f"{each['subject']} ({each['organisation']})"
        yield f"comment on version {each['terms_version']} at {each['place']}, {by}, {each['recorded_at']}: {each['text']}"


def _entry(entry: Told) -> str:
    by = f"{entry['actor']} ({entry['organisation']})" if entry["organisation"] else entry["actor"]
    reason = f": {entry['reason']}" if entry["reason"] else ""
    return f"{entry['version']}  {entry['recorded_at']}  {entry['type']} by {by} through {entry['tool']}{reason}"


def _shown(node: Json) -> str:
    return "nothing" if node is None else node if isinstance(node, str) else json.dumps(node, ensure_ascii=False)


def _more(page: Told) -> Iterator[str]:
    if page["next"]:
        yield f"there is more: --cursor {page['next']}"
