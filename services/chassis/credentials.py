"""What a credential may be refused for, and the shape of what it must say. Pure: verifies nothing itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from services.vocabulary.errors import Refusal
from services.vocabulary.identity import Caller, OrganisationId, Role

_ORGANISATION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SUBJECT_LENGTH = 200


class Unauthenticated(Refusal):
    """The caller is not proven. This class itself: no credential came at all."""

    code = "unauthenticated"


class InvalidToken(Unauthenticated):
    """No token of a known issuer: malformed, tampered with, signed by an unknown key or by an algorithm that is not accepted."""

    code = "token-invalid"


class TokenExpired(Unauthenticated):
    code = "token-expired"


class TokenNotYetValid(Unauthenticated):
    code = "token-not-yet-valid"


class WrongAudience(Unauthenticated):
    """A genuine token that was issued for somebody else."""

    code = "token-wrong-audience"


class WrongIssuer(Unauthenticated):
    code = "token-wrong-issuer"


class OrganisationMissing(Unauthenticated):
    """A genuine token that does not say which organisation it speaks for."""

    code = "token-without-organisation"


class InvalidApiKey(Unauthenticated):
    """Unknown, revoked or mistyped: the three look the same."""

    code = "api-key-invalid"


def caller_of(*, subject: object, organisation: object, roles: object) -> Caller:
    """Of what a verified credential says. Roles we do not know are ignored. Refuses a missing subject or organisation."""
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_LENGTH or not subject.isprintable():
        raise InvalidToken(f"the credential must name a subject of 1 to {_SUBJECT_LENGTH} printable characters")
    if not isinstance(organisation, str) or not is_organisation(organisation):
        raise OrganisationMissing('the credential must name the organisation it speaks for, in the claim "org"')
    return Caller(subject=subject, organisation=OrganisationId(organisation), roles=known_roles(roles))


def is_organisation(text: str) -> bool:
    """Whether it is a slug, as organisations are named."""
    return _ORGANISATION.fullmatch(text) is not None


def known_roles(names: object) -> frozenset[Role]:
    if not isinstance(names, Iterable) or isinstance(names, str):
        return frozenset()
    known = {role.value for role in Role}
    return frozenset(Role(name) for name in names if isinstance(name, str) and name in known)
