"""The nouns of a watched place, as frozen values: district, enterprise, site, zone, device, circuit.

They are configuration: edited as records, entering the scan as changed rows with a version. Nothing here decides.
Ids are strings of `[A-Za-z0-9_.-]{1,64}`; a point is named `device_id:metric` and keyed by a hash that is never reused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

ID_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


class CircuitClass(StrEnum):
    """What a circuit feeds decides who may cut it (GB 50116 4.10.1, GB/T 40248 7.3.5)."""

    FIRE = "fire"
    LIFE = "life"
    PERMIT_24H = "permit_24h"
    NIGHT_OFF = "night_off"
    USE = "use"
    MANUAL = "manual"
    UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    id: str
    name: str
    parent_id: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    id: str
    district_id: str
    name: str
    credit_code: str = ""
    industry: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`commanding` is False until a manager switches it on: a new site only observes."""

    id: str
    enterprise_id: str
    name: str
    timezone: str = "Asia/Shanghai"
    address: str = ""
    commanding: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    id: str
    site_id: str
    name: str
    parent_id: str | None = None
    floor: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """`codec` and `address` say how it is heard: for `native` the address is `{site}/{device}` of the topic,
    for `zigbee2mqtt` it is `{base_topic}/{friendly_name}`. `kind` is one of smoke, heat, gas, co, electrical, water,
    switch, manual_call, gateway, actuator, other. `interval_s` is the declared reporting interval (None: class default).
    `calibrated_until_ms` ends its calibration (JJG 693: gas detectors yearly), `service_until_ms` its service life (GB 29837);
    None: not known, nobody is reminded."""

    id: str
    site_id: str
    zone_id: str
    name: str
    kind: str
    codec: str
    address: str
    gateway_id: str | None = None
    interval_s: float | None = None
    link: str = "wired"  # wired, zigbee, lora, nb: decides lateness and silence defaults
    calibrated_until_ms: int | None = None
    service_until_ms: int | None = None
    version: int = 1


DEVICE_KINDS = ("smoke", "heat", "gas", "co", "electrical", "water", "switch", "manual_call", "gateway", "actuator", "other")
LINKS = ("wired", "zigbee", "lora", "nb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A witnessed on-site trial: the right load went dark. Voided by a change of class, breaker or mapping."""

    at_ms: int
    first_name: str
    second_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One switchable circuit: channel `channel` of `device_id`, whose points are `closed`, `current_a`, ... with the
    channel's suffix (`""` for the only one, `"2"` for `closed.2`). Without `trial` nothing cuts it."""

    id: str
    site_id: str
    zone_id: str
    name: str
    device_id: str
    channel: str = ""
    circuit_class: CircuitClass = CircuitClass.UNCLASSIFIED
    tenant: str = ""
    panel: str = ""
    rated_a: float = 16.0
    poles: tuple[str, ...] = ()  # suffixes of poles metered apart ("l1", "l2", "l3"); empty: one
    permit_until_ms: int | None = None
    is_motor: bool = False  # a motor starts on it: restored further apart (domain.md C4)
    trial: Trial | None = None
    version: int = 1

    def metric(self, name: str, pole: str = "") -> str:
        """The circuit's own point name: `metric("current_a", "l1")` -> `current_a.2.l1`."""
        return _metric(name, self.channel, pole)


@lru_cache(maxsize=65_536)
def _metric(name: str, channel: str, pole: str) -> str:
    return ".".join(part for part in (name, channel, pole) if part)


def point_id(device_id: str, metric: str) -> str:
    """The public name of a point."""
    return f"{device_id}:{metric}"


def point_key(device_id: str, metric: str) -> int:
    """63-bit key of a point, derived from its name, so stable over restarts and never reused for another."""
    digest = blake2b(point_id(device_id, metric).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def derived_id(*cause: object) -> str:
    """An id that follows from its cause: the same cause gives the same id, on replay as live (26 hex characters)."""
    text = "\x1f".join(str(part) for part in cause)
    return blake2b(text.encode(), digest_size=13).hexdigest()
