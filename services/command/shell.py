"""What every command has in common: its options, one conversation with the platform, and how it prints and refuses. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from rich.console import Console, RenderableType
from rich.measure import Measurement

from services.command.environment import TOKEN, URL
from services.vocabulary.errors import Refusal
from services.vocabulary.identity import OrganisationId, Role

if TYPE_CHECKING:
    from services.chassis.settings import Settings
    from services.command.client import Client

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

T = TypeVar("T")
READING = (Role.AUDITOR,)
SIGNING = (Role.SIGNATORY,)
_WIDEST = 10_000

UrlOption = Annotated[str, typer.Option("--url", envvar=URL, help="The platform's HTTP origin; empty: from the settings.")]
TokenOption = Annotated[
    str, typer.Option("--token", envvar=TOKEN, help="A bearer token; empty: one made by the local issuer for --organisation.")
]
OrganisationOption = Annotated[str, typer.Option("--organisation", "-o", help="Whom the local issuer's token speaks for.")]
TermsArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A terms document, YAML or JSON.")]
KeyFileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A key's file, made by `upheld key make`.")]
SubjectOption = Annotated[str, typer.Option(help="Who you are to the platform; empty: as the key is called, after the organisation.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The API's JSON instead of a table.")]


def show(table: RenderableType) -> None:
    """On a terminal as wide as that is; into a pipe or a file as wide as the table, since a program reads it line by line."""
    if out.file.isatty():
        out.print(table)
        return
    whole = Measurement.get(out, out.options.update(max_width=_WIDEST), table).maximum
    Console(highlight=False, width=whole).print(table)


def write_file(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        fail(f"{file} cannot be written: {fault.strerror}")


def choose(option: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        fail(f"{option} must be {' or '.join(words)}, not {word!r}", code=2)


def read_settings() -> Settings:
    from services.chassis.settings import Settings, SettingsError

    try:
        return Settings()
    except SettingsError as error:
        fail(str(error), code=2)


def asked(
    ask: Callable[[Client], Awaitable[T]], *, url: str, token: str, organisation: str, roles: Sequence[Role], subject: str = "command"
) -> T:
    """One conversation with the running platform; a refusal is printed as it was told."""
    from services.chassis.settings import origin_of
    from services.command.client import RequestFailed, connected
    from services.command.local import credential

    settings = read_settings()

    async def conversation() -> T:
        bearer = token or credential(settings, OrganisationId(organisation), roles, subject=subject)
        async with connected(url or origin_of(settings), bearer) as client:
            return await ask(client)

    try:
        return asyncio.run(conversation())
    except RequestFailed as failure:
        fail(str(failure))
    except Refusal as refusal:
        fail(refusal.message)


def refusing(work: Callable[[], T], *, code: int = 1) -> T:
    """Runs local work; a refusal names the field and the rule, one line each."""
    from services.vocabulary.errors import Invalid

    try:
        return work()
    except Invalid as refusal:
        fail("\n".join(str(violation) for violation in refusal.violations), code=code)
    except Refusal as refusal:
        fail(refusal.message, code=code)


def fail(message: str, *, code: int = 1) -> NoReturn:
    err.print("[red]error[/red]: ", end="")
    err.print(message, markup=False, soft_wrap=True)
    raise typer.Exit(code)
