"""Signed tokens: the local issuer's own, and those of a foreign issuer by its published keys. Never decides what a role may do."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import httpx2
from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, KeySetSerialization, OKPKey

from services.chassis.clock import Clock
from services.chassis.credentials import (
    InvalidToken,
    TokenExpired,
    TokenNotYetValid,
    Unauthenticated,
    WrongAudience,
    WrongIssuer,
    caller_of,
)
from services.chassis.files import make_once
from services.chassis.settings import masked
from services.chassis.telemetry import log
from services.vocabulary.errors import Unavailable
from services.vocabulary.identity import Caller, Role

LOCAL_ISSUER = "upheld-local"
_LOCAL_ALGORITHM = "Ed25519"
_ALGORITHMS = ("Ed25519", "EdDSA", "RS256", "ES256", "PS256")
_SKEW_S = 10
_REFRESH_AFTER = timedelta(minutes=10)
_STALE_AFTER = timedelta(hours=1)
_RETRY_AFTER = timedelta(seconds=5)
_FETCH_TIMEOUT_S = 5.0
_KEYS_LIMIT_BYTES = 1_000_000

_log = log("chassis.tokens")


class IdentityProviderUnavailable(Unavailable):
    """The foreign issuer's keys cannot be fetched, and those we had are too old to be trusted."""

    code = "identity-provider-unavailable"


class LocalIssuer:
    """Signs with a key of its own, made on first use below the data folder; whoever can read that folder can issue."""

    def __init__(self, folder: Path, *, issuer: str, audience: str, clock: Clock) -> None:
        self._path = folder / "issuer.json"
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._key: OKPKey | None = None

    def issue(self, *, subject: str, organisation: str, roles: Iterable[Role], lifetime: timedelta) -> str:
        key = self._made_key()
        now = self._clock.now()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "org": organisation,
            "roles": sorted(roles),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode({"alg": _LOCAL_ALGORITHM, "kid": key.kid}, claims, key, algorithms=[_LOCAL_ALGORITHM])

    def signed_with(self, key_id: str | None) -> bool:
        """Whether a token's key id is that of our own key, which may have been made by another process in the meantime."""
        if self._key is None and self._path.exists():
            self._key = _private_key(self._path.read_bytes())
        return self._key is not None and self._key.kid == key_id

    def verify(self, token: str) -> Caller:
        assert self._key is not None, "signed_with found the key"
        keys = KeySet([self._key])
        claims = _verified(token, keys, [_LOCAL_ALGORITHM], issuer=self._issuer, audience=self._audience, now=self._clock.now())
        return caller_of(subject=claims["sub"], organisation=claims.get("org"), roles=claims.get("roles"))

    def _made_key(self) -> OKPKey:
        if self._key is None:
            self._key = _private_key(make_once(self._path, _new_key))
        return self._key


class Keys(Protocol):
    """A foreign issuer's published keys."""

    async def current(self, *, unknown: bool = False) -> KeySet:
        """`unknown`: a key id was not among those last given."""
        ...


class FileKeys:
    """Keys in a file; read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._keys = KeySet([])

    async def current(self, *, unknown: bool = False) -> KeySet:
        return await asyncio.to_thread(self._read)

    def _read(self) -> KeySet:
        try:
            state = os.stat(self._path)
            if (state.st_mtime_ns, state.st_ino) != self._seen:
                self._keys = _key_set(self._path.read_bytes())
                self._seen = (state.st_mtime_ns, state.st_ino)
        except (OSError, ValueError, JoseError) as fault:
            _log.error("the issuer's keys cannot be read", path=str(self._path), reason=str(fault))
            raise IdentityProviderUnavailable("the issuer's keys cannot be read now") from fault
        return self._keys


class FetchedKeys:
    """Keys at a URL, kept for ten minutes; fetched again for an unknown key id, at most every five seconds.

    While the issuer cannot be reached, keys up to an hour old still count.
    """

    def __init__(self, url: str, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._clock = clock
        self._transport = transport
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = datetime.min.replace(tzinfo=clock.now().tzinfo)
        self._turn = asyncio.Lock()

    async def current(self, *, unknown: bool = False) -> KeySet:
        async with self._turn:
            now = self._clock.now()
            wanted = self._keys is None or unknown or now - self._fetched_at > _REFRESH_AFTER
            if wanted and (now - self._tried_at > _RETRY_AFTER):
                self._tried_at = now
                await self._fetch(now)
            if self._keys is None or now - self._fetched_at > _STALE_AFTER:
                raise IdentityProviderUnavailable("the issuer's keys cannot be fetched now")
            return self._keys

    async def _fetch(self, now: datetime) -> None:
        try:
            async with httpx2.AsyncClient(timeout=_FETCH_TIMEOUT_S, follow_redirects=False, transport=self._transport) as http:
                answer = await http.get(self._url, headers={"Accept": "application/json"})
                answer.raise_for_status()
            if len(answer.content) > _KEYS_LIMIT_BYTES:
                raise ValueError("the key set is too large")
            self._keys = _key_set(answer.content)
            self._fetched_at = now
        except (httpx2.HTTPError, ValueError, JoseError) as fault:
            _log.error("the issuer's keys cannot be fetched", url=masked(self._url), reason=str(fault) or type(fault).__name__)
            if self._keys is None:
                raise IdentityProviderUnavailable("the issuer's keys cannot be fetched now") from fault


class ForeignIssuer:
    """Verifies by published keys. What it says of the role `service` is not believed: that role is ours to give."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def verify(self, token: str) -> Caller:
        try:
            claims = self._claims(token, await self._keys.current())
        except InvalidKeyIdError:
            try:
                claims = self._claims(token, await self._keys.current(unknown=True))
            except InvalidKeyIdError:
                raise InvalidToken("the token is signed by a key that the issuer does not publish") from None
        caller = caller_of(subject=claims["sub"], organisation=claims.get("org"), roles=claims.get("roles"))
        return Caller(subject=caller.subject, organisation=caller.organisation, roles=caller.roles - {Role.SERVICE})

    def _claims(self, token: str, keys: KeySet) -> dict[str, Any]:
        return _verified(token, keys, _ALGORITHMS, issuer=self._issuer, audience=self._audience, now=self._clock.now())


def keys_at(place: str, clock: Clock) -> Keys:
    """The setting `jwks`: a URL or a file."""
    return FetchedKeys(place, clock) if "://" in place else FileKeys(Path(place))


def key_id_of(token: str) -> str | None:
    """What the unverified header says; refuses what is no signed token at all."""
    try:
        found = jws.extract_compact(token.encode("ascii")).headers().get("kid")
    except (JoseError, ValueError, TypeError) as fault:
        raise InvalidToken("the bearer token is not a signed JSON web token") from fault
    return found if isinstance(found, str) else None


def _verified(token: str, keys: KeySet, algorithms: Iterable[str], *, issuer: str, audience: str, now: datetime) -> dict[str, Any]:
    """Raises InvalidKeyIdError, for the caller to look for newer keys, and `Unauthenticated` for everything else."""
    registry = jws.JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
    seconds = int(now.timestamp())
    try:
        claims = jwt.decode(token, keys, registry=registry).claims
        jwt.JWTClaimsRegistry(
            now=seconds,
            leeway=_SKEW_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        ).validate(claims)
    except InvalidKeyIdError:
        raise
    except ClaimError as fault:
        raise _refusal(fault) from None
    except (JoseError, ValueError, TypeError) as fault:
        raise InvalidToken("the token's signature or form is not valid") from fault
    if claims["exp"] <= seconds:
        raise TokenExpired("the token has expired")
    return claims


def _refusal(fault: ClaimError) -> Unauthenticated:
    if isinstance(fault, ExpiredTokenError):
        return TokenExpired("the token has expired")
    match fault.claim:
        case "nbf" | "iat":
            return TokenNotYetValid("the token is not valid yet")
        case "aud":
            return WrongAudience("the token was issued for another audience")
        case "iss":
            return WrongIssuer("the token was issued by somebody else than this platform's issuer")
        case _:
            return InvalidToken(f"the token's claims are not usable: {fault.description}")


def _new_key() -> bytes:
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": _LOCAL_ALGORITHM}, auto_kid=True)
    return json.dumps(key.as_dict(private=True)).encode()


def _private_key(stored: bytes) -> OKPKey:
    return OKPKey.import_key(json.loads(stored))


def _key_set(document: bytes) -> KeySet:
    parsed = json.loads(document)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("keys"), list):
        raise ValueError('a key set is an object with "keys"')
    return KeySet.import_key_set(cast(KeySetSerialization, parsed))
