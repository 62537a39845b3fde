"""The sample places by name: what `sitewarden simulate SCENARIO` knows."""

from __future__ import annotations

from collections.abc import Callable

from simulators.closing_time import closing_time
from simulators.crowd import crowd
from simulators.factory import factory
from simulators.mall import mall
from simulators.place import Place

SCENARIOS: dict[str, Callable[[], Place]] = {
    "mall": mall,
    "factory": factory,
    "crowd": lambda: crowd(1_000),
    "closing-time": closing_time,
}


def scenario(name: str, devices: int | None = None) -> Place:
    """A sample place, with so many devices if asked: its first ones, or for `crowd` any number. Raises ValueError with what there is."""
    if name not in SCENARIOS:
        raise ValueError(f"no scenario is called {name}; there are {', '.join(SCENARIOS)}")
    if devices is None:
        return SCENARIOS[name]()
    if devices < 1:
        raise ValueError("a plant has at least one device")
    if name == "crowd":
        return crowd(devices)
    place = SCENARIOS[name]()
    if devices > len(place.devices):
        raise ValueError(f"{name} has {len(place.devices)} devices; for more there is the scenario crowd")
    return place.first(devices)
