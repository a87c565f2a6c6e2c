"""Settings: where each came from, what is hidden, and what a bad one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chassis.settings import Settings, SettingsError, explained, masked, strangers


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"UPHELD_{name.upper()}", raising=False)
    monkeypatch.delenv("UPHELD_FILE", raising=False)


def sources(settings: Settings) -> dict[str, str]:
    return {row.name: row.source for row in explained(settings) if row.source != "default"}


def test_without_being_told_anything_everything_has_its_default() -> None:
    settings = Settings()
    assert (settings.host, settings.http_port, settings.database_url, settings.inbox) == ("127.0.0.1", 8080, "", True)
    assert sources(settings) == {}


def test_the_environment_wins_over_the_file_and_an_argument_over_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "upheld.toml").write_text('http_port = 1\ngrpc_port = 2\nlog_level = "debug"\n', "utf-8")
    monkeypatch.setenv("UPHELD_HTTP_PORT", "3")
    monkeypatch.setenv("UPHELD_GRPC_PORT", "4")
    settings = Settings(grpc_port=5)
    assert (settings.http_port, settings.grpc_port, settings.log_level) == (3, 5, "debug")
    assert sources(settings) == {"http_port": "environment", "grpc_port": "argument", "log_level": "file"}


def test_another_file_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("inbox = false\n", "utf-8")
    monkeypatch.setenv("UPHELD_FILE", str(tmp_path / "other.toml"))
    assert Settings().inbox is False


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http_prot = 1", "http_prot: .*does not exist"),
        ("http_port =", "not a TOML file"),
        ("origins = 1", "does not exist"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / "named.toml").write_text(text, "utf-8")
    monkeypatch.setenv("UPHELD_FILE", str(tmp_path / "named.toml"))
    with pytest.raises(SettingsError, match=told):
        Settings()


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("http_port", "http", "valid integer"),
        ("http_port", "70000", "less than or equal to 65535"),
        ("database_url", "mysql://h/x", "postgresql://"),
        ("nats_url", "localhost:4222", "nats://"),
        ("measurement_address", "measurement", "host:port"),
        ("log_level", "loud", "'debug', 'info'"),
        ("close_check_every_s", "0", "greater than 0"),
        ("grpc_deadline_s", "nan", "finite"),
        ("public_url", "example.org", "https://"),
        ("issuer", "", "at least 1 character"),
        ("jwks", "http://idp.example/keys", "https"),
        ("log_origin", "upheld example", "without spaces and plus signs"),
        ("log_origin", "upheld+example", "without spaces and plus signs"),
        ("log_origin", "", "1 to 100 characters"),
    ],
)
def test_a_bad_value_is_told_with_its_name_and_the_rule(monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str) -> None:
    monkeypatch.setenv(f"UPHELD_{name.upper()}", value)
    with pytest.raises(SettingsError) as bad:
        Settings()
    assert f"{name} (UPHELD_{name.upper()}): " in str(bad.value)
    assert rule in str(bad.value)


def test_every_bad_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPHELD_HTTP_PORT", "x")
    monkeypatch.setenv("UPHELD_INBOX", "perhaps")
    with pytest.raises(SettingsError) as bad:
        Settings()
    assert len(str(bad.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://upheld:s3cret@db:5432/upheld", "postgresql://upheld:***@db:5432/upheld"),
        ("postgresql://upheld:s3@c,ret@db/upheld", "postgresql://upheld:***@db/upheld"),
        ("postgresql://db/upheld?user=u&password=s3cret&sslmode=require", "postgresql://db/upheld?user=u&password=***&sslmode=require"),
        ("nats://s3cret@a:4222,nats://u:s3cret@b:4222", "nats://***@a:4222,nats://u:***@b:4222"),
        ("https://idp.example/keys", "https://idp.example/keys"),
        ("upheld-data", "upheld-data"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_the_table_has_a_row_with_a_meaning_for_every_setting_and_no_secret() -> None:
    rows = explained(Settings(database_url="postgresql://upheld:s3cret@db/upheld"))
    assert [row.name for row in rows] == [name for name in Settings.model_fields if name != "origins"]
    assert all(row.meaning for row in rows)
    assert "s3cret" not in repr(rows)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("UPHELD_HTTP_PROT", "UPHELD_HTTP_PROT is no setting and changes nothing; did you mean UPHELD_HTTP_PORT?"),
        ("UPHELD_HTTPPORT", "UPHELD_HTTPPORT is no setting and changes nothing; did you mean UPHELD_HTTP_PORT?"),
        ("upheld_fiel", "upheld_fiel is no setting and changes nothing; did you mean UPHELD_FILE?"),
        ("UPHELD_TOKENS", "UPHELD_TOKENS is no setting and changes nothing; did you mean UPHELD_TOKEN?"),
        ("UPHELD_ORIGINS", "UPHELD_ORIGINS is no setting and changes nothing; did you mean UPHELD_LOG_ORIGIN?"),
        ("UPHELD_", "UPHELD_ is no setting and changes nothing"),
    ],
)
def test_a_mistyped_variable_is_told_with_the_nearest_that_exists(name: str, told: str) -> None:
    assert [str(stranger) for stranger in strangers([name], besides=["UPHELD_TOKEN"])] == [told]


def test_what_is_read_is_no_stranger_and_neither_is_what_belongs_to_others() -> None:
    settings = [f"UPHELD_{name.upper()}" for name in Settings.model_fields if name != "origins"]
    assert strangers([*settings, "upheld_host", "UPHELD_FILE", "UPHELD_TOKEN", "PATH", "HTTP_PROT"], besides=["UPHELD_TOKEN"]) == []
