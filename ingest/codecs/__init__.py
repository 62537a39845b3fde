"""The one table of codecs: adding an ecosystem is one file beside this one and one row here."""

from __future__ import annotations

from ingest.codec import Codec
from ingest.codecs.homeassistant import HOMEASSISTANT
from ingest.codecs.homie import HOMIE
from ingest.codecs.native import NATIVE
from ingest.codecs.shelly_gen1 import SHELLY_GEN1
from ingest.codecs.shelly_gen2 import SHELLY_GEN2
from ingest.codecs.sparkplug import SPARKPLUG
from ingest.codecs.tasmota import TASMOTA
from ingest.codecs.thingsboard import THINGSBOARD
from ingest.codecs.zigbee2mqtt import ZIGBEE2MQTT
from ingest.topics import Route

CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        NATIVE,
        ZIGBEE2MQTT,
        TASMOTA,
        SHELLY_GEN1,
        SHELLY_GEN2,
        THINGSBOARD,
        HOMIE,
        HOMEASSISTANT,
        SPARKPLUG,
    )
}

TELEMETRY_ROUTES: tuple[Route, ...] = tuple(Route(f, codec.name) for codec in CODECS.values() for f in codec.telemetry_filters)
REPLY_ROUTES: tuple[Route, ...] = tuple(Route(f, codec.name) for codec in CODECS.values() for f in codec.reply_filters)
