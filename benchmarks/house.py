"""The whole service as the benchmarks use it: a process of its own on a mosquitto, furnished with many devices and rules at once."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rules.model import Rule
from sites.model import Device, District, Enterprise, Site, Zone
from storage.records import Records
from tests.app.process import ServiceProcess

SITE = "s"
PASSWORD = "a good password"


def furnished(
    folder: Path,
    mqtt_url: str,
    devices: Sequence[Device],
    rules: Sequence[Rule],
    more: Sequence[tuple[str, Any]] = (),
    commanding: bool = False,
    **settings: object,
) -> ServiceProcess:
    """A service that is not started yet, with these in its records, and a manager who may sign in as `manager`. `more`: further things by
    their kinds; `commanding`: the site's."""
    service = ServiceProcess(folder, mqtt_url=mqtt_url, **settings)
    (folder / "data").mkdir()
    records = Records.open(f"sqlite:///{folder}/data/records.db")
    now_ms = time.time_ns() // 1_000_000
    try:
        records.upgrade()
        records.insert("district", District(id="d", name="d"), "benchmark", now_ms)
        records.insert("enterprise", Enterprise(id="e", district_id="d", name="e"), "benchmark", now_ms)
        records.insert("site", Site(id=SITE, enterprise_id="e", name="site", commanding=commanding), "benchmark", now_ms)
        records.insert("zone", Zone(id="z", site_id=SITE, name="zone"), "benchmark", now_ms)
        records.insert_many("zone", [thing for kind, thing in more if kind == "zone"], "benchmark", now_ms)
        records.insert_many("device", list(devices), "benchmark", now_ms)
        for kind in ("circuit", "linkage", "escalation"):
            records.insert_many(kind, [thing for of_kind, thing in more if of_kind == kind], "benchmark", now_ms)
        for rule in rules:
            records.insert("rule", rule, "benchmark", now_ms)
    finally:
        records.close()
    service.command("users", "add", "manager", "--role", "manager", stdin=f"{PASSWORD}\n")
    return service


def device(number: int, kind: str = "heat") -> Device:
    name = f"d{number}"
    return Device(id=name, site_id=SITE, zone_id="z", name=name, kind=kind, codec="native", address=f"{SITE}/{name}", interval_s=3600.0)


def cpu_s(pid: int) -> float:
    """User and system time of a process, of its threads, and of its children, those that ended and those that run. Seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + sum(cpu_s(int(child)) for child in children)
