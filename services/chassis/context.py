"""Why something is done, by whom and because of what: what every stored event carries. Holds facts only; does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.vocabulary.identity import Caller


@dataclass(frozen=True, kw_only=True)
class Request:
    """A repeatable request. `key` is already scoped by organisation, subject and operation; `fingerprint` is the input's SHA-256 in hex."""

    key: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message of the bus that caused this: `position` and `recorded_at` are those of the event in the source's own log."""

    consumer: str
    source: str
    event_id: str
    position: int
    type: str
    recorded_at: str


@dataclass(frozen=True, kw_only=True)
class Context:
    """`recorded_at` is aware UTC; `tool` is "http", "grpc", "nats" or "timer"; `operation` as permission tables name it.

    Empty texts are unknown.
    """

    caller: Caller
    recorded_at: datetime
    reason: str = ""
    tool: str = ""
    operation: str = ""
    correlation_id: str
    causation_id: str = ""
    traceparent: str = ""
    request: Request | None = None
    delivery: Delivery | None = None
