"""The library: ready terms documents to begin with, as they lie in `templates/`. Reads them; judges and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from services.agreements.terms.fields import hint
from services.vocabulary.errors import NotFound

_ENDING = ".yaml"


class UnknownTemplate(NotFound):
    """The library has no template of that name; the message says which it has."""

    code = "terms-template-not-found"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no template {name!r}; {hint(name, known)}")
        self.name = name


@dataclass(frozen=True, kw_only=True)
class Template:
    """A whole terms document, its comments included. `summary` is its first line: what it is for."""

    name: str
    summary: str
    text: str


def templates() -> tuple[Template, ...]:
    """All there are, by name."""
    return tuple(_read(name, file) for name, file in _files().items())


def template(name: str) -> Template:
    """Refuses with `UnknownTemplate`."""
    files = _files()
    if name not in files:
        raise UnknownTemplate(name, tuple(files))
    return _read(name, files[name])


def _files() -> dict[str, Traversable]:
    """By name; a name from outside is looked up here and never made into a path."""
    found = (file for file in resources.files("services.agreements").joinpath("templates").iterdir() if file.name.endswith(_ENDING))
    return {file.name.removesuffix(_ENDING): file for file in sorted(found, key=lambda file: file.name)}


def _read(name: str, file: Traversable) -> Template:
    text = file.read_text(encoding="utf-8")
    return Template(name=name, summary=text.partition("\n")[0].removeprefix("#").strip(), text=text)
