"""Negotiation and life of an agreement through its doors, and what time alone tells."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from upheld.agreements.v1 import agreements_pb2 as messages

from services.vocabulary.identity import OrganisationId, Role
from tests.agreements.support import CUSTOMER, MARCH_9, PROVIDER, Answer, Running, availability_of, play, running, soon, yaml_of

BETTER = yaml_of(availability_of("99.95"))


async def post(
    service: Running,
    agreement: Mapping[str, Any],
    action: str,
    body: object = None,
    *,
    by: OrganisationId = CUSTOMER,
    role: Role = Role.SERVICE_MANAGER,
    reason: str = "",
) -> Answer:
    path, media_type = f"/v1/agreements/{agreement['id']}/{action}", "application/yaml" if isinstance(body, str) else "application/json"
    headers = {"x-reason": reason} if reason else {}
    return await service.ask("POST", path, body, by=by, role=role, version=agreement["version"], media_type=media_type, headers=headers)


async def done(
    service: Running,
    agreement: Mapping[str, Any],
    action: str,
    body: object = None,
    *,
    by: OrganisationId = CUSTOMER,
    role: Role = Role.SERVICE_MANAGER,
    reason: str = "",
) -> dict[str, Any]:
    answer = await post(service, agreement, action, body, by=by, role=role, reason=reason)
    assert answer.status == 200, answer.body
    assert answer.version == answer.body["version"]
    found: dict[str, Any] = answer.body
    return found


async def told(
    service: Running,
    agreement: Mapping[str, Any],
    action: str,
    body: object = None,
    *,
    by: OrganisationId = CUSTOMER,
    role: Role = Role.SERVICE_MANAGER,
) -> str:
    """The code of the refusal."""
    answer = await post(service, agreement, action, body, by=by, role=role)
    assert answer.status in (403, 404, 409, 422), answer.body
    code: str = answer.body["code"]
    return code


def test_three_rounds_are_negotiated_commented_and_signed_over_http(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        draft = (await service.draft()).body
        offered = await done(service, draft, "proposal?valid_until=2026-03-20T12:00:00Z", by=PROVIDER)
        assert (offered["pending"]["valid_until"], offered["pending"]["offered_by"]) == ("2026-03-20T12:00:00Z", PROVIDER)
        signed = (await service.sign_for(offered, PROVIDER)).body
        comment = {"place": "objectives[availability].target", "text": "Too low"}
        commented = await done(service, signed, "comments", comment, role=Role.SIGNATORY)
        assert [(each["terms_version"], each["place"], each["organisation"]) for each in commented["comments"]] == [
            (1, "objectives[availability].target", CUSTOMER)
        ]
        countered = await done(service, commented, "counter-offers", BETTER, reason="Too low")
        assert (countered["pending"]["number"], countered["pending"]["reason"], countered["signatures"]) == (2, "Too low", [])
        again = await done(service, countered, "counter-offers", yaml_of(availability_of("99.92")), by=PROVIDER)
        assert await told(service, again, "counter-offers", yaml_of(availability_of("99.92"))) == "counter-offer-changes-nothing"
        active = (await service.sign(again)).body
        assert (active["status"], active["terms"]["number"], active["terms"]["offered_by"]) == ("active", 3, PROVIDER)
        diff = await service.ask("GET", f"/v1/agreements/{active['id']}/diff?from=1&to=2")
        assert next((each["place"], each["before"], each["after"]) for each in diff.body["changes"]) == (
            "objectives[availability].target",
            "99.9",
            "99.95",
        )

    play(tmp_path, scene)


def test_refusals_of_a_negotiation_name_their_rule(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        draft = (await service.draft()).body
        assert await told(service, draft, "counter-offers", BETTER) == "nothing-proposed"
        assert await told(service, draft, "proposal?valid_until=2026-03-09T11:00:00Z") == "valid-until-passed"
        assert await told(service, draft, "comments", {"place": "titel", "text": "?"}) == "no-such-place"
        assert await told(service, draft, "comments", {"place": "title", "text": " "}) == "text-not-fit"
        offered = await done(service, draft, "proposal?valid_until=2026-03-20T12:00:00Z")
        assert await told(service, offered, "counter-offers?effective_on=2026-05-01", BETTER) == "effective-on-of-first-terms"
        assert await told(service, offered, "comments", {"place": "title", "text": "?"}, role=Role.VIEWER) == "role-not-permitted"

    play(tmp_path, scene)


async def suspended(service: Running) -> dict[str, Any]:
    active = (await service.activate())[1].body
    asked = await done(
        service, active, "suspension-requests", {"first_day": "2026-04-10", "last_day": "2026-04-14"}, by=PROVIDER, reason="Move"
    )
    assert asked["request"] == {
        "kind": "suspension",
        "first_day": "2026-04-10",
        "last_day": "2026-04-14",
        "organisation": PROVIDER,
        "reason": "Move",
    }
    return await done(service, asked, "request-answers", {"confirmed": True}, role=Role.SIGNATORY)


def test_a_suspension_is_asked_for_confirmed_and_told_on_its_days(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        agreement = await suspended(service)
        path = f"/v1/agreements/{agreement['id']}"
        assert (agreement["status"], agreement["request"]) == ("active", None)
        assert [(each["first_day"], each["last_day"], each["reason"]) for each in agreement["suspensions"]] == [
            ("2026-04-10", "2026-04-14", "Move")
        ]
        service.clock.move_to(datetime(2026, 4, 11, tzinfo=UTC))
        now = await service.ask("GET", path)
        before = await service.ask("GET", f"{path}?as_of=2026-04-09")
        assert (now.body["status"], before.body["status"]) == ("suspended", "active")
        listed = await soon(lambda: service.ask("GET", "/v1/agreements?status=suspended"), lambda answer: bool(answer.body["items"]))
        assert [(item["id"], item["status"]) for item in listed.body["items"]] == [(agreement["id"], "suspended")]
        assert (await service.ask("GET", "/v1/agreements?status=active")).body["items"] == []
        asked = await done(service, agreement, "resumption-requests", {"first_day": "2026-04-13"})
        resumed = await done(service, asked, "request-answers", {"confirmed": True}, by=PROVIDER, role=Role.SIGNATORY)
        assert [(each["first_day"], each["last_day"]) for each in resumed["suspensions"]] == [("2026-04-10", "2026-04-12")]

    play(tmp_path, scene)


def test_refusals_of_a_life_name_their_rule(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        agreement = await suspended(service)
        assert await told(service, agreement, "request-answers", {"confirmed": True}, role=Role.SIGNATORY) == "nothing-requested"
        assert await told(service, agreement, "request-answers", {"confirmed": True}, role=Role.VIEWER) == "role-not-permitted"
        assert await told(service, agreement, "suspension-requests", {"first_day": "2026-04-14"}) == "already-suspended"
        assert await told(service, agreement, "suspension-requests", {"first_day": "2026-03-08"}) == "not-a-span"
        assert await told(service, agreement, "suspension-requests", {"first_day": "2027-01-01"}) == "suspension-outside-term"
        assert await told(service, agreement, "resumption-requests", {"first_day": "2026-04-10"}) == "resumption-outside-suspension"
        assert await told(service, agreement, "notice") == "nothing-to-renew"
        assert await told(service, agreement, "reviews", {"due_on": "2026-04-01", "held_on": "2026-03-09"}) == "review-not-due"
        assert await told(service, agreement, "archive") == "not-ended"
        asked = await done(service, agreement, "suspension-requests", {"first_day": "2026-05-01"})
        assert await told(service, asked, "resumption-requests", {"first_day": "2026-04-12"}) == "request-pending"
        assert await told(service, asked, "request-answers", {"confirmed": True}, role=Role.SIGNATORY) == "own-request"
        assert await told(service, asked, "request-answers", {"confirmed": True}, by=PROVIDER) == "signatories-confirm"

    play(tmp_path, scene)


RENEWAL = {"months": 12, "notice_days": 90}


def renewing(nodes: dict[str, Any]) -> None:
    nodes.update(renewal=RENEWAL, review_every="quarter")


def test_time_tells_reviews_renewals_and_ends_of_offers_in_order_and_what_is_agreed_begins_by_itself(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, start=datetime(2025, 12, 1, tzinfo=UTC)) as service:
            path, agreed = await service.activate(renewing)
            assert agreed.body["status"] == "agreed"
            listed = await soon(lambda: service.ask("GET", "/v1/agreements?status=agreed"), lambda answer: bool(answer.body["items"]))
            assert listed.body["items"][0]["status"] == "agreed"
            service.clock.move_to(MARCH_9)
            amendment = f"{path}/amendments?effective_on=2026-05-01&valid_until=2026-03-20T12:00:00Z"
            later = yaml_of(lambda nodes: nodes.update(renewal=RENEWAL, review_every="quarter", title="Another"))
            pending = await service.ask("POST", amendment, later, version=agreed.version, media_type="application/yaml")
            assert (pending.status, pending.body["status"]) == (200, "active")
            service.clock.move_to(datetime(2026, 10, 5, tzinfo=UTC))
            after = await soon(lambda: service.ask("GET", path), lambda answer: len(answer.body["reviews"]) == 3)
            assert (after.body["last_day"], after.body["pending"]) == ("2027-12-31", None)
            assert [each["due_on"] for each in after.body["reviews"]] == ["2026-04-01", "2026-07-01", "2026-10-01"]
            history = (await service.ask("GET", f"{path}/history")).body["items"]
            assert [(each["type"], each["tool"], each["reason"]) for each in history[pending.version :]] == [
                ("agreement.offer-expired.v1", "timer", "Nobody had accepted the offer by its end"),
                ("agreement.renewed.v1", "timer", "No notice was given in time"),
                *[("agreement.review-due.v1", "timer", "The terms ask for a review")] * 3,
            ]
            minutes = {"due_on": "2026-10-01", "held_on": "2026-10-02", "minutes": "All well"}
            held = await done(service, after.body, "reviews", minutes)
            assert held["reviews"][-1] == {**minutes, "organisation": CUSTOMER}
            noticed = await done(service, held, "notice", role=Role.SIGNATORY)
            assert noticed["notice_given_by"] == CUSTOMER

    asyncio.run(scene())


def test_what_is_archived_is_read_and_not_changed(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        active = (await service.activate())[1].body
        ended = await done(service, active, "termination", {"last_day": "2026-03-09"})
        assert await told(service, ended, "archive") == "not-ended"
        service.clock.move_to(MARCH_9 + timedelta(days=1))
        archived = await done(service, ended, "archive", by=PROVIDER)
        assert archived["status"] == "archived"
        assert await told(service, archived, "comments", {"place": "title", "text": "Old"}) == "archived"
        listed = await soon(lambda: service.ask("GET", "/v1/agreements?status=archived"), lambda answer: bool(answer.body["items"]))
        assert listed.body["items"][0]["last_day"] == "2026-03-09"
        assert (await service.ask("GET", f"/v1/agreements/{active['id']}/history")).status == 200

    play(tmp_path, scene)


def test_over_grpc_the_same_is_said_and_refused(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        managers, signatory = service.metadata(CUSTOMER, Role.SERVICE_MANAGER), service.metadata(CUSTOMER, Role.SIGNATORY)
        draft = (await service.draft()).body["id"]
        stub = service.stub
        await stub.ProposeAgreement(
            messages.ProposeAgreementRequest(agreement_id=draft, valid_until="2026-03-20T12:00:00Z"), metadata=managers
        )
        place = "objectives[availability].target"
        comment = messages.CommentOnTermsRequest(agreement_id=draft, place=place, text="Too low")
        assert (await stub.CommentOnTerms(comment, metadata=signatory)).comments[0].place == place
        counter = messages.CounterOfferRequest(agreement_id=draft, document=BETTER, valid_until="2026-03-21T12:00:00Z", reason="Higher")
        countered = await stub.CounterOffer(counter, metadata=managers)
        assert (countered.pending.number, countered.pending.valid_until, countered.pending.offered_by) == (
            2,
            "2026-03-21T12:00:00Z",
            CUSTOMER,
        )
        with pytest.raises(grpc.aio.AioRpcError, match="these are the terms and the day of version 2"):
            await stub.CounterOffer(counter, metadata=managers)

        path, active = await service.activate(renewing)
        agreement_id = path.rpartition("/")[2]
        asking = messages.RequestSuspensionRequest(agreement_id=agreement_id, first_day="2026-04-10", reason="Move")
        asked = await stub.RequestSuspension(asking, metadata=service.metadata(PROVIDER, Role.SERVICE_MANAGER))
        assert (asked.request.kind, asked.request.last_day, asked.request.reason) == ("suspension", "", "Move")
        yes = messages.AnswerRequestRequest(agreement_id=agreement_id, confirmed=True, expected_version=active.version + 1)
        assert (await stub.AnswerRequest(yes, metadata=signatory)).suspensions[0].first_day == "2026-04-10"
        back = messages.RequestResumptionRequest(agreement_id=agreement_id, first_day="2026-04-13")
        assert (await stub.RequestResumption(back, metadata=managers)).request.kind == "resumption"
        no = messages.AnswerRequestRequest(agreement_id=agreement_id, confirmed=False)
        assert not (await stub.AnswerRequest(no, metadata=signatory)).HasField("request")
        wanted = messages.GetTermsInForceRequest(agreement_id=agreement_id, from_day="2026-04-01", to_day="2026-04-30")
        in_force = await stub.GetTermsInForce(wanted, metadata=managers)
        assert [(each.first_day, each.last_day, each.reason) for each in in_force.suspensions] == [("2026-04-10", "", "Move")]

        review = messages.RecordReviewRequest(agreement_id=agreement_id, due_on="2026-04-01", held_on="2026-03-09", minutes="Early")
        assert (await stub.RecordReview(review, metadata=managers)).reviews[0].minutes == "Early"
        noticed = await stub.GiveNotice(messages.GiveNoticeRequest(agreement_id=agreement_id), metadata=signatory)
        assert noticed.notice_given_by == CUSTOMER
        with pytest.raises(grpc.aio.AioRpcError, match="only what has ended is archived; its last day is 2026-12-31"):
            await stub.ArchiveAgreement(messages.ArchiveAgreementRequest(agreement_id=agreement_id), metadata=managers)

    play(tmp_path, scene)


def test_what_fell_due_while_nobody_looked_is_told_after_a_restart(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path) as service:
            draft = (await service.draft()).body
            await done(service, draft, "proposal?valid_until=2026-03-20T12:00:00Z")
        async with running(tmp_path, start=datetime(2026, 3, 20, 12, tzinfo=UTC)) as service:
            path = f"/v1/agreements/{draft['id']}"
            lapsed = await soon(lambda: service.ask("GET", path), lambda answer: answer.body["status"] == "draft")
            assert (lapsed.body["terms"]["number"], lapsed.version) == (2, 3)
            listed = await soon(lambda: service.ask("GET", "/v1/agreements?status=draft"), lambda answer: bool(answer.body["items"]))
            assert listed.body["items"][0]["id"] == draft["id"]

    asyncio.run(scene())
