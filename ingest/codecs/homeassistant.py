"""Home Assistant's discovery as provisioning input: `homeassistant/.../config` tells kind and name of devices that other codecs hear.

It is never a device by itself: what is announced on a topic that no codec takes is refused with that reason, so that a mapping can be
declared. A switch without a state topic is refused too: a position that nobody reports proves nothing.
"""

from __future__ import annotations

from typing import Any

from ingest.codec import Codec, CodecState, Decoded, Hint, Place, parse_json
from power.model import Command
from sites.model import Device

MAX_COMPONENTS = 64
_LONG = {  # https://www.home-assistant.io/integrations/mqtt/#supported-abbreviations-in-mqtt-discovery-messages
    "stat_t": "state_topic",
    "cmd_t": "command_topic",
    "dev_cla": "device_class",
    "dev": "device",
    "cmps": "components",
    "p": "platform",
}
_KINDS = {  # device class -> kind
    "smoke": "smoke",
    "gas": "gas",
    "carbon_monoxide": "co",
    "heat": "heat",
    "moisture": "water",
    "current": "electrical",
    "voltage": "electrical",
    "power": "electrical",
    "energy": "electrical",
    "outlet": "switch",
    "switch": "switch",
}
_PLATFORMS = {"switch": "switch", "valve": "actuator", "siren": "actuator", "fan": "actuator"}
_ON_BATTERY = frozenset({"voltage"})


def locate(topic_filter: str, topic: str) -> Place | None:
    """`{prefix}/{component}/[{node}/]{object}/config`."""
    words = topic.split("/")
    if words[-1] != "config" or len(words) not in (4, 5):
        return None
    return Place("", f"config {words[1]}", None, words[-2])


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    if not payload:
        return Decoded()  # discovery withdrawn
    document, reason = parse_json(payload)
    if reason or type(document) is not dict:
        return Decoded(refusals=[reason or "a discovery is a JSON object"])
    document = _spelled(document)
    platform = place.part.partition(" ")[2]
    told = document.get("components")
    if platform != "device" or not isinstance(told, dict):
        return _component(document, document, platform, place.name)
    out = Decoded()
    seen: set[Hint] = set()
    for entry in list(told.values())[:MAX_COMPONENTS]:
        if not isinstance(entry, dict):
            continue
        entry = _spelled(entry)
        one = _component(document | entry, document, str(entry.get("platform", "")), place.name)
        out.hints += [hint for hint in one.hints if hint not in seen]
        out.refusals += one.refusals
        seen.update(one.hints)
    return out


def _spelled(entry: dict[str, Any]) -> dict[str, Any]:
    """Abbreviated keys in full, `~` filled in."""
    full = {_LONG.get(key, key): value for key, value in entry.items()}
    root = full.get("~")
    if isinstance(root, str):
        for key, value in full.items():
            if key.endswith("_topic") and isinstance(value, str):
                full[key] = root + value[1:] if value.startswith("~") else value[:-1] + root if value.endswith("~") else value
    return full


def _component(entry: dict[str, Any], whole: dict[str, Any], platform: str, object_id: str) -> Decoded:
    device = whole.get("device")
    named = device.get("name") if isinstance(device, dict) else None
    name = str(named or entry.get("name") or object_id)[:200]
    topic = entry.get("state_topic")
    if not isinstance(topic, str) or not topic or "+" in topic or "#" in topic:
        if isinstance(entry.get("command_topic"), str) and platform in _PLATFORMS:
            return Decoded(refusals=[f"{platform} {name!r} has no state topic: a position that is not reported proves nothing"])
        return Decoded()
    return Decoded(hints=[Hint(topic[:500], _kind(entry, platform), name)])


def _kind(entry: dict[str, Any], platform: str) -> str:
    device_class = entry.get("device_class")
    if isinstance(device_class, str) and device_class in _KINDS:
        diagnostic = entry.get("entity_category", entry.get("ent_cat")) == "diagnostic"
        return "other" if diagnostic and device_class in _ON_BATTERY else _KINDS[device_class]
    return _PLATFORMS.get(platform, "other")


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    return "Home Assistant's discovery is no way to a device"


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    return "other"


HOMEASSISTANT = Codec(
    name="homeassistant",
    telemetry_filters=("homeassistant/+/+/config", "homeassistant/+/+/+/config"),
    reply_filters=(),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
