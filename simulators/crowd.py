"""A crowd of simple devices for measurements: as many as asked for, of mixed kinds, in one site. No story."""

from __future__ import annotations

from simulators.place import Place, Signal
from sites.model import Device, District, Enterprise, Site, Zone

SITE = "crowd"
_KINDS = (("gas", "lel", 5.0), ("heat", "temperature", 25.0), ("electrical", "leakage_ma", 80.0), ("water", "pressure_kpa", 300.0))
_PER_ZONE = 100


def crowd(count: int) -> Place:
    """`count` devices `crowd-000000`, ... of one point each, a hundred to a zone."""
    place = Place(
        districts=[District(id="demo-district", name="滨江区")],
        enterprises=[Enterprise(id="crowd-enterprise", district_id="demo-district", name="测量用企业")],
        sites=[Site(id=SITE, enterprise_id="crowd-enterprise", name="测量用场所")],
        zones=[Zone(id=f"crowd-zone-{n}", site_id=SITE, name=f"区域 {n}") for n in range((count + _PER_ZONE - 1) // _PER_ZONE)],
    )
    for number in range(count):
        kind, metric, base = _KINDS[number % len(_KINDS)]
        device_id = f"crowd-{number:06d}"
        place.devices.append(
            Device(
                id=device_id,
                site_id=SITE,
                zone_id=f"crowd-zone-{number // _PER_ZONE}",
                name=device_id,
                kind=kind,
                codec="native",
                address=f"{SITE}/{device_id}",
                interval_s=10.0,
            )
        )
        place.signals.append(Signal(device_id=device_id, metric=metric, base=base, noise=base / 20, tau_s=10.0, digits=1))
    return place
