"""B2: messages through the whole service (receive, decode, journal durable, ten rules a point, historian, acknowledge) beside a bare
paho-mqtt client that only counts and acknowledges, on the same mosquitto settings.

Each side is frozen while the broker takes the load, then let go, so that neither is measured by its publisher. The service's time ends when
the historian, too, is past the last message. The sides take turns.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import raw_mqtt
from benchmarks.house import SITE, device, furnished
from rules.model import Level, Rule, RuleKind, Severity
from tests import servers
from tests.app.process import ServiceProcess

RUNS = 3
MESSAGES = 200_000
DEVICES = 1_000
RULES = 10
BAR = 0.6
_RECEIVE_MAXIMUM = 2_000  # the service's default
_FILTER = "sitewarden/v1/+/+/telemetry"
_PATIENCE_S = 120.0


def run() -> list[dict[str, Any]]:
    """Rows of the table: at QoS 1 and at QoS 0, the service's rate as a share of the bare client's."""
    rows = []
    for qos in (1, 0):
        shares, rates, bare_rates, lost = [], [], [], 0
        for _ in range(RUNS):
            bare = MESSAGES / _bare(qos)
            took_s, dropped = _service(qos)
            lost += dropped
            bare_rates.append(bare)
            rates.append(MESSAGES / took_s)
            shares.append(rates[-1] / bare)
        share = statistics.median(shares)
        mine, bare_rate = statistics.median(rates), statistics.median(bare_rates)
        name = f"whole service / bare paho client, QoS {qos}; {mine:,.0f} of {bare_rate:,.0f} messages/s"
        rows.append(
            {
                "id": "B2",
                "name": f"{name}, {lost} dropped",
                "figure": round(share, 3),
                "unit": "x",
                "bar": f">= {BAR}",
                "holds": share >= BAR and lost == 0,
                "runs": [round(value, 3) for value in shares],
            }
        )
    return rows


def load(qos: int, messages: int) -> Iterator[bytes]:
    """Readings of DEVICES devices in turn, each with a time of its own."""
    start_ms = time.time_ns() // 1_000_000
    for number in range(messages):
        name, turn = number % DEVICES, number // DEVICES
        payload = json.dumps({"ts": start_ms + turn, "values": {"temperature": 20.0 + turn % 30}}).encode()
        yield raw_mqtt.publish_packet(f"sitewarden/v1/{SITE}/d{name}/telemetry", payload, qos, number)


def fill(port: int, qos: int, pid: int, messages: int = MESSAGES) -> float:
    """Freeze the process while the broker is filled; returns the moment at which it was let go."""
    packets = list(load(qos, messages))
    link = raw_mqtt.connect(port, "load")
    os.kill(pid, signal.SIGSTOP)
    try:
        raw_mqtt.publish_all(link, packets, qos)
        time.sleep(0.5)  # the broker works it off
    finally:
        began = time.monotonic()
        os.kill(pid, signal.SIGCONT)
    link.close()
    return began


def _bare(qos: int) -> float:
    """Seconds that the bare client takes."""
    with servers.mosquitto() as mosquitto:
        command = [sys.executable, "-m", "benchmarks.bare_client", str(mosquitto.port), _FILTER, str(_RECEIVE_MAXIMUM), str(MESSAGES)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == "up\n"
            began = fill(mosquitto.port, qos, client.pid)
            return float(client.stdout.readline()) - began


def _service(qos: int) -> tuple[float, int]:
    """Seconds that the service takes, historian included, and messages dropped."""
    devices = [device(number) for number in range(DEVICES)]
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.mosquitto() as mosquitto,
        furnished(Path(folder), mosquitto.url, devices, ten_rules(), mqtt_receive_maximum=_RECEIVE_MAXIMUM) as service,
    ):
        began = fill(mosquitto.port, qos, service.pid)
        dropped = until_stored(service, MESSAGES)
        return time.monotonic() - began, dropped


def ten_rules() -> list[Rule]:
    """Level rules with deadband, hold and clear hold, that no reading of the load reaches."""
    return [
        Rule(
            id=f"level{at}",
            name="level",
            kind=RuleKind.LEVEL,
            metric="temperature",
            levels=(Level(limit=80.0 + at, severity=Severity.HIGH, deadband=2.0),),
            hold_s=5.0,
            clear_hold_s=10.0,
        )
        for at in range(RULES)
    ]


def until_stored(service: ServiceProcess, messages: int) -> int:
    """Wait until the historian, too, is past so many messages; returns how many were dropped."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        figures = service.health()["figures"]
        done = figures["messages_total"] + figures["dropped_total"] >= messages
        if done and figures["historian_position"] >= figures["journal_position"]:
            assert figures["readings_total"] + figures["dropped_total"] == messages, figures
            return int(figures["dropped_total"])
        assert time.monotonic() < end, f"not done within {_PATIENCE_S:g} s: {figures}"
        time.sleep(0.1)
