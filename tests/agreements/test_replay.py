"""The state of an agreement after any event, and what differs between two."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from upheld.agreements.v1 import agreements_pb2 as messages

from services.agreements.agreement import Agreement
from services.agreements.application import evolved
from services.agreements.evolve import evolve
from services.agreements.facts import Fact
from services.agreements.refusals import AgreementNotFound
from services.agreements.replay import StateNotFound
from services.agreements.state import changed_places, state_document
from services.agreements.terms import difference_of, grammar, to_document
from services.vocabulary.identity import Role
from tests.agreements.support import AGREEMENT, AUDITOR, CUSTOMER, PROVIDER, STRANGER, TERMS, Running, availability_of, yaml_of
from tests.agreements.support import play as run
from tests.agreements.whole_life import AMENDED, AUDITING, COUNTERED, LIFE, TARGET, Archive, context, play

DAY = date(2026, 1, 6)


def states() -> list[Agreement]:
    """After each event of the life."""
    found: list[Agreement] = []
    for version, (_, _, fact) in enumerate(LIFE, start=1):
        found.append(evolve(found[-1] if found else None, fact, recorded_at=f"2026-01-05T{9 + version % 10:02}:00:00Z"))
    return found


STATES = states()


def places(before: int, after: int) -> list[str]:
    """What differs between the states after two events."""
    old, new = (state_document(STATES[version - 1], on=DAY) for version in (before, after))
    return [each.place for each in difference_of(old, new)]


def test_the_life_has_every_kind_of_event() -> None:
    assert {type(fact) for _, _, fact in LIFE} == set(get_args(Fact))


def test_nothing_of_an_agreement_is_left_out_of_its_state() -> None:
    """Every field is in the document under its own name or under these."""
    told = {"draft": "title", "signed": "versions[3]", "offered": "offers[4]"}
    seen = [state_document(state, on=DAY) for state in STATES]
    for field in fields(Agreement):
        name = told.get(field.name, field.name)
        assert any(place.partition("[")[0] == name or place == name for document in seen for place, node in document.items() if node), name


def test_no_place_of_the_state_hides_one_of_the_terms() -> None:
    for state in STATES:
        document = state_document(state, on=DAY)
        assert to_document(state.newest.terms).items() <= document.items()
        assert not set(grammar.TERMS) & {place for place in document if place not in to_document(state.newest.terms)}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (2, ["status", "pending", "offers[1]"]),
        (3, ["status", "terms_version", "pending"]),
        (4, [TARGET, "objectives[availability].credits"]),
        (5, ["status", "pending", "offers[2]"]),
        (7, ["comments[1]"]),
        (8, ["signatures[customer@3]"]),
        (9, ["signatures[provider@3]"]),
        (10, ["status", "terms_version", TARGET, "objectives[availability].credits", "pending", "versions[3]"]),
        (11, ["pending", "offers[4]"]),
        (12, ["pending"]),
        (16, ["terms_version", TARGET, "objectives[availability].credits", "pending", "versions[5]"]),
        (17, ["request"]),
        (18, ["request", "suspensions[2026-05-01]"]),
        (20, ["request"]),
        (22, ["request", "suspensions[2026-05-01].last_day", "suspensions[2026-05-01].recorded_at"]),
        (23, ["reviews[2026-04-01]"]),
        (24, [f"reviews[2026-04-01].{part}" for part in ("held_on", "minutes", "organisation")]),
        (25, ["last_day", "renewed_until"]),
        (26, ["notice"]),
        (27, ["status", "last_day", "ended_on"]),
        (28, ["status"]),
        (29, ["status"]),
    ],
)
def test_each_event_changes_its_own_places(version: int, expected: list[str]) -> None:
    assert places(version - 1, version) == expected


def test_a_counter_offer_differs_from_the_offer_before_in_its_own_terms() -> None:
    assert f"pending.terms.{TARGET}" in places(5, 6)
    assert "signatures[customer@3]" not in places(5, 6)


def test_two_events_differ_in_both_directions_and_not_from_themselves() -> None:
    assert places(1, 16) == places(1, 16)
    assert sorted(places(16, 1)) == sorted(places(1, 16))
    assert places(16, 16) == []


def test_an_event_changed_what_it_put_on_the_table_or_in_force_and_what_it_was_said_of() -> None:
    changed = {version: changed_places(STATES[version - 2], STATES[version - 1]) for version in range(2, len(STATES) + 1)}
    tiers = "objectives[availability].credits"
    by_version = {version: found for version, found in changed.items() if found and version != 10}
    assert by_version == {
        4: (TARGET, tiers),  # revised: 99.9 to 99.8
        6: (TARGET, tiers),  # countered: 99.85
        7: (TARGET,),  # commented
        11: (TARGET, tiers),  # amendment offered: 99.95
        12: (TARGET, tiers),  # which expired
        13: (TARGET, tiers),
        16: (TARGET, tiers),  # and counts
    }
    assert {TARGET, tiers, "title", "parties[provider].contacts[ida@nordwind.example].name"} < set(changed[10])
    assert changed_places(None, STATES[0]) == changed[10], "at first everything is new, on the table and then in force"


def test_the_state_after_an_event_is_as_it_was_then(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        first = await archived.replay.state_at(AGREEMENT, 1, context=AUDITING)
        assert (first.version, first.status, first.terms and first.terms.terms) == (1, "draft", TERMS)
        offered = await archived.replay.state_at(AGREEMENT, 6, context=AUDITING)
        assert (offered.status, offered.pending and offered.pending.number, offered.signatures) == ("proposed", 3, ())
        half = await archived.replay.state_at(AGREEMENT, 8, context=AUDITING)
        assert [(each.role, each.signatory) for each in half.signatures] == [("customer", "eva")]
        signed = await archived.replay.state_at(AGREEMENT, 16, context=AUDITING)
        assert signed.terms is not None
        assert (signed.status, signed.terms.number, signed.terms.terms) == ("active", 3, COUNTERED), "of its own day, not of May"

    play(tmp_path, scene)


def test_a_state_is_asked_as_of_a_day(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        for day, version in {date(2026, 4, 30): 3, date(2026, 5, 1): 5}.items():
            then = await archived.replay.state_at(AGREEMENT, 16, as_of=day, context=AUDITING)
            assert then.terms is not None
            assert then.terms.number == version
        before = await archived.replay.state_at(AGREEMENT, 15, as_of=date(2026, 5, 1), context=AUDITING)
        assert before.terms is not None
        assert before.terms.number == 3, "the amendment was not known then"
        suspended = await archived.replay.state_at(AGREEMENT, 18, as_of=date(2026, 5, 1), context=AUDITING)
        assert suspended.status == "suspended"

    play(tmp_path, scene)


def test_an_event_that_there_is_not_is_refused(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        for version in (-(2**31), 0, len(LIFE) + 1, 2**31 - 1):
            with pytest.raises(StateNotFound, match=f"has no event {version}$"):
                await archived.replay.state_at(AGREEMENT, version, context=AUDITING)
            with pytest.raises(StateNotFound):
                await archived.replay.diff(AGREEMENT, before=1, after=version, context=AUDITING)

    play(tmp_path, scene)


def test_who_may_not_see_the_agreement_sees_none_of_its_states(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        with pytest.raises(AgreementNotFound):
            await archived.replay.state_at(AGREEMENT, 1, context=context(STRANGER))
        with pytest.raises(AgreementNotFound):
            await archived.replay.diff(AGREEMENT, before=1, after=2, context=context(STRANGER))

    play(tmp_path, scene, events=2)


def test_replayed_twice_it_is_the_same(tmp_path: Path) -> None:
    async def scene(archived: Archive) -> None:
        loaded = await archived.store.load(AGREEMENT)
        again: Agreement | None = None
        for recorded in loaded:
            again = evolved(again, recorded)  # type: ignore[arg-type]
        assert again is not None
        now = await archived.agreements.known(AGREEMENT, context=AUDITING)
        assert now.state == again
        whole = await archived.replay.diff(AGREEMENT, before=1, after=len(LIFE), context=AUDITING)
        old, new = (state_document(state, on=DAY) for state in (STATES[0], again))
        assert [each.place for each in whole.changes] == [each.place for each in difference_of(old, new)]
        assert (again.newest.terms == AMENDED, whole.newest) == (True, len(LIFE))

    play(tmp_path, scene)


def test_both_doors_answer_states_and_differences(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, active = await service.activate()
        agreement_id = active.body["id"]
        amended = await service.ask(
            "POST",
            f"{path}/amendments?effective_on=2026-05-01",
            yaml_of(availability_of("99.95")),
            version=active.version,
            media_type="application/yaml",
        )
        assert amended.status == 200, amended.body
        last = amended.version
        now = await service.ask("GET", path, by=AUDITOR, role=Role.AUDITOR)
        state = await service.ask("GET", f"{path}/states/{last}", by=AUDITOR, role=Role.AUDITOR)
        assert state.body == now.body
        assert (await service.ask("GET", f"{path}/states/1")).body["status"] == "draft"
        missing = await service.ask("GET", f"{path}/states/{last + 1}")
        assert (missing.status, missing.body["code"]) == (404, "state-not-found")
        assert (await service.ask("GET", f"{path}/states/1", by=STRANGER)).body["code"] == "agreement-not-found"

        told = await service.ask("GET", f"{path}/states/diff?from={last - 1}&to={last}")
        assert (told.status, told.version, told.body["from_version"], told.body["to_version"]) == (200, last, last - 1, last)
        assert [each["place"] for each in told.body["changes"]] == ["pending", "offers[2]"]
        assert told.body["changes"][0]["words"] == "Version 2 waits for signatures."

        metadata = service.metadata(CUSTOMER, Role.VIEWER)
        over_grpc = await service.stub.GetStateAt(messages.GetStateAtRequest(agreement_id=agreement_id, version=last), metadata=metadata)
        assert (over_grpc.version, over_grpc.pending.number, over_grpc.pending.offered_by) == (last, 2, PROVIDER)
        request = messages.DiffStatesRequest(agreement_id=agreement_id, from_version=last - 1, to_version=last)
        differ = await service.stub.DiffStates(request, metadata=metadata)
        assert [(each.place, each.words) for each in differ.changes] == [(each["place"], each["words"]) for each in told.body["changes"]]
        history = await service.stub.GetHistory(messages.GetHistoryRequest(agreement_id=agreement_id), metadata=metadata)
        told_by_http = (await service.ask("GET", f"{path}/history")).body["items"]
        assert [(each.tool, each.traceparent) for each in history.entries] == [(each["tool"], each["traceparent"]) for each in told_by_http]
        assert all(each["traceparent"].startswith("00-") and each["tool"] == "http" for each in told_by_http)

    run(tmp_path, scene)
