"""Which ecosystems are heard is a setting; a setting that names none of them stops the start with one clear line."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from app.settings import SettingsError, load
from app.wiring import build


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"codecs": "tasmoto"}, r"no codec is called 'tasmoto'; there are native"),
        ({"routes": "tasmota:#"}, r"tasmota:# is no row of the table"),
    ],
)
def test_a_table_that_cannot_be_stops_the_start(tmp_path: Path, setting: dict[str, str], why: str) -> None:
    with ExitStack() as stack, pytest.raises(SettingsError, match=why):
        build(load(data_dir=tmp_path, mqtt_url="mqtt://127.0.0.1:1", **setting), stack)


def test_what_is_heard_can_be_narrowed(tmp_path: Path) -> None:
    settings = load(
        data_dir=tmp_path, mqtt_url="mqtt://127.0.0.1:1", codecs="native,zigbee2mqtt", zigbee2mqtt_base="z2m", routes="zigbee2mqtt:hall/#"
    )
    with ExitStack() as stack:
        broker = build(settings, stack).broker
        assert broker.telemetry.habits.filters == ("hall/#", "sitewarden/v1/+/+/telemetry", "z2m/#")
        assert broker.commands.habits.filters == ("sitewarden/v1/+/+/reply", "sitewarden/v1/+/+/status")
