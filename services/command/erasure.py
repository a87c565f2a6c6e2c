"""`upheld erase`: a person is forgotten by every service. Reads the options, asks each service's door, and prints the receipts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from services.command.shell import JsonOption, TokenOption, UrlOption, asked, fail, out
from services.vocabulary.identity import Role

if TYPE_CHECKING:
    from services.command.client import Client, Json

_ERASING = (Role.ADMINISTRATOR,)


def erase(
    *,
    subject: Annotated[str, typer.Option(help="Who is to be forgotten, as their credentials name them.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept, and must not name the person.")],
    organisation: Annotated[str, typer.Option("--organisation", "-o", help="That the person acted for; you are its administrator.")],
    url: UrlOption = "",
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Delete the keys of a person's name in every service: events and proofs stay, without it. There is no way back."""
    if not subject or not reason.strip():
        fail("--subject and --reason must say who and why", code=2)
    receipts = asked(
        lambda client: erased_everywhere(client, organisation=organisation, subject=subject, reason=reason),
        url=url,
        token=token,
        organisation=organisation,
        roles=_ERASING,
    )
    if as_json:
        out.print_json(json.dumps(receipts))
        return
    for line in told(receipts):
        out.print(line, markup=False, soft_wrap=True)


async def erased_everywhere(client: Client, *, organisation: str, subject: str, reason: str) -> list[Json]:
    """The receipts, one of each service. What one refuses, the ones before it have done: the same command again goes on."""
    from services.command.host import SERVICES

    body = {"organisation": organisation, "subject": subject, "reason": reason}
    return [(await client.post(f"/v1/log/{service}/erasures", body)).body for service in SERVICES]


def told(receipts: Sequence[Json]) -> Iterator[str]:
    for receipt in receipts:
        service = receipt["service"]
        for each in receipt["erased"]:
            yield f"{service}: erased-{each['id']} since {each['erased_at']}; {each['events']} events stay, proved and without a name"
        if not receipt["erased"]:
            yield f"{service}: nobody of that name is known, or no more"
        if receipt["still_named"]:
            yield f"{service}: {receipt['still_named']} events of the time before names were hidden hold the name, and cannot change"
