"""One drain of the inbox decoded: bytes become columns of readings under stable point keys, and a few items.

`Decoder` is used by the scan only and never raises on what the wire says: every no is a `Refused` with its reason. It keeps a route
for every topic it has met, so that a known device's reading costs a dict look-up and two appends; a route whose device was changed,
removed or accepted in the roster is looked up anew. What codecs remember is its only state.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from ingest.codec import Codec, Decoded, Place, Reply, canonical_name, check_value
from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES
from ingest.heard import Availability, CodecNote, Heard, HeardItem, Message, PointHeard, Refused, UnknownDevice
from ingest.topics import Route, matches
from power.model import Confirmation
from sites.metrics import METRICS, base_metric
from sites.model import Device, point_key
from sites.readings import RETAINED, RawReadings
from sites.roster import Roster

MAX_TOPICS = 200_000  # remembered topics; a flood of invented ones only makes the table start over
MAX_POINTS = 256  # metrics of one device
MAX_UNKNOWN = 100  # unknown addresses told of in one drain
UNKNOWN_AGAIN_MS = 60_000  # an unknown device is told of once a minute
MAX_REASONS = 8  # refusals told of one message
_BIGGEST = 1.7976931348623157e308

Slot = tuple[int, float, float]  # point key, lowest, highest value that can be a reading


class _Line:
    """Where one topic leads."""

    __slots__ = ("codec", "device", "device_id", "place", "row", "slots", "told_ms")

    def __init__(self, codec: Codec | None, place: Place, device: Device | None, row: int, slots: dict[str, Slot]) -> None:
        self.codec = codec  # None: not for us
        self.place = place
        self.device = device  # None: unknown
        self.device_id = device.id if device is not None else None
        self.row = row
        self.slots = slots  # by the field's name on the wire; shared by all topics of the device
        self.told_ms = -UNKNOWN_AGAIN_MS


_NOWHERE = _Line(None, Place("", "", None, ""), None, -1, {})


class _Columns:
    """Columns under construction. Times and flags are kept once a sample and repeated at the end."""

    __slots__ = ("arrived_ms", "counts", "device_ms", "flags", "items", "keys", "values")

    def __init__(self) -> None:
        self.keys = array("q")
        self.values = array("d")
        self.device_ms = array("q")
        self.arrived_ms = array("q")
        self.flags = array("B")
        self.counts = array("q")
        self.items: list[tuple[int, HeardItem]] = []

    def close_sample(self, start: int, device_ms: int, arrived_ms: int, retained: bool) -> None:
        """The readings appended since `start` share these times."""
        count = len(self.keys) - start
        if count:
            self.counts.append(count)
            self.device_ms.append(device_ms)
            self.arrived_ms.append(arrived_ms)
            self.flags.append(RETAINED if retained else 0)

    def readings(self) -> RawReadings:
        counts = np.frombuffer(self.counts, np.int64) if self.counts else np.zeros(0, np.int64)
        return RawReadings.of(
            np.array(self.keys, np.int64),
            np.repeat(np.array(self.device_ms, np.int64), counts),
            np.repeat(np.array(self.arrived_ms, np.int64), counts),
            np.array(self.values, np.float64),
            np.repeat(np.array(self.flags, np.uint8), counts),
        )


class Decoder:
    """Decodes against a roster that the scan owns. `routes` are tried in order, the first match wins."""

    def __init__(
        self,
        roster: Roster,
        routes: Sequence[Route] = (*TELEMETRY_ROUTES, *REPLY_ROUTES),
        codecs: Mapping[str, Codec] = CODECS,
    ) -> None:
        self._roster = roster
        self._routes = tuple(routes)
        self._codecs = codecs
        self._notes: dict[str, dict[str, bytes]] = {name: {} for name in codecs}
        self._states: dict[str, dict[str, Any]] = {name: {} for name in codecs}
        self._lines: dict[str, _Line] = {}
        self._slots: dict[str, dict[str, Slot]] = {}
        self._arrived_ms = 0

    # -- decoding --------------------------------------------------------------------------------------------------

    def decode(self, messages: Iterable[Message]) -> Heard:
        """All that these messages say, in their order; `arrived_ms` is made non-decreasing."""
        columns = _Columns()
        heard = Heard(readings=RawReadings.empty())
        lines, unknown = self._lines, 0
        devices, present = self._roster.devices_by_row, self._roster.device_rows
        for message in messages:
            heard.messages += 1
            if message.mid:
                heard.acks.append((message.epoch, message.mid))
            if message.arrived_ms > self._arrived_ms:
                self._arrived_ms = message.arrived_ms
            line = lines.get(message.topic)
            if line is None:
                line = self._locate(message.topic)
            codec = line.codec
            if codec is None:
                continue
            if line.device is not None:
                if devices[line.row] is not line.device or line.device_id not in present:
                    line = self._locate(message.topic)  # edited, moved to another address, or removed
            elif line.place.address and self._roster.find(codec.name, line.place.address) is not None:
                line = self._locate(message.topic)  # accepted
            if line.device is None and line.place.address:
                if unknown < MAX_UNKNOWN and self._arrived_ms - line.told_ms >= UNKNOWN_AGAIN_MS:
                    unknown += self._stranger(line, codec, message, columns)
                continue
            decoded = codec.decode(self._states[codec.name], line.place, message.payload)
            for device_ms, values in decoded.samples:
                start = len(columns.keys)
                self._take(line, values, columns, decoded, message)
                columns.close_sample(start, device_ms, self._arrived_ms, message.retain)
            if decoded.online is not None or decoded.replies or decoded.refusals or decoded.notes:
                self._itemise(line, codec, message, decoded, columns)
        heard.readings = columns.readings()
        heard.items = columns.items
        return heard

    def _take(self, line: _Line, values: dict[str, Any], columns: _Columns, decoded: Decoded, message: Message) -> None:
        """Append one sample's values. The first loop is the whole cost of a known device's sound reading."""
        slots, keys, numbers = line.slots, columns.keys, columns.values
        start = len(keys)
        try:
            for name, value in values.items():
                key, low, high = slots[name]
                if low <= value <= high:
                    keys.append(key)
                    numbers.append(value)
                else:
                    break
            else:
                return
        except (KeyError, TypeError):
            pass
        del keys[start:], numbers[start:]
        for name, value in values.items():
            self._take_one(line, name, value, columns, decoded, message)

    def _take_one(self, line: _Line, name: str, value: Any, columns: _Columns, decoded: Decoded, message: Message) -> None:
        number = check_value(name, value)
        if isinstance(number, str):
            decoded.refusals.append(number[:300])
            return
        slot = line.slots.get(name)
        if slot is None:
            slot = self._new_slot(line, name, columns, decoded)
            if slot is None:
                return
        if not slot[1] <= number <= slot[2]:  # judged by the vendor's name before, by the canonical one here
            decoded.refusals.append(f"{name[:64]} {number:g} is outside {slot[1]:g}..{slot[2]:g}")
            return
        columns.keys.append(slot[0])
        columns.values.append(number)

    def _new_slot(self, line: _Line, name: str, columns: _Columns, decoded: Decoded) -> Slot | None:
        """The first reading under this name: the point is said before its reading."""
        device_id = line.device_id
        assert device_id is not None
        metric = canonical_name(name)
        if metric is None:
            decoded.refusals.append(f"{name[:64]!r} cannot be a metric's name")
            return None
        row = self._roster.device_rows[device_id]
        known = self._roster.rows_by_metric[row]
        if metric not in known:
            if len({*known, *line.slots}) >= MAX_POINTS:
                decoded.refusals.append(f"{metric}: a device has at most {MAX_POINTS} points")
                return None
            columns.items.append((len(columns.keys), PointHeard(device_id=device_id, metric=metric)))
        bounds = METRICS.get(base_metric(metric))
        slot = (point_key(device_id, metric), bounds.low if bounds else -_BIGGEST, bounds.high if bounds else _BIGGEST)
        line.slots[name] = slot
        return slot

    def _itemise(self, line: _Line, codec: Codec, message: Message, decoded: Decoded, columns: _Columns) -> None:
        index, arrived_ms, device_id = len(columns.keys), self._arrived_ms, line.device_id
        items: list[HeardItem] = []
        if decoded.online is not None and device_id:
            items.append(Availability(device_id=device_id, online=decoded.online, arrived_ms=arrived_ms, retained=message.retain))
        if device_id and not message.retain:  # a retained state answers no order
            items.extend(
                Confirmation(
                    device_id=device_id,
                    channel=reply.channel,
                    order_id=reply.order_id,
                    result=reply.result,
                    reason=reply.reason,
                    arrived_ms=arrived_ms,
                )
                for reply in decoded.replies
                if reply.order_id is not None or self._is_news(device_id, reply)
            )
        reasons = decoded.refusals
        if len(reasons) > MAX_REASONS:
            reasons = [*reasons[:MAX_REASONS], f"and {len(reasons) - MAX_REASONS} more refusals in this message"]
        raw = message.payload[:1024] if reasons else b""
        items.extend(Refused(device_id=device_id, topic=message.topic, reason=r, raw=raw, arrived_ms=arrived_ms) for r in reasons)
        for key, value in decoded.notes:
            note = CodecNote(codec=codec.name, key=key, value=value)
            self.remember(note)
            items.append(note)
        columns.items.extend((index, item) for item in items)

    def _is_news(self, device_id: str, reply: Reply) -> bool:
        """Whether a position that was published without an order's id differs from the one known: repeating it answers nothing."""
        if device_id not in self._roster.circuits_of_device:
            return False
        known = self._roster.latest(device_id, f"closed.{reply.channel}" if reply.channel else "closed")
        return known is None or known[0] != (reply.reason == "closed")

    # -- where topics lead -----------------------------------------------------------------------------------------

    def _locate(self, topic: str) -> _Line:
        if len(self._lines) >= MAX_TOPICS:
            self._lines.clear()
        line = _NOWHERE
        for route in self._routes:
            if not matches(route.filter, topic):
                continue
            codec = self._codecs[route.codec]
            place = codec.locate(route.filter, topic)
            if place is None:
                break
            device = self._roster.find(codec.name, place.address)
            if device is None:
                line = _Line(codec, place, None, -1, {})
            else:
                line = _Line(codec, place, device, self._roster.device_rows[device.id], self._slots.setdefault(device.id, {}))
            break
        self._lines[topic] = line
        return line

    def _stranger(self, line: _Line, codec: Codec, message: Message, columns: _Columns) -> int:
        """Tell of an unknown device, once a minute; returns 1 when it was told."""
        line.told_ms = self._arrived_ms
        decoded = codec.decode(self._states[codec.name], line.place, message.payload)
        if decoded.refusals and not decoded.samples:
            raw = message.payload[:1024]
            refused = Refused(device_id=None, topic=message.topic, reason=decoded.refusals[0], raw=raw, arrived_ms=self._arrived_ms)
            columns.items.append((len(columns.keys), refused))
            return 1
        told = UnknownDevice(
            codec=codec.name,
            address=line.place.address,
            topic=message.topic,
            payload=message.payload[:4096],
            suggested_kind=codec.suggest(self._states[codec.name], line.place, decoded),
            suggested_name=line.place.name,
            site_id=line.place.site_id,
            arrived_ms=self._arrived_ms,
        )
        columns.items.append((len(columns.keys), told))
        return 1

    def forget(self) -> None:
        """Drop every route and every point that was said: what a lost journal row told must be told again."""
        self._lines.clear()
        self._slots.clear()

    # -- what codecs remember --------------------------------------------------------------------------------------

    def remember(self, note: CodecNote) -> None:
        """Take one note into its codec's state; also called for every note on replay."""
        if note.codec in self._notes:
            self._notes[note.codec][note.key] = note.value
            self._states[note.codec][note.key] = orjson.loads(note.value)

    def dump(self) -> dict[str, dict[str, bytes]]:
        """codec -> key -> JSON, for the snapshot."""
        return {name: dict(notes) for name, notes in self._notes.items()}

    def load(self, state: Mapping[str, Mapping[str, bytes]]) -> None:
        """Take the notes of a snapshot; codecs that are gone are left out."""
        for name, notes in state.items():
            for key, value in notes.items():
                self.remember(CodecNote(codec=name, key=key, value=value))
