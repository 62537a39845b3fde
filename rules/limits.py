"""How far a rule's limits may be set, and by which clause. Data, not code: standards are revised.

A validator refuses what lies beyond; the shipped rules lie within. Nothing here claims conformity with a standard.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class LimitRange:
    """Allowed limits of a metric's rules in one direction: `first` bounds the mildest level, `others` all the rest."""

    first: tuple[float, float]
    others: tuple[float, float]
    reason: str


_TOXIC = "at most 100 % and 200 % of the occupational exposure limit (GB/T 50493-2019)"
_RESIDUAL = (20.0, 1000.0)
_CABLE = (45.0, 140.0)

LIMITS_ABOVE: dict[str, LimitRange] = {
    "lel": LimitRange((0.0, 25.0), (0.0, 50.0), "first level at most 25 %LEL, second at most 50 %LEL (GB/T 50493-2019)"),
    # ppm of the mg/m3 limits at 25 degrees C, the larger of the two usual conversions
    "co": LimitRange((0.0, 17.5), (0.0, 34.9), _TOXIC),
    "h2s": LimitRange((0.0, 7.2), (0.0, 14.4), _TOXIC),
    "nh3": LimitRange((0.0, 28.8), (0.0, 57.5), _TOXIC),
    "leakage_ma": LimitRange(_RESIDUAL, _RESIDUAL, "residual current detectors are set between 20 and 1000 mA (GB 14287, GB 50116 9.2.3)"),
    "cable_temperature": LimitRange(_CABLE, _CABLE, "cable temperature detectors are set between 45 and 140 °C (GB 14287)"),
}

# these detectors confirmed by themselves before they spoke, and their indication holds until a manual reset
IMMEDIATE_METRICS = dict.fromkeys(
    ("smoke_alarm", "fire_alarm", "fire_summary", "heat_alarm", "manual_call"),
    "a fire detector's alarm has no delay and is latched until manual reset (GB 4717)",
)

SILENCE_INTERVALS = (1.5, 50.0)  # fewer would call ordinary jitter silence; more would be no supervision (patrol <= 2 h, GB 50440)
