"""Where a broker is and how one connection to it is to behave, as values. Knows nothing of the MQTT library.

`Address.parse` reads `mqtt://`, `mqtts://` and `embedded://` URLs; what it refuses, it refuses with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883, "embedded": 1883}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`ca`, `certificate` and `key` are paths of PEM files; without `ca` the system's authorities are trusted."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    is_tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    is_embedded: bool = False

    @staticmethod
    def parse(url: str, *, ca: str | None = None, certificate: str | None = None, key: str | None = None) -> Address:
        """Raises ValueError on another scheme, a missing host or a port that is none."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError(f"the broker's URL begins with {parts.scheme or 'nothing'}://, expected one of {', '.join(_PORTS)}://")
        if not parts.hostname:
            raise ValueError("the broker's URL names no host")
        return Address(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            is_tls=parts.scheme == "mqtts",
            ca=ca,
            certificate=certificate,
            key=key,
            is_embedded=parts.scheme == "embedded",
        )

    def at_port(self, port: int) -> Address:
        return replace(self, port=port)

    def takes(self, topic_filter: str) -> bool:
        """Whether this broker lets anyone subscribe to it: the embedded one ends a connection that asks for topics below `$` or `test`,
        on which it takes no message either (docs/decisions/0002-embedded-broker.md)."""
        return not (self.is_embedded and topic_filter.startswith(("$", "test")))

    def __str__(self) -> str:
        """For people: without credentials."""
        return f"{'mqtts' if self.is_tls else 'mqtt'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How one connection behaves. `is_persistent`: the broker keeps the session while we are away; acknowledged by hand."""

    client_id: str
    filters: tuple[str, ...] = ()
    is_persistent: bool = False
    session_expiry_s: int = 7 * 86_400
    receive_maximum: int = 10_000  # unacknowledged QoS 1 messages in flight towards us; MQTT 5 only
    keepalive_s: int = 30
    connect_timeout_s: float = 5.0
    backoff_s: float = 0.25  # first pause after a failure; doubles
    backoff_max_s: float = 15.0
    patience_s: float = 10.0  # after the start, until it is said that the connection does not come up
