"""The one table of codecs: adding an ecosystem is one file beside this one and one row here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ingest import mapping_parse
from ingest.codec import Codec
from ingest.codecs.gb26875 import GB26875
from ingest.codecs.homeassistant import HOMEASSISTANT
from ingest.codecs.homie import HOMIE
from ingest.codecs.mapping import codec_of
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
        GB26875,
    )
}

TELEMETRY_ROUTES: tuple[Route, ...] = tuple(Route(f, codec.name) for codec in CODECS.values() for f in codec.telemetry_filters)
REPLY_ROUTES: tuple[Route, ...] = tuple(Route(f, codec.name) for codec in CODECS.values() for f in codec.reply_filters)

MAPPINGS = Path(__file__).resolve().parent.parent / "mappings"


def catalogue(own_mappings: Path | None = None) -> dict[str, Codec]:
    """`CODECS` and one codec for each mapping table: the shipped ones, and those in a folder of the site's own, which take the place of
    shipped ones of the same name. Raises MappingError, naming file, field and what is allowed."""
    tables = mapping_parse.load([MAPPINGS] if own_mappings is None else [MAPPINGS, own_mappings])
    for name in tables:
        if name in CODECS:
            raise mapping_parse.MappingError(f"table {name}: name: given {name!r}; allowed: one that no codec has ({', '.join(CODECS)})")
    return CODECS | {name: codec_of(table) for name, table in tables.items()}


def table(names: str, own: str, zigbee2mqtt_base: str, codecs: Mapping[str, Codec] = CODECS) -> tuple[tuple[Route, ...], tuple[Route, ...]]:
    """Telemetry and reply routes of the codecs in `names` (comma-separated; `all`), after a site's own rows, each `codec:filter` and heard
    on the telemetry connection. Raises ValueError naming what is wrong and what would be allowed."""
    wanted = list(codecs) if names.strip() == "all" else [name.strip() for name in names.split(",") if name.strip()]
    rows = [row.strip().partition(":") for row in own.split(",") if row.strip()]
    unknown = [name for name in (*wanted, *(codec for codec, _, _ in rows)) if name not in codecs]
    if unknown:
        raise ValueError(f"no codec is called {unknown[0]!r}; there are {', '.join(codecs)}")
    for codec, _, topic_filter in rows:
        if not topic_filter or topic_filter[0] in "#$" or "#" in topic_filter[:-1]:
            raise ValueError(f"{codec}:{topic_filter} is no row of the table; one is codec:filter, as in tasmota:tasmota/+/tele/#")
    base = f"{zigbee2mqtt_base}/#"
    shipped = [Route(base if f == "zigbee2mqtt/#" else f, name) for name in wanted for f in codecs[name].telemetry_filters]
    telemetry = (*(Route(topic_filter, codec) for codec, _, topic_filter in rows), *shipped)
    return telemetry, tuple(Route(f, name) for name in wanted for f in codecs[name].reply_filters)
