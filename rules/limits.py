"""How far a rule's limits may be set, and by which clause. Data, not code: standards are revised.

A validator refuses what lies beyond; the shipped rules lie within. Nothing here claims conformity with a standard.
"""

from __future__ import annotations

from dataclasses import dataclass

from rules.model import Direction

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class LimitRange:
    """Allowed limits of a metric's rules in one direction: `first` bounds the mildest level, `others` all the rest."""

    first: tuple[float, float]
    others: tuple[float, float]
    reason: str
    reason_zh: str


_TOXIC = (
    "at most 100 % and 200 % of the occupational exposure limit (GB/T 50493-2019)",
    "一级报警不高于职业接触限值的 100 %，二级不高于 200 %（GB/T 50493-2019）",
)
_RESIDUAL, _CABLE = (20.0, 1000.0), (45.0, 140.0)
_OXYGEN = (
    "oxygen: 19.5 %VOL at the least, 23.5 %VOL at the most (GB/T 50493-2019)",
    "氧气：缺氧报警不低于 19.5 %VOL，富氧报警不高于 23.5 %VOL（GB/T 50493-2019）",
)

LIMITS_ABOVE: dict[str, LimitRange] = {
    "lel": LimitRange(
        (0.0, 25.0),
        (0.0, 50.0),
        "first level at most 25 %LEL, second at most 50 %LEL (GB/T 50493-2019)",
        "一级报警不高于 25 %LEL，二级不高于 50 %LEL（GB/T 50493-2019）",
    ),
    # ppm of the mg/m3 limits at 25 degrees C, the larger of the two usual conversions
    "co": LimitRange((0.0, 17.5), (0.0, 34.9), *_TOXIC),
    "h2s": LimitRange((0.0, 7.2), (0.0, 14.4), *_TOXIC),
    "nh3": LimitRange((0.0, 28.8), (0.0, 57.5), *_TOXIC),
    "o2": LimitRange((20.9, 23.5), (20.9, 100.0), *_OXYGEN),
    "leakage_ma": LimitRange(
        _RESIDUAL,
        _RESIDUAL,
        "residual current detectors are set between 20 and 1000 mA (GB 14287, GB 50116 9.2.3)",
        "剩余电流探测器报警值设定范围为 20 至 1000 mA（GB 14287，GB 50116 9.2.3）",
    ),
    "cable_temperature": LimitRange(
        _CABLE,
        _CABLE,
        "cable temperature detectors are set between 45 and 140 °C (GB 14287)",
        "测温式探测器报警值设定范围为 45 至 140 °C（GB 14287）",
    ),
}
LIMITS_BELOW: dict[str, LimitRange] = {"o2": LimitRange((19.5, 20.9), (0.0, 20.9), *_OXYGEN)}

# these detectors confirmed by themselves before they spoke, and their indication holds until a manual reset
_FIRE = "a fire detector's alarm has no delay and is latched until manual reset (GB 4717)"
_FIRE_ZH = "火灾探测器报警不延时，并保持至手动复位（GB 4717）"
IMMEDIATE_METRICS = dict.fromkeys(("smoke_alarm", "fire_alarm", "fire_summary", "heat_alarm", "manual_call"), (_FIRE, _FIRE_ZH))

SILENCE_INTERVALS = (1.5, 50.0)  # fewer would call ordinary jitter silence; more would be no supervision (patrol <= 2 h, GB 50440)


def clause_of(metric: str, direction: Direction) -> LimitRange | None:
    """The clause that bounds a metric's limits in one direction; None: none does."""
    return (LIMITS_ABOVE if direction is Direction.ABOVE else LIMITS_BELOW).get(metric)
