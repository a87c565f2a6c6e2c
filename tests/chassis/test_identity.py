from __future__ import annotations

import asyncio
import base64
import hmac
import json
import stat
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.chassis.clock import MovableClock
from services.chassis.credentials import (
    InvalidApiKey,
    InvalidToken,
    OrganisationMissing,
    TokenExpired,
    TokenNotYetValid,
    Unauthenticated,
    WrongAudience,
    WrongIssuer,
)
from services.chassis.identity import PUBLIC, Identity, NotPermitted, check
from services.chassis.settings import Settings
from services.chassis.tokens import FetchedKeys, ForeignIssuer, IdentityProviderUnavailable
from services.vocabulary.identity import Caller, OrganisationId, Role
from tests.chassis.doors import START, SmallPlatform, small_platform

T = TypeVar("T")
ISSUER = "https://login.example"


@pytest.fixture
def platform(tmp_path: Path) -> SmallPlatform:
    return small_platform(tmp_path)


def run(work: Coroutine[object, object, T]) -> T:
    return asyncio.run(work)


def authenticate(identity: Identity, token: str) -> Caller:
    return run(identity.authenticate(f"Bearer {token}", None))


def claims(**changed: object) -> dict[str, object]:
    now = int(START.timestamp())
    return {"iss": ISSUER, "aud": "upheld", "sub": "eve", "org": "acme", "roles": ["viewer"], "exp": now + 3600, **changed}


def by_hand(header: dict[str, object], said: dict[str, object], sign: Callable[[bytes], bytes]) -> str:
    """A token no library would make."""

    def part(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(said).encode())
    return (signed + b"." + part(sign(signed))).decode()


def foreign_identity(folder: Path, *keys: RSAKey | ECKey) -> Identity:
    published = folder / "jwks.json"
    published.write_text(json.dumps(KeySet(list(keys)).as_dict()))
    return Identity.open(Settings(data=folder, jwks=str(published), issuer=ISSUER), MovableClock(START))


def test_an_issued_token_proves_whom_it_was_issued_to(platform: SmallPlatform) -> None:
    caller = authenticate(platform.identity, platform.token(Role.OPERATOR, Role.VIEWER))
    assert caller == Caller(subject="ada", organisation=OrganisationId("acme"), roles=frozenset({Role.OPERATOR, Role.VIEWER}))


def test_no_credential_at_all_is_refused(platform: SmallPlatform) -> None:
    with pytest.raises(Unauthenticated) as refused:
        run(platform.identity.authenticate(None, None))
    assert refused.value.code == "unauthenticated"


def test_an_expired_token_is_refused_by_the_clock_it_is_checked_with(platform: SmallPlatform) -> None:
    token = platform.token(Role.VIEWER)
    platform.clock.move_to(START + timedelta(minutes=59))
    assert authenticate(platform.identity, token).subject == "ada"
    platform.clock.move_to(START + timedelta(hours=1))
    with pytest.raises(TokenExpired):
        authenticate(platform.identity, token)


def test_a_token_is_refused_before_its_time(platform: SmallPlatform, tmp_path: Path) -> None:
    later = Identity.open(platform.settings, MovableClock(START + timedelta(hours=1)))
    token = later.issue(subject="ada", organisation="acme", roles=[Role.VIEWER], lifetime=timedelta(hours=1))
    with pytest.raises(TokenNotYetValid):
        authenticate(platform.identity, token)


def test_a_token_for_another_audience_is_refused(platform: SmallPlatform, tmp_path: Path) -> None:
    elsewhere = Identity.open(Settings(data=tmp_path, audience="elsewhere"), platform.clock)
    token = elsewhere.issue(subject="ada", organisation="acme", roles=[Role.VIEWER], lifetime=timedelta(hours=1))
    with pytest.raises(WrongAudience):
        authenticate(platform.identity, token)


def test_a_token_of_another_issuer_is_refused_even_with_the_right_key(platform: SmallPlatform, tmp_path: Path) -> None:
    other = Identity.open(Settings(data=tmp_path, issuer="other"), platform.clock)
    token = other.issue(subject="ada", organisation="acme", roles=[Role.VIEWER], lifetime=timedelta(hours=1))
    with pytest.raises(WrongIssuer):
        authenticate(platform.identity, token)


def test_a_token_signed_by_another_installation_is_refused(platform: SmallPlatform, tmp_path: Path) -> None:
    platform.token(Role.VIEWER)
    stranger = small_platform(tmp_path / "stranger")
    with pytest.raises(InvalidToken):
        authenticate(platform.identity, stranger.token(Role.ADMINISTRATOR))


def test_a_token_whose_claims_were_changed_is_refused(platform: SmallPlatform) -> None:
    header, _, signature = platform.token(Role.VIEWER).split(".")
    _, payload, _ = platform.token(Role.ADMINISTRATOR).split(".")
    with pytest.raises(InvalidToken):
        authenticate(platform.identity, f"{header}.{payload}.{signature}")


def test_an_unsigned_token_is_refused(platform: SmallPlatform) -> None:
    platform.token(Role.VIEWER)
    key_id = json.loads((platform.settings.data / "identity" / "issuer.json").read_text())["kid"]
    unsigned = by_hand({"alg": "none", "kid": key_id}, claims(iss="upheld-local"), lambda _: b"")
    with pytest.raises(InvalidToken):
        authenticate(platform.identity, unsigned)


@pytest.mark.parametrize("nonsense", ["x", "a.b.c", "upk_", "é.é.é", "." * 20, "x" * 10_000])
def test_what_is_no_token_is_refused(platform: SmallPlatform, nonsense: str) -> None:
    with pytest.raises(Unauthenticated):
        authenticate(platform.identity, nonsense)


def test_another_scheme_than_bearer_is_refused(platform: SmallPlatform) -> None:
    with pytest.raises(InvalidToken):
        run(platform.identity.authenticate("Basic YTpi", None))


def test_two_processes_that_start_at_once_end_with_one_key(platform: SmallPlatform) -> None:
    neighbour = Identity.open(platform.settings, platform.clock)
    assert authenticate(neighbour, platform.token(Role.VIEWER)).subject == "ada"
    token = neighbour.issue(subject="bob", organisation="acme", roles=[], lifetime=timedelta(hours=1))
    assert authenticate(platform.identity, token).subject == "bob"


def test_keys_are_readable_by_their_owner_only(platform: SmallPlatform) -> None:
    platform.token(Role.VIEWER)
    platform.identity.make_api_key(subject="probe", organisation="acme", roles=[Role.OPERATOR])
    folder = platform.settings.data / "identity"
    for name in ("issuer.json", "api-keys.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_an_api_key_proves_its_caller_and_its_secret_is_not_stored(platform: SmallPlatform) -> None:
    key = platform.identity.make_api_key(subject="probe", organisation="acme", roles=[Role.OPERATOR])
    proven = run(platform.identity.authenticate(None, key))
    assert proven == Caller(subject="probe", organisation=OrganisationId("acme"), roles=frozenset({Role.OPERATOR}))
    assert authenticate(platform.identity, key) == proven
    assert key.split("_", 2)[2] not in (platform.settings.data / "identity" / "api-keys.json").read_text()


def test_a_revoked_api_key_stops_working_and_the_others_go_on(platform: SmallPlatform) -> None:
    revoked = platform.identity.make_api_key(subject="probe", organisation="acme", roles=[Role.OPERATOR])
    kept = platform.identity.make_api_key(subject="desk", organisation="acme", roles=[Role.OPERATOR])
    assert run(platform.identity.authenticate(None, revoked)).subject == "probe"
    neighbour = Identity.open(platform.settings, platform.clock)
    assert neighbour.revoke_api_key(revoked.split("_")[1])
    with pytest.raises(InvalidApiKey):
        run(platform.identity.authenticate(None, revoked))
    assert run(platform.identity.authenticate(None, kept)).subject == "desk"
    assert not neighbour.revoke_api_key("unknown")


def test_an_api_key_with_another_secret_is_refused(platform: SmallPlatform) -> None:
    key = platform.identity.make_api_key(subject="probe", organisation="acme", roles=[Role.OPERATOR])
    for wrong in (key[:-1], key + "x", key.removeprefix("upk_"), "upk_unknown_secret"):
        with pytest.raises(InvalidApiKey):
            run(platform.identity.authenticate(None, wrong))


@pytest.mark.parametrize(("algorithm", "kind"), [("RS256", RSAKey), ("PS256", RSAKey), ("ES256", ECKey)])
def test_a_foreign_issuers_token_is_proven_by_its_published_keys(tmp_path: Path, algorithm: str, kind: type[RSAKey | ECKey]) -> None:
    key = kind.generate_key(auto_kid=True)
    token = jwt.encode({"alg": algorithm, "kid": key.kid}, claims(), key, algorithms=[algorithm])
    caller = authenticate(foreign_identity(tmp_path, key), token)
    assert caller == Caller(subject="eve", organisation=OrganisationId("acme"), roles=frozenset({Role.VIEWER}))


def test_a_foreign_issuer_cannot_give_the_role_of_a_service_nor_one_we_do_not_know(tmp_path: Path) -> None:
    key = RSAKey.generate_key(auto_kid=True)
    token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims(roles=["service", "emperor", "auditor", 7]), key)
    assert authenticate(foreign_identity(tmp_path, key), token).roles == {Role.AUDITOR}


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"org": None}, OrganisationMissing),
        ({"org": "../etc"}, OrganisationMissing),
        ({"org": ["acme"]}, OrganisationMissing),
        ({"sub": ""}, InvalidToken),
        ({"exp": None}, InvalidToken),
        ({"exp": "soon"}, InvalidToken),
        ({"aud": ["somebody", "else"]}, WrongAudience),
        ({"iss": "https://evil.example"}, WrongIssuer),
        ({"exp": int(START.timestamp())}, TokenExpired),
    ],
)
def test_a_foreign_token_that_does_not_say_what_is_needed_is_refused(
    tmp_path: Path, changed: dict[str, object], refusal: type[Unauthenticated]
) -> None:
    key = RSAKey.generate_key(auto_kid=True)
    said = {name: value for name, value in claims(**changed).items() if value is not None}
    token = jwt.encode({"alg": "RS256", "kid": key.kid}, said, key)
    with pytest.raises(refusal):
        authenticate(foreign_identity(tmp_path, key), token)


def test_a_published_key_cannot_be_misused_as_a_shared_secret(tmp_path: Path) -> None:
    key = RSAKey.generate_key(auto_kid=True)
    secret = key.as_pem(private=False)
    forged = by_hand({"alg": "HS256", "kid": key.kid}, claims(), lambda signed: hmac.digest(secret, signed, "sha256"))
    with pytest.raises(InvalidToken):
        authenticate(foreign_identity(tmp_path, key), forged)


def test_the_local_issuer_still_vouches_for_services_beside_a_foreign_one(tmp_path: Path) -> None:
    identity = foreign_identity(tmp_path, RSAKey.generate_key(auto_kid=True))
    caller = run(identity.authenticate(identity.service_credential("agreements")(), None))
    assert caller.is_service
    assert caller.subject == "service:agreements"


class Provider:
    """A foreign issuer's key endpoint, which counts how often it is asked."""

    def __init__(self, *keys: RSAKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.down = False

    def __call__(self, _request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        return httpx2.Response(500) if self.down else httpx2.Response(200, json=KeySet(list(self.keys)).as_dict())


def fetching(provider: Provider, clock: MovableClock) -> ForeignIssuer:
    keys = FetchedKeys(f"{ISSUER}/jwks", clock, httpx2.MockTransport(provider))
    return ForeignIssuer(keys, issuer=ISSUER, audience="upheld", clock=clock)


def signed(key: RSAKey) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims(exp=int(START.timestamp()) + 86_400), key)


def test_fetched_keys_are_kept_and_fetched_again_for_an_unknown_one_but_not_at_every_attempt() -> None:
    old, new, unknown = (RSAKey.generate_key(auto_kid=True) for _ in range(3))
    provider, clock = Provider(old), MovableClock(START)

    async def steps() -> None:
        issuer = fetching(provider, clock)
        for _ in range(3):
            await issuer.verify(signed(old))
        assert provider.asked == 1
        clock.move_to(START + timedelta(seconds=6))
        provider.keys.append(new)
        assert (await issuer.verify(signed(new))).subject == "eve"
        for _ in range(3):
            with pytest.raises(InvalidToken):
                await issuer.verify(signed(unknown))
        assert provider.asked == 2

    run(steps())


def test_known_keys_outlive_a_short_outage_of_the_issuer_and_not_a_long_one() -> None:
    key = RSAKey.generate_key(auto_kid=True)
    provider, clock = Provider(key), MovableClock(START)

    async def steps() -> None:
        issuer = fetching(provider, clock)
        await issuer.verify(signed(key))
        provider.down = True
        clock.move_to(START + timedelta(minutes=30))
        assert (await issuer.verify(signed(key))).subject == "eve"
        clock.move_to(START + timedelta(minutes=61))
        with pytest.raises(IdentityProviderUnavailable):
            await issuer.verify(signed(key))

    run(steps())


def test_where_the_issuers_keys_should_lie_is_not_told_to_callers(tmp_path: Path) -> None:
    platform = small_platform(tmp_path, jwks=str(tmp_path / "missing.json"))
    stranger = small_platform(tmp_path / "elsewhere").token(Role.VIEWER)
    with pytest.raises(IdentityProviderUnavailable) as refused:
        run(platform.identity.authenticate(f"Bearer {stranger}", None))
    assert "missing.json" not in str(refused.value)


def test_a_service_credential_is_renewed_before_it_expires(platform: SmallPlatform) -> None:
    credential = platform.identity.service_credential("reporting")
    first = credential()
    assert credential() == first
    for minutes in range(4, 60, 4):
        platform.clock.move_to(START + timedelta(minutes=minutes))
        assert run(platform.identity.authenticate(credential(), None)).is_service
    assert credential() != first


def test_a_service_given_a_key_speaks_by_that_key(platform: SmallPlatform) -> None:
    key = platform.identity.make_api_key(subject="service:reporting", organisation="upheld", roles=[Role.SERVICE])
    apart = Identity.open(Settings(data=platform.settings.data / "apart", service_key=key), platform.clock)
    assert run(platform.identity.authenticate(apart.service_credential("reporting")(), None)).is_service


def test_a_role_that_is_not_named_is_refused_with_those_that_would_do() -> None:
    viewer = Caller(subject="ada", organisation=OrganisationId("acme"), roles=frozenset({Role.VIEWER}))
    needed = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
    with pytest.raises(NotPermitted, match="administrator, operator"):
        check(viewer, "report_observations", needed)
    check(viewer, "get_agreement", frozenset({Role.VIEWER}))


def test_an_empty_entry_lets_nobody_in_and_public_lets_everybody() -> None:
    nobody = Caller(subject="ada", organisation=OrganisationId("acme"), roles=frozenset())
    with pytest.raises(NotPermitted):
        check(nobody, "anything", frozenset())
    check(nobody, "anything", PUBLIC)
