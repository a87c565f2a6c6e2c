"""What can be set: by environment (`UPHELD_*`), which wins, or by file (`upheld.toml`, or what UPHELD_FILE names). Writes neither."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

Origin = Literal["default", "environment", "file", "argument"]

_PREFIX = "UPHELD_"
_FILE_VARIABLE = "UPHELD_FILE"
_FILE = "upheld.toml"
_CREDENTIALS = re.compile(r"://([^/?#]*)@")
_LOG_ORIGIN = re.compile(r"[^\s+]{1,100}")
_PASSWORD = re.compile(r"([?&][a-z]*password=)[^&]*")


_THIS_MACHINE = frozenset(("localhost", "127.0.0.1", "::1"))


class SettingsError(Exception):
    """A setting that cannot be used; the text names the setting and the rule it breaks."""


def _schemes(*allowed: str) -> AfterValidator:
    def checked(value: str) -> str:
        if value and urlsplit(value).scheme not in allowed:
            raise ValueError(f"must be empty or a URL that starts with {' or '.join(f'{scheme}://' for scheme in allowed)}")
        if value and "://" in value and not urlsplit(value).netloc and not urlsplit(value).query:
            raise ValueError("must name a host")
        return value

    return AfterValidator(checked)


def _keys(value: str) -> str:
    """Whoever can change keys on their way can sign: a URL is https, or of this machine."""
    parts = urlsplit(value)
    if "://" in value and parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        raise ValueError("must be empty, a file, or a URL that starts with https://")
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError('must be empty or host:port, such as "localhost:8090"')
    return value


Port = Annotated[int, Field(ge=0, le=65_535)]


def _origin(value: str) -> str:
    """What a key of a signed note may be called."""
    if _LOG_ORIGIN.fullmatch(value) is None:
        raise ValueError("must be 1 to 100 characters without spaces and plus signs")
    return value


Keys = Annotated[str, AfterValidator(_keys)]
LogOrigin = Annotated[str, AfterValidator(_origin)]
Address = Annotated[str, AfterValidator(_address)]
WebUrl = Annotated[str, _schemes("http", "https")]
DatabaseUrl = Annotated[str, _schemes("postgresql", "postgres")]
NatsUrl = Annotated[str, _schemes("nats", "tls", "ws", "wss")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _meaning(text: str) -> FieldInfo:
    meaning: FieldInfo = Field(description=text)
    return meaning


class Settings(BaseSettings):
    """All settings of all services. Raises `SettingsError` for a value that breaks a rule and for a name the file should not hold."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True, validate_default=True)

    data: Annotated[Path, _meaning("folder of SQLite files, keys and the broker's store")] = Path("upheld-data")
    database_url: Annotated[DatabaseUrl, _meaning("postgresql://…; empty: SQLite files in the data folder")] = ""
    nats_url: Annotated[NatsUrl, _meaning("NATS server to use; empty: one is started as a child")] = ""
    nats_port: Annotated[Port, _meaning("port of the NATS server that is started as a child")] = 4222
    host: Annotated[str, Field(min_length=1), _meaning("address to listen on")] = "127.0.0.1"
    http_port: Annotated[Port, _meaning("port of HTTP APIs and portal")] = 8080
    grpc_port: Annotated[Port, _meaning("port of gRPC")] = 8090
    agreements_address: Annotated[Address, _meaning("gRPC host:port of agreements; empty: host:grpc_port")] = ""
    measurement_address: Annotated[Address, _meaning("gRPC host:port of measurement; empty: host:grpc_port")] = ""
    improvement_address: Annotated[Address, _meaning("gRPC host:port of improvement; empty: host:grpc_port")] = ""
    reporting_address: Annotated[Address, _meaning("gRPC host:port of reporting; empty: host:grpc_port")] = ""
    measurement_url: Annotated[
        WebUrl, _meaning("HTTP origin where other services fetch measurement's files; empty: host of measurement_address, http_port")
    ] = ""
    public_url: Annotated[WebUrl, _meaning("how people reach the HTTP origin; empty: http://host:http_port")] = ""
    issuer: Annotated[str, Field(min_length=1), _meaning("issuer that tokens must name")] = "upheld-local"
    audience: Annotated[str, Field(min_length=1), _meaning("audience that tokens must name")] = "upheld"
    jwks: Annotated[Keys, _meaning("https URL or file of the keys tokens are signed with; empty: the local issuer's own key")] = ""
    api_keys: Annotated[str, _meaning("file of hashed API keys; empty: identity/api-keys.json in the data folder")] = ""
    service_key: Annotated[str, _meaning("API key by which services speak to each other; empty: tokens of the local issuer")] = ""
    log_origin: Annotated[LogOrigin, _meaning("name of the platform's logs in checkpoints, such as upheld.example.org")] = "upheld"
    log_keys: Annotated[str, _meaning("folder of the keys checkpoints are signed with; empty: log-keys in the data folder")] = ""
    witnesses: Annotated[str, _meaning("file of the verifier keys of witnesses, one a line; empty: none is known")] = ""
    otlp_endpoint: Annotated[WebUrl, _meaning("base URL of an OTLP/HTTP collector; empty: nothing is exported")] = ""
    console_telemetry: Annotated[bool, _meaning("write traces to the console")] = False
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _meaning("least level that is logged")] = "info"
    inbox: Annotated[bool, _meaning("handle each message once; switched off only to show what it is for")] = True
    close_check_every_s: Annotated[Seconds, _meaning("how often ended periods are looked for")] = 5.0
    body_limit_bytes: Annotated[int, Field(ge=1_024), _meaning("largest HTTP body taken")] = 33_554_432
    grpc_deadline_s: Annotated[Seconds, _meaning("longest a call between services may take")] = 10.0
    origins: Annotated[dict[str, Origin], Field(exclude=True, repr=False)] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = InitSettingsSource(settings_cls, init_kwargs=_file_values())
        told: list[tuple[Origin, PydanticBaseSettingsSource]] = [("file", file), ("environment", env_settings), ("argument", init_settings)]
        return _Origins(settings_cls, told), init_settings, env_settings, file

    @model_validator(mode="wrap")
    @classmethod
    def _explain_errors(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            raise SettingsError("\n".join(_explained_error(found["loc"], found["msg"]) for found in error.errors())) from None


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A row of `upheld settings`; secrets in `value` are masked."""

    name: str
    value: str
    source: Origin
    meaning: str


def explained(settings: Settings) -> list[Explained]:
    """One row a setting, in the order of their declaration."""
    return [
        Explained(
            name=name,
            value=masked(str(getattr(settings, name))) if name != "service_key" else "***" if settings.service_key else "",
            source=settings.origins.get(name, "default"),
            meaning=field.description or "",
        )
        for name, field in Settings.model_fields.items()
        if name != "origins"
    ]


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A variable that looks like a setting and is none; `nearest` is empty where nothing is like it."""

    name: str
    nearest: str

    def __str__(self) -> str:
        return f"{self.name} is no setting and changes nothing" + (f"; did you mean {self.nearest}?" if self.nearest else "")


def strangers(environment: Iterable[str], *, besides: Sequence[str] = ()) -> list[Stranger]:
    """The names that begin with UPHELD_ and are neither a setting's nor one of those besides, in order. Letter case does not count."""
    settings = [_PREFIX + name.upper() for name in Settings.model_fields if name != "origins"]
    known = [*settings, _FILE_VARIABLE, *besides]
    found = sorted(name for name in environment if name.upper().startswith(_PREFIX) and name.upper() not in known)
    return [Stranger(name=name, nearest=_nearest(name.upper(), known)) for name in found]


def _nearest(name: str, known: Sequence[str]) -> str:
    stems = [each.removeprefix(_PREFIX) for each in known]
    return "".join(_PREFIX + stem for stem in difflib.get_close_matches(name.removeprefix(_PREFIX), stems, n=1))


def origin_of(settings: Settings) -> str:
    """The HTTP origin as people reach it, without a slash at the end."""
    return settings.public_url.rstrip("/") or f"http://{reachable(settings.host)}:{settings.http_port}"


def reachable(host: str) -> str:
    """As it stands in a URL; an address that means every interface is no address to call."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound


def masked(value: str) -> str:
    """The same text with stars in place of every URL's password, or of a token that stands in for one."""
    return _PASSWORD.sub(r"\1***", _CREDENTIALS.sub(_masked_credentials, value))


def _masked_credentials(found: re.Match[str]) -> str:
    user, colon, _ = found[1].partition(":")
    return f"://{user}:***@" if colon else "://***@"


class _Origins(PydanticBaseSettingsSource):
    """Remembers which source gave each setting; later sources in the list win over earlier ones."""

    def __init__(self, settings_cls: type[BaseSettings], told: Sequence[tuple[Origin, Callable[[], dict[str, Any]]]]) -> None:
        super().__init__(settings_cls)
        self._told = told

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return {"origins": {name: origin for origin, source in self._told for name in source()}}


def _file_values() -> dict[str, Any]:
    named = os.environ.get(_FILE_VARIABLE, "")
    path = Path(named or _FILE)
    if not named and not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{_FILE_VARIABLE}: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not a TOML file: {error}") from None
    for name in values:
        if name not in Settings.model_fields or name == "origins":
            raise SettingsError(f"{name}: {path} holds a setting that does not exist")
    return values


def _explained_error(place: tuple[int | str, ...], rule: str) -> str:
    name = ".".join(str(part) for part in place) or "settings"
    return f"{name} ({_PREFIX}{name.upper()}): {rule.removeprefix('Value error, ')}"
