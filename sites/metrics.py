"""The canonical metrics: name, unit, valid range and the kind of trouble a metric tells of.

A codec maps vendor fields to these names; a name that is not here is an unmapped point without unit.
Several of one kind on a device carry a suffix (`closed.2`, `current_a.2.l1`): `base_metric` strips it.
Refuses nothing by itself: `is_plausible` says whether a value can be a reading at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """One canonical metric. `low`/`high` bound what the quantity can physically be, not what is alarming."""

    name: str
    unit: str
    low: float
    high: float
    kind: str  # facet of the alarms it causes: smoke, heat, gas, electrical, water, power, device, other


def _flags(kind: str, *names: str) -> list[Metric]:
    return [Metric(name, "", 0.0, 1.0, kind) for name in names]


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        *_flags("smoke", "smoke_alarm", "fire_alarm"),  # fire_alarm: a detector whose kind is not told, flame, combined with a module
        *_flags("heat", "heat_alarm"),
        *_flags("gas", "gas_alarm", "co_alarm"),
        *_flags("manual_call", "manual_call"),
        *_flags("water", "water_leak"),
        *_flags("power", "closed", "trip"),
        *_flags("electrical", "arc_alarm"),
        *_flags("device", "tamper", "fault", "battery_low", "mains_lost", "muted", "test"),
        *_flags("other", "door_open", "occupancy", "fire_summary"),  # fire_summary: a panel's own lamp, beside its detectors' alarms
        Metric("smoke_obscuration", "dB/m", 0.0, 100.0, "smoke"),
        Metric("lel", "%LEL", -5.0, 110.0, "gas"),
        Metric("co", "ppm", -10.0, 100_000.0, "gas"),
        Metric("h2s", "ppm", -10.0, 100_000.0, "gas"),
        Metric("nh3", "ppm", -10.0, 100_000.0, "gas"),
        Metric("gas_ppm", "ppm", -10.0, 1_000_000.0, "gas"),
        Metric("o2", "%VOL", -1.0, 100.0, "gas"),
        Metric("temperature", "°C", -60.0, 1_200.0, "heat"),
        Metric("cable_temperature", "°C", -60.0, 1_200.0, "electrical"),
        Metric("humidity", "%", 0.0, 100.0, "other"),
        Metric("leakage_ma", "mA", 0.0, 100_000.0, "electrical"),
        Metric("current_a", "A", -10_000.0, 10_000.0, "electrical"),
        Metric("voltage_v", "V", 0.0, 50_000.0, "electrical"),
        Metric("power_w", "W", -1e8, 1e8, "electrical"),
        Metric("energy_kwh", "kWh", -1e12, 1e12, "electrical"),
        Metric("pressure_kpa", "kPa", -101.0, 100_000.0, "water"),
        Metric("level_m", "m", -10.0, 1_000.0, "water"),
        Metric("flow_lps", "L/s", -100_000.0, 100_000.0, "water"),
        Metric("battery", "%", 0.0, 100.0, "device"),
        Metric("signal", "", -1e9, 1e9, "device"),
    ]
}


def base_metric(metric: str) -> str:
    """`current_a.2.l1` -> `current_a`."""
    return metric.partition(".")[0]


def unit_of(metric: str) -> str:
    """The canonical unit of a metric with or without suffix; empty where there is none."""
    known = METRICS.get(base_metric(metric))
    return known.unit if known else ""


def kind_of(metric: str) -> str:
    """The alarm facet of a metric; `other` for unmapped ones."""
    known = METRICS.get(base_metric(metric))
    return known.kind if known else "other"


def implausible(metric: str, value: float) -> str | None:
    """Why this value can never be a reading of this metric, or None when it can."""
    if not math.isfinite(value):
        return f"{metric} is {value}, not a finite number"
    known = METRICS.get(base_metric(metric))
    if known and not known.low <= value <= known.high:
        return f"{metric} {value:g} {known.unit} is outside {known.low:g}..{known.high:g}"
    return None
