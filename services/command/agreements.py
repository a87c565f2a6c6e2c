"""`upheld agreement …`: what a party does to an agreement, through the HTTP API. Reads the options, asks once and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.command.options import Changing, command
from services.command.shell import SIGNING, TermsArgument, choose, err, fail, out, refusing
from services.vocabulary.identity import Role

if TYPE_CHECKING:
    from services.command.client import Answer, Client, Json

app = typer.Typer(help="An agreement between two parties: its offers, its life, its past.", no_args_is_help=True)

MANAGING = (Role.SERVICE_MANAGER,)

AgreementArgument = Annotated[str, typer.Argument(help="The agreement's id.")]
ValidUntilOption = Annotated[str, typer.Option(help="The offer ends by itself at this instant (RFC 3339); empty: it does not.")]
DayOption = Annotated[str, typer.Option(help="The first civil day it counts from.")]


def _changed(
    options: Changing,
    agreement: str,
    what: str,
    body: Mapping[str, Json] | None = None,
    *,
    terms: Path | None = None,
    query: Mapping[str, str] | None = None,
    roles: Sequence[Role] = MANAGING,
) -> None:
    """On the version that was named, else on the newest; what is empty is not sent."""
    from services.command.agreement_words import change_lines

    content = terms.read_bytes() if terms else None

    async def send(client: Client) -> Answer:
        path = f"/v1/agreements/{agreement}"
        return await client.post(
            f"{path}/{what}",
            _told(body or {}),
            content=content,
            content_type=_content_type(terms) if terms else "application/json",
            version=options.version or (await client.get(path)).version,
            reason=options.reason,
            query={name: value for name, value in (query or {}).items() if value},
        )

    answer = options.ask(send, roles)
    options.tell(answer, lambda: change_lines(answer.body))


def _told(body: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in body.items() if value not in ("", None)}


def _content_type(terms: Path) -> str:
    return "application/json" if terms.suffix == ".json" else "application/yaml"


@command(app, "draft")
def draft(
    options: Changing,
    terms: TermsArgument,
    name: Annotated[str, typer.Option(help="One agreement of these two parties has this name; a repeat is refused.")] = "",
) -> None:
    """Write the first draft. Your organisation must be one of the parties."""
    from services.command.agreement_words import change_lines

    content, query = terms.read_bytes(), {"name": name} if name else {}

    async def send(client: Client) -> Answer:
        return await client.post("/v1/agreements", content=content, content_type=_content_type(terms), reason=options.reason, query=query)

    answer = options.ask(send, MANAGING)
    options.tell(answer, lambda: change_lines(answer.body))


@command(app, "propose")
def propose(options: Changing, agreement: AgreementArgument, valid_until: ValidUntilOption = "") -> None:
    """Put the draft on the table, to be signed as it is."""
    _changed(options, agreement, "proposal", query={"valid_until": valid_until})


@command(app, "counter")
def counter(
    options: Changing, agreement: AgreementArgument, terms: TermsArgument, effective_on: DayOption = "", valid_until: ValidUntilOption = ""
) -> None:
    """Answer what waits for signatures with other terms; signatures given so far are of the former alone."""
    query = {"effective_on": effective_on, "valid_until": valid_until}
    _changed(options, agreement, "counter-offers", terms=terms, query=query)


@command(app, "comment")
def comment(
    options: Changing,
    agreement: AgreementArgument,
    place: Annotated[str, typer.Argument(help='A place of the terms, such as "objectives[uptime].target".')],
    text: Annotated[str, typer.Argument(help="What you have to say of it.")],
) -> None:
    """Say something of a place in the terms that wait for signatures, else of those in force or the draft."""
    _changed(options, agreement, "comments", {"place": place, "text": text})


@command(app, "withdraw")
def withdraw(options: Changing, agreement: AgreementArgument) -> None:
    """Take what waits for signatures off the table."""
    _changed(options, agreement, "withdrawal")


@command(app, "amend")
def amend(
    options: Changing, agreement: AgreementArgument, terms: TermsArgument, effective_on: DayOption, valid_until: ValidUntilOption = ""
) -> None:
    """Propose a whole new version of signed terms, from a day on that may lie in the past; both sides sign it."""
    query = {"effective_on": effective_on, "valid_until": valid_until}
    _changed(options, agreement, "amendments", terms=terms, query=query)


@command(app, "sign")
def sign(
    options: Changing,
    agreement: AgreementArgument,
    key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Your key's file: sign what waits.")] = None,
    note: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A signature that `upheld sign` made.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign what is offered without being asked.")] = False,
) -> None:
    """Sign what waits for signatures: with your key here and now, or with a signature made apart by `upheld sign`."""
    from services.command.signing import note_in, signed_by

    if key is not None and note is None:
        text = _signed_now(options, agreement, key, yes=yes)
    elif note is not None and key is None:
        text = refusing(partial(note_in, note), code=2)
    else:
        fail("give your key's file by --key, or a signature by --note", code=2)
    _changed(_as_signer(options, *signed_by(text)), agreement, "signatures", {"note": text}, roles=SIGNING)


def _signed_now(options: Changing, agreement: str, key: Path, *, yes: bool) -> str:
    """What the platform offers, shown before it is signed; beside the JSON that machines read."""
    from services.command.key_commands import consent
    from services.command.signing import note_of, offer_of, owned

    own = refusing(lambda: owned(key, subject=_named(options), organisation=options.organisation), code=2)
    offer = _as_signer(options, own.organisation, own.subject).ask(lambda client: offer_of(client, own, agreement), SIGNING)
    consent(offer, own, yes=yes, console=err if options.as_json else out)
    return note_of(offer.text, own)


def _as_signer(options: Changing, organisation: str, subject: str) -> Changing:
    """Whoever the key is called after, unless it was said."""
    return replace(options, organisation=options.organisation or organisation, subject=_named(options) or subject)


def _named(options: Changing) -> str:
    """Empty: as the key is called."""
    return "" if options.subject == Changing.subject else options.subject


@command(app, "suspend")
def suspend(
    options: Changing,
    agreement: AgreementArgument,
    first_day: Annotated[str, typer.Option(help="The first civil day without service, today at the earliest.")],
    last_day: Annotated[str, typer.Option(help="The last one; empty: until it is resumed.")] = "",
) -> None:
    """Ask the other side to suspend the agreement; its days are then in no figure."""
    _changed(options, agreement, "suspension-requests", {"first_day": first_day, "last_day": last_day})


@command(app, "resume")
def resume(
    options: Changing,
    agreement: AgreementArgument,
    first_day: Annotated[str, typer.Option(help="The first civil day of service again.")],
) -> None:
    """Ask the other side to end a suspension."""
    _changed(options, agreement, "resumption-requests", {"first_day": first_day})


@command(app, "answer")
def answer_request(
    options: Changing,
    agreement: AgreementArgument,
    word: Annotated[str, typer.Argument(help="confirm or refuse")],
) -> None:
    """Answer what the other side asked for: a suspension, or its end."""
    choose("the answer", word, ("confirm", "refuse"))
    _changed(options, agreement, "request-answers", {"confirmed": word == "confirm"}, roles=SIGNING)


@command(app, "notice")
def notice(options: Changing, agreement: AgreementArgument) -> None:
    """Give notice: the agreement ends with its term instead of being renewed."""
    _changed(options, agreement, "notice")


@command(app, "review")
def review(
    options: Changing,
    agreement: AgreementArgument,
    due_on: Annotated[str, typer.Option(help="The day the review was due, as the agreement shows it.")],
    held_on: Annotated[str, typer.Option(help="The day it was held.")],
    minutes: Annotated[str, typer.Option(help="What was said and decided.")],
) -> None:
    """Record that a service review was held."""
    _changed(options, agreement, "reviews", {"due_on": due_on, "held_on": held_on, "minutes": minutes})


@command(app, "archive")
def archive(options: Changing, agreement: AgreementArgument) -> None:
    """Put an agreement that has ended away: nothing happens to it any more, it can still be read."""
    _changed(options, agreement, "archive")


@command(app, "terminate")
def terminate(
    options: Changing,
    agreement: AgreementArgument,
    last_day: Annotated[str, typer.Option(help="The last civil day of the agreement, today at the earliest.")],
) -> None:
    """End the agreement after a day."""
    _changed(options, agreement, "termination", {"last_day": last_day})
