"""Options that many commands have in common, as one value: `command` registers a function whose first parameter is that value."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, TypeVar, get_type_hints

import typer

from services.command.shell import JsonOption, OrganisationOption, T, TokenOption, UrlOption, asked, out
from services.vocabulary.identity import Role

if TYPE_CHECKING:
    from services.command.client import Answer, Client

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Whom a command asks, for whom, and how it tells the answer."""

    url: UrlOption = ""
    token: TokenOption = ""
    organisation: OrganisationOption = ""
    as_json: JsonOption = False

    def ask(self, work: Callable[[Client], Awaitable[T]], roles: Sequence[Role]) -> T:
        return asked(work, url=self.url, token=self.token, organisation=self.organisation, roles=roles)

    def tell(self, answer: Answer, lines: Callable[[], Sequence[str]]) -> None:
        """The API's JSON for machines, else these lines."""
        if self.as_json:
            out.print_json(answer.text)
        for line in () if self.as_json else lines():
            out.print(line, markup=False, soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class Changing(Asking):
    """As `Asking`, and who changes what on which version, and why."""

    subject: Annotated[str, typer.Option(help="Who you are to the platform, with a token of the local issuer.")] = "command"
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = ""
    version: Annotated[int, typer.Option(min=0, help="The version you decided on: refused where it is not the newest. 0: the newest.")] = 0

    def ask(self, work: Callable[[Client], Awaitable[T]], roles: Sequence[Role]) -> T:
        return asked(work, url=self.url, token=self.token, organisation=self.organisation, roles=roles, subject=self.subject)


def command(app: typer.Typer, name: str) -> Callable[[F], F]:
    """Registers a command under a name. The function's first parameter is an `Asking` or a `Changing`: its fields become options."""

    def register(work: F) -> F:
        first, *own = inspect.signature(work).parameters.values()
        hints = get_type_hints(work, include_extras=True)
        common: type[Asking] = hints[first.name]
        shared = [each.name for each in fields(common)]

        def run(**words: object) -> None:
            options = {each: words.pop(each) for each in shared}
            work(common(**options), **words)  # type: ignore[arg-type]

        told = get_type_hints(common, include_extras=True)
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name]) for each in own]
        parameters += [
            inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=told[each.name])
            for each in fields(common)
        ]
        run.__doc__ = work.__doc__
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        app.command(name)(run)
        return work

    return register
