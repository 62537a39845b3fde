"""The shipped broker configuration keeps its promises: tried on a real mosquitto with the files of `deploy/mosquitto`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker import Link
from ingest.heard import Message
from ingest.link import Address, Habits
from tests.servers import Server, find_binary, mosquitto

FILES = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto"
PEOPLE = {
    "sitewarden": "service-secret",
    "mall/gas-1": "device-secret",
    "mall/gas-2": "other-secret",
    "zigbee2mqtt": "bridge-secret",
    "display": "wall",
}

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("rights")
    passwords = folder / "passwords"
    passwords.touch(0o600)
    for name, secret in PEOPLE.items():
        subprocess.run([find_binary("mosquitto_passwd"), "-b", str(passwords), name, secret], check=True, capture_output=True)
    (folder / "acl").write_text((FILES / "acl").read_text())
    (folder / "acl").chmod(0o600)
    kept = [
        line.replace("/mosquitto/data/passwords", str(passwords)).replace("/etc/sitewarden/acl", str(folder / "acl"))
        for line in (FILES / "mosquitto.conf").read_text().splitlines()
        if line.startswith(
            ("allow_anonymous", "password_file", "acl_file", "max_inflight", "max_queued", "max_packet", "persistent_client")
        )
    ]
    with mosquitto("\n".join(kept)) as server:
        yield server


class Party:
    """A client signed in under a name, with what it heard."""

    def __init__(self, broker: Server, name: str | None, filters: tuple[str, ...] = ()) -> None:
        secret = PEOPLE.get(name or "")
        address = Address(host="127.0.0.1", port=broker.port, username=name, password=secret)
        self.heard: list[Message] = []
        client_id = f"test-{(name or 'nobody').replace('/', '-')}-{time.monotonic_ns()}"
        self.link = Link("test", address, Habits(client_id=client_id, filters=filters), clock=lambda: 0, on_messages=self.heard.extend)

    def __enter__(self) -> Party:
        self.link.start()
        until = time.monotonic() + 3.0
        while not self.link.is_up and time.monotonic() < until:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.link.stop()

    def says(self, topic: str) -> None:
        self.link.publish(topic, b"{}", qos=1)

    def hears(self, topic: str, within_s: float = 0.7) -> bool:
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if any(message.topic == topic for message in self.heard):
                return True
            time.sleep(0.01)
        return False


def test_nobody_comes_in_without_a_password(broker: Server) -> None:
    with Party(broker, None) as stranger:
        assert not stranger.link.is_up


@pytest.mark.parametrize(
    ("who", "topic", "allowed"),
    [
        ("mall/gas-1", "sitewarden/v1/mall/gas-1/telemetry", True),
        ("mall/gas-1", "sitewarden/v1/mall/gas-1/status", True),
        ("mall/gas-1", "sitewarden/v1/mall/gas-1/reply", True),
        ("mall/gas-1", "sitewarden/v1/mall/gas-1/command", False),
        ("mall/gas-1", "sitewarden/v1/mall/gas-2/telemetry", False),
        ("mall/gas-1", "sitewarden/v1/mall/gas-2/reply", False),
        ("mall/gas-1", "sitewarden/v1/mall/gas-2/command", False),
        ("mall/gas-1", "zigbee2mqtt/plug/set", False),
        ("mall/gas-1", "sitewarden/v1/mall/alarms/0123", False),
        ("display", "sitewarden/v1/mall/alarms/0123", False),
        ("display", "sitewarden/v1/mall/gas-1/command", False),
        ("zigbee2mqtt", "zigbee2mqtt/plug", True),
        ("zigbee2mqtt", "sitewarden/v1/mall/gas-1/telemetry", False),
    ],
)
def test_a_device_speaks_for_itself_only_and_nobody_but_the_service_gives_orders(
    broker: Server, who: str, topic: str, allowed: bool
) -> None:
    with Party(broker, "sitewarden", ("sitewarden/#", "zigbee2mqtt/#")) as service, Party(broker, who) as device:
        device.says(topic)
        assert service.hears(topic) is allowed


def test_a_device_hears_its_own_orders_only(broker: Server) -> None:
    own, other = (f"sitewarden/v1/mall/{name}/command" for name in ("gas-1", "gas-2"))
    with (
        Party(broker, "mall/gas-1", (own,)) as device,
        Party(broker, "mall/gas-1", (other,)) as spy,
        Party(broker, "sitewarden") as service,
    ):
        service.says(own)
        service.says(other)
        assert device.hears(own)
        assert not spy.hears(other)


def test_a_display_hears_alarms_and_nothing_else_and_a_device_hears_no_alarms(broker: Server) -> None:
    alarm, telemetry = "sitewarden/v1/mall/alarms/0123", "sitewarden/v1/mall/gas-1/telemetry"
    with (
        Party(broker, "display", ("sitewarden/v1/+/alarms/+",)) as display,
        Party(broker, "display", ("sitewarden/#",)) as spy,
        Party(broker, "mall/gas-1", ("sitewarden/v1/+/alarms/+",)) as device,
        Party(broker, "sitewarden") as service,
    ):
        service.says(alarm)
        service.says(telemetry)
        assert display.hears(alarm)
        assert not spy.hears(telemetry)
        assert not device.hears(alarm)
