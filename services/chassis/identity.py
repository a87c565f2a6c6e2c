"""Who is asking: proves bearer tokens and API keys, and issues the local ones. Never decides what a caller may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from services.chassis.api_keys import PREFIX, ApiKeys
from services.chassis.clock import Clock
from services.chassis.credentials import InvalidToken, Unauthenticated, caller_of
from services.chassis.settings import Settings
from services.chassis.tokens import LOCAL_ISSUER, ForeignIssuer, LocalIssuer, key_id_of, keys_at
from services.vocabulary.errors import NotAllowed
from services.vocabulary.identity import Caller, OrganisationId, Role

__all__ = ["PUBLIC", "Identity", "MissingPermission", "NotPermitted", "Unauthenticated", "caller_of_service", "check"]

PLATFORM_ORGANISATION = OrganisationId("upheld")
_SERVICE_TOKEN_LIFETIME = timedelta(minutes=10)
_CREDENTIAL_LIMIT = 8192


def caller_of_service(service: str) -> Caller:
    """As whom a service acts when nobody asked it to: on a timer, or on what another service told."""
    return Caller(subject=f"service:{service}", organisation=PLATFORM_ORGANISATION, roles=frozenset({Role.SERVICE}))


class _Public(frozenset[Role]):
    """The same set as an empty one, and its opposite: nobody has a role of none, everybody may do what is public."""


PUBLIC: frozenset[Role] = _Public()
"""The entry of an operation that asks for no credential."""


class NotPermitted(NotAllowed):
    """None of the caller's roles may do this, whatever the thing is."""

    code = "role-not-permitted"

    def __init__(self, operation: str, roles: frozenset[Role]) -> None:
        sufficient = ", ".join(sorted(roles)) or "none"
        super().__init__(f"{operation} needs one of these roles: {sufficient}")
        self.operation = operation
        self.sufficient = roles


class MissingPermission(Exception):
    """The build fails: routes or RPCs without an entry in their room's permission table."""

    def __init__(self, operations: Iterable[str]) -> None:
        self.operations = tuple(sorted(operations))
        super().__init__(f"no entry in the permission table for: {', '.join(self.operations)}")


def check(caller: Caller, operation: str, roles: frozenset[Role]) -> None:
    """Refuses with `NotPermitted` unless one of the caller's roles is among those that may."""
    if roles is not PUBLIC and not caller.has_any(roles):
        raise NotPermitted(operation, roles)


class Identity:
    """Verifies what this platform's issuer, a foreign issuer and the file of API keys vouch for."""

    def __init__(
        self, *, local: LocalIssuer, foreign: ForeignIssuer | None, api_keys: ApiKeys, clock: Clock, service_key: str = ""
    ) -> None:
        self._local = local
        self._foreign = foreign
        self._api_keys = api_keys
        self._clock = clock
        self._service_key = service_key

    @classmethod
    def open(cls, settings: Settings, clock: Clock) -> Identity:
        """Reads and makes nothing yet: keys are read or made when first needed."""
        folder = settings.data / "identity"
        foreign = None
        if settings.jwks:
            foreign = ForeignIssuer(keys_at(settings.jwks, clock), issuer=settings.issuer, audience=settings.audience, clock=clock)
        local_name = LOCAL_ISSUER if settings.jwks else settings.issuer
        return cls(
            local=LocalIssuer(folder, issuer=local_name, audience=settings.audience, clock=clock),
            foreign=foreign,
            api_keys=ApiKeys(Path(settings.api_keys) if settings.api_keys else folder / "api-keys.json"),
            clock=clock,
            service_key=settings.service_key,
        )

    async def authenticate(self, authorization: str | None, api_key: str | None) -> Caller:
        """The proven caller of an `Authorization` value, or else of an API key; an API key may also come as the bearer.

        Refuses with `Unauthenticated` and its kinds, and with `Unavailable` where a foreign issuer's keys are out of reach.
        """
        if authorization:
            scheme, _, credential = authorization.strip().partition(" ")
            credential = credential.strip()
            if scheme.lower() != "bearer" or not credential or len(credential) > _CREDENTIAL_LIMIT:
                raise InvalidToken('the Authorization header must read "Bearer <token>"')
            return self._api_keys.verify(credential) if credential.startswith(PREFIX) else await self._bearer(credential)
        if api_key:
            return self._api_keys.verify(api_key[:_CREDENTIAL_LIMIT])
        raise Unauthenticated("a bearer token or an API key is needed")

    async def _bearer(self, token: str) -> Caller:
        if self._local.signed_with(key_id_of(token)):
            return self._local.verify(token)
        if self._foreign is not None:
            return await self._foreign.verify(token)
        raise InvalidToken("the token is not signed by this platform's issuer")

    def issue(self, *, subject: str, organisation: str, roles: Iterable[Role], lifetime: timedelta) -> str:
        """A token of the local issuer. Refuses what no caller could be made of."""
        wanted = caller_of(subject=subject, organisation=organisation, roles=list(roles))
        return self._local.issue(subject=wanted.subject, organisation=wanted.organisation, roles=wanted.roles, lifetime=lifetime)

    def make_api_key(self, *, subject: str, organisation: str, roles: Iterable[Role]) -> str:
        """The key, shown this once."""
        return self._api_keys.make(subject=subject, organisation=organisation, roles=roles, created=self._clock.now())

    def revoke_api_key(self, key_id: str) -> bool:
        """`key_id` is the middle part of `upk_<id>_<secret>`; False where there is no such key."""
        return self._api_keys.revoke(key_id)

    def service_credential(self, service: str) -> Callable[[], str]:
        """The `Authorization` value by which a service speaks to another: the key it was given, else a token renewed at half its life."""
        if self._service_key:
            return lambda: f"Bearer {self._service_key}"
        return _Renewed(self, service, self._clock)


class _Renewed:
    def __init__(self, identity: Identity, service: str, clock: Clock) -> None:
        self._identity = identity
        self._service = service
        self._clock = clock
        self._made_at = clock.now()
        self._value = ""

    def __call__(self) -> str:
        now = self._clock.now()
        if not self._value or now - self._made_at > _SERVICE_TOKEN_LIFETIME / 2:
            own = caller_of_service(self._service)
            token = self._identity.issue(
                subject=own.subject, organisation=own.organisation, roles=own.roles, lifetime=_SERVICE_TOKEN_LIFETIME
            )
            self._value, self._made_at = f"Bearer {token}", now
        return self._value
