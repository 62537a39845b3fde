"""A sample place as data: what is there (`sites` values), what its devices measure, and what happens.

It decides nothing and speaks to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from simulators.breakers import Behaviour
from simulators.story import Story
from sites.model import Circuit, Device, District, Enterprise, Site, Trial, Zone

TRIAL = Trial(at_ms=1_767_229_200_000, first_name="王建国", second_name="李秀英")  # 2026-01-01 09:00 in Shanghai


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One measured quantity: it wanders about `base` with a standard deviation of `noise`, and follows changes with `tau_s`.
    Without noise and tau it is a contact: it jumps, and its device reports at once."""

    device_id: str
    metric: str
    base: float = 0.0
    noise: float = 0.0
    tau_s: float = 0.0
    low: float = 0.0
    high: float = 1e9
    digits: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What hangs on one channel of a switch: `amps` when on. `is_metered` False: only the contact is reported.
    `feeds`: devices whose gas sinks once this load is dead."""

    device_id: str
    channel: str = ""
    amps: float
    behaviour: Behaviour = Behaviour.OBEY
    is_metered: bool = True
    feeds: tuple[str, ...] = ()


@dataclass(slots=True)
class Place:
    """A whole sample: put `things()` into the records, hand the rest to a plant."""

    districts: list[District] = field(default_factory=list)
    enterprises: list[Enterprise] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    circuits: list[Circuit] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    story: Story = field(default_factory=Story)

    def things(self) -> Iterator[District | Enterprise | Site | Zone | Device | Circuit]:
        """In the order in which they can be put: nothing before what it refers to."""
        yield from self.districts
        yield from self.enterprises
        yield from self.sites
        yield from self.zones
        yield from self.devices
        yield from self.circuits

    def first(self, count: int) -> Place:
        """The same place with its first `count` devices only, and what belongs to them."""
        devices = self.devices[:count]
        ids = {device.id for device in devices}
        return replace(
            self,
            devices=devices,
            circuits=[circuit for circuit in self.circuits if circuit.device_id in ids],
            signals=[signal for signal in self.signals if signal.device_id in ids],
            loads=[load for load in self.loads if load.device_id in ids],
            story=self.story.of_devices(ids),
        )
