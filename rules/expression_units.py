"""Units of the rule language: what a number measures, whether two numbers may be compared, and by which factor.

A unit is a product of dimensions with a factor to their first units (V x A is W, 60 s is 1 min). A number written without unit takes the
unit of what it meets; a metric that is not in `sites.metrics` has none that could be wrong. Holds no state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sites.metrics import METRICS, base_metric


@dataclass(frozen=True, slots=True)
class Unit:
    """`dims` None: takes any unit (a bare number). `text` is what a person reads."""

    dims: tuple[tuple[str, int], ...] | None
    factor: float = 1.0
    text: str = ""


ANY = Unit(None)
PLAIN = Unit(())

_ATOMS: dict[str, tuple[dict[str, int], float]] = {
    "%LEL": ({"%LEL": 1}, 1.0),
    "%VOL": ({"%VOL": 1}, 1.0),
    "%": ({"%": 1}, 1.0),
    "ppm": ({"ppm": 1}, 1.0),
    "°C": ({"°C": 1}, 1.0),
    "℃": ({"°C": 1}, 1.0),
    "mA": ({"A": 1}, 0.001),
    "A": ({"A": 1}, 1.0),
    "kA": ({"A": 1}, 1000.0),
    "mV": ({"V": 1}, 0.001),
    "V": ({"V": 1}, 1.0),
    "kV": ({"V": 1}, 1000.0),
    "W": ({"V": 1, "A": 1}, 1.0),
    "kW": ({"V": 1, "A": 1}, 1000.0),
    "MW": ({"V": 1, "A": 1}, 1e6),
    "Wh": ({"V": 1, "A": 1, "s": 1}, 3600.0),
    "kWh": ({"V": 1, "A": 1, "s": 1}, 3.6e6),
    "Pa": ({"Pa": 1}, 1.0),
    "kPa": ({"Pa": 1}, 1000.0),
    "MPa": ({"Pa": 1}, 1e6),
    "bar": ({"Pa": 1}, 1e5),
    "mm": ({"m": 1}, 0.001),
    "cm": ({"m": 1}, 0.01),
    "m": ({"m": 1}, 1.0),
    "L": ({"L": 1}, 1.0),
    "dB": ({"dB": 1}, 1.0),
    "ms": ({"s": 1}, 0.001),
    "s": ({"s": 1}, 1.0),
    "min": ({"s": 1}, 60.0),
    "h": ({"s": 1}, 3600.0),
    "秒": ({"s": 1}, 1.0),
    "分钟": ({"s": 1}, 60.0),
    "小时": ({"s": 1}, 3600.0),
}
_ATOM = "|".join(re.escape(atom) for atom in sorted(_ATOMS, key=len, reverse=True))
UNIT_PATTERN = re.compile(rf"(?:{_ATOM})(?:/(?:{_ATOM}))?(?![A-Za-z0-9_.\u4e00-\u9fff])", re.IGNORECASE)
_BY_LOWER = {atom.lower(): atom for atom in reversed(_ATOMS)}  # of mA and MA the first stands
UNIT_WORDS = (
    "%LEL",
    "%VOL",
    "%",
    "ppm",
    "°C",
    "°C/min",
    "mA",
    "A",
    "V",
    "W",
    "kW",
    "kWh",
    "kPa",
    "MPa",
    "m",
    "L/s",
    "dB/m",
    "s",
    "min",
    "h",
)


def parse_unit(text: str) -> Unit:
    """The unit of a text that `UNIT_PATTERN` matches."""
    over, _, under = text.partition("/")
    unit = _atom(over)
    return quotient(unit, _atom(under), text) if under else unit


def _atom(text: str) -> Unit:
    name = text if text in _ATOMS else _BY_LOWER[text.lower()]
    dims, factor = _ATOMS[name]
    return Unit(tuple(sorted(dims.items())), factor, name)


def unit_of_metric(metric: str) -> Unit:
    """The unit in which a metric is measured."""
    known = METRICS.get(base_metric(metric))
    if known is None:
        return ANY
    return parse_unit(known.unit) if known.unit else PLAIN


def per_minute(unit: Unit) -> Unit:
    """The unit of a rate of change."""
    return ANY if unit.dims is None else quotient(unit, _atom("min"), f"{unit.text or '1'}/min")


def product(left: Unit, right: Unit) -> Unit:
    """The unit of left x right."""
    return _combined(left, right, 1, "·", "")


def quotient(left: Unit, right: Unit, text: str = "") -> Unit:
    """The unit of left / right."""
    return _combined(left, right, -1, "/", text)


def _combined(left: Unit, right: Unit, sign: int, mark: str, text: str) -> Unit:
    if left.dims is None and right.dims is None:
        return ANY
    dims = dict(left.dims or ())
    for name, power in right.dims or ():
        dims[name] = dims.get(name, 0) + sign * power
    factor = left.factor * right.factor if sign > 0 else left.factor / right.factor
    if not text:
        text = f"{left.text or '1'}{mark}{right.text}" if right.text else left.text
    kept = tuple(sorted((name, power) for name, power in dims.items() if power))
    return Unit(kept, factor, text if kept else "")


def is_same_kind(left: Unit, right: Unit) -> bool:
    """Whether numbers of these units can be compared and added."""
    return left.dims is None or right.dims is None or left.dims == right.dims


def ratio(given: Unit, wanted: Unit) -> float:
    """By what a number in `given` is multiplied to be one in `wanted`."""
    return 1.0 if given.dims is None or wanted.dims is None else given.factor / wanted.factor
