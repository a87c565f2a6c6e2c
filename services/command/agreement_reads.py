"""`upheld agreement …`: what can be asked of agreements and their past, through the HTTP API. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from services.command.agreements import AgreementArgument, app
from services.command.options import Asking, command
from services.command.shell import READING

if TYPE_CHECKING:
    from services.command.client import Answer, Client, Json

__all__ = ["app"]

KnownAtOption = Annotated[str, typer.Option(help="Only what was recorded until this instant (RFC 3339).")]
AsOfOption = Annotated[str, typer.Option(help="The state on this civil date.")]
CursorOption = Annotated[str, typer.Option(help="Where the page before ended.")]
LimitOption = Annotated[int, typer.Option(min=1, max=100, help="How many at most.")]


def _told(options: Asking, path: str, lines: Callable[[Json], Iterable[str]], **query: object) -> Answer:
    """What is empty is not asked for."""

    async def ask(client: Client) -> Answer:
        return await client.get(path, **{name: str(value) for name, value in query.items() if value})

    answer = options.ask(ask, READING)
    options.tell(answer, lambda: list(lines(answer.body)))
    return answer


@command(app, "list")
def list_agreements(
    options: Asking,
    status: Annotated[str, typer.Option(help="Only those in this state.")] = "",
    cursor: CursorOption = "",
    limit: LimitOption = 50,
) -> None:
    """Your organisation's agreements, newest drafts first."""
    from services.command.agreement_words import listed_lines

    _told(options, "/v1/agreements", listed_lines, status=status, cursor=cursor, limit=limit)


@command(app, "show")
def show_agreement(options: Asking, agreement: AgreementArgument, as_of: AsOfOption = "", known_at: KnownAtOption = "") -> None:
    """An agreement: its state, who agrees, what is in force, what waits, and all that was said and asked."""
    from services.command.agreement_words import agreement_lines

    _told(options, f"/v1/agreements/{agreement}", agreement_lines, as_of=as_of, known_at=known_at)


@command(app, "history")
def show_history(options: Asking, agreement: AgreementArgument, known_at: KnownAtOption = "") -> None:
    """Every recorded fact: who, when, through which door, why."""
    from services.command.agreement_words import history_lines

    _told(options, f"/v1/agreements/{agreement}/history", history_lines, known_at=known_at)


@command(app, "diff")
def show_difference(
    options: Asking,
    agreement: AgreementArgument,
    before: Annotated[int, typer.Argument(help="A version of the terms; with --states an event's.")],
    after: Annotated[int, typer.Argument(help="Another one.")],
    states: Annotated[bool, typer.Option("--states", help="Of the whole state after two events, not of terms alone.")] = False,
) -> None:
    """What changed between two versions of the terms, place by place; or in all, between two events."""
    from services.command.agreement_words import difference_lines

    of = "states/diff" if states else "diff"
    _told(options, f"/v1/agreements/{agreement}/{of}", difference_lines, **{"from": before, "to": after})


@command(app, "state")
def show_state(
    options: Asking,
    agreement: AgreementArgument,
    version: Annotated[int, typer.Argument(min=1, help="An event's version, as the history shows it.")],
    as_of: AsOfOption = "",
) -> None:
    """The whole agreement as it was after an event."""
    from services.command.agreement_words import agreement_lines

    _told(options, f"/v1/agreements/{agreement}/states/{version}", agreement_lines, as_of=as_of)


@command(app, "search")
def search_history(
    options: Asking,
    *,
    actor: Annotated[str, typer.Option(help="Who did it.")] = "",
    by: Annotated[str, typer.Option(help="The organisation on whose behalf.")] = "",
    place: Annotated[str, typer.Option(help="A place of the terms that changed, or one that it lies in.")] = "",
    type_: Annotated[str, typer.Option("--type", help="What happened, such as agreement.signed.v2.")] = "",
    from_: Annotated[str, typer.Option("--from", help="Recorded at this instant (RFC 3339) or later.")] = "",
    until: Annotated[str, typer.Option(help="Recorded at this instant or earlier.")] = "",
    agreement: Annotated[str, typer.Option(help="Of this agreement alone.")] = "",
    cursor: CursorOption = "",
    limit: LimitOption = 50,
) -> None:
    """Search the histories of all agreements that you may see."""
    from services.command.agreement_words import found_lines

    narrowed = {"actor": actor, "organisation": by, "place": place, "type": type_, "from": from_, "until": until}
    _told(options, "/v1/history", found_lines, agreement_id=agreement, cursor=cursor, limit=limit, **narrowed)


@command(app, "reads")
def show_reads(options: Asking, agreement: AgreementArgument, cursor: CursorOption = "", limit: LimitOption = 50) -> None:
    """Who read the agreement: for the parties' administrators, service managers and auditors."""
    from services.command.agreement_words import read_lines

    _told(options, f"/v1/agreements/{agreement}/reads", read_lines, cursor=cursor, limit=limit)


@command(app, "chain")
def check_chain(options: Asking, agreement: AgreementArgument) -> None:
    """Whether the agreements below can hold what this one promises: 0 if they can, else 1."""
    from services.command.agreement_words import chain_lines

    answer = _told(options, f"/v1/agreements/{agreement}/chain", chain_lines)
    raise typer.Exit(0 if answer.body["holds"] else 1)
