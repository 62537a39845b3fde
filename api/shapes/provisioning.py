"""Devices coming, changing and going over HTTP: the inbox, the register as a file, move, replace, retire; a device's detail; decoding.

Dates of calibration and service life are days in the site's own time zone: valid through the last minute of the day.
"""

from __future__ import annotations

import base64

from pydantic import Field
from typing_extensions import TypedDict

from api.ports import DeviceClock, Presence, RefusedMessage
from api.register import Line, Plan
from api.register_cells import BadCell
from api.shapes.asks import Ask, DayText, IdText, NameText
from api.shapes.times import Instant, iso
from api.shapes.tree import DeviceShape, device_shape
from sites.model import Circuit, Device

KIND = r"^(smoke|heat|gas|co|electrical|water|switch|manual_call|gateway|actuator|other)$"
LINK = r"^(wired|zigbee|lora|nb)$"
MOST_LINES = 2_000


class ClockShape(TypedDict):
    """`offset_ms`: how far the device's clock is behind ours; `spread_ms`: how much that differed over its last messages."""

    offset_ms: int | None
    spread_ms: int | None
    is_wrong: bool


class BatteryShape(TypedDict):
    percent: float | None
    is_low: bool | None
    taken_at: Instant | None


class DeviceCircuit(TypedDict):
    id: str
    name: str
    channel: str
    has_trial: bool


class DeviceDetail(DeviceShape):
    clock: ClockShape
    battery: BatteryShape | None
    refused_total: int
    circuits: list[DeviceCircuit]


class RefusedShape(TypedDict):
    """A message that was no reading: its first kilobyte in base64 and, as far as it is text, as text."""

    at: Instant
    topic: str
    reason: str
    raw_b64: str
    text: str


class RefusedPage(TypedDict):
    """The last hundred, newest first; `total` counts all there ever were."""

    total: int
    items: list[RefusedShape]


class AcceptedShape(TypedDict):
    items: list[DeviceShape]


class BadCellShape(TypedDict):
    row: int
    column: str
    given: str
    allowed: str
    allowed_zh: str


class LineShape(TypedDict):
    row: int
    kind: str
    id: str
    name: str
    act: str
    columns: list[str]


class ImportAnswer(TypedDict):
    """What the file does (a dry run: would do). `lines` leaves out rows that change nothing, and ends after 2,000; so does `bad`."""

    dry_run: bool
    rows: int
    new: int
    changed: int
    same: int
    bad_total: int
    bad: list[BadCellShape]
    lines: list[LineShape]


class RetiredShape(TypedDict):
    id: str
    circuits: list[str]


class CodecList(TypedDict):
    items: list[str]


class DecodedReading(TypedDict):
    metric: str
    value: float
    unit: str
    taken_at: Instant | None


class DecodedConfirmation(TypedDict):
    order: str | None
    channel: str
    result: str
    reason: str


class DecodedShape(TypedDict):
    """What the codecs make of a message. `codec` null: none takes the topic. `known_id`: the device that is heard there."""

    codec: str | None
    device: str | None
    known_id: str | None
    readings: list[DecodedReading]
    availability: str | None
    confirmations: list[DecodedConfirmation]
    refusals: list[str]


def detail_shape(
    thing: Device,
    presence: Presence,
    zone: str,
    clock: DeviceClock,
    battery: BatteryShape | None,
    refused_total: int,
    circuits: list[Circuit],
) -> DeviceDetail:
    return {
        **device_shape(thing, presence, zone),
        "clock": {"offset_ms": clock.offset_ms, "spread_ms": clock.spread_ms, "is_wrong": clock.is_wrong},
        "battery": battery,
        "refused_total": refused_total,
        "circuits": [{"id": c.id, "name": c.name, "channel": c.channel, "has_trial": c.trial is not None} for c in circuits],
    }


def battery_shape(level: tuple[float, int, int] | None, low: tuple[float, int, int] | None) -> BatteryShape | None:
    """From the newest readings (value, taken, arrived) of `battery` and `battery_low`."""
    if level is None and low is None:
        return None
    taken_ms = max(reading[1] for reading in (level, low) if reading is not None)
    return {"percent": level[0] if level else None, "is_low": low[0] >= 1 if low else None, "taken_at": iso(taken_ms)}


def refused_shape(refused: RefusedMessage) -> RefusedShape:
    return {
        "at": iso(refused.at_ms),
        "topic": refused.topic,
        "reason": refused.reason,
        "raw_b64": base64.b64encode(refused.raw).decode(),
        "text": refused.raw.decode("utf-8", "replace"),
    }


def bad_shape(bad: BadCell) -> BadCellShape:
    return {"row": bad.row, "column": bad.column, "given": bad.given, "allowed": bad.allowed, "allowed_zh": bad.allowed_zh}


def line_shape(line: Line) -> LineShape:
    return {"row": line.row, "kind": line.kind, "id": line.id, "name": line.name, "act": line.act, "columns": list(line.columns)}


def import_answer(plan: Plan, dry_run: bool) -> ImportAnswer:
    return {
        "dry_run": dry_run,
        "rows": len(plan.lines),
        "new": plan.count("new"),
        "changed": plan.count("changed"),
        "same": plan.count("same"),
        "bad_total": plan.bad_total,
        "bad": [bad_shape(bad) for bad in plan.bad],
        "lines": [line_shape(line) for line in plan.lines if line.act != "same"][:MOST_LINES],
    }


# -- asks ----------------------------------------------------------------------------------------------------------------


class Accepted(Ask):
    """One of the inbox. What is left out is as for all, or as suggested."""

    inbox_id: IdText
    id: IdText | None = None
    name: NameText | None = None
    kind: str | None = Field(default=None, pattern=KIND)


class AcceptManyAsk(Ask):
    """Binds many unknown devices to one zone, all or none. `kind` null: as suggested for each."""

    items: list[Accepted] = Field(min_length=1, max_length=500)
    site_id: IdText
    zone_id: IdText
    kind: str | None = Field(default=None, pattern=KIND)
    link: str = Field(default="wired", pattern=LINK)
    interval_s: float | None = Field(default=None, gt=0, le=366 * 86_400)


class DismissAsk(Ask):
    """Out of sight for good, however often they speak; `dismissed` false brings them back."""

    inbox_ids: list[IdText] = Field(min_length=1, max_length=500)
    dismissed: bool = True


class ImportAsk(Ask):
    """A CSV or XLSX file. A dry run changes nothing and lists every wrong cell."""

    content_b64: str = Field(min_length=1, max_length=12_000_000)
    dry_run: bool = True


class MoveAsk(Ask):
    """To another zone or site. At another site its circuits go along, and their trials are void."""

    version: int = Field(ge=1)
    site_id: IdText
    zone_id: IdText
    why: str = Field(default="", max_length=500)


class ReplaceAsk(Ask):
    """Other hardware at the same place, with the same points. `inbox_id`: it was heard already; else codec and address say how it will be.
    The dates are the new hardware's: left out, none is known."""

    version: int = Field(ge=1)
    inbox_id: IdText | None = None
    codec: str | None = Field(default=None, max_length=40, pattern=r"^[a-z0-9_.-]+$")
    address: str | None = Field(default=None, min_length=1, max_length=200)
    link: str | None = Field(default=None, pattern=LINK)
    calibrated_until: DayText | None = None
    service_until: DayText | None = None
    why: str = Field(default="", max_length=500)


class RetireAsk(Ask):
    """Out of watch for good; its history is kept. With `with_circuits` the circuits that it switches go with it."""

    version: int = Field(ge=1)
    why: str = Field(min_length=1, max_length=500)
    with_circuits: bool = False


class DecodeAsk(Ask):
    """A message as text or, for what is not text, in base64."""

    topic: str = Field(min_length=1, max_length=1_000)
    payload: str | None = Field(default=None, max_length=262_144)
    payload_b64: str | None = Field(default=None, max_length=400_000)
