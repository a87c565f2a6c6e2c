"""Handing an agreement out whole, at the doors of agreements alone: who gets it, and what it says without measurement."""

from __future__ import annotations

from pathlib import Path

from services.vocabulary.identity import Role
from tests.agreements.support import STRANGER, Answer, Running, play, soon


def test_without_measurement_there_is_no_bundle_and_the_answer_says_so(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, _ = await service.activate()

        async def ask() -> Answer:
            return await service.ask("GET", f"{path}/bundle", role=Role.AUDITOR)

        answer = await soon(ask, lambda answer: answer.status != 404)
        assert (answer.status, answer.body["code"]) == (503, "unavailable")
        assert "measurement" in answer.body["detail"]

    play(tmp_path, scene)


def test_who_may_not_see_the_agreement_gets_none_of_it(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        path, _ = await service.activate()
        answer = await service.ask("GET", f"{path}/bundle", by=STRANGER, role=Role.AUDITOR)
        assert (answer.status, answer.body["code"]) == (404, "agreement-not-found")

    play(tmp_path, scene)
