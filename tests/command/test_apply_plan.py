"""What `upheld apply` makes of an agreement in each state, against a platform that only answers."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.agreements.document import parse_document
from services.agreements.terms import Terms, digest, to_document
from services.command.apply import Step, Wanted, exit_code, plan, told
from services.command.client import Client
from tests.agreements.support import TERMS, availability_of, terms

Json = Any

LOWER = terms(availability_of("99.5"))
LOWEST = terms(availability_of("99"))
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def version(number: int, said: Terms = TERMS, *, effective_on: str = "2026-01-01") -> Json:
    return {"number": number, "terms": to_document(said), "digest": digest(said), "effective_on": effective_on}


def signed(*numbers: int) -> list[Json]:
    return [{"terms_version": number, "role": role} for number in numbers for role in ("customer", "provider")]


def agreement(status: str, *versions: Json, pending: Json = None) -> Json:
    """As the platform answers it, with the versions that both have signed."""
    signatures = signed(*(each["number"] for each in versions))
    return {"id": "a-1", "status": status, "terms": versions[0] if versions else version(1), "pending": pending, "signatures": signatures}


def planned(answer: Json, *versions: Json, wanted: Terms = LOWER, effective_on: date | None = None, own: date | None = None) -> Step:
    """`own` is the day in the file."""
    answers = {"": answer, **{f"/versions/{each['number']}": each for each in versions}}

    def handle(request: httpx2.Request) -> httpx2.Response:
        part = request.url.path.removeprefix("/v1/agreements/").partition("/")[2]
        return httpx2.Response(200, json=answers[f"/{part}" if part else ""], headers={"etag": '"9"'})

    async def ask() -> Step:
        async with httpx2.AsyncClient(base_url="http://x", transport=httpx2.MockTransport(handle)) as http:
            file = Wanted(file=Path("a.yaml"), name="a", agreement="", effective_on=own, terms=wanted)
            return await plan(Client(http, "token"), file, effective_on=effective_on)

    return asyncio.run(ask())


def test_signed_terms_are_compared_with_what_was_signed_last_not_with_what_is_in_force_today() -> None:
    first, future = version(1), version(2, LOWER, effective_on="2027-01-01")
    assert planned(agreement("active", first, future), first, future).action == "none"
    step = planned(agreement("active", first, future), first, future, wanted=TERMS, effective_on=MAY)
    assert (step.action, step.effective_on, step.version) == ("amend", MAY, 9)
    assert ("objectives[availability].target", "99.5", "99.9") in [(each.place, each.before, each.after) for each in step.changes]


def test_the_day_that_is_given_counts_before_the_one_in_the_file() -> None:
    first = version(1)
    assert planned(agreement("active", first), first, own=MAY).effective_on == MAY
    assert planned(agreement("active", first), first, own=MAY, effective_on=JUNE).effective_on == JUNE
    assert planned(agreement("active", first), first).action == "blocked"


def test_a_day_in_the_file_that_was_an_earlier_change_s_is_not_taken_again() -> None:
    first, second = version(1), version(2, LOWER, effective_on="2026-05-01")
    reused = planned(agreement("active", first, second), first, second, wanted=LOWEST, own=MAY)
    assert (reused.action, reused.why.partition(";")[0]) == ("blocked", "2026-05-01 in the file is the day of version 2")
    meant = planned(agreement("active", first, second), first, second, wanted=LOWEST, own=MAY, effective_on=MAY)
    assert (meant.action, meant.effective_on) == ("amend", MAY)


def test_a_file_that_says_what_was_signed_leaves_somebody_s_proposal_alone() -> None:
    first = version(1)
    step = planned(agreement("active", first, pending=version(2, LOWEST)), first, wanted=TERMS)
    assert (step.action, step.why) == (
        "none",
        "is what was signed last; version 2, which waits for signatures, says something else",
    )


@pytest.mark.parametrize("status", ["terminated", "expired", "archived"])
def test_an_agreement_that_has_ended_is_not_amended(status: str) -> None:
    first = version(1)
    step = planned(agreement(status, first), first, effective_on=MAY)
    assert (step.action, step.why) == ("blocked", f"the agreement is {status}")
    assert planned(agreement(status, first), first, wanted=TERMS).action == "none"


@pytest.mark.parametrize("status", ["agreed", "suspended"])
def test_what_was_signed_is_amended_whether_it_is_in_force_yet_or_not(status: str) -> None:
    first = version(1)
    assert planned(agreement(status, first), first, effective_on=MAY).action == "amend"


def test_a_difference_is_told_in_words() -> None:
    step = planned(agreement("draft"), wanted=parse_document(json.dumps(without_auditors()), form="json"))
    assert list(told(step, done=False)) == [
        "a: would revise the draft",
        f"  a.yaml, agreement {step.wanted.agreement_id}",
        "  The agreement: bafin-examiner leaves the auditors.",
        "  The agreement: the last day is left out, 2026-12-31 up to now; that is: open-ended.",
    ]


def without_auditors() -> Json:
    document = dict(to_document(TERMS))
    del document["ends_on"], document["auditors"]
    return document


def test_the_exit_code_is_that_of_a_plan() -> None:
    first = version(1)
    nothing, change = planned(agreement("active", first), first, wanted=TERMS), planned(agreement("active", first), first, own=MAY)
    blocked = planned(agreement("active", first), first)
    assert [exit_code(steps, dry_run=True) for steps in ([nothing], [nothing, change], [change, blocked])] == [0, 2, 1]
    assert [exit_code(steps, dry_run=False) for steps in ([nothing], [nothing, change], [change, blocked])] == [0, 0, 1]
