"""Agreements on the bus: what a subscriber of the real broker gets."""

from __future__ import annotations

from pathlib import Path

from upheld.agreements.v1 import events_pb2

from services.agreements.wire import terms_of
from tests.agreements.support import PROVIDER, TERMS, Running, play


def test_an_activated_and_terminated_agreement_is_told_in_order_under_the_providers_name(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        client = service.platform.broker.client
        told = await client.subscribe("upheld.agreements.*.*")
        await client.flush()
        path, active = await service.activate()
        await service.ask("POST", f"{path}/termination", {"last_day": "2026-06-30"}, version=active.version)
        first, second = [await told.next_msg(timeout=10) for _ in range(2)]
        assert [first.subject, second.subject] == [
            f"upheld.agreements.{PROVIDER}.agreement-activated",
            f"upheld.agreements.{PROVIDER}.agreement-ended",
        ]
        assert first.headers is not None
        assert first.headers["ce-type"] == "upheld.agreements.agreement-activated.v1"
        activated = events_pb2.AgreementActivated.FromString(first.data)
        assert (activated.agreement_id, terms_of(activated.terms)) == (active.body["id"], TERMS)
        assert events_pb2.AgreementEnded.FromString(second.data).last_day == "2026-06-30"

    play(tmp_path, scene, broker=True)


def test_a_service_without_its_broker_works_on_and_says_what_is_missing(tmp_path: Path) -> None:
    async def scene(service: Running) -> None:
        _, active = await service.activate()
        assert active.body["status"] == "active"
        ready = await service.http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "broker" in ready.json()["missing"]
        assert not {name for name in ready.json()["missing"] if name.startswith("agreements.")}

    play(tmp_path, scene)
