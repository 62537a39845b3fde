"""The sample mall: three floors, sixty shops, about three hundred devices, and a story of a few minutes with a kitchen gas leak in it.

Ids say where a thing is: `mall-f3-s05-kitchen-gas-1`. Floor 3 has the restaurants; the basement is heard through a gateway of its own;
some of floor 2's plugs and leak sensors speak Zigbee2MQTT. `demo-gas` measures nothing by itself: it is for `sitewarden publish`.
"""

from __future__ import annotations

from simulators.breakers import Behaviour
from simulators.place import TRIAL, Load, Place, Signal
from simulators.story import Behave, Calm, Claim, Ramp, Silence, Story
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Zone

SITE = "mall"
PUBLISH_DEVICE = "demo-gas"
PUBLISH_ZONE = "mall-f3-s01-kitchen"
STORY_KITCHEN = "mall-f3-s05-kitchen"
_STORY_SHOP = STORY_KITCHEN.removesuffix("-kitchen")  # its breakers stand there: outside the gas area
_FLOORS, _SHOPS = (1, 2, 3), 20
_KITCHENS = range(1, 13)
_SHOP_NAMES = ("云裳服饰", "乐童玩具", "优品眼镜", "花间茶舍", "数码港", "悦读书店", "足下鞋城", "美妆坊", "家居馆", "运动汇")  # fmt: skip
_RESTAURANTS = (
    "川味小馆", "粤点茶楼", "江南小厨", "炭火烤肉", "渝香火锅", "老面馆",
    "披萨工坊", "海鲜排档", "素食轩", "煲仔饭", "日料亭", "小龙虾",
)  # fmt: skip


def mall() -> Place:
    """A new copy of the sample."""
    place = Place(
        districts=[District(id="demo-district", name="滨江区")],
        enterprises=[Enterprise(id="demo-plaza", district_id="demo-district", name="滨江广场商业管理有限公司", industry="商业综合体")],
        sites=[Site(id=SITE, enterprise_id="demo-plaza", name="滨江广场", address="滨江区江南大道 100 号", commanding=True)],
        story=Story(_BEATS, loops_from_s=260.0, period_s=420.0),
    )
    place.zones.append(Zone(id="mall-b1", site_id=SITE, name="B1 车库与设备区", floor="B1"))
    for floor in _FLOORS:
        place.zones.append(Zone(id=f"mall-f{floor}", site_id=SITE, name=f"{floor} 层公共区", floor=f"F{floor}"))
    _gateways(place)
    for floor in _FLOORS:
        for number in range(1, _SHOPS + 1):
            _shop(place, floor, number)
        _floor(place, floor)
    for number in _KITCHENS:
        _kitchen(place, number)
    _story_kitchen(place)
    _basement(place)
    _zigbee(place)
    place.devices.append(_device(PUBLISH_DEVICE, PUBLISH_ZONE, "演示用可燃气体探测器", "gas", 86_400.0))
    return place


def _device(
    device_id: str, zone_id: str, name: str, kind: str, interval_s: float, *, gateway: str | None = None, zigbee: str | None = None
) -> Device:
    """A native device, or the one of this friendly name at Zigbee2MQTT."""
    return Device(
        id=device_id,
        site_id=SITE,
        zone_id=zone_id,
        name=name,
        kind=kind,
        codec="zigbee2mqtt" if zigbee else "native",
        address=f"zigbee2mqtt/{zigbee}" if zigbee else f"{SITE}/{device_id}",
        gateway_id=gateway,
        interval_s=interval_s,
        link="zigbee" if zigbee else "wired",
    )


def _gateways(place: Place) -> None:
    for code, name in (("f1", "1 层"), ("f2", "2 层"), ("f3", "3 层"), ("b1", "B1 层")):
        device = _device(f"mall-gw-{code}", f"mall-{code}", f"{name}采集网关", "gateway", 10.0)
        place.devices.append(device)
        place.signals += [Signal(device_id=device.id, metric="mains_lost"), _wander(device.id, "temperature", 34, 0.4)]


def _wander(device_id: str, metric: str, base: float, noise: float, tau_s: float = 30.0, low: float = 0.0, digits: int = 1) -> Signal:
    return Signal(device_id=device_id, metric=metric, base=base, noise=noise, tau_s=tau_s, low=low, digits=digits)


def _smoke(place: Place, device_id: str, zone_id: str, name: str, gateway: str) -> None:
    place.devices.append(_device(device_id, zone_id, name, "smoke", 60.0, gateway=gateway))
    place.signals += [
        Signal(device_id=device_id, metric="smoke_alarm"),
        _wander(device_id, "smoke_obscuration", 0.02, 0.004, 5.0, digits=3),
    ]


def _circuit(
    place: Place, circuit_id: str, zone_id: str, name: str, device_id: str, kind: CircuitClass, amps: float, **more: object
) -> None:
    """A metered circuit with its load. `more`: channel, tenant, behaviour, feeds, trialled, metered, permit_until_ms."""
    channel = str(more.get("channel", ""))
    trialled = bool(more.get("trialled", kind is not CircuitClass.UNCLASSIFIED))
    place.circuits.append(
        Circuit(
            id=circuit_id,
            site_id=SITE,
            zone_id=zone_id,
            name=name,
            device_id=device_id,
            channel=channel,
            circuit_class=kind,
            tenant=str(more.get("tenant", "")),
            panel=f"AL-{zone_id.removeprefix('mall-').split('-')[0].upper()}",
            rated_a=16.0 if amps <= 14 else 63.0,
            permit_until_ms=more.get("permit_until_ms"),  # type: ignore[arg-type]
            trial=TRIAL if trialled else None,
        )
    )
    place.loads.append(
        Load(
            device_id=device_id,
            channel=channel,
            amps=amps,
            behaviour=more.get("behaviour", Behaviour.OBEY),  # type: ignore[arg-type]
            is_metered=bool(more.get("metered", True)),
            feeds=more.get("feeds", ()),  # type: ignore[arg-type]
        )
    )


def _shop(place: Place, floor: int, number: int) -> None:
    """Smoke head, two-way metered switch (lighting, sockets), and in every second shop an electrical fire monitor."""
    zone_id = f"mall-f{floor}-s{number:02d}"
    gateway = f"mall-gw-f{floor}"
    is_restaurant = floor == 3 and number in _KITCHENS
    tenant = _RESTAURANTS[number - 1] if is_restaurant else f"{_SHOP_NAMES[(number + 3 * floor) % len(_SHOP_NAMES)]}"
    place.zones.append(
        Zone(id=zone_id, site_id=SITE, name=f"F{floor}-{number:02d} {tenant}", parent_id=f"mall-f{floor}", floor=f"F{floor}")
    )
    _smoke(place, f"{zone_id}-smoke", zone_id, f"{tenant}烟感", gateway)
    switch = _device(f"{zone_id}-switch", zone_id, f"{tenant}智能断路器", "switch", 10.0, gateway=gateway)
    place.devices.append(switch)
    # two new shops a floor are not classified yet: nothing cuts them until a witnessed trial
    lighting, sockets = (CircuitClass.UNCLASSIFIED,) * 2 if number > 18 else (CircuitClass.USE, CircuitClass.NIGHT_OFF)
    _circuit(place, f"{zone_id}-light", zone_id, f"{tenant}照明", switch.id, lighting, 2.0 + number % 4, channel="1", tenant=tenant)
    _circuit(place, f"{zone_id}-socket", zone_id, f"{tenant}插座", switch.id, sockets, 3.0 + number % 6, channel="2", tenant=tenant)
    if number % 2:
        monitor = _device(f"{zone_id}-elec", zone_id, f"{tenant}电气火灾探测器", "electrical", 15.0, gateway=gateway)
        place.devices.append(monitor)
        place.signals += [
            _wander(monitor.id, "leakage_ma", 60 + 9 * (number % 7), 4, 20.0),
            _wander(monitor.id, "cable_temperature.1", 36 + number % 5, 0.5, 120.0),
            _wander(monitor.id, "cable_temperature.2", 35 + number % 4, 0.5, 120.0),
        ]


def _kitchen(place: Place, number: int) -> None:
    """A restaurant's kitchen: two gas heads, a heat head, and the power circuit whose breaker stands outside the gas area."""
    shop, zone_id = f"mall-f3-s{number:02d}", f"mall-f3-s{number:02d}-kitchen"
    tenant, gateway = _RESTAURANTS[number - 1], "mall-gw-f3"
    place.zones.append(Zone(id=zone_id, site_id=SITE, name=f"{tenant}厨房", parent_id=shop, floor="F3"))
    for head in (1, 2):
        gas = _device(
            f"{zone_id}-gas-{head}", zone_id, f"{tenant}厨房可燃气体 {head}#", "gas", 2.0 if number == 5 else 5.0, gateway=gateway
        )
        place.devices.append(gas)
        place.signals.append(_wander(gas.id, "lel", 1.5, 0.3, 2.0))
    heat = _device(f"{zone_id}-heat", zone_id, f"{tenant}厨房温感", "heat", 30.0, gateway=gateway)
    place.devices.append(heat)
    place.signals += [_wander(heat.id, "temperature", 33, 1.0, 60.0), Signal(device_id=heat.id, metric="heat_alarm")]
    switch = _device(f"{zone_id}-switch", shop, f"{tenant}厨房动力断路器", "switch", 2.0 if number == 5 else 10.0, gateway=gateway)
    place.devices.append(switch)
    feeds = (f"{zone_id}-gas-1", f"{zone_id}-gas-2")
    _circuit(place, f"{zone_id}-k1", zone_id, f"{tenant}厨房动力 K-1", switch.id, CircuitClass.USE, 22.0, tenant=tenant, feeds=feeds)
    if number in (2, 8):
        cold = _device(f"{shop}-cold", shop, f"{tenant}冷柜断路器", "switch", 10.0, gateway=gateway)
        place.devices.append(cold)
        permit = {"tenant": tenant, "permit_until_ms": 1_830_268_800_000}  # 2028-01-01
        _circuit(place, f"{shop}-cold-c1", shop, f"{tenant}冷柜", cold.id, CircuitClass.PERMIT_24H, 6.0, **permit)


def _story_kitchen(place: Place) -> None:
    """Beside K-1 two circuits that do not come out well: one whose breaker lies, one that nothing measures."""
    tenant = _RESTAURANTS[4]
    liar = _device(f"{STORY_KITCHEN}-switch-2", _STORY_SHOP, f"{tenant}备餐间断路器", "switch", 2.0, gateway="mall-gw-f3")
    plug = _device(f"{STORY_KITCHEN}-plug", _STORY_SHOP, f"{tenant}消毒柜插座(Zigbee)", "switch", 5.0, zigbee="f3/s05/sterilizer")
    place.devices += [liar, plug]
    k2 = {"tenant": tenant, "behaviour": Behaviour.LIE}
    _circuit(place, f"{STORY_KITCHEN}-k2", STORY_KITCHEN, f"{tenant}备餐间 K-2", liar.id, CircuitClass.USE, 7.0, **k2)
    _circuit(
        place, f"{STORY_KITCHEN}-k3", STORY_KITCHEN, f"{tenant}消毒柜 K-3", plug.id, CircuitClass.USE, 4.0, tenant=tenant, metered=False
    )


def _floor(place: Place, floor: int) -> None:
    """What is common to a floor: corridor smoke heads, call points, water, lighting, escalator, fire and life circuits."""
    zone_id, gateway = f"mall-f{floor}", f"mall-gw-f{floor}"
    for number in range(1, 9):
        _smoke(place, f"{zone_id}-corridor-smoke-{number}", zone_id, f"{floor} 层走道烟感 {number}#", gateway)
    for number in range(1, 5):
        call = _device(f"{zone_id}-call-{number}", zone_id, f"{floor} 层手报 {number}#", "manual_call", 60.0, gateway=gateway)
        place.devices.append(call)
        place.signals.append(Signal(device_id=call.id, metric="manual_call"))
    for code, name in (("hydrant", "消火栓末端压力"), ("sprinkler", "喷淋末端压力")):
        water = _device(f"{zone_id}-{code}", zone_id, f"{floor} 层{name}", "water", 30.0, gateway=gateway)
        place.devices.append(water)
        place.signals.append(_wander(water.id, "pressure_kpa", 420 - 60 * floor, 4, 20.0))
    rows = (
        ("light", "公共照明", CircuitClass.USE, 12.0),
        ("escalator", "扶梯", CircuitClass.USE, 18.0),
        ("smoke-fan", "排烟风机", CircuitClass.FIRE, 0.5),
        ("cctv", "安防监控", CircuitClass.LIFE, 3.0),
    )
    for code, name, kind, amps in rows:
        switch = _device(f"{zone_id}-{code}-switch", zone_id, f"{floor} 层{name}断路器", "switch", 10.0, gateway=gateway)
        place.devices.append(switch)
        _circuit(place, f"{zone_id}-{code}", zone_id, f"{floor} 层{name}", switch.id, kind, amps)


def _basement(place: Place) -> None:
    """The car park and plant rooms, all heard through one gateway, which the story silences."""
    zone_id, gateway = "mall-b1", "mall-gw-b1"
    for number in range(1, 7):
        co = _device(f"mall-b1-co-{number}", zone_id, f"车库 CO {number}#", "co", 10.0, gateway=gateway)
        place.devices.append(co)
        place.signals.append(_wander(co.id, "co", 4, 0.8, 30.0))
    tank = _device("mall-b1-tank", zone_id, "消防水池液位", "water", 30.0, gateway=gateway)
    pump = _device("mall-b1-pump", zone_id, "消火栓泵断路器", "switch", 10.0, gateway=gateway)
    place.devices += [tank, pump]
    place.signals.append(_wander(tank.id, "level_m", 3.6, 0.02, 60.0, digits=2))
    _circuit(place, "mall-b1-pump-c1", zone_id, "消火栓泵", pump.id, CircuitClass.FIRE, 0.3)
    for number in (1, 2):
        charger = _device(f"mall-b1-charger-{number}", zone_id, f"充电桩 {number}# 断路器", "switch", 10.0, gateway=gateway)
        place.devices.append(charger)
        behaviour = Behaviour.LAG if number == 1 else Behaviour.REFUSE
        _circuit(
            place,
            f"mall-b1-charger-{number}-c1",
            zone_id,
            f"充电桩 {number}#",
            charger.id,
            CircuitClass.NIGHT_OFF,
            28.0,
            behaviour=behaviour,
        )


def _zigbee(place: Place) -> None:
    """Retrofitted devices of floor 2, behind Zigbee2MQTT."""
    for number in range(1, 9):
        leak = _device(f"mall-f2-leak-{number}", "mall-f2", f"2 层水浸 {number}#", "water", 60.0, zigbee=f"f2/leak_{number}")
        place.devices.append(leak)
        battery = Signal(device_id=leak.id, metric="battery", base=96 - 3 * number, digits=0)
        place.signals += [Signal(device_id=leak.id, metric="water_leak"), battery]
    for number in range(1, 7):
        plug = _device(f"mall-f2-kiosk-{number}", "mall-f2", f"2 层花车 {number}# 插座", "switch", 10.0, zigbee=f"f2/kiosk_{number}")
        place.devices.append(plug)
        _circuit(place, f"mall-f2-kiosk-{number}-c1", "mall-f2", f"2 层花车 {number}#", plug.id, CircuitClass.NIGHT_OFF, 2.5)
    for number in range(1, 5):
        climate = _device(f"mall-f2-climate-{number}", "mall-f2", f"2 层温湿度 {number}#", "other", 60.0, zigbee=f"f2/climate_{number}")
        place.devices.append(climate)
        place.signals += [_wander(climate.id, "temperature", 25, 0.2, 300.0), _wander(climate.id, "humidity", 52, 1.0, 300.0)]


_GAS_1, _GAS_2 = f"{STORY_KITCHEN}-gas-1", f"{STORY_KITCHEN}-gas-2"
_BEATS = (
    # the kitchen gas leak that grows: past 25, a second head, past 50 %LEL (GB/T 50493)
    Ramp(at_s=3, device_id=_GAS_1, metric="lel", to=34, over_s=9),
    Ramp(at_s=24, device_id=_GAS_1, metric="lel", to=64, over_s=26),
    Ramp(at_s=30, device_id=_GAS_2, metric="lel", to=41, over_s=20),
    Calm(at_s=170, device_id=_GAS_1, over_s=40),
    Calm(at_s=170, device_id=_GAS_2, over_s=40),
    # a smoke alarm
    Ramp(at_s=5, device_id="mall-f2-s08-smoke", metric="smoke_obscuration", to=0.45, over_s=1),
    Ramp(at_s=6, device_id="mall-f2-s08-smoke", metric="smoke_alarm", to=1),
    Calm(at_s=110, device_id="mall-f2-s08-smoke", over_s=0),
    # a leaking circuit, past 300 and 500 mA (GB 50116 9.2.3)
    Ramp(at_s=45, device_id="mall-f1-s03-elec", metric="leakage_ma", to=390, over_s=12),
    Ramp(at_s=75, device_id="mall-f1-s03-elec", metric="leakage_ma", to=620, over_s=20),
    Calm(at_s=200, device_id="mall-f1-s03-elec", over_s=20),
    # a switch that claims to be off and is not
    Behave(at_s=60, device_id="mall-f1-s12-switch", channel="2", behaviour=Behaviour.LIE),
    Claim(at_s=70, device_id="mall-f1-s12-switch", channel="2", position=0),
    Claim(at_s=230, device_id="mall-f1-s12-switch", channel="2", position=None),
    # the basement's gateway falls silent
    Silence(at_s=85, device_id="mall-gw-b1", for_s=100),
    # the hydrants of floor 3 lose pressure, below 0.10 MPa (GB 50974 5.2.2)
    Ramp(at_s=125, device_id="mall-f3-hydrant", metric="pressure_kpa", to=70, over_s=10),
    Calm(at_s=225, device_id="mall-f3-hydrant", over_s=15),
    # then calmer, round and round: something small every minute or two
    Ramp(at_s=275, device_id="mall-b1-co-3", metric="co", to=22, over_s=20),
    Calm(at_s=340, device_id="mall-b1-co-3", over_s=20),
    Ramp(at_s=360, device_id="mall-f2-leak-4", metric="water_leak", to=1),
    Calm(at_s=420, device_id="mall-f2-leak-4", over_s=0),
    Ramp(at_s=440, device_id="mall-f3-s09-kitchen-gas-1", metric="lel", to=31, over_s=15),
    Calm(at_s=480, device_id="mall-f3-s09-kitchen-gas-1", over_s=20),
    Ramp(at_s=530, device_id="mall-f1-s07-elec", metric="cable_temperature.1", to=66, over_s=25),
    Calm(at_s=590, device_id="mall-f1-s07-elec", over_s=30),
    Ramp(at_s=620, device_id="mall-f1-corridor-smoke-5", metric="smoke_alarm", to=1),
    Calm(at_s=650, device_id="mall-f1-corridor-smoke-5", over_s=0),
)
