"""A transmission device on the service's own TCP port: what it says reaches the provisioning inbox, what is confirmed is in the journal."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from app.rows import decode
from app.service import Service
from app.settings import CommandError, Settings
from ingest.gb26875 import CONFIRM, cut
from ingest.heard import UnknownDevice
from tests.ingest.gb26875_vectors import SMOKE_FIRE


def settings(folder: Path, **given: object) -> Settings:
    return Settings(data_dir=folder, mqtt_url="embedded://127.0.0.1:0", historian_url="memory://", http_port=0, snapshot_s=3600, **given)


def test_a_confirmed_frame_is_in_the_journal_and_its_devices_are_in_the_inbox(tmp_path: Path) -> None:
    with Service(settings(tmp_path, gb26875_tcp="tcp://127.0.0.1:0")) as service:
        parts = service.parts
        assert parts.listener is not None
        with socket.create_connection(parts.listener.address, timeout=10) as device:
            device.sendall(SMOKE_FIRE[:20])
            device.sendall(SMOKE_FIRE[20:])
            stream = b""
            while not cut(stream).frames:
                received = device.recv(1_024)
                assert received, "the centre hung up"
                stream += received
        assert [(answer.command, answer.serial) for answer in cut(stream).frames] == [(CONFIRM, 0)]
        told = [placed.item for _, row in parts.journal.read(0) for placed in decode(row).items if isinstance(placed.item, UnknownDevice)]
        assert {item.address: item.suggested_name for item in told} == {
            "tcp/0": "tcp/0",
            "tcp/0/1.3.0.6-217": "Ａ区１层呷哺走廊",
        }
        until = time.monotonic() + 10
        while parts.health().figures["gb26875_confirmed_total"] < 1:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.parametrize("url", ["127.0.0.1:5050", "udp://127.0.0.1:5050"])
def test_an_address_that_is_none_says_what_is_allowed(tmp_path: Path, url: str) -> None:
    with pytest.raises(CommandError, match=r"SITEWARDEN_GB26875_TCP.*tcp://HOST:PORT"), Service(settings(tmp_path, gb26875_tcp=url)):
        pass
