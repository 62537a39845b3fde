"""The sample factory: a workshop with a spray booth, a cold store with ammonia, and a switch room; some forty devices and their story.

Smaller than the mall and of another kind: toxic gas, cable temperature, machines. Ids begin with `factory-`.
"""

from __future__ import annotations

from simulators.breakers import Behaviour
from simulators.place import TRIAL, Load, Place, Signal
from simulators.story import Calm, Ramp, Silence, Story
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Zone

SITE = "factory"
_ZONES = (
    ("factory-workshop", "机加工车间"),
    ("factory-spray", "喷漆房"),
    ("factory-cold", "氨制冷机房"),
    ("factory-power", "配电室"),
    ("factory-store", "原料库"),
)


def factory() -> Place:
    """A new copy of the sample."""
    place = Place(
        districts=[District(id="demo-district", name="滨江区")],
        enterprises=[Enterprise(id="demo-works", district_id="demo-district", name="滨江精密机械有限公司", industry="机械")],
        sites=[Site(id=SITE, enterprise_id="demo-works", name="滨江精密一厂", address="滨江区工业路 8 号", commanding=True)],
        zones=[Zone(id=zone_id, site_id=SITE, name=name, floor="1F") for zone_id, name in _ZONES],
        story=Story(_BEATS, loops_from_s=240.0, period_s=360.0),
    )
    _add(place, "gw", "factory-power", "厂区采集网关", "gateway", 10.0, Signal(device_id="", metric="mains_lost"))
    for zone_id, name in _ZONES:
        for number in (1, 2):
            code = f"{zone_id.removeprefix('factory-')}-smoke-{number}"
            _add(place, code, zone_id, f"{name}烟感 {number}#", "smoke", 60.0, Signal(device_id="", metric="smoke_alarm"))
    for number in (1, 2):
        _add(place, f"spray-gas-{number}", "factory-spray", f"喷漆房可燃气体 {number}#", "gas", 5.0, _analog("lel", 3, 0.6))
        _add(place, f"cold-nh3-{number}", "factory-cold", f"氨气探测器 {number}#", "gas", 5.0, _analog("nh3", 3, 0.5))
        _add(place, f"store-heat-{number}", "factory-store", f"原料库温感 {number}#", "heat", 30.0, _analog("temperature", 24, 0.3))
    for number in range(1, 5):
        signals = (_analog("leakage_ma", 90 + 20 * number, 5), _analog("cable_temperature.1", 41 + number, 0.4))
        _add(place, f"power-elec-{number}", "factory-power", f"出线柜 {number}# 电气火灾探测器", "electrical", 15.0, *signals)
    _add(place, "hydrant", "factory-workshop", "室外消火栓压力", "water", 30.0, _analog("pressure_kpa", 260, 4))
    machines = (
        ("lathe-1", "车床 1#", "factory-workshop", CircuitClass.USE, 24.0, Behaviour.OBEY),
        ("lathe-2", "车床 2#", "factory-workshop", CircuitClass.USE, 22.0, Behaviour.FLIP_BACK),
        ("mill-1", "铣床 1#", "factory-workshop", CircuitClass.USE, 30.0, Behaviour.IGNORE),
        ("spray-fan", "喷漆房风机", "factory-spray", CircuitClass.MANUAL, 11.0, Behaviour.OBEY),
        ("spray-power", "喷漆房动力", "factory-spray", CircuitClass.USE, 15.0, Behaviour.OBEY),
        ("compressor", "制冷压缩机", "factory-cold", CircuitClass.PERMIT_24H, 45.0, Behaviour.OBEY),
        ("fire-pump", "消防泵", "factory-power", CircuitClass.FIRE, 0.3, Behaviour.OBEY),
        ("office", "办公照明", "factory-power", CircuitClass.NIGHT_OFF, 8.0, Behaviour.OBEY),
        ("oven", "烘箱(新)", "factory-workshop", CircuitClass.UNCLASSIFIED, 18.0, Behaviour.OBEY),
    )
    for code, name, zone_id, kind, amps, behaviour in machines:
        device_id = _add(place, f"{code}-switch", zone_id, f"{name}断路器", "switch", 5.0)
        place.circuits.append(
            Circuit(
                id=f"factory-{code}",
                site_id=SITE,
                zone_id=zone_id,
                name=name,
                device_id=device_id,
                circuit_class=kind,
                panel="AP-1",
                rated_a=63.0,
                permit_until_ms=1_830_268_800_000 if kind is CircuitClass.PERMIT_24H else None,
                trial=None if kind is CircuitClass.UNCLASSIFIED else TRIAL,
            )
        )
        place.loads.append(Load(device_id=device_id, amps=amps, behaviour=behaviour))
    return place


def _add(place: Place, code: str, zone_id: str, name: str, kind: str, interval_s: float, *signals: Signal) -> str:
    """A native device with its signals (their device id is filled in)."""
    device_id = f"factory-{code}"
    place.devices.append(
        Device(
            id=device_id,
            site_id=SITE,
            zone_id=zone_id,
            name=name,
            kind=kind,
            codec="native",
            address=f"{SITE}/{device_id}",
            gateway_id=None if kind == "gateway" else "factory-gw",
            interval_s=interval_s,
        )
    )
    for s in signals:
        place.signals.append(
            Signal(device_id=device_id, metric=s.metric, base=s.base, noise=s.noise, tau_s=s.tau_s, low=s.low, digits=s.digits)
        )
    return device_id


def _analog(metric: str, base: float, noise: float) -> Signal:
    return Signal(device_id="", metric=metric, base=base, noise=noise, tau_s=10.0, digits=1)


_BEATS = (
    # ammonia past 28 ppm (GBZ 2.1 short-time limit), then a slow recovery
    Ramp(at_s=55, device_id="factory-cold-nh3-1", metric="nh3", to=37, over_s=20),
    Calm(at_s=150, device_id="factory-cold-nh3-1", over_s=40),
    # a hot cable in the switch room, past 60 and 70 °C
    Ramp(at_s=100, device_id="factory-power-elec-2", metric="cable_temperature.1", to=76, over_s=60),
    Calm(at_s=210, device_id="factory-power-elec-2", over_s=60),
    # then round and round
    Ramp(at_s=250, device_id="factory-spray-gas-1", metric="lel", to=29, over_s=20),
    Calm(at_s=300, device_id="factory-spray-gas-1", over_s=20),
    Ramp(at_s=400, device_id="factory-store-smoke-2", metric="smoke_alarm", to=1),
    Calm(at_s=440, device_id="factory-store-smoke-2", over_s=0),
    Silence(at_s=500, device_id="factory-hydrant", for_s=95),
)
