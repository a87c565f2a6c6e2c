"""`upheld erase`: every service is asked the same, and told is what stays, never who."""

from __future__ import annotations

import asyncio
from typing import Any

from services.command.client import Answer
from services.command.erasure import erased_everywhere, told


class Doors:
    """Answers as the services do, of whom one alone knows the person."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    async def post(self, path: str, body: object) -> Answer:
        self.asked.append((path, body))
        service = path.split("/")[3]
        known = [{"id": "0123456789abcdef", "erased_at": "2026-03-02T08:00:00Z", "events": 3}] if service == "agreements" else []
        receipt = {"service": service, "erased": known, "still_named": 2 if service == "improvement" else 0}
        return Answer(body=receipt, version=None, request_id="", text="")


def test_every_service_is_asked_and_the_receipts_name_nobody() -> None:
    doors: Any = Doors()
    receipts = asyncio.run(erased_everywhere(doors, organisation="bank", subject="ana.keller", reason="asked to"))
    body = {"organisation": "bank", "subject": "ana.keller", "reason": "asked to"}
    services = ("agreements", "measurement", "improvement", "reporting")
    assert doors.asked == [(f"/v1/log/{service}/erasures", body) for service in services]
    assert list(told(receipts)) == [
        "agreements: erased-0123456789abcdef since 2026-03-02T08:00:00Z; 3 events stay, proved and without a name",
        "measurement: nobody of that name is known, or no more",
        "improvement: nobody of that name is known, or no more",
        "improvement: 2 events of the time before names were hidden hold the name, and cannot change",
        "reporting: nobody of that name is known, or no more",
    ]
