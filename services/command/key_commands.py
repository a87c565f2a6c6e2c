"""`upheld key …` and `upheld sign`: reads the options, calls one function and prints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.command.shell import (
    READING,
    SIGNING,
    JsonOption,
    KeyFileArgument,
    OrganisationOption,
    SubjectOption,
    T,
    TokenOption,
    UrlOption,
    asked,
    fail,
    out,
    refusing,
    show,
    write_file,
)
from services.vocabulary.identity import Role

if TYPE_CHECKING:
    from services.command.client import Answer, Client
    from services.command.signing import Offer, Owned

app = typer.Typer(help="The keys that you sign with: make, register, rotate, revoke and list them.", no_args_is_help=True)


@app.command("make")
def make_key(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where the private key shall lie; never overwritten.")],
    name: Annotated[str, typer.Option(help="What it is called: your organisation, a slash, and you, such as rheinbank/ida.keller.")],
) -> None:
    """Make a key of your own, readable by you alone, and print its public half."""
    from services.command.signing import make_key_file

    out.print(str(refusing(lambda: make_key_file(file, name), code=2)), markup=False, soft_wrap=True)


@app.command("register")
def register_key(file: KeyFileArgument, subject: SubjectOption = "", url: UrlOption = "", token: TokenOption = "") -> None:
    """Register your key with your organisation; from then on you can sign with it."""
    from services.command.signing import owned, registration

    own = refusing(lambda: owned(file, subject=subject), code=2)

    async def send(client: Client) -> Answer:
        return await client.post("/v1/keys", {"note": registration(own)})

    answer = asked(send, url=url, token=token, organisation=own.organisation, roles=SIGNING, subject=own.subject)
    out.print_json(answer.text)


@app.command("rotate")
def rotate_key(
    old: KeyFileArgument, new: KeyFileArgument, subject: SubjectOption = "", url: UrlOption = "", token: TokenOption = ""
) -> None:
    """Put a new key of yours in place of the old one; both sign the change."""
    from services.command.signing import owned, rotation

    before = refusing(lambda: owned(old, subject=subject), code=2)
    after = refusing(lambda: owned(new, subject=subject), code=2)

    async def send(client: Client) -> Answer:
        return await client.post(f"/v1/keys/{before.signer.key.id.hex()}/rotation", {"note": rotation(before, after)})

    answer = asked(send, url=url, token=token, organisation=before.organisation, roles=SIGNING, subject=before.subject)
    out.print_json(answer.text)


@app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id, eight hex digits.")],
    reason: Annotated[str, typer.Option(help="Why; everybody who sees the key reads it.")],
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
) -> None:
    """Revoke a key: your own, or as an administrator anybody's of your organisation. What it signed before stays signed."""

    async def send(client: Client) -> Answer:
        return await client.post(f"/v1/keys/{key}/revocation", {"reason": reason}, reason=reason)

    out.print_json(asked(send, url=url, token=token, organisation=organisation, roles=(Role.ADMINISTRATOR,)).text)


@app.command("list")
def list_keys(
    of: Annotated[str, typer.Option(help="Another organisation's, with which you have an agreement; empty: your own.")] = "",
    url: UrlOption = "",
    token: TokenOption = "",
    organisation: OrganisationOption = "",
    as_json: JsonOption = False,
) -> None:
    """List the keys of an organisation: whose they are, since when, and until when they signed."""
    from services.command.show import keys_table

    async def ask(client: Client) -> Answer:
        return await client.get("/v1/keys", **({"organisation": of} if of else {}))

    answer = asked(ask, url=url, token=token, organisation=organisation, roles=READING)
    if as_json:
        out.print_json(answer.text)
    else:
        show(keys_table(answer.body))


def sign_terms(
    *,
    key: Annotated[Path, typer.Option("--key", exists=True, dir_okay=False, help="Your key's file.")],
    terms: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="The terms document that you sign.")] = None,
    offered: Annotated[str, typer.Option(help="Sign what waits for signatures in this agreement, after it was explained to you.")] = "",
    agreement: Annotated[str, typer.Option(help="The agreement's id.")] = "",
    terms_version: Annotated[int, typer.Option(min=1, help="The number under which the terms were proposed.")] = 1,
    effective_on: Annotated[str, typer.Option(help="The first civil day they count for; empty: the first version's, as they say.")] = "",
    role: Annotated[str, typer.Option(help="Your side: provider or customer; empty: as the terms say.")] = "",
    organisation: Annotated[str, typer.Option("--organisation", "-o", help="Whom you sign for; empty: as your key is called.")] = "",
    out_file: Annotated[Path | None, typer.Option("--out", dir_okay=False, help="Write the signed note here and do not send it.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to the platform as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Sign what is offered without being asked.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    subject: SubjectOption = "",
    url: UrlOption = "",
    token: TokenOption = "",
) -> None:
    """Sign terms with your own key, on your own machine: from the document alone, or what the platform offers."""
    from services.command.signing import note_of, offer_of, owned, post_note, text_of
    from services.command.terms import read_file

    if (terms is None) == (not offered):
        fail("give a terms document, or --offered and an agreement's id", code=2)
    own = refusing(lambda: owned(key, subject=subject, organisation=organisation), code=2)

    def ask(work: Callable[[Client], Awaitable[T]]) -> T:
        return asked(work, url=url, token=token, organisation=own.organisation, roles=SIGNING, subject=own.subject)

    if terms is not None:
        document = refusing(lambda: read_file(terms), code=2)
        text = refusing(
            lambda: text_of(document, own, agreement=agreement, number=terms_version, effective_on=effective_on, role=role), code=2
        )
    else:
        offer = ask(lambda client: offer_of(client, own, offered))
        text = offer.text
        consent(offer, own, yes=yes, console=out)
    note = note_of(text, own)
    if out_file is not None:
        write_file(out_file, note)
    if send or (offered and out_file is None):
        answer = ask(lambda client: post_note(client, str(text.agreement_id), note, reason=reason))
        signed = f"version {text.terms_version} is signed for the {text.role}; the agreement is {answer.body['status']}"
        out.print(signed, markup=False, soft_wrap=True)
    elif out_file is None:
        typer.echo(note, nl=False)


def consent(offer: Offer, own: Owned, *, yes: bool, console: Console) -> None:
    """Shows what would be signed, and asks; without a yes the command ends."""
    from services.command.signing import offer_told

    console.print(offer_told(offer, width=min(console.width, 120)), markup=False, soft_wrap=True)
    if not yes and not typer.confirm(f"Sign version {offer.text.terms_version} as the {offer.text.role}, {own.organisation}?"):
        fail("nothing was signed")
