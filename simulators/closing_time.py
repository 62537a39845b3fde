"""A mall at closing time: shops with a smart breaker of two circuits each, some of which do not obey. For practice and for the proof that
every bad one is found."""

from __future__ import annotations

import random

from simulators.breakers import Behaviour
from simulators.place import TRIAL, Load, Place
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Zone

SITE = "night-mall"
BAD = (Behaviour.LIE, Behaviour.IGNORE, Behaviour.REFUSE, Behaviour.FLIP_BACK)
_SHOPS_A_FLOOR = 100
_FIRE_EVERY = 100  # one feed of fire protection among so many circuits: never to be cut


def closing_time(circuits: int = 2_000, bad_share: float = 0.01, seed: int = 1) -> Place:
    """So many circuits to be cut (and one feed of fire protection for every hundred), `bad_share` of them with a breaker that ignores,
    refuses, lies or flips back, chosen by `seed`."""
    if circuits < 2:
        raise ValueError("closing time needs at least two circuits")
    choice = random.Random(seed)
    bad = choice.sample(range(circuits), min(circuits, max(bad_share > 0, round(circuits * bad_share))))
    behaviours = {number: BAD[at % len(BAD)] for at, number in enumerate(bad)}
    shops = (circuits + 1) // 2
    place = Place(
        districts=[District(id="demo-district", name="滨江区")],
        enterprises=[Enterprise(id="night-enterprise", district_id="demo-district", name="夜间演练商业公司")],
        sites=[Site(id=SITE, enterprise_id="night-enterprise", name="演练商场", commanding=True)],
    )
    for floor in range((shops + _SHOPS_A_FLOOR - 1) // _SHOPS_A_FLOOR):
        place.zones.append(Zone(id=f"night-f{floor + 1}", site_id=SITE, name=f"{floor + 1}层", floor=f"F{floor + 1}"))
    for number in range(circuits):
        _circuit(place, number, CircuitClass.NIGHT_OFF, behaviours.get(number, Behaviour.OBEY), choice.uniform(2.0, 9.0))
    for number in range(circuits // _FIRE_EVERY):
        _fire_feed(place, number)
    return place


def _circuit(place: Place, number: int, kind: CircuitClass, behaviour: Behaviour, amps: float) -> None:
    shop, channel = divmod(number, 2)
    device_id, floor = f"night-{shop:04d}", shop // _SHOPS_A_FLOOR + 1
    if channel == 0:
        _switch(place, device_id, f"night-f{floor}")
    name = "照明" if channel == 0 else "插座"
    place.circuits.append(
        Circuit(
            id=f"{device_id}-{channel + 1}",
            site_id=SITE,
            zone_id=f"night-f{floor}",
            name=f"{shop + 1:04d} {name}",
            device_id=device_id,
            channel=str(channel + 1),
            circuit_class=kind,
            tenant=f"商铺 {shop + 1:04d}",
            panel=f"AL-{floor}",
            trial=TRIAL,
        )
    )
    place.loads.append(Load(device_id=device_id, channel=str(channel + 1), amps=round(amps, 1), behaviour=behaviour))


def _fire_feed(place: Place, number: int) -> None:
    device_id = f"night-fire-{number:02d}"
    zone = place.zones[number % len(place.zones)].id
    _switch(place, device_id, zone)
    place.circuits.append(
        Circuit(
            id=device_id,
            site_id=SITE,
            zone_id=zone,
            name=f"消防水泵 {number + 1}",
            device_id=device_id,
            circuit_class=CircuitClass.FIRE,
            trial=TRIAL,
        )
    )
    place.loads.append(Load(device_id=device_id, amps=0.4))


def _switch(place: Place, device_id: str, zone_id: str) -> None:
    place.devices.append(
        Device(
            id=device_id,
            site_id=SITE,
            zone_id=zone_id,
            name=device_id,
            kind="switch",
            codec="native",
            address=f"{SITE}/{device_id}",
            interval_s=10.0,
        )
    )
