"""A small real kitchen for the whole-service tests: put into the service through its own HTTP API, and lived in by a simulated plant.

Two gas detectors and a metered switch of two circuits: the stove's breaker obeys, the fryer's says that it did and does nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from ingest.link import Address
from simulators.breakers import Behaviour
from simulators.place import Load, Place, Signal
from simulators.plant import run
from simulators.story import Story
from sites.model import Device, Site
from tests.app.process import ServiceProcess, asked

SITE = "canteen"
PASSWORD = "a good password"
PEOPLE = ("operator", "manager", "supervisor")


def administrator(service: ServiceProcess) -> None:
    """At the machine, as the first thing on a new installation."""
    service.command("users", "add", "admin", "--role", "administrator", "--name", "管理员", stdin=f"{PASSWORD}\n")


def people(service: ServiceProcess) -> dict[str, httpx.Client]:
    """The administrator makes the others; each signs in. By role."""
    admin = service.sign_in("admin", PASSWORD)
    for role in PEOPLE:
        grants = [{"role": role, "node_kind": "all"}]
        asked(admin, "POST", "/users", login=role, name=f"the {role}", password=PASSWORD, grants=grants, must_change=False)
    return {"administrator": admin} | {role: service.sign_in(role, PASSWORD) for role in PEOPLE}


def furnish(who: dict[str, httpx.Client], detectors: int = 2) -> None:
    """The tree, the devices and the circuits, each by who may; trials witnessed, commanding on."""
    admin, manager = who["administrator"], who["manager"]
    asked(admin, "POST", "/districts", id="riverside", name="滨江区")
    asked(admin, "POST", "/enterprises", id="plaza", district_id="riverside", name="滨江广场")
    asked(admin, "POST", "/sites", id=SITE, enterprise_id="plaza", name="食堂")
    asked(manager, "POST", "/zones", id="kitchen", site_id=SITE, name="厨房", floor="F1")
    for device in devices(detectors):
        asked(
            manager,
            "POST",
            "/devices",
            id=device.id,
            site_id=SITE,
            zone_id="kitchen",
            name=device.name,
            kind=device.kind,
            address=device.address,
            interval_s=device.interval_s,
        )
    for channel, circuit in (("1", "stove"), ("2", "fryer")):
        asked(manager, "POST", "/circuits", id=circuit, site_id=SITE, zone_id="kitchen", name=circuit, device_id="switch", channel=channel)
        asked(manager, "POST", f"/circuits/{circuit}/class", circuit_class="use", reason="feeds a cooker only")
        asked(manager, "POST", f"/circuits/{circuit}/trial", first_name="王建国", second_name="李秀英")
    assert asked(manager, "POST", f"/sites/{SITE}/commanding", commanding=True, reason="trials are done")["commanding"]


def devices(detectors: int = 2) -> list[Device]:
    kinds = {f"gas-{number}": "gas" for number in range(1, detectors + 1)} | {"switch": "switch"}
    return [
        Device(id=name, site_id=SITE, zone_id="kitchen", name=name, kind=kind, codec="native", address=f"{SITE}/{name}", interval_s=2.0)
        for name, kind in kinds.items()
    ]


def place(*beats: object) -> Place:
    """What the plant simulates. A detector's reading is a contact here: it jumps, and is told at once."""
    story = Story(beats)  # type: ignore[arg-type]
    return Place(
        sites=[Site(id=SITE, enterprise_id="plaza", name=SITE)],
        devices=devices(),
        signals=[Signal(device_id=name, metric="lel", base=1.0) for name in ("gas-1", "gas-2")],
        loads=[
            Load(device_id="switch", channel="1", amps=8.0),
            Load(device_id="switch", channel="2", amps=6.0, behaviour=Behaviour.LIE),
        ],
        story=story,
    )


@contextmanager
def plant(mqtt_url: str, what: Place) -> Iterator[None]:
    """The plant, alive on this broker until the end."""
    stop = threading.Event()
    options = {"stop": stop, "clock": lambda: time.time_ns() // 1_000_000}
    thread = threading.Thread(target=run, args=(Address.parse(mqtt_url), what), kwargs=options, name="plant", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15.0)
