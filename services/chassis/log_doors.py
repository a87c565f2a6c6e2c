"""The HTTP doors of a service's signed log, the same for each. Translation only; tiles as C2SP tlog-tiles names them."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from services.chassis.erasure import Erasures
from services.chassis.http import Acting
from services.chassis.log_keys import LogSigner
from services.chassis.sealer import SealedLog
from services.transparency.note import parse_signature
from services.transparency.tiles import TileName, parse_tile
from services.vocabulary.errors import NotFound
from services.vocabulary.identity import Role

_MOST = 10**15
_LENGTH = struct.Struct(">H")

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "get_checkpoint": frozenset(Role),
    "get_checkpoint_of_size": frozenset(Role),
    "get_log_tile": frozenset(Role),
    "get_log_entries": frozenset({Role.AUDITOR, Role.ADMINISTRATOR}),
    "get_log_consistency": frozenset(Role),
    "get_log_key": frozenset(Role),
    "cosign_checkpoint": frozenset(Role),  # by a witness that is known, whoever brings it
    "erase_person": frozenset({Role.ADMINISTRATOR, Role.SERVICE}),
}


class NoSuchTile(NotFound):
    """The path names no tile that a log could have."""

    code = "no-such-tile"


class _Octets(Response):
    media_type = "application/octet-stream"


class ConsistencyBody(BaseModel):
    """How the log grew from one size to another, by RFC 9162, section 2.1.4."""

    model_config = ConfigDict(populate_by_name=True)

    old: int = Field(serialization_alias="from")
    new: int = Field(serialization_alias="to")
    proof: list[str] = Field(description="Hashes in base64")


class LogKeyBody(BaseModel):
    """By which keys the log is to be verified."""

    log: str = Field(description="The name in its checkpoints", examples=["upheld/agreements"])
    keys: list[str] = Field(description="Verifier keys that sign now, oldest first")
    rotations: list[str] = Field(description="Signed notes in which each key named the next, oldest first")
    witnesses: list[str] = Field(description="Verifier keys of the witnesses whose signatures are taken")


class CosignatureRequest(BaseModel):
    """What a witness has signed."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=0, le=_MOST, description="Of the checkpoint")
    signature: str = Field(min_length=1, max_length=1_000, description="The signature line, by C2SP tlog-cosignature")


class ErasureRequest(BaseModel):
    """Who is to be forgotten here, and why."""

    model_config = ConfigDict(extra="forbid")

    organisation: str = Field(min_length=1, max_length=100, description="That the person acted for, the administrator's own")
    subject: str = Field(min_length=1, max_length=2_000, description="As the person's credentials name them")
    reason: str = Field(min_length=1, max_length=1_000, description="Is kept; must not name the person")


class ErasedPersonBody(BaseModel):
    """A person without a name: what events tell instead is "erased-" and the id."""

    id: str = Field(description="What events name the person by", examples=["9f86d081884c7d65"])
    erased_at: str = Field(description="RFC 3339 UTC")
    events: int = Field(description="How many events of theirs stay, proved as before")


class ErasureBody(BaseModel):
    """The receipt; it names nobody."""

    service: str
    erased: list[ErasedPersonBody] = Field(description="Empty: nobody of that name is known here, or no more")
    still_named: int = Field(description="Events of the time before names were hidden: they hold the name, and cannot change")


Size = Annotated[int, Path(ge=0, le=_MOST, description="How many leaves the checkpoint is of")]
TilePath = Annotated[str, Path(description="Level, number and width as C2SP tlog-tiles names them", examples=["0/000.p/1"])]
BundlePath = Annotated[str, Path(description="Number and width as C2SP tlog-tiles names them", examples=["000.p/1"])]


def path_of(service: str) -> str:
    return f"/v1/log/{service}"


def router(service: str, sealed: SealedLog, signer: LogSigner, erasures: Erasures) -> APIRouter:
    """The routes; each one's name is that of its permission."""
    routes = APIRouter(prefix=path_of(service), tags=["log"])
    _add_checkpoints(routes, sealed)
    _add_tiles(routes, sealed)
    _add_proofs(routes, sealed, signer)
    _add_erasures(routes, service, erasures)
    return routes


def _add_checkpoints(routes: APIRouter, sealed: SealedLog) -> None:
    @routes.get("/checkpoint", operation_id="get_checkpoint", response_class=PlainTextResponse)
    async def get_checkpoint(context: Acting) -> PlainTextResponse:
        """The newest checkpoint, a signed note."""
        return PlainTextResponse(await sealed.checkpoint())

    @routes.get("/checkpoints/{size}", operation_id="get_checkpoint_of_size", response_class=PlainTextResponse)
    async def get_checkpoint_of_size(size: Size, context: Acting) -> PlainTextResponse:
        """The checkpoint of a size that was signed."""
        return PlainTextResponse(await sealed.checkpoint(size=size))

    @routes.post("/cosignatures", operation_id="cosign_checkpoint", response_class=PlainTextResponse)
    async def cosign_checkpoint(body: CosignatureRequest, context: Acting) -> PlainTextResponse:
        """Put a known witness's signature below a checkpoint; answers the checkpoint with it."""
        return PlainTextResponse(await sealed.cosign(body.size, parse_signature(body.signature.removesuffix("\n"))))


def _add_tiles(routes: APIRouter, sealed: SealedLog) -> None:
    @routes.get("/tile/entries/{bundle:path}", operation_id="get_log_entries", response_class=_Octets)
    async def get_log_entries(bundle: BundlePath, context: Acting) -> _Octets:
        """The entries of a tile, each after its length in two bytes."""
        tile = _named(f"entries/{bundle}")
        entries = await sealed.entries(tile.number, tile.width)
        return _Octets(b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries))

    @routes.get("/tile/{path:path}", operation_id="get_log_tile", response_class=_Octets)
    async def get_log_tile(path: TilePath, context: Acting) -> _Octets:
        """The hashes of a tile."""
        tile = _named(path)
        if tile.level is None:
            raise NoSuchTile(f"there is no tile {path!r}")
        return _Octets(await sealed.tile(tile.level, tile.number, tile.width))


def _add_proofs(routes: APIRouter, sealed: SealedLog, signer: LogSigner) -> None:
    @routes.get("/consistency", operation_id="get_log_consistency", response_model_by_alias=True)
    async def get_log_consistency(
        context: Acting,
        old: Annotated[int, Query(alias="from", ge=0, le=_MOST, description="A size")],
        new: Annotated[int, Query(alias="to", ge=0, le=_MOST, description="A later size")],
    ) -> ConsistencyBody:
        """What shows that the log of one size is the beginning of that of another."""
        return ConsistencyBody(old=old, new=new, proof=[in_base64(each) for each in await sealed.consistency(old, new)])

    @routes.get("/key", operation_id="get_log_key")
    async def get_log_key(context: Acting) -> LogKeyBody:
        """By which keys the log signs, and how they came after each other. Whoever verifies has one of them from elsewhere."""
        return await asyncio.to_thread(
            lambda: LogKeyBody(
                log=signer.key.name,
                keys=[str(key) for key in signer.keys],
                rotations=signer.rotations,
                witnesses=[str(key) for key in sealed.witnesses()],
            )
        )


def _add_erasures(routes: APIRouter, service: str, erasures: Erasures) -> None:
    @routes.post("/erasures", operation_id="erase_person")
    async def erase_person(body: ErasureRequest, context: Acting) -> ErasureBody:
        """Delete the key of a person's name: events and proofs stay, without it. Asked again, it ends what was begun."""
        done = await erasures.erase(organisation=body.organisation, subject=body.subject, reason=body.reason, context=context)
        erased = [ErasedPersonBody(id=each.id, erased_at=each.erased_at, events=each.events) for each in done.erased]
        return ErasureBody(service=service, erased=erased, still_named=done.still_named)


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _named(path: str) -> TileName:
    tile = parse_tile(path)
    if tile is None or tile.number > _MOST:
        raise NoSuchTile(f"there is no tile {path[:100]!r}")
    return tile
