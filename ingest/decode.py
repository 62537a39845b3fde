"""One drain of the inbox decoded: bytes become columns of readings under stable point keys, and a few items.

`Decoder` is used by the scan only and never raises on what the wire says: every no is a `Refused` with its reason. It keeps a route
for every topic it has met, so that a known device's reading costs a dict look-up and two appends; once a device was changed, removed or
accepted in the roster, routes are looked up anew. What codecs remember is its only state.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from alarms.duty_requests import SelfTestHeard
from alarms.self_tests import METRIC
from alarms.self_tests import SITE as SELF_TEST_SITE
from ingest.codec import Codec, CodecState, Decoded, Hint, Place, Reply, canonical_name, check_value, danger
from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES
from ingest.heard import Ask, Availability, CodecNote, Heard, HeardItem, Message, PointHeard, Refused, UnknownDevice
from ingest.topics import Route, Router
from power.model import Confirmation
from sites.metrics import METRICS, base_metric
from sites.model import Device, point_key
from sites.readings import HISTORICAL, RETAINED, RawReadings
from sites.roster import Roster

MAX_TOPICS = 200_000  # remembered topics besides two a known device; a flood of invented ones only makes the table start over
MAX_POINTS = 256  # metrics of one device
MAX_UNKNOWN = 100  # unknown addresses told of in one drain
UNKNOWN_AGAIN_MS = 60_000  # an unknown device is told of once a minute
MAX_REASONS = 8  # refusals told of one message
MAX_NOTES = 50_000  # things that a codec remembers
MAX_REMEMBERED = 2 * MAX_NOTES  # with what it remembers in passing
MAX_OTHERS = 1_000  # other devices that one message may speak of
MAX_ASKS = 200  # asked in one drain; what is left out is asked when its cause comes again
_BIGGEST = 1.7976931348623157e308

Slot = tuple[int, float, float]  # point key, lowest, highest value that can be a reading


class _Line:
    """Where one topic leads."""

    __slots__ = ("codec", "device", "device_id", "is_remembered", "place", "slots", "told_ms")

    def __init__(self, codec: Codec | None, place: Place, device: Device | None, slots: dict[str, Slot]) -> None:
        self.codec = codec  # None: not for us
        self.is_remembered = codec is not None and place.part.partition(" ")[0] in codec.remembered
        self.place = place
        self.device = device  # None: unknown
        self.device_id = device.id if device is not None else None
        self.slots = slots  # by the field's name on the wire; shared by all topics of the device
        self.told_ms = -UNKNOWN_AGAIN_MS


class _Met:
    """An unknown device as far as it was met: the telling kind and name win over later messages that say less."""

    __slots__ = ("kind", "name", "told_ms")

    def __init__(self, name: str) -> None:
        self.kind = "other"
        self.name = name
        self.told_ms = -UNKNOWN_AGAIN_MS


_NOWHERE = _Line(None, Place("", "", None, ""), None, {})


class _Columns:
    """Columns under construction. Times and flags are kept once a sample and repeated at the end."""

    __slots__ = ("arrived_ms", "asks", "counts", "device_ms", "flags", "items", "keys", "unknown", "values")

    def __init__(self) -> None:
        self.keys = array("q")
        self.values = array("d")
        self.device_ms = array("q")
        self.arrived_ms = array("q")
        self.flags = array("B")
        self.counts = array("q")
        self.items: list[tuple[int, HeardItem]] = []
        self.asks: list[Ask] = []
        self.unknown = 0

    def close_sample(self, start: int, device_ms: int, arrived_ms: int, flags: int) -> None:
        """The readings appended since `start` share these times."""
        count = len(self.keys) - start
        if count:
            self.counts.append(count)
            self.device_ms.append(device_ms)
            self.arrived_ms.append(arrived_ms)
            self.flags.append(flags)

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
    """Decodes against a roster that the scan owns. `routes` are tried in order, the first whose codec has a place for the topic wins."""

    def __init__(
        self,
        roster: Roster,
        routes: Sequence[Route] = (*TELEMETRY_ROUTES, *REPLY_ROUTES),
        codecs: Mapping[str, Codec] = CODECS,
    ) -> None:
        self._roster = roster
        self._router = Router(routes)
        self._codecs = codecs
        self._notes: dict[str, dict[str, bytes]] = {name: {} for name in codecs}
        self._states: dict[str, dict[str, Any]] = {name: {} for name in codecs}
        self._lines: dict[str, _Line] = {}
        self._met: dict[tuple[str, str], _Met] = {}
        self._behind: dict[tuple[str, str], _Line] = {}  # (codec, address) of devices spoken of in others' messages
        self._slots: dict[str, dict[str, Slot]] = {}
        self._arrived_ms = 0
        self._edition = roster.edition  # for which the lines are

    # -- decoding --------------------------------------------------------------------------------------------------

    def decode(self, messages: Iterable[Message]) -> Heard:
        """All that these messages say, in their order; `arrived_ms` is made non-decreasing."""
        columns = _Columns()
        heard = Heard(readings=RawReadings.empty())
        lines = self._lines
        if self._roster.edition != self._edition:  # a device was accepted, edited, moved to another address, or removed
            self._edition = self._roster.edition
            lines.clear()
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
            if line.device is None and line.place.address:
                if line.place.site_id == SELF_TEST_SITE:
                    self._self_test(line, codec, message, columns)
                    continue
                may_tell = self._may_tell(line, columns)
                if may_tell or line.is_remembered:
                    decoded = codec.decode(self._states[codec.name], line.place, message.payload)
                    self._stranger(line, codec, message, decoded, columns, may_tell)
                continue
            decoded = codec.decode(self._states[codec.name], line.place, message.payload)
            self._keep(line, codec, message, decoded, columns)
            for place, said in decoded.others[:MAX_OTHERS]:
                other = self._other(codec, place)
                if other.device is not None:
                    self._keep(other, codec, message, said, columns)
                else:
                    self._stranger(other, codec, message, said, columns, self._may_tell(other, columns))
            for hint in decoded.hints:
                self._take_hint(hint, message, columns)
        heard.readings = columns.readings()
        heard.items = columns.items
        heard.asks = columns.asks
        return heard

    def _self_test(self, line: _Line, codec: Codec, message: Message, columns: _Columns) -> None:
        """The alarm path's own reading: no device's, decoded like any other."""
        decoded = codec.decode(self._states[codec.name], line.place, message.payload)
        token = line.place.address.partition("/")[2]
        for _, values in decoded.samples[:1]:
            value = check_value(METRIC, values.get(METRIC))
            if not isinstance(value, str) and not message.retain:
                heard = SelfTestHeard(token=token[:64], value=value, arrived_ms=self._arrived_ms)
                columns.items.append((len(columns.keys), heard))

    def _keep(self, line: _Line, codec: Codec, message: Message, decoded: Decoded, columns: _Columns) -> None:
        """What a known device (or the ecosystem itself) said."""
        flags = RETAINED if message.retain else 0
        for device_ms, values in decoded.samples:
            start = len(columns.keys)
            self._take(line, values, columns, decoded)
            columns.close_sample(start, device_ms, self._arrived_ms, flags)
        for device_ms, values in decoded.historical:
            start = len(columns.keys)
            self._take(line, values, columns, decoded)
            columns.close_sample(start, device_ms, self._arrived_ms, flags | HISTORICAL)
        if decoded.online is not None or decoded.replies or decoded.refusals or decoded.notes:
            self._itemise(line, codec, message, decoded, columns)
        if decoded.passing:
            state = self._states[codec.name]
            state.update((key, value) for key, value in decoded.passing if key in state or len(state) < MAX_REMEMBERED)
        if decoded.asks and not message.retain:
            self._ask(codec, decoded.asks, columns)

    def _ask(self, codec: Codec, asks: list[Ask], columns: _Columns) -> None:
        """Pass on what a codec wants asked, as often as it may be asked; when is part of what the codec remembers."""
        for ask in asks:
            if len(columns.asks) >= MAX_ASKS:
                return
            if ask.every_ms:
                key = f"asked {ask.topic}"
                last_ms = self._states[codec.name].get(key)
                if last_ms is None and len(self._notes[codec.name]) >= MAX_NOTES:
                    continue  # so many nodes are no site's
                if last_ms is not None and 0 <= self._arrived_ms - last_ms < ask.every_ms:
                    continue
                note = CodecNote(codec=codec.name, key=key, value=str(self._arrived_ms).encode())
                self.remember(note)
                columns.items.append((len(columns.keys), note))
            columns.asks.append(ask)

    def _take(self, line: _Line, values: dict[str, Any], columns: _Columns, decoded: Decoded) -> None:
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
            self._take_one(line, name, value, columns, decoded)

    def _take_one(self, line: _Line, name: str, value: Any, columns: _Columns, decoded: Decoded) -> None:
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
        items.extend(self._noted(codec, decoded, message))
        columns.items.extend((index, item) for item in items)

    def _noted(self, codec: Codec, decoded: Decoded, message: Message) -> list[HeardItem]:
        """Remember what the codec wants to, within bounds."""
        items: list[HeardItem] = []
        known = self._notes[codec.name]
        for key, value in decoded.notes:
            if key not in known and len(known) >= MAX_NOTES:
                reason = f"{codec.name} remembers {len(known)} things already; {key[:64]!r} is not remembered"
                refused = Refused(device_id=None, topic=message.topic, reason=reason, raw=b"", arrived_ms=self._arrived_ms)
                items.append(refused)
                continue
            note = CodecNote(codec=codec.name, key=key, value=value)
            self.remember(note)
            items.append(note)
        return items

    def _is_news(self, device_id: str, reply: Reply) -> bool:
        """Whether a position that was published without an order's id differs from the one known: repeating it answers nothing."""
        if device_id not in self._roster.circuits_of_device:
            return False
        known = self._roster.latest(device_id, f"closed.{reply.channel}" if reply.channel else "closed")
        return known is None or known[0] != (reply.reason == "closed")

    # -- where topics lead -----------------------------------------------------------------------------------------

    def _locate(self, topic: str) -> _Line:
        if len(self._lines) >= MAX_TOPICS + 2 * len(self._roster.devices_by_row):
            self._lines.clear()
        line = _NOWHERE
        for route in self._router.find(topic):
            codec = self._codecs[route.codec]
            place = codec.locate(route.filter, topic)
            if place is not None:
                line = self._line(codec, place)
                break
        self._lines[topic] = line
        return line

    def _line(self, codec: Codec, place: Place) -> _Line:
        device = self._roster.find(codec.name, place.address)
        if device is None:
            return _Line(codec, place, None, {})
        return _Line(codec, place, device, self._slots.setdefault(device.id, {}))

    def _other(self, codec: Codec, place: Place) -> _Line:
        """The line of a device that another's message speaks of."""
        key = (codec.name, place.address)
        line = self._behind.get(key)
        device = self._roster.find(codec.name, place.address)
        if line is None or line.device is not device:
            if len(self._behind) >= MAX_TOPICS + len(self._roster.devices_by_row):
                self._behind.clear()
            line = self._behind[key] = self._line(codec, place)
        else:
            line.place = place  # its name may be known by now
        return line

    def _may_tell(self, line: _Line, columns: _Columns) -> bool:
        """Whether an unknown device is to be told of now: once a minute, and not too many at once."""
        if columns.unknown >= MAX_UNKNOWN or self._arrived_ms - line.told_ms < UNKNOWN_AGAIN_MS:
            return False
        line.told_ms = self._arrived_ms
        columns.unknown += 1
        return True

    def _stranger(self, line: _Line, codec: Codec, message: Message, decoded: Decoded, columns: _Columns, may_tell: bool) -> None:
        """Take the notes of an unknown device and tell of it."""
        for note in self._noted(codec, decoded, message):
            columns.items.append((len(columns.keys), note))
        if not may_tell:
            return
        if decoded.online is False and not decoded.samples:
            return  # a last will, perhaps retained for years: nobody is there to be accepted
        if decoded.refusals and not decoded.samples:
            self._refuse(decoded.refusals[0], message, columns)
            return
        kind = codec.suggest(self._states[codec.name], line.place, decoded)
        self._tell(codec, line.place, kind, "", message, columns)

    def _refuse(self, reason: str, message: Message, columns: _Columns) -> None:
        """Something that no known device said."""
        raw = message.payload[:1024]
        refused = Refused(device_id=None, topic=message.topic, reason=reason, raw=raw, arrived_ms=self._arrived_ms)
        columns.items.append((len(columns.keys), refused))

    def _take_hint(self, hint: Hint, message: Message, columns: _Columns) -> None:
        """A discovery speaks of a topic: tell of whoever speaks there, where a codec takes it and nobody has that device yet."""
        line = self._lines.get(hint.topic) or self._locate(hint.topic)
        if line.codec is None or not line.place.address:
            self._refuse(f"{hint.name[:80]!r} ({hint.kind}) is announced on {hint.topic[:200]}, which no codec takes", message, columns)
        elif self._roster.find(line.codec.name, line.place.address) is None:
            self._tell(line.codec, line.place, hint.kind, hint.name, message, columns)

    def _tell(self, codec: Codec, place: Place, kind: str, name: str, message: Message, columns: _Columns) -> None:
        """Into the provisioning inbox, once a minute for an address, sooner when its kind or name becomes known."""
        key = (codec.name, place.address)
        met = self._met.get(key)
        if met is None:
            if len(self._met) >= MAX_TOPICS:
                self._met.clear()
            met = self._met[key] = _Met(place.name)
        is_news = danger(kind) > danger(met.kind) or bool(name and name != met.name)
        if not is_news and self._arrived_ms - met.told_ms < UNKNOWN_AGAIN_MS:
            return
        met.kind = max(met.kind, kind, key=danger)
        met.name = name or met.name
        met.told_ms = self._arrived_ms
        told = UnknownDevice(
            codec=codec.name,
            address=place.address,
            topic=message.topic,
            payload=message.payload[:4096],
            suggested_kind=met.kind,
            suggested_name=met.name,
            site_id=place.site_id,
            arrived_ms=self._arrived_ms,
        )
        columns.items.append((len(columns.keys), told))

    def forget(self) -> None:
        """Drop every route and every point that was said: what a lost journal row told must be told again."""
        self._lines.clear()
        self._behind.clear()
        self._slots.clear()

    # -- what codecs remember --------------------------------------------------------------------------------------

    def recall(self, codec: str) -> CodecState:
        """What a codec remembers now, for the courier."""
        return self._states.get(codec, {})

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
