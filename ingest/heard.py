"""What the wire said, as values: messages as they came, and what the codecs made of them.

`Heard` is the product of decoding one drain of the inbox; the scan journals it whole before anything is decided from it.
Everything here but `Message` is journalled, so the dataclasses are part of the journal's format.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from alarms.duty_requests import SelfTestHeard
from power.model import Confirmation
from sites.readings import RawReadings


@dataclass(slots=True)
class Message:
    """One MQTT message as received. `epoch` counts connections: an old message id must not acknowledge a new message."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    arrived_ms: int
    mid: int = 0
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PointHeard:
    """A device spoke of a metric for the first time: the point comes into being."""

    device_id: str
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Last will or availability message."""

    device_id: str
    online: bool
    arrived_ms: int
    retained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownDevice:
    """A message of a known codec from an address that no device has: for the provisioning inbox."""

    codec: str
    address: str
    topic: str
    payload: bytes  # first 4 KiB
    suggested_kind: str
    suggested_name: str
    site_id: str | None
    arrived_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Something that is not a reading, with its reason; `raw` is at most 1 KiB."""

    device_id: str | None
    topic: str
    reason: str
    raw: bytes
    arrived_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecNote:
    """A codec's own state changed (aliases, inventories, overlays): `value` is JSON."""

    codec: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """A message that a codec wants sent and that is no order: a request to be told everything anew, an acknowledgement. Sent only live,
    once the journal has what it answers, never retained; at most once in `every_ms` for its topic (0: each time)."""

    topic: str
    payload: bytes
    every_ms: int = 0


HeardItem = PointHeard | Availability | UnknownDevice | Refused | CodecNote | Confirmation | SelfTestHeard


@dataclass(slots=True)
class Heard:
    """One drain decoded. `items[i] = (index, item)`: the item came before reading `index` of `readings`; indexes never fall.
    `acks` are (epoch, mid) in arrival order, to be acknowledged once the journal has this; `asks` are to be sent then, and only live."""

    readings: RawReadings
    items: list[tuple[int, HeardItem]] = field(default_factory=list)
    acks: list[tuple[int, int]] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    messages: int = 0
