"""The settings: environment variables `SITEWARDEN_*` or `sitewarden.toml`, one object, unknown keys are errors.

Names and defaults are the public contract. `masked` is what `sitewarden doctor` prints.
"""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from alarms.contacts import masked_url
from notify.gateway import DEFAULT_BODY
from storage.retention import Retention

_PREFIX = "SITEWARDEN_"
GatewayState = Literal["sent", "delivered", "answered", "failed"]
_SECRET = re.compile(r"(?<=://)([^@/\s]*)@")


class CommandError(Exception):
    """One clear line for standard error, exit status 1: what was asked, what is, what would be allowed."""


class UsageError(CommandError):
    """Arguments that do not go together: exit status 2, as for those that cannot be parsed."""


class SettingsError(CommandError):
    """One clear line: which setting, what was given, what would be allowed."""


class Settings(BaseSettings):
    """All that can be set. URLs are checked where they are opened."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, toml_file="sitewarden.toml", extra="forbid", frozen=True)

    data_dir: Path = Path("var")
    mqtt_url: str = "embedded://127.0.0.1:1883"
    mqtt_ca: Path | None = None
    mqtt_cert: Path | None = None
    mqtt_key: Path | None = None
    mqtt_users: Path | None = None  # NAME:PASSWORD a line: who may sign in at the embedded broker
    mqtt_receive_maximum: int = Field(2_000, ge=20, le=65_535)
    codecs: str = "all"
    routes: str = ""
    zigbee2mqtt_base: str = "zigbee2mqtt"
    gb26875_tcp: str | None = None
    mappings_dir: Path | None = None
    records_url: str = "sqlite:///{data_dir}/records.db"
    historian_url: str = "duckdb:///{data_dir}/history.duckdb"
    http_host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=0, le=65_535)
    cookie_secure: bool = False
    smtp_url: str | None = None
    smtp_sender: str = "sitewarden@localhost"
    sms_url: str = ""
    sms_method: Literal["POST", "PUT", "GET"] = "POST"
    sms_headers: dict[str, str] = Field(default_factory=dict)
    sms_body: str = DEFAULT_BODY
    sms_id_at: str = "/id"
    sms_ok_at: str = ""
    sms_ok: str = ""
    sms_status_url: str = ""
    sms_state_at: str = "/state"
    sms_states: dict[str, GatewayState] = Field(default_factory=dict)
    sms_secret: str = ""
    voice_url: str = ""
    voice_method: Literal["POST", "PUT", "GET"] = "POST"
    voice_headers: dict[str, str] = Field(default_factory=dict)
    voice_body: str = DEFAULT_BODY
    voice_id_at: str = "/id"
    voice_ok_at: str = ""
    voice_ok: str = ""
    voice_status_url: str = ""
    voice_state_at: str = "/state"
    voice_states: dict[str, GatewayState] = Field(default_factory=dict)
    voice_secret: str = ""
    voice_digits_at: str = "/digits"
    voice_acknowledge_digits: str = Field("", pattern=r"^[0-9*#]{0,8}$")
    webhook_secret: str = ""
    apprise_schemes: str = ""
    notify_private: bool = False
    notify_ca: Path | None = None
    notify_most_waiting: int = Field(20, ge=2, le=10_000)
    public_url: str = ""
    secret_key: str = ""
    commanding_unchecked: bool = False  # benches and drills only: commanding is switched on without the check of the broker
    self_test_s: int = Field(900, ge=0)  # the alarm path tests itself so often; 0: only when asked
    scan_min_ms: int = Field(10, ge=1, le=1_000)
    scan_max_ms: int = Field(250, ge=10, le=5_000)
    inbox_readings: int = Field(50_000, ge=100)
    inbox_requests: int = Field(1_000, ge=1)
    scan_readings: int = Field(20_000, ge=100)
    journal_bytes: int = Field(4 * 2**30, ge=2**20)
    history_raw_days: int = Field(30, ge=0)
    history_minute_days: int = Field(365, ge=0)
    history_hour_days: int = Field(3650, ge=0, validate_default=True)
    snapshot_s: float = Field(30.0, ge=0.1)
    console_dir: Path = Path(__file__).resolve().parent.parent / "console" / "dist"

    @field_validator("mqtt_url")
    @classmethod
    def _mqtt_scheme(cls, url: str) -> str:
        if not url.startswith(("embedded://", "mqtt://", "mqtts://")):
            raise ValueError("must begin with embedded://, mqtt:// or mqtts://")
        return url

    @field_validator("records_url")
    @classmethod
    def _records_scheme(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
        return url

    @field_validator("historian_url")
    @classmethod
    def _historian_scheme(cls, url: str) -> str:
        if not url.startswith(("duckdb:///", "influxdb://", "influxdbs://", "memory://")):
            raise ValueError("must begin with duckdb:///, influxdb://, influxdbs:// or memory://")
        return url

    @field_validator("sms_url", "voice_url", "sms_status_url", "voice_status_url", "public_url")
    @classmethod
    def _web_scheme(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return url

    @field_validator("history_hour_days")
    @classmethod
    def _days_in_order(cls, days: int, info: ValidationInfo) -> int:
        if {"history_raw_days", "history_minute_days"} <= info.data.keys():
            Retention(info.data["history_raw_days"], info.data["history_minute_days"], days)
        return days

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def records(self) -> str:
        """The records' URL with the data directory filled in."""
        return self.records_url.replace("{data_dir}", str(self.data_dir))

    @property
    def historian(self) -> str:
        """The historian's URL with the data directory filled in."""
        return self.historian_url.replace("{data_dir}", str(self.data_dir))

    @property
    def retention(self) -> Retention:
        """How long history is kept in which form."""
        return Retention(self.history_raw_days, self.history_minute_days, self.history_hour_days)

    def secret(self) -> str:
        """The secret key as set, or the one made once in the data directory (readable by its owner only)."""
        if self.secret_key:
            return self.secret_key
        path = self.data_dir / "secret.key"
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
        return path.read_text().strip()

    def masked(self) -> dict[str, str]:
        """Every setting as text, without secrets."""
        shown = {name: str(value) for name, value in self.model_dump().items()}
        shown["secret_key"] = "(set)" if self.secret_key else "(made in the data directory)"
        for name in ("sms_secret", "voice_secret", "webhook_secret"):
            shown[name] = "(set)" if getattr(self, name) else ""
        for name in ("sms", "voice"):
            shown[f"{name}_headers"] = ", ".join(f"{key}: ***" for key in getattr(self, f"{name}_headers"))
            shown[f"{name}_body"] = "(as shipped)" if getattr(self, f"{name}_body") == DEFAULT_BODY else "(set)"
            for part in ("url", "status_url"):  # many gateways want their key in the query or the path
                shown[f"{name}_{part}"] = masked_url(getattr(self, f"{name}_{part}"))
        return {name: _SECRET.sub("***@", value) for name, value in shown.items()}


def load(**given: Any) -> Settings:
    """The settings from the environment and `sitewarden.toml`; `given` wins. Raises SettingsError."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    try:
        return Settings(**given)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"sitewarden.toml cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        allowed = ", ".join(Settings.model_fields) if first["type"] == "extra_forbidden" else first["msg"]
        given_value = "***" if any(word in name for word in ("secret", "headers", "body")) else repr(first.get("input"))
        raise SettingsError(f"setting {name}: given {_SECRET.sub('***@', given_value)}; {allowed}") from None
