"""A small platform for the doors' tests: real identity and telemetry on a folder, a clock that is moved, no broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import grpc.aio
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.chassis.clock import MovableClock
from services.chassis.identity import Identity
from services.chassis.service import Platform
from services.chassis.settings import Settings
from services.chassis.telemetry import Telemetry
from services.vocabulary.identity import Role

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass
class SmallPlatform:
    settings: Settings
    clock: MovableClock
    identity: Identity
    telemetry: Telemetry
    spans: InMemorySpanExporter
    addresses: dict[str, str] = field(default_factory=dict)
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def address(self, service: str) -> str:
        return self.addresses[service]

    def token(self, *roles: Role, organisation: str = "acme", subject: str = "ada") -> str:
        return self.identity.issue(subject=subject, organisation=organisation, roles=roles, lifetime=timedelta(hours=1))

    def bearer(self, *roles: Role, organisation: str = "acme", subject: str = "ada") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(*roles, organisation=organisation, subject=subject)}"}


def small_platform(folder: Path, **settings: object) -> SmallPlatform:
    set_up = Settings.model_validate({"data": folder, **settings})
    clock = MovableClock(START)
    spans = InMemorySpanExporter()
    return SmallPlatform(
        settings=set_up,
        clock=clock,
        identity=Identity.open(set_up, clock),
        telemetry=Telemetry("test", processors=(SimpleSpanProcessor(spans),)),
        spans=spans,
    )


def as_platform(platform: SmallPlatform) -> Platform:
    """The doors use nothing of a platform that the small one lacks."""
    return cast(Platform, platform)
