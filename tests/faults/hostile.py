"""F7: hostile payloads of every ecosystem among good readings. Good ones are all stored, the loop never stops, and what a hostile message
costs is bounded: in the journal, in points, in what is kept to be looked at.

Hostile is what breaks parsers, not what a codec rightly takes: torn and mutated documents, absurd numbers, depth, size, foreign bytes, and
topics that lead nowhere. The devices that send it are known, so that it is decoded in full.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from app.restore import restore
from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES
from ingest.decode import MAX_POINTS
from ingest.refusals import OF_A_DEVICE
from ingest.topics import matches
from sites.model import Device
from tests.faults.brokered import BrokeredHouse
from tests.faults.checker import Verdict, compare
from tests.scenarios.sample import kitchen

MESSAGES = 5_000
AT_ONCE = 250
ROW_BYTES = 12 * 1024  # of the journal, that one hostile message may cost

TOPICS = (
    *(f"sitewarden/v1/site/wild/{part}" for part in ("telemetry", "status", "reply")),
    *(f"zigbee2mqtt/{part}" for part in ("hall/wild", "hall/wild/availability", "bridge/devices", "bridge/state")),
    *(f"tele/wild/{part}" for part in ("SENSOR", "STATE", "LWT")),
    *(f"stat/wild/{part}" for part in ("RESULT", "POWER", "POWER2")),
    *(f"shellies/shellyem3-1/{part}" for part in ("emeter/0/power", "relay/0", "online", "emeter/9/total")),
    *(f"shellies/shellygas-2/{part}" for part in ("sensor/gas", "sensor/concentration", "valve/0/state")),
    *(f"shelly-3/{part}" for part in ("events/rpc", "status/switch:0", "online")),
    *(f"v1/{part}" for part in ("devices/me/telemetry", "gateway/telemetry", "gateway/connect", "gateway/attributes")),
    *(f"homie/wild/{part}" for part in ("$state", "$nodes", "room/temperature", "room/temperature/$datatype", "room/$properties")),
    *(f"homie/5/wild/{part}" for part in ("$state", "$description", "room/temperature")),
    "homeassistant/sensor/wild/config",
    *(f"spBv1.0/group/{part}" for part in ("NBIRTH/node", "NDATA/node", "DBIRTH/node/wild", "DDATA/node/wild", "NDEATH/node")),
    "spBv1.0/STATE/host",
    "gb26875/wild/up",
)
NOWHERE = ("", "/", "////", "#", "$SYS/broker/uptime", "(not UTF-8)", "sitewarden/v1/a b/c\x00/telemetry", "zigbee2mqtt/" + "x/" * 20_000)

_DOCUMENTS = (
    {"ts": 1_767_225_600_000, "values": {"lel": 1.5, "temperature": 21}},
    {"state": "ON", "smoke": False, "battery": 90, "linkquality": 60, "last_seen": "2026-01-01T00:00:00Z", "voltage": 3000},
    {"Time": "2026-01-01T00:00:00", "ENERGY": {"Power": [1, 2, 3], "Voltage": 230}, "AM2301": {"Temperature": 20, "Humidity": 50}},
    {"method": "NotifyStatus", "src": "shelly-3", "params": {"ts": 1767225600.5, "switch:0": {"id": 0, "output": True, "apower": 5.5}}},
    {"Device A": [{"ts": 1_767_225_600_000, "values": {"temperature": 42}}]},
    {"name": "x", "version": 1, "nodes": {"room": {"properties": {"temperature": {"datatype": "float", "unit": "°C"}}}}},
    [{"friendly_name": "hall/wild", "ieee_address": "0x1", "definition": {"exposes": [{"property": "smoke", "type": "binary"}]}}],
    {"id": "order", "result": "done", "reason": ""},
)
_WIRE = (
    b"\x08\x80\xa8\xd6\xcc\xb7\x33\x12\x10\x0a\x01m\x18\x80\xa8\xd6\xcc\xb7\x33\x20\x0a\x65\x00\x00\x80\x3f\x18\x01",  # Sparkplug B
    b"@@\x01\x00\x01\x01\x00\x00\x0c\x01\x01\x1a" + bytes(12) + b"\x0a\x00\x02\x02\x01" + bytes(9) + b"\x55##",  # GB/T 26875.3
    b"online",
    b"on",
    b"23.5",
    b"1e400",
)
_VALUES: tuple[object, ...] = (
    None, True, "", "NaN", "１２", "1e5", "\u0000", "x" * 5_000, [], {}, [[]], -0.0, 1e308, -1e308, 5e-324, 2**63, -(2**63), 2**64, 10**40,
    [1] * 2_000, {f"k{i}": i for i in range(400)}, {"": 1}, "2026-13-45T99:99:99Z", "0000-00-00T00:00:00", 253402300800000, "+1e999999999",
)  # fmt: skip
_TEXTS = (
    b"",
    b"{",
    b"[" * 2_000 + b"]" * 2_000,
    b'{"values":' * 2_000 + b"1" + b"}" * 2_000,
    b'{"values":{"lel":NaN,"co":Infinity}}',
    b'{"values":{"lel":' + b"9" * 5_000 + b"}}",
    b'{"values":{"lel":1},"values":{"lel":1e999}}',
    b'{"values":{"\\ud800":1}}',
    b'{"values":{"l\\u0000el":1,"' + b"n" * 20_000 + b'":1}}',
    b'\xff\xfe{"values":1}',
    b"\xef\xbb\xbf{}",
    b"1",
    b"null",
    b'"text"',
)
_HUGE = (b" " * 1_000_000, b"[" * 1_000_000, b'{"values":{"lel":"' + b"x" * 1_000_000 + b'"}}', bytes(1_000_000))


def run(folder: Path, seed: int, messages: int = MESSAGES) -> Verdict:
    chance = random.Random(seed)
    house = BrokeredHouse(folder, [*kitchen(), *(("device", device) for device in _wild())])
    hostile_qos1 = 0
    for _ in range(max(1, messages // AT_ONCE)):
        for _ in range(AT_ONCE):
            topic, payload = hostile(chance)
            if chance.random() < 0.5:
                house.give(topic, payload)
                hostile_qos1 += 1
            else:
                house.deliver(topic, payload)
            if chance.random() < 0.05:
                house.clock.advance(1)
                house.say(chance.choice(["gas-1", "gas-2", "smoke-1", "switch"]), battery=90)
        house.run(0.2)
    house.say("gas-2", lel=60)
    house.sent.fires.add("gas-2")
    house.run(1)
    verdict = _bounds(house, messages)
    damaged = house.kill()  # and every row of it can be read again
    house.run(1)
    kept = house.kept()
    kept.quiet = {"point:gas-1:lel", "point:smoke-1:smoke_alarm"}
    verdict.add(compare(house.sent, kept))
    if damaged or house.waiting or not hostile_qos1:
        verdict.lost.append(f"damage {damaged}, {len(house.waiting)} messages unacknowledged, {hostile_qos1} hostile ones at QoS 1")
    house.journal.close()
    return verdict


def hostile(chance: random.Random) -> tuple[str, bytes]:
    """One hostile message, from a device that is known or from nowhere."""
    topic = chance.choice(NOWHERE) if chance.random() < 0.03 else chance.choice(TOPICS)
    return topic, chance.choices(_MAKERS, (8, 8, 3, 2, 0.02))[0](chance)


def _mutated(chance: random.Random) -> bytes:
    octets = bytearray(_dumped(chance.choice(_DOCUMENTS)) if chance.random() < 0.6 else chance.choice(_WIRE))
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(octets) + 1)
        match chance.randrange(4):
            case 0:
                octets[at : at + 1] = chance.randbytes(1)
            case 1:
                del octets[at : at + chance.randrange(1, 9)]
            case 2:
                octets[at:at] = chance.choice([b'"', b"[", b"{", b"}", b"\\u", b"\x00", b"\xc3", b"e9", b"\xff\xff\xff\xff\x7f"])
            case 3:
                octets[at:at] = octets[: chance.randrange(1, 40)]
    return bytes(octets)


def _absurd(chance: random.Random) -> bytes:
    """A document of the right shape with one or all of its leaves replaced."""
    document, everywhere = chance.choice(_DOCUMENTS), chance.random() < 0.2

    def change(node: object) -> object:
        if isinstance(node, dict) and node and chance.random() < 0.9:
            one = chance.choice(list(node))
            return {key: change(value) if everywhere or key == one else value for key, value in node.items()}
        if isinstance(node, list) and node and chance.random() < 0.9:
            return [change(value) for value in node]
        return chance.choice(_VALUES)

    return _dumped(change(document))


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(200))


def _text(chance: random.Random) -> bytes:
    return chance.choice(_TEXTS)


def _huge(chance: random.Random) -> bytes:
    return chance.choice(_HUGE)


_MAKERS: tuple[Callable[[random.Random], bytes], ...] = (_mutated, _absurd, _noise, _text, _huge)


def _dumped(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _wild() -> list[Device]:
    """A device for every address that the topics lead to."""
    devices: dict[tuple[str, str], Device] = {}
    for topic in TOPICS:
        route = next(route for route in (*TELEMETRY_ROUTES, *REPLY_ROUTES) if matches(route.filter, topic))
        place = CODECS[route.codec].locate(route.filter, topic)
        address = (
            {"sparkplug": "group/node/wild", "homeassistant": ""}.get(route.codec) if place is None or not place.address else place.address
        )
        if address:
            key = (route.codec, address)
            devices[key] = Device(
                id=f"wild-{len(devices)}" if key not in devices else devices[key].id,
                site_id="site",
                zone_id="kitchen",
                name=topic,
                kind="other",
                codec=route.codec,
                address=address,
                interval_s=36_000.0,
            )
    return list(devices.values())


def _bounds(house: BrokeredHouse, messages: int) -> Verdict:
    """What it all cost, against what it may."""
    verdict = Verdict()
    rows = sum(len(row) for _, row in house.journal.read(0))
    if rows > ROW_BYTES * messages:
        verdict.invented.append(f"{rows} bytes of journal for {messages} hostile messages")
    roster = house.warden.configuration.roster
    for device in roster.devices():
        points = len(roster.rows_by_metric[roster.device_rows[device.id]])
        if points > MAX_POINTS:
            verdict.invented.append(f"{device.id} has {points} points")
        if len(house.warden.refused.of(device.id)) > OF_A_DEVICE:
            verdict.invented.append(f"more refusals are kept of {device.id} than can be looked at")
    again = restore(house.folder / "snapshots", house.journal).warden
    if again.refusals != house.warden.refusals or not again.refusals:
        verdict.lost.append(f"{house.warden.refusals} refusals were counted, {again.refusals} come back")
    return verdict
