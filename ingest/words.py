"""Plain English field names that several ecosystems share, and what they mean: `smoke` is a smoke alarm, `current` is in ampere.

Only for ecosystems without a vocabulary of their own (ThingsBoard keys, Homie property ids); a codec with its own table does not come here.
"""

from __future__ import annotations

from typing import Any

from ingest.codec import canonical_name
from sites.metrics import METRICS, base_metric

WORDS: dict[str, str] = {
    "smoke": "smoke_alarm",
    "fire": "smoke_alarm",
    "gas": "gas_alarm",
    "gas_leak": "gas_alarm",
    "carbon_monoxide": "co_alarm",
    "heat": "heat_alarm",
    "leak": "water_leak",
    "flood": "water_leak",
    "moisture": "water_leak",
    "tampered": "tamper",
    "presence": "occupancy",
    "motion": "occupancy",
    "current": "current_a",
    "voltage": "voltage_v",
    "power": "power_w",
    "active_power": "power_w",
    "energy": "energy_kwh",
    "leakage_current": "leakage_ma",
    "residual_current": "leakage_ma",
    "battery_level": "battery",
    "low_battery": "battery_low",
    "rssi": "signal",
    "temp": "temperature",
    "humid": "humidity",
}
POSITIONS = frozenset({"on", "state", "switch", "relay", "output", "onoff", "power_state"})  # of a switch, where the value is one of two
_ON = {"on": 1, "off": 0, "true": 1, "false": 0}


def metric_of(word: str) -> str | None:
    """The canonical metric of a plain word, with its suffix kept; another usable name where it is none of ours; None when unusable."""
    name = canonical_name(word)
    if name is None:
        return None
    base, dot, suffix = name.partition(".")
    return f"{WORDS.get(base, base)}{dot}{suffix}"


def is_ours(metric: str) -> bool:
    """Whether the catalogue knows this metric."""
    return base_metric(metric) in METRICS


def position(value: Any) -> int | None:
    """1 for on, 0 for off, None for anything else."""
    if isinstance(value, bool):
        return int(value)
    return _ON.get(value.lower()) if isinstance(value, str) and len(value) <= 8 else None
