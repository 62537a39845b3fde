"""The one table of codecs: adding an ecosystem is one file beside this one and one row here."""

from __future__ import annotations

from ingest.codec import Codec
from ingest.codecs.native import NATIVE
from ingest.codecs.sparkplug import SPARKPLUG
from ingest.codecs.zigbee2mqtt import ZIGBEE2MQTT
from ingest.topics import Route

CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        NATIVE,
        ZIGBEE2MQTT,
        SPARKPLUG,
    )
}

TELEMETRY_ROUTES: tuple[Route, ...] = tuple(Route(f, codec.name) for codec in CODECS.values() for f in codec.telemetry_filters)
REPLY_ROUTES: tuple[Route, ...] = tuple(Route(f, codec.name) for codec in CODECS.values() for f in codec.reply_filters)
