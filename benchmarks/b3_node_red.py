"""B3: CPU seconds for a million messages, the service beside Node-RED 4 with the same ten rules a point and the same store.

Both hear the same load at QoS 1 from mosquitto and write every reading to InfluxDB 1.x as line protocol; what the broker and InfluxDB spend
counts for neither. Node-RED's flow is the cheapest we know: one function node with all ten rules, one that joins 1,000 lines a request. It
promises no durability: it acknowledges before anything is stored, while the service has its journal on the disk first.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.b2_ingest import DEVICES, fill, ten_rules, until_stored
from benchmarks.house import cpu_s, device, furnished
from tests import servers

RUNS = 3
MESSAGES = 100_000
BAR = 1.0
_PLACE = Path(__file__).with_name(".cache") / "node-red"
_SETTINGS = Path(__file__).with_name("node_red_settings.js")
_RED = _PLACE / "node_modules" / "node-red" / "red.js"
_PATIENCE_S = 60.0

# level rules with deadband, hold and clear hold, as `ten_rules` has them
_RULES_JS = """
const device = msg.topic.split("/")[3], at = msg.payload.ts, value = msg.payload.values.temperature;
let states = points.get(device);
if (states === undefined) { states = rules.map(() => ({ active: false, since: 0 })); points.set(device, states); }
const raised = [];
for (let i = 0; i < rules.length; i++) {
    const rule = rules[i], state = states[i];
    const turns = state.active ? value < rule.limit - rule.deadband : value >= rule.limit;
    if (!turns) { state.since = 0; continue; }
    if (state.since === 0) state.since = at;
    if (at - state.since >= (state.active ? rule.clear : rule.hold)) {
        state.active = !state.active;
        state.since = 0;
        raised.push({ topic: "alarm", payload: { rule: rule.id, device, active: state.active, value, at } });
    }
}
msg.payload = "temperature,device=" + device + ",site=s value=" + value + " " + at;
return [msg, raised];
"""
_RULES_START_JS = """
points = new Map();
rules = [];
for (let i = 0; i < 10; i++) rules.push({ id: "level" + i, limit: 80 + i, deadband: 2, hold: 5000, clear: 10000 });
"""
_JOIN_JS = """
lines.push(msg.payload);
if (lines.length >= 1000) { const body = lines.join("\\n"); lines = []; return { payload: body }; }
"""
_JOIN_START_JS = """
lines = [];
setInterval(() => { if (lines.length) { const body = lines.join("\\n"); lines = []; node.send({ payload: body }); } }, 250);
"""


def run() -> list[dict[str, Any]]:
    """The row of the table: the service's CPU seconds for a million messages over Node-RED's."""
    _install()
    shares, mine, theirs = [], [], []
    for _ in range(RUNS):
        theirs.append(_node_red())
        mine.append(_service())
        shares.append(mine[-1] / theirs[-1])
    share = statistics.median(shares)
    name = f"CPU of the service / Node-RED {_version()}, ten rules, InfluxDB, QoS 1"
    return [
        {
            "id": "B3",
            "name": f"{name}; {statistics.median(mine):.1f} / {statistics.median(theirs):.1f} s a million messages",
            "figure": round(share, 3),
            "unit": "x",
            "bar": f"<= {BAR}",
            "holds": share <= BAR,
            "runs": [round(value, 3) for value in shares],
        }
    ]


def _service() -> float:
    """CPU seconds for a million messages."""
    devices = [device(number) for number in range(DEVICES)]
    with tempfile.TemporaryDirectory() as folder, servers.mosquitto() as mosquitto, servers.influxdb() as influxdb:
        historian = f"influxdb://127.0.0.1:{influxdb.port}//benchmark"
        with furnished(Path(folder), mosquitto.url, devices, ten_rules(), historian_url=historian) as service:
            before = cpu_s(service.pid)
            fill(mosquitto.port, 1, service.pid, MESSAGES)
            dropped = until_stored(service, MESSAGES)
            assert not dropped, f"{dropped} messages were dropped"
            spent = cpu_s(service.pid) - before
            _until_counted(influxdb.url)
            return spent * 1_000_000 / MESSAGES


def _node_red() -> float:
    """CPU seconds for a million messages."""
    with servers.mosquitto() as mosquitto, servers.influxdb() as influxdb:
        httpx.post(f"{influxdb.url}/query", data={"q": "CREATE DATABASE benchmark"}).raise_for_status()
        with _red(mosquitto.port, influxdb.port) as pid:
            before = cpu_s(pid)
            fill(mosquitto.port, 1, pid, MESSAGES)
            _until_counted(influxdb.url)
            return (cpu_s(pid) - before) * 1_000_000 / MESSAGES


@contextmanager
def _red(broker: int, store: int) -> Iterator[int]:
    """Node-RED with the flow, subscribed; yields its process id."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "flow.json").write_text(json.dumps(_flow(broker, store)))
        command = ["node", str(_RED), "-u", folder, "-s", str(_SETTINGS), "-p", str(servers.free_port())]
        log = Path(folder) / "log"
        with open(log, "wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=folder) as process:
            try:
                end = time.monotonic() + _PATIENCE_S
                while "Connected to broker" not in log.read_text():
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < end, log.read_text()
                    time.sleep(0.1)
                time.sleep(1.0)  # it subscribes at once after that
                yield process.pid
            finally:
                process.kill()


def _flow(broker: int, store: int) -> list[dict[str, Any]]:
    return [
        {"id": "tab", "type": "tab", "label": "B3"},
        {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(broker), "clientid": "node-red", "autoConnect": True,
         "protocolVersion": "5", "keepalive": "60", "cleansession": True},
        {"id": "in", "type": "mqtt in", "z": "tab", "topic": "sitewarden/v1/+/+/telemetry", "qos": "1", "datatype": "json",
         "broker": "broker", "nl": False, "rap": True, "rh": 0, "inputs": 0, "wires": [["rules"]]},
        {"id": "rules", "type": "function", "z": "tab", "func": _RULES_JS, "initialize": _RULES_START_JS, "outputs": 2,
         "wires": [["join"], []]},
        {"id": "join", "type": "function", "z": "tab", "func": _JOIN_JS, "initialize": _JOIN_START_JS, "outputs": 1,
         "wires": [["post"]]},
        {"id": "post", "type": "http request", "z": "tab", "method": "POST", "ret": "txt", "paytoqs": "ignore", "persist": True,
         "url": f"http://127.0.0.1:{store}/write?db=benchmark&precision=ms", "wires": [[]]},
    ]  # fmt: skip


def _until_counted(url: str) -> None:
    """Until InfluxDB has every reading."""
    end, count = time.monotonic() + _PATIENCE_S, 0
    while count < MESSAGES:
        assert time.monotonic() < end, f"InfluxDB has {count} of {MESSAGES} readings"
        time.sleep(0.25)
        answer = httpx.get(f"{url}/query", params={"db": "benchmark", "q": 'SELECT count("value") FROM "temperature"'}).json()
        series = answer["results"][0].get("series")
        count = series[0]["values"][0][1] if series else 0
    assert count == MESSAGES, f"InfluxDB has {count} readings of {MESSAGES}"


def _install() -> None:
    """Once, from npm, into a folder of the benchmarks' own that git ignores."""
    if _RED.exists():
        return
    assert shutil.which("npm"), "Node-RED is installed by npm, which is not here"
    _PLACE.mkdir(parents=True, exist_ok=True)
    (_PLACE / "package.json").write_text('{"private": true}\n')
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "node-red@4"], cwd=_PLACE, check=True, capture_output=True)


def _version() -> str:
    return str(json.loads((_RED.parent / "package.json").read_text())["version"])
