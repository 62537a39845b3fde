"""The register of devices as a table: what a file would add and change, or every cell of it that is wrong; and the same table written.

A row is a device or a circuit; both files and answers name columns by the words of `COLUMNS`. Reading decides and changes nothing: the
`Change` of a plan is for the records, whole or not at all. Site and zone may be given by id or by name. A circuit's class and trial are
not in the table: they are requests of their own, and a new breaker or channel voids the trial.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from api.days import last_day, local_iso
from api.register_cells import COLUMNS, HEADERS, KIND_WORDS, TYPE_WORDS, BadCell, Cells
from api.sheets import Table
from power.setup import edited
from sites.model import ID_PATTERN, LINKS, Circuit, Device, Site, Zone
from sites.records import Change

MOST_BAD = 2_000  # wrong cells that are told of; a file with more is wrong as a whole


@dataclass(frozen=True, slots=True)
class Present:
    """What is there now, and where this person may put things. `sites` are those that are seen."""

    sites: Mapping[str, Site]
    zones: Mapping[str, Zone]
    devices: Mapping[str, Device]  # all, also those not seen
    circuits: Mapping[str, Circuit]
    codecs: Collection[str]
    may: Callable[[str], bool]  # site id -> may configure there

    def zone_name(self, site_id: str) -> str:
        """The time zone of a site."""
        site = self.sites.get(site_id)
        return site.timezone if site else "UTC"


@dataclass(frozen=True, slots=True)
class Line:
    """What one row does."""

    row: int  # as seen in a spreadsheet: the header is 1
    kind: str  # device, circuit
    id: str
    name: str
    act: str  # new, changed, same
    columns: tuple[str, ...] = ()  # that change


@dataclass(slots=True)
class Plan:
    """What a file would do. With any `bad` cell nothing is done."""

    lines: list[Line] = field(default_factory=list)
    bad: list[BadCell] = field(default_factory=list)
    bad_total: int = 0
    new: dict[str, dict[str, Any]] = field(default_factory=lambda: {"device": {}, "circuit": {}})
    changed: dict[str, dict[str, Any]] = field(default_factory=lambda: {"device": {}, "circuit": {}})

    def count(self, act: str) -> int:
        return sum(line.act == act for line in self.lines)

    def take(self, row: int, kind: str, thing: Any, old: Any) -> None:
        """One sound row."""
        act, columns = "same", ()
        if old is None:
            self.new[kind][thing.id] = thing
            act = "new"
        elif thing != old:
            self.changed[kind][thing.id] = thing
            act = "changed"
            names = (name for name in type(thing).__dataclass_fields__ if getattr(thing, name) != getattr(old, name))
            columns = tuple(name.removesuffix("_ms") for name in names)
        self.lines.append(Line(row, kind, thing.id, thing.name, act, columns))

    def change(self, why: str = "") -> Change:
        """For the records: devices before the circuits on them."""
        inserts = tuple((kind, tuple(self.new[kind].values())) for kind in ("device", "circuit") if self.new[kind])
        updates = tuple((kind, thing) for kind in ("device", "circuit") for thing in self.changed[kind].values())
        return Change(inserts=inserts, updates=updates, why=why)


def read(table: Table, present: Present) -> Plan:
    """What this table (its first row the header) would do."""
    plan = Plan()
    names = _header(table, plan)
    if names is None:
        return plan
    rows = [Cells(n, dict(zip(names, row, strict=False))) for n, row in enumerate(table[1:], 2) if any(row)]
    types = [(cells.choice("type", TYPE_WORDS, "device"), cells) for cells in rows]
    reader = _Reader(present)
    # what is referred to first: a gateway or a breaker may stand below what names it
    for kind, cells in types:
        if kind == "device":
            reader.device(cells)
    for kind, cells in types:
        if kind == "device":
            reader.gateway(cells)
        elif kind == "circuit":
            reader.circuit(cells)
    reader.left_behind()
    bad = [bad for cells in rows for bad in cells.bad]
    plan.bad_total, plan.bad = len(bad), bad[:MOST_BAD]
    for kind, found in (("device", reader.devices), ("circuit", reader.circuits)):
        for cells, thing, old in found.values():
            if not cells.bad:
                plan.take(cells.row, kind, thing, old)
    plan.lines.sort(key=lambda line: line.row)
    return plan


def write(devices: Iterable[Device], circuits: Iterable[Circuit], sites: Mapping[str, Site], language: str = "en") -> Table:
    """The table of these things, with a header in `en` or `zh`; reading it again changes nothing."""
    names = list(COLUMNS)
    table = [[COLUMNS[name] if language == "zh" else name for name in names]]
    for device in sorted(devices, key=lambda device: (device.site_id, device.zone_id, device.id)):
        table.append([_device_cells(device, sites).get(name, "") for name in names])
    for circuit in sorted(circuits, key=lambda circuit: (circuit.site_id, circuit.zone_id, circuit.id)):
        table.append([_circuit_cells(circuit, sites).get(name, "") for name in names])
    return table


def _device_cells(device: Device, sites: Mapping[str, Site]) -> dict[str, str]:
    zone = sites[device.site_id].timezone if device.site_id in sites else "UTC"
    return {
        "type": "device",
        **{name: str(getattr(device, name)) for name in ("id", "site_id", "zone_id", "name", "kind", "codec", "address", "link")},
        "gateway_id": device.gateway_id or "",
        "interval_s": "" if device.interval_s is None else f"{device.interval_s:.10g}",
        "calibrated_until": last_day(device.calibrated_until_ms, zone) or "",
        "service_until": last_day(device.service_until_ms, zone) or "",
    }


def _circuit_cells(circuit: Circuit, sites: Mapping[str, Site]) -> dict[str, str]:
    zone = sites[circuit.site_id].timezone if circuit.site_id in sites else "UTC"
    names = ("id", "site_id", "zone_id", "name", "device_id", "channel", "tenant", "panel")
    return {
        "type": "circuit",
        **{name: str(getattr(circuit, name)) for name in names},
        "rated_a": f"{circuit.rated_a:.10g}",
        "poles": " ".join(circuit.poles),
        "permit_until": "" if circuit.permit_until_ms is None else local_iso(circuit.permit_until_ms, zone),
    }


def _header(table: Table, plan: Plan) -> list[str] | None:
    """The columns' own names, or None where the table cannot be read by them."""

    def wrong(column: str, given: str, allowed: str, allowed_zh: str) -> None:
        plan.bad.append(BadCell(1, column, given, allowed, allowed_zh))
        plan.bad_total += 1

    allowed, allowed_zh = ", ".join(COLUMNS), "、".join(COLUMNS.values())
    if not table:
        wrong("", "an empty file", f"a first row with the columns {allowed}", f"第一行为列名：{allowed_zh}")
        return None
    names = [HEADERS.get(cell.strip().lower(), "") for cell in table[0]]
    for given, name in zip(table[0], names, strict=True):
        if given.strip() and not name:
            wrong(given[:60], given[:60], f"one of {allowed}", f"可用的列名：{allowed_zh}")
    for name in {name for name in names if name and names.count(name) > 1}:
        wrong(name, name, "each column once", "每列只出现一次")
    for name in ("site_id", "zone_id", "name"):
        if name not in names:
            wrong(
                name,
                "no such column",
                f"the columns site_id, zone_id and name are needed; allowed are {allowed}",
                f"必须有列：场所、区域、名称；可用：{allowed_zh}",
            )
    return None if plan.bad else names


class _Reader:
    """Reads rows one after another; what an earlier row takes, a later one cannot."""

    def __init__(self, present: Present) -> None:
        self.present = present
        # of this file, by id: its row, as it is to be, as it is
        self.devices: dict[str, tuple[Cells, Device, Device | None]] = {}
        self.circuits: dict[str, tuple[Cells, Circuit, Circuit | None]] = {}
        self._rows: dict[tuple[str, str], int] = {}
        self._device_of_row: dict[int, str] = {}
        self._address = {(d.codec, d.address): d.id for d in present.devices.values()}
        self._channel = {(c.device_id, c.channel): c.id for c in present.circuits.values()}
        self._sites = _by_word(present.sites.values())
        self._zones: dict[str, dict[str, list[str]]] = {}
        for zone in present.zones.values():
            words = self._zones.setdefault(zone.site_id, {})
            for word in {zone.id, zone.name}:
                words.setdefault(word, []).append(zone.id)

    def device(self, cells: Cells) -> None:
        site_id, zone_id = self._place(cells)
        codec = cells.choice("codec", {name: name for name in self.present.codecs}, "native")
        thing_id = self._device_id(cells, codec)
        old = self.present.devices.get(thing_id)
        if old is not None and old.site_id not in self.present.sites:
            cells.refuse("id", thing_id, "an id that is not taken", "未被占用的编号")
            old = None
        zone = self.present.zone_name(site_id)
        device = Device(
            id=thing_id,
            site_id=site_id,
            zone_id=zone_id,
            name=cells.words("name", None, most=120),
            kind=cells.choice("kind", KIND_WORDS, old.kind if old else None),
            codec=codec,
            address=cells.words("address", old.address if old else (f"{site_id}/{thing_id}" if codec == "native" else None), most=200),
            gateway_id=old.gateway_id if old else None,  # see `gateway`
            interval_s=cells.number("interval_s", old.interval_s if old else None, 0.0, 366 * 86_400.0),
            link=cells.choice("link", {name: name for name in LINKS}, "wired", kept=old.link if old else None),
            calibrated_until_ms=cells.day("calibrated_until", old.calibrated_until_ms if old else None, zone),
            service_until_ms=cells.day("service_until", old.service_until_ms if old else None, zone),
            version=old.version if old else 1,
        )
        other = self._address.get((device.codec, device.address))
        if other is not None and other != thing_id and device.address:
            cells.refuse(
                "address",
                device.address,
                f"an address of its own: the device {other} has this one",
                f"不重复的地址：设备 {other} 已用此地址",
            )
        self._address[(device.codec, device.address)] = thing_id
        # a row that is wrong still stands for its device: what names it is not wrong for that
        if self._is_first("device", thing_id, cells):
            self.devices[thing_id] = (cells, device, old)
            self._device_of_row[cells.row] = thing_id

    def gateway(self, cells: Cells) -> None:
        """After all devices."""
        given, thing_id = cells.get("gateway_id"), self._device_of_row.get(cells.row)
        if given is None or thing_id is None:
            return
        if given and (given == thing_id or (given not in self.devices and given not in self.present.devices)):
            cells.refuse(
                "gateway_id",
                given,
                "empty, or the id of another device that is known or in this file",
                "留空，或已有（或本文件中）其他设备的编号",
            )
        _, device, old = self.devices[thing_id]
        self.devices[thing_id] = (cells, replace(device, gateway_id=given or None), old)

    def circuit(self, cells: Cells) -> None:
        site_id, zone_id = self._place(cells)
        device_id, channel = cells.words("device_id", None, most=64), cells.words("channel", "", most=20)
        device = self.devices[device_id][1] if device_id in self.devices else self.present.devices.get(device_id)
        if device_id and (device is None or device.site_id not in self.present.sites):
            cells.refuse("device_id", device_id, "the id of a device that is known or in this file", "已有（或本文件中）设备的编号")
        elif device is not None and site_id and device.site_id and device.site_id != site_id:
            cells.refuse(
                "device_id",
                device_id,
                f"a device of the site {site_id}; this one is at {device.site_id}",
                f"场所 {site_id} 的设备；该设备在 {device.site_id}",
            )
        taken = self._channel.get((device_id, channel))
        thing_id = cells.words("id", "", most=64) or taken or self._free(f"{device_id}-{channel}".strip("-"), self._circuit_taken)
        self._check_id(cells, thing_id)
        old = self.present.circuits.get(thing_id)
        if old is not None and old.site_id not in self.present.sites:
            cells.refuse("id", thing_id, "an id that is not taken", "未被占用的编号")
            old = None
        if taken is not None and taken != thing_id:
            cells.refuse(
                "channel",
                channel,
                f"a channel of its own: the circuit {taken} has this one of {device_id}",
                f"不重复的通道：回路 {taken} 已用 {device_id} 的此通道",
            )
        zone = self.present.zone_name(site_id)
        circuit = replace(
            old or Circuit(id=thing_id, site_id=site_id, zone_id=zone_id, name="", device_id=device_id),
            site_id=site_id,
            zone_id=zone_id,
            name=cells.words("name", None, most=120),
            device_id=device_id,
            channel=channel,
            tenant=cells.words("tenant", "", kept=old.tenant if old else None, most=120),
            panel=cells.words("panel", "", kept=old.panel if old else None, most=120),
            rated_a=cells.number("rated_a", old.rated_a if old else 16.0, 0.0, 10_000.0, blank=16.0) or 16.0,
            poles=cells.poles("poles", old.poles if old else ()),
            permit_until_ms=cells.moment("permit_until", old.permit_until_ms if old else None, zone),
        )
        self._channel[(device_id, channel)] = thing_id
        if self._is_first("circuit", thing_id, cells):
            self.circuits[thing_id] = (cells, edited(old, circuit) if old else circuit, old)

    def left_behind(self) -> None:
        """Circuits that this file does not name stay with their device's site."""
        for circuit in self.present.circuits.values():
            found = self.devices.get(circuit.device_id)
            if found is not None and circuit.id not in self.circuits and found[1].site_id not in ("", circuit.site_id):
                allowed = f"{circuit.site_id}, as long as the circuit {circuit.id} is on it: name it in this file too"
                allowed_zh = f"{circuit.site_id}：回路 {circuit.id} 仍在该设备上，请在本文件中一并列出"
                found[0].refuse("site_id", found[1].site_id, allowed, allowed_zh)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _place(self, cells: Cells) -> tuple[str, str]:
        given = cells.words("site_id", None, most=120)
        found = self._sites.get(given, [])
        if given and len(found) != 1:
            if found:
                cells.refuse("site_id", given, "an id: several sites have this name", "场所编号：有多个同名场所")
            else:
                cells.refuse(
                    "site_id",
                    given,
                    f"a site of {_some(self.present.sites)}",
                    f"已有场所：{_some(site.name for site in self.present.sites.values())}",
                )
        site_id = found[0] if len(found) == 1 else ""
        if site_id and not self.present.may(site_id):
            cells.refuse("site_id", given, "a site where you may configure", "您有配置权限的场所")
        zones = self._zones.get(site_id, {})
        given = cells.words("zone_id", None, most=120)
        found = zones.get(given, [])
        if given and site_id and len(found) != 1:
            if found:
                cells.refuse("zone_id", given, "an id: several zones have this name", "区域编号：有多个同名区域")
            else:
                there = [self.present.zones[zone_id] for ids in zones.values() for zone_id in ids]
                known, known_zh = _some(zone.id for zone in there), _some(zone.name for zone in there)
                cells.refuse("zone_id", given, f"a zone of {site_id}: {known}", f"场所 {site_id} 的区域：{known_zh}")
        return site_id, found[0] if len(found) == 1 else ""

    def _device_id(self, cells: Cells, codec: str) -> str:
        given = cells.words("id", "", most=64)
        if given:
            self._check_id(cells, given)
            return given
        address = cells.get("address") or ""
        known = self._address.get((codec, address))
        if known is not None and known in self.present.devices:
            return known  # the same file again
        return self._free(address.rpartition("/")[2] or "device", lambda i: i in self.present.devices or ("device", i) in self._rows)

    def _circuit_taken(self, thing_id: str) -> bool:
        return thing_id in self.present.circuits or ("circuit", thing_id) in self._rows

    def _free(self, wanted: str, taken: Callable[[str], bool]) -> str:
        slug = "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "-" for c in wanted)[:56] or "device"
        number, free = 1, slug
        while taken(free):
            number += 1
            free = f"{slug}-{number}"
        return free

    def _check_id(self, cells: Cells, thing_id: str) -> None:
        if not ID_PATTERN.match(thing_id):
            cells.refuse(
                "id",
                thing_id,
                "letters, digits, dot, dash and underscore, at most 64; or empty for one that is made",
                "字母、数字、点、横线、下划线，最多 64 个；留空则自动编号",
            )

    def _is_first(self, kind: str, thing_id: str, cells: Cells) -> bool:
        earlier = self._rows.setdefault((kind, thing_id), cells.row)
        if earlier != cells.row:
            cells.refuse("id", thing_id, f"each {kind} once: row {earlier} is the same", f"不重复：与第 {earlier} 行相同")
            return False
        return True


def _by_word(things: Iterable[Site]) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for thing in things:
        for word in {thing.id, thing.name}:
            words.setdefault(word, []).append(thing.id)
    return words


def _some(names: Iterable[str]) -> str:
    listed = sorted(set(names))
    return ", ".join(listed[:8]) + (f", … (+{len(listed) - 8})" if len(listed) > 8 else "")
