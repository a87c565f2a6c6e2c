"""The HTTP door for the keys that people sign with. Translation only; a private key never comes here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.agreements.answers import Moment
from services.agreements.keyring_application import Keyrings
from services.agreements.keys import SigningKey
from services.chassis.http import Acting

KeyId = Annotated[str, Path(description="The first four bytes of its hash, in hex", pattern="^[0-9a-f]{8}$", examples=["1a2b3c4d"])]


class KeyNote(BaseModel):
    """The signed note over organisation, subject and key; `upheld key` makes it."""

    model_config = ConfigDict(extra="forbid")

    note: str


class RevocationRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2_000)] = ""


class SigningKeyBody(BaseModel):
    """A person's key. `revoked_at`: since when it signs nothing more, empty while it does; `replaced_by`: the id of the key after it."""

    id: str
    key: Annotated[str, Field(description="Verifier key: name+id+base64")]
    organisation: str
    subject: str
    registered_at: Moment
    revoked_at: str
    replaced_by: str
    reason: str


class SigningKeysBody(BaseModel):
    items: list[SigningKeyBody]


def router(keyrings: Keyrings) -> APIRouter:
    """The routes; each one's name is its use case's, by which permissions are granted."""
    routes = APIRouter(prefix="/v1/keys", tags=["keys"])

    @routes.get("", operation_id="list_keys")
    async def list_keys(
        context: Acting, organisation: Annotated[str, Query(max_length=63, description="Empty: the caller's own")] = ""
    ) -> SigningKeysBody:
        """An organisation's keys, in order of registration: one's own, and those of whom one has an agreement with."""
        return SigningKeysBody(items=[_body(each) for each in await keyrings.listed(organisation, context=context)])

    @routes.post("", status_code=201, operation_id="register_key")
    async def register_key(body: KeyNote, context: Acting) -> SigningKeyBody:
        """Register the caller's own key, which has signed the note. A repeat changes nothing."""
        return _body(await keyrings.register(body.note, context=context))

    @routes.post("/{key_id}/rotation", operation_id="rotate_key")
    async def rotate_key(body: KeyNote, key_id: KeyId, context: Acting) -> SigningKeyBody:
        """Put the new key that the note names in place of this one; both have signed it."""
        return _body(await keyrings.rotate(body.note, key_id=key_id, context=context))

    @routes.post("/{key_id}/revocation", operation_id="revoke_key")
    async def revoke_key(body: RevocationRequest, key_id: KeyId, context: Acting) -> SigningKeyBody:
        """It signs nothing more. One's own key, or as an administrator anybody's of the organisation."""
        return _body(await keyrings.revoke(key_id, reason=body.reason, context=context))

    return routes


def _body(key: SigningKey) -> SigningKeyBody:
    return SigningKeyBody(
        id=key.id,
        key=str(key.key),
        organisation=key.organisation,
        subject=key.subject,
        registered_at=key.registered_at,
        revoked_at=key.revoked_at,
        replaced_by=key.replaced_by,
        reason=key.reason,
    )
