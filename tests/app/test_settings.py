from __future__ import annotations

from pathlib import Path

import pytest

from app.decoding import Codecs
from app.settings import SettingsError, load
from storage.retention import Retention


def test_the_defaults_are_the_public_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert (settings.mqtt_url, settings.http_host, settings.http_port) == ("embedded://127.0.0.1:1883", "127.0.0.1", 8000)
    assert (settings.records, settings.historian) == ("sqlite:///var/records.db", "duckdb:///var/history.duckdb")
    assert (settings.scan_min_ms, settings.scan_max_ms) == (10, 250)


def test_an_unknown_environment_variable_is_an_error_that_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWARDEN_MQTT_URI", "mqtt://host")
    with pytest.raises(SettingsError, match=r"unknown setting SITEWARDEN_MQTT_URI; known are .*SITEWARDEN_MQTT_URL"):
        load()


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitewarden.toml").write_text('http_port = 9000\nhttp_host = "0.0.0.0"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SITEWARDEN_HTTP_PORT", "9001")
    settings = load()
    assert (settings.http_host, settings.http_port) == ("0.0.0.0", 9001)


def test_an_unknown_key_in_the_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitewarden.toml").write_text("htpp_port = 9000\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="htpp_port"):
        load()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SITEWARDEN_HTTP_PORT", "eighty", "http_port"),
        ("SITEWARDEN_HTTP_PORT", "70000", "http_port"),
        ("SITEWARDEN_MQTT_URL", "amqp://host", "embedded://, mqtt:// or mqtts://"),
        ("SITEWARDEN_RECORDS_URL", "mysql://host", "sqlite:/// or postgresql"),
        ("SITEWARDEN_HISTORIAN_URL", "file://x", "duckdb:///"),
        ("SITEWARDEN_HISTORY_RAW_DAYS", "-1", "history_raw_days"),
        ("SITEWARDEN_HISTORY_RAW_DAYS", "400", "a finer form is kept no longer than a coarser one"),
        ("SITEWARDEN_HISTORY_MINUTE_DAYS", "0", "a finer form is kept no longer than a coarser one"),
    ],
)
def test_a_bad_value_says_which_setting_and_what_is_allowed(name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=says):
        load()


def test_history_is_kept_as_long_as_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().retention == Retention(30, 365, 3650)
    monkeypatch.setenv("SITEWARDEN_HISTORY_MINUTE_DAYS", "0")
    monkeypatch.setenv("SITEWARDEN_HISTORY_HOUR_DAYS", "0")
    assert load().retention == Retention(30, 0, 0)


def test_secrets_are_masked() -> None:
    settings = load(
        mqtt_url="mqtt://me:secret@host",
        records_url="postgresql+psycopg://u:secret@host/d",
        smtp_url="smtp://a:secret@host",
        secret_key="secret",
    )
    assert "secret" not in " ".join(value for name, value in settings.masked().items())


def test_the_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path)
    assert settings.secret() == load(data_dir=tmp_path).secret()
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_a_mapping_table_that_cannot_be_is_said_with_file_and_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\nmessages: [{topic: a/+/b}]\n")
    with pytest.raises(
        SettingsError, match=r"mappings_dir: .*mine\.yaml: messages\.1\.topic: given 'a/\+/b'; allowed: levels with \{word\}"
    ):
        Codecs(load(mappings_dir=tmp_path))


def test_a_sites_own_mapping_table_is_subscribed_and_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = 'name: mine\nmessages: [{topic: "v/{dev}", device: "{dev}", points: [{path: t, metric: temperature, scale: 0.1}]}]\n'
    (tmp_path / "mine.yaml").write_text(text)
    codecs = Codecs(load(mappings_dir=tmp_path))
    assert "v/+" in {route.filter for route in codecs.telemetry}
    assert codecs.describe("v/7", b'{"t": 215}')["readings"] == [{"metric": "temperature", "value": 21.5, "unit": "°C", "taken_ms": None}]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitewarden.toml").write_text("http_port = \n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"sitewarden\.toml cannot be read"):
        load()
