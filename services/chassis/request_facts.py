"""What a caller may say about a request at either door: its ids, its reason, its idempotency key. Pure."""

from __future__ import annotations

import hashlib
import re
import uuid

from services.chassis.context import Request
from services.vocabulary.errors import invalid
from services.vocabulary.identity import Caller

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_IDEMPOTENCY_KEY = re.compile(r"[ -~]{1,255}")
_REASON_LENGTH = 1000


def sane_id(given: str | None, *, otherwise: str = "") -> str:
    """The id a caller chose, if it can be logged and sent on as it is; else the other one, or a new one."""
    return given if given and _SANE_ID.fullmatch(given) else otherwise or uuid.uuid4().hex


def reason(given: str, *, place: str) -> str:
    """Text in UTF-8, also where a header brought its bytes as Latin-1. Refuses what is longer than 1,000 characters."""
    try:
        text = given.encode("latin-1").decode("utf-8")
    except UnicodeError:
        text = given
    return bounded_reason(text, place=place)


def bounded_reason(text: str, *, place: str) -> str:
    """Refuses what is longer than 1,000 characters."""
    if len(text) > _REASON_LENGTH:
        raise invalid(place, f"must have at most {_REASON_LENGTH} characters")
    return text


def refuse_nul(document: object) -> None:
    """Refuses any text in a JSON document that holds a NUL, and names its place: PostgreSQL stores none."""
    waiting = [("", document)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, str) and "\x00" in node:
            raise invalid(place or "body", "must not hold the character NUL")
        if isinstance(node, dict):
            waiting += [(place, key) for key in node]
            waiting += [(f"{place}.{key}" if place else str(key), value) for key, value in node.items()]
        elif isinstance(node, list):
            waiting += [(f"{place}[{index}]", value) for index, value in enumerate(node)]


def repeatable(caller: Caller, operation: str, key: str, *, fingerprint: str, place: str) -> Request:
    """One caller's key at one operation never meets another's. Refuses what is not 1 to 255 printable ASCII characters."""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise invalid(place, "must have 1 to 255 printable ASCII characters")
    return Request(key=digest(caller.organisation, caller.subject, operation, key), fingerprint=fingerprint)


def digest(*parts: str) -> str:
    """SHA-256 in hex over parts that hold no NUL."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
