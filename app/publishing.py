"""`sitewarden publish`: one native reading to any broker, so that a fresh machine needs no MQTT client."""

from __future__ import annotations

import json
import math
import secrets
import time

from app.settings import CommandError
from ingest.link import Address
from ingest.publish import NotPublished, publish_once
from sites.model import ID_PATTERN

DEFAULT_SITE = "mall"  # the demo's


def publish(url: str, device: str, readings: list[str]) -> str:
    """Publish METRIC=VALUE pairs as telemetry of SITE/DEVICE; returns what was published where. Raises CommandError."""
    site, _, name = device.rpartition("/")
    site = site or DEFAULT_SITE
    for what, word in (("site", site), ("device", name)):
        if not ID_PATTERN.match(word):
            raise CommandError(f"{what} {word!r} must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
    values = dict(_pair(pair) for pair in readings)
    topic = f"sitewarden/v1/{site}/{name}/telemetry"
    payload = json.dumps({"ts": _now_ms(), "values": values})
    try:
        address = Address.parse(url)
        publish_once(address, [(topic, payload.encode())], client_id=f"sitewarden-publish-{secrets.token_hex(4)}", clock=_now_ms)
    except (ValueError, NotPublished) as error:
        raise CommandError(str(error)) from None
    return f"{topic} {payload}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _pair(text: str) -> tuple[str, float]:
    metric, equals, value = text.partition("=")
    words = {"true": 1.0, "on": 1.0, "false": 0.0, "off": 0.0}
    try:
        if not equals or not metric:
            raise ValueError
        number = words[value.lower()] if value.lower() in words else float(value)
        if not math.isfinite(number):
            raise ValueError
        return metric, number
    except ValueError:
        raise CommandError(f"{text!r} is no reading; give METRIC=VALUE with a number, such as lel=52") from None
