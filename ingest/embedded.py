"""The embedded MQTT broker: `iotcore`'s rumqttd in a child process, for `embedded://` URLs.

It speaks MQTT 3.1.1 on 127.0.0.1 only and keeps everything in memory: what it holds is gone when it ends, so it is for demos, tests and
trial runs. Its quirks are recorded in docs/decisions/0002-embedded-broker.md.
"""

from __future__ import annotations

import errno
import socket
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


class EmbeddedBroker:
    """A broker on 127.0.0.1, on the wanted port or the next free one (`port` says which). Its configuration is written to `folder`."""

    def __init__(self, wanted: Address, folder: Path, *, tries: int = 20) -> None:
        if wanted.host not in ("127.0.0.1", "localhost"):
            raise ValueError(f"the embedded broker listens on 127.0.0.1 only, not on {wanted.host}")
        self.wanted_port = wanted.port
        self.port = _free_port(wanted.port, tries)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "embedded-broker.toml"
        text = _TOML.format(host="127.0.0.1", port=self.port, max_payload=MAX_PAYLOAD, max_inflight=MAX_INFLIGHT)
        path.write_text(text, encoding="utf-8")
        self._rumqttd = Rumqttd(config_path=str(path))

    @property
    def address(self) -> Address:
        return Address(host="127.0.0.1", port=self.port, is_embedded=True)

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


def _free_port(first: int, tries: int) -> int:
    """The first port from `first` on that nobody listens on. Raises OSError when all `tries` are taken."""
    for port in range(first, min(first + tries, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            return port
    raise OSError(errno.EADDRINUSE, f"no free port for the embedded broker from {first} on")
