"""The embedded MQTT broker: `iotcore`'s rumqttd in a child process, for `embedded://` URLs.

It speaks MQTT 3.1.1 and keeps everything in memory: what it holds is gone when it ends, so it is for demos, tests, trial runs and a first
site. Beyond this machine it listens only with passwords. Its quirks are recorded in docs/decisions/0002-embedded-broker.md.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from iotcore import Broker as Rumqttd

from ingest.link import Address

MAX_PAYLOAD = 4 * 1024 * 1024  # bytes; rumqttd's own default of 20 KiB drops a Zigbee2MQTT inventory, and its publisher with it
MAX_INFLIGHT = 1_000
_TOML = """\
id = 0

[router]
id = 0
max_connections = 2000
max_outgoing_packet_count = 200
max_segment_size = 16777216
max_segment_count = 10

[v4.1]
name = "embedded"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {max_payload}
max_inflight_count = {max_inflight}
dynamic_filters = true
"""
OWN_NAME = "sitewarden"  # the service's own user where there are passwords
_LOCAL = ("127.0.0.1", "localhost")


def read_users(path: Path) -> dict[str, str]:
    """`name:password` a line, `#` comments and blank lines left out. Raises ValueError that names the line, OSError."""
    users: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, password = line.strip().partition(":")
        if not colon or not name or len(password) < 8:
            raise ValueError(f"{path} line {number}: NAME:PASSWORD is wanted, the password of 8 characters or more")
        if name in users or name == OWN_NAME:
            raise ValueError(f"{path} line {number}: the name {name} is taken")
        users[name] = password
    if not users:
        raise ValueError(f"{path} names nobody: NAME:PASSWORD a line is wanted")
    return users


class EmbeddedBroker:
    """A broker on the wanted address, on its port or the next free one (`port` says which). With `users` (name -> password) everybody signs
    in, the service under a name of its own; without, it listens on 127.0.0.1 only. Raises ValueError, OSError. There is no access control:
    whoever signs in may publish anything."""

    def __init__(self, wanted: Address, folder: Path, users: Mapping[str, str] | None = None, *, tries: int = 20) -> None:
        if wanted.host not in _LOCAL and not users:
            raise ValueError(f"the embedded broker listens on 127.0.0.1 only, not on {wanted.host}, unless it has users with passwords")
        self.wanted_port = wanted.port
        self._host = "127.0.0.1" if wanted.host in _LOCAL else wanted.host
        self.port = _free_port(self._host, wanted.port, tries)
        self._password = secrets.token_urlsafe(24) if users else None
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "embedded-broker.toml"
        text = _TOML.format(host=self._host, port=self.port, max_payload=MAX_PAYLOAD, max_inflight=MAX_INFLIGHT)
        if self._password is not None:
            people = {**(users or {}), OWN_NAME: self._password}
            # a JSON string is a TOML basic string
            text += "\n[v4.1.connections.auth]\n" + "".join(f"{json.dumps(name)} = {json.dumps(word)}\n" for name, word in people.items())
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        self._rumqttd = Rumqttd(config_path=str(path))

    @property
    def address(self) -> Address:
        """Where and as whom the service itself signs in."""
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host
        name = OWN_NAME if self._password is not None else None
        return Address(host=host, port=self.port, username=name, password=self._password, is_embedded=True)

    def start(self) -> None:
        """Start and wait until it listens. Raises RuntimeError when it does not."""
        self._rumqttd.start()

    def stop(self) -> None:
        self._rumqttd.stop()

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _free_port(host: str, first: int, tries: int) -> int:
    """The first port from `first` on that nobody listens on. Raises OSError when all `tries` are taken."""
    for port in range(first, min(first + tries, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            return port
    raise OSError(errno.EADDRINUSE, f"no free port for the embedded broker from {first} on")
